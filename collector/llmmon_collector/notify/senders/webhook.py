"""Posts ``payload.webhook_body``, signed when there is a secret."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon_collector.notify.model import WebhookChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import signature, webhook_body
from llmmon_collector.notify.result import Result
from llmmon_collector.notify.senders.poster import Poster
from llmmon_collector.notify.senders.references import Place


class WebhookSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 100

    def __init__(self, spec: WebhookChannel, place: Place) -> None:
        """Raises ConfigError: a secret cannot be read."""
        self._url = place.url("url", spec.url)
        self._headers = {
            name: place.value(f"headers.{name}", value) for name, value in spec.headers.items()
        }
        self._secret = place.optional_secret("secret", spec.secret)
        self._wording = spec.wording
        self._poster = Poster(spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One request."""
        data = webhook_body(batch, now_ns, self._wording)
        headers = dict(self._headers)
        if self._secret is not None:
            timestamp = str(now_ns // 10**9)
            headers["X-Llmmon-Timestamp"] = timestamp
            headers["X-Llmmon-Signature"] = signature(self._secret, timestamp, data)
        return await self._poster.post(self._url, data, now_ns, headers)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()
