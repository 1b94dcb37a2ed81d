"""Losses: PyTorch's values and derivatives (frozen/make_torch_numbers.py), and what happens at the edges."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import losses
from microgradnet.errors import InputError
from microgradnet.losses import LOSSES
from microgradnet.value import Value

FROZEN = json.loads((Path(__file__).parent / "frozen" / "losses.json").read_text(encoding="utf-8"))["cases"]


def name_of(case: dict[str, Any]) -> str:
    return f"{case['loss']} {case['options']} {case['prediction']!s:.30}"


def nested(function: Any, x: Any) -> Any:
    return [nested(function, item) for item in x] if isinstance(x, list) else function(x)


def flat(x: Any) -> Iterator[Any]:
    if isinstance(x, list):
        for item in x:
            yield from flat(item)
    else:
        yield x


@pytest.mark.parametrize("case", FROZEN, ids=name_of)
def test_value_and_derivative_equal_pytorch(case: dict[str, Any]) -> None:
    prediction = nested(Value, case["prediction"])
    loss = getattr(losses, case["loss"])(prediction, case["target"], **case["options"])
    loss.backward()
    largest = max(abs(x) for x in flat(case["prediction"]))  # of logits: softplus(30) - 30 has the digits of 30
    digits_of = largest if "logits" in case["loss"] or case["loss"] == "cross_entropy" else 0.0
    assert loss.data == pytest.approx(case["value"], rel=1e-14, abs=1e-15 * digits_of)
    gradient = [p.grad for p in flat(prediction)]
    assert gradient == pytest.approx(list(flat(case["gradient"])), rel=1e-14, abs=3e-16)


@pytest.mark.parametrize("case", FROZEN, ids=name_of)
def test_plain_numbers_arrays_and_values_give_the_same(case: dict[str, Any]) -> None:
    loss = getattr(losses, case["loss"])
    of_values = loss(nested(Value, case["prediction"]), case["target"], **case["options"])
    of_numbers = loss(case["prediction"], case["target"], **case["options"])
    of_arrays = loss(np.array(case["prediction"]), np.array(case["target"]), **case["options"])
    assert isinstance(of_numbers, Value)
    assert of_numbers.data == of_values.data == of_arrays.data


def test_the_article_s_mean_squared_error() -> None:
    assert losses.mse([0, 0, 0, 0], [1, 0, 0, 1]).data == 0.5


def test_the_article_s_dL_dypred() -> None:
    ypred = Value(0.5236951740839997)
    losses.mse(ypred, 1).backward()
    assert ypred.grad == -0.9526096518320006


def test_targets_may_be_values_and_get_a_gradient() -> None:
    p, t = Value(0.25), Value(1.0)
    losses.mse(p, t).backward()
    assert (p.grad, t.grad) == (-1.5, 1.5)


def test_two_levels_are_the_mean_over_all_elements() -> None:
    assert losses.mae([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]).data == 2.5


def test_one_pair_in_a_list_is_that_pair() -> None:
    assert losses.mse([3.0], [1.0]).data == losses.mse(3.0, 1.0).data == 4.0


finite = st.floats(-1e3, 1e3)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=6))
def test_against_numpy(pairs: list[tuple[float, float]]) -> None:
    p, t = (np.array(column) for column in zip(*pairs, strict=True))
    d = np.abs(p - t)
    assert losses.mse(p, t).data == pytest.approx(np.mean(d * d), rel=1e-14)
    assert losses.mae(p, t).data == pytest.approx(np.mean(d), rel=1e-14)
    expected = np.mean(np.where(d <= 2.0, d * d / 2, 2.0 * (d - 1.0)))
    assert losses.huber(p, t, delta=2.0).data == pytest.approx(expected, rel=1e-14)
    side = np.where(t < 0, -1.0, 1.0)
    assert losses.hinge(p, side).data == pytest.approx(np.mean(np.maximum(0, 1 - side * p)), rel=1e-14)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6), st.data())
def test_cross_entropy_is_minus_the_log_of_softmax(logits: list[float], data: st.DataObject) -> None:
    chosen = data.draw(st.integers(0, len(logits) - 1))
    values = [Value(x) for x in logits]
    loss = losses.cross_entropy(values, chosen)
    loss.backward()
    share = np.exp(logits) / np.sum(np.exp(logits))
    assert loss.data == pytest.approx(-np.log(share[chosen]), rel=1e-12, abs=1e-13)
    one_hot = np.arange(len(logits)) == chosen
    assert [v.grad for v in values] == pytest.approx(list(share - one_hot), rel=1e-12, abs=1e-14)


@given(st.floats(-700, 700), st.floats(0, 1))
def test_from_logits_it_is_the_same_loss(x: float, t: float) -> None:
    logit = Value(x)
    loss = losses.binary_cross_entropy_with_logits(logit, t)
    loss.backward()
    p = 1 / (1 + math.exp(-x))
    assert logit.grad == pytest.approx(p - t, abs=1e-15)
    if abs(x) < 20:
        assert loss.data == pytest.approx(losses.binary_cross_entropy(p, t).data, rel=1e-6, abs=1e-14)


def test_class_numbers_may_be_whole_floats() -> None:
    assert losses.cross_entropy([1.0, 2.0], 1.0).data == losses.cross_entropy([1.0, 2.0], 1).data


def test_a_recorded_class_number() -> None:
    logits, number = [Value(1.0), Value(2.0)], Value(1.0)
    loss = losses.cross_entropy(logits, number)
    loss.backward()
    assert loss.data == losses.cross_entropy([1.0, 2.0], 1).data
    assert number.grad == 0.0


@pytest.mark.parametrize(
    ("p", "t", "value", "slope"),
    [
        (0.0, 0.0, 0.0, 1.0),  # right and certain: nothing to pay; the slope is that of -log(1 - p)
        (1.0, 1.0, 0.0, -1.0),
        (0.0, 1.0, 100.0, 0.0),  # wrong and certain: cut at -100, as PyTorch cuts, and no gradient
        (1.0, 0.0, 100.0, 0.0),
    ],
)
def test_binary_cross_entropy_at_certainty(p: float, t: float, value: float, slope: float) -> None:
    probability = Value(p)
    loss = losses.binary_cross_entropy(probability, t)
    loss.backward()
    assert (loss.data, probability.grad) == (value, slope)


def test_huber_far_out_is_finite() -> None:
    p = Value(1e200)
    loss = losses.huber(p, 0.0)
    loss.backward()
    assert (loss.data, p.grad) == (1e200, 1.0)


def test_mse_overflows_to_infinity_without_raising() -> None:
    assert losses.mse(1e200, 0.0).data == math.inf


@pytest.mark.parametrize("loss", [loss for loss in LOSSES.values() if loss is not losses.hinge])
def test_nan_stays_nan(loss: Any) -> None:
    if loss is losses.cross_entropy:
        assert math.isnan(loss([math.nan, 1.0], 1).data)
    else:
        assert math.isnan(loss(math.nan, 1.0).data)


def test_the_names_of_the_losses() -> None:
    assert sorted(LOSSES) == sorted(set(losses.__all__) - {"LOSSES"})
    assert all(getattr(losses, name) is loss for name, loss in LOSSES.items())


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: losses.mse([1, 2, 3], [1, 2]), "mse: prediction has 3 elements and target has 2"),
        (lambda: losses.mse([], []), "prediction has 0 elements and target has 0"),
        (lambda: losses.mse([1, 2], 1), "prediction is a sequence of 2 and target is a single number"),
        (lambda: losses.mse(1, [1, 2]), "prediction is a single number and target is a sequence of 2"),
        (lambda: losses.mae([[1], [2]], [1, 2]), r"prediction\[0\] is a sequence of 1 and target\[0\] is a single"),
        (lambda: losses.mae([[1], [2, 3]], [[1], [2]]), r"prediction\[1\] has 2 elements and target\[1\] has 1"),
        (lambda: losses.huber(1, 2, delta=0), "delta must be a finite number above 0, got 0"),
        (lambda: losses.huber(1, 2, delta=math.nan), "delta must be a finite number above 0, got nan"),
        (lambda: losses.binary_cross_entropy(1.5, 1), "wants a probability from 0 to 1, got 1.5"),
        (lambda: losses.binary_cross_entropy(-0.1, 1), "wants a probability from 0 to 1, got -0.1"),
        (lambda: losses.binary_cross_entropy(0.5, -1), "wants targets from 0 to 1, got -1.0"),
        (lambda: losses.binary_cross_entropy_with_logits(0.5, 2), "wants targets from 0 to 1, got 2.0"),
        (lambda: losses.hinge(0.5, 0), "hinge wants targets of -1 or 1, got 0.0"),
        (lambda: losses.cross_entropy(1.0, 0), "wants a list of logits, one per class, got a single number"),
        (lambda: losses.cross_entropy([1.0], 0), "at least two logits, one per class, got 1"),
        (lambda: losses.cross_entropy([1.0, 2.0], 2), "class 2 is none of the 2 classes"),
        (lambda: losses.cross_entropy([1.0, 2.0], -1), "class -1 is none of the 2 classes"),
        (lambda: losses.cross_entropy([1.0, 2.0], 0.5), "class 0.5 is none of the 2 classes"),
        (lambda: losses.cross_entropy([1.0, 2.0], math.nan), "class nan is none of the 2 classes"),
        (lambda: losses.cross_entropy([[1.0, 2.0]] * 2, [0, 5]), "class 5 in row 1 is none of the 2 classes"),
        (lambda: losses.cross_entropy([[1.0, 2.0]] * 2, [0]), "2 rows of logits and 1 classes do not go together"),
        (lambda: losses.cross_entropy([], []), "0 rows of logits and 0 classes"),
        (lambda: losses.cross_entropy([1.0, 2.0], [0, 1]), "row 0 of the logits is a single number"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.mse("1", 1),
        lambda: losses.mse(1, "1"),
        lambda: losses.mse(None, 1),
        lambda: losses.mse([1, 2], "12"),
        lambda: losses.hinge(1, 1j),
        lambda: losses.cross_entropy([1.0, 2.0], "0"),
        lambda: losses.cross_entropy([1.0, "2"], 0),
    ],
)
def test_what_is_no_number_is_a_type_error(call: Any) -> None:
    with pytest.raises((TypeError, InputError)) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
