"""The page as a file: what is in it, how large it is, what it refuses (in a browser: test_page_browser.py)."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import page_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Graph, InputError, Value, draw, operation
from microgradnet.article import PEOPLE
from microgradnet.drawing.page import Page, make_page
from microgradnet.drawing.page.forms import form, plain
from microgradnet.drawing.page.steps import parameters, steps
from microgradnet.exhibit import POINT, network
from microgradnet.ops import TABLE

PACKAGE = files("microgradnet.drawing.page")
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"&<>'",
    "\\ {a} ${b}",
    "a\nb",
    "שלום",
    "👩‍🔬",
]


def article() -> Value:
    return network(POINT, PEOPLE[0])["L"]


@pytest.fixture(scope="module")
def page() -> Page:
    return make_page(article(), engine="graphviz-pure")


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def words(language: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PACKAGE.joinpath(f"words.{language}.json").read_text("utf-8"))
    return loaded


# ---------------------------------------------------------------- the file


def test_the_article_s_page_is_small_and_asks_for_nothing(page: Page) -> None:
    html = page.html()
    assert len(html.encode()) < 150_000
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    addresses = set(re.findall(r"\b(?:https?|file|ftp)://[^\s\"'<>)]*", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:link|iframe|object|embed|base)\b|\bsrc=|@import|url\((?!#)", html)


def test_it_is_the_same_every_time(page: Page) -> None:
    assert make_page(article(), engine="graphviz-pure").html() == page.html()


def test_no_gap_of_the_template_is_left(page: Page) -> None:
    html = page.html()
    assert not re.search(r"^\{[a-z]+\}$", html, re.MULTILINE)
    assert not re.search(r'data-w="[a-z-]+"></', html)  # without JavaScript there are words, too


def test_the_picture_is_an_svg_with_a_box_for_every_node(page: Page) -> None:
    found = re.search(r"<svg id=\"graph\".*?</svg>", page.html(), re.DOTALL)
    assert found is not None
    root = ElementTree.fromstring(found[0])
    ids = {each.get("id") for each in root.iter() if "node" in (each.get("class") or "").split()}
    assert ids == {f"n-{i}" for i in range(len(Graph(article())))}


def test_it_is_written_whole(page: Page, tmp_path: Path) -> None:
    assert page.save(tmp_path / "L.html") == tmp_path / "L.html"
    assert (tmp_path / "L.html").read_text("utf-8") == page.html()
    assert [path.name for path in tmp_path.iterdir()] == ["L.html"]
    with pytest.raises(InputError, match=r"L\.txt: a page is saved as \.html"):
        page.save(tmp_path / "L.txt")
    with pytest.raises(InputError, match="there is no folder"):
        page.save(tmp_path / "nowhere" / "L.html")


def test_draw_saves_the_same_page(tmp_path: Path) -> None:
    root = article()
    draw(root, engine="graphviz-pure").save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text("utf-8") == draw(root, engine="graphviz-pure").page().html()


def test_in_a_notebook_it_is_a_frame_that_cannot_reach_out(page: Page) -> None:
    found: list[tuple[str, dict[str, str | None]]] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))  # type: ignore[method-assign]
    reader.feed(page._repr_html_())
    ((tag, attributes),) = found
    assert (tag, attributes["srcdoc"], attributes.get("src")) == ("iframe", page.html(), None)
    assert attributes["sandbox"] == "allow-scripts allow-downloads"


# ---------------------------------------------------------------- what users write


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_and_nothing_else(label: str) -> None:
    x = Value(2.0, label)
    root = x * x + Value(1.0, label + "2")
    root.label = label + "3"
    html = make_page(root, engine="graphviz-pure").html()
    plain_page = make_page(Value(2.0, "x") ** 2, engine="graphviz-pure").html()
    assert html.count("<script") == plain_page.count("<script")
    assert html.count("</script") == plain_page.count("</script")
    assert "<img" not in html
    names = data_of(html)["names"]
    assert len(names) == 4
    if label.isprintable():
        assert label in names


def test_numbers_that_json_lacks_are_read_back() -> None:
    root = Value(float("inf"), "a") * Value(-2.0, "b") - Value(float("inf"), "c") * -1.0
    root.label = "r"
    columns = data_of(make_page(root, engine="graphviz-pure").html())["main"]
    graph = Graph(root)
    read = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
    shown = [read.get(x, x) if isinstance(x, str) else x for x in columns["data"]]
    assert repr(shown) == repr(list(graph.data))


def test_an_operation_of_one_s_own_keeps_its_numbers() -> None:
    @operation(partials=lambda y, x: (3 * x**2,))
    def cube(x: float) -> float:
        return x**3

    x = Value(2.0, "x")
    root = cube(x) + 1
    columns = data_of(make_page(root, engine="graphviz-pure").html())["main"]
    graph = Graph(root)
    place = graph.operations.index("cube")
    assert columns["frozen"] == {str(place): [12.0]}
    assert columns["data"][place] == 8.0


# ---------------------------------------------------------------- steps and letters


@given(root=st.sampled_from(sorted(TABLE)).flatmap(page_oracle.expressions))
@settings(max_examples=60, deadline=None)
def test_the_steps_end_in_the_gradient(root: Value) -> None:
    graph = Graph(root)
    reached: dict[int, float] = {len(graph) - 1: 1.0}
    for step in steps(graph):
        if step["kind"] == "backward" and step["product"] is not None:
            assert step["product"] == pytest.approx(step["upstream"] * step["local"], nan_ok=True)
            reached[step["operand"]] = step["sum"]
    assert [reached.get(i, 0.0) for i in range(len(graph))] == pytest.approx(graph.gradient(), nan_ok=True)


def test_updates_are_those_of_gradient_descent() -> None:
    root = article()
    graph = Graph(root)
    gradient = graph.gradient()
    updates = [step for step in steps(graph, rate=0.1) if step["kind"] == "update"]
    assert [graph.names[step["node"]] for step in updates] == [*[f"w{i}" for i in range(1, 7)], "b1", "b2", "b3"]
    for step in updates:
        assert step["after"] == graph.data[step["node"]] - 0.1 * gradient[step["node"]]


def test_parameters_stand_in_the_order_of_their_numbers() -> None:
    from microgradnet.nn import MLP

    graph = Graph(MLP(2, [5, 1], seed=0)([1.0, 2.0]))
    assert [graph.names[i] for i in parameters(graph)][9:13] == ["w10", "w11", "w12", "w13"]


def test_templates_name_every_operand_of_a_neuron() -> None:
    written = form("dot", (0, 1, 2, 3, 4))
    assert plain(written["value"], ["w1", "w2", "x1", "x2", "b"]) == "w1 x1 + w2 x2 + b"
    assert [plain(slope, ["w1", "w2", "x1", "x2", "b"]) for slope in written["slopes"]] == ["x1", "x2", "w1", "w2", "1"]


# ---------------------------------------------------------------- words


def test_both_languages_have_the_same_words() -> None:
    english, russian = words("en"), words("ru")
    assert english.keys() == russian.keys()
    for key in english.keys() - {"rules", "key-list"}:
        gaps = [set(re.findall(r"\{[a-z]+\}", language[key])) for language in (english, russian)]
        assert gaps[0] == gaps[1], key
        assert english[key].strip(), key
        assert russian[key].strip(), key
    assert len(english["key-list"]) == len(russian["key-list"])
    assert set(russian["rules"]) == set(TABLE)


def test_every_word_is_said_somewhere() -> None:
    scripts = [each.read_text("utf-8") for each in PACKAGE.iterdir() if each.name.endswith((".js", ".html", ".py"))]
    everything = "\n".join(scripts)
    asked = set(re.findall(r'data-w(?:-label)?="([a-z-]+)"', everything))
    asked |= set(re.findall(r'\b(?:say|tell)\("([a-z-]+)"', everything))
    assert asked <= words("en").keys()
    unused = [key for key in words("en").keys() - {"rules"} if not re.search(rf"[\"'.]{key}\b", everything)]
    assert not unused


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"language": "fr"}, InputError, "'en' or 'ru'"),
        ({"digits": 99}, InputError, "digits"),
        ({"rate": -1.0}, InputError, "rate"),
        ({"rate": "a"}, TypeError, "rate"),
        ({"timeout": 0}, InputError, "timeout"),
        ({"engine": "no/such"}, InputError, "no/such"),
        ({"closed_form": {"q": 1.0}}, InputError, "'q' is not in this graph"),
        ({"closed_form": {"w1": "x"}}, TypeError, "closed_form"),
    ],
)
def test_what_cannot_be_made_into_a_page(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make_page(article(), **options)


def test_only_values_have_pages() -> None:
    with pytest.raises(TypeError):
        make_page(3.0)  # type: ignore[arg-type]
