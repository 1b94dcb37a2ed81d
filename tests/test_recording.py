"""Recording a loss: which leaf is which, the same graph as by hand, and a refusal, with the line, of what cannot be."""

from __future__ import annotations

import contextlib
import functools
import gc
import math
import random
import re
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet import Value, exp, losses, maximum, nn, softmax, take, where
from microgradnet.compiler.recording import Recording, record
from microgradnet.compiler.recording.arguments import argument_names, filled, flatten, read
from microgradnet.compiler.recording.parameters import collected
from microgradnet.errors import InputError, RecordingError
from microgradnet.graph import Graph
from microgradnet.value import cut, recorder

# ---------------------------------------------------------------- parameters


def test_parameters_of_a_module() -> None:
    model = nn.MLP(2, [2, 1], seed=0)
    found = collected(model)
    assert list(found.values) == model.parameters()
    assert found.names[0] == "layers.0.neurons.0.weights.0"
    assert found.rebuild(range(len(found))) == {path: float(i) for i, path in enumerate(found.names)}


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("shape", "names", "rebuilt"),
    [
        (lambda v: v(), ("w",), 0.0),
        (lambda v: [v(), v()], ("0", "1"), [0.0, 1.0]),
        (lambda v: (v(), [v()]), ("0", "1.0"), (0.0, [1.0])),
        (lambda v: {"W": [[v(), v()], [v()]], "b": v()}, ("W.0.0", "W.0.1", "W.1.0", "b"),
         {"W": [[0.0, 1.0], [2.0]], "b": 3.0}),
        (lambda v: Pair(v(), v()), ("0", "1"), Pair(0.0, 1.0)),
        (lambda v: {3: v(), (1, 2): v()}, ("3", "(1, 2)"), {3: 0.0, (1, 2): 1.0}),
    ],
)  # fmt: skip
def test_parameters_in_any_shape(shape: Callable[[Any], Any], names: tuple[str, ...], rebuilt: Any) -> None:
    found = collected(shape(lambda: Value(0.5)))
    assert found.names == names
    assert found.rebuild(np.arange(len(found))) == rebuilt


def test_parameters_in_arrays_and_modules_inside() -> None:
    W = np.array([[Value(1.0), Value(2.0)]])
    found = collected({"W": W, "net": nn.Neuron(1, seed=0)})
    assert found.names == ("W.0.0", "W.0.1", "net.weights.0", "net.bias")
    again = found.rebuild([5.0, 6.0, 7.0, 8.0])
    assert again["W"].tolist() == [[5.0, 6.0]]
    assert again["W"].dtype == float
    assert again["net"] == {"weights.0": 7.0, "bias": 8.0}


def test_a_shared_parameter_counts_once() -> None:
    v, w = Value(1.0), Value(2.0)
    found = collected([v, w, {"again": v}])
    assert found.values == (v, w)
    assert found.names == ("0", "1")
    assert found.rebuild([3.0, 4.0]) == [3.0, 4.0, {"again": 3.0}]


def test_what_is_no_parameter() -> None:
    with pytest.raises(TypeError, match=r"^W\.1 in the first argument of the loss was made by an operation \(mul\)"):
        collected({"W": [Value(1.0), Value(1.0) * 2]})
    with pytest.raises(TypeError, match=r"^rate in .* is float 0\.1, .* make it a Value .* or as one more argument"):
        collected({"w": Value(1.0), "rate": 0.1})
    with pytest.raises(TypeError, match="is ndarray, and parameters are Values"):
        collected([np.zeros(2)])
    for empty in ([], {}, nn.Module()):
        with pytest.raises(InputError, match="holds no parameters; give a Module"):
            collected(empty)
    endless: list[Any] = [Value(1.0)]
    endless.append(endless)
    with pytest.raises(InputError, match=r"^1 in the first argument of the loss holds itself"):
        collected(endless)


# ---------------------------------------------------------------- data arguments


class Loss:
    def __call__(self, model: Any, X: Any, y: Any) -> Any:
        return None

    def method(self, model: Any, X: Any) -> Any:
        return None


def named(model: Any, X: Any, *rest: Any, scale: float = 1.0) -> Any:
    return None


@pytest.mark.parametrize(
    ("loss", "count", "names"),
    [
        (named, 3, ("X", "data2", "data3")),
        (Loss(), 2, ("X", "y")),
        (Loss().method, 1, ("X",)),
        (functools.partial(named, scale=2.0), 1, ("X",)),
        (lambda model, p: p, 1, ("p_",)),
        (lambda model, p_, p: p, 2, ("p_", "p__")),
        (lambda model, data2, *more: 0, 3, ("data2", "data2_", "data3")),
        (lambda *both: 0, 1, ("data1",)),
        (max, 1, ("data1",)),
    ],
)
def test_names_of_data(loss: Any, count: int, names: tuple[str, ...]) -> None:
    assert argument_names(loss, count) == names


@pytest.mark.parametrize(
    ("value", "shape", "numbers"),
    [
        (3, (), [3]),
        (True, (), [1]),
        (np.float32(0.5), (), [0.5]),
        (np.array(2), (), [2]),
        ([1, 2.5], (2,), [1, 2.5]),
        ([[1], [2]], (2, 1), [1, 2]),
        ([(1, 2), (3, 4), (5, 6)], (3, 2), [1, 2, 3, 4, 5, 6]),
        (range(3), (3,), [0, 1, 2]),
        (np.arange(8, dtype=np.uint8).reshape(2, 2, 2), (2, 2, 2), range(8)),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), (2, 2), [1, 2, 3, 4]),
        ([np.array([1, 2]), np.array([3, 4])], (2, 2), [1, 2, 3, 4]),
        ([10**400, -1], (2,), [math.inf, -1]),
        ([[1, 2], [3]], (3,), [1, 2, 3]),
        ([[1, 2], 3], (3,), [1, 2, 3]),
        ({"x": [1, 2], "y": 3}, (3,), [1, 2, 3]),
        ([], (0,), []),
        ([[], [1]], (1,), [1]),
        (([[1, 2], [3, 4]], [5, 6]), (6,), [1, 2, 3, 4, 5, 6]),
        ([Value(7.0), 1], (2,), [7, 1]),
    ],
)
def test_reading_data(value: Any, shape: tuple[int, ...], numbers: Any) -> None:
    argument, array = read("X", value)
    assert argument.shape == array.shape == shape
    assert array.dtype == np.float64
    assert array.reshape(-1).tolist() == list(map(float, numbers))
    assert np.array_equal(flatten(argument, value), array)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("3", r"^X is str '3', and data are numbers, .* goes in static=\(\"X\",\)"),
        ([[1, 2], [3, "4"]], r"^X\[1\]\[1\] is str '4'"),
        ([1, None], r"^X\[1\] is None"),
        ({"a": [1j]}, r"^X\['a'\]\[0\] is complex"),
        ({1, 2}, r"^X is set"),
        (np.array(["1", "2"]), r"^X is ndarray"),
        ([Value(1.0) * 2], r"^X holds Value\(2\.0.*give its \.data, or compute it inside the loss"),
        (nn.Neuron(1), r"^X is Neuron .*static"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), r"^X\[1\] is MaskedConstant"),
    ],
)
def test_what_is_no_data(value: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        read("X", value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([1, 2], [1, 2, 3], r"^X has 3 elements, and the program was compiled for 2 elements there; give"),
        ([[1, 2], [3, 4]], [1, 2], r"^X has 2 elements, and .* an array of shape \(2, 2\) there"),
        ([[1, 2], [3]], [[1], [2, 3]], r"^X\[0\] has 1 element, and .* 2 elements there"),
        ([[1, 2], [3]], [[1, 2], 3], r"^X\[1\] has a single number, and .* 1 element there"),
        ({"a": 1, "b": [2, 3]}, {"a": 1, "b": [2]}, r"^X\['b'\] has 1 element"),
        ({"a": 1}, {"b": 1}, r"^X has a dict of 'b', and .* a dict of 'a' there"),
        (1, [1], r"^X has 1 element, and .* a single number there"),
    ],
)
def test_new_data_of_another_structure(old: Any, new: Any, told: str) -> None:
    argument, _ = read("X", old)
    with pytest.raises(InputError, match=told):
        flatten(argument, new)


def test_new_data_of_the_same_structure() -> None:
    argument, _ = read("X", {"a": [1, 2], "b": 3})
    assert flatten(argument, {"b": 30, "a": (10, 20)}).tolist() == [10, 20, 30]
    matrix, _ = read("X", [[1, 2]])
    assert flatten(matrix, np.array([[3, 4]], dtype=np.int8)).tolist() == [[3, 4]]
    assert flatten(matrix, [[3, 4], [5, 6]], any_batch=True).shape == (2, 2)
    with pytest.raises(InputError, match=r"shape \(2, 3\).*shape \(1, 2\)"):
        flatten(matrix, [[3, 4, 5], [5, 6, 7]], any_batch=True)


nested = st.recursive(
    st.integers(-9, 9) | st.floats(-9, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    return [x for part in value for x in numbers_in(part)] if isinstance(value, list) else [float(value)]


@given(nested)
def test_any_structure_is_read_in_order_and_filled_alike(value: Any) -> None:
    argument, array = read("X", value)
    assert array.reshape(-1).tolist() == numbers_in(value)
    again = filled(value, iter(array.reshape(-1).tolist()))
    assert again == value
    assert read("X", again)[0] == argument


# ---------------------------------------------------------------- the recording


def leaf_values(recording: Recording, p: list[float], data: dict[str, Any]) -> dict[int, float]:
    flat = {"p": p} | {name: np.asarray(array, float).reshape(-1).tolist() for name, array in data.items()}
    return {leaf: flat[name][i] for leaf, (name, i) in recording.origin.items()}


def two_layers(model: Any, X: Any, y: Any) -> Any:
    scores = [model(row) for row in X]
    return sum((s - t) ** 2 for s, t in zip(scores, y, strict=True)) / len(y) + 1e-3 * sum(
        p * p for p in model.parameters()
    )


def test_the_graph_is_that_of_values_by_hand() -> None:
    model = nn.MLP(2, [3, 1], seed=1)
    X, y = [[1.0, 2.0], [0.5, -1.0]], [1, -1]
    recording = record(two_layers, model, (X, y))
    by_hand = Graph(two_layers(model, [[Value(x) for x in row] for row in X], [Value(t) for t in y]))
    assert recording.graph.operations == by_hand.operations
    assert recording.graph.operands == by_hand.operands
    assert recording.graph.data == by_hand.data
    assert recording.parameters == tuple(model.parameters())
    assert recording.names == tuple(name for name, _ in model.named_parameters())
    assert recording.shapes == {"X": (2, 2), "y": (2,)}
    assert set(recording.origin.values()) == {
        *(("p", k) for k in range(13)), *(("X", i) for i in range(4)), ("y", 0), ("y", 1)
    }  # fmt: skip


def test_origins_tell_where_each_number_goes() -> None:
    """The graph, computed anew at other numbers by its origins, is the loss of these numbers."""
    model = nn.MLP(2, [3, 1], seed=1)
    recording = record(two_layers, model, ([[1.0, 2.0], [0.5, -1.0]], [1, -1]))
    X, y = [[0.25, -2.0], [3.0, 0.5]], [0.5, 2.0]
    p = [random.Random(0).uniform(-1, 1) for _ in model.parameters()]
    anew = recording.graph.evaluate(leaf_values(recording, p, {"X": X, "y": y}))[-1]
    for value, number in zip(model.parameters(), p, strict=True):
        value.data = number
    assert anew == pytest.approx(two_layers(model, X, y).data, rel=1e-12)


def test_nothing_of_the_user_s_is_changed() -> None:
    w, X = Value(2.0, "w"), [[1.0, 2.0]]
    w.grad = 5.0
    labels = np.array([1])
    record(lambda w, X, y: w * X[0][1] * y[0], w, (X, labels))
    assert (w.data, w.grad, w.label, w.op) == (2.0, 5.0, "w", None)
    assert X == [[1.0, 2.0]]
    assert labels.dtype == np.array([1]).dtype


@pytest.mark.parametrize("kind", [list, np.array])
def test_lists_stay_lists_and_arrays_arrays(kind: Any) -> None:
    seen: list[Any] = []

    def loss(w: Any, X: Any) -> Any:
        seen.append(X)
        return w[0] * X[1][0]

    recording = record(loss, [Value(1.0)], (kind([[1.0, 2.0], [3.0, 4.0]]),))
    X, plain = seen
    assert type(X) is type(plain)
    assert all(type(x) is Value for row in X for x in row)
    if kind is np.array:
        assert X.shape == (2, 2)
    assert recording.origin == {0: ("p", 0), 1: ("X", 2)}


def test_arrays_compute_as_arrays() -> None:
    w = [Value(0.5), Value(-1.0)]
    X, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([1, 0])

    def loss(w: Any, X: Any, y: Any) -> Any:
        error = X @ np.array(w) - y
        return (error**2).mean() + np.tanh(X[:, 0]).sum()

    recording = record(loss, w, (X, y))
    assert recording.graph.data[-1] == pytest.approx(((X @ [0.5, -1.0] - y) ** 2).mean() + np.tanh(X[:, 0]).sum())


def test_short_floats_are_recorded_as_doubles() -> None:
    X = np.linspace(0.1, 0.7, 5, dtype=np.float32)
    recording = record(lambda w, X: w * ((X - X.mean()) ** 2).sum(), Value(1.0), (X,))
    assert recording.graph.data[-1] == pytest.approx(float(((X.astype(float) - X.astype(float).mean()) ** 2).sum()))


def test_static_data_stay_plain() -> None:
    def loss(w: Any, x: Any, steps: int, kind: str) -> Any:
        for _ in range(steps):
            x = w * x
        return x if kind == "plain" else x**2

    recording = record(loss, Value(2.0), (3.0, 2, "square"), static=("steps", "kind"))
    assert recording.graph.operations == ("", "", "mul", "mul", "pow_const")
    assert recording.shapes == {"x": ()}
    assert recording.static == {"steps": 2, "kind": "square"}
    with pytest.raises(InputError, match="static names 'z', and the data of the loss are x"):
        record(lambda w, x: w * x, Value(2.0), (3.0,), static=("z",))


def test_value_of_a_number_of_the_data_is_that_number() -> None:
    def micrograd(w: Any, X: Any) -> Any:
        rows = [list(map(Value, row)) for row in X]
        return sum(wi * xi for row in rows for wi, xi in zip(w, row, strict=True))

    w = [Value(0.5), Value(-1.0)]
    wrapped = record(micrograd, w, ([[1, 2], [3, 4]],))
    assert {place for place in wrapped.origin.values() if place[0] == "X"} == {("X", i) for i in range(4)}
    p, X = [0.25, 3.0], [[5.0, 6.0], [7.0, 8.0]]
    assert wrapped.graph.evaluate(leaf_values(wrapped, p, {"X": X}))[-1] == 0.25 * 12 + 3.0 * 14


def test_value_of_what_data_alone_made_is_that_node() -> None:
    recording = record(lambda w, x: w * Value(Value((x - 2) * 3), "z"), Value(2.0), (5.0,))
    assert recording.graph.operations == ("", "", "sub", "mul", "mul")
    assert recording.graph.labels[3] == "z"
    assert recording.graph.evaluate({0: 2.0, 1: 7.0})[-1] == 30.0
    for made in (lambda w, x: Value(w), lambda w, x: Value(w * x), lambda w, x: Value(Value(1.0))):
        with pytest.raises(TypeError, match="would cut the new Value from its graph"):
            record(made, Value(2.0), (5.0,))


def test_values_of_the_closure_are_constants() -> None:
    scale = Value(3.0, "scale")
    recording = record(lambda w, x: w * x * scale, Value(2.0), (5.0,))
    assert recording.graph.labels == (None, None, None, "scale", None)
    assert recording.origin == {0: ("p", 0), 1: ("x", 0)}
    assert recording.graph.data[3] == 3.0


def test_a_parameter_among_the_data_is_refused() -> None:
    w = Value(2.0, "w")
    with pytest.raises(TypeError, match=r"^x holds Value.* is a parameter, too"):
        record(lambda w, x: w * x[0], w, ([w],))


@pytest.mark.parametrize(
    "loss",
    [
        lambda w, x, t: losses.mse([w * x], [t]),
        lambda w, x, t: losses.mae([w * x], [t]),
        lambda w, x, t: losses.huber([w * x], [t]),
        lambda w, x, t: losses.hinge([w * x], [t]),
        lambda w, x, t: losses.binary_cross_entropy([(w * x).sigmoid()], [t]),
        lambda w, x, t: losses.binary_cross_entropy_with_logits([w * x], [t]),
        lambda w, x, t: losses.cross_entropy([[w * x, -w * x]], [t]),
    ],
)
def test_our_losses_are_recorded_with_their_targets(loss: Any) -> None:
    """They look at the numbers of targets to check them; what is computed is in the graph all the same."""
    recording = record(loss, Value(0.5), (0.75, 1))
    assert {("p", 0), ("x", 0), ("t", 0)} == set(recording.origin.values())
    assert recording.graph.data[-1] == loss(Value(0.5), 0.75, 1).data
    anew = recording.graph.evaluate(leaf_values(recording, [-2.0], {"x": 0.25, "t": 1}))[-1]
    assert anew == pytest.approx(loss(Value(-2.0), 0.25, 1).data, rel=1e-15)


def test_a_long_chain_is_recorded_without_recursion() -> None:
    def loss(w: Any, x: Any) -> Any:
        for _ in range(50_000):
            x = w * x
        return x

    recording = record(loss, Value(1.0), (1.0,))
    assert len(recording.graph) == 50_002


def test_two_runs_are_equal() -> None:
    model = nn.MLP(2, [3, 1], seed=1)
    one, two = (record(two_layers, model, ([[1.0, 2.0]], [1])) for _ in range(2))
    assert one.graph.operands == two.graph.operands
    assert one.origin == two.origin


# ---------------------------------------------------------------- what cannot be recorded

W = [Value(0.5, "w1"), Value(-1.0, "w2")]


def swallowing(w: Any, x: Any, y: Any) -> Any:
    try:
        return w[0] if w[0] > 0 else w[1]  # here
    except TypeError:
        return w[0] * x


def by_generator(w: Any, x: Any, y: Any) -> Any:
    return sum(
        v
        for v in w
        if v > x  # here
    )


REFUSED: list[tuple[str, Any, str]] = [
    ("if", lambda w, x, y: w[0] if w[0] * x > 0 else w[1], "decides .* the parameters and x; .* where"),
    ("if of data", lambda w, x, y: w[0] if x > 0 else w[1], r'decides .* depends on x; .* static=\("x",\)'),
    ("bool of a Value", lambda w, x, y: w[0] if w[1] else w[1], "decides .* the parameters;"),
    ("and", lambda w, x, y: w[0] * (x > 0 and w[1]), "decides"),
    ("not", lambda w, x, y: w[0] * (not x), "decides"),
    ("chained", lambda w, x, y: w[0] * (1 if 0 < x < 1 else 2), "decides"),
    ("max", lambda w, x, y: max(w), "decides .* maximum"),
    ("sorted", lambda w, x, y: sorted(w)[0], "decides"),
    ("np.max", lambda w, x, y: np.max(np.array(w)), "decides .* maximum"),
    ("np.maximum", lambda w, x, y: np.maximum(np.array(w), 0.0).sum(), "decides .* maximum"),
    ("array > 0", lambda w, x, y: (np.array(w) > 0).sum() * w[0], "decides"),
    ("==", lambda w, x, y: w[0] if y == 1 else w[1], r'compares by == .* numbers of y; .* static=\("y",\)'),
    ("!=", lambda w, x, y: w[0] if y != 1 else w[1], "compares by =="),
    ("in", lambda w, x, y: w[0] if y in (0, 1) else w[1], "compares by =="),
    ("== of data", lambda w, x, y: w[0] if x == y else w[1], "compares by == .* x and y"),
    ("== of made", lambda w, x, y: w[0] if Value(x) - 1 == 0 else w[1], "compares by == .* x;"),
    ("condition ==", lambda w, x, y: w[0] * ((y > 0) == True), "compares by =="),  # noqa: E712
    (".data", lambda w, x, y: w[0] - max(v.data for v in w), r"the plain number, \.data, .*logsumexp"),
    ("condition.data", lambda w, x, y: w[0] * (w[0] > 0).data, r"the plain number, \.data"),
    ("item", lambda w, x, y: w[0] * (w[0] * x).item(), r"\.item\(\),.*print\(v\)"),
    ("isnan", lambda w, x, y: w[0] if not np.isnan(w[0]) else w[1], r"\.data"),
    ("float", lambda w, x, y: w[0] * float(x), r"float\(v\),.*exp\(v\)"),
    ("int", lambda w, x, y: w[0] * int(y), r"int\(v\),"),
    ("complex", lambda w, x, y: w[0] * complex(y).real, r"complex\(v\),"),
    ("math", lambda w, x, y: w[0] * math.exp(x), r"float\(v\),.*exp\(v\) for math\.exp\(v\)"),
    ("asarray", lambda w, x, y: w[0] * np.asarray([x, y], float)[0], "float"),
    ("index", lambda w, x, y: w[y], r'looks something up .* one of y; .* take\(values, index\).*static=\("y",\)'),
    ("index of a tuple", lambda w, x, y: tuple(w)[y], "looks something up"),
    ("array index", lambda w, x, y: np.array(w)[y], "looks something up .* one of y;"),
    ("range", lambda w, x, y: w[0] * len(range(y)), "looks something up .* one of y;"),
    ("dict", lambda w, x, y: w[{0: 0, 1: 1}[y]], "looks something up .* one of y;"),
    ("dict of pairs", lambda w, x, y: {(0, 1): w[0]}[0, y], "looks something up .* one of y;"),
    ("times a list", lambda w, x, y: sum(w * y), "raised TypeError: can't multiply sequence"),
    ("%", lambda w, x, y: w[0] * (y % 2), "raised TypeError: .* as it met Values of x and y"),
    ("a method", lambda w, x, y: w[0] * x.is_integer(), "raised AttributeError: 'Value' object has no"),
    ("times a condition", lambda w, x, y: w[0] * (x > 0), "raised TypeError"),
    ("caught", swallowing, "decides"),
    ("in a generator", by_generator, "decides"),
]


@pytest.mark.parametrize(("loss", "told"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_the_line_and_the_cure(loss: Any, told: str) -> None:
    with pytest.raises(RecordingError) as caught:
        record(loss, W, (0.5, 1))
    error, text = caught.value, str(caught.value)
    assert error.file == __file__
    lines = Path(__file__).read_text("utf-8").splitlines()
    here = loss.__code__.co_firstlineno
    assert error.line is not None
    line = lines[error.line - 1]
    assert error.line == here if loss.__name__ == "<lambda>" else "# here" in line
    place = f"{__file__}:{error.line}: `{line.strip()[:80]}` "
    assert text.startswith(place)
    assert re.search(told, text.removeprefix(place))
    assert text.endswith("(see docs/compiling.md)")
    assert isinstance(error, TypeError)
    assert isinstance(error, InputError)


def test_the_line_is_the_user_s_also_behind_the_standard_library() -> None:
    def loss(w: Any, x: Any) -> Any:
        return functools.reduce(lambda a, b: a if a < b else b, w) * x  # reduce

    def by_heap(w: Any, x: Any) -> Any:
        import heapq

        return heapq.nsmallest(2, [*w, x])[0]  # heap

    lines = Path(__file__).read_text("utf-8").splitlines()
    for wrong, mark in ((loss, "# reduce"), (by_heap, "# heap")):
        with pytest.raises(RecordingError) as caught:
            record(wrong, W, (0.5,))
        assert lines[(caught.value.line or 0) - 1].endswith(mark)


def test_a_loss_that_changes_a_parameter_is_refused() -> None:
    def loss(w: Any, x: Any) -> Any:
        w[1].data = 0.0
        return w[0] * x

    with pytest.raises(RecordingError, match=r"the loss changes the parameter 1 from 2\.0 to 0\.0"):
        record(loss, [Value(1.0), Value(2.0)], (0.5,))


def test_a_loss_may_change_its_copy_of_the_data() -> None:
    def loss(w: Any, X: Any) -> Any:
        for row in X:
            row[0] -= 1.0
        X.reverse() if isinstance(X, list) else None
        return sum(w * row[0] for row in X)

    for X in ([[1.0, 2.0], [3.0, 4.0]], np.array([[1.0, 2.0], [3.0, 4.0]]), ([1.0, 2.0], [3.0, 4.0])):
        recording = record(loss, Value(2.0), (X,))
        assert recording.graph.data[-1] == 4.0
        assert [list(row) for row in X] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "loss",
    [
        lambda w, x, y: w[0] if y in {0, 1} else w[1],
        lambda w, x, y: {1: w[0]}.get(y, w[1]),
        lambda w, x, y: w[0] * x * random.random(),
    ],
)
def test_what_is_found_only_by_its_result(loss: Any) -> None:
    with pytest.raises(RecordingError, match=r"of the plain data and .* it is random .* static=\(…\)"):
        record(loss, W, (0.5, 1))


def test_random_numbers_are_found_without_data() -> None:
    with pytest.raises(RecordingError, match="it is random"):
        record(lambda w: w[0] * random.random(), W)


def test_what_may_branch() -> None:
    own, seen = Value(2.0), []

    def loss(w: Any, x: Any, n: int) -> Any:
        total = own * 2
        if total > 3 and own.data == 2.0 and own.item() == 2.0 and n == 2 and w[0] is not w[1]:
            total = w[0] * x
        if w[0] in w and w[0] != w[1] and w[1] == w[1]:
            seen.append(f"{total:.2f} {total!r} {x}")
        return total if own else w[1]

    recording = record(loss, W, (0.5, 2), static=("n",))
    assert recording.graph.operations == ("", "", "mul")
    assert seen[0].startswith("0.25 Value(0.25")
    with pytest.raises(TypeError, match=r"float\(\) would drop the gradient"):
        record(lambda w, x: w[0] * float(own), W, (0.5,))


def test_the_cures_are_recorded() -> None:
    z = [Value(0.5), Value(-1.0), Value(2.0)]
    right = record(lambda z, y: take(softmax(z), y) * where(y > 0.5, z[0], z[1]) * maximum(z[0], z[2]), z, (1,))
    again = right.graph.evaluate(leaf_values(right, [1.0, 2.0, 3.0], {"y": 0}))[-1]
    e = [math.exp(v) for v in (1.0, 2.0, 3.0)]
    assert again == pytest.approx(e[0] / sum(e) * 2.0 * 3.0, rel=1e-15)


def test_the_user_s_own_errors_are_passed_on() -> None:
    with pytest.raises(IndexError, match="list index out of range") as caught:
        record(lambda w, x: w[7] * x, W, (0.5,))
    assert "the numbers of x are Values there" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="exp wants numbers or Values, got list"):
        record(lambda w, x: exp([w[0]]) * x, W, (0.5,))
    with pytest.raises(TypeError, match="parameters and then 1 data argument: missing a required argument"):
        record(lambda w, x, y: w[0] * x, W, (0.5,))
    with pytest.raises(InputError, match="hinge wants targets of -1 or 1"):
        record(lambda w, x, y: losses.hinge(w[0] * x, y), W, (0.5, 0.0))


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (1.5, "returned float 1.5, so it depends on no parameter"),
        (None, "returned NoneType None, and a loss is one number; return it"),
        ([Value(1.0)], "returned list .* return the loss alone, the sum or the mean of several"),
        ((Value(1.0), 0.5), "returned tuple .* return the loss alone"),
        (np.array([Value(1.0)]), "returned ndarray .* return the loss alone"),
        (Value(1.0) > 0, "returned Condition"),
    ],
)
def test_the_result_is_one_value(result: Any, told: str) -> None:
    with pytest.raises(TypeError, match="^the loss must return one Value, and it " + told):
        record(lambda w, x: result, W, (0.5,))


def test_the_result_may_be_an_array_of_no_axes_or_a_leaf() -> None:
    assert record(lambda w, x: np.array(w[0] * x), W, (0.5,)).graph.operations == ("", "", "mul")
    assert record(lambda w, x: w[1], W, (0.5,)).origin == {0: ("p", 1)}


# ---------------------------------------------------------------- no state is left


def raising(w: Any, x: Any) -> Any:
    assert not gc.isenabled()
    assert recorder.get() is not None
    raise KeyboardInterrupt


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(
    ("loss", "error"),
    [
        (raising, KeyboardInterrupt),
        (lambda w, x: w[0] if x > 0 else w[1], RecordingError),
        (lambda w, x: w, TypeError),
        (lambda w, x: w[0] * x, None),
    ],
)
def test_no_state_is_left_behind(loss: Any, error: Any, enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(error) if error else contextlib.nullcontext():
            record(loss, W, (0.5,))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
    assert recorder.get() is cut.get() is None
    assert bool(W[0] > 0)
    assert W[0].data == 0.5


def test_threads_record_beside_eager_code() -> None:
    """One thread records while another branches on Values; then many record at once."""
    entered, go_on, results = threading.Event(), threading.Event(), []

    def loss(w: Any, x: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return w[0] * x

    def recording() -> None:
        results.append(record(loss, W, (0.5,)).graph.operations)

    thread = threading.Thread(target=recording)
    thread.start()
    assert entered.wait(30)
    v = Value(3.0)
    assert v > 2
    assert v.data == 3.0
    with pytest.raises(TypeError, match="would cut the new Value"):
        Value(v)
    go_on.set()
    thread.join()
    assert results == [("", "", "mul")]

    model, found = nn.MLP(2, [3, 1], seed=1), []
    threads = [
        threading.Thread(target=lambda: found.append(record(two_layers, model, ([[1.0, 2.0]], [1])).graph.operands))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_recording_inside_a_recording() -> None:
    inner: list[Recording] = []

    def loss(w: Any, x: Any) -> Any:
        inner.append(record(lambda v, y: v * y, Value(1.0), (2.0,)))
        return w[0] * x

    assert record(loss, W, (0.5,)).graph.operations == inner[0].graph.operations
    with pytest.raises(RecordingError):
        record(lambda w, x: record(lambda v, y: v * y, Value(1.0), (2.0,)) and (w[0] if x > 0 else w[1]), W, (0.5,))


def test_equality_of_values_is_identity_as_before() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert (a == 1.0, a == None, a != 1.0) == (False, False, True)  # noqa: E711
    assert b not in [a]
    assert {a: 1}[a] == 1
    assert len({a, b, a}) == 2
    condition = a > 0
    assert condition == condition
    assert condition != (a > 0)
    assert hash(condition) == hash(condition)


# ---------------------------------------------------------------- data that look like literals


def test_a_note_on_data_in_the_closure() -> None:
    r = random.Random(0)
    X = [[r.gauss(0, 1), r.gauss(0, 1)] for _ in range(20)]
    recording = record(lambda w: sum(w[0] * a + w[1] * b for a, b in X), W)
    assert recording.literals == 40
    assert recording.note.startswith("40 different numbers that are no arguments of the loss are fixed in the program")
    assert record(lambda w, X: sum(w[0] * a + w[1] * b for a, b in X), W, (X,)).note == ""
    closed = [[Value(x) for x in row] for row in X]
    assert record(lambda w: sum(w[0] * a + w[1] * b for a, b in closed), W).literals == 40


def test_no_note_on_usual_constants() -> None:
    def loss(w: Any, X: Any) -> Any:
        terms = [math.pi * 0.5 * w[0] * x + 1e-4 * w[1] ** 2 + x / 7 - 1.5 for x in X]
        return sum(terms) * (1 / len(terms)) + sum(w[0] * k for k in range(100)) + sum(w[1] / k for k in range(1, 99))

    recording = record(loss, W, ([0.1 * i for i in range(50)],))
    assert recording.literals <= 5
    assert recording.note == ""
