"""The data of a call as arrays of the shapes that a program wants; of a training, also row by row.

>>> X, y = read("X", [[1, 2], [3, 4]])[0], read("y", [5, 6])[0]
>>> fed([[[0, 1], [2, 3]], [4, 5]], [X, y])[0].tolist()
[[0.0, 1.0], [2.0, 3.0]]
>>> arrays, rows = fed_by_row([[[[0, 1], [2, 3]]] * 3, [4, 5]], [X, y])
>>> rows, [array.shape for array in arrays]
(3, [(3, 2, 2), (3, 2)])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradnet.compiler.plan import Shape
from microgradnet.compiler.recording.arguments import Argument, flatten, read
from microgradnet.compiler.sizes import Dim, at
from microgradnet.errors import InputError

__all__ = ["batch_size", "fed", "fed_by_row", "fits"]


def fed(data: Sequence[Any], arguments: Sequence[Argument], shapes: Mapping[str, Shape] | None = None) -> list[Any]:
    """The data as arrays, by argument. InputError or TypeError that names the argument, what came, what was wanted.

    `shapes`: the shapes by name where sizes depend on the batch; then any batch is taken, the same for all arguments.
    """
    _count(data, arguments)
    if not _any_batch(shapes):
        return [flatten(argument, given) for argument, given in zip(arguments, data, strict=True)]
    arrays = [read(argument.name, given)[1] for argument, given in zip(arguments, data, strict=True)]
    _check_batch(arrays, shapes or {}, "")
    return arrays


def fed_by_row(
    data: Sequence[Any], arguments: Sequence[Argument], shapes: Mapping[str, Shape] | None = None
) -> tuple[list[Any], int | None]:
    """The data of a training, and the number of rows: None where all of it belongs to one step.

    An argument with one axis more than its shape is walked through along this axis; one of just its shape is the same
    in every step.
    """
    _count(data, arguments)
    columns = [_rows(argument, given, shapes) for argument, given in zip(arguments, data, strict=True)]
    if all(rows is None for rows in columns):
        return fed(data, arguments, shapes), None
    lengths = {argument.name: len(rows) for argument, rows in zip(arguments, columns, strict=True) if rows is not None}
    n = next(iter(lengths.values()))
    if set(lengths.values()) != {n} or n == 0:
        told = " and ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(f"train takes a step for each row, and {told}; give as many rows of each, at least one")
    arrays = []
    for argument, rows, given in zip(arguments, columns, data, strict=True):
        if rows is None:
            array = read(argument.name, given)[1] if _any_batch(shapes) else flatten(argument, given)
            arrays.append(np.broadcast_to(array, (n, *array.shape)))
        else:
            arrays.append(rows)
    if _any_batch(shapes):
        _check_batch([array[0] for array in arrays], shapes or {}, "a row of ")
    return arrays, n


def _rows(argument: Argument, given: Any, shapes: Mapping[str, Shape] | None) -> Any:
    """The rows of an argument as one array, None where it is no axis more than one step takes."""
    if argument.form is not None:
        try:
            flatten(argument, given)
            return None
        except (InputError, TypeError):
            rows = list(given) if hasattr(given, "__len__") and not isinstance(given, dict) else []
            return np.array([flatten(argument, row) for row in rows]) if rows else None
    seen, array = read(argument.name, given)
    if seen.form is not None or array.ndim != len(argument.shape) + 1:
        return None
    if not _any_batch(shapes) and array.shape[1:] != argument.shape:
        raise InputError(
            f"a row of {argument.name} has the shape {array.shape[1:]}, and the program was compiled for "
            f"{argument.shape}; give rows of that shape, or compile again"
        )
    return array


def _count(data: Sequence[Any], arguments: Sequence[Argument]) -> None:
    if len(data) != len(arguments):
        wanted = f" ({', '.join(argument.name for argument in arguments)})" if arguments else ""
        raise TypeError(
            f"the program wants {len(arguments)} data argument{'s' * (len(arguments) != 1)}{wanted}, got {len(data)}; "
            "the parameters are in it, and so are data that are static"
        )


def _any_batch(shapes: Mapping[str, Shape] | None) -> bool:
    return shapes is not None and any(size.__class__ is Dim for shape in shapes.values() for size in shape)


def fits(arguments: Sequence[Argument], wanted: Sequence[Argument], shapes: Mapping[str, Shape] | None = None) -> bool:
    """Whether data of the shapes of `arguments` are what a program with the arguments `wanted` takes."""
    if len(arguments) != len(wanted):
        return False
    if not _any_batch(shapes):
        return all(a.shape == b.shape and a.form == b.form for a, b in zip(arguments, wanted, strict=True))
    arrays = [np.broadcast_to(0.0, argument.shape) for argument in arguments]
    n = batch_size(arrays, shapes or {})
    return n > 0 and all(
        argument.shape == at(shape, n) for argument, shape in zip(arguments, (shapes or {}).values(), strict=True)
    )


def batch_size(arrays: Sequence[Any], shapes: Mapping[str, Shape]) -> int:
    """The N that the arrays have, where sizes depend on it; 0 where none does, or none fits."""
    for array, shape in zip(arrays, shapes.values(), strict=True):
        for here, size in zip(array.shape, shape, strict=False):
            if size.__class__ is Dim and (here - size.plus) % size.times == 0:
                return int((here - size.plus) // size.times)
    return 0


def _check_batch(arrays: Sequence[Any], shapes: Mapping[str, Shape], what: str) -> None:
    n = batch_size(arrays, shapes)
    for (name, shape), array in zip(shapes.items(), arrays, strict=True):
        if array.shape != at(shape, n) or n < 1:
            wanted = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
            told = f", N being {n} by the first argument" if n > 0 else ""
            raise InputError(f"{what}{name} has the shape {array.shape}, and the program wants {wanted}{told}")
