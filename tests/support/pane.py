"""A command in a real terminal, which tmux stands for."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.collector import eventually

PATIENCE_S = 30.0
_ALIEN = frozenset({"COLUMNS", "LINES", "NO_COLOR", "TMUX", "TMUX_PANE"})
"""What of the tests' own terminal is not to be passed on."""


class Pane:
    """A command in a tmux server of its own, with settings of its own."""

    def __init__(self, directory: Path, command: list[str], width: int, height: int) -> None:
        directory.mkdir()
        self._socket = directory / "tmux"
        own = {name: value for name, value in os.environ.items() if name not in _ALIEN}
        self._environ = {**own, "XDG_CONFIG_HOME": str(directory)}
        line = "exec " + shlex.join(command)
        size = ("-x", str(width), "-y", str(height))
        # what a command said when it ended stays on the screen
        keep = (";", "set-option", "-g", "remain-on-exit", "on")
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, line, *keep)

    @property
    def text(self) -> str:
        """What the screen shows, a line each row; the command must still run."""
        told = self._tmux("capture-pane", "-p", ";", "display-message", "-p", "#{pane_dead}")
        text, _, is_dead = told.removesuffix("\n").rpartition("\n")
        if is_dead != "0":
            raise ChildProcessError(f"the command has ended:\n{text}")
        return text

    @property
    def pid(self) -> int:
        """The command's process."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def shows(self, *parts: str) -> None:
        """Wait until all of these are on the screen at once."""
        self.waits(lambda text: all(part in text for part in parts), f"{parts} not on the screen")

    def hides(self, part: str) -> None:
        """Wait until this is not on the screen."""
        self.waits(lambda text: part not in text, f"{part!r} stays on the screen")

    def waits(self, fine: Callable[[str], bool], otherwise: str) -> None:
        """Wait until what the screen shows is fine."""
        seen = [""]

        def is_fine() -> bool:
            seen[0] = self.text
            return fine(seen[0])

        try:
            eventually(is_fine, PATIENCE_S, otherwise)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{seen[0]}") from None

    def press(self, *keys: str) -> None:
        """Keys in tmux's names."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Letter by letter, no name of a key among them."""
        self._tmux("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Another size, as when a window is dragged."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def kill(self) -> None:
        """As when the window of the terminal is closed."""
        self._tmux("kill-pane")

    def close(self) -> None:
        """Nothing of it is left; nothing happens when that is so already."""
        subprocess.run(
            ["tmux", "-S", self._socket, "kill-server"],
            check=False,
            timeout=PATIENCE_S,
            stderr=subprocess.DEVNULL,
        )

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self._socket, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env=self._environ,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout
