"""Where everything stands: boxes of known size are laid out by the engine; only numbers go in and come out.

The engine is given no label of a user's and measures no text: the sizes are ours, so that the picture is the same with
every engine's fonts. A frame is laid out by itself first, and is one box among the others then: so columns of neurons
stand in columns. An arrow that enters a frame passes through a gap among the leaves in it, beside the weight that it
meets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from microgradnet.drawing.render import CURES, find_engine, lay_out
from microgradnet.errors import InputError

__all__ = ["Arrow", "Box", "Frame", "Layout", "arrange"]

Point = tuple[float, float]
Line = tuple[list[Point], Point | None]  # a Bézier spline's points, the tip last; the label's middle

NEAR, APART = 0.2, 0.36  # inches between columns: in a frame, and of frames
GAP = (8.0, 16.0)  # pixels: what an arrow takes between two leaves, its label above it
TIP, EDGE = 7.0, 12.0  # of an arrow: how long its head is, and how far from a box's corner it ends
MARGIN = 9  # of a frame, around what is in it


class Box(NamedTuple):
    """Something of a size, in pixels, that stands in a frame, or in none ("")."""

    key: str
    width: float
    height: float
    frame: str = ""
    round: bool = False


class Arrow(NamedTuple):
    """From box `tail` to box `head`, with room for a label of this width, in pixels."""

    key: str
    tail: str
    head: str
    room: float = 0.0
    gate: int | None = None  # it passes among the leaves that `head` reads in its frame, below the first, second …


class Frame(NamedTuple):
    """A place on the sheet: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, by: Frame) -> Frame:
        """The same, seen from where `by` is a part."""
        return Frame(round(self.x + by.x, 1), round(self.y + by.y, 1), self.width, self.height)


class Layout(NamedTuple):
    """The sheet's size; boxes and frames by key; arrows by key."""

    width: float
    height: float
    boxes: Mapping[str, Frame]
    frames: Mapping[str, Frame]
    arrows: Mapping[str, Line]


def arrange(
    boxes: Iterable[Box],
    arrows: Iterable[Arrow],
    stacks: Iterable[Sequence[str]] = (),
    *,
    engine: str | None = None,
    timeout: float = 30.0,
) -> Layout:
    """The boxes from left to right, as the arrows point; those of a stack (keys) one below the other, from above.

    Raises InputError as `render.lay_out` does.

    >>> sheet = arrange([Box("a", 80, 40), Box("b", 80, 40)], [Arrow("e", "a", "b")])
    >>> sheet.boxes["a"].x < sheet.boxes["b"].x, sheet.boxes["b"].width
    (True, 80)
    """
    boxes, arrows = list(boxes), list(arrows)
    frame_of = {box.key: box.frame for box in boxes}
    insides = _inside(boxes, arrows, engine, timeout)

    def outer(key: str) -> str:  # what stands for a box when frames are boxes
        return f"frame {frame_of[key]}" if frame_of[key] else key

    free = [box for box in boxes if not box.frame]
    free += [Box(f"frame {name}", inside.width, inside.height) for name, inside in insides.items()]
    between = [arrow._replace(tail=outer(arrow.tail), head=outer(arrow.head), room=arrow.room * (arrow.gate is None))
               for arrow in arrows if outer(arrow.tail) != outer(arrow.head)]  # fmt: skip
    columns = [[outer(key) for key in stack] for stack in stacks]
    sheet = _asked(_dot(free, between, columns, APART), free, between, engine, timeout)
    standing = list(sheet.boxes.values())
    places = {box.key: sheet.boxes[box.key] for box in free if box.key in frame_of}
    frames = {name: sheet.boxes[f"frame {name}"] for name in insides}
    lines = dict(sheet.arrows)
    for name, inside in insides.items():
        at = frames[name]
        places |= {key: box.moved(at) for key, box in inside.boxes.items()}
        lines |= {key: _moved(line, at) for key, line in inside.arrows.items() if key not in sheet.arrows}
    for arrow in arrows:
        if arrow.key in sheet.arrows and (frame_of[arrow.tail] or frame_of[arrow.head]):
            name = frame_of[arrow.head]
            rest = _moved(insides[name].arrows[arrow.key], frames[name]) if arrow.gate is not None else None
            start, end = places[arrow.tail], places[arrow.head]
            lines[arrow.key] = _joined(sheet.arrows[arrow.key], start, end, frames.get(name), rest, standing)
    return Layout(sheet.width, sheet.height, places, frames, lines)


# --- frames -------------------------------------------------------------------------------------------------------


def _inside(boxes: list[Box], arrows: list[Arrow], engine: str | None, timeout: float) -> dict[str, Layout]:
    """What is in each frame, with a small box for each gap that an arrow from outside passes through."""
    framed = [box for box in boxes if box.frame]
    if not framed:
        return {}
    frame_of = {box.key: box.frame for box in framed}
    gates = [Box(f"gate {arrow.key}", *GAP, frame_of[arrow.head]) for arrow in arrows if arrow.gate is not None]
    within = [arrow for arrow in arrows if frame_of.get(arrow.tail) == frame_of.get(arrow.head) is not None]
    within += [arrow._replace(tail=f"gate {arrow.key}", room=0.0) for arrow in arrows if arrow.gate is not None]
    inner = [*framed, *gates]
    sheet = _asked(_dot(inner, within, _columns(arrows, frame_of), NEAR), inner, within, engine, timeout)
    members: dict[str, list[str]] = {}
    for box in framed:
        members.setdefault(box.frame, []).append(box.key)
    found = {}
    for name, keys in members.items():
        at = sheet.frames[name]
        back = Frame(-at.x, -at.y, 0, 0)
        lines = {arrow.key: _moved(sheet.arrows[arrow.key], back) for arrow in within if frame_of[arrow.head] == name}
        found[name] = Layout(at.width, at.height, {key: sheet.boxes[key].moved(back) for key in keys}, {}, lines)
    return found


def _columns(arrows: list[Arrow], frame_of: Mapping[str, str]) -> list[list[str]]:
    """The leaves and gaps of each frame, from above, as its weighted sum reads them: w1, x1, w2, x2, b."""
    columns: dict[str, list[tuple[float, str]]] = {}
    heads = {arrow.head: 0 for arrow in arrows if arrow.gate is not None}
    made = {arrow.head for arrow in arrows}
    for arrow in arrows:
        column = columns.setdefault(frame_of.get(arrow.head, ""), [])
        if arrow.gate is not None:
            column.append((arrow.gate + 0.5, f"gate {arrow.key}"))
        elif arrow.head in heads and arrow.tail in frame_of and arrow.tail not in made:
            column.append((float(heads[arrow.head]), arrow.tail))
            heads[arrow.head] += 1
    one = {frame for frame in columns if sum(frame_of[head] == frame for head in heads) == 1}
    return [[key for _, key in sorted(column)] for frame, column in columns.items() if frame in one]


# --- the engine ---------------------------------------------------------------------------------------------------


def _dot(boxes: list[Box], arrows: list[Arrow], stacks: Iterable[Sequence[str]], apart: float) -> str:
    names = {box.key: f"n{number}" for number, box in enumerate(boxes)}
    frame_of = {box.key: box.frame for box in boxes}
    chains: dict[str, list[str]] = {}
    for stack in stacks:
        column = [names[key] for key in stack]
        column = column[::-1] if frame_of[stack[0]] else column
        if len(column) > 1:
            chain = f"{{rank=same {'; '.join(column)}}} {' -> '.join(column)} [style=invis]"
            chains.setdefault(frame_of[stack[0]], []).append(chain)
    lines = [
        "digraph {",
        f"graph [rankdir=LR ranksep={apart} nodesep=0.1 remincross=false pad=0 fontname=Arial fontsize=11]",
        'node [shape=box fixedsize=true label=""]',
        "edge [arrowsize=0.6 fontname=Arial fontsize=11]",
    ]
    framed: dict[str, list[str]] = {}
    for box in boxes:
        size = f"width={box.width / 72:.4f} height={box.height / 72:.4f}{' shape=ellipse' * box.round}"
        framed.setdefault(box.frame, []).append(f"{names[box.key]} [{size}]")
    for frame, members in framed.items():  # engines go from the bottom up in a frame, outside from the top down
        inside = [f'subgraph "cluster_{frame}" {{ margin={MARGIN}', *members[::-1], *chains.get(frame, ()), "}"]
        lines += inside if frame else [*members, *chains.get("", ())]
    for number, arrow in enumerate(arrows):
        label = f' label="{"n" * max(1, round(arrow.room / 6.1))}"' if arrow.room else ""
        lines.append(f"{names[arrow.tail]} -> {names[arrow.head]} [id={number}{label}]")
    return "\n".join([*lines, "}"])


def _asked(dot: str, boxes: list[Box], arrows: list[Arrow], engine: str | None, timeout: float) -> Layout:
    """What the engine answers, in pixels, y downwards."""
    try:
        answer = json.loads(lay_out(dot, "json0", engine=engine, timeout=timeout))
    except json.JSONDecodeError:
        raise InputError(f"{find_engine(engine)} answered in no JSON, which the page needs; {CURES}") from None
    left, bottom, right, top = _numbers(answer["bb"])
    found: dict[str, Any] = {item["name"]: item for item in answer.get("objects", ())}

    def placed(x: float, y: float, width: float, height: float) -> Frame:  # from the middle
        return Frame(round(x - left - width / 2, 1), round(top - y - height / 2, 1), width, height)

    places = {}
    for number, box in enumerate(boxes):
        x, y = _numbers(found[f"n{number}"]["pos"])
        places[box.key] = placed(x, y, box.width, box.height)
    frames = {}
    for name in dict.fromkeys(box.frame for box in boxes if box.frame):
        x0, y0, x1, y1 = _numbers(found[f"cluster_{name}"]["bb"])
        frames[name] = placed((x0 + x1) / 2, (y0 + y1) / 2, round(x1 - x0, 1), round(y1 - y0, 1))
    lines: dict[str, Line] = {}
    for edge in answer.get("edges", ()):
        if "id" in edge:
            points = [_point(pair, left, top) for pair in edge["pos"].split()]
            tip, *curve = points if edge["pos"].startswith("e,") else [points[-1], *points]
            label = _point(edge["lp"], left, top) if "lp" in edge else None
            lines[arrows[int(edge["id"])].key] = ([*curve, tip], label)
    return Layout(round(right - left, 1), round(top - bottom, 1), places, frames, lines)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _point(text: str, left: float, top: float) -> Point:
    x, y = _numbers(text.removeprefix("e,"))
    return round(x - left, 1), round(top - y, 1)


# --- lines --------------------------------------------------------------------------------------------------------


def _moved(line: Line, by: Frame) -> Line:
    points, label = line
    return [_shifted(point, by) for point in points], label and _shifted(label, by)


def _shifted(point: Point, by: Frame) -> Point:
    return round(point[0] + by.x, 1), round(point[1] + by.y, 1)


def _joined(
    line: Line, tail: Frame, head: Frame, frame: Frame | None, rest: Line | None, standing: Iterable[Frame]
) -> Line:
    """An arrow between frames: from the right of its tail to the gap and on to the head; around what stands between."""
    (*curve, tip), label = line
    start = (round(tail.x + tail.width, 1), round(tail.y + tail.height / 2, 1))
    tip = (head.x, round(min(max(tip[1], head.y + EDGE), head.y + head.height - EDGE), 1))
    end, more = (round(tip[0] - TIP, 1), tip[1]), [tip]
    if rest is not None:
        (gate, *inner), _ = rest
        label = (gate[0], round(gate[1] - 3, 1))
        end = (frame.x if frame else gate[0], gate[1])
        more = [end, gate, gate, *inner]
    between = any(start[0] < box.x + box.width and box.x < end[0] and box.x > start[0] for box in standing)
    return [*(_around(curve, start, end) if between else _swung(start, end)), *more], label


def _swung(start: Point, end: Point) -> list[Point]:
    """From one point to another, level at both ends."""
    middle = round((start[0] + end[0]) / 2, 1)
    return [start, (middle, start[1]), (middle, end[1]), end]


def _around(curve: Sequence[Point], start: Point, end: Point) -> list[Point]:
    """The engine's way with other ends, level there."""
    if len(curve) <= 4:
        return _swung(start, end)
    first = min(40.0, abs(curve[3][0] - start[0]) / 2)
    last = min(40.0, abs(end[0] - curve[-4][0]) / 2)
    return [
        start, (round(start[0] + first, 1), start[1]), *curve[2:-2], (round(end[0] - last, 1), end[1]), end,
    ]  # fmt: skip
