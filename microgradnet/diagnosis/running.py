"""One run of the homework at one point: its names, its recording, its pairs and their verdicts."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from microgradnet.comparison.naming import LOSSES, parse_derivative
from microgradnet.diagnosis.bytecode import names_filled
from microgradnet.diagnosis.isolation import undisturbed
from microgradnet.diagnosis.judging import Judged, judge
from microgradnet.diagnosis.lifting import Lifter, has_fields, own_copy
from microgradnet.diagnosis.pairing import pair_up
from microgradnet.diagnosis.pairs import Loss, Names, Pairing
from microgradnet.diagnosis.recording import Recording, Watch, record
from microgradnet.diagnosis.updates import Second, Update, Updates, check_updates

__all__ = ["Homework", "Run", "homework", "run"]


class Homework(NamedTuple):
    """What is to be checked, and what its source's names say before it runs."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    loss: Loss
    names: Names
    lift: Collection[str]
    file: str
    modules: frozenset[str]
    known: frozenset[str]  # every name in the file
    wanted: frozenset[str]  # names by which something is derived
    filled: frozenset[str]  # names of arrays that are filled bit by bit

    def meaning(self, base: str) -> tuple[str | None, str] | None:
        """(A, B) where the name looks like ∂A/∂B, (None, B) for the loss's derivative, None for other names."""
        given = self.names.get(base) or next(
            (by for key, by in self.names.items() if isinstance(key, tuple) and key[0] == base), None
        )
        if given is not None:
            return given
        known = self.known
        if "[" in base:  # an item of a list: dWs[0] belongs to Ws[0]
            stem, _, index = base.partition("[")
            inner = self.meaning(stem)
            return inner and (inner[0], f"{inner[1]}[{index}")
        roots = {*LOSSES, *([self.loss] if isinstance(self.loss, str) else [])}
        return parse_derivative(base, known - {base}, roots)


class Run(NamedTuple):
    """A run and what came of it."""

    recording: Recording
    pairing: Pairing
    judged: list[Judged]
    updates: Updates
    seconds: list[Second]
    parameters: set[str]  # bases of what was lifted
    meaning: Callable[[str], tuple[str | None, str] | None]


def homework(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Loss,
    names: Names,
    lift: Collection[str],
) -> Homework:
    """Read the names that the function's file uses, from its code objects."""
    plain = function.__func__ if isinstance(function, types.MethodType) else function
    code = plain.__code__
    codes = list(_codes_of(plain.__globals__, code.co_filename)) or [code]
    known = {name for c in [code, *codes] for name in _names_in(c)}
    filled = frozenset(name for c in [code, *codes] for name in names_filled(c))
    modules = frozenset({plain.__module__, *_modules_of(function)})
    task = Homework(
        function, args, kwargs, loss, names, lift, code.co_filename, modules, frozenset(known), frozenset(), filled
    )
    meanings = [task.meaning(name) for name in known] + list(names.values())
    return task._replace(wanted=frozenset(meaning[1] for meaning in meanings if meaning is not None))


def run(task: Homework, moved: Callable[[str, Any], Any], steps: int) -> Run:
    """Run the homework on Values; `moved(base, numbers)` gives the numbers to start from. Raises recording.TooLarge."""
    plain = task.function.__func__ if isinstance(task.function, types.MethodType) else task.function
    with undisturbed(plain.__globals__):
        return _run(task, moved, steps)


def _run(task: Homework, moved: Callable[[str, Any], Any], steps: int) -> Run:
    meanings: dict[str, tuple[str | None, str] | None] = {}

    def meaning(base: str) -> tuple[str | None, str] | None:
        if base not in meanings:
            meanings[base] = task.meaning(base)
        return meanings[base]

    names = {name for name in task.known if meaning(name) is not None}
    lifter = Lifter(moved, task.wanted, names, task.lift, task.filled)
    function, args, kwargs = own_copy(task.function, task.args, task.kwargs)
    parameters = _parameter_names(function, args)
    args = tuple(_lifted(lifter, name, thing, task.modules) for name, thing in zip(parameters, args, strict=True))
    kwargs = {name: _lifted(lifter, name, thing, task.modules) for name, thing in kwargs.items()}
    if isinstance(function, types.MethodType):
        lifter.lift_fields(function.__self__, task.modules | {type(function.__self__).__module__})
    watch = Watch(task.file, task.modules, lifter.bases, meaning, lifter.local, steps)
    recording = record(watch, function, args, kwargs)
    pairing = pair_up(recording, task.loss, task.names, lifter.bases)
    judged, updates, seconds = judge(recording, pairing, lifter.bases)
    return Run(recording, pairing, judged, check_updates(updates), seconds, lifter.bases, meaning)


def updates_of(one: Run) -> list[Update]:
    """All updates of a run."""
    return [update for step in one.updates.steps for update in step.updates]


def _lifted(lifter: Lifter, name: str, thing: Any, modules: Collection[str]) -> Any:
    if type(thing).__module__ in modules and has_fields(thing):
        lifter.lift_fields(thing, modules)
        return thing
    return lifter.lifted(name, thing)


def _parameter_names(function: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    code = getattr(function, "__func__", function).__code__
    names = list(code.co_varnames[: code.co_argcount])
    if isinstance(function, types.MethodType):
        names = names[1:]
    return [*names, *(f"args[{i}]" for i in range(len(args)))][: len(args)]


def _modules_of(function: Callable[..., Any]) -> set[str]:
    if not isinstance(function, types.MethodType):
        return set()
    owner = function.__self__
    return {cls.__module__ for cls in (owner if isinstance(owner, type) else type(owner)).__mro__} - {"builtins"}


def _codes_of(namespace: Mapping[str, Any], file: str) -> Iterator[types.CodeType]:
    """The code of every function and method of a file, those inside functions too."""
    stack: list[Any] = list(namespace.values())
    seen: set[int] = set()
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, types.CodeType):
            yield thing
            stack += [c for c in thing.co_consts if isinstance(c, types.CodeType)]
        elif isinstance(thing, staticmethod | classmethod):
            stack.append(thing.__func__)
        elif isinstance(thing, types.FunctionType) and thing.__code__.co_filename == file:
            stack.append(thing.__code__)
        elif isinstance(thing, type) and thing.__module__ == namespace.get("__name__"):
            stack += list(vars(thing).values())


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from (*code.co_varnames, *code.co_names, *code.co_cellvars, *code.co_freevars)
    yield from (c for c in code.co_consts if isinstance(c, str) and c.isidentifier())
