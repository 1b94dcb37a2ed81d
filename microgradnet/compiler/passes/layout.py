"""The shape of a group, and the order of its rows in it: what turns tables of positions into views.

The first rule that fits:

    one        one row: a single number
    whole      element by element, and some operand is used once each: its shape and order
    outer      every row of one factor meets every row of the other: samples × neurons, samples × windows × filters
    batched    the same within equal parts that do not meet: samples × queries × keys
    tiled      each row is what some axes of the operand hold: the other axes (sums over rows, over columns)
    windows    each part along the operand's first axis is looked at through the same windows
    list       none of these: as they come

    before:  rows of X at [[0, 1], [0, 1], [2, 3], [2, 3]], of p at [[0, 1], [3, 4], [0, 1], [3, 4]]
    after:   shape (2, 2), order [0, 1, 2, 3]: X by sample, p by neuron
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from microgradnet.compiler.passes.group import Factors, Group, unique_rows
from microgradnet.compiler.passes.normalise import CONSTANT

__all__ = ["Layout", "layout"]

Layout: TypeAlias = "tuple[tuple[int, ...], Any]"
"""A shape, and which row stands at each place of it, in NumPy's order."""

Shapes: TypeAlias = Mapping[int, tuple[int, ...]]
"""The shape of the array of each type."""


Columns: TypeAlias = "Sequence[tuple[int, Any]]"
"""Operands: the type, and a table of positions, a row for each row of the group."""


def layout(group: Group, shapes: Shapes) -> Layout:
    """The shape and order of a group whose operands have these shapes."""
    if group.count == 1:
        return (), np.zeros(1, np.int64)
    columns = [(kind, at) for f in group.factors for kind, at in ((f.u, f.at_u), (f.v, f.at_v)) if kind > CONSTANT]
    if not columns:
        return (group.count,), np.arange(group.count)
    if all(at.shape[1] == 1 for _, at in columns):
        fixed = [(kind, at) for f in group.factors for kind, at in ((f.u, f.at_u), (f.v, f.at_v)) if kind == CONSTANT]
        beside = columns + [(kind, at) for kind, at in fixed if (at != at[0]).any()]
        found = _whole(columns, shapes) or _pairs(columns, beside, shapes) or _pairs_in_parts(columns, beside, shapes)
        return found or _windows(columns[0], shapes) or _list(columns)
    if group.op == "take" and len(group.factors) == 2:  # of rows of values, each index of each
        values, index = group.factors
        if found := _outer(Factors(values.u, index.u, values.at_u, index.at_u), shapes):
            return found
    factors = sorted(group.factors, key=lambda f: (f.v > CONSTANT, f.count, f.u), reverse=True)
    factors = [f for f in factors if f.u > CONSTANT]
    for f in factors:
        if f.v > CONSTANT or (f.v == CONSTANT and (f.at_v != f.at_v[0]).any()):
            found = _outer(f, shapes) or _in_parts(f, shapes)
            if found:
                return found
    for find in (_tiled, _windows):
        for f in factors:
            if found := find((f.u, f.at_u), shapes):
                return found
    return _list(columns)


def _in_parts(f: Factors, shapes: Shapes) -> Layout | None:
    """Batched, or where each part is one row, tiled, if it is."""
    found = _batched(f, shapes)
    return found if found is None or len(found[0]) > 1 else _tiled((f.u, f.at_u), shapes) or found


def _whole(columns: Columns, shapes: Shapes) -> Layout | None:
    for kind, at in columns:
        if len(at) == prod(shapes[kind]):
            order = np.argsort(at[:, 0], kind="stable")
            if (at[order, 0] == np.arange(len(at))).all():
                return shapes[kind], order
    return None


def _pairs(columns: Columns, beside: Columns, shapes: Shapes) -> Layout | None:
    """Two operands of which every element of one meets every element of the other, which may be constants."""
    for kind, first in columns:
        rows = np.unique(first)
        for _, second in beside:
            others = np.unique(second)
            if second is first or min(len(rows), len(others)) == 1 or len(rows) * len(others) != len(first):
                continue
            place = np.searchsorted(rows, first[:, 0]) * len(others) + np.searchsorted(others, second[:, 0])
            order = np.argsort(place, kind="stable")
            if (place[order] == np.arange(len(place))).all():
                shape = shapes[kind] if len(rows) == prod(shapes[kind]) else (len(rows),)
                return (*shape, len(others)), order
    return None


def _pairs_in_parts(columns: Columns, beside: Columns, shapes: Shapes) -> Layout | None:
    """The same within equal parts, as of differences by coordinate."""
    for kind, first in columns:
        for other, second in beside:
            if second is not first:
                found = _batched(Factors(kind, other, first, second), shapes)
                if found and len(found[0]) > 1:
                    return found
    return None


def _row_numbers(at: Any) -> tuple[Any, Any]:
    """The different rows, ordered by their positions, and for each row which of them it is."""
    different, _, inverse = unique_rows(at)
    order = np.lexsort((different[:, -1], different[:, min(1, different.shape[1] - 1)], different[:, 0]))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return different[order], rank[inverse]


def _outer(factors: Factors, shapes: Shapes) -> Layout | None:
    rows_u, u = _row_numbers(factors.at_u)
    rows_v, v = _row_numbers(factors.at_v)
    if len(rows_u) * len(rows_v) != len(u):
        return None
    place = u * len(rows_v) + v
    order = np.argsort(place, kind="stable")
    if not (place[order] == np.arange(len(place))).all():
        return None
    axes = (*_split(rows_u, shapes[factors.u]), *((len(rows_v),) if len(rows_v) > 1 else ()))
    return axes, order


def _split(rows: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """One axis for the rows, or (leading axis, windows) where each part has the same windows; none for one row."""
    if len(rows) == 1:
        return ()
    windows = _same_windows(rows, shape)
    return (len(rows),) if windows is None or windows == 1 else (len(rows) // windows, windows)


def _same_windows(rows: Any, shape: tuple[int, ...]) -> int | None:
    """How many windows each part along the first axis is seen through, if they are the same for all; rows in order."""
    if len(shape) < 2 or len(rows) % shape[0]:
        return None
    windows, size = len(rows) // shape[0], prod(shape[1:])
    offsets = rows.reshape(shape[0], windows, -1) - np.arange(shape[0])[:, None, None] * size
    fits = (offsets == offsets[:1]).all() and offsets.min() >= 0 and offsets.max() < size
    return windows if fits else None


def _batched(factors: Factors, shapes: Shapes) -> Layout | None:
    """Parts of equal size that do not meet; within each every row of one factor meets every row of the other."""
    rows_u, u = _row_numbers(factors.at_u)
    rows_v, v = _row_numbers(factors.at_v)
    part_u, part_v = _parts(u, v, len(rows_u), len(rows_v))
    parts = int(part_u.max()) + 1
    n_u, n_v = len(rows_u) // parts, len(rows_v) // parts
    equal = (np.bincount(part_u, minlength=parts) == n_u).all() and (np.bincount(part_v, minlength=parts) == n_v).all()
    if not equal or parts * n_u * n_v != len(u):
        return None
    coordinates: tuple[Any, ...] = part_u[u], _within(part_u, parts)[u], _within(part_v, parts)[v]
    sizes: tuple[int, ...] = parts, n_u, n_v
    if parts > 1 and n_u > 1 and factors.count == 1 and part_u[0] != part_u[1]:  # neighbours are in different parts
        coordinates, sizes = (*coordinates[1:], coordinates[0]), (*sizes[1:], sizes[0])
    place = np.ravel_multi_index(coordinates, sizes)
    order = np.argsort(place, kind="stable")
    if not (place[order] == np.arange(len(place))).all():
        return None
    leading = _leading_parts(rows_u[:, 0], part_u, parts, shapes[factors.u])
    if sizes[0] == parts and leading:
        sizes = (leading, parts // leading, *sizes[1:])
    return tuple(size for size in sizes if size > 1), order


def _leading_parts(first: Any, part: Any, parts: int, shape: tuple[int, ...]) -> int:
    """The size of the first axis of the operand, if that has several parts each, in order: samples of so many heads."""
    if len(shape) < 2 or parts % shape[0] or parts == shape[0]:
        return 0
    start = np.full(parts, prod(shape))
    np.minimum.at(start, part, first)
    apart = start // prod(shape[1:]) == np.arange(parts) // (parts // shape[0])
    return shape[0] if apart.all() else 0


def _parts(u: Any, v: Any, n_u: int, n_v: int) -> tuple[Any, Any]:
    """For each row of u, and of v, the part that it hangs together with by pairs (u, v), numbered from 0."""
    part = np.arange(n_u)  # the smallest row of u in it
    while True:
        of_v = np.full(n_v, n_u)
        np.minimum.at(of_v, v, part[u])
        after = part.copy()
        np.minimum.at(after, u, of_v[v])
        if (after == part).all():
            names, part_u = np.unique(part, return_inverse=True)
            return part_u, np.searchsorted(names, of_v)
        part = after


def _within(part: Any, parts: int) -> Any:
    """For each row its place among those of the same part, in order."""
    order = np.argsort(part, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=parts))[:-1]])
    result = np.empty_like(order)
    result[order] = np.arange(len(part)) - starts[part[order]]
    return result


def _tiled(table: tuple[int, Any], shapes: Shapes) -> Layout | None:
    kind, at = table
    shape = shapes[kind]
    if at.size != prod(shape) or not shape:
        return None
    coordinates = np.unravel_index(at, shape)
    summed = [axis for axis, c in enumerate(coordinates) if shape[axis] > 1 and (c != c[:, :1]).any()]
    if prod(shape[axis] for axis in summed) != at.shape[1]:
        return None
    kept = tuple(axis for axis in range(len(shape)) if axis not in summed)
    sizes = tuple(shape[axis] for axis in kept)
    place = np.ravel_multi_index([coordinates[axis][:, 0] for axis in kept], sizes) if kept else np.zeros(1, int)
    order = np.argsort(place, kind="stable")
    if prod(sizes) != len(at) or not (place[order] == np.arange(len(at))).all():
        return None
    return tuple(size for size in sizes if size > 1), order


def _windows(table: tuple[int, Any], shapes: Shapes) -> Layout | None:
    kind, at = table
    order = np.lexsort((at[:, -1], at[:, 0]))
    windows = _same_windows(at[order], shapes[kind])
    if windows is None:
        return None
    return (shapes[kind][0], windows) if windows > 1 else (shapes[kind][0],), order


def _list(columns: Sequence[tuple[int, Any]]) -> Layout:
    at = columns[0][1]
    return (len(at),), np.lexsort((at[:, -1], at[:, 0]))
