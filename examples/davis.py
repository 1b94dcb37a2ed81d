"""The article's network on 200 measured people: find a mistake in the data, correct it, tell the sex from the size.

python examples/davis.py              takes a few seconds
python examples/davis.py --seeds 10   the same for ten choices of the people to test on, takes half a minute
"""

from __future__ import annotations

import argparse
from pathlib import Path

from microgradnet import fit, losses
from microgradnet.nn import MLP
from microgradnet.sheet import read
from microgradnet.tabular import split

KG_PER_POUND, CM_PER_INCH = 0.45359237, 2.54

sheet = read(Path(__file__).parent / "data" / "davis.csv")
sex, weight, height = sheet.texts("sex"), sheet.numbers("weight_kg"), sheet.numbers("height_cm")
people = range(len(sex))


def standardised(numbers: list[float], rows: list[int]) -> list[float]:
    """Numbers as deviations from their mean, in units of the usual deviation; both taken from these rows only."""
    mean = sum(numbers[i] for i in rows) / len(rows)
    deviation = (sum((numbers[i] - mean) ** 2 for i in rows) / len(rows)) ** 0.5
    return [(number - mean) / deviation for number in numbers]


def find_the_mistake() -> int:
    """Let a network learn the weight from the height, and see whom it cannot explain: the number of that person.

    Huber's loss matters: with squared errors one impossible person pulls the network towards herself and hides.
    """
    x, y = standardised(height, [*people]), standardised(weight, [*people])
    network = MLP(1, [2, 1], activation="sigmoid", output="linear", init="article", seed=0)
    fit(network, x, y, loss="huber", lr=0.02, epochs=100, progress=False)
    loss = [losses.huber(network([x[i]]), y[i]).data for i in people]
    worst = sorted(people, key=lambda i: -loss[i])[:4]
    print("The largest losses when a network learns the weight from the height:")
    print("person  sex  weight  height   loss")
    for i in worst:
        print(f"{i + 1:6}  {sex[i]:3}  {weight[i]:3.0f} kg  {height[i]:3.0f} cm  {loss[i]:5.2f}")
    return worst[0]


def accuracy(scale: str, seed: int) -> float:
    """Train the article's network as the article does, on 150 of the people: the share of right answers on the rest."""
    trained, tested = split(len(people), 0.25, seed)
    if scale == "shift":  # the article's own: pounds - 135, inches - 66
        x = [[w / KG_PER_POUND - 135, h / CM_PER_INCH - 66] for w, h in zip(weight, height, strict=True)]
    else:
        columns = standardised(weight, trained), standardised(height, trained)
        x = [list(row) for row in zip(*columns, strict=True)]
    y = [1.0 if s == "F" else 0.0 for s in sex]
    network = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=seed)
    # The engine is fixed: unscaled rows, one a step, make a difference in the last bit a large one after 50 epochs.
    fit(
        network, [x[i] for i in trained], [y[i] for i in trained], lr=0.1, epochs=200, every=200, progress=False,
        engine="eager",
    )  # fmt: skip
    outputs: list[float] = network.predict([x[i] for i in tested])
    return sum(round(output) == y[i] for i, output in zip(tested, outputs, strict=True)) / len(tested)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many choices of test people to try")
    seeds = range(max(1, parser.parse_args().seeds))

    before = [(accuracy("shift", seed), accuracy("standardised", seed)) for seed in seeds]
    i = find_the_mistake()
    weight[i], height[i] = height[i], weight[i]
    print(f"Person {i + 1} has weight and height swapped; put right: {weight[i]:.0f} kg, {height[i]:.0f} cm.")
    after = [(accuracy("shift", seed), accuracy("standardised", seed)) for seed in seeds]

    print()
    print("Sex from weight and height, the article's network: right answers among 50 unseen people")
    print("          as recorded            put right")
    print("seed   shift  standardised   shift  standardised")
    table = [(*b, *a) for b, a in zip(before, after, strict=True)]
    for seed, row in zip(seeds, table, strict=True):
        print("{:4}   {:5.2f}  {:12.2f}   {:5.2f}  {:12.2f}".format(seed, *row))
    if len(table) > 1:
        means = [sum(column) / len(column) for column in zip(*table, strict=True)]
        print("mean  {:6.3f}  {:12.3f}  {:6.3f}  {:12.3f}".format(*means))


if __name__ == "__main__":
    main()
