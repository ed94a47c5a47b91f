"""A program on a terminal at the far end of a slow line, as over SSH without compression.

Its output is read at so many bytes a second and takes its time to the far end; keys, and what the
terminal answers, take the same time back. A terminal emulator at the far end says what a user sees.
"""

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
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import pyte

_STEP_S: Final = 0.01
_BURST: Final = 160
"""Bytes that are read at once: 20 ms at 64 kbit/s."""


class _Emulator(pyte.Screen):
    """Hands on what the terminal answers."""

    def __init__(self, width: int, height: int, answer: Callable[[bytes], None]) -> None:
        super().__init__(width, height)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class Line:
    """``python`` with ``arguments``; ``rate`` in bytes a second, ``one_way_s`` for each direction.

    Nothing moves but within ``run``, ``until`` and ``press``.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        size: tuple[int, int],
        rate: float = 8000.0,
        one_way_s: float = 0.075,
    ) -> None:
        self._master, slave = pty.openpty()
        width, height = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        environ = {name: value for name, value in os.environ.items() if name not in _OWN_MIND}
        self._settings = tempfile.TemporaryDirectory(prefix="llmmon-")
        environ["XDG_CONFIG_HOME"] = self._settings.name
        self.child = subprocess.Popen(
            [sys.executable, *arguments],
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
            **dict.fromkeys(("stdin", "stdout", "stderr"), slave),
        )
        os.close(slave)
        self.received = 0
        """Bytes that came to the far end."""
        self._rate, self._one_way_s = rate, one_way_s
        self._credit, self._credited_s = 0.0, time.monotonic()
        self._down: deque[tuple[float, bytes]] = deque()
        self._up: deque[tuple[float, bytes]] = deque()
        self.screen = _Emulator(width, height, self.send)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def lines(self) -> list[str]:
        """What the user sees."""
        return list(self.screen.display)

    @property
    def text(self) -> str:
        """The same in one."""
        return "\n".join(self.lines)

    def send(self, data: bytes) -> None:
        """From the far end to the program."""
        self._up.append((time.monotonic() + self._one_way_s, data))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._step()

    def until(self, is_seen: Callable[[Self], Any], within_s: float = 30.0) -> float:
        """Seconds until the user sees it."""
        began_s = time.monotonic()
        while not is_seen(self):
            taken_s = time.monotonic() - began_s
            assert taken_s < within_s, f"not seen in {within_s} s:\n{self.text}"
            self._step()
        return time.monotonic() - began_s

    def press(self, key: bytes, is_seen: Callable[[Self], Any]) -> float:
        """Seconds from a key to the user seeing what it does."""
        assert not is_seen(self), f"{key!r} changes nothing:\n{self.text}"
        self.send(key)
        return self.until(is_seen)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window; what was in it is gone."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.child.send_signal(signal.SIGWINCH)  # it is no controlling terminal
        self.screen.resize(height, width)
        self.screen.erase_in_display(2)

    def hang_up(self) -> None:
        """Close the window, and with it the program's terminal."""
        os.close(self._master)

    def forget(self) -> None:
        """End the program whose terminal is closed."""
        self.child.kill()
        self.child.wait()
        self._settings.cleanup()

    def close(self) -> None:
        """End the program, and close its terminal."""
        self.forget()
        self.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _step(self) -> None:
        now_s = time.monotonic()
        earned = (now_s - self._credited_s) * self._rate
        self._credit, self._credited_s = min(self._credit + earned, _BURST), now_s
        if self._credit >= 1 and select.select([self._master], [], [], 0)[0]:
            chunk = os.read(self._master, int(self._credit))
            self._credit -= len(chunk)
            self._down.append((now_s + self._one_way_s, chunk))
        while self._up and self._up[0][0] <= now_s:
            os.write(self._master, self._up.popleft()[1])
        while self._down and self._down[0][0] <= now_s:
            chunk = self._down.popleft()[1]
            self.received += len(chunk)
            self._stream.feed(chunk)
        time.sleep(_STEP_S / 2)


_OWN_MIND: Final = frozenset({"COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_DRIVER"})
"""Variables that have the last word on how a terminal is used."""
