"""Causes that show when the computation by hand is run again with one thing changed at one place of the source.

Every row of the computation knows where in the source it was made. So "this operator another one", "this constant
another one", "this variable another one" are tried at each place, for all rows that were made there, and a change that
gives autograd's number at every point is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

from microgradnet.causes.facts import Computation, Point
from microgradnet.display import digits
from microgradnet.ops import COMPARISONS, TABLE
from microgradnet.rules import FLOATS

__all__ = ["Repair", "Replay", "repairs"]

MOST_ELEMENTS = 8
"""So many elements of an array are computed anew for each trial."""

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "pow_const": "**"}
UNARY = tuple(row.name for row in TABLE.values() if row.operands == ("x",))

Key = tuple[str, Hashable]


class Repair(NamedTuple):
    """One change at one place. `apply(replay)` gives the repaired derivative's elements, or None."""

    kind: str
    names: tuple[str, ...]
    sentence: str
    key: Key
    apply: Callable[[Replay], Any]


class Replay:
    """A point's computation, restricted to a few elements, with its rows by place."""

    def __init__(self, point: Point) -> None:
        import numpy

        assert point.computation is not None
        self.point = point
        whole = point.computation
        off = numpy.abs(point.by_hand - point.autograd) > 20 * point.tolerance
        wrong, right = numpy.flatnonzero(off), numpy.flatnonzero(~off)
        known = {i for i, row in enumerate(whole.outputs) if row >= 0}
        picks = [int(i) for i in (*_spread(wrong, MOST_ELEMENTS - 2), *_spread(right, 2)) if int(i) in known]
        self.picks = picks
        self.truth = point.autograd.flat[picks] if picks else numpy.zeros(0)
        self.tolerance = point.tolerance.flat[picks] if picks else numpy.zeros(0)
        self.ranks, self.totals = _ranks(whole)
        self.rows = _rows_for(whole, picks)
        self.computation = whole
        self.by_key: dict[Key, list[int]] = {}
        for row in self.rows:
            if whole.ops[row]:
                for key in _keys(whole.places[row]):
                    self.by_key.setdefault(key, []).append(row)
        self.base = self.run({})

    def run(self, changed: dict[int, Callable[[list[float]], float | None]]) -> Any:
        """The elements with some rows computed otherwise (from their operands); None where that cannot be done."""
        import numpy

        c = self.computation
        new: dict[int, float] = {}
        for row in self.rows:
            if not c.ops[row]:
                new[row] = c.data[row]
                continue
            operands = [new[o] if o.__class__ is int else o for o in c.operands[row]]
            rule = changed.get(row)
            try:
                value = computed(c.ops[row], operands) if rule is None else rule(operands)
            except (ArithmeticError, ValueError, IndexError):
                return None
            if value is None:
                return None
            new[row] = value
        return numpy.array([new[c.outputs[i]] - c.offset[i] for i in self.picks])

    def is_own(self, key: Key) -> bool:
        """Whether a place is in the function of the derivative itself, not in one that it calls."""
        row = self.by_key[key][0]
        return self.computation.places[row][-1] == key[1]

    def results_at(self, key: Key) -> list[int]:
        """The rows in which what is computed at a place, or in a call there, ends."""
        rows = self.rows_at(key)
        if key[0] == "at":
            return rows
        inside = set(rows)
        outputs = {self.computation.outputs[i] for i in self.picks}
        read_outside = {o for row in self.rows if row not in inside for o in self.computation.operands[row] if o.__class__ is int}
        return [row for row in rows if row in read_outside or row in outputs]

    def rows_at(self, key: Key) -> list[int]:
        """The rows that were made at a place."""
        return self.by_key.get(key, [])

    def value(self, name: str, index: int | None = None) -> float | None:
        """A named number, or the element of a named array."""
        array = self.point.values.get(name)
        if array is None:
            return None
        if array.ndim == 0:
            return float(array)
        return float(array.flat[index]) if index is not None and index < array.size else None


def repairs(replay: Replay, points: list[Point]) -> Iterator[Repair]:
    """All single changes, in the order of likelihood; what a change means is decided at each point anew."""
    names = [name for name in replay.point.values if all(name in p.values for p in points)]
    keys = _order(replay)
    own = [key for key in keys if replay.is_own(key)]
    for some in (own, [key for key in keys if key not in own]):  # helper functions last
        exact = [key for key in some if key[0] == "at"]
        for key in some:
            yield from _operands(replay, key, names)
        for key in exact:
            yield from _constants(replay, key, names, points)
        for key in exact:
            yield from _operators(replay, key)
        for key in some:
            yield from _combinations(replay, key, names)
        for key in some:
            yield from _nodes(replay, key, names)


def _power(x: float, exponent: float) -> float:
    return FLOATS.pow(x, exponent)  # type: ignore[no-any-return]


# --- operands ---------------------------------------------------------------------------------------------------------

TRANSFORMS: list[tuple[str, Callable[[float], float]]] = [
    ("-{}", lambda x: -x),
    ("1 - {}", lambda x: 1 - x),
    ("{} - 1", lambda x: x - 1),
    ("{} + 1", lambda x: x + 1),
    ("{}²", lambda x: x * x),
    ("1/{}", lambda x: _power(x, -1.0)),
    ("{}**-2", lambda x: _power(x, -2.0)),
    ("{}**3", lambda x: x**3),
    ("{}**0.5", lambda x: _power(x, 0.5)),
    ("{}**-0.5", lambda x: _power(x, -0.5)),
    ("{}**-1.5", lambda x: _power(x, -1.5)),
    ("2 {}", lambda x: 2 * x),
]


def _read_at(replay: Replay, key: Key) -> Iterator[tuple[str, int | None, tuple[int, ...]]]:
    """The names that are read at a place, small ones first: each with None, for all its reads there, and, if there
    are several, with the operand's place of each; and its shape."""
    c, values = replay.computation, replay.point.values
    rows = replay.rows_at(key)
    for got, elements in sorted(c.reads.items(), key=lambda pair: values[pair[0]].size if pair[0] in values else 0):
        slots = {slot for row in rows for slot, o in enumerate(c.operands[row]) if o.__class__ is int and o in elements}
        if slots and got in values:
            for slot in [None, *sorted(slots)] if len(slots) > 1 else [None]:
                yield got, slot, values[got].shape


def _operands(replay: Replay, key: Key, names: list[str]) -> Iterator[Repair]:
    """Another variable, or a simple function of the same, belongs there."""
    for got, slot, shape in _read_at(replay, key):
        for wanted in sorted(names, key=lambda name: _unlike(got, name, shape, replay.point.values[name].shape)):
            if wanted != got and replay.point.values[wanted].shape in (shape, ()):
                yield Repair("operand", (got, wanted), f"{got} stands where {wanted} belongs", key,
                             _reading(key, got, slot, wanted, None))  # fmt: skip
        for text, function in TRANSFORMS:
            wanted = text.format(got)
            yield Repair("operand", (got, wanted), f"{got} stands where {wanted} belongs", key,
                         _reading(key, got, slot, None, function))  # fmt: skip


def _combinations(replay: Replay, key: Key, names: list[str]) -> Iterator[Repair]:
    """The variable together with another one."""
    for got, slot, shape in _read_at(replay, key):
        for other in names:
            if other != got and replay.point.values[other].shape in (shape, ()):
                for text, combine in COMBINED:
                    wanted = text.format(got, other)
                    yield Repair("operand", (got, wanted), f"{got} stands where {wanted} belongs", key,
                                 _reading(key, got, slot, other, combine))  # fmt: skip


COMBINED: list[tuple[str, Callable[[float, float], float]]] = [
    ("{0} - {1}", lambda x, v: x - v),
    ("{1} - {0}", lambda x, v: v - x),
    ("{0} + {1}", lambda x, v: x + v),
    ("{0} * {1}", lambda x, v: x * v),
    ("{0} / {1}", lambda x, v: x * _power(v, -1.0)),
]


def _unlike(got: str, wanted: str, shape: tuple[int, ...], its: tuple[int, ...]) -> tuple[bool, bool, bool]:
    """How little a name resembles another: in shape, as an item of the same array, in its first letter."""
    return shape != its, got.partition("[")[0] != wanted.partition("[")[0] if "[" in got else "[" in wanted, got.lstrip("_")[:1] != wanted.lstrip("_")[:1]


def _reading(
    key: Key, got: str, slot: int | None, other: str | None, function: Callable[..., float] | None
) -> Callable[[Replay], Any]:
    """Rows at the place read another variable, or a function of the same, or of both."""

    def apply(replay: Replay) -> Any:
        c = replay.computation
        elements = c.reads.get(got, {})
        changed: dict[int, Callable[[list[float]], float | None]] = {}
        for row in replay.rows_at(key):
            put: dict[int, Any] = {}
            for place, o in enumerate(c.operands[row]):
                if o.__class__ is int and o in elements and (slot is None or place == slot):
                    v = replay.value(other, elements[o]) if other else None
                    if other and v is None:
                        return None
                    put[place] = v if function is None else function(c.data[o]) if other is None else function(c.data[o], v)
            if put:
                changed[row] = _with_operands(c.ops[row], put)
        return replay.run(changed) if changed else None

    return apply


def _with_operands(op: str, put: dict[int, float]) -> Callable[[list[float]], float]:
    return lambda operands: computed(op, [put.get(i, o) for i, o in enumerate(operands)])


# --- constants ----------------------------------------------------------------------------------------------------------


def _constants(replay: Replay, key: Key, names: list[str], points: list[Point]) -> Iterator[Repair]:
    c = replay.computation
    rows = [row for row in replay.rows_at(key) if any(o.__class__ is float for o in c.operands[row])]
    for slot in sorted({s for row in rows for s, o in enumerate(c.operands[row]) if o.__class__ is float}):
        constants = {c.operands[row][slot] for row in rows if len(c.operands[row]) > slot and c.operands[row][slot].__class__ is float}
        if len(constants) == 1:
            (constant,) = constants
            shown = digits(constant, 6)
            for ratio in (-1.0, 2.0, 0.5, -2.0, -0.5):
                yield _constant(key, slot, shown, digits(ratio * constant, 6), lambda x, p, r=ratio: r * x)
            for number in (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, -1.5, -3.0):
                if number != constant:
                    yield _constant(key, slot, shown, digits(number, 6), lambda x, p, n=number: n)
            for step in (1.0, -1.0):
                yield _constant(key, slot, shown, digits(constant + step, 6), lambda x, p, s=step: x + s)
            for name in replay.point.sizes:
                for text, function in (("{}", lambda n: n), ("1/{}", lambda n: 1 / n), ("-1/{}", lambda n: -1 / n),
                                       ("{} - 1", lambda n: n - 1), ("1/({} - 1)", lambda n: 1 / (n - 1) if n != 1 else None)):  # fmt: skip
                    yield _constant(key, slot, shown, text.format(name), lambda x, p, n=name, f=function: f(p.sizes[n]) if n in p.sizes else None)
            scalars = [name for name in names if replay.point.values[name].ndim == 0]
            arrays = [name for name in names if replay.point.values[name].size == replay.totals[key] > 1]
            for name in arrays:
                for text, change in (("{}", lambda x, v: x * v), ("(1 - {})", lambda x, v: x * (1 - v))):
                    named = text.format(name)
                    yield Repair("factor", ("missing", named), f"the factor {named} is missing here", key,
                                 _put_array(key, slot, name, change))  # fmt: skip
            for name in scalars:
                for text, what, change in (("{}", "missing", lambda x, v: x * v), ("{}", "extra", lambda x, v: x * _power(v, -1.0)),
                                           ("{}²", "missing", lambda x, v: x * v * v), ("{}²", "extra", lambda x, v: x * _power(v, -2.0))):  # fmt: skip
                    said = "is missing here" if what == "missing" else "is too much here"
                    yield Repair("factor", (what, text.format(name)), f"the factor {text.format(name)} {said}", key,
                                 _put(key, slot, lambda x, p, n=name, f=change: f(x, float(p.values[n]))))  # fmt: skip
            got = next((name for name in scalars if _is_constant(points, name, key, slot)), None)
            for wanted in scalars:
                if wanted != got:
                    named = got or shown
                    yield Repair("operand" if got else "constant", (named, wanted), f"{named} stands where {wanted} belongs", key,
                                 _put(key, slot, lambda x, p, w=wanted: float(p.values[w])))  # fmt: skip
        else:
            flat = _constants_in_order(c, key, slot)
            arrays = [n for n in names if replay.point.values[n].size == len(flat)]
            got = next((n for n in arrays if list(replay.point.values[n].flat) == flat), None)
            for wanted in arrays if got else []:
                if wanted != got:
                    yield Repair("operand", (got or "", wanted), f"{got} stands where {wanted} belongs", key,
                                 _put_array(key, slot, wanted, lambda x, v: v))  # fmt: skip


def _constant(key: Key, slot: int, got: str, wanted: str, function: Callable[[float, Point], float | None]) -> Repair:
    return Repair("constant", (got, wanted), f"{got} stands where {wanted} belongs", key, _put(key, slot, function))


def _put(key: Key, slot: int, function: Callable[[float, Point], float | None]) -> Callable[[Replay], Any]:
    def apply(replay: Replay) -> Any:
        c = replay.computation
        changed: dict[int, Callable[[list[float]], float | None]] = {}
        for row in replay.rows_at(key):
            if len(c.operands[row]) > slot and c.operands[row][slot].__class__ is float:
                x = function(c.operands[row][slot], replay.point)
                if x is None:
                    return None
                changed[row] = _with_operands(c.ops[row], {slot: x})
        return replay.run(changed) if changed else None

    return apply


def _put_array(key: Key, slot: int, name: str, function: Callable[[float, float], float]) -> Callable[[Replay], Any]:
    def apply(replay: Replay) -> Any:
        c = replay.computation
        changed: dict[int, Callable[[list[float]], float | None]] = {}
        for row in replay.rows_at(key):
            if len(c.operands[row]) > slot and c.operands[row][slot].__class__ is float:
                v = replay.value(name, replay.ranks.get((key, row)))
                if v is None:
                    return None
                changed[row] = _with_operands(c.ops[row], {slot: function(c.operands[row][slot], v)})
        return replay.run(changed) if changed else None

    return apply


def _is_constant(points: list[Point], name: str, key: Key, slot: int) -> bool:
    """Whether at every point the constant at the place is the number of this name."""
    told = 0
    for point in points:
        c = point.computation
        if c is None or name not in point.values:
            return False
        for row, op in enumerate(c.ops):
            if op and key in _keys(c.places[row]) and len(c.operands[row]) > slot and c.operands[row][slot].__class__ is float:
                if c.operands[row][slot] != float(point.values[name]):
                    return False
                told += 1
    return told > 0


def _constants_in_order(c: Computation, key: Key, slot: int) -> list[float]:
    return [
        c.operands[row][slot] for row, op in enumerate(c.ops)
        if op and key in _keys(c.places[row]) and len(c.operands[row]) > slot and c.operands[row][slot].__class__ is float
    ]  # fmt: skip


# --- operators, functions, whole results --------------------------------------------------------------------------------


def _operators(replay: Replay, key: Key) -> Iterator[Repair]:
    c = replay.computation
    ops = {c.ops[row] for row in replay.rows_at(key)}
    if len(ops) != 1:
        return  # a function of NumPy's with several operations in it, such as @
    (op,) = ops
    if op in ("add", "sub", "mul", "div"):
        for other in ("add", "sub", "mul", "div"):
            if other != op:
                yield _operator(key, SIGNS[op], SIGNS[other], lambda o, f=other: computed(f, o))
        if op in ("sub", "div"):
            yield _operator(key, f"a {SIGNS[op]} b", f"b {SIGNS[op]} a", lambda o, f=op: computed(f, o[::-1]))
        for place, dropped in ((0, 1), (1, 0)):
            kind, word = ("factor", "factor") if op in ("mul", "div") else ("path", "term")
            names = ("extra", _name_of(replay, key, dropped)) if kind == "factor" else (_name_of(replay, key, dropped), "twice")
            yield Repair(kind, names, f"the {word} {names[1] if kind == 'factor' else names[0]} is too much", key,
                         _computing(key, lambda o, i=place: o[i]))  # fmt: skip
    if op in UNARY:
        for other in UNARY:
            if other != op:
                yield _operator(key, op, other, lambda o, f=other: computed(f, o))
        yield Repair("operator", (op, "nothing"), f"{op} is too much", key, _computing(key, lambda o: o[0]))


def _operator(key: Key, got: str, wanted: str, function: Callable[[list[float]], float]) -> Repair:
    return Repair("operator", (got, wanted), f"`{got}` stands where `{wanted}` belongs", key, _computing(key, function))


def _computing(key: Key, function: Callable[[list[float]], float]) -> Callable[[Replay], Any]:
    return lambda replay: replay.run(dict.fromkeys(replay.rows_at(key), function)) if replay.rows_at(key) else None


def _nodes(replay: Replay, key: Key, names: list[str]) -> Iterator[Repair]:
    """The result at the place needs a minus, a power, a factor or a term."""
    for text, function in [*TRANSFORMS, ("2 ({})", lambda x: 2 * x), ("{}/2", lambda x: x / 2)]:
        shown = text.format("…")
        kind = "sign" if text == "-{}" else "operator"
        sentence = "the sign of this part is wrong" if kind == "sign" else f"this part should be {shown}"
        yield Repair(kind, ("…", shown), sentence, key, _after(key, lambda x, v, f=function: f(x), None))
    for text, number in (("1", 1.0), ("-1", -1.0)):
        yield Repair("operand", ("…", f"… + {text}"), f"the term {text} is missing here", key, _after(key, lambda x, v, n=number: x + n, None))
    for name in names:
        array = replay.point.values[name]
        if array.ndim and array.size != replay.totals.get(key) and array.ndim != replay.point.autograd.ndim:
            continue
        for kind, what, sentence, function in [
            ("factor", "missing", f"the factor {name} is missing here", lambda x, v: x * v),
            ("factor", "extra", f"the factor {name} is too much here", lambda x, v: x / v if v else None),
            ("operand", "…", f"the term {name} is missing here", lambda x, v: x + v),
            ("operand", "…", f"the term -{name} is missing here", lambda x, v: x - v),
        ]:
            names_of = (what, name) if kind == "factor" else (what, f"… {'-' if '-' in sentence else '+'} {name}")
            yield Repair(kind, names_of, sentence, key, _after(key, function, name))


def _after(key: Key, function: Callable[[float, float], float | None], name: str | None) -> Callable[[Replay], Any]:
    """Something is done to the results at the place."""
    import numpy

    def apply(replay: Replay) -> Any:
        c = replay.computation
        rows = replay.results_at(key)
        array = replay.point.values.get(name) if name else None
        if name and array is None:
            return None
        if array is not None and array.ndim:
            shape = replay.point.autograd.shape
            if key[0] == "in":
                return None
            if array.size != replay.totals[key]:
                try:
                    array = numpy.broadcast_to(array, shape)
                except ValueError:
                    return None
            if array.size != replay.totals[key]:
                return None
        changed: dict[int, Callable[[list[float]], float | None]] = {}
        for row in rows:
            v = 0.0 if array is None else float(array.flat[replay.ranks[key, row]] if array.ndim else array)
            changed[row] = lambda operands, op=c.ops[row], v=v: function(computed(op, operands), v)
        return replay.run(changed) if changed else None

    return apply


# --- small things ---------------------------------------------------------------------------------------------------------


def computed(op: str, operands: list[float]) -> float:
    """The number of an operation on floats."""
    if op in COMPARISONS:
        return float(COMPARISONS[op][1](*operands))
    return getattr(FLOATS, op)(*operands)  # type: ignore[no-any-return]


def _keys(places: tuple[Hashable, ...]) -> list[Key]:
    """Where a row was made: exactly there, and in the calls around that place."""
    return [("at", places[0]), *(("in", place) for place in places[1:])] if places else []


def _order(replay: Replay) -> list[Key]:
    """The places, those in the function of the derivative itself first, and of calls the outer ones first."""
    places = replay.computation.places

    def depth(key: Key) -> tuple[int, int]:
        rows = replay.by_key[key]
        inner = min(places[row].index(key[1]) for row in rows)
        outer = min(len(places[row]) - 1 - places[row].index(key[1]) for row in rows)
        return outer, -inner

    return sorted(replay.by_key, key=depth)


def _spread(indices: Any, most: int) -> list[int]:
    step = max(1, -(-len(indices) // most))
    return [int(i) for i in indices[::step]]


def _rows_for(c: Computation, picks: list[int]) -> list[int]:
    needed: set[int] = set()
    stack = [c.outputs[i] for i in picks]
    while stack:
        row = stack.pop()
        if row not in needed:
            needed.add(row)
            stack += [o for o in c.operands[row] if o.__class__ is int]
    return sorted(needed)


def _ranks(c: Computation) -> tuple[dict[tuple[Key, int], int], dict[Key, int]]:
    """The how-many-th row of its place each row is, and how many rows each place has."""
    ranks: dict[tuple[Key, int], int] = {}
    totals: dict[Key, int] = {}
    for row, op in enumerate(c.ops):
        if op:
            for key in _keys(c.places[row]):
                ranks[key, row] = totals.get(key, 0)
                totals[key] = totals.get(key, 0) + 1
    return ranks, totals


def _name_of(replay: Replay, key: Key, slot: int) -> str:
    """What the operand at a place is called, as well as one can tell."""
    c = replay.computation
    row = replay.rows_at(key)[0]
    operand = c.operands[row][slot]
    if operand.__class__ is float:
        return digits(operand, 6)
    return next((name for name, elements in c.reads.items() if operand in elements), "…")
