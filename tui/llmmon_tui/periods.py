"""Local days and months around an instant, in the zone of this process. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3600 * SECOND_NS


def midnight_ns(at_ns: int, days_before: int = 0) -> int:
    """When the local day of `at_ns` began, or the one so many days before it; after it, below 0."""
    return _ns(_day(at_ns) - timedelta(days=days_before))


def month_start_ns(at_ns: int) -> int:
    """When the local month of `at_ns` began."""
    return _ns(_day(at_ns).replace(day=1))


def next_month_ns(at_ns: int) -> int:
    """When the local month after that of `at_ns` begins."""
    in_next = _day(at_ns).replace(day=28) + timedelta(days=4)
    return _ns(in_next.replace(day=1))


def day_text(at_ns: int) -> str:
    """The local day: `24 Nov`."""
    at = _local(at_ns)
    return f"{at.day} {at:%b}"


def zone_text(at_ns: int) -> str:
    """The zone's short name at that instant: `CET`."""
    return _local(at_ns).astimezone().strftime("%Z")


def _local(at_ns: int) -> datetime:
    # without a zone on purpose: wall-clock arithmetic, read in the process's zone again by _ns
    return datetime.fromtimestamp(at_ns // SECOND_NS)


def _day(at_ns: int) -> datetime:
    return _local(at_ns).replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(local: datetime) -> int:
    return int(local.timestamp()) * SECOND_NS
