"""Reading a trace file line by line, packed or not, in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from llmmon.demo.trace import MAX_LINE
from llmmon.errors import ConfigError

_GZIP: Final = b"\x1f\x8b"
_MAX_BYTES: Final = 4 * (MAX_LINE + 2)
"""More than ``MAX_LINE`` characters, whichever they are."""


def read_lines(path: Path) -> Iterator[str]:
    """The lines of ``path``; of one that is longer than a row may be, only its beginning.

    Raises:
        ConfigError: the file cannot be read, or is a damaged gzip.
    """
    try:
        with path.open("rb") as probe:
            packed = probe.read(len(_GZIP)) == _GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while line := file.readline(_MAX_BYTES):
                yield line.decode(errors="replace")
                while len(line) == _MAX_BYTES and not line.endswith(b"\n"):
                    line = file.readline(_MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path)) from error
