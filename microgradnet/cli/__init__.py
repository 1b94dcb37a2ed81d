"""The command line: `main` reads the arguments, calls one command, and turns what went wrong into an exit status.

0: done. 1: done, and the answer is no (autograd and what was made by hand disagree). 2: the input cannot be used, said
in one sentence. 130: interrupted. Each command is a module here with `add(subparsers)`; its work is done elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from microgradnet import __version__
from microgradnet.cli import article, comparison, explanation, operations, pictures, training
from microgradnet.display import visible
from microgradnet.errors import InputError

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """argparse, with an error in one line and no guessing of shortened options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `microgradnet …` with these arguments (default: the program's own); the exit status.

    >>> main(["--version"])
    microgradnet 0.1.0
    0
    """
    for name in ("stdout", "stderr"):  # None where the caller has closed it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    _speak_utf8()
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"microgradnet: {visible(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("microgradnet: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # such as a full disk behind the standard output
        print(f"microgradnet: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


def _run(argv: Sequence[str] | None) -> int:
    parser = _Parser(
        prog="microgradnet",
        description="Write scalars, see every derivative. Start with: microgradnet article",
    )
    parser.add_argument("--version", action="version", version=f"microgradnet {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command in (article, explanation, pictures, comparison, training, operations):
        command.add(commands)
    try:
        args = parser.parse_args(argv)
    except SystemExit as ended:  # --help, --version and errors, all printed
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    if args.run is None:
        parser.print_help()
        return 0
    status: int = args.run(args)
    return status


def _speak_utf8() -> None:
    """Whatever the locale says (cp1251 in a Russian Windows, when piped), print UTF-8; never fail at a letter."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
