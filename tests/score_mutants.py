"""Holds check_derivation against the frozen wrong homework: what is detected, at the right line, with the right cause.

python tests/score_mutants.py --half seen [--program article_style] [--limit 20] [--verbose] [--jobs 2]

A mutant is detected if the report is not ok (an exception of the check itself is a miss); its line is right if it is
one of `right_lines`; its cause is right if the line is and one of `accept` matches: the same kind, and every name given
there occurs as a word in one of the cause's names or in its sentence. Nothing is said of single mutants without
--verbose.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import re
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from mutants import FROZEN, mutated_source


class Score(NamedTuple):
    """What the check made of one mutant."""

    detected: bool
    line: bool
    cause: bool
    said: str
    seconds: float


def occurs(name: str, text: str) -> bool:
    """Whether the name is in the text as a word of its own; a number, as an equal number.

    >>> occurs("h1", "f'(sum_h1)"), occurs("w5", "self.w5 is missing"), occurs("2", "2.0 stands where 1 belongs")
    (False, True, True)
    """
    with contextlib.suppress(ValueError):
        wanted = float(name)
        numbers = re.findall(r"(?<![\w.])[-−]?\d+(?:\.\d*)?(?:e[-+]?\d+)?", text)
        return any(float(number.replace("−", "-")) == wanted for number in numbers)
    before, after = (
        (r"(?<![A-Za-z0-9_])" if name[:1].isidentifier() else ""),
        (r"(?![A-Za-z0-9_])" if name[-1:].isalnum() else ""),
    )
    return re.search(before + re.escape(name) + after, text) is not None


def matches(cause: Any, accept: Sequence[dict[str, Any]]) -> bool:
    """Whether a fair teacher would accept the cause (kind, names, sentence) as naming the fault.

    >>> from types import SimpleNamespace as Cause
    >>> matches(Cause(kind="operand", names=("x[1]", "x[0]"), sentence=""), [{"kind": "operand", "names": ["x[1]"]}])
    True
    """
    said = [*(str(name) for name in cause.names), str(cause.sentence)]
    return any(
        cause.kind == one["kind"] and all(any(occurs(name, text) for text in said) for name in one.get("names", ()))
        for one in accept
    )


def scored(mutant: dict[str, Any]) -> Score:
    """The mutated program in a file of its own, checked."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import microgradnet

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{mutant['program']}.py"
        file.write_text(mutated_source(mutant), encoding="utf-8")
        name = "mutant_" + mutant["id"].replace("-", "_")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                spec.loader.exec_module(module)
                function, args, keywords = module.case(0)
                report = microgradnet.check_derivation(function, *args, **keywords)
                ok, first = bool(report.ok), report.first
        except Exception as error:
            said = f"the check raised {type(error).__name__}: {error}"
            return Score(False, False, False, said, time.perf_counter() - began)
        finally:
            del sys.modules[name]
    seconds = time.perf_counter() - began
    if ok or first is None:
        return Score(not ok, False, False, "agrees" if ok else "not ok, but no first finding", seconds)
    line = first.line in mutant["right_lines"]
    cause = first.cause
    said = f"line {first.line}: {cause.kind} {tuple(cause.names)}: {cause.sentence}" if cause else f"line {first.line}"
    return Score(True, line, bool(line and cause and matches(cause, mutant["accept"])), said, seconds)


def table(title: str, groups: dict[str, list[Score]]) -> None:
    """One row per group: how many were detected, at the right line, with the right cause."""
    print(f"{title:22s} {'mutants':>8s} {'detected':>15s} {'right line':>15s} {'right cause':>15s}")
    for name, scores in groups.items():
        cells = []
        for part in ("detected", "line", "cause"):
            count = sum(getattr(score, part) for score in scores)
            cells.append(f"{count:6d} {100 * count / len(scores):6.1f} %")
        print(f"{name:22s} {len(scores):8d} " + " ".join(f"{cell:>15s}" for cell in cells))
    print()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 0 if the goals (all detected, 97 % of lines, 90 % of causes) are reached, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=("seen", "unseen"), required=True)
    parser.add_argument("--program")
    parser.add_argument("--limit", type=int, help="so many mutants at most, spread over the corpus")
    parser.add_argument("--verbose", action="store_true", help="every miss: what was changed, what was said")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(argv)

    mutants = [m for m in json.loads(FROZEN.read_text(encoding="utf-8")) if m["half"] == given.half]
    if given.program:
        mutants = [m for m in mutants if m["program"] == given.program]
    if given.limit and given.limit < len(mutants):
        mutants = [mutants[k * len(mutants) // given.limit] for k in range(given.limit)]
    if not mutants:
        parser.error(f"no mutants of the program {given.program!r}; there are article_style, makemore_style, …")

    with ProcessPoolExecutor(given.jobs) as pool:
        scores = list(pool.map(scored, mutants))

    by_program: dict[str, list[Score]] = defaultdict(list)
    by_operator: dict[str, list[Score]] = defaultdict(list)
    for mutant, score in zip(mutants, scores, strict=True):
        by_program[mutant["program"]].append(score)
        by_operator[mutant["operator"]].append(score)
        if given.verbose and not score.cause:
            missed = "not detected" if not score.detected else "wrong line" if not score.line else "wrong cause"
            print(f"{mutant['id']} {mutant['operator']} ({mutant['ending']}): {missed}, {score.seconds:.2f} s")
            for shift, text in enumerate(mutant["mutated_line"].split("\n")):
                print(f"    {mutant['line'] + shift}: {text.strip()}")
            print(f"    right: {mutant['original_line'].strip()}")
            print(f"    said: {score.said}")
    if given.verbose:
        print()
    table("program", dict(sorted(by_program.items())))
    table("operator", dict(sorted(by_operator.items())))
    table(f"all, {given.half}", {"": scores})
    seconds = sorted(score.seconds for score in scores)
    print(
        f"{sum(seconds):.0f} s in all, {seconds[len(seconds) // 2]:.2f} s the median, {seconds[-1]:.2f} s the slowest"
    )
    share = [sum(getattr(score, part) for score in scores) / len(scores) for part in ("detected", "line", "cause")]
    return 0 if share[0] == 1 and share[1] >= 0.97 and share[2] >= 0.90 else 1


if __name__ == "__main__":
    raise SystemExit(main())
