"""Where a nan or an infinity was born: `find_nan` looks for it in a graph, `detect_anomaly` stops at the very line.

A number that is not finite spreads to all that is computed from it, so the loss says nothing of its origin. Forward
that is the first operation whose result is not finite while its operands are; backward, where all numbers are finite,
the first edge over which something is sent that is not.

    >>> from microgradnet import Value, log
    >>> p = Value(0.0, "p")
    >>> loss = -log(p) * 2
    >>> print(find_nan(loss).sentence)
    log1 = log(p) is -inf, where p = 0
    >>> with detect_anomaly():
    ...     log(p)
    Traceback (most recent call last):
    microgradnet.errors.AnomalyError: log1 = log(p) is -inf, where p = 0: keep p above 0, as in log(p + 1e-12)
"""

from microgradnet.anomaly.finding import Anomaly, find_nan
from microgradnet.anomaly.watching import detect_anomaly

__all__ = ["Anomaly", "detect_anomaly", "find_nan"]
