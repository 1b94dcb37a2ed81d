"""`microgradnet compare`: homework in files and formulas; the exit status says agree, differ or unusable."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from microgradnet.cli import main
from microgradnet.cli.script import derivations

REPOSITORY = Path(__file__).resolve().parent.parent
Run = Callable[..., tuple[int, str, str]]

NETWORK = '''
"""A network with its training."""

import math
import sys
from dataclasses import dataclass, field

from units import half_of


def sigmoid(s):
    return 1 / (1 + math.e ** (-s))


@dataclass
class Neuron:
    w: float = 0.5
    b: float = 0.25


class Network:
    rate = 0.1

    def __init__(self):
        self.w1, self.w2, self.b = 0.5, -1.25, 0.125
        self.steps = 0

    def train(self, data, answers, epochs=2):
        for _ in range(epochs):
            for (x1, x2), y in zip(data, answers):
                self.steps += 1
                s = self.w1 * x1 + self.w2 * x2 + self.b
                p = sigmoid(s)
                d_L_d_p = half_of(4) * (p - y)
                d_p_d_s = p * (1 - p)
                d_s_d_w1 = x1
                d_s_d_w2 = x2
                self.w1 -= self.rate * d_L_d_p * d_p_d_s * d_s_d_w1
                self.w2 -= self.rate * d_L_d_p * d_p_d_s * d_s_d_w2
                self.b -= self.rate * d_L_d_p * d_p_d_s


def alone(neuron, x, y):
    p = neuron.w * x + neuron.b
    loss = (p - y) ** 2
    dp = 2 * (p - y)
    dw = dp * x
    db = dp
    return dw, db


data = [(2.0, 1.0), (-1.0, 0.5), (0.25, -2.0)]
answers = [1, 0, 1]
network = Network()
network.train(data, answers, 3)
neuron = Neuron()
print("trained", network.steps, __name__, sys.argv, __file__)
'''
LOSS = "(p - y)**2"
TRAIN = ("compare", "network.py:network.train", "--args", "data,answers")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with homework in it: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    write("units.py", "def half_of(x):\n    return x / 2\n")
    write("network.py", NETWORK)
    write("wrong.py", NETWORK.replace("d_s_d_w2 = x2", "d_s_d_w2 = x1"))

    def of(*argv: str) -> tuple[int, str, str]:
        before = sys.modules["__main__"], sys.argv, sys.path[:], os.getcwd()
        try:
            status = main(argv)
            assert (sys.modules["__main__"], sys.argv, sys.path, os.getcwd()) == before
        finally:
            sys.modules.pop("units", None)
        out, err = capsys.readouterr()
        return status, out, err

    return of


def write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


# --- a file -------------------------------------------------------------------------------------------------------


def test_right_homework_agrees(run: Run) -> None:
    status, out, err = run(*TRAIN, "--loss", LOSS)
    assert (status, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == f"trained 9 __main__ ['network.py'] {Path('network.py').absolute()}"
    assert rest[0] == "Network.train in network.py"
    named = {line.split()[1] for line in rest if "equal" in line}
    assert named == {"d_L_d_p", "d_p_d_s", "d_s_d_w1", "d_s_d_w2"}


def test_wrong_homework_differs_and_the_line_is_shown(run: Run) -> None:
    status, out, err = run("compare", "wrong.py:network.train", "--args", "data,answers,epochs=1", "--loss", LOSS)
    assert (status, err) == (1, "")
    number = 1 + NETWORK.splitlines().index("                d_s_d_w2 = x2")
    assert f"First wrong line: wrong.py, line {number}" in out
    assert "d_s_d_w2 = x1" in out.splitlines()[out.splitlines().index(next(
        line for line in out.splitlines() if line.startswith("First wrong line"))) + 1]  # fmt: skip


def test_json_is_the_report_alone(run: Run) -> None:
    status, out, err = run("compare", "wrong.py:network.train", "--args", "data,answers", "--loss", LOSS, "--json")
    assert status == 1
    assert err.startswith("trained 9 __main__")
    told = json.loads(out)
    assert told["ok"] is False
    assert told["file"] == "wrong.py"
    assert [finding["name"] for finding in told["findings"]] == ["d_s_d_w2"]


def test_a_function_with_an_object_of_the_files_own_class(run: Run) -> None:
    status, out, err = run("compare", "network.py:alone", "--args", "neuron,2.0,y=1.5")
    assert (status, err) == (0, "")
    assert "∂loss/∂" in out
    assert {"dp", "dw", "db"} <= {line.split()[1] for line in out.splitlines() if "equal" in line}
    assert run("compare", "network.py:alone", "--args", "neuron, -2.0, 1e-1", "--loss", "loss")[0] == 0


def test_forward_and_backward_in_two_methods_and_a_folder_that_changes(run: Run) -> None:
    homework = (REPOSITORY / "tests" / "homework" / "two_methods.py").read_text("utf-8")
    more = (
        "import os\nrng = np.random.default_rng(0)\nnet = Network(3, 3, 2, rng)\n"
        "x, y = rng.normal(size=(5, 3)), rng.uniform(0.1, 0.9, size=(5, 2))\nos.chdir('/')\n"
    )
    write("two.py", homework + more)
    assert run("compare", "two.py:net.train_once", "--args", "x,y,lr=0.1")[::2] == (0, "")
    write("two.py", homework.replace("self.x.T @ self.dz1", "-self.x.T @ self.dz1") + more)
    status, out, _ = run("compare", "two.py:net.train_once", "--args", "x,y", "--json")
    assert status == 1
    assert [finding["name"] for finding in json.loads(out)["findings"]] == ["self.dW1"]


def test_the_module_is_found_by_its_name_while_the_code_is_checked(run: Run) -> None:
    write("own.py", "import pickle, sys\n"
          "class Pair:\n    factor = 2.0\n    def __init__(self): self.w = 3.0\n"
          "def f(pair, x):\n"
          "    again = pickle.loads(pickle.dumps(Pair()))\n"
          "    assert type(again) is sys.modules['__main__'].Pair\n"
          "    loss = (pair.factor * pair.w * x) ** 2\n"
          "    dw = 2 * pair.factor * pair.w * x * pair.factor * x\n"
          "pair = Pair()\n")  # fmt: skip
    status, out, err = run("compare", "own.py:f", "--args", "pair,1.5")
    assert (status, err) == (0, ""), out


def test_whole_numbers_are_lifted_if_said(run: Run) -> None:
    write("whole.py", "def f(x):\n    loss = x**2\n    dx = 2*x\n")
    assert run("compare", "whole.py:f", "--args", "3.0")[0] == 0
    status, out, err = run("compare", "whole.py:f", "--args", "3")
    assert status == 2
    assert "Nothing was compared." in out
    assert err.startswith("microgradnet: nothing was compared; derivatives are found by names such as")
    assert len(err.splitlines()) == 1
    assert run("compare", "whole.py:f", "--args", "3", "--lift", "x")[0] == 0


def test_names_that_say_nothing_can_be_explained(run: Run) -> None:
    write("delta.py", "def f(z):\n    loss = z**3\n    delta = 3*z**2\n    return delta\n")
    assert run("compare", "delta.py:f", "--args", "1.5")[0] == 2
    assert run("compare", "delta.py:f", "--args", "1.5", "--names", "delta=loss/z")[0] == 0
    write("delta.py", "def f(z):\n    loss = z**3\n    delta = 2*z**2\n    return delta\n")
    assert run("compare", "delta.py:f", "--args", "1.5", "--names", "delta=loss/z", "--points", "2")[0] == 1


def test_a_loss_of_arrays_of_one_number(run: Run) -> None:
    write("one.py", "import numpy as np\nw = np.array([1.5])\ndef f(w):\n    p = w * 3.0\n    dw = 2 * p * 3.0\n")
    assert run("compare", "one.py:f", "--args", "w", "--loss", "p**2")[0] == 0


def test_a_file_in_another_encoding_that_takes_the_output_away(run: Run) -> None:
    text = "# coding: cp1251\nimport sys\nsys.stdout = None\ndef f(x):\n    loss = x**2\n    dx = 3*x  # при\n"
    Path("old.py").write_bytes(text.encode("cp1251"))
    status, out, err = run("compare", "old.py:f", "--args", "2.0")
    assert (status, err) == (1, "")
    assert "dx = 3*x  # при" in out


def test_code_that_raises_before_anything_was_compared(run: Run) -> None:
    write("raises.py", "def f(x):\n    loss = x**2\n    raise KeyError(x)\n    dx = 2*x\n")
    status, out, err = run("compare", "raises.py:f", "--args", "3.0")
    assert status == 2
    assert "KeyError" in out
    assert err == "microgradnet: nothing was compared, as the code raises an exception first\n"


def test_what_to_name_is_said_without_running_the_file(run: Run) -> None:
    status, out, err = run("compare", "network.py")
    assert (status, out) == (2, "")
    assert err == (
        "microgradnet: network.py: say what to check, as in network.py:network.train; names like derivatives are in "
        "network.train (d_L_d_p, d_p_d_s, d_s_d_w1, d_s_d_w2); alone (dp, dw, db); "
        "where forward and backward are apart, name what calls both\n"
    )
    assert derivations("units.py") == []
    assert "no function in it has names like derivatives" in run("compare", "units.py:")[2]


FILES = {
    "exits": "import sys\nsys.exit('enough')\n",
    "fails": "w = 1\ndef g():\n    return 1 / 0\ng()\n",
    "endless": "def g(n):\n    return g(n + 1)\ng(0)\n",
    "syntax": "w = 1\ndef g(:\n    pass\n",
    "imports": "import nothing_of_this_name\n",
    "waits": "async def f(x):\n    dx = 2*x\n",
    "coding": "# coding: nonsense\n",
    "shy": "class Shy(Exception):\n    def __str__(self):\n        raise ValueError\nraise Shy\n",
    "leaves": "import sys\ndef f(x):\n    loss = x**2\n    dx = 2*x\n    sys.exit(3)\n",
    "arrays": "import numpy as np\nw = np.array([1.0, 2.0])\ndef f(w):\n    p = w * 3.0\n    dw = 2 * p * 3.0\n",
    "property": "class A:\n    @property\n    def f(self):\n        raise ValueError('no')\na = A()\n",
}
WHERE = "network.py:network.train"
BAD_FILES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "missing": (("no.py:f",), ["no.py: there is no such file"]),
    "missing, nothing named": (("no.py",), ["no.py: there is no such file"]),
    "folder": (("folder.py:f",), ["folder.py is a folder"]),
    "not Python": (("data.csv:f",), ["data.csv is not a Python file", "ends in .py"]),
    "binary": (("binary.py:f",), ["binary.py", "this is not Python"]),
    "exits": (("exits.py:f",), ["exits.py, line 2:", "SystemExit: enough"]),
    "fails": (("fails.py:f",), ["fails.py, line 3:", "ZeroDivisionError: division by zero", "python fails.py"]),
    "endless": (("endless.py:f",), ["endless.py, line 2:", "RecursionError"]),
    "syntax": (("syntax.py:f",), ["syntax.py, line 2: this is not Python: invalid syntax"]),
    "imports": (("imports.py:f",), ["imports.py, line 1:", "ModuleNotFoundError"]),
    "async": (("waits.py:f", "--args", "2.0"), ["f does not run when it is called"]),
    "unknown encoding": (("coding.py:f",), ["coding.py: this is not Python, or", "unknown encoding: nonsense"]),
    "wrong encoding": (("cp1251.py:f",), ["cp1251.py: this is not Python, or not in the encoding that it names"]),
    "str fails": (("shy.py:f",), ["shy.py, line 4:", "Shy"]),
    "the code leaves": (("leaves.py:f", "--args", "2.0"), ["leaves.py, line 5: the code ends the program", "3"]),
    "property": (("property.py:a.f",), ["property.py: a.f cannot be read: ValueError: no"]),
    "no object": (("network.py:netwrok.train",), ["network.py: there is no netwrok; the file has network, Network,"]),
    "no method": (("network.py:network.trian",), ["network has no trian; it has train, "]),
    "no name": (("network.py:network.train()",), ["'network.train()' is no name"]),
    "class": (("network.py:Network",), ["Network is a class; name a method of an object: network.train"]),
    "class without objects": (("property.py:A.f",), ["A.f is of type property"]),
    "object": (("network.py:network",), ["network is an object; name its method: network.train"]),
    "number": (("network.py:network.w1",), ["network.w1 is of type float"]),
    "builtin": (("network.py:math.exp",), ["math.exp is of type builtin_function_or_method"]),
    "no argument": ((WHERE, "--args", "data,answer"), ["network.py: there is no answer; the file has answers,"]),
    "too few": ((WHERE, "--args", "data"), ["network.train cannot be called so: missing", "'answers'", "epochs=2"]),
    "too many": ((WHERE, "--args", "data,answers,1,2"), ["network.train cannot be called so: too many"]),
    "twice": ((WHERE, "--args", "data=data,data=data"), ["--args: data is given twice"]),
    "empty argument": ((WHERE, "--args", "data,,"), ["'data,,' has nothing between two commas"]),
    "half an argument": ((WHERE, "--args", "data="), ["--args: 'data=' is no argument"]),
    "a text as argument": ((WHERE, "--args", "__import__('os')"), ["--args", "is no name"]),
    "unknown in the loss": ((WHERE, "--args", "data,answers", "--loss", "(q - y)**2"), ["loss wants 'q'"]),
    "hostile loss": ((WHERE, "--loss", "__import__('os').system('touch x')"), ["--loss", "no such function"]),
    "broken loss": ((WHERE, "--loss", "(p - y"), ["--loss: this is no formula: '(' was never closed"]),
    "loss without names": ((WHERE, "--loss", "2 * 3"), ["--loss '2 * 3' has no variable of the code"]),
    "empty loss": ((WHERE, "--loss", ""), ["--loss: the expression is empty"]),
    "loss of arrays": (("arrays.py:f", "--args", "w", "--loss", "p**2"),
                       ["--loss: p is an array of shape (2,)", "a variable that holds the loss"]),
    "names without =": ((WHERE, "--names", "delta"), ["--names wants a name, = and a value", "'delta'"]),
    "names without /": ((WHERE, "--names", "delta=z"), ["--names: delta=z wants two names"]),
    "names twice": ((WHERE, "--names", "d=a/b,d=a/c"), ["--names: d is given twice"]),
    "iterations": ((WHERE, "--args", "data,answers", "--iterations", "0"), ["iterations must be at least 1"]),
    "an option of formulas": ((WHERE, "--at", "w=1"), ["--at belongs to a formula"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "said"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_files_that_cannot_be_used(run: Run, argv: tuple[str, ...], said: list[str]) -> None:
    for name, text in FILES.items():
        write(f"{name}.py", text)
    Path("folder.py").mkdir()
    Path("binary.py").write_bytes(b"x = 1\x00")
    Path("cp1251.py").write_bytes("# при\n".encode("cp1251"))
    write("data.csv", "a,b\n1,2\n")
    status, out, err = run("compare", *argv)
    assert status == 2
    assert out.startswith("trained") or not out
    assert len(err.splitlines()) == 1
    assert err.startswith("microgradnet: ")
    assert all(part in err for part in said), err


def test_a_method_named_by_its_class_is_told_from_one_of_an_object(run: Run) -> None:
    status, _, err = run("compare", "network.py:Network.train", "--args", "data,answers")
    assert status == 2
    assert "missing a required argument: 'answers'; it takes by --args: self, data, answers, epochs=2" in err
    assert err.endswith("; name it as the method of an object: network.train\n")


def test_output_and_errors_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("import sys\nprint('ж')\nprint('err', file=sys.stderr)\n"
                                   "def f(x):\n    loss = x**2\n    dx = 3*x\n", encoding="utf-8")  # fmt: skip
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    finished = subprocess.run(
        [sys.executable, "-m", "microgradnet", "compare", "f.py:f", "--args", "2.0"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False,
    )  # fmt: skip
    out = finished.stdout.decode("utf-8").splitlines()
    assert finished.returncode == 1
    assert finished.stderr.decode("utf-8").split() == ["err"]
    assert out[0] == "ж"
    assert "First wrong line: f.py, line 6" in "\n".join(out)


# --- a formula ----------------------------------------------------------------------------------------------------

SQUARE = ("compare", "L = (y - w*x)**2", "--at", "w=1.5,x=-2", "--at", "y=3")


def test_autograd_beside_finite_differences(run: Run) -> None:
    status, out, err = run("compare", "(y - sigmoid(w*x))**2", "--at", "w=1,x=-2,y=1")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["∂L/∂y", "∂L/∂w", "∂L/∂x"]
    assert "by hand" not in out


def test_a_formula_by_hand(run: Run) -> None:
    assert run(*SQUARE, "--by-hand", "w=-2*x*(y - w*x)", "--by-hand", "x=-18.0", "--by-hand", "y=12")[::2] == (0, "")
    status, out, _ = run(*SQUARE, "--by-hand", "w=2*x*(y - w*x)", "--by-hand", "x=-18")
    assert status == 1
    row = next(line for line in out.splitlines() if line.startswith("∂L/∂w"))
    assert row.split()[1:3] == ["24", "-24"]
    assert "disagree on 1 of 2: w" in out


def test_the_cause_is_looked_for_at_several_points(run: Run) -> None:
    """At w = x = 2 a forgotten factor x looks like a forgotten 2; a formula can be asked elsewhere, a number cannot."""
    at = ("--at", "w=2,x=2,y=1")
    _, out, _ = run("compare", "(w*x - y)**2", *at, "--by-hand", "w=2*(w*x - y)", "--json")
    cause = json.loads(out)["lines"][0]["cause"]
    assert cause["kind"] in ("factor", "other")
    assert "x" in cause["sentence"]
    assert cause["of"] > 1


def test_steps_have_names_and_factors(run: Run) -> None:
    steps = ("compare", "p = sigmoid(w*x); L = (y - p)**2", "--at", "w=1,x=-2,y=1")
    status, out, _ = run(*steps, "--by-hand", "dL_dp=-2*(y - p)", "--by-hand", "dp_dw=x*p*(1 - p)")
    assert status == 0
    assert "∂p/∂w" in out
    status, out, _ = run(*steps, "--by-hand", "dL_dp=-2*(y - p)", "--by-hand", "dp_dw=p*(1 - p)", "--json")
    assert status == 1
    assert [(line["of"], line["name"], line["agrees"]) for line in json.loads(out)["lines"]] == [
        ("L", "p", True), ("p", "w", False),
    ]  # fmt: skip


def test_the_root_is_called_as_it_is_named(run: Run) -> None:
    assert json.loads(run("compare", "w*x", "--at", "w=1,x=2", "--json")[1])["of"] == "L"
    assert json.loads(run("compare", "cost = w*x", "--at", "w=1,x=2", "--json")[1])["of"] == "cost"
    assert json.loads(run("compare", "L*x", "--at", "L=1,x=2", "--json")[1])["of"] == "result"
    assert json.loads(run("compare", " -w*x", "--at", "w=1,x=2", "--json")[1])["lines"][0]["autograd"] == -2


def test_options_reach_the_comparison(run: Run) -> None:
    assert run(*SQUARE, "--by-hand", "w=23.9")[0] == 1
    assert run(*SQUARE, "--by-hand", "w=23.9", "--significant", "2")[0] == 0
    for given in ((), ("--steps", "0.5"), ("--steps", "w=0.5")):  # sin(100 w) swings eight times within that step
        told = json.loads(run("compare", "sin(100*w)", "--at", "w=0.1", *given, "--json")[1])["lines"][0]
        assert (abs(told["finite_difference"] - 100 * math.cos(10)) < 1e-3) is (not given)
    assert json.loads(run(*SQUARE, "--sources", "finite", "--json")[1])["sources"] == ["finite"]


def test_nothing_decided_is_no_agreement(run: Run) -> None:
    """Two paths of 3e8 cancel: a derivative of 1e-5 is less than what rounding does to them, one of 1 is not."""
    cancels = ("compare", "1e8*x*3 - 3e8*x", "--at", "x=0.1", "--by-hand")
    status, out, err = run(*cancels, "x=1e-5")
    assert (status, "disagree" in out) == (2, False)
    assert "not decidable here" in out
    assert err == "microgradnet: nothing could be decided here; try other numbers\n"
    status, out, err = run(*cancels, "x=1")
    assert (status, "disagree on 1 of 1: x" in out, err) == (1, True, "")


BAD_FORMULAS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "hostile": (("__import__('os')",), ["the formula: no such function __import__", "at '__import__'"]),
    "attribute": (("w.data", "--at", "w=1"), ["a formula has no attributes: w.data"]),
    "empty": (("",), ["the expression is empty"]),
    "empty step": (("p = w;", "--at", "w=1"), ["only a name"]),
    "nested": (("(" * 3000 + "w" + ")" * 3000, "--at", "w=1"), ["the formula: this is no formula: too many nested"]),
    "no names": (("2 * 3",), ["'2 * 3' has no names"]),
    "only a name": (("w", "--at", "w=1"), ["'w' is only a name"]),
    "comparison": (("w < x", "--at", "w=1,x=2"), ["a comparison is no number"]),
    "equation": (("w == x", "--at", "w=1,x=2"), ["a formula compares by"]),
    "no number": (("w*x", "--at", "w=1"), ["no number was given for x"]),
    "at without =": (("w*x", "--at", "w=1,x"), ["--at wants a name, = and a value", "'x'"]),
    "at without a number": (("w*x", "--at", "w=1,x=two"), ["--at: x wants a number", "'two'"]),
    "at nan": (("w*x", "--at", "w=1,x=nan"), ["--at: x wants a number", "'nan'"]),
    "at twice": (("w*x", "--at", "w=1,x=2", "--at", "w=3"), ["--at: w is given twice"]),
    "at unused": (("w*x", "--at", "w=1,x=2,q=3"), ["--at: q is not in the formula; its names are w, x"]),
    "by hand unknown": (("w*x", "--at", "w=1,x=2", "--by-hand", "q=1"), ["by_hand: 'q' not in the graph"]),
    "by hand of unknown": (("w*x", "--at", "w=1,x=2", "--by-hand", "w=q"), ["wants 'q'"]),
    "by hand twice": (("w*x", "--at", "w=1,x=2", "--by-hand", "w=2", "--by-hand", "w=3"), ["--by-hand: w is given"]),
    "by hand hostile": (("w*x", "--at", "w=1,x=2", "--by-hand", "w=open('x','w')"), ["--by-hand w: no such function"]),
    "by hand without =": (("w*x", "--at", "w=1,x=2", "--by-hand", "w"), ["--by-hand wants a name, = and a value"]),
    "source": (("w*x", "--at", "w=1,x=2", "--sources", "tf"), ["'tf' is not a source; choose from 'finite',"]),
    "significant": (("w*x", "--at", "w=1,x=2", "--significant", "0"), ["significant", "1 to 17"]),
    "step": (("w*x", "--at", "w=1,x=2", "--steps", "-1"), ["steps", "positive"]),
    "step of": (("w*x", "--at", "w=1,x=2", "--steps", "w=a"), ["--steps: w wants a number"]),
    "nameless step": (("w*x; L = w", "--at", "w=1,x=2"), ["step 1 of the formula has no name"]),
    "name used": (("w = w*x", "--at", "w=1,x=2"), ["w has a number already"]),
    "name used by a step": (("p = w*2; p = p*2", "--at", "w=1"), ["p has a number already"]),
    "an option of files": (("w*x", "--at", "w=1,x=2", "--loss", "w"), ["--loss belongs to FILE.py:OBJECT.METHOD"]),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "said"), BAD_FORMULAS.values(), ids=BAD_FORMULAS.keys())
def test_formulas_that_cannot_be_used(run: Run, argv: tuple[str, ...], said: list[str]) -> None:
    before = sorted(os.listdir())
    status, out, err = run("compare", *argv)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("microgradnet: ")
    assert all(part in err for part in said), err
    assert sorted(os.listdir()) == before


def test_a_huge_formula(run: Run) -> None:
    text = " + ".join(["w*x"] * 500)
    status, out, _ = run("compare", text, "--at", "w=1,x=2", "--by-hand", "w=1000", "--json")
    assert status == 0
    assert json.loads(out)["lines"][0]["autograd"] == 1000


def test_the_help_has_options_examples_and_exit_status(run: Run) -> None:
    status, out, _ = run("compare", "--help")
    assert status == 0
    for part in ("FILE.py:OBJECT.METHOD", "--args", "--loss", "--at", "--by-hand", "exit status: 0", "examples:"):
        assert part in out
    assert run("compare")[0] == 2
