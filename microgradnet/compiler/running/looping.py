"""Training inside a program: whole rounds of epochs in one call, the numbers handed back when it ends.

`Course` is a training under way: the vector of parameters, the optimiser's states, and the data, all as arrays.
`go(rates, every)` walks through as many epochs as there are rates; nothing of the user's is touched. `train` is the
loop of `Program.train` around it: it measures, stops where the loss is no number, and writes the Values at the end.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from microgradnet.compiler.running.backends import Trainer
from microgradnet.compiler.running.building import Built
from microgradnet.compiler.running.holding import read, write
from microgradnet.compiler.running.stepwise import Stepwise, loop_of
from microgradnet.compiler.updates import Stepping, stepping
from microgradnet.errors import InputError, at_least
from microgradnet.optim import Optimizer, chosen_optimizer

__all__ = ["Course", "Trained", "train"]

MEASUREMENTS = 20
"""So many times the loss is measured, where nothing else is said."""
KEPT = 8
"""So many loops of a program are kept for the next training."""
ROUND = 0.05
"""Seconds that a call into the program lasts at most, about, so that Ctrl-C is heard."""


@dataclass(frozen=True)
class Trained:
    """How a training inside a program went: the loss over all rows after the epochs `epochs`, counted from 0.

    `interrupted` is True after Ctrl-C; `stopped` says in one sentence why it ended early, and is empty if it did not.

    >>> Trained([0, 10], [0.5, 0.25])
    <Trained: 11 epochs, loss 0.5 → 0.25>
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    interrupted: bool = False
    stopped: str = ""

    def __repr__(self) -> str:
        if not self.losses:
            return f"<Trained: no loss was measured{'; ' * bool(self.stopped)}{self.stopped}>"
        went = f"loss {self.losses[0]:.4g} → {self.losses[-1]:.4g}"
        return f"<Trained: {self.epochs[-1] + 1} epochs, {went}{'; ' * bool(self.stopped)}{self.stopped}>"


class Course:
    """A training under way. `arrays` are the data: of one step, or, where there are `rows`, with the rows in front.

    InputError where the optimiser holds Values that are no parameters of the program, or cannot be written as nodes.
    """

    def __init__(self, built: Built, optimizer: Optimizer, arrays: Sequence[Any], rows: int | None) -> None:
        place = {value: i for i, value in enumerate(built.parameters.values)}
        foreign = [value for value in optimizer.parameters if value not in place]
        if foreign:
            raise InputError(
                f"the optimizer holds {len(foreign)} Values that are no parameters of this program; "
                "make it from the parameters that were compiled"
            )
        self.built, self.optimizer, self.rows = built, optimizer, rows
        self.moved = [place[value] for value in optimizer.parameters]
        self.arrays = list(arrays)
        self.reread()

    def reread(self) -> None:
        """Take the parameters, the optimiser's states and its settings as they are now."""
        now = _settings(self.optimizer)
        if getattr(self, "settings", None) != now:
            self.stepping, self.trainer = self._loop(now)
            self.settings = now
            self.feed(self.arrays)
        self.carried = self._now()

    def _loop(self, settings: dict[str, Any]) -> tuple[Stepping, Trainer | Stepwise]:
        """The loop for these settings, one that was used before if there is one."""
        code = self.built.code
        key = type(self.optimizer), settings, self.moved, self.rows is None
        for known, loop in code.trainers:
            if known == key:
                return loop  # type: ignore[no-any-return]
        some = self.moved if len(self.moved) < len(self.built.parameters) else None
        self.stepping = stepping(code.plan, self.optimizer, some, code.arguments)
        trainer = self.built.trainer(self.stepping.plan, self.rows is not None)
        loop = loop_of(trainer, self.optimizer, self.stepping, self.moved, self._now(), self.arrays)
        if loop is trainer:
            code.trainers = [*code.trainers, (key, (self.stepping, loop))][-KEPT:]
        return self.stepping, loop

    def _now(self) -> list[Any]:
        n = len(self.built.parameters)
        return [read(self.built.parameters), *_columns(self.optimizer, self.moved, n, self.stepping)]

    def feed(self, arrays: Sequence[Any]) -> None:
        """Other data of the same shapes."""
        self.arrays, self.data = list(arrays), self.trainer.data(arrays)

    @property
    def p(self) -> Any:
        """The vector of parameters as it is now."""
        return self.carried[0]

    def go(self, rates: Sequence[float], every: int = sys.maxsize) -> list[float]:
        """So many epochs as there are rates; the loss over all rows after each `every` of them."""
        self.carried, losses = self.trainer.run(self.carried, self.data, rates, every)
        return losses

    def loss(self) -> float:
        """The loss of the present parameters, the mean over all rows."""
        return self.trainer.loss(self.p, self.data)

    def now(self) -> list[Any]:
        """Parameters and states, to come back to."""
        return [np.array(x) for x in self.carried]

    def back(self, then: list[Any]) -> None:
        """Return to what `now` gave."""
        self.carried = then

    def settle(self, epoch: int) -> None:
        """Give the optimiser its states and the number of epochs that are finished."""
        columns = iter(self.carried[1:])
        states = list(zip(*self.optimizer.states, strict=True))
        for k, name in enumerate(self.stepping.states):
            if name is not None:
                column = np.asarray(next(columns))
                kind = type(self.optimizer.initial_state[k])
                numbers = [column.item()] * len(self.moved) if column.shape == () else column[self.moved].tolist()
                states[k] = tuple(map(kind, numbers)) if kind is int else tuple(numbers)
        if states:
            self.optimizer.states = list(zip(*states, strict=True))
        self.optimizer.epoch = epoch


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """What an update depends on, beside the rate and the states."""
    return {name: x for name, x in vars(optimizer).items() if name not in ("epoch", "lr", "parameters", "states")}


def _columns(optimizer: Optimizer, moved: Sequence[int], n: int, step: Stepping) -> list[Any]:
    """Each state that takes part as a vector over all parameters, or as one number where it is the same for all."""
    columns: list[Any] = []
    for k, name in enumerate(step.states):
        if name is None:
            continue
        start = optimizer.initial_state[k]
        numbers = [state[k] for state in optimizer.states]
        if start.__class__ is int:
            if len(set(numbers)) > 1:
                raise InputError(
                    f"{type(optimizer).__name__}: parameters have made different numbers of steps "
                    f'({min(numbers)} to {max(numbers)}), which a compiled program cannot continue; take engine="eager"'
                )
            columns.append(float(numbers[0]))
        else:
            column = np.full(n, float(start))
            column[list(moved)] = numbers
            columns.append(column)
    return columns


# --- the loop of Program.train ----------------------------------------------------------------------------------------


def train(
    built: Built,
    arrays: Sequence[Any],
    rows: int | None,
    *,
    lr: float | Callable[[int], float] | None = None,
    epochs: int = 1000,
    optimizer: Optimizer | None = None,
    every: int | None = None,
) -> Trained:
    """Move the parameters; see `Program.train`."""
    optimizer = chosen_optimizer("train", built.parameters.values, optimizer, lr)
    epochs = at_least(1, "train: epochs", epochs)
    every = max(1, epochs // MEASUREMENTS) if every is None else at_least(1, "train: every", every)
    course = Course(built, optimizer, arrays, rows)
    first = optimizer.epoch
    measured: list[int] = []
    losses: list[float] = []
    stopped, interrupted = "", False
    reached = sound = (0, course.now())
    size = 1
    try:
        while reached[0] < epochs and not stopped:
            done = reached[0]
            count, spacing = _round(first, done, epochs, every, size)
            rates = rates_of(optimizer, first + done, count)
            started = perf_counter()
            new = course.go(rates, spacing)
            took = perf_counter() - started
            ends = [done + (i + 1) * spacing for i in range(len(new))]
            bad = next((i for i, loss in enumerate(new) if not math.isfinite(loss)), None)
            if bad is not None:
                stopped = (
                    f"the loss became {new[bad]} in epoch {first + ends[bad] - 1}, the parameters are those of the "
                    "last measurement before; try a smaller rate"
                )
                new, ends = new[: bad + 1], ends[: bad + 1]
                course.back((reached if bad else sound)[1])
                if bad:  # the same round again, as far as it was sound
                    course.go(rates[: ends[bad - 1] - done])
                sound = (ends[-1], course.now())
            measured += [first + end - 1 for end in ends]
            losses += new
            reached = (done + count, course.now())
            if ends:
                sound = sound if stopped else reached
            size = max(1, min(int(count * ROUND / max(took, 1e-9)), 64 * count))
    except KeyboardInterrupt:
        interrupted = True
        if not stopped:
            stopped = f"interrupted in epoch {first + reached[0]}, the parameters are those of the last whole epochs"
            sound = reached
        n = min(len(losses), sum(epoch < first + sound[0] for epoch in measured))
        del measured[n:], losses[n:]
    done, numbers = sound if stopped else reached
    course.back(numbers)
    write(built.parameters, course.p)
    course.settle(first + done)
    if stopped:
        print(f"train: {stopped}", file=sys.stderr)
    return Trained(measured, losses, interrupted, stopped)


def _round(first: int, done: int, epochs: int, every: int, size: int) -> tuple[int, int]:
    """How many epochs the next call makes, about `size`, and after how many of them each the loss is measured.

    The loss is measured after the epochs that are multiples of `every`, and after the last one.

    >>> _round(0, 0, 100, 10, 50), _round(0, 1, 100, 10, 50), _round(0, 1, 100, 10, 4), _round(0, 91, 100, 10, 50)
    ((1, 1), (50, 10), (4, 9223372036854775807), (9, 9))
    """
    to_next = min(-(first + done) % every + 1, epochs - done)
    if size < to_next:
        return size, sys.maxsize
    whole = min(size, epochs - done) // every
    return (whole * every, every) if to_next == every and whole else (to_next, to_next)


# --- settings -------------------------------------------------------------------------------------------------------


def rates_of(optimizer: Optimizer, first: int, epochs: int) -> list[float]:
    """The optimiser's rate in each of these epochs. InputError where its `lr` gives no rate."""
    now = optimizer.epoch
    try:
        rates = []
        for epoch in range(first, first + epochs):
            optimizer.epoch = epoch
            rates.append(optimizer.rate)
        return rates
    finally:
        optimizer.epoch = now
