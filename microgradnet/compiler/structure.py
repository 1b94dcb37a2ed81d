"""Adjoints of rearrangements: what view, expand, sum, contract, stack … send back to their operands.

All of them are linear, so one table serves twice: a rule gives the adjoints of the operands for the adjoint of the
result, and the same rule says which elements of the operands are sent anything at all, if it is given ones and zeros.

    >>> from microgradnet.compiler.arrays import argument, contract
    >>> X, W = argument("X", (100, 2)), argument("W", (16, 2))
    >>> h, d_h = contract(X, W, "ik,jk->ij"), argument("d_h", (100, 16))
    >>> [(sent.place, sent.value.shape, sent.value.detail) for sent in sent_back(h, d_h)]
    [(0, (100, 2), 'ij,jk->ik'), (1, (16, 2), 'ij,ik->jk')]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from microgradnet.compiler.arrays import choose, contract, elementwise, expand, number, peak, place, total, view
from microgradnet.compiler.plan import Node, Shape, Step, parts_of, shape_of_steps

__all__ = [
    "Back",
    "column",
    "holds",
    "indicator",
    "logsumexp_parts",
    "sent_back",
    "sent_masks",
    "shifted_exp",
    "unbroadcast",
]


class Back(NamedTuple):
    """What the operand at a `place` is sent: `value`, to be added at the view of it that `steps` give."""

    place: int
    value: Node
    steps: tuple[Step, ...] = ()


def sent_back(node: Node, g: Node, operands: Sequence[Node] | None = None) -> list[Back]:
    """What a structural node sends to its operands, if `g` is its adjoint, of its shape.

    `operands`: what to read in their place, if not they themselves.
    """
    return ADJOINTS[node.op](node, g, node.operands if operands is None else operands)


def sent_masks(node: Node, mask: Node | None) -> list[Node | None]:
    """For each operand, which of the elements that it sends there are sent at all, if only the result's elements in
    the `mask` send anything; None for all."""
    reach: list[Node | None] = [None] * len(node.operands)
    if mask is None and node.op != "choose":
        return reach
    ones = expand(number(1.0) if mask is None else indicator(mask), node.shape)
    operands = tuple(expand(number(1.0), o.shape) for o in node.operands)
    if node.op in ("choose", "place"):
        operands = (operands[0], node.operands[1])
    rule = _REACH.get(node.op) or ADJOINTS[node.op]
    for back in rule(node, ones, operands):
        found = holds(back.value)
        reach[back.place] = None if found.number else found
    return reach


def indicator(mask: Node) -> Node:
    """1 where the mask holds, else 0."""
    if mask.op == "gt" and mask.operands[0].op == "place":
        value = mask.operands[0].operands[0]
        if value.op == "expand" and value.operands[0].number == 1.0:
            return mask.operands[0]  # made by `holds`: ones in their places
    return elementwise("where", mask, 1.0, 0.0)


def holds(ones: Node) -> Node:
    """Where a sum of ones and zeros is not 0, as small as it can be."""
    if ones.op == "expand":
        return holds(ones.operands[0])
    if ones.op == "view":
        seen = ones.operands[0]
        return view(expand(holds(seen), seen.shape), *ones.detail)
    if ones.op == "where" and [o.number for o in ones.operands[1:]] == [1.0, 0.0]:
        return ones.operands[0]
    return elementwise("gt", ones, 0.0)


def unbroadcast(g: Node, shape: Shape) -> Node:
    """The sum over the axes along which an operand of this shape was repeated.

    >>> from microgradnet.compiler.arrays import argument
    >>> unbroadcast(argument("g", (100, 16)), (1, 16)).shape
    (1, 16)
    """
    if g.shape == shape:
        return g
    if shape == ():
        return total(g, range(len(g.shape)))
    axes = [i for i, (small, large) in enumerate(zip(shape, g.shape, strict=True)) if small == 1 and large != 1]
    return _inserted(total(g, axes), axes)


def _seen(g: Node, *steps: Step) -> Node:
    """The view; what is repeated is repeated after it, as far as that goes."""
    for step in steps:
        kind, how = step
        if g.op != "expand" or g.operands[0].shape == () or kind not in ("slice", "insert", "transpose"):
            g = view(g, step)
            continue
        small, after = g.operands[0], shape_of_steps(g.shape, [step])
        if kind == "slice":
            repeated = [one == 1 and size != 1 for one, size in zip(small.shape, g.shape, strict=True)]
            how = tuple(
                (0 if isinstance(entry, int) else (0, 1, 1)) if again else entry
                for entry, again in zip(how, repeated, strict=True)
            )
        g = expand(view(small, (kind, how)), after)
    return g


def _inserted(g: Node, axes: Iterable[int]) -> Node:
    return _seen(g, ("insert", tuple(axes)))


def column(rows: Node) -> Node:
    """A number for each row, with a last axis of size 1."""
    return _inserted(rows, [len(rows.shape)])


# --- views ---------------------------------------------------------------------------------------------------------


def _of_view(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    """Steps at the end that keep every element are undone on the adjoint; what is left says where it goes."""
    steps = node.detail
    shapes = [node.operands[0].shape]
    for step in steps:
        shapes.append(shape_of_steps(shapes[-1], [step]))
    while steps and (undo := _undone(steps[-1], shapes[-2])) is not None:
        g = _seen(g, *undo)
        steps, shapes = steps[:-1], shapes[:-1]
    return [Back(0, g, steps)]


def _undone(step: Step, shape: Shape) -> tuple[Step, ...] | None:
    """The steps from the array after a step back to the one before, of this shape; None if elements got lost.

    >>> _undone(("transpose", (2, 0, 1)), (4, 5, 6)), _undone(("slice", (0, (0, 3, 1))), (2, 3))
    ((('transpose', (1, 2, 0)),), None)
    """
    kind, how = step
    if kind == "reshape":
        return (("reshape", shape),)
    if kind == "transpose":
        return (("transpose", tuple(sorted(range(len(how)), key=how.__getitem__))),)
    if kind == "insert":
        after = shape_of_steps(shape, [step])
        return (("slice", tuple(0 if i in how else (0, size, 1) for i, size in enumerate(after))),)
    if kind == "slice" and all(
        size == 1 if isinstance(entry, int) else entry == (0, size, 1) for entry, size in zip(how, shape, strict=True)
    ):
        return (("insert", tuple(i for i, entry in enumerate(how) if isinstance(entry, int))),)
    return None


# --- sums and products ---------------------------------------------------------------------------------------------


def _of_expand(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    return [Back(0, unbroadcast(g, node.operands[0].shape))]


def _of_sum(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    return [Back(0, expand(_inserted(g, node.detail), node.operands[0].shape))]


def _of_contract(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    """The same contraction with letters exchanged; for a product of an array with itself the same twice."""
    left, right, result = parts_of(node.detail)
    a, b = operands
    to_a = contract(g, b, f"{result},{right}->{left}")
    to_b = to_a if a is b and left == right else contract(g, a, f"{result},{left}->{right}")
    return [Back(0, to_a), Back(1, to_b)]


def _of_accumulate(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    parts = zip(node.operands, node.detail, strict=True)
    return [Back(i, unbroadcast(_seen(g, *steps), part.shape)) for i, (part, steps) in enumerate(parts)]


# --- along the last axis -------------------------------------------------------------------------------------------


def _of_stack(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    backs, start = [], 0
    leading = tuple((0, size, 1) for size in node.shape[:-1])
    for i, part in enumerate(node.operands):
        stop = start + part.shape[-1]
        backs.append(Back(i, _seen(g, ("slice", (*leading, (start, stop, 1))))))
        start = stop
    return backs


def _of_choose(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    return [Back(0, place(g, operands[1], node.operands[0].shape[-1]))]


def _of_place(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    return [Back(0, choose(g, operands[1]))]


def shifted_exp(x: Node) -> tuple[Node, Node]:
    """The largest number m of each row of x, and e = exp(x - m)."""
    largest = peak(x)
    return largest, elementwise("exp", x - column(largest))


def logsumexp_parts(x: Node) -> tuple[Node, Node, Node]:
    """The largest number m of each row of x, e = exp(x - m), and the sum of e without one of the ones.

    So logsumexp is m + log1p(rest), exact to the last digits also where one number is far above the others; and its
    derivative is e / (1 + rest). What is infinite or nan comes out by itself as the table has it: the largest itself
    has e = nan then, which is no e < 1, so rest is finite.
    """
    largest, e = shifted_exp(x)
    last = len(x.shape) - 1
    below = e < 1.0
    smaller = total(elementwise("where", below, e, 0.0), [last])
    ones = total(elementwise("where", below, 0.0, 1.0), [last])
    return largest, e, smaller + (ones - 1.0)


def _of_logsumexp(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    _, e, rest = logsumexp_parts(node.operands[0])
    return [Back(0, e * column(g / (1.0 + rest)))]


def _of_softmax(node: Node, g: Node, operands: Sequence[Node]) -> list[Back]:
    """y (g - Σ g y): on the diagonal y (1 - y), elsewhere -y_i y_j."""
    if g.op == "place":
        value, index = g.operands
        weighted = value * choose(node, index)
    else:
        weighted = total(g * node, [len(node.shape) - 1])
    return [Back(0, node * (g - column(weighted)))]


def _whole_row(node: Node, ones: Node, operands: Sequence[Node]) -> list[Back]:
    x = node.operands[0]
    any_of_row = ones if node.op == "logsumexp" else total(ones, [len(x.shape) - 1])
    return [Back(0, expand(column(any_of_row), x.shape))]


ADJOINTS: dict[str, Callable[[Node, Node, Sequence[Node]], list[Back]]] = {
    "view": _of_view, "expand": _of_expand, "sum": _of_sum, "contract": _of_contract, "accumulate": _of_accumulate,
    "stack": _of_stack, "choose": _of_choose, "place": _of_place, "logsumexp": _of_logsumexp, "softmax": _of_softmax,
}  # fmt: skip
_REACH = {"logsumexp": _whole_row, "softmax": _whole_row}
