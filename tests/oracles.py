"""What the tests of the engine measure against: the CSV of edge cases, mpmath, and differences of first derivatives.

Nothing here reads a value or a derivative from the table of operations: the formulas below are written a second time,
for mpmath, from textbooks; `test_the_testers` holds the derivatives against mpmath's own differentiation.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from microgradnet import functions as F

HERE = Path(__file__).parent
DIGITS = 50
inf, nan = math.inf, math.nan


def examples(count: int) -> settings:
    """The same examples in every run, so that a pass stays a pass."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# --- the CSV ---------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A row of the CSV: the row of the table it is about, all operands, the value, and partials at `places`."""

    op: str
    operands: tuple[float, ...]
    value: float
    partials: tuple[float, ...]
    places: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.op}({', '.join(map(repr, self.operands))})"


CONSTANTS = {"leaky_relu": (0.01,), "elu": (1.0,), "softmax0": (0.0,)}  # operands that the CSV leaves out
WITHOUT_ROWS = {"dot", "sum", "mean", "take"}  # held against the operations that they stand for
SIGNED_ZERO = {
    "add", "sub", "mul", "div", "pow", "pow_const", "rpow_const", "neg", "sqrt", "sin", "tan", "asin", "atan",
    "atan2", "sinh", "tanh", "asinh", "atanh", "log1p", "expm1", "erf", "elu", "leaky_relu", "floor", "ceil",
    "trunc", "round",
}  # fmt: skip


def _numbers(field: str) -> tuple[float, ...]:
    return tuple(map(float, field.split(";")))


def _places(op: str, count: int) -> tuple[int, ...]:
    special = {"pow_const": (0,), "rpow_const": (1,), "where": (1, 2), "leaky_relu": (0,), "elu": (0,)}
    return special.get(op, tuple(range(count)))


def read_cases(name: str) -> list[Case]:
    """The rows of a CSV of edge cases."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Case(
            row["op"].replace("softmax0", "softmax"),
            _numbers(row["args"]) + CONSTANTS.get(row["op"], ()),
            float(row["value"]),
            _numbers(row["partials"]),
            _places(row["op"], len(_numbers(row["args"]))),
        )
        for row in rows
    ]


CASES = read_cases("edge-cases.csv") + read_cases("edge-cases-more.csv")


def ulps_allowed(op: str, of_partial: bool) -> float:
    """Section 8 of the numerical contract."""
    if of_partial and op in ("pow", "pow_const", "rpow_const"):
        return 400.0
    return 64.0 if op in ("erf", "erfc", "gelu") else 16.0


def agrees(got: float, wanted: float, op: str, of_partial: bool) -> bool:
    """Whether a number is the wanted one, by section 8 (rule 8 for zeros)."""
    if math.isnan(wanted):
        return math.isnan(got)
    if math.isinf(wanted) or math.isinf(got):
        return got == wanted
    if got == 0.0 == wanted and not of_partial and op in SIGNED_ZERO:
        return math.copysign(1.0, got) == math.copysign(1.0, wanted)
    error = abs(got - wanted)
    if of_partial and op in ("sigmoid", "tanh", "softmax") and error <= 2.5e-16:
        return True
    return error <= max(ulps_allowed(op, of_partial) * math.ulp(wanted), 2e-323)


def faults(case: Case, value: float, partials: Sequence[float | None]) -> list[str]:
    """What is wrong with a value and its partials (None: nothing is sent), one entry for every operand."""
    out = [] if agrees(value, case.value, case.op, False) else [f"{case} is {value!r}, not {case.value!r}"]
    if type(value) is not float:
        out.append(f"{case} is a {type(value).__name__}")
    if len(partials) != len(case.operands):
        return [*out, f"{case} has {len(partials)} partials"]
    for place, wanted in zip(case.places, case.partials, strict=True):
        sent = partials[place]
        if not agrees(0.0 if sent is None else sent, wanted, case.op, True):
            out.append(f"partial {place} of {case} is {sent!r}, not {wanted!r}")
    return out


# --- the operations as a user writes them ----------------------------------------------------------------------------

WRITTEN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda x: -x,
    "pow": lambda a, b: a**b,
    "pow_const": lambda x, c: x**c,
    "rpow_const": lambda c, x: c**x,
    "softmax": lambda *x_i: F.softmax(x_i[:-1])[int(x_i[-1])],
    "take": lambda *x_i: F.take(x_i[:-1], x_i[-1]),
    "dot": lambda *w_x_b: F.dot(
        w_x_b[: len(w_x_b) // 2], w_x_b[len(w_x_b) // 2 : len(w_x_b) // 2 * 2], *w_x_b[len(w_x_b) // 2 * 2 :]
    ),
}
CONSTANT_PLACES = {"pow_const": {1}, "rpow_const": {0}, "leaky_relu": {1}, "elu": {1}}


def written(op: str) -> Callable[..., Any]:
    """The operation as a function of Values and numbers."""
    return WRITTEN.get(op) or getattr(F, op)


def constant_places(op: str, count: int) -> set[int]:
    """Operands that must be plain numbers."""
    return {count - 1} if op in ("softmax", "take") else CONSTANT_PLACES.get(op, set())


# --- the same in mpmath ----------------------------------------------------------------------------------------------


class Exact(NamedTuple):
    """An operation in mpmath: its value and its derivatives, where they exist; None for a constant."""

    value: Callable[..., Any]
    partials: Callable[..., tuple[Any, ...]]


def _s(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _log_sum_exp(*x: Any) -> Any:
    peak = max(x)
    return peak + mp.log1p(mp.fsum(mp.exp(v - peak) for v in x) - 1)


def _softmax(*x_i: Any) -> list[Any]:
    x = x_i[:-1]
    total = mp.fsum(map(mp.exp, x))
    return [mp.exp(v) / total for v in x]


def _softmax_partials(*x_i: Any) -> tuple[Any, ...]:
    p, own = _softmax(*x_i), int(x_i[-1])
    return (*[p[own] * ((i == own) - p_i) for i, p_i in enumerate(p)], None)


def _dot_partials(*o: Any) -> tuple[Any, ...]:
    n = len(o) // 2
    return (*o[n : 2 * n], *o[:n], *[mpf(1)] * (len(o) % 2))


def _erf_slope(x: Any) -> Any:
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def _normal_cdf(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _tied(a: Any, b: Any) -> Any:
    return mpf(1) if a > b else mpf(0) if a < b else mpf(1) / 2


def _erf(x: Any) -> Any:
    return mp.erf(x)


def _log1p(x: Any) -> Any:
    return mp.log1p(x)


EXACT: dict[str, Exact] = {
    "add": Exact(lambda a, b: a + b, lambda a, b: (mpf(1), mpf(1))),
    "sub": Exact(lambda a, b: a - b, lambda a, b: (mpf(1), mpf(-1))),
    "mul": Exact(lambda a, b: a * b, lambda a, b: (b, a)),
    "div": Exact(lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    "neg": Exact(lambda x: -x, lambda x: (mpf(-1),)),
    "pow": Exact(lambda a, b: a**b, lambda a, b: (b * a ** (b - 1), a**b * mp.log(a))),
    "pow_const": Exact(lambda x, c: x**c, lambda x, c: (c * x ** (c - 1), None)),
    "rpow_const": Exact(lambda c, x: c**x, lambda c, x: (None, c**x * mp.log(c))),
    "exp": Exact(mp.exp, lambda x: (mp.exp(x),)),
    "expm1": Exact(mp.expm1, lambda x: (mp.exp(x),)),
    "log": Exact(mp.log, lambda x: (1 / x,)),
    "log2": Exact(lambda x: mp.log(x) / mp.log(2), lambda x: (1 / (x * mp.log(2)),)),
    "log10": Exact(lambda x: mp.log(x) / mp.log(10), lambda x: (1 / (x * mp.log(10)),)),
    "log1p": Exact(_log1p, lambda x: (1 / (1 + x),)),
    "sqrt": Exact(mp.sqrt, lambda x: (1 / (2 * mp.sqrt(x)),)),
    "sin": Exact(mp.sin, lambda x: (mp.cos(x),)),
    "cos": Exact(mp.cos, lambda x: (-mp.sin(x),)),
    "tan": Exact(mp.tan, lambda x: (1 / mp.cos(x) ** 2,)),
    "asin": Exact(mp.asin, lambda x: (1 / mp.sqrt(1 - x**2),)),
    "acos": Exact(mp.acos, lambda x: (-1 / mp.sqrt(1 - x**2),)),
    "atan": Exact(mp.atan, lambda x: (1 / (1 + x**2),)),
    "atan2": Exact(mp.atan2, lambda y, x: (x / (x**2 + y**2), -y / (x**2 + y**2))),
    "sinh": Exact(mp.sinh, lambda x: (mp.cosh(x),)),
    "cosh": Exact(mp.cosh, lambda x: (mp.sinh(x),)),
    "tanh": Exact(mp.tanh, lambda x: (1 / mp.cosh(x) ** 2,)),
    "asinh": Exact(mp.asinh, lambda x: (1 / mp.sqrt(1 + x**2),)),
    "acosh": Exact(mp.acosh, lambda x: (1 / mp.sqrt(x**2 - 1),)),
    "atanh": Exact(mp.atanh, lambda x: (1 / (1 - x**2),)),
    "hypot": Exact(
        lambda a, b: mp.sqrt(a**2 + b**2), lambda a, b: (a / mp.sqrt(a**2 + b**2), b / mp.sqrt(a**2 + b**2))
    ),
    "erf": Exact(_erf, lambda x: (_erf_slope(x),)),
    "erfc": Exact(mp.erfc, lambda x: (-_erf_slope(x),)),
    "sigmoid": Exact(_s, lambda x: (1 / (2 * mp.cosh(x / 2)) ** 2,)),
    "softplus": Exact(lambda x: max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x))), lambda x: (_s(x),)),
    "relu": Exact(lambda x: max(x, mpf(0)), lambda x: (mpf(x > 0),)),
    "leaky_relu": Exact(lambda x, c: x if x > 0 else c * x, lambda x, c: (mpf(1) if x > 0 else c, None)),
    "elu": Exact(lambda x, c: x if x > 0 else c * mp.expm1(x), lambda x, c: (mpf(1) if x > 0 else c * mp.exp(x), None)),
    "gelu": Exact(
        lambda x: x * _normal_cdf(x), lambda x: (_normal_cdf(x) + x * mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),)
    ),
    "silu": Exact(lambda x: x * _s(x), lambda x: (_s(x) + x / (2 * mp.cosh(x / 2)) ** 2,)),
    "where": Exact(lambda c, a, b: a if c else b, lambda c, a, b: (None, mpf(bool(c)), mpf(not c))),
    "maximum": Exact(max, lambda a, b: (_tied(a, b), _tied(b, a))),
    "minimum": Exact(min, lambda a, b: (_tied(b, a), _tied(a, b))),
    "clip": Exact(
        lambda x, lo, hi: min(max(x, lo), hi),
        lambda x, lo, hi: (mpf(lo <= x <= hi), mpf(x < lo <= hi), mpf(max(x, lo) > hi)),
    ),
    "abs": Exact(abs, lambda x: (mp.sign(x),)),
    "sign": Exact(mp.sign, lambda x: (mpf(0),)),
    "floor": Exact(mp.floor, lambda x: (mpf(0),)),
    "ceil": Exact(mp.ceil, lambda x: (mpf(0),)),
    "trunc": Exact(lambda x: mp.floor(x) if x > 0 else mp.ceil(x), lambda x: (mpf(0),)),
    "round": Exact(mp.nint, lambda x: (mpf(0),)),
    "sum": Exact(lambda *x: mp.fsum(x), lambda *x: (mpf(1),) * len(x)),
    "mean": Exact(lambda *x: mp.fsum(x) / len(x), lambda *x: (mpf(1) / len(x),) * len(x)),
    "dot": Exact(
        lambda *o: mp.fsum(map(lambda w, x: w * x, o[: len(o) // 2], o[len(o) // 2 :])) + (o[-1] if len(o) % 2 else 0),
        _dot_partials,
    ),
    "take": Exact(lambda *o: o[int(o[-1])], lambda *o: (*[mpf(i == int(o[-1])) for i in range(len(o) - 1)], None)),
    "logsumexp": Exact(_log_sum_exp, lambda *x: tuple(_softmax(*x, mpf(0)))),
    "softmax": Exact(lambda *x_i: _softmax(*x_i)[int(x_i[-1])], _softmax_partials),
}


# --- points: families of log-spaced points over the range where the result is a normal number ------------------------

Family = Callable[[float], float]


def family(low: float, high: float, sign: float = 1.0, shift: float = 0.0) -> Family:
    """t in [0, 1] becomes shift + sign * 10**e with e from low to high."""
    return lambda t: shift + sign * 10.0 ** (low + (high - low) * t)


def both(low: float, high: float) -> list[Family]:
    """The same magnitudes with either sign."""
    return [family(low, high), family(low, high, -1.0)]


FAR, UNIT = (
    [*both(-300.0, 300.0), *both(-2.0, 2.0)],
    [*both(-300.0, -0.01), family(-15.5, -0.5, -1.0, 1.0), family(-15.5, -0.5, 1.0, -1.0)],
)
UPTO_700 = [*both(-300.0, math.log10(700.0)), *both(-2.0, math.log10(700.0))]
HALF = both(-150.0, 150.0)
NEAR = both(-3.0, 1.0)
INDEX = [lambda t: float(int(t * 2.999))]

FAMILIES: dict[str, list[list[Family]]] = {
    **{
        op: [FAR]
        for op in ["neg", "sin", "cos", "tan", "asinh", "relu", "abs", "sign", "floor", "ceil", "trunc", "round"]
    },
    "atan": [both(-300.0, 153.0)],
    **{op: [UPTO_700] for op in ["exp", "sinh", "cosh", "tanh", "silu"]},
    **{op: [[family(-300.0, 300.0)]] for op in ["log", "log2", "log10", "sqrt"]},
    **{op: [UNIT] for op in ["asin", "acos", "atanh"]},
    **{op: [HALF, HALF] for op in ["add", "sub", "mul", "div", "maximum", "minimum"]},
    **{op: [FAR, FAR] for op in ("hypot",)},
    "atan2": [both(-100.0, 100.0)] * 2,
    "expm1": [UPTO_700],
    "log1p": [[*both(-300.0, -0.01), family(-15.5, -0.5, 1.0, -1.0), family(0.0, 300.0)]],
    "acosh": [[family(-15.5, 300.0, 1.0, 1.0)]],
    **{op: [[*UPTO_700, family(2.0, 300.0)]] for op in ("sigmoid", "softplus")},
    "leaky_relu": [FAR, [lambda t: 0.01]],
    "elu": [[*UPTO_700, family(2.0, 300.0)], [lambda t: 0.5 + t]],
    "gelu": [[family(-300.0, 3.0), *both(-300.0, math.log10(32.0)), *both(-2.0, math.log10(32.0))]],
    **{op: [[*both(-300.0, math.log10(22.0)), *both(-2.0, math.log10(22.0))]] for op in ("erf", "erfc")},
    "pow": [[family(-2.0, 2.0)], both(-3.0, 1.7)],
    "pow_const": [[family(-2.0, 2.0)], both(-3.0, 1.7)],
    "rpow_const": [[family(-2.0, 2.0)], both(-3.0, 1.7)],
    "where": [[lambda t: float(t > 0.5)], NEAR, NEAR],
    "clip": [NEAR, [family(-2.0, 1.0, -1.0)], [family(-2.0, 1.0)]],
    "sum": [NEAR] * 4,
    "mean": [NEAR] * 3,
    "dot": [NEAR] * 7,
    "take": [NEAR, NEAR, NEAR, INDEX],
    "logsumexp": [both(-2.0, 1.4)] * 3,
    "softmax": [both(-2.0, 1.4)] * 3 + [INDEX],
}


def points(op: str, count: int) -> Iterator[tuple[float, ...]]:
    """`count` points of each combination of families (of the first two operands), spread evenly."""
    families = FAMILIES[op]
    golden = 0.6180339887498949
    for choice in range(len(families[0]) * (len(families[1]) if len(families) > 1 else 1)):
        for k in range(count):
            t = [(k + 0.5) / count, *[(k * golden * (i + 1) + 0.37 * i) % 1.0 for i in range(len(families) - 1)]]
            picks = [choice % len(families[0]), choice // len(families[0]), *range(k, k + len(families))]
            yield tuple(f[pick % len(f)](t_i) for f, pick, t_i in zip(families, picks, t, strict=False))


def operands(op: str) -> st.SearchStrategy[tuple[float, ...]]:
    """Random points of the same families."""
    ts = st.floats(0.0, 1.0)
    return st.tuples(*[st.tuples(st.sampled_from(f), ts).map(lambda pair: pair[0](pair[1])) for f in FAMILIES[op]])


# --- how wrong, in units of the last place ---------------------------------------------------------------------------


def _erf_like(x: float) -> float:
    return 1.8 if abs(x) < 1 else 8.0 if abs(x) < 3 else 30.0 if abs(x) < 6 else 300.0


def _gelu_bound(x: float) -> float:
    return 3.0 if x > -1 else 15.0 if x > -3 else 60.0 if x > -6 else 1600.0


ABSOLUTE: dict[str, Callable[..., float | None]] = {
    # derivatives that are measured absolutely: rule 3 of the contract, and next to a derivative's own zero
    "sigmoid": lambda x: 2.0e-16 if x > 0 else None,
    "tanh": lambda x: 4.0e-16,
    "softmax": lambda *x: 4.0e-16,
    "gelu": lambda x: 3.0e-16 if -1.0 < x < -0.5 else None,
    "silu": lambda x: 3.0e-16 if -1.6 < x < -1.0 else None,
}
SCALE: dict[str, Callable[..., float]] = {
    # values whose terms can cancel are measured in ulp of the terms
    "sum": lambda *x: math.fsum(map(abs, x)),
    "mean": lambda *x: math.fsum(map(abs, x)) / len(x),
    "dot": lambda *o: math.fsum([abs(w * x) for w, x in zip(o[:3], o[3:6], strict=True)]) + abs(o[6]),
    "logsumexp": lambda *x: abs(max(x)) + math.log(math.fsum(math.exp(v - max(x)) for v in x)),
}
# Section 5 of the contract and half as much again (other points, other C libraries); what is not listed: LIBRARY.
LIBRARY = 4.0
BOUNDS: dict[tuple[str, str], float | Callable[[float], float]] = {
    ("sigmoid", "value"): 2.0,
    ("sigmoid", "d0"): 3.0,
    ("softplus", "value"): 1.6,
    ("softplus", "d0"): 2.5,
    ("expm1", "value"): 1.0,
    ("expm1", "d0"): 1.0,
    ("exp", "value"): 1.0,
    ("exp", "d0"): 1.0,
    ("log1p", "value"): 1.0,
    ("log1p", "d0"): 1.8,
    ("elu", "d0"): 1.6,
    ("sqrt", "value"): 0.5,
    ("sqrt", "d0"): 1.5,
    ("tan", "d0"): 2.4,
    ("asin", "d0"): 2.0,
    ("acos", "d0"): 2.0,
    ("atanh", "d0"): 2.0,
    ("acosh", "d0"): 3.0,
    ("asinh", "d0"): 1.6,
    ("atan", "d0"): 1.8,
    ("atan2", "d0"): 3.0,
    ("atan2", "d1"): 3.0,
    ("hypot", "value"): 1.0,
    ("hypot", "d0"): 1.9,
    ("hypot", "d1"): 1.9,
    ("div", "value"): 0.5,
    ("div", "d0"): 0.5,
    ("div", "d1"): 1.9,
    ("pow", "value"): 1.0,
    ("pow", "d1"): 2.0,
    ("pow_const", "value"): 1.0,
    ("rpow_const", "value"): 1.0,
    ("rpow_const", "d1"): 2.0,
    ("pow", "d0"): 330.0,
    ("pow_const", "d0"): 330.0,
    ("logsumexp", "value"): 3.0,
    ("silu", "value"): 3.0,
    ("silu", "d0"): 14.0,
    ("gelu", "value"): _gelu_bound,
    ("gelu", "d0"): lambda x: 20.0 if abs(x) < 6 else 1600.0,
    ("erf", "d0"): _erf_like,
    ("erfc", "d0"): _erf_like,
    ("sum", "value"): 3.0,
    ("mean", "value"): 3.0,
    ("dot", "value"): 6.0,
    **dict.fromkeys([("softmax", "value"), *[("logsumexp", f"d{i}") for i in range(3)]], 64.0),
    **{
        (op, q): 0.5
        for op in ("add", "sub", "mul", "neg", "relu", "abs", "maximum", "minimum", "clip", "where")
        for q in ("value", "d0", "d1", "d2")
    },
}


class Error(NamedTuple):
    """How far a quantity of an operation is from mpmath's at a point: in ulp, or, where `absolute`, plainly."""

    op: str
    quantity: str
    x: tuple[float, ...]
    size: float
    allowed: float
    absolute: bool


def exact(op: str, x: Sequence[float]) -> tuple[Any, tuple[Any, ...]]:
    """Value and partials by mpmath."""
    with mp.workdps(DIGITS):
        arguments = [mpf(v) for v in x]
        return EXACT[op].value(*arguments), EXACT[op].partials(*arguments)


def errors(op: str, x: tuple[float, ...], value: float, partials: Sequence[float | None]) -> list[Error]:
    """The errors of a value and its partials against mpmath; nothing below 2e-323 counts."""
    true_value, true_partials = exact(op, x)
    got = [("value", value, true_value)]
    got += [(f"d{i}", 0.0 if p is None else p, t) for i, (p, t) in enumerate(zip(partials, true_partials, strict=True))]
    out = []
    for quantity, number, truth in got:
        if truth is None:
            continue
        absolute = ABSOLUTE[op](*x) if quantity != "value" and op in ABSOLUTE else None
        with mp.workdps(DIGITS):
            nearest = float(truth)
            if math.isinf(nearest) or not math.isfinite(number):
                size = 0.0 if number == nearest else inf
            else:
                off = abs(mpf(number) - truth)
                scale = SCALE[op](*x) if quantity == "value" and op in SCALE else 0.0
                unit = 1.0 if absolute else math.ulp(max(abs(nearest), scale))
                size = 0.0 if off < 2e-323 else float(off / mpf(unit))
        allowed = absolute or BOUNDS.get((op, quantity), LIBRARY)
        out.append(Error(op, quantity, x, size, allowed(*x[:1]) if callable(allowed) else allowed, bool(absolute)))
    return out


def too_large(op: str, x: tuple[float, ...], value: float, partials: Sequence[float | None]) -> list[Error]:
    """The errors that are larger than the contract allows."""
    return [e for e in errors(op, x, value, partials) if not e.size <= e.allowed]


# --- derivatives without any rule ------------------------------------------------------------------------------------


def second_exact(op: str, x: Sequence[float]) -> list[list[float]]:
    """Second derivatives by mpmath's differentiation of the first ones (rows and columns of constants: 0)."""
    n = len(x)
    out = [[0.0] * n for _ in range(n)]
    with mp.workdps(DIGITS):
        point = [mpf(v) for v in x]
        for i, first in enumerate(EXACT[op].partials(*point)):
            for j in range(n):
                if first is None or j in constant_places(op, n) or (op == "where" and j == 0):
                    continue
                along = lambda t, i=i, j=j: EXACT[op].partials(*point[:j], t, *point[j + 1 :])[i]
                out[i][j] = float(mp.diff(along, point[j]))
    return out


# --- random programs: straight-line code over the operations ---------------------------------------------------------

Operand = int | float  # the number of an earlier register, or a constant


class Program(NamedTuple):
    """Leaves, and steps that each make one more register; the result is the last. `where_lt(a, b, c, d)` is
    `where(a < b, c, d)`."""

    leaves: tuple[float, ...]
    steps: tuple[tuple[str, tuple[Operand, ...]], ...]

    def run(self, call: Callable[..., Any], leaves: Sequence[Any]) -> list[Any]:
        """All registers, `call(op, *operands)` making them."""
        registers = list(leaves)
        for op, refs in self.steps:
            registers.append(call(op, *[registers[r] if type(r) is int else r for r in refs]))
        return registers


def call_on_values(op: str, *x: Any) -> Any:
    """A step as a user writes it."""
    return F.where(x[0] < x[1], x[2], x[3]) if op == "where_lt" else written(op)(*x)


def exact_with_slopes(op: str, *x: Any) -> tuple[Any, list[Any]]:
    """A step in mpmath on pairs (value, derivatives with respect to every leaf)."""
    count = next(len(v[1]) for v in x if isinstance(v, tuple))
    pairs = [v if isinstance(v, tuple) else (mpf(v), [mpf(0)] * count) for v in x]
    if op == "where_lt":
        return pairs[2] if pairs[0][0] < pairs[1][0] else pairs[3]
    plain = [value for value, _ in pairs]
    slopes = [mpf(0)] * count
    for partial, (_, inner) in zip(EXACT[op].partials(*plain), pairs, strict=True):
        if partial is not None:
            slopes = [s + partial * t for s, t in zip(slopes, inner, strict=True)]
    return EXACT[op].value(*plain), slopes


def exact_run(program: Program) -> list[tuple[Any, list[Any]]]:
    """All registers of a program with their derivatives with respect to every leaf."""
    count = len(program.leaves)
    with mp.workdps(40):
        return program.run(
            exact_with_slopes, [(mpf(x), [mpf(i == j) for j in range(count)]) for i, x in enumerate(program.leaves)]
        )


ARITY = {
    **dict.fromkeys(["add", "sub", "mul", "div", "pow", "atan2", "hypot", "maximum", "minimum"], 2),
    **dict.fromkeys(["pow_const", "rpow_const", "leaky_relu", "elu"], 2),
    "clip": 3,
    "where": 3,
    "where_lt": 4,
}
ANY_NUMBER = {"sum", "mean", "dot", "logsumexp", "softmax", "take"}


@st.composite
def programs(
    draw: st.DrawFn, ops: Sequence[str], numbers: st.SearchStrategy[float], most_steps: int = 10, most_leaves: int = 3
) -> Program:
    """Programs over these operations; every step reads a register at least once, mostly the newest ones."""
    leaves = tuple(draw(st.lists(numbers, min_size=1, max_size=most_leaves)))
    steps: list[tuple[str, tuple[Operand, ...]]] = []
    for _ in range(draw(st.integers(1, most_steps))):
        op, made = draw(st.sampled_from(list(ops))), len(leaves) + len(steps)
        register = st.integers(0, made - 1).map(lambda k, made=made: made - 1 - k)
        fixed = draw(st.integers(1, 3)) if op in ANY_NUMBER else 0
        count = ARITY.get(op, 1) if not fixed else 2 * fixed + draw(st.integers(0, 1)) if op == "dot" else fixed
        refs: list[Operand] = [draw(st.one_of(register, register, numbers)) for _ in range(count)]
        if op == "pow":
            refs = [draw(register), draw(register)]
        elif op in CONSTANT_PLACES:
            refs = [abs(draw(numbers)) if i in CONSTANT_PLACES[op] else draw(register) for i in range(2)]
        elif all(type(r) is float for r in refs[2 if op == "where_lt" else 0 :]):
            refs[-1] = draw(register)
        if op == "where_lt" and type(refs[0]) is type(refs[1]) is float:
            refs[0] = draw(register)
        if op in ("softmax", "take"):
            refs.append(float(draw(st.integers(0, count - 1))))
        steps.append((op, tuple(refs)))
    return Program(leaves, tuple(steps))


def alike(a: float, b: float) -> bool:
    """Equal to the last bit; nan equals nan, and zeros of either sign are one."""
    return a == b or (a != a and b != b)


def reference_backward(root: Any) -> list[tuple[Any, float]]:
    """(node, derivative of root) for every node that was sent something: the rules of section 4 of the contract, with
    recursion and a dictionary, written without a look at the engine."""
    order: list[Any] = []
    seen: set[int] = set()

    def visit(node: Any) -> None:
        if type(node) is not float and id(node) not in seen:
            seen.add(id(node))
            for operand in node.operands:
                visit(operand)
            order.append(node)

    visit(root)
    sent: dict[int, float] = {id(root): 1.0}
    for node in reversed(order):
        if id(node) in sent and getattr(node, "partials", None):
            for operand, partial in zip(node.operands, node.partials, strict=True):
                if partial is not None:
                    contribution = partial * sent[id(node)]
                    sent[id(operand)] = sent[id(operand)] + contribution if id(operand) in sent else contribution
    return [(node, sent[id(node)]) for node in order if id(node) in sent]
