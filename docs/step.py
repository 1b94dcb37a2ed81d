"""The loss '<lambda>', compiled by microgradnet, which it does not need.

p: 9 parameters, in the order of PARAMETERS, which holds their numbers when this was saved.
x: numbers of shape (2,)
y: a number

step(p, x, y)      the loss, and its gradient by p
loss(p, x, y)      the loss alone
train(p, x, y, rates)      p after a step of gradient descent for each rate
train_by_row(p, x_rows, y_rows, rates)      for each rate a step for each row of the data
"""

from math import exp

PARAMETERS = {
    'layers.0.neurons.0.weights.0': -0.3117836734875166,
    'layers.0.neurons.0.weights.1': 0.7290039236125041,
    'layers.0.neurons.0.bias': 1.1270637259718324,
    'layers.0.neurons.1.weights.0': 0.217820788076002,
    'layers.0.neurons.1.weights.1': -0.899091796547139,
    'layers.0.neurons.1.bias': -1.5140932286302158,
    'layers.1.neurons.0.weights.0': -2.486780651627865,
    'layers.1.neurons.0.weights.1': 0.9132515212358882,
    'layers.1.neurons.0.bias': 1.639291082937691,
}
p = list(PARAMETERS.values())


def fast_step(p, x, y):
    w1, w2, b1, w3, w4, b2, w5, w6, b3 = p
    x1, x2 = x
    s1 = w1 * x1 + w2 * x2 + b1
    h1 = 1.0 / (1.0 + exp(-s1)) if s1 >= 0.0 else (e := exp(s1)) / (1.0 + e)
    s2 = w3 * x1 + w4 * x2 + b2
    h2 = 1.0 / (1.0 + exp(-s2)) if s2 >= 0.0 else (e := exp(s2)) / (1.0 + e)
    s3 = w5 * h1 + w6 * h2 + b3
    o1 = 1.0 / (1.0 + exp(-s3)) if s3 >= 0.0 else (e := exp(s3)) / (1.0 + e)
    v1 = y - o1
    loss = v1 * v1
    # backward
    d_o1 = -2.0 * v1
    d_s3 = o1 * (1.0 - o1) * d_o1
    d_h1 = w5 * d_s3
    d_s1 = h1 * (1.0 - h1) * d_h1
    d_w1 = x1 * d_s1
    d_w2 = x2 * d_s1
    d_h2 = w6 * d_s3
    d_s2 = h2 * (1.0 - h2) * d_h2
    d_w3 = x1 * d_s2
    d_w4 = x2 * d_s2
    d_w5 = h1 * d_s3
    d_w6 = h2 * d_s3
    return loss, [d_w1, d_w2, d_s1, d_w3, d_w4, d_s2, d_w5, d_w6, d_s3]


def fast_loss(p, x, y):
    w1, w2, b1, w3, w4, b2, w5, w6, b3 = p
    x1, x2 = x
    s1 = w1 * x1 + w2 * x2 + b1
    h1 = 1.0 / (1.0 + exp(-s1)) if s1 >= 0.0 else (e := exp(s1)) / (1.0 + e)
    s2 = w3 * x1 + w4 * x2 + b2
    h2 = 1.0 / (1.0 + exp(-s2)) if s2 >= 0.0 else (e := exp(s2)) / (1.0 + e)
    s3 = w5 * h1 + w6 * h2 + b3
    o1 = 1.0 / (1.0 + exp(-s3)) if s3 >= 0.0 else (e := exp(s3)) / (1.0 + e)
    v1 = y - o1
    loss_2 = v1 * v1
    return loss_2


def fast_train(p, x, y, rates):
    w1, w2, b1, w3, w4, b2, w5, w6, b3 = p
    x1, x2 = x
    for rate in rates:
        s1 = w1 * x1 + w2 * x2 + b1
        h1 = 1.0 / (1.0 + exp(-s1)) if s1 >= 0.0 else (e := exp(s1)) / (1.0 + e)
        s2 = w3 * x1 + w4 * x2 + b2
        h2 = 1.0 / (1.0 + exp(-s2)) if s2 >= 0.0 else (e := exp(s2)) / (1.0 + e)
        s3 = w5 * h1 + w6 * h2 + b3
        o1 = 1.0 / (1.0 + exp(-s3)) if s3 >= 0.0 else (e := exp(s3)) / (1.0 + e)
        step_s3 = o1 * (1.0 - o1) * (-2.0 * rate * (y - o1))
        step_s1 = h1 * (1.0 - h1) * (w5 * step_s3)
        step_s2 = h2 * (1.0 - h2) * (w6 * step_s3)
        w1 -= x1 * step_s1
        w2 -= x2 * step_s1
        b1 -= step_s1
        w3 -= x1 * step_s2
        w4 -= x2 * step_s2
        b2 -= step_s2
        w5 -= h1 * step_s3
        w6 -= h2 * step_s3
        b3 -= step_s3
    return [w1, w2, b1, w3, w4, b2, w5, w6, b3]


def fast_train_by_row(p, xs, ys, rates):
    w1, w2, b1, w3, w4, b2, w5, w6, b3 = p
    for rate in rates:
        v1 = -2.0 * rate
        for (x1, x2), y in zip(xs, ys):
            s1 = w1 * x1 + w2 * x2 + b1
            h1 = 1.0 / (1.0 + exp(-s1)) if s1 >= 0.0 else (e := exp(s1)) / (1.0 + e)
            s2 = w3 * x1 + w4 * x2 + b2
            h2 = 1.0 / (1.0 + exp(-s2)) if s2 >= 0.0 else (e := exp(s2)) / (1.0 + e)
            s3 = w5 * h1 + w6 * h2 + b3
            o1 = 1.0 / (1.0 + exp(-s3)) if s3 >= 0.0 else (e := exp(s3)) / (1.0 + e)
            step_s3 = o1 * (1.0 - o1) * (v1 * (y - o1))
            step_s1 = h1 * (1.0 - h1) * (w5 * step_s3)
            step_s2 = h2 * (1.0 - h2) * (w6 * step_s3)
            w1 -= x1 * step_s1
            w2 -= x2 * step_s1
            b1 -= step_s1
            w3 -= x1 * step_s2
            w4 -= x2 * step_s2
            b2 -= step_s2
            w5 -= h1 * step_s3
            w6 -= h2 * step_s3
            b3 -= step_s3
    return [w1, w2, b1, w3, w4, b2, w5, w6, b3]


def in_numpy():
    """The same, where Python's arithmetic refuses: a division by 0, an overflow."""
    from functools import wraps

    import numpy as np

    def on_arrays(function):
        @wraps(function)
        def with_arrays(*given):
            with np.errstate(all="ignore"):
                return function(*[np.asarray(x, float) for x in given])

        return with_arrays

    def sigmoid(x):
        e = np.exp(-np.abs(x))  # never overflows
        return np.maximum(e, x >= 0.0) / (1.0 + e)  # above: 1 for x >= 0, else e

    @on_arrays
    def step(p, x, y):
        w5 = p[6]
        w1 = p[0]
        x1 = x[0]
        w2 = p[1]
        x2 = x[1]
        b1 = p[2]
        s1 = w1 * x1 + w2 * x2 + b1
        h1 = sigmoid(s1)
        w6 = p[7]
        w3 = p[3]
        w4 = p[4]
        b2 = p[5]
        s2 = w3 * x1 + w4 * x2 + b2
        h2 = sigmoid(s2)
        b3 = p[8]
        s3 = w5 * h1 + w6 * h2 + b3
        o1 = sigmoid(s3)
        v1 = y - o1
        loss = v1**2.0
        # backward
        d_s3 = o1 * (1.0 - o1) * (-2.0 * v1)
        d_s2 = h2 * (1.0 - h2) * (w6 * d_s3)
        d_s1 = h1 * (1.0 - h1) * (w5 * d_s3)
        gradient = np.empty(9)
        gradient[8] = d_s3
        gradient[5] = d_s2
        gradient[4] = x2 * d_s2
        gradient[3] = x1 * d_s2
        gradient[7] = h2 * d_s3
        gradient[2] = d_s1
        gradient[1] = x2 * d_s1
        gradient[0] = x1 * d_s1
        gradient[6] = h1 * d_s3
        return loss, gradient

    @on_arrays
    def loss(p, x, y):
        w5 = p[6]
        w1 = p[0]
        x1 = x[0]
        w2 = p[1]
        x2 = x[1]
        b1 = p[2]
        s1 = w1 * x1 + w2 * x2 + b1
        h1 = sigmoid(s1)
        w6 = p[7]
        w3 = p[3]
        w4 = p[4]
        b2 = p[5]
        s2 = w3 * x1 + w4 * x2 + b2
        h2 = sigmoid(s2)
        b3 = p[8]
        s3 = w5 * h1 + w6 * h2 + b3
        o1 = sigmoid(s3)
        loss_2 = (y - o1)**2.0
        return loss_2

    return step, loss


def step(p, x, y):
    try:
        return fast_step(p, x, y)
    except (ArithmeticError, ValueError):
        loss, gradient = in_numpy()[0](p, x, y)
        return float(loss), gradient.tolist()


def loss(p, x, y):
    try:
        return fast_loss(p, x, y)
    except (ArithmeticError, ValueError):
        return float(in_numpy()[1](p, x, y))


def train(p, x, y, rates):
    try:
        return fast_train(p, x, y, rates)
    except (ArithmeticError, ValueError):
        for rate in rates:
            p = [number - rate * slope for number, slope in zip(p, step(p, x, y)[1])]
        return p


def train_by_row(p, x_rows, y_rows, rates):
    try:
        return fast_train_by_row(p, x_rows, y_rows, rates)
    except (ArithmeticError, ValueError):
        for rate in rates:
            for x, y in zip(x_rows, y_rows):
                p = [number - rate * slope for number, slope in zip(p, step(p, x, y)[1])]
        return p
