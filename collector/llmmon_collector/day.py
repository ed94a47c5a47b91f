"""Time zones, and where a day begins in one."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

_NS: Final = 10**9


def _check_zone(name: str) -> str:
    try:
        return name and ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{name!r} is no time zone: use a name such as Europe/Berlin") from None


Timezone = Annotated[str, AfterValidator(_check_zone)]
"""A pydantic field of an IANA name; empty for the machine's own."""


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
