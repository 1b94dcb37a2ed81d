"""Figures: what stands in them is what the networks and functions give; nothing outside of them changes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from microgradnet import Value, fit, log, losses, plot, relu, sigmoid
from microgradnet.errors import InputError
from microgradnet.nn import MLP, Neuron
from microgradnet.training import History

np = pytest.importorskip("numpy", reason="NumPy is not installed")
pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")

X, Y = [[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1]


def article() -> MLP:
    return MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=6)


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


# --- curves -------------------------------------------------------------------------------------------------------


def test_the_curve_of_a_training() -> None:
    history = fit(article(), X, Y, epochs=30, every=5, validation=0.25, seed=1, progress=False)
    figure = plot.curve(history, title="loss")
    training, validation = figure.axes[0].lines
    assert training.get_xdata().tolist() == validation.get_xdata().tolist() == history.epochs
    assert training.get_ydata().tolist() == history.losses
    assert validation.get_ydata().tolist() == history.validation_losses
    assert legend(figure) == ["training", "validation"]
    assert training.get_linestyle() != validation.get_linestyle()


def test_curves_to_compare() -> None:
    figure = plot.curve([[3, 2, 1], History(epochs=[0, 10], losses=[4.0, 0.5])], labels=["slow", "_fast $x$"], log=True)
    slow, fast = figure.axes[0].lines
    assert (slow.get_xdata().tolist(), slow.get_ydata().tolist()) == ([0, 1, 2], [3, 2, 1])
    assert (fast.get_xdata().tolist(), fast.get_ydata().tolist()) == ([0, 10], [4.0, 0.5])
    assert legend(figure) == ["slow", "_fast $x$"]
    assert slow.get_marker() != fast.get_marker()
    assert figure.axes[0].get_yscale() == "log"


def test_a_curve_on_axes_of_ones_own() -> None:
    from matplotlib.figure import Figure

    own = Figure()
    left, right = own.subplots(1, 2)
    assert plot.curve([1.0, 2.0], ax=right) is own
    assert [len(ax.lines) for ax in (left, right)] == [0, 1]


@pytest.mark.parametrize(
    ("given", "options", "kind", "said"),
    [
        ([], {}, InputError, "no loss to draw"), (History(), {}, InputError, "no loss to draw"),
        ([[1.0], []], {}, InputError, "no loss to draw"), ("abc", {}, TypeError, "History, or a list of losses"),
        (3, {}, TypeError, "History, or a list of losses"), (["a"], {}, TypeError, "loss 0 must be a number"),
        ([1.0], {"labels": ["a", "b"]}, InputError, "labels must hold a name for each curve, 1 in all"),
        ([0.0, -1.0], {"log": True}, InputError, "no loss is above 0"),
    ],
)  # fmt: skip
def test_curves_that_cannot_be(given: Any, options: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        plot.curve(given, **options)


# --- functions ----------------------------------------------------------------------------------------------------


def test_a_function_and_its_derivative() -> None:
    figure = plot.function(sigmoid, -6, 6, points=13)
    above, below = figure.axes
    xs = above.lines[0].get_xdata()
    assert xs == pytest.approx(np.arange(-6.0, 7.0))
    assert above.lines[0].get_ydata() == pytest.approx(1 / (1 + np.exp(-xs)))
    assert below.lines[0].get_ydata() == pytest.approx(np.exp(-xs) / (1 + np.exp(-xs)) ** 2)
    assert (above.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("sigmoid(x)", "sigmoid'(x)", "x")


def test_where_a_function_is_not_the_line_has_a_gap() -> None:
    ys = plot.function(log, -1, 1, points=5).axes[0].lines[0].get_ydata()
    assert [math.isfinite(y) for y in ys] == [False, False, False, True, True]
    ys = plot.function(lambda x: 1 / x, -1, 1, points=3).axes[1].lines[0].get_ydata()
    assert [math.isfinite(y) for y in ys] == [True, False, True]


@pytest.mark.parametrize(
    ("f", "lo", "hi", "points", "kind", "said"),
    [
        (relu, 1, 1, 9, InputError, "lo must be below hi"), (relu, 0, math.inf, 9, InputError, "both finite"),
        (relu, 0, math.nan, 9, InputError, "lo must be below hi"), (relu, 0, 1, 1, InputError, "points is 1"),
        (relu, 0, 1, 1.5, TypeError, "points must be a whole number"), (relu, "a", 1, 9, TypeError, "lo must be"),
        (lambda x: 3.0, 0, 1, 9, TypeError, "returns a Value for a Value, got float"),
    ],
)  # fmt: skip
def test_functions_that_cannot_be(f: Any, lo: Any, hi: Any, points: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        plot.function(f, lo, hi, points=points)


# --- boundaries ---------------------------------------------------------------------------------------------------


def places(mesh: Any) -> tuple[list[float], list[float]]:
    """The middles of a mesh's cells, along and up."""
    corners = mesh.get_coordinates()
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    return middles[0, :, 0].tolist(), middles[:, 0, 1].tolist()


def test_the_shades_are_the_networks_answers_and_the_line_is_where_it_says_one_half() -> None:
    model = article()
    fit(model, X, Y, epochs=200, progress=False)
    figure = plot.boundary(model, X, Y, steps=24, classes=["M", "F"], names=["weight", "height"])
    ax = figure.axes[0]
    mesh, line, *marks = ax.collections
    xs, ys = places(mesh)
    answers = mesh.get_array().reshape(24, 24)
    for i in (0, 7, 23):
        assert answers[i].tolist() == pytest.approx(model.predict([[x, ys[i]] for x in xs]), abs=1e-9)
    assert xs[0] < -15 < 25 < xs[-1]
    crossed = [vertex for path in line.get_paths() for vertex in path.vertices]
    assert len(crossed) > 5
    step = np.hypot(xs[1] - xs[0], ys[1] - ys[0])
    for x, y in crossed:  # a cell away at most, the answer is on either side of 0.5
        around = model.predict([[x + step * math.cos(a), y + step * math.sin(a)] for a in np.linspace(0, 6.3, 16)])
        assert min(around) < 0.5 < max(around)
    assert [group.get_offsets().tolist() for group in marks] == [[[25, 6], [17, 4]], [[-2, -1], [-15, -6]]]
    shapes = {tuple(map(tuple, group.get_paths()[0].vertices.round(3).tolist())) for group in marks}
    assert len(shapes) == 2  # told apart without colour
    assert (legend(figure), ax.get_xlabel(), ax.get_ylabel()) == (["M", "F"], "weight", "height")


def test_classes_of_minus_one_and_one_meet_at_nought() -> None:
    neuron = Neuron(2, "linear")
    neuron.load_state_dict({"weights.0": 1.0, "weights.1": 0.0, "bias": -0.25})
    _, line, *_ = plot.boundary(neuron, [[-1, -1], [1, 1]], [-1, 1], steps=20).axes[0].collections
    assert {round(float(x), 9) for path in line.get_paths() for x in path.vertices[:, 0]} == {0.25}
    _, line, *_ = plot.boundary(neuron, [[-1, -1], [1, 1]], [-1, 1], steps=20, threshold=0.5).axes[0].collections
    assert {round(float(x), 9) for path in line.get_paths() for x in path.vertices[:, 0]} == {0.75}


def test_several_outputs_are_drawn_by_the_largest() -> None:
    model = MLP(2, [5, 3], "tanh", seed=3)
    rows, own = [[0, 0], [1, 2], [-2, 1], [2, -1]], [0, 1, 2, 1]
    figure = plot.boundary(model, rows, own, steps=15)
    mesh, *rest = figure.axes[0].collections
    xs, ys = places(mesh)
    outputs = [model.predict([[x, y] for x in xs]) for y in ys]
    assert mesh.get_array().reshape(15, 15).tolist() == [[row.index(max(row)) for row in line] for line in outputs]
    marks = rest[-3:]
    assert [group.get_offsets().tolist() for group in marks] == [[[0, 0]], [[1, 2], [2, -1]], [[-2, 1]]]
    assert legend(figure) == ["0", "1", "2"]
    hot = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    again = plot.boundary(model, rows, hot, steps=15).axes[0].collections[-3:]
    assert [g.get_offsets().tolist() for g in again] == [g.get_offsets().tolist() for g in marks]


def test_a_function_of_rows_is_asked_once() -> None:
    asked = []

    def answers(rows: list[list[float]]) -> list[float]:
        asked.append(len(rows))
        return [x + y for x, y in rows]

    mesh = plot.boundary(answers, np.array(X), np.array(Y), steps=12).axes[0].collections[0]
    assert asked == [144]
    xs, ys = places(mesh)
    assert mesh.get_array().reshape(12, 12)[2, 3] == pytest.approx(xs[3] + ys[2])


def test_where_all_answers_are_alike_there_is_no_line() -> None:
    figure = plot.boundary(MLP(2, [1], init="zeros"), [[1, 1]], [1], steps=5)
    assert len(figure.axes[0].collections) == 2  # the shades and the samples


def test_a_network_with_some_answers_that_are_not_finite() -> None:
    figure = plot.boundary(
        lambda rows: [math.nan if x < 0 else x for x, _ in rows], [[-1, 0], [1, 1]], [0, 1], steps=10
    )
    assert 0 < figure.axes[0].collections[0].get_array().mask.sum() < 100


@pytest.mark.parametrize(
    ("model", "rows", "own", "options", "kind", "said"),
    [
        (MLP(3, [1]), X, Y, {}, InputError, "a sample of 2 elements for a model of 3 inputs"),
        (MLP(2, [1]), [[1, 2, 3]], [1], {}, InputError, "row 0 of X has 3 numbers; a plane has two"),
        (MLP(2, [1]), X, Y[:3], {}, InputError, "X has 4 rows and y has 3"),
        (MLP(2, [1]), [], [], {}, InputError, "X has 0 rows"),
        (MLP(2, [1]), [[1, math.nan]], [1], {}, InputError, "row 0 is .*not finite"),
        (MLP(2, [1]), [[1, "a"]], [1], {}, TypeError, "row 0 of X must be a number or a Value, got str"),
        (MLP(2, [1]), X, Y, {"steps": 1}, InputError, "steps is 1"),
        (MLP(2, [1]), X, Y, {"steps": "9"}, TypeError, "steps must be a whole number"),
        (MLP(2, [1]), X, Y, {"names": ["a"]}, InputError, "names has 1 names"),
        (MLP(2, [1]), X, Y, {"classes": ["a"]}, InputError, "classes must hold a name for each class, 2 in all"),
        (MLP(2, [1]), [[i, i] for i in range(20)], range(20), {}, InputError, "20 different numbers.*12 classes"),
        (MLP(2, [3]), X, [1, 2, 3, 0], {}, InputError, "y of row 2 is 3, and the network's outputs are 0 to 2"),
        (3, X, Y, {}, TypeError, "wants a Module of two inputs"),
        (lambda rows: [1.0], X, Y, {}, InputError, "1 outputs for 10000 rows"),
        (lambda rows: [[] for _ in rows], X, Y, {}, InputError, r"of \[0\] numbers each"),
        (lambda rows: ["a" for _ in rows], X, Y, {}, TypeError, "an output must be a number"),
        (lambda rows: [math.nan for _ in rows], X, Y, {}, InputError, "finite nowhere"),
    ],
)
def test_boundaries_that_cannot_be(
    model: Any, rows: Any, own: Any, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        plot.boundary(model, rows, own, **options)


# --- landscapes ---------------------------------------------------------------------------------------------------


def test_a_landscape_is_the_loss_and_leaves_the_parameters_alone() -> None:
    w, b = Value(1.5, "w"), Value(-0.5, "b")
    figure = plot.landscape(lambda: losses.mse([w * 2 + b, w * 3 + b], [2.0, 4.0]), w, b, reach=1, steps=5)
    assert (w.data, b.data, w.grad, b.grad) == (1.5, -0.5, 0.0, 0.0)
    ax = figure.axes[0]
    heights = ax.collections[0].get_array().reshape(5, 5)
    for i, b_here in enumerate((-1.5, -1.0, -0.5, 0.0, 0.5)):
        for j, w_here in enumerate((0.5, 1.0, 1.5, 2.0, 2.5)):
            expected = ((2 * w_here + b_here - 2) ** 2 + (3 * w_here + b_here - 4) ** 2) / 2
            assert heights[i, j] == pytest.approx(expected, abs=1e-12)
    (cross,) = ax.lines
    assert (cross.get_xdata(), cross.get_ydata()) == ([1.5], [-0.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w", "b")


def test_a_landscape_that_fails_puts_the_parameters_back() -> None:
    w, b = Value(1.0), Value(2.0)

    def loss() -> Value:
        if w.data > 1:
            raise ZeroDivisionError
        return w * b

    with pytest.raises(ZeroDivisionError):
        plot.landscape(loss, w, b, steps=4)
    assert (w.data, b.data) == (1.0, 2.0)


A = Value(1.0, "a")


@pytest.mark.parametrize(
    ("first", "second", "options", "kind", "said"),
    [
        (A, A, {}, InputError, "the same one"), (A, 2.0, {}, TypeError, "two Values to move, got float"),
        (A, A * 2, {}, InputError, "was computed"), (A, Value(0.0), {"reach": 0}, InputError, "reach is 0"),
        (A, Value(0.0), {"steps": 0}, InputError, "steps is 0"), (A, Value(math.inf), {}, InputError, "must be finite"),
    ],
)  # fmt: skip
def test_landscapes_that_cannot_be(first: Any, second: Any, options: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        plot.landscape(lambda: A * A, first, second, **options)


def test_a_loss_that_is_finite_nowhere() -> None:
    with pytest.raises(InputError, match="finite nowhere"):
        plot.landscape(lambda: A * math.nan, A, Value(0.0), steps=3)


# --- figures ------------------------------------------------------------------------------------------------------


def test_figures_are_written_without_pyplot(tmp_path: Path) -> None:
    program = """
import sys
from microgradnet import plot, sigmoid
from microgradnet.nn import MLP
assert "matplotlib" not in sys.modules
import matplotlib
settings = [name for name in matplotlib.rcParams if name != "backend"]  # asking for that one imports pyplot
before = [matplotlib.rcParams[name] for name in settings]
plot.boundary(MLP(2, [2, 1]), [[0, 0], [1, 1]], [0, 1], steps=9).savefig("boundary.png")
plot.function(sigmoid, -6, 6).savefig("function.svg")
plot.curve([2, 1]).savefig("curve.pdf")
assert "matplotlib.pyplot" not in sys.modules
assert [matplotlib.rcParams[name] for name in settings] == before
"""
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {root!r}){program}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    begins = {path.name: path.read_bytes()[:4] for path in tmp_path.iterdir()}
    assert begins == {"boundary.png": b"\x89PNG", "function.svg": b"<?xm", "curve.pdf": b"%PDF"}


@pytest.mark.parametrize("text", ["$x$", "a $\\frac{$ b", "<script>", "new\nline", "_hidden", "\\n{}", "жук"])
def test_words_are_shown_as_they_are(text: str, tmp_path: Path) -> None:
    figure = plot.boundary(article(), X, Y, steps=5, names=[text, text], classes=[text, text], title=text)
    figure.savefig(tmp_path / "a.svg")
    from microgradnet.display import visible

    shown = visible(text)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel(), legend(figure)) == (shown, shown, [shown] * 2)
    assert figure.get_suptitle() == shown


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # type: ignore[arg-type]
    w, b = Value(1.0), Value(2.0)
    for draw in (
        lambda: plot.curve([1.0]),
        lambda: plot.function(relu, 0, 1),
        lambda: plot.boundary(article(), X, Y),
        lambda: plot.landscape(lambda: w * b, w, b),
    ):
        with pytest.raises(InputError, match=r"pip install 'microgradnet\[plot\]'"):
            draw()
