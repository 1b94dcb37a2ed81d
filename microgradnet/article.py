"""The article by hand: its data, its network, its nine derivatives and its training, with nothing of ours imported.

Read it beside the article; every formula stands in the article's letters::

    h1 = f(w1 x1 + w2 x2 + b1)      h2 = f(w3 x1 + w4 x2 + b2)      ypred = f(w5 h1 + w6 h2 + b3)
    L  = (y - ypred)²               f(x) = 1 / (1 + e^(-x))         f'(x) = f(x) (1 - f(x))

The rest of the package computes the same numbers by machine; this file is what they are held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

__all__ = [
    "EMILY",
    "FRANK",
    "NAMES",
    "PEOPLE",
    "SHIFT",
    "Forward",
    "Neuron",
    "Person",
    "deriv_sigmoid",
    "draw_parameters",
    "factors",
    "feedforward",
    "forward",
    "gradients",
    "loss",
    "mse_loss",
    "sigmoid",
    "step",
    "train",
]

NAMES = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")
"""The nine parameters, in the order in which the article draws them."""

SHIFT = (135, 66)
"""What the article subtracts from the weight (pounds) and from the height (inches)."""


# ---------------------------------------------------------------- the people


class Person(NamedTuple):
    """One row of the article's table; `y` is what the network should say: 1 for F, 0 for M.

    >>> PEOPLE[0]
    Person(name='Alice', weight=133, height=65, x1=-2, x2=-1, sex='F', y=1)
    """

    name: str
    weight: int
    height: int
    x1: int
    x2: int
    sex: str
    y: int


def _person(name: str, weight: int, height: int, sex: str) -> Person:
    return Person(name, weight, height, weight - SHIFT[0], height - SHIFT[1], sex, int(sex == "F"))


PEOPLE = (
    _person("Alice", 133, 65, "F"),
    _person("Bob", 160, 72, "M"),
    _person("Charlie", 152, 70, "M"),
    _person("Diana", 120, 60, "F"),
)
"""The four people that the network learns from, in the order in which they are shown to it."""

EMILY = _person("Emily", 128, 63, "F")
FRANK = _person("Frank", 155, 68, "M")
"""Two people whom the network has not seen."""


# ---------------------------------------------------------------- one neuron


def sigmoid(x: float) -> float:
    """The activation f(x) = 1 / (1 + e^(-x)), for any x.

    >>> sigmoid(0.0)
    0.5
    >>> sigmoid(-1000.0)  # the article's own code overflows here
    0.0
    """
    if x < -700:
        return math.exp(x)  # e^(-x) would not fit a float, and f(x) is e^x to the last digit
    return 1 / (1 + math.exp(-x))


def deriv_sigmoid(x: float) -> float:
    """The derivative of the activation: f'(x) = f(x) (1 - f(x)).

    >>> deriv_sigmoid(0.0)
    0.25
    """
    fx = sigmoid(x)
    return fx * (1 - fx)


def mse_loss(y_true: Iterable[float], y_pred: Iterable[float]) -> float:
    """The mean of the squared errors (y_true - y_pred)² over two equally long rows of numbers.

    Raises ValueError if the lengths differ or if there is nothing to average.

    >>> mse_loss([1, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    errors = [(t - p) ** 2 for t, p in zip(y_true, y_pred, strict=True)]
    if not errors:
        raise ValueError("mse_loss wants at least one number in each row, got none")
    return float(sum(errors) / len(errors))


class Neuron:
    """Weights w and a bias b; it says y = f(w · x + b).

    >>> neuron = Neuron([0, 1], 4)
    >>> neuron.feedforward([2, 3])
    0.9990889488055994

    Three neurons make the article's network: two hidden ones, and one that reads what they say.

    >>> neuron = Neuron([0, 1], 0)
    >>> h1, h2 = neuron.feedforward([2, 3]), neuron.feedforward([2, 3])
    >>> neuron.feedforward([h1, h2])
    0.7216325609518421
    """

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        self.weights = weights
        self.bias = bias

    def feedforward(self, inputs: Sequence[float]) -> float:
        """The neuron's output for these inputs, one for each weight (ValueError if there are more or fewer)."""
        total = sum(w * x for w, x in zip(self.weights, inputs, strict=True)) + self.bias
        return sigmoid(total)

    def __repr__(self) -> str:
        return f"Neuron({self.weights!r}, {self.bias!r})"


# ---------------------------------------------------------------- the network, forward


class Forward(NamedTuple):
    """Every number of one forward pass: the sums s1, s2, s3 and what the neurons make of them."""

    s1: float
    h1: float
    s2: float
    h2: float
    s3: float
    ypred: float


def forward(parameters: Mapping[str, float], x1: float, x2: float) -> Forward:
    """The network's answer for one person, with every number on the way to it.

    `parameters` holds w1 … w6 and b1 … b3 by name (KeyError if one is missing).

    >>> ones = dict.fromkeys(NAMES, 1.0) | {"b1": 0.0, "b2": 0.0, "b3": 0.0}
    >>> alice = forward(ones, -2, -1)
    >>> alice.h1
    0.04742587317756678
    >>> alice.ypred
    0.5236951740839997
    """
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = (parameters[name] for name in NAMES)
    s1 = w1 * x1 + w2 * x2 + b1
    h1 = sigmoid(s1)
    s2 = w3 * x1 + w4 * x2 + b2
    h2 = sigmoid(s2)
    s3 = w5 * h1 + w6 * h2 + b3
    ypred = sigmoid(s3)
    return Forward(s1, h1, s2, h2, s3, ypred)


def feedforward(parameters: Mapping[str, float], x1: float, x2: float) -> float:
    """The network's answer alone: near 1 for F, near 0 for M.

    >>> feedforward(dict.fromkeys(NAMES, 0.0), -2, -1)
    0.5
    """
    return forward(parameters, x1, x2).ypred


def loss(parameters: Mapping[str, float], people: Sequence[Person] = PEOPLE) -> float:
    """The mean squared error over these people; for one person alone it is L = (y - ypred)².

    >>> ones = dict.fromkeys(NAMES, 1.0) | {"b1": 0.0, "b2": 0.0, "b3": 0.0}
    >>> loss(ones, PEOPLE[:1])
    0.22686628719087137
    """
    return mse_loss([p.y for p in people], [feedforward(parameters, p.x1, p.x2) for p in people])


# ---------------------------------------------------------------- the network, backward


def factors(parameters: Mapping[str, float], x1: float, x2: float, y_true: float) -> dict[str, float]:
    """The factors that the chain rule multiplies, each by the name that it has in the article's code.

    `dL_dypred` is ∂L/∂ypred, `dypred_dh1` is ∂ypred/∂h1, `dh1_dw1` is ∂h1/∂w1, and so on. For Alice, with every
    weight 1 and every bias 0:

    >>> ones = dict.fromkeys(NAMES, 1.0) | {"b1": 0.0, "b2": 0.0, "b3": 0.0}
    >>> alice = factors(ones, -2, -1, 1)
    >>> alice["dL_dypred"]  # in the article: -0.952
    -0.9526096518320006
    >>> alice["dypred_dh1"]  # 0.249
    0.24943853872512894
    >>> alice["dh1_dw1"]  # -0.0904
    -0.09035331946182427
    """
    s1, h1, s2, h2, s3, ypred = forward(parameters, x1, x2)
    w5, w6 = parameters["w5"], parameters["w6"]
    return {
        "dL_dypred": -2 * (y_true - ypred),
        # the output neuron: ypred = f(w5 h1 + w6 h2 + b3)
        "dypred_dw5": h1 * deriv_sigmoid(s3),
        "dypred_dw6": h2 * deriv_sigmoid(s3),
        "dypred_db3": deriv_sigmoid(s3),
        "dypred_dh1": w5 * deriv_sigmoid(s3),
        "dypred_dh2": w6 * deriv_sigmoid(s3),
        # the first hidden neuron: h1 = f(w1 x1 + w2 x2 + b1)
        "dh1_dw1": x1 * deriv_sigmoid(s1),
        "dh1_dw2": x2 * deriv_sigmoid(s1),
        "dh1_db1": deriv_sigmoid(s1),
        # the second hidden neuron: h2 = f(w3 x1 + w4 x2 + b2)
        "dh2_dw3": x1 * deriv_sigmoid(s2),
        "dh2_dw4": x2 * deriv_sigmoid(s2),
        "dh2_db2": deriv_sigmoid(s2),
    }


def gradients(parameters: Mapping[str, float], x1: float, x2: float, y_true: float) -> dict[str, float]:
    """The nine derivatives ∂L/∂w1 … ∂L/∂b3 of one person's loss L = (y_true - ypred)², by name, in closed form.

    >>> ones = dict.fromkeys(NAMES, 1.0) | {"b1": 0.0, "b2": 0.0, "b3": 0.0}
    >>> alice = gradients(ones, -2, -1, 1)
    >>> alice["w1"]  # in the article, which rounds on the way: 0.0214
    0.02146953526581111
    >>> alice["b3"]
    -0.23761755952842809
    """
    d = factors(parameters, x1, x2, y_true)
    return {
        "w1": d["dL_dypred"] * d["dypred_dh1"] * d["dh1_dw1"],
        "w2": d["dL_dypred"] * d["dypred_dh1"] * d["dh1_dw2"],
        "w3": d["dL_dypred"] * d["dypred_dh2"] * d["dh2_dw3"],
        "w4": d["dL_dypred"] * d["dypred_dh2"] * d["dh2_dw4"],
        "w5": d["dL_dypred"] * d["dypred_dw5"],
        "w6": d["dL_dypred"] * d["dypred_dw6"],
        "b1": d["dL_dypred"] * d["dypred_dh1"] * d["dh1_db1"],
        "b2": d["dL_dypred"] * d["dypred_dh2"] * d["dh2_db2"],
        "b3": d["dL_dypred"] * d["dypred_db3"],
    }


# ---------------------------------------------------------------- training


def draw_parameters(seed: int) -> dict[str, float]:
    """The nine starting values: draws of a standard normal, in the order of NAMES.

    They are what `np.random.seed(seed)` and nine calls of `np.random.normal()` give; NumPy's global generator is
    left alone. Raises ValueError for a seed outside 0 … 2³² - 1.

    >>> draw_parameters(0)["w1"]
    1.764052345967664
    """
    import numpy as np

    generator = np.random.RandomState(seed)
    return {name: float(generator.normal()) for name in NAMES}


def step(parameters: Mapping[str, float], person: Person, rate: float = 0.1) -> dict[str, float]:
    """One step of gradient descent, w ← w - rate · ∂L/∂w, for one person.

    All nine derivatives are taken at the old values; the old values themselves are left as they are.

    >>> ones = dict.fromkeys(NAMES, 1.0) | {"b1": 0.0, "b2": 0.0, "b3": 0.0}
    >>> step(ones, PEOPLE[0])["b3"]
    0.02376175595284281
    """
    gradient = gradients(parameters, person.x1, person.x2, person.y)
    return {name: parameters[name] - rate * gradient[name] for name in NAMES}


def train(
    parameters: Mapping[str, float],
    epochs: int = 1000,
    rate: float = 0.1,
    people: Sequence[Person] = PEOPLE,
) -> tuple[dict[str, float], list[float]]:
    """Stochastic gradient descent, one person at a time, in the table's order.

    Gives the parameters reached and the loss over all the people after each epoch (so the first of these losses
    is measured after four steps). The parameters given are left as they are.

    >>> trained, losses = train(draw_parameters(0))
    >>> f"{losses[0]:.3f} … {losses[990]:.4f}"
    '0.352 … 0.0024'
    >>> f"{feedforward(trained, EMILY.x1, EMILY.x2):.3f} is near 1: Emily is F"
    '0.946 is near 1: Emily is F'
    """
    reached = {name: float(parameters[name]) for name in NAMES}
    losses = []
    for _ in range(epochs):
        for person in people:
            reached = step(reached, person, rate)
        losses.append(loss(reached, people))
    return reached, losses
