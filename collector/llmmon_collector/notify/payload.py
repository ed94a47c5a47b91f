"""Notifications for programs: versioned JSON, its signature, fields of a log line. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final

import orjson

from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import Wording, iso

VERSION: Final = 1
PLAIN: Final = Wording()


def webhook_body(batch: Sequence[Delivery], now_ns: int, wording: Wording = PLAIN) -> bytes:
    """JSON: ``{"version": 1, "sent_at": …, "alerts": [{"event": …, "id": …, …}]}``."""
    alerts = [_webhook_alert(delivery, wording) for delivery in batch]
    return orjson.dumps({"version": VERSION, "sent_at": iso(now_ns), "alerts": alerts})


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``sha256=<hex>``: HMAC-SHA256 over ``timestamp.body``, so that old messages do not pass."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def log_fields(delivery: Delivery, wording: Wording = PLAIN) -> dict[str, Any]:
    """Fields of a structured log line."""
    alert = delivery.alert
    fields = {
        "alert_id": alert.id,
        "change": delivery.event,
        "rule": alert.rule,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "value": alert.value,
        "threshold": alert.threshold,
        "summary": alert.summary,
    }
    if wording.title:
        fields["title"] = wording.title_of(delivery)
    if wording.text:
        fields["text"] = wording.text_of(delivery)
    return fields


def _webhook_alert(delivery: Delivery, wording: Wording) -> dict[str, Any]:
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
        "acknowledged_by": alert.acknowledged_by,
        "summary": alert.summary,
        "runbook": alert.runbook,
        "title": wording.title_of(delivery),
        "text": wording.text_of(delivery),
    }
