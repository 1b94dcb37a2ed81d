"""The languages that plans of arrays are written in: NUMPY, and NUMBA, which compiles nearly the same text.

A language is plain data (`pieces.Language`): how operations are spelled, structural nodes written, helpers defined.
"""

from __future__ import annotations

from microgradnet.compiler.languages.numba_language import NUMBA
from microgradnet.compiler.languages.numpy_language import NUMPY, rows
from microgradnet.compiler.languages.pieces import (
    Language,
    Writer,
    after,
    entries,
    is_large,
    is_selection,
    shape_text,
    size_text,
    steps_after,
)

__all__ = [
    "NUMBA", "NUMPY", "Language", "Writer", "after", "entries", "is_large", "is_selection", "rows", "shape_text",
    "size_text", "steps_after",
]  # fmt: skip
