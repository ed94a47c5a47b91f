"""What one channel is to be told of one alert, from enqueued to delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from llmmon.protocol.snapshot import AlertView

Event = Literal["firing", "resolved"]


class Notification(NamedTuple):
    """Something to tell, decided but not yet addressed."""

    event: Event
    alert: AlertView
    channels: tuple[str, ...]
    """Names; empty for every channel."""


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

    @property
    def key(self) -> str:
        """The deduplication key."""
        return self.alert.id
