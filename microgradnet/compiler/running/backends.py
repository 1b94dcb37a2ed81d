"""Plans become functions that run: for each language how a plan is made fit for it, written, and handed its data.

A `Code` is the program in one language, a `Trainer` a whole training loop in it. Both are given a vector of parameters
and the data as arrays, and give floats and vectors, whatever the language wants inside.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from microgradnet.compiler.languages.pieces import Written
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import Plan
from microgradnet.compiler.running.loading import load
from microgradnet.compiler.updates import NEW, RATE, beside_rates

__all__ = ["Backend", "Code", "Trainer", "backend"]


@dataclass(frozen=True)
class Backend:
    """How plans run in one language.

    ready:   the plan as the language can spell it
    step:    the text of a function that gives the plan's results; of its name, and the names of all arguments
    train:   the texts of functions, the last of which, `train`, repeats a step; of the arguments that are walked
             through by row, and the names of all arguments
    whole:   functions put together to a text that runs
    given:   an array as the functions want it
    safe:    whether the functions never raise where arithmetic has no result
    quick:   whether a text is compiled in no time
    """

    name: str
    ready: Callable[[Plan], Plan]
    step: Callable[[Plan, str, Sequence[str]], Any]
    train: Callable[[Plan, Sequence[str], Sequence[str]], Sequence[Any]]
    whole: Callable[..., Written]
    given: Callable[[Any], Any]
    safe: bool
    quick: bool


class Code:
    """A plan of (loss, gradient) in one language; `arguments` are the names of all data, in order."""

    def __init__(self, backend: Backend, plan: Plan, arguments: Sequence[str], title: str) -> None:
        self.backend, self.arguments, self.title = backend, tuple(arguments), title
        self.asked, self.plan = plan, backend.ready(plan)
        written = backend.whole(backend.step(self.plan, "step", ["p", *arguments]))
        self.tables = written.tables
        self.source = "".join(map(_told, self.tables.items())) + written.source
        self._step = load(self.source, written.tables, title)["step"]
        self._loops: dict[str, Callable[..., Any]] = {}
        self.trainers: list[tuple[Any, Any]] = []
        """Loops that were seen to be right, the latest, each with what it is for."""

    @property
    def language(self) -> str:
        """Its name."""
        return self.backend.name

    def step(self, p: Any, data: Sequence[Any]) -> tuple[float, list[float]]:
        """Loss and gradient."""
        loss, gradient = self._run(self._step, lambda: self._safe.step(p, data), p, data)
        return float(loss), gradient.tolist() if hasattr(gradient, "tolist") else list(map(float, gradient))

    def loss(self, p: Any, data: Sequence[Any]) -> float:
        """The loss alone."""
        return float(self._run(self._loss, lambda: self._safe.loss(p, data), p, data))

    def mean_loss(self, p: Any, data: Sequence[Any]) -> float:
        """The mean loss over rows: `data` have one axis more, along which there is a row for each."""
        p, data = self.backend.given(p), [self.backend.given(array) for array in data]
        if self.backend.name == "numba":
            return float(self._mean(p, *data))
        losses = [self.loss(p, row) for row in zip(*data, strict=True)]
        return sum(losses) / len(losses)

    def _run(self, function: Callable[..., Any], safely: Callable[[], Any], p: Any, data: Sequence[Any]) -> Any:
        given = self.backend.given
        if self.backend.safe:
            with np.errstate(all="ignore"):
                return function(given(p), *map(given, data))
        try:
            return function(given(p), *map(given, data))
        except (ArithmeticError, ValueError):
            return safely()

    def loop(self, written: Written) -> Callable[..., Any]:
        """The function `train` of this text, loaded once."""
        if written.source not in self._loops:
            self._loops[written.source] = load(written.source, written.tables, "train")["train"]
        return self._loops[written.source]

    @cached_property
    def loss_plan(self) -> Plan:
        """The plan of the loss alone."""
        return Plan(self.plan.results[:1], self.plan.names[:1], self.plan.labels)

    @cached_property
    def _loss(self) -> Callable[..., Any]:
        function = self.backend.step(self.loss_plan, "loss", ["p", *self.arguments])
        return load(*self.backend.whole(function), "loss")["loss"]  # type: ignore[no-any-return]

    @cached_property
    def _mean(self) -> Callable[..., Any]:
        """The loop over rows in the language itself."""
        function = self.backend.step(self.loss_plan, "loss", ["p", *self.arguments])
        rows = [f"rows{i}" for i in range(len(self.arguments))]
        text = _MEAN.format(rows=", ".join(rows), first=rows[0], row=", ".join(f"{name}[i]" for name in rows))
        return load(*self.backend.whole(function, function._replace(text=text)), "loss")["mean_loss"]  # type: ignore[no-any-return]

    @cached_property
    def _safe(self) -> Code:
        """The same plan on NumPy's floats, which give inf and nan where Python's raise."""
        return Code(backend("numpy", False), self.plan, self.arguments, self.title)


_MEAN = """\
def mean_loss(p, {rows}):
    total = 0.0
    for i in range(len({first})):
        total += loss(p, {row})
    return total / len({first})
"""


class Trainer:
    """A step with an optimiser's update, repeated: `plan` has results `new_X` for the arguments X that a step changes.

    `by_row`: whether each step is given a row of the data, or all of it.
    """

    def __init__(self, code: Code, plan: Plan, by_row: bool) -> None:
        self.code, self.backend = code, code.backend
        self.plan = self.backend.ready(plan)
        self.carried = [name.removeprefix(NEW) for name in plan.names if name.startswith(NEW)]
        data = beside_rates(code.arguments)
        self.walked = data if by_row else []
        self.written = self.backend.whole(*self.backend.train(self.plan, self.walked, [*self.carried, *data, RATE]))
        self._train = code.loop(self.written)

    def data(self, arrays: Sequence[Any]) -> list[Any]:
        """The data as `run` wants them."""
        return [self.backend.given(array) for array in arrays]

    def run(
        self, carried: Sequence[Any], data: Sequence[Any], rates: Sequence[float], every: int
    ) -> tuple[list[Any], list[float]]:
        """So many epochs as there are rates: what is carried from step to step, and the losses after each `every`."""
        losses = []
        now = [self.backend.given(x) for x in carried]
        for start in range(0, len(rates), every):
            some = rates[start : start + every]
            try:
                with np.errstate(all="ignore"):
                    after = self._train(*now, *data, self.backend.given(np.asarray(some, float)))
            except (ArithmeticError, ValueError):
                if self.backend.safe:
                    raise
                after = self._safely(now, data, some)
            now = list(after) if len(self.carried) > 1 else [after]
            if len(some) == every:
                losses.append(self.loss(now[0], data))
        return now, losses

    def loss(self, p: Any, data: Sequence[Any]) -> float:
        """The loss; where rows are walked through, the mean of theirs."""
        return self.code.mean_loss(p, data) if self.walked else self.code.loss(p, data)

    def _safely(self, carried: Sequence[Any], data: Sequence[Any], rates: Sequence[float]) -> list[Any] | Any:
        """The same epochs on NumPy's floats, which never raise."""
        safe = Trainer(self.code._safe, self.plan, bool(self.walked))
        now, _ = safe.run([np.asarray(x) for x in carried], [np.asarray(a) for a in data], rates, len(rates) + 1)
        listed = [self.backend.given(x) for x in now]
        return listed if len(self.carried) > 1 else listed[0]


# --- the languages ----------------------------------------------------------------------------------------------------


def backend(name: str, spelled_out: bool, batch: int = 1 << 20) -> Backend:
    """The language "python", "numpy", "numba" or "jax", for plans of single numbers or of arrays.

    `batch`: for how many rows a program for any batch size is to be fast.

    ImportError that says what to install where the language is not there.
    """
    if name == "numba":
        _require("numba", "native")
    if name == "jax":
        _require("jax", "jax")
    return _made(name, spelled_out and name in ("python", "numba"), batch)


def _require(module: str, extra: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'engine="{module}" needs {module}; install it by: pip install "microgradnet[{extra}]"'
        ) from error


@cache
def _made(name: str, scalars: bool, batch: int) -> Backend:
    if name == "jax":
        return _of_jax()
    if scalars:
        return _of_scalars(name)
    return _of_arrays(name, batch)


def _of_scalars(name: str) -> Backend:
    from microgradnet.compiler.languages import emit_scalars

    language = {"python": emit_scalars.PYTHON, "numba": emit_scalars.NUMBA}[name]
    return Backend(
        name,
        lambda plan: emit_scalars.prepared(plan, language),
        lambda plan, title, arguments: emit_scalars.step(plan, language, title, arguments),
        lambda plan, walked, arguments: [emit_scalars.train(plan, language, walked, "train", arguments)],
        lambda *functions: Written(emit_scalars.source(language, *functions), {}),
        _as_lists if name == "python" else _as_numbers,
        safe=name == "numba",
        quick=name == "python",
    )


def _of_arrays(name: str, batch: int) -> Backend:
    from microgradnet.compiler import languages
    from microgradnet.compiler.languages import emit, repeating

    language = replace(getattr(languages, name.upper()), batch=batch)
    return Backend(
        name,
        lambda plan: shared(lowered(plan, language.spelled)),
        lambda plan, title, arguments: emit.function(plan, title, language, arguments=arguments),
        lambda plan, walked, arguments: [
            repeating.training(plan, "train", language, arguments=arguments, walked=walked)
        ],
        lambda *functions: Written(
            emit.module(functions, language), {k: v for f in functions for k, v in f.tables.items()}
        ),
        lambda array: np.asarray(array)[()],  # a single number as a float64, which numba reads as one
        safe=True,
        quick=name == "numpy",
    )


def _of_jax() -> Backend:
    from microgradnet.compiler.languages import jax

    return Backend("jax", jax.ready, jax.step, jax.train, jax.module, np.asarray, safe=True, quick=False)


def _as_numbers(array: Any) -> Any:
    """An array, or a float where there is one number: numba tells the two apart."""
    array = np.asarray(array, float)
    return array if array.shape else array.item()


def _as_lists(array: Any) -> Any:
    return array.tolist() if hasattr(array, "tolist") else array


def _told(table: tuple[str, Any]) -> str:
    """The comment that says what a table is, which the text reads and does not hold."""
    name, array = table
    kind = "whole numbers" if array.dtype.kind in "iu" else "numbers"
    first = ", ".join(repr(x) for x in array.ravel()[:4].tolist())
    return f"# {name}: {kind} of shape {array.shape}, {first}{', …' * (array.size > 4)}\n"
