"""Alerts for Prometheus Alertmanager's API v2. Pure."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from llmmon_collector.notify.fields import is_web_url
from llmmon_collector.notify.model import AlertmanagerChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import facts, iso

REFRESHES: Final = 4
"""An alert is over for Alertmanager after so many refreshes that did not come."""
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_MS: Final = 10**6


def alertmanager_alert(
    delivery: Delivery, spec: AlertmanagerChannel, severity: str, now_ns: int
) -> dict[str, Any]:
    """One alert, as it is at ``severity``; one of another severity is over.

    A severity is a label, for routes, and labels are an alert's identity: going from ``warning``
    to ``critical`` is two alerts there.
    """
    alert = delivery.alert
    starts_ns = min(alert.fired_ns or delivery.created_ns, now_ns)
    fires = delivery.event != "resolved" and severity == alert.severity
    ends_ns = now_ns + (round(REFRESHES * spec.refresh_every_s * 1e9) if fires else 0)
    message = {
        "labels": _labels(delivery, spec, severity),
        "annotations": _annotations(delivery, spec),
        "startsAt": iso(starts_ns),
        "endsAt": iso(max(ends_ns, starts_ns + _MS)),
    }
    link = spec.link or alert.runbook
    if is_web_url(link):
        parts = urlsplit(link)
        # it takes no fragment right after the host
        message["generatorURL"] = parts._replace(path=parts.path or "/").geturl()
    return message


def _labels(delivery: Delivery, spec: AlertmanagerChannel, severity: str) -> dict[str, str]:
    alert = delivery.alert
    own = {_name(name): value for name, value in alert.labels.items() if value}
    return {**spec.labels, **own, "alertname": alert.rule, "severity": severity}


def _annotations(delivery: Delivery, spec: AlertmanagerChannel) -> dict[str, str]:
    alert, known = delivery.alert, facts(delivery)
    annotations = {
        "summary": spec.wording.title_of(delivery) if spec.title else alert.summary,
        "description": spec.wording.text_of(delivery),
        "value": known.get("Value", ""),
        "limit": known.get("Limit", ""),
        "runbook_url": alert.runbook,
        "llmmon_id": alert.id,
    }
    return {name: text for name, text in annotations.items() if text}


def _name(label: str) -> str:
    """``label`` as Prometheus allows it."""
    name = _NOT_IN_NAME.sub("_", label)
    return f"_{name}" if name[:1].isdigit() else name
