"""Reverse mode on plans: against the eager engine, against finite differences, at every edge and every trap."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import CASES, Case, constant_places, examples, faults
from plans import Maker, eagerly
from test_ops import STAYS_NAN, TRAPS

from microgradnet import Value
from microgradnet import functions as F
from microgradnet.compiler.arrays import (
    ARRAYS,
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
    logsumexp,
    number,
    place,
    softmax,
    stack,
    total,
    view,
)
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.passes import roll
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import Node, Plan, Table, check
from microgradnet.compiler.recording import record
from microgradnet.compiler.sizes import Dim, Scaled
from microgradnet.compiler.straight import straight
from microgradnet.errors import InputError
from microgradnet.ops import TABLE

inf, nan = math.inf, math.nan
PRIMITIVE = {name for name, row in TABLE.items() if row.primitive}


def plan_of(loss: Node) -> Plan:
    return Plan((loss,), ("loss",))


def item(p: Node, i: int) -> Node:
    return view(p, ("slice", (i,)))


def gradients(plan: Plan, **arguments: Any) -> tuple[float, Any]:
    """Loss and gradient by the interpreter, which must be the same after every pass."""
    before = check(with_gradient(plan))
    loss, gradient = interpret(before, **arguments)
    for after in (shared(before), lowered(before, PRIMITIVE | {"sigmoid"}), shared(lowered(before, PRIMITIVE))):
        again = interpret(check(after), **arguments)
        np.testing.assert_allclose(again[0], loss, rtol=1e-12)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-11, atol=1e-300)
    return float(loss), gradient


# --- every row of the CSV --------------------------------------------------------------------------------------------


def row_plan(case: Case, loss_of: Callable[[list[Node]], Node]) -> Plan:
    p = argument("p", (len(case.operands),))
    constant = constant_places(case.op, len(case.operands))
    return plan_of(loss_of([number(x) if i in constant else item(p, i) for i, x in enumerate(case.operands)]))


def of_scalars(case: Case) -> Callable[[list[Node]], Node]:
    if case.op == "logsumexp":
        return lambda x: logsumexp(stack([expand(v, (1,)) for v in x]))
    if case.op == "softmax":
        return lambda x: item(softmax(stack([expand(v, (1,)) for v in x[:-1]])), int(case.operands[-1]))
    return lambda x: elementwise(case.op, *x)


@pytest.mark.parametrize("lower", [False, True], ids=["whole", "lowered"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_csv(case: Case, lower: bool) -> None:
    plan = with_gradient(row_plan(case, of_scalars(case)))
    plan = shared(lowered(plan, PRIMITIVE)) if lower else plan
    value, gradient = interpret(check(plan), p=case.operands)
    assert faults(case, float(value), gradient.tolist()) == []
    if lower:
        assert not {node.op for node in plan.nodes} & {name for name in TABLE if name not in PRIMITIVE} - {"sum"}


@pytest.mark.parametrize(
    "op", sorted({case.op for case in CASES} - {"softmax", "logsumexp", "dot", "sum", "mean", "take"})
)
def test_csv_as_one_array(op: str) -> None:
    """All rows of an operation with the same constants at once: an edge in one element is none in another."""
    cases = [case for case in CASES if case.op == op]
    places = constant_places(op, len(cases[0].operands))
    constants = {tuple(case.operands[i] for i in sorted(places)) for case in cases}
    for constant in constants:
        some = [case for case in cases if tuple(case.operands[i] for i in sorted(places)) == constant]
        columns = np.array([case.operands for case in some]).T
        p = argument("p", columns.shape)
        operands = [
            number(columns[i][0]) if i in places else view(p, ("slice", (i, (0, len(some), 1))))
            for i in range(len(columns))
        ]
        y = elementwise(op, *operands)
        value = interpret(Plan((y,), ("y",)), p=columns)[0]
        gradient = interpret(with_gradient(plan_of(total(y, [0]))), p=columns)[1]
        for i, case in enumerate(some):
            assert faults(case, float(value[i]), gradient[:, i].tolist()) == []


@pytest.mark.parametrize("op", ["logsumexp", "softmax"])
def test_csv_along_the_last_axis(op: str) -> None:
    """Rows of equal length as one array, with different indices."""
    cases = [case for case in CASES if case.op == op]
    for size in {len(case.operands) for case in cases}:
        some = [case for case in cases if len(case.operands) == size]
        rows = np.array([case.operands[: size - (op == "softmax")] for case in some])
        index = [case.operands[-1] for case in some]
        p, k = argument("p", rows.shape), argument("k", (len(some),))
        y = logsumexp(p) if op == "logsumexp" else choose(softmax(p), k)
        for spelled in (PRIMITIVE, PRIMITIVE | {op}):
            plan = shared(lowered(with_gradient(plan_of(total(y, [0]))), spelled))
            value = interpret(lowered(Plan((y,), ("y",)), spelled), p=rows, k=index)[0]
            gradient = interpret(plan, p=rows, k=index)[1]
            for case, v, g in zip(some, value.tolist(), gradient.tolist(), strict=True):
                assert faults(case, v, g + [None] * (op == "softmax")) == []


# --- traps: a mask selects, it does not multiply ---------------------------------------------------------------------


class Nodes:
    """The functions of the package on nodes, so that a trap that is written for Values makes a plan."""

    def __getattr__(self, name: str) -> Callable[..., Node]:
        return getattr(ARRAYS, name)  # type: ignore[no-any-return]

    def take(self, values: list[Node], index: int) -> Node:
        return values[index]

    def clip(self, x: Node, lo: Any, hi: Any) -> Node:
        return elementwise("clip", x, lo, hi)


@pytest.fixture
def on_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    import test_ops

    monkeypatch.setattr(test_ops, "F", Nodes())


def written_for_nodes(function: Callable[[Any], Any], x: Node) -> Node:
    return function(x)  # type: ignore[no-any-return]


@pytest.mark.usefixtures("on_nodes")
@pytest.mark.parametrize(("function", "at", "slope"), [t[1:] for t in TRAPS], ids=[f"{t[0]} at {t[2]}" for t in TRAPS])
def test_traps_of_masks(function: Callable[[Any], Any], at: float, slope: float) -> None:
    p = argument("p", (1,))
    assert gradients(plan_of(written_for_nodes(function, item(p, 0))), p=[at])[1].tolist() == [slope]
    p = argument("p", (4,))
    inside = [at, 0.5, at, 0.25]  # where the others are ordinary
    gradient = gradients(plan_of(total(written_for_nodes(function, p), [0])), p=inside)[1]
    assert (gradient[0], gradient[2]) == (slope, slope)
    assert np.isfinite(gradient).all()


@pytest.mark.usefixtures("on_nodes")
@pytest.mark.parametrize(("function", "at"), [t[1:] for t in STAYS_NAN], ids=[t[0] for t in STAYS_NAN])
def test_a_numeric_zero_is_not_skipped(function: Callable[[Any], Any], at: float) -> None:
    p = argument("p", (2,))
    gradient = gradients(plan_of(total(written_for_nodes(function, p), [0])), p=[at, 2.0])[1]
    assert math.isnan(gradient[0])
    assert math.isfinite(gradient[1])


# --- random plans ----------------------------------------------------------------------------------------------------

ORDINARY = {"X": np.array([[0.3, -1.2], [0.7, 0.4], [-0.6, 1.1]]), "s": 0.8, "k": [1.0, 0.0, 1.0]}


def close(got: Any, wanted: Any, tolerance: float) -> bool:
    """Equal to so much of the largest number; infinities and nan in the same places."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    sound = np.isfinite(wanted)
    size = max(1.0, float(np.abs(wanted[sound]).max(initial=0.0)))
    equal = (got[~sound] == wanted[~sound]) | (np.isnan(got[~sound]) & np.isnan(wanted[~sound]))
    return bool(equal.all() and (np.abs(got[sound] - wanted[sound]) <= tolerance * size).all())


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 12))
@examples(600)
def test_random_smooth_plans_against_the_eager_engine_and_differences(random: Random, steps: int) -> None:
    plan = Maker(random, smooth=True, contractions=True).plan(steps)
    p = np.array([random.uniform(-1.5, 1.5) for _ in range(6)])
    loss, gradient = gradients(plan, p=p, **ORDINARY) if "p" in plan.arguments else (None, None)
    if gradient is None:
        return
    value, wanted = eagerly(plan, p=p, **ORDINARY)
    assert close(loss, value, 1e-11)
    assert close(gradient, wanted, 1e-11)
    along = np.array([random.uniform(-1.0, 1.0) for _ in range(6)])
    h = 1e-4
    ahead, behind, far, back = (float(interpret(plan, p=p + t * h * along, **ORDINARY)[0]) for t in (1, -1, 2, -2))
    slope = (8 * (ahead - behind) - (far - back)) / (12 * h)
    size = max(1.0, float(np.abs(gradient).max()), abs(ahead))
    assert abs(slope - gradient @ along) <= 1e-6 * size**3, (slope, gradient @ along)


EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1000.0, -1000.0]


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 14))
@examples(1500)
def test_random_plans_at_edges_against_the_eager_engine(random: Random, steps: int) -> None:
    """Any operation, masks over masks, zeros and overflow: infinities and nan come out where they do eagerly."""
    plan = Maker(random, smooth=False, contractions=False).plan(steps)
    p = np.array([random.choice(EDGES) if random.random() < 0.6 else random.uniform(-3.0, 3.0) for _ in range(6)])
    if "p" not in plan.arguments:
        return
    loss, gradient = interpret(check(with_gradient(plan)), p=p, **ORDINARY)
    value, wanted = eagerly(plan, p=p, **ORDINARY)
    assert close(loss, value, 1e-9)
    assert close(gradient, wanted, 1e-9), (gradient, wanted)


ODD = [*EDGES, inf, -inf, nan, 1e200, -1e200, 1e-320]


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 14))
@examples(1500)
def test_random_plans_at_numbers_that_are_not_finite(random: Random, steps: int) -> None:
    """With finite=False nothing is taken for granted: data and parameters may be infinite, or nan."""
    plan = Maker(random, smooth=False, contractions=False).plan(steps)
    if "p" not in plan.arguments:
        return
    p = np.array([random.choice(ODD) if random.random() < 0.6 else random.uniform(-3.0, 3.0) for _ in range(6)])
    given = {**ORDINARY, "X": np.array([random.choice(ODD) for _ in range(6)]).reshape(3, 2), "s": random.choice(ODD)}
    loss, gradient = interpret(check(with_gradient(plan, finite=False)), p=p, **given)
    value, wanted = eagerly(plan, p=p, **given)
    assert close(loss, value, 1e-9)
    assert close(gradient, wanted, 1e-9), (gradient, wanted)


def test_an_infinite_number_behind_a_relu() -> None:
    """Data are taken to be finite, for nan behind a relu is rare and costs every program a mask; unless asked for."""
    p, x = argument("p", (2,)), argument("x", (2,))
    plan = plan_of(elementwise("relu", item(p, 0) * item(x, 0) + item(p, 1) * item(x, 1)))
    given = {"p": np.array([-1.0, 2.0]), "x": np.array([inf, 1.0])}
    assert eagerly(plan, **given)[1].tolist() == [0.0, 0.0]
    assert np.isnan(gradients(plan, **given)[1][0])
    assert interpret(with_gradient(plan, finite=False), **given)[1].tolist() == [0.0, 0.0]


# --- single rules ----------------------------------------------------------------------------------------------------


def text(plan: Plan) -> list[str]:
    return str(plan).splitlines()


def test_what_an_expert_writes_for_a_mean_of_relu() -> None:
    p = argument("p", (100,))
    plan = with_gradient(plan_of(0.01 * total(elementwise("relu", p), [0])))
    assert text(plan)[-2:] == ["v3: (100,) = gt v1 0.0", "gradient: (100,) = where v3 0.01 0.0"]


def test_what_an_expert_writes_for_a_layer() -> None:
    p, x = argument("p", (50,)), argument("X", (100, 4))
    w = view(p, ("slice", ((0, 50, 1),)), ("reshape", (10, 5)), ("slice", ((0, 10, 1), (0, 4, 1))))
    b = view(p, ("slice", ((4, 50, 5),)), ("insert", (0,)))
    h = elementwise("relu", contract(x, w, "ik,jk->ij") + b)
    plan = with_gradient(plan_of(total(h * h, [0, 1]) * 0.5 + contract(p, p, "i,i->") * 1e-4))
    assert text(plan)[-6:] == [
        "v11: (50,) = mul 0.0002 p",
        "v12: (100, 10) = gt v5 0.0",
        "v13: (100, 10) = where v12 v5 0.0",
        "v14: (10,) = sum v13 (0,)",
        "v15: (10, 4) = contract v13 X ij,ik->jk",
        "gradient: (50,) = accumulate v11 v14 v15 [:]; [4:50:5]; .reshape(10, 5)[0:10, 0:4]",
    ]


def test_cross_entropy_needs_no_array_of_partials() -> None:
    """The softmax is computed once, and 1/n goes to the rows, not to all elements."""
    p, k = argument("p", (8, 10)), argument("k", (8,))
    loss = total(logsumexp(p) - choose(p, k), [0]) * 0.125
    plan = shared(lowered(with_gradient(plan_of(loss)), PRIMITIVE))
    assert [node.op for node in plan.nodes].count("exp") == 1
    assert text(plan)[-4:] == [
        "v20: (8,) = div 0.125 v19",
        "v21: (8, 1) = view v20 .insert(1,)",
        "v22: (8, 10) = mul v4 v21",
        "gradient: (8, 10) = add v18 v22",
    ]


def test_labels_are_kept_and_adjoints_named_after_them() -> None:
    p, x = argument("p", (3,)), argument("x", (3,))
    s = p * x
    h = elementwise("tanh", s)
    plan = with_gradient(Plan((contract(h, h, "i,i->"),), ("loss",), {s: "s", h: 'h "1"'}))
    names = dict(plan.labels or {})
    assert sorted(names.values()) == ['d_h "1"', "d_s", 'h "1"', "s"]
    assert (names[s], names[h]) == ("s", 'h "1"')
    for after in (shared(plan), lowered(plan, PRIMITIVE)):
        assert sorted((after.labels or {}).values()) == sorted(names.values())
        assert set(after.labels or {}) <= set(after.nodes)


def test_a_view_of_everything_is_undone_and_other_views_are_added_to() -> None:
    p = argument("p", (2, 3))
    everything = view(p, ("transpose", (1, 0)), ("insert", (0,)), ("reshape", (6,)))
    plan = with_gradient(plan_of(contract(everything, everything, "i,i->")))
    assert plan.results[1].op == "view"
    part = view(p, ("slice", (1, (0, 3, 2))), ("insert", (1,)))
    gradient = with_gradient(plan_of(total(elementwise("sin", part), [0, 1]))).results[1]
    assert (gradient.op, gradient.detail) == ("accumulate", ((("slice", (1, (0, 3, 2))),),))
    for loss in (contract(everything, everything, "i,i->"), total(elementwise("sin", part), [0, 1])):
        at = np.arange(6.0).reshape(2, 3)
        assert close(gradients(plan_of(loss), p=at)[1], eagerly(plan_of(loss), p=at)[1], 1e-14)


def test_the_same_contribution_twice_is_doubled() -> None:
    p = argument("p", (3,))
    plan = with_gradient(plan_of(contract(p, p, "i,i->")))
    assert text(plan)[-1] == "gradient: (3,) = mul 2.0 p"
    plan = with_gradient(plan_of(total(p * p, [0])))
    assert text(plan)[-1] == "gradient: (3,) = mul 2.0 p"


def test_a_matrix_times_itself_sends_two_different_adjoints() -> None:
    p = argument("p", (3, 3))
    at = np.arange(9.0).reshape(3, 3)
    for letters in ("ij,jk->ik", "ij,kj->ik", "ij,ij->", "ij,ji->", "ij,ij->i"):
        y = elementwise("sin", contract(p, p, letters))
        plan = plan_of(total(y, range(len(y.shape))))
        assert close(gradients(plan, p=at)[1], eagerly(plan, p=at)[1], 1e-13), letters


def test_softmax_of_which_one_is_chosen() -> None:
    """-log(softmax(p)[k]): three operations on whole arrays lead back."""
    p, k = argument("p", (8, 10)), argument("k", (8,))
    before = plan_of(total(-elementwise("log", choose(softmax(p), k)), [0]))
    plan = with_gradient(before)
    forward = set(before.nodes)
    wide = [node.op for node in plan.nodes if node.shape == (8, 10) and node not in forward]
    assert wide == ["place", "sub", "mul"]
    at, index = np.sin(np.arange(80.0)).reshape(8, 10), np.arange(8.0)
    softly = np.exp(at) / np.exp(at).sum(1, keepdims=True)
    assert close(gradients(before, p=at, k=index)[1], softly - np.eye(8, 10), 1e-14)


def test_nothing_that_depends_on_p_gives_zeros() -> None:
    p, x = argument("p", (3,)), argument("x", (3,))
    steps = elementwise("floor", p) + elementwise("where", p > 0.0, 1.0, 2.0) + elementwise("sign", p)
    for loss in (total(steps, [0]), total(choose(argument("X", (3, 4)), p), [0])):
        plan = check(with_gradient(plan_of(loss)))
        assert interpret(plan, p=[1.0, 0.0, 3.0], X=np.ones((3, 4)))[1].tolist() == [0.0] * 3
    assert check(with_gradient(plan_of(total(x, [0])), p)).results[1].shape == (3,)


def test_what_with_gradient_refuses() -> None:
    p = argument("p", (3,))
    with pytest.raises(TypeError, match=r"wants a loss of shape \(\), got one of shape \(3,\)"):
        with_gradient(plan_of(p))
    with pytest.raises(InputError, match=r"reads no argument 'q'; it reads p"):
        with_gradient(plan_of(total(p, [0])), "q")
    with pytest.raises(TypeError, match="comes before lowered"):
        with_gradient(lowered(plan_of(logsumexp(p)), ()))
    with pytest.raises(TypeError, match="share it"):
        with_gradient(plan_of(total(p * argument("p", (3,)), [0])))


def test_another_argument_than_p() -> None:
    w, x = argument("w", (2, 3)), argument("x", (3,))
    plan = check(with_gradient(plan_of(total(contract(w, x, "ij,j->i"), [0])), wrt="w"))
    assert interpret(plan, w=np.ones((2, 3)), x=[1.0, 2.0, 3.0])[1].tolist() == [[1.0, 2.0, 3.0]] * 2


def test_long_chains_need_no_recursion() -> None:
    p = argument("p", (1,))
    x = item(p, 0)
    for _ in range(700):
        x = elementwise("sin", elementwise("relu", x))
    value, gradient = gradients(plan_of(x), p=[1.0])
    assert 0.0 < value < 0.1
    assert 0.0 < gradient[0] < 1.0


# --- what is not selected may hold anything --------------------------------------------------------------------------


def test_data_that_are_missing_behind_a_where() -> None:
    """nan in rows that a `where` leaves out: no product and no contraction lets it through."""
    p, x, y, known = argument("p", (3,)), argument("X", (4, 3)), argument("y", (4,)), argument("known", (4,))
    error = contract(x, p, "nk,k->n") - y
    at = {
        "p": np.array([1.0, 2.0, 3.0]),
        "X": np.array([[1.0, 0.0, 2.0], [nan, inf, nan], [1.0, 1.0, 1.0], [2.0, nan, 1.0]]),
        "y": [1.0, nan, 0.0, inf],
        "known": [1.0, 0.0, 1.0, 0.0],
    }
    squares = elementwise("where", elementwise("truth", known), error * error, 0.0)
    plan = plan_of(total(squares, [0]))
    assert gradients(plan, **at)[1].tolist() == eagerly(plan, **at)[1].tolist() == [24.0, 12.0, 36.0]
    by_rows = x * view(p, ("insert", (0,)))
    filled = elementwise("where", view(elementwise("truth", known), ("insert", (1,))), by_rows, 0.0)
    plan = plan_of(total(elementwise("tanh", filled), [0, 1]))
    assert close(gradients(plan, **at)[1], eagerly(plan, **at)[1], 1e-14)


@pytest.mark.parametrize("op", [softmax, logsumexp])
def test_a_row_of_minus_infinities_behind_a_where(op: Callable[[Node], Node]) -> None:
    """Attention to nothing: softmax and logsumexp have no slope there, and where leaves the row out."""
    p, valid = argument("p", (2, 3)), argument("valid", (2,))
    rows = op(elementwise("log", p))
    mask = elementwise("truth", valid if op is logsumexp else view(valid, ("insert", (1,))))
    kept = elementwise("where", mask, rows, 0.0)
    plan = plan_of(total(kept * kept, range(len(kept.shape))))
    at = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    wanted = eagerly(plan, p=at, valid=[1.0, 0.0])[1]
    assert np.isfinite(wanted).all()
    assert wanted[0].any()
    assert close(gradients(plan, p=at, valid=[1.0, 0.0])[1], wanted, 1e-14)


def test_reach_is_the_or_over_readers() -> None:
    """log(x) feeds two masks; where either selects, its slope counts, and elsewhere it is not read."""
    p = argument("p", (4,))
    log = elementwise("log", p)
    first = elementwise("where", p > 1.0, log, 0.0)
    second = elementwise("where", elementwise("and", p > 0.0, p < 0.5), log * 10.0, 0.0)
    plan = plan_of(total(first + second, [0]))
    gradient = gradients(plan, p=[0.0, 0.25, 0.75, 2.0])[1]
    assert gradient.tolist() == [0.0, 40.0, 0.0, 0.5]


def test_reach_through_views_sums_and_broadcasting() -> None:
    """An infinite slope behind each rearrangement, in rows that nothing selects."""
    p, keep = argument("p", (3, 2)), argument("keep", (3,))
    root = elementwise("sqrt", p)
    mask = elementwise("truth", keep)
    column = view(mask, ("insert", (1,)))
    at = np.array([[4.0, 1.0], [0.0, 0.0], [9.0, 0.0]])
    losses = [
        elementwise("where", mask, total(root, [1]), 0.0),
        elementwise("where", column, view(root, ("transpose", (1, 0)), ("transpose", (1, 0))), 0.0),
        elementwise("where", mask, contract(root, root, "ij,ij->i"), 0.0),
        elementwise("where", column, stack([root, root]), 0.0),
        elementwise("where", mask, view(root, ("slice", ((0, 3, 1), 0))), 0.0),
        elementwise("where", column, view(root, ("gather", Table([0, 0, 1]))), 0.0),
        elementwise("where", mask, choose(root, argument("k", (3,))), 0.0),
        elementwise("where", column, place(total(root, [1]), argument("k", (3,)), 2), 0.0),
        elementwise("where", column, expand(view(total(root, [1]), ("insert", (1,))), (3, 5)), 0.0),
        elementwise("where", column, accumulate((3, 4), [((("slice", ((0, 3, 1), (1, 3, 1))),), root)]), 0.0),
        elementwise("where", mask, total(root, [0, 1]), 0.0),
        elementwise("where", p > 0.0, view(total(root, [1]), ("insert", (1,))), 0.0),
    ]
    for i, masked in enumerate(losses):
        plan = plan_of(total(masked, range(len(masked.shape))))
        given = {"p": at, "keep": [1.0, 0.0, 0.0], "k": [1.0, 0.0, 0.0]}
        wanted = eagerly(plan, **given)[1]
        assert close(gradients(plan, **given)[1], wanted, 1e-14), i
        assert np.isfinite(wanted[:2]).all() or i in (10, 11)


@pytest.mark.parametrize("op", [softmax, logsumexp])
def test_rows_without_a_slope_that_nothing_selects(op: Callable[[Node], Node]) -> None:
    """The same with data of -inf: the rows' own slope is nan, which no finite number hides."""
    p, x, valid = argument("p", (3,)), argument("X", (2, 3)), argument("valid", (2,))
    rows = op(x + view(p, ("insert", (0,))))
    mask = elementwise("truth", valid if op is logsumexp else view(valid, ("insert", (1,))))
    kept = elementwise("where", mask, rows, 0.0)
    plan = plan_of(total(kept * kept, range(len(kept.shape))))
    given = {"p": np.array([0.5, 1.0, -1.0]), "X": np.array([[1.0, 2.0, 3.0], [-inf] * 3]), "valid": [1.0, 0.0]}
    wanted = eagerly(plan, **given)[1]
    assert np.isfinite(wanted).all()
    assert wanted.any()
    assert close(gradients(plan, **given)[1], wanted, 1e-14)


def test_what_was_not_chosen_may_hold_anything() -> None:
    p, x, k = argument("p", (2,)), argument("X", (3, 2)), argument("k", (3,))
    for row in (elementwise("log", p), p * 2.0):
        plan = plan_of(total(choose(x * view(row, ("insert", (0,))), k), [0]))
        given = {"p": np.array([0.0, 4.0]), "X": np.array([[nan, 1.0], [inf, 2.0], [nan, 3.0]]), "k": [1.0] * 3}
        wanted = eagerly(plan, **given)[1]
        assert wanted[0] == 0.0
        assert gradients(plan, **given)[1].tolist() == wanted.tolist() == [0.0, 1.5 if row.op == "log" else 12.0]


def test_powers_and_quotients_behind_several_masks() -> None:
    """What two masks read has an adjoint that was added up, 0 where neither selects: the slope is not read there."""
    p = argument("p", (3,))
    for y in (p**-2.0, p**3.0, 1.0 / p, p / 1e-320, elementwise("exp", 1.0 / p)):
        both = elementwise("minimum", y, 1.0) + elementwise("minimum", y * 2.0, 1.0)
        plan = plan_of(total(both, [0]))
        at = np.array([0.0, 4.0, 1e200])
        wanted = eagerly(plan, p=at)[1]
        assert close(gradients(plan, p=at)[1], wanted, 1e-14), (y, wanted)


N = Dim(1)


def of_any_size(p: Node) -> list[Node]:
    """Losses with sizes that depend on N, in which adjoints are repeated, seen, stacked and guarded."""
    x, row = argument("X", (N, 3)), view(p, ("insert", (0,)))
    positive = total(x, [1]) > 0.0
    return [
        total(expand(elementwise("exp", row), (N, 3)), [0, 1]),
        total(elementwise("minimum", x, row) + row, [0, 1]),
        total(view(elementwise("exp", x * row), ("slice", ((0, Dim(1, -1), 1), 1))), [0]),
        total(elementwise("where", positive, logsumexp(x * row), 0.0), [0]),
        total(elementwise("where", x > 0.0, elementwise("log", x * row * row), 0.0), [0, 1]),
        total(stack([expand(row, (Dim(1, 1), 3)), expand(elementwise("sin", row), (Dim(1, 1), 3))]), [0, 1]),
        total(contract(expand(row, (N, 3)), expand(view(p, ("insert", (1,))), (3, N)), "ij,jk->"), []),
        contract(x * row, x * row, "ij,ij->") * Node("number", (), (), Scaled(1.0, -1)),
    ]


@pytest.mark.parametrize("which", range(8))
def test_sizes_that_depend_on_the_batch(which: int) -> None:
    p = argument("p", (3,))
    plan = plan_of(of_any_size(p)[which])
    both = shared(lowered(check(with_gradient(plan)), PRIMITIVE))
    at = np.array([0.5, -1.0, 2.0])
    for n in (1, 4, 9):
        x = np.sin(np.arange(3.0 * n)).reshape(n, 3)
        gradient = interpret(check(both), n=n, p=at, X=x)[1]
        h = 1e-5
        for i in range(3):
            step = h * np.eye(3)[i]
            ahead, behind = (float(interpret(plan, n=n, p=at + t * step, X=x)[0]) for t in (1, -1))
            assert gradient[i] == pytest.approx((ahead - behind) / (2 * h), rel=1e-6, abs=1e-6)


# --- through the recording -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pass_", [straight, roll])
@pytest.mark.parametrize(("function", "at", "slope"), [t[1:] for t in TRAPS], ids=[f"{t[0]} at {t[2]}" for t in TRAPS])
def test_traps_that_were_recorded(pass_: Any, function: Callable[[Any], Any], at: float, slope: float) -> None:
    recording = record(lambda p: F.sum([function(x) for x in p]), [Value(at), Value(0.5), Value(at), Value(0.25)])
    gradient = gradients(pass_(recording), p=[at, 0.5, at, 0.25])[1]
    assert (gradient[0], gradient[2]) == (slope, slope)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("pass_", [straight, roll])
@pytest.mark.parametrize(("function", "at"), [t[1:] for t in STAYS_NAN], ids=[t[0] for t in STAYS_NAN])
def test_numeric_zeros_that_were_recorded(pass_: Any, function: Callable[[Any], Any], at: float) -> None:
    recording = record(lambda p: F.sum([function(x) for x in p]), [Value(at), Value(2.0)])
    gradient = gradients(pass_(recording), p=[at, 2.0])[1]
    assert math.isnan(gradient[0])
    assert math.isfinite(gradient[1])


# --- lower and share -------------------------------------------------------------------------------------------------


def test_sigmoid_has_one_division() -> None:
    plan = lowered(Plan((elementwise("sigmoid", argument("p", (3,))),), ("y",)), PRIMITIVE)
    ops = [node.op for node in plan.nodes if node.op != "number"]
    assert sorted(ops) == ["abs", "add", "argument", "div", "exp", "ge", "neg", "where"]


@pytest.mark.parametrize("op", sorted(set(TABLE) - {"sum", "take", "softmax"}))
def test_what_is_spelled_stays_and_what_is_primitive_too(op: str) -> None:
    row = TABLE[op]
    x = [argument(f"x{i}", (2,)) for i in range(len(row.operands) - len(row.constants) if not row.variadic else 4)]
    operands: list[Any] = [*x, *[0.5] * len(row.constants)]
    node = logsumexp(x[0]) if op == "logsumexp" else elementwise(op, *operands)
    kept = lowered(Plan((node,), ("y",)), {op})
    assert kept.results[0].op == op
    ops = {n.op for n in lowered(Plan((node,), ("y",)), ()).nodes}
    assert (op in ops) == row.primitive
    assert not {o for o in ops if o in TABLE and not TABLE[o].primitive} - {"sum"}


def test_equal_nodes_are_one_and_unequal_ones_are_not() -> None:
    p, q = argument("p", (3,)), argument("q", (3,))
    plan = Plan(
        (p * q, q * p, p - q, q - p, elementwise("exp", p), elementwise("exp", p), p * 1.5, p * 1.5), tuple("abcdefgh")
    )
    a, b, c, d, e, f, g, h = shared(plan).results
    assert (a is b, c is d, e is f, g is h) == (True, False, True, True)
    zeros = Plan((number(0.0), number(-0.0), number(nan), number(nan)), tuple("abcd"))
    a, b, c, d = shared(zeros).results
    assert (a is b, c is d) == (False, True)
    looks = Plan(
        (total(view(p, ("slice", ((0, 2, 1),))), [0]), total(view(p, ("slice", ((0, 1, 1),))), [0])), ("a", "b")
    )
    assert len(set(shared(looks).results)) == 2
    gathers = [view(p, ("gather", Table(i))) for i in ([0, 1], [0, 1], [1, 0], [0.0, 1.0])]
    assert len(set(shared(Plan(tuple(gathers), tuple("abcd"))).results)) == 3
