"""What one channel is to be told of one alert, from enqueued to delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from llmmon.protocol.snapshot import AlertView

Event = Literal["firing", "acknowledged", "resolved"]


class Slot(NamedTuple):
    """Which message a delivery may go in, and when."""

    group: str = ""
    """Only deliveries of one group go in one message."""
    due_ns: int = 0
    """Monotonic clock; not before this."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one channel."""

    number: int
    """Rises with each delivery: the order of sending."""
    channel: str
    event: Event
    alert: AlertView
    created_ns: int
    """Wall clock."""
    attempts: int = 0
    due_ns: int = 0
    """Monotonic clock; not before this. A restart makes everything due."""
    group: str = ""
    """Only deliveries of one group go in one message."""

    @property
    def key(self) -> str:
        """The deduplication key."""
        return self.alert.id
