"""One alert, told in full."""

from __future__ import annotations

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.panels.alertview import age_text, alert_severity, breach_text, handled_text
from llmmon_tui.panels.prose import fact, wrap
from llmmon_tui.panels.values import clock_text, metric_text, window_text


def alert_lines(alert: AlertView, now_ns: int, width: int) -> list[Line]:
    """Everything that the collector tells of an alert, in lines of `width` cells."""
    severity = alert_severity(alert, now_ns)
    lines = wrap(f"{severity.glyph} {severity.word} {alert.rule}", severity.ink, width)
    lines += wrap(alert.summary, "plain", width)
    facts = {
        "value": breach_text(alert),
        "peak": metric_text(alert.metric, alert.peak),
        "metric": alert.metric + _meaning(alert.metric),
        "window": window_text(alert.window_s),
        "state": f"{alert.state} for {age_text(alert, now_ns)}",
        "fired": _clock(alert.fired_ns),
        "resolved": _clock(alert.resolved_ns),
        "handled": handled_text(alert, severity, now_ns) if alert.state != "resolved" else "",
        "runbook": alert.runbook,
        "id": alert.id,
    }
    lines.append(wrap("", "plain", width)[0])
    for name, value in (*alert.labels.items(), *facts.items()):
        lines += fact(name, value, width)
    return lines


def _meaning(metric: str) -> str:
    return f": {METRICS[metric].meaning}" if metric in METRICS else ""


def _clock(at_ns: int | None) -> str:
    return "" if at_ns is None else clock_text(at_ns)
