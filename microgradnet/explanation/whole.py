"""The whole backward pass, node by node."""

from __future__ import annotations

from collections.abc import Mapping

from microgradnet.explanation.letters import Letters
from microgradnet.explanation.lines import Numbers, added, masks_of, steps_of, value_of
from microgradnet.explanation.numbers import bracketed
from microgradnet.explanation.route import Edge, route
from microgradnet.explanation.sections import (
    Block,
    Equation,
    equation,
    factors_of,
    partial_letter,
    product,
    total,
)
from microgradnet.explanation.words import Sentence, said
from microgradnet.notation import Symbol, operation

__all__ = ["backward"]

MOST_EDGES, MOST_LEAVES = 120, 24
"""No more lines are written, and no more results below them."""


def backward(letters: Letters, numbers: Numbers, words: Mapping[str, str]) -> list[Block]:
    """The whole backward pass in the engine's order: what every node sends to each operand, and the sums so far."""
    way = route(letters, None)
    root = letters.name(len(letters.graph) - 1)
    counts: dict[int, int] = {}
    for edge in (edge for stop in way.stops for edge in way.edges.get(stop, ()) if edge.value is not None):
        counts[edge.to] = counts.get(edge.to, 0) + 1
    so_far: dict[int, float] = {way.stops[0]: 1.0}
    met: dict[int, int] = {}
    blocks: list[Block] = [(said(words["begin"], partial_letter(root, root)),)]
    written = left_out = 0
    for stop in way.stops:
        out = way.edges.get(stop, [])
        if stop not in so_far:
            if out and written < MOST_EDGES:
                blocks.append((said(words["nothing sent"], letters.name(stop)),))
            continue
        lines: list[Equation | Sentence] = []
        for edge in out:
            if edge.value is None:
                continue
            before = so_far.get(edge.to)
            amount = (numbers.rounding or float)(so_far[stop] * value_of(edge, numbers))
            so_far[edge.to] = amount if before is None else added([before, amount], numbers.rounding or float)
            met[edge.to] = met.get(edge.to, 0) + 1
            if written >= MOST_EDGES:
                left_out += 1
                continue
            written += 1
            place = (met[edge.to], counts[edge.to])
            lines.append(_sent(letters, numbers, edge, so_far[stop], before, so_far[edge.to], place, words))
        if lines or (out and not left_out):
            blocks += [steps_of(letters, numbers, out), tuple(lines), tuple(masks_of(letters, out, words))]
    if left_out:
        blocks.append((said(words["edges left out"], count=left_out),))
        leaves = [n for n in so_far if not letters.graph.operations[n]][:MOST_LEAVES]
        blocks.append(tuple([equation(partial_letter(root, letters.name(n)), Symbol(so_far[n])) for n in leaves]))
    return blocks


def _sent(
    letters: Letters, numbers: Numbers, edge: Edge, upstream: float, before: float | None, after: float,
    place_of: tuple[int, int], words: Mapping[str, str],
) -> Equation:  # fmt: skip
    """∂L/∂x1 = -0.0107 + ∂L/∂h1 · w1 · f'(s1) = -0.0107 - 0.238 · 0.0452 = -0.0215: what is sent, added to the sum so
    far; … where more will come."""
    formula = edge.formula or Symbol(0.0)
    graph, (place, count) = letters.graph, place_of
    root = letters.name(len(graph) - 1)
    local = value_of(edge, numbers)
    amount = (numbers.rounding or float)(upstream * local)
    one = formula.number == 1.0
    if edge.top == len(graph) - 1:
        sides = [formula, numbers.within(formula), Symbol(amount)]
    else:
        up = partial_letter(root, letters.name(edge.top))
        in_numbers = Symbol(amount) if one else operation("mul", Symbol(upstream), Symbol(local))
        sides = [product([up, *([] if one else factors_of(formula))]), in_numbers, Symbol(amount)]
    more = [Symbol("…")] if place < count else []
    start = [] if before is None else [Symbol(before)]
    sums = [bracketed(total([*start, side, *more])) for side in sides]
    if start:
        sums.append(bracketed(total([Symbol(after), *more])))
    note = said(words["use"], place=place, count=count) if count > 1 else ()
    return equation(partial_letter(root, letters.name(edge.to)), *sums, note=note)
