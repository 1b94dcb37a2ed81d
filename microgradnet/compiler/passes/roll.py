"""From the scalars that were recorded to a plan of array operations: the passes before, put together.

before:  the Graph of  sum((relu(w1 x1 + w2 x2 + b) - y)**2 for (x1, x2), y in zip(X, Y)):  9 operations a sample
after:   v1 = contract X p[0:2] nk,k->n;  v2 = v1 + p[2];  v3 = relu v2;  v4 = v3 - y;  loss = contract v4 v4 n,n->
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradnet.compiler.arrays import (
    argument,
    choose,
    contract,
    elementwise,
    expand,
    inserted,
    logsumexp,
    number,
    softmax,
    stack,
    table,
    view,
)
from microgradnet.compiler.passes.group import Factors, Group, group
from microgradnet.compiler.passes.label import labelled, stem
from microgradnet.compiler.passes.layout import layout
from microgradnet.compiler.passes.normalise import CONSTANT, ONE, REDUCING, SUM, Normal, normalise
from microgradnet.compiler.passes.views import affine, seen, varying
from microgradnet.compiler.plan import Node, Plan, Shape, check

if TYPE_CHECKING:
    from microgradnet.compiler.recording import Recording

__all__ = ["roll"]


def roll(recording: Recording) -> Plan:
    """The plan of array operations that computes the recorded loss; its one result is "loss".

    Raises InputError where the graph holds an operation of one's own.
    """
    normal = normalise(recording)
    shapes = {"p": (len(recording.parameters),), **recording.shapes}
    arrays: dict[int, Node] = {t: argument(name, shapes[name]) for t, name in normal.arguments.items()}
    sizes = {t: tuple(node.shape) for t, node in arrays.items()}
    types = np.array(normal.types)
    positions = np.zeros(len(normal.types), np.int64)
    if normal.positions:
        positions[list(normal.positions)] = list(normal.positions.values())
    numbers = np.array(normal.numbers or [0.0])
    parts_of: dict[int, list[tuple[int, int]]] = {}
    for part, (whole, element) in normal.parts.items():
        parts_of.setdefault(normal.types[whole], []).append((part, element))
    labels: dict[Node, str] = {}
    for kind_number, kind in enumerate(normal.kinds):
        if kind is None:
            continue
        one = group(kind, types, positions)
        shape, order = layout(one, sizes)
        node = _computed(one, shape, order, arrays, numbers)
        arrays[kind_number], sizes[kind_number] = node, tuple(node.shape)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        width = node.shape[-1] if kind.op == "softmax" else 1
        positions[one.members] = rank[one.row_of] * width
        for part, element in parts_of.get(kind_number, ()):
            positions[part] = positions[normal.parts[part][0]] + element
        if label := _label(recording, kind.members):
            labels.setdefault(node, label)
    loss = _element(normal, arrays, positions)
    return check(labelled(Plan((loss,), ("loss",)), recording, labels))


def _element(normal: Normal, arrays: Mapping[int, Node], positions: Any) -> Node:
    """The one number that is the result."""
    kind = normal.types[normal.root]
    if kind == CONSTANT:
        return number(normal.numbers[positions[normal.root]])
    array = arrays[kind]
    place = np.unravel_index(positions[normal.root], array.shape) if array.shape else ()
    return view(array, ("slice", tuple(int(i) for i in place))) if array.shape else array


def _label(recording: Recording, members: Sequence[int]) -> str:
    """What the labels of the members have in common."""
    given = recording.graph.labels
    return stem(label for m in members if m < len(given) and (label := given[m]))


# --- the array of a group ------------------------------------------------------------------------------------------


def _computed(one: Group, shape: Shape, order: Any, arrays: Mapping[int, Node], numbers: Any) -> Node:
    if one.op == SUM:
        terms = [_products(f, shape, order, arrays, numbers) for f in _largest_first(one.factors)]
        result = terms[0]
        for term in terms[1:]:
            result = elementwise("add", result, term)
        return expand(result, shape)
    if one.op in REDUCING:
        return _along_last(one, shape, order, arrays, numbers)
    columns = [f.column(i) for f in one.factors for i in range(f.count)]
    singles = [_single(c, shape, order, arrays, numbers) for c in columns]
    return expand(elementwise(one.op, *singles), shape)


def _largest_first(factors: list[Factors]) -> list[Factors]:
    return sorted(factors, key=lambda f: (-f.count, f.u <= CONSTANT))


def _placed(kind: int, at: Any, letters: str, arrays: Mapping[int, Node], numbers: Any) -> tuple[Node, str]:
    """An operand at these positions without the axes along which it does not vary, and the letters of the others."""
    if kind == ONE:
        return number(1.0), ""
    axes = varying(at)
    at = at[tuple(slice(None) if i in axes else 0 for i in range(at.ndim))]
    kept = "".join(letters[i] for i in axes)
    if kind == CONSTANT:
        known = table(numbers[at]) if axes else number(numbers[at])
        return (known.operands[0], "") if known.op == "expand" else (known, kept)
    array = arrays[kind]
    if axes:
        return seen(array, at), kept
    place = np.unravel_index(int(at), array.shape) if array.shape else ()
    return (view(array, ("slice", tuple(int(i) for i in place))) if array.shape else array), ""


def _products(f: Factors, shape: Shape, order: Any, arrays: Mapping[int, Node], numbers: Any) -> Node:
    """The sum of one kind of products, with the axes of the group's shape (of size 1 where it does not vary)."""
    letters = ascii_letters[: len(shape)]
    at_u, at_v = f.at_u[order].reshape(*shape, f.count), f.at_v[order].reshape(*shape, f.count)
    summed = _summed_axes(f, at_u, at_v, arrays)
    at_u, at_v = at_u.reshape(*shape, *summed), at_v.reshape(*shape, *summed)
    own = letters + "zy"[: len(summed)]
    u, of_u = _placed(f.u, at_u, own, arrays, numbers)
    v, of_v = _placed(f.v, at_v, own, arrays, numbers)
    present = "".join(c for c in letters if c in of_u + of_v)
    result = contract(u, v, f"{of_u},{of_v}->{present}")
    nowhere = prod(size for c, size in zip("zy", summed, strict=False) if c not in of_u + of_v)
    if nowhere != 1:
        result = number(nowhere) * result
    return result if not present else inserted(result, [i for i, c in enumerate(letters) if c not in present])


def _summed_axes(f: Factors, at_u: Any, at_v: Any, arrays: Mapping[int, Node]) -> tuple[int, ...]:
    """One axis for the products that are summed; or two, the first that of one of the arrays, if then a factor varies
    along one of them only, or is a view where it was none."""
    for kind in (f.u, f.v):
        leading = arrays[kind].shape[0] if kind > CONSTANT and len(arrays[kind].shape) > 1 else 1
        if 1 < leading < f.count and f.count % leading == 0:
            split = leading, f.count // leading
            apart = [at.reshape(*at.shape[:-1], *split) for at in (at_u, at_v)]
            if any(len({at.ndim - 2, at.ndim - 1}.intersection(varying(at))) == 1 for at in apart):
                return split
            if all(map(affine, apart)) and not all(map(affine, (at_u, at_v))):
                return split
    return (f.count,)


def _single(f: Factors, shape: Shape, order: Any, arrays: Mapping[int, Node], numbers: Any) -> Node:
    """One operand of a function, with the axes of the group's shape."""
    letters = ascii_letters[: len(shape)]
    node, kept = _placed(f.u, f.at_u[order].reshape(shape), letters, arrays, numbers)
    return node if not kept else inserted(node, [i for i, c in enumerate(letters) if c not in kept])


def _operand(f: Factors, shape: Shape, order: Any, arrays: Mapping[int, Node], numbers: Any) -> Node:
    """Consecutive operands of a function, with the axes of the group's shape and one more for these."""
    letters = ascii_letters[: len(shape)] + "z"
    node, kept = _placed(f.u, f.at_u[order].reshape(*shape, f.count), letters, arrays, numbers)
    return node if not kept else inserted(node, [i for i, c in enumerate(letters) if c not in kept])


def _along_last(one: Group, shape: Shape, order: Any, arrays: Mapping[int, Node], numbers: Any) -> Node:
    """logsumexp, softmax or take: their operands stand one behind the other along the last axis."""
    factors = one.factors if one.op != "take" else [*one.factors[:-1], *_all_but_last(one.factors[-1])]
    parts = [_operand(f, shape, order, arrays, numbers) for f in factors]
    if len(parts) > 1 or parts[0].shape == () or parts[0].shape[-1] != factors[0].count:
        parts = [expand(part, (*shape, f.count)) for part, f in zip(parts, factors, strict=True)]
    values = stack(parts)
    if one.op == "softmax":
        return expand(softmax(values), (*shape, values.shape[-1]))
    if one.op == "logsumexp":
        return expand(logsumexp(values), shape)
    index = _single(one.factors[-1].column(-1), shape, order, arrays, numbers)
    return choose(expand(values, (*shape, values.shape[-1])), expand(index, shape))


def _all_but_last(f: Factors) -> list[Factors]:
    """The operands of a take without its index, which may be of the kind of the last values."""
    return [] if f.count == 1 else [Factors(f.u, f.v, f.at_u[:, :-1], f.at_v[:, :-1])]
