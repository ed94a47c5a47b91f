"""The ledger: emitted = stored + lost + in flight, whatever the network does."""

from __future__ import annotations

import threading
from collections.abc import Callable, KeysView
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header
from llmmon_collector.account import AGENT_GONE
from llmmon_collector.intake.ledger import Group, Ledger, Verdict
from llmmon_collector.intake.stream import SECOND_NS, State, StreamId

AGENT = b"a" * 16
STREAM = StreamId(AGENT, 1)


def _header(seq: int, first_event: int, events: int, base_seq: int = 1) -> Header:
    return Header(AGENT, 1, seq=seq, base_seq=base_seq, first_event=first_event, events=events)


def _offer(ledger: Ledger, header: Header, claims: dict[str, int] | None = None) -> Verdict:
    verdict = Group(ledger).judge(header)
    if verdict is Verdict.TAKE:
        ledger.apply(header, "host", claims or {})
    return verdict


def _heartbeat(emitted: int) -> Heartbeat:
    return Heartbeat("svc", "prod", "host", 1, "0", emitted, {}, 0, 2.0)


def test_batches_in_order_are_taken_and_repeats_are_not() -> None:
    ledger = Ledger()
    assert _offer(ledger, _header(1, 0, 10)) is Verdict.TAKE
    assert _offer(ledger, _header(2, 10, 5)) is Verdict.TAKE
    assert _offer(ledger, _header(2, 10, 5)) is Verdict.DUPLICATE
    assert ledger.streams[STREAM].stored == 15
    assert ledger.totals(0).lost == {}


def test_a_gap_waits_while_the_agent_still_holds_what_is_missing() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    assert _offer(ledger, _header(3, 20, 10, base_seq=2)) is Verdict.AHEAD
    assert _offer(ledger, _header(2, 10, 10, base_seq=2)) is Verdict.TAKE


def test_a_gap_is_booked_as_lost_when_the_agent_has_dropped_it() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    claims = {"memory_full": 10}
    assert _offer(ledger, _header(3, 20, 10, base_seq=3), claims) is Verdict.TAKE
    assert ledger.totals(0).lost == {"memory_full": 10}


def test_losses_without_a_reason_are_called_unexplained() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 7, 10), {"queue_full": 3})
    assert ledger.totals(0).lost == {"queue_full": 3, "unexplained": 4}


def test_claims_beyond_what_the_offsets_prove_are_not_counted() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 2, 10), {"queue_full": 9})
    assert ledger.totals(0).lost == {"queue_full": 2}


def test_poison_is_lost_once_and_passed() -> None:
    ledger = Ledger()
    ledger.poison(_header(1, 0, 10))
    assert ledger.last_seq(STREAM) == 1
    assert ledger.totals(0).lost == {"poison": 10}


def test_poison_stays_poison_when_the_next_batch_is_fine() -> None:
    ledger = Ledger()
    ledger.poison(_header(1, 0, 10))
    _offer(ledger, _header(2, 12, 5, base_seq=2), {"queue_full": 2})
    assert ledger.totals(0).lost == {"poison": 10, "queue_full": 2}


def test_in_flight_is_what_heartbeats_say_beyond_what_arrived() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    ledger.heard(Header(AGENT, 1), 5, _heartbeat(emitted=25))
    assert ledger.totals(5).in_flight == 15


def test_a_goodbye_books_what_never_came() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    ledger.bye(Header(AGENT, 1, first_event=13), {"shutdown": 3})
    totals = ledger.totals(0)
    assert (totals.lost, totals.in_flight, totals.agents) == ({"shutdown": 3}, 0, 0)


def test_what_a_goodbye_does_not_speak_of_may_still_come() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    ledger.bye(Header(AGENT, 1, first_event=25), {"queue_full": 5})
    stream = ledger.streams[STREAM]
    assert (stream.lost, stream.in_flight, stream.ended) == (0, 15, False)
    assert stream.state(0, 0) is State.GONE
    _offer(ledger, _header(2, 15, 10, base_seq=2), {"queue_full": 1})
    assert (stream.stored, stream.lost, stream.in_flight) == (20, 5, 0)
    assert stream.lost_by_reason() == {"queue_full": 5}
    assert stream.state(0, 0) is State.ENDED


def test_what_comes_after_it_was_given_up_is_not_lost() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    ledger.bye(Header(AGENT, 1, first_event=30), {AGENT_GONE: 20})
    stream = ledger.streams[STREAM]
    assert stream.lost_by_reason() == {AGENT_GONE: 20}
    _offer(ledger, _header(2, 10, 15))
    assert (stream.stored, stream.lost_by_reason(), stream.emitted) == (25, {AGENT_GONE: 5}, 30)


def test_an_agent_that_records_on_after_its_goodbye_has_not_ended() -> None:
    ledger = Ledger()
    _offer(ledger, _header(1, 0, 10))
    ledger.bye(Header(AGENT, 1, first_event=10), {})
    assert ledger.streams[STREAM].ended
    ledger.heard(Header(AGENT, 1), 0, _heartbeat(emitted=11))
    assert not ledger.streams[STREAM].parted


def test_a_silent_agent_is_gone_after_a_minute_or_three_of_its_intervals() -> None:
    ledger = Ledger(opened_ns=50 * SECOND_NS)
    quick, slow = StreamId(AGENT, 1), StreamId(AGENT, 2)
    ledger.heard(Header(*quick), 0, _heartbeat(0))
    ledger.heard(Header(*slow), 0, _heartbeat(0)._replace(interval_s=30.0))

    def gone(at_s: int) -> list[int]:
        streams = ledger.streams.items()
        told = {key.epoch: s.state(at_s * SECOND_NS, ledger.opened_ns) for key, s in streams}
        return [epoch for epoch, state in told.items() if state is State.GONE]

    assert [gone(at_s) for at_s in (110, 111, 140, 141)] == [[], [1], [1], [1, 2]]
    assert ledger.streams[quick].state(56 * SECOND_NS, ledger.opened_ns) is State.IDLE
    assert ledger.streams[quick].state(57 * SECOND_NS, ledger.opened_ns) is State.SILENT
    assert ledger.totals(141 * SECOND_NS).gone == 2


@pytest.mark.parametrize("interval_s", [float("nan"), float("inf"), -1.0, 0.0])
def test_an_impossible_interval_keeps_nobody_alive(interval_s: float) -> None:
    ledger = Ledger()
    ledger.heard(Header(AGENT, 1), 0, _heartbeat(0)._replace(interval_s=interval_s))
    assert ledger.totals(5 * SECOND_NS).agents == 1
    assert ledger.totals(7 * SECOND_NS).agents == 0


def test_greetings_of_nobody_leave_no_trace_and_heartbeats_a_bounded_one() -> None:
    ledger = Ledger(max_unproven=3)
    for epoch in range(100):
        ledger.heard(Header(AGENT, epoch), 1)
    assert ledger.streams == {}
    for epoch in range(100):
        ledger.heard(Header(AGENT, epoch), 1, _heartbeat(1))
    assert len(ledger.streams) == 3
    for epoch in range(3):
        ledger.apply(Header(AGENT, epoch, 1, 1, 0, 1), "h", {})
    ledger.heard(Header(AGENT, 50), 1, _heartbeat(1))
    assert len(ledger.streams) == 4


def test_reasons_that_no_agent_of_ours_gives_are_one() -> None:
    ledger = Ledger()
    for epoch in range(200):
        ledger.apply(Header(AGENT, epoch, 1, 1, 1, 1), "h", {f"reason {epoch}": 1})
    ledger.bye(Header(AGENT, 0, first_event=5), {"shutdown": 1, "who": 2, "knows": 1})
    ledger.apply(Header(AGENT, 200, 1, 1, 7, 1), "h", {"queue_full": 7})
    assert ledger.totals(0).lost == {"other": 202, "shutdown": 1, "queue_full": 7}
    ledger.drop(StreamId(AGENT, 0))
    assert ledger.totals(0).lost == {"other": 202, "shutdown": 1, "queue_full": 7}


class _Interrupted(dict[str, int]):
    """Claims that let ``read`` run in the middle of a booking, as far as it can."""

    def __init__(self, counts: dict[str, int], read: Callable[[], None]) -> None:
        super().__init__(counts)
        self.reader = threading.Thread(target=read)

    def keys(self) -> KeysView[str]:
        if not self.reader.ident:
            self.reader.start()
            self.reader.join(timeout=0.2)
        return super().keys()


def test_who_reads_while_a_batch_is_booked_sees_it_before_or_after() -> None:
    ledger, seen = Ledger(lock=threading.Lock()), list[dict[str, int]]()
    claims = _Interrupted({"queue_full": 5}, lambda: seen.append(ledger.totals(0).lost))
    _offer(ledger, _header(1, 5, 10), claims)
    claims.reader.join()
    assert seen == [{"queue_full": 5}]


def test_an_agent_is_alive_for_three_of_its_intervals() -> None:
    ledger = Ledger()
    ledger.heard(Header(AGENT, 1), 1_000_000_000, _heartbeat(emitted=0))
    assert ledger.totals(7_000_000_000).agents == 1
    assert ledger.totals(7_000_000_001).agents == 0


def test_epochs_of_one_agent_are_one_agent_and_two_streams() -> None:
    ledger = Ledger()
    ledger.heard(Header(AGENT, 1), 1, _heartbeat(0))
    ledger.heard(Header(AGENT, 2), 1, _heartbeat(0))
    assert ledger.totals(1).agents == 1
    assert len(ledger.streams) == 2


def test_a_group_judges_against_what_it_has_taken_itself() -> None:
    group = Group(Ledger())
    for seq in (1, 2):
        assert group.judge(_header(seq, 10 * seq, 10)) is Verdict.TAKE
        group.take(_header(seq, 10 * seq, 10))
    assert group.judge(_header(2, 10, 10)) is Verdict.DUPLICATE
    assert group.judge(_header(4, 30, 10)) is Verdict.AHEAD


@dataclass
class _Agent:
    """A model of a sender with a bounded memory: seals, drops the oldest, resends what it holds."""

    held: list[tuple[int, int, int]] = field(default_factory=list)
    emitted: int = 0
    dropped: int = 0
    next_seq: int = 1

    def seal(self, events: int) -> None:
        self.held.append((self.next_seq, self.emitted, events))
        self.emitted += events
        self.next_seq += 1

    def drop_oldest(self) -> None:
        if self.held:
            self.dropped += self.held.pop(0)[2]

    def acknowledged(self, seq: int) -> None:
        self.held = [batch for batch in self.held if batch[0] > seq]


_steps = st.lists(
    st.tuples(st.sampled_from(["seal", "drop", "send", "ack"]), st.integers(0, 5)), max_size=60
)


@given(_steps)
def test_the_identity_holds_over_any_history(steps) -> None:
    ledger, agent = Ledger(), _Agent()
    for what, n in steps:
        if what == "seal":
            agent.seal(n + 1)
        elif what == "drop":
            agent.drop_oldest()
        elif what == "ack":
            agent.acknowledged(ledger.last_seq(STREAM))
        elif agent.held:
            seq, first, events = agent.held[min(n, len(agent.held) - 1)]
            _offer(ledger, _header(seq, first, events, base_seq=agent.held[0][0]))
        ledger.heard(Header(AGENT, 1), 1, _heartbeat(agent.emitted))
        stream = ledger.streams[STREAM]
        assert agent.emitted == stream.stored + stream.lost + stream.in_flight
        assert stream.lost <= agent.dropped
        assert sum(stream.lost_by_reason().values()) == stream.lost
    for seq, first, events in agent.held:
        _offer(ledger, _header(seq, first, events, base_seq=agent.held[0][0]))
    ledger.bye(Header(AGENT, 1, first_event=agent.emitted), {"memory_full": agent.dropped})
    stream = ledger.streams[STREAM]
    assert agent.emitted == stream.stored + stream.lost
    assert stream.in_flight == 0
    assert stream.ended
