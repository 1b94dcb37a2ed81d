"""Running somebody's function on Values, and noting what every line does: which names it gave which numbers.

Python's own hooks are used, so the source is neither edited nor evaluated: `sys.settrace` calls back before each line
of the user's file, where the variables are compared with those before; `sys.setprofile` calls back when a function
returns, and every Value passes there when it is made. Both are put back as they were found.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from microgradnet.diagnosis.bytecode import is_printing, mentioned
from microgradnet.diagnosis.isolation import undisturbed
from microgradnet.diagnosis.lifting import has_fields
from microgradnet.diagnosis.tape import Tape
from microgradnet.diagnosis.things import Scope, copied, items_of, kind_of, mark_of, named, put, root_of, variables_of
from microgradnet.value import Value, apply, cut

__all__ = ["Cut", "Event", "Recording", "TooLarge", "Watch", "raises_on_floats", "record"]

MOST_NODES = 2_000_000
"""So many operations are recorded at most."""

ENOUGH_NODES = 100_000
"""A run that has done one step, and recorded so many operations, does not begin another."""

MOST_LINES = 1_000_000
"""So many lines of a run on plain floats are waited for."""

_SKIPPED = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")
_NOTHING = object()


class TooLarge(Exception):
    """The run is too large for scalar Values."""


class _Enough(BaseException):
    """Ends a run from inside; not an Exception, so that the user's `except Exception` lets it pass."""


class Event(NamedTuple):
    """A name was given a number, or an array was changed: `version` is a copy of what it holds now."""

    time: int
    scope: Scope
    frame: Scope  # the call in which it happened
    name: str  # as the code writes it: "dW", "self.dW", "grads['W']"
    base: str  # what counts for pairing: "dW", "dW", "W"
    code: types.CodeType
    line: int
    version: Any
    identity: int  # of the array, so that changes in place are told from new arrays
    tape: int  # how many nodes there were when the line had ended


class Cut(NamedTuple):
    """Somewhere a Value was made a plain float."""

    line: int
    node: Value
    printing: bool
    tape: int


class Recording(NamedTuple):
    """All that happened in a run."""

    tape: Tape
    events: list[Event]
    cuts: list[Cut]
    owners: dict[int, int]  # a method's call: the object's scope, by their numbers
    result: Any
    error: BaseException | None
    error_line: int | None


class Watch(NamedTuple):
    """What is looked at in a run, and what is done there."""

    file: str  # whose lines
    modules: Collection[str]  # whose classes' attributes
    lifted: Collection[str]  # bases of the parameters: a new number after a derivative has been had is a step
    meaning: Callable[[str], tuple[str | None, str] | None]  # (A, B) where a base looks like ∂A/∂B, (None, B), or None
    lift_local: Callable[[str, Any], Any]  # what to put in the place of a plain float or array that a name was given
    steps: int  # so many are enough


def record(watch: Watch, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
    """Run the function and note its lines. Raises TooLarge."""
    return _Recorder(watch).run(function, args, kwargs)


def raises_on_floats(call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]], file: str) -> bool:
    """Whether (function, args, kwargs) raises on plain floats too; an endless one is left after a while."""
    function, args, kwargs = call
    left = MOST_LINES

    def counted(frame: types.FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Enough
        return counted if frame.f_code.co_filename == file else None

    trace = sys.gettrace()
    with undisturbed(getattr(function, "__globals__", None)):
        try:
            sys.settrace(counted)
            function(*args, **kwargs)
        except _Enough:
            return False
        except Exception:
            return True
        finally:
            sys.settrace(trace)
    return False


class _Frame:
    """What is known of a call that is going on."""

    __slots__ = ("born", "code", "line", "scope", "seen")

    def __init__(self, scope: Scope, code: types.CodeType, line: int, born: int) -> None:
        self.scope, self.code, self.line, self.born = scope, code, line, born
        self.seen: dict[str, Any] = {}


class _Recorder:
    """The state of a run that is being watched, and the hooks that fill it."""

    def __init__(self, watch: Watch) -> None:
        self.file, self.modules, self.lifted, self.meaning, self.lift_local, self.steps = watch
        self.outside: types.FrameType | None = None  # the frame that calls the user's function
        self.caller: types.FrameType | None = None  # of the last Value: NumPy makes many at one place
        self.caller_at = -1
        self.places: tuple[Any, ...] = ()
        self.tape = Tape()
        self.events: list[Event] = []
        self.cuts: list[Cut] = []
        self.frames: dict[types.FrameType, _Frame] = {}
        self.holders: dict[int, tuple[Any, Scope, dict[str, Any]]] = {}  # objects, dicts and lists by id
        self.owners: dict[int, int] = {}
        self.blank: set[int] = set()  # those that began as zeros, to be filled, perhaps through views of them
        self.arrays: dict[int, Any] = {}  # arrays seen, kept alive so that an id stays theirs
        self.scopes = 0
        self.derived = False  # a derivative has been given a number
        self.made: dict[tuple[int, str], int] = {}  # how often each parameter was updated

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
        result, error, line = None, None, None
        self.outside = sys._getframe()
        with undisturbed():
            trace, profile, token = sys.gettrace(), sys.getprofile(), cut.set(self._cut)
            try:
                sys.setprofile(self._profile)
                sys.settrace(self._called)
                try:
                    result = function(*args, **kwargs)
                finally:
                    sys.settrace(trace)
                    sys.setprofile(profile)
            except _Enough:
                pass
            except TooLarge:
                raise
            except Exception as caught:
                error, line = caught, self._line_of(caught)
            finally:
                cut.reset(token)
            self.outside = self.caller = None
        self.tape.complete()
        return Recording(self.tape, self.events, self.cuts, self.owners, result, error, line)

    def _line_of(self, error: BaseException) -> int | None:
        line, traceback = None, error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.file:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return line

    # --- hooks ----------------------------------------------------------------------------------------------------

    def _profile(self, frame: types.FrameType, event: str, arg: Any) -> None:
        if event == "return" and arg.__class__ is Value and arg not in self.tape.numbers:
            caller = frame.f_back
            if caller is not self.caller or caller is None or caller.f_lasti != self.caller_at:
                self.caller, self.caller_at = caller, -1 if caller is None else caller.f_lasti
                self.places = self._places(caller)
            self.tape.add(arg, self.places)

    def _places(self, frame: types.FrameType | None) -> tuple[Any, ...]:
        """Where in the user's file a call was made, from the innermost out."""
        places = []
        while frame is not None and frame is not self.outside:
            if frame.f_code.co_filename == self.file:
                places.append((frame.f_code, frame.f_lasti))
            frame = frame.f_back
        return tuple(places)

    def _called(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename != self.file or code.co_name in _SKIPPED or code.co_name == "<module>":
            return None
        place, line, caller = code, code.co_firstlineno, frame.f_back
        if caller is not None and caller.f_code.co_filename == self.file:
            place, line = caller.f_code, caller.f_lineno  # arguments were computed where the call stands
        self.frames[frame] = _Frame(self._scope("frame", code.co_name), place, line, len(self.tape))
        return self._traced

    def _traced(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        if event in ("line", "return"):
            state = self.frames[frame]
            self._look(frame, state)
            state.code, state.line, state.born = frame.f_code, frame.f_lineno, len(self.tape)
            if event == "return":
                del self.frames[frame]
            if len(self.tape) > MOST_NODES:
                seen = "" if self.derived else ", and no variable named like a derivative in them"
                raise TooLarge(f"more than {MOST_NODES:,} operations{seen}")
        return self._traced

    def _cut(self, value: Value, kind: str) -> float:
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.file:
            frame = frame.f_back
        if frame is not None:
            self.cuts.append(Cut(frame.f_lineno, value, is_printing(frame), len(self.tape)))
        return value.data

    # --- what changed ---------------------------------------------------------------------------------------------

    def _scope(self, kind: str, shown: str) -> Scope:
        self.scopes += 1
        return Scope(self.scopes, kind, shown)

    def _look(self, frame: types.FrameType, state: _Frame) -> None:
        variables = frame.f_locals
        for name, thing in variables_of(frame):
            new = self._changed(state.seen, name, thing, name, name, state.scope, frame, state)
            if new is not thing:
                variables[name] = new
        for holder, scope, seen in list(self.holders.values()):
            items = items_of(holder)
            for key, thing in items:
                shown, base = named(scope, holder, key)
                new = self._changed(seen, key, thing, shown, base, scope, frame, state)
                if new is not thing:
                    put(holder, key, new)

    def _changed(
        self,
        seen: dict[str, Any],
        key: Any,
        thing: Any,
        shown: str,
        base: str,
        scope: Scope,
        frame: types.FrameType,
        state: _Frame,
    ) -> Any:
        """Note it if the name has another number than before; what the name should hold from now on."""
        old = seen.get(key, _NOTHING)
        if old is not _NOTHING and old[0] is thing and old[1] is None:
            return thing
        kind = kind_of(thing, self.modules)
        if kind == "other":
            seen[key] = (thing, None)
            return thing
        if kind == "holder":
            if id(thing) not in self.holders:
                self.holders[id(thing)] = (thing, self._scope("object" if has_fields(thing) else "items", shown), {})
            if scope.kind == "frame" and (key,) == frame.f_code.co_varnames[:1]:
                self.owners[scope.number] = self.holders[id(thing)][1].number
            seen[key] = (thing, None)
            return thing
        if kind == "number":
            new = self._own_number(base, self.lift_local(base, thing), state)
            seen[key] = (new, None)
            self._note(scope, shown, base, state, new, 0)
            return new
        new = thing
        if kind == "array" and id(root_of(thing)) not in self.arrays:
            new = self.lift_local(base, thing)
            if not any(new.flat):
                self.blank.add(id(root_of(new)))
            if new is thing:
                self._separate(thing, state)
            self.arrays[id(root_of(new))] = root_of(new)
        mark = mark_of(new)
        if old is not _NOTHING and old[0] is new and old[1] == mark:
            return new
        in_place = old is not _NOTHING and old[0] is new
        seen[key] = (new, mark)
        if in_place and self._means_another(key, new, frame, state.line):
            return new
        self._note(scope, shown, base, state, copied(new), id(new))
        return new

    def _note(self, scope: Scope, shown: str, base: str, state: _Frame, version: Any, identity: int) -> None:
        self.events.append(
            Event(len(self.events), scope, state.scope, shown, base, state.code, state.line, version, identity,
                  len(self.tape))
        )  # fmt: skip
        if self.meaning(base) is not None:
            self.derived = True
        elif base in self.lifted and self.derived:
            key = (scope.number, base)
            self.made[key] = self.made.get(key, 0) + 1
            enough = self.made[key] > self.steps or (self.made[key] > 1 and len(self.tape) > ENOUGH_NODES)
            if enough:
                raise _Enough

    def _own_number(self, base: str, thing: Any, state: _Frame) -> Any:
        """A derivative that is another variable's very number gets a node of its own, so that it can be put right
        alone; so does a plain number that is said to be ∂A/∂B."""
        meaning = self.meaning(base)
        if meaning is None:
            return thing
        if thing.__class__ is Value and self.tape.numbers.get(thing, -1) < state.born:
            own = apply("sum", thing)
        elif meaning[0] is not None and thing.__class__ in (int, float):
            own = Value(thing)
        else:
            return thing
        self.tape.add(own, ((state.code, -state.line),))
        return own

    def _separate(self, array: Any, state: _Frame) -> None:
        """Selections (max, fancy indices, copies) hold the very Values of what they select from; give the new array
        nodes of its own, so that the derivative with respect to it is not that with respect to its source."""
        if array.dtype != object or not array.flags.writeable:
            return
        numbers, born, here = self.tape.numbers, state.born, ((state.code, -state.line),)
        flat = array.reshape(-1) if array.flags.c_contiguous else None
        for place, element in enumerate(array.flat):
            if element.__class__ is Value and numbers.get(element, -1) < born:
                own = apply("sum", element)
                self.tape.add(own, here)
                if flat is not None:
                    flat[place] = own
                else:
                    array.flat[place] = own

    def _means_another(self, key: Any, array: Any, frame: types.FrameType, line: int) -> bool:
        """Whether a line that changes an array in place says so by another of its names."""
        names_there = mentioned(frame.f_code, line)
        if id(root_of(array)) in self.blank:
            return False
        memory = root_of(array)
        names = [name for name, thing in variables_of(frame) if root_of(thing) is memory]
        names += [
            k for _, _, seen in self.holders.values() for k, (thing, _) in seen.items() if root_of(thing) is memory
        ]
        return key not in names_there and any(name in names_there for name in names)
