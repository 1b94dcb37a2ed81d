"""Changes of a computation by hand, one thing at one site of the source: causes that show when it is run again.

"This operator another one", "this constant another one", "this variable another one" are tried at each site, for all
rows that belong to it; a change that gives autograd's numbers at every point is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from microgradnet.causes.facts import Point
from microgradnet.causes.making import Apply, Two, after, computing, has_constant, is_in, named, putting, reading, size
from microgradnet.causes.replay import EVERYWHERE, Replay, Rule, Site, computed, constants_at
from microgradnet.display import digits
from microgradnet.ops import TABLE
from microgradnet.rules import RESULTS

__all__ = ["Change", "composed", "direct"]

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
UNARY = tuple(row.name for row in TABLE.values() if row.operands == ("x",))

One = Callable[[float], float]
"""A number made of a number x."""


class Change(NamedTuple):
    """One change at one site of the computation."""

    kind: str
    names: tuple[str, ...]
    sentence: str
    site: Site
    apply: Apply


def direct(replay: Replay, points: list[Point]) -> Iterator[Change]:
    """One thing stands where another belongs; what a change means is decided at each point anew."""
    names = _common_names(replay, points)
    for sites in _own_and_helpers(replay):
        exact = [site for site in sites if site[0] == "at"]
        for site in sites:
            yield from _operands(replay, site, names)
        if len(sites) > 1 and replay.is_own(sites[0]):
            yield from _operands(replay, EVERYWHERE, names)  # s (1 - s) for p (1 - p)
        for site in exact:
            yield from _constants(replay, site, names, points)
        for site in exact:
            yield from _operators(replay, site)
        for site in sites:
            yield from _transforms(replay, site)


def composed(replay: Replay, points: list[Point]) -> Iterator[Change]:
    """Something has to be added to what stands there: another variable, a factor, a term."""
    names = _common_names(replay, points)
    for sites in _own_and_helpers(replay):
        for site in sites:
            yield from _combinations(replay, site, names)
        for site in sites:
            yield from _results(replay, site, names)


def _common_names(replay: Replay, points: list[Point]) -> list[str]:
    return [name for name in replay.point.values if all(name in point.values for point in points)]


def _own_and_helpers(replay: Replay) -> tuple[list[Site], list[Site]]:
    """The sites in the function of the derivative itself, and those in functions that it calls."""
    own = [site for site in replay.sites if replay.is_own(site)]
    return own, [site for site in replay.sites if site not in own]


def _instead(kind: str, got: str, wanted: str, site: Site, apply: Apply) -> Change:
    return Change(kind, (got, wanted), f"{got} stands where {wanted} belongs", site, apply)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _alone(function: One) -> Two:
    return lambda x, v: function(x)


def _v(x: float, v: float) -> float:
    return v


def _times(ratio: float) -> Two:
    return lambda x, v: ratio * x


def _plus(step: float) -> Two:
    return lambda x, v: x + step


def _always(number: float) -> Two:
    return lambda x, v: number


def _power(exponent: float) -> One:
    """x to the power of this exponent; inf or nan where Python would raise."""
    return lambda x: RESULTS["pow"](x, exponent)


def _over(x: float, v: float) -> float:
    return x * RESULTS["pow"](v, -1.0)


# --- operands ---------------------------------------------------------------------------------------------------------

TRANSFORMS: list[tuple[str, One]] = [
    ("-{}", lambda x: -x),
    ("1 - {}", lambda x: 1 - x),
    ("{} - 1", lambda x: x - 1),
    ("{} + 1", lambda x: x + 1),
    ("{}²", lambda x: x * x),
    ("1/{}", _power(-1.0)),
    ("{}**-2", _power(-2.0)),
    ("{}**3", lambda x: x**3),
    ("{}**0.5", _power(0.5)),
    ("{}**-0.5", _power(-0.5)),
    ("{}**-1.5", _power(-1.5)),
    ("2 {}", lambda x: 2 * x),
]

COMBINED: list[tuple[str, Two]] = [
    ("{0} - {1}", lambda x, v: x - v),
    ("{1} - {0}", lambda x, v: v - x),
    ("{0} + {1}", lambda x, v: x + v),
    ("{0} * {1}", lambda x, v: x * v),
    ("{0} / {1}", _over),
]


def _operands(replay: Replay, site: Site, names: list[str]) -> Iterator[Change]:
    """Another variable belongs there."""
    for got, slot, shape in _read_at(replay, site):
        others = [name for name in names if name != got and replay.point.values[name].shape in (shape, ())]
        for wanted in sorted(others, key=lambda name: _unlike(got, name, shape, replay.point.values[name].shape)):
            yield _instead("operand", got, wanted, site, reading(site, got, slot, _v, named(wanted)))


def _transforms(replay: Replay, site: Site) -> Iterator[Change]:
    """A simple function of the variable belongs there."""
    for got, slot, _ in _read_at(replay, site):
        for text, function in TRANSFORMS:
            yield _instead("operand", got, text.format(got), site, reading(site, got, slot, _alone(function)))


def _combinations(replay: Replay, site: Site, names: list[str]) -> Iterator[Change]:
    """The variable together with another one belongs there."""
    for got, slot, shape in _read_at(replay, site):
        for other in names:
            if other != got and replay.point.values[other].shape in (shape, ()):
                for text, combine in COMBINED:
                    apply = reading(site, got, slot, combine, named(other))
                    yield _instead("operand", got, text.format(got, other), site, apply)


def _read_at(replay: Replay, site: Site) -> Iterator[tuple[str, int | None, tuple[int, ...]]]:
    """The names that are read at a site, small ones first: each with None, for all its reads there, and, if there
    are several, with the operand's place of each; and its shape."""
    c, values = replay.computation, replay.point.values
    known = [(name, elements) for name, elements in c.reads.items() if name in values]
    for name, elements in sorted(known, key=lambda pair: values[pair[0]].size):
        slots = {slot for row in replay.rows_at(site) for slot, o in enumerate(c.operands[row]) if is_in(o, elements)}
        if slots:
            for slot in [None, *sorted(slots)] if len(slots) > 1 else [None]:
                yield name, slot, values[name].shape


def _unlike(got: str, wanted: str, shape: tuple[int, ...], its: tuple[int, ...]) -> tuple[bool, bool, bool]:
    """How little a name resembles another: in shape, as an item of the same array, in its first letter."""
    of, its_of = got.partition("[")[0], wanted.partition("[")[0]
    elsewhere = of != its_of if "[" in got else "[" in wanted
    return shape != its, elsewhere, got.lstrip("_")[:1] != wanted.lstrip("_")[:1]


# --- constants --------------------------------------------------------------------------------------------------------

NUMBERS = (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, -1.5, -3.0)

SIZES: list[tuple[str, Two]] = [
    ("{}", _v),
    ("1/{}", lambda x, n: 1 / n),
    ("-1/{}", lambda x, n: -1 / n),
    ("{} - 1", lambda x, n: n - 1),
    ("1/({} - 1)", lambda x, n: 1 / (n - 1)),
]

ARRAY_FACTORS: list[tuple[str, str, Two]] = [
    ("missing", "{}", lambda x, v: x * v),
    ("missing", "(1 - {})", lambda x, v: x * (1 - v)),
]

FACTORS: list[tuple[str, str, Two]] = [
    ("missing", "{}", lambda x, v: x * v),
    ("extra", "{}", _over),
    ("missing", "{}²", lambda x, v: x * v * v),
    ("extra", "{}²", lambda x, v: _over(x, v * v)),
]


def _constants(replay: Replay, site: Site, names: list[str], points: list[Point]) -> Iterator[Change]:
    """Another number, or a variable, belongs in the place of a constant."""
    used = [operands for row in replay.rows_at(site) for operands in [replay.computation.operands[row]]]
    for slot in range(max(map(len, used), default=0)):
        constants = {operands[slot] for operands in used if has_constant(operands, slot)}
        if len(constants) == 1:
            (constant,) = constants
            yield from _other_numbers(replay, site, slot, constant)
            yield from _factors(replay, site, slot, names)
            yield from _variables(site, slot, constant, names, points)
        elif constants:
            yield from _other_arrays(replay, site, slot, names)


def _other_numbers(replay: Replay, site: Site, slot: int, constant: float) -> Iterator[Change]:
    got = digits(constant, 6)
    numbers = [(ratio * constant, _times(ratio)) for ratio in (-1.0, 2.0, 0.5, -2.0, -0.5)]
    numbers += [(number, _always(number)) for number in NUMBERS if number != constant]
    numbers += [(constant + step, _plus(step)) for step in (1.0, -1.0)]
    for number, new in numbers:
        yield _instead("constant", got, digits(number, 6), site, putting(site, slot, new))
    for name in replay.point.sizes:
        for text, new in SIZES:
            yield _instead("constant", got, text.format(name), site, putting(site, slot, new, size(name)))


def _factors(replay: Replay, site: Site, slot: int, names: list[str]) -> Iterator[Change]:
    """The constant needs a factor, or one less: often it is a 1 that stands for a derivative."""
    values = replay.point.values
    arrays = [name for name in names if values[name].size == replay.totals[site] > 1]
    scalars = [name for name in names if values[name].ndim == 0]
    for some, known in ((arrays, ARRAY_FACTORS), (scalars, FACTORS)):
        for name in some:
            for what, text, new in known:
                factor = text.format(name)
                said = f"the factor {factor} is {'missing' if what == 'missing' else 'too much'} here"
                yield Change("factor", (what, factor), said, site, putting(site, slot, new, named(name)))


def _variables(site: Site, slot: int, constant: float, names: list[str], points: list[Point]) -> Iterator[Change]:
    """Another variable than the one whose number it is at every point, if there is one."""
    scalars = [name for name in names if all(point.values[name].ndim == 0 for point in points)]
    used = [(point, constants_at(point.computation, site, slot)) for point in points if point.computation is not None]
    told = [(point.values, x) for point, constants in used for x in constants]
    got = next((name for name in scalars if all(x == float(values[name]) for values, x in told)), None)
    for wanted in scalars:
        if wanted != got:
            apply = putting(site, slot, _v, named(wanted))
            yield _instead("operand" if got else "constant", got or digits(constant, 6), wanted, site, apply)


def _other_arrays(replay: Replay, site: Site, slot: int, names: list[str]) -> Iterator[Change]:
    """The constants are the numbers of one array, and belong to another."""
    values, constants = replay.point.values, constants_at(replay.computation, site, slot)
    arrays = [name for name in names if values[name].size == len(constants)]
    got = next((name for name in arrays if list(values[name].flat) == constants), None)
    for wanted in arrays if got is not None else []:
        if wanted != got:
            yield _instead("operand", got or "", wanted, site, putting(site, slot, _v, named(wanted)))


# --- operators and functions ------------------------------------------------------------------------------------------


def _operators(replay: Replay, site: Site) -> Iterator[Change]:
    """Another operator or function belongs there, its operands the other way round, or only one of them."""
    ops = {replay.computation.ops[row] for row in replay.rows_at(site)}
    if len(ops) != 1:
        return  # a function of NumPy's with several operations in it, such as @
    (op,) = ops
    if op in SIGNS:
        for other, sign in SIGNS.items():
            if other != op:
                yield _operator(site, op, SIGNS[op], sign, partial(computed, other))
        if op in ("sub", "div"):
            yield _operator(site, op, f"a {SIGNS[op]} b", f"b {SIGNS[op]} a", lambda o: computed(op, o[::-1]))
        for kept, dropped in ((0, 1), (1, 0)):
            name, apply = _name_of(replay, site, dropped), computing(site, op, itemgetter(kept))
            if op in ("mul", "div"):
                yield Change("factor", ("extra", name), f"the factor {name} is too much", site, apply)
            else:
                yield Change("path", (name, "twice"), f"the term {name} is too much", site, apply)
    if op == "neg":
        yield Change(
            "operator", ("-", "nothing"), "the minus sign is too much", site, computing(site, op, itemgetter(0))
        )
    elif op in UNARY:
        yield Change("operator", (op, "nothing"), f"{op} is too much", site, computing(site, op, itemgetter(0)))
        for other in UNARY:
            if other != op:
                yield _operator(site, op, op, other, partial(computed, other))


def _operator(site: Site, op: str, got: str, wanted: str, rule: Rule) -> Change:
    said = f"`{got}` stands where `{wanted}` belongs"
    return Change("operator", (got, wanted), said, site, computing(site, op, rule))


def _name_of(replay: Replay, site: Site, slot: int) -> str:
    """What the operand at a place is called, as well as one can tell."""
    c = replay.computation
    operand = c.operands[replay.rows_at(site)[0]][slot]
    if operand.__class__ is float:
        return digits(operand, 6)
    known = [(len(elements), name) for name, elements in c.reads.items() if operand in elements]
    return min(known)[1] if known else "…"


# --- whole results ----------------------------------------------------------------------------------------------------

WITH_ANOTHER: list[tuple[str, tuple[str, str], str, Two]] = [
    ("factor", ("missing", "{}"), "the factor {} is missing here", lambda x, v: x * v),
    ("factor", ("extra", "{}"), "the factor {} is too much here", lambda x, v: x / v),
    ("operand", ("…", "… + {}"), "the term {} is missing here", lambda x, v: x + v),
    ("operand", ("…", "… - {}"), "the term -{} is missing here", lambda x, v: x - v),
]


def _results(replay: Replay, site: Site, names: list[str]) -> Iterator[Change]:
    """What is computed at the site needs a minus, a power, a factor or a term."""
    for text, function in [*TRANSFORMS, ("{}/2", lambda x: x / 2)]:
        wanted, apply = text.format("…"), after(site, _alone(function))
        if wanted == "-…":
            yield Change("sign", ("…", wanted), "the sign of this part is wrong", site, apply)
        else:
            yield Change("operator", ("…", wanted), f"this part should be {wanted}", site, apply)
    for text, step in (("1", 1.0), ("-1", -1.0)):
        said = f"the term {text} is missing here"
        yield Change("operand", ("…", f"… + {text}"), said, site, after(site, _plus(step)))
    for name in names:
        if _goes_with(replay, site, replay.point.values[name]):
            for kind, (got, wanted), sentence, new in WITH_ANOTHER:
                said = sentence.format(name)
                yield Change(kind, (got, wanted.format(name)), said, site, after(site, new, name))


def _goes_with(replay: Replay, site: Site, array: Any) -> bool:
    """Whether an array can have a number for each row of a site."""
    if array.ndim == 0:
        return True
    return site[0] == "at" and (array.size == replay.totals[site] or array.ndim == replay.point.autograd.ndim)
