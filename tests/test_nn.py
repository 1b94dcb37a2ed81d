"""Networks: PyTorch's outputs and gradients, the article's and micrograd's habits, models in files."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import functions, nn
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.nn import ACTIVATIONS, INITS, MLP, Layer, Module, Neuron
from microgradnet.value import Value

FROZEN = json.loads((Path(__file__).parent / "frozen" / "networks.json").read_text(encoding="utf-8"))["cases"]
ARTICLE_GRADIENT = {  # article.md of the derivation: Alice, every weight 1, every bias 0
    "w1": 0.02146953526581111, "w3": 0.02146953526581111, "w2": 0.010734767632905555, "w4": 0.010734767632905555,
    "w5": -0.011269220242958155, "w6": -0.011269220242958155, "b1": -0.010734767632905555,
    "b2": -0.010734767632905555, "b3": -0.23761755952842809,
}  # fmt: skip


def article_network(**numbers: float) -> MLP:
    """The article's network with every weight and bias as given by its letter."""
    model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="zeros")
    for p in model.parameters():
        assert p.label
        p.data = numbers.get(p.label, numbers.get(p.label[0], 0.0))
    return model


# --- what a network computes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", FROZEN, ids=lambda case: f"{case['activation']}-{case['output']}")
def test_outputs_and_gradients_equal_pytorch(case: dict[str, Any]) -> None:
    model = MLP(case["sizes"][0], case["sizes"][1:], case["activation"], case["output"])
    for p, number in zip(model.parameters(), case["parameters"], strict=True):
        p.data = number
    x = [Value(number) for number in case["x"]]
    first, second = model(x)
    (first * 2 - second).backward()
    assert [first.data, second.data] == pytest.approx(case["outputs"], rel=1e-14)
    assert [p.grad for p in model.parameters()] == pytest.approx(case["gradient"], rel=1e-13, abs=1e-16)
    assert [v.grad for v in x] == pytest.approx(case["input_gradient"], rel=1e-13, abs=1e-16)


def test_every_activation_is_held_against_pytorch() -> None:
    assert {case["activation"] for case in FROZEN} == set(ACTIVATIONS)


def test_the_article_s_neuron() -> None:
    neuron = Neuron(2, "sigmoid")
    for p, number in zip(neuron.parameters(), [0, 1, 4], strict=True):
        p.data = float(number)
    assert neuron([2, 3]).data == 0.9990889488055994


def test_the_article_s_network() -> None:
    model = article_network(w2=1.0, w4=1.0, w6=1.0)
    assert model([2, 3]).data == 0.7216325609518421


def test_the_article_s_nine_gradients() -> None:
    model = article_network(w=1.0)
    ((1 - model([-2, -1])) ** 2).backward()
    gradient = {p.label: p.grad for p in model.parameters()}
    assert gradient == pytest.approx(ARTICLE_GRADIENT, rel=1e-15)


def test_the_graph_has_two_nodes_per_neuron_and_the_article_s_names() -> None:
    model = article_network(w=1.0)
    o1 = model([-2, -1])
    (s3,) = o1.operands
    assert (o1.label, o1.op, s3.label, s3.op) == ("o1", "sigmoid", "s3", "dot")
    assert [v.label for v in s3.operands] == ["w5", "w6", "h1", "h2", "b3"]
    h1 = s3.operands[2]
    (s1,) = h1.operands
    assert (h1.op, s1.label, s1.op) == ("sigmoid", "s1", "dot")
    assert [getattr(v, "label", v) for v in s1.operands] == ["w1", "w2", -2.0, -1.0, "b1"]


def test_without_an_activation_a_neuron_is_one_node() -> None:
    out = MLP(1, [1])([3.0])
    assert (out.op, out.label) == ("dot", "o1")


def test_labels_are_numbered_through() -> None:
    model = MLP(2, [2, 2, 2], "tanh")
    assert [p.label for p in model.parameters()] == (
        ["w1", "w2", "b1", "w3", "w4", "b2", "w5", "w6", "b3", "w7", "w8", "b4", "w9", "w10", "b5", "w11", "w12", "b6"]
    )
    outputs = model([1.0, 2.0])
    assert [o.label for o in outputs] == ["o1", "o2"]
    hidden = outputs[0].operands[2:4]
    assert [h.label for h in hidden] == ["h3", "h4"]
    assert [h.operands[0].label for h in hidden] == ["s3", "s4"]


def test_a_sample_may_hold_numbers_values_or_be_an_array() -> None:
    model = MLP(3, [4, 1], "tanh", seed=1)
    expected = model([1.0, -2.0, 0.5]).data
    x = [Value(1.0), -2, np.float64(0.5)]
    assert model(x).data == model(np.array([1.0, -2.0, 0.5])).data == model((1, -2, 0.5)).data == expected
    assert model(np.array([1, -2, 0])).data == model([1, -2, 0]).data
    assert model(np.array([Value(1.0), Value(-2.0), Value(0.5)])).data == expected


def test_several_outputs_are_a_list_and_one_is_a_value() -> None:
    assert isinstance(MLP(2, [3])([1, 2]), list)
    assert isinstance(MLP(2, [1])([1, 2]), Value)
    assert isinstance(MLP(2, [1, 1])([1, 2]), Value)
    assert isinstance(Layer(2, 3)([1, 2]), list)
    assert isinstance(Layer(2, 1)([1, 2]), Value)


def test_predict_gives_the_floats_of_the_call() -> None:
    X = [[1.0, 2.0], [-0.5, 0.25]]
    one, two = MLP(2, [3, 1], "tanh", seed=1), MLP(2, [3, 2], "tanh", seed=1)
    assert one.predict(X) == [one(x).data for x in X]
    assert two.predict(np.array(X)) == [[v.data for v in two(x)] for x in X]


def test_a_layer_may_be_replaced_by_a_module_of_one_s_own() -> None:
    class Doubled(Module):
        def __call__(self, x: Any) -> Any:
            return [2 * v for v in x]

    model = MLP(1, [1, 1], "linear", init="zeros")
    model.layers[0].neurons[0].weights[0].data = model.layers[1].neurons[0].weights[0].data = 1.0
    model.layers.insert(1, Doubled())  # type: ignore[arg-type]
    assert model([3.0]).data == 6.0


# --- how a network starts -----------------------------------------------------------------------------------------


def test_uniform_draws_what_micrograd_draws() -> None:
    random.seed(1337)
    expected = [[random.uniform(-1, 1) for _ in range(n)] for n in (2, 2, 2, 3)]
    random.seed(1337)
    model = MLP(2, [3, 1])
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    assert [[w.data for w in neuron.weights] for neuron in neurons] == expected
    assert [neuron.bias.data for neuron in neurons] == [0.0] * 4


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_article_draws_what_the_article_draws(seed: int) -> None:
    np.random.seed(seed)
    names = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]
    expected = {name: np.random.normal() for name in names}
    model = MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=seed)
    assert {p.label: p.data for p in model.parameters()} == expected
    np.random.seed(seed)
    again = MLP(2, [2, 1], "sigmoid", "sigmoid", init="article")
    assert again.state_dict() == model.state_dict()


def test_xavier_and_he_have_the_spread_of_their_papers() -> None:
    xavier, he = MLP(50, [100, 20], init="xavier", seed=1), MLP(50, [100, 20], init="he", seed=1)
    for model, variances in ((xavier, [2 / 150, 2 / 120]), (he, [2 / 50, 2 / 100])):
        for layer, deviation in zip(model.layers, np.sqrt(variances), strict=True):
            weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
            assert np.std(weights) == pytest.approx(deviation, rel=0.05)
            assert abs(np.mean(weights)) < 0.1 * deviation
            assert all(neuron.bias.data == 0.0 for neuron in layer.neurons)
    bound = (6 / 150) ** 0.5
    weights = [w.data for neuron in xavier.layers[0].neurons for w in neuron.weights]
    assert 0.99 * bound < max(weights) <= bound


@pytest.mark.parametrize("init", INITS)
def test_a_seed_repeats_and_leaves_the_global_generators_alone(init: str) -> None:
    random.seed(1)
    np.random.seed(1)
    states = random.getstate(), np.random.get_state()[1].tolist()
    first, second = (MLP(3, [4, 2], init=init, seed=5).state_dict() for _ in range(2))
    assert first == second
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert (MLP(3, [4, 2], init=init, seed=6).state_dict() == first) == (init == "zeros")


def test_neurons_and_layers_start_as_networks_do() -> None:
    numbers = [p.data for p in MLP(3, [2], init="he", seed=4).parameters()]
    assert [p.data for p in Layer(3, 2, init="he", seed=4).parameters()] == numbers
    assert [p.data for p in Neuron(3, init="he", seed=4).parameters()] == [*numbers[:3], 0.0]


# --- micrograd's programs -----------------------------------------------------------------------------------------


def test_a_micrograd_program_runs_as_it_stands() -> None:
    """Its moons demo in small: loss and gradients of three steps, held against the same in NumPy by hand."""
    random.seed(1337)
    model = nn.MLP(2, [4, 3, 1])
    drawn = np.random.RandomState(2)
    X, y = drawn.normal(size=(7, 2)), drawn.choice([-1, 1], size=7)
    W = [np.array([[w.data for w in n.weights] for n in layer.neurons]) for layer in model.layers]
    b = [np.zeros(len(w)) for w in W]
    for _ in range(3):
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        data_losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
        data_loss = sum(data_losses) * (1.0 / len(data_losses))
        reg_loss = 1e-2 * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        model.zero_grad()
        total_loss.backward()

        a1 = np.maximum(X @ W[0].T + b[0], 0)
        a2 = np.maximum(a1 @ W[1].T + b[1], 0)
        margin = 1 - y * (a2 @ W[2].T + b[2])[:, 0]
        loss = np.maximum(margin, 0).mean() + 1e-2 * sum((v * v).sum() for v in [*W, *b])
        d3 = (-y * (margin > 0) / len(y))[:, None]
        d2 = d3 @ W[2] * (a2 > 0)
        d1 = d2 @ W[1] * (a1 > 0)
        dW = [d.T @ a + 2e-2 * w for d, a, w in zip((d1, d2, d3), (X, a1, a2), W, strict=True)]
        db = [d.sum(0) + 2e-2 * v for d, v in zip((d1, d2, d3), b, strict=True)]
        assert total_loss.data == pytest.approx(loss, rel=1e-13)
        by_hand = [g for w, v in zip(dW, db, strict=True) for row, c in zip(w, v, strict=True) for g in [*row, c]]
        assert [p.grad for p in model.parameters()] == pytest.approx(by_hand, rel=1e-12, abs=1e-15)

        for p in model.parameters():
            p.data -= 0.1 * p.grad
        W = [w - 0.1 * g for w, g in zip(W, dW, strict=True)]
        b = [v - 0.1 * g for v, g in zip(b, db, strict=True)]
    assert len(model.parameters()) == 4 * 3 + 3 * 5 + 1 * 4


def test_zero_grad_of_a_network() -> None:
    model = article_network(w=1.0)
    model([1, 2]).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert all(p.grad == 0.0 for p in model.parameters())


# --- finding parameters -------------------------------------------------------------------------------------------


def test_named_parameters_have_pytorch_s_paths_in_the_order_of_parameters() -> None:
    model = MLP(2, [2, 1])
    named = list(model.named_parameters())
    assert [p for _, p in named] == model.parameters()
    assert [path for path, _ in named][2:5] == [
        "layers.0.neurons.0.bias", "layers.0.neurons.1.weights.0", "layers.0.neurons.1.weights.1",
    ]  # fmt: skip


def test_parameters_are_found_wherever_they_stand_and_once() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.a = Value(1.0)
            self.table = {"b": Value(2.0), "deep": [(Value(3.0),), self.a]}
            self.tied = self.a
            self.made = self.a * 2  # a result is no parameter
            self.array = np.array([[Value(4.0), Value(5.0)]])
            self.plain = np.array([1.0, 2.0])
            self.inner = Neuron(1)
            self.text, self.number = "text", 3
            self.whole = self  # a circle

    model = Own()
    assert [path for path, _ in model.named_parameters()] == [
        "a", "table.b", "table.deep.0.0", "array.0.0", "array.0.1", "inner.weights.0", "inner.bias",
    ]  # fmt: skip
    assert len(model.parameters()) == len(set(model.parameters())) == 7
    state = model.state_dict()
    model.load_state_dict(dict.fromkeys(state, 7.0))
    assert {p.data for p in model.parameters()} == {7.0}


def test_a_network_of_one_s_own_may_add_parameters() -> None:
    class Scaled(MLP):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            self.scale = Value(2.0)

        def __call__(self, x: Any) -> Any:
            return self.scale * super().__call__(x)

    model = Scaled(1, [1], init="zeros")
    model.layers[0].neurons[0].weights[0].data = 3.0
    assert "scale" in model.state_dict()
    assert model.predict([[1.0]]) == [6.0]


def test_equal_paths_are_refused_rather_than_lost() -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.of = {"1": Value(1.0), 1: Value(2.0)}

    with pytest.raises(InputError, match="two parameters have the same path"):
        Twice().state_dict()


def test_a_module_without_a_call_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Module has no __call__"):
        Module()([1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_equal_and_apart(copied: Any) -> None:
    model = MLP(2, [3, 1], "gelu", seed=1)
    twin = copied(model)
    assert twin.state_dict() == model.state_dict()
    assert twin([1, 2]).data == model([1, 2]).data
    twin.parameters()[0].data = 9.0
    assert model.parameters()[0].data != 9.0


def test_repr() -> None:
    assert repr(MLP(2, [16, 1])) == "MLP(2, [16, 1], activation='relu', output='linear')"
    assert repr(Layer(2, 3, "tanh")) == "Layer(2, 3, activation='tanh')"
    assert repr(Neuron(2, "sigmoid")) == "Neuron(2, activation='sigmoid')"


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MLP(2, [2, 1], activation="rilu"), "unknown activation 'rilu'; take one of: linear, relu,"),
        (lambda: MLP(2, [2, 1], output="softmax"), "unknown output 'softmax'; take one of: linear, relu,"),
        (lambda: MLP(2, [2, 1], init="random"), "unknown init 'random'; take one of: uniform, xavier, he, article"),
        (lambda: MLP(2, [2, 1], activation=functions.tanh), "unknown activation <function"),  # type: ignore[arg-type]
        (lambda: MLP(0, [1]), "n_inputs must be at least 1, got 0"),
        (lambda: MLP(2, []), "sizes is empty"),
        (lambda: MLP(2, [0, 1]), r"sizes\[0\], the number of neurons of layer 1, must be at least 1, got 0"),
        (lambda: MLP(2, [3, -1]), r"sizes\[1\], the number of neurons of layer 2, must be at least 1, got -1"),
        (lambda: MLP(2, [1], seed=-1), "seed must be from 0 to 4294967295, got -1"),
        (lambda: MLP(2, [1], seed=2**32), "seed must be from 0 to 4294967295"),
        (lambda: Layer(2, 0), "n_outputs must be at least 1, got 0"),
        (lambda: Neuron(-3), "n_inputs must be at least 1, got -3"),
        (lambda: MLP(2, [2, 1])([1, 2, 3]), r"a sample of 3 elements for a model of 2 inputs: \[1, 2, 3\]"),
        (lambda: Layer(2, 1)([1]), "a sample of 1 elements for a model of 2 inputs"),
        (lambda: Neuron(2)([]), "a sample of 0 elements for a model of 2 inputs"),
    ],
)
def test_wrong_settings_are_refused(make: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MLP(2.5, [1]), "n_inputs must be a whole number, got float 2.5"),  # type: ignore[arg-type]
        (lambda: MLP(2, 1), "sizes must be a list such as"),  # type: ignore[arg-type]
        (lambda: MLP(2, "21"), "sizes must be a list such as"),  # type: ignore[arg-type]
        (lambda: MLP(2, ["1"]), "must be a whole number, got str '1'"),  # type: ignore[list-item]
        (lambda: MLP(2, [1], seed="a"), "seed must be a whole number"),  # type: ignore[arg-type]
        (lambda: MLP(1, [1])(2.0), "a sample must be a list of 1 numbers or Values, got float 2.0"),
        (lambda: MLP(1, [1])(np.array(2.0)), "a sample must be a list of 1 numbers or Values, got ndarray"),
        (lambda: MLP(2, [1])(np.ones((2, 2))), "numbers"),
        (lambda: MLP(2, [1])(["1", "2"]), "numbers"),
        (lambda: MLP(2, [1])([None, 1]), "numbers"),
    ],
)
def test_wrong_kinds_are_type_errors(make: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        make()


# --- state --------------------------------------------------------------------------------------------------------

numbers = st.floats(allow_nan=False, allow_infinity=False)
networks = st.builds(
    MLP,
    st.integers(1, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(ACTIVATIONS),
    init=st.just("zeros"),
)


@given(networks, st.data())
def test_state_and_file_keep_every_bit(model: MLP, data: st.DataObject) -> None:
    for p in model.parameters():
        p.data = data.draw(numbers)
    state = model.state_dict()
    twin = MLP(model.n_inputs, model.sizes, model.activation, model.output)
    twin.load_state_dict(state)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.json")
        read = MLP.load(Path(folder) / "model.json")
        assert os.listdir(folder) == ["model.json"]
    for other in (twin, read):
        assert [p.data.hex() for p in other.parameters()] == [p.data.hex() for p in model.parameters()]
        assert [p.label for p in other.parameters()] == [p.label for p in model.parameters()]
        assert repr(other) == repr(model)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    model = MLP(2, [2, 1], seed=1)
    before = model.state_dict()
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, InputError, "missing layers.0.neurons.0.weights.0, .*weights.1, .*bias and 6 more"),
        (before | {"extra": 1.0}, InputError, "does not fit this MLP of 9 parameters: unexpected extra; build"),
        (MLP(2, [3, 1]).state_dict(), InputError, "unexpected layers.0.neurons.2.weights.0"),
        (dict(list(before.items())[1:]), InputError, "missing layers.0.neurons.0.weights.0; build"),
        (before | {"layers.1.neurons.0.bias": "1"}, TypeError, "layers.1.neurons.0.bias must be a number, got str '1'"),
        (before | {"layers.1.neurons.0.bias": None}, TypeError, "must be a number, got NoneType"),
    ]
    for state, kind, text in cases:
        with pytest.raises(kind, match=text):
            model.load_state_dict(state)
        assert model.state_dict() == before


def test_state_may_come_from_numpy() -> None:
    model = Neuron(1)
    model.load_state_dict({"weights.0": np.float64(2.0), "bias": np.int64(3)})
    assert [p.data for p in model.parameters()] == [2.0, 3.0]
    assert all(type(p.data) is float for p in model.parameters())


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_tells_how_the_model_is_built(tmp_path: Path) -> None:
    MLP(2, [2, 1], "sigmoid", "sigmoid", seed=1).save(tmp_path / "m.json", notes={"classes": ["жен", "муж"]})
    document = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert (document["format"], document["version"]) == ("microgradnet", 1)
    assert document["module"] == {
        "class": "MLP", "n_inputs": 2, "sizes": [2, 1], "activation": "sigmoid", "output": "sigmoid",
    }  # fmt: skip
    assert list(document["state"]) == list(MLP(2, [2, 1]).state_dict())
    assert MLP.load_with_notes(tmp_path / "m.json")[1] == {"classes": ["жен", "муж"]}


def test_layers_neurons_and_own_modules_are_saved_too(tmp_path: Path) -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope = Value(2.0)

    line = Line()
    line.slope.data = 0.1
    line.save(tmp_path / "line.json")
    assert Line.load(tmp_path / "line.json").slope.data == 0.1
    for model in (Layer(2, 3, "tanh", seed=1), Neuron(2, "sin", seed=1)):
        model.save(tmp_path / "m.json")
        assert type(model).load(tmp_path / "m.json").state_dict() == model.state_dict()


def test_loading_does_not_disturb_the_global_generator(tmp_path: Path) -> None:
    MLP(2, [1]).save(tmp_path / "m.json")
    state = random.getstate()
    MLP.load(tmp_path / "m.json")
    assert random.getstate() == state


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_model_is_not_saved(tmp_path: Path, bad: float) -> None:
    model = Neuron(1)
    model.save(tmp_path / "m.json")
    before = (tmp_path / "m.json").read_bytes()
    model.bias.data = bad
    with pytest.raises(InputError, match=f"m.json: not saved, parameter bias is {bad}; the training diverged"):
        model.save(tmp_path / "m.json")
    assert (tmp_path / "m.json").read_bytes() == before


@pytest.mark.parametrize("notes", [{"x": object()}, {"x": math.nan}, {(1, 2): 3}])
def test_notes_that_are_no_plain_data_are_refused(tmp_path: Path, notes: dict[Any, Any]) -> None:
    with pytest.raises(InputError, match="not saved, the notes are no plain data for JSON"):
        Neuron(1).save(tmp_path / "m.json", notes=notes)
    assert os.listdir(tmp_path) == []


def test_a_model_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    Neuron(1, seed=1).save(path)
    before = path.read_bytes()

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Neuron(1, seed=2).save(path)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (before, ["m.json"])


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old", encoding="utf-8")
    try:
        (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    except OSError:
        pytest.skip("this system lets no one make links")
    write_atomically(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text(encoding="utf-8") == "new"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.*m\.json: cannot be written: No such file or directory"):
        Neuron(1).save(tmp_path / "nowhere" / "m.json")
    with pytest.raises(InputError, match="cannot be written"):
        Neuron(1).save(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        Neuron(1).save("a\0b")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "m.json", "\ud800")
    assert os.listdir(tmp_path) == []


def saved(tmp_path: Path) -> dict[str, Any]:
    MLP(1, [2, 1], seed=1).save(tmp_path / "m.json")
    document: dict[str, Any] = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    return document


BIAS = "layers.1.neurons.0.bias"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d | {"format": "other"}, "not a model file: it does not begin with"),
        (lambda d: [d], "not a model file: it does not begin with"),
        (lambda d: d | {"version": 2}, "written in version 2 of the format, and this release reads version 1"),
        (lambda d: d | {"module": None}, '"module" is missing or no object'),
        (lambda d: d | {"state": [1.0]}, '"state" is missing or no object'),
        (lambda d: d | {"notes": 1}, '"notes" is missing or no object'),
        (lambda d: d | {"module": {}}, "holds a module of class None, and 'MLP' was wanted"),
        (lambda d: d | {"module": d["module"] | {"class": "Layer"}}, "holds a module of class 'Layer'"),
        (lambda d: d | {"module": d["module"] | {"sizes": [3, 1]}}, r"sizes \[1, 3, 1\] need 10 parameters, .*7"),
        (lambda d: d | {"module": d["module"] | {"sizes": [10**9, 10**9]}}, "parameters, its state holds 7"),
        (lambda d: d | {"module": d["module"] | {"sizes": "21"}}, "not a whole model"),
        (lambda d: d | {"module": d["module"] | {"sizes": 3}}, "not a whole model"),
        (lambda d: d | {"module": d["module"] | {"n_inputs": None}}, "not a whole model"),
        (lambda d: d | {"module": d["module"] | {"activation": "rilu"}}, "unknown activation 'rilu'"),
        (lambda d: d | {"module": d["module"] | {"colour": 1}}, "unexpected keyword argument 'colour'"),
        (lambda d: d | {"module": {"class": "MLP"}}, "not a whole model: 'n_inputs'"),
        (lambda d: d | {"state": dict(list(d["state"].items())[1:])}, "need 7 parameters, its state holds 6"),
        (lambda d: d | {"state": {k.replace("weights", "w"): v for k, v in d["state"].items()}}, "missing layers.0"),
        (lambda d: d | {"state": d["state"] | {BIAS: "1"}}, f"{BIAS} must be a number, got '1'"),
        (lambda d: d | {"state": d["state"] | {BIAS: True}}, f"{BIAS} must be a number, got True"),
        (lambda d: d | {"state": d["state"] | {BIAS: None}}, f"{BIAS} must be a number, got None"),
        (lambda d: d | {"state": d["state"] | {BIAS: math.nan}}, "NaN is no finite number"),
        (lambda d: d | {"state": d["state"] | {BIAS: -math.inf}}, "-Infinity is no finite number"),
        (lambda d: d | {"state": d["state"] | {BIAS: 10**400}}, f"{BIAS} is too large for a float"),
    ],
)
def test_a_file_that_does_not_hold_the_model_is_refused(tmp_path: Path, change: Any, text: str) -> None:
    (tmp_path / "m.json").write_text(json.dumps(change(saved(tmp_path))), encoding="utf-8")
    with pytest.raises(InputError, match=text) as caught:
        MLP.load(tmp_path / "m.json")
    assert str(caught.value).startswith(f"{tmp_path / 'm.json'}:")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ":1:1: not a model file, or cut off"),
        (b'{"format": "microgradnet", "version": 1, "mod', ":1:42: not a model file, or cut off"),
        (b"weight,height\n133,65\n", ":1:1: not a model file"),
        (b"\xff\xfe{}", "JSON in UTF-8"),
        (b"[" * 200_000, "not a model file"),
        (b"1" * 5000, "not a model file"),
        (b'{"state": {"a": 1, "a": 2}}', "'a' stands in it twice"),
        (b'{"format": "microgradnet", "version": 1, "module": {"class": "MLP"}, "state": {"a": 1e999}}', "too large"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(InputError, match=text) as caught:
        MLP.load(tmp_path / "m.json")
    assert "m.json" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_cut_at_every_byte_a_file_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    whole = (tmp_path / "m.json").read_bytes().rstrip()
    for n in range(len(whole)):
        (tmp_path / "m.json").write_bytes(whole[:n])
        with pytest.raises(InputError, match=r"m\.json"):
            MLP.load(tmp_path / "m.json")


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    state = MLP(1, [2, 1], seed=1).state_dict()
    text = json.dumps(saved(tmp_path), indent=2).replace("\n", "\r\n")
    (tmp_path / "m.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert MLP.load(tmp_path / "m.json").state_dict() == state


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read: No such file or directory"):
        MLP.load(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        MLP.load(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        MLP.load("a\0b")
