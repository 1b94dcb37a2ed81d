"""What the user holds: a `Program`, which computes a loss and its gradients, trains, shows and saves its source.

A program has no state of its own but what it was compiled from: it reads the parameters' numbers anew at each call,
writes them only at the end of `train`, and may be called from several threads at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from microgradnet.compiler.plan import Plan
from microgradnet.compiler.running.building import Built
from microgradnet.compiler.running.feeding import batch_size, fed, fed_by_row
from microgradnet.compiler.running.holding import read, vector
from microgradnet.compiler.running.looping import Trained, train
from microgradnet.optim import Optimizer

__all__ = ["Program", "Trained"]


class Program:
    """A loss that was compiled: call it with data for the loss, `value_and_grad` for the gradients, too.

    `source`: its text. `engine` and `why`: what it runs on, and the reason in one sentence. `plan`: the array
    operations it consists of; `recording`: what the eager engine did.

    >>> from microgradnet import Value, compile
    >>> w, b = Value(2.0, "w"), Value(1.0, "b")
    >>> program = compile(lambda p, x, y: (p[0] * x + p[1] - y) ** 2, [w, b], 3.0, 5.0)
    >>> program(3.0, 5.0), program.value_and_grad(4.0, 5.0)
    (4.0, (16.0, [32.0, 8.0]))
    """

    def __init__(self, name: str, built: Built) -> None:
        self.name, self._built = name, built

    # --- what it is ---

    @property
    def source(self) -> str:
        """The program's text: a function `step`, which gives the loss and its gradient."""
        return self._built.code.source

    @property
    def engine(self) -> str:
        """The language that it runs in: "python", "numpy", "numba" or "jax"."""
        return self._built.code.language

    @property
    def why(self) -> str:
        """Which engine runs, and why, in one sentence."""
        return self._built.why

    @property
    def plan(self) -> Plan:
        """The typed plan of (loss, gradient) that the source was written from."""
        return self._built.code.plan

    @property
    def recording(self) -> Any:
        """The eager run that it was compiled from."""
        return self._built.recording

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters' paths, in the order of the vector `p`."""
        return self._built.parameters.names

    @property
    def shapes(self) -> dict[str, Any]:
        """The shape of each data argument; a size that is written with N is that of any batch."""
        return self._built.shapes or dict(self.recording.shapes)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {_shown(shape)}" for name, shape in self.shapes.items())
        what = f"{len(self._built.parameters)} parameters{'; ' * bool(shapes)}{shapes}"
        return f"<Program {self.name}: {what}; {self.why}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Program holds functions that were made when it was compiled, and cannot be pickled: send the loss and "
            "the data, and compile there; or send the file that program.save() writes"
        )

    # --- what it does ---

    def __call__(self, *data: Any, parameters: Any = None) -> float:
        """The loss at these data, for the parameters' present numbers, or for `parameters`. Errors: value_and_grad."""
        return self._built.code.loss(self._vector(parameters), self._fed(data))

    def value_and_grad(self, *data: Any, parameters: Any = None) -> tuple[float, Any]:
        """The loss and its gradients, in the shape of what holds the parameters; nobody's `.grad` is touched.

        For a Module the gradients are a dict by path, for lists and dicts of Values the same lists and dicts. Data
        are those that the loss takes, without static ones: lists, arrays or data frames of numbers.

        `parameters`: other numbers for the parameters, in the shape of the gradients or as one vector; without them
        the `.data` of the Values is read now. InputError, naming the argument, for data of another shape; and where
        the loss does something else with more rows than it was compiled with, which is looked at when they first come.
        """
        loss, gradient = self._built.code.step(self._vector(parameters), self._fed(data))
        return loss, self._built.parameters.rebuild(gradient)

    def train(
        self,
        *data: Any,
        lr: float | Callable[[int], float] | None = None,
        epochs: int = 1000,
        optimizer: Optimizer | None = None,
        every: int | None = None,
    ) -> Trained:
        """Move the parameters by gradient descent inside the program; the Values have the new numbers when it returns.

        Data of the shapes that were compiled make one step in each epoch. Data with one axis more are walked through
        along it, a step for each row: a program for one sample learns from many.

        - `lr`: the rate of plain SGD (0.1), or a function of the epoch; or `optimizer`: one of `optim`, whose states
          and `epoch` go on from where they are.
        - `every`: the loss over all rows is measured after epoch 0, every, 2 · every …, and after the last; without
          it, about twenty times.

        Ctrl-C ends it with the parameters of the last whole round of epochs, a loss that is nan or infinite with those
        of the last measurement before; `Trained.stopped` says so. All Values are set or, on an error, none.
        """
        arrays, rows = fed_by_row(data, self._built.recording.arguments, self._built.shapes)
        if rows is None:
            self._require_right(data, arrays)
        return train(self._built, arrays, rows, lr=lr, epochs=epochs, optimizer=optimizer, every=every)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Python file with this program, which runs with NumPy alone, without microgradnet.

        It holds the parameters' present numbers, and the functions `step`, `loss` and `train`. The file is written
        whole or not at all; InputError if it cannot be written.
        """
        from microgradnet.compiler.running.saving import save

        save(self._built, self.name, path)

    def to_jax(self) -> Callable[..., Any]:
        """A pure function `f(p, *data)` of jax.numpy arrays that gives the loss: for jax.jit, grad, vmap and sharding.

        `p` is the vector of all parameters, in the order of `parameters`. ImportError without JAX.
        """
        from microgradnet.compiler.running.to_jax import to_jax

        code = self._built.code
        return to_jax(code.asked, ["p", *code.arguments])

    # --- inside ---

    def _vector(self, parameters: Any) -> Any:
        held = self._built.parameters
        return read(held) if parameters is None else vector(held, parameters)

    def _fed(self, data: Sequence[Any]) -> list[Any]:
        arrays = fed(data, self._built.recording.arguments, self._built.shapes)
        self._require_right(data, arrays)
        return arrays

    def _require_right(self, data: Sequence[Any], arrays: Sequence[Any]) -> None:
        """Have the program checked anew when there are more rows than it was ever seen to be right with."""
        built = self._built
        if built.seen is not None:
            built.seen.require(built.code, batch_size(arrays, built.shapes or {}), data)


def _shown(shape: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})" if shape else "()"
