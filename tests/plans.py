"""Plans for tests: the eager engine as their referee, and plans at random.

`eagerly` runs a plan element by element with `Value`s and sends derivatives back by `Value.backward`: so it knows
nothing of adjoints of arrays, of masks that were combined, or of what is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import numpy as np
from oracles import written

from microgradnet import functions as F
from microgradnet.compiler.arrays import (
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
    inserted,
    logsumexp,
    number,
    place,
    softmax,
    stack,
    total,
    view,
)
from microgradnet.compiler.plan import BOOLEAN, Node, Plan, Table, broadcast, parts_of, stepped
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import RESULTS
from microgradnet.value import Value

# --- the eager engine ------------------------------------------------------------------------------------------------


def eagerly(plan: Plan, wrt: str = "p", **arguments: Any) -> tuple[float, Any]:
    """The first result, a single number, and its derivatives by the argument `wrt`, by the eager engine."""
    leaves = _objects([Value(x) for x in np.ravel(arguments[wrt])], np.shape(arguments[wrt]))
    known: dict[Node, Any] = {}
    for node in plan.nodes:
        operands = [known[o] for o in node.operands]
        if node.op == "argument":
            given = np.asarray(arguments[node.detail], float)
            known[node] = leaves if node.detail == wrt else _objects(given.ravel().tolist(), given.shape)
        elif node.op in _STRUCTURAL:
            known[node] = _STRUCTURAL[node.op](node, *operands)
        else:
            known[node] = _each(_scalar(node.op), operands)
        assert known[node].shape == node.shape, (node, known[node].shape)
    loss = known[plan.results[0]][()]
    if isinstance(loss, Value):
        loss.backward()
        loss = loss.data
    return loss, np.array([x.grad for x in leaves.ravel()]).reshape(leaves.shape)


def _objects(items: Sequence[Any], shape: Sequence[int]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(tuple(shape))


def _each(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    arrays = np.broadcast_arrays(*operands)
    return _objects([function(*row) for row in zip(*[a.ravel() for a in arrays], strict=True)], arrays[0].shape)


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


_LOGIC: dict[str, Callable[..., Any]] = {
    **{op: function for op, (_, function) in COMPARISONS.items()},
    "truth": bool, "not": lambda a: not a, "and": lambda a, b: a and b, "or": lambda a, b: a or b,
}  # fmt: skip


def _scalar(op: str) -> Callable[..., Any]:
    if op in _LOGIC:
        return lambda *x: _LOGIC[op](*map(_data, x))
    return lambda *x: written(op)(*x) if any(isinstance(v, Value) for v in x) else RESULTS[op](*x)


def _added(items: Sequence[Any]) -> Any:
    result = items[0]
    for item in items[1:]:
        result = result + item
    return result


def _view(node: Node, a: Any) -> Any:
    places = np.asarray(stepped(np.arange(a.size).reshape(a.shape), node.detail))
    return _objects([a.reshape(-1)[i] for i in places.ravel()], places.shape)


def _sum(node: Node, a: Any) -> Any:
    axes = [*[i for i in range(a.ndim) if i not in node.detail], *node.detail]
    rows = a.transpose(axes).reshape(math.prod(node.shape), -1)
    return _objects([_added(list(row)) for row in rows], node.shape)


def _contract(node: Node, a: Any, b: Any) -> Any:
    left, right, result = parts_of(node.detail)
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    summed = [c for c in sizes if c not in result]
    items = []
    for outer in product(*[range(sizes[c]) for c in result]):
        terms = []
        for inner in product(*[range(sizes[c]) for c in summed]):
            at = dict(zip([*result, *summed], [*outer, *inner], strict=True))
            terms.append(a[tuple(at[c] for c in left)] * b[tuple(at[c] for c in right)])
        items.append(_added(terms))
    return _objects(items, node.shape)


def _accumulate(node: Node, *parts: Any) -> Any:
    places = np.arange(math.prod(node.shape)).reshape(node.shape)
    items: list[list[Any]] = [[] for _ in range(places.size)]
    for steps, part in zip(node.detail, parts, strict=True):
        seen = stepped(places, steps)
        for at, item in zip(seen.ravel(), np.broadcast_to(part, seen.shape).ravel(), strict=True):
            items[at].append(item)
    return _objects([_added(found) if found else 0.0 for found in items], node.shape)


def _rows(function: Callable[..., Any], node: Node, *operands: Any) -> Any:
    """A function of the last axis of the first operand, and of single items of the others."""
    values, *others = operands
    found = [
        function(list(row), *[o.reshape(-1)[i] for o in others])
        for i, row in enumerate(values.reshape(-1, values.shape[-1]))
    ]
    return _objects([item for row in found for item in row], node.shape)


def _softmax(row: list[Any]) -> list[Any]:
    if any(isinstance(v, Value) for v in row):
        return F.softmax(row)
    return [RESULTS["softmax"](*row, i) for i in range(len(row))]


_STRUCTURAL: dict[str, Callable[..., Any]] = {
    "number": lambda node: _objects([node.detail], ()),
    "table": lambda node: _objects(node.detail.array.ravel().tolist(), node.shape),
    "view": _view,
    "expand": lambda node, a: np.broadcast_to(a, node.shape),
    "sum": _sum,
    "contract": _contract,
    "accumulate": _accumulate,
    "stack": lambda node, *parts: np.concatenate(parts, -1),
    "peak": lambda node, a: _rows(lambda row: [RESULTS["maximum"](*map(_data, row[:2]))], node, a),
    "softmax": lambda node, a: _rows(_softmax, node, a),
    "logsumexp": lambda node, a: _rows(lambda row: [_scalar("logsumexp")(*row)], node, a),
    "choose": lambda node, a, index: _rows(lambda row, i: [row[int(i)]], node, a, index),
    "place": lambda node, a, index: _rows(
        lambda row, i: [row[0] if j == i else 0.0 for j in range(node.detail)], node, a[..., None], index
    ),
}


# --- plans at random -------------------------------------------------------------------------------------------------

UNARY = sorted(
    name for name, row in TABLE.items() if len(row.operands) - len(row.constants) == 1 and not row.variadic
)  # leaky_relu, elu, pow_const and rpow_const among them
SMOOTH = ["tanh", "sin", "cos", "sigmoid", "softplus", "atan", "asinh", "erf", "gelu", "silu", "neg"]
BINARY = sorted(
    name for name, row in TABLE.items() if len(row.operands) == 2 and not row.constants and not row.variadic
)
CONSTANTS = {"leaky_relu": (0.1, 0.0), "elu": (1.0, 0.5), "pow_const": (2.0, 3.0, 0.0, 1.0, 0.5, -1.0),
             "rpow_const": (2.0, 0.0, 0.5)}  # fmt: skip


class Maker:
    """Makes nodes at random from those that it made before; `p` and `X` are arguments, `k` holds indices 0 and 1."""

    def __init__(self, random: Random, smooth: bool, contractions: bool) -> None:
        self.random, self.smooth = random, smooth
        self.arguments = {
            "p": argument("p", (6,)), "X": argument("X", (3, 2)), "s": argument("s", ()), "k": argument("k", (3,)),
        }  # fmt: skip
        p = self.arguments["p"]
        self.pool = [
            p, view(p, ("slice", ((0, 6, 2),))), view(p, ("reshape", (3, 2))), view(p, ("slice", (4,))),
            self.arguments["X"], self.arguments["s"],
        ]  # fmt: skip
        self.ways = [self.unary, self.unary, self.binary, self.binary, self.look, self.look, self.summed, self.last]
        self.ways += [self.gathered, self.scattered, self.stacked, self.repeated]
        if not smooth:
            self.ways += [self.masked, self.masked]
        if contractions:
            self.ways += [self.contracted, self.contracted]

    def any(self) -> Node:
        """One of the pool, late ones more often."""
        return self.pool[max(self.random.randrange(len(self.pool)), self.random.randrange(len(self.pool)))]

    def unary(self) -> Node:
        op = self.random.choice(SMOOTH if self.smooth else UNARY)
        x = self.any()
        constants = [number(self.random.choice(CONSTANTS[op]))] if op in CONSTANTS else []
        return elementwise(op, *constants, x) if op == "rpow_const" else elementwise(op, x, *constants)

    def pair(self) -> tuple[Node, Node]:
        a, b = self.any(), self.any()
        try:
            broadcast(a.shape, b.shape)
        except TypeError:
            b = total(b, range(len(b.shape)))
        return a, b

    def binary(self) -> Node:
        a, b = self.pair()
        if self.random.random() < 0.2:
            b = number(self.random.choice((2.0, -1.0, 0.5, 0.0, 1.0)))
        simple = self.smooth or b.op == "number"  # of pow, a number is no operand
        op = self.random.choice(["add", "sub", "mul"] if simple else [*BINARY, "mul", "add", "sub"])
        return elementwise(op, *((a, b) if self.random.random() < 0.5 else (b, a)))

    def masked(self) -> Node:
        a, b = self.pair()
        try:
            c = self.any()
            broadcast(a.shape, b.shape, c.shape)
        except TypeError:
            c = a
        c = elementwise(self.random.choice(sorted(COMPARISONS)), c, self.random.choice((0.0, 1.0)))
        return elementwise("where", c, *((a, b) if self.random.random() < 0.5 else (b, a)))

    def look(self) -> Node:
        x = self.any()
        rank = len(x.shape)
        way = self.random.randrange(4)
        if way == 0:
            return view(x, ("transpose", tuple(self.random.sample(range(rank), rank))))
        if way == 1 and rank < 4:
            return inserted(x, [self.random.randint(0, rank)])
        if way == 2:
            starts = [self.random.randrange(size) for size in x.shape]
            whole = [(start, size, 1 + i % 2) for i, (start, size) in enumerate(zip(starts, x.shape, strict=True))]
            return view(x, ("slice", tuple(self.random.choice([*[entry] * 2, entry[0]]) for entry in whole)))
        size = math.prod(x.shape)
        rows = self.random.choice([n for n in range(1, size + 1) if size % n == 0])
        return view(x, ("reshape", self.random.choice([(size,), (rows, size // rows)])))

    def gathered(self) -> Node:
        x = self.any()
        if not x.shape:
            x = self.arguments["p"]
        size = x.shape[-1]
        return view(x, ("gather", Table([self.random.randrange(size) for _ in range(self.random.randint(1, 4))])))

    def scattered(self) -> Node:
        size = self.random.randint(2, 5)
        parts: list[tuple[Any, Node]] = []
        for _ in range(self.random.randint(1, 3)):
            x = self.any()
            x = total(x, range(1, len(x.shape))) if x.shape else expand(x, (2,))
            indices = [self.random.randrange(size) for _ in range(x.shape[0])]
            parts.append(((("gather", Table(indices)),), x))
        if self.random.random() < 0.5:
            parts.append(((), number(0.5) * view(self.arguments["p"], ("slice", (1,)))))
        return accumulate((size,), parts)

    def summed(self) -> Node:
        x = self.any()
        return total(x, [i for i in range(len(x.shape)) if self.random.random() < 0.5])

    def repeated(self) -> Node:
        x = self.any()
        return expand(x, (2, 3)) if not x.shape else expand(x, tuple(2 if size == 1 else size for size in x.shape))

    def stacked(self) -> Node:
        x = self.any()
        same = [y for y in self.pool if y.shape[:-1] == x.shape[:-1] and y.shape]
        if not same:
            return stack([expand(x, (1,)), expand(self.pool[3], (1,))])
        return stack([self.random.choice(same) for _ in range(self.random.randint(1, 3))])

    def last(self) -> Node:
        x, k = self.any(), self.arguments["k"]
        x = x if x.shape else expand(x, (2,))
        way = self.random.randrange(4)
        if way == 0:
            return softmax(x)
        if way == 1:
            return logsumexp(x)
        if x.shape == (3,):
            return place(x, k, 2)
        if x.shape[:-1] == (3,) and x.shape[-1] >= 2:
            return choose(x, k)
        return choose(view(self.arguments["p"], ("reshape", (3, 2))) * total(x, range(len(x.shape))), k)

    def contracted(self) -> Node:
        a, b = self.any(), self.any()
        left = "abcd"[: len(a.shape)]
        right = ""
        for size in b.shape:
            fits = [c for c, n in zip(left, a.shape, strict=True) if n == size and c not in right]
            right += self.random.choice(fits) if fits and self.random.random() < 0.7 else "efgh"[len(right)]
        result = [c for c in dict.fromkeys(left + right) if self.random.random() < 0.5]
        self.random.shuffle(result)
        return contract(a, b, f"{left},{right}->{''.join(result)}")

    def plan(self, steps: int) -> Plan:
        """A plan of about so many nodes, whose loss is a sum over several of them."""
        for _ in range(steps):
            node = self.random.choice(self.ways)()
            if node.op not in BOOLEAN and 0 < math.prod(node.shape) <= 40 and len(node.shape) <= 4:
                self.pool.append(node)
        loss = number(0.0)
        for _ in range(2):
            x = self.any()
            if not self.smooth and self.random.random() < 0.5:
                x = self.random.choice([lambda x: elementwise("relu", x), lambda x: elementwise("minimum", x, 1.0)])(x)
            loss = loss + total(x, range(len(x.shape)))
        return Plan((loss,), ("loss",), {self.pool[-1]: "last one"})
