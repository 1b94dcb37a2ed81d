"""Verdicts on one derivative: by hand beside autograd, and finite differences beside autograd, in words and as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from microgradnet import finite
from microgradnet.comparison.bounds import NORMAL, ROUNDING
from microgradnet.display import digits, magnitude

__all__ = [
    "NEAR",
    "SHARP",
    "Kind",
    "Opinion",
    "Verdict",
    "by_differences",
    "in_a_tie",
    "judge",
    "judge_differences",
    "shown",
]

SHARP = 1e-7
"""How closely, as a part of itself, a derivative should be met by its finite difference."""

MATTERS = 1e-6
"""A difference of more than this part of a derivative would matter; one that rounding explains is undecidable."""

NEAR = (0.23, 0.37, 0.61, 1.0)
"""Where autograd is asked on both sides of a point, in widths of the finite difference."""


Kind = Literal["equal", "rounded", "differs", "undecided", "kink", "tie", "jump"]
"""What a verdict is, whatever its words are.

- "equal": equal but for rounding, or to as many digits as were asked for, or as can be trusted;
- "rounded": too far off for rounding in the last place, but only as far as a number with some of its digits cut off;
- "differs";
- "undecided": no number there, or rounding is larger than what would matter;
- "kink": two slopes at this point; "tie": a result inside has two; "jump": the function itself jumps here.
"""

Said = tuple[bool | None, Kind, str]
"""Whether it agrees, the kind of the verdict, and its words."""


class Verdict(NamedTuple):
    """Whether two derivatives agree (None: not decidable here), the `kind` of the verdict, the verdict in words, and
    the distance between them in units of the last place of autograd's and as a part of it."""

    agrees: bool | None
    kind: Kind
    words: str
    ulps: float
    relative: float


class Opinion(NamedTuple):
    """A finite difference: its value, how far it can be trusted, and whether it confirms autograd (None: it cannot
    tell), as a `kind` and in words too."""

    value: float
    error: float
    agrees: bool | None
    kind: Kind
    words: str


def judge(
    autograd: float, number: float, bound: float, significant: int | None = None, *, other: str = "by hand"
) -> Verdict:
    """The verdict on a derivative, which is called `other`; `bound` is the difference that rounding explains.

    >>> judge(2.0, 2.0, 1e-15).words, judge(2.0, 4.0, 1e-15).words, judge(7e-20, 0.0, 1e-15).words
    ('equal to the last bit', 'differs: 2 × autograd', 'not decidable here')
    >>> judge(0.0214695, 0.02147, 1e-15).words
    'agrees to 4 digits: looks rounded'
    >>> judge(2.0, 0.0, 1e-15, other="PyTorch").words
    'differs: autograd 2, PyTorch 0'
    """
    distance = abs(autograd - number)
    ulps = 0.0 if autograd == number else distance / math.ulp(autograd)
    relative = 0.0 if autograd == number else distance / abs(autograd) if autograd else math.inf

    def verdict(agrees: bool | None, kind: Kind, words: str) -> Verdict:
        return Verdict(agrees, kind, words, ulps, relative)

    if math.isnan(autograd) and math.isnan(number):
        return verdict(False, "undecided", "both are nan")
    if math.isnan(autograd) or math.isnan(number):
        return verdict(False, "differs", f"differs: {'autograd' if math.isnan(autograd) else other} is nan")
    if autograd == number:
        return verdict(True, "equal", "equal to the last bit")
    if distance <= bound:
        if distance > MATTERS * max(abs(autograd), abs(number)):
            return verdict(None, "undecided", "not decidable here")
        return verdict(True, "equal", f"equal to rounding ({_off_by(distance, ulps, bound)})")
    if autograd == 0 or number == 0 or math.isinf(autograd) or math.isinf(number):
        return verdict(False, "differs", f"differs: autograd {shown(autograd, 4)}, {other} {shown(number, 4)}")
    if significant is not None and distance <= _half_a_unit(autograd, significant):
        return verdict(True, "equal", f"equal to {significant} digit{'s' if significant > 1 else ''}")
    if relative < 0.01:
        return verdict(False, "rounded", f"agrees to {math.floor(-math.log10(relative))} digits: looks rounded")
    return verdict(False, "differs", f"differs: {digits(number / autograd, 4)} × autograd")


def _off_by(distance: float, ulps: float, bound: float) -> str:
    if ulps <= 64:
        return f"{max(round(ulps), 1)} ulp"
    return f"off by {magnitude(distance)} of up to {magnitude(bound)}"


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
            return Opinion(math.nan, math.inf, None, "undecided", f"the result is {value} here")
        found = finite.central(function, x, width, noise)
        if step is None and not abs(autograd - found.value) <= SHARP * abs(autograd):  # nan included: look closer
            beside = 2.0**-5 * min(1.0, abs(x) or 1.0) / max(1.0, abs(x)) or math.ulp(0.0)  # only a part of x
            closer = finite.richardson(function, x, beside, noise=noise)
            apart = abs(closer.value - found.value) > closer.error + found.error  # no one slope that far from x
            if closer.error < found.error or apart or not math.isfinite(found.value):
                found = closer
    except IndexError:
        if autograd == 0.0:
            return Opinion(math.nan, math.inf, True, "equal", "an index has no derivative")
        return Opinion(math.nan, math.inf, None, "undecided", "an index has no derivative")

    def slopes() -> finite.Kink | None:
        return finite.kink(function, x, width, noise)

    def near() -> tuple[list[float], float]:
        next_to = [again(math.nextafter(x, end)) for end in (-math.inf, math.inf)]
        return [(again(x - part * width) + again(x + part * width)) / 2 for part in NEAR], sum(next_to) / 2

    settles = partial(finite.settles, function, x, width, noise)
    return judge_differences(autograd, found, bound, scale, slopes=slopes, tie=tie, near=near, settles=settles)


def judge_differences(
    autograd: float,
    found: finite.Estimate,
    bound: float,
    scale: float,
    *,
    slopes: Callable[[], finite.Kink | None],
    tie: Callable[[], str | None],
    near: Callable[[], tuple[list[float], float]],
    settles: Callable[[], bool],
) -> Opinion:
    """Whether a finite difference confirms autograd; see `by_differences`. `slopes`: those of a kink, if there is one.
    `near`: means of autograd's derivatives on both sides of x, as far as the differences reach: of a smooth function,
    nearly one; and the same next to x. `settles`: whether the differentiated function's values come together near x
    (`finite.settles`), which is asked where the differences at several widths do not agree on one slope."""
    difference, trust = found.value, found.error + bound
    opinion = partial(Opinion, difference, trust)
    if not (math.isfinite(difference) and math.isfinite(autograd)):
        return opinion(*_without_numbers(autograd, difference, trust))
    off = abs(autograd - difference)
    if off == 0:
        return opinion(True, "equal", "equal")
    if off <= SHARP * abs(autograd):
        return opinion(True, "equal", f"equal to {math.floor(-math.log10(off / abs(autograd)))} digits")
    blunt = trust > max(0.01 * abs(autograd), 0.01 * abs(difference), MATTERS * scale, NORMAL)
    if off <= trust and not blunt:
        return opinion(True, "equal", f"equal within {magnitude(trust)}")
    excuse = _at_a_kink(autograd, trust, slopes()) or _inside(tie())
    if excuse is not None:
        return opinion(*excuse)
    if blunt and off <= 100 * trust:  # the trust is an estimate itself
        return opinion(None, "undecided", "not decidable here")
    one_slope = found.error <= 0.01 * abs(difference) or settles()
    if not one_slope or _changes_quickly(autograd, off, *near()):
        return opinion(None, "undecided", "changes too quickly for finite differences")
    if autograd == 0 or difference == 0:
        return opinion(False, "differs", f"differs by {digits(off, 4)}")
    return opinion(False, "differs", f"differs: {digits(difference / autograd, 4)} × autograd")


def _without_numbers(autograd: float, difference: float, trust: float) -> Said:
    """What is said where one of the two is not finite."""
    if not math.isfinite(difference):
        return None, "undecided", "no finite difference here"
    if math.isnan(autograd):
        return False, "differs", "autograd is nan"
    if trust > 0.01 * abs(difference):
        return None, "undecided", f"autograd is {autograd}"
    return False, "differs", f"differs: autograd {autograd}, finite difference {shown(difference, 4)}"


def _at_a_kink(autograd: float, trust: float, kink: finite.Kink | None) -> Said | None:
    """A jump has no derivative; at a kink right is what lies between the two slopes."""
    if kink is None:
        return None
    if kink.jump:
        return None, "jump", "a jump: no derivative here"
    low, high = min(kink.left, kink.right), max(kink.left, kink.right)
    if low - MATTERS * abs(low) - trust <= autograd <= high + MATTERS * abs(high) + trust:
        return True, "kink", f"a kink: slopes {shown(kink.left, 4)} and {shown(kink.right, 4)}"
    return None


def _inside(name: str | None) -> Said | None:
    return None if name is None else (None, "tie", in_a_tie(name))


def in_a_tie(name: str) -> str:
    """What is said of a result whose own derivative jumps just here."""
    return f"at a tie: {name} has a kink here"


def _changes_quickly(autograd: float, off: float, beside: list[float], next_to: float) -> bool:
    """Whether the derivative is another one within the width of the finite difference."""
    wild = not all(map(math.isfinite, beside)) or max(beside) - min(beside) > 0.5 * off  # such as sin at 1e200
    narrow = abs(beside[0] - autograd) > 0.5 * off > abs(next_to - autograd)  # a bend narrower than the width
    return wild or narrow


def shown(x: float, n: int) -> str:
    """x to n significant digits; -0 as 0."""
    return digits(x + 0.0, n)
