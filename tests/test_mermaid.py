"""Mermaid's flowchart text: read back by a small grammar, with any label in it."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from microgradnet import Value, relu, sigmoid, where
from microgradnet.drawing.mermaid import MOST_ARROWS, NOT_RUN, in_mermaid, mermaid
from microgradnet.drawing.text import shorten
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.nn import MLP

BOX = re.compile(r'(\w+)(\[\[|\[|\(|\{\{|>)"((?:[\w \u00d7\u2212.]|#\d+;|<br/>)*)"(\]\]|\]|\)|\}\}|\])')
ARROW = re.compile(r"(n\d+) (-->|-\.->) (n\d+)")
STYLE = re.compile(r"classDef (\w+) ((?:[a-z-]+:[#\w ]+)(?:,[a-z-]+:[#\w ]+)*)")
MEMBERS = re.compile(r"class (\w+(?:,\w+)*) (\w+)")
PAIRS = {"[": "]", "[[": "]]", "(": ")", "{{": "}}", ">": "]"}


class Chart(NamedTuple):
    direction: str
    lines: dict[str, list[str]]
    arrows: list[tuple[str, str, str]]
    styles: dict[str, str]
    kinds: dict[str, str]


def decoded(label: str) -> list[str]:
    """The lines of a label as Mermaid shows them; the word joiner is nothing that one sees."""
    lines = label.split("<br/>")
    return [re.sub(r"#(\d+);", lambda code: chr(int(code[1])), line).replace("\u2060", "") for line in lines]


def read(text: str) -> Chart:
    """Every line is one of four kinds, ids are ours and unique, what is named is there."""
    head, *rest = text.removesuffix("\n").split("\n")
    direction = re.fullmatch(r"flowchart (LR|TB)", head)
    assert direction
    chart = Chart(direction[1], {}, [], {}, {})
    for line in rest:
        assert line.startswith("    ")
        line = line[4:]
        if found := BOX.fullmatch(line):
            key, opening, label, closing = found.groups()
            assert PAIRS[opening] == closing
            assert key not in chart.lines
            chart.lines[key] = decoded(label)
        elif found := ARROW.fullmatch(line):
            tail, kind, to = found.groups()
            chart.arrows.append((tail, kind, to))
        elif found := STYLE.fullmatch(line):
            chart.styles[found[1]] = found[2]
        else:
            found = MEMBERS.fullmatch(line)
            assert found, line
            for key in found[1].split(","):
                assert chart.kinds.setdefault(key, found[2]) == found[2]
    assert chart.kinds.keys() == chart.lines.keys()
    assert set(chart.kinds.values()) == chart.styles.keys()
    assert {key for tail, _, to in chart.arrows for key in (tail, to)} <= chart.lines.keys()
    return chart


def test_the_articles_network_with_its_numbers() -> None:
    model = MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=6)
    L = (1 - model([Value(-2.0, "x1"), Value(-1.0, "x2")])) ** 2
    L.label = "L"
    L.backward()
    graph = Graph(L)
    chart = read(mermaid(graph, digits=6))
    assert chart.lines.keys() == {f"n{i}" for i in range(len(graph))}
    for i, node in enumerate(graph.nodes):
        shown = [line.replace("−", "-") for line in chart.lines[f"n{i}"]]
        assert shown[-2:] == [f"data {node.data:.6f}", f"grad {node.grad:.6f}"]
        if node.label:
            assert shown[0] == node.label
    kinds = {chart.lines[key][0]: kind for key, kind in chart.kinds.items()}
    assert {name: kinds[name] for name in ("w1", "b3", "x1", "h1", "L")} == {
        "w1": "parameter", "b3": "parameter", "x1": "input", "h1": "result", "L": "root",
    }  # fmt: skip
    uses = [(f"n{o}", f"n{i}") for i, operands in enumerate(graph.operands) for o in operands if type(o) is int]
    assert [(tail, to) for tail, _, to in chart.arrows] == uses
    assert all(kind == "-->" for _, kind, _ in chart.arrows)


def test_before_backward_there_is_a_warning() -> None:
    y = Value(3.0, "x") * 2
    assert read(mermaid(Graph(y))).lines["warning"] == [NOT_RUN]
    y.backward()
    assert "warning" not in read(mermaid(Graph(y))).lines


def test_where_no_gradient_goes_back_arrows_are_dotted() -> None:
    x = Value(1.0, "x")
    y = where(x > 0, x * 2, x.exp())
    y.backward()
    graph = Graph(y)
    chart = read(mermaid(graph, orientation="TB"))
    assert chart.direction == "TB"
    assert chart.lines[f"n{graph.operations.index('gt')}"] == ["> 0", "data true"]
    dotted = {
        (graph.operations[int(a[1:])], graph.operations[int(b[1:])]) for a, kind, b in chart.arrows if "." in kind
    }
    assert dotted == {("", "gt"), ("gt", "where"), ("exp", "where")}


def test_a_value_used_twice_has_two_arrows() -> None:
    x = Value(3.0, "x")
    assert read(mermaid(Graph(x * x))).arrows == [("n0", "-->", "n1")] * 2


HOSTILE = [
    'a "b"', "<script>alert(1)</script>", "back\\slash \\n", "{a|b}[c](d)", "new\nline", "$$x^2$$", "\u202eעברית", "🧠",
    "style a:b #quot; c;", "%%{init: {}}%%", "%% x", "`md` **b** _i_", "1. item", "- item", "# head", "end", "#35;",
    "&lt;b&gt;", "fa:fa-car", "---", "ﬂ°°60¶ß", 'click n0 "javascript:alert(1)"', "n0 --> n1", "\u2060",
]  # fmt: skip


@given(st.text(min_size=1, max_size=30))
def test_any_label_comes_back_as_it_was(label: str) -> None:
    x = Value(1.0, label)
    y = sigmoid(x)
    chart = read(mermaid(Graph(y)))
    assert chart.lines["n0"] == [shorten(label), "leaf", "data 1.0000", "grad 0.0000"]
    assert chart.arrows == [("n0", "-->", "n1")]


for label in HOSTILE:
    test_any_label_comes_back_as_it_was = example(label)(test_any_label_comes_back_as_it_was)


@pytest.mark.parametrize(
    ("label", "never"),
    [
        ("a\\nb", "\\n"), ("$$x$$", "$$"), ("fa:fa-car", ":fa"), ("ﬂ°°60¶ß", "ﬂ°"), ("ﬂ°°60¶ß", "¶ß"), ("$$$", "$$"),
        ("\\\\n", "\\n"),
    ],
)  # fmt: skip
def test_what_mermaid_looks_for_after_decoding_is_parted(label: str, never: str) -> None:
    """It reads these in the text that it has decoded, so codes alone do not help."""
    shown = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), in_mermaid(label))
    assert never not in shown
    assert shown.replace("\u2060", "") == label


def test_too_many_arrows_are_refused_with_a_cure() -> None:
    y = Value(1.0, "x")
    for _ in range(MOST_ARROWS):
        y = relu(y)
    assert len(read(mermaid(Graph(y))).arrows) == 500
    with pytest.raises(InputError, match=r"has 501 arrows, and Mermaid draws at most 500; draw a part"):
        mermaid(Graph(relu(y)))


def test_too_long_a_text_is_refused() -> None:
    y = Value(1.0, "x")
    for i in range(300):
        y = relu(y)
        y.label = f"{i}{'%' * 39}"
    with pytest.raises(InputError, match=r"letters of text, and Mermaid reads at most 50,000"):
        mermaid(Graph(y))


@pytest.mark.parametrize(("options", "said"), [({"digits": -1}, "digits is -1"), ({"orientation": "RL"}, "'LR'")])
def test_arguments_out_of_range(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mermaid(Graph(Value(1.0)), **options)  # type: ignore[arg-type]
