"""`compare`: derivatives by autograd, by hand, by finite differences, by PyTorch and JAX side by side, with verdicts.

Where a derivative by hand differs, it is asked at several points why: the sign, a factor, a path, another variable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from microgradnet.comparison.bounds import moved, noise, tied, tolerances, up_to
from microgradnet.comparison.by_hand import Answer, Asked, ByHand
from microgradnet.comparison.comparisons import Comparison, Line
from microgradnet.comparison.evidence import evidence, nearby_points
from microgradnet.comparison.libraries import LIBRARIES, derivatives
from microgradnet.comparison.verdicts import SHARP, Opinion, Verdict, by_differences, in_a_tie, judge
from microgradnet.errors import InputError
from microgradnet.graph import Graph
from microgradnet.value import Value, number

if TYPE_CHECKING:
    pass

__all__ = ["compare"]

MOST_WORK = 50_000_000
"""Derivatives times nodes: each derivative replays the graph a few times. So many take about a minute."""

MOST_CAUSES = 20
"""So many differences are asked why; those after them have most likely the same cause."""


def compare(
    value: Value,
    by_hand: Mapping[Any, Any] | Callable[..., Mapping[Any, Any]] | None = None,
    *,
    sources: Iterable[str] = ("finite",),
    steps: float | Mapping[str, float] | None = None,
    significant: int | None = None,
    points: int = 7,
    seed: int = 0,
) -> Comparison:
    """Compare the derivatives of `value` by autograd with those derived by hand, and with other sources.

    Args:
        value: what is differentiated, such as the loss. Its `.grad`s are neither read nor written.
        by_hand: a dict of derivatives of `value`, by label or by Value; results on the way (h1, ypred) may be among
            them. Each is a number or a function of numbers in the graph, whose parameters are named as these are
            labelled: `{"w1": lambda x1, h1, ypred: …}`. Or one function of such parameters that returns the dict.
            A function is called with Values, so that its own computation can be looked into, and with floats where
            it refuses these; it is asked at several points, so that the cause of a difference is no coincidence.
            Factors are given by names such as "dypred_dh1", "d_L_d_ypred", "∂h1/∂w1": the derivative of one node by
            another, each checked by itself (see `naming`).
            Without `by_hand` all labelled leaves (all leaves, if none has a label) are held against the sources.
        sources: further opinions beside autograd's: "finite" (differences), "torch", "jax" (in float64).
        steps: how far finite differences move a parameter to either side: one width for all, or a dict by label.
            Without it a width is chosen for each, and extrapolated to 0 where that is more exact.
        significant: how many significant digits the numbers by hand were rounded to; agreement to these is enough.
            Without it they must agree to what rounding in the sixteenth digit explains.
        points: at how many points (the given one, and others near it) a function by hand is asked for the cause.
        seed: of the generator that chooses these points.

    Raises:
        TypeError: `value` is no Value, or a number by hand is no number (a Value's derivative is in its `.grad`).
        InputError: a name that is not in the graph, or is the label of several nodes; a derivative given twice; an
            unknown source, or one that is not installed.
        StaleGraphError: data were changed after `value` was computed.

    >>> from microgradnet import Value, compare, name
    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> loss = (w * x - 1) ** 2
    >>> name(loss=loss)
    >>> compare(loss, by_hand=lambda w, x: {"w": 2 * (w * x - 1) * x, "x": -2 * (w * x - 1) * w})
    parameter  autograd  by hand  finite diff.  verdict
    ∂loss/∂w         20       20            20  equal to the last bit
    ∂loss/∂x         30      -30            30  differs: -1 × autograd
    ∂loss/∂x: the sign is wrong (holds at 7 of 7 points...).
    Autograd and by hand disagree on 1 of 2: x.
    """
    if not isinstance(value, Value):
        raise TypeError(f"compare wants one Value, such as the loss, got {type(value).__name__}")
    if significant is not None and not 1 <= significant <= 17:
        raise InputError(f"significant is {significant!r}; it must be a number of digits from 1 to 17")
    if not isinstance(points, int) or points < 1:
        raise InputError(f"points is {points!r}; it must be a whole number, 1 or more")
    named_sources = _known_sources(sources)
    graph = Graph(value)
    graph.require_fresh()
    hand = ByHand(graph, by_hand) if by_hand is not None else None
    root = len(graph) - 1
    asked = hand.asked if hand is not None else [Asked(root, leaf, leaf, False) for leaf in _leaves(graph)]
    if "finite" in named_sources and len(asked) * len(graph) > MOST_WORK:
        raise InputError(
            f"{len(asked)} derivatives in a graph of {len(graph)} nodes are too many for finite differences; "
            "name those to be compared, by_hand={label: number}, or leave them out: sources=()"
        )
    if not (hand is not None or named_sources):
        raise InputError("there is nothing to compare with: give by_hand, or sources such as ('finite',)")
    widths = _widths(graph, steps, asked)
    answers = hand.answers(graph) if hand is not None else {}
    pairs = [(one.of, one.by) for one in asked]
    libraries = {s: derivatives(s, graph, pairs) for s in named_sources if s in LIBRARIES and asked}
    lines = []
    parts = {of: _Part(up_to(graph, of)) for of in dict.fromkeys(of for of, _ in pairs)}
    for one in asked:
        part, others = parts[one.of], {s: found[one.of, one.by] for s, found in libraries.items()}
        opinion = part.differences(one.by, widths.get(one.by)) if "finite" in named_sources else None
        lines.append(_line(graph.names[one.by], part, one, answers.get(one.key), opinion, others, significant))
    if hand is not None:
        _explain(lines, asked, hand, graph, points, seed)
    return Comparison(graph.names[-1], lines, named_sources)


class _Part:
    """The graph up to a node A: derivatives of A by all before it, and what is needed to judge them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.gradient = [0.0 if a is None else a for a in graph.reverse(graph.partials, 1.0)]
        self.bounds = tolerances(graph, self.gradient)
        self.noise = noise(graph)

    def derivative(self, by: int) -> tuple[float, float]:
        """∂A/∂B and its bound; 0 where B comes later, so that A cannot depend on it."""
        return (self.gradient[by], self.bounds[by]) if by < len(self.graph) else (0.0, 0.0)

    def differences(self, by: int, width: float | None) -> Opinion:
        """The finite difference, held against autograd."""
        if by >= len(self.graph):
            return Opinion(0.0, 0.0, True, "equal", "equal")
        autograd, bound = self.derivative(by)
        x = float(self.graph.data[by])
        scale = abs(float(self.graph.data[-1])) / max(1.0, abs(x))
        return by_differences(
            partial(_root_at, self.graph, by), x, autograd,
            bound=bound, noise=self.noise, scale=scale if math.isfinite(scale) else 0.0, step=width,
            again=partial(_slope_at, self.graph, by), tie=partial(tied, self.graph, by),
        )  # fmt: skip


def _line(
    name: str,
    part: _Part,
    asked: Asked,
    answer: Answer | None,
    opinion: Opinion | None,
    others: Mapping[str, float],
    significant: int | None,
) -> Line:
    autograd, bound = part.derivative(asked.by)
    confirms = {source: _confirms(part, asked.by, x) for source, x in others.items()}
    if answer is not None:
        verdict = judge(autograd, answer.number, bound, significant)
    else:
        verdict = _without_hand(part, asked.by, opinion, others, confirms)
    return Line(
        name=name,
        autograd=autograd,
        by_hand=answer.number if answer is not None else None,
        finite_difference=opinion.value if opinion is not None else math.nan,
        finite_agrees=opinion.agrees if opinion is not None else None,
        bound=bound,
        agrees=verdict.agrees,
        verdict=verdict.words,
        of=part.graph.names[-1],
        ulps=verdict.ulps,
        relative=verdict.relative,
        finite_error=opinion.error if opinion is not None else math.inf,
        libraries=others,
        libraries_agree=confirms,
        cause=None,
        kind=verdict.kind,
    )


def _without_hand(
    part: _Part, by: int, opinion: Opinion | None, others: Mapping[str, float], confirms: Mapping[str, bool | None]
) -> Verdict:
    """Autograd beside the other sources: it agrees if none of them differs and one agrees."""
    autograd, bound = part.derivative(by)
    doubts = [source for source, agrees in confirms.items() if agrees is False]
    if doubts:
        return judge(autograd, others[doubts[0]], bound, other=LIBRARIES[doubts[0]].title)._replace(agrees=False)
    if opinion is not None and (opinion.agrees is not None or True not in confirms.values()):
        verdict = judge(autograd, opinion.value, math.inf)
        return verdict._replace(agrees=opinion.agrees, kind=opinion.kind, words=opinion.words)
    source = next((s for s, agrees in confirms.items() if agrees), None)
    if source is None or math.isnan(autograd):
        verdict = judge(autograd, next(iter(others.values())), bound)
        tie = tied(part.graph, by)
        if tie is None:
            return verdict._replace(agrees=None)
        return verdict._replace(agrees=None, kind="tie", words=in_a_tie(tie))
    return judge(autograd, others[source], max(bound, SHARP * abs(autograd)))


def _confirms(part: _Part, by: int, x: float) -> bool | None:
    """Whether a library's derivative is autograd's; None where they differ at a tie: that is a matter of convention."""
    autograd, bound = part.derivative(by)
    if (
        x == autograd
        or abs(x - autograd) <= max(bound, 1e-9 * abs(autograd))
        or (math.isnan(x) and math.isnan(autograd))
    ):
        return True
    return None if by < len(part.graph) and tied(part.graph, by) else False


def _explain(lines: list[Line], asked: list[Asked], hand: ByHand, graph: Graph, points: int, seed: int) -> None:
    """Ask why derivatives by hand differ, and write it into their lines."""
    wrong = [i for i, line in enumerate(lines) if line.agrees is False and line.kind == "differs"]
    wrong = [i for i in wrong if not math.isnan(lines[i].relative)][:MOST_CAUSES]
    if not wrong:
        return
    from microgradnet.causes import diagnose

    looked_at = nearby_points(graph, hand, points, seed)
    for i in wrong:
        cause = diagnose(evidence(asked[i], looked_at)).cause
        lines[i] = lines[i]._replace(cause=cause)


# --- what is compared, and with what --------------------------------------------------------------------------------


def _leaves(graph: Graph) -> list[int]:
    leaves = [place for place, op in enumerate(graph.operations) if not op]
    return [place for place in leaves if graph.labels[place]] or leaves


def _known_sources(sources: Iterable[str]) -> tuple[str, ...]:
    if isinstance(sources, str):
        sources = (sources,)
    found = tuple(dict.fromkeys(sources))
    unknown = [source for source in found if source not in ("finite", *LIBRARIES)]
    if unknown:
        raise InputError(f"sources: {unknown[0]!r:.40} is not a source; choose from 'finite', 'torch' and 'jax'")
    return found


def _widths(graph: Graph, steps: float | Mapping[str, float] | None, asked: list[Asked]) -> dict[int, float]:
    """The widths of finite differences by place, where they are given."""
    if steps is None:
        return {}
    if isinstance(steps, Mapping):
        return {graph.number(key): _width(x, f"steps[{key!s:.40}]") for key, x in steps.items()}
    return dict.fromkeys((one.by for one in asked), _width(steps, "steps"))


def _width(given: Any, where: str) -> float:
    width = number(given)
    if width is NotImplemented:
        raise TypeError(f"{where} wants a number, got {type(given).__name__} {given!r:.40}")
    if not 0 < width < math.inf:
        raise InputError(f"{where} is {given!r:.40}; the step of a finite difference is a positive number")
    return float(width)


def _root_at(graph: Graph, place: int, x: float) -> float:
    """The root's value if the node at `place` had the value x, whatever it was made of."""
    return float(graph.evaluate({place: x})[-1])


def _slope_at(graph: Graph, place: int, x: float) -> float:
    """Autograd's derivative of the root by the node at `place`, if that had the value x."""
    other = moved(graph, {place: x})
    return other.reverse(other.partials, 1.0)[place] or 0.0
