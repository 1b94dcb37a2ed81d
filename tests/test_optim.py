"""Optimisers: equal to PyTorch step for step (frozen/make_torch_numbers.py), on floats and arrays, all or nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradnet import optim
from microgradnet.errors import InputError
from microgradnet.optim import SGD, Adam, AdamW, Optimizer
from microgradnet.value import Value

FROZEN = json.loads((Path(__file__).parent / "frozen" / "optimisers.json").read_text(encoding="utf-8"))["cases"]
SCHEDULES: dict[str, Any] = {
    "constant": lambda rate: rate,
    "halved every third epoch": lambda rate: lambda epoch: rate * 0.5 ** (epoch // 3),
}


def name_of(case: dict[str, Any]) -> str:
    options = " ".join(f"{key}={value}" for key, value in case["options"].items())
    return f"{case['optimiser']} {options} {case['schedule']}"


def made(case: dict[str, Any], parameters: list[Value]) -> Optimizer:
    options = dict(case["options"])
    lr = SCHEDULES[case["schedule"]](options.pop("lr"))
    result: Optimizer = getattr(optim, case["optimiser"])(parameters, lr=lr, **options)
    return result


def assert_close(numbers: Any, path: list[list[float]], step: int) -> None:
    """Within 5e-15 of the largest size that each parameter has had: one that passes through 0 loses digits there."""
    for i, number in enumerate(numbers):
        size = max(abs(row[i]) for row in path[: step + 1])
        assert abs(number - path[step][i]) <= 5e-15 * size, f"parameter {i} after step {step}"


@pytest.mark.parametrize("case", FROZEN, ids=name_of)
def test_ten_steps_equal_pytorch(case: dict[str, Any]) -> None:
    parameters = [Value(x) for x in case["start"]]
    optimizer = made(case, parameters)
    for epoch, gradients in enumerate(case["gradients"]):
        optimizer.epoch = epoch
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        optimizer.step()
        assert_close([p.data for p in parameters], case["path"], epoch)
        assert all(type(p.data) is float for p in parameters)


@pytest.mark.parametrize("case", FROZEN, ids=name_of)
def test_the_formula_serves_arrays(case: dict[str, Any]) -> None:
    """A whole array in one update equals PyTorch too."""
    optimizer = made(case, [Value(0.0)])
    parameters, state = np.array(case["start"]), optimizer.initial_state
    for epoch, gradients in enumerate(case["gradients"]):
        optimizer.epoch = epoch
        before = parameters.copy()
        after, state = optimizer.update(parameters, np.array(gradients), state, optimizer.rate)
        np.testing.assert_array_equal(parameters, before)  # nothing is changed in place
        parameters = after
        assert_close(parameters.tolist(), case["path"], epoch)


def test_plain_descent_is_the_article_s_statement() -> None:
    w = Value(0.3)
    w.grad = -1.7
    SGD([w], lr=0.1).step()
    assert w.data == 0.3 - 0.1 * -1.7


def test_all_parameters_move_from_the_values_before_the_step() -> None:
    a, b = Value(2.0), Value(3.0)
    (a * b).backward()
    SGD([a, b], lr=1.0).step()
    assert (a.data, b.data) == (-1.0, 1.0)


def test_a_zero_gradient_is_no_trouble_for_adam() -> None:
    w = Value(1.0)
    Adam([w]).step()
    assert w.data == 1.0


def test_zero_grad() -> None:
    a, b = Value(2.0), Value(3.0)
    (a * b).backward()
    SGD([a]).zero_grad()
    assert (a.grad, b.grad) == (0.0, 2.0)


def test_parameters_may_come_from_a_generator() -> None:
    assert len(SGD(Value(i) for i in range(3)).parameters) == 3


def test_the_rate_follows_the_epoch() -> None:
    optimizer = SGD([Value(1.0)], lr=lambda epoch: 1.0 / (1 + epoch))
    rates = []
    for epoch in range(3):
        optimizer.epoch = epoch
        rates.append(optimizer.rate)
    assert rates == [1.0, 0.5, 1 / 3]


def run_cut_off(optimizer: Optimizer, at: int) -> bool:
    """A step in which KeyboardInterrupt comes at the `at`-th line that optim.py executes. False when there is none."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != optim.__file__:
            return None
        if event == "line":
            count += 1
            if count == at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        optimizer.step()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_an_interrupt_leaves_a_whole_number_of_steps(kind: type[Any]) -> None:
    """Ctrl-C at every line of a step: parameters and state are those of before it or of after it, never between."""

    def prepared() -> Optimizer:
        parameters = [Value(1.0), Value(-2.0), Value(0.5)]
        options: dict[str, Any] = {"momentum": 0.9} if kind is SGD else {}
        optimizer: Optimizer = kind(parameters, lr=0.1, **options)
        for i, p in enumerate(parameters):
            p.grad = 1.0 + i
        optimizer.step()
        return optimizer

    def situation(optimizer: Optimizer) -> Any:
        return [p.data for p in optimizer.parameters], optimizer.states

    before = situation(prepared())
    whole = prepared()
    whole.step()
    after = situation(whole)
    assert before != after
    seen, at = [], 1
    while run_cut_off(optimizer := prepared(), at):
        assert situation(optimizer) in (before, after), f"line event {at}"
        seen.append(situation(optimizer) == after)
        at += 1
    assert {True, False} == set(seen)  # it was cut before the numbers were known, and after


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: SGD(p, lr=-0.1), "lr must be a finite number of at least 0, got -0.1"),
        (lambda p: SGD(p, lr=float("nan")), "lr must be a finite number of at least 0, got nan"),
        (lambda p: SGD(p, lr=float("inf")), "lr must be a finite number"),
        (lambda p: SGD(p, momentum=-1), "momentum must be a finite number of at least 0"),
        (lambda p: SGD(p, weight_decay=-1), "weight_decay must be"),
        (lambda p: SGD(p, nesterov=True), "nesterov=True needs a momentum above 0"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"betas must be at least 0 and below 1, got \(0.9, 1.0\)"),
        (lambda p: Adam(p, betas=(-0.1, 0.9)), "betas must be at least 0"),
        (lambda p: Adam(p, betas=0.9), "betas must be two numbers"),
        (lambda p: Adam(p, betas=(0.9,)), "betas must be two numbers"),
        (lambda p: Adam(p, eps=0), "eps must be above 0"),
        (lambda p: Adam(p, eps=-1e-8), "eps must be a finite number of at least 0"),
        (lambda p: AdamW(p, weight_decay=-0.01), "weight_decay must be"),
        (lambda p: SGD([]), "at least one parameter, got an empty list"),
        (lambda p: SGD([*p, *p]), "one stands in the list twice"),
        (lambda p: SGD([p[0] * 2]), "parameter 0 is the result of 'mul'"),
    ],
)
def test_wrong_settings_are_refused(make: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make([Value(1.0)])


def test_a_negative_rate_of_a_function_is_refused_and_nothing_moves() -> None:
    w = Value(1.0)
    w.grad = 1.0
    optimizer = SGD([w], lr=lambda epoch: 1.0 - epoch)
    optimizer.epoch = 3
    with pytest.raises(InputError, match=r"lr\(3\) must be a finite number of at least 0, got -2.0"):
        optimizer.step()
    assert w.data == 1.0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SGD(Value(1.0)), "wants a list of Values, got Value"),
        (lambda: SGD(7), "wants a list of Values, got int"),
        (lambda: SGD([1.0]), "element 0 is of type float"),
        (lambda: SGD([Value(1.0)], lr="0.1"), "lr wants a number, got str '0.1'"),
        (lambda: SGD([Value(1.0)], momentum=None), "momentum wants a number, got NoneType"),
        (lambda: Adam([Value(1.0)], eps=10**400), "eps wants a number, got int"),
    ],
)
def test_wrong_kinds_are_type_errors(make: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        make()


def test_a_bare_optimizer_says_that_it_has_no_update() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        Optimizer([Value(1.0)], 0.1).step()
