"""Colours of a picture of a graph, light and dark, and how a gradient is shown: sign as colour, size as width."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["SCHEMES", "shade", "sign", "strength", "width"]

SCHEMES = {
    "light": {
        "paper": "#ffffff", "ink": "#1f2933", "pale": "#5b6876", "line": "#8492a2", "warning": "#b42318",
        "positive": "#1d5fa8", "negative": "#b4430f", "zero": "#8492a2", "broken": "#b42318",
        "positive pale": "#6d9fd4", "negative pale": "#d98b5f",
        "parameter": "#fff3d1", "input": "#e1eefb", "leaf": "#eef1f4", "result": "#ffffff", "condition": "#ffffff",
        "root": "#dff3e4", "group": "#efeafa", "frame": "#f6f8fa", "frame line": "#b6c2cf",
    },
    "dark": {
        "paper": "#14191f", "ink": "#e6edf3", "pale": "#9fb0c0", "line": "#76869a", "warning": "#ff7b72",
        "positive": "#79b8ff", "negative": "#ffa26b", "zero": "#76869a", "broken": "#ff7b72",
        "positive pale": "#4a7fb8", "negative pale": "#b3704a",
        "parameter": "#3d3212", "input": "#16304d", "leaf": "#2a323c", "result": "#1d252e", "condition": "#1d252e",
        "root": "#15381f", "group": "#2e2748", "frame": "#191f27", "frame line": "#45525f",
    },
}  # fmt: skip

DECADES = 4.0  # a gradient so many powers of ten below the largest is drawn as thin and pale as any


def sign(gradient: float | None) -> str:
    """ "positive", "negative", "zero", or "broken" (nan, an infinity); "zero" too where there is none.

    >>> sign(0.5), sign(-2.0), sign(None), sign(float("nan"))
    ('positive', 'negative', 'zero', 'broken')
    """
    if gradient is None or gradient == 0:
        return "zero"
    if not math.isfinite(gradient):
        return "broken"
    return "positive" if gradient > 0 else "negative"


def strength(size: float, largest: float) -> float:
    """How large a gradient is beside the largest of the picture, from 0 to 1, by powers of ten.

    >>> strength(1.0, 1.0), strength(0.01, 1.0), strength(1e-9, 1.0), strength(0.0, 1.0)
    (1.0, 0.5, 0.0, 0.0)
    """
    if not size or not largest:
        return 0.0
    return max(0.0, 1.0 + (math.log10(size) - math.log10(largest)) / DECADES)


def width(part: float, most: float = 3.2) -> str:
    """The width of a line, in points, for a `strength`.

    >>> width(0.0), width(1.0)
    ('0.8', '3.2')
    """
    return f"{0.8 + (most - 0.8) * part:.2g}"


def shade(colours: Mapping[str, str], kind: str, size: float, largest: float) -> str:
    """The colour of a line for the sign of a gradient, the paler the smaller its size is.

    >>> shade(SCHEMES["light"], "negative", 1.0, 1.0), shade(SCHEMES["light"], "zero", 0.0, 1.0)
    ('#b4430f', '#8492a2')
    """
    if kind not in ("positive", "negative"):
        return colours["pale" if kind == "mixed" else kind]
    return _mixed(colours[f"{kind} pale"], colours[kind], strength(size, largest))


def _mixed(one: str, other: str, part: float) -> str:
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)
