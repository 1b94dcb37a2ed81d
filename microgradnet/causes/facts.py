"""What is known of a derivative by hand at a point, what is guessed, and what is concluded: plain data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

__all__ = [
    "KINDS",
    "Cause",
    "Computation",
    "Diagnosis",
    "Guess",
    "Point",
    "agree",
    "explained",
    "informative",
    "is_square",
    "same_but_for_ones",
]


KINDS: dict[str, str] = {
    "zero": "by hand is 0 where the truth is not; no names",
    "sign": "minus the truth; no names, or (…, what this part should be) where only a part of it has the wrong sign",
    "number": "a number times the truth: (the number,), or where it comes from a size, (1/n = 1/8, n = 8, its name)",
    "path": "a path of the sum over paths: (through what, missing | sign | twice | half | alone), or "
    "(through what, times, number); the direct path goes through ''",
    "factor": "a factor: (missing | extra, factor, [what it is, too]), or (swapped, the one there, the right one)",
    "operand": "one variable or term stands where another belongs: (got, wanted)",
    "operator": "one operator or function at one place: (got, wanted); wanted is `nothing` where it is too much",
    "constant": "one constant or exponent: (got, wanted)",
    "other": "it is another derivative: (that derivative, by what it is, [sign])",
    "arrangement": "right numbers put together wrongly: (what was done,), (right formula,), (index,), or (path, how)",
    "overwritten": "`=` where `+=` belongs: the line of what is lost, and the line by which it is, as text",
    "update": "an update that is no common multiple of its gradient: (parameter, missing | sign | twice | replaced | "
    "other multiple | other gradient | other, [names of the cause inside it, or of another parameter])",
    "shape": "an array of another shape than its variable: (shape got, shape wanted, [the right formula])",
    "exception": "the code raises: (type of the exception, [the right formula])",
    "unknown": "no simple cause was found; no names",
}
"""The kinds of causes: what each means, and in brackets what its `names` hold; those in [ ] are not always there."""


class Cause(NamedTuple):
    """What is wrong, as data (`kind`, `names`) and as a `sentence`; it `holds` at so many `of` the points looked at.

    `kind`: one of `KINDS`, which says what `names` hold.
    `also`: other causes that hold at all of them, which these points cannot tell apart.
    """

    kind: str
    names: tuple[str, ...]
    sentence: str
    holds: int
    of: int
    also: tuple[str, ...]

    def text(self) -> str:
        """The sentence with its evidence.

        >>> Cause("sign", (), "the sign is wrong", 7, 7, ()).text()
        'the sign is wrong (holds at 7 of 7 points)'
        """
        points = f"{self.of} point" + ("s" if self.of != 1 else "")
        evidence = [f"holds at {self.holds} of {points}"] if self.holds else []
        evidence += [f"also possible: {' or '.join(self.also)}"] if self.also else []
        return self.sentence + (f" ({'; '.join(evidence)})" if evidence else "")


class Computation(NamedTuple):
    """How a derivative by hand was computed: flat columns, operands before results.

    `ops`: "" for a leaf. `operands`: numbers of earlier rows (int) and constants (float). `places`: where in the
    source a row was made, from the innermost call out; () if unknown. `outputs`: a row for each element of the
    derivative, or -1 where it is a plain number. `reads`: for every name in sight the
    rows that are its elements, {row: flat index}. The derivative is (output - offset).
    """

    ops: tuple[str, ...]
    operands: tuple[tuple[Any, ...], ...]
    data: tuple[float, ...]
    places: tuple[tuple[Hashable, ...], ...]
    outputs: tuple[int, ...]
    reads: Mapping[str, Mapping[int, int]]
    offset: tuple[float, ...]


class Point(NamedTuple):
    """One derivative ∂A/∂B at one point. All arrays are NumPy's, of floats; one number is an array without an axis.

    `by_hand`, `autograd`, `tolerance`: of one shape. `values`: the named numbers in sight, whatever their shape.
    `derivatives`: of A by other variables ("∂L/∂w2"), and other derivatives. `factors`: local derivatives on the
    way from A to B ("f'(s3)", "∂h1/∂s1"). `paths`: the part of `autograd` that goes through a variable which depends
    on B directly; they add up to it. `sizes`: names for whole numbers such as the number of rows.
    """

    by_hand: Any
    autograd: Any
    tolerance: Any
    values: Mapping[str, Any]
    derivatives: Mapping[str, Any]
    factors: Mapping[str, Any]
    paths: Mapping[str, Any]
    sizes: Mapping[str, float]
    computation: Computation | None


class Guess(NamedTuple):
    """A cause, and what the numbers by hand would be at a point if this is it."""

    kind: str
    names: tuple[str, ...]
    sentence: str
    by_hand: Callable[[Point], Any]


class Diagnosis(NamedTuple):
    """A cause, and where in the source it is, if that is known: a place of the computation."""

    cause: Cause
    place: tuple[Hashable, ...]


def agree(predicted: Any, actual: Any, tolerance: Any) -> bool:
    """Whether all numbers are equal but for rounding: 1e-8 of themselves, and what the point's tolerance allows.

    What is not finite agrees with nothing but itself.

    >>> agree(1.0, 1.0 + 1e-12, 0.0), agree(1.0, 1.001, 0.0), agree(1.0, 1.001, 1e-3), agree(float("nan"), 1.0, 0.0)
    (True, False, True, False)
    """
    import numpy

    with numpy.errstate(all="ignore"):
        room = 1e-8 * numpy.maximum(abs(predicted), abs(actual)) + 20 * tolerance
        close = numpy.isfinite(predicted) & numpy.isfinite(actual) & (abs(predicted - actual) <= room)
        return bool((close | (predicted == actual)).all())


def explained(guess: Guess, points: list[Point]) -> bool:
    """Whether by hand is at every point what it would be by the guess; infinities alone explain nothing."""
    import numpy

    return all(agree(guess.by_hand(point), point.by_hand, point.tolerance) for point in points) and any(
        numpy.isfinite(point.by_hand).any() for point in points
    )


def informative(points: list[Point]) -> list[Point]:
    """The points that tell something: some number there is far above what rounding does to it."""
    import numpy

    found = []
    for point in points:
        tolerance = numpy.where(numpy.isfinite(point.tolerance), point.tolerance, 0.0)
        size = numpy.fmax(abs(point.by_hand), abs(point.autograd))
        if numpy.isfinite(point.autograd).all() and (size > 1000 * tolerance).any():
            found.append(point._replace(tolerance=tolerance))
    return found


def same_but_for_ones(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes are the same but for axes of length 1.

    >>> same_but_for_ones((3, 1), (3,)), same_but_for_ones((3, 1), ()), same_but_for_ones((2, 3), (3, 2))
    (True, False, False)
    """
    return [n for n in shape if n != 1] == [n for n in other if n != 1]


def is_square(array: Any) -> bool:
    """Whether an array can be transposed without anyone seeing it in its shape."""
    return bool(array.ndim == 2 and array.shape[0] == array.shape[1] > 1)
