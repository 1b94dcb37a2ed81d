"""Findings and the report, made of the runs: what is wrong by itself, and what excuses a difference."""

from __future__ import annotations

import linecache
import re
import types
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from microgradnet.causes import Cause
from microgradnet.diagnosis.bytecode import stored_later
from microgradnet.diagnosis.explaining import Where, explain_exception, explain_pair, explain_update, same_pairs
from microgradnet.diagnosis.judging import Judged
from microgradnet.diagnosis.pairs import Pair, Unpaired
from microgradnet.diagnosis.recording import Event, TooLarge
from microgradnet.diagnosis.report import Finding, Report
from microgradnet.diagnosis.running import Homework, Run, run, updates_of
from microgradnet.diagnosis.summaries import checked, folded, is_nothing, worst
from microgradnet.diagnosis.updates import Second, Update
from microgradnet.diagnosis.versions import is_object_array, numbers_of
from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["Reporter"]

SCALES = (1.0, 0.4, 0.1, 0.4)
"""Parameters are also made smaller, as large ones saturate and leave little to see."""

DATA = ("x", "xs", "y", "ys", "inputs", "input", "data", "emb", "images", "features")
"""Names of what is not trained, though one may derive by it."""

PARAMETERS = (
    r"(w|b|c|g|k|u|v|theta|beta|gamma|scale|shift|emb|bn\w*|weights?|bias(es)?|embeddings?|kernel|filter)[\d_]*$"
)
"""Names of what is trained, for a derivative that is computed and used for nothing."""

ENOUGH_NODES = 200_000
"""Of a long run fewer others are made, at least one: its arrays have elements enough to tell."""

_Timed = tuple[int, Finding]  # when it happened, and what


class Reporter:
    """Makes the report of a run; other runs are made when there is something to explain."""

    def __init__(self, task: Homework, first: Run, is_theirs: bool, iterations: int, points: int, seed: int) -> None:
        self.task, self.first, self.error, self.is_theirs = task, first, first.recording.error, is_theirs
        linecache.checkcache(task.file)
        self.tape, self.updates = first.recording.tape, updates_of(first)
        self.iterations, self.points, self.seed = iterations, points, seed
        self._runs: list[Run] = []

    def runs(self) -> list[Run]:
        """The run, and those with moved parameters."""
        if not self._runs:
            self._runs = [self.first]
            moving = {judged.pair.by.base for judged in self.first.judged} | {u.before.base for u in self.updates}
            moving &= self.first.parameters
            others = min(self.points, max(1, ENOUGH_NODES // len(self.tape))) if len(self.tape) else 0
            for number in range(others if moving else 0):
                moved = _mover(moving, self.seed + number, SCALES[number % len(SCALES)])
                try:
                    self._runs.append(run(self.task, moved, self.iterations))
                except (TooLarge, InputError, ArithmeticError):
                    continue
        return self._runs

    def report(self) -> Report:
        """The report."""
        groups: dict[tuple[types.CodeType, int, str], list[Judged]] = {}
        for judged in self.first.judged:
            event = judged.pair.event
            groups.setdefault((event.code, event.line, event.base), []).append(judged)
        findings: list[_Timed] = []
        unpaired = [(u.event.name, u.event.line, self._reason(u)) for u in self.first.pairing.unpaired]
        for group in groups.values():
            looked_at = [*group, *self._elsewhere(group[0])] if all(map(is_nothing, group)) else group
            wrong = [j for j in looked_at if j.verdict in ("wrong", "shape") and self._complete(j)]
            behind = self._cut_before(wrong[0]) if wrong and any(wrong[0] is j for j in group) else None
            if behind is not None:
                event = wrong[0].pair.event
                unpaired.append((event.name, event.line, f"the graph is cut in line {behind}"))
            elif wrong:
                findings.append((wrong[0].pair.event.time, self._derivative(wrong)))
        findings += self._updates()
        if self.error is not None and self.is_theirs and not any(finding.kind == "shape" for _, finding in findings):
            findings.append((len(self.first.recording.events), self._exception(self.error)))
        elif self.error is not None and not self.is_theirs and not findings:
            raise InputError(f"{self.task.file}, {self._works_on_floats_only()}")
        undecided = [g[0].pair.event.name for g in groups.values() if all(j.verdict == "undecided" for j in g)]
        return Report(
            self.task.function.__qualname__,
            self.task.file,
            folded([finding for _, finding in sorted(findings, key=lambda pair: pair[0])]),
            [checked(group) for group in groups.values()],
            unpaired,
            sorted(set(undecided)),
            sorted({cut.line for cut in self.first.recording.cuts if not cut.printing}),
            self._about_updates(),
            self._notes(),
            sum(int(judged.decided.sum()) for judged in self.first.judged),
        )

    def _finding(
        self,
        kind: str,
        where: Where,
        name: str,
        cause: Cause,
        *,
        meaning: str = "",
        element: str = "",
        by_hand: float | None = None,
        autograd: float | None = None,
    ) -> Finding:
        line, column, end = where
        source = linecache.getline(self.task.file, line)
        column, end = _letters(source, column), _letters(source, end)
        return Finding(
            kind, self.task.file, line, column, end, name, meaning, element, by_hand, autograd, cause, source
        )

    # --- derivatives ------------------------------------------------------------------------------------------------

    def _derivative(self, wrong: list[Judged]) -> Finding:
        judged = max(wrong, key=lambda j: int(j.wrong.sum()))
        pair = judged.pair
        found = explain_pair(wrong[0], self.runs())
        by_hand, autograd, element = worst(judged)
        return self._finding(
            "shape" if pair.wanted_shape is not None else "derivative",
            found.where or (pair.event.line, None, None),
            pair.event.name,
            found.cause,
            meaning=f"∂{pair.of}/∂{pair.by.name}",
            element=element,
            by_hand=by_hand,
            autograd=autograd,
        )

    def _elsewhere(self, judged: Judged) -> list[Judged]:
        """The same line in runs with moved parameters: where all numbers are 0, zero against zero tells nothing."""
        return [other for run, other in same_pairs(judged, self.runs()) if run is not self.first]

    def _complete(self, judged: Judged) -> bool:
        """Whether a derivative had got all its terms when the code raised."""
        line = self.first.recording.error_line
        if self.error is None or line is None or judged.pair.wanted_shape is not None:
            return True
        return not stored_later(judged.pair.event.code, judged.pair.event.base, line)

    def _cut_before(self, judged: Judged) -> int | None:
        """The line where the graph between A and B was cut by making a Value a float, if it was: a Value that B
        reaches was made a float, and does not itself reach A."""
        pair, by = judged.pair, set(self._numbers(judged.pair.by))
        for cut in self.first.recording.cuts:
            number = self.tape.numbers.get(cut.node)
            if number is None or cut.printing or number > max(pair.of_nodes) or pair.sweep.adjoint(number) is not None:
                continue
            if by & set(self.tape.ancestors([number], by)):
                return cut.line
        return None

    def _reason(self, unpaired: Unpaired) -> str:
        """Why a name has no partner; a cut in a line before is the likeliest reason for A not to depend on B."""
        before = [cut.line for cut in self.first.recording.cuts if not cut.printing and cut.tape <= unpaired.event.tape]
        if before and "does not depend" in unpaired.reason:
            return f"{unpaired.reason}: the graph is cut in line {before[0]}, where a Value is made a float"
        return unpaired.reason

    def _exception(self, error: BaseException) -> Finding:
        line = self.first.recording.error_line or 0
        return self._finding("exception", (line, None, None), "", explain_exception(error, line, self.runs()))

    # --- updates ------------------------------------------------------------------------------------------------------

    def _updates(self) -> list[_Timed]:
        found: dict[tuple[types.CodeType, int, str], tuple[Update, float]] = {}
        for update, rate in self.first.updates.wrong:
            found.setdefault((update.after.code, update.after.line, update.after.base), (update, rate))
        findings = [(update.after.time, self._wrong_update(update, rate)) for update, rate in found.values()]
        return findings + self._second_updates() + self._missing_updates() + self._upwards()

    def _wrong_update(self, update: Update, rate: float) -> Finding:
        found, after = explain_update(update, rate, self.runs()), update.after
        change, right = update.change, rate * update.gradient
        farthest = int(abs(change - right).argmax())
        return self._finding(
            "update",
            found.where or (after.line, None, None),
            after.name,
            found.cause,
            meaning="change",
            by_hand=float(change.flat[farthest]),
            autograd=float(right.flat[farthest]),
        )

    def _second_updates(self) -> list[_Timed]:
        """Parameters that are changed twice in a step, perhaps by what another one should have got."""
        if not self.first.updates.steps or len(self.first.updates.steps[0].updates) < 2:
            return []
        findings: dict[tuple[types.CodeType, int], _Timed] = {}
        for second in self.first.seconds:
            if second.is_decay():
                continue
            after, meant = second.after, self._whose(second)
            said = f", by the gradient of {meant}, which is never updated" if meant else ""
            names = (after.name, "twice", meant) if meant else (after.name, "twice")
            cause = Cause("update", names, f"{after.name} is changed a second time in this step{said}", 0, 0, ())
            finding = self._finding("update", (after.line, None, None), after.name, cause)
            findings.setdefault((after.code, after.line), (after.time, finding))
        return list(findings.values())

    def _whose(self, second: Second) -> str | None:
        """The parameter without an update whose gradient the change follows, or the only one without an update."""
        rate = next((step.rate for step in self.first.updates.steps if step.rate is not None), None)
        left = self._not_updated()
        for name, pair in left.items():
            if rate is None:
                break
            gradient = [pair.sweep.adjoint(n) or 0.0 for n in self._numbers(pair.by)]
            changes = [float(c) for c in second.change.flat]
            if len(gradient) == len(changes) and all(
                abs(c - rate * g) <= 1e-6 * max(abs(c), 1e-12) for c, g in zip(changes, gradient, strict=True)
            ):
                return name
        return next(iter(left)) if len(left) == 1 else None

    def _missing_updates(self) -> list[_Timed]:
        twice = {name for _, finding in self._second_updates() for name in finding.cause.names[2:]}
        findings = []
        left = self._not_updated()
        for name, pair in left.items() if len(left) == 1 else ():
            if name not in twice:
                sentence = f"the derivative by {name} is computed here, but {name} is never updated; others are"
                cause = Cause("update", (name, "missing"), sentence, 0, 0, ())
                findings.append((pair.event.time, self._finding("update", (pair.event.line, None, None), name, cause)))
        return findings

    def _not_updated(self) -> dict[str, Pair]:
        """Parameters that keep their numbers while others are updated, each with a comparison of its derivative.

        A parameter is an attribute of the object whose other attributes are updated, or is named like one that is, or
        its derivative is computed and then not used for anything: unlike dX, which is handed on.
        """
        changed = self.first.pairing.updates
        if self.error is not None or len({after.name for _, after in changed}) < 2:
            return {}
        updated = {(after.scope.number, after.base) for _, after in changed}
        objects = {after.scope.number for _, after in changed}
        replaced = {number for before, _ in changed for number in self._numbers(before)}
        stems = {_stem(base) for _, base in updated}
        assigned = Counter((event.scope.number, event.name) for event in self.first.recording.events)
        found: dict[str, Pair] = {}
        for judged in self.first.judged:
            pair, by = judged.pair, judged.pair.by
            if by.base not in self.first.parameters or (by.scope.number, by.base) in updated:
                continue
            if assigned[by.scope.number, by.name] > 1 or by.base in self.task.lift or by.base.lower() in DATA:
                continue  # a result that an object keeps, or data
            if replaced.intersection(self._numbers(by)):
                continue  # the same numbers under another name
            in_same_object = by.scope.kind != "frame" and by.scope.number in objects
            stands_alone = by.scope.kind == "frame" and not any(n == self._owner(by) for n in objects)
            stands_alone = stands_alone and re.match(PARAMETERS, by.base.lower()) is not None
            if in_same_object or _stem(by.base) in stems or (stands_alone and not self._is_used(pair)):
                found.setdefault(by.name, pair)
        return found

    def _owner(self, event: Event) -> int | None:
        return self.first.recording.owners.get(event.frame.number)

    def _is_used(self, pair: Pair) -> bool:
        """Whether anything was computed from a derivative, or it was handed back."""
        own = {int(n) for n in pair.nodes.flat if n >= 0}
        later = self.tape.operands[pair.event.tape :]
        if not own or any(o in own for operands in later for o in operands if o.__class__ is int):
            return True
        return any(self.tape.numbers.get(value) in own for value in _values_in(self.first.recording.result))

    def _upwards(self) -> list[_Timed]:
        """All updates go up the gradient; perhaps the learning rate is negative."""
        rates = [step.rate for step in self.first.updates.steps if step.rate is not None]
        if not rates or min(rates) <= 0:
            return []
        update = max(self.first.updates.steps[0].updates, key=lambda u: float(abs(u.change).max(initial=0.0)))
        rate = rates[0]
        before = self.first.recording.events[: update.after.time]
        blamed = next((e for e in before if _is_minus(e.version, rate)), update.after)
        sentence = f"the updates go up the gradient: every parameter changes by +{rate:.4g} times its gradient"
        cause = Cause("update", (update.after.name, "sign"), sentence, 0, 0, ())
        change = float(update.change.flat[abs(update.change).argmax()])
        finding = self._finding(
            "update", (blamed.line, None, None), update.after.name, cause,
            meaning="change", by_hand=change, autograd=-change,
        )  # fmt: skip
        return [(blamed.time, finding)]

    def _about_updates(self) -> str:
        updates = self.first.updates
        rates = sorted({float(f"{step.rate:.6g}") for step in updates.steps if step.rate is not None})
        if updates.note or not rates or updates.wrong or rates[-1] > 0:
            return updates.note
        shown = " or ".join(f"{-rate:g}" for rate in rates[:3])
        return f"every update goes down the gradient, with the learning rate {shown}"

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _works_on_floats_only(self) -> str:
        line, error = self.first.recording.error_line, self.error
        return f"line {line}: this line works on floats, but not on Values: {type(error).__name__}: {error}"

    def _notes(self) -> list[str]:
        if self.error is not None and not self.is_theirs:
            return [f"Only what comes before was checked: {self._works_on_floats_only()}."]
        left = self._not_updated()
        if len(left) > 1:  # one is a slip, several are frozen on purpose
            return [f"{', '.join(left)} are not updated, though their derivatives are computed."]
        if len(self._runs) == 1 and self.points:
            return ["The code makes its own parameters, so it could not be run at other points; a cause is a guess."]
        return []

    def _numbers(self, event: Event) -> list[int]:
        return [int(n) for n in numbers_of(self.tape, event.version).flat if n >= 0]


def _letters(source: str, column: int | None) -> int | None:
    """Python counts columns in bytes; people in letters.

    >>> _letters("x = 'шаг' + y", 15)
    12
    """
    return None if column is None else len(source.encode()[:column].decode(errors="replace"))


def _mover(bases: set[str], seed: int, scale: float) -> Callable[[str, Any], Any]:
    """Numbers moved at random, the same for the same name whatever the order of the names."""
    import numpy

    def moved(base: str, x: Any) -> Any:
        if base not in bases:
            return x
        draws = numpy.random.default_rng([seed, zlib.crc32(base.encode())])
        size = max(float(numpy.mean(abs(numpy.asarray(x, dtype=float)))), 0.1)
        return scale * (x + 0.5 * size * draws.standard_normal(numpy.shape(x)))

    return moved


def _values_in(thing: Any) -> Iterator[Value]:
    """The Values in what a function returned."""
    if thing.__class__ is Value:
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from _values_in(part)
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from _values_in(part)
    elif is_object_array(thing):
        yield from (x for x in thing.flat if x.__class__ is Value)


def _is_minus(version: Any, rate: float) -> bool:
    number = version.data if version.__class__ is Value else version
    return number.__class__ is float and number < 0 and abs(number + rate) <= 1e-9 * rate


def _stem(base: str) -> str:
    """A name without its number: w for w6.

    >>> _stem("w6"), _stem("W_out")
    ('w', 'W_out')
    """
    return base.rstrip("0123456789").rstrip("_")
