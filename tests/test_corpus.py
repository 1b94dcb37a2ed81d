"""Programs that no one tuned the compiler for, and random ones: loss and every derivative are the eager engine's."""

from __future__ import annotations

import inspect
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from corpus import ENGINES, OTHERWISE, Entry, compiled, eager, numbers, programs, put, unlike, values
from corpus_odd import REFUSED
from hypothesis import assume, given
from oracles import examples
from random_losses import RandomLoss, irregular, regular

from microgradnet import InputError, compile
from microgradnet.compiler.running import building

EXTRAS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in ("numba", "jax")
]
"""Engines that take a second or more to compile."""
PROGRAMS = {
    name: entry
    for name, entry in programs("corpus_networks", "corpus_statistics", "corpus_sciences", "corpus_odd").items()
    if name not in REFUSED
}
ANY_SIZE = {name: entry for name, entry in PROGRAMS.items() if entry.others}


def data_of(entry: Entry, given: tuple[Any, ...], example: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Data for the eager engine, with the static ones of the example, and those for the program, without them."""
    names = list(inspect.signature(entry.loss).parameters)[1:]
    whole = tuple(old if name in entry.static else new for name, old, new in zip(names, example, given, strict=True))
    return whole, tuple(x for name, x in zip(names, whole, strict=True) if name not in entry.static)


def check(entry: Entry, engine: str) -> None:
    """At the example data, and at other numbers for parameters and data."""
    parameters, example = entry.make(0)
    run = compiled(engine, entry.loss, parameters, example, entry.static)
    for seed in (0, 1):
        others, new = entry.make(seed)
        put(parameters, numbers(others))
        whole, dynamic = data_of(entry, new, example)
        truth = eager(entry.loss, parameters, whole)
        assert math.isfinite(truth.value)
        assert unlike(*run(*dynamic), truth) == [], f"seed {seed}"


def test_there_are_enough():
    assert len(PROGRAMS) >= 100
    assert len(ANY_SIZE) >= 40
    assert all(len(inspect.getsource(entry.loss).splitlines()) > 2 for entry in PROGRAMS.values())


def test_the_words_that_tell_of_a_program_written_otherwise_are_the_compilers():
    source = inspect.getsource(building)
    assert all(words in source for words in OTHERWISE)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_the_eager_engine(name, engine):
    check(PROGRAMS[name], engine)


FIXED = {"every_other_row", "info_nce", "rotary_positions"}
"""What is computed of a sample depends on its place among the others, and is refused for that."""


def test_rows_that_are_treated_by_turns_are_no_program_for_any_size():
    entry = PROGRAMS["every_other_row"]
    run, reason = of_any_size(entry.loss, *entry.make(0))
    assert run is None
    assert "every other row" in reason


def of_any_size(loss: Any, parameters: Any, data: tuple[Any, ...], static: Any = ()) -> tuple[Any, str]:
    """A program for any batch size, or None and the reason."""
    try:
        return compiled("numpy", loss, parameters, data, static, batch=True), ""
    except InputError as error:
        return None, str(error)


@pytest.mark.parametrize("name", ANY_SIZE)
def test_one_program_for_any_batch_size(name):
    """Right at other sizes, or refused with the reason."""
    entry = ANY_SIZE[name]
    parameters, example = entry.make(0)
    run, reason = of_any_size(entry.loss, parameters, example, entry.static)
    if run is None:
        assert name in FIXED
        assert "depend" in reason
        return
    for n in (*entry.others, 1):
        whole, dynamic = data_of(entry, entry.make(2, n)[1], example)
        assert unlike(*run(*dynamic), eager(entry.loss, parameters, whole)) == [], f"{n} samples"


@given(regular(batch=True))
@examples(60)
def test_random_loops_over_a_batch_of_any_size(loss):
    parameters = values(loss.parameters)
    run, reason = of_any_size(loss.function, parameters, loss.of_size(7))
    if run is None:
        assert "depend" in reason
        return
    for n in (2, 5, 9):
        truth = eager(loss.function, parameters, loss.of_size(n))
        if tame(truth):
            assert unlike(*run(*loss.of_size(n)), truth, 1e-10) == [], f"{n} samples"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_an_error_with_its_line(name):
    entry = REFUSED[name]
    parameters, example = entry.make(0)
    with pytest.raises((InputError, TypeError)) as raised:
        compile(entry.loss, parameters, *example)
    assert "the loss must return one Value" in str(raised.value) or "corpus_odd.py:" in str(raised.value)


OF_EXTRAS = ("article_one_sample", "bradley_terry", "every_function", "repeated_indices")


@pytest.mark.parametrize("engine", EXTRAS)
@pytest.mark.parametrize("name", OF_EXTRAS)
def test_a_program_where_more_is_installed(name, engine):
    """Some only, as these take seconds to compile; `python -m benchmarks corpus` runs all."""
    check(PROGRAMS[name], engine)


@given(irregular())
@examples(100)
def test_random_operations(loss):
    check_random(loss)


@given(regular())
@examples(200)
def test_random_loops(loss):
    check_random(loss)


def check_random(loss: RandomLoss) -> None:
    """Both plans, and the languages, of a random loss."""
    parameters, data = values(loss.parameters), tuple(loss.data.values())
    truth = eager(loss.function, parameters, data)
    assume(tame(truth))
    for engine in ENGINES:
        assert unlike(*compiled(engine, loss.function, parameters, data)(*data), truth, 1e-10) == [], engine


def tame(truth: Any) -> bool:
    """Whether all numbers are finite, and not so large that they say nothing."""
    return all(map(math.isfinite, [truth.value, *truth.gradient])) and truth.scale < 1e8


# --- the benchmark -------------------------------------------------------------------------------------------------


def test_the_benchmark_at_a_tiny_size(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1]))
    from benchmarks import corpus as benchmark

    table = benchmark.run(rounds=1, names=["article_four_samples", "determinant"], losses=4)
    assert [(row[0], row[-1]) for row in table.rows] == [("article_four_samples", "yes"), ("determinant", "yes")]
    assert any("0 wrong" in note for note in table.notes)
    assert any("random losses" in note and "all equal" in note for note in table.notes)
    assert benchmark.run(rounds=1, names=["branch_on_data"], losses=0).rows == ()


def test_the_benchmark_tells_what_is_wrong(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1]))
    from benchmarks import corpus as benchmark

    entry = PROGRAMS["article_four_samples"]

    def slightly_more(p: Any, X: Any, y: Any) -> Any:
        return entry.loss(p, X, y) * (1.0 if isinstance(X[0][0], float) else 1.0 + 1e-8)

    other = entry._replace(loss=slightly_more)
    assert "loss" in benchmark.measured(other, ["numpy"], 1).wrong
    assert benchmark.refused(REFUSED["branch_on_data"]).startswith("RecordingError: corpus_odd.py:")
    assert benchmark.refused(entry) == ""
