"""The commands `article` and `ops`, and what all commands share: exit status, encodings, refusals in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from microgradnet import __version__, article
from microgradnet.article import NAMES
from microgradnet.cli import main, operations
from microgradnet.ops import TABLE
from microgradnet.spelling import derivatives
from microgradnet.training import History

REPOSITORY = Path(__file__).resolve().parent.parent


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "microgradnet", *arguments],
        env=os.environ | {"PYTHONPATH": path} | environment, capture_output=True, check=False,
    )  # fmt: skip


# ---------------------------------------------------------------- article


def test_article_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["article"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == "microgradnet article: the 2-2-1 network, hand-derived and by autograd"
    assert lines[-1] == "Written: article.svg  article.html (step through it in a browser)  loss.csv"
    assert "All nine agree: autograd = closed form within 1e-15" in printed.out
    assert sorted(os.listdir(tmp_path)) == ["article.html", "article.svg", "loss.csv"]


def test_article_in_russian_into_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "новая" / "папка"
    assert main(["article", "--lang", "ru", "--out", str(out), "--epochs", "1", "--seed", "0", "--digits", "6"]) == 0
    printed = capsys.readouterr().out
    assert "ОБУЧЕНИЕ  seed 0, шаг 0.1, 1 эпоха," in printed
    assert "Все девять совпали" in printed
    assert f"Записано: {(out / 'article.svg').as_posix()}" in printed
    assert sorted(os.listdir(out)) == ["article.html", "article.svg", "loss.csv"]


def test_article_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["article", "--json", "--no-files", "--epochs", "20", "--rate", "0.2"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["example"]["agree"] is True
    assert data["training"]["rate"] == 0.2
    assert data["files"] == []
    assert os.listdir(tmp_path) == []
    assert main(["article", "--json", "--out", "x", "--epochs", "20"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == ["x/article.svg", "x/article.html", "x/loss.csv"]


def test_article_exits_with_1_where_it_disagrees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = article.gradients
    monkeypatch.setattr(article, "gradients", lambda *args: right(*args) | {"w1": -right(*args)["w1"]})
    assert main(["article", "--no-files", "--epochs", "1"]) == 1
    assert "They DISAGREE; closed form / autograd: w1 -1.0000." in capsys.readouterr().out
    assert main(["article", "--no-files", "--epochs", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["example"]["wrong"] == ["w1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "-1"], "microgradnet: rate must be a positive number, got -1"),
        (["--rate", "nan"], "microgradnet: rate must be a positive number, got nan"),
        (["--epochs", "0"], "microgradnet: epochs must be at least 1, got 0"),
        (["--epochs", "1.5"], "microgradnet article: argument --epochs: invalid int value: '1.5'; see "),
        (["--seed", "-1"], "microgradnet: seed must be from 0 to 4294967295, got -1"),
        (["--digits", "18"], "microgradnet article: argument --digits: invalid choice: 18"),
        (["--lang", "de"], "microgradnet article: argument --lang: invalid choice: 'de'"),
        (["--out", "file"], "microgradnet: file: nothing can be written there"),
        (["--out", "file/below"], "microgradnet: file/below: nothing can be written there"),
        (["--epoch", "5"], "microgradnet: unrecognized arguments: --epoch"),
    ],
)
def test_article_refuses(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    out = [] if "--out" in arguments else ["--out", "new"]
    assert main(["article", *arguments, *out]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(message)
    assert printed.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["file"]


def test_article_without_a_program_that_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROGRADNET_DOT", str(tmp_path / "missing"))
    assert main(["article", "--epochs", "1", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("; or do without the files: --no-files\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("interrupted", "status"), [(True, 130), (False, 2)])
def test_article_whose_training_did_not_end(
    interrupted: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = History(before=0.5, interrupted=interrupted, stopped="as fit has said")
    monkeypatch.setattr("microgradnet.exhibit.fit", lambda *args, **options: stopped)
    assert main(["article", "--no-files"]) == status
    assert ("GRADIENTS" in capsys.readouterr().out) is interrupted


def test_article_has_bold_headings_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["article", "--no-files", "--epochs", "1", "--lang", "ru"]
    assert main(arguments) == 0
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(arguments) == 0
    coloured = capsys.readouterr().out
    assert "\x1b[1mПРЯМОЙ ПРОХОД\x1b[0m" in coloured
    assert "\x1b[1mДАННЫЕ\x1b[0m" in coloured
    bare = coloured.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert bare.splitlines()[:30] == plain.splitlines()[:30]


# ---------------------------------------------------------------- ops


def test_ops_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == list(TABLE)
    assert max(map(len, lines)) <= 80
    place = lines.index("sigmoid     σ(x)                  1 / (1 + exp(-x)), the article's f")
    assert lines[place + 1].strip() == "∂y/∂x = y * (1 - y)"


def test_ops_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--markdown"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# The table of operations\n")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == len(TABLE) + 2
    assert r"| silu | silu(x) | x · sigmoid(x), also called swish | x \* sigmoid(x) | " in page


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("sum", ["∂y/∂x1 = 1", "∂y/∂x2 = 1"]),
        ("mean", ["∂y/∂x1 = 0.5", "∂y/∂x2 = 0.5"]),
        ("dot", ["∂y/∂w1 = x1", "∂y/∂w2 = x2", "∂y/∂x1 = w1", "∂y/∂x2 = w2", "∂y/∂b = 1"]),
        ("take", ["∂y/∂x1 = 1", "∂y/∂x2 = 0"]),
    ],
)
def test_rules_of_any_number_of_operands_are_printed_for_two(name: str, rules: list[str]) -> None:
    assert derivatives(TABLE[name]) == rules


# ---------------------------------------------------------------- the program


def test_alone_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    for command in ("article", "train", "predict", "ops"):
        assert f"\n    {command} " in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"microgradnet {__version__}\n"


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["artcle"]) == 2
    printed = capsys.readouterr().err
    assert "invalid choice: 'artcle'" in printed
    assert printed.count("\n") == 1


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operations, "screen", interrupt)
    assert main(["ops"]) == 130
    assert capsys.readouterr().err == "microgradnet: interrupted\n"


@pytest.mark.parametrize("encoding", ["cp1251", "ascii"])
def test_piped_in_any_encoding(encoding: str) -> None:
    finished = program("article", "--no-files", "--epochs", "1", "--lang", "ru", PYTHONIOENCODING=encoding)
    assert (finished.returncode, finished.stderr) == (0, b"")
    printed = finished.stdout.decode("utf-8")
    assert "ОБРАТНЫЙ ПРОХОД  ∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1" in printed
    assert all(f"∂L/∂{name}" in printed for name in NAMES)


@pytest.mark.skipif(os.name == "nt", reason="Windows tells of a closed pipe in another way")
def test_a_reader_that_stops_early_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    with os.fdopen(writing, "wb") as pipe:
        finished = subprocess.run(
            [sys.executable, "-m", "microgradnet", "ops"],
            env=os.environ | {"PYTHONPATH": path}, stdout=pipe, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (141, b"")
