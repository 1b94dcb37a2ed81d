"""Is my backpropagation right? A derivation by hand beside autograd: first a right one, then one with a sign error.

python examples/compare_manual.py
"""

from __future__ import annotations

import math

from microgradnet import Value, compare, name, sigmoid

PARAMETERS = {"w1": 0.5, "w2": -0.3, "b1": 0.1, "w3": 1.2, "b2": -0.4}
x1, x2, y = 1.5, -2.0, 1.0


def f(s: float) -> float:
    return 1 / (1 + math.exp(-s))


def backprop(w1: float, w2: float, b1: float, w3: float, b2: float, sign: float = -1) -> dict[str, float]:
    """All derivatives of L = (y - ypred)² by hand: h = f(w1 x1 + w2 x2 + b1), ypred = f(w3 h + b2).

    f' is f (1 - f). With sign=+1 the one for h is taken for f (1 + f), as one may slip on paper.
    """
    h = f(w1 * x1 + w2 * x2 + b1)
    ypred = f(w3 * h + b2)
    d_L_d_ypred = -2 * (y - ypred)
    d_L_d_s2 = d_L_d_ypred * ypred * (1 - ypred)  # s2, s1: the sums inside of f
    d_L_d_h = d_L_d_s2 * w3
    d_L_d_s1 = d_L_d_h * h * (1 + sign * h)
    return {"w1": d_L_d_s1 * x1, "w2": d_L_d_s1 * x2, "b1": d_L_d_s1, "h": d_L_d_h, "w3": d_L_d_s2 * h, "b2": d_L_d_s2}


def loss(w1: Value, w2: Value, b1: Value, w3: Value, b2: Value) -> Value:
    """The same L on Values: no derivative is written anywhere."""
    h = sigmoid(w1 * x1 + w2 * x2 + b1)
    ypred = sigmoid(w3 * h + b2)
    L = (y - ypred) ** 2
    name(**locals())
    return L


L = loss(**{letter: Value(number) for letter, number in PARAMETERS.items()})

print("As derived:")
print(compare(L, by_hand=backprop(**PARAMETERS)))

print("\nWith a sign error in the derivative of h:")
found = compare(L, by_hand=backprop(**PARAMETERS, sign=+1))
print(found)
wrong = [line.name for line in found.lines if not line.agrees]
print(f"Right up to h, wrong at {', '.join(wrong)}: so the mistake is on the way from h to these.")
