"""Where spools lie: one private directory a service, in it one a process, held by its lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from hashlib import blake2b
from typing import Final

from llmmon.config import Config

LOCK: Final = "lock"
"""File in a spool's directory that its owner holds locked for life."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_NAME: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,20})")


def service_home(config: Config) -> str | None:
    """The directory of the service's spools, None where the settings turn them off.

    Environment and collector are part of the name: no other collector is sent what this one may
    already have.
    """
    if config.spool_dir is None:
        return None
    told = f"{config.service}\0{config.environment}\0{config.address}".encode()
    safe = _UNSAFE.sub("_", config.service)[:64].lstrip(".") or "_"
    return os.path.join(config.spool_dir, f"{safe}-{blake2b(told, digest_size=6).hexdigest()}")


def spool_name(agent_id: bytes, epoch: int) -> str:
    """The name of an epoch's own directory."""
    return f"{agent_id.hex()}-{epoch}"


def owner(name: str) -> tuple[bytes, int] | None:
    """Agent id and epoch whose spool ``name`` is; None for what is no spool."""
    found = _NAME.fullmatch(name)
    return None if found is None else (bytes.fromhex(found[1]), int(found[2]))


def make_private(path: str) -> None:
    """See to it that ``path`` is a directory that only this user can enter.

    Raises:
        OSError: it cannot be made, belongs to somebody else, or is open to others.
    """
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        os.makedirs(parent, mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{path} is no directory")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user: choose a directory of yours")
    if status.st_mode & 0o077:
        raise PermissionError(f"others can enter {path}: run `chmod 700 {path}`")


def own_lock(directory: str) -> int:
    """Make the lock of a new spool and hold it; its descriptor.

    Raises:
        OSError: there is one already, or somebody took it in this very moment.
    """
    path = os.path.join(directory, LOCK)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    if not _holds(descriptor, path):
        os.close(descriptor)
        raise BlockingIOError(f"{path} was taken by another process")
    return descriptor


def orphan_lock(directory: str) -> int | None:
    """Take the lock of a spool whose owner is gone; None if it lives or nothing is left."""
    path = os.path.join(directory, LOCK)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        # its owner, or who adopted it, ended between two steps; a new owner makes it again
        with contextlib.suppress(OSError):
            os.rmdir(directory)
        return None
    if _holds(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


def _holds(descriptor: int, path: str) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, held = os.stat(path), os.fstat(descriptor)
    except OSError:
        return False
    # whoever had it before may have removed the file that it was
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def remove(directory: str, descriptor: int) -> None:
    """Remove a spool whose lock is held, and whatever is left in it; then let go.

    Raises:
        OSError: a file stays.
    """
    try:
        for name in os.listdir(directory):
            if name != LOCK:
                os.unlink(os.path.join(directory, name))
        os.unlink(os.path.join(directory, LOCK))
        os.rmdir(directory)
    finally:
        os.close(descriptor)


def size_of_others(home: str, but: str) -> int:
    """Bytes of all spools in ``home`` except the one named ``but``; what vanishes counts 0."""
    total = 0
    for name in _names(home):
        if name != but:
            for file in _names(os.path.join(home, name)):
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(home, name, file)).st_size
    return total


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def spools(home: str) -> list[str]:
    """Names of all spools in ``home``, the oldest epochs first."""
    found = [(who[1], name) for name in _names(home) if (who := owner(name)) is not None]
    return [name for _, name in sorted(found)]
