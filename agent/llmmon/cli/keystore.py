"""The keys directory, as an operator changes it: every file is whole, and its owner's alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from llmmon.errors import ConfigError
from llmmon.keyfile import read_secret
from llmmon.protocol.keyfile import (
    CLIENT_SUFFIX,
    DIRECTORY_MODE,
    FILE_MODE,
    GRANT_SUFFIX,
    GRANTS_DIRECTORY,
    MAX_BYTES,
    SERVER_FILE,
    ClientFile,
    ServerPair,
    check_directory_mode,
    client_text,
    grant_text,
    is_name,
    parse_client,
    parse_grant,
    parse_server,
    server_text,
)

Granted = tuple[str, tuple[str, ...]]
"""A role and the public keys that have it."""


class KeyStore:
    """One directory with ``server.key``, clients' files and ``allowed/``.

    Every method raises ConfigError, which names the file, where something is not as it should be.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def client_path(self, name: str) -> Path:
        """Where the client ``name`` has its file."""
        return self.directory / f"{_checked(name)}{CLIENT_SUFFIX}"

    def server(self) -> ServerPair | None:
        """The collector's pair; None where there is none."""
        text = self._secret(self.directory / SERVER_FILE)
        return None if text is None else parse_server(text, str(self.directory / SERVER_FILE))

    def client(self, path: Path) -> ClientFile | None:
        """The client's keys at ``path``; None where there is no file."""
        text = self._secret(path)
        return None if text is None else parse_client(text, str(path))

    def clients(self) -> list[ClientFile]:
        """The clients whose files are here."""
        paths = sorted(self.directory.glob(f"*{CLIENT_SUFFIX}"))
        found = (self.client(path) for path in paths if path.name != SERVER_FILE)
        return [client for client in found if client is not None]

    def grants(self) -> dict[str, Granted]:
        """What is allowed, by name."""
        paths = sorted((self.directory / GRANTS_DIRECTORY).glob(f"*{GRANT_SUFFIX}"))
        return {path.stem: parse_grant(_read(path), str(path)) for path in paths}

    def add_server(self, pair: ServerPair) -> Path:
        """Write the collector's pair; one that is there already stays."""
        taken = (
            "is there already, and every client's file holds it: there is nothing to do; "
            "delete it only to change the keys of all clients"
        )
        return self._write(self.directory / SERVER_FILE, server_text(pair), taken)

    def add_client(self, client: ClientFile) -> Path:
        """Write a client's file; one that is there already stays."""
        taken = "is there already: choose another name, or delete it first"
        return self._write(self.client_path(client.name), client_text(client), taken)

    def grant(self, name: str, granted: Granted) -> Path:
        """Allow ``granted`` under ``name``, in place of what was allowed under it."""
        path = self.directory / GRANTS_DIRECTORY / f"{_checked(name)}{GRANT_SUFFIX}"
        return self._write(path, grant_text(*granted))

    def revoke(self, name: str) -> None:
        """Allow nothing under ``name`` any more."""
        path = self.directory / GRANTS_DIRECTORY / f"{_checked(name)}{GRANT_SUFFIX}"
        try:
            path.unlink()
        except FileNotFoundError:
            known = ", ".join(self.grants()) or "none"
            raise ConfigError(f"no key is allowed as {name!r}; allowed: {known}") from None
        except OSError as error:
            raise ConfigError(f"cannot be deleted: {error.strerror}", file=str(path)) from None

    def _secret(self, path: Path) -> str | None:
        return read_secret(str(path.absolute())) if path.exists() else None

    def _write(self, path: Path, text: str, taken: str = "") -> Path:
        """Put ``text`` at ``path`` at one blow; nobody else can read it at any time.

        With ``taken`` a file that is there stays, and that is the error.
        """
        try:
            self.directory.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
            path.parent.mkdir(DIRECTORY_MODE, exist_ok=True)
            check_directory_mode(str(path.parent), path.parent.stat().st_mode)
            _place(path, text.encode(), replace=not taken)
        except FileExistsError:
            raise ConfigError(taken, file=str(path)) from None
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from None
        return path


def _place(path: Path, content: bytes, replace: bool) -> None:
    # mkstemp opens with mode 0600 and O_EXCL, before there is a byte to read
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(name, path)
        else:
            os.link(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text: this is no key file", file=str(path)) from None


def _checked(name: str) -> str:
    if not is_name(name):
        reason = f"{name!r}: expected letters, digits, `_`, `.` and `-`, at most 64, for a name"
        raise ConfigError(reason)
    return name
