"""The derivative of an expression as a formula: `derivative`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from microgradnet.algebra import operations_in, post_order, rebuild, simplify_all, size
from microgradnet.errors import InputError
from microgradnet.explanation import writing
from microgradnet.explanation.letters import FEW, INDEXED, formula_of, graph_of, partials_of, place_of, share_of
from microgradnet.explanation.numbers import Partial, evaluate
from microgradnet.explanation.sections import Equation
from microgradnet.explanation.words import words_of
from microgradnet.graph import Graph
from microgradnet.notation import Symbol, operation, write
from microgradnet.ops import COMPARISONS
from microgradnet.value import Value, number

__all__ = ["Derivative", "derivative"]

ONE_LINE = 40
"""A formula of at most so many operations is written as one, a longer one in steps of about half that."""

WRITTEN = 20_000
"""Formulas of more operations than this are not written, only computed with."""

LINES = 60
"""Of more steps only the first and the last are written."""


MOST_TIMES = 9
"""How often one can differentiate; the formula of the tenth derivative is no reading."""

DIGITS = 6
"""Numbers in a formula have at most so many digits."""


def derivative(
    value: Value, wrt: Any, *, expand: bool = False, symbols: Mapping[str, str] | None = None, language: str = "en"
) -> Derivative:
    """The derivative of `value` by `wrt` as a formula in the letters of the graph.

    `wrt`: a Value of the graph or its name; of a tuple it is the derivative by each in turn, (x, x) the second one.
    Values that have a label stay letters, and lines below say what they are; `expand` writes all over the leaves.
    `symbols`: how functions are called, such as {"sigmoid": "f"}. What would be too long a formula comes in steps
    t1, t2 …; beyond 20,000 operations it is only computed with.

    A choice (`where`, `relu`, `maximum` …) stays one, so the formula is right also where another branch is taken.
    An operation of one's own is asked for its partials at the numbers of the graph.
    Raises InputError for a `wrt` that is not in the graph, TypeError for what is no Value.

    >>> from microgradnet import Value
    >>> x, y = Value(3.0, "x"), Value(2.0, "y")
    >>> slope = derivative(x * x * y + x.exp(), x)
    >>> print(slope)
    2 x y + exp(x)
    >>> slope.at(x=0.0)
    1.0
    >>> print(derivative(x * x * y, (x, y)))
    2 x
    """
    words_of(language)
    graph = graph_of(value, "derivative")
    places = [place_of(graph, w) for w in (wrt if isinstance(wrt, (tuple, list)) else (wrt,))]
    if not 1 <= len(places) <= MOST_TIMES:
        raise InputError(f"wrt wants 1 to {MOST_TIMES} Values or names to differentiate by, got {len(places)}")
    nodes = _in_letters(graph)
    root = nodes[-1]
    for place in places:
        root = _differentiated(root, nodes[place], graph)
    named = {} if expand else {
        id(nodes[n]): graph.names[n] for n, label in enumerate(graph.labels) if label and graph.operations[n]
    }  # fmt: skip
    named |= {id(nodes[place]): graph.names[place] for place in places if graph.operations[place]}
    return Derivative(graph, tuple(places), root, named, symbols or {}, language)


def _in_letters(graph: Graph) -> list[Symbol]:
    """Every node as an expression over the leaves; what is shared in the Graph is shared here."""
    nodes: list[Symbol] = []
    for n, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        if not op:
            nodes.append(Symbol(graph.names[n]))
            continue
        inside = [nodes[o] if o.__class__ is int else Symbol(o) for o in operands]
        if op in INDEXED:
            last = operands[-1]
            inside[-1] = Symbol(graph.data[last] if last.__class__ is int else last)
        nodes.append(formula_of(op, inside))
    return nodes


class _Sent:
    """A partial, which Graph.reverse multiplies by what comes from above: a choice sends it, or nothing."""

    __slots__ = ("partial",)

    def __init__(self, partial: Symbol) -> None:
        self.partial = partial

    def __mul__(self, upstream: _Adjoint) -> _Adjoint:
        sent = _through(self.partial, upstream.symbol)
        assert sent is not None  # Graph.reverse asks only where something is sent
        return _Adjoint(sent)


class _Adjoint:
    """What arrives at a node; as Graph.reverse meets the uses of a node from the last to the first, so they are added
    from the right."""

    __slots__ = ("symbol",)

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol

    def __add__(self, sent: _Adjoint) -> _Adjoint:
        return _Adjoint(operation("add", sent.symbol, self.symbol))


def _through(partial: Symbol | None, upstream: Symbol) -> Symbol | None:
    if partial is None:
        return None
    if partial.number == 1.0:
        return upstream
    if partial.op == "where" and _selects(partial):
        condition, a, b = partial.operands
        return operation("where", condition, _through(a, upstream), _through(b, upstream))
    return partial if upstream.number == 1.0 else operation("mul", partial, upstream)


def _selects(partial: Symbol | None) -> bool:
    return partial is None or (partial.op == "where" and any(map(_selects, partial.operands[1:])))


def _differentiated(root: Symbol, by: Symbol, graph: Graph) -> Symbol:
    """The derivative of an expression by a part of it: the chain rule over the expression itself."""
    order = post_order([root])
    place = {id(s): n for n, s in enumerate(order)}
    if id(by) not in place:
        return Symbol(0.0)
    way = [False] * len(order)
    way[place[id(by)]] = True
    columns = object.__new__(Graph)  # flat columns are all that the chain rule reads
    columns.operations = tuple([s.op for s in order])
    columns.operands = tuple(
        [tuple([0.0 if o is None else place[id(o)] for o in s.operands]) if s.op else () for s in order]
    )
    for n, operands in enumerate(columns.operands):
        silent = order[n].op in COMPARISONS or order[n].op in ("is_zero", "peak")
        way[n] = way[n] or (not silent and any(o.__class__ is int and way[o] for o in operands))
    leaves = dict(zip(graph.names, graph.data, strict=True))

    def partials(n: int) -> tuple[Any, ...]:
        s = order[n]
        if not way[n] or s is by or s.op in COMPARISONS or s.op in ("is_zero", "peak"):
            return (None,) * len(s.operands)
        if isinstance(s.op, Partial):
            raise InputError(f"{s.op.of} has no derivative of its derivative in letters: write its partials with "
                             "operators and microgradnet's functions")  # fmt: skip
        told = partials_of(s.op, s, list(s.operands), lambda: tuple([evaluate(o, leaves) for o in s.operands]))
        return tuple([_Sent(p) if p is not None and o.__class__ is int and way[o] else None
                      for o, p in zip(columns.operands[n], told, strict=True)])  # fmt: skip

    adjoint = columns.reverse(partials, _Adjoint(Symbol(1.0)))[place[id(by)]]
    return Symbol(0.0) if adjoint is None else adjoint.symbol


class Derivative:
    """A derivative as a formula. `print` it; `latex()` and `mathml()` are its other forms; `at(…)` is its number.

    `steps`: the names in the formula and what they stand for, in the order in which they are computed.
    """

    __slots__ = ("_functions", "_graph", "_language", "_raw", "expression", "of", "operations", "steps", "wrt")

    def __init__(
        self, graph: Graph, places: tuple[int, ...], raw: Symbol, named: Mapping[int, str],
        functions: Mapping[str, str], language: str,
    ) -> None:  # fmt: skip
        self._graph, self._raw, self._functions, self._language = graph, raw, dict(functions), language
        self.of, self.wrt = graph.names[-1], tuple([graph.names[place] for place in places])
        self.operations = operations_in(raw)
        self.expression: Symbol | None = None
        self.steps: tuple[tuple[str, Symbol], ...] = ()
        if self.operations <= WRITTEN:
            self.expression, self.steps = _written(raw, named, set(graph.names))

    def at(self, numbers: Mapping[Any, float] | None = None, /, **named: float) -> float:
        """The number at these leaves; a leaf that is not given has the number that it has in the graph.

        Leaves by name, or by Value in a dict. By the float rules of the table: never raises for arithmetic.
        InputError for what is no leaf of the graph.
        """
        columns = zip(self._graph.names, self._graph.operations, self._graph.data, strict=True)
        leaves = {name: x for name, op, x in columns if not op}
        for key, x in {**(numbers or {}), **named}.items():
            place = self._graph.number(key)
            name = self._graph.names[place]
            if name not in leaves:
                raise InputError(f"{name!r} is computed by {self._graph.operations[place]}, not a leaf")
            plain = number(x)
            if plain is NotImplemented:
                raise TypeError(f"at wants a number for {name!r}, got {type(x).__name__}")
            leaves[name] = plain
        return evaluate(self._raw, leaves)

    __call__ = at

    def __str__(self) -> str:
        dialect = writing.reading(DIGITS, self._functions)
        if self.expression is None:
            return self._too_long()
        lines = list(writing.folded(write(self.expression, dialect), "    "))
        start = words_of(self._language)["where"] + " "
        for place, (name, step) in enumerate(self._shown()):
            text = f"{dialect.letter(name)} = {write(step, dialect)}" if name else write(step, dialect)
            lines += writing.folded((" " * len(start) if place else start) + text, " " * (len(start) + 4))
        return "\n".join(lines)

    __repr__ = __str__

    def latex(self) -> str:
        """LaTeX: the formula, or an `aligned` environment with the steps below it, to stand between $$ and $$."""
        dialect = writing.latex(DIGITS, self._functions)
        if self.expression is None:
            return rf"\text{{{self._too_long()}}}"
        whole = operation("=", self._letter(), self.expression)
        if not self.steps:
            return write(whole, dialect)
        rows = [rf"{write(self._letter(), dialect)} &= {write(self.expression, dialect)}"]
        rows += [rf"{dialect.letter(name) if name else ''} &= {write(step, dialect)}" for name, step in self._shown()]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def mathml(self) -> str:
        """A <math> element, which browsers show without any script."""
        dialect = writing.mathml(DIGITS, self._functions)
        if self.expression is None:
            return f'<math display="block"><mtext>{self._too_long()}</mtext></math>'
        lines = [(self._letter(), self.expression), *((Symbol(name or " "), step) for name, step in self._shown())]
        return writing.mathml_table([Equation(sides) for sides in lines], dialect)

    def _repr_markdown_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    def _letter(self) -> Symbol:
        """∂L/∂w1, or ∂²L/∂w1∂w2."""
        if len(self.wrt) == 1:
            return operation("∂", Symbol(self.of), Symbol(self.wrt[0]))
        return operation(f"∂{len(self.wrt)}", Symbol(self.of), *map(Symbol, self.wrt))

    def _too_long(self) -> str:
        return words_of(self._language)["too long"].replace("{count}", str(self.operations))

    def _shown(self) -> list[tuple[str, Symbol]]:
        """The steps; of many the first and the last, and between them how many are left out."""
        if len(self.steps) <= LINES:
            return list(self.steps)
        left_out = words_of(self._language)["steps left out"].replace("{count}", str(len(self.steps) - LINES))
        return [*self.steps[: LINES // 2], ("", Symbol(left_out)), *self.steps[-LINES // 2 :]]


def _written(raw: Symbol, named: Mapping[int, str], taken: set[str]) -> tuple[Symbol, tuple[tuple[str, Symbol], ...]]:
    """The formula, simplified, and the steps: what has a name in the graph, and what is too long or stands in several
    places."""
    plain, kept = _for_reading(raw, named)
    order = post_order([plain])
    apart = set(kept)
    if size(_cut(plain, kept), ONE_LINE + 1) > ONE_LINE:
        apart |= _long_or_shared(order, apart)
    roots = [s for s in order if id(s) in apart and s is not plain]
    *simple, result = simplify_all([*roots, plain], apart)
    assert result is not None
    fresh = _fresh(taken)
    names: dict[int, str] = {}
    for was, now in zip(roots, simple, strict=True):
        if now is not None and now.op and id(now) not in names:
            names[id(now)] = kept.get(id(was)) or ""
    written: dict[int, Symbol] = {}
    steps: list[tuple[str, Symbol]] = []
    for s in post_order([result]):
        made = operation(s.op, *[None if o is None else written[id(o)] for o in s.operands]) if s.op else s
        if id(s) in names and s is not result:
            name = names[id(s)] or next(fresh)
            steps.append((name, made))
            made = Symbol(name)
        written[id(s)] = made
    return written[id(result)], tuple(steps)


def _fresh(taken: set[str]) -> Iterator[str]:
    """t1, t2 …, or t_1, t_2 … where the graph has such names."""
    stem = "t"
    while any(re.fullmatch(rf"{stem}\d+", name) for name in taken):
        stem += "_"
    count = 0
    while True:
        count += 1
        yield f"{stem}{count}"


def _cut(root: Symbol, kept: Mapping[int, str]) -> Symbol:
    """The formula with letters for what has a name."""
    return rebuild(root, lambda s, operands: Symbol(kept[id(s)]) if id(s) in kept and s is not root
                   else operation(s.op, *operands) if s.op else s) or root  # fmt: skip


def _long_or_shared(order: list[Symbol], apart: set[int]) -> set[int]:
    uses: dict[int, int] = {}
    for s in order:
        for o in s.operands if s.op else ():
            uses[id(o)] = uses.get(id(o), 0) + 1
    lengths: dict[int, int] = {}
    found: set[int] = set()
    for s in order:
        if not s.op:
            lengths[id(s)] = 0
            continue
        length = 1 + sum(lengths.get(id(o), 0) for o in s.operands if o is not None)
        shared = uses.get(id(s), 0) > 1 and length > 1 and s.op not in COMPARISONS
        if id(s) in apart or shared or length > ONE_LINE // 2:
            found.add(id(s))
            length = 0
        lengths[id(s)] = length
    return found


def _for_reading(root: Symbol, named: Mapping[int, str]) -> tuple[Symbol, dict[int, str]]:
    """Without what only keeps floats from 0/0 and from overflow; and the names of what is there now."""
    names: dict[int, str] = {}
    changed: dict[int, Symbol | None] = {}
    for s in post_order([root]):
        operands = tuple([None if o is None else changed[id(o)] for o in s.operands]) if s.op else ()
        same = all(a is b for a, b in zip(operands, s.operands, strict=True)) if s.op else True
        now = _readable(s if same else operation(s.op, *operands))
        changed[id(s)] = now
        if id(s) in named and now is not None:
            names[id(now)] = named[id(s)]
    return changed[id(root)] or root, names


def _readable(s: Symbol) -> Symbol | None:
    """exp(x - peak) without the peak; softmax of a few written out; a choice that decides on one point only, made."""
    if s.op == "sub" and s.operands[1].op == "peak":
        return s.operands[0]  # type: ignore[no-any-return]
    if s.op == "softmax" and len(s.operands) <= FEW + 1:
        return share_of(list(s.operands[:-1]), int(s.operands[-1].number or 0))
    if s.op == "where" and None in s.operands:
        s = operation("where", *[0.0 if o is None else o for o in s.operands])
    if s.op == "where" and s.operands[0].op == "le":
        left, right = s.operands[0].operands
        if right.number == 0.0 and left.op in ("abs", "hypot", "exp"):
            return s.operands[2]  # type: ignore[no-any-return]
    return s
