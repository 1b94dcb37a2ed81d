"""The words of a picture of a graph, in English and in Russian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgradnet.drawing.captions import plural
from microgradnet.drawing.text import grouped

__all__ = ["LANGUAGES", "counted"]

LANGUAGES: dict[str, dict[str, Any]] = {
    "en": {
        "parameter": "parameter", "weight": "weight", "bias": "bias", "input": "input", "leaf": "leaf",
        "data": "data", "grad": "grad", "neuron": "neuron", "layer": "layer", "label": "labels", "thousands": ",",
        "stretch": "stretch", "part": "part {} of {}", "nodes": ("node", "nodes", "nodes"),
        "boxes": ("box", "boxes", "boxes"), "edges": ("edge", "edges", "edges"), "uses": ("use", "uses", "uses"),
        "operations": ("operation", "operations", "operations"), "neurons": ("neuron", "neurons", "neurons"),
        "parameters": ("parameter", "parameters", "parameters"), "leaves": ("leaf", "leaves", "leaves"),
        "norm": "norm", "their grad": ("its grad", "their grad"),
        "rounds": ("time", "times", "times"), "times": "computed {}",
        "of": {"parameters": ("parameter", "parameters"), "leaves": ("leaf", "leaves")},
        "not run": "backward() has not run: every grad is still 0",
        "stale": "no grad has come to what is computed here: call backward(); those of leaves are of another pass",
        "between": "{root} by {wrt}: {shown} of {all} lie between, {hidden} hidden",
        "collapsed": "{root}: {all} in {boxes}, {how}",
        "above": "{root}: {all}, more than limit={limit}; in {boxes}, {how}",
        "by": {
            "neuron": "neurons as one box", "layer": "layers as one box", "label": "one box per prefix of labels",
            "alike": "what is alike as one box", "stretch": "stretches of one operation as one box",
            "part": "cut in the order of computation",
        },
        "legend": "× where an arrow ends: the local derivative; what goes back is multiplied by it",
        "colours": "lines: blue grad > 0, orange grad < 0; the thicker, the larger",
        "range": "a … b … c: least, mean, greatest",
        "nothing": "no gradient goes back", "local": "local derivative", "sent": "gradient that goes back",
        "picture": "Computation graph of {}", "network": "Network {}",
    },
    "ru": {
        "parameter": "параметр", "weight": "вес", "bias": "смещение", "input": "вход", "leaf": "лист",
        "data": "знач.", "grad": "град.", "neuron": "нейрон", "layer": "слой", "label": "метки", "thousands": " ",
        "stretch": "цепочка", "part": "часть {} из {}", "nodes": ("узел", "узла", "узлов"),
        "boxes": ("блок", "блока", "блоков"), "edges": ("ребро", "ребра", "рёбер"),
        "uses": ("раз", "раза", "раз"), "operations": ("операция", "операции", "операций"),
        "neurons": ("нейрон", "нейрона", "нейронов"), "parameters": ("параметр", "параметра", "параметров"),
        "leaves": ("лист", "листа", "листьев"), "norm": "норма",
        "their grad": ("его град.", "их град."), "rounds": ("раз", "раза", "раз"), "times": "вычислено {}",
        "of": {"parameters": ("параметр", "параметры"), "leaves": ("лист", "листья")},
        "not run": "backward() ещё не вызван: все градиенты пока 0",
        "stale": "до вычисленного здесь градиент не дошёл: вызовите backward(); у листьев он от другого прохода",
        "between": "{root} по {wrt}: между ними {shown} из {all}, скрыто {hidden}",
        "collapsed": "{root}: {all}, на рисунке {boxes}; {how}",
        "above": "{root}: {all}, больше чем limit={limit}; на рисунке {boxes}; {how}",
        "by": {
            "neuron": "нейроны свёрнуты", "layer": "слои свёрнуты", "label": "метки с одним началом свёрнуты",
            "alike": "одинаковое свёрнуто", "stretch": "цепочки одной операции свёрнуты",
            "part": "разрезано по порядку вычисления",
        },
        "legend": "× у конца стрелки: локальная производная; на неё умножается то, что идёт назад",
        "colours": "линии: синие — градиент > 0, оранжевые — < 0; чем толще, тем он больше",
        "range": "a … b … c: наименьшее, среднее, наибольшее",
        "nothing": "градиент назад не идёт", "local": "локальная производная", "sent": "градиент, который идёт назад",
        "picture": "Граф вычисления {}", "network": "Сеть {}",
    },
}  # fmt: skip


def counted(n: int, noun: str, words: Mapping[str, Any]) -> str:
    """A number and its noun.

    >>> counted(1, "nodes", LANGUAGES["en"]), counted(12_000, "nodes", LANGUAGES["en"])
    ('1 node', '12,000 nodes')
    >>> counted(22, "nodes", LANGUAGES["ru"]), counted(12_000, "nodes", LANGUAGES["ru"])
    ('22 узла', '12 000 узлов')
    """
    return f"{grouped(n, words)} {plural(n, words[noun])}"
