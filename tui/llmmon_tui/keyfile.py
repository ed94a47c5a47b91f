"""Reads the viewer's key file; refuses one that is not its owner's alone."""

from __future__ import annotations

from pathlib import Path

from llmmon.errors import ConfigError
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.keyfile import MAX_BYTES, check_modes, parse_client


def read_keys(path: Path) -> CurveKeys:
    """The keys in the file at `path`.

    Raises:
        ConfigError: it cannot be read, others can get at it, or it is no key file.
    """
    path = path.expanduser().absolute()
    try:
        modes = path.stat().st_mode, path.parent.stat().st_mode
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text: this is no key file", file=str(path)) from None
    check_modes(str(path), modes[0], str(path.parent), modes[1])
    return parse_client(text, str(path)).keys
