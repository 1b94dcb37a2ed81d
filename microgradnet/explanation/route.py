"""The way of a derivative through a Graph: where it stops, what it is between two stops, how many paths there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

from microgradnet.algebra import simplify, size
from microgradnet.explanation.letters import Letters
from microgradnet.graph import Graph
from microgradnet.notation import Symbol
from microgradnet.ops import COMPARISONS
from microgradnet.structure import neurons

__all__ = ["Edge", "Route", "ambiguous", "count_paths", "on_the_way", "paths", "route", "stops_of"]

TOO_LONG = 24
"""A derivative between two stops of more operations than this is cut at the operations between."""

SHORT = 4
"""So few operations between two stops are always written as one formula."""

TOO_MANY = 400
"""So many operations between two stops are not written as one formula."""

MASKS = ("relu", "leaky_relu", "elu", "where", "maximum", "minimum", "clip", "abs", "take")
"""They select, or have a kink."""


class Edge:
    """The derivative of the stop `top` by the stop `to`, all other stops held: as a number and as a formula.

    The number is None where nothing is sent; `masks`: (node, place of the operand) pairs where a mask stopped it;
    `chosen`: those where one let it pass. The formula is made when it is first asked for.
    """

    __slots__ = ("_formula", "chosen", "masks", "to", "top", "value")

    def __init__(
        self, top: int, to: int, formula: Callable[[], Symbol | None] | Symbol | None, value: float | None,
        masks: Iterable[tuple[int, int]], chosen: Iterable[tuple[int, int]],
    ) -> None:  # fmt: skip
        self.top, self.to, self._formula, self.value = top, to, formula, value
        self.masks, self.chosen = tuple(masks), tuple(chosen)

    @property
    def formula(self) -> Symbol | None:
        """The formula; None where nothing is sent."""
        if self.value is None:
            return None
        if callable(self._formula):
            self._formula = self._formula()
        return self._formula


class Route(NamedTuple):
    """All that lies between the root and `wrt`: stops from the root down, and the edges out of each."""

    wrt: int | None
    stops: list[int]
    edges: dict[int, list[Edge]]


def on_the_way(graph: Graph, wrt: int) -> list[bool]:
    """For every node whether it is made from `wrt` through operations (a comparison passes nothing on)."""
    way = [False] * len(graph)
    way[wrt] = True
    for n in range(wrt + 1, len(graph)):
        op = graph.operations[n]
        if op and op not in COMPARISONS:
            way[n] = any(o.__class__ is int and way[o] for o in graph.operands[n])
    return way


def stops_of(graph: Graph, by: str) -> set[int]:
    """By neuron: labelled nodes and neurons' outputs, but not the weighted sums inside neurons; by operation: all."""
    if by == "operation":
        return {n for n, op in enumerate(graph.operations) if op not in COMPARISONS}
    found = neurons(graph)
    inner = {m for neuron in found for m in neuron.members if graph.operations[m]} - {n.output for n in found}
    labelled = {n for n, label in enumerate(graph.labels) if label and graph.operations[n] not in COMPARISONS}
    leaves = {n for n, op in enumerate(graph.operations) if not op}
    return (labelled - inner) | {n.output for n in found} | leaves | {len(graph) - 1}


def route(letters: Letters, wrt: int | None) -> Route:
    """The stops between the root and `wrt` (or all leaves) and the derivatives between them.

    Where a derivative between two stops would be too long a formula, the operations between become stops.
    """
    graph = letters.graph
    way = [op not in COMPARISONS for op in graph.operations] if wrt is None else on_the_way(graph, wrt)
    stops = letters.stops
    reached = {len(graph) - 1}
    found: list[int] = []
    edges: dict[int, list[Edge]] = {}
    for top in range(len(graph) - 1, -1, -1):
        if top not in reached or not way[top]:
            continue
        found.append(top)
        if top == wrt or not graph.operations[top]:
            continue
        region = _region(graph, top, way, stops)
        out = _derivatives(letters, top, region, way) if len(region) <= TOO_MANY else []
        if len(region) > TOO_MANY or (
            len(region) > SHORT and any(size(edge.formula, TOO_LONG + 1) > TOO_LONG for edge in out)
        ):
            stops.update(region)
            letters.forget(region[-1])
            out = _derivatives(letters, top, [top], way)
        edges[top] = out
        reached.update(edge.to for edge in out)
    return Route(wrt, found, edges)


def _region(graph: Graph, top: int, way: list[bool], stops: set[int]) -> list[int]:
    """`top` and the nodes below it that are no stops, up to the next stops; from the top down."""
    region, waiting = {top}, [top]
    while waiting and len(region) <= TOO_MANY:
        for o in graph.operands[waiting.pop()]:
            if o.__class__ is int and way[o] and o not in stops and o not in region:
                region.add(o)
                waiting.append(o)
    return sorted(region, reverse=True)


def _derivatives(letters: Letters, top: int, region: list[int], way: list[bool]) -> list[Edge]:
    """The edges out of a stop, through the region below it; the formulas are made when one is asked for."""
    graph = letters.graph
    values: dict[int, float | None] = {top: 1.0}
    masks: dict[int, dict[tuple[int, int], None]] = {top: {}}
    chosen: dict[int, dict[tuple[int, int], None]] = {top: {}}
    for n in region:
        upstream, selects = values[n], graph.operations[n] in MASKS
        for place, (o, local) in enumerate(zip(graph.operands[n], graph.partials(n), strict=True)):
            if o.__class__ is not int or not way[o]:
                continue
            total = values.setdefault(o, None)
            masks.setdefault(o, {}).update(masks[n])
            chosen.setdefault(o, {})
            if local is None:
                masks[o][n, place] = None
            elif upstream is not None:
                chosen[o].update(chosen[n])
                if selects:
                    chosen[o][n, place] = None
                values[o] = local * upstream if total is None else total + local * upstream
    written = cache(partial(_formulas, letters, tuple(region), way))
    inside = set(region)
    reached = sorted(o for o in values if o not in inside)
    return [Edge(top, o, partial(_one_of, written, o), values[o], masks[o], chosen[o]) for o in reached]


def _one_of(written: Callable[[], dict[int, Symbol]], o: int) -> Symbol | None:
    return simplify(written().get(o))


def _formulas(letters: Letters, region: tuple[int, ...], way: list[bool]) -> dict[int, Symbol]:
    """The derivatives of the first of a region by all that it reaches, in letters."""
    graph = letters.graph
    formulas = {region[0]: Symbol(1.0)}
    for n in region:
        if n not in formulas:
            continue
        for o, local in zip(graph.operands[n], letters.partials(n), strict=True):
            if o.__class__ is int and way[o] and local is not None:
                sent = formulas[n] * local
                formulas[o] = formulas[o] + sent if o in formulas else sent
    return formulas


def count_paths(way: Route, most: int = 10**6) -> int:
    """How many paths lead from the root to `wrt`; at most `most` are counted."""
    counts = dict.fromkeys(way.stops[:1], 1)
    for stop in way.stops:
        for edge in way.edges.get(stop, ()):
            counts[edge.to] = min(most, counts.get(edge.to, 0) + counts.get(stop, 0))
    return counts.get(way.wrt if way.wrt is not None else -1, 0)


def ambiguous(way: Route) -> set[int]:
    """The stops that the root reaches directly and by other ways too: there ∂root/∂stop has two meanings."""
    top = way.stops[0] if way.stops else -1
    direct = {edge.to for edge in way.edges.get(top, ())}
    return {edge.to for stop in way.stops[1:] for edge in way.edges.get(stop, ())} & direct


def paths(way: Route) -> Iterator[list[Edge]]:
    """Every path from the root to `wrt`, as its edges."""
    waiting: list[list[Edge]] = [[edge] for edge in reversed(way.edges.get(way.stops[0], ()))]
    while waiting:
        path = waiting.pop()
        if path[-1].to == way.wrt:
            yield path
        else:
            waiting += [[*path, edge] for edge in reversed(way.edges.get(path[-1].to, ()))]
