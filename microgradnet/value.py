"""A number that remembers how it was made, and `backward()`, which sends derivatives from a result to its origins.

Every operation makes one new `Value`, and notes in it the operands and, beside each, the local derivative, computed
there and then from the numbers of that moment. `backward()` then needs no calculus any more: it walks the graph from
the result to the leaves and adds `local derivative · gradient` to each operand's gradient. So the gradient is that of
the forward pass that ran, whatever is done to any `.data` later.

The operations themselves are in the table (`ops`); `methods` gives each of them to Value as an operator or a method.
"""

from __future__ import annotations

from contextvars import ContextVar

from microgradnet.graph import operands_of, walk
from microgradnet.ops import COMPARISONS, TABLE, nan
from microgradnet.rules import PARTIALS, RESULTS

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Condition", "Value", "apply", "cut", "name", "number", "recorder"]

cut: ContextVar[Callable[[Value, str], float] | None] = ContextVar("cut", default=None)
"""Called with the Value and the name of the conversion (float, int, complex, item) in place of the TypeError; None
except while `check_derivation` runs."""
recorder: ContextVar[Callable[..., Any] | None] = ContextVar("recorder", default=None)
"""While the compiler records: asked for what `.data`, bool(v), v == w and Value(v) give, by (v, kind, other thing)."""
_asked = recorder.get


def number(x: Any) -> Any:
    """A float from anything that is one real number; NotImplemented from everything else.

    >>> number(True), number("3"), number(10**400)
    (1.0, NotImplemented, inf)
    """
    if x.__class__ is float or (x.__class__ is int and -(2**53) <= x <= 2**53):
        return float(x)
    if isinstance(x, (Value, str, bytes, bytearray, complex)) or not hasattr(x, "__float__"):
        return NotImplemented
    if hasattr(x, "shape"):
        masked = getattr(x, "mask", False)  # a masked array, which would give 0.0
        x = x.item() if x.shape == () and not masked else None  # NumPy's numbers, arrays and tensors without an axis
        if isinstance(x, (Value, str, bytes, complex)) or not hasattr(x, "__float__"):
            return NotImplemented
    try:
        return float(x)
    except OverflowError:  # an int beyond the largest float
        return float("inf") if x > 0 else float("-inf")
    except (TypeError, ValueError):  # a class, a signalling nan
        return NotImplemented


class Value:
    """One real number in a computation graph.

    `data`: the number, always a float. `grad`: the derivative, filled by `backward()`; 0.0 before. `label`: a name
    for people, or None. `op`: the name of the operation that made it, or None for a leaf.

    Inside: `a` and `b` are the operands, `da` and `db` the local derivatives (None where nothing is sent); in a node
    made by `apply`, as those of three or more operands are, `a` and `da` are tuples.

    Raises TypeError for anything that is not one real number.

    >>> x = Value(-3.0, "x")
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, -6.0)
    """

    __slots__ = ("_data", "a", "b", "da", "db", "grad", "label", "op")
    _data: float
    grad: float
    label: str | None
    op: str | None
    a: Any
    da: Any
    b: Any
    db: Any

    def __init__(self, data: Any, label: str | None = None) -> None:
        self._data = as_float(data, self)
        self.grad = 0.0
        if label is not None and not isinstance(label, str):
            raise TypeError(f"a label is a text, got {type(label).__name__} {label!r}")
        self.label = label
        self.op = self.a = self.da = self.b = self.db = None

    def __init_subclass__(cls) -> None:
        raise TypeError("Value cannot be subclassed: its operations make plain Values; give it a label, or hold it")

    def backward(self, grad: Any = 1.0) -> None:
        """Send derivatives of this Value to everything that it was made from.

        `grad`: the derivative of whatever is behind this Value with respect to it (1.0 when this is the end).
        Leaves add to the `.grad` that they have (set it to 0.0 before, or not, as in PyTorch); the `.grad` of every
        other node is that of the last call. A node that is sent nothing has 0.0, and passes nothing on.

        >>> w = Value(2.0)
        >>> (w * 3).backward(); (w * 3).backward()
        >>> w.grad
        6.0
        """
        seed = grad if grad.__class__ is float else as_float(grad)  # `anomaly.watching` reads it by this name
        if self.a is None:
            self.grad += seed
            return
        entered, nothing_yet = nan + 0.0, nan + 0.0  # two marks in .grad, new floats recognised by identity
        order: list[Any] = []
        stack: list[Any] = [self]
        while stack:  # the order of `graph.walk`, without the leaves
            node = stack.pop()
            state = node.grad
            if state is entered:  # all its operands are in the order now
                node.grad = nothing_yet
                order.append(node)
            elif state is not nothing_yet:
                node.grad = entered
                stack.append(node)
                first = node.a
                if first.__class__ is tuple:
                    stack += [o for o in first[::-1] if o.__class__ is not float and o.a is not None
                              and o.grad is not nothing_yet]  # fmt: skip
                else:
                    second = node.b
                    if second is not None and second.__class__ is not float and second.a is not None:
                        stack.append(second)
                    if first.__class__ is not float and first.a is not None:
                        stack.append(first)
        self.grad = seed
        for node in reversed(order):
            upstream = node.grad
            if upstream is nothing_yet:
                node.grad = 0.0
                continue
            partial = node.da
            if partial.__class__ is tuple:
                for operand, local in zip(node.a, partial, strict=True):
                    if local is not None:
                        so_far = operand.grad
                        operand.grad = local * upstream if so_far is nothing_yet else so_far + local * upstream
                continue
            if partial is not None:
                operand = node.a
                so_far = operand.grad
                operand.grad = partial * upstream if so_far is nothing_yet else so_far + partial * upstream
            partial = node.db
            if partial is not None:
                operand = node.b
                so_far = operand.grad
                operand.grad = partial * upstream if so_far is nothing_yet else so_far + partial * upstream

    @property
    def data(self) -> float:
        """The number, always a float; a leaf may be given another one."""
        return self._data if (ask := _asked()) is None else ask(self, "data")

    @data.setter
    def data(self, data: Any) -> None:
        self._data = data if data.__class__ is float else as_float(data)

    @property
    def operands(self) -> tuple[Any, ...]:
        """What it was made from: Values, plain floats (constants) and Conditions, in written order."""
        return operands_of(self)

    @property
    def partials(self) -> tuple[float | None, ...]:
        """Its derivatives with respect to the operands, in the same order; None where nothing is sent.

        >>> (Value(3.0) * 2).partials
        (2.0, None)
        """
        return self.da if self.da.__class__ is tuple else (self.da, self.db)[: len(self.operands)]

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label is not None else ""
        made = f", made by {self.op}({', '.join(map(_short, self.operands))})" if self.op else ""
        return f"Value({self._data!r}, grad={self.grad!r}{label}{made})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec)

    def __bool__(self) -> bool:
        return self._data != 0.0 if (ask := _asked()) is None else ask(self, "bool")

    def __eq__(self, other: object) -> bool:
        return (self is other or NotImplemented) if (ask := _asked()) is None else ask(self, "==", other)

    __hash__ = object.__hash__

    def __pos__(self) -> Value:
        return self

    if TYPE_CHECKING:  # the operators and functions, which `methods` gives it

        def _unary(self) -> Value: ...
        def _binary(self, other: Any, /) -> Value: ...
        def _ternary(self, a: Any, b: Any, /) -> Value: ...
        def _variadic(self, *others: Any) -> Value: ...
        def softmax(self, *others: Any) -> list[Value]: ...
        def _compare(self, other: Any, /) -> Condition: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
        __pow__ = __rpow__ = pow = add = sub = mul = div = atan2 = hypot = maximum = minimum = _binary
        __neg__ = __abs__ = __floor__ = __ceil__ = __trunc__ = __round__ = conjugate = neg = abs = sign = _unary
        floor = ceil = trunc = round = exp = expm1 = log = log2 = log10 = log1p = sqrt = sin = cos = tan = _unary
        asin = acos = atan = sinh = cosh = tanh = asinh = acosh = atanh = erf = erfc = sigmoid = softplus = _unary
        relu = gelu = silu = exp2 = square = reciprocal = fabs = degrees = rad2deg = radians = deg2rad = _unary
        T: Value
        clip = where = _ternary
        leaky_relu = elu = sum = mean = dot = take = logsumexp = _variadic
        __lt__ = __le__ = __gt__ = __ge__ = _compare

    def _would_cut(self, kind: str) -> float:
        if (asked := cut.get()) is not None:
            return asked(self, kind)
        raise TypeError(
            f"{kind}() would drop the gradient of {self!r}; use v.data for the number, a function of microgradnet "
            f"(exp(v) for math.exp(v)), and f'{{v:.3f}}' for '%.3f' % v"
        )

    def __float__(self) -> float:
        return self._would_cut("float")

    def __int__(self) -> int:
        return int(self._would_cut("int"))

    def __complex__(self) -> complex:
        return complex(self._would_cut("complex"))

    def item(self) -> float:
        """The plain number, `data`, without a gradient, as in PyTorch.

        >>> Value(2.0).item()
        2.0
        """
        return self._data if cut.get() is None else self._would_cut("item")

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: the whole graph in flat lists, without recursion; leaves keep their identity."""
        if self.a is None:
            return _leaf, (self._data, self.grad, self.label)
        order = walk(self)
        leaves = [node for node in order if node.a is None]
        made = [node for node in order if node.a is not None]
        place = {node: i for i, node in enumerate(leaves + made)}
        rows = []
        for node in made:
            operands = [o if o.__class__ is float else place[o] for o in node.operands]
            rows.append((node.op, node._data, node.grad, node.label, operands, node.da, node.db))
        return _unflatten, (leaves, rows)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in walk(self):
            if id(node) not in memo:
                living = tuple(o if o.__class__ is float else memo[id(o)] for o in node.operands)
                memo[id(node)] = _remade(node.op, node._data, node.grad, node.label, living, node.da, node.db)
        return memo[id(self)]  # type: ignore[no-any-return]


class Condition:
    """A comparison of Values: true or false in an `if`, and an operand of `where`, which remembers it.

    >>> Value(2.0, "x") > 1
    <x > 1.0 is True>
    """

    __slots__ = ("_data", "a", "b", "grad", "op")
    label = da = db = None
    data, __bool__, __eq__, __hash__ = map(vars(Value).__getitem__, ("data", "__bool__", "__eq__", "__hash__"))

    def __init__(self, op: str, a: Any, b: Any, truth: bool) -> None:
        self.op, self.a, self.b, self._data, self.grad = op, a, b, truth, 0.0

    @property
    def operands(self) -> tuple[Any, ...]:
        """The two sides."""
        return (self.a, self.b)

    def __repr__(self) -> str:
        return f"<{_short(self.a)} {COMPARISONS[self.op][0]} {_short(self.b)} is {self._data}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Condition, (self.op, self.a, self.b, self._data)


def name(**values: Any) -> None:
    """Label Values by the caller's own names: `name(w1=w1, b=b)`, or all at once `name(**locals())`.

    What is not a Value is passed over, and so is a Value that has a label already.

    >>> w1, rate = Value(0.5), 0.1
    >>> name(w1=w1, rate=rate)
    >>> w1.label
    'w1'
    """
    for label, value in values.items():
        if value.__class__ is Value and value.label is None:
            value.label = label


def as_float(data: Any, new: Value | None = None) -> float:
    """The float of one real number; TypeError, with what to do instead, for everything else."""
    if getattr(data, "shape", None) and getattr(data, "size", 0) == 1:
        data = data.reshape(-1)[0]  # an element of a masked array stays masked
    x = number(data)
    if x is not NotImplemented:
        return x  # type: ignore[no-any-return]
    if isinstance(data, Value):
        if new is not None and (ask := _asked()) is not None and (x := ask(data, "Value", new)) is not None:
            return x  # type: ignore[no-any-return]
        raise TypeError("Value(v) would cut the new Value from its graph; use the Value itself, or Value(v.data)")
    if getattr(data, "shape", ()) != () or isinstance(data, (list, tuple)):
        size = getattr(data, "size", None) or len(data)
        kind = "an array" if hasattr(data, "shape") else f"a {type(data).__name__}"
        raise TypeError(f"Value wants one real number, got {kind} of {size} elements; make one Value per element")
    shown = "" if data is None else f" {str(data)[:40]!r}"
    raise TypeError(f"Value wants one real number, got {type(data).__name__}{shown}")


def operand(x: Any, function: str) -> Any:
    """A Value as it is, a number as float; TypeError that names the function for everything else."""
    if x.__class__ is Value:
        return x
    plain = number(x)
    if plain is NotImplemented:
        if x.__class__ is Condition:
            raise TypeError(f"{function} wants numbers or Values, got the comparison {x!r}; use where(condition, 1, 0)")
        several = hasattr(x, "__len__") and not isinstance(x, str)
        cure = f"; one at a time: [{function}(v) for v in …]" if several else ""
        raise TypeError(f"{function} wants numbers or Values, got {type(x).__name__}{cure}")
    return plain


def node(op: str, data: float, operands: tuple[Any, ...], partials: tuple[float | None, ...]) -> Value:
    """A new Value of any number of operands."""
    new = Value.__new__(Value)
    new._data, new.grad, new.label, new.op = data, 0.0, None, op
    new.a, new.da, new.b, new.db = operands, partials, None, None
    return new


def apply(op: str, *operands: Any) -> Any:
    """A row of the table on Values and numbers: a Value; on numbers alone: a float.

    >>> apply("maximum", 1, 2), apply("mean", Value(1.0), 3).partials
    (2.0, (0.5, None))
    """
    condition = operands[:1] if op == "where" and operands[0].__class__ is Condition else ()
    operands = (*condition, *[operand(o, op) for o in operands[len(condition) :]])
    row = TABLE[op]
    if row.constants and op != "where":
        for letter, o in zip(row.operands, operands, strict=False):
            if letter in row.constants and o.__class__ is Value:
                raise TypeError(f"the {letter} of {op} is a plain number without a gradient, got {o!r}; use .data")
    data = [o if o.__class__ is float else o._data for o in operands]
    result = RESULTS[op](*data)
    if Value not in map(type, operands) and not condition:
        return result
    partials = PARTIALS[op](result, *data)
    return node(op, result, operands, tuple([p if o.__class__ is Value else None
                                             for o, p in zip(operands, partials, strict=True)]))  # fmt: skip


def _leaf(data: float, grad: float, label: str | None) -> Value:
    leaf = Value(data, label)
    leaf.grad = grad
    return leaf


def _remade(op: Any, data: Any, grad: float, label: str | None, operands: tuple[Any, ...], da: Any, db: Any) -> Any:
    """A node as it was, from its fields."""
    if op in COMPARISONS:
        return Condition(op, operands[0], operands[1], data)
    if op is None:
        return _leaf(data, grad, label)
    new = node(op, data, operands, da)
    new.grad, new.label = grad, label
    if da.__class__ is not tuple:
        new.a, new.b, new.db = operands[0], operands[1] if len(operands) > 1 else None, db
    return new


def _unflatten(leaves: list[Value], rows: list[tuple[Any, ...]]) -> Value:
    nodes: list[Any] = list(leaves)
    for op, data, grad, label, operands, da, db in rows:
        living = tuple(o if o.__class__ is float else nodes[o] for o in operands)
        nodes.append(_remade(op, data, grad, label, living, da, db))
    return nodes[-1]  # type: ignore[no-any-return]


def _short(x: Any) -> str:
    return str(x.label or f"Value({x._data!r})") if x.__class__ is Value else repr(x)
