"""Finite differences held against derivatives that are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet.finite import STEP, Estimate, central, derivative, gradient, kink, richardson

KNOWN: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "exp": (math.exp, math.exp),
    "sin": (math.sin, math.cos),
    "tanh": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "atan": (math.atan, lambda x: 1 / (1 + x * x)),
    "cube": (lambda x: x**3, lambda x: 3 * x * x),
    "bell": (lambda x: math.exp(-x * x), lambda x: -2 * x * math.exp(-x * x)),
    "log1p(x²)": (lambda x: math.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    "hill": (lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2),
}
known = pytest.mark.parametrize(("f", "df"), KNOWN.values(), ids=KNOWN.keys())


@known
@given(x=st.floats(-4, 4))
def test_derivative(f: Callable[[float], float], df: Callable[[float], float], x: float) -> None:
    assert derivative(f, x) == pytest.approx(df(x), rel=1e-8, abs=2e-8)


@known
@given(x=st.floats(-4, 4))
def test_richardson_is_as_right_as_it_says(f: Callable[[float], float], df: Callable[[float], float], x: float) -> None:
    value, error = richardson(f, x)
    assert abs(value - df(x)) <= error + 1e-15
    assert error < 1e-5


def test_richardson_is_better_than_one_difference() -> None:
    truth = math.exp(1)
    assert abs(richardson(math.exp, 1.0).value - truth) < 1e-13 < 1e-12 < abs(derivative(math.exp, 1.0) - truth)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-(2**20), 2**20))
def test_a_straight_line_of_whole_numbers_is_exact(slope: int, start: int, x: int) -> None:
    """The steps are powers of two times |x|, so only a wrong denominator could spoil this."""
    assert derivative(lambda v: v * slope, x) == slope
    assert derivative(lambda v: v + start, x) == pytest.approx(1, abs=1e-9)


@given(st.floats(-1e12, 1e12))
def test_the_denominator_is_the_step_that_was_taken(x: float) -> None:
    """x ± h are rounded; the identity's slope is 1 to the last digit only if that is taken into account."""
    assert derivative(lambda v: v, x) == 1
    assert derivative(lambda v: v, x, step=0.1) == 1
    assert richardson(lambda v: v, x).value == pytest.approx(1, rel=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(2.0**-30, 0.5))
def test_the_points_are_a_step_away_on_either_side(x: float, step: float) -> None:
    points: list[float] = []
    derivative(lambda v: points.append(v) or 0.0, x, step)
    h = step * max(1, abs(x))
    assert points == [x + h, x - h]


@pytest.mark.parametrize("step", [0.0, -1e-3, math.nan, math.inf])
def test_a_step_that_is_none(step: float) -> None:
    for call in (
        lambda: derivative(math.sin, 1.0, step),
        lambda: gradient(lambda v: v[0], [1.0], step),
        lambda: richardson(math.sin, 1.0, step),
    ):
        with pytest.raises(ValueError, match="positive number"):
            call()


def test_default_step() -> None:
    assert STEP == 2.0**-17
    assert derivative(math.exp, 1.0) == derivative(math.exp, 1.0, 2.0**-17) != derivative(math.exp, 1.0, 2.0**-10)


# ---------------------------------------------------------------- a width of one's own


@known
@given(x=st.floats(-4, 4), width=st.floats(1e-9, 0.01))
def test_central_is_as_right_as_it_says(
    f: Callable[[float], float], df: Callable[[float], float], x: float, width: float
) -> None:
    value, error = central(f, x, width, noise=4 * math.ulp(abs(f(x)) + 1))
    assert abs(value - df(x)) <= 2 * error + 1e4 * width**4  # where the curve is straight, what comes after it


@known
def test_central_extrapolates_where_that_is_more_exact(
    f: Callable[[float], float], df: Callable[[float], float]
) -> None:
    plain = (f(0.3 + 1e-3) - f(0.3 - 1e-3)) / 2e-3
    assert abs(central(f, 0.3, 1e-3).value - df(0.3)) < 0.05 * abs(plain - df(0.3))


def test_central_at_the_edges() -> None:
    assert central(lambda x: 3 * x, 1.0, 2.0**-10).value == 3.0
    assert central(lambda x: math.nan, 1.0, 1e-3).error == math.inf
    assert math.isnan(central(math.sin, 1.0, 1e-20).value)  # narrower than the floats beside 1
    assert central(lambda x: math.inf if x > 1.0015 else x, 1.0, 1e-3).error == math.inf
    for width in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            central(math.sin, 1.0, width)
        with pytest.raises(ValueError, match="positive number"):
            kink(math.sin, 1.0, width)


def test_noise_that_is_known_is_counted() -> None:
    assert central(math.sin, 1.0, 1e-6, noise=1e-6).error >= 1.0
    assert richardson(math.sin, 1.0, noise=1e-6).error > 100 * richardson(math.sin, 1.0).error


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-7])
def test_kinks_are_told_from_curves_and_jumps(width: float) -> None:
    found = kink(lambda x: abs(x) + x, 0.0, width)
    assert found is not None
    assert (found.left, found.right, found.jump) == (0.0, 2.0, False)
    tilted = kink(lambda x: max(math.sin(x), 0.5 * x) if x else 0.0, 0.0, width)
    assert tilted is not None
    assert tilted.left == pytest.approx(0.5, abs=1e-3)
    assert tilted.right == pytest.approx(1.0, abs=1e-3)
    jump = kink(lambda x: float(x > 0), 0.0, width)
    assert jump is not None
    assert jump.jump


@known
@given(x=st.floats(-4, 4))
def test_smooth_functions_have_no_kinks(f: Callable[[float], float], df: Callable[[float], float], x: float) -> None:
    assert kink(f, x, 1e-4, noise=4 * math.ulp(abs(f(x)) + 1)) is None


# ---------------------------------------------------------------- several values


def product(values: list[float]) -> float:
    return math.prod(values)


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=5))
def test_gradient_of_a_product(values: list[float]) -> None:
    expected = [math.prod(values[:i] + values[i + 1 :]) for i in range(len(values))]
    before = list(values)
    assert gradient(product, values) == pytest.approx(expected, rel=1e-8)
    assert values == before


def test_gradient_by_name() -> None:
    def f(p: dict[str, float]) -> float:
        return math.sin(p["a"]) * p["b"]

    point = {"a": 0.5, "b": 3.0}
    found = gradient(f, point)
    assert list(found) == ["a", "b"]
    assert found == pytest.approx({"a": 3 * math.cos(0.5), "b": math.sin(0.5)}, rel=1e-9)
    assert point == {"a": 0.5, "b": 3.0}


def test_gradient_of_nothing() -> None:
    assert gradient(lambda v: 1.0, []) == []
    assert gradient(lambda v: 1.0, {}) == {}


def test_gradient_of_a_tuple_calls_f_with_lists() -> None:
    seen: list[object] = []
    assert gradient(lambda v: seen.append(v) or v[0] + v[1], (1, 2)) == pytest.approx([1, 1])
    assert all(isinstance(v, list) for v in seen)
    assert len(seen) == 4


# ---------------------------------------------------------------- where there is no derivative, or no trust


def test_a_kink_gives_the_mean_of_the_slopes() -> None:
    assert derivative(abs, 0.0) == 0
    assert derivative(lambda x: max(x, 0.0), 0.0) == 0.5


def test_a_jump_is_not_trusted() -> None:
    assert richardson(lambda x: math.floor(x + 0.5), 0.5).error > 1
    assert richardson(lambda x: float(x > 1 / 3), 1 / 3).error > 1


def test_a_kink_beside_x_is_seen() -> None:
    assert richardson(abs, 0.01).value == pytest.approx(1, abs=1e-10)


def test_a_wave_that_every_step_misses_is_not_trusted() -> None:
    value, error = richardson(math.sin, 1e8)
    assert abs(value - math.cos(1e8)) <= error


def test_nan_and_infinity_near_x_are_stepped_over() -> None:
    def log(x: float) -> float:
        return math.log(x) if x > 0 else math.nan

    value, error = richardson(log, 0.01)
    assert abs(value - 100) <= error < 1e-5


def test_nothing_but_nan() -> None:
    value, error = richardson(lambda x: math.nan, 1.0)
    assert math.isnan(value)
    assert error == math.inf
    assert math.isnan(derivative(lambda x: math.nan, 1.0))


def test_noise_is_seen() -> None:
    """The second term is noise of 1e-9, other at every float: it limits what can be known, and the error says so."""
    value, error = richardson(lambda x: math.sin(x) + 1e-9 * math.sin(1e16 * x), 1.0)
    assert 1e-9 < error < 1e-3
    assert abs(value - math.cos(1)) <= error


def test_a_staircase_is_not_trusted() -> None:
    """Values rounded as if printed: flat for small steps, steep for large ones."""
    assert richardson(lambda x: round(math.sin(x), 6), 1.0).error > 0.1


def test_a_step_below_the_floats_beside_x() -> None:
    assert richardson(math.sin, 1.0, step=1e-20) == Estimate(pytest.approx(math.nan, nan_ok=True), math.inf)
    assert richardson(lambda x: 2 * x, 1e-320, step=1e-322).value == pytest.approx(2, rel=0.1)
    assert kink(abs, 1.0, 1e-20) is None


def test_too_few_levels() -> None:
    with pytest.raises(ValueError, match="at least 2 levels, got 1"):
        richardson(math.sin, 1.0, levels=1)
    assert isinstance(richardson(math.sin, 1.0, levels=2), Estimate)


def test_what_f_raises_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        derivative(lambda x: 1 / 0, 1.0)
