"""Pictures: what they show, how they hold any label, and the files they are saved as."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgradnet import Value
from microgradnet.display import visible
from microgradnet.drawing import Drawing, draw
from microgradnet.errors import InputError
from microgradnet.functions import dot, maximum, relu, sigmoid, softmax, tanh, where
from microgradnet.functions import sum as sum_of

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"


class Shape(NamedTuple):
    classes: list[str]
    texts: list[str]
    tooltip: list[str]
    dashed: bool
    slots: list[str]  # of a node: what stands where its arrows end


LINE = re.compile(r"e-\d+-(\d+)-\d+")


def shapes(drawing: Drawing) -> dict[str, Shape]:
    """The nodes, edges and frames of the SVG by their id, read by a parser that knows nothing of ours."""
    found = {}
    for group in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}g"):
        classes = group.get("class", "").split()
        if classes and classes[0] in ("node", "edge", "cluster"):
            texts = [(text.text or "").replace("\u00a0", " ") for text in group.iter(f"{SVG}text")]
            tooltips = [a.get(TITLE, "").replace("\u00a0", " ") for a in group.iter(f"{SVG}a")]
            dashed = any(path.get("stroke-dasharray") for path in group.iter(f"{SVG}path"))
            found[group.get("id", "")] = Shape(classes, texts, "\n".join(tooltips).split("\n"), dashed, [])
    found = {
        key: shape for key, shape in found.items() if not {"lead", "entry"} & set(shape.classes)
    }  # halves of a line
    heads = [f"n-{line[1]}" for key in found if (line := LINE.fullmatch(key))]
    for head in set(heads):
        texts = found[head].texts
        count = heads.count(head)
        found[head] = found[head]._replace(slots=texts[:count], texts=texts[count:])
    return found


def kinds(drawing: Drawing, kind: str) -> dict[str, Shape]:
    return {key: shape for key, shape in shapes(drawing).items() if shape.classes[0] == kind}


def by_label(drawing: Drawing) -> dict[str, Shape]:
    return {shape.texts[0]: shape for shape in kinds(drawing, "node").values()}


def article() -> dict[str, Value]:
    """The article's network at its worked example: Alice, all weights 1, all biases 0."""
    v = {name: Value(1.0, name) for name in ("w1", "w2", "w3", "w4", "w5", "w6")}
    v |= {name: Value(0.0, name) for name in ("b1", "b2", "b3")}
    v |= {"x1": Value(-2.0, "x1"), "x2": Value(-1.0, "x2"), "y": Value(1.0, "y")}
    v["s1"] = dot([v["w1"], v["w2"]], [v["x1"], v["x2"]], v["b1"])
    v["s2"] = dot([v["w3"], v["w4"]], [v["x1"], v["x2"]], v["b2"])
    v["h1"], v["h2"] = sigmoid(v["s1"]), sigmoid(v["s2"])
    v["s3"] = dot([v["w5"], v["w6"]], [v["h1"], v["h2"]], v["b3"])
    v["ypred"] = sigmoid(v["s3"])
    v["L"] = (v["y"] - v["ypred"]) ** 2
    for name, value in v.items():
        value.label = name
    return v


# --- what it shows ------------------------------------------------------------------------------------------------


def test_the_article_with_its_numbers():
    v = article()
    v["L"].backward()
    nodes = by_label(draw(v["L"]))
    assert len(nodes) == 20
    assert nodes["h1"].texts == ["h1", "σ", "data 0.0474", "grad −0.2376"]
    assert nodes["ypred"].texts[2:] == ["data 0.5237", "grad −0.9526"]
    assert nodes["w1"].texts == ["w1", "weight", "data 1.0000", "grad 0.0215"]
    assert nodes["w5"].texts[3] == "grad −0.0113"
    assert nodes["b3"].texts == ["b3", "bias", "data 0.0000", "grad −0.2376"]
    assert nodes["x1"].texts == ["x1", "input", "data −2.0000", "grad −0.0215"]
    assert nodes["s1"].texts == ["s1", "w·x + b", "data −3.0000", "grad −0.0107"]
    assert nodes["L"].texts == ["L", "** 2", "data 0.2269", "grad 1.0000"]
    assert nodes["w1"].classes[:2] == ["node", "parameter"]
    assert nodes["L"].classes[:2] == ["node", "root"]
    assert nodes["s1"].slots == ["× −2", "× −1", "× 1", "× 1", "× 1"]
    assert nodes["ypred"].slots == ["× 0.2494"]


def test_frames_around_neurons_and_layers():
    v = article()
    frames = kinds(draw(v["L"]), "cluster")
    assert sorted((s.classes[1], s.texts) for s in frames.values()) == [
        ("layer", ["layer h1, h2"]),
        ("neuron", ["h1"]),
        ("neuron", ["h2"]),
        ("neuron", ["ypred"]),
    ]


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_neuron_written_with_operators_is_framed_with_its_own_leaves(unlabelled):
    x1, x2 = Value(2.0, "x1"), Value(3.0, "x2")
    neurons = []
    for i in "12":
        s = Value(0.5, f"u{i}") * x1 + Value(1.5, f"v{i}") * x2 + Value(4.0, f"b{i}")
        s.label = None if unlabelled else f"s{i}"
        neurons.append(tanh(s))
    loss = neurons[0] * neurons[1]
    source = draw(loss).dot.source
    bodies = re.findall(r"subgraph cluster_neuron_\d+ \{(.*?)\n\t*\}", source, re.DOTALL)
    first, second = sorted(bodies, key=lambda body: "u2|" in body)
    for body, own, other in ((first, "1", "2"), (second, "2", "1")):
        assert all(f"{letter}{own}|" in body for letter in "uvb")
        assert not any(f"{{{letter}{other}|" in body for letter in "uvb")
        assert "tanh" in body
    assert len(re.findall("subgraph cluster_layer", source)) == 1


def test_a_sum_that_is_no_neuron_has_no_frame():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    c, d = Value(-1.0, "c"), Value(0.5, "d")
    for value in (a * b + a, (a - b) ** 2 + (a + b) ** 2, a * a * 3 + b * 2, sum_of(a, b), a * b + c):
        value.label = "f"
        assert kinds(draw(value), "cluster") == {}
    assert kinds(draw(relu(a * b + c + d)), "cluster") == {}  # which of the two would be the bias?


def test_a_label_ends_a_neuron_within_a_longer_sum():
    s = Value(2.0, "w1") * Value(1.0, "x1") + Value(3.0, "w2") * Value(1.0, "x2")
    s.label = "s"
    total = s + Value(5.0, "penalty").exp()
    assert [shape.texts for shape in kinds(draw(total), "cluster").values()] == [["s"]]


def test_python_sum_starts_with_a_zero_that_is_no_bias():
    w, x = [Value(0.5), Value(0.25)], [Value(2.0), Value(4.0)]
    neuron = tanh(sum((a * b for a, b in zip(w, x, strict=True)), 0.0))
    assert [shape.classes for shape in kinds(draw(neuron), "cluster").values()] == [["cluster", "neuron"]]
    assert "0 +" in [shape.texts[0] for shape in kinds(draw(neuron), "node").values()]


def test_both_uses_of_x_times_x_are_edges():
    x = Value(3.0, "x")
    edges = kinds(draw(x * x), "edge")
    assert list(edges) == ["e-0-1-0", "e-0-1-1"]
    for shape in edges.values():
        assert shape.tooltip[:3] == ["x → mul1", "∂mul1/∂x = x", "local derivative 3.0"]


def test_edges_are_those_of_the_article():
    v = article()
    assert len(kinds(draw(v["L"]), "edge")) == 5 * 3 + 3 + 2 + 1  # three sums of five, three σ, a difference, a square


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x * 2, "× 2"),
        (lambda x: 2 * x, "2 ×"),
        (lambda x: 1 - x, "1 −"),
        (lambda x: x / 3, "/ 3"),
        (lambda x: -x, "−"),
        (lambda x: x**-0.5, "** −0.5"),
        (lambda x: 2**x, "2 **"),
        (lambda x: maximum(x, 1e-9), "max(·, 1e−9)"),
        (lambda x: softmax([x, x])[1], "softmax [1]"),
    ],
)
def test_constants_are_part_of_the_operation_and_no_nodes(make, said):
    nodes = kinds(draw(make(Value(1.5, "x"))), "node")
    assert len(nodes) == 2
    assert nodes["n-1"].texts[0] == said


def test_plain_inputs_of_a_weighted_sum_are_shown():
    value = dot([Value(1.0, "w1"), Value(2.0, "w2")], [-2, 0.25], 7)
    assert kinds(draw(value), "node")["n-2"].texts[:3] == ["w·x + b", "x = −2, 0.25", "b = 7"]


def test_where_no_gradient_goes_the_line_is_dashed():
    x, a, b = Value(1.0, "x"), Value(2.0, "a"), Value(3.0, "b")
    value = where(x > 0.5, a, b)
    value.backward()
    drawing = draw(value)
    dashed = {shape.tooltip[0]: shape.dashed for shape in kinds(drawing, "edge").values()}
    assert dashed == {"x → gt1": True, "gt1 → where1": True, "a → where1": False, "b → where1": True}
    condition = kinds(drawing, "node")["n-1"]
    assert condition.texts == ["> 0.5", "data true"]
    assert condition.classes[:2] == ["node", "condition"]


def test_it_says_that_backward_has_not_run():
    v = article()
    assert "backward() has not run" in draw(v["L"]).svg()
    v["L"].backward()
    assert "backward() has not run" not in draw(v["L"]).svg()


def test_edges_show_the_derivatives_of_the_pass_that_ran():
    x = Value(3.0, "x")
    y = x * 5 * x
    x.data = 100.0
    assert "local derivative 3.0" in kinds(draw(y), "edge")["e-1-2-0"].tooltip


def test_a_drawing_stays_as_it_was_drawn():
    x = Value(3.0, "x")
    drawing = draw(x * x)
    before = drawing.svg()
    x.data = 4.0
    assert drawing.svg() == before


@pytest.mark.parametrize(
    ("data", "digits", "shown"),
    [
        (0.0, 4, "0.0000"), (-0.0, 4, "0.0000"), (-3.0, 2, "−3.00"), (1e-7, 4, "1.0000e−7"),
        (-12345678.0, 1, "−1.2e7"), (float("inf"), 4, "inf"), (float("-inf"), 4, "−inf"), (float("nan"), 4, "nan"),
        (2.5, 0, "2"), (0.99999, 4, "1.0000"),
    ],
)  # fmt: skip
def test_numbers(data, digits, shown):
    drawing = draw(Value(data, "v"), digits=digits)
    (node,) = kinds(drawing, "node").values()
    assert node.texts[2] == f"data {shown}"
    assert f"data {data!r}" in node.tooltip


def test_a_leaf_with_a_thousand_uses_is_drawn_once_per_use():
    w, x = Value(1.0001, "w"), Value(1.0, "x")
    for _ in range(1000):
        x = x * w
    nodes = kinds(draw(x, limit=2000), "node")
    assert len(nodes) == 1 + 1000 + 1000
    assert sum(shape.texts[:2] == ["w", "leaf, 1,000 uses"] for shape in nodes.values()) == 1000


def test_twenty_uses_are_still_one_node():
    x = Value(1.0, "x")
    assert len(kinds(draw(sum_of(*[x] * 20)), "node")) == 2
    assert len(kinds(draw(sum_of(*[x] * 21)), "node")) == 22


def test_a_repeated_weight_stands_in_the_frames_of_its_neurons():
    w = Value(0.5, "w")
    value = sum_of(*[tanh(dot([w], [x])) for x in range(25)])
    source = draw(value).dot.source
    bodies = re.findall(r"subgraph cluster_neuron_\d+ \{(.*?)\n\t*\}", source, re.DOTALL)
    assert len(bodies) == 25
    assert all(body.count("{w|weight,") == 1 for body in bodies)


def test_top_to_bottom():
    v = article()
    y = {}
    for orientation in ("LR", "TB"):
        root = ElementTree.fromstring(draw(v["L"], orientation=orientation).svg())
        for group in root.iter(f"{SVG}g"):
            texts = list(group.iter(f"{SVG}text"))
            named = [text for text in texts if text.text in ("x1", "L")]
            if group.get("class", "").startswith("node") and named:
                y[orientation, named[0].text] = float(named[0].get("x")), float(named[0].get("y"))
    assert y["LR", "x1"][0] < y["LR", "L"][0]
    assert y["TB", "x1"][1] < y["TB", "L"][1]


# --- labels are user text -----------------------------------------------------------------------------------------

NASTY = [
    '"', "\\", "\\N", "\\G", "\\n", "\\l", '\\"', "<", ">", "<b>", "{", "}", "|", "&", "&lt;", "&#65;", "]", ";", "->",
    "--", "</script>", "<script>alert(1)</script>", "]]>", "<!--", " ", "  ", "\t", "\n", "\r\n", "\x00", "\x1b",
    "\x85", "\ud800", "\uffff", "\ufeff", "\u202e", "\u2028", "é", "вес ", "σ", "שלום", "مرحبا", "中文", "😀", "a",
]  # fmt: skip
labels = st.one_of(st.text(min_size=1), st.lists(st.sampled_from(NASTY), min_size=1, max_size=12).map("".join))


def assert_shows(text: str, label: str) -> None:
    """All of the label up to 40 characters; of a longer one its beginning and …"""
    shown = visible(label)
    if len(shown) > 40:
        assert text.endswith("…")
        assert 39 - len(text[:-1]) == len(shown[:39]) - len(shown[:39].rstrip())
        shown = shown[: len(text) - 1] + "…"
    assert text == shown


@settings(deadline=None)
@given(st.lists(labels, min_size=1, max_size=8, unique_by=visible))
@example(["\\N", "{a|b}", "<b>x</b>", '"];n9[label="']).via("what DOT gives a meaning to")
@example(["вес первого входа", "σ ошибка", " two  spaces ", "\\\\"]).via("spaces")
def test_any_label_is_shown_as_it_is_and_breaks_nothing(given_labels):
    leaves = [Value(1.0, label) for label in given_labels]
    drawing = draw(sum_of(*leaves, Value(2.0)))
    nodes = kinds(drawing, "node")
    assert len(nodes) == len(leaves) + 2
    for i, label in enumerate(given_labels):
        node = nodes[f"n-{i}"]
        assert_shows(node.texts[0], label)
        assert node.texts[1:] == ["leaf", "data 1.0000", "grad 0.0000"]
        assert node.tooltip[0] == visible(label)
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(drawing.svg()).iter()}
    assert tags <= {"svg", "g", "title", "desc", "polygon", "polyline", "path", "text", "a"}


@settings(deadline=None)
@given(labels)
def test_any_label_of_a_neuron_captions_its_frame(label):
    neuron = relu(dot([Value(1.0)], [2.0]))
    neuron.label = label
    (frame,) = kinds(draw(neuron), "cluster").values()
    assert_shows(frame.texts[0], label)
    assert frame.tooltip[0] == visible(label)


def test_labels_are_harmless_from_top_to_bottom_too():
    nodes = kinds(draw(Value(1.0, "{a|b}\\N <c>").exp(), orientation="TB"), "node")
    assert nodes["n-0"].texts == ["{a|b}\\N <c>", "leaf", "data 1.0000", "grad 0.0000"]


# --- the same every time ------------------------------------------------------------------------------------------


def test_byte_for_byte_the_same_whatever_the_hash_seed():
    script = (
        "from microgradnet import Value\n"
        "from microgradnet.drawing import draw\n"
        "from microgradnet.functions import dot, tanh\n"
        "x = [Value(1.0, 'x1'), Value(2.0, 'x2')]\n"
        "h = [tanh(dot([Value(0.1 * i), Value(0.2)], x, Value(0.0))) for i in range(3)]\n"
        "y = h[0] * h[1] + h[2]\n"
        "y.backward()\n"
        "print(draw(y).svg())\n"
    )
    pictures = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pictures) == 1
    assert b"</svg>" in pictures.pop()


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3.0, "L", None, [Value(1.0)], Value(1.0) > 0.5])
def test_only_one_value_is_drawn(wrong):
    with pytest.raises(TypeError, match=rf"^draw wants one Value or a Module, got {type(wrong).__name__};"):
        draw(wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"orientation": "RL"}, "orientation is 'RL'"),
        ({"digits": -1}, "digits is -1"),
        ({"digits": 400}, "digits is 400"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("nan")}, "timeout is nan"),
    ],
)
def test_arguments_out_of_range(options, said):
    with pytest.raises(InputError, match=said):
        draw(Value(1.0), **options)


def test_too_many_nodes_are_collapsed_and_the_picture_says_so():
    value = Value(1.0, "x")
    for _ in range(500):
        value = value + 1
    value.label = "end of\nthe chain"
    assert len(kinds(draw(value, limit=501), "node")) == 501
    drawing = draw(value)
    assert len(kinds(drawing, "node")) <= 500
    assert "501 nodes, more than limit=500" in drawing.svg().replace("\u00a0", " ").replace("&#160;", " ")


# --- files --------------------------------------------------------------------------------------------------------


def test_saved_files_are_what_the_drawing_gives(tmp_path):
    v = article()
    drawing = draw(v["L"])
    assert drawing.save(tmp_path / "L.svg").read_text("utf-8") == drawing.svg() == drawing._repr_svg_()
    assert drawing.save(str(tmp_path / "L.PNG")).read_bytes() == drawing.png()
    assert drawing.png().startswith(b"\x89PNG\r\n")
    assert drawing.save(tmp_path / "L.dot").read_text("utf-8") == drawing.dot.source
    assert sorted(p.name for p in tmp_path.iterdir()) == ["L.PNG", "L.dot", "L.svg"]


def test_a_restyled_dot_is_what_is_rendered():
    drawing = draw(Value(1.0, "x"))
    drawing.dot.node("note", "my own remark")
    assert "my own remark" in drawing.svg()


def test_a_long_png_stays_within_what_viewers_open():
    value = Value(1.0)
    for _ in range(300):
        value = value + 1
    assert 20_000 < int.from_bytes(draw(value).png()[16:20], "big") <= 32_767  # the width in a PNG's header


@pytest.mark.parametrize("name", ["L.gif", "L", "L.svg.txt"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"a picture is saved as \.svg, \.png, \.pdf, \.dot, \.mmd or \.html"):
        draw(Value(1.0)).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; make it first"):
        draw(Value(1.0)).save(tmp_path / "nowhere" / "L.svg")


def test_a_folder_in_the_files_place_is_left_alone(tmp_path):
    (tmp_path / "L.dot").mkdir()
    with pytest.raises(InputError, match=r"L\.dot: cannot be written"):
        draw(Value(1.0)).save(tmp_path / "L.dot")
    assert [p.name for p in tmp_path.iterdir()] == ["L.dot"]


def test_when_the_disk_fails_the_old_file_stays_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "L.dot"
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match=r"L\.dot: cannot be written: No space left on device"):
        draw(Value(1.0)).save(target)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("L.dot", "old")]


def test_a_linked_file_stays_a_link(tmp_path):
    (tmp_path / "real.dot").write_text("old")
    link = tmp_path / "L.dot"
    try:
        link.symlink_to(tmp_path / "real.dot")
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    draw(Value(1.0)).save(link)
    assert link.is_symlink()
    assert (tmp_path / "real.dot").read_text().startswith("digraph")


def test_repr_tells_what_it_is():
    x = Value(3.0, "x")
    assert repr(draw(x * x + 1)) == '<Drawing of add1: 3 nodes, 3 edges; .save("picture.svg") writes it>'
