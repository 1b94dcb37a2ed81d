"""The search for a cause, in a fixed order.

Simple explanations first: nothing, a sign, a number, a part of the sum over paths; then what shows when the
computation by hand is run again with one thing in the place of another; then other derivatives and factors; then the
computation with something added; last arrangements of arrays. An explanation counts only if it holds at every point
that can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from microgradnet.causes.arrangements import arrangements
from microgradnet.causes.changes import Change, composed, direct
from microgradnet.causes.facts import Cause, Diagnosis, Guess, Point, agree, explained, informative
from microgradnet.causes.ratios import factors, local_factors, multiples, others, paths
from microgradnet.causes.replay import EVERYWHERE, MANY, Replay

__all__ = ["diagnose"]

MOST_POINTS = 12
"""More points would only take time."""

MOST_WORK = 3_000_000
"""Rows computed anew in the search for a change of the computation."""

MOST_CHANGES = 4
"""So many changes of the computation are enough to choose from; if a simple cause is known, one tells the place."""


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
        return _concluded([], [], len(telling))
    ordered = wrong + [p for p in telling if not any(p is w for w in wrong)]
    with numpy.errstate(all="ignore"):
        simple = [*_holding(multiples(ordered), ordered), *_holding(paths(ordered), ordered)]
        changed = list(_repairing(direct, ordered, 1 if simple else MOST_CHANGES, helpers=not simple))
        found: list[Guess | Change] = [*simple, *changed]
        if not found:
            found += _holding(local_factors(ordered), ordered)
        if not simple:
            found += _holding(others(ordered), ordered)
        if not changed and not simple:
            found += _holding(factors(ordered), ordered)
        if not found:
            found += (changed := list(_repairing(composed, ordered, MOST_CHANGES, helpers=True)))
        if not found:
            found += arrangements(ordered)
    return _concluded(found, changed, len(telling))


def _concluded(found: list[Guess | Change], changed: list[Change], count: int) -> Diagnosis:
    """The first cause found, with others of another kind beside it, and the place of the first change."""
    if not found:
        return Diagnosis(Cause("unknown", (), "no simple cause found", 0, count, ()), ())
    best = found[0]
    precise = best.kind in ("operand", "operator", "constant")
    rivals = (other for other in found if other.kind != best.kind and not (precise and other.kind == "factor"))
    also = tuple(dict.fromkeys(other.sentence for other in rivals if other.sentence != best.sentence))[:2]
    place = next(((change.site[1],) for change in changed if change.site != EVERYWHERE), ())
    return Diagnosis(Cause(best.kind, best.names, best.sentence, count, count, also), place)


def _holding(guesses: Iterator[Guess], points: list[Point]) -> Iterator[Guess]:
    """The guesses that explain every point."""
    return (guess for guess in guesses if explained(guess, points))


def _repairing(
    kind: Callable[[Replay, list[Point]], Iterator[Change]], points: list[Point], enough: int, helpers: bool
) -> Iterator[Change]:
    """Changes of a kind that give autograd's numbers at every point, at most so many; also in functions that the
    derivative's own line calls, if these `helpers` are to be looked at."""
    if any(point.computation is None for point in points):
        return
    replays = [replay for point in points if (replay := Replay(point)).picks]
    if not replays:
        return
    work, found = 0, 0
    whole: list[Replay] = []
    for change in kind(replays[0], points):
        if not helpers and not replays[0].is_own(change.site):
            return
        for replay in replays:
            work += len(replay.rows)
            if not replay.is_right(change.apply(replay)):
                break
        else:
            whole = whole or [Replay(point, MANY) for point in points]
            if all(replay.is_right(change.apply(replay)) for replay in whole if replay.picks):
                yield change
                found += 1
        if found >= enough or work > MOST_WORK:
            return
