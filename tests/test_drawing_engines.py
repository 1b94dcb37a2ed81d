"""Layout engines: which one is taken, and what is said when none is there, it fails or it hangs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from microgradnet import Value
from microgradnet.drawing import draw, render
from microgradnet.errors import InputError

CURES = ("pip install graphviz-pure", "install Graphviz", "set MICROGRADNET_DOT")

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for an engine are scripts with a #! line")


@pytest.fixture(autouse=True)
def nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MICROGRADNET_DOT", raising=False)


def engine(path: Path, code: str) -> str:
    """An executable that stands in for `dot` and runs `code`."""
    path.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    path.chmod(0o755)
    return str(path)


def says(word: str) -> str:
    return f"sys.stdin.read(); print({word!r})"


def test_without_any_dot_the_wheel_draws():
    assert Path(render.find_engine()).stem == "graphviz-pure"
    assert "</svg>" in draw(Value(1.0, "x").exp()).svg()
    assert draw(Value(1.0, "x").exp(), engine="graphviz-pure").png().startswith(b"\x89PNG")


@posix
def test_the_order_is_named_then_variable_then_path_then_wheel(tmp_path, monkeypatch):
    drawing = draw(Value(1.0))
    engine(tmp_path / "dot", says("from PATH"))
    assert drawing.svg() == "from PATH\n"
    monkeypatch.setenv("MICROGRADNET_DOT", engine(tmp_path / "mine", says("from the variable")))
    assert drawing.svg() == "from the variable\n"
    named = draw(Value(1.0), engine=engine(tmp_path / "named", says("named")))
    assert named.svg() == "named\n"
    assert draw(Value(1.0), engine="dot").svg() == "from PATH\n"


@posix
def test_the_engine_gets_the_dot_and_the_format(tmp_path):
    echo = engine(tmp_path / "echo", "print(sys.argv[1:], sys.stdin.read())")
    drawing = draw(Value(1.0, "вес"), engine=echo)
    assert drawing.svg() == f"['-Tsvg'] {drawing.dot.source}\n"
    assert drawing.png().decode() == f"['-Tpng', '-Gdpi=144', '-Gsize=200,200'] {drawing.dot.source}\n"


def test_a_named_engine_that_is_not_there(monkeypatch):
    with pytest.raises(InputError, match=r"^engine='dot' names no program that can be run"):
        draw(Value(1.0), engine="dot").svg()
    monkeypatch.setenv("MICROGRADNET_DOT", "/no/such/dot")
    with pytest.raises(InputError, match=r"^MICROGRADNET_DOT='/no/such/dot' names no program"):
        draw(Value(1.0)).svg()


def test_no_engine_at_all_names_the_three_cures(monkeypatch):
    monkeypatch.setattr(render, "WHEEL", "no-such-package")
    with pytest.raises(InputError) as caught:
        draw(Value(1.0)).svg()
    assert str(caught.value).startswith("there is no program to lay out the picture")
    assert all(cure.replace("graphviz-pure", "") in str(caught.value) for cure in CURES)


@posix
def test_an_engine_that_hangs_is_stopped_and_nothing_is_written(tmp_path, monkeypatch):
    blocked = engine(tmp_path / "blocked", "import threading; threading.Event().wait()")
    monkeypatch.setenv("MICROGRADNET_DOT", blocked)
    target = tmp_path / "L.svg"
    target.write_text("old")
    with pytest.raises(InputError, match=r"longer than timeout=0\.2 seconds .* draw a part .* \.dot"):
        draw(Value(1.0), timeout=0.2).save(target)
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["L.svg", "blocked"]


@posix
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.stderr.write('Warning: hm\\nError: in line 1\\nmore\\n'); sys.exit(1)", "1: Error: in line 1)"),
        ("sys.exit(3)", "3: no message"),
        ("sys.stderr.buffer.write(b'\\xff broken'); sys.exit(1)", "\ufffd broken"),
        ("pass", "exit status 0: no message"),
    ],
)
def test_an_engine_that_fails_is_quoted(tmp_path, code, said):
    with pytest.raises(InputError, match="made no svg") as caught:
        draw(Value(1.0), engine=engine(tmp_path / "broken", code)).svg()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@posix
def test_a_file_that_is_no_program(tmp_path):
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x00\x01\x02")
    junk.chmod(0o755)
    with pytest.raises(InputError, match=r"junk could not be run \(.*\); `pip install graphviz-pure`"):
        draw(Value(1.0), engine=str(junk)).svg()


def test_the_dot_file_needs_no_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "WHEEL", "no-such-package")
    assert draw(Value(1.0)).save(tmp_path / "x.dot").read_text().startswith("digraph")
