"""Neurons and layers, found in a Graph by its structure alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from microgradnet import nn

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["ACTIVATIONS", "Neuron", "layers", "neurons", "roles", "uses"]

ACTIVATIONS = frozenset(nn.ACTIVATIONS) - {"linear"}

Operand = int | float


class Neuron(NamedTuple):
    """A weighted sum, what belongs to it alone, and the activation if one reads it. Numbers are places in the Graph."""

    output: int
    members: frozenset[int]  # the nodes inside its frame, the output too
    inputs: tuple[Operand, ...]  # what the weights multiply
    weights: tuple[int, ...]
    bias: int | None


class _Terms(NamedTuple):
    inner: tuple[int, ...]  # sums and products that only the total reads
    inputs: tuple[Operand, ...]
    weights: tuple[int, ...]
    bias: int | None


def uses(graph: Graph) -> list[list[int]]:
    """For every node its readers in the Graph's order; who reads it twice is there twice (`x * x`)."""
    readers: list[list[int]] = [[] for _ in graph.operations]
    for i, operands in enumerate(graph.operands):
        for operand in operands:
            if type(operand) is int:
                readers[operand].append(i)
    return readers


def neurons(graph: Graph) -> list[Neuron]:
    """The neurons in the Graph's order. A neuron is a `dot`, or a sum of products (`w1*x1 + w2*x2 + b1`) whose
    weights and bias are leaves used only there, when an activation alone reads it or it has a label."""
    readers = uses(graph)
    found: list[Neuron] = []
    for total, operation in enumerate(graph.operations):
        if operation == "dot":
            terms: _Terms | None = _dot_terms(graph, total)
        elif operation in ("add", "sum") and not _continues(graph, readers, total):
            terms = _sum_terms(graph, readers, total)
        else:
            continue
        if terms is None:
            continue
        read_by = readers[total]
        activated = len(read_by) == 1 and graph.operations[read_by[0]] in ACTIVATIONS
        if operation != "dot" and not activated and (graph.labels[total] is None or len(terms.weights) < 2):
            continue
        output = read_by[0] if activated else total
        own = [w for w in (*terms.weights, terms.bias) if w is not None and _own_leaf(graph, readers, w)]
        members = frozenset((*own, *terms.inner, total, output))
        found.append(Neuron(output, members, terms.inputs, terms.weights, terms.bias))
    return found


def roles(graph: Graph, found: list[Neuron]) -> list[str]:
    """What each leaf is: "weight", "bias" or "input" of a neuron, or "leaf"; "" for what is computed.

    >>> from microgradnet import Graph, Value, relu
    >>> graph = Graph(relu(Value(1.0, "w") * Value(2.0, "x") + Value(3.0, "b")))
    >>> roles(graph, neurons(graph))
    ['weight', 'input', '', 'bias', '', '']
    """
    told = ["" if operation else "leaf" for operation in graph.operations]
    for neuron in found:
        for role, places in (("input", neuron.inputs), ("weight", neuron.weights), ("bias", (neuron.bias,))):
            for i in places:
                if type(i) is int and told[i] in ("leaf", "input"):
                    told[i] = role
    return told


def layers(found: list[Neuron]) -> list[list[Neuron]]:
    """Neurons that read the same inputs stand in one layer; the order is that of the first of each.

    >>> a, b = (Neuron(i, frozenset({i}), (0, 1), (), None) for i in (5, 6))
    >>> [len(layer) for layer in layers([a, b, Neuron(9, frozenset({9}), (5, 6), (), None)])]
    [2, 1]
    """
    by_inputs: dict[tuple[object, ...], list[Neuron]] = {}
    for neuron in found:
        key = tuple((type(x), x) for x in neuron.inputs)  # node 1 and the number 1.0 are equal in Python
        by_inputs.setdefault(key, []).append(neuron)
    return list(by_inputs.values())


def _own_leaf(graph: Graph, readers: list[list[int]], i: Operand) -> bool:
    return type(i) is int and graph.operations[i] == "" and len(readers[i]) == 1


def _continues(graph: Graph, readers: list[list[int]], i: int) -> bool:
    """Whether node i is only a part of a longer sum: a label ends the part, as its writer meant it to."""
    return graph.labels[i] is None and len(readers[i]) == 1 and graph.operations[readers[i][0]] in ("add", "sum")


def _dot_terms(graph: Graph, total: int) -> _Terms:
    operands = graph.operands[total]
    n = len(operands) // 2
    weights = tuple(int(w) for w in operands[:n] if type(w) is int)
    bias = operands[-1] if len(operands) % 2 else None
    return _Terms((), operands[n : 2 * n], weights, int(bias) if type(bias) is int else None)


def _sum_terms(graph: Graph, readers: list[list[int]], total: int) -> _Terms | None:
    """The terms of `w1*x1 + w2*x2 + b1`, or None when the sum is of another kind."""
    inner: list[int] = []
    inputs: list[Operand] = []
    weights: list[int] = []
    biases: list[int] = []
    waiting = list(reversed(graph.operands[total]))
    while waiting:
        term = waiting.pop()
        if type(term) is not int:  # the 0 that Python's sum() starts with, or a plain bias
            continue
        operation = graph.operations[term]
        if operation in ("add", "sum") and _continues(graph, readers, term):
            inner.append(term)
            waiting.extend(reversed(graph.operands[term]))
        elif operation == "mul" and len(readers[term]) == 1:
            a, b = graph.operands[term]
            weight, other = (a, b) if _own_leaf(graph, readers, a) else (b, a)
            if not _own_leaf(graph, readers, weight):
                return None
            inner.append(term)
            weights.append(int(weight))
            inputs.append(other)
        elif _own_leaf(graph, readers, term):
            biases.append(term)
        else:
            return None
    if not weights or len(biases) > 1:
        return None
    return _Terms(tuple(inner), tuple(inputs), tuple(weights), biases[0] if biases else None)
