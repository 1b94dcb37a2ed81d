"""For numba: what works element by element as loops, which it compiles faster, and to faster code, than array text.

A statement becomes one nest of loops over its array. What is written inside it is computed element by element, and an
array that is seen otherwise is read at the index that its element has there.

    >>> from microgradnet.compiler.arrays import argument, elementwise, view
    >>> p, x = argument("p", (12,)), argument("x", (4, 2))
    >>> W = view(p, ("reshape", (4, 3)), ("slice", ((0, 4, 1), (0, 2, 1))))
    >>> h = elementwise("tanh", W * x)
    >>> from microgradnet.compiler.languages import NUMBA
    >>> print("\\n".join(loops(h, "h", {p: "p", x: "x"}, NUMBA)))
    h = np.empty((4, 2))
    for i in range(4):
        for j in range(2):
            h[i, j] = np.tanh(p[3 * i + j] * x[i, j])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from microgradnet.compiler.languages.accumulating import Part, added, placed
from microgradnet.compiler.languages.broadcasting import is_elementwise, is_truth
from microgradnet.compiler.languages.pieces import Language, shape_text, size_text
from microgradnet.compiler.languages.statements import expression
from microgradnet.compiler.plan import Node, Shape, Step, shape_of_steps
from microgradnet.notation import Symbol, operation

__all__ = ["LETTERS", "alone", "in_place", "loops"]

LETTERS = "ijklmn"
LEAVES = {"argument", "number", "table"}


class Index(NamedTuple):
    """A sum of letters, each times a whole number, and a whole number."""

    letters: tuple[tuple[str, int], ...]
    plus: int = 0

    def scaled(self, times: int, plus: int = 0) -> Index:
        """Times a number, and another one added."""
        return Index(tuple((c, n * times) for c, n in self.letters), self.plus * times + plus)

    def __str__(self) -> str:
        words = [c if n == 1 else f"{n} * {c}" for c, n in self.letters if n]
        return " + ".join([*words, str(self.plus)] if self.plus or not words else words)


def letters_for(shape: Shape) -> list[Index]:
    """A letter for each axis; an axis of size 1 has the index 0."""
    return [Index(() if size == 1 else ((c, 1),)) for c, size in zip(LETTERS, shape, strict=False)]


# --- which nodes are in loops ----------------------------------------------------------------------------------------


def alone(node: Node, reader: Node | None) -> bool:
    """Whether a node that only one other reads is a statement beside it: one of the two is no loop."""
    in_loop = reader is not None and (_is_loop(reader) or reader.op == "accumulate")
    if node.op == "view" and node.shape and in_loop:
        return _source(node, letters_for(node.shape)) is None
    if node.op in ("view", "expand", *LEAVES):
        return False
    if is_elementwise(node) or node.op == "real":
        return bool(node.shape) and not in_loop
    return bool(node.shape) or (node.op == "sum" and reader is not None)


def _is_loop(node: Node) -> bool:
    """Whether it is computed by loops: it has elements, and each is a formula of elements."""
    if len(node.shape) > len(LETTERS):
        return False
    if node.op == "sum":
        return len(node.operands[0].shape) <= len(LETTERS)
    return bool(node.shape) and (is_elementwise(node) or node.op == "real")


def _source(view: Node, index: Sequence[Index]) -> list[Index] | None:
    return through(view.operands[0].shape, view.detail, index)


def through(shape: Shape, steps: Sequence[Step], index: Sequence[Index]) -> list[Index] | None:
    """The index in an array of this shape of what is seen after these steps at an index; None where that is no sum.

    >>> i, j = letters_for((2, 3))
    >>> list(map(str, through((12,), [("reshape", (4, 3)), ("slice", ((0, 4, 2), (0, 3, 1)))], [i, j])))
    ['6 * i + j']
    """
    shapes = [shape]
    for step in steps:
        shapes.append(shape_of_steps(shapes[-1], [step]))
    now: list[Index] | None = list(index)
    for (kind, how), before, now_shape in zip(reversed(steps), shapes[-2::-1], shapes[:0:-1], strict=True):
        if now is None:
            return None
        if kind == "slice":
            now = _before_slice(how, now)
        elif kind == "insert":
            now = [one for place, one in enumerate(now) if place not in how]
        elif kind == "transpose":
            now = [now[tuple(how).index(axis)] for axis in range(len(before))]
        elif kind == "reshape" and len(before) <= 1:
            now = _flat(now, now_shape) if before else []
        else:
            return None
    return now


def _before_slice(how: Sequence[object], index: list[Index]) -> list[Index] | None:
    rest, found = iter(index), []
    for entry in how:
        start, step = (entry[0], entry[2]) if isinstance(entry, tuple) else (entry, 0)
        if not isinstance(start, int) or not isinstance(step, int):
            return None
        found.append(next(rest).scaled(step, start) if isinstance(entry, tuple) else Index((), start))
    return found


def _flat(index: list[Index], shape: Shape) -> list[Index] | None:
    """The place in the flat order."""
    if not all(isinstance(size, int) for size in shape[1:]):
        return None
    letters: dict[str, int] = {}
    plus, stride = 0, 1
    for one, size in zip(reversed(index), reversed(shape), strict=True):
        for c, n in one.letters:
            letters[c] = letters.get(c, 0) + n * stride
        plus += one.plus * stride
        stride = stride * size if isinstance(size, int) else stride
    return [Index(tuple((c, letters[c]) for c in sorted(letters)), plus)]


# --- elements --------------------------------------------------------------------------------------------------------


def element(node: Node, index: Sequence[Index], names: Mapping[Node, str], language: Language) -> Symbol:
    """The element of a node at an index of the loops' array, to whose last axes those of the node belong."""
    own = index[len(index) - len(node.shape) :]
    index = [Index(()) if size == 1 else one for one, size in zip(own, node.shape, strict=True)]
    return _element(node, index, names, language, node in names)


def _element(node: Node, index: Sequence[Index], names: Mapping[Node, str], language: Language, named: bool) -> Symbol:
    """The same, for an index of the node's own axes; `named`: its element is read, not computed."""
    if node.op == "number":
        return Symbol(node.detail)
    if named or node.op == "table":
        name = names[node] if named else language.tables[node.detail]
        return Symbol(f"{name}[{_entries(index)}]" if node.shape else name)
    if node.op == "expand":
        return element(node.operands[0], index, names, language)
    if node.op == "view":
        source = _source(node, index)
        assert source is not None, "alone() makes a statement of it"
        return element(node.operands[0], source, names, language)
    if not (is_elementwise(node) or node.op == "real"):
        return expression(node, names, language)  # a single number
    operands = [element(o, index, names, language) for o in node.operands]
    writer = language.structure.get(node.op)
    single = Node(node.op, node.operands, (), node.detail)
    return operation(node.op, *operands) if writer is None else writer(single, operands, language)


def _entries(index: Sequence[Index]) -> str:
    return ", ".join(map(str, index))


# --- statements ------------------------------------------------------------------------------------------------------


def loops(node: Node, name: str, names: Mapping[Node, str], language: Language) -> list[str] | None:
    """The lines that compute a statement by loops; None for what is no loop."""
    if node.op == "accumulate":
        return _accumulated(node, name, names, language)
    if not _is_loop(node):
        return None
    if node.op == "sum":
        return _summed(node, name, names, language)
    index = letters_for(node.shape)
    value = language.text(_element(node, index, names, language, named=False))
    kind = ", np.bool_" if is_truth(node) else ""
    nest = _nest(node.shape, f"{name}[{_entries(index)}] = {value}")
    return [f"{name} = np.empty({shape_text(node.shape)}{kind})", *nest]


def in_place(node: Node, old: Node, names: Mapping[Node, str], language: Language) -> list[str] | None:
    """The lines that write a statement over an array that it reads nowhere but at its own places."""
    seen = [o for o in _inside(node, names) if o.op == "view"]
    if not _is_loop(node) or node.op == "sum" or any(_root(o) is old for o in seen):
        return None
    index = letters_for(node.shape)
    value = language.text(_element(node, index, names, language, named=False))
    return _nest(node.shape, f"{names[old]}[{_entries(index)}] = {value}")


def _inside(node: Node, names: Mapping[Node, str]) -> list[Node]:
    """What is written inside a statement, and what it reads."""
    found, stack = [], list(node.operands)
    while stack:
        operand = stack.pop()
        found.append(operand)
        if operand not in names or operand.op == "view":
            stack += operand.operands
    return found


def _root(node: Node) -> Node:
    while node.op in ("view", "expand"):
        node = node.operands[0]
    return node


def _nest(shape: Shape, line: str) -> list[str]:
    lines, depth = [], 0
    for c, size in zip(LETTERS, shape, strict=False):
        if size != 1:
            lines.append("    " * depth + f"for {c} in range({size_text(size)}):")
            depth += 1
    return [*lines, "    " * depth + line]


def _summed(node: Node, name: str, names: Mapping[Node, str], language: Language) -> list[str]:
    (of,) = node.operands
    index = letters_for(of.shape)
    value = language.text(element(of, index, names, language))
    if not node.shape:
        return [f"{name} = 0.0", *_nest(of.shape, f"{name} += {value}")]
    kept = [one for axis, one in enumerate(index) if axis not in node.detail]
    line = f"{name}[{_entries(kept)}] += {value}"
    return [f"{name} = np.zeros({shape_text(node.shape)})", *_nest(of.shape, line)]


def _accumulated(node: Node, name: str, names: Mapping[Node, str], language: Language) -> list[str]:
    whole, parts, complete = placed(node)
    index = letters_for(node.shape)
    assigned = complete or whole is None
    lines = [f"{name} = np.{'zeros' if whole is None and not complete else 'empty'}({shape_text(node.shape)})"]

    def everywhere(sign: str) -> list[str]:
        value = language.text(element(whole, index, names, language)) if whole is not None else ""
        return _nest(node.shape, f"{name}[{_entries(index)}] {sign} {value}")

    lines += everywhere("=") if not assigned else []
    for part in parts:
        lines += _part(part, name, node.shape, assigned and part.apart, names, language)
    return lines + (everywhere("+=") if complete and whole is not None else [])


def _part(
    part: Part, name: str, shape: Shape, assigned: bool, names: Mapping[Node, str], language: Language
) -> list[str]:
    seen = shape_of_steps(shape, part.steps)
    index = letters_for(seen)
    source = through(shape, part.steps, index) if len(seen) <= len(LETTERS) else None
    if source is None:
        text: Callable[[Node], str] = lambda o: language.text(expression(o, names, language))
        return added(part, name, shape, assigned, text, language)
    value = language.text(element(part.value, index, names, language))
    return _nest(seen, f"{name}[{_entries(source)}] {'' if assigned else '+'}= {value}")
