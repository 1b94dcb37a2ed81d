"""`compare`: right derivatives agree, however saturated or tiny; wrong ones do not; both say so in words."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import InputError, StaleGraphError, Value, article, exp, log, relu, sigmoid, sqrt, take, tanh
from microgradnet.article import NAMES, PEOPLE, Person
from microgradnet.comparison import Comparison, compare
from microgradnet.exhibit import POINT, network

ALICE, BOB = PEOPLE[:2]


def by_hand(parameters: dict[str, float], person: Person) -> dict[str, float]:
    return article.gradients(parameters, person.x1, person.x2, person.y)


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {line.name: line.verdict for line in comparison.lines}


# ---------------------------------------------------------------- right ones


def test_the_article_agrees() -> None:
    comparison = compare(network(POINT, ALICE)["L"], by_hand(POINT, ALICE))
    assert comparison.ok
    assert [line.name for line in comparison.lines] == list(NAMES)
    for line in comparison.lines:
        assert line.autograd == pytest.approx(by_hand(POINT, ALICE)[line.name], rel=1e-14)
        assert line.finite_difference == pytest.approx(line.autograd, rel=1e-8)
        assert line.finite_agrees
        assert line.verdict.startswith("equal")
    assert comparison.summary() == "Autograd and by hand agree on all 9."


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(-4, 4))), st.sampled_from(PEOPLE))
def test_the_right_closed_form_never_raises_an_alarm(parameters: dict[str, float], person: Person) -> None:
    comparison = compare(network(parameters, person)["L"], by_hand(parameters, person))
    assert comparison.ok, str(comparison)


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(-1, 1).filter(lambda w: abs(w) > 0.1))),
    st.sampled_from(NAMES),
    st.sampled_from([-1.0, 0.5, 2.0, 1.0001]),
)
def test_a_wrong_one_is_found_wherever_it_is(parameters: dict[str, float], name: str, factor: float) -> None:
    wrong = by_hand(parameters, ALICE)
    wrong[name] *= factor
    comparison = compare(network(parameters, ALICE)["L"], wrong)
    assert [line.name for line in comparison.lines if not line.agrees] == [name]


@pytest.mark.parametrize("slope_by_hand", ["f (1 - f)", "e / (1 + e)²"])
@pytest.mark.parametrize("written_out", [False, True])
def test_saturated_bob_is_no_false_alarm(slope_by_hand: str, written_out: bool) -> None:
    """Bob has x = (25, 6): with weights of 1.4, f'(s1) is 1e-19, and f (1 - f) is exactly 0. Both are right."""
    w1, w2 = Value(1.4, "w1"), Value(1.4, "w2")
    s = w1 * BOB.x1 + w2 * BOB.x2
    h = 1 / (1 + exp(-s)) if written_out else sigmoid(s)
    e, f = math.exp(-s.data), 1 / (1 + math.exp(-s.data))
    slope = f * (1 - f) if slope_by_hand == "f (1 - f)" else e / (1 + e) ** 2
    assert slope == (0 if slope_by_hand == "f (1 - f)" else pytest.approx(1.4e-19, rel=0.1))
    outer = 2 * (h.data - 0)
    comparison = compare((0 - h) ** 2, {"w1": outer * slope * BOB.x1, "w2": outer * slope * BOB.x2})
    assert comparison.ok, str(comparison)
    assert not compare((0 - h) ** 2, {"w1": 1e-10}).ok


def test_saturated_tanh_written_out() -> None:
    x = Value(22.0, "x")
    e = exp(2 * x)
    for y in (tanh(x), (e - 1) / (e + 1)):
        assert compare(y, {"x": 1 - math.tanh(22.0) ** 2}).ok
        assert compare(y, {"x": 1 / math.cosh(22.0) ** 2}).ok


def test_a_gradient_that_cancels() -> None:
    x = Value(0.1, "x")
    y = 1e8 * x * 3 - 3e8 * x
    assert compare(y, {"x": 0.0}).ok
    assert compare(y, {"x": 1e-5}).ok  # rounding of the two paths explains that
    assert not compare(y, {"x": 1.0}).ok


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-200, 1e-20, 1.0, 1e20, 1e200, 1e300])
def test_any_size_is_compared_by_its_own_scale(size: float) -> None:
    w = Value(3.0, "w")
    assert compare(w * size, {"w": size}).ok
    assert verdicts(compare(w * size, {"w": size})) == {"w": "equal"}
    if size > 1e-310:
        assert not compare(w * size, {"w": 1.001 * size}).ok
    assert not compare(w * size, {"w": 1e6 * size if size < 1e300 else -size}).ok
    assert not compare(w * size, {"w": 0.0}).ok or size < 1e-320
    assert compare(w * size).ok


def test_zero_gradients() -> None:
    x, unused = Value(0.0, "x"), Value(1.0, "unused")
    y = x * x + relu(Value(-1.0, "r")) + 0 * unused
    assert verdicts(compare(y, {"x": 0, "r": 0.0, "unused": -0.0})) == dict.fromkeys(("x", "r", "unused"), "equal")
    assert compare(y).ok
    assert verdicts(compare(y, {"x": 0.1})) == {"x": "differs: autograd 0, by hand 0.1"}


# ---------------------------------------------------------------- wrong ones, in words


def test_a_sign_error_and_a_forgotten_factor() -> None:
    right = by_hand(POINT, ALICE)
    slope = article.deriv_sigmoid(article.forward(POINT, -2, -1).s3)
    comparison = compare(network(POINT, ALICE)["L"], right | {"w1": -right["w1"], "w2": right["w2"] / slope})
    assert not comparison.ok
    assert verdicts(comparison)["w1"] == "differs: ratio -1.0000"
    assert verdicts(comparison)["w2"] == "differs: ratio 4.0090"
    assert comparison.summary() == "Autograd and by hand disagree on 2 of 9: w1, w2."


def test_rounded_as_in_the_article() -> None:
    loss = network(POINT, ALICE)["L"]
    assert verdicts(compare(loss, {"w1": 0.0214})) == {"w1": "agrees to 2 digits: looks rounded"}
    assert verdicts(compare(loss, {"w1": 0.02147})) == {"w1": "agrees to 4 digits: looks rounded"}
    assert not compare(loss, {"w1": 0.0214}).ok
    assert compare(loss, {"w1": 0.0215, "b3": -0.238}, significant=3).ok
    assert verdicts(compare(loss, {"w1": 0.02}, significant=1)) == {"w1": "equal to 1 digit"}
    assert not compare(loss, {"w1": 0.0214}, significant=3).ok  # the product of rounded factors is off by one


def test_rounding_in_ulps() -> None:
    x = Value(3.0, "x")
    near = math.nextafter(math.nextafter(6.0, 7), 7)
    assert verdicts(compare(x * x, {"x": near})) == {"x": "equal to rounding (2 ulp)"}
    off = "equal to rounding (off by 3e-11 of up to 6e-11)"
    assert verdicts(compare(x * x, {"x": 6.0 * (1 + 5e-12)})) == {"x": off}


@pytest.mark.parametrize(
    ("autograd", "hand", "verdict", "ok"),
    [
        (math.inf, math.inf, "equal", True),
        (math.inf, -math.inf, "differs: autograd inf, by hand -inf", False),
        (math.inf, 1.0, "differs: autograd inf, by hand 1", False),
        (1.0, math.inf, "differs: autograd 1, by hand inf", False),
        (math.nan, 1.0, "differs: autograd is nan", False),
        (1.0, math.nan, "differs: by hand is nan", False),
        (math.nan, math.nan, "both are nan", False),
    ],
)
def test_infinities_and_nan(autograd: float, hand: float, verdict: str, ok: bool) -> None:
    x = Value(1.0, "x")
    comparison = compare(x * autograd, {"x": hand})
    assert (verdicts(comparison), comparison.ok) == ({"x": verdict}, ok)


# ---------------------------------------------------------------- what is compared


def test_results_on_the_way_and_values_as_keys() -> None:
    v = network(POINT, ALICE)
    factors = article.factors(POINT, -2, -1, 1)
    hand = {
        "ypred": factors["dL_dypred"],
        v["h1"]: factors["dL_dypred"] * factors["dypred_dh1"],
        v["w1"]: 0.02146953526581111,
    }
    comparison = compare(v["L"], hand)
    assert comparison.ok
    assert [line.name for line in comparison.lines] == ["ypred", "h1", "w1"]
    assert all(line.finite_agrees for line in comparison.lines)


def test_without_a_hand_all_labelled_leaves_against_finite_differences() -> None:
    comparison = compare(network(POINT, ALICE)["L"])
    assert {line.name for line in comparison.lines} == {*NAMES, "x1", "x2", "y"}
    assert comparison.ok
    assert "by hand" not in str(comparison)
    assert comparison.summary() == "Autograd and finite differences agree on all 12."
    a, b = Value(2.0), Value(3.0)
    assert [line.autograd for line in compare(a * b).lines] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("make", "verdict", "ok"),
    [
        (lambda: relu(Value(0.0, "x")), "a kink: slopes 0 and 1", True),
        (lambda: log(Value(1e-10, "x")), "equal to", True),
        (lambda: sqrt(Value(0.0, "x")), "no finite difference here", False),
        (lambda: Value(0.0, "x") * math.nan, "no finite difference here", False),
        (lambda: take([1.0, 2.0], Value(1.0, "x")), "an index has no derivative", True),
        (lambda: sigmoid(Value(44.0, "x")), "equal", True),
        (lambda: Value(0.3, "x") * 0.7 + 1e9, "equal within", True),
    ],
)
def test_where_finite_differences_are_blunt(make: Any, verdict: str, ok: bool) -> None:
    comparison = compare(make())
    (line,) = comparison.lines
    assert line.verdict.startswith(verdict)
    assert comparison.ok is ok


def test_a_wrong_derivative_in_the_engine_is_seen_by_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    from microgradnet.rules import PARTIALS

    x = Value(0.5, "x")
    monkeypatch.setitem(PARTIALS, "sigmoid", lambda y, x: (-y * (1 - y),))
    comparison = compare(sigmoid(x))
    assert not comparison.ok
    assert verdicts(comparison) == {"x": "differs: ratio -1"}
    same_fault = compare(sigmoid(x), {"x": comparison.lines[0].autograd})
    assert same_fault.ok
    assert "Finite differences do not confirm autograd on x." in str(same_fault)
    monkeypatch.setitem(PARTIALS, "sigmoid", lambda y, x: (0.0,))
    assert verdicts(compare(sigmoid(x))) == {"x": "differs by 0.235"}


def test_nothing_compared_is_not_ok() -> None:
    comparison = compare(Value(1.0, "x") * 2, {})
    assert not comparison.ok
    assert not comparison
    assert comparison.summary() == "Nothing was compared."


def test_grad_is_neither_read_nor_written() -> None:
    v = network(POINT, ALICE)
    for name, value in v.items():
        value.grad = float(len(name))
    assert compare(v["L"], by_hand(POINT, ALICE)).ok
    assert all(value.grad == len(name) for name, value in v.items())


# ---------------------------------------------------------------- refusals


def test_refusals() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    product = x * y
    with pytest.raises(InputError, match=r"'w', 'q' not in the graph of mul1, whose names are x, y"):
        compare(product, {"w": 1.0, "q": 1.0})
    with pytest.raises(InputError, match=r"'w' not in the graph of mul1, whose names are v1, v2"):
        compare(Value(1.0) * Value(1.0), {"w": 1.0})
    with pytest.raises(InputError, match="not in this graph"):
        compare(product, {Value(1.0, "x"): 1.0})
    with pytest.raises(InputError, match="derivative by 'x' is given twice"):
        compare(product, {"x": 1.0, x: 1.0})
    with pytest.raises(InputError, match="2 nodes have the label 'x'"):
        compare(x * Value(1.0, "x"), {"x": 1.0})
    with pytest.raises(InputError, match="significant is 0"):
        compare(product, {"x": 1.0}, significant=0)
    with pytest.raises(TypeError, match=r"by_hand\['x'\] wants a number, got Value"):
        compare(product, {"x": y})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"by_hand\['x'\] wants a number, got str"):
        compare(product, {"x": "1"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="a key is a label or a Value, got int"):
        compare(product, {1: 1.0})
    with pytest.raises(TypeError, match="must be a dict"):
        compare(product, [1.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="compare wants one Value"):
        compare([product], {"x": 1.0})  # type: ignore[arg-type]


def test_changed_data_are_told() -> None:
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(StaleGraphError):
        compare(y, {"x": 6.0})


# ---------------------------------------------------------------- how it shows itself


def test_shown_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    x = Value(2.0, "<b>x</b>")
    comparison = compare(x * x, {x: 5.0})
    comparison.show()
    printed = capsys.readouterr().out
    assert printed == f"{comparison}\n"
    assert "differs: ratio 1.2500" in printed
    assert "<b>" not in comparison._repr_html_()
    assert "<b>" not in comparison.markdown()
    read = json.loads(comparison.json())
    assert (read["of"], read["ok"]) == ("mul1", False)
    assert read["lines"][0]["autograd"] == 4.0
    assert read["lines"][0]["by_hand"] == 5.0


def test_the_article_s_table_fits_a_terminal() -> None:
    lines = str(compare(network(POINT, ALICE)["L"], by_hand(POINT, ALICE))).splitlines()
    assert len(lines) == 11
    assert max(map(len, lines)) <= 80
