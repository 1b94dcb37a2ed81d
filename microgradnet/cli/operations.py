"""The command `ops`: THE table of operations, printed from its own rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microgradnet.display import Table

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
    from microgradnet.spelling import derivatives, written

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
    from microgradnet.spelling import derivatives, formula, written

    rows = [[row.name, written(row), row.doc, formula(row), "; ".join(derivatives(row))] for row in TABLE.values()]
    return Table(["operation", "written", "what it gives", "computed as", "derivatives"], rows)
