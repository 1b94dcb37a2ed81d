"""What a line of code does, read from its instructions: the names that it has, and what it stores."""

from __future__ import annotations

import dis
from functools import cache
from types import CodeType, FrameType

__all__ = [
    "is_literal",
    "is_printing",
    "mentioned",
    "names_filled",
    "names_indexed",
    "stored",
    "stored_later",
    "stores_item",
]

_LITERAL = {"LOAD_CONST", "LOAD_SMALL_INT", "STORE_FAST", "STORE_NAME", "STORE_DEREF", "UNARY_NEGATIVE", "NOP",
            "RESUME", "EXTENDED_ARG", "RETURN_CONST", "RETURN_VALUE"}  # fmt: skip
"""Instructions of a line that only stores constants."""


@cache
def _by_line(code: CodeType) -> dict[int, list[dis.Instruction]]:
    """The instructions of each line; one without a line belongs to that before it."""
    lines: dict[int, list[dis.Instruction]] = {}
    current = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        current = positions.lineno if positions is not None and positions.lineno else current
        lines.setdefault(current, []).append(instruction)
    return lines


def _names(instruction: dis.Instruction) -> set[str]:
    """Python 3.13 loads and stores two names at once."""
    argument = instruction.argval
    return {name for name in (argument if isinstance(argument, tuple) else (argument,)) if isinstance(name, str)}


def mentioned(code: CodeType, line: int) -> frozenset[str]:
    """The names (and texts) that a line has.

    >>> def f(x):
    ...     return x
    >>> mentioned(f.__code__, f.__code__.co_firstlineno + 1)
    frozenset({'x'})
    """
    return frozenset(name for instruction in _by_line(code).get(line, []) for name in _names(instruction))


def stored(code: CodeType, line: int) -> frozenset[str]:
    """The names to which a line assigns."""
    storing = [i for i in _by_line(code).get(line, []) if i.opname.startswith("STORE")]
    return frozenset(name for instruction in storing for name in _names(instruction))


def stores_item(code: CodeType, line: int) -> bool:
    """Whether a line puts something into an item, as `d[i] -= 1` does."""
    return any(instruction.opname == "STORE_SUBSCR" for instruction in _by_line(code).get(line, []))


def stored_later(code: CodeType, name: str, line: int) -> bool:
    """Whether code at or after the line still stores into the name, or into items of it."""
    later = [other for other in _by_line(code) if other >= line]
    return any(
        name in stored(code, other) or (stores_item(code, other) and name in mentioned(code, other)) for other in later
    )


def names_indexed(code: CodeType) -> frozenset[str]:
    """Names in lines that take an item of something, as `x[0]` does."""
    lines = [line for line, there in _by_line(code).items() if any(_takes_item(i) for i in there)]
    return frozenset(name for line in lines for name in mentioned(code, line))


def _takes_item(instruction: dis.Instruction) -> bool:
    return instruction.opname == "BINARY_SUBSCR" or instruction.argrepr == "[]"


def names_filled(code: CodeType) -> frozenset[str]:
    """Names in lines that put something into items, or add in place: arrays that are filled bit by bit."""
    lines = [line for line, there in _by_line(code).items() if stores_item(code, line) or any(map(_is_in_place, there))]
    return frozenset(name for line in lines for name in mentioned(code, line))


def _is_in_place(instruction: dis.Instruction) -> bool:
    return instruction.opname == "BINARY_OP" and instruction.argrepr.endswith("=")


def is_literal(code: CodeType, line: int) -> bool:
    """Whether a line only stores constants, as `dx = 0.01` does."""
    return {instruction.opname for instruction in _by_line(code).get(line, [])} <= _LITERAL


def is_printing(frame: FrameType) -> bool:
    """Whether what a frame is doing now is `text % value`, which only shows it."""
    now = [i for there in _by_line(frame.f_code).values() for i in there if i.offset == frame.f_lasti]
    return any(i.opname == "BINARY_OP" and i.argrepr.rstrip("=") == "%" for i in now)
