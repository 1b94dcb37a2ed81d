"""How an operation is written: a rule of the table, run on symbols, gives back the expression that it is.

One small printer writes it in any *dialect*, which is plain data: how operators and functions are spelled, how tightly
each binds, how a name and a number are written. Here are those that the engine itself is made with; the dialects for
people, for the page and for other libraries are in `dialects`.

    >>> from microgradnet.ops import TABLE
    >>> y, x = Symbol("y"), Symbol("x")
    >>> (slope,) = TABLE["sigmoid"].partials(SYMBOLS, y, x)
    >>> write(slope)
    'y * (1 - y)'
"""

from __future__ import annotations

from microgradnet.ops import COMPARISONS, LN2, LN10, SQRT2, SQRT_2PI, TABLE, TWO_OVER_SQRT_PI, Row

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = [
    "FAST", "PRIMITIVES", "SAFE", "SYMBOLS", "TEXT", "Dialect", "Symbol", "as_symbol", "operands_of", "operation",
    "write",
]  # fmt: skip


class Symbol:
    """A letter, a number or an operation on symbols: what remains of an expression when no number is put in.

    `op` is the name of a row or a comparison, or of any function; "" for a letter and for a number, whose only operand
    is then the text, or the number.

    >>> x = Symbol("x")
    >>> write((1 + x) * x)
    '(1 + x) * x'
    """

    __slots__ = ("op", "operands")

    def __init__(self, of: str | float, op: str = "", operands: tuple[Any, ...] = ()) -> None:
        self.op, self.operands = op, operands or (of,)

    @property
    def number(self) -> float | None:
        """The number that it is, or None."""
        return None if self.op or isinstance(self.operands[0], str) else self.operands[0]

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

    def __pow__(self, other: Any) -> Symbol:
        return operation("pow", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return operation("pow", other, self)

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


def operation(op: str, *operands: Any) -> Symbol:
    """The symbol of an operation; plain numbers become symbols."""
    return Symbol("", op, tuple(map(as_symbol, operands)))


def as_symbol(operand: Symbol | float | None) -> Symbol | None:
    """A plain number as a symbol; a symbol, and None (nothing is sent), as they are."""
    return operand if operand is None or isinstance(operand, Symbol) else Symbol(operand)


class _Symbols:
    """The functions of the table on symbols: `SYMBOLS.exp(x)`. Composite operations keep their name."""

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name not in TABLE and name != "is_zero":
            raise AttributeError(name)
        return lambda *operands: operation(name, *operands)

    def plain(self, x: Symbol) -> float:
        """The number that a letter for a constant is."""
        if (number := x.number) is None:
            raise TypeError(f"{x} stands where a plain number is needed")
        return number

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
    names: dict[str, tuple[str | float, ...]] = {
        "*x": ("x1", "x2"),
        "*x_i": ("x1", "x2", 0.0),
        "*w_x_b": ("w1", "w2", "x1", "x2", "b"),
    }
    return [Symbol(name) for name in names.get(row.operands[0], row.operands)]


# --- dialects -----------------------------------------------------------------------------------------------------

NEGATIVE, ATOM, LEAF = 4, 9, 18  # a sign binds as neg does; an atom needs no brackets but as a base; a leaf never


def python_number(x: float) -> tuple[str, int]:
    """A number as Python writes it, and how tightly it binds."""
    return repr(x), NEGATIVE if repr(x).startswith("-") else LEAF


class Dialect:
    """One language: plain data that `write` reads.

    operators: operation to (template, how tightly it binds); operands are put in the template's `{}`, in brackets
               where they bind less tightly
    functions: operation to the name that it is called by; what is in neither is called by `function` of its own name
    called:    how a call is written, `{}({})`, from the name and the operands between which `between` stands
    prime:     what is put behind a name for each ' at the end of an operation's name (sigmoid')
    letter:    writes a name, and escapes what the language would not take as it is
    number:    writes a number; how tightly it binds
    nothing:   what None is, a derivative that is not sent
    brackets:  a template, too
    beside:    how a product is written whose factors may simply stand side by side (`w5 h1`); "" where none may
    raised:    whether an exponent is raised, so that it needs no brackets

    >>> x = Symbol("x")
    >>> write(2 * x**2, TEXT), write(2 * x**2, TEXT.but(operators={**TEXT.operators, "pow": ("{}^{}", 5)}))
    ('2 * x**2', '2 * x^2')
    """

    __slots__ = (
        "beside", "between", "brackets", "called", "function", "functions", "letter", "nothing", "number", "operators",
        "prime", "raised",
    )  # fmt: skip

    def __init__(
        self,
        operators: Mapping[str, tuple[str, int]],
        functions: Mapping[str, str],
        *,
        called: str = "{}({})",
        between: str = ", ",
        prime: str = "'",
        function: Callable[[str], str] = str,
        letter: Callable[[str], str] = str,
        number: Callable[[float], tuple[str, int]] = python_number,
        nothing: str = "None",
        brackets: str = "({})",
        beside: str = "",
        raised: bool = False,
    ) -> None:
        self.operators, self.functions, self.function, self.called = operators, functions, function, called
        self.between, self.prime, self.letter, self.number, self.nothing = between, prime, letter, number, nothing
        self.brackets, self.beside, self.raised = brackets, beside, raised

    def __contains__(self, op: str) -> bool:
        return op in self.operators or op in self.functions

    def but(self, **changes: Any) -> Dialect:
        """The same with these changes."""
        return Dialect(**{slot: getattr(self, slot) for slot in self.__slots__} | changes)


OPERATORS: dict[str, tuple[str, int]] = {
    "where": ("{1} if {0} else {2}", 0),
    **{name: (f"{{}} {sign} {{}}", 1) for name, (sign, _) in COMPARISONS.items()},
    "is_zero": ("{} == 0", 1),
    "add": ("{} + {}", 2),
    "sub": ("{} - {}", 2),
    "mul": ("{} * {}", 3),
    "div": ("{} / {}", 3),
    "neg": ("-{}", 4),
}
POWERS = ("pow", "pow_const", "rpow_const")
CONSTANTS = {
    LN2: "ln 2",
    LN10: "ln 10",
    SQRT2: "sqrt(2)",
    TWO_OVER_SQRT_PI: "(2/sqrt(pi))",
    SQRT_2PI: "sqrt(2 pi)",
}


def short_number(x: float) -> tuple[str, int]:
    """A number as people write it, six digits, without the .0 of whole numbers, and with ln 2 by name.

    >>> short_number(2.0), short_number(-0.25), short_number(LN2)
    (('2', 18), ('-0.25', 4), ('ln 2', 18))
    """
    sign = "-" if x < 0 else ""
    return sign + CONSTANTS.get(abs(x), f"{abs(x):g}"), NEGATIVE if sign else LEAF


TEXT = Dialect(
    {**OPERATORS, **dict.fromkeys(POWERS, ("{}**{}", 5))}, {}, number=short_number, nothing="0"
)  # a text that is Python, for people
# Python that may raise, with its own functions; and Python that never raises, with the float functions of the table.
CALLED = [row.name for row in TABLE.values() if row.primitive and row.name not in OPERATORS]
FAST = Dialect(OPERATORS, {name: f"raw_{name}" for name in CALLED})
SAFE = Dialect(
    {op: spelled for op, spelled in OPERATORS.items() if op != "div"},
    {name: f"safe_{name}" for name in ("div", *CALLED)},
)


def write(expression: Symbol | float | None, dialect: Dialect = TEXT, known: dict[int, str] | None = None) -> str:
    """The text of an expression in a dialect; brackets where, and only where, the dialect's binding asks for them.

    `known`: expressions (by id) that already have a name, which is then written instead. Of any depth; a part that is
    used twice is written twice.

    >>> x = Symbol("x")
    >>> write((x - 1) - (x + 1)), write(-(x * x)), write((-x) ** 2)
    ('x - 1 - (x + 1)', '-(x * x)', '(-x)**2')
    """
    root = as_symbol(expression)
    known = known or {}
    written: dict[int, tuple[str, int]] = {}
    waiting = [root]
    while waiting:
        symbol = waiting[-1]
        if symbol is None or id(symbol) in known or not symbol.op:
            written[id(symbol)] = _leaf(symbol, dialect, known)
        elif missing := [o for o in symbol.operands if id(o) not in written]:
            waiting += reversed(missing)
            continue
        else:
            written[id(symbol)] = _operation(symbol, [written[id(o)] for o in symbol.operands], dialect)
        waiting.pop()
    return written[id(root)][0]


def _leaf(symbol: Symbol | None, dialect: Dialect, known: dict[int, str]) -> tuple[str, int]:
    if symbol is None:
        return dialect.nothing, LEAF
    if id(symbol) in known:
        return known[id(symbol)], LEAF
    (of,) = symbol.operands
    return (dialect.letter(of), LEAF) if isinstance(of, str) else dialect.number(of)


def _operation(symbol: Symbol, operands: list[tuple[str, int]], dialect: Dialect) -> tuple[str, int]:
    op = symbol.op
    if op not in dialect.operators:
        base = op.rstrip("'")
        name = (dialect.functions.get(base) or dialect.function(base)) + dialect.prime * (len(op) - len(base))
        return dialect.called.format(name, dialect.between.join(text for text, _ in operands)), LEAF
    template, binding = dialect.operators[op]
    if binding >= ATOM:
        return template.format(*(text for text, _ in operands)), binding
    bare = [inner >= binding + _strictness(op, place) or (dialect.raised and op in POWERS and place == 1)
            for place, (_, inner) in enumerate(operands)]  # fmt: skip
    texts = [text if stands else dialect.brackets.format(text)
             for (text, _), stands in zip(operands, bare, strict=True)]  # fmt: skip
    if op == "mul" and dialect.beside and _side_by_side(symbol, bare[1]):
        template = dialect.beside
    return template.format(*texts), binding


def _strictness(op: str, place: int) -> int:
    """1 where an operand that binds equally tightly needs brackets: right of + - * /, left of **, in comparisons."""
    if op in POWERS:
        return ATOM if place == 0 else -1  # the base: also a fraction; the exponent: a sign needs none
    if op in COMPARISONS or op == "is_zero":
        return 1
    if op == "where":
        return 1 if place < 2 else 0
    return 0 if op == "neg" else place


def _side_by_side(product: Symbol, bare: bool) -> bool:
    """Whether the factors can stand beside each other: the right one is a name or in brackets, the left no fraction,
    and a call only before a bracket. `bare`: the right one is not in brackets."""
    left, right = product.operands
    while left.op in ("mul", "neg"):
        left = left.operands[-1]
    base = right.operands[0] if right.op in POWERS else right
    named = not bare or (not base.op and base.number is None) or (base is not right and base.op in OPERATORS)
    if left.op == "div" or not named:
        return False
    return not left.op or left.op in OPERATORS or left.op in POWERS or not bare
