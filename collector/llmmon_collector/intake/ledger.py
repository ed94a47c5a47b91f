"""Who has sent what, and what became of it: emitted = stored + lost + in flight.

A stream is one agent in one epoch. What is stored and what is lost follow from the cumulative
event offsets in batch headers alone; an agent's own counters only say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header

UNEXPLAINED: Final = "unexplained"
"""Losses that the offsets prove and no agent has given a reason for."""

_SILENT_INTERVALS: Final = 3


class StreamId(NamedTuple):
    """One agent in one epoch."""

    agent_id: bytes
    epoch: int


class Verdict(Enum):
    """What to do with a batch."""

    TAKE = "take"
    DUPLICATE = "duplicate"
    """Committed before: acknowledge again, work on it no more."""
    AHEAD = "ahead"
    """Its predecessors are still to come: the agent will send them again."""


@dataclass(slots=True)
class Stream:
    """Where one stream stands."""

    last_seq: int = 0
    next_event: int = 0
    """Events emitted up to and with the last committed batch, the lost ones too."""
    stored: int = 0
    lost: int = 0
    claims: Mapping[str, int] = field(default_factory=dict)
    """The agent's own count of its losses, by reason."""
    poisoned: int = 0
    """Events of batches that could not be read, part of ``lost``."""
    emitted: int = 0
    """Events the agent says it has recorded."""
    ended: bool = False
    """It said BYE."""
    heard_ns: int = 0
    """Monotonic time of its last word; 0 if not since this collector started."""
    heartbeat: Heartbeat | None = None
    host: str = ""
    service: str = ""

    @property
    def in_flight(self) -> int:
        """Events recorded, neither stored nor known to be lost."""
        return max(0, self.emitted - self.stored - self.lost)

    def lost_by_reason(self) -> dict[str, int]:
        """``lost`` told apart by the agent's claims, as far as they go."""
        reasons = {"poison": self.poisoned} if self.poisoned else {}
        left = self.lost - self.poisoned
        for reason, count in self.claims.items():
            if share := min(count, left):
                reasons[reason] = reasons.get(reason, 0) + share
                left -= share
        if left:
            reasons[UNEXPLAINED] = left
        return reasons

    def is_alive(self, mono_ns: int) -> bool:
        """Heard of within three of its heartbeat intervals."""
        if self.ended or not self.heard_ns:
            return False
        interval_s = self.heartbeat.interval_s if self.heartbeat else 2.0
        return mono_ns - self.heard_ns <= _SILENT_INTERVALS * interval_s * 1e9


class Totals(NamedTuple):
    """The ledger over all streams."""

    agents: int
    stored: int
    lost: dict[str, int]
    in_flight: int
    duplicates: int


class Ledger:
    """All streams. Changed by the intake thread alone; readers take copies."""

    def __init__(self) -> None:
        self.streams: dict[StreamId, Stream] = {}
        self.duplicates = 0
        """Events of batches that came more than once."""

    def stream(self, stream_id: StreamId) -> Stream:
        """The stream of that name, begun if it is new."""
        return self.streams.setdefault(stream_id, Stream())

    def last_seq(self, stream_id: StreamId) -> int:
        """The last committed batch of a stream, 0 where none is."""
        known = self.streams.get(stream_id)
        return known.last_seq if known else 0

    def apply(self, header: Header, host: str, claims: Mapping[str, int]) -> None:
        """Book a committed batch that was judged ``TAKE``."""
        stream = self.stream(StreamId(header.agent_id, header.epoch))
        stream.lost += max(0, header.first_event - stream.next_event)
        stream.stored += header.events
        stream.next_event = header.first_event + header.events
        stream.emitted = max(stream.emitted, stream.next_event)
        stream.last_seq = header.seq
        stream.claims = claims
        stream.host = host

    def poison(self, header: Header) -> None:
        """Book a batch that cannot be read: its events are lost, and nobody asks for it again."""
        stream = self.stream(StreamId(header.agent_id, header.epoch))
        stream.lost += max(0, header.first_event + header.events - stream.next_event)
        stream.poisoned += header.events
        stream.next_event = header.first_event + header.events
        stream.emitted = max(stream.emitted, stream.next_event)
        stream.last_seq = header.seq

    def heard(self, header: Header, mono_ns: int, heartbeat: Heartbeat | None = None) -> None:
        """A stream gave a sign of life, perhaps with its own counters."""
        stream = self.stream(StreamId(header.agent_id, header.epoch))
        stream.heard_ns = mono_ns
        if heartbeat is not None:
            stream.heartbeat = heartbeat
            stream.emitted = max(stream.emitted, heartbeat.emitted)
            stream.host, stream.service = heartbeat.host, heartbeat.service

    def bye(self, header: Header, claims: Mapping[str, int]) -> None:
        """A stream ended; what it emitted and never sent is lost."""
        stream = self.stream(StreamId(header.agent_id, header.epoch))
        stream.emitted = max(stream.emitted, header.first_event)
        stream.lost += max(0, stream.emitted - stream.next_event)
        stream.next_event = stream.emitted
        stream.claims = claims or stream.claims
        stream.ended = True

    def beats(self, mono_ns: int) -> list[tuple[str, float, float]]:
        """Of agents that have not said goodbye: name, seconds of silence, heartbeat interval."""
        return [
            (
                f"{stream.service}@{stream.host}",
                (mono_ns - stream.heard_ns) / 1e9,
                stream.heartbeat.interval_s,
            )
            for stream in list(self.streams.values())
            if stream.heartbeat is not None and not stream.ended
        ]

    def totals(self, mono_ns: int) -> Totals:
        """The ledger over all streams, at monotonic time ``mono_ns``."""
        streams = list(self.streams.values())
        lost: dict[str, int] = {}
        for stream in streams:
            for reason, count in stream.lost_by_reason().items():
                lost[reason] = lost.get(reason, 0) + count
        return Totals(
            agents=len(
                {key.agent_id for key, s in list(self.streams.items()) if s.is_alive(mono_ns)}
            ),
            stored=sum(stream.stored for stream in streams),
            lost=lost,
            in_flight=sum(stream.in_flight for stream in streams),
            duplicates=self.duplicates,
        )


class Group:
    """Batches that are judged together and committed together, or not at all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._offered: dict[StreamId, int] = {}

    def judge(self, header: Header) -> Verdict:
        """What to do with a batch, given what is committed and what this group took before."""
        stream_id = StreamId(header.agent_id, header.epoch)
        last = self._offered.get(stream_id, self._ledger.last_seq(stream_id))
        if header.seq <= last:
            return Verdict.DUPLICATE
        if header.seq > last + 1 and header.base_seq != header.seq:
            return Verdict.AHEAD
        self._offered[stream_id] = header.seq
        return Verdict.TAKE
