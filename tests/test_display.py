"""Showing results: layout, colours, and user text that tries to break each kind of output."""

from __future__ import annotations

import io
import json
import math
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from microgradnet import display
from microgradnet.display import Shown, Table

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a|b",
    "a\nb",
    "a\r\n\r\nb",
    "$x$ and $$y$$",
    "`code` *bold* _it_ [link](javascript:alert(1)) ~~gone~~",
    "![pic](http://example.org/x.png)",
    "\\",
    "\\|",
    "&lt; &amp;",
    'it\'s "quoted"',
    "[bold red]rich[/bold red] :smile:",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eright to left",
    "\ud800 half a character",
    "вес w₁ · 重み",
    "# heading",
    "- item",
    "1. item",
    "---",
    "",
    "   ",
    "</table></td>",
    "--> <!--",
]
labels = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
tables = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        Table,
        st.lists(labels, min_size=n, max_size=n),
        st.lists(st.lists(labels, min_size=n, max_size=n), max_size=4),
        title=labels,
        align=st.text("lr", min_size=n, max_size=n),
        notes=st.lists(labels, max_size=2),
    )
)

GRADIENTS = Table(
    ["", "autograd", "verdict"],
    [["∂L/∂w1", "0.0214", "agrees"], ["∂L/∂b3", "-0.2376", "sign is wrong"]],
    title="GRADIENTS",
    align="lrl",
    styles=["good", "bad"],
    notes=["One of two agrees."],
)


class Result(Shown):
    def table(self) -> Table:
        return GRADIENTS

    def data(self) -> object:
        return {"w1": 0.0214, "b3": (math.nan, math.inf), "ok": False, "who": "Алиса"}


# ---------------------------------------------------------------- plain text

AS_TEXT = """\
GRADIENTS
        autograd  verdict
∂L/∂w1    0.0214  agrees
∂L/∂b3   -0.2376  sign is wrong
One of two agrees."""


def test_text() -> None:
    assert display.text(GRADIENTS) == AS_TEXT


def test_wide_characters_take_two_places() -> None:
    lines = display.text(Table(["x", "y"], [["重み", "1"], ["w", "2"]])).splitlines()
    assert lines == ["x     y", "重み  1", "w     2"]


def test_text_is_folded_and_numbers_are_not() -> None:
    table = Table(["number", "why"], [["0.12345678901234567", "the factor f'(s3) is missing here"]], align="rl")
    assert display.text(table, width=35).splitlines() == [
        "             number  why",
        "0.12345678901234567  the factor",
        "                     f'(s3) is",
        "                     missing here",
    ]
    assert "0.12345678901234567" in display.text(table, width=5)


def test_long_words_titles_and_notes_are_folded() -> None:
    table = Table(["x"], [["a" * 20]], title="one two three", notes=["four five six"])
    assert display.text(table, width=9).splitlines() == [
        "one two", "three", "x", "aaaaaaaaa", "aaaaaaaaa", "aa", "four five", "six",
    ]  # fmt: skip


def test_without_rows_or_headers() -> None:
    assert display.text(Table(["a", "b"], [])) == "a  b"
    assert display.text(Table(["", ""], [["1", "2"]])) == "1  2"
    assert display.text(Table([], [])) == ""


@given(tables, st.integers(1, 100))
def test_text_holds_only_what_can_be_printed(table: Table, width: int) -> None:
    assert all(line.isprintable() for line in display.text(table, width).split("\n"))


@given(tables)
def test_a_row_is_a_line_where_there_is_room(table: Table) -> None:
    lines = display.text(table, width=10**6).split("\n")
    expected = len(table.rows) + bool(table.title) + any(table.headers) + len(table.notes)
    assert len(lines) == max(expected, 1)


@given(st.lists(st.lists(labels, min_size=2, max_size=2), min_size=1, max_size=5))
def test_columns_line_up(rows: list[list[str]]) -> None:
    table = Table(["", "x"], [[first, "|"] for first, _ in rows])
    lines = display.text(table, width=10**6).split("\n")
    assert len({cell_len(line[: line.rindex("|")]) for line in lines[1:]}) == 1


@given(st.text())
def test_visible_text_is_one_printable_line_and_plain_text_stays(s: str) -> None:
    shown = display.visible(s)
    assert shown.isprintable()
    assert display.visible(shown) == shown
    if s.isprintable():
        assert shown == s


# ---------------------------------------------------------------- a terminal


def on_a_terminal(table: Table, monkeypatch: pytest.MonkeyPatch) -> str:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    screen = Terminal()
    display.print_table(table, screen)
    return screen.getvalue()


def test_colours_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = on_a_terminal(GRADIENTS, monkeypatch)
    assert "\x1b[32m∂L/∂w1    0.0214  agrees" in coloured
    assert "\x1b[1;31m∂L/∂b3   -0.2376  sign is wrong" in coloured
    file = io.StringIO()
    Result().show(file)
    assert file.getvalue() == AS_TEXT + "\n"


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Result().show()
    assert capsys.readouterr().out == AS_TEXT + "\n"


def test_labels_are_no_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_terminal(Table(["x"], [[s] for s in HOSTILE if s.isascii()]), monkeypatch)
    assert "[bold red]rich[/bold red] :smile:" in shown
    assert "\\x1b[31mred" in shown
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown


def test_rich_prints_a_result_by_itself() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(Result())
    assert file.getvalue() == AS_TEXT + "\n"


# ---------------------------------------------------------------- HTML


class Reader(HTMLParser):
    """The tags in order, the attributes' names, and the text of each cell, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.outside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "caption"):
            self.cells[-1] += data
        else:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@given(tables)
def test_html_shows_every_cell_and_holds_nothing_else(table: Table) -> None:
    reader = Reader()
    reader.feed(display.html(table))
    reader.close()
    assert not reader.open
    assert not reader.outside.strip()
    assert set(reader.tags) <= {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
    assert reader.attributes <= {"style", "class", "scope", "colspan"}
    expected = [table.title] if table.title else []
    expected += table.headers if any(table.headers) else []
    expected += [cell for row in table.rows for cell in row] + list(table.notes)
    assert reader.cells == [display.visible(cell) for cell in expected]


def test_html_of_a_result() -> None:
    shown = Result()._repr_html_()
    assert shown == display.html(GRADIENTS)
    assert '<th scope="col" style="text-align:right' in shown
    assert shown.count("background:") == 2
    assert "mathjax_ignore" in shown
    assert "color:" not in shown.replace("background-color", ""), "letters keep the page's own colour"


# ---------------------------------------------------------------- Markdown


def test_markdown() -> None:
    assert Result().markdown() == (
        "**GRADIENTS**\n\n"
        "|  | autograd | verdict |\n| :-- | --: | :-- |\n"
        "| ∂L/∂w1 | 0.0214 | agrees |\n| ∂L/∂b3 | -0.2376 | sign is wrong |\n\n"
        "One of two agrees."
    )


@given(tables)
def test_markdown_shows_every_cell_and_nothing_else(table: Table) -> None:
    """A reader of Markdown that is not ours finds the same cells, and no element but those of a table."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(display.markdown(table))
    kinds = {token.type for token in tokens}
    assert kinds <= {
        "table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close",
        "th_open", "th_close", "td_open", "td_close", "inline", "paragraph_open", "paragraph_close",
    }  # fmt: skip
    children = [child for token in tokens for child in token.children or []]
    assert {child.type for child in children} <= {"text", "strong_open", "strong_close"}
    assert sum(token.type == "tr_open" for token in tokens) == 1 + len(table.rows)
    cells = [
        "".join(child.content for child in token.children or [])
        for before, token in pairwise(tokens)
        if before.type in ("th_open", "td_open")
    ]
    assert cells == [display.visible(c).strip() for c in [*table.headers, *(c for row in table.rows for c in row)]]


@given(tables)
def test_markdown_has_a_line_per_row(table: Table) -> None:
    lines = display.markdown(Table(table.headers, table.rows)).split("\n")
    assert len(lines) == 2 + len(table.rows)
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)


def test_dollar_signs_are_no_formulas_in_markdown() -> None:
    assert "\\$x\\$" in display.markdown(Table(["$x$"], []))


# ---------------------------------------------------------------- JSON


def test_json() -> None:
    read = json.loads(Result().json(), parse_constant=lambda s: pytest.fail(f"{s} is no JSON"))
    assert read == {"w1": 0.0214, "b3": ["nan", "inf"], "ok": False, "who": "Алиса"}
    assert "\n" not in Result().json(indent=None)
    assert "Алиса" in Result().json()


def test_plain_data() -> None:
    assert display.plain({1: np.float64(0.5), "a": np.arange(2), "b": np.bool_(True), "n": None}) == {
        "1": 0.5,
        "a": [0, 1],
        "b": True,
        "n": None,
    }
    assert display.plain([np.int64(3), np.array(-np.inf)]) == [3, "-inf"]
    assert type(display.plain(np.float64(0.5))) is float


def test_what_json_cannot_hold() -> None:
    with pytest.raises(TypeError, match="got object"):
        display.plain([object()])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_any_plain_data_is_json(data: object) -> None:
    written = json.dumps(display.plain(data), allow_nan=False)
    assert json.loads(written) == display.plain(data)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (display.fixed(0.04742587, 6), "0.047426"),
        (display.fixed(-0.9526, 3), "-0.953"),
        (display.fixed(-0.0, 2), "0.00"),
        (display.fixed(-0.004, 2), "0.00"),
        (display.fixed(-3.0, 0), "-3"),
        (display.fixed(-math.inf, 2), "-inf"),
        (display.digits(0.02146953526581111, 3), "0.0215"),
        (display.digits(1e6, 3), "1e6"),
        (display.digits(1e-5, 3), "1e-5"),
        (display.digits(math.nan, 3), "nan"),
        (display.exact(0.02146953526581111), "0.02146953526581111"),
        (display.exact(1), "1"),
        (display.exact(np.float64(0.1)), "0.1"),
        (display.magnitude(3.37e-12), "3e-12"),
        (display.magnitude(9.6e-5), "1e-4"),
        (display.magnitude(-0.0), "0"),
        (display.magnitude(math.inf), "inf"),
    ],
)
def test_number_formats(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.floats(allow_nan=False))
def test_exact_and_seventeen_digits_read_back_as_the_same_number(x: float) -> None:
    assert float(display.exact(x)) == x
    assert float(display.digits(x, 17)) == x


# ---------------------------------------------------------------- tables that do not fit together


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"headers": ["a"], "rows": [["1"], ["1", "2"]]}, "row 2 has 2 cells for 1 headers"),
        ({"headers": ["a"], "rows": [], "align": "lr"}, "one of l and r for each of 1 headers"),
        ({"headers": ["a"], "rows": [], "align": "c"}, "one of l and r"),
        ({"headers": ["a"], "rows": [["1"]], "styles": ["good", "bad"]}, "for each of 1 rows"),
        ({"headers": ["a"], "rows": [["1"]], "styles": ["pink"]}, "good, bad or None"),
    ],
)
def test_tables_that_do_not_fit_together(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Table(**arguments)  # type: ignore[arg-type]


def test_a_result_has_to_say_what_it_shows() -> None:
    class Empty(Shown):
        pass

    with pytest.raises(NotImplementedError, match="Empty has to say what its table is"):
        str(Empty())
    with pytest.raises(NotImplementedError, match="Empty has to say what its data are"):
        Empty().json()


def test_repr_of_a_table_and_of_a_result() -> None:
    assert repr(GRADIENTS) == "<Table 'GRADIENTS': 2 rows of , autograd, verdict>"
    assert repr(Result()) == str(Result()) == AS_TEXT


def test_notes_that_are_code_keep_their_columns() -> None:
    table = Table(["a"], [["1"]], notes=["wrong here:", "    x = <b> * 2", "        ^^^", "- why"])
    page = display.html(table)
    assert '<code style="white-space:pre">x = &lt;b&gt; * 2</code>' in page
    assert '<code style="white-space:pre">    ^^^</code>' in page
    assert display.markdown(table).endswith("wrong here:\n\n    x = <b> * 2\n        ^^^\n\n\\- why")
