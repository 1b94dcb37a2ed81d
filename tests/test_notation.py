"""What the table prints: text and LaTeX that say exactly the rule, with the brackets that are needed and no other."""

from __future__ import annotations

import ast
import itertools
import math
import re
from typing import Any
from xml.etree import ElementTree

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles import examples

from microgradnet.dialects import LATEX, MATHML, READING
from microgradnet.notation import FAST, SAFE, SYMBOLS, TEXT, Symbol, operands_of, write
from microgradnet.ops import TABLE
from microgradnet.rules import FLOATS, NAMESPACE, PARTIALS, rule, statements

FIXED = sorted(name for name, row in TABLE.items() if not row.variadic)

# --- trees: what was meant, and what was read back -------------------------------------------------------------------

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
FROM_AST = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}


def meant(symbol: Any) -> Any:
    """A Symbol as nested tuples."""
    if not symbol.op:
        (of,) = symbol.operands
        if isinstance(of, str):
            return of
        return ("neg", -of) if of < 0 else of
    op = "pow" if symbol.op.endswith(("pow", "pow_const")) else symbol.op
    return (op, *map(meant, symbol.operands))


def read(text: str) -> Any:
    """Python text as nested tuples, by Python's own parser."""

    def tree(node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp):
            return (FROM_AST[type(node.op)], tree(node.left), tree(node.right))
        if isinstance(node, ast.Compare):
            assert len(node.ops) == 1, "a chain of comparisons means something else"
            return (FROM_AST[type(node.ops[0])], tree(node.left), tree(node.comparators[0]))
        if isinstance(node, ast.UnaryOp):
            assert isinstance(node.op, ast.USub)
            return ("neg", tree(node.operand))
        if isinstance(node, ast.IfExp):
            return ("where", tree(node.test), tree(node.body), tree(node.orelse))
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            return (node.func.id.removeprefix("raw_").removeprefix("safe_"), *map(tree, node.args))
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type]
        assert isinstance(node, ast.Name)
        return node.id

    return tree(ast.parse(text, mode="eval").body)


def from_latex(text: str) -> str:
    """Our LaTeX as Python text, as a reader sees it: braces are invisible, a fraction bar and a root group."""
    text = re.sub(r"\\max(?![a-zA-Z])", "maximum", text).replace(r"\,", "*")
    text = re.sub(r"([a-zA-Z])_\{(\d+)\}", r"\1\2", text)
    text = re.sub(r"\\mathrm\{([^{}]*)\}", lambda m: m[1].replace(r"\_", "_"), text)
    text = re.sub(r"\\operatorname\{([^{}]*)\}", lambda m: m[1].replace(r"\_", "_"), text)
    for word, python in (
        ("cdot", "*"),
        ("le", "<="),
        ("ge", ">="),
        ("alpha", "alpha"),
        ("sigma", "sigmoid"),
    ):
        text = re.sub(rf"\\{word}(?![a-zA-Z])", python, text)
    text = text.replace(r"\left|", "abs(").replace(r"\right|", ")")

    def group(start: int) -> tuple[str, int]:
        """The converted content of the brace group that opens at `start`, and the place after it."""
        assert text[start] == "{", text[start:]
        depth, end = 0, start
        while True:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
            if not depth:
                return from_latex(text[start + 1 : end - 1]), end

    out, at = "", 0
    while at < len(text):
        if text.startswith(r"\frac", at):
            top, at = group(at + 5)
            bottom, at = group(at)
            out += f"(({top})/({bottom}))"
        elif text.startswith(r"\sqrt", at):
            inner, at = group(at + 5)
            out += f"sqrt({inner})"
        elif text.startswith(r"\begin{cases}", at):
            end, depth = at, 0
            while True:
                depth += text.startswith(r"\begin{cases}", end) - text.startswith(r"\end{cases}", end)
                if not depth:
                    break
                end += 1
            rows = _split(text[at + len(r"\begin{cases}") : end])
            yes, test, no = (from_latex(part.strip()) for part in rows)
            out, at = out + f"(({yes}) if ({test}) else ({no}))", end + len(r"\end{cases}")
        elif text[at] == "^":
            inner, at = group(at + 1)
            out += f"**({inner})"
        elif text[at] == "{":  # an invisible group, the base of a power
            inner, at = group(at)
            out += inner
        else:
            out += text[at]
            at += 1
    return re.sub(r"\\(exp|log|sin|cos|tan|sinh|cosh|tanh)\b", r"\1", out)


def _split(body: str) -> tuple[str, str, str]:
    """a & c \\\\ b & else, at the outermost level."""
    depth, amp, row = 0, -1, -1
    for i in range(len(body)):
        depth += body.startswith(r"\begin{cases}", i) - body.startswith(r"\end{cases}", i)
        if depth == 0 and body[i] == "&" and amp < 0:
            amp = i
        if depth == 0 and body.startswith("\\\\", i) and row < 0:
            row = i
    last = body.rindex("&")
    assert body[last + 1 :].strip() == r"\text{else}"
    return body[:amp], body[amp + 1 : row], body[row + 2 : last]


NUMBERS = [Symbol(x) for x in (0.5, 1.0, 2.0, -1.0, -0.25, 3.0)]
letters = st.sampled_from([Symbol("a"), Symbol("b"), Symbol("c"), *NUMBERS])


def _where(parts: tuple[str, Any, Any, Any, Any]) -> Any:
    op, a, b, c, d = parts
    return SYMBOLS.where(getattr(a, f"__{op}__")(b), c, d)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    two = st.sampled_from([name for name in SIGNS if name not in ("lt", "le", "gt", "ge")])
    return st.one_of(
        st.tuples(two, inner, inner).map(lambda t: getattr(SYMBOLS, t[0])(t[1], t[2])),
        st.tuples(two, inner, inner).map(lambda t: getattr(SYMBOLS, t[0])(t[1], t[2])),
        inner.map(lambda x: -x),
        st.tuples(st.sampled_from(["pow_const", "rpow_const"]), inner, inner).map(
            lambda t: getattr(SYMBOLS, t[0])(t[1], t[2])
        ),
        st.tuples(st.sampled_from(["exp", "sqrt", "abs", "sigmoid", "erf", "log1p"]), inner).map(
            lambda t: getattr(SYMBOLS, t[0])(t[1])
        ),
        st.tuples(st.sampled_from(["maximum", "atan2", "hypot"]), inner, inner).map(
            lambda t: getattr(SYMBOLS, t[0])(t[1], t[2])
        ),
        st.tuples(st.sampled_from(["lt", "le", "gt", "ge"]), inner, inner, inner, inner).map(_where),
    )


expressions = st.recursive(letters, _compound, max_leaves=9)


@given(expression=expressions)
@examples(1000)
def test_python_text_is_read_as_it_was_meant(expression: Any) -> None:
    assert read(write(expression, TEXT)) == meant(expression)
    assert str(expression) == write(expression)


@given(expression=expressions)
@examples(400)
def test_generated_python_is_read_as_it_was_meant(expression: Any) -> None:
    def composite(tree: Any) -> bool:
        return isinstance(tree, tuple) and (tree[0] == "sigmoid" or any(map(composite, tree)))

    tree = meant(expression)
    for dialect in (FAST, SAFE):
        if not composite(tree):
            assert _pow_named(read(write(expression, dialect))) == _pow_named(tree)


def _pow_named(tree: Any) -> Any:
    if not isinstance(tree, tuple):
        return tree
    return ("pow" if str(tree[0]) in ("pow_const", "rpow_const") else tree[0], *map(_pow_named, tree[1:]))


def says(text: str, tree: Any) -> bool:
    """Whether a text is Python, and reads as this tree."""
    try:
        return bool(read(text) == tree)
    except (SyntaxError, AssertionError):
        return False


@given(expression=expressions)
@examples(1000)
def test_no_pair_of_brackets_is_idle(expression: Any) -> None:
    text = write(expression, TEXT)
    tree = meant(expression)
    for opening in re.finditer(r"(?<![A-Za-z0-9_])\(", text):
        depth = 0
        for end in range(opening.start(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if not depth:
                break
        without = text[: opening.start()] + text[opening.end() : end] + text[end + 1 :]
        assert not says(without, tree), f"{text} says no more than {without}"


@given(expression=expressions)
@examples(600)
def test_latex_is_read_as_it_was_meant(expression: Any) -> None:
    text = write(expression, LATEX)
    assert balanced(text)
    assert read(from_latex(text)) == meant(expression)


def from_reading(text: str) -> str:
    """The text of a blackboard as Python: a space between two factors is a product."""
    text = text.replace("·", "*").replace("^", "**").replace("σ(", "sigmoid(").replace("max(", "maximum(")
    return re.sub(r"(?<=[\w)]) (?=[\w(])(?!if |else )(?<!if )(?<!else )", " * ", text)


@given(expression=expressions)
@examples(1000)
def test_a_blackboard_is_read_as_it_was_meant(expression: Any) -> None:
    assert read(from_reading(write(expression, READING))) == meant(expression)


@given(expression=expressions)
@examples(300)
def test_mathml_is_well_formed(expression: Any) -> None:
    ElementTree.fromstring(f"<math>{write(expression, MATHML)}</math>")


def balanced(text: str) -> bool:
    """Braces and brackets close in order, and what begins or stands left ends or stands right."""
    stack = []
    for token in re.findall(r"\\begin\{cases\}|\\end\{cases\}|\\left\||\\right\||[{}()]", text.replace(r"\_", "")):
        partner = {"}": "{", ")": "(", r"\end{cases}": r"\begin{cases}", r"\right|": r"\left|"}.get(token)
        if partner is None:
            stack.append(token)
        elif not stack or stack.pop() != partner:
            return False
    return not stack


def test_the_balance_itself() -> None:
    assert balanced(r"\frac{(a)}{b}")
    for bad in ("{", "}", "({)}", r"\left|x", r"\begin{cases} a", ")("):
        assert not balanced(bad)


# --- the rules of the table ------------------------------------------------------------------------------------------

SPOKEN = {"ln 2": "LN2", "ln 10": "LN10", "(2/sqrt(pi))": "TWO_OVER", "sqrt(2 pi)": "SQRT_2PI", "0 if": "0 if"}
SPOKEN_LATEX = {r"\frac{2}{\sqrt{\pi}}": "TWO_OVER", r"\sqrt{2 \pi}": "SQRT_2PI", r"\ln 2": "LN2", r"\ln 10": "LN10"}


def namespace(x: tuple[float, ...], op: str) -> dict[str, Any]:
    """Names for mpmath: the operations, the constants, and the row's letters at a point."""
    names: dict[str, Any] = {name: exact.value for name, exact in oracles.EXACT.items()}
    names |= {"LN2": mp.log(2), "LN10": mp.log(10), "TWO_OVER": 2 / mp.sqrt(mp.pi), "SQRT_2PI": mp.sqrt(2 * mp.pi)}
    point = list(map(mpf, x))
    names |= dict(zip(TABLE[op].operands, point, strict=True))
    return names | {"y": oracles.EXACT[op].value(*point)}


def spoken(text: str, names: dict[str, str]) -> str:
    for said, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(said, name)
    return text


POINTS: dict[str, list[tuple[float, ...]]] = {
    "acosh": [(1.5,), (4.0,)],
    "clip": [(0.5, -1.0, 1.0), (2.0, -1.0, 1.0), (-2.0, -1.0, 1.0)],
    "where": [(1.0, 2.0, 3.0), (0.0, 2.0, 3.0)],
    "pow": [(1.5, 2.5), (0.3, -1.25)],
    "rpow_const": [(1.5, 2.5), (0.3, -1.25)],
    "pow_const": [(1.5, 2.5), (0.3, -1.25)],
}


def points(op: str) -> list[tuple[float, ...]]:
    one, two = [(0.25,), (0.75,), (-0.5,)], [(0.25, 0.75), (0.75, -0.5), (1.5, 1.25)]
    positive = op in ("log", "log2", "log10", "sqrt", "log1p")
    chosen = POINTS.get(op, one if len(TABLE[op].operands) == 1 else two)
    return chosen[:2] if positive else chosen


@pytest.mark.parametrize("op", FIXED)
def test_printed_rules_say_the_derivatives(op: str) -> None:
    row = TABLE[op]
    symbols = row.partials(SYMBOLS, Symbol("y"), *operands_of(row))
    with mp.workdps(30):
        for x in points(op):
            names, wanted = namespace(x, op), oracles.exact(op, x)[1]
            for partial, truth in zip(symbols, wanted, strict=True):
                if truth is None:
                    assert partial is None or op in ("pow_const", "rpow_const")
                    continue
                text = spoken(write(partial, TEXT), SPOKEN)
                assert abs(mpf(eval(text, dict(names))) - truth) <= 1e-13 * abs(truth), text
                latex = from_latex(spoken(write(partial, LATEX), SPOKEN_LATEX))
                assert abs(mpf(eval(latex.replace(" = 0", " == 0"), dict(names))) - truth) <= 1e-13 * abs(truth), latex


@pytest.mark.parametrize("op", FIXED)
def test_printed_values_say_the_operation(op: str) -> None:
    row = TABLE[op]
    if row.primitive:
        assert meant(row.value(SYMBOLS, *operands_of(row)))[0] == op
        return
    with mp.workdps(30):
        for x in points(op):
            text = spoken(write(row.value(SYMBOLS, *operands_of(row)), TEXT), SPOKEN)
            truth = oracles.exact(op, x)[0]
            assert abs(mpf(eval(text, namespace(x, op))) - truth) <= 1e-13 * abs(truth), text


@pytest.mark.parametrize("op", FIXED)
def test_generated_statements_compute_what_the_table_computes(op: str) -> None:
    row = TABLE[op]
    value, partials = rule(row)
    for dialect in (FAST, SAFE):
        source = "\n".join(statements(value | partials, dialect))
        for x in points(op):
            names: dict[str, Any] = dict(NAMESPACE) | dict(zip(row.operands, x, strict=True))
            exec(source, names)
            assert names["y"] == getattr(FLOATS, op)(*x)
            assert tuple(names[name] for name in partials) == PARTIALS[op](names["y"], *x)


@pytest.mark.parametrize("op", sorted(TABLE))
def test_every_row_can_be_written(op: str) -> None:
    row = TABLE[op]
    letters = operands_of(row)
    value = [] if op == "logsumexp" else [row.value(SYMBOLS, *letters)]  # it asks for numbers: which is the largest
    for symbol in (*value, *row.partials(SYMBOLS, Symbol("y"), *letters)):
        text, latex = write(symbol, TEXT), write(symbol, LATEX)
        assert text
        assert balanced(latex)
        assert not re.search(r"(?<!\\)_(?!\{)", latex), latex
        assert "Symbol" not in text + latex


def test_samples_for_the_eye() -> None:
    y, x = Symbol("y"), Symbol("x")
    written = {
        op: write(TABLE[op].partials(SYMBOLS, y, *operands_of(TABLE[op]))[0])
        for op in ("sigmoid", "tanh", "log", "div", "sqrt", "sin")
    }
    assert written == {
        "sigmoid": "y * (1 - y)",
        "tanh": "1 - y * y",
        "log": "1 / x",
        "div": "1 / b",
        "sqrt": "0.5 / y",
        "sin": "cos(x)",
    }
    assert write(SYMBOLS.pow(1 / x, 2), LATEX) == r"{(\frac{1}{x})}^{2}"
    assert write(x - (x - 1)) == "x - (x - 1)"
    assert write(SYMBOLS.pow(x * 2, 3)) == "(x * 2)**3"


def test_shared_parts_get_a_name_once() -> None:
    x = Symbol("x")
    e = SYMBOLS.exp(x)
    square = e * e
    assert statements({"y": square + square, "d": square}, TEXT) == [
        "t1 = exp(x)",
        "t2 = t1 * t1",
        "y = t2 + t2",
        "d = t2",
    ]


def test_symbols_have_the_functions_of_the_table_only() -> None:
    for op in TABLE:
        assert getattr(SYMBOLS, op)(Symbol("x")).op == op
    for wrong in ("nothing", "__len__x"):
        with pytest.raises(AttributeError):
            getattr(SYMBOLS, wrong)
        with pytest.raises(AttributeError):
            getattr(FLOATS, wrong)


def test_special_numbers_survive_python_text() -> None:
    for number in (1e-300, 0.1, 123456789.123, 5e-324, 2.0**53):
        assert eval(write(number, FAST)) == number
        assert eval(write(-Symbol("x") * number, SAFE), {"x": 2.0}) == -2.0 * number
    for a, b in itertools.product((-2.0, 3.0), repeat=2):
        text = write(SYMBOLS.sub(a, SYMBOLS.sub(b, Symbol("x"))), FAST)
        assert eval(text, {"x": 5.0}) == a - (b - 5.0)
    assert math.isclose(float(write(0.1, TEXT)), 0.1)


def test_a_power_of_ten_as_a_base_has_brackets() -> None:
    assert write(SYMBOLS.pow(1e-7, Symbol("x")), LATEX) == r"{(1 \cdot 10^{-7})}^{x}"
    assert write(1e-7 * Symbol("x"), LATEX) == r"1 \cdot 10^{-7} \, x"
