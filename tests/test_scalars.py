"""Plans of single numbers and their text: `straight`, `apart`, and functions for Python and for numba.

They are held against the eager engine, the CSV of edge cases and the interpreter, never against each other alone.
"""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import functions as F
from microgradnet.compiler.arrays import (
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
    logsumexp,
    number,
    peak,
    place,
    softmax,
    stack,
    table,
    total,
    view,
)
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.languages.emit_scalars import NUMBA, PYTHON, prepared, source, step, train
from microgradnet.compiler.languages.scalar_languages import Scalars
from microgradnet.compiler.passes.apart import apart
from microgradnet.compiler.passes.early import early
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import Plan, check
from microgradnet.compiler.recording import record
from microgradnet.compiler.running.loading import load
from microgradnet.compiler.straight import straight
from microgradnet.compiler.updates import stepping
from microgradnet.errors import InputError
from microgradnet.extension import operation
from microgradnet.optim import SGD, Adam, AdamW, Optimizer
from microgradnet.value import Value
from tests.oracles import CASES, Case, call_on_values, constant_places, examples, faults, programs, written

inf, nan = math.inf, math.nan
needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
LANGUAGES = [PYTHON, pytest.param(NUMBA, marks=needs_numba)]

Loss = Callable[..., Any]


def compiled(loss: Loss, start: Sequence[float], *data: Any) -> tuple[Plan, list[Value]]:
    """The plan of loss and gradient, and the parameters."""
    parameters = [Value(x) for x in start]
    plan = straight(record(loss, parameters, data))
    return with_gradient(plan, plan.arguments.get("p", argument("p", (len(start),)))), parameters


def function(plan: Plan, language: Scalars, name: str = "step", **how: Any) -> Callable[..., Any]:
    """The plan as a function in this language."""
    ready = prepared(plan, language)
    check(ready)
    text = source(language, (step if name == "step" else train)(ready, language, **how))
    return load(text, {}, name)[name]  # type: ignore[no-any-return]


def given_to(language: Scalars, *arrays: Any) -> list[Any]:
    """Arrays as functions of the language want them."""
    return [np.asarray(a, float) if language is NUMBA and np.ndim(a) else a for a in arrays]


def eager(loss: Loss, start: Sequence[float], *data: Any) -> tuple[float, list[float]]:
    """Value and gradient of the eager engine."""
    parameters = [Value(x) for x in start]
    result = loss(parameters, *data)
    result.backward()
    return result.data, [p.grad for p in parameters]


def same(a: float, b: float, scale: float = 0.0) -> bool:
    """Equal to rounding; infinite and nan alike."""
    if math.isfinite(a) and math.isfinite(b):
        return abs(a - b) <= 1e-12 * max(abs(a), abs(b), scale) + 1e-300
    return a == b or (a != a and b != b)


def agree(got: Any, wanted: Any) -> bool:
    """Loss and gradient, both to rounding."""
    (loss, gradient), (loss_2, gradient_2) = got, wanted
    scale = max([abs(g) for g in gradient_2 if math.isfinite(g)], default=0.0)
    return same(float(loss), float(loss_2), 1.0) and all(
        same(float(a), float(b), scale) for a, b in zip(gradient, gradient_2, strict=True)
    )


# --- every row of the CSV of edge cases -----------------------------------------------------------------------------


def families() -> list[tuple[str, tuple[tuple[int, float], ...], list[Case]]]:
    """Cases of one operation with the same constants: they are one plan."""

    def key(case: Case) -> tuple[str, int, str]:
        fixed = tuple((i, case.operands[i]) for i in sorted(constant_places(case.op, len(case.operands))))
        return case.op, len(case.operands), repr(fixed)

    found = []
    for (op, count, _), cases in groupby(sorted(CASES, key=key), key):
        rows = list(cases)
        found.append((op, tuple((i, rows[0].operands[i]) for i in sorted(constant_places(op, count))), rows))
    return found


FAMILIES = families()


def plan_of(op: str, fixed: tuple[tuple[int, float], ...], case: Case) -> Plan:
    """The plan of an operation on parameters, with these constants."""
    constants = dict(fixed)
    places = [i for i in range(len(case.operands)) if i not in constants]

    def loss(p: list[Value]) -> Any:
        free = iter(p)
        operands = [constants[i] if i in constants else next(free) for i in range(len(case.operands))]
        return written(op)(*operands)

    return compiled(loss, [case.operands[i] for i in places])[0]


def partials_of(case: Case, gradient: Sequence[float]) -> list[float | None]:
    """The gradient of the parameters as partials of all operands."""
    constants = constant_places(case.op, len(case.operands))
    free = iter(gradient)
    return [None if i in constants else float(next(free)) for i in range(len(case.operands))]


@pytest.mark.parametrize(("op", "fixed", "cases"), FAMILIES, ids=[f"{op}{dict(fixed)}" for op, fixed, _ in FAMILIES])
def test_every_edge_case_as_a_plan_and_as_python(op: str, fixed: Any, cases: list[Case]) -> None:
    plan = plan_of(op, fixed, cases[0])
    ready = prepared(plan, PYTHON)
    run = function(plan, PYTHON)
    wrong = []
    for case in cases:
        p = [x for i, x in enumerate(case.operands) if i not in dict(fixed)]
        for form in (plan, ready):
            value, gradient = interpret(form, p=p)
            wrong += faults(case, float(value), partials_of(case, gradient))
        try:
            value, gradient = run(p)
        except (ArithmeticError, ValueError):
            continue  # who runs the text runs it again on NumPy's floats
        wrong += faults(case, float(value), partials_of(case, gradient))
    assert not wrong


@needs_numba
@pytest.mark.parametrize("part", range(4))
def test_every_edge_case_in_numba(part: int) -> None:
    family = FAMILIES[part::4]
    plans = [plan_of(op, fixed, cases[0]) for op, fixed, cases in family]
    starts = [sum(plan.results[1].shape[0] for plan in plans[:i]) for i in range(len(plans) + 1)]
    p = argument("p", (starts[-1],))
    moves = [moved(result, p, at) for plan, at in zip(plans, starts, strict=False) for result in plan.results]
    parts = [(("slice", ((start, start + gradient.shape[0], 1),)), gradient)
             for start, gradient in zip(starts, moves[1::2], strict=False)]  # fmt: skip
    values = accumulate((len(plans),), [((("slice", (i,)),), value) for i, value in enumerate(moves[::2])])
    gradients = accumulate(p.shape, [((steps,), gradient) for steps, gradient in parts])
    run = function(Plan((values, gradients), ("values", "gradients")), NUMBA)
    wrong = []
    for k in range(max(len(cases) for _, _, cases in family)):
        chosen = [cases[min(k, len(cases) - 1)] for _, _, cases in family]
        numbers = [x for (_, fixed, _), case in zip(family, chosen, strict=True)
                   for i, x in enumerate(case.operands) if i not in dict(fixed)]  # fmt: skip
        got, slopes = run(np.array(numbers))
        for i, case in enumerate(chosen):
            wrong += faults(case, float(got[i]), partials_of(case, slopes[starts[i] : starts[i + 1]]))
    assert not sorted(set(wrong))


def moved(result: Any, p: Any, at: int) -> Any:
    """A result with items of p from `at` on in the place of its own parameters."""
    from microgradnet.compiler.passes.rebuild import rebuilt

    def rule(node: Any, operands: Any) -> Any:
        if node.op == "view" and node.operands[0].op == "argument":
            return view(p, ("slice", (node.detail[0][1][0] + at,)))
        return None

    return rebuilt(Plan((result,), ("r",)), rule).results[0]


# --- branches not taken ---------------------------------------------------------------------------------------------

TRAPS: list[tuple[str, Loss, float, float, float]] = [
    ("where log", lambda p: F.where(p[0] > 0, F.log(p[0]), 0.0), 0.0, 0.0, 0.0),
    ("where sqrt", lambda p: F.where(p[0] > 0, F.sqrt(p[0]), 0.0), 0.0, 0.0, 0.0),
    ("where sinc", lambda p: F.where(abs(p[0]) > 0, F.sin(p[0]) / p[0], 1.0), 0.0, 1.0, 0.0),
    ("where exp", lambda p: F.where(p[0] < 700, F.exp(p[0]), p[0]), 1000.0, 1000.0, 1.0),
    ("minimum exp", lambda p: F.minimum(F.exp(p[0]), 1.0), 1000.0, 1.0, 0.0),
    ("1 / relu", lambda p: 1 / F.relu(p[0]), -1.0, inf, 0.0),
    ("1 / maximum", lambda p: 1 / F.maximum(p[0], 0.0), -1.0, inf, 0.0),
    ("log clip", lambda p: F.log(F.clip(p[0], 0.0, 1.0)), -1.0, -inf, 0.0),
    ("0 * sqrt", lambda p: 0.0 * F.sqrt(p[0]), 0.0, 0.0, nan),
    ("sqrt * sqrt", lambda p: F.sqrt(p[0]) * F.sqrt(p[0]), 0.0, 0.0, nan),
    ("sqrt x²", lambda p: F.sqrt(p[0] * p[0]), 0.0, 0.0, nan),
    ("x log x", lambda p: p[0] * F.log(p[0]), 0.0, nan, nan),
    ("written out sigmoid", lambda p: 1 / (1 + F.exp(-p[0])), -1000.0, 0.0, nan),
    ("x ** 0", lambda p: F.sqrt(p[0]) ** 0, 0.0, 1.0, 0.0),
    ("floor", lambda p: F.floor(F.sqrt(p[0])), 0.0, 0.0, 0.0),
    ("take", lambda p: F.take([F.log(p[0]), p[0] * 2], 1), 0.0, 0.0, 2.0),
    ("read twice", lambda p: (lambda s: F.where(p[0] > 0, s, 0.0) + F.where(p[0] < 0, s, 3.0))(F.log(p[0])),
     0.0, 3.0, 0.0),
    ("one reader reaches", lambda p: (lambda s: F.where(p[0] > 0, s, 0.0) + s)(F.sqrt(p[0])), 0.0, 0.0, inf),
]  # fmt: skip


@pytest.mark.parametrize(("what", "loss", "x", "value", "slope"), TRAPS, ids=[trap[0] for trap in TRAPS])
def test_a_branch_that_is_not_taken_gets_nothing(what: str, loss: Loss, x: float, value: float, slope: float) -> None:
    assert agree(eager(loss, [x]), (value, [slope]))
    plan, _ = compiled(loss, [x])
    assert agree(interpret(plan, p=[x]), (value, [slope]))
    assert agree(interpret(prepared(plan, PYTHON), p=[x]), (value, [slope]))
    try:
        got = function(plan, PYTHON)([x])
    except (ArithmeticError, ValueError):
        return
    assert agree(got, (value, [slope]))


@needs_numba
def test_no_branch_raises_in_numba() -> None:
    for _, loss, x, value, slope in TRAPS[:6]:
        plan, _ = compiled(loss, [x])
        assert agree(function(plan, NUMBA)(np.array([x])), (value, [slope]))


# --- programs -------------------------------------------------------------------------------------------------------

OPS = [
    "add", "sub", "mul", "div", "neg", "pow_const", "exp", "log", "sqrt", "sin", "tanh", "sigmoid", "softplus", "relu",
    "abs", "maximum", "minimum", "clip", "where_lt", "sum", "mean", "dot", "logsumexp", "softmax", "take", "gelu",
    "silu", "hypot", "atan2", "floor",
]  # fmt: skip


@examples(400)
@given(programs(OPS, st.floats(-3.0, 3.0).map(lambda x: round(x, 3)), most_steps=12))
def test_random_programs_are_those_of_the_eager_engine(program: Any) -> None:
    def loss(p: list[Value]) -> Any:
        last = program.run(call_on_values, p)[-1]
        return last if isinstance(last, Value) else p[0] * 0.0 + last

    wanted = eager(loss, program.leaves)
    if not (abs(wanted[0]) < 1e100 and all(abs(g) < 1e100 for g in wanted[1])):
        return
    plan, _ = compiled(loss, program.leaves)
    assert agree(interpret(plan, p=program.leaves), wanted)
    ready = prepared(plan, PYTHON)
    assert agree(interpret(ready, p=program.leaves), wanted)
    try:
        got = function(plan, PYTHON)(list(program.leaves))
    except (ArithmeticError, ValueError):
        return
    assert agree(got, wanted)


def cross_entropy(p: list[Value], x: float, k: float) -> Any:
    z = [p[i] * x + p[i + 3] for i in range(3)]
    return F.logsumexp(z) - F.take(z, k)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_index_that_is_data(language: Scalars) -> None:
    start = [0.1, -0.4, 0.3, 0.2, 0.5, -0.6]
    plan, _ = compiled(cross_entropy, start, 2.0, 1.0)
    run = function(plan, language, arguments=["p", "x", "k"])
    for k in (0.0, 1.0, 2.0):
        assert agree(run(*given_to(language, start), 2.0, k), eager(cross_entropy, start, 2.0, int(k)))
    for k in (-1.0, 3.0, 0.5, nan, inf):
        with pytest.raises(IndexError, match=r"take: .*index .*is not a whole number from 0"):
            run(*given_to(language, start), 2.0, k)


def test_an_index_that_is_data_checks_like_the_eager_engine() -> None:
    start = [0.1, -0.4, 0.3, 0.2, 0.5, -0.6]
    plan, _ = compiled(cross_entropy, start, 2.0, 1.0)
    with pytest.raises(IndexError, match="index 3 is not a whole number from 0 to 2"):
        function(plan, PYTHON, arguments=["p", "x", "k"])(start, 2.0, 3.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nan_at_any_place_of_a_row_is_nan(language: Scalars) -> None:
    plan, _ = compiled(lambda p: F.logsumexp(p) + F.softmax(p)[1], [0.1, 0.2, 0.3])
    run = function(plan, language)
    for k in range(3):
        start = [0.1, 0.2, 0.3]
        start[k] = nan
        value, gradient = run(*given_to(language, start))
        assert value != value
        assert all(g != g for g in gradient)


def test_masks_that_were_numbers_are_masks_again() -> None:
    a, b = argument("a", ()), argument("b", ())
    yes, no = elementwise("where", a > 0.0, 1.0, 0.0), elementwise("where", b > 0.0, 0.0, 1.0)
    plan = Plan((elementwise("where", elementwise("gt", yes + no, 0.0), 5.0, 7.0),), ("chosen",))
    text = source(PYTHON, step(prepared(plan, PYTHON), PYTHON, arguments=["a", "b"]))
    assert "1.0" not in text
    run = function(plan, PYTHON, arguments=["a", "b"])
    assert [run(x, y) for x, y in ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))] == [5.0, 5.0, 7.0, 5.0]


def test_data_of_any_shape_and_unread_numbers() -> None:
    def loss(p: list[Value], a: Any, b: Any, c: Any) -> Any:
        return p[0] * a[1][0] + p[2] * b[2] * a[0][1] + c[0][0][1]

    data = [[[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0, 7.0], [[[8.0, 9.0]]]]
    plan, _ = compiled(loss, [1.0, 2.0, 3.0], *data)
    for language in [PYTHON, *([NUMBA] if importlib.util.find_spec("numba") else [])]:
        run = function(plan, language, arguments=["p", "a", "b", "c"])
        assert agree(run(*given_to(language, [1.0, 2.0, 3.0], *data)), eager(loss, [1.0, 2.0, 3.0], *data))


def test_a_loss_that_reads_no_parameter_and_one_that_is_a_number() -> None:
    plan, _ = compiled(lambda p, x: x * 2.0, [1.0, 2.0], 3.0)
    assert function(plan, PYTHON, arguments=["p", "x"])([1.0, 2.0], 3.0) == (6.0, [0.0, 0.0])
    plan, _ = compiled(lambda p, x: F.take([p[0], x], 0) * 0 + Value(4.0), [1.0], 3.0)
    assert function(plan, PYTHON, arguments=["p", "x"])([5.0], 3.0) == (4.0, [0.0])


def test_an_operation_of_ones_own_is_refused() -> None:
    cube = operation(partials=lambda y, x: (3 * x**2,))(_cube)
    with pytest.raises(InputError, match=r"operation of your own 'cube' cannot be compiled.*engine=\"eager\""):
        compiled(lambda p: cube(p[0]), [2.0])


def _cube(x: float) -> float:
    return x**3


_cube.__name__ = "cube"


# --- taking arrays apart --------------------------------------------------------------------------------------------


def test_arrays_taken_apart_are_the_same_numbers() -> None:
    A, B, i = argument("A", (2, 3)), argument("B", (3, 4)), argument("i", (2,))
    product = contract(A, B, "ik,kj->ij")
    s = softmax(product)
    window = (("slice", ((0, 2, 1), (1, 3, 1))),)
    added = accumulate((2, 4), [(window, view(s, ("slice", ((0, 2, 1), (0, 2, 1)))))])
    known = table(np.arange(8.0).reshape(2, 4))
    results = {
        "sums": total(s * added + known, (1,)),
        "rows": logsumexp(view(product, ("transpose", (1, 0)))),
        "placed": place(peak(s), i, 3),
        "chosen": choose(s, i),
        "stacked": stack([A, product]),
        "wide": expand(view(A, ("slice", ((0, 2, 1), (0, 1, 1)))), (2, 5)) * 2.0,
        "column": contract(A, A, "ik,jk->ij"),
        "whole": total(elementwise("relu", product), (0, 1)),
    }
    plan = check(Plan(tuple(results.values()), tuple(results)))
    source_of = random.Random(1)
    given = {
        "A": [[source_of.gauss(0, 1) for _ in range(3)] for _ in range(2)],
        "B": [[source_of.gauss(0, 1) for _ in range(4)] for _ in range(3)],
        "i": [1.0, 2.0],
    }
    single = check(apart(plan))
    arrays = {node.op for node in single.nodes if node.shape != ()}
    assert arrays == {
        "argument",
        "accumulate",
        "stack",
        "expand",
        "softmax",
    }  # softmax: lowered, it is taken apart, too
    for name, got, wanted in zip(results, interpret(single, **given), interpret(plan, **given), strict=True):
        assert np.allclose(got, wanted, rtol=1e-14, atol=0), name
    text = function(plan, PYTHON, arguments=["A", "B", "i"])(*given.values())
    for name, got, wanted in zip(results, text, interpret(plan, **given), strict=True):
        assert np.allclose(np.reshape(got, np.shape(wanted)), wanted, rtol=1e-13, atol=1e-15), name


def test_a_plan_for_any_batch_size_is_not_taken_apart() -> None:
    from microgradnet.compiler.sizes import Dim

    x = argument("x", (Dim(1, 0),))
    with pytest.raises(TypeError, match="any batch size"):
        apart(Plan((total(x * x, (0,)),), ("loss",)))


# --- training -------------------------------------------------------------------------------------------------------

ARTICLE = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]
START = [0.5, -0.3, 0.8, 0.1, -0.6, 0.9, 0.2, -0.1, 0.3]
PEOPLE = [[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]]
LABELS = [1.0, 0.0, 0.0, 1.0]


def article(p: list[Value], x: Any, y: Any) -> Any:
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = p
    h1 = F.sigmoid(w1 * x[0] + w2 * x[1] + b1)
    h2 = F.sigmoid(w3 * x[0] + w4 * x[1] + b2)
    ypred = F.sigmoid(w5 * h1 + w6 * h2 + b3)
    h1.label, h2.label, ypred.label = "h1", "h2", "ypred"
    return (y - ypred) ** 2


def article_plan() -> tuple[Plan, list[Value]]:
    parameters = [Value(x, name) for x, name in zip(START, ARTICLE, strict=True)]
    return with_gradient(straight(record(article, parameters, [PEOPLE[0], LABELS[0]]))), parameters


def test_the_article_reads_as_a_person_would_write_it() -> None:
    plan, parameters = article_plan()
    text = source(PYTHON, step(prepared(plan, PYTHON), PYTHON, arguments=["p", "x", "y"]))
    assert text.startswith("from math import exp\n\n\ndef step(p, x, y):\n    w1, w2, w3, w4, w5, w6, b1, b2, b3 = p\n")
    assert "\n    x1, x2 = x\n" in text
    assert "\n    h1 = 1.0 / (1.0 + exp(-v1)) if v1 >= 0.0 else (e := exp(v1)) / (1.0 + e)\n" in text
    assert text.endswith("    return loss, [d_w1, d_w2, d_w3, d_w4, d_w5, d_w6, d_b1, d_b2, d_b3]\n")
    whole = prepared(stepping(plan, SGD(parameters, lr=0.1)).plan, PYTHON)
    text = source(PYTHON, train(whole, PYTHON, ["x", "y"], arguments=["p", "x", "y"]))
    assert "def train(p, xs, ys, rates):" in text
    assert "\n        for (x1, x2), y in zip(xs, ys):\n" in text
    assert "\n            w1 -= x1 * step_b1\n" in text
    assert "\n            b3 -= step_b3\n    return [w1, w2, w3, w4, w5, w6, b1, b2, b3]\n" in text
    assert "loss" not in text  # nobody reads its value
    assert max(map(len, text.splitlines())) <= 100


OPTIMIZERS: list[Callable[[list[Value]], Optimizer]] = [
    lambda p: SGD(p, lr=0.1),
    lambda p: SGD(p, lr=0.05, momentum=0.9),
    lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: Adam(p, lr=0.01),
    lambda p: AdamW(p, lr=0.01),
]


def by_eager(optimizer: Optimizer, parameters: list[Value], losses: Callable[[], Any], epochs: int) -> list[float]:
    for _ in range(epochs):
        for loss in losses():
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
    return [p.data for p in parameters]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("by_row", [True, False])
def test_training_moves_as_the_eager_engine_does(language: Scalars, make: Any, by_row: bool) -> None:
    plan, parameters = article_plan()
    optimizer = make(parameters)
    how = stepping(plan, optimizer)
    carried = ["p", *(name for name in how.states if name)]
    starts = [START, *(0.0 if name == "steps" else [0.0] * 9 for name in how.states if name)]
    run = function(how.plan, language, "train", walked=["x", "y"] if by_row else [], arguments=[*carried, "x", "y"])
    data = (PEOPLE, LABELS) if by_row else (PEOPLE[0], LABELS[0])
    rates = np.full(20, optimizer.lr)
    got = run(*given_to(language, *starts, *data), rates)
    rows = list(zip(PEOPLE, LABELS, strict=True)) if by_row else [(PEOPLE[0], LABELS[0])]
    wanted = by_eager(optimizer, parameters,
                      lambda: [lambda x=x, y=y: article(parameters, x, y) for x, y in rows], 20)  # fmt: skip
    moved = got[0] if len(carried) > 1 else got
    assert all(same(float(a), b, 1.0) for a, b in zip(moved, wanted, strict=True))
    if len(carried) > 1:
        columns = [[state[k] for state in optimizer.states] for k, name in enumerate(how.states) if name]
        for state, column in zip(got[1:], columns, strict=True):
            wanted_state = column[0] if np.ndim(state) == 0 else column
            assert np.allclose(state, wanted_state, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("language", LANGUAGES)
def test_new_values_are_computed_from_the_old_ones(language: Scalars) -> None:
    p, x = argument("p", (3,)), argument("x", ())
    a, b, c = (view(p, ("slice", (i,))) for i in range(3))
    new = [b, a + c * x, b * 2.0]  # each reads another's old value
    plan = Plan((accumulate((3,), [((("slice", (i,)),), e) for i, e in enumerate(new)]),), ("new_p",))
    run = function(plan, language, "train", arguments=["p", "x"])
    now = [1.0, 2.0, 3.0]
    got = run(*given_to(language, now, 0.5), np.zeros(4))
    for _ in range(4):
        now = [now[1], now[0] + now[2] * 0.5, now[1] * 2.0]
    assert list(got) == now


def test_a_rate_is_multiplied_in_early_where_that_is_cheaper() -> None:
    plan, parameters = article_plan()
    for optimizer, cheaper in ((SGD(parameters, lr=0.1), True), (SGD(parameters, lr=0.1, momentum=0.9), False)):
        whole = shared(apart(stepping(plan, optimizer).plan))
        moved = early(whole, "rate")
        assert (len(moved.nodes) < len(whole.nodes)) is cheaper
        assert (moved is not whole) is cheaper
        given = {name: np.full(node.shape, 0.3) for name, node in whole.arguments.items()}
        for a, b in zip(interpret(moved, **given), interpret(whole, **given), strict=True):
            assert np.allclose(a, b, rtol=1e-14, atol=0)


def test_what_is_multiplied_in_early_stays_the_same_number() -> None:
    a, b, c, rate = (argument(name, ()) for name in ("a", "b", "c", "rate"))
    d = elementwise("where", a > 0.0, 2.0 * b, 0.0) - elementwise("where", a > 0.0, 0.0, b * c)
    shown = [rate * (d * a), rate * (-d / b), rate * d, a - rate * (b - c)]
    plan = Plan(tuple(shown), tuple("wxyz"))
    for x in (1.5, -1.5):
        for got, wanted in zip(interpret(early(plan, "rate"), a=x, b=2.0, c=3.0, rate=0.1),
                               interpret(plan, a=x, b=2.0, c=3.0, rate=0.1), strict=True):  # fmt: skip
            assert np.allclose(got, wanted, rtol=1e-15, atol=0)
    without = Plan((a * b,), ("w",))
    assert early(without, "rate") is without


def test_what_does_not_change_stands_outside_of_the_loops() -> None:
    def loss(p: list[Value], x: Any, y: Any) -> Any:
        return F.exp(y) * (p[0] * x[0] - F.sin(x[1]) * y) ** 2

    parameters = [Value(0.5, "w")]
    plan = with_gradient(straight(record(loss, parameters, [[1.0, 2.0], 3.0])))
    whole = prepared(stepping(plan, SGD(parameters, lr=0.1)).plan, PYTHON)
    by_row = source(PYTHON, train(whole, PYTHON, ["x"], arguments=["p", "x", "y"]))
    at_once = source(PYTHON, train(whole, PYTHON, arguments=["p", "x", "y"]))
    assert (
        by_row.index("exp(y)") < by_row.index("for rate") < by_row.index("for x1, x2 in xs:") < by_row.index("sin(x2)")
    )
    assert max(at_once.index("exp(y)"), at_once.index("sin(x2)")) < at_once.index("for rate in rates:")


def test_the_benchmark_of_the_article_reaches_equal_parameters() -> None:
    from benchmarks import compiled_article

    table = compiled_article.run(rounds=1, epochs=2, calls=1)
    assert table.rows[0][0] == "ours, Python"
    assert "Python by hand" in [row[0] for row in table.rows]
    assert "the nine parameters of all are equal" in " ".join(table.notes)


# --- names and sizes ------------------------------------------------------------------------------------------------

HOSTILE = [
    "</script>", "w'\"", "a\nb", "{x}", "lambda", "exp", "e", "p", "x", "rates", "i", "xs", "שלום", "🙂", "", " ", "\\",
    "__import__('os')", "None", "step", "train", "np", "1st", "w1", "w1", "d_w1", "loss", "largest", "math", "$" * 200,
]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names(language: Scalars) -> None:
    parameters = [Value(0.1 * (i + 1), name) for i, name in enumerate(HOSTILE)]

    def loss(p: list[Value], exp: Any, rates: Any, step: Any) -> Any:
        total = p[0] * exp + rates[0]
        for i, v in enumerate(p[1:]):
            total = F.sigmoid(total * v + step)
            total.label = HOSTILE[-i]
        return total + F.exp(total)

    plan = with_gradient(straight(record(loss, parameters, [2.0, [3.0], 0.5])))
    run = function(plan, language, arguments=["p", "exp", "rates", "step"])
    start = [v.data for v in parameters]
    got = run(*given_to(language, start, 2.0, [3.0], 0.5))
    assert agree(got, eager(loss, start, 2.0, [3.0], 0.5))
    whole = stepping(plan, SGD(parameters, lr=0.1)).plan
    run = function(whole, language, "train", walked=["rates"], arguments=["p", "exp", "rates", "step"])
    moved = run(*given_to(language, start, 2.0, [[3.0]], 0.5), np.array([0.1]))
    assert all(same(m, s - 0.1 * g, 1.0) for m, s, g in zip(moved, start, got[1], strict=True))


def test_two_runs_give_the_same_text() -> None:
    texts = set()
    for _ in range(2):
        plan, parameters = article_plan()
        ready = prepared(stepping(plan, Adam(parameters)).plan, PYTHON)
        texts.add(source(PYTHON, step(prepared(plan, PYTHON), PYTHON), train(ready, PYTHON, ["x", "y"])))
    assert len(texts) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_many_parameters_and_long_rows(language: Scalars) -> None:
    start = [math.sin(i) for i in range(40)]

    def loss(p: list[Value], x: Any, k: Any) -> Any:
        z = [F.tanh(a * x[i]) for i, a in enumerate(p)]
        return F.logsumexp(z) - F.take(z, k) + F.take(z[:31], k)

    x = [math.cos(i) for i in range(40)]
    plan, _ = compiled(loss, start, x, 7.0)
    ready = prepared(plan, language)
    text = source(language, step(ready, language, arguments=["p", "x", "k"]))
    assert max(map(len, text.splitlines())) <= 100
    got = load(text, {}, "step")["step"](*given_to(language, start, x), 7.0)
    assert agree(got, eager(loss, start, x, 7))


def test_a_chain_of_a_hundred_thousand_operations() -> None:
    def loss(p: list[Value]) -> Any:
        x = p[0]
        for _ in range(50_000):
            x = x * 0.99999 + p[1]
        return x

    def sums(p: list[Value]) -> Any:
        return F.sum([p[i % 2] * float(i % 7) for i in range(20_000)])

    for long in (loss, sums):
        plan = straight(record(long, [Value(0.5, "a"), Value(0.25, "b")], ()))
        text = source(PYTHON, step(plan, PYTHON))
        assert max(map(len, text.splitlines())) <= 100
        got = load(text, {}, "chain")["step"]([0.5, 0.25])
        assert same(got, long([0.5, 0.25]))


def test_a_deep_gradient() -> None:
    def loss(p: list[Value]) -> Any:
        x = p[0]
        for _ in range(4_000):
            x = F.relu(x * 0.9999 + p[1])
        return x

    start = [0.5, 0.01]
    plan, _ = compiled(loss, start)
    assert agree(function(plan, PYTHON)(start), eager(loss, start))


def test_a_number_that_is_not_finite_is_a_name() -> None:
    plan, _ = compiled(lambda p: F.where(p[0] > -inf, p[0] * inf, nan), [2.0])
    text = source(PYTHON, step(prepared(plan, PYTHON), PYTHON))
    assert text.startswith("from math import inf, nan\n")
    assert function(plan, PYTHON)([2.0]) == (inf, [inf])


def test_literals() -> None:
    plan = Plan((elementwise("sub", number(-1.5), argument("x", ())),), ("loss",))
    assert function(plan, PYTHON, arguments=["x"])(2.0) == -3.5
