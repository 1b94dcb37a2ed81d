"""How an operation is written in each language: text, Python, LaTeX.

A rule of the table, run on `Symbol`s instead of numbers, gives back the expression that it is. One small printer
writes it in any *dialect*: a dialect says how the primitives are spelled and how tightly each binds, and no more.

    >>> from microgradnet.ops import TABLE
    >>> y, x = Symbol("y"), Symbol("x")
    >>> (slope,) = TABLE["sigmoid"].partials(SYMBOLS, y, x)
    >>> write(slope), write(slope, LATEX)
    ('y * (1 - y)', 'y \\\\cdot (1 - y)')
"""

from __future__ import annotations

from microgradnet.ops import COMPARISONS, LN2, LN10, SQRT2, SQRT_2PI, TABLE, TWO_OVER_SQRT_PI, Row

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["JAX", "LATEX", "SYMBOLS", "TEXT", "TORCH", "Symbol", "operands_of", "write"]


class Symbol:
    """A letter, a number or an operation on symbols: what remains of an expression when no number is put in.

    `op` is the name of a row or a comparison; "" for a letter or number, whose text is then the only operand.

    >>> x = Symbol("x")
    >>> write((1 + x) * x)
    '(1 + x) * x'
    """

    __slots__ = ("op", "operands")

    def __init__(self, text: str, op: str = "", operands: tuple[Any, ...] = ()) -> None:
        self.op, self.operands = op, operands or (text,)

    def __add__(self, other: Any) -> Symbol:
        return operation("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return operation("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return operation("sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return operation("sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return operation("mul", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return operation("mul", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return operation("div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return operation("div", other, self)

    def __neg__(self) -> Symbol:
        return operation("neg", self)

    def __abs__(self) -> Symbol:
        return operation("abs", self)

    def __lt__(self, other: Any) -> Symbol:
        return operation("lt", self, other)

    def __le__(self, other: Any) -> Symbol:
        return operation("le", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return operation("gt", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return operation("ge", self, other)

    def __repr__(self) -> str:
        return write(self)


CONSTANTS = {  # as text, and in LaTeX
    LN2: ("ln 2", r"\ln 2"),
    LN10: ("ln 10", r"\ln 10"),
    SQRT2: ("sqrt(2)", r"\sqrt{2}"),
    TWO_OVER_SQRT_PI: ("(2/sqrt(pi))", r"\frac{2}{\sqrt{\pi}}"),
    SQRT_2PI: ("sqrt(2 pi)", r"\sqrt{2 \pi}"),
}


def operation(op: str, *operands: Any) -> Symbol:
    """The symbol of an operation; plain numbers become symbols."""
    return Symbol("", op, tuple(map(as_symbol, operands)))


def as_symbol(operand: Symbol | float | None) -> Symbol | None:
    """A plain number as a symbol; a symbol, and None (nothing is sent), as they are."""
    return operand if operand is None or isinstance(operand, Symbol) else Symbol(repr(operand))


class _Symbols:
    """The functions of the table on symbols: `SYMBOLS.exp(x)`. Composite operations keep their name."""

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name not in TABLE and name != "is_zero":
            raise AttributeError(name)
        return lambda *operands: operation(name, *operands)

    def plain(self, x: Symbol) -> float:
        """The number that a letter for a constant is."""
        return float(x.operands[0])

    def peak(self, x: tuple[Symbol, ...]) -> Symbol:
        """The largest of the operands, a number."""
        return Symbol("max(x)")


class _Primitives(_Symbols):
    """The same, with composite operations written out over primitives."""

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name in TABLE and not TABLE[name].primitive:
            value: Callable[..., Symbol] = TABLE[name].value
            return lambda *operands: value(self, *operands)
        return super().__getattr__(name)


SYMBOLS, PRIMITIVES = _Symbols(), _Primitives()


def operands_of(row: Row) -> list[Symbol]:
    """The letters of a row's operands, in order; where there can be any number, those of two (index 0).

    >>> operands_of(TABLE["hypot"]), operands_of(TABLE["dot"])
    ([a, b], [w1, w2, x1, x2, b])
    """
    names = {"*x": "x1 x2", "*x_i": "x1 x2 0", "*w_x_b": "w1 w2 x1 x2 b"}.get(row.operands[0])
    return [Symbol(name) for name in (names.split() if names else row.operands)]


# --- dialects: operation -> (template, how tightly it binds) -------------------------------------------------------

NEGATIVE, ATOM, LEAF = 4, 9, 18  # a sign binds as neg does; an atom needs no brackets but as a base; a leaf never
Dialect = dict[str, tuple[str, int]]

_OPERATORS: Dialect = {
    "where": ("{1} if {0} else {2}", 0),
    **{name: (f"{{}} {sign} {{}}", 1) for name, (sign, _) in COMPARISONS.items()},
    "is_zero": ("{} == 0", 1),
    "add": ("{} + {}", 2),
    "sub": ("{} - {}", 2),
    "mul": ("{} * {}", 3),
    "div": ("{} / {}", 3),
    "neg": ("-{}", 4),
}
TEXT: Dialect = {**_OPERATORS, **dict.fromkeys(("pow", "pow_const", "rpow_const"), ("{}**{}", 5))}
LATEX: Dialect = {
    **TEXT,
    "where": (r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}", ATOM),
    "is_zero": ("{} = 0", 1),
    "le": (r"{} \le {}", 1),
    "ge": (r"{} \ge {}", 1),
    "mul": (r"{} \cdot {}", 3),
    "div": (r"\frac{{{}}}{{{}}}", ATOM),
    **dict.fromkeys(("pow", "pow_const", "rpow_const"), ("{{{}}}^{{{}}}", 5)),
    "sqrt": (r"\sqrt{{{}}}", LEAF),
    "abs": (r"\left|{}\right|", LEAF),
    "sigmoid": (r"\sigma({})", ATOM),
    **{name: (rf"\{name}({{}})", ATOM) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{
        name: (rf"\operatorname{{{{{name}}}}}({{}})".replace("_", r"\_"), ATOM)
        for name in (
            "expm1",
            "log2",
            "log10",
            "log1p",
            "asin",
            "acos",
            "atan",
            "atan2",
            "asinh",
            "acosh",
            "atanh",
            "hypot",
            "erf",
            "erfc",
            "softplus",
            "relu",
            "leaky_relu",
            "elu",
            "gelu",
            "silu",
            "sign",
            "floor",
            "ceil",
            "trunc",
            "round",
            "maximum",
            "minimum",
            "clip",
        )
    },
}
# Python that may raise, with its own functions; and Python that never raises, with the float functions of the table.
_CALLED = [row.name for row in TABLE.values() if row.primitive and row.name not in _OPERATORS]
FAST: Dialect = {**_OPERATORS, **{name: (f"raw_{name}({{}})", ATOM) for name in _CALLED}}
SAFE: Dialect = {**_OPERATORS, **{name: (f"safe_{name}({{}})", ATOM) for name in ("div", *_CALLED)}}
# Tensors of other libraries. What is composite here and has a function of its own there is spelled as that, where the
# derivative written out would be lost at a point (|x| inside a sigmoid at 0) or drown in an infinity.
_POWERS = ("pow", "pow_const", "rpow_const")
TORCH: Dialect = {
    **_OPERATORS,
    **{name: (f"torch.{name}({{}})", ATOM) for name in (*_CALLED, "where", "sigmoid", "relu", "maximum", "minimum")},
    **dict.fromkeys(_POWERS, ("torch.pow({})", ATOM)),
    "softplus": ("torch.logaddexp({0}, torch.zeros_like({0}))", ATOM),
    "elu": ("torch.nn.functional.elu({})", ATOM),
    "clip": ("torch.clamp({})", ATOM),
}
JAX: Dialect = {
    **_OPERATORS,
    **{
        name: (f"jax.numpy.{TABLE[name].numpy}({{}})", ATOM)
        for name in (*_CALLED, "where", "maximum", "minimum", "clip")
    },
    **dict.fromkeys(_POWERS, ("jax.numpy.power({})", ATOM)),
    **{name: (f"jax.scipy.special.{name}({{}})", ATOM) for name in ("erf", "erfc")},
    **{name: (f"jax.nn.{name}({{}})", ATOM) for name in ("sigmoid", "relu", "softplus", "elu")},
}


def write(expression: Symbol | float | None, dialect: Dialect = TEXT, known: dict[int, str] | None = None) -> str:
    """The text of an expression in a dialect; brackets where, and only where, the dialect's binding asks for them.

    `known`: expressions (by id) that already have a name, which is then written instead.

    >>> x = Symbol("x")
    >>> write((x - 1) - (x + 1)), write(-(x * x)), write(1 / (x / 2), LATEX)
    ('x - 1 - (x + 1)', '-(x * x)', '\\\\frac{1}{\\\\frac{x}{2}}')
    """
    return _written(as_symbol(expression), dialect, known or {})[0]


def _written(symbol: Symbol | None, dialect: Dialect, known: dict[int, str]) -> tuple[str, int]:
    if symbol is None:
        return ("0" if dialect in (TEXT, LATEX) else "None"), LEAF
    if id(symbol) in known:
        return known[id(symbol)], LEAF
    if not symbol.op:
        return _letter(symbol.operands[0], dialect)
    template, binding = dialect.get(symbol.op, (symbol.op + "({})", LEAF))
    written = [_written(o, dialect, known) for o in symbol.operands]
    if template.endswith("({})") and template.count("{}") == 1:
        return template.format(", ".join(text for text, _ in written)), LEAF
    if binding >= ATOM:
        return template.format(*(text for text, _ in written)), binding
    raised = dialect is LATEX and "^" in template  # a raised exponent needs no brackets
    texts = [f"({text})" if inner < binding + _strictness(symbol.op, place) and not (raised and place) else text
             for place, (text, inner) in enumerate(written)]  # fmt: skip
    return template.format(*texts), binding


def _strictness(op: str, place: int) -> int:
    """1 where an operand that binds equally tightly needs brackets: right of + - * /, left of **, in comparisons."""
    if op.endswith(("pow", "pow_const")):
        return ATOM if place == 0 else -1  # the base: also a fraction; the exponent: a sign needs none
    if op in COMPARISONS or op == "is_zero":
        return 1
    if op == "where":
        return 1 if place < 2 else 0
    return 0 if op == "neg" else place


def _letter(text: str, dialect: Dialect) -> tuple[str, int]:
    """A letter or number; in the dialects for people without the .0 of whole numbers, and with ln 2 by name."""
    if dialect not in (TEXT, LATEX):
        return text, NEGATIVE if text.startswith("-") else LEAF
    try:
        number = float(text)
    except ValueError:
        return (_latex_name(text) if dialect is LATEX else text), LEAF
    size, sign = abs(number), "-" if number < 0 else ""
    if size in CONSTANTS:
        shown = CONSTANTS[size][dialect is LATEX]
    else:
        mantissa, _, exponent = f"{size:g}".partition("e")
        shown = mantissa + (rf" \cdot 10^{{{int(exponent)}}}" if exponent and dialect is LATEX else "")
        shown = f"{size:g}" if dialect is TEXT else shown
    if dialect is LATEX and r"\cdot" in shown:
        return sign + shown, 3  # a product
    return sign + shown, NEGATIVE if sign else LEAF


def _latex_name(name: str) -> str:
    if name in ("alpha", "lo", "hi"):
        return {"alpha": r"\alpha", "lo": r"\ell", "hi": "h"}[name]
    return name if len(name) == 1 or name == "…" else rf"\mathrm{{{name}}}".replace("_", r"\_")
