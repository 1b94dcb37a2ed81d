"""Simplifying symbols: the same value, nothing longer, as people write it, and of any size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles import examples

from microgradnet.algebra import letters, number_of, operations_in, post_order, simplify, simplify_all, size
from microgradnet.dialects import READING
from microgradnet.notation import SYMBOLS, Symbol, operation, write

a, b, c, w5, y, s3 = map(Symbol, ["a", "b", "c", "w5", "ypred", "s3"])


@pytest.mark.parametrize(
    ("expression", "simpler"),
    [
        (2.0 * (1 - y) ** 1.0 * -1.0, "-2 (1 - ypred)"),
        (operation("sigmoid'", s3) * w5, "w5 · σ'(s3)"),
        (a * 1.0 + 0.0 * b, "a"),
        (a * a * 3.0 / a, "3 a"),
        (a - (a - 2.0), "2"),
        (-(1.0 - a), "a - 1"),
        (operation("neg", -a), "a"),
        (a / 3.0 + a / 6.0, "a / 2"),
        (a + a, "2 a"),
        (-a * -b, "a b"),
        (b * (a + 1.0) * a * 2.0, "2 b a (a + 1)"),
        (SYMBOLS.tanh(a) ** 2.0 * (1 - SYMBOLS.tanh(a) ** 2.0) * 3.0, "3 · tanh(a)^2 (1 - tanh(a)^2)"),
        (1 / (a * b), "1 / (a b)"),
        (a / b / c, "a / (b c)"),
        (SYMBOLS.exp(a) * b, "b · exp(a)"),
        (operation("where", operation("lt", Symbol(1.0), Symbol(2.0)), a, b), "a"),
        (operation("where", a < b, c, c), "c"),
        (SYMBOLS.sqrt(Symbol(4.0)) * a, "2 a"),
        (SYMBOLS.log(a) * 0.6931471805599453, "ln 2 · log(a)"),
        (SYMBOLS.exp(Symbol(1.0)), "exp(1)"),  # a long number would be no simpler
    ],
)
def test_as_people_write(expression: Symbol, simpler: str) -> None:
    assert write(simplify(expression), READING) == simpler


# ---------------------------------------------------------------- the same value


NAMES = ("a", "b", "c")
LEAVES = st.one_of(
    st.sampled_from(NAMES).map(Symbol), st.integers(-3, 3).map(float).map(Symbol), st.just(0.5).map(Symbol)
)


def grow(inner: st.SearchStrategy[Symbol]) -> st.SearchStrategy[Symbol]:
    binary = st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), inner, inner).map(lambda t: operation(*t))
    powers = st.tuples(inner, st.integers(-3, 3)).map(lambda t: operation("pow_const", t[0], float(t[1])))
    return st.one_of(binary, binary, inner.map(lambda s: -s), powers)


def exact(symbol: Symbol, at: dict[str, Fraction]) -> Fraction:
    """The value by exact arithmetic; ZeroDivisionError where there is none."""
    values: dict[int, Fraction] = {}
    for s in post_order([symbol]):
        if not s.op:
            number = number_of(s)
            values[id(s)] = at[s.operands[0]] if number is None else Fraction(number)
            continue
        x = [values[id(o)] for o in s.operands]
        calculate: dict[str, Any] = {
            "add": lambda p, q: p + q,
            "sub": lambda p, q: p - q,
            "mul": lambda p, q: p * q,
            "div": lambda p, q: p / q,
            "neg": lambda p: -p,
            "pow_const": lambda p, q: p ** int(q),
        }
        values[id(s)] = calculate[s.op](*x)
    return values[id(symbol)]


def as_tree(symbol: Symbol) -> int:
    """Operations but signs, as the expression is written out."""
    return int(bool(symbol.op) and symbol.op != "neg") + sum(map(as_tree, symbol.operands if symbol.op else ()))


@given(st.recursive(LEAVES, grow, max_leaves=14), st.tuples(*[st.fractions(-3, 3, max_denominator=7)] * 3))
@examples(600)
def test_the_value_is_the_same_exactly_and_nothing_is_longer(symbol: Symbol, numbers: tuple[Fraction, ...]) -> None:
    simple = simplify(symbol)
    assert simple is not None
    assert as_tree(simple) <= as_tree(symbol)
    again = simplify(simple)
    assert again is not None
    assert as_tree(again) <= as_tree(simple)
    try:
        value = exact(symbol, dict(zip(NAMES, numbers, strict=True)))
    except ZeroDivisionError:
        return
    # numbers are folded as floats: exact while they are short, which is checked by how close the two values are
    found = exact(simple, dict(zip(NAMES, numbers, strict=True)))
    assert abs(found - value) <= abs(value) * Fraction(1, 10**12)


FUNCTIONS = ("exp", "sin", "tanh", "sqrt", "log", "abs", "sigmoid", "erf")


def with_functions(inner: st.SearchStrategy[Symbol]) -> st.SearchStrategy[Symbol]:
    choice = st.tuples(inner, inner, inner).map(lambda t: operation("where", t[0] < t[1], t[1], t[2]))
    called = st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda t: operation(*t))
    return st.one_of(grow(inner), called, called, choice)


def in_many_digits(symbol: Symbol, at: dict[str, Any]) -> Any:
    values: dict[int, Any] = {}
    calculate: dict[str, Any] = {
        "add": lambda p, q: p + q,
        "sub": lambda p, q: p - q,
        "mul": lambda p, q: p * q,
        "div": lambda p, q: p / q,
        "neg": lambda p: -p,
        "pow_const": lambda p, q: p**q,
        "where": lambda p, q, r: q if p else r,
        "lt": lambda p, q: p < q,
        "sigmoid": lambda p: 1 / (1 + mp.exp(-p)),
        "abs": abs,
        **{name: getattr(mp, name) for name in ("exp", "sin", "tanh", "sqrt", "log", "erf")},
    }
    for s in post_order([symbol]):
        if s.op:
            values[id(s)] = calculate[s.op](*[values[id(o)] for o in s.operands])
            if isinstance(values[id(s)], mp.mpc):
                raise ValueError("not a real number")
        else:
            number = number_of(s)
            values[id(s)] = at[s.operands[0]] if number is None else mpf(number)
    return values[id(symbol)]


@given(st.recursive(LEAVES, with_functions, max_leaves=10), st.tuples(*[st.floats(-2, 2)] * 3))
@examples(400)
def test_the_value_is_the_same_to_many_digits(symbol: Symbol, numbers: tuple[float, ...]) -> None:
    simple = simplify(symbol)
    assert simple is not None
    assert as_tree(simple) <= as_tree(symbol)
    with mp.workdps(60):
        at = {name: mpf(x) for name, x in zip(NAMES, numbers, strict=True)}
        try:
            value = in_many_digits(symbol, at)
        except (ZeroDivisionError, ValueError, OverflowError):
            return
        if mp.isfinite(value) and abs(value) < 1e100:
            assert abs(in_many_digits(simple, at) - value) <= 1e-12 * abs(value) + mpf(10) ** -50


# ---------------------------------------------------------------- sizes


def test_a_chain_of_any_length() -> None:
    total, power = a, a
    for _ in range(100_000):
        total = total + b * a
        power = SYMBOLS.sin(power) * 1.0
    simple = simplify_all([total, power])
    assert simple[0] is not None
    assert simple[1] is not None
    assert operations_in(simple[0]) <= 200_000
    assert operations_in(simple[1]) == 100_000


def test_what_is_shared_stays_shared() -> None:
    t = a
    for _ in range(200):
        t = t * (t + b)
    simple = simplify(t)
    assert simple is not None
    assert operations_in(simple) <= 400 + 32 * 200  # products are flattened, up to a length
    assert size(simple, 10**6) == 10**6


def test_named_parts_are_not_mixed_in() -> None:
    part = a * b
    whole = part * a + part
    first, second = simplify_all([part, whole], {id(part)})
    assert first is not None
    assert second is not None
    assert second.operands[0].operands[1] is first or second.operands[0].operands[0] is first
    assert second.operands[1] is first


def test_numbers_that_would_leave_the_floats_are_not_folded() -> None:
    huge, tiny = Symbol(1e300), Symbol(1e-300)
    assert write(simplify(huge * a * huge)) == "1e+300 * a * 1e+300"
    assert write(simplify(tiny * a * tiny)) == "1e-300 * a * 1e-300"
    assert write(simplify(a / 0.0)) == "a / 0"
    assert write(simplify(Symbol(float("inf")) * a)) == "inf * a"


def test_letters_in_order() -> None:
    assert letters(b * a + b) == ["b", "a"]
    assert letters(None) == []
    assert simplify(None) is None
