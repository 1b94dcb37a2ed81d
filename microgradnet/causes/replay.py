"""A computation by hand run again, as it was or with some of its rows computed otherwise.

Every row of the computation knows where in the source it was made; `Replay` finds the rows of such a site.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from microgradnet.causes.facts import Computation, Point, agree
from microgradnet.ops import COMPARISONS
from microgradnet.rules import RESULTS

__all__ = ["EVERYWHERE", "MANY", "Replay", "Rule", "Site", "computed", "constants_at"]

FEW, MANY = 8, 64
"""So many elements of an array are computed anew for each trial; and so many, before a change is believed."""

Site = tuple[str, Hashable]
"""Rows that belong together: ("at", place) for those that were made exactly there, ("in", place) for those that were
made in a call there."""

Rule = Callable[[list[float]], float | None]
"""How a row is computed from its operands; None where that cannot be done."""


EVERYWHERE: Site = ("everywhere", None)
"""The site of all rows."""


class Replay:
    """A point's computation, restricted to a few elements of the derivative, with its rows by site.

    `picks`: the elements, as flat indices. `rows`: what they are computed from. `totals`: how many rows each site has,
    also among those left out. `sites`: in the order in which they are to be looked at.
    """

    def __init__(self, point: Point, elements: int = FEW) -> None:
        assert point.computation is not None
        self.point, self.computation = point, point.computation
        self.picks = _picks(point, self.computation, elements)
        self.rows = _ancestors(self.computation, self.picks)
        self.totals, self._ranks = _count(self.computation)
        self._truth, self._tolerance = (a.reshape(-1)[self.picks] for a in (point.autograd, point.tolerance))
        self._by_site: dict[Site, list[int]] = {}
        for row in self.rows:
            for site in _sites(self.computation, row):
                self._by_site.setdefault(site, []).append(row)
        self.sites = sorted(self._by_site, key=self._depth)
        self._by_site[EVERYWHERE] = [row for row in self.rows if self.computation.ops[row]]

    def run(self, rules: Mapping[int, Rule]) -> Any:
        """The elements, with some rows computed by other rules; None where that cannot be done."""
        import numpy

        c = self.computation
        new: dict[int, float] = {}
        for row in self.rows:
            if not c.ops[row]:
                new[row] = c.data[row]
                continue
            operands = [new[o] if o.__class__ is int else o for o in c.operands[row]]
            rule = rules.get(row)
            try:
                number = computed(c.ops[row], operands) if rule is None else rule(operands)
            except (ArithmeticError, ValueError, IndexError):
                return None
            if number is None:
                return None
            new[row] = number
        return numpy.array([new[c.outputs[i]] - c.offset[i] for i in self.picks])

    def is_right(self, elements: Any) -> bool:
        """Whether these are autograd's numbers."""
        return elements is not None and agree(elements, self._truth, self._tolerance)

    def is_own(self, site: Site) -> bool:
        """Whether a site is in the function of the derivative itself, not in one that it calls."""
        if site == EVERYWHERE:
            return True
        row = self._by_site[site][0]
        return self.computation.places[row][-1] == site[1]

    def rows_at(self, site: Site) -> list[int]:
        """The rows of a site."""
        return self._by_site.get(site, [])

    def results_at(self, site: Site) -> list[int]:
        """The rows in which what is computed at a site ends."""
        rows, c = self.rows_at(site), self.computation
        if site[0] == "at":
            return rows
        used = {c.outputs[i] for i in self.picks}
        used.update(o for row in {*self.rows}.difference(rows) for o in c.operands[row] if o.__class__ is int)
        return [row for row in rows if row in used]

    def rank(self, site: Site, row: int) -> int:
        """The how-many-th row of its site a row is, counted from 0."""
        return self._ranks[site, row]

    def number(self, name: str, index: int) -> float | None:
        """A named number, or the element of a named array."""
        array = self.point.values.get(name)
        if array is None or array.ndim == 0:
            return None if array is None else float(array)
        return float(array.flat[index]) if index < array.size else None

    def _depth(self, site: Site) -> tuple[int, int]:
        """How far inside a site is: the function of the derivative itself first, and of its calls the outer first."""
        stacks = [self.computation.places[row] for row in self._by_site[site]]
        inner = [stack.index(site[1]) for stack in stacks]
        outer = [len(stack) - 1 - depth for stack, depth in zip(stacks, inner, strict=True)]
        return min(outer), -min(inner)


def computed(op: str, operands: list[float]) -> float:
    """The number of an operation on floats; inf or nan where there is none.

    >>> computed("mul", [3.0, 2.0]), computed("lt", [3.0, 2.0]), computed("div", [1.0, 0.0])
    (6.0, 0.0, inf)
    """
    if op in COMPARISONS:
        return float(COMPARISONS[op][1](*operands))
    return RESULTS[op](*operands)


def constants_at(c: Computation, site: Site, slot: int) -> list[float]:
    """The constants that stand at a site as this operand, in the order in which they were used."""
    return [
        operands[slot]
        for row, operands in enumerate(c.operands)
        if len(operands) > slot and operands[slot].__class__ is float and site in _sites(c, row)
    ]


def _sites(c: Computation, row: int) -> list[Site]:
    """Where a row was made: exactly there, and in the calls around that place. Leaves were made nowhere."""
    stack = c.places[row] if c.ops[row] else ()
    return [("at", stack[0]), *(("in", place) for place in stack[1:])] if stack else []


def _picks(point: Point, c: Computation, elements: int) -> list[int]:
    """Some elements that are wrong and some that are right, of those that were computed."""
    import numpy

    off = ~(abs(point.by_hand - point.autograd) <= 20 * point.tolerance)
    few = elements // 4
    chosen = [*_spread(numpy.flatnonzero(off), elements - few), *_spread(numpy.flatnonzero(~off), few)]
    return [i for i in chosen if c.outputs[i] >= 0]


def _spread(indices: Any, most: int) -> list[int]:
    """At most so many of the indices, at even distances."""
    return [int(i) for i in indices[:: max(1, -(-len(indices) // most))]]


def _ancestors(c: Computation, picks: list[int]) -> list[int]:
    """The rows that these elements are computed from, in order."""
    needed: set[int] = set()
    stack = [c.outputs[i] for i in picks]
    while stack:
        row = stack.pop()
        if row not in needed:
            needed.add(row)
            stack += [o for o in c.operands[row] if o.__class__ is int]
    return sorted(needed)


def _count(c: Computation) -> tuple[dict[Site, int], dict[tuple[Site, int], int]]:
    """How many rows each site has, and the how-many-th of its site each row is."""
    totals: dict[Site, int] = {}
    ranks: dict[tuple[Site, int], int] = {}
    for row in range(len(c.ops)):
        for site in _sites(c, row):
            ranks[site, row] = totals.get(site, 0)
            totals[site] = totals.get(site, 0) + 1
    return totals, ranks
