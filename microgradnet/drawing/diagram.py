"""Where the circles of a network's diagram stand, and the lines between them: all but the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from microgradnet.drawing import text
from microgradnet.drawing.columns import Network, Parameter

__all__ = ["LABELLED", "RADIUS", "SIZE", "SMALL", "Spot", "Subject", "label", "lines", "placed", "width"]

RADIUS = 24.0  # all lengths in points
LABELLED = 12  # the most lines between two columns that have labels
SIZE, SMALL = 14, 11  # of letters


class Spot(NamedTuple):
    """A circle of the picture. `row` is its place in the whole column, None for the circle of those left out."""

    column: int
    row: int | None
    x: float
    y: float

    @property
    def key(self) -> str:
        return f"n{self.column}_{'more' if self.row is None else self.row}"


class Subject(NamedTuple):
    """What is drawn and how: read by every part, changed by none."""

    network: Network
    columns: list[list[Spot]]
    colours: dict[str, str]
    words: dict[str, Any]
    digits: int
    across: bool  # columns from left to right
    gradients: bool
    largest: float  # |weight|
    ids: dict[str, frozenset[str]]  # names that only one thing of a role has, by role: input, neuron, weight


def placed(subject: Subject, most: int) -> list[list[Spot]]:
    """The circles of every column around the middle line; columns stand apart as far as their lines need."""
    network, across = subject.network, subject.across
    sizes = [len(network.inputs), *map(len, network.layers)]
    shown = [_shown(size, most) for size in sizes]
    units = [unit for layer in network.layers for unit in (*layer[: most - 1], layer[-1])]
    biases = [label(subject, unit.bias) for unit in units if unit.bias is not None]
    weights = [label(subject, weight) for unit in units for weight in unit.weights[: most - 1]]
    pitch = 100.0 + 14 * subject.gradients if across else 2 * RADIUS + 30 + max(map(width, biases), default=30.0)
    columns: list[list[Spot]] = []
    along = 0.0
    for column, rows in enumerate(shown):
        if column:
            before = shown[column - 1]
            between = (len(rows) - rows.count(None)) * (len(before) - before.count(None))
            along += max(200.0 if across else 170.0, (max(len(rows), len(before)) - 1) * pitch * 0.5)
            if across and between <= LABELLED:
                along = max(along, columns[-1][0].x + 2 * RADIUS + 1.6 * max(map(width, weights)))
            if 4 < between <= LABELLED:  # room for labels at several parts of the way
                along += 90.0 if across else 30.0
        middle = (len(rows) - 1) / 2
        places = [(along, (i - middle) * pitch) for i in range(len(rows))]
        columns.append([Spot(column, row, *(p if across else p[::-1])) for row, p in zip(rows, places, strict=True)])
    return columns


def _shown(size: int, most: int) -> list[int | None]:
    """The rows of a column that are drawn; None stands for those left out.

    >>> _shown(3, 8), _shown(16, 5)
    ([0, 1, 2], [0, 1, 2, None, 15])
    """
    return list(range(size)) if size <= most else [*range(most - 2), None, size - 1]


def lines(subject: Subject) -> Iterator[tuple[Spot, Spot, Parameter]]:
    """Every weight between two circles: where its line begins, where it ends, and the weight."""
    for before, column in pairwise(subject.columns):
        for head in column:
            for tail in before:
                if head.row is not None and tail.row is not None:
                    yield tail, head, subject.network.layers[head.column - 1][head.row].weights[tail.row]


def label(subject: Subject, parameter: Parameter) -> list[str]:
    """What stands on a line or beside a neuron: name and number, below it the gradient if they are wanted."""
    said = [f"{text.shorten(parameter.name, 12)} = {text.number(parameter.data, subject.digits)}"]
    if subject.gradients:
        said.append(f"{subject.words['grad']} {text.number(parameter.grad, subject.digits)}")
    return said


def width(lines: Sequence[str], size: float = SMALL) -> float:
    """About how wide the lines of a label are, in points; rather too much than too little."""
    from rich.cells import cell_len

    return max(0.56 * size * cell_len(line) for line in lines)
