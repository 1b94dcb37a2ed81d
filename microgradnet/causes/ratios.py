"""Causes that show in the numbers alone: by hand is the truth times something, or lacks a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from microgradnet.causes.facts import Guess, Point, is_square, same_but_for_ones
from microgradnet.display import digits

__all__ = ["factors", "local_factors", "multiples", "others", "paths"]

Quantity = Callable[[Point], Any]
"""What has a number, or an array of numbers, at every point."""

RATIOS = [
    (2.0, "2", "it is twice what it should be: a factor 2 is too much"),
    (0.5, "1/2", "it is half of what it should be: a factor 2 is missing"),
    (-2.0, "-2", "it is -2 times what it should be"),
    (-0.5, "-1/2", "it is -1/2 times what it should be: a factor -2 is missing"),
]

SIZED: list[tuple[str, str, Callable[[float], float]]] = [
    ("n", "it is {shown} times too large: a mean's 1/{n} is missing", lambda n: n),
    ("1/n", "it is {shown} times too small: a 1/{n} is too much", lambda n: 1 / n),
    ("1/n²", "it is {n}² times too small: 1/{n} twice", lambda n: 1 / (n * n)),
    ("n/(n-1)", "1/({n} - 1) stands where 1/{n} belongs", lambda n: n / (n - 1)),
    ("(n-1)/n", "1/{n} stands where 1/({n} - 1) belongs", lambda n: (n - 1) / n),
    ("n-1", "it is {n} - 1 times too large: a 1/({n} - 1) is missing", lambda n: n - 1),
    ("1/(n-1)", "a 1/({n} - 1) is too much", lambda n: 1 / (n - 1)),
]
"""What people do with the number of rows n: a ratio, what it means, and the ratio as a function of n."""

SHARES = [(0.0, "missing", "is missing"), (-1.0, "sign", "has the wrong sign"), (2.0, "twice", "counts twice"),
          (0.5, "half", "counts half")]  # fmt: skip


# --- a number times the truth -----------------------------------------------------------------------------------------


def multiples(points: list[Point]) -> Iterator[Guess]:
    """Nothing, minus the truth, or a plain number times it."""
    yield Guess("zero", (), "it is 0", _times(0.0))
    yield Guess("sign", (), "the sign is wrong", _times(-1.0))
    for ratio, name, sentence in RATIOS:
        yield Guess("number", (name,), sentence, _times(ratio))
    for name in points[0].sizes:
        if all(point.sizes.get(name, 0.0) > 1 for point in points):
            yield from _sizes(name, points[0].sizes[name])
    common = _common_ratio(points)
    if common is not None:
        shown = digits(common, 6)
        yield Guess("number", (shown,), f"it is {shown} times what it should be", _times(common))


def _times(ratio: float) -> Quantity:
    return lambda p: ratio * p.autograd


def _sizes(name: str, n: float) -> Iterator[Guess]:
    """Something with the whole number n of this name; n itself may be another one at other points."""
    shown = f"{name} = {n:g}" if not name.isdigit() else name
    for text, sentence, function in SIZED:
        ratio = function(n)
        if ratio not in (0.5, 1.0, 2.0):
            named, said = f"{text} = {digits(ratio, 6)}", sentence.format(shown=shown, n=f"{n:g}")
            yield Guess("number", (named, f"n = {n:g}", name), said, _sized(name, function, 1.0))
            yield Guess("number", (f"-{named}", f"n = {n:g}", name), f"the sign is wrong, and {said}",
                        _sized(name, function, -1.0))  # fmt: skip


def _sized(name: str, function: Callable[[float], float], sign: float) -> Quantity:
    return lambda p: sign * function(p.sizes[name]) * p.autograd


def _common_ratio(points: list[Point]) -> float | None:
    """by hand / autograd where it is clearest, if there are at least three numbers that could tell it is not common."""
    import numpy

    ratio = _clearest(
        (abs(truth), hand / truth)
        for point in points
        for hand, truth, tolerance in zip(point.by_hand.flat, point.autograd.flat, point.tolerance.flat, strict=True)
        if abs(truth) > 1000 * tolerance and numpy.isfinite(hand)
    )
    return None if ratio is None or _is_one_of(abs(ratio), (0.0, 0.5, 1.0, 2.0)) else ratio


def _clearest(weighed: Iterable[tuple[float, float]]) -> float | None:
    """Of (weight, number) pairs the number of the largest weight; None if there are less than three pairs."""
    clear = list(weighed)
    return float(max(clear)[1]) if len(clear) >= 3 else None


def _is_one_of(x: float, known: Iterable[float]) -> bool:
    return any(abs(x - other) < 1e-6 for other in known)


# --- parts of a sum ---------------------------------------------------------------------------------------------------


def paths(points: list[Point]) -> Iterator[Guess]:
    """A part of the sum over paths is missing, or counted wrongly."""
    names = [name for name in points[0].paths if all(name in point.paths for point in points)]
    for name in names if len(names) > 1 else []:
        through = f"the path through {name}" if name else "the direct path"
        for share, what, said in SHARES:
            yield Guess("path", (name, what), f"{through} {said}", _with_share(name, share))
        common = _common_share(points, name)
        if common is not None:
            shown = digits(common, 6)
            yield Guess("path", (name, "times", shown), f"{through} counts {shown} times", _with_share(name, common))
        yield Guess("arrangement", (name, "sum"), f"the part through {name} is summed over all axes", _summed(name))
        if all(is_square(point.paths[name]) for point in points):
            yield Guess("arrangement", (name, "transposed"), f"the part through {name} is transposed",
                        _transposed(name))  # fmt: skip
        if len(names) == 2:
            continue  # that the other one is missing says the same
        only = f"only {through} is there; the others are missing"
        yield Guess("path", (name, "alone"), only, _in("paths", name))


def _in(column: str, name: str) -> Quantity:
    """What stands under this name in a column of the points, such as "paths"."""
    return lambda p: getattr(p, column)[name]


def _with_share(name: str, share: float) -> Quantity:
    return lambda p: p.autograd + (share - 1) * p.paths[name]


def _summed(name: str) -> Quantity:
    return lambda p: p.autograd - p.paths[name] + p.paths[name].sum()


def _transposed(name: str) -> Quantity:
    return lambda p: p.autograd - p.paths[name] + p.paths[name].T


def _common_share(points: list[Point], name: str) -> float | None:
    """How many times the path would have to count, by the clearest of at least three numbers."""
    import numpy

    share = _clearest(
        (abs(part), 1 + (hand - truth) / part)
        for point in points
        for hand, truth, part, tolerance in zip(
            point.by_hand.flat, point.autograd.flat, point.paths[name].flat, point.tolerance.flat, strict=True
        )
        if abs(part) > 1000 * tolerance and numpy.isfinite(hand)
    )
    return None if share is None or _is_one_of(share, (-1.0, 0.0, 0.5, 1.0, 2.0)) else share


# --- other derivatives ------------------------------------------------------------------------------------------------


def others(points: list[Point]) -> Iterator[Guess]:
    """It is another derivative."""
    for name in points[0].derivatives:
        above, _, below = name.removeprefix("∂").partition("/∂")
        if above != below and all(_has_derivative(point, name) for point in points):
            variable = name.rpartition("/∂")[2]
            yield Guess("other", (name, variable), f"this is {name}", _reshaped(name, 1.0))
            yield Guess("other", (name, variable, "sign"), f"this is -{name}", _reshaped(name, -1.0))


def _has_derivative(point: Point, name: str) -> bool:
    return name in point.derivatives and same_but_for_ones(point.derivatives[name].shape, point.autograd.shape)


def _reshaped(name: str, sign: float) -> Quantity:
    return lambda p: sign * p.derivatives[name].reshape(p.autograd.shape)


# --- factors ----------------------------------------------------------------------------------------------------------

FUNCTIONS: list[tuple[str, Callable[[Any], Any]]] = [
    ("{}", lambda x: x),
    ("(1 - {})", lambda x: 1 - x),
    ("{}²", lambda x: x**2),
    ("(1 - {}²)", lambda x: 1 - x**2),
]
"""What stands in derivatives as a factor, made of a variable."""


def local_factors(points: list[Point]) -> Iterator[Guess]:
    """A local derivative on the way is missing or too much, or the function itself stands in its place."""
    local, variables = _local(points), _variables(points)
    for name, factor in local.items():
        same = next((other for other in points[0].values if all(_equal(p, name, other) for p in points)), None)
        yield from _missing_or_extra(name, factor, same)
    yield from _swapped(points[0], local, variables)


def factors(points: list[Point]) -> Iterator[Guess]:
    """A variable, or a simple function of one, is missing or too much as a factor, or stands for another."""
    variables = _variables(points)
    simple = {text.format(name): _of(name, function) for name in variables for text, function in FUNCTIONS}
    for name, factor in simple.items():
        yield from _missing_or_extra(name, factor)
    yield from _swapped(points[0], variables, simple | _local(points))


def _variables(points: list[Point]) -> dict[str, Quantity]:
    return {name: _in("values", name) for name in _possible(points, "values")}


def _local(points: list[Point]) -> dict[str, Quantity]:
    return {name: _in("factors", name) for name in _possible(points, "factors")}


def _equal(point: Point, factor: str, name: str) -> bool:
    import numpy

    array = point.values.get(name)
    return array is not None and bool(numpy.array_equal(array, point.factors[factor]))


def _possible(points: list[Point], column: str) -> Iterator[str]:
    """Names in a column that can be factors of the derivative: by their shapes, at every point."""
    for name in getattr(points[0], column):
        if all(name in getattr(p, column) and _spreads(getattr(p, column)[name], p.autograd) for p in points):
            yield name


def _spreads(array: Any, over: Any) -> bool:
    """Whether the product with an array has its shape."""
    import numpy

    try:
        return bool(numpy.broadcast_shapes(array.shape, over.shape) == over.shape)
    except ValueError:
        return False


def _of(name: str, function: Callable[[Any], Any]) -> Quantity:
    return lambda p: function(p.values[name])


def _missing_or_extra(name: str, factor: Quantity, same: str | None = None) -> Iterator[Guess]:
    """`same`: a variable that the factor is at every point, as ∂s/∂w is x."""
    names = (name, same) if same else (name,)
    shown = " = ".join(names)
    yield Guess("factor", ("missing", *names), f"the factor {shown} is missing", _without(factor))
    yield Guess("factor", ("extra", *names), f"the factor {shown} is too much", _with(factor))


def _without(factor: Quantity) -> Quantity:
    return lambda p: p.autograd / factor(p)


def _with(factor: Quantity) -> Quantity:
    return lambda p: p.autograd * factor(p)


def _swapped(first: Point, wanted: dict[str, Quantity], got: dict[str, Quantity]) -> Iterator[Guess]:
    """One factor in the place of another; candidates are sieved at the first point, as they are many."""
    import numpy

    ratio = first.by_hand / first.autograd
    for name, factor in wanted.items():
        there = ratio * factor(first)  # what would have to stand there
        for other, its in got.items():
            if other != name and numpy.allclose(its(first), there, rtol=1e-7, atol=0, equal_nan=True):
                yield Guess("factor", ("swapped", other, name), _instead(other, name), _exchanged(factor, its))


def _exchanged(wanted: Quantity, got: Quantity) -> Quantity:
    return lambda p: p.autograd / wanted(p) * got(p)


def _instead(got: str, wanted: str) -> str:
    if wanted.startswith(f"∂{got}/∂"):
        return f"{got} itself stands where its derivative {wanted} belongs"
    return f"{got} stands where {wanted} belongs"
