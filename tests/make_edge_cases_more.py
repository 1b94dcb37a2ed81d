"""Writes edge-cases-more.csv: rows for operations that edge-cases.csv lacks, by mpmath, in the same format.

python tests/make_edge_cases_more.py
"""

from __future__ import annotations

import csv
from pathlib import Path

from mpmath import mp, mpf

EDGES = {  # not a matter of digits: the limits, and nan
    "erfc": [("inf", 0.0, 0.0), ("-inf", 2.0, 0.0), ("nan", float("nan"), float("nan"))],
}
POINTS = {
    "erfc": [
        0.0, -0.0, 1000.0, -1000.0, -27.5, 27.5, -5.0, -3.0, -1.0, -0.3, 1e-300, 1e-9, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0,
        10.0, 20.0, 26.0,
    ],
}  # fmt: skip


def value_and_partial(op: str, x: float) -> tuple[float, float]:
    """The true numbers, rounded to double."""
    with mp.workdps(60):
        assert op == "erfc"
        return float(mp.erfc(mpf(x))), float(-2 / mp.sqrt(mp.pi) * mp.exp(-(mpf(x) ** 2)))


def main() -> None:
    """Write the file beside this one."""
    with (Path(__file__).parent / "edge-cases-more.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["op", "args", "value", "partials"])
        for op, edges in EDGES.items():
            writer.writerows([op, x, repr(value), repr(partial)] for x, value, partial in edges)
            for x in POINTS[op]:
                value, partial = value_and_partial(op, x)
                writer.writerow([op, repr(x), repr(value), repr(partial)])


if __name__ == "__main__":
    main()
