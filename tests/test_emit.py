"""The text of plans of arrays: run, it gives what the interpreter gives; it changes no argument; it reads well."""

from __future__ import annotations

import keyword
import math
import subprocess
import sys
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import examples
from plans import Maker

from microgradnet.compiler import pieces
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
)
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.emit import function, module
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.languages import NUMBA, NUMPY, Language
from microgradnet.compiler.names import RESERVED, clean, names
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import BOOLEAN, Node, Plan, Table, check, expands, shape_of_steps
from microgradnet.compiler.repeating import training
from microgradnet.compiler.sizes import Dim, Scaled
from microgradnet.compiler.updates import stepping
from microgradnet.ops import TABLE
from microgradnet.optim import SGD, Adam, AdamW
from microgradnet.value import Value

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.7, -0.3, 1e-300, 1e300, -800.0, 800.0, math.inf, -math.inf, math.nan]
LARGE_AND_SMALL = (4096, 2)  # elements from which on arrays are written over: never, and nearly always


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
    return results  # type: ignore[no-any-return]


def assert_same(found: Sequence[Any], wanted: Sequence[Any], rtol: float = 1e-11) -> None:
    for f, w in zip(found, wanted, strict=True):
        assert np.shape(f) == np.shape(w)
        np.testing.assert_allclose(np.asarray(f, float), np.asarray(w, float), rtol=rtol, atol=1e-12)


def sliced(*entry: int) -> tuple[str, Any]:
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


# --- how it looks ------------------------------------------------------------------------------------------------------


def test_the_moons_program_is_what_a_person_would_write() -> None:
    assert (
        function(with_gradient(moons()), "step", arguments=["p", "X", "y"]).text
        == """\
def step(p, X, y):
    W1 = p[0:48].reshape(16, 3)[:, 0:2]
    b1 = p[2:48:3]
    h1 = np.maximum(X @ W1.T + b1, 0.0)
    W2 = p[48:320].reshape(16, 17)[:, 0:16]
    b2 = p[64:320:17]
    h2 = np.maximum(h1 @ W2.T + b2, 0.0)
    w3 = p[320:336]
    b3 = p[336]
    score = h2 @ w3 + b3
    margin = np.maximum(1.0 - y * score, 0.0)
    loss = 0.01 * margin.sum() + 0.0001 * (p @ p)
    d_score = np.where(margin > 0.0, -0.01 * y, 0.0)
    d_h2 = np.where(h2 > 0.0, d_score[:, None] * w3, 0.0)
    d_h1 = np.where(h1 > 0.0, d_h2 @ W2, 0.0)
    gradient = np.empty(337)
    gradient[336] = d_score.sum()
    gradient[320:336] = d_score @ h2
    gradient[64:320:17] = d_h2.sum(0)
    gradient[2:48:3] = d_h1.sum(0)
    gradient[48:320].reshape(16, 17)[:, 0:16] = d_h2.T @ h1
    gradient[0:48].reshape(16, 3)[:, 0:2] = d_h1.T @ X
    gradient += 0.0002 * p
    return loss, gradient
"""
    )


def test_a_program_for_any_batch_size_reads_it_from_its_data() -> None:
    text = function(with_gradient(moons(Dim(1))), "step", arguments=["p", "X", "y"]).text
    assert text.startswith("def step(p, X, y):\n    N = len(X)\n")
    assert "    loss = margin.sum() / N + 0.0001 * (p @ p)\n" in text
    assert "    np.maximum(h1, 0.0, out=h1)\n" in text and "    keep(d_h2, h2 > 0.0)\n" in text


@pytest.mark.parametrize("samples", [1, 2, 33])
def test_a_program_for_any_batch_size_is_right_for_each(samples: int) -> None:
    rng = np.random.default_rng(samples)
    plan = with_gradient(moons(Dim(1)))
    given_ = {"p": rng.normal(size=337), "X": rng.normal(size=(samples, 2)), "y": np.sign(rng.normal(size=samples))}
    assert_same(run(plan, **given_), interpret(plan, samples, **given_))


def test_what_the_batch_size_is_reckoned_from_can_be_a_part_of_a_longer_axis() -> None:
    x = argument("x", (Dim(2, 1),))
    (result,) = run(Plan((total(x, [0]) * Node("number", (), (), Scaled(1.0, 1)),), ("loss",)), x=np.arange(7.0))
    assert result == 21.0 * 3


def test_an_expression_that_is_too_long_is_cut_where_it_is_longest() -> None:
    x = argument("x", (5,))
    long = x
    for i in range(30):
        long = elementwise("mul", elementwise("tanh", elementwise("add", long, 0.1 * i)), x)
    plan = Plan((total(long, [0]),), ("loss",))
    text = function(plan, "step").text
    assert max(map(len, text.splitlines())) <= 100
    assert_same(run(plan, x=np.linspace(-1, 1, 5)), interpret(plan, x=np.linspace(-1, 1, 5)))


def test_a_long_row_of_operands_is_broken_into_lines() -> None:
    x = argument("x", (60,))
    plan = Plan((stack([view(x, ("slice", (i,))) * number(i) for i in range(60) for _ in [0]][0:0] or
                       [expand(view(x, ("slice", (i,))) * number(i + 2.0), (1,)) for i in range(60)]),), ("y",))  # fmt: skip
    text = function(plan, "step").text
    assert max(map(len, text.splitlines())) <= 100 and "np.array([\n" in text
    assert_same(run(plan, x=np.arange(60.0)), interpret(plan, x=np.arange(60.0)))


def test_the_text_is_the_same_in_every_run() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from test_emit import *\n"
        "print(*(function(wild(seed), 'step').text for seed in range(30)), function(with_gradient(moons()), 's').text)"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1 and len(texts.pop()) > 5000


# --- names -------------------------------------------------------------------------------------------------------------

HOSTILE = [
    "class", "lambda", "np", "math", "N", "print", "len", "__import__('os')", "x y", "", "   ", "1st", "a\nb", "'''", '"',
    "\\", "$x$", "<script>", "{0}", "%s", "עברית", "a‮b", "😀", "ﬁ", "σ1", "вес", "_", "__class__", "h" * 200, "h1", "h1",
    "p", "X", "loss", "gradient", "step", "keep", "kept", "erf", "d_", "d_h1", "None", "True", "async", "match", "self",
]  # fmt: skip


@given(st.text(max_size=20))
@examples(400)
def test_a_cleaned_label_is_an_identifier_or_nothing(label: str) -> None:
    name = clean(label)
    assert not name or (name.isidentifier() and name not in RESERVED and not keyword.iskeyword(name))
    assert clean(name) in (name, name + "_")


def test_hostile_labels_never_reach_the_text() -> None:
    x = argument("x", (3,))
    nodes = [elementwise("tanh", x + float(i)) for i in range(len(HOSTILE))]
    results = [n * m for n, m in zip(nodes, nodes[1:], strict=False)]
    plan = Plan(
        (*results, nodes[0]), (*(f"y{i}" for i in range(len(results))), "loss"), dict(zip(nodes, HOSTILE, strict=True))
    )
    chosen = names(plan, ["step"])
    assert len(set(chosen.values())) == len(chosen)
    assert not {*chosen.values()} & {*RESERVED, "step"}
    assert_same(run(plan, x=np.linspace(-1, 1, 3)), interpret(plan, x=np.linspace(-1, 1, 3)))


def test_arguments_that_are_called_as_pythons_own_words_still_work() -> None:
    plan = Plan((argument("len", (2,)) * argument("np", (2,)) + argument("lambda_", ()),), ("loss",))
    assert_same(run(plan, **{"len": np.ones(2), "np": np.ones(2), "lambda_": np.float64(1)}), [np.full(2, 2.0)])


# --- every operation ---------------------------------------------------------------------------------------------------


def rows_of_the_table() -> list[str]:
    return [name for name, row in TABLE.items() if not row.variadic and name != "where"]


def _constant(op: str, operand: str) -> float | None:
    if operand not in TABLE[op].constants:
        return None
    return {"slope": 0.01, "alpha": 1.0, "c": 2.0}[operand]


@pytest.mark.parametrize("shape", [(), (5000,)], ids=["number", "array"])
@pytest.mark.parametrize("op", rows_of_the_table())
def test_every_row_of_the_table_gives_what_the_table_gives_at_edges(op: str, shape: tuple[int, ...]) -> None:
    row = TABLE[op]
    operands = [a if (c := _constant(op, a)) is None else number(c) for a in row.operands]
    arrays = [argument(o, shape) if isinstance(o, str) else o for o in operands]
    plan = Plan((elementwise(op, *arrays),), ("y",))
    ready = shared(lowered(plan, NUMPY.spelled))
    free = [o.detail for o in arrays if o.op == "argument"]
    grid = np.meshgrid(*[EDGES] * len(free))
    points = {name: values.ravel() for name, values in zip(free, grid, strict=True)}
    if shape:
        points = {name: np.resize(values, shape) for name, values in points.items()}
        assert_same(run(ready, **points), interpret(plan, **points))
        return
    for i in range(len(points[free[0]])):
        one = {name: np.float64(values[i]) for name, values in points.items()}
        if _is_unspecified(op, *one.values()):
            continue
        assert_same(run(ready, **one), interpret(plan, **one))


def _is_unspecified(op: str, *x: float) -> bool:
    """An infinite base to the power 0.5: C and NumPy differ, and the contract leaves it open."""
    return op == "pow" and x[0] == -math.inf and x[1] == 0.5


@pytest.mark.parametrize("large", LARGE_AND_SMALL)
def test_a_mask_selects_and_does_not_multiply(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LARGE", large)
    x = argument("x", (len(EDGES),))
    g = argument("g", (len(EDGES),))
    holds = elementwise("gt", x, 0.0)
    fresh = elementwise("exp", g)  # is written over
    plans = [
        elementwise("where", holds, g, 0.0), elementwise("where", holds, 0.0, g), elementwise("where", holds, fresh, 0.0),
        elementwise("where", holds, g, x), elementwise("where", holds, 2.0, g), elementwise("where", holds, 1.0, 0.0),
        elementwise("where", holds, 0.0, 1.0), elementwise("where", holds, 3.0, -1.0),
    ]  # fmt: skip
    given_ = {"x": np.array([1.0, -1.0, math.nan] * 5), "g": np.array(EDGES)}
    plan = Plan(tuple(plans), tuple(f"y{i}" for i in range(len(plans))))
    for found, wanted in zip(run(plan, **given_), interpret(plan, **given_), strict=True):
        np.testing.assert_array_equal(found, wanted)


def structural() -> dict[str, Node]:
    p, X, k = argument("p", (12,)), argument("X", (4, 3)), argument("k", (4,))
    T = view(p, ("reshape", (2, 2, 3)))
    i = Table([2, 0, 0, 1])
    windows = Table([[0, 1], [1, 2]])
    return {
        "transposed": view(T, ("transpose", (2, 0, 1))),
        "gathered": view(X, ("gather", i)),
        "windows": view(X, ("gather", windows)),
        "inserted": view(X, ("insert", (0, 2))),
        "one number": view(X, ("slice", (3, 1))),
        "repeated": expand(view(p, ("slice", ((0, 4, 1),)), ("insert", (1,))), (4, 3)),
        "a number repeated": expand(total(p, [0]), (2, 2)),
        "sum of all": total(T, [0, 1, 2]),
        "sum of the middle": total(T, [1]),
        "sum of two": total(T, [0, 2]),
        "stack": stack([X, total(X, [1]) * view(p, ("slice", (0,))) * expand(number(2.0), (4,)) if False else X]),
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
        "choose of a vector": choose(p, view(k, ("slice", (0,)))),
        "choose of three axes": choose(T, view(k, ("reshape", (2, 2)))),
        "place": place(total(X, [1]), k, 3),
        "place of a number": place(view(p, ("slice", (3,))), view(k, ("slice", (0,))), 3),
        "taken from": X * 2.0 - place(total(X, [1]), k, 3),
        "added to": place(total(X, [1]), k, 3) + softmax(X),
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
        "batched vector": contract(
            T, view(p, ("reshape", (2, 2, 3)), ("slice", ((0, 2, 1), 0, (0, 3, 1)))), "bik,bk->bi"
        ),
        "vector first": contract(view(T, ("slice", ((0, 2, 1), 0, (0, 3, 1)))), T, "bk,bik->bi"),
        "tensor": contract(T, X, "abk,jk->abj"),
        "two inside": contract(T, T, "iab,jab->ij"),
        "two inside, turned": contract(T, view(T, ("transpose", (2, 1, 0))), "iab,bak->ik")
        if False
        else contract(T, T, "iab,iac->bc"),
        "spread": accumulate(
            (12,), [((), 0.5 * p), ((sliced(0, 4)), k)][:1] + [((sliced(0, 4),), k), ((sliced(2, 10, 2),), k)]
        ),
        "spread apart": accumulate((12,), [((sliced(0, 4),), k), ((sliced(6, 10),), k)]),
        "spread over all": accumulate((8,), [((sliced(0, 4),), k), ((sliced(4, 8),), k)]),
        "repeated index": accumulate((3,), [((("gather", i),), k)]),
        "injective index": accumulate((5,), [((("gather", Table([4, 0, 2, 1])),), k)]),
        "overlapping windows": accumulate(
            (4, 3), [((("gather", windows),), expand(view(k, ("insert", (1, 2))), (4, 2, 2)))]
        ),
        "index of rows": accumulate((4, 3), [((("gather", i),), expand(view(k, ("insert", (1,))), (4, 4)))]),
        "a place that is no view": accumulate(
            (12,),
            [
                (
                    (sliced(0, 12, 2), ("reshape", (2, 3))),
                    view(p, ("reshape", (4, 3)), ("slice", ((0, 2, 1), (0, 3, 1)))),
                )
            ],
        ),
        "a single place": accumulate((4, 3), [((("reshape", (12,)), ("slice", (7,))), view(p, ("slice", (1,))))]),
        "transposed place": accumulate((4, 3), [((("transpose", (1, 0)),), view(p, ("reshape", (3, 4))))]),
    }


@pytest.mark.parametrize("large", LARGE_AND_SMALL)
@pytest.mark.parametrize("what", sorted(structural()))
def test_every_structural_operation_is_what_the_interpreter_says(
    what: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", large)
    plan = check(Plan((structural()[what],), ("y",)))
    rng = np.random.default_rng(1)
    given_ = {"p": rng.normal(size=12), "X": rng.normal(size=(4, 3)), "k": np.array([0.0, 2.0, 1.0, 1.0])}
    assert_same(run(plan, **given_), interpret(plan, **given_))


def test_no_sum_of_products_of_matrices_is_left_to_einsum() -> None:
    for what in ("matrix", "turned", "of columns", "left", "tensor", "two inside", "batched", "batched, turned"):
        assert "einsum" not in function(Plan((structural()[what],), ("y",)), "f").text, what


def test_a_place_is_put_into_the_other_operand_and_the_index_is_made_whole_once() -> None:
    X, k = argument("X", (4, 3)), argument("k", (4,))
    loss = total(logsumexp(X) - choose(X, k), [0])
    text = function(Plan((loss, softmax(X) - place(expand(number(1.0), (4,)), k, 3)), ("loss", "d")), "f").text
    assert text.count("astype(int)") == 1 and "    d = softmax(X)\n    d[np.arange(4), index1] -= 1.0\n" in text


def test_what_scipy_has_is_computed_without_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    x = argument("x", (3,))
    plan = Plan((elementwise("erf", x) + elementwise("erfc", x) * total(elementwise("erf", x), [0]),), ("y",))
    given_ = {"x": np.array([-0.5, 0.0, 2.0])}
    assert_same(run(plan, **given_), interpret(plan, **given_))


# --- plans at random ---------------------------------------------------------------------------------------------------


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
    """A plan at random, the same for a seed, and every other time made ready for NumPy."""
    plan = check(Wild(Random(seed)).results(3 + seed % 12))
    return shared(lowered(plan, NUMPY.spelled)) if seed % 2 else plan


def data_for(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "p": rng.normal(size=6), "X": rng.normal(size=(3, 2)), "s": np.float64(rng.normal()),
        "k": rng.integers(0, 2, 3).astype(float),
    }  # fmt: skip


@pytest.mark.parametrize("large", LARGE_AND_SMALL)
@given(seed=st.integers(0, 10**6))
@examples(600)
def test_plans_at_random_give_what_the_interpreter_gives(large: int, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", large)
        plan, given_ = wild(seed), data_for(seed)
        found = run(plan, **given_)
    wanted = interpret(plan, **given_)
    finite = [np.all(np.abs(np.nan_to_num(w, posinf=np.inf)) < 1e6) for w in wanted]  # else rounding has grown
    assert_same(
        [f for f, ok in zip(found, finite, strict=True) if ok],
        [w for w, ok in zip(wanted, finite, strict=True) if ok],
        1e-7,
    )


# --- training ----------------------------------------------------------------------------------------------------------


def stepped(plan: Plan, epochs: int, walked: Sequence[str], **arguments: Any) -> list[Any]:
    """What `training` writes, step by step by the interpreter."""
    carried = [name.removeprefix("new_") for name in plan.names if name.startswith("new_")]
    rates = arguments.pop("rates")
    rows = len(arguments[walked[0]]) if walked else 1
    for rate in rates[:epochs]:
        for i in range(rows):
            now = {name: x[i] if name in walked else x for name, x in arguments.items()}
            results = dict(zip(plan.names, interpret(plan, rate=rate, **now), strict=True))
            arguments |= {name: results["new_" + name] for name in carried}
    return [arguments[name] for name in carried]


def trained(plan: Plan, language: Language, walked: Sequence[str], **arguments: Any) -> list[Any]:
    """The same by the text, which must leave its arguments alone."""
    order = [*(name for name in arguments if name != "rates"), "rate"]
    written = training(plan, "train", language, arguments=order, walked=walked)
    namespace: dict[str, Any] = dict(written.tables)
    exec(module([written], language), namespace)
    before = [np.array(x) for x in arguments.values()]
    with np.errstate(all="ignore"):
        results = namespace["train"](*arguments.values())
    for x, was in zip(arguments.values(), before, strict=True):
        np.testing.assert_array_equal(x, was)
    return list(results) if isinstance(results, tuple) else [results]


OPTIMIZERS = {
    "plain": lambda values: SGD(values, 0.1), "momentum": lambda values: SGD(values, 0.1, momentum=0.9),
    "nesterov": lambda values: SGD(values, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda values: Adam(values, 0.1), "adamw": lambda values: AdamW(values, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("large", LARGE_AND_SMALL)
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_training_loop_makes_the_steps_of_the_optimizer(
    optimizer: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", large)
    values = [Value(0.0) for _ in range(337)]
    step = stepping(with_gradient(moons(20)), OPTIMIZERS[optimizer](values))
    plan = shared(lowered(step.plan, NUMPY.spelled))
    rng = np.random.default_rng(0)
    given_: dict[str, Any] = {"p": rng.normal(size=337)}
    given_ |= {s: np.float64(0.0) if s == "steps" else np.zeros(337) for s in step.states if s}
    given_ |= {"X": rng.normal(size=(20, 2)), "y": np.sign(rng.normal(size=20)), "rates": np.array([0.1, 0.2, 0.05])}
    assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 3, (), **given_), 1e-9)


def test_a_training_loop_walks_through_rows_in_order() -> None:
    step = stepping(with_gradient(moons(5)), SGD([Value(0.0) for _ in range(337)], 0.1, momentum=0.5)).plan
    rng = np.random.default_rng(0)
    given_ = {
        "p": rng.normal(size=337), "velocity": np.zeros(337), "X": rng.normal(size=(4, 5, 2)),
        "y": np.sign(rng.normal(size=(4, 5))), "rates": np.array([0.1, 0.2]),
    }  # fmt: skip
    assert_same(trained(step, NUMPY, ["X", "y"], **given_), stepped(step, 2, ["X", "y"], **given_), 1e-10)


def test_plain_descent_is_written_in_place_and_views_are_taken_once() -> None:
    step = stepping(with_gradient(moons()), SGD([Value(0.0) for _ in range(337)], 0.1)).plan
    text = training(step, "train", arguments=["p", "X", "y", "rate"]).text
    before, loop = text.split("    for rate in rates:\n")
    assert "    p = p.copy()\n" in before and "W1 = p[0:48]" in before and "p -= rate *" in loop and "loss" not in text


def swapped(case: str) -> Plan:
    """Steps that are wrong if one new array takes its place too early, or if two become one."""
    a, b, x, rate = argument("a", (3,)), argument("b", (3,)), argument("x", (3,)), argument("rate", ())
    grown = a + x
    return {
        "swapped": Plan((b, a), ("new_a", "new_b")),
        "the old one is read later": Plan((a * x, b + a), ("new_a", "new_b")),
        "both the same": Plan((grown, grown), ("new_a", "new_b")),
        "a view of the other": Plan((grown, view(grown, ("slice", ((0, 3, 1),)), ("transpose", (0,)))), ("new_a", "new_b")),
        "a view of itself, turned": Plan((stack([view(a, ("slice", ((1, 3, 1),))), view(b, ("slice", ((0, 1, 1),)))]), b + a),
                                         ("new_a", "new_b")),
        "data": Plan((x, a + b * rate), ("new_a", "new_b")),
        "unchanged": Plan((a, b + a), ("new_a", "new_b")),
        "repeated": Plan((expand(total(a, [0]), (3,)), b * 0.5), ("new_a", "new_b")),
        "a literal": Plan((expand(number(2.0), (3,)), b + a), ("new_a", "new_b")),
        "spread over the old one": Plan((accumulate((3,), [((), 0.5 * a), ((sliced(0, 2),), view(a, sliced(1, 3)))]), b - a), ("new_a", "new_b")),
    }[case]  # fmt: skip


CASES = ["swapped", "the old one is read later", "both the same", "a view of the other", "a view of itself, turned", "data",
         "unchanged", "repeated", "a literal", "spread over the old one"]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_arrays_take_each_others_place_all_at_once(case: str) -> None:
    plan = swapped(case)
    given_ = {"a": np.array([1.0, 2.0, 4.0]), "b": np.array([-1.0, 0.5, 3.0]), "x": np.array([0.1, 0.2, 0.3])}
    given_ |= {"rates": np.array([0.5, 0.25, 2.0])}
    assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 3, (), **given_))


@given(seed=st.integers(0, 10**6))
@examples(300)
def test_steps_at_random_are_repeated_rightly(seed: int) -> None:
    random = Random(seed)
    maker = Wild(random)
    maker.plan(3 + seed % 10)
    fits = [node for node in maker.pool if node.shape == (6,)] + [
        accumulate((6,), [((sliced(1, 4),), x)]) for x in maker.pool if x.shape == (3,)
    ]
    p = maker.arguments["p"]
    new = random.choice(fits)
    kept = elementwise("sin", p + number(0.3) * elementwise("tanh", new))
    plan = Plan((kept if random.random() < 0.7 else elementwise("sin", new),), ("new_p",))
    given_ = {**data_for(seed), "rates": np.array([0.5, 0.25])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", random.choice(LARGE_AND_SMALL))
        assert_same(trained(plan, NUMPY, (), **given_), stepped(plan, 2, (), **given_), 1e-6)


# --- numba -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numba() -> Any:
    return pytest.importorskip("numba", reason="numba is an extra, `native`")


@pytest.mark.usefixtures("numba")
@pytest.mark.filterwarnings("error")
def test_numba_gives_what_the_interpreter_gives() -> None:
    made = structural()
    plan = Plan(tuple(made.values()), tuple(f"y{i}" for i in range(len(made))))
    rng = np.random.default_rng(1)
    given_ = {"p": rng.normal(size=12), "X": rng.normal(size=(4, 3)), "k": np.array([0.0, 2.0, 1.0, 1.0])}
    assert_same(run(plan, NUMBA, **given_), interpret(plan, **given_))


@pytest.mark.usefixtures("numba")
@pytest.mark.filterwarnings("error")
def test_numba_trains() -> None:
    step = stepping(with_gradient(moons(20)), SGD([Value(0.0) for _ in range(337)], 0.1)).plan
    rng = np.random.default_rng(0)
    given_ = {"p": rng.normal(size=337), "X": rng.normal(size=(20, 2)), "y": np.sign(rng.normal(size=20))}
    given_ |= {"rates": np.array([0.1, 0.2])}
    assert_same(trained(step, NUMBA, (), **given_), stepped(step, 2, (), **given_), 1e-10)
    assert BOOLEAN
