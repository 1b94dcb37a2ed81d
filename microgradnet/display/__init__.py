"""How results show themselves: one Table of strings, written as plain text, in colour, as HTML, Markdown and JSON.

A result (a comparison, the table of operations …) derives from `Shown` and says two things: `table()`, what people
see, and `data()`, the same as plain numbers, lists and dicts. Every cell may be a user's own text: nothing that it
holds is executed or breaks a table.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from microgradnet.display.numbers import digits, exact, fixed, magnitude

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

__all__ = [
    "Shown",
    "Table",
    "digits",
    "exact",
    "fixed",
    "html",
    "magnitude",
    "markdown",
    "plain",
    "print_table",
    "text",
    "visible",
]


CODE = " " * 4
"""How a note begins that is code."""


class Table:
    """Rows of ready-made strings under headers, with what is needed to lay them out.

    `align` has one letter per column, "l" or "r" (default: all left). `styles` has one word per row: "good", "bad" or
    None (default: none); a style only adds colour, so the row's text must say the same. `notes` are lines below; those
    that begin with four spaces are code, such as a line of source and a row of ^ under it.
    ValueError if the lengths do not fit together.

    >>> table = Table(["name", "value"], [["w1", "0.5"], ["b", "-12"]], align="lr", title="PARAMETERS")
    >>> print(text(table))
    PARAMETERS
    name  value
    w1      0.5
    b       -12
    """

    __slots__ = ("align", "headers", "notes", "rows", "styles", "title")

    def __init__(
        self,
        headers: Iterable[str],
        rows: Iterable[Iterable[str]],
        *,
        title: str = "",
        align: str = "",
        styles: Iterable[str | None] = (),
        notes: Iterable[str] = (),
    ) -> None:
        self.title = title
        self.headers = tuple(headers)
        self.rows = tuple(tuple(row) for row in rows)
        self.align = align or "l" * len(self.headers)
        self.styles = tuple(styles) or (None,) * len(self.rows)
        self.notes = tuple(notes)
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.headers):
                raise ValueError(f"row {number} has {len(row)} cells for {len(self.headers)} headers")
        if len(self.align) != len(self.headers) or set(self.align) - set("lr"):
            raise ValueError(f"align wants one of l and r for each of {len(self.headers)} headers, got {align!r}")
        if len(self.styles) != len(self.rows) or set(self.styles) - {"good", "bad", None}:
            raise ValueError(f"styles wants good, bad or None for each of {len(self.rows)} rows, got {self.styles!r}")

    def __repr__(self) -> str:
        return f"<Table {self.title!r}: {len(self.rows)} rows of {', '.join(self.headers)}>"


class Shown:
    """A result that shows itself, wherever it is looked at; a subclass writes `table()` and `data()`.

    >>> class Sum(Shown):
    ...     def table(self):
    ...         return Table(["a", "b", "a + b"], [["1", "2", "3"]], align="rrr")
    ...
    ...     def data(self):
    ...         return {"a": 1, "b": 2, "sum": 3}
    >>> Sum()  # the same as print(Sum()); in a notebook, an HTML table
    a  b  a + b
    1  2      3
    >>> print(Sum().markdown())
    | a | b | a + b |
    | --: | --: | --: |
    | 1 | 2 | 3 |
    >>> print(Sum().json(indent=None))
    {"a": 1, "b": 2, "sum": 3}
    """

    __slots__ = ()

    def table(self) -> Table:
        """What people see."""
        raise NotImplementedError(f"{type(self).__name__} has to say what its table is")

    def data(self) -> Any:
        """The same for programs: numbers, strings, None, lists and dicts."""
        raise NotImplementedError(f"{type(self).__name__} has to say what its data are")

    def __str__(self) -> str:
        return text(self.table())

    def __repr__(self) -> str:
        return str(self)

    def show(self, file: TextIO | None = None) -> None:
        """Print the table, to standard output if no file is given; in colour on a terminal."""
        print_table(self.table(), file)

    def markdown(self) -> str:
        """The table in Markdown (GitHub's kind, which most other tools read too)."""
        return markdown(self.table())

    def json(self, indent: int | None = 2) -> str:
        """The data as JSON; a nan or an infinity, which JSON lacks, is the string "nan", "inf" or "-inf"."""
        return json.dumps(plain(self.data()), indent=indent, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        return html(self.table())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield _coloured(self.table(), options.max_width)


# ---------------------------------------------------------------- text


def visible(s: str) -> str:
    r"""User text on one line: line ends, control and format characters written out, spaces of any kind as a space.

    >>> print(visible("a\nb\x1b[31m\u202ec"))
    a\nb\x1b[31m\u202ec
    """
    if s.isprintable():
        return s
    from unicodedata import category

    return "".join(c if c.isprintable() else " " if category(c) == "Zs" else repr(c)[1:-1] for c in s)


def text(table: Table, width: int = 80) -> str:
    """The table as plain text, its columns lined up (wide characters count as two).

    If it is wider than `width`, cells of left-aligned columns are folded over several lines. Numbers, in right-aligned
    columns, are never cut or folded: rather than lose a digit the line gets longer.

    >>> print(text(Table(["why"], [["the factor f'(s3) is missing"]]), width=14))
    why
    the factor
    f'(s3) is
    missing
    """
    return "\n".join(line for line, _ in _lines(table, width))


def print_table(table: Table, file: TextIO | None = None) -> None:
    """Print the table to `file` (default: standard output): as wide as a terminal and in colour there, else plain.

    >>> print_table(Table(["x"], [["1"]]))
    x
    1
    """
    from rich.console import Console

    console = Console(file=file, highlight=False)
    if console.is_terminal:
        console.print(_coloured(table, console.width))
    else:
        print(text(table), file=file)


_COLOURS = {"good": "green", "bad": "bold red", "title": "bold", "header": "bold", "note": "dim"}


def _coloured(table: Table, width: int) -> Text:
    """The lines of the text, coloured. The words of a Text are never read as rich's markup."""
    from rich.text import Text

    shown = Text(no_wrap=True, overflow="ignore", end="\n")
    for number, (line, style) in enumerate(_lines(table, width)):
        shown.append(("\n" if number else "") + line, style=_COLOURS.get(style or "", ""))
    return shown


def _lines(table: Table, width: int) -> Iterator[tuple[str, str | None]]:
    """Every line of the table with the style of its kind or row."""
    from rich.cells import cell_len

    headers = [visible(cell) for cell in table.headers]
    rows = [[visible(cell) for cell in row] for row in table.rows]
    widths = _widths([headers, *rows], table.align, width)

    def laid_out(cells: Sequence[str]) -> Iterator[str]:
        columns = [_fold(cell, room) for cell, room in zip(cells, widths, strict=True)]
        for height in range(max(map(len, columns), default=0)):
            parts = []
            for column, align, room in zip(columns, table.align, widths, strict=True):
                part = column[height] if height < len(column) else ""
                blank = " " * (room - cell_len(part))
                parts.append(blank + part if align == "r" else part + blank)
            yield "  ".join(parts).rstrip()

    for line in _fold(visible(table.title), width) if table.title else ():
        yield line, "title"
    if any(headers):
        for line in laid_out(headers):
            yield line, "header"
    for row, style in zip(rows, table.styles, strict=True):
        for line in laid_out(row):
            yield line, style
    for note in table.notes:
        for line in _fold(visible(note), width):
            yield line, "note"


_NARROWEST = 8
"""No column is folded to less than this."""


def _widths(rows: Sequence[Sequence[str]], align: str, width: int) -> list[int]:
    """The width of each column: its widest cell, or less where left-aligned columns must give way to fit `width`."""
    from rich.cells import cell_len

    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    while excess > 0:
        widest = max((i for i in range(len(widths)) if align[i] == "l"), key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _fold(cell: str, width: int) -> list[str]:
    """The cell in lines of at most `width`, broken at spaces where there are some."""
    from rich.cells import cell_len

    if cell_len(cell) <= width:
        return [cell]
    lines, line = [], ""
    for word in cell.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = ""
        for letter in word:
            if line and cell_len(line + letter) > width:
                lines.append(line)
                line = ""
            line += letter
    return [*lines, line]


# ---------------------------------------------------------------- HTML, Markdown, plain data

_HTML_ROW = {"good": "background:rgba(46,160,67,.15)", "bad": "background:rgba(248,81,73,.2)", None: ""}
_HTML_ALIGN = {"l": "text-align:left", "r": "text-align:right;font-variant-numeric:tabular-nums"}


def html(table: Table) -> str:
    """The table as one HTML <table>, everything escaped; its colours are tints that light and dark pages both bear.

    The classes keep a notebook from reading dollar signs in it as formulas.

    >>> "<script>" in html(Table(["<script>"], [["a & b"]]))
    False
    """
    from html import escape

    def cell(tag: str, content: str, align: str, more: str = "") -> str:
        return f'<{tag}{more} style="{_HTML_ALIGN[align]};padding:.2em .8em">{escape(visible(content))}</{tag}>'

    def row(cells: Sequence[str], style: str | None) -> str:
        tint = f' style="{_HTML_ROW[style]}"' if style else ""
        return f"<tr{tint}>" + "".join(map(cell, ["td"] * len(cells), cells, table.align)) + "</tr>"

    parts = ['<table class="tex2jax_ignore mathjax_ignore" style="border-collapse:collapse">']
    if table.title:
        parts.append(f'<caption style="text-align:left;font-weight:bold">{escape(visible(table.title))}</caption>')
    if any(table.headers):
        headers = "".join(cell("th", h, a, ' scope="col"') for h, a in zip(table.headers, table.align, strict=True))
        parts.append(f'<thead><tr style="border-bottom:1px solid rgba(128,128,128,.6)">{headers}</tr></thead>')
    parts.append("<tbody>")
    parts += [row(cells, style) for cells, style in zip(table.rows, table.styles, strict=True)]
    parts.append("</tbody>")
    if table.notes:
        span = f'<td colspan="{len(table.headers)}" style="text-align:left;padding:.2em .8em">'
        notes = "".join(f"<tr>{span}{_html_note(note)}</td></tr>" for note in table.notes)
        parts.append(f"<tfoot>{notes}</tfoot>")
    return "\n".join([*parts, "</table>"])


def _html_note(note: str) -> str:
    from html import escape

    text = escape(visible(note))
    return f'<code style="white-space:pre">{text[4:]}</code>' if note.startswith(CODE) else text


_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|$~#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown(table: Table) -> str:
    """The table as a Markdown table between its title and its notes; what Markdown or HTML would read is escaped.

    >>> print(markdown(Table(["a|b"], [["<i>"]], align="r", notes=["all agree"])))
    | a\\|b |
    | --: |
    | &lt;i&gt; |
    <BLANKLINE>
    all agree
    """

    def written(s: str) -> str:
        return visible(s).translate(_MARKDOWN)

    def row(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    lines = [row(map(written, table.headers)), row("--:" if align == "r" else ":--" for align in table.align)]
    lines += [row(map(written, cells)) for cells in table.rows]
    title = [f"**{written(table.title.strip())}**"] if table.title.strip() else []
    notes, was_code = "", False
    for note in table.notes:
        code = note.startswith(CODE)
        shown = (
            visible(note) if code else re.sub(r"^(\d*)([-+.)])", r"\1\\\2", written(note).strip())
        )  # no list, no rule
        notes += ("\n" if code and was_code else "\n\n") + shown
        was_code = code
    return "\n\n".join([*title, "\n".join(lines)]) + notes


def plain(data: Any) -> Any:
    """Data as JSON can hold it: dicts, lists, strings, numbers, None; nan and infinities become strings.

    Tuples, other sequences and NumPy's arrays become lists, keys strings. TypeError for anything else.

    >>> plain({"g": (1.0, float("inf"))})
    {'g': [1.0, 'inf']}
    """
    if data is None or isinstance(data, str | bool | int):
        return data
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, Sequence):
        return [plain(value) for value in data]
    if isinstance(data, float):
        return float(data) if math.isfinite(data) else str(float(data))
    if hasattr(data, "tolist"):
        return plain(data.tolist())
    raise TypeError(f"JSON wants numbers, text, lists and dicts, got {type(data).__name__}")
