"""The functions as doors: what they accept, what they give, and how they refuse."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import alike, constant_places, examples, written

import microgradnet
from microgradnet import functions as F
from microgradnet.errors import InputError
from microgradnet.ops import TABLE
from microgradnet.value import Condition, Value, apply

OPERATORS = {"add", "sub", "mul", "div", "neg", "pow_const", "rpow_const"}
DOORS = sorted(set(TABLE) - OPERATORS)


def test_every_row_has_a_door_and_every_door_a_row() -> None:
    assert set(F.__all__) - {"VALUES"} == set(DOORS)
    for name in DOORS:
        assert getattr(microgradnet, name) is getattr(F, name)
        assert getattr(F, name).__name__ == name
        assert getattr(F, name).__doc__


@pytest.mark.parametrize("op", DOORS)
def test_plain_numbers_give_floats_and_values_give_values(op: str) -> None:
    @given(x=oracles.operands(op))
    @examples(20)
    def holds(x: tuple[float, ...]) -> None:
        plain = F.pow(*x) if op == "pow" else written(op)(*x)
        leaves = [v if place in constant_places(op, len(x)) else Value(v) for place, v in enumerate(x)]
        value = written(op)(*leaves)
        assert type(plain) is float
        assert type(value) is Value
        assert alike(plain, value.data)
        numpy = [np.float64(v) for v in x]
        assert type(F.pow(*numpy) if op == "pow" else written(op)(*numpy)) is float

    holds()


@pytest.mark.parametrize("op", ["sum", "mean", "logsumexp", "softmax"])
def test_several_operands_in_any_wrapping(op: str) -> None:
    function = getattr(F, op)
    x = [Value(1.0), Value(2.0), Value(3.0)]
    told = []
    for call in (
        lambda: function(x),
        lambda: function(tuple(x)),
        lambda: function(*x),
        lambda: function(np.array(x)),
        lambda: function(iter(x)),
        lambda: function(v for v in x),
        lambda: function(dict.fromkeys(x)),
    ):
        result = call()
        results = result if op == "softmax" else [result]
        assert isinstance(results, list)
        told.append([r.data for r in results])
        assert all(r.operands[:3] == tuple(x) for r in results)
    assert all(t == told[0] for t in told)
    single = function(Value(5.0))
    assert (single[0] if op == "softmax" else single).data == (1.0 if op == "softmax" else 5.0)
    assert function(5) == ([1.0] if op == "softmax" else 5.0)
    assert function([5]) == function(5)


def test_softmax_is_a_list_that_sums_to_one() -> None:
    x = [Value(0.3), Value(-1.0), Value(2.0)]
    p = F.softmax(x)
    assert sum(v.data for v in p) == pytest.approx(1.0, rel=1e-15)
    total = F.sum(p)
    total.backward()
    assert [v.grad for v in x] == pytest.approx([0.0, 0.0, 0.0], abs=1e-16)
    assert [v.operands[-1] for v in p] == [0.0, 1.0, 2.0]
    assert F.softmax([1000.0, 1000.0]) == [0.5, 0.5]


@given(x=st.lists(st.floats(-300.0, 300.0), min_size=1, max_size=5))
@examples(200)
def test_logsumexp_and_softmax_agree(x: list[float]) -> None:
    leaves = [Value(v) for v in x]
    F.logsumexp(leaves).backward()
    assert [v.grad for v in leaves] == pytest.approx(F.softmax(x), rel=1e-12, abs=1e-300)
    assert F.logsumexp(x) >= max(x)
    shifted = F.logsumexp([v + 1000.0 for v in x])
    assert shifted == pytest.approx(F.logsumexp(x) + 1000.0, rel=1e-14)


def test_dot_accepts_what_a_neuron_has() -> None:
    w, x, b = [Value(1.0), Value(2.0)], [3.0, 4.0], Value(0.5)
    for inputs in (
        x,
        tuple(x),
        np.array(x),
        [3, 4],
        [Value(3.0), 4.0],
        np.array([Value(3.0), Value(4.0)]),
        np.array([3, 4]),
    ):
        for weights in (w, tuple(w), np.array(w)):
            for bias, total in ((b, 11.5), (None, 11.0), (0.5, 11.5), (np.float64(0.5), 11.5)):
                out = F.dot(weights, inputs, bias)
                assert (out.op, out.data) == ("dot", total)
                assert {type(o) for o in out.operands} <= {float, Value}
                assert len(out.operands) == 4 + (bias is not None)
    assert F.dot([1, 2], x) == 11.0
    assert F.dot([1.0], [Value(2.0)]).partials == (None, 1.0)
    for bad in (([], []), ([1.0], []), (w, [1.0]), ([1.0], [1.0, 2.0])):
        with pytest.raises(InputError, match="equally many"):
            F.dot(*bad)


def test_nothing_at_all() -> None:
    assert F.sum([]) == 0.0
    assert type(F.sum([])) is float
    for function in (F.mean, F.logsumexp, F.softmax):
        with pytest.raises(InputError, match=f"{function.__name__} needs at least one operand"):
            function([])
    with pytest.raises(InputError):
        F.take([], 0)
    for function in (F.maximum, F.minimum, F.hypot, F.atan2):
        for operands in ((), (1.0,), (1.0, 2.0, 3.0)):
            with pytest.raises((InputError, TypeError), match=rf"{function.__name__}"):
                function(*operands)


def test_where_takes_conditions_numbers_and_values() -> None:
    x, y = Value(2.0), Value(3.0)
    for condition, truth in (
        (True, 1),
        (False, 0),
        (1, 1),
        (0.0, 0),
        (np.bool_(True), 1),
        (x < y, 1),
        (y < x, 0),
        (x, 1),
        (Value(0.0), 0),
        (math.nan, 1),
        (-0.0, 0),
        (Value(math.nan), 1),
    ):
        out = F.where(condition, x, y)
        assert out.data == (x if truth else y).data
        assert out.partials == ((None, 1.0, None) if truth else (None, None, 1.0))
        assert type(out.operands[0]) in (float, Value, Condition)
    assert F.where(1 < 2, 3, 4) == 3.0
    for bad in (None, "yes", [True], np.array([True, False])):
        with pytest.raises(TypeError, match="where wants"):
            F.where(bad, x, y)


def test_constants_of_leaky_relu_and_elu() -> None:
    assert F.leaky_relu(-2.0) == -0.02
    assert F.leaky_relu(Value(-2.0)).operands[1] == 0.01
    assert Value(-2.0).leaky_relu().data == -0.02
    assert Value(-2.0).leaky_relu(0.5).data == -1.0
    assert Value(-2.0).elu().data == F.elu(-2.0) == math.expm1(-2.0)
    assert F.elu(Value(-1000.0), 3).data == -3.0
    assert F.leaky_relu(-2.0, slope=0.1) == -0.2
    assert F.elu(-1000.0, alpha=2.0) == -2.0
    for function in (F.leaky_relu, F.elu):
        with pytest.raises(TypeError, match="plain number"):
            function(1.0, Value(0.1))
        with pytest.raises(TypeError, match="plain number"):
            getattr(Value(1.0), function.__name__)(Value(0.1))
        with pytest.raises(TypeError, match=rf"{function.__name__} wants .* got str"):
            function(1.0, "0.1")


def test_clip_and_its_bounds() -> None:
    x, lo, hi = Value(5.0), Value(0.0), Value(1.0)
    for at, grads in (
        (5.0, (0.0, 0.0, 1.0)),
        (-5.0, (0.0, 1.0, 0.0)),
        (0.5, (1.0, 0.0, 0.0)),
        (0.0, (1.0, 0.0, 0.0)),
        (1.0, (1.0, 0.0, 0.0)),
    ):
        x, lo, hi = Value(at), Value(0.0), Value(1.0)
        F.clip(x, lo, hi).backward()
        assert (x.grad, lo.grad, hi.grad) == grads
    assert F.clip(5, 0, 1) == 1.0
    assert F.clip(Value(5.0), 2.0, -2.0).data == -2.0


def test_take_records_a_value_as_index() -> None:
    x, i = [Value(1.0), Value(5.0)], Value(1, "i")
    out = F.take(x, i)
    out.backward()
    assert (out.data, i.grad, x[1].grad, x[0].grad) == (5.0, 0.0, 1.0, 0.0)
    assert F.take([1, 2, 3], np.int64(2)) == 3.0
    assert F.take((1, 2), True) == 2.0
    assert F.take(np.array([1.0, 2.0]), 0) == 1.0
    with pytest.raises(IndexError, match=r"index 7 .* 0 to 1"):
        F.take(x, 7)
    with pytest.raises(TypeError):
        F.take(x, "0")


def test_pow_is_a_function_of_numbers_too() -> None:
    x = Value(2.0)
    assert (F.pow(x, 3).op, F.pow(3, x).op, F.pow(x, x).op) == ("pow_const", "rpow_const", "pow")
    for base, exponent, result in (
        (-2.0, 0.5, math.nan),
        (0.0, -1.0, math.inf),
        (10.0, 400.0, math.inf),
        (-2, 3, -8.0),
    ):
        assert alike(F.pow(base, exponent), result)


COMPARE = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


@given(a=st.floats(), b=st.floats())
@examples(100)
def test_conditions_are_true_as_their_numbers_are(a: float, b: float) -> None:
    for compare in COMPARE.values():
        assert bool(compare(Value(a), Value(b))) is compare(a, b)
        if not math.isnan(a + b):
            assert F.where(compare(Value(a), b), 1.0, 0.0).data == float(compare(a, b))


def test_python_functions_of_the_same_names_still_work_on_values() -> None:
    x: Any = Value(-2.5)
    assert (abs(x).op, round(x).op, round(x).data, sum([x, x]).data) == ("abs", "round", -2.0, -5.0)
    assert (math.floor(x).data, math.ceil(x).data, math.trunc(x).data) == (-3.0, -2.0, -2.0)
    assert F.abs(-3) == 3.0
    assert F.round(2.5) == 2.0
    assert F.sign(-0.5) == -1.0


inputs_of_dot = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10), st.booleans()), min_size=1, max_size=6)


@given(inputs_of_dot, st.one_of(st.none(), st.floats(-10, 10)))
def test_dot_with_a_neuron_at_hand_is_the_rule_of_the_table(
    terms: list[tuple[float, float, bool]], bias: float | None
) -> None:
    weights = [Value(w) for w, _, _ in terms]
    inputs = [Value(x) if as_value else x for _, x, as_value in terms]
    b = [] if bias is None else [Value(bias)]
    fast, rule = F.dot(weights, inputs, *b), apply("dot", *weights, *inputs, *b)
    assert fast.data == rule.data
    assert fast.operands == rule.operands
    assert fast.partials == rule.partials
