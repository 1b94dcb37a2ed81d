"""The referee: runs a plan node by node with the table's own functions of floats. Slow, and plainly right.

Every pass must leave what it gives unchanged, and so must every language that a plan is written in.

    >>> from microgradnet.compiler.arrays import argument, contract, elementwise
    >>> from microgradnet.compiler.plan import Plan
    >>> h = elementwise("relu", contract(argument("X", (2, 3)), argument("w", (3,)), "ik,k->i"))
    >>> interpret(Plan((h,), ("h",)), X=[[1, 0, 0], [0, 1, 2]], w=[-1, 2, 3])[0].tolist()
    [0.0, 8.0]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradnet.compiler.plan import Node, Plan, parts_of, stepped
from microgradnet.compiler.sizes import at
from microgradnet.ops import COMPARISONS
from microgradnet.rules import RESULTS

__all__ = ["interpret"]


def interpret(plan: Plan, n: int = 0, **arguments: Any) -> tuple[Any, ...]:
    """The results as arrays of floats, for arguments by name. `n`: the batch size, where sizes depend on it.

    Raises TypeError for an argument that is missing or has another shape.
    """
    known: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in plan.nodes:
            if node.op == "argument":
                if node.detail not in arguments:
                    raise TypeError(f"the argument {node.detail} is missing")
                known[node] = np.asarray(arguments[node.detail], float)
            else:
                known[node] = _computed(node, [known[o] for o in node.operands], n)
            if known[node].shape != at(node.shape, n):
                raise TypeError(f"{node!r} came out as {known[node].shape}")
    return tuple(known[node] for node in plan.results)


def _computed(node: Node, operands: list[Any], n: int) -> Any:
    if node.op in _STRUCTURAL:
        return np.asarray(_STRUCTURAL[node.op](node, operands, n))
    function = COMPARISONS[node.op][1] if node.op in COMPARISONS else _LOGIC.get(node.op) or RESULTS[node.op]
    result = np.frompyfunc(function, len(operands), 1)(*operands)
    return np.asarray(result, bool if node.op in COMPARISONS or node.op in _LOGIC else float)


_LOGIC: dict[str, Callable[..., bool]] = {
    "truth": bool, "not": lambda a: not a, "and": lambda a, b: a and b, "or": lambda a, b: a or b,
}  # fmt: skip


def _accumulated(node: Node, parts: list[Any], n: int) -> Any:
    shape = at(node.shape, n)
    result = np.zeros(shape)
    places = np.arange(result.size).reshape(shape)  # the same view of the places says where a part goes
    for steps, part in zip(node.detail, parts, strict=True):
        seen = stepped(places, steps, n)
        np.add.at(result.reshape(-1), seen.reshape(-1), np.broadcast_to(part, seen.shape).reshape(-1))
    return result


def _by_row(function: Callable[..., float]) -> Callable[[Node, list[Any], int], Any]:
    return lambda node, operands, n: np.apply_along_axis(lambda row: function(*row.tolist()), -1, operands[0])


def _softmax(*row: float) -> list[float]:
    return [RESULTS["softmax"](*row, i) for i in range(len(row))]


def _chosen(node: Node, operands: list[Any], n: int) -> Any:
    values, index = operands
    return np.take_along_axis(values, index.astype(int)[..., None], -1)[..., 0]


def _placed(node: Node, operands: list[Any], n: int) -> Any:
    value, index = operands
    return np.where(np.arange(at(node.detail, n)) == index[..., None], value[..., None], 0.0)


def _contracted(node: Node, operands: list[Any], n: int) -> Any:
    left, right, result = parts_of(node.detail)
    return np.einsum(f"{left},{right}->{result}", *operands)


_STRUCTURAL: dict[str, Callable[[Node, list[Any], int], Any]] = {
    "number": lambda node, operands, n: float(at(node.detail, n)),
    "table": lambda node, operands, n: node.detail.array,
    "view": lambda node, operands, n: stepped(operands[0], node.detail, n),
    "expand": lambda node, operands, n: np.broadcast_to(operands[0], at(node.shape, n)),
    "sum": lambda node, operands, n: operands[0].sum(node.detail),
    "contract": _contracted,
    "accumulate": _accumulated,
    "stack": lambda node, operands, n: np.concatenate(operands, -1),
    "peak": lambda node, operands, n: operands[0].max(-1),
    "softmax": _by_row(_softmax),  # type: ignore[arg-type]
    "logsumexp": _by_row(RESULTS["logsumexp"]),
    "choose": _chosen,
    "place": _placed,
}
