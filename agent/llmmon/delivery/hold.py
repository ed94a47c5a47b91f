"""How long the agent heeds a collector that refuses, and what the host is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_LONGEST_S: Final = 60.0
_UNTOLD_S: Final = 1.0
_TOLD: Final = frozenset({"bad_version", "forbidden"})


class Hold:
    """The wait that a NACK asks for. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.until_s: float | None = None
        """When it ends; None where there is none."""
        self.refused = ""
        """Why nothing is taken from this agent, where its host can do something about it."""

    def begin(self, values: Mapping[str, Any], now_s: float) -> None:
        """Nothing is sent for as long as the NACK's ``values`` say, a minute at most."""
        reason = str(values.get("reason"))
        if reason in _TOLD:
            self.refused = str(values.get("detail") or reason)
        retry_ms = values.get("retry_after_ms")
        wait_s = retry_ms / 1000 if isinstance(retry_ms, int) else _UNTOLD_S
        if reason == "bad_version":
            wait_s = _LONGEST_S
        self.until_s = now_s + max(0.0, min(_LONGEST_S, wait_s))

    def holds(self, now_s: float) -> bool:
        """Whether it is not over."""
        return self.until_s is not None and now_s < self.until_s

    def expire(self, now_s: float) -> None:
        """End it if its time is over."""
        if not self.holds(now_s):
            self.until_s = None

    def lift(self) -> None:
        """The collector takes the agent in: send at once."""
        self.until_s = None
        self.refused = ""
