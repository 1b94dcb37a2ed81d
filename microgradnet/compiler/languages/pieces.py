"""What every language for arrays is: plain data, and the pieces of text that all of them write alike.

Brackets are set by `notation.write`: what is written is a `Symbol`, whose letters are pieces of text that bind as
tightly as a name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from microgradnet.compiler.plan import Node, Shape, Step, Table, shape_of_steps
from microgradnet.compiler.sizes import at
from microgradnet.notation import Dialect, Symbol, write

__all__ = [
    "Language", "Writer", "Written", "after", "entries", "is_large", "is_selection", "lies_apart", "new_axes",
    "shape_text", "size_text", "steps_after",
]  # fmt: skip

LARGE = 4096  # elements from which on it is worth while to write over an array
Writer: TypeAlias = Callable[[Node, Sequence[Symbol], "Language"], Symbol]


class Written(NamedTuple):
    """A whole text, and the tables that it reads, by name."""

    source: str
    tables: Mapping[str, Any]


@dataclass(frozen=True)
class Language:
    """How plans are written.

    dialect:   operators, functions, numbers
    structure: how a node is written that is no operator or function of the dialect, from its operands' symbols
    imports:   the lines at the head of a module
    decorator: the line above each function, or ""
    helpers:   the text of functions that NumPy has not, by the name that is written
    augmented: operation to the sign before `=` that writes it over its first operand
    over:      operation to NumPy's function that takes `out=`; {} where the language has none
    spelled:   operations of the table that need not be written out
    put:       the line that adds to one place of each row: of the array's name, the index, (value, index), the sign
    scattered: the line that adds at an index that may repeat: of the array, the index, the values
    reserved:  names that the text uses for itself
    alone:     whether a node that one other reads cannot be written inside that, of the node and the other
    lines:     the lines that compute a node under a name, of names for others; None for what an expression computes,
               and where that is everything
    in_place:  the lines that write a node over an array which it reads, as above; None for what a sign and = does
    batch:     how many rows a batch is thought to have, where sizes depend on it: as many as make every array large
    contiguous: what an array that is a part of another one is wrapped in where its elements must lie side by side
    """

    name: str
    dialect: Dialect
    structure: Mapping[str, Writer]
    imports: tuple[str, ...]
    helpers: Mapping[str, str]
    augmented: Mapping[str, str]
    over: Mapping[str, str]
    spelled: frozenset[str]
    put: Callable[[str, Node, Sequence[Symbol], str, Language], str]
    scattered: str
    decorator: str = ""
    reserved: tuple[str, ...] = ("window",)
    alone: Callable[[Node, Node | None], bool] = lambda node, reader: False
    lines: Callable[[Node, str, Mapping[Node, str], Language], list[str] | None] | None = None
    in_place: Callable[[Node, Node, Mapping[Node, str], Language], list[str] | None] = lambda *_: None
    batch: int = 1 << 20
    contiguous: str = "{}"
    tables: Mapping[Table, str] = field(default_factory=dict)

    def text(self, symbol: Symbol) -> str:
        """The text of an expression."""
        return write(symbol, self.dialect)

    def with_tables(self, tables: Mapping[Table, str]) -> Language:
        """The same, with names for the tables of a plan."""
        return replace(self, tables=tables)


# --- pieces of text ------------------------------------------------------------------------------------------------


def size_text(size: Any) -> str:
    """A size, a tuple of them as `reshape` takes it, or a number.

    >>> from microgradnet.compiler.sizes import Dim
    >>> size_text(3), size_text(Dim(2, 1)), size_text((3, Dim(1)))
    ('3', '2 * N + 1', '3, N')
    """
    return ", ".join(map(size_text, size)) if isinstance(size, tuple) else repr(size)


def shape_text(shape: Shape) -> str:
    """A shape as a function takes it.

    >>> shape_text((3,)), shape_text((3, 4)), shape_text(())
    ('3', '(3, 4)', '()')
    """
    return size_text(shape[0]) if len(shape) == 1 else f"({size_text(tuple(shape))})"


def after(symbol: Symbol, suffix: str, language: Language) -> Symbol:
    """What is written behind an expression that binds tightly: `x.T`, `(a + b).sum()`.

    >>> from microgradnet.compiler.languages import NUMPY
    >>> write(after(Symbol("a") + Symbol("b"), ".sum()", NUMPY))
    '(a + b).sum()'
    """
    text = language.text(symbol)
    loose = symbol.op in language.dialect.operators or (symbol.number is not None)
    return Symbol(f"({text}){suffix}" if loose else text + suffix)


def entries(how: Sequence[Any], shape: Shape) -> str:
    """The entries of a slice between brackets; whole axes as `:`, and not at all at the end."""
    words = [
        size_text(e) if not isinstance(e, tuple) else ":" if e == (0, size, 1) else _range(e)
        for e, size in zip(how, shape, strict=True)
    ]
    while len(words) > 1 and words[-1] == ":":
        words.pop()
    return ", ".join(words)


def _range(entry: tuple[Any, Any, Any]) -> str:
    start, stop, step = map(size_text, entry)
    return f"{start}:{stop}" + (f":{step}" if step != "1" else "")


def steps_after(symbol: Symbol, shape: Shape, steps: Iterable[Step], language: Language) -> Symbol:
    """An expression of this shape seen otherwise, as NumPy writes it."""
    steps = tuple(steps)
    now = shape
    for i, step in enumerate(steps):
        if step[0] == "reshape" and lies_apart(shape, steps[:i]):
            symbol = Symbol(language.contiguous.format(language.text(symbol)))
        symbol = after(symbol, _step_text(step, now, language), language)
        now = shape_of_steps(now, [step])
    return symbol


def lies_apart(shape: Shape, steps: Sequence[Step]) -> bool:
    """Whether the elements of a view may not lie side by side: it is more than a run of a vector, reshaped."""
    for step in steps:
        run = step[0] == "slice" and len(shape) == 1 and _is_run(step[1][0])
        if step[0] != "reshape" and not run:
            return True
        shape = shape_of_steps(shape, [step])
    return False


def _is_run(entry: Any) -> bool:
    return isinstance(entry, tuple) and entry[2] == 1


def _step_text(step: Step, shape: Shape, language: Language) -> str:
    kind, how = step
    if kind == "reshape":
        return f".reshape({size_text(tuple(how)) or '()'})"
    if kind == "slice":
        return f"[{entries(how, shape)}]" if how else ""
    if kind == "transpose":
        return ".T" if tuple(how) == tuple(reversed(range(len(shape)))) else f".transpose({size_text(tuple(how))})"
    if kind == "insert":
        return f"[{new_axes(how, len(shape))}]"
    return f"[{'..., ' * (len(shape) > 1)}{language.tables[how]}]"


def new_axes(axes: Iterable[int], rank: int) -> str:
    """The entries that put new axes at these places of the result.

    >>> new_axes([1], 1), new_axes([0, 2], 1)
    (':, None', 'None, :, None')
    """
    where = set(axes)
    words = ["None" if i in where else ":" for i in range(rank + len(where))]
    while words[-1] == ":":
        words.pop()
    return ", ".join(words)


def is_large(shape: Shape, language: Language) -> bool:
    """Whether an array of the shape has so many elements that it matters how often they are walked through."""
    return bool(math.prod(at(tuple(shape), language.batch)) > LARGE)


def is_selection(node: Node) -> bool:
    """Whether it is where(mask, x, 0.0), x of the full shape."""
    return node.op == "where" and node.operands[2].number == 0.0 and node.operands[1].shape == node.shape != ()
