"""Finite differences: derivatives of any Python function of floats, found by moving its arguments a little.

They know nothing of the function but its values, so they are a third opinion beside autograd and a derivation by
hand. They are approximate; `richardson` says how far it trusts itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, overload

__all__ = ["STEP", "Estimate", "Kink", "central", "derivative", "gradient", "kink", "richardson", "settles"]

STEP = 2.0**-17
"""The default step, near the cube root of the double's precision, where a central difference is most exact."""


class Estimate(NamedTuple):
    """A derivative, and about how far it may be off. The error is an estimate too, not a proven bound."""

    value: float
    error: float


class Kink(NamedTuple):
    """The slopes on both sides of a point without a derivative; at a `jump` one of them grows without end."""

    left: float
    right: float
    jump: bool


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


def central(f: Callable[[float], float], x: float, width: float, noise: float = 0.0) -> Estimate:
    """df/dx at x by central differences over x ± width and x ± 2 width: extrapolated where that is more exact.

    A third of their distance is about what the narrower one is off by the curve of f; where that is more than
    what rounding does, (4 narrow - wide) / 3 is given, whose error falls by 16 when the width is halved, not by 4.
    `noise`: a bound on the rounding in f's values; at least half a unit of their last place is counted. The error is
    what both together do to the narrower one: an estimate, mostly on the safe side.
    ValueError if the width is not a positive number.

    >>> value, error = central(math.exp, 1.0, 1e-3)
    >>> abs(value - math.e) < 1e-12 < error < 1e-6
    True
    """
    h = _step(width)
    slopes, size = [], 0.0
    for reach in (h, 2 * h):
        up, down = x + reach, x - reach
        if up == down:
            return Estimate(math.nan, math.inf)  # narrower than the floats beside x
        f_up, f_down = f(up), f(down)
        size = max(size, abs(f_up), abs(f_down))
        slopes.append((f_up - f_down) / (up - down))
    narrow, wide = slopes
    if not math.isfinite(narrow):
        return Estimate(math.nan, math.inf)
    rounding = max(noise, math.ulp(size) / 2 if math.isfinite(size) else 0.0) / h
    curve = abs(wide - narrow) / 3
    if not math.isfinite(curve):
        return Estimate(narrow, math.inf)
    return Estimate(narrow + (narrow - wide) / 3 if curve > rounding else narrow, 2 * rounding + curve)


def kink(f: Callable[[float], float], x: float, width: float, noise: float = 0.0) -> Kink | None:
    """The slopes of f to the left and to the right of x if f has a kink or a jump there, else None.

    At a kink they stay apart however near one looks; of a smooth f they come together as the width does, and at a
    jump they part. `noise`: a bound on the rounding in f's values, which hides a smaller kink.

    >>> kink(abs, 0.0, 1e-5), kink(math.exp, 0.0, 1e-5), kink(math.floor, 2.0, 1e-5).jump
    (Kink(left=-1.0, right=1.0, jump=False), None, True)
    """
    middle = f(x)
    found: list[Kink] = []
    for h in (_step(width), width / 16):
        up, down = x + h, x - h
        if up == x or down == x:
            return None
        found.append(Kink((middle - f(down)) / (x - down), (f(up) - middle) / (up - x), False))
    far, near = (abs(slopes.right - slopes.left) for slopes in found)
    _, (left, right, _) = found
    unsure = 4 * max(noise, math.ulp(middle) if math.isfinite(middle) else 0.0) / (width / 16)
    apart = math.isfinite(near) and near > 0.5 * far and near > unsure + 1e-6 * max(abs(left), abs(right))
    return Kink(left, right, near > 4 * far) if apart else None


def settles(f: Callable[[float], float], x: float, width: float, noise: float = 0.0) -> bool:
    """Whether the values of f beside x come together as one goes closer, so that differences there can tell a slope.

    Within a sixteenth of the width and less, those of a smooth f are spread by about a sixteenth of what they are
    within the width, those at a kink too. Where they stay as far apart as before, f jumps, or it oscillates or bends
    more narrowly than the width: then differences at several widths have nothing to do with one another. `noise`: a
    bound on the rounding in f's values; 64 units of their last place are counted as rounding at least.

    >>> settles(math.exp, 1.0, 1e-5), settles(abs, 0.0, 1e-5), settles(math.sin, 1e200, 1e195)
    (True, True, False)
    """
    values = [[f(x + side * _step(width) * 2.0**-k) for side in (-1, 1)] for k in range(21)]
    wide, narrow = ([y for pair in part for y in pair if math.isfinite(y)] for part in (values[:4], values[4:]))
    if not wide or not narrow:
        return True
    far, near = max(wide) - min(wide), max(narrow) - min(narrow)
    return near <= 0.5 * far or near <= 64 * math.ulp(max(map(abs, narrow))) + 4 * noise


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


def richardson(
    f: Callable[[float], float], x: float, step: float = 2.0**-5, levels: int = 32, noise: float = 0.0
) -> Estimate:
    """df/dx at x by Ridders' method: central differences at h, h/2, h/4 …, extrapolated to h = 0.

    Halving h divides the error of a central difference by 4, so a combination of two neighbours cancels it; the
    combinations' error falls by 16, and so on (Richardson's extrapolation; C. J. F. Ridders, Adv. Eng. Software 4,
    1982). The smallest steps, where only rounding is left, show how noisy f is. Given is the combination that agrees
    best with the two that it was made of; the error is four times that disagreement, or the noise if that is larger.

    Several digits better than `derivative`, for 2 · levels calls of f. The first h is step · max(1, |x|); give a
    smaller step where f is defined only near x. Where f gives a nan or an infinity, smaller steps are used; if none
    serves, the answer is nan with an infinite error. A kink exactly at x goes unseen: there it is the mean of the
    two slopes. `noise`: a bound on the rounding in f's values, where it is known to be more than one sees.
    ValueError if the step is not a positive number or levels is below 2.

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
        if up == down:  # narrower than the floats beside x
            break
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
    noise = max(noise, math.ulp(size), *(abs(slope - first.value) * h for h, slope in smallest))
    h, (value, error) = min(found, key=lambda pair: max(pair[1].error, noise / pair[0]))
    low, high = min(slope for _, slope in smallest), max(slope for _, slope in smallest)
    astray = max(2 * low - high - value, value - (2 * high - low), 0.0)  # far from what the smallest steps say
    return Estimate(value, 4 * max(error, noise / h, astray))


def _step(step: float) -> float:
    if not 0 < step < math.inf:
        raise ValueError(f"the step of a finite difference is a positive number, got {step!r}")
    return step
