"""Why a derivative by hand is wrong, from numbers at several points.

Beside each other: `facts` (what is known and concluded: plain data), `ratios` (what shows in the numbers alone),
`arrangements` (how arrays were put together), `replay` (the computation by hand run again) and `changes` (what is
changed in it), `search` (all these in a fixed order).
"""

from microgradnet.causes.arrangements import formula_for
from microgradnet.causes.facts import KINDS, Cause, Computation, Diagnosis, Point, agree, same_but_for_ones
from microgradnet.causes.replay import computed
from microgradnet.causes.search import diagnose

__all__ = [
    "KINDS",
    "Cause",
    "Computation",
    "Diagnosis",
    "Point",
    "agree",
    "computed",
    "diagnose",
    "formula_for",
    "same_but_for_ones",
]
