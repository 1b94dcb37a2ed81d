"""The order of a computation, and the frozen `Graph` of flat columns that every later room reads.

A node is anything with `op`, `a` and `b` (see `value`): `a` is None for a leaf; a tuple when there are any number of
operands; else `a` and `b` are the one or two operands. Floats among the operands are constants and no nodes.
"""

from __future__ import annotations

from microgradnet.errors import InputError, StaleGraphError
from microgradnet.ops import COMPARISONS
from microgradnet.rules import PARTIALS, RESULTS

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["Graph", "walk"]


def walk(root: Any) -> list[Any]:
    """Every node that `root` was made from, each once, operands before results: depth-first post-order.

    Operands are taken left to right and no recursion is used, so the order is a property of the graph alone, and
    a chain of a million operations is no deeper than another.

    >>> from microgradnet import Value
    >>> x = Value(2.0, "x")
    >>> [node.op or node.label for node in walk(x * x + x.exp())]
    ['x', 'mul', 'exp', 'add']
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if node is None:  # all operands of the node below are in the order now
            order.append(stack.pop())
            continue
        if node in seen:
            continue
        seen.add(node)
        first = node.a
        if first is None:
            order.append(node)
            continue
        stack += (node, None)
        if first.__class__ is tuple:
            stack += [o for o in reversed(first) if o.__class__ is not float and o not in seen]
        else:
            second = node.b
            if second is not None and second.__class__ is not float:
                stack.append(second)
            if first.__class__ is not float:
                stack.append(first)
    return order


class Graph:
    """A computation, frozen: one row per node, in the order of `walk`; the root is last.

    Columns (tuples, one entry per node):
        operations: "" for a leaf, else the name of a row of the table or of a comparison ("lt", "le", "gt", "ge"), or
                    an operation of one's own, which is a text too (`extension`)
        operands:   numbers of earlier nodes (int) and constants (float), in written order
        data:       values (a truth value for a comparison)
        labels:     the user's labels, or None
        nodes:      the Values themselves
        names:      unique, the same in every run: labels, then `names` (pairs such as `model.named_parameters()`),
                    then the operation and a number; `v1`, `v2` … for leaves

    >>> from microgradnet import Value
    >>> x = Value(3.0, "x")
    >>> graph = Graph(x * x + 1)
    >>> graph.names, graph.operands, graph.data
    (('x', 'mul1', 'add1'), ((), (0, 0), (1, 1.0)), (3.0, 9.0, 10.0))
    >>> graph.gradient()
    [6.0, 1.0, 1.0]
    >>> graph.replay({"x": 5.0}).data
    (5.0, 25.0, 26.0)
    """

    __slots__ = ("_names", "_numbers", "data", "labels", "module_names", "nodes", "operands", "operations")

    def __init__(self, root: Any, names: Iterable[tuple[str, Any]] = ()) -> None:
        if not hasattr(root, "op") or not hasattr(root, "a") or isinstance(root, type):
            raise TypeError(f"Graph wants a Value, got {type(root).__name__}")
        order = walk(root)
        numbers = {node: number for number, node in enumerate(order)}
        self.nodes = tuple(order)
        self.operations = tuple([node.op or "" for node in order])
        self.operands = tuple(_placed(order, numbers))
        self.data = tuple([node.data for node in order])
        self.labels = tuple([node.label for node in order])
        if not set(map(type, self.labels)) <= {str, type(None)}:
            wrong = next(label for label in self.labels if label is not None and not isinstance(label, str))
            raise TypeError(f"a label is a text, got {type(wrong).__name__} {str(wrong)[:40]!r}; set .label to a text")
        self.module_names = {numbers[node]: name for name, node in names if node in numbers}
        self._numbers: dict[Any, int] = numbers
        self._names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.operations)

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes, root {self.names[-1]} = {self.data[-1]!r}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Unique names, computed when first asked for."""
        if self._names is None:
            self._names = unique_names(self.operations, self.labels, self.module_names)
        return self._names

    def number(self, node: Any) -> int:
        """The place of a Value (or of a name) in the columns. Raises InputError where it is not in the graph."""
        try:
            return self.names.index(node) if isinstance(node, str) else self._numbers[node]
        except (KeyError, ValueError, TypeError):
            shown = repr(node) if isinstance(node, str) else f"the Value {getattr(node, 'label', None) or node!r}"
            leaves = [n for n, op in zip(self.names, self.operations, strict=True) if not op]
            raise InputError(f"{shown} is not in this graph; its leaves are {', '.join(leaves[:12])}") from None

    def __contains__(self, node: Any) -> bool:
        return node in self._numbers

    def partials(self, number: int, y: float | None = None) -> tuple[float | None, ...]:
        """The local derivatives of a node, one per operand; None where nothing is sent (constants, what a mask
        did not select, conditions). `y`: the node's result, where it is to be another than its data."""
        op, operands = self.operations[number], self.operands[number]
        if not op or op in COMPARISONS:
            return (None,) * len(operands)
        result = self.data[number] if y is None else y
        partials = PARTIALS[op](result, *[self.data[o] if o.__class__ is int else o for o in operands])
        return tuple([p if o.__class__ is int else None for o, p in zip(operands, partials, strict=True)])

    def reverse(self, partials: Callable[[int], tuple[Any, ...]], seed: Any) -> list[Any]:
        """Adjoints by the chain rule, from the root down: each node sends partial · adjoint to its operands.

        Runs on any kind of number that `partials` gives. A node that was sent nothing has None.
        """
        adjoints: list[Any] = [None] * len(self)
        adjoints[-1] = seed
        for number in range(len(self) - 1, -1, -1):
            upstream = adjoints[number]
            if upstream is None or not self.operations[number]:
                continue
            for operand, partial in zip(self.operands[number], partials(number), strict=True):
                if partial is not None:
                    # 1.0 · upstream is upstream; on Values the product would be one node more
                    sent = upstream if partial.__class__ is float and partial == 1.0 else partial * upstream
                    so_far = adjoints[operand]
                    adjoints[operand] = sent if so_far is None else so_far + sent
        return adjoints

    def forward(self, partials: Callable[[int], tuple[Any, ...]], tangents: Mapping[int, Any]) -> list[Any]:
        """Tangents by the chain rule, from the leaves up; None where nothing arrives."""
        out: list[Any] = [None] * len(self)
        for number in range(len(self)):
            out[number] = tangents.get(number)
            if all(o.__class__ is float or out[o] is None for o in self.operands[number]):
                continue
            for operand, partial in zip(self.operands[number], partials(number), strict=True):
                if partial is not None and (arrives := out[operand]) is not None:
                    sent = arrives if partial.__class__ is float and partial == 1.0 else partial * arrives
                    out[number] = sent if out[number] is None else out[number] + sent
        return out

    def gradient(self) -> list[float]:
        """∂root/∂node for every node; neither reads nor writes `.grad`. Raises StaleGraphError."""
        self.require_fresh()
        return [0.0 if adjoint is None else adjoint for adjoint in self.reverse(self.partials, 1.0)]

    def evaluate(self, given: Mapping[int, float]) -> list[Any]:
        """Every node's value computed anew; a node of `given` has the value there, a leaf otherwise its own."""
        data: list[Any] = [None] * len(self)
        for number, (op, operands) in enumerate(zip(self.operations, self.operands, strict=True)):
            if number in given:
                data[number] = given[number]
            elif op:
                compute = COMPARISONS[op][1] if op in COMPARISONS else RESULTS[op]
                data[number] = compute(*[data[o] if o.__class__ is int else o for o in operands])
            else:
                data[number] = self.data[number]
        return data

    def replay(self, values: Mapping[Any, float]) -> Graph:
        """The same computation at other leaf values, by name or by Value: what the user's own code gives there.

        Branches of `where`, `maximum` … are taken anew. The new Graph has no `nodes`, as no Values have its numbers.
        Raises InputError for a name or Value that is no leaf.
        """
        leaves = {}
        for key, value in values.items():
            number = self.number(key)
            if self.operations[number]:
                raise InputError(f"{self.names[number]!r} is computed by {self.operations[number]}, not a leaf")
            if not hasattr(value, "__float__"):
                raise TypeError(f"replay wants a number for {self.names[number]!r}, got {type(value).__name__}")
            leaves[number] = float(value)
        other = object.__new__(Graph)
        for slot in Graph.__slots__:
            setattr(other, slot, getattr(self, slot))
        other.data, other.nodes = tuple(self.evaluate(leaves)), ()
        return other

    def require_fresh(self) -> None:
        """Raises StaleGraphError if a leaf's data changed after the operations that read it ran."""
        for number, anew in enumerate(self.evaluate({})):
            old = self.data[number]
            if anew != old and (anew == anew or old == old):
                readers = dict.fromkeys(self.names[o] for o in self.operands[number] if o.__class__ is int)
                raise StaleGraphError(
                    f"{self.names[number]} is {old!r}, but from {', '.join(readers)} as they are now it would be "
                    f"{anew!r}: data changed after the graph was built; compute the result again, then ask for this"
                )

    def __getstate__(self) -> dict[str, Any]:
        return {slot: getattr(self, slot) for slot in Graph.__slots__ if slot not in ("nodes", "_numbers")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for slot, value in state.items():
            setattr(self, slot, value)
        self.nodes, self._numbers = (), {}  # a graph from a file has names and numbers, but no living Values


def operands_of(node: Any) -> tuple[Any, ...]:
    """The operands of a node in written order.

    >>> from microgradnet import Value
    >>> operands_of(2 - Value(5.0))[0]
    2.0
    """
    first = node.a
    if first is None:
        return ()
    if first.__class__ is tuple:
        return first
    return (first,) if node.b is None else (first, node.b)


def _placed(order: list[Any], numbers: dict[Any, int]) -> list[tuple[Any, ...]]:
    """The operands of every node, Values by their number; most have one or two, which is done without `operands_of`."""
    rows: list[tuple[Any, ...]] = []
    for node in order:
        a, b = node.a, node.b
        if a.__class__ is tuple:
            rows.append(tuple([o if o.__class__ is float else numbers[o] for o in a]))
        elif b is not None:
            rows.append((a if a.__class__ is float else numbers[a], b if b.__class__ is float else numbers[b]))
        else:
            rows.append(() if a is None else (a if a.__class__ is float else numbers[a],))
    return rows


def unique_names(
    operations: Iterable[str], labels: Iterable[str | None], module_names: Mapping[int, str]
) -> tuple[str, ...]:
    """Names in three rounds, so that a label is never displaced: labels, module names, then operations.

    >>> unique_names(["", "", "", "mul"], ["a", "a", None, None], {2: "w"})
    ('a', 'a_2', 'w', 'mul1')
    """
    operations, labels = list(operations), list(labels)
    names: list[str] = [""] * len(operations)
    taken: set[str] = {label for label in labels if label}
    given: set[str] = set()
    tries: dict[str, int] = {}

    def unused(stem: str, separator: str) -> str:
        while True:
            tries[stem] = tries.get(stem, 0) + 1
            name = f"{stem}{separator}{tries[stem]}"
            if name not in taken:
                taken.add(name)
                return name

    for number, label in enumerate(labels):
        if label:
            tries.setdefault(label, 1)
            names[number] = label if label not in given else unused(label, "_")
            given.add(label)
    for number, name in module_names.items():
        if not names[number]:
            tries.setdefault(name, 1)
            names[number] = name if name not in taken else unused(name, "_")
            taken.add(name)
    for number, op in enumerate(operations):
        names[number] = names[number] or unused(op or "v", "")
    return tuple(names)
