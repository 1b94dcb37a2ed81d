"""Tables: see numbers and classes in a sheet, train a network on them, keep all of that in one model file.

`sheet.read` gives a Sheet of cells, `problem` says what is to be learnt from which columns, `train` learns it, and the
TableModel it leaves behind knows its columns, its scaling and its classes, so that it can read the next file alone.
Every refusal names the file, the row and the column. Rows are counted as a spreadsheet counts them: the header is 1.
"""

from __future__ import annotations

from microgradnet.tabular.models import Prediction, TableModel, written
from microgradnet.tabular.problems import Problem, problem, split
from microgradnet.tabular.training import Settings, Training, train

__all__ = [
    "Prediction", "Problem", "Settings", "TableModel", "Training", "problem", "split", "train", "written",
]  # fmt: skip
