"""Derivatives of Python functions: `grad`, `jacobian`, `hessian`, `jvp`, `hvp`, exact to any order.

A function is run once on fresh Values; the graph that it leaves is differentiated. Numbers in, numbers out. Inside
of another transform, and where a Value is handed in, the derivative is itself computed with Values, so it can be
differentiated again.

Arguments may be numbers, Values, lists, tuples, dicts (nested) and NumPy arrays of them; derivatives come back in
the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from microgradnet.functions import VALUES
from microgradnet.graph import Graph
from microgradnet.ops import COMPARISONS, row_of
from microgradnet.value import Condition, Value, apply, number

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad"]

_inside: ContextVar[bool] = ContextVar("inside a transform", default=False)


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The gradient of a function that returns one number, with respect to the argument at place `argnums`.

    Raises TypeError where the function returns anything else.

    >>> grad(lambda x: x * x)(3.0), grad(grad(lambda x: x**3))(2.0)
    (6.0, 12.0)
    >>> grad(lambda p: p["w"] * p["x"])({"w": 2.0, "x": 5.0})
    {'w': 5.0, 'x': 2.0}
    """
    with_value = value_and_grad(function, argnums)
    return lambda *args, **kwargs: with_value(*args, **kwargs)[1]


def value_and_grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """As `grad`, but returns (value, gradient).

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(3.0, 4.0)
    (12.0, (4.0, 3.0))
    """

    def derivative(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = _run(function, argnums, args, kwargs)
        (result,) = call.results if call.scalar_result else (None,)
        if result is None:
            raise TypeError(f"grad wants a function that returns one number, got {_kind(call.output)}; see jacobian")
        return call.finish(result), call.argument_like(_adjoints(result, call.leaves, call.finish))

    return derivative


def jacobian(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """All first derivatives of a function that returns numbers in any structure.

    The result has the structure of the output, and in the place of each number that of the argument; where both are
    NumPy arrays, it is one array of shape output.shape + argument.shape.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 5.0])
    [[5.0, 2.0], [1.0, 1.0]]
    """

    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = _run(function, argnums, args, kwargs)
        rows = [call.argument_like(_adjoints(result, call.leaves, call.finish)) for result in call.results]
        return _rebuilt(call.output, iter(rows), nested=True)

    return derivative


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """All second derivatives of a function that returns one number: the jacobian of its gradient.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(function, argnums), argnums)


def jvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(value, directional derivative) at `primals` along `tangents`, both tuples with an entry per argument.

    Forward mode: one pass, whatever the number of results.

    >>> jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    (12.0, 4.0)
    """
    call = _run(function, tuple(range(len(primals))), tuple(primals), {})
    directions = _like(tuple(primals), tuple(tangents))
    along = dict(zip(call.leaves, directions, strict=True))
    if any(t.__class__ is Value for t in directions):
        call = call.kept()
    moved = [_tangent(result, along, call.finish) for result in call.results]
    values = [call.finish(result) for result in call.results]
    return _rebuilt(call.output, iter(values)), _rebuilt(call.output, iter(moved))


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Any:
    """The hessian of `function` at `x`, times `v`, without ever forming the hessian: forward over reverse.

    >>> hvp(lambda p: p[0] ** 2 * p[1], [3.0, 5.0], [1.0, 0.0])
    [10.0, 6.0]
    """
    return jvp(grad(function), (x,), (v,))[1]


# --- inside ---------------------------------------------------------------------------------------------------------


class _Call:
    """A function that has run on fresh Values: its `leaves`, its `output`, and the numbers in that, `results`."""

    def __init__(self, arguments: Any, leaves: list[Value], output: Any, keep: bool) -> None:
        self.arguments, self.leaves, self.output, self.keep = arguments, leaves, output, keep
        self.results = [r if r.__class__ is Value else Value(r) for r in _leaves(output)]
        self.scalar_result = not isinstance(output, (list, tuple, dict)) and getattr(output, "shape", ()) == ()

    def finish(self, x: Any) -> Any:
        """A result for the caller: with its graph, if somebody may differentiate it again, else the plain number."""
        return x if self.keep or x.__class__ is float else x.data

    def kept(self) -> _Call:
        """The same, results with their graph."""
        return _Call(self.arguments, self.leaves, self.output, keep=True)

    def argument_like(self, derivatives: list[Any]) -> Any:
        """Derivatives, one per leaf, in the structure of the argument."""
        return _rebuilt(self.arguments, iter(derivatives))


def _run(function: Callable[..., Any], argnums: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if len(set(places)) < len(places):
        raise TypeError(f"argnums names an argument twice: {argnums}")
    for place in places:
        if not isinstance(place, int):
            raise TypeError(f"argnums is a place of an argument, or a tuple of places, got {argnums!r:.40}")
        if not -len(args) <= place < len(args):
            raise TypeError(f"argnums is {place}, but the function was called with {len(args)} arguments")
    originals = [args[place] for place in places]
    numbers = _leaves(originals)
    keep = _inside.get() or any(x.__class__ is Value for x in numbers)
    # A Value of the caller's gets a node of its own to stand on, so that x here and x there are two variables.
    leaves = [apply("sum", x) if x.__class__ is Value else Value(x) for x in numbers]
    fresh = _rebuilt(originals, iter(leaves))
    arguments = list(args)
    for place, argument in zip(places, fresh, strict=True):
        arguments[place] = argument
    with _in_transform():
        output = function(*arguments, **kwargs)
    return _Call(tuple(originals) if isinstance(argnums, tuple) else originals[0], leaves, output, keep)


@contextmanager
def _in_transform() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def _local_derivatives(graph: Graph, finish: Callable[[Any], Any]) -> Callable[[int], tuple[Any, ...]]:
    """Partials of a node as numbers, or as Values where derivatives of them may be wanted."""
    if finish(graph.nodes[-1]).__class__ is float:
        return graph.partials

    def partials(place: int) -> tuple[Any, ...]:
        node, op = graph.nodes[place], graph.operations[place]
        if op in COMPARISONS:
            return (None, None)
        rule = row_of(op).partials(VALUES, node, *node.operands)
        return tuple(p if o.__class__ is Value else None for o, p in zip(node.operands, rule, strict=True))

    return partials


def _adjoints(result: Value, leaves: list[Value], finish: Callable[[Any], Any]) -> list[Any]:
    graph = Graph(result)
    adjoints = graph.reverse(_local_derivatives(graph, finish), 1.0)
    return [0.0 if (a := adjoints[graph.number(leaf)] if leaf in graph else None) is None else a for leaf in leaves]


def _tangent(result: Value, along: dict[Value, Any], finish: Callable[[Any], Any]) -> Any:
    graph = Graph(result)
    start = {graph.number(leaf): t if t.__class__ is Value else float(t) for leaf, t in along.items() if leaf in graph}
    tangent = graph.forward(_local_derivatives(graph, finish), start)[-1]
    return 0.0 if tangent is None else tangent


def _leaves(tree: Any) -> list[Any]:
    """The numbers of a nested structure, in order; TypeError for what is neither number nor structure."""
    if isinstance(tree, dict):
        return [x for branch in tree.values() for x in _leaves(branch)]
    if isinstance(tree, (list, tuple)):
        return [x for branch in tree for x in _leaves(branch)]
    if hasattr(tree, "shape"):
        return list(tree.reshape(-1).tolist())
    if tree.__class__ is Value:
        return [tree]
    plain = number(tree)
    if plain is NotImplemented or isinstance(tree, Condition):
        raise TypeError(f"wanted numbers, Values, or lists, tuples, dicts and arrays of them, got {_kind(tree)}")
    return [plain]


def _like(tree: Any, other: Any) -> list[Any]:
    """The numbers of `other` in the order of those of `tree`, whose structure it must have; TypeError otherwise."""
    if isinstance(tree, dict):
        if isinstance(other, dict) and tree.keys() == other.keys():
            return [x for key in tree for x in _like(tree[key], other[key])]
    elif isinstance(tree, (list, tuple)):
        if isinstance(other, (list, tuple)) and len(tree) == len(other):
            return [x for branch, its in zip(tree, other, strict=True) for x in _like(branch, its)]
    elif getattr(tree, "shape", ()) == getattr(other, "shape", ()):
        return _leaves(other)
    raise TypeError(f"tangents must be of the same structure as primals: {_kind(tree)} and {_kind(other)} are not")


def _rebuilt(tree: Any, leaves: Iterator[Any], nested: bool = False) -> Any:
    """The structure of `tree` with other things in the places of its numbers (`nested`: these may be structures)."""
    if isinstance(tree, dict):
        return {key: _rebuilt(branch, leaves, nested) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[_rebuilt(branch, leaves, nested) for branch in tree])
    if isinstance(tree, (list, tuple)):
        return type(tree)(_rebuilt(branch, leaves, nested) for branch in tree)
    if hasattr(tree, "shape") and tree.shape != ():
        import numpy

        items = [next(leaves) for _ in range(tree.size)]
        kind: Any
        if nested and not hasattr(items[0] if items else 0.0, "shape"):
            kind = object if any(isinstance(x, (dict, list, tuple)) or x.__class__ is Value for x in items) else float
        else:
            kind = None if nested else object if any(x.__class__ is Value for x in items) else float
        if kind is object:
            array = numpy.empty(tree.size, dtype=object)
            array[:] = items
            return array.reshape(tree.shape)
        return numpy.array(items, dtype=kind).reshape(*tree.shape, *getattr(items[0] if items else 0, "shape", ()))
    return next(leaves)


def _kind(x: Any) -> str:
    return f"{type(x).__name__} {str(x)[:40]!r}"
