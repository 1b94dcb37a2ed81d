"""microgradnet in a program of your own: a formula's derivative, a model of your own, a ready-made network.

python examples/as_library.py
"""

from __future__ import annotations

import math

from microgradnet import Value, fit, grad, nn

# --- 1. a number that remembers how it was made --------------------------------------------------------------------

x, y = Value(3.0, "x"), Value(-2.0, "y")
z = x * y + y.exp()
z.backward()
print(f"z = x·y + exp(y) = {z:.4f}   ∂z/∂x = {x.grad:.4f}   ∂z/∂y = {y.grad:.4f}")


# --- 2. the derivative of a Python function, to any order: numbers in, numbers out ----------------------------------


def fall(t: float) -> float:
    """How many metres a stone has fallen after t seconds."""
    return 9.81 * t**2 / 2


speed, acceleration = grad(fall), grad(grad(fall))
print(f"after 2 s: {fall(2.0):.2f} m, {speed(2.0):.2f} m/s, {acceleration(2.0):.2f} m/s²")

# --- 3. a model of your own: its parameters are the Values among its attributes --------------------------------------


class Wave(nn.Module):
    """height · sin(frequency · t)"""

    def __init__(self) -> None:
        self.height = Value(1.0)
        self.frequency = Value(1.0)

    def __call__(self, row: list[float]) -> Value:
        return self.height * (self.frequency * row[0]).sin()


wave = Wave()
times = [0.1 * i for i in range(30)]
fit(wave, times, [2 * math.sin(1.5 * t) for t in times], lr=0.05, epochs=100, progress=False)
print(f"the wave that fits: {wave.height:.3f} · sin({wave.frequency:.3f} · t)")

# --- 4. a network from the shelf: exclusive or, which no single neuron can tell --------------------------------------

model = nn.MLP(2, [4, 1], activation="tanh", output="sigmoid", init="xavier", seed=1)
pairs, answers = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
history = fit(model, pairs, answers, loss="binary_cross_entropy", lr=0.5, epochs=300, progress=False)
print(f"exclusive or: loss {history.before:.3f} → {history.losses[-1]:.3f}")
for pair, said in zip(pairs, model.predict(pairs), strict=True):
    print(f"{pair[0]} xor {pair[1]}: {said:.2f}, so {round(said)}")
