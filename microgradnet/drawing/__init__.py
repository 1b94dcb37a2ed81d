"""`draw`: a picture of any Value and of all that it was made from, with data and gradients."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from microgradnet.drawing.dot import digraph
from microgradnet.drawing.render import lay_out
from microgradnet.drawing.text import shorten
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.graph import Graph
from microgradnet.value import Value

if TYPE_CHECKING:
    import graphviz

__all__ = ["Drawing", "draw"]


def draw(
    value: Value,
    *,
    digits: int = 4,
    orientation: str = "LR",
    engine: str | None = None,
    limit: int = 500,
    timeout: float = 30.0,
) -> Drawing:
    """The computation that led to `value`, as a picture: each node's label, operation, data and `.grad`.

    Weights, inputs and results are told apart by colour, corners and a word; neurons and layers, found by the
    structure alone, stand in frames. Constants (the 2 of `x * 2`) are part of the operation's text. Edges along
    which no gradient goes back are dashed. A leaf with more than 20 uses is drawn once per use.

    Args:
        value: the root. Call `value.backward()` first, or the picture says that all gradients are still 0.
        digits: decimals of the numbers shown; the tooltips of the SVG hold all of them.
        orientation: "LR", left to right, or "TB", top to bottom.
        engine: the program that lays out: "dot", "graphviz-pure" or a path; None takes the first there is of
            the environment variable MICROGRADNET_DOT, `dot` on PATH, graphviz-pure.
        limit: the most nodes that are drawn.
        timeout: the longest that the engine may take, in seconds.

    Raises:
        TypeError: `value` is not one Value.
        InputError: more nodes than `limit`, or an argument out of range. An engine that is missing or too slow is
            told when the picture is made, by `Drawing.svg`, `.png` and `.save`.

    >>> from microgradnet import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.backward()
    >>> draw(y)
    <Drawing of mul1: 2 nodes, 2 edges; .save("picture.svg") writes it>
    """
    if not isinstance(value, Value):
        raise TypeError(f"draw wants one Value, got {type(value).__name__}; draw one of its Values, such as the loss")
    if orientation not in ("LR", "TB"):
        raise InputError(f"orientation is {orientation!r}; it must be 'LR' (left to right) or 'TB' (top to bottom)")
    if not 0 <= digits <= 17:
        raise InputError(f"digits is {digits!r}; it must be from 0 to 17")
    if not timeout > 0:
        raise InputError(f"timeout is {timeout!r}; it must be a positive number of seconds")
    graph = Graph(value)
    name = shorten(graph.names[-1])
    if len(graph) > limit:
        raise InputError(
            f"the graph of {name} has {len(graph):,} nodes, more than limit={limit}; draw a part of it "
            "(one sample, or a Value nearer to the leaves), or give a larger limit="
        )
    edges = sum(type(operand) is int for operands in graph.operands for operand in operands)
    title = f"{name}: {len(graph)} nodes, {edges} edges"
    return Drawing(digraph(graph, digits=digits, orientation=orientation), title, engine, timeout)


class Drawing:
    """A picture of a graph as it was when drawn. `.dot` is its DOT, a `graphviz.Digraph`, free to be restyled."""

    __slots__ = ("_engine", "_timeout", "_title", "dot")

    def __init__(self, dot: graphviz.Digraph, title: str, engine: str | None, timeout: float) -> None:
        self.dot = dot
        self._title, self._engine, self._timeout = title, engine, timeout

    def svg(self) -> str:
        """The picture as SVG text, the same byte for byte each time for the same engine.

        Raises:
            InputError: there is no engine, it failed, or it took too long; the text says what to do.

        >>> from microgradnet import Value
        >>> "</svg>" in draw(Value(1.0, "x").exp()).svg()
        True
        """
        return self._rendered("svg").decode()

    def png(self) -> bytes:
        """The picture as a PNG file's bytes, 144 dots per inch. Raises as `svg` does."""
        return self._rendered("png")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to `path`, whose suffix says as what: .svg, .png or .dot. Returns the path.

        The file is written beside its place and then moved there: it is the old one or the whole new one.

        Raises:
            InputError: another suffix, no such folder, a folder that cannot be written, or as `svg`.

        >>> from microgradnet import Value
        >>> draw(Value(1.0)).save("picture.gif")
        Traceback (most recent call last):
        microgradnet.errors.InputError: picture.gif: a picture is saved as .svg, .png or .dot, by the name's suffix
        """
        target = Path(path)
        form = target.suffix.lower().lstrip(".")
        if form not in ("svg", "png", "dot"):
            raise InputError(f"{target}: a picture is saved as .svg, .png or .dot, by the name's suffix")
        if not target.parent.is_dir():
            raise InputError(f"{target}: there is no folder {target.parent}; make it first")
        content = self.dot.source.encode() if form == "dot" else self._rendered(form)
        write_atomically(target, content)
        return target

    def _rendered(self, form: str) -> bytes:
        return lay_out(self.dot.source, form, engine=self._engine, timeout=self._timeout)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f'<Drawing of {self._title}; .save("picture.svg") writes it>'
