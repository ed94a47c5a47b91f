"""Reads files with secret keys; refuses one that is not its owner's alone."""

from __future__ import annotations

import os

from llmmon.errors import ConfigError
from llmmon.protocol.keyfile import MAX_BYTES, ClientFile, check_modes, parse_client


def read_client_file(path: str) -> ClientFile:
    """The keys in the file at ``path``.

    Raises:
        ConfigError: it cannot be read, others can get at it, or it is no key file.
    """
    path = os.path.abspath(os.path.expanduser(path))
    return parse_client(read_secret(path), path)


def read_secret(path: str) -> str:
    """The text of the file at ``path``, an absolute one, that has a secret key in it.

    Raises:
        ConfigError: it cannot be read, others can get at it, or it is no text.
    """
    directory = os.path.dirname(path)
    try:
        with open(path, "rb") as file:
            check_modes(
                path, os.fstat(file.fileno()).st_mode, directory, os.stat(directory).st_mode
            )
            return file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", file=path) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text: this is no key file", file=path) from None
