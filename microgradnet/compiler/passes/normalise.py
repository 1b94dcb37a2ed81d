"""Two kinds of operations instead of fifty: sums of products of two, and functions; equal ones share a type.

Sums swallow the sums that only they read, so that `b + w1*x1 + w2*x2`, five operations or one `dot`, is one sum of
three products whoever wrote it; what is one factor alone has the factor ONE beside it, which is no number: a datum
that happens to be 1.0 must not change the shape of the program.

The type of an operation is made of its operands' types: two neurons of one layer have one type, as they do the same
with the same kinds of things. So no operation has the type of anything that it reads, and operations of one type can
be computed at once.

    before:  mul1 = w1 * x1;  mul2 = w2 * x2;  add1 = mul1 + mul2;  add2 = add1 + b;  tanh1 = tanh(add2)
    after:   type 4: sum of 2 (data, parameter), 1 (parameter, ONE): add2 = [x1 w1, x2 w2, b ONE]
             type 5: tanh of type 4:                                 tanh1 = [add2]
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from microgradnet.errors import InputError
from microgradnet.ops import COMPARISONS, TABLE

if TYPE_CHECKING:
    from microgradnet.compiler.recording import Recording

__all__ = ["CONSTANT", "ONE", "REDUCING", "SUM", "Kind", "Normal", "normalise"]

ONE, CONSTANT = 0, 1
"""Types of the factor that is none, and of numbers; after them come the parameters and the data arguments."""

Terms: TypeAlias = "list[int] | deque[int]"
"""Factors of a sum of products: u1, v1, u2, v2, …"""

SUM = "sum of products"
ABSORBING = frozenset({"add", "sub", "sum", "mean", "dot"})
REDUCING = frozenset({"logsumexp", "softmax", "take"})


@dataclass
class Kind:
    """All operations of one type.

    op:        "sum of products", or the name of a function
    key:       for sums: ((type of u, type of v), count) of every kind of product; for functions: (type, count) of
               consecutive operands
    constants: what a function's plain numbers are (an exponent, a slope)
    members:   the numbers of the operations
    u, v:      the factors of all members one after the other (of functions: u are the operands)
    """

    op: str
    key: tuple[Any, ...]
    constants: tuple[float, ...] = ()
    members: list[int] = field(default_factory=list)
    u: list[int] = field(default_factory=list)
    v: list[int] = field(default_factory=list)


@dataclass
class Normal:
    """What `normalise` finds.

    Things have numbers: first the nodes of the graph, then constants, ONE, and what the graph does not hold: sums
    inside of means, and whole softmaxes.

    types:      the type of each thing
    kinds:      by type, None for those of leaves
    arguments:  by type, the name of the argument, for leaves
    positions:  of leaves: the place in the argument, of constants: the place in `numbers`
    parts:      things that are one element of another: (the other, which element)
    numbers:    the constants
    root:       the thing that is the result
    """

    types: list[int]
    kinds: list[Kind | None]
    arguments: dict[int, str]
    positions: dict[int, int]
    parts: dict[int, tuple[int, int]]
    numbers: list[float]
    root: int


def normalise(recording: Recording) -> Normal:
    """The recorded graph as sums and functions, by type. Raises InputError for an operation of one's own."""
    graph = recording.graph
    found = _Found(recording)
    swallowed = _swallowed(graph.operations, graph.operands)
    for n, (op, operands) in enumerate(zip(graph.operations, graph.operands, strict=True)):
        if not op:
            continue
        if (one := _alias(op, operands)) is not None:
            found.same[n] = found.thing(one)
        elif (terms := found.terms_of(op, operands)) is None:
            found.function(n, op, operands)
        elif swallowed[n]:
            found.waiting[n] = terms
        else:
            found.sum(n, terms)
    return Normal(
        found.types,
        found.kinds,
        found.arguments,
        found.positions,
        found.parts,
        found.numbers,
        found.same[len(graph) - 1],
    )


def _alias(op: str, operands: Sequence[Any]) -> Any:
    """The operand that the result is, whatever the data are: of x + 0, of a sum of one, of take at a number."""
    if op == "add":
        a, b = operands
        if a.__class__ is float and a == 0.0 and b.__class__ is int:
            return b
        return a if b.__class__ is float and b == 0.0 and a.__class__ is int else None
    if op in ("sum", "mean") and len(operands) == 1:
        return operands[0]
    if op == "take" and operands[-1].__class__ is float:
        return operands[int(operands[-1])]
    return None


def _is_sum(op: str, operands: Sequence[Any]) -> bool:
    if op == "div":
        return operands[1].__class__ is float and 1e-300 < abs(operands[1]) < 1e300
    return op in ("add", "sub", "mul", "neg", "sum", "mean", "dot") or (op == "pow_const" and operands[1] == 2.0)


def _swallowed(operations: Sequence[str], operands: Sequence[Sequence[Any]]) -> bytearray:
    """Which sums are read once, and by a sum that can take their terms as its own."""
    uses = bytearray(len(operations))  # 0, 1, or 2 for more
    absorbed = bytearray(len(operations))
    result = bytearray(len(operations))
    uses[-1] = 1
    for n in range(len(operations) - 1, -1, -1):
        op = operations[n]
        if not op:
            continue
        given = operands[n]
        if (one := _alias(op, given)) is not None:
            if one.__class__ is int:
                uses[one] = min(2, uses[one] + uses[n])
                absorbed[one] |= absorbed[n]
            continue
        result[n] = uses[n] == 1 and absorbed[n] and _is_sum(op, given)
        for o in given:
            if o.__class__ is int and uses[o] < 2:
                uses[o] += 1
        if op in ABSORBING:
            for o in given[:1] if op == "sub" else given[2 * (len(given) // 2) :] if op == "dot" else given:
                if o.__class__ is int:
                    absorbed[o] = 1
    return result


def _joined(first: Terms, second: Terms) -> Terms:
    """Both, one behind the other. The longer takes in the shorter, so that a chain to either side costs its length."""
    if len(second) <= len(first):
        first.extend(second)
        return first
    long = second if isinstance(second, deque) else deque(second)
    long.extendleft(reversed(first))
    return long


class _Found:
    """Things, their types and the kinds of operations, as they are found in the order of the graph."""

    def __init__(self, recording: Recording) -> None:
        graph = recording.graph
        n = len(graph)
        self.arguments = {2 + i: name for i, name in enumerate(["p", *recording.shapes])}
        self.kinds: list[Kind | None] = [None] * (2 + len(self.arguments))
        self.types: list[int] = [CONSTANT] * n
        self.same: list[int] = list(range(n))
        self.positions: dict[int, int] = {}
        self.parts: dict[int, tuple[int, int]] = {}
        self.numbers: list[float] = []
        self.constants: dict[str, int] = {}
        self.waiting: dict[int, Terms] = {}
        self.type_of_key: dict[Any, int] = {}
        self.softmaxes: dict[tuple[int, ...], int] = {}
        self.one = self.new(ONE)
        of_argument = {name: t for t, name in self.arguments.items()}
        for number, op in enumerate(graph.operations):
            if not op:
                if number in recording.origin:
                    name, self.positions[number] = recording.origin[number]
                    self.types[number] = of_argument[name]
                else:
                    self.same[number] = self.constant(graph.data[number])

    def new(self, kind: int) -> int:
        """A thing that is no node of the graph."""
        self.types.append(kind)
        self.same.append(len(self.types) - 1)
        return len(self.types) - 1

    def constant(self, x: float) -> int:
        """The thing that a number is."""
        key = x.hex()
        if key not in self.constants:
            thing = self.constants[key] = self.new(CONSTANT)
            self.positions[thing] = len(self.numbers)
            self.numbers.append(x)
        return self.constants[key]

    def thing(self, operand: Any) -> int:
        """The thing that an operand of the graph is."""
        return self.same[operand] if operand.__class__ is int else self.constant(operand)

    # terms of a sum: u1, v1, u2, v2, … in one list

    def terms_of(self, op: str, operands: Sequence[Any]) -> Terms | None:
        """The terms if the operation is a sum of products, else None."""
        if not _is_sum(op, operands):
            return None
        if op == "mul":
            return [self.thing(operands[0]), self.thing(operands[1])]
        if op == "add":
            return self.added(operands)
        if op == "dot":
            n = len(operands) // 2
            things = list(map(self.thing, operands[: 2 * n]))
            terms = [0] * (2 * n)
            terms[0::2], terms[1::2] = things[:n], things[n:]
            return _joined(terms, self.own_terms(operands[-1])) if len(operands) % 2 else terms
        if op == "sum":
            return self.added(operands)
        if op == "mean":
            whole = self.new(CONSTANT)
            self.sum(whole, self.added(operands))
            return [whole, self.constant(1.0 / len(operands))]
        if op == "sub":
            return _joined(self.own_terms(operands[0]), [self.thing(operands[1]), self.constant(-1.0)])
        a = self.thing(operands[0])
        if op == "neg":
            return [a, self.constant(-1.0)]
        return [a, a if op == "pow_const" else self.constant(1.0 / operands[1])]

    def own_terms(self, operand: Any) -> Terms:
        """The terms of a swallowed sum; of everything else the thing itself and ONE."""
        thing = self.thing(operand)
        return self.waiting.pop(thing, None) or [thing, self.one]

    def added(self, operands: Sequence[Any]) -> Terms:
        """All terms, in order."""
        terms = self.own_terms(operands[0])
        for operand in operands[1:]:
            terms = _joined(terms, self.own_terms(operand))
        return terms

    # operations

    def sum(self, thing: int, terms: Terms) -> None:
        """Note a sum of products under its type."""
        terms = list(terms)
        u, v = terms[0::2], terms[1::2]
        types = self.types
        pairs = Counter(zip(map(types.__getitem__, u), map(types.__getitem__, v), strict=True))
        key: Counter[tuple[int, int]] = Counter()
        for (a, b), count in pairs.items():
            key[(a, b) if a >= b else (b, a)] += count
        self.note(thing, Kind(SUM, tuple(sorted(key.items()))), u, v)

    def function(self, thing: int, op: str, operands: Sequence[Any]) -> None:
        """Note a function under its type."""
        if op not in TABLE and op not in COMPARISONS:
            raise InputError(f"{op} is an operation of one's own, which is a Python function and cannot be compiled")
        constants: tuple[float, ...] = ()
        if op == "softmax":
            self.component(thing, operands)
            return
        if op in TABLE and op != "where" and TABLE[op].constants:
            row = TABLE[op]
            constants = tuple(o for o, name in zip(operands, row.operands, strict=True) if name in row.constants)
        things = list(map(self.thing, operands))
        kinds = map(self.types.__getitem__, things)
        key = tuple((kind, len(list(run))) for kind, run in groupby(kinds))
        self.note(thing, Kind(op, key, constants), things, [])

    def component(self, thing: int, operands: Sequence[Any]) -> None:
        """One element of a softmax: the whole is one thing, noted once."""
        things = tuple(map(self.thing, operands[:-1]))
        if things not in self.softmaxes:
            whole = self.softmaxes[things] = self.new(CONSTANT)
            key = tuple((kind, len(list(run))) for kind, run in groupby(map(self.types.__getitem__, things)))
            self.note(whole, Kind("softmax", key), list(things), [])
        whole = self.softmaxes[things]
        if operands[-1].__class__ is float:
            self.parts[thing] = whole, int(operands[-1])
            self.types[thing] = self.types[whole]
            return
        elements = []
        for i in range(len(things)):
            element = self.new(self.types[whole])
            self.parts[element] = whole, i
            elements.append(element)
        self.note(thing, self.take_kind(elements, operands[-1]), [*elements, self.thing(operands[-1])], [])

    def take_kind(self, elements: list[int], index: Any) -> Kind:
        """The kind of a take at an index that is data."""
        kinds = map(self.types.__getitem__, [*elements, self.thing(index)])
        return Kind("take", tuple((kind, len(list(run))) for kind, run in groupby(kinds)))

    def note(self, thing: int, kind: Kind, u: list[int], v: list[int]) -> None:
        """Add a member to its kind, a new one perhaps."""
        key = kind.op, kind.key, tuple(c.hex() for c in kind.constants)
        number = self.type_of_key.setdefault(key, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        kept = self.kinds[number]
        assert kept is not None
        kept.members.append(thing)
        kept.u += u
        kept.v += v
        self.types[thing] = number
