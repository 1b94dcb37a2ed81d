"""NumPy: arrays as an expert writes them by hand.

>>> from microgradnet.compiler.arrays import argument, view
>>> p = argument("p", (48,))
>>> W = view(p, ("reshape", (16, 3)), ("slice", ((0, 16, 1), (0, 2, 1))))
>>> NUMPY.text(NUMPY.structure["view"](W, [Symbol("p")], NUMPY))
'p.reshape(16, 3)[:, 0:2]'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from microgradnet.compiler.languages.contractions import product
from microgradnet.compiler.languages.helpers import NUMPY_HELPERS
from microgradnet.compiler.languages.pieces import (
    Language,
    Writer,
    after,
    is_large,
    is_selection,
    new_axes,
    shape_text,
    size_text,
    steps_after,
)
from microgradnet.compiler.plan import Node
from microgradnet.compiler.sizes import Dim, Scaled
from microgradnet.notation import LEAF, NEGATIVE, OPERATORS, Dialect, Symbol, operation
from microgradnet.ops import TABLE

__all__ = ["NUMPY", "rows"]

SEEN = ("argument", "view", "expand")  # arrays whose elements may lie apart
SHORT = 64


def is_short(size: Any) -> bool:
    """Whether rows of this size are short."""
    return isinstance(size, int) and size <= SHORT


# --- structural nodes ----------------------------------------------------------------------------------------------


def _view(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return steps_after(operands[0], node.operands[0].shape, node.detail, language)


def _expand(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    if node.operands[0].shape == ():
        return Symbol(f"np.full({shape_text(node.shape)}, {language.text(operands[0])})")
    return Symbol(f"np.broadcast_to({language.text(operands[0])}, {shape_text(node.shape)})")


def _sum(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    (of,), axes = node.operands, node.detail
    if len(axes) == len(of.shape):
        return after(operands[0], ".sum()", language)
    if language.over and len(of.shape) == 2 and is_large(of.shape, language) and of.op not in SEEN:
        # several times faster than .sum along one axis
        ones = Symbol(f"np.ones({size_text(of.shape[axes[0]])})")
        return operation("matmul", *([ones, operands[0]] if axes == (0,) else [operands[0], ones]))
    how = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
    return after(operands[0], f".sum({how})", language)


def _contract(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return product(node, operands, lambda symbol, suffix: after(symbol, suffix, language), language.text)


def _stack(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    texts = ", ".join(map(language.text, operands))
    if all(o.shape == () for o in node.operands):
        return Symbol(f"np.array([{texts}])")
    return Symbol(f"np.concatenate(({texts}){', -1' * (len(node.shape) > 1)})")


def _call(name: str) -> Writer:
    return lambda node, operands, language: _called(name, *operands, language=language)


def _peak(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    (of,) = node.operands
    if language.over and len(of.shape) == 2 and is_large(of.shape, language) and is_short(of.shape[1]):
        # row by row is slow where rows are short
        return Symbol(f"np.ascontiguousarray({language.text(after(operands[0], '.T', language))}).max(0)")
    return after(operands[0], ".max(-1)" if node.shape else ".max()", language)


def _whole(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    """An index, which is kept as a float, as whole numbers."""
    return after(operands[0], ".astype(int)", language) if node.shape else _called("int", *operands, language=language)


def rows(index: Node, symbol: Symbol, language: Language) -> str:
    """The entries that choose, in each row, the element at the index."""
    axes = []
    for i, size in enumerate(index.shape):
        later = len(index.shape) - 1 - i
        axes.append(f"np.arange({size_text(size)})" + (f"[:{', None' * later}]" if later else ""))
    return ", ".join([*axes, language.text(symbol)])


def _put(name: str, index: Node, operands: Sequence[Symbol], sign: str, language: Language) -> str:
    return f"{name}[{rows(index, operands[1], language)}] {sign}= {language.text(operands[0])}"


def _choose(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return after(operands[0], f"[{rows(node.operands[1], operands[1], language)}]", language)


def _place(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    value, index = (
        after(o, f"[{new_axes([len(n.shape)], len(n.shape))}]", language) if n.shape else o
        for o, n in zip(operands, node.operands, strict=True)
    )
    is_place = operation("same", Symbol(f"np.arange({size_text(node.detail)})"), index)
    return Symbol(f"np.where({language.text(is_place)}, {language.text(value)}, 0.0)")


def _table(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return Symbol(language.tables[node.detail])


def _relu(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return Symbol(f"np.maximum({language.text(operands[0])}, 0.0)")


def _where(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    mask, value, other = operands
    if node.shape == () and not any(o.op == "number" for o in node.operands[1:]):  # np.float64s, which never raise
        return operation("choice", after(mask, "", language) if mask.op == "choice" else mask, value, other)
    literals = tuple(o.number for o in node.operands[1:])
    if node.operands[0].shape == node.shape and literals in ((1.0, 0.0), (0.0, 1.0)):
        holds = mask if literals == (1.0, 0.0) else operation("not", mask)
        return after(holds, ".astype(float)", language)
    if is_large(node.shape, language):  # np.where is slow where a mask has no pattern
        if is_selection(node):
            return _called("kept", value, mask, language=language)
        if literals[0] == 0.0 and node.operands[2].shape == node.shape:
            return _called("kept", other, operation("not", mask), language=language)
        return _called("chosen", mask, value, other, language=language)
    return _called("np.where", mask, value, other, language=language)


def _called(name: str, *operands: Symbol, language: Language) -> Symbol:
    return Symbol(f"{name}({', '.join(map(language.text, operands))})")


def _real(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return after(operands[0], ".astype(float)", language)


# --- dialects ------------------------------------------------------------------------------------------------------


def numpy_number(x: Any) -> tuple[str, int]:
    """A number as NumPy's users write it.

    >>> numpy_number(0.5), numpy_number(-math.inf), numpy_number(Scaled(0.5, -1))
    (('0.5', 18), ('-np.inf', 4), ('0.5 / N', 3))
    """
    if isinstance(x, Dim):
        return repr(x), LEAF
    if isinstance(x, Scaled):
        return repr(x), 3
    if math.isfinite(x):
        return repr(float(x)), NEGATIVE if math.copysign(1.0, x) < 0 else LEAF
    return ("np.nan", LEAF) if x != x else ("np.inf", LEAF) if x > 0 else ("-np.inf", NEGATIVE)


_OPERATORS: dict[str, tuple[str, int]] = {
    **{op: spelled for op, spelled in OPERATORS.items() if op not in ("where", "is_zero")},
    "same": ("{} == {}", 1),
    "truth": ("{} != 0.0", 1),
    "or": ("{} | {}", 1.2),  # type: ignore[dict-item]
    "and": ("{} & {}", 1.5),  # type: ignore[dict-item]
    "not": ("~{}", 4),
    "matmul": ("{} @ {}", 3),
    "choice": ("{1} if {0} else {2}", 0),
    **dict.fromkeys(("pow", "pow_const", "rpow_const"), ("{}**{}", 5)),
}
_OWN = ("erf", "erfc", "sigmoid", "softplus")  # helpers, under the table's names
_PLAIN = {row.name: f"np.{row.numpy}" for row in TABLE.values() if row.primitive and row.name not in _OPERATORS}
_FUNCTIONS: dict[str, str] = {
    **{name: called for name, called in _PLAIN.items() if name not in _OWN},
    **{name: f"np.{name}" for name in ("abs", "maximum", "minimum", "where")},
    **{name: name for name in _OWN},
}
_SPELLED = frozenset({
    *(name for name, row in TABLE.items() if row.primitive), "pow_const", "rpow_const", "relu", "maximum", "minimum",
    "sigmoid", "softplus",
})  # fmt: skip

NUMPY = Language(
    name="numpy",
    dialect=Dialect(_OPERATORS, _FUNCTIONS, number=numpy_number),
    structure={
        "view": _view, "expand": _expand, "sum": _sum, "contract": _contract, "stack": _stack, "peak": _peak,
        "softmax": _call("softmax"), "logsumexp": _call("logsumexp"), "choose": _choose, "place": _place,
        "table": _table, "where": _where, "relu": _relu, "real": _real,
        "whole": _whole,
    },
    imports=("import numpy as np",),
    helpers=NUMPY_HELPERS,
    augmented={"add": "+", "sub": "-", "mul": "*", "div": "/"},
    over={
        "relu": "np.maximum",
        **{op: f"np.{TABLE[op].numpy}" for op in ("add", "sub", "mul", "div", "neg", "pow", "pow_const", "rpow_const")},
        **{op: called for op, called in _FUNCTIONS.items() if op not in (*_OWN, "where")},
    },
    spelled=_SPELLED,
    put=_put,
    scattered="np.add.at({}, {}, {})",
)  # fmt: skip
