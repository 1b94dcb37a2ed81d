"""Words, in English and in Russian, and colours, light and dark, of a network's diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["COLOURS", "WORDS", "plural"]

COLOURS = {
    "light": {
        "paper": "#ffffff", "ink": "#1f2933", "pale": "#5b6876", "positive": "#1d5fa8", "negative": "#b4430f",
        "zero": "#6b7785", "broken": "#b42318", "input": "#e1eefb", "input line": "#2f6fae", "hidden": "#fff3d1",
        "hidden line": "#b7791f", "output": "#e2f4e6", "output line": "#2f855a",
    },
    "dark": {
        "paper": "#14191f", "ink": "#e6edf3", "pale": "#9fb0c0", "positive": "#79b8ff", "negative": "#ffa26b",
        "zero": "#8b98a5", "broken": "#ff7b72", "input": "#16304d", "input line": "#6aa9e9", "hidden": "#3d3212",
        "hidden line": "#e0b252", "output": "#15381f", "output line": "#63c284",
    },
}  # fmt: skip

WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "inputs": "inputs", "hidden": "hidden", "output": "output", "more": "{} more", "weight": "weight",
        "bias": "bias", "grad": "grad", "positive": "weight > 0", "negative": "weight < 0",
        "thick": "the thicker, the larger |weight|", "neurons": ("neuron", "neurons", "neurons"),
    },
    "ru": {
        "inputs": "входы", "hidden": "скрытый слой", "output": "выход", "more": "ещё {}", "weight": "вес",
        "bias": "смещение", "grad": "градиент", "positive": "вес > 0", "negative": "вес < 0",
        "thick": "чем толще, тем больше |вес|", "neurons": ("нейрон", "нейрона", "нейронов"),
    },
}  # fmt: skip


def plural(n: int, forms: Sequence[str]) -> str:
    """The form of a noun after a number: Russian has three, English says the last two alike.

    >>> [plural(n, ("нейрон", "нейрона", "нейронов")) for n in (1, 3, 12, 22)]
    ['нейрон', 'нейрона', 'нейронов', 'нейрона']
    """
    if n % 10 == 1 and n % 100 != 11:
        return forms[0] if n == 1 or forms[1] != forms[2] else forms[1]
    return forms[1] if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else forms[2]
