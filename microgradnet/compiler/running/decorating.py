"""The decorator form: a loss that compiles itself when it is first called, and again for data of other shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import update_wrapper
from threading import RLock
from typing import Any

from microgradnet.compiler.recording.arguments import Argument, argument_names
from microgradnet.compiler.recording.arguments import read as read_argument
from microgradnet.compiler.recording.parameters import collected
from microgradnet.compiler.running.building import build
from microgradnet.compiler.running.feeding import fits
from microgradnet.compiler.running.looping import Trained
from microgradnet.compiler.running.run import Program
from microgradnet.module import Module
from microgradnet.value import Value

__all__ = ["Decorated"]

KEPT = 16
"""So many programs are kept, the latest; older ones are compiled again when they are needed."""


class Decorated:
    """A loss with a program for each set of parameters and each shape of data that it was called with.

    Calling it gives the loss as a float; `value_and_grad`, `train` and `program` take the same arguments. Static
    arguments and the attributes of modules are compared by their contents, other objects among them by what they are.

    >>> from microgradnet import Value, compile
    >>> @compile
    ... def loss(w, x, y):
    ...     return (w[0] * x - y) ** 2
    >>> w = [Value(2.0)]
    >>> loss(w, 3.0, 5.0), loss.value_and_grad(w, 3.0, 5.0)
    (1.0, (1.0, [6.0]))
    """

    __wrapped__: Callable[..., Any]

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        if not callable(function):
            raise TypeError(f"@compile decorates a function, got {type(function).__name__} {function!r:.60}")
        self._options = dict(options)
        self._programs: list[tuple[Any, Program]] = []
        self._lock = RLock()
        update_wrapper(self, function)

    def program(self, parameters: Any, *data: Any) -> Program:
        """The program for these parameters and data of these shapes; it is compiled if there is none yet."""
        arguments = [read_argument(name, given)[0] for name, given in self._recorded(data)]
        return self._program(self._key(parameters, data), arguments, parameters, data)

    def __call__(self, parameters: Any, *data: Any) -> float:
        """The loss as a float."""
        return self.program(parameters, *data)(*self._fed(data))

    def value_and_grad(self, parameters: Any, *data: Any) -> tuple[float, Any]:
        """The loss and its gradients, as `Program.value_and_grad`."""
        return self.program(parameters, *data).value_and_grad(*self._fed(data))

    def train(self, parameters: Any, *data: Any, **settings: Any) -> Trained:
        """Train on these data, all of them in each step, as `Program.train`; the settings are its own."""
        return self.program(parameters, *data).train(*self._fed(data), **settings)

    def __repr__(self) -> str:
        n = len(self._programs)
        return f"<compiled {getattr(self, '__qualname__', self.__wrapped__)}: {n} program{'s' * (n != 1)}>"

    def __reduce__(self) -> str:
        return str(getattr(self, "__qualname__", "loss"))  # for pickle: by its name, as a function

    # --- inside ---

    def _program(self, key: Any, arguments: Sequence[Argument], parameters: Any, data: Sequence[Any]) -> Program:
        with self._lock:
            for known, program in self._programs:
                if known == key and fits(arguments, program.recording.arguments, program.shapes):
                    return program
            built = build(self.__wrapped__, parameters, data, **self._options)
            program = Program(getattr(self, "__name__", "loss"), built)
            self._programs = [*self._programs, (key, program)][-KEPT:]
            return program

    def _names(self, data: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        return zip(argument_names(self.__wrapped__, len(data)), data, strict=True)

    def _recorded(self, data: Sequence[Any]) -> list[tuple[str, Any]]:
        static = self._options["static"]
        return [(name, given) for name, given in self._names(data) if name not in static]

    def _fed(self, data: Sequence[Any]) -> list[Any]:
        return [given for _, given in self._recorded(data)]

    def _key(self, parameters: Any, data: Sequence[Any]) -> Any:
        found = collected(parameters)
        static = self._options["static"]
        baked = {name: given for name, given in self._names(data) if name in static}
        return found.values, _frozen(parameters), len(data), _frozen(baked)


class _Same:
    """A thing that is equal to itself only, and is kept so that nothing else takes its place."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def _frozen(thing: Any, inside: tuple[Any, ...] = ()) -> Any:
    """Something to compare contents by: of a module what it is and all its attributes, such as flags and rates."""
    if thing.__class__ is Value:
        return Value  # those that are parameters are compared by what they are
    if isinstance(thing, (Module, dict, list, tuple)):
        if any(thing is outer for outer in inside):
            return "itself"
        inside = (*inside, thing)
    if isinstance(thing, Module):
        return _Same(thing), _frozen(vars(thing), inside)
    if isinstance(thing, dict):
        return "dict", tuple((key, _frozen(item, inside)) for key, item in thing.items())
    if isinstance(thing, (list, tuple)):
        return type(thing), tuple([_frozen(item, inside) for item in thing])
    if hasattr(thing, "tobytes") and getattr(getattr(thing, "dtype", None), "kind", "O") != "O":
        return "array", thing.shape, str(thing.dtype), thing.tobytes()
    if isinstance(thing, (bool, int, float, complex, str, bytes, type(None))):
        return type(thing), repr(thing)
    return _Same(thing)
