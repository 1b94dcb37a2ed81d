"""From a graph and the boxes chosen for it to a `Sketch`: what every box and every arrow says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.drawing import text
from microgradnet.drawing.collapse import HIDDEN, Part, Partition
from microgradnet.drawing.schemes import sign
from microgradnet.drawing.sketch import Arrow, Box, Frame
from microgradnet.drawing.slopes import slopes
from microgradnet.drawing.summary import summary
from microgradnet.drawing.words import counted
from microgradnet.ops import COMPARISONS, row_of
from microgradnet.structure import layers

if TYPE_CHECKING:
    from microgradnet.graph import Graph

__all__ = ["REPEATED", "gradients", "parts_of"]

FEW = 4  # uses by the pieces of a long computation: beside each piece it is easier to read
REPEATED = 20  # a leaf with more uses is drawn once per use: one node with hundreds of edges stops the engines


class _Use(NamedTuple):
    """An edge of the picture: from the box `tail` to the box `head`, for `count` edges of the graph."""

    tail: int
    head: int
    place: int | None  # which operand of the head; None where one of the two is a group
    n: int
    partial: float | None
    sent: float | None  # the gradient that goes back along it, of several the norm
    sign: str


class _Subject(NamedTuple):
    """What is drawn and how: read by every part, changed by none."""

    part: Part
    chosen: Partition
    grads: list[float | None]  # None for a Condition
    uses: list[_Use]
    counts: dict[int, int]  # uses in the picture of what reads nothing, by tail
    frames: dict[int, str]  # of boxes
    letters: dict[int, list[str]]  # local derivatives by node
    words: Mapping[str, Any]
    digits: int


def gradients(graph: Graph) -> list[float | None]:
    """What `.grad` of every node is; None for a condition, which has none."""
    return [None if op in COMPARISONS else node.grad for op, node in zip(graph.operations, graph.nodes, strict=True)]


def parts_of(
    part: Part, chosen: Partition, grads: list[float | None], words: Mapping[str, Any], digits: int
) -> tuple[list[Box], list[Arrow], list[Frame]]:
    """Boxes in the graph's order, arrows and frames."""
    frames, inside = _frames(part, chosen, words)
    uses = _uses(part, chosen, grads)
    counts: dict[int, int] = {}
    reading = {use.head for use in uses}  # a group that ends with a leaf may read others
    for use in uses:
        if use.tail not in reading:
            counts[use.tail] = counts.get(use.tail, 0) + 1
    letters = {i: slopes(part.graph, i) for i in {use.head for use in uses if use.place is not None}}
    subject = _Subject(part, chosen, grads, uses, counts, inside, letters, words, digits)
    boxes = list(_boxes(subject))
    used = {box.frame for box in boxes}
    used |= {frame.within for frame in frames if frame.key in used}
    return boxes, [_arrow(subject, use) for use in uses], [frame for frame in frames if frame.key in used]


# --- frames -------------------------------------------------------------------------------------------------------


def _frames(part: Part, chosen: Partition, words: Mapping[str, Any]) -> tuple[list[Frame], dict[int, str]]:
    """Frames around neurons and layers where each node has its box, around layers where each neuron has."""
    if chosen.steps not in ((), ("neuron",)):
        return [], {}
    frames, inside, labels = [], {}, part.graph.labels
    for layer in layers(part.neurons):
        layer_key = f"layer_{layer[0].output}" if len(layer) > 1 else ""
        if layer_key:
            named = [labels[neuron.output] for neuron in layer]
            shown = [label or "·" for label in named]
            listed = ", ".join(shown) if len(shown) < 5 else f"{shown[0]} … {shown[-1]}"
            caption = f"{words['layer']} {listed}" if any(named) else words["layer"]
            frames.append(Frame(layer_key, f"layer-{layer[0].output}", "layer", caption))
        for neuron in layer:
            key = f"neuron_{neuron.output}"
            if chosen.steps:
                inside[neuron.output] = layer_key
                continue
            caption = labels[neuron.output] or words["neuron"]
            frames.append(Frame(key, f"neuron-{neuron.output}", "neuron", caption, layer_key))
            inside |= dict.fromkeys(neuron.members, key)
    return frames, inside


# --- arrows -------------------------------------------------------------------------------------------------------


def _uses(part: Part, chosen: Partition, grads: Sequence[float | None]) -> list[_Use]:
    graph, owner, kinds = part.graph, chosen.owner, chosen.kinds
    found: list[_Use] = []
    together: dict[tuple[int, int], list[float | None]] = {}  # what is sent along all of them
    first: dict[tuple[int, int], tuple[int, float | None]] = {}  # place and partial
    for i in part.kept:
        head, operands = owner[i], graph.operands[i]
        if not any(o.__class__ is int and owner[o] not in (HIDDEN, head) for o in operands):
            continue
        # those of the forward pass that ran, to which the grads belong, whatever became of the data since
        partials = (None,) * len(operands) if graph.operations[i] in COMPARISONS else graph.nodes[i].partials
        upstream = grads[i]
        for place, (o, partial) in enumerate(zip(operands, partials, strict=True)):
            if o.__class__ is not int or (tail := owner[o]) in (HIDDEN, head):
                continue
            sent = None if partial is None or upstream is None else partial * upstream
            if head not in kinds and tail not in kinds:
                found.append(_Use(tail, head, place, 1, partial, sent, sign(sent)))
            elif (several := together.get((tail, head))) is not None:
                several.append(sent)
            else:
                together[tail, head], first[tail, head] = [sent], (place, partial)
    for (tail, head), several in together.items():
        if head not in kinds and len(several) == 1:
            place, partial = first[tail, head]
            found.append(_Use(tail, head, place, 1, partial, several[0], sign(several[0])))
            continue
        numbers = [x for x in several if x is not None]
        size = abs(numbers[0]) if len(numbers) == 1 else math.hypot(*numbers)
        told = sign(size)  # of a norm: positive, unless it is zero or broken
        if told == "positive":
            told = "positive" if min(numbers) >= 0 else "negative" if max(numbers) <= 0 else "mixed"
        found.append(_Use(tail, head, None, len(several), None, size if numbers else None, told))
    return sorted(found, key=lambda use: (use.head, HIDDEN if use.place is None else use.place, use.tail))


def _arrow(subject: _Subject, use: _Use) -> Arrow:
    names, words = subject.part.graph.names, subject.words
    lines = [f"{names[use.tail]} → {names[use.head]}"]
    if use.place is None:
        if use.n > 1:
            lines.append(counted(use.n, "edges", words))
        if use.sent is not None and use.n > 1:
            lines.append(f"{words['sent']}: {words['norm']} {use.sent!r}")
    elif use.partial is None:
        lines.append(words["nothing"])
    else:
        letters = subject.letters[use.head][use.place]
        told = f"∂{names[use.head]}/∂{names[use.tail]}{f' = {letters}' if letters else ''}"
        lines += [told, f"{words['local']} {use.partial!r}", f"{words['sent']} {use.sent!r}"]
    there = use.partial is not None if use.place is not None else use.sent is not None
    label = counted(use.n, "uses", words) if use.place is None and use.n > 1 else ""
    key = f"e-{use.tail}-{use.head}" + ("" if use.place is None else f"-{use.place}")
    slot = "" if use.head in subject.chosen.kinds or use.place is None else f"p{use.place}"
    size = abs(use.sent) if use.sent is not None and math.isfinite(use.sent) else 0.0
    return Arrow(key, _key(subject, use), f"n{use.head}", slot, label, tuple(lines), there, use.sign, size)


def _repeated(subject: _Subject, i: int) -> bool:
    graph = subject.part.graph
    pieces = subject.chosen.steps[-1:] in (("stretch",), ("part",))
    return not graph.operations[i] and subject.counts.get(i, 0) > (FEW if pieces else REPEATED)


def _key(subject: _Subject, use: _Use) -> str:
    """The DOT name of the box that the arrow leaves."""
    if not _repeated(subject, use.tail):
        return f"n{use.tail}"
    return f"n{use.tail}_{use.head}" + ("" if use.place is None else f"_{use.place}")


# --- boxes --------------------------------------------------------------------------------------------------------


def _boxes(subject: _Subject) -> Iterator[Box]:
    chosen = subject.chosen
    members: dict[int, list[int]] = {}
    if chosen.kinds:
        for i in subject.part.kept:
            if chosen.owner[i] in chosen.kinds:
                members.setdefault(chosen.owner[i], []).append(i)
    heads: dict[int, list[_Use]] = {}
    for use in subject.uses:
        heads.setdefault(use.head, []).append(use)
    pieces = [i for i, kind in chosen.kinds.items() if kind == "part"]
    for i in chosen.boxes():
        for use in heads.get(i, ()):
            if _repeated(subject, use.tail):
                parameter = subject.part.roles[use.tail] in ("weight", "bias")
                key = _key(subject, use)
                frame = subject.frames.get(i, "") if parameter else ""
                yield _drawn(subject, use.tail, key, key.replace("_", "-").replace("n", "n-", 1), frame, (), members)
        if not _repeated(subject, i):
            slots = [(f"p{use.place}", _slot(subject, use)) for use in heads.get(i, ()) if use.place is not None]
            key = f"g-{i}" if i in chosen.kinds else f"n-{i}"
            piece = subject.words["part"].format(pieces.index(i) + 1, len(pieces)) if i in pieces else ""
            frame = subject.frames.get(i, "")
            yield _drawn(subject, i, f"n{i}", key, frame, () if i in chosen.kinds else tuple(slots), members, piece)


def _slot(subject: _Subject, use: _Use) -> str:
    return "—" if use.partial is None else f"× {text.constant(use.partial, min(subject.digits, 4))}"


def _drawn(
    subject: _Subject, i: int, key: str, id: str, frame: str, slots: tuple[tuple[str, str], ...],
    members: Mapping[int, Sequence[int]], piece: str = "",
) -> Box:  # fmt: skip
    if i in members:
        return _group(subject, i, key, id, frame, members[i], piece)
    graph, words, digits = subject.part.graph, subject.words, subject.digits
    operation, grad, data = graph.operations[i], subject.grads[i], graph.data[i]
    what = _what(subject, i)
    numbers = [f"{words['data']} {str(data).lower() if isinstance(data, bool) else text.number(data, digits)}"]
    meaning = [f"{operation}: {row_of(operation).doc}"] if operation and operation not in COMPARISONS else []
    tooltip = [graph.names[i], *meaning, *what, f"{words['data']} {data!r}"]
    if grad is not None:
        numbers.append(f"{words['grad']} {text.number(grad, digits)}")
        tooltip.append(f"{words['grad']} {grad!r}")
    size = abs(grad) if grad is not None and math.isfinite(grad) else 0.0
    return Box(
        key, id, _kind(subject, i), graph.labels[i] or "", what, slots, tuple(numbers), tuple(tooltip), sign(grad),
        size, frame,
    )  # fmt: skip


def _group(subject: _Subject, i: int, key: str, id: str, frame: str, members: Sequence[int], piece: str) -> Box:
    graph, kind = subject.part.graph, subject.chosen.kinds[i]
    told = summary(subject.part, subject.grads, members, kind, piece, subject.words, subject.digits)
    last = len(graph) - 1
    classes = f"group {kind}" + (" root" if i == last or last in members else "")
    what = told.what
    if _repeated(subject, i):
        what += f", {counted(subject.counts[i], 'uses', subject.words)}"
    tooltip = (*([told.name] if told.name else []), what, *told.tooltip)
    size = told.size if math.isfinite(told.size) else 0.0
    return Box(key, id, classes, told.name, (what,), (), told.numbers, tooltip, told.sign, size, frame)


def _what(subject: _Subject, i: int) -> tuple[str, ...]:
    graph, role = subject.part.graph, subject.part.roles[i]
    if role:
        used = len(subject.part.readers[i])
        word: str = subject.words[role]
        return (f"{word}, {counted(used, 'uses', subject.words)}",) if _repeated(subject, i) else (word,)
    return text.operation(graph.operations[i], graph.operands[i], subject.digits)


def _kind(subject: _Subject, i: int) -> str:
    role, operation = subject.part.roles[i], subject.part.graph.operations[i]
    if role:
        return "parameter" if role in ("weight", "bias") else role
    if operation in COMPARISONS:
        return "condition"
    return "root" if i == len(subject.part.graph) - 1 else "result"
