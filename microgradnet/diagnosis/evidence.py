"""What is known of a wrong derivative at several points, gathered from the runs: plain data for `causes`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from microgradnet.causes import Cause, Computation, Point, agree, diagnose, formula_for
from microgradnet.diagnosis.judging import Judged, Update
from microgradnet.diagnosis.pairing import floats, numbers_of
from microgradnet.diagnosis.recording import Event, mentioned, stored
from microgradnet.diagnosis.running import Run, updates_of
from microgradnet.diagnosis.tape import Sweep, Tape

__all__ = ["Explained", "explain_exception", "explain_pair", "explain_update"]

SMALL = 12
"""Arrays of so many elements also have their elements by name: x[0]."""

LONG = 60_000
"""On longer tapes, local derivatives are not looked for: each takes a pass of its own."""

STALE = " before its update"

MOST_POINTS = 20
"""So many comparisons of one line are looked at."""


class Explained(NamedTuple):
    """A cause and the (line, column, end column) that it points at, if it does."""

    cause: Cause
    place: tuple[int, int | None, int | None] | None


class _Sight(NamedTuple):
    """The names that a line of code could have used, and the numbers that they should have had."""

    events: dict[str, Event]
    values: dict[str, Any]
    nodes: dict[str, Any]


def point_of_pair(run: Run, judged: Judged) -> Point:
    """All that is known of one comparison."""
    pair = judged.pair
    sight = _in_sight(run, pair.event)
    forward = _forward(run.recording.tape, sight, pair.sweep, pair.by)
    by = [int(n) for n in numbers_of(run.recording.tape, pair.by.version).flat]
    shape = pair.autograd.shape
    return Point(
        judged.by_hand, pair.autograd, pair.tolerance, sight.values,
        _derivatives(run, pair.sweep, forward, sight, judged),
        _factors(run, forward, sight, pair.by) if len(run.recording.tape) < LONG else {},
        _paths(run, forward, pair.sweep, by, shape, pair.of_nodes) if pair.seed_all else {},
        _sizes(sight), _computation(run, [int(n) for n in pair.nodes.flat], pair.by_hand, sight.nodes, None, pair.event),
    )  # fmt: skip


def point_of_update(run: Run, update: Update, rate: float) -> Point:
    """An update as a derivative: its change beside `rate` times the gradient."""
    sight = _in_sight(run, update.after)
    forward = _forward(run.recording.tape, sight, update.sweep, update.before)
    derivatives = {name: rate * array for name, array in _gradients(update.sweep, forward).items()}
    before = floats(update.before.version)
    computation = _computation(
        run, [int(n) for n in update.nodes.flat], before, sight.nodes, before, update.after
    )
    return Point(update.change, rate * update.gradient, update.tolerance, sight.values, derivatives, {}, {},
                 _sizes(sight), computation)  # fmt: skip


# --- names in sight -------------------------------------------------------------------------------------------------


def _in_sight(run: Run, event: Event) -> _Sight:
    """Names of the call, and of objects and containers, as they stood before the event, with what is wrong put right."""
    import numpy

    owner = run.recording.owners.get(event.frame.number)
    newest: dict[str, Event] = {}
    for other in run.recording.events[: event.time]:
        if other.scope.kind == "frame" and other.scope.number != event.frame.number:
            continue
        if other.scope.kind == "object" and owner is not None and other.scope.number != owner:
            continue
        newest[other.name] = other
    for before, after in run.pairing.updates:
        if after.time < event.time and newest.get(after.name) is after:
            newest[after.name + STALE] = before
    newest.pop(event.name, None)
    constants = [c for c in event.code.co_consts if c.__class__ is float]
    right = {judged.pair.event.time: judged.pair for judged in run.judged if judged.pair.wanted_shape is None}
    values, nodes = {}, {}
    for name, found in newest.items():
        numbers = numbers_of(run.recording.tape, found.version)
        pair = right.get(found.time)
        values[name] = pair.autograd.reshape(numbers.shape) if pair is not None else floats(found.version)
        nodes[name] = numbers
        if values[name].ndim == 1 and 0 < values[name].size <= SMALL:
            for i in range(values[name].size):
                values[f"{name}[{i}]"], nodes[f"{name}[{i}]"] = values[name][i], numbers[i]
    for constant in constants:
        values.setdefault(repr(constant), numpy.array(constant))
        nodes.setdefault(repr(constant), numpy.array(-1))
    return _Sight(newest, values, nodes)


def _forward(tape: Tape, sight: _Sight, sweep: Sweep, by: Event) -> dict[str, list[int]]:
    """The nodes of names that A was made from."""
    found = {}
    for name, event in sight.events.items():
        numbers = [int(n) for n in sight.nodes[name].flat if n >= 0]
        if numbers and any(sweep.adjoint(n) is not None for n in numbers):
            found[name] = [int(n) for n in sight.nodes[name].flat]
    return found


def _sizes(sight: _Sight) -> dict[str, float]:
    """Whole numbers by name: those of the code, and lengths of its arrays."""
    sizes: dict[str, float] = {}
    for name, event in sight.events.items():
        if event.version.__class__ is int and event.version > 1:
            sizes.setdefault(name, float(event.version))
    for name, event in sight.events.items():
        for axis, length in enumerate(getattr(event.version, "shape", ())):
            if length > 1 and float(length) not in sizes.values():
                sizes[f"{name}.shape[{axis}]"] = float(length)
    return sizes


# --- derivatives ------------------------------------------------------------------------------------------------------


def _gradients(sweep: Sweep, forward: dict[str, list[int]]) -> dict[str, Any]:
    import numpy

    return {
        name: numpy.array([(sweep.adjoint(n) or 0.0) if n >= 0 else numpy.nan for n in numbers])
        for name, numbers in forward.items()
    }


def _derivatives(
    run: Run, sweep: Sweep, forward: dict[str, list[int]], sight: _Sight, judged: Judged
) -> dict[str, Any]:
    """∂A/∂ every name that A was made from, and the other derivatives of the same step."""
    pair = judged.pair
    found = {
        f"∂{pair.of}/∂{name}": array.reshape(sight.nodes[name].shape)
        for name, array in _gradients(sweep, forward).items() if name != pair.by.name
    }  # fmt: skip
    nearest: dict[str, Judged] = {}
    for other in run.judged:
        if other.pair.wanted_shape is None and other.pair.event.name != pair.event.name:
            known = nearest.get(other.pair.event.name)
            distance = abs(other.pair.event.time - pair.event.time)
            if known is None or distance < abs(known.pair.event.time - pair.event.time):
                nearest[other.pair.event.name] = other
    for other in nearest.values():
        found.setdefault(f"∂{other.pair.of}/∂{other.pair.by.name}", other.pair.autograd)
    return found


def _factors(run: Run, forward: dict[str, list[int]], sight: _Sight, by: Event) -> dict[str, Any]:
    """∂C/∂D of names of which one was made from the other directly, where they have one shape."""
    import numpy

    tape = run.recording.tape
    nodes = {name: [n for n in numbers if n >= 0] for name, numbers in forward.items()}
    all_nodes = {n for numbers in nodes.values() for n in numbers}
    found = {}
    for c, of_c in nodes.items():
        if len(of_c) > 2000 or not any(tape.operands[n] for n in of_c):
            continue
        local = tape.sweep(dict.fromkeys(of_c, 1.0), (all_nodes - set(of_c)) | run.pairing.stops)
        for d, of_d in nodes.items():
            if d == c or sight.nodes[d].shape != sight.nodes[c].shape or set(of_c) & set(of_d):
                continue
            adjoints = [local.adjoint(n) for n in of_d]
            if any(a is not None for a in adjoints) and len(of_d) == sight.nodes[d].size:
                found[f"∂{c}/∂{d}"] = numpy.array([a or 0.0 for a in adjoints]).reshape(sight.nodes[d].shape)
    return found


def _paths(
    run: Run, forward: dict[str, list[int]], sweep: Sweep, by: list[int], shape: tuple[int, ...], of: tuple[int, ...]
) -> dict[str, Any]:
    """The parts of ∂A/∂B by the names through which they go, each of which depends on B directly."""
    import numpy

    tape = run.recording.tape
    stops = {n for numbers in forward.values() for n in numbers if n >= 0} | set(by) | set(of) | set(run.pairing.stops)
    found = {}
    inner = {name: numbers for name, numbers in forward.items() if not set(numbers) & (set(by) | set(of))}
    for name, numbers in [*inner.items(), ("", list(of))]:
        seeds = {n: (sweep.adjoint(n) or 0.0) for n in numbers if n >= 0 and sweep.adjoint(n) is not None}
        if not seeds:
            continue
        part = tape.sweep(seeds, stops)
        adjoints = [part.adjoint(n) if n >= 0 else None for n in by]
        if any(a for a in adjoints):
            found[name] = numpy.array([a or 0.0 for a in adjoints]).reshape(shape)
    return found


# --- the computation by hand --------------------------------------------------------------------------------------------


def _computation(
    run: Run, outputs: list[int], plain: Any, names: dict[str, Any], offset: Any, event: Event
) -> Computation | None:
    """The rows from which the derivative was computed, back to the forward pass and to derivatives before it."""
    tape = run.recording.tape
    known = [n for n in outputs if n >= 0]
    if not known:
        return None
    right: dict[int, float] = {}
    borders: set[int] = set(run.pairing.stops)
    for judged in run.judged:
        pair = judged.pair
        mine = {int(n) for n in pair.nodes.flat if n >= 0} if pair.wanted_shape is None else set()
        if mine.isdisjoint(known):
            borders |= mine
            if judged.original == "wrong":
                right.update(zip((int(n) for n in pair.nodes.flat), map(float, pair.autograd.flat), strict=True))
    borders |= _forward_nodes(run)
    borders -= set(known) if offset is not None else set()
    rows = tape.ancestors(known, borders)
    place = {number: row for row, number in enumerate(rows)}
    ops, operands, data = [], [], []
    for number in rows:
        inner = number not in borders and bool(tape.operands[number])
        ops.append((tape.nodes[number].op or "") if inner else "")
        operands.append(tuple([place[o] if o.__class__ is int else o for o in tape.operands[number]]) if inner else ())
        data.append(right.get(number, tape.data[number]))
    reads: dict[str, dict[int, int]] = {}
    for name, numbers in names.items():
        found = {place[int(n)]: i for i, n in enumerate(numbers.flat) if int(n) in place}
        if found:
            reads[name] = found
    flat = [float(x) for x in plain.flat]
    return Computation(
        tuple(ops), tuple(operands), tuple(data), tuple(_within(tape.places[n], event) for n in rows),
        tuple(place.get(n, -1) for n in outputs), tuple(flat), reads,
        tuple(flat) if offset is not None else (0.0,) * len(flat),
    )  # fmt: skip


def _within(places: tuple[Any, ...], event: Event) -> tuple[Any, ...]:
    """The places from the innermost call out to the function in which the event is."""
    for depth, (code, _) in enumerate(places):
        if code is event.code:
            return places[: depth + 1]
    return places


def _forward_nodes(run: Run) -> set[int]:
    """Every node from which an A was made that was compared: the forward pass."""
    sweeps = {id(judged.pair.sweep): judged.pair.sweep for judged in run.judged}
    return {n for sweep in sweeps.values() for n, adjoint in enumerate(sweep.adjoints) if adjoint is not None}


# --- the same line in all runs --------------------------------------------------------------------------------------


def same_pairs(judged: Judged, runs: list[Run]) -> Iterator[tuple[Run, Judged]]:
    """The comparisons of the same line and name in all runs."""
    event = judged.pair.event
    for run in runs:
        for other in run.judged:
            if other.pair.event.code is event.code and other.pair.event.line == event.line:
                if other.pair.event.base == event.base:
                    yield run, other


def same_updates(update: Update, runs: list[Run]) -> Iterator[tuple[Run, Update]]:
    """The updates of the same line and name in all runs."""
    for run in runs:
        for other in updates_of(run):
            if (other.after.code, other.after.line, other.after.base) == (
                update.after.code, update.after.line, update.after.base
            ):  # fmt: skip
                yield run, other


def where(place: tuple[Hashable, ...]) -> tuple[int, int | None, int | None] | None:
    """(line, column, end column) of a place; the columns are None where Python does not know them."""
    if not place:
        return None
    code, offset = place[0]  # type: ignore[misc]
    if offset < 0:
        return (-offset, None, None)
    line, end_line, column, end_column = list(code.co_positions())[offset // 2]
    if line is None:
        return None
    return (line, column, end_column if end_line == line else None)



# --- causes -----------------------------------------------------------------------------------------------------------


def explain_pair(judged: Judged, runs: list[Run]) -> Explained:
    """Why a derivative is wrong, and where."""
    pair = judged.pair
    together = list(same_pairs(judged, runs))
    if pair.wanted_shape is not None:
        return _explain_shape(together)
    overwritten = _overwritten(judged, runs[0])
    if overwritten is not None:
        return overwritten
    points = [point_of_pair(run, other) for run, other in together[:MOST_POINTS] if other.pair.wanted_shape is None]
    diagnosis = diagnose(points)
    place = where(diagnosis.place)
    if place is None and len(pair.chain) > 1:
        place = _first_bad_link(judged, points[0])
    return Explained(diagnosis.cause, place)


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
            "number": (f"{name} changes by another multiple of its gradient than the other parameters", "other multiple"),
        }.get(cause.kind, (f"{name} does not change by the common multiple of its gradient: {cause.sentence}", "other"))
        cause = cause._replace(kind="update", names=(name, said[1], *cause.names), sentence=said[0])
    elif cause.kind == "other":
        cause = cause._replace(kind="update", names=(name, "other gradient", *cause.names),
                               sentence=f"{name} changes by the gradient of another: {cause.sentence}")  # fmt: skip
    return Explained(cause, where(diagnosis.place))


def _replaced(update: Update, rate: float) -> Explained | None:
    """`=` where `-=` belongs: the parameter is now nothing but its step."""
    after = floats(update.before.version) + update.change
    if not any(agree(after, sign * rate * update.gradient, update.tolerance) for sign in (1, -1)):
        return None
    name, line = update.after.name, update.after.line
    sentence = f"{name} is replaced by its step, not moved by it: `-=` belongs where `=` stands"
    return Explained(Cause("update", (name, "replaced"), sentence, 1, 1, ()), (line, None, None))


def _explain_shape(together: list[tuple[Run, Judged]]) -> Explained:
    pair = together[0][1].pair
    got, wanted = str(pair.by_hand.shape), str(pair.wanted_shape)
    sites = [(run, judged.pair.event, judged.pair.by, judged.pair.sweep) for run, judged in together]
    text = right_formula(sites, pair.event.line)
    sentence = f"{pair.event.name} has the shape {got}, but {pair.by.name} has {wanted}"
    cure = (text,) if text else ()
    return Explained(
        Cause("shape", (got, wanted, *cure), sentence + (f"; `{text}` would be right" if text else ""), 1, 1, ()), None
    )


def explain_exception(error: BaseException, line: int, runs: list[Run]) -> Cause:
    """What the code raised; and where the line was to compute a derivative, what would have been right."""
    names: tuple[str, ...] = (type(error).__name__,)
    sentence = f"this line raises {type(error).__name__}: {error}"
    sites = [site for run in runs[:3] if (site := _unfinished(run, line)) is not None]
    text = right_formula(sites, line) if sites else None
    if text:
        names, sentence = (*names, text), f"{sentence}; `{text}` would be right"
    return Cause("exception", names, sentence, 1, 1, ())


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
        sight = _in_sight(run, event)
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
    if lost is None or before_lost is None or not agree(
        total.reshape(judged.by_hand.shape), pair.autograd, pair.tolerance
    ):
        return None
    if lost.line == before_lost.line:
        sentence = f"`=` in line {lost.line} overwrites what was there; `+=` belongs"
    else:
        sentence = f"`=` in line {lost.line} overwrites what line {before_lost.line} put there; `+=` belongs"
    cause = Cause("overwritten", (str(before_lost.line), str(lost.line)), sentence, 1, 1, ())
    return Explained(cause, (lost.line, None, None))


def _first_bad_link(judged: Judged, point: Point) -> tuple[int, int | None, int | None] | None:
    """The first line of a chain that adds something which is no sum of paths."""
    import itertools

    import numpy

    chain = judged.pair.chain
    parts = list(point.paths.values())
    if len(parts) > 6:
        return None
    sums = [sum(some, numpy.zeros_like(point.autograd)) for r in range(len(parts) + 1) for some in itertools.combinations(parts, r)]
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
