"""What tests of emitted text share: running it, plans that hold everything, and plans at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from plans import Maker

from microgradnet.compiler.arrays import (
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
    inserted,
    logsumexp,
    number,
    peak,
    place,
    softmax,
    stack,
    table,
    total,
    view,
)  # fmt: skip
from microgradnet.compiler.languages import NUMPY, Language
from microgradnet.compiler.languages.emit import function, module
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.plan import Node, Plan, Table, check, expands, shape_of_steps
from microgradnet.compiler.sizes import Dim, Scaled

LARGE_AND_SMALL = (4096, 2)
"""Elements from which on arrays are written over: never in these tests, and nearly always."""


def run(plan: Plan, language: Language = NUMPY, **arguments: Any) -> tuple[Any, ...]:
    """The results of the emitted text; nothing that it was given is changed or given back."""
    written = function(plan, "step", language, arguments=list(arguments))
    namespace: dict[str, Any] = dict(written.tables)
    exec(module([written], language), namespace)
    before = [np.array(x) for x in arguments.values()]
    with np.errstate(all="ignore"):
        results = namespace["step"](*arguments.values())
    results = results if len(plan.results) > 1 else (results,)
    for x, was in zip(arguments.values(), before, strict=True):
        np.testing.assert_array_equal(x, was)
        assert not any(np.ndim(x) and np.shares_memory(x, r) for r in results)
    return results


def assert_same(found: Sequence[Any], wanted: Sequence[Any], rtol: float = 1e-11) -> None:
    """Equal in shape and, to rounding, in every number."""
    for f, w in zip(found, wanted, strict=True):
        assert np.shape(f) == np.shape(w)
        np.testing.assert_allclose(np.asarray(f, float), np.asarray(w, float), rtol=rtol, atol=1e-12)


def sliced(*entry: int) -> tuple[str, Any]:
    """The step that takes a run of a vector: start, stop and perhaps a stride."""
    start, stop, step = (*entry, 1)[:3]
    return ("slice", ((start, stop, step),))


def moons(samples: Any = 100) -> Plan:
    """micrograd's demo as arrays, without its gradient."""
    p, X, y = argument("p", (337,)), argument("X", (samples, 2)), argument("y", (samples,))
    W1 = view(p, sliced(0, 48), ("reshape", (16, 3)), ("slice", ((0, 16, 1), (0, 2, 1))))
    W2 = view(p, sliced(48, 320), ("reshape", (16, 17)), ("slice", ((0, 16, 1), (0, 16, 1))))
    b1, b2 = (inserted(view(p, sliced(*entry)), [0]) for entry in ((2, 48, 3), (64, 320, 17)))
    w3, b3 = view(p, sliced(320, 336)), view(p, ("slice", (336,)))
    h1 = elementwise("relu", contract(X, W1, "ik,jk->ij") + expand(b1, (samples, 16)))
    h2 = elementwise("relu", contract(h1, W2, "ik,jk->ij") + expand(b2, (samples, 16)))
    score = contract(h2, w3, "ik,k->i") + b3
    margin = elementwise("relu", 1.0 - y * score)
    mean = Node("number", (), (), Scaled(1.0, -1)) if isinstance(samples, Dim) else number(1 / samples)
    loss = mean * total(margin, [0]) + 0.0001 * contract(p, p, "i,i->")
    labels = {W1: "W1", b1: "b1", W2: "W2", b2: "b2", w3: "w3", b3: "b3", h1: "h1", h2: "h2", score: "score"}
    return Plan((loss,), ("loss",), labels | {margin: "margin"})


def structural() -> dict[str, Node]:
    """Every operation that is not element by element, in every form it is written in."""
    p, X, k = argument("p", (12,)), argument("X", (4, 3)), argument("k", (4,))
    T = view(p, ("reshape", (2, 2, 3)))
    first = view(T, ("slice", ((0, 2, 1), 0, (0, 3, 1))))
    one, which = view(p, ("slice", (3,))), view(k, ("slice", (0,)))
    rows, i, windows = total(X, [1]), Table([2, 0, 0, 1]), Table([[0, 1], [1, 2]])
    return {
        "transposed": view(T, ("transpose", (2, 0, 1))),
        "gathered": view(X, ("gather", i)),
        "windows": view(X, ("gather", windows)),
        "inserted": view(X, ("insert", (0, 2))),
        "one number": view(X, ("slice", (3, 1))),
        "a number as a vector": view(p * 2.0, ("slice", (1,)), ("insert", (0,))),
        "repeated": expand(view(p, sliced(0, 4), ("insert", (1,))), (4, 3)),
        "a number repeated": expand(total(p, [0]), (2, 2)),
        "sum of all": total(T, [0, 1, 2]),
        "sum of the middle": total(T, [1]),
        "sum of two": total(T, [0, 2]),
        "sums of rows": total(X * X, [1]),
        "sums of columns": total(X * X, [0]),
        "stack": stack([X, X * 2.0]),
        "stack of numbers": stack([expand(one, (1,)), expand(which, (1,)), expand(number(2.0), (1,))]),
        "peak": peak(X),
        "peak of a vector": peak(p),
        "peak of three axes": peak(T),
        "softmax": softmax(X),
        "softmax of three axes": softmax(T),
        "softmax of a vector": softmax(p),
        "logsumexp": logsumexp(X),
        "logsumexp of three axes": logsumexp(T),
        "logsumexp of a vector": logsumexp(p),
        "choose": choose(X, k),
        "choose of a vector": choose(p, which),
        "choose of three axes": choose(T, view(k, ("reshape", (2, 2)))),
        "place": place(rows, k, 3),
        "place of a number": place(one, which, 3),
        "taken from": X * 2.0 - place(rows, k, 3),
        "taken from a vector": p - place(one, which, 12),
        "added to": place(rows, k, 3) + softmax(X),
        "table": table(np.arange(12.0).reshape(4, 3)) * X,
        "dot": contract(p, p, "i,i->"),
        "matrix": contract(X, X, "ik,jk->ij"),
        "left": contract(k, X, "i,ij->j"),
        "turned": contract(X, X, "ik,jk->ji"),
        "of columns": contract(X, X, "ki,kj->ij"),
        "rows": contract(X, X, "ij,ij->i"),
        "columns": contract(X, X, "ij,ij->j"),
        "all": contract(X, X, "ij,ij->"),
        "all, turned": contract(X, view(X, ("transpose", (1, 0))), "ij,ji->"),
        "outer": contract(k, p, "i,j->ij"),
        "batched": contract(T, T, "bik,bjk->bij"),
        "batched, turned": contract(T, T, "bki,bkj->jbi"),
        "batched vector": contract(T, first, "bik,bk->bi"),
        "vector first": contract(first, T, "bk,bik->bi"),
        "batched dot": contract(T, T, "bik,bik->b"),
        "tensor": contract(T, X, "abk,jk->abj"),
        "two inside": contract(T, T, "iab,jab->ij"),
        "two in front": contract(T, T, "abi,abj->ij"),
        "added at slices": accumulate((12,), [((), 0.5 * p), ((sliced(0, 4),), k), ((sliced(2, 10, 2),), k)]),
        "added at slices that are apart": accumulate((12,), [((sliced(0, 4),), k), ((sliced(6, 10),), k)]),
        "added at all slices": accumulate((8,), [((sliced(0, 4),), k), ((sliced(4, 8),), k)]),
        "added at an index that repeats": accumulate((3,), [((("gather", i),), k)]),
        "added at an index": accumulate((5,), [((("gather", Table([4, 0, 2, 1])),), k)]),
        "added at windows": accumulate((4, 3), [((("gather", windows),), view(k, ("insert", (1, 2))))]),
        "added at an index in each row": accumulate((4, 3), [((("gather", i),), view(k, ("insert", (1,))))]),
        "added at every other one": accumulate((12,), [((sliced(0, 12, 2), ("reshape", (2, 3))), number(0.5))]),
        "added at what is no view": accumulate(
            (4, 3), [((("slice", ((0, 4, 1), (0, 2, 1))), ("reshape", (8,))), view(p, sliced(0, 8)))]
        ),
        "added at a place": accumulate((4, 3), [((("reshape", (12,)), ("slice", (7,))), one)]),
        "added at columns": accumulate((4, 3), [((("transpose", (1, 0)),), view(p, ("reshape", (3, 4))))]),
    }


DATA: dict[str, Any] = {
    "p": np.random.default_rng(1).normal(size=12), "X": np.random.default_rng(2).normal(size=(4, 3)),
    "k": np.array([0.0, 2.0, 1.0, 1.0]),
}  # fmt: skip


# --- plans at random -------------------------------------------------------------------------------------------------


class Wild(Maker):
    """As the plans for gradients, and with everything else that a plan can hold; some nodes have labels."""

    LABELS = ("h", "d_h", "x y", "class", "np", "N", "d_z", "loss", "p", "keep", "d_h")

    def __init__(self, random: Random) -> None:
        super().__init__(random, smooth=False, contractions=True)
        self.ways += [self.spread, self.spread, self.put, self.logic, self.counted]

    def spread(self) -> Node:
        """Parts added at views of an array."""
        shape = self.random.choice([(6,), (3, 2), (2, 6)])
        parts = []
        for _ in range(self.random.randint(1, 4)):
            steps = self.steps(shape)
            fits = [x for x in (*self.pool, number(0.5)) if expands(x.shape, shape_of_steps(shape, steps))]
            parts.append((steps, self.random.choice(fits)))
        return accumulate(shape, parts)

    def steps(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """A way to see an array of this shape."""
        steps: list[Any] = []
        size = math.prod(shape)
        if self.random.random() < 0.2:
            return ()
        if self.random.random() < 0.3:
            rows = self.random.choice([n for n in range(1, size + 1) if size % n == 0])
            steps, shape = [("reshape", (rows, size // rows))], (rows, size // rows)
        if self.random.random() < 0.3:
            steps, shape = [*steps, ("transpose", tuple(range(len(shape)))[::-1])], shape[::-1]
        starts = [self.random.randrange(n) for n in shape]
        entries = [
            (a, self.random.randint(a + 1, n), self.random.randint(1, 2)) for a, n in zip(starts, shape, strict=True)
        ]
        chosen = [self.random.choice([e, (0, n, 1), e[0]]) for e, n in zip(entries, shape, strict=True)]
        steps.append(("slice", tuple(chosen)))
        shape = shape_of_steps(shape, steps[-1:])
        if shape and self.random.random() < 0.3:
            steps.append(("gather", Table([self.random.randrange(shape[-1]) for _ in range(2)])))
        return tuple(steps)

    def put(self) -> Node:
        """Something added to one place of each row."""
        x, k = self.arguments["X"] * self.pool[3], self.arguments["k"]
        placed = place(total(x, [1]), k, 2)
        return elementwise(self.random.choice(["add", "sub"]), x, placed)

    def logic(self) -> Node:
        """A choice by several conditions."""
        a, b = self.pair()
        holds = elementwise(self.random.choice(["lt", "ge"]), a, b)
        other = elementwise("truth", b if self.random.random() < 0.5 else a)
        for op in self.random.sample(["and", "or"], self.random.randint(0, 2)):
            holds = elementwise(op, elementwise("not", holds), other)
        return elementwise("where", holds, a, 0.0 if self.random.random() < 0.5 else b)

    def counted(self) -> Node:
        """How often something holds."""
        x = elementwise("where", elementwise("gt", self.any(), 0.0), 1.0, 0.0)
        return total(x, range(len(x.shape)))

    def results(self, steps: int) -> Plan:
        """A plan with two results."""
        self.plan(steps)
        labels = {x: self.random.choice(self.LABELS) for x in self.pool if self.random.random() < 0.3}
        return Plan((self.pool[-1], self.any()), ("loss", "gradient"), labels)


def wild(seed: int) -> Plan:
    """A plan at random, always the same for a seed, made ready for NumPy."""
    return lowered(check(Wild(Random(seed)).results(3 + seed % 12)), NUMPY.spelled)


def data_for(seed: int) -> dict[str, Any]:
    """Numbers for its arguments."""
    rng = np.random.default_rng(seed)
    return {
        "p": rng.normal(size=6), "X": rng.normal(size=(3, 2)), "s": np.float64(rng.normal()),
        "k": rng.integers(0, 2, 3).astype(float),
    }  # fmt: skip
