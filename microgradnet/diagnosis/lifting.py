"""Putting Values in the place of floats: in the arguments, in a copy of the object that a method belongs to.

Floats are what can be differentiated; whole numbers stay as they are (labels, indices, the article's data).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from types import MethodType
from typing import Any

from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["Lifter", "fields_of", "has_fields", "own_copy"]


def own_copy(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """(function, args, kwargs) of which nothing belongs to the user: a bound method has a copy of its object.

    Raises InputError where something cannot be copied.
    """
    owner = function.__self__ if isinstance(function, MethodType) else None
    try:
        owner, args, kwargs = copy.deepcopy((owner, args, dict(kwargs)))
    except Exception as error:
        raise InputError(
            f"the arguments, or the object that the method belongs to, cannot be copied "
            f"({type(error).__name__}: {error}); give plain numbers, arrays and objects that copy.deepcopy takes"
        ) from None
    if isinstance(function, MethodType):
        function = MethodType(function.__func__, owner)
    return function, args, kwargs


def has_fields(thing: Any) -> bool:
    """Whether a thing has attributes of its own."""
    return not isinstance(thing, type) and (hasattr(thing, "__dict__") or hasattr(type(thing), "__slots__"))


def fields_of(thing: Any) -> list[tuple[str, Any]]:
    """An object's attributes and what they hold, those in slots too."""
    found = dict(getattr(thing, "__dict__", {}))
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                found.setdefault(name, getattr(thing, name))
    return list(found.items())


class Lifter:
    """Makes Values of floats. `moved(base, value)` gives the number to use; `lift`: whole numbers to be lifted too.

    `wanted`: bases of names with respect to which the code derives; `bases`: what was lifted; `derivatives`: bases
    of the derivatives themselves, which are never lifted; `filled`: names of arrays that are filled bit by bit.

    >>> lifter = Lifter(lambda base, x: x, wanted=(), derivatives=(), lift=(), filled=())
    >>> lifter.lifted("w", 0.5), lifter.lifted("n", 3)
    (Value(0.5, grad=0.0, label='w'), 3)
    """

    def __init__(
        self,
        moved: Callable[[str, Any], Any],
        wanted: Collection[str],
        derivatives: Collection[str],
        lift: Collection[str],
        filled: Collection[str],
    ) -> None:
        self.moved, self.wanted, self.derivatives, self.lift = moved, wanted, derivatives, lift
        self.filled = filled
        self.bases: set[str] = set()

    def lifted(self, base: str, thing: Any, depth: int = 3) -> Any:
        """The same with Values in the place of floats, in arrays, lists and dicts too; new arrays, lists and dicts."""
        if thing.__class__ is Value:
            self.bases.add(base)
            return Value(thing.data, thing.label or base)
        if hasattr(thing, "dtype") and hasattr(thing, "shape"):
            return self._array(base, thing)
        if thing.__class__ is float or (thing.__class__ is int and base in self.lift):
            self.bases.add(base)
            return Value(self.moved(base, float(thing)), base)
        if depth and thing.__class__ is list:
            if thing and all(x.__class__ is float for x in thing):
                return [Value(x, f"{base}[{i}]") for i, x in enumerate(self._moved_list(base, thing))]
            return [self.lifted(f"{base}[{i}]", x, depth - 1) for i, x in enumerate(thing)]
        if depth and thing.__class__ is tuple:
            return tuple([self.lifted(f"{base}[{i}]", x, depth - 1) for i, x in enumerate(thing)])
        if depth and thing.__class__ is dict:
            return {key: self.lifted(str(key), x, depth - 1) for key, x in thing.items()}
        return thing

    def _moved_list(self, base: str, numbers: list[float]) -> list[float]:
        import numpy

        self.bases.add(base)
        return [float(x) for x in self.moved(base, numpy.array(numbers))]

    def _array(self, base: str, thing: Any) -> Any:
        import numpy

        if thing.dtype == object or not (thing.dtype.kind == "f" or (thing.dtype.kind in "iub" and base in self.lift)):
            return thing
        self.bases.add(base)
        numbers = numpy.asarray(self.moved(base, numpy.asarray(thing, dtype=float)))
        if thing.shape == ():
            return Value(float(numbers), base)
        array = numpy.empty(thing.shape, dtype=object)
        for index in numpy.ndindex(thing.shape):
            array[index] = Value(float(numbers[index]), f"{base}[{', '.join(map(str, index))}]")
        return array

    def lift_fields(self, holder: Any, modules: Collection[str], depth: int = 3) -> None:
        """Values for the floats among an object's attributes, and those of objects of the user's own classes in it."""
        for key, thing in fields_of(holder):
            if type(thing).__module__ in modules and has_fields(thing) and depth:
                self.lift_fields(thing, modules, depth - 1)
            elif thing.__class__ is list and thing and type(thing[0]).__module__ in modules and depth:
                for part in thing:
                    if has_fields(part):
                        self.lift_fields(part, modules, depth - 1)
            else:
                new = self.local(key, thing) if key in self.derivatives else self.lifted(key, thing)
                if new is not thing:
                    setattr(holder, key, new)

    def local(self, base: str, thing: Any) -> Any:
        """What to put in the place of a float or an array that the code itself has made.

        A parameter (something by which the code derives) becomes Values. An array of zeros becomes one of objects, so
        that Values can be put into it: an array of floats would make floats of them.
        """
        is_array = getattr(thing, "shape", ()) != ()
        if base in self.derivatives or base not in self.wanted:
            is_filled = base in self.derivatives or base in self.filled
            if is_array and is_filled and thing.dtype.kind == "f" and not thing.any():
                return thing.astype(object)
            return thing
        if thing.__class__ is Value or not (is_array or thing.__class__ is float or hasattr(thing, "dtype")):
            return self.lifted(base, thing) if thing.__class__ is int and base in self.lift else thing
        return self.lifted(base, thing)
