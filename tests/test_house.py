"""The house: who may import whom, what has a door, how long a file is, what `import microgradnet` costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import conftest
import pytest

import microgradnet
from microgradnet import functions
from microgradnet.methods import ALSO
from microgradnet.ops import TABLE
from microgradnet.value import Value

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "microgradnet"

FLOORS = [
    ["errors"],
    ["article", "finite", "display", "files", "sheet"],
    ["ops"],
    ["notation"],
    ["rules", "dialects", "algebra", "spelling"],
    ["graph"],
    ["value"],
    ["methods"],
    ["functions"],
    ["transforms", "extension"],
    ["module"],
    ["losses", "optim", "nn", "expression", "plot"],
    ["anomaly", "causes", "structure"],
    ["comparison", "explanation", "compiler"],
    ["diagnosis"],
    ["drawing", "training"],
    ["exhibit", "tabular"],
    ["__init__"],
    ["cli"],
    ["__main__"],
]
"""From the ground up; a room imports only from rows above its own here. Rooms of later releases have their place."""

ALONE = {"article", "finite"}
"""They stand beside autograd as other opinions, so they import nothing of ours at all."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


# ---------------------------------------------------------------- floors


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    """The file's room: its own name, or that of the subpackage which it is in."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imported_rooms(source: str, package: str) -> Iterator[tuple[str, int]]:
    """Every room of ours that the source names in an import, anywhere in it, with the line.

    `package` is the dotted name that relative imports start from. A name that the package itself offers (`from
    microgradnet import Value`) counts as the room "__init__".
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "microgradnet" else [module]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            argument = node.args[0] if node.args else None
            names = [argument.value] if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else []
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            if top == "microgradnet":
                yield (rest[0] if rest and rest[0] in FLOOR else "__init__"), node.lineno


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in files()} <= set(FLOOR)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_only_from_floors_below(path: Path) -> None:
    room = room_of(path)
    package = ".".join(["microgradnet", *path.relative_to(PACKAGE).parts[:-1]])
    wrong = [
        f"line {line}: {room} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]})"
        for other, line in imported_rooms(path.read_text("utf-8"), package)
        if other != room and (FLOOR[other] >= FLOOR[room] or room in ALONE)
    ]
    assert not wrong


def test_no_import_goes_unseen() -> None:
    source = """
import microgradnet.ops
from microgradnet import nn, Value
from microgradnet.graph import Graph
from . import layout
from .. import cli
from ..expression import parse
from .layout import place
import numpy, microgradnet
if TYPE_CHECKING:
    from microgradnet.value import Value
def f():
    from microgradnet.drawing.layout import place
    importlib.import_module("microgradnet.training")
"""
    found = [room for room, _ in imported_rooms(source, "microgradnet.drawing")]
    assert sorted(found) == sorted(
        ["ops", "nn", "__init__", "graph", "drawing", "cli", "expression", "drawing", "__init__", "value", "drawing",
         "training"]
    )  # fmt: skip


# ---------------------------------------------------------------- doors

OPERATORS = {"add", "sub", "mul", "div", "neg", "pow", "pow_const", "rpow_const"}
"""Rows that people write with Python's operators; `pow` is a function too."""


def test_no_function_is_named_like_a_room() -> None:
    """In a fresh process, as importing the room would put the module in the function's place."""
    program = """
import sys, types, microgradnet
for name in sys.argv[1:]:
    if name in microgradnet.__all__ and not isinstance(getattr(microgradnet, name), types.ModuleType):
        print(name)
"""
    rooms = {room_of(path) for path in files()} | set(FLOOR)
    command = [sys.executable, "-c", program, *sorted(rooms)]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not finished.stdout.split()


def test_everything_offered_is_there() -> None:
    assert len(set(microgradnet.__all__)) == len(microgradnet.__all__)
    assert set(microgradnet.__all__) <= set(dir(microgradnet))
    assert not [name for name in microgradnet.__all__ if getattr(microgradnet, name) is None]


def test_every_row_has_a_function_and_every_function_a_row() -> None:
    doors = {name for name in functions.__all__ if callable(getattr(functions, name))}
    assert set(TABLE) - doors == OPERATORS - {"pow"}
    assert doors <= set(TABLE)


def test_every_row_has_a_method_and_every_method_a_row() -> None:
    methods = {name for name in vars(Value) if callable(getattr(Value, name)) and not name.startswith("_")}
    assert set(TABLE) - methods <= OPERATORS
    for_numpy = {row.numpy for row in TABLE.values()} | set(ALSO) | {"conjugate"}
    assert methods <= set(TABLE) | for_numpy | {"backward", "item"}


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.dunder], ids=lambda row: row.name)
def test_every_operator_is_python_s(row: object) -> None:
    assert callable(getattr(Value, f"__{row.dunder}__"))  # type: ignore[attr-defined]


# ---------------------------------------------------------------- sizes and costs


@pytest.mark.parametrize("room", ["ops", "graph", "value"])
def test_an_evening_s_reading(room: str) -> None:
    assert len((PACKAGE / f"{room}.py").read_text("utf-8").splitlines()) < 400


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_first_line_says_what_lives_there(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_importing_is_cheap() -> None:
    """A fresh process; the heavy modules are imported where they are used, and `Value` works without them."""
    program = """
import sys
before = set(sys.modules)
import microgradnet
x = microgradnet.Value(2.0)
(x * x).backward()
assert x.grad == 4.0
print(*(set(sys.modules) - before))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "rich", "graphviz", "matplotlib", "dataclasses", "importlib.metadata", "inspect", "argparse"}
    assert "microgradnet" in finished.stdout.split()
    assert not heavy & set(finished.stdout.split())


# ---------------------------------------------------------------- a project that stands alone


def texts() -> Iterator[Path]:
    """Every text file of the project, without what tools leave behind."""
    for top in REPOSITORY.iterdir():
        if top.is_file():
            yield top
        elif top.name in {"microgradnet", "tests", "docs", "examples", "benchmarks", ".ci"}:
            yield from (path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def test_no_path_outside_the_project_is_named() -> None:
    """No folder of some machine (a home, a workplace), and no folder beside the project."""
    outside = re.compile(r"(?<![\w.:/-])/(?:root|work|home|Users|mnt|opt)/\w|[A-Z]:\\Users|\.\./(?:\.\./)*shared\b")
    found = []
    for path in texts():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(REPOSITORY)}:{n}" for n, line in enumerate(lines, 1) if outside.search(line)]
    assert not found


# ---------------------------------------------------------------- the documents are really tested


@pytest.mark.parametrize(
    ("expected", "printed", "agree"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a  \nb\n\n", "a\nb", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nd\n", True),
        ("took ... ms\n", "took 9 ms\n", True),
        ("...\n", "", True),
        ("", "", True),
        ("", "something\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n...\nd\n", "a\nb\n", False),
        ("took ... ms\n", "took 9 s\n", False),
        ("a.c\n", "abc\n", False),
        ("  a\n", "a\n", False),
    ],
)
def test_comparing_what_a_document_shows(expected: str, printed: str, agree: bool) -> None:
    assert conftest.agrees(expected, printed) is agree


def test_reading_a_console_block() -> None:
    block = "$ microgradnet a \\\n    --b\none\ntwo\n$ python c.py\n$ echo $?\n0\n"
    assert list(conftest.sessions(block)) == [
        ("microgradnet a --b", "one\ntwo\n"),
        ("python c.py", ""),
        ("echo $?", "0\n"),
    ]
    with pytest.raises(ValueError, match="begins with"):
        list(conftest.sessions("microgradnet ops\n"))


def test_running_a_command_of_a_document() -> None:
    assert conftest.run("""python -c 'import sys; print("ж"); sys.exit(3)'""") == ("ж\n", 3)
    with pytest.raises(ValueError, match="not 'ls'"):
        conftest.run("ls -l")


def test_documents_with_mistakes_fail(pytester: pytest.Pytester) -> None:
    """Right and wrong snippets of every kind, collected as this project collects its own."""
    tests = REPOSITORY / "tests"
    pytester.makepyfile(**{name: (tests / f"{name}.py").read_text("utf-8") for name in ("conftest", "browser")})
    (pytester.path / "docs").mkdir()
    fence = "```"
    (pytester.path / "docs" / "page.md").write_text(
        f"""
{fence}python
x = 2
open("left_behind.txt", "w").close()
{fence}
{fence}python
>>> x + 1
3
>>> x + 1
4
{fence}
{fence}python
assert x == 3
{fence}
{fence}console
$ python -c "print(1)"
1
$ python -c "print(1)"
2
{fence}
{fence}console
$ python -c "print(1)"
...
{fence}
""",
        "utf-8",
    )
    source = (pytester.path / "conftest.py").read_text("utf-8")
    source = source.replace(
        "REPOSITORY = Path(__file__).resolve().parent.parent", "REPOSITORY = Path(__file__).resolve().parent"
    )
    (pytester.path / "conftest.py").write_text(source, "utf-8")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, failed=3)
    assert not list(pytester.path.rglob("left_behind.txt"))


# ---------------------------------------------------------------- the rooms of the compiler

COMPILER = {
    "recording": {""},
    "": {"recording", "passes"},  # plan, arrays, backprop …, which the others read
    "passes": {"", "recording"},
    "languages": {"", "passes"},
    "running": {"", "recording", "passes", "languages"},
}
"""Folders of compiler/, and from which others each may import."""


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "compiler").rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_folders_of_the_compiler_import_only_from_below(path: Path) -> None:
    inside = path.relative_to(PACKAGE / "compiler").parts
    if inside == ("__init__.py",):  # the door
        return
    own = inside[0] if len(inside) > 1 else ""
    imported = set(re.findall(r"from microgradnet\.compiler\.(\w+)", path.read_text("utf-8")))
    assert {name if name in COMPILER else "" for name in imported} <= {own} | COMPILER[own]
