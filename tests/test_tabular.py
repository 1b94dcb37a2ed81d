"""tabular: reading CSV, saying what is wrong with it, learning real data as well as scikit-learn's linear models."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microgradnet import InputError
from microgradnet.nn import MLP
from microgradnet.sheet import Sheet, read
from microgradnet.tabular import Prediction, Problem, Settings, TableModel, problem, split, train, written

DAVIS = Path(__file__).parent.parent / "examples" / "data" / "davis.csv"


@pytest.fixture
def sheet_of(tmp_path: Path) -> Callable[[str | bytes], Sheet]:
    """Writes data.csv and reads it."""

    def make(content: str | bytes) -> Sheet:
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path)

    return make


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The one sentence that an InputError says."""
    with pytest.raises(InputError) as caught:
        function(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- reading ------------------------------------------------------------------------------------------------------

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8).map(str.strip)


@given(st.data())
def test_what_csv_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    n = data.draw(st.integers(1, 5))
    header = data.draw(
        st.lists(st.from_regex(r"[a-zа-я][a-zа-я 0-9]*[a-zа-я]", fullmatch=True), min_size=n, max_size=n, unique=True)
    )
    rows = data.draw(st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6))
    assume(any(rows[-1]))
    text = io.StringIO()
    separator, end = data.draw(st.sampled_from(",;\t" if n > 1 else ",")), data.draw(st.sampled_from(["\n", "\r\n"]))
    csv.writer(text, delimiter=separator, lineterminator=end).writerows([header, *rows])
    path.write_bytes(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.getvalue().encode())
    sheet = read(path)
    assert sheet.columns == tuple(header)
    assert [list(row) for row in sheet.rows] == rows


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.sampled_from([",", ";"]))
def test_numbers_are_read_to_the_last_bit(numbers: list[float], separator: str) -> None:
    cells = [repr(number).replace(".", "," if separator == ";" else ".") for number in numbers]
    sheet = Sheet("data.csv", ("a",), tuple((cell,) for cell in cells), decimal_comma=separator == ";")
    assert [x.hex() for x in sheet.numbers("a")] == [x.hex() for x in numbers]


def test_rows_of_empty_cells_at_the_end_are_no_rows(sheet_of: Callable[[str], Sheet]) -> None:
    assert sheet_of("a,b\n1,2\n,\n\n  \n").rows == (("1", "2"),)


def test_a_cell_in_quotes_may_hold_lines(sheet_of: Callable[[str], Sheet]) -> None:
    assert sheet_of('a,b\r\n"1\r\n2",3\r\n').rows == (("1\r\n2", "3"),)


def test_spaces_around_cells_and_quotes_are_no_part_of_them(sheet_of: Callable[[str], Sheet]) -> None:
    sheet = sheet_of('name , "size, cm"\n Anna,  "170"\n')
    assert sheet == Sheet(sheet.path, ("name", "size, cm"), (("Anna", "170"),))


FILES = {
    "empty": ("", ["is empty", "header"]),
    "blank": (" \n\n", ["is empty"]),
    "header only": ("a,b\n", ["row 1", "no row of data", "add some"]),
    "no header": ("1,2\n3,4\n", ["row 1", "numbers", "names of the columns", "write a header"]),
    "blank header": ("\na,b\n1,2\n", ["row 1 is empty", "names of the columns"]),
    "doubled column": ("a,b,a\n1,2,3\n", ["row 1", "'a'", "twice", "columns 1 and 3", "rename"]),
    "nameless column": ("a,,c\n1,2,3\n", ["row 1", "column 2", "no name"]),
    "short row": ("a,b,c\n1,2,3\n1,2\n", ["row 3 has 2 cells", "the header 3", "column 'c'", "fill it in"]),
    "long row": ("a,b\n1,2\n1,2,3\n", ["row 3 has 3 cells", "the header 2", "delete", "quotes"]),
    "row of one cell": ("a,b\n1\n", ["row 2 has 1 cell, the header 2", "column 'b'"]),
    "blank row": ("a,b\n1,2\n\n3,4\n", ["row 3 is empty", "delete it"]),
    "open quotation": ('a,b\n1,2\n"3,4\n5,6\n', ["row 3", "quotation mark", "not closed"]),
    "letters after a quotation": ('a,b\n1,"2"x\n', ["row 2 is not CSV", "correct"]),
    "cp1251": ("пол,вес\nМ,77\n".encode("cp1251"), ["row 1, byte 1", "0xef", "not UTF-8", "save the file as UTF-8"]),
    "cp1251 further down": ("a,b\n1,x\n2,ж\n".encode("cp1251"), ["row 3, byte 3", "0xe6", "save the file as UTF-8"]),
    "bad byte after a mark": (b"\xef\xbb\xbfab\n1\xff\n", ["row 2, byte 2", "0xff"]),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), ["row 1", "UTF-16", "save the file as UTF-8"]),
    "zero byte": (b"a,b\n1,\0\n", ["row 2", "zero byte"]),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, sheet_of: Callable[[str | bytes], Sheet], content: str | bytes, said: list[str]
) -> None:
    text = refusal(sheet_of, content)
    assert text.startswith(f"{tmp_path / 'data.csv'}: ")
    assert [part for part in said if part not in text] == []


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(read, tmp_path / "no.csv")
    assert "is a folder" in refusal(read, tmp_path)
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "data.csv", f"{tmp_path}/a\0b"):
        assert "cannot be read" in refusal(read, path)


COLUMNS = {
    "text": ("a\n1\n2\n3x\n", ["row 4, column 'a'", "'3x', no number", "write one"]),
    "mostly text": ("a\nx\ny\n3\n", ["row 2, column 'a'", "the text 'x'", "--ignore"]),
    "empty": ("a,b\n1,1\n,2\n", ["row 3, column 'a'", "an empty cell", "fill it in"]),
    "NA": ("a\n1\nNA\n", ["row 3, column 'a'", "'NA', a missing value"]),
    "nan": ("a\n1\nnan\n", ["row 3, column 'a'", "'nan', no finite number"]),
    "inf": ("a\n-Infinity\n2\n", ["row 2, column 'a'", "'-Infinity', no finite number"]),
    "too large": ("a\n1\n1e999\n", ["row 3, column 'a'", "'1e999', no finite number"]),
    "underscore": ("a\n1\n1_000\n", ["row 3, column 'a'", "'1_000', no number"]),
    "decimal comma in a file of tabs": ("a\tb\n1\t2\n1,5\t2\n", ["row 3, column 'a'", "'1,5', no number", "1.5"]),
    "thousands in a file of semicolons": ("a;b\n1,5;2\n1.234,5;2\n", ["row 3, column 'a'", "'1.234,5', no number"]),
}


@pytest.mark.parametrize(("content", "said"), COLUMNS.values(), ids=COLUMNS)
def test_what_is_no_number_is_refused(sheet_of: Callable[[str], Sheet], content: str, said: list[str]) -> None:
    sheet = sheet_of(content)
    text = refusal(sheet.numbers, "a")
    assert [part for part in [sheet.path, *said] if part not in text] == []


# --- what is to be learnt -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "forced", "classes", "y"),
    [
        (["M", "F", "M"], False, ("F", "M"), [1, 0, 1]),
        (["1", "0", "1"], False, ("0", "1"), [1, 0, 1]),
        (["1.0", "0", "1"], False, ("0", "1"), [1, 0, 1]),
        (["10", "9", "10"], False, (), [10, 9, 10]),
        (["10", "9", "10.0"], True, ("9", "10"), [1, 0, 1]),
        (["0.5", "7", "1"], False, (), [0.5, 7, 1]),
        (["a", "1", "1"], True, ("1", "a"), [1, 0, 0]),
        (["да", "нет", "да"], False, ("да", "нет"), [0, 1, 0]),
    ],
)
def test_classes_and_numbers_are_told_apart(
    cells: list[str], forced: bool, classes: tuple[str, ...], y: list[float]
) -> None:
    sheet = Sheet("data.csv", ("x", "t"), tuple((str(i), cell) for i, cell in enumerate(cells)))
    found = problem(sheet, "t", classes=forced)
    assert (found.classes, found.y, found.X) == (classes, y, [[0.0], [1.0], [2.0]])


SMALL = "name,x,z,t\nAnna,1,2,u\nBob,2,1,v\nCarl,3,3,u\n"


def test_inputs_are_all_other_columns_unless_said() -> None:
    sheet = Sheet("d.csv", ("a", "b", "t", "c"), (("1", "2", "u", "3"), ("4", "5", "v", "6"), ("1", "1", "u", "1")))
    assert problem(sheet, "t").inputs == ("a", "b", "c")
    assert problem(sheet, "t", ignore=["b"]).inputs == ("a", "c")
    chosen = problem(sheet, "t", inputs=["c", "a"])
    assert (chosen.inputs, chosen.X[0]) == (("c", "a"), [3.0, 1.0])


PROBLEMS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "no target": (SMALL, {"target": "T"}, ["no column 'T'", "did you mean 't'?", "the columns are: name, x, z, t"]),
    "no input": (SMALL, {"target": "t", "inputs": ["x", "y"]}, ["no column 'y'", "name, x, z, t"]),
    "nothing to ignore": (SMALL, {"target": "t", "ignore": ["p", "q"]}, ["no columns 'p', 'q'"]),
    "target as input": (SMALL, {"target": "t", "inputs": ["x", "t"]}, ["'t' is the target"]),
    "input twice": (SMALL, {"target": "t", "inputs": ["x", "x"]}, ["'x' is given twice"]),
    "no input left": (SMALL, {"target": "t", "ignore": ["name", "x", "z"]}, ["no column is left"]),
    "text in an input": (SMALL, {"target": "t"}, ["row 2, column 'name'", "the text 'Anna'", "--ignore"]),
    "one class": ("x,t\n1,u\n2,u\n", {"target": "t"}, ["column 't'", "one class only, 'u'", "another target"]),
    "only zeros": ("x,t\n1,0\n2,0\n", {"target": "t"}, ["column 't'", "one class only, '0'"]),
    "one number": ("x,t\n1,5\n2,5\n", {"target": "t"}, ["column 't'", "is 5 in every row"]),
    "names": (SMALL, {"target": "name", "ignore": ["t"]}, ["column 'name'", "class of its own in each of the 3 rows"]),
    "empty class": ("x,t\n1,u\n2,\n3,v\n", {"target": "t"}, ["row 3, column 't'", "empty cell"]),
    "misprint": ("x,t\n1,3\n2,4\n3,5o\n", {"target": "t"}, ["row 4, column 't'", "'5o'", "--classes"]),
    "nan": ("x,t\n1,3\n2,nan\n3,5\n", {"target": "t"}, ["row 3, column 't'", "no finite number"]),
}


@pytest.mark.parametrize(("content", "choice", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_columns_that_do_not_fit_are_refused(
    sheet_of: Callable[[str], Sheet], content: str, choice: dict[str, Any], said: list[str]
) -> None:
    sheet = sheet_of(content)
    text = refusal(problem, sheet, **choice)
    assert [part for part in [sheet.path, *said] if part not in text] == []


def test_a_target_of_few_whole_numbers_gets_a_hint() -> None:
    rows = tuple((str(i), str(i % 3)) for i in range(12))
    assert "add --classes" in str(problem(Sheet("d.csv", ("x", "t"), rows), "t"))
    assert "--classes" not in str(problem(Sheet("d.csv", ("x", "t"), rows), "t", classes=True))


@given(st.integers(2, 60), st.floats(0.0, 0.99), st.integers(0, 1000))
def test_a_split_takes_every_row_once(n: int, part: float, seed: int) -> None:
    expected = round(part * n)
    if expected == n or (part > 0 and expected == 0):
        assert f"of {n} rows leaves none" in refusal(split, n, part, seed)
        return
    kept, tested = split(n, part, seed)
    assert sorted(kept + tested) == list(range(n))
    assert len(tested) == expected
    assert (kept, tested) == split(n, part, seed)


@pytest.mark.parametrize("part", [-0.1, 1.0, 2.0, math.nan])
def test_a_test_part_that_is_none_is_refused(part: float) -> None:
    assert "from 0 to below 1" in refusal(split, 10, part, 0)


# --- training -----------------------------------------------------------------------------------------------------


def noisy(n: int, n_classes: int, seed: int = 0) -> Problem:
    """Rows of three numbers, and a class or a number that depends on two of them."""
    source = random.Random(seed)
    X = [[source.gauss(5, 2), source.gauss(-1, 0.1), source.gauss(0, 1)] for _ in range(n)]
    sums = [(a - 5) / 2 + (b + 1) / 0.1 + 0.3 * source.gauss(0, 1) for a, b, _ in X]
    if not n_classes:
        return Problem("made.csv", ("a", "b", "c"), "t", X, [100 + 20 * s for s in sums])
    return Problem(
        "made.csv", ("a", "b", "c"), "t", X,
        [float(min(n_classes - 1, max(0, round(s + (n_classes - 1) / 2)))) for s in sums],
        classes=tuple(f"class {i}" for i in range(n_classes)),
    )  # fmt: skip


def test_scaling_is_that_of_the_rows_to_train_on() -> None:
    found = noisy(40, 0)
    model = train(found, Settings(epochs=1)).model
    kept, _ = split(40, 0.25, 0)
    X, y = np.array(found.X)[kept], np.array(found.y)[kept]
    assert np.allclose(model.scaling, np.stack([X.mean(0), X.std(0)], axis=1), rtol=1e-13)
    assert np.allclose(model.target_scaling, (y.mean(), y.std()), rtol=1e-13)


def test_a_constant_column_is_scaled_by_one() -> None:
    rows = [[0.1, float(i)] for i in range(10)]
    found = Problem("made.csv", ("a", "b"), "t", rows, [float(i % 2) for i in range(10)], classes=("0", "1"))
    assert train(found, Settings(epochs=1)).model.scaling[0] == (0.1, 1.0)


def test_numbers_too_large_to_scale_are_refused() -> None:
    rows = [[(-1.0) ** i * 1e308] for i in range(10)]
    found = Problem("made.csv", ("a",), "t", rows, [float(i % 2) for i in range(10)], classes=("0", "1"))
    text = refusal(train, found)
    assert "made.csv" in text
    assert "'a'" in text


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_predictions_are_those_of_the_saved_numbers_by_hand(tmp_path: Path, n_classes: int) -> None:
    """The model file alone, read with json and computed with NumPy, says the same as `predict`."""
    found = noisy(60, n_classes)
    training = train(found, Settings(hidden=(3, 2), activation="tanh", epochs=3))
    training.model.save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    table, state = document["notes"]["table"], document["state"]
    mean, deviation = np.array(table["scaling"]).T
    h = (np.array(found.X) - mean) / deviation
    for layer, n in enumerate([3, 2, max(1, n_classes) if n_classes != 2 else 1]):
        n_in = h.shape[1]
        w = [[state[f"layers.{layer}.neurons.{i}.weights.{j}"] for j in range(n_in)] for i in range(n)]
        h = h @ np.array(w).T + [state[f"layers.{layer}.neurons.{i}.bias"] for i in range(n)]
        h = np.tanh(h) if layer < 2 else h
    said = training.model.predict(found.X)
    if not n_classes:
        expected = h[:, 0] * table["target_scaling"][1] + table["target_scaling"][0]
        assert np.allclose([p.value for p in said], expected, rtol=1e-12)
        assert {p.probability for p in said} == {None}
        return
    p = 1 / (1 + np.exp(-h))
    shares = np.hstack([1 - p, p]) if n_classes == 2 else np.exp(h) / np.exp(h).sum(1, keepdims=True)
    assert [found.classes[i] for i in shares.argmax(1)] == [p.value for p in said]
    assert np.allclose([p.probability for p in said], shares.max(1), rtol=1e-12)


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_a_loaded_model_says_the_same_to_the_last_bit(tmp_path: Path, n_classes: int) -> None:
    found = noisy(60, n_classes)
    model = train(found, Settings(epochs=3)).model
    model.save(tmp_path / "model.json")
    again = TableModel.load(tmp_path / "model.json")
    assert again.predict(found.X) == model.predict(found.X)
    assert (again.inputs, again.scaling, again.target, again.classes, again.target_scaling) == (
        model.inputs, model.scaling, model.target, model.classes, model.target_scaling,
    )  # fmt: skip


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_the_same_seed_gives_the_same_training_and_another_another(n_classes: int) -> None:
    found = noisy(60, n_classes)
    a, b, c = (train(found, Settings(epochs=3, seed=seed)).data() for seed in (1, 1, 2))
    assert a == b
    assert a["losses"] != c["losses"]


@pytest.mark.parametrize("n_classes", [0, 2, 4])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_what_depends_on_the_inputs_is_learnt(n_classes: int, optimizer: str) -> None:
    # The noise allows an R² of 1 - 0.3² / 2.09 = 0.96, and an accuracy of about 0.9.
    training = train(noisy(120, n_classes), Settings(optimizer=optimizer, hidden=(4,), epochs=60))
    assert training.test is not None
    assert training.test.measure is not None
    assert training.test.measure > 0.75
    assert training.history.losses[-1] < 0.6 * training.history.before


@pytest.mark.parametrize(
    ("n_classes", "loss"),
    [(0, "mse"), (0, "mae"), (0, "huber"), (2, "binary_cross_entropy"), (2, "mse"), (2, "mae"), (2, "huber")],
)
def test_every_loss_that_suits_a_target_trains_it(n_classes: int, loss: str) -> None:
    history = train(noisy(60, n_classes), Settings(loss=loss, epochs=20)).history
    assert history.losses[-1] < history.before


def test_measures_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    for n_classes in (0, 4):
        found = noisy(60, n_classes)
        training = train(found, Settings(epochs=5))
        _, tested = split(60, 0.25, 0)
        said = [p.value for p in training.model.predict([found.X[i] for i in tested])]
        y = [found.classes[int(found.y[i])] if n_classes else found.y[i] for i in tested]
        expected = metrics.accuracy_score(y, said) if n_classes else metrics.r2_score(y, said)
        assert training.test is not None
        assert training.test.measure == pytest.approx(expected, rel=1e-12)


def test_without_a_test_part_only_the_training_is_measured() -> None:
    training = train(noisy(20, 2), Settings(test=0.0, epochs=1))
    assert training.test is None
    assert training.training.rows == 20
    assert training.history.validation_losses == []


def test_r2_of_equal_numbers_is_undefined() -> None:
    X = [[float(i)] for i in range(8)]
    _, tested = split(8, 0.25, 0)
    found = Problem("made.csv", ("a",), "t", X, [7.0 if i in tested else float(i) for i in range(8)])
    training = train(found, Settings(epochs=1))
    assert training.data()["test"]["r2"] is None
    assert "undefined" in str(training)


SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "negative rate": ({"rate": -0.1}, ["rate", "above 0", "-0.1"]),
    "zero rate": ({"rate": 0.0}, ["rate", "above 0"]),
    "nan rate": ({"rate": math.nan}, ["rate", "above 0"]),
    "activation": ({"activation": "sigmoyd"}, ["activation 'sigmoyd'", "sigmoid", "tanh", "relu"]),
    "optimizer": ({"optimizer": "lbfgs"}, ["optimizer 'lbfgs'", "sgd, adam, adamw"]),
    "init": ({"init": "random"}, ["init 'random'", "xavier"]),
    "loss": ({"loss": "mze"}, ["loss 'mze'", "binary_cross_entropy, mse"]),
    "unfit loss": ({"loss": "cross_entropy"}, ["'cross_entropy' does not suit", "2 classes", "binary_cross_entropy"]),
    "no neurons": ({"hidden": (3, 0)}, ["hidden layer 2", "at least 1 neuron"]),
    "no epochs": ({"epochs": 0}, ["epochs", "at least 1, got 0"]),
    "no batch": ({"batch": 0}, ["batch", "at least 1, got 0"]),
    "large batch": ({"batch": 16}, ["batch of 16", "15 rows to train on"]),
    "negative seed": ({"seed": -1}, ["seed", "-1"]),
    "all tested": ({"test": 0.99}, ["20 rows leaves none to train on"]),
    "none tested": ({"test": 0.01}, ["20 rows leaves none to test on"]),
}


@pytest.mark.parametrize(("settings", "said"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], said: list[str]) -> None:
    text = refusal(train, noisy(20, 2), Settings(**settings))
    assert [part for part in said if part not in text] == []


def test_a_training_part_of_one_class_is_refused() -> None:
    _, tested = split(8, 0.25, 0)
    y = [float(i in tested) for i in range(8)]
    found = Problem("made.csv", ("a",), "t", [[float(i)] for i in range(8)], y, classes=("u", "v"))
    assert "6 rows to train on all have class 'u'" in refusal(train, found)


# --- model files --------------------------------------------------------------------------------------------------


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split("/")
    place: Any = document
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


MODELS: dict[str, tuple[str, Any]] = {
    "another version": ("version", 99),
    "another kind of file": ("format", "other"),
    "a network without columns": ("notes", {}),
    "no inputs": ("notes/table/inputs", ...),
    "inputs that are numbers": ("notes/table/inputs", [1, 2, 3]),
    "too few inputs": ("notes/table/inputs", ["a"]),
    "scaling by zero": ("notes/table/scaling", [[0, 0], [0, 1], [0, 1]]),
    "scaling by text": ("notes/table/scaling", [["0", "1"], [0, 1], [0, 1]]),
    "too little scaling": ("notes/table/scaling", [[0, 1]]),
    "too many classes": ("notes/table/classes", ["u", "v", "w"]),
    "no classes": ("notes/table/classes", []),
    "a target that is none": ("notes/table/target", None),
    "a table that is none": ("notes/table", [1]),
    "a parameter missing": ("state/layers.0.neurons.0.bias", ...),
    "another output": ("module/output", "tanh"),
}


@pytest.mark.parametrize(("path", "value"), MODELS.values(), ids=MODELS)
def test_a_model_file_that_does_not_fit_together_is_refused(tmp_path: Path, path: str, value: Any) -> None:
    file = tmp_path / "model.json"
    train(noisy(20, 2), Settings(epochs=1)).model.save(file)
    file.write_text(json.dumps(changed(json.loads(file.read_text()), path, value)))
    assert str(file) in refusal(TableModel.load, file)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    train(noisy(20, 2), Settings(epochs=1)).model.save(file)
    whole = file.read_text(encoding="utf-8")
    for content in ("", "[]", "sex,weight\nM,77\n", whole[: len(whole) // 2], whole[:-3]):
        file.write_text(content, encoding="utf-8")
        assert str(file) in refusal(TableModel.load, file)
    MLP(2, [1]).save(file)
    assert "train --save" in refusal(TableModel.load, file)
    assert "cannot be read" in refusal(TableModel.load, tmp_path / "none.json")


def test_a_model_names_the_columns_that_a_file_lacks() -> None:
    model = train(noisy(20, 2), Settings(epochs=1)).model
    text = refusal(model.rows, Sheet("new.csv", ("b", "x"), (("1", "2"),)))
    assert "new.csv: no columns 'a', 'c' in row 1; the columns are: b, x" in text


def test_a_model_reads_columns_by_name() -> None:
    model = train(noisy(20, 2), Settings(epochs=1)).model
    sheet = Sheet("new.csv", ("c", "text", "b", "a"), (("3", "?", "2", "1"),))
    assert model.rows(sheet) == [[1.0, 2.0, 3.0]]


def test_an_input_beyond_all_measure_is_refused() -> None:
    model = train(noisy(20, 0), Settings(epochs=1, hidden=())).model
    assert "row 3" in refusal(model.predict, [[5.0, -1.0, 0.0], [1e308, 1e308, -1e308]])


def test_predictions_are_written_as_csv() -> None:
    text = written([Prediction('a "b", c', 0.1), Prediction("d", 1 / 3)])
    assert list(csv.reader(io.StringIO(text))) == [
        ["prediction", "probability"], ['a "b", c', "0.1"], ["d", "0.3333333333333333"],
    ]  # fmt: skip
    assert written([Prediction(0.1, None)]) == "prediction\n0.1\n"


# --- real data, beside scikit-learn's linear models ----------------------------------------------------------------


def write_csv(path: Path, header: list[str], rows: Any) -> Sheet:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return read(path)


def by_scikit_learn(found: Problem, seed: int) -> float:
    """The accuracy or R² that logistic or linear regression reaches on the same split."""
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="scikit-learn is not installed")
    kept, tested = split(len(found.X), 0.25, seed)
    X, y = np.array(found.X), np.array(found.y)
    scaler = preprocessing.StandardScaler().fit(X[kept])
    model = linear_model.LogisticRegression() if found.classes else linear_model.LinearRegression()
    return float(model.fit(scaler.transform(X[kept]), y[kept]).score(scaler.transform(X[tested]), y[tested]))


def measured(found: Problem, **settings: Any) -> float:
    training = train(found, Settings(**settings))
    assert training.test is not None
    assert training.test.measure is not None
    return training.test.measure


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    d = datasets.load_iris()
    rows = [[*x, d.target_names[t]] for x, t in zip(d.data.tolist(), d.target, strict=True)]
    sheet = write_csv(tmp_path_factory.mktemp("iris") / "iris.csv", [*d.feature_names, "species"], rows)
    return problem(sheet, "species")


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    d = datasets.load_diabetes()
    rows = [[*x, t] for x, t in zip(d.data.tolist(), d.target.tolist(), strict=True)]
    sheet = write_csv(tmp_path_factory.mktemp("diabetes") / "diabetes.csv", [*d.feature_names, "progression"], rows)
    return problem(sheet, "progression")


def test_iris(iris: Problem) -> None:
    assert iris.classes == ("setosa", "versicolor", "virginica")
    reached = [measured(iris, seed=seed) for seed in range(3)]
    expected = [by_scikit_learn(iris, seed) for seed in range(3)]
    assert sum(reached) / 3 > sum(expected) / 3 - 0.03
    assert min(reached) > 0.9


def test_diabetes(diabetes: Problem) -> None:
    reached = [measured(diabetes, seed=seed) for seed in range(3)]
    expected = [by_scikit_learn(diabetes, seed) for seed in range(3)]
    assert sum(reached) / 3 > sum(expected) / 3 - 0.06


def test_without_hidden_layers_it_is_linear_regression(diabetes: Problem) -> None:
    for seed in range(2):
        assert measured(diabetes, seed=seed, hidden=()) == pytest.approx(by_scikit_learn(diabetes, seed), abs=0.02)


def test_davis() -> None:
    """The sex of 200 people from weight and height: as well as logistic regression does on the same split."""
    found = problem(read(DAVIS), "sex")
    assert len(found.X) == 200
    assert found.classes == ("F", "M")
    reached = [measured(found, seed=seed) for seed in range(3)]
    expected = [by_scikit_learn(found, seed) for seed in range(3)]
    assert sum(reached) / 3 > sum(expected) / 3 - 0.03
    assert reached[0] >= 0.94


def test_the_example_finds_the_swapped_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 12th person is the known mistake of this data set (its source says so), 57 kg and 166 cm are right."""
    monkeypatch.setattr("sys.argv", ["davis.py"])
    runpy.run_path(str(DAVIS.parent.parent / "davis.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert "Person 12 has weight and height swapped; put right: 57 kg, 166 cm." in out
    *_, last = out.splitlines()
    seed, *accuracies = last.split()
    assert seed == "0"
    assert min(map(float, accuracies)) >= 0.94
