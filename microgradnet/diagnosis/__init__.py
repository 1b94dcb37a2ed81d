"""`check_derivation`: homework as it stands. Runs somebody's hand-written backprop on Values and finds the wrong line.

The rooms behind it, in the order of the work: `lifting` (Values in the place of floats), `recording` (what every line
does), `tape` (derivatives between any two numbers of the run), `pairing` (which variable is which derivative),
`judging` (which are wrong by themselves), `running` (all that, at one point), `evidence` (what is known of a wrong one
at several points, for `causes`), `report`.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from microgradnet.causes import Cause
from microgradnet.diagnosis.evidence import explain_exception, explain_pair, explain_update
from microgradnet.diagnosis.judging import Judged, Second, Update
from microgradnet.diagnosis.lifting import own_copy
from microgradnet.diagnosis.pairing import Loss, Pair, Unpaired
from microgradnet.diagnosis.recording import Event, TooLarge, undisturbed
from microgradnet.diagnosis.report import Checked, Finding, Report
from microgradnet.diagnosis.running import Homework, Run, homework, run, updates_of
from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["Checked", "Finding", "Report", "check_derivation"]


def check_derivation(
    function: Callable[..., Any],
    *args: Any,
    loss: Loss = None,
    names: Mapping[str, tuple[str, str]] | None = None,
    lift: Collection[str] = (),
    iterations: int = 4,
    points: int = 4,
    seed: int = 0,
    **kwargs: Any,
) -> Report:
    """Check the derivatives that a function computes by hand, line by line, against autograd.

    The function runs on Values: float arguments, float arrays, and the float attributes of a copy of the object that
    a method belongs to become Values; whole numbers stay as they are. Every variable named like a derivative
    (`d_L_d_w`, `dL_dw`, `dw`, `d_w`, `grad_w`, `w_grad`) is held against what autograd says of the variables that it
    names, and every update of a parameter against the gradient. The source is not edited; what the function prints
    is swallowed; your objects and the random states stay as they were.

    Args:
        function: does forward and backward by hand; a function or a bound method written in Python.
        *args, **kwargs: what it is called with.
        loss: where the code never computes the loss: a function of the code's own variable names that returns it, such
            as `lambda y_true, y_pred: (y_true - y_pred) ** 2`; or the name of the variable that holds it. By default
            a variable named loss, L, cost, J … is taken.
        names: for derivatives whose names do not say what they are: `{"delta": ("loss", "z")}`.
        lift: names of whole numbers, or arrays of them, by which the code derives.
        iterations: how many updates of the parameters are looked at.
        points: how many more runs, with the parameters moved, a diagnosis takes its evidence from.
        seed: of these moves.

    Raises:
        TypeError: `function` is not a Python function or method.
        InputError: the arguments cannot be copied; the code cannot run on Values; it is too large (use a smaller
            batch).

    >>> def homework(w, x, y):
    ...     p = w * x
    ...     loss = (p - y) ** 2
    ...     dp = (p - y)
    ...     dw = dp * x
    >>> report = check_derivation(homework, 3.0, 2.0, 1.0)
    >>> report.ok, report.first.name, report.first.cause.kind
    (False, 'dp', 'number')
    """
    if not isinstance(function, types.FunctionType | types.MethodType):
        raise TypeError(
            f"check_derivation wants a function or a bound method written in Python, got {type(function).__name__}"
        )
    if isinstance(function, types.MethodType) and not isinstance(function.__func__, types.FunctionType):
        raise TypeError("check_derivation wants a method written in Python")
    if loss is not None and not callable(loss) and not isinstance(loss, str):
        raise TypeError(f"loss is a function of the code's variables, or the name of one, got {type(loss).__name__}")
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise InputError(f"{function.__qualname__} cannot be called so: {error}") from None
    if iterations < 1 or points < 0:
        raise InputError(f"iterations must be at least 1 and points at least 0, got {iterations} and {points}")
    task = homework(function, args, kwargs, loss, dict(names or {}), tuple(lift))
    first = _run(task, lambda base, x: x, iterations)
    error = first.recording.error
    if error is not None and not _is_theirs(task):
        if not [judged for judged in first.judged if judged.verdict in ("wrong", "shape")]:
            raise InputError(
                f"{task.file}, line {first.recording.error_line}: this line works on floats, but not on Values: "
                f"{type(error).__name__}: {error}"
            )
        error = None
    return _Reporter(task, first, error, iterations, points, seed).report()


def _run(task: Homework, moved: Callable[[str, Any], Any], iterations: int) -> Run:
    try:
        return run(task, moved, iterations)
    except TooLarge as error:
        raise InputError(
            f"{task.function.__qualname__} is too large to be checked number by number ({error}): give it a smaller "
            "batch, or fewer hidden neurons; a fault shows there just as well"
        ) from None


def _is_theirs(task: Homework) -> bool:
    """Whether the code raises on plain floats too."""
    function, args, kwargs = own_copy(task.function, task.args, task.kwargs)
    with undisturbed():
        try:
            function(*args, **kwargs)
        except Exception:
            return True
    return False


class _Reporter:
    """Makes the report of a run; other runs are made when there is something to explain."""

    def __init__(
        self, task: Homework, first: Run, error: BaseException | None, iterations: int, points: int, seed: int
    ) -> None:
        self.task, self.first, self.error = task, first, error
        self.iterations, self.points, self.seed = iterations, points, seed
        self._runs: list[Run] | None = None

    def runs(self) -> list[Run]:
        """The run, and those with moved parameters."""
        if self._runs is None:
            self._runs = [self.first]
            moving = {judged.pair.by.base for judged in self.first.judged}
            moving |= {update.before.base for update in updates_of(self.first)}
            moving &= self.first.parameters
            for number in range(self.points if moving else 0):
                try:
                    other = run(self.task, _mover(moving, self.seed + number, SCALES[number % len(SCALES)]), self.iterations)
                except (TooLarge, InputError, ArithmeticError):
                    continue
                self._runs.append(other)
        return self._runs

    def report(self) -> Report:
        first, recording = self.first, self.first.recording
        findings: list[tuple[int, Finding]] = []
        groups: dict[tuple[types.CodeType, int, str], list[Judged]] = {}
        for judged in first.judged:
            event = judged.pair.event
            groups.setdefault((event.code, event.line, event.base), []).append(judged)
        cut_names = []
        for group in groups.values():
            wrong = [j for j in group if j.verdict in ("wrong", "shape") and self._complete(j)]
            if not wrong:
                continue
            behind = self._cut_before(wrong[0])
            if behind is not None:
                cut_names.append((wrong[0].pair.event.name, wrong[0].pair.event.line, f"the graph is cut in line {behind}"))
                continue
            findings.append((wrong[0].pair.event.time, self._derivative(wrong)))
        findings += self._updates()
        if self.error is not None and not any(finding.kind == "shape" for _, finding in findings):
            findings.append((len(recording.events), self._exception(self.error)))
        ordered = _folded([finding for _, finding in sorted(findings, key=lambda pair: pair[0])])
        checked = [_checked(group) for group in groups.values()]
        undecided = sorted({j.pair.event.name for g in groups.values() for j in g if all(k.verdict == "undecided" for k in g)})
        compared = sum(int(j.decided.sum()) for j in first.judged)
        unpaired = [(u.event.name, u.event.line, self._reason(u)) for u in first.pairing.unpaired] + cut_names
        cuts = sorted({c.line for c in recording.cuts if not c.printing})
        return Report(
            self.task.function.__qualname__, self.task.file, ordered, checked, unpaired, undecided, cuts,
            self._about_updates(), self._notes(), compared,
        )  # fmt: skip

    # --- findings -------------------------------------------------------------------------------------------------

    def _derivative(self, wrong: list[Judged]) -> Finding:
        judged = max(wrong, key=lambda j: int(j.wrong.sum()))
        pair = judged.pair
        found = explain_pair(wrong[0], self.runs())
        place = found.place or (pair.event.line, None, None)
        by_hand, autograd, element = _worst(judged)
        return self._finding(
            "shape" if pair.wanted_shape is not None else "derivative", place, pair.event.name, f"∂{pair.of}/∂{pair.by.name}",
            element, by_hand, autograd, found.cause,
        )  # fmt: skip

    def _updates(self) -> list[tuple[int, Finding]]:
        found: dict[tuple[types.CodeType, int, str], tuple[Update, float]] = {}
        for update, rate in self.first.updates.wrong:
            found.setdefault((update.after.code, update.after.line, update.after.base), (update, rate))
        findings = []
        for update, rate in found.values():
            explained = explain_update(update, rate, self.runs())
            place = explained.place or (update.after.line, None, None)
            findings.append((update.after.time, self._finding(
                "update", place, update.after.name, "its change", "", float(update.change.flat[0]),
                float((rate * update.gradient).flat[0]), explained.cause,
            )))  # fmt: skip
        return findings + self._second_updates() + self._missing_updates() + self._upwards()

    def _second_updates(self) -> list[tuple[int, Finding]]:
        """Parameters that are changed twice in a step, perhaps by what another one should have got."""
        findings: dict[tuple[types.CodeType, int, str], tuple[int, Finding]] = {}
        for second in self.first.seconds:
            name, base = second.after.name, second.after.base
            line = second.after.line
            others = [update for step in self.first.updates.steps[:1] for update in step.updates]
            meant = self._whose(second)
            said = f", by the gradient of {meant}, which is never updated" if meant else ""
            cause = Cause("update", (name, "twice", *([meant] if meant else [])),
                          f"{name} is changed a second time in this step{said}", 1, 1, ())  # fmt: skip
            if len(others) > 1:
                found = self._finding("update", (line, None, None), name, "its change", "", None, None, cause)
                findings.setdefault((second.after.code, line, base), (second.after.time, found))
        return list(findings.values())

    def _whose(self, second: Second) -> str | None:
        """The parameter without an update whose gradient the change follows."""
        rates = [step.rate for step in self.first.updates.steps if step.rate is not None]
        for name, pair in self._not_updated().items():
            numbers = _numbers(self.first.recording.tape, pair.by)
            gradient = [pair.sweep.adjoint(n) or 0.0 for n in numbers]
            if rates and len(gradient) == second.change.size and all(
                abs(c - rates[0] * g) <= 1e-6 * max(abs(c), 1e-12) for c, g in zip(second.change.flat, gradient, strict=True)
            ):
                return name
        return next(iter(self._not_updated()), None) if len(self._not_updated()) == 1 else None

    def _not_updated(self) -> dict[str, Pair]:
        """Parameters that keep their numbers while others are updated, each with a comparison of its derivative.

        A parameter is an attribute of the object whose other attributes are updated, or is named like one that is, or
        its derivative is computed and then not used for anything: unlike dX, which is handed on.
        """
        updates = updates_of(self.first)
        if self.error is not None or len({u.after.name for u in updates}) < 2:
            return {}
        tape = self.first.recording.tape
        updated = {(u.after.scope.number, u.after.base) for u in updates}
        replaced = {number for u in updates for number in _numbers(tape, u.before)}
        stems = {_stem(base) for _, base in updated}
        found: dict[str, Pair] = {}
        for judged in self.first.judged:
            pair, by = judged.pair, judged.pair.by
            if by.base not in self.first.parameters or (by.scope.number, by.base) in updated:
                continue
            if replaced.intersection(_numbers(tape, by)):
                continue  # the same numbers under another name
            in_same_object = by.scope.kind != "frame" and any(number == by.scope.number for number, _ in updated)
            if in_same_object or _stem(by.base) in stems or not self._is_used(pair):
                found.setdefault(by.name, pair)
        return found

    def _is_used(self, pair: Pair) -> bool:
        """Whether anything was computed from a derivative, or it was handed back."""
        tape, recording = self.first.recording.tape, self.first.recording
        own = {int(n) for n in pair.nodes.flat if n >= 0}
        if not own or any(o in own for operands in tape.operands[pair.event.tape :] for o in operands if o.__class__ is int):
            return True
        return any(tape.numbers.get(value) in own for value in _values_in(recording.result))

    def _missing_updates(self) -> list[tuple[int, Finding]]:
        twice = {finding.cause.names[2] for _, finding in self._second_updates() if len(finding.cause.names) > 2}
        missing = [name for name in self._not_updated() if name not in twice]
        if not missing:
            return []
        pairs = self._not_updated()
        return [
            (pairs[name].event.time, self._finding("update", (pairs[name].event.line, None, None), name, "its change", "",
             None, None, Cause("update", (name, "missing"), f"the derivative by {name} is computed here, but {name} is "
             "never updated, while other parameters are", 1, 1, ())))
            for name in missing
        ]  # fmt: skip

    def _upwards(self) -> list[tuple[int, Finding]]:
        rates = [step.rate for step in self.first.updates.steps if step.rate is not None]
        if not rates or min(rates) <= 0:
            return []
        update = self.first.updates.steps[0].updates[0]
        rate = rates[0]
        blamed = update.after
        for event in self.first.recording.events:
            if event.version.__class__ in (float, Value):
                number = event.version.data if event.version.__class__ is Value else event.version
                if number < 0 and abs(abs(number) - abs(rate)) <= 1e-9 * abs(rate) and event.time < update.after.time:
                    blamed = event
                    break
        cause = Cause("update", (update.after.name, "sign"), "the updates go up the gradient: every parameter changes by "
                      f"+{rate:.4g} times its gradient, so the loss grows", 1, 1, ())  # fmt: skip
        return [(blamed.time, self._finding("update", (blamed.line, None, None), blamed.name, "its change", "",
                                            float(update.change.flat[0]), float(-update.change.flat[0]), cause))]  # fmt: skip

    def _exception(self, error: BaseException) -> Finding:
        line = self.first.recording.error_line or 0
        cause = explain_exception(error, line, self.runs())
        return self._finding("exception", (line, None, None), "", "", "", None, None, cause)

    def _finding(
        self, kind: str, place: tuple[int, int | None, int | None], name: str, meaning: str, element: str,
        by_hand: float | None, autograd: float | None, cause: Cause,
    ) -> Finding:  # fmt: skip
        line, column, end = place
        source = linecache.getline(self.task.file, line)
        return Finding(kind, self.task.file, line, column, end, name, meaning, element, by_hand, autograd, cause, source)

    # --- what excuses a difference --------------------------------------------------------------------------------

    def _complete(self, judged: Judged) -> bool:
        """Whether a derivative had got all its terms when the code raised."""
        line = self.first.recording.error_line
        if self.error is None or line is None:
            return True
        event = judged.pair.event
        return judged.pair.wanted_shape is not None or not _stored_later(event, line)

    def _cut_before(self, judged: Judged) -> int | None:
        """The line where the graph between A and B was cut by making a Value a float, if it was: a Value that B
        reaches was made a float, and does not itself reach A."""
        recording, pair = self.first.recording, judged.pair
        tape, by = recording.tape, set(_numbers(recording.tape, judged.pair.by))
        for cut in recording.cuts:
            number = tape.numbers.get(cut.node)
            if number is None or cut.printing or number > max(pair.of_nodes) or pair.sweep.adjoint(number) is not None:
                continue
            if by & set(tape.ancestors([number], by)):
                return cut.line
        return None

    def _reason(self, unpaired: Unpaired) -> str:
        """Why a name has no partner; a cut in a line before is the likeliest reason for A not to depend on B."""
        before = [cut.line for cut in self.first.recording.cuts if not cut.printing and cut.tape <= unpaired.event.tape]
        if before and "does not depend" in unpaired.reason:
            return f"{unpaired.reason}: the graph is cut in line {before[0]}, where a Value is made a float"
        return unpaired.reason

    # --- the rest ---------------------------------------------------------------------------------------------------

    def _about_updates(self) -> str:
        updates = self.first.updates
        rates = {round(step.rate, 12) for step in updates.steps if step.rate is not None}
        if updates.note:
            return updates.note
        if not rates or updates.wrong:
            return ""
        shown = ", ".join(f"{-rate:.6g}" for rate in sorted(rates)[:3])
        return f"every update is -{shown} times the gradient" if min(rates) < 0 else ""

    def _notes(self) -> list[str]:
        if self._runs is not None and len(self._runs) == 1 and self.points:
            return ["The code draws or makes its own parameters, so it could not be run at other points: a cause is a guess."]
        return []


SCALES = (1.0, 0.4, 0.1, 0.4)
"""Parameters are also made smaller, as large ones saturate and leave little to see."""


def _mover(bases: set[str], seed: int, scale: float) -> Callable[[str, Any], Any]:
    """Numbers moved at random, the same for the same name whatever the order of the names."""
    import zlib

    import numpy

    def moved(base: str, x: Any) -> Any:
        if base not in bases:
            return x
        draws = numpy.random.default_rng([seed, zlib.crc32(base.encode())])
        size = max(float(numpy.mean(abs(numpy.asarray(x, dtype=float)))), 0.1)
        return scale * (x + 0.5 * size * draws.standard_normal(numpy.shape(x)))

    return moved


def _folded(findings: list[Finding]) -> list[Finding]:
    """One finding for each fault: what the same place, in a helper function, spoils in several lines is one fault."""
    first: dict[Any, Finding] = {}
    for finding in findings:
        key = (finding.line, finding.column, finding.cause.kind, finding.cause.names)
        first.setdefault(key if finding.column is not None else len(first), finding)
    return list(first.values())


def _checked(group: list[Judged]) -> Checked:
    pair = group[0].pair
    verdicts = [judged.verdict for judged in group]
    numbers = sum(int(j.decided.sum()) for j in group)
    if "shape" in verdicts:
        pair = group[verdicts.index("shape")].pair
        verdict = f"wrong shape {pair.by_hand.shape}, wanted {pair.wanted_shape}"
    elif "wrong" in verdicts:
        verdict = "wrong"
    elif "spoiled" in verdicts:
        verdict = "right, but for what it is computed from"
    elif "equal" in verdicts:
        exact = all((j.by_hand == j.pair.autograd)[j.decided].all() for j in group)
        verdict = "equal to the last bit" if exact else "equal to rounding"
    else:
        verdict = "not decidable here"
    return Checked(pair.event.name, f"∂{pair.of}/∂{pair.by.name}", pair.event.line, len(group), numbers, verdict)


def _worst(judged: Judged) -> tuple[float | None, float | None, str]:
    """Both numbers of the element that is farthest off, and its index as text."""
    import numpy

    if judged.pair.wanted_shape is not None:
        return None, None, ""
    off = numpy.where(judged.wrong, abs(judged.by_hand - judged.pair.autograd), -1.0)
    off = numpy.where(judged.wrong & ~numpy.isfinite(off), numpy.inf, off)
    place = numpy.unravel_index(int(numpy.argmax(off)), off.shape)
    element = f"[{', '.join(map(str, map(int, place)))}]" if off.shape else ""
    return float(judged.by_hand[place]), float(judged.pair.autograd[place]), element


def _numbers(tape: Any, event: Event) -> list[int]:
    from microgradnet.diagnosis.pairing import numbers_of

    return [int(n) for n in numbers_of(tape, event.version).flat if n >= 0]


def _values_in(thing: Any) -> Iterator[Value]:
    if thing.__class__ is Value:
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from _values_in(part)
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from _values_in(part)
    elif getattr(thing, "dtype", None) == object:
        yield from (x for x in thing.flat if x.__class__ is Value)


def _stored_later(event: Event, line: int) -> bool:
    """Whether code at or after the line still stores into the name."""
    current, stores, mentions = event.code.co_firstlineno, set(), set()
    for instruction in dis.get_instructions(event.code):
        positions = instruction.positions
        current = positions.lineno if positions is not None and positions.lineno else current
        if current < line:
            continue
        if instruction.opname.startswith("STORE_") and instruction.argval == event.base:
            return True
        if instruction.opname == "STORE_SUBSCR":
            stores.add(current)
        if instruction.argval == event.base:
            mentions.add(current)
    return bool(stores & mentions)


def _stem(base: str) -> str:
    return base.rstrip("0123456789").rstrip("_")
