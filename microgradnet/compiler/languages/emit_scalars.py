"""A plan of single numbers as the text of functions that a person would write by hand, for Python and for numba.

`step` writes a function that gives the plan's results, `train` one that moves what the plan changes, row by row of the
data or all of it at once, epoch after epoch; `source` puts functions together, with what they import before them.
`prepared` makes of any plan one that a language of plain numbers can spell. Nothing here knows a derivative.

    >>> from microgradnet.compiler.arrays import accumulate, argument, elementwise, view
    >>> p, x = argument("p", (2,)), argument("x", ())
    >>> w, b = view(p, ("slice", (0,))), view(p, ("slice", (1,)))
    >>> h = elementwise("tanh", w * x + b)
    >>> slope = 1 - h * h
    >>> gradient = accumulate((2,), [((("slice", (0,)),), slope * x), ((("slice", (1,)),), slope)])
    >>> plan = Plan((h, gradient), ("loss", "gradient"), {w: "w", b: "b"})
    >>> print(source(PYTHON, step(plan, PYTHON)))
    from math import tanh
    <BLANKLINE>
    <BLANKLINE>
    def step(p, x):
        w, b = p
        loss = tanh(w * x + b)
        # backward
        d_b = 1.0 - loss * loss
        d_w = d_b * x
        return loss, [d_w, d_b]
    <BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from microgradnet.compiler.languages.names import unused
from microgradnet.compiler.languages.scalar_labels import with_items_labelled, without_single_adjoints
from microgradnet.compiler.languages.scalar_languages import NUMBA, PYTHON, Scalars
from microgradnet.compiler.languages.scalar_layout import elements, layout
from microgradnet.compiler.languages.scalar_text import ScalarWriter, indented, parallel, returned, wrapped
from microgradnet.compiler.passes.apart import apart
from microgradnet.compiler.passes.early import early
from microgradnet.compiler.passes.lower import lowered
from microgradnet.compiler.passes.masks import as_masks
from microgradnet.compiler.passes.rebuild import rebuilt
from microgradnet.compiler.passes.share import shared
from microgradnet.compiler.plan import Plan
from microgradnet.compiler.updates import NEW, RATE

__all__ = ["NUMBA", "PYTHON", "Function", "prepared", "source", "step", "train"]


class Function(NamedTuple):
    """The text of a function, and the names that it calls from outside."""

    text: str
    calls: frozenset[str]


def prepared(plan: Plan, language: Scalars) -> Plan:
    """The same plan in single numbers, with nothing that the language cannot spell."""
    single = shared(apart(lowered(plan, language.spelled)))
    return shared(rebuilt(as_masks(single), language.rule))


def source(language: Scalars, *functions: Function) -> str:
    """A whole text: what is imported, the helpers that are called, and the functions."""
    calls = frozenset().union(*(f.calls for f in functions))
    parts = [*language.head(calls), *(language.decorated(f.text) for f in functions)]
    return "\n\n\n".join(part.rstrip() for part in parts) + "\n"


# --- whole functions ------------------------------------------------------------------------------------------------


def step(plan: Plan, language: Scalars, name: str = "step", arguments: Sequence[str] | None = None) -> Function:
    """A function of the plan's arguments that returns its results: single numbers, and arrays as rows of them.

    `arguments`: all of them in order, where some are not read by the plan; else "p" comes first.
    """
    order = _ordered(plan, arguments)
    plan = with_items_labelled(plan)
    written = ScalarWriter(plan, language, layout(plan, language, {}), order, taken=(name,))
    body = [*written.unpacked(order), *written.statements(0)]
    shown = [written.together(result.shape, map(written.text, elements(result))) for result in plan.results]
    body += returned(shown)
    return Function(_function(name, [written.name_of[a] for a in order], body), language.called(plan.nodes))


def train(
    plan: Plan,
    language: Scalars,
    walked: Iterable[str] = (),
    name: str = "train",
    arguments: Sequence[str] | None = None,
) -> Function:
    """A function that takes a step for each rate of `rates`, or for each row of the data in every one of them.

    `plan`: a result `new_X` is what stands in the place of the argument X after a step; other results are not computed.
    `walked`: the arguments of which the function is given many rows. It returns what the X have become, in the order
    of the results; they come first among its arguments, then the data, and `rates`.
    """
    new = {name: result for name, result in zip(plan.names, plan.results, strict=True) if name.startswith(NEW)}
    kept = early(Plan(tuple(new.values()), tuple(new), plan.labels), RATE)
    changed = {name.removeprefix(NEW): result for name, result in zip(kept.names, kept.results, strict=True)}
    walks = list(walked)
    data = [a for a in _ordered(kept, arguments) if a not in changed and a != RATE]
    order = [*changed, *data]
    kept = with_items_labelled(without_single_adjoints(kept, language))
    inner = 2 if walks else 1
    levels = {**dict.fromkeys(changed, inner), **dict.fromkeys(walks, inner), RATE: 1}
    taken = {*language.reserved, name, "rates", "i", *order}
    rows = {a: unused(f"{a}s", taken) for a in walks}
    lines = layout(kept, language, levels, inner)
    written = ScalarWriter(kept, language, lines, order, taken=(name, "rates", "i", *rows.values()))
    body = [*written.statements(inner), *written.moves(changed)] or ["pass"]
    if walks:
        head, first = _walk(written, walks, rows)
        body = [*written.statements(1), head, *indented([*first, *body])]
    text = [
        *written.unpacked([a for a in order if a not in walks]),
        *written.statements(0),
        f"for {written.name_of.get(RATE, '_')} in rates:",
        *indented(body),
        *returned([written.together(r.shape, written.items(a)) for a, r in changed.items()]),
    ]
    parameters = [rows.get(a) or written.name_of[a] for a in order]
    return Function(_function(name, [*parameters, "rates"], text), language.called(kept.nodes))


def _walk(written: ScalarWriter, walks: Sequence[str], rows: Mapping[str, str]) -> tuple[str, list[str]]:
    """The line of the loop over rows, and what stands first in it."""
    arrays = [rows[a] for a in walks]
    if not written.language.unpacks:
        picks = [pick for a in walks for pick in written.picks(a, f"{rows[a]}[i]")]
        return f"for i in range(len({arrays[0]})):", parallel(picks)
    patterns = {a: written.pattern(a) for a in walks}
    first = written.unpacked([a for a in walks if not patterns[a]])
    targets = [patterns[a] or written.name_of[a] for a in walks]
    if len(walks) == 1:
        return f"for {targets[0].removeprefix('(').removesuffix(')')} in {arrays[0]}:", first
    return f"for {', '.join(targets)} in zip({', '.join(arrays)}):", first


def _ordered(plan: Plan, arguments: Sequence[str] | None) -> list[str]:
    if arguments is not None:
        return list(arguments)
    return ["p", *(a for a in plan.arguments if a != "p")]


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    head = wrapped(f"def {name}(", ", ".join(parameters), "):")
    return "\n".join([*head, *indented(body)]) + "\n"
