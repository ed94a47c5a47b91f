"""One agent in one epoch, as the ledger sees it: its account, and its signs of life. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from llmmon.protocol.event import Heartbeat
from llmmon_collector.account import Account
from llmmon_collector.intake.skew import Skew

SECOND_NS: Final = 10**9
GONE_S: Final = 60
"""Silence after which an agent is gone, unless three of its heartbeat intervals are longer."""

_DEFAULT_INTERVAL_S: Final = 2.0
_LONGEST_INTERVAL_S: Final = 3600.0
_SILENT_INTERVALS: Final = 3
_BUSY_S: Final = 60


class StreamId(NamedTuple):
    """One agent in one epoch."""

    agent_id: bytes
    epoch: int


class State(StrEnum):
    """How a stream is doing."""

    SILENT = "silent"
    """It has missed three heartbeats: it may be dead, stopped, or cut off."""
    LIVE = "live"
    IDLE = "idle"
    """It is there, and has sent no batch for a minute."""
    GONE = "gone"
    """It ended without a word, or left events behind: they are in flight while it may be back."""
    ENDED = "ended"
    """Nothing is to come of it any more."""


@dataclass(slots=True)
class Stream(Account):
    """A stream's account and what is known of its agent. Times are monotonic."""

    heard_ns: int | None = None
    """Its last word, perhaps before this collector started; None where there was none."""
    worked_ns: int | None = None
    """Its last committed batch since this collector started."""
    noted_ns: int = 0
    """When the journal last had something of it."""
    noted_emitted: int = 0
    """What the journal knows of ``emitted``."""
    throttled: int = 0
    """Batches refused since this collector started, to be sent again later."""
    skew: Skew = field(default_factory=Skew)
    heartbeat: Heartbeat | None = None
    host: str = ""
    service: str = ""

    @property
    def is_proven(self) -> bool:
        """Whether a batch of it was ever committed."""
        return self.last_seq > 0

    @property
    def interval_s(self) -> float:
        """When to expect the next heartbeat."""
        told_s = self.heartbeat.interval_s if self.heartbeat else _DEFAULT_INTERVAL_S
        return told_s if 0 < told_s <= _LONGEST_INTERVAL_S else _DEFAULT_INTERVAL_S

    def silence_s(self, mono_ns: int) -> float | None:
        """Seconds since its last word."""
        return None if self.heard_ns is None else (mono_ns - self.heard_ns) / SECOND_NS

    def is_alive(self, mono_ns: int) -> bool:
        """Heard of within three of its heartbeat intervals."""
        silence_s = self.silence_s(mono_ns)
        if self.parted or silence_s is None:
            return False
        return silence_s <= _SILENT_INTERVALS * self.interval_s

    def state(self, mono_ns: int, opened_ns: int) -> State:
        """How it is doing, to a collector that listens since ``opened_ns``."""
        if self.parted:
            return State.ENDED if self.ended else State.GONE
        heard_ns = opened_ns if self.heard_ns is None else max(self.heard_ns, opened_ns)
        silence_s = (mono_ns - heard_ns) / SECOND_NS
        patience_s = _SILENT_INTERVALS * self.interval_s
        if silence_s > patience_s:
            return State.GONE if silence_s > GONE_S else State.SILENT
        worked_ns = self.worked_ns
        busy = worked_ns is not None and mono_ns - worked_ns <= _BUSY_S * SECOND_NS
        return State.LIVE if busy else State.IDLE
