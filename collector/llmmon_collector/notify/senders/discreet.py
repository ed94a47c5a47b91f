"""Keeps a channel's secrets out of what is said of its attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result, Sent
from llmmon_collector.notify.senders.references import Place
from llmmon_collector.notify.senders.sender import Sender

_MAX_REASON: Final = 250


class DiscreetSender:
    """Another sender, whose reasons repeat no secret: some services echo what they refuse."""

    def __init__(self, sender: Sender, place: Place) -> None:
        self.batch_size = sender.batch_size
        self._sender = sender
        self._place = place

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """See :class:`Sender`."""
        result = await self._sender.send(batch, now_ns)
        if isinstance(result, Sent):
            return Sent(self._masked(result.remark))
        return result._replace(reason=self._masked(result.reason))

    async def close(self) -> None:
        """See :class:`Sender`."""
        await self._sender.close()

    def _masked(self, text: str) -> str:
        return self._place.masked(text)[:_MAX_REASON]
