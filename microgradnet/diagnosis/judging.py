"""Which of the pairs and updates are wrong *by themselves*, once everything before them is right.

The numbers by hand are Values with a graph of their own. So a wrong derivative can be put right (autograd's number in
its place), and what was computed from it computed anew: what is right then was only spoiled by it, and is no finding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from microgradnet.causes import computed
from microgradnet.diagnosis.pairing import Pair, Pairing
from microgradnet.diagnosis.recording import Event, Recording
from microgradnet.diagnosis.tape import Tape
from microgradnet.diagnosis.versions import floats, numbers_of

__all__ = ["Judged", "Second", "Step", "Update", "Updates", "judge"]

DECIDED = 0.01
"""A number whose tolerance is more than this part of it says little."""


class Judged(NamedTuple):
    """A pair with its verdict: `by_hand` is what it is once everything before it is right."""

    pair: Pair
    by_hand: Any
    decided: Any  # bools: which elements can be decided
    wrong: Any  # bools
    original: str  # "equal", "wrong", "undecided": of the numbers as the code computed them

    @property
    def verdict(self) -> str:
        """ "equal", "wrong" (by itself), "spoiled" (by a wrong one before it), "undecided" or "shape"."""
        if self.pair.wanted_shape is not None:
            return "shape"
        if self.wrong.any():
            return "wrong"
        if self.original == "wrong":
            return "spoiled"
        return "equal" if self.decided.any() else "undecided"


class Rate(NamedTuple):
    """A multiple, and how uncertain it is, as a part of itself."""

    value: float
    doubt: float


class Update(NamedTuple):
    """A change of a parameter, put right in what came before it, beside its gradient."""

    before: Event
    after: Event
    change: Any
    gradient: Any
    tolerance: Any  # of the change
    nodes: Any
    loss: tuple[int, ...]
    sweep: Any
    carries: bool  # something from the step before, as momentum does

    def rate(self) -> Rate | None:
        """change / gradient where it is best known; None where it cannot be told from rounding."""
        import numpy

        with numpy.errstate(all="ignore"):
            doubt = self.tolerance / abs(self.change)
            clear = (abs(self.gradient) > 0) & (doubt < 0.01) & numpy.isfinite(self.change / self.gradient)
        if not clear.any():
            return None
        place = numpy.argmin(numpy.where(clear, doubt, numpy.inf))
        return Rate(float(self.change.flat[place] / self.gradient.flat[place]), float(doubt.flat[place]) + 1e-12)

    def follows(self, rate: Rate) -> bool:
        """Whether the change is `rate` times the gradient, as far as rounding lets one see."""
        import numpy

        room = self.tolerance + (rate.doubt + 1e-11) * abs(self.change)
        off = abs(self.change - rate.value * self.gradient) > room
        return not bool((off & numpy.isfinite(self.gradient)).any())

    def is_clipped(self, rate: float) -> bool:
        """Whether the elements that do not follow the gradient all move by one length, and less than it would."""
        import numpy

        right = rate * self.gradient
        off = abs(self.change - right) > self.tolerance + 1e-9 * abs(self.change)
        lengths, wanted = abs(self.change[off]), abs(right[off])
        same = lengths.size > 1 and bool(numpy.ptp(lengths) <= 1e-9 * lengths.max())
        return same and bool((lengths < wanted).all() and (self.change[off] * right[off] > 0).all())


class Step(NamedTuple):
    """The updates that follow one evaluation of the loss, and what most of them have in common."""

    updates: list[Update]
    rate: float | None


class Updates(NamedTuple):
    """All updates; `wrong` are those that are not the common multiple of their gradient; `note` if none was found."""

    steps: list[Step]
    wrong: list[tuple[Update, float]]
    note: str


class Second(NamedTuple):
    """A parameter was changed once more before its gradient was computed anew; `change` as it would be if what came
    before were right."""

    before: Event
    after: Event
    change: Any


def judge(recording: Recording, pairing: Pairing) -> tuple[list[Judged], list[Update], list[Second]]:
    """Verdicts on the pairs, in the order of the run; the updates; and those that came twice in a step."""
    return _Corrected(recording, pairing).run()


class _Corrected:
    """One pass over the tape in which derivatives that are wrong get autograd's numbers."""

    def __init__(self, recording: Recording, pairing: Pairing) -> None:
        self.tape: Tape = recording.tape
        self.pairing = pairing
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
        original = "wrong" if first_wrong.any() else "equal" if first_decided.any() else "undecided"
        if original == "wrong":
            for number, truth in zip(pair.nodes.flat, pair.autograd.flat, strict=True):
                if number >= 0 and number not in self.pairing.stops:
                    self.fixed[int(number)] = float(truth)
        return Judged(pair, corrected, decided, wrong, original)

    def _update(self, before: Event, after: Event) -> Update | Second | None:
        import numpy

        old, new = numbers_of(self.tape, before.version), numbers_of(self.tape, after.version)
        if old.shape != new.shape or (old < 0).any() or (new < 0).any():
            return None
        data_old = numpy.array([self.tape.data[n] for n in old.flat]).reshape(old.shape)
        data_new = numpy.array([self.fixed.get(int(n), self.tape.data[n]) for n in new.flat]).reshape(old.shape)
        seeds = self.pairing.loss_of(after, before)
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


def check_updates(updates: list[Update]) -> Updates:
    """Hold the updates against one common multiple of the gradients: of the whole run, or of each step."""
    carrying = {(update.after.scope, update.after.base): update.after.name for update in updates if update.carries}
    updates = [update for update in updates if (update.after.scope, update.after.base) not in carrying]
    by_loss: dict[tuple[int, ...], list[Update]] = {}
    for update in updates:
        by_loss.setdefault(update.loss, []).append(update)
    common = _mode([rate for update in updates if (rate := update.rate()) is not None])
    steps, wrong = [], []
    decays: set[str] = set()
    clipped: set[str] = set()
    for together in by_loss.values():
        own = _mode([r for update in together if (r := update.rate()) is not None]) if len(together) > 1 else None
        candidates = [rate for rate in (common, own) if rate is not None]
        rate = next((r for r in candidates if any(update.follows(r) for update in together)), None)
        steps.append(Step(together, None if rate is None else rate.value))
        off = [update for update in together if rate is not None and not update.follows(rate)]
        if rate is not None:
            clipped |= {update.after.name for update in off if update.is_clipped(rate.value)}
            off = [update for update in off if not update.is_clipped(rate.value)]
        if off and rate is not None and _decay(off, rate.value):
            decays |= {update.after.name for update in off}
        else:
            wrong += [(update, rate.value) for update in off if rate is not None]
    note = ""
    shown = ", ".join(f"{u.after.name} {r.value:.4g}" for u in updates[:6] if (r := u.rate()) is not None)
    if shown and all(step.rate is None for step in steps):
        note = f"updates not checked: no common multiple of the gradients ({shown})"
    elif carrying:
        note = (
            f"updates of {', '.join(sorted(carrying.values()))} not checked: they carry over a part of the step before"
        )
    elif clipped:
        note = f"the steps of {', '.join(sorted(clipped))} are clipped; those that are not were checked"
    elif decays:
        note = (
            f"{', '.join(sorted(decays))} also shrink by a part of themselves (weight decay), which is not in the loss"
        )
    return Updates(steps, wrong, note)


def _decay(off: list[Update], rate: float) -> bool:
    """Whether what is left of each change is one and the same multiple of the parameter itself, as weight decay is."""
    import numpy

    shares = []
    for update in off:
        before, left = floats(update.before.version), update.change - rate * update.gradient
        clear = abs(before) > 1e-3 * abs(before).max(initial=0.0)
        shares += list((left[clear] / before[clear]).flat)
    return len(shares) > 1 and bool(numpy.ptp(shares) <= 1e-6 * abs(shares[0])) and -1 < shares[0] < 0


def _mode(rates: list[Rate]) -> Rate | None:
    """The rate that is more common than any other; of those that agree, the best known."""
    clusters: list[list[Rate]] = []
    for rate in sorted(rates, key=lambda rate: rate.doubt):
        same = [
            c
            for c in clusters
            if abs(c[0].value - rate.value) <= (c[0].doubt + 2 * rate.doubt + 1e-9) * abs(c[0].value)
        ]
        if same:
            same[0].append(rate)
        else:
            clusters.append([rate])
    clusters.sort(key=len, reverse=True)
    if not clusters or (len(clusters) > 1 and len(clusters[0]) == len(clusters[1])):
        return None
    return clusters[0][0]


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
