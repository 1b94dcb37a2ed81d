"""What an explanation shows, as plain data: equations of symbols and sentences, in blocks and sections."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from microgradnet.explanation.numbers import bracketed
from microgradnet.explanation.words import Sentence
from microgradnet.notation import Symbol, operation, write

__all__ = [
    "Block", "Equation", "Section", "equation", "factors_of", "partial_letter", "product", "total", "total_letter",
]  # fmt: skip

MOST_TERMS = 8
"""Of a sum of more terms only the first and the last are written."""


class Equation(NamedTuple):
    """left = … = right: the same thing in letters, with numbers put in, and its value; words beside it."""

    sides: tuple[Symbol, ...]
    note: Sentence = ()


Block = tuple["Equation | Sentence", ...]
"""Equations whose signs stand under one another."""


class Section(NamedTuple):
    """A heading (or none) and its blocks; beside it the derivative that it is about, and its number."""

    title: Sentence
    blocks: tuple[Block, ...]
    name: str = ""
    value: float = math.nan


def total_letter(root: Symbol, of: Symbol, ambiguous: bool) -> Symbol:
    """The derivative by all paths: ∂root/∂of, or droot/dof where the former is the derivative by one path alone."""
    return operation("d" if ambiguous else "∂", root, of)


def partial_letter(root: Symbol, of: Symbol) -> Symbol:
    """∂root/∂of."""
    return operation("∂", root, of)


def product(factors: Iterable[Symbol]) -> Symbol:
    """Factors one after the other, as they are."""
    result: Symbol | None = None
    for factor in factors:
        result = factor if result is None else operation("mul", result, factor)
    return Symbol(1.0) if result is None else result


def factors_of(symbol: Symbol) -> list[Symbol]:
    """The factors of a product, one after the other; everything else is one factor."""
    factors: list[Symbol] = []
    while symbol.op == "mul":
        factors.append(symbol.operands[1])
        symbol = symbol.operands[0]
    return [symbol, *reversed(factors)]


def total(terms: list[Symbol]) -> Symbol:
    """Terms one after the other, as they are; of many only the first and the last."""
    shown = terms if len(terms) <= MOST_TERMS else [*terms[:3], Symbol("…"), terms[-1]]
    result = shown[0]
    for term in shown[1:]:
        result = operation("add", result, term)
    return result


def equation(*sides: Symbol, note: Sentence = ()) -> Equation:
    """An equation without sides that say the same as the one before."""
    kept = [bracketed(sides[0])]
    for side in map(bracketed, sides[1:]):
        if write(side) != write(kept[-1]):
            kept.append(side)
    return Equation(tuple(kept), note)
