"""A formula and its numbers, as the command line is given them: `"p = w*x; L = (y - p)**2" --at w=1,x=2,y=3`."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from microgradnet.cli.script import parts
from microgradnet.errors import InputError

if TYPE_CHECKING:
    from microgradnet.value import Value

__all__ = ["FORMULA", "as_number", "assignments", "computed", "in_one_sentence", "numbers_of", "root_of"]

FORMULA = "one, or steps: `p = w*x; L = (y - p)**2`; a blank goes before a formula that begins with -"


def computed(text: str, numbers: Mapping[str, float]) -> Value:
    """The Value of the last of the steps; each step has its name as its label, the last one L if it has none."""
    from microgradnet.expression import CONSTANTS, formula, names_in
    from microgradnet.value import Value

    values: dict[str, Any] = {name: Value(x, name) for name, x in numbers.items()}
    steps = [re.fullmatch(r"\s*(?:([^\W\d]\w*)\s*=(?!=))?(.*)", step, re.DOTALL) for step in text.split(";")]
    used: set[str] = set()
    for number, step in enumerate(steps, 1):
        assert step is not None  # the pattern takes any text
        label, of = step[1], step[2].strip()
        if number < len(steps) and label is None:
            raise InputError(f"step {number} of the formula has no name; write it as in p = w*x; L = (y - p)**2")
        if label is not None and (label in values or label in CONSTANTS):
            raise InputError(
                f"{label:.60} has a number already, so it cannot be the name of step {number} of the formula"
            )
        with in_one_sentence(f"step {number} of the formula" if len(steps) > 1 else "the formula"):
            used |= {*names_in(of), *(CONSTANTS.keys() & numbers.keys())}
            result: Value = formula(of, values)
        if any(result is value for value in values.values()):
            raise InputError(f"the formula {of!r:.60} is only a name; write one that computes something")
        result.label = label or ("L" if "L" not in values else "result")
        values[result.label] = result
    if not used:
        raise InputError(
            f"the formula {text!r:.60} has no names, so there is no derivative; write for example (y - w*x)**2"
        )
    unused = [name for name in numbers if name not in used]
    if unused:
        raise InputError(f"--at: {unused[0]:.60} is not in the formula; its names are {', '.join(sorted(used))}")
    return result


def root_of(args: argparse.Namespace) -> Value:
    """The Value of the formula `args.what` at the numbers of `args.at`."""
    return computed(args.what, dict(numbers_of("--at", ",".join(args.at or []), "w1=1,x1=-2")))


@contextmanager
def in_one_sentence(where: str) -> Iterator[None]:
    """Refusals of a formula point at the place in lines below; here the place is quoted, on the same line."""
    try:
        yield
    except InputError as error:
        said, *pointing = str(error).splitlines()
        place = ""
        if len(pointing) == 2:
            shown, marks = pointing
            said = said.partition(": ")[2]  # without the column, which counts from the formula and not the argument
            quoted = shown[marks.find("^") :][: marks.count("^")]
            place = f", at {quoted!r}" if quoted else ", at its end"
        raise InputError(f"{where}: {said}{place}") from None


def assignments(option: str, texts: Iterable[str], example: str) -> Iterator[tuple[str, str]]:
    """(name, what stands behind =) of each; InputError where one is no assignment, or a name comes twice."""
    met: set[str] = set()
    for text in texts:
        name, equals, value = (word.strip() for word in text.partition("="))
        name = normalize("NFKC", name)  # as Python reads names
        if not (name and equals and value):
            raise InputError(f"{option} wants a name, = and a value, such as {example}, got {text!r:.60}")
        if name in met:
            raise InputError(f"{option}: {name:.60} is given twice; leave one out")
        met.add(name)
        yield name, value


def numbers_of(option: str, text: str, example: str) -> Iterator[tuple[str, float]]:
    """(name, number) of each `name=number` between commas; InputError for what is no finite number."""
    for name, value in assignments(option, parts(text), example):
        number = as_number(value)
        if number is None or not math.isfinite(number):
            raise InputError(f"{option}: {name:.60} wants a number, such as {example}, got {value!r:.60}")
        yield name, number


def as_number(text: str) -> float | None:
    """
    >>> as_number("-1e-3"), as_number("w")
    (-0.001, None)
    """
    try:
        return float(text)
    except ValueError:
        return None
