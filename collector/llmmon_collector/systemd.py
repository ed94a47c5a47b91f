"""Tells systemd how the daemon is: one datagram a word, nothing when it does not listen.

The protocol is sd_notify(3): newline-separated assignments to the socket in ``NOTIFY_SOCKET``.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import MutableMapping

from llmmon_collector.clock import Clock


class ServiceManager:
    """systemd's ear, or nobody's. No call blocks or raises."""

    def __init__(self, socket_path: str | None, watchdog_interval_s: float | None = None) -> None:
        self._path = (
            "\0" + socket_path[1:] if socket_path and socket_path[0] == "@" else socket_path
        )
        self.watchdog_interval_s = watchdog_interval_s
        """Call :meth:`watchdog` at least this often; None where no watchdog is set."""

    @classmethod
    def from_environ(cls, environ: MutableMapping[str, str], pid: int) -> ServiceManager:
        """The manager named in ``environ``; takes the names out, so that no child speaks for us.

        The interval is half of ``WATCHDOG_USEC``, as sd_watchdog_enabled(3) advises.
        """
        path = environ.pop("NOTIFY_SOCKET", "")
        watched_pid = environ.pop("WATCHDOG_PID", str(pid))
        limit_us = environ.pop("WATCHDOG_USEC", "")
        watched = limit_us.isdecimal() and int(limit_us) > 0 and watched_pid == str(pid)
        return cls(path or None, int(limit_us) / 2e6 if watched else None)

    def ready(self, status: str = "") -> None:
        """Start-up or a reload is done."""
        self._send("READY=1", status)

    def reloading(self, clock: Clock) -> None:
        """A reload began; :meth:`ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={clock.mono_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """Shutdown began."""
        self._send("STOPPING=1", status)

    def watchdog(self) -> None:
        """Real progress was made. Call it from the main loop, not from a timer."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send("", text)

    def extend_timeout(self, seconds: float) -> None:
        """Start-up is at work and asks for this much more time."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def _send(self, message: str, status: str = "") -> None:
        if self._path is None:
            return
        if status:
            message = f"{message}\nSTATUS={' '.join(status.split())}".lstrip()
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(message.encode(), self._path)
