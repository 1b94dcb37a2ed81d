"""Three plans of small batches become one plan for any batch size N, if that is all in which they differ.

Shapes, places and numbers that differ have to be `k · N + m`, or `c · N`, `c / N` and their like: two of the plans say
which, the third has to agree. This is evidence, not a proof: the program is checked at a fourth size beside.

    before:  v3: (7, 16) = …, v9 = mul 0.14285714285714285 v8;  the same with 11 and 0.09090909090909091;  13, …
    after:   v3: (N, 16) = …, v9 = mul 1.0 / N v8
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any

from microgradnet.compiler.plan import Node, Plan, Table, check
from microgradnet.compiler.sizes import Dim, Scaled, at
from microgradnet.errors import InputError

__all__ = ["unify"]


def unify(plans: Sequence[Plan], sizes: Sequence[int]) -> Plan:
    """One plan for any N, from three plans for these batch sizes. InputError that says where they really differ."""
    first = plans[0]
    if len({len(plan.nodes) for plan in plans}) > 1:
        raise InputError("the number of operations depends on the batch size")
    place = [{node: i for i, node in enumerate(plan.nodes)} for plan in plans]
    made: list[Node] = []
    for nodes in zip(*[plan.nodes for plan in plans], strict=True):
        kinds = {(node.op, tuple(of[o] for o in node.operands)) for node, of in zip(nodes, place, strict=True)}
        if len(kinds) > 1:
            raise InputError(f"which operations there are depends on the batch size (at a {nodes[0].op})")
        ((op, operands),) = kinds
        shape = _unified([node.shape for node in nodes], sizes, op)
        detail = _unified([node.detail for node in nodes], sizes, op)
        if op == "view":
            _require_steps(detail)
        made.append(Node(op, tuple(made[o] for o in operands), shape, detail))
    results = tuple(made[place[0][node]] for node in first.results)
    labels = {made[place[0][node]]: label for node, label in (first.labels or {}).items() if node in place[0]}
    return check(Plan(results, first.names, labels))


def _require_steps(steps: Sequence[Any]) -> None:
    """InputError for a slice such as X[0:N:N - 1], which of a batch of one is no slice."""
    entries = [entry for kind, how in steps if kind == "slice" for entry in how if isinstance(entry, tuple)]
    if any(at(step, 1) < 1 for _, _, step in entries):
        raise InputError("how far apart the elements are that are read depends on the batch size")


def _unified(things: Sequence[Any], sizes: Sequence[int], op: str) -> Any:
    first = things[0]
    if all(thing == first for thing in things):
        return first
    kinds = {thing.__class__ for thing in things}
    if kinds == {tuple} and len({len(thing) for thing in things}) == 1:
        return tuple(_unified(parts, sizes, op) for parts in zip(*things, strict=True))
    if kinds == {int}:
        times, left = divmod(things[1] - first, sizes[1] - sizes[0])
        plus = first - times * sizes[0]
        if not left and all(times * n + plus == thing for thing, n in zip(things, sizes, strict=True)):
            return Dim(times, plus)
        raise InputError(f"a size depends on the batch size in another way than k · N + m (at a {op}): {things}")
    if kinds == {float}:
        return _scaled(things, sizes)
    if kinds == {Table}:
        what = "which elements are read" if first.array.dtype.kind == "i" else "numbers that the loss has not as data"
        raise InputError(f"{what} depend on the batch size (at a {op})")
    raise InputError(f"how the arrays lie depends on the batch size (at a {op})")


def _scaled(numbers: Sequence[float], sizes: Sequence[int]) -> Scaled:
    for plus in (0, -1, 1):
        for power in (-1, 1, -2, 2):
            factors = [x / float(n + plus) ** power for x, n in zip(numbers, sizes, strict=True)]
            if all(isclose(factor, factors[0], rel_tol=1e-14) for factor in factors):
                return Scaled(float(f"{factors[0]:.15g}"), power, plus)
    raise InputError(f"a number depends on the batch size in another way than c · N or c / N: {list(numbers)}")
