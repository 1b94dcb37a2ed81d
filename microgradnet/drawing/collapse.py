"""Which nodes of a graph are drawn as one box: neurons, layers, labels with one beginning, what else it takes to fit.

Plain columns in, plain columns out: `owner[i]` is the node that stands for node i in the picture (itself, where it has
a box of its own), and `kinds` says of every box of several nodes what it is. No step makes a cycle where none was,
except that of labels, which the user chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from microgradnet.errors import InputError
from microgradnet.structure import Neuron, layers

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["GOAL", "HIDDEN", "Part", "Partition", "between", "partition", "whole"]

HIDDEN = -1  # the owner of a node that is not in the picture
GOAL = 100  # boxes: where there is much to collapse, a picture of more is hard to read
ANY_NUMBER = ("add", "sub", "mul", "div", "dot", "sum", "mean")  # alike whatever constants they have: data, mostly
PIECES = 12  # so many parts a long computation is cut into


class Part(NamedTuple):
    """What every step reads: the graph, who reads whom, the nodes that are in the picture at all."""

    graph: Graph
    readers: list[list[int]]
    neurons: list[Neuron]
    roles: list[str]  # of leaves: weight, bias, input or leaf
    kept: Sequence[int]


class Partition(NamedTuple):
    """A picture's boxes. `steps` tells how they came about: "neuron", "layer", "label", "alike", "stretch", "part"."""

    owner: list[int]
    kinds: dict[int, str]
    steps: tuple[str, ...]

    def boxes(self) -> list[int]:
        """The nodes that stand for the boxes, in the graph's order."""
        return [i for i, owner in enumerate(self.owner) if owner == i]


def between(graph: Graph, targets: Iterable[int]) -> list[int]:
    """The nodes on a path from the root back to one of `targets`, these included, in the graph's order.

    >>> from microgradnet import Graph, Value
    >>> x, y = Value(1.0), Value(2.0)
    >>> between(Graph(x * 2 + y), [0])
    [0, 1, 3]
    """
    depends = [False] * len(graph)
    for target in targets:
        depends[target] = True
    for i, operands in enumerate(graph.operands):
        depends[i] = depends[i] or any(depends[o] for o in operands if o.__class__ is int)
    return [i for i, on in enumerate(depends) if on]


def whole(part: Part) -> Partition:
    """Every node a box of its own."""
    owner = [HIDDEN] * len(part.graph)
    for i in part.kept:
        owner[i] = i
    return Partition(owner, {}, ())


def partition(part: Part, collapse: str | Sequence[str] | None, limit: int) -> Partition:
    """The boxes of the picture: collapsed as wished, and further where these would be more than `limit`.

    Raises:
        InputError: no label begins with a prefix that is given.
    """
    named = collapse if isinstance(collapse, str) else None
    if collapse is None:
        found = whole(part)
        if len(part.kept) <= limit:
            return found
        wishes = [_neurons, _layers]
    elif named in ("neuron", "layer"):
        found = (_neurons if named == "neuron" else _layers)(part)
        wishes = [_layers] if named == "neuron" else []
    else:
        found, wishes = _labels(part, [collapse] if isinstance(collapse, str) else collapse), []
    for wish in wishes if _outside(part) <= limit else []:  # else neither would fit
        if len(found.boxes()) > limit:
            found = wish(part)
    if len(found.boxes()) <= limit:
        return found
    goal = min(limit, GOAL)
    for step in (_alike, _stretches):
        found = step(part, found)
        if len(found.boxes()) <= goal:
            return found
    return found if len(found.boxes()) <= limit else _cut(part, limit)


# --- what people ask for ------------------------------------------------------------------------------------------


def _neurons(part: Part) -> Partition:
    return _boxed(part, [[neuron] for neuron in part.neurons], "neuron")


def _layers(part: Part) -> Partition:
    return _boxed(part, layers(part.neurons), "layer")


def _outside(part: Part) -> int:
    """How many operations belong to no neuron."""
    inside = {i for neuron in part.neurons for i in neuron.members}
    return sum(i not in inside for i in part.kept if part.graph.operations[i])


def _boxed(part: Part, groups: list[list[Neuron]], step: str) -> Partition:
    """Each group one box; those of the same weights together, with these weights, as they are one neuron or layer that
    was asked several times, once per sample.

    They must also be computed alike: of a network that reads its own output, each round stays a box of its own, or
    arrows would run in circles.
    """
    found = whole(part)
    weights = Counter(weight for neuron in part.neurons for weight in neuron.weights[:1])
    shared = max(weights.values(), default=0) > 1
    colours = _colours(part, found) if shared else []
    same: dict[object, list[Neuron]] = {}
    for group in groups:
        key: object = group[0].output
        if shared and all(neuron.weights for neuron in group):
            key = tuple([(neuron.weights, neuron.bias, colours[neuron.output]) for neuron in group])
        same.setdefault(key, []).extend(group)
    for boxed in same.values():
        inside = {i for neuron in boxed for i in neuron.members if found.owner[i] != HIDDEN}
        if shared:
            own = {i for neuron in boxed for i in (*neuron.weights, neuron.bias) if i is not None}
            inside |= {i for i in own if found.owner[i] != HIDDEN and inside.issuperset(part.readers[i])}
        _join(found, sorted(inside), "layer" if step == "layer" and len({n.weights for n in boxed}) > 1 else "neuron")
    return found._replace(steps=(step,))


def _join(found: Partition, members: list[int], kind: str) -> None:
    if len(members) > 1:
        head = max(members)
        for i in members:
            found.owner[i] = head
        found.kinds[head] = kind


def _labels(part: Part, prefixes: Sequence[str]) -> Partition:
    """One box for each prefix: the nodes whose labels begin with it, and unlabelled ones that are used only there.

    Of two prefixes that fit the longer one counts.
    """
    found, labels = whole(part), part.graph.labels
    members: dict[str, list[int]] = {prefix: [] for prefix in sorted(prefixes, key=len, reverse=True)}
    for i in part.kept:
        label = labels[i]
        prefix = next((p for p in members if label.startswith(p)), None) if label else None
        if prefix is not None:
            members[prefix].append(i)
    for prefix, own in members.items():
        if not own:
            known = ", ".join(dict.fromkeys(repr(label) for i in part.kept if (label := labels[i])))
            raise InputError(
                f"collapse={prefix!r:.60}: no label begins with it; give 'neuron', 'layer' or a beginning of the "
                f"labels in this picture: {known[:200] or 'it has none'}"
            )
        _join(found, own, "label")
        if len(own) == 1:
            found.kinds[own[0]] = "label"
    for i in reversed(part.kept):
        if labels[i] is None and (heads := {found.owner[r] for r in part.readers[i]} - {HIDDEN}):
            head = heads.pop()
            if not heads and found.kinds.get(head) == "label":
                found.owner[i] = head
    return _tidy(found._replace(steps=("label",)))


def _tidy(found: Partition) -> Partition:
    """Boxes of one node are no groups."""
    sizes: dict[int, int] = {}
    for head in found.owner:
        sizes[head] = sizes.get(head, 0) + 1
    return found._replace(kinds={head: kind for head, kind in found.kinds.items() if sizes.get(head, 0) > 1})


# --- until it fits ------------------------------------------------------------------------------------------------


def _alike(part: Part, found: Partition) -> Partition:
    """What is computed in the same way from operands computed in the same way becomes one box, "n, alike".

    So the subgraphs of a thousand samples become one: nodes get a colour from their operation and their operands'
    colours; a leaf gets one from its role and its readers' colours. Neurons whose outputs are alike become one box.
    Parameters that only one such box reads go into it. An operand's depth is part of its colour, so no cycle arises.
    """
    graph, before = part.graph, found
    colours = _colours(part, found)
    inside = {i: neuron.output for neuron in part.neurons for i in neuron.members}
    heads: dict[tuple[str, int], int] = {}
    keys: dict[int, tuple[str, int]] = {}
    for i in part.kept:
        if before.kinds.get(before.owner[i]) == "label":
            continue
        output = inside.get(i, -1)
        keys[i] = ("neuron", colours[output]) if output >= 0 else ("alike", colours[i])
        heads[keys[i]] = i
    outputs = Counter(colours[neuron.output] for neuron in part.neurons)
    owner, kinds = list(before.owner), {h: kind for h, kind in before.kinds.items() if kind == "label"}
    for i, key in keys.items():
        owner[i] = heads[key]
        kinds[heads[key]] = "alike" if key[0] == "alike" else "layer" if outputs[key[1]] > 1 else "neuron"
    readers: dict[int, set[int]] = {}
    for i, operands in enumerate(graph.operands):
        if owner[i] != HIDDEN:
            for o in operands:
                if o.__class__ is int and not graph.operations[o]:
                    readers.setdefault(owner[o], set()).add(owner[i])
    for i in part.kept:
        if part.roles[i] in ("weight", "bias") and i not in inside:
            reader, *others = readers.get(owner[i], {i})
            if not others and kinds.get(reader) in ("layer", "neuron"):
                owner[i] = reader
    return _tidy(Partition(owner, kinds, ("layer", "alike") if part.neurons else ("alike",)))


def _colours(part: Part, found: Partition) -> list[int]:
    """Equal numbers for nodes that are computed alike."""
    graph, known = part.graph, {}  # type: ignore[var-annotated]
    colours = [HIDDEN] * len(graph)
    for i in part.kept:
        operation = graph.operations[i]
        if found.kinds.get(found.owner[i]) == "label":  # stays as it is
            key: object = (found.owner[i],)
        elif operation in ANY_NUMBER:
            key = (operation, *[colours[o] if o.__class__ is int else None for o in graph.operands[i]])
        elif operation:
            key = (operation, *[colours[o] if o.__class__ is int else (o,) for o in graph.operands[i]])
        else:
            key = (part.roles[i],)
        colours[i] = known.setdefault(key, len(known))
    for i in part.kept:
        if not graph.operations[i] and found.kinds.get(found.owner[i]) != "label":
            key = (part.roles[i], frozenset([colours[r] for r in part.readers[i]]))
            colours[i] = known.setdefault(key, len(known))
    return colours


def _stretches(part: Part, found: Partition) -> Partition:
    """Boxes in a row become one: one that only the next reads, when the next does the same or reads nothing else
    computed. A very long row becomes `PIECES` boxes, so that one sees the gradient change along it.

    To join a box with its only reader makes no cycle. Leaves that only such a row reads go into it.
    """
    graph, owner, kinds = part.graph, list(found.owner), dict(found.kinds)
    only, source = _only(part, owner, computed=False), _only(part, owner, computed=True)
    sizes: dict[int, int] = {}
    for i in part.kept:
        sizes[owner[i]] = sizes.get(owner[i], 0) + 1
    most = max(2, -(-len(part.kept) // PIECES))
    joined = list(range(len(graph)))
    for v in reversed(part.kept):
        if owner[v] != v or not graph.operations[v] or kinds.get(v) in ("layer", "neuron", "label"):
            continue
        u = only[v]
        if u < 0 or kinds.get(u) in ("layer", "neuron", "label"):
            continue
        if source[u] == v or graph.operations[u] == graph.operations[v]:
            head = _find(joined, u)
            if sizes[head] + sizes[v] <= most:
                joined[v] = head
                sizes[head] += sizes[v]
                kinds[head] = "stretch"
    owner = [h if h == HIDDEN else _find(joined, h) for h in owner]
    only = _only(part, owner, computed=False)
    moved = {
        i: only[i] for i in part.kept if owner[i] == i and not graph.operations[i] and kinds.get(only[i]) == "stretch"
    }
    owner = [moved.get(h, h) for h in owner]
    return _tidy(Partition(owner, kinds, (*found.steps, "stretch")))


def _find(joined: list[int], i: int) -> int:
    while joined[i] != i:
        joined[i] = joined[joined[i]]
        i = joined[i]
    return i


def _only(part: Part, owner: list[int], *, computed: bool) -> list[int]:
    """For each box its only reader, or (`computed`) the only box with an operation that it reads; HIDDEN: there are
    several, or none."""
    graph, several = part.graph, -2
    found = [HIDDEN] * len(graph)
    for i in part.kept:
        head = owner[i]
        for o in graph.operands[i]:
            if o.__class__ is int and (tail := owner[o]) not in (HIDDEN, head):
                if computed and not graph.operations[tail]:
                    continue
                box, other = (head, tail) if computed else (tail, head)
                found[box] = other if found[box] in (HIDDEN, other) else several
    return [other if other >= 0 else HIDDEN for other in found]


def _cut(part: Part, limit: int) -> Partition:
    """The order of computation cut into equal parts: always fits, and has no cycle, as arrows go forward only.

    Leaves stay by themselves where they are few.
    """
    found = whole(part)
    pieces = max(1, min(limit, PIECES))
    leaves = [i for i in part.kept if not part.graph.operations[i]]
    apart = set(leaves) if len(leaves) <= min(limit - pieces, 2 * PIECES) else set()
    rest = [i for i in part.kept if i not in apart]
    for piece in range(pieces):
        _join(found, rest[piece * len(rest) // pieces : (piece + 1) * len(rest) // pieces], "part")
    return found._replace(steps=("part",))
