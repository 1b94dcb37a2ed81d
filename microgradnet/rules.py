"""The rows of the table as Python functions on floats, printed by `notation`: quick, and never raising.

>>> RESULTS["sigmoid"](0.0), PARTIALS["sigmoid"](0.5, 0.0), FLOATS.exp(1000.0)
(0.5, (0.25,), inf)

Where the rule of an operation is found: `ops.row_of(op)` is its row, whose `partials` run on Values too;
`RESULTS[op]` and `PARTIALS[op]` are its value and its partials on floats.
"""

from __future__ import annotations

from functools import partial

from microgradnet.notation import FAST, PRIMITIVES, SAFE, Symbol, as_symbol, operands_of, write
from microgradnet.ops import TABLE, Row, largest, row_of

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from microgradnet.notation import Dialect

__all__ = [
    "FLOATS", "NAMESPACE", "PARTIALS", "RESULTS", "Numbers", "attempt", "define", "function_source", "rule",
    "statements",
]  # fmt: skip


def statements(results: dict[str, Symbol | None], dialect: Dialect) -> list[str]:
    """Assignments that compute the named expressions; what is used more than once gets a name of its own.

    >>> from microgradnet.notation import SYMBOLS, TEXT
    >>> e = SYMBOLS.exp(Symbol("x"))
    >>> statements({"y": e / (1 + e)}, TEXT)
    ['t1 = exp(x)', 'y = t1 / (1 + t1)']
    """
    uses: dict[int, int] = {}
    known: dict[int, str] = {}
    lines: list[str] = []

    def count(symbol: Symbol | None) -> None:
        if symbol is not None and symbol.op:
            uses[id(symbol)] = uses.get(id(symbol), 0) + 1
            if uses[id(symbol)] == 1:
                for operand in symbol.operands:
                    count(operand)

    def name_shared(symbol: Symbol | None) -> None:
        if symbol is not None and symbol.op and id(symbol) not in known:
            for operand in symbol.operands:
                name_shared(operand)
            if uses[id(symbol)] > 1:
                text = write(symbol, dialect, known)
                known[id(symbol)] = f"t{len(known) + 1}"
                lines.append(f"{known[id(symbol)]} = {text}")

    for result in results.values():
        count(result)
    for name, result in results.items():
        name_shared(result)
        lines.append(f"{name} = {write(result, dialect, known)}")
    return lines


def rule(row: Row) -> tuple[dict[str, Symbol | None], dict[str, Symbol | None]]:
    """A row of a fixed number of operands as symbols: {"y": value} and {"d_x": partial, …}."""
    letters = operands_of(row)
    value = PRIMITIVES.__getattr__(row.name)(*letters)
    partials = map(as_symbol, row.partials(PRIMITIVES, Symbol("y"), *letters))
    return {"y": value}, {f"d_{name}": partial for name, partial in zip(row.operands, partials, strict=True)}


def attempt(assignments: dict[str, Symbol | None], otherwise: list[str] | None = None) -> list[str]:
    """Statements that compute with Python's fast functions and, where these raise, do `otherwise`: by default the
    same with functions that never raise."""
    fast, safe = statements(assignments, FAST), statements(assignments, SAFE)
    if fast == safe:
        return fast  # plain arithmetic: nothing in it can raise
    lines = ["try:", *("    " + line for line in fast), "except (ArithmeticError, ValueError):"]
    return lines + ["    " + line for line in otherwise or safe]


NAMESPACE: dict[str, Any] = {  # what the generated Python may name
    **{f"raw_{row.name}": row.raw or row.compute for row in TABLE.values() if row.primitive},
    **{f"safe_{row.name}": row.compute for row in TABLE.values() if row.primitive},
}


def define(source: str, filename: str) -> dict[str, Any]:
    """The functions that a generated source defines."""
    functions: dict[str, Any] = {}
    exec(compile(source, f"<microgradnet {filename}>", "exec"), NAMESPACE, functions)
    return functions


def function_source(name: str, parameters: Iterable[str], body: Iterable[str]) -> str:
    """The text of a Python function."""
    return f"def {name}({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in body)


class Numbers:
    """What the rules ask of every kind of number beside the functions of the table; see `ops`."""

    def plain(self, x: Any) -> float:
        """The float that a number is, or holds."""
        return x  # type: ignore[no-any-return]

    def peak(self, x: tuple[Any, ...]) -> float:
        """The largest of them, as a float; nan if one is."""
        return largest(map(self.plain, x))

    def is_zero(self, constant: float) -> bool:
        """Whether a constant is 0."""
        return constant == 0.0


class _Results(dict[str, "Callable[..., float]"]):
    """The value of every operation on floats: `RESULTS["exp"](1000.0)` is inf; none ever raises for arithmetic.

    Made when first asked for; what is asked for an operation of one's own is not kept.
    """

    def __missing__(self, op: str) -> Callable[..., float]:
        row = row_of(op)
        if op not in TABLE:
            return row.compute  # type: ignore[return-value]
        if row.variadic:
            self[op] = partial(row.value, FLOATS)
        else:
            value, _ = rule(row)
            source = function_source(op, row.operands, [*attempt(value), "return y"])
            self[op] = define(source, f"{op} on floats")[op]
        return self[op]


class _Partials(dict[str, "Callable[..., tuple[float | None, ...]]"]):
    """The partials of every operation on floats: `PARTIALS["exp"](y, x)`; made and kept as those of RESULTS are."""

    def __missing__(self, op: str) -> Callable[..., tuple[float | None, ...]]:
        row = row_of(op)
        if op not in TABLE:
            return partial(row.partials, FLOATS)
        if row.variadic:
            self[op] = partial(row.partials, FLOATS)
        else:
            _, partials = rule(row)
            body = [*attempt(partials), f"return ({', '.join(partials)},)"]
            self[op] = define(function_source(op, ["y", *row.operands], body), f"partials of {op}")[op]
        return self[op]


class _Floats(Numbers):
    """The table on plain floats, by names: `FLOATS.exp(1000.0)` is inf. What the rules call `f`."""

    def __getattr__(self, name: str) -> Callable[..., float]:
        if name not in TABLE:
            raise AttributeError(name)
        function = RESULTS[name]
        setattr(self, name, function)
        return function


RESULTS, PARTIALS, FLOATS = _Results(), _Partials(), _Floats()
NAMESPACE.update(floats=FLOATS, partials=PARTIALS)
