"""check_derivation: right homework is right, wrong homework is wrong in its wrong line, and nothing else is touched.

The truth comes from outside: the programs under tests/homework are held against finite differences by `mutants.py`,
those below are derived by hand and small enough to be seen to be right, and each fault is planted in one place.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import linecache
import math
import random
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import FROZEN, mutated_source
from score_mutants import matches

from microgradnet import InputError, Value
from microgradnet.diagnosis import Report, check_derivation

HOMEWORK = Path(__file__).parent / "homework"
PROGRAMS = ("article_style", "makemore_style", "softmax_regression", "two_methods")


def module_of(name: str, source: str, folder: Path) -> types.ModuleType:
    """A module of this source, in a file of its own."""
    path = folder / f"{name}.py"
    path.write_text(source, "utf-8")
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[[str], types.ModuleType]]:
    """Makes a module of a source text."""
    made: list[str] = []

    def make(source: str) -> types.ModuleType:
        made.append(f"homework_{len(made)}")
        return module_of(made[-1], source, tmp_path)

    yield make
    for name in made:
        del sys.modules[name]


def verdicts(report: Report) -> dict[str, str]:
    return {pair.name: pair.verdict for pair in report.pairs}


# ---------------------------------------------------------------- right homework


def case_of(name: str, seed: int) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    spec = importlib.util.spec_from_file_location(name, HOMEWORK / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.case(seed)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", PROGRAMS)
def test_right_homework_is_right(name: str) -> None:
    compared = 0
    for seed in range(10):
        function, args, keywords = case_of(name, seed)
        report = check_derivation(function, *args, **keywords)
        assert report.ok, str(report)
        assert not report.unpaired
        assert "every update goes down the gradient" in report.updates
        compared += report.compared
    assert compared > 400


@pytest.mark.parametrize("scale", [1e-3, 10.0, 100.0])
@pytest.mark.parametrize("name", ["article_style", "two_methods"])
def test_saturation_is_no_fault(name: str, scale: float) -> None:
    for seed in range(10):
        function, args, keywords = case_of(name, seed)
        for key, value in vars(function.__self__).items():
            if isinstance(value, float) or hasattr(value, "shape"):
                setattr(function.__self__, key, value * scale)
        report = check_derivation(function, *args, **keywords)
        assert not report.findings, str(report)


RIGHT = {
    "an rnn through time": """
import numpy as np
def homework(Wxh, Whh, Why, xs, target):
    h = np.zeros(3)
    hs = [h]
    for x in xs:
        h = np.tanh(Wxh @ x + Whh @ h)
        hs.append(h)
    y = Why @ h
    loss = ((y - target) ** 2).sum()
    dy = 2 * (y - target)
    dWhy = np.outer(dy, h)
    dWxh, dWhh = np.zeros_like(Wxh), np.zeros_like(Whh)
    dh = Why.T @ dy
    for t in reversed(range(len(xs))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWxh += np.outer(dz, xs[t])
        dWhh += np.outer(dz, hs[t])
        dh = Whh.T @ dz
    return dWxh, dWhh, dWhy
args = [np.sin(np.arange(n)).reshape(s) for n, s in [(6, (3, 2)), (9, (3, 3)), (6, (2, 3)), (8, (4, 2)), (2, (2,))]]
""",
    "relu by a mask in place": """
import numpy as np
def homework(W1, W2, X, y):
    z = X @ W1
    h = np.maximum(0, z)
    p = h @ W2
    loss = ((p - y) ** 2).mean()
    dp = 2 * (p - y) / p.size
    dW2 = np.dot(h.T, dp)
    dh = np.dot(dp, W2.T)
    dz = dh * (z > 0)
    dW1 = np.dot(X.T, dz)
    return dW1, dW2
args = [np.cos(np.arange(n)).reshape(s) for n, s in [(12, (3, 4)), (8, (4, 2)), (18, (6, 3)), (12, (6, 2))]]
""",
    "a dictionary of gradients": """
import numpy as np
def homework(params, X, y):
    W, b = params["W"], params["b"]
    z = X @ W + b
    loss = ((z - y) ** 2).mean()
    grads = {}
    dz = 2 * (z - y) / len(y)
    grads["W"] = X.T @ dz
    grads["b"] = dz.sum()
    for k in params:
        params[k] = params[k] - 0.1 * grads[k]
    return grads
args = [{"W": np.array([0.5, -0.3]), "b": 0.1}, np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.2]]), np.array([1.0, 0, 2])]
""",
    "lists of numbers": """
import math
def homework(ws, x):
    hs = [w * x for w in ws]
    loss = sum(h * h for h in hs)
    dws = [0.0] * len(ws)
    for i in range(len(ws)):
        dws[i] = 2 * hs[i] * x
    return dws
args = [[0.5, -0.3, 0.2], 2.0]
""",
    "its own parameters, and arrays of zeros to be filled": """
import numpy as np
def homework():
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(3, 2)), np.zeros(2)
    X, Y = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    for i in range(20):
        s = X @ W + b
        e = np.exp(s - s.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        loss = -np.log(p[range(5), Y]).mean()
        ds = np.zeros((5, 2))
        for i in range(5):
            for j in range(2):
                ds[i, j] = (p[i, j] - (j == Y[i])) / 5
        dW = X.T @ ds
        db = ds.sum(0)
        W -= 0.5 * dW
        b -= 0.5 * db
        print("%d %.3f" % (i, loss))
args = []
""",
    "sums over people, averaged at the end": """
def homework(w, b, xs, ys):
    for epoch in range(3):
        total, dw, db = 0, 0.0, 0.0
        for x, y in zip(xs, ys):
            p = w * x + b
            dw += 2 * (p - y) * x
            db += 2 * (p - y)
            total += (p - y) ** 2
        dw /= len(xs)
        db /= len(xs)
        loss = total / len(xs)
        w -= 0.1 * dw
        b -= 0.1 * db
args = [0.5, 0.1, [1.0, 2.0, 3.0], [2.0, 3.0, 5.0]]
""",
    "layers that are objects of their own": """
import numpy as np
class Layer:
    def __init__(self, n, m, rng):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros(m)
    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        self.a = np.tanh(self.z)
        return self.a
    def backward(self, da):
        self.dz = da * (1 - self.a ** 2)
        self.dW = self.x.T @ self.dz
        self.db = self.dz.sum(0)
        return self.dz @ self.W.T
class Net:
    def __init__(self):
        rng = np.random.default_rng(1)
        self.layers = [Layer(3, 4, rng), Layer(4, 4, rng), Layer(4, 2, rng)]
    def train(self, X, Y, lr=0.1):
        for i in range(3):
            a = X
            for layer in self.layers:
                a = layer.forward(a)
            loss = ((a - Y) ** 2).mean()
            da = 2 * (a - Y) / a.size
            for layer in reversed(self.layers):
                da = layer.backward(da)
            for layer in self.layers:
                layer.W = layer.W - lr * layer.dW
                layer.b = layer.b - lr * layer.db
homework = Net().train
args = [np.sin(np.arange(15.0)).reshape(5, 3), np.cos(np.arange(10.0)).reshape(5, 2)]
""",
    "the loss is computed after the derivative": """
def homework(w, x, y):
    for i in range(3):
        p = w * x
        dw = 2 * (p - y) * x
        loss = (p - y) ** 2
        w -= 0.1 * dw
args = [0.7, 2.0, 1.0]
""",
    "helpers inside the function": """
import numpy as np
def homework(w, x, y):
    def f(z): return np.tanh(z)
    def df(z): return 1 - f(z) ** 2
    z = w * x
    p = f(z)
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dz = dp * df(z)
    dw = dz * x
    w -= 0.1 * dw
args = [0.5, 2.0, 0.3]
""",
    "mini-batches drawn at random, and names of another kind": """
import numpy as np
def homework(W, b, X, y, steps=3):
    rng = np.random.default_rng(0)
    for s in range(steps):
        idx = rng.choice(len(X), 4, replace=False)
        xb, yb = X[idx], y[idx]
        p = xb @ W + b
        loss = np.mean((p - yb) ** 2)
        grad_p = 2 * (p - yb) / len(yb)
        W_grad = xb.T @ grad_p
        b_grad = np.sum(grad_p)
        W -= 0.1 * W_grad
        b -= 0.1 * b_grad
args = [np.array([0.3, 0.2, 0.1]), 0.2, np.sin(np.arange(18.0)).reshape(6, 3), np.cos(np.arange(6.0))]
""",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_in_every_style(name: str, program: Any) -> None:
    module = program(RIGHT[name])
    report = check_derivation(module.homework, *module.args)
    assert report.ok, str(report)
    assert not report.unpaired
    assert not report.cuts


CONVENTIONS = {
    "dZ of one example, divided by their number in dW": """
import numpy as np
def homework(W, b, X, Y):
    m = len(Y)
    Z = X @ W + b
    cost = ((Z - Y) ** 2).sum() / (2 * m)
    dZ = Z - Y
    dW = X.T @ dZ / m
    db = dZ.sum() / m
    W -= 0.1 * dW
    b -= 0.1 * db
args = [np.array([0.5, -0.3]), 0.1, np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.2]]), np.array([1.0, 0.0, 2.0])]
""",
    "the local derivative under a short name": """
import numpy as np
def homework(w, v, x, y):
    h = np.tanh(w * x)
    loss = (v * h - y) ** 2
    dh = 1 - h ** 2
    dv = 2 * (v * h - y) * h
    dw = 2 * (v * h - y) * v * dh * x
    return dw, dv
args = [0.5, 0.7, 2.0, 0.3]
""",
    "gradients set to zero at the end of a step": """
import numpy as np
class Model:
    def __init__(self):
        self.w, self.dw = np.array([0.1, 0.2]), np.zeros(2)
    def fit(self, xs, ys):
        for x, y in zip(xs, ys):
            o = self.w @ x
            loss = (o - y) ** 2
            self.dw += 2 * (o - y) * x
            self.w -= 0.1 * self.dw
            self.dw = np.zeros(2)
homework = Model().fit
args = [np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]]), [1.0, 0.0, 1.0]]
""",
    "plain Python, element by element": """
import math
def homework(W1, b1, W2, b2, xs, ys, lr=0.5):
    for x, y in zip(xs, ys):
        z1 = [sum(W1[j][i] * x[i] for i in range(len(x))) + b1[j] for j in range(len(b1))]
        h = [1 / (1 + math.e ** (-z)) for z in z1]
        p = sum(W2[j] * h[j] for j in range(len(h))) + b2
        loss = (p - y) ** 2
        dp = 2 * (p - y)
        dW2 = [dp * hj for hj in h]
        dh = [dp * w for w in W2]
        dz1 = [dh[j] * h[j] * (1 - h[j]) for j in range(len(h))]
        dW1 = [[dz1[j] * x[i] for i in range(len(x))] for j in range(len(h))]
        for j in range(len(h)):
            for i in range(len(x)):
                W1[j][i] -= lr * dW1[j][i]
            b1[j] -= lr * dz1[j]
            W2[j] -= lr * dW2[j]
        b2 -= lr * dp
args = [[[0.1, 0.2], [0.3, -0.4]], [0.1, -0.1], [0.3, -0.5], 0.1, [[0.5, 1.0], [1.0, 1.5]], [1.0, 0.0]]
""",
    "the loss only now and then": """
import numpy as np
def homework(w, X, y):
    for epoch in range(100):
        p = X @ w
        if epoch % 2 == 0:
            loss = ((p - y) ** 2).mean()
        dp = 2 * (p - y) / len(y)
        dw = X.T @ dp
        w = w - 0.1 * dw
args = [np.array([0.5, -0.3]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.2]]), np.array([1.0, 0.0, 2.0])]
""",
    "a difference that is no derivative": """
import numpy as np
def homework(w, x, y):
    dx = x[1:] - x[:-1]
    p = w * x
    dy = (p[1:] - p[:-1]) - (y[1:] - y[:-1])
    loss = (dy ** 2).sum()
    dw = (2 * dy * dx).sum()
    w = w - 0.01 * dw
args = [0.5, np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.1, 0.2])]
""",
    "a layer that is frozen on purpose": """
import numpy as np
def homework(W1, b1, W2, b2, x, y):
    h = np.tanh(W1 @ x + b1)
    p = W2 @ h + b2
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dW2, db2 = dp * h, dp
    dz = dp * W2 * (1 - h ** 2)
    dW1, db1 = np.outer(dz, x), dz
    W2 = W2 - 0.1 * dW2
    b2 = b2 - 0.1 * db2
args = [np.array([[0.5, -0.3], [0.2, 0.4]]), np.array([0.1, 0.2]), np.array([0.3, -0.6]), 0.1]
args += [np.array([1.0, 2.0]), 0.5]
""",
    "two losses": """
def homework(w, v, x, y):
    p = w * x
    loss_w = (p - y) ** 2
    q = v * p
    loss_v = (q - 1) ** 2
    dloss_w_dw = 2 * (p - y) * x
    dloss_v_dv = 2 * (q - 1) * p
    w -= 0.1 * dloss_w_dw
    v -= 0.1 * dloss_v_dv
args = [0.5, 0.2, 2.0, 0.7]
""",
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_is_no_fault(name: str, program: Any) -> None:
    """Right programs whose names, order or loss are not those of the book."""
    module = program(CONVENTIONS[name])
    report = check_derivation(module.homework, *module.args)
    assert report.ok, str(report)


def test_a_convention_does_not_hide_a_fault(program: Any) -> None:
    source = CONVENTIONS["dZ of one example, divided by their number in dW"]
    module = program(source.replace("dW = X.T @ dZ / m", "dW = X.T @ dZ"))
    report = check_derivation(module.homework, *module.args)
    assert not report.ok


def test_any_slope_is_right_at_a_kink(program: Any) -> None:
    module = program("""
import numpy as np
def homework(W1, b1, W2, x, y):
    z = W1 @ x + b1
    h = np.maximum(z, 0)
    p = W2 @ h
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dh = dp * W2
    dz = dh * (z > 0)
    db1 = dz
    return db1
""")
    args = np.zeros((2, 2)), np.zeros(2), np.array([0.5, -0.3]), np.array([1.0, 2.0]), 1.0
    report = check_derivation(module.homework, *args)
    assert not report.findings, str(report)


def test_zero_against_zero_is_no_evidence(program: Any) -> None:
    source = """
import numpy as np
def homework(W1, W2, x, y):
    h = np.tanh(W1 @ x)
    p = W2 @ h
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dW2 = dp * h
    dh = dp * W2
    dz = dh * (1 - h ** 2)
    dW1 = np.outer(dz, x)
    return dW1, dW2
"""
    args = np.array([[0.5, -0.3], [0.2, 0.4]]), np.zeros(2), np.array([1.0, 2.0]), 1.0
    assert check_derivation(program(source).homework, *args).ok
    report = check_derivation(program(source.replace("dz = dh", "dz = -dh")).homework, *args)
    assert report.first is not None
    assert (report.first.line, report.first.cause.kind) == (10, "sign")


def test_globals_and_class_attributes_are_put_back(program: Any) -> None:
    module = program("""
import numpy as np
W, seen = np.array([0.5, -0.3]), {}
class Count:
    calls = 0.0
def homework(x, b, y):
    global W
    p = W @ x + b
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    db = dp
    Count.calls = Count.calls + p
    seen["p"] = p
    W = W - 0.1 * dp * x
    return db
""")
    before = module.W
    assert check_derivation(module.homework, np.array([1.0, 2.0]), 0.3, 1.0).ok
    assert module.W is before
    assert module.W.tolist() == [0.5, -0.3]
    assert (module.Count.calls, module.seen) == (0.0, {})


OPTIMISERS = {
    "momentum": ("v = 0.9 * v + dw; w = w - 0.1 * v", "carry over"),
    "Adam": (
        "m = 0.9 * m + 0.1 * dw; v = 0.999 * v + 0.001 * dw**2; w = w - 0.01 * m / (v**0.5 + 1e-8)",
        "not checked",
    ),
    "weight decay": ("w -= 0.1 * (dw + 0.01 * w)", "weight decay"),
    "a falling rate": ("rate = rate * 0.5; w -= rate * dw", "every update goes down"),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_other_optimisers_are_not_called_wrong(name: str, program: Any) -> None:
    step, said = OPTIMISERS[name]
    module = program(f"""
def homework(w, b, X, y):
    m = v = 0.0 * w
    rate = 0.2
    for i in range(4):
        p = X @ w + b
        loss = ((p - y) ** 2).mean()
        dp = 2 * (p - y) / len(y)
        dw = X.T @ dp
        db = dp.sum()
        {step}
        b -= {"rate" if "rate" in step else "0.1"} * db
""")
    rng = np.random.default_rng(3)
    report = check_derivation(module.homework, rng.normal(size=3), 0.3, rng.normal(size=(6, 3)), rng.normal(size=6))
    assert report.ok, str(report)
    assert said in report.updates


# ---------------------------------------------------------------- wrong homework

MUTANTS = json.loads(Path(FROZEN).read_text("utf-8"))


EQUIVALENT = {"makemore-073"}
"""Another shape of the same numbers, (3,) for (1, 3), which NumPy spreads alike: it trains as the right one does."""

SOME = [m for m in MUTANTS if m["half"] == "seen" and m["id"] not in EQUIVALENT][::4]
"""The score of all of them is printed by score_mutants.py."""


@pytest.mark.parametrize("mutant", SOME, ids=lambda mutant: mutant["id"])
def test_wrong_homework_is_wrong_in_its_line(mutant: dict[str, Any], tmp_path: Path) -> None:
    module = module_of("mutant_" + mutant["id"].replace("-", "_"), mutated_source(mutant), tmp_path)
    function, args, keywords = module.case(0)
    report = check_derivation(function, *args, **keywords)
    assert not report.ok
    assert report.first is not None
    assert report.first.line in mutant["right_lines"]
    del sys.modules[module.__name__]
    NAMED[mutant["id"]] = matches(report.first.cause, mutant["accept"])


NAMED: dict[str, bool] = {}
"""Whether the cause was named, by the mutant; filled by the test above."""


def test_most_causes_are_named() -> None:
    if len(NAMED) == len(SOME):  # not where tests are picked out
        assert sum(NAMED.values()) >= 0.9 * len(NAMED)


FAULTS = [  # line by line: the fault, the kind of its cause, its names, and the text that is underlined
    ("dp = 2 * (p - y)", "dp = 2 * (y - p)", "sign", (), ""),
    ("dp = 2 * (p - y)", "dp = (p - y)", "number", ("1/2",), ""),
    ("dz = dp * p * (1 - p)", "dz = dp * p * (1 + p)", "operator", ("+", "-"), "1 + p"),
    ("dz = dp * p * (1 - p)", "dz = dp * p", "factor", ("swapped", "p", "∂p/∂z"), ""),
    ("dz = dp * p * (1 - p)", "dz = dp", "factor", ("missing", "∂p/∂z"), ""),
    ("dw = dz * x", "dw = dz * w", "operand", ("w", "x"), "dz * w"),
    ("dw = dz * x", "dw = dp * x", "operand", ("dp", "dz"), "dp * x"),
    ("db = dz", "db = dz * x", "factor", ("extra", "x"), ""),
    ("w -= 0.1 * dw", "w += 0.1 * dw", "update", ("w", "sign"), ""),
    ("w -= 0.1 * dw", "w -= 0.1 * db", "operand", ("db", "dw"), ""),
    ("w -= 0.1 * dw", "w = 0.1 * dw", "update", ("w", "replaced"), ""),
    ("b -= 0.1 * db", "b -= 0.2 * db", "update", ("b", "other multiple"), ""),
    ("b -= 0.1 * db", "pass", "update", ("b", "missing"), ""),
    ("b -= 0.1 * db", "w -= 0.1 * db", "update", ("w", "twice"), ""),
]

NEURON = """
import numpy as np
def neuron(w, b, v, xs, ys):
    for x, y in zip(xs, ys):
        z = w * x + b + v
        p = 1 / (1 + np.exp(-z))
        loss = (p - y) ** 2
        dp = 2 * (p - y)
        dz = dp * p * (1 - p)
        dw = dz * x
        db = dz
        dv = dz
        w -= 0.1 * dw
        b -= 0.1 * db
        v -= 0.1 * dv
"""
NEURON_ARGS = (0.7, 0.1, 0.2, [0.5, -1.5, 2.0, 0.3], [1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize(("right", "wrong", "kind", "names", "underlined"), FAULTS)
def test_the_fault_is_named(
    program: Any, right: str, wrong: str, kind: str, names: tuple[str, ...], underlined: str
) -> None:
    assert check_derivation(program(NEURON).neuron, *NEURON_ARGS).ok
    source = NEURON.replace(right, wrong)
    report = check_derivation(program(source).neuron, *NEURON_ARGS)
    assert report.first is not None
    line = source.splitlines()[report.first.line - 1]
    if names[-1:] == ("missing",) and kind == "update":
        assert line.strip() == "db = dz"  # computed, and used for nothing
    elif wrong != "w -= 0.1 * db" or right != "w -= 0.1 * dw":
        assert line.strip() == wrong
    assert (report.first.cause.kind, report.first.cause.names[: len(names)]) == (kind, names)
    if underlined:
        assert line[report.first.column : report.first.end_column] == underlined
    assert len(report.findings) == 1, str(report)


def test_a_chain_that_overwrites(program: Any) -> None:
    source = """
import numpy as np
def homework(x):
    a = np.sin(x)
    b = x * x
    loss = a * b
    da = b
    db = a
    dx = da * np.cos(x)
    dx += db * 2 * x
    return dx
"""
    assert check_derivation(program(source).homework, 0.7).ok
    report = check_derivation(program(source.replace("dx +=", "dx =")).homework, 0.7)
    assert report.first is not None
    assert (report.first.line, report.first.cause.kind) == (10, "overwritten")
    report = check_derivation(program(source.replace("    dx += db * 2 * x\n", "")).homework, 0.7)
    assert report.first is not None
    assert report.first.cause.kind == "path"
    assert report.first.cause.names == ("b", "missing")


def test_a_wrong_shape_is_blamed_on_its_line_though_a_later_one_raises(program: Any) -> None:
    module = program("""
import numpy as np
def homework(X, W, y):
    p = X @ W
    loss = ((p - y) ** 2).mean()
    dp = 2 * (p - y) / p.size
    dW = dp.T @ X
    W -= 0.1 * dW
""")
    rng = np.random.default_rng(0)
    report = check_derivation(
        module.homework, rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=(5, 2))
    )
    assert report.first is not None
    assert (report.first.kind, report.first.line) == ("shape", 7)
    assert report.first.cause.names == ("(2, 3)", "(3, 2)", "X.T @ dp")


def test_an_exception_of_the_code_itself_is_a_finding_and_says_what_would_be_right(program: Any) -> None:
    module = program("""
import numpy as np
def homework(X, W, y):
    p = X @ W
    loss = ((p - y) ** 2).mean()
    dp = 2 * (p - y) / p.size
    dW = X @ dp
""")
    rng = np.random.default_rng(0)
    args = rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=(5, 2))
    report = check_derivation(module.homework, *args)
    assert report.first is not None
    assert (report.first.kind, report.first.line, report.first.cause.names) == (
        "exception",
        7,
        ("ValueError", "X.T @ dp"),
    )


def test_a_fault_in_a_helper_is_found_there_once(program: Any) -> None:
    module = program("""
import numpy as np
def f(z): return 1 / (1 + np.exp(-z))
def df(z):
    fz = f(z)
    return fz * (2 - fz)
def homework(w, b, x, y):
    z1 = w * x + b
    h = f(z1)
    z2 = h * b
    p = f(z2)
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dz2 = dp * df(z2)
    dh = dz2 * b
    dz1 = dh * df(z1)
    dw = dz1 * x
""")
    report = check_derivation(module.homework, 0.7, 0.4, 1.5, 1.0)
    assert [(f.line, f.cause.kind, f.cause.names) for f in report.findings] == [(6, "constant", ("2", "1"))]


# ---------------------------------------------------------------- what is not judged


def test_a_cut_graph_is_never_called_wrong(program: Any) -> None:
    module = program("""
import math
def homework(w, x, y):
    z = w * x
    p = 1 / (1 + math.exp(-z))
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dz = dp * p
    dw = dz * x
""")
    report = check_derivation(module.homework, 0.5, 2.0, 1.0)
    assert verdicts(report) == {"dp": "equal to the last bit"}
    assert report.cuts == [5]
    assert [(name, line) for name, line, _ in report.unpaired] == [("dz", 8), ("dw", 9)]
    assert all("cut in line 5" in reason for _, _, reason in report.unpaired)


def test_printing_is_no_cut(program: Any) -> None:
    module = program("""
def homework(w, x):
    loss = (w * x - 1) ** 2
    print("%.3f" % loss, f"{loss:.2f}", "%d" % loss)
    dw = 2 * (w * x - 1) * x
""")
    report = check_derivation(module.homework, 0.5, 3.0)
    assert report.ok
    assert not report.cuts


def test_a_step_width_is_listed_not_judged(program: Any) -> None:
    module = program("""
def homework(x, y):
    dx = 0.01
    loss = x * y
    dy = x
""")
    report = check_derivation(module.homework, 2.0, 3.0)
    assert report.ok
    assert report.unpaired == [("dx", 3, "a constant")]


def test_a_constant_that_says_which_derivative_it_is_is_judged(program: Any) -> None:
    module = program("""
def homework(w, x, b):
    p = w * x * b
    loss = p * p
    d_loss_d_p = 2 * p
    d_p_d_b = 1
""")
    report = check_derivation(module.homework, 2.0, 3.0, 4.0)
    assert report.first is not None
    assert report.first.line == 6


def test_nothing_compared_is_no_agreement(program: Any) -> None:
    report = check_derivation(program("def homework(w):\n    loss = w * w\n    return loss\n").homework, 2.0)
    assert not report.ok
    assert not report.findings
    assert "Nothing was compared." in report.sentences()


def test_names_and_lift(program: Any) -> None:
    module = program("""
def homework(w, n):
    z = w * n
    out = z * z
    delta = 2 * z
    dn = delta * w
""")
    blind = check_derivation(module.homework, 2.0, 3, loss="out")
    assert {name for name, _, _ in blind.unpaired} == {"delta", "dn"}
    report = check_derivation(module.homework, 2.0, 3, loss="out", names={"delta": ("out", "z")}, lift=("n",))
    assert report.ok
    assert set(verdicts(report)) == {"delta", "dn"}


def test_one_name_for_several_derivatives(program: Any) -> None:
    module = program("""
def homework(w, v):
    z = w * w
    out = z * v
    delta = v
    delta = delta * 2 * w
    dv = z
""")
    lines = {("delta", 5): ("out", "z"), ("delta", 6): ("out", "w")}
    report = check_derivation(module.homework, 2.0, 3.0, loss="out", names=lines)
    assert report.ok, str(report)
    assert [(pair.name, pair.meaning, pair.line) for pair in report.pairs] == [
        ("delta", "∂out/∂z", 5),
        ("delta", "∂out/∂w", 6),
        ("dv", "∂out/∂v", 7),
    ]


def test_a_gradient_that_is_nothing_but_rounding_is_undecided(program: Any) -> None:
    module = program("""
import numpy as np
def homework(b, x):
    s = x + b
    c = s - s.mean()
    loss = (c ** 3).sum()
    dc = 3 * c ** 2
    ds = dc - dc.mean()
    db = ds.sum()
""")
    report = check_derivation(module.homework, 0.3, np.array([0.1, 0.7, -0.4, 1.1]))
    assert report.ok
    assert report.undecided == ["db"]  # 0 in theory


NETWORK = """
import numpy as np
class Network:
    __slots__ = ("W1", "W2", "h", "out", "x")
    def __init__(self, rng):
        self.W1, self.W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
        self.x = self.h = self.out = 0.5
    def train(self, x, y):
        for _ in range(2):
            self.x = x
            self.h = np.tanh(self.x @ self.W1)
            self.out = self.h @ self.W2
            loss = ((self.out - y) ** 2).mean()
            dout = 2 * (self.out - y) / y.size
            dW2 = self.h.T @ dout
            dh = dout @ self.W2.T
            dz = dh * (1 - self.h ** 2)
            dW1 = self.x.T @ dz
            dx = dz @ self.W1.T
            self.W1 -= 0.1 * dW1
            self.W2 -= 0.1 * dW2
"""


def test_what_an_object_keeps_of_a_forward_pass_is_no_parameter(program: Any) -> None:
    rng = np.random.default_rng(0)
    network = program(NETWORK).Network(rng)
    args = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    report = check_derivation(network.train, *args)
    assert report.ok, str(report)
    network.train(*args)  # now h and out hold floats of their own
    again = check_derivation(network.train, *args)
    assert again.ok, str(again)
    assert "dx" in verdicts(again)


def test_a_clipped_gradient_is_told_not_blamed(program: Any) -> None:
    module = program("""
import numpy as np
def homework(w, b, c, X, y):
    p = X @ w + b - c
    loss = ((p - y) ** 2).mean()
    dp = 2 * (p - y) / len(y)
    dw = X.T @ dp
    db = dp.sum()
    dc = -dp.sum()
    b -= 0.1 * db
    c -= 0.1 * dc
    w -= 0.1 * np.clip(dw, -0.2, 0.2)
""")
    rng = np.random.default_rng(1)
    data = rng.normal(size=(9, 6)), 9 * rng.normal(size=9)
    report = check_derivation(module.homework, rng.normal(size=6), 0.3, 0.1, *data)
    assert report.ok, str(report)
    assert "clipped" in report.updates


def test_what_cannot_run_on_values_is_told_beside_what_was_found(program: Any) -> None:
    source = """
import numpy as np
def homework(W, x, y):
    p = W @ x
    loss = ((p - y) ** 2).sum()
    dp = 2 * (p - y)
    dW = np.outer(dp, x)
    inverse = np.linalg.inv(W)
    dW += 0.0
"""
    rng = np.random.default_rng(0)
    args = rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2)
    with pytest.raises(InputError, match=r"line 8: this line works on floats, but not on Values"):
        check_derivation(program(source).homework, *args)
    report = check_derivation(program(source.replace("dp = 2 *", "dp =")).homework, *args)
    assert [(f.line, f.cause.kind) for f in report.findings] == [(6, "number")]
    assert "Only what comes before was checked" in report.sentences()[-1]


def test_the_line_shown_is_the_one_that_ran(tmp_path: Path) -> None:
    first = module_of("edited", NEURON.replace("dp = 2", "dp = 3"), tmp_path)
    assert "dp = 3" in str(check_derivation(first.neuron, *NEURON_ARGS))
    second = module_of("edited", "\n" + NEURON.replace("dp = 2", "dp = 5"), tmp_path)
    assert "dp = 5" in str(check_derivation(second.neuron, *NEURON_ARGS))
    del sys.modules["edited"]


def test_the_underline_counts_letters(program: Any) -> None:
    source = NEURON.replace("dw = dz * x", "шаг = 'да'; dw = dz * w  # здесь")
    report = check_derivation(program(source).neuron, *NEURON_ARGS)
    lines = str(report).splitlines()
    at = next(i for i, line in enumerate(lines) if "^" in line)
    assert lines[at - 1][lines[at].index("^") : lines[at].rindex("^") + 1] == "dz * w"


# ---------------------------------------------------------------- what stays as it was


def test_the_user_s_things_are_untouched(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module = program("""
import random
import numpy as np
class Net:
    def __init__(self):
        self.w = 0.5
        self.W = np.array([1.0, 2.0])
    def train(self, X, log):
        print("hello")
        for i in range(3):
            np.random.normal()
            random.random()
            loss = ((X * self.W) * self.w).sum()
            dw = (X * self.W).sum()
            dW = X * self.w
            self.W -= 0.1 * dW
            self.w -= 0.1 * dw
            X += 0.0
            log.append(float(loss))
""")
    net, X, log = module.Net(), np.array([1.0, -2.0]), [1]
    before = np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[union-attr, index]
    trace, profile = sys.gettrace(), sys.getprofile()
    assert check_derivation(net.train, X, log).ok
    assert (net.w, net.W.tolist(), net.W.dtype, X.tolist(), log) == (0.5, [1.0, 2.0], float, [1.0, -2.0], [1])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # type: ignore[union-attr, index]
    assert (sys.gettrace(), sys.getprofile()) == (trace, profile)
    assert capsys.readouterr().out == ""


def test_a_debugger_s_hook_comes_back_after_an_exception(program: Any) -> None:
    def hook(frame: Any, event: str, arg: Any) -> None:
        return None

    module = program("def homework(w):\n    loss = w * w\n    raise ValueError('no')\n")
    before = sys.gettrace()
    try:
        sys.settrace(hook)
        report = check_derivation(module.homework, 2.0)
        assert sys.gettrace() is hook
    finally:
        sys.settrace(before)
    assert report.first is not None
    assert report.first.cause.names == ("ValueError",)
    with pytest.raises(TypeError, match="would drop the gradient"):
        math.exp(Value(1.0))  # inside the check this is allowed


def test_another_thread_goes_on_unseen(program: Any) -> None:
    module = program(NEURON)
    before = (sys.stdout, sys.stderr, gc.isenabled())
    reports: list[Report] = []
    threads = [threading.Thread(target=lambda: reports.append(check_derivation(module.neuron, *NEURON_ARGS)))
               for _ in range(3)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.ok for report in reports] == [True] * 3
    assert (sys.stdout, sys.stderr, gc.isenabled()) == before


def test_an_endless_training_ends_after_a_few_steps(program: Any) -> None:
    module = program("""
def homework(w, x):
    while True:
        loss = (w * x - 1) ** 2
        dw = 2 * (w * x - 1) * x
        w -= 0.01 * dw
""")
    report = check_derivation(module.homework, 0.5, 3.0, iterations=3)
    assert report.ok
    assert report.pairs[0].times == 4


# ---------------------------------------------------------------- what cannot be used


def test_refusals(program: Any) -> None:
    module = program("""
import threading
import numpy as np
class Net:
    def __init__(self):
        self.lock = threading.Lock()
    def train(self, x):
        return x
def large(x):
    for i in range(10 ** 9):
        x = x + 1.0
def on_floats_only(x):
    return np.linalg.norm(np.linalg.inv(x))
def two(x, y):
    loss = x * y
    dx = y
def seeded(x, seed):
    loss = x * seed
    dx = seed
""")
    with pytest.raises(TypeError, match="written in Python, got builtin"):
        check_derivation(math.exp, 1.0)
    with pytest.raises(TypeError, match="got type"):
        check_derivation(module.Net)
    with pytest.raises(InputError, match="cannot be copied"):
        check_derivation(module.Net().train, 1.0)
    with pytest.raises(InputError, match="cannot be called so: missing a required argument: 'y'"):
        check_derivation(module.two, 1.0)
    with pytest.raises(InputError, match=r"line 13: this line works on floats, but not on Values"):
        check_derivation(module.on_floats_only, np.eye(2))
    with pytest.raises(
        InputError, match=r"loss wants 'z', a name that the code never uses; its names are dx, loss, x, y"
    ):
        check_derivation(module.two, 1.0, 2.0, loss=lambda z: z)
    with pytest.raises(
        InputError, match="seed= is an option of check_derivation, and seeded has a parameter of that name"
    ):
        check_derivation(module.seeded, 1.0, seed=2.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="iterations must be at least 1"):
        check_derivation(module.two, 1.0, 2.0, iterations=0)
    with pytest.raises(TypeError, match="loss is a function"):
        check_derivation(module.two, 1.0, 2.0, loss=3)  # type: ignore[arg-type]


def test_too_large_asks_for_a_smaller_batch(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradnet.diagnosis.recording.MOST_NODES", 1000)
    module = program("def homework(x):\n    for i in range(10 ** 9):\n        x = x + 1.0\n")
    with pytest.raises(InputError, match="give it a smaller batch"):
        check_derivation(module.homework, 1.0)


def test_the_report_as_data_and_html(program: Any) -> None:
    report = check_derivation(program(NEURON.replace("dw = dz * x", "dw = dz")).neuron, *NEURON_ARGS)
    data = json.loads(report.json())
    assert data["ok"] is False
    assert data["findings"][0]["cause"]["names"] == ["missing", "∂z/∂w", "x"]
    assert "<table" in report._repr_html_()
    assert "First wrong line" in str(report)
