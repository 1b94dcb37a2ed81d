"""A plan of array operations: what passes of the compiler read and write, a checker, and its text.

A `Node` is one operation on arrays of floats, with its shape; nodes are made by the functions of `arrays` and never
change. A `Plan` is a tuple of results and what they are called. Nothing here knows a derivative or a language.

The operations, beside the rows of the table, which work element by element:

    argument      the array that the caller gives, called `detail`
    number        a literal, `detail`
    table         an array that is known when the plan is made, `detail` (a Table)
    view          the same numbers seen otherwise: `detail` is a tuple of steps, see `stepped`
    expand        the same numbers, repeated along axes of size 1 (or from a single number) to the node's shape
    sum           the sum over the axes `detail`
    contract      the sum of products of two operands; `detail` holds the letters of both and of the result: "ik,jk->ij"
    accumulate    zeros of the node's shape, to which each operand is added at its view, `detail[i]` being its steps
    stack         the operands one behind the other along the last axis
    peak          the largest number along the last axis, nan if one is
    softmax, logsumexp   those of the table, along the last axis of their one operand
    choose        of (values, index): along the last axis, the value at the index
    place         of (value, index): zeros of `detail` elements along a new last axis, the value at the index
    truth         whether a number is not 0 (nan is true); `and`, `or`, `not` and the comparisons: truth values, too

Element by element means: every operand is a single number of shape (), or has as many axes as the result, each of
the same size or of size 1.

    >>> from microgradnet.compiler.arrays import argument, contract, elementwise
    >>> X, w = argument("X", (100, 2)), argument("w", (16, 2))
    >>> h = elementwise("tanh", contract(X, w, "ik,jk->ij"))
    >>> print(Plan((h,), ("h",)))
    X: (100, 2) argument
    w: (16, 2) argument
    v1: (100, 16) = contract X w ik,jk->ij
    h: (100, 16) = tanh v1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from microgradnet.compiler.sizes import Dim, Scaled, Size, at, count
from microgradnet.ops import COMPARISONS, TABLE

__all__ = [
    "BOOLEAN", "REDUCTIONS", "STRUCTURAL", "Node", "Plan", "Shape", "Step", "Table", "check", "in_order",
    "shape_of_steps", "stepped",
]  # fmt: skip

Shape: TypeAlias = tuple[Size, ...]
Step: TypeAlias = tuple[str, Any]
"""One way to see an array otherwise, as NumPy writes it:

("reshape", shape)        the same elements in their order
("slice", entries)        one per axis: an int (the axis is dropped) or (start, stop, step)
("transpose", axes)       as np.transpose
("insert", axes)          new axes of size 1, at these places of the result
("gather", Table)         along the last axis, at the integers of the table: a[..., table]
"""

BOOLEAN = frozenset({*COMPARISONS, "truth", "and", "or", "not"})
REDUCTIONS = frozenset({"peak", "softmax", "logsumexp"})
STRUCTURAL = frozenset({
    "argument", "number", "table", "view", "expand", "sum", "contract", "accumulate", "stack", "choose", "place",
    *REDUCTIONS,
})  # fmt: skip


class Table:
    """An array that is known when the plan is made; equal and hashed by its contents.

    >>> Table([1, 2]) == Table(np.array([1, 2])), Table([1, 2])
    (True, [1, 2])
    """

    __slots__ = ("array", "key")

    def __init__(self, array: Any) -> None:
        self.array = np.ascontiguousarray(array)
        self.array.setflags(write=False)
        self.key = (self.array.shape, self.array.dtype.kind, self.array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return repr(self.array.tolist()) if self.array.size <= 4 else f"<{self.array.size} numbers>"


class Node:
    """One operation: `op`, the nodes that are its `operands`, its `shape`, and what else it needs, `detail`.

    Operators and the functions of the table make new nodes from it (see `arrays`), so that a rule that is written
    over operators runs on nodes.
    """

    __slots__ = ("detail", "op", "operands", "shape")

    def __init__(self, op: str, operands: tuple[Node, ...], shape: Shape, detail: Any = None) -> None:
        self.op, self.operands, self.shape, self.detail = op, operands, shape, detail

    @property
    def number(self) -> float | None:
        """The literal that it is, or None."""
        return self.detail if self.op == "number" and self.detail.__class__ is float else None

    def __repr__(self) -> str:
        return f"<{self.op} {_shown(self.shape)}>"

    def __bool__(self) -> bool:
        raise TypeError("a node has no number yet, so nothing can be decided by it; use where(condition, a, b)")

    # operators, which `arrays` gives it
    def _unary(self) -> Node:
        raise NotImplementedError("import microgradnet.compiler.arrays")

    def _binary(self, other: Any) -> Node:
        raise NotImplementedError("import microgradnet.compiler.arrays")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
    __pow__ = __rpow__ = __lt__ = __le__ = __gt__ = __ge__ = _binary
    __neg__ = __abs__ = _unary


def in_order(results: Iterable[Node]) -> list[Node]:
    """Every node that the results need, each once, operands first; without recursion."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(results))]
    while stack:
        node, entered = stack.pop()
        if entered:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(node.operands) if operand not in seen]
    return order


@dataclass(frozen=True)
class Plan:
    """Results and their names; `labels` are names wished for other nodes. `str` of it is its text, a line per node."""

    results: tuple[Node, ...]
    names: tuple[str, ...]
    labels: Mapping[Node, str] | None = None

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, operands before results."""
        return tuple(in_order(self.results))

    @property
    def forward(self) -> frozenset[Node]:
        """Of a plan of (loss, gradient) what the loss needs; of any other all nodes."""
        return frozenset(in_order(self.results[:1]) if self.names[:2] == ("loss", "gradient") else self.nodes)

    @property
    def arguments(self) -> dict[str, Node]:
        """The arguments that are read, by name."""
        return {node.detail: node for node in self.nodes if node.op == "argument"}

    def __str__(self) -> str:
        named = dict(zip(self.results, self.names, strict=True))
        named |= {node: node.detail for node in self.nodes if node.op == "argument"}
        lines, count = [], 0
        for node in self.nodes:
            if node.op == "number":
                named[node] = str(node.detail)
                continue
            if node not in named:
                count += 1
                named[node] = f"v{count}"
            if node.op == "argument":
                lines.append(f"{named[node]}: {_shown(node.shape)} argument")
            else:
                words = [named[o] for o in node.operands] + ([] if node.detail is None else [_detail(node)])
                lines.append(f"{named[node]}: {_shown(node.shape)} = {' '.join([node.op, *words])}")
        return "\n".join(lines)


def _shown(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _detail(node: Node) -> str:
    if node.op == "view":
        return "".join(map(_step, node.detail))
    if node.op == "accumulate":
        return "; ".join("".join(map(_step, steps)) or "[:]" for steps in node.detail)
    return str(node.detail)


def _step(step: Step) -> str:
    kind, how = step
    if kind == "slice":
        return f"[{', '.join(map(_entry, how))}]"
    return f".{kind}{how}"


def _entry(entry: Any) -> str:
    if not isinstance(entry, tuple):
        return str(entry)
    start, stop, step = entry
    return f"{start}:{stop}" + (f":{step}" if step != 1 else "")


# --- steps ---------------------------------------------------------------------------------------------------------


def shape_of_steps(shape: Shape, steps: Iterable[Step]) -> Shape:
    """The shape after these steps. TypeError where a step does not fit.

    >>> shape_of_steps((337,), (("slice", ((0, 48, 1),)), ("reshape", (16, 3)), ("slice", ((0, 16, 1), 2))))
    (16,)
    """
    for kind, how in steps:
        if kind == "reshape":
            if count(tuple(how)) != count(shape):
                raise TypeError(f"an array of shape {_shown(shape)} has no shape {_shown(how)}")
            shape = tuple(how)
        elif kind == "slice":
            if len(how) != len(shape):
                raise TypeError(f"{len(how)} entries for an array of shape {_shown(shape)}")
            shape = tuple(_length(*entry) for entry in how if isinstance(entry, tuple))
        elif kind == "transpose":
            if sorted(how) != list(range(len(shape))):
                raise TypeError(f"axes {how} for an array of shape {_shown(shape)}")
            shape = tuple(shape[axis] for axis in how)
        elif kind == "insert":
            axes = list(shape)
            for axis in sorted(how):
                axes.insert(axis, 1)
            shape = tuple(axes)
        elif kind == "gather":
            shape = (*shape[:-1], *how.array.shape)
        else:
            raise TypeError(f"unknown step {kind!r}")
    return shape


def _length(start: Size, stop: Size, step: Size) -> Size:
    """How many elements a slice has."""
    length = stop - start
    if step == 1:
        return length
    if isinstance(length, Dim) or isinstance(step, Dim):
        return _divided(length, step)
    return -(-length // step)


def _divided(length: Size, step: Size) -> Size:
    """The number of steps in a length, rounded up, where they depend on N: the same at all N, or k · N + m."""
    ratios = [-(-at(length, n) // at(step, n)) for n in (101, 102, 103)]
    times = ratios[1] - ratios[0]
    if ratios[2] - ratios[1] != times:
        raise TypeError(f"a slice of {length} in steps of {step}")
    return Dim(times, ratios[0] - 101 * times) if times else ratios[0]


def stepped(array: Any, steps: Iterable[Step], n: int = 0) -> Any:
    """A NumPy array after these steps; `n` is the batch size that a Size stands for.

    >>> stepped(np.arange(6.0), (("reshape", (2, 3)), ("slice", (0, (0, 3, 2))))).tolist()
    [0.0, 2.0]
    """
    for kind, how in steps:
        if kind == "reshape":
            array = array.reshape(at(how, n))
        elif kind == "slice":
            array = array[tuple(slice(*at(e, n)) if isinstance(e, tuple) else at(e, n) for e in how)]
        elif kind == "transpose":
            array = array.transpose(how)
        elif kind == "insert":
            array = np.expand_dims(array, tuple(sorted(how)))
        else:
            array = array[..., how.array]
    return array


# --- the checker ---------------------------------------------------------------------------------------------------


def check(plan: Plan) -> Plan:
    """The plan, if every node is made as this file says. TypeError that names the first which is not."""
    if len(plan.results) != len(plan.names):
        raise TypeError(f"{len(plan.results)} results and {len(plan.names)} names")
    for number, node in enumerate(plan.nodes):
        try:
            _check_node(node)
        except TypeError as error:
            raise TypeError(f"node {number}, {node.op} of {[o.shape for o in node.operands]}: {error}") from None
    return plan


def _check_node(node: Node) -> None:
    shapes = [o.shape for o in node.operands]
    op, shape, detail = node.op, node.shape, node.detail
    wanted: Shape
    if op == "argument":
        _require(isinstance(detail, str) and not shapes, "wants a name")
        return
    if op == "number":
        _require(shape == () and detail.__class__ in (float, Scaled), "wants a float")
        return
    if op == "table":
        wanted = detail.array.shape
    elif op == "view":
        wanted = shape_of_steps(shapes[0], detail)
    elif op == "expand":
        _require(expands(shapes[0], shape), f"{_shown(shapes[0])} does not expand to {_shown(shape)}")
        return
    elif op == "sum":
        _require(all(0 <= axis < len(shapes[0]) for axis in detail), f"no axes {detail}")
        wanted = tuple(size for axis, size in enumerate(shapes[0]) if axis not in detail)
    elif op == "contract":
        wanted = contracted(shapes[0], shapes[1], detail)
    elif op == "accumulate":
        _require(len(detail) == len(shapes), "one tuple of steps for each operand")
        for steps, part in zip(detail, shapes, strict=True):
            _require(expands(part, shape_of_steps(shape, steps)), f"{_shown(part)} does not fit its view")
        return
    elif op == "stack":
        _require(len({s[:-1] for s in shapes}) == 1, "operands of equal leading axes")
        wanted = (*shapes[0][:-1], sum(s[-1] for s in shapes[1:]) + shapes[0][-1])
    elif op in ("peak", "logsumexp"):
        wanted = shapes[0][:-1]
    elif op == "softmax":
        wanted = shapes[0]
    elif op == "choose":
        _require(shapes[0][:-1] == shapes[1], "an index for each row")
        wanted = shapes[1]
    elif op == "place":
        _require(shapes[0] == shapes[1], "an index for each value")
        wanted = (*shapes[0], detail)
    else:
        _require(op in TABLE or op in BOOLEAN, "no such operation")
        wanted = broadcast(*shapes)
    _require(shape == wanted, f"has shape {_shown(shape)}, should have {_shown(wanted)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise TypeError(message)


def broadcast(*shapes: Shape) -> Shape:
    """The shape of an operation element by element. TypeError where these do not go together.

    >>> broadcast((100, 16), (1, 16), ())
    (100, 16)
    """
    axes = [shape for shape in shapes if shape != ()]
    if not axes or axes.count(axes[0]) == len(axes):
        return axes[0] if axes else ()
    _require(len({len(shape) for shape in axes}) <= 1, f"axes differ in number: {', '.join(map(_shown, shapes))}")
    result = []
    for sizes in zip(*axes, strict=True):
        wide = list(dict.fromkeys(size for size in sizes if size != 1)) or [1]
        _require(len(wide) == 1, f"sizes differ: {', '.join(map(_shown, shapes))}")
        result.append(wide[0])
    return tuple(result)


def expands(small: Shape, large: Shape) -> bool:
    """Whether an array of the one shape can be repeated to the other."""
    return small == () or (len(small) == len(large) and all(a in (1, b) for a, b in zip(small, large, strict=True)))


def contracted(a: Shape, b: Shape, letters: str) -> Shape:
    """The shape of a contraction; every letter of the result stands in an operand, and sizes agree."""
    left, right, result = parts_of(letters)
    sizes: dict[str, Size] = {}
    for which, shape in ((left, a), (right, b)):
        _require(len(which) == len(shape) and len(set(which)) == len(which), f"{which} for shape {_shown(shape)}")
        for letter, size in zip(which, shape, strict=True):
            _require(sizes.setdefault(letter, size) == size, f"axis {letter} has two sizes")
    _require(set(result) <= set(sizes) and len(set(result)) == len(result), f"a letter of {result} has no size")
    return tuple(sizes[letter] for letter in result)


def parts_of(letters: str) -> tuple[str, str, str]:
    """The three parts of the letters of a contraction.

    >>> parts_of("ik,jk->ij")
    ('ik', 'jk', 'ij')
    """
    operands, result = letters.split("->")
    left, right = operands.split(",")
    return left, right, result
