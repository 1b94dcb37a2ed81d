"""The numerical contract on compiled programs: every row of the CSV, and every trap of masks, on every engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
from corpus import ENGINES, compiled, eager, unlike
from oracles import CASES, Case, constant_places, faults, written

from microgradnet import (
    Value,
    abs,
    atan2,
    clip,
    exp,
    floor,
    gelu,
    hypot,
    log,
    logsumexp,
    maximum,
    minimum,
    pow,
    relu,
    softplus,
    sqrt,
    take,
    tanh,
    where,
)  # fmt: skip
from microgradnet.ops import TABLE

inf, nan = math.inf, math.nan
EXTRAS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in ("numba", "jax")
]
"""Engines that take a second or more to compile."""
TINY = 2.2250738585072014e-308  # below it XLA, what JAX compiles with, takes numbers for 0
ROWS: dict[str, list[Case]] = {op: [case for case in CASES if case.op == op] for op in {c.op: 0 for c in CASES}}
KNOWN = [op for op in ROWS if op in TABLE]


# --- the CSV ----------------------------------------------------------------------------------------------------------


def loss_of_one(case: Case) -> Callable[..., Any]:
    """The operation alone: parameters are the operands, but for those that must be numbers."""
    fixed = constant_places(case.op, len(case.operands))

    def loss(p: Any) -> Any:
        supply = iter(p)
        return written(case.op)(*[x if i in fixed else next(supply) for i, x in enumerate(case.operands)])

    return loss


def partials_at(case: Case, derivatives: list[float]) -> list[float | None]:
    """Derivatives by the parameters, one for every operand."""
    fixed, supply = constant_places(case.op, len(case.operands)), iter(derivatives)
    return [None if i in fixed else next(supply) for i in range(len(case.operands))]


def varied(case: Case) -> list[float]:
    return [x for i, x in enumerate(case.operands) if i not in constant_places(case.op, len(case.operands))]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("op", KNOWN)
def test_a_row_alone(op, engine):
    """Each row is a program of one operation."""
    out = []
    for case in ROWS[op]:
        value, derivatives = compiled(engine, loss_of_one(case), [Value(x) for x in varied(case)], ())()
        out += faults(case, value, partials_at(case, derivatives))
    assert out == []


@pytest.mark.parametrize("engine", [*ENGINES, *EXTRAS])
@pytest.mark.parametrize("op", KNOWN)
def test_all_rows_of_an_operation_at_once(op, engine):
    """One program of all rows; data choose one, and the others, whatever they are, are sent nothing at all."""
    cases = [case for case in ROWS[op] if engine != "jax" or not any(0.0 < math.fabs(x) < TINY for x in case.operands)]
    parameters = [[Value(x) for x in varied(case)] for case in cases]

    def loss(p: Any, chosen: Any) -> Any:
        total = 0.0
        for case, row, c in zip(cases, p, chosen, strict=True):
            total = total + where(c > 0, loss_of_one(case)(row), 0.0)
        return total

    run = compiled(engine, loss, parameters, ([1.0] * len(cases),))
    out = []
    for k, case in enumerate(cases):
        value, derivatives = run([float(i == k) for i in range(len(cases))])
        before = sum(len(row) for row in parameters[:k])
        own = derivatives[before : before + len(parameters[k])]
        signed = case.value if value == case.value == 0.0 else value  # a sum of 0.0 and -0.0 has lost the sign
        out += faults(case, signed, partials_at(case, own))
        others = derivatives[:before] + derivatives[before + len(own) :]
        out += [f"{case}: another row was sent {d!r}" for d in others if d != 0.0]
    assert out == []


# --- section 3: zero times infinity, and branches not taken -----------------------------------------------------------


class Trap(NamedTuple):
    """A function of one number: derivatives where the contract states them, and other points."""

    name: str
    function: Callable[[Any], Any]
    stated: dict[float, float]
    points: tuple[float, ...] = ()

    def __str__(self) -> str:
        return self.name


def shared(x: Any) -> Any:
    """A logarithm that two masks read."""
    h = log(x)
    return where(x > 0, h, 0) + where(x > 1, h * h, 0)


def shared_and_free(x: Any) -> Any:
    """A root that a mask reads, and one that reads it without a mask."""
    h = sqrt(x)
    return where(x > 1, h, 0) + h


def of_two_masks(x: Any) -> Any:
    """A mask behind a mask."""
    return where(x > 0, 1 + relu(log(x)), 0)


TRAPS = [
    Trap("where(x > 0, log x, 0)", lambda x: where(x > 0, log(x), 0), {0.0: 0.0, 2.0: 0.5, -1.0: 0.0}),
    Trap("where(x > 0, sqrt x, 0)", lambda x: where(x > 0, sqrt(x), 0), {0.0: 0.0, 4.0: 0.25, -1.0: 0.0}),
    Trap("where(|x| > 0, sin x / x, 1)", lambda x: where(abs(x) > 0, x.sin() / x, 1), {0.0: 0.0}, (1.0,)),
    Trap("where(x < 700, exp x, x)", lambda x: where(x < 700, exp(x), x), {1000.0: 1.0, 0.0: 1.0}),
    Trap("minimum(exp x, 1)", lambda x: minimum(exp(x), 1), {1000.0: 0.0, 0.0: 0.5, -1.0: math.exp(-1)}),
    Trap("1 / relu x", lambda x: 1 / relu(x), {-1.0: 0.0, 0.0: 0.0, 2.0: -0.25}),
    Trap("1 / maximum(x, 0)", lambda x: 1 / maximum(x, 0), {-1.0: 0.0, 2.0: -0.25}),
    Trap("log clip(x, 0, 1)", lambda x: log(clip(x, 0, 1)), {-1.0: 0.0, 0.5: 2.0, 2.0: 0.0}, (0.0,)),
    Trap("log(x) ** 0", lambda x: log(x) ** 0, {0.0: 0.0, -1.0: 0.0, 2.0: 0.0}),
    Trap("floor log x", lambda x: floor(log(x)), {0.0: 0.0, 3.0: 0.0}),
    Trap("0 · sqrt x", lambda x: 0 * sqrt(x), {0.0: nan, 4.0: 0.0}),
    Trap("sqrt x · sqrt x", lambda x: sqrt(x) * sqrt(x), {0.0: nan, 4.0: 1.0}),
    Trap("sqrt(x · x)", lambda x: sqrt(x * x), {0.0: nan, -2.0: -1.0}),
    Trap("x log x", lambda x: x * log(x), {0.0: nan, 1.0: 1.0}),
    Trap("sqrt(x) ** 2", lambda x: sqrt(x) ** 2, {}, (0.0, 1.0)),
    Trap("1 / (1 + exp -x)", lambda x: 1 / (1 + exp(-x)), {-710.0: nan, 0.0: 0.25}),
    Trap("a node of two masks", shared, {0.0: 0.0, 0.5: 2.0, 1.0: 1.0, -1.0: 0.0}, (2.0,)),
    Trap("a node of a mask and of none", shared_and_free, {0.0: inf, 4.0: 0.5, 0.25: 1.0}),
    Trap("a mask behind a mask", of_two_masks, {0.0: 0.0, 0.5: 0.0, 2.0: 0.5}),
    Trap("take [log x, x] at 1", lambda x: take([log(x), x], 1), {0.0: 1.0, -1.0: 1.0}),
    Trap("where(x > 0, 1/x + log x, x)", lambda x: where(x > 0, 1 / x + log(x), x), {0.0: 1.0, 1.0: 0.0}),
    Trap("maximum(log x, -3)", lambda x: maximum(log(x), -3), {0.0: 0.0, 1.0: 1.0}, (-1.0,)),
    Trap("where(x > 0, x ** -1.5, 1)", lambda x: where(x > 0, x**-1.5, 1), {0.0: 0.0, 1.0: -1.5, -1.0: 0.0}),
    Trap("relu(1 - exp x)", lambda x: relu(1 - exp(x)), {1000.0: 0.0, 0.0: 0.0}, (-1.0,)),
    Trap("hypot(x, 0) + atan2(x, 0)", lambda x: hypot(x, 0) + atan2(x, 0), {}, (0.0, 1.0, -1.0)),
    Trap("logsumexp [log x, x]", lambda x: logsumexp([log(x), x]), {}, (0.0, 1.0)),
    Trap("where(c, a, b) of one node", lambda x: where(x > 0, log(x), log(x)), {0.0: inf, 1.0: 1.0}),
    Trap("clip(1 / x, -1, 1)", lambda x: clip(1 / x, -1, 1), {0.0: 0.0, 2.0: -0.25, 0.5: 0.0}),
    Trap("pow(x, x) where positive", lambda x: where(x > 0, pow(x, x), 0), {0.0: 0.0, 1.0: 1.0, -1.0: 0.0}),
    Trap("tanh(x) / abs(x)", lambda x: tanh(x) / abs(x), {}, (0.0, 1.0, -1.0)),
    Trap("softplus(log x)", lambda x: softplus(log(x)), {}, (0.0, 1.0)),
    Trap("where(x < 0, gelu x, x)", lambda x: where(x < 0, gelu(x), x), {inf: 1.0, 1.0: 1.0}, (-1.0,)),
]  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_traps_are_what_the_contract_states(trap):
    """The eager engine, which the others are held against."""
    for x, wanted in trap.stated.items():
        assert eager(lambda p: trap.function(p[0]), [Value(x)], ()).gradient == pytest.approx([wanted], nan_ok=True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_a_trap_alone(trap, engine):
    p = [Value(1.0)]
    run = compiled(engine, lambda p: trap.function(p[0]), p, ())
    for x in (*trap.stated, *trap.points):
        p[0].data = x
        truth = eager(lambda p: trap.function(p[0]), p, ())
        assert unlike(*run(), truth) == [], x


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_a_trap_among_others(trap, engine):
    """The trap at several points in one array, weighted by data; and behind a mask of its own."""
    points = [*trap.stated, *trap.points] * 2

    def loss(p: Any, weights: Any) -> Any:
        terms = [trap.function(x) for x in p]
        return sum(where(w > 0, w * t, x) for w, t, x in zip(weights, terms, p, strict=True))

    p = [Value(x) for x in points]
    run = compiled(engine, loss, p, ([1.0] * len(points),))
    for weights in ([1.0] * len(points), [0.0] * len(points), [float(k % 3) for k in range(len(points))]):
        assert unlike(*run(weights), eager(loss, p, (weights,))) == [], weights


@pytest.mark.parametrize("engine", EXTRAS)
def test_all_traps_in_one_program(engine):
    """What takes long to compile: one program, a weight chooses the trap and the point."""
    cells = [(trap, x) for trap in TRAPS for x in (*trap.stated, *trap.points)]

    def loss(p: Any, chosen: Any) -> Any:
        return sum(where(c > 0, trap.function(x), 0) for (trap, _), x, c in zip(cells, p, chosen, strict=True))

    p = [Value(x) for _, x in cells]
    chosen = [1.0] * len(cells)
    run = compiled(engine, loss, p, (chosen,))
    assert unlike(*run(chosen), eager(loss, p, (chosen,))) == []
    for k, (trap, x) in enumerate(cells):
        chosen = [float(i == k) for i in range(len(cells))]
        assert unlike(*run(chosen), eager(loss, p, (chosen,))) == [], (trap.name, x)


# --- masks over sums of products, and numbers that are not finite -----------------------------------------------------


def neurons(p: Any, X: Any) -> Any:
    """A layer of relu."""
    return sum(relu(sum(w * x for w, x in zip(row, xs, strict=True))) for xs in X for row in p)


def masked_neurons(p: Any, X: Any) -> Any:
    """The same rows, of which the first number says whether they count."""
    total = 0
    for xs in X:
        for row in p:
            total = total + where(xs[0] > 0, exp(sum(w * x for w, x in zip(row, xs, strict=True))), 0.0)
    return total


def roots_of_masked(p: Any, X: Any) -> Any:
    """Sums of what masks let through."""
    return sum(sqrt(sum(relu(w * x) for w, x in zip(row, xs, strict=True))) for xs in X for row in p)


def with_odd(odd: float) -> list[list[float]]:
    """Samples, two of them with an odd number."""
    return [[1.0, 2.0], [-1.0, odd], [odd, 1.0], [0.0, -0.5]]


NEURONS = ((0.5, -1.5), (-1.0, 2.0), (1.0, 0.0))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", [neurons, masked_neurons, roots_of_masked])
@pytest.mark.parametrize("odd", [0.0, 800.0, -1e200, inf, -inf, nan])
def test_layers_with_odd_numbers_in_the_data(loss, odd, engine):
    """Behind relu, maximum and clip a product with data that are not finite themselves may be nan (`backprop`)."""
    p = [[Value(w) for w in row] for row in NEURONS]
    value, derivatives = (run := compiled(engine, loss, p, (with_odd(0.0),)))(with_odd(odd))
    truth = eager(loss, p, (with_odd(odd),))
    if loss is neurons and not math.isfinite(odd):
        derivatives = [wanted if got != got else got for got, wanted in zip(derivatives, truth.gradient, strict=True)]
    assert unlike(value, derivatives, truth) == []
    assert unlike(*run(with_odd(0.0)), eager(loss, p, (with_odd(0.0),))) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_what_gets_nothing_has_a_derivative_of_zero(engine):
    p = [Value(0.0), Value(inf), Value(nan), Value(-1.0)]
    value, derivatives = compiled(engine, lambda p: relu(p[3]) + floor(p[0]) + p[1] ** 0, p, ())()
    assert (value, derivatives) == (1.0, [0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("engine", ENGINES)
def test_infinities_that_meet_in_a_gradient_are_nan(engine):
    p = [Value(0.0)]
    value, derivatives = compiled(engine, lambda p: sqrt(p[0]) - sqrt(2 * p[0]), p, ())()
    assert value == 0.0
    assert math.isnan(derivatives[0])
