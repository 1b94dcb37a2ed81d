"""Losses: how far a prediction is from its target, as one Value to minimise.

Every loss takes `(prediction, target)`: two single numbers or Values, or two sequences (lists, tuples, arrays) of
equal shape, of any depth; then it is the mean over all elements, as PyTorch's `reduction="mean"`. `cross_entropy`
takes a list of logits and the number of the right class, or a list of each. The result is always a Value. Shapes
that differ, empty sequences and impossible targets are an InputError, things that are no numbers a TypeError.

Values and derivatives are PyTorch's; `binary_cross_entropy` says where it departs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from microgradnet import functions as f
from microgradnet.errors import InputError
from microgradnet.value import Value

__all__ = [
    "LOSSES",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge",
    "huber",
    "mae",
    "mse",
]


def mse(prediction: Any, target: Any) -> Value:
    """Mean squared error, `(target - prediction)²`, the article's loss.

    >>> mse([0.0, 0.0, 0.0, 0.0], [1, 0, 0, 1]).data
    0.5
    """
    return _mean_of("mse", lambda p, t: (t - p) ** 2, prediction, target)


def mae(prediction: Any, target: Any) -> Value:
    """Mean absolute error, `|target - prediction|`; where they are equal its derivative is 0.

    >>> mae([1.0, 2.0], [1.5, 4.0]).data
    1.25
    """
    return _mean_of("mae", lambda p, t: abs(t - p), prediction, target)


def huber(prediction: Any, target: Any, delta: float = 1.0) -> Value:
    """Huber's loss (1964): `d² / 2` for a difference d of at most `delta`, beyond it `delta (|d| - delta / 2)`.

    So an outlier pulls with a force of `delta` at most. `delta` must be finite and above 0 (InputError).

    >>> huber([0.5, 3.0], [0.0, 0.0]).data  # (0.125 + 2.5) / 2
    1.3125
    """
    if not 0.0 < delta < math.inf:
        raise InputError(f"huber: delta must be a finite number above 0, got {delta!r}")

    def one(p: Any, t: Any) -> Any:
        d = abs(t - p)
        return f.where(d <= delta, 0.5 * d**2, delta * (d - 0.5 * delta))

    return _mean_of("huber", one, prediction, target)


def binary_cross_entropy(prediction: Any, target: Any) -> Value:
    """`-(t log p + (1 - t) log(1 - p))` for probabilities p and targets t, both in [0, 1] (else InputError).

    Each logarithm is kept at -100 or above, as PyTorch keeps it, so that a certain and right prediction costs 0
    and a certain and wrong one 100. Where a logarithm is so cut it sends no gradient; everywhere else the derivative
    is exact, `(p - t) / (p (1 - p))`. PyTorch keeps that denominator at 1e-12 or above, so for p within 1e-12 of
    0 or 1 the two differ. From logits take `binary_cross_entropy_with_logits`, which has no such edge.

    >>> round(binary_cross_entropy(0.8, 1).data, 6)
    0.223144
    """

    def one(p: Any, t: Any) -> Any:
        if p.data < 0.0 or p.data > 1.0:
            raise InputError(
                f"binary_cross_entropy wants a probability from 0 to 1, got {p.data!r}; "
                "for a logit take binary_cross_entropy_with_logits, or give the output neuron a sigmoid"
            )
        _check_share("binary_cross_entropy", t)
        return -(t * f.maximum(f.log(p), -100.0) + (1 - t) * f.maximum(f.log1p(-p), -100.0))

    return _mean_of("binary_cross_entropy", one, prediction, target)


def binary_cross_entropy_with_logits(prediction: Any, target: Any) -> Value:
    """Binary cross-entropy of `sigmoid(prediction)`, computed as `softplus(x) - t x`: no overflow, no log of 0.

    Targets must be in [0, 1] (InputError). The derivative is `sigmoid(x) - t`.

    >>> binary_cross_entropy_with_logits([1000.0, -1000.0], [1, 1]).data  # right and free, wrong by 1000
    500.0
    """

    def one(x: Any, t: Any) -> Any:
        _check_share("binary_cross_entropy_with_logits", t)
        return f.softplus(x) - t * x

    return _mean_of("binary_cross_entropy_with_logits", one, prediction, target)


def cross_entropy(prediction: Any, target: Any) -> Value:
    """Cross-entropy of `softmax(logits)` and a class, computed as `logsumexp(logits) - logits[class]`.

    `prediction`: at least two logits and `target`: the number of the class, counted from 0; or a list of such lists
    and a list of numbers, then the mean. Anything else is an InputError. The derivative is softmax minus one-hot.

    >>> round(cross_entropy([1.0, 2.0, 0.5], 1).data, 6)
    0.464369
    """
    if not _is_sequence(prediction):
        raise InputError(
            "cross_entropy wants a list of logits, one per class, got a single number; "
            "for one logit take binary_cross_entropy_with_logits"
        )
    if not _is_sequence(target):
        return _cross_entropy_of_one(list(prediction), target, "")
    rows, classes = list(prediction), list(target)
    if len(rows) != len(classes) or not rows:
        raise InputError(
            f"cross_entropy: {len(rows)} rows of logits and {len(classes)} classes do not go together; "
            "give one list of logits for each class number"
        )
    for i, row in enumerate(rows):
        if not _is_sequence(row):
            raise InputError(f"cross_entropy: row {i} of the logits is a single number; give a list of logits per row")
    losses = [
        _cross_entropy_of_one(list(row), c, f" in row {i}")
        for i, (row, c) in enumerate(zip(rows, classes, strict=True))
    ]
    return _mean(losses)


def hinge(prediction: Any, target: Any) -> Value:
    """`max(0, 1 - t p)` for targets t of -1 and 1 (else InputError): 0 once p is on the right side by 1 or more.

    >>> hinge([2.0, 0.25], [1, -1]).data  # 0 and 1.25
    0.625
    """

    def one(p: Any, t: Any) -> Any:
        if _plain(t) not in (-1.0, 1.0):
            raise InputError(f"hinge wants targets of -1 or 1, got {_plain(t)!r}; from 0 and 1 make them by 2 * t - 1")
        return f.relu(1 - t * p)

    return _mean_of("hinge", one, prediction, target)


LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    loss.__name__: loss
    for loss in (mse, mae, huber, binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, hinge)
}


# --- how they are made --------------------------------------------------------------------------------------------


def _mean_of(name: str, one: Callable[[Any, Any], Any], prediction: Any, target: Any) -> Value:
    """`one(p, t)`, or its mean over the pairs of two sequences."""
    losses = [one(p if isinstance(p, Value) else Value(p), t) for p, t in _pairs(name, prediction, target, "")]
    return _mean(losses)


def _mean(losses: list[Value]) -> Value:
    mean: Value = losses[0] if len(losses) == 1 else f.mean(losses)
    return mean


def _pairs(name: str, prediction: Any, target: Any, place: str) -> Iterator[tuple[Any, Any]]:
    """The elements of two sequences of equal shape, pair by pair. `place` is the index so far, such as "[2]"."""
    if not (_is_sequence(prediction) and _is_sequence(target)):
        if _is_sequence(prediction) or _is_sequence(target):
            raise InputError(
                f"{name}: prediction{place} is {_kind(prediction)} and target{place} is {_kind(target)}; "
                "give both the same shape"
            )
        yield prediction, target if isinstance(target, Value) else _plain(target)
        return
    if len(prediction) != len(target) or not len(prediction):
        raise InputError(
            f"{name}: prediction{place} has {len(prediction)} elements and target{place} has {len(target)}; "
            "give both the same number of them, at least one"
        )
    for i, (p, t) in enumerate(zip(prediction, target, strict=True)):
        yield from _pairs(name, p, t, f"{place}[{i}]")


def _cross_entropy_of_one(logits: list[Any], target: Any, place: str) -> Value:
    if len(logits) < 2:
        raise InputError(
            f"cross_entropy wants at least two logits, one per class, got {len(logits)}{place}; "
            "for one logit take binary_cross_entropy_with_logits"
        )
    number = _plain(target)
    if not (number.is_integer() and 0 <= number < len(logits)):
        raise InputError(
            f"cross_entropy: class {number:g}{place} is none of the {len(logits)} classes; "
            f"give a whole number from 0 to {len(logits) - 1}"
        )
    values = [x if isinstance(x, Value) else Value(x) for x in logits]
    loss: Value = f.logsumexp(values) - f.take(values, target if isinstance(target, Value) else int(number))
    return loss


def _check_share(name: str, target: Any) -> None:
    t = _plain(target)
    if not 0.0 <= t <= 1.0:
        raise InputError(f"{name} wants targets from 0 to 1, got {t!r}; from -1 and 1 make them by (t + 1) / 2")


def _is_sequence(x: Any) -> bool:
    return (
        hasattr(x, "__len__") and not isinstance(x, (str, bytes, dict, set, Value)) and getattr(x, "ndim", 1) != 0
    )  # an array of dimension 0 has __len__, and no length


def _kind(x: Any) -> str:
    return f"a sequence of {len(x)}" if _is_sequence(x) else "a single number"


def _plain(x: Any) -> float:
    """The number of a Value or of anything that is a number. TypeError for anything else."""
    if isinstance(x, Value):
        return x.data
    try:
        if isinstance(x, (str, bytes)):
            raise TypeError
        return float(x)
    except TypeError:
        raise TypeError(f"a target must be a number or a Value, got {type(x).__name__} {x!r:.60}") from None
