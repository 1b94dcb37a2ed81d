"""Homework: a character model with batch norm, every intermediate value differentiated by hand."""

import numpy as np


def exercise(C, W1, b1, bngain, bnbias, W2, b2, X, Y, lr=0.1, steps=2):
    n = X.shape[0]
    for _ in range(steps):
        # embedding and first layer
        emb = C[X]
        flat = emb.reshape(n, -1)
        hprebn = flat @ W1 + b1

        # batch norm
        bnsum = hprebn.sum(axis=0, keepdims=True)
        bnmean = bnsum / n
        bndiff = hprebn - bnmean
        bnsquare = bndiff**2
        bnvar = bnsquare.sum(axis=0, keepdims=True) / (n - 1)
        bnvar_inv = (bnvar + 1e-5) ** -0.5
        bnraw = bndiff * bnvar_inv
        hpreact = bngain * bnraw + bnbias

        # second layer
        h = np.tanh(hpreact)
        logits = h @ W2 + b2

        # cross entropy
        logit_maxes = logits.max(axis=1, keepdims=True)
        norm_logits = logits - logit_maxes
        counts = np.exp(norm_logits)
        counts_sum = counts.sum(axis=1, keepdims=True)
        counts_sum_inv = counts_sum**-1
        probs = counts * counts_sum_inv
        logprobs = np.log(probs)
        loss = -logprobs[range(n), Y].mean()

        # and back
        dlogprobs = np.zeros_like(logprobs)
        dlogprobs[range(n), Y] = -1.0 / n
        dprobs = dlogprobs / probs
        dcounts_sum_inv = (dprobs * counts).sum(axis=1, keepdims=True)
        dcounts = dprobs * counts_sum_inv
        dcounts_sum = -dcounts_sum_inv * counts_sum**-2
        dcounts += np.ones_like(counts) * dcounts_sum
        dnorm_logits = dcounts * np.exp(norm_logits)
        dlogit_maxes = -dnorm_logits.sum(axis=1, keepdims=True)
        dlogits = dnorm_logits.copy()
        dlogits += np.eye(logits.shape[1])[logits.argmax(axis=1)] * dlogit_maxes
        dh = dlogits @ W2.T
        dW2 = h.T @ dlogits
        db2 = dlogits.sum(axis=0)
        dhpreact = dh * (1.0 - h**2)
        dbngain = (dhpreact * bnraw).sum(axis=0, keepdims=True)
        dbnbias = dhpreact.sum(axis=0, keepdims=True)
        dbnraw = bngain * dhpreact
        dbnvar_inv = (dbnraw * bndiff).sum(axis=0, keepdims=True)
        dbndiff = dbnraw * bnvar_inv
        dbnvar = dbnvar_inv * -0.5 * (bnvar + 1e-5) ** -1.5
        dbnsquare = np.ones_like(bnsquare) * dbnvar / (n - 1)
        dbndiff += dbnsquare * 2 * bndiff
        dbnmean = -dbndiff.sum(axis=0, keepdims=True)
        dbnsum = dbnmean / n
        dhprebn = dbndiff + dbnsum
        dflat = dhprebn @ W1.T
        dW1 = flat.T @ dhprebn
        db1 = dhprebn.sum(axis=0)
        demb = dflat.reshape(emb.shape)
        dC = np.zeros_like(C)
        for i in range(X.shape[0]):
            for j in range(X.shape[1]):
                dC[X[i, j]] += demb[i, j]

        # downhill
        C -= lr * dC
        W1 -= lr * dW1
        b1 -= lr * db1
        bngain -= lr * dbngain
        bnbias -= lr * dbnbias
        W2 -= lr * dW2
        b2 -= lr * db2
    return loss


def make(seed, batch=4, hidden=3, vocabulary=5, context=2, embedding=2):
    """The nine arrays that `exercise` takes, from numbers of moderate size."""
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(vocabulary, embedding))
    W1 = rng.normal(size=(context * embedding, hidden)) * 0.7
    b1 = rng.normal(size=hidden) * 0.3
    bngain = rng.uniform(0.6, 1.4, size=(1, hidden))
    bnbias = rng.normal(size=(1, hidden)) * 0.3
    W2 = rng.normal(size=(hidden, vocabulary)) * 0.8
    b2 = rng.normal(size=vocabulary) * 0.3
    X = rng.integers(0, vocabulary, size=(batch, context))
    Y = rng.integers(0, vocabulary, size=batch)
    return C, W1, b1, bngain, bnbias, W2, b2, X, Y


def case(seed):
    """The function, its arguments and what a check has to be told."""
    return exercise, make(seed), {}
