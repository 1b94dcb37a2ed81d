"""Holding a compiled program against the eager engine: its loss and every gradient, to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradnet.graph import Graph

__all__ = ["TOLERANCE", "difference", "magnitudes"]

TOLERANCE = 1e-9
"""Of a number itself, or of what was added up to it: sums in another order differ by far less."""
SMALLEST = float(np.finfo(float).tiny)
"""Below it numbers lose digits, and XLA takes them for 0."""


def difference(name: str, got: Any, wanted: Any, magnitude: Callable[[], Any] = lambda: 0.0) -> str:
    """Where two arrays differ by more than rounding, in words; empty if they do not. nan is equal to nan.

    `magnitude()`: how large the terms were that made each number, asked for only where numbers differ.

    >>> difference("gradient", [1.0, 2.0], [1.0, 2.0 + 1e-12]), difference("gradient", [1.0, 2.5], [1.0, 2.0])
    ('', 'gradient[1] is 2.5, the eager engine has 2.0')
    """
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    if got.shape != wanted.shape:
        return f"{name} has shape {got.shape}, the eager engine has {wanted.shape}"
    with np.errstate(all="ignore"):
        off = ~((got == wanted) | (np.isnan(got) & np.isnan(wanted)) | (np.abs(got - wanted) <= _some(np.abs(wanted))))
        off &= ~(np.abs(got - wanted) <= SMALLEST)
        if off.any():
            off &= ~(np.abs(got - wanted) <= _some(np.broadcast_to(magnitude(), wanted.shape)))
    if not off.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(off)[0])
    where = name + "".join(f"[{i}]" for i in place)
    return f"{where} is {float(got[place])!r}, the eager engine has {float(wanted[place])!r}"


def _some(magnitude: Any) -> Any:
    return np.where(np.isfinite(magnitude), TOLERANCE * magnitude, 0.0)


def magnitudes(graph: Graph) -> tuple[float, list[float]]:
    """How large the terms of the root are, and those of the derivative by each node: sums of absolute values.

    >>> from microgradnet.value import Value
    >>> a = Value(3.0)
    >>> graph = Graph(a - a)
    >>> graph.gradient()[0], magnitudes(graph)
    (0.0, (6.0, [2.0, 1.0]))
    """

    def absolute(number: int) -> tuple[float | None, ...]:
        return tuple(None if p is None else abs(p) for p in graph.partials(number))

    adjoints = [0.0 if a is None else a for a in graph.reverse(absolute, 1.0)]
    with np.errstate(all="ignore"):
        root = float(np.nansum([abs(a * x) for a, x in zip(adjoints, graph.data, strict=True)]))
    return root, adjoints
