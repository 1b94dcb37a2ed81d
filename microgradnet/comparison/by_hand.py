"""Derivatives by hand, as they were given: numbers or functions, one by one or all from one function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from microgradnet.comparison.naming import LOSSES, parse_derivative
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.value import Value, number

__all__ = ["Answer", "Asked", "ByHand", "named_places"]


class Asked(NamedTuple):
    """A derivative of the node at place `of` by the node at place `by`; `key` is how it was asked for. `varies`: by
    hand is a function, which can be asked at other points too."""

    of: int
    by: int
    key: Any
    varies: bool


class Answer(NamedTuple):
    """What by hand is at a point: the number, and where it was computed with Values the Value that it is and the
    leaves from which it was computed, by name."""

    number: float
    value: Value | None
    leaves: Mapping[str, Value]


class ByHand:
    """The derivatives by hand of a graph: `asked` for what, and the `answers` at a point.

    Raises InputError for a name that is not in the graph, or is the label of several nodes, and for a derivative
    that is given twice; TypeError for what is no number.
    """

    def __init__(self, graph: Graph, given: Any) -> None:
        self._graph = graph
        self._places: dict[str, int] = {}  # of every name
        for place, name in enumerate(graph.names):
            self._places.setdefault(name, place)
        self._given: Mapping[Any, Any] | Callable[..., Any]
        if isinstance(given, Mapping):
            self._given = dict(given)
            first = self._given
            self._refuses_values = False
        elif callable(given) and not isinstance(given, Value):
            self._given = given
            self._refuses_values = False
            first, _ = self._called(given, graph)
            if not isinstance(first, Mapping):
                raise TypeError(
                    f"by_hand: the function must return a dict such as {{'w1': 0.5}}, got {type(first).__name__}"
                )
            for key, entry in first.items():
                if callable(entry):
                    raise TypeError(f"by_hand: the function's {key!r:.40} is a function; it must be a number")
        else:
            raise TypeError(
                f"by_hand must be a dict such as {{'w1': 0.5}} or a function that returns one, "
                f"got {type(given).__name__}"
            )
        self.asked = list(self._resolved(first))
        self._first = self._evaluated(graph, first) if callable(self._given) else None

    def answers(self, graph: Graph) -> dict[Any, Answer]:
        """What by hand gives where the graph has these numbers, by key: at the graph's own point everything, at
        another one what is a function."""
        if graph is self._graph and self._first is not None:
            return self._first
        return self._evaluated(graph, self._given if isinstance(self._given, dict) else None)

    def _evaluated(self, graph: Graph, entries: Any) -> dict[Any, Answer]:
        found: dict[Any, Answer] = {}
        leaves: Mapping[str, Value] = {}
        if callable(self._given):
            entries, leaves = self._called(self._given, graph)
        for asked in self.asked:
            if asked.key not in entries:
                continue
            entry, its = entries[asked.key], leaves
            if callable(entry):
                entry, its = self._called(entry, graph)
            elif not asked.varies and graph is not self._graph:
                continue
            found[asked.key] = self._answer(asked, entry, its)
        return found

    def _answer(self, asked: Asked, entry: Any, leaves: Mapping[str, Value]) -> Answer:
        if entry.__class__ is Value and asked.varies:
            return Answer(entry.data, entry, leaves)
        name = self._graph.names[asked.by]
        if isinstance(entry, Value):
            raise TypeError(f"by_hand[{name!r}] wants a number, got {entry!r:.60}; give its .data, or the .grad")
        plain = number(entry)
        if plain is NotImplemented:
            raise TypeError(f"by_hand[{name!r}] wants a number, got {type(entry).__name__} {entry!r:.60}")
        return Answer(plain, None, {})

    # --- functions ----------------------------------------------------------------------------------------------------

    def _called(self, function: Callable[..., Any], graph: Graph) -> tuple[Any, Mapping[str, Value]]:
        """What a function by hand returns, called with Values, or with floats where it refuses those."""
        positional, named = self._parameters(function, graph)
        if not self._refuses_values:
            leaves = {name: Value(x, name) for name, x in {**positional, **named}.items()}
            try:
                return function(*[leaves[n] for n in positional], **{n: leaves[n] for n in named}), leaves
            except Exception:  # math.exp(v), v.item() …; if it is the function's own fault, floats raise it again
                result = function(*positional.values(), **named)
                self._refuses_values = callable(self._given)
                return result, {}
        return function(*positional.values(), **named), {}

    def _parameters(self, function: Callable[..., Any], graph: Graph) -> tuple[dict[str, float], dict[str, float]]:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            raise InputError(f"by_hand: the names of the parameters of {function!r:.60} cannot be read") from None
        positional: dict[str, float] = {}
        named: dict[str, float] = {}
        for parameter in parameters:
            if parameter.kind is parameter.VAR_KEYWORD:
                labels = [label for label in graph.labels if label and label not in positional]
                named |= {label: float(graph.data[self._places[label]]) for label in labels}
            elif parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif parameter.name in self._places:
                place = self._place_of_label(parameter.name)
                into = positional if parameter.kind is parameter.POSITIONAL_ONLY else named
                into[parameter.name] = float(graph.data[place])
            elif parameter.default is parameter.empty:
                called = getattr(function, "__name__", "the function")
                raise InputError(
                    f"by_hand: {called} wants {parameter.name!r}, which is not in the graph of {graph.names[-1]}, "
                    f"whose names are {self._known()}"
                )
        return positional, named

    # --- names --------------------------------------------------------------------------------------------------------

    def _resolved(self, entries: Mapping[Any, Any]) -> Iterator[Asked]:
        graph = self._graph
        unknown = [key for key in entries if isinstance(key, str) and self._meaning(key) is None]
        if unknown:
            raise InputError(
                f"by_hand: {', '.join(map(repr, unknown))} not in the graph of {graph.names[-1]}, "
                f"whose names are {self._known()}; label it by name(w1=w1), or use the Value as the key"
            )
        met: set[tuple[int, int]] = set()
        for key, entry in entries.items():
            if not isinstance(key, str | Value):
                raise TypeError(f"by_hand: a key is a label or a Value, got {type(key).__name__} {key!r:.60}")
            meaning = self._meaning(key) if isinstance(key, str) else None
            of, by = meaning if meaning is not None else (len(graph) - 1, graph.number(key))
            if (of, by) in met:
                raise InputError(f"by_hand: the derivative by {graph.names[by]!r} is given twice; leave one out")
            met.add((of, by))
            yield Asked(of, by, key, callable(self._given) or (callable(entry) and not isinstance(entry, Value)))

    def _meaning(self, key: str) -> tuple[int, int] | None:
        """(A, B) of a name: that of a node means the derivative of the root by it, else it is read as a derivative."""
        root = len(self._graph) - 1
        if key in self._places:
            return root, self._place_of_label(key)
        known = {self._graph.names[place] for place in named_places(self._graph)}
        read = parse_derivative(key, known, LOSSES)
        if read is None:
            return None
        of, by = read
        above = root if of is None or of not in known else self._place_of_label(of)
        return above, self._place_of_label(by)

    def _place_of_label(self, name: str) -> int:
        count = self._graph.labels.count(name)
        if count > 1:
            raise InputError(f"by_hand: {count} nodes have the label {name!r}; give the Value itself")
        return self._places[name]

    def _known(self) -> str:
        graph = self._graph
        known = [graph.names[place] for place in named_places(graph)]
        return ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")


def named_places(graph: Graph) -> list[int]:
    """The nodes that people have names for: those with a label or, if none has one, the leaves."""
    return [place for place, label in enumerate(graph.labels) if label] or [
        place for place, op in enumerate(graph.operations) if not op
    ]
