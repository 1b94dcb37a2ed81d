"""The first argument of a loss: which Values in it are parameters, their names, and the same shape for floats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from microgradnet.errors import InputError
from microgradnet.module import Module
from microgradnet.value import Value

__all__ = ["Parameters", "collected"]


@dataclass(frozen=True)
class Parameters:
    """The parameters found in a Module, or in lists, tuples, dicts and arrays of Values: each once, with its path.

    `form` is what they were given in, with a number for each Value.
    """

    values: tuple[Value, ...]
    names: tuple[str, ...]
    form: Any

    def __len__(self) -> int:
        return len(self.values)

    def rebuild(self, numbers: Sequence[float]) -> Any:
        """One number for each parameter, put together as the parameters were: for a Module a dict by path, for a list
        a list, for an array an array of floats. A parameter that stands in two places has its number in both.

        >>> found = collected({"w": [Value(1.0), Value(2.0)], "b": Value(3.0)})
        >>> found.names, found.rebuild([0.1, 0.2, 0.3])
        (('w.0', 'w.1', 'b'), {'w': [0.1, 0.2], 'b': 0.3})
        """
        return _rebuilt(self.form, [float(number) for number in numbers])


@dataclass(frozen=True)
class _Array:
    """What is given as an array of Values."""

    shape: tuple[int, ...]
    items: list[Any]


def collected(given: Any) -> Parameters:
    """The parameters in the first argument of a loss.

    `given`: a Module, a Value, or lists, tuples, dicts and NumPy arrays of these, nested to any depth. TypeError for
    anything else in it, and for a Value that an operation made; InputError where there is no parameter at all.

    >>> collected([Value(1.0), [Value(2.0), Value(3.0)]]).names
    ('0', '1.0', '1.1')
    """
    found: dict[Value, tuple[int, str]] = {}
    form = _form(given, (), found, ())
    if not found:
        raise InputError(
            f"the first argument of the loss, {_shown(given)}, holds no parameters; give a Module, or a list or dict "
            "of Values"
        )
    return Parameters(tuple(found), tuple(name for _, name in found.values()), form)


def _form(thing: Any, path: tuple[Any, ...], found: dict[Value, tuple[int, str]], within: tuple[int, ...]) -> Any:
    if thing.__class__ is Value:
        if thing.op is not None:
            raise TypeError(
                f"{_at(path)} was made by an operation ({thing.op}), and a parameter is a Value that nothing made: "
                "give what it was made from, and compute it inside the loss"
            )
        return found.setdefault(thing, (len(found), _joined(path) or thing.label or "w"))[0]
    if isinstance(thing, Module):
        named = {_joined((*path, name)): value for name, value in thing.named_parameters()}
        if len(named) < len(thing.parameters()):
            raise InputError(f"{_at(path)}: two parameters have the same path; rename a key of its dicts")
        places = {name: found.setdefault(value, (len(found), name))[0] for name, value in named.items()}
        cut = len(_joined(path)) + 1 if path else 0
        return {name[cut:]: place for name, place in places.items()}
    if id(thing) in within:
        raise InputError(f"{_at(path)} holds itself, without an end")
    within = (*within, id(thing))
    if isinstance(thing, dict):
        return {key: _form(item, (*path, key), found, within) for key, item in thing.items()}
    if isinstance(thing, (list, tuple)):
        items = [_form(item, (*path, i), found, within) for i, item in enumerate(thing)]
        return like(thing, items)
    if getattr(getattr(thing, "dtype", None), "kind", "") == "O":
        elements = zip(indices(thing.shape), thing.reshape(-1).tolist(), strict=True)
        return _Array(thing.shape, [_form(item, (*path, *index), found, within) for index, item in elements])
    raise TypeError(
        f"{_at(path)} is {_shown(thing)}, and parameters are Values: make it a Value if it is to be trained; else "
        "leave it out here, and let the loss read it from a variable of its own, or as one more argument, data"
    )


def _rebuilt(form: Any, numbers: list[float]) -> Any:
    if isinstance(form, int):
        return numbers[form]
    if isinstance(form, dict):
        return {key: _rebuilt(item, numbers) for key, item in form.items()}
    if isinstance(form, _Array):
        import numpy

        return numpy.array([_rebuilt(item, numbers) for item in form.items]).reshape(form.shape)
    return like(form, [_rebuilt(item, numbers) for item in form])


def like(sequence: Any, items: list[Any]) -> Any:
    """A list, a tuple or a named tuple of these items, as the sequence is one.

    >>> like((1, 2), [3.0, 4.0])
    (3.0, 4.0)
    """
    if not isinstance(sequence, tuple):
        return items
    return type(sequence)(*items) if hasattr(sequence, "_fields") else tuple(items)


def indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every index into an array of this shape, in its order.

    >>> list(indices((1, 2)))
    [(0, 0), (0, 1)]
    """
    import numpy

    return iter(numpy.ndindex(*shape))


def _joined(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _at(path: tuple[Any, ...]) -> str:
    return f"{_joined(path)} in the first argument of the loss" if path else "the first argument of the loss"


def _shown(thing: Any) -> str:
    kind = type(thing).__name__
    return f"{kind} {thing!r:.40}" if isinstance(thing, (int, float, str, bool, type(None))) else kind
