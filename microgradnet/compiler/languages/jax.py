"""JAX: a plan as a pure function of jax.numpy calls, for `jax.jit`, `grad`, `vmap` and sharding; and training by it.

The text is NumPy's but for two things: nothing is changed in place, so a gradient is put together by `spread`; and the
table's functions are those of `jax_functions`, which carry the table's derivatives.

    >>> from microgradnet.compiler.arrays import argument, contract, elementwise, total
    >>> X, w = argument("X", (3, 2)), argument("p", (2,))
    >>> h = elementwise("tanh", contract(X, w, "ik,k->i"))
    >>> loss = Plan((total(h, [0]),), ("loss",), {h: "h"})
    >>> print(module(function(loss, "loss", ["p", "X"])).source)
    import jax.numpy as jnp
    <BLANKLINE>
    <BLANKLINE>
    def loss(p, X):
        h = jnp.tanh(X @ p)
        return h.sum()
    <BLANKLINE>
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from microgradnet.compiler.languages import NUMPY, Language, after, steps_after
from microgradnet.compiler.languages.broadcasting import broadcasting
from microgradnet.compiler.languages.emit import Function, batch_size, table_names
from microgradnet.compiler.languages.names import names
from microgradnet.compiler.languages.pieces import Written
from microgradnet.compiler.languages.statements import arranged, expression
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import STRUCTURAL, Node, Plan
from microgradnet.compiler.updates import NEW, RATE
from microgradnet.notation import OPERATORS, Dialect, Symbol, operation
from microgradnet.ops import TABLE

__all__ = ["JAX", "function", "module", "ready", "train"]


# --- the language --------------------------------------------------------------------------------------------------


def _accumulate(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    """The part that is for the whole array, and the others spread over it."""
    parts = dict(zip(node.detail, operands, strict=True))
    places = Symbol("at")
    texts = [
        f"({language.text(steps_after(places, node.shape, steps, language))}, {language.text(part)})"
        for steps, part in parts.items()
        if steps
    ]
    spread = Symbol(f"spread(at, {', '.join(texts)})")
    return operation("add", parts[()], spread) if () in parts else spread


def _put(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    """An array to which something is added, or from which it is taken, at one place of each row."""
    into, value, index = operands
    return Symbol(f"put({', '.join(map(language.text, (into, index, value if node.detail == 'add' else -value)))})")


def _whole(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    """An index as whole numbers."""
    (index,) = operands
    return after(index, ".astype(int)", language) if index.number is None else Symbol(str(int(index.number)))


def _choose(node: Node, operands: Sequence[Symbol], language: Language) -> Symbol:
    return Symbol(f"choose({', '.join(map(language.text, operands))})")


_SAME = ("exp", "log", "sqrt", "sin", "cos", "tanh", "where", "sign", "floor", "ceil", "trunc", "round")
"""Functions whose derivatives JAX has as the table has them."""

JAX = replace(
    NUMPY,
    name="jax",
    dialect=Dialect(
        {op: how for op, how in NUMPY.dialect.operators.items() if op in OPERATORS or op not in TABLE},
        {name: f"np.{TABLE[name].numpy}" for name in _SAME},
        number=NUMPY.dialect.number,
    ),
    structure={
        **{op: writer for op, writer in NUMPY.structure.items() if op in STRUCTURAL or op not in TABLE},
        "accumulate": _accumulate, "choose": _choose, "put": _put, "whole": _whole,
    },
    imports=("import jax.numpy as jnp",),
    helpers={},
    augmented={},
    over={},
    spelled=frozenset(name for name, row in TABLE.items() if not row.variadic),
)  # fmt: skip


def ready(plan: Plan) -> Plan:
    """The plan as JAX is given it: what has no function of its own is written out, equal nodes are one."""
    return shared(rebuilt(lowered(plan, JAX.spelled), _no_quotient_of_a_quotient))


def _no_quotient_of_a_quotient(node: Node, operands: tuple[Node, ...]) -> Node | None:
    """(a / b) / c as (a / b) · (1 / c): XLA would write the first as a / (b · c), which overflows far earlier."""
    if node.op != "div":
        return None
    above = operands[0]
    while above.op == "neg" or (above.op == "mul" and above.operands[0].number is not None):
        above = above.operands[-1]
    return operands[0] * (1.0 / operands[1]) if above.op == "div" else None


# --- text ----------------------------------------------------------------------------------------------------------

COLUMNS = 100


def module(*functions: Function) -> Written:
    """Imports and functions."""
    helpers = sorted({name for f in functions for name in f.helpers})
    imports = list(JAX.imports)
    if helpers:
        imports.append(_imported(", ".join(helpers)))
    text = "\n".join(imports) + "\n\n\n" + "\n\n".join(f.text for f in functions)
    return Written(text, {name: table for f in functions for name, table in f.tables.items()})


def _imported(names: str) -> str:
    line = "from microgradnet.compiler.languages.jax_functions import "
    return line + names if len(line + names) <= COLUMNS else f"{line}(\n    {names},\n)"


def function(plan: Plan, name: str, arguments: Sequence[str], decorator: str = "") -> Function:
    """The text of `def name(p, X, y): … return loss, gradient`, of a plan that is `ready`."""
    shown = broadcasting(plan)
    known = table_names(shown, {})
    language = JAX.with_tables(known)
    statements = arranged(shown, language)
    called = names(
        replace(shown, labels=statements.labels),
        [name, "at", *TABLE, *known.values()],
        statements.nodes,
        statements.same,
    )

    def text(node: Node, whole: bool = False) -> str:
        return language.text(expression(node, called, language, whole))

    lines: list[str] = []
    for node in statements.nodes:
        if node in shown.results and node.op != "accumulate" and not any(node in n.operands for n in shown.nodes):
            del called[node]  # written where it is returned
            continue
        if node.op == "accumulate":
            lines.append(f"at = places({', '.join(map(repr, node.shape))})")
        lines.append(_wrapped(f"{called[node]} = ", text(node, whole=True)))
    spelled = {node.detail: name for node, name in called.items() if node.op == "argument"}
    results = [text(result) for result in shown.results]
    lines = [*batch_size(shown, [*lines, *results], spelled), *lines, f"return {', '.join(results)}"]
    parameters = ", ".join(spelled.get(argument, argument) for argument in arguments)
    body = "\n".join(f"    {line}" for text in lines for line in text.split("\n"))
    whole = re.sub(r"\bnp\.", "jnp.", f"{decorator}def {name}({parameters}):\n{body}\n")
    return Function(whole, _called(whole), {name: table.array for table, name in known.items()})


def _called(text: str) -> tuple[str, ...]:
    """The functions of `jax_functions` that a text calls."""
    from microgradnet.compiler.languages import jax_functions as own

    words = set(re.findall(r"(?<![\w.])([a-z]\w*)\(|^@(\w+)", text, re.MULTILINE))
    return tuple(sorted(w for pair in words for w in pair if w in own.__all__ or w in JAX.spelled))


def _wrapped(start: str, text: str) -> str:
    """One line, or a line for each part that is spread, where it is too long."""
    head, spread, parts = text.partition("spread(at, ")
    if len(start) + len(text) <= COLUMNS or not spread:
        return start + text
    return start + head + "spread(\n    at,\n    " + ",\n    ".join(re.split(r", (?=\(at)", parts[:-1])) + ",\n)"


# --- the engine ----------------------------------------------------------------------------------------------------


def step(plan: Plan, name: str, arguments: Sequence[str]) -> Function:
    """A jitted function of the plan's results, in doubles whatever JAX's setting is."""
    return function(plan, name, arguments, "@in_doubles\n")


def train(plan: Plan, walked: Sequence[str], arguments: Sequence[str]) -> list[Function]:
    """The functions `move`, a step, and `train`, which repeats it for each rate, or each row of the `walked` arguments.

    `plan` has results `new_X`, what stands in the place of the argument X after a step; they come first in
    `arguments`, the rate comes last.
    """
    moved = {n.removeprefix(NEW): r for n, r in zip(plan.names, plan.results, strict=True) if n.startswith(NEW)}
    kept = Plan(tuple(moved.values()), tuple(NEW + name for name in moved), plan.labels)
    one = function(kept, "move", arguments)
    data = [a for a in arguments if a not in moved and a != RATE]
    rows = f"{tuple(a in walked for a in data)}" if walked else "None"
    names_of = ", ".join([*moved, *data])
    text = f"def train({names_of}, rates):\n    return repeated(move, {len(moved)}, {rows}, rates, {names_of})\n"
    return [one, Function(text, ("repeated",))]
