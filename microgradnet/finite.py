"""Finite differences: derivatives of any Python function of floats, found by moving its arguments a little.

They know nothing of the function but its values, so they are a third opinion beside autograd and a derivation by
hand. They are approximate; `richardson` says how far it trusts itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, overload

__all__ = ["STEP", "Estimate", "derivative", "gradient", "richardson"]

STEP = 2.0**-17
"""The default step, near the cube root of the double's precision, where a central difference is most exact."""


class Estimate(NamedTuple):
    """A derivative, and about how far it may be off. The error is an estimate too, not a proven bound."""

    value: float
    error: float


def derivative(f: Callable[[float], float], x: float, step: float = STEP) -> float:
    """df/dx at x by a central difference, (f(x+h) - f(x-h)) / 2h with h = step · max(1, |x|).

    For a smooth f of ordinary size it is right to about ten digits. At a kink it is the mean of the two slopes.
    The division is by the distance of the two arguments as floats, so rounding of x ± h costs nothing.
    What f raises is passed on; ValueError if the step is not a positive number.

    >>> round(derivative(lambda x: x**3, 2.0), 8)
    12.0
    """
    h = _step(step) * max(1.0, abs(x))
    up, down = x + h, x - h
    return (f(up) - f(down)) / (up - down)


@overload
def gradient(
    f: Callable[[dict[str, float]], float], values: Mapping[str, float], step: float = STEP
) -> dict[str, float]: ...
@overload
def gradient(f: Callable[[list[float]], float], values: Sequence[float], step: float = STEP) -> list[float]: ...
def gradient(
    f: Callable[[Any], float], values: Mapping[str, float] | Sequence[float], step: float = STEP
) -> dict[str, float] | list[float]:
    """The derivatives of f by each of its values, one central difference for each (see `derivative`).

    f takes one list or one dict of floats, as `values` is; the answer has the same form. `values` stays as it is.

    >>> [round(g, 8) for g in gradient(lambda v: v[0] * v[1], [3.0, 5.0])]
    [5.0, 3.0]
    >>> {name: round(g, 8) for name, g in gradient(lambda v: v["a"] / v["b"], {"a": 1.0, "b": 2.0}).items()}
    {'a': 0.5, 'b': -0.25}
    """
    if isinstance(values, Mapping):

        def with_key(key: str) -> Callable[[float], float]:
            return lambda x: f({**values, key: x})

        return {key: derivative(with_key(key), value, step) for key, value in values.items()}

    def with_place(place: int) -> Callable[[float], float]:
        return lambda x: f([*values[:place], x, *values[place + 1 :]])

    return [derivative(with_place(place), value, step) for place, value in enumerate(values)]


def richardson(f: Callable[[float], float], x: float, step: float = 2.0**-5, levels: int = 32) -> Estimate:
    """df/dx at x by Ridders' method: central differences at h, h/2, h/4 …, extrapolated to h = 0.

    Halving h divides the error of a central difference by 4, so a combination of two neighbours cancels it; the
    combinations' error falls by 16, and so on (Richardson's extrapolation; C. J. F. Ridders, Adv. Eng. Software 4,
    1982). The smallest steps, where only rounding is left, show how noisy f is. Given is the combination that agrees
    best with the two that it was made of; the error is four times that disagreement, or the noise if that is larger.

    Several digits better than `derivative`, for 2 · levels calls of f. The first h is step · max(1, |x|); give a
    smaller step where f is defined only near x. Where f gives a nan or an infinity, smaller steps are used; if none
    serves, the answer is nan with an infinite error. A kink exactly at x goes unseen: there it is the mean of the two
    slopes. ValueError if the step is not a positive number or levels is below 2.

    >>> value, error = richardson(math.exp, 1.0)
    >>> abs(value - math.e) <= error < 1e-11
    True
    """
    if levels < 2:
        raise ValueError(f"richardson wants at least 2 levels, got {levels}")
    h = _step(step) * max(1.0, abs(x))
    size = 0.0  # the largest value of f that was met
    slopes: list[tuple[float, float]] = []  # h, the central difference there
    found: list[tuple[float, Estimate]] = []  # h, the best combination that ends there
    coarse: list[float] = []
    for _ in range(levels):
        up, down = x + h, x - h
        f_up, f_down = f(up), f(down)
        row = [(f_up - f_down) / (up - down)]
        if math.isfinite(row[0]):
            size = max(size, abs(f_up), abs(f_down))
            slopes.append((h, row[0]))
            for power, above in enumerate(coarse, start=1):
                row.append(row[-1] + (row[-1] - above) / (4.0**power - 1))
                error = max(abs(row[-1] - row[-2]), abs(row[-1] - above))
                if math.isfinite(error):
                    found.append((h, Estimate(row[-1], error)))
        coarse = row if math.isfinite(row[0]) else []
        h /= 2
    if not found:
        return Estimate(math.nan, math.inf)
    smallest = slopes[-levels // 4 :]
    _, first = min(found, key=lambda pair: pair[1].error)
    noise = max(math.ulp(size), *(abs(slope - first.value) * h for h, slope in smallest))
    h, (value, error) = min(found, key=lambda pair: max(pair[1].error, noise / pair[0]))
    low, high = min(slope for _, slope in smallest), max(slope for _, slope in smallest)
    astray = max(2 * low - high - value, value - (2 * high - low), 0.0)  # far from what the smallest steps say
    return Estimate(value, 4 * max(error, noise / h, astray))


def _step(step: float) -> float:
    if not 0 < step < math.inf:
        raise ValueError(f"the step of a finite difference is a positive number, got {step!r}")
    return step
