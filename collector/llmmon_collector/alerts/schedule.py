"""When a schedule of the week is on. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from llmmon_collector.alerts.model import DAYS, ScheduleSpec

_NS: Final = 10**9
_SPANS: Final = 8
"""How many spans that follow each other without a gap are looked through: over a week."""


def ends_ns(spec: ScheduleSpec, now_ns: int) -> int | None:
    """When the schedule that is on at ``now_ns`` ends, wall clock; None while it is off.

    Spans that touch count as one, up to a week.
    """
    end = _end(spec, now_ns)
    for _ in range(_SPANS if end is not None else 0):
        further = _end(spec, end or 0)
        if further is None:
            break
        end = further
    return end


def _end(spec: ScheduleSpec, now_ns: int) -> int | None:
    """The end of the span that holds ``now_ns``."""
    today = _local(spec, now_ns).date()
    for day in (today, today - timedelta(days=1)):
        if DAYS[day.weekday()] not in spec.days:
            continue
        overnight = spec.to_min <= spec.from_min
        begin = _moment_ns(spec, day, spec.from_min)
        end = _moment_ns(spec, day + timedelta(days=overnight), spec.to_min)
        if begin <= now_ns < end:
            return end
    return None


def _local(spec: ScheduleSpec, at_ns: int) -> datetime:
    zone = ZoneInfo(spec.timezone) if spec.timezone else None
    return datetime.fromtimestamp(at_ns // _NS, UTC).astimezone(zone)


def _moment_ns(spec: ScheduleSpec, day: date, minutes: int) -> int:
    """Nanoseconds since 1970 of a local time; one that a clock change leaves out is moved on."""
    days, minutes = divmod(minutes, 24 * 60)
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60)
    local += timedelta(days=days)
    zoned = local.replace(tzinfo=ZoneInfo(spec.timezone)) if spec.timezone else local.astimezone()
    return int(zoned.timestamp()) * _NS
