"""Every program of the corpus as a saved file: loss, gradient and a training are those of the program."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from corpus import programs
from corpus_odd import REFUSED

from microgradnet import compile
from microgradnet.compiler.running.saving import saved

PROGRAMS = {
    name: entry
    for name, entry in programs("corpus_networks", "corpus_statistics", "corpus_sciences", "corpus_odd").items()
    if name not in REFUSED
}


def close(got: Any, wanted: Any) -> bool:
    return bool(np.allclose(np.array(got, float), np.array(wanted, float), rtol=1e-9, atol=1e-12, equal_nan=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_saved_program_is_the_program(name: str) -> None:
    entry = PROGRAMS[name]
    parameters, data = entry.make(0)
    names = list(inspect.signature(entry.loss).parameters)[1:]
    given = [x for argument, x in zip(names, data, strict=True) if argument not in entry.static]
    program = compile(entry.loss, parameters, *data, static=entry.static)
    text = saved(program._built, name)
    assert "import microgradnet" not in text
    assert "from microgradnet" not in text
    file: dict[str, Any] = {}
    exec(text, file)
    arrays = [array.tolist() for array in program._fed(given)]
    loss, gradient = program._built.code.step(program._vector(None), program._fed(given))
    assert close(file["step"](file["p"], *arrays)[0], loss)
    assert close(file["step"](file["p"], *arrays)[1], gradient)
    assert close(file["loss"](file["p"], *arrays), loss)
    after = file["train"](file["p"], *arrays, [1e-4] * 3)
    program.train(*given, lr=1e-4, epochs=3)
    assert close(after, [value.data for value in program.recording.parameters])
