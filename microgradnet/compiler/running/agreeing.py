"""Holding code against the eager engine: at the example when it is built, and with more rows when these come.

>>> from microgradnet import Value, compile
>>> w = [Value(2.0)]
>>> def loss(w, X):
...     return sum(w[0] * x for x in X) / (len(X) if len(X) < 100 else 100)
>>> program = compile(loss, w, [0.5] * 40)
>>> program([0.5] * 200)
Traceback (most recent call last):
microgradnet.errors.InputError: with 200 rows the loss is 1.0, the eager engine has 2.0: ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from microgradnet.compiler.checking import difference, magnitudes
from microgradnet.compiler.recording import Recording
from microgradnet.compiler.recording.arguments import argument_names, read
from microgradnet.compiler.running.backends import Code
from microgradnet.errors import InputError

__all__ = ["MANY", "Seen", "disagreement", "examples"]

MANY = 100_000
"""So many scalar operations are not recorded only to check a program of any batch size."""


@dataclass(eq=False)
class Seen:
    """The most `rows` with which a program for any batch size was seen to agree with the eager engine.

    nodes_at: how many scalar operations a batch takes
    recorded: the loss recorded anew, with these data, and they as arrays
    """

    rows: int
    nodes_at: Callable[[int], int]
    recorded: Callable[[Sequence[Any]], tuple[Recording, list[Any]]]

    def require(self, code: Code, rows: int, data: Sequence[Any]) -> None:
        """Check the code with more rows than ever before, if they are not too many. InputError if it is wrong there.

        A loss may do something else from some number of rows on; what it raises there is raised.
        """
        if rows <= self.rows or self.nodes_at(rows) >= MANY:
            return
        if wrong := disagreement(code, *self.recorded(data)):
            raise InputError(
                f"with {rows} rows {wrong}: the loss does something else with so many than with {self.rows}, or has "
                "changed since it was compiled; compile it anew, for one batch size: batch=False"
            )
        self.rows = rows


def examples(recording: Recording, loss: Callable[..., Any], data: Sequence[Any]) -> list[Any]:
    """The data that were recorded, as arrays."""
    names = argument_names(loss, len(data))
    return [read(name, given)[1] for name, given in zip(names, data, strict=True) if name not in recording.static]


def disagreement(code: Code, recording: Recording, example: Sequence[Any]) -> str:
    """Where the program and the eager engine differ, in words; empty if they agree."""
    wanted = _wanted(recording)
    at = [value.data for value in recording.parameters]
    loss, gradient = code.step(at, example)
    alone = code.loss(at, example) if code.backend.quick else loss
    return (
        difference("the loss", loss, wanted[0], lambda: magnitudes(recording.graph)[0])
        or difference("the loss alone", alone, wanted[0], lambda: magnitudes(recording.graph)[0])
        or difference("gradient", gradient, wanted[1], lambda: _by_parameter(recording, magnitudes(recording.graph)[1]))
    )


def _wanted(recording: Recording) -> tuple[float, list[float]]:
    """Loss and gradient as the eager engine has them, from the recorded graph."""
    graph = recording.graph
    adjoints = graph.reverse(graph.partials, 1.0)
    return float(graph.data[-1]), _by_parameter(recording, [0.0 if a is None else a for a in adjoints])


def _by_parameter(recording: Recording, by_node: Sequence[float]) -> list[float]:
    numbers = [0.0] * len(recording.parameters)
    for leaf, (name, place) in recording.origin.items():
        if name == "p":
            numbers[place] = by_node[leaf]
    return numbers
