"""Operations of one's own: right in every reader of an operation, checked at first use, and kept nowhere."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradnet as mg
from microgradnet import Graph, InputError, Value, draw, grad, hessian, hvp, jacobian, jvp
from microgradnet.extension import Operation, operation
from microgradnet.ops import COMPARISONS, TABLE, row_of
from microgradnet.rules import FLOATS, PARTIALS, RESULTS

NUMBERS = st.floats(-3.0, 3.0)


@operation(partials=lambda y, x: (3 * x**2,))
def cube(x: float) -> float:
    """The third power.

    And more about it.
    """
    return x**3


@operation(partials=lambda y, x: mg.cos(x))
def sine(x: float) -> float:
    return math.sin(x)


@operation(partials=lambda y, a, b: (mg.exp(b), a * mg.exp(b)))
def grown(a: float, b: float) -> float:
    return a * math.exp(b)


@operation(partials=lambda y, x, width: (-2 * x / width**2 * y, None))
def bump(x: float, width: float = 2.0) -> float:
    return math.exp(-((x / width) ** 2))


@operation(partials=lambda y, first, *rest: (1.0, *(2 * r for r in rest)))
def squares(first: float, *rest: float) -> float:
    return first + sum(r * r for r in rest)


# ---------------------------------------------------------------- as an operation


def test_on_numbers_and_on_values() -> None:
    assert cube(2.0) == 8.0
    assert type(cube(2)) is float
    assert type(cube(np.float64(2.0))) is float
    v = cube(Value(2.0, "x"))
    assert isinstance(v, Value)
    assert (v.data, v.op, v.partials) == (8.0, "cube", (12.0,))
    assert v.op is cube
    assert repr(v) == "Value(8.0, grad=0.0, made by cube(x))"
    assert repr(cube) == "<operation cube(x)>"


@given(NUMBERS, NUMBERS)
def test_gradients_are_those_of_the_same_in_operations_of_the_table(a: float, b: float) -> None:
    def with_own(p: list[Any]) -> Any:
        return grown(p[0], p[1]) * sine(p[0]) + cube(p[1])

    def with_table(p: list[Any]) -> Any:
        return p[0] * mg.exp(p[1]) * mg.sin(p[0]) + p[1] ** 3

    def close(ours: Any, theirs: Any) -> bool:
        return bool(np.allclose(ours, theirs, rtol=1e-12, atol=1e-12))

    assert close(grad(with_own)([a, b]), grad(with_table)([a, b]))
    assert close(hessian(with_own)([a, b]), hessian(with_table)([a, b]))
    assert close(hvp(with_own, [a, b], [1.0, -2.0]), hvp(with_table, [a, b], [1.0, -2.0]))
    assert close(jvp(with_own, ([a, b],), ([1.0, 2.0],)), jvp(with_table, ([a, b],), ([1.0, 2.0],)))
    third = jacobian(hessian(with_own))([a, b])
    assert close(third, jacobian(hessian(with_table))([a, b]))


@given(NUMBERS)
def test_derivatives_of_any_order(x: float) -> None:
    function: Any = sine
    for expected in (math.cos(x), -math.sin(x), -math.cos(x), math.sin(x)):
        function = grad(function)
        assert math.isclose(function(x), expected, rel_tol=1e-15, abs_tol=1e-15)


def test_backward_accumulates_like_any_other() -> None:
    x, y = Value(2.0), Value(0.5)
    loss = grown(x, y) + cube(x) * 2
    loss.backward()
    assert x.grad == math.exp(0.5) + 24.0
    assert y.grad == 2.0 * math.exp(0.5)
    same = Value(1.5)
    grown(same, same).backward()
    assert same.grad == math.exp(1.5) + 1.5 * math.exp(1.5)


def test_constants_are_no_nodes() -> None:
    v = grown(2, Value(0.0, "b"))
    assert v.operands[0] == 2.0
    assert v.partials == (None, 2.0)


def test_a_default_is_an_operand() -> None:
    x = Value(1.0)
    assert bump(x).operands == (x, 2.0)
    assert bump(x, 1.0).data == math.exp(-1.0) == bump(x=x, width=1.0).data
    assert bump(x).partials == (-0.5 * math.exp(-0.25), None)
    assert bump(1.0) == math.exp(-0.25)
    assert Graph(bump(x)).operands == ((), (0, 2.0))


def test_any_number_of_operands() -> None:
    values = [Value(float(i), f"v{i}") for i in range(4)]
    total = squares(*values)
    assert (total.data, total.partials) == (14.0, (1.0, 2.0, 4.0, 6.0))
    assert grad(lambda p: squares(*p))([1.0, 2.0, 3.0]) == [1.0, 4.0, 6.0]
    assert squares(Value(1.0)).data == 1.0


def test_functions_of_python_s_own() -> None:
    gamma = operation(partials=lambda y, x: y * (0.5772156649015329 * -1) if x == 1 else None, check=False)(math.gamma)
    assert gamma(Value(1.0)).partials == (-0.5772156649015329,)
    distance = operation(partials=lambda y, *x: tuple(v / y for v in x))(_unsigned_distance)
    assert distance(Value(3.0), Value(4.0)).partials == (0.6, 0.8)


class _UnsignedDistance:
    """Without a signature, as some of Python's own functions are."""

    __name__ = "distance"

    @property
    def __signature__(self) -> None:
        raise ValueError("no signature")

    def __call__(self, *x: float) -> float:
        return math.hypot(*x)


_unsigned_distance: Any = _UnsignedDistance()


# ---------------------------------------------------------------- in the readers of a graph


def test_in_a_graph() -> None:
    x = Value(2.0, "x")
    graph = Graph(cube(x) * x)
    assert graph.names == ("x", "cube1", "mul1")
    assert graph.operations == ("", "cube", "mul")
    assert all(type(name) is str for name in graph.names)
    assert graph.partials(1) == (12.0,)
    assert graph.gradient() == [32.0, 2.0, 1.0]
    assert graph.evaluate({0: 3.0}) == [3.0, 27.0, 81.0]
    assert graph.replay({"x": 3.0}).gradient() == [108.0, 3.0, 1.0]
    assert graph.forward(graph.partials, {0: 1.0}) == [1.0, 12.0, 32.0]
    assert "cube" in graph.operations
    assert graph.operations[1] in ("cube", "other")
    assert graph.operations[1] not in COMPARISONS
    assert json.loads(json.dumps(graph.operations)) == ["", "cube", "mul"]


def test_names_of_two_of_one_name() -> None:
    def make(factor: float) -> Operation:
        @operation(partials=lambda y, x: factor)
        def scaled(x: float) -> float:
            return factor * x

        return scaled

    twice, thrice = make(2.0), make(3.0)
    x = Value(5.0, "x")
    loss = twice(x) * thrice(x)
    graph = Graph(loss)
    assert graph.names == ("x", "scaled1", "scaled2", "mul1")
    assert [graph.partials(i) for i in (1, 2)] == [(2.0,), (3.0,)]
    assert graph.replay({"x": 1.0}).data == (1.0, 2.0, 3.0, 6.0)
    assert hessian(lambda v: twice(v) * thrice(v))(5.0) == 12.0


def test_the_row_of_an_operation() -> None:
    assert row_of(cube) is cube.row
    assert row_of("tanh") is TABLE["tanh"]
    assert cube not in TABLE
    assert (cube.row.name, cube.row.operands, cube.row.doc) == ("cube", ("x",), "The third power.")
    assert RESULTS[cube](2.0) == 8.0
    assert PARTIALS[cube](8.0, 2.0) == (12.0,)
    assert cube.row.value(None, 2.0) == 8.0
    for without_row in ("cube", cube):
        with pytest.raises(KeyError, match="cube"):
            TABLE[without_row]
    with pytest.raises(KeyError, match="cube"):
        row_of("cube")
    with pytest.raises(AttributeError, match="cube"):
        _ = FLOATS.cube


def test_nothing_is_kept() -> None:
    """Neither a table nor a cache knows of it afterwards, and it dies with the last that holds it."""

    @operation(partials=lambda y, x: 2 * x)
    def forgotten(x: float) -> float:
        return x * x

    before = len(TABLE), len(RESULTS), len(PARTIALS), len(vars(FLOATS))
    loss = forgotten(Value(3.0, "x"))
    Graph(loss).replay({"x": 1.0}).gradient()
    assert grad(grad(forgotten))(3.0) == 2.0
    assert (len(TABLE), len(RESULTS), len(PARTIALS)) == before[:3]
    assert "forgotten" not in vars(FLOATS)
    alive = weakref.ref(forgotten)
    del forgotten
    gc.collect()
    assert alive() is loss.op
    del loss
    gc.collect()
    assert alive() is None


def test_copies_and_pickles_hold_the_same_operation() -> None:
    x = Value(2.0, "x")
    loss = cube(x) * 2
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        made = other.operands[0]
        assert made.op is cube
        assert made.partials == (12.0,)
        other.backward()
        assert made.operands[0].grad == 24.0
        assert Graph(other).replay({"x": 1.0}).data[-1] == 2.0
    assert pickle.loads(pickle.dumps(Graph(loss))).replay({"x": 1.0}).data[-1] == 2.0
    assert copy.deepcopy(cube) is cube is pickle.loads(pickle.dumps(cube))


def test_one_of_a_function_s_own_cannot_be_pickled() -> None:
    @operation(partials=lambda y, x: 1.0)
    def inner(x: float) -> float:
        return x

    with pytest.raises((pickle.PicklingError, AttributeError), match="inner"):
        pickle.dumps(inner(Value(1.0)))


def test_drawn() -> None:
    x = Value(2.0, "x")
    picture = draw(bump(cube(x), 9.0))
    source = picture.dot.source
    assert "cube: The third power." in source
    assert "local derivative 12.0" in source
    assert "bump(·, 9)" in source


def test_compared() -> None:
    x, y = Value(2.0, "x"), Value(0.5, "y")
    loss = grown(x, y) + cube(x)
    right = {"x": math.exp(0.5) + 12.0, "y": 2.0 * math.exp(0.5)}
    assert mg.compare(loss, by_hand=right)
    assert not mg.compare(loss, by_hand={**right, "x": 12.0})


def test_a_long_chain() -> None:
    v = x = Value(1.0)
    for _ in range(20_000):
        v = _kept(v)
    v.backward()
    assert x.grad == 1.0
    assert Graph(v).gradient()[0] == 1.0


@operation(partials=lambda y, x: 1.0)
def _kept(x: float) -> float:
    return x


def test_recorded_partials() -> None:
    by_a, by_b = grown.recorded(2.0, 0.5)
    assert isinstance(by_a, Graph)
    assert isinstance(by_b, Graph)
    assert by_a.names == ("b", "exp1")
    assert by_b.names == ("a", "b", "exp1", "mul1")
    assert by_b.data[-1] == 2.0 * math.exp(0.5)
    x, none = bump.recorded(1.0)
    assert isinstance(x, Graph)
    assert set(x.names) >= {"x", "width", "y"}
    assert none is None
    assert squares.recorded(1.0, 2.0)[0] == 1.0


# ---------------------------------------------------------------- the check


def own(partials: Any, *, check: bool = True) -> Operation:
    """a² b with given partials."""

    @operation(partials=partials, check=check)
    def area(a: float, b: float) -> float:
        return a * a * b

    return area


WRONG = {
    "factor": lambda y, a, b: (a * b, a * a),
    "sign": lambda y, a, b: (2 * a * b, -a * a),
    "swapped": lambda y, a, b: (a * a, 2 * a * b),
    "zero": lambda y, a, b: (2 * a * b, 0.0),
    "missing": lambda y, a, b: (None, a * a),
    "nearly": lambda y, a, b: (2 * a * b, a * a * 1.0001),
    "other": lambda y, a, b: (2 * a * b, a * b),
}


@pytest.mark.parametrize("kind", WRONG)
@given(a=st.floats(1.1, 1e3), b=st.floats(2.1, 1e3))
def test_wrong_partials_are_refused_at_first_use(kind: str, a: float, b: float) -> None:
    if kind == "swapped" and math.isclose(a, 2 * b, rel_tol=1e-3):
        return
    if kind == "other" and math.isclose(a, b, rel_tol=1e-3):
        return
    area = own(WRONG[kind])
    assert area(a, b) == a * a * b  # on numbers nothing is asked
    with pytest.raises(InputError, match=r"operation area: its partial by [ab] is not its derivative"):
        area(Value(a), Value(b))
    with pytest.raises(InputError, match="check=False"):
        area(Value(a), Value(b))  # and again
    assert own(WRONG[kind], check=False)(Value(a), Value(b)).data == a * a * b


@given(a=st.floats(-1e6, 1e6), b=st.floats(-1e6, 1e6))
def test_right_partials_never_are(a: float, b: float) -> None:
    area = own(lambda y, a, b: (2 * a * b, a * a))
    assert area(Value(a), Value(b)).partials == (2 * a * b, a * a)


@pytest.mark.parametrize("name", [n for n in sorted(TABLE) if not TABLE[n].variadic and TABLE[n].operands == ("x",)])
@given(x=st.one_of(NUMBERS, st.sampled_from([0.0, 1.0, -1.0, 0.5, 700.0, -700.0, 1e-9, -1e-9, 1e300])))
def test_the_rules_of_the_table_pass(name: str, x: float) -> None:
    """Domains with an end, kinks, steps, saturation and overflow: no false alarm at any."""
    door: Any = getattr(mg, name, None) or (lambda v: -v)

    def again(v: float) -> float:
        return float(door(v))

    def rule(y: Any, v: Any) -> Any:
        made = door(Value(v))
        return made.partials

    again.__name__ = f"again_{name}"
    v = operation(partials=rule)(again)(Value(x))
    assert v.data == door(x) or (math.isnan(v.data) and math.isnan(door(x)))


@given(x=NUMBERS, frequency=st.floats(0.01, 1e5))
def test_fast_and_slow_ones_pass(x: float, frequency: float) -> None:
    @operation(partials=lambda y, x: frequency * math.cos(frequency * x))
    def wave(x: float) -> float:
        return math.sin(frequency * x)

    assert wave(Value(x)).data == math.sin(frequency * x)


def test_the_message_has_both_numbers() -> None:
    area = own(WRONG["factor"])
    with pytest.raises(InputError) as caught:
        area(Value(3.0), 5)
    assert "by a" in str(caught.value)
    assert "at a = 3.0, b = 5.0 it is 15.0, finite differences give 30;" in str(caught.value)


def test_what_decides_nothing_is_looked_at_again() -> None:
    def wrong_size() -> Operation:
        @operation(partials=lambda y, x: mg.where(x < 0, -2.0, 1.0))
        def size(x: float) -> float:
            return abs(x)

        return size

    size = wrong_size()
    assert size(Value(0.0)).partials == (1.0,)  # a kink: no slope to compare with
    with pytest.raises(InputError, match="by x"):
        size(Value(-1.0))

    @operation(partials=lambda y, x: 2 * x**2)
    def third(x: float) -> float:
        return x**3

    assert third(Value(0.0)).partials == (0.0,)  # both are 0 here
    assert third(Value(math.inf)).data == math.inf
    with pytest.raises(InputError, match=r"it is 8\.0"):
        third(Value(2.0))


def test_a_function_that_is_flat_is_not_asked_for_ever() -> None:
    calls = 0

    @operation(partials=lambda y, x: None)
    def flat(x: float) -> float:
        nonlocal calls
        calls += 1
        return 1.0

    for _ in range(20):
        flat(Value(1.0))
    so_far = calls
    flat(Value(1.0))
    assert calls == so_far + 1


def test_a_settled_one_is_called_once_per_use() -> None:
    calls = 0

    @operation(partials=lambda y, x: 2.0)
    def twice(x: float) -> float:
        nonlocal calls
        calls += 1
        return 2 * x

    twice(Value(1.0))
    so_far = calls
    twice(Value(1.0))
    assert calls == so_far + 1


def test_at_the_end_of_a_domain() -> None:
    @operation(partials=lambda y, x: 0.5 / y)
    def root(x: float) -> float:
        return math.sqrt(x)

    edge = root(Value(0.0))
    assert edge.partials == (math.inf,)  # as arithmetic on Values has it
    assert math.isclose(root(Value(1e-3)).partials[0], 0.5 / math.sqrt(1e-3))


# ---------------------------------------------------------------- what its function does


def test_what_the_function_raises_is_passed_on_but_a_replay_goes_on() -> None:
    @operation(partials=lambda y, x: 1 / x)
    def own_log(x: float) -> float:
        return math.log(x)

    with pytest.raises(ValueError, match=r"."):
        own_log(Value(-1.0))
    graph = Graph(own_log(Value(2.0, "x")))
    assert math.isnan(graph.replay({"x": -1.0}).data[-1])

    @operation(partials=lambda y, x: 1.0)
    def broken(x: float) -> float:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        broken(1.0)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (None, TypeError, "strange must return one number, got NoneType"),
        ("3", TypeError, "got str"),
        (Value(1.0), TypeError, "got Value: it is called with plain floats"),
        (np.array([1.0, 2.0]), TypeError, "got ndarray"),
        (1j, InputError, "complex number 1j at 1.0"),
    ],
)
def test_results_that_are_no_number(result: Any, error: type[Exception], message: str) -> None:
    @operation(partials=lambda y, x: 1.0)
    def strange(x: float) -> Any:
        return result

    for x in (1.0, Value(1.0)):
        with pytest.raises(error, match=message):
            strange(x)


@pytest.mark.parametrize("result", [3, True, np.float32(0.5), np.int64(3), np.array(2.0)])
def test_results_that_are_one(result: Any) -> None:
    @operation(partials=lambda y, x: 0.0)
    def strange(x: float) -> Any:
        return result

    assert strange(1.0) == float(result)
    assert type(strange(Value(1.0)).data) is float


@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ((1.0,), InputError, r"partials of area are 1 for 2 operands \(a, b\)"),
        ((1.0, 2.0, 3.0), InputError, "are 3 for 2"),
        ((), InputError, "are 0 for 2"),
        (1.0, InputError, "are 1 for 2"),
        (("1", 2.0), TypeError, "partial of area by a is to be a number or None, got str"),
        ((1.0, 1j), TypeError, "by b is to be a number or None, got complex"),
        ((Value(1.0), 1.0), TypeError, "by a is a Value where all operands are plain floats"),
        ({"a": 1.0, "b": 1.0}, InputError, "are 1 for 2"),
    ],
)
def test_partials_that_are_none(told: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        own(lambda y, a, b: told)(Value(1.0), Value(2.0))


def test_partials_in_any_sequence() -> None:
    for kind in (list, np.array):
        area = own(lambda y, a, b, kind=kind: kind([2.0 * a * b, a * a]))
        assert area(Value(3.0), Value(5.0)).partials == (30.0, 9.0)


def test_partials_that_run_on_floats_only_have_no_second_derivative() -> None:
    @operation(partials=lambda y, x: math.cos(x))
    def first_only(x: float) -> float:
        return math.sin(x)

    assert grad(first_only)(0.0) == 1.0
    with pytest.raises(TypeError, match="the partials of first_only do not run on Values"):
        grad(grad(first_only))(0.0)


def test_what_partials_raise_is_passed_on() -> None:
    @operation(partials=lambda y, x: math.cos(1 / x), check=False)
    def reciprocal_sine(x: float) -> float:
        return 0.0

    with pytest.raises(ZeroDivisionError):
        reciprocal_sine(Value(0.0))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["sigmoid", "add", "pow_const", "where", "lt", "<lambda>", "class", "a b", "", "1x"])
def test_names_that_are_taken_or_none(name: str) -> None:
    def function(x: float) -> float:
        return x

    function.__name__ = name
    with pytest.raises(InputError, match=r"another name|no name"):
        operation(partials=lambda y, x: 1.0)(function)


@pytest.mark.parametrize("name", ["plain", "peak", "is_zero", "__class__", "__getattr__", "x", "y", "ж"])
def test_names_that_only_look_taken(name: str) -> None:
    def function(x: float) -> float:
        return 3.0 * x

    function.__name__ = name
    tripled = operation(partials=lambda y, x: 3.0)(function)
    x = Value(2.0, "leaf")
    graph = Graph(tripled(x) * 1.0)
    assert graph.replay({"leaf": 4.0}).data[-1] == 12.0
    assert graph.gradient()[0] == 3.0
    assert grad(tripled)(1.0) == 3.0
    assert name in draw(tripled(x)).dot.source


def test_other_refusals() -> None:
    with pytest.raises(TypeError, match="partials wants a function"):
        operation(partials=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="operation wants a function, got int"):
        operation(partials=lambda y: 1.0)(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        operation(lambda x: x)  # type: ignore[call-arg, misc, arg-type]

    def by_name(x: float, *, slope: float = 1.0) -> float:
        return x * slope

    with pytest.raises(InputError, match="'slope' can be given by name only"):
        operation(partials=lambda y, x: 1.0)(by_name)

    def nothing() -> float:
        return 1.0

    with pytest.raises(InputError, match="nothing has no operands"):
        operation(partials=lambda y: ())(nothing)


def test_calls_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match=r"cube: missing a required argument: 'x'; it is <operation cube\(x\)>"):
        cube()
    with pytest.raises(TypeError, match="cube: too many positional arguments"):
        cube(1.0, 2.0)
    with pytest.raises(TypeError, match="cube: got an unexpected keyword argument 'z'"):
        cube(1.0, z=2.0)
    with pytest.raises(TypeError, match="distance takes no operands by name"):
        operation(partials=lambda y, *x: x)(_unsigned_distance)(x=1.0)
    with pytest.raises(TypeError, match=r"\[cube\(v\) for v in …\]"):
        cube(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match="cube wants numbers or Values, got str"):
        cube("2")
    with pytest.raises(TypeError, match="the comparison"):
        cube(Value(1.0) > 0)
