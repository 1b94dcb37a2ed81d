"""A network as plain columns of neurons, with weights, biases and gradients: found in a Module, or in a Graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.errors import InputError
from microgradnet.module import Module
from microgradnet.nn import Layer, Neuron
from microgradnet.structure import layers, neurons

if TYPE_CHECKING:
    from microgradnet.graph import Graph
    from microgradnet.structure import Neuron as Found
    from microgradnet.value import Value

__all__ = ["Network", "Parameter", "Source", "Unit", "from_graph", "from_module"]


class Parameter(NamedTuple):
    """A weight or a bias as it was when looked at."""

    name: str
    data: float
    grad: float


class Source(NamedTuple):
    """An input: its name, and its number where one is known."""

    name: str
    data: float | None = None


class Unit(NamedTuple):
    """A neuron; its weights stand in the order of the column before. `data` is its output where it is known."""

    name: str
    weights: tuple[Parameter, ...]
    bias: Parameter | None
    activation: str
    data: float | None = None


class Network(NamedTuple):
    """Columns from left to right; every unit of a column reads all of the column before, and nothing else."""

    inputs: list[Source]
    layers: list[list[Unit]]


# --- in a module --------------------------------------------------------------------------------------------------


def from_module(module: Module) -> Network:
    """The columns of a Neuron, a Layer, an MLP, or of a Module that keeps such ones one after the other.

    Raises:
        InputError: there are no neurons in it, or they are no chain of layers.

    >>> from microgradnet.nn import MLP
    >>> network = from_module(MLP(2, [2, 1], "sigmoid", init="zeros"))
    >>> [source.name for source in network.inputs], [[unit.name for unit in layer] for layer in network.layers]
    (['x1', 'x2'], [['h1', 'h2'], ['o1']])
    """
    kind = type(module).__name__
    found = _layers(module, kind)
    if not found:
        raise InputError(
            f"{kind} has no layers of neurons to draw; keep them in a list, such as self.layers = [Layer(2, 2), "
            "Layer(2, 1)], or draw the Value that it returns for a sample"
        )
    width = len(found[0][0].weights)
    for place, layer in enumerate(found, start=1):
        for neuron in layer:
            if len(neuron.weights) != width:
                wanted = "its first neuron has" if place == 1 else f"layer {place - 1} has neurons:"
                raise InputError(
                    f"{kind}: a neuron of layer {place} has {len(neuron.weights)} weights, and {wanted} {width}; "
                    "only layers that read one another in their order can be drawn, so draw the Value that it "
                    "returns for a sample"
                )
        width = len(layer)
    inputs = [Source(f"x{i}") for i in range(1, len(found[0][0].weights) + 1)]
    return Network(inputs, [_units(layer, last=layer is found[-1]) for layer in found])


def _layers(thing: Any, kind: str) -> list[list[Neuron]]:
    """The layers in `thing`, in the order of attributes and lists."""
    if isinstance(thing, Neuron):
        return [[thing]]
    if isinstance(thing, Layer):
        return [list(thing.neurons)]
    if isinstance(thing, (list, tuple)):
        if thing and all(isinstance(item, Neuron) for item in thing):
            return [list(thing)]
        parts: Iterable[Any] = thing
    elif isinstance(thing, dict):
        parts = thing.values()
    elif isinstance(thing, Module):
        alone = [name for name, item in vars(thing).items() if isinstance(item, Neuron)]
        if len(alone) > 1:
            raise InputError(
                f"{kind} keeps the neurons {', '.join(alone[:4])}{' …' * (len(alone) > 4)} each by itself, which does "
                "not say what reads what; keep each layer in a list, such as self.layers = [[h1, h2], [o1]], or draw "
                "the Value that it returns for a sample"
            )
        parts = vars(thing).values()
    else:
        return []
    return [layer for part in parts for layer in _layers(part, kind)]


def _units(layer: Sequence[Neuron], *, last: bool) -> list[Unit]:
    units = []
    for i, neuron in enumerate(layer, start=1):
        name = neuron.output_label or f"{'o' if last else 'h'}{i}"
        weights = tuple(_parameter(w, f"w{j}") for j, w in enumerate(neuron.weights, start=1))
        units.append(Unit(name, weights, _parameter(neuron.bias, f"b{i}"), neuron.activation))
    return units


def _parameter(value: Value, otherwise: str) -> Parameter:
    return Parameter(value.label or otherwise, value.data, value.grad)


# --- in a graph ---------------------------------------------------------------------------------------------------


def from_graph(graph: Graph) -> Network:
    """The columns of a network that was run once, whoever wrote it; what comes after its last layer is left out.

    Raises:
        InputError: no neurons are found in it, or they are no chain of layers.

    >>> from microgradnet import Value, sigmoid
    >>> from microgradnet.graph import Graph
    >>> w, x, b = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    >>> from_graph(Graph(sigmoid(w * x + b))).layers[0][0].weights
    (Parameter(name='w', data=2.0, grad=0.0),)
    """
    name = graph.names[-1]
    found = layers(neurons(graph))
    if not found:
        raise InputError(
            f"there are no neurons in {name}: no weighted sum w·x + b whose weights are used there alone; "
            "draw its operations"
        )
    inputs = found[0][0].inputs
    before: list[int] = []
    columns: list[list[Unit]] = []
    for place, layer in enumerate(found, start=1):
        reads = layer[0].inputs
        order = list(range(len(reads))) if place == 1 else [_place(before, source) for source in reads]
        if any(len(neuron.weights) != len(reads) for neuron in layer):
            raise InputError(
                f"layer {place} of the neurons in {name} has plain numbers for weights; make them Values, or draw its "
                "operations"
            )
        if place > 1 and sorted(order) != list(range(len(before))):
            raise InputError(
                f"the neurons in {name} are no chain of layers: layer {place} does not read just what layer "
                f"{place - 1} gives; draw one sample, or its operations"
            )
        columns.append([_unit(graph, neuron, order) for neuron in layer])
        before = [neuron.output for neuron in layer]
    return Network([_source(graph, i, source) for i, source in enumerate(inputs, start=1)], columns)


def _place(before: Sequence[int], source: int | float) -> int:
    """Where a node stands in the column before; -1 if it is not there."""
    return before.index(source) if type(source) is int and source in before else -1


def _source(graph: Graph, i: int, source: int | float) -> Source:
    if type(source) is int:
        return Source(graph.labels[source] or f"x{i}", graph.data[source])
    return Source(f"x{i}", float(source))


def _unit(graph: Graph, neuron: Found, order: Sequence[int]) -> Unit:
    weights = [_in_graph(graph, neuron.weights[order.index(place)]) for place in range(len(order))]
    bias = None if neuron.bias is None else _in_graph(graph, neuron.bias)
    operation = graph.operations[neuron.output]
    activation = "linear" if operation in ("dot", "add", "sum") else operation
    return Unit(graph.names[neuron.output], tuple(weights), bias, activation, graph.data[neuron.output])


def _in_graph(graph: Graph, i: int) -> Parameter:
    return Parameter(graph.names[i], graph.data[i], graph.nodes[i].grad)
