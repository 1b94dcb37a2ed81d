"""Tables: see numbers and classes in a sheet, train a network on them, keep all of that in one model file.

`sheet.read` gives a Sheet of cells, `problem` says what is to be learnt from which columns, `train` learns it, and the
TableModel it leaves behind knows its columns, its scaling and its classes, so that it can read the next file alone.
Every refusal names the file, the row and the column. Rows are counted as a spreadsheet counts them: the header is 1.
"""

from __future__ import annotations

import csv
import io
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple, Self

from microgradnet import functions
from microgradnet.display import Shown, Table, digits, exact, fixed
from microgradnet.errors import InputError
from microgradnet.losses import LOSSES
from microgradnet.nn import ACTIVATIONS, INITS, MLP
from microgradnet.optim import SGD, Adam, AdamW, Optimizer
from microgradnet.sheet import Sheet, as_number, listed
from microgradnet.training import ENGINES, History, fit

__all__ = [
    "Prediction",
    "Problem",
    "Settings",
    "TableModel",
    "Training",
    "problem",
    "split",
    "train",
    "written",
]


# --- what is to be learnt -----------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Problem(Shown):
    """What is to be learnt from a sheet: `y` from the rows of `X`.

    `classes` are the names of the classes in order and `y` their numbers, counted from 0; without classes `y` is the
    target itself (a regression). `note` is what a reader should know about the choice.
    """

    path: str
    inputs: tuple[str, ...]
    target: str
    X: list[list[float]]
    y: list[float]
    classes: tuple[str, ...] = ()
    note: str = ""

    def table(self) -> Table:
        rows = [[self.target, "target", self._about_target()]]
        rows += [[name, "input", _range(column)] for name, column in zip(self.inputs, _transposed(self.X), strict=True)]
        title = f"DATA  {self.path}: {len(self.X)} rows"
        return Table(["column", "as", "what it holds"], rows, title=title, notes=[self.note] if self.note else [])

    def data(self) -> dict[str, Any]:
        return {
            "file": self.path,
            "rows": len(self.X),
            "target": self.target,
            "inputs": list(self.inputs),
            "classes": self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        counts = Counter(self.y)
        return {name: counts[number] for number, name in enumerate(self.classes)}

    def _about_target(self) -> str:
        if not self.classes:
            return _range(self.y)
        counts = [f"{name} ({count})" for name, count in self._counts().items()]
        return f"{len(self.classes)} classes: {listed(counts)}"


def problem(
    sheet: Sheet,
    target: str,
    *,
    inputs: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    classes: bool = False,
) -> Problem:
    """What `target` is learnt from: the columns `inputs`, or all others but those of `ignore`; inputs are numbers.

    A target of texts means classes, so does one of only 0 and 1; other numbers are numbers to be met, unless `classes`
    says that each different one is a class. InputError for columns that do not fit, and for nothing to tell apart.
    """
    sheet.check_columns([target, *(inputs or ()), *ignore])
    chosen = [c for c in (sheet.columns if inputs is None else inputs) if c not in ignore]
    if inputs is None:
        chosen = [c for c in chosen if c != target]
    elif target in chosen:
        raise InputError(f"{sheet.path}: column {target!r} is the target, and cannot be an input too; leave it out")
    if not chosen:
        raise InputError(f"{sheet.path}: no column is left to learn {target!r} from; the file needs one more")
    for column in chosen:
        if chosen.count(column) > 1:
            raise InputError(f"{sheet.path}: column {column!r} is given twice as an input; name it once")
    labels = _labels(sheet, target, classes)
    X = [list(row) for row in zip(*map(sheet.numbers, chosen), strict=True)]
    found = Problem(sheet.path, tuple(chosen), target, X, [])
    if labels is None:
        return _regression(found, sheet.numbers(target))
    return _classification(found, labels)


def _labels(sheet: Sheet, target: str, forced: bool) -> list[str] | None:
    """The class of every row as text, None if the target is a number to be met."""
    cells = sheet.texts(target)
    texts = [i for i, cell in enumerate(cells) if as_number(cell, sheet.decimal_comma) is None]
    if not texts:
        numbers = sheet.numbers(target)
        return [exact(number) for number in numbers] if forced or set(numbers) <= {0.0, 1.0} else None
    if not forced and 2 * len(texts) < len(cells):
        what = f"is {cells[texts[0]]!r:.60}, no number, and most of the column is numbers; correct it"
        raise sheet.error(texts[0], target, f"{what}, or, if the column names classes, add --classes")
    return cells


def _regression(found: Problem, y: list[float]) -> Problem:
    different = len(set(y))
    if different == 1:
        raise InputError(
            f"{found.path}: column {found.target!r} is {exact(y[0])} in every row; there is nothing to learn, "
            "choose another target"
        )
    few = different <= 10 and 3 * different <= len(y) and all(number.is_integer() for number in y)
    note = f"{found.target} has only {different} different numbers: if they are classes, add --classes" if few else ""
    return replace(found, y=y, note=note)


def _classification(found: Problem, labels: list[str]) -> Problem:
    names = set(labels)
    if len(names) == 1:
        raise InputError(
            f"{found.path}: column {found.target!r} holds one class only, {labels[0]!r:.60}; "
            "add rows of another class, or choose another target"
        )
    if len(names) == len(labels) > 2:
        raise InputError(
            f"{found.path}: column {found.target!r} has a class of its own in each of the {len(labels)} rows; "
            "choose another target"
        )
    numbers = {name: as_number(name) for name in names}
    classes = sorted(names) if None in numbers.values() else sorted(names, key=lambda name: numbers[name] or 0.0)
    number_of = {name: float(i) for i, name in enumerate(classes)}
    return replace(found, y=[number_of[label] for label in labels], classes=tuple(classes))


def split(n: int, part: float, seed: int) -> tuple[list[int], list[int]]:
    """The numbers of the rows to train on and of those to test on, chosen by chance, both in order.

    `part` is the share to test on, from 0 to below 1. InputError if that leaves no row on one side.

    >>> split(8, 0.25, seed=0)
    ([0, 1, 2, 3, 4, 5], [6, 7])
    """
    if not 0.0 <= part < 1.0:
        raise InputError(f"the test part must be from 0 to below 1, such as 0.25, got {part:g}")
    n_test = round(part * n)
    if n_test == n or (part > 0.0 and n_test == 0):
        side = "to train on" if n_test == n else "to test on"
        raise InputError(f"a test part of {part:g} of {n} rows leaves none {side}; give more rows, or another part")
    tested = set(random.Random(seed).sample(range(n), n_test))
    return [i for i in range(n) if i not in tested], sorted(tested)


# --- a trained network that knows its columns ---------------------------------------------------------------------


class Prediction(NamedTuple):
    """What a model says of one row: a class and its probability, or a number and None."""

    value: str | float
    probability: float | None


Scaling = tuple[float, float]
"""The mean of a column and its deviation: a number x stands in the network as (x - mean) / deviation."""


@dataclass(frozen=True)
class TableModel:
    """A network with all it needs to read a table: the names of its inputs, the scaling, the names of its classes.

    Two classes are one output, the probability of the second; more are one logit each; no classes, a number.
    """

    network: MLP
    inputs: tuple[str, ...]
    scaling: tuple[Scaling, ...]
    target: str
    classes: tuple[str, ...]
    target_scaling: Scaling = (0.0, 1.0)

    def rows(self, sheet: Sheet) -> list[list[float]]:
        """The inputs in the rows of a sheet, whose other columns do not matter. InputError names what is missing."""
        sheet.check_columns(self.inputs)
        return [list(row) for row in zip(*map(sheet.numbers, self.inputs), strict=True)]

    def scaled(self, X: Iterable[Sequence[float]]) -> list[list[float]]:
        """Rows of inputs as the network reads them."""
        return [[(x - mean) / deviation for x, (mean, deviation) in zip(row, self.scaling, strict=True)] for row in X]

    def scaled_target(self, y: Iterable[float]) -> list[float]:
        """Targets as the network learns them: class numbers stay, numbers are scaled."""
        mean, deviation = self.target_scaling
        return [(t - mean) / deviation for t in y]

    def predict(self, X: Iterable[Sequence[float]]) -> list[Prediction]:
        """What the model says of each row of inputs, in their own units. InputError if a row overflows."""
        found = []
        for i, output in enumerate(self.network.predict(self.scaled(X))):
            if not all(map(math.isfinite, output if isinstance(output, list) else [output])):
                raise InputError(f"row {i + 2}: its inputs are too large for this model, the output is no number")
            found.append(self._said(output))
        return found

    def _said(self, output: Any) -> Prediction:
        if not self.classes:
            mean, deviation = self.target_scaling
            return Prediction(output * deviation + mean, None)
        shares = [1.0 - output, output] if len(self.classes) == 2 else [float(p) for p in functions.softmax(output)]
        best = max(range(len(shares)), key=shares.__getitem__)
        return Prediction(self.classes[best], shares[best])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one JSON file, whole or not at all. InputError if it cannot be written."""
        self.network.save(path, notes={_KIND: {key: getattr(self, key) for key in _KEPT}})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model that `save` wrote. InputError, naming the file, if it holds none, or only a part of it."""
        network, notes = MLP.load_with_notes(path)
        kept = notes.get(_KIND)
        if kept is None:
            raise InputError(
                f"{os.fspath(path)}: holds a network that knows no columns; save it by microgradnet train --save"
            )
        try:
            model = cls(network, **_checked(kept))
            model._check_sizes()
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            raise InputError(
                f"{os.fspath(path)}: not a whole model, its columns and scaling do not fit together; save it again"
            ) from error
        return model

    def _check_sizes(self) -> None:
        n_outputs, output = _outputs(self.classes)
        here = (self.network.n_inputs, self.network.sizes[-1], self.network.output)
        if here != (len(self.inputs), n_outputs, output) or len(self.scaling) != len(self.inputs):
            raise ValueError("sizes")


_KIND = "table"
_KEPT = ("inputs", "scaling", "target", "classes", "target_scaling")


def _outputs(classes: Sequence[str]) -> tuple[int, str]:
    """How many outputs a network for these classes has, and their activation."""
    return (1, "linear") if not classes else (1, "sigmoid") if len(classes) == 2 else (len(classes), "linear")


def _checked(kept: dict[str, Any]) -> dict[str, Any]:
    """The parts of a saved TableModel, each of its kind. TypeError, ValueError or KeyError if they are not."""

    def names(given: Any) -> tuple[str, ...]:
        if not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
            raise TypeError("names")
        return tuple(given)

    def scaling(given: Any) -> Scaling:
        mean, deviation = given
        if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0.0):
            raise ValueError("scaling")
        return float(mean), float(deviation)

    return {
        "inputs": names(kept["inputs"]),
        "scaling": tuple(map(scaling, kept["scaling"])),
        "target": names([kept["target"]])[0],
        "classes": names(kept["classes"]),
        "target_scaling": scaling(kept["target_scaling"]),
    }


def written(predictions: Iterable[Prediction]) -> str:
    """Predictions as CSV: a column `prediction`, and for classes a column `probability`.

    >>> print(written([Prediction("F", 0.875)]), end="")
    prediction,probability
    F,0.875
    """
    rows = [[p.value] if p.probability is None else [p.value, p.probability] for p in predictions]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["prediction", "probability"][: max(map(len, rows), default=1)])
    writer.writerows(rows)
    return text.getvalue()


# --- training -----------------------------------------------------------------------------------------------------

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
    n_outputs, output = _outputs(found.classes)
    network = MLP(
        len(found.inputs),
        [*settings.hidden, n_outputs],
        activation=settings.activation,
        output=output,
        init=str(settings.init),
        seed=settings.seed,
    )
    columns = zip(found.inputs, _transposed(X), strict=True)
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


# --- small things -------------------------------------------------------------------------------------------------


def _transposed(X: Sequence[Sequence[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*X, strict=True)]


def _range(column: Sequence[float]) -> str:
    return f"numbers from {digits(min(column), 6)} to {digits(max(column), 6)}"


def _one_of(what: str, given: object, allowed: Iterable[str]) -> None:
    names = list(allowed)
    if given not in names:
        raise InputError(f"unknown {what} {given!r:.60}; take one of: {', '.join(names)}")
