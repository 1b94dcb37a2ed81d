"""The compiler: `compile` records a loss once, writes it as a program, and holds that against the eager engine.

`recording` runs the loss; `straight` and `passes` make of it a plan of scalar or of array operations (`plan`,
`arrays`, `elements`, `interpreter`), `batches` one for any batch size; `backprop` and `structure` differentiate the
plan, `updates` adds an optimiser's step; `languages` write it; `running` loads, checks, trains and saves it, and has
the `Program` that the user holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from microgradnet.compiler.running.building import build
from microgradnet.compiler.running.decorating import Decorated
from microgradnet.compiler.running.looping import Trained
from microgradnet.compiler.running.run import Program

__all__ = ["Decorated", "Program", "Trained", "compile"]


@overload
def compile(
    loss: None = None, /, *, static: Sequence[str] = (), engine: str = "auto", batch: bool | None = None
) -> Callable[[Callable[..., Any]], Decorated]: ...


@overload
def compile(
    loss: Callable[..., Any], /, *, static: Sequence[str] = (), engine: str = "auto", batch: bool | None = None
) -> Decorated: ...


@overload
def compile(
    loss: Callable[..., Any],
    parameters: Any,
    /,
    *data: Any,
    static: Sequence[str] = (),
    engine: str = "auto",
    batch: bool | None = None,
) -> Program: ...


def compile(
    loss: Callable[..., Any] | None = None,
    /,
    *given: Any,
    static: Sequence[str] = (),
    engine: str = "auto",
    batch: bool | None = None,
) -> Any:
    """A program that computes `loss(parameters, *data)` and its gradients at the speed of arrays; see `Program`.

    `loss` is scalar code as it runs eagerly, with any Python loops; it is run once on the example data (a few times
    for a program of any batch size), and what it did is written as a program, which is checked against it.

    - `parameters`: a Module, or lists, tuples and dicts of Values. The data: numbers, lists, arrays, data frames.
    - `static`: names of data arguments that stay plain and are baked in, such as a number of steps.
    - `engine`: "python" (plain numbers), "numpy", "numba" (extra `native`), "jax" (extra `jax`), or "auto": python for
      small losses, numpy for others. `program.why` says which it is and why.
    - `batch`: True for a program of any batch size, False for just the sizes of the example; None: any size where that
      is possible and the example has 32 rows or more.

    As a decorator, `@compile` or `@compile(static=…)`, it compiles at the first call, and again for new shapes.

    Raises what the loss raises; InputError or TypeError, with the line of the loss, for what cannot be recorded (a
    branch on a recorded value, a label used as an index), and where the program would not agree with the eager engine;
    ImportError for an engine that is not installed.

    >>> from microgradnet import Value
    >>> w = [Value(2.0, "w1"), Value(-1.0, "w2")]
    >>> def loss(w, X, y):
    ...     return sum((w[0] * x + w[1] - t) ** 2 for x, t in zip(X, y))
    >>> program = compile(loss, w, [1.0, 2.0], [0.0, 1.0])
    >>> program.value_and_grad([1.0, 3.0], [0.0, 1.0])
    (17.0, [26.0, 10.0])
    >>> print(program.source)
    def step(p, X, y):
        w1, w2 = p
        X1, X2 = X
        y1, y2 = y
        ...
    """
    options: dict[str, Any] = {"static": _names(static), "engine": engine, "batch": batch}
    if loss is None:
        return lambda function: Decorated(function, options)
    if not callable(loss):
        raise TypeError(
            f"compile wants a function, then what holds its parameters, then data: compile(loss, model, X, y); "
            f"got {type(loss).__name__} {loss!r:.60}"
        )
    if not given:
        return Decorated(loss, options)
    parameters, *data = given
    return Program(_title(loss), build(loss, parameters, data, **options))


def _names(static: Any) -> tuple[str, ...]:
    if not isinstance(static, (str, list, tuple, set)):
        raise TypeError(
            f'static wants names of data arguments, such as ("y",), got {type(static).__name__} {static!r:.60}'
        )
    names = (static,) if isinstance(static, str) else tuple(static)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"static holds names of data arguments, got {type(name).__name__} {name!r:.60}")
    return names


def _title(loss: Any) -> str:
    name = str(getattr(loss, "__name__", type(loss).__name__))
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name[:80])
