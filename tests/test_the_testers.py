"""The checks of the engine's tests, on wrong rules: each planted fault must be caught, or the checks prove nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import oracles
import pytest
import test_notation
import test_ops
import test_transforms
from mpmath import mp, mpf
from oracles import CASES, EXACT, Case, agrees, constant_places, faults, points, too_large

from microgradnet import functions as F
from microgradnet.graph import Graph
from microgradnet.ops import TABLE
from microgradnet.rules import FLOATS, PARTIALS
from microgradnet.value import Value

Rule = Callable[..., tuple[Any, ...]]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Rule], None]]:
    """Put a wrong rule into the table for the time of a test."""

    def put(op: str, rule: Rule) -> None:
        row = copy.copy(TABLE[op])
        row.partials = rule
        PARTIALS[op]  # so that there is one to take away
        monkeypatch.setitem(TABLE, op, row)
        monkeypatch.delitem(PARTIALS, op)

    yield put
    for op in TABLE:
        PARTIALS.pop(op, None)  # made anew from the right table when next asked for


def csv_catches(op: str) -> bool:
    cases = [case for case in CASES if case.op == op]
    return any(
        faults(case, (y := getattr(FLOATS, op)(*case.operands)), PARTIALS[op](y, *case.operands)) for case in cases
    )


def mpmath_catches(op: str) -> bool:
    return any(too_large(op, x, (y := getattr(FLOATS, op)(*x)), PARTIALS[op](y, *x)) for x in points(op, 20))


def second_catches(op: str) -> bool:
    ranges = test_transforms.MODERATE.get(op, [(-2.0, 2.0)] * len(TABLE[op].operands))
    for t in (0.21, 0.47, 0.83):
        x = [low + (high - low) * ((t + 0.31 * i) % 1.0) for i, (low, high) in enumerate(ranges)]
        if test_transforms.second_faults(op, x):
            return True
    return False


def change_partials(monkeypatch: pytest.MonkeyPatch, op: str, change: Callable[[Any], Any]) -> None:
    """Change every partial of an operation on floats."""
    right = PARTIALS[op]
    monkeypatch.setitem(PARTIALS, op, lambda y, *x: tuple(map(change, right(y, *x))))


NEVER_SEND = {"sign", "floor", "ceil", "trunc", "round"}
SENDING = sorted(set(TABLE) - NEVER_SEND)
ROWS = set(TABLE) - oracles.WITHOUT_ROWS


def test_the_right_table_passes(plant: Callable[[str, Rule], None]) -> None:
    for op in SENDING:
        plant(op, TABLE[op].partials)
        assert not csv_catches(op)
        assert not mpmath_catches(op)
        assert not second_catches(op)


@pytest.mark.parametrize("op", SENDING)
def test_a_wrong_sign_is_caught(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_partials(monkeypatch, op, lambda p: None if p is None else -p)
    assert mpmath_catches(op)
    assert op not in ROWS or csv_catches(op)


@pytest.mark.parametrize("op", SENDING)
@pytest.mark.parametrize("factor", [2.0, 0.5, 1.0 + 1e-5])
def test_a_wrong_factor_is_caught(op: str, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    change_partials(monkeypatch, op, lambda p: None if p is None else p * factor)
    assert mpmath_catches(op)
    assert op not in ROWS or csv_catches(op)


@pytest.mark.parametrize("op", sorted(TABLE))
def test_an_added_term_is_caught(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_partials(monkeypatch, op, lambda p: (0.0 if p is None else p) + 0.001)
    assert mpmath_catches(op)
    assert op not in ROWS or csv_catches(op)


EXCHANGED = [
    "sub", "div", "pow", "atan2", "maximum", "minimum", "where", "hypot", "mul", "dot", "take", "logsumexp",
    "softmax", "sum", "mean",
]  # fmt: skip


@pytest.mark.parametrize("op", EXCHANGED)
def test_exchanged_operands_are_caught(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = PARTIALS[op]
    monkeypatch.setitem(PARTIALS, op, lambda y, *x: right(y, *x)[::-1])
    if op in ("sum", "mean"):  # all partials are the same
        assert not mpmath_catches(op)
    else:
        assert mpmath_catches(op)


# Faults of the kind that people make: a term, a factor or a case left out.
MISTAKES: dict[str, tuple[str, Rule]] = {
    "gelu without its second term": ("gelu", lambda f, y, x: (f.erfc(-x / math.sqrt(2.0)) / 2,)),
    "gelu by 1 + erf": (
        "gelu",
        lambda f, y, x: ((1 + f.erf(x / math.sqrt(2.0))) / 2 + x * f.exp(-(x * x) / 2) / math.sqrt(2 * math.pi),),
    ),
    "silu without its second term": ("silu", lambda f, y, x: (f.sigmoid(x),)),
    "tan' = y²": ("tan", lambda f, y, x: (y * y,)),
    "sigmoid' = 1 - y": ("sigmoid", lambda f, y, x: (1 - y,)),
    "sigmoid' = y (1 - y) of x": ("sigmoid", lambda f, y, x: (x * (1 - x),)),
    "tanh' = 1 - y": ("tanh", lambda f, y, x: (1 - y,)),
    "sqrt' = 1 / y": ("sqrt", lambda f, y, x: (1 / y,)),
    "log1p' = 1 / x": ("log1p", lambda f, y, x: (1 / x,)),
    "expm1' = y + 1": ("expm1", lambda f, y, x: (y + 1,)),
    "elu' = y + α": ("elu", lambda f, y, x, a: (f.where(x > 0, 1.0, y + a), None)),
    "acos' without its sign": ("acos", lambda f, y, x: (1 / f.sqrt((1 - x) * (1 + x)),)),
    "asin' by 1 - x²": ("asin", lambda f, y, x: (1 / f.sqrt(1 - x * x),)),
    "acosh' by x² - 1": ("acosh", lambda f, y, x: (1 / f.sqrt(x * x - 1),)),
    "asinh' by 1 + x²": ("asinh", lambda f, y, x: (1 / f.sqrt(1 + x * x),)),
    "atanh' by 1 - x²": ("atanh", lambda f, y, x: (1 / (1 - x * x),)),
    "div' by b²": ("div", lambda f, y, a, b: (1 / b, -a / (b * b))),
    "atan2' by a² + b²": ("atan2", lambda f, y, a, b: (b / (a * a + b * b), -a / (a * a + b * b))),
    "hypot' by a² + b²": ("hypot", lambda f, y, a, b: (a / f.sqrt(a * a + b * b), b / f.sqrt(a * a + b * b))),
    "hypot' at 0": ("hypot", lambda f, y, a, b: (a / y, b / y)),
    "abs' at 0": ("abs", lambda f, y, x: (f.where(x >= 0, 1.0, -1.0),)),
    "relu' at 0": ("relu", lambda f, y, x: (f.where(x >= 0, 1.0, None),)),
    "leaky_relu' at 0": ("leaky_relu", lambda f, y, x, c: (f.where(x >= 0, 1.0, c), None)),
    "maximum' without the tie": ("maximum", lambda f, y, a, b: (f.where(a >= b, 1.0, None), f.where(b > a, 1.0, None))),
    "maximum' at nan": (
        "maximum",
        lambda f, y, a, b: (
            f.where(b > a, None, f.where(a > b, 1.0, 0.5)),
            f.where(a > b, None, f.where(b > a, 1.0, 0.5)),
        ),
    ),
    "clip' at the bounds": (
        "clip",
        lambda f, y, x, a, b: (
            f.where(a < x, f.where(x < b, 1.0, None), None),
            f.where(x < a, 1.0, None),
            f.where(x > b, 1.0, None),
        ),
    ),
    "x**c: c x**c": ("pow_const", lambda f, y, x, c: (c * y, None)),
    "x**c: c y / x": ("pow_const", lambda f, y, x, c: (c * y / x, None)),
    "c**x without log": ("rpow_const", lambda f, y, c, x: (None, y)),
    "c**x at 0": ("rpow_const", lambda f, y, c, x: (None, y * f.log(c))),
    "a**b without its second partial": ("pow", lambda f, y, a, b: (b * f.pow(a, b - 1), None)),
    "a**b at 0": ("pow", lambda f, y, a, b: (b * f.pow(a, b - 1), y * f.log(a))),
    "softplus' = y": ("softplus", lambda f, y, x: (y,)),
    "erf' without 2": ("erf", lambda f, y, x: (f.exp(-(x * x)) / math.sqrt(math.pi),)),
    "erf' of x": ("erf", lambda f, y, x: (2 / math.sqrt(math.pi) * f.exp(-x),)),
    "softmax' without the diagonal": ("softmax", lambda f, y, *x: (*[-y * y for _ in x[:-1]], None)),
    "logsumexp' by exp(x - y)": ("logsumexp", lambda f, y, *x: tuple(f.exp(v - y) for v in x)),
    "mean without the count": ("mean", lambda f, y, *x: (1.0,) * len(x)),
    "dot without the bias": (
        "dot",
        lambda f, y, *o: (*o[len(o) // 2 : 2 * (len(o) // 2)], *o[: len(o) // 2], *(None,) * (len(o) % 2)),
    ),
    "log2' without ln 2": ("log2", lambda f, y, x: (1 / x,)),
    "cosh' = -sinh": ("cosh", lambda f, y, x: (-f.sinh(x),)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_human_mistakes_are_caught(mistake: str, plant: Callable[[str, Rule], None]) -> None:
    op, rule = MISTAKES[mistake]
    plant(op, rule)
    assert csv_catches(op) or mpmath_catches(op)


# Right first derivatives, wrong second ones: a part of the rule taken as a plain number.
DETACHED: dict[str, Rule] = {
    "sigmoid": lambda f, y, x: (f.plain(y) * (1 - y),),
    "tanh": lambda f, y, x: (1 - f.plain(y) * y,),
    "exp": lambda f, y, x: (f.plain(y),),
    "mul": lambda f, y, a, b: (f.plain(b), a),
    "div": lambda f, y, a, b: (1 / b, -(f.plain(y) / b)),
    "sqrt": lambda f, y, x: (0.5 / f.plain(y),),
    "softplus": lambda f, y, x: (f.plain(f.sigmoid(x)),),
    "hypot": lambda f, y, a, b: (a / f.plain(y), b / f.plain(y)),
}


@pytest.mark.parametrize("op", DETACHED)
def test_wrong_second_derivatives_are_caught(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PARTIALS[op]  # the first derivatives stay right
    row = copy.copy(TABLE[op])
    row.partials = DETACHED[op]
    monkeypatch.setitem(TABLE, op, row)
    assert second_catches(op)


def test_a_mask_that_multiplies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.0 instead of nothing passes the CSV; the traps are there for it."""
    for op in ("where", "maximum", "minimum", "relu", "clip", "take", "floor", "round", "sign", "pow_const"):
        change_partials(monkeypatch, op, lambda p: 0.0 if p is None else p)
        assert op == "take" or not csv_catches(op)
    caught = 0
    for _, function, at, slope in test_ops.TRAPS:
        x = Value(at)
        graph = Graph(function(x))
        caught += graph.reverse(graph.partials, 1.0)[graph.number(x)] != slope if x in graph else 0
    assert caught >= 12


def test_a_numeric_zero_that_is_skipped_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for op in ("mul", "sqrt", "log", "pow_const"):
        right = PARTIALS[op]
        monkeypatch.setitem(
            PARTIALS, op, lambda y, *x, right=right: tuple(None if p == 0.0 else p for p in right(y, *x))
        )
    skipped = 0
    for _, function, at in test_ops.STAYS_NAN:
        x = Value(at)
        graph = Graph(function(x))
        skipped += not math.isnan(graph.reverse(graph.partials, 1.0)[0] or 0.0)
    assert skipped >= 3


@pytest.mark.parametrize("op", sorted(TABLE))
def test_a_wrong_value_is_caught(op: str) -> None:
    right = getattr(FLOATS, op)
    for wrong in (lambda *x: -right(*x) - 0.1, lambda *x: right(*x) * 1.0001 + 1e-5):
        assert any(too_large(op, x, wrong(*x), PARTIALS[op](right(*x), *x)) for x in points(op, 20))
        if op in ROWS:
            cases = [case for case in CASES if case.op == op]
            assert any(faults(c, wrong(*c.operands), PARTIALS[op](right(*c.operands), *c.operands)) for c in cases)


def test_a_wrong_method_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Value.tanh

    def wrong(self: Value) -> Value:
        out = right(self)
        out.da = out.da * 2
        return out

    monkeypatch.setattr(Value, "tanh", wrong)
    monkeypatch.setattr(F, "tanh", lambda x: x.tanh())
    (case,) = [case for case in CASES if case.op == "tanh" and case.operands == (0.7,)]
    with pytest.raises(AssertionError):
        test_ops.test_csv_on_values_and_backward(case)


def test_the_comparison_of_numbers() -> None:
    assert agrees(1.0 + 2**-50, 1.0, "exp", False)
    assert not agrees(1.0 + 2**-46, 1.0, "exp", False)
    assert not agrees(math.inf, 1e308, "exp", False)
    assert not agrees(-math.inf, math.inf, "exp", True)
    assert not agrees(math.nan, 0.0, "exp", True)
    assert not agrees(0.0, math.nan, "exp", True)
    assert not agrees(0.0, -0.0, "floor", False)
    assert agrees(0.0, -0.0, "floor", True)
    assert agrees(0.0, -0.0, "maximum", False)
    assert agrees(5e-324, 0.0, "exp", False)
    assert not agrees(1e-300, 0.0, "exp", False)
    assert not agrees(1e-16, 2e-16, "log", True)
    assert agrees(1e-16, 2e-16, "tanh", True)
    case = Case("exp", (1.0,), math.e, (math.e,), (0,))
    assert faults(case, math.e, (math.e,)) == []
    assert faults(case, math.e, (None,))
    assert faults(case, math.e, ())
    assert faults(case._replace(value=1.0), 1, (math.e,))  # an int is no float


@pytest.mark.parametrize("op", sorted(TABLE))
def test_our_formulas_are_derivatives_of_our_values(op: str) -> None:
    """The second writing of the table, for mpmath, held against mpmath's differentiation."""
    for x in list(points(op, 6)):
        if (op in NEVER_SEND and (2 * x[0]).is_integer()) or (op in ("sin", "cos", "tan") and abs(x[0]) > 1e100):
            continue  # at the edge of a step, or a step would be a period
        with mp.workdps(50):
            point = [mpf(v) for v in x]
            for place, truth in enumerate(EXACT[op].partials(*point)):
                if truth is None or place in constant_places(op, len(x)) or point[place] == 0:
                    continue
                here = point[place]
                along = lambda t, p=tuple(point), i=place: EXACT[op].value(*p[:i], p[i] * (1 + t), *p[i + 1 :])
                with mp.workdps(400):
                    slope = mp.diff(along, 0, h=mpf(10) ** -150) / here
                assert abs(slope - truth) <= abs(truth) * mpf(10) ** -20 + mpf(10) ** -140, (x, place)


def test_the_readers_of_notation_can_tell_wrong_brackets() -> None:
    read, from_latex = test_notation.read, test_notation.from_latex
    assert read("a - (b - c)") != read("a - b - c")
    assert read("-(a * b)") != read("-a * b")
    assert read("(-a)**b") != read("-a**b")
    assert read("(a**b)**c") != read("a**b**c")
    assert read(from_latex(r"\frac{a}{b} \cdot c")) == read("a / b * c")
    assert read(from_latex(r"{a + b}^{2}")) != read("(a + b)**2")
    assert read(from_latex(r"{(a + b)}^{2}")) == read("(a + b)**2")
    assert read(from_latex(r"\begin{cases} a & x \le 0 \\ -b & \text{else} \end{cases}")) == read("a if x <= 0 else -b")
    with pytest.raises(AssertionError, match="chain"):
        read("a < b < c")
