"""A Graph in letters: the name or the formula of a node, and its derivatives by its operands."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from microgradnet.algebra import rebuild, simplify, size
from microgradnet.explanation.numbers import Partial, evaluate
from microgradnet.graph import Graph
from microgradnet.notation import SYMBOLS, Symbol, operation, write
from microgradnet.ops import COMPARISONS, TABLE, row_of
from microgradnet.structure import ACTIVATIONS
from microgradnet.value import Condition, Value

__all__ = [
    "FEW", "INDEXED", "RESULT", "Letters", "at_the_point", "formula_of", "graph_of", "partials_of", "place_letters",
    "place_of", "share_of",
]  # fmt: skip

LONGEST = 16
"""A part of a formula with more operations than this gets a name and a line of its own."""

FEW = 4
"""A share of no more terms is written out."""

MANY = 6
"""A sum of more terms than this is written with … in it."""

RESULT = "\0y"
INDEXED = ("take", "softmax")
"""Their last operand is a place."""


class _Namespace(type(SYMBOLS)):  # type: ignore[misc]
    """The functions of the table on symbols; the largest of several stays unknown."""

    def peak(self, x: tuple[Symbol, ...]) -> Symbol:
        return operation("peak", *x)


NAMESPACE = _Namespace()


def place_letters(op: str, operands: tuple[Any, ...], last: float) -> list[Symbol]:
    """A letter for every operand that is a node; constants as they are, and an index as the number that it is."""
    letters = [Symbol(f"\0{i}") if o.__class__ is int else Symbol(o) for i, o in enumerate(operands)]
    return [*letters[:-1], Symbol(last)] if op in INDEXED else letters


def partials_of(
    op: str, y: Symbol, operands: list[Symbol], numbers: Callable[[], tuple[float, ...]]
) -> list[Symbol | None]:
    """The partials of an operation in letters, by the table or by an operation of one's own.

    The latter are recorded at the operands' `numbers`; where that is not possible they have names (cube').
    """
    if op in TABLE and type(op) is str:
        told = row_of(op).partials(NAMESPACE, y, *operands)
        return [p if p is None or isinstance(p, Symbol) else Symbol(float(p)) for p in told]
    try:
        recorded = op.recorded(*(at := numbers()))  # type: ignore[attr-defined]
    except TypeError:
        return [operation(Partial(op, i, len(operands)), *operands) for i in range(len(operands))]
    letters = {"y": y, **dict(zip(op._letters(len(at)), operands, strict=True))}  # type: ignore[attr-defined]
    return [_from_graph(p, letters) if isinstance(p, Graph) else None if p is None else Symbol(p) for p in recorded]


def _from_graph(graph: Graph, letters: dict[str, Symbol]) -> Symbol:
    symbols: list[Symbol] = []
    for op, operands, label, data in zip(graph.operations, graph.operands, graph.labels, graph.data, strict=True):
        inside = [symbols[o] if o.__class__ is int else Symbol(o) for o in operands]
        symbols.append(formula_of(op, inside) if op else letters.get(label or "") or Symbol(data))
    return symbols[-1]


def formula_of(op: str, operands: list[Symbol]) -> Symbol:
    """An operation in letters: a weighted sum, a mean and a choice written out, everything else by its name."""
    if op in ("dot", "sum", "mean", "take"):
        return row_of(op).value(NAMESPACE, *operands)  # type: ignore[no-any-return]
    return operation(op, *operands)


def at_the_point(partial: Symbol | None, numbers: dict[str, float]) -> Symbol | None:
    """A partial with its choices made, as they are made at these numbers."""
    if partial is None:
        return None

    def change(s: Symbol, operands: tuple[Symbol | None, ...]) -> Symbol | None:
        if s.op == "where":
            return operands[1] if evaluate(s.operands[0], numbers) else operands[2]
        if s.op == "div" and (share := _share(s)) is not None:
            return share
        return operation(s.op, *operands) if s.op else s

    return rebuild(partial, change)


def _share(s: Symbol) -> Symbol | None:
    """exp(x_i - peak) / total, which is what softmax is: for a few written out, else by name."""
    top = s.operands[0]
    if top.op != "exp" or top.operands[0].op != "sub" or top.operands[0].operands[1].op != "peak":
        return None
    own, peak = top.operands[0].operands
    place = next(i for i, o in enumerate(peak.operands) if o is own)
    return share_of(list(peak.operands), place)


def share_of(x: list[Symbol], place: int) -> Symbol:
    """exp(x_i) / (exp(x_1) + exp(x_2) + …): of a few written out, else softmax by name.

    >>> share_of([Symbol("a"), Symbol("b")], 1)
    exp(b) / (exp(a) + exp(b))
    """
    if len(x) > FEW:
        return operation("softmax", *x, float(place))
    e = [operation("exp", o) for o in x]
    return e[place] / reduce(add, e)


def graph_of(value: Any, door: str) -> Graph:
    """The Graph of a Value; TypeError for everything else."""
    if value.__class__ is Value:
        return Graph(value)
    kind = "a comparison, which has no derivative" if value.__class__ is Condition else f"{type(value).__name__}"
    raise TypeError(f"{door} wants a Value that was computed, got {kind}")


def place_of(graph: Graph, wrt: Any) -> int:
    """The node of a Value or a name. TypeError for other kinds, InputError for what is not in the graph."""
    if wrt.__class__ is not Value and not isinstance(wrt, str):
        kind = "a comparison, which has no derivative" if wrt.__class__ is Condition else type(wrt).__name__
        raise TypeError(f"wrt wants a Value of the graph or its name, got {kind}")
    place = graph.number(wrt)
    if graph.operations[place] in COMPARISONS:
        raise TypeError(f"wrt is {wrt!r}, a comparison, which has no derivative")
    return place


class Letters:
    """The formulas of a Graph. `stops`: the nodes that are always written by their names.

    `primes`: derivatives of activations as they stand in formulas, by their text: the node and the formula.
    """

    def __init__(self, graph: Graph, stops: set[int]) -> None:
        self.graph, self.stops = graph, stops
        self.shown: list[Symbol | None] = [None] * len(graph)
        self.primes: dict[str, tuple[int, Symbol]] = {}
        self.local: dict[int, list[Symbol | None]] = {}

    def forget(self, lowest: int) -> None:
        """More nodes have become stops, `lowest` the first of them: formulas from there are to be written anew."""
        self.shown[lowest:] = [None] * (len(self.shown) - lowest)
        self.local.clear()

    def name(self, number: int) -> Symbol:
        """The letter of a node."""
        return Symbol(self.graph.names[number])

    def is_letter(self, number: int) -> bool:
        """Whether formulas write a node by its name whatever it is made of."""
        graph = self.graph
        return number in self.stops or not graph.operations[number] or graph.labels[number] is not None

    def operand(self, o: int | float) -> Symbol:
        """An operand as it stands in a formula: a name, a number, or a short formula."""
        return self.inside(o) if o.__class__ is int else Symbol(o)

    def inside(self, number: int) -> Symbol:
        """A node as it stands in the formulas of others."""
        waiting = [number]
        while waiting:  # a formula stops growing at LONGEST, but what stands below it may be of any depth
            n = waiting[-1]
            if self.shown[n] is not None:
                waiting.pop()
            elif self.is_letter(n):
                self.shown[n] = self.name(n)
            elif missing := [o for o in self.graph.operands[n] if o.__class__ is int and self.shown[o] is None]:
                waiting += missing
            else:
                formula = self.formula(n)
                self.shown[n] = formula if size(formula, LONGEST + 1) <= LONGEST else self.name(n)
        return self.shown[number] or self.name(number)

    def formula(self, number: int) -> Symbol:
        """What a node is made of, in letters; sums of many terms with … in them."""
        op, operands = self.graph.operations[number], self.graph.operands[number]
        if op in ("sum", "mean") and len(operands) > MANY:
            shown = [self.operand(o) for o in operands[:3]]
            total = shown[0] + shown[1] + shown[2] + Symbol("…") + self.operand(operands[-1])
            return total / len(operands) if op == "mean" else total
        if op == "dot" and len(operands) // 2 > MANY:
            n = len(operands) // 2
            terms = [self.operand(operands[i]) * self.operand(operands[n + i]) for i in (0, 1, n - 1)]
            total = terms[0] + terms[1] + Symbol("…") + terms[2]
            return total + self.operand(operands[-1]) if len(operands) % 2 else total
        if op in ("take", "softmax", "logsumexp") and len(operands) > MANY + 2:
            if op == "take":
                return self.operand(operands[int(self.value(operands[-1]))])
            return operation(op, self.operand(operands[0]), self.operand(operands[1]), Symbol("…"),
                             *[self.operand(o) for o in operands[-2:]])  # fmt: skip
        shown = [self.operand(o) for o in operands]
        if op == "softmax" and len(shown) <= FEW + 1:
            return share_of(shown[:-1], int(self.value(operands[-1])))
        return formula_of(op, [*shown[:-1], Symbol(self.value(operands[-1]))] if op in INDEXED else shown)

    def value(self, o: int | float) -> float:
        """The number of an operand."""
        return self.graph.data[o] if o.__class__ is int else o

    def partials(self, number: int) -> list[Symbol | None]:
        """The derivatives of a node by its operands in letters, as they are at the Graph's numbers; None where
        nothing is sent."""
        if number in self.local:
            return self.local[number]
        op, operands = self.graph.operations[number], self.graph.operands[number]
        if not op or op in COMPARISONS:
            return [None] * len(operands)
        data = [self.value(o) for o in operands]
        places = place_letters(op, operands, data[-1])
        numbers = {f"\0{i}": x for i, x in enumerate(data)} | {RESULT: self.graph.data[number]}
        told = [at_the_point(p, numbers) for p in partials_of(op, Symbol(RESULT), places, lambda: tuple(data))]
        letters = {f"\0{i}": self.operand(o) for i, o in enumerate(operands)}
        letters[RESULT] = self.inside(number)

        def change(s: Symbol, inside: tuple[Symbol | None, ...]) -> Symbol | None:
            return operation(s.op, *inside) if s.op else letters.get(s.operands[0], s)

        written = [None if p is None else simplify(rebuild(p, change)) for p in told]
        varying = [i for i, o in enumerate(operands) if o.__class__ is int]
        if op in ACTIVATIONS and op != "sin" and varying == [0] and (step := written[0]) is not None:
            prime = operation(Partial(op), self.operand(operands[0]))
            self.primes[write(prime)] = (number, step)
            written[0] = prime
        self.local[number] = written
        return written
