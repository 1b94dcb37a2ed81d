"""The tape: every Value that a run made, in the order of birth, and derivatives between any two of them.

A run of somebody's homework has no single root: the numbers of the forward pass, those of the derivation by hand and
the updated parameters of step after step all hang together. So there are two questions that `Graph` does not answer:
what is ∂A/∂B for two nodes in the middle, *not* through the parameters of an earlier step, and how well is a number
known to someone who computes it in floats.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from microgradnet.comparison.bounds import NORMAL, ROUNDING
from microgradnet.graph import operands_of
from microgradnet.value import Value

__all__ = ["Sweep", "Tape"]

UNIT = 2.0**-53
"""Half a unit in the last place of 1: how far a rounded result is from the true one, at most, as a part of itself."""


TINY = NORMAL + 2.0**-1074 / ROUNDING
"""What a partial below the normal range counts in the sum of |path products|."""


class Tape:
    """Columns, one entry per node: `nodes`, `operands` (numbers of nodes, floats), `partials`, `data`, `places`.

    A place is where in the user's code the node was made: (code object, offset of the instruction), for each call
    from the innermost out; () where it was not made by the user's code. A negative offset is that of a line.

    >>> tape, x = Tape(), Value(3.0)
    >>> y = x * x
    >>> tape.add(y, ())
    1
    >>> tape.complete()
    >>> tape.sweep({1: 1.0}).adjoints
    [6.0, 1.0]
    """

    def __init__(self) -> None:
        self.nodes: list[Value] = []
        self.numbers: dict[Value, int] = {}
        self.places: list[Any] = []
        self.operands: list[tuple[Any, ...]] = []
        self.partials: list[tuple[Any, ...]] = []
        self.data: list[float] = []
        self._errors: list[float] = []

    def __len__(self) -> int:
        return len(self.nodes)

    def add(self, node: Value, place: Any) -> int:
        """Put a node on the tape, with all that it was made from, if they are not there; its number."""
        numbers = self.numbers
        stack = [node]
        while stack:
            top = stack[-1]
            if top in numbers:
                stack.pop()
                continue
            missing = [o for o in operands_of(top) if o.__class__ is Value and o not in numbers]
            if missing:
                stack += missing
                continue
            numbers[stack.pop()] = len(self.nodes)
            self.nodes.append(top)
            self.places.append(place)
        return numbers[node]

    def complete(self) -> None:
        """Fill the columns for the nodes that came since the last time; to be called when a run has ended."""
        numbers, errors = self.numbers, self._errors
        for node in self.nodes[len(self.data) :]:
            operands = operands_of(node)
            self.operands.append(tuple([
                numbers[o] if o.__class__ is Value else o if o.__class__ is float else float(o.data) for o in operands
            ]))  # fmt: skip
            local = node.da if node.da.__class__ is tuple else (node.da, node.db)[: len(operands)]
            local = tuple([p if o.__class__ is Value else None for o, p in zip(operands, local, strict=True)])
            error = UNIT * abs(node.data) if operands else 0.0
            for operand, partial in zip(operands, local, strict=True):
                if partial is not None:
                    error += abs(partial) * errors[numbers[operand]]
            self.partials.append(local)
            self.data.append(node.data)
            errors.append(error if error == error else math.inf)

    def error(self, number: int) -> float:
        """A bound on the rounding in a node's number, each operation's own rounding sent forward through the rest."""
        return self._errors[number]

    def sweep(self, seeds: Mapping[int, float], stops: Collection[int] = ()) -> Sweep:
        """Reverse mode from the seeded nodes down; nothing is sent on from a node in `stops`."""
        top = max(seeds)
        adjoints: list[float | None] = [None] * (top + 1)
        sizes = [0.0] * (top + 1)
        for number, seed in seeds.items():
            adjoints[number], sizes[number] = seed, abs(seed)
        all_operands, all_partials = self.operands, self.partials
        for number in range(top, -1, -1):
            upstream = adjoints[number]
            if upstream is None or (number in stops and number not in seeds):
                continue
            size = sizes[number]
            for operand, partial in zip(all_operands[number], all_partials[number], strict=True):
                if operand.__class__ is not int:
                    continue
                so_far = adjoints[operand]
                if partial is None:  # reached, but a mask sends nothing
                    adjoints[operand] = 0.0 if so_far is None else so_far
                else:
                    sent = partial * upstream
                    adjoints[operand] = sent if so_far is None else so_far + sent
                    # below the normal range a partial is known to 5e-324 only, however large what follows
                    sizes[operand] += (abs(partial) if abs(partial) > NORMAL else TINY) * size
        return Sweep(adjoints, sizes)

    def ancestors(self, numbers: Iterable[int], borders: Collection[int]) -> list[int]:
        """What the nodes were made from, they included, in order; not beyond the borders, which are included."""
        found: set[int] = set()
        stack = list(numbers)
        while stack:
            number = stack.pop()
            if number in found:
                continue
            found.add(number)
            if number not in borders:
                stack += [o for o in self.operands[number] if o.__class__ is int]
        return sorted(found)


class Sweep:
    """`adjoints`, None where not reached, and `sizes`, the sums of |path products|, for the nodes up to the seeds."""

    __slots__ = ("adjoints", "sizes")

    def __init__(self, adjoints: list[float | None], sizes: list[float]) -> None:
        self.adjoints, self.sizes = adjoints, sizes

    def adjoint(self, number: int) -> float | None:
        """The derivative with respect to a node; None where it is not reached."""
        return self.adjoints[number] if number < len(self.adjoints) else None

    def tolerance(self, number: int) -> float:
        """The difference between two right derivatives that the rounding of products and sums explains."""
        adjoint = self.adjoints[number] or 0.0
        tolerance = ROUNDING * self.sizes[number] + 4 * math.ulp(adjoint)
        return tolerance if math.isfinite(tolerance) else ROUNDING * abs(adjoint)
