"""Verdicts on one derivative: by hand beside autograd, and finite differences beside autograd, in words and as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from microgradnet import finite
from microgradnet.comparison.bounds import ROUNDING
from microgradnet.display import digits, magnitude

__all__ = ["NEAR", "SHARP", "Opinion", "Verdict", "by_differences", "judge", "judge_differences", "shown"]

SHARP = 1e-7
"""How closely, as a part of itself, a derivative should be met by its finite difference."""

MATTERS = 1e-6
"""A difference of more than this part of a derivative would matter; one that rounding explains is undecidable."""


NEAR = (0.23, 0.37, 0.61, 1.0)
"""Where autograd is asked on both sides of a point, in widths of the finite difference."""


class Verdict(NamedTuple):
    """Whether two derivatives agree (None: not decidable here), the verdict in words, and the distance between them
    in units of the last place of autograd's and as a part of it."""

    agrees: bool | None
    words: str
    ulps: float
    relative: float


class Opinion(NamedTuple):
    """A finite difference: its value, how far it can be trusted, and whether it confirms autograd (None: it cannot
    tell), in words too."""

    value: float
    error: float
    agrees: bool | None
    words: str


def judge(autograd: float, other: float, bound: float, significant: int | None = None) -> Verdict:
    """The verdict on a derivative by hand; `bound` is the difference that rounding explains.

    >>> judge(2.0, 2.0, 1e-15).words, judge(2.0, 4.0, 1e-15).words, judge(7e-20, 0.0, 1e-15).words
    ('equal to the last bit', 'differs: 2 × autograd', 'not decidable here')
    >>> judge(0.0214695, 0.02147, 1e-15).words
    'agrees to 4 digits: looks rounded'
    """
    distance = abs(autograd - other)
    ulps = 0.0 if autograd == other else distance / math.ulp(autograd)
    relative = 0.0 if autograd == other else distance / abs(autograd) if autograd else math.inf
    agrees, words = _in_words(autograd, other, bound, significant, distance, ulps, relative)
    return Verdict(agrees, words, ulps, relative)


def _in_words(
    autograd: float, other: float, bound: float, significant: int | None, distance: float, ulps: float, relative: float
) -> tuple[bool | None, str]:
    if math.isnan(autograd) or math.isnan(other):
        both = math.isnan(autograd) and math.isnan(other)
        return False, "both are nan" if both else f"differs: {'autograd' if math.isnan(autograd) else 'by hand'} is nan"
    if autograd == other:
        return True, "equal to the last bit"
    if distance <= bound:
        if distance > MATTERS * max(abs(autograd), abs(other)):
            return None, "not decidable here"
        if ulps <= 64:
            return True, f"equal to rounding ({max(round(ulps), 1)} ulp)"
        return True, f"equal to rounding (off by {magnitude(distance)} of up to {magnitude(bound)})"
    if autograd == 0 or other == 0 or math.isinf(autograd) or math.isinf(other):
        return False, f"differs: autograd {shown(autograd, 4)}, by hand {shown(other, 4)}"
    if significant is not None and distance <= _half_a_unit(autograd, significant):
        return True, f"equal to {significant} digit{'s' if significant > 1 else ''}"
    if relative < 0.01:
        return False, f"agrees to {math.floor(-math.log10(relative))} digits: looks rounded"
    return False, f"differs: {digits(other / autograd, 4)} × autograd"


def _half_a_unit(x: float, significant: int) -> float:
    """How far a number correctly rounded to so many significant digits can be from x."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(x))) + 1 - significant) * (1 + ROUNDING)


def by_differences(
    function: Callable[[float], float],
    x: float,
    autograd: float,
    *,
    bound: float,
    noise: float,
    scale: float,
    step: float | None = None,
    again: Callable[[float], float],
    tie: Callable[[], str | None] = lambda: None,
) -> Opinion:
    """What finite differences of `function` at x say on its derivative by autograd.

    `bound`: the difference that rounding explains; `noise`: of the function's values. `scale`: the size of what
    matters: where autograd is 0 or nearly so, agreement to a millionth of it is enough. `step`: the width to either
    side; by default one is chosen, and extrapolated where that is more exact. Only where the two differ these are
    asked: `again`, autograd's derivative at another x, and `tie`, the name of a result inside whose derivative jumps.
    """
    width = finite.STEP * max(1.0, abs(x)) if step is None else step
    try:
        value = function(x)
        if not math.isfinite(value):
            return Opinion(math.nan, math.inf, None, f"the result is {value} here")
        found = finite.central(function, x, width, noise)
        if step is None and not abs(autograd - found.value) <= SHARP * abs(autograd):  # nan included: look closer
            beside = 2.0**-5 * min(1.0, abs(x) or 1.0) / max(1.0, abs(x)) or math.ulp(0.0)  # only a part of x
            closer = finite.richardson(function, x, beside, noise=noise)
            apart = abs(closer.value - found.value) > closer.error + found.error  # no one slope that far from x
            if closer.error < found.error or apart or not math.isfinite(found.value):
                found = closer
    except IndexError:
        zero = autograd == 0.0
        return Opinion(math.nan, math.inf, True if zero else None, "an index has no derivative")

    def slopes() -> finite.Kink | None:
        return finite.kink(function, x, width, noise)

    def near() -> tuple[list[float], float]:
        next_to = [again(math.nextafter(x, end)) for end in (-math.inf, math.inf)]
        return [(again(x - part * width) + again(x + part * width)) / 2 for part in NEAR], sum(next_to) / 2

    agrees, words = judge_differences(autograd, found, bound, scale, slopes, tie, near)
    return Opinion(found.value, found.error + bound, agrees, words)


def judge_differences(
    autograd: float,
    found: finite.Estimate,
    bound: float,
    scale: float,
    slopes: Callable[[], finite.Kink | None],
    tie: Callable[[], str | None],
    near: Callable[[], tuple[list[float], float]],
) -> tuple[bool | None, str]:
    """Whether a finite difference confirms autograd, in words too; see `by_differences`. `near`: means
    of autograd's derivatives on both sides of x, as far as the differences reach: of a smooth function, nearly one; and
    the same next to x."""
    difference, trust = found.value, found.error + bound
    if not math.isfinite(difference):
        return None, "no finite difference here"
    if math.isnan(autograd):
        return False, "autograd is nan"
    if math.isinf(autograd):
        if trust > 0.01 * abs(difference):
            return None, f"autograd is {autograd}"
        return False, f"differs: autograd {autograd}, finite difference {shown(difference, 4)}"
    off = abs(autograd - difference)
    if off == 0:
        return True, "equal"
    if off <= SHARP * abs(autograd):
        return True, f"equal to {math.floor(-math.log10(off / abs(autograd)))} digits"
    blunt = trust > max(0.01 * abs(autograd), 0.01 * abs(difference), MATTERS * scale, 2.0**-1022)
    if off <= trust and not blunt:
        return True, f"equal within {magnitude(trust)}"
    kink = slopes()
    if kink is not None and kink.jump:
        return None, "a jump: no derivative here"
    if kink is not None:
        low, high = min(kink.left, kink.right), max(kink.left, kink.right)
        if low - MATTERS * abs(low) - trust <= autograd <= high + MATTERS * abs(high) + trust:
            return True, f"a kink: slopes {shown(kink.left, 4)} and {shown(kink.right, 4)}"
    at = tie()
    if at is not None:
        return None, f"at a tie: {at} has a kink here"
    if blunt and off <= 100 * trust:  # the trust is an estimate itself
        return None, "not decidable here"
    beside, next_to = near()
    wild = not all(map(math.isfinite, beside)) or max(beside) - min(beside) > 0.5 * off  # such as sin at 1e200
    narrow = abs(beside[0] - autograd) > 0.5 * off > abs(next_to - autograd)  # a bend narrower than the width
    if wild or narrow:
        return None, "changes too quickly for finite differences"
    if autograd == 0 or difference == 0:
        return False, f"differs by {digits(off, 4)}"
    return False, f"differs: {digits(difference / autograd, 4)} × autograd"


def shown(x: float, n: int) -> str:
    """x to n significant digits; -0 as 0."""
    return digits(x + 0.0, n)
