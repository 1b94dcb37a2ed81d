"""How close is close enough: running error bounds, from the graph itself.

Two right formulas differ by rounding, and rounding is relative to the largest terms that they add, not to the result:
where a gradient is a sum of paths that cancel, or where a sigmoid is saturated (`f (1 - f)` is 0 to the last digit, the
truth 7e-20), a relative tolerance would cry wolf. So the bound is 1e-11 of the sum of |path products|, the chain rule
run with every local derivative replaced by its absolute value, plus what the last digits of the intermediate results
do to the local derivatives that are computed from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from microgradnet.graph import Graph
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import FLOATS, PARTIALS

__all__ = ["NORMAL", "ROUNDING", "moved", "noise", "tied", "tolerances", "up_to"]

ROUNDING = 1e-11
"""The part of the sum of |path products| that rounding may take."""

NORMAL = 2.0**-1022
"""The smallest positive float with all its digits; smaller ones lose them one by one."""

_STEPS = ("floor", "ceil", "trunc", "round", "sin", "cos", "tan")
"""What may be anything between one float and the next, where floats lie further apart than 1."""

Partials = Callable[[int], "tuple[float | None, ...]"]


def up_to(graph: Graph, place: int) -> Graph:
    """The graph whose root is the node at `place`: the rows up to it, under the same names and numbers.

    >>> from microgradnet import Value
    >>> x = Value(3.0, "x")
    >>> up_to(Graph((x * x).exp()), 1).gradient()
    [6.0, 1.0]
    """
    if place == len(graph) - 1:
        return graph
    part = object.__new__(Graph)
    for slot in Graph.__slots__:
        setattr(part, slot, getattr(graph, slot))
    end = place + 1
    part.operations, part.operands, part.data = graph.operations[:end], graph.operands[:end], graph.data[:end]
    part.labels, part.nodes, part._names = graph.labels[:end], graph.nodes[:end], graph.names[:end]
    return part


def moved(graph: Graph, given: Mapping[int, float]) -> Graph:
    """The same graph with other numbers in some nodes, be they leaves or results."""
    other = object.__new__(Graph)
    for slot in Graph.__slots__:
        setattr(other, slot, getattr(graph, slot))
    other._names = graph.names
    other.data, other.nodes = tuple(graph.evaluate(given)), ()
    return other


def tolerances(graph: Graph, gradient: list[float]) -> list[float]:
    """For every node the difference between two right derivatives of the root that rounding explains."""
    found = []
    paths, wider = graph.reverse(_absolute(graph), 1.0), _wider(graph)
    for exact, path, wide in zip(gradient, paths, wider, strict=True):
        tolerance = 0.0 if path is None else ROUNDING * path + (wide - path)
        if not math.isfinite(tolerance):  # an infinite or nan derivative on the way: no scale to be had
            tolerance = ROUNDING * abs(exact) if math.isfinite(exact) else 0.0
        last_digits = 4 * math.ulp(exact) if abs(exact) >= NORMAL else 1e-320  # below, floats have fewer digits
        found.append(tolerance + last_digits if math.isfinite(exact) else tolerance)
    return found


def _wider(graph: Graph) -> list[float]:
    """The sums of |path products|, each local derivative made larger by what the last digits of the results that it
    is computed from do to it, and by what is lost where it, or a product with it, is too small for a float."""
    uncertain = _uncertainties(graph)
    sums = [0.0] * len(graph)
    sums[-1] = 1.0
    for place in range(len(graph) - 1, -1, -1):
        upstream, y = sums[place], graph.data[place]
        if upstream == 0.0 or not graph.operations[place]:
            continue
        moved = [graph.partials(place, y + d) for d in (uncertain[place], -uncertain[place])]
        for operand, p, up, down in zip(graph.operands[place], graph.partials(place), *moved, strict=True):
            if p is not None:
                wide = abs(p) + max(_distance(p, up), _distance(p, down)) + _lost(p)
                sums[operand] += wide * upstream + _lost(wide * upstream)
    return sums


def _lost(x: float) -> float:
    """What may have been lost of a number that is so small."""
    return 5e-324 if abs(x) < NORMAL else 0.0


def noise(graph: Graph) -> float:
    """A bound on the rounding in the root's value, each operation's own rounding sent forward through the rest."""
    own = {place: math.ulp(y) for place, y in enumerate(graph.data) if graph.operations[place] and math.isfinite(y)}
    arrives = graph.forward(_absolute(graph), own)[-1] or 0.0
    return arrives if math.isfinite(arrives) else 0.0


def tied(graph: Graph, by: int) -> str | None:
    """The name of a result between the node `by` and the root whose own derivative jumps just here (relu at 0,
    max of equals, a comparison of equals), or None."""
    depends = {by}
    for place in range(by, len(graph)):
        if not depends.isdisjoint(o for o in graph.operands[place] if o.__class__ is int):
            depends.add(place)
            if _jumps(graph, place):
                return graph.names[place]
    return None


def _jumps(graph: Graph, place: int) -> bool:
    op = graph.operations[place]
    x = [graph.data[o] if o.__class__ is int else o for o in graph.operands[place]]
    if op in COMPARISONS:
        return bool(x[0] == x[1])
    if op in _STEPS and abs(x[0]) >= 2.0**52:
        return True  # a step at every float
    if op not in TABLE or TABLE[op].variadic or op == "where":
        return False
    for place_of, operand in enumerate(graph.operands[place]):
        if operand.__class__ is int:
            below, above = (_beside(op, x, place_of, end) for end in (-math.inf, math.inf))
            for (low, lower), (high, higher) in zip(below, above, strict=True):
                part = 0.01 * max(abs(low), abs(high))
                if abs(high - low) > part >= max(abs(lower - low), abs(higher - high)):
                    return True
    return False


def _beside(op: str, x: list[float], place: int, towards: float) -> list[tuple[float, float]]:
    """The partials of an operation one float and two floats away from x."""
    once = [*x]
    once[place] = math.nextafter(x[place], towards)
    twice = [*once]
    twice[place] = math.nextafter(once[place], towards)
    near, far = (PARTIALS[op](getattr(FLOATS, op)(*values), *values) for values in (once, twice))
    return [(p or 0.0, q or 0.0) for p, q in zip(near, far, strict=True)]


def _absolute(graph: Graph) -> Partials:
    return lambda place: tuple([None if p is None else abs(p) for p in graph.partials(place)])


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
