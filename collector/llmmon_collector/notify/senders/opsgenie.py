"""Posts to Opsgenie's Alert API."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from llmmon_collector.notify.messages.opsgenie import opsgenie_requests
from llmmon_collector.notify.model import OpsgenieChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result, Sent
from llmmon_collector.notify.senders.poster import Poster
from llmmon_collector.notify.senders.references import Place


class OpsgenieSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 1

    def __init__(self, spec: OpsgenieChannel, place: Place) -> None:
        """Raises ConfigError: the key cannot be read."""
        self._spec = spec
        self._url = place.url("url", spec.url).rstrip("/")
        self._headers = {"Authorization": f"GenieKey {place.secret('api_key', spec.api_key)}"}
        self._poster = Poster(spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """The requests that one alert takes, until one is not accepted."""
        result: Result = Sent()
        for method, path, body in opsgenie_requests(batch[0], self._spec):
            url, data = self._url + path, orjson.dumps(body)
            result = await self._poster.post(url, data, now_ns, self._headers, method)
            if not isinstance(result, Sent):
                break
        return result

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()
