"""Values: what they hold and refuse, and what `backward()` promises."""

from __future__ import annotations

import copy
import decimal
import fractions
import math
import operator
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import Program, alike, call_on_values, examples, programs

from microgradnet import functions as F
from microgradnet.graph import Graph, walk
from microgradnet.ops import TABLE
from microgradnet.value import Condition, Value, name

inf, nan = math.inf, math.nan

# --- what a Value holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "held"),
    [
        (3, 3.0),
        (True, 1.0),
        (0.1, 0.1),
        (-0.0, -0.0),
        (nan, nan),
        (inf, inf),
        (10**400, inf),
        (-(10**400), -inf),
        (2**53 + 1, float(2**53)),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[7]]), 7.0),
        (np.longdouble(1.5), 1.5),
        (fractions.Fraction(1, 4), 0.25),
        (decimal.Decimal("0.1"), 0.1),
        (np.float16(2), 2.0),
    ],
    ids=repr,
)
def test_what_is_a_number(given_: Any, held: float) -> None:
    v = Value(given_)
    assert type(v.data) is float
    assert oracles.agrees(v.data, held, "neg", False)
    assert (v.grad, v.label, v.op, v.operands, v.partials) == (0.0, None, None, (), ())
    if math.isfinite(held) and getattr(given_, "shape", ()) == ():  # beside an array a Value makes an array
        x = Value(1.0)
        for result in (
            x + given_,
            x * given_,
            x - given_,
            F.maximum(x, given_),
            F.sum([x, given_]),
            F.dot([x], [given_]),
        ):
            assert type(result.data) is float
            assert all(type(o) in (float, Value) for o in result.operands)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ("3", "one real number, got str '3'"),
        (None, "one real number, got NoneType"),
        (1j, "one real number, got complex"),
        (b"3", "bytes"),
        ({}, "dict"),
        (object, "type"),
        ([1, 2], "2 elements"),
        ((1.0,), "1 element"),
        ([], "0 elements"),
        (np.array([1.0, 2.0]), "array of 2 elements; make one Value per element"),
        (np.zeros((0,)), "array of 0 elements"),
        (np.complex128(1j), "complex128"),
        (np.str_("3"), "str_ '3'"),
        (lambda: 1.0, "function"),
    ],
    ids=str,
)
def test_what_is_no_number(bad: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Value(bad)


def test_a_value_of_a_value_would_cut_the_graph() -> None:
    with pytest.raises(TypeError, match=r"cut the new Value from its graph; use the Value itself, or Value\(v\.data\)"):
        Value(Value(1.0))
    with pytest.raises(TypeError, match="label"):
        Value(1.0, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        type("Sub", (Value,), {})  # type: ignore[misc]


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.ge, operator.gt,
    operator.le,
]  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("bad", ["a", None, 1j, {}, object()], ids=repr)
def test_operators_name_both_types(op: Any, bad: Any) -> None:
    for operands in ((Value(2.0), bad), (bad, Value(2.0))):
        with pytest.raises(TypeError, match=r"Value"):
            op(*operands)


@pytest.mark.parametrize(
    "op", [operator.floordiv, operator.mod, operator.and_, operator.matmul, divmod, operator.lshift]
)
def test_operators_that_are_not_offered(op: Any) -> None:
    with pytest.raises(TypeError, match="Value"):
        op(Value(2.0), 2)
    with pytest.raises(TypeError, match="Value"):
        op(2, Value(2.0))


@pytest.mark.parametrize("method", sorted(n for n in TABLE if not n.startswith(("pow", "rpow"))))
@pytest.mark.parametrize("bad", ["a", None, [1.0]], ids=repr)
def test_methods_raise_for_a_wrong_kind_and_never_return_notimplemented(method: str, bad: Any) -> None:
    count = len(TABLE[method].operands) - 1
    if not count and not TABLE[method].variadic:
        with pytest.raises(TypeError):
            getattr(Value(2.0), method)(bad)
        return
    with pytest.raises(TypeError, match=type(bad).__name__):
        getattr(Value(2.0), method)(*[bad] * max(count, 1))


def test_every_function_is_a_method_too() -> None:
    for op in F.__all__:
        if op in TABLE and not TABLE[op].variadic and op not in ("where", "clip", "pow"):
            free = 2 if len(TABLE[op].operands) == 2 and not TABLE[op].constants else 1
            x = [Value(0.4), Value(0.3)][:free]
            assert alike(getattr(x[0], op)(*x[1:]).data, getattr(F, op)(*x).data)
    x = Value(0.4)
    assert x.clip(0.5, 1.0).data == 0.5
    assert (x > 0, x.where(1.0, x).data)[1] == 1.0


def test_what_would_drop_the_gradient() -> None:
    v = Value(1.5, "v")
    for convert in (
        float,
        int,
        complex,
        math.exp,
        math.sqrt,
        lambda v: operator.mod("%.3f", v),
        lambda v: np.asarray(v, float),
        lambda v: np.array([v], dtype=float),
    ):
        with pytest.raises(TypeError, match=r"gradient.*v\.data"):
            convert(v)
    assert f"{v:.3f} {v:>8}" == "1.500      1.5"
    assert f"{v!s:.5}" == "Value"
    with pytest.raises(TypeError, match="three-argument pow has no derivative"):
        pow(v, 2, 5)
    with pytest.raises(TypeError, match="digits"):
        round(v, 2)


def test_equality_and_hash_are_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a != b
    assert a == a
    assert len({a, b, a}) == 2
    assert a in [b, a]
    assert (a == 1.0) is False


def test_truth_and_order() -> None:
    assert Value(0.0) or True
    assert not Value(-0.0)
    assert Value(nan)
    a, b = Value(1.0), Value(2.0)
    assert max(a, b) is b
    assert sorted([b, a]) == [a, b]
    condition = a < 2
    assert isinstance(condition, Condition)
    assert (condition.op, condition.operands, condition.data) == ("lt", (a, 2.0), True)
    assert (1 < b).op == "gt"  # noqa: SIM300
    assert repr(Value(2.0, "x") > 1) == "<x > 1.0 is True>"


def test_repr_tells_data_grad_label_and_how_it_was_made() -> None:
    x = Value(2.0, "x")
    y = (x * 3).exp()
    y.backward()
    assert repr(x) == f"Value(2.0, grad={x.grad!r}, label='x')"
    assert repr(x * 3) == "Value(6.0, grad=0.0, made by mul(x, 3.0))"
    assert "made by exp(Value(6.0))" in repr(y)


def test_name_labels_what_has_no_label() -> None:
    w, b, hidden = Value(1.0), Value(2.0, "bias"), Value(3.0)
    rate = 0.1
    name(**{k: v for k, v in locals().items() if k != "hidden"})
    assert (w.label, b.label, hidden.label, rate) == ("w", "bias", None, 0.1)


# --- constants, operands, partials -----------------------------------------------------------------------------------


def test_operands_keep_written_order_and_constants() -> None:
    x, y = Value(2.0), Value(5.0)
    for result, op, operands, partials in [
        (x + 1, "add", (x, 1.0), (1.0, None)),
        (1 + x, "add", (1.0, x), (None, 1.0)),
        (x - 1, "sub", (x, 1.0), (1.0, None)),
        (1 - x, "sub", (1.0, x), (None, -1.0)),
        (x * 3, "mul", (x, 3.0), (3.0, None)),
        (3 * x, "mul", (3.0, x), (None, 3.0)),
        (x / 4, "div", (x, 4.0), (0.25, None)),
        (4 / x, "div", (4.0, x), (None, -1.0)),
        (x * x, "mul", (x, x), (2.0, 2.0)),
        (x**3, "pow_const", (x, 3.0), (12.0, None)),
        (1**x, "rpow_const", (1.0, x), (None, 0.0)),
        (-x, "neg", (x,), (-1.0,)),
        (x**y, "pow", (x, y), (80.0, 32 * math.log(2))),
        (abs(-x), "abs", None, (-1.0,)),
        (round(x), "round", (x,), (None,)),
        (math.floor(x), "floor", (x,), (None,)),
        (math.ceil(x), "ceil", (x,), (None,)),
        (math.trunc(x), "trunc", (x,), (None,)),
        (F.maximum(x, 1), "maximum", (x, 1.0), (1.0, None)),
        (F.maximum(1, x), "maximum", (1.0, x), (None, 1.0)),
        (F.mean([x, 4, y]), "mean", (x, 4.0, y), (1 / 3, None, 1 / 3)),
    ]:
        assert result.op == op
        assert operands is None or result.operands == operands
        assert result.partials == partials
        assert type(result.data) is float
    assert +x is x
    condition = x > y
    assert F.where(condition, x, y).operands == (condition, x, y)


def test_builtin_sum_and_python_code() -> None:
    w, x = [Value(1.0), Value(2.0)], [3.0, 4.0]
    s = sum((wi * xi for wi, xi in zip(w, x, strict=True)), Value(0.5))
    s.backward()
    assert (s.data, [v.grad for v in w]) == (11.5, x)
    assert sum([Value(1.0), Value(2.0)]).data == 3.0
    v = Value(1.0)
    u = v
    u += 2
    u *= v
    assert (v.data, u.data) == (1.0, 3.0)


# --- backward --------------------------------------------------------------------------------------------------------

WHOLE = ["add", "sub", "mul", "neg", "maximum", "minimum", "where_lt", "relu", "abs", "sum", "dot", "take", "clip"]
# Bounded or slowly growing, so that rounding stays near the last digits.
TAME = [
    *WHOLE, "sin", "cos", "tanh", "sigmoid", "atan", "softplus", "leaky_relu", "elu", "mean", "logsumexp", "softmax",
    "silu", "gelu", "erf", "erfc", "asinh", "hypot", "where",
]  # fmt: skip
ALL = [*TABLE, "where_lt"]
integers = st.integers(-3, 3).map(float)
dyadic = st.integers(-128, 128).map(lambda k: k / 64)
anything = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 0.5, -1.0, 1e200, inf, nan]), st.floats(-3.0, 3.0), st.floats()
)


def built(program: Program) -> tuple[list[Value], list[Any]]:
    """Leaves and registers."""
    leaves = [Value(x) for x in program.leaves]
    return leaves, program.run(call_on_values, leaves)


@given(program=programs(WHOLE, integers, 12))
@examples(400)
def test_backward_on_whole_numbers_is_exact(program: Program) -> None:
    exact = oracles.exact_run(program)
    assume(max(abs(x) for value, slopes in exact for x in (value, *slopes)) < 2**50)
    leaves, registers = built(program)
    registers[-1].backward()
    assert registers[-1].data == exact[-1][0]
    assert [v.grad for v in leaves] == exact[-1][1]


@given(program=programs(TAME, dyadic, 12))
@examples(500)
def test_backward_agrees_with_mpmath(program: Program) -> None:
    exact = oracles.exact_run(program)
    assume(max(abs(x) for value, slopes in exact for x in (value, *slopes)) < 50)
    for op, refs in program.steps:  # a near tie may fall on either side
        x = [exact[r][0] if type(r) is int else r for r in refs]
        pairs = [(x[0], x[1])] if op in ("maximum", "minimum", "where_lt") else []
        pairs += [(x[0], 0)] if op in ("relu", "abs", "leaky_relu", "elu") else []
        pairs += [(x[0], x[1]), (x[0], x[2]), (x[1], x[2])] if op == "clip" else []
        assume(all(a == b or abs(a - b) > 1e-9 for a, b in pairs))
        assume(op != "hypot" or max(map(abs, x)) > 1e-3)
    leaves, registers = built(program)
    assume(all(r.data == 0.0 or abs(r.data) > 1e-12 for r in registers))
    registers[-1].backward()
    assert registers[-1].data == pytest.approx(float(exact[-1][0]), rel=1e-9, abs=1e-9)
    assert [v.grad for v in leaves] == pytest.approx([float(s) for s in exact[-1][1]], rel=1e-7, abs=1e-8)


@given(program=programs(ALL, anything, 12))
@examples(600)
def test_backward_is_the_reference_to_the_last_bit(program: Program) -> None:
    leaves, registers = built(program)
    root = registers[-1]
    wanted = oracles.reference_backward(root)
    root.backward()
    for node, derivative in wanted:
        assert alike(node.grad, derivative), (node, derivative)
    sent = {id(node) for node, _ in wanted}
    for node in walk(root):
        assert id(node) in sent or node.grad == 0.0
        assert type(node.data) is (bool if isinstance(node, Condition) else float)
    for leaf in leaves:
        assert type(leaf.grad) is float
        assert id(leaf) in sent or leaf.grad == 0.0
    again = [Value(x) for x in program.leaves]
    program.run(call_on_values, again)[-1].backward()
    assert all(alike(a.grad, b.grad) for a, b in zip(leaves, again, strict=True))


@given(program=programs(ALL, anything, 10))
@examples(200)
def test_copies_and_pickles_keep_every_bit(program: Program) -> None:
    leaves, registers = built(program)
    root = registers[-1]
    for index, leaf in enumerate(leaves):
        leaf.label = f"x{index}"
    root.label = root.label or "root"
    copies = [pickle.loads(pickle.dumps(root, protocol)) for protocol in (2, pickle.HIGHEST_PROTOCOL)]
    copies += [copy.deepcopy(root), copy.copy(root)]
    root.backward()
    wanted = [(node.op, node.label, node.data, node.grad) for node in walk(root)]
    for other in copies:
        if other is not copies[-1]:  # a shallow copy shares its leaves
            assert not set(walk(other)) & set(walk(root))
        for leaf in walk(other):
            leaf.grad = 0.0
        other.backward()
        found = [(node.op, node.label, node.data, node.grad) for node in walk(other)]
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert a[:2] == b[:2]
            assert alike(a[2], b[2])
            assert alike(a[3], b[3])
        assert (
            other.partials == pytest.approx(root.partials, rel=0, abs=0, nan_ok=True)
            if None not in root.partials
            else True
        )


def test_copies_keep_what_is_shared() -> None:
    x = Value(2.0, "x")
    y = x * x
    x2, y2 = copy.deepcopy([x, y])
    assert y2.operands == (x2, x2)
    assert x2 is not x
    x3, y3 = pickle.loads(pickle.dumps([x, y]))
    assert y3.operands == (x3, x3)
    model = {"w": x, "out": F.where(x > 1, x, 0.0)}
    again = copy.deepcopy(model)
    again["out"].backward()
    assert (again["w"].grad, x.grad) == (1.0, 0.0)
    condition = pickle.loads(pickle.dumps(x > 1))
    assert condition.operands[0].data == 2.0
    assert bool(condition)
    y.backward()
    held = copy.deepcopy(y)
    assert (held.grad, held.operands[0].grad) == (1.0, 4.0)


def test_the_same_bits_in_every_run() -> None:
    code = """
import random
from microgradnet.value import Value
rng = random.Random(5)
leaves = [Value(rng.uniform(-2, 2)) for _ in range(5)]
registers = list(leaves)
for _ in range(300):
    a, b = rng.choices(registers[-40:], k=2)
    registers.append(rng.choice([lambda: a + b, lambda: (a * b).tanh(), lambda: (a - b).sin(), lambda: a.maximum(b)])())
out = sum(registers)
out.backward()
print([v.grad.hex() for v in leaves])
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(oracles.HERE.parent)},
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(runs) == 1
    assert "0x1." in runs.pop()


def test_leaves_accumulate_and_interior_nodes_do_not() -> None:
    x = Value(3.0)
    y = x * x
    z = y * 2
    z.backward()
    assert (x.grad, y.grad, z.grad) == (12.0, 2.0, 1.0)
    z.backward()
    assert (x.grad, y.grad, z.grad) == (24.0, 2.0, 1.0)
    y.backward()
    assert (x.grad, y.grad, z.grad) == (30.0, 1.0, 1.0)
    z.backward(10)
    assert (x.grad, y.grad, z.grad) == (150.0, 20.0, 10.0)
    (z + y).backward()
    assert (y.grad, z.grad) == (3.0, 1.0)
    x.grad = 0.0
    z.backward(np.float64(0.5))
    assert (x.grad, type(x.grad), type(z.grad)) == (6.0, float, float)


def test_backward_on_a_leaf() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2)
    assert x.grad == 3.0
    for bad in ("1", None, x, [1.0]):
        with pytest.raises(TypeError, match="Value"):
            (x * x).backward(bad)
    assert x.grad == 3.0


def test_what_is_sent_nothing_has_zero_and_loses_what_it_had() -> None:
    x, y = Value(2.0), Value(3.0)
    a, b = x * x, y * y
    first = F.where(x > y, a, b)
    first.backward()
    assert (x.grad, y.grad, a.grad, b.grad) == (0.0, 6.0, 0.0, 1.0)
    (a + b).backward()
    assert (a.grad, b.grad) == (1.0, 1.0)
    first.backward()
    assert (a.grad, b.grad) == (0.0, 1.0)  # the last call sent a nothing
    u, v = Value(2.0), Value(3.0)
    deep = u * u
    above = deep.exp()
    guarded = F.where(u > v, above, v * v)
    (above + 1).backward()
    assert (deep.grad, above.grad) == (above.data, 1.0)
    guarded.backward()
    assert (deep.grad, above.grad) == (0.0, 0.0)  # also below what was sent nothing
    (above + 1).backward()
    F.where(above > 1e9, 1.0, v).backward()
    assert (deep.grad, above.grad) == (0.0, 0.0)  # also behind a condition
    untouched = Value(7.0)
    assert untouched.grad == 0.0
    guard = x * 5
    F.where(guard > y, x, y).backward()
    assert guard.grad == 0.0


def test_a_seed_scales_everything() -> None:
    x, y = Value(2.0), Value(3.0)
    (x * y + y).backward(-0.5)
    assert (x.grad, y.grad) == (-1.5, -1.5)
    x.grad = y.grad = 0.0
    (x * y).backward(0.0)
    assert (x.grad, y.grad) == (0.0, 0.0)
    x.grad = 0.0
    (x * 2).backward(inf)
    assert x.grad == inf


@given(program=programs(ALL, st.floats(-3.0, 3.0), 8), others=st.lists(st.floats(), min_size=20, max_size=20))
@examples(150)
def test_data_changed_between_forward_and_backward_alters_nothing(program: Program, others: list[float]) -> None:
    leaves, registers = built(program)
    registers[-1].backward()
    wanted = [v.grad for v in leaves]
    leaves, registers = built(program)
    for node, other in zip(registers, others, strict=False):
        node.data = other
    registers[-1].backward()
    assert all(alike(a.grad, b) for a, b in zip(leaves, wanted, strict=True))


def test_assigned_data_is_a_float_too() -> None:
    for assigned in (np.float64(0.0), 0, np.float32(0.0), False):
        v = Value(1.0)
        v.data = assigned
        assert type(v.data) is float
        assert type((v * 3).data) is float
        assert (1 / v).data == inf
    v = Value(1.0)
    with pytest.raises(TypeError, match="one real number"):
        v.data = "3"  # type: ignore[assignment]
    assert v.data == 1.0


def test_in_place_updates_as_in_sgd() -> None:
    w = Value(5.0)
    for _ in range(3):
        loss = (w - 1) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad
    assert w.data == pytest.approx(1 + 4 * 0.8**3, rel=1e-14)


def test_diamonds_and_repeated_operands() -> None:
    x = Value(1.5)
    out = x
    for _ in range(60):
        out = out + out  # 2^60 paths, 60 nodes
    out.backward()
    assert x.grad == 2.0**60
    x.grad = 0.0
    F.sum([x, x, x, x * x]).backward()
    assert x.grad == 6.0
    x.grad = 0.0
    F.dot([x, x], [x, 2.0], x).backward()
    assert x.grad == 2 * 1.5 + 2.0 + 1.0
    x.grad = 0.0
    (x / x + x**x).backward()
    assert x.grad == pytest.approx(1.5**1.5 * (math.log(1.5) + 1), rel=1e-15)


def test_infinities_of_opposite_sign_in_a_gradient_are_nan() -> None:
    x = Value(0.0)
    (F.sqrt(x) - F.sqrt(x)).backward()
    assert math.isnan(x.grad)


MASKED = {
    "an unselected branch": lambda p, other: F.where(other > 1e9, p, other),
    "a condition": lambda p, other: F.where(p > 1e300, 1.0, other),
    "the smaller": lambda p, other: F.maximum(p * 0 - 9.0, other),
    "an index": lambda p, other: F.take([p, other], 1),
    "a step": lambda p, other: F.floor(p) * 0.0 + other,
}


@pytest.mark.parametrize("mask", MASKED.values(), ids=MASKED)
def test_the_order_of_contributions_counts_edges_that_send_nothing(mask: Any) -> None:
    """`p` stands early in the graph's order only because of a mask; its contribution must still come last."""
    x = Value(1.0)
    p, q, b = x * -1e16, x * 1.0, x * 1e16
    root = mask(p, x * 0.0) + (q + p) + b
    wanted = dict(oracles.reference_backward(root))
    root.backward()
    assert x.grad == wanted[x] == (1e16 + 1.0) - 1e16
    graph = Graph(root)
    assert graph.gradient()[graph.number(x)] == x.grad


MASKS = ["where_lt", "where", "maximum", "minimum", "relu", "clip", "take", "floor", "add", "mul", "sub", "sum"]


@given(program=programs(MASKS, st.sampled_from([0.1, -0.3, 1e16, -1e16, 3.3, 0.7]), 14))
@examples(500)
def test_backward_through_masks_is_the_reference_to_the_last_bit(program: Program) -> None:
    leaves, registers = built(program)
    root = registers[-1]
    wanted = dict(oracles.reference_backward(root))
    for other in registers[len(leaves) :]:  # fill in gradients of other roots
        other.backward()
    for leaf in leaves:
        leaf.grad = 0.0
    root.backward()
    for node in walk(root):
        assert alike(node.grad, wanted.get(node, 0.0)), node


def test_cancelling_contributions_add_in_the_contract_order() -> None:
    x = Value(1.0)
    (x * 1e16 + x * 1.0 + x * -1e16).backward()  # last term first: -1e16, then the first two terms in reverse order
    assert x.grad == (-1e16 + 1.0) + 1e16
