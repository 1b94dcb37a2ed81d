"""The article's whole training as people write it by hand: in C, numba, JAX, Python, and as the article's own class.

Each factory gives a function that trains from the start, a step for each person, so many epochs, and returns the nine
parameters. All nine updates of a step use the old values; the sigmoid is the one that never overflows (the article's
own code and micrograd keep theirs, which agrees here).
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from math import exp
from pathlib import Path
from typing import Any

from benchmarks.article import RATE, START, micrograd_sigmoid
from microgradnet.article import NAMES, PEOPLE

Training = Callable[[int], Sequence[float]]

X = [[float(person.x1), float(person.x2)] for person in PEOPLE]
Y = [float(person.y) for person in PEOPLE]
FIRST = [START[name] for name in NAMES]


# --- Python ---------------------------------------------------------------------------------------------------------


def in_python(epochs: int) -> list[float]:
    """Local variables, every factor once, the rate in the uppermost one."""
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = FIRST
    for _ in range(epochs):
        for (x1, x2), y in zip(X, Y):  # noqa: B905
            s1 = w1 * x1 + w2 * x2 + b1
            if s1 >= 0.0:
                h1 = 1.0 / (1.0 + exp(-s1))
            else:
                e = exp(s1)
                h1 = e / (1.0 + e)
            s2 = w3 * x1 + w4 * x2 + b2
            if s2 >= 0.0:
                h2 = 1.0 / (1.0 + exp(-s2))
            else:
                e = exp(s2)
                h2 = e / (1.0 + e)
            s3 = w5 * h1 + w6 * h2 + b3
            if s3 >= 0.0:
                ypred = 1.0 / (1.0 + exp(-s3))
            else:
                e = exp(s3)
                ypred = e / (1.0 + e)
            d3 = RATE * -2.0 * (y - ypred) * ypred * (1.0 - ypred)
            d1 = d3 * w5 * h1 * (1.0 - h1)
            d2 = d3 * w6 * h2 * (1.0 - h2)
            w1 -= d1 * x1
            w2 -= d1 * x2
            b1 -= d1
            w3 -= d2 * x1
            w4 -= d2 * x2
            b2 -= d2
            w5 -= d3 * h1
            w6 -= d3 * h2
            b3 -= d3
    return [w1, w2, w3, w4, w5, w6, b1, b2, b3]


# --- C --------------------------------------------------------------------------------------------------------------

C_SOURCE = r"""
#include <math.h>

static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

void train(double *p, const double *x, const double *y, long n, double rate, long epochs)
{
    double w1 = p[0], w2 = p[1], w3 = p[2], w4 = p[3], w5 = p[4], w6 = p[5], b1 = p[6], b2 = p[7], b3 = p[8];
    for (long k = 0; k < epochs; k++)
        for (long i = 0; i < n; i++) {
            double x1 = x[2 * i], x2 = x[2 * i + 1];
            double h1 = sigmoid(w1 * x1 + w2 * x2 + b1);
            double h2 = sigmoid(w3 * x1 + w4 * x2 + b2);
            double ypred = sigmoid(w5 * h1 + w6 * h2 + b3);
            double d3 = rate * -2.0 * (y[i] - ypred) * ypred * (1.0 - ypred);
            double d1 = d3 * w5 * h1 * (1.0 - h1);
            double d2 = d3 * w6 * h2 * (1.0 - h2);
            w1 -= d1 * x1;
            w2 -= d1 * x2;
            b1 -= d1;
            w3 -= d2 * x1;
            w4 -= d2 * x2;
            b2 -= d2;
            w5 -= d3 * h1;
            w6 -= d3 * h2;
            b3 -= d3;
        }
    p[0] = w1; p[1] = w2; p[2] = w3; p[3] = w4; p[4] = w5; p[5] = w6; p[6] = b1; p[7] = b2; p[8] = b3;
}
"""


def in_c() -> Training:
    """The whole loop in C, compiled with -O3. ModuleNotFoundError where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ModuleNotFoundError("there is no C compiler (cc, gcc, clang) on PATH", name="cc")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "train.c"), Path(folder, "train.so")
        source.write_text(C_SOURCE, encoding="utf-8")
        command = [compiler, "-O3", "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
        subprocess.run(command, check=True, capture_output=True)
        function = ctypes.CDLL(str(library)).train
    doubles = ctypes.POINTER(ctypes.c_double)
    function.argtypes = [doubles, doubles, doubles, ctypes.c_long, ctypes.c_double, ctypes.c_long]
    function.restype = None
    x = (ctypes.c_double * 8)(*[number for row in X for number in row])
    y = (ctypes.c_double * 4)(*Y)

    def train(epochs: int) -> list[float]:
        p = (ctypes.c_double * 9)(*FIRST)
        function(p, x, y, 4, RATE, epochs)
        return list(p)

    return train


# --- numba ----------------------------------------------------------------------------------------------------------


def in_numba() -> Training:
    """The same under numba, on arrays."""
    import numpy as np
    from numba import njit

    @njit(error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
    def sigmoid(x: float) -> float:
        e = math.exp(-abs(x))
        return (1.0 if x >= 0.0 else e) / (1.0 + e)

    @njit(error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
    def run(p: Any, xs: Any, ys: Any, rate: float, epochs: int) -> Any:
        w1, w2, w3, w4, w5, w6, b1, b2, b3 = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]
        for _ in range(epochs):
            for i in range(len(ys)):
                x1, x2 = xs[i, 0], xs[i, 1]
                h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
                h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
                ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
                d3 = rate * -2.0 * (ys[i] - ypred) * ypred * (1.0 - ypred)
                d1 = d3 * w5 * h1 * (1.0 - h1)
                d2 = d3 * w6 * h2 * (1.0 - h2)
                w1 -= d1 * x1
                w2 -= d1 * x2
                b1 -= d1
                w3 -= d2 * x1
                w4 -= d2 * x2
                b2 -= d2
                w5 -= d3 * h1
                w6 -= d3 * h2
                b3 -= d3
        return np.array([w1, w2, w3, w4, w5, w6, b1, b2, b3])

    p, xs, ys = np.array(FIRST), np.array(X), np.array(Y)
    return lambda epochs: run(p, xs, ys, RATE, epochs)


# --- JAX ------------------------------------------------------------------------------------------------------------


def in_jax() -> Training:
    """One jit around two scans, over epochs and over people; jax.grad gives the derivatives."""
    from functools import partial

    import jax
    import jax.numpy as jnp

    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, w2, w3, w4, w5, w6, b1, b2, b3 = p
        h1 = jax.nn.sigmoid(w1 * x[0] + w2 * x[1] + b1)
        h2 = jax.nn.sigmoid(w3 * x[0] + w4 * x[1] + b2)
        return (y - jax.nn.sigmoid(w5 * h1 + w6 * h2 + b3)) ** 2

    @partial(jax.jit, static_argnums=3)
    def run(p: Any, xs: Any, ys: Any, epochs: int) -> Any:
        def person(p: Any, row: Any) -> Any:
            return jax.tree.map(lambda w, g: w - RATE * g, p, jax.grad(loss)(p, *row)), None

        def epoch(p: Any, _: None) -> Any:
            return jax.lax.scan(person, p, (xs, ys))[0], None

        return jax.lax.scan(epoch, p, None, length=epochs)[0]

    def train(epochs: int) -> list[float]:
        with jax.enable_x64(True):
            p = tuple(jnp.float64(number) for number in FIRST)
            return [float(number) for number in run(p, jnp.array(X), jnp.array(Y), epochs)]

    return train


# --- the article's class, and micrograd -----------------------------------------------------------------------------


def in_the_articles_manner() -> Training:
    """A class with nine attributes, NumPy's exp, and every partial derivative by its name."""
    import numpy as np

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def deriv_sigmoid(x: Any) -> Any:
        fx = sigmoid(x)
        return fx * (1 - fx)

    class OurNeuralNetwork:
        def __init__(self) -> None:
            self.w1, self.w2, self.w3, self.w4, self.w5, self.w6, self.b1, self.b2, self.b3 = map(np.float64, FIRST)

        def train(self, data: Any, all_y_trues: Any, epochs: int) -> None:
            for _ in range(epochs):
                for x, y_true in zip(data, all_y_trues, strict=True):
                    sum_h1 = self.w1 * x[0] + self.w2 * x[1] + self.b1
                    h1 = sigmoid(sum_h1)
                    sum_h2 = self.w3 * x[0] + self.w4 * x[1] + self.b2
                    h2 = sigmoid(sum_h2)
                    sum_o1 = self.w5 * h1 + self.w6 * h2 + self.b3
                    y_pred = sigmoid(sum_o1)
                    d_L_d_ypred = -2 * (y_true - y_pred)
                    d_ypred_d_w5 = h1 * deriv_sigmoid(sum_o1)
                    d_ypred_d_w6 = h2 * deriv_sigmoid(sum_o1)
                    d_ypred_d_b3 = deriv_sigmoid(sum_o1)
                    d_ypred_d_h1 = self.w5 * deriv_sigmoid(sum_o1)
                    d_ypred_d_h2 = self.w6 * deriv_sigmoid(sum_o1)
                    d_h1_d_w1 = x[0] * deriv_sigmoid(sum_h1)
                    d_h1_d_w2 = x[1] * deriv_sigmoid(sum_h1)
                    d_h1_d_b1 = deriv_sigmoid(sum_h1)
                    d_h2_d_w3 = x[0] * deriv_sigmoid(sum_h2)
                    d_h2_d_w4 = x[1] * deriv_sigmoid(sum_h2)
                    d_h2_d_b2 = deriv_sigmoid(sum_h2)
                    self.w1 -= RATE * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_w1
                    self.w2 -= RATE * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_w2
                    self.b1 -= RATE * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_b1
                    self.w3 -= RATE * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_w3
                    self.w4 -= RATE * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_w4
                    self.b2 -= RATE * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_b2
                    self.w5 -= RATE * d_L_d_ypred * d_ypred_d_w5
                    self.w6 -= RATE * d_L_d_ypred * d_ypred_d_w6
                    self.b3 -= RATE * d_L_d_ypred * d_ypred_d_b3

    data, labels = np.array(X), np.array(Y)

    def train(epochs: int) -> list[float]:
        network = OurNeuralNetwork()
        network.train(data, labels, epochs)
        return [float(getattr(network, name)) for name in NAMES]

    return train


def in_micrograd() -> Training:
    """micrograd's Values, with the sigmoid that it lacks."""
    from micrograd.engine import Value

    def train(epochs: int) -> list[float]:
        parameters = [Value(number) for number in FIRST]
        w1, w2, w3, w4, w5, w6, b1, b2, b3 = parameters
        for _ in range(epochs):
            for (x1, x2), y in zip(X, Y, strict=True):
                h1 = micrograd_sigmoid(w1 * x1 + w2 * x2 + b1)
                h2 = micrograd_sigmoid(w3 * x1 + w4 * x2 + b2)
                loss = (y - micrograd_sigmoid(w5 * h1 + w6 * h2 + b3)) ** 2
                for p in parameters:
                    p.grad = 0.0
                loss.backward()
                for p in parameters:
                    p.data -= RATE * p.grad
        return [p.data for p in parameters]

    return train
