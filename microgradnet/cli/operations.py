"""The command `ops`: THE table of operations, printed from its own rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microgradnet.display import Table
    from microgradnet.ops import Row

PAGE = """# The table of operations

Printed from the table itself by `microgradnet ops --markdown`. y is the operation's own result; `a if c else b` is `a`
where the condition c holds and `b` elsewhere. A derivative of 0 may also mean that nothing is sent at all (where
`relu`, `maximum`, `where`, `clip` and `take` do not select an operand), so that a nan or an infinity there does no
harm. An operand that is always a plain number, such as the c of `x**c`, has no derivative. Operations of any number
of operands are written for two (`take` and `softmax`: for the place 0).

"""

ROOM = 44
"""Columns that a terminal of 80 has for the derivatives."""


def add(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "ops",
        help="the table of operations and their derivatives",
        description="Print every operation: its name, how it is written, what it gives, its derivatives. In the "
        "formulas y is the operation's own result, and 0 stands also where nothing is sent.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("--markdown", action="store_true", help="print the documentation's page")


def _run(args: argparse.Namespace) -> int:
    from microgradnet.display import markdown, print_table

    if args.markdown:
        print(PAGE + markdown(page()))
    else:
        print_table(screen())
    return 0


def screen() -> Table:
    """The table for a terminal: what the operation gives, and below it the derivatives."""
    from microgradnet.display import Table
    from microgradnet.ops import TABLE

    rows = []
    for row in TABLE.values():
        each = derivatives(row)
        together = ", ".join(each)
        rows.append([row.name, written(row), row.doc])
        rows += [["", "", line] for line in ([together] if len(together) <= ROOM else each)]
    return Table(["operation", "written", "what it gives, and its derivatives"], rows)


def page() -> Table:
    """The table for the documentation: one row per operation, and how composite operations are computed."""
    from microgradnet.display import Table
    from microgradnet.ops import TABLE

    rows = [[row.name, written(row), row.doc, formula(row), "; ".join(derivatives(row))] for row in TABLE.values()]
    return Table(["operation", "written", "what it gives", "computed as", "derivatives"], rows)


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
    from microgradnet.notation import SYMBOLS, operands_of, write

    value: Any = row.value
    text = write(value(SYMBOLS, *operands_of(row)))
    return "" if text == written(row) else text


def derivatives(row: Row) -> list[str]:
    """The rule of the row as text, one derivative per operand.

    >>> from microgradnet.ops import TABLE
    >>> derivatives(TABLE["sigmoid"]), derivatives(TABLE["mul"])
    (['∂y/∂x = y * (1 - y)'], ['∂y/∂a = b', '∂y/∂b = a'])
    """
    from microgradnet.notation import SYMBOLS, Symbol, operands_of, write

    letters = operands_of(row)
    pairs = zip(map(write, letters), row.partials(SYMBOLS, Symbol("y"), *letters), strict=True)
    return [
        f"∂y/∂{name} = {write(partial)}" for name, partial in pairs if name.isidentifier() and name not in row.constants
    ]
