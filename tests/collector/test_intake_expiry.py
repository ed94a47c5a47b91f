"""Streams are given up and forgotten, and no sum of stored or lost events ever goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header
from llmmon_collector.intake.expiry import due, forget, give_up
from llmmon_collector.intake.ledger import Ledger, Totals
from llmmon_collector.intake.stream import SECOND_NS, StreamId

AGENT = b"a" * 16
DAY_S = 86_400


def heartbeat(emitted: int) -> Heartbeat:
    return Heartbeat("svc", "prod", "host", 1, "0", emitted, {}, 0, 2.0)


def tend(ledger: Ledger, now_ns: int) -> None:
    """What a session does once in ten seconds, on a disk that never fails."""
    forget(ledger, now_ns)
    notes, given_up = due(ledger, now_ns)
    for stream_id in notes:
        ledger.noted(stream_id, now_ns)
    for stream_id in given_up:
        stream = ledger.streams[stream_id]
        header, claims, _ = give_up(stream_id, stream.emitted, stream.in_flight, 0)
        ledger.bye(header, claims, now_ns)


def batch(ledger: Ledger, epoch: int, now_ns: int, gap: int = 0, events: int = 1) -> None:
    """The next batch of an epoch."""
    stream_id = StreamId(AGENT, epoch)
    known = ledger.streams.get(stream_id)
    seq, first = (known.last_seq + 1, known.next_event + gap) if known else (1, gap)
    header = Header(AGENT, epoch, seq, seq, first, events)
    ledger.apply(header, "host", {"queue_full": gap}, now_ns)


def test_a_clean_end_is_forgotten_after_a_day() -> None:
    ledger = Ledger()
    batch(ledger, 1, 0)
    ledger.bye(Header(AGENT, 1, first_event=3), {"shutdown": 2}, 0)
    before = ledger.totals(0)
    tend(ledger, DAY_S * SECOND_NS)
    assert len(ledger.streams) == 1
    tend(ledger, DAY_S * SECOND_NS + 1)
    assert ledger.streams == {}
    assert ledger.totals(0) == before


def test_an_agent_that_speaks_is_never_given_up() -> None:
    ledger = Ledger()
    batch(ledger, 1, 0)
    for hour in range(24 * 20):
        ledger.heard(Header(AGENT, 1), hour * 3600 * SECOND_NS, heartbeat(1))
        tend(ledger, hour * 3600 * SECOND_NS)
    assert not ledger.streams[StreamId(AGENT, 1)].parted


def test_where_room_is_short_the_longest_gone_are_given_up_first_and_the_living_never() -> None:
    ledger = Ledger(max_streams=20)
    for epoch in range(20):
        batch(ledger, epoch, epoch * SECOND_NS)
        ledger.heard(Header(AGENT, epoch), epoch * SECOND_NS, heartbeat(3))
    now_ns = 75 * SECOND_NS
    tend(ledger, now_ns)
    tend(ledger, now_ns)
    assert sorted(key.epoch for key in ledger.streams) == list(range(1, 20))
    assert ledger.lost_before == {"agent_gone": 2}
    for epoch in range(1, 20):
        batch(ledger, epoch, now_ns)
    batch(ledger, 20, now_ns)
    tend(ledger, now_ns)
    assert len(ledger.streams) == 20
    assert not ledger.has_room(StreamId(AGENT, 99), proven=True)


def test_agents_known_by_heartbeats_alone_make_room_when_they_stop() -> None:
    ledger = Ledger(max_unproven=2)
    for epoch in range(5):
        ledger.heard(Header(AGENT, epoch), 0, heartbeat(9))
    assert len(ledger.streams) == ledger.unproven == 2
    tend(ledger, 61 * SECOND_NS)
    assert len(ledger.streams) == ledger.unproven == 0
    assert ledger.totals(0).lost == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["batch", "heartbeat", "bye", "tend", "poison"]),
        st.integers(0, 4),
        st.integers(0, 9),
        st.sampled_from([0, 1, 59, 61, 3600, DAY_S, 8 * DAY_S]),
    ),
    max_size=60,
)


def check(ledger: Ledger, before: Totals, now_ns: int) -> Totals:
    totals = ledger.totals(now_ns)
    assert totals.stored >= before.stored
    assert sum(totals.lost.values()) >= sum(before.lost.values())
    assert ledger.unproven == sum(not stream.is_proven for stream in ledger.streams.values())
    for stream in ledger.streams.values():
        assert stream.emitted == stream.stored + stream.lost + stream.in_flight
        assert min(stream.stored, stream.lost, stream.in_flight) >= 0
        assert sum(stream.lost_by_reason().values()) == stream.lost
    return totals


@given(STEPS)
def test_identity_and_sums_hold_through_every_life_and_death(
    steps: list[tuple[str, int, int, int]],
) -> None:
    ledger, now_ns = Ledger(max_streams=4, max_unproven=2), 0
    totals = ledger.totals(0)
    for what, epoch, n, wait_s in steps:
        now_ns += wait_s * SECOND_NS
        stream_id = StreamId(AGENT, epoch)
        known = ledger.streams.get(stream_id)
        settled = known.next_event if known else 0
        if what == "tend":
            tend(ledger, now_ns)
        elif what == "heartbeat":
            ledger.heard(Header(AGENT, epoch), now_ns, heartbeat(settled + n))
        elif not ledger.has_room(stream_id, proven=what != "bye"):
            continue
        elif what == "batch":
            batch(ledger, epoch, now_ns, gap=n % 3, events=n)
        elif what == "poison":
            seq = known.last_seq + 1 if known else 1
            ledger.poison(Header(AGENT, epoch, seq, seq, settled, n), now_ns)
        else:
            ledger.bye(Header(AGENT, epoch, first_event=settled + n), {"shutdown": n // 2}, now_ns)
        totals = check(ledger, totals, now_ns)
