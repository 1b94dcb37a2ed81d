"""The frozen Graph: order, names, derivatives, replays, and refusal of numbers that no longer belong together."""

from __future__ import annotations

import math
import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import Program, alike, call_on_values, examples, programs, reference_backward

from microgradnet import functions as F
from microgradnet.errors import InputError, StaleGraphError
from microgradnet.graph import Graph, walk
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.value import Condition, Value

ALL = [*TABLE, "where_lt"]
anything = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0, math.inf, math.nan]), st.floats(-3.0, 3.0), st.floats()
)


def post_order(root: Any) -> list[Any]:
    """Depth-first, operands left to right, with recursion."""
    order: list[Any] = []

    def visit(node: Any) -> None:
        if type(node) is not float and node not in order:
            for operand in node.operands:
                visit(operand)
            if node not in order:
                order.append(node)

    visit(root)
    return order


@given(program=programs(ALL, anything, 14))
@examples(300)
def test_columns_tell_the_whole_computation(program: Program) -> None:
    leaves = [Value(x) for x in program.leaves]
    root = program.run(call_on_values, leaves)[-1]
    graph = Graph(root)
    assert list(graph.nodes) == walk(root) == post_order(root)
    assert (
        len(graph)
        == len(graph.operations)
        == len(graph.operands)
        == len(graph.data)
        == len(graph.labels)
        == len(graph.names)
    )
    for number, node in enumerate(graph.nodes):
        assert graph.operations[number] == (node.op or "")
        assert graph.number(node) == graph.number(graph.names[number]) == number
        assert node in graph
        assert graph.data[number] is node.data
        assert len(graph.operands[number]) == len(node.operands)
        for entry, operand in zip(graph.operands[number], node.operands, strict=True):
            assert type(entry) in (int, float)
            if type(entry) is int:
                assert entry < number
                assert graph.nodes[entry] is operand
            else:
                assert entry is operand
        if isinstance(node, Value):
            assert all(
                alike(p, q) if p is not None and q is not None else p is q
                for p, q in zip(graph.partials(number), node.partials, strict=True)
            )
        else:
            assert node.op in COMPARISONS
            assert graph.partials(number) == (None, None)
    assert graph.nodes[-1] is root
    assert len(set(graph.names)) == len(graph)


@given(program=programs(ALL, anything, 14))
@examples(300)
def test_gradient_is_the_reference_and_backward_to_the_last_bit(program: Program) -> None:
    leaves = [Value(x) for x in program.leaves]
    root = program.run(call_on_values, leaves)[-1]
    graph = Graph(root)
    found = graph.gradient()
    assert all(node.grad == 0.0 for node in graph.nodes)  # it writes no .grad
    wanted = dict(reference_backward(root))
    for node, derivative in zip(graph.nodes, found, strict=True):
        assert type(derivative) is float
        assert alike(derivative, wanted.get(node, 0.0))
    root.backward()
    assert all(alike(node.grad, derivative) for node, derivative in zip(graph.nodes, found, strict=True))
    assert all(alike(a, b) for a, b in zip(graph.gradient(), found, strict=True))  # and reads none


@given(program=programs(ALL, anything, 12), others=st.lists(anything, min_size=3, max_size=3))
@examples(400)
def test_a_replay_is_the_users_own_code_there(program: Program, others: list[float]) -> None:
    leaves = [Value(x, f"x{i}") for i, x in enumerate(program.leaves)]
    graph = Graph(program.run(call_on_values, leaves)[-1])
    told = {leaf: other for leaf, other in zip(leaves, others, strict=False) if leaf in graph}
    before, fresh = graph.data, [Value(other) for other in others[: len(leaves)]]
    root = program.run(call_on_values, fresh)[-1]
    there = Graph(root)
    for replayed in (graph.replay(told), graph.replay({leaf.label: other for leaf, other in told.items()})):
        assert len(replayed) == len(there)
        assert replayed.operations == there.operations
        assert all(map(alike, replayed.data, there.data))
        assert all(map(alike, replayed.gradient(), there.gradient()))
        assert replayed.names == graph.names
    assert graph.data == before or any(x != x for x in before)
    assert [leaf.data for leaf in leaves] == [
        x if x == x else leaf.data for x, leaf in zip(program.leaves, leaves, strict=True)
    ]


def test_replay_takes_branches_anew() -> None:
    x = Value(2.0, "x")
    graph = Graph(F.where(x > 1, F.log(x), -x) + F.maximum(x, 3) + F.clip(x, 0, 5) + F.relu(x) + abs(x))
    for at in (-2.0, 0.0, 1.0, 4.0, 10.0):
        fresh = Value(at)
        there = (
            F.where(fresh > 1, F.log(fresh), -fresh)
            + F.maximum(fresh, 3)
            + F.clip(fresh, 0, 5)
            + F.relu(fresh)
            + abs(fresh)
        )
        there.backward()
        replayed = graph.replay({x: at})
        assert replayed.data[-1] == there.data
        assert replayed.gradient()[replayed.number("x")] == fresh.grad
    assert graph.replay({}).data == graph.data
    assert graph.replay({"x": 3}).replay({"x": 2.0}).data == graph.data


def test_replay_refuses_what_is_no_leaf() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    graph = Graph(x * 2 + 1)
    for bad in ({"z": 1.0}, {y: 1.0}, {"mul1": 1.0}, {graph.nodes[1]: 1.0}, {7: 1.0}):
        with pytest.raises(InputError):
            graph.replay(bad)
    with pytest.raises(InputError, match="'z' is not in this graph; its leaves are x"):
        graph.number("z")
    with pytest.raises(InputError, match="mul"):
        graph.replay({"mul1": 1.0})
    for bad_number in ("3", None, y, [1.0], 1j):
        with pytest.raises(TypeError):
            graph.replay({"x": bad_number})  # type: ignore[dict-item]
    assert type(graph.replay({"x": 3}).data[0]) is float


def test_only_a_value_has_a_graph() -> None:
    for bad in (3.0, "x", None, [Value(1.0)]):
        with pytest.raises(TypeError, match="Graph wants a Value"):
            Graph(bad)
    graph = Graph(Value(3.0, "only"))
    assert (graph.names, graph.operations, graph.operands, graph.gradient()) == (("only",), ("",), ((),), [1.0])


# --- names -----------------------------------------------------------------------------------------------------------


@given(
    labels=st.lists(
        st.sampled_from([None, "", "a", "a", "a_2", "a_3", "mul1", "v1", "exp1", "b", "σ", "<x>", "a b"]),
        min_size=1,
        max_size=12,
    ),
    modules=st.lists(st.sampled_from(["a", "w", "mul1", "v2", "a_2"]), max_size=6),
)
@examples(300)
def test_names_are_unique_deterministic_and_labels_come_first(labels: list[str | None], modules: list[str]) -> None:
    leaves = [Value(float(i), label) for i, label in enumerate(labels)]
    out = F.sum([(v * v).exp() for v in leaves])
    pairs = list(zip(modules, leaves, strict=False))
    graph, again = Graph(out, pairs), Graph(out, pairs)
    assert graph.names == again.names
    assert len(set(graph.names)) == len(graph)
    assert all(graph.names)
    for label in filter(None, set(labels)):  # the first that bears a label is called so
        assert graph.names[graph.number(label)] == label
        assert graph.nodes[graph.number(label)].label == label
    for module, leaf in pairs:
        if not leaf.label and module not in labels and modules.index(module) == leaves.index(leaf):
            assert graph.names[graph.number(leaf)] == module


def test_names_follow_the_order() -> None:
    x, w = Value(1.0), Value(2.0, "w")
    h = F.tanh(x * w)
    h.label = "h"
    graph = Graph(h * w + F.tanh(x) * F.tanh(w))
    assert graph.names == ("v1", "w", "mul1", "h", "mul2", "tanh1", "tanh2", "mul3", "add1")
    assert Graph(x * w, [("layer.w", x), ("other", w), ("absent", Value(3.0))]).names == ("layer.w", "w", "mul1")
    assert Graph(F.where(x > w, x, w)).names == ("v1", "w", "gt1", "where1")


def test_duplicate_labels_are_numbered() -> None:
    a, b, c = Value(1.0, "a"), Value(2.0, "a"), Value(3.0, "a_2")
    assert Graph(a + b + c).names == ("a", "a_3", "add1", "a_2", "add2")


# --- stale numbers ---------------------------------------------------------------------------------------------------


def test_a_changed_leaf_is_refused() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    out = x * y
    x.data = 5.0
    with pytest.raises(StaleGraphError, match=r"mul1.*x, y"):
        Graph(out).gradient()
    out = x * y
    graph = Graph(out)
    assert graph.gradient() == [3.0, 5.0, 1.0]
    out.data = 7.0
    with pytest.raises(StaleGraphError):
        Graph(out).gradient()
    condition = F.where(x > y, x * 2, y)
    x.data = 0.0
    with pytest.raises(StaleGraphError):
        Graph(condition).gradient()


def test_a_graph_stays_what_it_was_when_frozen() -> None:
    x = Value(2.0, "x")
    graph = Graph(x * x)
    x.data, x.label = 10.0, "other"
    assert (graph.data, graph.labels) == ((2.0, 4.0), ("x", None))
    assert graph.gradient() == [4.0, 1.0]  # of the numbers that it froze, never a mixture


def test_nan_is_not_stale() -> None:
    x = Value(math.nan)
    assert Graph(F.log(Value(-1.0)) + x * 2).gradient()[-1] == 1.0


# --- other -----------------------------------------------------------------------------------------------------------


def test_pickled_graphs_keep_columns_and_names() -> None:
    x = Value(2.0, "x")
    graph = Graph(F.where(x > 1, x * 3, 0.0))
    for again in (pickle.loads(pickle.dumps(graph)), pickle.loads(pickle.dumps(graph.replay({"x": 2.0})))):
        assert (again.operations, again.operands, again.data, again.names) == (
            graph.operations,
            graph.operands,
            graph.data,
            graph.names,
        )
        assert again.gradient() == graph.gradient()
        assert again.replay({"x": -1.0}).data[-1] == 0.0


def test_repr_is_short() -> None:
    assert repr(Graph(Value(3.0, "x") * 2)) == "<Graph of 2 nodes, root mul1 = 6.0>"


def test_conditions_are_nodes() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    graph = Graph(F.where(x * y > 1, x, y))
    place = graph.operations.index("gt")
    assert isinstance(graph.nodes[place], Condition)
    assert graph.data[place] is True
    assert graph.operands[place] == (graph.number(graph.nodes[place].operands[0]), 1.0)
    assert graph.gradient()[place] == 0.0
    assert graph.replay({"x": -1.0}).data[place] is False


def test_a_large_random_graph_against_the_reference() -> None:
    rng = random.Random(11)
    leaves = [Value(rng.uniform(-1, 1)) for _ in range(20)]
    registers: list[Any] = list(leaves)
    for _ in range(600):
        a, b = rng.choices(registers[-60:], k=2)
        registers.append(
            rng.choice([a + b, a * b, F.tanh(a), F.sin(a - b), F.where(a > b, a, b), F.dot([a, b], [b, 2.0], a)])
        )
    root = F.mean(registers)
    found = dict(zip(Graph(root).nodes, Graph(root).gradient(), strict=True))
    root.backward()
    for node, derivative in reference_backward(root):
        assert node.grad == derivative == found[node]
