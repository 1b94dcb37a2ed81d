"""Causes that show in how arrays were put together: transposed, summed over the wrong axis, the wrong place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from microgradnet.causes.facts import Point

__all__ = ["Formula", "formulas", "rearranged"]

MOST = 4_000_000
"""Products of larger arrays than this many multiplications are not tried."""


class Formula(NamedTuple):
    """A short formula over named arrays, such as `h.T @ dlogits`."""

    text: str
    names: tuple[str, ...]
    compute: Callable[[Point], Any]


def rearranged(points: list[Point]) -> Iterator[tuple[tuple[str, ...], str, Callable[[Point], Any]]]:
    """Ways in which by hand can hold the right numbers in wrong places: names, a sentence, the numbers by hand."""
    first = points[0].autograd
    if first.ndim == 2 and first.shape[0] == first.shape[1] > 1:
        yield ("transposed",), "it is transposed", lambda p: p.autograd.T
    if first.size > 1:
        yield ("sum",), "it is summed over all axes", lambda p: 0 * p.autograd + p.autograd.sum()
        yield ("mean",), "it is the mean over all axes", lambda p: 0 * p.autograd + p.autograd.mean()
    for axis in range(first.ndim if first.ndim > 1 else 0):
        yield (f"sum over axis {axis}",), f"it is summed over axis {axis}, and spread out again", lambda p, a=axis: (
            p.autograd.sum(a, keepdims=True) + 0 * p.autograd
        )
        yield (f"mean over axis {axis}",), f"it is the mean over axis {axis}, spread out again", lambda p, a=axis: (
            p.autograd.mean(a, keepdims=True) + 0 * p.autograd
        )
    for axis in range(first.ndim):
        if first.shape[axis] > 1:
            yield ("reversed",), f"its elements are in reverse order along axis {axis}", lambda p, a=axis: _reversed(p.autograd, a)


def _reversed(array: Any, axis: int) -> Any:
    import numpy

    return numpy.flip(array, axis)


def formulas(point: Point, shape: tuple[int, ...]) -> Iterator[Formula]:
    """Products and sums of one or two named arrays which have this shape."""
    arrays = {name: a for name, a in point.values.items() if a.ndim in (1, 2) and a.size > 1}
    squeezed = [n for n in shape if n != 1]
    for x, a in arrays.items():
        for axis in range(a.ndim if a.ndim > 1 else 0):
            yield from _fitting(f"{x}.sum({axis})", (x,), squeezed, point, lambda p, x=x, i=axis: p.values[x].sum(i))
            yield from _fitting(f"{x}.mean({axis})", (x,), squeezed, point, lambda p, x=x, i=axis: p.values[x].mean(i))
        if [n for n in a.shape if n != 1] == squeezed[::-1] and len(squeezed) == 2:
            yield from _fitting(f"{x}.T", (x,), squeezed, point, lambda p, x=x: p.values[x].T)
        if a.ndim == 2:
            for y, b in arrays.items():
                if b.ndim == 2 and a.size * max(b.shape) <= MOST:
                    for text, left, right in _products(x, y):
                        if left(a).shape[1] == right(b).shape[0] and [
                            n for n in (left(a).shape[0], right(b).shape[1]) if n != 1
                        ] == squeezed:
                            yield Formula(text, (x, y), lambda p, x=x, y=y, f=left, g=right: f(p.values[x]) @ g(p.values[y]))
        for y, b in arrays.items():
            if x < y and a.shape == b.shape:
                if [n for n in a.shape if n != 1] == squeezed:
                    yield Formula(f"{x} * {y}", (x, y), lambda p, x=x, y=y: p.values[x] * p.values[y])
                for axis in range(a.ndim if a.ndim > 1 else 0):
                    yield from _fitting(f"({x} * {y}).sum({axis})", (x, y), squeezed, point,
                                        lambda p, x=x, y=y, i=axis: (p.values[x] * p.values[y]).sum(i))  # fmt: skip


def _products(x: str, y: str) -> list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]:
    def same(a: Any) -> Any:
        return a

    def turned(a: Any) -> Any:
        return a.T

    return [(f"{x} @ {y}", same, same), (f"{x}.T @ {y}", turned, same), (f"{x} @ {y}.T", same, turned)]


def _fitting(
    text: str, names: tuple[str, ...], squeezed: list[int], point: Point, compute: Callable[[Point], Any]
) -> Iterator[Formula]:
    if [n for n in compute(point).shape if n != 1] == squeezed:
        yield Formula(text, names, compute)
