"""Taking a plan apart: every array becomes its single numbers, so that a language of plain numbers can spell it.

    before    e: (3,) = stack a b c;  g: (3,) = mul e e;  s: () = sum g (0,)
    after     s = a · a + b · b + c · c

What is left of arrays: the arguments, of which single items are read; the rows that `softmax`, `logsumexp`, `peak` and
`choose` read, stacked from single numbers; and results, which are put together from theirs.

    >>> from microgradnet.compiler.arrays import argument, total
    >>> a = argument("a", (3,))
    >>> print(apart(Plan((total(a * a, (0,)),), ("loss",))))
    a: (3,) argument
    v1: () = view a [0]
    v2: () = mul v1 v1
    v3: () = view a [1]
    v4: () = mul v3 v3
    v5: () = add v2 v4
    v6: () = view a [2]
    v7: () = mul v6 v6
    loss: () = add v5 v7
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from microgradnet.compiler.arrays import (
    accumulate,
    elementwise,
    expand,
    logsumexp,
    number,
    peak,
    softmax,
    stack,
    view,
)
from microgradnet.compiler.plan import Node, Plan, parts_of, stepped

__all__ = ["apart", "is_item"]

Elements = Sequence[Node]
"""The numbers of an array, in the flat order."""


def apart(plan: Plan) -> Plan:
    """The same plan, number by number. Its sizes are plain: a plan for any batch size is a TypeError."""
    elements: dict[Node, Elements] = {}
    labels: dict[Node, str] = {}
    wished = plan.labels or {}
    for node in plan.nodes:
        if node.op == "argument" and node.shape != ():
            continue  # its items are made where they are read
        if any(size.__class__ is not int for size in node.shape):
            raise TypeError(f"a plan for any batch size is not taken apart: {node!r}")
        elements[node] = _elements(node, elements)
        if node in wished:
            _label(labels, wished[node], node, elements[node])
    results = [_together(node, elements) for node in plan.results]
    return Plan(tuple(results), plan.names, labels)


def is_item(node: Node) -> bool:
    """Whether it is a single number of an argument."""
    return node.op == "view" and node.shape == () and node.operands[0].op == "argument"


def _label(labels: dict[Node, str], label: str, node: Node, elements: Elements) -> None:
    if node.shape == ():
        labels.setdefault(elements[0], label)
        return
    for place, element in zip(np.ndindex(*node.shape), elements, strict=True):
        if element.op != "number":
            labels.setdefault(element, "_".join([label, *(str(i + 1) for i in place)]))


def _together(node: Node, elements: dict[Node, Elements]) -> Node:
    if node.shape == () or node.op == "argument":
        return elements[node][0] if node.shape == () else node
    places = [(("slice", place),) for place in np.ndindex(*node.shape)]
    parts = [(at, e) for at, e in zip(places, elements[node], strict=True) if e.number != 0.0]
    return accumulate(node.shape, parts)


def _of(node: Node, elements: dict[Node, Elements]) -> Elements:
    if node not in elements:  # an argument
        elements[node] = [view(node, ("slice", place)) for place in np.ndindex(*node.shape)]
    return elements[node]


def _elements(node: Node, elements: dict[Node, Elements]) -> Elements:
    if is_item(node) or not node.operands:
        return _leaves(node)
    if node.op in _APART:
        return _APART[node.op](node, [_of(o, elements) for o in node.operands])
    if node.shape == ():
        operands = [elements[o][0] for o in node.operands]
        same = all(new is old for new, old in zip(operands, node.operands, strict=True))
        return [node if same else elementwise(node.op, *operands)]
    shape = node.shape
    columns = [_spread(_of(o, elements), o.shape, shape) for o in node.operands]
    return [elementwise(node.op, *row) for row in zip(*columns, strict=True)]


def _leaves(node: Node) -> Elements:
    if node.op == "table":
        return [number(x) for x in node.detail.array.reshape(-1).tolist()]
    return [node]


def _flat(shape: Sequence[int]) -> Any:
    """The places of an array of this shape, as an array of that shape."""
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def _spread(elements: Elements, shape: Sequence[int], wanted: Sequence[int]) -> Elements:
    places = np.broadcast_to(_flat(shape), wanted).reshape(-1).tolist()
    return [elements[i] for i in places]


def _added(terms: Iterable[Node]) -> Node:
    terms = list(terms)
    return reduce(lambda a, b: elementwise("add", a, b), terms) if terms else number(0.0)


def _view(node: Node, operands: list[Elements]) -> Elements:
    places = stepped(_flat(node.operands[0].shape), node.detail)
    return [operands[0][i] for i in np.asarray(places).reshape(-1).tolist()]


def _sum(node: Node, operands: list[Elements]) -> Elements:
    shape = node.operands[0].shape
    kept = [axis for axis in range(len(shape)) if axis not in node.detail]
    rows = _flat(shape).transpose(*kept, *node.detail).reshape(int(np.prod(node.shape, dtype=int)), -1)
    return [_added(operands[0][i] for i in row) for row in rows.tolist()]


def _contract(node: Node, operands: list[Elements]) -> Elements:
    left, right, result = parts_of(node.detail)
    a, b = node.operands
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    summed = [letter for letter in sizes if letter not in result]
    whole = [sizes[letter] for letter in (*result, *summed)]

    def rows(letters: str, shape: Sequence[int]) -> list[list[int]]:
        places = _flat(shape).transpose([letters.index(c) for c in (*result, *summed) if c in letters])
        missing = [i for i, c in enumerate((*result, *summed)) if c not in letters]
        places = np.broadcast_to(np.expand_dims(places, missing), whole)
        return places.reshape(int(np.prod(node.shape, dtype=int)), -1).tolist()

    return [
        _added(elementwise("mul", operands[0][i], operands[1][j]) for i, j in zip(*pair, strict=True))
        for pair in zip(rows(left, a.shape), rows(right, b.shape), strict=True)
    ]


def _accumulate(node: Node, operands: list[Elements]) -> Elements:
    places = _flat(node.shape)
    result: list[Node] = [number(0.0)] * places.size
    for steps, part, elements in zip(node.detail, node.operands, operands, strict=True):
        seen = np.asarray(stepped(places, steps))
        for place, element in zip(seen.reshape(-1).tolist(), _spread(elements, part.shape, seen.shape), strict=True):
            result[place] = elementwise("add", result[place], element)
    return result


def _stack(node: Node, operands: list[Elements]) -> Elements:
    rows = [_rows(elements, part.shape[-1]) for elements, part in zip(operands, node.operands, strict=True)]
    return [element for parts in zip(*rows, strict=True) for part in parts for element in part]


def _rows(elements: Elements, length: int) -> list[Elements]:
    return [elements[i : i + length] for i in range(0, len(elements), length)]


def stacked(row: Elements) -> Node:
    """Numbers as one row."""
    return stack([expand(element, (1,)) for element in row])


def _by_row(node: Node, operands: list[Elements]) -> list[Node]:
    return [stacked(row) for row in _rows(operands[0], node.operands[0].shape[-1])]


def _softmax(node: Node, operands: list[Elements]) -> Elements:
    wholes = [softmax(row) for row in _by_row(node, operands)]
    return [view(whole, ("slice", (i,))) for whole in wholes for i in range(node.shape[-1])]


def _choose(node: Node, operands: list[Elements]) -> Elements:
    rows = _rows(operands[0], node.operands[0].shape[-1])
    return [Node("choose", (stacked(row), index), ()) for row, index in zip(rows, operands[1], strict=True)]


def _place(node: Node, operands: list[Elements]) -> Elements:
    return [
        elementwise("where", _is(index, float(i)), value, 0.0)
        for value, index in zip(*operands, strict=True)
        for i in range(node.detail)
    ]


def _is(a: Node, b: float) -> Node:
    return elementwise("and", elementwise("le", a, b), elementwise("ge", a, b))


_APART: dict[str, Callable[[Node, list[Elements]], Elements]] = {
    "view": _view,
    "expand": lambda node, operands: _spread(operands[0], node.operands[0].shape, node.shape),
    "sum": _sum,
    "contract": _contract,
    "accumulate": _accumulate,
    "stack": _stack,
    "softmax": _softmax,
    "logsumexp": lambda node, operands: [logsumexp(row) for row in _by_row(node, operands)],
    "peak": lambda node, operands: [peak(row) for row in _by_row(node, operands)],
    "choose": _choose,
    "place": _place,
}
