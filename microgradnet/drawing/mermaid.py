"""A Graph as Mermaid's flowchart text, which many sites draw where a Markdown file holds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from microgradnet.display import visible
from microgradnet.drawing import text
from microgradnet.errors import InputError
from microgradnet.ops import COMPARISONS
from microgradnet.structure import neurons

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["in_mermaid", "mermaid"]

MOST_ARROWS, MOST_LETTERS = 500, 50_000  # Mermaid's own limits (maxEdges, maxTextSize), which sites leave as they are

NOT_RUN = "backward() has not run: every grad is still 0"
# Told apart without colour too: by the shape, and by the word in the box.
SHAPES = {"result": ("(", ")"), "condition": ("{{", "}}"), "root": ("[[", "]]"), "warning": (">", "]")}
STYLES = {
    "parameter": "fill:#fff3d1,stroke:#b7791f,color:#1f2933",
    "input": "fill:#e1eefb,stroke:#2f6fae,color:#1f2933",
    "leaf": "fill:#eef1f4,stroke:#64748b,color:#1f2933",
    "result": "fill:#ffffff,stroke:#64748b,color:#1f2933",
    "condition": "fill:#ffffff,stroke:#64748b,color:#1f2933,stroke-dasharray:4 3",
    "root": "fill:#e2f4e6,stroke:#2f855a,color:#1f2933,stroke-width:2px",
    "warning": "fill:#fdecea,stroke:#b42318,color:#b42318",
}


def mermaid(graph: Graph, *, digits: int = 4, orientation: str = "LR") -> str:
    """The flowchart of `graph`: each node with its name, operation, data and `.grad`, an arrow for each use.

    In Markdown it stands between lines of ```` ```mermaid ```` and ```` ``` ````. Arrows along which no gradient
    goes back are dotted. Before `backward()` a box says that all gradients are still 0. `orientation` is "LR" or "TB".

    Raises:
        InputError: more than Mermaid draws (500 arrows, 50,000 letters), or an argument out of range.

    >>> from microgradnet import Value
    >>> from microgradnet.graph import Graph
    >>> x = Value(3.0, "x")
    >>> y = x * 2
    >>> y.backward()
    >>> print(mermaid(Graph(y), digits=1))
    flowchart LR
        n0["x<br/>leaf<br/>data 3.0<br/>grad 2.0"]
        n1[["× 2<br/>data 6.0<br/>grad 1.0"]]
        n0 --> n1
        classDef leaf fill:#eef1f4,stroke:#64748b,color:#1f2933
        classDef root fill:#e2f4e6,stroke:#2f855a,color:#1f2933,stroke-width:2px
        class n0 leaf
        class n1 root
    <BLANKLINE>
    """
    if orientation not in ("LR", "TB"):
        raise InputError(f"orientation is {orientation!r:.60}; it must be 'LR' (left to right) or 'TB' (top to bottom)")
    if not 0 <= digits <= 17:
        raise InputError(f"digits is {digits!r}; it must be from 0 to 17")
    arrows = _arrows(graph)
    if len(arrows) > MOST_ARROWS:
        raise _too_large(graph, f"{len(arrows):,} arrows, and Mermaid draws at most {MOST_ARROWS}")
    roles, kinds = _roles(graph)
    boxes = [_box(f"n{i}", kind, _lines(graph, i, roles[i], digits)) for i, kind in enumerate(kinds)]
    members = {kind: [f"n{i}" for i, other in enumerate(kinds) if other == kind] for kind in STYLES}
    if not any(_grad(graph, i) for i in range(len(graph))):
        boxes.append(_box("warning", "warning", [NOT_RUN]))
        members["warning"] = ["warning"]
    used = {kind: keys for kind, keys in members.items() if keys}
    lines = [
        *boxes,
        *arrows,
        *(f"classDef {kind} {STYLES[kind]}" for kind in used),
        *(f"class {','.join(keys)} {kind}" for kind, keys in used.items()),
    ]
    written = f"flowchart {orientation}\n" + "".join(f"    {line}\n" for line in lines)
    if len(written) > MOST_LETTERS:
        raise _too_large(graph, f"{len(written):,} letters of text, and Mermaid reads at most {MOST_LETTERS:,}")
    return written


# a line's end, a formula, an icon, Mermaid's own codes
_TAKEN = re.compile(r"(?<=\\)(?=n)|(?<=\$)(?=\$)|(?<=:)(?=\w)|(?<=ﬂ)|(?<=¶)(?=ß)")
_SPECIAL = re.compile(r"[^\w ×−.]|_|(?<!\d)\.|\.(?!\d)")


def in_mermaid(line: str) -> str:
    """`line` for a quoted label: what is no letter, digit or space, and no point within a number, as entity codes.

    So nothing ends the label, begins Markdown, HTML or a directive. What Mermaid looks for after it has read the codes
    (a backslash with an n, two dollar signs, `fa:` of an icon) is parted by a word joiner, which cannot be seen.

    >>> in_mermaid('say "no" #1; <b> 0.5')
    'say #34;no#34; #35;1#59; #60;b#62; 0.5'
    """
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", _TAKEN.sub("\u2060", visible(line)))


def _too_large(graph: Graph, what: str) -> InputError:
    return InputError(
        f"the graph of {text.shorten(graph.names[-1])} has {what}; draw a part of it (one sample, or a Value nearer "
        "to the leaves), or save it as .svg"
    )


def _box(key: str, kind: str, lines: list[str]) -> str:
    opening, closing = SHAPES.get(kind, ("[", "]"))
    return f'{key}{opening}"{"<br/>".join(map(in_mermaid, lines))}"{closing}'


def _roles(graph: Graph) -> tuple[list[str], list[str]]:
    """What is said of each node, "" of a result; and its kind, a key of STYLES."""
    roles = ["" if operation else "leaf" for operation in graph.operations]
    for neuron in neurons(graph):
        for role, places in (("input", neuron.inputs), ("weight", neuron.weights), ("bias", (neuron.bias,))):
            for i in places:
                if type(i) is int and roles[i] in ("leaf", "input"):
                    roles[i] = role
    kinds = [
        "condition" if operation in COMPARISONS else "parameter" if role in ("weight", "bias") else role or "result"
        for operation, role in zip(graph.operations, roles, strict=True)
    ]
    if kinds[-1] == "result":
        kinds[-1] = "root"
    return roles, kinds


def _lines(graph: Graph, i: int, role: str, digits: int) -> list[str]:
    label, x, grad = graph.labels[i], graph.data[i], _grad(graph, i)
    what = (role,) if role else text.operation(graph.operations[i], graph.operands[i], digits)
    numbers = [f"data {str(x).lower() if isinstance(x, bool) else text.number(x, digits)}"]
    if grad is not None:
        numbers.append(f"grad {text.number(grad, digits)}")
    return [*([text.shorten(label)] if label else []), *map(text.shorten, what), *numbers]


def _grad(graph: Graph, i: int) -> float | None:
    """A node's `.grad`; None for a condition, which has none."""
    return None if graph.operations[i] in COMPARISONS else float(graph.nodes[i].grad)


def _arrows(graph: Graph) -> list[str]:
    """One per use; dotted where nothing goes back: to and from a condition, and to what a selection did not take."""
    arrows = []
    for i, operands in enumerate(graph.operands):
        condition = graph.operations[i] in COMPARISONS
        partials = (None,) * len(operands) if condition else graph.nodes[i].partials
        for operand, partial in zip(operands, partials, strict=True):
            if type(operand) is int:
                arrows.append(f"n{operand} {'-.->' if partial is None else '-->'} n{i}")
    return arrows
