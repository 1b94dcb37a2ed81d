"""A chain of a million operations: bytes a node, and the seconds that the graph takes in each of its ways.

Every chain lives in a fresh Python of its own: `python -m benchmarks.chain OPERATION LENGTH GC` prints its figures.
"""

from __future__ import annotations

import gc
import json
import math
import pickle
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.runner import judged, python
from microgradnet import Graph, Value
from microgradnet.display import Table

LENGTH = 10**6
BYTES = 150  # the goal: at most so many a node, before backward
C = 0.9999999
Y = Value(C, "y")

# A step of the chain on Values, and its local derivative as a float, written by hand from the step's result.
OPERATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {
    "tanh(x)": (lambda x: x.tanh(), lambda y: 1 - y * y),
    "x * c": (lambda x: x * C, lambda y: C),
    "x * y": (lambda x: x * Y, lambda y: C),
    "x + y": (lambda x: x + Y, lambda y: 1.0),
}
PHASES = ("build", "back", "again", "Graph", "dumps", "loads", "free")


def run(length: int = LENGTH) -> Table:
    """The table: each operation with Python's gc on and off."""
    rows, styles = [], []
    for operation in OPERATIONS:
        for collecting in ("on", "off"):
            got = json.loads(python("-m", "benchmarks.chain", operation, str(length), collecting))
            met = got["bytes"] <= BYTES
            rows.append([
                operation, collecting, f"{got['bytes']:.0f}", f"+{got['more']:.0f}",
                *(f"{got[phase]:.2f}" for phase in PHASES), judged(met),
            ])  # fmt: skip
            styles.append("good" if met else "bad")
    return Table(
        ["chain", "gc", "bytes", "back", *PHASES, f"≤ {BYTES}"],
        rows,
        title=f"CHAIN: {length} operations, one after the other",
        align="ll" + "r" * (2 + len(PHASES)) + "l",
        styles=styles,
        notes=[
            "bytes of memory a node before backward, and what backward adds at its peak",
            "seconds, each of one run: build, backward, backward again, Graph, pickle's dumps and loads, free",
            "the gradients are equal to those by hand",
        ],
    )


def measure(operation: str, length: int) -> dict[str, float]:
    """Bytes a node and seconds of everything that a chain goes through. AssertionError if a gradient is wrong."""
    step, local = OPERATIONS[operation]
    times: dict[str, float] = {}

    def timed(phase: str, function: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = function()
        times[phase] = time.perf_counter() - start
        return result

    def build() -> Any:
        node: Any = x
        for _ in range(length):
            node = step(node)
        return node

    x = Value(1.0, "x")
    empty = peak()
    end = timed("build", build)
    built = peak()
    timed("back", end.backward)
    differentiated = peak()
    slope = derivative(end, local)
    require(x.grad, slope)
    timed("again", end.backward)
    require(x.grad, 2 * slope)
    graph = timed("Graph", partial(Graph, end))
    require(len(graph), length + (2 if "y" in operation else 1))
    del graph
    packed = timed("dumps", partial(pickle.dumps, end))
    copy = timed("loads", partial(pickle.loads, packed))
    require(copy.data, end.data)
    only = [end]
    del end
    timed("free", only.clear)
    return times | {"bytes": (built - empty) / length, "more": (differentiated - built) / length}


def derivative(end: Any, local: Callable[[float], float]) -> float:
    """The derivative of the chain's end by its beginning: the product of all local derivatives, from the data alone."""
    slope, node = 1.0, end
    while node.op is not None:
        slope *= local(node.data)
        node = node.operands[0]
    return slope


def require(got: float, wanted: float) -> None:
    """AssertionError unless the two are equal to 9 digits."""
    if not math.isclose(got, wanted, rel_tol=1e-9):
        raise AssertionError(f"a chain gave {got!r} where {wanted!r} is right")


def peak() -> int:
    """The most bytes of memory that this process has held so far."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage begins with the most that the parent process held
        return 1024 * int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0])
    import resource  # not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    if sys.argv[3] == "off":
        gc.disable()
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
