"""Programs of the corpus: odd shapes of programs, kinks, and (REFUSED) what cannot be recorded."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from operator import mul
from typing import Any

import numpy as np
from corpus import labels, leaves, program, uniform

from microgradnet import (
    Value,
    acos,
    asinh,
    atan,
    atanh,
    ceil,
    clip,
    cosh,
    erfc,
    exp,
    expm1,
    floor,
    log,
    log2,
    log10,
    logsumexp,
    maximum,
    mean,
    minimum,
    relu,
    sign,
    sin,
    sinh,
    softplus,
    tan,
    trunc,
    where,
)
from microgradnet import sum as total_of

# --- small ones ------------------------------------------------------------------------------------------------------


@program(lambda r: [0.7])
def the_parameter_itself(p: Any) -> Any:
    return p[0]


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, 2),))
def data_ignored(p: Any, x: Any) -> Any:
    return p[0] * p[1] + p[2]


@program(lambda r: {"used": uniform(r), "unused": uniform(r)}, lambda r, n: (uniform(r),))
def a_parameter_unused(p: Any, x: Any) -> Any:
    return p["used"] * x


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r),))
def constant_multiples(p: Any, x: Any) -> Any:
    return 2 * p[0] - p[1] / 4 + -(3 * p[2]) + p[3] * 1.0 * 0.5 * x - 0 * p[0] + (p[1] - 0.0) * -1


@program(lambda r: {"a": {"b": [uniform(r), (uniform(r), uniform(r))]}, "c": uniform(r)}, lambda r, n: (3,))
def nested_parameters(p: Any, x: Any) -> Any:
    first, (second, third) = p["a"]["b"]
    return first**x + second * third - p["c"]


@program(lambda r: uniform(r, 3), lambda r, n: ({"rate": 0.5, "rows": uniform(r, 2, 3)},))
def data_in_a_dict(p: Any, given: Any) -> Any:
    return given["rate"] * sum(a * b for row in given["rows"] for a, b in zip(p, row, strict=True))


@program(lambda r: uniform(r, 5))
def no_data_at_all(p: Any) -> Any:
    return mean([(a - 1) ** 2 for a in p]) + total_of(p) / 10


@program(lambda r: uniform(r, 2), lambda r, n: (uniform(r, n),), n=1, others=(4,))
def one_sample(p: Any, x: Any) -> Any:
    return sum((p[0] * xi + p[1]) ** 2 for xi in x) / len(x)


@program(lambda r: uniform(r, 1), lambda r, n: (uniform(r, n, 1),), n=5, others=(2,))
def axes_of_size_one(p: Any, X: Any) -> Any:
    return sum(sum(w * v for w, v in zip(p, row, strict=True)).tanh() for row in X)


# --- sharing ---------------------------------------------------------------------------------------------------------


@program(lambda r: [0.9], lambda r, n: (uniform(r, 6),))
def one_value_everywhere(p: Any, x: Any) -> Any:
    (a,) = p
    s = a
    for xi in x:
        s = s * a + xi * a - a / (1 + s * s)
    return s + a


@program(lambda r: [0.4, 0.8])
def chain_of_two_hundred(p: Any) -> Any:
    x, k = p
    for i in range(200):
        x = (k * x + i / 200).sin()
    return x


@program(lambda r: uniform(r, 8, low=0.5, high=1.5))
def product_of_all(p: Any) -> Any:
    return reduce(mul, p)


@program(lambda r: [0.3, 0.7])
def fibonacci_sharing(p: Any) -> Any:
    a, b = p
    for _ in range(30):
        a, b = b, 0.6 * (a + b)
    return a * b


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, 4),), n=6, others=(3,))
def terms_written_twice(p: Any, X: Any) -> Any:
    loss = 0
    for x in X:
        centred = [(xi - pi) * (xi - pi) / (1 + (xi - pi) * (xi - pi)) for xi, pi in zip(x, p, strict=True)]
        loss = loss + sum(centred) * sum(centred)
    return loss


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, 4),))
def dead_code(p: Any, x: Any) -> Any:
    for a, b in zip(p, x, strict=True):
        _ = (a * b).exp() ** 2
    return p[0] * x[1]


@program(lambda r: uniform(r, 6))
def right_nested_sums(p: Any) -> Any:
    s: Any = p[-1] * p[0]
    for a, b in pairwise(p):
        s = a * b + s
    return s - (p[0] - (p[1] - (p[2] - p[3]))) * 0.5


# --- orders and indices ----------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 4, 5), lambda r, n: (uniform(r, 5, 4),))
def transposed_loops(W: Any, X: Any) -> Any:
    total = 0
    for j in range(5):
        for i in range(4):
            total = total + (W[i][j] * X[j][i]) ** 3
    return total


@program(lambda r: uniform(r, 6), lambda r, n: (uniform(r, 6),))
def reversed_and_shifted(p: Any, x: Any) -> Any:
    mirrored = sum(a * b for a, b in zip(p, reversed(x), strict=True))
    return mirrored + sum(a * b for a, b in zip(p[1:] + p[:1], x, strict=True)) + sum(p[::2]) * sum(p[1::3])


@program(lambda r: uniform(r, 5, 5))
def diagonals_and_triangles(M: Any) -> Any:
    trace = sum(M[i][i] for i in range(5))
    anti = sum(M[i][4 - i] * M[4 - i][i] for i in range(5))
    upper = sum(M[i][j] ** 2 for i in range(5) for j in range(i + 1, 5))
    return trace * anti - upper


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, 10),))
def repeated_indices(p: Any, x: Any) -> Any:
    places = (0, 3, 3, 1, 0, 4, 4, 4, 2, 0)
    return sum((p[i] * xi).sigmoid() for i, xi in zip(places, x, strict=True))


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, 4),))
def outer_products(p: Any, x: Any) -> Any:
    return sum((a * b + a - b).tanh() for a in p for b in x) + sum(a * b * c for a in p for b in p for c in p)


@program(lambda r: uniform(r, 2, 3, 2), lambda r, n: (np.array(uniform(r, n, 3, 2)),), n=4, others=(3,))
def arrays_of_three_axes(W: Any, X: Any) -> Any:
    total = 0
    for x in X:
        for w in W:
            total += sum(w[i][j] * x[i][j] for i in range(3) for j in range(2)).softplus()
    return total / len(X)


@program(lambda r: uniform(r, 2), lambda r, n: (uniform(r, n), uniform(r, n)), n=6, others=(3,))
def pairs_across_the_batch(p: Any, x: Any, y: Any) -> Any:
    total = 0
    for a in x:
        for b in y:
            total = total + exp(-((p[0] * a - p[1] * b) ** 2))
    return total / len(x) ** 2


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=7, others=(4, 5))
def every_other_row(p: Any, x: Any) -> Any:
    rows = [xi * p[0] if i % 2 == 0 else xi * p[1] for i, xi in enumerate(x)]
    return rows[-1] ** 2 + p[2] * sum(x)


@program(lambda r: [1.0, 2.0, 3.0], lambda r, n: ([[1.0, 0.0], [1.0, -1.0], [0.0, 0.0]],))
def ones_and_zeros(p: Any, X: Any) -> Any:
    return sum((w * a - b) ** 2 + w * b for w, (a, b) in zip(p, X, strict=True))


# --- names -----------------------------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, 3), uniform(r, 3), 2.0, uniform(r), uniform(r), uniform(r)))
def names_that_collide(w: Any, np: Any, p: Any, N: Any, loss: Any, gradient: Any, math: Any) -> Any:
    step = sum(a * b for a, b in zip(np, p, strict=True)) * w[0] + N * loss
    return (step * w[1]).tanh() + gradient * w[2] ** 2 - math * w[3]


ODD_LABELS = (
    "lambda",
    "p",
    "X",
    "np",
    "h_1",
    "h 1",
    "d_h_1",
    "'; import os #",
    "\\",
    "{x}",
    "$",
    "λ",
    "1st",
    "loss",
    "",
)


@program(lambda r: [Value(uniform(r), label) for label in ODD_LABELS], lambda r, n: (uniform(r, n),), n=3)
def odd_labels(p: Any, X: Any) -> Any:
    total = 0
    for x in X:
        for k, (a, b) in enumerate(pairwise(p)):
            h = (a * x + b).tanh()
            h.label = ODD_LABELS[k]
            total = total + h * h
    return total


# --- kinks and every function ----------------------------------------------------------------------------------------


@program(lambda r: uniform(r, 6), lambda r, n: (uniform(r, n),), n=10, others=(4,))
def kinks(p: Any, x: Any) -> Any:
    total = 0
    for xi in x:
        a = where(xi > p[0], relu(xi * p[1]), abs(xi - p[2]))
        b = where(a < p[3], a, where(xi <= 0, p[4], xi * p[5]))
        total = total + a * b
    return total


@program(lambda r: [0.0, 1.0, -1.0, 2.0], lambda r, n: ([0.0, 1.0, -1.0, 2.0],))
def exactly_on_kinks(p: Any, x: Any) -> Any:
    total = 0
    for a, b in zip(p, x, strict=True):
        total = total + relu(a) + abs(a) + maximum(a, b) * minimum(a, 0) + clip(a, -1, 1) + a.leaky_relu()
        total = total + where(a >= b, a * 2, b * a) + sign(a) * a + clip(b, a, 2) + a**0 + a**2
    return total


@program(lambda r: uniform(r, 8, low=0.2, high=0.8), lambda r, n: (uniform(r, n, low=0.2, high=0.8),), n=5, others=(3,))
def every_function(p: Any, x: Any) -> Any:
    total = 0
    for xi in x:
        total += exp(p[0] * xi) - expm1(p[1]) * log(xi) + log2(p[2] + xi) - log10(xi) * p[3].log1p() + p[4].sqrt()
        total += sin(p[5]) * tan(xi) + acos(p[6] * xi) - atan(p[7]) + sinh(p[0]) * cosh(xi) - asinh(p[1] - xi)
        total += atanh(p[2] * xi) + (p[3] + 1).acosh() * erfc(xi) + p[4].asin() - p[5].cos() * p[6].erf()
        total += floor(p[7] * 9) * xi + ceil(p[0] * 9) * p[1] - trunc(p[2] * 9) * p[3] + round(p[4] * 9) * xi
        total += p[5] ** p[6] + 2 ** p[7] + p[0] ** xi + xi ** p[1] + p[2] ** -1.5 + 3 / p[3] + (p[4] / xi).hypot(p[5])
        total += p[6].elu(0.5) + (-p[7]).elu() + (p[0] - 0.5).gelu() + p[1].silu() + p[2].atan2(xi)
    return total


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, 5),))
def running_maximum(p: Any, x: Any) -> Any:
    best, total = p[0] * x[0], 0
    for a, b in zip(p, x, strict=True):
        best = maximum(best, a * b)
        total = total + best * logsumexp([a, b, best])
    return total + softplus(best)


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, 4), 2.0))
def branch_not_taken(p: Any, x: Any, limit: Any) -> Any:
    total = 0
    for a, b in zip(p, x, strict=True):
        total = total + where(a > 0, log(a), 0) + where(b * limit > 0, (b * a).exp(), a)
    return total


# --- what cannot be recorded: an error that says so, never a wrong program -------------------------------------------


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def branch_on_data(p: Any, x: Any) -> Any:
    return sum(p[0] * xi if xi > 0 else p[1] * xi for xi in x)


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def branch_on_a_parameter(p: Any, x: Any) -> Any:
    total = p[0] * sum(x)
    if total < 10:
        total = total + p[1]
    return total


@program(lambda r: uniform(r, 3, 2), lambda r, n: (uniform(r, n, 2), labels(r, n, 3)), n=5)
def label_as_an_index(W: Any, X: Any, y: Any) -> Any:
    return sum(W[label][0] * x[0] + W[label][1] * x[1] for x, label in zip(X, y, strict=True))


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def loop_until_converged(p: Any, x: Any) -> Any:
    a = p[0] * x[0]
    while abs(a) > 1e-3:
        a = a * 0.5
    return a + p[1]


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def sorted_data(p: Any, x: Any) -> Any:
    return sum(a * b for a, b in zip(p, sorted(x), strict=False))


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def builtin_max(p: Any, x: Any) -> Any:
    return max(a * b for a, b in zip(p, x, strict=False))


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def number_of_a_parameter(p: Any, x: Any) -> Any:
    return p[0] * x[0] + p[1].data * x[1]


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def number_of_the_data(p: Any, x: Any) -> Any:
    return p[0] * math.exp(x[0])


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def equal_numbers(p: Any, x: Any) -> Any:
    return sum(p[1] * xi for xi in x if xi != 0) + (p[0] if x[0] == x[1] else p[2])


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def result_is_a_list(p: Any, x: Any) -> Any:
    return [p[0] * xi for xi in x]


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def result_is_a_number(p: Any, x: Any) -> Any:
    return 3.0


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n),), n=5)
def a_step_inside(p: Any, x: Any) -> Any:
    loss = p[0] * x[0]
    loss.backward()
    for value in leaves(p):
        value.data -= 0.1 * value.grad
    return loss * Value(1.0)


REFUSED = {
    entry.name: entry
    for entry in (
        branch_on_data, branch_on_a_parameter, label_as_an_index, loop_until_converged, sorted_data, builtin_max,
        number_of_a_parameter, number_of_the_data, equal_numbers, result_is_a_list, result_is_a_number, a_step_inside,
    )
}  # fmt: skip
