"""The table's functions for JAX: each with the value and the derivatives that the table gives it, of any order.

JAX's own derivatives are those of other conventions: abs at 0 has 1, hypot at the origin 1/2, and |x| inside a written
out sigmoid spoils its second derivative at 0. Here the table's rules run on arrays of JAX, so that `jax.grad`,
`jax.jvp`, `jax.vmap` and `jax.jit` of them, one inside the other, give what the eager engine gives.

    >>> import jax
    >>> float(jax.grad(FUNCTIONS["abs"])(0.0)), float(jax.grad(jax.grad(FUNCTIONS["sigmoid"]))(0.0))
    (0.0, 0.0)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial, reduce, wraps
from typing import Any, NamedTuple

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np

from microgradnet.ops import TABLE

__all__ = ["FUNCTIONS", "choose", "in_doubles", "places", "put", "repeated", "spread"]


doubles = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


# --- rows of the table ---------------------------------------------------------------------------------------------


def _hypot(a: Any, b: Any) -> Any:
    """Without overflow, and inf wherever one of the two is infinite."""
    a, b = jnp.abs(a), jnp.abs(b)
    large, small = jnp.maximum(a, b), jnp.minimum(a, b)
    ratio = jnp.where(large > 0, small / jnp.where(large > 0, large, 1.0), 0.0)
    length = large * jnp.sqrt(1.0 + ratio * ratio)
    return jnp.where(jnp.isinf(a) | jnp.isinf(b), jnp.inf, length)


def _sinh(x: Any) -> Any:
    e = jnp.exp(0.5 * jnp.abs(x))  # XLA's own loses four digits where it is large
    return jnp.where(jnp.abs(x) < 20, jnp.sinh(x), jnp.sign(x) * (0.5 * e) * e)


def _cosh(x: Any) -> Any:
    e = jnp.exp(0.5 * jnp.abs(x))
    return (0.5 * e) * e + (0.5 / e) * (1 / e)


PRIMITIVES: dict[str, Callable[..., Any]] = {
    **{name: getattr(jnp, row.numpy) for name, row in TABLE.items() if row.primitive and hasattr(jnp, row.numpy)},
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg, "div": jnp.true_divide,
    "erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc, "hypot": _hypot, "sinh": _sinh, "cosh": _cosh,
    "maximum": jnp.maximum, "minimum": jnp.minimum,
}  # fmt: skip


class _Sent(NamedTuple):
    """A partial that is sent only where the mask holds."""

    partial: Any
    mask: Any


class _Arrays:
    """What the rules call `f`: the functions of the table on arrays of JAX."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in TABLE:
            raise AttributeError(name)
        return FUNCTIONS[name]

    def is_zero(self, constant: Any) -> Any:
        """Whether a constant is 0."""
        return constant == 0.0

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """A choice; one of nothing is a mask."""
        if isinstance(condition, bool):
            return a if condition else b
        if a is None and b is None:
            return None
        if a is None:
            return _masked(b, jnp.logical_not(condition))
        return _masked(a, condition) if b is None else jnp.where(condition, a, b)


def _masked(partial: Any, mask: Any) -> _Sent:
    if isinstance(partial, _Sent):
        return _Sent(partial.partial, jnp.logical_and(mask, partial.mask))
    return _Sent(partial, mask)


_ARRAYS = _Arrays()


class _Functions(dict[str, Callable[..., Any]]):
    """A function for each row of a fixed number of operands, made when first asked for."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        if TABLE[name].variadic:
            raise KeyError(name)
        self[name] = partial(_applied, name)
        return self[name]


FUNCTIONS: Mapping[str, Callable[..., Any]] = _Functions()


def __getattr__(name: str) -> Callable[..., Any]:
    """A row of the table by its name, as a program imports it."""
    if name in TABLE and not TABLE[name].variadic:
        return FUNCTIONS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _applied(name: str, *operands: Any) -> Any:
    """The row on these operands: plain numbers are constants, arrays have derivatives."""
    fixed = tuple(float(o) if isinstance(o, (int, float)) else None for o in operands)
    arrays = [jnp.asarray(o) for o, constant in zip(operands, fixed, strict=True) if constant is None]
    whole = [a if jnp.issubdtype(a.dtype, jnp.floating) or a.dtype == bool else a.astype(float) for a in arrays]
    return _differentiable(name, fixed)(*whole) if whole else _value(name)(*map(jnp.asarray, operands))


def _value(name: str) -> Callable[..., Any]:
    return PRIMITIVES.get(name) or partial(TABLE[name].value, _ARRAYS)


@lru_cache(maxsize=1024)
def _differentiable(name: str, fixed: tuple[float | None, ...]) -> Callable[..., Any]:
    """The row as a function of the operands that are None in `fixed`."""

    def filled(arrays: Sequence[Any]) -> list[Any]:
        rest = iter(arrays)
        return [next(rest) if constant is None else constant for constant in fixed]

    def value(*arrays: Any) -> Any:
        return _value(name)(*filled(arrays))

    def jvp(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        operands = filled(arrays)
        y: Any = function(*arrays)
        partials = TABLE[name].partials(_ARRAYS, y, *operands)
        sent = [p for p, constant in zip(partials, fixed, strict=True) if constant is None]
        terms = [_term(p, t) for p, t in zip(sent, tangents, strict=True) if p is not None and _is_float(t)]
        tangent = reduce(operator.add, terms) if terms else jnp.zeros_like(y)
        return y, jnp.broadcast_to(tangent, y.shape).astype(y.dtype)

    function: Any = jax.custom_jvp(value)
    function.defjvp(jvp)
    made: Callable[..., Any] = function
    return made


def _is_float(tangent: Any) -> bool:
    return bool(tangent.dtype != jax.dtypes.float0)


def _term(sent: Any, tangent: Any) -> Any:
    """A mask selects: what it does not hold sends an exact 0, whatever the tangent is."""
    if isinstance(sent, _Sent):
        return jnp.where(sent.mask, sent.partial * tangent, 0.0)
    return sent * tangent


# --- along the last axis -------------------------------------------------------------------------------------------


def choose(values: Any, index: Any) -> Any:
    """Along the last axis the value at the index, whole numbers from 0; nan where there is no such place.

    >>> choose(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 0])).tolist()
    [2.0, 3.0]
    """
    return jnp.take_along_axis(values, jnp.asarray(index)[..., None], -1, mode="fill", fill_value=jnp.nan)[..., 0]


def put(into: Any, index: Any, value: Any) -> Any:
    """The array with a value added, along the last axis, at the index.

    >>> put(jnp.zeros((2, 3)), jnp.array([1, 0]), 5.0).tolist()
    [[0.0, 5.0, 0.0], [5.0, 0.0, 0.0]]
    """
    here = jnp.arange(into.shape[-1]) == jnp.asarray(index)[..., None]
    return into + jnp.where(here, jnp.asarray(value)[..., None], 0.0)


# --- into a vector -------------------------------------------------------------------------------------------------


def places(*shape: int) -> Any:
    """The numbers of the places of an array of this shape; a view of them says where something goes, see `spread`.

    >>> places(2, 3)[:, 1]
    array([1, 4])
    """
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


def spread(at: Any, *parts: tuple[Any, Any]) -> Any:
    """Zeros of the shape of `at`, which holds all `places`, to which arrays are added, each with its places.

    >>> at = places(5)
    >>> spread(at, (at[1:3], jnp.array([1.0, 2.0])), (at[4], 3.0)).tolist()
    [0.0, 1.0, 2.0, 0.0, 3.0]
    """
    goes = np.concatenate([np.ravel(where) for where, _ in parts])
    numbers = jnp.concatenate([jnp.broadcast_to(x, np.shape(where)).ravel() for where, x in parts])
    if len(np.unique(goes)) < len(goes):
        return jnp.zeros(at.size, numbers.dtype).at[goes].add(numbers).reshape(at.shape)
    comes = np.full(at.size, len(goes), np.int32)
    comes[goes] = np.arange(len(goes))
    if len(goes) < at.size:
        numbers = jnp.append(numbers, 0.0)
    return numbers.at[comes].get(mode="promise_in_bounds").reshape(at.shape)


# --- the engine ----------------------------------------------------------------------------------------------------


def in_doubles(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function jitted, and run on doubles whatever JAX's own setting is."""
    jitted = jax.jit(function)

    @wraps(function)
    def call(*arrays: Any) -> Any:
        with doubles(True):
            return jitted(*arrays)

    return call


def repeated(move: Callable[..., Any], carried: int, rows: tuple[bool, ...] | None, rates: Any, *arrays: Any) -> Any:
    """What the first arrays, so many as are `carried`, have become after a step of `move` for each of the rates.

    `move(*carried, *data, rate)` gives the new ones. `rows`: of which data each step is given a row; every epoch then
    walks through all rows. `move` is compiled once for up to 1024 rates, and for each power of two beyond.
    """
    n = len(rates)
    padded = np.zeros(max(1024, 1 << (n - 1).bit_length()))
    padded[:n] = rates
    with doubles(True):
        after = _repeated(move, carried, rows, n, padded, *arrays)
    return after if carried > 1 else after[0]


@partial(jax.jit, static_argnums=(0, 1, 2))
def _repeated(
    move: Callable[..., Any], carried: int, rows: tuple[bool, ...] | None, n: Any, rates: Any, *arrays: Any
) -> Any:
    data = arrays[carried:]

    def step(now: tuple[Any, ...], given: Sequence[Any], rate: Any) -> tuple[Any, ...]:
        after = move(*now, *given, rate)
        return after if isinstance(after, tuple) else (after,)

    def epoch(i: Any, now: tuple[Any, ...]) -> Any:
        if rows is None:
            return step(now, data, rates[i])

        def one(now: tuple[Any, ...], walked: Sequence[Any]) -> tuple[tuple[Any, ...], None]:
            rest = iter(walked)
            given = [next(rest) if by_row else a for by_row, a in zip(rows, data, strict=True)]
            return step(now, given, rates[i]), None

        return jax.lax.scan(one, now, [a for by_row, a in zip(rows, data, strict=True) if by_row])[0]

    return jax.lax.fori_loop(0, n, epoch, arrays[:carried])
