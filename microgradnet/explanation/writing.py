"""Sections written for people: text of 80 columns, Markdown, LaTeX, HTML with MathML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence

from microgradnet.dialects import LATEX, MATHML, READING, SHORT, latex_letter
from microgradnet.display import visible
from microgradnet.explanation.numbers import shown_number
from microgradnet.explanation.sections import Block, Equation, Section
from microgradnet.explanation.words import Sentence
from microgradnet.notation import LEAF, Dialect, write

__all__ = [
    "WIDTH", "folded", "html_of", "latex", "latex_of", "markdown_of", "mathml", "mathml_table", "reading", "text_of",
]  # fmt: skip

WIDTH = 80


def _derivatives(fraction: str, higher: str, below: str, signs: tuple[str, str]) -> dict[str, tuple[str, int]]:
    """∂L/∂w as the operation "∂", dL/dw as "d", and ∂²L/∂x∂y as "∂2", up to the ninth.

    `fraction` has SIGN for ∂ or d, `higher` has N for the order and BELOW for so many of `below`.
    """
    curly, straight = ((fraction.replace("SIGN", sign), LEAF) for sign in signs)
    orders = {f"∂{n}": (higher.replace("N", str(n)).replace("BELOW", below * n), LEAF) for n in range(2, 10)}
    return {"∂": curly, "d": straight, **orders}


def reading(digits: int, functions: Mapping[str, str]) -> Dialect:
    """Text as it stands on a blackboard."""
    return READING.but(
        operators={
            **READING.operators,
            **_derivatives("SIGN{}/SIGN{}", "∂^N {}/BELOW", "∂{}", ("∂", "d")),
            "()": ("({})", LEAF),
            "=": ("{} = {}", 0),
        },
        functions={**READING.functions, **{op: visible(name) for op, name in functions.items()}},
        letter=lambda name: visible(name) or "''",
        number=shown_number(digits),
    )


def latex(digits: int, functions: Mapping[str, str]) -> Dialect:
    """LaTeX that KaTeX takes in its strict mode, and that Markdown and HTML leave alone."""

    def letter(name: str) -> str:
        if name == "…":
            return r"\dots "
        return latex_letter(name).replace(r"\$", r"\textdollar{}").replace("`", r"\textquoteleft{}")

    def number(x: float) -> tuple[str, int]:
        text, binding = shown_number(digits)(x)
        if not text.lstrip("-")[:1].isdigit():
            return LATEX.number(x)
        mantissa, _, exponent = text.partition("e")
        return (rf"{mantissa} \cdot 10^{{{int(exponent)}}}", 3) if exponent else (text, binding)

    derivatives = _derivatives(
        r"\frac{{SIGN {}}}{{SIGN {}}}",
        r"\frac{{\partial^N {}}}{{BELOW}}",
        r"\partial {} ",
        (r"\partial", r"\mathrm{{d}}"),
    )
    return LATEX.but(
        operators={**LATEX.operators, **derivatives, "()": ("({})", LEAF), "=": ("{} = {}", 0)},
        functions={**LATEX.functions, **{op: LATEX.letter(name) for op, name in functions.items()}},
        letter=letter,
        number=number,
    )  # fmt: skip


def mathml(digits: int, functions: Mapping[str, str]) -> Dialect:
    """MathML, for pages."""

    def number(x: float) -> tuple[str, int]:
        text, binding = shown_number(digits)(x)
        if not text.lstrip("-")[:1].isdigit():
            return MATHML.number(x)
        sign, size = ("<mo>−</mo>", text[1:]) if text.startswith("-") else ("", text)
        mantissa, _, exponent = size.partition("e")
        power = f"<mo>·</mo><msup><mn>10</mn><mn>{int(exponent)}</mn></msup>" if exponent else ""
        written = f"{sign}<mn>{mantissa}</mn>{power}"
        return (f"<mrow>{written}</mrow>" if sign or power else written), 3 if power else binding

    derivatives = _derivatives(
        "<mfrac><mrow>SIGN{}</mrow><mrow>SIGN{}</mrow></mfrac>",
        "<mfrac><mrow><msup><mo>∂</mo><mn>N</mn></msup>{}</mrow><mrow>BELOW</mrow></mfrac>",
        "<mo>∂</mo>{}",
        ("<mo>∂</mo>", '<mi mathvariant="normal">d</mi>'),
    )
    return MATHML.but(
        operators={
            **MATHML.operators,
            **derivatives,
            "sub": ("{}<mo>−</mo>{}", 2),
            "neg": ("<mo>−</mo>{}", 4),
            "()": ("<mrow><mo>(</mo>{}<mo>)</mo></mrow>", LEAF),
            "=": ("{}<mo>=</mo>{}", 0),
        },
        functions={op: f"<mi>{html.escape(visible(name))}</mi>" for op, name in {**SHORT, **functions}.items()},
        function=lambda name: f"<mi>{html.escape(visible(name))}</mi>",
        called="<mrow>{}<mo>(</mo>{}<mo>)</mo></mrow>",
        prime='<mo lspace="0" rspace="0">′</mo>',
        letter=lambda name: "<mo>…</mo>" if name == "…" else MATHML.letter(name),
        number=number,
    )


# --- text -----------------------------------------------------------------------------------------------------------


def text_of(sections: Iterable[Section], dialect: Dialect) -> str:
    """Aligned at the signs, at most 80 columns."""
    return "\n\n".join("\n".join(_section(section, dialect)) for section in sections)


def _section(section: Section, dialect: Dialect) -> Iterator[str]:
    if section.title:
        yield from folded(_words(section.title, dialect), "")
        yield ""
    first = True
    for block in section.blocks:
        if block:
            if not first:
                yield ""
            first = False
            yield from _block(block, dialect)


def _words(sentence: Sentence, dialect: Dialect) -> str:
    return "".join(part if isinstance(part, str) else write(part, dialect) for part in sentence)


def _block(block: Block, dialect: Dialect) -> Iterator[str]:
    rows = [[write(side, dialect) for side in line.sides] for line in block if isinstance(line, Equation)]
    notes = [_words(line.note, dialect) for line in block if isinstance(line, Equation)]
    widths = [max(map(_width, column)) for column in _columns(rows)]
    aligned = all(_width(line) <= WIDTH for line in _aligned(rows, widths, notes))
    left = widths[0] if widths and widths[0] <= WIDTH // 2 else 0
    equations = iter(zip(rows, notes, strict=True))
    for line in block:
        if not isinstance(line, Equation):
            yield from folded(_words(line, dialect), "")
            continue
        row, note = next(equations)
        if aligned:
            yield next(_aligned([row], widths, [note]))
        else:
            yield from _broken(row, left, note)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The sides that stand under one another: the first, the second, … and the last, which is aligned as such."""
    return [[row[i] for row in rows if i < len(row)] for i in range(max(map(len, rows), default=0))]


def _aligned(rows: Sequence[Sequence[str]], widths: Sequence[int], notes: Sequence[str]) -> Iterator[str]:
    for row, note in zip(rows, notes, strict=True):
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
        yield (" = ".join(cells) + (f"   ({note})" if note else "")).rstrip()


def _broken(row: Sequence[str], left: int, note: str) -> Iterator[str]:
    """One equation, broken before its signs where it is too long for a line."""
    head = row[0] + " " * max(0, left - _width(row[0]))
    indent = " " * min(_width(head), WIDTH // 2)
    line = f"{head} = {row[1]}" if len(row) > 1 else head
    for side in [*row[2:], *([f"   ({note})"] if note else [])]:
        joined = side if side.startswith("   (") else f" = {side}"
        if _width(line + joined) <= WIDTH:
            line += joined
            continue
        if line.strip():
            yield from folded(line, indent + "   ")
        line = indent + joined
    yield from folded(line, indent + "   ")


def folded(line: str, indent: str) -> Iterator[str]:
    """The line in pieces of at most 80 columns, broken at spaces if there are some, the rest below further in."""
    while _width(line) > WIDTH:
        end = _fitting(line, WIDTH)
        space = max(line.rfind(" + ", len(indent) + 1, end), line.rfind(" - ", len(indent) + 1, end))
        if space <= len(indent) + 3:
            space = line.rfind(" · ", len(indent) + 1, end)
        if space <= len(indent) + 10:
            space = line.rfind(" ", len(indent) + 1, end)
        if space <= len(indent):
            space = end
        yield line[:space].rstrip()
        line = indent + line[space:].lstrip()
    yield line


def _fitting(line: str, width: int) -> int:
    used = 0
    for place, c in enumerate(line):
        used += _width(c)
        if used > width:
            return max(place, 1)
    return len(line)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


# --- LaTeX and Markdown ---------------------------------------------------------------------------------------------


def latex_of(sections: Iterable[Section], dialect: Dialect, text: Dialect) -> str:
    """One `aligned` environment for each section, sentences as text in it; to be put between $$ and $$."""
    return "\n\n".join(_aligned_latex(_all(section), dialect, text) for section in sections)


def _all(section: Section) -> Iterator[Equation | Sentence]:
    if section.title:
        yield section.title
    for block in section.blocks:
        yield from block


def _aligned_latex(lines: Iterable[Equation | Sentence], dialect: Dialect, text: Dialect) -> str:
    rows = []
    for line in lines:
        if isinstance(line, Equation):
            rows.append(_latex_rows(line, dialect, text))
        else:
            rows.append(rf"&{_latex_words(line, dialect)}")
    return "\\begin{aligned}\n" + " \\\\[4pt]\n".join(rows) + "\n\\end{aligned}"


def _latex_rows(line: Equation, dialect: Dialect, text: Dialect) -> str:
    """left &= side = side; long sides on lines of their own."""
    left, *sides = (write(side, dialect) for side in line.sides)
    lengths = [_width(write(side, text)) for side in line.sides[1:]]
    note = rf" \quad {_latex_words(('(', *line.note, ')'), dialect)}" if line.note else ""
    between = " = " if sum(lengths) <= WIDTH else " \\\\\n&= "
    return f"{left} &= " + between.join(sides) + note


def _latex_words(sentence: Sentence, dialect: Dialect) -> str:
    return "".join(
        rf"\text{{{_in_text(part)}}}" if isinstance(part, str) else write(part, dialect) for part in sentence
    )


def _in_text(words: str) -> str:
    table = str.maketrans({"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "'": "'",
                           **{c: "\\" + c for c in "{}&#%_"}, "$": r"\textdollar{}", "⁶": r"\(^6\)"})  # fmt: skip
    return words.translate(table)


def markdown_of(sections: Iterable[Section], dialect: Dialect, text: Dialect) -> str:
    """Headings and sentences as Markdown, equations between $$ and $$."""
    parts: list[str] = []
    for section in sections:
        if section.title:
            parts.append("### " + _markdown_words(section.title, dialect))
        for block in section.blocks:
            waiting: list[Equation] = []
            for line in [*block, ()]:
                if isinstance(line, Equation):
                    waiting.append(line)
                    continue
                if waiting:
                    parts.append(f"$$\n{_aligned_latex(waiting, dialect, text)}\n$$")
                    waiting = []
                if line:
                    parts.append(_markdown_words(line, dialect))
    return "\n\n".join(parts)


_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|$~#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown_text(words: str) -> str:
    """Words of which Markdown reads nothing as its own."""
    return words.translate(_MARKDOWN)


def _markdown_words(sentence: Sentence, dialect: Dialect) -> str:
    return "".join(
        markdown_text(part) if isinstance(part, str) else f"${write(part, dialect).strip()}$" for part in sentence
    )


# --- HTML -----------------------------------------------------------------------------------------------------------


def html_of(sections: Iterable[Section], dialect: Dialect, language: str) -> str:
    """A <div> of headings, paragraphs and MathML tables; everything escaped, nothing but tags of HTML and MathML."""
    parts = [f'<div class="explanation" lang="{language}">']
    for section in sections:
        if section.title:
            parts.append(f"<h3>{_html_words(section.title, dialect)}</h3>")
        for block in section.blocks:
            waiting: list[Equation] = []
            for line in [*block, ()]:
                if isinstance(line, Equation):
                    waiting.append(line)
                    continue
                if waiting:
                    parts.append(mathml_table(waiting, dialect))
                    waiting = []
                if line:
                    parts.append(f"<p>{_html_words(line, dialect)}</p>")
    return "\n".join([*parts, "</div>"])


def mathml_table(lines: Iterable[Equation], dialect: Dialect) -> str:
    """Equations under one another, as a <math> element."""
    rows = [_mathml_row(line, dialect) for line in lines]
    return '<p><math displaystyle="true"><mtable displaystyle="true">\n' + "\n".join(rows) + "\n</mtable></math></p>"


def _mathml_row(line: Equation, dialect: Dialect) -> str:
    left, *sides = (f"<mrow>{write(side, dialect)}</mrow>" for side in line.sides)
    right = "".join(f"<mo>=</mo>{side}" for side in sides)
    note = ""
    if line.note:
        words = [f"<mtext>{html.escape(part)}</mtext>" if isinstance(part, str) else write(part, dialect)
                 for part in ("(", *line.note, ")")]  # fmt: skip
        note = f'<mspace width="1em"/>{"".join(words)}'
    cell = '<mtd style="text-align:{};padding:.25em .1em">{}</mtd>'
    return f"<mtr>{cell.format('right', left)}{cell.format('left', f'<mrow>{right}{note}</mrow>')}</mtr>"


def _html_words(sentence: Sentence, dialect: Dialect) -> str:
    return "".join(
        html.escape(part) if isinstance(part, str) else f"<math><mrow>{write(part, dialect)}</mrow></math>"
        for part in sentence
    )
