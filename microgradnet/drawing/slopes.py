"""The local derivatives of a node in letters, for tooltips: ∂s/∂w1 = x1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microgradnet.algebra import simplify_all
from microgradnet.dialects import READING
from microgradnet.explanation.letters import INDEXED, partials_of
from microgradnet.notation import Symbol, write
from microgradnet.ops import COMPARISONS

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["slopes"]

LONGEST = 200  # letters: a longer formula is left out
MOST, PLAIN = 32, ("dot", "sum", "mean")  # of more operands only those whose derivatives stay short


def slopes(graph: Graph, number: int) -> list[str]:
    """One text per operand; "" for a constant, where no gradient goes, and for a formula that is too long.

    >>> from microgradnet import Graph, Value
    >>> w, x = Value(2.0, "w"), Value(3.0, "x")
    >>> slopes(Graph(w * x), 2), slopes(Graph(x.sin() * 2), 1)
    (['x', 'w'], ['cos(x)'])
    """
    operation, operands = graph.operations[number], graph.operands[number]
    if not operation or operation in COMPARISONS or (len(operands) > MOST and operation not in PLAIN):
        return [""] * len(operands)
    letters = [Symbol(graph.names[o]) if o.__class__ is int else Symbol(o) for o in operands]
    if operation in INDEXED and operands[-1].__class__ is int:
        letters[-1] = Symbol(graph.data[operands[-1]])
    data = tuple([float(graph.data[o]) if o.__class__ is int else o for o in operands])
    told = simplify_all(partials_of(operation, Symbol(graph.names[number]), letters, lambda: data))
    texts = ["" if p is None or o.__class__ is not int else write(p, READING)
             for o, p in zip(operands, told, strict=True)]  # fmt: skip
    return [text if len(text) <= LONGEST else "" for text in texts]
