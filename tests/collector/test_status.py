"""What ``llmmon status`` tells: plain values that add up."""

from __future__ import annotations

from typing import Any

import pytest
from support.live import NOW_NS, SECOND
from support.snapshots import ingest

from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.stream import StreamId
from llmmon_collector.status import MOST_ROWS, About, status_document

ONE, TWO = b"agent-number-one", b"agent-number-two"
HEARTBEAT = Heartbeat("svc", "test", "host-1", 77, "0.3", 12, {"queue_full": 2}, 3, 2.0, (), 4)
ABOUT = About(
    name="prod",
    note="",
    version="0.1",
    pid=42,
    started_ns=NOW_NS - 90 * SECOND,
    now_ns=NOW_NS,
    address="ipc:///run/llmmon",
    state_dir="/var/lib/llmmon",
    http="127.0.0.1:9460",
    config_files=("a.toml",),
    rules=3,
    problems=("disk is full",),
)
FIGURES = {"journal_bytes": 100, "dead_letters": 1, "rejected": {"bad_crc": 3}}


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.heard(Header(ONE, 1), 5 * SECOND, HEARTBEAT)
    ledger.apply(Header(ONE, 1, 1, 1, 0, 5), "host-1", {}, 5 * SECOND)
    ledger.apply(Header(ONE, 1, 2, 2, 7, 3), "host-1", {"queue_full": 2}, 5 * SECOND)
    ledger.apply(Header(TWO, 9, 1, 1, 0, 1), "host-2", {}, 8 * SECOND)
    return ledger


def document(ledger: Ledger, mono_s: int = 10) -> dict[str, Any]:
    return status_document(ABOUT, FIGURES, ingest(), ledger, mono_s * SECOND)


def row_of(ledger: Ledger, agent_id: bytes, mono_s: int = 10) -> dict[str, Any]:
    rows = document(ledger, mono_s)["agents"]
    return next(row for row in rows if row["agent_id"] == agent_id.hex())


def test_everything_is_plain(ledger: Ledger) -> None:
    told = document(ledger)
    assert unpack(pack(told)) == told


def test_the_collector_tells_of_itself(ledger: Ledger) -> None:
    told = document(ledger)
    assert (told["name"], told["pid"], told["uptime_s"]) == ("prod", 42, 90.0)
    assert (told["config_files"], told["problems"]) == (["a.toml"], ["disk is full"])
    assert "now_ns" not in told
    assert told["ingest"]["events_stored"] == ingest().events_stored
    assert told["ingest"]["unpriced_models"] == ["llama-2-70b-chat"]


def test_each_stream_adds_up(ledger: Ledger) -> None:
    agent = row_of(ledger, ONE)
    assert (agent["agent_id"], agent["epoch"], agent["last_seq"]) == (ONE.hex(), 1, 2)
    assert (agent["emitted"], agent["stored"], agent["in_flight"]) == (12, 8, 2)
    assert agent["lost"] == {"queue_full": 2}
    assert agent["emitted"] == agent["stored"] + 2 + agent["in_flight"]
    assert (agent["service"], agent["host"], agent["pid"]) == ("svc", "host-1", 77)
    assert (agent["version"], agent["open_requests"]) == ("0.3", 4)


def test_agents_that_are_missed_come_first_then_by_state_and_newest_word(ledger: Ledger) -> None:
    agents = document(ledger)["agents"]
    assert [(a["heard_s_ago"], a["state"]) for a in agents] == [(2.0, "live"), (5.0, "live")]
    ledger.heard(Header(ONE, 1), 60 * SECOND, HEARTBEAT)
    ledger.heard(Header(ONE, 2), 99 * SECOND, HEARTBEAT)
    agents = document(ledger, mono_s=100)["agents"]
    told = [(a["heard_s_ago"], a["state"], a["missed"]) for a in agents]
    assert told == [(92.0, "gone", True), (40.0, "silent", False), (1.0, "idle", False)]


def test_an_agent_that_has_been_killed_is_silent_after_three_heartbeats(ledger: Ledger) -> None:
    states = [row_of(ledger, ONE, mono_s=at_s)["state"] for at_s in (11, 12, 65, 66)]
    assert states == ["live", "silent", "silent", "gone"]


def test_the_books_are_balanced_over_all_agents_the_forgotten_too(ledger: Ledger) -> None:
    ledger.bye(Header(TWO, 9, first_event=4), {"shutdown": 3}, 9 * SECOND)
    before = document(ledger)["ledger"]
    sums = {name: before[name] for name in ("emitted", "stored", "lost", "in_flight")}
    assert sums == {
        "emitted": 16,
        "stored": 9,
        "lost": {"queue_full": 2, "shutdown": 3},
        "in_flight": 2,
    }
    assert before["balanced"]
    ledger.drop(StreamId(TWO, 9))
    after = document(ledger)["ledger"]
    assert after["forgotten"] == {"stored": 1, "lost": {"shutdown": 3}}
    assert {**after, "forgotten": None} == {**before, "forgotten": None}


def test_rows_are_bounded_and_sums_are_not(ledger: Ledger) -> None:
    for epoch in range(MOST_ROWS):
        ledger.apply(Header(TWO, 100 + epoch, 1, 1, 0, 1), "host", {}, 9 * SECOND)
    told = document(ledger)
    assert (len(told["agents"]), told["agents_left_out"]) == (MOST_ROWS, 2)
    assert told["ledger"]["stored"] == 9 + MOST_ROWS


def test_an_agent_that_has_ended_has_no_open_requests(ledger: Ledger) -> None:
    ledger.bye(Header(ONE, 1, first_event=12), {"shutdown": 4})
    agent = row_of(ledger, ONE)
    assert agent["state"] == "ended"
    assert agent["open_requests"] is None


def test_what_an_agent_has_not_said_is_none(ledger: Ledger) -> None:
    ledger.stream(StreamId(bytes(16), 1))
    silent, unheard = (row_of(ledger, agent_id) for agent_id in (TWO, bytes(16)))
    assert silent["pid"] is silent["version"] is silent["open_requests"] is None
    assert unheard["heard_s_ago"] is None


def test_an_agent_that_said_bye_has_ended(ledger: Ledger) -> None:
    ledger.bye(Header(ONE, 1, first_event=12), {"queue_full": 2, "shutdown": 2})
    agent = row_of(ledger, ONE)
    assert (agent["state"], agent["in_flight"], agent["last_offset"]) == ("ended", 0, 12)
    assert agent["lost"] == {"queue_full": 2, "shutdown": 2}
