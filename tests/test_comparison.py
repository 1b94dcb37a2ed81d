"""`compare`: right derivatives agree, however saturated or tiny; wrong ones do not; both say so in words."""

from __future__ import annotations

import ast
import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgradnet import Graph, InputError, StaleGraphError, Value, article, exp, log, relu, sigmoid, sqrt, take, tanh
from microgradnet.article import NAMES, PEOPLE, Person
from microgradnet.comparison import Comparison, assert_gradients, compare
from microgradnet.comparison.libraries import LIBRARIES, Library, written
from microgradnet.comparison.naming import LOSSES, parse_derivative
from microgradnet.comparison.verdicts import judge
from microgradnet.exhibit import POINT, network
from microgradnet.ops import TABLE
from microgradnet.value import apply

ALICE, BOB = PEOPLE[:2]


def by_hand(parameters: dict[str, float], person: Person) -> dict[str, float]:
    return article.gradients(parameters, person.x1, person.x2, person.y)


def no_false_alarm(comparison: Comparison) -> bool:
    """Nothing is called wrong, whether or not it can be decided."""
    return bool(comparison.lines) and all(line.agrees is not False for line in comparison.lines)


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
    assert no_false_alarm(comparison), str(comparison)
    assert comparison.ok is any(line.agrees for line in comparison.lines)


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
    assert no_false_alarm(comparison), str(comparison)
    same_formula = (slope == 0) is not written_out
    assert comparison.ok is same_formula  # else rounding alone is larger than the derivative: nothing is decided
    if not same_formula:
        assert set(verdicts(comparison).values()) == {"not decidable here"}
        assert "Nothing could be decided" in str(comparison)
    assert compare((0 - h) ** 2, {"w1": 1e-10}).lines[0].agrees is False


def test_saturated_tanh_written_out() -> None:
    x = Value(22.0, "x")
    e = exp(2 * x)
    for y in (tanh(x), (e - 1) / (e + 1)):
        assert no_false_alarm(compare(y, {"x": 1 - math.tanh(22.0) ** 2}))
        assert no_false_alarm(compare(y, {"x": 1 / math.cosh(22.0) ** 2}))
        assert compare(y, {"x": 1e-10}).lines[0].agrees is False


def test_a_gradient_that_cancels() -> None:
    x = Value(0.1, "x")
    y = 1e8 * x * 3 - 3e8 * x
    assert compare(y, {"x": 0.0}).ok
    (line,) = compare(y, {"x": 1e-5}).lines  # rounding of the two paths explains that
    assert (line.agrees, line.verdict) == (None, "not decidable here")
    assert compare(y, {"x": 1.0}).lines[0].agrees is False


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-200, 1e-20, 1.0, 1e20, 1e200, 1e300])
def test_any_size_is_compared_by_its_own_scale(size: float) -> None:
    w = Value(3.0, "w")
    assert compare(w * size, {"w": size}).ok
    assert verdicts(compare(w * size, {"w": size})) == {"w": "equal to the last bit"}
    if size > 1e-310:
        assert not compare(w * size, {"w": 1.001 * size}).ok
    assert not compare(w * size, {"w": 1e6 * size if size < 1e300 else -size}).ok
    assert not compare(w * size, {"w": 0.0}).ok or size < 1e-320
    assert compare(w * size).ok


def test_zero_gradients() -> None:
    x, unused = Value(0.0, "x"), Value(1.0, "unused")
    y = x * x + relu(Value(-1.0, "r")) + 0 * unused
    assert verdicts(compare(y, {"x": 0, "r": 0.0, "unused": -0.0})) == dict.fromkeys(
        ("x", "r", "unused"), "equal to the last bit"
    )
    assert compare(y).ok
    assert verdicts(compare(y, {"x": 0.1})) == {"x": "differs: autograd 0, by hand 0.1"}


# ---------------------------------------------------------------- wrong ones, in words


@pytest.mark.parametrize(
    ("number", "agrees", "kind", "words"),
    [
        (2.0, True, "equal", "equal to the last bit"),
        (2.0 + 2**-51, True, "equal", "equal to rounding (1 ulp)"),
        (2.003, False, "rounded", "agrees to 2 digits: looks rounded"),
        (-2.0, False, "differs", "differs: -1 × autograd"),
        (0.0, False, "differs", "differs: autograd 2, JAX 0"),
        (math.inf, False, "differs", "differs: autograd 2, JAX inf"),
        (math.nan, False, "differs", "differs: JAX is nan"),
    ],
)
def test_a_verdict_has_a_kind_and_the_name_of_the_other_side(
    number: float, agrees: bool, kind: str, words: str
) -> None:
    assert judge(2.0, number, 1e-15, other="JAX")[:3] == (agrees, kind, words)
    assert judge(2.0, number, 1e-15).words == words.replace("JAX", "by hand")


def test_what_cannot_be_decided_has_a_kind() -> None:
    assert judge(1.0, 2.0, 4.0)[:2] == (None, "undecided")
    assert judge(math.nan, math.nan, 0.0)[:2] == (False, "undecided")


def test_a_sign_error_and_a_forgotten_factor() -> None:
    right = by_hand(POINT, ALICE)
    slope = article.deriv_sigmoid(article.forward(POINT, -2, -1).s3)
    comparison = compare(network(POINT, ALICE)["L"], right | {"w1": -right["w1"], "w2": right["w2"] / slope})
    assert not comparison.ok
    assert verdicts(comparison)["w1"] == "differs: -1 × autograd"
    assert verdicts(comparison)["w2"] == "differs: 4.009 × autograd"
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
        (math.inf, math.inf, "equal to the last bit", True),
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
        (lambda: Value(0.0, "x") * math.nan, "the result is nan here", False),
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
    assert verdicts(comparison) == {"x": "differs: -1 × autograd"}
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
    assert "differs: 1.25 × autograd" in printed
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


# ---------------------------------------------------------------- by hand as functions


def all_by_hand(x1: Any, x2: Any, y: Any, w5: Any, h1: Any, ypred: Any) -> dict[str, Any]:
    d_s3 = -2 * (y - ypred) * ypred * (1 - ypred)
    d_s1 = d_s3 * w5 * h1 * (1 - h1)
    return {"w1": d_s1 * x1, "w2": d_s1 * x2, "h1": d_s3 * w5, "b3": d_s3}


def test_one_function_of_labels() -> None:
    comparison = compare(network(POINT, ALICE)["L"], all_by_hand)
    assert comparison.ok, str(comparison)
    right = by_hand(POINT, ALICE)
    hands = {line.name: line.by_hand for line in comparison.lines}
    assert list(hands) == ["w1", "w2", "h1", "b3"]
    assert hands["w1"] == pytest.approx(right["w1"], rel=1e-14)


def test_numbers_and_functions_in_one_dict() -> None:
    v = network(POINT, ALICE)
    right = by_hand(POINT, ALICE)
    hand = {"w1": lambda **all_of_them: all_by_hand(**pick(all_of_them))["w1"], v["w2"]: right["w2"]}
    assert compare(v["L"], hand).ok


def pick(labels: dict[str, Any]) -> dict[str, Any]:
    return {name: labels[name] for name in ("x1", "x2", "y", "w5", "h1", "ypred")}


def test_a_function_that_refuses_values_is_given_floats() -> None:
    seen: list[type] = []

    def slope(s: Any) -> float:
        seen.append(type(s))
        return math.exp(-s) / (1 + math.exp(-s)) ** 2

    s = Value(0.5, "s")
    comparison = compare(sigmoid(s), {"s": slope})
    assert comparison.ok
    assert seen == [Value, float]


def test_a_fault_in_the_function_itself_is_passed_on() -> None:
    with pytest.raises(KeyError, match="nothing"):
        compare(Value(0.5, "s") * 2, lambda s: {}["nothing"])


def test_positional_defaults_and_stars() -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")

    def one(w: Any, /, x: Any, two: int = 2, *args: Any, **rest: Any) -> Any:
        assert not args
        assert set(rest) == {"y"}
        return two * w * x * x

    y = (w * x) ** 2
    y.label = "y"
    assert compare(y, {"w": one}).ok


@pytest.mark.parametrize(
    ("hand", "error", "text"),
    [
        (lambda q: {"w": q}, InputError, "wants 'q', which is not in the graph of y, whose names are w, x, y"),
        (lambda w: w, TypeError, "the function must return a dict such as .* got Value"),
        (lambda w: {"w": lambda x: x}, TypeError, "'w' is a function; it must be a number"),
        (lambda w: {"w": "1"}, TypeError, r"by_hand\['w'\] wants a number, got str"),
        ({"w": lambda x: None}, TypeError, r"by_hand\['w'\] wants a number, got NoneType"),
        ({"w": lambda x: [x]}, TypeError, r"by_hand\['w'\] wants a number, got list"),
        ({"q": lambda x: x}, InputError, "'q' not in the graph"),
        ({"w": dict.get}, InputError, "wants '"),
    ],
)
def test_functions_that_cannot_be_used(hand: Any, error: type[Exception], text: str) -> None:
    y = Value(3.0, "w") * Value(2.0, "x")
    y.label = "y"
    with pytest.raises(error, match=text):
        compare(y, hand)


def test_a_name_of_two_nodes_is_no_parameter() -> None:
    y = Value(3.0, "w") * Value(2.0, "w")
    with pytest.raises(InputError, match="2 nodes have the label 'w'"):
        compare(y, lambda w: {"mul1": w})


# ---------------------------------------------------------------- factors


def test_factors_by_the_article_s_names() -> None:
    v = network(POINT, ALICE)
    factors = article.factors(POINT, -2, -1, 1)
    hand = {name: factors[name] for name in ("dL_dypred", "dypred_dh1", "dh1_dw1")}
    comparison = compare(v["L"], hand)
    assert comparison.ok, str(comparison)
    assert [line.title for line in comparison.lines] == ["∂L/∂ypred", "∂ypred/∂h1", "∂h1/∂w1"]
    assert math.prod(line.autograd for line in comparison.lines) == pytest.approx(
        by_hand(POINT, ALICE)["w1"], rel=1e-14
    )
    assert all(line.finite_agrees for line in comparison.lines)


def test_only_the_wrong_factor_is_told() -> None:
    v = network(POINT, ALICE)
    factors = article.factors(POINT, -2, -1, 1)
    hand = {"∂L/∂ypred": factors["dL_dypred"], "d_ypred_d_h1": -factors["dypred_dh1"], "DH1_DW1": factors["dh1_dw1"]}
    comparison = compare(v["L"], hand)
    assert [line.title for line in comparison.lines if line.agrees is False] == ["∂ypred/∂h1"]
    assert "disagree on 1 of 3: ∂ypred/∂h1." in comparison.summary()


def test_the_derivative_by_a_node_that_it_does_not_depend_on_is_zero() -> None:
    v = network(POINT, ALICE)
    assert compare(v["L"], {"dh1_dw3": 0.0, "dh1_dypred": 0.0}).ok
    assert not compare(v["L"], {"dh1_dypred": 0.5}).ok


def test_a_label_that_looks_like_a_derivative_is_a_label() -> None:
    w = Value(3.0, "w")
    slope = w * 2
    slope.label = "dL_dw"
    L = slope * w
    L.label = "L"
    assert compare(L, {"dL_dw": 3.0}).ok
    assert compare(L, {"dL/dw": 12.0}).ok


KNOWN = {"L", "h1", "w1", "W1", "w2", "ypred", "logits", "b", "x_d_y", "x", "y", "_p", "C"}


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("dL_dypred", ("L", "ypred")),
        ("d_L_d_ypred", ("L", "ypred")),
        ("∂L/∂ypred", ("L", "ypred")),
        ("∂ L / ∂ ypred", ("L", "ypred")),
        ("dL/dw1", ("L", "w1")),
        ("dLdw1", ("L", "w1")),
        ("dypred_dh1", ("ypred", "h1")),
        ("d_h1_d_w1", ("h1", "w1")),
        ("dloss_dw1", ("loss", "w1")),
        ("DLOSS_DW2", ("loss", "w2")),
        ("dlogits", (None, "logits")),
        ("dW1", (None, "W1")),
        ("dw1", (None, "w1")),
        ("d_w_1", (None, "w1")),
        ("dW_2", (None, "w2")),
        ("db", (None, "b")),
        ("∂b", (None, "b")),
        ("grad_b", (None, "b")),
        ("b_grad", (None, "b")),
        ("W1grad", (None, "W1")),
        ("d_p", (None, "_p")),
        ("dc", (None, "C")),
        ("d_x_d_y", (None, "x_d_y")),
        ("dx_dy", ("x", "y")),
        ("delta", None),
        ("d", None),
        ("", None),
        ("d_", None),
        ("d/d", None),
        ("dL/", None),
        ("/dw1", None),
        ("L/w1", None),
        ("grad", None),
        ("dq_dw1", None),
        ("dL_dq", None),
        ("w1", None),
    ],
)
def test_names_of_derivatives(name: str, meaning: tuple[str | None, str] | None) -> None:
    assert parse_derivative(name, KNOWN, {"loss"}) == meaning


@pytest.mark.parametrize("loss", LOSSES)
def test_the_root_goes_by_the_names_of_a_loss(loss: str) -> None:
    w = Value(3.0, "w")
    assert compare(w * w, {f"d{loss}_dw": 6.0}, sources=()).ok
    with pytest.raises(InputError, match="not in the graph"):
        compare(w * w, {"dq_dw": 6.0})


def test_a_name_that_is_unclear_is_none() -> None:
    assert parse_derivative("dw_1", {"w1", "W1", "w_1"}, set()) == (None, "w_1")
    assert parse_derivative("d_W_2", {"w2", "w_2"}, set()) is None  # either could be meant
    assert parse_derivative("dadbdc", {"a", "bdc", "adb", "c"}, set()) is None


letters = st.text("abdLw1_", min_size=1, max_size=4).filter(lambda s: s.strip("_"))


@given(st.sets(letters, min_size=1, max_size=4), st.text("abdLw1_∂/", max_size=10))
def test_a_name_is_read_as_known_names_or_not_at_all(known: set[str], name: str) -> None:
    meaning = parse_derivative(name, known, {"loss"})
    if meaning is not None:
        assert meaning[0] in {None, "loss", *known}
        assert meaning[1] in known


@given(st.lists(letters, min_size=2, max_size=2, unique_by=lambda s: s.replace("_", "").casefold()))
def test_slashes_are_never_unclear(names: list[str]) -> None:
    above, below = names
    assert parse_derivative(f"∂{above}/∂{below}", names, ()) == (above, below)


# ---------------------------------------------------------------- causes


def cause_of(hand: Any, name: str = "w1", **options: Any) -> Any:
    lines = {line.name: line for line in compare(network(POINT, ALICE)["L"], hand, **options).lines}
    return lines[name].cause


def test_no_cause_where_nothing_differs() -> None:
    assert all(line.cause is None for line in compare(network(POINT, ALICE)["L"], all_by_hand).lines)


@pytest.mark.parametrize(
    ("wrong", "kind", "sentence"),
    [
        (lambda y, ypred, w5, h1, x1: -2 * (y - ypred) * w5 * h1 * (1 - h1) * x1, "factor", "f'(s3) is missing"),
        (lambda x1, x2, y, w5, h1, ypred: -all_by_hand(x1, x2, y, w5, h1, ypred)["w1"], "sign", "sign is wrong"),
        (lambda x1, x2, y, w5, h1, ypred: all_by_hand(x1, x2, y, w5, h1, ypred)["w1"] / 2, "number", "2 is missing"),
        (lambda x2, y, w5, h1, ypred: all_by_hand(x2, x2, y, w5, h1, ypred)["w1"], None, "x2 stands where x1 belongs"),
        (lambda w5: 0 * w5, "zero", "it is 0"),
    ],
)
@pytest.mark.parametrize("refuses", [False, True])
def test_the_cause_is_named_with_its_evidence(wrong: Any, kind: str | None, sentence: str, refuses: bool) -> None:
    cause = cause_of({"w1": on_floats(wrong) if refuses else wrong})
    assert cause.kind == kind or kind is None
    assert sentence in cause.text() or (refuses and kind is None)
    assert (cause.holds, cause.of) == (7, 7)


def on_floats(function: Any) -> Any:
    """The same function, refusing Values as one with math.exp in it does."""
    from functools import wraps

    @wraps(function)
    def wrapped(**numbers: Any) -> Any:
        return function(**{name: float(x) for name, x in numbers.items()})

    return wrapped


def test_a_number_knows_one_point_only() -> None:
    right = by_hand(POINT, ALICE)
    cause = cause_of({"w1": -right["w1"]})
    assert (cause.kind, cause.holds, cause.of) == ("sign", 1, 1)


def test_a_missing_path_is_named() -> None:
    x = Value(0.7, "x")
    a, b = tanh(x), x * x
    L = a * b
    for label, v in {"a": a, "b": b, "L": L}.items():
        v.label = label
    (line,) = compare(L, {"x": lambda x, a, b: b * (1 - a * a)}).lines
    assert line.cause is not None
    assert line.cause.kind == "path"
    assert line.cause.names in {("a", "alone"), ("b", "missing")}
    assert line.cause.holds == line.cause.of == 7


def test_the_seed_chooses_the_points() -> None:
    def asked(seed: int) -> list[float]:
        met = []

        def wrong(x1: Any, h1: Any) -> Any:
            met.append(float(h1))
            return x1 * h1 * h1

        compare(network(POINT, ALICE)["L"], {"w1": wrong}, seed=seed)
        return met

    first, again, other = asked(3), asked(3), asked(4)
    assert first == again
    assert len(set(first)) == len(set(other)) == 7
    assert set(first) & set(other) == {network(POINT, ALICE)["h1"].data}  # the given point


def test_points_are_as_many_as_wanted() -> None:
    wrong = lambda x1, x2, y, w5, h1, ypred: -all_by_hand(x1, x2, y, w5, h1, ypred)["w1"]
    assert cause_of({"w1": wrong}, points=3).of == 3
    assert cause_of({"w1": wrong}, points=1).of <= 2
    for points in (0, -1, 1.5, "7"):
        with pytest.raises(InputError, match="points is"):
            compare(network(POINT, ALICE)["L"], {"w1": wrong}, points=points)  # type: ignore[arg-type]


def test_a_domain_is_respected_in_the_search_for_causes() -> None:
    x = Value(1e-3, "x")
    (line,) = compare(log(x), {"x": lambda x: 2 / x}).lines
    assert line.cause is not None
    assert line.cause.holds == line.cause.of >= 2


def test_many_wrong_ones_are_counted_not_listed() -> None:
    x = [Value(0.1 * i + 0.1, f"x{i}") for i in range(60)]
    y = apply("sum", *[tanh(v) for v in x])
    comparison = compare(y, {v: -(1 - math.tanh(v.data) ** 2) for v in x}, sources=())
    assert comparison.summary().endswith("x18, x19 and 40 more.")
    assert {line.cause.kind for line in comparison.lines if line.cause is not None} == {"sign"}
    assert "and 0 more" not in str(comparison)
    assert "the sign is wrong (holds at 1 of 1 point)" in " ".join(str(comparison).split())


def test_data_for_programs_hold_the_cause() -> None:
    w = Value(3.0, "w")
    read = json.loads(compare(w * w, {"w": -6.0}).json())
    assert read["lines"][0]["cause"]["kind"] == "sign"
    assert read["lines"][0]["ulps"] > 1e15
    assert read["lines"][0]["relative"] == 2.0
    assert read["lines"][0]["bound"] < 1e-9


# ---------------------------------------------------------------- sources


def test_the_steps_of_finite_differences_can_be_given() -> None:
    x, z = Value(1.0, "x"), Value(2.0, "z")
    y = exp(x) + z * z * z
    coarse = {line.name: line for line in compare(y, steps={"x": 0.1}).lines}
    assert abs(coarse["x"].finite_difference - math.e) > 1e-8
    assert abs(coarse["x"].finite_difference - math.e) <= coarse["x"].finite_error < 0.02
    assert coarse["z"].finite_difference == pytest.approx(12.0, rel=1e-9)
    fine = compare(y, steps=1e-4).lines
    assert all(line.agrees for line in fine)
    assert fine[0].finite_error > abs(fine[0].finite_difference - math.e)
    tiny = compare(y, steps=1e-15).lines
    assert all(line.agrees is not False for line in tiny)  # rounding is all that is left, and it says so
    for steps, error in (
        (0.0, InputError),
        (-1.0, InputError),
        (math.nan, InputError),
        ("a", TypeError),
        ({"q": 1.0}, InputError),
    ):
        with pytest.raises(error):
            compare(y, steps=steps)  # type: ignore[arg-type]


def test_without_sources_by_hand_alone() -> None:
    x = Value(3.0, "x")
    comparison = compare(x * x, {"x": 6.0}, sources=())
    assert comparison.ok
    assert "finite" not in str(comparison)
    assert math.isnan(comparison.lines[0].finite_difference)
    with pytest.raises(InputError, match="nothing to compare with"):
        compare(x * x, sources=())
    with pytest.raises(InputError, match="'tensorflow' is not a source; choose from 'finite', 'torch' and 'jax'"):
        compare(x * x, sources=("tensorflow",))


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_library_that_is_missing_is_told(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"is not installed; pip install 'microgradnet\[{library}\]'"):
        compare(Value(3.0, "x") * 2, sources=("finite", library))


def rows_at(*bases: tuple[float, float, float]) -> Iterator[tuple[str, list[Any]]]:
    """Every row of the table on labelled Values."""
    for name, row in TABLE.items():
        if row.variadic:
            values: list[Any] = [Value(x, f"x{i}") for i, x in enumerate((0.3, -0.7, 1.2, 0.3, 2.0))]
            yield name, [*values, 2.0] if name in ("take", "softmax") else values
            continue
        for base in bases:
            numbers = [abs(x) + 1.5 for x in base] if name == "acosh" else base
            made = zip(numbers, row.operands, strict=False)
            operands = [x if letter in row.constants else Value(x, letter) for x, letter in made]
            if name == "where":
                operands[0] = operands[1] > 0.5
            yield name, operands


BASES = ((0.3, 0.7, 0.9), (-0.5, 2.0, 0.1), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), (800.0, 2.0, 900.0), (-800.0, -3.0, 5.0))
ELSEWHERE = {
    "torch": {("atan2", 0.0), ("hypot", 0.0)},  # at (0, 0): torch gives 0 and nan
    "jax": {("pow", 0.0), ("pow_const", 0.0)},  # 0 ** 0: jax gives nan
}


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_every_primitive_has_a_spelling_in_the_library(library: Library) -> None:
    """Those of any number of operands are computed with the table's own rules, out of the others."""
    fixed = [name for name, row in TABLE.items() if row.primitive and not row.variadic]
    assert not [name for name in fixed if name not in library.dialect]


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if not row.variadic])
@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_every_row_is_written_as_a_function_of_the_library(library: Library, name: str) -> None:
    text = written(name, library.dialect)
    compile(text, name, "exec")
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name == name
    assert [argument.arg for argument in function.args.args] == list(TABLE[name].operands)
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} - stored
    assert read <= {library.name, *TABLE[name].operands}


def test_a_library_that_differs_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for PyTorch, which need not be there: its derivatives are 0."""
    pairs_met = []

    def zeros(
        library: Library, module: Any, graph: Graph, pairs: list[tuple[int, int]]
    ) -> dict[tuple[int, int], float]:
        pairs_met.append((library.name, module, pairs))
        return dict.fromkeys(pairs, 0.0)

    monkeypatch.setitem(LIBRARIES, "torch", LIBRARIES["torch"]._replace(modules=("math",), derivatives=zeros))
    x = Value(3.0, "x")
    comparison = compare(x * x, sources=("torch",))
    assert pairs_met == [("torch", math, [(1, 0)])]
    (line,) = comparison.lines
    assert (line.agrees, line.kind, line.verdict) == (False, "differs", "differs: autograd 6, PyTorch 0")
    assert line.libraries_agree == {"torch": False}
    assert comparison.summary() == "Autograd and PyTorch disagree on 1 of 1: x."
    assert "PyTorch does not confirm autograd on x." in str(compare(x * x, {"x": 6.0}, sources=("torch",)))


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_every_row_by_the_library_s_own_autograd(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    wrong, told = [], 0
    for name, operands in rows_at(*BASES):
        root = apply(name, *operands)
        first = next(o.data for o in operands if isinstance(o, Value))
        for line in compare(root, sources=(library,)).lines:
            told += line.agrees is True
            if line.agrees is False and (name, first) not in ELSEWHERE[library]:
                wrong.append((name, first, line.name, line.autograd, line.libraries))
    assert not wrong
    assert told > 300


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_library_beside_the_article(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    v = network(POINT, ALICE)
    hand = {**by_hand(POINT, ALICE), "dypred_dh1": article.factors(POINT, -2, -1, 1)["dypred_dh1"], "h1": 1.0}
    comparison = compare(v["L"], hand, sources=("finite", library))
    for line in comparison.lines:
        assert line.libraries[library] == pytest.approx(line.autograd, rel=1e-13)
        assert line.libraries_agree == {library: True}
    assert [line.name for line in comparison.lines if line.agrees is False] == ["h1"]
    assert {"torch": "PyTorch", "jax": "JAX"}[library] in str(comparison)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_library_sees_a_wrong_derivative_in_the_engine(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    from microgradnet.rules import PARTIALS

    x = Value(0.5, "x")
    monkeypatch.setitem(PARTIALS, "sigmoid", lambda y, x: (-y * (1 - y),))
    assert not compare(sigmoid(x), sources=(library,)).ok
    assert "does not confirm autograd on x." in str(compare(sigmoid(x), {"x": 0.1}, sources=(library,)))


def test_jax_is_left_as_it_was() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    before = jax.numpy.ones(1).dtype
    x = Value(1 / 3, "x")
    (line,) = compare(exp(x), sources=("jax",)).lines
    assert line.libraries["jax"] == pytest.approx(math.exp(1 / 3), rel=1e-15)  # float64, not float32
    assert jax.numpy.ones(1).dtype == before


# ---------------------------------------------------------------- laws


UNARY = ("exp", "tanh", "sigmoid", "sin", "relu", "abs", "softplus", "atan", "silu", "sqrt", "log")
BINARY = ("add", "sub", "mul", "div", "maximum", "hypot")


@st.composite
def expressions(draw: st.DrawFn) -> Value:
    """A random expression of some ten operations on three leaves."""
    numbers = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 1e-200, 1e200]) | st.floats(-3, 3)
    nodes: list[Value] = [Value(draw(numbers), f"x{i}") for i in range(3)]
    for _ in range(draw(st.integers(1, 10))):
        if draw(st.booleans()):
            nodes.append(apply(draw(st.sampled_from(UNARY)), draw(st.sampled_from(nodes))))
        else:
            nodes.append(
                apply(draw(st.sampled_from(BINARY)), draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes)))
            )
    return nodes[-1]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(expressions())
def test_no_false_alarm_on_random_expressions(root: Value) -> None:
    comparison = compare(root)
    assert all(line.agrees is not False or math.isnan(line.autograd) for line in comparison.lines), str(comparison)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(expressions())
def test_forward_mode_by_hand_is_never_called_wrong(root: Value) -> None:
    """Another right way to the same derivatives: the chain rule from the leaves up."""
    graph = Graph(root)
    leaves = [place for place, op in enumerate(graph.operations) if not op]
    hand = {graph.names[leaf]: graph.forward(graph.partials, {leaf: 1.0})[-1] or 0.0 for leaf in leaves}
    comparison = compare(root, hand)
    alarms = [line for line in comparison.lines if line.agrees is False]
    assert all(not math.isfinite(line.autograd) or not math.isfinite(line.by_hand or 0.0) for line in alarms), str(
        comparison
    )


# ---------------------------------------------------------------- assert_gradients


def test_assert_gradients_is_silent_where_all_is_right() -> None:
    assert assert_gradients(network(POINT, ALICE)["L"], all_by_hand) is None  # type: ignore[func-returns-value]


def test_assert_gradients_holds_the_table_and_the_cause() -> None:
    L = network(POINT, ALICE)["L"]
    wrong = {"w1": lambda x1, x2, y, w5, h1, ypred: -all_by_hand(x1, x2, y, w5, h1, ypred)["w1"]}
    with pytest.raises(AssertionError) as caught:
        assert_gradients(L, wrong)
    text = str(caught.value)
    assert text.startswith("Autograd and by hand disagree on 1 of 1: w1.\n")
    assert str(compare(L, wrong)) in text
    assert "the sign is wrong (holds at 7 of 7 points" in text


def test_assert_gradients_passes_options_on_and_needs_something_to_compare() -> None:
    L = network(POINT, ALICE)["L"]
    assert_gradients(L, {"w1": 0.0215}, significant=3)
    with pytest.raises(AssertionError, match=r"looks\s+rounded"):
        assert_gradients(L, {"w1": 0.0215})
    with pytest.raises(AssertionError, match="Nothing was compared"):
        assert_gradients(L, {})


def test_pytest_shows_the_caller(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from microgradnet import Value
        from microgradnet.comparison import assert_gradients

        def test_mine():
            w = Value(3.0, "w")
            assert_gradients(w * w, {"w": 5.0})
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    output = result.stdout.str()
    assert '>       assert_gradients(w * w, {"w": 5.0})' in output
    assert "raise AssertionError" not in output
    assert "∂mul1/∂w" in output
