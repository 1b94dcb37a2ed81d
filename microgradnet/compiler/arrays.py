"""Making nodes: one function per operation, which finds the shape, and takes the obvious short cuts at once.

A view of a view is one view, a sum over what is repeated is a product, a sum of products that needs no sum is a
product. Those that work element by element are made in `elements`; passes take all of them from here.

    >>> from microgradnet.compiler.plan import Plan
    >>> X, w = argument("X", (5, 3)), argument("w", (3,))
    >>> print(Plan((contract(X, w, "ik,k->i"), contract(expand(number(2.0), (5, 3)), w, "ik,k->i")), ("h", "same")))
    X: (5, 3) argument
    w: (3,) argument
    h: (5,) = contract X w ik,k->i
    v1: () = sum w (0,)
    v2: () = mul 2.0 v1
    same: (5,) = expand v2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from microgradnet.compiler.elements import (
    ARRAYS,
    Sent,
    argument,
    as_node,
    elementwise,
    expand,
    number,
    table,
)
from microgradnet.compiler.plan import Node, Shape, Step, contracted, parts_of, shape_of_steps
from microgradnet.compiler.sizes import Dim, Scaled, Size

__all__ = [
    "ARRAYS", "Sent", "accumulate", "argument", "as_node", "choose", "contract", "dropped", "elementwise", "expand",
    "inserted", "logsumexp", "number", "peak", "place", "softmax", "stack", "table", "total", "view",
]  # fmt: skip


# --- the same numbers seen otherwise -------------------------------------------------------------------------------


def view(a: Node, *steps: Step) -> Node:
    """The array after these steps; a view of a view is one view, steps that change nothing drop out."""
    if a.op == "neg":
        return -view(a.operands[0], *steps)
    if a.op == "view":
        a, steps = a.operands[0], (*a.detail, *steps)
    shape = a.shape
    kept: list[tuple[Step, Shape]] = []  # with the shape before
    for step in steps:
        after = shape_of_steps(shape, [step])
        if kept and step[0] == "reshape" and kept[-1][0][0] == "reshape":
            _, shape = kept.pop()
        if kept and _undoes(step, *kept[-1], after):
            kept.pop()
        elif not _idle(step, shape, after):
            kept.append((step, shape))
        shape = after
    if not kept:
        return a
    if a.op == "number" or (a.op == "expand" and a.operands[0].shape == ()):
        return expand(a if a.op == "number" else a.operands[0], shape)
    return Node("view", (a,), shape, tuple(step for step, _ in kept))


def _idle(step: Step, before: Shape, after: Shape) -> bool:
    """Whether a step changes nothing."""
    kind, how = step
    if kind == "slice":
        return after == before and all(e[2] == 1 for e in how)
    if kind == "transpose":
        return list(how) == list(range(len(before)))
    return (kind == "reshape" and after == before) or (kind == "insert" and not how)


def _undoes(step: Step, last: Step, before: Shape, after: Shape) -> bool:
    """Whether a slice drops the very axes that the last step inserted, and nothing else."""
    if last[0] != "insert" or step[0] != "slice" or before != after:
        return False
    return all(
        (i in last[1]) == (e.__class__ is int) and (e.__class__ is int or e[2] == 1) for i, e in enumerate(step[1])
    )


def inserted(a: Node, axes: Iterable[int]) -> Node:
    """New axes of size 1 at these places of the result."""
    return view(a, ("insert", tuple(sorted(axes))))


def dropped(a: Node, axes: Iterable[int]) -> Node:
    """The array without these axes, which are of size 1."""
    without = set(axes)
    return (
        view(a, ("slice", tuple(0 if i in without else (0, size, 1) for i, size in enumerate(a.shape))))
        if without
        else a
    )


# --- sums ----------------------------------------------------------------------------------------------------------


def total(a: Node, axes: Sequence[int]) -> Node:
    """The sum over these axes, which disappear."""
    axes = tuple(sorted(axes))
    if not axes:
        return a
    if a.op == "neg":
        return -total(a.operands[0], axes)
    shape = tuple(size for i, size in enumerate(a.shape) if i not in axes)
    if a.op == "view" and len(axes) == len(a.shape) and a.detail[-1][0] in ("transpose", "reshape"):
        straight = view(a.operands[0], *a.detail[:-1])  # the sum of everything, however it lies
        return total(straight, range(len(straight.shape)))
    if a.op == "view" and a.detail[-1][0] == "transpose":
        order = a.detail[-1][1]
        kept = [order[i] for i in range(len(order)) if i not in axes]
        if kept == sorted(kept):
            return total(view(a.operands[0], *a.detail[:-1]), [order[i] for i in axes])
    if a.op == "expand":
        inner = a.operands[0]
        if inner.shape == ():
            return expand(_many(a.shape[i] for i in axes) * inner, shape)
        repeated = [i for i in axes if inner.shape[i] == 1 and a.shape[i] != 1]
        if repeated:
            rest = dropped(total(inner, [i for i in axes if i not in repeated]), _after(repeated, axes))
            return expand(_many(a.shape[i] for i in repeated) * rest, shape)
    if a.op == "place" and len(shape) < len(a.shape) and axes[-1] == len(a.shape) - 1:
        return total(a.operands[0], axes[:-1])  # all others are 0
    single = [i for i in axes if a.shape[i] == 1]
    if single:
        return total(dropped(a, single), [i - sum(s < i for s in single) for i in axes if i not in single])
    return Node("sum", (a,), shape, axes)


def _many(sizes: Iterable[Size]) -> Node:
    """How many elements axes of these sizes have, as a literal, or a product of some that depend on N."""
    sizes = list(sizes)
    result = number(prod(size for size in sizes if isinstance(size, int)))
    for size in sizes:
        if isinstance(size, Dim):
            times = Node("number", (), (), Scaled(float(size.times), 1))
            result = result * (times + float(size.plus))
    return result


def _after(kept: Iterable[int], axes: Iterable[int]) -> list[int]:
    """The places of the `kept` axes after the others of `axes` have disappeared."""
    gone = set(axes) - set(kept)
    return [i - sum(g < i for g in gone) for i in kept]


def contract(a: Node, b: Node, letters: str) -> Node:
    """The sum of products over the letters that the result has not, as np.einsum.

    A letter of the result may be in one operand only; one that is summed may, too. What needs no sum of products
    becomes a product, or a sum.
    """
    left, right, result = parts_of(letters)
    shape = contracted(a.shape, b.shape, letters)
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    a, left = _straightened(*_unrepeated(a, left))
    b, right = _straightened(*_unrepeated(b, right))
    summed = [letter for letter in sizes if letter not in result]
    count = _many(sizes[letter] for letter in summed if letter not in left + right)
    a, left = _summed_out(a, left, [c for c in summed if c not in right])
    b, right = _summed_out(b, right, [c for c in summed if c not in left])
    present = "".join(c for c in result if c in left + right)
    if any(c in left for c in summed):
        both = Node("contract", (a, b), tuple(sizes[c] for c in present), f"{left},{right}->{present}")
    else:
        both = _aligned(a, left, present) * _aligned(b, right, present)
    return expand(_aligned(count * both, present, result), shape)


def _unrepeated(a: Node, letters: str) -> tuple[Node, str]:
    """The array without the axes along which it is repeated, and the letters that are left."""
    if a.op != "expand":
        return a, letters
    inner = a.operands[0]
    if inner.shape == ():
        return inner, ""
    repeated = [i for i, size in enumerate(inner.shape) if size == 1 and a.shape[i] != 1]
    return dropped(inner, repeated), "".join(c for i, c in enumerate(letters) if i not in repeated)


def _straightened(a: Node, letters: str) -> tuple[Node, str]:
    """Without a transpose at the end of a view: the letters say which axis is which."""
    if a.op != "view" or a.detail[-1][0] != "transpose":
        return a, letters
    axes = a.detail[-1][1]
    return view(a.operands[0], *a.detail[:-1]), "".join(letters[axes.index(i)] for i in range(len(axes)))


def _summed_out(a: Node, letters: str, summed: Sequence[str]) -> tuple[Node, str]:
    axes = [i for i, c in enumerate(letters) if c in summed]
    return total(a, axes), "".join(c for c in letters if c not in summed)


def _aligned(a: Node, letters: str, result: str) -> Node:
    """The array with its axes in the order of the result's letters, and of size 1 where it has not the letter."""
    if not letters:
        return a
    order = tuple(letters.index(c) for c in result if c in letters)
    return inserted(view(a, ("transpose", order)), [i for i, c in enumerate(result) if c not in letters])


def accumulate(shape: Shape, parts: Iterable[tuple[Sequence[Step], Node]]) -> Node:
    """Zeros of this shape, to which each part is added at its view; parts at the same view are added up before."""
    at_view: dict[tuple[Step, ...], Node] = {}
    for steps, part in parts:
        key = tuple(steps)
        at_view[key] = at_view[key] + part if key in at_view else part
    if list(at_view) == [()]:
        return expand(at_view[()], shape)
    views = sorted(at_view, key=len)  # the whole array first
    small = [at_view[v].operands[0] if at_view[v].op == "expand" else at_view[v] for v in views]
    return Node("accumulate", tuple(small), tuple(shape), tuple(views))


# --- along the last axis -------------------------------------------------------------------------------------------


def stack(parts: Sequence[Node]) -> Node:
    """The parts one behind the other along the last axis; they are equal in the others."""
    if len(parts) == 1:
        return parts[0]
    leading = parts[0].shape[:-1]
    return Node("stack", tuple(parts), (*leading, sum(part.shape[-1] for part in parts)))


def peak(a: Node) -> Node:
    """The largest along the last axis, nan if one is."""
    return Node("peak", (a,), a.shape[:-1])


def softmax(a: Node) -> Node:
    """exp(x) / Σ exp(x) along the last axis."""
    return Node("softmax", (a,), a.shape)


def logsumexp(a: Node) -> Node:
    """log Σ exp(x) along the last axis."""
    return Node("logsumexp", (a,), a.shape[:-1])


def choose(values: Node, index: Node) -> Node:
    """Along the last axis the value at the index, a whole number from 0 (as a float)."""
    return Node("choose", (values, index), values.shape[:-1])


def place(value: Node, index: Node, n: int) -> Node:
    """Zeros along a new last axis of `n` elements, and the value at the index."""
    value = expand(value, index.shape)
    return Node("place", (value, index), (*index.shape, n), n)
