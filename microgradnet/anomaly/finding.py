"""`find_nan`: the first operation, or the first edge backward, whose number is not finite though all before it are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from microgradnet.anomaly.advice import backward_advice, forward_advice
from microgradnet.anomaly.sentences import Edge, backward_sentence, forward_sentence, made_by, shortened
from microgradnet.display import Shown, Table, digits
from microgradnet.graph import Graph
from microgradnet.rules import RESULTS
from microgradnet.value import Value

__all__ = ["Anomaly", "backward", "find_nan", "forward"]


class Anomaly(Shown):
    """Where the first number that is not finite was born, and its way to the end of the computation.

    direction: "forward" or "backward"
    operation: the operation, as `Value.op` has it; None for a leaf that holds nan or inf itself
    name:      the name of its result in the graph; `labels` are names
    operands:  pairs of name and number, in written order; the name of a constant is the number
    result:    the number that is not finite: the operation's result, or what is sent to `to`
    to:        backward: the operand to which it is sent
    partial:   backward: the local derivative of that operand
    upstream:  backward: the gradient of the operation's own result
    path:      names from there to the end
    sentence:  what happened
    advice:    what to do about it, where that is known, else ""

    >>> from microgradnet import log
    >>> anomaly = find_nan(log(Value(0.0, "p")) * 2)
    >>> anomaly.operation, anomaly.operands, anomaly.result, anomaly.path
    ('log', (('p', 0.0),), -inf, ('log1', 'mul1'))
    >>> anomaly.advice
    'keep p above 0, as in log(p + 1e-12)'
    """

    def __init__(self, graph: Graph, place: int, path: list[int], edge: Edge | None = None) -> None:
        names = graph.names
        self.direction = "backward" if edge else "forward"
        self.operation: str | None = graph.operations[place] or None
        self.name = names[place]
        self.operands: tuple[tuple[str, float], ...] = tuple(
            [(names[o], graph.data[o]) if o.__class__ is int else (digits(o, 6), o) for o in graph.operands[place]]
        )
        self.to: str | None = None
        self.partial: float | None = None
        self.upstream: float | None = None
        self.result: float = graph.data[place]
        if edge:
            to, self.partial, self.upstream, self.result = edge
            self.to = names[to]
        self.path = tuple([names[step] for step in path])
        self.sentence = backward_sentence(graph, place, edge) if edge else forward_sentence(graph, place)
        self.advice = backward_advice(graph, place, edge) if edge else forward_advice(graph, place)
        self._steps = [
            (names[step], made_by(graph, step), digits(graph.data[step], 6)) for step in shortened(path) if step >= 0
        ]
        self._left_out = len(path) - len(self._steps)

    def table(self) -> Table:
        """The way to the end, a row for each result, shortened in the middle."""
        rows = [list(step) for step in self._steps]
        if self._left_out:
            rows.insert(len(rows) // 2, [f"… {self._left_out:,} more", "", ""])
        return Table(
            ["on the way", "is", "data"],
            rows,
            align="llr",
            title=self.sentence[:1].upper() + self.sentence[1:] if self.direction == "backward" else self.sentence,
            styles=["bad", *[None] * (len(rows) - 1)],
            notes=[f"What to do: {self.advice}."] if self.advice else [],
        )

    def data(self) -> Any:
        """The attributes, as plain data."""
        return {
            "direction": self.direction,
            "operation": None if self.operation is None else str(self.operation),
            "name": self.name,
            "operands": [{"name": name, "data": number} for name, number in self.operands],
            "result": self.result,
            "to": self.to,
            "partial": self.partial,
            "upstream": self.upstream,
            "path": list(self.path),
            "sentence": self.sentence,
            "advice": self.advice,
        }


def find_nan(value: Value, names: Iterable[tuple[str, Value]] = ()) -> Anomaly | None:
    """Where the first nan or inf that reaches `value`, or its gradients, was born; None if all of them are finite.

    Forward first: the first operation of which `value` was made whose result is not finite while its operands are, or a
    leaf that holds nan or inf itself. If `value` is finite, backward: the first edge over which the derivative of
    `value` sends a nan or an inf, though what came to it was finite. What does no harm is no anomaly: an infinity in
    the branch that `where` did not take, or in 1 / inf.

    `names`: names for leaves beside their labels, as `model.named_parameters()` gives them. `.grad` is not touched.

    Raises TypeError for anything but a Value; StaleGraphError where data changed since, so that nothing can be said.

    >>> x = Value(0.0, "x")
    >>> find_nan((x * x) ** 0.5)
    The gradient of mul1 is inf: pow_const1 = mul1 ** 0.5 has the local derivative
    inf where mul1 = 0
    on the way  is           data
    mul1        x * x           0
    pow_const1  mul1 ** 0.5     0
    What to do: a root has no derivative at 0; add a small number under it, as in
    sqrt(mul1 + 1e-12).
    >>> print(find_nan(x * x))
    None
    """
    if not isinstance(value, Value):
        raise TypeError(f"find_nan wants a Value, such as the loss, got {type(value).__name__}")
    graph = Graph(value, names)
    return forward(graph) or backward(graph, 1.0)


# --- looking for it ---------------------------------------------------------------------------------------------


def forward(graph: Graph) -> Anomaly | None:
    """The first origin from which numbers that are not finite lead to the root."""
    root = len(graph) - 1
    if isfinite(graph.data[root]):
        return None
    readers: dict[int, int] = {root: -1}  # from where each was reached
    origins, level = [], [root]
    while level:
        below = []
        for place in level:
            sources = _sources(graph, place)
            if not sources:
                origins.append(place)
            for source in sources:
                if source not in readers:
                    readers[source] = place
                    below.append(source)
        level = below
    first = min(origins)
    op, operands = graph.operations[first], graph.operands[first]
    if op and isfinite(RESULTS[op](*[graph.data[o] if o.__class__ is int else o for o in operands])):
        graph.require_fresh()
    return Anomaly(graph, first, list(_followed(readers, first)))


def _sources(graph: Graph, place: int) -> list[int]:
    """The operands that are not finite; of a selection only the selected ones, if they are."""
    found = [
        (o, partial)
        for o, partial in zip(graph.operands[place], _partials(graph, place), strict=True)
        if o.__class__ is int and not isfinite(graph.data[o])
    ]
    return [o for o, partial in found if partial is not None] or [o for o, _ in found]


def backward(graph: Graph, seed: float) -> Anomaly | None:
    """The first edge over which the root's derivatives become nan or inf, from the root down."""
    adjoints: list[float | None] = [None] * len(graph)
    adjoints[-1] = seed
    if not isfinite(seed):
        return None
    for place in range(len(graph) - 1, -1, -1):
        upstream = adjoints[place]
        if upstream is None:
            continue
        for o, partial in zip(graph.operands[place], _partials(graph, place), strict=True):
            if partial is not None:
                so_far = adjoints[o]
                total = partial * upstream if so_far is None else so_far + partial * upstream
                if not isfinite(total):
                    return Anomaly(graph, place, [o, *_way_up(graph, place)], (o, partial, upstream, total))
                adjoints[o] = total
    return None


def _partials(graph: Graph, place: int) -> tuple[float | None, ...]:
    """The local derivatives of the forward pass that ran; none of a comparison."""
    there = graph.nodes[place]
    return there.partials if there.__class__ is Value else (None,) * len(graph.operands[place])


def _way_up(graph: Graph, place: int) -> Iterator[int]:
    """The shortest way over which derivatives come from the root to a place, from there up."""
    readers, level = {len(graph) - 1: -1}, [len(graph) - 1]
    while place not in readers:
        below = []
        for reader in level:
            for o, partial in zip(graph.operands[reader], _partials(graph, reader), strict=True):
                if partial is not None and o not in readers:
                    readers[o] = reader
                    below.append(o)
        level = below
    return _followed(readers, place)


def _followed(readers: dict[int, int], place: int) -> Iterator[int]:
    while place >= 0:
        yield place
        place = readers[place]
