"""Operations that a language does not spell are written out over those that it does, by the table's own values.

before                        after
h = sigmoid z                 v1 = abs z
                              v2 = neg v1
                              v3 = exp v2
                              v4 = add 1.0 v3
                              v5 = ge z 0.0
                              v6 = where v5 1.0 v3
                              h = div v6 v4

>>> from microgradnet.compiler.arrays import argument, elementwise
>>> plan = Plan((elementwise("softplus", argument("z", (3,))),), ("h",))
>>> print(lowered(plan, {"exp", "log1p", "abs", "neg", "add", "where"}))
z: (3,) argument
v1: (3,) = gt z 0.0
v2: (3,) = where v1 z 0.0
v3: (3,) = abs z
v4: (3,) = neg v3
v5: (3,) = exp v4
v6: (3,) = log1p v5
h: (3,) = add v2 v6
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from microgradnet.compiler.arrays import ARRAYS, as_node, elementwise, total
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.plan import Node, Plan
from microgradnet.compiler.structure import column, logsumexp_parts, shifted_exp
from microgradnet.ops import TABLE

__all__ = ["lowered"]


def lowered(plan: Plan, spelled: Container[str]) -> Plan:
    """The plan without composite operations that are not in `spelled`; primitive ones stay, spelled or not.

    logsumexp and softmax along the last axis are written out as well; what they and their adjoints have in common is
    one node after `share`.
    """
    spell = _Spelled(spelled)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node | None:
        if node.op in spelled:
            return None
        if node.op in _ALONG_LAST:
            return _ALONG_LAST[node.op](*operands)
        row = TABLE.get(node.op)
        if row is None or row.primitive or node.op == "sum":
            return None
        return row.value(spell, *operands)  # type: ignore[no-any-return]

    return rebuilt(plan, rule)


class _Spelled:
    """The functions of the table on nodes, what its values call `f`: what is not spelled is written out."""

    def __init__(self, spelled: Container[str]) -> None:
        self.spelled = spelled

    def __getattr__(self, name: str) -> Callable[..., Node]:
        row = TABLE[name]
        if row.primitive or name in self.spelled:
            return getattr(ARRAYS, name)  # type: ignore[no-any-return]
        return lambda *operands: row.value(self, *map(as_node, operands))

    def where(self, condition: Node, a: Any, b: Any) -> Any:
        """A choice of two; of two quotients with one divisor it is the quotient of a choice: one division."""
        a, b = as_node(a), as_node(b)
        if a.op == b.op == "div" and _equal(a.operands[1], b.operands[1]):
            return elementwise("where", condition, a.operands[0], b.operands[0]) / a.operands[1]
        return ARRAYS.where(condition, a, b)


def _equal(a: Node, b: Node) -> bool:
    """Whether two nodes just made are the same operation on the same operands, literals by value."""
    return a is b or (
        a.op == b.op
        and (a.shape, a.detail) == (b.shape, b.detail)
        and all(x is y or (x.number is not None and x.number == y.number)
                for x, y in zip(a.operands, b.operands, strict=True))
    )  # fmt: skip


def _logsumexp(x: Node) -> Node:
    largest, _, rest = logsumexp_parts(x)
    return largest + elementwise("log1p", rest)


def _softmax(x: Node) -> Node:
    _, e = shifted_exp(x)
    return e / column(total(e, [len(x.shape) - 1]))


_ALONG_LAST: dict[str, Callable[[Node], Node]] = {"logsumexp": _logsumexp, "softmax": _softmax}
