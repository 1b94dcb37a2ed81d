"""From a recording to a program that runs: which engine, the text, its functions, and the check against eager.

`build` makes the plan that the engine wants, writes it, runs it on the example data and holds loss and gradient against
the recorded graph's own. A plan of arrays that does not agree is given up for the plain scalar plan; if that differs
too, it is an error. So nothing is returned that was not seen to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from microgradnet.compiler.arrays import argument
from microgradnet.compiler.backprop import with_gradient
from microgradnet.compiler.batches import of_any_size
from microgradnet.compiler.passes import roll
from microgradnet.compiler.plan import Plan, Shape
from microgradnet.compiler.recording import Recording, record
from microgradnet.compiler.recording.arguments import argument_names, stretched
from microgradnet.compiler.running.agreeing import MANY, Seen, disagreement, examples
from microgradnet.compiler.running.backends import Code, Trainer, backend
from microgradnet.compiler.sizes import Dim
from microgradnet.compiler.straight import straight
from microgradnet.errors import InputError, RecordingError

if TYPE_CHECKING:
    from microgradnet.compiler.recording.parameters import Parameters

__all__ = ["ENGINES", "Built", "build"]

ENGINES = ("auto", "python", "numpy", "numba", "jax")
WORTH = 30
"""An array operation costs as much as so many scalar ones."""
ROWS = 32
"""From so many rows on, a program of any batch size is tried first: three small recordings cost no more than one."""
TINY = 60
"""So few scalar operations are not looked at as arrays at all."""
FEW = 30_000
"""Graphs of so many nodes are recorded once more, at other data."""
MOST_FOR_NUMBA = 5_000
"""So many scalar operations in one function are the most that numba compiles in some seconds."""
FREE = {"argument", "number", "table", "view", "expand"}
"""Operations of a plan that take no time of their own."""


@dataclass(frozen=True, eq=False)
class Built:
    """A program that was seen to agree with the eager engine: its code, and why it is this one."""

    recording: Recording
    code: Code
    why: str
    shapes: dict[str, Shape] | None = None
    """The shapes of the data where they depend on the batch."""
    seen: Seen | None = None
    """How many rows it was checked with, where they depend on the batch."""

    @property
    def parameters(self) -> Parameters:
        """The Values that it reads."""
        return self.recording.found

    def trainer(self, plan: Plan, by_row: bool) -> Trainer:
        """The loop of a step with an update, see `backends.Trainer`."""
        return Trainer(self.code, plan, by_row)


def build(
    loss: Callable[..., Any],
    parameters: Any,
    data: Sequence[Any],
    *,
    static: Sequence[str] = (),
    engine: str = "auto",
    batch: bool | None = None,
) -> Built:
    """The program for this loss; see `compile`.

    InputError for an unknown engine, and where no way of writing it agrees with the eager engine; ImportError, with
    what to install, for an engine that is not there.
    """
    if engine not in ENGINES:
        raise InputError(f"unknown engine {engine!r:.60}; take one of: {', '.join(ENGINES)}")
    if batch is not None and not isinstance(batch, bool):
        raise TypeError(f"batch must be True, False or None, got {type(batch).__name__} {batch!r:.60}")
    if batch and engine == "python":
        raise InputError('engine="python" spells out every number of one batch size; take "numpy", or batch=False')
    why_not = ""
    if batch or (batch is None and engine != "python" and _rows(data) >= ROWS):
        try:
            return _of_any_size(loss, parameters, data, static, engine)
        except (ImportError, RecordingError):
            raise
        except Exception as error:
            if batch:
                raise InputError(f"compile: no program for any batch size: {error}") from error
            why_not = f"; for this batch size only: {_told(error)}"
    recording = record(loss, parameters, data, static)
    example = examples(recording, loss, data)
    built = _agreeing(recording, [(recording, example)], _ways(recording, engine), why_not)
    if len(recording.graph) <= FEW:
        _require_data_are_read(built, loss, parameters, data, static)
    return built


def _require_data_are_read(
    built: Built, loss: Callable[..., Any], parameters: Any, data: Sequence[Any], static: Sequence[str]
) -> None:
    """InputError if the program is another one at other data: then the loss took numbers out of its data unseen."""
    names = argument_names(loss, len(data))
    others = [x if name in static else stretched(x) for name, x in zip(names, data, strict=True)]
    try:
        other = record(loss, parameters, others, static)
    except Exception:  # the loss refuses such data, or does something else with them
        return
    if any(a.shape != b.shape for a, b in zip(other.arguments, built.recording.arguments, strict=True)):
        return
    if wrong := disagreement(built.code, other, examples(other, loss, others)):
        raise InputError(
            f"the program is right at these data, and at others {wrong}: the loss takes numbers out of its data past "
            "the recording, by copy.deepcopy, by a text, from inside a Value; compute with what it is given itself"
        )


def _of_any_size(
    loss: Callable[..., Any], parameters: Any, data: Sequence[Any], static: Sequence[str], engine: str
) -> Built:
    """A program with sizes that depend on the batch, checked at a few rows, and at all where these are not too many."""
    found = of_any_size(loss, parameters, data, static, roll)
    arguments = argument_names(loss, len(data))
    names = [argument.name for argument in found.recording.arguments]
    shapes = {a.name: (Dim(1), *a.shape[1:]) if a.name in found.batched else a.shape for a in found.recording.arguments}
    checks = [(found.recording, examples(found.recording, loss, found.data))]

    def recorded(given: Sequence[Any]) -> tuple[Recording, list[Any]]:
        others = iter(given)
        whole = [x if name in static else next(others) for name, x in zip(arguments, data, strict=True)]
        recording = record(loss, parameters, whole, static)
        return recording, examples(recording, loss, whole)

    n = found.nodes_at(_rows(data))
    if n < MANY:
        checks.append(recorded([x for name, x in zip(arguments, data, strict=True) if name not in static]))
    seen = Seen(_rows(data) if n < MANY else found.rows, found.nodes_at, recorded)
    plan = _differentiated(found.plan, found.recording)
    statements = _statements(plan)
    language = "numpy" if engine == "auto" else engine
    became = (
        f"about {n:,} scalar operations became {statements:,} array operation{'s' * (statements != 1)}, "
        "for any batch size"
    )
    way = (lambda: Code(backend(language, False, _rows(data)), plan, names, "step"), became)
    try:
        return replace(_agreeing(found.recording, checks, [way], "", shapes), seen=seen)
    except InputError as error:
        raise InputError(
            "what is computed depends on the batch size in another way than by sizes that grow with it, as where every "
            f"other row is treated otherwise: at some sizes {error}"
        ) from error


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def _rows(data: Sequence[Any]) -> int:
    """How many rows the first data argument with any has."""
    return next((len(given) for given in data if hasattr(given, "__len__") and getattr(given, "shape", None) != ()), 0)


def _agreeing(
    recording: Recording,
    checks: Sequence[tuple[Recording, Sequence[Any]]],
    ways: Sequence[tuple[Callable[[], Code], str]],
    note: str,
    shapes: dict[str, Shape] | None = None,
) -> Built:
    """The first of these ways that agrees with the eager engine."""
    tried: list[str] = []
    for make, why in ways:
        try:
            code = make()
            wrong = next((w for of, example in checks if (w := disagreement(code, of, example))), "")
        except (ImportError, InputError):
            raise
        except Exception as error:
            if make is ways[-1][0]:
                raise
            tried.append(f"its array form could not be written ({_told(error)})")
            continue
        if not wrong:
            said = [f"{code.language}: {why}{note}", *tried, *filter(None, [recording.note])]
            return Built(recording, code, "; ".join(said), shapes)
        tried.append(f"its array form is not used, as there {wrong}")
    raise InputError(
        f"the program does not agree with the eager engine ({'; '.join(tried)}); this is a fault of the compiler, "
        "please report it with the loss"
    )


def _ways(recording: Recording, engine: str) -> list[tuple[Callable[[], Code], str]]:
    """How the program can be written for this engine, the best first, each with the reason in words."""
    n = sum(max(1, len(operands) - 1) for operands in recording.graph.operands if operands)
    scalar = _once(lambda: _differentiated(straight(recording), recording))
    guarded = _once(lambda: _differentiated(straight(recording), recording, finite=False))
    array = _once(lambda: _differentiated(roll(recording), recording))

    def code(language: str, plan: Plan, spelled_out: bool) -> Code:
        return Code(backend(language, spelled_out), plan, list(recording.shapes), "step")

    of_numbers = f"{n:,} scalar operation{'s' * (n != 1)}"
    language = engine if engine in ("numba", "jax") else "numpy"
    spelled = "numba" if engine == "numba" else "python"
    last: list[tuple[Callable[[], Code], str]] = []
    if engine in ("auto", "python", "numba") and not (engine == "numba" and n > MOST_FOR_NUMBA):
        last = [
            (lambda: code(spelled, scalar(), True), f"{of_numbers}, as plain numbers"),
            (lambda: code(spelled, guarded(), True), f"{of_numbers}, as plain numbers that may be infinite"),
        ]
    elif engine != "numba":
        last = [(lambda: code(language, scalar(), False), f"{of_numbers}, one by one")]
    if engine == "python" or (engine in ("auto", "numba") and n < TINY):
        fastest = f"only {of_numbers}, which {'is' if n == 1 else 'are'} fastest as plain numbers"
        return [(last[0][0], f"chosen; {of_numbers}" if engine == "python" else fastest), *last[1:]]
    try:
        statements = _statements(array())
    except Exception as error:
        if not last:
            raise InputError(f"{of_numbers} could not be put together to arrays, and are too many for numba") from error
        told = f"they could not be put together to arrays ({_told(error)})"
        return [(make, f"{why}; {told}") for make, why in last]
    became = f"{of_numbers} became {statements:,} array operation{'s' * (statements != 1)}"
    if engine in ("auto", "numba") and n < WORTH * statements and last:
        faster = f"{of_numbers}, which are faster as plain numbers than as {statements:,} array operations"
        return [(last[0][0], faster), *last[1:]]
    return [(lambda: code(language, array(), False), became), *last]


def _differentiated(plan: Plan, recording: Recording, finite: bool = True) -> Plan:
    """With the gradient, which is 0 where the loss reads no parameter. `finite`: see `with_gradient`."""
    return with_gradient(plan, plan.arguments.get("p", argument("p", (len(recording.parameters),))), finite=finite)


def _statements(plan: Plan) -> int:
    return sum(1 for node in plan.nodes if node.op not in FREE)


def _once(make: Callable[[], Plan]) -> Callable[[], Plan]:
    made: list[Plan] = []

    def known() -> Plan:
        if not made:
            made.append(make())
        return made[0]

    return known
