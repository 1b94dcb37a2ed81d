"""How a sum of products is written: as a product of matrices wherever it is one, with few rearrangements.

>>> from microgradnet.compiler.arrays import argument, contract
>>> from microgradnet.notation import Symbol, write
>>> def written(letters, a, b):
...     node = contract(argument("A", a), argument("B", b), letters)
...     return product(node, [Symbol("A"), Symbol("B")], lambda x, suffix: Symbol(write(x) + suffix), write).operands
>>> [o.operands[0] for o in written("ik,jk->ij", (100, 2), (16, 2))]
['A', 'B.T']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from microgradnet.compiler.plan import Node, parts_of
from microgradnet.compiler.sizes import Dim
from microgradnet.notation import Symbol, operation

__all__ = ["product", "three_axes"]

After = Callable[[Symbol, str], Symbol]


def product(node: Node, operands: Sequence[Symbol], after: After, text: Callable[[Symbol], str]) -> Symbol:
    """The symbol of a `contract`; `after` writes a suffix behind an expression, `text` an expression."""
    left, right, result = parts_of(node.detail)
    sizes = dict(zip(left + right, node.operands[0].shape + node.operands[1].shape, strict=True))
    a, b = operands
    batch = [c for c in result if c in left and c in right]
    rows = [c for c in result if c in left and c not in right]
    columns = [c for c in result if c in right and c not in left]
    inner = [c for c in left if c not in result]
    if batch and not rows and not columns:
        return Symbol(f'np.einsum("{left},{right}->{result}", {text(a)}, {text(b)})')
    if not batch and not rows and not columns and len(inner) > 1:
        b = _arranged(b, right, inner, after)
        return Symbol(f"np.vdot({text(a)}, {text(b)})")
    if _columns_first(result, rows, columns):
        a, b, left, right, rows, columns = b, a, right, left, columns, rows
    one = _grouped(a, left, [batch, rows, inner], sizes, after)
    two = _grouped(b, right, [batch, inner, columns], sizes, after)
    if batch and not columns:
        two = after(two, "[..., None]")
    if batch and not rows:
        one = after(one, f"[{':, ' * len(batch)}None]")
    both = operation("matmul", one, two)
    if batch and not columns:
        both = after(both, "[..., 0]")
    if batch and not rows:
        both = after(both, "[..., 0, :]" if columns else "[..., 0]")
    if len(rows) > 1 or len(columns) > 1:
        both = after(both, f".reshape({_sizes([*batch, *rows, *columns], sizes)})")
    return _arranged(both, "".join([*batch, *rows, *columns]), list(result), after)


def three_axes(node: Node, operands: Sequence[Symbol], after: After, text: Callable[[Symbol], str]) -> Symbol:
    """The same as a call of `batched`, which multiplies matrices one by one along the first of three axes."""
    left, right, result = parts_of(node.detail)
    sizes = dict(zip(left + right, node.operands[0].shape + node.operands[1].shape, strict=True))
    batch = [c for c in result if c in left and c in right]
    rows = [c for c in result if c in left and c not in right]
    columns = [c for c in result if c in right and c not in left]
    inner = [c for c in left if c not in result]
    one = _arranged(operands[0], left, [*batch, *rows, *inner], after)
    two = _arranged(operands[1], right, [*batch, *inner, *columns], after)
    one = after(one, f".reshape({', '.join(_length(group, sizes) for group in (batch, rows, inner))})")
    two = after(two, f".reshape({', '.join(_length(group, sizes) for group in (batch, inner, columns))})")
    both = after(Symbol(f"batched({text(one)}, {text(two)})"), f".reshape({_sizes([*batch, *rows, *columns], sizes)})")
    return _arranged(both, "".join([*batch, *rows, *columns]), list(result), after)


def _columns_first(result: str, rows: list[str], columns: list[str]) -> bool:
    """Whether the product is better taken the other way round: the result begins with the right one's letters."""
    outer = [c for c in result if c in rows or c in columns]
    return bool(columns) and bool(rows) and outer[: len(columns)] == columns


def _arranged(x: Symbol, letters: str, wanted: list[str], after: After) -> Symbol:
    """The axes in the wanted order."""
    order = [letters.index(c) for c in wanted]
    if order == sorted(order):
        return x
    if order == sorted(order, reverse=True):
        return after(x, ".T")
    return after(x, f".transpose({', '.join(map(str, order))})")


def _grouped(x: Symbol, letters: str, groups: list[list[str]], sizes: dict[str, Any], after: After) -> Symbol:
    """The operand with its axes in these groups, those of the last two each as one axis."""
    batch, first, second = groups
    several = len(first) > 1 or len(second) > 1
    swapped = [*batch, *second, *first]
    if several and not batch and list(letters) == swapped and first and second:
        return after(after(x, f".reshape({_length(second, sizes)}, {_length(first, sizes)})"), ".T")
    x = _arranged(x, letters, [*batch, *first, *second], after)
    if not several:
        return x
    lengths = [_sizes(batch, sizes), *(_length(group, sizes) for group in (first, second) if group)]
    return after(x, f".reshape({', '.join(length for length in lengths if length)})")


def _sizes(letters: list[str], sizes: dict[str, Any]) -> str:
    return ", ".join(repr(sizes[c]) for c in letters)


def _length(letters: list[str], sizes: dict[str, Any]) -> str:
    """The product of the sizes; written out where two of them depend on the batch."""
    known, varying = 1, []
    for c in letters:
        if isinstance(sizes[c], Dim):
            varying.append(sizes[c])
        else:
            known *= sizes[c]
    if not varying:
        return repr(known)
    first, *others = varying
    texts = [repr(Dim(first.times * known, first.plus * known)), *map(repr, others)]
    return texts[0] if not others else " * ".join(f"({text})" for text in texts)
