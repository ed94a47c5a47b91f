"""After a restart the ledger and the windows are what they were, however far the fold had come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import AGENT, batch_frames, series_key
from support.live import NOW_NS, PRICES, SECOND, WINDOWS_S, new_live, utc_midnight

from llmmon.protocol.codec import encode_map
from llmmon.protocol.event import Heartbeat, Kind
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import (
    Batch,
    Header,
    Message,
    encode_batch,
    encode_heartbeat,
    encode_message,
)
from llmmon_collector.clock import ManualClock
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.day import LocalDay
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Incoming, Session
from llmmon_collector.intake.stream import StreamId
from llmmon_collector.live import Open
from llmmon_collector.series import grouping_of
from llmmon_collector.storage import Storage
from llmmon_collector.warmup import refill_windows, replay_tail, restore_ledger

OTHER = b"agent-number-two"
DAY_S = 86_400


class Rig:
    """What a collector has between its socket and its viewers, on a directory."""

    def __init__(
        self,
        directory: Path,
        clock: ManualClock,
        windows_s: Sequence[int] = WINDOWS_S,
        day_start_ns: Callable[[int], int] = utc_midnight,
    ) -> None:
        self._made_with = (directory, clock, windows_s, day_start_ns)
        self.clock = clock
        self.ledger = Ledger(clock.mono_ns())
        self.live = new_live(windows_s, day_start_ns=day_start_ns)
        settings = CollectorSettings(sync=False)
        self.storage = Storage(directory, PRICES, clock, settings, lambda _: None)
        now_ns = clock.wall_ns()
        restore_ledger(self.ledger, self.storage.store, now_ns)
        refill_windows(self.live, self.storage.store, now_ns)
        start = self.storage.store.cursor()
        self.replayed = replay_tail(self.storage.journal, start, self.ledger, self.live, now_ns)
        self.session = Session(
            self.ledger,
            self.storage.journal,
            self.storage.dead,
            clock,
            self._deliver,
        )

    def _deliver(self, batches: list[Batch]) -> None:
        self.live.add(batches, self.clock.wall_ns())

    def row(self, **fields: Any) -> dict[str, Any]:
        """A priced and scored request that ends now."""
        start_ns = self.clock.wall_ns() - SECOND
        known = {"latency_ms": 1000.0, "input_tokens": 7, "output_tokens": 3, "safety": 0.3}
        return {"start_ns": start_ns} | known | fields

    def send(self, seq: int, first_event: int, rows: int = 1, **frame: Any) -> None:
        """One batch, as an agent sends it; its requests differ by ``seq``."""
        each = self.row(latency_ms=10.0 * seq, error="timeout" if seq % 3 == 0 else None)
        frames = batch_frames(seq, [each] * rows, first_event=first_event, **frame)
        self.session.work([Incoming(b"peer", frames)])

    def word(self, message: Message, payload: bytes = b"", **header: int) -> None:
        """A message of the first agent that is no batch."""
        frames = encode_message(message, Header(AGENT, 1, **header), payload)
        self.session.work([Incoming(b"peer", frames)])

    def pass_time(self, seconds: float) -> None:
        """Nobody says anything for so long."""
        self.clock.advance(seconds)
        self.session.work([])

    def fold(self) -> None:
        self.storage.folder.fold_all()

    def restarted(self) -> Rig:
        """The same directory, opened again without having folded anything more."""
        self.storage.close()
        return Rig(*self._made_with)

    def told(self) -> dict[str, Any]:
        """Everything a snapshot and the ledger say."""
        now_ns = self.clock.wall_ns()
        self.live.advance(now_ns, Open(0, 0))
        windows = self.live.windows
        totals = self.ledger.totals(self.clock.mono_ns())
        return {
            "ledger": {key: _standing(self.ledger, key) for key in self.ledger.streams},
            "totals": (totals.stored, totals.lost, totals.in_flight),
            "windows": {w: self.live.table(w).row(0) for w in windows.windows_s},
            "groups": {w: self._groups(w) for w in windows.windows_s},
            "buckets": {w: windows.quality_buckets(w) for w in windows.windows_s},
        }

    def _groups(self, window_s: int) -> dict[tuple[str, ...], Any]:
        table = self.live.table(window_s, grouping_of("model"))
        busy = table.requests.nonzero()[0].tolist()
        return {tuple(table.labels[i].values()): table.row(i) for i in busy}


def _standing(ledger: Ledger, key: StreamId) -> tuple[Any, ...]:
    stream = ledger.streams[key]
    sums = (stream.last_seq, stream.next_event, stream.emitted, stream.stored, stream.lost)
    parted = stream.poisoned, stream.gone, stream.parted
    return (*sums, *parted, dict(stream.claims), stream.host)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, ManualClock(NOW_NS))


@pytest.mark.parametrize("folded", [0, 1, 5, 10])
def test_a_restart_changes_nothing_however_much_is_folded(rig: Rig, folded: int) -> None:
    for seq in range(1, 11):
        rig.send(seq, 3 * (seq - 1), rows=3)
        rig.send(seq, 2 * (seq - 1), rows=2, agent=OTHER, model=f"m{seq % 3}", route="/b")
        rig.clock.advance(2)
        if seq == folded:
            rig.fold()
    before = rig.told()
    assert before["totals"][0] == before["windows"][300]["requests"] == 50
    again = rig.restarted()
    assert again.replayed == 5 * (10 - folded)
    assert again.told() == before
    again.storage.close()


def test_a_restart_of_nothing_is_nothing(rig: Rig) -> None:
    before = rig.told()
    again = rig.restarted()
    assert again.replayed == 0
    assert again.told() == before
    again.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_agents_go_on_where_they_were(rig: Rig, fold: bool) -> None:
    rig.send(1, 0, rows=5)
    if fold:
        rig.fold()
    again = rig.restarted()
    again.send(1, 0, rows=5)
    again.send(2, 5, rows=5)
    assert again.ledger.duplicates == 5
    assert again.told()["windows"][60]["requests"] == 10
    third = again.restarted()
    assert third.told() == again.told()
    third.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_losses_and_what_explains_them_are_remembered(rig: Rig, fold: bool) -> None:
    rig.send(1, 0)
    columns = {"series": [0], "start_ns": [NOW_NS]}
    tables = {Kind.REQUEST: (1, columns)}
    payload = encode_batch("host-2", "pre", [series_key()], tables, {"queue_full": 3})
    frames = encode_message(Message.BATCH, Header(AGENT, 1, 2, 2, 5, 1), payload)
    rig.session.work([Incoming(b"peer", frames)])
    if fold:
        rig.fold()
    before = rig.told()
    assert before["totals"] == (2, {"queue_full": 3, "unexplained": 1}, 0)
    again = rig.restarted()
    assert again.told() == before
    again.storage.close()


def raw(seq: int, payload: bytes, first_event: int, events: int) -> bytes:
    """A journal record's body with whatever ``payload``."""
    header = Header(AGENT, 1, seq, seq, first_event, events)
    return encode_body(NOW_NS, encode_message(Message.BATCH, header, payload))


def test_a_batch_that_is_in_the_journal_twice_counts_once(rig: Rig) -> None:
    body = encode_body(NOW_NS, batch_frames(1, [rig.row()] * 4))
    later = encode_body(NOW_NS, batch_frames(2, [rig.row()], first_event=4))
    rig.storage.journal.append([body, body, later, body])
    again = rig.restarted()
    assert again.replayed == 5
    told = again.told()
    assert (told["totals"], told["windows"][60]["requests"]) == ((5, {}, 0), 5)
    again.fold()
    third = again.restarted()
    assert third.told() == told
    third.storage.close()


def test_what_is_folded_and_still_in_the_journal_counts_once(rig: Rig) -> None:
    rig.send(1, 0, rows=4)
    before = rig.told()
    body = encode_body(NOW_NS, batch_frames(1, [rig.row()] * 4))
    rig.fold()
    rig.storage.journal.append([body])
    again = rig.restarted()
    assert again.told() == before
    again.storage.close()


BAD_SERIES = encode_batch(
    "h", "p", [b"\x90"], {Kind.REQUEST: (3, {"series": [0] * 3, "start_ns": [1] * 3})}, {}
)


@pytest.mark.parametrize("payload", [b"\xc1", b"", BAD_SERIES], ids=["garbage", "empty", "series"])
def test_poison_in_the_tail_is_booked_as_lost(rig: Rig, payload: bytes) -> None:
    rig.send(1, 0)
    rig.storage.journal.append([b"short", raw(2, payload, first_event=1, events=3)])
    again = rig.restarted()
    assert again.replayed == 1
    told = again.told()
    assert (told["totals"], told["windows"][60]["requests"]) == ((1, {"poison": 3}, 0), 1)
    again.send(3, 4)
    again.fold()
    third = again.restarted()
    assert third.told() == again.told()
    assert third.ledger.totals(0).stored == 2
    assert sum(third.ledger.totals(0).lost.values()) == 3
    third.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_what_came_after_a_batch_that_was_never_written_is_kept(rig: Rig, fold: bool) -> None:
    """An agent with more than one batch on the way, of which the second cannot be read."""
    rig.send(1, 0, base_seq=1)
    poison = encode_message(Message.BATCH, Header(AGENT, 1, 2, 1, 1, 3), b"\xc1")
    rig.session.work([Incoming(b"peer", poison)])
    rig.send(3, 4, base_seq=1)
    if fold:
        rig.fold()
    before = rig.told()
    assert before["totals"][0] == 2
    again = rig.restarted()
    assert again.told() == before
    again.storage.close()


def test_messages_that_cannot_be_read_are_passed_over(rig: Rig) -> None:
    bye = encode_message(Message.BYE, Header(AGENT, 1, first_event=9), b"\xc1")
    hello = encode_message(Message.HELLO, Header(AGENT, 1))
    rig.storage.journal.append([encode_body(NOW_NS, frames) for frames in (bye, hello)])
    again = rig.restarted()
    assert (again.replayed, again.ledger.streams) == (0, {})
    again.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_a_goodbye_outlives_a_restart(rig: Rig, fold: bool) -> None:
    rig.send(1, 0, rows=5)
    rig.word(Message.BYE, encode_map({"shutdown": 2, "queue_full": 1}), first_event=8)
    if fold:
        rig.fold()
    before = rig.told()
    assert before["totals"] == (5, {"shutdown": 2, "queue_full": 1}, 0)
    again = rig.restarted()
    assert again.told() == before
    assert again.ledger.streams[StreamId(AGENT, 1)].ended
    again.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_a_goodbye_of_an_agent_whose_events_all_were_lost_outlives_a_restart(
    rig: Rig, fold: bool
) -> None:
    rig.word(Message.BYE, encode_map({"shutdown": 8}), first_event=8)
    if fold:
        rig.fold()
    again = rig.restarted()
    assert again.told()["totals"] == (0, {"shutdown": 8}, 0)
    again.storage.close()


HEARTBEAT = Heartbeat("svc", "prod", "host-1", 7, "0", 25, {}, 20, 2.0)


@pytest.mark.parametrize("fold", [True, False])
def test_what_an_agent_that_is_gone_has_left_is_in_flight_over_restarts(
    rig: Rig, fold: bool
) -> None:
    rig.send(1, 0, rows=5)
    rig.word(Message.HEARTBEAT, encode_heartbeat(HEARTBEAT))
    rig.pass_time(61)
    if fold:
        rig.fold()
    assert rig.told()["totals"] == (5, {}, 20)
    again = rig.restarted()
    assert again.told()["totals"] == (5, {}, 20)
    again.send(2, 5, rows=20)
    assert again.told()["totals"] == (25, {}, 0)
    again.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_after_a_week_without_a_word_what_never_came_is_lost(rig: Rig, fold: bool) -> None:
    rig.send(1, 0, rows=5)
    rig.word(Message.HEARTBEAT, encode_heartbeat(HEARTBEAT))
    rig.pass_time(61)
    rig.pass_time(7 * DAY_S - 61)
    assert rig.told()["totals"] == (5, {}, 20)
    rig.pass_time(20)
    if fold:
        rig.fold()
    assert rig.told()["totals"] == (5, {"agent_gone": 20}, 0)
    again = rig.restarted()
    assert again.told()["totals"] == (5, {"agent_gone": 20}, 0)
    for _ in range(2):
        again.pass_time(DAY_S + 20)
    again.fold()
    again.storage.store.forget_agents(again.clock.wall_ns() - DAY_S * SECOND)
    assert again.ledger.streams == {}
    assert again.told()["totals"] == (5, {"agent_gone": 20}, 0)
    third = again.restarted()
    assert third.ledger.streams == {}
    assert third.told()["totals"] == (5, {"agent_gone": 20}, 0)
    third.storage.close()


def test_a_collector_that_was_away_for_weeks_gives_agents_time_to_come_back(rig: Rig) -> None:
    rig.send(1, 0, rows=5)
    rig.clock.advance(30 * DAY_S)
    again = rig.restarted()
    again.pass_time(599)
    again.send(2, 5)
    again.pass_time(20)
    stream = again.ledger.streams[StreamId(AGENT, 1)]
    assert (stream.stored, stream.parted) == (6, False)
    again.storage.close()


def test_the_store_hears_of_an_agent_that_has_nothing_to_send(rig: Rig) -> None:
    rig.send(1, 0)
    for _ in range(8 * 24):
        rig.word(Message.HEARTBEAT, encode_heartbeat(HEARTBEAT))
        rig.pass_time(30)
        rig.clock.advance(3570)
    rig.fold()
    [agent] = rig.storage.store.agents()
    assert rig.clock.wall_ns() - agent.last_seen_ns <= 8 * 3600 * SECOND
    assert not agent.parted
    rig.storage.close()


@pytest.mark.parametrize("fold", [True, False])
def test_the_cost_of_the_hour_and_of_the_day_outlives_short_windows(
    tmp_path: Path, fold: bool
) -> None:
    rig = Rig(tmp_path, ManualClock(NOW_NS), windows_s=(60,))
    for seq, minutes in enumerate((90, 40, 5), 1):
        rig.send(seq, 1000 * (seq - 1), rows=1000)
        rig.told()
        rig.clock.advance(60 * minutes)
    if fold:
        rig.fold()
    before = rig.told()
    assert before["windows"][60]["hourly_cost"] == pytest.approx(2 * 0.0475)
    assert before["windows"][60]["daily_cost"] == pytest.approx(3 * 0.0475)
    again = rig.restarted()
    assert again.told() == before
    again.storage.close()


def test_the_cost_of_a_day_of_25_hours_is_kept_whole(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    morning = datetime(2026, 10, 25, 0, 10, tzinfo=berlin)
    clock = ManualClock(round(morning.timestamp()) * SECOND)
    rig = Rig(tmp_path, clock, day_start_ns=LocalDay("Europe/Berlin").start_ns)
    rig.send(1, 0, rows=1000)
    rig.told()
    clock.advance(24.6 * 3600)
    rig.send(2, 1000, rows=1000)
    rig.fold()
    before = rig.told()
    assert before["windows"][60]["daily_cost"] == pytest.approx(2 * 0.0475)
    again = rig.restarted()
    assert again.told() == before
    again.storage.close()


def test_old_requests_are_in_the_long_windows_only(rig: Rig) -> None:
    rig.send(1, 0)
    rig.told()
    rig.clock.advance(600)
    rig.send(2, 1)
    rig.fold()
    again = rig.restarted()
    windows = again.told()["windows"]
    assert [windows[w]["requests"] for w in WINDOWS_S] == [1, 1, 2, 2]
    assert again.live.late_events == 0
    again.storage.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("lose"), st.integers(0, 1), st.integers(1, 9)),
        st.tuples(st.just("resend"), st.integers(0, 1), st.just(0)),
        st.tuples(st.sampled_from(["fold", "restart"]), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_stored_and_lost_are_what_was_sent_and_lost(
    steps: list[tuple[str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rig = Rig(Path(directory), ManualClock(NOW_NS))
        stored, lost, seqs, emitted, last = [0, 0], [0, 0], [0, 0], [0, 0], [(0, 0), (0, 0)]
        owed = [0, 0]
        for step, who, count in steps:
            agent = (AGENT, OTHER)[who]
            if step == "send":
                last[who] = (emitted[who], count)
                seqs[who] += 1
                rig.send(seqs[who], emitted[who], rows=count, agent=agent)
                emitted[who] += count
                stored[who] += count
                lost[who], owed[who] = lost[who] + owed[who], 0
            elif step == "lose":
                emitted[who] += count
                owed[who] += count
            elif step == "resend" and seqs[who]:
                rig.send(seqs[who], last[who][0], rows=last[who][1], agent=agent)
            elif step == "fold":
                rig.fold()
            elif step == "restart":
                before = rig.told()
                rig = rig.restarted()
                assert rig.told() == before
        told = rig.told()
        assert told["totals"][0] == sum(stored) == told["windows"][300]["requests"]
        assert sum(told["totals"][1].values()) == sum(lost)
        rig.storage.close()
