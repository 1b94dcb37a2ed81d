"""The numbers of the parameters: read as one vector, written all or none, and taken from the shape that gradients have.

>>> from microgradnet.compiler.recording.parameters import collected
>>> a, b = Value(1.0), Value(2.0)
>>> parameters = collected({"line": [a, b]})
>>> read(parameters).tolist(), vector(parameters, {"line": [5, 7]}).tolist()
([1.0, 2.0], [5.0, 7.0])
>>> write(parameters, [3.0, 4.0])
>>> b.data
4.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from microgradnet.compiler.recording.parameters import Parameters
from microgradnet.errors import InputError
from microgradnet.value import Value, number

__all__ = ["read", "vector", "write"]

_data = attrgetter("data")


def read(parameters: Parameters) -> Any:
    """The numbers of all parameters now, as a vector of shape (P,)."""
    return np.fromiter(map(_data, parameters.values), float, len(parameters))


def write(parameters: Parameters, numbers: Sequence[float]) -> None:
    """Give all parameters new numbers; finished even if Ctrl-C arrives in the middle, so that all or none have them."""
    numbers = [float(x) for x in numbers]

    def give() -> None:
        for value, x in zip(parameters.values, numbers, strict=True):
            value.data = x

    try:
        give()
    except BaseException:
        give()
        raise


def vector(parameters: Parameters, given: Any) -> Any:
    """The vector of numbers that come in the shape of the gradients, or as a vector already.

    InputError where the shape is another, TypeError for what is no number; both name the place.
    """
    n = len(parameters)
    places = parameters.rebuild(range(n))
    if getattr(given, "shape", None) == (n,) and getattr(given.dtype, "kind", "") == "f":
        return np.array(given, float)
    found = np.full(n, np.nan)
    for place, x, path in _pairs(places, given, "parameters"):
        plain = x.data if x.__class__ is Value else number(x)
        if plain is NotImplemented:
            raise TypeError(f"{path} must be a number, got {type(x).__name__} {x!r:.60}")
        found[place] = plain
    return found


def _pairs(places: Any, given: Any, path: str) -> Iterator[tuple[int, Any, str]]:
    """The place of each parameter, and what is given for it."""
    if isinstance(places, float):
        yield int(places), given, path
    elif isinstance(places, dict):
        if not isinstance(given, dict) or given.keys() != places.keys():
            raise InputError(f"{path}: {_keys(places, given)}")
        for key, inside in places.items():
            yield from _pairs(inside, given[key], f"{path}[{key!r:.60}]")
    else:
        if hasattr(places, "tolist"):
            places = places.tolist()
        if hasattr(given, "tolist"):
            given = given.tolist()
        if not isinstance(given, (list, tuple)) or len(given) != len(places):
            raise InputError(f"{path}: wanted a list of {len(places)}, got {type(given).__name__} {given!r:.60}")
        for i, inside in enumerate(places):
            yield from _pairs(inside, given[i], f"{path}[{i}]")


def _keys(places: dict[Any, Any], given: Any) -> str:
    if not isinstance(given, dict):
        return f"wanted a dict of numbers by path, or one vector of them, got {type(given).__name__} {given!r:.60}"
    missing = [key for key in places if key not in given]
    strange = [key for key in given if key not in places]
    return f"{missing[0]!r:.60} is missing" if missing else f"there is no {strange[0]!r:.60}"
