"""Operations of one's own: a function of plain floats and its partial derivatives become an operation like any other.

An `Operation` is used directly and kept nowhere: it is the text that is its name (`value.op == "cube"`), and it
carries its row, which `ops.row_of` gives to every reader. Two different operations may have one name.

    >>> from microgradnet import Value, grad
    >>> @operation(partials=lambda y, x: (3 * x**2,))
    ... def cube(x):
    ...     return x**3
    >>> v = cube(Value(2.0, "x"))
    >>> v, v.partials, cube(2.0)
    (Value(8.0, grad=0.0, made by cube(x)), (12.0,), 8.0)
    >>> grad(grad(cube))(2.0)
    12.0
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from keyword import iskeyword
from typing import Any

from microgradnet.display import digits
from microgradnet.errors import InputError
from microgradnet.finite import kink, richardson
from microgradnet.graph import Graph
from microgradnet.ops import COMPARISONS, TABLE, Row, guarded
from microgradnet.value import Value, node, number, operand

__all__ = ["Operation", "operation"]

USES = 8
"""At so many uses the partials are checked at most, where the first ones could not decide."""


def operation(*, partials: Callable[..., Any], check: bool = True) -> Callable[[Callable[..., float]], Operation]:
    """Make a function of plain floats an operation of its own name, given its partial derivatives.

    `partials(y, *operands)`: the derivatives of the result `y` by each operand, in order: a tuple, or one number where
    there is one operand; None where nothing is to be sent. It is run on plain floats, and on Values when derivatives
    of derivatives are wanted: so it is written with operators and microgradnet's functions (`exp(x)`, not
    `math.exp(x)`). Operands are positional, any number of them; what has a default in Python is an operand as well.

    `check`: when it is first used with a Value, the partials are compared with finite differences there, by some 60
    calls of the function for each operand. A kink, a number that is not finite or very large, or a slope of 0 decides
    nothing: then the next uses are looked at, eight in all. A partial that is not the derivative is an InputError.

    Called with numbers alone it gives a float. What the function itself raises is passed on; where a graph is only
    computed anew at other numbers (`Graph.replay`, `compare`), an ArithmeticError or ValueError of its is nan.

    Raises InputError for a name that the table of operations has, or that is no identifier, and for keyword-only
    parameters; TypeError for what is no function.

    >>> from microgradnet import Value, exp
    >>> @operation(partials=lambda y, x, width: (-2 * x / width**2 * y, None))
    ... def bump(x, width=1.0):
    ...     return math.exp(-((x / width) ** 2))
    >>> bump(Value(0.5, "x")).partials
    (-0.7788007830714049, None)
    """
    if not callable(partials):
        raise TypeError(f"partials wants a function of the result and the operands, got {type(partials).__name__}")
    return lambda function: Operation(function, partials, check)


class Operation(str):
    """An operation of one's own, made by `operation`: its name, which can be called, and carries its `row`.

    Pickled by reference, as functions are. Compare two with `is`: as texts those of one name are equal.

    >>> @operation(partials=lambda y, a, b: (2 * a * b, a * a))
    ... def area(a, b):
    ...     "The area a² b."
    ...     return a * a * b
    >>> area, area == "area", area.row.operands, area.row.doc
    (<operation area(a, b)>, True, ('a', 'b'), 'The area a² b.')
    >>> area.partials(45.0, 3.0, 5.0)
    (30.0, 9.0)
    """

    row: Row
    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., float]
    _function: Callable[..., Any]
    _partials: Callable[..., Any]
    _signature: inspect.Signature | None
    _count: int | None  # of operands, where it is always the same
    _check: _Check

    def __new__(cls, function: Callable[..., float], partials: Callable[..., Any], check: bool = True) -> Operation:
        if not callable(function):
            raise TypeError(f"operation wants a function, got {type(function).__name__}")
        name = getattr(function, "__name__", type(function).__name__)
        if not name.isidentifier() or iskeyword(name):
            raise InputError(f"operation: {name!r} is no name; write the function with def, and a name of its own")
        if name in TABLE or name in COMPARISONS:
            raise InputError(f"operation: {name!r} is an operation of microgradnet already; give it another name")
        self = super().__new__(cls, name)
        self._function, self._partials = function, partials
        self._signature, letters = _signature(name, function)
        self._count = None if letters[0].startswith("*") else len(letters)
        self._check = _Check(self, USES if check else 0)
        doc = (inspect.getdoc(function) or "an operation of one's own").splitlines()[0]
        nan_where_it_raises = guarded(self._on_floats, lambda *x: math.nan)
        self.row = Row(name, " ".join(letters), lambda f, *x: self(*x), lambda f, y, *x: self.partials(y, *x), doc,
                       compute=nan_where_it_raises, raw=self._on_floats)  # fmt: skip
        self.__module__ = getattr(function, "__module__", None) or "builtins"
        self.__name__ = name
        self.__qualname__ = getattr(function, "__qualname__", name)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        return self

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """A Value, or of numbers alone a float."""
        if named or len(operands) != self._count:
            operands = self._bound(operands, named)
        operands = tuple([operand(o, str(self)) for o in operands])
        data = [o if o.__class__ is float else o.data for o in operands]
        y = self._on_floats(*data)
        if Value not in map(type, operands):
            return y
        partials = self.partials(y, *data)
        if self._check.uses:
            self._check(operands, data, y, partials)
        return node(self, y, operands, tuple([p if o.__class__ is Value else None
                                              for o, p in zip(operands, partials, strict=True)]))  # fmt: skip

    def partials(self, y: Any, *operands: Any) -> tuple[Any, ...]:
        """The partials where the result is `y`: of floats as floats, of Values as Values (or floats, or None)."""
        if Value in map(type, (y, *operands)):
            try:
                return self._told(self._partials(y, *operands), operands)
            except TypeError as error:
                raise TypeError(
                    f"the partials of {self} do not run on Values, so it has no higher derivatives: {error}; write "
                    "them with operators and microgradnet's functions"
                ) from error
        try:
            told = self._told(self._partials(y, *operands), operands)
        except ArithmeticError as error:
            try:  # on Values arithmetic never raises: 1 / 0 is inf
                told = self.partials(*map(Value, (y, *operands)))
            except TypeError:
                raise error from None
            return tuple([p.data if p.__class__ is Value else p for p in told])
        for letter, p in zip(self._letters(len(operands)), told, strict=True):
            if p.__class__ is Value:
                raise TypeError(f"the partial of {self} by {letter} is a Value where all operands are plain floats")
        return told

    def recorded(self, *operands: float) -> tuple[Graph | float | None, ...]:
        """The partials at these numbers as Graphs, whose leaves are labelled `y` and as the operands are.

        A partial that is always the same number is that number; None where nothing is sent.

        >>> @operation(partials=lambda y, x: y * (1 - y))
        ... def squash(x):
        ...     return 1 / (1 + math.exp(-x))
        >>> squash.recorded(0.0)[0].names
        ('y', 'sub1', 'mul1')
        """
        data = [float(o) for o in self._bound(operands, {})]
        letters = [Value(x, letter) for x, letter in zip(data, self._letters(len(data)), strict=True)]
        told = self.partials(Value(self._on_floats(*data), "y"), *letters)
        return tuple([Graph(p) if p.__class__ is Value else p for p in told])

    def __repr__(self) -> str:
        return f"<operation {self}({', '.join(self.row.operands)})>"

    def __reduce__(self) -> str:
        return self.__qualname__

    # --- inside ---

    def _bound(self, operands: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The operands in written order, defaults among them."""
        if self._signature is None:
            if named:
                raise TypeError(f"{self} takes no operands by name")
            return operands
        try:
            bound = self._signature.bind(*operands, **named)
        except TypeError as error:
            raise TypeError(f"{self}: {error}; it is {self!r}") from None
        bound.apply_defaults()
        return bound.args

    def _letters(self, n: int) -> Iterator[str]:
        """The names of n operands."""
        *fixed, last = self.row.operands
        if not last.startswith("*"):
            return iter(self.row.operands)
        return iter([*fixed, *(f"{last[1:]}{i + 1}" for i in range(n - len(fixed)))])

    def _on_floats(self, *x: float) -> float:
        y = self._function(*x)
        if y.__class__ is float:
            return y
        if isinstance(y, complex):
            raise InputError(f"{self} is the complex number {y} at {', '.join(map(repr, x))}; it wants a real one")
        plain = number(y)
        if plain is NotImplemented:
            cure = ": it is called with plain floats, so a Value that it reads must be an operand of it"
            raise TypeError(
                f"{self} must return one number, got {type(y).__name__}{cure if isinstance(y, Value) else ''}"
            )
        return plain  # type: ignore[no-any-return]

    def _told(self, given: Any, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the user's partials returned, as a tuple of floats, Values and None."""
        told = tuple(given) if hasattr(given, "__len__") and not isinstance(given, (str, dict)) else (given,)
        if len(told) != len(operands):
            raise InputError(
                f"the partials of {self} are {len(told)} for {len(operands)} operands "
                f"({', '.join(self._letters(len(operands)))}); give one for each, in order, None where nothing is sent"
            )
        plain = [p if p is None or p.__class__ is Value else number(p) for p in told]
        for letter, p, was in zip(self._letters(len(operands)), plain, told, strict=True):
            if p is NotImplemented:
                raise TypeError(
                    f"the partial of {self} by {letter} is to be a number or None, got {type(was).__name__}"
                )
        return tuple(plain)


class _Check:
    """Whether the partials of an operation are its derivatives, asked where it is used; what it has settled it keeps.

    `uses`: how many uses are still to be looked at; `settled`: the places of the operands that need no more looking.
    """

    __slots__ = ("operation", "settled", "uses")

    def __init__(self, operation: Operation, uses: int) -> None:
        self.operation, self.uses = operation, uses
        self.settled: set[int] = set()

    def __call__(self, operands: tuple[Any, ...], data: list[float], y: float, partials: tuple[Any, ...]) -> None:
        """Compare the partials with finite differences; InputError where they are surely apart."""
        undecided = False
        for place, (o, partial) in enumerate(zip(operands, partials, strict=True)):
            if place in self.settled or (partial is None and o.__class__ is float):
                continue
            slope = _slope(self.operation.row, place, data) if math.isfinite(y) else None
            claimed = partial or 0.0
            if slope is None or not math.isfinite(claimed):
                undecided = True
                continue
            (value, error), size = slope, max(abs(slope[0]), abs(claimed))
            if abs(claimed - value) > max(100 * error, 1e-6 * size):
                letters = list(self.operation._letters(len(data)))
                at = ", ".join(f"{letter} = {x!r}" for letter, x in zip(letters, data, strict=True))
                said = "None, so nothing is sent" if partial is None else repr(partial)
                raise InputError(
                    f"operation {self.operation}: its partial by {letters[place]} is not its derivative: at {at} it is "
                    f"{said}, finite differences give {digits(value, 10)}; correct partials=…, or give check=False if "
                    "meant"
                )
            if 1000 * error <= size and size > 0:
                self.settled.add(place)
            else:
                undecided = True
        if undecided:
            self.uses -= 1


def _slope(row: Row, place: int, data: list[float]) -> tuple[float, float] | None:
    """The derivative by one operand and how far it may be off, by finite differences; None where there is none."""
    x = data[place]
    if not abs(x) <= 2.0**20:
        return None  # the floats beside so large a number are too far away from it

    def moved(at: float) -> float:
        return row.compute(*data[:place], at, *data[place + 1 :])  # type: ignore[misc]

    if kink(moved, x, 2.0**-20 * max(1.0, abs(x))) is not None:
        return None
    value, error = richardson(moved, x)
    return (value, error) if math.isfinite(value) and math.isfinite(error) else None


def _signature(name: str, function: Callable[..., Any]) -> tuple[inspect.Signature | None, list[str]]:
    """A function's signature (None where it has none, as some of Python's own) and the names of its operands."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None, ["*x"]
    letters = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise InputError(
                f"operation {name}: {parameter.name!r} can be given by name only, but operands have a place each; "
                "write it before any *"
            )
        letters.append(f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name)
    if not letters:
        raise InputError(f"operation {name} has no operands; a number that depends on nothing is Value(number)")
    return signature, letters
