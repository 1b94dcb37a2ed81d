"""Every operation of the table: the rows of edge-cases.csv in every way it can run, the traps of masks, and mpmath."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import oracles
import pytest
import worst_ulp
from hypothesis import given
from oracles import CASES, FAMILIES, WITHOUT_ROWS, Case, agrees, constant_places, examples, faults, too_large, written

from microgradnet import functions as F
from microgradnet.graph import Graph
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import FLOATS, PARTIALS
from microgradnet.transforms import grad, hessian, hvp, jvp, value_and_grad
from microgradnet.value import Value

inf, nan = math.inf, math.nan
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_operation = pytest.mark.parametrize("op", sorted(TABLE))


def test_every_operation_has_rows_and_every_row_an_operation() -> None:
    assert {case.op for case in CASES} == set(TABLE) - WITHOUT_ROWS
    assert set(FAMILIES) == set(oracles.EXACT) == set(TABLE)
    assert len(oracles.read_cases("edge-cases.csv")) == 634


# --- every row of the CSV --------------------------------------------------------------------------------------------


def leaves_of(case: Case, constant: frozenset[int] = frozenset()) -> list[Any]:
    """Values for the operands, plain floats at `constant` places."""
    constant |= constant_places(case.op, len(case.operands))
    return [x if place in constant else Value(x) for place, x in enumerate(case.operands)]


@every_case
def test_csv_on_floats(case: Case) -> None:
    value = getattr(FLOATS, case.op)(*case.operands)
    assert faults(case, value, PARTIALS[case.op](value, *case.operands)) == []
    plain = F.pow if case.op in ("pow", "pow_const", "rpow_const") else written(case.op)
    if case.op not in oracles.WRITTEN or plain is F.pow:  # the functions give floats for floats
        assert faults(case, plain(*case.operands), PARTIALS[case.op](value, *case.operands)) == []


@every_case
def test_csv_on_values_and_backward(case: Case) -> None:
    leaves = leaves_of(case)
    result = written(case.op)(*leaves)
    assert result.op == case.op
    assert result.operands == tuple(leaves)
    assert faults(case, result.data, result.partials) == []
    assert [p for x, p in zip(leaves, result.partials, strict=True) if not isinstance(x, Value) and p is not None] == []
    result.backward()
    assert faults(case, result.data, [x.grad if isinstance(x, Value) else None for x in leaves]) == []
    method = getattr(Value, case.op, None)
    if method is not None and case.op not in ("softmax", "add", "sub", "mul", "div", "neg"):
        by_method = method(*leaves)
        assert by_method.op == case.op
        assert faults(case, by_method.data, by_method.partials) == []


@every_case
def test_csv_with_constants_among_the_operands(case: Case) -> None:
    if case.op in ("pow", "pow_const", "rpow_const"):
        return  # a constant there makes another operation, which has rows of its own
    free = set(range(len(case.operands))) - constant_places(case.op, len(case.operands))
    for count in range(1, len(free)):
        for constant in itertools.combinations(sorted(free), count):
            leaves = leaves_of(case, frozenset(constant))
            result = written(case.op)(*leaves)
            result.backward()
            seen = [x.grad if isinstance(x, Value) else None for x in leaves]
            told = [p for place, p in zip(case.places, case.partials, strict=True) if place not in constant]
            places = tuple(place for place in case.places if place not in constant)
            assert faults(case._replace(partials=tuple(told), places=places), result.data, seen) == []
            assert [result.partials[place] for place in constant] == [None] * count


@every_case
def test_csv_in_a_graph_and_replayed_into_one(case: Case) -> None:
    leaves = leaves_of(case)
    graph = Graph(written(case.op)(*leaves))
    elsewhere = [Value(0.5, f"x{i}") if isinstance(x, Value) else x for i, x in enumerate(leaves)]
    other = Graph(written(case.op)(*elsewhere))
    replayed = other.replay({f"x{i}": x.data for i, x in enumerate(leaves) if isinstance(x, Value)})
    for g, own in ((graph, leaves), (replayed, elsewhere)):
        assert g.operations[-1] == case.op
        assert faults(case, g.data[-1], g.partials(len(g) - 1)) == []
        adjoints = g.gradient()
        assert faults(case, g.data[-1], [adjoints[g.number(x)] if isinstance(x, Value) else None for x in own]) == []


@every_case
def test_csv_by_rules_on_values(case: Case) -> None:
    """The rule that derivatives of derivatives use gives the same numbers as the one on floats."""
    leaves = leaves_of(case)
    places = tuple(place for place, x in enumerate(leaves) if isinstance(x, Value))
    value, derivatives = value_and_grad(written(case.op), argnums=places)(*leaves)
    found: list[Any] = [None] * len(leaves)
    for place, derivative in zip(places, derivatives, strict=True):
        found[place] = derivative.data if isinstance(derivative, Value) else derivative
    assert faults(case, value.data, found) == []


@every_case
def test_csv_forward_mode(case: Case) -> None:
    for place, wanted in zip(case.places, case.partials, strict=True):
        if place in constant_places(case.op, len(case.operands)):
            continue

        def along(x: Any, place: int = place) -> Any:
            return written(case.op)(*case.operands[:place], x, *case.operands[place + 1 :])

        if case.op == "pow":
            continue  # its other operand would be a constant
        value, tangent = jvp(along, (case.operands[place],), (1.0,))
        assert agrees(tangent, wanted, case.op, True), (tangent, wanted)
        assert agrees(value, case.value, case.op, False)


# --- operations without rows: what they stand for --------------------------------------------------------------------

AWKWARD = (0.0, -0.0, 1.0, -2.5, 0.1, 1e308, -1e308, 5e-324, inf, -inf, nan)


def same(a: float, b: float) -> bool:
    """Bit by bit, but any nan is as good as another."""
    return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("bias", [False, True])
@given(numbers=oracles.st.lists(oracles.st.sampled_from(AWKWARD) | oracles.st.floats(), min_size=5, max_size=5))
@examples(300)
def test_dot_is_the_chain_of_products_and_sums(bias: bool, numbers: list[float]) -> None:
    both = []
    for spell in ("dot", "chain"):
        w1, w2, x1, x2, b = leaves = [Value(v) for v in numbers]
        if spell == "dot":
            out = F.dot([w1, w2], [x1, x2], b if bias else None)
        else:
            out = w1 * x1 + w2 * x2 + b if bias else w1 * x1 + w2 * x2
        out.backward()
        both.append([out.data, *[v.grad for v in leaves]])
    assert all(map(same, *both)), both


@given(numbers=oracles.st.lists(oracles.st.sampled_from(AWKWARD) | oracles.st.floats(), min_size=2, max_size=6))
@examples(300)
def test_sum_and_mean_are_the_chain_of_sums(numbers: list[float]) -> None:
    both = []
    for spell in ("row", "chain"):
        leaves = [Value(v) for v in numbers]
        total = F.sum(leaves) if spell == "row" else leaves[0]
        average = F.mean(leaves)
        if spell == "chain":
            for v in leaves[1:]:
                total = total + v
            average = total / len(leaves)
        row = [total.data, average.data]
        for out in (total, average):
            for v in leaves:
                v.grad = 0.0
            out.backward()
            row += [v.grad for v in leaves]
        both.append(row)
    assert all(map(same, *both)), both


def test_dot_of_mixed_operands_sends_only_to_values() -> None:
    w, x = [Value(2.0), Value(3.0)], [5.0, Value(7.0)]
    out = F.dot(w, x, 11)
    assert (out.data, out.partials) == (42.0, (5.0, 7.0, None, 3.0, None))
    assert F.dot([1, 2], [3, 4]) == 11.0
    assert F.dot([2.0, Value(3.0)], [Value(5.0), 7.0], 1.0).partials == (None, 7.0, 2.0, None, None)


def test_take_is_the_one_taken() -> None:
    x = [Value(2.0), Value(3.0), Value(inf)]
    for i in (0, 1, 2):
        assert F.take(x, i).data == x[i].data
        assert F.take(x, i).partials == (*[1.0 if j == i else None for j in range(3)], None)
    graph = Graph(F.take(x, Value(0, "i")) * 2.0)
    assert graph.replay({"i": 1}).data[-1] == 6.0
    for bad in (3, -1, 0.5, nan, inf, -inf):
        with pytest.raises(IndexError, match=r"(?s)3"):
            F.take(x, bad)
        with pytest.raises(IndexError, match=r"3"):
            graph.replay({"i": bad})


# --- rules 6 and section 3: a mask selects, it does not multiply -----------------------------------------------------

# Written as in the contract; each at its point, with the derivative there.
TRAPS: list[tuple[str, Callable[[Any], Any], float, float]] = [
    ("where(x>0, log x, 0)", lambda x: F.where(x > 0, F.log(x), 0.0), 0.0, 0.0),
    ("where(x>0, sqrt x, 0)", lambda x: F.where(x > 0, F.sqrt(x), 0.0), 0.0, 0.0),
    ("where(|x|>0, sin(x)/x, 1)", lambda x: F.where(abs(x) > 0, F.sin(x) / x, 1.0), 0.0, 0.0),
    ("where(x<700, exp x, x)", lambda x: F.where(x < 700, F.exp(x), x), 1000.0, 1.0),
    ("minimum(exp x, 1)", lambda x: F.minimum(F.exp(x), 1.0), 1000.0, 0.0),
    ("1/relu(x)", lambda x: 1 / F.relu(x), 0.0, 0.0),
    ("1/relu(x)", lambda x: 1 / F.relu(x), -1.0, 0.0),
    ("1/maximum(x, 0)", lambda x: 1 / F.maximum(x, 0.0), -1.0, 0.0),
    ("log(clip(x, 0, 1))", lambda x: F.log(F.clip(x, 0.0, 1.0)), -1.0, 0.0),
    ("floor(1/x)", lambda x: F.floor(1 / x), 0.0, 0.0),
    ("round(log x)", lambda x: F.round(F.log(x)), 0.0, 0.0),
    ("sign(sqrt x)", lambda x: F.sign(F.sqrt(x)), 0.0, 0.0),
    ("(1/x)**0", lambda x: (1 / x) ** 0, 0.0, 0.0),
    ("relu(-1/x²)", lambda x: F.relu(-1 / x**2), 0.0, 0.0),
    ("take", lambda x: F.take([F.log(x), x * 3.0], 1), 0.0, 3.0),
    ("clip to Value bounds", lambda x: F.clip(1 / x, x, x + 1.0), 0.0, 1.0),
    ("where in where", lambda x: F.where(x > 0, F.where(x > 1, F.log(x), F.sqrt(x)), -x), 0.0, -1.0),
    ("maximum(-log x, ...)", lambda x: F.maximum(F.log(x), x), 0.0, 1.0),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.0) * F.exp(x), -2.0, 0.0),
]
STAYS_NAN: list[tuple[str, Callable[[Any], Any], float]] = [
    ("0 * sqrt(x)", lambda x: 0 * F.sqrt(x), 0.0),
    ("sqrt(x) * sqrt(x)", lambda x: F.sqrt(x) * F.sqrt(x), 0.0),
    ("sqrt(x * x)", lambda x: F.sqrt(x * x), 0.0),
    ("x * log(x)", lambda x: x * F.log(x), 0.0),
    ("sqrt(x)**2", lambda x: F.sqrt(x) ** 2, 0.0),
    ("1/(1 + exp(-x))", lambda x: 1 / (1 + F.exp(-x)), -710.0),
]
trap = pytest.mark.parametrize(
    ("function", "at", "slope"), [t[1:] for t in TRAPS], ids=[f"{t[0]} at {t[2]}" for t in TRAPS]
)


@trap
def test_traps_of_masks(function: Callable[[Any], Any], at: float, slope: float) -> None:
    x = Value(at)
    out = function(x)
    out.backward()
    graph = Graph(out)
    assert x.grad == slope
    assert graph.gradient()[graph.number(x)] == slope if x in graph else slope == 0.0
    assert grad(function)(at) == slope
    assert jvp(function, (at,), (1.0,))[1] == slope


@trap
def test_traps_of_masks_at_second_order(function: Callable[[Any], Any], at: float, slope: float) -> None:
    second = grad(grad(function))(at)
    assert second == 0.0
    assert hessian(function)(at) == 0.0
    assert hvp(function, at, 1.0) == 0.0
    assert grad(grad(grad(function)))(at) == 0.0


@pytest.mark.parametrize(("function", "at"), [t[1:] for t in STAYS_NAN], ids=[t[0] for t in STAYS_NAN])
def test_a_numeric_zero_is_not_skipped(function: Callable[[Any], Any], at: float) -> None:
    x = Value(at)
    function(x).backward()
    assert math.isnan(x.grad)
    assert math.isnan(grad(function)(at))
    assert math.isnan(jvp(function, (at,), (1.0,))[1])


def test_second_derivative_through_a_zero_first_one() -> None:
    mixed = hessian(lambda v: v[0] * v[1] ** 2)([0.0, 3.0])
    assert mixed == [[0.0, 6.0], [6.0, 0.0]]
    assert hvp(lambda v: v[0] * v[1] ** 2, [0.0, 3.0], [1.0, 0.0]) == [0.0, 6.0]
    assert hvp(lambda v: v[0] * v[1] ** 2, [0.0, 3.0], [0.0, 1.0]) == [6.0, 0.0]
    assert jvp(lambda v: jvp(lambda u: u * v * v, (0.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 6.0


NOTHING_SENT = [
    ("where", (1.0, 2.0, 3.0), {0, 2}),
    ("where", (0.0, 2.0, 3.0), {0, 1}),
    ("maximum", (1.0, 2.0), {0}),
    ("maximum", (2.0, 1.0), {1}),
    ("maximum", (nan, 1.0), {0, 1}),
    ("minimum", (1.0, 2.0), {1}),
    ("relu", (-1.0,), {0}),
    ("minimum", (1.0, nan), {0, 1}),
    ("relu", (0.0,), {0}),
    ("relu", (nan,), {0}),
    ("clip", (2.0, 0.0, 1.0), {0, 1}),
    ("clip", (-2.0, 0.0, 1.0), {0, 2}),
    ("clip", (0.5, 0.0, 1.0), {1, 2}),
    ("clip", (nan, 0.0, 1.0), {0, 1, 2}),
    ("pow_const", (inf, 0.0), {0, 1}),
    ("sign", (2.0,), {0}),
    ("floor", (2.0,), {0}),
    ("ceil", (2.0,), {0}),
    ("trunc", (2.0,), {0}),
    ("round", (2.0,), {0}),
    ("take", (1.0, 2.0, 1.0), {0, 2}),
]


@pytest.mark.parametrize(("op", "operands", "nothing"), NOTHING_SENT)
def test_what_is_not_selected_is_sent_nothing(op: str, operands: tuple[float, ...], nothing: set[int]) -> None:
    for partials in (
        PARTIALS[op](getattr(FLOATS, op)(*operands), *operands),
        written(op)(
            *[x if i in constant_places(op, len(operands)) else Value(x) for i, x in enumerate(operands)]
        ).partials,
    ):
        assert {i for i, p in enumerate(partials) if p is None} == nothing


# --- mpmath ----------------------------------------------------------------------------------------------------------


@every_operation
def test_value_and_partials_at_random_points(op: str) -> None:
    @given(x=oracles.operands(op))
    @examples(60)
    def holds(x: tuple[float, ...]) -> None:
        value = getattr(FLOATS, op)(*x)
        assert too_large(op, x, value, PARTIALS[op](value, *x)) == []
        leaves = [v if place in constant_places(op, len(x)) else Value(v) for place, v in enumerate(x)]
        result = written(op)(*leaves)
        assert result.data == value
        eager = [p if isinstance(v, Value) else None for v, p in zip(leaves, PARTIALS[op](value, *x), strict=True)]
        assert list(result.partials) == eager  # the methods and the rule on floats: the same bits

    holds()


@every_operation
def test_worst_errors_are_within_the_contract(op: str) -> None:
    worst = worst_ulp.worst_of(op, 100)
    assert worst
    assert [error for error in worst.values() if not error.size <= error.allowed] == []


def test_worst_ulp_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    worst_ulp.main(2, 10)
    out = capsys.readouterr().out
    assert len(out.split("\n\n")[0].splitlines()) == 12
    assert "Measured absolutely" in out


class InMpmath:
    """The namespace that a rule of the table asks for, in mpmath: the rule itself can then be held to 40 digits."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        row = TABLE[name]
        return oracles.EXACT[name].value if row.primitive else lambda *x: row.value(self, *x)

    def plain(self, x: Any) -> Any:
        return x

    def peak(self, x: Any) -> Any:
        return max(x)

    def is_zero(self, constant: Any) -> bool:
        return bool(constant == 0)


@every_operation
def test_rules_are_exact_formulas(op: str) -> None:
    """What is left are the roundings of ln 2, √2 … as doubles; a wrong term could not hide below them."""
    f, row = InMpmath(), TABLE[op]

    @given(x=oracles.operands(op))
    @examples(15)
    def holds(x: tuple[float, ...]) -> None:
        with oracles.mp.workdps(700):  # 1 - y * y wants digits where y is near 1
            point = [oracles.mpf(v) for v in x]
            exact = oracles.EXACT[op]
            y = exact.value(*point)
            if not row.primitive:
                assert abs(row.value(f, *point) - y) <= abs(y) * 1e-12
            for found, truth in zip(row.partials(f, y, *point), exact.partials(*point), strict=True):
                if truth is not None:
                    assert abs((0 if found is None else found) - truth) <= abs(truth) * 1e-12 + oracles.mpf(10) ** -600

    holds()


def test_derivative_of_a_power_with_an_exact_exponent() -> None:
    for c in (-3.0, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0, 10.0):
        for k in range(200):
            x = 10.0 ** (-2 + 4 * k / 199)
            value = FLOATS.pow_const(x, c)
            assert [
                e
                for e in oracles.errors("pow_const", (x, c), value, PARTIALS["pow_const"](value, x, c))
                if e.size > 1.6
            ] == []


def test_torch_gives_the_same() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is an oracle where it is installed")
    names = {
        "exp": "exp",
        "log": "log",
        "sqrt": "sqrt",
        "sin": "sin",
        "tan": "tan",
        "atan": "atan",
        "tanh": "tanh",
        "sigmoid": "sigmoid",
        "softplus": "nn.functional.softplus",
        "relu": "relu",
        "erf": "erf",
        "gelu": "nn.functional.gelu",
        "silu": "nn.functional.silu",
        "log1p": "log1p",
    }
    for op, path in names.items():
        theirs: Any = torch
        for part in path.split("."):
            theirs = getattr(theirs, part)
        for number in (0.1, 0.7, 1.3, 3.0, 8.0):
            x, t = Value(number), torch.tensor(number, dtype=torch.float64, requires_grad=True)
            ours, out = getattr(F, op)(x), theirs(t)
            ours.backward()
            out.backward()
            assert ours.data == pytest.approx(out.item(), rel=1e-14)
            assert x.grad == pytest.approx(t.grad.item(), rel=1e-12)


# --- section 7: what raises ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", sorted(set(TABLE) - {"add", "sub", "mul", "div", "neg", "pow_const", "rpow_const"}))
@pytest.mark.parametrize("bad", ["3", None, 1j, [1.0, 2.0], {}, b"1"], ids=repr)
def test_a_wrong_kind_is_named(op: str, bad: Any) -> None:
    function = getattr(F, op)
    variadic, count = TABLE[op].variadic, len(TABLE[op].operands)
    operands: list[Any] = [[Value(1.0), bad]] if variadic else [bad] * count
    operands += {"dot": [[1.0, 2.0]], "take": [0]}.get(op, [])
    with pytest.raises(TypeError, match=rf"{op} wants numbers or Values, got {type(bad).__name__}"):
        function(*operands)


@pytest.mark.parametrize(
    "op", sorted(set(TABLE) - {"where", "pow_const", "rpow_const", "add", "sub", "mul", "div", "neg"})
)
def test_a_condition_is_no_number(op: str) -> None:
    condition, count = Value(1.0) > 0, len(TABLE[op].operands)
    operands: list[Any] = [[Value(1.0), condition]] if TABLE[op].variadic else [condition] * count
    operands += {"dot": [[1.0, 2.0]], "take": [0]}.get(op, [])
    with pytest.raises(TypeError, match="comparison"):
        getattr(F, op)(*operands)


def test_where_takes_a_condition_only_as_its_first_operand() -> None:
    x = Value(1.0)
    assert F.where(x > 0, x, 2.0).data == 1.0
    for branches in ((x > 0, x), (x, x > 0)):
        with pytest.raises(TypeError, match="comparison"):
            F.where(x > 0, *branches)


@pytest.mark.parametrize("function", [F.logsumexp, F.softmax, F.mean])
def test_nothing_to_work_on(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="needs at least one operand"):
        function([])
    with pytest.raises(ValueError, match="maximum needs two operands"):
        F.maximum()  # type: ignore[call-overload]


def test_arithmetic_on_numbers_never_raises() -> None:
    for op, row in TABLE.items():
        if row.variadic:
            continue
        for operands in itertools.product(AWKWARD, repeat=len(row.operands)):
            value = getattr(FLOATS, op)(*operands)
            assert type(value) is float
            assert all(p is None or type(p) is float for p in PARTIALS[op](value, *operands))
            leaves = [x if i in constant_places(op, len(operands)) else Value(x) for i, x in enumerate(operands)]
            assert same(written(op)(*leaves).data, value)


def test_comparisons_follow_ieee() -> None:
    for name, (_, compare) in COMPARISONS.items():
        for a, b in itertools.product(AWKWARD, repeat=2):
            for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
                condition = compare(left, right)
                assert bool(condition) is compare(a, b)
                assert condition.data is compare(a, b)
            assert compare(Value(a), b).op == name
