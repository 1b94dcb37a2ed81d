"""What `fit` runs on where it can: the loss of a row, compiled, and epochs over all rows inside the program.

A batch of one row walks the program of one row; a larger batch is the mean over its rows, by one program for any batch
size where that is possible, else by one for each of the two sizes that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from microgradnet import functions
from microgradnet.compiler.checking import difference, magnitudes
from microgradnet.compiler.recording import record
from microgradnet.compiler.running.building import Built, build
from microgradnet.compiler.running.holding import read, write
from microgradnet.compiler.running.looping import ROUND, Course, rates_of
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.optim import Optimizer

__all__ = ["Fitting"]

WIDE = 32
"""From so many rows on their losses are measured together, as arrays."""

Pair = tuple[list[float], Any]
Loss = Callable[[Any, Any], Any]


class Fitting:
    """A training of `fit` under way: `rows` are pairs of a sample and its target, `size` of them make a step.

    Epochs are run when they are needed, many at a time. The Values and the optimiser are written by `write` and
    `settle` only. InputError, with the reason, where the loss cannot be compiled.
    """

    def __init__(
        self, model: Any, loss: Loss, optimizer: Optimizer, rows: Sequence[Pair], size: int, engine: str
    ) -> None:
        self.model, self.loss_of_one, self.optimizer, self.engine = model, loss, optimizer, engine
        self.size = min(size, len(rows))
        self.batch = list(rows[: self.size])
        _require_steady(loss, model, rows)
        full = self._built(self.batch)
        rest = len(rows) % self.size
        self.builts = [full] if not rest else [full, full if full.shapes else self._built(list(rows[:rest]))]
        self.arrays = _arrays(rows)
        self.parts = len(rows) - rest
        self.courses = [
            Course(built, optimizer, data, n) for built, (data, n) in zip(self.builts, self._split(None), strict=True)
        ]
        self.meter = self._meter(rows)
        self.done = optimizer.epoch
        self.waiting, self.most, self.calls = 0, 1, 0
        self.order: list[int] | None = None

    unit = "epoch"

    @property
    def name(self) -> str:
        """The engine that runs."""
        return self.builts[0].code.language

    @property
    def why(self) -> str:
        """Which engine runs, and why."""
        return self.builts[0].why

    # --- epochs ---

    def epoch(self, order: list[int] | None) -> None:
        """One more epoch, over the rows in this order (None: as they are)."""
        if order is not None:
            self.order = order
            for course, (data, _) in zip(self.courses, self._split(order), strict=True):
                course.feed(data)
        self.waiting += 1
        if self.waiting >= self.most or order is not None:
            self.run()

    def run(self) -> None:
        """The epochs that wait."""
        if not self.waiting:
            return
        started, count = perf_counter(), self.waiting
        rates = rates_of(self.optimizer, self.done, count)
        main, *others = self.courses
        before = main.carried
        try:
            for some in [rates] if not others else [[rate] for rate in rates]:
                main.go(some)
                for course in others:
                    course.carried = main.carried
                    course.go(some)
                    main.carried = course.carried
        except BaseException:
            main.carried, self.waiting = before, 0
            raise
        self.done, self.waiting = self.done + count, 0
        self.most = max(1, min(int(count * ROUND / max(perf_counter() - started, 1e-9)), 64 * count))

    # --- measurements ---

    def loss(self) -> float:
        """The mean loss over all rows, after the epochs so far."""
        self.run()
        return self._mean(self.arrays)

    def loss_of(self, pairs: Sequence[Pair]) -> float:
        """The mean loss over other rows."""
        return self._mean(_arrays(pairs))

    def agrees(self, last: bool) -> bool:
        """Whether the loss is still the one that was compiled: looked at after 1, 2, 4, 8 … calls, and at the last.

        The first batch is computed eagerly, too, with the numbers that the Values have now.
        """
        self.calls += 1
        if self.calls & (self.calls - 1) and not last:
            return True
        rows = self.batch[:2] if self.builts[0].shapes else self.batch
        total = functions.mean([self.loss_of_one(self.model(x), t) for x, t in rows])
        data = _arrays(rows) if self.size > 1 else [array[0] for array in _arrays(rows)]
        loss = self.builts[0].code.loss(read(self.builts[0].parameters), data)
        return not difference("loss", loss, total.data, lambda: magnitudes(Graph(total))[0])

    # --- the user's own ---

    def write(self) -> None:
        """Give the Values the numbers that were reached."""
        write(self.builts[0].parameters, self.courses[0].p)

    def settle(self) -> None:
        """Give the optimiser its states and its epoch, too."""
        self.courses[0].settle(self.done)

    def reread(self) -> None:
        """Take over what the user has changed meanwhile: parameters, states, and settings of the optimiser."""
        for course in self.courses:
            course.reread()

    # --- inside ---

    def _built(self, rows: list[Pair]) -> Built:
        if self.size == 1:
            return build(_of_one(self.loss_of_one), self.model, rows[0], engine=self.engine, batch=False)
        return build(_of_many(self.loss_of_one), self.model, _columns(rows), engine=self.engine)

    def _split(self, order: list[int] | None) -> list[tuple[list[Any], int | None]]:
        """The data of the full batches, with these in front, and of the rest."""
        arrays = self.arrays if order is None else [array[order] for array in self.arrays]
        if self.size == 1:
            return [(arrays, self.parts)]
        n = self.parts // self.size
        full = [array[: self.parts].reshape(n, self.size, *array.shape[1:]) for array in arrays]
        rest = [array[self.parts :] for array in arrays]
        return [(full, n), (rest, None)][: len(self.builts)]

    def _meter(self, rows: Sequence[Pair]) -> tuple[Built, bool]:
        """The program that measures, and whether it takes all rows at once."""
        first = self.builts[0]
        if first.shapes:
            return first, True
        if len(rows) >= WIDE and self.engine != "python":
            try:
                many = _of_many(self.loss_of_one)
                return build(many, self.model, _columns(rows), engine=self.engine, batch=True), True
            except InputError:
                pass
        if self.size == 1:
            return first, False
        return build(_of_one(self.loss_of_one), self.model, rows[0], engine=self.engine, batch=False), False

    def _mean(self, arrays: Sequence[Any]) -> float:
        built, together = self.meter
        p = self.courses[0].p
        if together:
            return built.code.loss(p, arrays)
        return built.code.mean_loss(p, arrays)


# --- the losses that are compiled -------------------------------------------------------------------------------------


def _of_one(loss: Loss) -> Callable[..., Any]:
    def fit_loss(model: Any, x: Any, y: Any) -> Any:
        return loss(model(x), y)

    return fit_loss


def _of_many(loss: Loss) -> Callable[..., Any]:
    def fit_loss(model: Any, X: Any, y: Any) -> Any:
        return functions.mean([loss(model(x), t) for x, t in zip(X, y, strict=True)])

    return fit_loss


def _columns(rows: Sequence[Pair]) -> list[list[Any]]:
    return [[x for x, _ in rows], [t for _, t in rows]]


def _arrays(rows: Sequence[Pair]) -> list[Any]:
    return [np.array(column, float) for column in _columns(rows)]


def _require_steady(loss: Loss, model: Any, rows: Sequence[Pair]) -> None:
    """InputError where the loss does not do the same for every row, and each time it runs."""
    seen = {_done(loss, model, rows[i]) for i in (0, 0, len(rows) - 1)}
    if len(seen) > 1:
        raise InputError("the loss does not compute the same each time it runs, for chance or for a branch")


def _done(loss: Loss, model: Any, row: Pair) -> tuple[Any, ...]:
    """What the loss of a row does: operations, operands, and numbers that are no data and no parameters."""
    recording = record(_of_one(loss), model, row)
    graph = recording.graph
    others = tuple(x for i, x in enumerate(graph.data) if not graph.operations[i] and i not in recording.origin)
    return tuple(graph.operations), graph.operands, others
