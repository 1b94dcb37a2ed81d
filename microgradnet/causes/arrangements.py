"""Causes that show in how arrays were put together: transposed, summed over the wrong axis, the wrong place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from microgradnet.causes.facts import Guess, Point, agree, explained, is_square, same_but_for_ones
from microgradnet.display import digits

__all__ = ["arrangements", "formula_for"]

MOST = 4_000_000
"""Products of larger arrays than this many multiplications are not tried."""


def arrangements(points: list[Point]) -> Iterator[Guess]:
    """How the numbers by hand may have come into wrong places, or failing that, what can be said of the places."""
    for guess in _rearranged(points):
        if explained(guess, points):
            yield guess
            return
    text = formula_for(points, points[0].autograd.shape)
    if text is not None:
        yield Guess("arrangement", (text,), f"`{text}` would be right", _as_it_is)
    for sentence, holds in INDICES:
        if all(map(holds, points)):
            yield Guess("arrangement", ("index",), sentence, _as_it_is)
    if all(map(_one_a_row, points)):
        off = points[0].by_hand - points[0].autograd
        excess = digits(float(off.flat[abs(off).argmax()]), 6)
        sentence = (
            f"in every row one element is too large by {excess}, the rest is right: "
            "a line such as `d[range(n), y] -= …` is missing or wrong"
        )
        yield Guess("path", ("one element of each row", "missing"), sentence, _as_it_is)
    elif all(map(_in_part, points)):
        yield Guess("arrangement", ("index",), "only some elements are wrong: look at the index", _as_it_is)


def _as_it_is(point: Point) -> Any:
    """By hand itself, for guesses that say where it is wrong, not what it is."""
    return point.by_hand


# --- right numbers in wrong places ------------------------------------------------------------------------------------


def _rearranged(points: list[Point]) -> Iterator[Guess]:
    """By hand as the truth put together otherwise."""
    shape = points[0].autograd.shape
    if all(is_square(point.autograd) for point in points):
        yield _arranged("transposed", "it is transposed", lambda truth: truth.T)
    if shape and max(shape) > 1:
        yield _arranged("sum", "it is summed over all axes", lambda truth: truth.sum())
        yield _arranged("mean", "it is the mean over all axes", lambda truth: truth.mean())
    for axis in range(len(shape) if len(shape) > 1 else 0):
        yield _arranged(f"sum over axis {axis}", f"it is summed over axis {axis}, and spread out again", _sum(axis))
        yield _arranged(f"mean over axis {axis}", f"it is the mean over axis {axis}, spread out again", _mean(axis))
    for axis, length in enumerate(shape):
        if length > 1:
            yield _arranged("reversed", f"its elements are in reverse order along axis {axis}", _flip(axis))


def _arranged(name: str, sentence: str, function: Callable[[Any], Any]) -> Guess:
    return Guess("arrangement", (name,), sentence, lambda p: function(p.autograd) + 0 * p.autograd)


def _sum(axis: int) -> Callable[[Any], Any]:
    return lambda array: array.sum(axis, keepdims=True)


def _mean(axis: int) -> Callable[[Any], Any]:
    return lambda array: array.mean(axis, keepdims=True)


def _flip(axis: int) -> Callable[[Any], Any]:
    import numpy

    return lambda array: numpy.flip(array, axis)


# --- which elements are wrong -----------------------------------------------------------------------------------------


def _same_numbers(point: Point) -> bool:
    import numpy

    by_hand, truth = numpy.sort(point.by_hand, axis=None), numpy.sort(point.autograd, axis=None)
    return bool(point.autograd.size > 1 and agree(by_hand, truth, point.tolerance.max()))


def _too_many(point: Point) -> bool:
    return bool((_right(point) | (point.autograd == 0)).all() and (point.autograd != 0).any())


def _too_few(point: Point) -> bool:
    return bool((_right(point) | (point.by_hand == 0)).all() and (point.by_hand != 0).any())


def _one_a_row(point: Point) -> bool:
    if point.autograd.ndim != 2:
        return False
    off, wrong = point.by_hand - point.autograd, ~_right(point)
    largest = off.flat[abs(off).argmax()]
    return bool((wrong.sum(1) == 1).all() and (abs(off[wrong] - largest) <= 1e-8 * abs(largest)).all())


def _in_part(point: Point) -> bool:
    right = _right(point)
    return bool(2 * right.sum() > right.size)


def _right(point: Point) -> Any:
    """Which elements by hand are right, as bools."""
    return abs(point.by_hand - point.autograd) <= 1e-8 * abs(point.autograd) + 20 * point.tolerance


INDICES: list[tuple[str, Callable[[Point], bool]]] = [
    ("the numbers are right, but stand in wrong places: look at the index", _same_numbers),
    ("elements that should be 0 are not: an index takes too much", _too_many),
    ("some elements are left at 0: an index takes too little", _too_few),
]


# --- what would be right ----------------------------------------------------------------------------------------------


class Formula(NamedTuple):
    """A short formula over named arrays, such as `h.T @ dlogits`, and what it gives for the arrays of a point."""

    text: str
    names: tuple[str, ...]
    compute: Callable[..., Any]

    def at(self, values: Mapping[str, Any]) -> Any:
        """The array that it gives."""
        return self.compute(*[values[name] for name in self.names])


def formula_for(points: list[Point], shape: tuple[int, ...], liked: Collection[str] = ()) -> str | None:
    """A product or sum of one or two named arrays that gives autograd's numbers at every point, if there is one;
    of several, that with the most `liked` names.

    >>> from numpy import array
    >>> x, d = array([[1.0, 2.0], [3.0, 4.0]]), array([[0.5, -1.0], [2.0, 0.25]])
    >>> truth = array([[6.5, -0.25], [9.0, -1.0]])
    >>> formula_for([Point(0 * truth, truth, 0 * truth, {"x": x, "d": d}, {}, {}, {}, {}, None)], (2, 2))
    'x.T @ d'
    """
    import numpy

    found = []
    with numpy.errstate(all="ignore"):
        for formula in _formulas(points[0].values, shape):
            for sign, mark in ((1.0, ""), (-1.0, "-")):
                if all(_gives(formula, sign, point) for point in points):
                    found.append((sum(name in liked for name in formula.names), mark + formula.text))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _gives(formula: Formula, sign: float, point: Point) -> bool:
    """Whether a formula gives autograd's numbers."""
    if not all(name in point.values for name in formula.names):
        return False
    try:
        array = sign * formula.at(point.values)
    except ValueError:  # the arrays have other shapes at this point
        return False
    return bool(
        array.size == point.autograd.size
        and agree(array.reshape(point.autograd.shape), point.autograd, point.tolerance)
    )


def _formulas(values: Mapping[str, Any], shape: tuple[int, ...]) -> Iterator[Formula]:
    """Products and sums of one or two named arrays which have this shape."""
    arrays = {name: a for name, a in values.items() if a.ndim in (1, 2) and a.size > 1}
    for x, a in arrays.items():
        possible = [*_of_one(x, a)]
        for y, b in arrays.items():
            possible += _products(x, a, y, b)
        for y, b in arrays.items():
            if x < y and a.shape == b.shape:
                possible += _element_by_element(x, y, a)
        for formula, its in possible:
            if same_but_for_ones(its, shape):
                yield formula


Shaped = tuple[Formula, tuple[int, ...]]
"""A formula with the shape of what it gives."""


def _of_one(x: str, a: Any) -> Iterator[Shaped]:
    """Sums and means of an array over an axis, and the array transposed."""
    if a.ndim == 2:
        for axis, left in enumerate(a.shape[::-1]):
            yield Formula(f"{x}.sum({axis})", (x,), partial(_over, "sum", axis)), (left,)
            yield Formula(f"{x}.mean({axis})", (x,), partial(_over, "mean", axis)), (left,)
        if min(a.shape) > 1:
            yield Formula(f"{x}.T", (x,), lambda a: a.T), a.T.shape


def _over(method: str, axis: int, a: Any) -> Any:
    return getattr(a, method)(axis)


def _products(x: str, a: Any, y: str, b: Any) -> Iterator[Shaped]:
    """Matrix products of two arrays, one of them perhaps transposed."""
    if a.ndim == b.ndim == 2 and a.size * max(b.shape) <= MOST:
        for text, left, right, compute in [
            (f"{x} @ {y}", a.shape, b.shape, lambda a, b: a @ b),
            (f"{x}.T @ {y}", a.T.shape, b.shape, lambda a, b: a.T @ b),
            (f"{x} @ {y}.T", a.shape, b.T.shape, lambda a, b: a @ b.T),
        ]:
            if left[1] == right[0]:
                yield Formula(text, (x, y), compute), (left[0], right[1])


def _element_by_element(x: str, y: str, a: Any) -> Iterator[Shaped]:
    """The product of two arrays of the shape of `a`, and its sums over an axis."""
    yield Formula(f"{x} * {y}", (x, y), lambda a, b: a * b), a.shape
    if a.ndim == 2:
        for axis, left in enumerate(a.shape[::-1]):
            yield Formula(f"({x} * {y}).sum({axis})", (x, y), partial(_dotted, axis)), (left,)


def _dotted(axis: int, a: Any, b: Any) -> Any:
    return (a * b).sum(axis)
