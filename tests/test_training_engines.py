"""fit by programs: every test of `fit` again with each engine, and what only programs can do wrong."""

from __future__ import annotations

import importlib.util
import math
import random
import signal
from typing import Any

import pytest
import test_training
from test_training import *  # noqa: F403 - its tests are collected here again, with every engine
from test_training import LINE_X, LINE_Y, PEOPLE, SEXES, article, line, numbers

from microgradnet import losses
from microgradnet.compiler.running.backends import Trainer
from microgradnet.errors import InputError
from microgradnet.functions import relu, where
from microgradnet.nn import MLP, Module
from microgradnet.optim import SGD, Adam, Optimizer
from microgradnet.training import History, fit
from microgradnet.value import Value

for _name in (
    "test_ctrl_c_keeps_the_parameters_reached_and_says_so",  # these count how often the loss is called
    "test_ctrl_c_in_a_measurement_leaves_whole_rows_of_the_history",
    "test_a_validation_part_is_measured_and_not_trained_on",
    "test_data_may_be_lists_or_arrays",  # this one has a generator among its data, which lasts for one engine
    "test_the_csv_without_a_validation_part_has_two_columns", "test_a_csv_that_cannot_be_written_is_refused",
    "test_plot", "test_without_matplotlib_the_plot_says_what_to_install",
):  # fmt: skip
    assert hasattr(test_training, _name)
    del globals()[_name]


@pytest.fixture(autouse=True, params=["python", "numpy"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What fit takes if nothing else is said."""
    monkeypatch.setitem(fit.__kwdefaults__, "engine", request.param)
    return str(request.param)


def close(got: Any, wanted: Any) -> bool:
    return bool(got == pytest.approx(wanted, rel=1e-9, abs=1e-12))


def task(rows: int, seed: int = 1) -> tuple[list[list[float]], list[float]]:
    source = random.Random(seed)
    X = [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(rows)]
    return X, [float(a * b > 0) for a, b in X]


# --- the same numbers as the eager engine -------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 7, None])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("rows", [10, 45])
def test_batches_and_orders_as_eager(rows: int, shuffle: bool, batch: int | None, engine: str) -> None:
    X, y = task(rows)
    settings: dict[str, Any] = {
        "loss": "binary_cross_entropy_with_logits", "epochs": 6, "batch": batch, "shuffle": shuffle, "seed": 3,
        "validation": 0.2, "every": 2,
    }  # fmt: skip
    models = [MLP(2, [4, 1], "tanh", seed=2) for _ in range(2)]
    histories = []
    for model, chosen in zip(models, ("eager", engine), strict=True):
        optimizer = Adam(model.parameters(), lambda epoch: 0.05 / (1 + epoch))
        histories.append(fit(model, X, y, optimizer=optimizer, engine=chosen, **settings))
    eager, compiled = histories
    assert (eager.engine, compiled.engine) == ("eager", engine)
    assert compiled.epochs == eager.epochs
    assert close(compiled.losses, eager.losses)
    assert close(compiled.validation_losses, eager.validation_losses)
    assert compiled.before == eager.before
    assert close(numbers(models[1]), numbers(models[0]))


@pytest.mark.parametrize("loss", sorted(losses.LOSSES))
@pytest.mark.parametrize("batch", [1, 4])
def test_every_loss_as_eager(loss: str, batch: int, engine: str) -> None:
    X, y = task(10)
    if loss == "hinge":
        y = [2 * t - 1 for t in y]
    outputs, output = (2, "linear") if loss == "cross_entropy" else (1, "sigmoid")
    models = [MLP(2, [3, outputs], "relu", output, seed=2) for _ in range(2)]
    histories = [
        fit(model, X, y, loss=loss, epochs=5, batch=batch, engine=chosen)
        for model, chosen in zip(models, ("eager", engine), strict=True)
    ]
    assert close(histories[1].losses, histories[0].losses)
    assert close(numbers(models[1]), numbers(models[0]))


def test_several_outputs(engine: str) -> None:
    X = task(9)[0]
    y = [[a + b, a - b] for a, b in X]
    models = [MLP(2, [2], seed=2) for _ in range(2)]
    for model, chosen in zip(models, ("eager", engine), strict=True):
        fit(model, X, y, epochs=5, batch=3, engine=chosen)
    assert close(numbers(models[1]), numbers(models[0]))


def test_optimiser_states_and_epochs_are_handed_back(engine: str) -> None:
    models = [article(), article()]
    optimizers = [Adam(model.parameters(), 0.02) for model in models]
    for _ in range(2):
        for model, optimizer, chosen in zip(models, optimizers, ("eager", engine), strict=True):
            fit(model, PEOPLE, SEXES, optimizer=optimizer, epochs=3, engine=chosen)
    assert [optimizer.epoch for optimizer in optimizers] == [6, 6]
    for state, wanted in zip(optimizers[1].states, optimizers[0].states, strict=True):
        assert close(state, wanted)


def test_on_epoch_may_read_and_change_what_is_trained(engine: str) -> None:
    """It clips a weight, halves the rate, and switches the momentum off."""
    models = [line(), line()]
    told: list[list[float]] = [[], []]
    for model, seen, chosen in zip(models, told, ("eager", engine), strict=True):
        optimizer = SGD(model.parameters(), 0.05, momentum=0.5)

        def on_epoch(
            epoch: int, loss: float, model: Module = model, seen: list[float] = seen, own: SGD = optimizer
        ) -> None:
            seen += [*numbers(model), *(state[0] for state in own.states), float(own.epoch)]
            weight = model.parameters()[0]
            weight.data = min(weight.data, 0.8)
            own.lr = 0.05 / (epoch + 2)
            if epoch == 3:
                own.momentum = 0.25

        fit(model, LINE_X, LINE_Y, optimizer=optimizer, epochs=8, on_epoch=on_epoch, engine=chosen)
    assert close(numbers(models[1]), numbers(models[0]))
    assert close(told[1], told[0])


# --- what programs could do wrong ---------------------------------------------------------------------------------


def test_ctrl_c_leaves_whole_epochs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run, calls = Trainer.run, 0

    def interrupted(self: Trainer, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 7:
            signal.raise_signal(signal.SIGINT)
        return run(self, *given)

    monkeypatch.setattr(Trainer, "run", interrupted)
    model, expected = article(), article()
    optimizer = Adam(model.parameters(), 0.02)
    history = fit(model, PEOPLE, SEXES, optimizer=optimizer, epochs=1000)
    monkeypatch.undo()
    assert history.interrupted
    assert history.stopped.startswith(
        f"interrupted in epoch {optimizer.epoch}, the parameters are those of the last whole"
    )
    assert capsys.readouterr().err == f"fit: {history.stopped}\n"
    assert history.epochs == list(range(optimizer.epoch))
    assert optimizer.epoch == 5
    fit(expected, PEOPLE, SEXES, optimizer=Adam(expected.parameters(), 0.02), epochs=5, engine="eager")
    assert close(numbers(model), numbers(expected))


def test_a_loss_that_changes_meanwhile_is_found_out_and_trained_eagerly(engine: str) -> None:
    """What the loss reads beside its arguments is changed by on_epoch: from the third epoch on it is another loss."""

    def run(chosen: str) -> tuple[list[float], History]:
        model, factor = line(), [1.0]

        def on_epoch(epoch: int, loss: float) -> None:
            factor[0] = 1.0 if epoch < 2 else 0.1

        history = fit(
            model, LINE_X, LINE_Y, loss=lambda p, t: factor[0] * (p - t) ** 2, epochs=40, on_epoch=on_epoch,
            engine=chosen,
        )  # fmt: skip
        return numbers(model), history

    wanted, _ = run("eager")
    found, history = run(engine)
    assert history.engine == "eager"
    assert history.why.startswith(f"eager: from epoch 3 on, as on_epoch changed the loss; before it {engine}: ")
    assert history.epochs == list(range(40))
    assert close(found, wanted)


def test_a_loss_that_changes_by_itself_is_trained_eagerly_from_the_start(engine: str) -> None:
    """Its factor is another one from the third epoch on, by what the rate's function does."""

    def run(chosen: str, at_first: float) -> tuple[list[float], History]:
        model, factor = line(), [at_first]

        def rate(epoch: int) -> float:
            factor[0] = 1.0 if epoch < 3 else 0.1
            return 0.1

        history = fit(
            model, LINE_X, LINE_Y, lr=rate, loss=lambda p, t: factor[0] * (p - t) ** 2, epochs=40, engine=chosen
        )
        return numbers(model), history

    wanted, _ = run("eager", 0.1)  # as the rate has left it
    found, history = run(engine, 1.0)
    assert history.why == "eager: the loss became another one than was compiled, so the training began again"
    assert history.epochs == list(range(40))
    assert close(found, wanted)


class Dropout(Module):
    """A layer that leaves its input out now and then."""

    def __init__(self) -> None:
        self.w = Value(1.0)
        self.source = random.Random(1)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0] if self.source.random() < 0.5 else self.w * 0.0


class Branching(Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0] if x[0] > 0 else -self.w


@pytest.mark.parametrize("kind", [Dropout, Branching])
def test_a_model_that_cannot_be_compiled_is_eager_by_itself_and_refused_by_name(
    kind: type[Module], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microgradnet.training.walking.LONG", 0)
    history = fit(kind(), LINE_X, LINE_Y, epochs=3, engine="auto")
    assert history.engine == "eager"
    assert history.why.startswith("eager: ")
    assert len(history.why) > 30
    with pytest.raises(InputError, match=f"fit: engine='{engine}' cannot run this: "):
        fit(kind(), LINE_X, LINE_Y, epochs=3, engine=engine)


class Own(Optimizer):
    def update(self, parameter: Any, gradient: Any, state: Any, rate: Any) -> Any:
        return parameter - rate * math.copysign(1.0, gradient), state


def test_an_optimiser_that_cannot_be_compiled_is_eager_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradnet.training.walking.LONG", 0)
    model = line()
    history = fit(model, LINE_X, LINE_Y, optimizer=Own(model.parameters(), 0.1), epochs=3, engine="auto")
    assert history.engine == "eager"
    assert "Own.update does not run inside a compiled program" in history.why


def test_a_loss_with_a_choice_is_compiled(engine: str) -> None:
    models = [line(), line()]
    for model, chosen in zip(models, ("eager", engine), strict=True):
        fit(model, LINE_X, LINE_Y, loss=lambda p, t: where(p > t, p - t, relu(t - p) * 2), epochs=9, engine=chosen)
    assert close(numbers(models[1]), numbers(models[0]))


# --- which engine ---------------------------------------------------------------------------------------------------


def test_auto_compiles_what_is_long_enough() -> None:
    short = fit(article(), PEOPLE, SEXES, epochs=5, engine="auto")
    assert (short.engine, short.why) == ("eager", "eager: a training so short is over before it is compiled")
    long = fit(article(), PEOPLE, SEXES, epochs=1000, every=100, engine="auto")
    assert long.engine == "python"
    assert long.why.startswith("python: only ")
    chosen = fit(article(), PEOPLE, SEXES, epochs=2, engine="eager")
    assert chosen.why == "eager: as it was chosen"


def test_many_weights_are_arrays() -> None:
    X, y = task(60)
    history = fit(MLP(2, [32, 32, 1], "relu", seed=1), X, y, epochs=10, batch=None, engine="auto")
    assert history.engine == "numpy"
    assert "for any batch size" in history.why


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
def test_numba_as_eager() -> None:
    models = [article(), article()]
    histories = [
        fit(model, PEOPLE, SEXES, epochs=20, batch=3, engine=chosen)
        for model, chosen in zip(models, ("eager", "numba"), strict=True)
    ]
    assert histories[1].engine == "numba"
    assert close(histories[1].losses, histories[0].losses)
    assert close(numbers(models[1]), numbers(models[0]))


def test_an_engine_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="fit: unknown engine 'tpu'; take one of: auto, eager, python, numpy, numba"):
        fit(line(), LINE_X, LINE_Y, engine="tpu")
