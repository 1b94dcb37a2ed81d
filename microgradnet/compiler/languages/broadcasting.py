"""A plan as NumPy takes it: what NumPy repeats by itself is not repeated, truth values and numbers are kept apart.

The operands of an operation element by element lose the `expand` and the leading new axes that broadcasting supplies;
a view that begins as another one does goes on from there. A truth value that is used as a number becomes one (`real`),
a number that is used as a truth value is asked for it. A sum with a `place` puts into the other operand (`put`).
The result is no plan that `check` takes: it is what the text says.

    before    v1: (16,) = view p [0:16]; v2: (1, 16) = view p [0:16].insert(0,); h: (100, 16) = add x v2
    after     v1: (16,) = view p [0:16]; h: (100, 16) = add x v1
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from microgradnet.compiler.arrays import number
from microgradnet.compiler.plan import BOOLEAN, STRUCTURAL, Node, Plan, Shape, Step, parts_of, shape_of_steps
from microgradnet.compiler.sizes import Dim, Scaled

__all__ = ["broadcasting", "is_elementwise", "is_truth"]

LOGIC = {"and", "or", "not", "truth"}
TRANSPARENT = {"accumulate", "expand", "stack", "place"}  # beside what works element by element
EMITTED = {"real", "put", "whole"}  # operations that only this form has


def is_elementwise(node: Node) -> bool:
    """Whether it works element by element."""
    return node.op not in STRUCTURAL and node.op not in EMITTED


def is_truth(node: Node) -> bool:
    """Whether its elements are truth values."""
    while node.op in ("view", "expand"):
        node = node.operands[0]
    return node.op in BOOLEAN


def broadcasting(plan: Plan) -> Plan:
    """The plan for NumPy's broadcasting; its nodes are new ones where anything changed, its labels go along."""
    views = _Views(plan)
    uses = Counter(o for node in plan.nodes for o in node.operands)
    made: dict[Node, Node] = {}
    for node in plan.nodes:
        if node.op == "view":
            made[node] = views.seen(made[node.operands[0]], node.operands[0], node.detail)
            continue
        operands = _typed(node, [made[o] for o in node.operands])
        if node.op == "not" and operands[0].number is not None:
            made[node] = number(0.0 if operands[0].number else 1.0)
            continue
        if is_elementwise(node) or node.op in TRANSPARENT:
            operands = _peeled(node, operands)
        if node.op == "choose":
            operands[1] = views.whole(operands[1])
        better = next((b for rule in RULES if (b := rule(node, operands, uses)) is not None), None)
        if better is not None:
            made[node] = better
            continue
        put = _put(node, operands, uses, views)
        made[node] = _remade(node, operands) if put is None else put
    labels: dict[Node, str] = {}
    for node, label in (plan.labels or {}).items():
        if node in made:
            labels.setdefault(_bare(made[node]), label)
    return Plan(tuple(made[node] for node in plan.results), plan.names, labels)


def _divided(node: Node, operands: Sequence[Node], uses: Mapping[Node, int]) -> Node | None:
    """A product with 1 / N as a quotient by N."""
    for factor, other in (operands, operands[::-1]) if node.op == "mul" else ():
        if factor.op == "number" and factor.detail == Scaled(1.0, -1) and other.op != "number":
            return Node("div", (other, Node("number", (), (), Dim(1))), node.shape)
    return None


def _subtracted(node: Node, operands: Sequence[Node], uses: Mapping[Node, int]) -> Node | None:
    """A sum with a negative multiple as a difference."""
    if node.op != "add" or operands[1].op != "mul" or uses[node.operands[1]] > 1:
        return None
    factor, other = operands[1].operands
    if factor.number is None or not factor.number < 0.0:
        return None
    multiple = Node("mul", (number(-factor.number), other), operands[1].shape)
    return Node("sub", (operands[0], multiple), node.shape)


def _summed(node: Node, operands: Sequence[Node], uses: Mapping[Node, int]) -> Node | None:
    """The sum of all sums of products as one, where both operands have all letters."""
    if node.op != "sum" or node.shape or operands[0].op != "contract" or uses[node.operands[0]] > 1:
        return None
    left, right, _ = parts_of(operands[0].detail)
    return Node("contract", operands[0].operands, (), f"{left},{right}->") if set(left) == set(right) else None


RULES = (_divided, _subtracted, _summed)


def _remade(node: Node, operands: Sequence[Node]) -> Node:
    same = len(operands) == len(node.operands) and all(a is b for a, b in zip(operands, node.operands, strict=True))
    return node if same else Node(node.op, tuple(operands), node.shape, node.detail)


def _put(node: Node, operands: Sequence[Node], uses: Mapping[Node, int], views: _Views) -> Node | None:
    """An array to which something is added, or from which it is taken, at one place of each row."""
    if node.op not in ("add", "sub"):
        return None
    for own, other in ((1, 0), (0, 1))[: 2 if node.op == "add" else 1]:
        placed, into = node.operands[own], operands[other]
        if placed.op == "place" and uses[placed] == 1 and into.shape == node.shape and operands[own].op == "place":
            value, index = operands[own].operands
            return Node("put", (into, value, views.whole(index)), node.shape, node.op)
    return None


# --- views ---------------------------------------------------------------------------------------------------------


class _Views:
    """Views, and indices as whole numbers, each made once; a view that begins as another one is a view of that."""

    def __init__(self, plan: Plan) -> None:
        self.made: dict[tuple[Node, tuple[Step, ...]], Node] = {}
        self.known = {(node.operands[0], node.detail) for node in plan.nodes if node.op == "view"}
        self.known |= {(of, steps[:-1]) for of, steps in self.known if _leads(*steps[-1])}

    def whole(self, index: Node) -> Node:
        """An index as whole numbers, once for all that read it."""
        key = (index, (("whole", ()),))
        return self.made.setdefault(key, Node("whole", (index,), index.shape))

    def seen(self, made: Node, of: Node, steps: tuple[Step, ...]) -> Node:
        """The view of `made`, which was `of` in the plan, after these steps."""
        if not steps:
            return made
        if (made, steps) not in self.made:
            begun = next((i for i in range(len(steps) - 1, 0, -1) if (of, steps[:i]) in self.known), 0)
            base = self.seen(made, of, steps[:begun])
            rest = steps[begun:]
            self.made[made, steps] = Node("view", (base,), shape_of_steps(base.shape, rest), rest)
        return self.made[made, steps]


def _leads(kind: str, how: object) -> bool:
    return kind == "insert" and how == tuple(range(len(how)))  # type: ignore[arg-type]


def _bare(node: Node) -> Node:
    """Without what broadcasting does."""
    while node.op == "expand" or (node.op == "view" and len(node.detail) == 1 and _leads(*node.detail[0])):
        node = node.operands[0]
    return node


def _peeled(node: Node, operands: Sequence[Node]) -> list[Node]:
    """The operands without what broadcasting does, as far as the result then still has its shape."""
    bare = list(map(_bare, operands))
    if node.op == "stack":
        numbers = all(o.shape == (1,) and b.shape == () for o, b in zip(operands, bare, strict=True))
        return bare if numbers else list(operands)
    if node.op == "place":
        return [bare[0], operands[1]]
    if not is_elementwise(node):
        return bare
    for kept in range(len(bare) + 1):
        tried = [*operands[:kept], *bare[kept:]]
        if _broadcast([o.shape for o in tried]) == node.shape:
            return tried
    return list(operands)


def _broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """As NumPy does it, from the last axis on; None where it cannot be."""
    result: list[object] = []
    for i in range(1, max(map(len, shapes), default=0) + 1):
        sizes = {shape[-i] for shape in shapes if len(shape) >= i} - {1}
        if len(sizes) > 1:
            return None
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


# --- truth values --------------------------------------------------------------------------------------------------


def _typed(node: Node, operands: list[Node]) -> list[Node]:
    """Truth values as numbers, and numbers as truth values, where the operation wants them so."""
    if node.op in ("truth", "expand"):
        return operands
    if node.op in LOGIC:
        return [o if is_truth(o) or o.number is not None else _truth(o) for o in operands]
    if node.op == "where":
        return [operands[0], *map(_real, operands[1:])]
    if node.op == "mul" and sum(map(is_truth, operands)) == 1:
        return operands
    return list(map(_real, operands))


def _truth(node: Node) -> Node:
    return Node("truth", (node,), node.shape)


def _real(node: Node) -> Node:
    return Node("real", (node,), node.shape) if is_truth(node) else node
