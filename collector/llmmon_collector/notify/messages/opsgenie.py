"""Requests of Opsgenie's Alert API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from llmmon_collector.notify.model import OpsgenieChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import cut

_MAX_MESSAGE: Final = 130
_MAX_DESCRIPTION: Final = 15_000
_MAX_DETAIL: Final = 500
_MAX_ENTITY: Final = 512
_PRIORITIES: Final = {"warning": "P3", "critical": "P1"}
_ACTIONS: Final = {"acknowledged": "acknowledge", "resolved": "close"}


class OpsgenieRequest(NamedTuple):
    """What is sent where."""

    method: str
    path: str
    """With the query."""
    body: Mapping[str, Any]


def opsgenie_requests(delivery: Delivery, spec: OpsgenieChannel) -> list[OpsgenieRequest]:
    """Open the alert whose alias is the deduplication key, acknowledge or close it.

    One that is open keeps its priority when it is opened again, so that is said apart: a warning
    can have become critical.
    """
    if delivery.event != "firing":
        note = {"source": "llmmon", "note": spec.wording.title_of(delivery)}
        return [OpsgenieRequest("POST", _path(delivery, _ACTIONS[delivery.event]), note)]
    alert = _create(delivery, spec)
    return [
        OpsgenieRequest("POST", "/v2/alerts", alert),
        OpsgenieRequest("PUT", _path(delivery, "priority"), {"priority": alert["priority"]}),
    ]


def _path(delivery: Delivery, action: str) -> str:
    return f"/v2/alerts/{quote(delivery.key, safe='')}/{action}?identifierType=alias"


def _create(delivery: Delivery, spec: OpsgenieChannel) -> dict[str, Any]:
    alert = delivery.alert
    chosen = {**_PRIORITIES, **{str(own): theirs for own, theirs in spec.priorities.items()}}
    details = {name: value for name, value in alert.labels.items() if value}
    message = spec.wording.title_of(delivery) if spec.title else f"{alert.rule}: {alert.summary}"
    known = spec.wording.text_of(delivery)
    return {
        "message": cut(message, _MAX_MESSAGE),
        "alias": delivery.key,
        "description": cut(f"{alert.summary}\n\n{known}", _MAX_DESCRIPTION),
        "priority": chosen[alert.severity],
        "source": "llmmon",
        "entity": cut(alert.labels.get("service", ""), _MAX_ENTITY),
        "tags": [alert.severity, cut(alert.rule, 50)],
        "details": {name: cut(value, _MAX_DETAIL) for name, value in details.items()},
    }
