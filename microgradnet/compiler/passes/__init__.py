"""Small passes from one plan to the next: one file, one idea, with the text before and after."""

from microgradnet.compiler.passes.roll import roll

__all__ = ["roll"]
