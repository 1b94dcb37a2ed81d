"""The article's whole training, 1000 epochs of four steps: our compiled loops beside those by hand.

Plain Python is to take at most 1.15 times as long as the loop by hand in Python, numba at most 0.9 times as long as
the loop by hand in C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from benchmarks import by_hand_article as by_hand
from benchmarks.article import RATE
from benchmarks.by_hand_article import FIRST, Training, X, Y
from benchmarks.runner import TOLERANCE, interleaved, judged, shown
from microgradnet import Value, sigmoid
from microgradnet.article import NAMES
from microgradnet.display import Table

C, PYTHON = "C -O3 by hand", "Python by hand"
GOALS = {"ours, Python": (PYTHON, 1.15), "ours, numba": (C, 0.9)}
EAGER = "ours, eager Values"


def run(rounds: int = 30, epochs: int = 1000, calls: int = 5) -> Table:
    """The table: times of a whole training, as multiples of the loops by hand in Python and in C."""
    trainings, missing = contenders()
    difference = require_equal(trainings, epochs)
    slow = {name: train for name, train in trainings.items() if name in (EAGER, "micrograd", "the article's class")}
    quick = {name: train for name, train in trainings.items() if name not in slow}
    times = interleaved({name: _call(train, epochs) for name, train in quick.items()}, rounds, calls)
    times |= interleaved({name: _call(train, epochs) for name, train in slow.items()}, max(1, rounds // 5))
    rows, styles = [], []
    for name in trainings:
        ratios = {other: times[name].best / times[other].best for other in (PYTHON, C) if other in times}
        reference, limit = GOALS.get(name, ("", 0.0))
        judge = reference in ratios
        met = judge and ratios[reference] <= limit
        rows.append([
            name, shown(times[name].best), f"+{times[name].spread - 1:.0%}",
            *(f"{ratios[other]:.2f}×" if other in ratios else "" for other in (PYTHON, C)),
            judged(met, f"≤ {limit:g} × {reference}") if judge else "",
        ])  # fmt: skip
        styles.append(None if not judge else "good" if met else "bad")
    return Table(
        ["implementation", "training", "±", "of Python", "of C", "goal"],
        rows,
        title=f"COMPILED ARTICLE: the whole training, {epochs} epochs of 4 steps, 2-2-1 with sigmoids",
        align="lrrrrl",
        styles=styles,
        notes=[
            f"training: the best of {rounds} rounds of {calls} (a fifth as many of the slow ones)",
            "±: how far the median round lies above the best",
            "of Python, of C: how many times as long as the whole loop by hand in that language takes",
            f"the nine parameters of all are equal to {difference:.0e} at the end",
            *(f"missing: {name}: {why}" for name, why in missing.items()),
        ],
    )


def contenders() -> tuple[dict[str, Training], dict[str, str]]:
    """The trainings by name, and why some are missing."""
    makers: dict[str, Callable[[], Training]] = {
        "ours, Python": lambda: ours("python"),
        "ours, numba": lambda: ours("numba"),
        "ours, program.train": program,
        C: by_hand.in_c,
        "numba by hand": by_hand.in_numba,
        "JAX by hand, scans": by_hand.in_jax,
        PYTHON: lambda: by_hand.in_python,
        "the article's class": by_hand.in_the_articles_manner,
        EAGER: lambda: eager,
        "micrograd": by_hand.in_micrograd,
    }
    found, missing = {}, {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except ImportError as error:
            missing[name] = f"{error.name} is not installed" if error.name else str(error)
    return found, missing


def require_equal(trainings: dict[str, Training], epochs: int) -> float:
    """The largest relative difference from the loop by hand in Python; AssertionError above the tolerance."""
    wanted = trainings[PYTHON](epochs)
    largest = 0.0
    for name, train in trainings.items():
        for a, b in zip(train(epochs), wanted, strict=True):
            difference = abs(a - b) / max(abs(a), abs(b), 1.0)
            if not difference <= TOLERANCE:
                raise AssertionError(f"{name} and {PYTHON} differ: {a!r} and {b!r}")
            largest = max(largest, difference)
    return largest


def _call(train: Training, epochs: int) -> Callable[[], Sequence[float]]:
    return lambda: train(epochs)


# --- ours -----------------------------------------------------------------------------------------------------------


def loss(p: Sequence[Value], x: Sequence[Value], y: Value) -> Any:
    """The loss of one person, in the article's letters."""
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = p
    h1 = sigmoid(w1 * x[0] + w2 * x[1] + b1)
    h2 = sigmoid(w3 * x[0] + w4 * x[1] + b2)
    ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
    return (y - ypred) ** 2


def parameters() -> list[Value]:
    """The nine parameters at the start."""
    return [Value(number, name) for number, name in zip(FIRST, NAMES, strict=True)]


def ours(language: str) -> Training:
    """The loop that the compiler writes, called as any function."""
    import numpy as np

    from microgradnet.compiler.backprop import with_gradient
    from microgradnet.compiler.languages import emit_scalars
    from microgradnet.compiler.recording import record
    from microgradnet.compiler.running.loading import load
    from microgradnet.compiler.straight import straight
    from microgradnet.compiler.updates import stepping
    from microgradnet.optim import SGD

    if language == "numba":
        import numba  # noqa: F401
    values = parameters()
    spelled = {"python": emit_scalars.PYTHON, "numba": emit_scalars.NUMBA}[language]
    plan = with_gradient(straight(record(loss, values, [X[0], Y[0]])))
    plan = emit_scalars.prepared(stepping(plan, SGD(values, lr=RATE)).plan, spelled)
    text = emit_scalars.source(spelled, emit_scalars.train(plan, spelled, ["x", "y"], arguments=["p", "x", "y"]))
    train = load(text, {}, "article")["train"]
    if language == "python":
        return lambda epochs: train(FIRST, X, Y, [RATE] * epochs)
    p, xs, ys = np.array(FIRST), np.array(X), np.array(Y)
    rates = cache(lambda epochs: np.full(epochs, RATE))
    return lambda epochs: train(p, xs, ys, rates(epochs))


def program() -> Training:
    """What a user calls: the loss is measured about twenty times on the way, and the Values are written."""
    from microgradnet.compiler import compile

    values = parameters()
    compiled = compile(loss, values, X[0], Y[0], engine="python")

    def train(epochs: int) -> list[float]:
        for value, number in zip(values, FIRST, strict=True):
            value.data = number
        compiled.train(X, Y, lr=RATE, epochs=epochs)
        return [value.data for value in values]

    return train


def eager(epochs: int) -> list[float]:
    """The same on Values, a graph for each step."""
    values = parameters()
    for _ in range(epochs):
        for x, y in zip(X, Y, strict=True):
            for value in values:
                value.grad = 0.0
            loss(values, x, y).backward()  # type: ignore[arg-type]
            for value in values:
                value.data -= RATE * value.grad
    return [value.data for value in values]
