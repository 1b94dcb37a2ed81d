"""Draw what a loss was made of, as SVG, PNG, DOT and Mermaid, and as a page that steps through it.

python examples/render_graph.py           into a folder that is removed again
python examples/render_graph.py pictures  into the folder pictures
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from microgradnet import Value, draw, name, sigmoid


def neuron_and_loss() -> Value:
    """One neuron of two inputs, its answer ypred, and the loss L = (1 - ypred)²."""
    w1, w2, b = Value(0.5), Value(-0.25), Value(0.1)
    x1, x2 = Value(-2.0), Value(-1.0)  # data as Values, so that the picture shows them with their names
    s = w1 * x1 + w2 * x2 + b
    ypred = sigmoid(s)
    L = (1 - ypred) ** 2
    name(**locals())
    return L


def main() -> None:
    L = neuron_and_loss()
    L.backward()  # before drawing: the picture shows the .grad that each node has at this moment
    drawing = draw(L)
    print(drawing)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("neuron.svg", "neuron.png", "neuron.dot", "neuron.mmd", "neuron.html"):
            path = drawing.save(folder / file)
            print(f"written: {path.name}, begins with {path.read_bytes()[:8]!r}")


if __name__ == "__main__":
    main()
