"""Delivery under every fault at once: agents, a network that lies, a collector that crashes.

A state machine drives the agents' real delivery and the collector's real intake over a network
that drops, repeats, delays across reconnections and cuts, silently too; the collector crashes
between any two steps and its disk fills up; services are killed, and later ones adopt what they
had spilled. After every step each event is stored, lost and counted, or on its way: never two of
them, never none.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.frames import request_payload
from support.live import NOW_NS, new_live

from llmmon.delivery.delivery import Delivery, Outgoing
from llmmon.delivery.numbered import Entry, Place
from llmmon.protocol.codec import decode_map, encode_map
from llmmon.protocol.segment import decode_body
from llmmon.protocol.wire import Header, Message, decode_batch, decode_message, encode_message
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Incoming, Session
from llmmon_collector.intake.stream import StreamId
from llmmon_collector.journal import Cursor
from llmmon_collector.journal import Entry as JournalEntry
from llmmon_collector.warmup import replay_tail

WINDOW = 3
MAX_BYTES = 6_000
SPOOL_RECORDS = 6
AGENTS = st.integers(0, 1)
Frames = list[bytes]


class Disk:
    """A journal in memory: what it took survives the collector's crashes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.full = False

    def append(self, bodies: Sequence[bytes]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.bodies += bodies

    def read(self, start: Cursor) -> list[JournalEntry]:
        bodies = self.bodies[start.offset :]
        return [
            JournalEntry(body, Cursor(0, start.offset + i))
            for i, body in enumerate(bodies, start=1)
        ]

    def events(self) -> dict[StreamId, Counter[int]]:
        """How often each event of each stream is stored."""
        found: dict[StreamId, Counter[int]] = {}
        for body in self.bodies:
            _, envelope = decode_body(memoryview(body))
            if envelope.message is not Message.BATCH:
                continue
            stream = StreamId(envelope.header.agent_id, envelope.header.epoch)
            batch = decode_batch(envelope.payload, envelope.header.events)
            counters = next(iter(batch.tables.values())).values("counter")
            found.setdefault(stream, Counter()).update(counters)
        return found


class Voice:
    """One stream as it is told: by its own process, or by one that adopted its spool."""

    def __init__(self, stream: StreamId, delivery: Delivery) -> None:
        self.stream = stream
        self.delivery = delivery
        self.records: dict[Place, Outgoing] = {}
        """What is in the spool."""

    def next(self, now_s: float) -> tuple[Outgoing, Frames] | None:
        """What to send now, as a message."""
        outgoing = self.delivery.next(now_s)
        if outgoing is None:
            return None
        place = outgoing.place
        payload = outgoing.payload if place is None else self.records[place].payload
        header = Header(*self.stream, *outgoing[1:5], NOW_NS, round(now_s * 1e9))
        return outgoing, encode_message(outgoing.message, header, payload)

    def spill(self, now_s: float, everything: bool = False) -> None:
        """Write to the spool, of ``SPOOL_RECORDS``, what is due."""
        while (found := self.delivery.spill(now_s, everything)) is not None:
            batch, rank = found
            if len(self.records) >= SPOOL_RECORDS:
                if not self.delivery.make_room(batch, rank):
                    return
                self.tidy()
                continue
            place = self._place(rank)
            self.records[place] = batch
            self.delivery.spilled(batch, place)

    def _place(self, rank: int) -> Place:
        """Segments hold two records, of one rank."""
        offset = max((place.offset for place in self.records), default=0) + 1
        return Place(3 * (offset // 2) + rank + 1, offset, 1)

    def tidy(self) -> None:
        """Remove what nobody needs; a record at a time, a file would go as a whole."""
        gone = Counter(self.delivery.released())
        for place in sorted(self.records, key=lambda place: place.offset):
            if gone[place.segment]:
                gone[place.segment] -= 1
                del self.records[place]

    def orphaned(self) -> Voice:
        """The same stream in the hands of another process, which has the spool alone."""
        heir = Voice(self.stream, Delivery(WINDOW - 1, MAX_BYTES))
        heir.records = dict(self.records)
        for place, batch in sorted(self.records.items(), key=lambda item: item[1].seq):
            entry = Entry(batch.seq, batch.first_event, batch.events, 0, place)
            heir.delivery.take(entry, b"")
        return heir


class Agent:
    """One service process after another, and its connections."""

    def __init__(self, number: int) -> None:
        self.agent_id = bytes([number + 1]) * 16
        self.epoch = 0
        self.connection = 0
        self.cut_silently = False
        self.up: list[tuple[int, Frames]] = []
        self.down: list[tuple[int, Frames]] = []
        self.sent: list[Frames] = []
        self.past: dict[StreamId, Delivery] = {}
        self.orphans: list[Voice] = []
        self.adopted: list[Voice] = []
        self.begin()

    def begin(self) -> None:
        self.epoch += 1
        self.own = Voice(StreamId(self.agent_id, self.epoch), Delivery(WINDOW, MAX_BYTES))
        self.reconnect()

    @property
    def delivery(self) -> Delivery:
        return self.own.delivery

    @property
    def stream(self) -> StreamId:
        return self.own.stream

    @property
    def voices(self) -> list[Voice]:
        return [self.own, *self.adopted]

    def end(self) -> None:
        """Nothing is left of the process but its spool, and those it had adopted."""
        self.past[self.stream] = self.delivery
        left = [voice.orphaned() for voice in self.voices if voice.records]
        self.orphans, self.adopted = [*self.orphans, *left], []
        self.begin()

    def adopt(self) -> None:
        for orphan in self.orphans:
            orphan.delivery.blocked()
        self.adopted, self.orphans = [*self.adopted, *self.orphans], []

    def reconnect(self) -> None:
        self.connection += 1
        self.cut_silently = False
        for voice in self.voices:
            voice.delivery.blocked()

    def seal(self, events: int, rank: int) -> None:
        first = self.delivery.offset
        rows = [
            {"counter": first + i, "start_ns": NOW_NS, "latency_ms": 1.0} for i in range(events)
        ]
        self.delivery.seal(request_payload(rows), events, rank)

    def send(self, now_s: float) -> None:
        for voice in self.voices:
            while (found := voice.next(now_s)) is not None:
                self.post(found[1])
                voice.delivery.sent(found[0], now_s)
            voice.tidy()

    def post(self, frames: Frames) -> None:
        if not self.cut_silently:
            self.up.append((self.connection, frames))
            self.sent = [*self.sent[-9:], frames]

    def receive(self, count: int, now_s: float) -> None:
        arrived, self.down = self.down[:count], self.down[count:]
        for connection, frames in arrived:
            message, header, payload = decode_message(frames)
            if connection != self.connection or self.cut_silently:
                continue
            for voice in self.voices:
                if (header.agent_id, header.epoch) == voice.stream:
                    values = decode_map(payload)
                    voice.delivery.received(message, header.seq, values, now_s)


class DeliveryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
        self.clock = ManualClock(NOW_NS, 1)
        self.disk = Disk()
        self.agents = [Agent(0), Agent(1)]
        self.start_collector()

    def start_collector(self) -> None:
        self.ledger = Ledger()
        replay_tail(self.disk, Cursor(0, 0), self.ledger, new_live((60,)), NOW_NS)
        dead = DeadLetters(self.directory / "dead.seg")
        self.session = Session(self.ledger, self.disk, dead, self.clock, lambda _batches: None)

    @property
    def now_s(self) -> float:
        return self.clock.mono_ns() / 1e9

    # what services do

    @rule(i=AGENTS, events=st.integers(1, 3), rank=st.integers(0, 2))
    def seal(self, i: int, events: int, rank: int) -> None:
        self.agents[i].seal(events, rank)

    @rule(i=AGENTS, events=st.integers(1, 3))
    def drop_from_a_lane(self, i: int, events: int) -> None:
        self.agents[i].delivery.lose(events, "queue_full")

    @rule(i=AGENTS)
    def send(self, i: int) -> None:
        self.agents[i].send(self.now_s)

    @rule(i=AGENTS, count=st.integers(1, 5))
    def answers_arrive(self, i: int, count: int) -> None:
        self.agents[i].receive(count, self.now_s)

    @rule(i=AGENTS)
    def kill_the_service(self, i: int) -> None:
        self.agents[i].end()

    @rule(i=AGENTS, everything=st.booleans())
    def spill(self, i: int, everything: bool) -> None:
        self.agents[i].own.spill(self.now_s, everything)

    @precondition(lambda self: any(agent.orphans for agent in self.agents))
    @rule()
    def adopt(self) -> None:
        for agent in self.agents:
            agent.adopt()

    @precondition(lambda self: not any(agent.own.records for agent in self.agents))
    @rule(i=AGENTS)
    def leave(self, i: int) -> None:
        agent = self.agents[i]
        agent.delivery.abandon("shutdown")
        header = Header(
            *agent.stream,
            base_seq=agent.delivery.base_seq,
            first_event=agent.delivery.offset,
        )
        agent.post(encode_message(Message.BYE, header, encode_map(agent.delivery.lost)))
        agent.end()

    # what the network does

    @rule(counts=st.tuples(st.integers(0, 4), st.integers(0, 4)))
    def messages_arrive(self, counts: tuple[int, int]) -> None:
        incoming: list[Incoming] = []
        for agent, count in zip(self.agents, counts, strict=True):
            arrived, agent.up = agent.up[:count], agent.up[count:]
            incoming += [Incoming(bytes([*agent.agent_id[:1], c]), f) for c, f in arrived]
        for peer, frames in self.session.work(incoming):
            self.agents[peer[0] - 1].down.append((peer[1], frames))

    @rule()
    def all_that_is_sent_arrives(self) -> None:
        for agent in self.agents:
            agent.send(self.now_s)
        self.messages_arrive((len(self.agents[0].up), len(self.agents[1].up)))
        for agent in self.agents:
            agent.receive(len(agent.down), self.now_s)

    @precondition(lambda self: any(agent.up for agent in self.agents))
    @rule(place=st.integers(0, 3))
    def messages_vanish(self, place: int) -> None:
        for agent in self.agents:
            del agent.up[place : place + 1]

    @precondition(lambda self: any(agent.down for agent in self.agents))
    @rule(place=st.integers(0, 3))
    def answers_vanish(self, place: int) -> None:
        for agent in self.agents:
            del agent.down[place : place + 1]

    @rule(i=AGENTS, place=st.integers(-9, -1))
    def a_message_is_repeated(self, i: int, place: int) -> None:
        agent = self.agents[i]
        if agent.sent:
            agent.up.append((agent.connection, agent.sent[max(place, -len(agent.sent))]))

    @rule(i=AGENTS, late=st.booleans())
    def the_connection_breaks(self, i: int, late: bool) -> None:
        agent = self.agents[i]
        if agent.connection > 250:
            return
        old, agent.up = agent.up, []
        agent.reconnect()
        agent.send(self.now_s)
        if late:
            agent.up += old  # what the old connection carried arrives after the new greeting

    @rule(i=AGENTS)
    def the_connection_dies_unnoticed(self, i: int) -> None:
        agent = self.agents[i]
        agent.cut_silently = True
        agent.up, agent.down = [], []

    @rule(seconds=st.sampled_from([0.1, 0.6, 2.0, 6.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for agent in self.agents:
            ticks = [voice.delivery.tick(self.now_s) for voice in agent.voices]
            if any(ticks):
                agent.reconnect()

    # what befalls the collector

    @rule()
    def crash_the_collector(self) -> None:
        self.start_collector()

    @rule(counts=st.tuples(st.integers(0, 4), st.integers(0, 4)))
    def crash_after_the_commit(self, counts: tuple[int, int]) -> None:
        self.messages_arrive(counts)
        for agent in self.agents:
            agent.down = []
        self.start_collector()

    @rule()
    def fill_the_disk(self) -> None:
        self.disk.full = True

    @precondition(lambda self: self.disk.full)
    @rule()
    def make_room(self) -> None:
        self.disk.full = False

    # what must always hold

    @invariant()
    def every_event_is_accounted_for_by_its_agent(self) -> None:
        for agent in self.agents:
            delivery = agent.delivery
            lost = sum(delivery.lost.values())
            assert delivery.offset == delivery.acknowledged + lost + delivery.held

    @invariant()
    def nothing_is_stored_twice_and_nothing_acknowledged_is_missing(self) -> None:
        stored = self.disk.events()
        for stream, delivery in self._deliveries():
            counted = stored.get(stream, Counter[int]())
            assert not counted or max(counted.values()) == 1
            assert delivery.acknowledged <= len(counted)
            assert len(counted) + sum(delivery.lost.values()) <= delivery.offset

    @invariant()
    def the_ledger_tells_what_the_disk_holds(self) -> None:
        stored = self.disk.events()
        for stream, delivery in self._deliveries():
            known = self.ledger.streams.get(stream)
            if known is None:
                assert stream not in stored
                continue
            assert known.stored == len(stored.get(stream, ()))
            assert known.emitted == known.stored + known.lost + known.in_flight
            assert known.emitted <= delivery.offset
            if not known.ended:
                assert known.lost <= sum(delivery.lost.values())

    def _deliveries(self) -> list[tuple[StreamId, Delivery]]:
        past = [item for agent in self.agents for item in agent.past.items()]
        return past + [(agent.stream, agent.delivery) for agent in self.agents]

    # and what must come true once faults cease

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            shutil.rmtree(self.directory)

    def _settle(self) -> None:
        self.disk.full = False
        for agent in self.agents:
            agent.seal(1, 2)
            agent.adopt()
        for _ in range(200):
            for agent in self.agents:
                agent.send(self.now_s)
                self.messages_arrive((len(self.agents[0].up), len(self.agents[1].up)))
                agent.receive(len(agent.down), self.now_s)
            voices = [voice for agent in self.agents for voice in agent.voices]
            if not any(voice.delivery.held for voice in voices):
                break
            self.time_passes(1.0)
        stored = self.disk.events()
        assert not any(voice.delivery.held for voice in voices)
        assert not any(voice.delivery.lost for agent in self.agents for voice in agent.adopted)
        for agent in self.agents:
            lost = sum(agent.delivery.lost.values())
            assert len(stored[agent.stream]) == agent.delivery.acknowledged
            stream = self.ledger.streams[agent.stream]
            assert (stream.stored, stream.lost) == (agent.delivery.acknowledged, lost)
            assert stream.emitted == agent.delivery.offset


DeliveryMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=60, deadline=None
)
TestDelivery = DeliveryMachine.TestCase
