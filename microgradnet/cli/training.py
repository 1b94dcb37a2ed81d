"""The commands `train` and `predict`: a network learns a column of a CSV file, and reads it off another file."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from microgradnet.errors import InputError
from microgradnet.files import mode_of

if TYPE_CHECKING:
    from microgradnet.tabular import Settings
    from microgradnet.training import History


def add(subparsers: Any) -> None:
    """Add both commands to the parser."""
    train = subparsers.add_parser(
        "train",
        help="train a network on a CSV file",
        description="Train a network to tell one column of a CSV file from the others. Texts in that column are "
        "classes, and so is a column of only 0 and 1; other numbers are numbers to be met. All inputs are scaled.",
    )
    train.set_defaults(run=_train)
    train.add_argument("data", metavar="DATA.csv", help="UTF-8, a header, separated by commas, semicolons or tabs")
    train.add_argument("--target", required=True, metavar="COLUMN", help="the column to learn")
    train.add_argument("--inputs", metavar="COLUMNS", help="learn it from these, such as weight,height (all others)")
    train.add_argument("--ignore", metavar="COLUMNS", default="", help="leave these columns out")
    train.add_argument("--classes", action="store_true", help="each different number of the target is a class")
    train.add_argument("--hidden", metavar="N,N", default="2", help="neurons per hidden layer, or none (%(default)s)")
    train.add_argument("--activation", metavar="NAME", default="sigmoid", help="of the hidden neurons (%(default)s)")
    train.add_argument("--loss", metavar="NAME", help="(binary_cross_entropy, cross_entropy or mse, by the target)")
    train.add_argument("--optimizer", metavar="NAME", default="sgd", help="sgd, adam or adamw (%(default)s)")
    train.add_argument("--rate", metavar="X", type=float, help="first learning rate, it falls to 0 (0.1 or 0.01)")
    train.add_argument("--epochs", metavar="N", type=int, default=100, help="how often to see all rows (%(default)s)")
    train.add_argument("--batch", metavar="N", type=int, default=1, help="rows per step (%(default)s)")
    train.add_argument("--test", metavar="PART", type=float, default=0.25, help="share to test on (%(default)s)")
    train.add_argument("--seed", metavar="N", type=int, default=0, help="fixes all that is by chance (%(default)s)")
    train.add_argument("--init", metavar="NAME", help="first parameters: uniform, xavier, he, article (by activation)")
    train.add_argument("--engine", metavar="NAME", default="auto", help="eager, python, numpy or numba (%(default)s)")
    train.add_argument("--save", metavar="MODEL.json", help="write the model here, for predict")
    train.add_argument("--plot", metavar="LOSS.png", help="draw the loss here (.png, .svg, .pdf; needs matplotlib)")
    output = train.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the result as JSON")
    output.add_argument("--quiet", action="store_true", help="print nothing")

    predict = subparsers.add_parser(
        "predict",
        help="use a trained network on a CSV file",
        description="Print what a model that `train --save` wrote says of every row of a CSV file, as CSV. The columns "
        "are found by their names; others do not matter.",
    )
    predict.set_defaults(run=_predict)
    predict.add_argument("model", metavar="MODEL.json")
    predict.add_argument("data", metavar="DATA.csv")
    predict.add_argument("--out", metavar="FILE.csv", help="write to a file instead")


def _train(args: argparse.Namespace) -> int:
    from microgradnet import sheet, tabular

    settings = _settings(args)
    _check_places(args)
    found = tabular.problem(
        sheet.read(args.data),
        args.target,
        inputs=None if args.inputs is None else _names(args.inputs),
        ignore=_names(args.ignore),
        classes=args.classes,
    )
    silent = args.json or args.quiet
    try:
        training = tabular.train(found, settings, progress=not silent)
    except ImportError as error:  # an engine that is not installed
        raise InputError(f"--engine {args.engine}: {error}") from None
    if training.history.stopped and not training.history.interrupted:
        return 2  # it diverged, and fit has said so
    if args.save:
        training.model.save(args.save)
    if args.plot:
        _save_plot(training.history, args.plot)
    if args.json:
        shown = {"data": found.data(), **training.data()}
        print(json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False))
    elif not args.quiet:
        found.show()
        print()
        training.show()
        files = [path for path in (args.save, args.plot) if path]
        if files:
            print(f"Written: {'  '.join(files)}")
    return 130 if training.history.interrupted else 0


def _predict(args: argparse.Namespace) -> int:
    from microgradnet import sheet, tabular
    from microgradnet.files import write_atomically

    model = tabular.TableModel.load(args.model)
    if args.out is not None:
        _check_place("--out", args.out, [args.model, args.data])
    rows = model.rows(sheet.read(args.data))
    try:
        text = tabular.written(model.predict(rows))
    except InputError as error:
        raise InputError(f"{args.data}: {error}") from error
    if args.out:
        write_atomically(args.out, text)
    else:
        sys.stdout.write(text)
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    from microgradnet.tabular import Settings

    return Settings(
        hidden=_sizes(args.hidden),
        activation=args.activation,
        loss=args.loss,
        optimizer=args.optimizer,
        rate=args.rate,
        epochs=args.epochs,
        batch=args.batch,
        test=args.test,
        seed=args.seed,
        init=args.init,
        engine=args.engine,
    )


def _sizes(text: str) -> tuple[int, ...]:
    if text.strip().lower() == "none":
        return ()
    try:
        return tuple(int(n) for n in text.split(","))
    except ValueError:
        raise InputError(f"--hidden wants neurons per layer, such as 2 or 16,16, or none, got {text!r:.60}") from None


def _names(text: str) -> list[str]:
    """Names between commas; a name that holds a comma stands in quotes, as in CSV."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{text!r:.60} is no list of names with commas between: {error}") from error
    if len(rows) > 1:
        raise InputError(f"{text!r:.60} has more than one line; put a name that holds a line break in quotes")
    return [name.strip() for name in rows[0]] if rows else []


# --- files to be written ------------------------------------------------------------------------------------------


def _check_places(args: argparse.Namespace) -> None:
    """Find out before the training whether its results can be written after it."""
    if args.save is not None:
        _check_place("--save", args.save, [args.data])
    if args.plot is None:
        return
    _check_place("--plot", args.plot, [args.data, *([args.save] if args.save else [])])
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise InputError('--plot needs matplotlib; install it by: pip install "microgradnet[plot]"') from None
    if _suffix(args.plot) not in FigureCanvasBase.filetypes:
        raise InputError(f"--plot {args.plot}: the name must end in .png, .svg or .pdf")


def _check_place(option: str, path: str, others: list[str]) -> None:
    if not path:
        raise InputError(f"{option}: the file name is empty; give one, or leave the option out")
    folder = os.path.dirname(os.path.realpath(path))
    if any(os.path.realpath(path) == os.path.realpath(other) for other in others):
        raise InputError(f"{option} {path}: would overwrite another file of this command; choose another name")
    if os.path.isdir(path):
        raise InputError(f"{option} {path}: is a folder; add a file name to it")
    if not os.path.isdir(folder):
        raise InputError(f"{option} {path}: there is no folder {os.path.dirname(path)}; make it first")
    mode_of(path)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{option} {path}: the folder cannot be written: {error.strerror or error}; choose another one"
        ) from None


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower().lstrip(".")


def _save_plot(history: History, path: str) -> None:
    """Draw the loss, and write the picture whole or not at all."""
    from io import BytesIO

    from microgradnet.files import write_atomically

    picture = BytesIO()
    history.plot().figure.savefig(picture, format=_suffix(path))
    write_atomically(path, picture.getvalue())
