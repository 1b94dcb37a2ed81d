"""Where everything stands: boxes of known size are laid out by the engine; only numbers go in and come out.

The engine is given no label of a user's and measures no text: the sizes are ours, so that the picture is the same with
every engine's fonts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from microgradnet.drawing.render import lay_out

__all__ = ["Arrow", "Box", "Frame", "Layout", "arrange"]

Point = tuple[float, float]


class Box(NamedTuple):
    """Something of a size, in pixels, that stands in a frame, or in none ("")."""

    key: str
    width: float
    height: float
    frame: str = ""


class Arrow(NamedTuple):
    """From box `tail` to box `head`, with room for a label of this width, in pixels."""

    key: str
    tail: str
    head: str
    room: float = 0.0
    close: bool = False  # kept short and straight
    far: bool = False  # a step further: room for what stands before the head in its frame


class Frame(NamedTuple):
    """A place on the sheet: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """The sheet's size; boxes and frames by key; for each arrow a Bézier spline's points, and its label's middle."""

    width: float
    height: float
    boxes: Mapping[str, Frame]
    frames: Mapping[str, Frame]
    arrows: Mapping[str, tuple[list[Point], Point | None]]


def arrange(
    boxes: Iterable[Box], arrows: Iterable[Arrow], *, engine: str | None = None, timeout: float = 30.0
) -> Layout:
    """The boxes from left to right, as the arrows point. Raises InputError as `render.lay_out` does.

    >>> sheet = arrange([Box("a", 80, 40), Box("b", 80, 40)], [Arrow("e", "a", "b")])
    >>> sheet.boxes["a"].x < sheet.boxes["b"].x, sheet.boxes["b"].width
    (True, 80)
    """
    boxes, arrows = list(boxes), list(arrows)
    answer = json.loads(lay_out(_dot(boxes, arrows), "json0", engine=engine, timeout=timeout))
    left, bottom, right, top = _numbers(answer["bb"])
    found = {item["name"]: item for item in answer.get("objects", ())}

    def placed(x: float, y: float, width: float, height: float) -> Frame:  # from the middle; y grows downwards
        return Frame(round(x - left - width / 2, 1), round(top - y - height / 2, 1), width, height)

    places = {}
    for number, box in enumerate(boxes):
        x, y = _numbers(found[f"n{number}"]["pos"])
        places[box.key] = placed(x, y, box.width, box.height)
    frames = {}
    for name in dict.fromkeys(box.frame for box in boxes if box.frame):
        x0, y0, x1, y1 = _numbers(found[f"cluster_{name}"]["bb"])
        frames[name] = placed((x0 + x1) / 2, (y0 + y1) / 2, round(x1 - x0, 1), round(y1 - y0, 1))
    lines: dict[str, tuple[list[Point], Point | None]] = {}
    for edge in answer.get("edges", ()):
        points = [_point(pair, left, top) for pair in edge["pos"].split()]
        tip, *curve = points if edge["pos"].startswith("e,") else [points[-1], *points]
        lines[arrows[int(edge["id"])].key] = ([*curve, tip], _point(edge["lp"], left, top) if "lp" in edge else None)
    return Layout(round(right - left, 1), round(top - bottom, 1), places, frames, lines)


def _dot(boxes: list[Box], arrows: list[Arrow]) -> str:
    names = {box.key: f"n{number}" for number, box in enumerate(boxes)}
    lines = [
        "digraph {",
        "graph [rankdir=LR ranksep=0.36 nodesep=0.14 remincross=false pad=0 fontname=Arial fontsize=11]",
        'node [shape=box fixedsize=true label=""]',
        "edge [arrowsize=0.6 fontname=Arial fontsize=11]",
    ]
    framed: dict[str, list[str]] = {}
    for box in boxes:
        size = f"width={box.width / 72:.4f} height={box.height / 72:.4f}"
        framed.setdefault(box.frame, []).append(f"{names[box.key]} [{size}]")
    for frame, members in framed.items():  # engines go from the bottom up in a frame, outside from the top down
        lines += [f'subgraph "cluster_{frame}" {{ margin=9', *members[::-1], "}"] if frame else members
    for number, arrow in enumerate(arrows):
        more = f' label="{"n" * max(1, round(arrow.room / 6.1))}"' if arrow.room else ""
        more += " weight=8" * arrow.close + " minlen=2" * arrow.far
        lines.append(f"{names[arrow.tail]} -> {names[arrow.head]} [id={number}{more}]")
    return "\n".join([*lines, "}"])


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _point(text: str, left: float, top: float) -> Point:
    x, y = _numbers(text.removeprefix("e,"))
    return round(x - left, 1), round(top - y, 1)
