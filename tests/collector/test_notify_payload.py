from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.notify.notification import Delivery, Event
from llmmon_collector.notify.payload import (
    body,
    group_title,
    signature,
    slack_body,
    title,
    webhook_body,
)

WALL_NS = 1_700_000_000 * 10**9
ALERT = AlertView(
    id="llmmon:0123",
    rule="slow_chat",
    severity="critical",
    state="firing",
    labels={"service": "bot", "model": "gpt-4o"},
    metric="latency_p95",
    value=6200.5,
    threshold=5000,
    comparison="above",
    window_s=300,
    since_ns=WALL_NS,
    fired_ns=WALL_NS,
    resolved_ns=None,
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
        "summary": "p95 <!channel> & 6200 ms",
        "runbook": "https://example.org/r",
    }


def test_the_signature_covers_time_and_body() -> None:
    expected = hmac.new(b"key", b"17.{}", hashlib.sha256).hexdigest()
    assert signature("key", "17", b"{}") == f"sha256={expected}"
    assert signature("key", "18", b"{}") != signature("key", "17", b"{}")


def test_slack_gets_blocks_and_a_fallback_that_cannot_mention_anybody() -> None:
    message = slack_body([delivery()])
    assert message["text"].startswith("[CRITICAL] slow_chat (service=bot, model=gpt-4o): p95 &lt;!")
    header, section, fields = message["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "🔴 Critical: slow_chat"}
    assert section["text"]["text"] == "p95 &lt;!channel&gt; &amp; 6200 ms"
    assert {"type": "mrkdwn", "text": "*Limit*\nabove 5000"} in fields["fields"]
    assert slack_body([delivery("resolved")])["blocks"][0]["text"]["text"].startswith("✅ Resolved")


def test_slack_messages_keep_to_its_limits() -> None:
    huge = delivery(summary="x" * 5000, rule="r" * 200, labels={str(n): "v" for n in range(20)})
    header, section, fields = slack_body([huge])["blocks"]
    assert len(header["text"]["text"]) == 150
    assert len(section["text"]["text"]) == 3000
    assert len(fields["fields"]) == 10
    many = slack_body([huge] * 20)
    assert many["text"] == "Alerts: 20 firing"
    assert len(many["blocks"][1]["text"]["text"]) == 3000


def test_plain_text_has_a_title_and_facts() -> None:
    assert title(delivery("resolved")) == (
        "[RESOLVED] slow_chat (service=bot, model=gpt-4o): p95 <!channel> & 6200 ms"
    )
    assert group_title([delivery(), delivery("resolved")]) == "Alerts: 1 firing, 1 resolved"
    assert body(delivery()).splitlines() == [
        "Value: latency_p95 = 6200.5",
        "Limit: above 5000",
        "Worst: 7000",
        "Window: 300 s",
        "Since: 2023-11-14T22:13:20.000Z",
        "service: bot",
        "model: gpt-4o",
        "Runbook: https://example.org/r",
    ]
    assert "no data" in body(delivery(no_data=True))
