"""The rows of the table as Python functions on floats, printed by `notation`: quick, and never raising.

>>> FLOATS.sigmoid(0.0), PARTIALS["sigmoid"](0.5, 0.0), FLOATS.exp(1000.0)
(0.5, (0.25,), inf)
"""

from __future__ import annotations

from functools import partial

from microgradnet.notation import FAST, PRIMITIVES, SAFE, Symbol, as_symbol, operands_of, write
from microgradnet.ops import TABLE, Row, largest

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from microgradnet.notation import Dialect

__all__ = ["FLOATS", "NAMESPACE", "PARTIALS", "Numbers", "attempt", "define", "function_source", "rule", "statements"]


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


class _Floats(Numbers):
    """The table on plain floats: `FLOATS.exp(1000.0)` is inf; no function ever raises. Made when first asked for."""

    def __getattr__(self, name: str) -> Callable[..., float]:
        if name not in TABLE:
            raise AttributeError(name)
        row = TABLE[name]
        function: Callable[..., float]
        if row.variadic:
            function = partial(row.value, self)
        else:
            value, _ = rule(row)
            source = function_source(name, row.operands, [*attempt(value), "return y"])
            function = define(source, f"{name} on floats")[name]
        setattr(self, name, function)
        return function


class _Partials(dict[str, "Callable[..., tuple[float | None, ...]]"]):
    """The partials of every row on floats: `PARTIALS["exp"](y, x)`. Made when first asked for."""

    def __missing__(self, name: str) -> Callable[..., tuple[float | None, ...]]:
        row = TABLE[name]
        if row.variadic:
            self[name] = partial(row.partials, FLOATS)
        else:
            _, partials = rule(row)
            body = [*attempt(partials), f"return ({', '.join(partials)},)"]
            self[name] = define(function_source(name, ["y", *row.operands], body), f"partials of {name}")[name]
        function: Callable[..., tuple[float | None, ...]] = self[name]
        return function


FLOATS, PARTIALS = _Floats(), _Partials()
NAMESPACE.update(floats=FLOATS, partials=PARTIALS)
