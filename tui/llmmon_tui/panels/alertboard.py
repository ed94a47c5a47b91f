"""The Alerts screen's table: what is open, all that is known, or what has become of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import alert_subject, parse_filter
from llmmon_tui.formatting import MISSING, age, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.alertquestions import changes_of, rules_of
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    duration_text,
    marks_words,
    where_text,
    worst_first,
)
from llmmon_tui.panels.changes import Change, change_look, figure_text
from llmmon_tui.panels.values import labels_text, metric_text, moment_text, window_text

Scope = Literal["open", "all", "history"]
SCOPES: Final[tuple[Scope, ...]] = ("open", "all", "history")
COLUMNS: Final = (
    Column("rule", "rule, where", 10, flex=True),
    Column("breach", "value, limit", 14),
    Column("since", "since", 6, "right"),
    Column("state", "state", 8, min_width=56),
    Column("lasted", "lasted", 6, "right", 84),
    Column("peak", "peak", 7, "right", 92),
    Column("by", "taken by", 12, min_width=98),
    Column("silenced", "silenced", 8, "right", 98),
    Column("marks", "told", 14, min_width=116),
    Column("window", "window", 6, "right", 130),
    Column("at", "began at", 19, "right", 150),
)
HISTORY: Final = (
    Column("ago", "ago", 5, "right"),
    Column("what", "what", 20),
    Column("rule", "rule, where", 10, flex=True),
    Column("figure", "value", 20, min_width=90),
    Column("by", "by", 12, min_width=76),
    Column("at", "when", 19, "right", 110),
)
_SECOND_NS: Final = 1_000_000_000


def known_alerts(picture: Picture) -> tuple[AlertView, ...]:
    """The newest ones, also while paused; in the past those of that instant."""
    return () if picture.watched is None else picture.watched.alerts


def instant_ns(picture: Picture) -> int:
    """The instant that `known_alerts` are of."""
    return picture.at_ns if picture.is_past else picture.live_at_ns


def shown_alerts(picture: Picture, scope: Scope, newest: bool) -> list[AlertView]:
    """Those of a scope that pass the filter, the worst or the newest first."""
    now_ns = instant_ns(picture)
    terms = parse_filter(picture.view.filter)
    shown = [
        one
        for one in worst_first(known_alerts(picture), now_ns)
        if (scope == "all" or one.state != "resolved") and alert_subject(one, now_ns).passes(terms)
    ]
    return sorted(shown, key=lambda one: -one.since_ns) if newest else shown


def board_rows(picture: Picture, scope: Scope, newest: bool) -> list[Row]:
    """Rows of `COLUMNS`, or of `HISTORY` in that scope: always the newest first."""
    if scope == "history":
        now_ns = instant_ns(picture)
        return [_change(one, now_ns) for one in changes_of(picture)]
    now_ns = instant_ns(picture)
    return [_alert(one, now_ns) for one in shown_alerts(picture, scope, newest)]


def board_title(picture: Picture, scope: Scope) -> str:
    """`Alerts  [open 2]  all 3  history`."""
    counts = {
        "open": str(sum(one.state != "resolved" for one in known_alerts(picture))),
        "all": str(len(known_alerts(picture))),
        "history": "",
    }
    known = picture.watched is not None
    names = [f"{one} {counts[one]}".rstrip() if known else one for one in SCOPES]
    marked = [
        f"[{name}]" if one == scope else f" {name} "
        for one, name in zip(SCOPES, names, strict=True)
    ]
    return "Alerts " + "".join(marked).rstrip()


def nothing_text(picture: Picture, scope: Scope) -> str:
    """What a table without rows says: silence is good news only where rules watch."""
    if picture.live is None:
        return f"connecting to {picture.address}"
    if scope == "history":
        answer = changes_of(picture, or_none=True)
        return "nothing has fired yet" if answer is not None else _pending(picture)
    if picture.view.filter and known_alerts(picture):
        return f"nothing passes the filter /{picture.view.filter}"
    rules = rules_of(picture)
    if rules == 0:
        return "no alert, and no rule that watches"
    watch = (
        "" if rules is None else f". {rules} rule{'s' * (rules != 1)} watch{'es' * (rules == 1)}"
    )
    return f"no {'open ' if scope == 'open' else ''}alert{watch}"


def unacknowledged(picture: Picture, shown: Sequence[AlertView]) -> tuple[str, ...]:
    """Ids of those shown that fire by now, whatever instant is shown, and nobody has taken on."""
    live = () if picture.live is None else picture.live.alerts
    free = {one.id for one in live if one.state == "firing" and not one.acknowledged_by}
    return tuple(one.id for one in shown if one.id in free)


def _pending(picture: Picture) -> str:
    return picture.answer("alerts.changes").error or "asking the collector …"


def _alert(alert: AlertView, now_ns: int) -> Row:
    severity = alert_severity(alert, now_ns)
    ink = "" if severity.breaching else "muted"
    name_ink = severity.ink if severity.breaching else "muted"
    silenced_ns = alert.silenced_until_ns
    is_silenced = silenced_ns is not None and silenced_ns > now_ns
    left = age((silenced_ns - now_ns) / _SECOND_NS) if is_silenced and silenced_ns else ""
    is_over = alert.state == "resolved"
    by = alert.acknowledged_by or (f"↳ {alert.inhibited_by}" if alert.inhibited_by else "")
    began_ns = alert.since_ns if alert.fired_ns is None else alert.fired_ns
    cells = (
        Cell(strip_controls(alert.rule), ink=name_ink, beside=strip_controls(where_text(alert))),
        Cell(strip_controls(breach_text(alert)), ink=ink),
        Cell(age_text(alert, now_ns), ink=ink),
        Cell(severity.word, ink=severity.ink),
        Cell(duration_text(alert) if is_over else _lasted(alert, now_ns), ink="muted"),
        Cell(metric_text(alert.metric, alert.peak), ink=ink),
        Cell(strip_controls(by), ink="muted"),
        Cell(left, ink="muted"),
        Cell(marks_words(alert, now_ns), ink="muted"),
        Cell(window_text(alert.window_s) if alert.window_s else "", ink="muted"),
        Cell(moment_text(began_ns, now_ns), ink="muted"),
    )
    return Row(alert.id, cells, severity)


def _lasted(alert: AlertView, now_ns: int) -> str:
    return MISSING if alert.fired_ns is None else age((now_ns - alert.fired_ns) / _SECOND_NS)


def _change(change: Change, now_ns: int) -> Row:
    severity, verb = change_look(change)
    where = labels_text(change.labels) if change.labels else ""
    rule = Cell(strip_controls(change.rule), beside=strip_controls(where))
    cells = (
        Cell(age((now_ns - change.time_ns) / _SECOND_NS), ink="muted"),
        Cell(verb, ink=severity.ink),
        rule,
        Cell(figure_text(change), ink="muted"),
        Cell(strip_controls(change.by), ink="muted"),
        Cell(moment_text(change.time_ns, now_ns), ink="muted"),
    )
    return Row(str(change.seq), cells, severity)
