"""Textual's driver for a terminal that may vanish."""

from __future__ import annotations

from contextlib import suppress
from io import TextIOWrapper
from typing import Any, cast

from textual.drivers.linux_driver import LinuxDriver


class SteadyDriver(LinuxDriver):
    """Goes on writing into nothing when the terminal is gone.

    The thread that writes would end at the first error; the application would then wait for ever
    for room in its queue, with its window closed and nobody to notice.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = cast("TextIOWrapper", Output(self._file))


class Output:
    """A text file whose errors are nobody's concern any more."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write if that can be done."""
        with suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if that can be done."""
        with suppress(OSError, ValueError):
            self._file.flush()

    def fileno(self) -> int:
        """The descriptor of the file."""
        return int(self._file.fileno())
