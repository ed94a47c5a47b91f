"""One alert as the screens speak of it: how bad, what value against which limit, since when."""

from __future__ import annotations

from typing import Final

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.formatting import MISSING, age
from llmmon_tui.panels.values import (
    beyond_text,
    is_beyond,
    labels_text,
    limit_text,
    metric_text,
)
from llmmon_tui.severity import Severity

_SECOND_NS: Final = 1_000_000_000
STATES: Final = {
    "check_failing": "failing",
    "check_critical": "failing",
    "check_degraded": "degraded",
    "check_flapping": "flapping",
}
"""Metrics that are 1 or 0: a limit beside them says nothing."""
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def alert_severity(alert: AlertView, now_ns: int) -> Severity:
    """What an alert looks like: one that is silenced, acknowledged or inhibited does not shout.

    One that flaps or falls into quiet hours does: nobody has taken it on.
    """
    if alert.state == "resolved":
        return Severity.RESOLVED
    if alert.silenced_until_ns is not None and alert.silenced_until_ns > now_ns:
        return Severity.SILENCED
    if alert.state == "pending":
        return Severity.PENDING
    if alert.acknowledged_by:
        return Severity.ACKNOWLEDGED
    if alert.inhibited_by:
        return Severity.INHIBITED
    return Severity.CRITICAL if alert.severity == "critical" else Severity.WARNING


def worst_first(alerts: tuple[AlertView, ...], now_ns: int) -> list[AlertView]:
    """What shouts first; of equals those that flap last, then the one that began last."""
    return sorted(
        alerts,
        key=lambda one: (_ORDER[alert_severity(one, now_ns)], one.flapping, -one.since_ns),
    )


def newest_first(alerts: tuple[AlertView, ...], now_ns: int) -> list[AlertView]:
    """What shouts before what is handled and what is over; of each the one that began last."""
    return sorted(alerts, key=lambda one: (_rank(one, now_ns), -began_ns(one)))


def began_ns(alert: AlertView) -> int:
    """When it began to fire; of one that waits, when it began to wait."""
    return alert.since_ns if alert.fired_ns is None else alert.fired_ns


def _rank(alert: AlertView, now_ns: int) -> int:
    if alert_severity(alert, now_ns).breaching:
        return 0
    return 2 if alert.state == "resolved" else 1


def breach_text(alert: AlertView) -> str:
    """`7.2% > 5%`; `4.1% of 5%` while an alert waits for more; `no data` for one on a silence."""
    limit = limit_text(alert.metric, alert.threshold)
    if alert.metric in STATES:
        return STATES[alert.metric] if alert.value else "no longer" if alert.value == 0 else MISSING
    if alert.no_data:
        return f"no data, {limit}" if alert.threshold is not None else "no data"
    falls = alert.comparison == "below"
    if is_beyond(alert.value, alert.threshold, alert.comparison):
        value = beyond_text(alert.metric, alert.value, alert.threshold)
        return f"{value} {'<' if falls else '>'} {limit}"
    return f"{metric_text(alert.metric, alert.value)} {'min' if falls else 'of'} {limit}"


def age_text(alert: AlertView, now_ns: int) -> str:
    """Since when it has been as it is: `3m12s`."""
    return age((now_ns - alert.since_ns) / _SECOND_NS)


def where_text(alert: AlertView) -> str:
    """The group of series, the check or the objective that it is about; empty for the whole."""
    if "check" in alert.labels:
        return alert.labels["check"]
    return labels_text(alert.labels) if alert.labels else ""


def handled_text(alert: AlertView, severity: Severity, now_ns: int) -> str:
    """Who has acknowledged it, what inhibits it or how long it stays silenced, else empty."""
    if severity is Severity.ACKNOWLEDGED:
        return f"ack {alert.acknowledged_by}"
    if severity is Severity.INHIBITED:
        return f"by {alert.inhibited_by}"
    if severity is Severity.SILENCED and alert.silenced_until_ns is not None:
        return f"silenced {age((alert.silenced_until_ns - now_ns) / _SECOND_NS)}"
    return "" if severity.breaching else severity.word


def marks(alert: AlertView, now_ns: int) -> str:
    """Signs for a narrow list: `≈` flaps, `☾` falls into quiet hours."""
    return ("≈" if alert.flapping else "") + ("☾" if is_quiet(alert, now_ns) else "")


def marks_words(alert: AlertView, now_ns: int) -> str:
    """The same in words: `flapping`, `quiet 6h`."""
    words = ["flapping"] if alert.flapping else []
    if is_quiet(alert, now_ns) and alert.muted_until_ns is not None:
        words.append(f"quiet {age((alert.muted_until_ns - now_ns) / _SECOND_NS)}")
    return ", ".join(words)


def is_quiet(alert: AlertView, now_ns: int) -> bool:
    """Whether quiet hours keep it from everybody."""
    return alert.muted_until_ns is not None and alert.muted_until_ns > now_ns


def duration_text(alert: AlertView) -> str:
    """How long a resolved alert had been firing."""
    if alert.fired_ns is None or alert.resolved_ns is None:
        return MISSING
    return age((alert.resolved_ns - alert.fired_ns) / _SECOND_NS)
