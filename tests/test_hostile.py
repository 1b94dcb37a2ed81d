"""What an attack with bad input once broke: each case ends in one sentence, and nothing is lost in silence."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from microgradnet import Graph, InputError, Value, compare, draw, formula, sum
from microgradnet.cli import main
from microgradnet.nn import MLP


@pytest.mark.parametrize("number", [np.ma.masked, np.ma.array([1.0], mask=[True]), float, Decimal("sNaN")])
def test_what_only_looks_like_a_number_is_refused(number: Any) -> None:
    with pytest.raises(TypeError, match="one real number"):
        Value(number)


def test_a_masked_operand_stays_masked() -> None:
    assert Value(2.0) * np.ma.masked is np.ma.masked


@pytest.mark.parametrize("label", [5, ["a"], {"a": 1}])
def test_a_label_of_another_kind_is_named_where_labels_are_read(label: Any) -> None:
    v = Value(1.0)
    v.label = label
    assert repr(v * 2).startswith("Value(2.0")
    for reader in (Graph, draw, compare):
        with pytest.raises(TypeError, match="a label is a text, got"):
            reader(v * 2)


def test_a_class_is_no_value() -> None:
    with pytest.raises(TypeError, match="Graph wants a Value"):
        Graph(Value)


def test_too_many_derivatives_are_refused_with_the_cure() -> None:
    total = sum([Value(1.0) for _ in range(10_000)])
    with pytest.raises(InputError, match=r"10000 derivatives .* by_hand"):
        compare(total)


def test_a_number_too_large_for_a_float_in_a_state() -> None:
    model = MLP(1, [1])
    before = model.state_dict()
    with pytest.raises(InputError, match="too large for a float"):
        model.load_state_dict(before | {"layers.0.neurons.0.bias": 10**400})
    assert model.state_dict() == before


def test_comparisons_are_no_numbers_in_a_formula() -> None:
    with pytest.raises(InputError, match="column 5: a comparison is no number"):
        formula("exp(1 < 2)", {})
    assert formula("where(1 < 2, 3, 4)", {}).data == 3.0


def test_names_beyond_measure_are_cut() -> None:
    with pytest.raises(InputError) as refusal:
        formula("a" * 10_000, {})
    assert len(str(refusal.value)) < 400


def test_closed_output_is_no_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["ops"]) == 0
    sys.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is always full")
def test_a_full_disk_behind_the_output_is_one_sentence() -> None:
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "microgradnet", "ops"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["microgradnet: the output cannot be written: No space left on device"]


def test_a_network_beyond_measure_is_refused(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(20)))
    assert main(["train", str(table), "--target", "b", "--hidden", "1000000000"]) == 2
    assert "make more than 1,000,000 weights" in capsys.readouterr().err


@pytest.mark.parametrize("names", ["a\nb", "a\rb"])
def test_names_over_several_lines(tmp_path: Any, capsys: pytest.CaptureFixture[str], names: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(20)))
    assert main(["train", str(table), "--target", "b", "--inputs", names]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_header_line_beyond_the_readers_limit(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text(",".join(f"c{i}" for i in range(30_000)) + "\n" + ",".join("1" for _ in range(30_000)) + "\n")
    assert main(["train", str(table), "--target", "nope"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
