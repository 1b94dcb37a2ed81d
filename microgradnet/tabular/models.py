"""A trained network that knows its columns, its scaling and its classes, and so reads the next file alone."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from microgradnet import functions
from microgradnet.errors import InputError
from microgradnet.nn import MLP
from microgradnet.sheet import Sheet

__all__ = ["Prediction", "Scaling", "TableModel", "outputs", "written"]


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
        n_outputs, output = outputs(self.classes)
        here = (self.network.n_inputs, self.network.sizes[-1], self.network.output)
        if here != (len(self.inputs), n_outputs, output) or len(self.scaling) != len(self.inputs):
            raise ValueError("sizes")


_KIND = "table"
_KEPT = ("inputs", "scaling", "target", "classes", "target_scaling")


def outputs(classes: Sequence[str]) -> tuple[int, str]:
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
