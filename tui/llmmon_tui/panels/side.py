"""The narrow side panel: alerts in two lines each, and a tail of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line, Span, fit_line
from llmmon_tui.drawing.table import CURSOR
from llmmon_tui.formatting import duration, fit, fit_name, strip_controls, width_of
from llmmon_tui.model import Picture
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    duration_text,
    handled_text,
    marks_words,
    newest_first,
    where_text,
)
from llmmon_tui.panels.requests import bad_requests, reason_text
from llmmon_tui.panels.values import clock_text
from llmmon_tui.rows import RequestRow
from llmmon_tui.severity import Severity

_AGE: Final = 6
_TIME: Final = 8
_MODEL: Final = 24


class Block(NamedTuple):
    """The lines of one alert."""

    alert_id: str
    lines: tuple[Line, ...]


def alert_blocks(picture: Picture, width: int, cursor_id: str | None) -> list[Block]:
    """Newest first: what shouts takes two lines; what is handled follows in one each."""
    snapshot = picture.watched
    if snapshot is None:
        return []
    return [
        Block(one.id, _alert(one, snapshot.at_ns, width, one.id == cursor_id))
        for one in newest_first(snapshot.alerts, snapshot.at_ns)
    ]


def visible_lines(blocks: Sequence[Block], cursor_id: str | None, height: int) -> list[Line]:
    """As many blocks as fit, from the top or so far down that the cursor's one is whole."""
    last = next((at for at, one in enumerate(blocks) if one.alert_id == cursor_id), 0)
    first = last
    room = height - sum(len(one.lines) for one in blocks[last : last + 1])
    while first > 0 and room >= len(blocks[first - 1].lines):
        first -= 1
        room -= len(blocks[first].lines)
    return [line for one in blocks[first:] for line in one.lines][:height]


def tail_lines(picture: Picture, width: int, height: int) -> list[Line]:
    """What went wrong or came right again, the newest at the bottom."""
    events = [
        (row.time_ns, _request(picture, severity, row, width))
        for severity, row in bad_requests(picture)
    ]
    alerts = () if picture.snapshot is None else picture.snapshot.alerts
    for alert in alerts:
        if alert.fired_ns is not None:
            events.append((alert.fired_ns, _fired(alert, width)))
        if alert.resolved_ns is not None:
            events.append((alert.resolved_ns, _resolved(alert, width)))
    if not events and picture.snapshot is not None:
        return [fit_line([(fit("nothing went wrong yet", width, "center"), "muted")], width)]
    events.sort(key=lambda event: event[0])
    return [line for _, line in events[-height:]] if height > 0 else []


def _alert(alert: AlertView, now_ns: int, width: int, is_cursor: bool) -> tuple[Line, ...]:
    severity = alert_severity(alert, now_ns)
    ink = severity.ink
    age = fit(age_text(alert, now_ns), _AGE, "right")
    head = f"{severity.glyph} {severity.word if severity.breaching else ''}".rstrip()
    handled = handled_text(alert, severity, now_ns)
    name = f"{head} {strip_controls(alert.rule)}"
    if handled:
        name += f"  {strip_controls(handled)}  {strip_controls(where_text(alert))}".rstrip()
    first = fit_line(
        [
            (CURSOR if is_cursor else " ", "strong"),
            (fit(name, max(0, width - _AGE - 1)), ink),
            (age, "plain"),
        ],
        width,
    )
    if not severity.breaching:
        return (first,)
    rest = f"   {breach_text(alert)}"
    noted = marks_words(alert, now_ns)
    second: list[Span] = [
        (strip_controls(rest), "plain"),
        (f"  {noted}" if noted else "", "accent"),
        (f"  {strip_controls(where_text(alert))}", "muted"),
    ]
    return first, fit_line(second, width)


def _request(picture: Picture, severity: Severity, row: RequestRow, width: int) -> Line:
    room = max(0, width - _TIME - 3 - 8)
    what = reason_text(picture, row)
    if width_of(what) > room // 2:
        what = what.partition(" <")[0].partition(" >")[0].replace("quality", "q")
    took = fit(duration(row.latency_ms), 7, "right")
    model_width = min(_MODEL, max(room // 3, room - width_of(what) - 1))
    model = fit_name(row.model or "", "", model_width)
    return fit_line(
        [
            (clock_text(row.time_ns), "muted"),
            (f" {severity.glyph} ", severity.ink),
            (fit(f"{model} {what}", room), "plain"),
            (f" {took}", "plain"),
        ],
        width,
    )


def _fired(alert: AlertView, width: int) -> Line:
    severity = Severity.CRITICAL if alert.severity == "critical" else Severity.WARNING
    text = f"{severity.word} {strip_controls(alert.rule)} {strip_controls(where_text(alert))}"
    return _event(alert.fired_ns or 0, severity, text, "", width)


def _resolved(alert: AlertView, width: int) -> Line:
    text = f"RESOLVED {strip_controls(alert.rule)}"
    return _event(alert.resolved_ns or 0, Severity.RESOLVED, text, duration_text(alert), width)


def _event(at_ns: int, severity: Severity, text: str, beside: str, width: int) -> Line:
    room = max(0, width - _TIME - 3 - (8 if beside else 0))
    return fit_line(
        [
            (clock_text(at_ns), "muted"),
            (f" {severity.glyph} ", severity.ink),
            (fit(text, room), severity.ink),
            (fit(beside, 8, "right"), "plain"),
        ],
        width,
    )
