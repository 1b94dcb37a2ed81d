"""The text of a plan of single numbers, piece by piece: what is unpacked, what is computed, what a step changes.

>>> print("\\n".join(wrapped("return ", "[" + ", ".join(["gradient"] * 12) + "]", "")))
return [
    gradient, gradient, gradient, gradient, gradient, gradient, gradient, gradient,
    gradient, gradient, gradient, gradient
]
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from microgradnet.compiler.languages.names import BACKWARD, names, unused, with_turn
from microgradnet.compiler.languages.scalar_labels import in_place, item_label, items
from microgradnet.compiler.languages.scalar_languages import LONGEST_TUPLE, Scalars, read_by
from microgradnet.compiler.languages.scalar_layout import COLUMNS, Layout, elements
from microgradnet.compiler.passes.apart import is_item
from microgradnet.compiler.plan import Node, Plan
from microgradnet.compiler.updates import NEW
from microgradnet.notation import Symbol, write

__all__ = ["ScalarWriter", "indented", "parallel", "returned", "wrapped"]

INDENT = "    "
LINE = COLUMNS - 3 * len(INDENT)  # what is left of a line inside of two loops
_ROW = re.compile(r"((?:np\.array\()?\[)([^][]*)(\]\)?)")


class ScalarWriter:
    """The nodes of a function in a language, with their names."""

    def __init__(
        self, plan: Plan, language: Scalars, lines: Layout, order: Sequence[str], taken: Iterable[str]
    ) -> None:
        self.language, self.lines = language, lines
        given = [node for node in plan.nodes if is_item(node)]
        own = [node for line in lines.named for node in line]
        chosen = names(plan, {*language.reserved, *taken}, [*given, *own])
        chosen |= {new: chosen[old] for new, old in in_place(plan, own).items()}
        self.known = {node: Symbol(name) for node, name in chosen.items()}
        self.arguments, self.forward = plan.arguments, plan.forward
        self.name_of = {name: chosen[node] for name, node in plan.arguments.items()}
        used = self.used = {*chosen.values(), *language.reserved, *taken}
        for argument in order:
            if argument not in self.name_of:
                self.name_of[argument] = unused(argument, used)
        self.of: dict[str, dict[int, Node]] = {a: items(plan, node) for a, node in plan.arguments.items()}
        shapes = {name.removeprefix(NEW): r.shape for name, r in zip(plan.names, plan.results, strict=True)}
        shapes |= {"p": shapes["gradient"]} if "gradient" in shapes else {}
        self.shapes = {a: plan.arguments[a].shape if a in plan.arguments else shapes.get(a, ()) for a in order}
        changed = {name.removeprefix(NEW) for name in plan.names if name.startswith(NEW)}
        self.named_items = {a: self._named_items(a, a in changed, used) for a in order}

    def _named_items(self, argument: str, changed: bool, used: set[str]) -> list[str]:
        """The names of an argument's numbers, in the flat order; "" for one that needs none."""
        shape = self.shapes[argument]
        if shape == ():
            return [self.name_of[argument]]
        read = self.of.get(argument, {})
        found = []
        for place, index in enumerate(product(*map(range, shape))):
            if place in read:
                found.append(str(self.known[read[place]].operands[0]))
            else:
                found.append(unused(item_label(argument, index), used) if changed else "")
        return found

    def items(self, argument: str) -> list[str]:
        """The names of an argument's numbers."""
        return self.named_items[argument]

    def together(self, shape: Sequence[int], texts: Iterable[str]) -> str:
        """A result as it is returned."""
        texts = list(texts)
        return self.language.row.format(", ".join(texts)) if len(shape) else texts[0]

    # what is given

    def unpacked(self, arguments: Iterable[str]) -> list[str]:
        """Statements that give names to the numbers of these arguments."""
        lines: list[str] = []
        for argument in arguments:
            found, shape = self.items(argument), self.shapes[argument]
            if shape == () or not any(found):
                continue
            if not (self.language.unpacks and all(found)):
                lines += parallel(self.picks(argument, self.name_of[argument]), room=COLUMNS - 8)
                continue
            length = shape[-1]
            for row, index in enumerate(product(*map(range, shape[:-1]))):
                targets = ", ".join(found[row * length : (row + 1) * length]) + "," * (length == 1)
                lines += wrapped("", targets, f" = {self.name_of[argument]}{''.join(f'[{i}]' for i in index)}")
        return lines

    def picks(self, argument: str, array: str) -> list[tuple[str, str]]:
        """Names of an argument's numbers, each with how it is read from the array of that name."""
        found, shape = self.items(argument), self.shapes[argument]
        if shape == ():
            return [(found[0], array)]
        places = product(*map(range, shape))
        return [(n, self.language.item(array, place)) for n, place in zip(found, places, strict=True) if n]

    def pattern(self, argument: str) -> str:
        """What stands for a row in the head of a loop: its numbers in brackets; "" if they are too many."""
        found = self.items(argument)
        if len(self.shapes[argument]) != 1 or not any(found) or len(", ".join(found)) > COLUMNS // 2:
            return ""
        return f"({', '.join(name or '_' for name in found)}{',' * (len(found) == 1)})"

    # what is computed

    def statements(self, level: int) -> list[str]:
        """The lines of the loop of this depth."""
        lines: list[str] = []
        for node, begins in with_turn(self.lines.named[level], self.forward):
            lines += [BACKWARD] * begins
            lines += wrapped(f"{self.known[node].operands[0]} = ", self.text(node, anew=True), "")
        return lines

    def text(self, node: Node, anew: bool = False) -> str:
        """A node where it is read, or `anew`, as it is computed."""
        return write(self._symbol(node, anew), self.language.dialect)

    def _symbol(self, root: Node, anew: bool) -> Symbol:
        made: dict[Node, Symbol] = {}
        waiting = [root]
        while waiting:
            node = waiting[-1]
            if node.op == "number":
                made[node] = Symbol(node.detail)
            elif node in self.known and not (anew and node is root):
                made[node] = self.known[node]
            elif missing := [o for o in read_by(node) if o not in made]:
                waiting += missing
                continue
            else:
                made[node] = self.language.symbol(node, [made[o] for o in read_by(node)])
            waiting.pop()
        return made[root]

    # what a step changes

    def moves(self, changed: Mapping[str, Node]) -> list[str]:
        """The end of a step: every number gets its new value, computed from the old ones."""
        moves: list[tuple[str, Node]] = []
        for argument, result in changed.items():
            moves += zip(self.items(argument), elements(result), strict=True)
        moves = [(name, new) for name, new in moves if self.text(new) != name]
        gone: set[str] = set()
        for name, new in moves:
            if gone & self._reads(new):
                return self._at_once(moves)
            gone.add(name)
        lines: list[str] = []
        for name, new in moves:
            lines += self._move(name, new)
        return lines

    def _reads(self, root: Node) -> set[str]:
        """The names in the text of a node."""
        found: set[str] = set()
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node in self.known:
                found.add(str(self.known[node].operands[0]))
            else:
                waiting += read_by(node)
        return found

    def _move(self, name: str, new: Node) -> list[str]:
        if new not in self.known and new.op in ("sub", "add") and self.text(new.operands[0]) == name:
            return wrapped(f"{name} {'-' if new.op == 'sub' else '+'}= ", self.text(new.operands[1]), "")
        return wrapped(f"{name} = ", self.text(new), "")

    def _at_once(self, moves: Sequence[tuple[str, Node]]) -> list[str]:
        """Where a new value is read from another's old one: all new values first, then the names."""
        news = [unused(NEW + name, self.used) for name, _ in moves]
        lines = [
            line
            for new, (_, node) in zip(news, moves, strict=True)
            for line in wrapped(f"{new} = ", self.text(node), "")
        ]
        return [*lines, *parallel([(name, new) for new, (name, _) in zip(news, moves, strict=True)])]


# --- lines ------------------------------------------------------------------------------------------------------------


def indented(lines: Iterable[str]) -> list[str]:
    """The lines one step further to the right."""
    return [INDENT + line for line in lines]


def wrapped(before: str, words: str, after: str) -> list[str]:
    """A line, or where it is too long several, in brackets."""
    line = before + words + after
    if len(line) <= LINE:
        return [line]
    opened, closed = ("", "") if before.endswith("(") else ("(", ")")
    row = _ROW.fullmatch(words)
    if opened and row:  # a row breaks inside of its own brackets
        opened, words, closed = row.groups()
    inner = textwrap.wrap(words, LINE - 4, break_long_words=False, break_on_hyphens=False)
    return [before + opened, *indented(inner), closed + after]


def returned(results: Sequence[str]) -> list[str]:
    """The last line; where it is too long, a line for each result, and more for a long one."""
    if len(results) == 1 or len(", ".join(results)) < LINE - 8:
        return wrapped("return ", ", ".join(results), "")
    return ["return (", *indented(line for r in results for line in wrapped("", r, ",")), ")"]


def parallel(picks: Sequence[tuple[str, str]], room: int = LINE - 4) -> list[str]:
    """`a, b = x, y`, as many in a line as there is room for.

    >>> parallel([("a", "x[0]"), ("b", "x[1]")]), parallel([("a", "x[0]"), ("b", "x[1]")], room=8)
    (['a, b = x[0], x[1]'], ['a = x[0]', 'b = x[1]'])
    """
    lines: list[list[tuple[str, str]]] = []
    for pick in picks:
        letters = sum(len(name) + len(text) + 4 for name, text in (*lines[-1], pick)) if lines else room
        if lines and letters <= room + 4 and len(lines[-1]) < LONGEST_TUPLE:
            lines[-1].append(pick)
        else:
            lines.append([pick])
    return [f"{', '.join(name for name, _ in line)} = {', '.join(text for _, text in line)}" for line in lines]
