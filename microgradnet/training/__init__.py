"""Training: `fit` walks through the samples again and again and lets an optimiser move the parameters.

What it does is the article's loop: a sample (or a batch), its loss, `backward()`, a step; the loss over all samples
is measured after an epoch. The `History` that it returns says how that loss went.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from time import monotonic
from typing import Any, TypeAlias

from microgradnet import functions
from microgradnet.errors import InputError, at_least
from microgradnet.files import write_atomically
from microgradnet.losses import LOSSES
from microgradnet.nn import Module
from microgradnet.optim import Optimizer, chosen_optimizer
from microgradnet.training.rows import Pair, chosen_rows, own_validation, pairs
from microgradnet.training.walking import ENGINES, Eager, Loss, Way, plain, walk
from microgradnet.value import Value

__all__ = ["ENGINES", "History", "fit"]

Report: TypeAlias = Callable[[int, float], None]


@dataclass(repr=False)
class History:
    """How a training went: the epochs after which the loss was measured, counted from 0, and the losses there.

    `losses` are over the whole training part, `validation_losses` over the validation part (empty without one);
    `before` is the training loss before the first step. `interrupted` is True after Ctrl-C; `stopped` says in one
    sentence why a training ended early, and is empty if it did not. `engine` is what ran, `why` says why it did.

    >>> History(epochs=[0, 10], losses=[0.5, 0.25]).losses[-1]
    0.25
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    before: float = math.nan
    interrupted: bool = False
    stopped: str = ""
    engine: str = ""
    why: str = ""

    def __repr__(self) -> str:
        if not self.losses:
            return "<History: no loss was measured>"
        went = (
            f"loss {self.before:.4g} → {self.losses[-1]:.4g}"
            if self.before == self.before
            else f"{self.losses[-1]:.4g}"
        )
        return f"<History: {self.epochs[-1] + 1} epochs, {went}{'; ' + self.stopped if self.stopped else ''}>"

    def csv(self, path: str | PathLike[str]) -> None:
        """Write `epoch,loss` and, if there is one, `validation_loss` to a CSV file, floats to the last bit.

        The file is written whole or not at all; InputError if it cannot be written.
        """
        columns: list[tuple[str, Sequence[float]]] = [("epoch", self.epochs), ("loss", self.losses)]
        if self.validation_losses:
            columns.append(("validation_loss", self.validation_losses))
        lines = [",".join(name for name, _ in columns)]
        lines += [",".join(map(repr, row)) for row in zip(*(numbers for _, numbers in columns), strict=True)]
        write_atomically(path, "\n".join(lines) + "\n")

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses with matplotlib on `ax`, or in a new figure of pyplot, and return the axes.

        A notebook then shows it, `ax.figure.savefig("loss.png")` saves it. ImportError without matplotlib.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise ImportError(
                    'History.plot needs matplotlib; install it by: pip install "microgradnet[plot]"'
                ) from error
            ax = pyplot.subplots(figsize=(6, 4), layout="constrained")[1]
        from microgradnet.plot import curve

        curve(self, ax=ax)
        return ax


def fit(
    model: Module,
    X: Any,
    y: Any,
    *,
    loss: str | Loss = "mse",
    optimizer: Optimizer | None = None,
    lr: float | Callable[[int], float] | None = None,
    epochs: int = 1000,
    batch: int | None = 1,
    shuffle: bool = False,
    seed: int | None = None,
    validation: float | tuple[Any, Any] | None = None,
    every: int = 1,
    progress: bool = True,
    on_epoch: Report | None = None,
    engine: str = "auto",
) -> History:
    """Train `model` on the rows of `X` and the targets `y`; its parameters change, a History is returned.

    - `X`: rows of numbers (lists, arrays, a data frame), a list of numbers if the model has one input. `y`: a target
      per row: a number, a class number counted from 0 for "cross_entropy", a row of numbers for several outputs.
    - `loss`: a name of `losses.LOSSES`, or a function of one output and one target; a batch has the mean of it.
    - `optimizer`: an optimiser of `optim`; without one, SGD with the rate `lr` (0.1).
    - `epochs`: how often to go through all rows. `batch`: rows per step, 1 as in the article, None for all of them.
    - `shuffle`: go through the rows in a new order every epoch. `seed` fixes it, and the choice of validation rows.
    - `validation`: a part of the rows between 0 and 1, chosen by chance, to measure only; or `(X, y)` of its own.
    - `every`: measure the loss after epoch 0, every, 2 · every …, and after the last.
    - `progress`: show a bar with the loss while it runs, if standard error is a terminal.
    - `on_epoch`: called with the epoch and its loss at each measurement.
    - `engine`: "eager" computes each step anew; "python", "numpy" and "numba" compile the loss of a row or of a batch
      (see `compile`), and run all steps between two measurements in one go, with the same results to rounding (which
      a training that leaps about makes larger from step to step); "auto" takes the fastest of eager, python and numpy.
      `History.why` says which ran, and why.

    Epochs count from `optimizer.epoch`, so that a second `fit` with the same optimiser goes on where one ended.

    A compiled loss is a function of its arguments and of the parameters alone. It is held against the eager engine now
    and then: where `on_epoch` has changed what else it reads, the training goes on eagerly.

    Ctrl-C ends the training after the last whole step (compiled: some epochs back, at most a tenth of a second); the
    parameters stay as they are then, `interrupted` is True.
    A loss that is nan or infinite ends it as well: the parameters go back to the last measurement (the ones at the
    start, if there was none) and `stopped` says so. Both print a line on standard error.

    InputError, naming the row, for data that do not fit the model or the loss, nan among them, and for wrong
    settings; TypeError for what is no number.

    >>> from microgradnet.nn import MLP
    >>> model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=6)
    >>> history = fit(model, [[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1], epochs=1000, every=10)
    >>> [round(history.losses[history.epochs.index(epoch)], 4) for epoch in (0, 100, 990)]
    [0.0906, 0.0133, 0.0014]
    """
    loss_of_one = _chosen_loss(loss)
    optimizer = _optimizer_of(model, optimizer, lr)
    epochs, every = at_least(1, "fit: epochs", epochs), at_least(1, "fit: every", every)
    source = random.Random(None if seed is None else at_least(0, "fit: seed", seed))
    all_rows = pairs(X, y, "")
    start = _losses_at_start(model, loss_of_one, all_rows, "")
    own = own_validation(validation) if isinstance(validation, (tuple, list)) else []
    _losses_at_start(model, loss_of_one, own, " of the validation part")
    chosen = set() if isinstance(validation, (tuple, list)) else chosen_rows(len(all_rows), validation, source)
    held_out = own or [all_rows[i] for i in sorted(chosen)]
    rows = [pair for i, pair in enumerate(all_rows) if i not in chosen]
    start = [number for i, number in enumerate(start) if i not in chosen]
    size = len(rows) if batch is None else at_least(1, "fit: batch", batch)
    way = walk(engine, model, loss_of_one, optimizer, rows, size, epochs)
    before = [p.data for p in optimizer.parameters], optimizer.states, optimizer.epoch, source.getstate()

    def eagerly(why: str) -> Eager:
        return Eager(model, loss_of_one, optimizer, rows, size, why)

    def trained(way: Way) -> History:
        history = History(before=functions.mean(start), engine=way.name, why=way.why)
        order, shuffled_by = list(range(len(rows))), source if shuffle else None
        with _bar(epochs, progress) as report:
            _train(way, eagerly, history, optimizer, epochs, every, shuffled_by, order, held_out, report, on_epoch)
        return history

    try:
        history = trained(way)
    except _Changed:
        numbers, optimizer.states, optimizer.epoch, state = before
        _put_back(optimizer.parameters, numbers)
        source.setstate(state)
        history = trained(eagerly("the loss became another one than was compiled, so the training began again"))
    model.zero_grad()
    if history.stopped:
        print(f"fit: {history.stopped}", file=sys.stderr)
    return history


class _Changed(Exception):
    """The loss is not the one that was compiled any more."""


def _train(
    way: Way,
    eagerly: Callable[[str], Eager],
    history: History,
    optimizer: Optimizer,
    epochs: int,
    every: int,
    shuffled_by: random.Random | None,
    order: list[int],
    held_out: list[Pair],
    report: Report,
    on_epoch: Report | None,
) -> None:
    """All epochs, measured, into the history."""
    first, last = optimizer.epoch, optimizer.epoch + epochs - 1
    sound = [p.data for p in optimizer.parameters]
    try:
        for epoch in range(first, last + 1):
            if shuffled_by is not None:
                shuffled_by.shuffle(order)
            way.epoch(order if shuffled_by is not None else None)
            if epoch % every and epoch != last:
                continue
            now = way.loss()
            history.epochs.append(epoch)
            history.losses.append(now)
            if held_out:
                history.validation_losses.append(way.loss_of(held_out))
            if not math.isfinite(now):
                history.stopped = (
                    f"the loss became {now} in epoch {epoch}, the parameters are those of the last measurement before; "
                    "try a smaller rate"
                )
                way.settle()
                _put_back(optimizer.parameters, sound)
                return
            way.write()
            if not way.agrees(epoch == last):
                raise _Changed
            sound = [p.data for p in optimizer.parameters]
            report(epoch - first + 1, now)
            if on_epoch is not None:
                way.settle()
                on_epoch(epoch, now)
                way.reread()
                if not way.agrees(True):
                    way = eagerly(f"from epoch {epoch + 1} on, as on_epoch changed the loss; before it {way.why}")
                    history.engine, history.why = way.name, way.why
        way.settle()
    except KeyboardInterrupt:
        history.interrupted = True
        way.settle()
        if history.stopped:  # it came while they were put back
            _put_back(optimizer.parameters, sound)
            return
        way.write()
        history.stopped = (
            f"interrupted in epoch {optimizer.epoch}, the parameters are those of the last whole {way.unit}"
        )
        _even_out(history, bool(held_out))


def _losses_at_start(model: Module, loss: Loss, rows: list[Pair], whose: str) -> list[float]:
    """The loss of each pair. What does not fit is found here, before anything has changed, and told by row."""
    losses = []
    for i, (x, t) in enumerate(rows):
        try:
            losses.append(plain(loss(model(x), t)))
        except InputError as error:
            raise InputError(f"fit: row {i}{whose}: {error}") from error
    return losses


def _put_back(parameters: list[Value], numbers: list[float]) -> None:
    for p, number in zip(parameters, numbers, strict=True):
        p.data = number


def _even_out(history: History, validated: bool) -> None:
    """Drop a measurement that an interrupt cut in two."""
    n = min(len(history.epochs), len(history.losses), len(history.validation_losses) if validated else sys.maxsize)
    for column in (history.epochs, history.losses, history.validation_losses):
        del column[n:]


# --- settings and data --------------------------------------------------------------------------------------------


def _chosen_loss(loss: str | Loss) -> Loss:
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise InputError(f"unknown loss {loss!r:.60}; take one of: {', '.join(LOSSES)}; or give a function")
    return LOSSES[loss]


def _optimizer_of(model: Module, optimizer: Optimizer | None, lr: Any) -> Optimizer:
    parameters = model.parameters()
    if not parameters:
        raise InputError(f"{type(model).__name__} has no parameters to train; set Values in its __init__")
    taken = chosen_optimizer("fit", parameters, optimizer, lr)
    if set(parameters).isdisjoint(taken.parameters):
        raise InputError("fit: the optimizer holds no parameter of this model; make it from model.parameters()")
    return taken


# --- progress -----------------------------------------------------------------------------------------------------


@contextmanager
def _bar(epochs: int, wanted: bool) -> Iterator[Report]:
    """What to call with the number of epochs done and the loss; shows a bar on a terminal, else nothing."""
    if not (wanted and sys.stderr is not None and sys.stderr.isatty()):
        yield lambda done, loss: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.6g}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=epochs, loss=math.nan)
        shown = -math.inf

        def report(done: int, loss: float) -> None:
            nonlocal shown
            if done == epochs or monotonic() - shown > 0.1:
                progress.update(task, completed=done, loss=loss)
                shown = monotonic()

        yield report
