"""The graph as SVG: every part has an id and a class, colours come from the style, the numbers of the end stand in it.

Two views of one graph: each operation, with frames around neurons; and each neuron as a circle, as textbooks draw it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from microgradnet.display import visible
from microgradnet.drawing import text
from microgradnet.drawing.page.forms import Form, expanded, form, plain
from microgradnet.drawing.page.layout import Arrow, Box, Frame, Layout, Point, arrange
from microgradnet.drawing.page.steps import roles
from microgradnet.ops import COMPARISONS
from microgradnet.structure import Neuron, layers, neurons, uses

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["LIMIT", "Picture", "Subject", "pictures", "pieces", "shorten", "subject_of", "svg"]

LIMIT = 500  # nodes that are drawn one by one; above, only neurons
ARROWS = 1500
REPEATED = 20  # a leaf with more uses is drawn once per use: one box with hundreds of edges stops the engines
GATES = 20  # operands; of more, arrows do not go between the leaves
HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="stroke" d="M0 0V6"/></pattern></defs>'
)
HEIGHT, CIRCLE, LETTER = 56.0, 88.0, 7.3
LONGEST = 16  # letters of a name in the picture; the tooltip has all


class Subject(NamedTuple):
    """A graph and what the picture says about it: read by every part, changed by none."""

    graph: Graph
    gradient: list[float | None]  # None where nothing arrives
    readers: list[list[int]]
    roles: list[str]
    neurons: list[Neuron]
    forms: list[Form | None]
    shown: dict[int, str]  # nodes without a label that are short enough to be written out
    digits: int


def subject_of(graph: Graph, digits: int) -> Subject:
    """All that the picture needs to know."""
    known: dict[tuple[object, ...], Form] = {}
    forms: list[Form | None] = []
    for op, operands in zip(graph.operations, graph.operands, strict=True):
        key = (op, *[None if type(o) is int else repr(o) for o in operands])
        if op and key not in known:
            known[key] = form(op, operands)
        forms.append(known.get(key))
    shown = expanded(graph, forms)
    gradient = graph.reverse(graph.partials, 1.0)
    return Subject(graph, gradient, uses(graph), roles(graph), neurons(graph), forms, shown, digits)


class Picture(NamedTuple):
    """A view as SVG; for each node the one that stands for it in the picture (-1: none does); how many have no box."""

    svg: str
    owner: list[int]
    hidden: int


def pictures(subject: Subject, *, engine: str | None = None, timeout: float = 30.0) -> list[Picture]:
    """The views of a graph, the first one shown first: its operations, if they are few enough, and its neurons.

    Raises InputError as `render.lay_out` does.
    """
    alone = list(range(len(subject.graph)))
    together = _neuron_owners(subject)
    views = [alone, together] if together != alone and len(alone) <= LIMIT else [together]
    return [_drawn(subject, _nearest(subject, owner), engine, timeout) for owner in views]


def _drawn(subject: Subject, owner: list[int], engine: str | None, timeout: float) -> Picture:
    boxes = sum(owner[i] == i for i in range(len(owner)))
    return Picture(svg(subject, owner, engine=engine, timeout=timeout), owner, len(owner) - boxes)


def _neuron_owners(subject: Subject) -> list[int]:
    found = list(range(len(subject.graph)))
    for neuron in subject.neurons:
        for member in neuron.members:
            found[member] = neuron.output
    return found


def _nearest(subject: Subject, owner: list[int]) -> list[int]:
    """The owners, -1 for those that are too far from the root where there are too many boxes or arrows to draw."""
    operands: dict[int, list[int]] = {}
    for i, found in enumerate(subject.graph.operands):
        operands.setdefault(owner[i], []).extend(owner[o] for o in found if type(o) is int and owner[o] != owner[i])
    kept, waiting, arrows = {owner[-1]: None}, [owner[-1]], 0
    for box in waiting:  # grows while it is gone through: breadth first
        arrows += len(operands.get(box, ()))
        new = dict.fromkeys(o for o in operands.get(box, ()) if o not in kept)
        if len(kept) + len(new) > LIMIT or arrows > ARROWS:
            break
        kept |= new
        waiting += new
    return [found if found in kept else -1 for found in owner]


def pieces(name: str) -> tuple[str, str]:
    """A name and its index: letters with a number behind them are read as one letter with an index.

    >>> pieces("w1"), pieces("h_12"), pieces("ypred"), pieces("layer 2")
    (('w', '1'), ('h', '12'), ('y', 'pred'), ('layer 2', ''))
    """
    if name in ("ypred", "y_pred", "ytrue", "y_true"):
        return "y", name[-4:]
    stem = name.rstrip("0123456789")
    index, stem = name[len(stem) :], stem.removesuffix("_")
    return (stem, index) if index and stem.isalpha() and len(stem) <= 8 else (name, "")


def shorten(name: str) -> str:
    """A name for the picture: visible, and not too long."""
    return text.shorten(name, LONGEST)


def svg(subject: Subject, owner: list[int], *, engine: str | None = None, timeout: float = 30.0) -> str:
    """The picture as an SVG element, in which `owner` says what stands for each node."""
    boxes, arrows, places = _parts(subject, owner)
    stacks = _stacks(subject, {box.key for box in boxes})
    sheet = arrange(boxes, arrows, stacks, engine=engine, timeout=timeout)
    margin = 6
    width, height = sheet.width + 2 * margin, sheet.height + 2 * margin
    head = (
        f'<svg id="graph" xmlns="http://www.w3.org/2000/svg" viewBox="{-margin} {-margin} {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" style="--width: {width:g}px" role="group" '
        'aria-labelledby="graph-title" aria-describedby="graph-words">'
    )
    lines = [head, f'<title id="graph-title">{escape(visible(subject.graph.names[-1]))}</title>', HATCH]
    lines += [_frame(subject, key, frame) for key, frame in sheet.frames.items()]
    lines += [_edge(subject, key, sheet, *places[key]) for key in places if key in sheet.arrows]
    lines += [_node(subject, key, frame, owner) for key, frame in sheet.boxes.items()]
    return "\n".join([*lines, "</svg>"])


# --- what is drawn ------------------------------------------------------------------------------------------------

Place = tuple[int, int, int]  # operand, reader, place


def _parts(subject: Subject, owner: list[int]) -> tuple[list[Box], list[Arrow], dict[str, Place]]:
    graph = subject.graph
    collapsed = any(o not in (i, -1) for i, o in enumerate(owner))
    frame = {} if collapsed else {i: str(neuron.output) for neuron in subject.neurons for i in neuron.members}
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    places: dict[str, Place] = {}
    for i, operands in enumerate(graph.operands):
        if owner[i] == i and not (_repeated(subject, i) and not graph.operations[i]):
            boxes[f"n-{i}"] = _box(subject, i, f"n-{i}", frame.get(i, ""), collapsed)
        for place, o in enumerate(operands):
            if type(o) is not int or owner[o] == owner[i] or -1 in (owner[o], owner[i]):
                continue
            tail = f"n-{owner[o]}"
            if _repeated(subject, o):
                tail = f"n-{o}" if f"n-{o}" not in boxes else f"n-{o}-{i}-{place}"
                own = subject.roles[o] in ("weight", "bias")
                boxes[tail] = _box(subject, o, tail, frame.get(i, "") if own else "", collapsed)
            key = f"e-{o}-{i}-{place}"
            places[key] = (o, i, place)
            room = 5.4 * len(_letters(subject, i, place)) + 8
            same = frame.get(o, "") == frame.get(i, "") != ""
            gate = _gate(operands, place, frame, i) if not same else None
            arrows.append(Arrow(key, tail, f"n-{owner[i]}", room, gate))
    return list(boxes.values()), arrows, places


def _stacks(subject: Subject, keys: Container[str]) -> list[list[str]]:
    """The neurons of each layer, and its inputs where they are leaves."""
    out = []
    for layer in layers(subject.neurons):
        inputs = [i for i in layer[0].inputs if type(i) is int and not subject.graph.operations[i]]
        out += [[neuron.output for neuron in layer], [i for i in inputs if not _repeated(subject, i)]]
    found = [[f"n-{i}" for i in dict.fromkeys(sorted(stack)) if f"n-{i}" in keys] for stack in out]
    return [stack for stack in found if len(stack) > 1]


def _gate(operands: Sequence[int | float], place: int, frame: dict[int, str], reader: int) -> int | None:
    """Through which gap among the leaves of its frame a node is entered; None where there are none, or too many."""
    own = [o for o in operands if type(o) is int and reader in frame and frame.get(o) == frame[reader]]
    if not own or len(operands) > GATES:
        return None
    return sum(type(o) is int and o not in own for o in operands[:place])


def _repeated(subject: Subject, i: int) -> bool:
    return not subject.graph.operations[i] and len(subject.readers[i]) > REPEATED


def _box(subject: Subject, i: int, key: str, frame: str, collapsed: bool) -> Box:
    if collapsed and i in {neuron.output for neuron in subject.neurons}:
        return Box(key, CIRCLE, CIRCLE, frame, round=True)
    name, sign = _title(subject, i)
    room = LETTER * (len(name) + (len(sign) + 1 if sign else 0)) + 16
    numbers = [_number(x, subject) for x in (subject.graph.data[i], subject.gradient[i]) if x is not None]
    return Box(key, max(66.0, room, *[LETTER * len(number) + 12 for number in numbers]), HEIGHT, frame)


def _title(subject: Subject, i: int) -> tuple[str, str]:
    """The name in a box and, smaller and at its right, the operation."""
    graph = subject.graph
    if i in subject.shown:
        return subject.shown[i], ""
    op = graph.operations[i]
    if not op:
        return shorten(graph.labels[i] or graph.names[i]), ""
    sign = _SIGNS.get(op) or text.operation(op, graph.operands[i], 3)[0].replace("** 2", "( )²")
    name = shorten(graph.labels[i] or graph.names[i])
    if graph.labels[i] or not (sign.isalpha() or sign.startswith(op)):
        return name, sign
    return name + (sign.removeprefix(op) if sign.startswith(op) else ""), ""


_SIGNS = {"dot": "Σ", "sum": "Σ"}


def _letters(subject: Subject, reader: int, place: int) -> str:
    """The local derivative as an edge says it: `w5`, `σ′(s1)`, or nothing where that is too long."""
    written = subject.forms[reader]
    mark = written and written["marks"][place]
    if not mark:
        return ""
    graph = subject.graph
    names = [_name(subject, o) if type(o) is int else f"{o:g}" for o in graph.operands[reader]]
    rest = plain(mark["rest"], names, _name(subject, reader))
    factor = mark["factor"]
    number = f"{factor:g}".replace("-", "−")
    if not rest:
        return number
    if "\n" in rest or len(rest) > 14:
        return ""
    if factor != 1 and any(sign in rest for sign in (" + ", " − ", " if ")) and not rest.endswith(")"):
        rest = f"({rest})"
    return rest if factor == 1 else f"−{rest}" if factor == -1 else f"{number} {rest}"


def _name(subject: Subject, i: int) -> str:
    return subject.shown.get(i) or shorten(subject.graph.labels[i] or subject.graph.names[i])


# --- as SVG -------------------------------------------------------------------------------------------------------


def _frame(subject: Subject, key: str, frame: Frame) -> str:
    return (
        f'<rect class="frame" id="frame-{key}" x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" '
        f'height="{frame.height:g}" rx="12"/>'
    )


def _node(subject: Subject, key: str, frame: Frame, owner: list[int]) -> str:
    graph = subject.graph
    i = int(key.split("-")[1])
    x, y, width, height = frame
    middle, gradient = x + width / 2, subject.gradient[i]
    name, sign = _title(subject, i)
    neuron = height == CIRCLE
    kind = subject.roles[i] or ("condition" if graph.operations[i] in COMPARISONS else "result")
    classes = f"node {'neuron' if neuron else kind}{' root' if i == len(graph) - 1 else ''}"
    corner = height / 2 if neuron else 7 if graph.operations[i] else 2
    shape = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}"'
    top = y + (26 if neuron else 17)
    title = f'<text class="name" x="{middle if neuron or not sign else x + 9:g}" y="{top:g}"'
    title += ' text-anchor="middle">' if neuron or not sign else ">"
    data = graph.data[i]
    tooltip = visible(graph.names[i]) + (f" = {subject.shown[i]}" if i in subject.shown else "")
    attributes = f'class="{classes}" id="{key}" data-node="{i}" role="button" tabindex="0"'
    parts = [
        f'<g {attributes} aria-label="{escape(tooltip, quote=True)}"><title>{escape(tooltip)}</title>',
        f'<rect class="box" {shape}/><rect class="hatch" {shape}/>',
        title + (_letter_spans(name) if i in subject.shown else _spans(name)) + "</text>",
    ]
    if sign and not neuron:
        parts.append(f'<text class="sign" x="{x + width - 9:g}" y="{top:g}" text-anchor="end">{escape(sign)}</text>')
    parts.append(
        f'<text class="data" x="{middle:g}" y="{top + 17:g}" text-anchor="middle">{_number(data, subject)}</text>'
    )
    if gradient is not None and kind != "condition":
        colour = "neg" if gradient < 0 else "pos"
        parts.append(
            f'<text class="grad {colour}" x="{middle:g}" y="{top + 33:g}" text-anchor="middle">'
            f"{_number(gradient, subject)}</text>"
        )
    else:
        parts.append(f'<text class="grad" x="{middle:g}" y="{top + 33:g}" text-anchor="middle"></text>')
    return "".join(parts) + "</g>"


def _spans(name: str) -> str:
    stem, index = pieces(name)
    if not index:
        return escape(stem)
    return f'{escape(stem)}<tspan class="index" dy="3">{escape(index)}</tspan>'


def _letter_spans(letters: str) -> str:
    """Letters with their indices lowered: `σ′(s1)`."""
    out, word = [], ""
    for c in letters + " ":
        if c == "_" or (c.isalnum() and c not in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
            word += c
            continue
        stem, index = pieces(word)
        if word and index and not word.isdigit():
            lowered = f'<tspan class="index" dy="2.5">{escape(index)}</tspan>'
            out.append(f'{escape(stem)}{lowered}<tspan dy="-2.5">{escape(c)}</tspan>')
        else:
            out.append(escape(word + c))
        word = ""
    return "".join(out).rstrip()


def _number(x: float | bool, subject: Subject) -> str:
    return str(x).lower() if isinstance(x, bool) else text.number(x, subject.digits)


def _edge(subject: Subject, key: str, sheet: Layout, operand: int, reader: int, place: int) -> str:
    points, label = sheet.arrows[key]
    *curve, tip = points
    names = subject.graph.names
    kind = subject.roles[operand] or "result"
    title = escape(f"{visible(names[operand])} → {visible(names[reader])}")
    letters = _letters(subject, reader, place)
    x, y = label or _middle(curve)
    at = f'x="{x:g}" y="{y - 2:g}" text-anchor="middle"'
    return (
        f'<g class="edge {kind}" id="{key}" data-operand="{operand}" data-reader="{reader}"><title>{title}</title>'
        f'<path class="line" d="{_path(curve, tip)}"/><path class="head" d="{_head(curve[-1], tip)}"/>'
        f'<text class="letters" {at}>{_letter_spans(letters)}<tspan class="mark"></tspan></text>'
        f'<text class="number" {at}></text></g>'
    )


def _path(curve: Sequence[Point], tip: Point) -> str:
    start, *rest = [f"{x:g} {y:g}" for x, y in curve]
    return f"M{start}C{' '.join(rest)}L{tip[0]:g} {tip[1]:g}" if rest else f"M{start}L{tip[0]:g} {tip[1]:g}"


def _head(base: Point, tip: Point) -> str:
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    back = (tip[0] - 7 * ux, tip[1] - 7 * uy)
    left, right = (back[0] - 3.2 * uy, back[1] + 3.2 * ux), (back[0] + 3.2 * uy, back[1] - 3.2 * ux)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in (tip, left, right)) + "Z"


def _middle(curve: Sequence[Point]) -> Point:
    return curve[len(curve) // 2] if curve else (0.0, 0.0)
