"""A Module is anything with parameters: finding them, their state by name, and models as JSON files.

Names are PyTorch's: `parameters()`, `named_parameters()`, `zero_grad()`, `state_dict()`. A file holds what the network
is made of and every parameter to the last bit; nothing in it is ever executed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, Self, TypeAlias

from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.value import Value

__all__ = ["Module"]

FORMAT, VERSION = "microgradnet", 1
PLAIN = {str, int, float, bool, type(None), FunctionType}  # kinds of attributes in which no parameter can be
Place: TypeAlias = "tuple[Any, Any] | None"  # where a parameter stands: the place of what holds it, and the key there


class Module:
    """Anything with parameters: the Values among its attributes, and in modules, lists, tuples and dicts among them.

    A subclass sets its Values in `__init__` and gives `__call__`. Only Values that nothing computed (`op` is None)
    count as parameters; each is found once, in the order in which the attributes were set.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> [path for path, value in Line().named_parameters()]
    ['slope', 'offset']
    >>> Line()(3.0).data
    7.0
    """

    def __call__(self, x: Any) -> Any:
        """The output for one sample."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def parameters(self) -> list[Value]:
        """Every parameter once."""
        return list(_found(self))

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Pairs of a path and a parameter, such as `("layers.0.neurons.1.weights.0", Value(...))`.

        >>> from microgradnet.nn import MLP
        >>> next(MLP(2, [2, 1]).named_parameters())[0]
        'layers.0.neurons.0.weights.0'
        """
        return ((_path(place), p) for p, place in _found(self).items())

    def zero_grad(self) -> None:
        """Set every parameter's gradient to 0.0."""
        for p in _found(self):
            p.grad = 0.0

    def predict(self, X: Any) -> list[Any]:
        """The outputs for many samples as plain floats: one per row of X, a list of them where there are several.

        >>> from microgradnet.nn import MLP
        >>> MLP(2, [3, 1], init="zeros").predict([[1, 2], [3, 4]])
        [0.0, 0.0]
        """
        return [_plain(self(row)) for row in X]

    def state_dict(self) -> dict[str, float]:
        """The numbers of all parameters by path."""
        named = list(self.named_parameters())
        state = {path: p.data for path, p in named}
        if len(state) < len(named):
            raise InputError(f"{type(self).__name__}: two parameters have the same path; rename a key of its dicts")
        return state

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set all parameters from `state`, as `state_dict()` gives it. All are set or, on an error, none.

        InputError names paths that are missing from `state` or unexpected in it; TypeError what is no number.

        >>> from microgradnet.nn import MLP
        >>> line = MLP(1, [1])
        >>> line.load_state_dict({"layers.0.neurons.0.weights.0": 2.0, "layers.0.neurons.0.bias": 1.0})
        >>> line([3.0]).data
        7.0
        """
        named = list(self.named_parameters())
        paths = {path for path, _ in named}
        wrong = _listed("missing", [path for path, _ in named if path not in state])
        wrong += _listed("unexpected", [str(path) for path in state if path not in paths])
        if wrong:
            raise InputError(
                f"the state does not fit this {type(self).__name__} of {len(named)} parameters: {'; '.join(wrong)}; "
                "build the model with the sizes that the state was taken from"
            )
        numbers = [_number(path, state[path]) for path, _ in named]
        for (_, p), number in zip(named, numbers, strict=True):
            p.data = number

    def arguments(self) -> dict[str, Any]:
        """What `type(self)(**arguments)` needs to build the like of this model: plain data for JSON, saved with it."""
        return {}

    @classmethod
    def rebuild(cls, arguments: dict[str, Any], n_parameters: int) -> Self:
        """A model from saved arguments, whose numbers are then set from a saved state of `n_parameters`."""
        return cls(**arguments)

    def save(self, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None) -> None:
        """Write the model to a JSON file: how it is built, its parameters, and `notes`, any plain data of yours.

        The file is written whole or not at all. A parameter that is nan or infinite is refused (InputError): such a
        model can only have diverged. InputError also if the file cannot be written.
        """
        state = self.state_dict()
        for name, number in state.items():
            if not math.isfinite(number):
                raise InputError(
                    f"{os.fspath(path)}: not saved, parameter {name} is {number}; "
                    "the training diverged, try again with a smaller rate"
                )
        document = {
            "format": FORMAT,
            "version": VERSION,
            "module": {"class": type(self).__name__} | self.arguments(),
            "state": state,
            "notes": dict(notes or {}),
        }
        try:
            text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"{os.fspath(path)}: not saved, the notes are no plain data for JSON: {error}") from error
        write_atomically(path, text + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model that `save` wrote to this file. InputError, naming the file, if it holds no such model.

        >>> import tempfile, os
        >>> from microgradnet.nn import MLP
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     MLP(2, [2, 1], seed=1).save(os.path.join(folder, "model.json"))
        ...     MLP.load(os.path.join(folder, "model.json"))
        MLP(2, [2, 1], activation='relu', output='linear')
        """
        return cls.load_with_notes(path)[0]

    @classmethod
    def load_with_notes(cls, path: str | os.PathLike[str]) -> tuple[Self, dict[str, Any]]:
        """The model and the notes that were saved with it. Errors as `load`."""
        document = _read(path)
        arguments = dict(document["module"])
        name = arguments.pop("class", None)
        if name != cls.__name__:
            raise InputError(f"{os.fspath(path)}: holds a module of class {name!r}, and {cls.__name__!r} was wanted")
        try:
            model = cls.rebuild(arguments, len(document["state"]))
            model.load_state_dict(document["state"])
        except (TypeError, ValueError, LookupError) as error:
            raise InputError(f"{os.fspath(path)}: not a whole model: {error}") from error
        return model, document["notes"]


def _number(path: str, given: Any) -> float:
    if isinstance(given, (str, bytes, bool, Value)) or not hasattr(given, "__float__"):
        raise TypeError(f"{path} must be a number, got {type(given).__name__} {given!r:.60}")
    try:
        return float(given)
    except OverflowError:
        raise InputError(f"{path} is too large for a float: {str(given)[:40]}…; give a number below 1.8e308") from None


def _listed(what: str, paths: list[str]) -> list[str]:
    """`what` and the first three of the paths, as a list of one text; no text for no paths."""
    if not paths:
        return []
    return [f"{what} {', '.join(paths[:3])}" + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")]


# --- walking, reading, writing ------------------------------------------------------------------------------------


def _found(module: Module) -> dict[Value, Place]:
    """Every parameter of a module and its place, in order."""
    found: dict[Value, Place] = {}
    _collect(module, None, found, set())
    return found


def _collect(thing: Any, place: Place, found: dict[Value, Place], seen: set[int]) -> None:
    items: Any
    if isinstance(thing, (list, tuple)):
        items = enumerate(thing)
    elif isinstance(thing, Module):
        items = vars(thing).items()
    elif isinstance(thing, dict):
        items = thing.items()
    elif getattr(getattr(thing, "dtype", None), "kind", "") == "O":  # a NumPy array of Values
        items = enumerate(thing.tolist())
    else:
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for key, item in items:
        kind = item.__class__
        if kind is Value:
            if item.op is None and item not in found:
                found[item] = (place, key)
        elif kind not in PLAIN:
            _collect(item, (place, key), found, seen)


def _path(place: Place) -> str:
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(str(key))
    return ".".join(reversed(keys))


def _plain(output: Any) -> Any:
    if isinstance(output, Value):
        return output.data
    return [_plain(v) for v in output] if hasattr(output, "__iter__") else float(output)


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The document that `save` wrote, its parts checked for their kind. InputError, naming the file."""
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not a model file, which is JSON in UTF-8 ({error})") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}:{error.lineno}:{error.colno}: not a model file, or cut off: {error.msg}; save the model again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not a model file: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{name}: not a model file: it does not begin with "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise InputError(
            f"{name}: written in version {document.get('version')!r:.20} of the format, and this release reads "
            f"version {VERSION}; update microgradnet, or save the model again"
        )
    document.setdefault("notes", {})
    for part in ("module", "state", "notes"):
        if not isinstance(document.get(part), dict):
            raise InputError(f'{name}: not a whole model file: "{part}" is missing or no object; save the model again')
    for path_of, number in document["state"].items():
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise InputError(f"{name}: {path_of} must be a number, got {number!r:.60}")
        if not abs(number) <= 1.7976931348623157e308:
            raise InputError(f"{name}: {path_of} is too large for a float")
    return document


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.60} stands in it twice")
    return read
