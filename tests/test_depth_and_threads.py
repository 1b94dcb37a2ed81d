"""Graphs of any depth without recursion, and threads that never disturb each other."""

from __future__ import annotations

import copy
import math
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from microgradnet import functions as F
from microgradnet.graph import Graph, walk
from microgradnet.transforms import grad, hessian, jvp
from microgradnet.value import Value

DEPTH = 1_000_000


def chain(x: Any, depth: int) -> Any:
    """x ← (x · 0.999999) + 1e-7, again and again: the derivative is 0.999999 ** (depth / 2)."""
    for _ in range(depth // 2):
        x = x * 0.999999
        x = x + 1e-7
    return x


def test_a_chain_of_a_million_operations() -> None:
    assert sys.getrecursionlimit() <= 10_000
    x = Value(0.5, "x")
    end = chain(x, DEPTH)
    slope = 0.999999 ** (DEPTH // 2)
    end.backward()
    assert x.grad == pytest.approx(slope, rel=1e-9)
    first = x.grad
    end.backward()
    assert x.grad == pytest.approx(2 * first, rel=1e-15)

    graph = Graph(end)
    assert len(graph) == DEPTH + 1
    assert graph.gradient()[0] == first
    replayed = graph.replay({"x": 0.25})
    assert replayed.data[-1] == chain(0.25, DEPTH)
    assert len(set(replayed.names)) == DEPTH + 1
    del graph, replayed

    from_file = pickle.loads(pickle.dumps(end))
    copied = copy.deepcopy(end)
    for other in (from_file, copied):
        (leaf,) = [node for node in walk(other) if node.op is None]
        assert (leaf.label, leaf.data, leaf.grad, other.data) == ("x", 0.5, 2 * first, end.data)
        leaf.grad = 0.0
        other.backward()
        assert leaf.grad == first
        del leaf
    assert "Value" in repr(end)
    del from_file, copied, other, end
    assert x.grad == 2 * first


def deep(x: Any, depth: int, step: Callable[[Any], Any]) -> Any:
    for _ in range(depth):
        x = step(x)
    return x


STEPS: dict[str, Callable[[Any], Any]] = {
    "binary, deep on the right": lambda v: 1.0 - v,
    "both sides": lambda v: v * v,
    "any number": lambda v: F.dot([v, 0.5], [0.5, v], 0.1),
    "mean": lambda v: F.mean([v, v, 1.0]),
    "mask": lambda v: F.where(v > 0.5, v * 0.5, v + 0.5),
    "only through a condition": lambda v: F.where(v > 0.5, 0.25, 0.75),
    "unary": F.tanh,
    "three": lambda v: F.clip(v, -1.0, 1.0),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_kind_of_node_may_be_deep(step: Callable[[Any], Any]) -> None:
    x = Value(0.7, "x")
    end = deep(x, 20_000, step)
    end.backward()
    graph = Graph(end)
    assert graph.gradient()[0] == x.grad
    assert graph.replay({"x": -0.3}).data[-1] == deep(Value(-0.3), 20_000, step).data
    for other in (pickle.loads(pickle.dumps(end)), copy.deepcopy(end)):
        assert other.data == end.data
        other.backward()
        del other
    del end, graph


def test_transforms_on_a_deep_function() -> None:
    assert grad(lambda x: deep(x, 20_000, lambda v: v * 0.9999))(1.0) == pytest.approx(0.9999**20_000, rel=1e-9)
    assert jvp(lambda x: deep(x, 20_000, lambda v: v * 0.9999), (1.0,), (1.0,))[1] == pytest.approx(
        0.9999**20_000, rel=1e-9
    )
    second = grad(grad(lambda x: deep(x, 2_000, lambda v: v * 1.0) ** 2))(3.0)
    assert second == 2.0


def test_a_wide_graph() -> None:
    leaves = [Value(float(i)) for i in range(50_000)]
    F.dot(leaves, [1.0] * 50_000).backward()
    F.sum([v * 2 for v in leaves]).backward()
    assert {v.grad for v in leaves} == {3.0}


# --- threads ---------------------------------------------------------------------------------------------------------


def in_threads(*jobs: Callable[[], Any]) -> list[Any]:
    """The results of jobs that start together, each in a thread; what one raises is raised here."""
    barrier, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def work(place: int, job: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[place] = job()
        except BaseException as error:  # handed over to the test
            results[place] = error

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def train(seed: int) -> list[str]:
    """A little training of its own, told to the last bit."""
    w = [Value(math.sin(seed + i)) for i in range(6)]
    for step in range(60):
        h = [F.tanh(F.dot(w[2 * i : 2 * i + 2], [0.5, step / 60])) for i in range(2)]
        loss = (F.sigmoid(F.dot(w[4:], h)) - seed % 2) ** 2 + F.logsumexp(h) * 0.01
        for v in w:
            v.grad = 0.0
        loss.backward()
        for v in w:
            v.data -= 0.5 * v.grad
    return [v.data.hex() for v in w]


def test_threads_with_graphs_of_their_own() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        found = in_threads(*[lambda seed=seed: train(seed) for seed in range(4)])
    finally:
        sys.setswitchinterval(interval)
    assert found == [train(seed) for seed in range(4)]
    assert len({tuple(f) for f in found}) == 4


def third(x: float) -> tuple[float, float, float]:
    return grad(grad(grad(F.sin)))(x), hessian(lambda v: v[0] * v[1] ** 2)([x, x])[0][1], jvp(F.exp, (x,), (1.0,))[1]


def test_transforms_in_threads() -> None:
    serial = [third(x) for x in (0.1, 0.2, 0.3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        found = in_threads(*[lambda x=x: [third(x) for _ in range(30)] for x in (0.1, 0.2, 0.3)])
    finally:
        sys.setswitchinterval(interval)
    assert found == [[numbers] * 30 for numbers in serial]


def test_a_transform_in_one_thread_is_not_seen_in_another() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        assert go_on.wait(30)
        return grad(lambda y: x * y * y)(1.0)

    def other() -> Any:
        assert inside.wait(30)
        try:
            with pytest.raises(ZeroDivisionError):
                grad(lambda x: x * (1 // 0))(1.0)
            return grad(F.sin)(0.0)
        finally:
            go_on.set()

    mixed, plain = in_threads(lambda: grad(slow)(5.0), other)
    assert (mixed, type(plain), plain) == (2.0, float, 1.0)
    assert type(grad(F.sin)(0.0)) is float
