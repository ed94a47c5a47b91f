"""Posts alerts to every member of a Prometheus Alertmanager cluster."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, Final

import orjson

from llmmon_collector.notify.messages.alertmanager import alertmanager_alert
from llmmon_collector.notify.model import AlertmanagerChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result, Retry, Sent
from llmmon_collector.notify.senders.poster import Poster
from llmmon_collector.notify.senders.references import Place

_PATH: Final = "/api/v2/alerts"


class AlertmanagerSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`.

    Members of a cluster do not pass alerts on, so each is told; one that was not is at the next
    refresh.
    """

    batch_size = 500

    def __init__(self, spec: AlertmanagerChannel, place: Place) -> None:
        """Raises ConfigError: a URL or a secret cannot be read."""
        self._spec = spec
        urls = (place.url(f"urls[{n}]", url) for n, url in enumerate(spec.urls))
        self._urls = tuple(url.rstrip("/") + _PATH for url in urls)
        self._headers = _headers(spec, place)
        self._poster = Poster(spec.timeout_s)
        self._severities: dict[str, str] = {}
        """What each alert was told as, by its key."""

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One request to each member; one must take it."""
        alerts = [alert for delivery in batch for alert in self._alerts(delivery, now_ns)]
        body = orjson.dumps(alerts)
        posts = (self._poster.post(url, body, now_ns, self._headers) for url in self._urls)
        result = _judge(await asyncio.gather(*posts))
        if isinstance(result, Sent):
            self._remember(batch)
        return result

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    def _alerts(self, delivery: Delivery, now_ns: int) -> list[dict[str, Any]]:
        """The alert, and what it was told as before, which is over."""
        severity = delivery.alert.severity
        before = self._severities.get(delivery.key, severity)
        return [
            alertmanager_alert(delivery, self._spec, each, now_ns)
            for each in dict.fromkeys((before, severity))
        ]

    def _remember(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            if delivery.event == "resolved":
                self._severities.pop(delivery.key, None)
            else:
                self._severities[delivery.key] = delivery.alert.severity


def _judge(results: Sequence[Result]) -> Result:
    """Of what each member said."""
    troubles = [result for result in results if not isinstance(result, Sent)]
    if not troubles:
        return Sent()
    reasons = "; ".join(dict.fromkeys(trouble.reason for trouble in troubles))
    if len(troubles) < len(results):
        return Sent(f"{len(troubles)} of {len(results)} did not take it: {reasons}")
    retries = [trouble for trouble in troubles if isinstance(trouble, Retry)]
    return retries[0]._replace(reason=reasons) if retries else troubles[0]


def _headers(spec: AlertmanagerChannel, place: Place) -> dict[str, str]:
    if spec.token is not None:
        return {"Authorization": f"Bearer {place.secret('token', spec.token)}"}
    if spec.username is not None and spec.password is not None:
        login = f"{spec.username}:{place.secret('password', spec.password)}"
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return {}
