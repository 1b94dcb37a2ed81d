r"""The languages that expressions are written in beside those of the engine: for people, for the page, for libraries.

READING is text as it stands on a blackboard, LATEX and MATHML are the same for typesetting, JAVASCRIPT is what the page
computes with, TORCH and JAX are tensors of other libraries.

    >>> from microgradnet.notation import SYMBOLS, Symbol, write
    >>> w1, x1, y = Symbol("w1"), Symbol("x1"), Symbol("ypred")
    >>> for language in (READING, LATEX):
    ...     print(write(-2 * (1 - y) * w1 * SYMBOLS.sigmoid(w1 * x1), language))
    -2 (1 - ypred) w1 · σ(w1 x1)
    -2 \, (1 - \mathrm{ypred}) \, w_{1} \cdot \sigma(w_{1} \, x_{1})
"""

from __future__ import annotations

import html
import unicodedata

from microgradnet.display import visible
from microgradnet.notation import (
    ATOM,
    CALLED,
    CONSTANTS,
    LEAF,
    NEGATIVE,
    OPERATORS,
    POWERS,
    Dialect,
    python_number,
    short_number,
)
from microgradnet.ops import LN2, LN10, SQRT2, SQRT_2PI, TABLE, TWO_OVER_SQRT_PI

__all__ = ["JAVASCRIPT", "JAX", "LATEX", "MATHML", "READING", "TORCH", "latex_letter"]

SHORT = {
    row.name: row.symbol for row in TABLE.values() if row.symbol not in (row.name, "**")
}  # sigmoid: σ, maximum: max
FRACTION = ("{} / {}", 3)

READING = Dialect(
    {**OPERATORS, "mul": ("{} · {}", 3), "is_zero": ("{} = 0", 1), **dict.fromkeys(POWERS, ("{}^{}", 5))},
    SHORT,
    number=short_number,
    nothing="0",
    beside="{} {}",
)

# --- LaTeX --------------------------------------------------------------------------------------------------------

_LATEX_CONSTANTS = {
    LN2: r"\ln 2",
    LN10: r"\ln 10",
    SQRT2: r"\sqrt{2}",
    TWO_OVER_SQRT_PI: r"\frac{2}{\sqrt{\pi}}",
    SQRT_2PI: r"\sqrt{2 \pi}",
}
_KNOWN = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")  # to LaTeX
_IN_TEXT = str.maketrans({
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", **{c: "\\" + c for c in "{}$&#%_"},
})  # fmt: skip
_GREEK = {
    **{c: "\\" + unicodedata.name(c).split()[-1].lower() for c in "αβγδεζηθικμνξπρστυφχψω"},
    **{c: "\\" + unicodedata.name(c).split()[-1].capitalize() for c in "ΓΔΘΞΠΣΥΦΨΩ"},
    "λ": r"\lambda",
    "Λ": r"\Lambda",
}
_GREEK_WORDS = {command[1:]: command for command in _GREEK.values()}


def latex_number(x: float) -> tuple[str, int]:
    r"""A number in LaTeX, six digits; powers of ten as such, and ln 2 by name.

    >>> print(latex_number(0.5)[0], latex_number(-1e-7)[0], latex_number(SQRT2)[0], latex_number(float("inf"))[0])
    0.5 -1 \cdot 10^{-7} \sqrt{2} \infty
    """
    sign, size = ("-", -x) if x < 0 else ("", x)
    if size in _LATEX_CONSTANTS:
        return sign + _LATEX_CONSTANTS[size], NEGATIVE if sign else LEAF
    mantissa, _, exponent = f"{size:g}".partition("e")
    if exponent:
        return rf"{sign}{mantissa} \cdot 10^{{{int(exponent)}}}", 3  # binds as a product
    shown = {"inf": r"\infty", "nan": r"\mathrm{nan}"}.get(mantissa, mantissa)
    return sign + shown, NEGATIVE if sign else LEAF


def latex_letter(name: str) -> str:
    r"""A name in LaTeX: w1 with an index, Greek letters by name or as they are, all else upright and escaped.

    What LaTeX has no letter for (emoji, right-to-left scripts) is written as its number in Unicode.

    >>> print(*map(latex_letter, ["w1", "beta", "σ2", "ypred", "d_L", "вес", "$x$"]))
    w_{1} \beta \sigma_{2} \mathrm{ypred} \mathrm{d\_L} \text{вес} \text{\$x\$}
    """
    name = visible(name)
    stem, index = _indexed(name)
    if stem is not None:
        letter = _GREEK_WORDS.get(stem) or _GREEK.get(stem) or (stem if len(stem) == 1 else rf"\mathrm{{{stem}}}")
        return f"{letter}_{{{index}}}" if index else letter
    if name.isascii() and name.replace("_", "").isalnum():
        return rf"\mathrm{{{name.translate(_IN_TEXT)}}}"
    return "".join(_latex_runs(name)) or r"\text{ }"


def _indexed(name: str) -> tuple[str | None, str]:
    """A name of letters, perhaps with an index behind it, as these two; (None, "") for every other name."""
    stem = name.rstrip("0123456789")
    index, stem = name[len(stem) :], stem.removesuffix("_") if len(stem) < len(name) else stem
    plain = (stem.isascii() and stem.isalpha()) or stem in _GREEK
    return (stem, index) if plain else (None, "")


def _latex_runs(name: str) -> list[str]:
    r"""Pieces of \text{…} and, between them, Greek letters."""
    pieces: list[str] = []
    run = ""
    for c in name:
        if c in _GREEK:
            pieces += [rf"\text{{{run}}}"] * bool(run) + [_GREEK[c] + " "]
            run = ""
        else:
            run += c.translate(_IN_TEXT) if _has_a_glyph(c) else rf"[U+{ord(c):04X}]"
    return pieces + [rf"\text{{{run}}}"] * bool(run)


def _has_a_glyph(c: str) -> bool:
    """Whether LaTeX and KaTeX have the letter in a text: ASCII, Latin with accents, Cyrillic."""
    return c.isascii() or "\u0410" <= c <= "\u044f" or c in "ЁёІіЇїЄєҐґЎў"


def _latex_name(name: str) -> str:
    return rf"\{name}" if name in _KNOWN else rf"\operatorname{{{visible(name).translate(_IN_TEXT)}}}"


LATEX = Dialect(
    {
        **OPERATORS,
        "where": (r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}", ATOM),
        "is_zero": ("{} = 0", 1),
        "le": (r"{} \le {}", 1),
        "ge": (r"{} \ge {}", 1),
        "mul": (r"{} \cdot {}", 3),
        "div": (r"\frac{{{}}}{{{}}}", ATOM),
        **dict.fromkeys(POWERS, ("{{{}}}^{{{}}}", 5)),
        "sqrt": (r"\sqrt{{{}}}", LEAF),
        "abs": (r"\left|{}\right|", LEAF),
    },
    {"sigmoid": r"\sigma", "maximum": r"\max", "minimum": r"\min"},
    function=_latex_name,
    letter=latex_letter,
    number=latex_number,
    nothing="0",
    beside=r"{} \, {}",
    raised=True,
)

# --- MathML -------------------------------------------------------------------------------------------------------


def mathml_number(x: float) -> tuple[str, int]:
    """A number in MathML, as `latex_number` writes it in LaTeX.

    >>> mathml_number(-0.5)[0]
    '<mrow><mo>−</mo><mn>0.5</mn></mrow>'
    """
    sign, size = ("<mo>−</mo>", -x) if x < 0 else ("", x)
    mantissa, _, exponent = f"{size:g}".partition("e")
    shown = f"<mn>{CONSTANTS.get(size) or {'inf': '∞'}.get(mantissa, mantissa)}</mn>"
    if exponent and size not in CONSTANTS:
        shown += f"<mo>·</mo><msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"
        return f"<mrow>{sign}{shown}</mrow>", 3
    return (f"<mrow>{sign}{shown}</mrow>", NEGATIVE) if sign else (shown, LEAF)


def mathml_letter(name: str) -> str:
    """A name in MathML, an index lowered; whatever it holds is text.

    >>> mathml_letter("w1"), mathml_letter("<b>")
    ('<msub><mi>w</mi><mn>1</mn></msub>', '<mi>&lt;b&gt;</mi>')
    """
    stem, index = _indexed(name)
    if stem and index:
        return f"<msub><mi>{stem}</mi><mn>{index}</mn></msub>"
    return f"<mi>{html.escape(visible(name))}</mi>"


_CASES = "<mtr><mtd>{1}</mtd><mtd>{0}</mtd></mtr><mtr><mtd>{2}</mtd><mtd><mtext>else</mtext></mtd></mtr>"
_ROW = "<mrow>{}</mrow><mrow>{}</mrow>"
MATHML = Dialect(
    {
        "where": (f"<mrow><mo>{{{{</mo><mtable>{_CASES}</mtable></mrow>", ATOM),
        **{op: (f"{{}}<mo>{sign}</mo>{{}}", 1)
           for op, sign in (("lt", "&lt;"), ("le", "≤"), ("gt", "&gt;"), ("ge", "≥"))},
        "is_zero": ("{}<mo>=</mo><mn>0</mn>", 1),
        "add": ("{}<mo>+</mo>{}", 2),
        "sub": ("{}<mo>−</mo>{}", 2),
        "mul": ("{}<mo>·</mo>{}", 3),
        "div": (f"<mfrac>{_ROW}</mfrac>", ATOM),
        "neg": ("<mo>−</mo>{}", 4),
        **dict.fromkeys(POWERS, (f"<msup>{_ROW}</msup>", 5)),
        "sqrt": ("<msqrt>{}</msqrt>", LEAF),
        "abs": ("<mrow><mo>|</mo>{}<mo>|</mo></mrow>", LEAF),
    },
    SHORT,
    called="<mrow><mi>{}</mi><mo>(</mo>{}<mo>)</mo></mrow>",
    between="<mo>,</mo>",
    prime="′",
    function=lambda name: html.escape(visible(name)),
    letter=mathml_letter,
    number=mathml_number,
    nothing="<mn>0</mn>",
    brackets="<mrow><mo>(</mo>{}<mo>)</mo></mrow>",
    beside="{}<mspace width='0.2em'/>{}",
    raised=True,
)  # fmt: skip

# --- JavaScript ---------------------------------------------------------------------------------------------------


def javascript_number(x: float) -> tuple[str, int]:
    """A number as JavaScript writes it.

    >>> javascript_number(float("-inf"))[0], javascript_number(1e-7)[0]
    ('-Infinity', '1e-07')
    """
    text, binding = python_number(float(x))
    return text.replace("inf", "Infinity").replace("nan", "NaN"), binding


_IN_MATH = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "abs", "floor", "ceil", "trunc",
)  # fmt: skip
JAVASCRIPT = Dialect(
    {
        **OPERATORS,
        "where": ("{} ? {} : {}", 0),
        "is_zero": ("{} === 0", 1),
        "neg": ("-({})", ATOM),  # two signs in a row would be another operator
    },
    {name: f"Math.{name}" for name in _IN_MATH},
    function=lambda name: f"op.{name}",  # of the page's numbers.js
    number=javascript_number,
    nothing="null",
)

# --- tensors of other libraries -----------------------------------------------------------------------------------
# What is composite here and has a function of its own there is spelled as that, where the derivative written out would
# be lost at a point (|x| inside a sigmoid at 0) or drown in an infinity.

TORCH = Dialect(
    {
        **{op: spelled for op, spelled in OPERATORS.items() if op != "where"},
        "softplus": ("torch.logaddexp({0}, torch.zeros_like({0}))", LEAF),
    },
    {
        **{name: f"torch.{name}" for name in (*CALLED, "where", "sigmoid", "relu", "maximum", "minimum")},
        **dict.fromkeys(POWERS, "torch.pow"),
        "elu": "torch.nn.functional.elu",
        "clip": "torch.clamp",
    },
)
JAX = Dialect(
    {op: spelled for op, spelled in OPERATORS.items() if op != "where"},
    {
        **{name: f"jax.numpy.{TABLE[name].numpy}" for name in (*CALLED, "where", "maximum", "minimum", "clip")},
        **dict.fromkeys(POWERS, "jax.numpy.power"),
        **{name: f"jax.scipy.special.{name}" for name in ("erf", "erfc")},
        **{name: f"jax.nn.{name}" for name in ("sigmoid", "relu", "softplus", "elu")},
    },
)
