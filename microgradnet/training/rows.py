"""The rows of `fit`: samples and targets as plain floats, checked row by row, and which are kept to measure on."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["Pair", "chosen_rows", "own_validation", "pairs"]

Pair: TypeAlias = "tuple[list[float], float | list[float]]"  # a sample and its target


def pairs(X: Any, y: Any, whose: str) -> list[Pair]:
    """X and y as plain floats, row by row: as many rows as targets, rows of equal length, finite numbers."""
    rows = [_row(row, f"{whose}X", i) for i, row in enumerate(_listed(X, f"{whose}X"))]
    targets = [_row(row, f"{whose}y", i) for i, row in enumerate(_listed(y, f"{whose}y"))]
    if len(rows) != len(targets) or not rows:
        raise InputError(
            f"fit: {whose}X has {len(rows)} rows and {whose}y has {len(targets)}; give one target per row, at least one"
        )
    for what, table in (("X", rows), ("y", targets)):
        for i, row in enumerate(table):
            if len(row) != len(table[0]):
                raise InputError(
                    f"fit: row {i} of {whose}{what} has {len(row)} numbers and row 0 has {len(table[0])}; "
                    "give all the same number"
                )
    return [(x, t[0] if len(t) == 1 else t) for x, t in zip(rows, targets, strict=True)]


def _listed(table: Any, what: str) -> list[Any]:
    if hasattr(table, "to_numpy"):  # a data frame, which iterates over its column names
        table = table.to_numpy()
    if hasattr(table, "tolist"):
        table = table.tolist()
    if isinstance(table, (str, bytes, dict)) or not isinstance(table, Iterable):
        raise TypeError(f"fit: {what} must be a list of rows or an array, got {type(table).__name__} {table!r:.60}")
    return list(table)


def _row(row: Any, what: str, i: int) -> list[float]:
    """A row as a list of floats; a single number is a row of one."""
    if isinstance(row, (str, bytes)) or not hasattr(row, "__len__") or getattr(row, "ndim", 1) == 0:
        row = [row]
    numbers = []
    for j, given in enumerate(row):
        if isinstance(given, (str, bytes, Value)) or not hasattr(given, "__float__"):
            raise TypeError(
                f"fit: row {i}, column {j} of {what} must be a number, got {type(given).__name__} {given!r:.60}"
            )
        try:
            number = float(given)
        except OverflowError:  # a whole number beyond 1.8e308
            number = math.inf
        if not math.isfinite(number):
            raise InputError(f"fit: row {i}, column {j} of {what} is {number}; leave the row out or put a number in")
        numbers.append(number)
    return numbers


def own_validation(given: Sequence[Any]) -> list[Pair]:
    """The pairs of `(X, y)`. InputError for anything else."""
    if len(given) != 2:
        raise InputError(f"fit: validation must be a part such as 0.25, or (X, y), got {len(given)} things")
    return pairs(given[0], given[1], "validation ")


def chosen_rows(n_rows: int, part: float | None, source: random.Random) -> set[int]:
    """The numbers of the rows that are kept for validation."""
    if part is None:
        return set()
    if isinstance(part, bool) or not isinstance(part, (int, float)):
        raise TypeError(f"fit: validation must be a part such as 0.25, or (X, y), got {type(part).__name__}")
    if not 0.0 < part < 1.0:
        raise InputError(f"fit: validation must be a part between 0 and 1, such as 0.25, got {part}")
    n = round(part * n_rows)
    if not 0 < n < n_rows:
        raise InputError(f"fit: {part} of {n_rows} rows leaves one part empty; give more rows or another part")
    return set(source.sample(range(n_rows), n))
