"""A Graph and its gradients as DOT: one record per node, one edge per use, frames around neurons and layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.drawing import text
from microgradnet.structure import Neuron, layers, neurons, uses
from microgradnet.ops import COMPARISONS, row_of

if TYPE_CHECKING:
    import graphviz

    from microgradnet.graph import Graph

__all__ = ["digraph"]

REPEATED = 20  # a leaf with more uses is drawn once per use: one node with hundreds of edges stops the engines

NOT_RUN = "backward() has not run: every grad is still 0"
FONT = {"fontname": "Arial", "fontcolor": "#1f2933"}
# Told apart without colour too: by corners (a leaf's are square), by line, and by the word in the record.
STYLES = {
    "parameter": {"style": "filled", "fillcolor": "#fff3d1", "color": "#b7791f"},
    "input": {"style": "filled", "fillcolor": "#e1eefb", "color": "#2f6fae"},
    "leaf": {"style": "filled", "fillcolor": "#eef1f4", "color": "#64748b"},
    "result": {"style": "rounded,filled", "fillcolor": "#ffffff", "color": "#64748b"},
    "condition": {"style": "rounded,filled,dashed", "fillcolor": "#ffffff", "color": "#64748b"},
    "root": {"style": "rounded,filled", "fillcolor": "#e2f4e6", "color": "#2f855a", "penwidth": "2"},
}
NEURON = {"class": "neuron", "style": "rounded,filled", "fillcolor": "#f6f8fa", "color": "#b6c2cf"}
EDGES = {"parameter": "#c99a4b", "input": "#5b93c9", "result": "#64748b"}
LAYER = {"class": "layer", "style": "rounded,dashed", "color": "#93a1b0"}


class _Box(NamedTuple):
    """One record of the picture: a node, or one use of a leaf that is drawn once per use."""

    key: str
    frame: int | None  # the output of the neuron that it stands in
    attributes: dict[str, str]


class _Subject(NamedTuple):
    """What is drawn and how: read by every part, changed by none."""

    graph: Graph
    readers: list[list[int]]
    grads: list[float | None]  # None for a Condition
    roles: list[str]  # weight, bias, input or leaf; "" for a result
    frames: dict[int, int]  # node to the output of its neuron
    digits: int
    orientation: str


def digraph(graph: Graph, *, digits: int = 4, orientation: str = "LR") -> graphviz.Digraph:
    """The picture of `graph` as DOT, with the `.grad` that its nodes hold. `orientation` is "LR" or "TB".

    Ids and classes (`id="n-3"`, `class="node parameter"`) reach the SVG, so that CSS can restyle it.
    """
    import graphviz

    found = neurons(graph)
    grads = [None if op in COMPARISONS else node.grad for op, node in zip(graph.operations, graph.nodes, strict=True)]
    frames = {i: neuron.output for neuron in found for i in neuron.members}
    subject = _Subject(graph, uses(graph), grads, _roles(graph, found), frames, digits, orientation)
    boxes: dict[int | None, list[_Box]] = {}
    for box in _boxes(subject):
        boxes.setdefault(box.frame, []).append(box)
    if orientation == "LR":  # inside of frames engines go from the bottom up, outside from the top down
        boxes = {frame: members if frame is None else members[::-1] for frame, members in boxes.items()}

    dot = graphviz.Digraph("graph")
    dot.attr("graph", rankdir=orientation, ranksep="0.6", nodesep="0.22", pad="0.2", bgcolor="white", **FONT)
    dot.attr("graph", remincross="false")  # a last pass for crossings, which shuffles weights: w2, b1, w1
    dot.attr("node", shape="record", fontsize="12", margin="0.12,0.06", height="0.2", **FONT)
    dot.attr("edge", arrowsize="0.6")
    if not any(grads):
        dot.attr("graph", label=NOT_RUN, labelloc="t", fontsize="14", fontcolor="#b42318")

    for members in layers(found):
        if len(members) == 1:
            _draw_neuron(dot, graph, members[0], boxes)
            continue
        labels = [graph.labels[neuron.output] for neuron in members]
        caption = "layer " + ", ".join(label or "·" for label in labels) if any(labels) else "layer"
        with dot.subgraph(name=f"cluster_layer_{members[0].output}") as frame:
            _style(frame, f"layer-{members[0].output}", caption, LAYER)
            for neuron in members:
                _draw_neuron(frame, graph, neuron, boxes)
    _draw_boxes(dot, boxes.get(None, []))
    for tail, head, attributes in _edges(subject):
        dot.edge(tail, head, **attributes)
    return dot


def _draw_neuron(dot: Any, graph: Graph, neuron: Neuron, boxes: dict[int | None, list[_Box]]) -> None:
    with dot.subgraph(name=f"cluster_neuron_{neuron.output}") as frame:
        _style(frame, f"neuron-{neuron.output}", graph.labels[neuron.output] or "neuron", NEURON)
        _draw_boxes(frame, boxes[neuron.output])


def _style(frame: Any, key: str, caption: str, style: dict[str, str]) -> None:
    label, tooltip = text.in_label(text.shorten(caption)), text.in_tooltip(caption)
    frame.attr(
        "graph", label=label, tooltip=tooltip, id=key, fontsize="13", labeljust="l", margin="12", **FONT, **style
    )


def _draw_boxes(dot: Any, boxes: list[_Box]) -> None:
    for box in boxes:
        dot.node(box.key, **box.attributes)


def _roles(graph: Graph, found: list[Neuron]) -> list[str]:
    roles = ["" if operation else "leaf" for operation in graph.operations]
    for neuron in found:
        for role, places in (("input", neuron.inputs), ("weight", neuron.weights), ("bias", (neuron.bias,))):
            for i in places:
                if type(i) is int and roles[i] in ("leaf", "input"):
                    roles[i] = role
    return roles


# --- boxes --------------------------------------------------------------------------------------------------------


def _boxes(subject: _Subject) -> Iterator[_Box]:
    for i, operands in enumerate(subject.graph.operands):
        if not _repeated(subject, i):
            yield _Box(f"n{i}", subject.frames.get(i), _record(subject, i, f"n-{i}"))
        for place, operand in enumerate(operands):
            if type(operand) is int and _repeated(subject, operand):
                frame = subject.frames.get(i) if _is_parameter(subject, operand) else None
                record = _record(subject, operand, f"n-{operand}-{i}-{place}")
                yield _Box(_key(subject, i, place, operand), frame, record)


def _repeated(subject: _Subject, i: int) -> bool:
    return subject.graph.operations[i] == "" and len(subject.readers[i]) > REPEATED


def _is_parameter(subject: _Subject, i: int) -> bool:
    return subject.roles[i] in ("weight", "bias")


def _key(subject: _Subject, reader: int, place: int, operand: int) -> str:
    """The DOT name of the box that node `reader` reads at `place`."""
    return f"n{operand}_{reader}_{place}" if _repeated(subject, operand) else f"n{operand}"


def _kind(subject: _Subject, i: int) -> str:
    role, operation = subject.roles[i], subject.graph.operations[i]
    if role:
        return "parameter" if _is_parameter(subject, i) else role
    if operation in COMPARISONS:
        return "condition"
    return "root" if i == len(subject.graph) - 1 else "result"


def _record(subject: _Subject, i: int, key: str) -> dict[str, str]:
    """A name and what it is, side by side; then a weighted sum's constants; then data and grad."""
    graph, kind = subject.graph, _kind(subject, i)
    name, what = graph.labels[i], _what(subject, i)
    numbers = [f"data {_shown(graph.data[i], subject.digits)}"]
    tooltip = [graph.names[i], *_meaning(graph.operations[i]), *what, f"data {graph.data[i]!r}"]
    grad = subject.grads[i]
    if grad is not None:
        numbers.append(f"grad {_shown(grad, subject.digits)}")
        tooltip.append(f"grad {grad!r}")

    head, *more = (text.in_record(text.shorten(line)) for line in what)
    if name:
        head = f"{{{text.in_record(text.shorten(name))}|{head}}}"
    lines = "".join(f"{text.in_record(line)}\\l" for line in numbers)
    label = "|".join((head, *more, lines))
    if subject.orientation == "TB":  # fields run along the ranks: across in TB, unless turned by braces
        label = f"{{{label}}}"
    return {"label": label, "tooltip": text.in_tooltip(*tooltip), "id": key, "class": kind, **STYLES[kind]}


def _what(subject: _Subject, i: int) -> tuple[str, ...]:
    graph, role = subject.graph, subject.roles[i]
    if role:
        return (f"{role}, {len(subject.readers[i]):,} uses",) if _repeated(subject, i) else (role,)
    return text.operation(graph.operations[i], graph.operands[i], subject.digits)


def _meaning(operation: str) -> tuple[str, ...]:
    return (f"{operation}: {row_of(operation).doc}",) if operation and operation not in COMPARISONS else ()


def _shown(x: float | bool, digits: int) -> str:
    return str(x).lower() if isinstance(x, bool) else text.number(x, digits)


# --- edges --------------------------------------------------------------------------------------------------------


def _edges(subject: _Subject) -> Iterator[tuple[str, str, dict[str, str]]]:
    graph = subject.graph
    for i, operands in enumerate(graph.operands):
        # those of the forward pass that ran, to which the grads belong, whatever became of the data since
        partials = (None,) * len(operands) if graph.operations[i] in COMPARISONS else graph.nodes[i].partials
        for place, (operand, partial) in enumerate(zip(operands, partials, strict=True)):
            if type(operand) is int:
                yield _key(subject, i, place, operand), f"n{i}", _edge(subject, i, place, operand, partial)


def _edge(subject: _Subject, reader: int, place: int, operand: int, partial: float | None) -> dict[str, str]:
    """Dashed where no gradient goes back: to and from a condition, and to what a selection did not take.

    An edge inside a neuron is kept short and straight; one into it leaves a column free for the weights.
    """
    names, frames = subject.graph.names, subject.frames
    sent = "no gradient goes back" if partial is None else f"local derivative {partial!r}"
    edge = {
        "id": f"e-{operand}-{reader}-{place}",
        "tooltip": text.in_tooltip(f"{names[operand]} → {names[reader]}", sent),
        "color": EDGES.get(_kind(subject, operand), EDGES["result"]),
    }
    if partial is None:
        edge["style"] = "dashed"
    frame = frames.get(reader)
    if frame is not None:
        inside = frames.get(operand) == frame or (_repeated(subject, operand) and _is_parameter(subject, operand))
        edge |= {"weight": "8"} if inside else {"minlen": "2"}
    return edge
