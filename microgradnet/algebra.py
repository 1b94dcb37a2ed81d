"""Simplifying symbols (`notation.Symbol`) enough to be read: as people write a formula, and never a longer one.

    >>> from microgradnet.notation import Symbol
    >>> y, w = Symbol("ypred"), Symbol("w5")
    >>> simplify(((1 - y) * 2.0) * -1.0), simplify(w * 1.0 + 0.0 * y)
    (-2 * (1 - ypred), w5)

A product becomes a number, letters, brackets and functions, in this order, over what it is divided by; a sum becomes
terms, like ones together, in the order in which they stand. Nothing is multiplied out. Where the value was a finite
number it stays that number, but for rounding; `x / x` is 1 also at 0, where it was none. What a derivative is taken
at stays as it stands: `f'(w x + b)`.

No function here recurses, and shared expressions are worked on once, so a formula of any size is simplified in time
that grows as its length.
"""

from __future__ import annotations

import math

from microgradnet.notation import CONSTANTS, Symbol, operation
from microgradnet.ops import COMPARISONS, SQRT2, TABLE

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

__all__ = [
    "letters", "number_of", "operations_in", "post_order", "rebuild", "simplify", "simplify_all", "size",
]  # fmt: skip

LONGEST = 32
"""Sums and products of more terms than this are not flattened into one another."""

POWERS = ("pow", "pow_const")
UNFOLDED = ("where", "mul", "add", "sub", "div", "neg")
BRACKETS = ("add", "sub", "neg", "where", "mul", "div")


def number_of(symbol: Symbol | None) -> float | None:
    """The number that a symbol is; None for letters and operations.

    >>> number_of(Symbol(2.0)), number_of(Symbol("x"))
    (2.0, None)
    """
    number = None if symbol is None else symbol.number
    return None if number is None else float(number)


def post_order(roots: Iterable[Symbol | None]) -> list[Symbol]:
    """Every symbol in these, each once, operands before what is made of them.

    >>> x = Symbol("x")
    >>> [s.op for s in post_order([x * x + x])]
    ['', 'mul', 'add']
    """
    order: list[Symbol] = []
    seen: set[int] = set()
    stack: list[tuple[Symbol, bool]] = [(root, False) for root in roots if root is not None][::-1]
    while stack:
        symbol, ready = stack.pop()
        if ready:
            order.append(symbol)
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            stack.append((symbol, True))
            if symbol.op:
                stack += [(o, False) for o in reversed(symbol.operands) if o is not None and id(o) not in seen]
    return order


def rebuild(root: Symbol, change: Callable[[Symbol, tuple[Symbol | None, ...]], Symbol | None]) -> Symbol | None:
    """The expression with every symbol replaced by what `change(symbol, its operands as changed)` says.

    >>> x = Symbol("x")
    >>> put_in = lambda s, operands: operation(s.op, *operands) if s.op else Symbol(3.0)
    >>> rebuild(x * x + x, put_in)
    3 * 3 + 3
    """
    changed: dict[int, Symbol | None] = {}
    for symbol in post_order([root]):
        inside = symbol.operands if symbol.op else ()
        changed[id(symbol)] = change(symbol, tuple([None if o is None else changed[id(o)] for o in inside]))
    return changed[id(root)]


def letters(symbol: Symbol | None) -> list[str]:
    """The letters in an expression, in order of appearance.

    >>> letters(Symbol("b") * 2.0 + Symbol("a") * Symbol("b"))
    ['b', 'a']
    """
    leaves = [s.operands[0] for s in post_order([symbol]) if not s.op]
    return list(dict.fromkeys(name for name in leaves if isinstance(name, str)))


def operations_in(symbol: Symbol | None) -> int:
    """How many operations there are, shared ones once."""
    return sum(1 for s in post_order([symbol]) if s.op)


def size(symbol: Symbol | None, most: int = 10**9) -> int:
    """How many operations the expression has when written out, shared ones as often as they stand there; signs do not
    count. At most `most`.

    >>> x = Symbol("x")
    >>> t = x + 1.0
    >>> size(t * t), size(-x)
    (3, 0)
    """
    counted: dict[int, int] = {}
    for s in post_order([symbol]):
        own = int(bool(s.op) and s.op != "neg")
        counted[id(s)] = min(most, own + sum(counted[id(o)] for o in s.operands if o is not None)) if s.op else 0
    return 0 if symbol is None else counted[id(symbol)]


def simplify(symbol: Symbol | None, apart: Container[int] = ()) -> Symbol | None:
    """The same expression, simpler; None (nothing is sent) stays None.

    `apart`: ids of symbols that are not to be mixed with what they are part of, since they are to be named.

    >>> x = Symbol("x")
    >>> simplify(x * x * 3.0 / x), simplify(x - (x - 2.0)), simplify(-(1.0 - x))
    (3 * x, 2, x - 1)
    """
    return simplify_all([symbol], apart)[0]


def simplify_all(roots: Iterable[Symbol | None], apart: Container[int] = ()) -> list[Symbol | None]:
    """Several expressions at once: what they share is shared in the results, too."""
    roots = list(roots)
    forms = _Forms()
    done: dict[int, Symbol | None] = {}
    for s in post_order(roots):
        if not s.op:
            done[id(s)] = forms.made("", s.operands[0])
        elif s.op[-1] == "'":
            done[id(s)] = forms.made(s.op, *s.operands)
        else:
            done[id(s)] = forms.operation(s.op, [None if o is None else done[id(o)] for o in s.operands])
        if id(s) in apart and (now := done[id(s)]) is not None and now.op:
            forms.apart.add(now)  # from now on it is one factor, and one term
    return [None if root is None else done[id(root)] for root in roots]


class _Term:
    """coefficient / divisor · the product of base ** exponent. The divisor is positive."""

    __slots__ = ("coefficient", "divisor", "factors")

    def __init__(self, coefficient: float, divisor: float, factors: dict[Symbol, float]) -> None:
        self.coefficient, self.divisor, self.factors = coefficient, divisor, factors


def _times(a: _Term, b: _Term, power: float = 1.0) -> _Term | None:
    """a · b ** power; None where the numbers in it would leave the floats, or one is divided by 0."""
    factors = dict(a.factors)
    for base, exponent in b.factors.items():
        factors[base] = factors.get(base, 0.0) + power * exponent
    two = next((base for base, e in factors.items() if base.number == SQRT2 and abs(e) == 2.0), None)
    up, down = (b.coefficient, b.divisor) if power > 0 else (b.divisor, b.coefficient)
    coefficient, divisor = a.coefficient * up, a.divisor * down
    if two is not None:  # sqrt(2)**2
        coefficient, divisor = (2 * coefficient, divisor) if factors.pop(two) > 0 else (coefficient, 2 * divisor)
    if divisor < 0:
        coefficient, divisor = -coefficient, -divisor
    fits = math.isfinite(coefficient) and math.isfinite(divisor) and divisor != 0
    if not fits or (coefficient == 0 and a.coefficient != 0 and b.coefficient != 0):
        return None
    return _Term(*_reduced(coefficient, divisor), {base: e for base, e in factors.items() if e})


def _reduced(coefficient: float, divisor: float) -> tuple[float, float]:
    quotient = coefficient / divisor
    if quotient.is_integer() and abs(quotient) < 2**53 and quotient * divisor == coefficient:
        return quotient, 1.0
    if coefficient.is_integer() and divisor.is_integer() and max(abs(coefficient), divisor) < 2**53:
        common = math.gcd(int(coefficient), int(divisor))
        return coefficient / common, divisor / common
    return coefficient, divisor


class _Forms:
    """Symbols of which equal ones are one object, and beside them what they are as a sum and as a product."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, ...], Symbol] = {}
        self.products: dict[Symbol, _Term] = {}
        self.sums: dict[Symbol, list[_Term]] = {}
        self.apart: set[Symbol] = set()

    def made(self, op: str, *operands: object) -> Symbol:
        """The one symbol of this operation on these; of a letter or number if there is no operation."""
        if op:
            own = op if type(op) is str else id(op)  # operations of one's own may have the same name
            key: tuple[object, ...] = (own, *map(id, operands))
        else:
            x = operands[0]
            key = (x,) if isinstance(x, str) else (float(x).hex(),)  # type: ignore[arg-type]  # 0.0 is not -0.0
        if key not in self.known:
            self.known[key] = operation(op, *operands) if op else Symbol(operands[0])  # type: ignore[arg-type]
        return self.known[key]

    def product(self, symbol: Symbol) -> _Term:
        """What it is as a product."""
        x = number_of(symbol)
        if x is not None and math.isfinite(x):
            if abs(x) not in CONSTANTS:
                return _Term(x, 1.0, {})
            return _Term(math.copysign(1.0, x), 1.0, {self.made("", abs(x)): 1.0})
        known = None if symbol in self.apart else self.products.get(symbol)
        return known or _Term(1.0, 1.0, {symbol: 1.0})

    def terms(self, symbol: Symbol) -> list[_Term]:
        """What it is as a sum."""
        known = None if symbol in self.apart else self.sums.get(symbol)
        return known or [self.product(symbol)]

    def operation(self, op: str, operands: list[Symbol | None]) -> Symbol | None:
        """An operation on simplified symbols, simplified."""
        if op == "where":
            return self.where(*operands)
        if any(o is None for o in operands):
            return self.made(op, *operands)
        inside: list[Symbol] = operands  # type: ignore[assignment]
        result: Symbol | None = None
        if op in ("mul", "div", "neg"):
            result = self.multiplied(op, inside)
        elif op in POWERS:
            result = self.raised(*inside)
        elif op in ("add", "sub"):
            result = self.added(op, *inside)
        if result is None and op not in UNFOLDED:
            result = self.folded(op, inside)
        return self.made(op, *inside) if result is None else result

    def folded(self, op: str, operands: list[Symbol]) -> Symbol | None:
        """The number that a function of numbers is, where that is a short one."""
        numbers = [number_of(o) for o in operands]
        row = TABLE.get(op) if type(op) is str else None
        if row is None or row.compute is None or None in numbers:
            return None
        result = row.compute(*numbers)
        return self.made("", result) if math.isfinite(result) and len(f"{result:.17g}") <= 8 else None

    def where(self, condition: Symbol | None, a: Symbol | None, b: Symbol | None) -> Symbol | None:
        """A choice; where it is known how it goes, what is chosen."""
        if a is b:
            return a
        if condition is not None:
            sides = [number_of(o) for o in condition.operands] if condition.op else [number_of(condition)]
            if None not in sides:
                if condition.op in COMPARISONS:
                    return a if COMPARISONS[condition.op][1](*sides) else b  # type: ignore[arg-type]
                if condition.op in ("is_zero", ""):
                    return a if (sides[0] == 0.0) is (condition.op == "is_zero") else b
        return self.made("where", condition, a, b)

    # --- products

    def multiplied(self, op: str, operands: list[Symbol]) -> Symbol | None:
        a = self.product(operands[0])
        b = _Term(-1.0, 1.0, {}) if op == "neg" else self.product(operands[1])
        if len(a.factors) + len(b.factors) > LONGEST:
            return None
        term = _times(a, b, -1.0 if op == "div" else 1.0)
        return None if term is None else self.as_symbol(term)

    def raised(self, base: Symbol, exponent: Symbol) -> Symbol | None:
        power, x = number_of(exponent), number_of(base)
        if power is None:
            return None
        if x is not None:
            return self.folded("pow", [base, exponent])
        if power in (0.0, 1.0):
            return self.made("", 1.0) if power == 0.0 else base
        term = self.product(base)
        inner = list(term.factors.items())
        if len(inner) == 1 and power.is_integer() and abs(term.coefficient) == term.divisor == 1.0:  # (-x**a)**b
            sign = term.coefficient if power % 2 else 1.0
            return self.as_symbol(_Term(sign, 1.0, {inner[0][0]: inner[0][1] * power}))
        return self.as_symbol(_Term(1.0, 1.0, {base: power}))

    def as_symbol(self, term: _Term) -> Symbol:
        """The product as people write it."""
        if term.coefficient == 0.0:
            return self.made("", 0.0)
        flipped = self.flipped(term)
        if flipped is not None:
            return flipped
        up = self.in_order([base for base, e in term.factors.items() if e > 0])
        down = self.in_order([base for base, e in term.factors.items() if e < 0])
        bare = not up and abs(term.coefficient) == term.divisor == 1.0
        if bare and down and all(term.factors[base] != -1.0 for base in down):
            up, down = down[:1], down[1:]  # x**-2 is shorter than 1 / x**2
        size, sign = abs(term.coefficient), term.coefficient < 0
        numerator = [self.power(base, term.factors[base]) for base in up]
        denominator = [self.power(base, -term.factors[base]) for base in down]
        if size != 1.0 or not numerator:
            numerator.insert(0, self.made("", term.coefficient))
            sign = False
        if term.divisor != 1.0:
            denominator.insert(0, self.made("", term.divisor))
        if sign:
            numerator[0] = self.made("neg", numerator[0])
        result = self.chain("mul", numerator)
        if denominator:
            result = self.made("div", result, self.chain("mul", denominator))
        self.products[result] = term
        return result

    def in_order(self, bases: list[Symbol]) -> list[Symbol]:
        """Factors as people write them: numbers with a name, letters, brackets, functions; a function that is in one
        of the brackets before it, as in tanh(x) (1 - tanh(x))."""
        bracketed = {base for b in bases for term in self.sums.get(b, ()) for base in term.factors}

        def kind(base: Symbol) -> int:
            inside = base.operands[0] if base.op in POWERS else base
            if not base.op or base in self.apart or (not inside.op and inside.number is None):
                return 0 if base.number is not None else 1
            if inside.op in BRACKETS:
                return 3
            return 2 if base in bracketed else 4

        return sorted(bases, key=kind)

    def flipped(self, term: _Term) -> Symbol | None:
        """-(a - b), which is b - a; None for everything else."""
        if term.coefficient == -1.0 and term.divisor == 1.0 and len(term.factors) == 1:
            ((base, exponent),) = term.factors.items()
            terms = None if base in self.apart else self.sums.get(base)
            if exponent == 1.0 and terms and any(t.coefficient < 0 for t in terms):
                return self.as_sum([_Term(-t.coefficient, t.divisor, t.factors) for t in terms])
        return None

    def power(self, base: Symbol, exponent: float) -> Symbol:
        return base if exponent == 1.0 else self.made("pow_const", base, self.made("", exponent))

    def chain(self, op: str, operands: list[Symbol]) -> Symbol:
        result = operands[0]
        for o in operands[1:]:
            result = self.made(op, result, o)
        return result

    # --- sums

    def added(self, op: str, a: Symbol, b: Symbol) -> Symbol | None:
        first, second = self.terms(a), self.terms(b)
        if len(first) + len(second) > LONGEST:
            return None
        sign = -1.0 if op == "sub" else 1.0
        terms = list(first)
        for new in (_Term(sign * t.coefficient, t.divisor, t.factors) for t in second):
            for place, old in enumerate(terms):
                if old.factors == new.factors and (both := _like(old, new)) is not None:
                    terms[place] = both
                    break
            else:
                terms.append(new)
        return self.as_sum([t for t in terms if t.coefficient != 0.0])

    def as_sum(self, terms: list[_Term]) -> Symbol:
        """The sum as people write it: what is added first, where that is possible, and minus for what is negative."""
        if not terms:
            return self.made("", 0.0)
        first = next((place for place, t in enumerate(terms) if t.coefficient > 0), 0)
        ordered = [terms[first], *terms[:first], *terms[first + 1 :]]
        result = self.as_symbol(ordered[0])
        for t in ordered[1:]:
            positive = self.as_symbol(_Term(abs(t.coefficient), t.divisor, t.factors))
            result = self.made("add" if t.coefficient > 0 else "sub", result, positive)
        if len(ordered) > 1:
            self.sums[result] = ordered
        return result


def _like(a: _Term, b: _Term) -> _Term | None:
    """The sum of two terms that differ in their numbers only; None if that is no simpler."""
    if a.divisor == b.divisor:
        total, divisor = a.coefficient + b.coefficient, a.divisor
    elif all(x.is_integer() for x in (a.coefficient, a.divisor, b.coefficient, b.divisor)):
        total = a.coefficient * b.divisor + b.coefficient * a.divisor
        divisor = a.divisor * b.divisor
    else:
        return None
    return _Term(*_reduced(total, divisor), a.factors) if math.isfinite(total) and divisor < 2**53 else None
