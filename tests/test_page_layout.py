"""Where the page's picture puts things: layers in columns, arrows from box to box, nothing upon anything else."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Value, nn
from microgradnet.article import PEOPLE
from microgradnet.drawing.page.forms import form, plain
from microgradnet.drawing.page.layout import Arrow, Box, Frame, Layout, arrange
from microgradnet.drawing.page.picture import _parts, _stacks, pictures, subject_of
from microgradnet.exhibit import POINT, network
from microgradnet.graph import Graph
from microgradnet.ops import TABLE


def laid_out(root: Value) -> tuple[Graph, Layout, list[Arrow]]:
    subject = subject_of(Graph(root), 4)
    boxes, arrows, _ = _parts(subject, list(range(len(subject.graph))))
    stacks = _stacks(subject, {box.key for box in boxes})
    return subject.graph, arrange(boxes, arrows, stacks, engine="graphviz-pure"), arrows


def loss(inputs: int, sizes: list[int]) -> Value:
    model = nn.MLP(inputs, sizes, activation="tanh", output="tanh", seed=1)
    out = model([Value(float(i), f"x{i}") for i in range(inputs)])
    total: Value = sum(((o - 1) ** 2 for o in (out if isinstance(out, list) else [out])), Value(0.0, "none"))
    return total


def middle(box: Frame) -> float:
    return box.y + box.height / 2


def overlap(a: Frame, b: Frame) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def within(inner: Frame, outer: Frame) -> bool:
    return (
        outer.x <= inner.x
        and inner.x + inner.width <= outer.x + outer.width + 0.2
        and outer.y <= inner.y
        and inner.y + inner.height <= outer.y + outer.height + 0.2
    )


def test_the_article_s_network_stands_as_one_draws_it() -> None:
    graph, sheet, _ = laid_out(network(POINT, PEOPLE[0])["L"])
    at = {name: sheet.boxes[f"n-{i}"] for i, name in enumerate(graph.names)}
    frames = {name: sheet.frames[str(graph.names.index(name))] for name in ("h1", "h2", "ypred")}
    assert frames["h1"].x == frames["h2"].x
    assert frames["h1"].y < frames["h2"].y
    assert max(frames["h1"].x + frames["h1"].width, at["h1"].x) < frames["ypred"].x
    between = (middle(frames["h1"]) + middle(frames["h2"])) / 2
    assert abs(middle(frames["ypred"]) - between) <= 1.0
    assert at["x1"].x == at["x2"].x < min(frame.x for frame in frames.values())
    assert at["x1"].y < at["x2"].y
    for one, above in itertools.pairwise(("b1", "w2", "w1")):
        assert at[one].y > at[above].y
    assert at["L"].x == max(box.x for box in at.values())


@settings(max_examples=15, deadline=None)
@given(inputs=st.integers(1, 4), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_networks_of_any_shape(inputs: int, sizes: list[int]) -> None:
    graph, sheet, arrows = laid_out(loss(inputs, sizes))
    assert not [pair for pair in itertools.combinations(sheet.boxes.values(), 2) if overlap(*pair)]
    assert not [pair for pair in itertools.combinations(sheet.frames.values(), 2) if overlap(*pair)]
    sheet_itself = Frame(0, 0, sheet.width, sheet.height)
    assert all(within(box, sheet_itself) for box in [*sheet.boxes.values(), *sheet.frames.values()])
    for arrow in arrows:
        points, _ = sheet.arrows[arrow.key]
        curve, tip = points[:-1], points[-1]
        assert len(curve) % 3 == 1  # a Bézier spline
        tail, head = sheet.boxes[arrow.tail], sheet.boxes[arrow.head]
        near = 1.5
        for (x, y), box in ((curve[0], tail), (tip, head)):
            assert within(
                Frame(x, y, 0, 0), Frame(box.x - near, box.y - near, box.width + 2 * near, box.height + 2 * near)
            )
        assert curve[-1] != tip  # or its head would point nowhere
    reached, columns = -1.0, 0
    for frame in sorted(sheet.frames.values(), key=lambda frame: frame.x):  # those of one layer stand below each other
        columns += frame.x > reached
        reached = max(reached, frame.x + frame.width)
    assert columns == len(sizes)
    assert len(graph) == len(sheet.boxes)


def test_it_is_the_same_every_time() -> None:
    root = loss(3, [3, 2])
    assert laid_out(root)[1] == laid_out(root)[1]
    views = pictures(subject_of(Graph(root), 4), engine="graphviz-pure")
    assert [view.svg for view in views] == [
        view.svg for view in pictures(subject_of(Graph(root), 4), engine="graphviz-pure")
    ]


def test_boxes_alone_and_an_arrow_past_a_frame() -> None:
    boxes = [Box("a", 60, 40), Box("w", 60, 40, "f"), Box("s", 60, 40, "f"), Box("z", 60, 40)]
    arrows = [Arrow("1", "w", "s", 20), Arrow("2", "a", "s", 20, 0), Arrow("3", "s", "z"), Arrow("4", "a", "z")]
    sheet = arrange(boxes, arrows, engine="graphviz-pure")
    assert sheet.boxes["a"].x < sheet.frames["f"].x < sheet.boxes["w"].x < sheet.boxes["s"].x < sheet.boxes["z"].x
    assert set(sheet.arrows) == {"1", "2", "3", "4"}
    alone = arrange([Box("a", 60, 40)], [], engine="graphviz-pure")
    assert alone.boxes["a"] == Frame(0, 0, 60, 40)


@pytest.mark.parametrize(
    ("op", "operands", "names", "written"),
    [
        ("mul", (0, -2.0), ["w1", ""], "w1 · (−2)"),
        ("add", (0, 1), ["a b", "c"], "a b + c"),
        ("sub", (0, 1), ["a", "b + c"], "a − (b + c)"),
        ("sub", (0, 1), ["a + b", "c"], "a + b − c"),
        ("mul", (0, 1), ["1 − y", "x"], "(1 − y) x"),
        ("relu", (0,), ["a b + a"], "relu(a b + a)"),
        ("exp", (0,), ["a + b"], "e^(a + b)"),
        ("pow_const", (0, 2.0), ["y − p", ""], "(y − p)²"),
        ("pow_const", (0, 2.0), ["√(x)", ""], "(√(x))²"),
        ("dot", (0, 1, -2.0, -1.0, 2), ["w1", "w2", "", "", "b"], "w1 · (−2) + w2 · (−1) + b"),
    ],
)
def test_formulas_with_no_more_brackets_than_they_need(
    op: str, operands: tuple[int | float, ...], names: list[str], written: str
) -> None:
    assert plain(form(op, operands)["value"], names) == written


@pytest.mark.parametrize("op", sorted(TABLE))
def test_no_sign_is_followed_by_a_bare_minus(op: str) -> None:
    row = TABLE[op]
    count = 4 if row.variadic else len(row.operands)
    written = form(op, [0, *[-2.0] * (count - 1)])
    texts = [written["value"], written["latex"]["value"], *filter(None, written["slopes"])]
    assert not [text for text in texts if re.search(r"(?:·|/|\\cdot) [−-]\d", text)]
