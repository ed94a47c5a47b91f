"""An event of PagerDuty's Events API v2. Pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from llmmon_collector.notify.fields import is_web_url
from llmmon_collector.notify.model import PagerDutyChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import cut, facts, iso

ACTIONS: Final = {"firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}
MAX_BYTES: Final = 512 * 1024
_MAX_SUMMARY: Final = 1024
_MAX_TEXT: Final = 1024
_COMPONENTS: Final = ("model", "check", "slo", "budget", "operation")


def pagerduty_body(delivery: Delivery, spec: PagerDutyChannel, routing_key: str) -> bytes:
    """One event. What makes it too long, the details, is left out of one that is."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": ACTIONS[delivery.event],
        "dedup_key": delivery.key,
    }
    if delivery.event == "firing":
        event |= _trigger(delivery, spec)
    body = orjson.dumps(event)
    if len(body) > MAX_BYTES:
        event["payload"]["custom_details"] = {"note": "left out: they were too long"}
        body = orjson.dumps(event)
    return body


def _trigger(delivery: Delivery, spec: PagerDutyChannel) -> dict[str, Any]:
    alert = delivery.alert
    trigger: dict[str, Any] = {"client": "llmmon", "payload": _payload(delivery, spec)}
    if spec.link:
        trigger["client_url"] = spec.link
    if is_web_url(alert.runbook):
        trigger["links"] = [{"href": alert.runbook, "text": "Runbook"}]
    return trigger


def _payload(delivery: Delivery, spec: PagerDutyChannel) -> dict[str, Any]:
    alert, labels = delivery.alert, delivery.alert.labels
    details = {"Summary": alert.summary, **facts(delivery)}
    if spec.text:
        details["Text"] = spec.wording.text_of(delivery)
    payload = {
        "summary": cut(spec.wording.title_of(delivery), _MAX_SUMMARY),
        "source": cut(labels.get("service") or spec.source, _MAX_TEXT),
        "severity": _severity(delivery, spec),
        "component": next((labels[name] for name in _COMPONENTS if labels.get(name)), ""),
        "group": labels.get("environment", ""),
        "class": alert.metric,
        "timestamp": "" if alert.fired_ns is None else iso(alert.fired_ns),
    }
    given = {name: cut(value, _MAX_TEXT) for name, value in payload.items() if value}
    return {**given, "custom_details": details}


def _severity(delivery: Delivery, spec: PagerDutyChannel) -> str:
    chosen = {str(own): theirs for own, theirs in spec.severities.items()}
    return chosen.get(delivery.alert.severity, delivery.alert.severity)
