"""The texts of functions that NumPy has not, for programs that call them; and the same for numba."""

from __future__ import annotations

__all__ = ["NUMBA_HELPERS", "NUMPY_HELPERS"]

_ERF = """\
try:
    from scipy.special import {0}
except ImportError:
    {0} = np.vectorize(math.{0}, otypes=[float])
"""
_SIGMOID = """\
def sigmoid(x):
    e = np.exp(-np.abs(x))  # never overflows
    return np.maximum(e, x >= 0.0) / (1.0 + e)  # above: 1 for x >= 0, else e
"""
_SOFTPLUS = """\
def softplus(x):
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
"""
_SOFTMAX = """\
def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
"""
_LOGSUMEXP = """\
def logsumexp(x):
    peak = x.max(-1)
    others = np.exp(x - peak[..., None])
    np.put_along_axis(others, x.argmax(-1)[..., None], 0.0, -1)
    return np.where(np.isfinite(peak), peak + np.log1p(others.sum(-1)), peak)[()]
"""
_KEPT = """\
def kept(x, mask):
    bits = np.asarray(x, float).view(np.int64) * mask
    return bits.view(float)  # x where the mask holds, else 0.0, even where it is infinite or nan
"""
_CHOSEN = """\
def chosen(mask, a, b):
    a, b = np.asarray(a, float).view(np.int64), np.asarray(b, float).view(np.int64)
    bits = (a ^ b) * mask  # np.where on the bits of the numbers: faster, as it does not branch
    bits ^= b
    return bits.view(float)
"""
_KEEP = """\
def keep(x, mask):
    bits = x.view(np.int64)
    bits *= mask  # x stays where the mask holds, and becomes 0.0 elsewhere, even where it is infinite or nan
    return x
"""

NUMPY_HELPERS = {
    "erf": _ERF.format("erf"), "erfc": _ERF.format("erfc"), "sigmoid": _SIGMOID, "softplus": _SOFTPLUS,
    "softmax": _SOFTMAX, "logsumexp": _LOGSUMEXP, "kept": _KEPT, "keep": _KEEP, "chosen": _CHOSEN,
}  # fmt: skip

_NUMBA_ERF = """\
@numba.vectorize
def {0}(x):
    return math.{0}(x)
"""
_NUMBA_LOGSUMEXP = """\
def logsumexp(x):
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    out = np.empty(len(rows))
    for i in range(len(rows)):
        at = rows[i].argmax()
        out[i] = rows[i, at]
        if np.isfinite(out[i]):
            rest = 0.0
            for k in range(rows.shape[1]):
                if k != at:
                    rest += np.exp(rows[i, k] - rows[i, at])
            out[i] += np.log1p(rest)
        elif np.isnan(rows[i]).any():
            out[i] = np.nan
    return out.reshape(x.shape[:-1])
"""
_NUMBA_SOFTMAX = """\
def softmax(x):
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    out = np.empty(rows.shape)
    for i in range(len(rows)):
        out[i] = np.exp(rows[i] - rows[i].max())
        out[i] /= out[i].sum()
    return out.reshape(x.shape)
"""
_PEAK = """\
def peak(x):
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    out = np.empty(len(rows))
    for i in range(len(rows)):
        out[i] = rows[i].max()
    return out.reshape(x.shape[:-1])
"""
_CHOOSE = """\
def choose(x, index):
    rows, places = np.ascontiguousarray(x).reshape(-1, x.shape[-1]), np.ascontiguousarray(index).reshape(-1)
    out = np.empty(len(rows))
    for i in range(len(rows)):
        out[i] = rows[i, int(places[i])]
    return out.reshape(index.shape)
"""
_PUT = """\
def put(x, index, value):
    rows, places = x.reshape(-1, x.shape[-1]), np.ascontiguousarray(index).reshape(-1)
    values = np.broadcast_to(value, index.shape).ravel()
    for i in range(len(rows)):
        rows[i, int(places[i])] += values[i]
"""
_ADD_AT = """\
def add_at(x, index, value):
    places, values = index.ravel(), value.ravel()
    for i in range(len(places)):
        x[places[i]] += values[i]
"""
_BATCHED = """\
def batched(a, b):
    out = np.empty((a.shape[0], a.shape[1], b.shape[2]))
    for i in range(len(a)):
        out[i] = a[i] @ b[i]
    return out
"""

NUMBA_HELPERS = {
    "erf": _NUMBA_ERF.format("erf"), "erfc": _NUMBA_ERF.format("erfc"), "sigmoid": _SIGMOID, "softplus": _SOFTPLUS,
    "softmax": _NUMBA_SOFTMAX, "logsumexp": _NUMBA_LOGSUMEXP, "peak": _PEAK, "choose": _CHOOSE, "put": _PUT,
    "add_at": _ADD_AT, "batched": _BATCHED,
}  # fmt: skip
