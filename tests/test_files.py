"""Files are written whole or not at all, and nothing but a regular file is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microgradnet.errors import InputError
from microgradnet.files import write_atomically


@pytest.mark.parametrize("content", ["текст\n", b"\x00\xff"])
def test_text_and_bytes_arrive_and_nothing_else_is_left(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    write_atomically(path, "before")
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("before")
    path.chmod(0o600)
    write_atomically(path, "after")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
def test_a_pipe_a_folder_and_a_circle_of_links_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name, says in (("pipe", "no regular file"), ("folder", "a folder"), ("circle", "cannot be written")):
        with pytest.raises(InputError, match=says):
            write_atomically(tmp_path / name, "text")
    assert not (tmp_path / "pipe").is_file()
    assert len(list(tmp_path.iterdir())) == 3
