"""How long `compile` takes, and how much memory: moons, digits, and a loss of two million scalar operations.

Every program is compiled in a fresh Python of its own: `python -m benchmarks.compile_time NAME` prints the figures.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import chain
from benchmarks.runner import judged, python, shown
from microgradnet.display import Table


class Work(NamedTuple):
    """What is compiled: `make(size)` gives the arguments of `compile`; the goals are for the `size` here."""

    title: str
    size: int
    make: Callable[[int], dict[str, Any]]
    seconds: float
    bytes: float | None = None


def _moons(samples: int) -> dict[str, Any]:
    from benchmarks.compiled_moons import loss
    from benchmarks.moons import SIZES, two_moons
    from microgradnet import Value, nn

    values = [Value(p.data) for p in nn.MLP(2, SIZES, seed=0).parameters()]
    return {"arguments": (loss, values, *two_moons(samples)), "batch": False}


def _digits(samples: int) -> dict[str, Any]:
    from benchmarks.by_hand_digits import digits
    from benchmarks.compiled_digits import loss, network

    return {"arguments": (loss, network(), *digits(samples)), "batch": True}


def _large(samples: int) -> dict[str, Any]:
    from benchmarks.moons import two_moons
    from microgradnet import Value, nn

    sizes = [64, 64, 1]
    values = [Value(p.data) for p in nn.MLP(2, sizes, seed=0).parameters()]
    return {"arguments": (_large_loss, values, *two_moons(samples)), "batch": False}


def _large_loss(parameters: Any, X: Any, y: Any) -> Any:
    """The hinge loss of an MLP 2-64-64-1, in loops."""
    supply = iter(parameters)
    layers, n = [], 2
    for m in (64, 64, 1):
        layers.append([([next(supply) for _ in range(n)], next(supply)) for _ in range(m)])
        n = m
    total: Any = 0
    for x, target in zip(X, y, strict=True):
        for layer in layers:
            x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = x if layer is layers[-1] else [s.relu() for s in x]
        total = total + (1 + -target * x[0]).relu()
    return total * (1.0 / len(X))


WORKS = {
    "moons": Work("moons, own loops, 100 samples, all of them recorded", 100, _moons, 0.3),
    "digits": Work("digits, 1,797 samples, never unrolled", 1797, _digits, 0.5),
    "large": Work("2-64-64-1 in loops, 230 samples, all of them recorded", 230, _large, 8.0, 400.0),
}


def run(rounds: int = 3, share: float = 1.0) -> Table:
    """The table, the best of so many processes each; `share`: with how much of the samples."""
    rows, styles = [], []
    for name, work in WORKS.items():
        figures = [json.loads(python("-m", "benchmarks.compile_time", name, str(share))) for _ in range(rounds)]
        best = min(figures, key=lambda f: f["seconds"])
        met = best["seconds"] <= work.seconds and (work.bytes is None or best["bytes"] <= work.bytes)
        goal = f"≤ {work.seconds:g} s" + (f", ≤ {work.bytes:g} bytes" if work.bytes else "")
        rows.append([
            work.title, f"{best['nodes']:,.0f}", shown(best["seconds"]), f"{best['bytes']:.0f}" if work.bytes else "",
            f"{best['statements']:.0f}", judged(met, goal),
        ])  # fmt: skip
        styles.append("good" if met else "bad")
    return Table(
        ["program", "operations", "compile", "bytes", "of arrays", "goal"],
        rows,
        title="COMPILE: from scalar Python to a program that was seen to agree with the eager engine",
        align="lrrrrl",
        styles=styles,
        notes=[
            f"the best of {rounds} processes each; loss, data and parameters are there, NumPy is loaded",
            "operations: scalar ones that were recorded; of arrays: what they became",
            "bytes: of the most memory that was held, over that before, for each operation",
        ],
    )


def measure(name: str, share: float = 1.0) -> dict[str, float]:
    """Seconds of `compile`, the operations that it recorded and made of them, bytes of memory for each recorded one."""
    from microgradnet import compile

    work = WORKS[name]
    given = work.make(max(2, int(work.size * share)))
    compile(lambda p, x: (p[0] * x).tanh(), *warm_up(), engine="numpy")
    empty = chain.peak()
    start = time.perf_counter()
    program = compile(*given["arguments"], engine="numpy", batch=given["batch"])
    seconds = time.perf_counter() - start
    nodes = sum(1 for op in program.recording.graph.operations if op)
    free = {"argument", "number", "table", "view", "expand"}
    statements = sum(node.op not in free for node in program.plan.nodes)
    return {
        "seconds": seconds, "nodes": nodes, "statements": statements,
        "bytes": (chain.peak() - empty) / nodes,
    }  # fmt: skip


def warm_up() -> tuple[Any, float]:
    """A parameter and a number: the compiler's modules are loaded before the clock starts, as NumPy is."""
    from microgradnet import Value

    return [Value(1.0)], 2.0


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], float(sys.argv[2]))))
