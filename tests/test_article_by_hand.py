"""The article by hand: every number of the article, and its closed form held against mpmath at 50 digits."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import article
from microgradnet.article import EMILY, FRANK, NAMES, PEOPLE, Neuron

ONES = {name: float(name.startswith("w")) for name in NAMES}
ALICE = PEOPLE[0]

numbers = st.floats(-3, 3)
parameter_sets = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))


def exactly(*values: float) -> object:
    return pytest.approx(values[0] if len(values) == 1 else list(values), rel=3e-16, abs=0)


# ---------------------------------------------------------------- the numbers that the article prints


def test_nothing_of_ours_is_imported() -> None:
    tree = ast.parse(inspect.getsource(article))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [f"{'.' * node.level}{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert sorted(set(imported)) == ["__future__", "collections.abc", "math", "numpy", "typing"]


def test_one_neuron() -> None:
    assert Neuron([0, 1], 4).feedforward([2, 3]) == 0.9990889488055994


def test_three_equal_neurons() -> None:
    neuron = Neuron([0, 1], 0)
    hidden = neuron.feedforward([2, 3])
    assert neuron.feedforward([hidden, hidden]) == 0.7216325609518421
    assert repr(neuron) == "Neuron([0, 1], 0)"


def test_neuron_wants_one_input_for_each_weight() -> None:
    with pytest.raises(ValueError, match="zip"):
        Neuron([0, 1], 4).feedforward([2, 3, 4])


def test_mean_squared_error() -> None:
    assert article.mse_loss([1, 0, 0, 1], [0, 0, 0, 0]) == 0.5
    assert article.mse_loss(np.array([1, 0, 0, 1]), np.array([0, 0, 0, 0])) == 0.5


@pytest.mark.parametrize(("y_true", "y_pred"), [([1, 0], [1]), ([1], [1, 0]), ([], [])])
def test_mean_squared_error_of_rows_that_do_not_fit(y_true: list[float], y_pred: list[float]) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)|at least one"):
        article.mse_loss(y_true, y_pred)


def test_the_four_people() -> None:
    assert [tuple(person) for person in PEOPLE] == [
        ("Alice", 133, 65, -2, -1, "F", 1),
        ("Bob", 160, 72, 25, 6, "M", 0),
        ("Charlie", 152, 70, 17, 4, "M", 0),
        ("Diana", 120, 60, -15, -6, "F", 1),
    ]


def test_the_two_to_predict() -> None:
    assert tuple(EMILY) == ("Emily", 128, 63, -7, -3, "F", 1)
    assert tuple(FRANK) == ("Frank", 155, 68, 20, 2, "M", 0)


def test_worked_example_forward() -> None:
    alice = article.forward(ONES, ALICE.x1, ALICE.x2)
    assert (alice.s1, alice.s2) == (-3, -3)
    assert alice.h1 == alice.h2 == exactly(0.04742587317756678)
    assert alice.ypred == exactly(0.5236951740839997)
    assert article.loss(ONES, [ALICE]) == exactly(0.22686628719087137)


def test_worked_example_factors() -> None:
    factors = article.factors(ONES, ALICE.x1, ALICE.x2, ALICE.y)
    assert factors["dL_dypred"] == exactly(-0.9526096518320006)
    assert factors["dypred_dh1"] == exactly(0.24943853872512894)
    assert factors["dh1_dw1"] == exactly(-0.09035331946182427)


def test_worked_example_all_nine() -> None:
    gradient = article.gradients(ONES, ALICE.x1, ALICE.x2, ALICE.y)
    assert tuple(gradient) == NAMES
    assert list(gradient.values()) == exactly(
        0.02146953526581111,
        0.010734767632905555,
        0.02146953526581111,
        0.010734767632905555,
        -0.011269220242958155,
        -0.011269220242958155,
        -0.010734767632905555,
        -0.010734767632905555,
        -0.23761755952842809,
    )


@pytest.mark.parametrize(
    ("quantity", "rounded"),
    [("dL_dypred", "-0.952"), ("dypred_dh1", "0.249"), ("dh1_dw1", "-0.0904")],
)
def test_worked_example_as_the_article_rounds_it(quantity: str, rounded: str) -> None:
    """The article rounds as it goes: each of its numbers is ours within one unit of its last digit."""
    ours = article.factors(ONES, ALICE.x1, ALICE.x2, ALICE.y)[quantity]
    assert ours == pytest.approx(float(rounded), rel=0, abs=10.0 ** -len(rounded.partition(".")[2]))


def test_the_article_s_own_product_is_of_rounded_factors() -> None:
    assert f"{-0.952 * 0.249 * -0.0904:.4f}" == "0.0214"
    assert f"{article.gradients(ONES, -2, -1, 1)['w1']:.4f}" == "0.0215"


@pytest.mark.parametrize(
    ("seed", "first", "last", "emily", "frank"),
    [
        (0, "0.352", "0.0024", "0.946", "0.040"),
        (3, "0.250", "0.0015", "0.965", "0.039"),
        (6, "0.091", "0.0014", "0.972", "0.037"),
    ],
)
def test_seeds(seed: int, first: str, last: str, emily: str, frank: str) -> None:
    start = article.draw_parameters(seed)
    before = dict(start)
    trained, losses = article.train(start)
    assert len(losses) == 1000
    assert (f"{losses[0]:.3f}", f"{losses[990]:.4f}") == (first, last)
    assert f"{article.feedforward(trained, EMILY.x1, EMILY.x2):.3f}" == emily
    assert f"{article.feedforward(trained, FRANK.x1, FRANK.x2):.3f}" == frank
    reported = losses[::10]
    assert all(later < earlier for earlier, later in pairwise(reported)), "falls steadily"
    assert start == before, "the parameters given are left alone"
    assert losses[-1] == article.loss(trained)


def test_starting_values_are_those_of_numpy_s_global_generator() -> None:
    state = np.random.get_state()
    try:
        np.random.seed(6)
        expected = [np.random.normal() for _ in range(9)]
    finally:
        np.random.set_state(state)
    drawn = article.draw_parameters(6)
    assert tuple(drawn) == NAMES
    assert list(drawn.values()) == expected
    assert {type(value) for value in drawn.values()} == {float}


def test_drawing_leaves_numpy_s_global_generator_alone() -> None:
    before = np.random.get_state()[1].tolist()
    article.draw_parameters(6)
    assert np.random.get_state()[1].tolist() == before


# ---------------------------------------------------------------- laws


def true_sigmoid(x: object) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


def true_loss(values: list[mpmath.mpf], x1: float, x2: float, y: float) -> mpmath.mpf:
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = values
    h1 = true_sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = true_sigmoid(w3 * x1 + w4 * x2 + b2)
    return (y - true_sigmoid(w5 * h1 + w6 * h2 + b3)) ** 2


@given(parameter_sets, numbers, numbers, st.sampled_from([0.0, 1.0, 0.25]))
def test_the_nine_derivatives_against_50_digits(
    parameters: dict[str, float], x1: float, x2: float, y_true: float
) -> None:
    """The truth is mpmath's derivative of the loss itself, which knows nothing of the chain rule.

    Rounding of the sums is magnified where f' is tiny, so what may differ is a part of the product without the f'.
    """
    gradient = article.gradients(parameters, x1, x2, y_true)
    point = [mpmath.mpf(parameters[name]) for name in NAMES]
    scale = {"w1": "w5", "w2": "w5", "b1": "w5", "w3": "w6", "w4": "w6", "b2": "w6"}
    for place, name in enumerate(NAMES):
        with mpmath.workdps(50):
            true = mpmath.diff(
                lambda v, i=place: true_loss([*point[:i], v, *point[i + 1 :]], x1, x2, y_true), point[place]
            )
        largest = 2 * abs(parameters.get(scale.get(name, ""), 1.0)) * max(abs(x1), abs(x2), 1)
        assert abs(gradient[name] - true) <= 1e-14 * largest + 1e-30, name


@given(st.floats(allow_nan=False))
def test_sigmoid_of_any_number(x: float) -> None:
    y = article.sigmoid(x)
    with mpmath.workdps(50):
        true = true_sigmoid(mpmath.mpf(x)) if abs(x) < 1e4 else mpmath.mpf(x > 0)
        assert abs(y - true) <= 4e-16 * true + mpmath.mpf(5e-324)


@given(st.floats(-750, 750))
def test_sigmoid_and_its_mirror_image_add_up_to_one(x: float) -> None:
    assert article.sigmoid(x) + article.sigmoid(-x) == pytest.approx(1, rel=3e-16)
    assert article.deriv_sigmoid(x) == pytest.approx(article.deriv_sigmoid(-x), abs=2e-16)
    assert 0 <= article.deriv_sigmoid(x) <= 0.25


@pytest.mark.parametrize("x", [-1e308, -1000.0, -746.0, float("-inf")])
def test_sigmoid_does_not_overflow(x: float) -> None:
    assert article.sigmoid(x) == 0
    assert article.sigmoid(-x) == 1


def test_sigmoid_at_the_smallest_numbers() -> None:
    assert article.sigmoid(-745.0) == 5e-324
    assert article.sigmoid(-700.0) == pytest.approx(article.sigmoid(-700.0000000000001), rel=1e-12)


@given(parameter_sets, st.sampled_from(PEOPLE), st.floats(0.001, 1))
def test_a_step_takes_every_derivative_at_the_old_values(
    parameters: dict[str, float], person: article.Person, rate: float
) -> None:
    before = dict(parameters)
    after = article.step(parameters, person, rate)
    gradient = article.gradients(before, person.x1, person.x2, person.y)
    assert after == {name: before[name] - rate * gradient[name] for name in NAMES}
    assert parameters == before


@given(parameter_sets, st.sampled_from(PEOPLE))
def test_a_small_step_lowers_the_loss_of_that_person(parameters: dict[str, float], person: article.Person) -> None:
    lower = article.loss(article.step(parameters, person, 1e-4), [person])
    assert lower <= article.loss(parameters, [person]) * (1 + 1e-15)


@given(parameter_sets, st.sampled_from(PEOPLE))
def test_swapping_the_hidden_neurons_swaps_their_derivatives(
    parameters: dict[str, float], person: article.Person
) -> None:
    other = dict(zip(NAMES, ("w3", "w4", "w1", "w2", "w6", "w5", "b2", "b1", "b3"), strict=True))
    gradient = article.gradients(parameters, person.x1, person.x2, person.y)
    swapped = article.gradients({n: parameters[other[n]] for n in NAMES}, person.x1, person.x2, person.y)
    assert [swapped[n] for n in NAMES] == pytest.approx([gradient[other[n]] for n in NAMES], rel=1e-12, abs=1e-18)


def test_training_as_a_plain_loop_over_the_article_s_formulas() -> None:
    """The same training written as the article writes it: attributes in place, NumPy's exp."""
    rng = np.random.RandomState(3)
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = (rng.normal() for _ in range(9))

    def f(x: float) -> float:
        return 1 / (1 + np.exp(-x))

    for _ in range(50):
        for x1, x2, y in ((-2, -1, 1), (25, 6, 0), (17, 4, 0), (-15, -6, 1)):
            h1, h2 = f(w1 * x1 + w2 * x2 + b1), f(w3 * x1 + w4 * x2 + b2)
            p = f(w5 * h1 + w6 * h2 + b3)
            d_L, d_o = -2 * (y - p), p * (1 - p)
            d_1, d_2 = w5 * d_o * h1 * (1 - h1), w6 * d_o * h2 * (1 - h2)
            w1 -= 0.1 * d_L * d_1 * x1
            w2 -= 0.1 * d_L * d_1 * x2
            b1 -= 0.1 * d_L * d_1
            w3 -= 0.1 * d_L * d_2 * x1
            w4 -= 0.1 * d_L * d_2 * x2
            b2 -= 0.1 * d_L * d_2
            w5 -= 0.1 * d_L * h1 * d_o
            w6 -= 0.1 * d_L * h2 * d_o
            b3 -= 0.1 * d_L * d_o
    trained, _ = article.train(article.draw_parameters(3), epochs=50)
    assert list(trained.values()) == pytest.approx([w1, w2, w3, w4, w5, w6, b1, b2, b3], rel=1e-12)


def test_no_epochs_no_change() -> None:
    assert article.train(ONES, epochs=0) == (ONES, [])


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(KeyError, match="b3"):
        article.forward(dict.fromkeys(NAMES[:-1], 1.0), 0, 0)
