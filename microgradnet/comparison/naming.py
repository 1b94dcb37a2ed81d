"""Names of derivatives: `dL_dw1`, `d_L_d_w1`, `∂L/∂w1`, `dw1`, `grad_w1` … mean a derivative of A with respect to B."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

__all__ = ["LOSSES", "parse_derivative"]

LOSSES = ("loss", "L", "cost", "J", "total_loss", "loss_value", "error", "E", "l")
"""Names that a loss goes by, the likeliest first."""

_D = "dD∂"


class _Reading(NamedTuple):
    """One way to read a name; the smallest `doubt` is the likeliest."""

    doubt: tuple[int, ...]
    of: str | None
    by: str


def parse_derivative(name: str, known: Collection[str], roots: Collection[str]) -> tuple[str | None, str] | None:
    """Which derivative a name stands for: (A, B) for ∂A/∂B, (None, B) where no A is named, None if it is none.

    Read are `d_A_d_B`, `dA_dB`, `dAdB`, `dA/dB`, `∂A/∂B`, and without A `dB`, `d_B`, `∂B`, `grad_B`, `B_grad`. B is
    one of the `known` names; A is one of them, or of `roots`, names that the root of everything goes by. Case and
    underscores are ignored, but a spelling that is exact goes before one that is not. A name that can be read in two
    ways that are equally likely is None.

    >>> parse_derivative("dL_dypred", {"ypred", "w1"}, {"L"}), parse_derivative("d_h1_d_w1", {"h1", "w1"}, {"L"})
    (('L', 'ypred'), ('h1', 'w1'))
    >>> parse_derivative("dlogits", {"logits"}, {"loss"}), parse_derivative("delta", {"logits"}, {"loss"})
    ((None, 'logits'), None)
    """
    readings = sorted(_readings("".join(name.split()), _Names(known), _Names(roots)), key=lambda r: r.doubt)
    if not readings:
        return None
    best = readings[0]
    if any(r.doubt == best.doubt and (r.of, r.by) != (best.of, best.by) for r in readings):
        return None
    return best.of, best.by


class _Names:
    """Names as they are spelled, without underscores, and also without case."""

    def __init__(self, names: Collection[str]) -> None:
        self.spelled: list[dict[str, set[str]]] = [{}, {}, {}]
        for name in names:
            for spelling, by in zip(_spellings(name), self.spelled, strict=True):
                by.setdefault(spelling, set()).add(name)

    def find(self, part: str) -> tuple[int, str] | None:
        """(0, the name) if it is spelled so, 1 but for underscores, 2 also but for case; None if unknown or unclear."""
        for loose, (spelling, by) in enumerate(zip(_spellings(part.strip("_")), self.spelled, strict=True)):
            similar = by.get(spelling, set()) if spelling else set()
            if similar:
                return (loose, next(iter(similar))) if len(similar) == 1 else None
        return None


def _spellings(name: str) -> tuple[str, str, str]:
    bare = name.replace("_", "")
    return name, bare, bare.casefold()


def _readings(name: str, known: _Names, roots: _Names) -> Iterator[_Reading]:
    above, slash, below = name.partition("/")
    if slash:
        if above and above[0] in _D and below and below[0] in _D:
            yield from _pair(above[1:], below[1:], known, roots, 0)
        return
    if name and name[0] in _D:
        rest = name[1:]
        yield from _alone(rest, known)
        for i, letter in enumerate(rest):
            if i and letter in _D:
                yield from _pair(rest[:i], rest[i + 1 :], known, roots, int(rest[i - 1] != "_"))
    lower = name.casefold()
    if lower.startswith("grad"):
        yield from _alone(name[4:], known)
    if lower.endswith("grad"):
        yield from _alone(name[:-4], known)


def _alone(part: str, known: _Names) -> Iterator[_Reading]:
    found = known.find(part)
    if found is not None:
        yield _Reading((found[0], 0), None, found[1])


def _pair(above: str, below: str, known: _Names, roots: _Names, unmarked: int) -> Iterator[_Reading]:
    of, by = _first(known.find(above), roots.find(above)), known.find(below)
    if of is not None and by is not None:
        yield _Reading((max(of[0], by[0]), 1, unmarked), of[1], by[1])


def _first(*found: tuple[int, str] | None) -> tuple[int, str] | None:
    """The one that is spelled exactly, else the first that there is."""
    return min((f for f in found if f is not None), key=lambda f: f[0], default=None)
