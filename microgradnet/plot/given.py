"""What a user gave to be plotted, as plain numbers: runs, samples, classes, a network's answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from microgradnet import errors
from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = [
    "answers_of", "axis", "kinds_of", "limits", "middle_of", "named", "number_of", "runs_of", "samples", "whole",
    "with_slope",
]  # fmt: skip

MOST_CLASSES = 12
Run: TypeAlias = "tuple[list[float], list[float], list[float]]"  # epochs, losses, validation losses


def runs_of(losses: Any) -> list[Run]:
    """One run or several, each from a History or from a list of numbers."""
    if hasattr(losses, "epochs") or not _listed(losses) or not any(map(_is_run, losses)):
        return [_run(losses)]
    return [_run(run) for run in losses]


def _listed(thing: Any) -> bool:
    return isinstance(thing, Iterable) and not isinstance(thing, (str, bytes, dict))


def _is_run(thing: Any) -> bool:
    return hasattr(thing, "epochs") or _listed(thing)


def _run(losses: Any) -> Run:
    if hasattr(losses, "epochs"):
        run = list(losses.epochs), list(losses.losses), list(losses.validation_losses)
    elif _listed(losses):
        numbers = [number_of(loss, f"curve: loss {i}") for i, loss in enumerate(losses)]
        run = list(map(float, range(len(numbers)))), numbers, []
    else:
        raise TypeError(f"curve wants a History, or a list of losses, got {type(losses).__name__} {losses!r:.60}")
    if not run[1]:
        raise InputError("curve: there is no loss to draw; train for an epoch at least")
    return run


def number_of(thing: Any, what: str) -> float:
    """The float that a number is, or a Value holds; TypeError, naming `what`, for everything else."""
    if isinstance(thing, Value):
        return thing.data
    if isinstance(thing, (str, bytes)) or not hasattr(thing, "__float__"):
        raise TypeError(f"{what} must be a number or a Value, got {type(thing).__name__} {thing!r:.60}")
    return float(thing)


def named(usual: list[str], given: Sequence[str] | None, what: str, of: str) -> list[str]:
    """The names given, else the usual ones; InputError where there are too few or too many for each `of`."""
    if given is None:
        return usual
    if isinstance(given, str) or len(given) != len(usual):
        raise InputError(f"{what} must hold a name for each {of}, {len(usual)} in all, got {given!r:.80}")
    return list(map(str, given))


def whole(what: str, given: Any, least: int, most: int) -> int:
    """A whole number from `least` to `most`; TypeError or InputError, naming `what`, for another."""
    number = errors.whole(what, given)
    if not least <= number <= most:
        raise InputError(f"{what} is {number}; it must be from {least} to {most:,}")
    return number


def with_slope(f: Callable[[Value], Any], x: float) -> tuple[float, float]:
    """f(x) and f'(x); nan where f refuses x, as log does below 0."""
    place = Value(x, "x")
    try:
        y = f(place)
    except (ArithmeticError, ValueError):
        return math.nan, math.nan
    if not isinstance(y, Value):
        raise TypeError(f"function wants an f that returns a Value for a Value, got {type(y).__name__} {y!r:.60}")
    y.backward()
    return y.data, place.grad


def samples(X: Any, y: Any) -> tuple[list[list[float]], list[float]]:
    """Rows of two numbers, and the class of each; a row of several numbers is a class by its largest."""
    rows = [[number_of(x, f"boundary: row {i} of X") for x in row] for i, row in enumerate(_rows(X, "X"))]
    found = []
    for i, own in enumerate(_rows(y, "y")):
        numbers = [number_of(n, f"boundary: row {i} of y") for n in (own if _listed(own) else [own])]
        found.append(numbers[0] if len(numbers) == 1 else float(numbers.index(max(numbers))))
    if len(rows) != len(found) or not rows:
        raise InputError(f"boundary: X has {len(rows)} rows and y has {len(found)}; give one class per row")
    for i, (row, own) in enumerate(zip(rows, found, strict=True)):
        if len(row) != 2:
            raise InputError(f"boundary: row {i} of X has {len(row)} numbers; a plane has two, so give two columns")
        if not all(map(math.isfinite, [*row, own])):
            raise InputError(f"boundary: row {i} is {row}, class {own}; leave out rows that are not finite")
    return rows, found


def _rows(table: Any, what: str) -> list[Any]:
    for method in ("to_numpy", "tolist"):  # a data frame, which iterates over its column names; an array
        if hasattr(table, method):
            table = getattr(table, method)()
    if not _listed(table):
        raise TypeError(f"boundary: {what} must be a list or an array, got {type(table).__name__} {table!r:.60}")
    return list(table)


def kinds_of(found: list[float], n_outputs: int) -> list[float]:
    """The classes in their order: those of the samples or, with several outputs, one for each output."""
    if n_outputs:
        kinds = list(map(float, range(n_outputs)))
        for i, own in enumerate(found):
            if own not in kinds:
                raise InputError(
                    f"boundary: y of row {i} is {own:g}, and the network's outputs are 0 to {n_outputs - 1}"
                )
        return kinds
    kinds = sorted(set(found))
    if len(kinds) > MOST_CLASSES:
        raise InputError(
            f"boundary: y has {len(kinds)} different numbers; it takes at most {MOST_CLASSES} classes, such as 0 and 1"
        )
    return kinds


def middle_of(kinds: list[float]) -> float:
    """The answer halfway between the classes; of one class alone, between it and its usual opposite."""
    return (kinds[0] + kinds[-1]) / 2 if len(kinds) > 1 else 0.0 if kinds[0] < 0 else 0.5


def axis(numbers: list[float], steps: int) -> list[float]:
    """`steps` places from a little below the least of the numbers to a little above the largest."""
    low, high = min(numbers), max(numbers)
    margin = 0.12 * (high - low) or 1.0
    return [low - margin + (high - low + 2 * margin) * (i / (steps - 1)) for i in range(steps)]


def answers_of(model: Any, rows: list[list[float]]) -> list[list[float]]:
    """The outputs for each row, one or more, as many for all rows."""
    ask = getattr(model, "predict", model)
    if not callable(ask):
        raise TypeError(f"boundary wants a Module of two inputs, or a function of rows, got {type(model).__name__}")
    outputs = [[number_of(o, "boundary: an output") for o in (out if _listed(out) else [out])] for out in ask(rows)]
    if len(outputs) != len(rows) or len(set(map(len, outputs))) > 1 or not outputs[0]:
        raise InputError(
            f"boundary: {len(outputs)} outputs for {len(rows)} rows, of {sorted(set(map(len, outputs)))} numbers each; "
            "the function must give for every row a number, or equally many"
        )
    if not any(math.isfinite(o) for out in outputs for o in out):
        raise InputError("boundary: the network's answers are finite nowhere here; it diverged, so train it anew")
    return outputs


def limits(lo: Any, hi: Any) -> tuple[float, float]:
    """The two ends of an interval as floats; InputError where the first is not below the second, or one not finite."""
    low, high = number_of(lo, "lo"), number_of(hi, "hi")
    if not (low < high and math.isfinite(high - low)):
        raise InputError(f"function: lo is {low:g} and hi is {high:g}; lo must be below hi, both finite")
    return low, high
