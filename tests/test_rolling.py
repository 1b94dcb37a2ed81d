"""From scalars to arrays: what the passes make of programs whose best form is known, and of tables of positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import Value, logsumexp, nn, relu, softmax, take, tanh
from microgradnet.compiler.arrays import argument, view
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.batches import of_any_size
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.passes import roll
from microgradnet.compiler.passes.layout import layout
from microgradnet.compiler.passes.normalise import normalise
from microgradnet.compiler.passes.unify import unify
from microgradnet.compiler.passes.views import seen
from microgradnet.compiler.plan import Plan, check, stepped
from microgradnet.compiler.recording import record
from microgradnet.errors import InputError

RANDOM = np.random.default_rng(0)


def values(*shape: int) -> Any:
    if not shape:
        return Value(float(RANDOM.normal()))
    return [values(*shape[1:]) for _ in range(shape[0])]


def numbers(*shape: int) -> list[Any]:
    return RANDOM.normal(size=shape).tolist()


def dot(w: Any, x: Any) -> Any:
    return sum(a * b for a, b in zip(w, x, strict=True))


def operations(plan: Plan) -> Counter[str]:
    """How many there are of each, but for what costs nothing."""
    return Counter(node.op for node in plan.nodes if node.op not in ("argument", "number", "view", "expand", "table"))


def gathers(plan: Plan) -> int:
    return sum(node.op == "view" and any(kind == "gather" for kind, _ in node.detail) for node in plan.nodes)


# --- programs whose best form is known ----------------------------------------------------------------------------


def moons(p: Any, X: Any, y: Any) -> Any:
    """As micrograd's users write it: neurons with their weights and then their bias, relu, hinge, L2."""
    first, second, last = p[:4], p[4:8], p[8]
    total = 0
    for x, t in zip(X, y, strict=True):
        h = [sum((w * v for w, v in zip(weights, x, strict=True)), b).relu() for *weights, b in first]
        h = [sum((w * v for w, v in zip(weights, h, strict=True)), b).relu() for *weights, b in second]
        score = sum((w * v for w, v in zip(last[:-1], h, strict=True)), last[-1])
        total = total + (1 + -t * score).relu()
    return total / len(X) + 1e-4 * sum(w * w for neuron in p for w in neuron)


def softmax_regression(W: Any, X: Any, y: Any) -> Any:
    logits = [[dot(w, x) for w in W] for x in X]
    return sum(logsumexp(z) - take(z, c) for z, c in zip(logits, y, strict=True)) / len(X)


def attention(p: Any, X: Any) -> Any:
    Q, K, V = p
    total = 0
    for x in X:
        q, k, v = ([[dot(w, t) for w in M] for t in x] for M in (Q, K, V))
        for q_i in q:
            a = softmax([dot(q_i, k_j) for k_j in k])
            total = total + sum(tanh(dot(a, [v_j[d] for v_j in v])) for d in range(2))
    return total


def convolution(F: Any, X: Any) -> Any:
    return sum(relu(sum(f[k] * x[t + k] for k in range(3))) for x in X for f in F for t in range(5))


def batch_norm(p: Any, X: Any) -> Any:
    n, m = len(X), len(X[0])
    mean = [sum(x[j] for x in X) / n for j in range(m)]
    var = [sum((x[j] - mean[j]) ** 2 for x in X) / n for j in range(m)]
    return sum(tanh(p[0][j] * (x[j] - mean[j]) / (var[j] + 1e-5) ** 0.5 + p[1][j]) for x in X for j in range(m))


def nearest_centre(C: Any, X: Any) -> Any:
    distances = [[sum((a - b) ** 2 for a, b in zip(c, x, strict=True)) for c in C] for x in X]
    return sum(-logsumexp([-d for d in row]) for row in distances)


PROGRAMS: list[tuple[Callable[..., Any], Any, list[Any], dict[str, int]]] = [
    (moons, [*values(4, 3), *values(4, 5), values(5)], [numbers(6, 2), [1.0, -1.0] * 3],
     {"contract": 4, "relu": 3, "add": 4, "mul": 3, "sub": 1, "sum": 1}),
    (softmax_regression, values(3, 4), [numbers(6, 4), [0, 1, 2, 2, 1, 0]],
     {"contract": 1, "logsumexp": 1, "choose": 1, "sum": 2, "sub": 1, "mul": 1}),
    (attention, values(3, 2, 4), [numbers(5, 6, 4)], {"contract": 3, "softmax": 1, "tanh": 1, "sum": 1}),
    (convolution, values(2, 3), [numbers(6, 7)], {"contract": 1, "relu": 1, "sum": 1}),
    (batch_norm, values(2, 3), [numbers(6, 3)],
     {"sum": 2, "contract": 1, "mul": 3, "add": 3, "pow_const": 1, "div": 1, "tanh": 1}),
    (nearest_centre, values(3, 2), [numbers(6, 2)], {"contract": 1, "logsumexp": 1, "neg": 1, "sum": 1, "add": 1}),
]  # fmt: skip
each_program = pytest.mark.parametrize(
    ("loss", "parameters", "data", "wanted"), PROGRAMS, ids=[loss.__name__ for loss, *_ in PROGRAMS]
)


def parameters_of(recording: Any) -> list[float]:
    return [p.data for p in recording.parameters]


def arrays(recording: Any, data: list[Any]) -> dict[str, Any]:
    return dict(zip(recording.shapes, data, strict=True))


@each_program
def test_a_program_becomes_the_array_operations_of_an_expert(
    loss: Any, parameters: Any, data: Any, wanted: dict[str, int]
) -> None:
    recording = record(loss, parameters, data)
    plan = roll(recording)
    found = operations(plan)
    assert {op: found[op] for op in ("contract", "softmax", "logsumexp", "relu", "tanh", "choose") if op in wanted} == {
        op: n for op, n in wanted.items() if op in ("contract", "softmax", "logsumexp", "relu", "tanh", "choose")
    }
    assert sum(found.values()) <= sum(wanted.values()) + 1
    assert gathers(plan) == (1 if loss is convolution else 0)
    (value,) = interpret(plan, p=parameters_of(recording), **arrays(recording, data))
    assert value == pytest.approx(recording.graph.data[-1], rel=1e-13)


@each_program
def test_one_plan_serves_any_batch_size(loss: Any, parameters: Any, data: Any, wanted: dict[str, int]) -> None:
    found = of_any_size(loss, parameters, data, (), lambda recording: with_gradient(roll(recording)))
    for n in (1, 5, 40):
        more = [[rows[i % len(rows)] for i in range(n)] for rows in data]
        recording = record(loss, parameters, more)
        value, gradient = interpret(found.plan, n, p=parameters_of(recording), **arrays(recording, more))
        graph = recording.graph
        by_node = graph.gradient()
        eager = np.zeros(len(recording.parameters))
        for leaf, (name, k) in recording.origin.items():
            if name == "p":
                eager[k] = by_node[leaf]
        assert value == pytest.approx(graph.data[-1], rel=1e-12)
        np.testing.assert_allclose(gradient, eager, rtol=1e-11, atol=1e-12)


@each_program
def test_the_text_is_the_same_in_every_run(loss: Any, parameters: Any, data: Any, wanted: dict[str, int]) -> None:
    first, second = (str(roll(record(loss, parameters, data))) for _ in range(2))
    assert first == second


def test_a_number_in_the_data_does_not_change_the_structure() -> None:
    plain = roll(record(softmax_regression, values(3, 4), [numbers(6, 4), [0, 1, 2, 2, 1, 0]]))
    ones = roll(record(softmax_regression, values(3, 4), [[[1.0, 0.0, -1.0, 2.0]] * 6, [0, 1, 2, 2, 1, 0]]))
    assert str(plain) == str(ones)


def test_a_layer_is_named_after_its_labels() -> None:
    model = nn.MLP(2, [3, 3, 1], activation="tanh", seed=1)
    plan = roll(record(lambda model, X: sum(model(x) for x in X), model, [numbers(4, 2)]))
    assert {"W1", "b1", "s1", "h1", "W2", "b2", "s2", "h2", "w3", "b3"} <= set((plan.labels or {}).values())


def test_sums_are_swallowed_from_either_side_without_growing_slow() -> None:
    def left(p: Any, X: Any) -> Any:
        total = 0
        for x in X:
            total = total + p[0] * x
        return total

    def right(p: Any, X: Any) -> Any:
        total = 0
        for x in X:
            total = p[0] * x + total
        return total

    for loss in (left, right):
        recording = record(loss, [Value(2.0)], [numbers(20_000)])
        normal = normalise(recording)
        assert [len(kind.members) for kind in normal.kinds if kind] == [1]
        assert operations(roll(recording)) == {"sum": 1, "mul": 1} or operations(roll(recording)) == {"contract": 1}


# --- batches that cannot be of any size ---------------------------------------------------------------------------


def refused(loss: Any, parameters: Any, *data: Any) -> str:
    with pytest.raises(InputError) as caught:
        of_any_size(loss, parameters, data, (), roll)
    return str(caught.value)


def test_it_says_why_a_batch_has_its_size() -> None:
    w = [Value(2.0)]
    assert "no data argument" in refused(lambda w, x: w[0] * x, w, 3.0)
    weighted = refused(lambda w, X: sum((w[0] * x) ** 2 * 1.1**i for i, x in enumerate(X)), w, [1.0, 2.0])
    assert "numbers that the loss has not as data" in weighted
    chain = refused(lambda w, X: _recurrent(w, X), w, [1.0, 2.0, 3.0])
    assert "operations depends on the batch size" in chain


def _recurrent(w: Any, X: Any) -> Any:
    h = Value(0.0)
    for x in X:
        h = tanh(w[0] * h + x)
    return h


def test_plans_of_other_operations_do_not_unify() -> None:
    x = argument("x", (3,))
    with pytest.raises(InputError, match="which operations"):
        unify([Plan((abs(x),), ("y",)), Plan((-x,), ("y",)), Plan((abs(x),), ("y",))], (7, 11, 13))


# --- tables of positions ------------------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """A shape, and positions in an array of it: what slices, transposes and reshapes leave, or any."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    positions = np.arange(int(np.prod(shape))).reshape(shape)
    if draw(st.booleans()):
        positions = positions.reshape(-1)[draw(st.integers(0, positions.size - 1)) :]
    for axis in range(positions.ndim):
        start = draw(st.integers(0, positions.shape[axis] - 1))
        step = draw(st.integers(1, 3))
        positions = positions.take(range(start, positions.shape[axis], step), axis)
    positions = positions.transpose(draw(st.permutations(range(positions.ndim))))
    if draw(st.booleans()):
        rows = draw(st.lists(st.integers(0, positions.shape[0] - 1), min_size=1, max_size=6))
        positions = positions[rows]
    return shape, positions


@given(tables())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_table_of_positions_is_seen_as_it_is(table: tuple[tuple[int, ...], Any]) -> None:
    shape, positions = table
    node = seen(argument("a", shape), positions)
    check(Plan((node,), ("a",)))
    steps = node.detail if node.op == "view" else ()
    assert (stepped(np.arange(int(np.prod(shape))).reshape(shape), steps) == positions).all()


@pytest.mark.parametrize(
    ("shape", "positions", "steps"),
    [
        ((9,), [[0, 1], [3, 4], [6, 7]], (("reshape", (3, 3)), ("slice", ((0, 3, 1), (0, 2, 1))))),
        ((9,), [2, 5, 8], (("slice", ((2, 9, 3),)),)),
        ((4, 3), [[1, 4, 7, 10]], (("insert", (0,)), ("slice", (0, (0, 4, 1), 1)))),
        ((2, 3), [[0, 3], [1, 4], [2, 5]], (("transpose", (1, 0)),)),
    ],
)
def test_regular_tables_become_slices(shape: Any, positions: Any, steps: Any) -> None:
    node = seen(argument("a", shape), np.array(positions))
    found = stepped(np.arange(int(np.prod(shape))).reshape(shape), node.detail)
    assert found.tolist() == positions
    assert not any(kind == "gather" for kind, _ in node.detail)
    assert len(node.detail) <= len(steps) + 1


def test_a_view_of_a_view_is_one() -> None:
    a = argument("a", (12,))
    assert view(view(a, ("reshape", (3, 4))), ("reshape", (12,))) is a
    assert view(view(a, ("reshape", (3, 4))), ("slice", ((0, 3, 1), 2))).detail[-1] == ("slice", ((0, 3, 1), 2))


def test_layout_of_one_row_is_a_single_number() -> None:
    recording = record(lambda w, x: w[0] * x[0], [Value(2.0)], [[1.0]])
    assert roll(recording).results[0].shape == ()
    assert layout.__doc__
