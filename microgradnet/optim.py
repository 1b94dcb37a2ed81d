"""Optimisers: how a parameter moves when its gradient is known. SGD, Adam, AdamW, equal to PyTorch's step for step.

Each formula is written once, as a function that takes the old numbers and returns the new ones (`sgd`, `adam`,
`adamw`), with operators only: it serves floats and NumPy arrays alike. The classes hold what such a function needs
between two steps and apply it to a list of Values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "adam", "adamw", "chosen_optimizer", "sgd"]

Number: TypeAlias = Any  # a float, or a NumPy array of them
Rate: TypeAlias = "float | Callable[[int], float]"
State: TypeAlias = tuple[Number, ...]


# --- the formulas -------------------------------------------------------------------------------------------------


def sgd(
    parameter: Number,
    gradient: Number,
    velocity: Number,
    *,
    rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Number, Number]:
    """One step of gradient descent: the new parameter and the new velocity (0.0 before the first step).

    Plain: `w - rate * g`, as the article writes it. With momentum the velocity `v = momentum * v + g` takes the
    place of g (Sutskever et al. 2013, in PyTorch's form), with `nesterov` it is `g + momentum * v`.
    Weight decay adds `weight_decay * w` to g first.

    >>> sgd(1.0, 0.5, 0.0, rate=0.1)
    (0.95, 0.5)
    """
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    velocity = momentum * velocity + gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    return parameter - rate * direction, velocity


def adam(
    parameter: Number,
    gradient: Number,
    steps: int,
    mean: Number,
    square: Number,
    *,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Number, int, Number, Number]:
    """One step of Adam (Kingma and Ba 2015, algorithm 1): the new parameter, count of steps, mean and mean square.

    The last three are 0, 0.0, 0.0 before the first step. Weight decay adds `weight_decay * w` to the gradient first.

    >>> round(adam(1.0, 0.5, 0, 0.0, 0.0, rate=0.1)[0], 7)
    0.9
    """
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    steps = steps + 1
    mean = betas[0] * mean + (1 - betas[0]) * gradient
    square = betas[1] * square + (1 - betas[1]) * (gradient * gradient)
    unbiased_mean = mean / (1 - betas[0] ** steps)
    unbiased_square = square / (1 - betas[1] ** steps)
    return parameter - rate * unbiased_mean / (unbiased_square**0.5 + eps), steps, mean, square


def adamw(
    parameter: Number,
    gradient: Number,
    steps: int,
    mean: Number,
    square: Number,
    *,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Number, int, Number, Number]:
    """One step of AdamW (Loshchilov and Hutter 2019): the weight is shrunk by itself, apart from the gradient.

    >>> round(adamw(1.0, 0.5, 0, 0.0, 0.0, rate=0.1)[0], 7)
    0.899
    """
    shrunk = parameter * (1 - rate * weight_decay)
    return adam(shrunk, gradient, steps, mean, square, rate=rate, betas=betas, eps=eps)


# --- the optimisers -----------------------------------------------------------------------------------------------


class Optimizer:
    """What all optimisers share: a list of parameters, a learning rate, a state per parameter, `step()`.

    `lr` is a number, or a function that is given the epoch (counted from 0) and returns the rate of that epoch.
    `epoch` is the number of epochs that are finished; `fit` counts it, in a loop of your own set it yourself.

    A subclass gives `initial_state` and `update`.
    """

    initial_state: State = ()

    def __init__(self, parameters: Iterable[Value], lr: Rate) -> None:
        self.parameters = _checked_parameters(parameters)
        self.lr: Rate = lr if callable(lr) else _at_least_zero("lr", lr)
        self.epoch = 0
        self.states: list[State] = [self.initial_state] * len(self.parameters)

    @property
    def rate(self) -> float:
        """The learning rate of the present epoch. InputError if the function `lr` gives a negative or no number."""
        return _at_least_zero(f"lr({self.epoch})", self.lr(self.epoch)) if callable(self.lr) else self.lr

    def update(self, parameter: Number, gradient: Number, state: State, rate: float) -> tuple[Number, State]:
        """The parameter and its state after a step; floats or arrays. Changes nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no update()")

    def step(self) -> None:
        """Move every parameter once by its `.grad`. All or none move, even if Ctrl-C arrives in the middle."""
        rate, update = self.rate, self.update
        after = [update(p.data, p.grad, state, rate) for p, state in zip(self.parameters, self.states, strict=True)]
        try:
            self._commit(after)
        except BaseException:  # an interrupt: the new numbers are known, so the step is finished before it goes on
            self._commit(after)
            raise

    def _commit(self, after: list[tuple[Number, State]]) -> None:
        for p, (data, _) in zip(self.parameters, after, strict=True):
            p.data = data
        self.states = [state for _, state in after]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0, as before each backward()."""
        for p in self.parameters:
            p.grad = 0.0


class SGD(Optimizer):
    """Stochastic gradient descent: `w ← w - lr ∂L/∂w`, with momentum, Nesterov's momentum and weight decay.

    `lr` ≥ 0 (a number or a function of the epoch), `momentum` ≥ 0, `weight_decay` ≥ 0; `nesterov` needs a momentum.
    Anything else is an InputError. The formula is `sgd`; equal to `torch.optim.SGD` with dampening 0.

    >>> from microgradnet.value import Value
    >>> w = Value(3.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.data, 12)
    2.4
    """

    initial_state: State = (0.0,)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = _at_least_zero("momentum", momentum)
        self.nesterov = bool(nesterov)
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        if self.nesterov and not self.momentum:
            raise InputError("SGD: nesterov=True needs a momentum above 0, for example momentum=0.9")

    def update(self, parameter: Number, gradient: Number, state: State, rate: float) -> tuple[Number, State]:
        data, velocity = sgd(
            parameter,
            gradient,
            state[0],
            rate=rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )
        return data, (velocity,)


class Adam(Optimizer):
    """Adam: every parameter has a rate of its own, from running means of its gradient and of its square.

    `lr` ≥ 0 (a number or a function of the epoch), `betas` two numbers in [0, 1), `eps` > 0, `weight_decay` ≥ 0;
    anything else is an InputError. The formula is `adam`; equal to `torch.optim.Adam`.

    >>> from microgradnet.value import Value
    >>> w = Value(3.0)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.data, 7)
    2.9
    """

    initial_state: State = (0, 0.0, 0.0)
    formula = staticmethod(adam)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = _checked_betas(betas)
        self.eps = _at_least_zero("eps", eps)
        if not self.eps:
            raise InputError("eps must be above 0 (it keeps 0 / 0 away), got 0.0; the usual one is 1e-8")
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)

    def update(self, parameter: Number, gradient: Number, state: State, rate: float) -> tuple[Number, State]:
        data, *after = self.formula(
            parameter,
            gradient,
            *state,
            rate=rate,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
        )
        return data, tuple(after)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient. The formula is `adamw`; equal to `torch.optim.AdamW`.

    Arguments and errors as `Adam`; `weight_decay` is 0.01 if not given.

    >>> from microgradnet.value import Value
    >>> AdamW([Value(3.0)]).weight_decay
    0.01
    """

    formula = staticmethod(adamw)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)


# --- what may be given --------------------------------------------------------------------------------------------


def _number(what: str, given: Any) -> float:
    try:
        if isinstance(given, (str, bytes)):
            raise TypeError
        return float(given)
    except (TypeError, OverflowError):
        raise TypeError(f"{what} wants a number, got {type(given).__name__} {given!r:.60}") from None


def chosen_optimizer(where: str, parameters: Iterable[Value], optimizer: Any, lr: Any) -> Optimizer:
    """The optimiser that was given, or plain SGD with the rate `lr` (0.1); `where` is what was called, for a refusal.

    InputError if both are given, TypeError for what is no optimiser.

    >>> chosen_optimizer("fit", [Value(1.0)], None, None).rate
    0.1
    """
    if optimizer is None:
        return SGD(parameters, 0.1 if lr is None else lr)
    if lr is not None:
        raise InputError(f"{where}: give either an optimizer, which has its own rate, or lr, not both")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{where}: optimizer must be one of optim, such as optim.Adam(model.parameters(), 0.01), got "
            f"{type(optimizer).__name__} {optimizer!r:.60}"
        )
    return optimizer


def _at_least_zero(what: str, given: Any) -> float:
    number = _number(what, given)
    if not 0.0 <= number < math.inf:
        raise InputError(f"{what} must be a finite number of at least 0, got {number!r}")
    return number


def _checked_betas(given: Any) -> tuple[float, float]:
    try:
        first, second = given
    except (TypeError, ValueError):
        raise InputError(f"betas must be two numbers, such as (0.9, 0.999), got {given!r:.60}") from None
    betas = _number("betas", first), _number("betas", second)
    if not all(0.0 <= beta < 1.0 for beta in betas):
        raise InputError(f"betas must be at least 0 and below 1, got {betas}")
    return betas


def _checked_parameters(given: Iterable[Value]) -> list[Value]:
    cure = "give the list model.parameters()"
    if isinstance(given, Value) or not isinstance(given, Iterable):
        raise TypeError(f"an optimiser wants a list of Values, got {type(given).__name__}; {cure}")
    parameters = list(given)
    if not parameters:
        raise InputError(f"an optimiser wants at least one parameter, got an empty list; {cure}")
    for i, p in enumerate(parameters):
        if not isinstance(p, Value):
            raise TypeError(
                f"an optimiser wants a list of Values, but element {i} is of type {type(p).__name__}; {cure}"
            )
        if p.op is not None:
            raise InputError(
                f"parameter {i}{f' ({p.label})' if p.label else ''} is the result of {p.op!r}, and a step would not "
                "last: give the Values that it was computed from"
            )
    if len(set(parameters)) < len(parameters):
        raise InputError("an optimiser wants every parameter once, but one stands in the list twice")
    return parameters
