"""The commands `draw` and `page`: a formula as a picture, and as a page that steps through forward and backward."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgradnet.cli.formulas import FORMULA, assignments, in_one_sentence, root_of
from microgradnet.cli.script import parts
from microgradnet.errors import InputError

if TYPE_CHECKING:
    from microgradnet.value import Value

DRAW = """Draw a formula: every operation with its value and its gradient, the local derivative on each edge.

The suffix of the file says as what: .svg, .png, .pdf, .dot, .mmd (Mermaid), .html (the page that `microgradnet page`
writes)."""

PAGE = """Write a page, one file, that steps through forward and backward of a formula in any browser.

It has sliders for the numbers, a finite difference beside each derivative, and "predict first" for learners; it needs
no network. Opened with #s=17 behind its name it shows step 17."""


def add(subparsers: Any) -> None:
    """Add the two commands to the parser."""
    draw = subparsers.add_parser(
        "draw", help="a formula as a picture", description=DRAW, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    draw.set_defaults(run=_draw)
    _formula_of(draw, "picture.svg")
    draw.add_argument("--wrt", metavar="NAME,…", help="only what lies between the result and these names")
    draw.add_argument("--digits", metavar="N", type=int, default=4, help="decimals of the numbers (%(default)s)")
    draw.add_argument("--orientation", choices=("LR", "TB"), default="LR", help="to the right, or down (%(default)s)")
    draw.add_argument("--lang", choices=("en", "ru"), default="en", help="of the words in it (%(default)s)")
    draw.add_argument("--scheme", choices=("light", "dark"), default="light", help="colours (%(default)s)")

    page = subparsers.add_parser(
        "page",
        help="a formula as a page: step through forward and backward",
        description=PAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    page.set_defaults(run=_page)
    _formula_of(page, "page.html")
    page.add_argument("--lang", choices=("en", "ru"), help="the language it opens in (that of the browser)")
    page.add_argument("--rate", metavar="X", type=float, help="learning rate: adds a step that updates each parameter")
    page.add_argument(
        "--by-hand", metavar="NAME=FORMULA", action="append", help="a derivative by hand, shown beside autograd's"
    )


def _formula_of(parser: argparse.ArgumentParser, file: str) -> None:
    parser.add_argument("what", metavar="FORMULA", help=FORMULA)
    parser.add_argument("--at", metavar="NAME=X,…", action="append", help="the numbers of its names: w1=1,x1=-2")
    parser.add_argument("-o", "--out", metavar="FILE", default=file, help="the file to write (%(default)s)")


def _draw(args: argparse.Namespace) -> int:
    from microgradnet.drawing import draw

    root = root_of(args)
    root.backward()
    wrt = None if args.wrt is None else parts(args.wrt)
    picture = draw(
        root, wrt=wrt, digits=args.digits, orientation=args.orientation, scheme=args.scheme, language=args.lang
    )
    print(f"Written: {picture.save(args.out).as_posix()}")
    return 0


def _page(args: argparse.Namespace) -> int:
    from microgradnet.drawing import draw

    if Path(args.out).suffix.lower() != ".html":
        raise InputError(f"{args.out}: a page is saved as .html; pictures are made by: microgradnet draw")
    root = root_of(args)
    root.backward()
    by_hand = dict(_by_hand(root, args.by_hand or []))
    page = draw(root).page(language=args.lang, rate=args.rate, closed_form=by_hand or None)
    print(f"Written: {page.save(args.out).as_posix()} (open it in a browser)")
    return 0


def _by_hand(root: Value, texts: Iterable[str]) -> Iterator[tuple[str, Value]]:
    """(name, its derivative by hand) for each; the formulas are of the names and steps that the root was made from."""
    from microgradnet.expression import formula
    from microgradnet.graph import Graph

    graph = Graph(root)
    named = {label: node for label, node in zip(graph.labels, graph.nodes, strict=True) if label}
    for name, text in assignments("--by-hand", texts, 'w1="-2*(y - p)*x"'):
        if name not in named:
            raise InputError(f"--by-hand: {name:.60} is not in the formula; its names are {', '.join(sorted(named))}")
        with in_one_sentence(f"--by-hand {name}"):
            yield name, formula(text, named)
