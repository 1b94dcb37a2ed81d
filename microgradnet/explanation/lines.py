"""The lines that every explanation is made of: a factor, f' of an activation, masks in words, what names stand for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from microgradnet.algebra import letters as letters_in
from microgradnet.algebra import post_order
from microgradnet.explanation.letters import Letters
from microgradnet.explanation.numbers import evaluate, put_in
from microgradnet.explanation.route import Edge
from microgradnet.explanation.sections import Block, Equation, equation, partial_letter
from microgradnet.explanation.words import Sentence, said
from microgradnet.graph import Graph
from microgradnet.notation import Symbol, operation, write
from microgradnet.ops import COMPARISONS
from microgradnet.rules import RESULTS

__all__ = [
    "Numbers",
    "added",
    "definitions",
    "factor_line",
    "masks_of",
    "multiplied",
    "steps_of",
    "value_of",
    "with_legend",
]


class Numbers:
    """The numbers of a Graph by the names of its nodes; rounded after every operation if `rounding` is given."""

    def __init__(self, graph: Graph, letters: Letters, rounding: Callable[[float], float] | None) -> None:
        self.letters, self.rounding = letters, rounding
        self.data = list(graph.data) if rounding is None else _rounded(graph, rounding)
        self.by_name = dict(zip(graph.names, self.data, strict=True))
        self.known: dict[str, float] = {}

    def of(self, symbol: Symbol | None) -> float:
        """The value of a formula."""
        self._know(symbol)
        return evaluate(symbol, self.by_name, self.known, self.rounding)

    def within(self, symbol: Symbol) -> Symbol:
        """The formula with numbers put in."""
        self._know(symbol)
        return put_in(symbol, self.by_name, self.known, self.rounding)

    def _know(self, symbol: Symbol | None) -> None:
        for prime in primes_in(symbol):
            if prime not in self.known and prime in self.letters.primes:
                self.known[prime] = evaluate(self.letters.primes[prime][1], self.by_name, self.known, self.rounding)


def _rounded(graph: Graph, rounding: Callable[[float], float]) -> list[float]:
    data: list[float] = []
    for op, operands, was in zip(graph.operations, graph.operands, graph.data, strict=True):
        if op in COMPARISONS:
            data.append(was)
        else:
            x = [data[o] if o.__class__ is int else o for o in operands]
            data.append(rounding(RESULTS[op](*x) if op else was))
    return data


def primes_in(symbol: Symbol | None) -> list[str]:
    """The derivatives of activations in a formula, by their text, in order of appearance."""
    found = [write(s) for s in post_order([symbol]) if s.op and s.op[-1] == "'"]
    return list(dict.fromkeys(found))


def multiplied(numbers: list[float], rounding: Callable[[float], float]) -> float:
    """The product, rounded after every multiplication."""
    result = numbers[0]
    for x in numbers[1:]:
        result = rounding(result * x)
    return result


def added(numbers: list[float], rounding: Callable[[float], float]) -> float:
    """The sum, rounded after every addition."""
    result = numbers[0]
    for x in numbers[1:]:
        result = rounding(result + x)
    return result


def value_of(edge: Edge, numbers: Numbers) -> float:
    """The number of a factor: the engine's own, or as the rounded formula gives it."""
    if edge.value is None:
        return 0.0
    value = float(edge.value or 0.0)
    if numbers.rounding is None:
        return value
    by_hand = numbers.of(edge.formula)
    return by_hand if math.isfinite(by_hand) else numbers.rounding(value)


def factor_line(letters: Letters, numbers: Numbers, edge: Edge) -> Equation:
    """∂h1/∂w1 = x1 · f'(s1) = -2 · 0.0452 = -0.0904."""
    left = partial_letter(letters.name(edge.top), letters.name(edge.to))
    if (formula := edge.formula) is None:
        return Equation((left, Symbol(0.0)))
    return equation(left, formula, numbers.within(formula), Symbol(value_of(edge, numbers)))


def steps_of(letters: Letters, numbers: Numbers, edges: Iterable[Edge]) -> Block:
    """f'(s1) = h1 (1 - h1) = 0.0474 (1 - 0.0474) = 0.0452, for every such derivative in the formulas."""
    lines: dict[str, Equation] = {}
    for edge in edges:
        for s in post_order([edge.formula]):
            if s.op and s.op[-1] == "'" and (text := write(s)) in letters.primes and text not in lines:
                node, step = letters.primes[text]
                value = numbers.of(s)
                note: Sentence = ()
                if letters.graph.operations[node] in ("relu", "leaky_relu", "elu"):
                    note = _sign(letters, letters.graph.operands[node][0])
                lines[text] = equation(s, step, numbers.within(step), Symbol(value), note=note)
    return tuple(lines.values())


def legend(words: Mapping[str, str]) -> Sentence:
    """What f is, told once before the first f'(s1) = …"""
    s = Symbol("s")
    f, slope = operation("sigmoid", s), operation("sigmoid'", s)
    definition = operation("=", f, 1 / (1 + operation("exp", -s)))
    return said(words["f"], f, definition, operation("=", slope, f * (1 - f)))


def with_legend(blocks: Iterable[Block], words: Mapping[str, str]) -> Iterator[Block]:
    """The blocks, with what f is told before the first derivative of the sigmoid."""
    told = False
    for block in blocks:
        if not told and any(isinstance(line, Equation) and line.sides[0].op == "sigmoid'" for line in block):
            told = True
            yield (legend(words), *block)
        else:
            yield block


def _sign(letters: Letters, o: int | float) -> Sentence:
    """s1 = 2 > 0."""
    x = letters.value(o)
    value = operation("=", letters.operand(o), Symbol(x))
    return said("{} > 0" if x > 0 else "{} < 0" if x < 0 else "{}", value)


def masks_of(letters: Letters, edges: Iterable[Edge], words: Mapping[str, str]) -> list[Sentence]:
    """In words: why nothing is sent along an edge, what a choice took, where there is a kink."""
    graph = letters.graph
    edges = list(edges)
    stopped = dict.fromkeys(mask for edge in edges for mask in edge.masks)
    passed = dict.fromkeys(mask for edge in edges for mask in edge.chosen)
    sentences: dict[int, Sentence] = {}
    for node, place in [*stopped, *passed]:
        op, operands = graph.operations[node], graph.operands[node]
        result, to = letters.formula(node), letters.operand(operands[place])
        value = letters.value(operands[place])
        sends = (node, place) not in stopped
        if op in ("relu", "leaky_relu", "elu", "abs"):
            if value == 0.0:
                slope = Symbol(graph.partials(node)[place] or 0.0)
                sentences[node] = said(words["kink"], result, operation("=", to, Symbol(0.0)), slope)
            elif not sends:
                sentences[node] = said(words["off"], result, operation("=", to, Symbol(value)), to)
        elif op == "where":
            condition, *branches = operands
            if condition.__class__ is int:
                holds = bool(graph.data[condition])
                sentences[node] = said(words["holds" if holds else "holds not"], letters.formula(condition),
                                       letters.operand(branches[not holds]))  # fmt: skip
        elif op in ("maximum", "minimum") and len({letters.value(o) for o in operands}) == 1:
            sentences[node] = said(words["tie"], operation("=", *map(letters.operand, operands)))
        elif op in ("floor", "ceil", "trunc", "round", "sign"):
            sentences[node] = said(words["flat"], result, to)
        elif node not in sentences:
            sentences[node] = said(words["chosen" if sends else "not chosen"], result, to)
    return list(sentences.values())


def definitions(
    letters: Letters, numbers: Numbers, symbols: Iterable[Symbol | None], words: Mapping[str, str]
) -> Block:
    """A line for every name of a computed node in these formulas, and for the names in those lines; in the Graph's
    order: s1 = w1 x1 + w2 x2 + b1 = 1 · (-2) + 1 · (-1) + 0 = -3."""
    graph = letters.graph
    place = {name: n for n, name in enumerate(graph.names)}
    waiting = [name for symbol in symbols for name in letters_in(symbol)]
    most = 40 if len(graph) < 1000 else 12
    met: dict[int, Symbol] = {}
    while waiting and len(met) < most:
        n = place.get(waiting.pop(0), -1)
        if n >= 0 and n not in met and graph.operations[n]:
            met[n] = letters.formula(n)
            waiting += letters_in(met[n])
    lines: list[Equation] = []
    for n in sorted(met):
        lines.append(equation(letters.name(n), met[n], *_numbers_in(numbers, met[n]), Symbol(numbers.data[n])))
    cut = [said(words["definitions left out"])] if waiting else []
    return (*lines, *cut)


def _numbers_in(numbers: Numbers, formula: Symbol) -> list[Symbol]:
    return [] if "…" in letters_in(formula) else [numbers.within(formula)]
