"""Making nodes: one function per operation, which finds the shape, and takes the obvious short cuts at once.

A short cut here is exact, or exact but for the last bit: 1 · x is x, literals are folded, a view of a view is one
view, and what is repeated (`expand`) is repeated as late as possible. So no pass has to clean up after another.

The operators of Node, and ARRAYS, the functions of the table on nodes, make nodes by these functions.

    >>> x = argument("x", (3,))
    >>> y = elementwise("tanh", x)
    >>> from microgradnet.compiler.plan import Plan
    >>> print(Plan((1 - y * y, -(-x)), ("slope", "same")))
    x: (3,) argument
    v1: (3,) = tanh x
    v2: (3,) = mul v1 v1
    slope: (3,) = sub 1.0 v2
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

from microgradnet.compiler.plan import (
    BOOLEAN,
    Node,
    Shape,
    Step,
    Table,
    broadcast,
    contracted,
    parts_of,
    shape_of_steps,
)
from microgradnet.compiler.sizes import Dim, Scaled, Size
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import RESULTS

__all__ = [
    "ARRAYS", "Sent", "accumulate", "argument", "choose", "contract", "elementwise", "expand", "logsumexp", "number",
    "peak", "place", "softmax", "stack", "table", "total", "view",
]  # fmt: skip


def argument(name: str, shape: Shape) -> Node:
    """An array that the caller gives."""
    return Node("argument", (), tuple(shape), name)


def number(x: float) -> Node:
    """A literal."""
    return Node("number", (), (), float(x))


def table(array: Any) -> Node:
    """An array known now; if all its numbers are equal, that number, expanded."""
    known = Table(array)
    first = known.array.reshape(-1)[:1]
    if first.size and (known.array.view("u8") == first.view("u8")).all():
        return expand(number(first[0]), known.array.shape)
    return Node("table", (), known.array.shape, known)


def as_node(x: Node | float) -> Node:
    """A plain number as a literal."""
    return x if isinstance(x, Node) else number(x)


# --- element by element --------------------------------------------------------------------------------------------


def elementwise(op: str, *operands: Node | float) -> Node:
    """A row of the table, a comparison, or truth, and, or, not, on arrays that go together."""
    nodes = [as_node(o) for o in operands]
    shape = broadcast(*[node.shape for node in nodes])
    small = [node.operands[0] if node.op == "expand" else node for node in nodes]
    if any(a is not b for a, b in zip(small, nodes, strict=True)):
        rank = len(shape)
        seen = [s if s.shape == () or len(s.shape) == rank else n for s, n in zip(small, nodes, strict=True)]
        return expand(_made(op, seen), shape)
    return _made(op, nodes)


def _made(op: str, nodes: list[Node]) -> Node:
    shortened = _SHORTER[op](*nodes) if op in _SHORTER else None
    if shortened is not None:
        return shortened
    shape = broadcast(*[node.shape for node in nodes])
    literals = [node.number for node in nodes if node.number is not None]
    if len(literals) == len(nodes):
        if op in RESULTS_OF_LITERALS:
            return number(RESULTS[op](*literals))
        if op in COMPARISONS:
            return _truth(COMPARISONS[op][1](*literals))
    return Node(op, tuple(nodes), shape)


RESULTS_OF_LITERALS = {name for name, row in TABLE.items() if not row.variadic and name != "where"}


def _truth(holds: bool) -> Node:
    return Node("number", (), (), 1.0 if holds else 0.0)


def _keeps_shape(kept: Node, other: Node) -> bool:
    return broadcast(kept.shape, other.shape) == kept.shape


def _add(a: Node, b: Node) -> Node | None:
    for x, y in ((a, b), (b, a)):
        if x.number == 0.0 and _keeps_shape(y, x):
            return y
    if b.op == "neg":
        return elementwise("sub", a, b.operands[0])
    if a.op == "neg":
        return elementwise("sub", b, a.operands[0])
    for x, y in ((a, b), (b, a)):
        if x.number is not None and x.number < 0.0:
            return elementwise("sub", y, number(-x.number))
    return None


def _sub(a: Node, b: Node) -> Node | None:
    if b.number == 0.0 and _keeps_shape(a, b):
        return a
    if a.number == 0.0 and _keeps_shape(b, a):
        return elementwise("neg", b)
    if b.op == "neg":
        return elementwise("add", a, b.operands[0])
    return None


def _mul(a: Node, b: Node) -> Node | None:
    if a.op == b.op == "number" and (a.detail.__class__ is Scaled or b.detail.__class__ is Scaled):
        return _scaled(a.detail, b.detail)
    for x, y in ((a, b), (b, a)):
        if x.number is None:
            continue
        if x.number == 1.0:
            return y
        if x.number == -1.0:
            return elementwise("neg", y)
        if y.op == "neg":
            return elementwise("mul", number(-x.number), y.operands[0])
        if y.op == "mul":
            for literal, rest in (y.operands, y.operands[::-1]):
                product = x.number * (literal.number or math.nan)
                if 1e-300 < abs(product) < 1e300:
                    return elementwise("mul", number(product), rest)
    if a.op == "neg" and b.op == "neg":
        return elementwise("mul", a.operands[0], b.operands[0])
    if a.op == "neg":
        return elementwise("neg", elementwise("mul", a.operands[0], b))
    if b.op == "neg":
        return elementwise("neg", elementwise("mul", a, b.operands[0]))
    if b.number is not None and a.number is None:
        return elementwise("mul", b, a)
    return None


def _scaled(x: float | Scaled, y: float | Scaled) -> Node | None:
    """The product of two literals that depend on N."""
    if not isinstance(x, Scaled):
        x, y = y, x
    if not isinstance(x, Scaled) or (isinstance(y, Scaled) and y.plus != x.plus):
        return None
    factor, power = (x.factor * y.factor, x.power + y.power) if isinstance(y, Scaled) else (x.factor * y, x.power)
    return number(factor) if power == 0 else Node("number", (), (), Scaled(factor, power, x.plus))


def _neg(x: Node) -> Node | None:
    if x.op == "neg":
        return x.operands[0]
    if x.op == "sub":
        return elementwise("sub", x.operands[1], x.operands[0])
    if x.op == "mul" and x.operands[0].number is not None:
        return elementwise("mul", number(-x.operands[0].number), x.operands[1])
    return None


def _div(a: Node, b: Node) -> Node | None:
    return a if b.number == 1.0 else None


def _where(c: Node, a: Node, b: Node) -> Node | None:
    if c.number is not None:
        chosen = a if c.number else b
        return chosen if broadcast(a.shape, b.shape) == chosen.shape else None
    if a is b or (a.number is not None and a.number == b.number):
        return a if a.shape == broadcast(c.shape, a.shape) else expand(a, broadcast(c.shape, a.shape))
    return None


def _pow(a: Node, b: Node) -> Node | None:
    return a if b.number == 1.0 else None


def _not(c: Node) -> Node | None:
    if c.number is not None:
        return _truth(not c.number)
    return c.operands[0] if c.op == "not" else None


def _and(a: Node, b: Node) -> Node | None:
    for x, y in ((a, b), (b, a)):
        if x.number is not None and _keeps_shape(y, x):
            return y if x.number else expand(_truth(False), y.shape)
    return a if a is b else None


def _or(a: Node, b: Node) -> Node | None:
    for x, y in ((a, b), (b, a)):
        if x.number is not None and _keeps_shape(y, x):
            return expand(_truth(True), y.shape) if x.number else y
    return a if a is b else None


def _truth_of(x: Node) -> Node | None:
    if x.number is not None:
        return _truth(bool(x.number))
    return x if x.op in BOOLEAN else None


_SHORTER: dict[str, Callable[..., Node | None]] = {
    "add": _add, "sub": _sub, "mul": _mul, "neg": _neg, "div": _div, "pow": _pow, "pow_const": _pow,
    "where": _where, "not": _not, "and": _and, "or": _or, "truth": _truth_of,
}  # fmt: skip


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


def expand(a: Node, shape: Shape) -> Node:
    """Repeated along its axes of size 1, or as a single number, to this shape."""
    if a.shape == tuple(shape):
        return a
    if a.op == "expand":
        a = a.operands[0]
    return Node("expand", (a,), tuple(shape))


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


# --- rules on arrays -----------------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """A partial that is sent only where the mask holds."""

    partial: Node
    mask: Node


class _Arrays:
    """The functions of the table on nodes, what its rules call `f`. Composite operations keep their name.

    A choice between a partial and None, "nothing is sent", is a `Sent`.

    >>> x = argument("x", (3,))
    >>> (slope,) = TABLE["relu"].partials(ARRAYS, x, x)
    >>> slope.partial.number, slope.mask.op
    (1.0, 'gt')
    """

    def __getattr__(self, name: str) -> Callable[..., Node]:
        if name not in TABLE:
            raise AttributeError(name)
        return lambda *operands: elementwise(name, *operands)

    def is_zero(self, constant: Node) -> bool:
        """Whether a constant, which is a literal, is 0."""
        return constant.number == 0.0

    def where(self, condition: Node | bool, a: Any, b: Any) -> Any:
        """A choice; one of nothing is a mask."""
        if isinstance(condition, bool):
            return a if condition else b
        holds = elementwise("truth", condition)
        if a is None and b is None:
            return None
        if a is None:
            return _sent(b, elementwise("not", holds))
        if b is None:
            return _sent(a, holds)
        return elementwise("where", holds, a, b)


def _sent(partial: Any, mask: Node) -> Sent:
    if isinstance(partial, Sent):
        return Sent(partial.partial, elementwise("and", mask, partial.mask))
    return Sent(as_node(partial), mask)


ARRAYS = _Arrays()


def _operator(op: str, reflected: bool = False) -> Callable[..., Node]:
    if reflected:
        return lambda self, other: elementwise(op, other, self)
    return lambda self, *other: elementwise(op, self, *other)


for _row in TABLE.values():
    if _row.dunder and f"__{_row.dunder}__" in vars(Node):
        setattr(Node, f"__{_row.dunder}__", _operator(_row.name))
        setattr(Node, f"__r{_row.dunder}__", _operator(_row.name, reflected=True))
for _op in COMPARISONS:
    setattr(Node, f"__{_op}__", _operator(_op))


def _power(a: Node, b: Node | float) -> Node:
    return elementwise("pow" if isinstance(b, Node) else "pow_const", a, b)  # as on Values: a number is no operand


def _power_of_number(b: Node, a: float) -> Node:
    return elementwise("rpow_const", a, b)


setattr(Node, "__pow__", _power)  # noqa: B010
setattr(Node, "__rpow__", _power_of_number)  # noqa: B010
