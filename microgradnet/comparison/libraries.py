"""Derivatives by PyTorch and by JAX: a graph is computed anew there, in double precision, and differentiated by them.

Each row of the table is written once in the library's dialect of `notation`, so the user's own code is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial, reduce
from importlib import import_module
from operator import add
from types import ModuleType
from typing import Any, NamedTuple

from microgradnet.dialects import JAX, TORCH
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.notation import SYMBOLS, Dialect, Symbol
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import function_source, statements

__all__ = ["LIBRARIES", "Library", "derivatives", "written"]

Pair = tuple[int, int]
"""The places of A and B in ∂A/∂B."""


class Library(NamedTuple):
    """What is done in a library's own way: its `name` in Python, what people call it (`title`), the `modules` that are
    imported, the `dialect` in which a row is written, and on the library's numbers the `peak` (the largest of several,
    a number without a derivative), the `plain` float that one is, and the `derivatives` of a graph for pairs."""

    name: str
    title: str
    modules: tuple[str, ...]
    dialect: Dialect
    peak: Callable[[Any, tuple[Any, ...]], Any]
    plain: Callable[[Any], float]
    derivatives: Callable[[Library, Any, Graph, list[Pair]], dict[Pair, float]]


def derivatives(library: str, graph: Graph, wanted: Iterable[Pair]) -> dict[Pair, float]:
    """∂A/∂B for each pair of places (A, B), by the library's own automatic differentiation, in float64.

    Raises InputError where the library is not installed, or has no function for an operation of the graph.
    """
    chosen = LIBRARIES[library]
    return chosen.derivatives(chosen, _installed(chosen), graph, list(dict.fromkeys(wanted)))


def _installed(library: Library) -> Any:
    try:
        module, *_ = map(import_module, library.modules)
        return module
    except ImportError:
        raise InputError(
            f"sources: {library.name!r} ({library.title}) is not installed; pip install 'microgradnet[{library.name}]'"
        ) from None


# --- PyTorch --------------------------------------------------------------------------------------------------------


def _by_torch(library: Library, torch: Any, graph: Graph, pairs: list[Pair]) -> dict[Pair, float]:
    def number(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64)

    functions = _Functions(library, torch)
    with torch.enable_grad():
        nodes = _computed(
            graph,
            functions,
            leaf=lambda place: number(graph.data[place]).requires_grad_(True),
            constant=number,
            condition=lambda x: torch.tensor(bool(x)),
        )
        found: dict[Pair, float] = {}
        for of in dict.fromkeys(of for of, _ in pairs):
            places = [by for a, by in pairs if a == of and nodes[by].requires_grad]
            answers: Iterable[Any] = ()
            if places and nodes[of].requires_grad:
                inputs = [nodes[by] for by in places]
                answers = torch.autograd.grad(nodes[of], inputs, retain_graph=True, allow_unused=True)
            for by, answer in zip(places, answers, strict=False):
                found[of, by] = 0.0 if answer is None else float(answer)
    return {pair: found.get(pair, 0.0) for pair in pairs}


def _torch_plain(x: Any) -> float:
    return float(x.detach()) if hasattr(x, "detach") else float(x)


def _torch_peak(torch: Any, x: tuple[Any, ...]) -> float:
    return max(map(_torch_plain, x))


# --- JAX --------------------------------------------------------------------------------------------------------------


def _by_jax(library: Library, jax: Any, graph: Graph, pairs: list[Pair]) -> dict[Pair, float]:
    # double precision in this thread and for this block only; before jax 0.8 it stood in jax.experimental
    home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    with home.enable_x64(True):
        double = jax.numpy.float64
        leaves = [place for place, op in enumerate(graph.operations) if not op]
        inner = [by for by in dict.fromkeys(by for _, by in pairs) if graph.operations[by]]
        roots = list(dict.fromkeys(of for of, _ in pairs))
        functions = _Functions(library, jax)

        def outputs(numbers: list[Any], beside: list[Any]) -> list[Any]:
            given = dict(zip(leaves, numbers, strict=True))
            nodes = _computed(
                graph,
                functions,
                leaf=given.__getitem__,
                constant=double,
                condition=bool,
                nudged=dict(zip(inner, beside, strict=True)),  # ∂A/∂B is that by a zero which is added to B
            )
            return [nodes[of] for of in roots]

        start = [double(graph.data[place]) for place in leaves], [double(0.0) for _ in inner]
        _, pull = jax.vjp(outputs, *start)
        found: dict[Pair, float] = {}
        for row, of in enumerate(roots):
            of_leaves, of_inner = pull([double(float(i == row)) for i in range(len(roots))])
            adjoints = dict(zip([*leaves, *inner], [*of_leaves, *of_inner], strict=True))
            found |= {(a, by): float(adjoints[by]) for a, by in pairs if a == of}
        return found


def _jax_peak(jax: Any, x: tuple[Any, ...]) -> Any:
    return reduce(jax.numpy.maximum, [jax.lax.stop_gradient(v) for v in x])


# --- a graph on tensors -----------------------------------------------------------------------------------------------


def _computed(
    graph: Graph,
    functions: _Functions,
    *,
    leaf: Callable[[int], Any],
    constant: Callable[[float], Any],
    condition: Callable[[float], Any],
    nudged: Mapping[int, Any] | None = None,
) -> list[Any]:
    """Every node's value computed anew with the functions of a library."""
    nodes: list[Any] = []
    for place, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        if not op:
            node = leaf(place)
        elif op in COMPARISONS:
            node = COMPARISONS[op][1](*[nodes[o] if o.__class__ is int else constant(o) for o in operands])
        elif op not in TABLE:
            raise InputError(f"sources: {functions.library.name!r} has no function for {graph.names[place]} ({op})")
        else:
            row = TABLE[op]
            letters = row.operands if not row.variadic else ("",) * len(operands)
            arguments = [
                nodes[o] if o.__class__ is int
                else condition(o) if op == "where" and letter == "c"
                else o if letter in row.constants or row.variadic else constant(o)
                for letter, o in zip(letters, operands, strict=False)
            ]  # fmt: skip
            if op in ("take", "softmax"):  # the place is a whole number, not a tensor
                place_of = operands[-1]
                arguments[-1] = graph.data[place_of] if place_of.__class__ is int else place_of
            node = getattr(functions, op)(*arguments)
        nodes.append(node + nudged[place] if nudged and place in nudged else node)
    return nodes


class _Functions:
    """The functions of the table on the numbers of a library."""

    def __init__(self, library: Library, module: Any) -> None:
        self.library, self.module, self.plain = library, module, library.plain

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in TABLE:
            raise AttributeError(name)
        if name == "logsumexp":
            return self._logsumexp
        row = TABLE[name]
        return partial(row.value, self) if row.variadic else _function(self.library.name, name)

    def peak(self, x: tuple[Any, ...]) -> Any:
        """The largest operand as a number without a derivative."""
        return self.library.peak(self.module, x)

    def _logsumexp(self, *x: Any) -> Any:
        peak = self.peak(x)  # the table's own takes the largest out of the sum, and leaves its derivative to the rule
        return peak + self.log(reduce(add, [self.exp(v - peak) for v in x]))


@cache
def _function(library: str, name: str) -> Callable[..., Any]:
    """A row of the table as a function on a library's numbers."""
    namespace: dict[str, ModuleType] = {library: import_module(library)}
    functions: dict[str, Callable[..., Any]] = {}
    code = compile(written(name, LIBRARIES[library].dialect), f"<microgradnet {name} on {library}>", "exec")
    exec(code, dict(namespace), functions)
    return functions[name]


def written(name: str, dialect: Dialect) -> str:
    """A row of the table, of a fixed number of operands, as the text of a function in a dialect.

    >>> print(written("hypot", TORCH), end="")
    def hypot(a, b):
        y = torch.hypot(a, b)
        return y
    """
    row = TABLE[name]
    result = getattr(_Written(dialect), name)(*map(Symbol, row.operands))
    return function_source(name, row.operands, [*statements({"y": result}, dialect), "return y"])


class _Written:
    """The functions of the table on symbols; those that the dialect cannot spell are written over others."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in TABLE and name not in self._dialect:
            value: Callable[..., Any] = TABLE[name].value
            return lambda *operands: value(self, *operands)
        function: Callable[..., Any] = getattr(SYMBOLS, name)
        return function


LIBRARIES = {
    library.name: library
    for library in (
        Library("torch", "PyTorch", ("torch",), TORCH, _torch_peak, _torch_plain, _by_torch),
        Library("jax", "JAX", ("jax", "jax.scipy.special"), JAX, _jax_peak, float, _by_jax),
    )
}
"""The sources that are libraries."""
