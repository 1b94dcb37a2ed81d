"""Formulas at numbers: the value of a symbol by the float rules of the table, numbers put in, rounding as one goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from microgradnet.algebra import post_order, rebuild
from microgradnet.notation import LEAF, NEGATIVE, Symbol, operation, short_number, write
from microgradnet.ops import COMPARISONS, largest
from microgradnet.rules import PARTIALS, RESULTS

__all__ = ["Partial", "bracketed", "evaluate", "number_text", "put_in", "rounded_to", "shown_number"]


class Partial(str):
    """The name of a derivative that stands in a formula as such, as `sigmoid'`: which operation's, and by which
    operand."""

    of: str
    place: int

    def __new__(cls, of: str, place: int = 0, count: int = 1) -> Partial:
        self = super().__new__(cls, f"{of}'" if count == 1 else f"{of}_{place + 1}'")
        self.of, self.place = of, place
        return self


def compute(op: str) -> Callable[..., Any]:
    """The float function of an operation, a comparison or a derivative by its name."""
    if isinstance(op, Partial):
        return lambda *x: PARTIALS[op.of](RESULTS[op.of](*x), *x)[op.place]
    if op in COMPARISONS:
        return COMPARISONS[op][1]
    if op == "()":
        return lambda x: x
    if op == "peak":
        return lambda *x: largest(x)
    return (lambda x: x == 0.0) if op == "is_zero" else RESULTS[op]


def evaluate(
    symbol: Symbol | None,
    letters: Mapping[str, float],
    known: Mapping[str, float] | None = None,
    rounding: Callable[[float], float] | None = None,
) -> float:
    """The number that an expression is, for numbers of its letters; None (nothing is sent) is 0 in the
    end; on the way it is not multiplied, as it would be nan where the other factor is infinite.

    `known`: the values of calls, by their text, that are looked up and not computed; `rounding` is done after every
    operation. Never raises for arithmetic. Iterative, and shared parts are computed once.

    >>> x = Symbol("x")
    >>> evaluate((1 - x) * x, {"x": 0.25})
    0.1875
    """
    values: dict[int, Any] = {id(None): None}
    for s in post_order([symbol]):
        if not s.op:
            values[id(s)] = letters[s.operands[0]] if s.number is None else float(s.number)
            continue
        if known and s.op[-1] == "'" and (text := write(s)) in known:
            values[id(s)] = known[text]
            continue
        x = [values[id(o)] for o in s.operands]
        if None in x and s.op != "where":  # nothing was sent: nothing goes on, and to a sum nothing is added
            values[id(s)] = next((v for v in x if v is not None), None) if s.op == "add" else None
            continue
        result = compute(s.op)(*x)
        values[id(s)] = rounding(result) if rounding and result.__class__ is float else result
    result = values[id(symbol)]
    return 0.0 if result is None else float(result)


def put_in(
    symbol: Symbol, letters: Mapping[str, float], known: Mapping[str, float], rounding: Callable[[float], float] | None
) -> Symbol:
    """The expression with a number for every letter and every known call; inside other functions all is computed.

    >>> w, x = Symbol("w"), Symbol("x")
    >>> put_in(1 - operation("exp", w * x), {"w": 2.0, "x": 3.0}, {}, None)
    1 - exp(6)
    """

    def change(s: Symbol, operands: tuple[Symbol | None, ...]) -> Symbol | None:
        if not s.op:
            return Symbol(letters[s.operands[0]]) if s.number is None else s
        if s.op[-1] == "'" and (text := write(s)) in known:
            return Symbol(known[text])
        if s.op not in _WRITTEN_OUT:
            operands = tuple(
                [o if o is None or o.op == "" else Symbol(evaluate(was, letters, known, rounding))
                 for o, was in zip(operands, s.operands, strict=True)]
            )  # fmt: skip
        return operation(s.op, *operands)

    return bracketed(rebuild(symbol, change) or symbol)


_WRITTEN_OUT = ("add", "sub", "mul", "div", "neg", "pow", "pow_const", "where", "()")


def bracketed(symbol: Symbol) -> Symbol:
    """The expression with brackets around negative numbers that follow a sign: 1 - (-3).

    >>> bracketed(Symbol(1.0) - Symbol(-3.0)).operands[1].op
    '()'
    """

    def change(s: Symbol, operands: tuple[Symbol | None, ...]) -> Symbol:
        if s.op in ("add", "sub", "mul", "div", "neg") and operands[-1] is not None:
            operands = (*operands[:-1], _first_in_brackets(operands[-1]))
        return operation(s.op, *operands) if s.op else s

    return rebuild(symbol, change) or symbol


def _first_in_brackets(symbol: Symbol) -> Symbol:
    """A product or fraction, or a number, with brackets around what it begins with if that has a minus."""
    spine = [symbol]
    while spine[-1].op in ("mul", "div"):
        spine.append(spine[-1].operands[0])
    first = spine.pop()
    if first.op != "neg" and (first.number is None or math.copysign(1.0, first.number) > 0):
        return symbol
    result = operation("()", first)
    for above in reversed(spine):
        result = operation(above.op, result, above.operands[1])
    return result


def rounded_to(digits: int) -> Callable[[float], float]:
    """A function that rounds to so many significant digits.

    >>> rounded_to(3)(0.0474258)
    0.0474
    """
    return lambda x: float(f"{x:.{digits}g}") if math.isfinite(x) else x


def number_text(x: float, digits: int) -> str:
    """A number with so many significant digits, whole numbers in full; a zero at the end says that more would follow.

    >>> [number_text(x, 3) for x in (0.0474258, -2.0, 1797.0, 0.49999, 0.5, 1234.5, 1e-9, 123456789.25)]
    ['0.0474', '-2', '1797', '0.500', '0.5', '1234', '1e-09', '1.23e+08']
    """
    if not math.isfinite(x):
        return str(x)
    if x.is_integer() and abs(x) < 1e7:
        return str(int(x))
    if not 1e-4 <= abs(x) < 1e7:
        return f"{x:.{digits}g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    text = f"{x:.{places}f}"
    exact = float(text) == x or abs(float(text) - x) <= 1e-14 * abs(x)
    return text.rstrip("0").rstrip(".") if exact and "." in text else text


def shown_number(digits: int) -> Callable[[float], tuple[str, int]]:
    """What a dialect asks for: the text of a number, and how tightly it binds."""

    def number(x: float) -> tuple[str, int]:
        text, binding = short_number(x)
        if text.lstrip("-")[:1].isdigit() or not math.isfinite(x):
            text = number_text(float(x), digits)
        return text, (NEGATIVE if text.startswith("-") else LEAF) if binding >= NEGATIVE else binding

    return number
