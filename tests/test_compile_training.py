"""Training inside a program: the same numbers as steps of the eager engine, in every engine, for every optimiser."""

from __future__ import annotations

import importlib.util
import math
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import examples

from microgradnet import Value, compile, exp, log, losses, relu, sigmoid, tanh
from microgradnet.compiler.arrays import argument, elementwise, total, view
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.plan import Plan, check
from microgradnet.compiler.running import looping, stepwise
from microgradnet.compiler.running.backends import Trainer
from microgradnet.compiler.running.looping import Trained
from microgradnet.compiler.updates import stepping
from microgradnet.errors import InputError
from microgradnet.functions import sum as summed
from microgradnet.nn import MLP
from microgradnet.optim import SGD, Adam, AdamW, Optimizer

ENGINES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name in ("numba", "jax") and importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
        ),
    )
    for name in ("python", "numpy", "numba", "jax")
]
PEOPLE, SEXES = [[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]], [1.0, 0.0, 0.0, 1.0]
OPTIMIZERS: dict[str, Callable[[list[Value]], Optimizer]] = {
    "sgd": lambda p: SGD(p, 0.1),
    "decay": lambda p: SGD(p, 0.1, weight_decay=0.01),
    "momentum": lambda p: SGD(p, 0.05, momentum=0.9),
    "nesterov": lambda p: SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: Adam(p, 0.02),
    "adam, decay": lambda p: Adam(p, 0.02, betas=(0.8, 0.99), weight_decay=0.1),
    "adamw": lambda p: AdamW(p, 0.02),
    "falling": lambda p: SGD(p, lambda epoch: 0.1 / (1 + epoch)),
}


def article() -> MLP:
    return MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=6)


def of_one(model: Any, x: Any, y: Any) -> Any:
    return losses.mse(model(x), y)


def of_all(model: Any, X: Any, y: Any) -> Any:
    return summed([(model(x) - t) ** 2 for x, t in zip(X, y, strict=True)]) / len(X)


def numbers(model: Any) -> list[float]:
    return [p.data for p in (model if isinstance(model, list) else model.parameters())]


def step(optimizer: Optimizer, loss: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def close(got: Any, wanted: Any) -> bool:
    return bool(np.allclose(np.array(got, float), np.array(wanted, float), rtol=1e-9, atol=1e-12))


# --- the same steps as the eager engine ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_row_by_row_for_every_optimiser(name: str, engine: str) -> None:
    """Twice five epochs: the second goes on from the states of the first."""
    expected, model = article(), article()
    eager, optimizer = OPTIMIZERS[name](expected.parameters()), OPTIMIZERS[name](model.parameters())
    program = compile(of_one, model, PEOPLE[0], SEXES[0], engine=engine)
    for part in (0, 1):
        measured = []
        for epoch in range(5):
            eager.epoch = 5 * part + epoch
            for x, t in zip(PEOPLE, SEXES, strict=True):
                step(eager, of_one(expected, x, t))
            measured.append(sum(of_one(expected, x, t).data for x, t in zip(PEOPLE, SEXES, strict=True)) / 4)
        eager.epoch += 1
        trained = program.train(PEOPLE, SEXES, optimizer=optimizer, epochs=5, every=1)
        assert close(trained.losses, measured)
        assert trained.epochs == list(range(5 * part, 5 * part + 5))
        assert close(numbers(model), numbers(expected))
        assert optimizer.epoch == eager.epoch
        if name not in ("sgd", "falling", "decay"):  # without momentum no velocity is kept
            assert close(optimizer.states, eager.states)
            assert [list(map(type, state)) for state in optimizer.states] == [
                list(map(type, state)) for state in eager.states
            ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["nesterov", "adam", "falling"])
def test_all_rows_in_each_step(name: str, engine: str) -> None:
    source = random.Random(2)
    X, y = [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(40)], [source.random() for _ in range(40)]
    expected, model = MLP(2, [5, 1], "relu", seed=1), MLP(2, [5, 1], "relu", seed=1)
    eager, optimizer = OPTIMIZERS[name](expected.parameters()), OPTIMIZERS[name](model.parameters())
    for epoch in range(20):
        eager.epoch = epoch
        step(eager, of_all(expected, X, y))
    program = compile(of_all, model, X, y, engine="numpy" if engine == "python" else engine)
    trained = program.train(X, y, optimizer=optimizer, epochs=20)
    assert close(numbers(model), numbers(expected))
    assert trained.losses[-1] == pytest.approx(of_all(expected, X, y).data, rel=1e-9)


def test_a_loop_that_writes_over_what_it_needs_again_would_be_seen() -> None:
    """The mean of a hinge: what does not change from step to step is computed once, and must not be written over."""
    source = random.Random(2)
    X, y = (
        [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(400)],
        [source.choice([-1.0, 1.0]) for _ in range(400)],
    )

    def hinge(model: Any, X: Any, y: Any) -> Any:
        return summed([relu(1 - t * tanh(model(x))) for x, t in zip(X, y, strict=True)]) / len(X)

    expected, model = MLP(2, [6, 1], "relu", seed=1), MLP(2, [6, 1], "relu", seed=1)
    eager = SGD(expected.parameters(), 0.5)
    for _ in range(4):
        step(eager, hinge(expected, X, y))
    program = compile(hinge, model, X, y, engine="numpy")
    program.train(X, y, lr=0.5, epochs=4)
    assert close(numbers(model), numbers(expected))
    assert isinstance(program._built.code.trainers[0][1][1], Trainer)


def test_a_written_loop_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Trainer.run

    def wrong(self: Trainer, *given: Any) -> Any:
        carried, measured = run(self, *given)
        return [np.asarray(carried[0]) + 1e-3, *carried[1:]], measured

    monkeypatch.setattr(Trainer, "run", wrong)
    expected, model = article(), article()
    eager = Adam(expected.parameters(), 0.02)
    for _ in range(3):
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
    optimizer = Adam(model.parameters(), 0.02)
    compile(of_one, model, PEOPLE[0], SEXES[0]).train(PEOPLE, SEXES, optimizer=optimizer, epochs=3)
    assert close(numbers(model), numbers(expected))
    assert close(optimizer.states, eager.states)


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_an_argument_of_the_compiled_shape_is_the_same_in_every_step(engine: str) -> None:
    w = [Value(0.5), Value(-0.5)]
    program = compile(lambda w, x, c: (w[0] * x + w[1] * c[0] - c[1]) ** 2, w, 1.0, [1.0, 2.0], engine=engine)
    program.train([1.0, 2.0, 3.0], [3.0, 4.0], lr=0.01, epochs=7)
    expected = [Value(0.5), Value(-0.5)]
    optimizer = SGD(expected, 0.01)
    for _ in range(7):
        for x in (1.0, 2.0, 3.0):
            step(optimizer, (expected[0] * x + expected[1] * 3.0 - 4.0) ** 2)
    assert close(numbers(w), numbers(expected))


def test_batches_are_rows_of_a_program_for_any_size() -> None:
    source = random.Random(2)
    X = [[[source.gauss(0, 1), 1.0] for _ in range(8)] for _ in range(5)]
    y = [[source.random() for _ in range(8)] for _ in range(5)]
    expected, model = MLP(2, [3, 1], "tanh", seed=1), MLP(2, [3, 1], "tanh", seed=1)
    eager = SGD(expected.parameters(), 0.1)
    for _ in range(3):
        for some, targets in zip(X, y, strict=True):
            step(eager, of_all(expected, some, targets))
    compile(of_all, model, X[0], y[0], batch=True).train(X, y, lr=0.1, epochs=3)
    assert close(numbers(model), numbers(expected))


def test_no_data_at_all() -> None:
    w = [Value(3.0), Value(1.0)]
    trained = compile(lambda w: (w[0] - 1) ** 2 + (w[1] * w[0]) ** 2, w).train(lr=0.05, epochs=400)
    assert numbers(w) == pytest.approx([1.0, 0.0], abs=1e-3)
    assert trained.losses[-1] < 1e-6


# --- frozen parameters, optimisers of one's own -------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1), lambda p: Adam(p, 0.02), lambda p: SGD(p, 0.1, momentum=0.9)])
def test_parameters_that_the_optimiser_does_not_hold_stay(make: Callable[..., Optimizer], engine: str) -> None:
    expected, model = article(), article()
    eager, optimizer = make(expected.parameters()[3:7]), make(model.parameters()[3:7])
    for _ in range(3):
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
    compile(of_one, model, PEOPLE[0], SEXES[0], engine=engine).train(PEOPLE, SEXES, optimizer=optimizer, epochs=3)
    assert close(numbers(model), numbers(expected))
    assert numbers(model)[:3] == numbers(article())[:3]


class Lion(Optimizer):
    """An optimiser of one's own with a state, in operators only."""

    initial_state = (0.0,)

    def update(self, parameter: Any, gradient: Any, state: Any, rate: Any) -> Any:
        mean = 0.9 * state[0] + 0.1 * gradient
        return parameter - rate * mean / (mean * mean + 1e-4) ** 0.5, (mean,)


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_an_optimiser_of_one_s_own(engine: str) -> None:
    expected, model = article(), article()
    eager, optimizer = Lion(expected.parameters(), 0.01), Lion(model.parameters(), 0.01)
    for _ in range(4):
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
    compile(of_one, model, PEOPLE[0], SEXES[0], engine=engine).train(PEOPLE, SEXES, optimizer=optimizer, epochs=4)
    assert close(numbers(model), numbers(expected))
    assert close(optimizer.states, eager.states)


class ByMath(Lion):
    def update(self, parameter: Any, gradient: Any, state: Any, rate: Any) -> Any:
        return parameter - rate * math.tanh(gradient), state


class Branching(Lion):
    def update(self, parameter: Any, gradient: Any, state: Any, rate: Any) -> Any:
        return (parameter - rate if gradient > 0 else parameter + rate), state


class AtTheStart(Lion):
    def update(self, parameter: Any, gradient: Any, state: Any, rate: Any) -> Any:
        velocity = 2 * gradient if state[0] == 0.0 else 0.5 * state[0] + gradient
        return parameter - rate * velocity, (velocity,)


class WithoutAnUpdate(Optimizer):
    pass


@pytest.mark.parametrize("kind", [ByMath, Branching, AtTheStart, WithoutAnUpdate])
def test_an_update_that_cannot_be_written_out_is_refused(kind: type[Optimizer]) -> None:
    model = article()
    program = compile(of_one, model, PEOPLE[0], SEXES[0])
    with pytest.raises(InputError, match=rf'{kind.__name__}\.update does not run inside a compiled program .*"eager"'):
        program.train(PEOPLE, SEXES, optimizer=kind(model.parameters(), 0.1))
    assert numbers(model) == numbers(article())


def test_another_model_s_optimiser_is_refused() -> None:
    program = compile(of_one, article(), PEOPLE[0], SEXES[0])
    with pytest.raises(InputError, match="holds 9 Values that are no parameters of this program"):
        program.train(PEOPLE, SEXES, optimizer=SGD(article().parameters()))


# --- when it does not go to the end -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
@pytest.mark.parametrize("every", [1, 7])
def test_a_loss_that_is_no_number_ends_it(every: int, engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    w = [Value(1.0)]
    program = compile(lambda w, x: (w[0] * x) ** 4, w, 1.0, engine=engine)
    trained = program.train([1.0, 2.0], lr=1.0, epochs=1000, every=every)
    assert not math.isfinite(trained.losses[-1])
    assert all(map(math.isfinite, trained.losses[:-1]))
    assert not trained.interrupted
    assert trained.stopped.startswith(f"the loss became {trained.losses[-1]} in epoch {trained.epochs[-1]}, ")
    assert capsys.readouterr().err == f"train: {trained.stopped}\n"
    if len(trained.losses) == 1:
        assert w[0].data == 1.0
    else:
        assert sum(program(x) for x in (1.0, 2.0)) / 2 == pytest.approx(trained.losses[-2])


def test_ctrl_c_leaves_whole_epochs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A real SIGINT while the program runs."""
    model = article()
    program = compile(of_one, model, PEOPLE[0], SEXES[0], engine="python")
    run, calls = Trainer.run, 0

    def interrupted(self: Trainer, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            signal.raise_signal(signal.SIGINT)
        return run(self, *given)

    monkeypatch.setattr(Trainer, "run", interrupted)
    optimizer = Adam(model.parameters(), 0.02)
    trained = program.train(PEOPLE, SEXES, optimizer=optimizer, epochs=10_000, every=1)
    monkeypatch.undo()
    assert trained.interrupted
    assert trained.stopped.startswith(f"interrupted in epoch {optimizer.epoch}, ")
    assert capsys.readouterr().err == f"train: {trained.stopped}\n"
    assert trained.epochs == list(range(optimizer.epoch))
    assert optimizer.epoch > 0
    expected = article()
    eager = Adam(expected.parameters(), 0.02)
    for _ in range(optimizer.epoch):
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
    assert close(numbers(model), numbers(expected))
    assert close(optimizer.states, eager.states)


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_a_step_that_python_would_refuse_is_made_all_the_same(engine: str) -> None:
    """The first row is an overflow of exp, the second a logarithm of 0: inf and nan, as the eager engine has them."""

    def loss(w: Any, x: Any) -> Any:
        return log(sigmoid(w[0] * x)) * 1e-3 + exp(w[1] * x) * 0.0

    rows = [-800.0, 900.0, 1.0]
    expected, w = [Value(1.0), Value(1.0)], [Value(1.0), Value(1.0)]
    optimizer = SGD(expected, 0.01)
    for _ in range(3):
        for x in rows:
            step(optimizer, loss(expected, x))
    compile(loss, w, 1.0, engine=engine).train(rows, lr=0.01, epochs=3, every=3)
    assert math.isnan(expected[1].data)
    assert numbers(w)[0] == pytest.approx(1.0) or math.isnan(expected[0].data)


# --- settings -----------------------------------------------------------------------------------------------------


def test_the_loss_is_measured_after_every_so_many_epochs_and_the_last() -> None:
    def epochs(**settings: Any) -> list[int]:
        model = article()
        return compile(of_one, model, PEOPLE[0], SEXES[0]).train(PEOPLE, SEXES, **settings).epochs

    assert epochs(epochs=25, every=10) == [0, 10, 20, 24]
    assert epochs(epochs=5, every=100) == [0, 4]
    assert epochs(epochs=1, every=3) == [0]
    assert len(epochs(epochs=1000)) == 21
    assert epochs(epochs=7) == list(range(7))


@given(st.integers(0, 50), st.integers(1, 80), st.integers(1, 30), st.integers(1, 200))
@examples(60)
def test_rounds_measure_where_they_should(first: int, epochs: int, every: int, size: int) -> None:
    """The epochs of all rounds together, and their measurements, against the definition."""
    done, measured = 0, []
    while done < epochs:
        count, spacing = looping._round(first, done, epochs, every, size)
        assert 1 <= count <= epochs - done
        measured += [first + done + k - 1 for k in range(spacing, count + 1, spacing)]
        done += count
    last = first + epochs - 1
    assert measured == [e for e in range(first, last + 1) if e % every == 0 or e == last]


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"epochs": 0}, InputError, "train: epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "train: epochs must be a whole number, got float 1.5"),
        ({"every": 0}, InputError, "train: every must be at least 1, got 0"),
        ({"lr": -1.0}, InputError, "lr must be a finite number of at least 0"),
        ({"lr": lambda epoch: -1.0}, InputError, r"lr\(0\) must be a finite number of at least 0"),
        ({"optimizer": "sgd"}, TypeError, "train: optimizer must be one of optim, .* got str 'sgd'"),
        (
            {"optimizer": SGD([Value(1.0)]), "lr": 0.1},
            InputError,
            "either an optimizer, .* or lr, not both",
        ),
    ],
)
def test_wrong_settings_change_nothing(settings: dict[str, Any], kind: type[Exception], text: str) -> None:
    model = article()
    with pytest.raises(kind, match=text):
        compile(of_one, model, PEOPLE[0], SEXES[0]).train(PEOPLE, SEXES, **settings)
    assert numbers(model) == numbers(article())


@pytest.mark.parametrize(
    ("X", "y", "text"),
    [
        (PEOPLE, SEXES[:3], "train takes a step for each row, and x has 4 and y has 3"),
        ([], SEXES, "x"),
        ([[1.0, 2.0, 3.0]] * 4, SEXES, r"a row of x has the shape \(3,\), and the program was compiled for \(2,\)"),
        (np.ones((2, 4, 2)), SEXES, "x"),
    ],
)
def test_rows_that_do_not_fit_are_refused(X: Any, y: Any, text: str) -> None:
    model = article()
    with pytest.raises(InputError, match=text):
        compile(of_one, model, PEOPLE[0], SEXES[0]).train(X, y)
    assert numbers(model) == numbers(article())


def test_parameters_made_with_different_numbers_of_steps_are_refused() -> None:
    model = article()
    optimizer = Adam(model.parameters(), 0.1)
    optimizer.states[0] = (3, 0.0, 0.0)
    with pytest.raises(InputError, match=r"different numbers of steps \(0 to 3\)"):
        compile(of_one, model, PEOPLE[0], SEXES[0]).train(PEOPLE, SEXES, optimizer=optimizer)


def test_what_a_training_says_of_itself() -> None:
    assert repr(Trained([0, 10], [0.5, 0.25])) == "<Trained: 11 epochs, loss 0.5 → 0.25>"
    assert repr(Trained(stopped="no")) == "<Trained: no loss was measured; no>"


def test_settings_that_change_between_two_trainings_are_seen() -> None:
    expected, model = article(), article()
    eager, optimizer = SGD(expected.parameters(), 0.05, momentum=0.9), SGD(model.parameters(), 0.05, momentum=0.9)
    program = compile(of_one, model, PEOPLE[0], SEXES[0])
    for momentum in (0.9, 0.5, 0.9):
        eager.momentum = optimizer.momentum = momentum
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
        program.train(PEOPLE, SEXES, optimizer=optimizer, epochs=1)
        assert close(numbers(model), numbers(expected))


# --- the plan of a step -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adam", "adamw", "decay"])
@pytest.mark.parametrize("spelled_out", [True, False])
def test_the_plan_of_a_step_is_the_optimiser_s(name: str, spelled_out: bool) -> None:
    """Against the optimiser on floats, by the interpreter."""
    p, x = argument("p", (3,)), argument("x", (3,))
    if spelled_out:
        terms = [(view(p, ("slice", (i,))) - view(x, ("slice", (i,)))) for i in range(3)]
        from microgradnet.compiler.arrays import accumulate

        gradient = accumulate((3,), [((("slice", (i,)),), 2.0 * t) for i, t in enumerate(terms)])
        loss = terms[0] * terms[0] + terms[1] * terms[1] + terms[2] * terms[2]
    else:
        loss, gradient = total((p - x) * (p - x), (0,)), 2.0 * (p - x)
    values = [Value(v) for v in (1.0, -2.0, 0.5)]
    optimizer = OPTIMIZERS[name](values)
    made = stepping(Plan((loss, gradient), ("loss", "gradient")), optimizer)
    check(made.plan)
    target = [0.25, 4.0, -1.0]
    carried: dict[str, Any] = {"p": [v.data for v in values]}
    for state, start in zip(made.states, optimizer.initial_state, strict=True):
        if state is not None:
            carried[state] = float(start) if type(start) is int else [start] * 3
    for _ in range(3):
        results = interpret(made.plan, x=target, rate=optimizer.rate, **carried)
        carried = {n.removeprefix("new_"): r for n, r in zip(made.plan.names, results, strict=True) if n != "loss"}
        step(optimizer, summed([(v - t) ** 2 for v, t in zip(values, target, strict=True)]))
    assert close(carried["p"], [v.data for v in values])


def test_only_what_the_optimiser_holds_moves_in_the_plan() -> None:
    p = argument("p", (3,))
    made = stepping(Plan((total(p * p, (0,)), 2.0 * p), ("loss", "gradient")), SGD([Value(1.0)], 0.1), moved=[1])
    assert interpret(made.plan, p=[1.0, 1.0, 1.0], rate=0.1)[1].tolist() == [1.0, 0.8, 1.0]


def test_a_gradient_that_is_nan_does_not_reach_what_stays() -> None:
    p = argument("p", (2,))
    gradient = elementwise("log", p - 1.0)
    made = stepping(Plan((total(p, (0,)), gradient), ("loss", "gradient")), SGD([Value(1.0)], 0.1), moved=[0])
    new = interpret(made.plan, p=[3.0, 0.0], rate=0.1)[1].tolist()
    assert new == [pytest.approx(3.0 - 0.1 * math.log(2.0)), 0.0]


def test_steps_one_by_one_are_the_optimiser_s_own() -> None:
    """The reference that loops are held against, itself against the eager engine."""
    expected, model = article(), article()
    eager, optimizer = Adam(expected.parameters()[2:], 0.02), Adam(model.parameters()[2:], 0.02)
    program = compile(of_one, model, PEOPLE[0], SEXES[0])
    course = looping.Course(program._built, optimizer, [np.array(PEOPLE), np.array(SEXES)], 4)
    course.trainer = stepwise.Stepwise(program._built.code, optimizer, course.stepping, course.moved, ["x", "y"])
    course.feed(course.arrays)
    measured = course.go([0.02] * 4, 2)
    for _ in range(4):
        for x, t in zip(PEOPLE, SEXES, strict=True):
            step(eager, of_one(expected, x, t))
    assert close(course.p, numbers(expected))
    assert len(measured) == 2
    course.settle(4)
    assert close(optimizer.states, eager.states)


# --- names that mean something else -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
@pytest.mark.parametrize(
    "names",
    ["rate", "rates", "new_p", "steps, mean, square", "p", "N", "np", "lr", "e", "exp", "loss", "gradient", "train",
     "i", "a", "co", "ab", "x, xs", "X, X_i", "math, inf", "data, rows", "self, step"],
)  # fmt: skip
def test_data_may_be_called_anything(names: str, engine: str, tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    exec(
        f"def f(w, {names}):\n    return sum((w[0] * a - w[1]) ** 2 + (w[0] * a).exp() * 0.1 for a in [{names}])", space
    )
    loss, n = space["f"], names.count(",") + 1
    rows = [[0.1, 0.7, 0.3]] * n
    expected, w, saved = ([Value(1.0), Value(2.0)] for _ in range(3))
    optimizer = Adam(expected, 0.01)
    for _ in range(2):
        for row in zip(*rows, strict=True):
            step(optimizer, loss(expected, *row))
    program = compile(loss, w, *[0.5] * n, engine=engine)
    program.train(*rows, optimizer=Adam(w, 0.01), epochs=2)
    assert close(numbers(w), numbers(expected))
    compile(loss, saved, *[0.5] * n, engine=engine).save(tmp_path / "step.py")
    file: dict[str, Any] = {}
    exec((tmp_path / "step.py").read_text("utf-8"), file)
    after = file["train_by_row"](file["p"], *rows, [0.01, 0.01])
    compile(loss, saved, *[0.5] * n, engine=engine).train(*rows, lr=0.01, epochs=2)
    assert close(after, numbers(saved))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_of_no_parameter_moves_nothing(engine: str) -> None:
    w = [Value(1.0), Value(2.0)]
    program = compile(lambda w, x: x * x, w, 3.0, engine=engine)
    assert program.value_and_grad(2.0) == (4.0, [0.0, 0.0])
    assert program.train([1.0, 2.0], epochs=2).losses[-1] == 2.5
    assert numbers(w) == [1.0, 2.0]
