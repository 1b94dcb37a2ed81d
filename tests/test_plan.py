"""The plan: its checker, its text, the short cuts of the functions that make nodes, and the interpreter."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import CASES, Case, agrees, examples
from plans import BINARY, UNARY, Maker

from microgradnet.compiler.arrays import (
    ARRAYS,
    Sent,
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
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
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.plan import (
    Node,
    Plan,
    Table,
    broadcast,
    check,
    contracted,
    expands,
    in_order,
    shape_of_steps,
    stepped,
)
from microgradnet.compiler.sizes import Dim, Scaled, at
from microgradnet.ops import COMPARISONS, TABLE

inf, nan = math.inf, math.nan


def run(node: Node, n: int = 0, **arguments: Any) -> Any:
    """What a node comes to, checked."""
    return interpret(check(Plan((node,), ("y",))), n, **arguments)[0]


# --- the checker -----------------------------------------------------------------------------------------------------

X, W, B = argument("X", (4, 3)), argument("W", (5, 3)), argument("b", (5,))
WRONG = [
    (Node("argument", (X,), (4, 3), "x"), "wants a name"),
    (Node("argument", (), (4, 3), 3), "wants a name"),
    (Node("number", (), (1,), 1.0), "wants a float"),
    (Node("number", (), (), 1), "wants a float"),
    (Node("table", (), (3,), Table([1.0, 2.0])), r"has shape \(3,\), should have \(2,\)"),
    (Node("view", (X,), (3, 5), (("reshape", (3, 5)),)), r"\(4, 3\) has no shape \(3, 5\)"),
    (Node("view", (X,), (4,), (("slice", (0,)),)), r"1 entries for an array of shape \(4, 3\)"),
    (Node("view", (X,), (4, 3), (("transpose", (0, 0)),)), r"axes \(0, 0\)"),
    (Node("view", (X,), (4, 3), (("rotate", 1),)), "unknown step 'rotate'"),
    (Node("view", (X,), (4, 3), (("transpose", (1, 0)),)), r"has shape \(4, 3\), should have \(3, 4\)"),
    (Node("expand", (X,), (5, 3)), r"\(4, 3\) does not expand to \(5, 3\)"),
    (Node("expand", (B,), (2, 5)), r"\(5,\) does not expand to \(2, 5\)"),
    (Node("sum", (X,), (4,), (2,)), r"no axes \(2,\)"),
    (Node("sum", (X,), (4,), (0,)), r"should have \(3,\)"),
    (Node("contract", (X, W), (4, 5), "ik,jk->ji"), r"should have \(5, 4\)"),
    (Node("contract", (X, W), (4, 5), "ik,kj->ij"), "axis k has two sizes"),
    (Node("contract", (X, W), (4, 5), "ik,jk->im"), "a letter of im has no size"),
    (Node("contract", (X, W), (4, 5), "ii,jk->ij"), "ii for shape"),
    (Node("contract", (X, W), (4, 5), "i,jk->ij"), "i for shape"),
    (Node("accumulate", (B,), (9,), ()), "one tuple of steps for each operand"),
    (Node("accumulate", (B,), (9,), ((),)), r"\(5,\) does not fit its view"),
    (Node("stack", (X, W), (9, 3)), "operands of equal leading axes"),
    (Node("stack", (X, X), (8, 3)), r"should have \(4, 6\)"),
    (Node("peak", (X,), (3,)), r"should have \(4,\)"),
    (Node("logsumexp", (X,), (4, 3)), r"should have \(4,\)"),
    (Node("softmax", (X,), (4,)), r"should have \(4, 3\)"),
    (Node("choose", (X, B), (5,)), "an index for each row"),
    (Node("place", (B, X), (5, 7), 7), "an index for each value"),
    (Node("place", (B, B), (5, 7), 8), r"should have \(5, 8\)"),
    (Node("convolve", (B,), (5,)), "no such operation"),
    (Node("mul", (X, W), (4, 3)), r"sizes differ: \(4, 3\), \(5, 3\)"),
    (Node("mul", (X, B), (4, 3)), "axes differ in number"),
    (Node("mul", (X, X), (12,)), r"has shape \(12,\), should have \(4, 3\)"),
]


@pytest.mark.parametrize(("node", "message"), WRONG, ids=[f"{node.op} {i}" for i, (node, _) in enumerate(WRONG)])
def test_the_checker_finds_every_mistake(node: Node, message: str) -> None:
    around = Plan((Node("neg", (node,), node.shape),), ("y",))
    with pytest.raises(TypeError, match=message) as caught:
        check(around)
    assert f", {node.op} of " in str(caught.value)


def test_the_checker_counts_results() -> None:
    with pytest.raises(TypeError, match="1 results and 2 names"):
        check(Plan((B,), ("a", "b")))


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 15))
@examples(200)
def test_the_checker_lets_pass_what_the_functions_make(random: Random, steps: int) -> None:
    maker = Maker(random, smooth=False, contractions=True)
    plan = check(maker.plan(steps))
    assert check(Plan(tuple(maker.pool), tuple(map(str, range(len(maker.pool))))))
    seen: set[Node] = set()
    for node in plan.nodes:
        assert seen.issuperset(node.operands)
        assert node not in seen
        seen.add(node)
    again = rebuilt(plan, lambda node, operands: None)
    assert str(again) == str(plan)
    assert all(a is b for a, b in zip(again.nodes, plan.nodes, strict=True))


def test_order_without_recursion() -> None:
    x = B
    for _ in range(20_000):
        x = elementwise("tanh", x)
    assert len(in_order([x])) == 20_001
    assert len(check(Plan((x,), ("y",))).nodes) == 20_001


def test_text_of_a_plan() -> None:
    v = view(X, ("slice", ((0, 4, 2), 1)), ("insert", (0,)))
    y = accumulate(
        (9,), [([("gather", Table([1, 1]))], view(v, ("slice", (0, (0, 2, 1))))), ([], number(2.0) + total(B, [0]))]
    )
    assert str(Plan((y, X), ("y", "same"))).splitlines() == [
        "b: (5,) argument",
        "v1: () = sum b (0,)",
        "v2: () = add 2.0 v1",
        "X: (4, 3) argument",
        "v3: (2,) = view X [0:4:2, 1]",
        "y: (9,) = accumulate v2 v3 [:]; .gather[1, 1]",
    ]


# --- steps -----------------------------------------------------------------------------------------------------------


@given(random=st.randoms(use_true_random=False))
@examples(300)
def test_shapes_of_steps_are_those_of_numpy(random: Random) -> None:
    shape = tuple(random.randint(1, 4) for _ in range(random.randint(1, 3)))
    array = np.arange(math.prod(shape)).reshape(shape)
    steps: list[tuple[str, Any]] = []
    wanted = array
    for _ in range(random.randint(1, 4)):
        kind = random.choice(["reshape", "slice", "transpose", "insert", "gather"])
        if kind == "reshape":
            how: Any = (wanted.size,)
            wanted = wanted.reshape(how)
        elif kind == "slice":
            whole = [(random.randrange(size), size, random.randint(1, 3)) for size in wanted.shape]
            how = tuple(random.choice([entry, entry, entry[0]]) for entry in whole)
            wanted = np.asarray(wanted[tuple(e if isinstance(e, int) else slice(*e) for e in how)])
        elif kind == "transpose":
            how = tuple(random.sample(range(wanted.ndim), wanted.ndim))
            wanted = wanted.transpose(how)
        elif kind == "insert":
            how = (random.randint(0, wanted.ndim),)
            wanted = np.expand_dims(wanted, how)
        elif wanted.ndim == 0:
            continue
        else:
            how = Table([random.randrange(wanted.shape[-1]) for _ in range(3)])
            wanted = np.take(wanted, how.array, -1)
        steps.append((kind, how))
    assert shape_of_steps(shape, steps) == wanted.shape
    assert np.array_equal(stepped(array, steps), wanted)
    viewed = view(argument("x", shape), *steps)
    assert viewed.shape == wanted.shape
    assert np.array_equal(run(viewed, x=array), wanted)


def test_shapes_with_a_batch_size() -> None:
    n = Dim(1)
    x = argument("X", (n, 3))
    assert view(x, ("reshape", (Dim(3),))).shape == (Dim(3),)
    assert view(x, ("slice", ((1, n, 1), 0))).shape == (Dim(1, -1),)
    with pytest.raises(TypeError, match=r"has no shape"):
        view(x, ("reshape", (Dim(3, 1),)))
    given = np.arange(15.0).reshape(5, 3)
    mean = total(x, [0]) * Node("number", (), (), Scaled(1.0, -1))
    assert run(mean, 5, X=given).tolist() == given.mean(0).tolist()
    assert run(total(expand(elementwise("exp", argument("s", ())), (n, Dim(2, 1))), [0, 1]), 5, s=0.0) == 55.0
    with pytest.raises(TypeError, match="came out as"):
        run(x * 1.5, 4, X=given)


def test_sizes_are_compared_as_polynomials() -> None:
    assert at(Dim(10, 2), 7) == 72
    assert Dim(2) + Dim(1, 1) - 1 == Dim(3)
    assert 5 - Dim(1, 2) == Dim(-1, 3)
    assert Dim(2) - Dim(2, 3) == -3


# --- shapes of operations --------------------------------------------------------------------------------------------

SHAPES = [(), (1,), (3,), (4, 3), (1, 3), (4, 1), (1, 1), (2, 4, 3), (2, 1, 3)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SHAPES, SHAPES)))
def test_broadcasting_is_that_of_numpy_between_equally_many_axes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a == () or b == () or len(a) == len(b):
        wanted = np.broadcast_shapes(a, b)
        assert broadcast(a, b) == wanted
        assert expands(a, b) == (wanted == b)
        assert run(argument("a", a) * argument("b", b), a=np.ones(a), b=np.ones(b)).shape == wanted
    else:
        with pytest.raises(TypeError, match="axes differ in number"):
            broadcast(a, b)
        assert not expands(a, b)


def test_shape_of_a_contraction() -> None:
    assert contracted((2, 3), (4, 3), "ik,jk->ji") == (4, 2)
    with pytest.raises(TypeError, match="two sizes"):
        contracted((2, 3), (4, 5), "ik,jk->ji")


# --- short cuts are exact --------------------------------------------------------------------------------------------

LITERALS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 1e-200, inf, nan]
NUMBERS = [*LITERALS, 7.25, -0.1, 1e200, 5e-324]


def operands(shape: tuple[int, ...]) -> list[Node]:
    """Nodes of a shape (or that go with it) that a short cut may look into."""
    a, b, one = argument("a", shape), argument("b", shape), argument("one", (1,) * len(shape))
    return [
        a, b, elementwise("neg", a), elementwise("sub", a, b), elementwise("mul", 2.0, a), elementwise("mul", b, -3.0),
        expand(number(2.0), shape), expand(number(1.0), shape), expand(one, shape), expand(argument("s", ()), shape),
        one, *map(number, LITERALS),
    ]  # fmt: skip


def same(got: Any, wanted: Any, ulps: int) -> bool:
    """Equal, or nan in the same places, or so near."""
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    with np.errstate(all="ignore"):
        near = np.abs(got - wanted) <= ulps * np.spacing(np.maximum(np.abs(wanted), 1e-300))
    return bool(((got == wanted) | (np.isnan(got) & np.isnan(wanted)) | near).all())


@pytest.mark.parametrize("op", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("shape", [(2, 3), (1, 3)])
def test_short_cuts_of_two_operands_change_nothing(op: str, shape: tuple[int, ...]) -> None:
    numbers = Random(0)
    given = {
        name: np.array([numbers.choice(NUMBERS) for _ in range(math.prod(size))]).reshape(size)
        for name, size in (("a", shape), ("b", shape), ("one", (1,) * len(shape)), ("s", ()))
    }
    for a, b in itertools.product(operands(shape), operands(shape)):
        made = elementwise(op, a, b)
        plain = Node(op, (a, b), broadcast(a.shape, b.shape))
        got, wanted = interpret(check(Plan((made, plain), ("made", "plain"))), **given)
        assert made.shape == plain.shape
        assert same(got, wanted, 2), (op, a, b, got, wanted)


@pytest.mark.parametrize("op", [op for op in UNARY if not TABLE[op].constants])
def test_short_cuts_of_one_operand_change_nothing(op: str) -> None:
    given = {
        "a": np.array([1.5, -0.25, nan, 0.0, -inf]),
        "b": np.array([1.0, 2.0, 0.5, -0.0, 1.0]),
        "one": [3.0],
        "s": 2.0,
    }
    for a in operands((5,)):
        made, plain = elementwise(op, a), Node(op, (a,), a.shape)
        got, wanted = interpret(check(Plan((made, plain), ("made", "plain"))), **given)
        assert same(got, wanted, 2), (op, a)


@pytest.mark.parametrize("op", ["and", "or", "not", "truth", "where"])
def test_short_cuts_of_truth_change_nothing(op: str) -> None:
    a, b = argument("a", (2, 3)), argument("b", (2, 3))
    masks = [a > 0.0, elementwise("truth", b), elementwise("not", a > 0.0), number(0.0), number(1.0), number(nan),
             argument("one", (1, 1)) > 0.0]  # fmt: skip
    given = {"a": [[1.0, -1.0, nan], [0.0, 2.0, inf]], "b": [[0.0, 1.0, nan], [2.0, 0.0, -0.0]], "one": [[0.5]]}
    values = [a, b, number(0.0), number(2.0), expand(number(2.0), (2, 3))]
    choices: list[tuple[Node, ...]] = {
        "and": list(itertools.product(masks[:5], masks)),
        "or": list(itertools.product(masks[:5], masks)),
        "not": [(m,) for m in masks],
        "truth": [(m,) for m in [*masks, a]],
        "where": [(m, x, y) for m in masks for x in values for y in values],
    }[op]
    for some in choices:
        made = elementwise(op, *some)
        plain = Node(op, some, broadcast(*[o.shape for o in some]))
        if any(o.op == "number" and o.number != o.number for o in some) and op != "truth":
            continue  # nan is true only once it went through truth
        got, wanted = interpret(check(Plan((made, plain), ("made", "plain"))), **given)
        assert made.shape == plain.shape
        assert np.array_equal(np.asarray(got, float), np.asarray(wanted, float), equal_nan=True), (op, some)


@given(random=st.randoms(use_true_random=False), steps=st.integers(0, 6))
@examples(300)
def test_short_cuts_of_sums_and_contractions_change_nothing(random: Random, steps: int) -> None:
    """Against NumPy's own sum and einsum of what the operands come to."""
    maker = Maker(random, smooth=True, contractions=False)
    maker.plan(steps)
    given = {"p": np.linspace(-1.5, 2.0, 6), "X": np.arange(6.0).reshape(3, 2) / 4, "s": 0.75, "k": [0.0, 1.0, 1.0]}
    a, b = maker.any(), maker.any()
    axes = [i for i in range(len(a.shape)) if random.random() < 0.5]
    left = "abcd"[: len(a.shape)]
    right = ""
    for size in b.shape:
        fits = [c for c, n in zip(left, a.shape, strict=True) if n == size and c not in right]
        right += random.choice(fits) if fits and random.random() < 0.7 else "efgh"[len(right)]
    result = "".join(c for c in dict.fromkeys(left + right) if random.random() < 0.5)
    made = (total(a, axes), contract(a, b, f"{left},{right}->{result}"), a, b)
    summed, product, first, second = interpret(check(Plan(made, tuple("abcd"))), **given)
    assert np.allclose(summed, first.sum(tuple(axes)), rtol=1e-13, atol=1e-13)
    assert np.allclose(product, np.einsum(f"{left},{right}->{result}", first, second), rtol=1e-12, atol=1e-12)


def test_what_is_repeated_is_repeated_late() -> None:
    a, w = argument("a", (1, 3)), argument("w", (4, 3))
    wide = expand(a, (5, 3))
    assert elementwise("tanh", wide).op == "expand"
    assert str(Plan((total(wide, [0]),), ("y",))).splitlines()[-1] == "y: (3,) = mul 5.0 v1"
    assert contract(wide, w, "ik,jk->ij").op == "expand"
    assert expand(expand(a, (5, 3)), (5, 3)).operands[0] is a
    assert expand(a, (1, 3)) is a
    assert view(a, ("reshape", (1, 3)), ("transpose", (0, 1)), ("slice", ((0, 1, 1), (0, 3, 1)))) is a
    assert view(view(a, ("slice", (0, (0, 3, 1)))), ("slice", (2,))).detail == (
        ("slice", (0, (0, 3, 1))),
        ("slice", (2,)),
    )
    assert table([2.0, 2.0]).operands[0].number == 2.0
    assert table([0.0, -0.0]).op == "table"
    assert stack([a]) is a


def test_parts_at_one_view_are_added_first() -> None:
    p, q, s = argument("p", (3,)), argument("q", (3,)), argument("s", ())
    at_middle = [("slice", ((1, 4, 1),))]
    node = accumulate((5,), [(at_middle, p), ([("slice", (0,))], s), (at_middle, q), ([], s)])
    assert [o.shape for o in node.operands] == [(), (), (3,)] or [o.shape for o in node.operands] == [(), (3,), ()]
    assert node.detail[0] == ()
    assert run(node, p=[1.0, 2.0, 3.0], q=[10.0, 20.0, 30.0], s=0.5).tolist() == [1.0, 11.5, 22.5, 33.5, 0.5]
    assert accumulate((3,), [([], p), ([], q)]).op == "add"
    assert accumulate((3,), [([], s)]).op == "expand"


# --- the interpreter -------------------------------------------------------------------------------------------------


def test_repeated_places_add_up() -> None:
    s = argument("s", (4,))
    node = accumulate((3,), [([("gather", Table([2, 0, 2, 2]))], s)])
    assert run(node, s=[1.0, 10.0, 100.0, 1000.0]).tolist() == [10.0, 0.0, 1101.0]


def test_along_the_last_axis() -> None:
    x, k = argument("x", (2, 3)), argument("k", (2,))
    given = {"x": np.array([[1.0, 5.0, 2.0], [nan, 0.0, 1.0]]), "k": [2.0, 1.0]}
    assert np.array_equal(run(peak(x), **given), [5.0, nan], equal_nan=True)
    assert run(choose(x, k), **given).tolist() == [2.0, 0.0]
    assert run(place(argument("v", (2,)), k, 4), v=[7.0, 8.0], k=[2.0, 1.0]).tolist() == [[0, 0, 7, 0], [0, 8, 0, 0]]
    assert run(place(number(1.0), k, 3), k=[2.0, 1.0]).tolist() == [[0, 0, 1], [0, 1, 0]]
    assert run(stack([x, x * 2.0]), **given)[0].tolist() == [1.0, 5.0, 2.0, 2.0, 10.0, 4.0]
    softly = run(softmax(x), **given)
    assert softly[0].sum() == pytest.approx(1.0, abs=1e-15)
    assert np.isnan(softly[1]).all()
    assert run(logsumexp(argument("x", (1, 2))), x=[[0.0, -40.0]]).tolist() == [math.exp(-40.0)]


SCALAR_CASES = [case for case in CASES if not TABLE[case.op].variadic]


@pytest.mark.parametrize("case", SCALAR_CASES, ids=str)
def test_csv_values(case: Case) -> None:
    names = [f"x{i}" for i in range(len(case.operands))]
    y = Node(case.op, tuple(argument(name, (2,)) for name in names), (2,))
    got = interpret(Plan((y,), ("y",)), **{name: [x, x] for name, x in zip(names, case.operands, strict=True)})[0]
    assert agrees(float(got[0]), case.value, case.op, False)
    literal = elementwise(case.op, *case.operands)
    assert agrees(float(run(literal)), case.value, case.op, False)


def test_what_the_interpreter_refuses() -> None:
    with pytest.raises(TypeError, match="the argument b is missing"):
        run(B * 2.0)
    with pytest.raises(TypeError, match=r"came out as \(4,\)"):
        run(B * 2.0, b=[1.0, 2.0, 3.0, 4.0])


# --- the rules of the table on nodes ---------------------------------------------------------------------------------


def test_operators_and_rules_run_on_nodes() -> None:
    x = argument("x", (3,))
    at = {"x": [0.5, -1.0, 2.0]}
    y = 1 - (2 * x + x / 4 - -x) ** 2 + abs(x) + 2.0**x + x**x
    with np.errstate(all="ignore"):
        v = np.array(at["x"])
        wanted = 1 - (2 * v + v / 4 + v) ** 2 + abs(v) + 2.0**v + v**v
    assert np.allclose(run(y, **at), wanted, rtol=1e-15, atol=0, equal_nan=True)
    assert (x**2.0).op == "pow_const"
    assert (2.0**x).op == "rpow_const"
    assert [(x < 1.0).op, (x <= 1.0).op, (x > 1.0).op, (x >= x).op] == ["lt", "le", "gt", "ge"]
    with pytest.raises(AttributeError, match="wheere"):
        ARRAYS.wheere


def test_a_choice_with_nothing_is_a_mask() -> None:
    x = argument("x", (3,))
    (kept,) = TABLE["relu"].partials(ARRAYS, x, x)
    assert isinstance(kept, Sent)
    assert (kept.partial.number, kept.mask.op) == (1.0, "gt")
    first, second, third = TABLE["clip"].partials(ARRAYS, x, x, number(0.0), number(1.0))
    given = {"x": [-0.5, 0.5, 1.5]}
    assert [run(sent.mask, **given).tolist() for sent in (first, second, third)] == [
        [False, True, False],
        [True, False, False],
        [False, False, True],
    ]
    none, a, b = TABLE["where"].partials(ARRAYS, x, x > 0.0, x, x)
    assert none is None
    assert [run(sent.mask, **given).tolist() for sent in (a, b)] == [[False, True, True], [True, False, False]]
    assert TABLE["pow_const"].partials(ARRAYS, x, x, number(0.0)) == (None, None)
