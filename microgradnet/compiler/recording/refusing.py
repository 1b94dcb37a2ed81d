"""What cannot be recorded: where a number leaves the graph while a loss runs, the user's line, and the cure.

A program computes the same operations for all numbers. So a loss may not decide by a number (`if v > 0`), nor take one
out of a Value (`v.data`, `float(v)`, `z[y]`) to go on with it: what it found would be fixed in the program for ever.
`Watch` is asked by `value` in these places (`value.recorder`, `value.cut`) and refuses, if the number depends on
parameters or data of the recording; others may be used freely.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import numpy as np

from microgradnet.errors import RecordingError
from microgradnet.graph import operands_of
from microgradnet.value import Condition, Value, cut, number, recorder

__all__ = ["PAGE", "Origin", "Watch", "converted"]

Origin: TypeAlias = tuple[str, int]
"""Where the number of a leaf comes from: ("p", k) is parameter k, (name, i) the i-th number of a data argument."""

PAGE = "docs/compiling.md"
"""Where the cures are explained."""
READERS = frozenset({"microgradnet.losses", "microgradnet.graph", "microgradnet.extension"})
"""Rooms that read `.data` to check it, or to keep it beside the operation that it belongs to."""
_OWN = (str(Path(__file__).parents[2]) + os.sep, "<microgradnet ")
_LIBRARIES = (*_OWN, str(Path(np.__file__).parent) + os.sep, "<frozen ", "<__array_function__")
_STANDARD, _INSTALLED = sysconfig.get_paths()["stdlib"] + os.sep, ("site-packages", "dist-packages")

CURES = {
    "bool": "write where(condition, a, b) for a choice, and maximum(a, b), minimum, relu or clip for a bound",
    "data": "compute with the Value itself (logsumexp and softmax need no shift by a maximum; print(v) shows it); an "
    "accuracy or a training step is no part of a loss (program.train makes the steps)",
    "item": "compute with the Value itself (print(v) shows it)",
    "float": "compute with the Value itself, by microgradnet's functions (exp(v) for math.exp(v)), and keep arrays of "
    "Values as they are",
    "==": "write where(abs(a - b) < 0.5, …) for whole numbers, or y * a + (1 - y) * b for a label of 0 or 1",
    "index": "write take(values, index), which is an operation",
    "other": "use operators and microgradnet's functions",
}
DEEDS = {
    "bool": "decides (if, and, or, not, while, max, sorted …) by a number that depends on",
    "data": "takes the plain number, .data, of a Value that depends on",
    "item": "takes the plain number, .item(), of a Value that depends on",
    "==": "compares by == what are Values now, numbers of",
    "index": "looks something up by a number that is a Value now, one of",
}


class Watch:
    """Decides what a Value in a recording gives to those who want its number.

    `source`: where each leaf comes from. `aliases`: Values that were made of a Value of the data, and that one, as
    `Value(x)` stands for x. `refusal`: the first one, also if the loss caught it.
    """

    def __init__(self, source: Mapping[Value, Origin]) -> None:
        self.source = source
        self.aliases: dict[Value, Value] = {}
        self.refusal: RecordingError | None = None
        self._free: set[Any] = set()  # nodes that are known not to depend on the recording

    @contextmanager
    def on(self) -> Iterator[None]:
        """While this block runs, in this thread and task."""
        tokens = recorder.set(self), cut.set(self.convert)
        try:
            yield
        finally:
            recorder.reset(tokens[0])
            cut.reset(tokens[1])

    def __call__(self, v: Any, kind: str, other: Any = None) -> Any:
        """What `v` gives; see `value.recorder`."""
        if kind == "Value":
            if not self._of_data(v):
                return None
            self.aliases[other] = v
            return v._data
        if kind == "==":
            if v is other:
                return True
            if not (self._of_data(v) and (number(other) is not NotImplemented or self._of_data(other))):
                return NotImplemented
            raise self.refuse(kind, v, other)
        if kind == "data" and sys._getframe(2).f_globals.get("__name__") in READERS:
            return v._data
        if self.depends(v):
            raise self.refuse(kind, v)
        return v._data if kind == "data" else v._data != 0.0

    def convert(self, v: Value, kind: str) -> float:
        """What float(v), int(v), complex(v) and v.item() give; see `value.cut`."""
        if self.depends(v):
            raise self.refuse(kind, v)
        if kind == "item":
            return v._data
        token = cut.set(None)
        try:
            return v._would_cut(kind)
        finally:
            cut.reset(token)

    def depends(self, v: Any) -> bool:
        """Whether a Value or Condition was computed from parameters or data of the recording."""
        return next(self._origins(v), None) is not None

    def _of_data(self, v: Any) -> bool:
        """Whether it is, or was computed from, data and nothing else: a plain number, were it not for the recording."""
        if v.__class__ is not Value and v.__class__ is not Condition:
            return False
        return all(origin is not None and origin[0] != "p" for origin in self._origins(v, True))

    def _origins(self, root: Any, with_others: bool = False) -> Iterator[Origin | None]:
        """Where the leaves of a computation come from; None for those of no origin, if they are wanted, too."""
        stack, seen = [root], {root}
        while stack:
            node = stack.pop()
            node = self.aliases.get(node, node)
            if node.a is None:
                if (origin := self.source.get(node)) is not None or with_others:
                    yield origin
                continue
            for o in operands_of(node):
                if o.__class__ is not float and o not in seen and (with_others or o not in self._free):
                    seen.add(o)
                    stack.append(o)
        if not with_others:
            self._free |= seen  # nobody stopped at an origin

    def refuse(self, kind: str, *values: Any) -> RecordingError:
        """The error for this, here; the first one is kept."""
        error = refusal(kind, self.names(*values), *_user_frame(sys._getframe(1)))
        self.refusal = self.refusal or error
        return error

    def names(self, *values: Any) -> set[str]:
        """The data arguments that these depend on, and "p" if it is parameters, too."""
        return {origin[0] for v in values if hasattr(v, "a") for origin in self._origins(v, True) if origin}


def refusal(kind: str, names: set[str], file: str | None, line: int | None, told: str = "") -> RecordingError:
    """The error for what a line of the user's did.

    `names`: the data arguments whose numbers it is about, and "p". `told`: what Python said, where it said something.
    """
    source = linecache.getline(file, line).strip() if file and line else ""
    place = f"{file}:{line}: " if file else ""
    subject = f"`{source[:80]}`" if source else "this line"
    deed = DEEDS.get(kind, f"takes the plain number, {kind}(v), of a Value that depends on")
    did = f"raised {told}, as it met Values of" if told else deed
    cure = CURES.get(kind, CURES["float"])
    if "p" not in names:
        which = ", ".join(f'"{name}"' for name in sorted(names)) + "," * (len(names) == 1)
        cure += f", or, for data that never change, static=({which})"
    return RecordingError(
        f"{place}{subject} {did} {_listed(names)}; a compiled program does the same for all numbers, so {cure} "
        f"(see {PAGE})", file, line,
    )  # fmt: skip


def converted(error: Exception, watch: Watch, whole: set[str]) -> Exception:
    """What the loss raised while it was recorded: as a refusal where Python met a Value in place of a number.

    `whole`: the names of data that are whole numbers, which can be an index. What is not refused gets a note.
    """
    step, frames = error.__traceback__, []
    while step is not None:
        frames.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    names = {name for name, _ in watch.source.values()} - {"p"}
    text, own = str(error), bool(frames) and frames[-1][0].startswith(_OWN)  # our own errors say what to do
    kind, told = "", f"{type(error).__name__}: {text}"
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    unknown = [part for part in (key if isinstance(key, tuple) else (key,)) if part.__class__ is Value]
    if unknown:
        kind, told, names = "index", "", watch.names(*unknown)
    elif isinstance(error, (TypeError, IndexError)) and any(part in text for part in INDEX):
        kind, told, names = "index", "", whole or names
    elif isinstance(error, (TypeError, AttributeError)) and re.search(r"\b(Value|Condition)\b", text):
        kind = "other"
    if kind and names and not own:
        users: list[tuple[str | None, int | None]] = [place for place in frames if not _is_library(place[0])]
        file, line = users[-1] if users else (None, None)
        return refusal(kind, names, file, line, told)
    if names:
        error.add_note(
            f"This was raised while the loss was recorded: the numbers of {_listed(names)} are Values there, and what "
            f"is to stay plain is named in static=(…) (see {PAGE})."
        )
    return error


INDEX = (
    "not Value",
    "valid indices",
    "used as indices",
    "'Value' object cannot be interpreted as an integer",
)
"""What Python and NumPy say where a Value is an index."""


def _user_frame(frame: FrameType | None) -> tuple[str | None, int | None]:
    """File and line of the innermost frame that is the user's own."""
    while frame is not None:
        if not _is_library(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None, None


def _is_library(file: str) -> bool:
    if file.startswith(_LIBRARIES):
        return True
    return file.startswith(_STANDARD) and not any(part in file for part in _INSTALLED)


def _listed(names: set[str]) -> str:
    words = ["the parameters"] * ("p" in names) + sorted(names - {"p"})
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
