"""The printout of the article, line by line in English, number by number in Russian; its data and its files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from microgradnet import InputError, article, exhibit
from microgradnet.article import NAMES
from microgradnet.display import plain
from microgradnet.exhibit import LANGUAGES, Exhibit
from microgradnet.training import History

PRINTOUT = """\
microgradnet article: the 2-2-1 network, hand-derived and by autograd

DATA      weight  height    x1   x2  sex  y
Alice        133      65    -2   -1   F   1
Bob          160      72    25    6   M   0
Charlie      152      70    17    4   M   0
Diana        120      60   -15   -6   F   1

FORWARD   Alice, every weight 1, every bias 0
s1 = w1 x1 + w2 x2 + b1 = 1(-2) + 1(-1) + 0 = -3      h1 = f(s1) = 0.047426
s2 = w3 x1 + w4 x2 + b2 = 1(-2) + 1(-1) + 0 = -3      h2 = f(s2) = 0.047426
s3 = w5 h1 + w6 h2 + b3 = 0.094852                 ypred = f(s3) = 0.523695
L  = (y - ypred)^2 = (1 - 0.523695)^2                            = 0.226866

BACKWARD  ∂L/∂w1 = ∂L/∂ypred · ∂ypred/∂h1 · ∂h1/∂w1        here   article
∂L/∂ypred  = -2 (y - ypred) = -2 (0.476305)         = -0.952610    -0.952
∂ypred/∂h1 = w5 f'(s3)      =  1 · 0.249439         =  0.249439     0.249
∂h1/∂w1    = x1 f'(s1)      = -2 · 0.045177         = -0.090353   -0.0904
∂L/∂w1     = product of the three                   =  0.021470    0.0214
(the article multiplies rounded factors; unrounded, 0.02147 rounds to 0.0215)

GRADIENTS            autograd          closed form  finite difference   differ
∂L/∂w1    0.02146953526581111  0.02146953526581111     0.021469535262    3e-12
∂L/∂w2    0.01073476763290556  0.01073476763290556     0.010734767631    2e-12
∂L/∂w3    0.02146953526581111  0.02146953526581111     0.021469535262    3e-12
∂L/∂w4    0.01073476763290556  0.01073476763290556     0.010734767631    2e-12
∂L/∂w5   -0.01126922024295816 -0.01126922024295816    -0.011269220238    5e-12
∂L/∂w6   -0.01126922024295816 -0.01126922024295816    -0.011269220238    5e-12
∂L/∂b1   -0.01073476763290556 -0.01073476763290556    -0.010734767631    2e-12
∂L/∂b2   -0.01073476763290556 -0.01073476763290556    -0.010734767631    2e-12
∂L/∂b3   -0.23761755952842809 -0.23761755952842809    -0.237617559522    7e-12
All nine agree: autograd = closed form within 1e-15, finite difference 1e-9.

TRAINING  seed 6, rate 0.1, 1000 epochs, one person at a time   compiled, 80 ms
epoch      0      100      200      300      400      500      600      700
loss  0.0906   0.0133   0.0069   0.0046   0.0035   0.0028   0.0023   0.0020
epoch    800      900      990
loss  0.0017   0.0015   0.0014                         (before training 0.4332)
(engine python: the step is compiled to plain numbers, fastest for so few)

PREDICT   Emily 128 lb, 63 in: 0.972 → F          Frank 155 lb, 68 in: 0.037 → M
Written: article.svg  article.html (step through it in a browser)  loss.csv
"""

ALSO_IN_RUSSIAN = {"ypred", "autograd", "seed", "python"}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.fixture(scope="module")
def shown() -> Exhibit:
    return exhibit.exhibit()


def agree(printed: str, expected: str) -> bool:
    """Whether two numbers are the same but for rounding: a magnitude such as 3e-12 up to a factor of ten."""
    a, b = float(printed), float(expected)
    if "e" in expected:
        return b / 10 <= a <= b * 10
    return len(printed) == len(expected) and a == pytest.approx(b, rel=1e-14, abs=1e-11 if len(expected) == 15 else 0)


def test_the_printout_in_english(shown: Exhibit) -> None:
    lines = shown.lines(files=["article.svg", "article.html", "loss.csv"])
    expected = PRINTOUT.splitlines()
    assert len(lines) == len(expected)
    for line, wanted in zip(lines, expected, strict=True):
        if "ms" in wanted.split():
            line, wanted = (re.sub(r" +compiled, \d+ ms", "", text) for text in (line, wanted))
        assert NUMBER.sub("#", line) == NUMBER.sub("#", wanted)
        for printed, number in zip(NUMBER.findall(line), NUMBER.findall(wanted), strict=True):
            assert agree(printed, number), line


def test_the_printout_in_russian_has_the_same_numbers(shown: Exhibit) -> None:
    english, russian = shown.lines("en"), shown.lines("ru")
    assert len(english) == len(russian)
    for one, other in zip(english, russian, strict=True):
        assert NUMBER.findall(one) == NUMBER.findall(other)
        words = [word for word in re.findall(r"[A-Za-z]{4,}", other) if word not in ALSO_IN_RUSSIAN]
        assert words in ([], ["microgradnet", "article"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_printout_fits_a_terminal(shown: Exhibit, language: str) -> None:
    lines = shown.lines(language, files=["article.svg", "article.html", "loss.csv"])
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 43
    assert all(line == line.rstrip() for line in lines)


def test_every_language_has_all_the_words() -> None:
    english, russian = LANGUAGES["en"], LANGUAGES["ru"]
    assert english.keys() == russian.keys()
    for key, phrase in english.items():
        if isinstance(phrase, str):
            assert sorted(re.findall(r"{\w+", phrase)) == sorted(re.findall(r"{\w+", russian[key])), key


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [(1, "epoch", "эпоха"), (2, "epochs", "эпохи"), (5, "epochs", "эпох"), (11, "epochs", "эпох"),
     (12, "epochs", "эпох"), (21, "epochs", "эпоха"), (24, "epochs", "эпохи"), (112, "epochs", "эпох")],
)  # fmt: skip
def test_plurals(n: int, english: str, russian: str) -> None:
    assert exhibit._plural(n, LANGUAGES["en"]["epochs"]) == english
    assert exhibit._plural(n, LANGUAGES["ru"]["epochs"]) == russian


def test_fewer_digits(shown: Exhibit) -> None:
    rows = [line.split() for line in shown.lines(digits=4) if line.startswith("∂L/∂w1  ")]
    assert rows[-1][1:4] == ["0.0215", "0.0215", "0.0215"]


@pytest.mark.parametrize(
    ("epochs", "measured", "printed"),
    [
        (1, [0], [0]),
        (10, list(range(10)), list(range(10))),
        (15, [0, 10], [0, 10]),
        (101, list(range(0, 101, 10)), [0, 20, 40, 60, 80, 100]),
        (995, list(range(0, 995, 10)), [*range(0, 1000, 100), 990]),
    ],
)
def test_which_epochs_are_shown(epochs: int, measured: list[int], printed: list[int]) -> None:
    history = exhibit.exhibit(epochs=epochs).history
    assert history.epochs == measured
    assert exhibit._chosen_epochs(measured, epochs) == printed
    assert len(exhibit._chosen_epochs(range(0, 10 * epochs, 10), 10 * epochs)) <= 11


def test_the_loss_before_training_has_a_line_of_its_own_where_there_is_no_room() -> None:
    lines = exhibit.exhibit(epochs=80).lines()
    place = next(i for i, line in enumerate(lines) if "before training" in line)
    assert lines[place].strip() == "(before training 0.4332)"
    assert lines[place - 1].startswith("loss")


def test_a_training_that_was_interrupted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = History(before=0.5, interrupted=True, stopped="interrupted")
    monkeypatch.setattr(exhibit, "fit", lambda *args, **options: stopped)
    lines = exhibit.exhibit().lines()
    assert any(line.strip() == "(before training 0.5000)" for line in lines)


def test_a_wrong_closed_form_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = article.gradients

    def wrong(*args: float) -> dict[str, float]:
        gradients = right(*args)  # type: ignore[arg-type]
        return gradients | {name: -gradients[name] for name in NAMES}

    monkeypatch.setattr(article, "gradients", wrong)
    shown = exhibit.exhibit(epochs=1)
    assert not shown.agree
    assert shown.wrong == list(NAMES)
    (line,) = [i for i, line in enumerate(shown.lines()) if line.startswith("They DISAGREE")]
    assert "w1 -1.0000, w2 -1.0000" in shown.lines()[line]
    assert max(map(len, shown.lines())) <= 80


def test_finite_differences_that_do_not_confirm_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(article, "loss", lambda parameters, people: parameters["b1"])
    assert exhibit.exhibit(epochs=1).wrong == list(NAMES)


def test_data_are_json_and_hold_everything(shown: Exhibit) -> None:
    data = json.loads(json.dumps(plain(shown.data()), allow_nan=False))
    assert [person["name"] for person in data["people"]] == ["Alice", "Bob", "Charlie", "Diana"]
    example = data["example"]
    assert example["values"]["L"] == pytest.approx(0.22686628719087137)
    assert example["factors"]["∂ypred/∂h1"] == {"autograd": pytest.approx(0.24943853872512894), "article": 0.249}
    assert example["slopes"] == {"s1": pytest.approx(0.045176659730912), "s3": pytest.approx(0.24943853872512894)}
    assert list(example["gradients"]) == list(NAMES)
    assert example["gradients"]["w1"] == {
        "autograd": pytest.approx(0.02146953526581111, rel=1e-14),
        "closed_form": pytest.approx(0.02146953526581111, rel=1e-14),
        "finite_difference": pytest.approx(0.02146953526581111, rel=1e-9),
    }
    assert example["agree"] is True
    training = data["training"]
    assert (training["seed"], training["rate"], training["epochs"]) == (6, 0.1, 1000)
    assert training["before"] == pytest.approx(0.4332, abs=5e-5)
    assert training["history"][99] == {"epoch": 990, "loss": pytest.approx(0.0014, abs=5e-5)}
    by_hand, _ = article.train(article.draw_parameters(6))
    assert training["parameters"] == pytest.approx(by_hand, rel=1e-10)
    assert [(p["name"], p["sex"]) for p in data["predictions"]] == [("Emily", "F"), ("Frank", "M")]


def test_files(shown: Exhibit, tmp_path: Path) -> None:
    picture, page, losses = shown.write(tmp_path, "ru")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["article.html", "article.svg", "loss.csv"]
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.rstrip().endswith("</svg>")
    for label in ("w1", "b3", "ypred", "0.5237"):
        assert label in drawn
    stepped = page.read_text(encoding="utf-8")
    assert '<html lang="ru">' in stepped
    assert '"rate":0.1' in stepped
    rows = list(csv.DictReader(losses.read_text(encoding="utf-8").splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(0, 1000, 10))
    assert [float(row["loss"]) for row in rows] == shown.history.losses


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed must be from 0 to 4294967295, got -1"),
        ({"seed": 2**32}, "seed must be"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"rate": 0.0}, "rate must be a positive number, got 0"),
        ({"rate": -0.1}, "rate must be a positive number, got -0.1"),
        ({"rate": float("nan")}, "rate must be a positive number, got nan"),
        ({"rate": float("inf")}, "rate must be a positive number, got inf"),
    ],
)
def test_refused_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        exhibit.exhibit(**settings)  # type: ignore[arg-type]


def test_refused_printouts(shown: Exhibit) -> None:
    with pytest.raises(InputError, match="unknown language 'de'; take one of: en, ru"):
        shown.lines("de")
    with pytest.raises(InputError, match="digits must be from 1 to 17, got 18"):
        shown.lines(digits=18)


def test_a_folder_is_made_and_tried_out(tmp_path: Path) -> None:
    folder = exhibit.usable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert not list(folder.iterdir())
    file = tmp_path / "file"
    file.touch()
    for bad in (file, file / "below", "bad\0name"):
        with pytest.raises(InputError, match="nothing can be written there"):
            exhibit.usable_folder(bad)
