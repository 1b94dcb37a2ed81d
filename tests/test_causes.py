"""`causes`: every kind of cause, at hand-made points whose truth is known in closed form, by plain formulas."""

from __future__ import annotations

import ast
import math
import random
import subprocess
import sys
from collections.abc import Callable, Hashable
from math import cos, exp, sin
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import causes
from microgradnet.causes import KINDS, Cause, Computation, Point, agree, computed, diagnose, formula_for
from microgradnet.causes.changes import WITH_ANOTHER
from microgradnet.extension import operation

Columns = dict[str, Any]


def point(by_hand: Any, truth: Any, *, computation: Computation | None = None, **columns: Columns) -> Point:
    """A point of plain numbers and lists; what rounding does to it is 1e-14 of the truth, unless told otherwise."""
    by_hand, truth = numpy.array(by_hand, dtype=float), numpy.array(truth, dtype=float)
    tolerance = numpy.broadcast_to(columns.pop("tolerance", 1e-14 * abs(truth)), truth.shape)
    of_arrays = {
        name: {key: numpy.array(x, dtype=float) for key, x in columns.pop(name, {}).items()}
        for name in ("values", "derivatives", "factors", "paths")
    }
    return Point(by_hand, truth, tolerance, **of_arrays, sizes=columns.pop("sizes", {}), computation=computation)


def cause_of(points: list[Point]) -> Cause:
    return diagnose(points).cause


def unknown(cause: Cause) -> bool:
    return (cause.kind, cause.names, cause.holds, cause.also) == ("unknown", (), 0, ())


# ---------------------------------------------------------------- the article's network


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def slope(x: float) -> float:
    return sigmoid(x) * (1 - sigmoid(x))


def loss(p: dict[str, float]) -> float:
    h1 = sigmoid(p["w1"] * p["x1"] + p["w2"] * p["x2"] + p["b1"])
    h2 = sigmoid(p["w3"] * p["x1"] + p["w4"] * p["x2"] + p["b2"])
    return (p["y"] - sigmoid(p["w5"] * h1 + p["w6"] * h2 + p["b3"])) ** 2


def parameters(seed: int) -> dict[str, float]:
    dice = random.Random(seed)
    names = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3", "x1", "x2")
    return {name: dice.uniform(-1.5, 1.5) for name in names} | {"y": float(seed % 2)}


def article(seed: int, wrong: Callable[[Columns], float]) -> Point:
    """∂L/∂w1 by the article's formulas; `wrong` is the formula by hand, made of all names in sight."""
    p = parameters(seed)
    s1 = p["w1"] * p["x1"] + p["w2"] * p["x2"] + p["b1"]
    s2 = p["w3"] * p["x1"] + p["w4"] * p["x2"] + p["b2"]
    h1, h2 = sigmoid(s1), sigmoid(s2)
    s3 = p["w5"] * h1 + p["w6"] * h2 + p["b3"]
    slopes = {"f'(s1)": slope(s1), "f'(s2)": slope(s2), "f'(s3)": slope(s3)}
    d_ypred = -2 * (p["y"] - sigmoid(s3))
    known = p | slopes | {"h1": h1, "h2": h2, "ypred": sigmoid(s3), "d_ypred": d_ypred}
    truth = d_ypred * p["w5"] * slope(s3) * p["x1"] * slope(s1)
    return point(
        wrong(known),
        truth,
        values={name: x for name, x in known.items() if name not in slopes},
        derivatives={
            "∂L/∂w2": truth / p["x1"] * p["x2"],
            "∂L/∂b1": truth / p["x1"],
            "∂L/∂w3": d_ypred * p["w6"] * slope(s3) * p["x1"] * slope(s2),
        },
        factors=slopes,
    )


def right(k: Columns) -> float:
    return float(k["d_ypred"] * k["w5"] * k["f'(s3)"] * k["x1"] * k["f'(s1)"])


SEEDS = range(1, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_truth_of_these_tests_is_the_slope_of_the_loss(seed: int) -> None:
    p, h = parameters(seed), 1e-5
    difference = (loss(p | {"w1": p["w1"] + h}) - loss(p | {"w1": p["w1"] - h})) / (2 * h)
    assert float(article(seed, right).autograd) == pytest.approx(difference, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize(
    ("kind", "names", "wrong"),
    [
        ("zero", (), lambda k: 0.0),
        ("sign", (), lambda k: -right(k)),
        ("number", ("2",), lambda k: 2 * right(k)),
        ("number", ("1/2",), lambda k: -(k["y"] - k["ypred"]) * k["w5"] * k["f'(s3)"] * k["x1"] * k["f'(s1)"]),
        ("number", ("-2",), lambda k: -2 * right(k)),
        ("number", ("-1/2",), lambda k: -right(k) / 2),
        ("number", ("0.7",), lambda k: 0.7 * right(k)),
        ("factor", ("missing", "f'(s1)"), lambda k: k["d_ypred"] * k["w5"] * k["f'(s3)"] * k["x1"]),
        ("factor", ("missing", "f'(s3)"), lambda k: k["d_ypred"] * k["w5"] * k["x1"] * k["f'(s1)"]),
        ("factor", ("missing", "w5"), lambda k: k["d_ypred"] * k["f'(s3)"] * k["x1"] * k["f'(s1)"]),
        ("factor", ("missing", "d_ypred"), lambda k: k["w5"] * k["f'(s3)"] * k["x1"] * k["f'(s1)"]),
        ("factor", ("extra", "f'(s2)"), lambda k: right(k) * k["f'(s2)"]),
        ("factor", ("extra", "h2"), lambda k: right(k) * k["h2"]),
        ("factor", ("extra", "x2²"), lambda k: right(k) * k["x2"] ** 2),
        ("factor", ("swapped", "h1", "f'(s1)"), lambda k: k["d_ypred"] * k["w5"] * k["f'(s3)"] * k["x1"] * k["h1"]),
        ("factor", ("missing", "(1 - w6²)"), lambda k: right(k) / (1 - k["w6"] ** 2)),
        ("factor", ("extra", "(1 - ypred²)"), lambda k: right(k) * (1 - k["ypred"] ** 2)),
        ("factor", ("swapped", "w6", "w5"), lambda k: right(k) / k["w5"] * k["w6"]),
        ("factor", ("swapped", "h2", "f'(s1)"), lambda k: right(k) / k["f'(s1)"] * k["h2"]),
        ("factor", ("swapped", "f'(s2)", "w5"), lambda k: right(k) / k["w5"] * k["f'(s2)"]),
        ("other", ("∂L/∂b1", "b1", "sign"), lambda k: -right(k) / k["x1"]),
        ("other", ("∂L/∂w3", "w3"), lambda k: k["d_ypred"] * k["w6"] * k["f'(s3)"] * k["x1"] * k["f'(s2)"]),
    ],
)
def test_the_article_with_one_mistake(kind: str, names: tuple[str, ...], wrong: Callable[[Columns], float]) -> None:
    cause = cause_of([article(seed, wrong) for seed in SEEDS])
    assert (cause.kind, cause.names) == (kind, names)
    assert (cause.holds, cause.of, cause.also) == (5, 5, ())


def test_a_variable_for_another_may_make_it_another_derivative() -> None:
    cause = cause_of([article(seed, lambda k: right(k) / k["x1"] * k["x2"]) for seed in SEEDS])
    assert (cause.kind, cause.names) == ("other", ("∂L/∂w2", "w2"))
    assert cause.text() == "this is ∂L/∂w2 (holds at 5 of 5 points; also possible: x2 stands where x1 belongs)"


def test_sentences() -> None:
    wrong = [article(seed, lambda k: right(k) / k["w5"] * k["w6"]) for seed in SEEDS]
    assert cause_of(wrong).text() == "w6 stands where w5 belongs (holds at 5 of 5 points)"
    itself = [point(x * y, x * z, values={"h": y}, factors={"∂h/∂s": z})
                for x, y, z in ((0.3, 0.2, 0.7), (1.4, 0.9, 0.4))]  # fmt: skip
    assert cause_of(itself).sentence == "h itself stands where its derivative ∂h/∂s belongs"
    assert Cause("x", (), "so it is", 1, 1, ("a", "b")).text() == (
        "so it is (holds at 1 of 1 point; also possible: a or b)"
    )
    assert Cause("x", (), "so it is", 0, 0, ()).text() == "so it is"


# ---------------------------------------------------------------- paths


def two_ways(seed: int, wrong: Callable[[float, float, float], float]) -> Point:
    """y = x sin(x) + a x, by x: directly, through s = sin(x), and through t = a x."""
    dice = random.Random(seed)
    x, a = dice.uniform(0.5, 2), dice.uniform(-3, 3)
    direct, through_s, through_t = sin(x), x * cos(x), a
    paths = {"": direct, "s": through_s, "t": through_t}
    return point(wrong(*paths.values()), sum(paths.values()), paths=paths, values={"x": x, "a": a})


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (("s", "missing"), lambda direct, s, t: direct + t),
        (("", "missing"), lambda direct, s, t: s + t),
        (("s", "sign"), lambda direct, s, t: direct - s + t),
        (("t", "twice"), lambda direct, s, t: direct + s + 2 * t),
        (("t", "half"), lambda direct, s, t: direct + s + t / 2),
        (("s", "times", "3"), lambda direct, s, t: direct + 3 * s + t),
        (("t", "alone"), lambda direct, s, t: t),
    ],
)
def test_parts_of_a_sum(names: tuple[str, ...], wrong: Callable[[float, float, float], float]) -> None:
    cause = cause_of([two_ways(seed, wrong) for seed in range(4)])
    assert (cause.kind, cause.names) == ("path", names)


def test_the_only_path_is_no_part_of_a_sum() -> None:
    points = [point(0.0, x, paths={"s": x}) for x in (0.3, 0.7, 1.9)]
    assert cause_of(points).kind == "zero"


def test_a_part_that_is_an_array() -> None:
    a, b = numpy.array([[1.0, 2.0], [3.0, 5.0]]), numpy.array([[0.5, -1.0], [2.5, 7.0]])
    assert cause_of([point(a + b.T, a + b, paths={"p": a, "q": b})]).names == ("q", "transposed")
    assert cause_of([point(a + b.sum(), a + b, paths={"p": a, "q": b})]).names == ("q", "sum")
    assert cause_of([point(a.sum() + b, a + b, paths={"p": a, "q": b})]).kind == "arrangement"


# ---------------------------------------------------------------- how many rows


@pytest.mark.parametrize(
    ("names", "ratio", "sentence"),
    [
        (("n = 8", "n = 8", "n"), 8, "it is n = 8 times too large: a mean's 1/8 is missing"),
        (("1/n = 0.125", "n = 8", "n"), 1 / 8, "it is n = 8 times too small: a 1/8 is too much"),
        (("1/n² = 0.015625", "n = 8", "n"), 1 / 64, "it is 8² times too small: 1/8 twice"),
        (("n/(n-1) = 1.14286", "n = 8", "n"), 8 / 7, "1/(8 - 1) stands where 1/8 belongs"),
        (("(n-1)/n = 0.875", "n = 8", "n"), 7 / 8, "1/8 stands where 1/(8 - 1) belongs"),
        (("n-1 = 7", "n = 8", "n"), 7, "it is 8 - 1 times too large: a 1/(8 - 1) is missing"),
        (("1/(n-1) = 0.142857", "n = 8", "n"), 1 / 7, "a 1/(8 - 1) is too much"),
        (("-n = 8", "n = 8", "n"), -8, "the sign is wrong, and it is n = 8 times too large: a mean's 1/8 is missing"),
    ],
)
def test_the_number_of_rows(names: tuple[str, ...], ratio: float, sentence: str) -> None:
    x = numpy.array([0.3, -1.7, 0.9])  # the slope of a mean of squares over 8 rows, say
    cause = cause_of([point(ratio * x, x, sizes={"n": 8.0}), point(ratio * x**2, x**2, sizes={"n": 8.0})])
    assert (cause.kind, cause.names, cause.sentence) == ("number", names, sentence)


def test_rows_are_counted_at_every_point_anew() -> None:
    points = [point(n * x, x, sizes={"n": n}) for n, x in ((8.0, 0.3), (5.0, 1.7), (3.0, -0.4))]
    assert cause_of(points).names == ("n = 8", "n = 8", "n")


@pytest.mark.parametrize("n", [0.0, 1.0, -1.0])
def test_one_row_or_none_is_no_cause(n: float) -> None:
    assert unknown(cause_of([point(0.3, 0.7, sizes={"n": n}), point(0.2, 0.9, sizes={"n": n})]))


# ---------------------------------------------------------------- arrays


DICE = numpy.random.default_rng(7)
A, B = DICE.normal(size=(3, 3)), DICE.normal(size=(3, 3))
WIDE = DICE.normal(size=(3, 4))


@pytest.mark.parametrize(
    ("name", "truth", "by_hand"),
    [
        ("transposed", A, A.T),
        ("sum", WIDE, numpy.full((3, 4), WIDE.sum())),
        ("mean", WIDE, numpy.full((3, 4), WIDE.mean())),
        ("sum over axis 0", WIDE, numpy.tile(WIDE.sum(0), (3, 1))),
        ("mean over axis 0", WIDE, numpy.tile(WIDE.mean(0), (3, 1))),
        ("sum over axis 1", WIDE, numpy.tile(WIDE.sum(1)[:, None], (1, 4))),
        ("mean over axis 1", WIDE, numpy.tile(WIDE.mean(1)[:, None], (1, 4))),
        ("reversed", WIDE, WIDE[::-1]),
        ("reversed", WIDE, WIDE[:, ::-1]),
        ("index", WIDE, numpy.roll(WIDE, 1, axis=1)),
    ],
)
def test_right_numbers_put_together_wrongly(name: str, truth: Any, by_hand: Any) -> None:
    cause = cause_of([point(by_hand, truth), point(3 * by_hand, 3 * truth)])
    assert (cause.kind, cause.names) == ("arrangement", (name,))


def test_which_elements_are_wrong() -> None:
    zeros = numpy.where(WIDE > 0, WIDE, 0.0)  # relu's slope, forgotten
    too_much = cause_of([point(WIDE, zeros)])
    assert (too_much.names, too_much.sentence[:31]) == (("index",), "elements that should be 0 are n")
    too_little = cause_of([point(zeros, WIDE)])
    assert (too_little.names, too_little.sentence[:30]) == (("index",), "some elements are left at 0: a")
    changed = WIDE.copy()
    changed[1, 2] += 0.37
    changed[0, 0] -= 0.11
    in_part = cause_of([point(changed, WIDE)])
    assert (in_part.names, in_part.sentence[:30]) == (("index",), "only some elements are wrong: ")


def softmax_regression() -> tuple[dict[str, Any], Any]:
    """Arrays of a softmax regression, and ∂loss/∂logits in closed form: (probs - one hot) / n."""
    x, w, y = DICE.normal(size=(5, 3)), DICE.normal(size=(3, 4)), numpy.array([0, 3, 2, 2, 1])
    e = numpy.exp(x @ w)
    probs = e / e.sum(1, keepdims=True)
    return {"x": x, "w": w, "probs": probs}, (probs - numpy.eye(4)[y]) / 5


def test_one_element_of_each_row_is_left_out() -> None:
    arrays, dlogits = softmax_regression()
    cause = cause_of([point(arrays["probs"] / 5, dlogits, values=arrays)])
    assert (cause.kind, cause.names) == ("path", ("one element of each row", "missing"))
    assert "too large by 0.2, the rest is right" in cause.sentence


def test_the_formula_that_would_be_right() -> None:
    arrays, dlogits = softmax_regression()
    known, x, w = arrays | {"dlogits": dlogits}, arrays["x"], arrays["w"]
    dw, dx, db = x.T @ dlogits, dlogits @ w.T, dlogits.sum(0)

    def formula(truth: Any, **more: Any) -> str | None:
        return formula_for([point(truth, truth, values=known | more)], truth.shape)

    assert formula(dw) == "x.T @ dlogits"
    assert formula(dx) == "dlogits @ w.T"
    assert formula(-dx) == "-dlogits @ w.T"
    assert formula(db) == "dlogits.sum(0)"
    assert formula(db.reshape(1, 4)) == "dlogits.sum(0)"
    assert formula(dlogits.mean(1)) == "dlogits.mean(1)"
    assert formula(x @ w) == "x @ w"
    assert formula(w.T) == "w.T"
    assert formula(dlogits * arrays["probs"]) == "dlogits * probs"
    assert formula((dlogits * arrays["probs"]).sum(1)) == "(dlogits * probs).sum(1)"
    assert formula(dw + 1e-3) is None
    assert formula(dw, other=x) == "x.T @ dlogits"
    two = [point(dw, dw, values=known | {"other": x})]
    assert formula_for(two, dw.shape, liked={"other"}) == "other.T @ dlogits"


def test_a_formula_has_to_hold_at_every_point() -> None:
    a, b = DICE.normal(size=(2, 3)), DICE.normal(size=(2, 3))
    at = [point(a.T @ b, a.T @ b, values={"a": a, "b": b}), point(b.T @ a, b.T @ a, values={"a": b, "b": a})]
    assert formula_for(at, (3, 3)) == "a.T @ b"
    elsewhere = point(a.T @ b, b.T @ a, values={"a": a, "b": b})
    smaller = point(a.T @ b, a.T @ b, values={"a": a[:1], "b": b})
    nameless = point(a.T @ b, a.T @ b, values={"a": a})
    assert [formula_for([at[0], other], (3, 3)) for other in (elsewhere, smaller, nameless)] == [None] * 3


def test_for_a_wrong_product_the_right_one_is_told() -> None:
    arrays, dlogits = softmax_regression()
    truth = arrays["x"].T @ dlogits
    cause = cause_of([point(DICE.normal(size=truth.shape), truth, values=arrays | {"dlogits": dlogits})])
    assert (cause.kind, cause.names) == ("arrangement", ("x.T @ dlogits",))
    assert cause.sentence == "`x.T @ dlogits` would be right"


# ---------------------------------------------------------------- the computation run again


class Tape:
    """A computation of plain numbers, written down row by row. Operands: numbers of rows (int), constants (float)."""

    RULES: ClassVar[dict[str, Callable[..., float]]] = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
        "pow_const": lambda a, b: a**b, "exp": exp, "sin": sin, "cos": cos, "neg": lambda a: -a,
    }  # fmt: skip

    def __init__(self, values: Columns) -> None:
        self.values = values
        self.rows: list[tuple[str, tuple[Any, ...], float, tuple[Hashable, ...]]] = []
        self.reads: dict[str, dict[int, int]] = {}
        for name, x in values.items():
            for index, element in enumerate(numpy.array(x, dtype=float).flat):
                self.reads.setdefault(name, {})[len(self.rows)] = index
                self.rows.append(("", (), float(element), ()))

    def name(self, name: str, index: int = 0) -> int:
        """The row of a name, or of an element of its array."""
        return next(row for row, i in self.reads[name].items() if i == index)

    def do(self, op: str, *operands: Any, at: str | tuple[str, ...] = "line 1") -> int:
        """An operation at a place, or in a call: places from the innermost out."""
        numbers = [self.rows[o][2] if isinstance(o, int) else o for o in operands]
        rule = op if callable(op) else self.RULES[op]
        self.rows.append((op, operands, rule(*numbers), (at,) if isinstance(at, str) else at))
        return len(self.rows) - 1

    def point(self, outputs: int | list[int], truth: Any, offset: Any = 0.0, **columns: Columns) -> Point:
        """By hand is what these rows are, less the offset."""
        rows = outputs if isinstance(outputs, list) else [outputs]
        offset = numpy.broadcast_to(offset, (len(rows),))
        by_hand = [self.rows[row][2] - off for row, off in zip(rows, offset, strict=True)]
        ops, operands, data, places = zip(*self.rows, strict=True)
        computation = Computation(ops, operands, data, places, tuple(rows), self.reads,
                                  tuple(map(float, offset)))  # fmt: skip
        return point(by_hand if isinstance(outputs, list) else by_hand[0], truth,
                     computation=computation, values=self.values, **columns)  # fmt: skip


def numbers(seed: int) -> dict[str, float]:
    dice = random.Random(seed)
    return {name: dice.uniform(0.3, 1.9) * (-1) ** (seed * (name == "a")) for name in ("a", "b", "c", "e")}


def replayed(by_hand: Callable[[Tape], int], truth: Callable[..., float]) -> tuple[str, tuple[str, ...], Any]:
    """The kind, names and place told for a computation of a, b, c, e and a formula that would be right."""
    points = []
    for seed in range(4):
        tape = Tape(numbers(seed))
        points.append(tape.point(by_hand(tape), truth(**tape.values)))
    cause, place = diagnose(points)
    assert cause.holds == cause.of == 4
    return cause.kind, cause.names, place


def sum_of(first: Callable[[Tape], int]) -> Callable[[Tape], int]:
    """Something computed in line 1, and c added in line 2, so that no single ratio explains it."""
    return lambda t: t.do("add", first(t), t.name("c"), at="line 2")


@pytest.mark.parametrize(
    ("kind", "names", "first", "truth"),
    [
        ("operator", ("*", "+"), lambda t: t.do("mul", t.name("a"), t.name("b")), lambda a, b, c, e: a + b + c),
        ("operator", ("a / b", "b / a"), lambda t: t.do("div", t.name("a"), t.name("b")),
         lambda a, b, c, e: b / a + c),
        ("operator", ("sin", "cos"), lambda t: t.do("sin", t.name("a")), lambda a, b, c, e: cos(a) + c),
        ("operator", ("exp", "nothing"), lambda t: t.do("exp", t.name("a")), lambda a, b, c, e: a + c),
        ("operator", ("…", "…/2"), lambda t: t.do("mul", t.name("a"), t.name("b")), lambda a, b, c, e: a * b / 2 + c),
        ("factor", ("extra", "b"), lambda t: t.do("mul", t.name("a"), t.name("b")), lambda a, b, c, e: a + c),
        ("path", ("b", "twice"), lambda t: t.do("add", t.name("a"), t.name("b")), lambda a, b, c, e: a + c),
        ("constant", ("3", "2"), lambda t: t.do("mul", 3.0, t.name("a")), lambda a, b, c, e: 2 * a + c),
        ("constant", ("0.7", "-1.4"), lambda t: t.do("mul", 0.7, t.name("a")), lambda a, b, c, e: -1.4 * a + c),
        ("constant", ("3", "2"), lambda t: t.do("pow_const", t.name("a"), 3.0), lambda a, b, c, e: a**2 + c),
        ("constant", ("0.7", "b"), lambda t: t.do("mul", 0.7, t.name("a")), lambda a, b, c, e: a * b + c),
        ("factor", ("missing", "b"), lambda t: t.do("mul", 0.7, t.name("a")), lambda a, b, c, e: 0.7 * b * a + c),
        ("factor", ("extra", "e²"), lambda t: t.do("mul", 0.7, t.name("a")), lambda a, b, c, e: 0.7 / e**2 * a + c),
        ("operand", ("b", "e"), lambda t: t.do("mul", t.name("a"), t.name("b")), lambda a, b, c, e: a * e + c),
        ("operand", ("a", "b"), lambda t: t.do("mul", t.name("a"), t.name("a")), lambda a, b, c, e: a * b + c),
        ("operand", ("a", "1 - a"), lambda t: t.do("mul", t.name("a"), t.name("b")),
         lambda a, b, c, e: (1 - a) * b + c),
        ("operand", ("a", "a²"), lambda t: t.do("mul", t.name("a"), t.name("b")), lambda a, b, c, e: a * a * b + c),
        ("operand", ("a", "a - e"), lambda t: t.do("mul", t.name("a"), t.name("b")),
         lambda a, b, c, e: (a - e) * b + c),
    ],
)  # fmt: skip
def test_one_thing_changed_in_the_computation(
    kind: str, names: tuple[str, ...], first: Callable[[Tape], int], truth: Callable[..., float]
) -> None:
    assert replayed(sum_of(first), truth) == (kind, names, ("line 1",))


def test_the_place_of_a_simple_cause() -> None:
    kind, names, place = replayed(
        lambda t: t.do("sub", t.name("a"), t.name("b"), at="line 5"), lambda a, b, c, e: b - a
    )
    assert (kind, names, place) == ("sign", (), ("line 5",))


def derivative_of_sigmoid(t: Tape, s: int, wrong: bool = False) -> int:
    """fx (1 - fx), in a helper that line 1 calls; if it is `wrong`, fx (1 + fx)."""
    e = t.do("exp", t.do("neg", s, at=("helper 1", "line 1")), at=("helper 1", "line 1"))
    fx = t.do("div", 1.0, t.do("add", 1.0, e, at=("helper 1", "line 1")), at=("helper 1", "line 1"))
    return t.do(
        "mul", fx, t.do("add" if wrong else "sub", 1.0, fx, at=("helper 2", "line 1")), at=("helper 3", "line 1")
    )


def test_the_argument_of_a_helper_is_wrong_not_the_helper() -> None:
    kind, names, place = replayed(
        sum_of(lambda t: derivative_of_sigmoid(t, t.name("a"))), lambda a, b, c, e: slope(b) + c
    )
    assert (kind, names, place) == ("operand", ("a", "b"), ("line 1",))


def test_a_mistake_inside_a_helper() -> None:
    kind, names, place = replayed(
        sum_of(lambda t: derivative_of_sigmoid(t, t.name("a"), wrong=True)), lambda a, b, c, e: slope(a) + c
    )
    assert (kind, names, place) == ("operator", ("+", "-"), ("helper 2",))


def test_elements_of_arrays_have_the_names_of_the_source() -> None:
    points = []
    for seed in range(3):
        x, y = numbers(seed)["a"], numbers(seed)["b"]
        tape = Tape({"x[0]": x, "x[1]": y, "g": 1.3 * x + y})
        by_hand = tape.do("add", tape.do("mul", tape.name("x[1]"), tape.name("g")), tape.name("g"), at="line 2")
        points.append(tape.point(by_hand, (x + 1) * (1.3 * x + y)))
    cause, place = diagnose(points)
    assert (cause.kind, cause.names, place) == ("operand", ("x[1]", "x[0]"), ("line 1",))


def test_arrays_are_changed_at_all_their_elements() -> None:
    x, u, v = [0.3, 1.2, -0.7], [2.0, -1.5, 0.4], [0.9, 0.8, 1.7]
    tape = Tape({"x": x, "u": u, "v": v})
    rows = [tape.do("add", tape.do("mul", tape.name("x", i), tape.name("u", i)), tape.name("x", i), at="line 2")
            for i in range(3)]  # fmt: skip
    truth = [x_i * v_i + x_i for x_i, v_i in zip(x, v, strict=True)]
    cause, place = diagnose([tape.point(rows, truth)])
    assert (cause.kind, cause.names, place) == ("operand", ("u", "v"), ("line 1",))


def test_constants_that_are_the_numbers_of_an_array() -> None:
    tape = Tape({"g": 0.3, "x": [0.3, 1.2, -0.7], "z": [2.0, -1.5, 0.4]})
    rows = [tape.do("add", tape.do("mul", tape.name("g"), x), 1.0, at="line 2") for x in tape.values["x"]]
    cause, place = diagnose([tape.point(rows, [0.3 * z + 1 for z in tape.values["z"]])])
    assert (cause.kind, cause.names, place) == ("operand", ("x", "z"), ("line 1",))


def test_a_constant_that_is_a_variable_of_another_name() -> None:
    points = []
    for n, x in ((8.0, 0.3), (5.0, 1.1)):
        tape = Tape({"x": x, "n": n, "m": n / 3 + 1})
        points.append(
            tape.point(tape.do("add", tape.do("mul", tape.name("x"), n), 1.0, at="line 2"), x * (n / 3 + 1) + 1)
        )
    assert diagnose(points).cause[:2] == ("operand", ("n", "m"))


def test_a_constant_that_should_be_one_over_n() -> None:
    points = []
    for n, x in ((8.0, 0.3), (7.0, 1.1)):
        tape = Tape({"x": x})
        by_hand = tape.do("add", tape.do("mul", tape.name("x"), 0.3), 1.0, at="line 2")
        points.append(tape.point(by_hand, x / n + 1, sizes={"n": n}))
    assert diagnose(points).cause[:2] == ("constant", ("0.3", "1/n"))


def test_constants_of_no_array_stand_for_none() -> None:
    tape = Tape({"g": 0.3, "z": [2.0, -1.5, 0.4]})
    rows = [tape.do("add", tape.do("mul", tape.name("g"), x), 1.0, at="line 2") for x in (0.3, 1.2, -0.7)]
    assert unknown(cause_of([tape.point(rows, [0.3 * z + 1 for z in tape.values["z"]])]))


def test_a_size_that_is_not_known_everywhere_is_no_cause() -> None:
    points = []
    for n, x, sizes in ((8.0, 0.3, {"n": 8.0}), (7.0, 1.1, {})):
        tape = Tape({"x": x})
        by_hand = tape.do("add", tape.do("mul", tape.name("x"), 0.3), 1.0, at="line 2")
        points.append(tape.point(by_hand, x / n + 1, sizes=sizes))
    assert unknown(cause_of(points))


def test_elements_that_are_nan_are_wrong_ones() -> None:
    x, u, v = [0.3, 1.2, -0.7, 2.0, 0.8], [1.0, 1.0, math.nan, 1.0, 1.0], [1.0, 1.0, 3.0, 1.0, 1.0]
    tape = Tape({"x": x, "u": u, "ones": [1.0] * 5, "v": v})
    rows = [tape.do("mul", tape.name("x", i), tape.name("u", i)) for i in range(5)]
    told = diagnose([tape.point(rows, [0.3, 1.2, -2.1, 2.0, 0.8])])
    assert (told.cause.kind, told.cause.names, told.place) == ("operand", ("u", "v"), ("line 1",))


def test_an_update_is_a_derivative_less_its_offset() -> None:
    points = []
    for w, g, m in ((0.5, 0.3, 0.2), (-1.2, 0.7, -0.1), (0.9, -0.4, 0.6)):
        tape = Tape({"w": w, "g": g, "m": m})
        moved = tape.do("sub", tape.name("w"), tape.do("mul", 0.1, tape.name("m"), at="line 2"), at="line 2")
        points.append(tape.point(moved, -0.1 * g, offset=w))
    cause, place = diagnose(points)
    assert (cause.kind, cause.names, place) == ("operand", ("m", "g"), ("line 2",))


def test_operations_of_ones_own_are_run_again_too() -> None:
    @operation(partials=lambda y, x: (3 * x**2,))
    def cube(x: float) -> float:
        return x**3

    def by_hand(t: Tape) -> int:
        return t.do("mul", t.do(cube, t.name("a"), at="line 2"), t.name("c"))

    assert replayed(by_hand, lambda a, b, c, e: a**3 + c) == ("operator", ("*", "+"), ("line 1",))
    assert replayed(by_hand, lambda a, b, c, e: b**3 * c) == ("operand", ("a", "b"), ("line 2",))


def test_a_change_has_to_be_right_at_every_point() -> None:
    points = []
    for seed in range(4):
        tape = Tape(numbers(seed))
        a, b, c, _ = tape.values.values()
        by_hand = tape.do("add", tape.do("mul", tape.name("a"), tape.name("b")), tape.name("c"), at="line 2")
        points.append(tape.point(by_hand, a + b + c if seed else a - b + c + 0.01))
    assert unknown(cause_of(points))
    assert cause_of(points[1:]).names == ("*", "+")


def test_what_was_not_computed_is_not_changed() -> None:
    tape = Tape({"a": 0.3})
    seen = tape.point(tape.do("add", tape.name("a"), 1.0), 5.123)
    assert seen.computation is not None
    plain = seen._replace(computation=seen.computation._replace(outputs=(-1,)))
    assert unknown(cause_of([plain, plain]))


# ---------------------------------------------------------------- evidence


def test_one_point_is_not_enough() -> None:
    one = point(1.0, 2.0, paths={"s": 1.0, "t": 1.0})
    other = point(3.0, 8.0, paths={"s": 5.0, "t": 3.0})
    cause = cause_of([one])
    assert (cause.kind, cause.names) == ("number", ("1/2",))
    assert cause.also == ("the path through s is missing", "the path through t is missing")
    assert cause.text() == (
        "it is half of what it should be: a factor 2 is missing (holds at 1 of 1 point; "
        "also possible: the path through s is missing or the path through t is missing)"
    )
    both = cause_of([one, other])
    assert (both.kind, both.names, both.also) == ("path", ("s", "missing"), ())


def test_points_that_rounding_swamps_tell_nothing() -> None:
    noise = point(1e-17, -7e-20, tolerance=1e-16)
    assert cause_of([article(seed, lambda k: -right(k)) for seed in SEEDS] + [noise]).of == 5
    assert unknown(cause_of([noise, noise]))
    assert cause_of([noise]).of == 0


def test_where_by_hand_is_right_there_is_no_cause() -> None:
    points = [article(seed, right) for seed in SEEDS]
    assert unknown(cause_of(points))
    assert cause_of(points).of == 5
    assert diagnose([]).cause.of == 0


def test_points_where_by_hand_is_right_are_evidence_too() -> None:
    wrong, fine = point(-0.3, 0.3, factors={"v": -1.0}), point(0.4, 0.4, factors={"v": 1.0})
    assert cause_of([wrong]) == ("sign", (), "the sign is wrong", 1, 1, ())
    assert cause_of([wrong, fine]).names == ("missing", "v")


@given(st.integers(0, 10**6), st.integers(2, 6))
@settings(max_examples=50)
def test_unrelated_numbers_have_no_cause(seed: int, count: int) -> None:
    dice = random.Random(seed)
    assert unknown(cause_of([article(dice.randrange(10**6), lambda k: dice.gauss(0, 1)) for _ in range(count)]))


@given(st.integers(0, 10**6))
def test_unrelated_arrays_have_no_cause(seed: int) -> None:
    dice = numpy.random.default_rng(seed)
    a, b = dice.normal(size=(3, 3)), dice.normal(size=(3, 3))
    points = [point(dice.normal(size=(3, 3)), a @ a @ b, values={"a": a, "b": b}, sizes={"n": 3.0})]
    assert unknown(cause_of(points))


def by_hand_if(cause: Cause, p: Point) -> float | None:
    """What by hand is if a cause told of plain numbers is so, computed anew from its names."""
    truth, known = float(p.autograd), {**p.values, **p.factors}
    match cause.kind, cause.names:
        case "zero", ():
            return 0.0
        case "sign", ():
            return -truth
        case "number", (ratio,):
            return float(ratio.removesuffix("/2")) * (0.5 if "/" in ratio else 1.0) * truth
        case "factor", (how, *names):
            factors = [eval(name.replace("²", "**2"), {}, known) for name in names]
            if how == "swapped":
                return float(truth / factors[1] * factors[0])
            return float(truth * factors[0] if how == "extra" else truth / factors[0])
    return None


plain = st.floats(-4, 4).filter(lambda x: abs(x) > 1e-3)


@given(st.lists(st.fixed_dictionaries({"g": plain, "u": plain, "v": plain, "t": plain}), min_size=1, max_size=6),
       st.sampled_from(["u", "v", "t"]), st.sampled_from([1, -1]))  # fmt: skip
def test_a_listed_factor_is_explained_by_something_that_holds(
    at: list[dict[str, float]], name: str, power: int
) -> None:
    points = [point(p["g"] * p[name] ** power, p["g"], values={"u": p["u"], "v": p["v"]}, factors={"t": p["t"]})
              for p in at]  # fmt: skip
    cause = cause_of(points)
    if all(agree(p.by_hand, p.autograd, p.tolerance) for p in points):
        assert unknown(cause)
    else:
        assert cause.holds == cause.of == len(points)
        for p in points:
            assert float(p.by_hand) == pytest.approx(by_hand_if(cause, p), rel=1e-5)


@given(st.permutations(range(5)))
@settings(max_examples=20)
def test_the_order_of_the_points_does_not_matter(order: list[int]) -> None:
    points = [article(seed, lambda k: right(k) * k["h2"]) for seed in order]
    assert cause_of(points)[:2] == ("factor", ("extra", "h2"))


@given(st.integers(-600, 600))
@settings(max_examples=30)
def test_the_size_of_the_numbers_does_not_matter(exponent: int) -> None:
    points = []
    for seed in SEEDS:
        p = article(seed, lambda k: right(k) * k["h2"])
        by_hand, truth, tolerance = (x * 2.0**exponent for x in p[:3])
        points.append(p._replace(by_hand=by_hand, autograd=truth, tolerance=tolerance))
    assert cause_of(points)[:2] == ("factor", ("extra", "h2"))


# ---------------------------------------------------------------- numbers at the edge


EDGES = [0.0, -0.0, 1.0, -1.0, 1e-200, -1e-200, 1e200, 5e-324, math.inf, -math.inf, math.nan]


@given(st.lists(st.tuples(*[st.sampled_from(EDGES)] * 5), min_size=1, max_size=4))
def test_numbers_at_the_edge_raise_nothing_and_get_no_false_cause(at: list[tuple[float, ...]]) -> None:
    points = [
        point(by_hand, truth, tolerance=tolerance, values={"u": u, "v": v}, factors={"f'(s)": v},
              paths={"u": u, "v": v}, derivatives={"∂L/∂u": u}, sizes={"n": u})
        for by_hand, truth, tolerance, u, v in at
    ]  # fmt: skip
    cause = cause_of(points)
    assert cause.of <= len(points)
    assert unknown(cause) or (cause.holds == cause.of > 0 and any(math.isfinite(p.by_hand) for p in points))
    if cause.kind == "sign":
        assert any(agree(-p.autograd, p.by_hand, p.tolerance) for p in points)
    if cause.kind == "zero":
        assert any(agree(0.0, p.by_hand, p.tolerance) for p in points)


@given(st.tuples(*[st.sampled_from(EDGES)] * 4), st.sampled_from(EDGES), st.sampled_from(EDGES))
def test_running_a_computation_of_such_numbers_again_raises_nothing(
    values: tuple[float, ...], constant: float, truth: float
) -> None:
    tape = Tape(dict(zip("abce", values, strict=True)))
    product = tape.do("mul", tape.do("mul", constant, tape.name("a")), tape.name("b"))
    told = tape.point(tape.do("sub", product, tape.name("c"), at="line 2"), truth, tolerance=0.0)
    cause = cause_of([told, told])
    assert cause.of in (0, 2)
    assert cause.kind in KINDS
    assert unknown(cause) or cause.holds == 2
    if agree(told.by_hand, told.autograd, told.tolerance):
        assert unknown(cause)


@pytest.mark.parametrize("by_hand", [math.inf, -math.inf, math.nan])
def test_no_ratio_explains_a_derivative_that_is_not_finite(by_hand: float) -> None:
    points = [point(by_hand, x, values={"v": 0.0}, factors={"f'(s)": 0.0}, paths={"p": x, "q": 0.0})
              for x in (0.3, 0.7, -0.2)]  # fmt: skip
    assert unknown(cause_of(points))


def test_the_computation_explains_a_derivative_that_is_not_finite() -> None:
    points = []
    for a, b in ((0.3, 0.4), (1.2, -0.7), (0.8, 2.0)):
        tape = Tape({"a": a, "b": b, "zero": 0.0})
        tape.rows.append(("div", (tape.name("a"), tape.name("zero")), math.inf, ("line 1",)))
        points.append(tape.point(len(tape.rows) - 1, a / b))
    assert cause_of(points)[:2] == ("operand", ("zero", "b"))


def test_a_truth_that_is_not_finite_tells_nothing() -> None:
    assert cause_of([point(1.0, math.nan), point(1.0, math.inf)]).of == 0


def test_a_zero_among_the_points_is_no_false_cause() -> None:
    points = [point(0.0, 0.3, values={"v": 0.0}), point(0.8, 0.4, values={"v": 2.0})]
    assert cause_of(points).names == ("extra", "v")


def test_agree() -> None:
    assert agree(1.0, 1.0 + 5e-9, 0.0)
    assert not agree(1.0, 1.0 + 5e-8, 0.0)
    assert agree(0.0, 1e-12, 1e-13)
    assert not agree(0.0, 1e-12, 0.0)
    assert agree(math.inf, math.inf, 0.0)
    assert not agree(math.inf, -math.inf, 0.0)
    assert not agree(math.nan, math.nan, 1.0)
    assert not agree(1.0, math.inf, math.inf)
    assert not agree(numpy.array([1.0, 2.0]), numpy.array([1.0, 3.0]), numpy.array([0.0, 0.01]))


@pytest.mark.parametrize(
    ("op", "operands", "truth"),
    [
        ("sub", [3.0, 5.0], -2.0),
        ("pow_const", [2.0, -1.0], 0.5),
        ("div", [1.0, 0.0], math.inf),
        ("exp", [1000.0], math.inf),
        ("sigmoid", [0.0], 0.5),
        ("sum", [1.0, 2.0, 4.0], 7.0),
        ("lt", [1.0, 2.0], 1.0),
        ("ge", [1.0, 2.0], 0.0),
    ],
)
def test_computed(op: str, operands: list[float], truth: float) -> None:
    assert computed(op, operands) == truth
    assert type(computed(op, operands)) is float


def test_importing_causes_does_not_import_numpy() -> None:
    code = "import sys, microgradnet.causes; raise SystemExit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------- the vocabulary


def kinds_made() -> set[str]:
    """The kinds in the source of `causes` and `diagnosis`: what stands as text where a cause is made."""
    package = Path(causes.__file__).parents[1]
    found = {kind for kind, *_ in WITH_ANOTHER}
    for path in (*(package / "causes").glob("*.py"), *(package / "diagnosis").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            kinds = [k.value for k in node.keywords if k.arg == "kind"]
            if called in ("Cause", "Guess", "Change", "_instead") or called.endswith("cause._replace"):
                kinds += node.args[:1]
                texts = [t for kind in kinds for t in texts_of(kind)]
                # what is passed on is the kind of another cause or, in `ratios._instead`, no kind
                assert texts or not kinds or ast.unparse(kinds[0]) in ("kind", "best.kind", "other"), ast.unparse(node)
                found.update(texts)
    return found


def texts_of(kind: ast.expr) -> list[str]:
    match kind:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=one, orelse=other):
            return [*texts_of(one), *texts_of(other)]
    return []


def test_every_kind_of_cause_is_in_the_table_and_no_other() -> None:
    assert kinds_made() == set(KINDS)
    assert all(meaning == meaning.strip() != "" for meaning in KINDS.values())
