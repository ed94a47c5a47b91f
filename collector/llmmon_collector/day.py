"""Where a day begins, for ``daily_cost``."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_NS: Final = 10**9


class LocalDay:
    """Midnights of one time zone."""

    def __init__(self, timezone: str) -> None:
        """``timezone`` is an IANA name; empty for the machine's own."""
        self._zone: tzinfo | None = ZoneInfo(timezone) if timezone else None

    def start_ns(self, wall_ns: int) -> int:
        """The midnight at or before ``wall_ns``, in nanoseconds since 1970."""
        moment = datetime.fromtimestamp(wall_ns // _NS, UTC).astimezone(self._zone)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self._zone is None:  # the machine's zone: its offset may differ at midnight
            midnight = midnight.replace(tzinfo=None).astimezone()
        return int(midnight.timestamp()) * _NS
