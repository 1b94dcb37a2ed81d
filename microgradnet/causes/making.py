"""How a computation by hand is changed at one site: something new for operands, constants, operations or results.

A change is a function of a `Replay`, so that it is made anew at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from microgradnet.causes.replay import Replay, Rule, Site, computed

__all__ = ["Apply", "Two", "after", "computing", "has_constant", "is_in", "named", "putting", "reading", "size"]

Two = Callable[[float, float], float]
"""A number made of a number x and the number v that belongs to it."""

Beside = Callable[[Replay, int], float | None]
"""The v that belongs to the element of this index; None where there is none."""

Apply = Callable[[Replay], Any]
"""A change made: the elements of the changed derivative, None where it cannot be made."""


def _nothing(replay: Replay, index: int) -> float:
    """For what is made of x alone."""
    return 0.0


def named(name: str) -> Beside:
    """The number of this name, or the element of its array."""
    return lambda replay, index: replay.number(name, index)


def size(name: str) -> Beside:
    """The whole number of this name."""
    return lambda replay, index: replay.point.sizes.get(name)


# --- operands and constants -------------------------------------------------------------------------------------------


def reading(site: Site, got: str, slot: int | None, new: Two, beside: Beside = _nothing) -> Apply:
    """Something new is put where the rows of a site read a variable, as any operand or as that of this number."""

    def rule_for(replay: Replay, row: int) -> Rule | None:
        c, elements = replay.computation, replay.computation.reads.get(got, {})
        read = {k: beside(replay, elements[o]) for k, o in enumerate(c.operands[row])
                if is_in(o, elements) and slot in (None, k)}  # fmt: skip
        return _substituting(c.ops[row], new, read) if read else None

    return _rows(site, rule_for)


def is_in(operand: Any, elements: Mapping[int, int]) -> bool:
    """Whether an operand is one of these rows; a constant is none."""
    return operand.__class__ is int and operand in elements


def putting(site: Site, slot: int, new: Two, beside: Beside = _nothing) -> Apply:
    """Something new is put where the rows of a site have a constant."""

    def rule_for(replay: Replay, row: int) -> Rule | None:
        c = replay.computation
        if not has_constant(c.operands[row], slot):
            return None
        return _substituting(c.ops[row], new, {slot: beside(replay, replay.rank(site, row))})

    return _rows(site, rule_for)


def has_constant(operands: tuple[Any, ...], slot: int) -> bool:
    """Whether this operand is a constant."""
    return len(operands) > slot and operands[slot].__class__ is float


def _substituting(op: str, new: Two, beside: dict[int, float | None]) -> Rule:
    """Some operands x of an operation, each with its v, become new ones."""

    def rule(operands: list[float]) -> float | None:
        put = list(operands)
        for slot, v in beside.items():
            if v is None:
                return None
            put[slot] = new(operands[slot], v)
        return computed(op, put)

    return rule


# --- operations and their results -------------------------------------------------------------------------------------


def computing(site: Site, op: str, rule: Rule) -> Apply:
    """What an operation at a site gives is computed otherwise."""
    return _rows(site, lambda replay, row: rule if replay.computation.ops[row] == op else None)


def _rows(site: Site, rule_for: Callable[[Replay, int], Rule | None]) -> Apply:
    """The rows of a site get rules of their own, where there are some."""

    def apply(replay: Replay) -> Any:
        rules = {row: rule for row in replay.rows_at(site) if (rule := rule_for(replay, row)) is not None}
        return replay.run(rules) if rules else None

    return apply


def after(site: Site, new: Two, name: str | None = None) -> Apply:
    """Something is done to the results of a site."""

    def apply(replay: Replay) -> Any:
        rows = replay.results_at(site)
        beside = _along(replay, site, name) if rows else None
        if beside is None:
            return None
        ops = replay.computation.ops
        return replay.run({row: _then(ops[row], new, float(beside[replay.rank(site, row)])) for row in rows})

    return apply


def _along(replay: Replay, site: Site, name: str | None) -> Any:
    """A number of the name for every row of a site, in their order; None where it has none. Without a name: zeros."""
    import numpy

    total, shape = replay.totals[site], replay.point.autograd.shape
    array = numpy.zeros(()) if name is None else replay.point.values.get(name)
    if array is None:
        return None
    if array.ndim == 0:
        return numpy.broadcast_to(array, (total,))
    if array.size != total:
        try:
            array = numpy.broadcast_to(array, shape)
        except ValueError:
            return None
    return array.reshape(-1) if array.size == total else None


def _then(op: str, new: Two, v: float) -> Rule:
    return lambda operands: new(computed(op, operands), v)
