"""Why a derivative by hand is wrong, looked for in a fixed order at several points.

Simple explanations first: nothing, a sign, a number, a part of the sum over paths; then what shows when the
computation by hand is run again with one thing changed (`replay`); then other derivatives, factors, arrangements of
arrays. An explanation counts only if it holds at every point that can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from microgradnet.causes.arrangements import formulas, rearranged
from microgradnet.causes.facts import Cause, Computation, Diagnosis, Point, agree, informative
from microgradnet.causes.ratios import Guess, factors, multiples, others, paths
from microgradnet.causes.replay import Repair, Replay, repairs
from microgradnet.display import digits

__all__ = ["Cause", "Computation", "Diagnosis", "Point", "agree", "diagnose", "formula_for"]

MOST_POINTS = 12
"""More points would only take time."""

MOST_WORK = 3_000_000
"""Rows computed anew in the search for a change of the computation."""


def diagnose(points: list[Point]) -> Diagnosis:
    """The likeliest cause by which all points are explained; of kind "unknown" if there is none.

    >>> import numpy
    >>> def at(x, f, extra):  # by hand lacks the factor f
    ...     a = numpy.array
    ...     return Point(a(x), a(x * f), a(1e-15), {}, {}, {"f'(s)": a(f), "f'(t)": a(extra)}, {}, {}, None)
    >>> diagnose([at(0.5, 0.2, 0.3), at(-1.5, 0.1, 0.2), at(2.0, 0.25, 0.7)]).cause.text()
    "the factor f'(s) is missing (holds at 3 of 3 points)"
    """
    import numpy

    telling = informative(points)[:MOST_POINTS]
    wrong = [p for p in telling if not agree(p.by_hand, p.autograd, p.tolerance)]
    if not wrong:
        return Diagnosis(Cause("unknown", (), "no simple cause found", 0, len(telling), ()), ())
    ordered = wrong + [p for p in telling if not any(p is w for w in wrong)]
    with numpy.errstate(all="ignore"):
        simple = list(_holding([*multiples(ordered), *paths(ordered)], ordered))
        changes = list(_repairing(ordered, 1 if simple else 4, helpers=not simple))
        rest = [] if simple else list(_holding([*others(ordered), *factors(ordered)], ordered))
        found: list[Guess | Repair] = [*simple, *changes, *rest]
        if not found:
            found = [*_arranged(ordered)]
    if not found:
        return Diagnosis(Cause("unknown", (), "no simple cause found", 0, len(telling), ()), ())
    best = found[0]
    place = next((change.key[1] for change in changes), None)
    also = tuple(dict.fromkeys(g.sentence for g in found[1:] if g.kind != best.kind and g.sentence != best.sentence))[:2]
    cause = Cause(best.kind, best.names, best.sentence, len(telling), len(telling), also)
    return Diagnosis(cause, (place,) if place is not None else ())


def _holding(guesses: list[Guess], points: list[Point]) -> Iterator[Guess]:
    for guess in guesses:
        if all(_explains(guess, point) for point in points):
            yield guess


def _explains(guess: Guess, point: Point) -> bool:
    predicted = guess.by_hand(point)
    return predicted is not None and agree(predicted, point.by_hand, point.tolerance)


def _repairing(points: list[Point], enough: int, helpers: bool) -> Iterator[Repair]:
    """Changes of the computation that give autograd's numbers at every point, at most so many; also in functions
    that the derivative's own line calls, if these `helpers` are to be looked at."""
    import numpy

    if any(point.computation is None for point in points):
        return
    replays = [Replay(point) for point in points]
    replays = [r for r in replays if r.picks]
    if not replays:
        return
    work, found = 0, 0
    for repair in repairs(replays[0], points):
        if not helpers and not replays[0].is_own(repair.key):
            return
        for replay in replays:
            work += len(replay.rows)
            repaired = repair.apply(replay)
            if repaired is None or not agree(repaired, replay.truth, replay.tolerance):
                break
        else:
            if all(numpy.isfinite(r.truth).all() for r in replays):
                yield repair
                found += 1
        if found >= enough or work > MOST_WORK:
            return


def _arranged(points: list[Point]) -> Iterator[Guess]:
    for names, sentence, by_hand in rearranged(points):
        guess = Guess("arrangement", names, sentence, by_hand)
        if all(_explains(guess, point) for point in points):
            yield guess
            return
    text = formula_for(points, points[0].autograd.shape)
    if text is not None:
        yield Guess("arrangement", (text,), f"`{text}` would be right", lambda p: p.by_hand)
    for said, test in [
        ("the numbers are right, but stand in wrong places: look at the index", _same_numbers),
        ("elements that should be 0 are not: an index takes too much", _too_many),
        ("some elements are left at 0: an index takes too little", _too_few),
        ("only some elements are wrong: look at the index", _in_part),
    ]:
        if test is _in_part and all(_one_a_row(point) for point in points):
            off = points[0].by_hand - points[0].autograd
            said = (f"in every row one element is too large by {digits(float(off.flat[abs(off).argmax()]), 6)}, the rest is "
                    "right: a line such as `d[range(n), y] -= …` is missing or wrong")  # fmt: skip
            yield Guess("path", ("one element of each row", "missing"), said, lambda p: p.by_hand)
        if all(test(point) for point in points):
            yield Guess("arrangement", ("index",), said, lambda p: p.by_hand)


def _too_many(point: Point) -> bool:
    close = abs(point.by_hand - point.autograd) <= 1e-8 * abs(point.autograd) + 20 * point.tolerance
    return bool((close | (point.autograd == 0)).all() and (point.autograd != 0).any())


def _too_few(point: Point) -> bool:
    close = abs(point.by_hand - point.autograd) <= 1e-8 * abs(point.autograd) + 20 * point.tolerance
    return bool((close | (point.by_hand == 0)).all() and (point.by_hand != 0).any())


def _one_a_row(point: Point) -> bool:
    if point.autograd.ndim != 2:
        return False
    off = point.by_hand - point.autograd
    wrong = abs(off) > 1e-8 * abs(point.autograd) + 20 * point.tolerance
    largest = off.flat[abs(off).argmax()]
    return bool((wrong.sum(1) == 1).all() and (abs(off[wrong] - largest) <= 1e-8 * abs(largest)).all())


def _in_part(point: Point) -> bool:
    close = abs(point.by_hand - point.autograd) <= 1e-8 * abs(point.autograd) + 20 * point.tolerance
    return bool(2 * close.sum() > close.size)


def _same_numbers(point: Point) -> bool:
    import numpy

    return point.autograd.size > 1 and agree(
        numpy.sort(point.by_hand, axis=None), numpy.sort(point.autograd, axis=None), point.tolerance.max()
    )


def formula_for(points: list[Point], shape: tuple[int, ...], liked: Collection[str] = ()) -> str | None:
    """A product or sum of one or two named arrays that gives autograd's numbers at every point, if there is one;
    of several, that with the most `liked` names."""
    found = []
    for formula in formulas(points[0], shape):
        for sign, mark in ((1.0, ""), (-1.0, "-")):
            if all(all(n in p.values for n in formula.names) and _gives(sign * formula.compute(p), p) for p in points):
                found.append((sum(n in liked for n in formula.names), mark + formula.text))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _gives(array: Any, point: Point) -> bool:
    """Whether an array is autograd's numbers."""
    return array.size == point.autograd.size and agree(
        array.reshape(point.autograd.shape), point.autograd, point.tolerance
    )
