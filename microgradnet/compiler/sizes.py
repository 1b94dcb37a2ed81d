"""Sizes and numbers that depend on the batch size N: a `Dim` is `k · N + m`, a `Scaled` is `c · (N + m) ** power`.

A plan of one batch size has plain numbers; `passes.unify` puts these in their place.

    >>> Dim(10), Dim(1, -1), at(Dim(10, 2), 7), Scaled(0.5, -1), at(Scaled(0.5, -1), 4)
    (10 * N, N - 1, 72, 0.5 / N, 0.125)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Dim", "Scaled", "Size", "at", "count"]

Size: TypeAlias = Any
"""An int or a Dim."""


@dataclass(frozen=True)
class Dim:
    """The whole number `times · N + plus`."""

    times: int
    plus: int = 0

    def __repr__(self) -> str:
        product = "N" if self.times == 1 else f"{self.times} * N"
        return product if not self.plus else f"{product} {'+' if self.plus > 0 else '-'} {abs(self.plus)}"

    def __add__(self, other: Size) -> Size:
        more = other if isinstance(other, Dim) else Dim(0, other)
        times, plus = self.times + more.times, self.plus + more.plus
        return Dim(times, plus) if times else plus

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        return self + (Dim(-other.times, -other.plus) if isinstance(other, Dim) else -other)

    def __rsub__(self, other: int) -> Size:
        return Dim(-self.times, other - self.plus)


@dataclass(frozen=True)
class Scaled:
    """The number `factor · (N + plus) ** power`."""

    factor: float
    power: int
    plus: int = 0

    def __repr__(self) -> str:
        base = repr(Dim(1, self.plus))
        base = f"({base})" if self.plus else base
        base += f"**{abs(self.power)}" if abs(self.power) > 1 else ""
        return f"{self.factor} * {base}" if self.power > 0 else f"{self.factor} / {base}"


def at(thing: Any, n: int) -> Any:
    """A size, a number, or a tuple of them, at the batch size n; plain numbers as they are."""
    if thing.__class__ is Dim:
        return thing.times * n + thing.plus
    if thing.__class__ is Scaled:
        base = float((n + thing.plus) ** abs(thing.power))
        return thing.factor * base if thing.power > 0 else thing.factor / base
    if thing.__class__ is tuple:
        return tuple(at(part, n) for part in thing)
    return thing


def count(shape: tuple[Size, ...]) -> tuple[int, ...]:
    """How many elements a shape has, as a polynomial in N: its coefficients, the constant first.

    >>> count((2, Dim(3, 1))), count((2, 3))
    ((2, 6), (6,))
    """
    polynomial = [1]
    for size in shape:
        k, m = (size.times, size.plus) if isinstance(size, Dim) else (0, size)
        longer = [0] * (len(polynomial) + 1)
        for i, c in enumerate(polynomial):
            longer[i] += c * m
            longer[i + 1] += c * k
        polynomial = longer if longer[-1] else longer[:-1]
    return tuple(polynomial)
