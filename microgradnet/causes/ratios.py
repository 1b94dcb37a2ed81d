"""Causes that show in the numbers alone: by hand is the truth times something, or lacks a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from microgradnet.causes.facts import Point
from microgradnet.display import digits

__all__ = ["Guess", "factors", "multiples", "others", "paths"]


class Guess(NamedTuple):
    """A cause, and what the number by hand would be at a point if this is it; None where that cannot be said."""

    kind: str
    names: tuple[str, ...]
    sentence: str
    by_hand: Callable[[Point], Any]


def multiples(points: list[Point]) -> Iterator[Guess]:
    """Nothing, minus the truth, or a plain number times it."""
    yield Guess("zero", (), "it is 0", lambda p: 0.0 * p.autograd)
    yield Guess("sign", (), "the sign is wrong", lambda p: -p.autograd)
    for ratio, name, sentence in [
        (2.0, "2", "it is twice what it should be: a factor 2 is too much"),
        (0.5, "1/2", "it is half of what it should be: a factor 2 is missing"),
        (-2.0, "-2", "it is -2 times what it should be"),
        (-0.5, "-1/2", "it is -1/2 times what it should be: a factor -2 is missing"),
    ]:
        yield Guess("number", (name,), sentence, _times(ratio))
    for name in points[0].sizes:
        if not all(name in point.sizes for point in points):
            continue
        n = points[0].sizes[name]
        shown = f"{name} = {n:g}" if not name.isdigit() else name
        for text, said, function in [
            ("n", f"it is {shown} times too large: a mean's 1/{n:g} is missing", lambda n: n),
            ("1/n", f"it is {shown} times too small: a 1/{n:g} is too much", lambda n: 1 / n),
            ("1/n²", f"it is {n:g}² times too small: 1/{n:g} twice", lambda n: 1 / (n * n)),
            ("n/(n-1)", f"1/({n:g} - 1) stands where 1/{n:g} belongs", lambda n: n / (n - 1)),
            ("(n-1)/n", f"1/{n:g} stands where 1/({n:g} - 1) belongs", lambda n: (n - 1) / n),
            ("n-1", f"it is {n:g} - 1 times too large: a 1/({n:g} - 1) is missing", lambda n: n - 1),
            ("1/(n-1)", f"a 1/({n:g} - 1) is too much", lambda n: 1 / (n - 1)),
        ]:
            if abs(function(n)) not in (0.5, 1.0, 2.0):
                names = (f"{text} = {digits(function(n), 6)}", f"n = {n:g}", name)
                yield Guess("number", names, said, _sized(name, function))
                yield Guess("number", ("-" + names[0], *names[1:]), f"the sign is wrong, and {said}", _sized(name, lambda n, f=function: -f(n)))
    ratio = _common_ratio(points)
    if ratio is not None:
        yield Guess("number", (digits(ratio, 6),), f"it is {digits(ratio, 6)} times what it should be", _times(ratio))


def _times(ratio: float) -> Callable[[Point], Any]:
    return lambda p: ratio * p.autograd


def _sized(name: str, function: Callable[[float], float]) -> Callable[[Point], Any]:
    return lambda p: function(p.sizes[name]) * p.autograd


def _common_ratio(points: list[Point]) -> float | None:
    """by hand / autograd where it is clearest, if there are at least three numbers that could tell it is not common."""
    import numpy

    clear = [
        (abs(truth), hand / truth)
        for point in points
        for hand, truth, tolerance in zip(point.by_hand.flat, point.autograd.flat, point.tolerance.flat, strict=True)
        if abs(truth) > 1000 * tolerance and numpy.isfinite(hand)
    ]
    ratio = float(max(clear)[1]) if len(clear) >= 3 else None
    return None if ratio is None or any(abs(abs(ratio) - r) < 1e-6 for r in (0.0, 0.5, 1.0, 2.0)) else ratio


def paths(points: list[Point]) -> Iterator[Guess]:
    """A part of the sum over paths is missing, or counted wrongly."""
    names = [name for name in points[0].paths if all(name in point.paths for point in points)]
    if len(names) < 2:
        return
    for name in names:
        through = f"the path through {name}" if name else "the direct path"
        for what, said, share in [
            ("missing", "is missing", 0.0), ("sign", "has the wrong sign", -1.0), ("twice", "counts twice", 2.0),
            ("half", "counts half", 0.5),
        ]:  # fmt: skip
            yield Guess("path", (name, what), f"{through} {said}", _with_share(name, share))
        share = _common_share(points, name)
        if share is not None:
            yield Guess("path", (name, "times", digits(share, 6)), f"{through} counts {digits(share, 6)} times", _with_share(name, share))
        yield Guess("arrangement", (name, "sum"), f"the part through {name} is summed over all axes",
                    lambda p, n=name: p.autograd - p.paths[n] + p.paths[n].sum())  # fmt: skip
        if all(_is_square(point.paths[name]) for point in points):
            yield Guess("arrangement", (name, "transposed"), f"the part through {name} is transposed",
                        lambda p, n=name: p.autograd - p.paths[n] + p.paths[n].T)  # fmt: skip
        yield Guess("path", (name, "alone"), f"only {through} is there; the others are missing", lambda p, n=name: p.paths[n])


def _is_square(array: Any) -> bool:
    return array.ndim == 2 and array.shape[0] == array.shape[1] > 1


def _common_share(points: list[Point], name: str) -> float | None:
    """How many times the path would have to count, by the clearest of at least three numbers."""
    clear = [
        (abs(part), 1 + (hand - truth) / part)
        for point in points
        for hand, truth, part, tolerance in zip(
            point.by_hand.flat, point.autograd.flat, point.paths[name].flat, point.tolerance.flat, strict=True
        )
        if abs(part) > 1000 * tolerance and abs(hand) < float("inf")
    ]
    share = float(max(clear)[1]) if len(clear) >= 3 else None
    return None if share is None or any(abs(share - s) < 1e-6 for s in (-1.0, 0.0, 0.5, 1.0, 2.0)) else share


def _with_share(name: str, share: float) -> Callable[[Point], Any]:
    return lambda p: p.autograd + (share - 1) * p.paths[name]


def others(points: list[Point]) -> Iterator[Guess]:
    """It is another derivative."""
    for name in points[0].derivatives:
        of, _, by = name.removeprefix("∂").partition("/∂")
        if of != by and all(_fits(point, point.derivatives.get(name)) for point in points):
            yield Guess("other", (name, name.rpartition("/∂")[2]), f"this is {name}", lambda p, n=name: p.derivatives[n].reshape(p.autograd.shape))
            yield Guess("other", (name, name.rpartition("/∂")[2], "sign"), f"this is -{name}", lambda p, n=name: -p.derivatives[n].reshape(p.autograd.shape))


def _fits(point: Point, array: Any) -> bool:
    return array is not None and [n for n in array.shape if n > 1] == [n for n in point.autograd.shape if n > 1]


def factors(points: list[Point]) -> Iterator[Guess]:
    """A factor is missing or too much: a local derivative on the way, a variable, or a simple function of one."""
    local = _known_factors(points, "factors")
    named = _known_factors(points, "values")
    yield from _missing_or_extra(local)
    yield from _swapped(points[0], local, {name: named[name] for name in points[0].values if name in named})
    yield from _missing_or_extra(named)
    yield from _swapped(points[0], {name: named[name] for name in points[0].values if name in named}, {**named, **local})


def _missing_or_extra(known: dict[str, Callable[[Point], Any]]) -> Iterator[Guess]:
    for name, value in known.items():
        yield Guess("factor", ("missing", name), f"the factor {name} is missing", lambda p, v=value: p.autograd / v(p))
        yield Guess("factor", ("extra", name), f"the factor {name} is too much", lambda p, v=value: p.autograd * v(p))


def _swapped(
    first: Point, wanted: dict[str, Callable[[Point], Any]], got: dict[str, Callable[[Point], Any]]
) -> Iterator[Guess]:
    """One factor in the place of another; candidates are sieved at the first point, as they are many."""
    import numpy

    with numpy.errstate(all="ignore"):
        ratio = first.by_hand / first.autograd
        for name, value in wanted.items():
            there = ratio * value(first)  # what would have to stand there
            for other, its in got.items():
                if other != name and numpy.allclose(its(first), there, rtol=1e-7, atol=0, equal_nan=True):
                    yield Guess("factor", ("swapped", other, name), _instead(other, name),
                                lambda p, v=value, u=its: p.autograd / v(p) * u(p))  # fmt: skip


def _instead(got: str, wanted: str) -> str:
    if wanted.startswith(f"∂{got}/∂"):
        return f"{got} itself stands where its derivative {wanted} belongs"
    return f"{got} stands where {wanted} belongs"


def _known_factors(points: list[Point], column: str) -> dict[str, Callable[[Point], Any]]:
    """Arrays of a column that can be factors of the derivative, and of values some simple functions of them."""
    import numpy

    found: dict[str, Callable[[Point], Any]] = {}
    for name in getattr(points[0], column):
        arrays = [getattr(point, column).get(name) for point in points]
        if any(a is None for a in arrays):
            continue
        try:
            shapes = [(numpy.broadcast_shapes(a.shape, p.autograd.shape), p.autograd.shape)
                      for a, p in zip(arrays, points, strict=True)]  # fmt: skip
        except ValueError:
            continue
        if any(both != its for both, its in shapes):
            continue
        found[name] = lambda p, n=name: getattr(p, column)[n]
        if column == "values":
            found[f"(1 - {name})"] = lambda p, n=name: 1 - p.values[n]
            found[f"{name}²"] = lambda p, n=name: p.values[n] ** 2
            found[f"(1 - {name}²)"] = lambda p, n=name: 1 - p.values[n] ** 2
    return found
