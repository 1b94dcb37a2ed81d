"""Which new versions of parameters are steps: made of derivatives by hand, so that no derivative goes through them.

A parameter is also given new numbers where it is none (a normalised input, the result of a layer under the name of its
input), so what tells a step is what it was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from microgradnet.diagnosis.recording import Event
from microgradnet.diagnosis.tape import Tape

__all__ = ["merged", "parameter_changes", "updated"]

Change = tuple[Event, Event]
"""A version of a parameter, and the next one."""


def parameter_changes(
    events: Iterable[Event], parameters: Collection[str], meaning_of: Callable[[Event], object]
) -> list[Change]:
    """Every new version of a parameter, beside the one before."""
    last: dict[tuple[int, str], Event] = {}
    changed: list[Change] = []
    for event in events:
        key = (event.scope.number, event.base)
        if meaning_of(event) is None and event.base in parameters and key in last:
            changed.append((last[key], event))
        last[key] = event
    return changed


def merged(changed: list[Change], anew: Collection[int], numbers_of: Callable[[Event], Any]) -> list[Change]:
    """Changes of one element after another as one, if the loss was not computed anew between (at the times `anew`)."""
    found: list[Change] = []
    place: dict[int, int] = {}  # the time of a last version: where its change stands in `found`
    touched: dict[int, set[int]] = {}  # and the elements that this change has changed
    for before, after in changed:
        old, new = numbers_of(before), numbers_of(after)
        own = {i for i, (a, b) in enumerate(zip(old.flat, new.flat, strict=False)) if a != b}
        known = touched.get(before.time)
        goes_on = known is not None and not known & own and old.shape == new.shape and len(own) < old.size
        if known is not None and goes_on and not any(before.time < time < after.time for time in anew):
            place[after.time] = place[before.time]
            found[place[after.time]] = (found[place[after.time]][0], after)
            touched[after.time] = known | own
        else:
            place[after.time], touched[after.time] = len(found), own
            found.append((before, after))
    return found


def updated(
    tape: Tape,
    changed: list[Change],
    by_hand: list[Event],
    derived: Collection[str],
    numbers_of: Callable[[Event], Any],
) -> tuple[frozenset[int], list[Change]]:
    """Nodes of the versions that are steps, and these changes.

    `by_hand`: events of derivatives; `derived`: bases of the names by which the code derives.
    """
    made = {after.time: _nodes(numbers_of(after)) for _, after in changed}
    versions = set().union(*made.values()) if made else set()
    derivatives = {n for event in by_hand for n in _nodes(numbers_of(event))}
    stops: set[int] = set()
    tainted = [False] * len(tape)  # made of a derivative, and not by way of a step
    for number, operands in enumerate(tape.operands):
        taint = number in derivatives or any(o.__class__ is int and tainted[o] for o in operands)
        if taint and number in versions:
            stops.add(number)
        else:
            tainted[number] = taint
    first = min((event.time for event in by_hand), default=None)
    updates = []
    for before, after in changed:
        late = first is not None and first < after.time and after.base in derived
        if late and not stops & made[after.time] and _moves(tape, numbers_of(before), numbers_of(after)):
            stops |= made[after.time]
        if stops & made[after.time]:
            updates.append((before, after))
    return frozenset(stops), updates


def _nodes(numbers: Any) -> set[int]:
    return {int(number) for number in numbers.flat if number >= 0}


def _moves(tape: Tape, old: Any, new: Any) -> bool:
    """Whether a parameter was moved by something that is no derivative, as by p -= rate."""
    return old.shape == new.shape and all(
        n >= 0 and tape.nodes[n].op in ("add", "sub") and tape.operands[n][0] == o
        for o, n in zip(old.flat, new.flat, strict=True)
    )
