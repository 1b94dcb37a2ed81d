"""`compare`: derivatives by autograd, by hand and by finite differences, side by side, with a verdict on each.

How close is close enough? Two right formulas differ by rounding, and rounding is relative to the largest terms that
they add, not to the result: where a gradient is a sum of paths that cancel, or where a sigmoid is saturated
(`f (1 - f)` is 0 to the last digit, the truth 7e-20), a relative tolerance would cry wolf. So the tolerance is
1e-11 of the sum of |path products|, the chain rule run with every local derivative replaced by its absolute value,
plus what the last digits of the intermediate results do to the local derivatives that are computed from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from microgradnet import finite
from microgradnet.display import Shown, Table, digits, fixed, magnitude
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.value import Value, number

__all__ = ["Comparison", "Line", "compare"]

ROUNDING = 1e-11
"""The part of the sum of |path products| that rounding may take."""

MOST_WORK = 50_000_000
"""Derivatives times nodes: each derivative replays the graph a few times. So many take about a minute."""

SHARP = 1e-7
"""How closely, as a part of itself, a derivative should be met by its central difference."""


class Line(NamedTuple):
    """One derivative: its name, the three opinions (`by_hand` is None where none was given), and the verdict.

    `tolerance` is the difference that rounding explains. `finite_difference` is nan where there is none;
    `finite_agrees` tells whether it confirms autograd as far as it can be trusted. `agrees` is the verdict on the
    derivative by hand or, without one, the same as `finite_agrees`.
    """

    name: str
    autograd: float
    by_hand: float | None
    finite_difference: float
    finite_agrees: bool
    tolerance: float
    agrees: bool
    verdict: str


class Comparison(Shown):
    """What `compare` found: `.lines`, and `.ok`, True if something was compared and all of it agrees.

    It shows itself in a terminal and in a notebook, and as `.markdown()` and `.json()`; as a truth value it is `.ok`.
    """

    __slots__ = ("lines", "of")

    def __init__(self, of: str, lines: list[Line]) -> None:
        self.of, self.lines = of, lines

    @property
    def ok(self) -> bool:
        """Whether something was compared and all of it agrees."""
        return bool(self.lines) and all(line.agrees for line in self.lines)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def has_by_hand(self) -> bool:
        """Whether derivatives by hand were given."""
        return any(line.by_hand is not None for line in self.lines)

    def table(self) -> Table:
        """One row per derivative."""
        rows = []
        for line in self.lines:
            hand = [] if line.by_hand is None else [_shown(line.by_hand, 9)]
            difference = "-" if math.isnan(line.finite_difference) else _shown(line.finite_difference, 7)
            rows.append([f"∂{self.of}/∂{line.name}", _shown(line.autograd, 9), *hand, difference, line.verdict])
        return Table(
            ["parameter", "autograd", *(["by hand"] if self.has_by_hand else []), "finite diff.", "verdict"],
            rows,
            align="lrrrl" if self.has_by_hand else "lrrl",
            styles=["good" if line.agrees else "bad" for line in self.lines],
            notes=[self.summary(), *self._third_opinion()],
        )

    def _third_opinion(self) -> list[str]:
        doubtful = [line.name for line in self.lines if line.by_hand is not None and not line.finite_agrees]
        return [f"Finite differences do not confirm autograd on {', '.join(doubtful)}."] if doubtful else []

    def summary(self) -> str:
        """The verdict on all of it, in one sentence."""
        wrong = [line.name for line in self.lines if not line.agrees]
        n, other = len(self.lines), "by hand" if self.has_by_hand else "finite differences"
        if not n:
            return "Nothing was compared."
        if not wrong:
            return f"Autograd and {other} agree{f' on all {n}' if n > 1 else ''}."
        return f"Autograd and {other} disagree on {len(wrong)} of {n}: {', '.join(wrong)}."

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {"of": self.of, "ok": self.ok, "lines": [line._asdict() for line in self.lines]}


def compare(value: Value, by_hand: Mapping[Any, float] | None = None, *, significant: int | None = None) -> Comparison:
    """Compare the derivatives of `value` by autograd with those derived by hand, and with finite differences.

    Args:
        value: what is differentiated, such as the loss. Its `.grad`s are neither read nor written.
        by_hand: derivatives of `value`, by label or by Value; results on the way (h1, ypred) may be among them.
            Without it all labelled leaves (all leaves, if none has a label) are held against finite differences.
        significant: how many significant digits the numbers by hand were rounded to; agreement to these is enough.
            Without it they must agree to what rounding in the sixteenth digit explains.

    Raises:
        TypeError: `value` is no Value, or a number by hand is no number (a Value's derivative is in its `.grad`).
        InputError: a name that is not in the graph, or is the label of several nodes; a derivative given twice.
        StaleGraphError: data were changed after `value` was computed.

    >>> from microgradnet import Value, compare, name
    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> loss = (w * x - 1) ** 2
    >>> name(loss=loss)
    >>> compare(loss, by_hand={"w": 2 * 5 * 2, "x": 2 * 5 * 2})
    parameter  autograd  by hand  finite diff.  verdict
    ∂loss/∂w         20       20            20  equal
    ∂loss/∂x         30       20            30  differs: ratio 0.6667
    Autograd and by hand disagree on 1 of 2: x.
    """
    if not isinstance(value, Value):
        raise TypeError(f"compare wants one Value, such as the loss, got {type(value).__name__}")
    if by_hand is not None and not isinstance(by_hand, Mapping):
        raise TypeError(f"by_hand must be a dict such as {{'w1': 0.5}}, got {type(by_hand).__name__}")
    if significant is not None and not 1 <= significant <= 17:
        raise InputError(f"significant is {significant!r}; it must be a number of digits from 1 to 17")
    graph = Graph(value)
    hand = _numbers_by_hand(graph, by_hand) if by_hand is not None else dict.fromkeys(_leaves(graph))
    if len(hand) * len(graph) > MOST_WORK:
        raise InputError(
            f"{len(hand)} derivatives in a graph of {len(graph)} nodes are too many for finite differences; "
            "name those to be compared: by_hand={label: number}"
        )
    gradient = graph.gradient()
    tolerances = _tolerances(graph, gradient)
    noise = _noise(graph)
    lines = []
    for place, given in hand.items():
        autograd, tolerance = gradient[place], tolerances[place]
        function = partial(_root_at, graph, place)
        difference, confirms, verdict = _against_finite(function, graph.data[place], autograd, tolerance, noise)
        agrees = confirms
        if given is not None:
            agrees, verdict = _judge(autograd, given, tolerance, significant)
        lines.append(Line(graph.names[place], autograd, given, difference, confirms, tolerance, agrees, verdict))
    return Comparison(graph.names[-1], lines)


# --- what is compared ---------------------------------------------------------------------------------------------


def _leaves(graph: Graph) -> list[int]:
    leaves = [place for place, op in enumerate(graph.operations) if not op]
    return [place for place in leaves if graph.labels[place]] or leaves


def _numbers_by_hand(graph: Graph, by_hand: Mapping[Any, float]) -> dict[int, float | None]:
    """The numbers by hand by their node's place in the graph."""
    unknown = [key for key in by_hand if isinstance(key, str) and key not in graph.names]
    if unknown:
        known = [name for name, label in zip(graph.names, graph.labels, strict=True) if label]
        known = known or [name for name, op in zip(graph.names, graph.operations, strict=True) if not op]
        more = f" and {len(known) - 30} more" if len(known) > 30 else ""
        raise InputError(
            f"by_hand: {', '.join(map(repr, unknown))} not in the graph of {graph.names[-1]}, "
            f"whose names are {', '.join(known[:30])}{more}; label it by name(w1=w1), or use the Value as the key"
        )
    numbers: dict[int, float | None] = {}
    for key, given in by_hand.items():
        if not isinstance(key, str | Value):
            raise TypeError(f"by_hand: a key is a label or a Value, got {type(key).__name__} {key!r:.60}")
        place = graph.number(key)
        name = graph.names[place]
        if isinstance(key, str) and graph.labels.count(key) > 1:
            raise InputError(f"by_hand: {graph.labels.count(key)} nodes have the label {key!r}; give the Value itself")
        if place in numbers:
            raise InputError(f"by_hand: the derivative by {name!r} is given twice; leave one out")
        if isinstance(given, Value):
            raise TypeError(f"by_hand[{name!r}] wants a number, got {given!r:.60}; give its .data, or the .grad")
        as_number = number(given)
        if as_number is NotImplemented:
            raise TypeError(f"by_hand[{name!r}] wants a number, got {type(given).__name__} {given!r:.60}")
        numbers[place] = as_number
    return numbers


# --- how close is close enough ------------------------------------------------------------------------------------


def _tolerances(graph: Graph, gradient: list[float]) -> list[float]:
    """For every node the difference between two right derivatives that rounding explains."""
    uncertain = _uncertainties(graph)

    def absolute(place: int) -> tuple[float | None, ...]:
        return tuple([None if p is None else abs(p) for p in graph.partials(place)])

    def absolute_and_uncertain(place: int) -> tuple[float | None, ...]:
        y = graph.data[place]
        moved = [graph.partials(place, y + d) for d in (uncertain[place], -uncertain[place])]
        return tuple([
            None if p is None else abs(p) + max(_distance(p, up), _distance(p, down))
            for p, up, down in zip(graph.partials(place), *moved, strict=True)
        ])  # fmt: skip

    tolerances = []
    paths, wider = graph.reverse(absolute, 1.0), graph.reverse(absolute_and_uncertain, 1.0)
    for exact, path, wide in zip(gradient, paths, wider, strict=True):
        tolerance = 0.0 if path is None else ROUNDING * path + (wide - path)
        if not math.isfinite(tolerance):  # an infinite or nan derivative on the way: no scale to be had
            tolerance = ROUNDING * abs(exact) if math.isfinite(exact) else 0.0
        last_digits = 4 * math.ulp(exact) if abs(exact) >= 2.0**-1022 else 1e-320  # below, floats have fewer digits
        tolerances.append(tolerance + last_digits if math.isfinite(exact) else tolerance)
    return tolerances


def _uncertainties(graph: Graph) -> list[float]:
    """How well each result is known to someone who computes it in another right way: to two units in its last digit.

    An operand of `1 + e` or `1 - e` is known no better than that sum, for someone who derives with the sum at hand:
    with f = 1 / (1 + e), one writes f (1 - f) where autograd multiplies by e itself.
    """
    uncertain = [2 * math.ulp(y) if math.isfinite(y) else 0.0 for y in graph.data]
    for place, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        nodes = [o for o in operands if type(o) is int]
        if op in ("add", "sub") and len(nodes) == 1:
            uncertain[nodes[0]] = max(uncertain[nodes[0]], uncertain[place])
    return uncertain


def _distance(a: float, b: float | None) -> float:
    distance = abs(a - b) if b is not None else 0.0
    return distance if math.isfinite(distance) else 0.0


def _noise(graph: Graph) -> float:
    """A bound on the rounding in the root's value, each operation's own rounding sent forward through the rest."""

    def absolute(place: int) -> tuple[float | None, ...]:
        return tuple([None if p is None else abs(p) for p in graph.partials(place)])

    own = {place: math.ulp(y) for place, y in enumerate(graph.data) if graph.operations[place] and math.isfinite(y)}
    noise = graph.forward(absolute, own)[-1] or 0.0
    return noise if math.isfinite(noise) else 0.0


# --- verdicts -----------------------------------------------------------------------------------------------------


def _judge(autograd: float, hand: float, tolerance: float, significant: int | None) -> tuple[bool, str]:
    """Whether the number by hand agrees, and the verdict in words."""
    if math.isnan(autograd) or math.isnan(hand):
        both = math.isnan(autograd) and math.isnan(hand)
        return False, "both are nan" if both else f"differs: {'autograd' if math.isnan(autograd) else 'by hand'} is nan"
    if autograd == hand:
        return True, "equal"
    distance = abs(autograd - hand)
    if distance <= tolerance:
        ulps = distance / math.ulp(autograd)
        if ulps <= 64:
            return True, f"equal to rounding ({max(round(ulps), 1)} ulp)"
        return True, f"equal to rounding (off by {magnitude(distance)} of up to {magnitude(tolerance)})"
    if autograd == 0 or hand == 0 or math.isinf(autograd) or math.isinf(hand):
        return False, f"differs: autograd {_shown(autograd, 4)}, by hand {_shown(hand, 4)}"
    relative = distance / abs(autograd)
    if significant is not None and distance <= _half_a_unit(autograd, significant):
        return True, f"equal to {significant} digit{'s' if significant > 1 else ''}"
    if relative < 0.01:
        return False, f"agrees to {math.floor(-math.log10(relative))} digits: looks rounded"
    ratio = hand / autograd
    return False, f"differs: ratio {fixed(ratio, 4) if 1e-3 <= abs(ratio) < 1e6 else digits(ratio, 5)}"


def _half_a_unit(x: float, significant: int) -> float:
    """How far a number correctly rounded to so many significant digits can be from x."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(x))) + 1 - significant) * (1 + ROUNDING)


def _against_finite(
    function: Callable[[float], float], x: float, autograd: float, tolerance: float, noise: float
) -> tuple[float, bool, str]:
    """The finite difference, whether autograd agrees with it as far as it can be trusted, and the verdict."""
    h = finite.STEP * max(1.0, abs(x))
    trust = 2 * noise / h + tolerance
    try:
        difference = finite.derivative(function, x)
        if not abs(autograd - difference) <= trust + SHARP * abs(autograd):  # nan included: look closer
            beside = 2.0**-5 * min(1.0, abs(x) or 1.0) / max(1.0, abs(x))  # no further than a part of x
            difference, error = finite.richardson(function, x, beside)
            trust += error if error <= 0.01 * abs(difference) else 0.0  # a guess is not to be trusted
    except IndexError:
        return math.nan, autograd == 0.0, "an index has no derivative"
    off = abs(autograd - difference)
    if math.isnan(off):
        return difference, False, "no finite difference here" if math.isnan(difference) else "autograd is nan"
    if off <= SHARP * abs(autograd):
        return difference, True, f"equal to {math.floor(-math.log10(off / abs(autograd)))} digits" if off else "equal"
    if off <= trust:
        return difference, True, f"equal within {magnitude(trust)}" if off else "equal"
    left, right = ((function(x + s * h) - function(x)) / (s * h) for s in (-1, 1))
    if min(left, right) <= autograd <= max(left, right) and abs(left - right) > 0.01 * abs(autograd):
        return difference, True, f"a kink: slopes {_shown(left, 4)} and {_shown(right, 4)}"
    if autograd == 0 or difference == 0:
        return difference, False, f"differs by {digits(off, 4)}"
    return difference, False, f"differs: ratio {digits(difference / autograd, 5)}"


def _root_at(graph: Graph, place: int, x: float) -> float:
    """The root's value if the node at `place` had the value x, whatever it was made of."""
    return float(graph.evaluate({place: x})[-1])


def _shown(x: float, n: int) -> str:
    return digits(x + 0.0, n)  # -0 as 0
