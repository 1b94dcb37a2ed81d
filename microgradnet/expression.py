"""A formula as text becomes a Value: `"sigmoid(w1*x1 + w2*x2 + b1)"`, with numbers for its names.

The text is never executed. Python's own parser makes a tree of it, and what is not on the short list below (numbers,
names, + - * / **, comparisons, if-else, the functions of the table) is refused, with a pointer at the place.

    >>> L = formula("(y - sigmoid(w*x))**2", {"y": 1, "w": 1, "x": -2})
    >>> L.backward()
    >>> round(L.data, 6)
    0.775803
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any

from microgradnet import functions
from microgradnet.errors import InputError
from microgradnet.ops import TABLE
from microgradnet.value import Condition, Value, apply, operand

__all__ = ["formula", "names_in"]

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
COMPARE = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
TOO_DEEP = "the expression is too long or nested too deeply for Python's parser; build it in Python with Values instead"
CONSTANTS = {"pi": math.pi, "e": math.e}
_LISTS = ("dot", "take", "softmax")  # functions of lists or to lists: a formula has none
FUNCTIONS = {name: getattr(functions, name) for name in functions.__all__ if name in TABLE and name not in _LISTS}
FUNCTIONS |= {"max": functions.maximum, "min": functions.minimum, "σ": functions.sigmoid}


def formula(text: str, values: Mapping[str, Any]) -> Any:
    """The Value of a formula; each name becomes a Value labelled with it (or is the Value that `values` gives).

    `text`: numbers, names, `+ - * / **`, `< <= > >=`, `a if condition else b`, brackets, `pi`, `e`, and the functions
    of the table (`max`, `min` for two operands). `values`: a number or Value for every name. A formula without a
    name gives a Value, too.

    Raises InputError, which points at the column, for anything else, and for a name without a number.

    >>> formula("max(w, 0) * 2", {"w": 3.0})
    Value(6.0, grad=0.0, made by mul(Value(3.0), 2.0))
    >>> formula("w.data", {"w": 3.0})
    Traceback (most recent call last):
    microgradnet.errors.InputError: column 1: a formula has no attributes: w.data
      w.data
      ^^^^^^
    """
    tree = _parsed(text)
    text = _one_line(text)
    leaves: dict[str, Any] = {}
    for name in [*names_in(text), *CONSTANTS]:
        if name in values:
            given = values[name]
            leaves[name] = given if given.__class__ is Value else _leaf(name, given)
    try:
        result = _number(tree.body, _Place(text), leaves)
    except RecursionError:
        raise InputError(TOO_DEEP) from None
    return result if result.__class__ is Value else Value(result)


def names_in(text: str) -> list[str]:
    """The names that a formula wants numbers for, in order of appearance.

    >>> names_in("sigmoid(w*x + b) * pi")
    ['w', 'x', 'b']
    """
    nodes = list(ast.walk(_parsed(text)))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = [node for node in nodes if isinstance(node, ast.Name) and node not in called and node.id not in CONSTANTS]
    return list(dict.fromkeys(node.id for node in sorted(names, key=lambda node: node.col_offset)))


class _Place:
    """Where in the text a node stands, for messages."""

    def __init__(self, text: str) -> None:
        self.text = text

    def points(self, node: ast.AST, message: str) -> str:
        """The message with the column, the text, and a row of ^ under the place."""
        start = len(self.text.encode()[: getattr(node, "col_offset", 0)].decode(errors="replace"))
        end = len(self.text.encode()[: getattr(node, "end_col_offset", 0) or 0].decode(errors="replace"))
        return _pointing(self.text, start, max(end, start + 1), message)


def _pointing(text: str, start: int, end: int, message: str) -> str:
    left = max(0, start - 50)  # a window around the place, one line
    shown = "".join(c if c.isprintable() else "?" for c in text[left : start + 60])
    return f"column {start + 1}: {message}\n  {shown}\n  {' ' * (start - left)}{'^' * min(end - start, 60)}"


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _parsed(text: str) -> ast.Expression:
    if not isinstance(text, str):
        raise TypeError(f"an expression is a text, got {type(text).__name__}")
    if not text.strip():
        raise InputError("the expression is empty; write for example sigmoid(w*x + b)")
    try:
        return ast.parse(_one_line(text), mode="eval")
    except SyntaxError as error:
        column = error.offset - 1 if error.offset and error.lineno == 1 else len(text)
        raise InputError(_pointing(text, column, column + 1, f"this is no formula: {error.msg}")) from None
    except ValueError:
        raise InputError("the expression cannot be read: it holds a null character or half a letter") from None
    except (RecursionError, MemoryError):
        raise InputError(TOO_DEEP) from None


def _evaluate(node: ast.AST, place: _Place, leaves: Mapping[str, Any]) -> Any:
    """The Value or float of a tree, iterating down the left side, where sums of many terms are deep."""
    spine = [node]
    while isinstance(spine[-1], ast.BinOp):
        spine.append(spine[-1].left)
    result = _evaluate_one(spine.pop(), place, leaves)
    for parent in reversed(spine):
        assert isinstance(parent, ast.BinOp)
        op = BINARY.get(type(parent.op))
        if op is None:
            raise InputError(place.points(parent, "a formula has only the operators + - * / and ** for powers"))
        a, b = _as_number(result, parent.left, place), _number(parent.right, place, leaves)
        result = functions.pow(a, b) if op == "pow" else apply(op, a, b)
    return result


def _evaluate_one(node: ast.AST, place: _Place, leaves: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=number) if type(number) in (int, float):
            return operand(number, "a formula")
        case ast.Constant():
            raise InputError(place.points(node, f"a formula has real numbers only, not {node.value!r:.40}"))
        case ast.Name(id=name):
            return _named(node, place, leaves) if name not in leaves else leaves[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            value = _number(inner, place, leaves)
            return -value if isinstance(node.op, ast.USub) else value
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in COMPARE:
            return COMPARE[type(sign)](_number(left, place, leaves), _number(right, place, leaves))
        case ast.Compare():
            raise InputError(place.points(node, "a formula compares by < <= > >=, one comparison at a time"))
        case ast.IfExp(test=test, body=a, orelse=b):
            return functions.where(_evaluate(test, place, leaves), _number(a, place, leaves), _number(b, place, leaves))
        case ast.Call():
            return _called(node, place, leaves)
        case ast.Attribute():
            raise InputError(place.points(node, f"a formula has no attributes: {ast.unparse(node):.40}"))
    raise InputError(place.points(node, f"a formula cannot hold this ({type(node).__name__})"))


def _named(node: ast.Name, place: _Place, leaves: Mapping[str, Any]) -> float:
    if node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if node.id in FUNCTIONS:
        raise InputError(place.points(node, f"{node.id} is a function; write {node.id}(…)"))
    raise InputError(place.points(node, f"no number was given for {node.id:.40}; give {node.id:.40}=…"))


def _called(node: ast.Call, place: _Place, leaves: Mapping[str, Any]) -> Any:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise InputError(place.points(node.func, f"no such function {ast.unparse(node.func):.40}; there are: {known}"))
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise InputError(place.points(node, "operands are written plainly, without name= and *"))
    read = _evaluate if node.func.id == "where" else _number
    operands = [read(a, place, leaves) for a in node.args]
    try:
        return FUNCTIONS[node.func.id](*operands)
    except (TypeError, InputError):
        raise InputError(place.points(node, f"{node.func.id} does not take {len(operands)} such operands")) from None


def _number(node: ast.AST, place: _Place, leaves: Mapping[str, Any]) -> Any:
    return _as_number(_evaluate(node, place, leaves), node, place)


def _as_number(value: Any, node: ast.AST, place: _Place) -> Any:
    if value.__class__ is Condition or value.__class__ is bool:
        raise InputError(place.points(node, "a comparison is no number; write `1 if … else 0`"))
    return value


def _leaf(name: str, given: Any) -> Value:
    try:
        return Value(given, name)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from None
