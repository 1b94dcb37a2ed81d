"""A layout engine turns DOT into SVG or PNG: which program, how it is run, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from microgradnet.errors import InputError

__all__ = ["find_engine", "lay_out"]

VARIABLE = "MICROGRADNET_DOT"
WHEEL = "graphviz-pure"
FONTS = "Arial, Liberation Sans, Arimo, Helvetica, sans-serif"
CURES = (
    f"`pip install {WHEEL}`, or install Graphviz so that `dot` is on PATH, "
    f"or set {VARIABLE} to the path of a `dot` program"
)


def find_engine(named: str | None = None) -> str:
    """The path of the program that lays out: the one named, else MICROGRADNET_DOT, `dot` on PATH, graphviz-pure.

    `named` is "dot", "graphviz-pure", or the name or path of any program that takes `dot`'s options.

    Raises:
        InputError: the program named is not there, or none is; the text holds the three cures.

    >>> find_engine("no/such/dot")
    Traceback (most recent call last):
    microgradnet.errors.InputError: engine='no/such/dot' names no program that can be run; ...
    """
    for source, program in ((f"engine={named!r}", named), (VARIABLE, os.environ.get(VARIABLE))):
        if program:
            found = _from_wheel() if program == WHEEL else shutil.which(program)
            if found is None:
                what = source if program == named else f"{source}={program!r}"
                raise InputError(f"{what} names no program that can be run; {CURES}")
            return found
    found = shutil.which("dot") or _from_wheel()
    if found is None:
        raise InputError(f"there is no program to lay out the picture; {CURES}")
    return found


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
    """DOT text laid out as `form`, "svg" or "png": the bytes of the file. `timeout` is in seconds.

    Raises:
        InputError: no engine (see `find_engine`), it failed (with its own words), or it took longer than `timeout`.

    >>> lay_out("digraph { a -> b }", "svg").startswith(b"<?xml")
    True
    """
    program = find_engine(engine)
    # Two hundred inches at most: viewers refuse a PNG of more than 32,767 pixels across.
    command = [program, f"-T{form}", *(["-Gdpi=144", "-Gsize=200,200"] if form == "png" else [])]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{program} needed longer than timeout={timeout:g} seconds to lay out the picture; draw a part of it "
            "(one sample, or a Value nearer to the leaves), allow more time, or keep the text: save it as .dot"
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
