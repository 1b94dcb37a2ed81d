"""A network's diagram: straight columns, lines that are the weights, labels that touch nothing, any text."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Value, nn, sigmoid
from microgradnet.drawing.captions import COLOURS, WORDS, plural
from microgradnet.drawing.columns import from_graph, from_module
from microgradnet.drawing.network import network_digraph
from microgradnet.drawing.render import lay_out
from microgradnet.drawing.spots import Box, Line, overlap, spots
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.nn import MLP, Layer, Module, Neuron

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"
HOSTILE = [
    'a "b" </text><script>alert(1)</script>',
    "\\N\\n{}|",
    "new\nline",
    "$x$",
    "\u202eעברית",
    "🧠",
    "&amp;",
    "вес",
]


class Shape(NamedTuple):
    classes: list[str]
    texts: list[str]
    tooltip: list[str]
    x: float
    y: float
    box: Box | None
    pen: float
    dashes: str


def shapes(network: Any, **options: Any) -> dict[str, Shape]:
    """Nodes and edges of the SVG by id, read by a parser that knows nothing of ours; ids that are ours are unique."""
    root = ElementTree.fromstring(lay_out(network_digraph(network, **options).source, "svg"))
    found = {}
    for group in root.iter(f"{SVG}g"):
        classes = group.get("class", "").split()
        if classes[:1] not in (["node"], ["edge"]):
            continue
        texts = [(text.text or "").replace("\u00a0", " ") for text in group.iter(f"{SVG}text")]
        tooltip = "\n".join(a.get(TITLE, "").replace("\u00a0", " ") for a in group.iter(f"{SVG}a")).split("\n")
        x = y = pen = math.nan
        box, dashes = None, ""
        for circle in group.iter(f"{SVG}ellipse"):
            x, y = float(circle.get("cx", "")), float(circle.get("cy", ""))
        for polygon in group.iter(f"{SVG}polygon"):
            points = [tuple(map(float, point.split(","))) for point in polygon.get("points", "").split()]
            (left, right), (top, bottom) = ((min(c), max(c)) for c in zip(*points, strict=True))
            box = Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        for path in group.iter(f"{SVG}path"):
            pen, dashes = float(path.get("stroke-width", "1")), path.get("stroke-dasharray", "")
        key = group.get("id", "")
        assert key not in found
        found[key] = Shape(classes, texts, tooltip, x, y, box, pen, dashes)
    return found


def of(found: dict[str, Shape], kind: str) -> dict[str, Shape]:
    return {key: shape for key, shape in found.items() if kind in shape.classes}


def words(found: dict[str, Shape], kind: str) -> list[str]:
    return [line for shape in of(found, kind).values() for line in shape.texts]


def article(**options: Any) -> MLP:
    return MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=6, **options)


# --- what it shows ------------------------------------------------------------------------------------------------


def test_the_articles_network() -> None:
    network = article()
    found = shapes(network)
    assert [shape.texts for shape in of(found, "neuron").values()] == [["x1"], ["x2"], ["h1"], ["h2"], ["o1"]]
    assert words(found, "title") == ["inputs", "hidden", "output"]
    assert words(found, "activation") == ["sigmoid", "sigmoid"]
    numbers = {p.label: f"{p.label} = {p.data:.2f}".replace("-", "−") for p in network.parameters()}
    assert sorted(words(found, "label")) == sorted(text for name, text in numbers.items() if name[0] == "w")
    assert words(found, "bias") == [numbers["b1"], numbers["b2"], numbers["b3"]]


def test_the_lines_are_the_weights_to_the_last_digit() -> None:
    network = article()
    lines = of(shapes(network), "weight")
    values = {p.label: p.data for p in network.parameters() if p.label and p.label[0] == "w"}
    assert {key: shape.tooltip[0] for key, shape in lines.items()} == {
        f"weight-{name}": f"weight {name} = {x!r}" for name, x in values.items()
    }
    largest = max(map(abs, values.values()))
    for name, x in values.items():
        shape = lines[f"weight-{name}"]
        assert shape.classes[-1] == ("positive" if x > 0 else "negative")
        assert bool(shape.dashes) is (x < 0)  # not by colour alone
        assert shape.pen == pytest.approx(0.8 + 3.2 * abs(x) / largest, abs=0.006)


def test_each_line_goes_from_its_input_to_its_neuron() -> None:
    network = MLP(3, [4, 2])
    source = network_digraph(network).source
    edges = re.findall(r'n(\d+)_(\d+) -> n(\d+)_(\d+) \[.*?tooltip="weight (w\d+) = (\S+?)"', source)
    assert len(edges) == 3 * 4 + 4 * 2
    for column, row, next_column, next_row, name, number in edges:
        assert int(next_column) == int(column) + 1
        weight = network.layers[int(column)].neurons[int(next_row)].weights[int(row)]
        assert (name, float(number)) == (weight.label, weight.data)


def test_gradients_after_backward() -> None:
    network = article()
    assert not any("grad" in line for shape in shapes(network).values() for line in shape.tooltip)
    ((1 - network([-2, -1])) ** 2).backward()
    w1 = network.parameters()[0]
    found = shapes(network, gradients=True, digits=4)
    assert found["weight-w1"].tooltip[1] == f"grad {w1.grad!r}"
    assert f"grad {w1.grad:.4f}".replace("-", "−") in words(found, "label")
    assert any(line.startswith("grad ") for line in words(found, "bias"))
    assert not any("grad" in line for line in words(shapes(network), "label"))


def test_russian_words_and_names_of_inputs() -> None:
    found = shapes(MLP(2, [3, 3, 1]), language="ru", inputs=["вес, фунты", "рост"])
    assert words(found, "title") == ["входы", "скрытый слой 1", "скрытый слой 2", "выход"]
    assert words(found, "name") == ["вес, фунты"]
    assert [shape.texts for shape in of(found, "input-layer").values()] == [["x1"], ["рост"]]  # what fits stands inside
    assert words(found, "legend") == ["вес > 0", "вес < 0", "чем толще, тем больше |вес|"]


@pytest.mark.parametrize(
    ("n", "word"),
    [(1, "нейрон"), (2, "нейрона"), (5, "нейронов"), (11, "нейронов"), (21, "нейрон"), (104, "нейрона")],
)  # fmt: skip
def test_russian_numerals(n: int, word: str) -> None:
    assert plural(n, WORDS["ru"]["neurons"]) == word


@pytest.mark.parametrize("n", [1, 2, 21, 101])
def test_english_numerals(n: int) -> None:
    assert plural(n, WORDS["en"]["neurons"]) == ("neuron" if n == 1 else "neurons")


def test_a_wide_network_stays_readable() -> None:
    found = shapes(MLP(784, [100, 10]))
    assert words(found, "count") == ["777 more", "93 more", "3 more"]
    assert words(found, "activation") == ["relu", "100 neurons", "linear", "10 neurons"]
    assert [s.texts[0] for s in of(found, "neuron").values()] == [
        *(f"x{i}" for i in (1, 2, 3, 4, 5, 6, 784)), *(f"h{i}" for i in (1, 2, 3, 4, 5, 6, 100)),
        *(f"o{i}" for i in (1, 2, 3, 4, 5, 6, 10)),
    ]  # fmt: skip
    assert of(found, "more").keys() == {"more-0", "more-1", "more-2"}
    assert found["more-1"].tooltip == ["h7 … h99"]
    assert len(of(found, "weight")) == 2 * 49
    assert not words(found, "label")
    assert found["weight-w784"].tooltip[0].startswith("weight w784 = ")  # the last input of h1


def test_a_neuron_and_a_layer() -> None:
    found = shapes(Neuron(3, "tanh"))
    assert (words(found, "title"), words(found, "activation")) == (["inputs", "output"], ["tanh"])
    assert len(of(found, "weight")) == 3
    assert len(of(shapes(Layer(3, 4)), "weight")) == 12


@pytest.mark.parametrize("x", [0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7e308])
def test_numbers_of_every_kind(x: float) -> None:
    neuron = Neuron(2)
    neuron.weights[0].data = neuron.bias.data = x
    neuron.weights[1].data = 1e300
    found = shapes(neuron)
    shape = found["weight-w1"]
    assert shape.tooltip[0] == f"weight w1 = {x!r}"
    assert shape.classes[-1] == ("zero" if x == 0 else "positive" if math.isfinite(x) else "broken")
    assert 0.8 <= shape.pen <= 4.0


# --- a network that was run ---------------------------------------------------------------------------------------


def by_hand() -> dict[str, Value]:
    """The article's network as one writes it oneself."""
    v = {name: Value(1.0, name) for name in ("w1", "w2", "w3", "w4", "w5", "w6")}
    v |= {name: Value(0.0, name) for name in ("b1", "b2", "b3")}
    v |= {"x1": Value(-2.0, "x1"), "x2": Value(-1.0, "x2")}
    v["h1"] = sigmoid(v["w1"] * v["x1"] + v["w2"] * v["x2"] + v["b1"])
    v["h2"] = sigmoid(v["w3"] * v["x1"] + v["w4"] * v["x2"] + v["b2"])
    v["ypred"] = sigmoid(v["w5"] * v["h1"] + v["w6"] * v["h2"] + v["b3"])
    v["L"] = (1 - v["ypred"]) ** 2
    for name, value in v.items():
        value.label = name
    return v


def test_the_article_by_hand() -> None:
    v = by_hand()
    v["L"].backward()
    found = shapes(Graph(v["L"]), digits=4)
    assert [shape.texts for shape in of(found, "neuron").values()] == [
        ["x1", "−2.0000"], ["x2", "−1.0000"], ["h1", "0.0474"], ["h2", "0.0474"], ["ypred", "0.5237"],
    ]  # fmt: skip
    assert found["neuron-h1"].tooltip[:3] == ["h1", repr(v["h1"].data), "sigmoid"]
    for name in ("w1", "w2", "w3", "w4", "w5", "w6"):
        assert found[f"weight-{name}"].tooltip == [f"weight {name} = 1.0", f"grad {v[name].grad!r}"]


def test_a_graph_and_its_module_are_the_same_network() -> None:
    network = MLP(3, [4, 2, 1], "tanh", "linear", seed=1)
    run = from_graph(Graph(network([1.0, 1.0, 2.0])))
    still = from_module(network)
    assert [[unit._replace(data=None) for unit in layer] for layer in run.layers] == still.layers
    assert [(s.name, s.data) for s in run.inputs] == [("x1", 1.0), ("x2", 1.0), ("x3", 2.0)]


def test_weights_stand_by_what_they_multiply_not_by_their_order() -> None:
    x1, x2 = Value(1.0, "x1"), Value(2.0, "x2")
    w = [Value(float(i), f"w{i}") for i in range(1, 9)]
    h1 = sigmoid(w[0] * x1 + w[1] * x2)
    h2 = sigmoid(w[2] * x1 + w[3] * x2)
    network = from_graph(Graph(sigmoid(w[5] * h2 + w[4] * h1)))
    first = [unit.weights[0].name for unit in network.layers[0]]
    assert [p.name for p in network.layers[1][0].weights] == [{"w1": "w5", "w3": "w6"}[name] for name in first]


def test_what_is_no_network() -> None:
    x = Value(1.0, "x")
    with pytest.raises(InputError, match="no neurons in exp1"):
        network_digraph(Graph(x.exp()))
    model = article()
    with pytest.raises(InputError, match=r"no chain of layers.*draw one sample"):
        network_digraph(Graph(model([1, 2]) + model([3, 4])))
    a, b = Value(1.0, "a"), Value(2.0, "b")
    with pytest.raises(InputError, match="plain numbers for weights"):
        network_digraph(Graph(sigmoid(nn.functions.dot([2.0, a], [x, b]))))


# --- modules of one's own -----------------------------------------------------------------------------------------


class Own(Module):
    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)


def test_modules_that_keep_layers() -> None:
    first, second = Layer(2, 3), Layer(3, 1)
    apart = Own(front=first, note="x", back=second)
    listed = Own(layers=[first, second])
    neurons = Own(layers=[first.neurons, tuple(second.neurons)])
    nested = Own(parts={"a": Own(inner=first), "b": second})
    expected = [[3], [1]]
    for module in (apart, listed, neurons, nested):
        assert [[len(layer)] for layer in from_module(module).layers] == expected
        assert len(of(shapes(module), "weight")) == 9
    assert len(from_module(Own(encoder=MLP(4, [2]), decoder=MLP(2, [4]))).layers) == 2


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Own(w=Value(1.0)), r"Own has no layers of neurons to draw; keep them in a list"),
        (Own(h1=Neuron(2), h2=Neuron(2), o1=Neuron(2)), r"neurons h1, h2, o1 each by itself.*\[\[h1, h2\], \[o1\]\]"),
        (Own(a=Layer(2, 3), b=Layer(2, 1)), r"a neuron of layer 2 has 2 weights, and layer 1 has neurons: 3"),
        (Own(a=[Neuron(2), Neuron(3)]), r"a neuron of layer 1 has 3 weights, and its first neuron has 2"),
    ],
)
def test_modules_that_do_not_say_what_reads_what(module: Module, said: str) -> None:
    with pytest.raises(InputError, match=said):
        network_digraph(module)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"digits": -1}, "digits is -1"), ({"digits": 18}, "digits is 18"), ({"scheme": "blue"}, "'light' or 'dark'"),
        ({"orientation": "RL"}, "'LR' or 'TB'"), ({"language": "de"}, "'en' or 'ru'"), ({"most": 2}, "at least 3"),
        ({"inputs": ["a"]}, "inputs has 1 names for a network of 2 inputs"),
    ],
)  # fmt: skip
def test_arguments_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        network_digraph(article(), **options)


@pytest.mark.parametrize(
    ("network", "options"), [(3, {}), ([Neuron(2)], {}), (Value(1.0), {}), (Neuron(2), {"inputs": "ab"})]
)
def test_wrong_kinds(network: Any, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"wants a Module|list of names"):
        network_digraph(network, **options)


# --- places -------------------------------------------------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    orientation=st.sampled_from(["LR", "TB"]),
    digits=st.sampled_from([0, 2, 4, 17]),
    gradients=st.booleans(),
)
@settings(max_examples=25)
def test_columns_are_straight_in_order_and_nothing_touches(
    sizes: list[int], orientation: str, digits: int, gradients: bool
) -> None:
    network = MLP(sizes[0], sizes[1:], seed=1)
    found = shapes(network, orientation=orientation, digits=digits, gradients=gradients)
    circles = [s for s in found.values() if "neuron" in s.classes or "more" in s.classes]
    along = (lambda s: s.x) if orientation == "LR" else (lambda s: s.y)
    across = (lambda s: s.y) if orientation == "LR" else (lambda s: s.x)
    columns: dict[float, list[Shape]] = {}
    for circle in circles:
        columns.setdefault(along(circle), []).append(circle)
    assert [len(column) for column in columns.values()] == [min(size, 8) for size in sizes]
    assert list(columns) == sorted(columns)
    for column in columns.values():
        places = [across(circle) for circle in column]
        assert places == sorted(places)
        assert len({round(b - a, 1) for a, b in pairwise(places)}) <= 1
    middles = {round(sum(map(across, column)) / len(column), 1) for column in columns.values()}
    assert max(middles) - min(middles) < 0.2

    boxes = [s.box for s in found.values() if s.box and {"label", "bias", "count"} & set(s.classes)]
    boxes += [Box(circle.x, circle.y, 46, 46) for circle in circles]
    slack = [box._replace(width=box.width - 0.1, height=box.height - 0.1) for box in boxes]  # the SVG rounds
    assert not [(a, b) for a, b in combinations(slack, 2) if overlap(a, b)]


def test_each_label_lies_on_its_own_line() -> None:
    network = MLP(4, [3, 3], seed=1)
    found = shapes(network)
    names = {s.texts[0].split(" ")[0]: s.box for s in of(found, "label").values()}
    assert len(names) == 21
    inputs = list(of(found, "input-layer").values())
    for layer, before, after in (
        (network.layers[0], inputs, of(found, "hidden-layer")),
        (network.layers[1], list(of(found, "hidden-layer").values()), of(found, "output-layer")),
    ):
        for neuron, head in zip(layer.neurons, after.values(), strict=True):
            for weight, tail in zip(neuron.weights, before, strict=True):
                box = names[weight.label or ""]
                assert box is not None
                part = (box.x - tail.x) / (head.x - tail.x)
                assert 0.1 < part < 0.9
                assert box.y == pytest.approx(tail.y + part * (head.y - tail.y), abs=0.1)


COORDINATE = st.floats(0, 300)


@given(st.lists(st.builds(Line, COORDINATE, COORDINATE, COORDINATE, COORDINATE), max_size=8))
def test_spots_never_touch(lines: list[Line]) -> None:
    taken = [Box(150, 150, 40, 40)]
    placed = spots(lines, [(30, 12)] * len(lines), taken)
    if placed is not None:
        assert len(placed) == len(lines)
        assert not [pair for pair in combinations([*placed, *taken], 2) if overlap(*pair)]
        for box, line in zip(placed, lines, strict=True):
            lengths = math.dist((line.x1, line.y1), (box.x, box.y)), math.dist((line.x2, line.y2), (box.x, box.y))
            assert sum(lengths) == pytest.approx(math.dist((line.x1, line.y1), (line.x2, line.y2)), abs=1e-6)


def test_where_there_is_no_room_there_are_no_spots() -> None:
    assert spots([Line(0, 0, 10, 0)], [(30, 12)], [Box(5, 0, 100, 100)]) is None
    assert spots([Line(0, 0, 10, 0)] * 3, [(30, 12)] * 3, []) is None


# --- text and colours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_harmless(text: str) -> None:
    network = article()
    network.layers[0].neurons[0].output_label = network.layers[0].neurons[1].output_label = text
    for parameter in network.parameters():
        parameter.label = text
    source = lay_out(network_digraph(network, inputs=[text, text], gradients=True).source, "svg").decode()
    root = ElementTree.fromstring(source)
    assert not [element for element in root.iter() if "script" in element.tag]
    found = shapes(network, inputs=[text, text])
    assert len(of(found, "neuron")) == 5
    assert len(of(found, "weight")) == 6
    assert all(re.fullmatch(r"[A-Za-z][\w-]*", key, re.ASCII) for key in found)
    shown = found["neuron-1-0"].tooltip[0]
    assert shown == text.encode("unicode_escape").decode() if text == "new\nline" else shown.endswith(text[-3:])


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_can_be_read(scheme: str) -> None:
    colours = COLOURS[scheme]
    for name in ("ink", "pale", "positive", "negative", "zero", "broken"):
        assert contrast(colours[name], colours["paper"]) >= 4.5
    for name in ("input", "hidden", "output"):
        assert contrast(colours["ink"], colours[name]) >= 4.5
        assert contrast(colours[f"{name} line"], colours["paper"]) >= 3


def test_the_schemes_are_used() -> None:
    for scheme, colours in COLOURS.items():
        source = network_digraph(article(), scheme=scheme).source
        assert set(re.findall(r"#[0-9a-f]{6}", source)) <= set(colours.values())
        assert f'bgcolor="{colours["paper"]}"' in source


def test_the_same_each_time() -> None:
    network = MLP(4, [3, 3], seed=1)
    first, second = (lay_out(network_digraph(network).source, "svg") for _ in range(2))
    assert first == second
