"""Masks that were numbers for a while, as sums over arrays want them, are masks again.

before    v1 = where m 1.0 0.0;  v2 = where n 0.0 1.0;  v3 = add v1 v2;  mask = gt v3 0.0
after     v1 = not n;  mask = or m v1

>>> from microgradnet.compiler.arrays import argument
>>> a, b = argument("a", ()), argument("b", ())
>>> number = elementwise("where", a > b, 1.0, 0.0)
>>> print(as_masks(Plan((elementwise("gt", number, 0.0),), ("mask",))))
a: () argument
b: () argument
mask: () = gt a b
"""

from __future__ import annotations

from functools import reduce

from microgradnet.compiler.arrays import elementwise
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.plan import Node, Plan

__all__ = ["as_masks"]


def as_masks(plan: Plan) -> Plan:
    """The plan without x > 0 where x is made of masks as 1 and 0, added up."""
    return rebuilt(plan, _rule)


def _rule(node: Node, operands: tuple[Node, ...]) -> Node | None:
    if node.op == "gt" and operands[1].number == 0.0:
        return _mask(operands[0])
    return None


def _mask(x: Node) -> Node | None:
    """The mask of which x > 0 is made of 1 and 0, added up; None if it is no such sum."""
    masks: list[Node] = []
    waiting = [x]
    while waiting:
        term = waiting.pop()
        choice = tuple(o.number for o in term.operands[1:]) if term.op == "where" else ()
        if term.op == "add":
            waiting += reversed(term.operands)
        elif choice == (1.0, 0.0):
            masks.append(term.operands[0])
        elif choice == (0.0, 1.0):
            masks.append(elementwise("not", term.operands[0]))
        else:
            return None
    return reduce(lambda a, b: elementwise("or", a, b), dict.fromkeys(masks))
