"""Data arguments of a loss: their names, their numbers as one array, and the same structure filled with leaves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from microgradnet.compiler.recording.parameters import like
from microgradnet.errors import InputError
from microgradnet.value import Value, number

__all__ = [
    "Argument", "argument_names", "filled", "flatten", "own", "read", "require_callable_with", "stretched",
]  # fmt: skip

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


@dataclass(frozen=True)
class Argument:
    """A data argument: its `name`, the `shape` of its array, and its `form`.

    Numbers in a rectangle of any number of axes have their own shape, and the form None. What is ragged (lists of
    unequal lengths) or holds dicts is seen as one axis of all its numbers, in the order of reading; then the form says
    where each stands: None for a number, a tuple of forms for a sequence, a dict of forms for a dict.
    """

    name: str
    shape: tuple[int, ...]
    form: Any = None


# --- names --------------------------------------------------------------------------------------------------------


def argument_names(loss: Callable[..., Any], count: int) -> tuple[str, ...]:
    """What a loss calls its data, the arguments after its first one; `data1`, `data2` … where it gives no name.

    The flat vector of all parameters is called `p`, so data of that name become `p_`.

    >>> argument_names(lambda model, X, y: 0, 2), argument_names(lambda *given: 0, 2), argument_names(max, 1)
    (('X', 'y'), ('data1', 'data2'), ('data1',))
    """
    try:
        parameters = list(inspect.signature(loss).parameters.values())
    except (TypeError, ValueError):  # a function of C that does not say
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][1:]
    names: list[str] = []
    for i in range(count):
        name = positional[i] if i < len(positional) else f"data{i + 1}"
        while name in {"p", *names, *(positional if i >= len(positional) else ())}:
            name += "_"
        names.append(name)
    return tuple(names)


def require_callable_with(loss: Callable[..., Any], count: int) -> None:
    """TypeError if the loss does not take the parameters and so many data arguments.

    >>> require_callable_with(lambda w, X: 0, 2)
    Traceback (most recent call last):
    TypeError: the loss is called with the parameters and then 2 data arguments: too many positional arguments
    """
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # a function of C that does not say
        return
    try:
        signature.bind(*[None] * (count + 1))
    except TypeError as error:
        data = f"then {count} data argument{'s' * (count != 1)}" if count else "nothing else"
        raise TypeError(f"the loss is called with the parameters and {data}: {error}") from None


# --- reading ------------------------------------------------------------------------------------------------------


def read(name: str, value: Any, parameters: Collection[Value] = ()) -> tuple[Argument, Array]:
    """A data argument and its numbers, as an array of floats of its shape.

    `value`: a number; lists, tuples, dicts of numbers, nested; a NumPy array of numbers, or what can be made one (a
    frame of pandas, a tensor). A Value counts as its number. TypeError for anything else, for a Value that an operation
    made and for one of the `parameters`, naming the argument and the place in it.

    >>> read("X", [[1, 2], [3, 4.5]])
    (Argument(name='X', shape=(2, 2), form=None), array([[1. , 2. ],
           [3. , 4.5]]))
    >>> read("X", [[1, 2], [3]])
    (Argument(name='X', shape=(3,), form=((None, None), (None,))), array([1., 2., 3.]))
    """
    form, array = _read(name, value, None, parameters)
    shape = _rectangle(form)
    return Argument(name, array.shape if shape is None else shape, form if shape is None else None), array


def flatten(argument: Argument, value: Any, any_batch: bool = False) -> Array:
    """New data for an argument, as an array of floats of its shape.

    `any_batch`: the first axis may have another length. InputError where the structure differs, TypeError where
    something is no number; both name the argument and the place in it.

    >>> X, _ = read("X", [[1, 2], [3]])
    >>> flatten(X, [[4, 5], [6]])
    array([4., 5., 6.])
    """
    rectangle, shape = argument.form is None, argument.shape
    if rectangle and value.__class__ is np.ndarray and value.dtype == np.float64 and value.shape == shape:
        return value
    form, array = _read(argument.name, value, argument.form, ())
    if rectangle and any_batch and _rectangle(form) == array.shape and array.shape[1:] == shape[1:]:
        return array
    wanted = _spread(shape) if rectangle else argument.form
    if form != wanted:
        place, expected, got = _difference(wanted, form, "")
        raise InputError(
            f"{argument.name}{place} has {got}, and the program was compiled for {expected} there; "
            "give data of that structure, or compile again"
        )
    return array


def stretched(value: Any) -> Any:
    """The same structure of other numbers, all 1.01 times as large, if a fraction is among them; whole numbers may be
    labels, and stay.

    >>> stretched([[0.5, 2], (3,)]), stretched([0, 1, 2])
    ([[0.505, 2.02], (3.0300000000000002,)], [0, 1, 2])
    """
    _, numbers = read("data", value)
    return value if (numbers[np.isfinite(numbers)] % 1 == 0).all() else _times(value, 1.01)


def _times(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return {key: _times(item, factor) for key, item in value.items()}
    if isinstance(value, Sequence):
        return like(value, [_times(item, factor) for item in value])
    array = _as_array(value)
    return factor * (number(value) if array is None or np.shape(array) == () else array)


def filled(value: Any, leaves: Iterator[Value]) -> Any:
    """The same structure with a leaf in place of each number: lists stay lists, an array becomes one of Values.

    >>> filled([[1, 2], (3,)], iter("abc"))
    [['a', 'b'], ('c',)]
    """
    if isinstance(value, dict):
        return {key: filled(item, leaves) for key, item in value.items()}
    if isinstance(value, Sequence):
        return like(value, [filled(item, leaves) for item in value])
    shape = np.shape(_as_array(value))
    if shape == ():
        return next(leaves)
    array = np.empty(prod(shape), dtype=object)
    for i in range(len(array)):
        array[i] = next(leaves)
    return array.reshape(shape)


def own(value: Any) -> Any:
    """A copy, which a loss may change; short floats become doubles, which Values are: sums of short ones would differ.

    >>> own([[1, 2], np.float32([0.5])])
    [[1, 2], array([0.5])]
    """
    if isinstance(value, dict):
        return {key: own(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return like(value, [item if item.__class__ in (float, int) else own(item) for item in value])
    if hasattr(value, "dtype") and hasattr(value, "astype"):
        return value.astype(np.float64 if getattr(value.dtype, "kind", "") == "f" else value.dtype)
    return value


def _read(name: str, value: Any, wanted: Any, parameters: Collection[Value]) -> tuple[Any, Array]:
    """The form of a value and all its numbers; a rectangle's in its shape. Dicts in the order of the form `wanted`."""
    array = _as_array(value)
    if array is None and isinstance(value, (list, tuple)):
        try:
            array = np.array(value)
        except ValueError:  # lists of unequal lengths
            array = None
    if array is not None and array.dtype.kind in "biuf" and not np.ma.is_masked(array):
        return _spread(array.shape), np.asarray(array, dtype=np.float64, order="C")
    found: list[Any] = []
    form = _form(name, (), value, wanted, found)
    shape = _rectangle(form)
    numbers = [_number(name, x, parameters) if x.__class__ is Value else x for x in found]
    return form, np.array(numbers, dtype=np.float64).reshape((-1,) if shape is None else shape)


def _as_array(value: Any) -> Any:
    """A NumPy array of what is one, or can be made one; None of lists, dicts and plain numbers."""
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    if hasattr(value, "__array__"):
        return value if isinstance(value, np.ndarray) else np.asarray(value)
    return None


def _number(name: str, value: Value, parameters: Collection[Value]) -> float:
    if value.op is not None:
        raise TypeError(
            f"{name} holds {value!r}, and data are plain numbers: give its .data, or compute it inside the loss"
        )
    if value in parameters:
        raise TypeError(f"{name} holds {value!r}, which is a parameter, too; leave it out of the data")
    return value.data


def _form(name: str, path: tuple[Any, ...], value: Any, wanted: Any, found: list[Any]) -> Any:
    """The form of a value, its numbers and Values appended to `found`."""
    if value.__class__ is Value:
        found.append(value)
        return None
    plain = number(value)
    if plain is not NotImplemented:
        found.append(plain)
        return None
    if isinstance(value, dict):
        known = wanted if isinstance(wanted, dict) and wanted.keys() == value.keys() else dict.fromkeys(value)
        return {key: _form(name, (*path, key), value[key], part, found) for key, part in known.items()}
    array = _as_array(value)
    if array is not None and array.ndim and array.dtype.kind in "biufO":
        value = array.tolist() if not np.ma.is_masked(array) else list(array)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        parts = wanted if isinstance(wanted, tuple) and len(wanted) == len(value) else (None,) * len(value)
        pairs = zip(value, parts, strict=True)
        return tuple([_form(name, (*path, i), item, part, found) for i, (item, part) in enumerate(pairs)])
    shown = f"{type(value).__name__} {str(value)[:40]!r}" if value is not None else "None"
    raise TypeError(
        f"{name}{_place(path)} is {shown}, and data are numbers, or lists, tuples, dicts and arrays of them; "
        f'what is to stay as it is, and never changes, goes in static=("{name}",)'
    )


def _place(path: tuple[Any, ...]) -> str:
    return "".join(f"[{key!r}]" for key in path)


def _spread(shape: tuple[int, ...]) -> Any:
    """The form of an array: its rows are one and the same object.

    >>> _spread((2, 3))
    ((None, None, None), (None, None, None))
    """
    form: Any = None
    for size in reversed(shape):
        form = (form,) * size
    return form


def _rectangle(form: Any) -> tuple[int, ...] | None:
    """The shape of a form that is one of an array; None of what is ragged or has dicts.

    >>> _rectangle(((None, None), (None, None))), _rectangle(((None,), None))
    ((2, 2), None)
    """
    if form is None:
        return ()
    if not isinstance(form, tuple):
        return None
    shapes = {_rectangle(part) for part in {id(part): part for part in form}.values()}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(form), *(shapes.pop() if shapes else ()))  # type: ignore[misc]


def _difference(wanted: Any, got: Any, place: str) -> tuple[str, str, str]:
    """Where two forms part, and what is there in each."""
    if _rectangle(wanted) is not None and _rectangle(got) is not None:
        return place, _described(wanted), _described(got)
    if isinstance(wanted, dict) and isinstance(got, dict) and wanted.keys() == got.keys():
        pairs: Any = [(key, wanted[key], got[key]) for key in wanted]
    elif isinstance(wanted, tuple) and isinstance(got, tuple) and len(wanted) == len(got):
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(wanted, got, strict=True))]
    else:
        return place, _described(wanted), _described(got)
    key, a, b = next((key, a, b) for key, a, b in pairs if a != b)
    return _difference(a, b, f"{place}[{key!r}]")


def _described(form: Any) -> str:
    if form is None:
        return "a single number"
    if isinstance(form, dict):
        return f"a dict of {', '.join(map(repr, list(form)[:4]))}{' …' if len(form) > 4 else ''}"
    shape = _rectangle(form)
    if shape is not None and len(shape) > 1:
        return f"an array of shape {shape}"
    return f"{len(form)} elements" if len(form) != 1 else "1 element"
