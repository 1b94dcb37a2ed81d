"""The moons step as experts write it: in NumPy, numba and JAX, with a weight matrix and a bias for each layer.

Every factory gives a Trainer whose steps are full-batch descent from the same start, with the same formulas:
MLP 2-16-16-1 with relu, mean of max(0, 1 - y · score), plus 1e-4 times the sum of all squares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.moons import ALPHA, RATE
from benchmarks.runner import Trainer

LAYERS = [2, 16, 16, 1]


def unpacked(start: Sequence[float], sizes: Sequence[int]) -> list[Any]:
    """W1, b1, W2, b2, …: a matrix (inputs, outputs) and a row of biases for each layer.

    `start` has them neuron by neuron, weights and then the bias, as `nn.MLP` orders its parameters.

    >>> [array.tolist() for array in unpacked([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 2])]
    [[[1.0, 4.0], [2.0, 5.0]], [3.0, 6.0]]
    """
    arrays, at, flat = [], 0, np.asarray(start, float)
    for n, m in pairwise(sizes):
        block = flat[at : at + m * (n + 1)].reshape(m, n + 1)
        arrays += [np.ascontiguousarray(block[:, :n].T), block[:, n].copy()]
        at += m * (n + 1)
    return arrays


def packed(arrays: Sequence[Any]) -> list[float]:
    """The opposite of `unpacked`.

    >>> packed(unpacked([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 2]))
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    """
    blocks = [np.column_stack([np.asarray(W).T, np.asarray(b)]) for W, b in zip(arrays[::2], arrays[1::2], strict=True)]
    numbers: list[float] = np.concatenate([block.ravel() for block in blocks]).tolist()
    return numbers


def in_place(name: str, step: Callable[..., object], arrays: list[Any], *data: Any) -> Trainer:
    """A Trainer of a function that changes the arrays in place."""

    def train(n: int) -> None:
        for _ in range(n):
            step(*arrays, *data)

    return Trainer(name, train, lambda: packed(arrays))


# --- NumPy ---------------------------------------------------------------------------------------------------------


def in_numpy(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """NumPy by hand, as formulas."""
    return in_place("NumPy by hand", numpy_step, unpacked(start, LAYERS), np.asarray(X, float), np.asarray(y, float))


def in_numpy_tuned(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """NumPy by hand by someone who counts calls and temporary arrays."""
    arrays = unpacked(start, LAYERS)
    return in_place("NumPy by hand, tuned", tuned_step, arrays, np.asarray(X, float), np.asarray(y, float))


def numpy_step(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, y: Any) -> Any:
    """The loss before the step; the parameters are changed in place."""
    h1 = np.maximum(X @ W1 + b1, 0.0)
    h2 = np.maximum(h1 @ W2 + b2, 0.0)
    score = (h2 @ W3 + b3)[:, 0]
    margin = np.maximum(1.0 - y * score, 0.0)
    squares = sum((a * a).sum() for a in (W1, b1, W2, b2, W3, b3))
    loss = margin.sum() / len(X) + ALPHA * squares

    d_score = ((margin > 0) * -y / len(X))[:, None]
    d_W3, d_b3 = h2.T @ d_score, d_score.sum(0)
    d_h2 = (d_score @ W3.T) * (h2 > 0)
    d_W2, d_b2 = h1.T @ d_h2, d_h2.sum(0)
    d_h1 = (d_h2 @ W2.T) * (h1 > 0)
    d_W1, d_b1 = X.T @ d_h1, d_h1.sum(0)
    for a, d in ((W1, d_W1), (b1, d_b1), (W2, d_W2), (b2, d_b2), (W3, d_W3), (b3, d_b3)):
        a -= RATE * (d + 2.0 * ALPHA * a)
    return loss


def tuned_step(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, y: Any) -> Any:
    """The same, in place wherever an array is not needed any more, and with as few calls as possible."""
    w3 = W3[:, 0]
    h1 = X @ W1
    h1 += b1
    np.maximum(h1, 0.0, out=h1)
    h2 = h1 @ W2
    h2 += b2
    np.maximum(h2, 0.0, out=h2)
    score = h2 @ w3
    score += b3
    margin = 1.0 - y * score
    np.maximum(margin, 0.0, out=margin)
    squares = sum(np.vdot(a, a) for a in (W1, b1, W2, b2, W3, b3))
    loss = margin.sum() / len(X) + ALPHA * squares

    d_score = (margin > 0) * y
    d_score *= -1.0 / len(X)
    d_w3 = h2.T @ d_score
    d_b3 = d_score.sum()
    d_h2 = d_score[:, None] * w3
    d_h2 *= h2 > 0
    d_W2, d_b2 = h1.T @ d_h2, d_h2.sum(0)
    d_h1 = d_h2 @ W2.T
    d_h1 *= h1 > 0
    d_W1, d_b1 = X.T @ d_h1, d_h1.sum(0)
    shrink = 1.0 - RATE * 2.0 * ALPHA  # the part of the sum of squares
    for a, d in ((W1, d_W1), (b1, d_b1), (W2, d_W2), (b2, d_b2), (w3, d_w3), (b3, d_b3)):
        a *= shrink
        a -= RATE * d
    return loss


# --- numba ---------------------------------------------------------------------------------------------------------


def in_numba(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """numba by hand: one sample after the other, with loops; what a dead relu would multiply by 0 is skipped."""
    import numba

    step = numba.njit(error_model="numpy")(numba_step)
    data = np.asarray(X, float), np.asarray(y, float), RATE, ALPHA
    return in_place("numba by hand", step, unpacked(start, LAYERS), *data)


def numba_step(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, y: Any, rate: float, alpha: float) -> Any:
    """The loss before the step; the parameters are changed in place. To be compiled by numba."""
    n_in, n1 = W1.shape
    n2 = W2.shape[1]
    loss = alpha * (
        (W1 * W1).sum() + (b1 * b1).sum() + (W2 * W2).sum() + (b2 * b2).sum() + (W3 * W3).sum() + (b3 * b3).sum()
    )
    d_W1, d_b1 = 2.0 * alpha * W1, 2.0 * alpha * b1
    d_W2, d_b2 = 2.0 * alpha * W2, 2.0 * alpha * b2
    d_W3, d_b3 = 2.0 * alpha * W3, 2.0 * alpha * b3
    h1, h2, d_h1 = np.empty(n1), np.empty(n2), np.empty(n1)
    for s in range(len(X)):
        h1[:] = b1
        for i in range(n_in):
            for j in range(n1):
                h1[j] += X[s, i] * W1[i, j]
        h2[:] = b2
        for j in range(n1):
            if h1[j] > 0.0:
                for k in range(n2):
                    h2[k] += h1[j] * W2[j, k]
        score = b3[0]
        for k in range(n2):
            if h2[k] > 0.0:
                score += h2[k] * W3[k, 0]
        margin = 1.0 - y[s] * score
        if not margin > 0.0:
            continue
        loss += margin / len(X)
        d_score = -y[s] / len(X)
        d_b3[0] += d_score
        d_h2 = h2  # its place can be taken
        for k in range(n2):
            if h2[k] > 0.0:
                d_W3[k, 0] += d_score * h2[k]
                d_h2[k] = d_score * W3[k, 0]
                d_b2[k] += d_h2[k]
            else:
                d_h2[k] = 0.0
        for j in range(n1):
            d_h1[j] = 0.0
            if h1[j] > 0.0:
                total = 0.0
                for k in range(n2):
                    d_W2[j, k] += h1[j] * d_h2[k]
                    total += d_h2[k] * W2[j, k]
                d_h1[j] = total
                d_b1[j] += total
        for i in range(n_in):
            for j in range(n1):
                d_W1[i, j] += X[s, i] * d_h1[j]
    W1 -= rate * d_W1
    b1 -= rate * d_b1
    W2 -= rate * d_W2
    b2 -= rate * d_b2
    W3 -= rate * d_W3
    b3 -= rate * d_b3
    return loss


# --- JAX -----------------------------------------------------------------------------------------------------------


def in_jax(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """jax.jit by hand: a list of arrays, `value_and_grad` and the update under one jit, a call for each step."""
    return jax_by_call("jax.jit by hand", jax_loss, unpacked(start, LAYERS), X, y, RATE)


def in_jax_scan(start: Sequence[float], X: Any, y: Any) -> Trainer:
    """The same with all steps of a training in one call, by `lax.scan`."""
    return jax_by_scan("jax.jit by hand, scan", jax_loss, unpacked(start, LAYERS), X, y, RATE)


def jax_loss(arrays: list[Any], X: Any, y: Any) -> Any:
    """The loss of a list of arrays."""
    import jax.numpy as jnp

    W1, b1, W2, b2, W3, b3 = arrays
    h1 = jnp.maximum(X @ W1 + b1, 0.0)
    h2 = jnp.maximum(h1 @ W2 + b2, 0.0)
    score = (h2 @ W3 + b3)[:, 0]
    squares = sum(jnp.sum(a * a) for a in arrays)
    return jnp.maximum(1.0 - y * score, 0.0).mean() + ALPHA * squares


def descent(loss: Callable[..., Any], rate: float) -> Callable[..., tuple[Any, Any]]:
    """The pure function of one step: parameters (any tree of arrays) and data to (parameters, loss)."""
    import jax

    def step(arrays: Any, X: Any, y: Any) -> tuple[Any, Any]:
        value, d = jax.value_and_grad(loss)(arrays, X, y)
        return jax.tree.map(lambda a, d_a: a - rate * d_a, arrays, d), value

    return step


def jax_by_call(name: str, loss: Callable[..., Any], arrays: Any, X: Any, y: Any, rate: float) -> Trainer:
    """A call of the jitted step for each step, and at the end one wait for all that was asked for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    step = jax.jit(descent(loss, rate))
    reached, data = [jax.tree.map(jax.numpy.asarray, arrays)], on_device(X, y)

    def train(n: int) -> None:
        for _ in range(n):
            reached[0], _ = step(reached[0], *data)
        jax.block_until_ready(reached[0])

    return Trainer(name, train, lambda: flat(reached[0]))


def jax_by_scan(name: str, loss: Callable[..., Any], arrays: Any, X: Any, y: Any, rate: float) -> Trainer:
    """One call for all steps of a training."""
    import jax

    jax.config.update("jax_enable_x64", True)
    step = descent(loss, rate)

    @partial(jax.jit, static_argnums=3)
    def steps(arrays: Any, X: Any, y: Any, n: int) -> Any:
        return jax.lax.scan(lambda reached, _: step(reached, X, y), arrays, None, length=n)

    reached, data = [jax.tree.map(jax.numpy.asarray, arrays)], on_device(X, y)

    def train(n: int) -> None:
        reached[0], _ = jax.block_until_ready(steps(reached[0], *data, n))

    return Trainer(name, train, lambda: flat(reached[0]))


def on_device(X: Any, y: Any) -> tuple[Any, Any]:
    """The data as arrays of JAX; whole numbers stay whole."""
    import jax.numpy as jnp

    return jnp.asarray(X, float), jnp.asarray(y)


def flat(parameters: Any) -> list[float]:
    """The parameters in one list: they are one vector, or arrays by layer."""
    numbers: list[float] = packed(parameters) if isinstance(parameters, list) else np.asarray(parameters).tolist()
    return numbers
