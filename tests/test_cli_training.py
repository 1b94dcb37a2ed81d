"""`microgradnet train` and `predict`: what they print and write; bad input is one sentence and exit status 2."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from microgradnet import optim
from microgradnet.cli import main
from microgradnet.sheet import read
from microgradnet.tabular import TableModel

REPOSITORY = Path(__file__).parent.parent
DAVIS = REPOSITORY / "examples" / "data" / "davis.csv"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder with a table in it: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{i * i % 7},{'да' if i > 9 else 'нет'}\n" for i in range(20))
    Path("data.csv").write_text("x,z,t\n" + rows, encoding="utf-8")

    def of(*argv: str) -> tuple[int, str, str]:
        status = main(argv)
        out, err = capsys.readouterr()
        return status, out, err

    return of


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


TRAIN = ("train", "data.csv", "--target", "t", "--epochs", "5")


def test_train_says_what_it_saw_and_what_it_reached(run: Run) -> None:
    status, out, err = run("train", str(DAVIS), "--target", "sex")
    assert (status, err) == (0, "")
    assert "200 rows" in out
    assert "2 classes: F (112), M (88)" in out
    assert "numbers from 39 to 166" in out
    assert "a 2-2-1 sigmoid network of 9 parameters" in out
    lines = [line.split() for line in out.splitlines()]
    accuracy = {words[0]: float(words[3]) for words in lines if words[:1] in (["training"], ["test"])}
    assert accuracy["test"] >= 0.94
    assert "loss binary_cross_entropy, seed 0" in out


def test_json_holds_the_same(run: Run) -> None:
    status, out, _ = run(*TRAIN, "--json", "--inputs", "x", "--seed", "3")
    told = json.loads(out)
    assert status == 0
    assert told["data"] == {
        "file": "data.csv", "rows": 20, "target": "t", "inputs": ["x"], "classes": {"да": 10, "нет": 10},
    }  # fmt: skip
    assert told["settings"]["seed"] == 3
    assert told["epochs"] == [0, 1, 2, 3, 4]
    assert len(told["losses"]) == 5
    assert told["test"]["rows"] == 5
    assert 0 <= told["test"]["accuracy"] <= 1


def test_quiet_prints_nothing(run: Run) -> None:
    assert run(*TRAIN, "--quiet") == (0, "", "")


def test_a_number_is_met_and_r2_printed(run: Run) -> None:
    status, out, _ = run("train", "data.csv", "--target", "z", "--ignore", "t", "--hidden", "none", "--epochs", "2")
    assert status == 0
    assert "R²" in out
    assert "a 1-1 network of 2 parameters" in out
    assert (
        json.loads(run("train", "data.csv", "--target", "z", "--ignore", "t", "--json", "--epochs", "2")[1])["test"][
            "r2"
        ]
        < 1
    )


def test_numbers_are_classes_if_said(run: Run) -> None:
    _, out, _ = run(
        "train", "data.csv", "--target", "z", "--ignore", "t", "--classes", "--hidden", "4,3", "--epochs", "2"
    )
    assert "4 classes: 0 (3), 1 (5), 2 (6), 4 (6)" in out
    assert "a 1-4-3-4 sigmoid network of" in out


def test_what_was_saved_predicts(run: Run) -> None:
    status, out, _ = run(*TRAIN, "--save", "model.json")
    assert status == 0
    assert "Written: model.json" in out
    status, out, err = run("predict", "model.json", "data.csv")
    assert (status, err) == (0, "")
    model, sheet = TableModel.load("model.json"), read("data.csv")
    expected = model.predict(model.rows(sheet))
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["prediction", "probability"]
    assert [(label, float(p)) for label, p in rows] == list(expected)
    assert run("predict", "model.json", "data.csv", "--out", "said.csv") == (0, "", "")
    assert Path("said.csv").read_bytes().decode("utf-8") == out


def test_predict_needs_only_the_inputs(run: Run) -> None:
    run(*TRAIN, "--save", "model.json", "--quiet")
    Path("new.csv").write_text("z;note;x\n1,5;?;2\n", encoding="utf-8")
    status, out, _ = run("predict", "model.json", "new.csv")
    assert status == 0
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(("name", "begins"), [("loss.png", b"\x89PNG"), ("loss.svg", b"<?xml"), ("loss.PDF", b"%PDF")])
def test_the_loss_is_drawn(run: Run, name: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    status, out, _ = run(*TRAIN, "--plot", name)
    assert status == 0
    assert name in out
    assert Path(name).read_bytes().startswith(begins)
    assert set(content()) == {"data.csv", name}


# --- refusals -----------------------------------------------------------------------------------------------------

SAVING = ("--save", "model.json")
BAD: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "missing file": (("train", "no.csv", "--target", "t", *SAVING), ["no.csv", "no such file"]),
    "folder": (("train", ".", "--target", "t", *SAVING), [".: is a folder"]),
    "empty file": (("train", "empty.csv", "--target", "t", *SAVING), ["empty.csv", "is empty"]),
    "wrong encoding": (("train", "cp1251.csv", "--target", "t", *SAVING), ["cp1251.csv", "row 2, byte 3", "UTF-8"]),
    "no such target": (("train", "data.csv", "--target", "q", *SAVING), ["data.csv", "no column 'q'", "x, z, t"]),
    "no such input": ((*TRAIN, "--inputs", "x,y", *SAVING), ["data.csv", "no column 'y'"]),
    "doubled column": (("train", "doubled.csv", "--target", "t", *SAVING), ["doubled.csv", "row 1", "'x'", "twice"]),
    "text": (("train", "text.csv", "--target", "t", *SAVING), ["text.csv", "row 3, column 'x'", "'2x'"]),
    "nan": (("train", "nan.csv", "--target", "t", *SAVING), ["nan.csv", "row 3, column 'x'", "'nan'"]),
    "one class": (("train", "one.csv", "--target", "t", *SAVING), ["one.csv", "column 't'", "one class only, 'u'"]),
    "short row": (("train", "short.csv", "--target", "t", *SAVING), ["short.csv", "row 3 has 1 cell", "column 't'"]),
    "negative rate": ((*TRAIN, "--rate", "-1", *SAVING), ["rate", "-1"]),
    "unknown activation": ((*TRAIN, "--activation", "sigm", *SAVING), ["activation 'sigm'", "sigmoid, elu"]),
    "unknown loss": ((*TRAIN, "--loss", "l2", *SAVING), ["loss 'l2'", "binary_cross_entropy"]),
    "unknown optimizer": ((*TRAIN, "--optimizer", "x", *SAVING), ["optimizer 'x'", "sgd, adam, adamw"]),
    "zero neurons": ((*TRAIN, "--hidden", "0", *SAVING), ["hidden layer 1", "got 0"]),
    "no sizes": ((*TRAIN, "--hidden", "2;3", *SAVING), ["--hidden", "'2;3'", "16,16"]),
    "zero epochs": (("train", "data.csv", "--target", "t", "--epochs", "0", *SAVING), ["epochs", "got 0"]),
    "no epochs": (("train", "data.csv", "--target", "t", "--epochs", "many", *SAVING), ["--epochs", "'many'"]),
    "large batch": ((*TRAIN, "--batch", "16", *SAVING), ["batch of 16", "15 rows"]),
    "test part": ((*TRAIN, "--test", "0.99", *SAVING), ["20 rows", "none to train on"]),
    "no folder": ((*TRAIN, "--save", "no/model.json"), ["--save no/model.json", "no folder no"]),
    "save to a folder": ((*TRAIN, "--save", "."), ["--save .", "is a folder"]),
    "save in a file": ((*TRAIN, "--save", "data.csv/model.json"), ["--save data.csv/model.json", "no folder"]),
    "save over the data": ((*TRAIN, "--save", "data.csv"), ["--save data.csv", "overwrite"]),
    "plot over the model": ((*TRAIN, *SAVING, "--plot", "./model.json"), ["--plot ./model.json", "overwrite"]),
    "plot of no kind": ((*TRAIN, "--plot", "loss.doc", *SAVING), ["loss.doc", ".png, .svg or .pdf"]),
    "diverged": (("train", "data.csv", "--target", "z", "--inputs", "x", "--rate", "1e9", *SAVING), ["smaller rate"]),
    "two kinds of output": ((*TRAIN, "--json", "--quiet", *SAVING), ["--quiet", "--json"]),
    "no model": (("predict", "data.csv", "data.csv", "--out", "o.csv"), ["data.csv", "not a model file"]),
    "model missing": (("predict", "no.json", "data.csv", "--out", "o.csv"), ["no.json", "cannot be read"]),
    "model cut off": (("predict", "cut.json", "data.csv", "--out", "o.csv"), ["cut.json", "cut off"]),
    "model of another release": (("predict", "v9.json", "data.csv", "--out", "o.csv"), ["v9.json", "version 9"]),
    "column missing": (("predict", "good.json", "one.csv", "--out", "o.csv"), ["one.csv", "no column 'z'", "x, t"]),
    "text to predict": (("predict", "good.json", "text.csv", "--out", "o.csv"), ["text.csv", "row 3, column 'x'"]),
    "overflow": (("predict", "linear.json", "huge.csv", "--out", "o.csv"), ["huge.csv", "row 2", "too large"]),
    "out over the data": (("predict", "good.json", "data.csv", "--out", "data.csv"), ["--out data.csv", "overwrite"]),
    "out to no folder": (("predict", "good.json", "data.csv", "--out", "no/o.csv"), ["--out no/o.csv", "no folder"]),
}


@pytest.fixture
def bad_files(run: Run) -> None:
    run(*TRAIN, "--save", "good.json", "--quiet")
    run("train", "data.csv", "--target", "z", "--inputs", "x", "--hidden", "none", "--save", "linear.json", "--quiet")
    good, linear = Path("good.json").read_text(encoding="utf-8"), json.loads(Path("linear.json").read_text())
    linear["notes"]["table"]["scaling"] = [[0.0, 1e-10]]
    for name, text in {
        "empty.csv": "",
        "doubled.csv": "x,x,t\n1,2,u\n3,4,v\n",
        "text.csv": "x,z,t\n1,1,u\n2x,1,v\n3,2,u\n",
        "nan.csv": "x,z,t\n1,1,u\nnan,1,v\n3,2,u\n",
        "one.csv": "x,t\n1,u\n2,u\n3,u\n",
        "short.csv": "x,t\n1,u\n2\n3,v\n",
        "huge.csv": "x\n1e305\n",
        "cut.json": good[:200],
        "v9.json": good.replace('"version": 1', '"version": 9'),
        "linear.json": json.dumps(linear),
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("cp1251.csv").write_bytes("x,t\n1,да\n2,нет\n".encode("cp1251"))


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("argv", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_nothing_written(run: Run, argv: tuple[str, ...], said: list[str]) -> None:
    before = content()
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert [part for part in said if part not in err] == []
    assert content() == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_is_found_before_the_training(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optim.SGD, "update", None)  # a step would fail
    status, out, err = run(*TRAIN, "--save", "/proc/model.json")
    assert (status, out) == (2, "")
    assert "--save /proc/model.json: the folder cannot be written" in err


def test_without_matplotlib_plot_is_refused_before_the_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    status, out, err = run(*TRAIN, "--plot", "loss.png")
    assert (status, out) == (2, "")
    assert "pip install" in err


def test_ctrl_c_keeps_what_was_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter(range(40))
    whole = optim.SGD.step

    def step(self: optim.SGD) -> None:
        if next(steps) == 32:  # in the third epoch of 15 steps
            raise KeyboardInterrupt
        whole(self)

    monkeypatch.setattr(optim.SGD, "step", step)
    status, out, err = run(*TRAIN, "--save", "model.json")
    assert status == 130
    assert "interrupted in epoch 2" in err
    assert "interrupted in epoch 2" in out
    assert len(TableModel.load("model.json").predict([[1.0, 2.0]])) == 1


# --- piped --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("encoding", ["cp1251", "ascii"])
def test_piped_output_is_utf8_whatever_the_locale_says(encoding: str) -> None:
    program = [sys.executable, "-c", "import sys; from microgradnet.cli import main; sys.exit(main())"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(REPOSITORY)}

    def printed(*argv: str) -> str:
        done = subprocess.run([*program, *argv], env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode("utf-8")

    assert "2 classes: да (10), нет (10)" in printed(*TRAIN, "--save", "модель.json")
    assert "нет," in printed("predict", "модель.json", "data.csv")
