"""Programs for the compiler that no one tuned it for: scalar Python as users write it, with parameters and data.

The programs are in `corpus_networks`, `corpus_statistics`, `corpus_sciences` and `corpus_odd`; this file holds what an
entry is, and what makes its parameters and data. `PROGRAMS` are all of them by name, `REFUSED` those that cannot be
recorded, each with words that the error must contain.
"""

from __future__ import annotations

import importlib
import math
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from microgradnet import Graph, Value
from microgradnet.nn import Module

__all__ = [
    "Entry",
    "Truth",
    "eager",
    "labels",
    "leaves",
    "numbers",
    "one_hot",
    "program",
    "programs",
    "put",
    "signs",
    "uniform",
    "unlike",
    "values",
]


class Entry(NamedTuple):
    """One program: `loss(parameters, *data)`, and makers of parameters and data from a source of random numbers.

    `n`: the size of the data in the example, 0 where it has none to choose; `others`: sizes for which the same
    program is to run, too.
    """

    name: str
    loss: Callable[..., Any]
    parameters: Callable[[random.Random], Any]
    data: Callable[..., tuple[Any, ...]]
    n: int
    others: tuple[int, ...]
    static: tuple[str, ...]

    def make(self, seed: int, n: int | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Parameters, as Values, and data, for a seed."""
        source = random.Random(f"{self.name} {seed}")
        return values(self.parameters(source)), self.data(source, self.n if n is None else n)


def program(
    parameters: Callable[[random.Random], Any],
    data: Callable[..., tuple[Any, ...]] = lambda r, n: (),
    *,
    n: int = 0,
    others: tuple[int, ...] = (),
    static: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Entry]:
    """Make an entry of a loss; its name is the function's."""
    return lambda loss: Entry(loss.__name__, loss, parameters, data, n, others, static)


def programs(*rooms: str) -> dict[str, Entry]:
    """All entries of these modules, by name."""
    found = [e for room in rooms for e in vars(importlib.import_module(room)).values() if isinstance(e, Entry)]
    return {entry.name: entry for entry in found}


# --- random numbers, in lists ----------------------------------------------------------------------------------------


def uniform(r: random.Random, *shape: int, low: float = -1.0, high: float = 1.0) -> Any:
    """A number between low and high, or nested lists of such numbers.

    >>> len(uniform(random.Random(0), 3, 2))
    3
    """
    if not shape:
        return r.uniform(low, high)
    return [uniform(r, *shape[1:], low=low, high=high) for _ in range(shape[0])]


def labels(r: random.Random, n: int, classes: int) -> list[int]:
    """Numbers of classes."""
    return [r.randrange(classes) for _ in range(n)]


def signs(r: random.Random, n: int) -> list[int]:
    """Labels -1 and 1."""
    return [r.choice((-1, 1)) for _ in range(n)]


def one_hot(classes: list[int], count: int) -> list[list[float]]:
    """Rows of zeros with a one at the class."""
    return [[float(k == c) for k in range(count)] for c in classes]


# --- what holds Values -----------------------------------------------------------------------------------------------


def values(thing: Any) -> Any:
    """The same nested lists and dicts with a Value for every number; a Module as it is."""
    if isinstance(thing, dict):
        return {key: values(part) for key, part in thing.items()}
    if isinstance(thing, (list, tuple)):
        return type(thing)(values(part) for part in thing)
    return Value(thing) if isinstance(thing, (int, float)) else thing


def leaves(thing: Any) -> list[Any]:
    """The Values of parameters, or the numbers of a gradient, in order.

    >>> leaves({"a": [1.0, 2.0], "b": 3.0})
    [1.0, 2.0, 3.0]
    """
    return list(_leaves(thing))


def _leaves(thing: Any) -> Iterator[Any]:
    if isinstance(thing, Module):
        yield from thing.parameters()
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from _leaves(part)
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            yield from _leaves(part)
    else:
        yield thing


def numbers(parameters: Any) -> list[float]:
    """The numbers that the parameters hold."""
    return [value.data for value in leaves(parameters)]


def put(parameters: Any, given: list[float]) -> None:
    """Give the parameters these numbers."""
    for value, x in zip(leaves(parameters), given, strict=True):
        value.data = x


# --- the eager engine, to hold others against --------------------------------------------------------------------


class Truth(NamedTuple):
    """What the eager engine gives, and beside each number how large the terms were that it was added up from."""

    value: float
    gradient: list[float]
    scale: float
    scales: list[float]
    nodes: int


def eager(loss: Callable[..., Any], parameters: Any, data: tuple[Any, ...]) -> Truth:
    """The loss and its gradient by `backward`."""
    held = leaves(parameters)
    for value in held:
        value.grad = 0.0
    result = loss(parameters, *data)
    result.backward()
    graph = Graph(result)
    terms = graph.reverse(lambda n: tuple(None if p is None else abs(p) for p in graph.partials(n)), 1.0)
    adjoints = [0.0 if a is None else a for a in terms]
    scale = math.fsum(abs(a * x) for a, x in zip(adjoints, graph.data, strict=True) if math.isfinite(a * x))
    scales = [adjoints[graph.number(v)] if v in graph else 0.0 for v in held]
    return Truth(result.data, [v.grad for v in held], scale, scales, len(graph))


def unlike(value: float, gradient: list[float], truth: Truth, tolerance: float = 1e-12) -> list[str]:
    """Where a loss and its gradient are not the eager engine's: not the same to rounding, or finite where it is not."""
    out = [] if _alike(value, truth.value, truth.scale * tolerance) else [f"loss {value!r}, not {truth.value!r}"]
    if len(gradient) != len(truth.gradient):
        return [*out, f"{len(gradient)} derivatives, not {len(truth.gradient)}"]
    for i, (got, wanted, scale) in enumerate(zip(gradient, truth.gradient, truth.scales, strict=True)):
        if not _alike(got, wanted, scale * tolerance):
            out.append(f"derivative {i} is {got!r}, not {wanted!r}")
    return out


def _alike(got: float, wanted: float, error: float) -> bool:
    if math.isfinite(wanted) and math.isfinite(got):
        return abs(got - wanted) <= error + 1e-300
    return got == wanted or (got != got and wanted != wanted)


# --- every way to run a compiled program -----------------------------------------------------------------------------

Run = Callable[..., tuple[float, list[float]]]
"""From data to the loss and the derivatives by the parameters' present numbers, in order."""


def interpreted(loss: Callable[..., Any], parameters: Any, data: tuple[Any, ...], static: Any, plan_of: Any) -> Run:
    """The loss recorded, made a plan by `plan_of` (`roll` or `straight`), differentiated, and interpreted."""
    import numpy as np

    from microgradnet.compiler.arrays import argument
    from microgradnet.compiler.backprop import with_gradient
    from microgradnet.compiler.interpreter import interpret
    from microgradnet.compiler.plan import check
    from microgradnet.compiler.recording import record
    from microgradnet.compiler.recording.arguments import flatten

    recording = record(loss, parameters, data, static)
    made = check(plan_of(recording))
    plan = check(with_gradient(made, made.arguments.get("p", argument("p", (len(recording.parameters),)))))

    def run(*given: Any) -> tuple[float, list[float]]:
        arrays = {a.name: flatten(a, x) for a, x in zip(recording.arguments, given, strict=True)}
        value, vector = interpret(plan, p=np.array([v.data for v in recording.parameters]), **arrays)
        return float(value), leaves(recording.found.rebuild(vector.tolist()))

    return run


def compiled(
    engine: str,
    loss: Callable[..., Any],
    parameters: Any,
    data: tuple[Any, ...],
    static: Any = (),
    batch: bool | None = None,
) -> Run:
    """A program on an engine of `ENGINES`. `data` are all, those of a call are without the static ones."""
    if engine in ("rolled", "straight"):
        passes = importlib.import_module("microgradnet.compiler." + {"rolled": "passes"}.get(engine, engine))
        return interpreted(loss, parameters, data, static, passes.roll if engine == "rolled" else passes.straight)
    from microgradnet import compile

    program = compile(loss, parameters, *data, static=static, engine=engine, batch=batch)
    assert not any(words in program.why for words in OTHERWISE), program.why

    def run(*given: Any) -> tuple[float, list[float]]:
        value, gradients = program.value_and_grad(*given)
        return value, leaves(gradients)

    return run


OTHERWISE = ("its array form is not used", "its array form could not be written", "could not be put together to arrays")
"""Words of `program.why` where a program is right, but is not what the compiler wanted to write."""

REFEREES = ("rolled", "straight")
"""The plan of array operations, and that of single ones, interpreted node by node: no language in between."""

ENGINES = (*REFEREES, "python", "numpy")
"""What runs wherever NumPy is."""
