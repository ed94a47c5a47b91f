"""Who has sent what, and what became of it: emitted = stored + lost + in flight.

Streams are begun by what is committed and, up to a bound, by heartbeats;
:class:`~llmmon_collector.account.Account` says how their events are booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Final, NamedTuple

from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header
from llmmon_collector.account import AGENT_GONE, add_into
from llmmon_collector.intake.skew import ahead_ns, believed
from llmmon_collector.intake.stream import SECOND_NS, State, Stream, StreamId

MAX_STREAMS: Final = 20_000
"""Streams kept at most; batches of more are refused."""
MAX_UNPROVEN: Final = 2_000
"""Of which have never had a batch committed: anybody can send a heartbeat."""

_FRESH_S: Final = 3600


class Verdict(Enum):
    """What to do with a batch."""

    TAKE = "take"
    DUPLICATE = "duplicate"
    """Committed before: acknowledge again, work on it no more."""
    AHEAD = "ahead"
    """Its predecessors are still to come: the agent will send them again."""


class Totals(NamedTuple):
    """The ledger over all streams, the forgotten ones too."""

    agents: int
    gone: int
    """Streams gone in the last hour, or gone with events that never came."""
    stored: int
    lost: dict[str, int]
    in_flight: int
    duplicates: int
    throttled: int


class Ledger:
    """All streams. Changed by the intake thread alone, under ``lock``.

    Whoever reads on another thread holds it too where sums have to add up: a batch is booked in
    several steps, between which an event is neither stored nor lost.
    """

    def __init__(
        self,
        opened_ns: int = 0,
        max_streams: int = MAX_STREAMS,
        max_unproven: int = MAX_UNPROVEN,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        """``opened_ns`` is now: nobody listened before, so silence counts from here.

        Without ``lock`` the ledger is for one thread.
        """
        self.lock = nullcontext() if lock is None else lock
        self.opened_ns = opened_ns
        self.max_streams = max_streams
        self.max_unproven = max_unproven
        self.streams: dict[StreamId, Stream] = {}
        self.unproven = 0
        """Streams of which no batch was ever committed."""
        self.duplicates = 0
        """Events of batches that came more than once."""
        self.throttled = 0
        """Batches refused, to be sent again later."""
        self.turned_away = 0
        """Of which because there is no room for their stream."""
        self.stored_before = 0
        """Events stored of streams that are forgotten."""
        self.lost_before: dict[str, int] = {}
        """Events lost of streams that are forgotten, by reason."""

    def stream(self, stream_id: StreamId) -> Stream:
        """The stream of that name, begun if it is new."""
        known = self.streams.get(stream_id)
        if known is None:
            known = Stream()
            self.put(stream_id, known)
        return known

    def put(self, stream_id: StreamId, stream: Stream) -> None:
        """Add a stream, as one that the store remembers."""
        self.streams[stream_id] = stream
        self.unproven += not stream.is_proven

    def drop(self, stream_id: StreamId) -> None:
        """Forget a stream, all but its sums."""
        with self.lock:
            stream = self.streams.pop(stream_id)
            self.stored_before += stream.stored
            add_into(self.lost_before, stream.lost_by_reason())
            self.unproven -= not stream.is_proven

    def last_seq(self, stream_id: StreamId) -> int:
        """The last committed batch of a stream, 0 where none is."""
        known = self.streams.get(stream_id)
        return known.last_seq if known else 0

    def has_room(self, stream_id: StreamId, proven: bool) -> bool:
        """Whether a stream is there or may begin; ``proven`` says: with a batch."""
        if stream_id in self.streams:
            return True
        bounded = proven or self.unproven < self.max_unproven
        return bounded and len(self.streams) < self.max_streams

    def apply(self, header: Header, host: str, claims: Mapping[str, int], mono_ns: int = 0) -> None:
        """Book a committed batch that was judged ``TAKE``."""
        with self.lock:
            stream = self._worked(header, mono_ns)
            stream.take(header, claims)
            stream.host = host

    def poison(self, header: Header, mono_ns: int = 0) -> None:
        """Book a committed batch that cannot be read."""
        with self.lock:
            self._worked(header, mono_ns).poison(header)

    def _worked(self, header: Header, mono_ns: int) -> Stream:
        stream = self.stream(StreamId(header.agent_id, header.epoch))
        self.unproven -= not stream.is_proven
        stream.heard_ns = stream.worked_ns = stream.noted_ns = mono_ns
        return stream

    def heard(self, header: Header, mono_ns: int, heartbeat: Heartbeat | None = None) -> None:
        """An agent gave a sign of life. Only a heartbeat begins a stream, and not without bound."""
        stream_id = StreamId(header.agent_id, header.epoch)
        if heartbeat is None:
            if known := self.streams.get(stream_id):
                known.heard_ns = mono_ns
        elif self.has_room(stream_id, proven=False):
            with self.lock:
                stream = self.stream(stream_id)
                stream.heard_ns, stream.heartbeat = mono_ns, heartbeat
                stream.tell(heartbeat.emitted)
                stream.host, stream.service = heartbeat.host, heartbeat.service

    def skew_ns(self, header: Header, wall_ns: int, mono_ns: int) -> int:
        """How far the clock of who sent this just now is ahead; 0 where it is close enough."""
        known = self.streams.get(StreamId(header.agent_id, header.epoch))
        if known is None:
            return believed(ahead_ns(header, wall_ns))
        known.skew.note(header, wall_ns, mono_ns)
        return believed(known.skew.ns)

    def skews(self, mono_ns: int) -> list[tuple[str, int]]:
        """Of agents that are there: name, nanoseconds that the clock is ahead."""
        return [
            (f"{stream.service}@{stream.host}", stream.skew.ns)
            for stream in self.streams.copy().values()
            if stream.is_alive(mono_ns)
        ]

    def bye(self, header: Header, claims: Mapping[str, int], mono_ns: int = 0) -> None:
        """Book a committed goodbye, an agent's own or one on its behalf."""
        with self.lock:
            stream = self.stream(StreamId(header.agent_id, header.epoch))
            stream.part(header.first_event, claims)
            stream.noted_ns, stream.noted_emitted = mono_ns, stream.emitted
            if AGENT_GONE not in claims:
                stream.heard_ns = mono_ns

    def noted(self, stream_id: StreamId, mono_ns: int) -> None:
        """The journal has the stream's last heartbeat."""
        stream = self.streams[stream_id]
        stream.noted_ns, stream.noted_emitted = mono_ns, stream.emitted

    def refused(self, stream_id: StreamId) -> None:
        """Count a batch that is to be sent again later."""
        self.throttled += 1
        if known := self.streams.get(stream_id):
            known.throttled += 1

    def beats(self, mono_ns: int) -> list[tuple[str, float, float]]:
        """Of agents that have not said goodbye: name, seconds of silence, heartbeat interval."""
        return [
            (f"{stream.service}@{stream.host}", silence_s, stream.interval_s)
            for stream in self.streams.copy().values()
            if stream.heartbeat is not None
            and not stream.parted
            and (silence_s := stream.silence_s(mono_ns)) is not None
        ]

    def totals(self, mono_ns: int) -> Totals:
        """The ledger over all streams, at monotonic time ``mono_ns``."""
        with self.lock:
            return self._totals(mono_ns)

    def _totals(self, mono_ns: int) -> Totals:
        streams = self.streams
        lost = dict(self.lost_before)
        for stream in streams.values():
            if stream.lost:
                add_into(lost, stream.lost_by_reason())
        return Totals(
            agents=len({key.agent_id for key, s in streams.items() if s.is_alive(mono_ns)}),
            gone=sum(self.is_missed(stream, mono_ns) for stream in streams.values()),
            stored=self.stored_before + sum(stream.stored for stream in streams.values()),
            lost=lost,
            in_flight=sum(stream.in_flight for stream in streams.values()),
            duplicates=self.duplicates,
            throttled=self.throttled,
        )

    def is_missed(self, stream: Stream, mono_ns: int) -> bool:
        """Whether it is gone, and since less than an hour or with events that never came."""
        if stream.state(mono_ns, self.opened_ns) is not State.GONE:
            return False
        fresh = stream.heard_ns is not None and mono_ns - stream.heard_ns <= _FRESH_S * SECOND_NS
        return fresh or stream.in_flight > 0


class Group:
    """Batches that are judged together and committed together, or not at all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._offered: dict[StreamId, int] = {}

    def judge(self, header: Header) -> Verdict:
        """What to do with a batch, given what is committed and what this group took before."""
        stream_id = StreamId(header.agent_id, header.epoch)
        last = self._offered.get(stream_id, -1)
        if last < 0:
            last = self._ledger.last_seq(stream_id)
        if header.seq <= last:
            return Verdict.DUPLICATE
        if header.seq > last + 1 and header.base_seq != header.seq:
            return Verdict.AHEAD
        return Verdict.TAKE

    def take(self, header: Header) -> None:
        """The batch joins the group."""
        self._offered[StreamId(header.agent_id, header.epoch)] = header.seq
