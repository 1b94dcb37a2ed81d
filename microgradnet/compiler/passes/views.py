"""A table of positions becomes a view: slices, reshapes and broadcasts instead of a gather, wherever it is regular.

The first that fits: the whole array, reshaped; slices along its own axes, transposed perhaps; a flat stretch cut into
rows, and columns of these; the same gather for each part along the first axis; any gather.

    before:  p at [[0, 1], [3, 4], [6, 7]]
    after:   p[0:9].reshape(3, 3)[:, 0:2]
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from microgradnet.compiler.arrays import inserted, view
from microgradnet.compiler.plan import Node, Step, Table

__all__ = ["affine", "seen", "varying"]


def varying(at: Any) -> list[int]:
    """The axes along which a table of positions is not constant.

    >>> varying(np.array([[3, 4], [3, 4]]))
    [1]
    """
    return [axis for axis, size in enumerate(at.shape) if size > 1 and (at != at.take([0], axis)).any()]


def seen(array: Node, at: Any) -> Node:
    """The array at these positions (of its elements in NumPy's order), in the shape of the table.

    >>> from microgradnet.compiler.arrays import argument
    >>> seen(argument("p", (9,)), np.array([[0, 1], [3, 4], [6, 7]])).detail
    (('reshape', (3, 3)), ('slice', ((0, 3, 1), (0, 2, 1))))
    """
    size = prod(array.shape)
    if at.size == size and (at.reshape(-1) == np.arange(size)).all():
        return view(array, ("reshape", at.shape))
    if single := [axis for axis, n in enumerate(at.shape) if n == 1]:
        return inserted(seen(array, np.squeeze(at)), single)
    steps = _sliced(array.shape, at) or _radix(array.shape, at) or _gathered(array.shape, at)
    return view(array, *steps)


def affine(at: Any) -> tuple[int, list[int]] | None:
    """Where the table begins, and by how much each axis moves on, if it moves evenly."""
    first = int(at.flat[0])
    strides = [int(at.take(1, axis).flat[0]) - first if size > 1 else 0 for axis, size in enumerate(at.shape)]
    even: Any = first
    for axis, stride in enumerate(strides):
        even = even + stride * np.arange(at.shape[axis]).reshape([-1 if i == axis else 1 for i in range(at.ndim)])
    return (first, strides) if (even == at).all() else None


def _sliced(shape: Sequence[int], at: Any) -> list[Step] | None:
    """Slices along the array's own axes, one for each axis of the table."""
    found = affine(at)
    if found is None or not shape:
        return None
    start = [int(c) for c in np.unravel_index(found[0], shape)]
    entries: list[Any] = list(start)
    axes: list[int] = []
    last = list(start)
    for axis, size in enumerate(at.shape):
        moved = [int(c) for c in np.unravel_index(int(at.take(1, axis).flat[0]), shape)] if size > 1 else start
        changed = [i for i, (a, b) in enumerate(zip(start, moved, strict=True)) if a != b]
        if len(changed) != 1 or changed[0] in axes:
            return None
        (own,) = changed
        step = moved[own] - start[own]
        last[own] = start[own] + step * (size - 1)
        if step < 0 or last[own] >= shape[own]:
            return None
        entries[own] = (start[own], last[own] + 1, step)
        axes.append(own)
    if int(np.ravel_multi_index(last, shape)) != int(at.flat[-1]):
        return None
    steps: list[Step] = [("slice", tuple(entries))]
    kept = sorted(axes)
    if kept != axes:
        steps.append(("transpose", tuple(kept.index(own) for own in axes)))
    return steps


def _radix(shape: Sequence[int], at: Any) -> list[Step] | None:
    """A flat stretch, cut into rows, of which a part is cut into rows …, if each stride divides the one before."""
    found = affine(at)
    if found is None:
        return None
    first, strides = found
    axes = sorted(range(at.ndim), key=lambda axis: -strides[axis])
    if any(strides[axis] <= 0 for axis in axes):
        return None
    for start in dict.fromkeys((first, first - first % strides[axes[0]])):
        steps = _rows(prod(shape), start, first, [(at.shape[axis], strides[axis]) for axis in axes])
        if steps is not None:
            back = tuple(axes.index(axis) for axis in range(at.ndim))
            return [("reshape", (prod(shape),)), *steps, ("transpose", back)]
    return None


def _rows(size: int, start: int, first: int, moves: Sequence[tuple[int, int]]) -> list[Step] | None:
    """Steps from a flat array of this size to the table that begins at `first` and moves so (count, stride)."""
    leading: list[int] = []
    steps: list[Step] = []
    offset = first - start
    for place, (count, stride) in enumerate(moves):
        stop = start + count * stride
        whole = tuple((0, n, 1) for n in leading)
        if stride == 1:
            stop = start + offset + count
            if stop > size or place + 1 < len(moves):
                return None
            return [*steps, ("slice", (*whole, (start + offset, stop, 1)))]
        if stop > size or offset >= stride or (place + 1 < len(moves) and stride % moves[place + 1][1]):
            return None
        if place + 1 == len(moves):
            return [*steps, ("slice", (*whole, (start + offset, stop, stride)))]
        steps += [("slice", (*whole, (start, stop, 1))), ("reshape", (*leading, count, stride))]
        leading.append(count)
        size, start, inner = stride, 0, moves[place + 1][1]
        start = offset - offset % inner if inner > 1 else 0
        offset -= start
    return None


def _gathered(shape: Sequence[int], at: Any) -> list[Step]:
    """The same gather in each part along the first axis, or one of single elements."""
    size = prod(shape)
    if len(shape) > 1 and at.ndim > 1 and at.shape[0] == shape[0] > 1:
        inner = at[0]
        width = size // shape[0]
        moved = np.arange(shape[0]).reshape([-1] + [1] * inner.ndim) * width
        if inner.max() < width and (at == inner + moved).all():
            return [("reshape", (shape[0], width)), ("gather", Table(inner))]
    return [("reshape", (size,)), ("gather", Table(at))]
