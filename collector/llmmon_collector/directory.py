"""Directories that belong to one user and one collector."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from llmmon.errors import ConfigError


def private_directory(path: Path, key: str) -> Path:
    """``path``, made if it is not there, that only its owner can enter.

    Raises:
        ConfigError: it is somebody else's, open to others, or cannot be made; names ``key``.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"cannot make {path}: {error.strerror}", key=key) from None
    if status.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user: choose a directory of yours", key=key)
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"others can enter {path}: run `chmod 700 {path}`", key=key)
    return path


class DirectoryLock:
    """Held from construction to ``release``; goes with the process, however that ends."""

    def __init__(self, directory: Path, use: str) -> None:
        """Take the lock for ``use``, one word: a directory can have several.

        Raises:
            ConfigError: another process holds it, or the file cannot be written.
        """
        path = directory / f"{use}.lock"
        try:
            self._file = path.open("a+b", buffering=0)
            self._take(directory)
        except OSError as error:
            raise ConfigError(f"cannot lock {path}: {error.strerror}") from None

    def _take(self, directory: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().decode(errors="replace").strip() or "unknown"
            self._file.close()
            raise ConfigError(
                f"another collector (pid {holder}) uses {directory}: stop it, "
                "or give this one another --state and --listen"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())

    def release(self) -> None:
        """Let go."""
        self._file.close()
