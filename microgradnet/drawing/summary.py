"""What a box of several nodes says about them: how many, and how large their numbers and gradients are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.drawing import text
from microgradnet.drawing.words import counted
from microgradnet.ops import COMPARISONS, row_of

if TYPE_CHECKING:
    from microgradnet.drawing.collapse import Part

__all__ = ["Spread", "Summary", "spread", "summary"]


class Spread(NamedTuple):
    """Some numbers in short: how many, the least, the mean, the greatest, and the root of the sum of squares."""

    n: int
    least: float
    mean: float
    greatest: float
    norm: float


class Summary(NamedTuple):
    """The lines of a group's box."""

    name: str
    what: str
    numbers: tuple[str, ...]
    tooltip: tuple[str, ...]
    sign: str
    size: float


def spread(numbers: Sequence[float]) -> Spread:
    """In short. A nan among them makes everything nan; of no numbers all is 0.

    >>> spread([3.0, -4.0])
    Spread(n=2, least=-4.0, mean=-0.5, greatest=3.0, norm=5.0)
    """
    n = len(numbers)
    if not n:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    if any(map(math.isnan, numbers)):
        return Spread(n, math.nan, math.nan, math.nan, math.nan)
    try:
        mean = math.fsum(numbers) / n
    except (OverflowError, ValueError):  # too large together, or infinities of both signs
        mean = sum(x / n for x in numbers)
    return Spread(n, min(numbers), mean, max(numbers), math.hypot(*numbers))


def summary(
    part: Part, grads: Sequence[float | None], members: Sequence[int], kind: str, piece: str, words: Mapping[str, Any],
    digits: int,
) -> Summary:  # fmt: skip
    """What is said of a group. `piece` is its name where it is a piece of a computation that was cut."""
    graph = part.graph
    parameters = [i for i in members if part.roles[i] in ("weight", "bias")]
    leaves = [i for i in members if part.roles[i] in ("input", "leaf")]
    computed = [i for i in members if graph.operations[i]]
    inside = set(members)
    outputs = [neuron.output for neuron in part.neurons if neuron.output in inside] if kind in _OF_NEURONS else []
    about = [i for i in outputs or computed if graph.operations[i] not in COMPARISONS]
    if not computed:
        about, leaves, parameters = list(members), [], []

    distinct = len({(n.weights, n.bias) for n in part.neurons if n.output in inside}) if len(outputs) > 1 else 0
    rounds = len(outputs) // distinct if distinct else 1
    counts = [counted(distinct, "neurons", words)] if distinct > 1 else []
    counts += [words["times"].format(counted(rounds, "rounds", words))] if rounds > 1 else []
    counts += [counted(len(some), noun, words) for some, noun in
               ((parameters, "parameters"), (leaves, "leaves"), (computed, "operations")) if some]  # fmt: skip
    lines = [", ".join(counts)] if counts else []
    if kind in ("stretch", "part") and computed:
        lines = [", ".join(counts[:-1])] if counts[:-1] else []
        lines.append(_operations(part, computed, words))
    tooltip = list(lines)
    shown = min(digits, 3)
    for title, places, norms in (
        ("parameters", parameters, True), ("leaves", leaves if kind == "label" else [], True), ("", about, False),
    ):  # fmt: skip
        if not places:
            continue
        data = spread([float(graph.data[i]) for i in places])
        slopes = spread([g for i in places if (g := grads[i]) is not None])
        several = int(len(places) > 1)
        names = (words["of"][title][several], words["their grad"][several]) if title else (words["data"], words["grad"])
        for name, told in zip(names, (data, slopes), strict=True):
            if told.n:
                lines.append(f"{name} {_short(told, shown)}" + _norm(told, shown, words, norms))
                tooltip += [f"{name} {_long(told)}", *([f"{words['norm']} {told.norm!r}"] if told.n > 1 else [])]
    slopes_of_all = spread([g for i in (about or parameters or leaves) if (g := grads[i]) is not None])
    name, what = _name(part, members, outputs, kind, piece, words)
    return Summary(name, what, tuple(lines), tuple(tooltip), _sign(slopes_of_all), slopes_of_all.norm)


_OF_NEURONS = ("neuron", "layer")


def _short(told: Spread, digits: int) -> str:
    if told.n == 1 or told.least == told.greatest:
        return text.number(told.least, digits)
    return " … ".join(text.number(x, digits) for x in (told.least, told.mean, told.greatest))


def _long(told: Spread) -> str:
    return repr(told.least) if told.n == 1 else f"{told.least!r} … {told.mean!r} … {told.greatest!r}"


def _norm(told: Spread, digits: int, words: Mapping[str, Any], wanted: bool) -> str:
    return f", {words['norm']} {text.number(told.norm, digits)}" if wanted and told.n > 1 else ""


def _sign(told: Spread) -> str:
    if math.isnan(told.norm) or math.isinf(told.norm):
        return "broken"
    if not told.norm:
        return "zero"
    return "positive" if told.least >= 0 else "negative" if told.greatest <= 0 else "mixed"


def _operations(part: Part, computed: Sequence[int], words: Mapping[str, Any]) -> str:
    counts = Counter(part.graph.operations[i].replace("pow_const", "pow") for i in computed)
    most = [f"{text.grouped(n, words)} {op}" for op, n in counts.most_common(4)]
    return ", ".join(most[:3]) + (" …" if len(most) > 3 else "")


def _symbol(operation: str) -> str:
    if operation in COMPARISONS:
        return COMPARISONS[operation][0]
    return {"neg": "−", "sub": "−", "mul": "×"}.get(operation, row_of(operation).symbol)


def _name(
    part: Part, members: Sequence[int], outputs: Sequence[int], kind: str, piece: str, words: Mapping[str, Any]
) -> tuple[str, str]:
    """Its name, "" for none, and what it is."""
    graph = part.graph
    if kind == "part":
        return "", piece
    labels = list(dict.fromkeys(label for i in outputs or members if (label := graph.labels[i])))
    if kind == "label":
        return commonprefix(labels), words["label"]  # noqa: RUF071 - labels are no paths
    name = " … ".join((labels[0], labels[-1]) if len(labels) > 3 else ()) or ", ".join(labels)
    if kind in _OF_NEURONS:
        return name, words[kind]
    if kind == "stretch":
        return name, words["stretch"]
    if not graph.operations[members[0]]:
        role = words[part.roles[members[0]]]
        return name, f"{text.grouped(len(members), words)} × {role}"
    return name, f"{text.grouped(len(members), words)} × {_symbol(graph.operations[members[0]])}"
