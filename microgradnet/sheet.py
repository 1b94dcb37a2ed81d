"""A CSV file as a `Sheet` of cells: separator, encoding and header found out, every fault named by row and column.

Rows are counted as a spreadsheet counts them: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from microgradnet.errors import InputError

__all__ = ["Sheet", "as_number", "listed", "read"]


@dataclass(frozen=True)
class Sheet:
    """The cells of a CSV file as text, without spaces around them. `path` is for messages; row `i` is row `i + 2`."""

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    decimal_comma: bool = False

    def texts(self, column: str) -> list[str]:
        """The cells of a column. InputError if there is no such column, or a cell in it is empty."""
        cells = self._cells(column)
        for i, cell in enumerate(cells):
            if not cell:
                raise self.error(i, column, "is an empty cell; fill it in, or delete the row")
        return cells

    def numbers(self, column: str) -> list[float]:
        """The cells of a column as numbers. InputError names the first that is empty, text, nan or infinite.

        In a file separated by semicolons a decimal comma is read too, as spreadsheets write it in many countries.
        """
        cells = self._cells(column)
        numbers = [as_number(cell, self.decimal_comma) for cell in cells]
        missing = sum(number is None for number in numbers)
        for i, (cell, number) in enumerate(zip(cells, numbers, strict=True)):
            if number is None and cell.lower() in _MISSING:
                shown = repr(cell) if cell else "an empty cell"
                raise self.error(i, column, f"is {shown}, a missing value; fill it in, or delete the row")
            if number is None and 2 * missing > len(cells):
                cure = "leave the column out (--ignore), or write numbers for its texts"
                raise self.error(i, column, f"is the text {cell!r:.60}; {cure}")
            if number is None:
                raise self.error(i, column, f"is {cell!r:.60}, no number; write one, such as 1.5, or delete the row")
            if not math.isfinite(number):
                raise self.error(i, column, f"is {cell!r:.60}, no finite number; write one, or delete the row")
        return [number for number in numbers if number is not None]

    def error(self, i: int, column: str, what: str) -> InputError:
        """An error whose text says where the cell stands."""
        return InputError(f"{self.path}: row {i + 2}, column {column!r} {what}")

    def check_columns(self, wanted: Iterable[str]) -> None:
        """InputError, with the columns that there are, unless all that are wanted are among them."""
        absent = [column for column in wanted if column not in self.columns]
        if absent:
            folded = {column.casefold(): column for column in self.columns}
            near = get_close_matches(absent[0].casefold(), folded, n=1)
            hint = f" (did you mean {folded[near[0]]!r}?)" if near else ""
            noun = "column" if len(absent) == 1 else "columns"
            raise InputError(
                f"{self.path}: no {noun} {listed(map(repr, absent))}{hint} in row 1; "
                f"the columns are: {listed(self.columns)}"
            )

    def _cells(self, column: str) -> list[str]:
        self.check_columns([column])
        place = self.columns.index(column)
        return [row[place] for row in self.rows]


def as_number(cell: str, decimal_comma: bool = False) -> float | None:
    """The number that a cell holds, None if it holds none.

    >>> [as_number(cell) for cell in ("1.5e3", "nan", "12o", "1_000")]
    [1500.0, nan, None, None]
    """
    if decimal_comma and cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


_MISSING = {"", "na", "n/a", "null", "none", "?", "-"}
_SEPARATORS = ",;\t"


def read(path: str | os.PathLike[str]) -> Sheet:
    """Read a CSV file: UTF-8, a header, cells separated by commas, semicolons or tabs (the header tells which).

    InputError if it cannot be read, is no such file, has no rows, or rows of unequal length.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(folder + "/people.csv", "w") as file:
    ...         _ = file.write("sex,weight\\nM,77\\nF,58\\n")
    ...     sheet = read(folder + "/people.csv")
    >>> sheet.columns, sheet.numbers("weight")
    (('sex', 'weight'), [77.0, 58.0])
    """
    name = os.fspath(path)
    text = _decoded(name, _content(name))
    first_line = text.splitlines()[0]
    separator = max(_SEPARATORS, key=lambda s: _n_cells(first_line, s))
    header, *rows = _records(name, text, separator)
    while rows and not any(rows[-1]):  # spreadsheets like to leave such rows at the end
        rows.pop()
    _check_header(name, header)
    if not rows:
        raise InputError(f"{name}: row 1 is a header, and no row of data follows; add some")
    for i, row in enumerate(rows, start=2):
        if not row:
            raise InputError(f"{name}: row {i} is empty; delete it")
        if len(row) != len(header):
            where = f"{name}: row {i} has {len(row)} {'cell' if len(row) == 1 else 'cells'}, the header {len(header)}"
            if len(row) < len(header):
                raise InputError(f"{where}: column {header[len(row)]!r} is missing; fill it in, or delete the row")
            raise InputError(f"{where}; delete what is too much, or put a text that holds {separator!r} in quotes")
    return Sheet(name, tuple(header), tuple(map(tuple, rows)), decimal_comma=separator == ";")


def _n_cells(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator)))
    except csv.Error:  # a cell beyond the reader's limit
        return 0


def _content(name: str) -> bytes:
    if os.path.isdir(name):
        raise InputError(f"{name}: is a folder; give the CSV file in it")
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file; check its name and folder") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _decoded(name: str, content: bytes) -> str:
    cure = "save the file as UTF-8 (in a spreadsheet: as 'CSV UTF-8')"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{name}: row 1, byte 1: this is UTF-16, and UTF-8 was wanted; {cure}")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
        bad = text.find("\0")
        if bad >= 0:
            line = text.count("\n", 0, bad) + 1
            raise InputError(f"{name}: row {line} holds a zero byte, this is no text; {cure}")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = f"row {before.count(10) + 1}, byte {error.start - before.rfind(10)}"
        raise InputError(f"{name}: {place}: 0x{content[error.start]:02x} is not UTF-8; {cure}") from None
    if not text.strip():
        raise InputError(f"{name}: is empty; it must have a header with the names of the columns, and rows below")
    return text


def _records(name: str, text: str, separator: str) -> list[list[str]]:
    records: list[list[str]] = []
    source = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for cells in source:
            records.append([cell.strip() for cell in cells])
    except csv.Error as error:
        what = "a quotation mark is opened and not closed" if "end of data" in str(error) else str(error)
        raise InputError(f"{name}: row {len(records) + 1} is not CSV: {what}; correct the row") from error
    return records


def _check_header(name: str, header: Sequence[str]) -> None:
    if not any(header):
        raise InputError(f"{name}: row 1 is empty; it must hold the names of the columns")
    for i, column in enumerate(header, start=1):
        if not column:
            raise InputError(f"{name}: row 1, column {i} has no name; write one, or delete the column")
        if column in header[: i - 1]:
            places = f"columns {header.index(column) + 1} and {i}"
            raise InputError(f"{name}: row 1 has the name {column!r:.60} twice, in {places}; rename or delete one")
    if all(as_number(column) is not None for column in header):
        raise InputError(f"{name}: row 1 holds numbers, and the names of the columns were wanted; write a header above")


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Names with commas between, the first `limit` of them.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = list(names)
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more
