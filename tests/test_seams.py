"""Where a Value meets plain numbers: who is asked when it becomes one, and what NumPy calls on arrays of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from microgradnet import Value, jacobian
from microgradnet.value import cut

# ---------------------------------------------------------------- float(v), and what calls it

CONVERSIONS: dict[str, tuple[Callable[[Value], Any], Any]] = {
    "float": (float, 2.5),
    "int": (int, 2),
    "complex": (complex, 2.5 + 0j),
    "math": (math.exp, math.exp(2.5)),
    "%d": ("%d".__mod__, "2"),
    "%.1f": ("%.1f".__mod__, "2.5"),
    "array": (lambda v: np.array([v], dtype=float)[0], 2.5),
    "astype": (lambda v: np.array([v], dtype=object).astype(float)[0], 2.5),
    "item": (lambda v: np.array([v], dtype=object)[0].item(), 2.5),
}


def _stored(v: Value) -> float:
    array = np.zeros(2)
    array[0] = v
    return float(array[0])


CONVERSIONS["stored"] = (_stored, 2.5)


@pytest.mark.parametrize("way", CONVERSIONS)
def test_who_is_asked_is_told_and_gives_the_number(way: str) -> None:
    convert, expected = CONVERSIONS[way]
    asked: list[tuple[Value, str]] = []

    def give(value: Value, kind: str) -> float:
        asked.append((value, kind))
        return value.data

    v = Value(2.5)
    token = cut.set(give)
    try:
        assert convert(v) == expected
    finally:
        cut.reset(token)
    assert [value for value, _ in asked] == [v]
    assert asked[0][1] in ("float", "int", "complex", "item")


@pytest.mark.parametrize("way", sorted(set(CONVERSIONS) - {"item"}))
def test_nobody_is_asked_as_a_rule(way: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        CONVERSIONS[way][0](Value(2.5))
    said = str(caught.value) + str(caught.value.__cause__)
    assert ("a real number is required" if way == "%d" else "would drop the gradient") in said


def test_what_who_is_asked_raises_is_passed_on() -> None:
    def refuse(value: Value, kind: str) -> float:
        raise LookupError(kind)

    token = cut.set(refuse)
    try:
        with pytest.raises(LookupError, match="int"):
            int(Value(1.0))
    finally:
        cut.reset(token)


def test_other_threads_ask_nobody() -> None:
    errors: list[str] = []

    def convert() -> None:
        try:
            float(Value(1.0))
        except TypeError as error:
            errors.append(str(error))

    token = cut.set(lambda value, kind: 0.0)
    try:
        thread = threading.Thread(target=convert)
        thread.start()
        thread.join()
        assert float(Value(1.0)) == 0.0
    finally:
        cut.reset(token)
    assert len(errors) == 1


def test_item_and_t() -> None:
    v = Value(2.5)
    assert v.item() == 2.5
    assert type(v.item()) is float
    assert v.T is v
    a = np.array([v, v], dtype=object)
    assert (a @ a).item() == 12.5
    assert a.sum().item() == 5.0


# ---------------------------------------------------------------- NumPy's functions of arrays of Values

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "var": np.var,
    "var of rows": lambda a: a.var(axis=1),
    "var, n - 1": lambda a: np.var(a, ddof=1),
    "std": np.std,
    "std of columns": lambda a: a.std(axis=0, keepdims=True),
    "std, n - 1": lambda a: a.std(axis=1, ddof=1),
    "log1p": np.log1p,
    "expm1": np.expm1,
    "exp2": np.exp2,
    "sin": np.sin,
    "square": np.square,
    "reciprocal": np.reciprocal,
    "fabs": lambda a: np.fabs(-a),
    "degrees": np.degrees,
    "rad2deg": np.rad2deg,
    "radians": np.radians,
    "deg2rad": np.deg2rad,
    "round": lambda a: np.round(a) * a,
    "method round": lambda a: a.round() * a,
    "transposed": lambda a: a.T @ a,
    "normalised": lambda a: (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-5),
    "norm": np.linalg.norm,
    "sinc": np.sinc,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_of_values(name: str) -> None:
    """The numbers are NumPy's on floats; the derivatives are finite differences of those."""
    function = FUNCTIONS[name]
    floats = np.array([[0.3, 0.7, 1.6], [2.2, 0.9, 0.1]])
    values = np.array([[Value(x) for x in row] for row in floats.tolist()], dtype=object)
    result = np.asarray(function(values), dtype=object)
    assert np.allclose([v.data for v in result.reshape(-1)], np.reshape(function(floats), -1), rtol=1e-13)
    ours = np.asarray(jacobian(function)(floats), dtype=float).reshape(result.size, floats.size)
    h = 1e-6
    for place in range(floats.size):
        step = np.zeros(floats.size)
        step[place] = h
        step = step.reshape(floats.shape)
        slope = (np.reshape(function(floats + step), -1) - np.reshape(function(floats - step), -1)) / (2 * h)
        assert np.allclose(ours[:, place], slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["exp2", "square", "reciprocal", "fabs", "degrees", "radians", "rad2deg", "deg2rad"])
def test_one_value(name: str) -> None:
    v = Value(-0.75)
    expected = getattr(np, name)(-0.75)
    for result in (getattr(np, name)(v), getattr(v, name)()):
        assert isinstance(result, Value)
        assert math.isclose(result.data, expected, rel_tol=1e-15)
        assert result.operands[-1] is v or v in result.operands
