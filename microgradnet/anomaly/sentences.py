"""What happened, in words: how a node was made, where its numbers stop being finite."""

from __future__ import annotations

from math import isfinite
from typing import Any

from microgradnet.display import digits
from microgradnet.graph import Graph

__all__ = ["Edge", "backward_sentence", "forward_sentence", "made_by", "name", "shortened"]

Edge = tuple[int, float, float, float]
"""An edge backward: the operand that it leads to, the local derivative, the gradient above, what has been sent."""

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "pow_const": "**", "rpow_const": "**"}
_SHOWN = 4  # operands, and rows at either end of a way


def shortened(path: list[int]) -> list[int]:
    """A way with its middle left out."""
    return path if len(path) <= 2 * _SHOWN + 1 else path[:_SHOWN] + path[-_SHOWN:]


def name(graph: Graph, o: Any) -> str:
    """An operand as people call it; a constant is its number."""
    return graph.names[o] if o.__class__ is int else digits(o, 6)


def made_by(graph: Graph, place: int) -> str:
    """`a * b`, `log(p)`: how a node was made."""
    op, operands = graph.operations[place], graph.operands[place]
    if not op:
        return "leaf"
    shown = [name(graph, o) for o in operands]
    if op == "neg":
        return f"-{shown[0]}"
    if op in _INFIX:
        return f"{shown[0]} {_INFIX[op]} {shown[1]}"
    if len(shown) > 2 * _SHOWN:
        shown[_SHOWN:-_SHOWN] = ["…"]
    return f"{op}({', '.join(shown)})"


def numbers(graph: Graph, place: int) -> str:
    """`a = 1, b = 0`: the operands that have a name, each once."""
    nodes = list(dict.fromkeys(o for o in graph.operands[place] if o.__class__ is int))
    shown = [f"{graph.names[o]} = {digits(graph.data[o], 6)}" for o in nodes[: 2 * _SHOWN]]
    return ", ".join(shown + ["…"] * (len(nodes) > 2 * _SHOWN))


def forward_sentence(graph: Graph, place: int) -> str:
    """What happened where an operation, or a leaf, is not finite."""
    name, result = graph.names[place], digits(graph.data[place], 6)
    if not graph.operations[place]:
        return f"{name} is {result}: a leaf, so that it came from outside"
    return f"{name} = {made_by(graph, place)} is {result}, where {numbers(graph, place)}"


def backward_sentence(graph: Graph, place: int, edge: Edge) -> str:
    """What happened where a node sends to its operand what is not finite."""
    to, partial, upstream, result = edge
    there = f"{graph.names[place]} = {made_by(graph, place)}"
    if isfinite(partial):
        why = f"{there} sends {digits(partial, 6)} · {digits(upstream, 6)}, and their product or sum is too large"
    else:
        zero = ", times its own gradient 0," if upstream == 0.0 else ""
        why = f"{there} has the local derivative {digits(partial, 6)}{zero} where {numbers(graph, place)}"
    return f"the gradient of {graph.names[to]} is {digits(result, 6)}: {why}"
