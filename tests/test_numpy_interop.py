"""NumPy and Values: code written for floats, in the article's manner, runs on Values unchanged."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import oracles
import pytest

from microgradnet import functions as F
from microgradnet.graph import Graph, walk
from microgradnet.ops import TABLE
from microgradnet.transforms import grad
from microgradnet.value import Condition, Value

PEOPLE = np.array([[-2, -1], [25, 6], [17, 4], [-15, -6]])
GENDERS = np.array([1, 0, 0, 1])


# --- the article's manner --------------------------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def mse_loss(y_true: Any, y_pred: Any) -> Any:
    return ((y_true - y_pred) ** 2).mean()


class Neuron:
    def __init__(self, weights: Any, bias: Any) -> None:
        self.weights, self.bias = weights, bias

    def feedforward(self, inputs: Any) -> Any:
        return sigmoid(np.dot(self.weights, inputs) + self.bias)


class Network:
    """Nine attributes w1 … b3, all drawn by `make`."""

    def __init__(self, make: Any) -> None:
        for attribute in ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"):
            setattr(self, attribute, make(attribute))

    def feedforward(self, x: Any) -> Any:
        h1 = sigmoid(self.w1 * x[0] + self.w2 * x[1] + self.b1)
        h2 = sigmoid(self.w3 * x[0] + self.w4 * x[1] + self.b2)
        return sigmoid(self.w5 * h1 + self.w6 * h2 + self.b3)


def random_networks(seed: int) -> tuple[Network, Network]:
    """The same numbers as plain floats and as Values."""
    rng = np.random.RandomState(seed)
    plain = Network(lambda name: rng.normal())
    return plain, Network(lambda name: Value(getattr(plain, name), name))


@pytest.mark.parametrize("seed", range(5))
def test_a_network_class_on_values(seed: int) -> None:
    plain, net = random_networks(seed)
    numbers = np.apply_along_axis(plain.feedforward, 1, PEOPLE)
    outputs = np.apply_along_axis(net.feedforward, 1, PEOPLE)
    assert outputs.shape == (4,)
    assert [v.data for v in outputs] == pytest.approx(numbers.tolist(), rel=1e-15)
    loss = mse_loss(GENDERS, outputs)
    assert loss.data == pytest.approx(mse_loss(GENDERS, numbers), rel=1e-14)
    loss.backward()
    for name, value in vars(net).items():
        h = 1e-6
        ahead, behind = random_networks(seed)[0], random_networks(seed)[0]
        setattr(ahead, name, value.data + h)
        setattr(behind, name, value.data - h)
        losses = [mse_loss(GENDERS, np.apply_along_axis(n.feedforward, 1, PEOPLE)) for n in (ahead, behind)]
        assert value.grad == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-6, abs=1e-9)
    assert {type(node.data) for node in walk(loss)} == {float}
    assert {type(o) for node in walk(loss) for o in node.operands} <= {float, Value}


def test_a_neuron_with_arrays_of_values() -> None:
    weights, bias = np.array([Value(0.0), Value(1.0)]), Value(4.0)
    y = Neuron(weights, bias).feedforward(np.array([2, 3]))
    assert y.data == pytest.approx(0.9990889488055994, rel=1e-15)
    y.backward()
    slope = y.data * (1 - y.data)
    assert [w.grad for w in weights] == pytest.approx([2 * slope, 3 * slope], rel=1e-9)
    assert bias.grad == pytest.approx(slope, rel=1e-9)
    plain = Neuron(np.array([0, 1]), 0)
    h = Value(plain.feedforward(np.array([2, 3])))
    assert Neuron(weights, 0.0).feedforward([h, h]).data == pytest.approx(0.7216325609518421, rel=1e-15)


def test_one_persons_loss() -> None:
    y_pred = Value(0.524)
    for loss in (
        mse_loss(1, y_pred),
        mse_loss(np.float64(1), y_pred),
        np.mean((1 - y_pred) ** 2),
        np.sum((1 - y_pred) ** 2),
    ):
        y_pred.grad = 0.0
        loss.backward()
        assert (loss.data, y_pred.grad) == pytest.approx((0.476**2, -2 * 0.476), rel=1e-14)


def test_training_in_the_articles_manner() -> None:
    plain, net = random_networks(3)
    for network, descend in ((plain, False), (net, True)):
        for _ in range(20):
            for x, y_true in zip(PEOPLE, GENDERS, strict=True):
                if descend:
                    loss = (y_true - network.feedforward(x)) ** 2
                    loss.backward()
                    for w in vars(network).values():
                        w.data -= 0.1 * w.grad
                        w.grad = 0.0
                else:
                    slopes = grad(lambda p, x=x, y=y_true: (y - Network(p.get).feedforward(x)) ** 2)(vars(network))
                    for name, slope in slopes.items():
                        setattr(network, name, getattr(network, name) - 0.1 * slope)
    assert [w.data for w in vars(net).values()] == pytest.approx(list(vars(plain).values()), rel=1e-12)
    emily = net.feedforward(np.array([-7, -3]))
    assert f"Emily: {emily:.3f}".startswith("Emily: 0.")
    with pytest.raises(TypeError, match=r"gradient.*v\.data"):
        print("Emily: %.3f" % emily)  # noqa: UP031


# --- operators with NumPy's scalars and arrays on either side --------------------------------------------------------

SCALARS = [
    np.float64(2.0),
    np.float32(2.0),
    np.int64(2),
    np.int8(2),
    np.float16(2.0),
    np.bool_(True),
    np.array(2.0),
    np.uint8(2),
]
OPERATORS = ["+", "-", "*", "/", "**"]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__} {getattr(s, 'dtype', '')}")
@pytest.mark.parametrize("sign", OPERATORS)
def test_numpy_scalars_on_either_side(scalar: Any, sign: str) -> None:
    for expression in (f"scalar {sign} v", f"v {sign} scalar"):
        v = Value(3.0, "v")
        code = compile(expression, "expression", "eval")
        result = eval(code, {"v": v, "scalar": scalar})
        wanted_v = Value(3.0)
        wanted = eval(code, {"v": wanted_v, "scalar": float(scalar)})
        assert type(result) is Value
        assert (result.op, result.data, type(result.data)) == (wanted.op, wanted.data, float)
        result.backward()
        wanted.backward()
        assert v.grad == wanted_v.grad
        assert {type(o) for o in result.operands} == {float, Value}


@pytest.mark.parametrize("scalar", SCALARS[:5], ids=lambda s: type(s).__name__)
def test_comparisons_with_numpy_scalars(scalar: Any) -> None:
    v = Value(3.0)
    for condition, truth in (
        (scalar < v, True),
        (scalar <= v, True),
        (scalar > v, False),
        (scalar >= v, False),
        (v < scalar, False),
        (v <= scalar, False),
        (v > scalar, True),
        (v >= scalar, True),
    ):
        assert isinstance(condition, Condition)
        assert bool(condition) is truth
    assert F.where(scalar < v, v, 0.0).partials == (None, 1.0, None)


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize(
    "array",
    [np.array([1.0, 2.0, 3.0]), np.array([[1], [2]]), np.array([2.0]), np.zeros((0, 2))],
    ids=lambda a: str(a.shape),
)
def test_arrays_of_numbers_on_either_side(sign: str, array: Any) -> None:
    v = Value(3.0)
    for expression in (f"array {sign} v", f"v {sign} array"):
        result = eval(expression, {"v": v, "array": array})
        wanted = eval(expression, {"v": 3.0, "array": array.astype(float)})
        assert isinstance(result, np.ndarray)
        assert result.shape == array.shape
        assert [x.data for x in result.flat] == wanted.ravel().tolist()
        assert {type(x.data) for x in result.flat} <= {float}


def test_arrays_of_values() -> None:
    a, b = np.array([Value(1.0), Value(2.0)]), np.array([Value(3.0), Value(4.0)])
    out = (a * b + 2 * a - b / 2 + a**2 + 2**b).sum() + np.dot(a, b) + a @ b + a.mean() + np.sum(a) + np.prod(b)
    out.backward()
    assert [v.grad for v in a] == [3 * 3 + 2 + 2 * 1 + 0.5 + 1, 3 * 4 + 2 + 2 * 2 + 0.5 + 1]
    assert b[0].grad == pytest.approx(3 * 1 - 0.5 + 8 * math.log(2) + 4, rel=1e-15)
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert [v.data for v in matrix @ a] == [5.0, 11.0]
    assert [[v.data for v in row] for row in np.outer(a, [1, 2])] == [[1.0, 2.0], [2.0, 4.0]]
    assert [v.data for v in a[::-1].cumsum()] == [2.0, 3.0]
    assert (a > 1.5).tolist() == [False, True]
    assert np.where(np.array([True, False]), a, b)[1] is b[1]
    assert np.max(a) is a[1]
    assert np.linalg.norm(b).data == 5.0
    assert np.average(a, weights=[1, 3]).data == 1.75
    assert np.array(a, dtype=object)[0] is a[0]
    assert np.var(a).data == 0.25
    assert np.std(a).data == 0.5


def test_arrays_of_values_in_place() -> None:
    v, a = Value(2.0), np.array([Value(1.0), Value(5.0)])
    a += v
    a *= np.float64(3)
    a -= np.array([1.0, 2.0])
    a /= 2
    assert [x.data for x in a] == [4.0, 9.5]
    total = np.zeros(2, dtype=object)
    total += v
    assert [x.data for x in total] == [2.0, 2.0]
    floats = np.zeros(2)
    with pytest.raises(TypeError):
        floats += v  # would drop the gradient


# --- ufuncs ----------------------------------------------------------------------------------------------------------

UFUNCS = {row.numpy: name for name, row in TABLE.items() if isinstance(getattr(np, row.numpy, None), np.ufunc)}


def test_ufuncs_cover_the_table() -> None:
    assert {
        "exp", "log", "log1p", "expm1", "log2", "log10", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
        "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "rint", "arctan2", "hypot", "maximum", "minimum",
        "sign", "absolute", "floor", "ceil", "trunc", "negative", "add", "power", "logaddexp",
    } <= set(UFUNCS)  # fmt: skip


@pytest.mark.parametrize("ufunc", sorted(UFUNCS))
def test_ufuncs_on_values_and_arrays(ufunc: str) -> None:
    function = getattr(np, ufunc)
    base = 1.25 if ufunc == "arccosh" else 0.75
    v, w = Value(base), Value(2.0)
    operands: tuple[Any, ...] = (v, w)[: function.nin]
    result = function(*operands)
    plain = [o.data for o in operands]
    assert type(result) is Value
    assert type(result.data) is float
    assert result.data == pytest.approx(float(function(*plain)), rel=1e-14)
    result.backward()
    for place, operand in enumerate(operands):
        h = 1e-6
        ahead, behind = list(plain), list(plain)
        ahead[place] += h
        behind[place] -= h
        slope = (float(function(*ahead)) - float(function(*behind))) / (2 * h)
        assert operand.grad == pytest.approx(slope, rel=1e-6, abs=1e-9)
    array = np.array([[base, 1.5], [1.1, base]])
    mixes: list[tuple[Any, ...]] = [
        (v, array),
        (array, v),
        (np.array([v, w]), w),
        (v, np.float64(2)),
        (np.float64(2), v),
        (2, v),
    ]
    for mix in mixes if function.nin == 2 else []:
        told = function(*mix)
        wanted = function(*[oracle_floats(m) for m in mix])
        assert np.shape(told) == np.shape(wanted)
        assert [x.data for x in np.ravel(np.array(told, dtype=object))] == pytest.approx(
            np.ravel(wanted).tolist(), rel=1e-14
        )
    if function.nin == 1 and ufunc not in ("sign", "positive"):
        objects = function(np.array([v, w if ufunc not in ("arcsin", "arccos", "arctanh") else v]))
        assert objects.shape == (2,)
        assert objects[0].data == result.data


def oracle_floats(x: Any) -> Any:
    return (
        x.data
        if isinstance(x, Value)
        else np.array([v.data for v in x])
        if getattr(x, "dtype", None) is np.dtype(object)
        else x
    )


def test_ufuncs_of_the_tie_and_of_nan_share_the_tables_rule() -> None:
    a, b = Value(1.0), Value(1.0)
    np.maximum(a, b).backward()
    assert (a.grad, b.grad) == (0.5, 0.5)
    assert math.isnan(np.maximum(Value(math.nan), 1.0).data)
    assert [v.data for v in np.minimum(a, np.array([0.5, 2.0]))] == [0.5, 1.0]
    for clipped in (np.clip(Value(5.0), 0, 1), np.clip(Value(5.0), 0.0, np.float64(1))):
        assert (type(clipped), clipped.data) == (Value, 1.0)
    assert np.clip(Value(0.5), 0, 1).partials[0] == 1.0


def test_other_ufuncs() -> None:
    v = Value(2.0)
    for result, data in (
        (np.square(v), 4.0),
        (np.reciprocal(v), 0.5),
        (np.exp2(v), 4.0),
        (np.positive(v), 2.0),
        (np.fabs(-v), 2.0),
        (np.true_divide(1, v), 0.5),
        (np.float_power(v, 2), 4.0),
        (np.conjugate(v), 2.0),
    ):
        assert (type(result), result.data) == (Value, data)
    assert (np.isnan(v), np.isinf(v), np.isfinite(v)) == (False, False, True)
    assert np.isnan(Value(math.nan))
    assert np.isinf(Value(-math.inf))
    assert not np.isfinite(Value(math.nan))
    assert not np.isfinite(Value(math.inf))
    for condition in (np.less(v, 3), np.less_equal(v, 3), np.greater(3, v), np.greater_equal(np.float64(3), v)):
        assert isinstance(condition, Condition)
        assert condition


@pytest.mark.parametrize(
    "ufunc", [np.cbrt, np.floor_divide, np.mod, np.heaviside, np.bitwise_and, np.equal, np.logical_and, np.copysign]
)
def test_ufuncs_that_the_table_lacks_are_refused(ufunc: Any) -> None:
    with pytest.raises(TypeError):
        ufunc(*[Value(2.0), 1.0][: ufunc.nin])


def test_options_that_cannot_be_kept_are_refused() -> None:
    v = Value(2.0)
    with pytest.raises(TypeError):
        np.exp(v, dtype=np.float32)
    with pytest.raises(TypeError):
        np.add(v, 1.0, out=np.zeros(1))
    with pytest.raises(TypeError):
        np.multiply.outer(v, np.array([1.0, 2.0]))
    with pytest.raises(TypeError):
        np.add(v, np.array(["a"]))


def test_arrays_of_no_dimensions() -> None:
    v = Value(2.0)
    box = np.asarray(v)
    assert box.dtype == object
    for result in (box * v, v * box, box + 1, np.exp(box), box - np.float64(1)):
        assert type(result) is Value
    assert Graph(box * v).gradient()[0] == 4.0


def test_nothing_leaves_numpys_floats_behind() -> None:
    x = np.float64(0.3)
    v = Value(x)
    out = (
        F.where(np.float64(1) > v, np.exp(v) * x + x**v, x)
        + F.dot([v], np.array([x]), x)
        + F.sum(np.array([x, x]))
        + F.clip(v, x, np.float32(2))
    )
    out = (
        out
        + F.maximum(x, v)
        + F.leaky_relu(v, x)
        + F.take([v, x], np.int64(1))
        + F.logsumexp(np.array([x, v]))
        + np.mean(np.array([v, x]))
    )
    out.backward(np.float64(2.0))
    for node in walk(out):
        assert type(node.data) is (bool if isinstance(node, Condition) else float)
        assert type(node.grad) is float
        assert all(type(o) in (float, Value, Condition) for o in node.operands)
        assert all(p is None or type(p) is float for p in getattr(node, "partials", ()))
    for plain in (
        F.exp(x),
        F.maximum(x, 1),
        F.mean(np.array([x])),
        F.softmax(np.array([x, x]))[0],
        F.where(np.bool_(True), x, 1),
        abs(x) and F.abs(x),
    ):
        assert type(plain) is float


@pytest.mark.filterwarnings("error")
def test_no_warnings_from_arithmetic() -> None:
    zero, huge = np.float64(0.0), np.float64(1e300)
    v = Value(0.0)
    assert (np.float64(1) / v).data == math.inf
    assert (1 / Value(zero)).data == math.inf
    assert (Value(huge) * huge).data == math.inf
    assert (huge * Value(huge)).data == math.inf
    assert np.log(v).data == -math.inf
    assert math.isnan(np.sqrt(Value(-1.0)).data)
    assert [x.data for x in v / np.array([0.0, 1.0])][1] == 0.0


def test_numpy_is_not_needed() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import microgradnet\n"
        "from microgradnet.value import Value; from microgradnet import functions as F\n"
        "from microgradnet.transforms import grad, hessian, jvp; from microgradnet.graph import Graph\n"
        "x = Value(2.0, 'x'); y = F.dot([x, x], [1.0, x]) + F.where(x > 1, x, 0.0) + F.logsumexp([x, 1])\n"
        "y.backward(); print(y.data, Graph(y).gradient()[0] == x.grad)\n"
        "print(hessian(lambda v: v[0] ** 3)([2.0]), jvp(F.sin, (0.0,), (1.0,)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(oracles.HERE.parent)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["True", "[[12.0]]", "(0.0,", "1.0)"]


def test_import_does_not_load_numpy() -> None:
    heavy = ("numpy", "rich", "graphviz", "matplotlib")
    code = f"import sys, microgradnet; print([m for m in sys.modules if m.split('.')[0] in {heavy}])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(oracles.HERE.parent)}
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
