"""What is to be learnt from a sheet, and from which of its rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from microgradnet.display import Shown, Table, digits, exact
from microgradnet.errors import InputError
from microgradnet.sheet import Sheet, as_number, listed

__all__ = ["Problem", "problem", "split", "transposed"]


@dataclass(frozen=True, repr=False)
class Problem(Shown):
    """What is to be learnt from a sheet: `y` from the rows of `X`.

    `classes` are the names of the classes in order and `y` their numbers, counted from 0; without classes `y` is the
    target itself (a regression). `note` is what a reader should know about the choice.
    """

    path: str
    inputs: tuple[str, ...]
    target: str
    X: list[list[float]]
    y: list[float]
    classes: tuple[str, ...] = ()
    note: str = ""

    def table(self) -> Table:
        rows = [[self.target, "target", self._about_target()]]
        rows += [[name, "input", _range(column)] for name, column in zip(self.inputs, transposed(self.X), strict=True)]
        title = f"DATA  {self.path}: {len(self.X)} rows"
        return Table(["column", "as", "what it holds"], rows, title=title, notes=[self.note] if self.note else [])

    def data(self) -> dict[str, Any]:
        return {
            "file": self.path,
            "rows": len(self.X),
            "target": self.target,
            "inputs": list(self.inputs),
            "classes": self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        counts = Counter(self.y)
        return {name: counts[number] for number, name in enumerate(self.classes)}

    def _about_target(self) -> str:
        if not self.classes:
            return _range(self.y)
        counts = [f"{name} ({count})" for name, count in self._counts().items()]
        return f"{len(self.classes)} classes: {listed(counts)}"


def problem(
    sheet: Sheet,
    target: str,
    *,
    inputs: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    classes: bool = False,
) -> Problem:
    """What `target` is learnt from: the columns `inputs`, or all others but those of `ignore`; inputs are numbers.

    A target of texts means classes, so does one of only 0 and 1; other numbers are numbers to be met, unless `classes`
    says that each different one is a class. InputError for columns that do not fit, and for nothing to tell apart.
    """
    sheet.check_columns([target, *(inputs or ()), *ignore])
    chosen = [c for c in (sheet.columns if inputs is None else inputs) if c not in ignore]
    if inputs is None:
        chosen = [c for c in chosen if c != target]
    elif target in chosen:
        raise InputError(f"{sheet.path}: column {target!r} is the target, and cannot be an input too; leave it out")
    if not chosen:
        raise InputError(f"{sheet.path}: no column is left to learn {target!r} from; the file needs one more")
    for column in chosen:
        if chosen.count(column) > 1:
            raise InputError(f"{sheet.path}: column {column!r} is given twice as an input; name it once")
    labels = _labels(sheet, target, classes)
    X = [list(row) for row in zip(*map(sheet.numbers, chosen), strict=True)]
    found = Problem(sheet.path, tuple(chosen), target, X, [])
    if labels is None:
        return _regression(found, sheet.numbers(target))
    return _classification(found, labels)


def _labels(sheet: Sheet, target: str, forced: bool) -> list[str] | None:
    """The class of every row as text, None if the target is a number to be met."""
    cells = sheet.texts(target)
    texts = [i for i, cell in enumerate(cells) if as_number(cell, sheet.decimal_comma) is None]
    if not texts:
        numbers = sheet.numbers(target)
        return [exact(number) for number in numbers] if forced or set(numbers) <= {0.0, 1.0} else None
    if not forced and 2 * len(texts) < len(cells):
        what = f"is {cells[texts[0]]!r:.60}, no number, and most of the column is numbers; correct it"
        raise sheet.error(texts[0], target, f"{what}, or, if the column names classes, add --classes")
    return cells


def _regression(found: Problem, y: list[float]) -> Problem:
    different = len(set(y))
    if different == 1:
        raise InputError(
            f"{found.path}: column {found.target!r} is {exact(y[0])} in every row; there is nothing to learn, "
            "choose another target"
        )
    few = different <= 10 and 3 * different <= len(y) and all(number.is_integer() for number in y)
    note = f"{found.target} has only {different} different numbers: if they are classes, add --classes" if few else ""
    return replace(found, y=y, note=note)


def _classification(found: Problem, labels: list[str]) -> Problem:
    names = set(labels)
    if len(names) == 1:
        raise InputError(
            f"{found.path}: column {found.target!r} holds one class only, {labels[0]!r:.60}; "
            "add rows of another class, or choose another target"
        )
    if len(names) == len(labels) > 2:
        raise InputError(
            f"{found.path}: column {found.target!r} has a class of its own in each of the {len(labels)} rows; "
            "choose another target"
        )
    numbers = {name: as_number(name) for name in names}
    classes = sorted(names) if None in numbers.values() else sorted(names, key=lambda name: numbers[name] or 0.0)
    number_of = {name: float(i) for i, name in enumerate(classes)}
    return replace(found, y=[number_of[label] for label in labels], classes=tuple(classes))


def split(n: int, part: float, seed: int) -> tuple[list[int], list[int]]:
    """The numbers of the rows to train on and of those to test on, chosen by chance, both in order.

    `part` is the share to test on, from 0 to below 1. InputError if that leaves no row on one side.

    >>> split(8, 0.25, seed=0)
    ([0, 1, 2, 3, 4, 5], [6, 7])
    """
    if not 0.0 <= part < 1.0:
        raise InputError(f"the test part must be from 0 to below 1, such as 0.25, got {part:g}")
    n_test = round(part * n)
    if n_test == n or (part > 0.0 and n_test == 0):
        side = "to train on" if n_test == n else "to test on"
        raise InputError(f"a test part of {part:g} of {n} rows leaves none {side}; give more rows, or another part")
    tested = set(random.Random(seed).sample(range(n), n_test))
    return [i for i in range(n) if i not in tested], sorted(tested)


# --- small things -------------------------------------------------------------------------------------------------


def transposed(X: Sequence[Sequence[float]]) -> list[list[float]]:
    """The columns of rows, or the rows of columns.

    >>> transposed([[1.0, 2.0], [3.0, 4.0]])
    [[1.0, 3.0], [2.0, 4.0]]
    """
    return [list(column) for column in zip(*X, strict=True)]


def _range(column: Sequence[float]) -> str:
    return f"numbers from {digits(min(column), 6)} to {digits(max(column), 6)}"
