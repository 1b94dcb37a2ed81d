"""The worst errors of the table of operations against mpmath, in units of the last place (ulp).

    python tests/worst_ulp.py            # the ten worst of every operation's value and partials
    python tests/worst_ulp.py 1500 40    # of 1500 points a family, the 40 worst

Points are log-spaced, of both signs, over the whole range where the result is a normal number (`oracles.FAMILIES`).
sigmoid', tanh' and softmax' are the textbook's formulas of their own output: their absolute error is listed apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # so that it runs from anywhere in a checkout, installed or not
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from oracles import FAMILIES, Error, errors, points

from microgradnet.rules import FLOATS, PARTIALS


def worst_of(op: str, count: int) -> dict[tuple[str, bool, float], Error]:
    """The worst error of each quantity of an operation, for every size that is allowed."""
    worst: dict[tuple[str, bool, float], Error] = {}
    for x in points(op, count):
        value = getattr(FLOATS, op)(*x)
        for error in errors(op, x, value, PARTIALS[op](value, *x)):
            key = (error.quantity, error.absolute, error.allowed)
            if key not in worst or error.size > worst[key].size:
                worst[key] = error
    return worst


def table(title: str, unit: str, found: list[Error]) -> str:
    """Lines of op | quantity | x | error."""
    lines = [title, f"{'op':12}{'quantity':10}{unit:>10}{'allowed':>10}   x"]
    for e in found:
        at = ", ".join(f"{v:.6g}" for v in e.x)
        lines.append(f"{e.op:12}{e.quantity:10}{e.size:10.3g}{e.allowed:10.3g}   {at}")
    return "\n".join(lines)


def main(count: int = 300, shown: int = 10) -> None:
    """Print the two tables."""
    found = [error for op in FAMILIES for error in worst_of(op, count).values()]
    found.sort(key=lambda e: -e.size)
    relative, absolute = [e for e in found if not e.absolute], [e for e in found if e.absolute]
    print(table(f"The {shown} worst of {len(relative)} quantities ({count} points a family)", "ulp", relative[:shown]))
    print()
    print(table("Measured absolutely", "error", absolute))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
