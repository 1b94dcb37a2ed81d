"""A row of the table as the text of methods of `Value`: the arithmetic, the partials, and the new Value, in one piece.

The text names `Value`, `Condition`, `number` and `new`, which `value` puts in its namespace. To read what runs:

    >>> from microgradnet.ops import TABLE
    >>> print(method_source(TABLE["exp"]))
    def exp(self):
        x = self.data
        try:
            y = raw_exp(x)
            d_x = y
        except (ArithmeticError, ValueError):
            y = floats.exp(x)
            d_x, = partials['exp'](y, x)
        node = new(Value)
        node.data = y
        node.grad = 0.0
        node.label = None
        node.op = 'exp'
        node.a = self
        node.da = d_x
        node.b = None
        node.db = None
        return node
    <BLANKLINE>
"""

from __future__ import annotations

from microgradnet.notation import attempt, function_source, rule

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from microgradnet.ops import Row

__all__ = ["OTHER_UFUNCS", "comparison_source", "method_source"]

# NumPy's functions that are no row of the table, over Python's operators.
OTHER_UFUNCS: dict[str, Callable[..., Any]] = {
    "power": lambda a, b: a**b,
    "float_power": lambda a, b: a**b,
    "true_divide": lambda a, b: a / b,
    "positive": lambda x: x,
    "fabs": abs,
    "conjugate": lambda x: x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "exp2": lambda x: 2.0**x,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "isnan": lambda x: x.data != x.data,
    "isinf": lambda x: abs(x.data) == float("inf"),
    "isfinite": lambda x: x.data - x.data == 0.0,
}


def _made(op: str, a: str, da: str, b: str = "None", db: str = "None") -> list[str]:
    """Lines that make and return the new Value."""
    fields = {"data": "y", "grad": "0.0", "label": "None", "op": repr(op), "a": a, "da": da, "b": b, "db": db}
    return ["node = new(Value)", *(f"node.{field} = {text}" for field, text in fields.items()), "return node"]


def _computed(row: Row, value: dict[str, Any], partials: dict[str, Any]) -> list[str]:
    """Lines that compute a row's result and these of its partials; where Python raises, by the functions on floats."""
    operands = ", ".join(row.operands)
    places = [f"d_{name}" for name in row.operands]
    return attempt(value | partials, [
        f"y = floats.{row.name}({operands})", f"{', '.join(places)}, = partials[{row.name!r}](y, {operands})"
    ])  # fmt: skip


def method_source(row: Row) -> str:
    """The method of a row of one or two operands, and for two the reflected one (a number on the left)."""
    value, partials = rule(row)
    if len(row.operands) == 1:
        (x,), (d_x,) = row.operands, partials
        return function_source(row.name, ["self"], [f"{x} = self.data", *_computed(row, value, partials),
                                                    *_made(row.name, "self", d_x)])  # fmt: skip
    (a, b), (d_a, d_b) = row.operands, partials
    to_number = ["if other.__class__ is not float:", "    other = number(other)",
                 "    if other is NotImplemented:", "        return NotImplemented"]  # fmt: skip
    both = [f"{b} = other.data", *_computed(row, value, partials), *_made(row.name, "self", d_a, "other", d_b)]
    right = [*to_number, f"{b} = other", *_computed(row, value, {d_a: partials[d_a]}),
             *_made(row.name, "self", d_a, "other")]  # fmt: skip
    left = [*to_number, f"{a} = other", f"{b} = self.data", *_computed(row, value, {d_b: partials[d_b]}),
            *_made(row.name, "other", "None", "self", d_b)]  # fmt: skip
    text = ""
    if a not in row.constants:
        if not row.constants:
            right = ["if other.__class__ is Value:", *("    " + line for line in both), *right]
        text += function_source(row.name, ["self", "other"], [f"{a} = self.data", *right])
    if b not in row.constants:
        text += function_source("reflected_" + row.name, ["self", "other"], left)
    return text


def comparison_source(op: str, sign: str) -> str:
    """The method of a comparison."""
    return function_source(
        op, ["self", "other"],
        ["b = other.data if other.__class__ is Value else number(other)",
         "if b is NotImplemented:", "    return NotImplemented",
         f"return Condition({op!r}, self, other if other.__class__ is Value else b, self.data {sign} b)"],
    )  # fmt: skip
