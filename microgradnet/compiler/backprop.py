"""Reverse mode on a plan: the loss, and its gradient by the vector of parameters, as one plan.

Nodes are visited in reverse order. Each adds up what its readers sent (at views of it, too) and sends on to its own
operands: partials of the table for operations element by element, the table of `structure` for the others.

A mask selects, it does not multiply. Arrays compute both branches of a choice, so an adjoint carries its *reach*: the
mask of those elements that were sent anything, which is the OR over its readers of (the reader's reach AND the
reader's own mask). Where the partial could be infinite or nan, what is sent is where(reach, partial * g, 0).

    >>> from microgradnet.compiler.arrays import argument, elementwise, total
    >>> p, x = argument("p", (3,)), argument("x", (3,))
    >>> h = elementwise("relu", p * x)
    >>> plan = Plan((0.5 * total(h, [0]),), ("loss",), {h: "h"})
    >>> print(with_gradient(plan))
    p: (3,) argument
    x: (3,) argument
    v1: (3,) = mul p x
    v2: (3,) = relu v1
    v3: () = sum v2 (0,)
    loss: () = mul 0.5 v3
    v4: (3,) = gt v2 0.0
    v5: (3,) = mul 0.5 x
    gradient: (3,) = where v4 v5 0.0
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite, prod
from typing import NamedTuple

import numpy as np

from microgradnet.compiler.arrays import ARRAYS, Sent, accumulate, as_node, elementwise, expand, number
from microgradnet.compiler.plan import BOOLEAN, REDUCTIONS, STRUCTURAL, Node, Plan, Shape, Step, stepped
from microgradnet.compiler.sizes import at
from microgradnet.compiler.structure import holds, indicator, sent_back, sent_masks, unbroadcast
from microgradnet.errors import InputError
from microgradnet.ops import row_of

__all__ = ["with_gradient"]


def with_gradient(plan: Plan, wrt: str | Node = "p", *, finite: bool = True) -> Plan:
    """The plan of (loss, gradient), for a plan whose first result is a loss, a single number.

    `wrt`: the argument, by name, or its node, which the plan need not read then (the gradient is 0). Labels are kept,
    and the adjoint of what is labelled h is labelled d_h.

    `finite`: whether data and parameters are taken to be finite numbers, and products of them not to overflow. An
    infinite one behind a mask that does not select by it (relu, maximum, clip) can then give 0 * inf = nan where the
    eager engine sends nothing; behind `where` and `choose` anything may stand. With finite=False every product is
    guarded, at the price of many masks: a plan of single numbers is then exactly what the eager engine does; in a
    `contract` what meets both what is sent and what is not still gives nan.

    Raises InputError if the plan has no argument of that name; TypeError if the loss is not a single number, if an
    argument has several nodes, and for a plan that was `lowered`: its `peak` has no derivative of its own.
    """
    loss = plan.results[0]
    if loss.shape != ():
        raise TypeError(f"with_gradient wants a loss of shape (), got one of shape {loss.shape}")
    p = wrt if isinstance(wrt, Node) else plan.arguments.get(wrt)
    if p is None:
        raise InputError(f"with_gradient: the plan reads no argument {wrt!r}; it reads {', '.join(plan.arguments)}")
    if any(node.op == "argument" and node.detail == p.detail and node is not p for node in plan.nodes):
        raise TypeError(f"with_gradient wants one node for the argument {p.detail!r}; the plan has several, share it")
    if any(node.op == "peak" for node in plan.nodes):
        raise TypeError("with_gradient comes before lowered: a peak has no derivative of its own")
    active, known = _active(plan.nodes, p), dict[Node, bool]()
    for node in plan.nodes:
        _is_finite(node, known)
    labels = dict(plan.labels or {})
    sent: dict[Node, list[_Part]] = defaultdict(list)
    sent[loss].append(_Part((), number(1.0), strict=not finite))
    for node in reversed(plan.nodes):
        parts = sent.get(node)
        if node is p or not parts or node not in active:
            continue
        adjoint = _collected(node.shape, parts)
        if node in labels:
            labels.setdefault(adjoint.settled, f"d_{labels[node]}")
        send = _structure_sends if node.op in STRUCTURAL else _elements_send
        for operand, part in send(node, adjoint, active, known):
            sent[operand].append(part)
    gradient = _added(p.shape, sent[p])
    result = Plan((loss, gradient), ("loss", "gradient"))
    kept = {node: labels[node] for node in result.nodes if node in labels}
    return Plan(result.results, result.names, kept or None)


def _active(nodes: Iterable[Node], p: Node) -> set[Node]:
    """What depends on p in a way that has a derivative."""
    active = {p}
    for node in nodes:
        operands = node.operands[:1] if node.op in ("choose", "place") else node.operands
        if node.op not in BOOLEAN and any(o in active for o in operands):
            active.add(node)
    return active


# --- adjoints ------------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """What a reader sends to a node: a value, to be added at the view of it that `steps` give.

    `reach`: where it sends, None for everywhere. `select`: where the value is meant; elsewhere take 0 for it. None:
    it is 0 by itself where nothing is sent. `strict`: whether what is not selected may hold anything: where a `where`
    or `choose` is behind it, whose other branch does no harm to the loss.
    """

    steps: tuple[Step, ...]
    value: Node
    reach: Node | None = None
    select: Node | None = None
    strict: bool = False

    @property
    def settled(self) -> Node:
        """The value, 0 where nothing is sent."""
        return self.value if self.select is None else elementwise("where", self.select, self.value, 0.0)


class _Adjoint(NamedTuple):
    """All that a node was sent: `raw` is meant in `select`, `settled` is the same and 0 elsewhere."""

    raw: Node
    settled: Node
    reach: Node | None
    select: Node | None
    strict: bool


def _collected(shape: Shape, parts: list[_Part]) -> _Adjoint:
    strict = any(part.strict for part in parts)
    if len(parts) == 1 and parts[0].steps == ():
        part = parts[0]
        return _Adjoint(expand(part.value, shape), expand(part.settled, shape), part.reach, part.select, strict)
    value = _added(shape, parts)
    return _Adjoint(value, value, _reach(shape, parts), None, strict)


def _added(shape: Shape, parts: list[_Part]) -> Node:
    """All parts, added at their views; the same one several times is multiplied."""
    if not parts:
        return expand(number(0.0), shape)
    times: dict[tuple[tuple[Step, ...], Node], int] = {}
    for part in parts:
        key = part.steps, part.settled
        times[key] = times.get(key, 0) + 1
    return accumulate(shape, [(steps, value if n == 1 else n * value) for (steps, value), n in times.items()])


# --- reach ---------------------------------------------------------------------------------------------------------


def _both(a: Node | None, b: Node | None) -> Node | None:
    if a is None or b is None or a is b:
        return b if a is None else a
    return elementwise("and", a, b)


def _reach(shape: Shape, parts: list[_Part]) -> Node | None:
    """Where any of the parts sends; None for everywhere."""
    everywhere = {part.steps for part in parts if part.reach is None}
    if () in everywhere or _cover(shape, everywhere):
        return None
    masks = dict.fromkeys(everywhere, number(1.0))
    for part in parts:
        if part.reach is not None and part.steps not in everywhere:
            before = masks.setdefault(part.steps, part.reach)
            if before is not part.reach:
                masks[part.steps] = elementwise("or", before, part.reach)
    if list(masks) == [()]:
        return masks[()]
    return holds(accumulate(shape, [(steps, indicator(mask)) for steps, mask in masks.items()]))


def _cover(shape: Shape, views: set[tuple[Step, ...]], n: int = 7) -> bool:
    """Whether every element is in one of the views; asked at one batch size."""
    if not views:
        return False
    sizes = at(tuple(shape), n)
    places = np.arange(prod(sizes)).reshape(sizes)
    seen = np.zeros(places.size, bool)
    for steps in views:
        seen[stepped(places, steps, n)] = True
    return bool(seen.all())


def _any_over(mask: Node | None, shape: Shape) -> Node | None:
    """The reach of an operand of this shape that is repeated to the shape of the result, of which this is the mask."""
    if mask is None or mask.shape == ():
        return mask
    narrow = tuple(1 if m == 1 else size for m, size in zip(mask.shape, shape, strict=True)) if shape else ()
    return mask if narrow == mask.shape else holds(unbroadcast(indicator(mask), narrow))


# --- partials that are finite wherever data and parameters are (but for overflow of products and sums) --------------

FINITE = frozenset({
    *STRUCTURAL, *BOOLEAN, "add", "sub", "mul", "neg", "abs", "sign", "floor", "ceil", "trunc", "round", "tanh",
    "sigmoid", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu", "erf", "erfc", "sin", "cos", "atan", "asinh",
    "hypot", "maximum", "minimum", "clip", "where",
})  # fmt: skip


def _is_finite(node: Node, known: dict[Node, bool]) -> bool:
    """Whether a node is finite wherever the arguments are; its operands are known, or near to what is."""
    if node not in known:
        if node.op == "number":
            result = node.number is None or isfinite(node.number)
        elif node.op == "table":
            result = bool(np.isfinite(node.detail.array).all())
        else:
            result = node.op in FINITE or (node.op == "div" and bool(node.operands[1].number))
        known[node] = result and all(_is_finite(o, known) for o in node.operands)
    return known[node]


# --- sending -------------------------------------------------------------------------------------------------------

READ_FROM_RESULT = frozenset({"relu"})
"""Positive where the operand is: so the mask needs the result only, and the operand's array may be overwritten."""


def _elements_send(node: Node, g: _Adjoint, active: set[Node], known: dict[Node, bool]) -> Iterable[tuple[Node, _Part]]:
    """By the rule of the table. Where one operand counts, the mask travels on beside the value, and selects later."""
    operands = (node,) if node.op in READ_FROM_RESULT else node.operands
    alone = sum(o in active for o in node.operands) == 1
    products: dict[tuple[Node, Node], Node] = {}
    for operand, sent in zip(node.operands, row_of(node.op).partials(ARRAYS, node, *operands), strict=True):
        if sent is None or operand not in active:
            continue
        partial, own = sent if isinstance(sent, Sent) else (as_node(sent), None)
        select: Node | None
        risky = (g.strict and partial.number is None) or not _is_finite(partial, known)
        if g.reach is not None and risky:
            factor, select = g.raw, g.reach
        elif alone:
            factor, select = g.raw, g.select
        else:
            factor, select = g.settled, None
        value = products.setdefault((partial, factor), _times(partial, factor))
        strict = g.strict or node.op == "where"
        part = _Part((), value, _both(g.reach, own), _both(select, own), strict)
        if operand.shape != node.shape:
            whole = expand(part.settled, node.shape)
            part = _Part((), unbroadcast(whole, operand.shape), _any_over(part.reach, operand.shape), None, strict)
        yield operand, part


def _times(partial: Node, g: Node) -> Node:
    """The product; for c / b with a literal c it is (c · g) / b, and signs come last."""
    if partial.op == "neg":
        return -_times(partial.operands[0], g)
    if partial.op == "div":
        above, below = partial.operands
        if above.number is not None and 0.0 < abs(above.number) <= 1.0:
            return (above * g) / below
    return partial * g


def _structure_sends(
    node: Node, g: _Adjoint, active: set[Node], known: dict[Node, bool]
) -> Iterable[tuple[Node, _Part]]:
    """By the table of `structure`. Behind a `where` or `choose`, products take 0 for what nothing is sent to."""
    reaches = sent_masks(node, g.reach)
    operands = node.operands
    if node.op == "contract" and g.strict:
        operands = tuple(
            o if reach is None else elementwise("where", reach, o, 0.0)
            for o, reach in zip(operands, reaches, strict=True)
        )
    for back in sent_back(node, g.settled, operands):
        if node.operands[back.place] in active:
            reach = reaches[back.place]
            select = reach if node.op in REDUCTIONS else None  # their partials are computed, and nan at nan
            strict = g.strict or node.op == "choose"
            yield node.operands[back.place], _Part(back.steps, back.value, reach, select, strict)
