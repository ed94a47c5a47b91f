"""Files that an operator asks for: exported tables, pictures of a screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from llmmon.errors import LlmmonError

_MOST: Final = 100
"""Files of one name and second."""


class ExportError(LlmmonError):
    """The file was not written; says where and why."""


def write_export(directory: Path, name: str, text: str) -> Path:
    """Write a new file, for its owner only: it may name users. Where it is.

    A file that is there already is never written over: the new one gets `-2`, `-3` … in its name.

    Raises:
        ExportError: it cannot be written.
    """
    path = directory / name
    try:
        for number in range(1, _MOST + 1):
            path = directory / _numbered(name, number)
            if _write_new(path, text):
                return path
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    raise ExportError(f"{path}: there are {_MOST} files of this name already")


def _numbered(name: str, number: int) -> str:
    stem, dot, ending = name.rpartition(".")
    return name if number == 1 else f"{stem}-{number}{dot}{ending}"


def _write_new(path: Path, text: str) -> bool:
    """Whether the name was free."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True
