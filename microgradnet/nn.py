"""Networks: a Neuron is `f(w · x + b)`, a Layer is a list of them, an MLP is a list of layers.

One neuron is two nodes of the graph, as the article draws it: the weighted sum s and the activation of it. Names and
order are micrograd's and PyTorch's: `parameters()`, `zero_grad()`, `named_parameters()`, `state_dict()`.
Models are saved as JSON, with every float to the last bit.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import index
from types import FunctionType
from typing import Any, Self, TypeAlias

from microgradnet import functions
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.value import Value

__all__ = ["ACTIVATIONS", "INITS", "MLP", "Layer", "Module", "Neuron"]

ACTIVATIONS = ("linear", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus", "sin")
INITS = ("uniform", "xavier", "he", "article", "zeros")
FORMAT, VERSION = "microgradnet", 1
PLAIN = {str, int, float, bool, type(None), FunctionType}  # kinds of attributes in which no parameter can be
Place: TypeAlias = "tuple[Any, Any] | None"  # where a parameter stands: the place of what holds it, and the key there


# --- what every model can do --------------------------------------------------------------------------------------


class Module:
    """Anything with parameters: the Values among its attributes, and in modules, lists, tuples and dicts among them.

    A subclass sets its Values in `__init__` and gives `__call__`. Only Values that nothing computed (`op` is None)
    count as parameters; each is found once, in the order in which the attributes were set.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> [path for path, value in Line().named_parameters()]
    ['slope', 'offset']
    >>> Line()(3.0).data
    7.0
    """

    def __call__(self, x: Any) -> Any:
        """The output for one sample."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def parameters(self) -> list[Value]:
        """Every parameter once."""
        return list(_found(self))

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Pairs of a path and a parameter, such as `("layers.0.neurons.1.weights.0", Value(...))`.

        >>> next(MLP(2, [2, 1]).named_parameters())[0]
        'layers.0.neurons.0.weights.0'
        """
        return ((_path(place), p) for p, place in _found(self).items())

    def zero_grad(self) -> None:
        """Set every parameter's gradient to 0.0."""
        for p in _found(self):
            p.grad = 0.0

    def predict(self, X: Any) -> list[Any]:
        """The outputs for many samples as plain floats: one per row of X, a list of them where there are several.

        >>> MLP(2, [3, 1], init="zeros").predict([[1, 2], [3, 4]])
        [0.0, 0.0]
        """
        return [_plain(self(row)) for row in X]

    def state_dict(self) -> dict[str, float]:
        """The numbers of all parameters by path."""
        named = list(self.named_parameters())
        state = {path: p.data for path, p in named}
        if len(state) < len(named):
            raise InputError(f"{type(self).__name__}: two parameters have the same path; rename a key of its dicts")
        return state

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set all parameters from `state`, as `state_dict()` gives it. All are set or, on an error, none.

        InputError names paths that are missing from `state` or unexpected in it; TypeError what is no number.

        >>> line = MLP(1, [1])
        >>> line.load_state_dict({"layers.0.neurons.0.weights.0": 2.0, "layers.0.neurons.0.bias": 1.0})
        >>> line([3.0]).data
        7.0
        """
        named = list(self.named_parameters())
        paths = {path for path, _ in named}
        wrong = _listed("missing", [path for path, _ in named if path not in state])
        wrong += _listed("unexpected", [str(path) for path in state if path not in paths])
        if wrong:
            raise InputError(
                f"the state does not fit this {type(self).__name__} of {len(named)} parameters: {'; '.join(wrong)}; "
                "build the model with the sizes that the state was taken from"
            )
        numbers = [_number(path, state[path]) for path, _ in named]
        for (_, p), number in zip(named, numbers, strict=True):
            p.data = number

    def arguments(self) -> dict[str, Any]:
        """What `type(self)(**arguments)` needs to build the like of this model: plain data for JSON, saved with it."""
        return {}

    @classmethod
    def rebuild(cls, arguments: dict[str, Any], n_parameters: int) -> Self:
        """A model from saved arguments, whose numbers are then set from a saved state of `n_parameters`."""
        return cls(**arguments)

    def save(self, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None) -> None:
        """Write the model to a JSON file: how it is built, its parameters, and `notes`, any plain data of yours.

        The file is written whole or not at all. A parameter that is nan or infinite is refused (InputError): such a
        model can only have diverged. InputError also if the file cannot be written.
        """
        state = self.state_dict()
        for name, number in state.items():
            if not math.isfinite(number):
                raise InputError(
                    f"{os.fspath(path)}: not saved, parameter {name} is {number}; "
                    "the training diverged, try again with a smaller rate"
                )
        document = {
            "format": FORMAT,
            "version": VERSION,
            "module": {"class": type(self).__name__} | self.arguments(),
            "state": state,
            "notes": dict(notes or {}),
        }
        try:
            text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"{os.fspath(path)}: not saved, the notes are no plain data for JSON: {error}") from error
        write_atomically(path, text + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model that `save` wrote to this file. InputError, naming the file, if it holds no such model.

        >>> import tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     MLP(2, [2, 1], seed=1).save(os.path.join(folder, "model.json"))
        ...     MLP.load(os.path.join(folder, "model.json"))
        MLP(2, [2, 1], activation='relu', output='linear')
        """
        return cls.load_with_notes(path)[0]

    @classmethod
    def load_with_notes(cls, path: str | os.PathLike[str]) -> tuple[Self, dict[str, Any]]:
        """The model and the notes that were saved with it. Errors as `load`."""
        document = _read(path)
        arguments = dict(document["module"])
        name = arguments.pop("class", None)
        if name != cls.__name__:
            raise InputError(f"{os.fspath(path)}: holds a module of class {name!r}, and {cls.__name__!r} was wanted")
        try:
            model = cls.rebuild(arguments, len(document["state"]))
            model.load_state_dict(document["state"])
        except (TypeError, ValueError, LookupError) as error:
            raise InputError(f"{os.fspath(path)}: not a whole model: {error}") from error
        return model, document["notes"]


# --- neuron, layer, network ---------------------------------------------------------------------------------------


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
        self.n_inputs = _at_least_one("n_inputs", n_inputs)
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
        self.n_inputs = _at_least_one("n_inputs", n_inputs)
        self.activation = activation
        self.neurons = [
            Neuron(n_inputs, activation, init="zeros") for _ in range(_at_least_one("n_outputs", n_outputs))
        ]
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
        self.n_inputs = _at_least_one("n_inputs", n_inputs)
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


def _whole(what: str, given: Any) -> int:
    try:
        return index(given)
    except TypeError:
        raise TypeError(f"{what} must be a whole number, got {type(given).__name__} {given!r:.60}") from None


def _at_least_one(what: str, given: Any) -> int:
    number = _whole(what, given)
    if number < 1:
        raise InputError(f"{what} must be at least 1, got {number}")
    return number


def _checked_sizes(given: Any) -> list[int]:
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise TypeError(f"sizes must be a list such as [16, 16, 1], got {type(given).__name__} {given!r:.60}")
    sizes = [_at_least_one(f"sizes[{i}], the number of neurons of layer {i + 1},", n) for i, n in enumerate(given)]
    if not sizes:
        raise InputError("sizes is empty: a network needs at least one layer, such as [1]")
    return sizes


def _check_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= _whole("seed", seed) < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, got {seed}")


def _unfit(x: Any, wanted: int) -> InputError | TypeError:
    if not hasattr(x, "__len__") or getattr(x, "ndim", 1) == 0:
        return TypeError(f"a sample must be a list of {wanted} numbers or Values, got {type(x).__name__} {x!r:.60}")
    return InputError(f"a sample of {len(x)} elements for a model of {wanted} inputs: {x!r:.80}")


def _number(path: str, given: Any) -> float:
    if isinstance(given, (str, bytes, bool, Value)) or not hasattr(given, "__float__"):
        raise TypeError(f"{path} must be a number, got {type(given).__name__} {given!r:.60}")
    return float(given)


def _listed(what: str, paths: list[str]) -> list[str]:
    """`what` and the first three of the paths, as a list of one text; no text for no paths."""
    if not paths:
        return []
    return [f"{what} {', '.join(paths[:3])}" + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")]


# --- walking, reading, writing ------------------------------------------------------------------------------------


def _found(module: Module) -> dict[Value, Place]:
    """Every parameter of a module and its place, in order."""
    found: dict[Value, Place] = {}
    _collect(module, None, found, set())
    return found


def _collect(thing: Any, place: Place, found: dict[Value, Place], seen: set[int]) -> None:
    items: Any
    if isinstance(thing, (list, tuple)):
        items = enumerate(thing)
    elif isinstance(thing, Module):
        items = vars(thing).items()
    elif isinstance(thing, dict):
        items = thing.items()
    elif getattr(getattr(thing, "dtype", None), "kind", "") == "O":  # a NumPy array of Values
        items = enumerate(thing.tolist())
    else:
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for key, item in items:
        kind = item.__class__
        if kind is Value:
            if item.op is None and item not in found:
                found[item] = (place, key)
        elif kind not in PLAIN:
            _collect(item, (place, key), found, seen)


def _path(place: Place) -> str:
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(str(key))
    return ".".join(reversed(keys))


def _plain(output: Any) -> Any:
    if isinstance(output, Value):
        return output.data
    return [_plain(v) for v in output] if hasattr(output, "__iter__") else float(output)


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The document that `save` wrote, its parts checked for their kind. InputError, naming the file."""
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not a model file, which is JSON in UTF-8 ({error})") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}:{error.lineno}:{error.colno}: not a model file, or cut off: {error.msg}; save the model again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not a model file: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{name}: not a model file: it does not begin with "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise InputError(
            f"{name}: written in version {document.get('version')!r:.20} of the format, and this release reads "
            f"version {VERSION}; update microgradnet, or save the model again"
        )
    document.setdefault("notes", {})
    for part in ("module", "state", "notes"):
        if not isinstance(document.get(part), dict):
            raise InputError(f'{name}: not a whole model file: "{part}" is missing or no object; save the model again')
    for path_of, number in document["state"].items():
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise InputError(f"{name}: {path_of} must be a number, got {number!r:.60}")
        if not abs(number) <= 1.7976931348623157e308:
            raise InputError(f"{name}: {path_of} is too large for a float")
    return document


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.60} stands in it twice")
    return read
