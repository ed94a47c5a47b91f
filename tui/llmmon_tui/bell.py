"""When the terminal's bell rings: at an alert that is new to whoever hears it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.panels.alertview import alert_severity
from llmmon_tui.severity import Severity


class Bell:
    """Remembers which alerts it rang for, each once from when it fires until it clears."""

    def __init__(self) -> None:
        self._known: set[str] | None = None

    def rings(self, alerts: Sequence[AlertView], now_ns: int) -> bool:
        """Whether one is critical that was not yet, or that was somebody else's till now.

        What is acknowledged, silenced, inhibited or flapping does not ring. Neither do those of
        the first call: the screen that has just been opened shows them.
        """
        loud = {one.id for one in alerts if _is_loud(one, now_ns)}
        firing = {one.id for one in alerts if one.state == "firing"}
        is_first = self._known is None
        known = self._known or set()
        self._known = (known & firing) | loud
        return not is_first and bool(loud - known)


def _is_loud(alert: AlertView, now_ns: int) -> bool:
    return alert_severity(alert, now_ns) is Severity.CRITICAL and not alert.flapping
