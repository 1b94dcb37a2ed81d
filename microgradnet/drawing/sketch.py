"""A picture of a graph as plain data: boxes, arrows, frames and words, before any format is written."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Arrow", "Box", "Frame", "Sketch"]


class Box(NamedTuple):
    """A node, one use of a leaf that is drawn once per use, or a group of nodes."""

    key: str
    id: str
    kind: str  # parameter, input, leaf, result, condition, root; "group …" for several nodes
    name: str  # "" where it has none
    what: tuple[str, ...]  # what it is or does
    slots: tuple[tuple[str, str], ...]  # the ports where arrows end, each with its local derivative
    numbers: tuple[str, ...]
    tooltip: tuple[str, ...]
    sign: str  # of its gradient, see `schemes.sign`; "mixed" for several
    size: float  # |gradient|, or the norm of several
    frame: str = ""


class Arrow(NamedTuple):
    """A use, or all uses between two boxes of which one is a group."""

    id: str
    tail: str
    head: str
    slot: str  # the port of the head, "" for none
    label: str
    tooltip: tuple[str, ...]
    sent: bool  # whether a gradient goes back along it
    sign: str
    size: float


class Frame(NamedTuple):
    """A frame around boxes or around other frames."""

    key: str
    id: str
    kind: str  # neuron or layer
    caption: str
    within: str = ""


class Sketch(NamedTuple):
    """All that a picture shows. `notices` stand above it, `legend` below; `words` tell it to who cannot see it."""

    boxes: list[Box]
    arrows: list[Arrow]
    frames: list[Frame]
    notices: tuple[str, ...]
    legend: tuple[str, ...]
    warned: bool  # backward() has not run
    title: str
    words: str
    orientation: str
    scheme: str
    largest: float  # gradient in it, finite
