"""A training loop without a text of its own: each step by the program, each update by the optimiser, on floats.

It is what the loops that are written are held against before they are used, and what runs in their place where one
differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradnet.compiler.checking import difference
from microgradnet.compiler.running.backends import Code, Trainer
from microgradnet.compiler.updates import Stepping
from microgradnet.optim import Optimizer

__all__ = ["Stepwise", "loop_of"]

ROWS = 2
"""Of so many rows, and so many epochs, a loop is tried out."""
LOOSE = 1e3
"""How much more than a single step two rounds of an optimiser may differ."""


class Stepwise:
    """What a `Trainer` does, one step after the other. `moved`: which parameters the optimiser holds."""

    def __init__(
        self, code: Code, optimizer: Optimizer, step: Stepping, moved: Sequence[int], walked: Sequence[str]
    ) -> None:
        self.code, self.optimizer, self.step, self.moved = code, optimizer, step, list(moved)
        self.walked = list(walked)

    def data(self, arrays: Sequence[Any]) -> list[Any]:
        """The data as `run` wants them."""
        return [self.code.backend.given(array) for array in arrays]

    def run(
        self, carried: Sequence[Any], data: Sequence[Any], rates: Sequence[float], every: int
    ) -> tuple[list[Any], list[float]]:
        """As `Trainer.run`."""
        p, states = list(np.asarray(carried[0])), self._states(carried)
        losses = []
        for i, rate in enumerate(rates, start=1):
            for row in zip(*data, strict=True) if self.walked else [data]:
                gradient = self.code.step(np.array(p, float), row)[1]
                for k, place in enumerate(self.moved):
                    p[place], states[k] = self.optimizer.update(p[place], gradient[place], states[k], rate)
            if i % every == 0:
                losses.append(self.loss(np.array(p, float), data))
        return [np.array(p, float), *self._columns(carried, states)], losses

    def loss(self, p: Any, data: Sequence[Any]) -> float:
        """As `Trainer.loss`."""
        return self.code.mean_loss(p, data) if self.walked else self.code.loss(p, data)

    def _states(self, carried: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The states of each parameter that moves."""
        columns, given = [], iter(carried[1:])
        for name, start in zip(self.step.states, self.optimizer.initial_state, strict=True):
            column = start if name is None else next(given)
            kind = type(start)
            columns.append([kind(x) for x in np.broadcast_to(column, len(carried[0]))[self.moved].tolist()])
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.moved)

    def _columns(self, carried: Sequence[Any], states: Sequence[tuple[Any, ...]]) -> list[Any]:
        columns: list[Any] = []
        for k, name in enumerate(self.step.states):
            if name is not None:
                column: Any = np.array(carried[1 + len(columns)], float)
                numbers = [state[k] for state in states]
                if column.shape == ():
                    column = np.array(float(numbers[0]))
                else:
                    column[self.moved] = numbers
                columns.append(column)
        return columns


def loop_of(
    trainer: Trainer,
    optimizer: Optimizer,
    step: Stepping,
    moved: Sequence[int],
    carried: Sequence[Any],
    arrays: Sequence[Any],
) -> Trainer | Stepwise:
    """The loop, if two epochs of it over two rows are what the steps one by one give; else these steps."""
    stepwise = Stepwise(trainer.code, optimizer, step, moved, trainer.walked)
    some = [array[:ROWS] for array in arrays] if trainer.walked else list(arrays)
    rates = [optimizer.rate, 0.5 * optimizer.rate]
    with np.errstate(all="ignore"):
        wanted, _ = stepwise.run(carried, stepwise.data(some), rates, len(rates) + 1)
        got, _ = trainer.run(carried, trainer.data(some), rates, len(rates) + 1)
        for after, reference, before in zip(got, wanted, carried, strict=True):
            scale = LOOSE * np.maximum(np.abs(reference), np.abs(before))
            if difference("", after, reference, lambda scale=scale: scale):  # type: ignore[misc]
                return stepwise
    return trainer
