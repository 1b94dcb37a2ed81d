"""Making nodes that work element by element, and the operators and functions of the table on nodes.

A short cut here is exact, or exact but for the last bit: 1 · x is x, literals are folded, and what is repeated
(`expand`) is repeated as late as possible. So no pass has to clean up after another.

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
from collections.abc import Callable
from typing import Any, NamedTuple

from microgradnet.compiler.plan import BOOLEAN, Node, Shape, Table, broadcast
from microgradnet.compiler.sizes import Scaled
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import RESULTS

__all__ = ["ARRAYS", "Sent", "argument", "as_node", "elementwise", "expand", "number", "table"]


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
        if y.op == "not" and y.operands[0] is x:
            return expand(_truth(True), y.shape)
    return a if a is b else None


def _truth_of(x: Node) -> Node | None:
    if x.number is not None:
        return _truth(bool(x.number))
    return x if x.op in BOOLEAN else None


_SHORTER: dict[str, Callable[..., Node | None]] = {
    "add": _add, "sub": _sub, "mul": _mul, "neg": _neg, "div": _div, "pow": _pow, "pow_const": _pow,
    "where": _where, "not": _not, "and": _and, "or": _or, "truth": _truth_of,
}  # fmt: skip


def expand(a: Node, shape: Shape) -> Node:
    """Repeated along its axes of size 1, or as a single number, to this shape."""
    if a.shape == tuple(shape):
        return a
    if a.op == "expand":
        a = a.operands[0]
    return Node("expand", (a,), tuple(shape))


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
