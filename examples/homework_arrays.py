"""Somebody's homework with arrays; forward, backward and step are apart, and a shortcut leads past the second layer.

It learns, but slowly: one of its lines is wrong; docs/checking-backprop.md finds it.
"""

# mypy: ignore-errors

import numpy as np


class Network:
    """x -> h1 -> h2, and the output looks at both of them: out = h1 V1 + h2 V2 + c."""

    def __init__(self, hidden, seed):
        rng = np.random.default_rng(seed)
        self.W1 = rng.normal(size=(1, hidden))
        self.b1 = np.zeros(hidden)
        self.W2 = rng.normal(size=(hidden, hidden)) / np.sqrt(hidden)
        self.b2 = np.zeros(hidden)
        self.V1 = rng.normal(size=(hidden, 1)) / np.sqrt(hidden)
        self.V2 = rng.normal(size=(hidden, 1)) / np.sqrt(hidden)
        self.c = np.zeros(1)

    def forward(self, x, y):
        self.x, self.y = x, y
        self.h1 = np.tanh(x @ self.W1 + self.b1)
        self.h2 = np.tanh(self.h1 @ self.W2 + self.b2)
        self.out = self.h1 @ self.V1 + self.h2 @ self.V2 + self.c
        self.loss = np.mean((self.out - y) ** 2)

    def backward(self):
        dout = 2 * (self.out - self.y) / self.y.size
        self.dV1 = self.h1.T @ dout
        self.dV2 = self.h2.T @ dout
        self.dc = dout.sum(axis=0)
        dh1 = dout @ self.V1.T
        dh2 = dout @ self.V2.T
        dz2 = dh2 * (1 - self.h2**2)
        self.dW2 = self.h1.T @ dz2
        self.db2 = dz2.sum(axis=0)
        dh1 = dz2 @ self.W2.T
        dz1 = dh1 * (1 - self.h1**2)
        self.dW1 = self.x.T @ dz1
        self.db1 = dz1.sum(axis=0)

    def step(self, rate):
        self.W1 -= rate * self.dW1
        self.b1 -= rate * self.db1
        self.W2 -= rate * self.dW2
        self.b2 -= rate * self.db2
        self.V1 -= rate * self.dV1
        self.V2 -= rate * self.dV2
        self.c -= rate * self.dc

    def train(self, x, y, rate=0.1, epochs=2000):
        for epoch in range(epochs):
            self.forward(x, y)
            self.backward()
            self.step(rate)
            if epoch % 500 == 499:
                print(f"epoch {epoch + 1:4}   loss {self.loss:.4f}")


x = np.linspace(-1, 2, 12).reshape(-1, 1)
y = np.sin(3 * x)
network = Network(hidden=4, seed=1)

if __name__ == "__main__":
    network.train(x, y)
