"""Local days and months, by which money is limited."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from llmmon_collector.day import LocalDay

_NS: Final = 10**9
_HOUR_NS: Final = 3600 * _NS
_LONGEST_DAY_NS: Final = 26 * _HOUR_NS


class Day(NamedTuple):
    """One local day."""

    number: int
    """Of the calendar: the day after has the next one."""
    start_ns: int
    end_ns: int


class Calendar:
    """Days and months of one time zone."""

    def __init__(self, timezone: str) -> None:
        """``timezone`` is an IANA name; empty for the machine's own."""
        self._zone: tzinfo | None = ZoneInfo(timezone) if timezone else None
        self._midnight = LocalDay(timezone).start_ns

    def day(self, at_ns: int) -> Day:
        """The day that ``at_ns`` lies in."""
        start_ns = self._midnight(at_ns)
        end_ns = self._midnight(start_ns + _LONGEST_DAY_NS)
        return Day(self._date(start_ns).toordinal(), start_ns, end_ns)

    def days(self, at_ns: int, count: int) -> tuple[Day, ...]:
        """The ``count`` days up to that of ``at_ns``, earliest first."""
        days = [self.day(at_ns)]
        while len(days) < count:
            days.append(self.day(days[-1].start_ns - 1))
        return tuple(reversed(days))

    def month_days(self, at_ns: int) -> int:
        """How many days of its month have begun by ``at_ns``: the day of the month."""
        return self._date(at_ns).day

    def month_end_ns(self, at_ns: int) -> int:
        """When the month after that of ``at_ns`` begins."""
        day = self.day(at_ns)
        while True:
            day = self.day(day.end_ns)
            if self._date(day.start_ns).day == 1:
                return day.start_ns

    def _date(self, at_ns: int) -> date:
        return datetime.fromtimestamp(at_ns // _NS, UTC).astimezone(self._zone).date()
