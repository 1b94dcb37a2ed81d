"""The languages of plain numbers: how Python with its `math`, and numba, spell what a plan of single numbers does.

Python's functions raise where IEEE 754 has an infinity or nan; who runs such a text runs it again safely then. numba's
do not. What a language has no function for it has a helper for, a short function that the text begins with.

    >>> from microgradnet.notation import SYMBOLS, write
    >>> x = Symbol("x")
    >>> print(write(SYMBOLS.where(operation("and", x > 0, x < 2), SYMBOLS.exp(-x), 1 / x), PYTHON.dialect))
    exp(-x) if x > 0.0 and x < 2.0 else 1.0 / x
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from microgradnet.compiler.arrays import elementwise
from microgradnet.compiler.languages.names import RESERVED
from microgradnet.compiler.plan import Node
from microgradnet.notation import OPERATORS, POWERS, Dialect, Symbol, operation, python_number, write

__all__ = ["NUMBA", "PYTHON", "Scalars", "is_equality", "read_by"]


# --- nodes as symbols -------------------------------------------------------------------------------------------------


def read_by(node: Node) -> Sequence[Node]:
    """The single numbers that a node reads, those of a stack one by one.

    >>> from microgradnet.compiler.arrays import argument, choose, expand, stack
    >>> a, b, i = argument("a", ()), argument("b", ()), argument("i", ())
    >>> read_by(choose(stack([expand(a, (1,)), expand(b, (1,))]), i)) == [i, a, b]
    True
    """
    if node.op in ("choose", "peak"):
        row, *others = node.operands
        return [*others, *(part.operands[0] for part in (row.operands if row.op == "stack" else (row,)))]
    return node.operands[0].operands if is_equality(node) else node.operands


def is_equality(node: Node) -> bool:
    """Whether it asks if two numbers are equal: a <= b and a >= b."""
    return (
        node.op == "and"
        and [o.op for o in node.operands] == ["le", "ge"]
        and node.operands[0].operands == node.operands[1].operands
    )


LONGEST_TUPLE = 30  # a longer one is built from a list, which numba does not take


# --- languages --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scalars:
    """A language of plain numbers.

    dialect:    how expressions are written
    imports:    for a name that the text may call, the line that imports it
    helpers:    for such a name, the text of a function that is written before the others, and what it calls
    joint:      what stands between the places of an index
    row:        a template: how numbers are returned together
    unpacks:    whether a row can be assigned to as many names
    decorator:  stands above every function
    always:     lines that every text begins with
    repeated:   how often the text of an operation holds that of its operand, if not once
    """

    name: str
    dialect: Dialect
    imports: Mapping[str, str]
    helpers: Mapping[str, tuple[str, tuple[str, ...]]]
    joint: str
    row: str
    unpacks: bool
    decorator: str = ""
    always: tuple[str, ...] = ()
    repeated: Mapping[str, int] = field(default_factory=dict)

    @property
    def reserved(self) -> frozenset[str]:
        """Names that nothing else may have."""
        return RESERVED | {*self.imports, *self.helpers, "e"}

    def item(self, array: str, place: Sequence[int]) -> str:
        """How one number of an array is read.

        >>> PYTHON.item("X", (1, 0)), NUMBA.item("X", (1, 0)), NUMBA.item("x[i]", (1,))
        ('X[1][0]', 'X[1, 0]', 'x[i, 1]')
        """
        if self.joint == ", " and array.endswith("]"):
            return f"{array[:-1]}, {self.joint.join(map(str, place))}]"
        return f"{array}[{self.joint.join(map(str, place))}]"

    def symbol(self, node: Node, operands: Sequence[Symbol]) -> Symbol:
        """The symbol of a node, from those of what it reads."""
        if node.op in ("choose", "peak"):
            before, values = (operands[:1], operands[1:]) if node.op == "choose" else ((), operands)
            texts = [write(value, self.dialect) for value in values]
            row = (
                f"({', '.join(texts)}{',' * (len(texts) == 1)})"
                if len(texts) <= LONGEST_TUPLE
                else self.row.format(", ".join(texts))
            )
            return operation(node.op, *before, Symbol(row))
        return operation("equal" if is_equality(node) else node.op, *operands)

    @property
    def spelled(self) -> frozenset[str]:
        """Operations of the table that need not be written out."""
        return frozenset({*self.dialect.operators, *self.dialect.functions})

    def rule(self, node: Node, operands: tuple[Node, ...]) -> Node | None:
        """What is written in the place of a node: a square is a product."""
        if node.op in POWERS and operands[1].number in (1.0, 2.0):
            return operands[0] if operands[1].number == 1.0 else elementwise("mul", operands[0], operands[0])
        return None

    def repeats(self, op: str) -> int:
        """How often the text of this operation holds that of its operand."""
        return self.repeated.get(op, 1)

    def overhead(self, op: str, operands: int) -> int:
        """About how many letters the text of an operation has beside its operands."""
        if op in self.dialect.operators:
            return len(self.dialect.operators[op][0].format(*[""] * operands)) + 2
        return len(self.dialect.functions.get(op, op)) + 2 * operands

    def called(self, nodes: Iterable[Node]) -> frozenset[str]:
        """The names of functions and constants that these nodes need."""
        found: set[str] = set()
        for node in nodes:
            if node.op == "number" and not math.isfinite(node.detail):
                found.add("nan" if node.detail != node.detail else "inf")
            elif node.op in self.dialect.operators:
                found.update(_INSIDE.get(node.op, ()))
            else:
                found.add(self.dialect.functions.get(node.op, ""))
        return frozenset(found & {*self.imports, *self.helpers})

    def head(self, calls: Iterable[str]) -> list[str]:
        """The lines of imports, as one text, and the helpers."""
        needed, waiting = set(), list(calls)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self.helpers[name][1] if name in self.helpers else []
        lines = {self.imports[name] for name in needed if name in self.imports}
        of_math = sorted(line.removeprefix(_FROM_MATH) for line in lines if line.startswith(_FROM_MATH))
        plain = sorted(line for line in lines if not line.startswith(_FROM_MATH))
        imports = plain + [_FROM_MATH + ", ".join(of_math)] * bool(of_math)
        blocks = ["\n".join(block) for block in (imports, self.always) if block]
        helpers = [self.decorated(text) for name, (text, _) in self.helpers.items() if name in needed]
        return ["\n\n".join(blocks)] * bool(blocks) + helpers

    def decorated(self, text: str) -> str:
        """A function with what stands above it."""
        return f"{self.decorator}\n{text}" if self.decorator else text


def _number(x: float) -> tuple[str, int]:
    """As Python writes it; inf and nan are names."""
    return python_number(float(x))


_FROM_MATH = "from math import "
_SIGMOID = "1.0 / (1.0 + exp(-{0})) if {0} >= 0.0 else (e := exp({0})) / (1.0 + e)"
_INSIDE = {"sigmoid": ("exp",)}
_LOGIC = {
    "where": ("{1} if {0} else {2}", -2),
    "or": ("{} or {}", -1),
    "and": ("{} and {}", 0),
    "not": ("not {}", 0),
    "truth": ("{} != 0.0", 1),
    "equal": ("{} == {}", 1),
}
_IN_MATH = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "erf", "erfc", "pow",
)  # fmt: skip
_NAMES = {
    **{name: name for name in _IN_MATH}, **dict.fromkeys(POWERS, "pow"), "abs": "abs", "sign": "sign", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "round": "rint", "peak": "largest", "choose": "take",
}  # fmt: skip

_LARGEST = """\
def largest(x):
    peak = x[0]
    for v in x:
        if v > peak or v != v:  # nan, if one of them is
            peak = v
    return peak
"""
_TAKE = """\
def take(index, values):
    if not (index == index // 1 and 0 <= index < len(values)):
        raise IndexError({message})
    return values[int(index)]
"""
_TOLD = 'f"take: index {index:g} is not a whole number from 0 to {len(values) - 1}"'
_WHOLE = "def {0}(x):\n    return math.copysign({1}(x), x)\n"

PYTHON = Scalars(
    "python",
    Dialect({**OPERATORS, **_LOGIC, "sigmoid": (_SIGMOID, -2)}, _NAMES, number=_number),
    {**{name: _FROM_MATH + name for name in (*_IN_MATH, "inf", "nan")}, "math": "import math"},
    {
        "sign": ("def sign(x):\n    return x if x != x else float((x > 0.0) - (x < 0.0))\n", ()),
        "floor": (_WHOLE.format("floor", "math.floor"), ("math",)),
        "ceil": (_WHOLE.format("ceil", "math.ceil"), ("math",)),
        "trunc": (_WHOLE.format("trunc", "math.trunc"), ("math",)),
        "rint": (_WHOLE.format("rint", "round"), ("math",)),
        "largest": (_LARGEST, ()),
        "take": (_TAKE.format(message=_TOLD), ()),
    },
    "][",
    "[{}]",
    unpacks=True,
    repeated={"sigmoid": 4},
)


_STABLE = """\
def sigmoid(x):
    e = exp(-abs(x))  # never overflows
    return (1.0 if x >= 0.0 else e) / (1.0 + e)
"""
_IN_NUMPY = {"sign": "np.sign", "floor": "np.floor", "ceil": "np.ceil", "trunc": "np.trunc", "round": "np.rint"}
NUMBA = Scalars(
    "numba",
    Dialect({**OPERATORS, **_LOGIC}, {**_NAMES, **_IN_NUMPY, "sigmoid": "sigmoid"}, number=_number),
    {name: _FROM_MATH + name for name in (*_IN_MATH, "inf", "nan")},
    {
        "sigmoid": (_STABLE, ("exp",)),
        "largest": (_LARGEST, ()),
        "take": (_TAKE.format(message='"take: the index is not a whole number from 0, or too large"'), ()),
    },
    ", ",
    "np.array([{}])",
    unpacks=False,
    decorator='@njit(error_model="numpy")',
    always=("import numpy as np", "from numba import njit"),
)
