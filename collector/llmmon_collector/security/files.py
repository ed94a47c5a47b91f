"""Reads the keys directory: the collector's own pair, and the grants. Modes are checked first."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from llmmon.errors import ConfigError
from llmmon.protocol.keyfile import (
    GRANT_SUFFIX,
    MAX_BYTES,
    SERVER_FILE,
    Grant,
    ServerPair,
    check_directory_mode,
    check_modes,
    is_name,
    parse_grant,
    parse_server,
)

Stamp = tuple[int, ...]
"""What tells one version of a file from the next, without reading it."""


def read_server_pair(directory: Path) -> ServerPair | None:
    """The pair in ``server.key`` of ``directory``; None when there is none.

    Raises:
        ConfigError: others can get at it, or it is no key file.
    """
    path = directory / SERVER_FILE
    try:
        text, mode = _read(path)
        check_modes(str(path), mode, str(directory), directory.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    return parse_server(text, str(path))


def read_grant(path: Path) -> dict[str, Grant]:
    """What the file at ``path`` allows, by public key; its name is the holder's.

    Raises:
        ConfigError: others can write it, it is not readable, or it is no grant.
    """
    if not is_name(path.stem):
        raise ConfigError("the file's name is no name for a key: rename it", file=str(path))
    try:
        text, mode = _read(path)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    if stat.S_IMODE(mode) & 0o022:
        reason = f"others can change what is allowed: run `chmod go-w {path}`"
        raise ConfigError(reason, file=str(path))
    role, keys = parse_grant(text, str(path))
    return dict.fromkeys(keys, Grant(path.stem, role))


def stamp_grants(directory: Path) -> dict[Path, Stamp]:
    """Every grant file of ``directory`` with its stamp; none where there is no directory.

    Raises:
        ConfigError: others can put files there, or it cannot be listed.
    """
    try:
        mode = directory.stat().st_mode
        check_directory_mode(str(directory), mode)
        with os.scandir(directory) as entries:
            found = [Path(entry.path) for entry in entries if _is_grant(entry.name)]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot be listed: {error.strerror}", file=str(directory)) from None
    stamps = ((path, _stamp(path)) for path in sorted(found))
    # a link to nowhere allows nothing: what it named was taken away
    return {path: stamp for path, stamp in stamps if stamp}


def _is_grant(name: str) -> bool:
    return name.endswith(GRANT_SUFFIX) and not name.startswith(".")


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (
        status.st_ino,
        status.st_size,
        status.st_mode,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _read(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
        mode = os.fstat(file.fileno()).st_mode
    if len(content) > MAX_BYTES:
        raise ConfigError("longer than 16 KiB: this is no key file", file=str(path))
    try:
        return content.decode("utf-8"), mode
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text: this is no key file", file=str(path)) from None
