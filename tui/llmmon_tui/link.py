"""Whether the picture can be trusted: the state of the link and the age of the data."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STALE_AFTER_S: Final = 3.0
LOST_AFTER_S: Final = 10.0
COLLECTOR: Final = "collector"
"""The label that says which of several collectors something is of."""
_OFFSETS: Final = 60
_SECOND_NS: Final = 1_000_000_000


class LinkState(StrEnum):
    """How the viewer stands with its collector."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    MISMATCH = "version mismatch"


@dataclass(frozen=True, slots=True)
class Link:
    """The state, why it is so, and when the next try is due (viewer's clock)."""

    state: LinkState = LinkState.CONNECTING
    reason: str = ""
    attempt: int = 0
    retry_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class CollectorState:
    """How the viewer stands with one of several collectors."""

    name: str
    address: str
    link: LinkState
    age_s: float | None
    """Of its newest data; None before the first."""

    @property
    def is_counted(self) -> bool:
        """Whether its data is new enough to be added to that of the others."""
        fresh = self.age_s is not None and self.age_s <= STALE_AFTER_S
        return self.link is LinkState.LIVE and fresh


class Freshness:
    """The age of the data, whatever the two clocks say of each other.

    A snapshot's time is the collector's. The smallest distance of the two clocks over the last
    minute of snapshots stands for no delay at all, so a clock that is set wrong makes no difference
    and a snapshot that waited in a queue does not pass for a new one.
    """

    def __init__(self) -> None:
        self._offsets_ns: deque[int] = deque(maxlen=_OFFSETS)
        self._at_ns: int | None = None

    def take(self, at_ns: int, received_ns: int) -> None:
        """A snapshot of `at_ns` came at `received_ns`."""
        self._at_ns = at_ns
        self._offsets_ns.append(received_ns - at_ns)

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since the instant that the newest snapshot shows; None before the first."""
        if self._at_ns is None:
            return None
        return max(0.0, (now_ns - self._at_ns - min(self._offsets_ns)) / _SECOND_NS)
