"""Writes losses.json, optimisers.json, networks.json and training.json beside this file: PyTorch's numbers, float64.

The tests read only the JSON files; PyTorch is needed to make them anew:

    python -m pip install torch
    python tests/frozen/make_torch_numbers.py

Floats are written by repr, so that they are read back to the last bit.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = Path(__file__).parent


def write(name: str, content: list[dict[str, Any]]) -> None:
    version = torch.__version__.split("+")[0]
    lines = ",\n".join(json.dumps(case, allow_nan=False) for case in content)  # a case a line
    (HERE / name).write_text(f'{{"torch": "{version}", "cases": [\n{lines}\n]}}\n', encoding="utf-8")


# Losses: value, and derivative by every element of the prediction.

LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
    "hinge": lambda p, t: torch.relu(1 - t * p).mean(),  # PyTorch has no plain hinge loss of this form
}


def loss_cases() -> list[dict[str, Any]]:
    draw = random.Random(1)
    real = [
        (0.3, 1.0),
        (-2.5, -2.5),
        ([1.5, -0.25, 3.0, 0.0], [1.0, 0.25, -3.0, 0.0]),
        ([2.0, 1.0, -1.0], [1.0, 1.0, 0.0]),  # two differences of exactly 1: huber's seam
        ([[1.0, 2.0], [3.0, -4.0], [0.5, 0.125]], [[1.5, 2.0], [-3.0, 4.0], [0.25, 1e-3]]),
        ([draw.gauss(0, 3) for _ in range(7)], [draw.gauss(0, 3) for _ in range(7)]),
        ([1e-9, 1e9], [-1e-9, -1e9]),
    ]
    share = [
        (0.3, 1.0),
        (0.3, 0.0),
        ([0.9, 0.1, 0.5, 0.999], [1.0, 0.0, 1.0, 0.0]),
        ([0.25, 0.75], [0.5, 0.125]),  # soft labels
        ([[0.2, 0.8], [0.6, 0.4]], [[0.0, 1.0], [1.0, 0.0]]),
        ([1e-5, 1 - 1e-5], [1.0, 0.0]),
    ]
    logit = [
        (0.0, 1.0),
        (-3.5, 0.0),
        ([2.0, -1.0, 0.0, 30.0, -30.0], [1.0, 0.0, 1.0, 0.0, 1.0]),
        ([1000.0, -1000.0], [0.0, 1.0]),
        ([0.5, -0.5], [0.25, 0.75]),
        ([[1.0, -2.0], [3.0, -4.0]], [[0.0, 1.0], [1.0, 0.0]]),
    ]
    classes = [
        ([1.0, 2.0, 0.5], 1),
        ([1000.0, -1000.0, 0.0], 1),
        ([0.0, 0.0], 0),
        ([[1.0, 2.0, 0.5], [-1.0, 0.25, 3.0], [0.0, 0.0, 0.0]], [1, 0, 2]),
        ([[draw.gauss(0, 4) for _ in range(5)] for _ in range(6)], [draw.randrange(5) for _ in range(6)]),
    ]
    margin = [
        (0.3, 1.0),
        (-0.3, 1.0),
        (1.0, 1.0),  # the kink
        ([2.0, -1.0, 0.5, -0.25], [1.0, -1.0, -1.0, 1.0]),
        ([[1.5, -0.5], [0.0, 3.0]], [[1.0, 1.0], [-1.0, -1.0]]),
    ]
    points: list[tuple[str, dict[str, float], list[Any]]] = [
        ("mse", {}, real),
        ("mae", {}, real),
        ("huber", {}, real),
        ("huber", {"delta": 0.25}, real),
        ("huber", {"delta": 3.0}, real),
        ("binary_cross_entropy", {}, share),
        ("binary_cross_entropy_with_logits", {}, logit),
        ("cross_entropy", {}, classes),
        ("hinge", {}, margin),
    ]
    cases = []
    for name, options, pairs in points:
        for prediction, target in pairs:
            p = torch.tensor(prediction, requires_grad=True)
            loss = LOSSES[name](p, torch.tensor(target), **options)
            loss.backward()
            cases.append(
                {
                    "loss": name,
                    "options": options,
                    "prediction": prediction,
                    "target": target,
                    "value": loss.item(),
                    "gradient": p.grad.tolist(),
                }
            )
    return cases


# Optimisers: ten steps from one start along one given table of gradients.

OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-4}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.1, "betas": [0.5, 0.9], "eps": 1e-6, "weight_decay": 0.0}),
]
STEPS = 10


def optimiser_cases() -> list[dict[str, Any]]:
    draw = random.Random(2)
    start = [1.0, -0.5, 3.25, 0.0]
    gradients = [[draw.gauss(0, 1) * scale for scale in (1, 1e-3, 40, 1)] for _ in range(STEPS)]
    gradients[4][3] = 0.0
    cases = []
    for schedule in ("constant", "halved every third epoch"):
        for name, options in OPTIMISERS:
            p = torch.tensor(start, requires_grad=True)
            keywords = {key: tuple(value) if key == "betas" else value for key, value in options.items()}
            optimiser = getattr(torch.optim, name)([p], **keywords)
            rates = torch.optim.lr_scheduler.LambdaLR(
                optimiser, lambda epoch, s=schedule: 1.0 if s == "constant" else 0.5 ** (epoch // 3)
            )
            path = []
            for gradient in gradients:
                p.grad = torch.tensor(gradient)
                optimiser.step()
                rates.step()
                path.append(p.tolist())
            cases.append(
                {
                    "optimiser": name,
                    "options": options,
                    "schedule": schedule,
                    "start": start,
                    "gradients": gradients,
                    "path": path,
                }
            )
    return cases


# Networks: output and gradients of an MLP for every activation. Parameters in micrograd's order (per neuron w..., b).

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda s: s,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "sin": torch.sin,
}


def linear_layers(sizes: list[int]) -> list[nn.Linear]:
    return [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]


def flat(layers: list[nn.Linear], of: str) -> list[float]:
    numbers: list[float] = []
    for layer in layers:
        weight, bias = (getattr(layer, k) if of == "data" else getattr(layer, k).grad for k in ("weight", "bias"))
        for row, b in zip(weight.tolist(), bias.tolist(), strict=True):
            numbers += [*row, b]
    return numbers


def fill(layers: list[nn.Linear], numbers: list[float]) -> None:
    rest = iter(numbers)
    with torch.no_grad():
        for layer in layers:
            for i in range(layer.out_features):
                for j in range(layer.in_features):
                    layer.weight[i, j] = next(rest)
                layer.bias[i] = next(rest)


def forward(layers: list[nn.Linear], hidden: str, output: str, x: torch.Tensor) -> torch.Tensor:
    for layer in layers[:-1]:
        x = ACTIVATIONS[hidden](layer(x))
    return ACTIVATIONS[output](layers[-1](x))


def count(sizes: list[int]) -> int:
    return sum(b * (a + 1) for a, b in itertools.pairwise(sizes))


def network_cases() -> list[dict[str, Any]]:
    draw = random.Random(3)
    cases = []
    for hidden in ACTIVATIONS:
        for output in ("linear", hidden):
            sizes = [3, 4, 3, 2]
            layers = linear_layers(sizes)
            parameters = [draw.gauss(0, 0.7) for _ in range(count(sizes))]
            x = [draw.gauss(0, 1) for _ in range(3)]
            fill(layers, parameters)
            inputs = torch.tensor(x, requires_grad=True)
            outputs = forward(layers, hidden, output, inputs)
            (outputs[0] * 2 - outputs[1]).backward()  # seed gradients 2 and -1
            cases.append(
                {
                    "activation": hidden,
                    "output": output,
                    "sizes": sizes,
                    "parameters": parameters,
                    "x": x,
                    "outputs": outputs.tolist(),
                    "gradient": flat(layers, "grad"),
                    "input_gradient": inputs.grad.tolist(),
                }
            )
    return cases


# Training: whole epochs in the order of the rows; the loss after each epoch, and the parameters at the end.

TRAININGS: list[dict[str, Any]] = [
    {"loss": "mse", "sizes": [2, 3, 1], "activation": "tanh", "output": "linear", "batch": 1, "optimiser": "SGD",
     "options": {"lr": 0.05}},
    {"loss": "huber", "sizes": [2, 3, 2], "activation": "gelu", "output": "linear", "batch": 4, "optimiser": "SGD",
     "options": {"lr": 0.05, "momentum": 0.9, "nesterov": True}},
    {"loss": "binary_cross_entropy", "sizes": [2, 3, 1], "activation": "sigmoid", "output": "sigmoid", "batch": 3,
     "optimiser": "Adam", "options": {"lr": 0.05}},
    {"loss": "binary_cross_entropy_with_logits", "sizes": [2, 4, 1], "activation": "silu", "output": "linear",
     "batch": 10, "optimiser": "AdamW", "options": {"lr": 0.05, "weight_decay": 0.1}},
    {"loss": "cross_entropy", "sizes": [2, 4, 3], "activation": "relu", "output": "linear", "batch": 4,
     "optimiser": "Adam", "options": {"lr": 0.02}},
    {"loss": "hinge", "sizes": [2, 4, 1], "activation": "softplus", "output": "linear", "batch": 5,
     "optimiser": "SGD", "options": {"lr": 0.1, "weight_decay": 0.01}},
]  # fmt: skip
EPOCHS, ROWS = 6, 10


def training_cases() -> list[dict[str, Any]]:
    draw = random.Random(4)
    cases = []
    for settings in TRAININGS:
        sizes, name, batch = settings["sizes"], settings["loss"], settings["batch"]
        layers = linear_layers(sizes)
        start = [draw.gauss(0, 0.8) for _ in range(count(sizes))]
        fill(layers, start)
        X = [[draw.gauss(0, 1) for _ in range(sizes[0])] for _ in range(ROWS)]
        y: list[Any]
        if name == "cross_entropy":
            y = [draw.randrange(sizes[-1]) for _ in range(ROWS)]
        elif name == "hinge":
            y = [draw.choice([-1.0, 1.0]) for _ in range(ROWS)]
        elif name.startswith("binary"):
            y = [draw.choice([0.0, 1.0]) for _ in range(ROWS)]
        elif sizes[-1] == 1:
            y = [math.sin(a) + b for a, b in X]
        else:
            y = [[math.sin(a) + b, a * b] for a, b in X]
        inputs, targets = torch.tensor(X), torch.tensor(y)

        def loss_of(
            rows: slice,
            layers: list[nn.Linear] = layers,
            s: dict[str, Any] = settings,
            inputs: torch.Tensor = inputs,
            targets: torch.Tensor = targets,
        ) -> torch.Tensor:
            outputs = forward(layers, s["activation"], s["output"], inputs[rows])
            return LOSSES[s["loss"]](outputs[:, 0] if s["sizes"][-1] == 1 else outputs, targets[rows])

        parameters = [p for layer in layers for p in layer.parameters()]
        optimiser = getattr(torch.optim, settings["optimiser"])(parameters, **settings["options"])
        losses = []
        for _ in range(EPOCHS):
            for i in range(0, ROWS, batch):
                optimiser.zero_grad()
                loss_of(slice(i, i + batch)).backward()
                optimiser.step()
            with torch.no_grad():
                losses.append(loss_of(slice(None)).item())
        cases.append(settings | {"start": start, "X": X, "y": y, "losses": losses, "parameters": flat(layers, "data")})
    return cases


if __name__ == "__main__":
    write("losses.json", loss_cases())
    write("optimisers.json", optimiser_cases())
    write("networks.json", network_cases())
    write("training.json", training_cases())
