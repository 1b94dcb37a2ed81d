"""A plan as a pure function of JAX, with the derivatives that the table gives it: what `Program.to_jax` returns.

JAX differentiates it by our own reverse mode: what a branch that was not taken would send is 0 and not nan, as in the
eager engine. The precision is that of the arrays it is given; for doubles switch them on:
`jax.config.update("jax_enable_x64", True)`. XLA takes subnormal numbers for 0.

    >>> from microgradnet.compiler.arrays import argument, contract, elementwise, total
    >>> import jax, numpy as np
    >>> X, w = argument("X", (3, 2)), argument("p", (2,))
    >>> loss = Plan((total(elementwise("tanh", contract(X, w, "ik,k->i")), [0]),), ("loss",))
    >>> f = to_jax(loss, ["p", "X"])
    >>> jax.grad(f)(np.array([0.0, 0.0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).tolist()
    [9.0, 12.0]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.languages import shape_text
from microgradnet.compiler.languages.jax import function, module, ready
from microgradnet.compiler.plan import Plan, Shape
from microgradnet.compiler.running.feeding import batch_size
from microgradnet.compiler.running.loading import load
from microgradnet.compiler.sizes import at

__all__ = ["loaded", "to_jax"]


def loaded(plan: Plan, arguments: Sequence[str], name: str) -> Callable[..., Any]:
    """The plan as a function of arrays of JAX, not jitted; it returns the results, one alone or as a tuple."""
    made: Callable[..., Any] = load(*module(function(ready(plan), name, arguments)), name)[name]
    return made


def to_jax(plan: Plan, arguments: Sequence[str]) -> Callable[..., Any]:
    """The loss as a pure function of arrays, in this order: what jax.jit, grad, jvp, vmap and sharding accept.

    `plan` has the loss as its first result. Derivatives of first order, by any of the arguments, are those of
    `with_gradient`; of higher order, JAX's derivatives of these. Whole numbers, as labels are, become floats.
    Raises TypeError for arrays of other shapes, naming the argument. ImportError without JAX.
    """
    try:
        import jax
        import jax.numpy as jnp
    except ImportError as error:
        raise ImportError('to_jax needs jax; install it by: pip install "microgradnet[jax]"') from error

    plan = Plan(plan.results[:1], plan.names[:1], plan.labels)
    shapes = {a: plan.arguments[a].shape for a in arguments if a in plan.arguments}
    loss = loaded(plan, arguments, "loss")
    gradient_by = {a: loaded(with_gradient(plan, a), arguments, f"by_{a}") for a in shapes}
    inner = jax.custom_jvp(lambda *arrays: loss(*arrays))

    def jvp(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        value, terms = None, []
        for argument, tangent in zip(arguments, tangents, strict=True):
            if argument in shapes and not isinstance(tangent, jax.custom_derivatives.SymbolicZero):
                value, gradient = gradient_by[argument](*arrays)
                terms.append(jnp.vdot(gradient, tangent))
        value = loss(*arrays) if value is None else value
        return value, sum(terms) if terms else jnp.zeros_like(value)

    inner.defjvp(jvp, symbolic_zeros=True)

    def f(*arrays: Any) -> Any:
        floats = [_floats(array) for array in arrays]
        _require_shapes(arguments, shapes, floats)
        return inner(*floats)

    f.__name__ = f.__qualname__ = "loss"
    f.__doc__ = f"The loss of ({', '.join(arguments)})."
    return f


def _floats(array: Any) -> Any:
    """An array of floats, of whatever precision it has."""
    import jax.numpy as jnp

    array = jnp.asarray(array)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def _require_shapes(arguments: Sequence[str], shapes: Mapping[str, Shape], arrays: Sequence[Any]) -> None:
    if len(arrays) != len(arguments):
        raise TypeError(f"the loss wants {len(arguments)} arrays ({', '.join(arguments)}), got {len(arrays)}")
    given = {a: array for a, array in zip(arguments, arrays, strict=True) if a in shapes}
    n = batch_size(list(given.values()), {a: shapes[a] for a in given})
    for argument, array in given.items():
        if array.shape != at(shapes[argument], n):
            raise TypeError(f"{argument} has shape {array.shape}, the loss wants {shape_text(shapes[argument])}")
