"""Notifications as the services want to read them. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.notify.notification import Delivery

VERSION: Final = 1
_MARKS: Final = {"resolved": "✅", "critical": "🔴", "warning": "🟡"}
_SLACK_HEADER: Final = 150
_SLACK_SECTION: Final = 3000
_SLACK_FIELDS: Final = 10
_SLACK_FIELD: Final = 2000


def webhook_body(batch: Sequence[Delivery], now_ns: int) -> bytes:
    """JSON: ``{"version": 1, "sent_at": …, "alerts": [{"event": …, "id": …, …}]}``."""
    alerts = [_webhook_alert(delivery) for delivery in batch]
    return orjson.dumps({"version": VERSION, "sent_at": iso(now_ns), "alerts": alerts})


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=<hex>``: HMAC-SHA256 over ``timestamp.body``, so that old messages do not pass."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def slack_body(batch: Sequence[Delivery]) -> dict[str, Any]:
    """A message of Slack blocks, with a plain text for notifications and old clients."""
    if len(batch) == 1:
        return {"text": escape_slack(title(batch[0])), "blocks": _slack_alert(batch[0])}
    lines = "\n".join(f"{_mark(d)} {escape_slack(title(d))}" for d in batch)
    text = group_title(batch)
    return {
        "text": text,
        "blocks": [
            _slack_header(text),
            _slack_section(_cut(lines, _SLACK_SECTION)),
        ],
    }


def title(delivery: Delivery) -> str:
    """One line: state, rule, group and summary."""
    alert = delivery.alert
    state = "RESOLVED" if delivery.event == "resolved" else alert.severity.upper()
    labels = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
    return f"[{state}] {alert.rule}{f' ({labels})' if labels else ''}: {alert.summary}"


def group_title(batch: Sequence[Delivery]) -> str:
    """One line for many."""
    firing = sum(delivery.event == "firing" for delivery in batch)
    parts = ((firing, "firing"), (len(batch) - firing, "resolved"))
    return "Alerts: " + ", ".join(f"{count} {event}" for count, event in parts if count)


def body(delivery: Delivery) -> str:
    """Some lines of plain text."""
    return "\n".join(f"{name}: {value}" for name, value in _facts(delivery).items())


def log_fields(delivery: Delivery) -> dict[str, Any]:
    """Fields of a structured log line."""
    alert = delivery.alert
    return {
        "alert_id": alert.id,
        "change": delivery.event,
        "rule": alert.rule,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "value": alert.value,
        "threshold": alert.threshold,
        "summary": alert.summary,
    }


def escape_slack(text: str) -> str:
    """``text`` without what Slack would read as markup or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def iso(at_ns: int) -> str:
    """Wall time as ISO 8601 in UTC, to the millisecond."""
    at = datetime.fromtimestamp(at_ns / 1e9, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _webhook_alert(delivery: Delivery) -> dict[str, Any]:
    alert = delivery.alert
    return {
        "event": delivery.event,
        "id": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "metric": alert.metric,
        "value": alert.value,
        "peak": alert.peak,
        "threshold": alert.threshold,
        "comparison": alert.comparison,
        "window_s": alert.window_s,
        "no_data": alert.no_data,
        "fired_at": None if alert.fired_ns is None else iso(alert.fired_ns),
        "resolved_at": None if alert.resolved_ns is None else iso(alert.resolved_ns),
        "summary": alert.summary,
        "runbook": alert.runbook,
    }


def _facts(delivery: Delivery) -> dict[str, str]:
    alert = delivery.alert
    facts = {
        "Value": _measured(alert),
        "Limit": f"{alert.comparison} {alert.threshold:g}" if alert.threshold is not None else "",
        "Worst": "" if alert.peak is None else f"{alert.peak:g}",
        "Window": f"{alert.window_s} s",
        "Since": "" if alert.fired_ns is None else iso(alert.fired_ns),
        "Until": "" if alert.resolved_ns is None else iso(alert.resolved_ns),
        **{name: value for name, value in alert.labels.items() if value},
        "Runbook": alert.runbook,
    }
    return {name: value for name, value in facts.items() if value}


def _measured(alert: AlertView) -> str:
    value = "no data" if alert.value is None or alert.no_data else f"{alert.value:g}"
    return f"{alert.metric} = {value}"


def _slack_alert(delivery: Delivery) -> list[dict[str, Any]]:
    alert = delivery.alert
    state = "Resolved" if delivery.event == "resolved" else alert.severity.capitalize()
    fields = [
        {"type": "mrkdwn", "text": _cut(f"*{name}*\n{escape_slack(value)}", _SLACK_FIELD)}
        for name, value in _facts(delivery).items()
    ]
    return [
        _slack_header(f"{_mark(delivery)} {state}: {alert.rule}"),
        _slack_section(_cut(escape_slack(alert.summary), _SLACK_SECTION)),
        {"type": "section", "fields": fields[:_SLACK_FIELDS]},
    ]


def _slack_header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": _cut(text, _SLACK_HEADER)}}


def _slack_section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or " "}}


def _mark(delivery: Delivery) -> str:
    return _MARKS["resolved" if delivery.event == "resolved" else delivery.alert.severity]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
