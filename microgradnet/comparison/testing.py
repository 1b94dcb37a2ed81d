"""Derivatives in tests: `assert_gradients` for one derived by hand, `check_gradients` for autograd itself."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from microgradnet import finite
from microgradnet.comparison.bounds import noise, tied, tolerances
from microgradnet.comparison.comparing import compare
from microgradnet.comparison.verdicts import NEAR, SHARP, Kind, Opinion, by_differences, judge_differences, shown
from microgradnet.display import Shown, Table
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.transforms import grad, hvp
from microgradnet.value import Condition, Value, number

__all__ = ["Checked", "GradientCheck", "assert_gradients", "check_gradients"]

MOST_SHOWN = 20
"""Of more derivatives only those that differ are printed."""

DIRECTIONS = 2
"""Second derivatives are checked along so many random directions at each point."""

LONGEST = 2.0**-5
"""The longest step along a direction, as a part of it; the others are shorter."""


def assert_gradients(loss: Value, by_hand: Any, **options: Any) -> None:
    """Raise one AssertionError, which holds the table and the causes, unless the derivatives by hand agree.

    `loss`, `by_hand` and the `options` are those of `compare`. It also raises where nothing was compared, or nothing
    could be decided at this point.

    >>> from microgradnet import Value
    >>> w = Value(3.0, "w")
    >>> assert_gradients(w * w, {"w": 6.0})
    >>> assert_gradients(w * w, {"w": -6.0})
    Traceback (most recent call last):
    AssertionError: Autograd and by hand disagree on 1 of 1: w.
    parameter  autograd  by hand  finite diff.  verdict
    ∂mul1/∂w          6       -6             6  differs: -1 × autograd
    ∂mul1/∂w: the sign is wrong (holds at 1 of 1 point).
    Autograd and by hand disagree on 1 of 1: w.
    """
    __tracebackhide__ = True
    comparison = compare(loss, by_hand, **options)
    if not comparison.ok:
        raise AssertionError(f"{comparison.summary()}\n{comparison}")


class Checked(NamedTuple):
    """One derivative at one point: of which `order`, the `name` of what it is by, both numbers, how far the finite
    difference can be trusted, and whether it confirms autograd (None: it cannot tell), in words (`verdict`) and as a
    `kind` (see `verdicts.Kind`)."""

    order: int
    name: str
    point: int
    autograd: float
    finite_difference: float
    finite_error: float
    agrees: bool | None
    verdict: str
    kind: Kind


class GradientCheck(Shown):
    """What `check_gradients` found: `.lines`, one `Checked` for each derivative and point, and `.ok`.

    As a truth value it is `.ok`; printed, it has a row for each derivative, with the worst of its points.
    """

    __slots__ = ("lines", "of")

    def __init__(self, of: str, lines: list[Checked]) -> None:
        self.of, self.lines = of, lines

    @property
    def ok(self) -> bool:
        """Whether something was decided, and nothing differs. Kinks and what is not decidable are no differences."""
        return any(line.agrees for line in self.lines) and all(line.agrees is not False for line in self.lines)

    def __bool__(self) -> bool:
        return self.ok

    def table(self) -> Table:
        """One row per derivative: the worst of its points."""
        rows, styles = [], []
        grouped: dict[tuple[int, str], list[Checked]] = {}
        for line in self.lines:
            grouped.setdefault((line.order, line.name), []).append(line)
        shown_ones = [lines for lines in grouped.values() if any(line.agrees is False for line in lines)]
        hidden = len(grouped) - len(shown_ones) if len(grouped) > MOST_SHOWN else 0
        for lines in shown_ones if hidden else grouped.values():
            worst = min(lines, key=lambda line: {False: 0, None: 1, True: 2}[line.agrees])
            agree, decided = sum(bool(line.agrees) for line in lines), [l for l in lines if l.agrees is not None]
            numbers = [shown(worst.autograd, 9), shown(worst.finite_difference, 7)]
            rows.append([worst.name, *numbers, f"{agree} of {len(decided)}", worst.verdict])
            styles.append({True: "good", False: "bad", None: None}[worst.agrees])
        notes = [f"{hidden} others that agree are not shown."] if hidden else []
        notes += ["d is a random direction in all parameters."] if any(line.order == 2 for line in self.lines) else []
        heads = ["derivative", "autograd", "finite diff.", "points agree", "verdict"]
        return Table(heads, rows, align="lrrll", styles=styles, notes=[*notes, self.summary()])

    def summary(self) -> str:
        """The verdict on all of it, in one sentence."""
        wrong = list(dict.fromkeys(f"{line.name}" for line in self.lines if line.agrees is False))
        kinks = sum(line.kind in ("kink", "tie") for line in self.lines)
        aside = f" {kinks} at a kink." if kinks else ""
        if wrong:
            return f"Autograd and finite differences disagree on {', '.join(wrong)}.{aside}"
        if not self.ok:
            return f"Nothing could be decided at these points.{aside}"
        return f"Autograd and finite differences agree.{aside}"

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {"of": self.of, "ok": self.ok, "lines": [line._asdict() for line in self.lines]}


def check_gradients(f: Callable[..., Any], at: Any, *, order: int = 2, points: int = 3, seed: int = 0) -> GradientCheck:
    """Hold the derivatives of a Python function by autograd against finite differences, of first and second order.

    Args:
        f: a function as `grad` takes it, of numbers, lists, tuples, dicts and arrays of them; it returns one number,
            or several in a structure, each of which is checked.
        at: where: the argument or, as a tuple, the arguments (a list is one argument).
        order: 1 for first derivatives only; 2 also for second ones, as products of the hessian with random
            directions, held against differences of the gradient.
        points: the given point, and others near it, moved at random by up to a fifth.
        seed: of the generator that chooses points and directions.

    At a kink (relu at 0, max of equals) there is no derivative: it is told, and right is what lies between the slopes
    on both sides. What the finite differences are too blunt for, is "not decidable here", and no difference.

    Raises TypeError where f returns no numbers, InputError for an order, points or argument that cannot be used; what
    f raises at the given point is passed on.

    >>> from microgradnet import tanh
    >>> from microgradnet.comparison import check_gradients
    >>> check_gradients(lambda w, x: tanh(w * x) ** 2, at=(0.5, 3.0)).ok
    True
    >>> check_gradients(lambda v: v[0] * v[1], at=[2.0, 5.0], order=1, points=1)
    derivative  autograd  finite diff.  points agree  verdict
    ∂f/∂v[0]           5             5  1 of 1        equal
    ∂f/∂v[1]           2             2  1 of 1        equal
    Autograd and finite differences agree.
    """
    if order not in (1, 2):
        raise InputError(f"order is {order!r:.40}; it is 1 for first derivatives, or 2 for second ones too")
    if not isinstance(points, int) or points < 1:
        raise InputError(f"points is {points!r:.40}; it must be a whole number, 1 or more")
    if not callable(f):
        raise TypeError(f"check_gradients wants a function, got {type(f).__name__}; for a Value there is compare")
    arguments = at if isinstance(at, tuple) and not hasattr(at, "_fields") else (at,)
    names = [name for i, a in enumerate(arguments) for name in _names(_parameter(f, i), a)]
    start = list(_numbers(arguments))
    if not start:
        raise InputError("at holds no numbers, so there is nothing to differentiate by")
    flat = partial(_flat, f, arguments)
    outputs = flat([Value(x) for x in start])
    called = getattr(f, "__name__", "f")
    called = called if called.isidentifier() else "f"
    dice = random.Random(seed)
    lines: list[Checked] = []
    for point in range(points):
        x = start if point == 0 else [_moved(x, dice) for x in start]
        for place, (suffix, _) in enumerate(outputs):
            one = partial(_one, flat, place)
            try:
                lines += _first_order(one, x, names, called + suffix, point)
                if order == 2:
                    lines += _second_order(one, x, names, called + suffix, point, dice)
            except (ArithmeticError, ValueError, IndexError):  # near the given point f may be outside of its domain
                if point == 0:
                    raise
    return GradientCheck(called, lines)


# --- orders -----------------------------------------------------------------------------------------------------------


def _first_order(
    one: Callable[[list[Any]], Any], x: list[float], names: list[str], f: str, point: int
) -> Iterator[Checked]:
    leaves = [Value(number) for number in x]
    result = one(leaves)
    graph = Graph(result if result.__class__ is Value else Value(result))
    gradient = grad(one)(x)
    bounds = tolerances(graph, graph.gradient())
    rounding = noise(graph)
    scale = max(abs(g) for g in [*gradient, 0.0] if math.isfinite(g))
    for i, (leaf, by_autograd) in enumerate(zip(leaves, gradient, strict=True)):
        place = graph.number(leaf) if leaf in graph else None
        size = abs(float(graph.data[-1])) / max(1.0, abs(x[i]))
        opinion = by_differences(
            partial(_moving, one, x, i), x[i], by_autograd,
            bound=bounds[place] if place is not None else 0.0, noise=rounding,
            scale=max(scale, size) if math.isfinite(size) else scale,
            again=partial(_slope, one, x, i), tie=partial(tied, graph, place) if place is not None else lambda: None,
        )  # fmt: skip
        yield _checked(1, f"∂{f}/∂{names[i]}", point, by_autograd, opinion)


def _second_order(
    one: Callable[[list[Any]], Any], x: list[float], names: list[str], f: str, point: int, dice: random.Random
) -> Iterator[Checked]:
    """The hessian times a direction, beside differences of the gradient along it."""
    leaves = [Value(number) for number in x]
    result = one(leaves)
    graph = Graph(result if result.__class__ is Value else Value(result))
    ties = [tied(graph, graph.number(leaf)) for leaf in leaves if leaf in graph]
    tie = next((t for t in ties if t is not None), None)
    gradient = grad(one)
    for _ in range(DIRECTIONS):
        # every number is moved by a part of itself, so that none is left behind by the size of others
        v = [dice.choice((-1, 1)) * dice.uniform(0.5, 1.0) * (abs(n) or 1.0) for n in x]
        along = hvp(one, x, v)
        met: dict[float, list[float]] = {}

        def at(t: float, v: list[float] = v, met: dict[float, list[float]] = met) -> list[float]:
            if t not in met:
                try:
                    met[t] = gradient([n + t * step for n, step in zip(x, v, strict=True)])
                except (ArithmeticError, ValueError, IndexError):
                    met[t] = [math.nan] * len(x)
            return met[t]

        hidden = _hides_steps(
            graph, {graph.number(leaf): n for leaf, n in zip(leaves, v, strict=True) if leaf in graph}
        )
        lost = 5e-324 * max(1.0, *map(abs, x)) * max(1.0, *map(abs, v))  # where a product is too small for a float
        scale = max([abs(n) for n in (*along, *at(0.0)) if math.isfinite(n)], default=0.0)
        for i, by_autograd in enumerate(along):
            component = partial(_component, at, i)
            found = finite.richardson(component, 0.0, LONGEST)
            bound = 1e-10 * scale if abs(by_autograd) < SHARP * scale else SHARP * abs(by_autograd)
            bound += lost if math.isfinite(lost) else 0.0
            opinion = judge_differences(
                by_autograd, found, bound, scale,
                slopes=partial(finite.kink, component, 0.0, finite.STEP), tie=lambda: tie,
                near=partial(_near, one, x, v, i), settles=partial(finite.settles, component, 0.0, finite.STEP),
            )  # fmt: skip
            if hidden and opinion.agrees is False:
                opinion = opinion._replace(agrees=None, kind="undecided", words="not decidable here")
            yield _checked(2, f"∂²{f}/∂{names[i]}∂d", point, by_autograd, opinion)


def _hides_steps(graph: Graph, direction: dict[int, float]) -> bool:
    """Whether a result changes along the direction by less than its last digits can show, as exp(x) does at 1e-20."""
    changes = graph.forward(graph.partials, direction)
    return any(
        graph.operations[place] and change is not None and 0.0 < abs(change) * LONGEST < 1000 * math.ulp(y)
        for place, (change, y) in enumerate(zip(changes, graph.data, strict=True))
        if math.isfinite(y)
    )


def _checked(order: int, name: str, point: int, autograd: float, opinion: Opinion) -> Checked:
    return Checked(
        order, name, point, autograd, opinion.value, opinion.error, opinion.agrees, opinion.words, opinion.kind
    )


def _slope(one: Callable[[list[Any]], Any], x: list[float], place: int, to: float) -> float:
    """Autograd's derivative with one number moved; nan out of the function's domain."""
    try:
        return float(grad(one)([*x[:place], to, *x[place + 1 :]])[place])
    except (ArithmeticError, ValueError):
        return math.nan


def _near(one: Callable[[list[Any]], Any], x: list[float], v: list[float], place: int) -> tuple[list[float], float]:
    """One component of the hessian times v: means of those a little further along v and as far back."""

    def at(t: float) -> float:
        try:
            return float(hvp(one, [n + t * step for n, step in zip(x, v, strict=True)], v)[place])
        except (ArithmeticError, ValueError):
            return math.nan

    return [(at(-part * finite.STEP) + at(part * finite.STEP)) / 2 for part in NEAR], (at(-1e-323) + at(1e-323)) / 2


def _component(vector: Callable[[float], list[float]], place: int, t: float) -> float:
    return vector(t)[place]


# --- arguments and results as flat lists ------------------------------------------------------------------------------


def _one(flat: Callable[[list[Any]], list[tuple[str, Any]]], place: int, numbers: list[Any]) -> Any:
    return flat(numbers)[place][1]


def _flat(f: Callable[..., Any], arguments: tuple[Any, ...], numbers: list[Any]) -> list[tuple[str, Any]]:
    """The results of f with these numbers in the places of its arguments', each with what names it."""
    waiting = iter(numbers)
    result = f(*[_rebuilt(argument, waiting) for argument in arguments])
    return [(suffix, _result(x)) for suffix, x in zip(_names("", result), _elements(result), strict=True)]


def _result(x: Any) -> Any:
    if x.__class__ is Value:
        return x
    plain = number(x)
    if plain is NotImplemented:
        raise TypeError(f"check_gradients wants a function that returns numbers, got {type(x).__name__} {x!r:.40}")
    return Value(plain)


def _moving(one: Callable[[list[Any]], Any], x: list[float], place: int, to: float) -> float:
    """The result with one number moved; nan where that leads out of the function's domain."""
    try:
        return float(one([Value(n) for n in [*x[:place], to, *x[place + 1 :]]]).data)
    except (ArithmeticError, ValueError):
        return math.nan


def _moved(x: float, dice: random.Random) -> float:
    return x * dice.uniform(0.8, 1.2) if x else dice.uniform(-0.1, 0.1)


def _parameter(f: Callable[..., Any], place: int) -> str:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds]
    return names[place] if place < len(names) else f"x{place + 1}"


def _names(stem: str, tree: Any) -> Iterator[str]:
    """What the numbers of a structure are called: v[0], p['w'], a[0, 1]."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _names(f"{stem}[{key!r}]", branch)
    elif isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from _names(f"{stem}[{i}]", branch)
    elif getattr(tree, "shape", ()) != ():
        import numpy

        for index in numpy.ndindex(tree.shape):
            yield f"{stem}[{', '.join(map(str, index))}]"
    else:
        yield stem


def _elements(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from _elements(branch)
    elif getattr(tree, "shape", ()) != ():
        yield from tree.reshape(-1).tolist()
    else:
        yield tree


def _numbers(tree: Any) -> Iterator[float]:
    for x in _elements(tree):
        plain = x.data if x.__class__ is Value else number(x)
        if plain is NotImplemented or isinstance(x, Condition):
            raise TypeError(
                f"at wants numbers, or lists, tuples, dicts and arrays of them, got {type(x).__name__} {x!r:.40}"
            )
        yield float(plain)


def _rebuilt(tree: Any, numbers: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _rebuilt(branch, numbers) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[_rebuilt(branch, numbers) for branch in tree])
    if isinstance(tree, (list, tuple)):
        return type(tree)(_rebuilt(branch, numbers) for branch in tree)
    if getattr(tree, "shape", ()) != ():
        import numpy

        array = numpy.empty(tree.size, dtype=object)
        array[:] = [next(numbers) for _ in range(tree.size)]
        return array.reshape(tree.shape)
    return next(numbers)
