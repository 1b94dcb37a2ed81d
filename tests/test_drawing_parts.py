"""Parts of a graph, large graphs collapsed, schemes, and the forms that a picture is saved as."""

from __future__ import annotations

import re
import statistics
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Graph, InputError, Value, draw
from microgradnet.article import PEOPLE
from microgradnet.drawing import Drawing
from microgradnet.exhibit import POINT, network
from microgradnet.functions import sigmoid
from microgradnet.functions import sum as sum_of
from microgradnet.nn import MLP

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: Drawing) -> dict[str, list[str]]:
    """The words in every box of the SVG, by its id."""
    found = {}
    for group in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}g"):
        classes = (group.get("class") or "").split()
        if classes[:1] == ["node"] and "entry" not in classes:
            found[group.get("id", "")] = [(t.text or "").replace("\u00a0", " ") for t in group.iter(f"{SVG}text")]
    return found


def words(drawing: Drawing) -> str:
    root = ElementTree.fromstring(drawing.svg())
    return "\n".join((each.text or "").replace("\u00a0", " ") for each in root.iter(f"{SVG}text"))


def article() -> dict[str, Value]:
    v = network(POINT, PEOPLE[0])
    v["L"].backward()
    return v


def loss(samples: int = 1) -> tuple[MLP, Value]:
    """The mean of squares of a 2-16-16-1 network, differentiated."""
    model = MLP(2, [16, 16, 1], activation="tanh", seed=3)
    parts = [(model([0.1 * i, 1.0 - 0.2 * i]) - 1.0) ** 2 for i in range(samples)]
    root = sum_of(*parts) / samples
    root.label = "L"
    root.backward()
    return model, root


# ---------------------------------------------------------------- a part


def on_paths(graph: Graph, targets: set[int]) -> set[int]:
    """The nodes from which a target can be reached downwards; the root reaches them all."""
    found = set(targets)
    for i, operands in enumerate(graph.operands):
        if found & {o for o in operands if type(o) is int}:
            found.add(i)
    return found


@pytest.mark.parametrize("wanted", [("w1",), ("h1",), ("w1", "b3"), ("y",)])
def test_wrt_draws_what_lies_between(wanted: tuple[str, ...]) -> None:
    v = article()
    graph = Graph(v["L"])
    drawing = draw(v["L"], wrt=list(wanted))
    shown = on_paths(graph, {graph.number(name) for name in wanted})
    assert set(texts(drawing)) == {f"n-{i}" for i in shown}
    assert str(len(graph) - len(shown)) in words(drawing)  # how many are hidden
    assert repr(drawing).startswith(f"<Drawing of L: {len(shown)} nodes of {len(graph)}")


def test_wrt_takes_values_and_names() -> None:
    v = article()
    assert draw(v["L"], wrt=v["w1"]).svg() == draw(v["L"], wrt="w1").svg() == draw(v["L"], wrt=[v["w1"]]).svg()
    with pytest.raises(InputError, match="'q' is not in this graph"):
        draw(v["L"], wrt="q")
    with pytest.raises(InputError, match="is not in this graph"):
        draw(v["h1"], wrt=v["w5"])
    with pytest.raises(InputError, match="wrt is empty"):
        draw(v["L"], wrt=[])


# ---------------------------------------------------------------- collapsed

COUNT = re.compile(r"([\d,]+) parameters?")


def parameters_told(drawing: Drawing) -> int:
    counts = [COUNT.search(line) for lines in texts(drawing).values() for line in lines]
    return sum(int(count[1].replace(",", "")) for count in counts if count)


@pytest.mark.parametrize("collapse", ["neuron", "layer"])
def test_no_parameter_is_lost_in_collapsing(collapse: str) -> None:
    model, root = loss()
    drawing = draw(root, collapse=collapse)
    assert parameters_told(drawing) == len(model.parameters())
    assert len(texts(drawing)) < 45


def test_a_collapsed_layer_says_its_weights_and_gradients() -> None:
    model, root = loss()
    drawing = draw(root, collapse="layer", digits=3)
    own = [p for neuron in model.layers[1].neurons for p in neuron.parameters()]
    (lines,) = [lines for lines in texts(drawing).values() if any("272 parameters" in line for line in lines)]
    for name, numbers in (("parameters", [p.data for p in own]), ("their grad", [p.grad for p in own])):
        (line,) = [line for line in lines if line.startswith(name) and "…" in line]
        told = [float(x) for x in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", line.replace("−", "-"))]
        norm = sum(x * x for x in numbers) ** 0.5
        assert told == pytest.approx([min(numbers), statistics.fmean(numbers), max(numbers), norm], abs=6e-4, rel=6e-4)


def test_labels_with_one_beginning_become_one_box() -> None:
    v = article()
    drawing = draw(v["L"], collapse=["h", "s"])
    assert len(texts(drawing)) < len(Graph(v["L"]))
    with pytest.raises(InputError, match="zz"):
        draw(v["L"], collapse="zz")


def chain(n: int) -> Value:
    x = Value(1.0, "x")
    y = x
    for _ in range(n):
        y = y * 0.9999
    return y


def unrolled(n: int) -> Value:
    w = Value(0.5, "w")
    return sum_of(*[(w * float(i) - 1.0) ** 2 for i in range(n)])


@pytest.mark.parametrize("root", [chain(20_000), unrolled(5_000), loss(60)[1]], ids=["chain", "sum", "samples"])
def test_a_large_graph_ends_in_a_small_picture(root: Value) -> None:
    root.label = "L"
    drawing = draw(root)
    assert 2 <= len(texts(drawing)) <= 500
    said = words(drawing)
    assert f"{len(Graph(root)):,} nodes, more than limit=500" in said
    assert "L" in said


def test_the_warning_is_there_in_a_collapsed_picture_too() -> None:
    root = chain(2_000)
    assert "backward() has not run" in words(draw(root))
    root.backward()
    assert "backward() has not run" not in words(draw(root))


@given(st.integers(1, 60), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_never_more_boxes_than_the_limit(length: int, limit: int) -> None:
    x = Value(0.5, "x")
    y = x
    for i in range(length):
        y = sigmoid(y) * x if i % 3 else y + 1.0
    boxes = {re.sub(r"^n-(\d+)-.*", r"n-\1", key) for key in texts(draw(y, limit=limit))}  # a repeated leaf is one
    assert len(boxes) <= max(limit, 3)


# ---------------------------------------------------------------- schemes and views


def test_schemes_differ_in_colours_only() -> None:
    v = article()
    light, dark = (draw(v["L"], scheme=scheme) for scheme in ("light", "dark"))
    assert texts(light) == texts(dark)
    colour = re.compile(r"#[0-9a-f]{6}")
    assert colour.sub("", light.dot.source) == colour.sub("", dark.dot.source)
    assert set(colour.findall(light.dot.source)) != set(colour.findall(dark.dot.source))


def test_in_russian_the_words_are_russian() -> None:
    v = article()
    said = words(draw(v["L"], language="ru"))
    assert "вес" in said
    assert "weight" not in said


def test_a_network_is_drawn_as_circles() -> None:
    model, root = loss()
    ellipses = [draw(model), draw(root, view="network")]
    for drawing in ellipses:
        assert len(list(ElementTree.fromstring(drawing.svg()).iter(f"{SVG}ellipse"))) >= 2 + 8 + 8 + 1
    with pytest.raises(InputError, match="Module alone has no steps"):
        draw(model).page()
    with pytest.raises(InputError, match="wrt= and collapse="):
        draw(model, wrt="w1")
    with pytest.raises(InputError, match="Mermaid"):
        draw(model).mermaid()


def test_svg_tells_what_it_is() -> None:
    root = ElementTree.fromstring(draw(article()["L"]).svg())
    assert root.get("role") == "img"
    kinds = [child.tag.removeprefix(SVG) for child in root][:2]
    assert kinds == ["title", "desc"]
    assert "L" in (root[0].text or "")
    assert "w1" in (root[1].text or "")


# ---------------------------------------------------------------- forms


def test_texts_need_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICROGRADNET_DOT", "no/such/program")
    drawing = draw(article()["L"])
    assert drawing.save(tmp_path / "a.dot").read_text("utf-8") == drawing.dot.source
    assert drawing.save(tmp_path / "a.mmd").read_text("utf-8").startswith("flowchart LR")
    for name in ("a.svg", "a.png", "a.html"):
        with pytest.raises(InputError, match="no/such/program"):
            drawing.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dot", "a.mmd"]


def test_without_dot_and_cairosvg_pdf_names_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    drawing = draw(article()["L"], engine="graphviz-pure")
    with pytest.raises(InputError, match=r"(?s)dot.*microgradnet\[pdf\]|microgradnet\[pdf\].*dot"):
        drawing.save(tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


HOSTILE = ['"];a[label="', "<script>alert(1)</script>", "\\N{a|b}", "a\nb", "$x$ %", "שלום עולם", "👩‍🔬", "]]>", "\x00"]


@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_in_every_form(label: str, tmp_path: Path) -> None:
    x = Value(2.0, label)
    root = x * x
    root.label = label + "!"
    root.backward()
    same = Value(2.0, "x")
    square = same * same
    square.backward()
    plain = draw(square)
    for collapse in (None, [label]):
        drawing = draw(root, collapse=collapse)
        tags = {each.tag.removeprefix(SVG) for each in ElementTree.fromstring(drawing.svg()).iter()}
        assert not tags & {"script", "foreignObject", "image"}
        drawing.save(tmp_path / "a.png")
        flowchart = drawing.mermaid()
        assert "<script" not in flowchart
        assert collapse or flowchart.count("\n") == plain.mermaid().count("\n")
