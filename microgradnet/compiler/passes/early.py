"""A factor of many products is multiplied in where it is cheapest: early, into what they all are made of.

    before    d_s = mul -2.0 e;  d_w = mul x d_s;  new_w = sub w (mul rate d_w);  new_b = sub b (mul rate d_s)
    after     v1 = mul -2.0 rate;  step_s = mul v1 e;  new_w = sub w (mul x step_s);  new_b = sub b step_s

So the rate of plain gradient descent is multiplied once, where the derivatives begin, as a person would do. What reads
a derivative for something else, too (a velocity), would need it twice: then the plan stays as it is.

    >>> from microgradnet.compiler.arrays import argument
    >>> e, x, w, b, rate = (argument(name, ()) for name in ("e", "x", "w", "b", "rate"))
    >>> d = -2 * e
    >>> print(early(Plan((w - rate * (x * d), b - rate * d), ("new_w", "new_b"), {d: "d_s"}), "rate"))
    w: () argument
    x: () argument
    rate: () argument
    v1: () = mul -2.0 rate
    e: () argument
    v2: () = mul v1 e
    v3: () = mul x v2
    new_w: () = sub w v3
    b: () argument
    new_b: () = sub b v2
"""

from __future__ import annotations

from microgradnet.compiler.arrays import elementwise, number
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.plan import Node, Plan

__all__ = ["early"]

LINEAR = {"add": (0, 1), "sub": (0, 1), "neg": (0,), "where": (1, 2), "div": (0,)}
"""The operands that are multiplied, all of them, where the result is."""
DERIVATIVE, STEP = "d_", "step_"


def early(plan: Plan, factor: str) -> Plan:
    """The plan of single numbers with this argument multiplied in early, where that takes no more operations."""
    by = plan.arguments.get(factor)
    if by is None:
        return plan
    targets = {node: other for node in plan.nodes if (other := _other(node, by)) is not None}
    into = _cheapest(plan)
    wanted = set(targets.values())
    for node in reversed(plan.nodes):
        if node in wanted:
            wanted.update(node.operands[place] for place in into[node])
    scaled: dict[Node, Node] = {}
    for node in plan.nodes:
        if node in wanted:
            scaled[node] = _scaled(node, into[node], by, scaled)
    result = rebuilt(plan, lambda node, operands: scaled[targets[node]] if node in targets else None)
    labels = dict(result.labels or {})
    for node, label in (plan.labels or {}).items():
        if node in scaled and label.startswith(DERIVATIVE):
            labels.setdefault(scaled[node], STEP + label.removeprefix(DERIVATIVE))
    made = Plan(result.results, result.names, {node: labels[node] for node in result.nodes if node in labels})
    return made if len(made.nodes) <= len(plan.nodes) else plan


def _other(node: Node, factor: Node) -> Node | None:
    """The other factor of a product of two that has this one."""
    if node.op != "mul" or factor not in node.operands:
        return None
    return node.operands[1] if node.operands[0] is factor else node.operands[0]


def _cheapest(plan: Plan) -> dict[Node, tuple[int, ...]]:
    """For each node the operands that are multiplied in its place; none: it is multiplied itself."""
    place = {node: i for i, node in enumerate(plan.nodes)}
    cost: dict[Node, int] = {}  # products that come on top
    into: dict[Node, tuple[int, ...]] = {}
    for node in plan.nodes:
        into[node], cost[node] = (), 0 if node.op == "number" else 1
        if node.op == "mul":
            best = min((0, 1), key=lambda i: (cost[node.operands[i]], -place[node.operands[i]]))
            into[node], cost[node] = (best,), cost[node.operands[best]]
        elif node.op in LINEAR:
            together = sum(cost[node.operands[i]] for i in LINEAR[node.op])
            if together <= 1:
                into[node], cost[node] = LINEAR[node.op], together
    return into


def _scaled(node: Node, into: tuple[int, ...], factor: Node, scaled: dict[Node, Node]) -> Node:
    if node.number == 0.0:
        return number(0.0)
    if not into:
        return elementwise("mul", node, factor)
    operands = [scaled[o] if i in into else o for i, o in enumerate(node.operands)]
    return elementwise(node.op, *operands)
