"""Times as people type them: `14:20`, `-2h`, `yesterday 09:00`, `2026-11-23 14:20`. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from llmmon.errors import LlmmonError

_SECOND_NS: Final = 1_000_000_000
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO: Final = re.compile(r"-?\s*(\d+)\s*([smhd])(?:\s+ago)?")
_CLOCK: Final = re.compile(
    r"(?:(?P<word>yesterday|today)\s+|(?P<date>\d{4}-\d\d-\d\d)[ t])?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
)
_FIRST_YEAR: Final = 1970
_STEPS: Final = 5
"""Steps over one window."""


class InstantError(LlmmonError):
    """A time that cannot be read."""


def step_s(window_s: int) -> int:
    """How far one step goes: a fifth of the window in whole minutes, no less than one."""
    return max(60, window_s // _STEPS // 60 * 60)


def parse_instant(text: str, now_ns: int) -> int:
    """The instant meant, no later than `now_ns`; a clock that is yet to come is yesterday's.

    Clocks are of the process's time zone.

    Raises:
        InstantError: it cannot be read, has not come yet, or was before 1970.
    """
    told = text.strip().lower()
    ago, clock = _AGO.fullmatch(told), _CLOCK.fullmatch(told)
    if ago is not None:
        at_ns = now_ns - int(ago[1]) * _UNITS_S[ago[2]] * _SECOND_NS
    elif clock is not None:
        at_ns = _of_clock(clock, text, now_ns)
    else:
        raise InstantError(f"{text!r}: expected 14:20, -2h, yesterday 09:00 or 2026-11-23 14:20")
    if at_ns > now_ns:
        raise InstantError(f"{text!r} has not come yet")
    if at_ns < 0:
        raise InstantError(f"{text!r} is before 1970")
    return at_ns


def _of_clock(clock: re.Match[str], text: str, now_ns: int) -> int:
    now = datetime.fromtimestamp(now_ns / 1e9).astimezone()
    try:
        day = datetime.fromisoformat(clock["date"]) if clock["date"] else now
        at = day.replace(
            hour=int(clock["hour"]),
            minute=int(clock["minute"]),
            second=int(clock["second"] or 0),
            microsecond=0,
            tzinfo=None,
        )
    except ValueError as error:
        raise InstantError(f"{text!r}: {error}") from None
    if at.year < _FIRST_YEAR:
        return -1
    if clock["word"] == "yesterday":
        return _last(at - timedelta(days=1), now_ns)
    at_ns = _last(at, now_ns)
    is_today = not clock["word"] and not clock["date"]
    return _last(at - timedelta(days=1), now_ns) if is_today and at_ns > now_ns else at_ns


def _last(at: datetime, now_ns: int) -> int:
    """The instant of a local clock; of one that comes twice (PEP 495) the last that has been."""
    first_ns, second_ns = (int(at.replace(fold=fold).timestamp()) * _SECOND_NS for fold in (0, 1))
    return second_ns if first_ns <= second_ns <= now_ns else first_ns
