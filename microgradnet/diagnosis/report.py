"""What `check_derivation` found, as people read it and as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from microgradnet.causes import Cause
from microgradnet.diagnosis.pairs import A_CONSTANT
from microgradnet.display import Shown, Table, digits

__all__ = ["Checked", "Finding", "Report"]


WIDEST = 68
"""Longer lines of source are shown in part, so that the underline stays below what it means."""


class Finding(NamedTuple):
    """One fault: where, both numbers, and why.

    `kind`: "derivative", "update", "shape" or "exception". `column` and `end_column` count from 0; None where unknown.
    `by_hand` and `autograd` are the numbers of the element that is farthest off, `element` its index ("" where there
    is one number).
    """

    kind: str
    file: str
    line: int
    column: int | None
    end_column: int | None
    name: str
    meaning: str
    element: str
    by_hand: float | None
    autograd: float | None
    cause: Cause
    source: str


class Checked(NamedTuple):
    """A derivative that was compared: how often, how many numbers, and with what verdict."""

    name: str
    meaning: str
    line: int
    times: int
    numbers: int
    verdict: str


class Report(Shown):
    """`.ok` is True only if something was compared and all of it agrees; `.first` is the first fault, or None.

    `.findings`: faults that are not the consequence of another, the first first. `.pairs`: what was compared.
    `.unpaired`: (name, line, reason). `.undecided`: names where rounding hides the answer. `.cuts`: lines where a
    Value was made a plain float, and so cut from what it came from. `.updates`: a sentence on the updates.
    """

    __slots__ = (
        "compared",
        "cuts",
        "file",
        "findings",
        "function",
        "notes",
        "pairs",
        "undecided",
        "unpaired",
        "updates",
    )

    def __init__(
        self,
        function: str,
        file: str,
        findings: list[Finding],
        pairs: list[Checked],
        unpaired: list[tuple[str, int, str]],
        undecided: list[str],
        cuts: list[int],
        updates: str,
        notes: list[str],
        compared: int,
    ) -> None:
        self.function, self.file, self.findings, self.pairs, self.unpaired = function, file, findings, pairs, unpaired
        self.undecided, self.cuts, self.updates, self.notes, self.compared = undecided, cuts, updates, notes, compared

    @property
    def ok(self) -> bool:
        """Whether something was compared and all of it agrees."""
        return self.compared > 0 and not self.findings

    def __bool__(self) -> bool:
        return self.ok

    @property
    def first(self) -> Finding | None:
        """The first fault, in the order in which the code ran; None where there is none."""
        return self.findings[0] if self.findings else None

    def table(self) -> Table:
        """The derivatives, one row each, and below them the faults."""
        rows = [[str(pair.line), pair.name, pair.meaning, str(pair.numbers), pair.verdict] for pair in self.pairs]
        styles = ["good" if p.verdict.startswith("equal") else "bad" if "wrong" in p.verdict else None
                  for p in self.pairs]  # fmt: skip
        return Table(["line", "variable", "meaning", "compared", "verdict"], rows, align="rllrl", styles=styles,
                     title=f"{self.function} in {nearby(self.file)}", notes=self.sentences())  # fmt: skip

    def sentences(self) -> list[str]:
        """What is said below the table."""
        said: list[str] = []
        for number, finding in enumerate(self.findings):
            said += [""] if said else []
            said += described(finding, "First wrong line" if number == 0 else "Also wrong")
        if self.compared and not self.findings:
            said.append(self._agreement())
        if not self.compared and not self.findings:
            said.append("Nothing was compared.")
        if self.updates:
            said.append(self.updates[:1].upper() + self.updates[1:] + ".")
        by_reason: dict[str, list[str]] = {}
        for name, line, reason in self.unpaired:
            by_reason.setdefault(reason, []).append(f"{name} (line {line})")
        said += [f"Not compared: {', '.join(names)}: {reason}." for reason, names in by_reason.items()]
        if self.undecided:
            said.append(f"Not decidable here, hidden by rounding: {', '.join(self.undecided)}.")
        if self.cuts:
            lines = ("lines " if len(self.cuts) > 1 else "line ") + ", ".join(map(str, self.cuts))
            said.append(f"A Value is made a plain float in {lines}: what depends on it through that is not seen.")
        return said + self.notes

    def _agreement(self) -> str:
        n, left = len(self.pairs), [reason for _, _, reason in self.unpaired if reason != A_CONSTANT]
        what = f"All {n} derivatives" if n > 1 else "The derivative"
        limit = " that could be compared" if left else ""
        agree = "agree" if n > 1 else "agrees"
        others = f", {len(left)} could not be compared" if left else ""
        numbers = f"{self.compared} number{'s' if self.compared > 1 else ''} compared"
        return f"{what}{limit} {agree} with autograd ({numbers}){others}."

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "function": self.function,
            "file": self.file,
            "ok": self.ok,
            "compared": self.compared,
            "findings": [{**f._asdict(), "cause": f.cause._asdict()} for f in self.findings],
            "pairs": [p._asdict() for p in self.pairs],
            "unpaired": [{"name": n, "line": line, "reason": r} for n, line, r in self.unpaired],
            "undecided": self.undecided,
            "cuts": self.cuts,
            "updates": self.updates,
            "notes": self.notes,
        }


def described(finding: Finding, heading: str) -> list[str]:
    """A fault in a few lines: where, the source underlined, both numbers, the cause with its evidence."""
    column = "" if finding.column is None else f", column {finding.column + 1}"
    lines = [f"{heading}: {nearby(finding.file)}, line {finding.line}{column}"]
    lines += ["    " + line for line in _underlined(finding)]
    if finding.by_hand is not None and finding.autograd is not None:
        by_hand, autograd = digits(finding.by_hand, 9), digits(finding.autograd, 9)
        if finding.kind == "update":
            lines.append(f"{finding.name} changes by {by_hand}; by its gradient it would change by {autograd}")
        else:
            where = f"{finding.name}{finding.element}"
            lines.append(f"{where} = {finding.meaning}: by hand {by_hand}, autograd {autograd}")
    return [*lines, f"Cause: {finding.cause.text()}."]


def _underlined(finding: Finding) -> list[str]:
    """The line of source without its indentation, and a row of ^ under the place, if that is known."""
    source = finding.source.rstrip()
    indent = len(source) - len(source.lstrip())
    start, end = finding.column, finding.end_column
    if not source:
        return []
    if start is None or end is None or start < indent:
        return [source[indent : indent + WIDEST]]
    left = max(indent, min(start - 8, len(source) - WIDEST)) if len(source) - indent > WIDEST else indent
    shown = source[left : left + WIDEST]
    return [shown, " " * (start - left) + "^" * max(min(end, left + len(shown)) - start, 1)]


def nearby(file: str) -> str:
    """A path as seen from the current folder, if it is inside."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file
