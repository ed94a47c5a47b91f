"""Who changed what through the control socket, and who tried: one JSON line each, for ever."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from llmmon_collector.scrub import scrub, scrub_value

LOCAL: Final = "local"
"""The name of whoever comes by the collector's own directory, which only its owner can enter."""

_MAX_TEXT: Final = 2000


class AuditLog:
    """Appends to one file, which is made with mode 0600. Lines are whole or, at worst, missing."""

    def __init__(self, path: Path, wall_ns: Callable[[], int]) -> None:
        self._path = path
        self._wall_ns = wall_ns
        self.problem = ""
        """Why the last line could not be written; empty when it was."""

    def append(self, by: str, method: str, params: Mapping[str, Any], outcome: str) -> None:
        """Write one line; a disk that does not take it is told in ``problem``."""
        line = {
            "at": datetime.fromtimestamp(self._wall_ns() / 1e9, UTC).isoformat("T", "milliseconds"),
            "by": by,
            "method": method,
            "params": _masked(params),
            "outcome": scrub(outcome)[:_MAX_TEXT],
        }
        try:
            self._write(json.dumps(line, default=str).encode())
        except OSError as error:
            self.problem = f"cannot write {self._path}: {error.strerror}"
        else:
            self.problem = ""

    def _write(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            end = os.fstat(file).st_size
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
            os.write(file, (b"\n" if torn else b"") + line + b"\n")
            with suppress(OSError):  # a file system that cannot sync has the line all the same
                os.fdatasync(file)
        finally:
            os.close(file)


def _masked(params: Mapping[str, Any]) -> Any:
    masked = {str(name): scrub_value(str(name), value) for name, value in params.items()}
    text = json.dumps(masked, default=str)
    return masked if len(text) <= _MAX_TEXT else text[:_MAX_TEXT]
