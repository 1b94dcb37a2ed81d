"""What is known of a wrong derivative by hand, at several points: plain data for `causes`.

The graph is replayed at other numbers in its leaves, moved at random and also made smaller (where every sigmoid is
saturated, one factor looks like another), and a derivative that is a function is asked again there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from microgradnet.comparison.bounds import moved, tolerances, up_to
from microgradnet.comparison.by_hand import Answer, Asked, ByHand, named_places
from microgradnet.graph import Graph
from microgradnet.ops import TABLE

if TYPE_CHECKING:
    from microgradnet.causes import Computation, Point

__all__ = ["AtPoint", "evidence", "nearby_points"]

SCALES = (1.0, 1.0, 0.4, 0.1)
"""The leaves of the points are made smaller by these in turn."""

MOST_NAMES = 40
"""So many named nodes are looked at for the cause of one difference: those on the way from B to A, and near it."""

MOST_ROWS = 400_000
"""Rows that are computed anew for all points together; of a large graph there are fewer points."""

NO_LETTER = {"neg", "abs", "sign", "floor", "ceil", "trunc", "round", "pow_const", "rpow_const"}
"""Operations of one operand whose derivative nobody writes as f'(x)."""


class AtPoint:
    """A graph at one point, and what is computed of it there, once for all derivatives."""

    def __init__(self, graph: Graph, answers: Mapping[object, Answer], asked: list[Asked]) -> None:
        self.graph, self.answers, self.asked = graph, answers, asked
        self._adjoints: dict[int, list[float | None]] = {}
        self._bounds: dict[int, list[float]] = {}
        self._local: dict[int, dict[int, float]] = {}

    def adjoints(self, of: int) -> list[float | None]:
        """∂A/∂ every node up to A; None where A does not depend on it."""
        if of not in self._adjoints:
            part = up_to(self.graph, of)
            self._adjoints[of] = part.reverse(part.partials, 1.0)
        return self._adjoints[of]

    def bounds(self, of: int) -> list[float]:
        """For every node up to A, how much rounding may move ∂A/∂node."""
        if of not in self._bounds:
            part = up_to(self.graph, of)
            self._bounds[of] = tolerances(part, [a or 0.0 for a in self.adjoints(of)])
        return self._bounds[of]

    @cached_property
    def named(self) -> dict[int, str]:
        """The nodes that people have names for, or have asked for."""
        asked = [place for one in self.asked for place in (one.of, one.by)]
        return {place: self.graph.names[place] for place in sorted({*named_places(self.graph), *asked})}

    def local(self, of: int) -> dict[int, float]:
        """The derivatives of a node by the named nodes that it depends on directly."""
        if of not in self._local:
            self._local[of] = _local(self.graph, of, self.named)
        return self._local[of]


def nearby_points(graph: Graph, by_hand: ByHand, count: int, seed: int) -> list[AtPoint]:
    """The graph's own point and `count` - 1 others near it, fewer where by hand or the graph has no number there."""
    found = [AtPoint(graph, by_hand.answers(graph), by_hand.asked)]
    if not any(asked.varies for asked in by_hand.asked):
        return found
    count = max(2, min(count, MOST_ROWS // len(graph)))
    dice = random.Random(seed)
    fixed = _indices(graph)
    for attempt in range(1, 4 * count):
        if len(found) >= count:
            break
        scale = SCALES[attempt % len(SCALES)]
        leaves = [place for place, op in enumerate(graph.operations) if not op and place not in fixed]
        numbers = {place: _jittered(graph.data[place], scale, dice) for place in leaves}
        try:
            other = moved(graph, numbers)
            if math.isfinite(other.data[-1]):
                found.append(AtPoint(other, by_hand.answers(other), by_hand.asked))
        except Exception:  # outside of the domain of the graph or of the user's function: another point will do
            continue
    return found


def evidence(asked: Asked, points: list[AtPoint]) -> list[Point]:
    """All that is known of one derivative by hand at the points where it is known."""
    return [_point(asked, point) for point in points if asked.key in point.answers]


def _jittered(x: float, scale: float, dice: random.Random) -> float:
    return scale * (x * dice.uniform(0.6, 1.4) + dice.uniform(-0.2, 0.2) * min(1.0, abs(x) or 1.0))


def _indices(graph: Graph) -> set[int]:
    """Nodes that are the index of a `take` or `softmax`: they stay."""
    return {
        operands[-1]
        for op, operands in zip(graph.operations, graph.operands, strict=True)
        if op in ("take", "softmax") and operands[-1].__class__ is int
    }


# --- one point --------------------------------------------------------------------------------------------------------


def _point(asked: Asked, at: AtPoint) -> Point:
    from numpy import array

    from microgradnet.causes import Point

    of, by = asked.of, asked.by
    answer, adjoints, graph = at.answers[asked.key], at.adjoints(of), at.graph
    above = graph.names[of]
    sight = _in_sight(of, by, at)
    inside = [p for p in sight if p <= of and p != by and adjoints[p] is not None]
    known = set(named_places(graph))
    return Point(
        by_hand=array(answer.number),
        autograd=array(adjoints[by] or 0.0 if by <= of else 0.0),
        tolerance=array(at.bounds(of)[by] if by <= of else 0.0),
        values={graph.names[p]: array(float(graph.data[p])) for p in sight if p in known},
        derivatives={f"∂{above}/∂{at.named[p]}": array(adjoints[p]) for p in inside if p != of},
        factors={name: array(x) for name, x in _factors(of, by, sight, at).items()},
        paths={name: array(x) for name, x in _paths(of, by, sight, at).items()},
        sizes={},
        computation=_computation(answer),
    )


def _local(graph: Graph, place: int, stops: Mapping[int, str]) -> dict[int, float]:
    """The derivatives of one node by the named nodes below it, on ways that pass no other named node."""
    adjoints: dict[int, float] = {place: 1.0}
    waiting = [-place]
    found: dict[int, float] = {}
    while waiting:
        node = -heappop(waiting)
        if node != place and (node in stops or not graph.operations[node]):
            found[node] = adjoints[node]
            continue
        for operand, partial in zip(graph.operands[node], graph.partials(node), strict=True):
            if partial is not None:
                if operand not in adjoints:
                    heappush(waiting, -operand)
                adjoints[operand] = adjoints.get(operand, 0.0) + partial * adjoints[node]
    return {node: x for node, x in found.items() if node in stops}


def _in_sight(of: int, by: int, at: AtPoint) -> list[int]:
    """The named nodes that a slip on the way from B to A could have to do with, in the order of the graph: those on
    the way, what they are made of, and others near B, until there are enough."""
    depends = _descendants(at.graph, by, of)
    way = [p for p in at.named if p in depends]
    chosen = dict.fromkeys([of, by, *way[: MOST_NAMES // 2], *way[-(MOST_NAMES // 4) :]])
    for p in sorted(at.named, key=lambda p: (p not in depends, abs(p - by))):
        if len(chosen) >= MOST_NAMES:
            break
        chosen[p] = None
    return sorted(chosen)


def _factors(of: int, by: int, sight: list[int], at: AtPoint) -> dict[str, float]:
    """Local derivatives between named nodes; those on the way from B to A come first."""
    graph = at.graph
    depends = _descendants(graph, by, of)
    found: dict[bool, dict[str, float]] = {True: {}, False: {}}
    for c in sight:
        local = at.local(c)
        for d in sight:
            if d in local and (c, d) != (of, by):
                name = _slope(graph, c, d) or f"∂{graph.names[c]}/∂{graph.names[d]}"
                found[c in depends and d in depends][name] = local[d]
        if (inner := _slope_inside(graph, c, at)) is not None:
            found[c in depends][inner[0]] = inner[1]
    return found[True] | found[False]


def _slope(graph: Graph, c: int, d: int) -> str | None:
    """f'(s) where c is a function of the one operand d."""
    operands = [o for o in graph.operands[c] if o.__class__ is int]
    return f"{_letter(graph.operations[c])}'({graph.names[d]})" if operands == [d] and _has_letter(graph, c) else None


def _slope_inside(graph: Graph, c: int, at: AtPoint) -> tuple[str, float] | None:
    """The slope of a function whose operand has no name, by that of its result."""
    operands = [o for o in graph.operands[c] if o.__class__ is int]
    if not _has_letter(graph, c) or len(operands) != 1 or operands[0] in at.named:
        return None
    slope = next(p for p in graph.partials(c) if p is not None) if any(graph.partials(c)) else 0.0
    return f"{_letter(graph.operations[c])}' in {graph.names[c]}", slope


def _has_letter(graph: Graph, c: int) -> bool:
    op = graph.operations[c]
    return op in TABLE and not TABLE[op].variadic and len(TABLE[op].operands) == 1 and op not in NO_LETTER


def _letter(op: str) -> str:
    return "f" if op == "sigmoid" else op


def _descendants(graph: Graph, by: int, of: int) -> set[int]:
    depends = {by}
    for node in range(by + 1, of + 1):
        if any(o in depends for o in graph.operands[node] if o.__class__ is int):
            depends.add(node)
    return depends


def _paths(of: int, by: int, sight: list[int], at: AtPoint) -> dict[str, float]:
    """The parts of ∂A/∂B by the named node through which they go first from B; "" is the direct one."""
    adjoints = at.adjoints(of)
    found: dict[str, float] = {}
    for c in sight:
        if by < c <= of and by in at.local(c) and (adjoint := adjoints[c]) is not None:
            found["" if c == of else at.named[c]] = adjoint * at.local(c)[by]
    return found


# --- the computation by hand ------------------------------------------------------------------------------------------


def _computation(answer: Answer) -> Computation | None:
    """The graph of the derivative by hand, where it was computed with Values."""
    if answer.value is None:
        return None
    from microgradnet.causes import Computation

    graph = Graph(answer.value)
    return Computation(
        ops=graph.operations,
        operands=graph.operands,
        data=tuple(map(float, graph.data)),
        places=tuple((("row", row, op),) for row, op in enumerate(graph.operations)),
        outputs=(len(graph) - 1,),
        reads={name: {graph.number(leaf): 0} for name, leaf in answer.leaves.items() if leaf in graph},
        offset=(0.0,),
    )
