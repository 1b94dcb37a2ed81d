"""scikit-learn's digits compiled: an `nn.MLP` 64-32-10 and cross-entropy over all 1,797 samples, beside it by hand."""

from __future__ import annotations

from typing import Any

from benchmarks import by_hand_digits
from benchmarks.by_hand_digits import RATE, digits
from benchmarks.by_hand_moons import jax_by_call
from benchmarks.runner import Trainer, ratios
from microgradnet import compile, nn
from microgradnet.display import Table
from microgradnet.losses import cross_entropy

GOALS = {
    "compiled, numpy": {"NumPy by hand": 0.9},
    "compiled, jax": {"jax.jit by hand": 1.0},
    "compiled, to_jax": {"jax.jit by hand": 1.0},
}


def run(rounds: int = 10, steps: int = 100, samples: int = 1797) -> Table:
    """The table."""
    return ratios(
        f"DIGITS COMPILED: one full-batch step of an MLP 64-32-10, cross-entropy, {samples} samples",
        trainers(samples),
        rounds=rounds,
        steps=steps,
        goals=GOALS,
    )


def trainers(samples: int) -> list[Trainer]:
    """All from the same start; NumPy by hand is the last."""
    X, y = digits(samples)
    start, hand = [p.data for p in network().parameters()], by_hand_digits
    return [
        *(compiled(engine, X, y) for engine in ("numpy", "jax")),
        by_to_jax(X, y),
        *(make(start, X, y) for make in (hand.in_jax, hand.in_jax_scan, hand.in_numpy_tuned, hand.in_numpy)),
    ]


def network() -> nn.MLP:
    """The network at its start."""
    return nn.MLP(64, [32, 10], activation="tanh", seed=0)


def loss(model: nn.MLP, X: Any, y: Any) -> Any:
    """The mean cross-entropy of the samples."""
    return cross_entropy([model(x) for x in X], y)


def compiled(engine: str, X: Any, y: Any) -> Trainer:
    """Our program in one engine."""
    model = network()
    program = compile(loss, model, X, y, engine=engine, batch=True)

    def train(n: int) -> None:
        program.train(X, y, lr=RATE, epochs=n, every=n)

    return Trainer(f"compiled, {engine}", train, lambda: [p.data for p in model.parameters()])


def by_to_jax(X: Any, y: Any) -> Trainer:
    """The program as a function of JAX, a call of a jitted step for each step."""
    import numpy as np

    model = network()
    f = compile(loss, model, X, y, batch=True).to_jax()
    return jax_by_call("compiled, to_jax", f, np.array([p.data for p in model.parameters()]), X, y, RATE)
