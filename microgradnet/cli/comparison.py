"""The command `compare`: somebody's hand-written backprop in a file, or a formula, beside autograd."""

from __future__ import annotations

import argparse
import inspect
import math
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any

from microgradnet.cli.formulas import as_number, assignments, in_one_sentence, numbers_of, root_of
from microgradnet.cli.script import arguments, derivations, function_named, not_leaving, parts, running
from microgradnet.errors import InputError

if TYPE_CHECKING:
    from microgradnet.comparison import Comparison
    from microgradnet.diagnosis import Report

DESCRIPTION = """Check derivatives that were made by hand.

FILE.py:OBJECT.METHOD (or FILE.py:FUNCTION): the file is run as `python FILE.py` would
run it; then the method runs on Values, and every variable named like a derivative is
held against autograd. You are shown the first wrong line, and why it is wrong.

A formula is differentiated by autograd, beside derivatives by hand and by finite
differences. Without --by-hand, autograd is held against finite differences alone."""

EXAMPLES = """examples:
  microgradnet compare homework.py:network.train --args data,all_y_trues \\
      --loss "(y_true - y_pred)**2"
  microgradnet compare "L = (y - w*x)**2" --at w=1,x=2,y=3 --by-hand w="-2*x*(y - w*x)"
  microgradnet compare "p = w*x; L = (y - p)**2" --at w=1,x=2,y=3 --by-hand dL_dp=-2

exit status: 0 everything agrees, 1 something differs, 2 the input cannot be used or
nothing was compared"""

NOT_COMPARED = (
    "nothing was compared; derivatives are found by names such as d_L_d_w, dW or grad_b, or by --names delta=loss/z; "
    "where the code computes no loss give --loss, and where it derives by whole numbers --lift"
)
RAISES = "nothing was compared, as the code raises an exception first"
NOT_DECIDED = "nothing could be decided here; try other numbers"


def add(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "compare",
        help="your derivatives beside autograd: in a file, or of a formula",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "what",
        metavar="FILE.py:OBJECT.METHOD | FORMULA",
        help="what to check; a blank goes before a formula that begins with -",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON; a file's own output goes to stderr"
    )
    file = parser.add_argument_group("for a file")
    file.add_argument("--args", metavar="A,B,C=D", help="what it is called with: names in the file, or numbers")
    file.add_argument("--loss", metavar="FORMULA", help="of the code's own variables, or the name of one")
    file.add_argument("--names", metavar="NAME=A/B,…", help="derivatives whose names do not say so: delta=loss/z")
    file.add_argument("--lift", metavar="NAME,…", help="whole numbers by which the code derives")
    file.add_argument("--iterations", metavar="N", type=int, help="updates of the parameters to look at (4)")
    file.add_argument("--points", metavar="N", type=int, help="more runs with moved parameters, for the cause (4)")
    formula = parser.add_argument_group("for a formula (`NAME = FORMULA; …; L = FORMULA` for one in steps)")
    formula.add_argument("--at", metavar="NAME=X,…", action="append", help="the numbers of its names: w1=1,x1=-2")
    formula.add_argument("--by-hand", metavar="NAME=FORMULA", action="append", help="a derivative, or its number")
    formula.add_argument("--significant", metavar="N", type=int, help="digits to which by hand was rounded")
    formula.add_argument("--steps", metavar="H", help="of finite differences: 1e-5 or w1=1e-5,b=1e-3 (chosen)")
    formula.add_argument("--sources", metavar="A,B", help="other opinions: finite, torch, jax (finite)")


OF_FILES = ("args", "loss", "names", "lift", "iterations", "points")
OF_FORMULAS = ("at", "by_hand", "significant", "steps", "sources")


def _run(args: argparse.Namespace) -> int:
    file, name = _file_of(args.what)
    if file is None:
        _refuse(args, OF_FILES, "belongs to FILE.py:OBJECT.METHOD, and this is a formula")
        return _finish(_compared(args), args.json)
    _refuse(args, OF_FORMULAS, "belongs to a formula, and this is a file")
    if not name:
        raise InputError(_what_to_name(file))
    return _finish(_checked(args, file, name), args.json)


def _file_of(what: str) -> tuple[str | None, str]:
    """(file, name in it), or (None, "") where it is a formula.

    >>> _file_of("a.py:net.train"), _file_of("a.py"), _file_of("w*x")
    (('a.py', 'net.train'), ('a.py', ''), (None, ''))
    """
    before, colon, after = what.rpartition(".py:")
    if colon:
        return f"{before}.py", after.strip()
    if what.endswith(".py"):
        return what, ""
    path = what.rpartition(":")[0]
    if path and os.path.exists(path):  # a formula has no colon
        raise InputError(f"{path} is not a Python file; the name of one ends in .py")
    return None, ""


def _refuse(args: argparse.Namespace, options: tuple[str, ...], why: str) -> None:
    for option in options:
        if getattr(args, option) is not None:
            raise InputError(f"--{option.replace('_', '-')} {why}: {args.what!r:.60}")


def _finish(result: Report | Comparison, as_json: bool) -> int:
    """Print the result; the exit status."""
    from microgradnet.display import print_table

    if as_json:
        print(result.json())
    else:
        print_table(result.table())
    if result.ok:
        return 0
    if hasattr(result, "lines"):
        differs, otherwise = any(line.agrees is False for line in result.lines), NOT_DECIDED
    else:
        wrong = [finding for finding in result.findings if finding.kind != "exception" or result.compared]
        differs, otherwise = bool(wrong), RAISES if result.findings else NOT_COMPARED
    if not differs:
        print(f"microgradnet: {otherwise}", file=sys.stderr)
    return 1 if differs else 2


# --- a file ---------------------------------------------------------------------------------------------------------


def _what_to_name(file: str) -> str:
    found = derivations(file)
    if not found:
        return (
            f"{file}: say what to check, as in {file}:network.train; no function in it has names like derivatives, "
            "such as d_L_d_w, dW or grad_b"
        )
    listed = "; ".join(
        f"{place} ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})" for place, names in found[:10]
    )
    return (
        f"{file}: say what to check, as in {file}:{found[0][0]}; names like derivatives are in {listed}; where forward "
        "and backward are apart, name what calls both"
    )


def _checked(args: argparse.Namespace, file: str, name: str) -> Report:
    from microgradnet.diagnosis import check_derivation

    options: dict[str, Any] = {
        "loss": None if args.loss is None else _loss(args.loss),
        "names": _names(args.names or ""),
        "lift": parts(args.lift or ""),
    }
    options |= {key: getattr(args, key) for key in ("iterations", "points") if getattr(args, key) is not None}
    with redirect_stdout(sys.stderr) if args.json else nullcontext(), running(file) as names:
        function = function_named(names, name, file)
        given, keywords = arguments(names, args.args or "", function, name, file)
        clash = [
            keyword for keyword in keywords if keyword in ("loss", "names", "lift", "iterations", "points", "seed")
        ]
        if clash:
            raise InputError(
                f"--args: {clash[0]} cannot be given by its name; give it by its place, without {clash[0]}="
            )
        with not_leaving(file):
            return check_derivation(function, *given, **options, **keywords)


def _names(text: str) -> dict[str, tuple[str, str]]:
    """
    >>> _names("delta=loss/z, g=h/w")
    {'delta': ('loss', 'z'), 'g': ('h', 'w')}
    """
    meanings: dict[str, tuple[str, str]] = {}
    for name, meaning in assignments("--names", parts(text), "delta=loss/z"):
        of, slash, by = (word.strip() for word in meaning.partition("/"))
        if not (of and slash and by) or "/" in by:
            raise InputError(f"--names: {name:.60}={meaning:.60} wants two names, as in delta=loss/z")
        meanings[name] = (of, by)
    return meanings


def _loss(text: str) -> Callable[..., Any] | str:
    """The loss as a function of the code's variables, or the name of the variable that holds it."""
    if text.strip().isidentifier():
        return text.strip()
    compute = _function("--loss", text)
    if not inspect.signature(compute).parameters:
        raise InputError(
            f"--loss {text!r:.60} has no variable of the code in it; write for example (y_true - y_pred)**2"
        )

    def loss(**variables: Any) -> Any:
        return compute(**{name: _single(name, x) for name, x in variables.items()})

    loss.__signature__ = inspect.signature(compute)  # type: ignore[attr-defined]
    return loss


def _single(name: str, x: Any) -> Any:
    """The one number that a variable of the code holds."""
    if not hasattr(x, "shape"):
        return x
    if math.prod(x.shape) != 1:
        raise InputError(
            f"--loss: {name} is an array of shape {x.shape} in the code, and a formula has single numbers; give the "
            "code a variable that holds the loss, and its name here: --loss loss"
        )
    return x.item() if hasattr(x, "item") else x


# --- a formula ------------------------------------------------------------------------------------------------------


def _compared(args: argparse.Namespace) -> Comparison:
    from microgradnet.comparison import compare

    root = root_of(args)
    by_hand: dict[str, Any] = {}
    for name, text in assignments("--by-hand", args.by_hand or [], 'w1="2*x"'):
        number = as_number(text)
        by_hand[name] = _function(f"--by-hand {name}", text) if number is None else number
    options: dict[str, Any] = {}
    if args.steps is not None:
        width = as_number(args.steps)
        options["steps"] = dict(numbers_of("--steps", args.steps, "w1=1e-5")) if width is None else width
    if args.sources is not None:
        options["sources"] = tuple(parts(args.sources))
    return compare(root, by_hand or None, significant=args.significant, **options)


def _function(where: str, text: str) -> Callable[..., Any]:
    """A formula as a function whose parameters are its names; the text is never executed."""
    from microgradnet.expression import formula, names_in

    with in_one_sentence(where):
        names = names_in(text)
        formula(text, dict.fromkeys(names, 0.5))  # anything that is wrong with it is said now

    def computed(**numbers: Any) -> Any:
        return formula(text, numbers)

    computed.__name__ = where
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    computed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return computed
