"""How an attempt to deliver ended, and when to try again. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

MAX_BACKOFF_S: Final = 300.0
_MAX_RETRY_AFTER_S: Final = 3600.0
_BY_CONTENT: Final = frozenset({400, 413, 422})
"""Statuses that say something of the body, and not of who sends it where."""


class Sent(NamedTuple):
    """The service took it."""

    remark: str = ""
    """What did not go well all the same."""


class Retry(NamedTuple):
    """It may go well later."""

    reason: str
    after_s: float | None = None
    """How long the service asked to be left alone."""
    by_content: bool = False
    """Whether that is for what the message says: others can go, and a part of it may."""


class Failed(NamedTuple):
    """It will never go well."""

    reason: str
    by_content: bool = False
    """As of :class:`Retry`."""


Result = Sent | Retry | Failed


def judge_status(status: int, reason: str, retry_after: str | None, now_s: float) -> Result:
    """What an HTTP ``status`` means; ``retry_after`` is that header, ``now_s`` wall time."""
    if 200 <= status < 300:
        return Sent()
    if status in (408, 429) or status >= 500:
        return Retry(reason, _parse_retry_after(retry_after, now_s))
    return Failed(reason, status in _BY_CONTENT)


def backoff_s(attempts: int, jitter: float) -> float:
    """Seconds to wait after so many ``attempts``: 1 s doubling to 5 min.

    ``jitter`` from 0 to 1 spreads it from half of that to all of it.
    """
    most = min(MAX_BACKOFF_S, 2.0 ** min(attempts - 1, 20))
    return most * (0.5 + 0.5 * jitter)


def _parse_retry_after(text: str | None, now_s: float) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text) if text.strip().isdigit() else _date_s(text) - now_s
    except ValueError:
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)


def _date_s(text: str) -> float:
    return parsedate_to_datetime(text).timestamp()
