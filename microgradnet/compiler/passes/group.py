"""Operations of one type become one array: equal ones are one, and their operands become tables of positions.

before:  type 4: sum of 2 (data, parameter), 1 (parameter, ONE): s1 = [x1 w1, x2 w2, b1 ONE], s2 = [x1 w3, …]
after:   a Group of 2 rows: products of X at [[0, 1], [0, 1]] and p at [[0, 1], [3, 4]], and p at [[2], [5]] alone
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradnet.compiler.passes.normalise import ONE, SUM, Kind

__all__ = ["Factors", "Group", "group"]


@dataclass
class Factors:
    """One kind of product in a sum (or consecutive operands of a function, with nothing as second factor).

    u, v:   the types of the two factors
    at_u, at_v:  positions in the arrays of these types, a row for each of the group, a column for each product
    """

    u: int
    v: int
    at_u: Any
    at_v: Any

    @property
    def count(self) -> int:
        """How many products of this kind are in each row."""
        return int(self.at_u.shape[1])

    def column(self, i: int) -> Factors:
        """One of the products alone."""
        return Factors(self.u, self.v, self.at_u[:, [i]], self.at_v[:, [i]])

    def rows(self, chosen: Any) -> Factors:
        """Those of these rows, in this order."""
        return Factors(self.u, self.v, self.at_u[chosen], self.at_v[chosen])


@dataclass
class Group:
    """The operations of one type: `op`, its kinds of products or operands, `constants`, and for each member its row."""

    op: str
    factors: list[Factors]
    constants: tuple[float, ...]
    row_of: Any
    members: Any

    @property
    def count(self) -> int:
        """How many rows: different operations."""
        return int(self.factors[0].at_u.shape[0])


def group(kind: Kind, types: Any, positions: Any) -> Group:
    """The group of a kind, the positions of all its operands being known. `types` and `positions` are by thing."""
    n = len(kind.members)
    u = np.array(kind.u, dtype=np.int64).reshape(n, -1)
    if kind.op == SUM:
        v = np.array(kind.v, dtype=np.int64).reshape(n, -1)
        factors = [_sorted(f) for f in _of_sum(kind, u, v, types, positions)]
    else:
        factors = _of_function(kind, u, positions)
    kind.u, kind.v = [], []
    first, row_of = _different(np.hstack([part for f in factors for part in (f.at_u, f.at_v)]))
    if len(first) < n:
        factors = [f.rows(first) for f in factors]
    return Group(kind.op, factors, kind.constants, row_of, np.array(kind.members))


def _of_sum(kind: Kind, u: Any, v: Any, types: Any, positions: Any) -> list[Factors]:
    type_u, type_v = types[u], types[v]
    swap = type_u < type_v
    if swap.any():
        u, v = np.where(swap, v, u), np.where(swap, u, v)
        type_u, type_v = types[u], types[v]
    at_u, at_v = positions[u], positions[v]
    result = []
    for (a, b), count in kind.key:
        if len(kind.key) == 1:
            result.append(Factors(a, b, at_u, at_v))
            continue
        here = (type_u == a) & (type_v == b)
        result.append(Factors(a, b, at_u[here].reshape(-1, count), at_v[here].reshape(-1, count)))
    return result


def _sorted(f: Factors) -> Factors:
    """The products of each row in the order of their positions: a sum does not mind, and a view needs it."""
    if f.count == 1:
        return f
    key = f.at_u * (int(f.at_v.max()) + 1) + f.at_v
    if (key[:, 1:] >= key[:, :-1]).all():
        return f
    order = np.argsort(key, axis=1, kind="stable")
    return Factors(f.u, f.v, np.take_along_axis(f.at_u, order, 1), np.take_along_axis(f.at_v, order, 1))


def _of_function(kind: Kind, u: Any, positions: Any) -> list[Factors]:
    result, start = [], 0
    for a, count in kind.key:
        columns = positions[u[:, start : start + count]]
        result.append(Factors(a, ONE, columns, np.zeros_like(columns)))
        start += count
    return result


def _different(rows: Any) -> tuple[Any, Any]:
    """Where each different row stands first, and for every row which of these it is.

    >>> _different(np.array([[1, 2], [3, 4], [1, 2]]))
    (array([0, 1]), array([0, 1, 0]))
    """
    if len(rows) == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    _, first, inverse = unique_rows(rows)
    order = np.argsort(first)  # in the order in which they appear
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


def unique_rows(rows: Any) -> tuple[Any, Any, Any]:
    """The different rows, where each stands first, and for each row which it is: np.unique, by a hash that is verified.

    The hash is a sum of products with fixed odd numbers; should two different rows collide, np.unique does the work.
    """
    factors = np.random.default_rng(0).integers(1, 2**62, rows.shape[1], dtype=np.int64) | 1
    with np.errstate(over="ignore"):
        hashes = (rows * factors).sum(1) if rows.shape[1] < 4096 else rows @ factors
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    if not (rows[first[inverse]] == rows).all():
        different, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return different, first, inverse.reshape(-1)
    return rows[first], first, inverse
