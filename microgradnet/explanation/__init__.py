"""The chain rule with its numbers, written by the machine for any expression: `explain`, and `derivative`.

>>> from microgradnet import Value, sigmoid
>>> w, x, y = Value(1.0, "w"), Value(-2.0, "x"), Value(1.0, "y")
>>> p = sigmoid(w * x); p.label = "p"
>>> L = (y - p) ** 2; L.label = "L"
>>> print(explain(L, "w"))
p = f(w x)    = f(-2)         = 0.119
L = (y - p)^2 = (1 - 0.119)^2 = 0.776
<BLANKLINE>
∂L/∂w = ∂L/∂p · ∂p/∂w
<BLANKLINE>
∂L/∂p = -2 (y - p)  = -2 (1 - 0.119) = -1.76
∂p/∂w = x · f'(w x) = -2 · 0.105     = -0.210
<BLANKLINE>
where f(s) is the sigmoid: f(s) = 1 / (1 + exp(-s)), f'(s) = f(s) (1 - f(s))
f'(w x) = p (1 - p) = 0.119 (1 - 0.119) = 0.105
<BLANKLINE>
∂L/∂w = -1.76 · (-0.210) = 0.370
>>> print(derivative(L, "w"))
-2 x p (1 - p) (y - p)
where p = σ(w x)
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microgradnet.display import plain
from microgradnet.errors import InputError
from microgradnet.explanation import writing
from microgradnet.explanation.chain import chain_rule
from microgradnet.explanation.formula import Derivative, derivative
from microgradnet.explanation.letters import Letters, graph_of, place_of
from microgradnet.explanation.lines import Numbers, definitions, with_legend
from microgradnet.explanation.numbers import rounded_to
from microgradnet.explanation.route import stops_of
from microgradnet.explanation.sections import Block, Equation, Section, partial_letter
from microgradnet.explanation.whole import backward
from microgradnet.explanation.words import Sentence, said, words_of
from microgradnet.notation import Symbol, write
from microgradnet.value import Condition, Value

__all__ = ["Derivative", "Explanation", "derivative", "explain"]


class Explanation:
    """The chain rule with its numbers. `print` it; `markdown()`, `latex()`, `html()` and `data()` are its other
    forms; in a notebook it shows itself.

    `sections`: what it says, as plain data.
    """

    __slots__ = ("_digits", "_functions", "_language", "sections")

    def __init__(self, sections: Sequence[Section], digits: int, language: str, functions: Mapping[str, str]) -> None:
        self.sections, self._digits, self._language = tuple(sections), digits, language
        self._functions = dict(functions)

    def __str__(self) -> str:
        return writing.text_of(self.sections, writing.reading(self._digits, self._functions))

    def __repr__(self) -> str:
        return str(self)

    def markdown(self) -> str:
        """Markdown with formulas between dollar signs, as GitHub and notebooks show them."""
        return writing.markdown_of(self.sections, *self._latex())

    def latex(self) -> str:
        """LaTeX: an `aligned` environment for every section, to stand between $$ and $$; amsmath is needed."""
        return writing.latex_of(self.sections, *self._latex())

    def html(self) -> str:
        """A <div> of headings, sentences and MathML, which browsers show without any script."""
        return writing.html_of(self.sections, writing.mathml(self._digits, self._functions), self._language)

    def data(self) -> dict[str, Any]:
        """The same as plain dicts, lists and texts."""
        dialect = writing.reading(self._digits, self._functions)

        def words(sentence: Sentence) -> str:
            return "".join(p if isinstance(p, str) else write(p, dialect) for p in sentence)

        def line(of: Equation | Sentence) -> Any:
            if isinstance(of, Equation):
                return {"sides": [write(side, dialect) for side in of.sides], "note": words(of.note)}
            return {"words": words(of)}

        return {
            "sections": [
                {
                    "name": section.name,
                    "value": section.value,
                    "title": words(section.title),
                    "lines": [line(of) for block in section.blocks for of in block],
                }
                for section in self.sections
            ]
        }

    def json(self, indent: int | None = 2) -> str:
        """The data as JSON; a nan or an infinity, which JSON lacks, is the string "nan", "inf" or "-inf"."""
        text = json.dumps(plain(self.data()), indent=indent, ensure_ascii=False, allow_nan=False)
        return text.encode(errors="backslashreplace").decode()  # half a letter, which no file can hold, as an escape

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _latex(self) -> tuple[Any, Any]:
        return writing.latex(self._digits, self._functions), writing.reading(self._digits, self._functions)


def explain(
    value: Value,
    wrt: Value | str | Iterable[Value | str] | Mapping[str, Value | str] | None = None,
    *,
    by: str = "neuron",
    language: str = "en",
    digits: int = 3,
    rounded: bool = False,
    symbols: Mapping[str, str] | None = None,
) -> Explanation:
    """The chain rule from `value` down to `wrt`, with its numbers: each factor in letters, with numbers put in, and its
    value; as one does it by hand.

    `wrt`: a Value of the graph or its name; several in a list or a dict give a section each; without it the whole
    backward pass is told, node by node. `by`: "neuron" has a factor between labelled values and outputs of neurons,
    as the article, "operation" one for every operation. `language`: "en" or "ru". `digits`: how many significant
    digits are shown (whole numbers in full; where more digits follow, a zero at the end stays). `rounded`: also
    round after every operation, and compute on with that, as one does by hand. `symbols`: how functions are called,
    by default {"sigmoid": "f"}.

    Neither reads nor writes `.grad`. What is too long is cut, and says so; a graph of 10⁵ operations takes seconds.
    Raises InputError for a `wrt` that is not in the graph, TypeError for what is no Value, StaleGraphError where data
    changed after the graph was computed.

    >>> from microgradnet import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x; y.label = "y"
    >>> L = y.log(); L.label = "L"
    >>> print(explain(L, x, digits=4))
    y = x x    = 3 · 3  = 9
    L = log(y) = log(9) = 2.197
    <BLANKLINE>
    ∂L/∂x = ∂L/∂y · ∂y/∂x
    <BLANKLINE>
    ∂L/∂y = 1 / y = 1 / 9 = 0.1111
    ∂y/∂x = 2 x   = 2 · 3 = 6
    <BLANKLINE>
    ∂L/∂x = 0.1111 · 6 = 0.6667
    """
    if by not in ("neuron", "operation"):
        raise InputError(f"by is 'neuron' or 'operation', got {by!r:.40}")
    if digits.__class__ is not int or not 1 <= digits <= 17:
        raise InputError(f"digits must be a whole number from 1 to 17, got {digits!r:.40}")
    words = words_of(language)
    graph = graph_of(value, "explain")
    graph.require_fresh()
    functions = {"sigmoid": "f"} if symbols is None else dict(symbols)
    places = None if wrt is None else [place_of(graph, w) for w in _wanted(wrt)]
    letters = Letters(graph, stops_of(graph, by) | set(places or ()))
    numbers = Numbers(graph, letters, rounded_to(digits) if rounded else None)
    root = Symbol(graph.names[-1])
    sections: list[Section] = []
    if places is None:
        blocks = list(with_legend(backward(letters, numbers, words), words))
        sections.append(Section((), (definitions(letters, numbers, [root, *_formulas(blocks)], words), *blocks)))
        return Explanation(sections, digits, language, functions)
    adjoints = graph.reverse(graph.partials, 1.0)
    for place in places:
        blocks, result = chain_rule(letters, numbers, place, float(adjoints[place] or 0.0), words)
        if not math.isfinite(result):
            blocks.append((said(words["not a number"], root),))
        if rounded:
            blocks.append((said(words["rounded"], Symbol(result), digits=digits),))
        blocks = list(with_legend(blocks, words))
        title = () if len(places) == 1 else said("{}", partial_letter(root, letters.name(place)))
        sections.append(Section(title, tuple(blocks), graph.names[place], result))
    formulas = [f for section in sections for f in _formulas(section.blocks)]
    forward = definitions(letters, numbers, [root, *formulas], words)
    if len(places) == 1:
        sections = [sections[0]._replace(blocks=(forward, *sections[0].blocks))]
    else:
        sections.insert(0, Section(said(words["forward"]), (forward,)))
    return Explanation(sections, digits, language, functions)


def _formulas(blocks: Iterable[Block]) -> list[Symbol]:
    return [side for block in blocks for line in block if isinstance(line, Equation) for side in line.sides]


def _wanted(wrt: Any) -> list[Any]:
    """The Values or names, one or several; what is wrong in them is refused later."""
    if isinstance(wrt, (str, Value, Condition)) or not isinstance(wrt, Iterable):
        return [wrt]
    if isinstance(wrt, Mapping):
        return list(wrt.values())
    wanted = list(wrt)
    if not wanted:
        raise InputError("wrt is empty; give Values or names, or None for the whole backward pass")
    return wanted
