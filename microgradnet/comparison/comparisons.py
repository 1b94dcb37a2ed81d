"""What a comparison found: a `Line` for each derivative, a `Comparison` that shows them all, with what they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.comparison.libraries import LIBRARIES
from microgradnet.comparison.verdicts import Kind, shown
from microgradnet.display import Shown, Table

if TYPE_CHECKING:
    from microgradnet.causes import Cause

__all__ = ["Comparison", "Line"]

MOST_NAMED = 20
"""So many names are listed in a sentence."""

_SOURCE_NAMES = {"finite": "finite differences", **{name: library.title for name, library in LIBRARIES.items()}}


class Line(NamedTuple):
    """One derivative ∂`of`/∂`name`: the opinions on it (`by_hand` is None where none was given), and the verdict.

    `agrees` is the verdict on the derivative by hand or, without one, on autograd beside the other sources; None
    where rounding is larger than any difference that would matter: not decidable here. `ulps` and `relative`: the
    distance of the two that are compared, in units of the last place of autograd's, and as a part of it. `bound`: the
    difference that rounding explains.

    `finite_difference` is nan where there is none, `finite_error` says how far it can be trusted, and `finite_agrees`
    whether it confirms autograd as far as that. `libraries`: derivatives by "torch" and "jax"; `libraries_agree`:
    whether they confirm autograd (None where they differ at a tie). `cause`: why by hand differs, where that was
    looked for. `kind`: that of the verdict, see `verdicts.Kind`.
    """

    name: str
    autograd: float
    by_hand: float | None
    finite_difference: float
    finite_agrees: bool | None
    bound: float
    agrees: bool | None
    verdict: str
    of: str
    ulps: float
    relative: float
    finite_error: float
    libraries: Mapping[str, float]
    libraries_agree: Mapping[str, bool | None]
    cause: Cause | None
    kind: Kind

    @property
    def title(self) -> str:
        """The derivative as people write it."""
        return f"∂{self.of}/∂{self.name}"


class Comparison(Shown):
    """What `compare` found: `.lines`, and `.ok`, True if something was decided and all that was agrees.

    It shows itself in a terminal and in a notebook, and as `.markdown()` and `.json()`; as a truth value it is `.ok`.
    """

    __slots__ = ("lines", "of", "sources")

    def __init__(self, of: str, lines: list[Line], sources: tuple[str, ...] = ("finite",)) -> None:
        self.of, self.lines, self.sources = of, lines, sources

    @property
    def ok(self) -> bool:
        """Whether something was decided, and nothing differs. What is not decidable here counts neither way."""
        return any(line.agrees for line in self.lines) and all(line.agrees is not False for line in self.lines)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def has_by_hand(self) -> bool:
        """Whether derivatives by hand were given."""
        return any(line.by_hand is not None for line in self.lines)

    def table(self) -> Table:
        """One row per derivative; below it the causes of differences and a summary."""
        others = [source for source in self.sources if source in LIBRARIES]
        hand, differences = self.has_by_hand, "finite" in self.sources
        rows = []
        for line in self.lines:
            row = [line.title, shown(line.autograd, 9)]
            if hand:
                row.append("-" if line.by_hand is None else shown(line.by_hand, 9))
            if differences:
                row.append("-" if math.isnan(line.finite_difference) else shown(line.finite_difference, 7))
            rows.append([*row, *[shown(line.libraries[source], 9) for source in others], line.verdict])
        heads = [*["by hand"] * hand, *["finite diff."] * differences, *[LIBRARIES[source].title for source in others]]
        styles = {True: "good", False: "bad", None: None}
        return Table(
            ["parameter", "autograd", *heads, "verdict"],
            rows,
            align="lr" + "r" * len(heads) + "l",
            styles=[styles[line.agrees] for line in self.lines],
            notes=[*self._causes(), self.summary(), *self._other_opinions()],
        )

    def _causes(self) -> list[str]:
        said: dict[str, list[str]] = {}
        for line in self.lines:
            if line.cause is not None:
                said.setdefault(_said(line.cause), []).append(line.title)
        return [f"{_some(titles)}: {cause}." for cause, titles in said.items()]

    def _other_opinions(self) -> list[str]:
        if not self.has_by_hand:
            return []
        said = [("Finite differences do", [self._short(line) for line in self.lines if line.finite_agrees is False])]
        for source in self.sources:
            doubts = [self._short(line) for line in self.lines if line.libraries_agree.get(source) is False]
            said.append((f"{_SOURCE_NAMES[source]} does", doubts))
        return [f"{who} not confirm autograd on {_some(names)}." for who, names in said if names]

    def summary(self) -> str:
        """The verdict on all of it, in one sentence; a second one names what is not decidable."""
        wrong = [self._short(line) for line in self.lines if line.agrees is False]
        unclear = [self._short(line) for line in self.lines if line.agrees is None]
        n, decided = len(self.lines), len(self.lines) - len(unclear)
        other = "by hand" if self.has_by_hand else _listed([_SOURCE_NAMES[s] for s in self.sources])
        if not n:
            return "Nothing was compared."
        if not decided:
            return "Nothing could be decided: rounding is larger here than what is compared."
        left = f" Not decidable at this point: {_some(unclear)}." if unclear else ""
        if not wrong:
            return f"Autograd and {other} agree{f' on all {decided}' if decided > 1 else ''}.{left}"
        return f"Autograd and {other} disagree on {len(wrong)} of {n}: {_some(wrong)}.{left}"

    def _short(self, line: Line) -> str:
        """The name by which the derivative is known, if it is one of the root."""
        return line.name if line.of == self.of else line.title

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        lines = [
            {**line._asdict(), "libraries": dict(line.libraries), "libraries_agree": dict(line.libraries_agree),
             "cause": line.cause._asdict() if line.cause is not None else None}
            for line in self.lines
        ]  # fmt: skip
        return {"of": self.of, "ok": self.ok, "sources": list(self.sources), "lines": lines}


def _said(cause: Cause) -> str:
    return cause.text() if cause.holds else cause.sentence


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
