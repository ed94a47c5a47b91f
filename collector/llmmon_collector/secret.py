"""Secrets are named in the configuration, never written in it: ``env:NAME`` or ``file:/path``."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator

from llmmon.errors import ConfigError

_ENV: Final = "env:"
_FILE: Final = "file:"


def _check_reference(reference: str) -> str:
    if reference.startswith(_ENV) and reference.removeprefix(_ENV).isidentifier():
        return reference
    if reference.startswith(_FILE + "/"):
        return reference
    raise ValueError("a secret is named, not written out: use env:NAME or file:/absolute/path")


SecretRef = Annotated[str, AfterValidator(_check_reference)]
"""A pydantic field that holds where a secret is, not the secret."""


def read_secret(reference: str, environ: Mapping[str, str]) -> str:
    """The secret that ``reference`` names, without white space around it.

    Raises:
        ConfigError: the variable is not set, the file cannot be read, is open to everyone or empty.
    """
    if reference.startswith(_ENV):
        name = reference.removeprefix(_ENV)
        secret = environ.get(name, "").strip()
        if not secret:
            raise ConfigError(f"the environment variable {name} is not set: export it", key=name)
        return secret
    return _read_file(Path(reference.removeprefix(_FILE)))


def _read_file(path: Path) -> str:
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise ConfigError("everyone can read this secret: chmod 600 it", file=str(path))
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"the secret cannot be read: {reason}", file=str(path)) from error
    if not secret:
        raise ConfigError("the secret file is empty", file=str(path))
    return secret
