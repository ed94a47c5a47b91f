"""Posts events to PagerDuty's Events API v2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_collector.notify.messages.pagerduty import pagerduty_body
from llmmon_collector.notify.model import PagerDutyChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result, Retry
from llmmon_collector.notify.senders.poster import Poster
from llmmon_collector.notify.senders.references import Place

THROTTLED_S: Final = 120.0
"""How long to wait when told that there were too many: its guide says a few minutes."""


class PagerDutySender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 1

    def __init__(self, spec: PagerDutyChannel, place: Place) -> None:
        """Raises ConfigError: the routing key cannot be read."""
        self._spec = spec
        self._url = place.url("url", spec.url)
        self._routing_key = place.secret("routing_key", spec.routing_key)
        self._poster = Poster(spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One event; PagerDuty takes no more at once."""
        body = pagerduty_body(batch[0], self._spec, self._routing_key)
        result = await self._poster.post(self._url, body, now_ns)
        if isinstance(result, Retry) and result.reason.startswith("HTTP 429"):
            return result._replace(after_s=result.after_s or THROTTLED_S)
        return result

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()
