"""Training: `fit` walks through the samples again and again and lets an optimiser move the parameters.

What it does is the article's loop: a sample (or a batch), its loss, `backward()`, a step; the loss over all samples
is measured after an epoch. The `History` that it returns says how that loss went.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import index
from os import PathLike
from time import monotonic
from typing import Any, TypeAlias

from microgradnet import functions
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.losses import LOSSES
from microgradnet.nn import Module
from microgradnet.optim import SGD, Optimizer
from microgradnet.value import Value

__all__ = ["History", "fit"]

Pair: TypeAlias = "tuple[list[float], float | list[float]]"  # a sample and its target
Loss: TypeAlias = Callable[[Any, Any], Any]
Report: TypeAlias = Callable[[int, float], None]


@dataclass(repr=False)
class History:
    """How a training went: the epochs after which the loss was measured, counted from 0, and the losses there.

    `losses` are over the whole training part, `validation_losses` over the validation part (empty without one);
    `before` is the training loss before the first step. `interrupted` is True after Ctrl-C; `stopped` says in one
    sentence why a training ended early, and is empty if it did not.

    >>> History(epochs=[0, 10], losses=[0.5, 0.25]).losses[-1]
    0.25
    """

    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    before: float = math.nan
    interrupted: bool = False
    stopped: str = ""

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

    Epochs count from `optimizer.epoch`, so that a second `fit` with the same optimiser goes on where one ended.

    Ctrl-C ends the training after the last whole step; the parameters stay as they are then, `interrupted` is True.
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
    optimizer = _chosen_optimizer(model, optimizer, lr)
    epochs, every = _at_least("epochs", epochs, 1), _at_least("every", every, 1)
    source = random.Random(None if seed is None else _at_least("seed", seed, 0))
    pairs = _pairs(X, y, "")
    start = _losses_at_start(model, loss_of_one, pairs, "")
    own = _own_validation(validation) if isinstance(validation, (tuple, list)) else []
    _losses_at_start(model, loss_of_one, own, " of the validation part")
    chosen = set() if isinstance(validation, (tuple, list)) else _chosen_rows(len(pairs), validation, source)
    held_out = own or [pairs[i] for i in sorted(chosen)]
    rows = [pair for i, pair in enumerate(pairs) if i not in chosen]
    start = [number for i, number in enumerate(start) if i not in chosen]
    order, size = list(rows), len(rows) if batch is None else _at_least("batch", batch, 1)
    history = History(before=functions.mean(start))
    first, last = optimizer.epoch, optimizer.epoch + epochs - 1
    sound = [p.data for p in optimizer.parameters]
    try:
        with _bar(epochs, progress) as report:
            for epoch in range(first, last + 1):
                if shuffle:
                    source.shuffle(order)
                for i in range(0, len(order), size):
                    _step(model, loss_of_one, optimizer, order[i : i + size])
                optimizer.epoch = epoch + 1
                if epoch % every and epoch != last:
                    continue
                now = _mean_loss(model, loss_of_one, rows)
                history.epochs.append(epoch)
                history.losses.append(now)
                if held_out:
                    history.validation_losses.append(_mean_loss(model, loss_of_one, held_out))
                if not math.isfinite(now):
                    history.stopped = (
                        f"the loss became {now} in epoch {epoch}, the parameters are those of the last measurement "
                        "before; try a smaller rate"
                    )
                    _put_back(optimizer.parameters, sound)
                    break
                sound = [p.data for p in optimizer.parameters]
                report(epoch - first + 1, now)
                if on_epoch is not None:
                    on_epoch(epoch, now)
    except KeyboardInterrupt:
        history.interrupted = True
        if history.stopped:  # it came while they were put back
            _put_back(optimizer.parameters, sound)
        else:
            history.stopped = f"interrupted in epoch {optimizer.epoch}, the parameters are those of the last whole step"
            _even_out(history, bool(held_out))
    model.zero_grad()
    if history.stopped:
        print(f"fit: {history.stopped}", file=sys.stderr)
    return history


# --- a step, a measurement ----------------------------------------------------------------------------------------


def _step(model: Module, loss: Loss, optimizer: Optimizer, rows: list[Pair]) -> None:
    losses = [loss(model(x), t) for x, t in rows]
    total = losses[0] if len(losses) == 1 else functions.mean(losses)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()


def _mean_loss(model: Module, loss: Loss, pairs: list[Pair]) -> float:
    mean: float = functions.mean([_plain(loss(model(x), t)) for x, t in pairs])
    return mean


def _losses_at_start(model: Module, loss: Loss, pairs: list[Pair], whose: str) -> list[float]:
    """The loss of each pair. What does not fit is found here, before anything has changed, and told by row."""
    losses = []
    for i, (x, t) in enumerate(pairs):
        try:
            losses.append(_plain(loss(model(x), t)))
        except InputError as error:
            raise InputError(f"fit: row {i}{whose}: {error}") from error
    return losses


def _plain(loss: Any) -> float:
    if isinstance(loss, Value):
        return loss.data
    raise TypeError(f"a loss must return a Value, got {type(loss).__name__} {loss!r:.60}")


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


def _chosen_optimizer(model: Module, optimizer: Optimizer | None, lr: Any) -> Optimizer:
    parameters = model.parameters()
    if not parameters:
        raise InputError(f"{type(model).__name__} has no parameters to train; set Values in its __init__")
    if optimizer is None:
        return SGD(parameters, 0.1 if lr is None else lr)
    if lr is not None:
        raise InputError("fit: give either an optimizer, which has its own rate, or lr, not both")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "fit: optimizer must be one of optim, such as optim.Adam(model.parameters(), 0.01), got "
            f"{type(optimizer).__name__} {optimizer!r:.60}"
        )
    if set(parameters).isdisjoint(optimizer.parameters):
        raise InputError("fit: the optimizer holds no parameter of this model; make it from model.parameters()")
    return optimizer


def _at_least(what: str, given: Any, least: int) -> int:
    try:
        number = index(given)
    except TypeError:
        raise TypeError(f"fit: {what} must be a whole number, got {type(given).__name__} {given!r:.60}") from None
    if number < least:
        raise InputError(f"fit: {what} must be at least {least}, got {number}")
    return number


def _own_validation(given: Sequence[Any]) -> list[Pair]:
    if len(given) != 2:
        raise InputError(f"fit: validation must be a part such as 0.25, or (X, y), got {len(given)} things")
    return _pairs(given[0], given[1], "validation ")


def _chosen_rows(n_rows: int, part: float | None, source: random.Random) -> set[int]:
    """The numbers of the rows that are kept for validation."""
    if part is None:
        return set()
    if isinstance(part, bool) or not isinstance(part, (int, float)):
        raise TypeError(f"fit: validation must be a part such as 0.25, or (X, y), got {type(part).__name__}")
    if not 0.0 < part < 1.0:
        raise InputError(f"fit: validation must be a part between 0 and 1, such as 0.25, got {part}")
    n = round(part * n_rows)
    if not 0 < n < n_rows:
        raise InputError(f"fit: {part} of {n_rows} rows leaves one part empty; give more rows or another part")
    return set(source.sample(range(n_rows), n))


def _pairs(X: Any, y: Any, whose: str) -> list[Pair]:
    """X and y as plain floats, row by row: as many rows as targets, rows of equal length, finite numbers."""
    rows = [_row(row, f"{whose}X", i) for i, row in enumerate(_listed(X, f"{whose}X"))]
    targets = [_row(row, f"{whose}y", i) for i, row in enumerate(_listed(y, f"{whose}y"))]
    if len(rows) != len(targets) or not rows:
        raise InputError(
            f"fit: {whose}X has {len(rows)} rows and {whose}y has {len(targets)}; give one target per row, at least one"
        )
    for what, table in (("X", rows), ("y", targets)):
        for i, row in enumerate(table):
            if len(row) != len(table[0]):
                raise InputError(
                    f"fit: row {i} of {whose}{what} has {len(row)} numbers and row 0 has {len(table[0])}; "
                    "give all the same number"
                )
    return [(x, t[0] if len(t) == 1 else t) for x, t in zip(rows, targets, strict=True)]


def _listed(table: Any, what: str) -> list[Any]:
    if hasattr(table, "to_numpy"):  # a data frame, which iterates over its column names
        table = table.to_numpy()
    if hasattr(table, "tolist"):
        table = table.tolist()
    if isinstance(table, (str, bytes, dict)) or not isinstance(table, Iterable):
        raise TypeError(f"fit: {what} must be a list of rows or an array, got {type(table).__name__} {table!r:.60}")
    return list(table)


def _row(row: Any, what: str, i: int) -> list[float]:
    """A row as a list of floats; a single number is a row of one."""
    if isinstance(row, (str, bytes)) or not hasattr(row, "__len__") or getattr(row, "ndim", 1) == 0:
        row = [row]
    numbers = []
    for j, given in enumerate(row):
        if isinstance(given, (str, bytes, Value)) or not hasattr(given, "__float__"):
            raise TypeError(
                f"fit: row {i}, column {j} of {what} must be a number, got {type(given).__name__} {given!r:.60}"
            )
        try:
            number = float(given)
        except OverflowError:  # a whole number beyond 1.8e308
            number = math.inf
        if not math.isfinite(number):
            raise InputError(f"fit: row {i}, column {j} of {what} is {number}; leave the row out or put a number in")
        numbers.append(number)
    return numbers


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
