"""What the numbers of a plan would like to be called: items of arguments, results, and new values of old ones.

>>> from microgradnet.compiler.arrays import argument, view
>>> x = argument("x", (2,))
>>> first = view(x, ("slice", (0,)))
>>> with_items_labelled(Plan((first * first,), ("loss",))).labels[first]
'x1'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from microgradnet.compiler.languages.scalar_languages import Scalars, read_by
from microgradnet.compiler.languages.scalar_layout import elements, layout, place_of
from microgradnet.compiler.passes.apart import is_item
from microgradnet.compiler.plan import Node, Plan
from microgradnet.compiler.updates import NEW

__all__ = ["in_place", "item_label", "items", "with_items_labelled", "without_single_adjoints"]

GRADIENT, STEP = "d_", "step_"


def with_items_labelled(plan: Plan) -> Plan:
    """A wish for every number of an argument, and for what is returned."""
    labels = dict(plan.labels or {})
    vector = plan.arguments.get("p")
    of_p = items(plan, vector) if vector is not None else {}
    for place, node in of_p.items():
        labels.setdefault(node, f"p{place + 1}")
    for node in plan.nodes:
        if is_item(node) and node not in labels:
            array = node.operands[0]
            place = place_of(array.shape, node.detail)
            if (
                vector is not None
                and array.shape == vector.shape
                and NEW + array.detail in plan.names
                and place in of_p
            ):
                labels[node] = f"{array.detail}_{labels[of_p[place]]}"
            else:
                labels[node] = item_label(array.detail, node.detail[0][1])
    for result, name in zip(plan.results, plan.names, strict=True):
        if result.shape == () and result.op not in ("number", "argument"):
            labels.setdefault(result, name)
        elif vector is not None and result.shape == vector.shape and not name.startswith(NEW):
            for place, element in enumerate(elements(result)):
                if element.op not in ("number", "argument") and not is_item(element):
                    labels.setdefault(element, GRADIENT + (labels[of_p[place]] if place in of_p else f"p{place + 1}"))
    return Plan(plan.results, plan.names, labels)


def item_label(argument: str, index: Sequence[int]) -> str:
    """What one number of an argument would like to be called, counted from 1 as people do.

    >>> item_label("x", (0,)), item_label("X", (0, 2))
    ('x1', 'X_1_3')
    """
    if len(index) == 1:
        return f"{argument}{index[0] + 1}"
    return "_".join([argument, *(str(i + 1) for i in index)])


def items(plan: Plan, array: Node) -> dict[int, Node]:
    """The items of an array that are read, by place."""
    return {place_of(array.shape, n.detail): n for n in plan.nodes if is_item(n) and n.operands[0] is array}


def in_place(plan: Plan, own: Iterable[Node]) -> dict[Node, Node]:
    """New values that take the place of the old ones at once, as nothing else reads these: `v = 0.9 * v + g`."""
    lines = set(own)
    readers: dict[Node, list[Node]] = {}
    for node in plan.nodes:
        if node.op not in ("accumulate", "stack", "expand"):
            for operand in set(read_by(node)):
                readers.setdefault(operand, []).append(node)
    found: dict[Node, Node] = {}
    for result, name in zip(plan.results, plan.names, strict=True):
        old = plan.arguments.get(name.removeprefix(NEW))
        if old is None or not name.startswith(NEW):
            continue
        found_items = items(plan, old) if old.shape != () else {0: old}
        for place, new in enumerate(elements(result)):
            item = found_items.get(place)
            while item is not None and item not in lines and len(readers.get(item, ())) == 1 and item is not new:
                (item,) = readers[item]
            if item is new and new in lines and new not in found:
                found[new] = found_items[place]
    return found


def without_single_adjoints(plan: Plan, language: Scalars) -> Plan:
    """Without the names of adjoints: in a training they are written where they are read, if that is once."""
    labels = {node: label for node, label in (plan.labels or {}).items() if not label.startswith((GRADIENT, STEP))}
    named = {n for line in layout(Plan(plan.results, plan.names, labels), language, {}).named for n in line}
    kept = {node: label for node, label in (plan.labels or {}).items() if node in labels or node in named}
    return Plan(plan.results, plan.names, kept)
