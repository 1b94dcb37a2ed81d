"""The page: one HTML file that steps through forward and backward of an expression, without any network.

Python lays the graph out and writes columns, templates and rules into the file (`assembly`); scripts in the file do the
rest: they compute all numbers anew, list the steps and show them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from microgradnet.display import visible
from microgradnet.drawing.page.assembly import Settings, assemble
from microgradnet.errors import InputError
from microgradnet.files import write_atomically
from microgradnet.graph import Graph

if TYPE_CHECKING:
    from microgradnet.value import Value

__all__ = ["Page", "make_page"]

LANGUAGES = ("en", "ru")


def make_page(
    graph_or_value: Graph | Value,
    *,
    language: str | None = None,
    rate: float | None = None,
    digits: int = 4,
    closed_form: Mapping[str, float | Value] | None = None,
    engine: str | None = None,
    timeout: float = 30.0,
) -> Page:
    """A page that steps through forward and backward of a Value, with sliders for the numbers that it was made from.

    Args:
        graph_or_value: the root, or its Graph. `backward()` need not have been called, and no `.grad` is read.
        language: "en" or "ru", in which the page opens; None takes the browser's. Both are in the file.
        rate: a learning rate; then each parameter's update is a step, too.
        digits: decimals of the numbers shown.
        closed_form: derivatives by hand, by the names of nodes, shown beside autograd's: numbers, which are true where
            the graph was computed, or Values, which the page computes anew with the rest.
        engine, timeout: the program that lays the picture out, and how long it may take, in seconds (see `draw`).

    Raises:
        TypeError: what came is no Value, a rate or a derivative is no number.
        InputError: an argument out of range, a name of closed_form that the graph lacks, no engine.
        StaleGraphError: data was changed after the graph was computed.

    >>> from microgradnet import Value
    >>> page = make_page(Value(3.0, "x") ** 2)
    >>> page
    <Page of pow_const1: 2 nodes; .save("page.html") writes it>
    >>> page.html().startswith("<!doctype html>")
    True
    """
    graph = graph_or_value if isinstance(graph_or_value, Graph) else Graph(graph_or_value)
    if language is not None and language not in LANGUAGES:
        raise InputError(f"language is {language!r}; a page opens in 'en' or 'ru' (None: as the browser does)")
    if not 0 <= digits <= 17:
        raise InputError(f"digits is {digits!r}; it must be from 0 to 17")
    if rate is not None and not isinstance(rate, int | float):
        raise TypeError(f"rate wants a number, got {type(rate).__name__}")
    if rate is not None and not 0 < rate < float("inf"):
        raise InputError(f"rate is {rate!r}; it must be a positive number")
    if not timeout > 0:
        raise InputError(f"timeout is {timeout!r}; it must be a positive number of seconds")
    graph.require_fresh()
    settings = Settings(language, rate, digits, engine, timeout)
    title = f"{visible(graph.names[-1])}: {len(graph)} node{'s' * (len(graph) != 1)}"
    return Page(assemble(graph, settings, closed_form or {}), title)


class Page:
    """A page as it was made; nothing of it changes when Values do. In a notebook it shows itself in a frame."""

    __slots__ = ("_html", "_title")

    def __init__(self, html: str, title: str) -> None:
        self._html, self._title = html, title

    def html(self) -> str:
        """The whole page as text, the same byte for byte for the same graph and engine."""
        return self._html

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to `path`, which ends in .html (or .htm). Returns the path.

        The file is written beside its place and then moved there: it is the old one or the whole new one.

        Raises:
            InputError: another suffix, no such folder, a folder that cannot be written.

        >>> from microgradnet import Value
        >>> make_page(Value(1.0) * 2).save("page.txt")
        Traceback (most recent call last):
        microgradnet.errors.InputError: page.txt: a page is saved as .html, by the name's suffix
        """
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{target}: a page is saved as .html, by the name's suffix")
        if not target.parent.is_dir():
            raise InputError(f"{target}: there is no folder {target.parent}; make it first")
        write_atomically(target, self._html)
        return target

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self._html, quote=True)}" sandbox="allow-scripts allow-downloads" '
            f'title="{escape(self._title, quote=True)}" width="100%" height="900" style="border: 0" '
            'loading="lazy"></iframe>'
        )

    def __repr__(self) -> str:
        return f'<Page of {self._title}; .save("page.html") writes it>'
