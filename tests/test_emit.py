"""The text of plans of arrays: run, it gives what the interpreter gives; it changes no argument; it reads well."""

from __future__ import annotations

import keyword
import math
import subprocess
import sys
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import examples
from plans import Maker

from microgradnet.compiler import pieces
from microgradnet.compiler.arrays import (
    accumulate,
    argument,
    choose,
    contract,
    elementwise,
    expand,
    inserted,
    logsumexp,
    number,
    peak,
    place,
    softmax,
    stack,
    table,
    total,
    view,
)
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.emit import function, module
from microgradnet.compiler.interpreter import interpret
from microgradnet.compiler.languages import NUMBA, NUMPY, Language
from microgradnet.compiler.names import RESERVED, clean, names
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import BOOLEAN, Node, Plan, Table, check, expands, shape_of_steps
from microgradnet.compiler.repeating import training
from microgradnet.compiler.sizes import Dim, Scaled
from microgradnet.compiler.updates import stepping
from microgradnet.ops import TABLE
from microgradnet.optim import SGD, Adam, AdamW
from microgradnet.value import Value

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.7, -0.3, 1e-300, 1e300, -800.0, 800.0, math.inf, -math.inf, math.nan]
LARGE_AND_SMALL = (4096, 2)  # elements from which on arrays are written over: never, and nearly always


def run(plan: Plan, language: Language = NUMPY, **arguments: Any) -> tuple[Any, ...]:
    """The results of the emitted text; nothing that it was given is changed or given back."""
    written = function(plan, "step", language, arguments=list(arguments))
    namespace: dict[str, Any] = dict(written.tables)
    exec(module([written], language), namespace)
    before = [np.array(x) for x in arguments.values()]
    with np.errstate(all="ignore"):
        results = namespace["step"](*arguments.values())
    results = results if len(plan.results) > 1 else (results,)
    for x, was in zip(arguments.values(), before, strict=True):
        np.testing.assert_array_equal(x, was)
        assert not any(np.ndim(x) and np.shares_memory(x, r) for r in results)
    return results  # type: ignore[no-any-return]


def assert_same(found: Sequence[Any], wanted: Sequence[Any], rtol: float = 1e-11) -> None:
    for f, w in zip(found, wanted, strict=True):
        assert np.shape(f) == np.shape(w)
        np.testing.assert_allclose(np.asarray(f, float), np.asarray(w, float), rtol=rtol, atol=1e-12)


def sliced(*entry: int) -> tuple[str, Any]:
    start, stop, step = (*entry, 1)[:3]
    return ("slice", ((start, stop, step),))


def moons(samples: Any = 100) -> Plan:
    """micrograd's demo as arrays, without its gradient."""
    p, X, y = argument("p", (337,)), argument("X", (samples, 2)), argument("y", (samples,))
    W1 = view(p, sliced(0, 48), ("reshape", (16, 3)), ("slice", ((0, 16, 1), (0, 2, 1))))
    W2 = view(p, sliced(48, 320), ("reshape", (16, 17)), ("slice", ((0, 16, 1), (0, 16, 1))))
    b1, b2 = (inserted(view(p, sliced(*entry)), [0]) for entry in ((2, 48, 3), (64, 320, 17)))
    w3, b3 = view(p, sliced(320, 336)), view(p, ("slice", (336,)))
    h1 = elementwise("relu", contract(X, W1, "ik,jk->ij") + expand(b1, (samples, 16)))
    h2 = elementwise("relu", contract(h1, W2, "ik,jk->ij") + expand(b2, (samples, 16)))
    score = contract(h2, w3, "ik,k->i") + b3
    margin = elementwise("relu", 1.0 - y * score)
    mean = Node("number", (), (), Scaled(1.0, -1)) if isinstance(samples, Dim) else number(1 / samples)
    loss = mean * total(margin, [0]) + 0.0001 * contract(p, p, "i,i->")
    labels = {W1: "W1", b1: "b1", W2: "W2", b2: "b2", w3: "w3", b3: "b3", h1: "h1", h2: "h2", score: "score"}
    return Plan((loss,), ("loss",), labels | {margin: "margin"})


# --- how it looks ------------------------------------------------------------------------------------------------------


def test_the_moons_program_is_what_a_person_would_write() -> None:
    assert function(with_gradient(moons()), "step", arguments=["p", "X", "y"]).text == """\
def step(p, X, y):
    W1 = p[0:48].reshape(16, 3)[:, 0:2]
    b1 = p[2:48:3]
    h1 = np.maximum(X @ W1.T + b1, 0.0)
    W2 = p[48:320].reshape(16, 17)[:, 0:16]
    b2 = p[64:320:17]
    h2 = np.maximum(h1 @ W2.T + b2, 0.0)
    w3 = p[320:336]
    b3 = p[336]
    score = h2 @ w3 + b3
    margin = np.maximum(1.0 - y * score, 0.0)
    loss = 0.01 * margin.sum() + 0.0001 * (p @ p)
    d_score = np.where(margin > 0.0, -0.01 * y, 0.0)
    d_h2 = np.where(h2 > 0.0, d_score[:, None] * w3, 0.0)
    d_h1 = np.where(h1 > 0.0, d_h2 @ W2, 0.0)
    gradient = np.empty(337)
    gradient[336] = d_score.sum()
    gradient[320:336] = d_score @ h2
    gradient[64:320:17] = d_h2.sum(0)
    gradient[2:48:3] = d_h1.sum(0)
    gradient[48:320].reshape(16, 17)[:, 0:16] = d_h2.T @ h1
    gradient[0:48].reshape(16, 3)[:, 0:2] = d_h1.T @ X
    gradient += 0.0002 * p
    return loss, gradient
"""
