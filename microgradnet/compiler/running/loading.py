"""Written source becomes functions: executed under a name of its own, which tracebacks and debuggers know.

A traceback through a compiled program shows the program's lines, and pdb steps through them, as `linecache` holds the
source for as long as the functions live.

    >>> twice = load("def twice(x):\\n    return FACTOR * x\\n", {"FACTOR": 2.0}, "twice")["twice"]
    >>> twice(4.0), twice.__code__.co_filename.startswith("<microgradnet twice ")
    (8.0, True)
"""

from __future__ import annotations

import builtins
import itertools
import linecache
import re
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any

__all__ = ["load"]

_counter = itertools.count(1)
_ended: deque[str] = deque()
"""Files whose functions are gone. Their lines are dropped at the next `load`, as functions may die inside linecache."""


def load(source: str, names: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The namespace after the source ran in it; `names` are there before. `title` goes into the file's name."""
    while _ended:
        linecache.cache.pop(_ended.popleft(), None)
    filename = f"<microgradnet {re.sub(r'[^A-Za-z0-9_]+', '', title) or 'program'} {next(_counter)}>"
    namespace: dict[str, Any] = {"__name__": "microgradnet.compiled", **names}
    exec(builtins.compile(source, filename, "exec"), namespace)
    functions = [
        thing for thing in namespace.values()
        if getattr(getattr(thing, "__code__", None), "co_filename", "") == filename
    ]  # fmt: skip
    if functions:
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        weakref.finalize(functions[0], _ended.append, filename).atexit = False
    return namespace
