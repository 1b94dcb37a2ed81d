"""`explain` and `derivative`: the article line for line, numbers of autograd and of mpmath, hostile names, any size."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import ANY_NUMBER, Program, call_on_values, exact_run, examples, mp, programs, written

from microgradnet import exhibit, finite
from microgradnet import functions as F
from microgradnet.article import PEOPLE
from microgradnet.errors import InputError, StaleGraphError
from microgradnet.explanation import Explanation, derivative, explain
from microgradnet.explanation.numbers import evaluate, number_text
from microgradnet.explanation.words import LANGUAGES
from microgradnet.extension import operation
from microgradnet.graph import Graph
from microgradnet.nn import MLP
from microgradnet.ops import TABLE
from microgradnet.value import Condition, Value


def alice(label_sums: bool = False) -> dict[str, Value]:
    """The article's network for Alice, written as the article does: her data and 1 - ypred as numbers."""
    v: dict[str, Any] = {name: Value(x, name) for name, x in exhibit.POINT.items()}
    x1, x2 = Value(-2.0, "x1"), Value(-1.0, "x2")
    s1 = v["w1"] * x1 + v["w2"] * x2 + v["b1"]
    v["h1"] = F.sigmoid(s1)
    s2 = v["w3"] * x1 + v["w4"] * x2 + v["b2"]
    v["h2"] = F.sigmoid(s2)
    s3 = v["w5"] * v["h1"] + v["w6"] * v["h2"] + v["b3"]
    v["ypred"] = F.sigmoid(s3)
    v["L"] = (1 - v["ypred"]) ** 2
    for name in ("h1", "h2", "ypred", "L"):
        v[name].label = name
    if label_sums:
        s1.label, s2.label, s3.label = "s1", "s2", "s3"
    return v


# ---------------------------------------------------------------- the article

ARTICLE = """\
∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1
∂L/∂ypred  = -2 (1 - ypred)
∂ypred/∂h1 = w5 · f'(w5 h1 + w6 h2 + b3)
∂h1/∂w1    = x1 · f'(w1 x1 + w2 x2 + b1)"""
"""The derivation as the article writes it, in letters."""

NUMBERS = {"∂L/∂ypred": "-0.952", "∂ypred/∂h1": "0.249", "∂h1/∂w1": "-0.0904", "∂L/∂w1": "0.0214"}
"""What the article prints for Alice; it rounds to three digits as it goes."""


def test_the_article_line_for_line() -> None:
    lines = str(explain(alice()["L"], "w1")).splitlines()
    beginnings = [line for line in lines if line.startswith("∂")][:4]
    for line, of_article in zip(beginnings, ARTICLE.splitlines(), strict=True):
        assert line.startswith(of_article)
        assert line[len(of_article) :].lstrip()[:1] in ("", "=")


def test_the_article_s_numbers_with_its_rounding() -> None:
    lines = str(explain(alice()["L"], "w1", rounded=True)).splitlines()
    values = {line.split("=")[0].strip(): line.split("=")[-1].strip() for line in lines if line.startswith("∂")}
    assert values == NUMBERS
    assert values == exhibit.ROUNDED
    assert "-2 (1 - 0.524)" in "\n".join(lines)
    assert lines[-1] == "(rounded to 3 digits at every step; unrounded: 0.0215)"


def test_the_whole_text() -> None:
    assert str(explain(alice()["L"], "w1")) == WHOLE.strip()


WHOLE = """
h1    = f(w1 x1 + w2 x2 + b1) = f(-3)         = 0.0474
h2    = f(w3 x1 + w4 x2 + b2) = f(-3)         = 0.0474
ypred = f(w5 h1 + w6 h2 + b3) = f(0.0949)     = 0.524
L     = (1 - ypred)^2         = (1 - 0.524)^2 = 0.227

∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1

∂L/∂ypred  = -2 (1 - ypred)              = -2 (1 - 0.524) = -0.953
∂ypred/∂h1 = w5 · f'(w5 h1 + w6 h2 + b3) = 1 · 0.249      = 0.249
∂h1/∂w1    = x1 · f'(w1 x1 + w2 x2 + b1) = -2 · 0.0452    = -0.0904

where f(s) is the sigmoid: f(s) = 1 / (1 + exp(-s)), f'(s) = f(s) (1 - f(s))
f'(w5 h1 + w6 h2 + b3) = ypred (1 - ypred) = 0.524 (1 - 0.524)   = 0.249
f'(w1 x1 + w2 x2 + b1) = h1 (1 - h1)       = 0.0474 (1 - 0.0474) = 0.0452

∂L/∂w1 = -0.953 · 0.249 · (-0.0904) = 0.0215
"""


def test_labelled_sums_are_letters_inside_f() -> None:
    for network in (alice(label_sums=True), exhibit.network(exhibit.POINT, PEOPLE[0])):
        text = str(explain(network["L"], network["w1"]))
        assert "∂h1/∂w1    = x1 · f'(s1)" in text
        assert "= -2 · 0.0452    = -0.0904" in text
        assert "f'(s1) = h1 (1 - h1)       = 0.0474 (1 - 0.0474) = 0.0452" in text


def test_in_russian() -> None:
    english = str(explain(alice()["L"], "w1", rounded=True)).splitlines()
    russian = str(explain(alice()["L"], "w1", rounded=True, language="ru")).splitlines()
    assert [line for line in russian if line in english] == [line for line in english if "the" not in line and "digits"
                                                             not in line]  # fmt: skip
    assert "где f(s) — сигмоида: f(s) = 1 / (1 + exp(-s)), f'(s) = f(s) (1 - f(s))" in russian


def test_both_languages_say_everything() -> None:
    english, russian = LANGUAGES["en"], LANGUAGES["ru"]
    assert set(english) == set(russian)
    for key, words in english.items():
        assert words.count("{}") == russian[key].count("{}")
        assert ("{count}" in words) == ("{count}" in russian[key])


def test_by_operation_every_operation_is_a_factor() -> None:
    text = str(explain(exhibit.network(exhibit.POINT, PEOPLE[0])["L"], "w1", by="operation"))
    assert "∂L/∂w1 = ∂L/∂sub1 · ∂sub1/∂ypred · ∂ypred/∂s3 · ∂s3/∂h1 · ∂h1/∂s1 · ∂s1/∂w1" in text
    assert "sub1  = y - ypred          = 1 - 0.524                   = 0.476" in text
    assert text.endswith("∂L/∂w1 = 0.953 · (-1) · 0.249 · 1 · 0.0452 · (-2) = 0.0215")


def test_paths_are_added() -> None:
    text = str(explain(alice(label_sums=True)["L"], "x1"))
    assert "x1 acts along 2 paths; their products are added" in text
    first, second = "∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂x1", "∂L/∂ypred · ∂ypred/∂h2 · ∂h2/∂x1"
    assert f"∂L/∂x1 = {first} + {second}" in text
    assert text.endswith(
        "∂L/∂x1 = -0.953 · 0.249 · 0.0452 + (-0.953) · 0.249 · 0.0452\n       = -0.0107 + (-0.0107) = -0.0215"
    )


def test_a_direct_path_beside_others() -> None:
    """∂L/∂x would be both the derivative and one of its terms; so the whole is dL/dx."""
    x = Value(3.0, "x")
    y = x * x
    y.label = "y"
    loss = y * 2 + x
    loss.label = "L"
    text = str(explain(loss, x))
    assert "dL/dx is the derivative along all paths, ∂L/∂x along the direct one alone" in text
    assert "dL/dx = ∂L/∂x + ∂L/∂y · ∂y/∂x" in text
    assert text.endswith("dL/dx = 1 + 2 · 6 = 1 + 12 = 13")
    assert r"\frac{\mathrm{d} L}{\mathrm{d} x} &= 1 + 2 \cdot 6" in explain(loss, x).latex()
    assert "∂L/∂x = 1 + ∂L/∂y · 2 x = 1 + 2 · 6 = 1 + 12 = 13   (use 2 of 2)" in str(explain(loss))


def test_many_paths_go_node_by_node() -> None:
    x = Value(1.1, "x")
    a = x
    for i in range(4):
        a = a * 0.5 + F.sin(a)
        a.label = f"a{i}"
        b = a * a
        b.label = f"b{i}"
        a = F.tanh(a) + b
        a.label = f"c{i}"
    text = str(explain(a, x))
    assert "16 paths lead from c3 to x, so node by node:" in text
    assert "dc3/da3 = ∂c3/∂b3 · ∂b3/∂a3 + ∂c3/∂a3" in text or "dc3/da3 = ∂c3/∂a3 + ∂c3/∂b3 · ∂b3/∂a3" in text
    assert float(text.split("=")[-1]) == pytest.approx(Graph(a).gradient()[0], rel=1e-2)


# ---------------------------------------------------------------- the whole backward pass


def test_the_whole_backward_pass() -> None:
    text = str(explain(alice(label_sums=True)["L"]))
    assert "∂L/∂L = 1, to begin with" in text
    assert "∂L/∂h1 = ∂L/∂ypred · w5 · f'(s3) = -0.953 · 0.249  = -0.238" in text
    assert "∂L/∂w1 = ∂L/∂h1 · x1 · f'(s1) = -0.238 · (-0.0904) = 0.0215" in text
    assert "∂L/∂x1 = ∂L/∂h2 · w3 · f'(s2) + … = -0.238 · 0.0452 + … = -0.0107 + …\n         (use 1 of 2)" in text
    assert (
        "∂L/∂x1 = -0.0107 + ∂L/∂h1 · w1 · f'(s1) = -0.0107 + (-0.238) · 0.0452\n"
        "       = -0.0107 + (-0.0107) = -0.0215   (use 2 of 2)"
    ) in text


@pytest.mark.parametrize("by", ["neuron", "operation"])
def test_the_backward_pass_ends_at_the_gradients(by: str) -> None:
    loss = alice()["L"]
    graph = Graph(loss)
    gradient = dict(zip(graph.names, graph.gradient(), strict=True))
    last: dict[str, float] = {}
    for line in explain(loss, by=by, digits=17).data()["sections"][0]["lines"]:
        if "sides" in line and line["sides"][0].startswith("∂L/∂") and "…" not in line["sides"][-1]:
            last[line["sides"][0].removeprefix("∂L/∂")] = float(line["sides"][-1])
    assert {"w1", "w6", "b3", "x1"} <= set(last)
    for name, number in last.items():
        assert number == pytest.approx(gradient[name], rel=1e-15)


# ---------------------------------------------------------------- numbers

OPS = [*TABLE, "where_lt"]
SMOOTH = [op for op in TABLE if op not in ANY_NUMBER and op not in ("floor", "ceil", "trunc", "round", "sign", "pow")]
moderate = st.floats(-2.0, 2.0).filter(lambda x: abs(x) > 1e-3)


def built(program: Program) -> tuple[list[Value], Value] | None:
    """The program on labelled Values; every third result has a label too. None where nothing depends on a leaf."""
    leaves = [Value(x, f"x{i}") for i, x in enumerate(program.leaves)]
    registers = program.run(call_on_values, leaves)
    for i, register in enumerate(registers[len(leaves) :]):
        if isinstance(register, Value) and i % 3 == 1:
            register.label = f"r{i}"
    root = registers[-1]
    return (leaves, root) if isinstance(root, Value) else None


@given(programs(OPS, moderate, 9), st.sampled_from(["neuron", "operation"]), st.booleans())
@examples(300)
def test_every_number_is_autograd_s(program: Program, by: str, rounded: bool) -> None:
    if (made := built(program)) is None:
        return
    leaves, root = made
    graph = Graph(root)
    gradient = graph.gradient()
    for leaf in leaves:
        if leaf not in graph:
            continue
        explanation = explain(root, leaf, by=by, digits=17, rounded=rounded)
        (section,) = explanation.sections
        expected = gradient[graph.number(leaf)]
        assert section.value == expected or math.isnan(expected)
        for form in (str(explanation), explanation.markdown(), explanation.latex(), explanation.html()):
            assert form
        assert max(map(len, str(explanation).splitlines())) <= 80
        lines = explanation.data()["sections"][0]["lines"]
        names = (f"∂{graph.names[-1]}/∂{leaf.label}", f"d{graph.names[-1]}/d{leaf.label}")
        shown = [line["sides"] for line in lines if "sides" in line and line["sides"][0] in names]
        if shown and math.isfinite(expected) and not rounded:
            assert number_in(shown[-1][-1]) == pytest.approx(expected, rel=1e-9, abs=1e-12 * largest(graph))


@given(programs(OPS, moderate, 8), st.lists(moderate, min_size=3, max_size=3))
@examples(300)
def test_a_formula_is_the_gradient_at_any_point(program: Program, other: list[float]) -> None:
    if (made := built(program)) is None:
        return
    leaves, root = made
    graph = Graph(root)
    point = {leaf.label: x for leaf, x in zip(leaves, other, strict=False) if leaf in graph}
    moved = graph.replay(point)
    for leaf in leaves:
        if leaf not in graph:
            continue
        slope = derivative(root, leaf)
        for at, there in (({}, graph), (point, moved)):
            expected = there.gradient()[graph.number(leaf)]
            number = slope.at(at)
            if math.isfinite(expected) and abs(expected) < 1e200:
                assert number == pytest.approx(expected, rel=1e-6, abs=1e-9 + 1e-9 * largest(there))
        assert str(slope)
        assert slope.latex()


def number_in(text: str) -> float:
    """A number as it is shown: the constants of the table by name."""
    names = {"sqrt(2)": 2**0.5, "ln 2": math.log(2), "ln 10": math.log(10)}
    return names[text.lstrip("-")] * (-1 if text.startswith("-") else 1) if text.lstrip("-") in names else float(text)


def largest(graph: Graph) -> float:
    """The size of what may cancel."""
    finite_numbers = [abs(x) for x in (*graph.data, *graph.gradient()) if isinstance(x, float) and math.isfinite(x)]
    return max(finite_numbers, default=0.0)


@given(programs(SMOOTH, st.floats(0.2, 2.0), 6), st.booleans())
@examples(200)
def test_what_is_written_is_what_is_computed(program: Program, expand: bool) -> None:
    """The simplified formula with its steps, evaluated, is the derivative by mpmath; generic points have no kinks."""
    if (made := built(program)) is None:
        return
    leaves, root = made
    graph = Graph(root)
    if not all(math.isfinite(x) and abs(x) < 1e6 for x in graph.data if isinstance(x, float)):  # outside a domain
        return
    try:
        slopes = exact_run(program)[-1][1]
    except (ArithmeticError, AttributeError, TypeError, ValueError):  # such as complex numbers beside the root
        return
    for leaf, expected in zip(leaves, slopes, strict=True):
        if leaf not in graph or not mp.isfinite(expected) or isinstance(expected, mp.mpc):
            continue
        slope = derivative(root, leaf, expand=expand)
        values = {v.label: v.data for v in leaves}
        if not expand:
            values |= dict(zip(graph.names, graph.data, strict=True))
        for name, step in slope.steps:
            values[name] = evaluate(step, values)
        assert slope.expression is not None
        number = evaluate(slope.expression, values)
        assert number == pytest.approx(float(expected), rel=1e-5, abs=1e-5 * max(1.0, largest(graph)))


@pytest.mark.parametrize(
    ("write", "formula", "second"),
    [
        (lambda x, y: x * x + x.exp(), "2 x + exp(x)", "exp(x) + 2"),
        (lambda x, y: x**3, "3 x^2", "6 x"),
        (lambda x, y: x.log() * y, "y / x", "-y / x^2"),
        (lambda x, y: F.sigmoid(x), "σ(x) (1 - σ(x))", "σ(x) (1 - σ(x)) (1 - 2 · σ(x))"),
        (lambda x, y: F.relu(x * y), "y (1 if x y > 0 else 0)", "0"),
        (lambda x, y: F.sin(x) * F.cos(y), "cos(x) · cos(y)", "-sin(x) · cos(y)"),
        (lambda x, y: F.logsumexp(x, y), "exp(x) / (exp(x) + exp(y))", None),
        (lambda x, y: F.hypot(x, y), "x / hypot(x, y)", None),
        (lambda x, y: x**y, "y x^(y - 1)", None),
        (lambda x, y: F.sqrt(x), "0.5 / sqrt(x)", None),
        (lambda x, y: y * 2, "0", "0"),
    ],
)
def test_formulas_as_one_knows_them(write: Any, formula: str, second: str | None) -> None:
    x, y = Value(0.7, "x"), Value(1.3, "y")
    of = write(x, y) + 0 * x
    assert str(derivative(of, x)) == formula
    if second is not None:
        assert str(derivative(of, (x, x))) == second


@pytest.mark.parametrize(
    "op", ["sin", "sigmoid", "gelu", "softplus", "hypot", "atan2", "logsumexp", "silu", "pow", "tanh"]
)
def test_second_derivatives(op: str) -> None:
    x, y = Value(0.6, "x"), Value(1.4, "y")
    root = written(op)(x * y, y) if op in ("hypot", "atan2", "logsumexp", "pow") else written(op)(x * y)
    for first in "xy":
        slope = derivative(root, first)
        for second in "xy":
            twice = derivative(root, (first, second))
            expected = finite.derivative(lambda t, s=second, f=slope: f.at({s: t}), {"x": 0.6, "y": 1.4}[second])
            assert twice.at() == pytest.approx(expected, rel=1e-7, abs=1e-8)


def test_labelled_values_stay_letters() -> None:
    slope = derivative(alice(label_sums=True)["L"], "w5")
    assert str(slope).splitlines()[0] == "-2 h1 ypred (1 - ypred)^2"
    assert [name for name, _ in slope.steps] == ["s1", "h1", "s2", "h2", "s3", "ypred"]
    assert slope.at() == pytest.approx(-0.011269220242958155, rel=1e-14)
    leaves_only = derivative(alice(label_sums=True)["L"], "w5", expand=True)
    assert not {"h1", "ypred", "s1"} & {name for name, _ in leaves_only.steps}
    assert leaves_only.at(w5=2.0) == pytest.approx(slope.at({"w5": 2.0}), rel=1e-14)


def test_letters_that_are_taken() -> None:
    t1 = Value(0.5, "t1")
    a = t1
    for _ in range(12):
        a = F.sin(a) * a + t1
    names = [name for name, _ in derivative(a, t1).steps]
    assert names
    assert "t1" not in names


# ---------------------------------------------------------------- operations of one's own


@operation(partials=lambda y, x, k: (k * y, None))
def growth(x: float, k: float = 2.0) -> float:
    return math.exp(k * x)


@operation(partials=lambda y, x: (math.cos(x),))
def only_on_floats(x: float) -> float:
    return math.sin(x)


def test_operations_of_one_s_own() -> None:
    x = Value(0.5, "x")
    g = growth(x)
    g.label = "g"
    L = g * x
    L.label = "L"
    assert "∂g/∂x = 2 g" in str(explain(L, x))
    slope = derivative(L, x)
    assert slope.at(x=0.3) == pytest.approx(Graph(L).replay({"x": 0.3}).gradient()[0])
    assert str(slope) == "2 g x + g\nwhere g = growth(x, 2)"
    named = only_on_floats(x) * 2
    assert str(derivative(named, x)) == "2 · only_on_floats'(x)"
    assert derivative(named, x).at(x=1.0) == pytest.approx(2 * math.cos(1.0))
    assert "only_on_floats'(x)" in str(explain(named, x))
    with pytest.raises(InputError, match="only_on_floats"):
        derivative(named, (x, x))


# ---------------------------------------------------------------- where nothing is sent


def test_masks_are_told_in_words() -> None:
    x, y = Value(1.0, "x"), Value(3.0, "y")

    def told(root: Value, wrt: Value = x) -> str:
        root.label = "L"
        return str(explain(root, wrt))

    off = told(F.relu(x - 2) * y)
    assert "relu(x - 2) is 0 here, since x - 2 = -1 < 0: nothing is sent to x - 2" in off
    assert "∂L/∂x = 0" in off
    on = told(F.relu(x + 2) * y)
    assert "relu'(x + 2) = 1   (x + 2 = 3 > 0)" in on
    assert "relu(x - 1) has a kink at x - 1 = 0; by convention its slope there is 0" in told(F.relu(x - 1) * y)
    assert "x = x · 1: a tie, so each of the two gets one half" in told(F.maximum(x, x * 1) * y)
    assert "max(x, y) is y here" in told(F.maximum(x, y) * 2, y)
    assert "max(x, y) does not depend on x here: nothing is sent to it" in told(F.maximum(x, y) * 2)
    assert "x > y does not hold, so y is taken" in told(F.where(x > y, x, y) * 2)
    assert "floor(x) is constant near this point: nothing is sent to x" in told(F.floor(x) * 2)
    condition = told(F.where(x > y, Value(2.0, "a"), Value(5.0, "b")))
    assert "x only decides which branch is taken" in condition
    assert "∂L/∂x = 0" in condition


def test_a_value_by_itself() -> None:
    x = Value(2.0, "x")
    assert "∂x/∂x = 1" in str(explain(x, x))
    y = x * 3
    y.label = "y"
    assert "∂y/∂y = 1" in str(explain(y, y))
    assert "∂y/∂x = 3" in str(explain(y, x))


def test_what_is_not_finite_is_said() -> None:
    x = Value(0.0, "x")
    L = F.log(x) * x
    L.label = "L"
    assert "not a finite number: find_nan(L) tells where the first nan or inf comes from" in str(explain(L, x))
    assert explain(L, x).data()["sections"][0]["value"] != explain(L, x).data()["sections"][0]["value"]
    assert json.loads(explain(L, x).json())["sections"][0]["value"] == "nan"
    assert str(explain(L, x, rounded=True))


# ---------------------------------------------------------------- what is refused


def test_refusals() -> None:
    v = alice()
    loss = v["L"]
    with pytest.raises(InputError, match="'w99' is not in this graph"):
        explain(loss, "w99")
    with pytest.raises(InputError, match="not in this graph"):
        explain(loss, Value(1.0, "w1"))
    with pytest.raises(InputError, match="by is 'neuron' or 'operation'"):
        explain(loss, "w1", by="layer")
    with pytest.raises(InputError, match="unknown language 'de'"):
        explain(loss, "w1", language="de")
    with pytest.raises(InputError, match="1 to 17"):
        explain(loss, "w1", digits=0)
    with pytest.raises(InputError, match="empty"):
        explain(loss, [])
    with pytest.raises(TypeError, match="a comparison, which has no derivative"):
        explain(v["w1"] > 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got float"):
        explain(1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got int"):
        explain(loss, [3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="got int"):
        explain(loss, 3)  # type: ignore[arg-type]
    condition: Condition = v["w1"] > 0
    with pytest.raises(TypeError, match="a comparison, which has no derivative"):
        explain(loss, condition)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a comparison, which has no derivative"):
        explain(F.where(condition, v["w1"], v["w2"]), "gt1")
    with pytest.raises(TypeError, match="derivative wants a Value"):
        derivative(2.0, "x")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 to 9"):
        derivative(loss, ())
    with pytest.raises(InputError, match="not a leaf"):
        derivative(loss, "w1").at(h1=2.0)
    with pytest.raises(InputError, match="not in this graph"):
        derivative(loss, "w1").at(q=2.0)
    with pytest.raises(TypeError, match="a number for 'w1'"):
        derivative(loss, "w1").at(w1="2")  # type: ignore[arg-type]
    v["w1"].data = 5.0
    with pytest.raises(StaleGraphError):
        explain(loss, "w1")


def test_grad_is_neither_read_nor_written() -> None:
    v = alice()
    for value in v.values():
        value.grad = 7.0
    explain(v["L"], "w1")
    explain(v["L"])
    derivative(v["L"], "w1").at()
    assert {value.grad for value in v.values()} == {7.0}


def test_several_at_once() -> None:
    v = alice()
    explanation = explain(v["L"], ["w1", v["b3"]])
    _, w1, b3 = explanation.sections
    assert (w1.name, b3.name) == ("w1", "b3")
    assert w1.value == pytest.approx(0.02146953526581111)
    text = str(explanation)
    assert text.count("ypred = f(w5 h1 + w6 h2 + b3)") == 1
    assert text.startswith("The values\n\n")
    assert "\n\n∂L/∂b3\n\n" in text
    assert str(explain(v["L"], {"one": "w1", "two": "b3"})) == text


# ---------------------------------------------------------------- forms

HOSTILE = [
    "$x$", "$$", "{", "}{", "\\", "a\\b", "\\end{aligned}", "<script>alert(1)</script>", "]]>", "a\nb", "\r",
    "\u202eabc", "😀", "`x`", "a_b^c", "%", "#&~", "∂L/∂x", "вес", "'", '"', "|", "…", "\x00", "a b", "0", "1.5", "f",
    "exp", "w₁", "é", "עברית", "*bold*", "--", "{0}", "{}", "=", "\ud800", "t1", " ", "&lt;", "$$\n# h",
]  # fmt: skip


def hostile(label: str) -> tuple[Value, Value]:
    a, b = Value(1.5, label), Value(-0.5, label + "2")
    s = a * b + a
    s.label = label + "s"
    p = F.sigmoid(s) * F.relu(a - b) * 2
    p.label = label + "p"
    loss = (1 - p) ** 2 + a.exp()
    loss.label = label + "L"
    return loss, a


def formulas(explanation: Explanation) -> list[str]:
    """Every formula in LaTeX: the whole, and those of Markdown."""
    return [*explanation.latex().split("\n\n"), *explanation.markdown().split("$$")[1::2]]


@pytest.mark.parametrize("label", HOSTILE)
def test_names_break_nothing(label: str) -> None:
    loss, a = hostile(label)
    for explanation in (explain(loss, a), explain(loss, by="operation"), explain(loss, [a, loss], language="ru")):
        text = str(explanation)
        assert all(c.isprintable() or c == "\n" for c in text)
        root = ET.fromstring(explanation.html())
        assert {element.tag for element in root.iter()} <= TAGS
        assert "<script" not in explanation.markdown()
        for formula in formulas(explanation):
            assert balanced(formula)
        json.loads(explanation.json())
    slope = derivative(loss, a)
    assert {element.tag for element in ET.fromstring(slope.mathml()).iter()} <= TAGS
    assert balanced(slope.latex())
    assert all(c.isprintable() or c == "\n" for c in str(slope))
    assert slope.at() == pytest.approx(Graph(loss).gradient()[0])


TAGS = {
    "div", "p", "h3", "math", "mtable", "mtr", "mtd", "mrow", "mi", "mn", "mo", "mfrac", "msup", "msub", "msqrt",
    "mtext", "mspace",
}  # fmt: skip


def balanced(latex: str) -> bool:
    """Whether braces close, and no $ or % stands alone."""
    plain = latex.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
    depth = 0
    for c in plain:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0 and "$" not in plain and "%" not in plain.replace("\\%", "")


def test_forms_of_the_article() -> None:
    explanation = explain(alice()["L"], "w1")
    latex = explanation.latex()
    assert latex.startswith("\\begin{aligned}\n")
    assert r"\frac{\partial L}{\partial w_{1}} &= \frac{\partial L}{\partial \mathrm{ypred}} \cdot" in latex
    markdown = explanation.markdown()
    assert markdown == explanation._repr_markdown_()
    assert "where $f(s)$ is the sigmoid: $f(s) = \\frac{1}{1 + \\exp(-s)}$, $f'(s) = f(s) \\, (1 - f(s))$" in markdown
    assert explanation.html().startswith('<div class="explanation" lang="en">')
    lines = explanation.data()["sections"][0]["lines"]
    assert {"sides": ["∂L/∂ypred", "-2 (1 - ypred)", "-2 (1 - 0.524)", "-0.953"], "note": ""} in lines
    slope = derivative(alice()["L"], "w1")
    assert slope._repr_markdown_() == f"$$\n{slope.latex()}\n$$"
    assert "∂" in slope.mathml()
    assert repr(slope) == str(slope)
    assert repr(explanation) == str(explanation)


def test_functions_are_called_as_one_likes() -> None:
    text = str(explain(alice()["L"], "w1", symbols={"sigmoid": "σ"}))
    assert "x1 · σ'(w1 x1 + w2 x2 + b1)" in text
    assert "where σ(s) is the sigmoid" in text
    assert "f(" in str(derivative(alice()["L"], "w1", symbols={"sigmoid": "f"}))


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.04742587317756678, 3, "0.0474"), (-2.0, 3, "-2"), (1797.0, 3, "1797"), (0.49999, 3, "0.500"),
        (0.5, 3, "0.5"),         (1234.5, 3, "1234"), (1e-9, 3, "1e-09"), (-0.0, 3, "0"), (math.inf, 3, "inf"),
        (0.1, 17, "0.10000000000000001"), (0.9999, 3, "1.000"), (99.96, 3, "100.0"), (1e22, 3, "1e+22"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(number: float, digits: int, text: str) -> None:
    assert number_text(number, digits) == text


KATEX = """
const katex = require(process.argv[1]);
const wrong = [];
for (const formula of JSON.parse(require("fs").readFileSync(0, "utf8")))
  try { katex.renderToString(formula, {strict: "error", throwOnError: true, displayMode: true}); }
  catch (error) { wrong.push(error.message + "\\n" + formula); }
console.log(JSON.stringify(wrong));
"""


def test_katex_takes_every_formula() -> None:
    """In its strict mode, which refuses what only some LaTeX knows."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed, which KaTeX runs on")
    where = str(Path(__file__).parent / "vendor" / "katex.min.js")
    every = [formula for label in HOSTILE for formula in formulas(explain(*hostile(label)))]
    every += formulas(explain(alice()["L"])) + formulas(explain(alice()["L"], "w1", language="ru", rounded=True))
    every += [derivative(hostile(label)[0], label).latex() for label in HOSTILE]
    finished = subprocess.run(
        ["node", "-e", KATEX, where], input=json.dumps(every), capture_output=True, text=True, check=True
    )
    assert json.loads(finished.stdout) == []


# ---------------------------------------------------------------- sizes


def deep(operations: int) -> tuple[Value, Value, Value]:
    x, y = Value(0.5, "x"), Value(0.9, "y")
    z = x
    for _ in range(operations // 3):
        z = F.sigmoid(z * y) + z
        z = z * 0.5
    z.label = "L"
    return z, x, y


@pytest.mark.parametrize("by", ["neuron", "operation"])
def test_a_hundred_thousand_operations_end_in_a_summary(by: str) -> None:
    loss, _, y = deep(100_000)
    for wrt in (y, None):
        explanation = explain(loss, wrt, by=by)
        for form in (str(explanation), explanation.markdown(), explanation.latex(), explanation.html()):
            assert 500 < len(form) < 200_000
        assert "…" in str(explanation)


def test_a_formula_of_any_size() -> None:
    loss, _, y = deep(100_000)
    slope = derivative(loss, y)
    assert "too long to be written" in str(slope)
    assert "too long" in slope.latex()
    assert "too long" in slope.mathml()
    graph = Graph(loss)
    assert slope.at() == pytest.approx(graph.gradient()[graph.number(y)], rel=1e-9)
    shorter, x, _ = deep(3_000)
    slope = derivative(shorter, x)
    assert len(str(slope).splitlines()) < 100
    assert "lines more" in str(slope)
    graph = Graph(shorter)
    assert slope.at(x=0.25) == pytest.approx(graph.replay({"x": 0.25}).gradient()[graph.number(x)], rel=1e-9)


def test_a_formula_doubles_at_every_step_and_stays_short() -> None:
    x = Value(0.3, "x")
    t = x
    for _ in range(100):
        t = F.maximum(t * t, t + 0.01) * 0.7
    slope = derivative(t, x)
    assert len(str(slope)) < 20_000
    assert slope.at() == pytest.approx(Graph(t).gradient()[0])


def test_wide_sums_are_told_with_dots() -> None:
    model = MLP(40, [30, 1], activation="tanh", seed=0)
    loss = (model([0.01 * i for i in range(40)]) - 1) ** 2
    loss.label = "L"
    parameter = model.parameters()[3]
    text = str(explain(loss, parameter))
    assert "…" in text
    assert max(map(len, text.splitlines())) <= 80
    assert explain(loss, parameter).sections[0].value == Graph(loss).gradient()[Graph(loss).number(parameter)]
