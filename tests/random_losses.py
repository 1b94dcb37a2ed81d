"""Random losses for the compiler, as source: irregular ones, and loops over arrays of random shapes.

`irregular` are straight lines over all rows of the table, each reading any earlier ones. `regular` are small tensor
programs as people write them in Python: comprehensions and loops with affine, reversed, repeated, wrapped and
windowed indices, sums and other reductions, masks, a batch perhaps. A failing example prints as a function to paste.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, reduce
from itertools import count
from typing import Any

from hypothesis import strategies as st

from microgradnet import functions
from microgradnet.ops import TABLE

__all__ = ["RandomLoss", "irregular", "regular"]


class RandomLoss:
    """The source of a function `loss(p, …)`, numbers of its parameters, and data (one for each further argument).

    `batch`: the names of the data whose first axis may have another length, the same for all.
    """

    def __init__(self, source: str, parameters: Any, data: dict[str, Any], batch: tuple[str, ...] = ()) -> None:
        self.source, self.parameters, self.data, self.batch = source, parameters, data, batch

    @cached_property
    def function(self) -> Callable[..., Any]:
        """What the source defines."""
        names = {name: getattr(functions, name) for name in functions.__all__ if name not in ("abs", "sum", "round")}
        scope: dict[str, Any] = {**names, "total_of": functions.sum, "reduce": reduce}
        exec(compile(self.source, "<random loss>", "exec"), scope)
        return scope["loss"]  # type: ignore[no-any-return]

    def of_size(self, n: int) -> tuple[Any, ...]:
        """Data of so many samples: those that there are, and again with other numbers."""
        return tuple(
            [_times(value[k % len(value)], 1 - 0.1 * (k // len(value))) for k in range(n)]
            if name in self.batch
            else value
            for name, value in self.data.items()
        )

    def __repr__(self) -> str:
        data = ", ".join(f"{name}={value!r}" for name, value in self.data.items())
        return f"\n{self.source}\np={self.parameters!r}\n{data}\n"


def _times(x: Any, factor: float) -> Any:
    return [_times(part, factor) for part in x] if isinstance(x, list) else x * factor


def numbers(low: float = -1.0, high: float = 1.0) -> st.SearchStrategy[float]:
    """Numbers with few digits, none of them so near to 0 or 1 that a kink is met by rounding."""
    return st.integers(round(low * 64), round(high * 64)).map(lambda k: (k + 0.37) / 64)


# --- irregular: any row on any earlier results -----------------------------------------------------------------------

GUARDED = {  # so that arguments stay where the function is defined, and numbers small
    "div": "{0} / (abs({1}) + 0.5)",
    "pow": "(abs({0}) + 0.5) ** tanh({1})",
    "pow_const": "(abs({0}) + 0.5) ** {c}",
    "rpow_const": "{d} ** tanh({0})",
    "exp": "exp(tanh({0}))",
    "expm1": "expm1(tanh({0}))",
    "log": "log(abs({0}) + 0.5)",
    "log2": "log2(abs({0}) + 0.5)",
    "log10": "log10(abs({0}) + 0.5)",
    "log1p": "log1p(abs({0}))",
    "sqrt": "sqrt({0} * {0} + 0.1)",
    "tan": "tan(tanh({0}))",
    "asin": "asin(0.9 * sin({0}))",
    "acos": "acos(0.9 * cos({0}))",
    "atanh": "atanh(0.9 * tanh({0}))",
    "acosh": "acosh(1.5 + abs({0}))",
    "sinh": "sinh(tanh({0}))",
    "cosh": "cosh(tanh({0}))",
    "atan2": "atan2({0}, abs({1}) + 0.5)",
    "hypot": "hypot({0}, {1})",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "neg": "-{0}",
    "abs": "abs({0})",
    "round": "round({0})",
    "where": "where({0} {o} {1}, {2}, {3})",
    "clip": "clip({0}, {1}, {2})",
    "leaky_relu": "leaky_relu({0}, {d})",
    "elu": "elu({0}, {d})",
    "sum": "total_of([{0}, {1}, {2}])",
    "mean": "mean([{0}, {1}, {2}])",
    "dot": "dot([{0}, {1}], [{2}, {3}], {4})",
    "take": "take([{0}, {1}, {2}], {i})",
    "logsumexp": "logsumexp([{0}, {1}, {2}])",
    "softmax": "softmax([{0}, {1}, {2}])[{k}]",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
}
"""How a row is written on the operands {0}, {1} …; other rows are `name({0})`. c, d: numbers (d positive), o: a
comparison, k: 0, 1 or 2, i: the same or a datum that is one of these."""


@st.composite
def irregular(draw: st.DrawFn, most: int = 30) -> RandomLoss:
    """Up to `most` steps on 1 to 5 parameters and 0 to 4 data."""
    n_p, n_x = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    lines: list[str] = []
    for step in range(most - draw(st.integers(0, most - 1))):
        row = draw(st.sampled_from(list(TABLE)))
        leaf = [*(f"p[{i}]" for i in range(n_p)), *(f"x[{i}]" for i in range(n_x))]
        recent = [f"v{i}" for i in range(max(0, step - 6), step)]
        anything = st.one_of(
            st.sampled_from(recent or leaf), st.sampled_from(leaf), st.sampled_from(["0", "1.0", "-1", "0.3", "2"])
        )
        operands = [draw(st.sampled_from([f"v{i}" for i in range(step)][-3:] or leaf))]
        operands += [draw(anything) for _ in range(4)]
        if draw(st.booleans()):
            operands[:2] = operands[1::-1]
        k = draw(st.integers(0, 2))
        text = GUARDED.get(row, f"{row}({{0}})").format(
            *operands,
            c=draw(st.sampled_from([0, 1, 2, 3, -1, 0.5, -1.5])),
            d=draw(st.sampled_from([0.5, 1.0, 2.0, 0.01])),
            o=draw(st.sampled_from(["<", "<=", ">", ">="])),
            k=k,
            i=draw(st.sampled_from([k, "y[0]", "y[1]"])),
        )
        lines.append(f"    v{step} = {text}")
    last = len(lines) - 1
    results = draw(st.lists(st.sampled_from([f"v{i}" for i in range(last + 1)]), max_size=8))
    body = "\n".join([*lines, f"    return {' + '.join([f'v{last}', 'p[0] * 0.5', *results])}"])
    data = {"x": draw(st.lists(numbers(-2, 2), min_size=n_x, max_size=n_x)), "y": draw(st.permutations([0, 1, 2]))[:2]}
    parameters = draw(st.lists(numbers(-2, 2), min_size=n_p, max_size=n_p))
    return RandomLoss(f"def loss(p, x, y):\n{body}", parameters, data)


# --- regular: arrays of random shapes, in loops ----------------------------------------------------------------------

N = "len(X)"
ONE_OF = (
    "{0} * {1}", "{0} * {1}", "{0} + {1}", "{0} - {1}", "{0} * {1} + {2}", "{0} * {1} * {2}", "({0} + {1}) * {2}",
    "({0} - {1}) ** 2", "{0} * {1} + {2} * {3}", "{0} * 0.5", "{0} * -{1}", "tanh({0})", "sigmoid({0} + {1})",
    "exp(-{0} * {0})", "relu({0})", "maximum({0}, {1})", "minimum({0} * {1}, {2})", "where({0} > {1}, {2}, {3})",
    "where({0} < 0, {1} * {2}, {3})", "{0} / (1 + {1} * {1})", "{0} / 3", "log({0} * {0} + 1)", "abs({0}) ** 1.5",
    "{0} * {0}", "sqrt({0} ** 2 + 0.1)", "softplus({0} - {1})", "clip({0}, -0.5, {1})", "-{0}", "sin({0} * {1})",
    "gelu({0})", "leaky_relu({0}) + {1}", "1 - {0}", "2.0", "dot([{0}, {1}], [{2}, {3}])",
)  # fmt: skip
REDUCED = (
    "sum({} for {v} in range({n}))", "sum({} for {v} in range({n}))", "sum({} for {v} in range({n}))",
    "sum([{} for {v} in range({n})]) / {n}", "total_of([{} for {v} in range({n})])",
    "mean([{} for {v} in range({n})])", "logsumexp([{} for {v} in range({n})])",
    "softmax([{} for {v} in range({n})])[{at}]", "sum({} for {v} in reversed(range({n})))",
    "take([{} for {v} in range({n})], {label})", "reduce(maximum, [{} for {v} in range({n})])",
)  # fmt: skip

SIZES = (3, 2, 4, 1, 5, 6)
Dimension = Any
"""A size, or N, the text of the size of the batch."""


class _Scope:
    """Arrays by name with their shapes, loop variables with the sizes that they run over, and names not yet used."""

    def __init__(self, draw: st.DrawFn, arrays: dict[str, tuple[Dimension, ...]]) -> None:
        self.draw, self.arrays, self.names = draw, arrays, count(1)

    def pick(self, things: Any) -> Any:
        return self.draw(st.sampled_from(list(things)))

    def index(self, size: Dimension, variables: dict[str, Dimension]) -> str:
        """A place along an axis of this size."""
        if size == N:
            own = [v for v, n in variables.items() if n == N]
            return self.pick([*own * 3, *(f"{N} - 1 - {v}" for v in own), "0", "-1"])
        found = [str(self.draw(st.integers(0, size - 1)))]
        for v, n in variables.items():
            if n == N:
                continue
            if n <= size:
                found += [v] * 4 + [f"{size} - 1 - {v}"]
                found += [f"{v} + {size - n}"] if n < size else []
            if 2 * n - 1 <= size:
                found.append(f"2 * {v}")
            if 2 * n <= size:
                found.append(f"2 * {v} + 1")
            if n > 1:
                found.append(f"({v} + 1) % {size}")
                table = self.draw(st.lists(st.integers(0, size - 1), min_size=n, max_size=n))
                found.append(f"{tuple(table)}[{v}]")
            if (n - 1) // 2 < size:
                found.append(f"{v} // 2")
            for w, m in variables.items():
                if w != v and m != N:
                    found += [f"{v} + {w}"] * 2 if n + m - 1 <= size else [f"({v} + {w}) % {size}"]
                    found += [f"abs({v} - {w})"] if max(n, m) <= size else []
        return self.pick(found)

    def access(self, variables: dict[str, Dimension]) -> str:
        """An element of any array, mostly of a new one."""
        return self.element(self.pick([*self.arrays, *list(self.arrays)[-2:]]), variables)

    def element(self, name: str, variables: dict[str, Dimension]) -> str:
        """An element of this array."""
        return name + "".join(f"[{self.index(size, variables)}]" for size in self.arrays[name])

    def expression(self, variables: dict[str, Dimension], depth: int) -> str:
        """A number made of elements."""
        kind = self.draw(st.integers(0, 9))
        if depth == 0 or kind == 0:
            return self.access(variables)
        if kind == 1:
            name = self.pick(self.arrays)
            return f"{self.element(name, variables)} * {self.element(name, variables)}"
        if kind <= 5:
            v, n = f"k{next(self.names)}", self.pick([*SIZES, *([N] if N in self.sizes() else [])])
            inner = self.expression({**variables, v: n}, depth - 1)
            at, label = self.index(n, variables), self.index(2, variables)
            label = f"c[{label}]" if n != 1 else "0"
            return self.pick(REDUCED).replace("{}", inner).format(v=v, n=n, at=at, label=label)
        operands = [self.expression(variables, depth - 1 if i == 0 else 0) for i in range(4)]
        return f"({self.pick(ONE_OF).format(*operands)})"

    def sizes(self) -> set[Dimension]:
        return {size for shape in self.arrays.values() for size in shape}

    def statement(self) -> list[str]:
        """A new array, by a comprehension, or by loops in any order."""
        name = f"a{next(self.names)}"
        shape = tuple(self.draw(st.lists(st.sampled_from([*SIZES, *([N] if N in self.sizes() else [])]), max_size=3)))
        variables = {f"i{next(self.names)}": n for n in shape}
        text = self.expression(variables, self.draw(st.integers(1, 3)))
        if variables and self.draw(st.integers(0, 5)) == 0:  # another formula for some of the elements
            v = self.pick(variables)
            text = f"({text} if {v} % 2 == 0 else {self.access(variables)})"
        if len(shape) == 1 and self.draw(st.integers(0, 3)) == 0:
            lines = self.scanned(name, variables, text)
        elif len(shape) == 2 and self.draw(st.integers(0, 2)) == 0:
            lines = self.filled(name, variables, text)
        else:
            for v, n in reversed(variables.items()):
                text = f"[{text} for {v} in range({n})]"
            lines = [f"    {name} = {text}"]
        self.arrays[name] = shape
        return lines

    def filled(self, name: str, variables: dict[str, Dimension], text: str) -> list[str]:
        """The array of two axes made first and filled then, columns outside."""
        (i, n), (j, m) = variables.items()
        return [
            f"    {name} = [[0.0] * {m} for _ in range({n})]",
            f"    for {j} in range({m}):",
            f"        for {i} in range({n}):",
            f"            {name}[{i}][{j}] = {name}[{i}][{j}] + {text}",
        ]

    def scanned(self, name: str, variables: dict[str, Dimension], text: str) -> list[str]:
        """An array of one axis, each element made of the one before."""
        ((i, n),) = variables.items()
        step = self.pick(
            ("{0} + 0.5 * {1}", "tanh({0} * {1})", "where({1} > 0, {0}, {1})", "{0} * {1}", "maximum({0}, {1})")
        )
        return [
            f"    {name} = [1.0]",
            f"    for {i} in range({n}):",
            f"        {name} = [*{name}, {step.format(text, f'{name}[-1]')}]",
            f"    {name} = {name}[1:]",
        ]

    def summed(self, name: str) -> str:
        """The sum of all elements of an array."""
        variables = {f"s{next(self.names)}": n for n in self.arrays[name]}
        order = self.draw(st.permutations(list(variables.items())))
        text = name + "".join(f"[{v}]" for v in variables)
        if not variables:
            return text
        return f"sum({text} {' '.join(f'for {v} in range({n})' for v, n in order)})"


@st.composite
def regular(draw: st.DrawFn, most: int = 6, batch: bool | None = None) -> RandomLoss:
    """A tensor program of up to `most` arrays. With a batch, the first axis of X (and y's) has any size."""
    with_batch = draw(st.booleans()) if batch is None else batch
    size = st.sampled_from(SIZES)
    n: Dimension = N if with_batch else draw(size)
    shapes: dict[str, tuple[Dimension, ...]] = {
        "X": (n, *draw(st.lists(size, max_size=2))),
        "y": (n,) if draw(st.booleans()) else tuple(draw(st.lists(size, max_size=1))),
        "W": tuple(draw(st.lists(size, min_size=1, max_size=4))),
        "b": tuple(draw(st.lists(size, max_size=1))),
    }
    scope = _Scope(draw, dict(shapes))
    read = {name: _read(draw, shapes[name]) for name in ("W", "b")}
    lines = ["def loss(p, X, y, c):", *(f"    {name} = {text}" for name, (text, _) in read.items())]
    length = max(stop for _, stop in read.values())
    for _ in range(most - draw(st.integers(0, most - 1))):
        lines += scope.statement()
    made = [name for name in scope.arrays if name not in shapes]
    terms = [scope.summed(name) for name in {made[-1]: 0, draw(st.sampled_from(made)): 0}]
    if draw(st.booleans()):
        terms.append(f"0.1 * {scope.summed('W')} ** 2")
    lines.append(f"    return ({' + '.join(terms)}) / {N} + 0.5 * {scope.summed('b')}")
    X, y = (_filled(draw, tuple(7 if size == N else size for size in shapes[name])) for name in ("X", "y"))
    data = {"X": X, "y": y, "c": draw(st.sampled_from(([0, 1], [1, 1])))}
    batch = tuple(name for name in ("X", "y") if shapes[name][:1] == (N,))
    return RandomLoss("\n".join(lines), _filled(draw, (length,)), data, batch)


def _read(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[str, int]:
    """How an array of this shape is read from the flat list p, and where that ends: in rows of rows with other things
    between them, in any order of the axes, overlapping perhaps, backwards perhaps."""
    offset = draw(st.integers(0, 3))
    strides, step = [0] * len(shape), 1
    for axis in draw(st.permutations(range(len(shape)))) if draw(st.booleans()) else range(len(shape) - 1, -1, -1):
        step += draw(st.sampled_from((0, 0, 1, 2)))
        strides[axis] = step
        step = step * shape[axis] if draw(st.integers(0, 9)) else max(1, step - 1)
    last = offset + sum(stride * (size - 1) for stride, size in zip(strides, shape, strict=True))
    variables = [f"j{axis}" for axis in range(len(shape))]
    if draw(st.integers(0, 5)):
        text = " + ".join([str(offset), *(f"{s} * {v}" for s, v in zip(strides, variables, strict=True))])
    else:
        text = " - ".join([str(last), *(f"{s} * {v}" for s, v in zip(strides, variables, strict=True))])
    text = f"p[{text}]"
    for v, size in reversed(list(zip(variables, shape, strict=True))):
        text = f"[{text} for {v} in range({size})]"
    return text, last + 1


def _filled(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Numbers of this shape, from a few drawn ones, so that examples stay small."""
    seed = draw(st.integers(0, 1000))
    state = [seed]

    def one(axes: tuple[int, ...]) -> Any:
        if axes:
            return [one(axes[1:]) for _ in range(axes[0])]
        state[0] = (state[0] * 1103515245 + 12345) % 2**31
        return round(state[0] / 2**30 - 1, 3)

    return one(shape)
