"""Making a plan anew, node by node: what every pass does that replaces nodes by others.

>>> from microgradnet.compiler.arrays import argument, elementwise
>>> x = argument("x", (3,))
>>> plan = Plan((elementwise("sin", elementwise("sin", x)),), ("y",))
>>> cosines = rebuilt(plan, lambda node, operands: elementwise("cos", *operands) if node.op == "sin" else None)
>>> print(cosines)
x: (3,) argument
v1: (3,) = cos x
y: (3,) = cos v1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from microgradnet.compiler import arrays
from microgradnet.compiler.plan import Node, Plan

__all__ = ["Rule", "rebuilt", "remade"]

Rule: TypeAlias = Callable[[Node, tuple[Node, ...]], Node | None]
"""What stands for a node, given what stands for its operands; None for the same operation on them."""


def rebuilt(plan: Plan, rule: Rule) -> Plan:
    """The plan with every node replaced by what the rule makes of it, operands first; labels go along."""
    new: dict[Node, Node] = {}
    for node in plan.nodes:
        operands = tuple([new[o] for o in node.operands])
        made = rule(node, operands)
        new[node] = remade(node, operands) if made is None else made
    labels: dict[Node, str] = {}
    for node, label in (plan.labels or {}).items():
        if node in new:
            labels.setdefault(new[node], label)
    return Plan(tuple(new[node] for node in plan.results), plan.names, labels or None)


def remade(node: Node, operands: Sequence[Node]) -> Node:
    """The same operation on these operands; the node itself if they are its own."""
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    if node.op in _MADE_BY:
        return _MADE_BY[node.op](node, *operands)
    return arrays.elementwise(node.op, *operands)


_MADE_BY: dict[str, Callable[..., Node]] = {
    "view": lambda node, a: arrays.view(a, *node.detail),
    "expand": lambda node, a: arrays.expand(a, node.shape),
    "sum": lambda node, a: arrays.total(a, node.detail),
    "contract": lambda node, a, b: arrays.contract(a, b, node.detail),
    "accumulate": lambda node, *parts: arrays.accumulate(node.shape, zip(node.detail, parts, strict=True)),
    "stack": lambda node, *parts: arrays.stack(parts),
    "peak": lambda node, a: arrays.peak(a),
    "softmax": lambda node, a: arrays.softmax(a),
    "logsumexp": lambda node, a: arrays.logsumexp(a),
    "choose": lambda node, a, index: arrays.choose(a, index),
    "place": lambda node, a, index: arrays.place(a, index, node.detail),
}
