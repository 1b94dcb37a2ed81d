"""`microgradnet draw` and `microgradnet page`: files of a formula; what cannot be drawn is one sentence, status 2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from microgradnet import draw, formula
from microgradnet.cli import main

Run = Callable[..., tuple[int, str, str]]

LOSS = "L = (y - sigmoid(w*x + b))**2"
AT = ("--at", "w=1,x=-2", "--at", "b=0.5,y=1")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_a_picture_of_a_formula(run: Run, tmp_path: Path) -> None:
    assert run("draw", LOSS, *AT, "-o", "L.svg") == (0, "Written: L.svg\n", "")
    texts = [each.text or "" for each in ElementTree.parse(tmp_path / "L.svg").iter("{http://www.w3.org/2000/svg}text")]
    root = formula("(y - sigmoid(w*x + b))**2", {"w": 1.0, "x": -2.0, "b": 0.5, "y": 1.0})
    root.backward()
    assert any(f"data {root.data:.4f}" in text for text in texts)
    assert not any("backward" in text for text in texts)  # it has run


@pytest.mark.parametrize(("name", "begins"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.dot", b"digraph"),
                                              ("a.mmd", b"flowchart"), ("a.html", b"<!doctype html>")])  # fmt: skip
def test_the_suffix_says_as_what(run: Run, tmp_path: Path, name: str, begins: bytes) -> None:
    assert run("draw", LOSS, *AT, "--out", name)[0] == 0
    content = (tmp_path / name).read_bytes()
    assert content.startswith(begins) or begins in content[:400]


def test_without_a_name_of_a_file(run: Run, tmp_path: Path) -> None:
    run("draw", LOSS, *AT)
    run("page", LOSS, *AT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "picture.svg"]


def test_only_a_part_of_it(run: Run, tmp_path: Path) -> None:
    run("draw", LOSS, *AT, "--wrt", "w", "-o", "part.dot")
    run("draw", LOSS, *AT, "-o", "all.dot")
    part, whole = ((tmp_path / f"{name}.dot").read_text("utf-8") for name in ("part", "all"))
    assert part.count(" -> ") < whole.count(" -> ")


def test_a_page_with_a_derivative_by_hand(run: Run, tmp_path: Path) -> None:
    by_hand = "w=-2*(y - sigmoid(w*x + b)) * sigmoid(w*x + b) * (1 - sigmoid(w*x + b)) * x"
    options = ("--by-hand", by_hand, "--rate", "0.1", "--lang", "ru")
    assert run("page", LOSS, *AT, *options)[0] == 0
    html = (tmp_path / "page.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert (data["language"], data["rate"]) == ("ru", 0.1)
    ((place, closed),) = data["closed"].items()
    assert data["names"][int(place)] == "w"
    leaves = {data["names"][i] for i in closed["leaves"].values()}
    assert leaves == {"w", "x", "b", "y"}
    root = formula("(y - sigmoid(w*x + b))**2", {"w": 1.0, "x": -2.0, "b": 0.5, "y": 1.0})
    root.backward()
    assert root.data == pytest.approx(data["main"]["data"][-1])


def test_the_page_is_that_of_python(run: Run, tmp_path: Path) -> None:
    run("page", "x*x", "--at", "x=3", "-o", "x.html")
    root = formula("x*x", {"x": 3.0})
    root.label = "L"
    assert (tmp_path / "x.html").read_text("utf-8") == draw(root).page().html()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("draw", "w*x"), "'w'"),
        (("draw", "w*x", "--at", "w=1,x=2", "-o", "a.gif"), "a.gif"),
        (("draw", "w*x", "--at", "w=1,x=2", "-o", "no/a.svg"), "folder"),
        (("draw", "w*x", "--at", "w=1,x=2", "--wrt", "q"), "'q' is not in this graph"),
        (("draw", "w*x", "--at", "w=1,x=2", "--digits", "-1"), "digits"),
        (("draw", "w*x", "--at", "w=1,x=2", "--scheme", "pink"), "--scheme"),
        (("draw", "open('x')", "--at", "w=1"), "formula"),
        (("page", "w*x", "--at", "w=1,x=2", "-o", "a.svg"), "microgradnet draw"),
        (("page", "w*x", "--at", "w=1,x=2", "--rate", "-1"), "rate"),
        (("page", "w*x", "--at", "w=1,x=2", "--lang", "fr"), "--lang"),
        (("page", "w*x", "--at", "w=1,x=2", "--by-hand", "q=x"), "--by-hand: q is not in the formula"),
        (("page", "w*x", "--at", "w=1,x=2", "--by-hand", "w=z"), "--by-hand w"),
        (("page", "w*x", "--at", "w=1,x=2", "--by-hand", "w"), "--by-hand"),
    ],
)
def test_what_cannot_be_drawn(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith("microgradnet")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
