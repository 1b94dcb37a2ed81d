"""Recording: the loss runs once on the eager engine, and what it computed is a frozen Graph with known leaves."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microgradnet.compiler.checking import difference, magnitudes
from microgradnet.compiler.recording.arguments import (
    Argument,
    Array,
    argument_names,
    filled,
    own,
    read,
    require_callable_with,
)
from microgradnet.compiler.recording.parameters import Parameters, collected
from microgradnet.compiler.recording.refusing import PAGE, Origin, Watch, converted
from microgradnet.errors import InputError, RecordingError
from microgradnet.graph import Graph
from microgradnet.value import Value, number

__all__ = ["Recording", "record"]


@dataclass(frozen=True)
class Recording:
    """What a loss computed, once.

    `graph`: its operations (its `nodes` are gone). `found`: the parameters. `arguments`: the data. `origin`: for each
    leaf of the graph, by its number, where it comes from; a leaf that is not in it is a constant, a Value that the loss
    made or found elsewhere. `static`: the data that were handed over plain, by name.
    """

    graph: Graph
    found: Parameters
    arguments: tuple[Argument, ...]
    origin: dict[int, Origin]
    static: dict[str, Any]

    @property
    def parameters(self) -> tuple[Value, ...]:
        """The parameters; parameter k is element k of the vector p."""
        return self.found.values

    @property
    def names(self) -> tuple[str, ...]:
        """Their paths."""
        return self.found.names

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each data argument, in the order in which the loss takes them."""
        return {argument.name: argument.shape for argument in self.arguments}

    @cached_property
    def literals(self) -> int:
        """How many different numbers stand in the graph as constants and look like data: fractions, but no 1/n."""
        constants = {o for operands in self.graph.operands for o in operands if o.__class__ is float}
        constants |= {
            self.graph.data[i] for i, op in enumerate(self.graph.operations) if not op and i not in self.origin
        }
        return sum(not (x.is_integer() or (1 / x).is_integer()) for x in constants if x - x == 0.0)

    @property
    def note(self) -> str:
        """A sentence on numbers that are baked in and look like data; empty if there are none, or data are static."""
        if self.static or self.literals < MANY:
            return ""
        return (
            f"{self.literals} different numbers that are no arguments of the loss are fixed in the program now; if "
            "they are data, give them to the loss as arguments, so that other data can take their place"
        )


MANY = 24
"""So many different fractions as constants are data rather than coefficients of a formula."""


def record(
    loss: Callable[..., Any], parameters: Any, data: Sequence[Any] = (), static: Sequence[str] = ()
) -> Recording:
    """Run `loss(parameters, *data)` with leaf Values for all numbers in `data`, and keep what it computed.

    `parameters`: a Module, or lists and dicts of Values (see `parameters.collected`). `data`: numbers, lists, arrays
    and dicts of them (see `arguments.read`). `static`: names of data arguments that are handed over as they are.

    The loss runs once more on the plain data, and must give the same. RecordingError, with the user's file and line,
    where it decides by a number or takes one out of a Value (see `refusing`); TypeError where the result is not one
    Value; what the loss raises itself is passed on.

    >>> w = Value(3.0, "w")
    >>> recording = record(lambda w, x: (w[0] * x - 1) ** 2, [w], [2.0])
    >>> recording.graph.operations, recording.origin, recording.shapes
    (('', '', 'mul', 'sub', 'pow_const'), {0: ('p', 0), 1: ('x', 0)}, {'x': ()})
    """
    found = collected(parameters)
    require_callable_with(loss, len(data))
    names = argument_names(loss, len(data))
    unknown = [name for name in static if name not in names]
    if unknown:
        raise InputError(f"static names {unknown[0]!r}, and the data of the loss are {', '.join(names) or 'none'}")
    given = dict(zip(names, data, strict=True))
    numbers = {name: read(name, value, set(found.values)) for name, value in given.items() if name not in static}
    with _no_collector():
        graph, origin = _run(loss, parameters, found, given, numbers)
        _compare(loss, parameters, [own(x) if name in numbers else x for name, x in given.items()], graph)
    arguments = tuple(argument for argument, _ in numbers.values())
    return Recording(graph, found, arguments, origin, {name: given[name] for name in static})


def _run(
    loss: Callable[..., Any],
    parameters: Any,
    found: Parameters,
    data: dict[str, Any],
    numbers: dict[str, tuple[Argument, Array]],
) -> tuple[Graph, dict[int, Origin]]:
    """The graph of the loss, without its Values, and where its leaves come from."""
    source: dict[Value, Origin] = {value: ("p", k) for k, value in enumerate(found.values)}
    given = dict(data)
    for name, (_, array) in numbers.items():
        leaves = [Value(x) for x in array.reshape(-1).tolist()]
        source.update((leaf, (name, i)) for i, leaf in enumerate(leaves))
        given[name] = filled(data[name], iter(leaves))
    watch, before = Watch(source), [value.data for value in found.values]
    try:
        with watch.on(), np.errstate(all="ignore"):
            result = loss(parameters, *given.values())
    except Exception as error:
        if watch.refusal is not None and watch.refusal is not error:
            raise watch.refusal from error
        if watch.refusal is not None:
            raise
        whole = {name for name, (_, array) in numbers.items() if (array % 1 == 0).all()}
        if (refused := converted(error, watch, whole)) is not error:
            raise refused from error
        raise
    if watch.refusal is not None:  # the loss caught it, and went on
        raise watch.refusal
    for name, value, was in zip(found.names, found.values, before, strict=True):
        if value.data is not was:
            raise RecordingError(
                f"the loss changes the parameter {name} from {was!r} to {value.data!r}, which is no part of what it "
                f"computes; let it compute a new Value, and change .data outside (see {PAGE})"
            )
    for alias, value in watch.aliases.items():  # made in this order, so a value that is an alias itself is done
        alias.op, alias.a, alias.b, alias.da, alias.db = value.op, value.a, value.b, value.da, value.db
        if value in source:
            source[alias] = source[value]
    graph = Graph(_one_value(result))
    origin = {graph.number(leaf): place for leaf, place in source.items() if leaf in graph}
    return _without_nodes(graph), origin


def _one_value(result: Any) -> Value:
    if getattr(result, "shape", None) == () and hasattr(result, "item"):
        result = result.item()
    if result.__class__ is Value:
        return result
    if isinstance(result, (float, int)):
        reason = "so it depends on no parameter; compute it from the first argument of the loss"
    elif isinstance(result, (list, tuple, dict)) or hasattr(result, "shape"):
        reason = "and there is one gradient, of one number; return the loss alone, the sum or the mean of several"
    else:
        reason = "and a loss is one number; return it" if result is None else "and a loss is one number"
    raise TypeError(f"the loss must return one Value, and it returned {type(result).__name__} {result!r:.60}, {reason}")


def _compare(loss: Callable[..., Any], parameters: Any, data: Sequence[Any], graph: Graph) -> None:
    """RecordingError if the loss of the plain data is another one than that of the same numbers as Values."""
    try:
        with np.errstate(all="ignore"):
            result = loss(parameters, *data)
    except Exception:  # a loss that is written for Values: there is nothing to compare
        return
    plain = result.data if isinstance(result, Value) else number(result)
    if plain is not NotImplemented and difference("", graph.data[-1], plain, lambda: magnitudes(graph)[0]):
        raise RecordingError(
            f"the loss is {plain!r} of the plain data and {graph.data[-1]!r} of the same data as Values: it is random "
            "(then its random numbers must be arguments), or it treats plain numbers otherwise than Values (looks them "
            f"up in a set or a dict: keep them plain with static=(…)); see {PAGE}"
        )


def _without_nodes(graph: Graph) -> Graph:
    """The same graph without its Values, which take more memory than all the rest."""
    frozen: Graph = object.__new__(Graph)
    frozen.__setstate__(graph.__getstate__())
    return frozen


@contextmanager
def _no_collector() -> Iterator[None]:
    """Python's collector of cyclic garbage rests: a graph has no cycles, and it would go through it again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
