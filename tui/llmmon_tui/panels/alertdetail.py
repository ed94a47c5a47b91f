"""One alert, told in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    is_quiet,
)
from llmmon_tui.panels.prose import fact, wrap
from llmmon_tui.panels.values import clock_text, metric_of, metric_text, until_text, window_text

_FLAPPING: Final = "fires and clears so often that people are not told each time"


def alert_lines(alert: AlertView, now_ns: int, width: int) -> list[Line]:
    """Everything that the collector tells of an alert, in lines of `width` cells."""
    severity = alert_severity(alert, now_ns)
    lines = wrap(f"{severity.glyph} {severity.word} {alert.rule}", severity.ink, width)
    lines += wrap(alert.summary, "plain", width)
    facts = (
        ("value", breach_text(alert)),
        ("peak", metric_text(alert.metric, alert.peak)),
        ("metric", alert.metric + _meaning(alert.metric)),
        ("window", window_text(alert.window_s) if alert.window_s else ""),
        ("severity", alert.severity),
        ("state", f"{alert.state} for {age_text(alert, now_ns)}"),
        ("fired", _clock(alert.fired_ns)),
        ("resolved", _clock(alert.resolved_ns)),
        *handling(alert, now_ns),
        ("runbook", alert.runbook),
        ("id", alert.id),
    )
    lines.append(wrap("", "plain", width)[0])
    for name, value in (*alert.labels.items(), *facts):
        lines += fact(name, value, width)
    return lines


def stamp(alert: AlertView | None) -> object:
    """What each change in its history changes: another one means another history."""
    if alert is None:
        return None
    return (
        alert.state,
        alert.severity,
        alert.acknowledged_by,
        alert.silenced_until_ns,
        alert.inhibited_by,
        alert.flapping,
    )


def handling(alert: AlertView, now_ns: int) -> Sequence[tuple[str, str]]:
    """Why people are not told of it, or no longer; empty texts for what does not hold."""
    if alert.state == "resolved":
        return ()
    silenced, quiet = alert.silenced_until_ns, alert.muted_until_ns
    is_silenced = silenced is not None and silenced > now_ns
    inhibitor = alert.inhibited_by
    return (
        ("acknowledged", f"by {alert.acknowledged_by}" if alert.acknowledged_by else ""),
        ("silenced", until_text(silenced, now_ns) if is_silenced else ""),
        ("inhibited", f"by {inhibitor}, which people are told of instead" if inhibitor else ""),
        ("flapping", _FLAPPING if alert.flapping else ""),
        ("quiet hours", _quiet(until_text(quiet, now_ns)) if is_quiet(alert, now_ns) else ""),
    )


def _quiet(until: str) -> str:
    return f"{until}: no channel tells it before"


def _meaning(name: str) -> str:
    metric = metric_of(name)
    return "" if metric is None else f": {metric.meaning}"


def _clock(at_ns: int | None) -> str:
    return "" if at_ns is None else clock_text(at_ns)
