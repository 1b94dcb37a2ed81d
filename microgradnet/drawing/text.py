"""What a picture says, and how any text at all becomes a harmless part of DOT.

Labels are user text. In DOT a backslash starts an escape (`\\N` is the node's name, `\\n` ends a line), `{}|<>` shape a
record, `&` starts an entity and a quote ends the string. What XML forbids would break the SVG: `display.visible` writes
it out. Each of the three places that a text can go has its own function here, and nothing reaches DOT by another way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from microgradnet.display import visible
from microgradnet.ops import COMPARISONS, row_of

__all__ = ["constant", "grouped", "in_label", "in_record", "in_tooltip", "number", "operation", "shorten"]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_IN_LABEL = str.maketrans({"\\": "\\\\"})
_IN_RECORD = str.maketrans({c: f"\\{c}" for c in "\\{}| "})  # old engines lose a plain space after a Cyrillic word
_IN_TOOLTIP = str.maketrans({"\\": "\\\\\\\\", "\n": "&#10;"})  # engines read a tooltip's escapes twice

_INFIX = {"add": "+", "sub": "−", "mul": "×", "div": "/", "pow": "**", "pow_const": "**", "rpow_const": "**"}
_INFIX |= {name: symbol for name, (symbol, _) in COMPARISONS.items()}
_SELECTED = ("take", "softmax")  # their last operand is the place of the one wanted


def shorten(text: str, most: int = 40) -> str:
    """At most `most` characters of what is visible, the last one … if some were left out.

    >>> shorten("learning_rate", 9)
    'learning…'
    """
    text = visible(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def in_label(text: str) -> str:
    r"""`text` for a label that is no record, such as a frame's caption.

    >>> print(in_label('a "b" \\N'))
    a &quot;b&quot; \\N
    """
    return visible(text).translate(_ENTITIES).translate(_IN_LABEL)


def in_record(text: str) -> str:
    r"""`text` for one field of a record.

    >>> print(in_record("{a|b} < c"))
    \{a\|b\}\ &lt;\ c
    """
    escaped = visible(text).translate(_ENTITIES).translate(_IN_RECORD)
    return "&#32;" + escaped[2:] if escaped.startswith("\\ ") else escaped  # a first space is dropped otherwise


def in_tooltip(*lines: str) -> str:
    r"""`lines` for a tooltip.

    >>> print(in_tooltip("w1", "1 < 2"))
    w1&#10;1 &lt; 2
    """
    return "\n".join(map(visible, lines)).translate(_ENTITIES).translate(_IN_TOOLTIP)


def number(x: float, digits: int) -> str:
    """`x` with `digits` decimals; by powers of ten where these would hide it. A real minus sign.

    >>> number(-3, 4), number(0.00001234, 4), number(2.5e9, 2), number(float("nan"), 4)
    ('−3.0000', '1.2340e−5', '2.50e9', 'nan')
    """
    if math.isfinite(x) and x and not 10.0**-digits <= abs(x) < 1e7:
        mantissa, exponent = f"{x:.{digits}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{x or 0.0:.{digits}f}".replace("-", "−")


def constant(x: float, digits: int) -> str:
    """A plain number of the user's, as short as it can be said.

    >>> constant(2.0, 4), constant(-0.5, 4), constant(1 / 3, 4)
    ('2', '−0.5', '0.3333')
    """
    mantissa, e, exponent = number(x, digits).partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent


def grouped(n: int, words: Mapping[str, Any]) -> str:
    """A whole number with `words["thousands"]` between its thousands.

    >>> grouped(12000, {"thousands": ","})
    '12,000'
    """
    return f"{n:,}".replace(",", words["thousands"])


def operation(name: str, operands: Sequence[int | float], digits: int) -> tuple[str, ...]:
    """The lines that say what a node does, its constants among them: those are no nodes of their own.

    >>> operation("sigmoid", (3,), 4), operation("mul", (3, 2.0), 4), operation("sub", (1.0, 3), 4)
    (('σ',), ('× 2',), ('1 −',))
    >>> operation("clip", (3, 0.0, 1.0), 4)
    ('clip(·, 0, 1)',)
    >>> operation("dot", (0, 1, -2.0, -1.0, 2), 4)
    ('w·x + b', 'x = −2, −1')
    """
    plain = [None if type(o) is int else constant(o, digits) for o in operands]
    if name == "dot":
        return _weighted_sum(plain)
    if name in _INFIX:  # a dot alone in a box is easily overlooked, hence ×
        a, b = plain
        return (" ".join(part for part in (a, _INFIX[name], b) if part is not None),)
    symbol = {"neg": "−"}.get(name, row_of(name).symbol)
    if all(p is None for p in plain):
        return (symbol,)
    if name in _SELECTED and all(p is None for p in plain[:-1]):
        return (f"{symbol} [{plain[-1]}]",)
    return (f"{symbol}({', '.join(p or '·' for p in plain)})",)


def _weighted_sum(plain: Sequence[str | None]) -> tuple[str, ...]:
    n = len(plain) // 2
    with_bias = len(plain) % 2
    lines = ["w·x + b" if with_bias else "w·x"]
    for letter, part in (("w", plain[:n]), ("x", plain[n : 2 * n]), ("b", plain[2 * n :])):
        if any(p is not None for p in part):
            lines.append(f"{letter} = {', '.join(p or '·' for p in part)}")
    return tuple(lines)
