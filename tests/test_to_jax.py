"""JAX: what `to_jax` gives is one function that JAX's own transformations take, with the derivatives of the table."""

from __future__ import annotations

import importlib.util
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import CASES, constant_places, faults

from microgradnet import (
    Value,
    abs,
    clip,
    compile,
    exp,
    hessian,
    log,
    maximum,
    minimum,
    nn,
    operation,
    optim,
    relu,
    sin,
    sqrt,
    take,
    tanh,
    where,
)  # fmt: skip
from microgradnet.compiler.arrays import argument
from microgradnet.errors import InputError
from microgradnet.losses import cross_entropy
from microgradnet.ops import TABLE

JAX = importlib.util.find_spec("jax") is not None
pytestmark = pytest.mark.skipif(not JAX, reason="JAX is not installed")  # each test, so that `-m browser` counts none
if JAX:
    import jax
    import jax.numpy as jnp

ROOT = Path(__file__).parent.parent
inf, nan = math.inf, math.nan
TINY = float(np.finfo(float).tiny)


@pytest.fixture(autouse=True)
def _doubles() -> Any:
    """Doubles for the test, and JAX's own setting after it."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def tanh_net(p: Any, X: Any, y: Any) -> Any:
    """Mean square error of a network 2-3-1."""
    total: Any = 0
    for row, target in zip(X, y, strict=True):
        h = [tanh(sum(w * x for w, x in zip(p[3 * j : 3 * j + 2], row, strict=True)) + p[3 * j + 2]) for j in range(3)]
        total = total + (sum(v * h_j for v, h_j in zip(p[9:12], h, strict=True)) - target) ** 2
    return total / len(X)


def sample(n: int, seed: int = 0) -> tuple[list[list[float]], list[float]]:
    source = random.Random(seed)
    X = [[source.uniform(-2, 2), source.uniform(-2, 2)] for _ in range(n)]
    return X, [a * b for a, b in X]


START = [random.Random(1).uniform(-1, 1) for _ in range(12)]


def eagerly(loss: Any, numbers: Any, *data: Any) -> tuple[float, list[float]]:
    p = [Value(x) for x in numbers]
    result = loss(p, *data)
    result.backward()
    return result.data, [v.grad for v in p]


# --- the function ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [True, False])
def test_value_and_gradient_are_the_eager_ones_jitted_and_not(batch):
    X, y = sample(7)
    f = compile(tanh_net, [Value(x) for x in START], X, y, batch=batch).to_jax()
    wanted = eagerly(tanh_net, START, X, y)
    for transformed in (jax.value_and_grad(f), jax.jit(jax.value_and_grad(f))):
        value, gradient = transformed(jnp.array(START), jnp.array(X), jnp.array(y))
        assert float(value) == pytest.approx(wanted[0], rel=1e-14)
        assert gradient.tolist() == pytest.approx(wanted[1], rel=1e-12)
    assert float(f(START, X, y)) == pytest.approx(wanted[0], rel=1e-14)  # lists, too


def test_one_function_for_any_batch_size():
    f = jax.jit(jax.value_and_grad(compile(tanh_net, [Value(x) for x in START], *sample(7), batch=True).to_jax()))
    for n in (1, 2, 30):
        X, y = sample(n, seed=n)
        value, gradient = f(jnp.array(START), jnp.array(X), jnp.array(y))
        wanted = eagerly(tanh_net, START, X, y)
        assert float(value) == pytest.approx(wanted[0], rel=1e-13)
        assert gradient.tolist() == pytest.approx(wanted[1], rel=1e-12, abs=1e-14)


def test_derivatives_by_the_data():
    X, y = sample(4)
    f = compile(tanh_net, [Value(x) for x in START], X, y, batch=False).to_jax()
    by_X, by_y = jax.grad(f, argnums=(1, 2))(jnp.array(START), jnp.array(X), jnp.array(y))
    leaves = [[Value(x) for x in row] for row in X], [Value(t) for t in y]
    tanh_net([Value(x) for x in START], *leaves).backward()
    assert by_X.tolist() == [pytest.approx([v.grad for v in row], rel=1e-12) for row in leaves[0]]
    assert by_y.tolist() == pytest.approx([v.grad for v in leaves[1]], rel=1e-12)


def test_vmap_over_parameters_and_over_data():
    X, y = sample(5)
    f = compile(tanh_net, [Value(x) for x in START], X, y).to_jax()
    starts = np.array([START, START[::-1], [0.1] * 12])
    values = jax.vmap(f, (0, None, None))(starts, jnp.array(X), jnp.array(y))
    assert values.tolist() == pytest.approx([eagerly(tanh_net, p, X, y)[0] for p in starts.tolist()], rel=1e-13)
    batches = [sample(5, seed) for seed in range(3)]
    Xs, ys = (jnp.array(part) for part in zip(*batches, strict=True))
    gradients = jax.jit(jax.vmap(jax.grad(f), (None, 0, 0)))(jnp.array(START), Xs, ys)
    for gradient, (X, y) in zip(gradients.tolist(), batches, strict=True):
        assert gradient == pytest.approx(eagerly(tanh_net, START, X, y)[1], rel=1e-12)


def test_forward_mode_and_second_derivatives():
    X, y = sample(3)
    f = compile(tanh_net, [Value(x) for x in START], X, y).to_jax()
    p, direction = jnp.array(START), jnp.array(START[::-1])
    value, slope = jax.jvp(lambda p: f(p, X, y), (p,), (direction,))
    gradient = jax.grad(f)(p, X, y)
    assert float(slope) == pytest.approx(float(gradient @ direction), rel=1e-13)
    assert float(value) == float(f(p, X, y))
    wanted = hessian(lambda p: tanh_net(p, X, y))(START)
    for got in (jax.hessian(f)(p, X, y), jax.jacrev(jax.grad(f))(p, X, y)):
        np.testing.assert_allclose(got, np.array(wanted, float), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("function", "x", "second"),
    [
        (lambda x: x.sigmoid(), 0.0, 0.0),  # |x| inside a sigmoid written out would give 1/8
        (lambda x: x.sigmoid(), 1.0, -0.09085774767294841),
        (lambda x: x.softplus(), 0.0, 0.25),
        (lambda x: relu(x) ** 2, -1.0, 0.0),
        (lambda x: maximum(x, 0) ** 3, 2.0, 12.0),
        (lambda x: abs(x) * x, 3.0, 2.0),
        (lambda x: x**3, 0.0, 0.0),
        (lambda x: x.gelu(), 0.0, 2 / math.sqrt(2 * math.pi)),
        (lambda x: where(x > 0, sin(x) / where(x > 0, x, 1), 1), 0.0, 0.0),
    ],
)
def test_second_derivatives_of_what_is_composite(function, x, second):
    f = compile(lambda p: function(p[0]), [Value(x)]).to_jax()
    assert jax.hessian(f)(jnp.array([x])).item() == pytest.approx(second, rel=1e-12, abs=1e-15)


def test_whole_numbers_and_singles_are_taken():
    def loss(p: Any, X: Any, y: Any) -> Any:
        return cross_entropy([[p[0] * a + p[1] * b, p[2] * a, p[3] * b] for a, b in X], y)

    X, y = [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]], [0, 2, 1]
    f = compile(loss, [Value(x) for x in (0.1, 0.2, 0.3, 0.4)], X, y).to_jax()
    p = jnp.array([0.1, 0.2, 0.3, 0.4])
    wanted = eagerly(loss, p.tolist(), X, y)
    value, gradient = jax.value_and_grad(f)(p, jnp.array(X), jnp.array(y))
    assert value.dtype == gradient.dtype == jnp.float64
    assert (float(value), gradient.tolist()) == (pytest.approx(wanted[0]), pytest.approx(wanted[1]))
    value, gradient = jax.value_and_grad(f)(p.astype("float32"), jnp.array(X, "float32"), jnp.array(y))
    assert gradient.dtype == jnp.float32
    assert gradient.tolist() == pytest.approx(wanted[1], rel=1e-5)


def test_wrong_arrays_are_named():
    f = compile(tanh_net, [Value(x) for x in START], *sample(7), batch=True).to_jax()
    X, y = map(jnp.array, sample(7))
    with pytest.raises(TypeError, match=r"y has shape \(6,\), the loss wants"):
        f(jnp.array(START), X, y[:6])
    with pytest.raises(TypeError, match=r"p has shape \(11,\), the loss wants 12"):
        jax.grad(f)(jnp.array(START[:11]), X, y)
    with pytest.raises(TypeError, match=r"wants 3 arrays \(p, X, y\), got 2"):
        f(jnp.array(START), X)


def test_what_the_loss_does_not_read_has_a_gradient_of_zero():
    program = compile(lambda p, x, unread: p[0] * x, [Value(2.0), Value(3.0)], 4.0, 5.0)
    f = program.to_jax()
    got = jax.grad(f, argnums=(0, 1, 2))(jnp.array([2.0, 3.0]), 4.0, 5.0)
    assert [np.asarray(g).tolist() for g in got] == [[4.0, 0.0], 2.0, 0.0]


# --- the contract ----------------------------------------------------------------------------------------------------

ALONE = [
    op for op in dict.fromkeys(case.op for case in CASES) if op in TABLE and not TABLE[op].variadic and op != "where"
]


@pytest.mark.parametrize("op", ALONE)
def test_rows_of_the_table(op):
    """Every function by itself, with all points at once: its value, and its derivatives by both modes."""
    from microgradnet.compiler.languages.jax_functions import FUNCTIONS

    cases = [c for c in CASES if c.op == op and not any(0.0 < math.fabs(x) < TINY for x in (*c.operands, c.value))]
    groups: dict[Any, list[Any]] = {}
    for case in cases:
        fixed = constant_places(op, len(case.operands))
        groups.setdefault(tuple(repr(x) if i in fixed else None for i, x in enumerate(case.operands)), []).append(case)
    out = []
    for constants, members in groups.items():
        free = [i for i, constant in enumerate(constants) if constant is None]
        points = np.array([[case.operands[i] for i in free] for case in members])

        def function(*x: Any, constants: Any = constants) -> Any:
            supply = iter(x)
            return FUNCTIONS[op](*[next(supply) if c is None else float(c) for c in constants])

        for transformed in (jax.grad, jax.jacfwd)[: 1 + (len(free) == 1)]:  # forward mode multiplies by tangents of 0
            values = jax.vmap(function)(*points.T)
            slopes = jax.vmap(transformed(function, tuple(range(len(free)))))(*points.T)
            for k, case in enumerate(members):
                sent: list[float | None] = [None] * len(constants)
                for i, slope in zip(free, slopes, strict=True):
                    sent[i] = float(slope[k])
                out += faults(case, float(values[k]), sent)
    assert [fault for fault in out if "e-32" not in fault] == []


TRAPS = [
    (lambda x: where(x > 0, log(x), 0), {0.0: 0.0, 2.0: 0.5}),
    (lambda x: where(x > 0, sqrt(x), 0), {0.0: 0.0, 4.0: 0.25}),
    (lambda x: where(abs(x) > 0, sin(x) / x, 1), {0.0: 0.0}),
    (lambda x: where(x < 700, exp(x), x), {1000.0: 1.0, 0.0: 1.0}),
    (lambda x: minimum(exp(x), 1), {1000.0: 0.0, 0.0: 0.5}),
    (lambda x: 1 / relu(x), {-1.0: 0.0, 2.0: -0.25}),
    (lambda x: 1 / maximum(x, 0), {-1.0: 0.0}),
    (lambda x: log(clip(x, 0, 1)), {-1.0: 0.0, 0.5: 2.0}),
    (lambda x: take([log(x), x], 1), {0.0: 1.0}),
    (lambda x: 0 * sqrt(x), {0.0: nan}),
    (lambda x: sqrt(x * x), {0.0: nan}),
]


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("trap", range(len(TRAPS)))
def test_branches_not_taken_send_nothing(trap, jitted):
    """JAX gives nan for the first nine when they are written in jax.numpy."""
    function, stated = TRAPS[trap]
    f = jax.grad(compile(lambda p: function(p[0]), [Value(0.25)]).to_jax())
    for x, wanted in stated.items():
        assert (jax.jit(f) if jitted else f)(jnp.array([x])).item() == pytest.approx(wanted, nan_ok=True), x


def test_jax_itself_gives_nan_there():
    """Otherwise the test above would show nothing."""
    assert math.isnan(jax.grad(lambda x: jnp.where(x > 0, jnp.log(x), 0.0))(0.0))


# --- the engine ------------------------------------------------------------------------------------------------------


def test_engine_is_jax_and_runs_on_doubles_whatever_jax_does():
    jax.config.update("jax_enable_x64", False)
    X, y = sample(40)
    program = compile(tanh_net, [Value(x) for x in START], X, y, engine="jax")
    assert program.engine == "jax"
    assert program.why.startswith("jax")
    value, gradient = program.value_and_grad(X, y)
    wanted = eagerly(tanh_net, START, X, y)
    assert type(value) is float
    assert {type(g) for g in gradient} == {float}
    assert (value, gradient) == (pytest.approx(wanted[0], rel=1e-14), pytest.approx(wanted[1], rel=1e-12))
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


def test_source_is_jax_and_the_same_each_time():
    X, y = sample(40)
    one, two = (compile(tanh_net, [Value(x) for x in START], X, y, engine="jax").source for _ in range(2))
    assert one == two
    assert "import jax.numpy as jnp" in one
    assert not {"np."} & {word[:3] for word in one.split()}
    namespace: dict[str, Any] = {}
    exec(one, namespace)
    value, gradient = namespace["step"](np.array(START), np.array(X), np.array(y))
    wanted = eagerly(tanh_net, START, X, y)
    assert (float(value), gradient.tolist()) == (pytest.approx(wanted[0]), pytest.approx(wanted[1]))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: optim.SGD(p, 0.05),
        lambda p: optim.SGD(p, lambda epoch: 0.1 / (1 + epoch), momentum=0.9),
        lambda p: optim.Adam(p, 0.01),
    ],
)
@pytest.mark.parametrize("by_rows", [False, True])
def test_training_is_that_of_the_numpy_engine(optimizer, by_rows):
    X, y = sample(12)
    rows = (np.array(X).reshape(3, 4, 2), np.array(y).reshape(3, 4)) if by_rows else (X, y)
    first = (rows[0][0], rows[1][0]) if by_rows else rows
    reached = []
    for engine in ("numpy", "jax"):
        p = [Value(x) for x in START]
        program = compile(tanh_net, p, *first, engine=engine)
        trained = program.train(*rows, epochs=25, optimizer=optimizer(p), every=5)
        reached.append(([v.data for v in p], trained.epochs, trained.losses))
    (p_numpy, epochs, losses), (p_jax, epochs_jax, losses_jax) = reached
    assert epochs_jax == epochs
    assert p_jax == pytest.approx(p_numpy, rel=1e-9)
    assert losses_jax == pytest.approx(losses, rel=1e-9)
    assert p_jax != START


def test_a_module_is_trained():
    model = nn.MLP(2, [4, 3], activation="tanh", seed=3)
    X, y = sample(20)
    classes = [int(t > 0) + int(t > 1) for t in y]

    def loss(model: Any, X: Any, y: Any) -> Any:
        return cross_entropy([model(x) for x in X], y)

    program = compile(loss, model, X, classes, engine="jax", batch=True)
    before = program(X, classes)
    program.train(X, classes, lr=0.5, epochs=1500)
    assert program(X, classes) < before / 2
    assert loss(model, X, classes).data == pytest.approx(program(X, classes), rel=1e-12)


def test_without_jax_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r'pip install "microgradnet\[jax\]"'):
        compile(tanh_net, [Value(x) for x in START], *sample(7), engine="jax")
    program = compile(tanh_net, [Value(x) for x in START], *sample(7))
    with pytest.raises(ImportError, match=r"jax"):
        program.to_jax()


def test_operations_of_ones_own_are_refused():
    @operation(partials=lambda y, x: 3 * x * x)
    def cube(x: float) -> float:
        return x**3

    with pytest.raises(InputError, match="cube"):
        compile(lambda p: cube(p[0]), [Value(2.0)], engine="jax")


# --- pieces ----------------------------------------------------------------------------------------------------------


def test_spread_adds_up_what_goes_to_one_place():
    from microgradnet.compiler.languages.jax_functions import places, spread

    at = places(2, 3)
    assert spread(at, (at[:, 1], 1.0), (at[0], jnp.array([1.0, 2.0, 4.0]))).tolist() == [
        [1.0, 3.0, 4.0],
        [0.0, 1.0, 0.0],
    ]
    assert spread(at, (at.T, jnp.arange(6.0).reshape(3, 2))).tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    assert spread(at, (at[1, 2], jnp.array(7.0))).tolist() == [[0.0] * 3, [0.0, 0.0, 7.0]]


@pytest.mark.parametrize("seed", range(8))
def test_random_plans_are_those_of_the_referee(seed):
    """The text, and `to_jax` under JAX's own reverse mode, beside the interpreter."""
    from plans import Maker

    from microgradnet.compiler.backprop import with_gradient
    from microgradnet.compiler.interpreter import interpret
    from microgradnet.compiler.running.to_jax import loaded, to_jax

    source = random.Random(seed)
    plan = Maker(source, smooth=True, contractions=True).plan(10)
    names = ["p", *(name for name in plan.arguments if name != "p")]
    given = {
        "p": [0.3, -1.2, 0.7, 0.4, -0.6, 1.1],
        "X": [[0.9, -0.2], [0.1, 0.5], [-1.4, 0.6]],
        "s": 0.8,
        "k": [1, 0, 1],
    }
    arrays = {name: jnp.array(given[name], float) for name in names}
    whole = with_gradient(plan, plan.arguments.get("p", argument("p", (6,))))
    wanted = interpret(whole, **arrays)
    for got in (
        loaded(whole, names, "step")(*arrays.values()),
        jax.jit(jax.value_and_grad(to_jax(plan, names)))(*arrays.values()),
    ):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * max(1.0, float(np.abs(b).max())))


def test_index_out_of_range_is_nan_as_nothing_is_there():
    from microgradnet.compiler.languages.jax_functions import choose

    assert choose(jnp.array([1.0, 2.0]), jnp.array(1)).item() == 2.0
    assert math.isnan(choose(jnp.array([1.0, 2.0]), jnp.array(2)))


# --- many devices ----------------------------------------------------------------------------------------------------


def test_the_batch_over_devices_and_over_processes(tmp_path):
    """The example: 8 virtual devices, then 2 processes, gradients equal to those of one device to rounding."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "sharded.py")], cwd=tmp_path, env=environment, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "one device: the gradient of 17 parameters over 4096 samples",
        "8 devices: each has an X of (512, 2); the same gradient, to rounding",
        "process 0 of 2: holds 2048 rows of 4096; the same gradient, to rounding",
        "process 1 of 2: holds 2048 rows of 4096; the same gradient, to rounding",
    ]


SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from examples.sharded import compiled, data, START
jax.config.update("jax_enable_x64", True)
X, y = data(64)
mesh = Mesh(jax.devices(), ("batch",))
put = lambda array, *spec: jax.device_put(array, NamedSharding(mesh, P(*spec)))
step = jax.jit(jax.value_and_grad(compiled())).lower(put(np.array(START)), put(X, "batch"), put(y, "batch")).compile()
print(len(jax.devices()), "all-reduce" in step.as_text())
"""


def test_devices_share_the_work():
    """Each device computes its rows, and a sum over all devices follows: nobody gathers the batch."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"
    }  # fmt: skip
    printed = subprocess.run(
        [sys.executable, "-c", SHARDED], env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    assert printed.stdout.split() == ["8", "True"]
