"""The one runner: contenders take turns in one process, their results are held equal, minima and spread are shown."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from microgradnet.display import Table

TOLERANCE = 1e-9  # relative; where contenders round differently, thousands of steps of training carry it on


class Contender(NamedTuple):
    """One implementation of a benchmark: `step` does a unit of work, `result` is what all its steps have led to."""

    name: str
    step: Callable[[], object]
    result: Callable[[], Sequence[float]]
    goal: float | None = None  # how many times faster than the reference it is meant to be, gc on


class Times(NamedTuple):
    """Seconds of one call: the best of all rounds, and the median of the rounds as a multiple of the best."""

    best: float
    spread: float


def interleaved(
    functions: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1, collecting: bool = True
) -> dict[str, Times]:
    """Times of each function. In every round each has its turn of so many calls, with Python's gc on or off.

    Garbage is collected before each turn, outside of the measured time, so that none pays for another's.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    was_enabled = gc.isenabled()
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                gc.collect()
                (gc.enable if collecting else gc.disable)()
                start = time.perf_counter()
                for _ in range(calls):
                    function()
                seconds[name].append((time.perf_counter() - start) / calls)
    finally:
        (gc.enable if was_enabled else gc.disable)()
    return {name: Times(min(s), statistics.median(s) / min(s)) for name, s in seconds.items()}


def compare(title: str, contenders: Sequence[Contender], *, rounds: int, steps: int) -> Table:
    """Time all contenders, with Python's gc on and then off; the last one is the reference of the ratios.

    Every contender takes equally many steps. AssertionError if their results are not equal after the first step, or
    at the end.
    """
    for contender in contenders:
        contender.step()
    require_equal(contenders)
    functions = {contender.name: contender.step for contender in contenders}
    on, off = (interleaved(functions, rounds, steps, collecting) for collecting in (True, False))
    difference = require_equal(contenders)
    reference = contenders[-1].name
    rows, styles = [], []
    for name, _, _, goal in contenders:
        ratio = on[reference].best / on[name].best
        rows.append([
            name, *timed(on[name]), f"{ratio:.1f}×", *timed(off[name]), f"{off[reference].best / off[name].best:.1f}×",
            "" if goal is None else judged(ratio >= goal, f"≥ {goal:g}"),
        ])  # fmt: skip
        styles.append(None if goal is None else "good" if ratio >= goal else "bad")
    return Table(
        ["implementation", "gc on", "±", "faster", "gc off", "±", "faster", "goal"],
        rows,
        title=title,
        align="lrrrrrrl",
        styles=styles,
        notes=[
            f"one step, the best of {rounds} rounds of {steps}; ±: how far the median round lies above the best",
            f"faster: how many times as fast as {reference}; the goal is for gc on",
            f"after {1 + 2 * rounds * steps} steps the parameters of all are equal to {difference:.0e}",
        ],
    )


class Trainer(NamedTuple):
    """One implementation that is trained: `train(n)` takes n steps and waits for them, `result` is where they led."""

    name: str
    train: Callable[[int], object]
    result: Callable[[], Sequence[float]]


def ratios(
    title: str,
    trainers: Sequence[Trainer],
    *,
    rounds: int,
    steps: int,
    goals: Mapping[str, Mapping[str, float]] | None = None,
    slow: Sequence[Trainer] = (),
) -> Table:
    """Time a step of all trainers in turns of so many steps; the last one is the reference of the ratios.

    `goals` has for a name the names that it is held against, and how many times their time it may take at most.
    `slow` ones take one step in each of two rounds, with Python's gc on and then off, after one step of warming up.
    AssertionError if results are not equal after the first step, or at the end.
    """
    for trainer in [*slow, *trainers]:
        trainer.train(1)
    require_equal([*slow, *trainers])
    times = interleaved({t.name: partial(t.train, steps) for t in trainers}, rounds)
    seconds = {name: Times(best / steps, spread) for name, (best, spread) in times.items()}
    difference = require_equal(trainers)
    for collecting, word in ((True, "on"), (False, "off")):
        turns = interleaved({t.name: partial(t.train, 1) for t in slow}, 2, collecting=collecting)
        seconds |= {f"{name}, gc {word}": times for name, times in turns.items()}
    reference = trainers[-1].name
    rows, styles = [], []
    for name, taken in seconds.items():
        verdicts = {
            f"≤ {most:g} × {other}": taken.best <= most * seconds[other].best
            for other, most in ((goals or {}).get(name) or {}).items()
        }
        rows.append([
            name, *timed(taken), f"{taken.best / seconds[reference].best:.3g}×",
            "; ".join(judged(met, goal) for goal, met in verdicts.items()),
        ])  # fmt: skip
        styles.append(None if not verdicts else "good" if all(verdicts.values()) else "bad")
    return Table(
        ["implementation", "one step", "±", "ratio", "goal"],
        rows,
        title=title,
        align="lrrrl",
        styles=styles,
        notes=[
            f"one step, the best of {rounds} rounds of {steps}; ±: how far the median round lies above the best",
            f"ratio: how many times the time of {reference}",
            f"after {1 + rounds * steps} steps the parameters are equal to {difference:.0e}",
        ],
    )


def require_equal(contenders: Sequence[Contender | Trainer]) -> float:
    """The largest relative difference of any result from the reference's; AssertionError above TOLERANCE."""
    reference = contenders[-1]
    largest = 0.0
    for contender in contenders:
        for a, b in zip(contender.result(), reference.result(), strict=True):
            difference = abs(a - b) / max(abs(a), abs(b), 1.0)
            if not difference <= TOLERANCE:
                raise AssertionError(f"{contender.name} and {reference.name} differ: {a!r} and {b!r}")
            largest = max(largest, difference)
    return largest


def timed(times: Times) -> list[str]:
    """The cells of the best time and of the spread."""
    return [shown(times.best), f"+{times.spread - 1:.0%}"]


def shown(seconds: float) -> str:
    """A time to three digits, in the unit that fits.

    >>> shown(0.0000123), shown(2.0)
    ('12.3 µs', '2.00 s')
    """
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if seconds >= s), ("µs", 1e-6))
    number = seconds / size
    return f"{number:.{max(0, 2 - (number >= 10) - (number >= 100))}f} {unit}"


def judged(met: bool, goal: str = "") -> str:
    """The goal, and in words whether it is met."""
    return f"{goal} {'met' if met else 'MISSED'}".lstrip()


def python(*arguments: str) -> str:
    """What a fresh Python prints, given these arguments; it finds this folder's parent, and may cache bytecode."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
