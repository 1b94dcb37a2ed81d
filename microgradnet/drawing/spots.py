"""Where the labels of straight lines go: on their own line, off the circles, apart from one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Box", "Line", "overlap", "spots"]

STEPS = [i / 50 for i in range(8, 43)]  # parts of the way at which a label may stand
PREFERRED = 0.36
ROUNDS = 6


class Box(NamedTuple):
    """A rectangle by its middle and its size."""

    x: float
    y: float
    width: float
    height: float


class Line(NamedTuple):
    """A straight line from one point to another."""

    x1: float
    y1: float
    x2: float
    y2: float

    def at(self, part: float) -> tuple[float, float]:
        """The point `part` of the way along it."""
        return self.x1 + part * (self.x2 - self.x1), self.y1 + part * (self.y2 - self.y1)


def spots(lines: Sequence[Line], sizes: Sequence[tuple[float, float]], taken: Sequence[Box]) -> list[Box] | None:
    """A box of its size on each line; no two overlap, none overlaps what is `taken`. None where they find no room.

    Of the free places those are preferred that cover few other lines and are near the line's start: labels are
    moved one after the other to the best place that the others leave, some rounds long.

    >>> spots([Line(0, 0, 100, 0), Line(0, 30, 100, 30)], [(20, 10)] * 2, [])
    [Box(x=36.0, y=0.0, width=20, height=10), Box(x=36.0, y=30.0, width=20, height=10)]
    """
    choices = [_free(line, size, lines, taken) for line, size in zip(lines, sizes, strict=True)]
    placed: list[Box | None] = [None] * len(lines)
    for _ in range(ROUNDS):
        before = list(placed)
        for i, own in enumerate(choices):
            others = [box for j, box in enumerate(placed) if box is not None and j != i]
            free = [choice for choice in own if not any(overlap(choice[1], other) for other in others)]
            placed[i] = min(free)[1] if free else None
        if placed == before:
            break
    found = [box for box in placed if box is not None]
    return found if len(found) == len(lines) else None


def _free(
    line: Line, size: tuple[float, float], lines: Sequence[Line], taken: Sequence[Box]
) -> list[tuple[float, Box]]:
    """The places on a line that are not taken, each with its cost."""
    boxes = [(abs(part - PREFERRED), Box(*line.at(part), *size)) for part in STEPS]
    return [
        (cost + sum(_crosses(other, box) for other in lines if other is not line), box)
        for cost, box in boxes
        if not any(overlap(box, other) for other in taken)
    ]


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes have an inner point in common.

    >>> overlap(Box(0, 0, 2, 2), Box(1, 1, 2, 2)), overlap(Box(0, 0, 2, 2), Box(2, 0, 2, 2))
    (True, False)
    """
    return abs(a.x - b.x) * 2 < a.width + b.width and abs(a.y - b.y) * 2 < a.height + b.height


def _crosses(line: Line, box: Box) -> bool:
    """Whether a part of the line lies inside the box (Liang and Barsky's clipping)."""
    first, last = 0.0, 1.0
    for start, end, middle, size in ((line.x1, line.x2, box.x, box.width), (line.y1, line.y2, box.y, box.height)):
        low, high, way = middle - size / 2, middle + size / 2, end - start
        if way == 0:
            if not low < start < high:
                return False
            continue
        enter, leave = sorted(((low - start) / way, (high - start) / way))
        first, last = max(first, enter), min(last, leave)
    return first < last
