"""Curves, a function beside its derivative, a decision boundary, a loss over two parameters: figures of matplotlib.

Every function returns a `Figure` of its own, made without pyplot: no window opens, no figure is kept anywhere, no
setting is changed. A notebook shows it; `figure.savefig("loss.png")` writes it. matplotlib is the extra `plot`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from microgradnet.errors import InputError
from microgradnet.module import Module
from microgradnet.plot.given import (
    answers_of,
    axis,
    kinds_of,
    limits,
    middle_of,
    named,
    number_of,
    runs_of,
    samples,
    whole,
    with_slope,
)  # fmt: skip
from microgradnet.value import Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["boundary", "curve", "function", "landscape"]

# Okabe and Ito's colours, which the colour-blind tell apart; classes and lines differ in shape as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")


def curve(
    losses: Any, *, labels: Sequence[str] | None = None, log: bool = False, title: str = "", ax: Axes | None = None
) -> Figure:
    """How a training went: loss over epochs.

    Args:
        losses: a `History` of `fit` (its validation losses are drawn too), a list of losses, one after each epoch, or
            a list of several of these, to be compared.
        labels: a name for each curve.
        log: whether the losses stand on a logarithmic scale.
        title: words above the picture.
        ax: axes to draw on, such as those of a figure of several pictures; without them a new figure is made.

    Raises:
        TypeError: `losses` is none of these.
        InputError: it holds no loss, `labels` are too few or too many, `log` for losses of which none is positive, or
            matplotlib is missing.

    >>> figure = curve([0.5, 0.25, 0.125])
    >>> figure.axes[0].lines[0].get_ydata()
    array([0.5  , 0.25 , 0.125])
    """
    runs = runs_of(losses)
    words = named([f"run {i}" for i in range(1, len(runs) + 1)], labels, "labels", "curve")
    if log and not any(y > 0 for run in runs for y in run[1]):
        raise InputError("curve: no loss is above 0, which a logarithmic scale needs; leave log=True out")
    figure, ax = _figure(title) if ax is None else (cast("Figure", ax.figure), ax)
    lines: list[Any] = []
    names: list[str] = []
    for i, (epochs, training, validation) in enumerate(runs):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)] if len(runs) > 1 else None
        lines += ax.plot(epochs, training, color=colour, marker=marker, markevery=0.1, markersize=5)
        told = len(runs) > 1 or labels is not None
        names.append(words[i] if told else "training")
        if validation:
            lines += ax.plot(
                epochs, validation, color=colour, linestyle="--", marker=marker, markevery=0.1, markersize=5
            )
            names.append(f"{words[i]}, validation" if told else "validation")
    if len(lines) > 1 or labels is not None:
        _legend(ax, lines, names)
    if log:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    return figure


def function(f: Callable[[Value], Any], lo: float, hi: float, *, points: int = 201, title: str = "") -> Figure:
    """A function of one Value from `lo` to `hi`, and its derivative below it, both as the library computes them.

    Where the function gives nan or an infinity the line has a gap. `points` is how many are computed.

    Raises:
        TypeError: `f` does not take a Value and return one.
        InputError: `lo` is not below `hi`, `points` is out of range, or matplotlib is missing.

    >>> from microgradnet import sigmoid
    >>> figure = function(sigmoid, -6, 6)
    >>> float(max(figure.axes[1].lines[0].get_ydata()))  # the derivative is largest at 0
    0.25
    """
    lo, hi = limits(lo, hi)
    points = whole("points", points, 2, 1_000_000)
    xs = [lo + (hi - lo) * (i / (points - 1)) for i in range(points)]
    ys, slopes = zip(*(with_slope(f, x) for x in xs), strict=True)
    figure, (above, below) = _figure(title, rows=2)
    name = getattr(f, "__name__", "f").replace("<lambda>", "f")
    for ax, numbers, label, colour in ((above, ys, f"{name}(x)", 0), (below, slopes, f"{name}'(x)", 1)):
        ax.plot(xs, [y if math.isfinite(y) else math.nan for y in numbers], color=COLOURS[colour])
        _say(ax.yaxis.label, label)
        ax.axhline(0.0, color="#9aa5b1", linewidth=0.8, zorder=0)
    below.set_xlabel("x")
    return figure


def boundary(
    model: Module | Callable[[list[list[float]]], Iterable[Any]],
    X: Any,
    y: Any,
    *,
    steps: int = 100,
    threshold: float | None = None,
    names: Sequence[str] = ("x1", "x2"),
    classes: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """The plane of two inputs, coloured by what a network answers, with the samples on it.

    A network of one output is drawn in shades of its answer, with a line where it says `threshold`: the boundary. One
    of several outputs is drawn by the largest of them. Samples have a colour and a marker by their class.

    Args:
        model: a Module of two inputs, or a function from rows to outputs (such as a compiled network).
        X: rows of two numbers. `y`: a class for each row, such as 0 and 1, or -1 and 1.
        steps: the network is asked at steps × steps places (100: 10,000).
        threshold: the answer at the boundary; None is the middle of the two classes, 0.5 for 0 and 1, 0 for -1 and 1.
        names: of the two inputs. `classes`: names for the classes, in the order of their numbers.
        title: words above the picture.

    Raises:
        TypeError: what is no number, no network.
        InputError: rows of another length, not as many classes as rows, nothing finite to draw, or no matplotlib.

    >>> from microgradnet.nn import MLP
    >>> model = MLP(2, [2, 1], "sigmoid", "sigmoid", seed=1)
    >>> figure = boundary(model, [[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1], steps=10)
    >>> [marks.get_offsets().tolist() for marks in figure.axes[0].collections[-2:]]
    [[[25.0, 6.0], [17.0, 4.0]], [[-2.0, -1.0], [-15.0, -6.0]]]
    """
    rows, found = samples(X, y)
    steps = whole("steps", steps, 2, 1000)
    if len(names) != 2:
        raise InputError(f"names has {len(names)} names; the two inputs need two")
    xs, ys = (axis([row[j] for row in rows], steps) for j in (0, 1))
    outputs = answers_of(model, [[a, b] for b in ys for a in xs])
    width = len(outputs[0])
    kinds = kinds_of(found, width if width > 1 else 0)
    words = named([f"{kind:g}" for kind in kinds], classes, "classes", "class")
    figure, ax = _figure(title)
    if width > 1:
        _shade_classes(ax, xs, ys, outputs)
    else:
        grid = [[answer for (answer,) in outputs[i : i + steps]] for i in range(0, len(outputs), steps)]
        _shade_answers(figure, ax, xs, ys, grid, middle_of(kinds) if threshold is None else threshold)
    marks = []
    for i, kind in enumerate(kinds):
        places = [row for row, own in zip(rows, found, strict=True) if own == kind]
        across, up = [row[0] for row in places], [row[1] for row in places]
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        marks.append(
            ax.scatter(across, up, color=colour, marker=marker, edgecolors="white", linewidths=0.9, s=52, zorder=3)
        )
    _legend(ax, marks, words)
    _say(ax.xaxis.label, names[0])
    _say(ax.yaxis.label, names[1])
    return figure


def landscape(
    loss: Callable[[], Any], first: Value, second: Value, *, reach: float = 2.0, steps: int = 40, title: str = ""
) -> Figure:
    """The loss over two parameters, all others staying as they are; a cross marks where they stand.

    `loss` computes it anew, as in `landscape(lambda: mse([model(x) for x in X], y), w1, w2)`. Each parameter goes from
    `reach` below to `reach` above its number, in `steps` steps, and has its number back afterwards.

    Raises:
        TypeError: a parameter is no Value, or `loss` returns none.
        InputError: a parameter was computed, `reach` or `steps` is out of range, nowhere is the loss finite, or
            matplotlib is missing.

    >>> w, b = Value(1.0, "w"), Value(0.0, "b")
    >>> figure = landscape(lambda: (w * 2 + b - 2) ** 2, w, b, steps=10)
    >>> figure.axes[0].get_xlabel(), w.data
    ('w', 1.0)
    """
    for parameter in (first, second):
        if not isinstance(parameter, Value):
            raise TypeError(f"landscape wants two Values to move, got {type(parameter).__name__} {parameter!r:.60}")
        if parameter.op is not None:
            raise InputError(f"landscape: {parameter.label or parameter!r} was computed; move the leaves it comes from")
    if first is second:
        raise InputError("landscape: the two parameters are the same one; give two")
    steps = whole("steps", steps, 2, 1000)
    at = first.data, second.data
    if not (math.isfinite(reach) and reach > 0 and all(map(math.isfinite, at))):
        raise InputError(f"landscape: reach is {reach!r} around {at}; both must be finite, and reach above 0")
    xs, ys = ([x - reach + 2 * reach * (i / (steps - 1)) for i in range(steps)] for x in at)
    grid = []
    try:
        for second.data in ys:
            row = []
            for first.data in xs:
                row.append(number_of(loss(), "landscape: the loss"))
            grid.append(row)
    finally:
        first.data, second.data = at
    numbers = _finite(grid)
    if numbers.count() == 0:
        raise InputError("landscape: the loss is finite nowhere here; take another reach")
    figure, ax = _figure(title)
    mesh = ax.pcolormesh(xs, ys, numbers, cmap="viridis", shading="nearest")
    ax.contour(xs, ys, numbers, levels=12, colors="white", linewidths=0.7)
    figure.colorbar(mesh, ax=ax, label="loss")
    ax.plot([at[0]], [at[1]], marker="x", markersize=11, markeredgewidth=2.5, color="#d55e00", linestyle="none")
    _say(ax.xaxis.label, first.label or "first")
    _say(ax.yaxis.label, second.label or "second")
    return figure


# --- figures ------------------------------------------------------------------------------------------------------


def _figure(title: str, rows: int = 1) -> tuple[Figure, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "plot needs matplotlib, which is not installed; install it by: pip install 'microgradnet[plot]'"
        ) from error
    shown = type("Figure", (Figure,), {"_repr_png_": _png})  # a notebook shows other figures only if pyplot made them
    figure = shown(figsize=(6.4, 4.4 if rows == 1 else 5.6), layout="constrained")
    axes = figure.subplots(rows, sharex=rows > 1)
    if title:
        _say(figure.suptitle(" "), title)
    return figure, axes


def _png(figure: Figure) -> bytes:
    from io import BytesIO

    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def _say(place: Any, words: str) -> None:
    """A user's words on a text of the figure as they are: a dollar begins no formula."""
    from microgradnet.display import visible

    place.set_parse_math(False)
    place.set_text(visible(words))


def _legend(ax: Axes, artists: Sequence[Any], names: Sequence[str]) -> None:
    legend = ax.legend(artists, ["."] * len(artists))  # a name that begins with _ would be left out
    for place, name in zip(legend.get_texts(), names, strict=True):
        _say(place, name)


def _finite(grid: list[list[float]]) -> Any:
    """The grid as an array in which what is nan or infinite is masked."""
    import numpy as np

    return np.ma.masked_invalid(np.array(grid, dtype=float))


def _shade_answers(
    figure: Figure, ax: Axes, xs: list[float], ys: list[float], grid: list[list[float]], middle: float
) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    numbers = _finite(grid)
    low, high = float(numbers.min()), float(numbers.max())
    most = max(abs(low - middle), abs(high - middle)) or 1.0
    colours = LinearSegmentedColormap.from_list("answers", [COLOURS[0], "#ffffff", COLOURS[1]])
    mesh = ax.pcolormesh(
        xs, ys, numbers, cmap=colours, vmin=middle - most, vmax=middle + most, shading="nearest", alpha=0.6,
        rasterized=True,
    )  # fmt: skip
    bar = figure.colorbar(mesh, ax=ax, label="answer")
    if low < middle < high:
        line = ax.contour(xs, ys, numbers, levels=[middle], colors="#111111", linewidths=2)
        bar.add_lines(line)


def _shade_classes(ax: Axes, xs: list[float], ys: list[float], outputs: list[list[float]]) -> None:
    """Each place in the colour of its largest output, with lines where a class's output equals the next largest."""
    import numpy as np
    from matplotlib.colors import ListedColormap

    n = len(outputs[0])
    answers = np.array(outputs).reshape(len(ys), len(xs), n)
    colours = ListedColormap([COLOURS[i % len(COLOURS)] for i in range(n)])
    ax.pcolormesh(
        xs, ys, answers.argmax(axis=2), cmap=colours, vmin=-0.5, vmax=n - 0.5, shading="nearest", alpha=0.35,
        rasterized=True,
    )  # fmt: skip
    for i in range(n):
        ahead = answers[:, :, i] - np.delete(answers, i, axis=2).max(axis=2)
        if ahead.min() < 0.0 < ahead.max():
            ax.contour(xs, ys, ahead, levels=[0.0], colors="#111111", linewidths=1.4)
