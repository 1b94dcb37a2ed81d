"""An optimiser's step as nodes of a plan: the optimiser's own formula, run on nodes in the place of floats.

`stepping` takes a plan of (loss, gradient) and gives one of a whole step. Its results are the loss and, for each
argument X that a step changes, `new_X`: what stands in X's place at the next step. `rate` is one more argument.

    before    p, X, y                       -> loss, gradient
    after     p, X, y, rate [, velocity]    -> loss, new_p [, new_velocity]

Where the plan works on whole arrays the formula runs once, on the vector of all parameters; where it is spelled out
number by number, once for each parameter.

    >>> from microgradnet.compiler.arrays import argument, total
    >>> from microgradnet.optim import SGD
    >>> from microgradnet.value import Value
    >>> p, x = argument("p", (2,)), argument("x", (2,))
    >>> error = p - x
    >>> step = stepping(Plan((total(error * error, (0,)), 2 * error), ("loss", "gradient")), SGD([Value(3), Value(4)]))
    >>> print(step.plan)
    p: (2,) argument
    x: (2,) argument
    v1: (2,) = sub p x
    v2: (2,) = mul v1 v1
    loss: () = sum v2 (0,)
    rate: () argument
    v3: (2,) = mul 2.0 v1
    v4: (2,) = mul rate v3
    new_p: (2,) = sub p v4
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradnet.compiler.arrays import accumulate, argument, elementwise, expand, number, table, view
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.plan import Node, Plan
from microgradnet.errors import InputError
from microgradnet.optim import SGD, Adam, AdamW, Optimizer

__all__ = ["NEW", "RATE", "Stepping", "beside_rates", "is_spelled_out", "stepping"]

RATE, NEW = "rate", "new_"


@dataclass(frozen=True)
class Stepping:
    """The plan of a step, and the names of the optimiser's states among its arguments, in the order of the optimiser.

    A state whose name is None takes no part: an SGD without momentum has no velocity.
    """

    plan: Plan
    states: tuple[str | None, ...]


def is_spelled_out(plan: Plan) -> bool:
    """Whether the plan reads its parameters one by one, and nothing else of them."""
    p = plan.arguments.get("p")
    readers = [node for node in plan.nodes if p in node.operands]
    return all(node.op == "view" and node.shape == () for node in readers)


def stepping(
    plan: Plan, optimizer: Optimizer, moved: Sequence[int] | None = None, data: Sequence[str] = ()
) -> Stepping:
    """The plan of a step of the optimiser: `plan` gives the loss and the gradient by the argument p.

    `moved`: which parameters the optimiser holds, by their place in p (None: all); the others stay. `data`: the names
    of all data arguments, in which the plan has them as `beside_rates` names them. InputError where the `update` of an
    optimiser of one's own does not run on nodes: it is to be written with operators only.
    """
    others = dict(zip(data, beside_rates(data), strict=True))
    plan = rebuilt(plan, lambda node, _: _renamed(node, others))
    if type(optimizer) not in (SGD, Adam, AdamW):
        _try_out(optimizer)
    p, gradient = plan.arguments.get("p"), plan.results[1]
    if p is None:
        p = argument("p", gradient.shape)
    states = _states(optimizer, p, taken={*plan.arguments, *others.values(), RATE, f"{RATE}s"})
    rate = argument(RATE, ())
    places = range(p.shape[0]) if moved is None else moved
    step = _one_by_one if is_spelled_out(plan) else _all_at_once
    new_p, new_states = step(optimizer, p, gradient, states, rate, places)
    results = {"loss": plan.results[0], NEW + "p": new_p}
    names: list[str | None] = []
    for old, new in zip(states, new_states, strict=True):
        read = old is not None and old.op == "argument"
        names.append(old.detail if old is not None and read else None)
        if old is not None and read:
            results[NEW + old.detail] = new
    whole = Plan(tuple(results.values()), tuple(results), {gradient: "gradient"} | dict(plan.labels or {}))
    return Stepping(whole, tuple(names))


def beside_rates(data: Sequence[str]) -> list[str]:
    """The names of data, none of them that of the rate or the rates.

    >>> beside_rates(["X", "rate", "rate_"])
    ['X', 'rate__', 'rate_']
    """
    names = list(data)
    for i, name in enumerate(names):
        if name in (RATE, f"{RATE}s"):
            while name in (RATE, f"{RATE}s") or name in names:
                name += "_"
            names[i] = name
    return names


def _renamed(node: Node, names: Mapping[str, str]) -> Node | None:
    if node.op == "argument" and names.get(node.detail, node.detail) != node.detail:
        return argument(names[node.detail], node.shape)
    return None


# --- states ---------------------------------------------------------------------------------------------------------


def _states(optimizer: Optimizer, p: Node, taken: set[str]) -> list[Node]:
    """The states as arguments: a number for all parameters where it counts steps, else a number for each."""
    names = _state_names(optimizer)
    nodes = []
    for name, start in zip(names, optimizer.initial_state, strict=True):
        while name in taken:
            name += "_"
        taken.add(name)
        if isinstance(optimizer, SGD) and not optimizer.momentum and _is_plain(optimizer):
            nodes.append(number(0.0))
        else:
            nodes.append(argument(name, () if start.__class__ is int else p.shape))
    return nodes


def _state_names(optimizer: Optimizer) -> list[str]:
    n = len(optimizer.initial_state)
    if isinstance(optimizer, Adam):
        names = list(inspect.signature(optimizer.formula).parameters)[2:]
        if len(names) >= n:
            return names[:n]
    if isinstance(optimizer, SGD) and n == 1:
        return ["velocity"]
    return [f"state{i + 1}" for i in range(n)]


def _is_plain(optimizer: Optimizer) -> bool:
    return type(optimizer).update is SGD.update


# --- the formula on nodes -------------------------------------------------------------------------------------------


def _update(optimizer: Optimizer, parameter: Node, gradient: Node, state: Sequence[Node], rate: Node) -> list[Node]:
    """The new parameter and the new states."""
    try:
        new, after = optimizer.update(parameter, gradient, tuple(state), rate)  # type: ignore[arg-type]
        if len(after) != len(state):
            raise TypeError(f"it returned {len(after)} states for {len(state)}")
        olds = [parameter, *state]
        news = [x if isinstance(x, Node) else number(float(x)) for x in (new, *after)]
        return [expand(new, old.shape) if new.shape == () else new for new, old in zip(news, olds, strict=True)]
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError(_refusal(optimizer, str(error))) from error


def _refusal(optimizer: Optimizer, why: str) -> str:
    return (
        f"{type(optimizer).__name__}.update does not run inside a compiled program ({why}); write it with operators "
        'alone (+ - * / **), without math, if and while, or train with fit(…, engine="eager")'
    )


POINTS = ((0.5, -0.25, 0.0), (-1.5, 2.0, 0.75), (3.0, 40.0, 1.5), (0.0, 0.0, 0.25))
"""Parameter, gradient, and what is added to the first states, where an update of one's own is tried out."""


def _try_out(optimizer: Optimizer) -> None:
    """InputError where an update gives something else on nodes than on floats, as one that decides by `==` does."""
    start = optimizer.initial_state
    arguments = [argument(name, ()) for name in ("p", "g", RATE, *(f"s{i}" for i in range(len(start))))]
    p, g, rate, *states = arguments
    results = _update(optimizer, p, g, states, rate)
    plan = Plan(tuple(results), tuple(f"r{i}" for i in range(len(results))))
    for parameter, gradient, more in POINTS:
        state = tuple(s + int(4 * more) if s.__class__ is int else s + more for s in start)
        numbers: dict[str, Any] = {"p": parameter, "g": gradient, RATE: 0.1} | {
            f"s{i}": float(s) for i, s in enumerate(state)
        }
        new, after = optimizer.update(parameter, gradient, state, 0.1)
        got = interpret(plan, **numbers)
        if not np.allclose([float(x) for x in got], [new, *after], rtol=1e-12, atol=0.0, equal_nan=True):
            raise InputError(_refusal(optimizer, "on floats it gives other numbers than written out"))


def _all_at_once(
    optimizer: Optimizer, p: Node, gradient: Node, states: list[Node], rate: Node, places: Sequence[int]
) -> tuple[Node, list[Node]]:
    olds = [p, *states]
    news = _update(optimizer, p, gradient, states, rate)
    if len(places) < p.shape[0]:
        mask = np.zeros(p.shape[0])
        mask[list(places)] = 1.0
        held = elementwise("truth", table(mask))
        news = [
            elementwise("where", held, new, old) if old.shape == p.shape else new
            for new, old in zip(news, olds, strict=True)
        ]
    return news[0], news[1:]


def _one_by_one(
    optimizer: Optimizer, p: Node, gradient: Node, states: list[Node], rate: Node, places: Sequence[int]
) -> tuple[Node, list[Node]]:
    held = set(places)
    olds = [p, *states]
    columns: list[list[Node]] = [[] for _ in olds]
    counted: dict[int, Node] = {}
    for i in range(p.shape[0]):
        old = [_at(x, i) for x in olds]
        new = _update(optimizer, old[0], _at(gradient, i), old[1:], rate) if i in held else old
        for k, column in enumerate(columns):
            column.append(new[k])
            if olds[k].shape == () and i in held:
                counted[k] = new[k]
    news = [
        counted.get(k, olds[k])
        if olds[k].shape == ()
        else accumulate(p.shape, [((("slice", (i,)),), new) for i, new in enumerate(column)])
        for k, column in enumerate(columns)
    ]
    return news[0], news[1:]


def _at(x: Node, i: int) -> Node:
    """Element i of a vector; a single number is the same for all."""
    if x.shape == ():
        return x
    if x.op == "accumulate":
        parts: Any = [part for steps, part in zip(x.detail, x.operands, strict=True) if steps == (("slice", (i,)),)]
        if all(len(steps) == 1 and steps[0][0] == "slice" and steps[0][1][0].__class__ is int for steps in x.detail):
            return parts[0] if parts else number(0.0)
    return view(x, ("slice", (i,)))
