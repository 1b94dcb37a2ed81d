"""What a page must show and compute, from the Python engine; and random expressions over the whole table.

`expected_steps` is written here a second time, from the words of the contract (numerical-contract.md, accumulation):
the page's own list of steps comes from elsewhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import oracles
from hypothesis import strategies as st

from microgradnet import functions as F
from microgradnet.graph import Graph, operands_of
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import PARTIALS, RESULTS
from microgradnet.value import Value


class Expected(NamedTuple):
    """A step: the node that its card is about, the numbers that it must show by their names, what is known after it."""

    kind: str
    node: int
    numbers: dict[str, float]
    data: dict[int, float]
    gradient: dict[int, float]


def expected_steps(graph: Graph) -> list[Expected]:
    """Start; forward by operations; the seed; backward by edges."""
    data = {i: x for i, (op, x) in enumerate(zip(graph.operations, graph.data, strict=True)) if not op}
    gradient: dict[int, float] = {}
    out: list[Expected] = []

    def step(kind: str, node: int, **numbers: float) -> None:
        out.append(Expected(kind, node, numbers, dict(data), dict(gradient)))

    step("start", -1)
    for node, op in enumerate(graph.operations):
        if op:
            data[node] = graph.data[node]
            step("forward", node, data=graph.data[node])
    gradient[len(graph) - 1] = 1.0
    step("seed", len(graph) - 1)
    for reader in reversed(range(len(graph))):
        if reader not in gradient:
            continue
        upstream = gradient[reader]
        for operand, local in zip(graph.operands[reader], graph.partials(reader), strict=True):
            if type(operand) is not int:
                continue
            if local is None:
                step("backward", operand, upstream=upstream)
                continue
            product = local * upstream
            gradient[operand] = gradient[operand] + product if operand in gradient else product
            step("backward", operand, upstream=upstream, local=local, product=product, sum=gradient[operand])
    return out


# --- random expressions ----------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, -3.0]),
    st.floats(-4.0, 4.0).map(lambda x: round(x, 3)),
    st.floats(-50.0, 50.0),
)


@st.composite
def expressions(draw: st.DrawFn, op: str) -> Value:
    """A Value made from leaves x0, x1 … by this operation and up to six more of the table; all of them are used."""
    pool: list[Any] = [Value(draw(NUMBERS), f"x{i}") for i in range(draw(st.integers(1, 4)))]
    for name in (op, *draw(st.lists(st.sampled_from(sorted(TABLE)), max_size=6))):
        pool.append(_operation(draw, name, pool))
    unused = [v for v in pool if not any(v in values_among(w) for w in pool)]
    return unused[0] * 1.0 if len(unused) == 1 else F.sum(unused)


def values_among(value: Value) -> tuple[Any, ...]:
    """The Values among what a Value was made from, conditions seen through."""
    out: list[Any] = []
    for o in operands_of(value):
        if o.__class__ is not float:
            out += values_among(o) if o.op in COMPARISONS else [o]
    return tuple(out)


def _operation(draw: st.DrawFn, op: str, pool: Sequence[Value]) -> Value:
    def value() -> Value:
        return draw(st.sampled_from(pool))

    def any_number() -> Any:
        return value() if draw(st.integers(0, 3)) else draw(NUMBERS)

    if op == "where":
        compare = COMPARISONS[draw(st.sampled_from(sorted(COMPARISONS)))][1]
        return F.where(compare(value(), any_number()), value(), any_number())
    row = TABLE[op]
    if row.variadic:
        count = draw(st.integers(1, 3))
        x = [value(), *[any_number() for _ in range(count)]]
        if op in ("take", "softmax"):
            return oracles.written(op)(*x, draw(st.integers(0, count)))
        if op == "dot":
            return F.dot(x, [any_number() for _ in x], any_number() if draw(st.booleans()) else None)
        return getattr(F, op)(x)
    constant = oracles.constant_places(op, len(row.operands))
    operands = [draw(NUMBERS) if k in constant else any_number() for k in range(len(row.operands))]
    if not any(isinstance(o, Value) for o in operands):
        operands[next(k for k in range(len(operands)) if k not in constant)] = value()
    return oracles.written("pow" if op.endswith("pow_const") else op)(*operands)


# --- how near the page has to be -------------------------------------------------------------------------------------

Numbers = Sequence[float | None]


def computed(graph: Graph, leaves: Mapping[int, float], shake: random.Random | None = None) -> tuple[Numbers, Numbers]:
    """Data and gradient of every node at these leaves; None: nothing arrives. `shake`: each result that is not exact
    by IEEE (every function's, none of + - * /) is moved by up to an ulp, as another library of functions might."""
    data: list[Any] = []
    for node, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        numbers = [data[o] if type(o) is int else o for o in operands]
        if not op:
            data.append(leaves.get(node, graph.data[node]))
        elif op in COMPARISONS:
            data.append(COMPARISONS[op][1](*numbers))
        else:
            data.append(_shaken(RESULTS[op](*numbers), op, shake))

    def partials(node: int) -> tuple[Any, ...]:
        op, operands = graph.operations[node], graph.operands[node]
        if op in COMPARISONS:
            return (None,) * len(operands)
        told = PARTIALS[op](data[node], *[data[o] if type(o) is int else o for o in operands])
        return tuple([
            None if type(o) is not int else p if p is None else _shaken(p, op, shake)
            for o, p in zip(operands, told, strict=True)
        ])  # fmt: skip

    return data, graph.reverse(partials, 1.0)


EXACT = {
    "add", "sub", "mul", "div", "neg", "sum", "mean", "dot", "relu", "leaky_relu", "maximum", "minimum", "clip", "take",
    "where", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt",
}  # fmt: skip


def _shaken(x: float, op: str, shake: random.Random | None) -> float:
    if shake is None or op in EXACT or not math.isfinite(x):
        return x
    return x + shake.choice((-1.0, 0.0, 1.0)) * math.ulp(x)


def apart(graph: Graph, leaves: Mapping[int, float], data: Numbers, gradient: Numbers) -> list[str]:
    """Where numbers differ from Python's by more than 1e-12 of their size, and by more than a last bit would explain.

    JavaScript and C have each their own exp and tanh, which may differ in the last bit, and `1 - y²` or a difference
    may magnify that. So the computation is done some times more with last bits moved at random; where that moves a
    number by more than 1e-12, the page's has to be within that (times 8, as chance is kind).
    """
    wanted = computed(graph, leaves)
    shaken = [computed(graph, leaves, random.Random(seed)) for seed in range(6)]
    out = []
    for what, got, numbers, moved in (
        ("data", data, wanted[0], [s[0] for s in shaken]),
        ("gradient", gradient, wanted[1], [s[1] for s in shaken]),
    ):
        for node, (a, b, others) in enumerate(zip(got, numbers, zip(*moved, strict=True), strict=True)):
            if not near(a, b, others):
                out.append(f"{what} of {graph.names[node]} is {a!r}, in Python {b!r}; with last bits moved {others}")
    return out


def near(got: float | None, wanted: float | None, moved: Sequence[float | None] = ()) -> bool:
    """Equal to 1e-12, or within what `moved` is away from `wanted`; anything goes where that jumps."""
    numbers = [got, wanted, *moved]
    if any(x is not None and not math.isfinite(x) for x in numbers) or None in numbers:
        return _kind(got) in {_kind(wanted), *map(_kind, moved)}
    sway = max((abs(x - wanted) for x in moved), default=0.0)
    return abs(got - wanted) <= max(1e-12 * abs(wanted), 8 * sway, 2e-323)


def _kind(x: float | None) -> str:
    return "nothing" if x is None else "finite" if math.isfinite(x) else repr(float(x))
