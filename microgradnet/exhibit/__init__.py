"""The article beside autograd, end to end: its numbers by machine and by hand, its training, a picture, one printout.

Every number is computed here; the only ones typed in are those of the column "article", which rounds as it goes.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from textwrap import wrap
from time import perf_counter
from typing import Any

from microgradnet import article, finite
from microgradnet.article import EMILY, FRANK, NAMES, PEOPLE, Person
from microgradnet.comparison import compare
from microgradnet.display import fixed, magnitude
from microgradnet.drawing import draw
from microgradnet.errors import InputError
from microgradnet.exhibit.words import LANGUAGES
from microgradnet.functions import dot, sigmoid
from microgradnet.graph import Graph
from microgradnet.nn import MLP
from microgradnet.training import History, fit
from microgradnet.value import Value

__all__ = ["LANGUAGES", "POINT", "ROUNDED", "Exhibit", "check_settings", "exhibit", "network", "usable_folder"]

POINT = {name: float(name.startswith("w")) for name in NAMES}
"""Where the article differentiates: every weight 1, every bias 0."""

ROUNDED = {"∂L/∂ypred": "-0.952", "∂ypred/∂h1": "0.249", "∂h1/∂w1": "-0.0904", "∂L/∂w1": "0.0214"}
"""What the article prints there, for Alice; it rounds to three digits before it multiplies."""


def network(parameters: Mapping[str, float], person: Person) -> dict[str, Value]:
    """The article's network for one person as Values, by the article's letters: w1 … b3, x1, x2, y, s1 … ypred, L.

    >>> v = network(POINT, PEOPLE[0])
    >>> v["L"].backward()
    >>> f"{v['w1'].grad:.6f}"
    '0.021470'
    """
    v: dict[str, Any] = {name: Value(parameters[name], name) for name in NAMES}
    v |= {"x1": Value(person.x1, "x1"), "x2": Value(person.x2, "x2"), "y": Value(person.y, "y")}
    v["s1"] = dot([v["w1"], v["w2"]], [v["x1"], v["x2"]], v["b1"])
    v["h1"] = sigmoid(v["s1"])
    v["s2"] = dot([v["w3"], v["w4"]], [v["x1"], v["x2"]], v["b2"])
    v["h2"] = sigmoid(v["s2"])
    v["s3"] = dot([v["w5"], v["w6"]], [v["h1"], v["h2"]], v["b3"])
    v["ypred"] = sigmoid(v["s3"])
    v["L"] = (v["y"] - v["ypred"]) ** 2
    for name, value in v.items():
        value.label = name
    return v


def exhibit(seed: int = 6, epochs: int = 1000, rate: float = 0.1, engine: str = "auto") -> Exhibit:
    """Compute all of it: the worked example by autograd, by hand and by finite differences; the training; predictions.

    `seed` starts NumPy's legacy generator, as in the article; `engine` is what `fit` trains with. InputError for a
    seed outside 0 … 2³² - 1, less than one epoch, or a rate that is not a positive number.

    >>> shown = exhibit(seed=0, epochs=991)
    >>> shown.agree, shown.history.epochs[-1], f"{shown.history.losses[-1]:.4f}"
    (True, 990, '0.0024')
    """
    check_settings(seed, epochs, rate)
    person = PEOPLE[0]
    v = network(POINT, person)
    v["L"].backward()
    graph = Graph(v["L"])
    gradient = graph.gradient()
    by_hand = article.gradients(POINT, person.x1, person.x2, person.y)
    comparison = compare(v["L"], by_hand)
    gradients = {line.name: (line.autograd, by_hand[line.name]) for line in comparison.lines}
    differences = finite.gradient(lambda parameters: article.loss(parameters, [person]), POINT)
    to_h1, to_w1 = Graph(v["ypred"]), Graph(v["h1"])
    factors = {
        "∂L/∂ypred": gradient[graph.number("ypred")],
        "∂ypred/∂h1": to_h1.gradient()[to_h1.number("h1")],
        "∂h1/∂w1": to_w1.gradient()[to_w1.number("w1")],
        "∂L/∂w1": gradient[graph.number("w1")],
    }
    slopes = {s: graph.partials(graph.number(h))[0] or 0.0 for s, h in (("s1", "h1"), ("s3", "ypred"))}

    model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", init="article", seed=seed)
    X, y = [[p.x1, p.x2] for p in PEOPLE], [p.y for p in PEOPLE]
    every = 10 if epochs > 10 else 1
    start = perf_counter()
    measured = fit(model, X, y, lr=rate, epochs=epochs, every=every, progress=epochs > 10_000, engine=engine)
    milliseconds = 1000 * (perf_counter() - start)
    kept = [i for i, epoch in enumerate(measured.epochs) if epoch % every == 0]
    history = History([measured.epochs[i] for i in kept], [measured.losses[i] for i in kept], before=measured.before)
    history.interrupted, history.stopped = measured.interrupted, measured.stopped
    history.engine, history.why = measured.engine, measured.why
    return Exhibit(
        seed, epochs, rate, person, v, factors, slopes, gradients, differences,
        [line.name for line in comparison.lines if not (line.agrees and _close(line.autograd, differences[line.name]))],
        history, milliseconds,
        {p.label or "": p.data for p in model.parameters()},
        [(p, model([p.x1, p.x2]).data) for p in (EMILY, FRANK)],
    )  # fmt: skip


def check_settings(seed: int, epochs: int, rate: float) -> None:
    """InputError where `exhibit` could not work with these."""
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, got {seed}")
    if epochs < 1:
        raise InputError(f"epochs must be at least 1, got {epochs}")
    if not 0 < rate < math.inf:
        raise InputError(f"rate must be a positive number, got {rate:g}")


def usable_folder(path: str | PathLike[str]) -> Path:
    """The folder, made if it is missing and tried out by a file in it. InputError if nothing can be written there."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{folder}: nothing can be written there ({reason}); give another folder") from None
    return folder


def _close(autograd: float, difference: float) -> bool:
    return abs(autograd - difference) <= 1e-6 * abs(autograd)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """All that the printout shows: `lines()` for people, `data()` for programs, `write()` for files."""

    seed: int
    epochs: int
    rate: float
    person: Person
    """Whose worked example it is."""
    values: dict[str, Value]
    """The article's network by its letters, at the worked example's point, with `.grad`s."""
    factors: dict[str, float]
    """The three factors of ∂L/∂w1 and their product, by autograd."""
    slopes: dict[str, float]
    """f' at s1 and at s3, as autograd used them."""
    gradients: dict[str, tuple[float, float]]
    """The nine derivatives: by autograd, in closed form."""
    differences: dict[str, float]
    """The nine by finite differences of the article's own loss."""
    wrong: list[str]
    """The parameters on which these three disagree."""
    history: History
    milliseconds: float
    """How long the training took."""
    trained: dict[str, float]
    predictions: list[tuple[Person, float]]

    @property
    def agree(self) -> bool:
        """Whether autograd, the closed form and the finite differences agree on all nine parameters."""
        return not self.wrong

    def data(self) -> dict[str, Any]:
        """Everything as plain numbers, texts, lists and dicts."""
        return {
            "people": [p._asdict() for p in PEOPLE],
            "example": {
                "person": self.person.name,
                "values": {name: value.data for name, value in self.values.items()},
                "factors": {
                    name: {"autograd": factor, "article": float(ROUNDED[name])} for name, factor in self.factors.items()
                },
                "slopes": self.slopes,
                "gradients": {
                    name: {"autograd": auto, "closed_form": hand, "finite_difference": self.differences[name]}
                    for name, (auto, hand) in self.gradients.items()
                },
                "agree": self.agree,
                "wrong": self.wrong,
            },
            "training": {
                "seed": self.seed,
                "rate": self.rate,
                "epochs": self.epochs,
                "milliseconds": round(self.milliseconds, 3),
                "engine": self.history.engine,
                "why": self.history.why,
                "before": self.history.before,
                "history": [
                    {"epoch": e, "loss": loss} for e, loss in zip(self.history.epochs, self.history.losses, strict=True)
                ],
                "stopped": self.history.stopped,
                "parameters": self.trained,
            },
            "predictions": [
                {"name": p.name, "x1": p.x1, "x2": p.x2, "ypred": ypred, "sex": _sex(ypred)}
                for p, ypred in self.predictions
            ],
        }

    def lines(self, language: str = "en", digits: int = 17, files: Sequence[str] = ()) -> list[str]:
        """The printout, at most 80 columns wide.

        `language`: "en" or "ru"; `digits`: decimals of the derivatives, 1 to 17; `files`: the names of the files
        that were written. InputError for another language or number of digits.
        """
        if language not in LANGUAGES:
            raise InputError(f"unknown language {language!r}; take one of: {', '.join(LANGUAGES)}")
        if not 1 <= digits <= 17:
            raise InputError(f"digits must be from 1 to 17, got {digits}")
        words = LANGUAGES[language]
        parts = [
            [words["title"]],
            _people(words),
            self._forward(words),
            self._backward(words),
            self._gradients(words, digits),
            self._training(words),
            [self._predictions(words), *([_written(files, words)] if files else [])],
        ]
        return [line for part in parts for line in [*part, ""]][:-1]

    def write(self, folder: str | PathLike[str] = ".", language: str = "en") -> list[Path]:
        """Write article.svg (the network, with data and gradients), article.html (the page that steps through it, in
        this language at first) and loss.csv; gives their paths.

        Each file is written whole or not at all. InputError if the folder cannot be written, or if there is no
        program to lay out the picture.
        """
        picture, page, losses = (Path(folder) / name for name in ("article.svg", "article.html", "loss.csv"))
        drawing = draw(self.values["L"])
        drawing.save(picture)
        by_hand = {name: hand for name, (_, hand) in self.gradients.items()}
        drawing.page(language=language, rate=self.rate, closed_form=by_hand).save(page)
        self.history.csv(losses)
        return [picture, page, losses]

    # --- the sections of the printout -----------------------------------------------------------------------------

    def _forward(self, words: Mapping[str, Any]) -> list[str]:
        v = {name: value.data for name, value in self.values.items()}

        def hidden(s: str, h: str, w1: str, w2: str, b: str) -> str:
            written = f"{v[w1]:g}({v['x1']:g}) + {v[w2]:g}({v['x2']:g}) + {v[b]:g}"
            left = f"{s} = {w1} x1 + {w2} x2 + {b} = {written} = {v[s]:g}"
            return f"{left:<54}{h} = f({s}) = {v[h]:.6f}"

        out = f"s3 = w5 h1 + w6 h2 + b3 = {v['s3']:.6f}"
        loss = f"L  = (y - ypred)^2 = ({v['y']:g} - {v['ypred']:.6f})^2"
        return [
            f"{words['forward']}{words['names'].get(self.person.name, self.person.name)}, {words['point']}",
            hidden("s1", "h1", "w1", "w2", "b1"),
            hidden("s2", "h2", "w3", "w4", "b2"),
            f"{out:<51}ypred = f(s3) = {v['ypred']:.6f}",
            f"{loss:<65}= {v['L']:.6f}",
        ]

    def _backward(self, words: Mapping[str, Any]) -> list[str]:
        v = {name: value.data for name, value in self.values.items()}
        shown = {
            "∂L/∂ypred": f"-2 (y - ypred) = -2 ({v['y'] - v['ypred']:.6f})",
            "∂ypred/∂h1": f"w5 f'(s3)      = {v['w5']:2g} · {self.slopes['s3']:.6f}",
            "∂h1/∂w1": f"x1 f'(s1)      = {v['x1']:2g} · {self.slopes['s1']:.6f}",
            "∂L/∂w1": words["product"],
        }
        width = max(52, len(words["backward"]) + 43)
        head = f"{words['backward']}∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1"
        exact = self.factors["∂L/∂w1"]
        return [
            f"{head:<{width}}{words['here']:>10}{words['article']:>10}",
            *(
                f"{f'{name:<10} = {shown[name]}':<{width - 1}}= {factor:>9.6f}{ROUNDED[name]:>10}"
                for name, factor in self.factors.items()
            ),
            words["rounding"].format(exact=f"{exact:.4g}", rounded=f"{exact:.3g}"),
        ]

    def _gradients(self, words: Mapping[str, Any], digits: int) -> list[str]:
        heads = (words["autograd"], words["closed form"], words["finite difference"], words["differ"])
        lines = ["{:<10}{:>19}{:>21}{:>19}{:>9}".format(words["gradients"], *heads)]
        for name, (auto, hand) in self.gradients.items():
            difference = self.differences[name]
            row = f"{'∂L/∂' + name:<8}{fixed(auto, digits):>21}{fixed(hand, digits):>21}"
            lines.append(f"{row}{fixed(difference, min(12, digits)):>19}{magnitude(abs(auto - difference)):>9}")
        return [*lines, *wrap(self._verdict(words), 79)]

    def _verdict(self, words: Mapping[str, Any]) -> str:
        if self.wrong:
            pairs = [(name, *self.gradients[name]) for name in self.wrong]
            ratios = [f"{name} {hand / auto if auto else math.nan:.4f}" for name, auto, hand in pairs]
            return str(words["disagree"].format(names=", ".join(ratios)))
        closed = max(abs(auto - hand) / abs(auto) for auto, hand in self.gradients.values())
        difference = max(abs(auto - self.differences[name]) / abs(auto) for name, (auto, _) in self.gradients.items())
        return str(words["agree"].format(closed=_power_of_ten(closed), difference=_power_of_ten(difference)))

    def _training(self, words: Mapping[str, Any]) -> list[str]:
        epochs = f"{self.epochs} {_plural(self.epochs, words['epochs'])}"
        settings = words["training"].format(seed=self.seed, rate=f"{self.rate:g}", epochs=epochs)
        time = "  " + words["time"].format(
            engine=words["engines"][self.history.engine or "eager"][0], ms=self.milliseconds
        )
        lines = [f"{settings}{time:>{max(0, 79 - len(settings))}}"]
        losses = dict(zip(self.history.epochs, self.history.losses, strict=True))
        chosen = _chosen_epochs(self.history.epochs, self.epochs)
        for some in filter(None, (chosen[:8], chosen[8:])):
            for label, cells in ((words["epoch"], some), (words["loss"], [fixed(losses[e], 4) for e in some])):
                lines.append(f"{label:<{words['label width']}}" + "   ".join(f"{cell:>6}" for cell in cells))
        before = words["before"].format(loss=f"{self.history.before:.4f}")
        if lines[1:] and len(lines[-1]) + 2 + len(before) <= 79:
            lines[-1] += f"{before:>{79 - len(lines[-1])}}"
        else:
            lines.append(f"{before:>79}")
        engine = self.history.engine or "eager"
        return [*lines, words["engine"].format(engine=engine, why=words["engines"][engine][1])]

    def _predictions(self, words: Mapping[str, Any]) -> str:
        said = [
            words["prediction"].format(
                name=words["names"].get(p.name, p.name), weight=p.weight, height=p.height,
                ypred=f"{ypred:.3f}", sex=words["sexes"][_sex(ypred)],
            )
            for p, ypred in self.predictions
        ]  # fmt: skip
        return str(words["predict"] + words["gap"].join(said))


# --- small things ---------------------------------------------------------------------------------------------------


def _people(words: Mapping[str, Any]) -> list[str]:
    lines = [words["people"]]
    for p in PEOPLE:
        name = words["names"].get(p.name, p.name)
        lines.append(f"{name:<10}{p.weight:>6}{p.height:>8}{p.x1:>6}{p.x2:>5}{words['sexes'][p.sex]:>4}{p.y:>4}")
    return lines


def _sex(ypred: float) -> str:
    return "F" if ypred >= 0.5 else "M"


def _power_of_ten(x: float) -> str:
    """The power of ten just above, such as "1e-9"; "0" of nothing."""
    return "0" if x == 0 else magnitude(10.0 ** math.ceil(math.log10(x)))


def _written(files: Sequence[str], words: Mapping[str, Any]) -> str:
    return "  ".join([words["written"] + " " + files[0], *files[1:]]).replace(".html", f".html {words['browser']}")


def _chosen_epochs(measured: Sequence[int], epochs: int) -> list[int]:
    """At most eleven of the measured epochs: round ones at equal distances, and the last."""
    steps = (unit * 10**power for power in range(20) for unit in (1, 2, 5))
    step = next(s for s in steps if 10 * s >= epochs)
    return [e for e in measured if e % step == 0 or e == measured[-1]]


def _plural(n: int, forms: Sequence[str]) -> str:
    """One of two forms (English: one, many) or three (Russian: one, a few, many)."""
    if len(forms) == 2:
        return forms[n != 1]
    if n % 10 == 1 and n % 100 != 11:
        return forms[0]
    return forms[1] if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else forms[2]
