"""A recording as a plan of single numbers: one node for each scalar operation, in the order in which they ran.

Nothing is grouped and nothing is an array but the arguments, of which single items are read. Operations of any number
of operands are written out from the left, as the table defines them; `logsumexp`, `softmax` and a `take` with an index
that is data read their operands from a stack, and so stay what they are.

    before    dot(w1, w2, x1, x2, b), mean(a, b, c), take(a, b, c, 1.0)
    after     w1 · x1 + w2 · x2 + b,  (a + b + c) / 3,  b

    >>> from microgradnet import Value
    >>> from microgradnet.compiler.recording import record
    >>> from microgradnet.functions import dot
    >>> w, b = Value(2.0, "w"), Value(1.0, "b")
    >>> print(straight(record(lambda p, x: dot([p[0]], [x], p[1]), [w, b], [3.0])))
    p: (2,) argument
    v1: () = view p [0]
    x: () argument
    v2: () = mul v1 x
    v3: () = view p [1]
    loss: () = add v2 v3
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from microgradnet.compiler.arrays import (
    argument,
    as_node,
    choose,
    elementwise,
    expand,
    logsumexp,
    number,
    softmax,
    stack,
    view,
)
from microgradnet.compiler.plan import BOOLEAN, Node, Plan
from microgradnet.errors import InputError

if TYPE_CHECKING:
    from microgradnet.compiler.recording import Recording

__all__ = ["straight"]


def straight(recording: Recording) -> Plan:
    """The plan of the loss, one node for each operation; its arguments are "p" and the data, by name.

    A leaf that is neither a parameter nor data is the number that it was. Raises InputError for an operation of one's
    own (`extension`), of which only its Python function is known.
    """
    graph = recording.graph
    shapes = {"p": (len(recording.parameters),), **recording.shapes}
    arguments = {name: argument(name, tuple(shape)) for name, shape in shapes.items()}
    stacks: Stacks = {}
    made: list[Node] = []
    labels: dict[Node, str] = {}
    for leaf, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        if op:
            node = _operation(op, [made[o] if o.__class__ is int else number(o) for o in operands], stacks)
        elif leaf in recording.origin:
            name, place = recording.origin[leaf]
            node = item(arguments[name], place)
        else:
            node = number(graph.data[leaf])
        made.append(node)
        label = graph.labels[leaf] or (_path(recording, leaf) if not op else None)
        if label and node.op != "number":
            labels.setdefault(node, label)
    return Plan((as_number(made[-1]),), ("loss",), labels)


def _path(recording: Recording, leaf: int) -> str | None:
    """The name of a parameter by where it stands, if that says more than a place in a list."""
    name, place = recording.origin.get(leaf, ("", 0))
    path = recording.names[place] if name == "p" else ""
    return None if path.replace(".", "").isdecimal() else path


def item(array: Node, place: int) -> Node:
    """One number of an array, by its place in the flat order."""
    if array.shape == ():
        return array
    return view(array, ("slice", tuple(int(i) for i in np.unravel_index(place, array.shape))))


def as_number(node: Node) -> Node:
    """A truth value as 1.0 or 0.0, a number as it is."""
    return elementwise("where", node, 1.0, 0.0) if node.op in BOOLEAN else node


def _operation(op: str, operands: list[Node], stacks: Stacks) -> Node:
    if getattr(op, "row", None) is not None:
        raise InputError(
            f"the operation of your own {str(op)!r} cannot be compiled: only its Python function is known; write it "
            'with operators and functions of microgradnet, or train with engine="eager"'
        )
    if op in _WRITTEN_OUT:
        return _WRITTEN_OUT[op](operands)
    if op in _OF_A_STACK:
        return _OF_A_STACK[op](operands, stacks)
    return elementwise(op, *operands)


def _added(terms: Sequence[Node]) -> Node:
    result = terms[0]
    for term in terms[1:]:
        result = elementwise("add", result, term)
    return result


def _dot(operands: list[Node]) -> Node:
    n = len(operands) // 2
    products = [elementwise("mul", w, x) for w, x in zip(operands[:n], operands[n : 2 * n], strict=True)]
    return _added([*products, *operands[2 * n :]])


def _mean(operands: list[Node]) -> Node:
    return elementwise("div", _added(operands), as_node(len(operands)))


def _where(operands: list[Node]) -> Node:
    condition, a, b = operands
    if condition.number is None:
        condition = elementwise("truth", condition)
    return elementwise("where", condition, a, b)


_WRITTEN_OUT: dict[str, Callable[[list[Node]], Node]] = {
    "sum": _added, "dot": _dot, "mean": _mean, "where": _where,
}  # fmt: skip


# --- of a stack -----------------------------------------------------------------------------------------------------

Stacks: TypeAlias = dict[tuple[str, tuple[Node, ...]], Node]
"""What was computed from these numbers together, so that it is computed once."""


def _stacked(values: Sequence[Node]) -> Node:
    return stack([expand(value, (1,)) for value in values])


def _logsumexp(values: list[Node], stacks: Stacks) -> Node:
    return logsumexp(_stacked(values))


def _softmax(operands: list[Node], stacks: Stacks) -> Node:
    *values, index = operands
    key = "softmax", tuple(values)
    if key not in stacks:
        stacks[key] = softmax(_stacked(values))
    return view(stacks[key], ("slice", (int(index.number or 0.0),)))


def _take(operands: list[Node], stacks: Stacks) -> Node:
    *values, index = operands
    return choose(_stacked(values), index) if index.number is None else values[int(index.number)]


_OF_A_STACK: dict[str, Callable[[list[Node], Stacks], Node]] = {
    "logsumexp": _logsumexp, "softmax": _softmax, "take": _take,
}  # fmt: skip
