"""THE table of operations: each one once, with its value and its partial derivatives.

How to read a row. `x` (or `a`, `b`, `c`) are the operands, `y` is the operation's own result, and the partials
are the derivatives of `y` with respect to each operand, in order. They are written over operators and over other
rows, which arrive as the namespace `f`: so the same line runs on floats, on `Value`s (derivatives of derivatives),
and on symbols that print themselves (`notation`). Nothing else in the package states the derivative of an operation
(`functions.dot` repeats that of `dot`, for speed, and is tested against it).

    Beside the rows, `f` has `plain(x)`, the float that a number is or holds, `peak(x)`, the largest of several, and
    `is_zero(c)`, whether a constant is 0.

    None as a partial means: nothing is sent to this operand. An operation with a mask (relu, maximum, where, clip,
    take) selects, it does not multiply: an unselected operand gets nothing, rather than `0 * g`, which would be nan
    where g is infinite.

A *primitive* has a float function that never raises: it gives inf or nan where Python's `math` would raise. A
*composite* (sigmoid, softplus, gelu ...) is an expression over primitives.
"""

from __future__ import annotations

import math
import operator
from functools import reduce

TYPE_CHECKING = False  # the typing module is a sixth of the import time; type checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["COMPARISONS", "TABLE", "Row", "row_of"]

inf, nan = math.inf, math.nan
LN2, LN10, SQRT2 = math.log(2.0), math.log(10.0), math.sqrt(2.0)
TWO_OVER_SQRT_PI, SQRT_2PI = 2.0 / math.sqrt(math.pi), math.sqrt(2.0 * math.pi)

# --- floats that never raise: IEEE 754 where Python would stop ---------------------------------------------------


def guarded(function: Callable[..., float], otherwise: Callable[..., float]) -> Callable[..., float]:
    """`function`, and where it raises (division by zero, overflow, outside the domain) `otherwise`.

    >>> guarded(math.exp, lambda x: inf)(1000.0)
    inf
    """

    def never_raises(*x: float) -> float:
        try:
            return function(*x)
        except (ArithmeticError, ValueError):
            return otherwise(*x)

    return never_raises


def _is_odd(x: float) -> bool:
    return x % 2.0 == 1.0


def _divided_by_zero(a: float, b: float) -> float:
    return nan if a == 0.0 or a != a else math.copysign(inf, a) * math.copysign(1.0, b)


def _power_at_the_edge(a: float, b: float) -> float:
    if a < 0.0 and not b.is_integer():
        return nan
    return math.copysign(inf, a) if _is_odd(b) else inf  # an overflow, or zero to a negative power


def _integral(function: Callable[[float], int]) -> Callable[[float], float]:
    """floor, ceil, trunc or round to a float that keeps its sign, -0.0 included; inf and nan stay themselves."""
    return guarded(lambda x: math.copysign(float(function(x)), x), lambda x: x)


def _sign(x: float) -> float:
    return x if x != x else float((x > 0.0) - (x < 0.0))


# --- rows ---------------------------------------------------------------------------------------------------------


class Row:
    """One operation: `name`, the names of its `operands`, `value`, `partials`; the rest is how others spell it.

    `operands`: names in written order (`slope=0.01`: with a default); `*x` stands for any number of them.
    `constants`: those that must be plain numbers.
    `value(f, *operands)` and `partials(f, y, *operands)` run on any kind of number that `f` has functions for.
    `compute`: a primitive's float function, never raising, else None; `raw`: Python's own, faster, which may raise.
    `symbol`: how people write it; `numpy`: NumPy's name for it; `dunder`: Python's operator method.

    >>> row = TABLE["tanh"]
    >>> row.partials(None, 0.5, 0.5493)
    (0.75,)
    """

    __slots__ = (
        "compute", "constants", "defaults", "doc", "dunder", "name", "numpy", "operands", "partials", "raw", "symbol",
        "value",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        operands: str,
        value: Callable[..., Any],
        partials: Callable[..., tuple[Any, ...]],
        doc: str,
        *,
        compute: Callable[..., float] | None = None,
        raw: Callable[..., float] | None = None,
        constants: str = "",
        symbol: str = "",
        numpy: str = "",
        dunder: str = "",
    ) -> None:
        named = [operand.partition("=") for operand in operands.split()]
        self.operands = tuple(operand for operand, _, _ in named)
        self.defaults = tuple(float(default) for _, _, default in named if default)
        self.name, self.value, self.partials, self.doc = name, value, partials, doc
        self.compute, self.raw, self.constants = compute, raw, tuple(constants.split())
        self.symbol, self.numpy, self.dunder = symbol or name, numpy or name, dunder

    @property
    def primitive(self) -> bool:
        """Whether it has a float function, rather than being an expression over others."""
        return self.compute is not None

    @property
    def variadic(self) -> bool:
        """Whether it takes any number of operands."""
        return self.operands[0].startswith("*")

    def __repr__(self) -> str:
        return f"<Row {self.name}({', '.join(self.operands)})>"


def _primitive(name: str, operands: str, compute: Any, partials: Any, doc: str, **spelling: Any) -> Row:
    return Row(name, operands, lambda f, *x: getattr(f, name)(*x), partials, doc, compute=compute, **spelling)


def _composite(name: str, operands: str, value: Any, partials: Any, doc: str, **spelling: Any) -> Row:
    return Row(name, operands, value, partials, doc, **spelling)


def _math(name: str, otherwise: Callable[[float], float], partials: Any, doc: str, **spelling: Any) -> Row:
    """A function of one operand in Python's `math`, and what it gives where `math` raises."""
    raw = getattr(math, name)
    return _primitive(name, "x", guarded(raw, otherwise), partials, doc, raw=raw, **spelling)


def _always(result: float) -> Callable[[float], float]:
    return lambda x: result


# --- rules too long for a line ------------------------------------------------------------------------------------


def _pow_partials(f: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    # `abs(b) <= 0` asks whether b is 0: on Values `==` would ask whether they are one object; nan falls through.
    base = b * f.pow(a, b - 1)  # where b is 0: 0, also at a = 0 and nan
    exponent = y * f.log(a)  # where a is 0 and b is not negative: 0
    return (
        f.where(abs(b) <= 0, f.where(abs(a) > 0, base, 0.0), base),
        f.where(abs(a) <= 0, f.where(b >= 0, 0.0, exponent), exponent),
    )


def _rpow_partials(f: Any, y: Any, c: Any, x: Any) -> tuple[Any, ...]:
    slope = y * f.log(c)
    return (None, f.where(f.is_zero(c), f.where(x >= 0, 0.0, slope), slope))


def _atan2_partials(f: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    h = f.hypot(a, b)
    return ((b / h) / h, -((a / h) / h))


def _sigmoid(f: Any, x: Any) -> Any:
    e = f.exp(-abs(x))  # never overflows
    return f.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _maximum_partials(f: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    return (f.where(a >= b, f.where(a > b, 1.0, 0.5), None), f.where(b >= a, f.where(b > a, 1.0, 0.5), None))


def _minimum_partials(f: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    return (f.where(a <= b, f.where(a < b, 1.0, 0.5), None), f.where(b <= a, f.where(b < a, 1.0, 0.5), None))


def _clip_partials(f: Any, y: Any, x: Any, lo: Any, hi: Any) -> tuple[Any, ...]:
    return (
        f.where(lo <= x, f.where(x <= hi, 1.0, None), None),
        f.where(x < lo, f.where(lo <= hi, 1.0, None), None),
        f.where(f.maximum(x, lo) > hi, 1.0, None),
    )


def _weighted_sum(f: Any, *operands: Any) -> Any:
    n = len(operands) // 2  # w1 ... wn, x1 ... xn, and perhaps b
    total = reduce(operator.add, map(operator.mul, operands[:n], operands[n:]))
    return total + operands[-1] if len(operands) % 2 else total


def _weighted_sum_partials(f: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    n = len(operands) // 2
    return (*operands[n : 2 * n], *operands[:n], *(1.0,) * (len(operands) % 2))


def _position(f: Any, operands: tuple[Any, ...]) -> int:
    index, length = f.plain(operands[-1]), len(operands) - 1
    if not (index == index // 1 and 0 <= index < length):
        raise IndexError(f"take: index {index:g} is not a whole number from 0 to {length - 1} ({length} values)")
    return int(index)


def _take_partials(f: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    chosen = _position(f, operands)
    return tuple(1.0 if i == chosen else None for i in range(len(operands)))


def largest(x: Iterable[float]) -> float:
    """The largest number, nan if one of them is.

    >>> largest([1.0, 3.0, 2.0]), largest([1.0, nan])
    (3.0, nan)
    """
    numbers = list(x)
    return nan if any(v != v for v in numbers) else max(numbers)


def _shifted_exp(f: Any, x: tuple[Any, ...]) -> tuple[list[Any], Any]:
    peak = f.peak(x)  # a plain number: a shift by it changes neither value nor derivative
    e = [f.exp(v - peak) for v in x]
    return e, reduce(operator.add, e)


def _logsumexp(f: Any, *x: Any) -> Any:
    peak = f.peak(x)  # values of such rows run on floats only; for derivatives of derivatives the partials do
    if not math.isfinite(peak):
        return peak
    others = list(x)
    others.remove(peak)
    return peak + f.log1p(reduce(operator.add, [f.exp(v - peak) for v in others], 0.0))


def _logsumexp_partials(f: Any, y: Any, *x: Any) -> tuple[Any, ...]:
    e, total = _shifted_exp(f, x)
    return tuple(f.where(e_i <= 0, 0.0, e_i / total) for e_i in e)


def _softmax(f: Any, *operands: Any) -> Any:
    e, total = _shifted_exp(f, operands[:-1])
    return e[_position(f, operands)] / total


def _softmax_partials(f: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    e, total = _shifted_exp(f, operands[:-1])
    own = _position(f, operands)
    return (*(y * (1 - y) if i == own else -(y * (e_i / total)) for i, e_i in enumerate(e)), None)


# --- the table ----------------------------------------------------------------------------------------------------

TABLE: dict[str, Row] = {
    row.name: row
    for row in (
        # arithmetic
        _primitive("add", "a b", operator.add, lambda f, y, a, b: (1.0, 1.0), "sum of two",
                   symbol="+", dunder="add"),
        _primitive("sub", "a b", operator.sub, lambda f, y, a, b: (1.0, -1.0), "difference",
                   symbol="-", numpy="subtract", dunder="sub"),
        _primitive("mul", "a b", operator.mul, lambda f, y, a, b: (b, a), "product of two",
                   symbol="·", numpy="multiply", dunder="mul"),
        _primitive("div", "a b", guarded(operator.truediv, _divided_by_zero), lambda f, y, a, b: (1 / b, -(y / b)),
                   "quotient", raw=operator.truediv, symbol="/", numpy="divide", dunder="truediv"),
        _primitive("neg", "x", operator.neg, lambda f, y, x: (-1.0,), "opposite",
                   symbol="-", numpy="negative", dunder="neg"),
        _primitive("pow", "a b", guarded(math.pow, _power_at_the_edge), _pow_partials, "power, both can vary",
                   raw=math.pow, symbol="**", numpy="power", dunder="pow"),
        _composite("pow_const", "x c", lambda f, x, c: f.pow(x, c),
                   lambda f, y, x, c: (f.where(f.is_zero(c), None, c * f.pow(x, c - 1)), None),
                   "power with a number as exponent", constants="c", symbol="**", numpy="power"),
        _composite("rpow_const", "c x", lambda f, c, x: f.pow(c, x), _rpow_partials,
                   "power with a number as base", constants="c", symbol="**", numpy="power"),
        # exponentials and logarithms
        _math("exp", _always(inf), lambda f, y, x: (y,), "exponential"),
        _math("expm1", _always(inf), lambda f, y, x: (f.exp(x),), "exp(x) - 1, exact near 0"),
        _math("log", lambda x: -inf if x == 0.0 else nan, lambda f, y, x: (1 / x,), "natural logarithm"),
        _math("log2", lambda x: -inf if x == 0.0 else nan, lambda f, y, x: (1 / (x * LN2),), "logarithm to base 2"),
        _math("log10", lambda x: -inf if x == 0.0 else nan, lambda f, y, x: (1 / (x * LN10),),
              "logarithm to base 10"),
        _math("log1p", lambda x: -inf if x == -1.0 else nan, lambda f, y, x: (1 / (1 + x),),
              "log(1 + x), exact near 0"),
        _math("sqrt", _always(nan), lambda f, y, x: (0.5 / y,), "square root"),
        # trigonometric and hyperbolic functions, and their inverses
        _math("sin", _always(nan), lambda f, y, x: (f.cos(x),), "sine (radians)"),
        _math("cos", _always(nan), lambda f, y, x: (-f.sin(x),), "cosine (radians)"),
        _math("tan", _always(nan), lambda f, y, x: (1 + y * y,), "tangent (radians)"),
        _math("asin", _always(nan), lambda f, y, x: (1 / f.sqrt((1 - x) * (1 + x)),), "arc sine", numpy="arcsin"),
        _math("acos", _always(nan), lambda f, y, x: (-1 / f.sqrt((1 - x) * (1 + x)),), "arc cosine", numpy="arccos"),
        _math("atan", _always(nan), lambda f, y, x: (1 / (1 + x * x),), "arc tangent", numpy="arctan"),
        _primitive("atan2", "a b", math.atan2, _atan2_partials, "angle of the point (b, a)",
                   raw=math.atan2, numpy="arctan2"),
        _math("sinh", lambda x: math.copysign(inf, x), lambda f, y, x: (f.cosh(x),), "hyperbolic sine"),
        _math("cosh", _always(inf), lambda f, y, x: (f.sinh(x),), "hyperbolic cosine"),
        _math("tanh", _always(nan), lambda f, y, x: (1 - y * y,), "hyperbolic tangent"),
        _math("asinh", _always(nan), lambda f, y, x: (1 / f.hypot(1.0, x),), "inverse of sinh", numpy="arcsinh"),
        _math("acosh", _always(nan), lambda f, y, x: (1 / (f.sqrt(x - 1) * f.sqrt(x + 1)),), "inverse of cosh",
              numpy="arccosh"),
        _math("atanh", lambda x: math.copysign(inf, x) if abs(x) == 1.0 else nan,
              lambda f, y, x: (1 / ((1 - x) * (1 + x)),), "inverse of tanh", numpy="arctanh"),
        _primitive("hypot", "a b", math.hypot,
                   lambda f, y, a, b: (f.where(y <= 0, 0.0, a / y), f.where(y <= 0, 0.0, b / y)),
                   "sqrt(a² + b²) without overflow", raw=math.hypot),
        _math("erf", _always(nan), lambda f, y, x: (TWO_OVER_SQRT_PI * f.exp(-(x * x)),), "error function"),
        _math("erfc", _always(nan), lambda f, y, x: (-TWO_OVER_SQRT_PI * f.exp(-(x * x)),), "1 - erf(x), exact far"),
        # activations
        _composite("sigmoid", "x", _sigmoid, lambda f, y, x: (y * (1 - y),), "1 / (1 + exp(-x)), the article's f",
                   symbol="σ", numpy="expit"),
        _composite("softplus", "x", lambda f, x: f.where(x > 0, x, 0.0) + f.log1p(f.exp(-abs(x))),
                   lambda f, y, x: (f.sigmoid(x),), "log(1 + exp(x)), a smooth relu"),
        _composite("relu", "x", lambda f, x: f.where(x <= 0, 0.0, x), lambda f, y, x: (f.where(x > 0, 1.0, None),),
                   "x where positive, else 0"),
        _composite("leaky_relu", "x slope=0.01", lambda f, x, slope: f.where(x > 0, x, slope * x),
                   lambda f, y, x, slope: (f.where(x > 0, 1.0, slope), None),
                   "x where positive, else slope · x", constants="slope"),
        _composite("elu", "x alpha=1", lambda f, x, alpha: f.where(x > 0, x, alpha * f.expm1(x)),
                   lambda f, y, x, alpha: (f.where(x > 0, 1.0, alpha * f.exp(x)), None),
                   "x where positive, else α · (exp(x) - 1)", constants="alpha"),
        _composite("gelu", "x", lambda f, x: x * f.erfc(-x / SQRT2) / 2,
                   lambda f, y, x: (f.erfc(-x / SQRT2) / 2 + x * (f.exp(-(x * x) / 2) / SQRT_2PI),),
                   "x · Φ(x), the exact one"),
        _composite("silu", "x", lambda f, x: x * f.sigmoid(x),
                   lambda f, y, x: (f.sigmoid(x) * (1 + x * f.sigmoid(-x)),), "x · sigmoid(x), also called swish"),
        # selections and steps
        _primitive("where", "c a b", lambda c, a, b: a if c else b,
                   lambda f, y, c, a, b: (None, f.where(c, 1.0, None), f.where(c, None, 1.0)),
                   "a if the condition c holds, else b", constants="c"),
        _composite("maximum", "a b", lambda f, a, b: f.where(a > b, a, f.where(b >= a, b, a + b)),
                   _maximum_partials, "the larger; a tie shares the gradient", symbol="max"),
        _composite("minimum", "a b", lambda f, a, b: f.where(a < b, a, f.where(b <= a, b, a + b)),
                   _minimum_partials, "the smaller; a tie shares the gradient", symbol="min"),
        _composite("clip", "x lo hi", lambda f, x, lo, hi: f.minimum(f.maximum(x, lo), hi), _clip_partials,
                   "x kept within lo and hi"),
        _primitive("abs", "x", abs, lambda f, y, x: (f.sign(x),), "absolute value",
                   raw=abs, symbol="abs", numpy="absolute", dunder="abs"),
        _primitive("sign", "x", _sign, lambda f, y, x: (None,), "-1, 0 or 1"),
        _primitive("floor", "x", _integral(math.floor), lambda f, y, x: (None,), "largest whole number below",
                   dunder="floor"),
        _primitive("ceil", "x", _integral(math.ceil), lambda f, y, x: (None,), "smallest whole number above",
                   dunder="ceil"),
        _primitive("trunc", "x", _integral(math.trunc), lambda f, y, x: (None,), "whole part", dunder="trunc"),
        _primitive("round", "x", _integral(round), lambda f, y, x: (None,), "nearest whole number, halves to even",
                   numpy="rint"),
        # any number of operands
        _composite("sum", "*x", lambda f, *x: reduce(operator.add, x), lambda f, y, *x: (1.0,) * len(x),
                   "x1 + x2 + …, from the left", symbol="Σ"),
        _composite("mean", "*x", lambda f, *x: reduce(operator.add, x) / len(x),
                   lambda f, y, *x: (1.0 / len(x),) * len(x), "sum divided by the count"),
        _composite("dot", "*w_x_b", _weighted_sum, _weighted_sum_partials,
                   "weighted sum w · x + b, a neuron's", symbol="w·x+b"),
        _composite("take", "*x_i", lambda f, *x_i: x_i[_position(f, x_i)], _take_partials,
                   "the value at place i, counted from 0"),
        _composite("logsumexp", "*x", _logsumexp, _logsumexp_partials, "log(Σ exp(x)) without overflow",
                   numpy="logaddexp"),
        _composite("softmax", "*x_i", _softmax, _softmax_partials, "exp(x_i) / Σ exp(x) without overflow"),
    )
}  # fmt: skip


def row_of(op: str) -> Row:
    """The row of an operation of a graph: an operation of one's own (`extension`) carries it, all others are in TABLE.

    >>> row_of("tanh")
    <Row tanh(x)>
    """
    return getattr(op, "row", None) or TABLE[op]


COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
}
