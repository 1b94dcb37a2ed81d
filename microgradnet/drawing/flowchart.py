"""A `Sketch` as Mermaid's flowchart text, which many sites draw where a Markdown file holds it."""

from __future__ import annotations

from microgradnet.drawing import text
from microgradnet.drawing.mermaid import MOST_ARROWS, MOST_LETTERS, SHAPES, in_mermaid
from microgradnet.drawing.schemes import SCHEMES
from microgradnet.drawing.sketch import Box, Sketch
from microgradnet.errors import InputError

__all__ = ["flowchart"]


def flowchart(sketch: Sketch) -> str:
    """Every box with its lines, every arrow with its local derivative; dotted where no gradient goes back.

    Raises:
        InputError: more than Mermaid draws (500 arrows, 50,000 letters).
    """
    if len(sketch.arrows) > MOST_ARROWS:
        raise _too_large(sketch, f"{len(sketch.arrows):,} arrows, and Mermaid draws at most {MOST_ARROWS}")
    colours = SCHEMES[sketch.scheme]
    slots = {(box.key, port): shown for box in sketch.boxes for port, shown in box.slots}
    lines = [_box(box) for box in sketch.boxes]
    kinds: dict[str, list[str]] = {}
    for box in sketch.boxes:
        kinds.setdefault(_kind(box), []).append(box.key)
    if sketch.notices:
        opening, closing = SHAPES["warning"]
        lines.append(f'notice{opening}"{"<br/>".join(map(in_mermaid, sketch.notices))}"{closing}')
        kinds["notice"] = ["notice"]
    for arrow in sketch.arrows:
        label = slots.get((arrow.head, arrow.slot), "") if arrow.sent else ""
        said = f'|"{in_mermaid(label or arrow.label)}"|' if label or arrow.label else ""
        lines.append(f"{arrow.tail} {'-->' if arrow.sent else '-.->'}{said} {arrow.head}")
    for kind, keys in kinds.items():
        fill = "fill:none" if kind == "notice" else f"fill:{colours[kind]}"
        ink = colours["warning"] if kind == "notice" and sketch.warned else colours["ink"]
        more = {"condition": ",stroke-dasharray:4 3", "root": ",stroke-width:2px"}.get(kind, "")
        lines.append(f"classDef {kind} {fill},stroke:{colours['line']},color:{ink}{more}")
        lines.append(f"class {','.join(keys)} {kind}")
    written = f"flowchart {sketch.orientation}\n" + "".join(f"    {line}\n" for line in lines)
    if len(written) > MOST_LETTERS:
        raise _too_large(sketch, f"{len(written):,} letters of text, and Mermaid reads at most {MOST_LETTERS:,}")
    return written


def _kind(box: Box) -> str:
    return "root" if box.kind.endswith("root") else box.kind.split()[0]


def _box(box: Box) -> str:
    opening, closing = SHAPES.get(_kind(box), ("[", "]"))
    lines = [
        *([text.shorten(box.name)] if box.name else []),
        *(text.shorten(line, 60) for line in box.what),
        *box.numbers,
    ]
    return f'{box.key}{opening}"{"<br/>".join(map(in_mermaid, lines))}"{closing}'


def _too_large(sketch: Sketch, what: str) -> InputError:
    return InputError(
        f"the picture of {sketch.title} has {what}; collapse it (collapse='neuron', 'layer' or a beginning of labels, "
        "or a smaller limit=), draw only what lies between it and wrt=, or save it as .svg"
    )
