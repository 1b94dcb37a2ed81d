"""Running somebody's function so that nothing of it is left: no output, no random state, no changed variable."""

from __future__ import annotations

import copy
import gc
import io
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

__all__ = ["undisturbed"]

_alone = threading.RLock()


@contextmanager
def undisturbed(namespace: dict[str, Any] | None = None) -> Iterator[None]:
    """Output is swallowed, random states are put back, and the collector of cyclic garbage rests (all nodes are kept,
    so it would go through them in vain). These belong to the whole process: one thread at a time.

    `namespace`: of the user's module; its variables, and those of its classes, are put back, too.
    """
    import numpy

    with _alone, _put_back(namespace or {}):
        collects, states, of_numpy = gc.isenabled(), random.getstate(), numpy.random.get_state()
        gc.disable()
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), numpy.errstate(all="ignore"):
                yield
        finally:
            random.setstate(states)
            numpy.random.set_state(of_numpy)
            if collects:
                gc.enable()


@contextmanager
def _put_back(namespace: dict[str, Any]) -> Iterator[None]:
    own = namespace.get("__name__")
    classes = [thing for thing in namespace.values() if isinstance(thing, type) and thing.__module__ == own]
    before = {name: thing for name, thing in namespace.items() if not name.startswith("__")}
    fields = [(cls, name, thing) for cls in classes for name, thing in vars(cls).items()
              if not callable(thing) and not name.startswith("__")]  # fmt: skip
    holders = [thing for thing in (*before.values(), *(thing for _, _, thing in fields)) if _can_be_put_back(thing)]
    contents = [(holder, copy.copy(holder)) for holder in holders]
    try:
        yield
    finally:
        for name in [name for name in namespace if name not in before and not name.startswith("__")]:
            del namespace[name]
        namespace.update({name: thing for name, thing in before.items() if namespace.get(name, before) is not thing})
        for cls, name, thing in fields:
            if vars(cls).get(name) is not thing:
                setattr(cls, name, thing)
        for holder, content in contents:
            if isinstance(holder, dict):
                holder.clear()
                holder.update(content)
            else:
                holder[...] = content


def _can_be_put_back(thing: Any) -> bool:
    if thing.__class__ is dict:
        return len(thing) <= 1000
    return type(thing).__name__ == "ndarray" and thing.flags.writeable
