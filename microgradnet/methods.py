"""Every row of the table becomes a method of `Value`: operators, functions, and what NumPy calls.

The methods of one and two operands are printed as Python text, as `dataclasses` prints its own: the arithmetic, the
partials, and the new Value in one piece; calling the rules of the table instead would cost twice the time. What runs:

    >>> from microgradnet.ops import TABLE
    >>> print(method_source(TABLE["exp"]))
    def exp(self):
        x = self._data
        try:
            y = raw_exp(x)
            d_x = y
        except (ArithmeticError, ValueError):
            y = floats.exp(x)
            d_x, = partials['exp'](y, x)
        node = new(Value)
        node._data = y
        node.grad = 0.0
        node.label = None
        node.op = 'exp'
        node.a = self
        node.da = d_x
        node.b = None
        node.db = None
        return node
    <BLANKLINE>
"""

from __future__ import annotations

from math import pi

from microgradnet.ops import COMPARISONS, TABLE, Row
from microgradnet.rules import NAMESPACE, attempt, define, function_source, rule
from microgradnet.value import Condition, Value, apply, number, operand

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["comparison_source", "method_source"]


def _made(op: str, a: str, da: str, b: str = "None", db: str = "None") -> list[str]:
    """Lines that make and return the new Value."""
    fields = {"_data": "y", "grad": "0.0", "label": "None", "op": repr(op), "a": a, "da": da, "b": b, "db": db}
    return ["node = new(Value)", *(f"node.{field} = {text}" for field, text in fields.items()), "return node"]


def _computed(row: Row, value: dict[str, Any], partials: dict[str, Any]) -> list[str]:
    """Lines that compute a row's result and these of its partials; where Python raises, by the functions on floats."""
    operands = ", ".join(row.operands)
    places = [f"d_{name}" for name in row.operands]
    return attempt(value | partials, [
        f"y = floats.{row.name}({operands})", f"{', '.join(places)}, = partials[{row.name!r}](y, {operands})"
    ])  # fmt: skip


def method_source(row: Row) -> str:
    """The method of a row of one or two operands, and for two the reflected one (a number on the left).

    Beside a number a row may have others to stand in for it: `pow_const` and `rpow_const` for `pow`.
    """
    value, partials = rule(row)
    if len(row.operands) == 1:
        (x,), (d_x,) = row.operands, partials
        return function_source(row.name, ["self"], [f"{x} = self._data", *_computed(row, value, partials),
                                                    *_made(row.name, "self", d_x)])  # fmt: skip
    (a, b), (d_a, d_b) = row.operands, partials
    both = [f"{a} = self._data", f"{b} = other._data", *_computed(row, value, partials),
            *_made(row.name, "self", d_a, "other", d_b)]  # fmt: skip
    right, left = TABLE.get(f"{row.name}_const", row), TABLE.get(f"r{row.name}_const", row)
    body = ["if other.__class__ is Value:", *("    " + line for line in both), *TO_NUMBER, *_beside_a_number(right, 0)]
    parameters = ["self", "other"]
    if row.name == "pow":
        parameters.append("modulo=None")
        body[:0] = ["if modulo is not None:",
                    "    raise TypeError('three-argument pow has no derivative; use v ** n')"]  # fmt: skip
    reflected = [*TO_NUMBER, *_beside_a_number(left, 1)]
    return function_source(row.name, parameters, body) + function_source(
        f"reflected_{row.name}", ["self", "other"], reflected
    )


TO_NUMBER = [
    "if other.__class__ is not float:",
    "    try:",
    "        other = float(other) if other.__class__ is int else number(other)",
    "    except OverflowError:",
    "        other = number(other)",
    "    if other is NotImplemented:",
    "        return NotImplemented",
]


def _beside_a_number(row: Row, place: int) -> list[str]:
    """Lines of an operation of two operands, of which the one at `place` is the Value, `self`, and one a number."""
    value, partials = rule(row)
    names = ["other", "other"]
    names[place] = "self"
    letters = [f"{row.operands[place]} = self._data", f"{row.operands[1 - place]} = other"]
    d = f"d_{row.operands[place]}"
    slopes = [d, "None"] if place == 0 else ["None", d]
    return [*letters, *_computed(row, value, {d: partials[d]}),
            *_made(row.name, names[0], slopes[0], names[1], slopes[1])]  # fmt: skip


def comparison_source(op: str, sign: str) -> str:
    """The method of a comparison."""
    return function_source(
        op, ["self", "other"],
        ["b = other._data if other.__class__ is Value else number(other)",
         "if b is NotImplemented:", "    return NotImplemented",
         f"return Condition({op!r}, self, other if other.__class__ is Value else b, self._data {sign} b)"],
    )  # fmt: skip


def _printed(row: Row) -> bool:
    return len(row.operands) <= 2 and not row.variadic and not row.constants


def _by_apply(op: str) -> Callable[..., Any]:
    defaults = TABLE[op].defaults

    def method(self: Value, *others: Any, axis: None = None, dtype: None = None, out: None = None) -> Any:
        if axis is not None or dtype is not None or out is not None:  # what np.sum(v) and np.clip(v, 0, 1) say: None
            raise TypeError(f"{op} of a Value has no axis, dtype or out; leave them out, or use an array of Values")
        return apply(op, self, *(others or defaults))

    return method


def _add_methods() -> None:
    """Give Value a method per row, its operators, and NumPy's names for them."""
    NAMESPACE.update(new=Value.__new__, Value=Value, Condition=Condition, number=number)
    sources = [method_source(row) for row in TABLE.values() if _printed(row)]
    sources += [comparison_source(op, sign) for op, (sign, _) in COMPARISONS.items()]
    generated = define("".join(sources), "methods of Value")
    for row in TABLE.values():
        method = generated[row.name] if _printed(row) and len(row.operands) == 1 else _by_apply(row.name)
        method.__doc__, method.__qualname__ = f"{row.doc[:1].upper()}{row.doc[1:]}.", f"Value.{row.name}"
        setattr(Value, row.name, method)
        if row.dunder:
            setattr(Value, f"__{row.dunder}__", generated[row.name])
            if len(row.operands) == 2:
                setattr(Value, f"__r{row.dunder}__", generated["reflected_" + row.name])
        if row.numpy != row.name and not hasattr(Value, row.numpy):
            setattr(Value, row.numpy, method)
    del Value.pow_const, Value.rpow_const  # type: ignore[attr-defined]
    Value.pow = lambda self, other: self**other

    def round_(self: Value, digits: None = None) -> Any:
        if digits is not None:
            raise TypeError("round(v, digits) has no useful derivative; use round(v.data, digits) to print")
        return generated["round"](self)

    def softmax(self: Value, *others: Any) -> list[Any]:
        return [apply("softmax", self, *others, i) for i in range(1 + len(others))]

    for name, function in ALSO.items():
        setattr(Value, name, function)
    operators = {"__round__": round_, "__array_ufunc__": _array_ufunc, "conjugate": Value.__pos__, "softmax": softmax,
                 "T": property(Value.__pos__)}  # fmt: skip
    for name, method in operators.items():
        setattr(Value, name, method)
    for op in COMPARISONS:
        setattr(Value, f"__{op}__", generated[op])


# --- NumPy's functions on Values -------------------------------------------------------------------------------


def _ufunc(op: str) -> Callable[..., Any]:
    return lambda *x: apply(op, *x)


UFUNCS: dict[str, Callable[..., Any]] = {row.numpy: _ufunc(row.name) for row in TABLE.values()}
ALSO: dict[str, Callable[..., Any]] = {  # NumPy's names that are no row; on arrays of Values NumPy calls the method
    "exp2": lambda x: 2.0**x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "fabs": lambda x: abs(x),
    **dict.fromkeys(("degrees", "rad2deg"), lambda x: x * (180 / pi)),
    **dict.fromkeys(("radians", "deg2rad"), lambda x: x * (pi / 180)),
}
UFUNCS |= ALSO | {
    "power": lambda a, b: a**b,
    "float_power": lambda a, b: a**b,
    "true_divide": lambda a, b: a / b,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "isnan": lambda x: x.data != x.data,
    "isinf": lambda x: abs(x.data) == float("inf"),
    "isfinite": lambda x: x.data - x.data == 0.0,
}


def _array_ufunc(self: Value, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's functions on a Value, alone or beside arrays: `np.exp(v)`, `np.maximum(v, array)`."""
    function, out = UFUNCS.get(ufunc.__name__), options.pop("out", None)
    if function is None or method != "__call__" or options:
        return NotImplemented
    if any(getattr(x, "shape", ()) for x in inputs):
        import numpy

        objects = [x if hasattr(x, "shape") else numpy.array(x, dtype=object) for x in inputs]
        with numpy.errstate(all="ignore"):
            result = numpy.frompyfunc(function, len(inputs), 1)(*objects)
    else:
        plain = [x.item() if hasattr(x, "shape") else x for x in inputs]
        result = function(*[operand(x, ufunc.__name__) for x in plain])
    if out is None:
        return result
    out[0][...] = result  # `array += v`; an array of floats refuses, as float(v) does
    return out[0]


_add_methods()
