"""Training a network on a problem: the settings, what they mean for these classes, and how good it became."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from microgradnet import functions
from microgradnet.display import Shown, Table, exact, fixed
from microgradnet.errors import InputError
from microgradnet.losses import LOSSES
from microgradnet.nn import ACTIVATIONS, INITS, MLP
from microgradnet.optim import SGD, Adam, AdamW, Optimizer
from microgradnet.sheet import listed
from microgradnet.tabular.models import Scaling, TableModel, outputs
from microgradnet.tabular.problems import Problem, split, transposed
from microgradnet.training import ENGINES, History, fit

__all__ = ["Score", "Settings", "Training", "train"]

MOST_WEIGHTS = 1_000_000
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


@dataclass(frozen=True)
class Settings:
    """How to train. As it stands: the article's network, one row a step, on scaled inputs.

    `hidden`: neurons per hidden layer, () for none. `rate`: the learning rate of the first epoch; it falls evenly to 0
    after the last, so that single rows no longer shake the network in the end. `loss`, `rate` and `init`: None takes
    the usual ones (`completed` says which). `test`: the share of rows to test on. `seed` fixes the choice of these
    rows, the first parameters and the order of the rows. `engine`: what trains, as `fit` takes it.
    """

    hidden: tuple[int, ...] = (2,)
    activation: str = "sigmoid"
    loss: str | None = None
    optimizer: str = "sgd"
    rate: float | None = None
    epochs: int = 100
    batch: int = 1
    test: float = 0.25
    seed: int = 0
    init: str | None = None
    engine: str = "auto"

    def completed(self, classes: Sequence[str]) -> Settings:
        """The same with every choice made for these classes. InputError, with what is allowed, for one that is not.

        Loss: cross-entropy for classes, else mse. Rate: 0.1 for classes and 0.01 for numbers, and 0.01 for all but sgd.
        Init: xavier for sigmoid, tanh, sin and linear, he for the relatives of relu.

        >>> done = Settings().completed(["F", "M"])
        >>> done.loss, done.rate, done.init
        ('binary_cross_entropy', 0.1, 'xavier')
        """
        losses = _losses(classes)
        loss = losses[0] if self.loss is None else self.loss
        rate = (0.1 if classes and self.optimizer == "sgd" else 0.01) if self.rate is None else self.rate
        usual_init = "xavier" if self.activation in ("linear", "sigmoid", "tanh", "sin") else "he"
        done = replace(self, loss=loss, rate=rate, init=usual_init if self.init is None else self.init)
        _one_of("activation", done.activation, ACTIVATIONS)
        _one_of("optimizer", done.optimizer, OPTIMIZERS)
        _one_of("init", done.init, INITS)
        _one_of("engine", done.engine, ENGINES)
        if loss in LOSSES and loss not in losses:
            kind = f"{len(classes)} classes" if classes else "numbers"
            raise InputError(f"the loss {loss!r} does not suit a target of {kind}; take one of: {listed(losses)}")
        _one_of("loss", loss, losses)
        if not 0.0 < rate < math.inf:
            raise InputError(f"the rate must be a number above 0, such as 0.1, got {rate:g}")
        for i, n in enumerate(done.hidden, start=1):
            if n < 1:
                raise InputError(f"hidden layer {i} must have at least 1 neuron, got {n}")
        if sum(a * b for a, b in pairwise((1, *done.hidden, 1))) > MOST_WEIGHTS:
            raise InputError(f"hidden layers {done.hidden} make more than {MOST_WEIGHTS:,} weights; take fewer neurons")
        for what, number in (("the number of epochs", done.epochs), ("the batch", done.batch)):
            if number < 1:
                raise InputError(f"{what} must be at least 1, got {number}")
        if not 0 <= done.seed < 2**32:
            raise InputError(f"the seed must be from 0 to 4294967295, got {done.seed}")
        return done


def _losses(classes: Sequence[str]) -> tuple[str, ...]:
    """The losses that suit a target, the usual one first."""
    if not classes:
        return ("mse", "mae", "huber")
    return ("binary_cross_entropy", "mse", "mae", "huber") if len(classes) == 2 else ("cross_entropy",)


class Score(NamedTuple):
    """How good a model is on some rows: the mean loss, and the accuracy (classes) or R² (None for equal numbers)."""

    rows: int
    loss: float
    measure: float | None

    def cells(self, part: str) -> list[str]:
        """A row of the table."""
        measure = "undefined" if self.measure is None else fixed(self.measure, 4)
        return [part, str(self.rows), fixed(self.loss, 4), measure]


@dataclass(frozen=True, repr=False)
class Training(Shown):
    """What a training gave: the model, how the loss went, how good the model is on both parts of the rows."""

    model: TableModel
    history: History
    settings: Settings
    training: Score
    test: Score | None
    baseline: str = ""

    @property
    def measure(self) -> str:
        """The name of what is measured beside the loss."""
        return "accuracy" if self.model.classes else "R²"

    def table(self) -> Table:
        s, network = self.settings, self.model.network
        sizes = "-".join(map(str, [network.n_inputs, *network.sizes]))
        rows = [self.training.cells("training")] + ([self.test.cells("test")] if self.test else [])
        hidden = f" {network.activation}" if s.hidden else ""
        title = f"TRAINING  a {sizes}{hidden} network of {len(network.parameters())} parameters"
        step = "one row" if s.batch == 1 else f"{s.batch} rows"
        went = self.history.stopped or f"{s.epochs} epochs, rate falling from {s.rate:g} to 0"
        notes = [
            f"loss {s.loss}, seed {s.seed}",
            f"{s.optimizer}, {step} a step, {went}",
            *([self.baseline] if self.baseline else []),
            f"engine {self.history.why}",
        ]
        return Table(["part", "rows", "loss", self.measure], rows, title=title, align="lrrr", notes=notes)

    def data(self) -> dict[str, Any]:
        def of(score: Score | None) -> dict[str, Any] | None:
            return score and {"rows": score.rows, "loss": score.loss, self.measure_key: score.measure}

        return {
            "settings": asdict(self.settings),
            "epochs": self.history.epochs,
            "losses": self.history.losses,
            "engine": self.history.why,
            "training": of(self.training),
            "test": of(self.test),
        }

    @property
    def measure_key(self) -> str:
        """The name of the measure in JSON."""
        return "accuracy" if self.model.classes else "r2"


def train(found: Problem, settings: Settings | None = None, *, progress: bool = False) -> Training:
    """Train a network on a problem: choose the rows to test on, scale by the others, fit, measure both.

    InputError for settings that do not fit. If the loss becomes nan or the user interrupts, the history says so.
    """
    settings = (settings or Settings()).completed(found.classes)
    kept, tested = split(len(found.X), settings.test, settings.seed)
    if settings.batch > len(kept):
        raise InputError(f"a batch of {settings.batch} is more than the {len(kept)} rows to train on; take a smaller")
    X, y = [found.X[i] for i in kept], [found.y[i] for i in kept]
    if len(set(y)) == 1:
        what = f"class {found.classes[int(y[0])]!r:.60}" if found.classes else f"the target {exact(y[0])}"
        raise InputError(
            f"{found.path}: the {len(kept)} rows to train on all have {what}; give more rows, another seed or test part"
        )
    model = _untrained(found, X, y, settings)
    parameters, rate, epochs = model.network.parameters(), float(settings.rate or 0.0), settings.epochs
    X_test, y_test = [found.X[i] for i in tested], [found.y[i] for i in tested]
    history = fit(
        model.network,
        model.scaled(X),
        model.scaled_target(y),
        loss=str(settings.loss),
        optimizer=OPTIMIZERS[settings.optimizer](parameters, lr=lambda epoch: rate * (1.0 - epoch / epochs)),
        epochs=epochs,
        batch=settings.batch,
        shuffle=True,
        seed=settings.seed,
        validation=(model.scaled(X_test), model.scaled_target(y_test)) if tested else None,
        every=max(1, epochs // 50),
        progress=progress,
        engine=settings.engine,
    )
    return Training(
        model,
        history,
        settings,
        _score(model, settings, X, y),
        _score(model, settings, X_test, y_test) if tested else None,
        _baseline(found, y, y_test),
    )


def _untrained(found: Problem, X: list[list[float]], y: list[float], settings: Settings) -> TableModel:
    n_outputs, output = outputs(found.classes)
    network = MLP(
        len(found.inputs),
        [*settings.hidden, n_outputs],
        activation=settings.activation,
        output=output,
        init=str(settings.init),
        seed=settings.seed,
    )
    columns = zip(found.inputs, transposed(X), strict=True)
    scaling = tuple(_scaling(found.path, name, column) for name, column in columns)
    target_scaling = (0.0, 1.0) if found.classes else _scaling(found.path, found.target, y)
    return TableModel(network, found.inputs, scaling, found.target, found.classes, target_scaling)


def _scaling(path: str, name: str, column: Sequence[float]) -> Scaling:
    """The mean and the deviation of a column; a deviation of 1 if all its numbers are equal."""
    if min(column) == max(column):
        return column[0], 1.0
    mean = math.fsum(x / len(column) for x in column)
    deviation = math.sqrt(math.fsum((x - mean) * (x - mean) / len(column) for x in column))
    if not math.isfinite(deviation):
        raise InputError(f"{path}: column {name!r} holds numbers too large to scale; write it in a larger unit")
    return mean, deviation or 1.0


def _score(model: TableModel, settings: Settings, X: list[list[float]], y: list[float]) -> Score:
    loss_of = LOSSES[str(settings.loss)]
    pairs = zip(model.network.predict(model.scaled(X)), model.scaled_target(y), strict=True)
    loss = functions.mean([loss_of(output, t).data for output, t in pairs])
    said = [prediction.value for prediction in model.predict(X)]
    if model.classes:
        return Score(len(y), loss, sum(a == model.classes[int(t)] for a, t in zip(said, y, strict=True)) / len(y))
    mean = math.fsum(y) / len(y)
    total = math.fsum((t - mean) * (t - mean) for t in y)
    left = math.fsum((t - float(a)) * (t - float(a)) for a, t in zip(said, y, strict=True))
    return Score(len(y), loss, 1.0 - left / total if total > 0.0 else None)


def _baseline(found: Problem, y: list[float], y_test: list[float]) -> str:
    """What one reaches on the test part without learning anything but the most frequent class."""
    if not (found.classes and y_test):
        return ""
    usual = Counter(y).most_common(1)[0][0]
    share = y_test.count(usual) / len(y_test)
    return f"to compare: always saying {found.classes[int(usual)]} would reach {fixed(share, 4)} in the test"


def _one_of(what: str, given: object, allowed: Iterable[str]) -> None:
    names = list(allowed)
    if given not in names:
        raise InputError(f"unknown {what} {given!r:.60}; take one of: {', '.join(names)}")
