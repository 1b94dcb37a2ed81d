"""Derivatives by hand beside autograd's: the data that `pairing` makes and others read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.tape import Sweep

__all__ = ["A_CONSTANT", "Loss", "Names", "Pair", "Pairing", "Unpaired"]

A_CONSTANT = "a constant"
"""Why a step width such as dx = 0.01 is not compared."""


class Pair(NamedTuple):
    """A derivative by hand beside autograd's; arrays of one shape (without an axis where there is one number)."""

    event: Event  # the last assignment of the chain
    chain: tuple[Event, ...]  # all of them
    of: str  # A as the code names it, or "loss"
    by: Event  # the version of B
    by_hand: Any  # floats
    nodes: Any  # numbers on the tape of the derivative by hand, -1 for a plain number
    autograd: Any
    tolerance: Any  # by rounding in autograd's sums and in the derivative by hand
    of_nodes: tuple[int, ...]  # A's numbers on the tape
    sweep: Sweep  # from A down
    is_of_loss: bool
    seed_all: bool  # whether the sweep is the sum over A's elements
    wanted_shape: tuple[int, ...] | None  # where the shape is wrong: what it should be


class Unpaired(NamedTuple):
    """A name that looks like a derivative, with no partner."""

    event: Event
    reason: str


class Pairing(NamedTuple):
    """`pairs` in the order of the run, `unpaired` names, `stops`: nodes of updated parameters.

    `updates`: versions of a parameter before and after. `sweep(seeds)`: derivatives of a version of A. `loss_of(after,
    before)`: the version of the loss that an update belongs to, or None.
    """

    pairs: list[Pair]
    unpaired: list[Unpaired]
    stops: frozenset[int]
    updates: list[tuple[Event, Event]]
    sweep: Callable[[tuple[int, ...]], Sweep]
    loss_of: Callable[[Event, Event], tuple[int, ...] | None]
    derived_between: Callable[[Event, Event], bool]


Names = Mapping[str | tuple[str, int], tuple[str, str]]
"""(A, B) for names of derivatives that do not say so, by the name, or by the name and the line where it is assigned."""

Loss = Callable[..., Any] | str | None
