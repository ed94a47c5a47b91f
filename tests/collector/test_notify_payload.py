from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from support.dispatching import WALL_NS, alert

from llmmon_collector.notify.notification import Delivery, Event
from llmmon_collector.notify.payload import log_fields, signature, webhook_body
from llmmon_collector.notify.wording import Wording

ALERT = alert(
    "llmmon:0123",
    rule="slow_chat",
    labels={"service": "bot", "model": "gpt-4o"},
    value=6200.5,
    threshold=5000,
    peak=7000,
    summary="p95 <!channel> & 6200 ms",
    runbook="https://example.org/r",
)


def delivery(event: Event = "firing", **changes: Any) -> Delivery:
    return Delivery(1, "c", event, replace(ALERT, **changes), WALL_NS)


def test_the_webhook_is_versioned_json_of_all_alerts() -> None:
    message = json.loads(webhook_body([delivery(), delivery("resolved")], WALL_NS))
    assert (message["version"], message["sent_at"]) == (1, "2023-11-14T22:13:20.000Z")
    assert [alert["event"] for alert in message["alerts"]] == ["firing", "resolved"]
    assert message["alerts"][0] == {
        "event": "firing",
        "id": "llmmon:0123",
        "rule": "slow_chat",
        "severity": "critical",
        "labels": {"service": "bot", "model": "gpt-4o"},
        "metric": "latency_p95",
        "value": 6200.5,
        "peak": 7000,
        "threshold": 5000,
        "comparison": "above",
        "window_s": 300,
        "no_data": False,
        "fired_at": "2023-11-14T22:13:20.000Z",
        "resolved_at": None,
        "acknowledged_by": None,
        "summary": "p95 <!channel> & 6200 ms",
        "runbook": "https://example.org/r",
        "title": "[CRITICAL] slow_chat (service=bot, model=gpt-4o): p95 <!channel> & 6200 ms",
        "text": Wording().text_of(delivery()),
    }


def test_the_signature_covers_time_and_body() -> None:
    expected = hmac.new(b"key", b"17.{}", hashlib.sha256).hexdigest()
    assert signature("key", "17", b"{}") == f"sha256={expected}"
    assert signature("key", "18", b"{}") != signature("key", "17", b"{}")


def test_a_log_line_has_a_text_where_there_is_a_template() -> None:
    fields = log_fields(delivery(acknowledged_by="anna"), Wording(text="{rule} by {by}"))
    assert (fields["change"], fields["summary"]) == ("firing", "p95 <!channel> & 6200 ms")
    assert fields["text"] == "slow_chat by anna"
    assert "title" not in fields
