"""micrograd's demo: two moons, MLP 2-16-16-1 with relu, hinge loss and L2, one step of full-batch descent."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.runner import Contender, compare
from microgradnet import Value, nn
from microgradnet.display import Table

SIZES = [16, 16, 1]
RATE, ALPHA = 0.1, 1e-4


def run(rounds: int = 6, samples: int = 100, steps: int = 5) -> Table:
    """The table: our `nn` and the user's own loops beside micrograd."""
    title = f"MOONS: one full-batch step of an MLP 2-16-16-1, hinge and L2, {samples} samples"
    return compare(title, contenders(samples), rounds=rounds, steps=steps)


def contenders(samples: int) -> list[Contender]:
    """All with the same samples and the same start; the loss is one function, as micrograd's demo writes it."""
    from micrograd.engine import Value as Micrograd
    from micrograd.nn import MLP as MicrogradMLP

    X, y = two_moons(samples)
    ours, demo, theirs = nn.MLP(2, SIZES, seed=0), nn.MLP(2, SIZES, seed=0), MicrogradMLP(2, SIZES)
    start = [p.data for p in ours.parameters()]
    for p, number in zip(theirs.parameters(), start, strict=True):
        p.data = number
    own, own_parameters = loops(Value, start)
    return [
        trained("nn", ours, ours.parameters, X, y, goal=40),
        trained("nn, Value inputs", demo, demo.parameters, X, y, wrap=Value),
        trained("own loops", own, lambda: own_parameters, X, y, goal=10),
        trained("micrograd", theirs, theirs.parameters, X, y, wrap=Micrograd),
    ]


def trained(
    name: str,
    model: Callable[[Any], Any],
    parameters: Callable[[], list[Any]],
    X: Sequence[Sequence[float]],
    y: Sequence[int],
    *,
    wrap: Callable[[float], Any] = float,
    goal: float | None = None,
) -> Contender:
    """The demo's loop around any model; `wrap` makes what goes into it of a sample's numbers."""

    def step() -> None:
        inputs = [list(map(wrap, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -y_i * score).relu() for y_i, score in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total: Any = data_loss + ALPHA * sum(p * p for p in parameters())
        for p in parameters():
            p.grad = 0.0
        total.backward()
        for p in parameters():
            p.data -= RATE * p.grad

    return Contender(name, step, lambda: [p.data for p in parameters()], goal)


def loops(kind: Any, start: Sequence[float]) -> tuple[Callable[[Any], Any], list[Any]]:
    """A model of a user's own: neurons as `sum((wi*xi for …), b)` over scalars of this kind, and its parameters."""
    parameters = [kind(number) for number in start]
    supply = iter(parameters)
    layers, n = [], 2
    for m in SIZES:
        layers.append([([next(supply) for _ in range(n)], next(supply)) for _ in range(m)])
        n = m

    def model(x: Any) -> Any:
        for layer in layers:
            sums = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = sums if layer is layers[-1] else [s.relu() for s in sums]
        return x[0]

    return model, parameters


def two_moons(samples: int, noise: float = 0.1, seed: int = 1) -> tuple[list[list[float]], list[int]]:
    """Points of two half circles that reach into each other, each with noise, by turns; labels 1 and -1.

    >>> two_moons(2, noise=0.0)
    ([[1.0, 0.0], [0.0, 0.5]], [1, -1])
    """
    source = random.Random(seed)
    X, y = [], []
    for i in range(samples):
        t = math.pi * (i // 2) / max(1, (samples + 1) // 2 - 1)
        a, b = (math.cos(t), math.sin(t)) if i % 2 == 0 else (1 - math.cos(t), 0.5 - math.sin(t))
        X.append([a + source.gauss(0.0, noise), b + source.gauss(0.0, noise)])
        y.append(1 - 2 * (i % 2))
    return X, y
