"""A formula as text: equal to Python's own evaluation; everything that is no formula is refused, at its column."""

from __future__ import annotations

import contextlib
import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import InputError, Value
from microgradnet.expression import formula, names_in

ARTICLE = "(y - sigmoid(w5*sigmoid(w1*x1 + w2*x2 + b1) + w6*sigmoid(w3*x1 + w4*x2 + b2) + b3))**2"
POINT = dict.fromkeys(("w1", "w2", "w3", "w4", "w5", "w6"), 1) | {"b1": 0, "b2": 0, "b3": 0, "x1": -2, "x2": -1, "y": 1}


def test_the_article_as_one_line_of_text() -> None:
    names = {name: Value(number, name) for name, number in POINT.items()}
    loss = formula(ARTICLE, names)
    loss.backward()
    assert loss.data == pytest.approx(0.22686628719087137, rel=1e-15)
    assert names["w1"].grad == pytest.approx(0.02146953526581111, rel=1e-14)
    assert names["b3"].grad == pytest.approx(-0.23761755952842809, rel=1e-14)


def test_names_in_order_of_appearance() -> None:
    assert names_in(ARTICLE) == ["y", "w5", "w1", "x1", "w2", "x2", "b1", "w6", "w3", "w4", "b2", "b3"]
    assert names_in("exp(exp) + pi") == ["exp"]
    assert names_in("1") == []


def test_names_become_labels_and_given_values_are_used_as_they_are() -> None:
    w = Value(3.0, "mine")
    y = formula("w * x", {"w": w, "x": 2})
    assert y.operands[0] is w
    assert y.operands[1].label == "x"


numbers = st.floats(0.1, 4.0).map(lambda x: round(x, 3))
atoms = st.one_of(st.sampled_from(["a", "b", "c", "pi"]), numbers.map(str))
texts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - ", "*", " / "]), inner).map("".join),
        inner.map(lambda t: f"({t})"),
        inner.map(lambda t: f"-{t}"),
        st.tuples(st.sampled_from(["tanh", "sin", "cos", "atan", "erf"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} > 1 else {t[2]})"),
        inner.map(lambda t: f"({t})**2"),
    ),
    max_leaves=12,
)


@given(texts, numbers, numbers, numbers)
def test_a_formula_has_the_value_that_python_gives(text: str, a: float, b: float, c: float) -> None:
    python = {name: getattr(math, name) for name in ("tanh", "sin", "cos", "atan", "erf", "pi")}
    names = {"a": a, "b": b, "c": c}
    try:
        wanted = eval(text, {"__builtins__": {}, "max": max} | python, names)
    except (ZeroDivisionError, OverflowError):
        return
    assert formula(text, names).data == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)


IN_MPMATH = {"abs": "fabs", "log": "ln", "log2": "ln", "sum": "mpf", "mean": "mpf", "logsumexp": "mpf", "round": "nint"}
PLAIN = ("exp", "sqrt", "sin", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "erf", "erfc",
         "expm1", "log1p", "log10", "floor", "ceil", "sign", *IN_MPMATH)  # fmt: skip


@pytest.mark.parametrize("function", [f for f in PLAIN if f != "log2"])
def test_every_function_of_one_operand(function: str) -> None:
    wanted = getattr(mpmath, IN_MPMATH.get(function, function))(mpmath.mpf(0.75))
    assert formula(f"{function}(x)", {"x": 0.75}).data == pytest.approx(float(wanted), rel=1e-15)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("w.data", 1, "no attributes"),
        ("1 + __import__('os').system('x')", 5, "no such function"),
        ("w + w[0]", 5, "cannot hold this"),
        ("(lambda: 1)()", 2, "no such function"),
        ("w + 'text'", 5, "real numbers only"),
        ("w * 1j", 5, "real numbers only"),
        ("w * True", 5, "real numbers only"),
        ("w + (x := 3)", 6, "cannot hold this"),
        ("w @ x", 1, "only the operators"),
        ("w % 2", 1, "only the operators"),
        ("w > x", 1, "comparison is no number"),
        ("2 * (w > x)", 6, "comparison is no number"),
        ("1 < w < 2", 1, "one comparison at a time"),
        ("w == x", 1, "< <= > >="),
        ("not w", 1, "cannot hold this"),
        ("w and x", 1, "cannot hold this"),
        ("[w]", 1, "cannot hold this"),
        ("{w for w in x}", 1, "cannot hold this"),
        ("f'{w}'", 1, "cannot hold this"),
        ("w + sigmoid", 5, "sigmoid(…)"),
        ("w + nope", 5, "no number was given for nope"),
        ("sigmoid(w, x)", 1, "does not take 2"),
        ("exp(x=1)", 1, "plainly"),
        ("exp(*w)", 1, "plainly"),
        ("w +", 4, "no formula"),
        ("(w", 1, "never closed"),
        ("w; x", 2, "no formula"),
        ("import os", 1, "no formula"),
        ("σ(w) + ☃", 8, "no formula"),
    ],
)
def test_what_is_no_formula_is_refused_at_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        formula(text, {"w": 1.0, "x": 2.0})
    message = str(refusal.value)
    assert message.startswith(f"column {column}: ")
    assert says in message
    _, shown, pointer = message.split("\n")
    assert pointer.index("^") - 2 == column - 1
    assert shown == f"  {text}"


@pytest.mark.parametrize(
    "text", ["-" * 5000 + "w", "(" * 5000 + "w", "+".join(["w"] * 20_000), "w" + "**w" * 5000, "exp(" * 3000]
)
def test_too_deep_is_refused_and_not_a_crash(text: str) -> None:
    with pytest.raises(InputError):
        formula(text, {"w": 1.0})


@pytest.mark.parametrize("text", ["", "   ", "\n", "\x00", "w\x00"])
def test_empty_or_unreadable_text_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        formula(text, {"w": 1.0})


@given(st.text(max_size=40))
def test_any_text_gives_a_value_or_a_refusal(text: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(formula(text, {"w": 1.0}).data, float)


def test_wrong_kinds_are_type_errors_or_name_the_letter() -> None:
    with pytest.raises(TypeError, match="an expression is a text, got int"):
        formula(3, {})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="w: Value wants one real number, got str"):
        formula("w", {"w": "three"})
