"""Where a nan was born: found in the graph, and stopped at the user's own line; nothing at all outside the block."""

from __future__ import annotations

import asyncio
import contextvars
import cProfile
import json
import math
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradnet as mg
from microgradnet import (
    Anomaly,
    AnomalyError,
    InputError,
    StaleGraphError,
    Value,
    clip,
    detect_anomaly,
    exp,
    find_nan,
    grad,
    log,
    maximum,
    sigmoid,
    softmax,
    sqrt,
    where,
)
from microgradnet.extension import operation
from microgradnet.graph import walk

inf, nan = math.inf, math.nan


def found(value: Value) -> Anomaly:
    anomaly = find_nan(value)
    assert anomaly is not None
    return anomaly


# ---------------------------------------------------------------- forward


def test_log_of_zero() -> None:
    p = Value(0.0, "p")
    q = log(p)
    q.label = "q"
    anomaly = found(-q * 2 + 1)
    assert (anomaly.direction, anomaly.operation, anomaly.name) == ("forward", "log", "q")
    assert anomaly.operands == (("p", 0.0),)
    assert anomaly.result == -inf
    assert (anomaly.to, anomaly.partial, anomaly.upstream) == (None, None, None)
    assert anomaly.path == ("q", "neg1", "mul1", "add1")
    assert anomaly.sentence == "q = log(p) is -inf, where p = 0"
    assert "log(p + 1e-12)" in anomaly.advice


CASES: dict[str, tuple[Callable[[Value, Value], Value], float, float, str, str]] = {
    # what is computed, at a, at b, the operation, a word of the advice
    "division by 0": (lambda a, b: 1 + a / b, 3.0, 0.0, "div", "the denominator b is 0"),
    "0 / 0": (lambda a, b: a / b, 0.0, 0.0, "div", "the denominator b is 0"),
    "1 / 0": (lambda a, b: b * (1 / a), 0.0, 1.0, "div", "the denominator a is 0"),
    "exp": (lambda a, b: exp(a) * b, 1000.0, 1.0, "exp", "709.78"),
    "sigmoid by hand, nan": (lambda a, b: exp(a) / (1 + exp(a)) + b, 1000.0, 1.0, "exp", "write sigmoid(a)"),
    "softplus by hand": (lambda a, b: log(1 + exp(a)) + b, 1000.0, 1.0, "exp", "write softplus(a)"),
    "logsumexp by hand": (lambda a, b: log(exp(a) + exp(b)), 1.0, 1000.0, "exp", "logsumexp"),
    "softmax by hand": (lambda a, b: exp(a) / (exp(a) + exp(b)), 1000.0, 1.0, "exp", "softmax"),
    "log of a negative": (lambda a, b: log(a - b), 1.0, 2.0, "log", "above 0 only"),
    "log of a sigmoid": (lambda a, b: log(sigmoid(a)) * b, -1000.0, 1.0, "log", "-softplus(-z), which"),
    "log of 1 - sigmoid": (lambda a, b: log(1 - sigmoid(b)) * a, 1.0, 1000.0, "log", "-softplus(z), which"),
    "log of a softmax": (lambda a, b: log(softmax(a, b)[0]), -1000.0, 1000.0, "log", "x_i - logsumexp(x)"),
    "log1p": (lambda a, b: mg.log1p(a) + b, -1.0, 0.0, "log1p", "above -1"),
    "root of a negative": (lambda a, b: sqrt(a) + b, -1.0, 0.0, "sqrt", "no root"),
    "negative power of 0": (lambda a, b: a**-1 + b, 0.0, 0.0, "pow_const", "division by 0"),
    "power of a negative": (lambda a, b: a**b, -2.0, 0.5, "pow", "no fractional power"),
    "acos": (lambda a, b: mg.acos(a) + b, 1.5, 0.0, "acos", "from -1 to 1"),
    "acosh": (lambda a, b: mg.acosh(a) + b, 0.5, 0.0, "acosh", "from 1 up"),
    "overflow of a product": (lambda a, b: a * b, 1e200, 1e200, "mul", "grew too large"),
    "a constant": (lambda a, b: a * inf + b, 1.0, 0.0, "mul", "a constant in it is not finite"),
    "sine of what is finite": (lambda a, b: mg.tan(a) * b * 1e300 * 1e300, 1.0, 1.0, "mul", "grew too large"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_forward_cases(case: str) -> None:
    function, a, b, operation_, advice = CASES[case]
    loss = function(Value(a, "a"), Value(b, "b"))
    assert not math.isfinite(loss.data)
    anomaly = found(loss)
    assert (anomaly.direction, anomaly.operation) == ("forward", operation_)
    assert not math.isfinite(anomaly.result)
    assert all(math.isfinite(x) for _, x in anomaly.operands) or case == "a constant"
    assert advice in anomaly.advice
    assert anomaly.path[0] == anomaly.name
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        function(Value(a, "a"), Value(b, "b"))
    assert caught.value.anomaly.operation == operation_


def test_a_leaf_is_an_origin() -> None:
    w, x = Value(nan, "w"), Value(2.0)
    anomaly = found(w * x + 1)
    assert (anomaly.operation, anomaly.name, anomaly.operands) == (None, "w", ())
    assert "came from outside" in anomaly.sentence
    assert anomaly.path == ("w", "mul1", "add1")
    assert found(Value(inf)).path == ("v1",)


def test_the_first_of_several_and_its_own_way() -> None:
    a, b = Value(0.0, "a"), Value(0.0, "b")
    anomaly = found(log(a) - log(b))
    assert anomaly.operands == (("a", 0.0),)
    assert anomaly.path == ("log1", "sub1")


def test_names_of_parameters() -> None:
    weight = Value(nan)
    anomaly = find_nan(weight * 2, [("layers.0.weight", weight)])
    assert anomaly is not None
    assert anomaly.path[0] == anomaly.name == "layers.0.weight"


@pytest.mark.parametrize(
    "harmless",
    [
        lambda x: where(x > 0, log(x), 0.0) + x,  # the branch that was not taken
        lambda x: x + 1 / Value(inf),
        lambda x: mg.minimum(x, Value(inf)),
        lambda x: clip(x, -inf, inf),
        lambda x: maximum(x - 1, -inf) * x,
        lambda x: x * x + sqrt(x + 1),
        lambda x: x,
    ],
)
def test_what_does_no_harm_is_no_anomaly(harmless: Any) -> None:
    x = Value(0.0)
    loss = harmless(x)
    assert find_nan(loss) is None
    loss.backward()
    assert math.isfinite(x.grad)


def test_a_selection_leads_to_what_it_selected() -> None:
    a, b = Value(0.0, "a"), Value(-1.0, "b")
    chosen = where(b > 0, log(a), mg.log1p(b))
    anomaly = found(chosen)
    assert anomaly.operation == "log1p"


# ---------------------------------------------------------------- backward


def test_root_at_zero() -> None:
    x = Value(0.0, "x")
    anomaly = found(sqrt(x) * 3 + 1)
    assert (anomaly.direction, anomaly.operation, anomaly.name) == ("backward", "sqrt", "sqrt1")
    assert (anomaly.to, anomaly.partial, anomaly.upstream, anomaly.result) == ("x", inf, 3.0, inf)
    assert anomaly.path == ("x", "sqrt1", "mul1", "add1")
    assert "sqrt(x + 1e-12)" in anomaly.advice
    assert x.grad == 0.0  # it was not touched


def test_sigmoid_written_out() -> None:
    z = Value(-1000.0, "z")
    loss = (1 / (1 + exp(-z)) - 1) ** 2
    assert loss.data == 1.0
    anomaly = found(loss)
    assert (anomaly.direction, anomaly.operation, anomaly.to) == ("backward", "exp", "neg1")
    assert anomaly.partial == inf
    assert anomaly.upstream == 0.0
    assert math.isnan(anomaly.result)
    assert "times its own gradient 0," in anomaly.sentence
    assert "write sigmoid(z)" in anomaly.advice
    assert find_nan((sigmoid(z) - 1) ** 2) is None


@pytest.mark.parametrize(
    ("function", "x", "operation_", "advice"),
    [
        (lambda x: x**0.5, 0.0, "pow_const", "add a small number under it"),
        (lambda x: mg.asin(x), 1.0, "asin", "vertical"),
        (lambda x: 1e200 * (1e90 * (x * 1e-250)), 0.0, None, ""),
        (lambda x: 1e-300 * ((1e200 * (1e200 * x)) * 1e-200), 1e-300, "mul", "the gradients grew too large"),
        (lambda x: log(x * 1e-200) + log(x), 1e-110, "log", "too near to 0"),
    ],
)
def test_backward_cases(function: Any, x: float, operation_: str | None, advice: str) -> None:
    leaf = Value(x, "x")
    loss = function(leaf)
    anomaly = find_nan(loss)
    loss.backward()
    if operation_ is None or anomaly is None:
        assert anomaly is None
        assert math.isfinite(leaf.grad)
        return
    assert not math.isfinite(leaf.grad)
    assert (anomaly.direction, anomaly.operation) == ("backward", operation_)
    assert advice in anomaly.advice


def test_a_sum_of_gradients_that_is_too_large() -> None:
    x = Value(0.0, "x")
    anomaly = found(x * 1e308 + x * 1e308)
    assert (anomaly.partial, anomaly.upstream, anomaly.result) == (1e308, 1.0, inf)
    assert "product or sum is too large" in anomaly.sentence


def test_an_operation_of_one_s_own() -> None:
    @operation(partials=lambda y, x: 1 / x)
    def own_log(x: float) -> float:
        return math.log(x) if x else -inf

    anomaly = found(own_log(Value(0.0, "x")))
    assert anomaly.operation is not None
    assert json.loads(anomaly.json())["operation"] == anomaly.operation == "own_log"


# ---------------------------------------------------------------- both, against backward itself

UNARY = [log, exp, sqrt, mg.tan, sigmoid, mg.relu, lambda v: v**-1, lambda v: v**0.5, lambda v: v * 1e200]
BINARY = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a / b, maximum, lambda a, b: where(a > b, a, b)]


@given(
    leaves=st.lists(
        st.sampled_from([0.0, 1.0, -1.0, 2.5, 1e-200, 800.0, -800.0, 1e308, inf, nan]), min_size=2, max_size=4
    ),
    steps=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12),
)
def test_it_says_something_exactly_where_something_is_not_finite(
    leaves: list[float], steps: list[tuple[int, int, int]]
) -> None:
    nodes = [Value(x) for x in leaves]
    for which, i, j in steps:
        a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append(UNARY[which](a) if which < len(UNARY) else BINARY[which - len(UNARY)](a, b))
    root = nodes[-1]
    anomaly = find_nan(root)
    root.backward()
    inside = [node for node in walk(root) if isinstance(node, Value)]
    bad = not math.isfinite(root.data) or any(not math.isfinite(node.grad) for node in inside)
    assert (anomaly is not None) is bad
    if anomaly is not None:
        assert (anomaly.direction == "forward") is not math.isfinite(root.data)
        assert str(anomaly)
        assert json.loads(anomaly.json())["path"]


# ---------------------------------------------------------------- how it looks


def test_it_shows_itself() -> None:
    y = log(Value(0.0, "p"))
    for _ in range(30):
        y = y * 1.5
    anomaly = found(y)
    lines = str(anomaly).splitlines()
    assert lines[0] == "log1 = log(p) is -inf, where p = 0"
    assert lines[2].split() == ["log1", "log(p)", "-inf"]
    assert lines[6] == "… 23 more"
    assert lines[-2].split()[0] == "mul30"
    assert lines[-1] == "What to do: keep p above 0, as in log(p + 1e-12)."
    assert len(anomaly.path) == 31
    assert repr(anomaly) == str(anomaly)
    assert "<table" in anomaly._repr_html_()


def test_hostile_labels() -> None:
    p = Value(0.0, "<script>\n\x1b[31m|`")
    anomaly = found(log(p))
    assert "<script>" not in anomaly._repr_html_()
    assert "\x1b" not in str(anomaly)
    assert len(str(anomaly).splitlines()) < 8


def test_deep_graphs() -> None:
    y = log(Value(0.0, "p"))
    for _ in range(50_000):
        y = y + 1.0
    assert len(found(y).path) == 50_001
    z = sqrt(Value(0.0, "x"))
    for _ in range(50_000):
        z = z + 1.0
    assert len(found(z).path) == 50_002
    wide = mg.sum([log(Value(float(i))) for i in range(1000)])
    assert "…" in str(found(wide))
    assert len(str(found(wide))) < 1000


def test_refusals() -> None:
    for wrong in (1.0, None, [Value(1.0)], Value, Value(1.0) > 0):
        with pytest.raises(TypeError, match="find_nan wants a Value"):
            find_nan(wrong)  # type: ignore[arg-type]
    x = Value(0.0, "x")
    loss = log(x)
    x.data = 1.0
    with pytest.raises(StaleGraphError, match="x"):
        find_nan(loss)


# ---------------------------------------------------------------- the with block


def users_own(x: Value) -> Value:
    half = x * 0.5
    return log(half)  # the line


def test_it_stops_at_the_user_s_line() -> None:
    said = r"log1 = log\(mul1\) is -inf, where mul1 = 0: keep mul1 above 0"
    with pytest.raises(AnomalyError, match=said) as caught, detect_anomaly():
        users_own(Value(0.0))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].line == "return log(half)  # the line"
    assert [frame.name for frame in frames] == ["test_it_stops_at_the_user_s_line", "users_own"]
    assert sys.getprofile() is None
    assert isinstance(caught.value, ArithmeticError)


MADE = {
    "operator": lambda x: 1 / x,
    "function": lambda x: log(x),
    "method": lambda x: x.log(),
    "apply": lambda x: mg.logsumexp([x, 1.0]) / x * 0 + mg.mean([1 / x, x]),
    "reflected": lambda x: x - 1e308 * (x + 1e308),
    "numpy": lambda x: np.log(x),
    "array": lambda x: np.log(np.array([x, x], dtype=object)),
    "in place": lambda x: np.array([Value(1.0)], dtype=object).__itruediv__(np.array([x], dtype=object)),
    "neuron": lambda x: mg.dot([Value(1e308), Value(1e308)], [10.0, 1.0], x),
    "own": lambda x: operation(partials=lambda y, v: 0.0)(_infinite)(x),
}


def _infinite(x: float) -> float:
    return inf


@pytest.mark.parametrize("way", MADE)
def test_in_every_way_that_a_value_is_made(way: str) -> None:
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        MADE[way](Value(0.0))
    assert "test_anomaly" in traceback.extract_tb(caught.value.__traceback__)[-1].filename
    with np.errstate(all="ignore"):
        MADE[way](Value(0.0))  # and nothing outside


def test_backward_and_grad() -> None:
    x = Value(0.0, "x")
    y = sqrt(x) * 2
    with pytest.raises(AnomalyError, match="the gradient of x is inf: sqrt1") as caught, detect_anomaly():
        y.backward()
    assert caught.value.anomaly.direction == "backward"
    assert traceback.extract_tb(caught.value.__traceback__)[-1].line == "y.backward()"
    with pytest.raises(AnomalyError, match="sqrt1"), detect_anomaly():
        grad(lambda v: sqrt(v))(0.0)
    with pytest.raises(AnomalyError), detect_anomaly():
        grad(grad(lambda v: v**1.5))(0.0)
    with pytest.raises(AnomalyError, match="too large"), detect_anomaly():
        (Value(1.0) * 1e200).backward(1e200)
    with detect_anomaly():  # what is right is let through
        w = Value(2.0)
        (sqrt(w) * w).backward()
        assert grad(lambda v: v * v)(3.0) == 6.0
        Value(1.0).backward()
        w.backward(nan)  # the user's own


def test_what_is_read_in_backward_has_the_names_that_it_has_there() -> None:
    """The watcher looks at the local variables of a running `Value.backward`, which no type checker sees."""
    assert {"self", "seed"} <= set(Value.backward.__code__.co_varnames)


def test_only_what_is_born_there() -> None:
    bad = log(Value(0.0))

    def give() -> Value:
        return bad

    with detect_anomaly():
        assert give() is bad
        assert (bad * 2).data == -inf  # it was not finite before
        assert Value(nan).data != 0.0
        assert where(Value(1.0) > 0, Value(3.0), 2.0).data == 3.0


def test_off_again_after_the_block_and_after_errors() -> None:
    with detect_anomaly():
        pass
    assert sys.getprofile() is None
    assert log(Value(0.0)).data == -inf
    with pytest.raises(LookupError), detect_anomaly():
        raise LookupError
    assert sys.getprofile() is None
    with detect_anomaly():
        with detect_anomaly():
            pass
        with pytest.raises(AnomalyError), detect_anomaly():
            log(Value(0.0))
        with pytest.raises(AnomalyError):  # the outer one still watches
            log(Value(0.0))
    assert sys.getprofile() is None


def test_a_profile_function_of_one_s_own_comes_back_and_is_called() -> None:
    seen: list[str] = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        with detect_anomaly():
            users_own(Value(1.0))
        assert sys.getprofile() is profile
        with pytest.raises(AnomalyError), detect_anomaly():
            log(Value(0.0))
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert "users_own" in seen

    with detect_anomaly():
        watching = sys.getprofile()
        sys.setprofile(profile)  # as check_derivation does in the midst of it
        with detect_anomaly():
            pass
        assert sys.getprofile() is profile
        sys.setprofile(watching)
        with pytest.raises(AnomalyError):
            log(Value(0.0))
    assert sys.getprofile() is None


def test_cprofile_holds_the_hook() -> None:
    """Until Python 3.12, which gives it a hook of its own."""
    with cProfile.Profile():
        if sys.version_info < (3, 12):
            with pytest.raises(InputError, match="cProfile"), detect_anomaly():
                pass
        else:
            with pytest.raises(AnomalyError), detect_anomaly():
                log(Value(0.0))
    assert sys.getprofile() is None


def test_other_threads_are_not_watched() -> None:
    results: list[float] = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: results.append(log(Value(0.0)).data))
        thread.start()
        thread.join()
    assert results == [-inf]


def test_other_tasks_are_not_watched() -> None:
    order: list[str] = []

    async def watched(first: asyncio.Event, second: asyncio.Event) -> None:
        with detect_anomaly():
            first.set()
            await second.wait()
            with pytest.raises(AnomalyError):
                log(Value(0.0))
            order.append("watched")

    async def free(first: asyncio.Event, second: asyncio.Event) -> None:
        await first.wait()
        assert log(Value(0.0)).data == -inf
        order.append("free")
        second.set()

    async def both() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        await asyncio.gather(
            asyncio.create_task(watched(first, second)),
            asyncio.create_task(free(first, second), context=contextvars.Context()),
        )

    asyncio.run(both())
    assert order == ["free", "watched"]
    assert sys.getprofile() is None


def test_tasks_that_leave_in_another_order() -> None:
    async def block(entered: asyncio.Event, leave: asyncio.Event) -> None:
        with detect_anomaly():
            entered.set()
            await leave.wait()
            with pytest.raises(AnomalyError):
                log(Value(0.0))

    async def both() -> None:
        events = [asyncio.Event() for _ in range(4)]
        one = asyncio.create_task(block(events[0], events[1]))
        await events[0].wait()
        two = asyncio.create_task(block(events[2], events[3]))
        await events[2].wait()
        events[1].set()
        await one  # the first to come is the first to leave
        events[3].set()
        await two

    asyncio.run(both())
    assert sys.getprofile() is None
    assert log(Value(0.0)).data == -inf


def test_it_costs_nothing_outside() -> None:
    """The methods that run are those printed from the table: no check is in them."""
    code = Value.log.__code__
    assert not {"isfinite", "isnan", "_on"} & {*code.co_names, *Value.backward.__code__.co_names}
