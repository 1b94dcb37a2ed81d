"""Which nodes become statements of their own, which are written inside another, and which write over an operand.

What is used once and is short is written where it is used. What is used more than once, has a label or is a result is
a statement. Large arrays are not made anew for every operation: an operation element by element whose operand is
needed no more writes its result over it, so it is a statement, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from microgradnet.compiler.languages.broadcasting import is_elementwise, is_truth
from microgradnet.compiler.languages.pieces import Language, is_large, is_selection
from microgradnet.compiler.plan import Node, Plan
from microgradnet.notation import Symbol, operation

__all__ = ["ALWAYS", "NEVER", "Statements", "arranged", "expression", "last_reads", "root_of"]

LONGEST = 72  # letters of an expression that is written inside another one
NEVER = {"argument", "number", "table"}  # no statement
ALWAYS = {"accumulate", "put"}  # more than one line
ADJOINT = "d_"  # begins the labels of adjoints, which are written inside another expression if they fit
SHARING = {"view", "expand"}  # see the numbers of their operand


def root_of(node: Node) -> Node:
    """The node whose array it may see; itself where it has an array of its own."""
    while node.op in SHARING and not any(kind == "gather" for kind, _ in node.detail or ()):
        node = node.operands[0]
    return node


def expression(node: Node, names: Mapping[Node, str], language: Language, whole: bool = False) -> Symbol:
    """The symbol of a node: its name, if it has one and the `whole` is not asked for, or what computes it."""
    if node.op == "number":
        return Symbol(node.detail)
    if node in names and not whole:
        return Symbol(names[node])
    operands = [expression(o, names, language) for o in node.operands]
    writer = language.structure.get(node.op)
    return operation(node.op, *operands) if writer is None else writer(node, operands, language)


@dataclass(frozen=True)
class Statements:
    """Nodes that are statements, in order; for some, the operand that is `over`written; which are called the `same` as
    a later one that takes their place; names wished for, as labels."""

    nodes: tuple[Node, ...]
    over: Mapping[Node, Node]
    same: Mapping[Node, Node]
    labels: Mapping[Node, str]


def arranged(plan: Plan, language: Language, owned: Iterable[Node] = (), kept: Iterable[Node] = ()) -> Statements:
    """The statements of a plan that `broadcasting` has gone over.

    `owned`: arguments whose arrays may be overwritten; `kept`: nodes that are statements in any case, and stay as they
    are, for the next round of a loop.
    """
    labels, heirs = _inherited(plan)
    owned = frozenset(owned)
    kept = frozenset(kept)
    nodes = tuple(_statements(plan, labels, language, {*plan.results, *kept}))
    over = {new: old for new, old in _over(nodes, plan.results, language, owned).items() if old not in kept}
    same = {old: new for new, old in over.items()}
    if language.lines is None:  # else the new one is begun before the old one is read
        same |= {old: new for old, new in heirs.items() if new in set(nodes)}
    return Statements(nodes, over, same, labels)


def _inherited(plan: Plan) -> tuple[dict[Node, str], dict[Node, Node]]:
    """The labels, those of adjoints handed on: "d_h" is what was sent to h when all masks and factors are in it.

    An operation element by element takes the label of an adjoint which only it reads, or keeps its own.
    """
    labels, heirs = dict(plan.labels or {}), {}
    uses = Counter(o for node in plan.nodes for o in node.operands)
    for node in plan.nodes:
        if is_truth(node) or not (is_elementwise(node) or node.op == "put"):
            continue
        for operand in node.operands:
            if labels.get(operand, "").startswith(ADJOINT) and uses[operand] == 1 and operand.shape == node.shape:
                label = labels.pop(operand)
                if node not in plan.results:
                    labels.setdefault(node, label)
                heirs[operand] = node
                break
    return labels, heirs


def reads(node: Node, names: Iterable[Node]) -> list[Node]:
    """The named nodes that the statement of a node reads, arguments included."""
    named, found, stack = names if isinstance(names, (set, frozenset, dict)) else set(names), [], list(node.operands)
    while stack:
        operand = stack.pop()
        if operand in named or operand.op == "argument":
            found.append(operand)
        else:
            stack += operand.operands
    return found


# --- what is a statement -------------------------------------------------------------------------------------------


def _statements(plan: Plan, labels: Mapping[Node, str], language: Language, always: set[Node]) -> list[Node]:
    uses = Counter(o for node in plan.nodes for o in node.operands)
    readers: dict[Node, Node] = {o: node for node in plan.nodes for o in node.operands}
    named: dict[Node, str] = {node: node.detail for node in plan.nodes if node.op == "argument"}
    lengths: dict[Node, int] = {}
    for node in plan.nodes:
        if node.op in NEVER:
            continue
        _shorten(node, named, labels, lengths, language)
        if (
            node in always
            or (node in labels and not labels[node].startswith(ADJOINT))
            or uses[node] > 1
            or node.op in ALWAYS
            or language.alone(node, readers.get(node))
            or _keeps_its_array(node, readers.get(node), uses, language)
        ):
            named[node] = labels.get(node, "v123")
    return [node for node in plan.nodes if node in named and node.op != "argument"]


def _shorten(
    node: Node, named: dict[Node, str], labels: Mapping[Node, str], lengths: dict[Node, int], language: Language
) -> None:
    """Give operands a statement of their own, the longest first, until the expression of the node is short enough."""
    if node.op in ALWAYS:
        return
    while True:
        length = len(language.text(expression(node, named, language, whole=True)))
        inside = [o for o in node.operands if o not in named and o.op not in NEVER]
        if length <= LONGEST or not inside:
            break
        longest = max(inside, key=lambda o: lengths.get(o, 0))
        named[longest] = labels.get(longest, "v123")
    lengths[node] = length


def _keeps_its_array(node: Node, reader: Node | None, uses: Mapping[Node, int], language: Language) -> bool:
    """Whether a large array, used once, is written over by its reader, or is itself written over another one."""
    if not language.over or not node.shape or not is_large(node.shape, language) or is_truth(node):
        return False
    if reader is not None and node in _candidates(reader, language)[:1]:
        return True
    return any(uses[o] == 1 for o in _candidates(node, language))


def _candidates(node: Node, language: Language, owned: frozenset[Node] = frozenset()) -> list[Node]:
    """The operands that a node could write its result over, if they were needed no more; the best first.

    By the sign before `=` alone it can be those that are `owned` in any language.
    """
    if not node.shape or is_truth(node):
        return []
    operands: tuple[Node, ...] = ()
    if language.over and (node.op in language.over or is_selection(node) or node.op == "put"):
        operands = node.operands[1:2] if is_selection(node) else node.operands[: 1 if node.op == "put" else None]
    elif node.op in language.augmented:
        operands = node.operands[: 2 if node.op in ("add", "mul") else 1]
    able = [o for o in operands if o.shape == node.shape and (o in owned or (language.over and _is_own(o)))]
    return sorted(able, key=lambda o: (o not in owned, o.op != "contract"))


def _is_own(node: Node) -> bool:
    """Whether its array is its own, of floats, and may be overwritten."""
    return root_of(node) is node and node.op not in (*NEVER, "whole") and not is_truth(node)


# --- what writes over what -----------------------------------------------------------------------------------------


def last_reads(nodes: tuple[Node, ...], results: tuple[Node, ...]) -> dict[Node, int]:
    """For each array, by its root: the number of the last statement that reads it; results are read at the end."""
    named = set(nodes)
    last: dict[Node, int] = {}
    for i, node in enumerate(nodes):
        for read in reads(node, named):
            last[root_of(read)] = i
    return last | {root_of(node): len(nodes) for node in results}


def _over(
    nodes: tuple[Node, ...], results: tuple[Node, ...], language: Language, owned: frozenset[Node]
) -> dict[Node, Node]:
    named, last = {*nodes, *owned}, last_reads(nodes, results)
    over: dict[Node, Node] = {}
    for i, node in enumerate(nodes):
        if node.op != "put" and not is_elementwise(node):
            continue
        able = [o for o in _candidates(node, language, owned) if o in named and last.get(o, i) <= i]
        if able and (able[0] in owned or node.op == "put" or is_large(node.shape, language)):
            over[node] = able[0]
    return over
