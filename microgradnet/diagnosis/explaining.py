"""Why a derivative or an update is wrong, and where: evidence from all runs, handed to `causes`."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from types import CodeType
from typing import NamedTuple, cast

from microgradnet.causes import Cause, Point, agree, diagnose, formula_for
from microgradnet.diagnosis.bytecode import mentioned, stored, stores_item
from microgradnet.diagnosis.evidence import in_sight, point_of_pair, point_of_update
from microgradnet.diagnosis.judging import Judged
from microgradnet.diagnosis.pairs import Pair
from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.running import Run, updates_of
from microgradnet.diagnosis.tape import Sweep
from microgradnet.diagnosis.updates import Update
from microgradnet.diagnosis.versions import floats, numbers_of

__all__ = ["Explained", "Where", "explain_exception", "explain_pair", "explain_update", "same_pairs"]

MOST_POINTS = 20
"""So many comparisons of one line are looked at."""


Where = tuple[int, int | None, int | None]
"""A line, counted from 1, a column and an end column, counted from 0; the columns None where they are unknown."""


class Explained(NamedTuple):
    """A cause, and where it is, if that can be said."""

    cause: Cause
    where: Where | None


# --- causes -----------------------------------------------------------------------------------------------------------


def explain_pair(judged: Judged, runs: list[Run]) -> Explained:
    """Why a derivative is wrong, and where."""
    pair = judged.pair
    together = list(same_pairs(judged, runs))
    if pair.wanted_shape is not None:
        return _explain_shape(together)
    own = next(run for run, other in together if other is judged)
    overwritten = _overwritten(judged, own)
    if overwritten is not None:
        return overwritten
    points = [point_of_pair(run, other) for run, other in together[:MOST_POINTS] if other.pair.wanted_shape is None]
    diagnosis = diagnose(points)
    found = where(diagnosis.place)
    if found is None and len(pair.chain) > 1:
        found = _indexing_link(diagnosis.cause, pair) or _first_bad_link(judged, points[0])
    return Explained(diagnosis.cause, found)


def explain_update(update: Update, rate: float, runs: list[Run]) -> Explained:
    """Why an update is not the common multiple of its gradient."""
    points = []
    for run, other in list(same_updates(update, runs))[:MOST_POINTS]:
        own = next((step.rate for step in run.updates.steps if other in step.updates and step.rate is not None), rate)
        points.append(point_of_update(run, other, own))
    replaced = _replaced(update, rate)
    if replaced is not None:
        return replaced
    diagnosis = diagnose(points)
    cause, name = diagnosis.cause, update.after.name
    if cause.kind in ("sign", "number", "zero", "unknown") or (cause.kind == "path" and cause.names[-1] == "sign"):
        said = {
            "sign": (f"{name} goes up its gradient, while the other parameters go down", "sign"),
            "zero": (f"{name} does not change", "missing"),
            "number": (
                f"{name} changes by another multiple of its gradient than the other parameters",
                "other multiple",
            ),
        }.get(cause.kind, (f"{name} does not change by the common multiple of its gradient: {cause.sentence}", "other"))
        cause = cause._replace(kind="update", names=(name, said[1], *cause.names), sentence=said[0], also=())
    elif cause.kind == "other":
        sentence = f"{name} is changed by the gradient of another parameter: {cause.sentence}"
        cause = cause._replace(kind="update", names=(name, "other gradient", *cause.names), sentence=sentence)
    found = where(diagnosis.place)
    whole_line = cause.kind == "update" and found is not None  # the operator of `-=` has no place of its own
    return Explained(cause, (found[0], None, None) if whole_line and found else found)


def _replaced(update: Update, rate: float) -> Explained | None:
    """`=` where `-=` belongs: the parameter is now nothing but its step."""
    after = floats(update.before.version) + update.change
    if not any(agree(after, sign * rate * update.gradient, update.tolerance) for sign in (1, -1)):
        return None
    name, line = update.after.name, update.after.line
    sentence = f"{name} is replaced by its step, not moved by it: `-=` belongs where `=` stands"
    return Explained(Cause("update", (name, "replaced"), sentence, 0, 0, ()), (line, None, None))


def _explain_shape(together: list[tuple[Run, Judged]]) -> Explained:
    pair = together[0][1].pair
    got, wanted = str(pair.by_hand.shape), str(pair.wanted_shape)
    sites = [(run, judged.pair.event, judged.pair.by, judged.pair.sweep) for run, judged in together]
    text = right_formula(sites, pair.event.line)
    sentence = f"{pair.event.name} has the shape {got}, but {pair.by.name} has {wanted}"
    cure = (text,) if text else ()
    return Explained(
        Cause("shape", (got, wanted, *cure), sentence + (f"; `{text}` would be right" if text else ""), 0, 0, ()), None
    )


def explain_exception(error: BaseException, line: int, runs: list[Run]) -> Cause:
    """What the code raised; and where the line was to compute a derivative, what would have been right."""
    names: tuple[str, ...] = (type(error).__name__,)
    sentence = f"this line raises {type(error).__name__}: {error}"
    sites = [site for run in runs[:3] if (site := _unfinished(run, line)) is not None]
    text = right_formula(sites, line) if sites else None
    if text:
        names, sentence = (*names, text), f"{sentence}; `{text}` would be right"
    return Cause("exception", names, sentence, 0, 0, ())


def _unfinished(run: Run, line: int) -> tuple[Run, Event, Event, Sweep] | None:
    """The derivative that the line was to store: (run, the last event before it, B, the sweep from A)."""
    if not run.recording.events or run.recording.error_line != line:
        return None
    last = run.recording.events[-1]
    for name in sorted(stored(last.code, line)):
        meaning = run.meaning(name)
        if meaning is None or meaning[0] is not None:
            continue
        for judged in run.judged:
            known = [e for e in run.recording.events if e.base == meaning[1]]
            if known and judged.pair.sweep.adjoint(_first_number(run, known[-1])) is not None:
                return run, last._replace(time=last.time + 1, name=""), known[-1], judged.pair.sweep
    return None


def _first_number(run: Run, event: Event) -> int:
    return next((int(n) for n in numbers_of(run.recording.tape, event.version).flat if n >= 0), 10**12)


def right_formula(sites: list[tuple[Run, Event, Event, Sweep]], line: int) -> str | None:
    """A product or sum of named arrays that gives the right derivative, in the right shape; preferably of names that
    the line has."""
    import numpy

    points = []
    for run, event, by, sweep in sites[:4]:
        numbers = numbers_of(run.recording.tape, by.version)
        truth = numpy.array([sweep.adjoint(int(n)) or 0.0 for n in numbers.flat]).reshape(numbers.shape)
        sight = in_sight(run, event)
        points.append(Point(truth, truth, 1e-9 * abs(truth) + 1e-12, sight.values, {}, {}, {}, {}, None))
    return formula_for(points, points[0].autograd.shape, mentioned(sites[0][1].code, line))


def _overwritten(judged: Judged, run: Run) -> Explained | None:
    """`=` where `+=` belongs: what was there is lost, and with it the derivative is right."""
    import numpy

    pair, tape = judged.pair, run.recording.tape
    total = numpy.zeros(judged.by_hand.size)
    lost: Event | None = None
    before_lost: Event | None = None
    previous: Event | None = None
    for event in pair.chain:
        new, now = numbers_of(tape, event.version).flat, floats(event.version).flat
        if len(now) != total.size:
            return None
        old = numbers_of(tape, previous.version).flat if previous is not None else None
        for i, number in enumerate(new):
            if old is None or old[i] < 0 or number < 0:
                total[i] = now[i] if old is None or number != old[i] else total[i]
            elif number != old[i]:
                if int(old[i]) in tape.ancestors([int(number)], {int(old[i])}):
                    total[i] = now[i] if lost is None else total[i] + now[i] - tape.data[old[i]]
                else:
                    total[i] += now[i]
                    if lost is None:
                        lost, before_lost = event, previous
        previous = event
    if (
        lost is None
        or before_lost is None
        or not agree(total.reshape(judged.by_hand.shape), pair.autograd, pair.tolerance)
    ):
        return None
    if lost.line == before_lost.line:
        sentence = f"`=` in line {lost.line} overwrites what was there; `+=` belongs"
    else:
        sentence = f"`=` in line {lost.line} overwrites what line {before_lost.line} put there; `+=` belongs"
    cause = Cause("overwritten", (str(before_lost.line), str(lost.line)), sentence, 0, 0, ())
    return Explained(cause, (lost.line, None, None))


def _indexing_link(cause: Cause, pair: Pair) -> Where | None:
    """The last line of a chain that changes some elements only, where that is what is wrong."""
    if not {"index", "one element of each row"} & set(cause.names):
        return None
    lines = [event.line for event in pair.chain if stores_item(event.code, event.line)]
    return (lines[-1], None, None) if lines else None


def _first_bad_link(judged: Judged, point: Point) -> Where | None:
    """The first line of a chain that adds something which is no sum of paths."""
    import numpy

    chain = judged.pair.chain
    parts = list(point.paths.values())
    if len(parts) > 6:
        return None
    sums = [
        sum(some, numpy.zeros_like(point.autograd))
        for r in range(len(parts) + 1)
        for some in itertools.combinations(parts, r)
    ]
    before = numpy.zeros_like(point.autograd)
    for event in chain:
        version = floats(event.version)
        if version.size != before.size:
            return None
        now = version.reshape(before.shape)
        if not any(agree(now - before, part, point.tolerance) for part in sums):
            return (event.line, None, None)
        before = now
    return None


# --- the same line in all runs --------------------------------------------------------------------------------------


def same_pairs(judged: Judged, runs: list[Run]) -> Iterator[tuple[Run, Judged]]:
    """The comparisons of the same line and name in all runs."""
    event = judged.pair.event
    for run in runs:
        for other in run.judged:
            its = other.pair.event
            if its.code is event.code and (its.line, its.base) == (event.line, event.base):
                yield run, other


def same_updates(update: Update, runs: list[Run]) -> Iterator[tuple[Run, Update]]:
    """The updates of the same line and name in all runs."""
    for run in runs:
        for other in updates_of(run):
            if (other.after.code, other.after.line, other.after.base) == (
                update.after.code, update.after.line, update.after.base
            ):  # fmt: skip
                yield run, other


def where(place: tuple[Hashable, ...]) -> Where | None:
    """Where a place of the computation is: (code object, offset of an instruction), or minus a line."""
    if not place:
        return None
    code, offset = cast("tuple[CodeType, int]", place[0])
    if offset < 0:
        return (-offset, None, None)
    line, end_line, column, end_column = list(code.co_positions())[offset // 2]
    return None if line is None else (line, column, end_column if end_line == line else None)
