"""What every sender is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result

Log = Callable[[str, Mapping[str, Any]], None]
"""Takes an event and its fields."""


class Sender(Protocol):
    """Delivers to one place."""

    batch_size: int
    """Most deliveries in one message."""

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """Try once; ``now_ns`` is wall time. Raises nothing but on a bug."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...
