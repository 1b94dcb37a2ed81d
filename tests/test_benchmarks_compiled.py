"""The benchmarks of compiled programs at tiny sizes: what is written by hand is right, all agree. No time is judged."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from microgradnet import Value, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import by_hand_digits, by_hand_moons, compile_time, compiled_digits, compiled_moons, runner
from benchmarks.moons import RATE, SIZES, two_moons


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)}: not installed")


START = [p.data for p in nn.MLP(2, SIZES, seed=0).parameters()]
X, Y = two_moons(10)


def stepped(loss, start, *data, rate, steps):
    """The eager engine's descent."""
    p = [Value(x) for x in start]
    for _ in range(steps):
        for v in p:
            v.grad = 0.0
        loss(p, *data).backward()
        for v in p:
            v.data -= rate * v.grad
    return [v.data for v in p]


@pytest.mark.parametrize("make", [by_hand_moons.in_numpy, by_hand_moons.in_numpy_tuned])
def test_moons_by_hand_in_numpy(make):
    trainer = make(START, X, Y)
    trainer.train(3)
    assert trainer.result() == pytest.approx(stepped(compiled_moons.loss, START, X, Y, rate=RATE, steps=3), rel=1e-12)


@needs("numba")
def test_moons_by_hand_in_numba():
    assert_equal(by_hand_moons.in_numba, by_hand_moons.in_numpy, START, X, Y)


@needs("jax")
@pytest.mark.parametrize("make", [by_hand_moons.in_jax, by_hand_moons.in_jax_scan])
def test_moons_by_hand_in_jax(make):
    assert_equal(make, by_hand_moons.in_numpy, START, X, Y)


def assert_equal(make, reference, *arguments):
    one, other = make(*arguments), reference(*arguments)
    one.train(4)
    other.train(4)
    assert list(one.result()) == pytest.approx(list(other.result()), rel=1e-11)
    assert list(one.result()) != list(arguments[0])


def test_digits_by_hand_in_numpy():
    source = np.random.default_rng(0)
    images, classes = source.uniform(size=(4, 64)), np.array([0, 7, 3, 3])
    model = compiled_digits.network()
    start = [p.data for p in model.parameters()]
    trainers = [make(start, images, classes) for make in (by_hand_digits.in_numpy, by_hand_digits.in_numpy_tuned)]
    compiled_digits.loss(model, images, classes).backward()
    wanted = [p.data - by_hand_digits.RATE * p.grad for p in model.parameters()]
    for trainer in trainers:
        trainer.train(1)
        assert trainer.result() == pytest.approx(wanted, rel=1e-11, abs=1e-14)


@needs("jax")
@pytest.mark.parametrize("make", [by_hand_digits.in_jax, by_hand_digits.in_jax_scan])
def test_digits_by_hand_in_jax(make):
    source = np.random.default_rng(1)
    start = [p.data for p in compiled_digits.network().parameters()]
    assert_equal(make, by_hand_digits.in_numpy, start, source.uniform(size=(5, 64)), np.array([9, 0, 1, 2, 2]))


@needs("numba", "jax", "micrograd")
def test_moons_compiled_beside_all_peers():
    table = compiled_moons.run(rounds=1, steps=2, samples=6)
    names = [row[0] for row in table.rows]
    assert names[:4] == ["compiled, numpy", "compiled, numba", "compiled, jax", "compiled, to_jax"]
    assert names[-3:] == ["NumPy by hand", "micrograd, gc on", "micrograd, gc off"]
    assert table.rows[-3][3] == "1×"
    assert [bool(row[-1]) for row in table.rows] == [name in compiled_moons.GOALS for name in names]


@needs("jax", "sklearn")
def test_digits_compiled_beside_all_peers():
    table = compiled_digits.run(rounds=1, steps=2, samples=20)
    assert [row[0] for row in table.rows][-1] == "NumPy by hand"
    assert table.rows[-1][3] == "1×"


def trainer(name: str, rate: float) -> runner.Trainer:
    total = [0.0]

    def train(n: int) -> None:
        total[0] += n * rate

    return runner.Trainer(name, train, lambda: total)


def test_ratios_are_held_against_goals():
    one, two = trainer("one", 1.0), trainer("two", 1.0)
    goals = {"one": {"two": 1e9, "one": 0.5}, "two": {"one": 1e9}}
    table = runner.ratios("t", [one, two], rounds=2, steps=3, goals=goals, slow=[trainer("slow", 1.0)])
    assert [row[0] for row in table.rows] == ["one", "two", "slow, gc on", "slow, gc off"]
    assert table.rows[0][-1] == "≤ 1e+09 × two met; ≤ 0.5 × one MISSED"
    assert table.styles == ("bad", "good", None, None)
    assert "after 7 steps" in table.notes[-1]


def test_unequal_trainers_are_refused():
    with pytest.raises(AssertionError, match=r"one and two differ: 1.5 and 1.0"):
        runner.ratios("t", [trainer("one", 1.5), trainer("two", 1.0)], rounds=1, steps=1)
    with pytest.raises(AssertionError, match=r"slow and two differ"):
        runner.ratios("t", [trainer("two", 1.0)], rounds=1, steps=1, slow=[trainer("slow", 2.0)])


@needs("resource", "sklearn")
def test_compile_time_is_measured_in_processes_of_their_own():
    table = compile_time.run(rounds=1, share=0.1)
    assert [row[0] for row in table.rows] == [work.title for work in compile_time.WORKS.values()]
    recorded = [int(row[1].replace(",", "")) for row in table.rows]
    assert recorded[0] > 5000  # all samples of the loops; of the digits a few only
    assert recorded[1] < 60000
    assert all(0 < int(row[4]) < 100 for row in table.rows)
