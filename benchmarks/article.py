"""One step of stochastic gradient descent of the article's network, 2-2-1 with sigmoids, for one person."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import cycle
from typing import Any

from benchmarks.runner import Contender, compare
from microgradnet import Value, nn, optim
from microgradnet.article import NAMES, PEOPLE, step
from microgradnet.display import Table

START = dict(zip(NAMES, (0.5, -0.3, 0.8, 0.1, -0.6, 0.9, 0.2, -0.1, 0.3), strict=True))
RATE = 0.1


def run(rounds: int = 20, steps: int = 400) -> Table:
    """The table: Values, `nn` and plain floats beside micrograd."""
    title = "ARTICLE: one SGD step of the network 2-2-1 for one person"
    return compare(title, contenders(), rounds=rounds, steps=steps)


def contenders() -> list[Contender]:
    """All at the same start, with the four people in turn."""
    from micrograd.engine import Value as Micrograd

    return [
        floats_inline(),
        floats_article(),
        scalars("Values", Value, Value.sigmoid, goal=3.5),
        network("nn and optim"),
        scalars("micrograd", Micrograd, micrograd_sigmoid),
    ]


def scalars(name: str, kind: Any, sigmoid: Callable[[Any], Any], goal: float | None = None) -> Contender:
    """The network written out, as in the article, on one kind of scalars."""
    parameters = [kind(START[n]) for n in NAMES]
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = parameters
    people = cycle([(p.x1, p.x2, p.y) for p in PEOPLE])

    def step() -> None:
        x1, x2, y = next(people)
        h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
        h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
        ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
        loss = (y - ypred) ** 2
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= RATE * p.grad

    return Contender(name, step, lambda: [p.data for p in parameters], goal)


def micrograd_sigmoid(v: Any) -> Any:
    """The sigmoid that micrograd lacks, written as its own operations are."""
    out = type(v)(1 / (1 + math.exp(-v.data)), (v,), "sigmoid")

    def _backward() -> None:
        v.grad += out.data * (1 - out.data) * out.grad

    out._backward = _backward
    return out


def network(name: str) -> Contender:
    """The network from `nn`, moved by `optim`."""
    model = nn.MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="zeros")
    parameters = model.parameters()
    by_label = {p.label: p for p in parameters}
    for label, number in START.items():
        by_label[label].data = number
    optimizer = optim.SGD(parameters, lr=RATE)
    people = cycle([([p.x1, p.x2], p.y) for p in PEOPLE])

    def step() -> None:
        x, y = next(people)
        loss = (y - model(x)) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return Contender(name, step, lambda: [by_label[n].data for n in NAMES])


def floats_article() -> Contender:
    """The formulas of `microgradnet.article`, written to be read: a dict of named factors at every step."""
    reached = dict(START)
    people = cycle(PEOPLE)

    def one() -> None:
        reached.update(step(reached, next(people), RATE))

    return Contender("floats, readable", one, lambda: [reached[n] for n in NAMES])


def floats_inline() -> Contender:
    """The same formulas, written for speed: local variables, every factor once."""
    reached = [START[n] for n in NAMES]
    people = cycle([(p.x1, p.x2, p.y) for p in PEOPLE])
    exp = math.exp

    def step() -> None:
        w1, w2, w3, w4, w5, w6, b1, b2, b3 = reached
        x1, x2, y = next(people)
        h1 = 1 / (1 + exp(-(w1 * x1 + w2 * x2 + b1)))
        h2 = 1 / (1 + exp(-(w3 * x1 + w4 * x2 + b2)))
        ypred = 1 / (1 + exp(-(w5 * h1 + w6 * h2 + b3)))
        d3 = RATE * -2 * (y - ypred) * ypred * (1 - ypred)
        d1 = d3 * w5 * h1 * (1 - h1)
        d2 = d3 * w6 * h2 * (1 - h2)
        reached[:] = (w1 - d1 * x1, w2 - d1 * x2, w3 - d2 * x1, w4 - d2 * x2, w5 - d3 * h1, w6 - d3 * h2,
                      b1 - d1, b2 - d2, b3 - d3)  # fmt: skip

    return Contender("floats, inlined", step, lambda: reached)
