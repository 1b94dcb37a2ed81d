"""Updates of the parameters: each change is one and the same multiple of the gradient, or something is to be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.versions import floats

__all__ = ["Rate", "Second", "Step", "Update", "Updates", "check_updates"]


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

    def is_decay(self) -> bool:
        """Whether it is one small part of the parameter itself, taken away: weight decay."""
        shares = _shares(self.before, self.change)
        return len(shares) > 0 and max(shares) - min(shares) <= 1e-6 * abs(shares[0]) and -1 < shares[0] < 0


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
    return Updates(steps, wrong, "; ".join(_notes(updates, steps, carrying.values(), clipped, decays)))


def _notes(
    updates: list[Update], steps: list[Step], carrying: Iterable[str], clipped: set[str], decays: set[str]
) -> Iterator[str]:
    """What there is to say of updates that are right, or were not judged."""
    shown = ", ".join(f"{u.after.name} {r.value:.4g}" for u in updates[:6] if (r := u.rate()) is not None)
    if shown and all(step.rate is None for step in steps):
        yield f"updates not checked: no common multiple of the gradients ({shown})"
    if carrying:
        yield f"updates of {', '.join(sorted(carrying))} not checked: they carry over a part of the step before"
    if clipped:
        yield f"the steps of {', '.join(sorted(clipped))} are clipped; those that are not were checked"
    if decays:
        names = ", ".join(sorted(decays))
        yield f"{names} also shrink by a part of themselves (weight decay), which is not in the loss"


def _decay(off: list[Update], rate: float) -> bool:
    """Whether what is left of each change is one and the same part of the parameter itself, as weight decay is."""
    shares = [share for u in off for share in _shares(u.before, u.change - rate * u.gradient)]
    return len(shares) > 1 and max(shares) - min(shares) <= 1e-6 * abs(shares[0]) and -1 < shares[0] < 0


def _shares(before: Event, change: Any) -> list[float]:
    """A change as parts of what a parameter was, for its larger elements."""
    old = floats(before.version)
    clear = abs(old) > 1e-3 * abs(old).max(initial=0.0)
    return [float(share) for share in (change[clear] / old[clear]).flat]


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
