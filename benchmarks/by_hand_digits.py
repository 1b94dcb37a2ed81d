"""The digits step as experts write it, in NumPy and in JAX: MLP 64-32-10, tanh, softmax cross-entropy, full batch.

The cross-entropy is logsumexp(z) - z[y] with the library's formula: the largest logit, plus log1p of what the others
give. So all are equal, and exact where one class is as good as certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.by_hand_moons import in_place, jax_by_call, jax_by_scan, unpacked
from benchmarks.runner import Trainer

LAYERS = [64, 32, 10]
RATE = 0.5


def digits(samples: int = 1797) -> tuple[Any, Any]:
    """scikit-learn's digits: (samples, 64) grey levels from 0 to 1, and the digits."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[:samples] / 16.0, y[:samples]


def in_numpy(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """NumPy by hand, as formulas."""
    return in_place("NumPy by hand", numpy_step, unpacked(start, LAYERS), np.asarray(X, float), np.asarray(y))


def in_numpy_tuned(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """NumPy by hand by someone who counts calls and temporary arrays."""
    return in_place("NumPy by hand, tuned", tuned_step, unpacked(start, LAYERS), np.asarray(X, float), np.asarray(y))


def numpy_step(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    """The loss before the step; the parameters are changed in place."""
    rows = np.arange(len(X))
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    top = z.argmax(1)
    peak = z[rows, top]
    e = np.exp(z - peak[:, None])
    e[rows, top] = 0.0
    others = e.sum(1)
    loss = (peak + np.log1p(others) - z[rows, y]).mean()

    e[rows, top] = 1.0
    d_z = e / (1.0 + others)[:, None]
    d_z[rows, y] -= 1.0
    d_z /= len(X)
    d_W2, d_b2 = h.T @ d_z, d_z.sum(0)
    d_h = (d_z @ W2.T) * (1.0 - h * h)
    d_W1, d_b1 = X.T @ d_h, d_h.sum(0)
    for a, d in ((W1, d_W1), (b1, d_b1), (W2, d_W2), (b2, d_b2)):
        a -= RATE * d
    return loss


def tuned_step(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    """The same, in place wherever an array is not needed any more."""
    rows = np.arange(len(X))
    h = X @ W1
    h += b1
    np.tanh(h, out=h)
    z = h @ W2
    z += b2
    top = z.argmax(1)
    peak = z[rows, top]
    chosen = z[rows, y]
    z -= peak[:, None]
    e = np.exp(z, out=z)
    e[rows, top] = 0.0
    others = e.sum(1)
    loss = (peak + np.log1p(others) - chosen).mean()

    e[rows, top] = 1.0
    others += 1.0
    others *= len(X)
    d_z = e
    d_z /= others[:, None]
    d_z[rows, y] -= 1.0 / len(X)
    d_W2, d_b2 = h.T @ d_z, d_z.sum(0)
    d_h = d_z @ W2.T
    h *= h
    np.subtract(1.0, h, out=h)
    d_h *= h
    d_W1, d_b1 = X.T @ d_h, d_h.sum(0)
    for a, d in ((W1, d_W1), (b1, d_b1), (W2, d_W2), (b2, d_b2)):
        d *= RATE
        a -= d
    return loss


def in_jax(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """jax.jit by hand, a call for each step."""
    return jax_by_call("jax.jit by hand", jax_loss, unpacked(start, LAYERS), X, y, RATE)


def in_jax_scan(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """jax.jit by hand, all steps of a training in one call."""
    return jax_by_scan("jax.jit by hand, scan", jax_loss, unpacked(start, LAYERS), X, y, RATE)


def jax_loss(arrays: list[Any], X: Any, y: Any) -> Any:
    """The loss of a list of arrays; JAX's own logsumexp and indexing."""
    import jax
    import jax.numpy as jnp

    W1, b1, W2, b2 = arrays
    z = jnp.tanh(X @ W1 + b1) @ W2 + b2
    return (jax.nn.logsumexp(z, axis=1) - z[jnp.arange(len(X)), y]).mean()
