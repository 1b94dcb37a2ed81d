"""The rows of the table as JavaScript: what the page computes values and partials with, printed by `notation`.

The functions that they call beside JavaScript's own `Math` are in `numbers.js`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from microgradnet.dialects import JAVASCRIPT
from microgradnet.errors import InputError
from microgradnet.notation import PRIMITIVES, Symbol, as_symbol, operation, write
from microgradnet.ops import COMPARISONS, TABLE, Row
from microgradnet.rules import statements

__all__ = ["javascript_rules", "printable"]

ALGORITHMS = ("take", "logsumexp", "softmax")
"""They look at the numbers they are given, so no expression says what they do; they are written out in numbers.js."""


def printable(op: str) -> bool:
    """Whether the page can compute an operation: one of the table or a comparison.

    An operation of one's own (`extension`) cannot be printed, whatever its name: its value is a Python function. Its
    node keeps the number that it has.

    >>> printable("tanh"), printable("lt"), printable("cube")
    (True, True, False)
    """
    return not hasattr(op, "row") and (op in TABLE or op in COMPARISONS)


def javascript_rules(operations: Iterable[tuple[str, int]]) -> str:
    """The rules of operations, each with its number of operands, as JavaScript statements, each rule once.

    `rules["mul/2"]` then has `value(a, b)`, a number, and `partials(y, a, b)`, an array of numbers and of null where
    nothing is sent, as `ops` says. The value of a comparison is true or false. None of them throws: take and softmax at
    a place that does not exist are NaN, and send nothing or NaN.

    Raises InputError for an operation that is not `printable`, and for a number of operands that it cannot have.

    >>> print(javascript_rules([("mul", 2), ("sigmoid", 1), ("mul", 2)]))
    rules["mul/2"] = {value: (a, b) => a * b, partials: (y, a, b) => [b, a]};
    rules["sigmoid/1"] = {value: (x) => { const t1 = Math.exp(-(Math.abs(x))); return x >= 0.0 ? 1.0 / (1.0 + t1) : \
t1 / (1.0 + t1); }, partials: (y, x) => [y * (1.0 - y)]};
    >>> print(javascript_rules([("dot", 5)]))
    rules["dot/5"] = {value: (w1, w2, x1, x2, b) => w1 * x1 + w2 * x2 + b, \
partials: (y, w1, w2, x1, x2, b) => [x1, x2, w1, w2, 1.0]};
    """
    return "\n".join(_rule(op, count) for op, count in dict.fromkeys(operations))


def _rule(op: str, count: int) -> str:
    if not printable(op):
        raise InputError(f"{op!r} is an operation of one's own: only those of the table can be written in JavaScript")
    value, partials = _comparison(op) if op in COMPARISONS else _row(TABLE[op], count)
    return f'rules["{op}/{count}"] = {{value: {value}, partials: {partials}}};'


def _comparison(op: str) -> tuple[str, str]:
    a, b = Symbol("a"), Symbol("b")
    return _function(["a", "b"], [], write(operation(op, a, b), JAVASCRIPT)), "() => [null, null]"


def _row(row: Row, count: int) -> tuple[str, str]:
    if row.name in ALGORITHMS:
        letters(row, count)
        return f"op.{row.name}", f"op.{row.name}Partials"
    names = letters(row, count)
    # a condition may be a number too, of which JavaScript has another opinion: to it NaN is false
    operands = [operation("holds", Symbol(name)) if row.name == "where" and name == "c" else Symbol(name)
                for name in names]  # fmt: skip
    value = as_symbol(row.value(PRIMITIVES, *operands))
    partials = [as_symbol(partial) for partial in row.partials(PRIMITIVES, Symbol("y"), *operands)]
    written = _one_by_one if row.variadic else _written
    shared, (result,) = written([value])
    shared_by_partials, results = written(partials)
    return (
        _function(names, shared, result),
        _function(["y", *names], shared_by_partials, f"[{', '.join(results)}]"),
    )


def letters(row: Row, count: int) -> list[str]:
    """The names of a row's operands where there are `count` of them. Raises InputError where there cannot be.

    >>> letters(TABLE["dot"], 5), letters(TABLE["hypot"], 2)
    (['w1', 'w2', 'x1', 'x2', 'b'], ['a', 'b'])
    """
    least = {"dot": 2, "take": 2, "softmax": 2}.get(row.name, 1) if row.variadic else len(row.operands)
    if count < least or (count > least and not row.variadic):
        raise InputError(f"{row.name} has {'at least ' * row.variadic}{least} operands, not {count}")
    if not row.variadic:
        return list(row.operands)
    if row.name == "dot":
        return [f"{letter}{i + 1}" for letter in "wx" for i in range(count // 2)] + ["b"] * (count % 2)
    return [f"x{i + 1}" for i in range(count)]


def _written(results: Sequence[Symbol | None]) -> tuple[list[str], list[str]]:
    """What several results share, as assignments, and the text of each result."""
    named = {f"r{i}": result for i, result in enumerate(results)}
    assigned = [line.split(" = ", 1) for line in statements(named, JAVASCRIPT)]
    shared = [f"{name} = {text}" for name, text in assigned if name not in named]
    return shared, [text for name, text in assigned if name in named]


def _one_by_one(results: Sequence[Symbol | None]) -> tuple[list[str], list[str]]:
    """The same where nothing is shared, of any depth: a sum of thousands is thousands of sums in a chain."""
    return [], [write(result, JAVASCRIPT) for result in results]


def _function(names: Sequence[str], shared: Sequence[str], returned: str) -> str:
    """The text of an arrow function."""
    if not shared:
        return f"({', '.join(names)}) => {returned}"
    return f"({', '.join(names)}) => {{ const {', '.join(shared)}; return {returned}; }}"
