"""Derivatives of functions: of any order against mpmath and differences, of nested structures, and of one another."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles import constant_places, examples, second_exact, written

from microgradnet import functions as F
from microgradnet.ops import TABLE
from microgradnet.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad
from microgradnet.value import Value

# --- second derivatives of every operation ---------------------------------------------------------------------------

# Points of moderate size, away from kinks and singularities, where a difference of first derivatives means something.
MODERATE: dict[str, list[tuple[float, float]]] = {
    **{op: [(0.3, 4.0)] for op in ["log", "log2", "log10", "sqrt", "log1p"]},
    **{op: [(-0.8, 0.8)] for op in ["asin", "acos", "atanh"]},
    "acosh": [(1.3, 5.0)],
    "tan": [(-1.2, 1.2)],
    "div": [(-3.0, 3.0), (0.4, 3.0)],
    "pow": [(0.4, 3.0), (-2.5, 2.5)],
    "pow_const": [(0.4, 3.0), (-2.5, 2.5)],
    "rpow_const": [(0.4, 3.0), (-2.5, 2.5)],
    "atan2": [(0.3, 3.0), (-3.0, 3.0)],
    "hypot": [(0.3, 3.0), (-3.0, 3.0)],
    "leaky_relu": [(0.1, 3.0), (0.01, 0.5)],
    "elu": [(-3.0, -0.1), (0.5, 1.5)],
    "where": [(0.0, 1.0), (-2.0, 2.0), (-2.0, 2.0)],
    "clip": [(-3.0, 3.0), (-1.0, -0.5), (0.5, 1.0)],
    "softmax": [(-2.0, 2.0)] * 3 + [(1.0, 1.0)],
    "take": [(-2.0, 2.0)] * 3 + [(2.0, 2.0)],
    "logsumexp": [(-2.0, 2.0)] * 3,
    "sum": [(-2.0, 2.0)] * 3,
    "mean": [(-2.0, 2.0)] * 3,
    "dot": [(-2.0, 2.0)] * 5,
}


def moderate(op: str) -> st.SearchStrategy[list[float]]:
    ranges = MODERATE.get(op, [(-2.0, 2.0)] * len(TABLE[op].operands))
    return st.tuples(*[st.floats(low, high) for low, high in ranges]).map(list)


def near_a_kink(op: str, x: list[float]) -> bool:
    """Whether a difference of first derivatives would straddle a kink or a step."""
    if op in ("relu", "abs", "sign"):
        return abs(x[0]) < 1e-3
    if op in ("floor", "ceil", "trunc", "round"):
        return abs(2 * x[0] - round(2 * x[0])) < 1e-3
    if op in ("maximum", "minimum"):
        return abs(x[0] - x[1]) < 1e-3
    return op == "clip" and min(abs(x[0] - x[1]), abs(x[0] - x[2])) < 1e-3


def free_places(op: str, count: int) -> list[int]:
    return [i for i in range(count) if i not in constant_places(op, count) and not (op == "where" and i == 0)]


def second_by_transforms(op: str, x: list[float]) -> list[list[float]]:
    """The Hessian over the operands that may vary."""
    places = free_places(op, len(x))

    def function(*varying: Any) -> Any:
        operands: list[Any] = list(x)
        for place, v in zip(places, varying, strict=True):
            operands[place] = v
        return written(op)(*operands)

    first = grad(function, argnums=tuple(range(len(places))))
    rows = jacobian(first, argnums=tuple(range(len(places))))(*[x[place] for place in places])
    return [list(row) for row in rows]


def second_faults(op: str, x: list[float]) -> list[str]:
    """Where second derivatives differ from mpmath's (all) or from differences of first ones."""
    places = free_places(op, len(x))
    ours, truth = second_by_transforms(op, x), second_exact(op, x)
    out = []
    for (i, p), (j, q) in itertools.product(enumerate(places), repeat=2):
        wanted = truth[p][q]
        if not abs(ours[i][j] - wanted) <= 1e-11 * abs(wanted) + 1e-13:
            out.append(f"{op}{tuple(x)}: ∂²/∂{p}∂{q} is {ours[i][j]!r}, not {wanted!r}")
        h = 1e-5
        ahead, behind = list(x), list(x)
        ahead[q], behind[q] = x[q] + h, x[q] - h
        difference = (first_by_backward(op, ahead)[p] - first_by_backward(op, behind)[p]) / (ahead[q] - behind[q])
        if not abs(ours[i][j] - difference) <= 1e-5 * max(1.0, abs(wanted)):
            out.append(f"{op}{tuple(x)}: ∂²/∂{p}∂{q} is {ours[i][j]!r}, but first ones differ as {difference!r}")
    return out


def first_by_backward(op: str, x: list[float]) -> list[float]:
    leaves = [v if place in constant_places(op, len(x)) else Value(v) for place, v in enumerate(x)]
    result = written(op)(*leaves)
    result.backward()
    return [v.grad if isinstance(v, Value) else 0.0 for v in leaves]


@pytest.mark.parametrize("op", sorted(TABLE))
def test_second_derivatives(op: str) -> None:
    @given(x=moderate(op))
    @examples(25)
    def holds(x: list[float]) -> None:
        if not near_a_kink(op, x):
            assert second_faults(op, x) == []

    holds()


@pytest.mark.parametrize("op", ["pow", "atan2", "hypot", "div", "mul", "softmax", "logsumexp", "dot"])
def test_hessians_are_symmetric(op: str) -> None:
    @given(x=moderate(op))
    @examples(40)
    def holds(x: list[float]) -> None:
        h = second_by_transforms(op, x)
        for i, j in itertools.combinations(range(len(h)), 2):
            assert h[i][j] == pytest.approx(h[j][i], rel=1e-12, abs=1e-14)

    holds()


EDGES_AT_SECOND_ORDER = [
    ("x**2 at 0", lambda x: x**2, 0.0, 2.0),
    ("x**3 at 0", lambda x: x**3, 0.0, 0.0),
    ("x**1 at 0", lambda x: x**1, 0.0, 0.0),
    ("x*x at 0", lambda x: x * x, 0.0, 2.0),
    ("hypot(x, 0) at 0", lambda x: F.hypot(x, 0.0), 0.0, 0.0),
    ("hypot(1, x) at 0", lambda x: F.hypot(1.0, x), 0.0, 1.0),
    ("elu at 0", lambda x: F.elu(x), 0.0, 1.0),
    ("elu at 1000", lambda x: F.elu(x), 1000.0, 0.0),
    ("softplus at 1000", F.softplus, 1000.0, 0.0),
    ("softplus at -1000", F.softplus, -1000.0, 0.0),
    ("sigmoid at 1000", F.sigmoid, 1000.0, 0.0),
    ("sigmoid at -1000", F.sigmoid, -1000.0, 0.0),
    ("tanh at 1000", F.tanh, 1000.0, 0.0),
    ("abs at 0", abs, 0.0, 0.0),
    ("gelu at 0", F.gelu, 0.0, math.sqrt(2 / math.pi)),
    ("silu at 0", F.silu, 0.0, 0.5),
    ("2**x at 0", lambda x: 2**x, 0.0, math.log(2) ** 2),
    ("(-2)**x**0", lambda x: (-2.0) ** (x * 0 + 2), 1.0, None),
    ("log1p(exp x) at 800", lambda x: F.log1p(F.exp(x)), 800.0, None),
]


@pytest.mark.parametrize(
    ("function", "at", "wanted"), [e[1:] for e in EDGES_AT_SECOND_ORDER], ids=[e[0] for e in EDGES_AT_SECOND_ORDER]
)
def test_second_derivatives_at_edges(function: Any, at: float, wanted: float | None) -> None:
    second = grad(grad(function))(at)
    assert math.isnan(second) if wanted is None else second == pytest.approx(wanted, rel=1e-15, abs=0)


def test_second_derivatives_where_an_operand_is_only_read() -> None:
    assert grad(grad(lambda x: F.take([x, x**3], Value(1.0))))(2.0) == 12.0
    assert grad(grad(lambda x: F.where(Value(1.0), x**3, x)))(2.0) == 12.0
    assert jvp(grad(lambda x: F.take([x * x, 1.0], Value(0.0))), (2.0,), (1.0,))[1] == 2.0


def test_power_of_a_negative_base_has_right_derivatives_in_the_base() -> None:
    assert grad(lambda a: a ** Value(2.0))(-2.0) == -4.0
    assert grad(grad(lambda a: a ** Value(3.0)))(-2.0) == -12.0
    assert grad(grad(grad(lambda a: a**3)))(-2.0) == 6.0


@pytest.mark.parametrize("name", ["exp", "sin", "tanh", "sigmoid", "log", "softplus"])
@pytest.mark.parametrize("at", [0.3, 1.7])
def test_derivatives_to_order_five(name: str, at: float) -> None:
    derivative: Any = getattr(F, name)
    for order in range(1, 6):
        derivative = grad(derivative)
        with mp.workdps(60):
            wanted = float(mp.diff(oracles.EXACT[name].value, mpf(at), order))
        assert derivative(at) == pytest.approx(wanted, rel=1e-10, abs=1e-12)


# --- the doors agree with one another --------------------------------------------------------------------------------


def smooth(v: Any) -> Any:
    a, b, c = v
    return F.sin(a * b) + F.exp(b - c) * F.tanh(a) + F.log(1 + c * c) / (2 + F.cos(b)) + a**3 * c


def smooth_exact(a: Any, b: Any, c: Any) -> Any:
    return mp.sin(a * b) + mp.exp(b - c) * mp.tanh(a) + mp.log(1 + c * c) / (2 + mp.cos(b)) + a**3 * c


vectors = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3)


@given(x=vectors, v=vectors)
@examples(25)
def test_doors_agree_and_are_right(x: list[float], v: list[float]) -> None:
    with mp.workdps(30):
        slopes = [
            float(mp.diff(smooth_exact, tuple(map(mpf, x)), tuple(int(i == j) for j in range(3)))) for i in range(3)
        ]
        wanted = [
            [
                float(mp.diff(smooth_exact, tuple(map(mpf, x)), tuple(int(i == k) + int(j == k) for k in range(3))))
                for j in range(3)
            ]
            for i in range(3)
        ]
    near = {"rel": 1e-11, "abs": 1e-12}
    value, gradient = value_and_grad(smooth)(x)
    assert type(value) is float
    assert value == smooth(x)
    assert gradient == pytest.approx(slopes, **near) == grad(smooth)(x) == jacobian(smooth)(x)
    h = hessian(smooth)(x)
    for row, wanted_row in zip(h, wanted, strict=True):
        assert row == pytest.approx(wanted_row, **near)
    told, tangent = jvp(smooth, (x,), (v,))
    assert told == value
    assert tangent == pytest.approx(sum(s * t for s, t in zip(slopes, v, strict=True)), **near)
    product = [sum(h_ij * t for h_ij, t in zip(row, v, strict=True)) for row in h]
    assert hvp(smooth, x, v) == pytest.approx(product, **near)
    reverse_over_reverse = grad(lambda y: sum(g * t for g, t in zip(grad(smooth)(y), v, strict=True)))(x)
    assert reverse_over_reverse == pytest.approx(product, **near)
    forward_over_forward = jvp(lambda y: jvp(smooth, (y,), (v,))[1], (x,), (v,))[1]
    assert forward_over_forward == pytest.approx(sum(p * t for p, t in zip(product, v, strict=True)), **near)
    reverse_over_forward = grad(lambda y: jvp(smooth, (y,), (v,))[1])(x)
    assert reverse_over_forward == pytest.approx(product, **near)


@given(x=vectors)
@examples(25)
def test_jacobian_of_several_results(x: list[float]) -> None:
    def function(v: Any) -> dict[str, Any]:
        return {"first": F.sin(v[0]) * v[1], "more": [v[2] ** 2, (v[0] - v[1], 5.0)]}

    a, b, c = x
    found = jacobian(function)(x)
    assert found["first"] == pytest.approx([math.cos(a) * b, math.sin(a), 0.0], rel=1e-14, abs=1e-15)
    assert found["more"][0] == pytest.approx([0.0, 0.0, 2 * c], rel=1e-14)
    assert found["more"][1] == ([1.0, -1.0, 0.0], [0.0, 0.0, 0.0])
    columns = [jvp(function, (x,), ([float(i == j) for j in range(3)],))[1] for i in range(3)]
    assert [column["first"] for column in columns] == pytest.approx(found["first"], rel=1e-14, abs=1e-15)
    assert [column["more"][1][0] for column in columns] == [1.0, -1.0, 0.0]


# --- structures ------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: Any
    y: Any


def test_structures_come_back_in_their_shape() -> None:
    p = {
        "layers": [{"w": [1.0, 2.0], "b": 3}, (4.0,)],
        "at": Point(5.0, 6.0),
        "matrix": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "none": [],
    }

    def function(p: Any) -> Any:
        first, (last,) = p["layers"]
        return first["w"][0] * first["w"][1] + first["b"] * last + p["at"].x * p["at"].y + (p["matrix"] ** 2).sum()

    value, slope = value_and_grad(function)(p)
    assert value == 2.0 + 12.0 + 30.0 + 30.0
    assert slope["layers"] == [{"w": [2.0, 1.0], "b": 4.0}, (3.0,)]
    assert slope["at"] == Point(6.0, 5.0)
    assert isinstance(slope["at"], Point)
    assert slope["none"] == []
    assert slope["matrix"].dtype == float
    np.testing.assert_array_equal(slope["matrix"], [[2.0, 4.0], [6.0, 8.0]])
    assert list(slope) == list(p)
    h = hessian(function)(p)
    assert h["layers"][0]["w"][0]["layers"][0]["w"] == [0.0, 1.0]
    assert h["at"].x["at"] == Point(0.0, 1.0)
    np.testing.assert_array_equal(h["matrix"][1, 0]["matrix"], [[0.0, 0.0], [2.0, 0.0]])


def test_arrays() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    slope = grad(lambda v: np.dot(v, v))(a)
    assert slope.dtype == float
    np.testing.assert_array_equal(slope, 2 * a)
    np.testing.assert_array_equal(
        hessian(lambda v: np.dot(v, v) * v[0])(a), [[6.0, 4.0, 6.0], [4.0, 2.0, 0.0], [6.0, 0.0, 2.0]]
    )
    j = jacobian(lambda v: b @ v)(a)
    assert (j.dtype, j.shape) == (float, (2, 3))
    np.testing.assert_array_equal(j, b)
    assert jacobian(lambda m: m @ a)(b).shape == (2, 2, 3)
    np.testing.assert_array_equal(jacobian(lambda t: t * a)(2.0), a)
    value, tangent = jvp(lambda v: np.exp(v), (a,), (np.array([1.0, 0.0, 0.0]),))
    np.testing.assert_allclose(value, np.exp(a), rtol=1e-15)
    np.testing.assert_allclose(tangent, [math.e, 0.0, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(hvp(lambda v: (v**3).sum(), a, np.array([1.0, 1.0, 0.0])), [6.0, 12.0, 0.0])
    np.testing.assert_array_equal(grad(lambda v: v.sum())(np.array([1, 2])), [1.0, 1.0])
    np.testing.assert_array_equal(grad(lambda v: 1.0)(a), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(hessian(lambda v: v.sum())(a), np.zeros((3, 3)))
    assert grad(lambda v: np.array(v[0] * 2.0))([1.0]) == [2.0]  # an array of no dimensions is a number


def test_argnums_and_keywords() -> None:
    def function(a: Any, b: Any, *, c: float = 1.0) -> Any:
        return a * b * b * c

    assert grad(function)(2.0, 3.0) == 9.0
    assert grad(function, 1)(2.0, 3.0, c=10.0) == 120.0
    assert grad(function, -1)(2.0, 3.0) == 12.0
    assert grad(function, (1, 0))(2.0, 3.0) == (12.0, 9.0)
    assert value_and_grad(function, argnums=(0,))(2.0, 3.0) == (18.0, (9.0,))
    assert hessian(function, 1)(2.0, 3.0) == 4.0
    assert jacobian(lambda a, b: [a, b, a * b], (0, 1))(2.0, 3.0) == [(1.0, 0.0), (0.0, 1.0), (3.0, 2.0)]
    for argnums in (2, -3):
        with pytest.raises(TypeError, match="argnums"):
            grad(function, argnums)(2.0, 3.0)


@pytest.mark.parametrize("bad", [None, "text", 1j, object(), {"a": None}])
def test_what_cannot_be_differentiated(bad: Any) -> None:
    with pytest.raises(TypeError, match="number"):
        grad(lambda x: bad)(1.0)
    with pytest.raises(TypeError, match="number"):
        grad(lambda x: 1.0)(bad)


def test_grad_wants_one_number() -> None:
    for many in ([1.0], (1.0, 2.0), {"a": 1.0}, np.array([1.0, 2.0])):
        with pytest.raises(TypeError, match="one number"):
            grad(lambda x, many=many: many)(1.0)
    with pytest.raises(TypeError, match="tangent"):
        jvp(lambda x: x, (1.0,), ())
    with pytest.raises(TypeError, match="tangent"):
        jvp(lambda x: x[0], ([1.0, 2.0],), ([1.0],))


# --- derivatives within derivatives ----------------------------------------------------------------------------------


def test_perturbations_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1.0
    assert grad(lambda x: x * jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0) == 6.0
    assert jvp(lambda x: x * grad(lambda y: x * y)(2.0), (3.0,), (1.0,))[1] == 6.0
    assert grad(lambda x: grad(lambda y: x * x * y * y)(x))(3.0) == 54.0  # d/dx 2x³, not d²/dx² of x⁴
    assert grad(lambda x: grad(lambda x: x * x)(x) * x)(3.0) == 12.0
    assert grad(lambda x: hessian(lambda y: x * y**3)(2.0))(5.0) == 12.0
    assert hessian(lambda x: grad(lambda y: (x * y) ** 2)(x))(1.0) == 12.0  # 2x³, whose second derivative is 12x
    shift = lambda f: lambda x: grad(lambda h: f(x + h))(0.0)
    assert shift(shift(lambda x: x**3))(2.0) == 12.0


def test_jvp_of_a_derivative_in_its_direction() -> None:
    assert grad(lambda t: jvp(lambda x: x**3, (2.0,), (t,))[1])(1.0) == 12.0
    assert grad(lambda t: jvp(lambda x: x**3, (t,), (t,))[1])(2.0) == 36.0  # 3t³


def test_a_value_handed_in_gives_values_back_with_their_graph() -> None:
    x = Value(2.0, "x")
    value, slope = value_and_grad(lambda y: y**3)(x)
    assert isinstance(value, Value)
    assert isinstance(slope, Value)
    slope.backward()
    assert (value.data, slope.data, x.grad) == (8.0, 12.0, 12.0)
    x.grad = 0.0
    (slope * x + value).backward()  # 3x³ + x³
    assert x.grad == 48.0
    (row,) = jacobian(lambda v: v[0] * v[0])([x])
    assert isinstance(row, Value)
    _, tangent = jvp(lambda y: y * y, (x,), (1.0,))
    assert isinstance(tangent, Value)
    x.grad = 0.0
    tangent.backward()
    assert x.grad == 2.0
    t = Value(3.0)
    _, tangent = jvp(lambda y: y * y, (2.0,), (t,))
    tangent.backward()
    assert t.grad == 4.0


def test_closures() -> None:
    w = Value(5.0, "w")
    slope = grad(lambda x: x * w)(2.0)
    assert (type(slope), slope, w.grad) == (float, 5.0, 0.0)
    inner = grad(lambda x: x * x * w)(Value(3.0))
    inner.backward()
    assert w.grad == 6.0
    x = Value(3.0, "x")  # the caller's x in a closure is another variable than the argument
    assert grad(lambda y: y * x)(x).data == 3.0
    assert grad(lambda a: grad(lambda b: a * b * w)(1.0))(1.0) == 5.0


def test_plain_numbers_come_back_plain() -> None:
    for found in (
        grad(F.sin)(1),
        grad(F.sin)(np.float64(1)),
        grad(grad(F.sin))(True),
        hvp(F.sin, 1, 1),
        jacobian(F.sin)(1),
        grad(lambda x: 3)(1.0),
        hessian(lambda x: x)(1.0),
        *jvp(F.sin, (1,), (1,)),
        *value_and_grad(F.sin)(1),
    ):
        assert type(found) is float


def test_branches_follow_the_numbers() -> None:
    def function(x: Any) -> Any:
        return x * x if x > 0 else -x

    assert (grad(function)(3.0), grad(function)(-3.0)) == (6.0, -1.0)
    assert grad(grad(function))(3.0) == 2.0
    newton = 1.0
    for _ in range(6):
        newton -= grad(lambda x: x**3 / 3 - 2 * x)(newton) / grad(grad(lambda x: x**3 / 3 - 2 * x))(newton)
    assert newton == pytest.approx(math.sqrt(2), rel=1e-15)


def test_an_exception_inside_leaves_no_state() -> None:
    class Stop(Exception):
        pass

    def raises(x: Any) -> Any:
        raise Stop

    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(Stop):
            transform(raises)(1.0)
        assert type(grad(F.sin)(1.0)) is float
    with pytest.raises(Stop):
        jvp(raises, (1.0,), (1.0,))
    with pytest.raises(Stop):
        grad(lambda x: grad(raises)(x))(1.0)
    assert type(grad(F.sin)(1.0)) is float

    def survives(x: Any) -> Any:
        with pytest.raises(Stop):
            grad(raises)(x)
        return grad(lambda y: y**3)(x)

    assert grad(survives)(2.0) == 12.0


def test_functions_are_not_disturbed_by_grads() -> None:
    w = Value(2.0)
    (w * 3).backward()
    grad(lambda x: x * w)(1.0)
    hessian(lambda x: x * x * w)(1.0)
    grad(lambda x: x * w)(w)
    assert w.grad == 3.0


def test_tangents_follow_the_keys_and_the_structure_of_the_primals() -> None:
    def f(d: dict[str, Any]) -> Any:
        return d["a"] ** 2 * d["b"]

    assert jvp(f, ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},)) == (2.0, 1.0)
    assert hvp(f, {"a": 1.0, "b": 2.0}, {"b": 0.0, "a": 1.0}) == {"a": 4.0, "b": 2.0}
    for tangents in ({"x": 1.0, "y": 0.0}, [1.0, 0.0], {"a": 1.0}):
        with pytest.raises(TypeError, match="same structure"):
            jvp(f, ({"a": 1.0, "b": 2.0},), (tangents,))


@pytest.mark.parametrize("argnums", [(0, 0), "a", 0.5])
def test_places_of_arguments_are_whole_numbers_and_each_once(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x, y: x * y, argnums)(1.0, 2.0)
