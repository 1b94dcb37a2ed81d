"""What is known of a wrong derivative at several points, gathered from the runs: plain data for `causes`."""

from __future__ import annotations

from typing import Any, NamedTuple

from microgradnet.causes import Computation, Point
from microgradnet.diagnosis.bytecode import names_indexed
from microgradnet.diagnosis.judging import Judged
from microgradnet.diagnosis.pairs import Pair
from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.running import Run
from microgradnet.diagnosis.tape import Sweep
from microgradnet.diagnosis.updates import Update
from microgradnet.diagnosis.versions import floats, numbers_of

__all__ = ["Sight", "in_sight", "point_of_pair", "point_of_update"]

SMALL = 12
"""Arrays of so many elements that the code indexes also have their elements by name: x[0]."""

LONG = 60_000
"""On longer tapes, local derivatives are not looked for: each takes a pass of its own."""

STALE = " before its update"


class Sight(NamedTuple):
    """The names that a line of code could have used, and the numbers that they should have had."""

    events: dict[str, Event]
    values: dict[str, Any]
    nodes: dict[str, Any]


def point_of_pair(run: Run, judged: Judged) -> Point:
    """All that is known of one comparison."""
    pair = judged.pair
    sight = in_sight(run, pair.event)
    forward = _forward(sight, pair.sweep)
    is_short = len(run.recording.tape) < LONG
    return Point(
        by_hand=judged.by_hand,
        autograd=pair.autograd,
        tolerance=pair.tolerance,
        values=sight.values,
        derivatives=_derivatives(run, pair.sweep, forward, sight, judged),
        factors=_factors(run, forward, sight) if is_short else {},
        paths=_paths(run, forward, pair) if pair.seed_all else {},
        sizes=_sizes(sight),
        computation=_computation(run, pair.nodes, sight.nodes, None, pair.event),
    )


def point_of_update(run: Run, update: Update, rate: float) -> Point:
    """An update as a derivative: its change beside `rate` times the gradient."""
    sight = in_sight(run, update.after)
    forward = _forward(sight, update.sweep)
    gradients = _gradients(update.sweep, forward)
    derivatives = {f"the gradient by {name}": rate * array for name, array in gradients.items()}
    before = floats(update.before.version)
    return Point(
        by_hand=update.change,
        autograd=rate * update.gradient,
        tolerance=update.tolerance,
        values=sight.values,
        derivatives=derivatives,
        factors={},
        paths={},
        sizes=_sizes(sight),
        computation=_computation(run, update.nodes, sight.nodes, before, update.after),
    )


# --- names in sight -------------------------------------------------------------------------------------------------


def in_sight(run: Run, event: Event) -> Sight:
    """Names of the call, of objects and containers, as they stood before the event, with what is wrong put right."""
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
    indexed = names_indexed(event.code)
    right = {judged.pair.event.time: judged.pair for judged in run.judged if judged.pair.wanted_shape is None}
    values, nodes = {}, {}
    for name, found in newest.items():
        numbers = numbers_of(run.recording.tape, found.version)
        pair = right.get(found.time)
        values[name] = pair.autograd.reshape(numbers.shape) if pair is not None else floats(found.version)
        nodes[name] = numbers
        if values[name].ndim == 1 and 0 < values[name].size <= SMALL and found.base in indexed:
            for i in range(values[name].size):
                values[f"{name}[{i}]"], nodes[f"{name}[{i}]"] = values[name][i], numbers[i]
    for constant in constants:
        values.setdefault(repr(constant), numpy.array(constant))
        nodes.setdefault(repr(constant), numpy.array(-1))
    return Sight(newest, values, nodes)


def _forward(sight: Sight, sweep: Sweep) -> dict[str, list[int]]:
    """The nodes of names that A was made from."""
    found = {}
    for name in sight.events:
        numbers = [int(n) for n in sight.nodes[name].flat if n >= 0]
        if numbers and any(sweep.adjoint(n) is not None for n in numbers):
            found[name] = [int(n) for n in sight.nodes[name].flat]
    return found


def _sizes(sight: Sight) -> dict[str, float]:
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


def _derivatives(run: Run, sweep: Sweep, forward: dict[str, list[int]], sight: Sight, judged: Judged) -> dict[str, Any]:
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


def _factors(run: Run, forward: dict[str, list[int]], sight: Sight) -> dict[str, Any]:
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


def _paths(run: Run, forward: dict[str, list[int]], pair: Pair) -> dict[str, Any]:
    """The parts of ∂A/∂B by the names through which they go, each of which depends on B directly."""
    import numpy

    tape, sweep, of = run.recording.tape, pair.sweep, pair.of_nodes
    by = [int(n) for n in numbers_of(tape, pair.by.version).flat]
    stops = {n for numbers in forward.values() for n in numbers if n >= 0} | set(by) | set(of) | set(run.pairing.stops)
    found = {}
    reached = _directly_above(run, set(by), stops, max(of))
    inner = {name: numbers for name, numbers in forward.items()
             if not set(numbers) & (set(by) | set(of)) and reached.intersection(numbers)}  # fmt: skip
    for name, numbers in [*inner.items(), ("", list(of))]:
        seeds = {n: (sweep.adjoint(n) or 0.0) for n in numbers if n >= 0 and sweep.adjoint(n) is not None}
        if not seeds:
            continue
        part = tape.sweep(seeds, stops)
        adjoints = [part.adjoint(n) if n >= 0 else None for n in by]
        if any(a for a in adjoints):
            found[name] = numpy.array([a or 0.0 for a in adjoints]).reshape(pair.autograd.shape)
    return found


def _directly_above(run: Run, by: set[int], named: set[int], top: int) -> set[int]:
    """The named nodes up to `top` that were made from those of B, but not from each other."""
    operands = run.recording.tape.operands
    between: set[int] = set(by)
    found: set[int] = set()
    for number in range(min(by, default=0), top + 1):
        if not between.isdisjoint(operands[number]):
            (found if number in named else between).add(number)
    return found


# --- the computation by hand -----------------------------------------------------------------------------------------


def _computation(run: Run, nodes: Any, names: dict[str, Any], offset: Any, event: Event) -> Computation | None:
    """The rows from which the derivative was computed, back to the forward pass and to derivatives before it."""
    tape, outputs = run.recording.tape, [int(n) for n in nodes.flat]
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
    return Computation(
        ops=tuple(ops),
        operands=tuple(operands),
        data=tuple(data),
        places=tuple(_within(tape.places[n], event) for n in rows),
        outputs=tuple(place.get(n, -1) for n in outputs),
        reads=reads,
        offset=(0.0,) * len(outputs) if offset is None else tuple(map(float, offset.flat)),
    )


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
