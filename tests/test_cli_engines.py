"""`microgradnet article` and `train` with every engine: the same numbers, and a line that says what ran and why."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from microgradnet.cli import main

DAVIS = Path(__file__).parent.parent / "examples" / "data" / "davis.csv"
ENGINES = [
    "eager", "python", "numpy",
    pytest.param("numba", marks=pytest.mark.skipif(
        importlib.util.find_spec("numba") is None, reason="numba is not installed")),
]  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def without_engine(out: str) -> list[str]:
    """The lines without what differs by engine: the time and the line of the engine."""
    lines = [re.sub(r" +(autograd|compiled|программа), \d+ (ms|мс)$", "", line) for line in out.splitlines()]
    last = next((i for i, line in enumerate(lines) if line.startswith("engine ")), len(lines))
    return [line for line in lines[:last] if not line.startswith(("(engine ", "(движок "))]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_article_s_numbers_are_those_of_every_engine(
    engine: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("article", "--no-files", "--lang", language, "--epochs", "300")
    out = printed(capsys, *command, "--engine", engine)
    assert without_engine(out) == without_engine(printed(capsys, *command, "--engine", "eager"))
    (line,) = [line for line in out.splitlines() if line.startswith(("(engine ", "(движок "))]
    assert f" {engine}: " in line


@pytest.mark.parametrize("engine", ENGINES)
def test_train_reaches_the_same_with_every_engine(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("train", str(DAVIS), "--target", "sex", "--epochs", "8", "--batch", "4", "--optimizer", "adam")
    out = printed(capsys, *command, "--engine", engine)
    assert without_engine(out) == without_engine(printed(capsys, *command, "--engine", "eager"))
    assert f"engine {engine}: " in out
    told: list[dict[str, Any]] = [
        json.loads(printed(capsys, *command, "--json", "--engine", name)) for name in (engine, "eager")
    ]
    assert told[0]["settings"]["engine"] == engine
    assert told[0]["losses"] == pytest.approx(told[1]["losses"], rel=1e-9)


def test_by_itself_it_takes_what_is_quicker(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("train", str(DAVIS), "--target", "sex", "--epochs")
    assert "engine eager: a training so short" in printed(capsys, *command, "1")
    assert "engine python: only " in printed(capsys, *command, "100")
    assert json.loads(printed(capsys, "article", "--json", "--no-files"))["training"]["engine"] == "python"


@pytest.mark.parametrize("command", [("article", "--no-files"), ("train", str(DAVIS), "--target", "sex")])
def test_what_is_not_installed_is_one_sentence(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert main([*command, "--engine", "numba"]) == 2
    err = capsys.readouterr().err
    assert 'pip install "microgradnet[native]"' in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [("article", "--no-files"), ("train", str(DAVIS), "--target", "sex")])
def test_what_is_no_engine_is_refused(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--engine", "tpu"]) == 2
    assert "tpu" in capsys.readouterr().err
