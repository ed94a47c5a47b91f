"""The history of alerts: each change with when it was, and who or what made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon_tui import fields
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import strip_controls
from llmmon_tui.panels.alertview import STATES
from llmmon_tui.panels.prose import heading, wrap
from llmmon_tui.panels.values import clock_text, labels_text, limit_text, metric_text, severity_of
from llmmon_tui.severity import Severity

_WORDS: Final[Mapping[str, tuple[Severity | None, str]]] = {
    "firing": (None, "fired"),
    "escalated": (None, "escalated"),
    "deescalated": (None, "back to a warning"),
    "resolved": (Severity.RESOLVED, "resolved"),
    "rule_removed": (Severity.RESOLVED, "ended: its rule was removed"),
    "rule_changed": (Severity.RESOLVED, "ended: its rule was changed"),
    "check_removed": (Severity.RESOLVED, "ended: its check was removed"),
    "acknowledged": (Severity.ACKNOWLEDGED, "acknowledged"),
    "silenced": (Severity.SILENCED, "silenced"),
    "unsilenced": (None, "no longer silenced"),
    "inhibited": (Severity.INHIBITED, "inhibited"),
    "uninhibited": (None, "no longer inhibited"),
    "flapping": (None, "flapping: no longer told each time"),
    "calm": (None, "no longer flapping"),
}
"""By reason: what it looks like where that is not its severity, and what it is called."""
_WITH_FIGURE: Final = frozenset({"firing", "escalated", "deescalated"})
_TEXTS: Final = ("alert_id", "rule", "severity", "metric", "reason", "by")
_NONE: Final = "nothing has fired yet"


class Change(NamedTuple):
    """One transition of an alert; None where a value was not told."""

    seq: int
    time_ns: int
    alert_id: str
    rule: str
    severity: str
    labels: Mapping[str, str]
    metric: str
    value: float | None
    threshold: float | None
    reason: str
    by: str


def parse_changes(plain: Any) -> list[Change]:
    """The readable rows of the collector's answer, oldest first as it tells them.

    Raises:
        SchemaError: not a list of rows.
    """
    if not isinstance(plain, list):
        raise SchemaError("transitions: expected a list of rows")
    return [one for row in plain if (one := _change(row)) is not None]


def history_lines(changes: Sequence[Change], now_ns: int, width: int) -> list[Line]:
    """All changes, the newest at the top, under the days that they were on."""
    if not changes:
        return wrap(_NONE, "muted", width)
    return _by_day(changes, now_ns, width, with_name=True)


def alert_history_lines(changes: Sequence[Change], now_ns: int, width: int) -> list[Line]:
    """The changes of one alert, the newest at the top; nothing where there is none."""
    if not changes:
        return []
    lines = _by_day(changes, now_ns, width, with_name=False)
    return [*wrap("", "plain", width), heading("history", width), *lines]


def _by_day(changes: Sequence[Change], now_ns: int, width: int, *, with_name: bool) -> list[Line]:
    lines: list[Line] = []
    day = _day(now_ns)
    for one in sorted(changes, key=lambda change: -change.seq):
        if _day(one.time_ns) != day:
            day = _day(one.time_ns)
            lines.append(heading(day, width))
        lines.append(_line(one, width, with_name))
    return lines


def _line(change: Change, width: int, with_name: bool) -> Line:
    severity, verb = change_look(change)
    name = " ".join(filter(None, (change.rule, _where(change)))) if with_name else ""
    by = f"by {change.by}" if change.by else ""
    return fit_line(
        [
            (clock_text(change.time_ns), "muted"),
            (f" {severity.glyph} ", severity.ink),
            (verb, severity.ink),
            (f"  {strip_controls(name)}" if name else "", "plain"),
            (f"  {strip_controls(by)}" if by else "", "plain"),
            (f"  {figure}" if (figure := figure_text(change)) else "", "muted"),
        ],
        width,
    )


def change_look(change: Change) -> tuple[Severity, str]:
    """What a change looks like, and what it is called."""
    look, verb = _WORDS.get(change.reason, (None, change.reason))
    return look or severity_of(change.severity), strip_controls(verb)


def figure_text(change: Change) -> str:
    """`7.2%, limit 5%` where a change is about a value."""
    if change.reason not in _WITH_FIGURE or change.metric in STATES or change.value is None:
        return ""
    limit = limit_text(change.metric, change.threshold)
    return f"{metric_text(change.metric, change.value)}, limit {limit}"


def _where(change: Change) -> str:
    return labels_text(change.labels) if change.labels else ""


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().strftime("%a %d %b %Y")


def _change(plain: Any) -> Change | None:
    if not isinstance(plain, dict):
        return None
    seq, time_ns = fields.whole(plain.get("seq")), fields.whole(plain.get("time_ns"))
    if seq is None or time_ns is None or not 0 <= time_ns < 2**62:
        return None
    texts = {name: fields.text(plain.get(name)) or "" for name in _TEXTS}
    return Change(
        seq,
        time_ns,
        labels=_labels(plain.get("labels")),
        value=fields.number(plain.get("value")),
        threshold=fields.number(plain.get("threshold")),
        **texts,
    )


def _labels(plain: Any) -> Mapping[str, str]:
    """A JSON object in a text."""
    try:
        labels = json.loads(plain) if isinstance(plain, str) else {}
    except ValueError:
        return {}
    told = labels.items() if isinstance(labels, dict) else ()
    return {str(name): str(value) for name, value in told}
