"""The article's numbers by autograd: the derivative that it derives, all nine, the training, the seeds' table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import Value, article, dot, nn, sigmoid
from microgradnet.article import EMILY, FRANK, NAMES, PEOPLE, Person
from microgradnet.exhibit import POINT, exhibit, network
from microgradnet.graph import Graph
from microgradnet.losses import mse
from microgradnet.training import fit

ALICE = PEOPLE[0]
NINE = {  # at Alice, every weight 1, every bias 0, in float64
    "w1": 0.02146953526581111, "w2": 0.010734767632905555, "w3": 0.02146953526581111, "w4": 0.010734767632905555,
    "w5": -0.011269220242958155, "w6": -0.011269220242958155,
    "b1": -0.010734767632905555, "b2": -0.010734767632905555, "b3": -0.23761755952842809,
}  # fmt: skip


def close_to(x: float) -> object:
    return pytest.approx(x, rel=1e-14, abs=0)


def autograd(parameters: dict[str, float], person: Person) -> dict[str, float]:
    v = network(parameters, person)
    v["L"].backward()
    return {name: v[name].grad for name in NAMES}


# ---------------------------------------------------------------- the derivation


def test_dL_dw1_closed_form() -> None:
    """∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1 = -2 (y - ypred) · w5 f'(s3) · x1 f'(s1), and 0.02147 for Alice.

    Held factor by factor: the path goes through two sigmoids, so their signs, if both were wrong, would cancel.
    """
    w1, w2, w3, w4, w5, w6 = (Value(1.0) for _ in range(6))
    b1, b2, b3 = (Value(0.0) for _ in range(3))
    x1, x2, y = ALICE.x1, ALICE.x2, ALICE.y
    h1 = sigmoid(w1 * x1 + w2 * x2 + b1)
    h2 = sigmoid(w3 * x1 + w4 * x2 + b2)
    ypred = sigmoid(w5 * h1 + w6 * h2 + b3)
    loss = (y - ypred) ** 2
    loss.backward()

    by_hand = article.factors(POINT, x1, x2, y)
    assert ypred.grad == close_to(by_hand["dL_dypred"])
    assert h1.grad == close_to(by_hand["dL_dypred"] * by_hand["dypred_dh1"])
    assert w1.grad == close_to(by_hand["dL_dypred"] * by_hand["dypred_dh1"] * by_hand["dh1_dw1"])
    assert w1.grad == close_to(article.gradients(POINT, x1, x2, y)["w1"])
    assert w1.grad == close_to(0.02146953526581111)


def test_all_nine_as_the_article_has_them() -> None:
    assert autograd(POINT, ALICE) == pytest.approx(NINE, rel=1e-14, abs=0)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda p: p.name)
def test_all_nine_are_the_closed_form_for_everyone(person: Person) -> None:
    closed_form = article.gradients(POINT, person.x1, person.x2, person.y)
    by_machine = autograd(POINT, person)
    for name in NAMES:
        assert by_machine[name] == close_to(closed_form[name]), name


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(-10, 10))), st.sampled_from(PEOPLE))
def test_all_nine_are_the_closed_form_anywhere(parameters: dict[str, float], person: Person) -> None:
    """Within 1e-14 of the same product with each f' replaced by 1: where f is saturated, f' is all rounding."""
    p, v = parameters, article.forward(parameters, person.x1, person.x2)
    upstream = 2 * abs(person.y - v.ypred)
    without_slopes = {
        "w1": p["w5"] * person.x1, "w2": p["w5"] * person.x2, "b1": p["w5"],
        "w3": p["w6"] * person.x1, "w4": p["w6"] * person.x2, "b2": p["w6"],
        "w5": v.h1, "w6": v.h2, "b3": 1.0,
    }  # fmt: skip
    closed_form, by_machine = article.gradients(p, person.x1, person.x2, person.y), autograd(p, person)
    for name in NAMES:
        smallest = 1e-300  # below, floats have fewer digits
        assert abs(by_machine[name] - closed_form[name]) <= 1e-14 * upstream * abs(without_slopes[name]) + smallest


@pytest.mark.parametrize(
    ("of", "by", "exact", "rounded"),
    [
        ("L", "ypred", -0.9526096518320006, -0.952),
        ("ypred", "h1", 0.24943853872512894, 0.249),
        ("h1", "w1", -0.09035331946182427, -0.0904),
        ("L", "w1", 0.02146953526581111, 0.0214),
    ],
)
def test_each_factor_of_the_chain(of: str, by: str, exact: float, rounded: float) -> None:
    graph = Graph(network(POINT, ALICE)[of])
    factor = graph.gradient()[graph.number(by)]
    assert factor == pytest.approx(exact, rel=1e-14, abs=0)
    assert factor == pytest.approx(rounded, rel=4e-3)


# ---------------------------------------------------------------- forward


def test_one_neuron() -> None:
    neuron = nn.Neuron(2, activation="sigmoid")
    neuron.load_state_dict({"weights.0": 0, "weights.1": 1, "bias": 4})
    assert neuron([2, 3]).data == pytest.approx(0.9990889488055994, rel=1e-15)


def test_three_equal_neurons() -> None:
    weights, bias = [Value(0.0), Value(1.0)], Value(0.0)
    h = sigmoid(dot(weights, [2, 3], bias))
    assert sigmoid(dot(weights, [h, h], bias)).data == pytest.approx(0.7216325609518421, rel=1e-15)


def test_mean_squared_error() -> None:
    assert mse([0, 0, 0, 0], [1, 0, 0, 1]).data == 0.5


def test_worked_example_forward() -> None:
    v = network(POINT, ALICE)
    assert v["h1"].data == v["h2"].data == pytest.approx(0.04742587317756678, rel=1e-15)
    assert v["ypred"].data == pytest.approx(0.5236951740839997, rel=1e-15)
    assert v["L"].data == pytest.approx(0.22686628719087137, rel=1e-15)
    assert (round(v["h1"].data, 4), round(v["ypred"].data, 3)) == (0.0474, 0.524)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_a_thousand_epochs_by_autograd_and_by_hand_stay_together(seed: int) -> None:
    model = nn.MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=seed)
    start = article.draw_parameters(seed)
    assert {p.label: p.data for p in model.parameters()} == start
    history = fit(model, [[p.x1, p.x2] for p in PEOPLE], [p.y for p in PEOPLE], lr=0.1, epochs=1000, progress=False)
    by_hand, losses = article.train(start, epochs=1000, rate=0.1)
    assert {p.label: p.data for p in model.parameters()} == pytest.approx(by_hand, rel=1e-10, abs=0)
    assert history.losses == pytest.approx(losses, rel=1e-10, abs=0)


@pytest.mark.parametrize(
    ("seed", "first", "last", "emily", "frank"),
    [
        (0, "0.352", "0.0024", "0.946", "0.040"),
        (3, "0.250", "0.0015", "0.965", "0.039"),
        (6, "0.091", "0.0014", "0.972", "0.037"),
    ],
)
def test_seeds(seed: int, first: str, last: str, emily: str, frank: str) -> None:
    shown = exhibit(seed=seed)
    losses = dict(zip(shown.history.epochs, shown.history.losses, strict=True))
    assert (f"{losses[0]:.3f}", f"{losses[990]:.4f}") == (first, last)
    assert [(p, f"{ypred:.3f}") for p, ypred in shown.predictions] == [(EMILY, emily), (FRANK, frank)]
    assert list(losses) == list(range(0, 1000, 10))
    assert sorted(losses.values(), reverse=True) == list(losses.values())  # it falls steadily
