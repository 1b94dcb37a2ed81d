"""`microgradnet explain`: the derivation of a formula in its four forms; hostile input is one sentence and status 2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from microgradnet import formula
from microgradnet.cli import main
from microgradnet.finite import central

Run = Callable[..., tuple[int, str, str]]

LOSS = "L = (y - sigmoid(w*x + b))**2"
AT = {"w": 1.0, "x": -2.0, "b": 0.5, "y": 1.0}
AT_OPTION = ",".join(f"{name}={x:g}" for name, x in AT.items())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return call


def slope(name: str) -> float:
    """∂L/∂name by finite differences of the formula."""
    return central(lambda x: formula("(y - sigmoid(w*x + b))**2", AT | {name: x}).data, AT[name], 1e-3)[0]


def test_the_last_line_is_the_derivative(run: Run) -> None:
    status, out, err = run("explain", LOSS, "--wrt", "w", "--at", AT_OPTION, "--digits", "9")
    assert (status, err) == (0, "")
    last = [line for line in out.splitlines() if line.startswith("∂L/∂w = ")][-1]
    assert float(last.rpartition(" = ")[2]) == pytest.approx(slope("w"), rel=1e-7)
    assert max(map(len, out.splitlines())) <= 80


def test_several_names_have_a_section_each(run: Run) -> None:
    status, out, _ = run("explain", LOSS, "--wrt", "w, b", "--at", AT_OPTION, "--json")
    assert status == 0
    sections = {section["name"]: section["value"] for section in json.loads(out)["sections"] if section["name"]}
    assert sections == {name: pytest.approx(slope(name), rel=1e-7) for name in ("w", "b")}


def test_without_a_name_every_leaf_is_told(run: Run) -> None:
    status, out, _ = run("explain", LOSS, "--at", AT_OPTION, "--digits", "8")
    assert status == 0
    for name in AT:
        (line,) = [line for line in out.splitlines() if re.match(rf"∂L/∂{name} +=", line)]
        assert float(line.rpartition(" = ")[2]) == pytest.approx(slope(name), rel=1e-6)


@pytest.mark.parametrize(("option", "mark"), [("--latex", r"\begin{aligned}"), ("--markdown", "$$")])
def test_forms(run: Run, option: str, mark: str) -> None:
    status, out, _ = run("explain", LOSS, "--wrt", "w", "--at", AT_OPTION, option)
    assert status == 0
    assert mark in out
    assert r"\frac{\partial L}{\partial w}" in out


def test_in_russian(run: Run) -> None:
    assert "сигмоида" in run("explain", LOSS, "--wrt", "w", "--at", AT_OPTION, "--lang", "ru")[1]


def test_the_formula_alone(run: Run) -> None:
    assert run("explain", "x**3 + 2*x", "--formula", "--wrt", "x", "--at", "x=1")[1] == "∂L/∂x = 3 x^2 + 2\n"
    out = run("explain", "x*y", "--formula", "--wrt", "x,y", "--at", "x=1,y=2", "--json")[1]
    assert json.loads(out) == {"x": "y", "y": "x"}
    assert run("explain", "x*x", "--formula", "--wrt", "x", "--at", "x=1", "--latex")[1].strip().endswith(r"= 2 \, x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("w*x",), "'w'"),
        (("w*x", "--at", "w=1,x=2", "--wrt", "q"), "'q' is not in this graph"),
        (("w*x", "--at", "w=1,x=2", "--wrt", ","), "nothing between two commas"),
        (("w*x", "--at", "w=1,x=2", "--formula"), "--wrt"),
        (("w*x", "--at", "w=1,x=2", "--digits", "99"), "digits"),
        (("w.__class__", "--at", "w=1"), "attributes"),
        (("__import__('os').system('x')", "--at", "w=1"), "formula"),
        (("w*" * 5000 + "w", "--at", "w=nan"), "number"),
        (("'<script>'", "--at", "w=1"), "formula"),
        (("", "--at", "w=1"), "empty"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run("explain", *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith("microgradnet: ")
    assert err.count("\n") == 1
