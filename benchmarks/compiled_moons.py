"""micrograd's demo compiled: a user's own loops, re-rolled, beside the same step by hand in NumPy, numba and JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import by_hand_moons, moons
from benchmarks.moons import ALPHA, RATE, SIZES, two_moons
from benchmarks.runner import Trainer, ratios
from microgradnet import Value, compile, nn
from microgradnet.display import Table

GOALS = {
    "compiled, numpy": {"NumPy by hand": 0.85},
    "compiled, numba": {"NumPy by hand": 0.3},
    "compiled, jax": {"NumPy by hand": 0.45, "jax.jit by hand": 1.0},
    "compiled, to_jax": {"jax.jit by hand": 1.0},
}


def run(rounds: int = 10, steps: int = 1000, samples: int = 100, peers: bool = True) -> Table:
    """The table; `peers`: with micrograd, a step of which takes a second."""
    X, y = two_moons(samples)
    start = [p.data for p in nn.MLP(2, SIZES, seed=0).parameters()]
    return ratios(
        f"MOONS COMPILED: one full-batch step of an MLP 2-16-16-1, hinge and L2, {samples} samples",
        trainers(start, X, y),
        rounds=rounds,
        steps=steps,
        goals=GOALS,
        slow=[micrograd(start, X, y)] if peers else [],
    )


def trainers(start: Sequence[float], X: Any, y: Any) -> list[Trainer]:
    """All that are fast, from the same start; NumPy by hand is the last."""
    hand = by_hand_moons
    return [
        *(compiled(engine, loss, start, X, y, RATE) for engine in ("numpy", "numba", "jax")),
        by_to_jax(loss, start, X, y, RATE),
        *(make(start, X, y) for make in (hand.in_numba, hand.in_jax, hand.in_jax_scan)),
        *(make(start, X, y) for make in (hand.in_numpy_tuned, hand.in_numpy)),
    ]


def loss(parameters: Sequence[Any], X: Any, y: Any) -> Any:
    """The loss of the demo as its users write it: every neuron a sum over its inputs, sample by sample."""
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

    losses = [(1 + -y_i * model(x)).relu() for x, y_i in zip(X, y, strict=True)]
    return sum(losses) * (1.0 / len(losses)) + ALPHA * sum(p * p for p in parameters)


def compiled(engine: str, loss: Callable[..., Any], start: Sequence[float], X: Any, y: Any, rate: float) -> Trainer:
    """Our program in one engine: `train`, which moves the Values at the end of each turn."""
    values = [Value(x) for x in start]
    program = compile(loss, values, X, y, engine=engine)

    def train(n: int) -> None:
        program.train(X, y, lr=rate, epochs=n, every=n)

    return Trainer(f"compiled, {engine}", train, lambda: [v.data for v in values])


def by_to_jax(loss: Callable[..., Any], start: Sequence[float], X: Any, y: Any, rate: float) -> Trainer:
    """The program as a function of JAX, trained as the one by hand is: a call of a jitted step for each step."""
    import numpy as np

    f = compile(loss, [Value(x) for x in start], X, y).to_jax()
    return by_hand_moons.jax_by_call("compiled, to_jax", f, np.array(start), X, y, rate)


def micrograd(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """The demo itself."""
    from micrograd.engine import Value as Micrograd
    from micrograd.nn import MLP

    model = MLP(2, SIZES)
    for p, x in zip(model.parameters(), start, strict=True):
        p.data = x
    step = moons.trained("micrograd", model, model.parameters, X, y, wrap=Micrograd).step

    def train(n: int) -> None:
        for _ in range(n):
            step()

    return Trainer("micrograd", train, lambda: [p.data for p in model.parameters()])
