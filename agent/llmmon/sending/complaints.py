"""What the host is warned of, once: a collector that is away, refuses, or does not take the key."""

from __future__ import annotations

from typing import Final

from llmmon.delivery.delivery import Delivery
from llmmon.monitor import Monitor

ALONE_S: Final = 5.0
"""How long a collector may be away before it is mentioned."""


class Complaints:
    """Watches delivery for one monitor. Times are monotonic seconds."""

    def __init__(self, monitor: Monitor, now_s: float) -> None:
        self._monitor = monitor
        self._alone_since_s: float | None = now_s

    def mention(self, delivery: Delivery, refusal: str, now_s: float) -> None:
        """Warn of what is wrong now; ``refusal`` is why the last handshake failed, if it did."""
        if delivery.connected:
            self._alone_since_s = None
            return
        if self._alone_since_s is None:
            self._alone_since_s = now_s
        warn, address = self._monitor.warn_once, self._monitor.config.address
        if delivery.refused:
            warn("refused", "the collector refuses: %s", delivery.refused)
        elif now_s - self._alone_since_s < ALONE_S:
            return
        elif refusal:
            text = "the collector at %s does not let this process in: %s"
            warn("locked out", text, address, refusal)
        else:
            text = (
                "no collector answers at %s: what is recorded waits in memory and %s, the oldest "
                "goes first when that is full. Start one with `llmmon-collector`, or name another "
                "in LLMMON_ENDPOINT"
            )
            spool_dir = self._monitor.config.spool_dir
            warn("alone", text, address, "nowhere else" if spool_dir is None else spool_dir)

    def wake_at(self) -> float | None:
        """When ``mention`` may have something new to say; None when it will not by itself."""
        if self._alone_since_s is None or self._monitor.warned:
            return None
        return self._alone_since_s + ALONE_S
