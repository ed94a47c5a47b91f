"""The list of alerts, worst first."""

from __future__ import annotations

from collections import Counter
from typing import Final

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    handled_text,
    marks,
    marks_words,
    where_text,
    worst_first,
)
from llmmon_tui.severity import Severity

COLUMNS: Final = (
    Column("rule", "rule, where", 10, flex=True),
    Column("breach", "value, limit", 12),
    Column("age", "since", 5, "right"),
    Column("marks", "told", 13, min_width=64),
)
_COUNTED: Final = (
    Severity.CRITICAL,
    Severity.WARNING,
    Severity.PENDING,
    Severity.ACKNOWLEDGED,
    Severity.INHIBITED,
    Severity.SILENCED,
)


def alert_rows(picture: Picture) -> list[Row]:
    """The newest alerts, also while paused: they do not wait for the operator. Else the past's."""
    snapshot = picture.watched
    if snapshot is None:
        return []
    return [_row(one, snapshot.at_ns) for one in worst_first(snapshot.alerts, snapshot.at_ns)]


def find_alert(picture: Picture, alert_id: str) -> AlertView | None:
    """The alert with this id as it stands, or as the past shown knew it; None when it has gone."""
    known = (picture.live, picture.snapshot)
    alerts = (one for snapshot in known if snapshot is not None for one in snapshot.alerts)
    return next((one for one in alerts if one.id == alert_id), None)


def firing(picture: Picture) -> int:
    """How many alerts shout."""
    snapshot = picture.watched
    if snapshot is None:
        return 0
    return sum(alert_severity(one, snapshot.at_ns).breaching for one in snapshot.alerts)


def counts_text(picture: Picture) -> str:
    """For the panel's title: `2 firing`, `all clear`, or nothing where that is not known."""
    if picture.live is None or picture.is_stale:
        return ""
    return f"{firing(picture) or 'none'} firing"


def count_segments(picture: Picture) -> list[Segment]:
    """Counts by severity: `✖ 1 CRIT  ▲ 1 WARN  ✓ 1 ack`."""
    snapshot = picture.watched
    if snapshot is None:
        return [Segment("— not known yet", "muted")]
    counts = Counter(alert_severity(one, snapshot.at_ns) for one in snapshot.alerts)
    return [_count(severity, counts[severity]) for severity in _COUNTED]


def _count(severity: Severity, number: int) -> Segment:
    if not number and not severity.breaching:
        return Segment("")
    ink = severity.ink if number else "muted"
    return Segment(
        f"{severity.glyph} {number} {severity.word}", ink, 9 if severity.breaching else 1
    )


def _row(alert: AlertView, now_ns: int) -> Row:
    severity = alert_severity(alert, now_ns)
    ink = "" if severity.breaching else "muted"
    handled = handled_text(alert, severity, now_ns)
    where = " ".join(filter(None, (marks(alert, now_ns), where_text(alert))))
    cells = (
        Cell(
            strip_controls(alert.rule),
            ink=severity.ink if severity.breaching else "muted",
            beside=strip_controls(where),
        ),
        Cell(strip_controls(handled or breach_text(alert)), ink=ink),
        Cell(age_text(alert, now_ns), ink=ink),
        Cell(marks_words(alert, now_ns), ink="muted"),
    )
    return Row(alert.id, cells, severity)
