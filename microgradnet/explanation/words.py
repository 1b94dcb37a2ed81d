"""What an explanation says in words: one short table per language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microgradnet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from microgradnet.notation import Symbol

__all__ = ["LANGUAGES", "Sentence", "said", "words_of"]

Sentence = tuple["str | Symbol", ...]
"""Words and, between them, formulas."""

ENGLISH = {
    "f": "where {} is the sigmoid: {}, {}",
    "rounded": "(rounded to {digits} digits at every step; unrounded: {})",
    "itself": "{} by itself: the derivative is 1",
    "no path": "no path leads from {} to {}, so {}",
    "condition only": "{} only decides which branch is taken: a small change of it changes nothing, so {}",
    "off": "{} is 0 here, since {} < 0: nothing is sent to {}",
    "kink": "{} has a kink at {}; by convention its slope there is {}",
    "flat": "{} is constant near this point: nothing is sent to {}",
    "not chosen": "{} does not depend on {} here: nothing is sent to it",
    "chosen": "{} is {} here",
    "holds": "{} holds, so {} is taken",
    "holds not": "{} does not hold, so {} is taken",
    "tie": "{}: a tie, so each of the two gets one half",
    "paths": "{} acts along {paths} paths; their products are added",
    "total": "{} is the derivative along all paths, {} along the direct one alone",
    "node by node": "{paths} paths lead from {} to {}, so node by node:",
    "left out": "… {count} nodes more …",
    "edges left out": "… {count} lines more; explain(…, wrt=…) tells about one derivative. The results:",
    "definitions left out": "… and more …",
    "use": "use {place} of {count}",
    "uses": "{count} uses",
    "nothing sent": "{} was sent nothing, and sends nothing",
    "begin": "{} = 1, to begin with",
    "not a number": "not a finite number: find_nan({}) tells where the first nan or inf comes from",
    "forward": "The values",
    "where": "where",
    "too long": "a formula of {count} operations: too long to be written, but .at(…) computes it",
    "steps left out": "… {count} lines more …",
}
RUSSIAN = {
    "f": "где {} — сигмоида: {}, {}",
    "rounded": "(на каждом шаге округлено до {digits} значащих цифр; без округления: {})",
    "itself": "{} по самой себе: производная равна 1",
    "no path": "от {} к {} не ведёт ни один путь, поэтому {}",
    "condition only": "{} лишь решает, какая ветвь выбрана: малое изменение ничего не меняет, поэтому {}",
    "off": "{} здесь равно 0, так как {} < 0: в {} ничего не передаётся",
    "kink": "{} имеет излом при {}; по соглашению наклон там считают равным {}",
    "flat": "{} вблизи этой точки постоянно: в {} ничего не передаётся",
    "not chosen": "{} здесь не зависит от {}: туда ничего не передаётся",
    "chosen": "{} здесь равно {}",
    "holds": "{} — верно, поэтому берётся {}",
    "holds not": "{} — неверно, поэтому берётся {}",
    "tie": "{}: значения равны, поэтому каждому достаётся половина",
    "paths": "{} используется в нескольких местах: путей {paths}, произведения по ним складываются",
    "total": "{} — производная по всем путям, {} — только по прямому",
    "node by node": "число путей: {paths} (от {} к {}), поэтому узел за узлом:",
    "left out": "… пропущено узлов: {count} …",
    "edges left out": "… пропущено строк: {count}; explain(…, wrt=…) расскажет об одной производной. Итог:",
    "definitions left out": "… и другие …",
    "use": "использование {place} из {count}",
    "uses": "использований: {count}",
    "nothing sent": "{} ничего не получает и ничего не передаёт",
    "begin": "{} = 1, с этого начинаем",
    "not a number": "это не конечное число: find_nan({}) покажет, где появился первый nan или inf",
    "forward": "Значения",
    "where": "где",
    "too long": "формула из операций числом {count}: слишком длинно, чтобы писать, но .at(…) считает по ней",
    "steps left out": "… пропущено строк: {count} …",
}
LANGUAGES: dict[str, Mapping[str, str]] = {"en": ENGLISH, "ru": RUSSIAN}


def words_of(language: str) -> Mapping[str, str]:
    """The table of a language. InputError for one that there is none for.

    >>> words_of("ru")["where"]
    'где'
    """
    if language not in LANGUAGES:
        raise InputError(f"unknown language {language!r:.40}; take one of: {', '.join(LANGUAGES)}")
    return LANGUAGES[language]


def said(template: str, *formulas: Symbol, **texts: object) -> Sentence:
    """A sentence: the formulas in the places of `{}`, plain texts in those of `{name}`.

    >>> from microgradnet.notation import Symbol
    >>> said("{} has {count} uses", Symbol("x"), count=2)
    (x, ' has 2 uses')
    """
    for name, text in texts.items():
        template = template.replace(f"{{{name}}}", str(text))
    parts: list[str | Symbol] = []
    waiting = list(formulas)
    for place, piece in enumerate(template.split("{}")):
        if place:
            parts.append(waiting.pop(0))
        if piece:
            parts.append(piece)
    return tuple(parts)
