"""What is generated in docs is up to date, what is quoted stands in the files, and every link leads somewhere."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
PICTURES = sorted(path.stem for path in (DOCS / "images").glob("*.svg"))
TRANSLATED = sorted(page.name.removesuffix(".ru.md") for page in DOCS.glob("*.ru.md"))


@cache
def make() -> dict[str, Any]:
    """What docs/make.py defines."""
    return runpy.run_path(str(DOCS / "make.py"))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# --- generated ----------------------------------------------------------------------------------------------------


def test_the_table_of_operations_is_up_to_date() -> None:
    assert read(DOCS / "operations.md") == make()["operations"](), "run: python docs/make.py"


def test_the_page_of_operations_names_every_row() -> None:
    from microgradnet.ops import TABLE

    first_cells = re.findall(r"^\| (\S+) \|", read(DOCS / "operations.md"), flags=re.MULTILINE)
    assert [name.replace("\\", "") for name in first_cells[2:]] == list(TABLE)


def content(svg: str) -> list[tuple[str, ...]]:
    """All that a picture says, without where it stands: another build of the engine may shift a line a little."""
    return [
        (element.tag.rpartition("}")[2], element.get("id", ""), element.get("class", ""), (element.text or "").strip())
        for element in ET.fromstring(svg).iter()
    ]


@pytest.mark.skipif(
    not any(distribution.name == "graphviz-pure" for distribution in distributions()),
    reason="graphviz-pure, which drew the pictures, is not here",
)
@pytest.mark.parametrize("which", PICTURES)
def test_the_pictures_are_up_to_date(which: str) -> None:
    drawn = make()["picture"](which)
    assert content(read(DOCS / "images" / f"{which}.svg")) == content(drawn), "run: python docs/make.py"


def test_there_is_a_picture_for_each_of_make_and_a_page_shows_it() -> None:
    assert sorted(make()["PICTURES"]) == PICTURES
    shown = {name for page in PAGES for name in re.findall(r"!\[[^]]+\]\(images/([\w-]+)\.svg\)", read(page))}
    assert sorted(shown) == PICTURES


# --- quoted -------------------------------------------------------------------------------------------------------

QUOTE = re.compile(r"^<!-- (\S+) -->\n```text\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def is_quoted_from(quote: str, source: str) -> bool:
    """Whether the lines of the quote stand in the source in this order; directly below each other, but for `...`."""
    lines = [line.strip() for line in source.splitlines()]
    lines = [line for line in lines if line]
    place = 0
    for number, part in enumerate(re.split(r"^\s*\.\.\.\s*$", quote, flags=re.MULTILINE)):
        wanted = [line.strip() for line in part.splitlines() if line.strip()]
        found = [i for i in range(place, len(lines)) if lines[i : i + len(wanted)] == wanted]
        if not found:
            return False
        place = found[0] + len(wanted) if number or wanted else place
    return True


@pytest.mark.parametrize("page", ["evening-tour.md", "evening-tour.ru.md"])
def test_quoted_lines_still_stand_in_the_files(page: str) -> None:
    text = read(DOCS / page)
    quotes = QUOTE.findall(text)
    assert len(quotes) == text.count("```text\n") >= 5
    for file, quote in quotes:
        assert is_quoted_from(quote, read(ROOT / file)), f"{page} quotes what {file} does not hold:\n{quote}"


def test_a_changed_quote_would_be_noticed() -> None:
    source = "a = 1\nb = 2\n\n    c = 3\nd = 4\n"
    assert is_quoted_from("b = 2\nc = 3\n", source)
    assert is_quoted_from("a = 1\n...\nd = 4\n", source)
    assert not is_quoted_from("b = 2\nc = 4\n", source)
    assert not is_quoted_from("a = 1\nc = 3\n", source)
    assert not is_quoted_from("d = 4\n...\na = 1\n", source)


# --- linked and translated ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Where links can point to in a page, by GitHub's rule: lower case, no punctuation, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", read(page), flags=re.M | re.S), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = read(DOCS / "README.md")
    assert [page.name for page in PAGES if page.name != "README.md" and f"]({page.name})" not in index] == []


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translation_has_the_sections_of_the_original(page: str) -> None:
    counted = [
        len(re.findall(r"^#+ ", read(DOCS / f"{page}{suffix}"), flags=re.MULTILINE)) for suffix in (".md", ".ru.md")
    ]
    assert counted[0] == counted[1]
    numbered = [
        re.findall(r"^## (\d+)\.", read(DOCS / f"{page}{suffix}"), flags=re.MULTILINE) for suffix in (".md", ".ru.md")
    ]
    assert numbered[0] == numbered[1]
