"""What to do about a number that is not finite: tables of where an operation fails, and what to write there.

A row of a table: the operations, the condition on the result and the operands (as `y, *x`), and the advice. The first
row that fits is taken. An advice is a text, with `{op}`, `{0}` and `{1}` for the operation and its operands, or a
function of the graph and the place in it, where it depends on what is around.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from microgradnet.anomaly.sentences import Edge, name
from microgradnet.graph import Graph

__all__ = ["backward_advice", "forward_advice"]

Advice = str | Callable[[Graph, int], str]
Case = tuple[str, Callable[..., bool], Advice]


def _always(y: float, *x: float) -> bool:
    return True


# --- a logarithm of 0, by what it is taken of ---------------------------------------------------------------------

_LOG_OF = {
    "sigmoid": "for log(sigmoid(z)) write -softplus(-z), which is exact, with z = {z}",
    "1 - sigmoid": "for log(1 - sigmoid(z)) write -softplus(z), which is exact, with z = {z}",
    "softmax": "for the log of a softmax write x_i - logsumexp(x), which is exact",
}


def _instead_of_log(graph: Graph, place: int) -> str:
    """What to write in place of the logarithm of a number that came out as 0."""
    (x,) = graph.operands[place]
    if x.__class__ is int:
        made, within = graph.operations[x], graph.operands[x]
        if made == "sub" and within[0].__class__ is float and within[0] == 1.0:
            made, within = f"1 - {graph.operations[within[1]]}", graph.operands[within[1]]
        if made in _LOG_OF:
            return _LOG_OF[made].format(z=name(graph, within[0]))
    return f"keep {name(graph, x)} above 0, as in {graph.operations[place]}({name(graph, x)} + 1e-12)"


# --- an exponential that overflows, by what is done with it -------------------------------------------------------

_SUMS_OF_EXP = (  # whether 1 is added to it (else others), what is done with the sum, what to write
    (True, {"div", "pow_const"}, "write sigmoid({z}), which never overflows, for {fraction}"),
    (True, {"log"}, "write softplus({sign}{z}), which never overflows, for log(1 + exp(…))"),
    (False, {"log"}, "write logsumexp([…]), which never overflows, for log(exp(…) + exp(…) + …)"),
    (False, {"div"}, "write softmax([…]), which never overflows, for exp(…) / (exp(…) + exp(…) + …)"),
)


def _instead_of_exp(graph: Graph, place: int) -> str:
    """What to write in place of an exponential that overflows."""
    readers: dict[int, list[int]] = {}
    for reader, operands in enumerate(graph.operands):
        for o in operands:
            if o.__class__ is int:
                readers.setdefault(o, []).append(reader)

    def then(o: int) -> set[str]:
        return {graph.operations[reader] for reader in readers.get(o, ())}

    (x,) = graph.operands[place]
    minus = graph.operations[x] == "neg"
    z = name(graph, graph.operands[x][0] if minus else x)
    same = [twin for twin in readers[x] if graph.operations[twin] == "exp"]  # written again where it is used again
    for total in (reader for twin in same for reader in readers.get(twin, ())):
        if graph.operations[total] in ("add", "sum"):
            beside_one = any(o.__class__ is float and o == 1.0 for o in graph.operands[total])
            for one, used, text in _SUMS_OF_EXP:
                if one is beside_one and then(total) & used:
                    return text.format(z=z, sign="-" * minus, fraction="1 / (1 + exp(-z))" if minus else "e / (1 + e)")
    return "exp overflows above 709.78; sigmoid, softplus, logsumexp and softmax do not, if it stands for one of them"


# --- the tables ---------------------------------------------------------------------------------------------------

FORWARD: tuple[Case, ...] = (
    ("log log2 log10", lambda y, x: x < 0.0, "{op} is defined above 0 only"),
    ("log log2 log10", _always, _instead_of_log),
    ("log1p", _always, "{op} is defined above -1 only"),
    ("exp", _always, _instead_of_exp),
    ("div", lambda y, a, b: b == 0.0,
     "the denominator {1} is 0; add a small number to it, or divide where it is not 0 only"),
    ("pow pow_const", lambda y, a, b: a == 0.0,
     "0 to a negative power is a division by 0; add a small number to the base"),
    ("pow pow_const", lambda y, a, b: a < 0.0 and not b.is_integer(),
     "a negative number has no fractional power; take abs(…) or clip(…, 0, …) of the base"),
    ("sqrt", _always,
     "a negative number has no root; take sqrt(clip({0}, 0, …)), or look for the lost digits above it"),
    ("asin acos atanh", _always, "{op} is defined from -1 to 1; clip its operand"),
    ("acosh", _always, "{op} is defined from 1 up; clip its operand"),
)  # fmt: skip
"""Where the result is the first that is not finite."""

BACKWARD: tuple[Case, ...] = (
    ("sqrt pow pow_const", lambda y, *x: x[0] == 0.0,
     "a root has no derivative at 0; add a small number under it, as in sqrt({0} + 1e-12)"),
    ("exp", _always, _instead_of_exp),
    ("asin acos atanh acosh", _always, "{op} is vertical at the end of its domain; keep its operand within it"),
    ("div log log2 log10 log1p", _always, "an operand of {op} is too near to 0; add a small number to it"),
)  # fmt: skip
"""Where a local derivative is the first number that is not finite."""


def forward_advice(graph: Graph, place: int) -> str:
    """What to do about a leaf or a result that is not finite, "" where that is not known."""
    if not graph.operations[place]:
        return "look at where its number comes from: the data, or a step of training before this"
    if any(o.__class__ is float and not isfinite(o) for o in graph.operands[place]):
        return "a constant in it is not finite itself"
    too_large = graph.data[place] == graph.data[place]  # an infinity, not a nan
    otherwise = "the numbers grew too large: a smaller learning rate, or inputs scaled to about 1" if too_large else ""
    return _looked_up(FORWARD, graph, place, otherwise)


def backward_advice(graph: Graph, place: int, edge: Edge) -> str:
    """What to do about something that is sent and not finite, "" where that is not known."""
    _, partial, _, _ = edge
    if isfinite(partial):
        return "the gradients grew too large: scale the inputs, or clip the numbers before this"
    return _looked_up(BACKWARD, graph, place, "")


def _looked_up(table: tuple[Case, ...], graph: Graph, place: int, otherwise: str) -> str:
    """The advice of the first row that fits."""
    op, operands = graph.operations[place], graph.operands[place]
    numbers = [graph.data[o] if o.__class__ is int else o for o in operands]
    for ops, condition, advice in table:
        if op in ops.split() and condition(graph.data[place], *numbers):
            if callable(advice):
                return advice(graph, place)
            return advice.format(*[name(graph, o) for o in operands], op=op)
    return otherwise
