"""Programs of the corpus: statistics and classical learning, each a negative log-likelihood or a loss."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import numpy as np
from corpus import labels, program, signs, uniform

from microgradnet import abs as magnitude
from microgradnet import (
    clip,
    dot,
    erf,
    exp,
    log,
    log1p,
    logsumexp,
    losses,
    maximum,
    mean,
    minimum,
    relu,
    sigmoid,
    softplus,
    sqrt,
    tanh,
    where,
)
from microgradnet import sum as total_of

# --- regressions -----------------------------------------------------------------------------------------------------


@program(lambda r: (uniform(r, 3), uniform(r)), lambda r, n: (uniform(r, n, 3), uniform(r, n)), n=25, others=(8,))
def linear_regression(p: Any, X: Any, y: Any) -> Any:
    w, b = p
    return sum((sum(wi * xi for wi, xi in zip(w, x, strict=True)) + b - t) ** 2 for x, t in zip(X, y, strict=True))


@program(
    lambda r: {"w": uniform(r, 4), "b": uniform(r)},
    lambda r, n: (uniform(r, n, 4), uniform(r, n), 0.3),
    n=15,
    others=(6,),
)
def ridge_regression(p: Any, X: Any, y: Any, strength: Any) -> Any:
    loss = 0
    for x, t in zip(X, y, strict=True):
        loss = loss + (t - dot(p["w"], x, p["b"])) ** 2 / (2 * len(X))
    return loss + strength * sum(w * w for w in p["w"])


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, n, 5), uniform(r, n)), n=12, others=(7,))
def lasso(w: Any, X: Any, y: Any) -> Any:
    residuals = [t - sum(a * b for a, b in zip(w, x, strict=True)) for x, t in zip(X, y, strict=True)]
    return 0.5 * sum(e * e for e in residuals) + 0.1 * sum(abs(wi) for wi in w)


@program(lambda r: [*uniform(r, 2), uniform(r)], lambda r, n: (uniform(r, n, 2), labels(r, n, 2)), n=20, others=(9,))
def logistic_regression(p: Any, X: Any, y: Any) -> Any:
    nll = 0
    for x, t in zip(X, y, strict=True):
        q = 1 / (1 + exp(-(p[0] * x[0] + p[1] * x[1] + p[2])))
        nll = nll - (t * log(q) + (1 - t) * log(1 - q))
    return nll / len(X)


@program(lambda r: uniform(r, 3, 5), lambda r, n: (uniform(r, n, 4), labels(r, n, 3)), n=12, others=(5,))
def softmax_regression(W: Any, X: Any, y: Any) -> Any:
    logits = [[sum(w * v for w, v in zip(row, x, strict=False)) + row[-1] for row in W] for x in X]
    return losses.cross_entropy(logits, y) + 0.01 * sum(w**2 for row in W for w in row)


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n, 3), uniform(r, n, low=-4, high=4)), n=12, others=(6,))
def huber_regression(w: Any, X: Any, y: Any) -> Any:
    return losses.huber([dot(w, x) for x in X], y, delta=0.7)


@program(
    lambda r: {"low": uniform(r, 2), "mid": uniform(r, 2), "high": uniform(r, 2)},
    lambda r, n: (uniform(r, n), uniform(r, n)),
    n=14,
    others=(5,),
)
def quantile_loss(p: Any, x: Any, y: Any) -> Any:
    loss = 0
    for name, q in (("low", 0.1), ("mid", 0.5), ("high", 0.9)):
        a, b = p[name]
        for xi, yi in zip(x, y, strict=True):
            e = yi - (a * xi + b)
            loss = loss + maximum(q * e, (q - 1) * e)
    return loss / (3 * len(x))


@program(
    lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, 3), [r.randrange(5) for _ in range(n)]), n=14, others=(7,)
)
def poisson_regression(p: Any, X: Any, counts: Any) -> Any:
    nll = 0
    for x, k in zip(X, counts, strict=True):
        eta = p[3] + sum(w * xi for w, xi in zip(p, x, strict=False))
        nll = nll + exp(eta) - k * eta
    return nll / len(X)


@program(
    lambda r: {"shape": uniform(r, low=0.8, high=2), "w": uniform(r, 2)},
    lambda r, n: (uniform(r, n, 2), uniform(r, n, low=0.2, high=3), labels(r, n, 2)),
    n=12,
    others=(5,),
)
def weibull_survival(p: Any, X: Any, times: Any, died: Any) -> Any:
    k = p["shape"]
    loglik = 0
    for x, t, event in zip(X, times, died, strict=True):
        scale = exp(dot(p["w"], x))
        z = t / scale
        loglik = loglik + event * (log(k) - log(scale) + (k - 1) * log(z)) - z**k
    return -loglik


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n, 3), labels(r, n, 2)), n=9)
def cox_partial_likelihood(w: Any, X: Any, event: Any) -> Any:
    scores = [dot(w, x) for x in X]  # sorted by time
    return -sum(e * (s - logsumexp(scores[i:])) for i, (s, e) in enumerate(zip(scores, event, strict=True)))


@program(lambda r: {"w": uniform(r, 2), "cuts": uniform(r, 3)}, lambda r, n: (uniform(r, n, 2), labels(r, n, 2)), n=11)
def ordinal_regression(p: Any, X: Any, above: Any) -> Any:
    cut = [p["cuts"][0]]
    for step in p["cuts"][1:]:
        cut.append(cut[-1] + softplus(step))
    loss = 0
    for x, a in zip(X, above, strict=True):
        s = dot(p["w"], x)
        probabilities = [sigmoid(c - s) for c in cut]
        gaps = [probabilities[0], *(b - a for a, b in pairwise(probabilities))]
        loss -= sum(log(g + 1e-6) for g in gaps) * a
    return loss


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n, 2), signs(r, n)), n=20, others=(11,))
def hinge_svm(w: Any, X: Any, y: Any) -> Any:
    losses_ = [maximum(0, 1 - t * (w[0] * a + w[1] * b + w[2])) for (a, b), t in zip(X, y, strict=True)]
    return 0.5 * (w[0] ** 2 + w[1] ** 2) + 1.5 * mean(losses_)


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, 3), uniform(r, n, low=0, high=1)), n=10, others=(4,))
def focal_loss(p: Any, X: Any, y: Any) -> Any:
    total = 0.0
    for x, t in zip(X, y, strict=True):
        q = sigmoid(dot(p[:3], x, p[3]))
        total -= t * (1 - q) ** 2 * log(q) + (1 - t) * q**2 * log1p(-q)
    return total / len(y)


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, n), labels(r, n, 2)), n=10, others=(5,))
def probit(p: Any, x: Any, y: Any) -> Any:
    total = 0.0
    for xi, yi in zip(x, y, strict=True):
        q = 0.5 * (1 + erf((p[0] + p[1] * xi + p[2] * xi * xi) / math.sqrt(2)))
        total += losses.binary_cross_entropy(q, yi)
    return total


# --- densities, clusters, factors ------------------------------------------------------------------------------------


@program(
    lambda r: {"mean": uniform(r, 3, 2), "logvar": uniform(r, 3, 2), "weight": uniform(r, 3)},
    lambda r, n: (uniform(r, n, 2, low=-2, high=2),),
    n=12,
    others=(5,),
)
def gaussian_mixture(p: Any, X: Any) -> Any:
    norm = logsumexp(p["weight"])
    nll = 0
    for x in X:
        parts = []
        for m, v, w in zip(p["mean"], p["logvar"], p["weight"], strict=True):
            quad = sum((xi - mi) ** 2 / exp(vi) + vi for xi, mi, vi in zip(x, m, v, strict=True))
            parts.append(w - norm - 0.5 * quad - math.log(2 * math.pi))
        nll = nll - logsumexp(parts)
    return nll / len(X)


@program(lambda r: uniform(r, 4, 2), lambda r, n: (uniform(r, n, 2, low=-2, high=2),), n=20, others=(9,))
def k_means(centres: Any, X: Any) -> Any:
    loss = 0
    for x in X:
        best = None
        for c in centres:
            d = (x[0] - c[0]) ** 2 + (x[1] - c[1]) ** 2
            best = d if best is None else minimum(best, d)
        loss = loss + best
    return loss / len(X)


@program(
    lambda r: {"U": uniform(r, 6, 2), "V": uniform(r, 5, 2), "bias": uniform(r, 6)},
    lambda r, n: (uniform(r, 6, 5), [[float(r.random() < 0.6) for _ in range(5)] for _ in range(6)]),
)
def factorisation_masked(p: Any, R: Any, seen: Any) -> Any:
    error = 0
    for i in range(6):
        for j in range(5):
            guess = p["bias"][i] + sum(u * v for u, v in zip(p["U"][i], p["V"][j], strict=True))
            error = error + seen[i][j] * (R[i][j] - guess) ** 2
    return error + 0.02 * (sum(u * u for row in p["U"] for u in row) + sum(v * v for row in p["V"] for v in row))


RATED = ((0, 1), (0, 4), (1, 0), (2, 2), (2, 3), (3, 1), (3, 4), (3, 0), (5, 2))


@program(lambda r: (uniform(r, 6, 3), uniform(r, 5, 3)), lambda r, n: (uniform(r, len(RATED)),))
def factorisation_listed(p: Any, ratings: Any) -> Any:
    users, items = p
    return mean([(dot(users[i], items[j]) - s) ** 2 for (i, j), s in zip(RATED, ratings, strict=True)])


@program(lambda r: (uniform(r, 4, 2, low=0, high=1), uniform(r, 2, 5, low=0, high=1)), lambda r, n: (uniform(r, 4, 5),))
def nonnegative_factors(p: Any, A: Any) -> Any:
    W, H = ([[abs(v) for v in row] for row in M] for M in p)
    error = 0
    for i in range(len(A)):
        for j in range(len(A[0])):
            error = error + (A[i][j] - sum(W[i][k] * H[k][j] for k in range(2))) ** 2
    return error


@program(lambda r: uniform(r, 4), lambda r, n: (uniform(r, n, 4),), n=10, others=(5,))
def principal_component(v: Any, X: Any) -> Any:
    norm = sqrt(sum(vi**2 for vi in v))
    u = [vi / norm for vi in v]
    captured = [sum(ui * xi for ui, xi in zip(u, x, strict=True)) for x in X]
    return -sum(c**2 for c in captured) / len(X) + (norm - 1) ** 2


TEAMS = 5


@program(
    lambda r: uniform(r, TEAMS), lambda r, n: (labels(r, n, TEAMS), labels(r, n, TEAMS), labels(r, n, 2)), n=15,
    others=(4,),
)  # fmt: skip
def bradley_terry(skill: Any, home: Any, away: Any, won: Any) -> Any:
    from microgradnet import take

    games = [(take(skill, h) - take(skill, a), w) for h, a, w in zip(home, away, won, strict=True)]
    return losses.binary_cross_entropy_with_logits([d for d, _ in games], [w for _, w in games])


@program(lambda r: uniform(r, 6), lambda r, n: (uniform(r, 6),))
def ranking_pairs(scores: Any, relevance: Any) -> Any:
    loss = 0
    for i in range(6):
        for j in range(6):
            if i != j:
                loss = loss + where(relevance[i] > relevance[j], relu(1 - (scores[i] - scores[j])), 0)
    return loss / 30


# --- time series and probabilistic machines --------------------------------------------------------------------------


@program(lambda r: {"q": uniform(r), "r": uniform(r), "a": uniform(r, low=0.5, high=1)}, lambda r, n: (uniform(r, 15),))
def kalman_filter(p: Any, observed: Any) -> Any:
    q, noise, a = exp(p["q"]), exp(p["r"]), p["a"]
    x, P, nll = 0.0, 1.0, 0.0
    for z in observed:
        x, P = a * x, a * P * a + q
        S = P + noise
        innovation = z - x
        nll = nll + 0.5 * (log(S) + innovation**2 / S)
        K = P / S
        x, P = x + K * innovation, (1 - K) * P
    return nll


@program(lambda r: (uniform(r, 3, 3), uniform(r, 3, 4), uniform(r, 3)), lambda r, n: (labels(r, 8, 4),))
def hmm_forward_algorithm(p: Any, symbols: Any) -> Any:
    from microgradnet import take

    moves, emits, start = ([[v - logsumexp(row) for v in row] for row in M] for M in (p[0], p[1], [p[2]]))
    alpha = [s + take(e, symbols[0]) for s, e in zip(start[0], emits, strict=True)]
    for symbol in symbols[1:]:
        alpha = [logsumexp([alpha[i] + moves[i][j] for i in range(3)]) + take(emits[j], symbol) for j in range(3)]
    return -logsumexp(alpha)


@program(lambda r: uniform(r, 3), lambda r, n: (uniform(r, 20),))
def autoregression(p: Any, series: Any) -> Any:
    loss = 0
    for now, before, earlier in zip(series[2:], series[1:], series, strict=False):
        loss = loss + (now - (p[0] * before + p[1] * earlier + p[2])) ** 2
    return loss / (len(series) - 2)


@program(lambda r: uniform(r, 3, low=0.1, high=0.5), lambda r, n: (uniform(r, 16),))
def garch(p: Any, returns: Any) -> Any:
    omega, alpha, beta = p
    variance, loss = omega / (1 - 0.9), 0
    for x in returns:
        loss += log(variance) + x**2 / variance
        variance = omega + alpha * x**2 + beta * variance
    return 0.5 * loss


@program(lambda r: uniform(r, 5), lambda r, n: (uniform(r, 6),))
def soft_time_warping(p: Any, series: Any) -> Any:
    big, gamma = 1e3, 0.5
    D = [[big] * (len(series) + 1) for _ in range(len(p) + 1)]
    D[0][0] = 0.0
    for i in range(1, len(p) + 1):
        for j in range(1, len(series) + 1):
            near = [D[i - 1][j - 1], D[i - 1][j], D[i][j - 1]]
            D[i][j] = (p[i - 1] - series[j - 1]) ** 2 - gamma * logsumexp([-v / gamma for v in near])
    return D[-1][-1]


def cholesky(A: Any) -> Any:
    """The lower factor, by hand."""
    n = len(A)
    L = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            s = A[i][j] - sum(L[i][k] * L[j][k] for k in range(j))
            L[i][j] = sqrt(s) if i == j else s / L[j][j]
    return L


@program(
    lambda r: {"length": uniform(r), "signal": uniform(r), "noise": uniform(r, low=-1, high=0)},
    lambda r, n: ([i + 0.3 * r.random() for i in range(6)], uniform(r, 6)),
)
def gaussian_process(p: Any, x: Any, y: Any) -> Any:
    length, signal, noise = exp(p["length"]), exp(p["signal"]), exp(p["noise"])
    n = len(x)
    K = [[signal * exp(-0.5 * ((x[i] - x[j]) / length) ** 2) for j in range(n)] for i in range(n)]
    for i in range(n):
        K[i][i] = K[i][i] + noise
    L = cholesky(K)
    z: list[Any] = []
    for i in range(n):
        z.append((y[i] - sum(L[i][k] * z[k] for k in range(i))) / L[i][i])
    return 0.5 * sum(v * v for v in z) + sum(log(L[i][i]) for i in range(n))


@program(lambda r: uniform(r, 5, 5), lambda r, n: (uniform(r, 5),))
def page_rank(W: Any, weight: Any) -> Any:
    P = [[exp(w) for w in row] for row in W]
    P = [[v / sum(row) for v in row] for row in P]
    rank = [1 / 5] * 5
    for _ in range(6):
        rank = [0.15 / 5 + 0.85 * sum(rank[i] * P[i][j] for i in range(5)) for j in range(5)]
    return sum(w * r for w, r in zip(weight, rank, strict=True))


@program(lambda r: uniform(r, 4), lambda r, n: (np.array(uniform(r, 4, 4)), uniform(r, 4)))
def portfolio(w: Any, S: Any, gain: Any) -> Any:
    share = [exp(wi) / total_of([exp(v) for v in w]) for wi in w]
    risk = sum(share[i] * share[j] * sum(S[i][k] * S[j][k] for k in range(4)) for i in range(4) for j in range(4))
    return risk - 0.1 * sum(s * g for s, g in zip(share, gain, strict=True))


@program(
    lambda r: uniform(r, 2, low=0.1, high=0.4), lambda r, n: (uniform(r, n, low=80, high=120), uniform(r, n)), n=8,
    others=(3,),
)  # fmt: skip
def black_scholes(p: Any, strikes: Any, prices: Any) -> Any:
    vol, rate = p
    error = 0
    for k, price in zip(strikes, prices, strict=True):
        d1 = (log(100 / k) + rate + vol**2 / 2) / vol
        d2 = d1 - vol
        call = 100 * 0.5 * (1 + erf(d1 / math.sqrt(2))) - k * exp(-rate) * 0.5 * (1 + erf(d2 / math.sqrt(2)))
        error = error + (call / 100 - price) ** 2
    return error / len(strikes)


@program(lambda r: uniform(r, 3, 2), lambda r, n: (uniform(r, n, 3), uniform(r, n)), n=10, others=(4,))
def trimmed_errors(W: Any, X: Any, y: Any) -> Any:
    out = [sum(tanh(W[k][0] * x[k]) * W[k][1] for k in range(3)) for x in X]
    return sum(clip(magnitude(o - t), 0.05, 0.8) for o, t in zip(out, y, strict=True)) / len(y)


def shuffled(r: random.Random, n: int) -> list[int]:
    """A permutation."""
    order = list(range(n))
    r.shuffle(order)
    return order


@program(
    lambda r: uniform(r, 5, 2),
    lambda r, n: (np.array(uniform(r, n, 2)), shuffled(r, n)),
    n=7,
    static=("order",),
)
def triplets_of_an_order(W: Any, X: Any, order: Any) -> Any:
    z = [[w[0] * X[i][0] + w[1] * X[i][1] for w in W] for i in order]
    loss = 0
    for a, p, n in zip(z, z[1:], z[2:], strict=False):
        near = sum((ai - pi) ** 2 for ai, pi in zip(a, p, strict=True))
        far = sum((ai - ni) ** 2 for ai, ni in zip(a, n, strict=True))
        loss = loss + relu(near - far + 0.2)
    return loss
