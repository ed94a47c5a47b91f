"""Alerts as viewers see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.duration import format_duration
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.summary import Field, format_value, render


def alert_view(alert: Alert, id_: str) -> AlertView:
    """``alert`` under its deduplication key, neither acknowledged nor silenced."""
    rule = alert.rule
    threshold = rule.threshold(alert.severity)
    return AlertView(
        id=id_,
        rule=rule.name,
        severity=alert.severity,
        state=str(alert.state),
        labels=dict(alert.labels),
        metric=rule.expression(alert.severity),
        value=None if alert.wants_data else alert.value,
        threshold=threshold.limit,
        comparison=threshold.comparison,
        window_s=int(rule.window_s) if rule.family == REQUESTS else 0,
        since_ns=alert.since_ns,
        fired_ns=alert.fired_ns,
        resolved_ns=alert.resolved_ns,
        peak=alert.peak,
        summary=summarise(alert),
        runbook=rule.runbook,
        no_data=alert.instance.no_data_since_s is not None,
    )


def summarise(alert: Alert) -> str:
    """One line for people: the rule's template, or one made of value, limit and window."""
    rule = alert.rule
    threshold, metric = rule.threshold(alert.severity), rule.expression(alert.severity)
    window = format_duration(rule.window_s) if rule.family == REQUESTS else ""
    over = f" over {window}" if window else ""
    if alert.wants_data:
        return f"no data for {metric}{over}"
    value = alert.value
    if rule.summary:
        fields: dict[str, Field] = {
            **dict.fromkeys(rule.label_names, ""),
            **dict(alert.labels),
            "rule": rule.name,
            "severity": alert.severity,
            "metric": metric,
            "value": value,
            "threshold": threshold.limit,
            "comparison": threshold.comparison,
            "window": window,
        }
        return render(rule.summary, fields)
    shown, limit = (format_value(v, metric.strip()) for v in (value, threshold.limit))
    return f"{metric} {shown}{over}, limit {threshold.comparison} {limit}"


def worst_first(views: Iterable[AlertView]) -> tuple[AlertView, ...]:
    """Firing before pending before resolved, critical first, taken on last, longest first."""
    states = {"firing": 0, "pending": 1}
    return tuple(
        sorted(
            views,
            key=lambda view: (
                states.get(view.state, 2),
                view.severity != "critical",
                view.acknowledged_by is not None,
                view.since_ns if view.state in states else -view.since_ns,
            ),
        )
    )
