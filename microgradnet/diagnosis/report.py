"""What `check_derivation` found, as people read it and as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from microgradnet.causes import Cause
from microgradnet.display import Shown, Table, digits

__all__ = ["Checked", "Finding", "Report"]


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
        return Table(["line", "variable", "meaning", "numbers", "verdict"], rows, align="rllrl", styles=styles,
                     title=f"{self.function} in {nearby(self.file)}", notes=self.sentences())  # fmt: skip

    def sentences(self) -> list[str]:
        """What is said below the table."""
        said: list[str] = []
        for number, finding in enumerate(self.findings):
            said += [""] if said else []
            said += described(finding, "First wrong line" if number == 0 else "Also wrong")
        if self.compared and not self.findings:
            n = len(self.pairs)
            what = f"All {n} derivatives agree" if n > 1 else "The derivative agrees"
            said.append(f"{what} with autograd ({self.compared} number{'s' if self.compared > 1 else ''} compared).")
        if not self.compared and not self.findings:
            said.append("Nothing was compared.")
        if self.updates:
            said.append(self.updates[:1].upper() + self.updates[1:] + ".")
        said += [f"Not compared: {name} in line {line}: {reason}." for name, line, reason in self.unpaired]
        if self.undecided:
            said.append(f"Not decidable here, hidden by rounding: {', '.join(self.undecided)}.")
        if self.cuts:
            lines = ", ".join(map(str, self.cuts))
            said.append(f"A Value is made a plain float in line {lines}: what depends on it through that is not seen.")
        return said + self.notes

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
    source = finding.source.rstrip().expandtabs()
    indent = len(source) - len(source.lstrip())
    if source:
        lines.append("    " + source[indent:])
    if finding.column is not None and finding.end_column is not None:
        lines.append("    " + " " * (finding.column - indent) + "^" * max(finding.end_column - finding.column, 1))
    if finding.by_hand is not None and finding.autograd is not None:
        by_hand, autograd = digits(finding.by_hand, 9), digits(finding.autograd, 9)
        if finding.kind == "update":
            lines.append(f"{finding.name} changes by {by_hand}; by its gradient it would change by {autograd}")
        else:
            where = f"{finding.name}{finding.element}"
            lines.append(f"{where} = {finding.meaning}: by hand {by_hand}, autograd {autograd}")
    return [*lines, f"Cause: {finding.cause.text()}."]


def nearby(file: str) -> str:
    """A path as seen from the current folder, if it is inside."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file
