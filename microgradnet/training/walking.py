"""Who goes through the epochs of `fit`: the eager engine, step by step, or programs of the compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from microgradnet import functions
from microgradnet.errors import InputError
from microgradnet.module import Module
from microgradnet.optim import Optimizer
from microgradnet.training.rows import Pair
from microgradnet.value import Value

__all__ = ["ENGINES", "Eager", "Loss", "Way", "plain", "walk"]

Loss: TypeAlias = Callable[[Any, Any], Any]

ENGINES = ("auto", "eager", "python", "numpy", "numba")
LONG = 25_000
"""Epochs times rows times parameters from which on a training takes longer than compiling does."""


class Way(Protocol):
    """How a training goes through its epochs: `Eager`, or programs (`compiler.running.fitting.Fitting`).

    What was reached need not stand in the Values before `write`, nor in the optimiser before `settle`.
    """

    @property
    def name(self) -> str:
        """The engine that runs."""

    @property
    def unit(self) -> str:
        """What an interrupt leaves whole: a step, or an epoch."""

    @property
    def why(self) -> str:
        """Which engine runs, and why."""

    def epoch(self, order: list[int] | None) -> None:
        """One epoch over the rows in this order (None: as they are)."""

    def loss(self) -> float:
        """The mean loss over all rows."""

    def loss_of(self, pairs: Sequence[Pair]) -> float:
        """The mean loss over other rows."""

    def agrees(self, last: bool) -> bool:
        """Whether the loss is still the one that is trained."""

    def write(self) -> None:
        """Give the Values the numbers that were reached."""

    def settle(self) -> None:
        """Give the optimiser its states and its epoch."""

    def reread(self) -> None:
        """Take over what the user has changed meanwhile."""


class Eager:
    """Epochs step by step, each computed anew; what `compiler.running.fitting.Fitting` does by programs."""

    name, unit = "eager", "step"

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer, rows: list[Pair], size: int, why: str) -> None:
        self.model, self.loss_of_one, self.optimizer = model, loss, optimizer
        self.rows, self.size, self.why = rows, size, f"eager: {why}"

    def epoch(self, order: list[int] | None) -> None:
        """One epoch over the rows in this order."""
        rows = self.rows if order is None else [self.rows[i] for i in order]
        epoch = self.optimizer.epoch
        for i in range(0, len(rows), self.size):
            losses = [self.loss_of_one(self.model(x), t) for x, t in rows[i : i + self.size]]
            total = losses[0] if len(losses) == 1 else functions.mean(losses)
            self.optimizer.zero_grad()
            total.backward()
            self.optimizer.step()
        self.optimizer.epoch = epoch + 1

    def loss(self) -> float:
        """The mean loss over all rows."""
        return self.loss_of(self.rows)

    def loss_of(self, pairs: Sequence[Pair]) -> float:
        """The mean loss over other rows."""
        mean: float = functions.mean([plain(self.loss_of_one(self.model(x), t)) for x, t in pairs])
        return mean

    def write(self) -> None:
        """The Values have their numbers already, the optimiser has its states."""

    settle = reread = write

    def agrees(self, last: bool) -> bool:
        """Whether the loss is still the one that is trained."""
        return True


def walk(engine: str, model: Module, loss: Loss, optimizer: Optimizer, rows: list[Pair], size: int, epochs: int) -> Way:
    """What goes through the epochs: the eager engine, or programs."""
    if engine not in ENGINES:
        raise InputError(f"fit: unknown engine {engine!r:.60}; take one of: {', '.join(ENGINES)}")
    if engine == "eager":
        return Eager(model, loss, optimizer, rows, size, "as it was chosen")
    if engine == "auto" and epochs * len(rows) * len(optimizer.parameters) < LONG:
        return Eager(model, loss, optimizer, rows, size, "a training so short is over before it is compiled")
    from microgradnet.compiler.running.fitting import Fitting

    try:
        return Fitting(model, loss, optimizer, rows, size, engine)
    except ImportError:
        raise
    except Exception as error:  # whatever the loss makes of data that are Values
        if engine != "auto":
            raise InputError(f"fit: engine={engine!r} cannot run this: {error}") from error
        return Eager(model, loss, optimizer, rows, size, str(error))


def plain(loss: Any) -> float:
    """The number of a loss. TypeError for a loss that is no Value."""
    if isinstance(loss, Value):
        return loss.data
    raise TypeError(f"a loss must return a Value, got {type(loss).__name__} {loss!r:.60}")
