"""Why a journal could not be written, read or opened."""

from __future__ import annotations

import os
from pathlib import Path

from llmmon.errors import LlmmonError


class JournalError(LlmmonError, OSError):
    """The disk refused. Nothing of the call is in the journal; ``str()`` says what was tried.

    ``errno`` is the system's (``ENOSPC``: disk full, ``EROFS``: read-only).
    """

    def __init__(self, action: str, path: Path, cause: OSError) -> None:
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        super().__init__(cause.errno, f"{action} {path}: {reason}")
        self.action = action
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.action} {self.path}: {self.reason}"
