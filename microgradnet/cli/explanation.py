"""The command `explain`: the chain rule for a formula, in letters, with numbers put in, and its values."""

from __future__ import annotations

import argparse
import json
from typing import Any

from microgradnet.cli.formulas import FORMULA, root_of
from microgradnet.cli.script import parts
from microgradnet.errors import InputError

DESCRIPTION = """Explain a derivative of a formula as one writes it on a blackboard: the chain rule
in letters, each factor with its numbers, and the product.

Without --wrt the whole backward pass is told, node by node."""

EXAMPLES = """examples:
  microgradnet explain "L = (y - sigmoid(w*x + b))**2" --wrt w --at w=1,x=-2,b=0,y=1
  microgradnet explain "p = w*x; L = (y - p)**2" --wrt w --at w=1,x=2,y=3 --latex
  microgradnet explain "L = (y - tanh(w*x))**2" --wrt w --at w=1,x=2,y=3 --formula"""


def add(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "explain",
        help="the chain rule with its numbers, for a formula",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run)
    parser.add_argument("what", metavar="FORMULA", help=FORMULA)
    parser.add_argument("--at", metavar="NAME=X,…", action="append", help="the numbers of its names: w1=1,x1=-2")
    parser.add_argument("--wrt", metavar="NAME,…", help="by what to differentiate; several: a section for each")
    parser.add_argument(
        "--by", choices=("neuron", "operation"), default="neuron", help="a factor for each neuron or each operation"
    )
    parser.add_argument("--lang", choices=("en", "ru"), default="en", help="the language (%(default)s)")
    parser.add_argument("--digits", metavar="N", type=int, default=3, help="significant digits, 1 to 17 (%(default)s)")
    parser.add_argument("--rounded", action="store_true", help="calculate with the rounded numbers, as by hand")
    parser.add_argument("--formula", action="store_true", help="only the derivative itself, as a formula")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown with formulas in LaTeX")
    form.add_argument("--latex", action="store_true", help="print LaTeX")
    form.add_argument("--json", action="store_true", help="print the result as JSON")


def _run(args: argparse.Namespace) -> int:
    print((_formula if args.formula else _explanation)(args))
    return 0


def _explanation(args: argparse.Namespace) -> str:
    from microgradnet.explanation import explain

    shown = explain(root_of(args), _wrt(args), by=args.by, language=args.lang, digits=args.digits, rounded=args.rounded)
    if args.json:
        return shown.json()
    return shown.markdown() if args.markdown else shown.latex() if args.latex else str(shown)


def _formula(args: argparse.Namespace) -> str:
    from microgradnet.explanation import derivative

    wrt = _wrt(args)
    if wrt is None:
        raise InputError("--formula wants a name to differentiate by: --wrt w")
    root = root_of(args)
    formulas = {name: derivative(root, name) for name in wrt}
    if args.json:
        return _as_json({name: str(formula) for name, formula in formulas.items()})
    if args.latex or args.markdown:
        return "\n\n".join(f"$${f.latex()}$$" if args.markdown else f.latex() for f in formulas.values())
    return "\n".join(f"∂{root.label}/∂{name} = {formula}" for name, formula in formulas.items())


def _wrt(args: argparse.Namespace) -> list[str] | None:
    if args.wrt is None:
        return None
    names = parts(args.wrt)
    if not names:
        raise InputError("--wrt wants a name of the formula, or several: --wrt w,b")
    return names


def _as_json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
