"""compile: what users write, in every engine; held against the eager engine, refusals, threads, saved files."""

from __future__ import annotations

import copy
import gc
import importlib
import json
import linecache
import math
import os
import pickle
import random
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradnet import Value, compile, exp, log, losses, relu, sigmoid, softmax, sqrt, take, tanh, where
from microgradnet.compiler.arrays import number
from microgradnet.compiler.plan import Plan
from microgradnet.compiler.running import building
from microgradnet.compiler.running.run import Program
from microgradnet.errors import InputError
from microgradnet.functions import sum as total
from microgradnet.nn import MLP, Module

ENGINES = ("python", "numpy", "numba", "jax")


def engines() -> list[Any]:
    """Every engine; those of extras are skipped where they are not installed."""
    return [
        pytest.param(name, marks=pytest.mark.skipif(_missing(name), reason=f"{name} is not installed"))
        for name in ENGINES
    ]


def _missing(name: str) -> bool:
    return name in ("numba", "jax") and importlib.util.find_spec(name) is None


def eager(loss: Callable[..., Any], parameters: list[Value], *given: Any) -> tuple[float, list[float]]:
    """Loss and gradients by `backward()`, with `.grad` as it was."""
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    result = loss(*given)
    result.backward()
    gradients = [p.grad for p in parameters]
    for p, grad in zip(parameters, before, strict=True):
        p.grad = grad
    return result.data, gradients


def close(got: Any, wanted: Any) -> bool:
    return bool(np.allclose(np.asarray(got, float), np.asarray(wanted, float), rtol=1e-10, atol=1e-13, equal_nan=True))


def moons_loss(model: Any, X: Any, y: Any) -> Any:
    """As micrograd's demo has it."""
    scores = [model(x) for x in X]
    hinge = [relu(1 + -t * s) for t, s in zip(y, scores, strict=True)]
    return sum(hinge) * (1.0 / len(hinge)) + 1e-4 * sum(p * p for p in model.parameters())


def points(n: int, seed: int = 1) -> tuple[list[list[float]], list[float]]:
    source = random.Random(seed)
    return [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(n)], [source.choice([-1.0, 1.0]) for _ in range(n)]


def network() -> MLP:
    return MLP(2, [4, 1], "tanh", "linear", seed=3)


# --- what it computes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", engines())
def test_a_module_in_every_engine(engine: str) -> None:
    model, (X, y) = network(), points(5)
    program = compile(moons_loss, model, X, y, engine=engine)
    assert program.engine == engine
    for seed in (1, 2):
        X, y = points(5, seed)
        value, gradients = program.value_and_grad(X, y)
        loss, wanted = eager(moons_loss, model.parameters(), model, X, y)
        assert value == pytest.approx(loss, rel=1e-12)
        assert list(gradients) == [path for path, _ in model.named_parameters()]
        assert close(list(gradients.values()), wanted)
        assert program(X, y) == pytest.approx(loss, rel=1e-12)
        assert all(type(g) is float for g in gradients.values())
        assert type(value) is float


@pytest.mark.parametrize("engine", engines())
def test_the_numbers_of_the_values_are_read_at_each_call(engine: str) -> None:
    w = [Value(2.0, "w1"), Value(-1.0, "w2")]
    program = compile(lambda w, x: tanh(w[0] * x + w[1]), w, 0.5, engine=engine)
    first = program(0.5)
    w[0].data = 3.0
    assert first == pytest.approx(math.tanh(0.0))
    assert program(0.5) == pytest.approx(math.tanh(0.5))


def test_gradients_have_the_shape_of_what_holds_the_parameters() -> None:
    a, b, c = Value(2.0), Value(3.0), Value(5.0)

    def loss(p: Any, x: float) -> Any:
        return p["line"][0] * x + p["line"][1] * p["other"]["c"] + p["again"] * x

    program = compile(loss, {"line": [a, b], "other": {"c": c}, "again": a}, 7.0)
    value, gradients = program.value_and_grad(7.0)
    assert value == 2.0 * 7 + 15 + 14
    assert gradients == {"line": [14.0, 5.0], "other": {"c": 3.0}, "again": 14.0}
    array = np.array([a, b], dtype=object)
    _, gradient = compile(lambda p: p[0] * p[1] ** 2, array).value_and_grad()
    assert isinstance(gradient, np.ndarray)
    assert gradient.tolist() == [9.0, 12.0]
    _, of_tuple = compile(lambda p: p[0] * p[1], (a, b)).value_and_grad()
    assert of_tuple == (3.0, 2.0)


def test_no_one_s_grad_is_touched() -> None:
    w = Value(2.0)
    w.grad = 7.0
    program = compile(lambda p, x: (p[0] * x) ** 2, [w], 3.0)
    program.value_and_grad(3.0)
    assert (w.grad, w.data) == (7.0, 2.0)


def test_other_numbers_for_the_parameters() -> None:
    model = network()
    program = compile(lambda m, x: m(x) ** 2, model, [1.0, 2.0])
    other = dict.fromkeys(program.parameters, 0.5)
    value, gradients = program.value_and_grad([1.0, 2.0], parameters=other)
    assert (value, gradients) == program.value_and_grad([1.0, 2.0], parameters=np.full(len(other), 0.5))
    assert program([1.0, 2.0], parameters=other) == value != program([1.0, 2.0])
    with pytest.raises(InputError, match=r"parameters: 'layers.0.neurons.0.weights.0' is missing"):
        program([1.0, 2.0], parameters={})
    with pytest.raises(InputError, match="parameters: there is no 'more'"):
        program([1.0, 2.0], parameters={**other, "more": 1.0})
    with pytest.raises(TypeError, match=r"parameters\['layers.0.neurons.0.bias'\] must be a number, got str 'a'"):
        program([1.0, 2.0], parameters={**other, "layers.0.neurons.0.bias": "a"})


def test_static_arguments_are_baked_in_and_left_out() -> None:
    def loss(w: Any, x: Any, power: int) -> Any:
        assert type(power) is int
        return (w[0] * x) ** power

    program = compile(loss, [Value(2.0)], 3.0, 3, static=("power",))
    assert program.value_and_grad(3.0) == (216.0, [324.0])
    assert "power" not in program.source.split("(")[1].split(")")[0]
    with pytest.raises(TypeError, match=r"the program wants 1 data argument \(x\), got 2"):
        program(3.0, 3)
    with pytest.raises(InputError, match="static names 'n'"):
        compile(loss, [Value(2.0)], 3.0, 3, static="n")


def test_data_may_be_lists_arrays_and_numbers() -> None:
    w = [Value(2.0), Value(1.0)]
    program = compile(lambda w, X, k: total([w[0] * x[0] * k + w[1] * x[1] for x in X]), w, [[1, 2], [3, 4]], 2)
    expected = program([[1, 2], [3, 4]], 2)
    for X, k in (
        (np.array([[1, 2], [3, 4]]), np.float64(2)),
        (((1.0, 2.0), (3.0, 4.0)), True + 1),
        (np.array([[1, 2], [3, 4]], np.float32), np.array(2)),
        (np.array([[1, 3], [2, 4]]).T, 2),
    ):
        assert program(X, k) == expected == 4 * (1 + 3) + 6


# --- edges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
@pytest.mark.parametrize(
    ("loss", "x"),
    [
        (lambda w, x: log(w[0] * x), 0.0),
        (lambda w, x: log(w[0] * x), -1.0),
        (lambda w, x: w[0] / x, 0.0),
        (lambda w, x: exp(w[0] * x), 1e6),
        (lambda w, x: sqrt(w[0] * x), 0.0),
        (lambda w, x: (w[0] * x) ** -1, 0.0),
        (lambda w, x: where(w[0] * x > 1.5, log(w[0] * x), 0.0), 0.0),
        (lambda w, x: sigmoid(w[0] * x), 1e308),
        (lambda w, x: tanh(w[0] * x), math.inf),
        (lambda w, x: w[0] * x, math.nan),
        (lambda w, x: relu(w[0] * x), math.nan),
    ],
)
def test_where_arithmetic_has_no_result_it_is_the_eager_engine_s(
    loss: Callable[..., Any], x: float, engine: str
) -> None:
    w = [Value(2.0)]
    program = compile(loss, w, 1.0, engine=engine)
    value, gradients = program.value_and_grad(x)
    wanted, slopes = eager(loss, w, w, x)
    assert close([value, *gradients], [wanted, *slopes])
    assert close(program(x), wanted)


@pytest.mark.parametrize("x", [0.0, -1.0])
def test_an_example_may_be_such_a_point(x: float) -> None:
    w = [Value(2.0)]
    program = compile(lambda w, x: log(w[0] * x) * 2, w, x)
    wanted = eager(lambda w, x: log(w[0] * x) * 2, w, w, x)
    assert close([program(x)], [wanted[0]])
    assert program(1.0) == pytest.approx(2 * math.log(2))


def test_a_loss_that_does_not_depend_on_the_parameters() -> None:
    program = compile(lambda w, x: x * x + 0 * w[0], [Value(2.0), Value(1.0)], 3.0)
    assert program.value_and_grad(4.0) == (16.0, [0.0, 0.0])


# --- which engine, and why ----------------------------------------------------------------------------------------


def test_small_losses_are_plain_numbers_and_large_ones_arrays() -> None:
    model = network()
    small = compile(lambda m, x, y: (m(x) - y) ** 2, model, [1.0, 2.0], 1.0)
    assert small.engine == "python"
    assert small.why.startswith("python: only ")
    large = compile(moons_loss, model, *points(100))
    assert large.engine == "numpy"
    assert "array operations" in large.why


def test_a_name_that_is_no_engine_is_refused() -> None:
    with pytest.raises(InputError, match="unknown engine 'tpu'; take one of: auto, python, numpy, numba, jax"):
        compile(lambda w: w[0], [Value(1.0)], engine="tpu")


@pytest.mark.parametrize(("engine", "extra"), [("numba", "native"), ("jax", "jax")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    engine: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ImportError, match=rf'pip install "microgradnet\[{extra}\]"'):
        compile(lambda w, x: w[0] * x, [Value(1.0)], 2.0, engine=engine)


def test_arrays_that_do_not_agree_are_given_up_for_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(recording: Any) -> Plan:
        plan = roll(recording)
        return Plan((plan.results[0] + number(1e-6),), plan.names, plan.labels)

    roll = building.roll
    monkeypatch.setattr(building, "roll", wrong)
    model, (X, y) = network(), points(20)
    program = compile(moons_loss, model, X, y, engine="numpy")
    assert "its array form is not used, as there the loss is" in program.why
    loss, gradients = eager(moons_loss, model.parameters(), model, X, y)
    assert program(X, y) == pytest.approx(loss, rel=1e-12)
    assert close(list(program.value_and_grad(X, y)[1].values()), gradients)


def test_a_program_that_never_agrees_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(plan: Plan, *by: Any, **how: Any) -> Plan:
        right = with_gradient(plan, *by, **how)
        return Plan((right.results[0], right.results[1] * number(1.0 + 1e-6)), right.names, right.labels)

    with_gradient = building.with_gradient
    monkeypatch.setattr(building, "with_gradient", wrong)
    with pytest.raises(InputError, match=r"does not agree with the eager engine .*gradient\[0\] is .*the eager engine"):
        compile(lambda w, x: w[0] * x, [Value(1.0)], 2.0)


def test_arrays_that_cannot_be_made_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(recording: Any) -> Plan:
        raise InputError("nothing fits")

    monkeypatch.setattr(building, "roll", broken)
    program = compile(moons_loss, network(), *points(20))
    assert program.engine == "python"
    assert "nothing fits" in program.why


# --- batches ------------------------------------------------------------------------------------------------------


def test_any_batch_size() -> None:
    model = network()
    program = compile(moons_loss, model, *points(40))
    assert program.why.endswith("for any batch size")
    for n in (1, 2, 40, 77):
        X, y = points(n, seed=n)
        value, gradients = program.value_and_grad(X, y)
        loss, wanted = eager(moons_loss, model.parameters(), model, X, y)
        assert value == pytest.approx(loss, rel=1e-12)
        assert close(list(gradients.values()), wanted)
    with pytest.raises(InputError, match=r"y has the shape \(3,\), and the program wants \(N,\), N being 4"):
        program(points(4)[0], [1.0] * 3)
    with pytest.raises(InputError, match=r"X has the shape \(4, 3\), and the program wants \(N, 2\)"):
        program(np.ones((4, 3)), [1.0] * 4)
    with pytest.raises(InputError, match="program wants"):
        program(np.ones((0, 2)), [])


def test_batch_says_whether_any_size_is_wanted() -> None:
    model, (X, y) = network(), points(4)
    assert compile(moons_loss, model, X, y).shapes == {"X": (4, 2), "y": (4,)}
    assert str(compile(moons_loss, model, X, y, batch=True).shapes["X"]) == "(N, 2)"
    assert compile(moons_loss, model, *points(40), batch=False).shapes == {"X": (40, 2), "y": (40,)}
    with pytest.raises(TypeError, match="batch must be True, False or None, got int 32"):
        compile(moons_loss, model, X, y, batch=32)  # type: ignore[call-overload]


def test_where_no_program_holds_for_all_sizes_it_says_why() -> None:
    def alternating(w: Any, X: Any) -> Any:
        return total([w[0] * x if i % 2 else w[1] * x * x for i, x in enumerate(X)])

    w = [Value(1.0), Value(2.0)]
    X = [float(i) for i in range(40)]
    with pytest.raises(InputError, match="compile: no program for any batch size: "):
        compile(alternating, w, X, batch=True)
    program = compile(alternating, w, X)
    assert "for this batch size only: " in program.why
    assert program(X) == pytest.approx(eager(alternating, w, w, X)[0])
    with pytest.raises(InputError, match="X has 41 elements, and the program was compiled for 40 elements"):
        program([*X, 1.0])


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "kind", "text"),
    [
        (
            [[1.0, 2.0]],
            [1.0],
            InputError,
            r"X has an array of shape \(1, 2\), and the program was compiled for an array of shape \(2, 2\)",
        ),
        ([[1.0, 2.0], [3.0, 4.0]], [1.0], InputError, "y has 1 element, and the program was compiled for 2 elements"),
        ([[1.0, 2.0], [3.0]], [1.0, 2.0], InputError, "X"),
        ([[1.0, 2.0], [3.0, "a"]], [1.0, 2.0], TypeError, "X"),
        ([[1.0, 2.0], [3.0, None]], [1.0, 2.0], TypeError, "X"),
        (3.0, [1.0, 2.0], InputError, r"X"),
    ],
)
def test_data_that_do_not_fit_name_the_argument(X: Any, y: Any, kind: type[Exception], text: str) -> None:
    w = [Value(1.0), Value(2.0)]
    program = compile(
        lambda w, X, y: total([(w[0] * x[0] + w[1] * x[1] - t) ** 2 for x, t in zip(X, y, strict=True)]),
        w, [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0],
    )  # fmt: skip
    for call in (program, program.value_and_grad):
        with pytest.raises(kind, match=text):
            call(X, y)


def test_what_is_no_loss_or_holds_no_parameters_is_refused() -> None:
    with pytest.raises(TypeError, match=r"compile wants a function, .*compile\(loss, model, X, y\); got int 3"):
        compile(3, [Value(1.0)])  # type: ignore[call-overload]
    with pytest.raises(InputError, match="holds no parameters"):
        compile(lambda w, x: x, [], 1.0)
    with pytest.raises(TypeError, match="parameters are Values"):
        compile(lambda w, x: x, [1.0], 1.0)
    with pytest.raises(TypeError):
        compile(lambda w, x: w[0].data * 2.0, [Value(1.0)], 1.0)
    with pytest.raises(ZeroDivisionError):
        compile(lambda w, x: w[0] * (1 // 0), [Value(1.0)], 1.0)


def test_pickling_says_what_to_do_instead() -> None:
    with pytest.raises(TypeError, match="cannot be pickled: send the loss and the data, and compile there"):
        pickle.dumps(compile(lambda w: w[0] * 2, [Value(1.0)]))


# --- the source, where tracebacks and debuggers see it ----------------------------------------------------------------


def test_two_runs_give_the_same_text() -> None:
    model, (X, y) = network(), points(9)
    texts = {compile(moons_loss, model, X, y, engine=engine).source for engine in ("python", "python")}
    assert len(texts) == 1
    assert len({compile(moons_loss, model, X, y, engine="numpy").source for _ in range(2)}) == 1


def test_the_text_does_not_depend_on_how_strings_are_hashed() -> None:
    program = """
import sys
sys.path.insert(0, "tests")
from test_compile import compile, moons_loss, network, points
for n, engine in ((3, "python"), (3, "numpy"), (40, "numpy")):
    print(compile(moons_loss, network(), *points(n), engine=engine).source)
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=Path(__file__).parent.parent, capture_output=True, text=True,
            check=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(texts) == 1
    assert "def step" in texts.pop()


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_a_traceback_through_a_program_shows_its_lines(engine: str) -> None:
    program = compile(lambda w, z, i: take([w[0] * z, w[1] * z], i), [Value(1.0), Value(2.0)], 1.0, 1, engine=engine)
    with pytest.raises(IndexError) as caught:
        program(1.0, 7)
    frames = traceback.extract_tb(caught.value.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith("<microgradnet ")]
    assert mine
    assert all(frame.line for frame in mine)


def test_the_source_is_known_as_long_as_the_program_lives() -> None:
    def files() -> set[str]:
        """Those that are known, after the next program has dropped those of programs that are gone."""
        gc.collect()
        compile(lambda w: w[0] * 1.0, [Value(1.0)])
        return {name for name in linecache.cache if name.startswith("<microgradnet ")}

    before = files()
    program = compile(lambda w, x: tanh(w[0] * x), [Value(1.0)], 2.0)
    mine = {program._built.code._step.__code__.co_filename}
    assert not mine & before
    program.train(2.0, epochs=2)
    linecache.checkcache()
    assert mine <= files()
    del program
    assert not files() & mine


HOSTILE = (
    '"""', "a\nimport os", "lambda", "<script>alert(1)</script>", "x'; DROP", "{0}", "\\", "\u202eevil", "λ", "", " "
)  # fmt: skip


def test_labels_may_hold_anything(tmp_path: Path) -> None:
    values = {label: Value(float(i + 1), label) for i, label in enumerate(HOSTILE)}

    def loss(p: Any, x: Any) -> Any:
        middle = total([v * x for v in p.values()])
        middle.label = '"""\nraise SystemExit'
        return middle * middle

    loss.__name__ = '"""\nraise SystemExit("name")\n"""'
    for engine in ("python", "numpy"):
        program = compile(loss, values, 2.0, engine=engine)
        n = len(values)
        assert program(2.0) == pytest.approx((n * (n + 1)) ** 2)
        assert program.source.isascii() or all(line.isprintable() for line in program.source.splitlines())
        program.save(tmp_path / "step.py")
        text = (tmp_path / "step.py").read_text("utf-8")
        assert "\u202e" not in text
        found = run_saved(tmp_path, "print(json.dumps(float(step.loss(step.p, 2.0))))")
        assert found == pytest.approx((n * (n + 1)) ** 2)


# --- saved --------------------------------------------------------------------------------------------------------


def run_saved(folder: Path, code: str, blocked: tuple[str, ...] = ("microgradnet",)) -> Any:
    """What a program prints that imports step.py of the folder, in a process that cannot import what is blocked."""
    program = f"""
import sys, json, importlib.util
for name in {blocked!r}:
    sys.modules[name] = None
found = importlib.util.spec_from_file_location("step", "step.py")
step = importlib.util.module_from_spec(found)
found.loader.exec_module(step)
{code}
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_a_saved_program_of_numbers_needs_python_alone(tmp_path: Path) -> None:
    model = MLP(2, [2, 1], "sigmoid", "sigmoid", init="article", seed=6)
    program = compile(lambda m, x, y: losses.mse(m(x), y), model, [-2.0, -1.0], 1.0)
    program.save(tmp_path / "step.py")
    code = "print(json.dumps([step.step(step.p, [25, 6], 0), step.loss(step.p, [25, 6], 0), step.PARAMETERS]))"
    (value, gradient), alone, named = run_saved(tmp_path, code, ("microgradnet", "numpy"))
    loss, gradients = program.value_and_grad([25, 6], 0)
    assert (value, gradient, alone) == (loss, list(gradients.values()), loss)
    assert named == model.state_dict()

    rows = "[[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1], [0.1] * 50"
    trained = run_saved(tmp_path, f"print(json.dumps(step.train_by_row(step.p, {rows})))", ("microgradnet", "numpy"))
    program.train([[-2, -1], [25, 6], [17, 4], [-15, -6]], [1, 0, 0, 1], lr=0.1, epochs=50)
    assert trained == pytest.approx([p.data for p in model.parameters()], rel=1e-12)


def test_a_saved_program_runs_safely_where_python_raises(tmp_path: Path) -> None:
    w = [Value(2.0)]
    program = compile(lambda w, x: log(w[0] * x) + 1 / x, w, 1.0)
    program.save(tmp_path / "step.py")
    code = """
loss, (slope,) = step.step(step.p, 0.0)
(p,) = step.train([1.0], 0.0, [0.1])
print(json.dumps([str(x) for x in (loss, slope, step.loss(step.p, 0.0), p)]))
"""
    value, (slope,) = program.value_and_grad(0.0)
    assert run_saved(tmp_path, code)[:3] == [str(value), str(slope), str(value)]


def test_a_saved_program_of_arrays_needs_numpy_alone(tmp_path: Path) -> None:
    model = network()
    program = compile(moons_loss, model, *points(40))
    program.save(tmp_path / "step.py")
    X, y = points(6, seed=5)
    code = f"""
loss, gradient = step.step(step.p, {X}, {y})
after = step.train(step.p, {X}, {y}, [0.1] * 5)
print(json.dumps([float(loss), gradient.tolist(), float(step.loss(step.p, {X}, {y})), after.tolist()]))
"""
    value, gradient, alone, after = run_saved(tmp_path, code)
    loss, gradients = program.value_and_grad(X, y)
    assert (value, alone) == (pytest.approx(loss, rel=1e-14), pytest.approx(loss, rel=1e-14))
    assert gradient == pytest.approx(list(gradients.values()), rel=1e-13)
    program.train(X, y, lr=0.1, epochs=5)
    assert after == pytest.approx([p.data for p in model.parameters()], rel=1e-12)


def test_tables_are_saved_with_the_program(tmp_path: Path) -> None:
    source = random.Random(1)
    known = [[source.random(), math.inf if i == 3 else source.random()] for i in range(40)]

    def loss(w: Any, X: Any) -> Any:
        return total([relu(w[0] * a * x - w[1] * min(b, 9.0)) for (a, b), x in zip(known, X, strict=True)])

    w = [Value(1.5), Value(0.5)]
    program = compile(loss, w, [1.0] * 40, engine="numpy")
    program.save(tmp_path / "step.py")
    assert run_saved(tmp_path, "print(json.dumps(float(step.loss(step.p, [2.0] * 40))))") == pytest.approx(
        program([2.0] * 40), rel=1e-13
    )


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    program = compile(lambda w, x: w[0] * x, [Value(1.0)], 2.0)
    with pytest.raises(InputError, match="cannot be written"):
        program.save(tmp_path / "nowhere" / "step.py")
    assert list(tmp_path.iterdir()) == []


# --- threads, memory, JAX -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_several_threads_may_call_one_program(engine: str) -> None:
    model = network()
    program = compile(moons_loss, model, *points(8), engine=engine)
    inputs = [points(8, seed) for seed in range(4)]
    wanted = [program.value_and_grad(X, y) for X, y in inputs]
    wrong: list[Any] = []

    def work(k: int) -> None:
        for _ in range(30):
            if program.value_and_grad(*inputs[k]) != wanted[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_returned_is_the_caller_s_own() -> None:
    w = np.array([Value(float(i)) for i in range(1, 41)], dtype=object)
    program = compile(lambda w, x: total([v * v for v in w]) * x, w, 1.0, engine="numpy")
    _, first = program.value_and_grad(1.0)
    kept = first.copy()
    _, second = program.value_and_grad(2.0)
    assert (first == kept).all()
    second[:] = 0.0
    assert (program.value_and_grad(1.0)[1] == kept).all()


@pytest.mark.skipif(_missing("jax"), reason="jax is not installed")
def test_to_jax_is_a_pure_function() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    model, (X, y) = network(), points(6)
    for program in (compile(moons_loss, model, X, y), compile(moons_loss, model, *points(40))):
        f = program.to_jax()
        p = np.array([v.data for v in model.parameters()])
        assert float(jax.jit(f)(p, np.array(X), np.array(y))) == pytest.approx(program(X, y), rel=1e-12)
        gradient = jax.grad(f)(p, np.array(X), np.array(y))
        assert close(gradient, list(program.value_and_grad(X, y)[1].values()))


# --- more rows than ever ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        lambda w, X: total([(w[0] * x) ** 2 for x in X]) * (2.0 if len(X) > 100 else 1.0),
        lambda w, X: total([(w[0] * x) ** 2 for x in X[:150]]),
        lambda w, X: total([(w[0] * x) ** 2 * (1.0 if i < 100 else 3.0) for i, x in enumerate(X)]),
        lambda w, X: total([total([(w[0] * x) ** 2 for x in X[i : i + 70]]) ** 2 for i in range(0, len(X), 70)]),
    ],
)
def test_what_changes_with_more_rows_is_seen_when_they_come(changed: Callable[..., Any]) -> None:
    program = compile(changed, [Value(0.5)], np.linspace(-1.0, 1.0, 64))
    assert "N" in str(program.shapes["X"])
    more = np.linspace(-2.0, 2.0, 200)
    for call in (program, program.value_and_grad, program.train):
        with pytest.raises(InputError, match=r"with 200 rows .*batch=False"):
            call(more)
    assert program(np.linspace(0.0, 1.0, 50)) == pytest.approx(changed([0.5], np.linspace(0.0, 1.0, 50)), rel=1e-12)
    fixed = compile(changed, [Value(0.5)], more, batch=False)
    assert fixed(more) == pytest.approx(changed([0.5], more), rel=1e-12)


def test_with_more_rows_the_loss_runs_once_more_and_then_no_more() -> None:
    rows: list[int] = []

    def loss(w: Any, X: Any, scale: float) -> Any:
        rows.append(len(X))
        return total([tanh(w[0] * x) for x in X]) * scale / len(X)

    program = compile(loss, [Value(0.5)], [0.5] * 40, 2.0, static=("scale",))
    rows.clear()
    for n in (40, 30, 90, 90, 60, 90_000):  # the last are more operations than are recorded for it
        wanted = 2.0 * math.tanh(0.25)
        assert program([0.5] * n) == pytest.approx(wanted, rel=1e-12)
    assert set(rows) == {90}


# --- the decorator ------------------------------------------------------------------------------------------------


def test_decorated_it_compiles_at_the_first_call_and_for_new_shapes() -> None:
    runs: list[int] = []

    @compile
    def loss(w: Any, X: Any) -> Any:
        """Doc."""
        runs.append(len(X))
        return total([w[0] * x for x in X])

    w = [Value(2.0)]
    assert runs == []
    assert loss(w, [1.0, 2.0]) == 6.0
    assert loss(w, [3.0, 2.0]) == 10.0
    assert (set(runs), len(loss._programs)) == ({2}, 1)
    assert loss.value_and_grad(w, [1.0, 2.0, 3.0]) == (12.0, [6.0])
    assert (set(runs), len(loss._programs)) == ({2, 3}, 2)
    assert loss.program(w, [1.0, 2.0]).engine == "python"
    assert len(loss._programs) == 2
    other = [Value(5.0)]
    assert loss(other, [1.0, 2.0]) == 15.0
    assert loss([w[0]], [1.0, 2.0]) == 6.0
    assert len(loss._programs) == 3
    assert (loss.__name__, loss.__doc__) == ("loss", "Doc.")
    assert "3 programs" in repr(loss)


def test_decorated_with_static_arguments() -> None:
    @compile(static=("steps",))
    def loss(w: Any, x: Any, steps: Any) -> Any:
        for s in steps:
            x = x * w[0] + s
        return x

    w = [Value(2.0)]
    assert loss(w, 1.0, [1, 2]) == 8.0
    assert loss(w, 2.0, [1, 2]) == 12.0
    assert loss(w, 1.0, [1, 2, 3]) == 19.0
    assert len(loss._programs) == 2


def test_decorated_it_trains() -> None:
    @compile
    def loss(w: Any, X: Any, y: Any) -> Any:
        return total([(w[0] * x + w[1] - t) ** 2 for x, t in zip(X, y, strict=True)])

    w = [Value(0.0), Value(0.0)]
    trained = loss.train(w, [0.0, 1.0, 2.0], [1.0, 3.0, 5.0], lr=0.1, epochs=300)
    assert [v.data for v in w] == pytest.approx([2.0, 1.0], abs=1e-4)
    assert trained.losses[-1] < 1e-6


@compile
def doubled(w: Any, x: Any) -> Any:
    """A loss that has a name in its module."""
    return w[0] * x * 2


def test_decorated_it_sees_what_attributes_of_a_module_have_become() -> None:
    class Scaled(Module):
        def __init__(self) -> None:
            self.w, self.training, self.inside = Value(2.0), True, {"factors": [3.0]}
            self.whole = self  # as a part may know what it belongs to

        def __call__(self, x: Any) -> Any:
            return self.w * x * self.inside["factors"][0] if self.training else self.w * x

    @compile
    def loss(model: Any, x: Any) -> Any:
        return model(x) ** 2

    model = Scaled()
    assert loss(model, 1.0) == 36.0
    model.training = False
    assert loss(model, 1.0) == 4.0
    model.training, model.inside["factors"][0] = True, 5.0
    assert loss(model, 1.0) == 100.0
    model.w.data = 1.0
    assert loss(model, 1.0) == 25.0
    assert "3 programs" in repr(loss)


def test_decorated_it_is_pickled_by_its_name() -> None:
    assert doubled([Value(2.0)], 3.0) == 12.0
    assert pickle.loads(pickle.dumps(doubled)) is doubled


def test_a_large_batch_is_compiled_once_for_all_sizes() -> None:
    @compile
    def loss(w: Any, X: Any) -> Any:
        return total([tanh(w[0] * x) ** 2 for x in X]) / len(X)

    w = [Value(0.5)]
    for n in (50, 60, 7):
        X = [i / n for i in range(n)]
        assert loss(w, X) == pytest.approx(sum(math.tanh(0.5 * x) ** 2 for x in X) / n)
    assert len(loss._programs) == 1


# --- small things -------------------------------------------------------------------------------------------------


def test_a_program_says_what_it_is() -> None:
    program = compile(moons_loss, network(), *points(40))
    assert repr(program).startswith("<Program moons_loss: 17 parameters; X (N, 2), y (N,); numpy: ")
    assert isinstance(program, Program)
    assert program.parameters[0] == "layers.0.neurons.0.weights.0"
    assert program.plan.names[:2] == ("loss", "gradient")
    assert program.recording.shapes.keys() == {"X", "y"}


def test_a_class_with_a_call_is_a_loss_too() -> None:
    class Loss:
        def __call__(self, model: Module, x: Any) -> Any:
            return softmax(model(x))[0]

    model = MLP(2, [3], seed=1)
    program = compile(Loss(), model, [1.0, 2.0])
    assert program.name == "Loss"
    assert program([1.0, 2.0]) == pytest.approx(softmax(model([1.0, 2.0]))[0].data)


def test_a_loss_that_takes_numbers_out_of_its_data_unseen_is_refused() -> None:
    w = [Value(2.0, "w")]
    for loss in (
        lambda w, x: w[0] * copy.deepcopy(x)[0],
        lambda w, x: w[0] * x[0]._data,
        lambda w, x: w[0] * float(f"{x[0]:.3f}"),
    ):
        with pytest.raises(InputError, match=r"takes numbers out of its data|takes the plain number|float\(\)|text"):
            compile(loss, w, [0.5, 1.5])
