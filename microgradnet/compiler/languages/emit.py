"""A plan as the text of a function on arrays, the one that an expert would have written by hand.

>>> from microgradnet.compiler.arrays import argument, contract, elementwise, total
>>> X, w = argument("X", (100, 2)), argument("w", (2,))
>>> h = elementwise("relu", contract(X, w, "ik,k->i") - 1.0)
>>> print(function(Plan((total(h, [0]),), ("loss",), {h: "h"}), "step").text, end="")
def step(X, w):
    h = np.maximum(X @ w - 1.0, 0.0)
    loss = h.sum()
    return loss
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha1
from typing import Any, NamedTuple

from microgradnet.compiler.languages import NUMPY, Language, is_selection
from microgradnet.compiler.languages.accumulating import accumulated
from microgradnet.compiler.languages.broadcasting import broadcasting, is_truth
from microgradnet.compiler.languages.names import BACKWARD, names, with_turn
from microgradnet.compiler.languages.pieces import is_large
from microgradnet.compiler.languages.statements import NEVER, Statements, arranged, expression, root_of
from microgradnet.compiler.languages.wrapping import wrapped
from microgradnet.compiler.plan import Node, Plan, Table
from microgradnet.compiler.sizes import Dim
from microgradnet.notation import Symbol

__all__ = [
    "Function", "StatementWriter", "assembled", "batch_size", "can_write_into", "function", "is_repeated", "module",
    "table_names",
]  # fmt: skip


class Function(NamedTuple):
    """The text of a function, the helpers that it calls, and the arrays that it finds under names in its module."""

    text: str
    helpers: tuple[str, ...] = ()
    tables: Mapping[str, Any] = {}


def function(
    plan: Plan,
    name: str,
    language: Language = NUMPY,
    doc: str = "",
    *,
    arguments: Sequence[str] | None = None,
    tables: Mapping[str, Any] | None = None,
) -> Function:
    """The text of `def name(p, X, y): … return loss, gradient`.

    `arguments`: all of them in order, those that the plan does not read, too; by default "p" and the others as they
    are read. `tables`: arrays that the module has already. No argument is changed; every array that is returned is
    the caller's own.
    """
    written = body(plan, name, language, arguments=arguments, tables=tables)
    lines = [*written.lines, f"return {', '.join(written.results)}"]
    return assembled(name, written.arguments, lines, language, doc, written.tables)


class Body(NamedTuple):
    """The lines that compute a plan, what its arguments and results are called, and its tables."""

    lines: list[str]
    arguments: list[str]
    results: list[str]
    tables: dict[str, Any]


def assembled(
    name: str, arguments: Iterable[str], lines: Iterable[str], language: Language, doc: str, tables: Mapping[str, Any]
) -> Function:
    """The function of these lines."""
    head = [language.decorator] * bool(language.decorator) + wrapped(f"def {name}({', '.join(arguments)}):")
    head += ['    """' + doc.replace("\\", "\\\\").replace('"', "'") + '"""'] * bool(doc)
    text = "\n".join([*head, *(part for line in lines for part in wrapped("    " + line))]) + "\n"
    used = {word for word in re.findall(r"\b\w+\b", text) if word in language.helpers}
    return Function(text, tuple(h for h in language.helpers if h in used), dict(tables))


def module(functions: Iterable[Function], language: Language = NUMPY) -> str:
    """The text of a module with these functions: imports, helpers, then they. Their tables are not in it."""
    functions = list(functions)
    wanted = {helper for f in functions for helper in f.helpers}
    helpers = [_decorated(text, language) for name, text in language.helpers.items() if name in wanted]
    imports = [*language.imports, *(["import math"] if any("math." in text for text in helpers) else [])]
    return "\n\n".join(["\n".join(sorted(imports)) + "\n", *helpers, *(f.text for f in functions)])


def _decorated(text: str, language: Language) -> str:
    return f"{language.decorator}\n{text}" if language.decorator and text.startswith("def ") else text


def body(
    plan: Plan,
    name: str,
    language: Language,
    *,
    arguments: Sequence[str] | None = None,
    tables: Mapping[str, Any] | None = None,
) -> Body:
    """The lines of the function `name` up to its `return`."""
    shown = broadcasting(plan)
    known = table_names(shown, tables or {})
    language = language.with_tables(known)
    statements = arranged(shown, language)
    order = _order(plan, arguments)
    taken = [
        name,
        *language.reserved,
        *language.helpers,
        *known.values(),
        *(x for x in order if x not in shown.arguments),
    ]
    called = names(replace(shown, labels=statements.labels), taken, statements.nodes, statements.same)
    writer = StatementWriter(shown, called, language, statements)
    lines: list[str] = []
    for node, begins in with_turn(statements.nodes, shown.forward):
        lines += [BACKWARD] * begins + writer.statement(node)
    results = writer.results(shown.results)
    read = {node.detail: text for node, text in called.items() if node.op == "argument"}
    spelled = {argument: read.get(argument, argument) for argument in order}
    parameters = list(spelled.values())
    lines = [*batch_size(plan, [*lines, *results], spelled), *lines]
    return Body(lines, parameters, results, {text: table.array for table, text in known.items()})


def _order(plan: Plan, arguments: Sequence[str] | None) -> list[str]:
    if arguments is not None:
        return list(arguments)
    return sorted(plan.arguments, key=lambda argument: argument != "p")


def table_names(plan: Plan, present: Mapping[str, Any]) -> dict[Table, str]:
    """A name for each table that the plan reads, by its contents: the same in every function of a module.

    Those that are `present` keep theirs.
    """
    known = {Table(array): name for name, array in present.items()}
    for node in plan.nodes:
        for table in _tables_of(node):
            if table not in known:
                stem = "index" if table.array.dtype.kind in "iu" else "table"
                known[table] = f"{stem}_{sha1(repr(table.key).encode()).hexdigest()[:6]}"
    return known


def _tables_of(node: Node) -> Iterable[Table]:
    if node.op == "table":
        yield node.detail
    elif node.op == "view":
        yield from (how for kind, how in node.detail if kind == "gather")
    elif node.op == "accumulate":
        yield from (how for steps in node.detail for kind, how in steps if kind == "gather")


def batch_size(plan: Plan, lines: Iterable[str], spelled: Mapping[str, str]) -> list[str]:
    """The line that finds N, if a line reads it."""
    if not any(re.search(r"\bN\b", line) for line in lines):
        return []
    for argument in spelled:
        node = plan.arguments.get(argument)
        if node is not None and node.shape and isinstance(node.shape[0], Dim):
            times, plus = node.shape[0].times, node.shape[0].plus
            length = f"len({spelled[argument]})"
            if plus:
                length = f"({length} {'-' if plus > 0 else '+'} {abs(plus)})" if times != 1 else f"{length} - {plus}"
            return [f"N = {length} // {times}" if times != 1 else f"N = {length}"]
    raise TypeError("a size depends on the batch, but no argument has it as its first axis")


# --- statements ----------------------------------------------------------------------------------------------------


class StatementWriter:
    """What one statement needs to know of the others: names, language, and what is overwritten."""

    def __init__(
        self,
        plan: Plan,
        called: Mapping[Node, str],
        language: Language,
        statements: Statements,
        begun: frozenset[Node] = frozenset(),
    ) -> None:
        self.called, self.language, self.statements = called, language, statements
        self.begun = begun  # nodes whose arrays are there already, to be written into
        self.matrices = {o for n in plan.nodes if n.op == "contract" for o in n.operands if o.op == "view"}

    def text(self, node: Node, whole: bool = False) -> str:
        return self.language.text(expression(node, self.called, self.language, whole))

    def statement(self, node: Node) -> list[str]:
        """The lines of one statement."""
        name = self.called[node]
        old = self.statements.over.get(node)
        lines = None
        if old is not None:
            lines = self.language.in_place(node, old, self.called, self.language)
        elif self.language.lines is not None:
            lines = self.language.lines(node, name, self.called, self.language)
        if lines is not None:
            return lines
        if node.op == "accumulate":
            return accumulated(node, name, self.text, self.language)
        if node.op == "put":
            return self._putting(node, name)
        if old is not None:
            return [self._overwriting(node, name, old)]
        if node in self.begun:
            return [self._into(node, name)]
        text = self.text(node, whole=True)
        return [f"{name} = {self.language.contiguous.format(text) if node in self.matrices else text}"]

    def _overwriting(self, node: Node, name: str, old: Node) -> str:
        language, target = self.language, self.called[old]
        if is_selection(node):
            mask = self.text(node.operands[0])
            return f"keep({target}, {mask})" if name == target else f"{name} = keep({target}, {mask})"
        operands = list(node.operands)
        sign = language.augmented.get(node.op)
        if sign and name == target:
            if operands[0] is old:
                return f"{name} {sign}= {self.text(operands[1])}"
            if node.op in ("add", "mul"):
                return f"{name} {sign}= {self.text(operands[0])}"
        return self._into(node, target) if name == target else f"{name} = {self._into(node, target)}"

    def _into(self, node: Node, target: str) -> str:
        """The call that writes a node into an array."""
        called, operands = self.language.over.get(node.op), [self.text(o) for o in node.operands]
        if node.op == "relu":
            operands.append("0.0")
        if called is None:
            called, symbol = "np.matmul", expression(node, self.called, self.language, whole=True)
            operands = [self.language.text(o) for o in symbol.operands]
        return f"{called}({', '.join(operands)}, out={target})"

    def _putting(self, node: Node, name: str) -> list[str]:
        into, *others = node.operands
        operands = [expression(o, self.called, self.language) for o in others]
        line = self.language.put(name, others[1], operands, self.language.augmented[node.detail], self.language)
        if self.called.get(into) == name and node in self.statements.over:
            return [line]
        fresh = node in self.statements.over or (
            into not in self.called and root_of(into) is into and into.op not in NEVER
        )
        return [f"{name} = {self.text(into)}{'' if fresh else '.copy()'}", line]

    def results(self, results: Iterable[Node]) -> list[str]:
        """What is returned: arrays that no one else holds."""
        given: set[Node] = set()
        texts = []
        for node in results:
            text, root = self.text(node), root_of(node)
            if node.shape and (root in given or root.op in ("argument", "table") or is_repeated(node)):
                text = f"{text}.copy()"
            given.add(root)
            texts.append(text)
        return texts


def can_write_into(node: Node, language: Language) -> bool:
    """Whether one call can write the node into an array that is there, which is large enough for it to matter."""
    if not language.over or len(node.shape) < 2 or not is_large(node.shape, language) or is_truth(node):
        return False
    if node.op == "contract":
        return language.structure["contract"](node, [Symbol("a"), Symbol("b")], language).op == "matmul"
    return node.op in language.over


def is_repeated(node: Node) -> bool:
    """Whether the array sees an element more than once, as np.broadcast_to gives it."""
    while node.op == "view" or node.op == "expand":
        if node.op == "expand" and node.operands[0].shape != ():
            return True
        node = node.operands[0]
    return False
