"""Posts to a Slack incoming webhook."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from llmmon_collector.notify.messages.slack import MAX_ATTACHMENTS, slack_body
from llmmon_collector.notify.model import SlackChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result
from llmmon_collector.notify.senders.poster import Poster
from llmmon_collector.notify.senders.references import Place


class SlackSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = MAX_ATTACHMENTS

    def __init__(self, spec: SlackChannel, place: Place) -> None:
        """Raises ConfigError: the URL cannot be read."""
        self._url = place.url("url", spec.url)
        self._wording = spec.wording
        self._poster = Poster(spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One message."""
        body = orjson.dumps(slack_body(batch, self._wording))
        return await self._poster.post(self._url, body, now_ns)

    async def close(self) -> None:
        """Close the connection."""
        await self._poster.close()
