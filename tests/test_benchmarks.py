"""The benchmarks at tiny sizes: contenders reach equal results, and unequal ones are found. No time is judged."""

from __future__ import annotations

import gc
import importlib.util
import math
import sys
from pathlib import Path

import pytest

from microgradnet import Value

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import __main__ as command
from benchmarks import article, chain, imports, moons, runner

needs_micrograd = pytest.mark.skipif(
    importlib.util.find_spec("micrograd") is None, reason="micrograd, the peer, is not installed"
)
needs_resource = pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="this system does not tell the memory of a process"
)


def counter(name: str, rate: float, goal: float | None = None) -> runner.Contender:
    total = [0.0]

    def step() -> None:
        total[0] += rate

    return runner.Contender(name, step, lambda: total, goal)


@needs_micrograd
def test_article_contenders_agree():
    table = article.run(rounds=2, steps=7)
    assert [row[0] for row in table.rows] == [
        "floats, inlined", "floats, readable", "Values", "nn and optim", "micrograd"
    ]  # fmt: skip
    assert "after 29 steps the parameters of all are equal" in table.notes[-1]


@needs_micrograd
def test_article_step_is_that_of_the_closed_form():
    from microgradnet.article import NAMES, PEOPLE, step

    wanted = dict(article.START)
    contenders = article.contenders()
    for person in PEOPLE:
        wanted = step(wanted, person, article.RATE)
        for contender in contenders:
            contender.step()
    for contender in contenders:
        assert list(contender.result()) == pytest.approx([wanted[name] for name in NAMES], rel=1e-12)


@needs_micrograd
def test_moons_contenders_agree():
    table = moons.run(rounds=1, samples=6)
    assert [row[0] for row in table.rows] == ["nn", "nn, Value inputs", "own loops", "micrograd"]
    assert table.rows[-1][3] == "1.0×"


def test_moons_are_two_half_circles():
    X, y = moons.two_moons(100, noise=0.0)
    assert y == [1, -1] * 50
    for (a, b), label in zip(X, y, strict=True):
        centre = (0.0, 0.0) if label == 1 else (1.0, 0.5)
        assert math.dist((a, b), centre) == pytest.approx(1.0)
        assert (b - centre[1]) * label >= -1e-12
    assert moons.two_moons(10) == moons.two_moons(10)
    assert moons.two_moons(10) != moons.two_moons(10, seed=2)


@needs_resource
@pytest.mark.parametrize("operation", chain.OPERATIONS)
def test_chain_gradients_are_those_by_hand(operation):
    figures = chain.measure(operation, 50)
    assert set(figures) == {*chain.PHASES, "bytes", "more"}
    with pytest.raises(AssertionError, match=r"gave 0.1 where 0.1000001 is right"):
        chain.require(0.1, 0.1000001)


@needs_resource
def test_chain_runs_in_processes_of_its_own():
    table = chain.run(length=50)
    assert [row[:2] for row in table.rows] == [(op, mode) for op in chain.OPERATIONS for mode in ("on", "off")]


def test_derivative_by_hand_of_a_chain():
    x = Value(0.3)
    assert chain.derivative(x.tanh().tanh(), lambda y: 1 - y * y) == pytest.approx(
        (1 - math.tanh(0.3) ** 2) * (1 - math.tanh(math.tanh(0.3)) ** 2)
    )


def test_import_loads_nothing_heavy():
    assert imports.loaded_by_import() == set()
    table = imports.run(rounds=1)
    assert table.notes == (f"not loaded: {', '.join(imports.HEAVY)}",)


def test_unequal_results_are_refused():
    with pytest.raises(AssertionError, match=r"b and reference differ: 1.001 and 1.0"):
        runner.compare("t", [counter("b", 1.001), counter("reference", 1.0)], rounds=1, steps=1)
    with pytest.raises(AssertionError, match="nan"):
        runner.compare("t", [counter("b", math.nan), counter("reference", 1.0)], rounds=1, steps=1)
    equal = runner.compare("t", [counter("b", 1.0, goal=1e9), counter("reference", 1.0, goal=0)], rounds=3, steps=2)
    assert [row[-1] for row in equal.rows] == ["≥ 1e+09 MISSED", "≥ 0 met"]
    assert equal.styles == ("bad", "good")


def test_contenders_take_turns_with_the_gc_as_wanted_and_leave_it_as_it_was():
    seen: list[tuple[str, bool]] = []
    functions = {name: lambda name=name: seen.append((name, gc.isenabled())) for name in "ab"}
    for collecting in (True, False):
        seen.clear()
        times = runner.interleaved(functions, rounds=2, calls=2, collecting=collecting)
        assert seen == [(name, collecting) for name in "aabbaabb"]
        assert list(times) == ["a", "b"]
        assert gc.isenabled()
    gc.disable()
    try:
        runner.interleaved(functions, rounds=1)
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.0, "12.0 s"), (2e-3, "2.00 ms"), (1.5e-4, "150 µs"), (1e-8, "0.01 µs")]
)
def test_times_are_shown_in_the_unit_that_fits(seconds, text):
    assert runner.shown(seconds) == text


def test_command_runs_what_is_named(monkeypatch, capsys):
    from microgradnet.display import Table

    for name in command.BENCHMARKS:
        monkeypatch.setitem(command.BENCHMARKS, name, lambda name=name: Table([name], [["1"]]))
    assert command.main(["moons", "import"]) == 0
    assert capsys.readouterr().out == "moons\n1\n\nimport\n1\n\n"
    assert command.main([]) == 0
    assert capsys.readouterr().out.split()[::2] == list(command.BENCHMARKS)
    with pytest.raises(SystemExit) as ended:
        command.main(["mon"])
    assert ended.value.code == 2
    assert "unknown benchmark 'mon'; take one of: article, moons, chain, import" in capsys.readouterr().err


def test_command_says_which_peer_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "micrograd", None)
    monkeypatch.delitem(sys.modules, "micrograd.engine", raising=False)
    monkeypatch.delitem(sys.modules, "micrograd.nn", raising=False)
    assert command.main(["article"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("article: micrograd")
    assert "pip install" in error
