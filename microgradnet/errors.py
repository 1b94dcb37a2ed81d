"""Refusals: the errors of our own. Wrong kinds of things raise Python's own TypeError."""

from __future__ import annotations

from operator import index

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AnomalyError", "InputError", "RecordingError", "StaleGraphError", "at_least", "whole"]


class AnomalyError(ArithmeticError):
    """Inside `detect_anomaly()`, where a nan or an infinity is born; `anomaly` is what `find_nan` says of it.

    >>> from microgradnet import Value, detect_anomaly
    >>> try:
    ...     with detect_anomaly():
    ...         1 / Value(0.0, "n")
    ... except AnomalyError as error:
    ...     print(error.anomaly.name, error.anomaly.operands)
    div1 (('1', 1.0), ('n', 0.0))
    """

    def __init__(self, text: str, anomaly: Any = None) -> None:
        super().__init__(text)
        self.anomaly = anomaly


class InputError(ValueError):
    """What a user gave cannot be used; the text says what came, where, and what to do.

    The command line prints the text and ends with exit code 2.

    >>> raise InputError("weights.json: line 3 is cut off; save the model again")
    Traceback (most recent call last):
    microgradnet.errors.InputError: weights.json: line 3 is cut off; save the model again
    """


class RecordingError(InputError, TypeError):
    """A loss cannot be compiled as it is written; the text says where, what it did, and what to write instead.

    A TypeError, too, as a plain number was wanted where there is a Value. `file` and `line`: the user's own, or None.

    >>> issubclass(RecordingError, TypeError), RecordingError("…", "loss.py", 3).line
    (True, 3)
    """

    def __init__(self, text: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(text)
        self.file, self.line = file, line


class StaleGraphError(RuntimeError):
    """A leaf's data changed after the graph was built, so the numbers in it no longer belong together.

    >>> issubclass(StaleGraphError, RuntimeError)
    True
    """


def whole(what: str, given: Any) -> int:
    """A whole number; TypeError that names `what` for anything else.

    >>> whole("epochs", 2.5)
    Traceback (most recent call last):
    TypeError: epochs must be a whole number, got float 2.5
    """
    try:
        return index(given)
    except TypeError:
        raise TypeError(f"{what} must be a whole number, got {type(given).__name__} {given!r:.60}") from None


def at_least(least: int, what: str, given: Any) -> int:
    """A whole number that is large enough; InputError that names `what` for a smaller one.

    >>> at_least(1, "epochs", 0)
    Traceback (most recent call last):
    microgradnet.errors.InputError: epochs must be at least 1, got 0
    """
    number = whole(what, given)
    if number < least:
        raise InputError(f"{what} must be at least {least}, got {number}")
    return number
