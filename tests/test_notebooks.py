"""The notebooks of examples show what their cells give: run here without Jupyter, and by Jupyter where it is there.

What a cell prints and what its last expression shows are held against the stored outputs: words as they are, numbers
to nine digits, pictures by all that they say, the page by the data in it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import math
import re
import runpy
import xml.etree.ElementTree as ET
from html import escape, unescape
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
FORMS = {
    "text/markdown": "_repr_markdown_",
    "text/html": "_repr_html_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "text/latex": "_repr_latex_",
}

needs_engine = pytest.mark.skipif(
    not any(distribution.name == "graphviz-pure" for distribution in distributions()),
    reason="graphviz-pure, which drew the pictures, is not here",
)


def cells(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def text(lines: str | list[str]) -> str:
    """A notebook keeps a text as a list of its lines, or as it is."""
    return lines if isinstance(lines, str) else "".join(lines)


# --- running ------------------------------------------------------------------------------------------------------


def run(source: str, namespace: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """What the cell prints, and the forms in which its last expression shows itself; {} for None or a statement."""
    body = ast.parse(source)
    last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) and source.strip()[-1] != ";" else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(body, "<cell>", "exec"), namespace)
        thing = None
        if isinstance(last, ast.Expr):
            thing = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
    return printed.getvalue(), {} if thing is None else forms(thing)


def forms(thing: Any) -> dict[str, str]:
    made = {"text/plain": repr(thing)}
    for form, method in FORMS.items():
        if hasattr(type(thing), method) and (content := getattr(thing, method)()) is not None:
            made[form] = content
    return made


def stored_by(cell: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The same of the outputs that the notebook holds."""
    printed, shown = "", {}
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            assert output["name"] == "stdout", output
            printed += text(output["text"])
        else:
            assert output["output_type"] in ("execute_result", "display_data"), output
            shown |= {form: text(content) for form, content in output["data"].items()}
    return printed, shown


# --- comparing ----------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ROUNDING = re.compile(r"equal to (?:the last bit|rounding(?: \(\d+ ulp\))?) *")


def alike(one: str, other: str) -> bool:
    """Whether two texts say the same: the same words, and numbers that agree to nine digits or in all but the last."""
    if one == other:
        return True
    one, other = ROUNDING.sub("equal", one), ROUNDING.sub("equal", other)
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    return all(
        math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-15)
        for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    )


def said(svg: str) -> list[tuple[str, ...]]:
    """All that a picture says, without where it stands: another build of the engine may shift a line a little."""
    return [
        (element.tag.rpartition("}")[2], element.get("id", ""), element.get("class", ""), (element.text or "").strip())
        for element in ET.fromstring(svg).iter()
    ]


def data_of(html: str) -> str:
    """Of a page in a frame the graph that it holds: operations, numbers, names. Its scripts, style and words have tests
    of their own, and may change without a new run of the notebook. Of other HTML all of it.
    """
    page = re.search(r'<iframe srcdoc="([^"]*)"', html)
    if not page:
        return html
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', unescape(page[1]), flags=re.DOTALL)
    assert found
    data = json.loads(found[1])
    return json.dumps([data["main"], data["names"], data["language"]])


def same(form: str, one: str, other: str) -> bool:
    if form == "text/html":
        return alike(data_of(one), data_of(other))
    if form == "image/svg+xml":
        return one == other or said(one) == said(other)
    return bool(one and other) if form == "image/png" else alike(one, other)


def framed(number: int, style: str) -> str:
    data = json.dumps({"words": style, "main": {"data": [number]}, "names": ["x"], "language": "en"})
    page = f'<style>{style}</style><script type="application/json" id="data">{data}</script>'
    return f'<iframe srcdoc="{escape(page)}"></iframe>'


def test_what_is_alike_and_what_is_not() -> None:
    assert alike("loss 0.123456789012", "loss 0.123456789013")
    assert alike("w1  equal to the last bit", "w1  equal to rounding (1 ulp)")
    assert not alike("loss 0.1234", "loss 0.1235")
    assert not alike("loss 0.1234", "cost 0.1234")
    assert not alike("1 2", "1 2 3")
    assert same("text/html", framed(1, "old style"), framed(1, "new style"))
    assert not same("text/html", framed(1, "style"), framed(2, "style"))
    assert not same("image/svg+xml", "<svg><text>1</text></svg>", "<svg><text>2</text></svg>")
    assert run("x = 2\nprint(x)\nx + 1", {}) == ("2\n", {"text/plain": "3"})
    assert run("x = 2\nx;", {}) == ("", {})


# --- the notebooks ------------------------------------------------------------------------------------------------


def hold(notebook: Path, made: list[tuple[str, dict[str, str]]]) -> None:
    """Hold what the cells gave against what the notebook stores."""
    stored = cells(notebook)
    assert len(stored) == len(made) > 10
    for cell, (printed, shown) in zip(stored, made, strict=True):
        where = f"{notebook.name}, the cell\n{text(cell['source'])}\nrun: python docs/make.py notebooks\n"
        held_printed, held_shown = stored_by(cell)
        assert alike(held_printed, printed), f"{where}{held_printed}\n---\n{printed}"
        assert sorted(held_shown) == sorted(shown), where
        for form, content in shown.items():
            if not same(form, held_shown[form], content):
                pytest.fail(f"{where}{form}, stored and now:\n{held_shown[form][:1500]}\n---\n{content[:1500]}")


def test_there_is_one_in_each_language() -> None:
    make = runpy.run_path(str(ROOT / "docs" / "make.py"))
    assert [notebook.stem for notebook in NOTEBOOKS] == sorted(make["NOTEBOOKS"]) == ["article", "article.ru"]
    assert len(cells(NOTEBOOKS[0])) == len(cells(NOTEBOOKS[1]))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_it_is_stored_executed_and_tidy(notebook: Path) -> None:
    content = notebook.read_text(encoding="utf-8")
    assert [cell["execution_count"] for cell in cells(notebook)] == [*range(1, len(cells(notebook)) + 1)]
    assert len(content.encode()) < 420_000
    book = json.loads(content)
    assert book["metadata"]["language_info"] == {"name": "python"}
    assert all(cell["metadata"] == {} for cell in book["cells"])
    assert not re.search(r"/(?:home|root|tmp|Users|work)/| at 0x[0-9a-f]+", content)
    assert re.findall(r"\]\(([^)]+)\)", content)
    for target in re.findall(r"\]\((\.\./[^)#]+)", content):
        assert (notebook.parent / target).exists(), target


@needs_engine
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_its_cells_give_what_is_stored(notebook: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICROGRADNET_DOT", "graphviz-pure")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    hold(notebook, [run(text(cell["source"]), namespace) for cell in cells(notebook)])
    assert list(tmp_path.iterdir()) == []


@needs_engine
@pytest.mark.skipif(not (find_spec("nbclient") and find_spec("ipykernel")), reason="Jupyter (nbclient) is not here")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_jupyter_gives_what_is_stored(notebook: Path, tmp_path: Path) -> None:
    make = runpy.run_path(str(ROOT / "docs" / "make.py"))
    again = tmp_path / notebook.name
    again.write_text(make["notebook"](notebook.stem), encoding="utf-8")
    assert [text(cell["source"]) for cell in cells(again)] == [text(cell["source"]) for cell in cells(notebook)]
    hold(notebook, [stored_by(cell) for cell in cells(again)])
