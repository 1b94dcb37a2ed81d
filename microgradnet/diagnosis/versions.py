"""What a name held at a moment, as numbers of the tape and as floats: arrays of one shape."""

from __future__ import annotations

from typing import Any

from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.tape import Tape
from microgradnet.value import Value

__all__ = ["floats", "holds_values", "is_object_array", "numbers_of", "shape_of"]


def numbers_of(tape: Tape, version: Any) -> Any:
    """The tape's number of each element; -1 for plain numbers. An array, without an axis for one number."""
    import numpy

    if version.__class__ is Value:
        return numpy.array(tape.numbers.get(version, -1))
    if is_object_array(version):
        found = [tape.numbers.get(x, -1) if x.__class__ is Value else -1 for x in version.flat]
        return numpy.array(found, dtype=int).reshape(version.shape)
    return numpy.full(getattr(version, "shape", ()), -1)


def floats(version: Any) -> Any:
    """The numbers of a version as an array of floats; nan for what is no number."""
    import numpy

    if version.__class__ is Value:
        return numpy.array(version.data)
    if is_object_array(version):
        return numpy.array([_float(x) for x in version.flat], dtype=float).reshape(version.shape)
    return numpy.asarray(version, dtype=float)


def _float(x: Any) -> float:
    try:
        return x.data if x.__class__ is Value else float(x)
    except (TypeError, ValueError):
        return float("nan")


def holds_values(version: Any) -> bool:
    """Whether it is a Value, or an array with one in it."""
    if version.__class__ is Value:
        return True
    return is_object_array(version) and any(x.__class__ is Value for x in version.flat)


def shape_of(event: Event) -> tuple[int, ...]:
    """The shape of what a name held; () for one number."""
    return getattr(event.version, "shape", ())


def is_object_array(thing: Any) -> bool:
    """Whether it is one of NumPy's arrays that hold any kind of thing, as those of Values do."""
    return getattr(getattr(thing, "dtype", None), "kind", "") == "O"
