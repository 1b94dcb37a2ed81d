"""How a row of the table is shown to people: written with its operands, what it is computed as, its derivatives."""

from __future__ import annotations

from typing import Any

from microgradnet.notation import SYMBOLS, Symbol, operands_of, write
from microgradnet.ops import Row

__all__ = ["derivatives", "formula", "written"]


def written(row: Row) -> str:
    """How people write the operation.

    >>> from microgradnet.ops import TABLE
    >>> [written(TABLE[name]) for name in ("add", "neg", "sigmoid", "pow_const", "maximum", "dot")]
    ['a + b', '-x', 'σ(x)', 'x**c', 'max(a, b)', 'w · x + b']
    """
    operands, symbol = row.operands, row.symbol
    if row.name == "dot":
        return "w · x + b"
    if row.variadic:
        return f"{symbol}(x1, …{', i' if row.operands[0].endswith('_i') else ''})"
    if symbol.isalnum() or "_" in symbol:
        return f"{symbol}({', '.join(operands)})"
    if len(operands) == 1:
        return symbol + operands[0]
    return f" {symbol} ".join(operands) if symbol != "**" else "**".join(operands)


def formula(row: Row) -> str:
    """How a composite operation of a fixed number of operands is computed; "" for the others.

    >>> from microgradnet.ops import TABLE
    >>> formula(TABLE["silu"]), formula(TABLE["exp"])
    ('x * sigmoid(x)', '')
    """
    if row.primitive or row.variadic:
        return ""
    value: Any = row.value
    text = write(value(SYMBOLS, *operands_of(row)))
    return "" if text == written(row) else text


def derivatives(row: Row) -> list[str]:
    """The rule of the row as text, one derivative per operand.

    >>> from microgradnet.ops import TABLE
    >>> derivatives(TABLE["sigmoid"]), derivatives(TABLE["mul"])
    (['∂y/∂x = y * (1 - y)'], ['∂y/∂a = b', '∂y/∂b = a'])
    """
    letters = operands_of(row)
    pairs = zip(map(write, letters), row.partials(SYMBOLS, Symbol("y"), *letters), strict=True)
    return [
        f"∂y/∂{name} = {write(partial)}" for name, partial in pairs if name.isidentifier() and name not in row.constants
    ]
