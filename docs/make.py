"""Writes what is generated in the documentation: the pictures, the table of operations, what notebooks show.

python docs/make.py              after a change to the drawing or to the table; a test tells when it is needed
python docs/make.py notebooks    run the notebooks of examples by Jupyter, too (the extra `notebook`)
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from microgradnet import Drawing, Value, dot, draw, name, sigmoid
from microgradnet.article import PEOPLE
from microgradnet.cli import main as command_line
from microgradnet.exhibit import POINT, network
from microgradnet.nn import MLP

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
ENGINE = "graphviz-pure"  # by name, so that the pictures are the same on every machine


def _backward(root: Value) -> Value:
    root.backward()
    return root


def article() -> Drawing:
    """The loss of the article's network for Alice, every weight 1, every bias 0."""
    return draw(_backward(network(POINT, PEOPLE[0])["L"]), engine=ENGINE)


def path() -> Drawing:
    """What lies between that loss and w1."""
    values = network(POINT, PEOPLE[0])
    return draw(_backward(values["L"]), wrt=values["w1"], engine=ENGINE)


def circles() -> Drawing:
    """The article's network as textbooks draw it, with the parameters of its seed 6."""
    model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=6)
    return draw(model, inputs=["weight", "height"], engine=ENGINE)


def layers() -> Drawing:
    """The loss of a 2-16-16-1 network, collapsed."""
    model = MLP(2, [16, 16, 1], activation="tanh", output="sigmoid", init="xavier", seed=1)
    L = (1 - model([Value(0.5, "x1"), Value(-1.0, "x2")])) ** 2
    L.label = "L"
    return draw(_backward(L), collapse="layer", engine=ENGINE)


def neuron() -> Drawing:
    """The article's one neuron: w = [0, 1], b = 4, x = [2, 3]."""
    w1, w2, b, x1, x2 = Value(0.0), Value(1.0), Value(4.0), Value(2.0), Value(3.0)
    s = dot([w1, w2], [x1, x2], b)
    y: Value = sigmoid(s)
    name(**locals())
    return draw(_backward(y), engine=ENGINE)


def two_paths() -> Drawing:
    """x goes into y twice, so its gradient is a sum of two: the evening tour's example."""
    x = Value(3.0)
    y = x * x + 1
    name(**locals())
    return draw(_backward(y), engine=ENGINE)


PICTURES = {
    "article": article,
    "layers": layers,
    "network": circles,
    "neuron": neuron,
    "path": path,
    "two-paths": two_paths,
}


def picture(which: str) -> str:
    """One of PICTURES as SVG."""
    return PICTURES[which]().svg()


def operations() -> str:
    """The page operations.md, as the command line prints it."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        command_line(["ops", "--markdown"])
    return page.getvalue()


NOTEBOOKS = ("article", "article.ru")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(which: str) -> str:
    """One of NOTEBOOKS as the text of its file, after Jupyter has run it from the first cell to the last.

    The notebook itself is the source: change its cells in the file, then run this.
    """
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(EXAMPLES / f"{which}.ipynb", as_version=4)
    where = os.pathsep.join(filter(None, [str(DOCS.parent), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            book, kernel_name="python3", record_timing=False, coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )  # fmt: skip
        client.execute(env=os.environ | {"MICROGRADNET_DOT": ENGINE, "PYTHONPATH": where})
    text: str = nbformat.writes(tidy(book))
    return text.rstrip("\n") + "\n"


def tidy(book: Any) -> Any:
    """The notebook without what differs from machine to machine and from run to run."""
    book.metadata.clear()
    book.metadata.update(kernelspec=KERNEL, language_info={"name": "python"})
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number:02}"
        cell.metadata.clear()
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output.metadata.clear()
    return book


def main() -> None:
    """Write all of it; the notebooks only if asked for, since they need Jupyter."""
    for which in PICTURES:
        (DOCS / "images" / f"{which}.svg").write_text(picture(which), encoding="utf-8", newline="\n")
    (DOCS / "operations.md").write_text(operations(), encoding="utf-8", newline="\n")
    for which in NOTEBOOKS if sys.argv[1:] == ["notebooks"] else ():
        (EXAMPLES / f"{which}.ipynb").write_text(notebook(which), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
