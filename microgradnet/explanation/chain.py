"""One derivative: the chain rule along paths while they are few, and node by node beyond."""

from __future__ import annotations

from collections.abc import Mapping

from microgradnet.explanation.letters import Letters
from microgradnet.explanation.lines import Numbers, added, factor_line, masks_of, multiplied, steps_of, value_of
from microgradnet.explanation.numbers import bracketed
from microgradnet.explanation.route import Edge, Route, ambiguous, count_paths, paths, route
from microgradnet.explanation.sections import (
    MOST_TERMS,
    Block,
    Equation,
    equation,
    partial_letter,
    product,
    total,
    total_letter,
)
from microgradnet.explanation.words import Sentence, said
from microgradnet.notation import Symbol, operation
from microgradnet.ops import COMPARISONS

__all__ = ["chain_rule"]

FEW_PATHS, LONG_PATH, MOST_STOPS = 6, 12, 24
"""More paths, or longer ones, are told node by node; of more nodes only the first and the last."""


def chain_rule(
    letters: Letters, numbers: Numbers, wrt: int, gradient: float, words: Mapping[str, str]
) -> tuple[list[Block], float]:
    """The blocks that derive ∂root/∂wrt: the product or sum of products, each factor, f' of activations, the value."""
    graph = letters.graph
    root, of = letters.name(len(graph) - 1), letters.name(wrt)
    whole = partial_letter(root, of)
    way = route(letters, wrt)
    if wrt == len(graph) - 1:
        return [(Equation((whole, Symbol(1.0)), said(words["itself"], root)),)], 1.0
    count = count_paths(way)
    if not count:
        zero = operation("=", whole, Symbol(0.0))
        conditions = any(op in COMPARISONS and wrt in operands
                         for op, operands in zip(graph.operations, graph.operands, strict=True))  # fmt: skip
        said_so = (said(words["condition only"], of, zero) if conditions
                   else said(words["no path"], of, root, zero))  # fmt: skip
        return [(said_so,)], 0.0
    if count <= FEW_PATHS and max(map(len, (all_paths := list(paths(way))))) <= LONG_PATH:
        return _by_paths(letters, numbers, way, all_paths, whole, words), gradient
    return _by_nodes(letters, numbers, way, count, words), gradient


def _by_paths(
    letters: Letters, numbers: Numbers, way: Route, all_paths: list[list[Edge]], whole: Symbol, words: Mapping[str, str]
) -> list[Block]:
    def factor(edge: Edge) -> Symbol:
        return partial_letter(letters.name(edge.top), letters.name(edge.to))

    blocks: list[Block] = []
    if len(all_paths) > 1:
        of = letters.name(all_paths[0][-1].to)
        sentences = [said(words["paths"], of, paths=len(all_paths))]
        if ambiguous(way) & {way.wrt}:
            direct, whole = whole, total_letter(whole.operands[0], of, True)
            sentences.append(said(words["total"], whole, direct))
        blocks.append(tuple(sentences))
    alone = len(all_paths) == 1 and len(all_paths[0]) == 1
    if not alone:
        blocks.append((Equation((whole, total([product(map(factor, path)) for path in all_paths]))),))
    used = list(dict.fromkeys(edge for path in all_paths for edge in path))
    blocks.append(tuple([factor_line(letters, numbers, edge) for edge in used]))
    blocks += [steps_of(letters, numbers, used), tuple(masks_of(letters, used, words))]
    if alone:
        return blocks
    rounding = numbers.rounding or float
    open_paths = [path for path in all_paths if all(edge.value is not None for edge in path)]
    factors = [[value_of(edge, numbers) for edge in path] for path in open_paths]
    products = [multiplied(p, rounding) for p in factors]
    sides = [whole]
    if open_paths:
        sides.append(bracketed(total([product(map(Symbol, p)) for p in factors])))
    if len(open_paths) > 1:
        sides.append(bracketed(total(list(map(Symbol, products)))))
    sides.append(Symbol(added(products, rounding) if products else 0.0))
    blocks.append((equation(*sides),))
    return blocks


def _by_nodes(letters: Letters, numbers: Numbers, way: Route, count: int, words: Mapping[str, str]) -> list[Block]:
    graph = letters.graph
    root = letters.name(len(graph) - 1)
    into: dict[int, list[Edge]] = {}
    for stop in way.stops:
        for edge in way.edges.get(stop, ()):
            into.setdefault(edge.to, []).append(edge)
    wrt = way.wrt or 0
    reaching = _reaching(way, into, wrt)
    stops = [stop for stop in way.stops[1:] if stop in reaching]
    so_far: dict[int, float] = {way.stops[0]: 1.0}
    rounding = numbers.rounding or float
    blocks: list[Block] = []
    many = str(count) if count < 10**6 else "10⁶ +"
    if count > 1:
        blocks.append((said(words["node by node"], root, letters.name(wrt), paths=many),))
    twofold = ambiguous(way) & reaching
    if twofold:
        of = letters.name(min(twofold))
        blocks.append((said(words["total"], total_letter(root, of, True), partial_letter(root, of)),))
    left_out = len(stops) - MOST_STOPS
    for place, stop in enumerate(stops):
        sent = [edge for edge in into[stop] if edge.value is not None and edge.top in so_far]
        each = [rounding(so_far[edge.top] * value_of(edge, numbers)) for edge in sent]
        if each:
            so_far[stop] = added(each, rounding)
        if left_out > 0 and MOST_STOPS // 2 <= place < len(stops) - MOST_STOPS // 2:
            if place == MOST_STOPS // 2:
                blocks.append((said(words["left out"], count=left_out),))
            continue
        blocks += _node(letters, numbers, stop, into[stop], sent, so_far, twofold, words)
    return blocks


def _reaching(way: Route, into: Mapping[int, list[Edge]], wrt: int) -> set[int]:
    reaching, waiting = {wrt}, [wrt]
    while waiting:
        for edge in into.get(waiting.pop(), ()):
            if edge.top not in reaching:
                reaching.add(edge.top)
                waiting.append(edge.top)
    return reaching


def _node(
    letters: Letters, numbers: Numbers, stop: int, into: list[Edge], sent: list[Edge], so_far: Mapping[int, float],
    twofold: set[int], words: Mapping[str, str],
) -> list[Block]:  # fmt: skip
    """∂root/∂stop as the sum over what reads the stop, each term with its factor above."""
    top = len(letters.graph) - 1
    root = letters.name(top)
    shown = into if len(into) <= MOST_TERMS else [*into[:3], into[-1]]
    lines: list[Equation | Sentence] = [factor_line(letters, numbers, edge) for edge in shown]
    steps, masks = steps_of(letters, numbers, shown), tuple(masks_of(letters, shown, words))
    if len(into) == 1 and into[0].top == top:
        return [steps, tuple(lines), masks]
    left = total_letter(root, letters.name(stop), stop in twofold)
    if not sent:
        return [steps, (*lines, Equation((left, Symbol(0.0)))), masks]

    def term(edge: Edge) -> Symbol:
        own = partial_letter(letters.name(edge.top), letters.name(edge.to))
        return (
            own if edge.top == top else product([total_letter(root, letters.name(edge.top), edge.top in twofold), own])
        )

    def amount(edge: Edge) -> Symbol:
        own = Symbol(value_of(edge, numbers))
        return own if edge.top == top else product([Symbol(so_far[edge.top]), own])

    note = said(words["uses"], count=len(into)) if len(into) > MOST_TERMS else ()
    sides = [total(list(map(term, sent))), bracketed(total(list(map(amount, sent)))), Symbol(so_far[stop])]
    return [steps, (*lines, equation(left, *sides, note=note)), masks]
