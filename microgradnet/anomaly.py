"""Where a nan or an infinity was born: `find_nan` looks for it in a graph, `detect_anomaly` stops at the very line.

A number that is not finite spreads to all that is computed from it, so the loss says nothing of its origin. Forward
that is the first operation whose result is not finite while its operands are; backward, where all numbers are finite,
the first edge over which something is sent that is not.

    >>> from microgradnet import Value, log
    >>> p = Value(0.0, "p")
    >>> loss = -log(p) * 2
    >>> print(find_nan(loss).sentence)
    log1 = log(p) is -inf, where p = 0
    >>> with detect_anomaly():
    ...     log(p)
    Traceback (most recent call last):
    microgradnet.errors.AnomalyError: log1 = log(p) is -inf, where p = 0: keep p above 0, as in log(p + 1e-12)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar, Token
from math import isfinite
from pathlib import Path
from threading import local
from types import FrameType, TracebackType
from typing import Any

from microgradnet.display import Shown, Table, digits
from microgradnet.errors import AnomalyError, InputError
from microgradnet.graph import Graph
from microgradnet.rules import RESULTS
from microgradnet.transforms import grad
from microgradnet.value import Value, node

__all__ = ["Anomaly", "detect_anomaly", "find_nan"]


class Anomaly(Shown):
    """Where the first number that is not finite was born, and its way to the end of the computation.

    direction: "forward" or "backward"
    operation: the operation, as `Value.op` has it; None for a leaf that holds nan or inf itself
    name:      the name of its result in the graph; `labels` are names
    operands:  pairs of name and number, in written order; the name of a constant is the number
    result:    the number that is not finite: the operation's result, or what is sent to `to`
    to:        backward: the operand to which it is sent
    partial:   backward: the local derivative of that operand
    upstream:  backward: the gradient of the operation's own result
    path:      names from there to the end
    sentence:  what happened
    advice:    what to do about it, where that is known, else ""
    """

    def __init__(
        self, graph: Graph, place: int, path: list[int], edge: tuple[int, float, float, float] | None = None
    ) -> None:
        names = graph.names
        self.direction = "backward" if edge else "forward"
        self.operation: str | None = graph.operations[place] or None
        self.name = names[place]
        self.operands: tuple[tuple[str, float], ...] = tuple(
            [(names[o], graph.data[o]) if o.__class__ is int else (digits(o, 6), o) for o in graph.operands[place]]
        )
        self.to: str | None = None
        self.partial: float | None = None
        self.upstream: float | None = None
        self.result: float = graph.data[place]
        if edge:
            to, self.partial, self.upstream, self.result = edge
            self.to = names[to]
        self.path = tuple([names[step] for step in path])
        self.sentence = _backward_sentence(graph, place, edge) if edge else _forward_sentence(graph, place)
        self.advice = _backward_advice(graph, place, edge) if edge else _forward_advice(graph, place)
        self._steps = [
            (names[step], _made_by(graph, step), digits(graph.data[step], 6)) for step in _shortened(path) if step >= 0
        ]
        self._left_out = len(path) - len(self._steps)

    def table(self) -> Table:
        """The way to the end, a row for each result, shortened in the middle."""
        rows = [list(step) for step in self._steps]
        if self._left_out:
            rows.insert(len(rows) // 2, [f"… {self._left_out:,} more", "", ""])
        return Table(
            ["on the way", "is", "data"],
            rows,
            align="llr",
            title=self.sentence[:1].upper() + self.sentence[1:] if self.direction == "backward" else self.sentence,
            styles=["bad", *[None] * (len(rows) - 1)],
            notes=[f"What to do: {self.advice}."] if self.advice else [],
        )

    def data(self) -> Any:
        """The attributes, as plain data."""
        return {
            "direction": self.direction,
            "operation": None if self.operation is None else str(self.operation),
            "name": self.name,
            "operands": [{"name": name, "data": number} for name, number in self.operands],
            "result": self.result,
            "to": self.to,
            "partial": self.partial,
            "upstream": self.upstream,
            "path": list(self.path),
            "sentence": self.sentence,
            "advice": self.advice,
        }


def find_nan(value: Value, names: Iterable[tuple[str, Value]] = ()) -> Anomaly | None:
    """Where the first nan or inf that reaches `value`, or its gradients, was born; None if all of them are finite.

    Forward first: the first operation of which `value` was made whose result is not finite while its operands are, or a
    leaf that holds nan or inf itself. If `value` is finite, backward: the first edge over which the derivative of
    `value` sends a nan or an inf, though what came to it was finite. What does no harm is no anomaly: an infinity in
    the branch that `where` did not take, or in 1 / inf.

    `names`: names for leaves beside their labels, as `model.named_parameters()` gives them. `.grad` is not touched.

    Raises TypeError for anything but a Value; StaleGraphError where data changed since, so that nothing can be said.

    >>> x = Value(0.0, "x")
    >>> find_nan((x * x) ** 0.5)
    The gradient of mul1 is inf: pow_const1 = mul1 ** 0.5 has the local derivative
    inf where mul1 = 0
    on the way  is           data
    mul1        x * x           0
    pow_const1  mul1 ** 0.5     0
    What to do: a root has no derivative at 0; add a small number under it, as in
    sqrt(mul1 + 1e-12).
    >>> print(find_nan(x * x))
    None
    """
    if not isinstance(value, Value):
        raise TypeError(f"find_nan wants a Value, such as the loss, got {type(value).__name__}")
    graph = Graph(value, names)
    return _forward(graph) or _backward(graph, 1.0)


# --- looking for it ---------------------------------------------------------------------------------------------


def _forward(graph: Graph) -> Anomaly | None:
    """The first origin from which numbers that are not finite lead to the root."""
    root = len(graph) - 1
    if isfinite(graph.data[root]):
        return None
    readers: dict[int, int] = {root: -1}  # whence each was reached
    origins, level = [], [root]
    while level:
        below = []
        for place in level:
            sources = _sources(graph, place)
            if not sources:
                origins.append(place)
            for source in sources:
                if source not in readers:
                    readers[source] = place
                    below.append(source)
        level = below
    first = min(origins)
    op, operands = graph.operations[first], graph.operands[first]
    if op and isfinite(RESULTS[op](*[graph.data[o] if o.__class__ is int else o for o in operands])):
        graph.require_fresh()
    return Anomaly(graph, first, list(_followed(readers, first)))


def _sources(graph: Graph, place: int) -> list[int]:
    """The operands that are not finite; of a selection only the selected ones, if they are."""
    found = [
        (o, partial)
        for o, partial in zip(graph.operands[place], _partials(graph, place), strict=True)
        if o.__class__ is int and not isfinite(graph.data[o])
    ]
    return [o for o, partial in found if partial is not None] or [o for o, _ in found]


def _backward(graph: Graph, seed: float) -> Anomaly | None:
    """The first edge over which the root's derivatives become nan or inf, from the root down."""
    adjoints: list[float | None] = [None] * len(graph)
    adjoints[-1] = seed
    if not isfinite(seed):
        return None
    for place in range(len(graph) - 1, -1, -1):
        upstream = adjoints[place]
        if upstream is None:
            continue
        for o, partial in zip(graph.operands[place], _partials(graph, place), strict=True):
            if partial is not None:
                so_far = adjoints[o]
                total = partial * upstream if so_far is None else so_far + partial * upstream
                if not isfinite(total):
                    return Anomaly(graph, place, [o, *_way_up(graph, place)], (o, partial, upstream, total))
                adjoints[o] = total
    return None


def _partials(graph: Graph, place: int) -> tuple[float | None, ...]:
    """The local derivatives of the forward pass that ran; none of a comparison."""
    there = graph.nodes[place]
    return there.partials if there.__class__ is Value else (None,) * len(graph.operands[place])


def _way_up(graph: Graph, place: int) -> Iterator[int]:
    """The shortest way over which derivatives come from the root to a place, from there up."""
    readers, level = {len(graph) - 1: -1}, [len(graph) - 1]
    while place not in readers:
        below = []
        for reader in level:
            for o, partial in zip(graph.operands[reader], _partials(graph, reader), strict=True):
                if partial is not None and o not in readers:
                    readers[o] = reader
                    below.append(o)
        level = below
    return _followed(readers, place)


def _followed(readers: dict[int, int], place: int) -> Iterator[int]:
    while place >= 0:
        yield place
        place = readers[place]


# --- saying it --------------------------------------------------------------------------------------------------

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "pow_const": "**", "rpow_const": "**"}
_SHOWN = 4  # operands, and rows at either end of a way


def _shortened(path: list[int]) -> list[int]:
    return path if len(path) <= 2 * _SHOWN + 1 else path[:_SHOWN] + path[-_SHOWN:]


def _name(graph: Graph, o: Any) -> str:
    return graph.names[o] if o.__class__ is int else digits(o, 6)


def _made_by(graph: Graph, place: int) -> str:
    op, operands = graph.operations[place], graph.operands[place]
    if not op:
        return "leaf"
    shown = [_name(graph, o) for o in operands]
    if op == "neg":
        return f"-{shown[0]}"
    if op in _INFIX:
        return f"{shown[0]} {_INFIX[op]} {shown[1]}"
    if len(shown) > 2 * _SHOWN:
        shown[_SHOWN:-_SHOWN] = ["…"]
    return f"{op}({', '.join(shown)})"


def _numbers(graph: Graph, place: int) -> str:
    """`a = 1, b = 0`: the operands that have a name, each once."""
    nodes = list(dict.fromkeys(o for o in graph.operands[place] if o.__class__ is int))
    shown = [f"{graph.names[o]} = {digits(graph.data[o], 6)}" for o in nodes[: 2 * _SHOWN]]
    return ", ".join(shown + ["…"] * (len(nodes) > 2 * _SHOWN))


def _forward_sentence(graph: Graph, place: int) -> str:
    name, result = graph.names[place], digits(graph.data[place], 6)
    if not graph.operations[place]:
        return f"{name} is {result}: a leaf, so that it came from outside"
    return f"{name} = {_made_by(graph, place)} is {result}, where {_numbers(graph, place)}"


def _backward_sentence(graph: Graph, place: int, edge: tuple[int, float, float, float]) -> str:
    to, partial, upstream, result = edge
    there = f"{graph.names[place]} = {_made_by(graph, place)}"
    if isfinite(partial):
        why = f"{there} sends {digits(partial, 6)} · {digits(upstream, 6)}, and their product or sum is too large"
    else:
        zero = ", times its own gradient 0," if upstream == 0.0 else ""
        why = f"{there} has the local derivative {digits(partial, 6)}{zero} where {_numbers(graph, place)}"
    return f"the gradient of {graph.names[to]} is {digits(result, 6)}: {why}"


def _forward_advice(graph: Graph, place: int) -> str:
    op = graph.operations[place]
    operands = graph.operands[place]
    if not op:
        return "look at where its number comes from: the data, or a step of training before this"
    if any(o.__class__ is float and not isfinite(o) for o in operands):
        return "a constant in it is not finite itself"
    x = [graph.data[o] if o.__class__ is int else o for o in operands]
    shown = [_name(graph, o) for o in operands]
    if op in ("log", "log2", "log10"):
        return _about_log(graph, op, operands[0], x[0])
    if op == "log1p":
        return "log1p is defined above -1 only"
    if op == "exp":
        return _about_exp(graph, place)
    if op == "div" and x[1] == 0.0:
        return f"the denominator {shown[1]} is 0; add a small number to it, or divide where it is not 0 only"
    if op in ("pow", "pow_const") and x[0] == 0.0:
        return "0 to a negative power is a division by 0; add a small number to the base"
    if op in ("pow", "pow_const") and x[0] < 0.0 and not x[1].is_integer():
        return "a negative number has no fractional power; take abs(…) or clip(…, 0, …) of the base"
    if op == "sqrt":
        return f"a negative number has no root; take sqrt(clip({shown[0]}, 0, …)), or look for the lost digits above it"
    if op in ("asin", "acos", "atanh"):
        return f"{op} is defined from -1 to 1; clip its operand"
    if op == "acosh":
        return "acosh is defined from 1 up; clip its operand"
    if graph.data[place] != graph.data[place]:
        return ""
    return "the numbers grew too large: a smaller learning rate, or inputs scaled to about 1"


def _about_log(graph: Graph, op: str, operand: Any, x: float) -> str:
    """What to write in place of the logarithm of a number that came out as 0 (or below)."""
    if x < 0.0:
        return f"{op} is defined above 0 only"
    if operand.__class__ is int:
        before, within = graph.operations[operand], graph.operands[operand]
        if before == "sigmoid":
            return f"for log(sigmoid(z)) write -softplus(-z), which is exact, with z = {_name(graph, within[0])}"
        if before == "softmax":
            return "for the log of a softmax write x_i - logsumexp(x), which is exact"
        one, inner = within if before == "sub" else (None, None)
        if one.__class__ is float and one == 1.0 and graph.operations[inner] == "sigmoid":
            z = _name(graph, graph.operands[inner][0])
            return f"for log(1 - sigmoid(z)) write -softplus(z), which is exact, with z = {z}"
    return f"keep {_name(graph, operand)} above 0, as in {op}({_name(graph, operand)} + 1e-12)"


def _about_exp(graph: Graph, place: int) -> str:
    """What to write in place of an exponential that overflows, by what is done with it."""
    readers: dict[int, list[int]] = {}
    for reader, operands in enumerate(graph.operands):
        for o in operands:
            if o.__class__ is int:
                readers.setdefault(o, []).append(reader)

    def then(o: int) -> set[str]:
        return {graph.operations[reader] for reader in readers.get(o, ())}

    (x,) = graph.operands[place]
    minus = graph.operations[x] == "neg"
    z = _name(graph, graph.operands[x][0] if minus else x)
    same = [twin for twin in readers[x] if graph.operations[twin] == "exp"]  # written again where it is used again
    for total in (reader for twin in same for reader in readers.get(twin, ())):
        if graph.operations[total] not in ("add", "sum"):
            continue
        beside_one = any(o.__class__ is float and o == 1.0 for o in graph.operands[total])
        if beside_one and then(total) & {"div", "pow_const"}:
            return f"write sigmoid({z}), which never overflows, for {'1 / (1 + exp(-z))' if minus else 'e / (1 + e)'}"
        if beside_one and "log" in then(total):
            return f"write softplus({'-' * minus}{z}), which never overflows, for log(1 + exp(…))"
        if not beside_one and "log" in then(total):
            return "write logsumexp([…]), which never overflows, for log(exp(…) + exp(…) + …)"
        if not beside_one and "div" in then(total):
            return "write softmax([…]), which never overflows, for exp(…) / (exp(…) + exp(…) + …)"
    return "exp overflows above 709.78; sigmoid, softplus, logsumexp and softmax do not, if it stands for one of them"


def _backward_advice(graph: Graph, place: int, edge: tuple[int, float, float, float]) -> str:
    partial = edge[1]
    op, operands = graph.operations[place], graph.operands[place]
    x = [graph.data[o] if o.__class__ is int else o for o in operands]
    if isfinite(partial):
        return "the gradients grew too large: scale the inputs, or clip the numbers before this"
    if op in ("sqrt", "pow", "pow_const") and x[0] == 0.0:
        under = _name(graph, operands[0])
        return f"a root has no derivative at 0; add a small number under it, as in sqrt({under} + 1e-12)"
    if op == "exp":
        return _about_exp(graph, place)
    if op in ("asin", "acos", "atanh", "acosh"):
        return f"{op} is vertical at the end of its domain; keep its operand within it"
    if op in ("div", "log", "log2", "log10", "log1p"):
        return f"an operand of {op} is too near to 0; add a small number to it"
    return ""


# --- the with block ---------------------------------------------------------------------------------------------

_on: ContextVar[bool] = ContextVar("detect_anomaly", default=False)  # of this task
_thread = local()  # .hooked: the times that the hook of this thread was taken, one within another

_NODE, _BACKWARD, _REVERSE = node.__code__, Value.backward.__code__, Graph.reverse.__code__
_METHODS, _TRANSFORMS = Value.exp.__code__.co_filename, grad.__code__.co_filename
_PACKAGE = str(Path(__file__).parent)


def detect_anomaly() -> _Detection:
    """A `with` block in which an AnomalyError is raised where a nan or an infinity is born.

    At the very line where an operation makes a Value that is not finite of operands that are (also where nothing comes
    of it, as in the branch that `where` does not take), or that calls `backward()` or `grad(f)(…)`, when a gradient
    becomes nan or inf; then `.grad` has been filled.

    It uses Python's profile hook, so it costs nothing outside of the block, and in it much time. Other threads and
    other asyncio tasks are not watched. Blocks can be nested. If the error is caught inside of the block, the rest of
    the block is not watched. InputError where cProfile holds the hook.

    >>> z = Value(-1000.0, "z")
    >>> with detect_anomaly():
    ...     f = 1 / (1 + (-z).exp())
    Traceback (most recent call last):
    microgradnet.errors.AnomalyError: exp1 = exp(neg1) is inf, where neg1 = 1000: exp overflows above 709.78; ...
    """
    return _Detection()


class _Hooked:
    """One time that Python's profile hook was taken: what was `before`, and how many `blocks` are open since."""

    __slots__ = ("before", "blocks")

    def __init__(self, before: Any) -> None:
        self.before, self.blocks = before, 0


class _Detection:
    """What `detect_anomaly` gives to `with`."""

    __slots__ = ("_hooked", "_token")
    _hooked: _Hooked
    _token: Token[bool]

    def __enter__(self) -> None:
        before = sys.getprofile()
        if before is not None and not callable(before):
            raise InputError("detect_anomaly needs Python's profile hook, which cProfile holds; run it without")
        if before is not _watch:
            _thread.__dict__.setdefault("hooked", []).append(_Hooked(before))
        self._hooked = _thread.hooked[-1]
        self._hooked.blocks += 1
        self._token = _on.set(True)
        sys.setprofile(_watch)

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._hooked.blocks -= 1
        if self._hooked.blocks:
            sys.setprofile(_watch)  # an error that was raised in it has taken it away
        else:
            sys.setprofile(self._hooked.before)
            _thread.hooked.remove(self._hooked)
        _on.reset(self._token)
        if isinstance(error, AnomalyError):
            error.__traceback__ = _of_the_user(traceback)


def _watch(frame: FrameType, event: str, result: Any) -> None:
    """Called by Python at every call and return of this thread."""
    before = _thread.hooked[-1].before
    if before is not None:
        before(frame, event, result)
    if event != "return" or not _on.get():
        return
    code = frame.f_code
    anomaly = None
    if result.__class__ is Value:
        if not isfinite(result.data) and (code is _NODE or code.co_filename == _METHODS) and _is_born(result):
            anomaly = _forward(Graph(result))
    elif code is _BACKWARD:
        there = frame.f_locals
        anomaly = _backward(Graph(there["self"]), there["seed"]) if "seed" in there else None
    elif code is _REVERSE and _asked_by_transforms(frame) and any(map(_is_bad_float, result or ())):
        anomaly = _backward(frame.f_locals["self"], 1.0)
    if anomaly is not None:
        raise AnomalyError(": ".join(filter(None, (anomaly.sentence, anomaly.advice))), anomaly)


def _is_born(value: Value) -> bool:
    return all(o.__class__ is float or isfinite(o.data) for o in value.operands)


def _is_bad_float(x: Any) -> bool:
    return x.__class__ is float and not isfinite(x)


def _asked_by_transforms(frame: FrameType) -> bool:
    return frame.f_back is not None and frame.f_back.f_code.co_filename == _TRANSFORMS


def _of_the_user(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without what lies in this package."""
    kept = []
    step = traceback
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not (file.startswith((_PACKAGE, "<microgradnet"))):
            kept.append(step)
        step = step.tb_next
    shortened = None
    for step in reversed(kept):
        shortened = TracebackType(shortened, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return shortened
