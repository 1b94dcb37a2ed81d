"""Which variable is which derivative, and what autograd says of it: pairs out of a recording.

`d_h1_d_w1` is ∂h1/∂w1, `dW` is ∂loss/∂W. Names are used over and over (steps of a loop, `d = …; d += …`, parameters
that are updated), so a pair is made of versions: of B the newest that A can reach, and of a chain of assignments to
one derivative the last, before the loop comes round.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from microgradnet.causes import same_but_for_ones
from microgradnet.comparison.naming import LOSSES, parse_derivative
from microgradnet.diagnosis.bytecode import is_literal
from microgradnet.diagnosis.pairs import A_CONSTANT, Loss, Names, Pair, Pairing, Unpaired
from microgradnet.diagnosis.recording import Event, Recording
from microgradnet.diagnosis.stepping import merged, parameter_changes, updated
from microgradnet.diagnosis.tape import Sweep, Tape
from microgradnet.diagnosis.versions import floats, holds_values, numbers_of, shape_of
from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["pair_up"]

MOST_SWEEPS = 64
"""Elements of A of which each would need a reverse pass of its own."""


class _Link(NamedTuple):
    """An assignment to a derivative, and the versions of B and of A that it may belong to."""

    event: Event
    options: list[tuple[Event, tuple[int, ...]]]


def pair_up(recording: Recording, loss: Loss, names: Names, parameters: set[str]) -> Pairing:
    """All pairs of a recording.

    `loss`: a function of the code's own variable names, the name of a variable, or None (found by its name).
    `names`: (A, B) for names that do not say so. `parameters`: bases of what was lifted.
    """
    return _Matcher(recording, loss, names, parameters).pairing()


class _Matcher:
    """Finds the versions that belong together; what was computed once (elements, sweeps, losses) is kept."""

    def __init__(self, recording: Recording, loss: Loss, names: Names, parameters: set[str]) -> None:
        self.recording, self.loss, self.names, self.parameters = recording, loss, names, parameters
        self.tape: Tape = recording.tape
        self.by_base: dict[str, list[Event]] = {}
        for event in recording.events:
            self.by_base.setdefault(event.base, []).append(event)
        self.known = set(self.by_base)
        self.roots = {loss} if isinstance(loss, str) else set()
        if loss is None:
            self.roots = self._final_loss()
        self.meaning = {base: self._parsed(base) for base in self.by_base}
        self.elements: dict[int, Any] = {}
        self.sweeps: dict[tuple[int, ...], Sweep] = {}
        self.losses: dict[tuple[int, ...], tuple[int, ...] | None] = {}
        changed = parameter_changes(recording.events, parameters, self._meaning_of)
        anew = [e.time for base in self._loss_bases() for e in self.by_base.get(base, [])]
        derived = {meaning[1] for meaning in self.meaning.values() if meaning is not None}
        by_hand = [event for event in recording.events if self._meaning_of(event) is not None]
        self.stops, self.updates = updated(
            self.tape, merged(changed, anew, self.numbers_of), by_hand, derived, self.numbers_of
        )

    def _final_loss(self) -> set[str]:
        """The variable named like a loss; of several the one into which the others go, as loss + penalty = total."""
        named = [name for name in LOSSES if name in self.known]
        named += sorted(name for name in self.known - set(named) if "loss" in name.lower() or "cost" in name.lower())
        last: dict[str, int] = {}
        for name in named:
            scalars = [event.version for event in self.by_base[name] if event.version.__class__ is Value]
            number = self.tape.numbers.get(scalars[0]) if scalars else None
            if number is not None and self._is_no_derivative(name):
                last[name] = number
        meanings = [parse_derivative(base, self.known - {base}, last) for base in self.known]
        said = [meaning[0] for meaning in meanings if meaning is not None and meaning[0] in last]
        if said:  # d_L_d_w speaks of L, whatever else is named loss
            return set(said) if len(set(said)) == 1 else set()
        final = [
            name for name, number in last.items()
            if number not in self.tape.ancestors([other for other in last.values() if other > number], ())
        ]  # fmt: skip
        return set(final[:1]) if len(final) == 1 or (final[:1] and final[0] in LOSSES) else set()

    def _is_no_derivative(self, name: str) -> bool:
        """Whether a name like dloss is no derivative by the loss."""
        return parse_derivative(name, self.known - {name}, ()) is None

    def _loss_bases(self) -> list[str]:
        return list(inspect.signature(self.loss).parameters) if callable(self.loss) else sorted(self.roots)

    def _parsed(self, base: str) -> tuple[str | None, str] | None:
        if base in self.names:
            return self._given(self.names[base])
        meaning = parse_derivative(base, self.known - {base}, (self.roots or set(LOSSES)) | {"loss", "L"})
        if meaning is None:
            return None
        of, by = meaning
        is_root = of in self.roots or (of in LOSSES and (callable(self.loss) or of not in self.known))
        return (None if is_root else of), by

    def _given(self, pair: tuple[str, str]) -> tuple[str | None, str]:
        of, by = pair
        return (None if of in self.roots or of in LOSSES else of), by

    def _meaning_of(self, event: Event) -> tuple[str | None, str] | None:
        """Which derivative an assignment is; a name that is used for several says so with the line."""
        here = self.names.get((event.base, event.line))
        return self._given(here) if here is not None else self.meaning[event.base]

    # --- numbers on the tape --------------------------------------------------------------------------------------

    def numbers_of(self, event: Event) -> Any:
        """The tape's numbers of what the event holds; -1 for plain numbers."""
        if event.time not in self.elements:
            self.elements[event.time] = numbers_of(self.tape, event.version)
        return self.elements[event.time]

    def sweep(self, seeds: tuple[int, ...]) -> Sweep:
        if seeds not in self.sweeps:
            self.sweeps[seeds] = self.tape.sweep(dict.fromkeys(seeds, 1.0), self.stops)
        return self.sweeps[seeds]

    # --- versions ---------------------------------------------------------------------------------------------------

    def newest(self, base: str, time: float, frame: int) -> Event | None:
        """The version of a name that code in this call sees at this time."""
        known = self.by_base.get(base, [])
        before = [event for event in known if event.time <= time]
        own = [event for event in before if event.scope.number == frame]
        return (own or before or [None])[-1]  # type: ignore[list-item]

    def candidates(self, base: str, time: int, event: Event) -> list[Event]:
        """Versions of B, the likeliest first: in the same call or object, the newest first; then elsewhere."""
        known = [e for e in self.by_base.get(base, []) if e.time <= time]
        owner = self.recording.owners.get(event.frame.number)
        own = [e for e in known if e.scope.number == event.scope.number]
        own += [e for e in known if e.scope.number == owner and e not in own]
        objects = [e for e in known if e not in own and e.scope.kind != "frame"]
        caller = [e for e in known if e.scope.kind == "frame" and e.scope.number == event.frame.number and e not in own]
        others = [e for e in known if e not in own and e not in objects and e not in caller]
        near = [*own[::-1][:6], *caller[::-1][:6], *objects[::-1][:6]]
        return near or others[::-1][:6]

    def loss_at(self, time: int, frame: int) -> tuple[int, ...] | None:
        """Seeds of the loss as the user's function computes it from the variables of this moment."""
        assert callable(self.loss)
        wanted = list(inspect.signature(self.loss).parameters)
        found: dict[str, Any] = {}
        for base in wanted:
            event = self.newest(base, time, frame) or next(iter(self.by_base.get(base, [])), None)
            if event is None:
                known = ", ".join(sorted(name for name in self.known if name.isidentifier()))
                raise InputError(f"loss wants {base!r}, a name that the code never uses; its names are {known}")
            found[base] = event
        key = tuple(event.time for event in found.values())
        if key not in self.losses:
            result = self.loss(**{base: event.version for base, event in found.items()})
            if getattr(result, "shape", ()) != ():
                raise InputError(
                    f"loss gives an array of shape {result.shape}; it has to be one number: take its sum or mean"
                )
            result = result.item() if hasattr(result, "shape") else result
            if result.__class__ is Value:
                self.losses[key] = (self.tape.add(result, ()),)
                self.tape.complete()
            else:
                self.losses[key] = None
        return self.losses[key]

    def a_versions(self, of: str | None, event: Event, by: Event) -> list[tuple[int, ...]]:
        """Seeds of versions of A: the newest when the derivative was computed, the last before B changes, the next."""
        after = [e.time for e in self.by_base[by.base] if e.time > by.time and e.scope == by.scope]
        until = min((time for time in after if time > event.time), default=len(self.recording.events)) - 1
        if of is None and callable(self.loss):
            found = self.loss_at(event.time, event.frame.number)
            return [found] if found else []
        bases = [of] if of is not None else sorted(self.roots)
        events: list[Event] = []
        for base in bases:
            known = [e for e in self.by_base.get(base, []) if (self.numbers_of(e) >= 0).any()]
            here = [e for e in known if e.scope.number == event.scope.number] or known
            for versions in (here, known) if here is not known else (known,):
                for time in (event.time, until):
                    events += [e for e in versions if e.time <= time][-1:]
                events += [e for e in versions if event.time < e.time <= until][:1]
        seeds = [tuple(int(n) for n in self.numbers_of(e).flat if n >= 0) for e in events]
        return list(dict.fromkeys(s for s in seeds if s))

    # --- pairs ----------------------------------------------------------------------------------------------------

    def pairing(self) -> Pairing:
        unpaired: dict[tuple[str, int], Unpaired] = {}
        chains: dict[tuple[int, str], list[_Link]] = {}
        for event in self.recording.events:
            meaning = self._meaning_of(event)
            reason = ""
            if meaning is None:
                if _looks_derived(event.base) and holds_values(event.version):
                    reason = f"which derivative it is, is unclear; say so by names={{{event.base!r}: ('loss', …)}}"
            elif meaning[0] is None and _is_plain(event.version) and is_literal(event.code, event.line):
                reason = A_CONSTANT
            else:
                options = self._options(event, *meaning)
                if isinstance(options, str):
                    reason = options
                else:
                    chains.setdefault((event.scope.number, event.base), []).append(_Link(event, options))
            if reason:
                unpaired.setdefault((event.name, event.line), Unpaired(event, reason))
        pairs = [self._pair(chain) for links in chains.values() for chain in self._split(self._without_zeros(links))]
        paired = {pair.event.name for pair in pairs}
        left = [u for u in unpaired.values() if u.event.name not in paired]
        ordered = sorted(pairs, key=lambda pair: pair.event.time)
        return Pairing(ordered, left, self.stops, self.updates, self.sweep, self.loss_of, self._derived_between)

    def _derived_between(self, before: Event, after: Event) -> bool:
        """Whether a derivative was computed between two events: then a new step has begun, though without a loss."""
        return any(self._meaning_of(event) is not None for event in self.recording.events[before.time + 1 : after.time])

    def loss_of(self, after: Event, before: Event) -> tuple[int, ...] | None:
        """Seeds of the loss that reaches the old version of a parameter; None where there is none."""
        places = [int(n) for n in self.numbers_of(before).flat if n >= 0]
        versions = self.a_versions(None, after, before)
        return next((s for s in versions if any(self.sweep(s).adjoint(n) is not None for n in places)), None)

    def _reaching(self, of: str | None, event: Event, by: Event) -> list[tuple[int, ...]]:
        """Seeds of the versions of A that depend on this version of B."""
        places = [int(n) for n in self.numbers_of(by).flat if n >= 0]
        return [
            seeds for seeds in self.a_versions(of, event, by)
            if any(self.sweep(seeds).adjoint(n) is not None for n in places) and not self._is_stale(seeds, event, by)
        ]  # fmt: skip

    def _is_stale(self, seeds: tuple[int, ...], event: Event, by: Event) -> bool:
        """Whether A is of a step before: of no parameter that is updated it has the version of this moment."""
        newest: dict[tuple[int, str], Event] = {}
        of_a = set()
        for before, after in self.updates:
            key = (after.scope.number, after.base)
            newest[key] = after if after.time < event.time else newest.get(key, before)
            for version in (before, after):
                if any(self.sweep(seeds).adjoint(int(n)) is not None for n in self.numbers_of(version).flat if n >= 0):
                    of_a.add((key, version.time))
        keys = {key for key, _ in of_a}
        return bool(keys) and not any((key, newest[key].time) in of_a for key in keys)

    def _options(self, event: Event, of: str | None, by: str) -> list[tuple[Event, tuple[int, ...]]] | str:
        """Versions of B and of A that the derivative may belong to, the likeliest first; or why there are none.

        Where a loop over layers gives one name to the result of each, several versions of B are reached, and whose
        derivative it is shows only in its shape and numbers.
        """
        reason = f"{by} has no version before this line"
        options: list[tuple[Event, tuple[int, ...]]] = []
        for candidate in self.candidates(by, event.time, event):
            fitting = [by for by, _ in options if same_but_for_ones(shape_of(event), shape_of(by))]
            if fitting and candidate.scope != fitting[0].scope:
                break
            if not (self.numbers_of(candidate) >= 0).any():
                reason = f"{by} holds whole numbers or constants; to derive by it, give lift=({by!r},)"
                continue
            options += [(candidate, seeds) for seeds in self._reaching(of, event, candidate)]
            reason = f"{of or 'the loss'} does not depend on {by}"
        mine = [int(n) for n in self.numbers_of(event).flat if n >= 0]
        if options and any(self.sweep(options[0][1]).adjoint(n) is not None for n in mine):
            return f"{of or 'the loss'} is computed from it"
        fitting = [by for by, _ in options if same_but_for_ones(shape_of(event), shape_of(by))]
        if options and not fitting and of is None and self._before_any_use(event, *options[0]):
            return f"{options[0][0].name} has not been used yet where it is computed"
        if options:
            return sorted(options, key=lambda option: not same_but_for_ones(shape_of(event), shape_of(option[0])))
        return "no loss was found; give loss=" if of is None and not callable(self.loss) and not self.roots else reason

    def _before_any_use(self, event: Event, by: Event, seeds: tuple[int, ...]) -> bool:
        """Whether nothing between B and A existed when a name was assigned, as of dx = x[1:] - x[:-1]."""
        b, sweep = {int(n) for n in self.numbers_of(by).flat if n >= 0}, self.sweep(seeds)
        return not any(
            sweep.adjoint(number) is not None and not b.isdisjoint(self.tape.operands[number])
            for number in range(min(b), min(event.tape, len(sweep.adjoints)))
        )

    def _without_zeros(self, links: list[_Link]) -> list[_Link]:
        """Without arrays or numbers of zeros that only begin a sum, or make ready for the next one."""
        kept = [link for link in links if self._says_of(link.event) or self._is_computed(link.event)]
        fitting = [link for link in links if same_but_for_ones(shape_of(link.event), shape_of(link.options[0][0]))]
        return kept or fitting

    def _is_computed(self, event: Event) -> bool:
        """Whether it holds anything but plain zeros."""
        return bool(floats(event.version).any()) or any(
            n >= 0 and self.tape.operands[n] for n in self.numbers_of(event).flat
        )

    def _says_of(self, event: Event) -> bool:
        meaning = self._meaning_of(event)
        return meaning is not None and meaning[0] is not None

    def _split(self, links: list[_Link]) -> list[list[_Link]]:
        """Chains of assignments to one derivative; a new one begins where B is another, or the loop came round."""
        chains: list[list[_Link]] = []
        for link in links:
            if chains:
                before = chains[-1][-1]
                (by, seeds), (by_before, seeds_before) = link.options[0], before.options[0]
                if by.time == by_before.time and (seeds == seeds_before or self._continues(before.event, link.event)):
                    chains[-1].append(link)
                    continue
            chains.append([link])
        return chains

    def _continues(self, before: Event, event: Event) -> bool:
        if before.identity and before.identity == event.identity:
            return True
        old = {int(n) for n in self.numbers_of(before).flat if n >= 0}
        new = [int(n) for n in self.numbers_of(event).flat if n >= 0]
        return bool(old) and bool(old.intersection(self.tape.ancestors(new, old)))

    def _pair(self, chain: list[_Link]) -> Pair:
        event, events = chain[-1].event, tuple(link.event for link in chain)
        options = [(by, seeds) for by, seeds in chain[-1].options if same_but_for_ones(shape_of(event), shape_of(by))]
        made = [self._held(event, by, seeds, events) for by, seeds in (options or chain[-1].options)[:8]]
        return min(made, key=_misses)

    def _held(self, event: Event, by: Event, seeds: tuple[int, ...], chain: tuple[Event, ...]) -> Pair:
        import numpy

        numbers, b = self.numbers_of(event), self.numbers_of(by)
        by_hand = floats(event.version)
        sweep, seed_all, wanted = self.sweep(seeds), True, None
        if same_but_for_ones(by_hand.shape, b.shape):
            by_hand, numbers = by_hand.reshape(b.shape), numbers.reshape(b.shape)
            autograd, tolerance = self._read(sweep, b)
        elif b.shape == () and by_hand.size == len(seeds) <= MOST_SWEEPS:
            autograd, tolerance = (
                numpy.array(column).reshape(by_hand.shape)
                for column in zip(*[self._read(self.sweep((s,)), b) for s in seeds], strict=True)
            )
            seed_all = False
        else:
            wanted = b.shape
            autograd = tolerance = numpy.full(by_hand.shape, numpy.nan)
        own = numpy.array([4 * self.tape.error(int(n)) if n >= 0 else 0.0 for n in numbers.flat]).reshape(numbers.shape)
        meaning = self._meaning_of(event)
        return Pair(
            event=event,
            chain=chain,
            of=self._of(chain),
            by=by,
            by_hand=by_hand,
            nodes=numbers,
            autograd=autograd,
            tolerance=tolerance + own,
            of_nodes=seeds,
            sweep=sweep,
            is_of_loss=meaning is not None and meaning[0] is None,
            seed_all=seed_all,
            wanted_shape=wanted,
        )

    def _of(self, chain: tuple[Event, ...]) -> str:
        meaning = self._meaning_of(chain[-1])
        assert meaning is not None
        return meaning[0] or (next(iter(sorted(self.roots)), "loss"))

    def _read(self, sweep: Sweep, b: Any) -> tuple[Any, Any]:
        import numpy

        adjoints = [(sweep.adjoint(int(n)) or 0.0) if n >= 0 else numpy.nan for n in b.flat]
        sizes = [sweep.tolerance(int(n)) if 0 <= n < len(sweep.sizes) else 0.0 for n in b.flat]
        return numpy.array(adjoints, dtype=float).reshape(b.shape), numpy.array(sizes, dtype=float).reshape(b.shape)


def _is_plain(version: Any) -> bool:
    return version.__class__ in (int, float, bool)


def _looks_derived(base: str) -> bool:
    return base.startswith(("d_", "grad", "delta")) or base.endswith("_grad") or (
        len(base) > 1 and base[0] == "d" and base[1:2].isupper()
    )  # fmt: skip


def _misses(pair: Pair) -> int:
    import numpy

    if pair.wanted_shape is not None:
        return 10**9
    with numpy.errstate(all="ignore"):
        return int((~(abs(pair.by_hand - pair.autograd) <= pair.tolerance)).sum())
