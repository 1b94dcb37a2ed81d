"""Pictures of several samples at once: a neuron is its weights, however often it is asked; and stale gradients."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from microgradnet import Value, draw
from microgradnet.drawing import Drawing
from microgradnet.functions import dot, tanh
from microgradnet.nn import MLP

COUNT = re.compile(r"(\d+)\\ parameters?")


def batch(sizes: list[int], samples: int) -> tuple[MLP, Value]:
    """The sum of squares of a network's outputs for several samples, differentiated."""
    model = MLP(3, sizes, activation="tanh", seed=2)
    outputs = [model([Value(0.1, "x1"), 0.2, 0.3 * i]) for i in range(samples)]
    loss: Value = sum((out if isinstance(out, Value) else out[0] + out[1]) ** 2 for out in outputs)  # type: ignore[assignment]
    loss.label = "L"
    loss.backward()
    return model, loss


def groups(drawing: Drawing) -> list[str]:
    """What the boxes of several nodes say, blanks as blanks."""
    found = re.findall(r'label="([^"]*)" class="group (?:neuron|layer)', drawing.dot.source)
    return [label.replace("\\ ", " ") for label in found]


@pytest.mark.parametrize("sizes", [[4, 1], [16, 16, 1], [3, 3, 2]])
@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.parametrize("collapse", ["neuron", "layer"])
def test_a_neuron_of_several_samples_is_one_box_with_its_parameters(
    sizes: list[int], samples: int, collapse: str
) -> None:
    model, loss = batch(sizes, samples)
    drawing = draw(loss, collapse=collapse)
    said = groups(drawing)
    assert len(said) == (sum(sizes) if collapse == "neuron" else len(sizes))
    assert all(f"computed {samples} times" in label for label in said)
    assert sum(map(int, COUNT.findall(drawing.dot.source))) == len(model.parameters())


def test_the_neurons_of_a_layer_are_counted_once() -> None:
    _, loss = batch([4, 1], 3)
    assert sum("4 neurons, computed 3 times" in label for label in groups(draw(loss, collapse="layer"))) == 1


def test_one_sample_is_not_computed_several_times() -> None:
    _, loss = batch([4, 1], 1)
    assert "computed" not in draw(loss, collapse="layer").dot.source


def test_weights_that_others_read_too_stay_outside() -> None:
    model, loss = batch([2, 1], 2)
    decayed = loss + model.parameters()[0] ** 2
    drawing = draw(decayed, collapse="neuron")
    assert sum(map(int, COUNT.findall(drawing.dot.source))) == len(model.parameters()) - 1
    assert "{w1|weight}" in drawing.dot.source


def test_a_network_that_reads_its_own_output_is_drawn_round_by_round() -> None:
    w, u, b, h = Value(0.5, "w"), Value(0.2, "u"), Value(0.0, "b"), Value(0.0, "h0")
    for i in range(6):
        h = tanh(dot([w, u], [Value(0.1 * i, f"x{i}"), h], b))
    assert len(groups(draw(h, collapse="neuron"))) == 6


def test_arrows_of_many_uses_say_so_and_keep_their_sign() -> None:
    def arrow(grads: list[float]) -> str:
        w = [Value(g, f"w{i}") for i, g in enumerate(grads)]
        x = Value(1.0, "x")
        y: Value = tanh(dot(w, [x] * len(w), Value(0.0, "b")))
        y.backward()
        (edge,) = re.findall(r"n\d+ -> n\d+[^\n]*", draw(y, collapse="neuron").dot.source)
        return str(edge)

    assert "2 uses" in arrow([0.5, 0.25])
    for numbers, told in (([0.5, 0.25], "positive"), ([-0.5, -0.25], "negative"), ([0.5, -0.25], "mixed"),
                          ([0.0, 0.0], "zero"), ([0.5, 0.0], "positive"), ([float("nan"), 1.0], "broken")):  # fmt: skip
        assert f'class="use {told}"' in arrow(numbers)


@pytest.mark.parametrize(
    ("language", "word"), [("en", "parameters 0.200 … 0.350 … 0.500"), ("ru", "параметры 0.200 … 0.350 … 0.500")]
)
def test_what_the_numbers_are_of_is_a_plural(language: str, word: str) -> None:
    y = tanh(dot([Value(0.5), Value(0.2)], [Value(1.0), Value(2.0)]))
    assert word in groups(draw(y, collapse="neuron", language=language))[0]


# ---------------------------------------------------------------- gradients of another pass


@pytest.mark.parametrize("form", [lambda d: d.dot.source, lambda d: d.mermaid()])
def test_gradients_left_by_an_earlier_pass_are_not_taken_for_this_one_s(form: Callable[[Drawing], str]) -> None:
    model = MLP(1, [1], seed=1)
    (model([2.0]) ** 2).backward()
    again = model([2.0]) ** 2
    assert "those of leaves are of another pass" in form(draw(again))
    again.backward()
    assert "another pass" not in form(draw(again))
    assert "has not run" not in form(draw(again))
