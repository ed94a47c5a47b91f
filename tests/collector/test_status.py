"""What ``llmmon status`` tells: plain values that add up."""

from __future__ import annotations

from typing import Any

import pytest
from support.live import NOW_NS, SECOND
from support.snapshots import ingest

from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Header, pack, unpack
from llmmon_collector.intake.ledger import Ledger, StreamId
from llmmon_collector.status import About, status_document

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
    journal_bytes=100,
    journal_damaged_bytes=5,
    unfolded_bytes=10,
    dead_letters=1,
)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.heard(Header(ONE, 1), 5 * SECOND, HEARTBEAT)
    ledger.apply(Header(ONE, 1, 1, 1, 0, 5), "host-1", {})
    ledger.apply(Header(ONE, 1, 2, 2, 7, 3), "host-1", {"queue_full": 2})
    ledger.heard(Header(TWO, 9), 8 * SECOND)
    return ledger


def document(ledger: Ledger, mono_s: int = 10) -> dict[str, Any]:
    return status_document(ABOUT, ingest(), ledger, mono_s * SECOND)


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
    agent = document(ledger)["agents"][1]
    assert (agent["agent_id"], agent["epoch"], agent["last_seq"]) == (ONE.hex(), 1, 2)
    assert (agent["emitted"], agent["stored"], agent["in_flight"]) == (12, 8, 2)
    assert agent["lost"] == {"queue_full": 2}
    assert agent["emitted"] == agent["stored"] + 2 + agent["in_flight"]
    assert (agent["service"], agent["host"], agent["pid"]) == ("svc", "host-1", 77)
    assert (agent["version"], agent["open_requests"]) == ("0.3", 4)


def test_agents_come_newest_word_first_and_silent_ones_are_not_alive(ledger: Ledger) -> None:
    agents = document(ledger)["agents"]
    assert [(a["heard_s_ago"], a["alive"]) for a in agents] == [(2.0, True), (5.0, True)]
    agents = document(ledger, mono_s=12)["agents"]
    assert [(a["heard_s_ago"], a["alive"]) for a in agents] == [(4.0, True), (7.0, False)]


def test_an_agent_that_has_ended_has_no_open_requests(ledger: Ledger) -> None:
    ledger.bye(Header(ONE, 1, first_event=12), {})
    agent = next(row for row in document(ledger)["agents"] if row["agent_id"] == ONE.hex())
    assert agent["ended"]
    assert agent["open_requests"] is None


def test_what_an_agent_has_not_said_is_none(ledger: Ledger) -> None:
    ledger.stream(StreamId(bytes(16), 1))
    silent, unheard = (document(ledger)["agents"][i] for i in (0, 2))
    assert silent["pid"] is silent["version"] is silent["open_requests"] is None
    assert unheard["heard_s_ago"] is None
    assert not unheard["alive"]


def test_an_agent_that_said_bye_has_ended(ledger: Ledger) -> None:
    ledger.bye(Header(ONE, 1, first_event=12), {"queue_full": 2, "shutdown": 2})
    agent = document(ledger)["agents"][1]
    assert (agent["ended"], agent["alive"], agent["in_flight"]) == (True, False, 0)
    assert agent["lost"] == {"queue_full": 2, "shutdown": 2}
