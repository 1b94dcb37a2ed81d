"""A step that is repeated: the text of a training loop.

What the step changes is copied once and written over from then on; what no step changes is computed before the loop,
where large arrays are begun, too, into which every step writes.

    >>> from microgradnet.compiler.arrays import argument
    >>> p, x, rate = argument("p", (3,)), argument("x", (3,)), argument("rate", ())
    >>> step = Plan((p - rate * (2.0 * (p - x)),), ("new_p",))
    >>> print(training(step, "train", walked=["x"], arguments=["p", "x", "rate"]).text, end="")
    def train(p, x, rates):
        p = p.copy()
        for rate in rates:
            for x_i in x:
                p -= rate * (2.0 * (p - x_i))
        return p
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microgradnet.compiler.languages.broadcasting import broadcasting
from microgradnet.compiler.languages.emit import (
    Function,
    StatementWriter,
    assembled,
    batch_size,
    can_write_into,
    is_repeated,
    table_names,
)
from microgradnet.compiler.languages.names import clean, names
from microgradnet.compiler.languages.numpy_language import NUMPY
from microgradnet.compiler.languages.pieces import Language, shape_text
from microgradnet.compiler.languages.statements import ALWAYS, NEVER, Statements, arranged, last_reads, root_of
from microgradnet.compiler.plan import Node, Plan, stepped
from microgradnet.compiler.sizes import Dim, at

__all__ = ["NEW", "RATE", "training"]

NEW, RATE = "new_", "rate"
"""What begins the name of a result that takes an argument's place; the argument that is another one in each epoch."""


def training(
    plan: Plan,
    name: str,
    language: Language = NUMPY,
    doc: str = "",
    *,
    arguments: Sequence[str],
    walked: Iterable[str] = (),
    tables: Mapping[str, Any] | None = None,
) -> Function:
    """The text of a function that makes a step for each of its rates, and returns what the steps have changed.

    The plan is that of one step: its result `new_X` takes the place of the argument X in the next one; other results
    are not computed. `arguments`: the names of all in order, the last one "rate", in whose place the function takes
    `rates`. `walked`: arguments of which it takes one axis more, and each step one row; a rate is for all rows.
    """
    step = _Step(plan, list(arguments), list(walked), name, language, tables or {})
    lines = [*step.copies, *step.before, *_indented(step.loops, step.inside), f"return {', '.join(step.carried)}"]
    return assembled(name, step.signature, lines, step.language, doc, step.tables)


class _Step:
    """The parts of a loop: what is copied and computed `before` it, its head, what is `inside`, what it carries on."""

    def __init__(
        self,
        plan: Plan,
        arguments: Sequence[str],
        walked: Sequence[str],
        name: str,
        language: Language,
        tables: Mapping[str, Any],
    ) -> None:
        moves = {n.removeprefix(NEW): r for n, r in zip(plan.names, plan.results, strict=True) if n.startswith(NEW)}
        shown = broadcasting(Plan(tuple(moves.values()), tuple(map(NEW.__add__, moves)), plan.labels))
        news = dict(zip(moves, shown.results, strict=True))
        known = table_names(shown, tables)
        read = shown.arguments
        changed = {read[x] for x in moves if x in read}
        varying = _varying(shown, {*changed, *(read[x] for x in (RATE, *walked) if x in read)})

        self.tables = {text: table.array for table, text in known.items()}
        self.language = language.with_tables(known)
        statements = arranged(shown, self.language, changed, _kept(shown, varying))
        taken = [name, *language.reserved, RATE + "s", *language.helpers, *known.values()]
        unread = {x: _unlike(clean(x), set(taken)) for x in arguments if x not in read}
        taken += unread.values()
        called = names(replace(shown, labels=statements.labels), taken, statements.nodes, statements.same)
        spelled = {x: called[read[x]] if x in read else unread[x] for x in arguments}
        rows = {x: _unlike(spelled[x] + "_i", {*called.values(), *taken, *spelled.values()}) for x in walked}
        called |= {read[x]: row for x, row in rows.items() if x in read}
        direct = {
            x: called[new]
            for x, new in news.items()
            if new in varying and _is_direct(new, read.get(x), statements, called, language)
        }
        direct = {x: text for i, (x, text) in enumerate(direct.items()) if text not in list(direct.values())[:i]}
        text_of = {text: spelled[x] for x, text in direct.items()}
        called = {node: text_of.get(text, text) for node, text in called.items()}

        buffers = _buffers(statements, called, [*news.values()], varying, self.language, walked=bool(rows))
        writer = StatementWriter(shown, called, self.language, statements, frozenset(buffers))
        in_place = {read[x] for x, new in news.items() if x in read and statements.over.get(new) is read[x]}
        early = {n for n in statements.nodes if n not in varying or _sees(n, in_place, self.language)}
        self.before = [line for n in statements.nodes if n in early for line in writer.statement(n)]
        self.inside = [line for n in statements.nodes if n not in early for line in writer.statement(n)]
        rest = {spelled[x]: new for x, new in news.items() if x not in direct and new is not read.get(x)}
        self.inside += _replacing(
            rest, {root_of(new) for x, new in news.items() if x in direct or new not in varying}, writer
        )
        self.before += [f"{called[n]} = np.empty({shape_text(n.shape)})" for n in buffers]
        size = batch_size(shown, [*self.before, *self.inside], {**spelled, **rows})
        if any(f"len({row})" in line for line in size for row in rows.values()):
            self.inside = [*size, *self.inside]
        else:
            self.before = [*size, *self.before]
        self.copies = [f"{spelled[x]} = {spelled[x]}.copy()" for x, new in news.items() if new.shape]
        self.carried = [spelled[x] for x in moves]
        rate = called[read[RATE]] if RATE in read else RATE
        self.loops = [f"for {rate} in {RATE}s:", *_walk([spelled[x] for x in walked], list(rows.values()))]
        self.signature = [RATE + "s" if x == RATE else spelled[x] for x in arguments]


def _indented(loops: Sequence[str], lines: Sequence[str]) -> list[str]:
    heads = ["    " * depth + head for depth, head in enumerate(loops)]
    return [*heads, *("    " * len(loops) + line for line in lines or ["pass"])]


def _walk(arrays: Sequence[str], rows: Sequence[str]) -> list[str]:
    """The head of the loop over rows."""
    if not rows:
        return []
    together = f"zip({', '.join(arrays)})" if len(rows) > 1 else arrays[0]
    return [f"for {', '.join(rows)} in {together}:"]


def _unlike(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    return name


# --- what changes, and what does not -------------------------------------------------------------------------------


def _varying(plan: Plan, arguments: set[Node]) -> set[Node]:
    """What depends on these arguments."""
    varying = set(arguments)
    for node in plan.nodes:
        if any(o in varying for o in node.operands):
            varying.add(node)
    return varying


def _kept(plan: Plan, varying: set[Node]) -> set[Node]:
    """What is the same in every step, is worth computing once, and is read by what is not the same."""
    read = {o for node in plan.nodes if node in varying for o in node.operands}
    return {n for n in read if n not in varying and n.op not in NEVER and (n.shape or n.op != "view")}


def _sees(node: Node, in_place: set[Node], language: Language) -> bool:
    """Whether it is a view of an array that each step writes over, and so stays right."""
    steps: tuple[Any, ...] = ()
    while node.op == "view" and node.shape:
        steps = (*node.detail, *steps)
        node = node.operands[0]
    if node not in in_place or not steps or language.contiguous != "{}":
        return False
    array = np.zeros(at(node.shape, 7))
    return bool(np.shares_memory(array, stepped(array, steps, 7)))


def _buffers(
    statements: Statements,
    called: Mapping[Node, str],
    carried: Sequence[Node],
    varying: set[Node],
    language: Language,
    walked: bool,
) -> list[Node]:
    """The large arrays that steps write into one and the same array, which no step hands on to the next one.

    Memory that is new in every step costs as much as a product of matrices: the system has to find it, page by page.
    """
    over, handed = statements.over, set()
    for node in map(root_of, carried):
        while node not in handed:
            handed.add(node)
            node = root_of(over.get(node, node))
    writers = Counter(called[n] for n in statements.nodes if n not in over or called[over[n]] != called[n])
    return [
        n
        for n in statements.nodes
        if n in varying and n not in handed and n not in over and writers[called[n]] == 1
        and can_write_into(n, language) and not (walked and any(isinstance(size, Dim) for size in n.shape))
    ]  # fmt: skip


def _is_direct(
    new: Node, old: Node | None, statements: Statements, called: Mapping[Node, str], language: Language
) -> bool:
    """Whether the new array can have the old one's name at once: it is its own, and the old one is needed no more."""
    if new not in called or new.op in NEVER or root_of(new) is not new:
        return False
    if old is None or statements.over.get(new) is old:
        return True
    begun = next(i for i, node in enumerate(statements.nodes) if called[node] == called[new])
    last = last_reads(statements.nodes, ()).get(old, -1)
    one_line = language.lines is None and statements.nodes[begun].op not in ALWAYS
    return last < begun or (last == begun and one_line)


def _replacing(news: Mapping[str, Node], given: set[Node], writer: StatementWriter) -> list[str]:
    """The line that puts new arrays in the place of old ones, all at once; none is another one's."""
    texts = []
    for new in news.values():
        text, root = writer.text(new), root_of(new)
        shared = root in given or root.op in ("argument", "table") or is_repeated(new)
        texts.append(f"{text}.copy()" if new.shape and shared else text)
        given = {*given, root}
    return [f"{', '.join(news)} = {', '.join(texts)}"] if news else []
