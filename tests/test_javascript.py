"""The page's numbers: every rule of the table in JavaScript, held against the contract's rows and against Python's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import lint_javascript
import oracles
import pytest
from browser import Engine
from hypothesis import given
from hypothesis import strategies as st
from oracles import CASES, Case, examples, faults

import microgradnet.drawing
from microgradnet import operation
from microgradnet.dialects import LATEX
from microgradnet.drawing.page.rules_js import javascript_rules, letters, printable
from microgradnet.errors import InputError
from microgradnet.notation import SYMBOLS, Symbol, operands_of, write
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import FLOATS, PARTIALS, RESULTS

inf, nan = math.inf, math.nan
PAGE = Path(microgradnet.drawing.__file__).parent / "page"
AWKWARD = (0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.5, 3.0, 1e308, -1e308, 5e-324, inf, -inf, nan)
pytestmark = pytest.mark.browser
every_operation = pytest.mark.parametrize("op", sorted(TABLE))

Result = tuple[float, tuple[float | None, ...]]
Compute = Callable[[Sequence[tuple[str, tuple[float, ...]]]], list[Result]]

COMPUTE = """(cases) => {
    const text = (x) => (x === null ? null : Object.is(x, -0) ? "-0" : String(x));
    return cases.map(([key, numbers, result]) => {
        const operands = numbers.map(Number);
        const value = rules[key].value(...operands);
        const y = result === null ? value : Number(result);
        return [text(value), rules[key].partials(y, ...operands).map(text)];
    });
}"""


def text(x: float) -> str:
    """A number as JavaScript reads it."""
    return repr(float(x)).replace("inf", "Infinity").replace("nan", "NaN")


def number(told: str) -> float:
    return float({"true": "1", "false": "0"}.get(told, told))


@pytest.fixture(scope="module")
def compute(engine: Engine) -> Callable[..., list[Result]]:
    """Value and partials of many operations at once; partials for the result `y` where there is one, else its own."""
    engine.load((PAGE / "numbers.js").read_text("utf-8"))
    engine.load("const rules = {};")
    known: set[tuple[str, int]] = set()

    def ask(cases: Sequence[tuple[str, tuple[float, ...]]], y: Sequence[float] | None = None) -> list[Result]:
        new = {(op, len(operands)) for op, operands in cases} - known
        if new:
            engine.load(javascript_rules(sorted(new)))
            known.update(new)
        results = [None] * len(cases) if y is None else list(map(text, y))
        told = engine.call(
            COMPUTE,
            [
                [f"{op}/{len(operands)}", list(map(text, operands)), result]
                for (op, operands), result in zip(cases, results, strict=True)
            ],
        )
        return [(number(value), tuple([p if p is None else number(p) for p in partials])) for value, partials in told]

    return ask


def same(got: float | None, wanted: float | None, relative: float = 1e-12) -> bool:
    """Equal to 1e-12; the same of nan, infinities, nothing at all, and the sign of a zero."""
    if got is None or wanted is None or got != got or wanted != wanted:
        return (got is None) == (wanted is None) and (got != got) == (wanted != wanted)
    if math.isinf(got) or math.isinf(wanted) or 0.0 in (got, wanted):
        return got == wanted and math.copysign(1.0, got) == math.copysign(1.0, wanted)
    return abs(got - wanted) <= max(relative * abs(wanted), 2e-323)


def differences(compute: Callable[..., list[Result]], op: str, points: Sequence[tuple[float, ...]]) -> list[str]:
    """Where JavaScript and Python are apart. The partials are of Python's result: 1 - y² would magnify its last bit."""
    values = [RESULTS[op](*point) for point in points]
    told = compute([(op, point) for point in points], values)
    out = []
    for point, value, (got, got_partials) in zip(points, values, told, strict=True):
        partials = PARTIALS[op](value, *point)
        if not same(got, value):
            out.append(f"{op}{point} is {got!r}, in Python {value!r}")
        if len(partials) != len(got_partials) or not all(map(same, got_partials, partials)):
            out.append(f"partials of {op}{point} are {got_partials}, in Python {partials}")
    return out


# --- against the contract --------------------------------------------------------------------------------------------


def test_every_row_of_the_csv(compute: Compute) -> None:
    """Value and derivative within the contract's ulps, as Python's are; the partials follow JavaScript's own value."""
    told = compute([(case.op, case.operands) for case in CASES])
    assert len(told) == len(CASES) > 650
    assert [fault for case, got in zip(CASES, told, strict=True) for fault in faults(case, *got)] == []


def test_every_row_of_the_csv_as_in_python(compute: Compute) -> None:
    by_operation: dict[str, list[Case]] = {}
    for case in CASES:
        by_operation.setdefault(case.op, []).append(case)
    assert [
        fault for op, cases in by_operation.items() for fault in differences(compute, op, [c.operands for c in cases])
    ] == []


# --- against Python --------------------------------------------------------------------------------------------------


@every_operation
def test_at_awkward_numbers(compute: Compute, op: str) -> None:
    row = TABLE[op]
    count = 4 if row.variadic else len(row.operands)
    if op in ("take", "softmax"):
        points = [(*x, place) for x in itertools.product(AWKWARD, repeat=2) for place in (0.0, 1.0)]
    else:
        points = list(itertools.product(AWKWARD if count < 4 else AWKWARD[::3], repeat=count))
    assert differences(compute, op, points) == []


@every_operation
def test_at_random_points(compute: Compute, op: str) -> None:
    @given(points=st.lists(oracles.operands(op), min_size=1, max_size=20))
    @examples(40)
    def holds(points: list[tuple[float, ...]]) -> None:
        assert differences(compute, op, points) == []

    holds()


ANYWHERE = (
    "add", "sub", "mul", "div", "neg", "maximum", "minimum", "clip", "floor", "ceil", "trunc", "round", "sign", "abs",
    "relu", "sqrt", "hypot", "where", "sum", "dot",
)  # fmt: skip


@pytest.mark.parametrize("op", ANYWHERE)
def test_at_any_floats(compute: Compute, op: str) -> None:
    row = TABLE[op]
    count = 5 if row.variadic else len(row.operands)

    @given(points=st.lists(st.tuples(*[st.floats()] * count), min_size=1, max_size=20))
    @examples(40)
    def holds(points: list[tuple[float, ...]]) -> None:
        assert differences(compute, op, points) == []

    holds()


@pytest.mark.parametrize("op", sorted(COMPARISONS))
def test_comparisons(compute: Compute, op: str) -> None:
    points = list(itertools.product(AWKWARD, repeat=2))
    told = compute([(op, point) for point in points])
    assert told == [(float(COMPARISONS[op][1](*point)), (None, None)) for point in points]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 5000])
def test_any_number_of_operands(compute: Compute, count: int) -> None:
    x = [math.sin(7 * i + 1) for i in range(count)]
    for op in ("sum", "mean", "logsumexp"):
        assert differences(compute, op, [tuple(x)]) == []
    for op in ("take", "softmax"):
        assert differences(compute, op, [(*x, float(count // 2))]) == []
    assert differences(compute, "dot", [(*x, *x), (*x, *x, 0.5)]) == []


@pytest.mark.parametrize("place", [-1.0, 3.0, 0.5, nan, inf])
def test_a_place_that_does_not_exist_is_nan(compute: Compute, place: float) -> None:
    """Python raises IndexError there; the page has nobody to tell."""
    for op in ("take", "softmax"):
        with pytest.raises(IndexError):
            getattr(FLOATS, op)(1.0, 2.0, 3.0, place)
        ((value, partials),) = compute([(op, (1.0, 2.0, 3.0, place))])
        assert math.isnan(value)
        assert partials[-1] is None
        assert all(p is None or math.isnan(p) for p in partials)


def test_error_function_to_a_few_ulp(compute: Compute) -> None:
    """Against mpmath: the series and the continued fraction are ours, not the C library's."""
    points = [sign * 28.0 * i / 4000 for i in range(4000) for sign in (1.0, -1.0)]
    points += [sign * 10.0 ** (e / 10) for e in range(-3200, 15) for sign in (1.0, -1.0)]
    for op, true in (("erf", oracles.mp.erf), ("erfc", oracles.mp.erfc)):
        told = compute([(op, (x,)) for x in points])
        with oracles.mp.workdps(40):
            errors = [
                float(abs(got - true(x))) / math.ulp(float(true(x))) for x, (got, _) in zip(points, told, strict=True)
            ]
        worst = max(errors)
        print(f"{op}: {len(points)} points, worst {worst:.2f} ulp")
        assert worst <= 8


# --- what is written -------------------------------------------------------------------------------------------------


def test_each_rule_is_written_once() -> None:
    lines = javascript_rules([("mul", 2), ("dot", 4), ("mul", 2), ("dot", 5)]).splitlines()
    assert [line.partition(" =")[0] for line in lines] == ['rules["mul/2"]', 'rules["dot/4"]', 'rules["dot/5"]']
    assert javascript_rules([]) == ""


def test_what_cannot_be_written_is_refused() -> None:
    @operation(partials=lambda y, x: 3 * x**2)
    def cube(x: float) -> float:
        return x**3

    assert not printable(cube)
    with pytest.raises(InputError, match="cube"):
        javascript_rules([(cube, 1)])
    for op, count in (("tanh", 2), ("mul", 3), ("sum", 0), ("dot", 1), ("take", 1), ("softmax", 1)):
        with pytest.raises(InputError, match=f"{op} has .*operands, not {count}"):
            javascript_rules([(op, count)])


def test_letters_are_those_of_the_table() -> None:
    assert letters(TABLE["clip"], 3) == ["x", "lo", "hi"]
    assert letters(TABLE["dot"], 4) == ["w1", "w2", "x1", "x2"]
    assert letters(TABLE["softmax"], 3) == ["x1", "x2", "x3"]


def test_no_rule_can_end_the_script_it_stands_in() -> None:
    written = javascript_rules([(op, 5 if row.variadic else len(row.operands)) for op, row in TABLE.items()])
    for forbidden in ("</", "<!--", "]]>", "-->"):
        assert forbidden not in written
        assert forbidden not in (PAGE / "numbers.js").read_text("utf-8")


# --- the scripts as texts --------------------------------------------------------------------------------------------


def scripts() -> dict[str, str]:
    """The page's scripts, and the rules between them, in the order in which they stand there."""
    rules = javascript_rules([(op, 5 if row.variadic else len(row.operands)) for op, row in TABLE.items()])
    return {path.name: path.read_text("utf-8") for path in sorted(PAGE.glob("*.js"))} | {"rules": rules}


def test_scripts_have_no_faults() -> None:
    pytest.importorskip("tree_sitter_javascript", reason="no linter: pip install 'microgradnet[browser]'")
    assert lint_javascript.faults(scripts() | {"": "const rules = {}; rules;"}) == []


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("const a = 1; b(a);", "x:1: b is not declared"),
        ("const a = 1;", "x:1: a is not used"),
        ("const f = ({p: q = 1, ...r}, [s]) => q + r + s;\nf(p);", "x:2: p is not declared"),
        ("for (const k of [1]) {}", "x:1: k is not used"),
        ("var a; a;", "x:1: no var"),
        ("let a; a == 1;", "x:1: == compares"),
        ("window.eval; eval(1)", "x:1: eval is forbidden"),
        ("document.write(1)", "x:1: .write is forbidden"),
        ("let a = ;", "x:1: not JavaScript"),
    ],
)
def test_the_linter_finds(script: str, fault: str) -> None:
    pytest.importorskip("tree_sitter_javascript", reason="no linter: pip install 'microgradnet[browser]'")
    assert any(told.startswith(fault) for told in lint_javascript.faults({"x": script}))


def test_the_linter_lets_pass() -> None:
    pytest.importorskip("tree_sitter_javascript", reason="no linter: pip install 'microgradnet[browser]'")
    fine = """const f = (x, {y: z}, ...w) => {
        for (const v of w) x += v;
        try { z(); } catch (_e) { x = `${x}`; }
        return {x};
    };"""
    assert lint_javascript.faults({"a": fine, "b": "f(1, window, 2 === 3);"}) == []


def test_scripts_are_accepted_in_strict_mode(engine: Engine) -> None:
    for name, script in scripts().items():
        engine.call("(source) => { new Function(source); }", f'"use strict";\n{script}\n//# {name}')
    with pytest.raises(Exception, match="SyntaxError"):
        engine.call("(source) => { new Function(source); }", '"use strict"; with (window) {}')


# --- KaTeX -----------------------------------------------------------------------------------------------------------


def test_katex_is_strict(katex: Callable[[str], str | None]) -> None:
    assert katex(r"\frac{\partial L}{\partial w_{1}} = -2 \, (1 - y_{\mathrm{pred}})") is None
    for wrong in (
        r"\frac{1}",
        r"\unknown",
        "вес",
        r"\text{אב}",
        r"\text{😀}",
        "a_1_2",
        r"\href{javascript:1}{x}",
        "#",
        "%",
    ):
        assert katex(wrong) is not None, wrong


@every_operation
def test_katex_accepts_every_rule(katex: Callable[[str], str | None], op: str) -> None:
    row = TABLE[op]
    letters = operands_of(row)
    formulas = [row.value(SYMBOLS, *letters)] if not row.variadic or op in ("sum", "mean", "dot") else []
    for formula in (*formulas, *row.partials(SYMBOLS, Symbol("y"), *letters)):
        assert katex(write(formula, LATEX)) is None, write(formula, LATEX)
