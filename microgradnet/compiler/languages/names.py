"""Names for the nodes of a plan: once, last, and the same in every run.

An argument keeps its name, a result gets that of the plan, another node the one that is wished for in the plan's
labels; all are cleaned, so that they are identifiers of Python, mean nothing else, and stand for one node each.
What has no name is numbered: `mask1` for truth values, `w1` for a part of the parameters, `x1` for one of the argument
X, `v1` for the rest.

    >>> from microgradnet.compiler.arrays import argument, elementwise
    >>> x = argument("x", ())
    >>> h = elementwise("tanh", x)
    >>> list(names(Plan((h * h,), ("loss",), {h: "lambda"})).values())
    ['x', 'loss', 'lambda_']
"""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from microgradnet.compiler.plan import BOOLEAN, Node, Plan

__all__ = ["BACKWARD", "RESERVED", "clean", "names", "unused", "with_turn"]

RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *vars(builtins), "np", "math", "numba", "jax", "jnp", "N"})
BACKWARD = "# backward"
"""The line between what computes a loss and what computes its gradient."""
LONGEST = 32  # letters of a name


def with_turn(statements: Iterable[Node], forward: frozenset[Node]) -> Iterator[tuple[Node, bool]]:
    """Each statement, and whether BACKWARD stands before it: it is the first after others that no loss needs."""
    before = turned = False
    for node in statements:
        begins = before and not turned and node not in forward
        before, turned = True, turned or begins
        yield node, begins


def names(
    plan: Plan,
    taken: Iterable[str] = (),
    nodes: Iterable[Node] | None = None,
    same: Mapping[Node, Node] | None = None,
) -> dict[Node, str]:
    """A name for every node but literals, or for these `nodes`, and always for arguments.

    `taken`: what else must not be used, such as the function's own name. `same`: nodes that are called as another one,
    unless they have a wish of their own.
    """
    same = same or {}
    used = {*RESERVED, *taken}
    chosen: dict[Node, str] = {}
    wanted = [n for n in (plan.nodes if nodes is None else nodes) if n.op not in ("number", "argument")]
    wishes = _wishes(plan)
    for node in (n for n in plan.nodes if n.op == "argument"):
        chosen[node] = unused(clean(node.detail) or "argument", used)
    for node in (*(n for n in plan.results if n in set(wanted)), *wanted):
        if node in wishes and node not in chosen:
            chosen[node] = unused(wishes[node], used)
    counts: dict[str, int] = {}
    for node in wanted:
        if node not in chosen and node not in same:
            chosen[node] = _numbered(node, counts, used)
    for node in reversed(wanted):  # what is called as a later one
        if node not in chosen:
            chosen[node] = chosen[same[node]]
    return chosen


def _wishes(plan: Plan) -> dict[Node, str]:
    """The names asked for, cleaned, where something is left of them; the first name of a result counts."""
    wishes = {node: clean(label) for node, label in (plan.labels or {}).items()}
    for node, name in reversed(list(zip(plan.results, plan.names, strict=True))):
        wishes[node] = clean(name)
    return {node: wish for node, wish in wishes.items() if wish}


def clean(label: str) -> str:
    """A label as an identifier; "" if no letter is left. Letters that are written from right to left drop out.

    >>> clean("layer 1.w[0]"), clean("h1"), clean("d_σ2"), clean("2nd"), clean("class"), clean("<script>"), clean("$")
    ('layer_1_w_0', 'h1', 'd_σ2', 'v2nd', 'class_', 'script', '')
    """
    text = unicodedata.normalize("NFKC", label)
    kept = "".join(c if _belongs(c) else " " for c in text)
    name = "_".join(kept.split()).strip("_")
    name = "".join(c for c in name if c == "_" or ("a" + c).isidentifier())[:LONGEST].strip("_")
    if not name:
        return ""
    if not name[0].isidentifier():
        name = "v" + name
    return name + "_" if name in RESERVED else name


def _belongs(c: str) -> bool:
    return c == "_" or (("a" + c).isidentifier() and (c.isascii() or unicodedata.bidirectional(c) in ("L", "NSM")))


def unused(name: str, used: set[str]) -> str:
    """The name, or with _2, _3 … behind it, the first that is not used; it then is."""
    free, count = name, 1
    while free in used:
        count += 1
        free = f"{name}_{count}"
    used.add(free)
    return free


def _numbered(node: Node, counts: dict[str, int], used: set[str]) -> str:
    stem = _stem(node)
    while True:
        counts[stem] = counts.get(stem, 0) + 1
        name = f"{stem}{counts[stem]}"
        if name not in used:
            used.add(name)
            return name


def _stem(node: Node) -> str:
    if node.op in BOOLEAN:
        return "mask"
    if node.op == "whole":
        return "index"
    if node.op == "view" and node.operands[0].op == "argument":
        of = clean(node.operands[0].detail).rstrip("0123456789").lower()
        return "w" if of in ("p", "") else of
    return "v"
