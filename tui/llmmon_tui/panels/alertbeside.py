"""What stands beside the table of alerts: the one under the cursor, its curve, all silences."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import header_line, lay_out, row_line
from llmmon_tui.history import History
from llmmon_tui.model import Picture
from llmmon_tui.panels.alertboard import instant_ns, known_alerts
from llmmon_tui.panels.alertdetail import alert_lines
from llmmon_tui.panels.alertquestions import CURVE, SILENCES, changes_of, has_curve
from llmmon_tui.panels.alerts import count_segments
from llmmon_tui.panels.changes import alert_history_lines
from llmmon_tui.panels.charts import ChartPicture
from llmmon_tui.panels.collectorlines import PRESENT
from llmmon_tui.panels.metricchart import each_text, history_chart, limit_line
from llmmon_tui.panels.objectives import (
    budget_body,
    budget_lines,
    budgets_alerting,
    slo_body,
    slos_alerting,
)
from llmmon_tui.panels.prose import wrap
from llmmon_tui.panels.silences import COLUMNS, silence_rows
from llmmon_tui.panels.values import clock_text, severity_of, window_text
from llmmon_tui.severity import Severity

_WAITING = "asking the collector …"


def chosen_lines(picture: Picture, alert_id: str | None, width: int) -> list[Line]:
    """All of the alert with this id, and what has become of it; of one that is over, the latter."""
    if alert_id is None:
        return wrap("no alert under the cursor", "muted", width)
    now_ns = instant_ns(picture)
    alert = find(picture, alert_id)
    mine = [one for one in changes_of(picture) if one.alert_id == alert_id]
    past = alert_history_lines(mine, now_ns, width)
    if alert is not None:
        return [*alert_lines(alert, now_ns, width), *past]
    return [*wrap("over, and no longer in the collector's list", "muted", width), *past]


def find(picture: Picture, alert_id: str | None) -> AlertView | None:
    """The alert with this id at the instant shown; None when it has gone."""
    return next((one for one in known_alerts(picture) if one.id == alert_id), None)


def curve(picture: Picture, alert: AlertView) -> tuple[ChartPicture, str] | None:
    """The alert's value over its window with the limit drawn in, and what stands over it.

    None while there is no curve; `curve_missing` tells why.
    """
    history = picture.answer(CURVE).value
    if not has_curve(alert) or not isinstance(history, History):
        return None
    now_ns = instant_ns(picture)
    end_label = clock_text(now_ns) if picture.is_past else "now"
    severity = severity_of(alert.severity)
    lines = [] if alert.threshold is None else [limit_line(alert.metric, alert.threshold, severity)]
    beside = f"{window_text(history.window_s)}, {each_text(history)}"
    return history_chart(history, alert.metric, now_ns, lines, end_label), beside


def curve_missing(picture: Picture, alert: AlertView | None) -> str:
    """Why there is no curve of an alert."""
    if alert is None:
        return "no alert under the cursor"
    if not has_curve(alert):
        return f"no curve is kept of {alert.metric}"
    return picture.answer(CURVE).error or _WAITING


def silence_lines(picture: Picture, width: int) -> list[Line]:
    """What is silenced, the one that ends first at the top; what was in the past is not kept."""
    if picture.is_past:
        return wrap(PRESENT, "muted", width)
    answer = picture.answer(SILENCES)
    if answer.value is None:
        return wrap(answer.error or _WAITING, "muted", width)
    rows = silence_rows(answer.value, picture.live_at_ns)
    if not rows:
        return wrap("nothing is silenced", "muted", width)
    layout = lay_out(COLUMNS, width)
    return [header_line(layout, None, True), *(row_line(row, layout, False) for row in rows)]


def objectives_lines(picture: Picture, width: int) -> list[Line]:
    """SLOs and budgets, the first kind without a title, which the panel has.

    Where there are none of a kind, that kind is left out.
    """
    snapshot = picture.snapshot
    if snapshot is None:
        return wrap("not known yet: no collector has answered", "muted", width)
    if picture.is_past and not (snapshot.slos or snapshot.budgets):
        return wrap(PRESENT, "muted", width)
    if snapshot.slos:
        budgets = budget_lines(snapshot, width) if snapshot.budgets else []
        return [*slo_body(snapshot.slos, width), *budgets]
    if snapshot.budgets:
        return budget_body(snapshot, width)
    return wrap("no SLO and no budget; o tells how to add one", "muted", width)


def objectives_title(picture: Picture) -> tuple[str, str]:
    """What stands over `objectives_lines`, and what beside it."""
    snapshot = picture.snapshot
    if snapshot is None or not (snapshot.slos or snapshot.budgets):
        return "SLOs", ""
    if snapshot.slos:
        return "SLOs", slos_alerting(snapshot)
    return "Budgets", budgets_alerting(snapshot)


def counts(picture: Picture) -> Sequence[Segment]:
    """One line: how many fire, wait, are taken on, are silenced, are over."""
    if picture.watched is None:
        return [Segment("— not known yet", "muted")]
    over = sum(one.state == "resolved" for one in known_alerts(picture))
    silences = None if picture.is_past else picture.answer(SILENCES).value
    known = len(silence_rows(silences or (), picture.live_at_ns))
    told = f"{known} silence{'s' * (known > 1)}" if known else ""
    glyph = Severity.RESOLVED.glyph
    return [
        *count_segments(picture),
        Segment(f"{glyph} {over} resolved" if over else "", "muted", 1),
        Segment(told, "muted", 0),
    ]
