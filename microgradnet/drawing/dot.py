"""A `Sketch` as DOT: one record per box, with a slot for every arrow that ends there; frames around neurons and layers.

The slots keep arrows apart to their very end, and hold the local derivatives. An arrow into a frame goes through a
point at the frame's near side, which keeps inputs beside the neurons that read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.drawing import text
from microgradnet.drawing.schemes import SCHEMES, shade, strength, width
from microgradnet.drawing.sketch import Arrow, Box, Frame, Sketch

if TYPE_CHECKING:
    import graphviz

__all__ = ["digraph"]

# Kinds are told apart without colour too: by corners (a leaf's are square), by line, and by the word in the record.
LINES = {"condition": "rounded,filled,dashed", "result": "rounded,filled", "root": "rounded,filled,bold"}
NEAR = {"LR": "w", "TB": "n"}  # the side where arrows arrive


class _Entry(NamedTuple):
    """The point where an arrow comes into a frame."""

    key: str
    frame: str
    arrow: Arrow


def digraph(sketch: Sketch) -> graphviz.Digraph:
    """The picture as DOT. Ids and classes (`id="n-3"`, `class="node parameter"`) reach the SVG, so that CSS can
    restyle it."""
    import graphviz

    colours = SCHEMES[sketch.scheme]
    font = {"fontname": "Arial", "fontcolor": colours["ink"]}
    dot = graphviz.Digraph("graph")
    far = 0.45 if len(sketch.arrows) < 3 * len(sketch.boxes) else 1.2  # many lines need room to spread
    dot.attr(
        "graph", rankdir=sketch.orientation, ranksep=str(far), nodesep="0.18", pad="0.2", bgcolor=colours["paper"],
        **font,
    )  # fmt: skip
    dot.attr("graph", remincross="false")  # a last pass for crossings, which shuffles weights: w2, b1, w1
    if sketch.frames and all(frame.kind == "layer" for frame in sketch.frames):
        dot.attr("graph", mclimit="0.1")  # all orders of a layer cross alike: no long search, which begins with h13
    dot.attr("node", shape="record", fontsize="12", margin="0.1,0.05", height="0.2", **font)
    dot.attr("edge", arrowsize="0.6", fontsize="11", fontname="Arial", fontcolor=colours["pale"])
    _caption(dot, sketch)

    entries = _entries(sketch)
    inside = _by_frame(sketch, entries)
    within: dict[str, list[Frame]] = {}
    for frame in sketch.frames:
        within.setdefault(frame.within, []).append(frame)
    _draw_frames(dot, sketch, "", within, inside)
    frames = {box.key: box.frame for box in sketch.boxes}
    for arrow in sketch.arrows:
        close = frames[arrow.tail] == frames[arrow.head] != ""
        _draw_arrow(dot, sketch, arrow, entries.get(arrow.id), close)
    return dot


def _caption(dot: Any, sketch: Sketch) -> None:
    colours = SCHEMES[sketch.scheme]
    lines = "".join(
        text.in_label(line) + "\\l" for line in (*sketch.notices, *(() if sketch.warned else sketch.legend))
    )
    if lines:
        colour = colours["warning"] if sketch.warned else colours["ink"] if sketch.notices else colours["pale"]
        place, size = ("t", "13") if sketch.notices else ("b", "11")
        dot.attr("graph", label=lines, labelloc=place, labeljust="l", fontsize=size, fontcolor=colour)


# --- where things stand -------------------------------------------------------------------------------------------


def _entries(sketch: Sketch) -> dict[str, _Entry]:
    """By the arrow's id, for arrows that come into a frame around a neuron from outside."""
    frames = {box.key: box.frame for box in sketch.boxes}
    kinds = {frame.key: frame.kind for frame in sketch.frames}
    return {
        arrow.id: _Entry("p" + arrow.id.replace("-", "_"), frames[arrow.head], arrow)
        for arrow in sketch.arrows
        if kinds.get(frames[arrow.head]) == "neuron" and frames[arrow.tail] != frames[arrow.head]
    }


def _by_frame(sketch: Sketch, entries: dict[str, _Entry]) -> dict[str, list[Box | _Entry]]:
    """What stands in each frame, in the order of the slots of those who read it."""
    arrows: dict[str, list[Arrow]] = {}
    for arrow in sketch.arrows:
        arrows.setdefault(arrow.head, []).append(arrow)
    boxes = {box.key: box for box in sketch.boxes}
    inside: dict[str, list[Box | _Entry]] = {}
    placed: set[str] = set()
    for box in sketch.boxes:
        if box.key in placed:
            continue
        if box.frame and not arrows.get(box.key) and box.kind in ("parameter", "input", "leaf"):
            continue  # comes with its reader
        members = inside.setdefault(box.frame, [])
        for arrow in arrows.get(box.key, ()) if box.frame else ():
            tail = boxes[arrow.tail]
            if entry := entries.get(arrow.id):
                members.append(entry)
            elif tail.frame == box.frame and tail.key not in placed and not arrows.get(tail.key):
                members.append(tail)
                placed.add(tail.key)
        members.append(box)
        placed.add(box.key)
    return inside


def _draw_frames(
    dot: Any, sketch: Sketch, key: str, within: dict[str, list[Frame]], inside: dict[str, list[Box | _Entry]]
) -> None:
    """The frames in a frame ("": the whole picture) and what stands there; frames are never more than two deep."""
    colours = SCHEMES[sketch.scheme]
    frames = within.get(key, [])
    if key and sketch.orientation == "LR":  # in frames engines go from the bottom up, outside from the top down
        frames = frames[::-1]
    for frame in frames:
        style = (
            {"style": "rounded,filled", "fillcolor": colours["frame"]} if frame.kind == "neuron" else
            {"style": "rounded,dashed"}
        )  # fmt: skip
        with dot.subgraph(name=f"cluster_{frame.key}") as part:
            part.attr(
                "graph", label=text.in_label(text.shorten(frame.caption)), tooltip=text.in_tooltip(frame.caption),
                id=frame.id, labelloc="t", labeljust="l", fontsize="13", fontcolor=colours["ink"], margin="10",
                color=colours["frame line"], **style, **{"class": frame.kind},
            )  # fmt: skip
            _draw_frames(part, sketch, frame.key, within, inside)
    members = inside.get(key, [])
    if key and sketch.orientation == "LR":
        members = members[::-1]
    for member in members:
        if isinstance(member, Box):
            _draw_box(dot, sketch, member)
        else:
            colour = shade(SCHEMES[sketch.scheme], member.arrow.sign, member.arrow.size, sketch.largest)
            dot.node(member.key, label="", shape="point", width="0.045", color=colour, **{"class": "entry"})


def _draw_box(dot: Any, sketch: Sketch, box: Box) -> None:
    colours, kind = SCHEMES[sketch.scheme], box.kind.split()[0]
    largest = sketch.largest
    part = strength(box.size, largest) if box.sign != "broken" else 1.0
    dot.node(
        box.key, _record(box, sketch.orientation), tooltip=text.in_tooltip(*box.tooltip), id=box.id,
        fillcolor=colours[box.kind.split()[-1] if box.kind.endswith(" root") else kind],
        style=LINES.get(kind, "rounded,filled" if kind == "group" else "filled"), penwidth=width(part, 2.0),
        color=shade(colours, box.sign, box.size, largest), **{"class": f"{box.kind} {box.sign}"},
    )  # fmt: skip


def _record(box: Box, orientation: str) -> str:
    """The slots of its arrows; a name and what it is, side by side; a weighted sum's constants; data and grad."""
    head, *more = (text.in_record(text.shorten(line, 60)) for line in box.what)
    if box.name:
        head = f"{{{text.in_record(text.shorten(box.name))}|{head}}}"
    lines = "".join(f"{text.in_record(line)}\\l" for line in box.numbers)
    body = "|".join((head, *more, *([lines] if lines else [])))
    if box.slots:
        slots = "|".join(f"<{port}> {text.in_record(shown)}" for port, shown in box.slots)
        return f"{{{{{slots}}}|{{{body}}}}}" if orientation == "LR" else f"{{{{{slots}}}|{body}}}"
    return body if orientation == "LR" else f"{{{body}}}"  # fields run along the ranks, unless turned by braces


# --- arrows -------------------------------------------------------------------------------------------------------


def _draw_arrow(dot: Any, sketch: Sketch, arrow: Arrow, entry: _Entry | None, close: bool) -> None:
    """Dashed where no gradient goes back: to and from a condition, and to what a selection did not take.

    An arrow inside a neuron is kept short and straight.
    """
    near = NEAR[sketch.orientation]
    largest = sketch.largest
    line = {
        "tooltip": text.in_tooltip(*arrow.tooltip),
        "color": shade(SCHEMES[sketch.scheme], arrow.sign, arrow.size, largest),
        "penwidth": width(strength(arrow.size, largest) if arrow.sign != "broken" else 1.0),
        "class": f"use {arrow.sign if arrow.sent else 'nothing'}", "style": "solid" if arrow.sent else "dashed",
    }  # fmt: skip
    tail, head = arrow.tail, f"{arrow.head}:{arrow.slot}:{near}" if arrow.slot else f"{arrow.head}:{near}"
    if entry is not None:
        dot.edge(tail, entry.key, id=f"{arrow.id}-in", dir="none", headclip="false", **line | {"class": "lead"})
        dot.edge(entry.key, head, id=arrow.id, tailclip="false", weight="4", **line)
        return
    label = {"label": text.in_label(arrow.label)} if arrow.label else {}
    inside = {"weight": "8"} if close else {}
    dot.edge(tail, head, id=arrow.id, **line, **label, **inside)
