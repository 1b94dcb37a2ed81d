"""Equal nodes become one node: same operation, same operands, same shape and detail.

before                 after
v1 = exp x             v1 = exp x
v2 = exp x             y = add v1 v1
y = add v1 v2

>>> from microgradnet.compiler.arrays import argument, elementwise
>>> x = argument("x", (3,))
>>> print(shared(Plan((elementwise("exp", x) * elementwise("exp", x),), ("y",))))
x: (3,) argument
v1: (3,) = exp x
y: (3,) = mul v1 v1
"""

from __future__ import annotations

from collections.abc import Hashable

from microgradnet.compiler.passes.rebuild import rebuilt, remade
from microgradnet.compiler.plan import Node, Plan

__all__ = ["shared"]

COMMUTATIVE = frozenset({"add", "mul", "and", "or"})


def shared(plan: Plan) -> Plan:
    """The plan in which no two nodes are equal; the first of them is kept."""
    first: dict[Hashable, Node] = {}

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        made = remade(node, operands)
        return first.setdefault(_key(made), made)

    return rebuilt(plan, rule)


def _key(node: Node) -> Hashable:
    operands = [id(o) for o in node.operands]
    if node.op in COMMUTATIVE:
        operands.sort()
    # a number by its digits: 0.0 is not -0.0, and nan is nan
    detail = repr(node.detail) if node.op == "number" else node.detail
    return node.op, tuple(operands), node.shape, detail
