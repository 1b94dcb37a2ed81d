"""The text of a training loop makes, step by step, what the interpreter makes of the plan of one step."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from emitting import LARGE_AND_SMALL, Wild, assert_same, data_for, moons, sliced
from hypothesis import given
from hypothesis import strategies as st
from oracles import examples

from microgradnet.compiler.arrays import accumulate, argument, contract, elementwise, expand, number, stack, total, view
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.languages import NUMBA, NUMPY, Language, pieces
from microgradnet.compiler.languages.emit import module
from microgradnet.compiler.languages.repeating import training
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import Plan, Table
from microgradnet.compiler.updates import stepping
from microgradnet.optim import SGD, Adam, AdamW, Optimizer
from microgradnet.value import Value


def stepped(plan: Plan, epochs: int, walked: Sequence[str], **arguments: Any) -> list[Any]:
    """What `training` writes, step by step by the interpreter."""
    carried = [name.removeprefix("new_") for name in plan.names if name.startswith("new_")]
    rates = arguments.pop("rates")
    rows = len(arguments[walked[0]]) if walked else 1
    for rate in rates[:epochs]:
        for i in range(rows):
            now = {name: x[i] if name in walked else x for name, x in arguments.items()}
            results = dict(zip(plan.names, interpret(plan, rate=rate, **now), strict=True))
            arguments |= {name: results["new_" + name] for name in carried}
    return [arguments[name] for name in carried]


def trained(plan: Plan, language: Language, walked: Sequence[str], **arguments: Any) -> list[Any]:
    """The same by the text, which must leave its arguments alone."""
    order = [*(name for name in arguments if name != "rates"), "rate"]
    written = training(plan, "train", language, arguments=order, walked=walked)
    namespace: dict[str, Any] = dict(written.tables)
    exec(module([written], language), namespace)
    before = [np.array(x) for x in arguments.values()]
    with np.errstate(all="ignore"):
        results = namespace["train"](*arguments.values())
    for x, was in zip(arguments.values(), before, strict=True):
        np.testing.assert_array_equal(x, was)
    return list(results) if isinstance(results, tuple) else [results]


OPTIMIZERS: dict[str, Callable[[list[Value]], Optimizer]] = {
    "plain": lambda values: SGD(values, 0.1), "momentum": lambda values: SGD(values, 0.1, momentum=0.9),
    "nesterov": lambda values: SGD(values, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda values: Adam(values, 0.1), "adamw": lambda values: AdamW(values, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("large", LARGE_AND_SMALL)
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_training_loop_makes_the_steps_of_the_optimizer(
    optimizer: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", large)
    values = [Value(0.0) for _ in range(337)]
    step = stepping(with_gradient(moons(20)), OPTIMIZERS[optimizer](values))
    plan = shared(lowered(step.plan, NUMPY.spelled))
    rng = np.random.default_rng(0)
    given_: dict[str, Any] = {"p": rng.normal(size=337)}
    given_ |= {s: np.float64(0.0) if s == "steps" else np.zeros(337) for s in step.states if s}
    given_ |= {"X": rng.normal(size=(20, 2)), "y": np.sign(rng.normal(size=20)), "rates": np.array([0.1, 0.2, 0.05])}
    assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 3, (), **given_), 1e-9)


def test_a_training_loop_walks_through_rows_in_order() -> None:
    step = stepping(with_gradient(moons(5)), SGD([Value(0.0) for _ in range(337)], 0.1, momentum=0.5)).plan
    rng = np.random.default_rng(0)
    given_: dict[str, Any] = {
        "p": rng.normal(size=337), "velocity": np.zeros(337), "X": rng.normal(size=(4, 5, 2)),
        "y": np.sign(rng.normal(size=(4, 5))), "rates": np.array([0.1, 0.2]),
    }  # fmt: skip
    assert_same(trained(step, NUMPY, ["X", "y"], **given_), stepped(step, 2, ["X", "y"], **given_), 1e-10)


def test_plain_descent_is_written_in_place_and_views_are_taken_once() -> None:
    step = stepping(with_gradient(moons()), SGD([Value(0.0) for _ in range(337)], 0.1)).plan
    text = training(step, "train", arguments=["p", "X", "y", "rate"]).text
    before, loop = text.split("    for rate in rates:\n")
    assert "    p = p.copy()\n" in before
    assert "W1 = p[0:48]" in before
    assert "p -= rate *" in loop
    assert "loss" not in text


def moves() -> dict[str, tuple[Any, Any]]:
    """New values of a and b that are wrong if one takes its place too early, or if two arrays become one."""
    a, b, x, rate = argument("a", (3,)), argument("b", (3,)), argument("x", (3,)), argument("rate", ())
    grown = a + x
    return {
        "swapped": (b, a),
        "the old one is read later": (a * x, b + a),
        "both the same": (grown, grown),
        "a view of the other": (grown, view(grown, sliced(0, 3, 2), ("gather", Table([1, 0, 1])))),
        "a part of both": (stack([view(a, sliced(1, 3)), view(b, sliced(0, 1))]), b + a),
        "reversed columns": (view(grown, ("reshape", (3, 1)), ("transpose", (1, 0)), ("slice", (0, (0, 3, 1)))), grown),
        "data": (x, a + b * rate),
        "computed from data": (elementwise("sin", b) * a, x * x),
        "computed from nothing": (elementwise("sin", b) * a, accumulate((3,), [((sliced(0, 2),), number(0.5))])),
        "unchanged": (a, b + a),
        "repeated": (expand(total(a, [0]), (3,)), b * 0.5),
        "a literal": (expand(number(2.0), (3,)), b + a),
        "added to the old one": (
            accumulate((3,), [((), 0.5 * a), ((sliced(0, 2),), view(a, sliced(1, 3)))]), b - a,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", sorted(moves()))
def test_arrays_take_each_others_place_all_at_once(case: str) -> None:
    plan = Plan(moves()[case], ("new_a", "new_b"))
    given_: dict[str, Any] = {
        "a": np.array([1.0, 2.0, 4.0]),
        "b": np.array([-1.0, 0.5, 3.0]),
        "x": np.array([0.1, 0.2, 0.3]),
    }
    given_ |= {"rates": np.array([0.5, 0.25, 2.0])}
    assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 3, (), **given_))


@given(seed=st.integers(0, 10**6))
@examples(300)
def test_steps_at_random_are_repeated_rightly(seed: int) -> None:
    random = Random(seed)
    maker = Wild(random)
    maker.plan(3 + seed % 10)
    fits = [node for node in maker.pool if node.shape == (6,)] + [
        accumulate((6,), [((sliced(1, 4),), x)]) for x in maker.pool if x.shape == (3,)
    ]
    p = maker.arguments["p"]
    new = random.choice(fits)
    kept = elementwise("sin", p + number(0.3) * elementwise("tanh", new))
    plan = lowered(Plan((kept if random.random() < 0.7 else elementwise("sin", new),), ("new_p",)), NUMPY.spelled)
    given_: dict[str, Any] = {**data_for(seed), "rates": np.array([0.5, 0.25])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", random.choice(LARGE_AND_SMALL))
        assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 2, (), **given_), 1e-6)


@pytest.mark.filterwarnings("error")
def test_numba_trains() -> None:
    pytest.importorskip("numba", reason="numba is an extra, `native`")
    step = stepping(with_gradient(moons(20)), SGD([Value(0.0) for _ in range(337)], 0.1)).plan
    rng = np.random.default_rng(0)
    given_: dict[str, Any] = {
        "p": rng.normal(size=337),
        "X": rng.normal(size=(20, 2)),
        "y": np.sign(rng.normal(size=20)),
    }
    given_ |= {"rates": np.array([0.1, 0.2])}
    assert_same(trained(step, NUMBA, (), **given_), stepped(step, 2, (), **given_), 1e-10)


def test_large_arrays_are_begun_once_and_written_into_by_every_step() -> None:
    X, y, w, rate = argument("X", (100, 50)), argument("y", (100, 60)), argument("w", (50, 60)), argument("rate", ())
    h = elementwise("tanh", contract(X, w, "ik,kj->ij"))
    error = h - y
    step = w - rate * contract(X, error * (1.0 - h * h), "ik,ij->kj")
    velocity = argument("v", (100, 60))
    plan = Plan((step, error * 0.5 + velocity), ("new_w", "new_v"))
    text = training(plan, "train", arguments=["w", "v", "X", "y", "rate"]).text
    before, loop = text.split("for rate in rates:")
    assert re.findall(r"(\w+) = np.empty\(\(100, 60\)\)", before)
    assert "np.matmul(X, w, out=" in loop
    assert " = X @ w" not in loop
    rng = np.random.default_rng(0)
    given_: dict[str, Any] = {x.detail: rng.normal(size=x.shape) for x in (w, velocity, X, y)}
    given_ |= {"rates": np.array([0.01, 0.02, 0.03])}
    assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 3, (), **given_), 1e-9)
