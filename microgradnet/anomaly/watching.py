"""`detect_anomaly`: a `with` block that stops at the line where a number that is not finite is born."""

from __future__ import annotations

import sys
from contextvars import ContextVar, Token
from math import isfinite
from pathlib import Path
from threading import local
from types import FrameType, TracebackType
from typing import Any

from microgradnet.anomaly.finding import backward, forward
from microgradnet.errors import AnomalyError, InputError
from microgradnet.graph import Graph
from microgradnet.transforms import grad
from microgradnet.value import Value, node

__all__ = ["detect_anomaly"]

_on: ContextVar[bool] = ContextVar("detect_anomaly", default=False)  # of this task
_thread = local()  # .hooked: the times that the hook of this thread was taken, one within another

_NODE, _BACKWARD, _REVERSE = node.__code__, Value.backward.__code__, Graph.reverse.__code__
_METHODS, _TRANSFORMS = Value.exp.__code__.co_filename, grad.__code__.co_filename
_PACKAGE = str(Path(__file__).parent.parent)


def detect_anomaly() -> _Detection:
    """A `with` block in which an AnomalyError is raised where a nan or an infinity is born.

    At the very line where an operation makes a Value that is not finite of operands that are (also where nothing comes
    of it, as in the branch that `where` does not take), or that calls `backward()` or `grad(f)(…)`, when a gradient
    becomes nan or inf; then `.grad` has been filled.

    It uses Python's profile hook, so it costs nothing outside the block, and in it much time. Other threads and
    other asyncio tasks are not watched. Blocks can be nested. If the error is caught inside the block, the rest of the
    block is not watched. InputError where cProfile holds the hook.

    >>> z = Value(-1000.0, "z")
    >>> with detect_anomaly():
    ...     f = 1 / (1 + (-z).exp())
    Traceback (most recent call last):
    microgradnet.errors.AnomalyError: exp1 = exp(neg1) is inf, where neg1 = 1000: exp overflows above 709.78; ...
    """
    return _Detection()


class _Hooked:
    """One time that Python's profile hook was taken: what was `before`, and how many `blocks` are open since."""

    __slots__ = ("before", "blocks")

    def __init__(self, before: Any) -> None:
        self.before, self.blocks = before, 0


class _Detection:
    """What `detect_anomaly` gives to `with`."""

    __slots__ = ("_hooked", "_token")
    _hooked: _Hooked
    _token: Token[bool]

    def __enter__(self) -> None:
        before = sys.getprofile()
        if before is not None and not callable(before):
            raise InputError("detect_anomaly needs Python's profile hook, which cProfile holds; run it without")
        if before is not _watch:
            _thread.__dict__.setdefault("hooked", []).append(_Hooked(before))
        self._hooked = _thread.hooked[-1]
        self._hooked.blocks += 1
        self._token = _on.set(True)
        sys.setprofile(_watch)

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._hooked.blocks -= 1
        if self._hooked.blocks:
            sys.setprofile(_watch)  # an error that was raised in it has taken it away
        else:
            sys.setprofile(self._hooked.before)
            _thread.hooked.remove(self._hooked)
        _on.reset(self._token)
        if isinstance(error, AnomalyError):
            error.__traceback__ = _of_the_user(traceback)


def _watch(frame: FrameType, event: str, result: Any) -> None:
    """Called by Python at every call and return of this thread."""
    before = _thread.hooked[-1].before
    if before is not None:
        before(frame, event, result)
    if event != "return" or not _on.get():
        return
    code = frame.f_code
    anomaly = None
    if result.__class__ is Value:
        if not isfinite(result.data) and (code is _NODE or code.co_filename == _METHODS) and _is_born(result):
            anomaly = forward(Graph(result))
    elif code is _BACKWARD:
        there = frame.f_locals  # `seed`: what `backward` was given, as a float; none yet where it is refused
        anomaly = backward(Graph(there["self"]), there["seed"]) if "seed" in there else None
    elif code is _REVERSE and _asked_by_transforms(frame) and any(map(_is_bad_float, result or ())):
        anomaly = backward(frame.f_locals["self"], 1.0)
    if anomaly is not None:
        raise AnomalyError(": ".join(filter(None, (anomaly.sentence, anomaly.advice))), anomaly)


def _is_born(value: Value) -> bool:
    return all(o.__class__ is float or isfinite(o.data) for o in value.operands)


def _is_bad_float(x: Any) -> bool:
    return x.__class__ is float and not isfinite(x)


def _asked_by_transforms(frame: FrameType) -> bool:
    return frame.f_back is not None and frame.f_back.f_code.co_filename == _TRANSFORMS


def _of_the_user(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without what lies in this package."""
    kept = []
    step = traceback
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not (file.startswith((_PACKAGE, "<microgradnet"))):
            kept.append(step)
        step = step.tb_next
    shortened = None
    for step in reversed(kept):
        shortened = TracebackType(shortened, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return shortened
