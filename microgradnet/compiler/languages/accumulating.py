"""How an `accumulate` is written: zeros to which parts are added at their views, in as few operations as possible.

Parts whose elements no part before has touched are assigned; if together they are the whole array, it need not be
zeros before. What goes to every element comes last then, and first otherwise. An index that repeats is added up by
`bincount`, or, where it repeats only from window to window, one window's place after the other.

    >>> from microgradnet.compiler.arrays import accumulate, argument
    >>> from microgradnet.compiler.languages import NUMPY
    >>> a, b, p = argument("a", (3,)), argument("b", ()), argument("p", (4,))
    >>> whole = accumulate((4,), [((), p), ((("slice", ((0, 3, 1),)),), a), ((("slice", (3,)),), b)])
    >>> print("\\n".join(accumulated(whole, "g", lambda node: node.detail, NUMPY)))
    g = np.empty(4)
    g[0:3] = a
    g[3] = b
    g += p
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from microgradnet.compiler.languages.pieces import Language, lies_apart, shape_text, size_text, steps_after
from microgradnet.compiler.plan import Node, Shape, Step, Table, shape_of_steps, stepped
from microgradnet.compiler.sizes import Dim, at
from microgradnet.notation import Symbol

__all__ = ["Part", "Placed", "accumulated", "added", "placed"]

WINDOW = "window"  # counts the places of a window; the language reserves it
BATCHES = (7, 11)  # batch sizes at which views are looked at, where sizes depend on it


class Part(NamedTuple):
    """A part, the view that it is added to, and what is known of it: whether a view of the array in memory can be
    written to, whether it is `apart` from all parts before, whether an element is in it `twice`, and if the view is a
    single element, the `place` of that in the flat array."""

    value: Node
    steps: tuple[Step, ...]
    writable: bool
    apart: bool
    twice: bool
    place: int | None


class Placed(NamedTuple):
    """The whole array's own part, or None; the other parts, and whether those that are apart are the whole array."""

    whole: Node | None
    parts: list[Part]
    complete: bool


def accumulated(node: Node, name: str, text: Callable[[Node], str], language: Language) -> list[str]:
    """The lines that compute an accumulate under a name; `text` writes its operands."""
    whole, parts, complete = placed(node)
    assigned = complete or whole is None
    zeros = f"{name} = np.{'empty' if complete else 'zeros'}({shape_text(node.shape)})"
    lines = [zeros if assigned else _copied(name, whole, node.shape, text)]  # type: ignore[arg-type]
    for part in parts:
        lines += added(part, name, node.shape, assigned and part.apart, text, language)
    if complete and whole is not None:
        lines.append(f"{name} += {text(whole)}")
    return lines


def _copied(name: str, whole: Node, shape: Shape, text: Callable[[Node], str]) -> str:
    """A new array with the numbers of the part that is the whole one."""
    written = text(whole)
    if whole.shape != shape:
        return f"{name} = np.full({shape_text(shape)}, {written})"
    return f"{name} = {written}.copy()" if written.isidentifier() or whole.op == "view" else f"{name} = {written}"


# --- looking at the views ------------------------------------------------------------------------------------------


def placed(node: Node) -> Placed:
    """What is known of the parts of an accumulate; where sizes depend on the batch, what holds for two of them."""
    varies = any(isinstance(size, Dim) for size in node.shape) or "N" in repr(node.detail)
    if varies:
        first, second = (_looked_at(node, n) for n in BATCHES)
        parts = [a if a == b else _doubtful(a) for a, b in zip(first.parts, second.parts, strict=True)]
        return Placed(first.whole, parts, first.complete and second.complete)
    return _looked_at(node, 0)


def _doubtful(part: Part) -> Part:
    return part._replace(writable=False, apart=False, twice=True, place=None)


def _looked_at(node: Node, n: int) -> Placed:
    shape = at(node.shape, n)
    array = np.zeros(shape)
    places = np.arange(array.size).reshape(shape)
    touched = np.zeros(array.size, bool)
    whole, parts = None, []
    for steps, value in zip(node.detail, node.operands, strict=True):
        if not steps:
            whole = value
            continue
        seen = stepped(places, steps, n)
        apart = not touched[seen].any()
        touched[seen] = True
        gathers = any(kind == "gather" for kind, _ in steps)
        twice = gathers and len(np.unique(seen)) < seen.size
        before = steps[:-1] if steps[-1][0] == "gather" else steps
        inside = not any(kind == "gather" for kind, _ in before)
        place = int(seen) if seen.shape == () else None
        writable = inside and (place is not None or np.shares_memory(array, stepped(array, before, n)))
        parts.append(Part(value, steps, bool(writable), bool(apart and not twice), bool(twice), place))
    complete = bool(touched.all()) and all(touched_by_apart(parts, places, n))
    return Placed(whole, parts, complete)


def touched_by_apart(parts: Sequence[Part], places: Any, n: int) -> Any:
    """Which elements the parts touch that are assigned."""
    touched = np.zeros(places.size, bool)
    for part in parts:
        if part.apart:
            touched[stepped(places, part.steps, n)] = True
    return touched


# --- writing one part ----------------------------------------------------------------------------------------------


def added(
    part: Part, name: str, shape: Shape, assigned: bool, text: Callable[[Node], str], language: Language
) -> list[str]:
    """The line that adds one part, or assigns it."""
    value = text(part.value)
    if not part.writable or part.twice or (language.contiguous != "{}" and _is_cut(shape, part.steps)):
        return _scattered(part, name, shape, value, language)
    if part.place is not None and len(part.steps) > 1:
        flat = name if len(shape) == 1 else f"{name}.reshape(-1)"
        return [f"{flat}[{part.place}] {'' if assigned else '+'}= {value}"]
    target = language.text(steps_after(Symbol(name), shape, part.steps, replace(language, contiguous="{}")))
    if not target.endswith("]"):
        target += "[:]"
    return [f"{target} {'' if assigned else '+'}= {value}"]


def _is_cut(shape: Shape, steps: Sequence[Step]) -> bool:
    """Whether elements that lie apart are given another shape, which only NumPy can do without moving them."""
    return any(step[0] == "reshape" and lies_apart(shape, steps[:i]) for i, step in enumerate(steps))


def _scattered(part: Part, name: str, shape: Shape, value: str, language: Language) -> list[str]:
    """At an index that repeats, or at a view that cannot be written to."""
    last = part.steps[-1]
    seen = shape_of_steps(shape, part.steps)
    if part.value.shape != seen:
        value = f"np.broadcast_to({value}, {shape_text(seen)})"
    before = shape_of_steps(shape, part.steps[:-1])
    if last[0] == "gather" and len(before) == 1 and [kind for kind, _ in part.steps[:-1]] in ([], ["reshape"]):
        index = language.tables[last[1]]
        flat = [index if last[1].array.ndim == 1 else f"{index}.ravel()", _flat(value, len(seen))]
        back = f".reshape({size_text(tuple(shape))})" if len(shape) > 1 else ""
        return [f"{name} += np.bincount({', '.join(flat)}, {size_text(before[0])}){back}"]
    if last[0] == "gather" and len(part.steps) == 1:
        index = language.tables[last[1]]
        if _by_window(last[1]) and language.over:
            return [
                f"for {WINDOW} in range({last[1].array.shape[1]}):",
                f"    {name}[..., {index}[:, {WINDOW}]] += {_subscripted(value)}[..., {WINDOW}]",
            ]
    places = f"np.arange({name}.size).reshape({name}.shape)"
    index = language.text(steps_after(Symbol(places), shape, part.steps, language))
    return [language.scattered.format(f"{name}.reshape(-1)", index, value)]


def _by_window(table: Table) -> bool:
    """Whether the index is a table of windows in whose columns no element is twice."""
    array = table.array
    return array.ndim == 2 and all(len(np.unique(column)) == len(column) for column in array.T)


def _flat(value: str, rank: int) -> str:
    return value if rank == 1 else f"{_subscripted(value)}.ravel()"


def _subscripted(value: str) -> str:
    return value if value.replace("_", "a").isalnum() else f"({value})"
