"""Which numbers of a plan have a line of their own, and in which loop that line stands.

What is read once is written where it is read, as long as the line stays readable; what has a label, is read more than
once, or stands outside of the loop in which it is read, has its own line.

    >>> from microgradnet.compiler.arrays import argument, elementwise
    >>> from microgradnet.compiler.languages.scalar_languages import PYTHON
    >>> a, b = argument("a", ()), argument("b", ())
    >>> h = elementwise("tanh", a * b)
    >>> lines = layout(Plan((h * h + a,), ("loss",)), PYTHON, {})
    >>> [node.op for node in lines.named[0]]
    ['tanh']
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from microgradnet.compiler.languages.scalar_languages import Scalars, read_by
from microgradnet.compiler.passes.apart import is_item
from microgradnet.compiler.plan import Node, Plan

__all__ = ["COLUMNS", "Layout", "elements", "layout"]

COLUMNS = 100
NAME = 4  # letters of a name that is not known yet
ARRAYS = frozenset({"stack", "expand", "accumulate"})


class Layout(NamedTuple):
    """The nodes with a line of their own, in order, by the depth of the loop that it stands in."""

    named: list[list[Node]]


def layout(plan: Plan, language: Scalars, levels: Mapping[str, int], depth: int = 0) -> Layout:
    """The lines of a plan. `levels`: how deep the loop is in which an argument changes; `depth` is the deepest."""
    labels = plan.labels or {}
    uses = _uses(plan, language)
    level: dict[Node, int] = {}
    width: dict[Node, int] = {}  # of what is written in its reader's line
    named: list[list[Node]] = [[] for _ in range(depth + 1)]

    def own_line(node: Node) -> None:
        named[level[node]].append(node)
        del width[node]

    for node in plan.nodes:
        level[node] = max(
            [level[o] for o in node.operands], default=levels.get(node.detail, 0) if node.op == "argument" else 0
        )
        if _is_given(node) or node.op in ARRAYS:
            continue
        read = [o for o in read_by(node) if o in width]
        for operand in dict.fromkeys(read):
            if level[operand] < level[node] and operand in width:
                own_line(operand)
        while True:
            inner = [o for o in read if o in width]
            letters = sum(width.get(o) or _letters(o, labels) for o in read_by(node))
            width[node] = letters + language.overhead(node.op, len(read_by(node)))
            if width[node] <= COLUMNS - 24 or not inner:
                break
            own_line(max(inner, key=lambda o: width[o]))
        if uses[node] > 1 or node in labels:
            own_line(node)
    return Layout(named)


def elements(result: Node) -> list[Node]:
    """The single numbers of a result, which is one number or put together from many.

    >>> from microgradnet.compiler.arrays import accumulate, argument
    >>> [e.number for e in elements(accumulate((2,), [((("slice", (1,)),), argument("x", ()))]))]
    [0.0, None]
    """
    if result.shape == ():
        return [result]
    zero = Node("number", (), (), 0.0)
    found = [zero] * _size(result.shape)
    for steps, part in zip(result.detail or (), result.operands, strict=False):
        found[place_of(result.shape, steps)] = part
    return found


def place_of(shape: tuple[int, ...], steps: Iterable[tuple[str, tuple[int, ...]]]) -> int:
    """The place in the flat order of the single number that these steps see."""
    place = 0
    for _, index in steps:
        for size, i in zip(shape, index, strict=True):
            place = place * size + i
    return place


def _size(shape: Iterable[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _is_given(node: Node) -> bool:
    """Whether it needs no line: a literal, an argument or one of its items."""
    return node.op in ("number", "argument") or is_item(node)


def _letters(node: Node, labels: Mapping[Node, str]) -> int:
    return len(repr(node.detail)) if node.op == "number" else len(labels.get(node, "")) or NAME


def _uses(plan: Plan, language: Scalars) -> Counter[Node]:
    uses: Counter[Node] = Counter()
    for node in plan.nodes:
        if node.op not in ARRAYS:
            for operand in read_by(node):
                uses[operand] += language.repeats(node.op)
    for result in plan.results:
        uses.update(elements(result))
    return uses
