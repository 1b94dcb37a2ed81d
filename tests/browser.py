"""JavaScript for the tests: in Node where there is one, else in the Chromium that also shows the page; KaTeX in either.

Fixtures: `chromium` a running browser, `engine` something that runs JavaScript, `katex` whether LaTeX is accepted. Each
skips, with a reason, where the program it needs is not there. They live as long as a module's tests: while Playwright
runs, nothing else in the thread can use asyncio.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

VENDOR = Path(__file__).parent / "vendor"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Engine(Protocol):
    """What runs JavaScript: scripts that stay, and functions of something that JSON can hold."""

    def load(self, script: str) -> None:
        """Run a script; what it declares stays."""

    def call(self, function: str, argument: Any = None) -> Any:
        """What a function, given as its text, makes of the argument."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """What needs one of these fixtures is marked as such: `pytest -m browser` runs all of it."""
    given = getattr(getattr(item, "callspec", None), "params", {})  # tests of compiled programs have engines, too
    if {"chromium", "engine", "katex"} & set(getattr(item, "fixturenames", ())) - set(given):
        item.add_marker("browser")


# ---------------------------------------------------------------- Node

LISTENING = """
const { runInThisContext } = require("vm");
const lines = require("readline").createInterface({ input: process.stdin });
for (const name of ["module", "exports", "require"]) delete globalThis[name]; // a script is to think itself in a page
lines.on("line", (line) => {
  const [kind, source, argument] = JSON.parse(line);
  let answer;
  try {
    const made = runInThisContext(kind === "call" ? `(${source})` : source);
    answer = { value: (kind === "call" ? made(argument) : null) ?? null };
  } catch (error) {
    answer = { error: String((error && error.stack) || error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\\n");
});
"""


class Node:
    """Node, a line in, a line out."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [program, "-e", LISTENING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def load(self, script: str) -> None:
        self._ask("load", script)

    def call(self, function: str, argument: Any = None) -> Any:
        return self._ask("call", function, argument)

    def _ask(self, *question: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "Node ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        self.process.communicate()


# ---------------------------------------------------------------- Chromium


class Tab:
    """An empty page of a browser."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def load(self, script: str) -> None:
        self.page.add_script_tag(content=script)

    def call(self, function: str, argument: Any = None) -> Any:
        return self.page.evaluate(function, argument)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for a module's tests; each opens contexts of its own in it and closes them."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'microgradnet[browser]'"
    )
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is on PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Node, and where there is none a page of Chromium."""
    if program := shutil.which("node"):
        node = Node(program)
        yield node
        node.close()
    else:
        context = request.getfixturevalue("chromium").new_context(offline=True)
        yield Tab(context.new_page())
        context.close()


@pytest.fixture(scope="module")
def katex(engine: Engine) -> Callable[[str], str | None]:
    """What KaTeX, at its strictest, has against a piece of LaTeX (without dollars); None where it accepts it."""
    engine.load((VENDOR / "katex.min.js").read_text("utf-8"))

    def fault(latex: str) -> str | None:
        told: str | None = engine.call(
            """(latex) => {
                try {
                    katex.renderToString(latex, {
                        strict: "error", throwOnError: true, displayMode: true,
                        trust: ({command}) => { throw new Error(`${command} wants to be trusted`); },
                    });
                    return null;
                } catch (error) {
                    return String(error);
                }
            }""",
            latex,
        )
        return told

    return fault
