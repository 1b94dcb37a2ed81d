"""Programs of the corpus: networks, written in loops as someone who learns them would."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt as root
from typing import Any

import numpy as np
from corpus import labels, one_hot, program, signs, uniform

from microgradnet import (
    cos,
    dot,
    exp,
    log,
    logsumexp,
    losses,
    maximum,
    mean,
    nn,
    relu,
    sigmoid,
    sin,
    softmax,
    sqrt,
    take,
    tanh,
    where,
)

# --- feed-forward ----------------------------------------------------------------------------------------------------

NINE = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")


@program(lambda r: {name: uniform(r) for name in NINE}, lambda r, n: (uniform(r, 2), float(r.randrange(2))))
def article_one_sample(p: Any, x: Any, y: Any) -> Any:
    h1 = sigmoid(p["w1"] * x[0] + p["w2"] * x[1] + p["b1"])
    h2 = sigmoid(p["w3"] * x[0] + p["w4"] * x[1] + p["b2"])
    o1 = sigmoid(p["w5"] * h1 + p["w6"] * h2 + p["b3"])
    return (y - o1) ** 2


@program(lambda r: uniform(r, 9), lambda r, n: (uniform(r, n, 2), labels(r, n, 2)), n=4, others=(7,))
def article_four_samples(p: Any, X: Any, y: Any) -> Any:
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = p
    total = 0
    for (height, weight), target in zip(X, y, strict=True):
        h1 = (w1 * height + w2 * weight + b1).sigmoid()
        h2 = (w3 * height + w4 * weight + b2).sigmoid()
        total = total + (target - (w5 * h1 + w6 * h2 + b3).sigmoid()) ** 2
    return total / len(X)


def layers_of(r: Any, *sizes: int) -> Any:
    """Layers of neurons (weights, bias)."""
    return [[(uniform(r, a), uniform(r)) for _ in range(b)] for a, b in pairwise(sizes)]


def through(layers: Any, x: Any) -> Any:
    """The outputs of a network of neurons (w, b), relu but for the last layer."""
    for layer in layers:
        x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
        if layer is not layers[-1]:
            x = [xi.relu() for xi in x]
    return x


@program(lambda r: layers_of(r, 2, 8, 8, 1), lambda r, n: (uniform(r, n, 2), signs(r, n)), n=40, others=(13,))
def moons_own_loops(layers: Any, X: Any, y: Any) -> Any:
    scores = [through(layers, x)[0] for x in X]
    hinge = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    squares = sum(w * w for layer in layers for ws, b in layer for w in (*ws, b))
    return sum(hinge) * (1.0 / len(hinge)) + 1e-4 * squares


@program(
    lambda r: nn.MLP(2, [8, 8, 1], seed=r.randrange(99)),
    lambda r, n: (uniform(r, n, 2), signs(r, n)),
    n=40,
    others=(13,),
)
def moons_mlp(model: Any, X: Any, y: Any) -> Any:
    total = sum((1 - yi * model(x)).relu() for x, yi in zip(X, y, strict=True)) / len(X)
    return total + 1e-4 * sum(p**2 for p in model.parameters())


@program(
    lambda r: nn.MLP(6, [5, 4], activation="tanh", seed=r.randrange(99)),
    lambda r, n: (np.array(uniform(r, n, 6)), np.array(labels(r, n, 4))),
    n=15,
    others=(8,),
)
def digits_cross_entropy(model: Any, X: Any, y: Any) -> Any:
    return losses.cross_entropy([model(x) for x in X], y)


@program(
    lambda r: {"W": uniform(r, 5, 8), "b": uniform(r, 5), "V": uniform(r, 3, 5), "c": uniform(r, 3)},
    lambda r, n: (uniform(r, n, 8), labels(r, n, 3)),
    n=20,
    others=(6,),
)
def digits_logsumexp_take(p: Any, X: Any, y: Any) -> Any:
    total = 0.0
    for x, label in zip(X, y, strict=True):
        h = [tanh(dot(w, x, b)) for w, b in zip(p["W"], p["b"], strict=True)]
        z = [dot(v, h, c) for v, c in zip(p["V"], p["c"], strict=True)]
        total += logsumexp(z) - take(z, label)
    return total / len(X)


@program(
    lambda r: {"W": uniform(r, 4, 6), "b": uniform(r, 4)},
    lambda r, n: (uniform(r, n, 6), one_hot(labels(r, n, 4), 4)),
    n=12,
    others=(5,),
)
def softmax_by_hand(p: Any, X: Any, Y: Any) -> Any:
    loss = 0
    for x, t in zip(X, Y, strict=True):
        e = [exp(sum(w * xi for w, xi in zip(row, x, strict=True)) + b) for row, b in zip(p["W"], p["b"], strict=True)]
        s = sum(e)
        loss -= sum(ti * log(ei / s) for ti, ei in zip(t, e, strict=True))
    return loss / len(X)


@program(
    lambda r: (uniform(r, 5, 3), uniform(r, 5), uniform(r, 5)),
    lambda r, n: (uniform(r, n, 3), uniform(r, n)),
    n=16,
    others=(9,),
)
def neurons_outside(p: Any, X: Any, y: Any) -> Any:
    W, b, v = p
    out = [0.0] * len(X)
    for j in range(5):
        for i in range(len(X)):
            s = b[j]
            for k in range(3):
                s = s + W[j][k] * X[i][k]
            out[i] = out[i] + v[j] * s.tanh()
    return sum((out[i] - y[i]) ** 2 for i in range(len(X))) / len(X)


@program(
    lambda r: {"W1": uniform(r, 6, 3), "b1": uniform(r, 6), "W2": uniform(r, 2, 6), "b2": uniform(r, 2)},
    lambda r, n: (np.array(uniform(r, n, 3)), np.array(uniform(r, n, 2))),
    n=10,
)
def arrays_of_objects(p: Any, X: Any, Y: Any) -> Any:
    W1, b1, W2, b2 = (np.array(p[name]) for name in ("W1", "b1", "W2", "b2"))
    H = np.tanh(np.array(X) @ W1.T + b1)
    return ((H @ W2.T + b2 - Y) ** 2).mean()


@program(lambda r: [layers_of(r, 3, 3)[0] for _ in range(4)], lambda r, n: (uniform(r, n, 3),), n=12, others=(5,))
def residual_network(blocks: Any, X: Any) -> Any:
    total = 0
    for x in X:
        h = list(x)
        for block in blocks:
            h = [hi + relu(dot(w, h, b)) * 0.5 for hi, (w, b) in zip(h, block, strict=True)]
        total += mean([hi**2 for hi in h])
    return total / len(X)


@program(lambda r: (uniform(r, 3, 7), uniform(r, 7)), lambda r, n: (uniform(r, n, 7),), n=10, others=(4,))
def autoencoder(p: Any, X: Any) -> Any:
    W, bias = p
    error = 0
    for x in X:
        code = [tanh(sum(W[k][j] * x[j] for j in range(7))) for k in range(3)]
        back = [sum(W[k][j] * code[k] for k in range(3)) + bias[j] for j in range(7)]
        error = error + sum((b - a) ** 2 for a, b in zip(x, back, strict=True))
    return error / (7 * len(X))


@program(
    lambda r: {name: uniform(r, *shape) for name, shape in
               {"E": (4, 5), "mu": (2, 4), "lv": (2, 4), "D": (5, 2), "c": (5,)}.items()},
    lambda r, n: (uniform(r, n, 5), uniform(r, n, 2, low=-2, high=2)),
    n=8,
    others=(3,),
)  # fmt: skip
def vae_given_noise(p: Any, X: Any, noise: Any) -> Any:
    total = 0.0
    for x, eps in zip(X, noise, strict=True):
        h = [dot(w, x).softplus() for w in p["E"]]
        mu, lv = [dot(w, h) for w in p["mu"]], [dot(w, h) for w in p["lv"]]
        z = [m + exp(v / 2) * e for m, v, e in zip(mu, lv, eps, strict=True)]
        logits = [dot(w, z, b) for w, b in zip(p["D"], p["c"], strict=True)]
        total += sum(a.softplus() - xi * a for a, xi in zip(logits, x, strict=True))
        total += 0.5 * sum(exp(v) + m * m - 1 - v for m, v in zip(mu, lv, strict=True))
    return total / len(X)


@program(
    lambda r: {"c": uniform(r, 6, 2), "width": uniform(r, 6, low=0.5, high=2), "w": uniform(r, 6)},
    lambda r, n: (uniform(r, n, 2), uniform(r, n)),
    n=14,
    others=(6,),
)
def radial_basis_network(p: Any, X: Any, y: Any) -> Any:
    def phi(x: Any, c: Any, s: Any) -> Any:
        return exp(-sum((xi - ci) ** 2 for xi, ci in zip(x, c, strict=True)) / (2 * s**2))

    predicted = [sum(w * phi(x, c, s) for c, s, w in zip(p["c"], p["width"], p["w"], strict=True)) for x in X]
    return sum((a - b) ** 2 for a, b in zip(predicted, y, strict=True)) / len(y)


@program(
    lambda r: {"gate": uniform(r, 3, 4), "experts": uniform(r, 3, 4)},
    lambda r, n: (uniform(r, n, 4), uniform(r, n)),
    n=9,
    others=(5,),
)
def mixture_of_experts(p: Any, X: Any, y: Any) -> Any:
    total = 0
    for x, target in zip(X, y, strict=True):
        shares = softmax([dot(g, x) for g in p["gate"]])
        answer = sum(s * tanh(dot(e, x)) for s, e in zip(shares, p["experts"], strict=True))
        total = total + abs(answer - target)
    return total / len(X)


@program(
    lambda r: (uniform(r, 4, 2), uniform(r, 4)),
    lambda r, n: (uniform(r, n, 2), uniform(r, n), [float(r.random() < 0.7) for _ in range(4)]),
    n=7,
)
def dropout(p: Any, X: Any, y: Any, keep: Any) -> Any:
    W, v = p
    error = 0
    for x, t in zip(X, y, strict=True):
        h = [relu(w[0] * x[0] + w[1] * x[1]) * k / 0.7 for w, k in zip(W, keep, strict=True)]
        error = error + (sum(vi * hi for vi, hi in zip(v, h, strict=True)) - t) ** 2
    return error


# --- along time ------------------------------------------------------------------------------------------------------


@program(
    lambda r: {"Wx": uniform(r, 4, 2), "Wh": uniform(r, 4, 4), "b": uniform(r, 4), "out": uniform(r, 4)},
    lambda r, n: (uniform(r, n, 6, 2), uniform(r, n)),
    n=8,
    others=(3,),
)
def rnn(p: Any, sequences: Any, targets: Any) -> Any:
    total = 0
    for xs, target in zip(sequences, targets, strict=True):
        h = [0.0] * 4
        for x in xs:
            h = [tanh(sum(p["Wx"][i][j] * x[j] for j in range(2)) + sum(p["Wh"][i][j] * h[j] for j in range(4))
                      + p["b"][i]) for i in range(4)]  # fmt: skip
        total += (dot(p["out"], h) - target) ** 2
    return total / len(targets)


@program(
    lambda r: {gate: {"W": uniform(r, 3, 5), "b": uniform(r, 3)} for gate in "ifog"},
    lambda r, n: (uniform(r, n, 4, 2),),
    n=5,
    others=(3,),
)
def lstm(p: Any, sequences: Any) -> Any:
    total = 0
    for xs in sequences:
        h, c = [0.0] * 3, [0.0] * 3
        for x in xs:
            z = [*x, *h]
            i, f, o, g = ([dot(w, z, b) for w, b in zip(p[k]["W"], p[k]["b"], strict=True)] for k in "ifog")
            c = [sigmoid(fk) * ck + sigmoid(ik) * tanh(gk) for fk, ck, ik, gk in zip(f, c, i, g, strict=True)]
            h = [sigmoid(ok) * tanh(ck) for ok, ck in zip(o, c, strict=True)]
        total = total + sum(h)
    return total / len(sequences)


@program(
    lambda r: [uniform(r, 3, 5) for _ in range(3)], lambda r, n: (uniform(r, n, 4, 2), uniform(r, n)), n=5, others=(4,)
)
def gru(p: Any, sequences: Any, y: Any) -> Any:
    update, reset, new = p
    out = []
    for xs in sequences:
        h = [0.0] * 3
        for x in xs:
            zs = [sigmoid(sum(w * v for w, v in zip(row, x + h, strict=True))) for row in update]
            rs = [sigmoid(sum(w * v for w, v in zip(row, x + h, strict=True))) for row in reset]
            rh = [a * b for a, b in zip(rs, h, strict=True)]
            ns = [tanh(sum(w * v for w, v in zip(row, x + rh, strict=True))) for row in new]
            h = [(1 - z) * n + z * hi for z, n, hi in zip(zs, ns, h, strict=True)]
        out.append(sum(h))
    return sum((a - b) ** 2 for a, b in zip(out, y, strict=True))


LENGTHS = (3, 1, 5, 2, 3)


@program(lambda r: uniform(r, 4), lambda r, n: ([uniform(r, length) for length in LENGTHS], uniform(r, len(LENGTHS))))
def ragged_sequences(p: Any, sequences: Any, targets: Any) -> Any:
    a, b, c, d = p
    loss = 0.0
    for xs, target in zip(sequences, targets, strict=True):
        h = 0.0
        for x in xs:
            h = tanh(a * x + b * h + c)
        loss = loss + (d * h - target) ** 2
    return loss


# --- convolutions and pictures ---------------------------------------------------------------------------------------


@program(
    lambda r: {"k": uniform(r, 3, 4), "b": uniform(r, 3)}, lambda r, n: (uniform(r, n, 12), uniform(r, n)), n=6,
    others=(4,),
)  # fmt: skip
def convolution_1d(p: Any, signals: Any, y: Any) -> Any:
    total = 0
    for x, t in zip(signals, y, strict=True):
        maps = []
        for kernel, bias in zip(p["k"], p["b"], strict=True):
            maps.append([relu(sum(kernel[j] * x[i + j] for j in range(4)) + bias) for i in range(len(x) - 3)])
        total = total + (sum(sum(m) for m in maps) / 27 - t) ** 2
    return total / len(signals)


@program(lambda r: uniform(r, 2, 3), lambda r, n: (uniform(r, n, 11),), n=5, others=(3,))
def convolution_1d_stride(kernels: Any, signals: Any) -> Any:
    out = []
    for x in signals:
        for k in kernels:
            windows = [x[i : i + 3] for i in range(0, 9, 2)]
            out.append(max_of([sum(a * b for a, b in zip(k, w, strict=True)) for w in windows]))
    return sum(o**2 for o in out) / len(signals)


def max_of(xs: Any) -> Any:
    """The largest, by maximum."""
    best = xs[0]
    for x in xs[1:]:
        best = maximum(best, x)
    return best


@program(
    lambda r: {"k": uniform(r, 2, 3, 3), "b": uniform(r, 2), "v": uniform(r, 3, 2)},
    lambda r, n: (uniform(r, n, 6, 6), labels(r, n, 3)),
    n=3,
    others=(2,),
)
def convolution_2d_mean(p: Any, images: Any, y: Any) -> Any:
    loss = 0
    for image, label in zip(images, y, strict=True):
        pooled = []
        for kernel, bias in zip(p["k"], p["b"], strict=True):
            s = 0
            for i in range(4):
                for j in range(4):
                    a = bias
                    for di in range(3):
                        for dj in range(3):
                            a = a + kernel[di][dj] * image[i + di][j + dj]
                    s = s + a.relu()
            pooled.append(s / 16)
        loss = loss + losses.cross_entropy([dot(row, pooled) for row in p["v"]], label)
    return loss / len(images)


@program(lambda r: (uniform(r, 2, 2), uniform(r, 4)), lambda r, n: (np.array(uniform(r, n, 5, 5)), uniform(r, n)), n=4)
def convolution_2d_max(p: Any, images: Any, y: Any) -> Any:
    k, v = p
    loss = 0
    for image, target in zip(images, y, strict=True):
        a = [[sum(k[di][dj] * image[i + di][j + dj] for di in range(2) for dj in range(2)) for j in range(4)]
             for i in range(4)]  # fmt: skip
        pooled = [
            maximum(maximum(a[i][j], a[i][j + 1]), maximum(a[i + 1][j], a[i + 1][j + 1]))
            for i in (0, 2)
            for j in (0, 2)
        ]
        loss += (sum(vi * pi for vi, pi in zip(v, pooled, strict=True)) - target) ** 2
    return loss


# --- attention and normalisation -------------------------------------------------------------------------------------


def times(W: Any, x: Any) -> Any:
    """A matrix times a vector."""
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) for row in W]


def attend(Q: Any, K: Any, V: Any, xs: Any) -> Any:
    """Self-attention of one head over one sequence."""
    q, k, v = ([times(M, x) for x in xs] for M in (Q, K, V))
    out = []
    for qi in q:
        weights = softmax([sum(a * b for a, b in zip(qi, kj, strict=True)) / root(len(qi)) for kj in k])
        out.append([sum(w * vj[d] for w, vj in zip(weights, v, strict=True)) for d in range(len(v[0]))])
    return out


@program(lambda r: uniform(r, 3, 3, 4), lambda r, n: (uniform(r, n, 5, 4),), n=3, others=(2,))
def attention_one_head(p: Any, sequences: Any) -> Any:
    outs = [attend(*p, xs) for xs in sequences]
    return sum(o**2 for out in outs for row in out for o in row) / len(sequences)


@program(
    lambda r: {"heads": uniform(r, 2, 3, 2, 4), "O": uniform(r, 4, 4)},
    lambda r, n: (uniform(r, n, 4, 4), uniform(r, n, 4, 4)),
    n=2,
    others=(3,),
)
def attention_two_heads(p: Any, sequences: Any, targets: Any) -> Any:
    loss = 0
    for xs, ts in zip(sequences, targets, strict=True):
        heads = [attend(*head, xs) for head in p["heads"]]
        for row_a, row_b, t in zip(*heads, ts, strict=True):
            o = times(p["O"], row_a + row_b)
            loss = loss + sum((oi - ti) ** 2 for oi, ti in zip(o, t, strict=True)) / 4
    return loss / len(sequences)


@program(lambda r: uniform(r, 3, 2, 3), lambda r, n: (uniform(r, n, 4, 3),), n=3)
def causal_attention(p: Any, sequences: Any) -> Any:
    total = 0
    for xs in sequences:
        q, k, v = ([times(M, x) for x in xs] for M in p)
        for t in range(len(xs)):
            e = [exp(q[t][0] * k[s][0] + q[t][1] * k[s][1]) for s in range(t + 1)]
            z = sum(e)
            total = total + sum(e[s] / z * v[s][0] for s in range(t + 1)) * sum(e[s] * v[s][1] for s in range(t + 1))
    return total


def normalised(xs: Any, gain: Any, shift: Any) -> Any:
    """Mean 0, variance 1, then gain and shift."""
    mu = sum(xs) / len(xs)
    var = sum((x - mu) ** 2 for x in xs) / len(xs)
    return [g * (x - mu) / sqrt(var + 1e-5) + s for x, g, s in zip(xs, gain, shift, strict=True)]


@program(
    lambda r: {"W": uniform(r, 5, 3), "gain": uniform(r, 5), "shift": uniform(r, 5)},
    lambda r, n: (uniform(r, n, 3), uniform(r, n, 5)),
    n=8,
    others=(4,),
)
def layer_norm(p: Any, X: Any, Y: Any) -> Any:
    rows = [normalised(times(p["W"], x), p["gain"], p["shift"]) for x in X]
    return losses.mse(rows, Y)


@program(
    lambda r: {"W": uniform(r, 4, 3), "gain": uniform(r, 4), "shift": uniform(r, 4)},
    lambda r, n: (uniform(r, n, 3), uniform(r, n)),
    n=9,
    others=(6,),
)
def batch_norm(p: Any, X: Any, y: Any) -> Any:
    H = [times(p["W"], x) for x in X]
    n = len(H)
    for j in range(4):
        mu = sum(H[i][j] for i in range(n)) / n
        var = sum((H[i][j] - mu) * (H[i][j] - mu) for i in range(n)) / n
        for i in range(n):
            H[i][j] = relu(p["gain"][j] * (H[i][j] - mu) / (var + 1e-3) ** 0.5 + p["shift"][j])
    return sum((sum(h) - t) ** 2 for h, t in zip(H, y, strict=True)) / n


@program(
    lambda r: {"heads": uniform(r, 3, 4, 4), "up": uniform(r, 6, 4), "down": uniform(r, 4, 6), "g": uniform(r, 2, 4)},
    lambda r, n: (uniform(r, n, 3, 4),),
    n=2,
    others=(3,),
)
def transformer_block(p: Any, sequences: Any) -> Any:
    total = 0
    zeros = [0.0] * 4
    for xs in sequences:
        normal = [normalised(x, p["g"][0], zeros) for x in xs]
        xs = [[a + b for a, b in zip(x, out, strict=True)]
              for x, out in zip(xs, attend(*p["heads"], normal), strict=True)]  # fmt: skip
        for x in xs:
            inner = [h.gelu() for h in times(p["up"], normalised(x, p["g"][1], zeros))]
            total += mean([(a + b) ** 2 for a, b in zip(x, times(p["down"], inner), strict=True)])
    return total / len(sequences)


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, 4),), n=4, others=(3,))
def rotary_positions(q: Any, rows: Any) -> Any:
    total = 0
    for t, x in enumerate(rows):
        for k in (0, 2):
            angle = t / 10 ** (k / 2)
            a, b = q[k] * cos(angle) - q[k + 1] * sin(angle), q[k] * sin(angle) + q[k + 1] * cos(angle)
            total += (a * x[k] + b * x[k + 1]) ** 2
    return total


# --- pairs, trees and graphs -----------------------------------------------------------------------------------------


@program(
    lambda r: layers_of(r, 3, 4, 2),
    lambda r, n: (uniform(r, n, 3), uniform(r, n, 3), labels(r, n, 2)),
    n=10,
    others=(4,),
)
def siamese_contrastive(layers: Any, A: Any, B: Any, same: Any) -> Any:
    total = 0
    for a, b, s in zip(A, B, same, strict=True):
        d2 = sum((p - q) ** 2 for p, q in zip(through(layers, a), through(layers, b), strict=True))
        total += s * d2 + (1 - s) * relu(1 - sqrt(d2 + 1e-6)) ** 2
    return total / len(A)


@program(lambda r: (layers_of(r, 3, 4, 1), layers_of(r, 3, 4, 1)), lambda r, n: (uniform(r, n, 3),), n=10, others=(3,))
def twin_networks(twins: Any, X: Any) -> Any:
    online, target = twins
    return sum((through(online, x)[0] - through(target, x)[0]) ** 2 for x in X) / len(X)


TREE = ((0, (1, 2)), (3, (4, (5, 0))))


@program(lambda r: {"W": uniform(r, 2, 4), "b": uniform(r, 2), "words": uniform(r, 6, 2)})
def recursive_tree(p: Any) -> Any:
    def embed(tree: Any) -> Any:
        if isinstance(tree, int):
            return p["words"][tree]
        both = embed(tree[0]) + embed(tree[1])
        return [tanh(dot(w, both, b)) for w, b in zip(p["W"], p["b"], strict=True)]

    return sum(x * x for x in embed(TREE))


@program(lambda r: (uniform(r, 7, 3), uniform(r, 7, 3)), lambda r, n: (labels(r, n, 7), labels(r, n, 7)), n=12)
def word_embeddings(p: Any, centres: Any, contexts: Any) -> Any:
    E, C = p
    loss = 0
    for word, context in zip(centres, contexts, strict=True):
        e = [take([row[d] for row in E], word) for d in range(3)]
        scores = [sum(a * b for a, b in zip(e, row, strict=True)) for row in C]
        loss -= log(take(softmax(scores), context))
    return loss / len(centres)


EDGES = ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4))


@program(lambda r: (uniform(r, 3, 2), uniform(r, 3)), lambda r, n: (uniform(r, 5, 2), uniform(r, 5)))
def graph_convolution(p: Any, features: Any, y: Any) -> Any:
    W, v = p
    h = [times(W, x) for x in features]
    neighbours = {i: [i] + [b for a, b in EDGES if a == i] + [a for a, b in EDGES if b == i] for i in range(5)}
    loss = 0
    for i in range(5):
        m = [relu(sum(h[j][k] for j in neighbours[i]) / len(neighbours[i])) for k in range(3)]
        loss += (dot(v, m) - y[i]) ** 2
    return loss


@program(
    lambda r: (uniform(r, 4, 3), uniform(r, 4)), lambda r, n: (uniform(r, n, 6, 3), uniform(r, n)), n=5, others=(2,)
)
def deep_sets(p: Any, bags: Any, y: Any) -> Any:
    W, v = p
    out = []
    for bag in bags:
        pooled = [mean([tanh(dot(w, x)) for x in bag]) for w in W]
        out.append(dot(v, pooled))
    return losses.huber(out, y)


@program(lambda r: uniform(r, 3, 4), lambda r, n: (uniform(r, n, 4), uniform(r, n, 4)), n=6, others=(4,))
def info_nce(W: Any, A: Any, B: Any) -> Any:
    za, zb = [times(W, a) for a in A], [times(W, b) for b in B]
    total = 0
    for i in range(len(A)):
        scores = [sum(p * q for p, q in zip(za[i], zb[j], strict=True)) / 0.5 for j in range(len(B))]
        total += logsumexp(scores) - scores[i]
    return total / len(A)


@program(lambda r: uniform(r, 3, 4), lambda r, n: (uniform(r, n, 4), uniform(r, 3, 3)), n=7, others=(5,))
def gram_matrix_of_style(W: Any, X: Any, wanted: Any) -> Any:
    F = [times(W, x) for x in X]
    n = len(F)
    loss = 0
    for i in range(3):
        for j in range(3):
            loss = loss + (sum(F[k][i] * F[k][j] for k in range(n)) / n - wanted[i][j]) ** 2
    similar = [[sum(a * b for a, b in zip(F[i], F[j], strict=True)) for j in range(n)] for i in range(n)]
    return loss + sum(exp(s) for row in similar for s in row) / n**2


@program(
    lambda r: {"a": uniform(r, 4), "b": uniform(r, 3), "W": uniform(r, 4, 3)},
    lambda r, n: ([[float(r.randrange(2)) for _ in range(4)] for _ in range(n)],),
    n=6,
)
def boltzmann_free_energy(p: Any, visible: Any) -> Any:
    energy = 0
    for v in visible:
        hidden = [p["b"][j] + sum(v[i] * p["W"][i][j] for i in range(4)) for j in range(3)]
        energy -= sum(a * vi for a, vi in zip(p["a"], v, strict=True)) + sum(h.softplus() for h in hidden)
    return energy / len(visible)


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, n, 4), uniform(r, n)), n=8)
def leaky_and_friends(p: Any, X: Any, y: Any) -> Any:
    total = 0
    for x, t in zip(X, y, strict=True):
        s = dot(p[:4], x, p[4])
        a = where(s > t, s.elu(), s.leaky_relu(0.2)) + s.silu() * s.gelu()
        total = total + (a - t) ** 2
    return total
