"""Sizes that depend on the batch: a `Dim` is `k · N + m`, a `Scaled` number is `c · N` or `c / N`; N is the batch size.

A plan of one batch size has plain ints; `passes.unify` puts these in their place.

    >>> Dim(10, 0), Dim(1, -1), at(Dim(10, 2), 7), Scaled(0.5, -1)
    (10 * N, N - 1, 72, 0.5 / N)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Dim", "Scaled", "Size", "at"]


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
        return _size(self.times + more.times, self.plus + more.plus)

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        return self + (other * -1)

    def __rsub__(self, other: int) -> Size:
        return self * -1 + other

    def __mul__(self, other: int) -> Any:
        if isinstance(other, Dim):
            return Product((self, other))
        return _size(self.times * other, self.plus * other)

    __rmul__ = __mul__


class Product:
    """A product of several sizes that depend on N: enough to compare the numbers of elements of two shapes."""

    def __init__(self, factors: tuple[Any, ...], times: int = 1) -> None:
        self.factors, self.times = factors, times

    def __mul__(self, other: Any) -> Product:
        return (
            Product((*self.factors, other), self.times)
            if isinstance(other, Dim)
            else Product(self.factors, self.times * other)
        )

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Product) and all(self.value(n) == other.value(n) for n in (5, 7, 11, 13))

    def __hash__(self) -> int:
        return hash(self.value(7))

    def value(self, n: int) -> int:
        """The number at a batch size."""
        result = self.times
        for factor in self.factors:
            result *= at(factor, n)
        return result


@dataclass(frozen=True)
class Scaled:
    """The number `factor · N ** power`, the power 1 or -1."""

    factor: float
    power: int

    def __repr__(self) -> str:
        return f"{self.factor} * N" if self.power == 1 else f"{self.factor} / N"


Size: TypeAlias = Any
"""An int or a Dim."""


def _size(times: int, plus: int) -> Size:
    return Dim(times, plus) if times else plus


def at(thing: Any, n: int) -> Any:
    """A size, a number, or a tuple of them, at the batch size n; plain numbers as they are."""
    if thing.__class__ is Dim:
        return thing.times * n + thing.plus
    if thing.__class__ is Scaled:
        return thing.factor * n if thing.power == 1 else thing.factor / n
    if thing.__class__ is tuple:
        return tuple(at(part, n) for part in thing)
    return thing
