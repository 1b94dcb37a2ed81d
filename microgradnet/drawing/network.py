"""A network as textbooks draw it: columns of circles for its neurons, lines for its weights.

Every place is computed here and the engine only draws (`layout=neato`, all nodes pinned): so columns are straight,
neurons stand in their order, and labels lie on their own line without touching one another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microgradnet.drawing import diagram, text
from microgradnet.drawing.captions import COLOURS, WORDS, plural
from microgradnet.drawing.columns import Network, Parameter, Source, Unit, from_graph, from_module
from microgradnet.drawing.diagram import LABELLED, RADIUS, SIZE, SMALL, Spot, Subject
from microgradnet.drawing.spots import Box, Line, spots
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.module import Module

if TYPE_CHECKING:
    import graphviz

__all__ = ["network_digraph"]


def network_digraph(
    network: Module | Graph,
    *,
    digits: int = 2,
    scheme: str = "light",
    orientation: str = "LR",
    inputs: Sequence[str] | None = None,
    language: str = "en",
    gradients: bool = False,
    most: int = 8,
) -> graphviz.Digraph:
    """The diagram of a Neuron, a Layer, an MLP, a Module that keeps layers in a list, or of a network's Graph.

    A neuron is a circle with its name, its bias below; a line is a weight, named on it. Lines are the thicker the
    larger |weight| is; those of negative weights are dashed, of another colour, and their numbers have a minus sign.
    A column of more than `most` neurons shows the first, how many are left out, and the last. Where there are too
    many lines for labels the tooltips of the SVG still hold every weight, to the last digit, and its gradient.
    Of a Graph the circles also show the values that went through them.

    Args:
        network: what is drawn. A Graph must be of one sample: `Graph(model(x))`, or of that sample's loss.
        digits: decimals of the numbers shown.
        scheme: "light" or "dark".
        orientation: "LR", columns from left to right, or "TB", rows from top to bottom.
        inputs: names for the inputs instead of x1, x2 …
        language: of the words, "en" or "ru".
        gradients: whether labels show gradients below the numbers.
        most: the most circles in a column, at least 3.

    Raises:
        TypeError: `network` is neither a Module nor a Graph.
        InputError: it has no layers of neurons, or an argument is out of range.

    >>> from microgradnet.nn import MLP
    >>> source = network_digraph(MLP(2, [2, 1], "sigmoid", init="zeros"), inputs=["weight", "height"]).source
    >>> source.count("->"), "hidden" in source, "height" in source
    (8, True, True)
    """
    _check(digits, scheme, orientation, language, most)
    found = _found(network)
    if inputs is not None:
        names = _names(inputs, found)
        found = found._replace(inputs=[s._replace(name=n) for s, n in zip(found.inputs, names, strict=True)])
    words, across = WORDS[language], orientation == "LR"
    subject = Subject(found, [], COLOURS[scheme], words, digits, across, gradients, 0.0, _ids(found))
    subject = subject._replace(columns=diagram.placed(subject, most))
    weights = [abs(w.data) for _, _, w in diagram.lines(subject) if math.isfinite(w.data)]
    return _drawn(subject._replace(largest=max(weights, default=0.0)))


def _check(digits: int, scheme: str, orientation: str, language: str, most: int) -> None:
    for name, given, allowed in (
        ("scheme", scheme, tuple(COLOURS)),
        ("orientation", orientation, ("LR", "TB")),
        ("language", language, tuple(WORDS)),
    ):
        if given not in allowed:
            raise InputError(f"{name} is {given!r:.60}; it must be {' or '.join(map(repr, allowed))}")
    if not 0 <= digits <= 17:
        raise InputError(f"digits is {digits!r}; it must be from 0 to 17")
    if most < 3:
        raise InputError(f"most is {most!r}; a column shows at least 3 circles")


def _ids(network: Network) -> dict[str, frozenset[str]]:
    """Names that can be ids, as they are plain words and only one thing of their role has them."""
    units = [unit for layer in network.layers for unit in layer]
    roles = {
        "input": Counter(source.name for source in network.inputs),
        "neuron": Counter(unit.name for unit in units),
        "weight": Counter(weight.name for unit in units for weight in unit.weights),
    }
    plain = re.compile(r"[A-Za-z]\w*", re.ASCII)
    return {
        role: frozenset(name for name, n in names.items() if n == 1 and plain.fullmatch(name))
        for role, names in roles.items()
    }


def _found(network: Module | Graph) -> Network:
    if isinstance(network, Module):
        return from_module(network)
    if isinstance(network, Graph):
        return from_graph(network)
    raise TypeError(
        f"network_digraph wants a Module, such as an MLP, or the Graph of one sample, got {type(network).__name__}"
    )


def _names(given: Sequence[str], network: Network) -> list[str]:
    names = list(given)
    if isinstance(given, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"inputs must be a list of names such as ['weight', 'height'], got {given!r:.60}")
    if len(names) != len(network.inputs):
        raise InputError(f"inputs has {len(names)} names for a network of {len(network.inputs)} inputs; name each")
    return names


# --- drawing ------------------------------------------------------------------------------------------------------


def _drawn(subject: Subject) -> graphviz.Digraph:
    import graphviz

    colours = subject.colours
    dot = graphviz.Digraph("network")
    dot.attr(
        "graph", layout="neato", inputscale="72", splines="line", outputorder="edgesfirst", pad="0.3",
        bgcolor=colours["paper"],
    )  # fmt: skip
    font = {"fontname": "Arial", "fontcolor": colours["ink"]}
    dot.attr("node", shape="circle", fixedsize="true", width=_inches(2 * RADIUS), fontsize=str(SIZE), **font)
    dot.attr("edge", arrowsize="0.6", **font)
    taken = _draw_circles(dot, subject)
    for column in range(1, len(subject.columns)):
        _draw_lines(dot, subject, [line for line in diagram.lines(subject) if line[1].column == column], taken)
    _draw_titles(dot, subject)
    _draw_legend(dot, subject)
    return dot


def _inches(points: float) -> str:
    return f"{points / 72:.4f}"


def _at(x: float, y: float) -> str:
    return f"{x:.2f},{-y:.2f}!"


def _words_at(
    dot: Any,
    key: str,
    lines: Sequence[str],
    x: float,
    y: float,
    *,
    size: float,
    colour: str,
    kind: str,
    paper: str = "",
) -> Box:
    """A label of one or more lines around a point, on a ground of `paper` where lines may run; the box it fills."""
    box = Box(x, y, diagram.width(lines, size) + 4, 1.25 * size * len(lines))
    label = "\\n".join(map(text.in_label, lines))
    ground = {"style": "filled", "fillcolor": paper} if paper else {}
    dot.node(
        key, label, pos=_at(x, y), shape="box", width=_inches(box.width), height=_inches(box.height), penwidth="0",
        margin="0", fontsize=str(size), fontcolor=colour, **ground, **{"class": kind},
    )  # fmt: skip
    return box


def _draw_circles(dot: Any, subject: Subject) -> list[Box]:
    """All circles with what stands beside them; the boxes that labels of lines must keep off."""
    taken = []
    for column, spots_of_column in enumerate(subject.columns):
        kind = "input" if column == 0 else "output" if column == len(subject.columns) - 1 else "hidden"
        for spot in spots_of_column:
            taken.append(Box(spot.x, spot.y, 2 * RADIUS + 8, 2 * RADIUS + 8))
            if spot.row is None:
                taken.append(_draw_left_out(dot, subject, spot, kind))
            else:
                taken += _draw_circle(dot, subject, spot, kind)
    return taken


def _draw_circle(dot: Any, subject: Subject, spot: Spot, kind: str) -> list[Box]:
    column, row = spot.column, spot.row or 0
    part: Unit | Source = subject.network.layers[column - 1][row] if column else subject.network.inputs[row]
    name, outside = part.name, []
    if kind == "input" and len(text.shorten(name)) > 5:  # a feature's name: beside the circle
        outside, name = [text.shorten(name, 24)], f"x{row + 1}"
    shown = text.shorten(name, 7)
    lines = [shown] if part.data is None else [shown, text.number(part.data, min(subject.digits, 4))]
    size = (SIZE if len(shown) < 6 else 10) if len(lines) == 1 else 10 if subject.digits < 4 else 9
    tooltip = [part.name, *([] if part.data is None else [repr(part.data)])]
    key = _id(subject, "input" if kind == "input" else "neuron", part.name, spot)
    bias = part.bias if isinstance(part, Unit) else None
    if isinstance(part, Unit):
        tooltip += [part.activation, *([] if bias is None else _told(subject, "bias", bias))]
    dot.node(
        spot.key, "\\n".join(map(text.in_label, lines)), pos=_at(spot.x, spot.y), fontsize=str(size), style="filled",
        fillcolor=subject.colours[kind], color=subject.colours[f"{kind} line"], penwidth="1.6",
        tooltip=text.in_tooltip(*tooltip), id=key, **{"class": f"neuron {kind}-layer"},
    )  # fmt: skip
    boxes = []
    if outside:
        x, y = _beside(subject, spot, outside, before=True)
        boxes.append(
            _words_at(dot, f"{spot.key}_name", outside, x, y, size=SIZE, colour=subject.colours["ink"], kind="name")
        )
    if bias is not None:
        lines = diagram.label(subject, bias)
        x, y = _beside(subject, spot, lines)
        colour = subject.colours[_sign(bias.data)]
        boxes.append(
            _words_at(
                dot,
                f"{spot.key}_bias",
                lines,
                x,
                y,
                size=SMALL,
                colour=colour,
                kind="bias",
                paper=subject.colours["paper"],
            )
        )
    return boxes


def _draw_left_out(dot: Any, subject: Subject, spot: Spot, kind: str) -> Box:
    shown = [other.row for other in subject.columns[spot.column] if other.row is not None]
    first, last = shown[-2] + 1, shown[-1] - 1
    column = subject.network.layers[spot.column - 1] if spot.column else subject.network.inputs
    dot.node(
        spot.key, "…", pos=_at(spot.x, spot.y), style="dashed", color=subject.colours[f"{kind} line"],
        tooltip=text.in_tooltip(f"{column[first].name} … {column[last].name}"), id=f"more-{spot.column}",
        **{"class": f"more {kind}-layer"},
    )  # fmt: skip
    lines = [subject.words["more"].format(f"{last - first + 1:,}")]
    x, y = _beside(subject, spot, lines)
    return _words_at(
        dot, f"{spot.key}_count", lines, x, y, size=SMALL, colour=subject.colours["pale"], kind="count",
        paper=subject.colours["paper"],
    )  # fmt: skip


def _beside(subject: Subject, spot: Spot, lines: Sequence[str], *, before: bool = False) -> tuple[float, float]:
    """The middle of a label that belongs to a circle: across the lines, or before them (the name of an input)."""
    wide, high = diagram.width(lines, SIZE if before else SMALL), 1.25 * SMALL * len(lines)
    if subject.across:
        return (spot.x - RADIUS - wide / 2 - 8, spot.y) if before else (spot.x, spot.y + RADIUS + high / 2 + 2)
    return (spot.x, spot.y - RADIUS - SIZE) if before else (spot.x + RADIUS + wide / 2 + 6, spot.y)


def _draw_lines(dot: Any, subject: Subject, lines: list[tuple[Spot, Spot, Parameter]], taken: list[Box]) -> None:
    labels = [diagram.label(subject, weight) for _, _, weight in lines]
    sizes = [(diagram.width(label) + 4, 1.25 * SMALL * len(label)) for label in labels]
    ways = [Line(tail.x, tail.y, head.x, head.y) for tail, head, _ in lines]
    boxes = spots(ways, sizes, taken) if len(lines) <= LABELLED else None
    for tail, head, weight in lines:
        sign = _sign(weight.data)
        width = 0.8 + 3.2 * (abs(weight.data) / subject.largest) if subject.largest and sign != "broken" else 0.8
        dot.edge(
            tail.key, head.key, color=subject.colours[sign], penwidth=f"{width:.3f}",
            style={"negative": "dashed", "zero": "dotted"}.get(sign, "solid"),
            tooltip=text.in_tooltip(*_told(subject, "weight", weight)), arrowhead="normal" if boxes else "none",
            id=_id(subject, "weight", weight.name, head, tail), **{"class": f"weight {sign}"},
        )  # fmt: skip
    for (tail, head, weight), label, box in zip(lines, labels, boxes or [], strict=False):
        _words_at(
            dot, f"{tail.key}_{head.key}", label, box.x, box.y, size=SMALL, colour=subject.colours[_sign(weight.data)],
            kind="label", paper=subject.colours["paper"],
        )  # fmt: skip


def _sign(x: float) -> str:
    if not math.isfinite(x):
        return "broken"
    return "positive" if x > 0 else "negative" if x < 0 else "zero"


def _told(subject: Subject, role: str, parameter: Parameter) -> list[str]:
    lines = [f"{subject.words[role]} {parameter.name} = {parameter.data!r}"]
    return [*lines, f"{subject.words['grad']} {parameter.grad!r}"] if parameter.grad else lines


def _id(subject: Subject, role: str, name: str, spot: Spot, tail: Spot | None = None) -> str:
    """`neuron-h1`; by place where the name is no plain word or not the only one, as ids must be."""
    if name in subject.ids[role]:
        return f"{role}-{name}"
    return "-".join(map(str, (role, spot.column, spot.row, *(() if tail is None else (tail.row,)))))


# --- words --------------------------------------------------------------------------------------------------------


def _draw_titles(dot: Any, subject: Subject) -> None:
    first = min(spot.y if subject.across else spot.x for column in subject.columns for spot in column)
    last = max(spot.y if subject.across else spot.x for column in subject.columns for spot in column)
    hidden = len(subject.columns) - 2
    for column, spots_of_column in enumerate(subject.columns):
        which = "inputs" if column == 0 else "output" if column == hidden + 1 else "hidden"
        title = subject.words[which] + (f" {column}" if which == "hidden" and hidden > 1 else "")
        below = _below(subject, column)
        ink, pale = subject.colours["ink"], subject.colours["pale"]
        middle = spots_of_column[0].x if subject.across else spots_of_column[0].y
        if subject.across:
            places = [(middle, first - RADIUS - 30), (middle, last + RADIUS + 36 + 14 * subject.gradients)]
        else:
            wide = diagram.width([title, *below], SIZE + 2)
            x = first - RADIUS - 30 - wide / 2
            places = [(x, middle), (x, middle + 22)]
        _words_at(dot, f"title{column}", [title], *places[0], size=SIZE + 2, colour=ink, kind="title")
        if below:
            _words_at(dot, f"below{column}", below, *places[1], size=SMALL + 1, colour=pale, kind="activation")


def _below(subject: Subject, column: int) -> list[str]:
    """What stands below a column: its activation, and how many neurons it has where not all are drawn."""
    if not column:
        return []
    layer = subject.network.layers[column - 1]
    lines = [", ".join(dict.fromkeys(unit.activation for unit in layer))]
    if len(layer) > len(subject.columns[column]):
        lines.append(f"{len(layer):,} {plural(len(layer), subject.words['neurons'])}")
    return lines


def _draw_legend(dot: Any, subject: Subject) -> None:
    """What colour, dashes and thickness say, in one row below everything."""
    circles = [spot for column in subject.columns for spot in column]
    y = max(spot.y for spot in circles) + RADIUS + (80 + 14 * subject.gradients if subject.across else 60)
    words, colours = subject.words, subject.colours
    wide = [diagram.width([words[key]]) for key in ("positive", "negative", "thick")]
    x = (min(s.x for s in circles) + max(s.x for s in circles)) / 2 - (sum(wide) + 2 * 38 + 2 * 20) / 2
    for key, width in zip(("positive", "negative", "thick"), wide, strict=True):
        if key != "thick":
            for end, place in (("from", x), ("to", x + 32)):
                dot.node(f"legend_{key}_{end}", "", pos=_at(place, y), shape="point", width="0.01", style="invis")
            dot.edge(
                f"legend_{key}_from", f"legend_{key}_to", color=colours[key], penwidth="2.4", arrowhead="none",
                style="dashed" if key == "negative" else "solid", **{"class": f"legend {key}"},
            )  # fmt: skip
            x += 38
        _words_at(
            dot, f"legend_{key}", [words[key]], x + width / 2, y, size=SMALL, colour=colours["pale"], kind="legend"
        )
        x += width + 20
