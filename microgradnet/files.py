"""Writing a file whole or not at all: the one way in which anything of ours is saved."""

from __future__ import annotations

import os
import stat

from microgradnet.errors import InputError

__all__ = ["mode_of", "write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file, text as UTF-8; InputError, naming it, if it cannot be written.

    The content goes to a new file beside it, which then takes its place in one step: there is the old file or the
    whole new one, never a part. A link stays a link, and permissions stay. A folder, device or pipe is refused.

    >>> write_atomically("no such folder/notes.txt", "hello")
    Traceback (most recent call last):
    microgradnet.errors.InputError: no such folder/notes.txt: cannot be written: No such file or directory
    """
    try:
        data = content.encode() if isinstance(content, str) else content
        place = os.path.realpath(path)
        mode = mode_of(path)
        new = f"{place}.{os.getpid()}.{os.urandom(4).hex()}.new"
        try:
            with open(new, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(new, mode)
            os.replace(new, place)
        except BaseException:
            if os.path.exists(new):
                os.remove(new)
            raise
    except InputError:  # of mode_of, which has said it all
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{os.fspath(path)}: cannot be written: {reason}") from error


def mode_of(path: str | os.PathLike[str]) -> int | None:
    """The permissions of a file that may be written anew; None where there is none yet.

    InputError if something else stands there (a folder, a device, a pipe, a link that leads in a circle).

    >>> mode_of("no such file")
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{os.fspath(path)}: cannot be written: {reason}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise InputError(f"{os.fspath(path)}: cannot be written: it is {kind}; choose another name")
    return stat.S_IMODE(mode)
