"""Names wished for arrays: after the labels of the Values in them, and for parameters after their labels or paths.

Parameters without either are weights, w, or biases, b, which are only added. The second thing of a name gets a number,
and then the first has one, too; so the adjoint of h2 can be called d_h2.

    before:  v1 = p[0:48].reshape(16, 3)[:, 0:2], whose Values are labelled w1 … w32; v4, whose Values are h1 … h16
    after:   W1; h1
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgradnet.compiler.plan import Node, Plan, stepped

if TYPE_CHECKING:
    from microgradnet.compiler.recording import Recording

__all__ = ["labelled", "stem"]

DIGITS = "0123456789"


def labelled(plan: Plan, recording: Recording, labels: Mapping[Node, str]) -> Plan:
    """The plan with these labels, and with those of the parameters that it reads."""
    places = np.arange(len(recording.parameters))
    readers: dict[Node, set[str]] = {}
    for node in plan.nodes:
        for operand in node.operands:
            readers.setdefault(operand, set()).add(node.op)
    parameters = {}
    for node in plan.nodes:
        if node.op == "view" and node.operands[0].op == "argument" and node.operands[0].detail == "p":
            known = _of_parameters(recording, stepped(places, node.detail).reshape(-1).tolist())
            parameters[node] = known or ("b" if readers.get(node, set()) <= {"add", "sub"} else "w")
    count = Counter(name.rstrip(DIGITS) for name in parameters.values())
    seen: Counter[str] = Counter()
    wished = {}
    for node, name in parameters.items():
        letter = name.rstrip(DIGITS)
        if letter and count[letter] > 1:  # W1, b1, W2, b2, w3, b3
            seen[letter] += 1
            name = f"{letter}{seen[letter]}"
        large = sum(size != 1 for size in node.shape) > 1
        wished[node] = name[:1].upper() + name[1:] if large and len(letter) == 1 else name
    return Plan(
        plan.results, plan.names, _numbered(plan.nodes, labels) | {n: name for n, name in wished.items() if name}
    )


def _of_parameters(recording: Recording, places: Sequence[int]) -> str:
    """What the parameters at these places have in common: their labels' stem, or the last word of their paths."""
    found = [recording.parameters[k].label for k in places]
    if all(found):
        return stem(label for label in found if label)
    words = [[word for word in recording.names[k].split(".") if not word.isdigit()] for k in places]
    return stem(word[-1] if word else "" for word in words)


def stem(labels: Iterable[str]) -> str:
    """What labels have in common: of one label the label, of h1, h2, h3 it is h; else nothing.

    >>> stem(["h1"]), stem(["h1", "h2"]), stem(["a1", "b1"])
    ('h1', 'h', '')
    """
    found = set(labels)
    if len(found) == 1:
        return found.pop()
    stems = {label.rstrip(DIGITS) for label in found}
    return stems.pop() if len(stems) == 1 else ""


def _numbered(nodes: Sequence[Node], wished: Mapping[Node, str]) -> dict[Node, str]:
    """The wishes, with numbers behind a name that several have."""
    count = Counter(wished[node] for node in nodes if node in wished)
    seen: Counter[str] = Counter()
    result = {}
    for node in nodes:
        if (name := wished.get(node)) is None:
            continue
        seen[name] += 1
        result[node] = f"{name}{seen[name]}" if count[name] > 1 else name
    return result
