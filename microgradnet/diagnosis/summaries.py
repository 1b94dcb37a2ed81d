"""What many judgements come to: one line of the report, one finding for a fault, the number that is farthest off."""

from __future__ import annotations

from typing import Any

from microgradnet.diagnosis.judging import Judged
from microgradnet.diagnosis.report import Checked, Finding

__all__ = ["checked", "folded", "is_nothing", "worst"]


def folded(findings: list[Finding]) -> list[Finding]:
    """One finding for each fault: what the same place, in a helper function, spoils in several lines is one fault."""
    first: dict[Any, Finding] = {}
    for finding in findings:
        key = (finding.line, finding.column, finding.cause.kind, finding.cause.names)
        first.setdefault(key if finding.column is not None else len(first), finding)
    return list(first.values())


def checked(group: list[Judged]) -> Checked:
    """What one derivative by hand comes to, judged as often as its line ran."""
    pair = group[0].pair
    verdicts = [judged.verdict for judged in group]
    numbers = sum(int(j.decided.sum()) for j in group)
    if "shape" in verdicts:
        pair = group[verdicts.index("shape")].pair
        verdict = f"wrong shape {pair.by_hand.shape}, wanted {pair.wanted_shape}"
    elif "wrong" in verdicts:
        verdict = "wrong"
    elif "spoiled" in verdicts:
        verdict = "right but for earlier faults"
    elif "otherwise" in verdicts:
        verdict = "means something else; what comes of it is right"
    elif "equal" in verdicts:
        exact = all((j.by_hand == j.pair.autograd)[j.decided].all() for j in group)
        verdict = "equal to the last bit" if exact else "equal to rounding"
    else:
        verdict = "not decidable here"
    return Checked(pair.event.name, f"∂{pair.of}/∂{pair.by.name}", pair.event.line, len(group), numbers, verdict)


def is_nothing(judged: Judged) -> bool:
    """Whether all numbers are 0 on both sides."""
    return not judged.by_hand.any() and not judged.pair.autograd.any()


def worst(judged: Judged) -> tuple[float | None, float | None, str]:
    """Both numbers of the element that is farthest off, and its index as text."""
    import numpy

    if judged.pair.wanted_shape is not None:
        return None, None, ""
    off = numpy.where(judged.wrong, abs(judged.by_hand - judged.pair.autograd), -1.0)
    off = numpy.where(judged.wrong & ~numpy.isfinite(off), numpy.inf, off)
    place = numpy.unravel_index(int(numpy.argmax(off)), off.shape)
    element = f"[{', '.join(map(str, map(int, place)))}]" if off.shape else ""
    return float(judged.by_hand[place]), float(judged.pair.autograd[place]), element
