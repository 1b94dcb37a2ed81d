"""The steps of a computation, as plain data: forward one per operation, the seed, backward one per edge, updates.

The order is the engine's own (`Graph.reverse`), and so is every number. The page makes the same list in the reader's
browser, after each change of a leaf; the tests hold the two lists against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from microgradnet.structure import neurons

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["parameters", "roles", "steps"]

Step = dict[str, Any]


def steps(graph: Graph, rate: float | None = None) -> list[Step]:
    """Every step of forward, backward and, with a learning rate, the update of the parameters.

    Each step is a dict with a "kind":
        start:    nothing but the leaves is known
        forward:  "node" gets its "data"
        seed:     the root gets the gradient 1
        backward: "reader" sends "upstream" · "local" = "product" to its operand number "place", which is node
                  "operand"; its gradient, "before", becomes "sum"; this is "use" of "uses". Where an operation sends
                  nothing, local and product are None, and the sum is what it was (None: nothing has come yet).
        update:   "node" with "data" and "gradient" becomes "after" = data - rate · gradient

    >>> from microgradnet import Graph, Value
    >>> x = Value(3.0, "x")
    >>> for step in steps(Graph(x * x)):
    ...     print(*step.values())
    start
    forward 1 9.0
    seed 1
    backward 1 0 0 1.0 3.0 3.0 None 3.0 1 2
    backward 1 1 0 1.0 3.0 3.0 3.0 6.0 2 2
    """
    root = len(graph) - 1
    forward = [{"kind": "forward", "node": i, "data": graph.data[i]} for i, op in enumerate(graph.operations) if op]
    backward, sums = _backward(graph)
    update = [] if rate is None else _updates(graph, parameters(graph), sums, rate)
    return [{"kind": "start"}, *forward, {"kind": "seed", "node": root}, *backward, *update]


def _backward(graph: Graph) -> tuple[list[Step], list[float | None]]:
    sums: list[float | None] = [None] * len(graph)
    sums[-1] = 1.0
    used = [0] * len(graph)
    out: list[Step] = []
    for reader in range(len(graph) - 1, -1, -1):
        upstream = sums[reader]
        if upstream is None:
            continue
        for place, (operand, local) in enumerate(zip(graph.operands[reader], graph.partials(reader), strict=True)):
            if type(operand) is not int:
                continue
            before = sums[operand]
            product = None if local is None else local * upstream
            if product is not None:
                sums[operand] = product if before is None else before + product
            used[operand] += 1
            out.append({
                "kind": "backward", "reader": reader, "place": place, "operand": operand, "upstream": upstream,
                "local": local, "product": product, "before": before, "sum": sums[operand], "use": used[operand],
            })  # fmt: skip
    for step in out:
        step["uses"] = used[step["operand"]]
    return out, sums


def _updates(graph: Graph, places: Iterable[int], sums: list[float | None], rate: float) -> list[Step]:
    out = []
    for i in places:
        gradient = sums[i] or 0.0
        out.append({
            "kind": "update", "node": i, "data": graph.data[i], "gradient": gradient,
            "after": graph.data[i] - rate * gradient,
        })  # fmt: skip
    return out


def roles(graph: Graph) -> list[str]:
    """What each leaf is: "weight", "bias" or "input" of a neuron, or "leaf"; "" for what is computed."""
    found = ["" if operation else "leaf" for operation in graph.operations]
    for neuron in neurons(graph):
        for role, places in (("input", neuron.inputs), ("weight", neuron.weights), ("bias", (neuron.bias,))):
            for i in places:
                if type(i) is int and found[i] in ("leaf", "input"):
                    found[i] = role
    return found


def parameters(graph: Graph) -> list[int]:
    """The leaves that one learns: weights, then biases, each by name (w2 before w10); all leaves where no neuron is.

    >>> from microgradnet import Graph, Value
    >>> parameters(Graph(Value(1.0, "b") + Value(2.0, "a")))
    [1, 0]
    """
    found = roles(graph)
    learned = [i for i, role in enumerate(found) if role in ("weight", "bias")]
    order = learned or [i for i, role in enumerate(found) if role]
    return sorted(order, key=lambda i: (found[i] == "bias", *natural(graph.names[i])))


def natural(name: str) -> tuple[str, int]:
    """A key for sorting by which w10 comes after w2."""
    stem = name.rstrip("0123456789")
    index = name[len(stem) :]
    return stem, int(index) if index.isascii() and index and len(index) < 10 else 0
