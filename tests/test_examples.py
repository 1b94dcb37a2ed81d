"""The examples run as programs, on their own, print what they promise, and say nothing on standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(program: Path, *arguments: str, cwd: Path, encoding: str = "utf-8") -> str:
    """What the program prints, started in another folder; it must succeed in silence."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(program), *arguments], cwd=cwd, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode(encoding)) == (0, "")
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("program", EXAMPLES, ids=lambda program: program.name)
def test_runs_anywhere_and_leaves_nothing(program: Path, tmp_path: Path) -> None:
    printed = run(program, cwd=tmp_path)
    assert printed.strip()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", EXAMPLES, ids=lambda program: program.name)
def test_docs_show_its_output(program: Path) -> None:
    shown = f"$ python examples/{program.name}\n"
    pages = [page for page in (ROOT / "docs").glob("*.md") if shown in page.read_text(encoding="utf-8")]
    assert pages, f"no page of docs shows what {program.name} prints"
    assert f"examples/{program.name})" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("program", [p for p in EXAMPLES if p.name != "davis.py"], ids=lambda program: program.name)
def test_prints_the_same_each_time(program: Path, tmp_path: Path) -> None:
    assert run(program, cwd=tmp_path) == run(program, cwd=tmp_path)


def test_article_prints_the_articles_numbers(tmp_path: Path) -> None:
    lines = run(ROOT / "examples" / "article.py", cwd=tmp_path).splitlines()
    derivatives = {words[0]: words[1:] for line in lines if (words := line.split()) and words[0].startswith("∂")}
    assert derivatives == {
        "∂L/∂w1": ["0.021469535"] * 2, "∂L/∂w2": ["0.010734768"] * 2, "∂L/∂w3": ["0.021469535"] * 2,
        "∂L/∂w4": ["0.010734768"] * 2, "∂L/∂w5": ["-0.011269220"] * 2, "∂L/∂w6": ["-0.011269220"] * 2,
        "∂L/∂b1": ["-0.010734768"] * 2, "∂L/∂b2": ["-0.010734768"] * 2, "∂L/∂b3": ["-0.237617560"] * 2,
    }  # fmt: skip
    assert "epoch   0   loss 0.0906" in lines
    assert "epoch 990   loss 0.0014" in lines
    assert lines[-2:] == ["Emily: 0.972, so F", "Frank: 0.037, so M"]


def test_compare_manual_finds_the_planted_error(tmp_path: Path) -> None:
    right, wrong = run(ROOT / "examples" / "compare_manual.py", cwd=tmp_path).split("With a sign error")
    assert "Autograd and by hand agree on all 6." in right
    assert "differs" not in right
    assert "Autograd and by hand disagree on 3 of 6: w1, w2, b1." in wrong


def test_render_graph_writes_into_the_folder_given(tmp_path: Path) -> None:
    run(ROOT / "examples" / "render_graph.py", "deep/pictures", cwd=tmp_path)
    folder = tmp_path / "deep" / "pictures"
    assert sorted(path.name for path in folder.iterdir()) == [
        "neuron.dot",
        "neuron.html",
        "neuron.mmd",
        "neuron.png",
        "neuron.svg",
    ]
    assert (folder / "neuron.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert (folder / "neuron.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "ypred" in (folder / "neuron.dot").read_text(encoding="utf-8")
