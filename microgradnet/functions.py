"""The doors to the table: every operation as a function of Values and of plain numbers.

On plain numbers each gives a float and never raises for arithmetic (`log(0.0)` is -inf, as in NumPy); with a Value
among the operands it gives a Value. TypeError for everything else, naming the function and what came.

    >>> exp(0.0), exp(1000.0)
    (1.0, inf)
    >>> x = Value(0.0, "x")
    >>> sigmoid(x)
    Value(0.5, grad=0.0, made by sigmoid(x))
"""

from __future__ import annotations

from functools import reduce
from operator import add, mul

from microgradnet import methods as methods  # gives Value its operators
from microgradnet.errors import InputError
from microgradnet.ops import TABLE
from microgradnet.rules import Numbers
from microgradnet.value import Value, apply, node, operand

__all__ = [
    "VALUES", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "clip", "cos", "cosh", "dot",
    "elu", "erf", "erfc", "exp", "expm1", "floor", "gelu", "hypot", "leaky_relu", "log", "log1p", "log2", "log10",
    "logsumexp", "maximum", "mean", "minimum", "pow", "relu", "round", "sigmoid", "sign", "silu", "sin", "sinh",
    "softmax", "softplus", "sqrt", "sum", "take", "tan", "tanh", "trunc", "where",
]  # fmt: skip

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol, TypeAlias, overload

    Number: TypeAlias = "Value | float"

    class Unary(Protocol):
        """A function of one number or Value."""

        @overload
        def __call__(self, x: Value, /) -> Value: ...
        @overload
        def __call__(self, x: float, /) -> float: ...

    class Binary(Protocol):
        """A function of two numbers or Values."""

        @overload
        def __call__(self, a: Value, b: Number, /) -> Value: ...
        @overload
        def __call__(self, a: Number, b: Value, /) -> Value: ...
        @overload
        def __call__(self, a: float, b: float, /) -> float: ...


def _described(function: Any, op: str) -> Any:
    row = TABLE[op]
    function.__name__ = function.__qualname__ = op
    function.__doc__ = f"{row.doc[:1].upper()}{row.doc[1:]}; on a Value or a number."
    return function


def _unary(op: str) -> Unary:
    method = getattr(Value, op)
    return _described(lambda x: method(x) if x.__class__ is Value else apply(op, x), op)  # type: ignore[no-any-return]


def _binary(op: str) -> Binary:
    def function(*operands: Any) -> Any:
        if len(operands) != 2:
            raise InputError(f"{op} needs two operands, got {len(operands)}; for more, call it again on the result")
        return apply(op, *operands)

    return _described(function, op)  # type: ignore[no-any-return]


exp = _unary("exp")
expm1 = _unary("expm1")
log = _unary("log")
log2 = _unary("log2")
log10 = _unary("log10")
log1p = _unary("log1p")
sqrt = _unary("sqrt")
sin = _unary("sin")
cos = _unary("cos")
tan = _unary("tan")
asin = _unary("asin")
acos = _unary("acos")
atan = _unary("atan")
sinh = _unary("sinh")
cosh = _unary("cosh")
tanh = _unary("tanh")
asinh = _unary("asinh")
acosh = _unary("acosh")
atanh = _unary("atanh")
erf = _unary("erf")
erfc = _unary("erfc")
sigmoid = _unary("sigmoid")
softplus = _unary("softplus")
relu = _unary("relu")
gelu = _unary("gelu")
silu = _unary("silu")
abs = _unary("abs")
sign = _unary("sign")
floor = _unary("floor")
ceil = _unary("ceil")
trunc = _unary("trunc")
round = _unary("round")
atan2 = _binary("atan2")
hypot = _binary("hypot")
maximum = _binary("maximum")
minimum = _binary("minimum")


def pow(a: Any, b: Any, /) -> Any:
    """Power; on Values or numbers. Unlike Python's, never complex and never an error: `pow(-2.0, 0.5)` is nan.

    >>> pow(Value(3.0), 2).data, pow(0.0, -1.0)
    (9.0, inf)
    """
    return a**b if a.__class__ is Value or b.__class__ is Value else apply("pow", a, b)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where positive, else slope · x; `slope` is a plain number.

    >>> leaky_relu(-2.0), leaky_relu(Value(-2.0), 0.1).data
    (-0.02, -0.2)
    """
    return apply("leaky_relu", x, operand(slope, "the slope of leaky_relu"))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else alpha · (exp(x) - 1); `alpha` is a plain number.

    >>> elu(2.0), elu(-1000.0)
    (2.0, -1.0)
    """
    return apply("elu", x, operand(alpha, "the alpha of elu"))


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` if the condition holds, else `b`. The other one gets no gradient at all, whatever it holds.

    `condition`: a comparison of Values (kept in the graph, so that a replay takes the right branch), a bool, or a
    number, true unless it is 0.

    >>> x = Value(0.0)
    >>> y = where(x > 0, log(x), 0.0)
    >>> y.backward(); y.data, x.grad
    (0.0, 0.0)
    """
    return apply("where", condition, a, b)


def clip(x: Any, lo: Any, hi: Any) -> Any:
    """x kept within lo and hi; at a bound the gradient goes to x, outside to the bound, if that is a Value.

    >>> clip(3.0, 0, 1), clip(Value(3.0), 0, 1).partials
    (1.0, (None, None, None))
    """
    return apply("clip", x, lo, hi)


def sum(values: Any, /, *more: Any) -> Any:
    """The sum of a sequence (or of the arguments), added from the left; 0.0 of nothing.

    >>> sum([Value(1.0), Value(2.0), 3]).data
    6.0
    """
    operands = _several(values, more)
    return apply("sum", *operands) if operands else 0.0


def mean(values: Any, /, *more: Any) -> Any:
    """The sum divided by the count; ValueError of nothing.

    >>> mean([Value(1.0), Value(2.0), 3]).data
    2.0
    """
    return apply("mean", *_at_least_one(values, more, "mean"))


def logsumexp(values: Any, /, *more: Any) -> Any:
    """log(exp(x1) + exp(x2) + …) of a sequence (or of the arguments), without overflow; ValueError of nothing.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return apply("logsumexp", *_at_least_one(values, more, "logsumexp"))


def softmax(values: Any, /, *more: Any) -> list[Any]:
    """exp(x_i) / Σ exp(x), one for each, as a list, without overflow; ValueError of nothing.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    operands = _at_least_one(values, more, "softmax")
    return [apply("softmax", *operands, i) for i in range(len(operands))]


def take(values: Sequence[Any], index: Any) -> Any:
    """`values[index]`, recorded, so that the index can be data. `index`: a whole number from 0, or a Value of one.

    Raises IndexError where there is no such place.

    >>> take([Value(1.0), Value(5.0)], 1).data
    5.0
    """
    return apply("take", *_at_least_one(values, (), "take"), index)


def dot(weights: Sequence[Any], inputs: Sequence[Any] | Inputs, bias: Any = None) -> Any:
    """The weighted sum w1 x1 + w2 x2 + … (+ bias), a neuron's, as one operation, added from the left.

    `weights`, `inputs`: equally many numbers or Values, at least one. Raises InputError (a ValueError) otherwise.

    >>> w, b = [Value(0.0), Value(1.0)], Value(4.0)
    >>> s = dot(w, [2, 3], b)
    >>> s.backward(); s.data, [v.grad for v in w]
    (7.0, [2.0, 3.0])
    """
    n = len(weights)
    if n != len(inputs) or not n:
        raise InputError(f"dot wants equally many weights and inputs, at least one; got {n} and {len(inputs)}")
    x = inputs if isinstance(inputs, Inputs) else Inputs(inputs)
    w = [v._data for v in weights if v.__class__ is Value]
    if len(w) < n or not (bias is None or bias.__class__ is Value):
        return apply("dot", *weights, *x.operands, *(() if bias is None else (bias,)))
    # The rule of the table, with what a neuron has at hand: its weights are Values, its inputs mostly of one kind.
    total = reduce(add, map(mul, w, x.data))
    to_inputs: Sequence[float | None]
    if x.kinds == ONLY_VALUES:
        to_inputs = w
    else:
        to_inputs = [w_i if v.__class__ is Value else None for w_i, v in zip(w, x.operands, strict=True)]
    if bias is None:
        return node("dot", total, (*weights, *x.operands), (*x.data, *to_inputs))
    return node("dot", total + bias._data, (*weights, *x.operands, bias), (*x.data, *to_inputs, 1.0))


class Inputs:
    """Inputs that several neurons read, looked through once: `operands` (Values and floats), their `data`, `kinds`.

    >>> Inputs([1, 2.5]).data
    [1.0, 2.5]
    """

    __slots__ = ("data", "kinds", "operands")

    def __init__(self, inputs: Sequence[Any]) -> None:
        values = inputs.tolist() if hasattr(inputs, "tolist") else inputs
        self.kinds = set(map(type, values))
        if self.kinds == ONLY_VALUES:
            self.operands, self.data = values, [v._data for v in values]
        else:
            self.operands = values if self.kinds == ONLY_FLOATS else [operand(v, "dot") for v in values]
            self.data = [v if v.__class__ is float else v._data for v in self.operands]

    def __len__(self) -> int:
        return len(self.operands)


ONLY_VALUES, ONLY_FLOATS = {Value}, {float}


def _several(values: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    if more or values.__class__ is Value or not hasattr(values, "__iter__"):
        return (values, *more)
    return tuple(values)


def _at_least_one(values: Any, more: tuple[Any, ...], function: str) -> tuple[Any, ...]:
    operands = _several(values, more)
    if not operands:
        raise InputError(f"{function} needs at least one operand")
    return operands


class _Values(Numbers):
    """The rules of the table on Values: what they call `f` when derivatives of derivatives are wanted."""

    def __getattr__(self, name: str) -> Any:
        function = globals()[name] if name in TABLE else None
        if function is None:
            raise AttributeError(name)
        return function

    def plain(self, x: Any) -> float:
        """The number of a Value, a number as it is."""
        return x if x.__class__ is float else x.data

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """A mask (None on one side) is settled by the numbers; a choice between two numbers is recorded."""
        if a is None or b is None:
            return a if condition else b
        return where(condition, a, b)


VALUES = _Values()
