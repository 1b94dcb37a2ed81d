"""Makes homework/mutants.json: wrong homework, one place changed in each, with what a fair teacher would say of it.

python tests/mutants.py

Every derivative line and every update line of the four right programs in homework/ is changed by seeded operators on
its syntax tree, spliced into the text, so that the rest stays byte for byte. A mutant counts if it is shown wrong: at
every point of `POINTS` it is run in plain NumPy, and what it computes by hand (the last value of each derivative in the
first step, and the change of every parameter) is held against central differences of the *right* program's loss; or it
raises, or makes an array of the wrong shape. Others are equivalent and dropped. Nothing here knows microgradnet.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import json
import random
import re
import sys
import traceback
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HOMEWORK = Path(__file__).parent / "homework"
FROZEN = HOMEWORK / "mutants.json"
SEED = 20240
POINTS = (0, 101, 102, 103)
"""The seeds of the cases at which a mutant has to be wrong; 0 is the one that a check is shown."""
MOST = {"article_style": 108, "makemore_style": 150, "softmax_regression": 108, "two_methods": 108}
"""Mutants of a program at most."""
MOST_RAISING = 26
"""Of them at most so many that end in an exception."""
MOST_UNBORN = 3
"""Of these at most so many where `+=` stands at a first assignment."""


class Program(NamedTuple):
    """What has to be known of one program: its parameters, the rate's name, and how to make it take one step."""

    name: str
    parameters: tuple[str, ...]
    rate: str
    one_step: dict[str, int]
    first_only: bool = False


PROGRAMS = [
    Program(
        "article_style",
        ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"),
        "learn_rate",
        {"epochs": 1},
        first_only=True,
    ),
    Program("makemore_style", ("C", "W1", "b1", "bngain", "bnbias", "W2", "b2"), "lr", {"steps": 1}),
    Program("softmax_regression", ("W", "b", "scale"), "lr", {"epochs": 1}),
    Program("two_methods", ("W1", "b1", "W2", "b2"), "lr", {}),
]

Cause = dict[str, Any]


def a(kind: str, *names: str) -> Cause:
    """One acceptable cause; each name has to occur in it."""
    return {"kind": kind, "names": list(names)} if names else {"kind": kind}


# ---------------------------------------------------------------- running a program


def load(source: str, file: str) -> types.ModuleType:
    """The source as a module of that file name (which need not exist)."""
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file
    exec(compile(source, file, "exec"), module.__dict__)
    return module


class Run(NamedTuple):
    """What one step left behind: variables by name, parameters before and after, or how it ended."""

    values: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    raised: str
    raised_at: int
    rate: float


def copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def run(program: Program, source: str, seed: int, disturb: dict[str, Any] | None = None) -> Run:
    """One step of the source's `case(seed)`, with numbers added to some of its parameters."""
    file = f"<{program.name}>"
    module = load(source, file)
    function, args, _ = module.case(seed)
    if program.first_only:
        args = tuple(arg[:1] for arg in args)
    target = function.__func__ if inspect.ismethod(function) else function
    owner = getattr(function, "__self__", None)
    named = dict(zip(list(inspect.signature(function).parameters), args, strict=False))
    for name, change in (disturb or {}).items():
        if name in named:
            named[name] += change
        else:
            setattr(owner, name, getattr(owner, name) + change)
    store = named if owner is None else vars(owner)
    before = {name: copied(store[name]) for name in program.parameters}
    values: dict[str, Any] = {}

    def watch(frame: types.FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != file:
            return None
        if event == "return" and frame.f_code is target.__code__:
            values.update(frame.f_locals)
        frame.f_trace_lines = False
        return watch

    raised, raised_at = "", 0
    old = sys.gettrace()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        sys.settrace(watch)
        try:
            function(*args, **program.one_step)
        except Exception as error:
            raised = type(error).__name__.removeprefix("_")
            raised_at = [f.lineno or 0 for f in traceback.extract_tb(error.__traceback__) if f.filename == file][-1]
        finally:
            sys.settrace(old)
    if owner is not None:
        values = {**values, **vars(owner)}
    values = {name: copied(value) for name, value in values.items()}
    after = {name: values.get(name) for name in program.parameters}
    rate = inspect.signature(function).parameters[program.rate].default
    return Run(values, before, after, raised, raised_at, rate)


# ---------------------------------------------------------------- the truth


PROBE = "probe__"


def base(node: ast.expr) -> str:
    """The variable or attribute that a target stores into."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Probed(ast.NodeTransformer):
    """`v = …` becomes `v = probe__("v", …)` for every simple variable."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if not isinstance(node.targets[0], ast.Subscript | ast.Tuple):
            node.value = ast.Call(ast.Name(PROBE, ast.Load()), [ast.Constant(base(node.targets[0])), node.value], [])
        return node


class Right:
    """A right program: its text, its derivative and update lines, and its true derivatives at the points."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.source = (HOMEWORK / f"{program.name}.py").read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self.lines = self.source.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.runs = {seed: run(program, self.source, seed) for seed in POINTS}
        self.case = load(self.source, f"<{program.name}>").case(0)

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,  # type: ignore[attr-defined]
            self.starts[node.end_lineno - 1] + node.end_col_offset,  # type: ignore[attr-defined]
        )

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    @cached_property
    def forward(self) -> dict[str, set[str]]:
        """Every variable of the way forward (parameters too) with the variables that it is computed of."""
        found: dict[str, set[str]] = {name: set() for name in self.program.parameters}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Tuple):
                name = base(node.targets[0])
                if name in self.runs[POINTS[0]].values:
                    uses = {base(n) for n in ast.walk(node.value) if isinstance(n, ast.Name | ast.Attribute)}
                    found.setdefault(name, set()).update(uses)
        return {name: uses for name, uses in found.items() if self.pair(name, set(found)) is None}

    def pair(self, name: str, known: set[str]) -> tuple[str, str] | None:
        """The two variables of a derivative's name: what is differentiated ("" for the loss) and by what."""
        plain = {k.replace("_", ""): k for k in known}
        if match := re.fullmatch(r"d_(\w+)_d_(\w+)", name):
            first, second = (part.replace("_", "") for part in match.groups())
            return ("" if first == "L" else plain[first]), plain[second]
        return ("", name[1:]) if name.startswith("d") and name[1:] in known else None

    @cached_property
    def statements(self) -> list[ast.Assign | ast.AugAssign]:
        """Derivative lines and update lines, in order; those of a helper for a derivative too."""
        found: list[ast.Assign | ast.AugAssign] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AugAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if self.pair(base(target), set(self.forward)) or (
                    isinstance(node, ast.AugAssign) and base(target) in self.program.parameters
                ):
                    found.append(node)
        return sorted(found, key=lambda node: node.lineno)

    @cached_property
    def derivatives(self) -> dict[str, tuple[str, str]]:
        """Every derivative's name with its two variables, in the order of their first lines."""
        names = [base(n.targets[0]) for n in self.statements if isinstance(n, ast.Assign)]
        return {n: p for n in names if (p := self.pair(n, set(self.forward)))}

    @cached_property
    def truth(self) -> dict[int, dict[str, Any]]:
        """True derivatives by seed and name of the derivative; "" + parameter for the loss by a parameter."""
        return {seed: self.true_at(seed) for seed in POINTS}

    def evaluate(self, seed: int, name: str, change: Any) -> dict[str, Any]:
        """Every forward variable where `change` is added to the variable `name`, wherever it is computed."""
        program = self.program
        seen: dict[str, Any] = {}

        def probe(variable: str, value: Any) -> Any:
            if variable == name and variable not in seen and name not in program.parameters:
                value = value + change
            seen.setdefault(variable, copied(value))
            return value

        module = load(self.source, f"<{program.name}>")
        tree = ast.fix_missing_locations(Probed().visit(ast.parse(self.source)))
        module.__dict__[PROBE] = probe
        exec(compile(tree, f"<{program.name}>", "exec"), module.__dict__)
        function, args, keywords = module.case(seed)
        seen.clear()
        if program.first_only:
            args = tuple(arg[:1] for arg in args)
        if name in program.parameters:
            owner = getattr(function, "__self__", None)
            if owner is None:
                position = list(inspect.signature(function).parameters).index(name)
                args = tuple(arg + change if k == position else arg for k, arg in enumerate(args))
            else:
                setattr(owner, name, getattr(owner, name) + change)
        with contextlib.redirect_stdout(io.StringIO()):
            function(*args, **program.one_step)
        if "loss" in keywords:
            seen["loss"] = keywords["loss"](args[1][0], seen["y_pred"])
        return seen

    def true_at(self, seed: int) -> dict[str, Any]:
        """Central differences with one extrapolation, for every derivative and every parameter."""
        wanted = {name: (above or "loss", below) for name, (above, below) in self.derivatives.items()}
        wanted |= {f"loss by {name}": ("loss", name) for name in self.program.parameters}
        by_variable: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, (above, below) in wanted.items():
            by_variable[below].append((name, above))
        truth: dict[str, Any] = {}
        step = 1e-3
        first = self.runs[seed]
        for below, names in by_variable.items():
            value = first.before[below] if below in first.before else first.values[below]
            shape = np.shape(value)
            results = {name: np.zeros(shape) for name, _ in names}
            for index in np.ndindex(*shape):
                unit = np.zeros(shape)
                unit[index] = 1.0
                slopes = []
                for h in (step, step / 2):
                    up = self.evaluate(seed, below, h * unit if shape else h)
                    down = self.evaluate(seed, below, -h * unit if shape else -h)
                    slopes.append({above: (up[above] - down[above]) / (2 * h) for _, above in names})
                for name, above in names:
                    results[name][index] = (4 * slopes[1][above] - slopes[0][above]) / 3
            truth.update(results)
        return truth


def differs(got: Any, truth: Any, tolerance: float = 1e-5) -> bool:
    """Whether two numbers or arrays of one shape are further apart than differences can err."""
    try:
        apart = float(np.max(np.abs(np.asarray(got, dtype=float) - truth)))
    except (TypeError, ValueError):
        return True
    return not apart <= 1e-7 + tolerance * float(np.max(np.abs(truth)))


class Verdict(NamedTuple):
    """How a mutant ends at one point: the derivatives that are wrong, the parameters updated wrongly."""

    ending: str
    wrong: tuple[str, ...]
    updates: tuple[str, ...]
    raised: str
    raised_at: int
    got: Run


def judge(right: Right, source: str, seed: int) -> Verdict:
    """The source's one step held against the truth."""
    got = run(right.program, source, seed)
    truth = right.truth[seed]
    wrong, updates, shapes = [], [], False
    for name in right.derivatives:
        if name not in got.values:
            continue
        value = got.values[name]
        if np.shape(value) != np.shape(truth[name]):
            shapes = True
            wrong.append(name)
        elif differs(value, truth[name]):
            wrong.append(name)
    if got.raised:
        return Verdict("raises", tuple(wrong), (), got.raised, got.raised_at, got)
    for name in right.program.parameters:
        true = -got.rate * truth[f"loss by {name}"]
        if np.shape(got.after[name]) != np.shape(got.before[name]):
            shapes = True
            updates.append(name)
        elif differs(got.after[name] - got.before[name], true):
            updates.append(name)
    return Verdict("shape" if shapes else "runs", tuple(wrong), tuple(updates), "", 0, got)


# ---------------------------------------------------------------- changes of one place


class Change(NamedTuple):
    """One place of the text with what stands there instead, and the causes that name this fault."""

    operator: str
    start: int
    end: int
    got: str
    accept: list[Cause]
    lines: tuple[int, ...] = ()
    """More lines that are right to blame."""


COUNTS = {"n", "n - 1", "self.y.size"}
FUNCTIONS = {
    "exp": ("log", "tanh"),
    "tanh": ("exp", "sinh"),
    "argmax": ("argmin",),
    "zeros_like": ("ones_like",),
    "ones_like": ("zeros_like",),
    "sum": ("mean", "max"),
    "eye": ("ones",),
    "deriv_sigmoid": ("sigmoid",),
    "sigmoid": ("deriv_sigmoid",),
}
SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}


class Place:
    """One statement's expression with what its parents are."""

    def __init__(self, right: Right, statement: ast.Assign | ast.AugAssign | ast.Return) -> None:
        self.right = right
        self.statement = statement
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(statement):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        if isinstance(statement, ast.Return):
            self.target, self.name = "", ""
        else:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            self.target, self.name = right.text(target), base(target)
        self.is_update = self.name in right.program.parameters
        self.value = statement.value
        assert self.value is not None

    def nodes(self) -> list[ast.expr]:
        """Every expression of the right side and of the target's index, in the text's order."""
        assert self.value is not None
        found = [n for n in ast.walk(self.value) if isinstance(n, ast.expr)]
        if isinstance(self.statement, ast.AugAssign | ast.Assign):
            target = self.statement.target if isinstance(self.statement, ast.AugAssign) else self.statement.targets[0]
            found += [n for n in ast.walk(target) if isinstance(n, ast.Subscript)]
        return sorted(found, key=lambda n: (self.right.span(n)[0], -self.right.span(n)[1]))

    def sides(self, node: ast.BinOp) -> tuple[str, int, str, str]:
        """Left text, position of the operator, its symbol, right text; parentheses included."""
        start, end = self.right.span(node)
        symbol = SYMBOLS[type(node.op)]
        left_end, right_start = self.right.span(node.left)[1], self.right.span(node.right)[0]
        at = self.right.source.index(symbol, left_end, right_start)
        return (
            self.right.source[start:at].rstrip(),
            at,
            symbol,
            self.right.source[at + len(symbol) : end].lstrip(),
        )

    def names_in(self, node: ast.AST) -> list[str]:
        """Variables that occur in it, functions and modules left out."""
        found = []
        for n in ast.walk(node):
            name = base(n) if isinstance(n, ast.Name | ast.Attribute) else ""
            if name and name in self.right.runs[POINTS[0]].values and name != "self":
                above = self.parents.get(n)
                whole = isinstance(above, ast.Subscript) and n is above.value and isinstance(above.slice, ast.Constant)
                found.append(self.right.text(above) if whole and above else name)
        return list(dict.fromkeys(found))

    def in_term(self) -> bool:
        """Whether it is in one term of the derivative: of a chain `d = …; d += …`, or of a line that is a sum."""
        if self.is_update or isinstance(self.statement, ast.Return):
            return False
        if sum(base_of(statement) == self.name for statement in self.right.statements) > 1:
            return True
        return isinstance(self.value, ast.BinOp) and isinstance(self.value.op, ast.Add | ast.Sub)

    def in_index(self, node: ast.AST) -> bool:
        """Whether it stands in an index, an axis or another argument by keyword."""
        while node in self.parents and node is not self.statement:
            parent = self.parents[node]
            if isinstance(parent, ast.keyword) or (isinstance(parent, ast.Subscript) and node is parent.slice):
                return True
            node = parent
        return False

    def accepts(self, node: ast.AST, *causes: Cause) -> list[Cause]:
        """The causes, and those that the statement's kind adds."""
        more = []
        if self.in_term():
            more.append(a("path"))
        if self.is_update:
            more.append(a("update", self.name))
        if isinstance(self.statement, ast.Return):
            more += [a("other"), a("factor", "h1"), a("factor", "o1")]
        return [*causes, *more]


def any_of(kind: str, names: list[str]) -> list[Cause]:
    """The cause with any one of the names."""
    return [a(kind, name) for name in names]


def signs(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        start, end = right.span(node)
        names = place.names_in(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            accept = [a("operator", "-"), a("constant", right.text(node)), *any_of("operand", names)]
            yield Change("sign", start, end, right.text(node.operand), place.accepts(node, *accept))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            _, at, symbol, _ = place.sides(node)
            other = "-" if symbol == "+" else "+"
            operands = [*any_of("operand", names), *any_of("factor", names)]
            accept = [a("operator", symbol, other), *operands]
            yield Change("sign", at, at + 1, other, place.accepts(node, *accept))
    assert place.value is not None
    start, end = right.span(place.value)
    text = right.text(place.value)
    if not text.startswith("-"):
        outer = isinstance(place.value, ast.BinOp) and isinstance(place.value.op, ast.Add | ast.Sub)
        got = f"-({text})" if outer else f"-{text}"
        accept = [a("operator", "-"), *any_of("operand", place.names_in(place.value))]
        if isinstance(place.value, ast.Constant):
            accept += [a("constant"), a("sign")]
        yield Change("sign", start, end, got, place.accepts(place.value, *accept))


def factors(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        start, end = right.span(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            left, _, _, other = place.sides(node)
            for kept, lost in ((left, node.right), (other, node.left)):
                names = place.names_in(lost)
                accept = [*any_of("factor", names), *any_of("operand", names)]
                if not names:
                    accept += [a("number"), a("constant"), a("factor")]
                yield Change("factor", start, end, kept, place.accepts(node, *accept))
            if isinstance(node.left, ast.Name | ast.Attribute | ast.Call) and not place.in_index(node):
                names = place.names_in(node.left)
                accept = [*any_of("factor", names), *any_of("operand", names)]
                yield Change("factor", start, end, f"{left} * {left} * {other}", place.accepts(node, *accept))
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and place.sides(node)[3].strip("()") not in COUNTS
        ):
            names = place.names_in(node.right)
            accept = [*any_of("factor", names), *any_of("operand", names)]
            yield Change("factor", start, end, place.sides(node)[0], place.accepts(node, *accept))
        if isinstance(node, ast.Constant) and not place.in_index(node) and isinstance(node.value, int | float):
            parent = place.parents[node]
            outer = place.parents[parent] if isinstance(parent, ast.UnaryOp) else parent
            if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Pow):
                continue
            if node.value == 1e-5:
                continue
            wanted = right.text(node)
            for got in ("1", "3", "0.5") if node.value == 2 else ("2", "0.5") if node.value == 1 else ("1.0", "0.25"):
                around = place.names_in(parent)
                accept = [a("constant", got, wanted), *any_of("factor", around), *any_of("operand", around)]
                yield Change("factor", start, end, got, place.accepts(node, *accept))
    assert place.value is not None
    start, end = right.span(place.value)
    text = right.text(place.value)
    outer = isinstance(place.value, ast.BinOp) and isinstance(place.value.op, ast.Add | ast.Sub)
    for number in ("2", "0.5"):
        accept = [a("number"), a("factor", "extra", number), *any_of("operand", place.names_in(place.value))]
        got = f"{number} * ({text})" if outer or text.startswith("-") else f"{number} * {text}"
        yield Change("factor", start, end, got, place.accepts(place.value, *accept))
    if isinstance(place.value, ast.Call) and place.right.program.first_only:
        accept = [a("literal"), *any_of("factor", place.names_in(place.value))]
        yield Change("factor", start, end, "1", place.accepts(place.value, *accept))


def indices(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        if not isinstance(node, ast.Subscript):
            continue
        inner = node.slice
        start, end = right.span(inner)
        names = place.names_in(node)
        general = [*any_of("operand", names), *any_of("factor", names), a("arrangement")]
        if isinstance(inner, ast.Constant) and isinstance(inner.value, int):
            other = "1" if inner.value == 0 else "0"
            wanted, got = right.text(node), f"{right.text(node.value)}[{other}]"
            accept = [a("constant", other, right.text(inner)), a("operand", got, wanted), a("factor", got, wanted)]
            if wanted.endswith("shape[1]"):
                accept += [*general]
            yield Change("index", start, end, other, place.accepts(node, *accept))
        if isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
            one, two = (right.text(element) for element in inner.elts)
            accept = [*general, a("path"), a("overwritten")]
            yield Change("index", start, end, f"{two}, {one}", place.accepts(node, *accept))
            for element, got in ((inner.elts[0], ":"), (inner.elts[1], "0"), (inner.elts[1], "-1")):
                if right.text(element) != got:
                    first, last = right.span(element)
                    yield Change("index", first, last, got, place.accepts(node, *accept, a("constant"), a("zero")))
            for element in inner.elts:
                if isinstance(element, ast.Name) and element.id in "ij":
                    first, last = right.span(element)
                    yield Change("index", first, last, "j" if element.id == "i" else "i", place.accepts(node, *accept))
        elif isinstance(inner, ast.Subscript) and isinstance(node.value, ast.Name):
            accept = [*general, a("path"), a("overwritten")]
            yield Change("index", start, end, "i", place.accepts(node, *accept))
            yield Change("index", start, end, "j", place.accepts(node, *accept))
            yield Change("index", start, end, "X[0, j]", place.accepts(node, *accept))


def terms(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        start, end = right.span(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and not place.in_index(node):
            left, _, symbol, other = place.sides(node)
            if f"{left} {symbol} {other}" in COUNTS:
                continue
            names = place.names_in(node)
            for got, lost in ((left, node.right), (other if symbol == "+" else f"-{other}", node.left)):
                accept = [a("operator", symbol), *any_of("factor", names), *any_of("operand", names)]
                if isinstance(lost, ast.Constant):
                    accept += [a("constant"), a("sign")]
                yield Change("term", start, end, got, place.accepts(node, *accept))
    if isinstance(place.statement, ast.AugAssign) and not place.is_update:
        start, end = right.span(place.statement)
        chain = [s.lineno for s in right.statements if base_of(s) == place.name]
        accept = [a("path"), a("number"), a("factor"), a("constant"), a("operand"), a("overwritten")]
        yield Change("term", start, end, "pass", accept, tuple(chain))


def base_of(statement: ast.Assign | ast.AugAssign) -> str:
    return base(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)


def variables(place: Place) -> Iterator[tuple[ast.expr, str, str]]:
    """Every variable that is read, with its name and the way it is written before the name."""
    for node in place.nodes():
        parent = place.parents.get(node)
        if isinstance(node, ast.Name) and not isinstance(parent, ast.Attribute):
            prefix = ""
        elif isinstance(node, ast.Name):
            prefix = "" if node.id not in ("self", "np") else "no"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            prefix = "self."
        else:
            continue
        name = base(node)
        if prefix != "no" and name in place.right.runs[POINTS[0]].values and not place.in_index(node):
            yield node, name, prefix


def operands(place: Place) -> Iterator[Change]:
    """Another variable of the same shape; "stale" where it is one step before or after the right one, or used up."""
    right = place.right
    if isinstance(place.statement, ast.Return):
        return
    values = right.runs[POINTS[0]].values
    known = set(right.forward)
    first_line = {}
    for statement in right.statements:
        first_line.setdefault(base_of(statement), statement.lineno)
    for node, name, prefix in variables(place):
        if name not in known and name not in right.derivatives:
            continue
        for other in [*right.forward, *right.derivatives]:
            if other == name or other == place.name or np.shape(values[other]) != np.shape(values[name]):
                continue
            if isinstance(values[other], int) or other in ("n", "loss", "data_loss", "penalty"):
                continue
            if other in right.derivatives and first_line[other] >= place.statement.lineno:
                continue
            if (other in right.derivatives) != (name in right.derivatives) and not right.program.first_only:
                if name in right.derivatives and other != right.derivatives[name][1]:
                    continue
                if other in right.derivatives and right.derivatives[other][1] != name:
                    continue
            near = (
                other in right.forward.get(name, ())
                or name in right.forward.get(other, ())
                or (
                    other in right.derivatives
                    and name in right.derivatives
                    and abs(list(right.derivatives).index(other) - list(right.derivatives).index(name)) == 1
                )
            )
            if right.program.first_only:
                written = f"self.{other}" if other in right.program.parameters else other
                if (other in right.derivatives) != (name in right.derivatives):
                    continue
            else:
                written = prefix + other
            start, end = right.span(node)
            accept = [
                a("operand", other, name),
                a("factor", "swapped", other, name),
                a("factor", other),
                a("factor", name),
            ]
            if place.is_update and name in right.derivatives:
                accept.append(a("update", place.name))
            parent = place.parents[node]
            if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
                accept += [a("operand", other), a("factor", "swapped", other)]
            kind = "stale" if near else "operand"
            if place.is_update and name in right.derivatives:
                kind = "update"
            yield Change(kind, start, end, written, place.accepts(node, *accept))


def arrays_at(place: Place) -> Iterator[Change]:
    """Means and sums over axes."""
    right = place.right
    for node in place.nodes():
        start, end = right.span(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left, at, _, other = place.sides(node)
            if other.strip("()") in COUNTS:
                count = place.names_in(node.right)
                accept = [a("number"), *any_of("factor", [*count, "size"]), *any_of("operand", count), a("constant")]
                yield Change("mean", start, end, left, place.accepts(node, *accept))
                if other == "(n - 1)":
                    first, last = right.span(node.right)
                    yield Change("mean", first - 1, last + 1, "n", place.accepts(node, *accept, a("operator", "-")))
                if other == "n":
                    got = "(n - 1)"
                    first, last = right.span(node.right)
                    yield Change("mean", first, last, got, place.accepts(node, *accept, a("operator", "-")))
                if other == "self.y.size":
                    first, last = right.span(node.right)
                    yield Change("mean", first, last, "len(self.y)", place.accepts(node, *accept))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean"):
            names = place.names_in(node)
            common = [a("arrangement"), *any_of("operand", names)]
            at = right.span(node.func)[1] - len(node.func.attr)
            got = "mean" if node.func.attr == "sum" else "sum"
            accept = [*common, a("number"), a("factor"), a("operator", "sum", "mean")]
            yield Change("mean", at, at + len(node.func.attr), got, place.accepts(node, *accept))
            for keyword in node.keywords:
                first, last = right.span(keyword.value)
                if keyword.arg == "axis":
                    other = "1" if right.text(keyword.value) == "0" else "0"
                    axis = a("constant", other, right.text(keyword.value))
                    yield Change("mean", first, last, other, place.accepts(node, *common, axis))
                    drop_to = last
                    drop_from = right.source.rindex("axis", start, first)
                    if right.source[drop_to : drop_to + 2] == ", ":
                        drop_to += 2
                    elif right.source[drop_from - 2 : drop_from] == ", ":
                        drop_from -= 2
                    yield Change("mean", drop_from, drop_to, "", place.accepts(node, *common))
                if keyword.arg == "keepdims":
                    yield Change("mean", first, last, "False", place.accepts(node, *common))
            if isinstance(node.func.value, ast.Name | ast.Attribute | ast.BinOp) and not right.text(node).startswith(
                "np."
            ):
                first, last = right.span(node)
                inner_end = right.span(node.func)[1] - len(node.func.attr) - 1
                got = right.source[start:inner_end]
                yield Change("mean", first, last, got, place.accepts(node, *common))


def transpositions(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        start, end = right.span(node)
        names = place.names_in(node)
        accept = [a("arrangement"), *any_of("operand", names), a("operator", "@")]
        if isinstance(node, ast.Attribute) and node.attr == "T":
            yield Change("transposition", end - 2, end, "", place.accepts(node, *accept))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            left, _, _, other = place.sides(node)
            yield Change("transposition", start, end, f"{other} @ {left}", place.accepts(node, *accept))
            for side in (node.left, node.right):
                if not (isinstance(side, ast.Attribute) and side.attr == "T"):
                    last = right.span(side)[1]
                    yield Change("transposition", last, last, ".T", place.accepts(node, *accept))
            yield Change("transposition", start, end, f"({right.text(node)}).T", place.accepts(node, *accept))
        if isinstance(node, ast.Call) and right.text(node.func) == "np.dot":
            one, two = (right.text(arg) for arg in node.args)
            yield Change("transposition", start, end, f"np.dot({two}, {one})", place.accepts(node, *accept))
            yield Change("transposition", start, end, f"{right.text(node)}.T", place.accepts(node, *accept))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            got = right.text(node).replace("reshape(emb.shape)", "T.reshape(emb.shape)")
            yield Change("transposition", start, end, got, place.accepts(node, *accept))
            got = right.text(node).replace("emb.shape)", 'emb.shape, order="F")')
            yield Change("transposition", start, end, got, place.accepts(node, *accept))


def assignments(place: Place) -> Iterator[Change]:
    right = place.right
    statement = place.statement
    if isinstance(statement, ast.Return):
        return
    assert place.value is not None
    left_end = right.span(statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0])[1]
    value_start = right.span(place.value)[0]
    symbol = right.source[left_end:value_start].strip(" (")
    at = right.source.index(symbol, left_end)
    if place.is_update:
        up = a("update", place.name)
        yield Change("update", at, at + 2, "+=", [up, a("sign"), a("operator", "+=", "-=")])
        yield Change("update", at, at + 2, "=", [up, a("overwritten")])
        start, end = right.span(statement)
        lines = [s.lineno for s in right.statements if base_of(s) in right.program.parameters]
        near = [s.lineno for s in right.statements if by(right, base_of(s)) == place.name]
        index = lines.index(statement.lineno)
        yield Change("update", start, end, "pass", [up], (*lines[max(0, index - 1) : index + 2], *near))
        text = right.text(place.value)
        first, last = right.span(place.value)
        yield Change("update", first, last, f"2 * {text}", [up, a("number"), a("factor")])
        yield Change("update", first, last, f"-{text}", [up, a("sign"), a("operator", "-")])
        rate = right.program.rate
        yield Change("update", first, first + len(rate), f"{rate}**2", [up, a("factor"), a("number"), a("constant")])
        if text.startswith(f"{rate} * "):
            yield Change("update", first, first + len(f"{rate} * "), "", [up, a("factor"), a("number")])
        for other in right.program.parameters:
            values = right.runs[POINTS[0]].values
            if other != place.name and np.shape(values[other]) == np.shape(values[place.name]):
                target = place.target.replace(place.name, other)
                mine = right.span(statement)[0]
                accept = [a("update", other), a("update", place.name)]
                extra = [s.lineno for s in right.statements if other == base_of(s)]
                extra += [s.lineno for s in right.statements if by(right, base_of(s)) == place.name]
                yield Change("update", mine, left_end, target, accept, tuple(extra))
        return
    chain = [s.lineno for s in right.statements if base_of(s) == place.name]
    before = [a("overwritten"), a("path")]
    if symbol == "=":
        yield Change("assignment", at, at + 1, "+=", [a("exception"), a("operator", "=")])
        if isinstance(place.value, ast.Call) and right.text(place.value).endswith(".copy()"):
            end = right.span(place.value)[1]
            yield Change("assignment", end - 7, end, "", before, tuple(chain))
    elif symbol in ("+=", "-="):
        other = "-=" if symbol == "+=" else "+="
        accept = [a("sign"), a("path"), a("operator", symbol, other), a("constant"), a("operand")]
        yield Change("sign", at, at + 2, other, accept)
        yield Change("assignment", at, at + 2, "=", [*before, a("operator", "=")], tuple(chain))
    elif symbol == "/=":
        accept = [a("number"), a("factor", "n"), a("operator", "/"), a("operand", "n"), a("path"), a("constant")]
        yield Change("operator", at, at + 2, "*=", accept)
        yield Change("assignment", at, at + 2, "=", [*before, a("literal"), a("operator", "=")], tuple(chain))
        first, last = right.span(place.value)
        yield Change("mean", first, last, "(n - 1)", accept)
        yield Change("mean", first, last, "2 * n", accept)


def exponents(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)):
            continue
        wanted = right.text(node.right)
        names = place.names_in(node.left)
        causes = [*any_of("operand", names), *any_of("factor", names)]
        start, end = right.span(node.right)
        numbers = {"2": ("3", "4"), "-2": ("2", "-1", "-3"), "-1.5": ("1.5", "-0.5", "-2.5", "-1"), "-1": ("1",)}
        for got in numbers.get(wanted, ()):
            accept = [a("constant", got, wanted), *causes, a("operator", "**", "-")]
            yield Change("exponent", start, end, got, place.accepts(node, *accept))
        first, last = right.span(node)
        accept = [*causes, a("constant"), a("operator", "**")]
        yield Change("exponent", first, last, place.sides(node)[0], place.accepts(node, *accept))


def symbols(place: Place) -> Iterator[Change]:
    for node in place.nodes():
        if not isinstance(node, ast.BinOp) or place.in_index(node):
            continue
        _, at, symbol, _ = place.sides(node)
        names = [*place.names_in(node.right), *place.names_in(node.left)]
        for got in {"*": "+/-", "/": "*", "+": "*", "-": "*", "**": "*", "@": "*"}[symbol]:
            accept = [a("operator", got, symbol), *any_of("operand", names)]
            if symbol in "*/@":
                accept += any_of("factor", names)
            if symbol == "@":
                accept.append(a("arrangement"))
            if symbol == "**":
                accept += [a("constant"), *any_of("factor", names)]
            if symbol in "+-":
                accept += any_of("factor", names)
            yield Change("operator", at, at + len(symbol), got, place.accepts(node, *accept))


def functions(place: Place) -> Iterator[Change]:
    right = place.right
    for node in place.nodes():
        if not isinstance(node, ast.Call):
            continue
        name = base(node.func)
        at = right.span(node.func)[1] - len(name)
        names = place.names_in(node)
        for got in FUNCTIONS.get(name, ()):
            if name == "sum" and got == "mean":
                continue
            accept = [a("operator", got, name), *any_of("factor", names), *any_of("operand", names)]
            if name in ("sum", "argmax", "eye", "zeros_like", "ones_like"):
                accept += [a("arrangement"), a("path")]
            if got in ("zeros_like", "ones"):
                accept += [a("zero"), a("literal")]
            if name == "zeros_like":
                accept += [a("literal"), a("overwritten"), a("constant")]
            yield Change("function", at, at + len(name), got, place.accepts(node, *accept))


def orders(right: Right) -> Iterator[Change]:
    """Two lines that follow each other, the other way round: a value used before its line, or after its update."""
    for one, two in zip(right.statements, right.statements[1:], strict=False):
        if two.lineno != one.lineno + 1 or one.col_offset != two.col_offset:
            continue
        start, end = right.span(one)[0], right.span(two)[1]
        got = right.text(two) + "\n" + " " * one.col_offset + right.text(one)
        names = [base_of(one), base_of(two)]
        accept = [*any_of("operand", names), *any_of("factor", names), *any_of("update", names), a("path"), a("other")]
        accept += [a("number"), a("constant"), a("overwritten")]
        yield Change("stale", start, end, got, accept, (two.lineno,))


def helpers(right: Right) -> Iterator[ast.Return]:
    """Where a helper gives a derivative back."""
    for node in ast.walk(right.tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("deriv"):
            yield from (n for n in ast.walk(node) if isinstance(n, ast.Return))


MAKERS: list[Callable[[Place], Iterator[Change]]] = [
    signs, factors, indices, terms, operands, arrays_at, transpositions, assignments, exponents, symbols, functions,
]  # fmt: skip


def changes(right: Right) -> list[Change]:
    """Every change of the program, each text once."""
    found: dict[str, Change] = {}
    places = [Place(right, statement) for statement in [*helpers(right), *right.statements]]
    for place in places:
        for maker in MAKERS:
            for change in maker(place):
                found.setdefault(apply(right, change), change)
    for change in orders(right):
        found.setdefault(apply(right, change), change)
    found.pop(right.source, None)
    trees = {ast.dump(right.tree)}
    kept = []
    for source, change in found.items():
        try:
            tree = ast.dump(ast.parse(source))
        except SyntaxError:
            continue
        if tree not in trees:
            trees.add(tree)
            kept.append(change)
    return kept


def apply(right: Right, change: Change) -> str:
    return right.source[: change.start] + change.got + right.source[change.end :]


# ---------------------------------------------------------------- what is true of a mutant


def ratio(got: Any, truth: Any) -> Any:
    """got / truth where the truth is not zero; None if got is not zero where the truth is."""
    got, truth = np.asarray(got, dtype=float), np.asarray(truth, dtype=float)
    small = np.abs(truth) <= 1e-6 * max(1e-12, float(np.max(np.abs(truth))))
    if np.any(np.abs(got[small]) > 1e-6) or np.all(small):
        return None
    return np.where(small, np.nan, got / np.where(small, 1.0, truth))


def same(one: Any, two: Any) -> bool:
    """Equal to five digits wherever both are numbers."""
    known = np.isfinite(one)
    return bool(np.all(np.abs(np.where(known, one - two, 0.0)) <= 1e-5 * (np.abs(np.where(known, one, 0.0)) + 1e-6)))


def true_causes(right: Right, verdicts: list[Verdict], name: str) -> list[Cause]:
    """Statements about the wrong derivative `name` that hold at every point, whatever was changed."""
    pairs = [
        (v.got.values[name], right.truth[seed][name], v.got, seed) for v, seed in zip(verdicts, POINTS, strict=True)
    ]
    if any(np.shape(got) != np.shape(truth) for got, truth, *_ in pairs):
        return [a("shape"), a("arrangement")]
    found: list[Cause] = []
    if all(not np.any(got) for got, *_ in pairs):
        found.append(a("zero"))
    if all(not differs(got, -truth) for got, truth, *_ in pairs):
        found.append(a("sign"))
    square = np.ndim(pairs[0][1]) == 2 and len(set(np.shape(pairs[0][1]))) == 1
    if square and all(not differs(got, truth.T) for got, truth, *_ in pairs):
        found.append(a("arrangement"))
    ratios = [ratio(got, truth) for got, truth, *_ in pairs]
    if all(r is not None for r in ratios):
        numbers = np.concatenate([np.ravel(r)[np.isfinite(np.ravel(r))] for r in ratios])
        if len(numbers) and np.ptp(numbers) <= 1e-5 * np.max(np.abs(numbers)) and np.max(np.abs(numbers)) > 0:
            found.append(a("number"))
        else:
            found += true_factors(right, ratios, pairs)
    for other, (above, below) in right.derivatives.items():
        truths = [right.truth[seed][other] for *_, seed in pairs]
        if other != name and all(
            np.shape(t) == np.shape(p[0]) and not differs(p[0], t) for t, p in zip(truths, pairs, strict=True)
        ):
            found += [a("other", below), *([a("other", above)] if above != right.derivatives[name][0] else [])]
    return found


def true_factors(right: Right, ratios: list[Any], pairs: list[Any]) -> list[Cause]:
    """Variables that the wrong derivative has once too often or once too few, at every point."""
    found = []
    for variable in right.forward:
        for power in (1, -1, 2, -2):
            with np.errstate(all="ignore"):
                try:
                    holds = all(
                        same(r, np.broadcast_to(np.asarray(run_.values[variable], dtype=float), np.shape(r)) ** power)
                        for r, (_, _, run_, _) in zip(ratios, pairs, strict=True)
                    )
                except (ValueError, KeyError, TypeError):
                    holds = False
            if holds:
                found.append(a("factor", variable))
    return found


def moved(verdict: Verdict, names: list[str]) -> Iterator[tuple[str, Any]]:
    """The change of each of the parameters, where it has kept its shape."""
    for name in names:
        if np.shape(verdict.got.after[name]) == np.shape(verdict.got.before[name]):
            yield name, verdict.got.after[name] - verdict.got.before[name]


def by(right: Right, name: str) -> str:
    """By what the derivative of this name is, "" if it is none."""
    return right.derivatives[name][1] if name in right.derivatives else ""


def entry(right: Right, change: Change, verdicts: list[Verdict]) -> dict[str, Any]:
    """The mutant as it is frozen."""
    source = apply(right, change)
    line = right.source.count("\n", 0, change.start) + 1
    count = right.source.count("\n", change.start, change.end) + 1
    mutated = source.split("\n")[line - 1 : line - 1 + count]
    column = change.start - right.starts[line - 1]
    ending = verdicts[0].ending
    accept = list(change.accept)
    lines = {line, *change.lines}
    at_line = {base_of(s) for s in right.statements if line <= s.lineno < line + count}
    wrong = [n for n in right.derivatives if all(n in v.wrong for v in verdicts)]
    named = [n for n in wrong if n in at_line]
    first = (named or wrong or [""])[0]
    if first:
        accept += true_causes(right, verdicts, first)
        if not named and not at_line & set(right.program.parameters):
            # the fault shows itself elsewhere first: in a helper's caller, or in what shares the array
            lines |= {min(s.lineno for s in right.statements if base_of(s) == first)}
    updated = [n for n in right.program.parameters if n in verdicts[0].updates]
    if not wrong and updated:
        accept += [a("update", name) for name in updated]
        rate, truth = verdicts[0].got.rate, right.truth[POINTS[0]]
        if any(not differs(change, rate * truth[f"loss by {name}"]) for name, change in moved(verdicts[0], updated)):
            accept.append(a("sign"))
    if ending == "raises":
        accept += [a("exception"), a("shape")]
        lines |= {v.raised_at for v in verdicts}
    if ending == "shape":
        accept += [a("shape"), a("arrangement")]
    unique = list({json.dumps(cause): cause for cause in accept}.values())
    general = {cause["kind"] for cause in unique if "names" not in cause}
    return {
        "program": right.program.name,
        "operator": change.operator,
        "line": line,
        "column": column,
        "end_column": column + len(change.got) if "\n" not in change.got else len(mutated[-1]),
        "got": change.got,
        "wanted": right.source[change.start : change.end],
        "mutated_line": "\n".join(mutated),
        "original_line": "\n".join(right.lines[line - 1 : line - 1 + count]),
        "ending": ending,
        "right_lines": sorted(lines - {0}),
        "accept": [cause for cause in unique if "names" not in cause or cause["kind"] not in general],
    }


# ---------------------------------------------------------------- choosing and freezing


def chosen(entries: list[dict[str, Any]], draw: random.Random) -> list[dict[str, Any]]:
    """At most `MOST`, operators in turn, lines within an operator spread, few that raise."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in entries:
        groups[one["operator"]].append(one)
    for name, group in groups.items():
        draw.shuffle(group)
        seen: dict[int, int] = defaultdict(int)
        ranked = []
        for one in group:
            seen[one["line"]] += 1
            ranked.append((seen[one["line"]], one))
        groups[name] = [one for _, one in sorted(ranked, key=lambda pair: pair[0])]
    taken: list[dict[str, Any]] = []
    raising = unborn = 0
    most = MOST[entries[0]["program"]]
    while any(groups.values()) and len(taken) < most:
        for name in sorted(groups):
            while groups[name]:
                one = groups[name].pop(0)
                if one["ending"] == "raises":
                    fresh = one["operator"] == "assignment"
                    if raising >= MOST_RAISING or (fresh and unborn >= MOST_UNBORN):
                        continue
                    raising += 1
                    unborn += fresh
                if len(taken) < most:
                    taken.append(one)
                break
    return sorted(taken, key=lambda one: (one["line"], one["column"], one["got"]))


def halved(entries: list[dict[str, Any]], draw: random.Random) -> None:
    """A half for each, evenly within each operator, and evenly over all."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in entries:
        groups[one["operator"]].append(one)
    turn = 0
    for name in sorted(groups):
        draw.shuffle(groups[name])
        for one in groups[name]:
            one["half"] = ("seen", "unseen")[turn % 2]
            turn += 1


def mutants_of(program: Program) -> list[dict[str, Any]]:
    """The frozen mutants of one program."""
    right = Right(program)
    check_right(right)
    found = []
    for change in changes(right):
        source = apply(right, change)
        verdicts = [judge(right, source, seed) for seed in POINTS]
        if all(v.wrong or v.updates or v.raised for v in verdicts) and len({v.ending for v in verdicts}) == 1:
            found.append(entry(right, change, verdicts))
    draw = random.Random(f"{SEED} {program.name}")
    taken = chosen(found, draw)
    halved(taken, draw)
    short = program.name.split("_")[0]
    return [{"id": f"{short}-{number:03d}", **one} for number, one in enumerate(taken, 1)]


def check_right(right: Right) -> None:
    """The right program's own derivatives and updates are right, at every point."""
    for seed in POINTS:
        verdict = judge(right, right.source, seed)
        assert verdict.ending == "runs", verdict
        assert not verdict.wrong, (right.program.name, seed, verdict.wrong)
        assert not verdict.updates, (right.program.name, seed, verdict.updates)


def corpus() -> list[dict[str, Any]]:
    return [mutant for program in PROGRAMS for mutant in mutants_of(program)]


def mutated_source(mutant: dict[str, Any]) -> str:
    """The whole text of the mutated program."""
    lines = (HOMEWORK / f"{mutant['program']}.py").read_text(encoding="utf-8").split("\n")
    at, old = mutant["line"] - 1, mutant["original_line"].split("\n")
    assert lines[at : at + len(old)] == old, f"{mutant['id']} is of another {mutant['program']}.py"
    lines[at : at + len(old)] = mutant["mutated_line"].split("\n")
    return "\n".join(lines)


def main() -> None:
    """Write the frozen file."""
    frozen = corpus()
    rows = ",\n".join(json.dumps(mutant) for mutant in frozen)
    FROZEN.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for mutant in frozen:
        for key in (
            (mutant["program"], "all"),
            (mutant["program"], mutant["half"]),
            (mutant["program"], mutant["ending"]),
        ):
            counts[key] += 1
    for (program, what), count in counts.items():
        print(f"{program:20s} {what:8s} {count:4d}")


if __name__ == "__main__":
    main()
