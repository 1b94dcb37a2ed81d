"""`check_derivation`: homework as it stands. Runs somebody's hand-written backprop on Values and finds the wrong line.

The rooms behind it, in the order of the work: `lifting` (Values in the place of floats), `recording` (what every line
does; with `bytecode`, what a line says, and `things`, what names hold), `tape` (derivatives between any two numbers of
the run), `versions` (what a name held at a moment), `stepping` (which new versions of parameters are steps), `pairing`
(which variable is which derivative), `judging` (which are wrong by themselves), `updates` (of the parameters),
`running` (all that, at one point), `evidence` (what is known of a wrong one at several points), `explaining` (asks
`causes`), `findings`, `report`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection
from typing import Any

from microgradnet.diagnosis.findings import Reporter
from microgradnet.diagnosis.isolation import undisturbed
from microgradnet.diagnosis.lifting import own_copy
from microgradnet.diagnosis.pairs import Loss, Names
from microgradnet.diagnosis.recording import TooLarge, raises_on_floats
from microgradnet.diagnosis.report import Checked, Finding, Report
from microgradnet.diagnosis.running import Homework, Run, homework, run
from microgradnet.errors import InputError

__all__ = ["Checked", "Finding", "Report", "check_derivation"]


def check_derivation(
    function: Callable[..., Any],
    *args: Any,
    loss: Loss = None,
    names: Names | None = None,
    lift: Collection[str] = (),
    iterations: int = 4,
    points: int = 4,
    seed: int = 0,
    **kwargs: Any,
) -> Report:
    """Check the derivatives that a function computes by hand, line by line, against autograd.

    The function runs on Values: float arguments, float arrays, and the float attributes of a copy of the object that
    a method belongs to become Values; whole numbers stay as they are. Every variable named like a derivative
    (`d_L_d_w`, `dL_dw`, `dw`, `d_w`, `grad_w`, `w_grad`) is held against what autograd says of the variables that it
    names, and every update of a parameter against the gradient. The source is not edited; what the function prints
    is swallowed; your objects and the random states stay as they were.

    Args:
        function: does forward and backward by hand; a function or a bound method written in Python.
        *args, **kwargs: what it is called with.
        loss: where the code never computes the loss: a function of the code's own variable names that returns it, such
            as `lambda y_true, y_pred: (y_true - y_pred) ** 2`; or the name of the variable that holds it. By default
            a variable named loss, L, cost, J … is taken.
        names: for derivatives whose names do not say what they are: `{"delta": ("loss", "z")}`; where a name is used
            for several, with the line: `{("delta", 12): ("loss", "z2"), ("delta", 15): ("loss", "z1")}`.
        lift: names of whole numbers, or arrays of them, by which the code derives.
        iterations: how many updates of the parameters are looked at.
        points: how many more runs, with the parameters moved, a diagnosis takes its evidence from.
        seed: of these moves.

    Raises:
        TypeError: `function` is not a Python function or method.
        InputError: the arguments cannot be copied; the code cannot run on Values; it is too large (use a smaller
            batch).

    >>> def homework(w, x, y):
    ...     p = w * x
    ...     loss = (p - y) ** 2
    ...     dp = (p - y)
    ...     dw = dp * x
    >>> report = check_derivation(homework, 3.0, 2.0, 1.0)
    >>> report.ok, report.first.name, report.first.cause.kind
    (False, 'dp', 'number')
    """
    if not isinstance(function, types.FunctionType | types.MethodType):
        raise TypeError(
            f"check_derivation wants a function or a bound method written in Python, got {type(function).__name__}"
        )
    if isinstance(function, types.MethodType) and not isinstance(function.__func__, types.FunctionType):
        raise TypeError("check_derivation wants a method written in Python")
    if loss is not None and not callable(loss) and not isinstance(loss, str):
        raise TypeError(f"loss is a function of the code's variables, or the name of one, got {type(loss).__name__}")
    open_ = list(inspect.signature(function).parameters)[len(args) :]  # what was not given by its place
    options = {"loss": loss, "names": names, "lift": lift or None, "iterations": iterations, "points": points}
    for option, given in {**options, "seed": seed}.items():
        if option in open_ and given != {"iterations": 4, "points": 4, "seed": 0}.get(option):
            raise InputError(
                f"{option}= is an option of check_derivation, and {function.__qualname__} has a parameter of that "
                "name: give what is meant for the function by its place, before the options"
            )
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise InputError(f"{function.__qualname__} cannot be called so: {error}") from None
    if iterations < 1 or points < 0:
        raise InputError(f"iterations must be at least 1 and points at least 0, got {iterations} and {points}")
    task = homework(function, args, kwargs, loss, dict(names or {}), tuple(lift))
    with undisturbed():
        first = _run(task, lambda base, x: x, iterations)
        raised = first.recording.error is not None
        is_theirs = raised and raises_on_floats(own_copy(function, args, kwargs), task.file)
        return Reporter(task, first, is_theirs, iterations, points, seed).report()


def _run(task: Homework, moved: Callable[[str, Any], Any], iterations: int) -> Run:
    try:
        return run(task, moved, iterations)
    except TooLarge as error:
        raise InputError(
            f"{task.function.__qualname__} is too large to be checked number by number ({error}): give it a smaller "
            "batch, or fewer hidden neurons, as a fault shows there just as well"
        ) from None
