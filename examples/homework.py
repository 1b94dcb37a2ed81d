"""Somebody's homework: a network in NumPy, its backpropagation derived by hand. It trains, but the loss stays high.

One of its lines is wrong; docs/checking-backprop.md finds it.
"""

# mypy: ignore-errors

import numpy as np


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def slope(s):
    return sigmoid(s) * (1 - sigmoid(s))


class Network:
    """Two inputs, two hidden neurons h1 and h2, one output."""

    def __init__(self, seed):
        start = np.random.default_rng(seed).normal(size=9)
        self.w1, self.w2, self.w3, self.w4, self.w5, self.w6, self.b1, self.b2, self.b3 = start

    def predict(self, x1, x2):
        h1 = sigmoid(self.w1 * x1 + self.w2 * x2 + self.b1)
        h2 = sigmoid(self.w3 * x1 + self.w4 * x2 + self.b2)
        return sigmoid(self.w5 * h1 + self.w6 * h2 + self.b3)

    def loss(self, data, all_y_trues):
        return np.mean((all_y_trues - self.predict(data[:, 0], data[:, 1])) ** 2)

    def train(self, data, all_y_trues, rate=1.0, epochs=2000):
        for epoch in range(epochs):
            for i in range(len(data)):
                x1, x2 = data[i]
                y_true = all_y_trues[i]

                # forward
                sum_h1 = self.w1 * x1 + self.w2 * x2 + self.b1
                h1 = sigmoid(sum_h1)
                sum_h2 = self.w3 * x1 + self.w4 * x2 + self.b2
                h2 = sigmoid(sum_h2)
                sum_o = self.w5 * h1 + self.w6 * h2 + self.b3
                y_pred = sigmoid(sum_o)

                # backward: every factor of the chain rule
                d_L_d_ypred = -2 * (y_true - y_pred)

                d_ypred_d_w5 = h1 * slope(sum_o)
                d_ypred_d_w6 = h2 * slope(sum_o)
                d_ypred_d_b3 = slope(sum_o)
                d_ypred_d_h1 = self.w5 * slope(sum_o)
                d_ypred_d_h2 = self.w6 * slope(sum_h2)

                d_h1_d_w1 = x1 * slope(sum_h1)
                d_h1_d_w2 = x2 * slope(sum_h1)
                d_h1_d_b1 = slope(sum_h1)
                d_h2_d_w3 = x1 * slope(sum_h2)
                d_h2_d_w4 = x2 * slope(sum_h2)
                d_h2_d_b2 = slope(sum_h2)

                # a step down the gradient
                self.w1 -= rate * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_w1
                self.w2 -= rate * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_w2
                self.b1 -= rate * d_L_d_ypred * d_ypred_d_h1 * d_h1_d_b1
                self.w3 -= rate * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_w3
                self.w4 -= rate * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_w4
                self.b2 -= rate * d_L_d_ypred * d_ypred_d_h2 * d_h2_d_b2
                self.w5 -= rate * d_L_d_ypred * d_ypred_d_w5
                self.w6 -= rate * d_L_d_ypred * d_ypred_d_w6
                self.b3 -= rate * d_L_d_ypred * d_ypred_d_b3
            if epoch % 400 == 399:
                print(f"epoch {epoch + 1:4}   loss {self.loss(data, all_y_trues):.4f}")


data = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
all_y_trues = np.array([0, 1, 1, 0])  # exclusive or
network = Network(seed=5)

if __name__ == "__main__":
    network.train(data, all_y_trues)
