"""microgradnet: write scalars, see every derivative.

The doors, and nothing else. Reading the rooms behind them in this order takes an evening: `ops` (the table of
operations), `graph` (order and names), `value` (a number that remembers, and `backward`), one neuron in `nn`.

    >>> from microgradnet import Value
    >>> x = Value(2.0, "x")
    >>> y = x * x + x.exp()
    >>> y.backward()
    >>> f"{x.grad:.3f}"
    '11.389'
"""

from __future__ import annotations

from microgradnet.errors import AnomalyError, InputError, RecordingError, StaleGraphError
from microgradnet.functions import abs as abs
from microgradnet.functions import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    clip,
    cos,
    cosh,
    dot,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    gelu,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logsumexp,
    maximum,
    mean,
    minimum,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    take,
    tan,
    tanh,
    trunc,
    where,
)  # fmt: skip
from microgradnet.functions import pow as pow
from microgradnet.functions import round as round
from microgradnet.functions import sum as sum
from microgradnet.graph import Graph
from microgradnet.value import Condition, Value, name

TYPE_CHECKING = False  # see ops
if TYPE_CHECKING:
    from typing import Any

    from microgradnet import article, losses, nn, optim, plot
    from microgradnet.anomaly import Anomaly, detect_anomaly, find_nan
    from microgradnet.comparison import Comparison, assert_gradients, check_gradients, compare
    from microgradnet.compiler import Program, compile
    from microgradnet.diagnosis import check_derivation
    from microgradnet.drawing import Drawing, draw
    from microgradnet.explanation import Derivative, Explanation, derivative, explain
    from microgradnet.expression import formula
    from microgradnet.extension import operation
    from microgradnet.training import History, fit
    from microgradnet.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad

__version__ = "0.1.0"

# Doors that open late: their rooms are imported at the first call of the name.
_ROOMS = {
    **dict.fromkeys(("grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad"), "transforms"),
    **dict.fromkeys(("Comparison", "assert_gradients", "check_gradients", "compare"), "comparison"),
    **dict.fromkeys(("Program", "compile"), "compiler"),
    "check_derivation": "diagnosis",
    **dict.fromkeys(("Drawing", "draw"), "drawing"),
    **dict.fromkeys(("Derivative", "Explanation", "derivative", "explain"), "explanation"),
    **dict.fromkeys(("Anomaly", "detect_anomaly", "find_nan"), "anomaly"),
    "formula": "expression",
    "operation": "extension",
    **dict.fromkeys(("History", "fit"), "training"),
}
_MODULES = ("article", "losses", "nn", "optim", "plot")

__all__ = [
    "Anomaly", "AnomalyError", "Comparison", "Condition", "Derivative", "Drawing", "Explanation", "Graph",
    "History", "InputError", "Program", "RecordingError", "StaleGraphError", "Value", "acos", "acosh", "article",
    "asin", "asinh", "assert_gradients", "atan", "atan2", "atanh", "ceil", "check_derivation", "check_gradients",
    "clip", "compare", "compile", "cos", "cosh", "derivative", "detect_anomaly", "dot", "draw", "elu", "erf", "erfc",
    "exp", "explain", "expm1", "find_nan", "fit", "floor", "formula", "gelu", "grad", "hessian", "hvp", "hypot",
    "jacobian", "jvp", "leaky_relu", "log", "log1p", "log2", "log10", "logsumexp", "losses", "maximum", "mean",
    "minimum", "name", "nn", "operation", "optim", "plot", "relu", "sigmoid", "sign", "silu", "sin", "sinh",
    "softmax", "softplus", "sqrt", "take", "tan", "tanh", "trunc", "value_and_grad", "where",
]  # fmt: skip


def __getattr__(door: str) -> Any:
    from importlib import import_module

    if door in _MODULES:
        return import_module(f"microgradnet.{door}")
    if door not in _ROOMS:
        raise AttributeError(f"module 'microgradnet' has no attribute {door!r}")
    thing = globals()[door] = getattr(import_module(f"microgradnet.{_ROOMS[door]}"), door)
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
