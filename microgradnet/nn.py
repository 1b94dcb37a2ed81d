"""Networks: a Neuron is `f(w · x + b)`, a Layer is a list of them, an MLP is a list of layers.

One neuron is two nodes of the graph, as the article draws it: the weighted sum s and the activation of it. The order
of the parameters is micrograd's; what all models can do (`parameters()`, `save` …) is in `module`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import index
from typing import Any, Self

from microgradnet import functions
from microgradnet.errors import InputError, at_least, whole
from microgradnet.module import Module
from microgradnet.value import Value

__all__ = ["ACTIVATIONS", "INITS", "MLP", "Layer", "Module", "Neuron"]

ACTIVATIONS = ("linear", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "sin")
INITS = ("uniform", "xavier", "he", "article", "zeros")


class _Network(Module):
    """What Neuron, Layer and MLP share: they can be counted before they are built."""

    @classmethod
    def rebuild(cls, arguments: dict[str, Any], n_parameters: int) -> Self:
        sizes = [arguments["n_inputs"], *arguments.get("sizes", [arguments.get("n_outputs", 1)])]
        wanted = sum((n + 1) * m for n, m in pairwise(map(index, sizes)))
        if wanted != n_parameters:  # also keeps a made-up size from filling the memory
            raise InputError(f"sizes {sizes} need {wanted} parameters, its state holds {n_parameters}")
        return cls(**arguments | {"init": "zeros"})

    def __repr__(self) -> str:
        shown = [f"{k}={v!r}" if k in ("activation", "output") else repr(v) for k, v in self.arguments().items()]
        return f"{type(self).__name__}({', '.join(shown)})"


class Neuron(_Network):
    """`activation(w · x + b)`: `n_inputs` weights, a bias.

    `activation` is a name of ACTIVATIONS, `init` and `seed` are as in `MLP`; anything else is an InputError.
    Each call names its two nodes by `sum_label` and `output_label`; without an activation it is one node.

    >>> neuron = Neuron(2, activation="sigmoid")
    >>> neuron.load_state_dict({"weights.0": 0, "weights.1": 1, "bias": 4})  # the article's example
    >>> neuron([2, 3]).data
    0.9990889488055994
    """

    def __init__(
        self, n_inputs: int, activation: str = "relu", *, init: str = "uniform", seed: int | None = None
    ) -> None:
        self.n_inputs = at_least(1, "n_inputs", n_inputs)
        self.activation = _one_of("activation", activation, ACTIVATIONS)
        self.weights = [Value(0.0) for _ in range(self.n_inputs)]
        self.bias = Value(0.0)
        self.sum_label = self.output_label = ""
        self._activate: Callable[[Value], Value] | None = (
            None if activation == "linear" else getattr(functions, activation)
        )
        _label([[self]], "h")
        _initialise([[self]], init, seed)

    def __call__(self, x: Any) -> Value:
        """The output for one sample of `n_inputs` numbers or Values. InputError if there are more or fewer."""
        weights = self.weights
        try:
            fits = len(x) == len(weights)
        except TypeError:
            fits = False
        if not fits:
            raise _unfit(x, len(weights))
        s: Value = functions.dot(weights, x, self.bias)
        if self._activate is None:
            s.label = self.output_label
            return s
        s.label = self.sum_label
        out = self._activate(s)
        out.label = self.output_label
        return out

    def arguments(self) -> dict[str, Any]:
        return {"n_inputs": self.n_inputs, "activation": self.activation}


class Layer(_Network):
    """`n_outputs` neurons that read the same `n_inputs` numbers.

    `activation`, `init` and `seed` are as in `MLP`.

    >>> layer = Layer(2, 3, activation="tanh", init="zeros")
    >>> [h.data for h in layer([1.0, 2.0])]
    [0.0, 0.0, 0.0]
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, activation: str = "relu", *, init: str = "uniform", seed: int | None = None
    ) -> None:
        self.n_inputs = at_least(1, "n_inputs", n_inputs)
        self.activation = activation
        self.neurons = [Neuron(n_inputs, activation, init="zeros") for _ in range(at_least(1, "n_outputs", n_outputs))]
        _label([self.neurons], "h")
        _initialise([self.neurons], init, seed)

    def __call__(self, x: Any) -> Value | list[Value]:
        """The list of outputs for one sample; a Value where the layer has one neuron, as in micrograd."""
        if len(self.neurons) > 1 and hasattr(x, "__len__") and len(x) == self.n_inputs:
            x = functions.Inputs(x)  # looked through once for all neurons
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def arguments(self) -> dict[str, Any]:
        return {"n_inputs": self.n_inputs, "n_outputs": len(self.neurons), "activation": self.activation}


class MLP(_Network):
    """A multilayer perceptron: `n_inputs` numbers in, then one layer of neurons for each number of `sizes`.

    The hidden layers have the activation `activation`, the last one `output`; both are names of ACTIVATIONS.
    The article's network is `MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article")`.

    How parameters start, `init` (biases are 0 but for "article"):

    - "uniform": weights uniform in [-1, 1], in micrograd's order, drawn by Python's `random`;
    - "xavier": uniform within ±sqrt(6 / (inputs + outputs)) of the layer (Glorot and Bengio 2010), for tanh, sigmoid;
    - "he": normal with deviation sqrt(2 / inputs) (He et al. 2015), for relu;
    - "article": standard normal, all weights in order, then all biases, drawn by NumPy's legacy generator;
    - "zeros".

    `seed` is a whole number from 0 to 2³² - 1; without it the generator that `random.seed` or, for "article",
    `np.random.seed` sets is used, as in micrograd and in the article. Anything else is an InputError or TypeError.

    Labels: weights w1 …, biases b1 …, weighted sums s1 …, hidden outputs h1 …, outputs o1 …, numbered through.

    >>> model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=6)
    >>> [p.label for p in model.parameters()]
    ['w1', 'w2', 'b1', 'w3', 'w4', 'b2', 'w5', 'w6', 'b3']
    >>> out = model([-2, -1])
    >>> out.label, round(out.data, 6)
    ('o1', 0.511851)
    """

    def __init__(
        self,
        n_inputs: int,
        sizes: Sequence[int],
        activation: str = "relu",
        output: str = "linear",
        *,
        init: str = "uniform",
        seed: int | None = None,
    ) -> None:
        self.n_inputs = at_least(1, "n_inputs", n_inputs)
        self.sizes = _checked_sizes(sizes)
        self.activation = _one_of("activation", activation, ACTIVATIONS)
        self.output = _one_of("output", output, ACTIVATIONS)
        kinds = [activation] * (len(self.sizes) - 1) + [output]
        self.layers = [
            Layer(n, m, kind, init="zeros")
            for (n, m), kind in zip(pairwise([self.n_inputs, *self.sizes]), kinds, strict=True)
        ]
        neurons = [layer.neurons for layer in self.layers]
        _label(neurons, "o")
        _initialise(neurons, init, seed)

    def __call__(self, x: Any) -> Any:
        """The output for one sample of `n_inputs` numbers or Values: a Value, or a list where there are several.

        InputError if `x` has another length.
        """
        for layer in self.layers:
            outputs = layer(x)
            x = [outputs] if isinstance(outputs, Value) else outputs
        return outputs

    def arguments(self) -> dict[str, Any]:
        return {
            "n_inputs": self.n_inputs,
            "sizes": list(self.sizes),
            "activation": self.activation,
            "output": self.output,
        }


def _label(layers: Sequence[Sequence[Neuron]], last: str) -> None:
    """Number all labels through; those of the last layer's outputs begin with `last`, of the others with h."""
    n_weights = n_neurons = 0
    for layer in layers:
        prefix, before = (last, n_neurons) if layer is layers[-1] else ("h", 0)
        for neuron in layer:
            for w in neuron.weights:
                n_weights += 1
                w.label = f"w{n_weights}"
            n_neurons += 1
            neuron.bias.label, neuron.sum_label = f"b{n_neurons}", f"s{n_neurons}"
            neuron.output_label = f"{prefix}{n_neurons - before}"


def _initialise(layers: Sequence[Sequence[Neuron]], init: str, seed: int | None) -> None:
    """Give all parameters their first numbers, as `MLP` says."""
    _one_of("init", init, INITS)
    _check_seed(seed)
    if init == "zeros":
        return  # they are made as zeros
    if init == "article":
        _initialise_as_the_article([neuron for layer in layers for neuron in layer], seed)
        return
    source: Any = random if seed is None else random.Random(seed)
    for layer in layers:
        for neuron in layer:
            n, m = len(neuron.weights), len(layer)
            for w in neuron.weights:
                if init == "uniform":
                    w.data = source.uniform(-1.0, 1.0)
                elif init == "xavier":
                    w.data = math.sqrt(6.0 / (n + m)) * source.uniform(-1.0, 1.0)
                else:
                    w.data = source.gauss(0.0, math.sqrt(2.0 / n))


def _initialise_as_the_article(neurons: list[Neuron], seed: int | None) -> None:
    import numpy as np

    parameters = [w for neuron in neurons for w in neuron.weights] + [neuron.bias for neuron in neurons]
    source = np.random if seed is None else np.random.RandomState(seed)
    for p, number in zip(parameters, source.normal(size=len(parameters)).tolist(), strict=True):
        p.data = number


# --- what may be given --------------------------------------------------------------------------------------------


def _one_of(what: str, given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise InputError(f"unknown {what} {given!r:.60}; take one of: {', '.join(allowed)}")
    return given


def _checked_sizes(given: Any) -> list[int]:
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise TypeError(f"sizes must be a list such as [16, 16, 1], got {type(given).__name__} {given!r:.60}")
    sizes = [at_least(1, f"sizes[{i}], the number of neurons of layer {i + 1},", n) for i, n in enumerate(given)]
    if not sizes:
        raise InputError("sizes is empty: a network needs at least one layer, such as [1]")
    return sizes


def _check_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= whole("seed", seed) < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, got {seed}")


def _unfit(x: Any, wanted: int) -> InputError | TypeError:
    if not hasattr(x, "__len__") or getattr(x, "ndim", 1) == 0:
        return TypeError(f"a sample must be a list of {wanted} numbers or Values, got {type(x).__name__} {x!r:.60}")
    return InputError(f"a sample of {len(x)} elements for a model of {wanted} inputs: {x!r:.80}")
