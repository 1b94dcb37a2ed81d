"""Which of the pairs and updates are wrong *by themselves*, once everything before them is right.

The numbers by hand are Values with a graph of their own. So a wrong derivative can be put right (autograd's number in
its place), and what was computed from it computed anew: what is right then was only spoiled by it, and is no finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from microgradnet.causes import computed
from microgradnet.diagnosis.bytecode import mentioned
from microgradnet.diagnosis.pairs import Pair, Pairing
from microgradnet.diagnosis.recording import Event, Recording
from microgradnet.diagnosis.tape import Tape
from microgradnet.diagnosis.updates import Second, Update, check_updates
from microgradnet.diagnosis.versions import numbers_of
from microgradnet.value import Value

__all__ = ["Judged", "judge"]

DECIDED = 0.01
"""A number whose tolerance is more than this part of it says little."""


class Judged(NamedTuple):
    """A pair with its verdict: `by_hand` is what it is once everything before it is right."""

    pair: Pair
    by_hand: Any
    decided: Any  # bools: which elements can be decided
    wrong: Any  # bools
    original: str  # "equal", "wrong", "undecided", "otherwise": of the numbers as the code computed them

    @property
    def verdict(self) -> str:
        """ "equal", "wrong" (by itself), "spoiled" (by a wrong one before it), "otherwise" (not what its name says, but
        all that is computed from it is right), "undecided" or "shape"."""
        if self.pair.wanted_shape is not None:
            return "shape"
        if self.original == "otherwise":
            return "otherwise"
        if self.wrong.any():
            return "wrong"
        if self.original == "wrong":
            return "spoiled"
        return "equal" if self.decided.any() else "undecided"


def judge(
    recording: Recording, pairing: Pairing, parameters: Collection[str]
) -> tuple[list[Judged], list[Update], list[Second]]:
    """Verdicts on the pairs, in the order of the run; the updates; and those that came twice in a step.

    `parameters`: bases of what was lifted.
    """
    everything = frozenset(pair.event.time for pair in pairing.pairs)
    below: dict[int, set[int]] = {}
    judged, updates, seconds = _Corrected(recording, pairing, everything, below).run()
    if all(one.original != "otherwise" for one in judged):
        return judged, updates, seconds
    otherwise = _meant_otherwise(recording, pairing, judged, updates, parameters)
    return _Corrected(recording, pairing, otherwise, below).run()


def _meant_otherwise(
    recording: Recording, pairing: Pairing, judged: list[Judged], updates: list[Update], parameters: Collection[str]
) -> frozenset[int]:
    """The events of derivatives that are not what their name says, but from which everything comes out right.

    Many write dZ for the derivative of one example, and divide by their number in dW; or do for the derivative with
    respect to what is inside of o's sigmoid. What comes out in the end, the derivatives by parameters, or updates with
    a learning rate that the code has, tells that this is meant.
    """
    tape = recording.tape
    ends = {True: set[int](), False: set[int]()}
    for one in judged:
        if one.pair.is_of_loss and one.pair.by.base in parameters and one.original != "undecided":
            ends[one.original == "equal"].update(int(n) for n in one.pair.nodes.flat if n >= 0)
    checked = check_updates(updates)
    rates = _learning_rates(recording)
    wrong = {id(update) for update, _ in checked.wrong}
    moved = {True: set[int](), False: set[int]()}
    for step in checked.steps:
        of_code = step.rate is not None and any(abs(step.rate + rate) <= 1e-9 * rate for rate in rates)
        for update in step.updates if step.rate is not None else ():
            is_right = id(update) not in wrong and of_code
            moved[is_right].update(int(n) for n in update.nodes.flat)
    stops = pairing.stops
    bad = set(tape.ancestors(ends[False], stops)) | set(tape.ancestors(moved[False], stops - moved[False]))
    nodes = {one.pair.event.time: {int(n) for n in one.pair.nodes.flat if n >= 0} for one in judged
             if one.original == "otherwise"}  # fmt: skip
    harmless = {time: own for time, own in nodes.items() if own and not own & bad}
    if not harmless:
        return frozenset()
    right = set(tape.ancestors(ends[True], stops)) | set(tape.ancestors(moved[True], stops - moved[True]))
    return frozenset(time for time, own in harmless.items() if own <= right)


def _learning_rates(recording: Recording) -> list[float]:
    """Positive numbers that may be a learning rate: variables named so, and constants that are no 1 or 2."""
    found = set()
    for event in recording.events:
        number = event.version.data if event.version.__class__ is Value else event.version
        if number.__class__ in (float, int) and re.search("lr|rate|eta|alpha|step|learn", event.base.lower()):
            found.add(float(number))
    constants = {c for code in {event.code for event in recording.events} for c in code.co_consts}
    found |= {c for c in constants if c.__class__ is float and c not in (0.25, 0.5, 1.0, 2.0, 4.0)}
    return [number for number in found if number > 0]


class _Corrected:
    """One pass over the tape in which derivatives that are wrong get autograd's numbers."""

    def __init__(
        self, recording: Recording, pairing: Pairing, left: Collection[int], below: dict[int, set[int]]
    ) -> None:
        self.tape: Tape = recording.tape
        self.below = below  # by id of a sweep: what its A's kinks were made of
        self.pairing, self.left = pairing, left  # the events of derivatives that are left as they are
        self.fixed: dict[int, float] = {}
        self.done = 0

    def run(self) -> tuple[list[Judged], list[Update], list[Second]]:
        judged: list[Judged] = []
        updates: list[Update] = []
        seconds: list[Second] = []
        moments: list[tuple[int, int, Any]] = [(pair.event.tape, pair.event.time, pair) for pair in self.pairing.pairs]
        moments += [(after.tape, after.time, (before, after)) for before, after in self.pairing.updates]
        for tape, _, thing in sorted(moments, key=lambda moment: moment[:2]):
            self._advance(tape)
            if isinstance(thing, Pair):
                judged.append(self._judged(thing))
            else:
                update = self._update(*thing)
                if isinstance(update, Update):
                    updates.append(update)
                elif update is not None and any(known.after is thing[0] for known in updates):
                    seconds.append(update)
        return judged, updates, seconds

    def _advance(self, until: int) -> None:
        fixed, tape, stops = self.fixed, self.tape, self.pairing.stops
        for number in range(self.done, until):
            operands = tape.operands[number]
            if fixed and any(o in fixed for o in operands if o.__class__ is int):
                value = computed(tape.nodes[number].op or "", [
                    fixed.get(o, tape.data[o]) if o.__class__ is int and o not in stops else
                    tape.data[o] if o.__class__ is int else o for o in operands
                ])  # fmt: skip
                if value != tape.data[number]:
                    fixed[number] = value
        self.done = max(self.done, until)

    def _judged(self, pair: Pair) -> Judged:
        import numpy

        if pair.wanted_shape is not None:
            nothing = numpy.zeros(pair.by_hand.shape, dtype=bool)
            return Judged(pair, pair.by_hand, nothing, nothing, "wrong")
        corrected = pair.by_hand.copy()
        for place, number in enumerate(pair.nodes.flat):
            if number in self.fixed:
                corrected.flat[place] = self.fixed[number]
        decided, wrong = decide(corrected, pair.autograd, pair.tolerance)
        first_decided, first_wrong = decide(pair.by_hand, pair.autograd, pair.tolerance)
        if {"clip", "minimum", "maximum", "min", "max"} & mentioned(pair.event.code, pair.event.line):
            wrong &= ~_clipped(corrected, pair.autograd, wrong)
            first_wrong &= ~_clipped(pair.by_hand, pair.autograd, first_wrong)
        if wrong.any() or first_wrong.any():
            unclear = self._at_a_kink(pair)
            wrong, first_wrong, decided = wrong & ~unclear, first_wrong & ~unclear, decided & ~unclear
        original = "wrong" if first_wrong.any() else "equal" if first_decided.any() else "undecided"
        if original == "wrong" and pair.event.time in self.left:
            return Judged(pair, corrected, decided & ~wrong, wrong & False, "otherwise")
        if original == "wrong":
            for number, truth in zip(pair.nodes.flat, pair.autograd.flat, strict=True):
                if number >= 0 and number not in self.pairing.stops:
                    self.fixed[int(number)] = float(truth)
        return Judged(pair, corrected, decided, wrong, original)

    def _at_a_kink(self, pair: Pair) -> Any:
        """Elements of B whose way to A leads through a kink (|0|, a tie), where any slope between the two is right."""
        import numpy

        sweep = pair.sweep
        if id(sweep) not in self.below:
            kinks = [n for n, adjoint in enumerate(sweep.adjoints) if adjoint is not None and self._is_kink(n)]
            self.below[id(sweep)] = set(self.tape.ancestors(kinks, self.pairing.stops))
        below = self.below[id(sweep)]
        by = numbers_of(self.tape, pair.by.version)
        found = numpy.array([int(n) in below for n in by.flat], dtype=bool)
        return (
            found.reshape(pair.autograd.shape)
            if found.size == pair.autograd.size
            else numpy.full(pair.autograd.shape, found.any())
        )

    def _is_kink(self, number: int) -> bool:
        op, operands = self.tape.nodes[number].op, self.tape.operands[number]
        x = [self.tape.data[o] if o.__class__ is int else o for o in operands]
        if op in ("abs", "relu", "leaky_relu"):
            return x[0] == 0.0
        if op in ("maximum", "minimum"):
            return x[0] == x[1]
        return op == "sum" and len(x) == 1 and x[0] == 0.0  # NumPy's maximum and where hand on one of the two

    def _update(self, before: Event, after: Event) -> Update | Second | None:
        import numpy

        old, new = numbers_of(self.tape, before.version), numbers_of(self.tape, after.version)
        if old.shape != new.shape or (old < 0).any() or (new < 0).any():
            return None
        data_old = numpy.array([self.tape.data[n] for n in old.flat]).reshape(old.shape)
        data_new = numpy.array([self.fixed.get(int(n), self.tape.data[n]) for n in new.flat]).reshape(old.shape)
        seeds = self.pairing.loss_of(after, before)
        if seeds is None and self.pairing.derived_between(before, after):
            return None
        if seeds is None:
            return Second(before, after, data_new - data_old)
        sweep = self.pairing.sweep(seeds)
        size = [(sweep.adjoint(int(n)), sweep.tolerance(int(n)) if n < len(sweep.sizes) else 0.0) for n in old.flat]
        gradient = numpy.array([adjoint or 0.0 for adjoint, _ in size]).reshape(old.shape)
        error = numpy.array([4 * self.tape.error(int(n)) for n in new.flat]).reshape(old.shape)
        uncertain = numpy.array([tolerance for _, tolerance in size]).reshape(old.shape)
        tolerance = error + 4 * numpy.spacing(abs(data_old) + abs(data_new)) + uncertain
        return Update(
            before, after, data_new - data_old, gradient, tolerance, new, seeds, sweep, self._carries(old, new)
        )

    def _carries(self, old: Any, new: Any) -> bool:
        """Whether a new version was made of what is older than the old one, and neither parameter nor derivative."""
        made = {int(n) for n in new.flat}
        borders = {int(n) for n in old.flat} | (set(self.pairing.stops) - made)
        for pair in self.pairing.pairs:
            borders |= {int(n) for n in pair.nodes.flat if n >= 0}
        older = set(self.tape.ancestors(made, borders - made)) - borders
        return any(number < old.min() and self.tape.operands[number] for number in older)


def _clipped(by_hand: Any, autograd: Any, wrong: Any) -> Any:
    """Which of the wrong elements are all of one size, smaller than the truth and of its sign: a clipped gradient."""
    import numpy

    largest = abs(by_hand[wrong]).max(initial=0.0)
    same = numpy.isclose(abs(by_hand), largest, rtol=1e-9, atol=0) & (abs(autograd) > abs(by_hand))
    return wrong & same & (by_hand * autograd > 0)


def decide(by_hand: Any, autograd: Any, tolerance: Any) -> tuple[Any, Any]:
    """Which elements can be decided, and which of them are wrong."""
    import numpy

    with numpy.errstate(all="ignore"):
        distance = abs(by_hand - autograd)
        size = numpy.maximum(abs(by_hand), abs(autograd))
        same = (by_hand == autograd) | (numpy.isnan(by_hand) & numpy.isnan(autograd))
        finite = numpy.isfinite(by_hand) & numpy.isfinite(autograd)
        wrong = ~same & numpy.isfinite(autograd) & ~(distance <= tolerance)
        decided = numpy.where(same, ~numpy.isnan(by_hand), wrong | (finite & (tolerance <= DECIDED * size)))
    return decided, wrong
