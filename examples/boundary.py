"""Where a trained network changes its mind: its decision boundary and the curve of its loss, as PNG.

python examples/boundary.py           into a folder that is removed again
python examples/boundary.py pictures  into the folder pictures
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from microgradnet import fit, plot, sigmoid
from microgradnet.nn import MLP
from microgradnet.sheet import read


def people() -> tuple[list[list[float]], list[float]]:
    """Weight and height of 200 people, as deviations from 65 kg and 170 cm in tens; 1 for a woman, 0 for a man."""
    sheet = read(Path(__file__).parent / "data" / "davis.csv")
    weight, height = sheet.numbers("weight_kg"), sheet.numbers("height_cm")
    weight[11], height[11] = height[11], weight[11]  # they are swapped in the file: see examples/davis.py
    X = [[(w - 65) / 10, (h - 170) / 10] for w, h in zip(weight, height, strict=True)]
    return X, [1.0 if sex == "F" else 0.0 for sex in sheet.texts("sex")]


def main() -> None:
    X, y = people()
    network = MLP(2, [4, 1], "tanh", "sigmoid", init="xavier", seed=2)
    history = fit(
        network, X, y, loss="binary_cross_entropy", lr=0.02, epochs=60, validation=0.25, seed=0, progress=False
    )
    right = sum(round(answer) == own for answer, own in zip(network.predict(X), y, strict=True))
    print(history)
    print(f"right about {right} of {len(X)} people")

    names = ["weight, tens of kg from 65", "height, tens of cm from 170"]
    figures = {
        "boundary.png": plot.boundary(network, X, y, names=names, classes=["men", "women"], title="Man or woman?"),
        "loss.png": plot.curve(history, title="Loss after each epoch"),
        "sigmoid.png": plot.function(sigmoid, -6, 6, title="The article's activation and its derivative"),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=144)
            print(f"written: {name}")


if __name__ == "__main__":
    main()
