"""numba: nearly NumPy's text, compiled; what numba cannot read is written otherwise, or is a helper.

Nothing is written over by `out=`: numba makes one loop of a whole expression. Errors are NumPy's, inf and nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from microgradnet.compiler.languages.contractions import product, three_axes
from microgradnet.compiler.languages.helpers import NUMBA_HELPERS
from microgradnet.compiler.languages.numba_loops import LETTERS, alone, in_place, loops
from microgradnet.compiler.languages.numpy_language import NUMPY
from microgradnet.compiler.languages.pieces import Language, after, shape_text
from microgradnet.compiler.plan import Node, parts_of
from microgradnet.notation import Symbol, operation

__all__ = ["NUMBA"]


def _view(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    if node.operands[0].shape == ():
        return Symbol(f"np.full({shape_text(node.shape)}, {language.text(operands[0])})")
    if node.detail[0][0] == "reshape" and node.operands[0].op in ("expand", "contract"):  # which may lie apart
        operands = [Symbol(language.contiguous.format(language.text(operands[0])))]
    return NUMPY.structure["view"](node, operands, language)


def _sum(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    """Over one axis after the other."""
    if len(node.detail) == len(node.operands[0].shape):
        return after(operands[0], ".sum()", language)
    return after(operands[0], "".join(f".sum({axis})" for axis in sorted(node.detail, reverse=True)), language)


def _contract(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    left, right, result = parts_of(node.detail)
    both = [c for c in left if c in right]
    if left == right and result and len(result) + 1 == len(both):  # rows by rows
        axis = next(i for i, c in enumerate(left) if c not in result)
        if result == left.replace(left[axis], ""):
            return after(operation("mul", *operands), f".sum({axis})", language)
    if not result and 1 < len(both) == len(left) == len(right):
        one, two = operands[0], _in_order(operands[1], right, left, language)
        return after(operation("mul", one, two), ".sum()", language)

    def behind(symbol: Symbol, suffix: str) -> Symbol:
        if suffix.startswith(".reshape"):
            symbol = Symbol(language.contiguous.format(language.text(symbol)))
        return after(symbol, suffix, language)

    if any(c in result for c in both):
        return three_axes(node, operands, behind, language.text)
    whole = [_side_by_side(o, symbol, language) for o, symbol in zip(node.operands, operands, strict=True)]
    return product(node, whole, behind, language.text)


def _in_order(symbol: Symbol, letters: str, wanted: str, language: Language) -> Symbol:
    axes = tuple(letters.index(c) for c in wanted)
    if axes == tuple(range(len(axes))):
        return symbol
    return after(symbol, f".transpose({', '.join(map(str, axes))})", language)


def _side_by_side(node: Node, symbol: Symbol, language: Language) -> Symbol:
    """A part of an array as an array of its own; under a name it is one already."""
    text = language.text(symbol)
    if node.op != "view" or text.isidentifier() or [kind for kind, _ in node.detail] == ["transpose"]:
        return symbol
    return Symbol(language.contiguous.format(text))


def _peak(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return Symbol(f"peak({language.text(operands[0])})") if node.shape else after(operands[0], ".max()", language)


def _choose(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    values, index = map(language.text, operands)
    return Symbol(f"choose({values}, {index})" if node.shape else f"{values}[{index}]")


def _whole(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    text = language.text(operands[0])
    return after(operands[0], ".astype(np.int64)", language) if node.shape else Symbol(f"int({text})")


def _put(name: str, index: Node, operands: Sequence[Symbol], sign: str, language: Language) -> str:
    value = operands[0] if sign == "+" else operation("neg", operands[0])
    if not index.shape:
        return f"{name}[{language.text(operands[1])}] += {language.text(value)}"
    return f"put({name}, {language.text(operands[1])}, {language.text(value)})"


def _real(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    if node.shape == ():
        return Symbol(f"float({language.text(operands[0])})")
    return after(operands[0], ".astype(np.float64)", language)


def _where(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    if node.shape == ():
        mask, value, other = operands
        return operation("choice", after(mask, "", language) if mask.op == "choice" else mask, value, other)
    return Symbol(f"np.where({', '.join(map(language.text, operands))})")


NUMBA = replace(
    NUMPY,
    name="numba",
    structure={
        **NUMPY.structure, "view": _view, "sum": _sum, "contract": _contract, "peak": _peak, "choose": _choose,
        "real": _real, "where": _where, "whole": _whole,
    },
    imports=("import numba", "import numpy as np"),
    decorator='@numba.njit(error_model="numpy")',
    helpers=NUMBA_HELPERS,
    over={},
    reserved=("window", *LETTERS),
    alone=alone,
    lines=loops,
    in_place=in_place,
    put=_put,
    scattered="add_at({}, {}, {})",
    contiguous="np.ascontiguousarray({})",
)  # fmt: skip
