"""One program for any batch size: the loss is recorded at three small sizes, and what differs must depend on N alone.

The batch is the first axis of the first data argument that has axes, and of all that are equally long. Nothing is asked
of the loss but that it runs on a few rows as it does on many: means over the batch, batch norm, and terms between
rows are as good as a loss of one row at a time.

    >>> from microgradnet import Value
    >>> from microgradnet.compiler.passes import roll
    >>> def mean_square(w, X):
    ...     return sum((w[0] * x - 1) ** 2 for x in X) / len(X)
    >>> found = of_any_size(mean_square, [Value(2.0)], [[1.0, 2.0]], (), roll)
    >>> print(found.plan)
    X: (N,) argument
    p: (1,) argument
    v1: () = view p [0]
    v2: (N,) = mul X v1
    v3: (N,) = sub v2 1.0
    v4: () = contract v3 v3 z,z->
    loss: () = mul 1.0 / N v4
    >>> found.nodes_at(1000)
    4001
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradnet.compiler.passes.unify import unify
from microgradnet.compiler.plan import Plan
from microgradnet.compiler.recording import Recording, record
from microgradnet.compiler.recording.arguments import argument_names, read
from microgradnet.errors import InputError

__all__ = ["AnyBatch", "of_any_size"]

SIZES = ((7, 11, 13, 12), (19, 23, 29, 24))
"""Primes, which meet no other size by chance, three for the plan; one to check it, which can be divided by 2, 3, 4 and
6, as a loss may treat every other row otherwise. And others, should one meet."""


@dataclass(frozen=True)
class AnyBatch:
    """A plan for any batch size.

    batched:   names of the data arguments whose first axis is the batch
    recording: the loss at a size that the plan was not made from, and `data`, what it was given there
    rows:      the most rows that it was recorded with
    nodes:     how many scalar operations two sizes took, as pairs (size, operations)
    """

    plan: Plan
    batched: tuple[str, ...]
    recording: Recording
    data: tuple[Any, ...]
    rows: int
    nodes: tuple[tuple[int, int], tuple[int, int]]

    def nodes_at(self, n: int) -> int:
        """How many scalar operations the loss takes at a batch size, were they counted on in a straight line."""
        (n1, nodes1), (n2, nodes2) = self.nodes
        return nodes1 + round((nodes2 - nodes1) * (n - n1) / (n2 - n1))


def of_any_size(
    loss: Callable[..., Any],
    parameters: Any,
    data: Sequence[Any],
    static: Sequence[str],
    planned: Callable[[Recording], Plan],
) -> AnyBatch:
    """Record `loss(parameters, *data)` with a few rows of the data, as often as it takes; `planned` makes each plan.

    InputError that says why no plan holds for all batch sizes: there is no batch in the data, or the plans differ in
    more than their sizes. What the loss raises at a few rows is such a reason, too.
    """
    names = argument_names(loss, len(data))
    length = _batch(names, data, static)
    batched = tuple(name for name, given in zip(names, data, strict=True) if _length(name, given, static) == length)
    for name in static:
        given = data[names.index(name)]
        if hasattr(given, "__len__") and len(given) == length:
            raise InputError(f"{name} is static, so its {length} rows are fixed in the program")
    reason: InputError | None = None
    for sizes in SIZES:
        try:
            rows = [tuple(_resized(given, n) if name in batched else given
                          for name, given in zip(names, data, strict=True)) for n in sizes]  # fmt: skip
            recordings = [record(loss, parameters, given, static) for given in rows]
            plan = unify([planned(recording) for recording in recordings[:3]], sizes[:3])
        except InputError as error:
            reason = error
            continue
        nodes = (sizes[0], _operations(recordings[0])), (sizes[1], _operations(recordings[1]))
        return AnyBatch(plan, batched, recordings[3], rows[3], max(sizes), nodes)
    assert reason is not None
    raise reason


def _operations(recording: Recording) -> int:
    return sum(op != "" for op in recording.graph.operations)


def _length(name: str, given: Any, static: Sequence[str]) -> int | None:
    if name in static:
        return None
    argument, _ = read(name, given)
    return argument.shape[0] if argument.shape and argument.form is None else None


def _batch(names: Sequence[str], data: Sequence[Any], static: Sequence[str]) -> int:
    for name, given in zip(names, data, strict=True):
        if (length := _length(name, given, static)) is not None:
            return length
    raise InputError("no data argument has a first axis that could be a batch")


def _resized(given: Any, n: int) -> Any:
    """The first n rows, from the beginning again where there are fewer."""
    if isinstance(given, (list, tuple)):
        return type(given)(given[i % len(given)] for i in range(n))
    array = np.asarray(given)
    return array[np.arange(n) % len(array)]
