"""The page put together: columns, templates, rules and picture of a graph go into page.html, whose parts are files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.dialects import latex_letter
from microgradnet.display import visible
from microgradnet.drawing import text
from microgradnet.drawing.page.forms import plain
from microgradnet.drawing.page.picture import Picture, Subject, pictures, subject_of
from microgradnet.drawing.page.rules_js import javascript_rules, printable
from microgradnet.drawing.page.steps import parameters
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.ops import COMPARISONS, row_of

if TYPE_CHECKING:
    from microgradnet.value import Value

__all__ = ["SCRIPTS", "Settings", "assemble"]

SCRIPTS = ("engine", "writing", "words", "picture", "card", "study", "panels", "app", "main")
ROWS = 500  # of the table of nodes
SLIDERS = 60


class Settings(NamedTuple):
    """What the caller of `make_page` chose."""

    language: str | None
    rate: float | None
    digits: int
    engine: str | None
    timeout: float


def assemble(graph: Graph, settings: Settings, closed_form: Mapping[str, float | Value]) -> str:
    """The HTML of the page. Raises InputError and TypeError as `make_page` says."""
    subject = subject_of(graph, settings.digits)
    views = pictures(subject, engine=settings.engine, timeout=settings.timeout)
    closed = {str(graph.number(name)): _closed(graph, name, by_hand) for name, by_hand in closed_form.items()}
    graphs = [graph, *[entry["graph"] for entry in closed.values() if "graph" in entry]]
    words = {language: json.loads(_file(f"words.{language}.json")) for language in ("en", "ru")}
    data = {
        "language": settings.language,
        "digits": settings.digits,
        "rate": settings.rate,
        "main": _columns(graph),
        "closed": {i: {**entry, "graph": _columns(entry["graph"])} if "graph" in entry else entry
                   for i, entry in closed.items()},
        **_names(subject),
        "parameters": parameters(graph),
        "roles": subject.roles,
        "views": [{"owner": view.owner, "hidden": view.hidden} for view in views],
        "rows": _listed(subject, views[0]),
        "sliders": SLIDERS,
        "neurons": {str(i): neuron.output for neuron in subject.neurons for i in neuron.members},
        "rules": _rules(graph, words["ru"].pop("rules")),
        "words": words,
    }  # fmt: skip
    operations = [
        (op, len(operands)) for g in graphs for op, operands in zip(g.operations, g.operands, strict=True) if op
    ]
    rules = javascript_rules(dict.fromkeys((op, n) for op, n in operations if printable(op)))
    scripts = ['"use strict";', _file("numbers.js"), "const rules = {};", rules]
    spoken = words[settings.language or "en"]
    parts = {
        "language": settings.language or "en",
        "title": escape(visible(graph.names[-1])),
        "heading": _spoken(_heading(_root_name(subject)), spoken),
        "style": _file("page.css") + _file("picture.css"),
        "words": escape(", ".join(data["names"][:40])),
        "svg": views[0].svg,
        "other": views[1].svg if len(views) > 1 else "",
        "rows": "\n".join(_row(subject, i) for i in data["rows"]),
        "data": _json(data),
        "script": "\n".join([*scripts, *[_file(f"{name}.js") for name in SCRIPTS]]),
    }
    return re.sub(r"\{([a-z]+)\}", lambda found: parts[found[1]], _spoken(_file("page.html"), spoken))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _json(data: Any) -> str:
    """JSON that can stand in a script element: no `<` in it, and none of its numbers is one that JSON lacks."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _spoken(page: str, words: Mapping[str, Any]) -> str:
    """The template with the words of one language put in: what is seen without JavaScript."""
    page = re.sub(r'data-w="([a-z-]+)">(?=</)', lambda found: f"{found[0]}{escape(words[found[1]])}", page)
    return re.sub(r'data-w-label="([a-z-]+)"', lambda found: f'{found[0]} aria-label="{escape(words[found[1]])}"', page)


def _root_name(subject: Subject) -> str:
    """The result's label; without one the expression that it is, where that is short, else its name."""
    root = len(subject.graph) - 1
    return visible(subject.graph.labels[root] or subject.shown.get(root) or subject.graph.names[root])


def _heading(name: str) -> str:
    shown = f"<var><bdi>{escape(text.shorten(name))}</bdi></var>"
    return f'<span data-w="heading-before"></span> {shown}<span data-w="heading-after"></span>'


# --- the graph as plain data --------------------------------------------------------------------------------------


def _number(x: float | bool) -> float | bool | str:
    """A number as JSON can hold it; JavaScript's Number() reads the texts."""
    if isinstance(x, bool) or math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _columns(graph: Graph) -> dict[str, Any]:
    """The columns as engine.js wants them: constants are texts, so that they are told from nodes."""
    own = [i for i, op in enumerate(graph.operations) if op and not printable(op)]
    return {
        "operations": [str(op) for op in graph.operations],
        "operands": [[o if type(o) is int else str(_number(o)) for o in operands] for operands in graph.operands],
        "data": [_number(x) for x in graph.data],
        "frozen": {str(i): [None if p is None else _number(p) for p in graph.partials(i)] for i in own},
    }


def _names(subject: Subject) -> dict[str, Any]:
    """Names and templates; a template that several nodes have is there once."""
    graph = subject.graph
    unique: dict[str, int] = {}
    places = [-1 if form is None else unique.setdefault(json.dumps(form), len(unique)) for form in subject.forms]
    return {
        "names": [visible(name) for name in graph.names],
        "labelled": [bool(label) for label in graph.labels],
        "latex": [latex_letter(name) for name in graph.names],
        "shown": {str(i): visible(shown) for i, shown in subject.shown.items()},
        "forms": [json.loads(form) for form in unique],
        "form": places,
    }


def _rules(graph: Graph, russian: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What an operation does, in words."""
    found = dict.fromkeys(op for op in graph.operations if op and op not in COMPARISONS)
    return {
        str(op): {
            "en": visible(row_of(op).doc),
            "ru": russian.get(op, "") if printable(op) else visible(row_of(op).doc),
        }
        for op in found
    }


def _closed(graph: Graph, name: str, by_hand: float | Value) -> dict[str, Any]:
    """A derivative by hand: its number, or its graph and which of its leaves are leaves of ours."""
    if isinstance(by_hand, bool) or not (hasattr(by_hand, "op") or isinstance(by_hand, int | float)):
        raise TypeError(f"closed_form wants a number or a Value for {name!r}, got {type(by_hand).__name__}")
    if isinstance(by_hand, int | float):
        return {"value": _number(float(by_hand))}
    other = Graph(by_hand)
    ours = {label: i for i, label in enumerate(graph.names) if not graph.operations[i]}
    leaves = {}
    for j, node in enumerate(other.nodes):
        if other.operations[j]:
            continue
        if node in graph and not graph.operations[graph.number(node)]:
            leaves[str(j)] = graph.number(node)
        elif other.labels[j] in ours:
            leaves[str(j)] = ours[other.labels[j] or ""]
    if any(not printable(op) for op in other.operations if op):
        raise InputError(f"closed_form of {name!r} has an operation of one's own, which the page cannot compute")
    return {"graph": other, "leaves": leaves}


# --- the table of nodes -------------------------------------------------------------------------------------------


def _listed(subject: Subject, view: Picture) -> list[int]:
    """The nodes that have a row: all; of very many those that are drawn, and parameters."""
    count = len(subject.graph)
    if count <= ROWS:
        return list(range(count))
    drawn = [i for i in range(count) if view.owner[i] == i]
    return sorted(dict.fromkeys([*drawn, *parameters(subject.graph)][:ROWS]))


def _row(subject: Subject, i: int) -> str:
    graph = subject.graph
    name = escape(visible(graph.names[i]))
    form = subject.forms[i]
    letters = [visible(graph.names[o]) if type(o) is int else f"{o:g}" for o in graph.operands[i]]
    how = escape(plain(form["value"], letters)) if form else ""
    cells = [f'<td class="{what} right">{_data(x, subject.digits)}</td>'
             for what, x in (("data", graph.data[i]), ("grad", subject.gradient[i]))]  # fmt: skip
    return f'<tr data-node="{i}"><th scope="row"><bdi>{name}</bdi></th><td class="how">{how}</td>{"".join(cells)}</tr>'


def _data(x: float | bool | None, digits: int) -> str:
    if x is None:
        return ""
    shown = str(x).lower() if isinstance(x, bool) else text.number(x, digits)
    full = str(x).lower() if isinstance(x, bool) else str(_number(x))
    return f'<data class="num" value="{full}">{shown}</data>'
