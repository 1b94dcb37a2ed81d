"""A program as a file of Python that runs without microgradnet: its functions, its tables, the parameters as they are.

A program of plain numbers needs nothing but Python; only where arithmetic has no result (the logarithm of 0) is the
same step made again with NumPy, which gives inf or nan. A program of arrays needs NumPy.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradnet.compiler.languages.names import RESERVED
from microgradnet.compiler.plan import Plan, Shape
from microgradnet.compiler.running.backends import backend
from microgradnet.compiler.running.building import Built
from microgradnet.compiler.updates import RATE, beside_rates, is_spelled_out, stepping
from microgradnet.display import visible
from microgradnet.files import write_atomically
from microgradnet.optim import SGD

__all__ = ["save", "saved"]

COLUMNS = 100
RAISES = re.compile(r"^from math|^import math|/", re.MULTILINE)
"""In the text of plain numbers: what may raise."""


def save(built: Built, title: str, path: str | os.PathLike[str]) -> None:
    """Write the file; see `Program.save`."""
    write_atomically(path, saved(built, title))


def saved(built: Built, title: str) -> str:
    """The text of the file."""
    plan = built.code.asked
    arguments = list(built.code.arguments)
    data = beside_rates(arguments)
    scalars, own = is_spelled_out(plan), built.code.backend
    language = own if own.name == "numpy" and not scalars else backend("python" if scalars else "numpy", scalars)
    step = stepping(plan, SGD(built.parameters.values), data=arguments).plan
    alone = Plan(plan.results[:1], plan.names[:1], plan.labels)
    functions = [
        language.step(language.ready(plan), "step", ["p", *arguments]),
        language.step(language.ready(alone), "loss", ["p", *arguments]),
        *language.train(language.ready(step), (), ["p", *data, RATE]),
    ]
    if arguments:
        *_, by_row = language.train(language.ready(step), data, ["p", *data, RATE])
        functions.append(by_row._replace(text=by_row.text.replace("def train(", "def train_by_row(", 1)))
    source, tables = language.whole(*functions)
    source = _of_numbers(source, plan, alone, arguments) if language.name == "python" else _of_arrays(source)
    imports, rest = _head(source)
    parts = [
        _docstring(built, title, arguments),
        *([imports] if imports else []),
        _parameters(built, "np.array({})" if language.name == "numpy" else "{}"),
        *([_tables(tables)] if tables else []),
    ]
    return "\n\n".join(parts) + "\n\n\n" + rest.strip("\n") + "\n"


def _head(source: str) -> tuple[str, str]:
    """The lines of imports, and all behind them."""
    lines = source.split("\n")
    n = next((i for i, line in enumerate(lines) if line and not line.startswith(("import ", "from "))), len(lines))
    return "\n".join(lines[:n]).strip(), "\n".join(lines[n:])


# --- functions --------------------------------------------------------------------------------------------------------


def _of_arrays(source: str) -> str:
    """NumPy's functions; those that are called from outside take lists, too, and say nothing of an overflow."""
    imports, rest = _head(source)
    rest = re.sub(r"^def (step|loss|train|train_by_row)\(", r"@on_arrays\ndef \1(", rest, flags=re.MULTILINE)
    return f"from functools import wraps\n\n{imports}\n\n\n{_ON_ARRAYS}\n\n{rest.lstrip()}"


_ON_ARRAYS = """\
def on_arrays(function):
    @wraps(function)
    def with_arrays(*given):
        with np.errstate(all="ignore"):
            return function(*[np.asarray(x, float) for x in given])

    return with_arrays
"""


def _of_numbers(source: str, plan: Plan, alone: Plan, arguments: Sequence[str]) -> str:
    """Functions of plain numbers; where they may raise, each with NumPy's behind it, made when it is needed."""
    if not RAISES.search(source):
        return source
    arrays = backend("numpy", False)
    text, tables = arrays.whole(
        arrays.step(arrays.ready(plan), "step", ["p", *arguments]),
        arrays.step(arrays.ready(alone), "loss", ["p", *arguments]),
    )
    head, rest = _head(text)
    rest = re.sub(r"^def (step|loss)\(", r"@on_arrays\ndef \1(", rest, flags=re.MULTILINE)
    parts = [f"from functools import wraps\n\n{head}", _ON_ARRAYS, rest, "return step, loss"]
    if tables:
        parts.insert(1, _tables(tables))
    behind = re.sub(r"\n{3,}", "\n\n", "\n\n".join(parts))
    rename = r"^def (step|loss|train|train_by_row)\("
    source = re.sub(rename, r"def fast_\1(", source, flags=re.MULTILINE).rstrip("\n")
    given = ["p", *[_unlike(name) for name in arguments]]
    wrapped = [
        f"{_IN_NUMPY}{textwrap.indent(behind, INDENT)}\n",
        _ON_NUMBERS["step"].format(", ".join(given)),
        _ON_NUMBERS["loss"].format(", ".join(given)),
        _ON_NUMBERS["train"].format(", ".join(given)),
    ]
    if arguments:
        rows, row = [f"{name}_rows" for name in given[1:]], ", ".join(given[1:])
        over = rows[0] if len(rows) == 1 else f"zip({', '.join(rows)})"
        wrapped.append(_ON_NUMBERS["train_by_row"].format(", ".join(rows), row, over))
    return source + "\n\n\n" + "\n\n".join(wrapped)


def _unlike(name: str) -> str:
    """An argument's name that nothing else has in the functions below."""
    return f"{name}_" if name in {*RESERVED, "numbers", "loss", "gradient", "rate", "rates", "in_numpy"} else name


INDENT = "    "
_IN_NUMPY = '''\
def in_numpy():
    """The same, where Python's arithmetic refuses: a division by 0, an overflow."""
'''
_ON_NUMBERS = {
    "step": """\
def step({0}):
    try:
        return fast_step({0})
    except (ArithmeticError, ValueError):
        loss, gradient = in_numpy()[0]({0})
        return float(loss), gradient.tolist()
""",
    "loss": """\
def loss({0}):
    try:
        return fast_loss({0})
    except (ArithmeticError, ValueError):
        return float(in_numpy()[1]({0}))
""",
    "train": """\
def train({0}, rates):
    try:
        return fast_train({0}, rates)
    except (ArithmeticError, ValueError):
        for rate in rates:
            p = [number - rate * slope for number, slope in zip(p, step({0})[1])]
        return p
""",
    "train_by_row": """\
def train_by_row(p, {0}, rates):
    try:
        return fast_train_by_row(p, {0}, rates)
    except (ArithmeticError, ValueError):
        for rate in rates:
            for {1} in {2}:
                p = [number - rate * slope for number, slope in zip(p, step(p, {1})[1])]
        return p
""",
}


# --- data -------------------------------------------------------------------------------------------------------------


def _docstring(built: Built, title: str, arguments: Sequence[str]) -> str:
    shapes = built.shapes or built.recording.shapes
    n = len(built.parameters)
    lines = [
        f"The loss {visible(title)!r:.80}, compiled by microgradnet, which it does not need.",
        "",
        f"p: {n} parameter{'s' * (n != 1)}, in the order of PARAMETERS, which holds their numbers when this was saved.",
        *[f"{name}: {_shape(shapes[name])}" for name in arguments],
        "",
        f"step({', '.join(['p', *arguments])})      the loss, and its gradient by p",
        f"loss({', '.join(['p', *arguments])})      the loss alone",
        f"train({', '.join(['p', *arguments])}, rates)      p after a step of gradient descent for each rate",
    ]
    if arguments:
        rows = ", ".join(f"{name}_rows" for name in arguments)
        lines.append(f"train_by_row(p, {rows}, rates)      for each rate a step for each row of the data")
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{text}\n"""'


def _shape(shape: Shape) -> str:
    if not shape:
        return "a number"
    of = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    return f"numbers of shape {of}"


def _parameters(built: Built, vector: str) -> str:
    pairs = zip(built.parameters.names, built.parameters.values, strict=True)
    lines = [f"    {path!r}: {_number(value.data)}," for path, value in pairs]
    return "\n".join(["PARAMETERS = {", *lines, "}", f"p = {vector.format('list(PARAMETERS.values())')}"])


def _tables(tables: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {_array(np.asarray(table))}" for name, table in tables.items())


def _array(array: Any) -> str:
    numbers = ", ".join(_number(x) for x in array.reshape(-1).tolist())
    shape = f".reshape({', '.join(map(str, array.shape))})" if array.ndim != 1 else ""
    line = f"np.array([{numbers}]){shape}"
    if len(line) < COLUMNS - 12:
        return line
    inner = textwrap.fill(numbers, COLUMNS, initial_indent="    ", subsequent_indent="    ")
    return f"np.array([\n{inner}\n]){shape}"


def _number(x: Any) -> str:
    return repr(x) if x == x and abs(x) != float("inf") else f'float("{x}")'
