"""Documents are tests too: snippets and console sessions of README and docs, and the examples in docstrings.

In a Markdown file ```python blocks share one namespace (with `>>>` or without), and ```console blocks are run and
compared: `$ microgradnet …` in this process, `$ python …` as a program. A line `...` stands for any lines, `...` in a
line for any text. Each document works in a folder of its own, which looks like the repository (so `examples/davis.csv`
is there) and takes whatever is written; no document leaves a file behind.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from doctest import ELLIPSIS
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.integration.pytest import SybilFile
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

REPOSITORY = Path(__file__).resolve().parent.parent

pytest_plugins = ["pytester", "browser"]

settings.register_profile("here", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# ---------------------------------------------------------------- console sessions


def sessions(block: str) -> Iterator[tuple[str, str]]:
    r"""Each command of a ```console block with the output that the document shows for it.

    A command ends with its line, unless that ends with a backslash.
    """
    block = re.sub(r"\s*\\\n\s*", " ", block)
    before, *parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    if before.strip() or not parts:
        raise ValueError("a console block begins with a line '$ command'")
    for part in parts:
        command, _, output = part.partition("\n")
        yield command, output


def agrees(expected: str, printed: str) -> bool:
    """Whether the output is the expected one; blanks at the ends of lines and of the whole do not count."""
    pattern = ""
    for line in _tidy(expected):
        some = ".*?".join(map(re.escape, line.split("...")))
        pattern += r"(?:.*\n)*?" if line.strip() == "..." else some + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _tidy(printed))) is not None


def _tidy(output: str) -> list[str]:
    return [line.rstrip() for line in output.rstrip().splitlines()]


def run(command: str) -> tuple[str, int]:
    """What the command prints, errors included, as on a terminal of 80 columns without colour; and its exit status."""
    program, *arguments = shlex.split(command)
    if program == "python":
        where = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        finished = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": where},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return finished.stdout.decode("utf-8").replace("\r\n", "\n"), finished.returncode
    if program == "microgradnet":
        from microgradnet.cli import main

        screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(screen),
            contextlib.redirect_stderr(screen),
        ):
            patch.setenv("COLUMNS", "80")
            patch.setenv("NO_COLOR", "1")
            try:
                status = main(arguments)
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except Exception:
                status = 1
                traceback.print_exc()
            screen.flush()
            return screen.buffer.getvalue().decode("utf-8"), status or 0  # type: ignore[attr-defined]
    raise ValueError(f"console blocks run microgradnet and python, not {program!r}; other commands go into ```bash")


def evaluate_console(example: Example) -> str | None:
    """Run a console block; None if all went as shown, else what to read. `$ echo $?` is the last exit status."""
    status = 0
    for command, expected in sessions(example.parsed):
        if command.strip() == "echo $?":
            printed = f"{status}\n"
        else:
            printed, status = run(command)
        if not agrees(expected, printed):
            return f"$ {command}\n--- the document shows:\n{expected}\n--- printed (exit status {status}):\n{printed}"
    return None


# ---------------------------------------------------------------- collecting


def enter_folder(namespace: dict[str, Any]) -> None:
    """A fresh folder with links to what the repository holds, as the working directory of one document."""
    cleanup = namespace["_cleanup"] = contextlib.ExitStack()
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
    for entry in REPOSITORY.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    cleanup.enter_context(contextlib.chdir(folder))


def leave_folder(namespace: dict[str, Any]) -> None:
    namespace["_cleanup"].close()


DOCUMENTS = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), CodeBlockParser("console", evaluate_console)],
    patterns=["README*.md", "docs/*.md", "docs/*/*.md"],
    path=str(REPOSITORY),
    setup=enter_folder,
    teardown=leave_folder,
)
DOCSTRINGS = Sybil(
    parsers=[DocTestParser(optionflags=ELLIPSIS)],
    patterns=["microgradnet/*.py", "microgradnet/*/*.py", "microgradnet/*/*/*.py"],
    path=str(REPOSITORY),
    document_types={".py": PythonDocStringDocument},
    setup=enter_folder,
    teardown=leave_folder,
)
OF_JAX = {"jax.py", "jax_functions.py", "to_jax.py"}


class Documents:
    """A plugin, since a conftest's own hooks are asked only about files beside and below it."""

    @staticmethod
    def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SybilFile | None:
        if file_path.name in OF_JAX and importlib.util.find_spec("jax") is None:
            return None  # their examples need it; tests/test_to_jax.py says so by skipping
        for sybil in (DOCUMENTS, DOCSTRINGS):
            if sybil.should_parse(file_path):
                return SybilFile.from_parent(parent, path=file_path, sybils=[sybil])
        return None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Documents(), "documents")
