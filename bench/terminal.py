"""A program on a pseudo-terminal of its own: what it writes, when, and the CPU it takes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.compiled import compiled_environ

PATIENCE_S: Final = 30.0
_KEPT: Final = 200_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Terminal:
    """``python -m`` with ``arguments`` on a terminal of ``size`` columns and rows."""

    def __init__(self, arguments: Sequence[str], size: tuple[int, int]) -> None:
        self._master, slave = pty.openpty()
        width, height = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        env = {**compiled_environ(), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env.pop("NO_COLOR", None)
        self._settings = tempfile.TemporaryDirectory()
        env["XDG_CONFIG_HOME"] = self._settings.name  # nobody's own settings
        command = [sys.executable, "-m", *arguments]
        self._started_s = time.perf_counter()
        self._child = subprocess.Popen(
            command, env=env, start_new_session=True, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.written = 0
        """Bytes so far."""
        self._seen = b""

    def read(self, seconds: float) -> None:
        """Read what the program writes for so long."""
        until_s = time.perf_counter() + seconds
        while (left_s := until_s - time.perf_counter()) > 0:
            self._take(left_s)

    def wait_for(self, *texts: bytes) -> float:
        """Seconds from the start until one of ``texts`` has been written.

        Raises:
            TimeoutError: it has not been, in ``PATIENCE_S``.
        """
        until_s = time.perf_counter() + PATIENCE_S
        while not any(text in self._seen for text in texts):
            if time.perf_counter() > until_s:
                raise TimeoutError(
                    f"the program never wrote {texts}; at last: {self._seen[-300:]!r}"
                )
            self._take(0.1)
        return time.perf_counter() - self._started_s

    def forget(self) -> None:
        """``wait_for`` waits for what is written from now on."""
        self.read(0.0)
        self._seen = b""

    def press(self, key: bytes, text: bytes) -> float:
        """Seconds from ``key`` until ``text`` has been written because of it."""
        self.forget()
        pressed_s = time.perf_counter()
        os.write(self._master, key)
        self.wait_for(text)
        return time.perf_counter() - pressed_s

    def cpu_s(self) -> float:
        """CPU that the program has used."""
        stat = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS

    def close(self) -> None:
        """End the program."""
        self._child.send_signal(signal.SIGTERM)
        with suppress(OSError):  # Linux says EIO once the child has closed the terminal
            while os.read(self._master, 1 << 16):
                pass
        self._child.wait()
        os.close(self._master)
        self._settings.cleanup()

    def _take(self, patience_s: float) -> None:
        if select.select([self._master], [], [], patience_s)[0]:
            try:
                chunk = os.read(self._master, 1 << 16)
            except OSError as error:
                last = self._seen[-2000:].decode(errors="replace")
                raise RuntimeError(f"the program has ended: {last}") from error
            self.written += len(chunk)
            self._seen = (self._seen + chunk)[-_KEPT:]
