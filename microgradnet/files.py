"""Writing a file whole or not at all: the one way in which anything of ours is saved."""

from __future__ import annotations

import os

from microgradnet.errors import InputError

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file, text as UTF-8; InputError, naming it, if it cannot be written.

    The content goes to a new file beside it, which then takes its place in one step: there is the old file or the
    whole new one, never a part. A link stays a link.

    >>> write_atomically("no such folder/notes.txt", "hello")
    Traceback (most recent call last):
    microgradnet.errors.InputError: no such folder/notes.txt: cannot be written: No such file or directory
    """
    try:
        data = content.encode() if isinstance(content, str) else content
        place = os.path.realpath(path)
        new = f"{place}.{os.getpid()}.{os.urandom(4).hex()}.new"
        try:
            with open(new, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, place)
        except BaseException:
            if os.path.exists(new):
                os.remove(new)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{os.fspath(path)}: cannot be written: {reason}") from error
