"""Programs that no one tuned the compiler for (tests/corpus*.py), and random ones: all equal to eager, and how fast."""

from __future__ import annotations

import importlib
import inspect
import math
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runner import interleaved, shown
from microgradnet.display import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

ROOMS = ("corpus_networks", "corpus_statistics", "corpus_sciences", "corpus_odd")
FREE = {"argument", "number", "table", "view", "expand"}
"""What is no statement of its own: arguments, literals, and arrays seen otherwise."""
STILL, EPOCHS = 1e-12, 200
"""The rate of steps that are timed, so small that nothing moves, and how many are made in one training."""


def tests(name: str) -> Any:
    """A module of the tests."""
    return importlib.import_module(name)


def run(
    rounds: int = 3, names: Sequence[str] = (), losses: int = 2000, engines: Sequence[str] = ("python", "numpy")
) -> Table:
    """A row for each program; totals, refusals and random losses in the notes. AssertionError for a silent error."""
    refusals_wanted = tests("corpus_odd").REFUSED
    found = tests("corpus").programs(*ROOMS)
    entries = [e for e in found.values() if e.name not in refusals_wanted and (not names or e.name in names)]
    results = [measured(entry, engines, rounds) for entry in entries]
    refusals = {name: refused(entry) for name, entry in refusals_wanted.items() if not names}
    wrong = [f"{r.name}: {r.wrong}" for r in results if r.wrong]
    with_batch = [r for r in results if r.sizes]
    fixed = [r.name for r in with_batch if r.sizes != "any"]
    held = f"{', '.join(engines)} and the engine by choice, at the example data and at other numbers"
    notes = [
        "nodes: scalar operations that the eager engine made; arrays: operations of the plan of arrays of the loss",
        "compile: once, with recording and check; step: of SGD, in train",
        f"faster: than the same step of eager Values, in turns, the best of {rounds} rounds",
        f"{len(results)} programs, held against the eager engine on {held}: {len(wrong)} wrong",
        *(f"WRONG: {text}" for text in wrong),
        *totals(results),
        f"{len(with_batch) - len(fixed)} of {len(with_batch)} with a batch run at any size; not {', '.join(fixed)}",
        *(f"refused: {name}: {reason}" for name, reason in refusals.items() if reason),
        *(f"NOT REFUSED: {name}" for name, reason in refusals.items() if not reason),
        *(told(random_ones(losses)) if losses else ()),
    ]
    rows = [
        [r.name, f"{r.nodes:,}", f"{r.arrays:,}", r.engine, shown(r.compile), shown(r.step), f"{r.eager / r.step:.0f}×",
         "NO" if r.wrong else "yes"]
        for r in results
    ]  # fmt: skip
    return Table(
        ["program", "nodes", "arrays", "engine", "compile", "step", "faster", "equal"],
        rows,
        title=f"CORPUS: {len(results)} programs that no one tuned the compiler for",
        align="lrrlrrrl",
        styles=["bad" if r.wrong else None for r in results],
        notes=notes,
    )


class Result(NamedTuple):
    """What is known of one program; times in seconds. `wrong`: in words where it is not the eager engine, or empty."""

    name: str
    nodes: int
    arrays: int
    engine: str
    compile: float
    eager: float
    step: float
    sizes: str
    wrong: str


def measured(entry: Any, engines: Sequence[str], rounds: int) -> Result:
    """Compile a program on all engines, hold it against the eager engine, and time the one that the compiler chose."""
    from microgradnet import compile
    from microgradnet.compiler.passes import roll

    corpus = tests("corpus")
    parameters, example = entry.make(0)
    start = time.perf_counter()
    program = compile(entry.loss, parameters, *example, static=entry.static)
    seconds = time.perf_counter() - start
    programs = [program, *(compile(entry.loss, parameters, *example, static=entry.static, engine=e) for e in engines)]
    wrong: list[str] = []
    nodes = 0
    for seed in (1, 0):
        others, new = entry.make(seed)
        corpus.put(parameters, corpus.numbers(others))
        whole, dynamic = split(entry, new, example)
        truth = corpus.eager(entry.loss, parameters, whole)
        nodes = truth.nodes
        for one in programs:
            value, gradients = one.value_and_grad(*dynamic)
            wrong += [f"{one.engine}: {text}" for text in corpus.unlike(value, corpus.leaves(gradients), truth)]
    wrong += [one.why for one in programs if any(words in one.why for words in corpus.OTHERWISE)]
    arrays = sum(node.op not in FREE for node in roll(program.recording).nodes)
    wrong += trained(program, entry.loss, parameters, whole, dynamic)

    def train() -> None:
        program.train(*dynamic, lr=STILL, epochs=EPOCHS, every=EPOCHS)

    train()  # the first one also compiles the loop
    times = interleaved({"eager": lambda: eager_step(entry.loss, parameters, whole, STILL), "train": train}, rounds, 3)
    sizes = any_size(entry) if entry.others else ""
    if sizes.startswith("wrong"):
        wrong.append(sizes)
    return Result(
        entry.name, nodes, arrays, program.engine, seconds, times["eager"].best, times["train"].best / EPOCHS, sizes,
        "; ".join(wrong[:3]),
    )  # fmt: skip


def split(entry: Any, new: Sequence[Any], example: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Data for the eager engine, static ones as in the example, and data for the program, without these."""
    names = list(inspect.signature(entry.loss).parameters)[1:]
    whole = [old if name in entry.static else x for name, old, x in zip(names, example, new, strict=True)]
    return whole, [x for name, x in zip(names, whole, strict=True) if name not in entry.static]


def eager_step(loss: Callable[..., Any], parameters: Any, data: Sequence[Any], rate: float) -> None:
    """What a user does without the compiler."""
    held = tests("corpus").leaves(parameters)
    for value in held:
        value.grad = 0.0
    loss(parameters, *data).backward()
    for value in held:
        value.data -= rate * value.grad


def trained(
    program: Any, loss: Callable[..., Any], parameters: Any, whole: Sequence[Any], dynamic: Sequence[Any]
) -> list[str]:
    """Whether three steps inside the program lead where three eager ones do; in words if they do not."""
    corpus = tests("corpus")
    start = corpus.numbers(parameters)
    for _ in range(3):
        eager_step(loss, parameters, whole, 1e-3)
    wanted = corpus.numbers(parameters)
    corpus.put(parameters, start)
    program.train(*dynamic, lr=1e-3, epochs=3)
    got = corpus.numbers(parameters)
    corpus.put(parameters, start)
    apart = [abs(a - b) for a, b in zip(got, wanted, strict=True) if not abs(a - b) <= 1e-10 * max(1.0, abs(b))]
    return [f"trained, a parameter is off by {max(apart)}"] if apart else []


def any_size(entry: Any) -> str:
    """ "any" if one program is right at other batch sizes, too, else "fixed"; "wrong …" if it is not right there."""
    from microgradnet import InputError, compile

    corpus = tests("corpus")
    parameters, example = entry.make(0)
    try:
        program = compile(entry.loss, parameters, *example, static=entry.static, batch=True)
    except InputError:
        return "fixed"
    for n in entry.others:
        _, new = entry.make(2, n)
        whole, dynamic = split(entry, new, example)
        value, gradients = program.value_and_grad(*dynamic)
        truth = corpus.eager(entry.loss, parameters, tuple(whole))
        if bad := corpus.unlike(value, corpus.leaves(gradients), truth):
            return f"wrong at {n} samples: {bad[0]}"
    return "any"


def refused(entry: Any) -> str:
    """Why a program cannot be compiled, in the words of the error; empty if it could."""
    from microgradnet import InputError, compile

    parameters, example = entry.make(0)
    try:
        compile(entry.loss, parameters, *example)
    except (InputError, TypeError) as error:
        told = re.sub(r"\S*(corpus_odd\.py)", r"\1", str(error))  # without the folder
        return f"{type(error).__name__}: {told.splitlines()[0]:.110} …"
    return ""


def totals(results: Sequence[Result]) -> list[str]:
    """Sums and medians over all programs."""
    if not results:
        return []
    nodes, arrays = sum(r.nodes for r in results), sum(r.arrays for r in results)
    ratios = [r.eager / r.step for r in results]
    engines = Counter(r.engine for r in results)
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    to_one = f"{nodes / max(arrays, 1):.0f} to one"
    by_choice = ", ".join(f"{name} {count}" for name, count in engines.most_common())
    return [
        f"{nodes:,} scalar operations became {arrays:,} array operations, {to_one}",
        f"compiling took {shown(sum(r.compile for r in results))} in all; by choice on {by_choice}",
        f"faster: {min(ratios):.0f}× to {max(ratios):.0f}×, {mean:.0f}× in the geometric mean",
    ]


# --- random losses -------------------------------------------------------------------------------------------------


def random_ones(count: int) -> Counter[str]:
    """So many random losses, the same in every run: how many were equal. AssertionError for one that is not."""
    from microgradnet import compile

    hypothesis: Any = import_module("hypothesis")
    st: Any = import_module("hypothesis.strategies")

    corpus, strategies = tests("corpus"), tests("random_losses")
    seen: Counter[str] = Counter()

    def each(loss: Any) -> None:
        parameters, data = corpus.values(loss.parameters), tuple(loss.data.values())
        truth = corpus.eager(loss.function, parameters, data)
        if not all(map(math.isfinite, [truth.value, *truth.gradient])) or truth.scale > 1e8:
            seen["not finite, or too large to be compared"] += 1
            return
        for engine in ("auto", "numpy"):
            program = compile(loss.function, parameters, *data, engine=engine)
            value, gradients = program.value_and_grad(*data)
            if wrong := corpus.unlike(value, corpus.leaves(gradients), truth, 1e-10):
                raise AssertionError(f"{program.engine}: {wrong[0]}: {loss!r}")
            if any(words in program.why for words in corpus.OTHERWISE):
                seen[f"written otherwise than wanted: {program.why}"] += 1
        seen["equal"] += 1
        seen["nodes"] += truth.nodes

    settings = hypothesis.settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(hypothesis.given(st.one_of(strategies.irregular(), strategies.regular(), strategies.regular()))(each))()
    return seen


def told(seen: Counter[str]) -> list[str]:
    """The random losses in words."""
    if not seen:
        return []
    nodes, equal = seen.pop("nodes", 0), seen.pop("equal", 0)
    average = f"of {nodes / max(equal, 1):.0f} nodes on average"
    rest = [f"random losses: {count} {what}" for what, count in seen.items()]
    return [f"{equal:,} random losses {average}: all equal, on numpy and on the engine by choice", *rest]
