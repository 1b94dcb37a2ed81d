"""What a picture of a part, of a collapsed graph, or in another form says, against what is computed here by itself."""

from __future__ import annotations

import math
import os
import re
import statistics
import subprocess
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgradnet import InputError, Value, draw
from microgradnet.article import PEOPLE
from microgradnet.display import visible
from microgradnet.drawing import Drawing
from microgradnet.exhibit import POINT, network
from microgradnet.nn import MLP

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"


def boxes(drawing: Drawing) -> dict[str, tuple[list[str], list[str]]]:
    """Of every box of the SVG, by its id, the texts and the lines of the tooltip."""
    found = {}
    for group in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}g"):
        classes = (group.get("class") or "").split()
        if classes[:1] == ["node"] and "entry" not in classes:
            shown = [(text.text or "").replace("\u00a0", " ") for text in group.iter(f"{SVG}text")]
            told = [a.get(TITLE, "").replace("\u00a0", " ") for a in group.iter(f"{SVG}a")]
            found[group.get("id", "")] = (shown, "\n".join(told).split("\n"))
    return found


def caption(drawing: Drawing) -> list[str]:
    """The lines above or below the picture."""
    (graph,) = [g for g in ElementTree.fromstring(drawing.svg()) if g.get("class") == "graph"]
    return [(text.text or "").replace("\u00a0", " ") for text in graph.findall(f"{SVG}text")]


def article() -> dict[str, Value]:
    v = network(POINT, PEOPLE[0])
    v["L"].backward()
    return v


def loss() -> tuple[MLP, Value]:
    model = MLP(2, [4, 3, 1], activation="tanh", seed=3)
    root = (model([0.5, -1.5]) - 1.0) ** 2
    root.label = "L"
    root.backward()
    return model, root


# ---------------------------------------------------------------- a part


@pytest.mark.parametrize(
    ("wrt", "between"),
    [
        ("w1", {"w1", "s1", "h1", "s3", "ypred", "", "L"}),
        (["w1", "b3"], {"w1", "s1", "h1", "b3", "s3", "ypred", "", "L"}),
        ("x2", {"x2", "s1", "s2", "h1", "h2", "s3", "ypred", "", "L"}),
        ("y", {"y", "", "L"}),
        ("L", {"L"}),
    ],
)  # fmt: skip
def test_a_part_is_what_one_finds_by_finger_on_the_article_and_its_title_counts(
    wrt: str | list[str], between: set[str]
) -> None:
    drawing = draw(article()["L"], wrt=wrt)
    names = [told[0] for _, told in boxes(drawing).values()]
    assert {"" if name == "sub1" else name for name in names} == between  # the difference has no label
    assert len(names) == len(between)
    named = ", ".join([wrt] if isinstance(wrt, str) else wrt)
    assert caption(drawing)[0] == f"L by {named}: {len(between)} of 20 nodes lie between, {20 - len(between)} hidden"


def test_a_part_keeps_the_numbers_and_ids_of_the_whole() -> None:
    v = article()
    whole, part = boxes(draw(v["L"])), boxes(draw(v["L"], wrt="w3"))
    assert 0 < len(part) < len(whole)
    for key, (_, told) in part.items():
        assert whole[key][1] == told


# ---------------------------------------------------------------- collapsed: the numbers


def assert_told(lines: list[str], name: str, numbers: list[float]) -> None:
    """Exact least, mean and greatest stand in a tooltip's line, the norm in the next."""
    (at,) = [i for i, line in enumerate(lines) if line.startswith(f"{name} ") and ("…" in line or len(numbers) == 1)]
    told = [float(number) for number in lines[at].removeprefix(f"{name} ").split(" … ")]
    if len(numbers) == 1:
        assert told == numbers
        return
    assert [told[0], told[2]] == [min(numbers), max(numbers)]
    assert told[1] == pytest.approx(statistics.fmean(numbers), rel=1e-14, abs=1e-300)
    norm = float(lines[at + 1].removeprefix("norm "))
    assert norm == pytest.approx(math.sqrt(math.fsum(x * x for x in numbers)), rel=1e-14, abs=1e-300)


def counted(lines: list[str], noun: str) -> int:
    found = [int(n.replace(",", "")) for line in lines for n in re.findall(rf"([\d,]+) {noun}s?\b", line)]
    return sum(found)


def test_every_neuron_tells_its_own_parameters() -> None:
    model, root = loss()
    told = {lines[0]: lines for _, lines in boxes(draw(root, collapse="neuron")).values()}
    places = [(i, neuron) for i, layer in enumerate(model.layers) for neuron in layer.neurons]
    names = [f"h{i}" for i in range(1, 8)] + ["o1"]
    assert set(names) < set(told)
    for name, (_, neuron) in zip(names, places, strict=True):
        own = neuron.parameters()
        assert counted(told[name], "parameter") == len(own)
        assert_told(told[name], "parameters", [p.data for p in own])
        assert_told(told[name], "their grad", [p.grad for p in own])
    assert sum(counted(lines, "parameter") for lines in told.values()) == len(model.parameters())


def test_every_layer_tells_its_parameters_exactly() -> None:
    model, root = loss()
    told = [lines for _, lines in boxes(draw(root, collapse="layer")).values() if counted(lines, "parameter")]
    assert len(told) == len(model.layers)
    for lines, layer in zip(told, model.layers, strict=True):
        own = layer.parameters()
        assert counted(lines, "parameter") == len(own)
        assert_told(lines, "parameters", [p.data for p in own])
        assert_told(lines, "their grad", [p.grad for p in own])


def test_a_beginning_of_labels_takes_those_labels_and_tells_their_numbers() -> None:
    v = article()
    v["w1"].data = 0.25  # the picture shows what .data is now
    drawing = draw(v["L"], collapse=["w", "b"])
    told = {lines[0]: lines for _, lines in boxes(drawing).values()}
    assert set(told) == {"w", "b", "x1", "x2", "y", "s1", "s2", "s3", "h1", "h2", "ypred", "sub1", "L"}
    for prefix, n in (("w", 6), ("b", 3)):
        own = [v[f"{prefix}{i}"] for i in range(1, n + 1)]
        assert_told(told[prefix], "data", [p.data for p in own])
        assert_told(told[prefix], "grad", [p.grad for p in own])
    assert caption(drawing)[0] == "L: 20 nodes in 13 boxes, one box per prefix of labels"


def test_the_longer_of_two_beginnings_counts() -> None:
    parts = [Value(float(i), name) for i, name in enumerate(["enc.a", "enc.b", "enc.out.a", "enc.out.b"])]
    root = parts[0] * parts[1] + parts[2] * parts[3]
    root.label = "root"
    root.backward()
    told = {lines[0]: lines for _, lines in boxes(draw(root, collapse=["enc", "enc.out"])).values()}
    assert_told(told["enc.out."], "data", [2.0, 3.0])
    assert {name for name in told if name.startswith("enc")} == {"enc.", "enc.out."}
    assert_told(told["enc."], "data", [0.0, 1.0])


def test_the_pieces_of_a_chain_hold_every_step_and_the_gradient_at_both_ends() -> None:
    n, factor = 20_000, 0.9999
    y = Value(1.0, "x")
    for _ in range(n):
        y = y * factor
    y.label = "y"
    y.backward()
    drawing = draw(y)
    shown = boxes(drawing)
    assert len(shown) <= 500
    assert sum(counted(texts, "mul") for texts, _ in shown.values()) == n
    slopes = [float(line.split()[1]) for _, told in shown.values() for line in told if line.startswith("grad ")]
    assert min(slopes) == pytest.approx(factor ** (n - 1), rel=1e-9)
    assert caption(drawing)[0].startswith("y: 20,001 nodes, more than limit=500; in ")


def test_nothing_is_collapsed_up_to_the_limit() -> None:
    v = article()
    assert len(boxes(draw(v["L"], limit=20))) == 20
    assert "more than limit=19" in caption(draw(v["L"], limit=19))[0]
    assert len(boxes(draw(v["L"], limit=19))) <= 19


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        (5, TypeError, "collapse must be 'neuron'"),
        ([1], TypeError, "collapse must be 'neuron'"),
        ("", InputError, "collapse is ''"),
        ([], InputError, r"collapse is \[\]"),
        (["w", ""], InputError, r"collapse is \['w', ''\]"),
    ],
)
def test_a_wish_that_says_nothing(wish: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        draw(article()["L"], collapse=wish)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["limit", "timeout"])
def test_numbers_must_be_numbers(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be a number"):
        draw(Value(1.0), **{name: "many"})  # type: ignore[arg-type]


# ---------------------------------------------------------------- the same every time


def test_ids_are_unique_and_a_collapsed_picture_is_the_same_whatever_the_hash_seed() -> None:
    script = (
        "from microgradnet import Value, draw\n"
        "from microgradnet.nn import MLP\n"
        "model = MLP(2, [4, 3, 1], 'tanh', seed=1)\n"
        "root = sum(((model([0.1 * i, 1.0]) - 1.0) ** 2 for i in range(9)), Value(0.0, 'z'))\n"
        "root.backward()\n"
        "print(*[draw(root, limit=60, **o).svg() for o in ({}, {'collapse': 'layer'}, {'collapse': ['w', 'b']})])\n"
    )
    pictures = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(pictures) == 1
    for picture in pictures.pop().decode().split("</svg>")[:3]:
        ids = re.findall(r' id="([^"]+)"', picture)
        assert 5 < len(ids) == len(set(ids))


# ---------------------------------------------------------------- forms


def test_html_is_the_page_of_the_same_graph(tmp_path: Path) -> None:
    drawing = draw(article()["L"])
    written = drawing.save(tmp_path / "L.HTML").read_text("utf-8")
    assert written == drawing.page().html()
    assert "<html" in written
    assert all(name in written for name in ("w1", "ypred"))


def test_a_pdf_comes_by_cairosvg_from_the_very_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def svg2pdf(*, bytestring: bytes) -> bytes:
        seen.append(bytestring)
        return b"%PDF-1.7 stand-in"

    monkeypatch.setitem(sys.modules, "cairosvg", types.SimpleNamespace(svg2pdf=svg2pdf))
    assert draw(article()["L"], engine="graphviz-pure").pdf() == b"%PDF-1.7 stand-in"
    (svg,) = seen
    assert "ypred" in "".join(ElementTree.fromstring(svg).itertext())


def test_a_network_by_circles_says_each_of_its_names() -> None:
    model, root = loss()
    for drawing in (draw(model), draw(root, view="network")):
        neurons = [
            group for group in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}g")
            if (group.get("class") or "").startswith("node neuron ")
        ]  # fmt: skip
        assert len(neurons) == 2 + 4 + 3 + 1
        lines = re.findall(r'class="edge weight', drawing.svg())
        assert len(lines) == 2 * 4 + 4 * 3 + 3 * 1


# ---------------------------------------------------------------- labels are user text

NASTY = [
    '"', "'", "\\", "\\N", "\\n", "<", ">", "</title>", "<script>alert(1)</script>", "]]>", "{", "}", "{x}", "{0}", "|",
    "&", "&lt;", "#quot;", "#", ";", "`", "$", "$$", "%", "%%{init}%%", "fa:fa-x", "\n", "\r", "\t", "\x00", "\x1b",
    "\ud800", "\u202e", "\u2028", "שלום", "مرحبا", "😀", "👩‍🔬", "вес ", " ", "end", "-->", "[", "]", "(", ")", "a",
]  # fmt: skip
labels = st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join)
BOX = re.compile(r'    \w+(?:\[\[|\[|\(|\{\{|>)"([^"]*)"(?:\]\]|\]|\)|\}\})')


def decoded(text: str) -> str:
    """What Mermaid shows for a label: its entity codes read, the joiners that cannot be seen left out."""
    return re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text).replace("\u2060", "")


def cut(label: str) -> str:
    shown = visible(label)
    return shown if len(shown) <= 40 else shown[:39].rstrip() + "…"


@settings(deadline=None, max_examples=40)
@given(labels)
@example('"];n9[label="').via("what ends a DOT string")
@example("{root} {0} {").via("what str.format reads")
@example("</title><script>alert(1)</script>").via("what ends an SVG title")
def test_a_hostile_label_reads_as_itself_in_every_form(label: str) -> None:
    x = Value(2.0, label)
    root = (x + 1.0).tanh()
    root.label = label + "!"
    root.backward()
    drawing = draw(root, wrt=x)  # names stand in the caption too
    svg = ElementTree.fromstring(drawing.svg())
    assert {each.tag.removeprefix(SVG) for each in svg.iter()} <= {
        "svg", "g", "title", "desc", "polygon", "polyline", "path", "text", "a",
    }  # fmt: skip
    assert svg[0].text == f"Computation graph of {cut(label + '!')}"
    texts = [(text.text or "").replace("\u00a0", " ") for text in svg.iter(f"{SVG}text")]
    assert cut(label) in texts
    assert list(boxes(drawing)) == ["n-0", "n-1", "n-2"]

    lines = drawing.mermaid().splitlines()
    read = [found for line in lines if (found := BOX.fullmatch(line))]
    first = [found[1].split("<br/>")[0] for found in read]
    assert [decoded(text) for text in first[:3]] == [cut(label), "+ 1", cut(label + "!")]
    for found in read:
        assert re.fullmatch(r"(?:[\w ×−.]|#\d+;|<br/>)*", found[1])
    assert len(lines) == 1 + 3 + 1 + 2 + 2 * len({"leaf", "result", "root", "notice"})


def test_the_description_tells_every_box_with_its_numbers() -> None:
    svg = ElementTree.fromstring(draw(article()["L"]).svg())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == svg[0].text == "Computation graph of L"
    told = (svg[1].text or "").splitlines()
    assert len(told) == 20
    assert "h1 σ; data 0.0474; grad −0.2376" in told
