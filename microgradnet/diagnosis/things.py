"""What names hold: numbers, arrays, lists of numbers, and things that hold further names."""

from __future__ import annotations

from collections.abc import Collection
from types import FrameType
from typing import Any, NamedTuple

from microgradnet.diagnosis.lifting import fields_of, has_fields
from microgradnet.value import Value

__all__ = [
    "MOST_ELEMENTS",
    "Scope",
    "copied",
    "items_of",
    "kind_of",
    "mark_of",
    "named",
    "put",
    "root_of",
    "variables_of",
]

MOST_ELEMENTS = 200_000
"""Larger arrays are not looked at."""


class Scope(NamedTuple):
    """Where a name lives: a call of a function, an object, or a dict or list that holds arrays."""

    number: int
    kind: str  # "frame", "object", "items"
    shown: str  # the function's name, or "self", "self.layers[0]", "grads"


def variables_of(frame: FrameType) -> list[tuple[str, Any]]:
    """The local variables of a call, those of comprehensions left out.

    Python 3.13.0 crashes where one reads a variable of a comprehension that a generator in it has captured, while
    another comprehension has it as a plain one; it is in both co_varnames and co_cellvars, and is no parameter.
    """
    variables, code = frame.f_locals, frame.f_code
    if isinstance(variables, dict):
        return [(name, thing) for name, thing in variables.items() if not name.startswith(".")]
    parameters = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    hidden = set(code.co_varnames[parameters:]) & set(code.co_cellvars)
    names = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    return [(name, variables[name]) for name in names if name not in hidden and name in variables]


def kind_of(thing: Any, modules: Collection[str]) -> str:
    """number (a Value or a real number), array (of numbers), list (of numbers), holder (of named things), other."""
    cls = thing.__class__
    if cls is Value or cls is float or cls is int or cls is bool:
        return "number"
    if hasattr(thing, "dtype") and hasattr(thing, "shape"):
        if thing.dtype.kind not in "fiubO" or thing.size > MOST_ELEMENTS:
            return "other"
        return "array" if thing.shape != () and hasattr(thing, "flat") else "number"
    if cls is list:
        if not thing or len(thing) > MOST_ELEMENTS:
            return "other"
        if all(_is_number(x) for x in thing):
            return "list"
        if all(x.__class__ is list and all(_is_number(y) for y in x) for x in thing):
            return "list" if len({len(x) for x in thing}) == 1 else "other"
        return "holder" if len(thing) <= 1000 else "other"
    if cls is dict:
        return "holder" if len(thing) <= 1000 and all(isinstance(key, str | int) for key in thing) else "other"
    return "holder" if cls.__module__ in modules and has_fields(thing) else "other"


def _is_number(x: Any) -> bool:
    return x.__class__ in (Value, float, int) or (hasattr(x, "dtype") and getattr(x, "shape", None) == ())


def items_of(holder: Any) -> list[tuple[Any, Any]]:
    """The keys, places or attributes of a holder, each with what it holds."""
    if holder.__class__ is dict:
        return list(holder.items())
    if holder.__class__ is list:
        return list(enumerate(holder))
    return fields_of(holder)


def put(holder: Any, key: Any, thing: Any) -> None:
    """Put a thing under a key, place or attribute of a holder."""
    if holder.__class__ in (dict, list):
        holder[key] = thing
    else:
        setattr(holder, key, thing)


def named(scope: Scope, holder: Any, key: Any) -> tuple[str, str]:
    """How the code writes an attribute or item, and its base."""
    if holder.__class__ is dict:
        return f"{scope.shown}[{key!r}]", _in_container(scope.shown, str(key))
    if holder.__class__ is list:
        return f"{scope.shown}[{key}]", f"{scope.shown.rpartition('.')[2]}[{key}]"
    return f"{scope.shown}.{key}", str(key)


def _in_container(container: str, key: str) -> str:
    """grads['W'] holds the derivative by W; params['W'] holds W; grads['dW'] says so itself."""
    stem = container.rpartition(".")[2].lower().strip("_")
    if stem in ("grads", "grad", "gradients", "gradient", "derivatives", "d") and not key.lower().startswith("d"):
        return f"grad_{key}"
    return key


def root_of(array: Any) -> Any:
    """The array whose memory a view shows."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "dtype"):
        array = array.base
    return array


def mark_of(thing: Any) -> Any:
    """What tells whether an array's or a list's elements are still the same objects."""
    if hasattr(thing, "tobytes"):
        return thing.tobytes()
    return [x.copy() if x.__class__ is list else x for x in thing]


def copied(thing: Any) -> Any:
    """An array of its own with the elements of an array, or of a list of numbers or of lists of them."""
    import numpy

    if thing.__class__ is list:
        array = numpy.empty((len(thing), *((len(thing[0]),) if thing[0].__class__ is list else ())), dtype=object)
        array[...] = thing
        return array
    return thing.copy()
