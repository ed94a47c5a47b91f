"""Metrics by name as text: the unit decides the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from llmmon.protocol.names import FAMILIES, Metric
from llmmon.protocol.snapshot import Limit, Value
from llmmon_tui import formatting
from llmmon_tui.severity import Severity

_Form = Callable[[float | None], str]

_VALUE_FORMS: Final[Mapping[str, _Form]] = {
    "ms": formatting.duration,
    "1/s": formatting.rate,
    "ratio": formatting.ratio,
    "tokens": formatting.count,
    "usd": formatting.money,
    "score": formatting.score,
    "count": formatting.count,
    "times": formatting.times,
}
_LIMIT_FORMS: Final[Mapping[str, _Form]] = {
    "ms": formatting.axis_duration,
    "ratio": formatting.axis_ratio,
    "usd": formatting.axis_money,
    "times": formatting.times,
}
_SEVERITIES: Final = {"critical": Severity.CRITICAL, "warning": Severity.WARNING}
_UNITS_S: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def metric_of(name: str) -> Metric | None:
    """What a metric of any family is; None for an expression."""
    return next((family[name] for family in FAMILIES.values() if name in family), None)


def metric_text(metric: str, value: Value) -> str:
    """A value in the form of its metric's unit; a bare number for an expression."""
    known = metric_of(metric)
    return (formatting.number if known is None else _VALUE_FORMS[known.unit])(value)


def limit_text(metric: str, value: Value) -> str:
    """A limit, shorter than a value: `5s`, `5%`, `$100`, `0.7`."""
    known = metric_of(metric)
    unit = "" if known is None else known.unit
    return _LIMIT_FORMS.get(unit, formatting.axis_number)(value)


def beyond_text(metric: str, value: Value, limit: Value) -> str:
    """A value that is beyond a limit, with a digit more where it would read like the limit."""
    known = metric_of(metric)
    is_score = known is not None and known.unit == "score"
    if is_score and value is not None and metric_text(metric, value) == metric_text(metric, limit):
        return f"{value:.3f}"
    return metric_text(metric, value)


def window_text(window_s: int) -> str:
    """A window's length: `30s`, `5m`, `24h`, `7d`."""
    for unit_s, unit in _UNITS_S:
        # one day is told as 24h: it rolls, it does not begin at midnight
        if window_s % unit_s == 0 and window_s // unit_s > (unit == "d"):
            return f"{window_s // unit_s}{unit}"
    return f"{window_s}s"


def clock_text(at_ns: int) -> str:
    """A wall clock in the viewer's time zone: `14:32:07`."""
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().strftime("%H:%M:%S")


def moment_text(at_ns: int, now_ns: int) -> str:
    """An instant of the past: `14:20:00`, on another day `Mon 23 Nov 14:20:00`."""
    at, now = (datetime.fromtimestamp(one / 1e9).astimezone() for one in (at_ns, now_ns))
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%a %d %b %H:%M:%S")


def until_text(at_ns: int | None, now_ns: int) -> str:
    """An instant to come: `until 14:32 (58m)`, `until Wed 09:00 (27h)`, a date from a week on."""
    if at_ns is None:
        return ""
    at, now = (datetime.fromtimestamp(one / 1e9).astimezone() for one in (at_ns, now_ns))
    days = (at.date() - now.date()).days
    form = "%H:%M" if days == 0 else "%a %H:%M" if days < 7 else "%d %b %H:%M"
    return f"until {at.strftime(form)} ({formatting.age((at_ns - now_ns) / 1e9)})"


def labels_text(labels: Mapping[str, str]) -> str:
    """What a group of series is: `openai/gpt-4o`, or `all` for the whole."""
    return "/".join(value or "(none)" for value in labels.values()) or "all"


def severity_of(name: str | None) -> Severity:
    """How bad `warning` or `critical` is; OK for None and for any other word."""
    return _SEVERITIES.get(name or "", Severity.OK)


def breach(metric: str, value: Value, limits: tuple[Limit, ...]) -> Severity:
    """How bad a value is by the limits on its metric; OK where there is none or no value."""
    if value is None:
        return Severity.OK
    worst = Severity.OK
    for limit in limits:
        if limit.metric != metric:
            continue
        if is_beyond(value, limit.critical, limit.comparison):
            return Severity.CRITICAL
        if is_beyond(value, limit.warning, limit.comparison):
            worst = Severity.WARNING
    return worst


def limit_words(metric: str, limits: tuple[Limit, ...]) -> str:
    """The limit beside a value: `of 5s`, `min 0.7`; empty where there is none."""
    limit = first_limit(metric, limits)
    if limit is None:
        return ""
    falls = any(one.comparison == "below" for one in limits if one.metric == metric)
    return f"{'min' if falls else 'of'} {limit_text(metric, limit)}"


def first_limit(metric: str, limits: tuple[Limit, ...]) -> float | None:
    """The limit that a rising (or falling) value meets first."""
    known = [
        (threshold, limit.comparison)
        for limit in limits
        if limit.metric == metric
        for threshold in (limit.warning, limit.critical)
        if threshold is not None
    ]
    if not known:
        return None
    values = [threshold for threshold, _ in known]
    return max(values) if known[0][1] == "below" else min(values)


def is_beyond(value: Value, threshold: float | None, comparison: str) -> bool:
    """Whether a value breaks a limit; not when either is missing."""
    if value is None or threshold is None:
        return False
    return value < threshold if comparison == "below" else value > threshold
