"""The command `article`: the article's numbers by hand and by autograd, its training, a picture."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from microgradnet.errors import InputError


def add(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "article",
        help="the article's network, by hand and by autograd",
        description="Recompute every number of the article by autograd, beside the derivation by hand: forward, "
        "backward, nine derivatives three ways, the training, the predictions. Writes article.svg, "
        "article.html and loss.csv. Exit status 1 if autograd and the closed form disagree.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("--lang", choices=("en", "ru"), default="en", help="the language of the printout (%(default)s)")
    parser.add_argument("--seed", metavar="N", type=int, default=6, help="starts the parameters (%(default)s)")
    parser.add_argument("--epochs", metavar="N", type=int, default=1000, help="of the training (%(default)s)")
    parser.add_argument("--rate", metavar="X", type=float, default=0.1, help="learning rate (%(default)s)")
    parser.add_argument(
        "--digits", metavar="N", type=int, default=17, choices=range(1, 18), help="decimals of the gradients, 1 to 17"
    )
    parser.add_argument(
        "--engine", choices=("auto", "eager", "python", "numpy", "numba"), default="auto", help="trains (%(default)s)"
    )
    parser.add_argument("--out", metavar="DIR", default=".", help="write the files here (the current folder)")
    parser.add_argument("--no-files", action="store_true", help="write no files")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def _run(args: argparse.Namespace) -> int:
    from microgradnet.display import plain
    from microgradnet.exhibit import check_settings, exhibit, usable_folder

    check_settings(args.seed, args.epochs, args.rate)
    folder = None if args.no_files else usable_folder(args.out)
    try:
        shown = exhibit(args.seed, args.epochs, args.rate, args.engine)
    except ImportError as error:  # an engine that is not installed
        raise InputError(f"--engine {args.engine}: {error}") from None
    if shown.history.stopped and not shown.history.interrupted:
        return 2  # the training diverged, and fit has said so
    files: list[str] = []
    if folder is not None:
        try:
            files = [path.as_posix() for path in shown.write(folder, args.lang)]
        except InputError as error:
            raise InputError(f"{error}; or do without the files: --no-files") from None
    if args.json:
        print(json.dumps(plain(shown.data() | {"files": files}), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print(shown.lines(args.lang, args.digits, files))
    if shown.history.interrupted:
        return 130
    return 0 if shown.agree else 1


def _print(lines: list[str]) -> None:
    """The lines, with bold headings on a terminal."""
    if not sys.stdout.isatty():
        print("\n".join(lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        shown = Text(line)
        if heading := re.match(r"[A-ZА-Я]{4,}( [А-Я]{4,})?", line):
            shown.stylize("bold", 0, heading.end())
        console.print(shown, soft_wrap=True)
