"""Lines of Python that are too long become several, broken where brackets allow it.

>>> print("\\n".join(wrapped("    total = np.concatenate((first, second, third, fourth))", 40)))
    total = np.concatenate((
        first, second, third, fourth,
    ))
"""

from __future__ import annotations

from itertools import pairwise

__all__ = ["COLUMNS", "wrapped"]

COLUMNS = 100
OPENING, CLOSING = "([{", ")]}"


def wrapped(line: str, columns: int = COLUMNS) -> list[str]:
    """The line, or if it has more columns the lines of the same statement: its largest brackets' parts, indented."""
    if len(line) <= columns:
        return [line]
    start, end, commas = _largest(line)
    if start < 0:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    cuts = [start, *commas, end]
    parts = [line[a + 1 : b].strip() for a, b in pairwise(cuts)]
    parts = [part + "," * (i < len(parts) - 1 or bool(commas)) for i, part in enumerate(parts) if part]
    lines, rest = [line[: start + 1]], indent
    for part in parts:
        if rest.strip() and len(rest) + 1 + len(part) > columns:
            lines.append(rest)
            rest = indent
        rest += (" " if rest.strip() else "") + part
    return [*lines, rest, indent[:-4] + line[end:]]


def _largest(line: str) -> tuple[int, int, list[int]]:
    """The brackets that hold most of the line, and the places of their own commas; subscripts are left alone.

    Where the only thing in a pair is another pair, the inner one is meant.
    """
    stack: list[tuple[int, list[int]]] = []
    best: tuple[int, int, list[int]] = (-1, -1, [])
    quoted = False
    for i, c in enumerate(line):
        quoted = quoted != (c == '"')
        if quoted:
            continue
        if c in OPENING:
            stack.append((i, []))
        elif c in CLOSING:
            start, commas = stack.pop()
            subscript = c == "]" and line[start - 1] != "("
            if not subscript and i - start > best[1] - best[0] + 2:
                best = (start, i, commas)
        elif c == "," and stack:
            stack[-1][1].append(i)
    return best
