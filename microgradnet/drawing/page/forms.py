"""How each operation and each local derivative is written in letters: templates for names and for numbers.

A template is a text with signs from Unicode's private areas: OPERAND + k stands for operand k and RESULT for the
operation's own result; UP and DOWN enclose what is raised, TIMES is a product without a sign, IF, ELSE and NOTHING are
words of the reader's language. No label of a user's comes into a template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microgradnet.algebra import rebuild, simplify
from microgradnet.dialects import LATEX, READING
from microgradnet.display import visible
from microgradnet.notation import POWERS, SYMBOLS, Dialect, Symbol, operation, short_number, write
from microgradnet.ops import COMPARISONS, TABLE, row_of

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["NOTHING", "OPERAND", "RESULT", "Form", "expanded", "form", "plain"]

OPERAND, RESULT = 0xF0000, "\ue000"
UP, DOWN, TIMES = "\ue001", "\ue002", "\u2062"
IF, ELSE, NOTHING = "\ue003", "\ue004", "\ue005"

Form = dict[str, Any]


def number(x: float) -> tuple[str, int]:
    """A constant in a formula, with a real minus sign."""
    shown, binding = short_number(x)
    return shown.replace("-", "−"), binding


TEMPLATES = READING.but(
    operators={
        **READING.operators,
        "where": (f"{{1}} {IF} {{0}}, {ELSE} {{2}}", 0),
        "mul": ("{} · {}", 3),
        "neg": ("−{}", 4),
        "sub": ("{} − {}", 2),
        "le": ("{} ≤ {}", 1),
        "ge": ("{} ≥ {}", 1),
        **dict.fromkeys(POWERS, (f"{{}}{UP}{{}}{DOWN}", 5)),
        "exp": (f"e{UP}{{}}{DOWN}", 5),
        "sqrt": ("√({})", 18),
        "abs": ("|{}|", 18),
    },
    between=", ",
    prime="′",
    letter=str,
    number=number,
    nothing=NOTHING,
    beside=f"{{}}{TIMES}{{}}",
    raised=True,
)

TEMPLATES_IN_LATEX = LATEX.but(letter=str)

LONGEST = 72  # signs of a derivative in letters; a longer one is not shown
SHORT = 16  # signs that an edge has room for
MANY = 7  # terms of a sum; of more, only some are written


def form(op: str, operands: Sequence[int | float]) -> Form:
    """How an operation on these operands is written (ints are nodes, floats are constants).

    "value": the template of the operation. "slopes": for each operand the template of its local derivative, or None
    where there is none or it is too long. "marks": the same as short as it can be said, for an edge: a number
    "factor", and the template "rest" that it multiplies ("" for none); "sum" says that rest needs brackets in a
    product. "latex": value and slopes for LaTeX.

    >>> square = form("pow_const", (0, 2.0))
    >>> plain(square["value"], ["s"]), plain(square["slopes"][0], ["s"]), square["marks"][0]["factor"]
    ('s²', '2 s', 2.0)
    """
    letters = [Symbol(chr(OPERAND + k)) if type(o) is int else Symbol(float(o)) for k, o in enumerate(operands)]
    value, in_latex = (_value(op, letters, dialect) for dialect in (TEMPLATES, TEMPLATES_IN_LATEX))
    slopes = [None] * len(letters) if op in COMPARISONS else _slopes(op, letters)
    slopes = [slope if type(o) is int else None for slope, o in zip(slopes, operands, strict=True)]
    written = [None if slope is None else _written(slope, TEMPLATES) for slope in slopes]
    called = op not in TEMPLATES.operators and sum(type(o) is int for o in operands) == 1 and op != "mean"
    marks = []
    for k, slope in enumerate(slopes):
        prime = operation(f"{op}'", letters[k]) if called and type(operands[k]) is int else slope
        if slope is not None and slope.number is not None:
            prime = slope
        marks.append(None if prime is None else _mark(prime))
    fitting = [t if t and len(t) <= LONGEST else None for t in written]
    slopes_in_latex = [None if slope is None or t is None else _written(slope, TEMPLATES_IN_LATEX)
                       for t, slope in zip(fitting, slopes, strict=True)]  # fmt: skip
    latex = {"value": in_latex, "slopes": slopes_in_latex}
    return {"value": value, "slopes": fitting, "marks": marks, "latex": latex}


def _written(symbol: Symbol, dialect: Dialect) -> str:
    """A formula, with brackets around a number below zero that comes after a sign."""
    return _AFTER_A_SIGN.sub(r"\1(\2)", write(symbol, dialect))


_AFTER_A_SIGN = re.compile(r"((?:·|\+|−|/|\\cdot) )([−-]\d[\d.]*(?:e[−-]?\d+)?)(?![\d.])")


def _value(op: str, letters: list[Symbol], dialect: Dialect) -> str:
    if op in ("dot", "sum"):
        n = len(letters) // 2 if op == "dot" else len(letters)
        terms = [_written(letters[k] * letters[n + k] if op == "dot" else letters[k], dialect) for k in range(n)]
        terms += [write(letters[-1], dialect)] if op == "dot" and len(letters) % 2 else []
        return " + ".join(terms if len(terms) <= MANY else [*terms[:2], "…", *terms[-2:]])
    shown = letters if len(letters) <= MANY else [*letters[:2], Symbol("…"), *letters[-2:]]
    return _written(operation(op, *shown), dialect)


def _slopes(op: str, letters: list[Symbol]) -> list[Symbol | None]:
    nothing: list[Symbol | None] = [None] * len(letters)
    if op not in TABLE or op in ("logsumexp", "softmax"):  # one's own, which need not run on letters; long ones
        return nothing
    try:
        found = row_of(op).partials(SYMBOLS, Symbol(RESULT), *letters)
    except (TypeError, ValueError, LookupError):  # a place that is no number
        return nothing
    return [None if slope is None else folded(slope if isinstance(slope, Symbol) else Symbol(slope)) for slope in found]


def _mark(symbol: Symbol) -> Form | None:
    factor = 1.0
    while True:
        if symbol.number is not None:
            return {"factor": factor * symbol.number, "rest": "", "sum": False}
        if symbol.op == "neg":
            factor, symbol = -factor, symbol.operands[0]
        elif symbol.op == "mul" and symbol.operands[0].number is not None:
            factor, symbol = factor * symbol.operands[0].number, symbol.operands[1]
        else:
            loose = symbol.op in ("add", "sub", "where", *COMPARISONS)
            rest = write(symbol, TEMPLATES)
            return {"factor": factor, "rest": rest, "sum": loose} if len(rest) <= SHORT else None


def folded(slope: Symbol) -> Symbol | None:
    """A local derivative in letters, simplified, without the cases of a single point (`abs(x) <= 0`): the number beside
    the letters tells of them.

    >>> x = Symbol("x")
    >>> folded(2.0 * SYMBOLS.pow(x, Symbol(2.0) - 1)), folded(SYMBOLS.where(abs(x) <= 0.0, 0.0, 1 / x))
    (2 * x, 1 / x)
    """
    return simplify(rebuild(slope, _without_single_points))


def _without_single_points(symbol: Symbol, operands: tuple[Symbol | None, ...]) -> Symbol | None:
    if not symbol.op:
        return symbol
    test = operands[0]
    if symbol.op == "where" and test is not None and test.op == "le" and operands[2] is not None:
        left, right = test.operands
        if left.op in ("abs", "hypot", "exp") and right.number == 0:
            return operands[2]
    return Symbol("", symbol.op, operands)


def plain(template: str, names: Sequence[str], result: str = "y") -> str:
    """A template with names put in, as one line of text: for tables and pictures. What is no name, but a sum or a
    product, gets brackets where it needs them.

    >>> plain(form("sigmoid", (0,))["slopes"][0], ["s1"], "h1"), plain(form("pow_const", (0, 2.0))["value"], ["1 − y"])
    ('h1 (1 − h1)', '(1 − y)²')
    """
    out = []
    signs = {c for c in template if ord(c) < OPERAND and not c.isalnum() and c not in f" .{RESULT}"}
    for at, c in enumerate(template):
        if ord(c) < OPERAND and c != RESULT:
            out.append(_WORDS.get(c, c))
            continue
        name = names[ord(c) - OPERAND] if ord(c) >= OPERAND else result
        before, after = template[:at][-1:], template[at + 1 :][:1]
        held = (before, after) in (("(", ")"), ("|", "|"), ("", ""))
        is_term = signs <= {"+", "−"} and (not _is_sum(name) or "−" not in signs or not at)
        is_factor = signs <= {"·", TIMES} and not _is_sum(name) and "/" not in name
        bare = held or is_term or is_factor or not _is_loose(name, after == UP)
        out.append(name if bare else f"({name})")
    return re.sub(r"\^(\d+)(?![\w.])", lambda found: found[1].translate(_RAISED), "".join(out))


_WORDS = {UP: "^", DOWN: "", TIMES: " ", IF: "if", ELSE: "else", NOTHING: "nothing"}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _is_sum(name: str) -> bool:
    return any(sign in name for sign in (" + ", " − ", " if ", " < ", " ≤ ", " > ", " ≥ "))


def _is_loose(name: str, is_base: bool) -> bool:
    """Whether a text falls apart beside another sign: it has a blank outside of brackets, or it is to be raised."""
    depth = 0
    for c in name:
        depth += (c == "(") - (c == ")")
        if c == " " and not depth:
            return True
    return is_base and not name.isidentifier()


def expanded(graph: Graph, forms: Sequence[Form | None], most: int = 18) -> dict[int, str]:
    """The nodes without a label that are shown as what they are, `y − ypred`, because that is short; with that text.

    Only what was made from leaves, labelled nodes and such ones: of others one would have to know the names.
    """
    shown: dict[int, str] = {}
    for i, (label, operands) in enumerate(zip(graph.labels, graph.operands, strict=True)):
        written = forms[i]
        nodes = [o for o in operands if type(o) is int]
        if label or written is None or not all(o in shown or graph.labels[o] or not graph.operations[o] for o in nodes):
            continue
        names = [shown.get(o) or visible(graph.names[o]) if type(o) is int else "" for o in operands]
        text = plain(written["value"], names)
        if len(text) <= most and "\n" not in text:
            shown[i] = text
    return shown
