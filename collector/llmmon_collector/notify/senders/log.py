"""Writes to the collector's log."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon_collector.notify.model import LogChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import log_fields
from llmmon_collector.notify.result import Result, Sent
from llmmon_collector.notify.senders.sender import Log


class LogSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 100

    def __init__(self, spec: LogChannel, log: Log) -> None:
        self._wording = spec.wording
        self._log = log

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """A line each."""
        for delivery in batch:
            self._log("alert", log_fields(delivery, self._wording))
        return Sent()

    async def close(self) -> None:
        """Nothing is held."""
