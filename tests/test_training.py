"""fit: the article's training, PyTorch's epochs (frozen/make_torch_numbers.py), Ctrl-C, and everything refused."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradnet import losses, optim, training
from microgradnet.errors import InputError
from microgradnet.nn import MLP, Module
from microgradnet.optim import SGD, Adam
from microgradnet.training import History, fit
from microgradnet.value import Value

FROZEN = json.loads((Path(__file__).parent / "frozen" / "training.json").read_text(encoding="utf-8"))["cases"]
PEOPLE, SEXES = [[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1]
EMILY, FRANK = [-7, -3], [20, 2]
LINE_X, LINE_Y = [[-1.0], [0.0], [1.0], [2.0]], [-1.0, 1.0, 3.0, 5.0]


def article(seed: int = 6) -> MLP:
    return MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=seed)


def line() -> MLP:
    return MLP(1, [1], init="zeros")


def numbers(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


# --- what it computes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "first", "last", "emily", "frank"),
    [(0, "0.352", "0.0024", "0.946", "0.040"), (3, "0.250", "0.0015", "0.965", "0.039"),
     (6, "0.091", "0.0014", "0.972", "0.037")],
)  # fmt: skip
def test_the_article_s_table(seed: int, first: str, last: str, emily: str, frank: str) -> None:
    model = article(seed)
    history = fit(model, PEOPLE, SEXES, lr=0.1, epochs=1000, every=10)
    loss = dict(zip(history.epochs, history.losses, strict=True))
    assert list(loss) == [*range(0, 1000, 10), 999]
    assert (f"{loss[0]:.3f}", f"{loss[990]:.4f}") == (first, last)
    assert [f"{p:.3f}" for p in model.predict([EMILY, FRANK])] == [emily, frank]
    assert not history.interrupted
    assert not history.stopped


def test_the_article_by_hand_stays_together() -> None:
    """Its own loop in plain Python: 200 epochs, all nine parameters and the losses within 1e-10."""

    def f(x: float) -> float:
        return 1 / (1 + math.exp(-x)) if x > -700 else 0.0

    np.random.seed(6)
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = (float(np.random.normal()) for _ in range(9))
    by_hand = []
    for _ in range(200):
        for (x1, x2), true in zip(PEOPLE, SEXES, strict=True):
            h1, h2 = f(w1 * x1 + w2 * x2 + b1), f(w3 * x1 + w4 * x2 + b2)
            o1 = f(w5 * h1 + w6 * h2 + b3)
            d3 = -2 * (true - o1) * o1 * (1 - o1)
            d1, d2 = d3 * w5 * h1 * (1 - h1), d3 * w6 * h2 * (1 - h2)
            w1, w2, b1 = w1 - 0.1 * d1 * x1, w2 - 0.1 * d1 * x2, b1 - 0.1 * d1
            w3, w4, b2 = w3 - 0.1 * d2 * x1, w4 - 0.1 * d2 * x2, b2 - 0.1 * d2
            w5, w6, b3 = w5 - 0.1 * d3 * h1, w6 - 0.1 * d3 * h2, b3 - 0.1 * d3
        outputs = [f(w5 * f(w1 * x1 + w2 * x2 + b1) + w6 * f(w3 * x1 + w4 * x2 + b2) + b3) for x1, x2 in PEOPLE]
        by_hand.append(sum((t - o) ** 2 for t, o in zip(SEXES, outputs, strict=True)) / 4)
    model = article()
    history = fit(model, PEOPLE, SEXES, epochs=200)
    assert history.losses == pytest.approx(by_hand, rel=1e-10)
    assert numbers(model) == pytest.approx([w1, w2, b1, w3, w4, b2, w5, w6, b3], rel=1e-10)


@pytest.mark.parametrize("case", FROZEN, ids=lambda case: f"{case['loss']} {case['optimiser']} {case['batch']}")
def test_whole_epochs_equal_pytorch(case: dict[str, Any]) -> None:
    model = MLP(case["sizes"][0], case["sizes"][1:], case["activation"], case["output"], init="zeros")
    for p, number in zip(model.parameters(), case["start"], strict=True):
        p.data = number
    optimizer = getattr(optim, case["optimiser"])(model.parameters(), **case["options"])
    history = fit(
        model, case["X"], case["y"], loss=case["loss"], optimizer=optimizer, epochs=len(case["losses"]),
        batch=case["batch"],
    )  # fmt: skip
    assert history.losses == pytest.approx(case["losses"], rel=1e-12)
    assert numbers(model) == pytest.approx(case["parameters"], rel=1e-10)


def test_the_loss_before_is_that_of_the_untrained_model() -> None:
    model = article()
    expected = losses.mse(model.predict(PEOPLE), SEXES).data
    assert fit(model, PEOPLE, SEXES, epochs=1).before == pytest.approx(expected, rel=1e-15)
    assert f"{expected:.4f}" == "0.4332"


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.array(LINE_X), np.array(LINE_Y)),
        (np.array(LINE_X)[:, 0], np.array(LINE_Y)[:, None]),
        ([-1, 0, 1, 2], [[-1], [1], [3], [5]]),
        (tuple(map(tuple, LINE_X)), tuple(LINE_Y)),
        ((row for row in LINE_X), iter(LINE_Y)),
    ],
)
def test_data_may_be_lists_or_arrays(X: Any, y: Any) -> None:
    expected, model = line(), line()
    fit(expected, LINE_X, LINE_Y, epochs=5)
    fit(model, X, y, epochs=5)
    assert numbers(model) == numbers(expected)
    assert all(type(number) is float for number in numbers(model))


def test_a_data_frame_is_its_numbers() -> None:
    class Frame:  # what a frame of pandas does: it iterates over the names of its columns
        def __iter__(self) -> Any:
            return iter(["height"])

        def to_numpy(self) -> Any:
            return np.array(LINE_X)

    expected, model = line(), line()
    fit(expected, LINE_X, LINE_Y, epochs=5)
    fit(model, Frame(), LINE_Y, epochs=5)
    assert numbers(model) == numbers(expected)


def test_a_batch_is_one_step_by_the_mean() -> None:
    """Two steps of two rows, by hand for the line w x + b."""
    model = line()
    fit(model, LINE_X, LINE_Y, lr=0.1, epochs=1, batch=2)
    w = b = 0.0
    for rows in ((0, 1), (2, 3)):
        d = [2 * (w * LINE_X[i][0] + b - LINE_Y[i]) / 2 for i in rows]
        w, b = w - 0.1 * sum(g * LINE_X[i][0] for g, i in zip(d, rows, strict=True)), b - 0.1 * sum(d)
    assert numbers(model) == pytest.approx([w, b], rel=1e-14)


def test_no_batch_and_a_large_batch_are_all_rows() -> None:
    models = [line(), line(), line()]
    for model, batch in zip(models, (None, 4, 1000), strict=True):
        fit(model, LINE_X, LINE_Y, epochs=3, batch=batch)
    assert numbers(models[0]) == numbers(models[1]) == numbers(models[2])


def test_shuffling_follows_its_seed_only() -> None:
    def trained(**settings: Any) -> list[float]:
        model = article()
        fit(model, PEOPLE, SEXES, epochs=5, **settings)
        return numbers(model)

    random.seed(1)
    state = random.getstate()
    assert trained(shuffle=True, seed=1) == trained(shuffle=True, seed=1)
    assert trained(shuffle=True, seed=1) != trained(shuffle=True, seed=2)
    assert trained(shuffle=True, seed=1) != trained()
    assert trained(seed=3) == trained()
    assert random.getstate() == state


def test_shuffling_keeps_rows_and_targets_together() -> None:
    model = line()
    fit(model, LINE_X, LINE_Y, epochs=300, shuffle=True, seed=1)
    assert numbers(model) == pytest.approx([2.0, 1.0], rel=1e-6)


def test_a_validation_part_is_measured_and_not_trained_on() -> None:
    X, y = [[float(i)] for i in range(8)], [float(i) for i in range(8)]
    seen: set[float] = set()

    class Watched(Module):
        def __init__(self) -> None:
            self.w = Value(0.0)

        def __call__(self, x: Any) -> Any:
            return self.w * x[0]

    def watched_loss(p: Any, t: Any) -> Value:
        seen.add(t)
        return losses.mse(p, t)

    model = Watched()
    history = fit(model, X, y, loss=watched_loss, lr=0.01, epochs=3, validation=0.25, seed=1)
    chosen = random.Random(1).sample(range(8), 2)
    w, expected = 0.0, []
    for _ in range(3):
        for x, t in zip(X, y, strict=True):
            if int(t) not in chosen:
                w -= 0.01 * 2 * (w * x[0] - t) * x[0]
        expected.append(sum((w * i - i) ** 2 for i in chosen) / 2)
    assert seen == set(y)
    assert history.validation_losses == pytest.approx(expected, rel=1e-12)
    assert len(history.losses) == len(history.epochs) == 3


def test_validation_data_of_its_own() -> None:
    model = line()
    history = fit(model, LINE_X, LINE_Y, epochs=2, validation=([[3.0]], [7.0]))
    assert history.validation_losses[-1] == pytest.approx((model.predict([[3.0]])[0] - 7.0) ** 2, rel=1e-14)


def test_the_rate_may_follow_the_epoch_and_a_second_fit_goes_on() -> None:
    def rate(epoch: int) -> float:
        return 0.1 / (1 + epoch)

    whole, halves = line(), line()
    history = fit(whole, LINE_X, LINE_Y, lr=rate, epochs=6)
    optimizer = SGD(halves.parameters(), lr=rate)
    first = fit(halves, LINE_X, LINE_Y, optimizer=optimizer, epochs=2)
    second = fit(halves, LINE_X, LINE_Y, optimizer=optimizer, epochs=4)
    assert numbers(halves) == numbers(whole)
    assert first.losses + second.losses == history.losses
    assert (first.epochs, second.epochs) == ([0, 1], [2, 3, 4, 5])


def test_a_loss_of_one_s_own() -> None:
    model = line()
    fit(model, LINE_X, LINE_Y, loss=lambda p, t: (p - t) ** 2, epochs=5)
    expected = line()
    fit(expected, LINE_X, LINE_Y, loss="mse", epochs=5)
    assert numbers(model) == pytest.approx(numbers(expected), rel=1e-14)


def test_frozen_parameters_stay() -> None:
    model = line()
    fit(model, LINE_X, LINE_Y, optimizer=SGD(model.parameters()[1:], 0.1), epochs=5)
    assert model.layers[0].neurons[0].weights[0].data == 0.0
    assert model.layers[0].neurons[0].bias.data != 0.0
    assert all(p.grad == 0.0 for p in model.parameters())


def test_on_epoch_is_told_each_measurement() -> None:
    told: list[tuple[int, float]] = []
    history = fit(line(), LINE_X, LINE_Y, epochs=5, every=2, on_epoch=lambda epoch, loss: told.append((epoch, loss)))
    assert told == list(zip(history.epochs, history.losses, strict=True))
    assert history.epochs == [0, 2, 4]


# --- when it does not go to the end -------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_parameters_reached_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A real SIGINT in the third row of the second epoch: two epochs' worth of rows minus two have been learnt."""
    calls = 0

    def loss(p: Any, t: Any) -> Value:
        nonlocal calls
        calls += 1
        if calls == 4 + 4 + 4 + 3:  # the check at the start, the first epoch, its measurement, then row 3
            signal.raise_signal(signal.SIGINT)
        return losses.mse(p, t)

    model = article()
    history = fit(model, PEOPLE, SEXES, loss=loss, epochs=100)
    assert history.interrupted
    assert history.stopped.startswith("interrupted in epoch 1, the parameters are those of the last whole step")
    assert capsys.readouterr().err == f"fit: {history.stopped}\n"
    assert len(history.epochs) == len(history.losses) == 1
    expected = article()
    optimizer = SGD(expected.parameters(), 0.1)
    fit(expected, PEOPLE, SEXES, optimizer=optimizer, epochs=1)
    fit(expected, PEOPLE[:2], SEXES[:2], optimizer=optimizer, epochs=1)
    assert numbers(model) == numbers(expected)
    assert all(p.grad == 0.0 for p in model.parameters())


def test_ctrl_c_in_a_measurement_leaves_whole_rows_of_the_history() -> None:
    calls = 0

    def loss(p: Any, t: Any) -> Value:
        nonlocal calls
        calls += 1
        if calls == 4 + 1 + 4 + 4 + 1:  # the checks, the first epoch, its training loss, then the validation loss
            raise KeyboardInterrupt
        return losses.mse(p, t)

    history = fit(line(), LINE_X, LINE_Y, loss=loss, epochs=3, validation=([[3.0]], [7.0]))
    assert history.interrupted
    assert (history.epochs, history.losses, history.validation_losses) == ([], [], [])


def test_after_ctrl_c_a_second_fit_goes_on() -> None:
    def stop(epoch: int, loss: float) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    model, whole = line(), line()
    optimizer = Adam(model.parameters(), 0.1)
    first = fit(model, LINE_X, LINE_Y, optimizer=optimizer, epochs=4, on_epoch=stop)
    second = fit(model, LINE_X, LINE_Y, optimizer=optimizer, epochs=2)
    history = fit(whole, LINE_X, LINE_Y, optimizer=Adam(whole.parameters(), 0.1), epochs=4)
    assert first.interrupted
    assert not second.interrupted
    assert first.losses + second.losses == history.losses
    assert numbers(model) == numbers(whole)


def test_a_diverging_training_stops_with_the_last_sound_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    model = line()
    sound: list[list[float]] = [numbers(model)]
    history = fit(
        model, LINE_X, LINE_Y, lr=100.0, epochs=1000, on_epoch=lambda epoch, loss: sound.append(numbers(model))
    )
    assert not math.isfinite(history.losses[-1])
    assert all(map(math.isfinite, history.losses[:-1]))
    assert 0 < len(history.losses) < 1000
    assert numbers(model) == sound[-1]
    assert all(map(math.isfinite, numbers(model)))
    assert not history.interrupted
    assert f"in epoch {history.epochs[-1]}" in history.stopped
    assert history.stopped.endswith("try a smaller rate")
    assert capsys.readouterr().err == f"fit: {history.stopped}\n"


def test_diverging_at_once_leaves_the_parameters_of_the_start() -> None:
    model = line()
    history = fit(model, LINE_X, LINE_Y, lr=1e200, epochs=10)
    assert history.epochs == [0]
    assert numbers(model) == [0.0, 0.0]


def test_ctrl_c_while_the_parameters_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    put_back, calls = training._put_back, 0

    def cut_off(parameters: Any, sound: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            put_back(parameters[:1], sound[:1])
            raise KeyboardInterrupt
        put_back(parameters, sound)

    monkeypatch.setattr(training, "_put_back", cut_off)
    model = line()
    history = fit(model, LINE_X, LINE_Y, lr=1e200, epochs=10)
    assert (history.interrupted, calls) == (True, 2)
    assert numbers(model) == [0.0, 0.0]


def test_other_errors_come_through() -> None:
    def stop(epoch: int, loss: float) -> None:
        raise RuntimeError("of my own")

    with pytest.raises(RuntimeError, match="of my own"):
        fit(line(), LINE_X, LINE_Y, epochs=2, on_epoch=stop)


# --- the history --------------------------------------------------------------------------------------------------


def test_the_csv_keeps_every_bit(tmp_path: Path) -> None:
    history = fit(line(), LINE_X, LINE_Y, epochs=3, validation=([[3.0]], [7.0]))
    history.csv(tmp_path / "loss.csv")
    with open(tmp_path / "loss.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == history.epochs
    assert [float(row["loss"]) for row in rows] == history.losses
    assert [float(row["validation_loss"]) for row in rows] == history.validation_losses


def test_the_csv_without_a_validation_part_has_two_columns(tmp_path: Path) -> None:
    History(epochs=[0, 10], losses=[0.1, 1e-300]).csv(tmp_path / "loss.csv")
    assert (tmp_path / "loss.csv").read_bytes() == b"epoch,loss\n0,0.1\n10,1e-300\n"


def test_a_csv_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"loss\.csv: cannot be written"):
        History().csv(tmp_path / "nowhere" / "loss.csv")
    assert os.listdir(tmp_path) == []


def test_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra [plot] is not installed")
    ax = History(epochs=[0, 1], losses=[0.5, 0.25], validation_losses=[0.6, 0.5]).plot()
    training, validation = ax.get_lines()
    assert [list(training.get_xdata()), list(training.get_ydata())] == [[0, 1], [0.5, 0.25]]
    assert list(validation.get_ydata()) == [0.6, 0.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]
    ax.figure.savefig(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert History(epochs=[0], losses=[1.0]).plot(ax) is ax
    pyplot.close(ax.figure)


def test_without_matplotlib_the_plot_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "microgradnet\[plot\]"'):
        History().plot()


# --- the bar ------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    history = fit(line(), LINE_X, LINE_Y, epochs=7)
    shown = terminal.getvalue()
    assert "7/7" in shown
    assert f"loss {history.losses[-1]:.6g}" in shown


def test_no_bar_without_a_terminal_or_when_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(line(), LINE_X, LINE_Y, epochs=2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    fit(line(), LINE_X, LINE_Y, epochs=2, progress=False)
    assert terminal.getvalue() == ""


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "settings", "text"),
    [
        (LINE_X, LINE_Y[:3], {}, "fit: X has 4 rows and y has 3"),
        ([], [], {}, "fit: X has 0 rows and y has 0"),
        ([[1.0], [1.0, 2.0]], [1, 2], {}, "fit: row 1 of X has 2 numbers and row 0 has 1"),
        ([[1.0], [2.0]], [[1], [1, 2]], {}, "fit: row 1 of y has 2 numbers and row 0 has 1"),
        ([[1.0, 2.0]] * 2, [1, 2], {}, "fit: row 0: a sample of 2 elements for a model of 1 inputs"),
        ([[1.0]], [[1.0, 2.0]], {}, "fit: row 0: mse: prediction is a single number and target is a sequence of 2"),
        ([[1.0], [math.nan]], [1, 2], {}, "fit: row 1, column 0 of X is nan"),
        ([[1.0], [2.0]], [1, math.inf], {}, "fit: row 1, column 0 of y is inf"),
        ([[1.0], [10**400]], [1, 2], {}, "fit: row 1, column 0 of X is inf"),
        (LINE_X, [1, -1, 0, 1], {"loss": "hinge"}, "fit: row 2: hinge wants targets of -1 or 1, got 0.0"),
        (LINE_X, [0, 1, 0, 2], {"loss": "binary_cross_entropy_with_logits"}, "fit: row 3: .* targets from 0 to 1"),
        (LINE_X, [0, 1, 0, 2], {"loss": "cross_entropy"}, "fit: row 0: cross_entropy wants a list of logits"),
        (LINE_X, [1, 1, 1, 0], {"loss": "hinge", "validation": 0.5, "seed": 1}, "fit: row 3: hinge wants"),
        (LINE_X, LINE_Y, {"loss": "msee"}, "unknown loss 'msee'; take one of: mse, mae, huber"),
        (LINE_X, LINE_Y, {"epochs": 0}, "fit: epochs must be at least 1, got 0"),
        (LINE_X, LINE_Y, {"batch": 0}, "fit: batch must be at least 1, got 0"),
        (LINE_X, LINE_Y, {"every": -1}, "fit: every must be at least 1, got -1"),
        (LINE_X, LINE_Y, {"seed": -1}, "fit: seed must be at least 0, got -1"),
        (LINE_X, LINE_Y, {"lr": -1}, "lr must be a finite number of at least 0, got -1"),
        (LINE_X, LINE_Y, {"validation": 1.0}, "fit: validation must be a part between 0 and 1, such as 0.25, got 1.0"),
        (LINE_X, LINE_Y, {"validation": 0.1}, "fit: 0.1 of 4 rows leaves one part empty"),
        (LINE_X, LINE_Y, {"validation": ([1],)}, r"validation must be a part such as 0.25, or \(X, y\), got 1 things"),
        (LINE_X, LINE_Y, {"validation": ([1], [])}, "fit: validation X has 1 rows and validation y has 0"),
        (LINE_X, LINE_Y, {"validation": ([[1, 2]], [1])}, "fit: row 0 of the validation part: a sample of 2 elements"),
        (LINE_X, LINE_Y, {"optimizer": SGD([Value(1.0)])}, "the optimizer holds no parameter of this model"),
        (LINE_X, LINE_Y, {"optimizer": SGD([Value(1.0)]), "lr": 0.1}, "either an optimizer, .* or lr, not both"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(
    X: Any, y: Any, settings: dict[str, Any], text: str
) -> None:
    model = line()
    with pytest.raises(InputError, match=text):
        fit(model, X, y, **settings)
    assert numbers(model) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("X", "y", "settings", "text"),
    [
        ([[1.0], ["2"]], [1, 2], {}, "fit: row 1, column 0 of X must be a number, got str '2'"),
        ([[1.0], [None]], [1, 2], {}, "fit: row 1, column 0 of X must be a number, got NoneType"),
        ([[1.0], [2.0]], ["a", "b"], {}, "fit: row 0, column 0 of y must be a number, got str 'a'"),
        ([[Value(1.0)]], [1], {}, "fit: row 0, column 0 of X must be a number, got Value"),
        (np.ones((2, 2, 2)), [1, 2], {}, "fit: row 0, column 0 of X must be a number, got list"),
        (3, [1], {}, "fit: X must be a list of rows or an array, got int 3"),
        ("1 2", [1], {}, "fit: X must be a list of rows or an array, got str '1 2'"),
        ({"a": [1]}, [1], {}, "fit: X must be a list of rows or an array, got dict"),
        (LINE_X, LINE_Y, {"epochs": 1.5}, "fit: epochs must be a whole number, got float 1.5"),
        (LINE_X, LINE_Y, {"seed": "a"}, "fit: seed must be a whole number"),
        (LINE_X, LINE_Y, {"validation": "0.2"}, r"validation must be a part such as 0.25, or \(X, y\), got str"),
        (LINE_X, LINE_Y, {"optimizer": "sgd"}, "fit: optimizer must be one of optim, .* got str 'sgd'"),
        (LINE_X, LINE_Y, {"loss": lambda p, t: 1.0}, "a loss must return a Value, got float 1.0"),
    ],
)
def test_wrong_kinds_are_type_errors(X: Any, y: Any, settings: dict[str, Any], text: str) -> None:
    model = line()
    with pytest.raises(TypeError, match=text):
        fit(model, X, y, **settings)
    assert numbers(model) == [0.0, 0.0]


def test_a_model_without_parameters_is_refused() -> None:
    class Constant(Module):
        def __call__(self, x: Any) -> Any:
            return Value(1.0)

    with pytest.raises(InputError, match="Constant has no parameters to train"):
        fit(Constant(), LINE_X, LINE_Y)
