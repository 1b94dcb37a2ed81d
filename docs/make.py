"""Writes what is generated in the documentation: the pictures and the table of operations.

python docs/make.py    after a change to the drawing or to the table; a test tells when it is needed
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from microgradnet import Value, dot, draw, name, sigmoid
from microgradnet.article import PEOPLE
from microgradnet.cli import main as command_line
from microgradnet.exhibit import POINT, network

DOCS = Path(__file__).parent
ENGINE = "graphviz-pure"  # by name, so that the pictures are the same on every machine


def article() -> Value:
    """The loss of the article's network for Alice, every weight 1, every bias 0."""
    return network(POINT, PEOPLE[0])["L"]


def neuron() -> Value:
    """The article's one neuron: w = [0, 1], b = 4, x = [2, 3]."""
    w1, w2, b, x1, x2 = Value(0.0), Value(1.0), Value(4.0), Value(2.0), Value(3.0)
    s = dot([w1, w2], [x1, x2], b)
    y: Value = sigmoid(s)
    name(**locals())
    return y


def two_paths() -> Value:
    """x goes into y twice, so its gradient is a sum of two: the evening tour's example."""
    x = Value(3.0)
    y = x * x + 1
    name(**locals())
    return y


PICTURES = {"article": article, "neuron": neuron, "two-paths": two_paths}


def picture(which: str) -> str:
    """One of PICTURES as SVG."""
    root = PICTURES[which]()
    root.backward()
    return draw(root, engine=ENGINE).svg()


def operations() -> str:
    """The page operations.md, as the command line prints it."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        command_line(["ops", "--markdown"])
    return page.getvalue()


def main() -> None:
    """Write all of it."""
    for which in PICTURES:
        (DOCS / "images" / f"{which}.svg").write_text(picture(which), encoding="utf-8", newline="\n")
    (DOCS / "operations.md").write_text(operations(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
