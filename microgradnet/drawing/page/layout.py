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
GAP = 14.0  # pixels, that an arrow has between two boxes


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
    gate: int | None = None  # it enters the head's frame through a gap among the leaves: the how-manieth from above


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
    found_arrows = {edge["id"]: edge for edge in answer.get("edges", ()) if "id" in edge}
    lines: dict[str, tuple[list[Point], Point | None]] = {}
    for number, arrow in enumerate(arrows):
        parts = [found_arrows[key] for key in (f"{number}", f"{number}in") if key in found_arrows]
        if parts:
            lines[arrow.key] = _line(parts, left, top)
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
    frame_of = {box.key: box.frame for box in boxes}
    for number, arrow in enumerate(arrows):
        if arrow.gate is not None:
            framed[frame_of[arrow.head]].append(f"g{number} [shape=point width={GAP / 72:.4f} height={GAP / 72:.4f}]")
    for frame, members in framed.items():  # engines go from the bottom up in a frame, outside from the top down
        lines += [f'subgraph "cluster_{frame}" {{ margin=9', *members[::-1], "}"] if frame else members
    lines += _columns(boxes, arrows, names)
    for number, arrow in enumerate(arrows):
        more = f' label="{"n" * max(1, round(arrow.room / 6.1))}"' if arrow.room else ""
        more += " weight=8" * arrow.close
        tail = names[arrow.tail]
        if arrow.gate is not None:
            lines.append(f"{tail} -> g{number} [id={number} arrowhead=none headclip=false weight=2]")
            tail, more = f"g{number}", f"{more} tailclip=false weight=4"
        lines.append(f'{tail} -> {names[arrow.head]} [id="{number}{"in" * (arrow.gate is not None)}"{more}]')
    return "\n".join([*lines, "}"])


def _columns(boxes: list[Box], arrows: list[Arrow], names: Mapping[str, str]) -> list[str]:
    """Leaves and gaps before a weighted sum, one below the other in the order of the sum: w1, x1, w2, x2, b."""
    columns: dict[str, list[tuple[float, str]]] = {}
    frame_of = {box.key: box.frame for box in boxes}
    for number, arrow in enumerate(arrows):
        if arrow.gate is not None:
            columns.setdefault(arrow.head, []).append((arrow.gate + 0.5, f"g{number}"))
    for arrow in arrows:
        if arrow.head in columns and arrow.gate is None and frame_of[arrow.tail] == frame_of[arrow.head] != "":
            column = columns[arrow.head]
            column.append((float(sum(at % 1 == 0 for at, _ in column)), names[arrow.tail]))
    chains = [" -> ".join(name for _, name in sorted(column)) for column in columns.values()]
    return [f"{chain} [style=invis constraint=false]" for chain in chains]


def _line(parts: list[dict[str, str]], left: float, top: float) -> tuple[list[Point], Point | None]:
    """One spline of the parts that the engine made, and where the label stands."""
    curve: list[Point] = []
    tip: Point = (0.0, 0.0)
    for part in parts:
        points = [_point(pair, left, top) for pair in part["pos"].split()]
        tip, *more = points if part["pos"].startswith("e,") else [points[-1], *points]
        curve += more[1:] if curve else more
    label = next((part["lp"] for part in parts if "lp" in part), None)
    return [*curve, tip], None if label is None else _point(label, left, top)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _point(text: str, left: float, top: float) -> Point:
    x, y = _numbers(text.removeprefix("e,"))
    return round(x - left, 1), round(top - y, 1)
