"""Questions to a fleet over real sockets: to the owner, or to all that answer."""

from __future__ import annotations

import json

import pytest
from support.fleet import sketch_of, tell_parts
from support.snapshots import AT_NS, busy_snapshot
from support.viewer_data import answer_all
from support.viewer_peer import Refusal, ViewerPeer

from llmmon.errors import ControlError, SchemaError, UnreachableError
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.sketch import sketch_quantiles
from llmmon.protocol.snapshot import decode_snapshot
from llmmon_tui.feed import Arrived, Lost
from llmmon_tui.fleet.answers import merge_sums
from llmmon_tui.fleet.collector import Target
from llmmon_tui.fleet.connection import FleetConnection
from llmmon_tui.history import parse_history

WAIT_S = 5.0


@pytest.fixture
def peers(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with ViewerPeer(f"ipc://{tmp_path}/a") as a, ViewerPeer(f"ipc://{tmp_path}/b") as b:
        for name, peer, share in (("a", a, {"m": [10.0]}), ("b", b, {"m": [500.0, 900.0]})):
            answer_all(peer)
            peer.serve(busy_snapshot(name=name))
            tell_parts(peer, share)
        yield a, b


@pytest.fixture
async def fleet(peers):
    connection = FleetConnection(
        [Target(peer.address) for peer in peers], lambda news: None, lambda: AT_NS
    )
    for one, name in zip(connection.feed.collectors, "ab", strict=True):
        one.take(Arrived(busy_snapshot(name=name), 0))
    yield connection.control
    await connection.close()


async def test_an_alert_goes_back_to_its_collector(peers, fleet):
    await fleet.call("acknowledge", WAIT_S, alert_id="b/llmmon:1", by="ops", note="")
    assert peers[1].asked("acknowledge") == [{"alert_id": "llmmon:1", "by": "ops", "note": ""}]
    assert peers[0].asked("acknowledge") == []
    with pytest.raises(ControlError, match="of no collector"):
        await fleet.call("acknowledge", WAIT_S, alert_id="c/llmmon:1", by="ops", note="")


async def test_a_silence_goes_where_its_matcher_says(peers, fleet):
    silence = {"duration_s": 60, "by": "ops", "comment": ""}
    await fleet.call("silence", WAIT_S, matchers={"rule": "x", "collector": "a"}, **silence)
    assert peers[0].asked("silence") == [{"matchers": {"rule": "x"}, **silence}]
    assert peers[1].asked("silence") == []
    told = await fleet.call("silence", WAIT_S, matchers={"rule": "x"}, **silence)
    assert told == {"id": "a/silence-1 b/silence-1"}
    with pytest.raises(ControlError, match="no collector is called"):
        await fleet.call("silence", WAIT_S, matchers={"collector": "z"}, **silence)


async def test_silences_of_all_are_told_and_ended_by_their_owner(peers, fleet):
    told = await fleet.call("silences", WAIT_S)
    ids = ["a/silence-1", "b/silence-1", "a/silence-2", "b/silence-2"]
    assert [row["id"] for row in told] == ids
    assert told[1]["matchers"]["collector"] == "b"
    await fleet.call("end_silence", WAIT_S, id="b/silence-2", by="ops")
    assert peers[1].asked("end_silence") == [{"id": "silence-2", "by": "ops"}]


async def test_changes_of_alerts_are_in_the_order_of_time(fleet):
    told = await fleet.call("transitions", WAIT_S, limit=5)
    assert len(told) == 5
    assert [row["time_ns"] for row in told] == sorted(row["time_ns"] for row in told)
    assert told[-1]["alert_id"].startswith("b/")
    assert json.loads(told[-1]["labels"])["collector"] == "b"


async def test_a_history_comes_from_the_sketches(fleet):
    params = {"window_s": 300, "points": 2, "end_ns": None}
    told = await fleet.call("history", WAIT_S, where={}, **params)
    history = parse_history(300, told, 0)
    expected = sketch_quantiles(sketch_of([10.0, 500.0, 900.0]), [0.95])[0]
    assert history.metrics["latency_p95"] == (None, expected)
    assert history.metrics["requests"] == (None, 3.0)
    assert history.metrics["request_rate"] == (None, 0.6)
    assert history.metrics["hourly_cost"][1] == pytest.approx(0.003 * 720)
    one = await fleet.call("history", WAIT_S, where={"collector": "a"}, **params)
    assert one["metrics"]["requests"] == [None, 1.0]


async def test_requests_of_all_are_the_newest_or_the_slowest(fleet):
    newest = await fleet.call("requests", WAIT_S, limit=4, only="all", where={}, since_ns=None)
    assert [(row["id"], row["collector"]) for row in newest[:2]] == [
        ("req-0000", "a"),
        ("req-0000", "b"),
    ]
    slowest = await fleet.call("requests", WAIT_S, limit=40, only="slow", where={}, since_ns=None)
    assert slowest[0]["latency_ms"] == 8120.0


async def test_a_trace_is_told_by_whoever_knows_it(peers, fleet):
    def unknown(params):
        raise Refusal("not_found", "no such request")

    peers[0].answers["trace"] = unknown
    told = await fleet.call("trace", WAIT_S, id="x")
    assert [row["id"] for row in told["requests"]] == ["x"]
    peers[1].answers["trace"] = unknown
    with pytest.raises(ControlError, match="a: no such request"):
        await fleet.call("trace", WAIT_S, id="x")


async def test_rows_of_a_query_are_joined_and_sums_are_refused(peers, fleet):
    for peer, rows in zip(peers, ([[1]], [[2], [3]]), strict=True):
        told = {"columns": ["id"], "rows": rows, "truncated": False}
        peer.answers["query"] = lambda params, told=told: told
    told = await fleet.call("query", WAIT_S, sql="SELECT id FROM requests", limit=2)
    assert told == {"columns": ["id"], "rows": [[1], [2]], "truncated": True}
    for sql in ("SELECT Sum(x) FROM t", "SELECT a FROM t GROUP  BY a", "SELECT DISTINCT a FROM t"):
        with pytest.raises(ControlError, match="inside each collector"):
            await fleet.call("query", WAIT_S, sql=sql)
    peers[0].answers["query"] = lambda params: {"columns": ["x"], "rows": [], "truncated": False}
    with pytest.raises(SchemaError):
        await fleet.call("query", WAIT_S, sql="SELECT id FROM requests")


async def test_sums_by_group_are_added_up_where_the_asker_says_how(peers, fleet):
    for peer, rows in zip(
        peers,
        ([["m", 1, None, 5, 5], ["n", 2, 7, 5, 5]], [["n", 3, None, 4, 9]]),
        strict=True,
    ):
        told = {"columns": list("abcde"), "rows": rows, "truncated": False}
        peer.answers["query"] = lambda params, told=told: told
    sql = "SELECT a, sum(b), sum(c), min(d), max(e) FROM t GROUP BY a"
    ways = ["key", "sum", "sum", "min", "max"]
    told = await fleet.call("query", WAIT_S, sql=sql, merge=ways)
    assert told["rows"] == [["m", 1, None, 5, 5], ["n", 5, 7, 4, 9]]
    assert peers[0].asked("query") == [{"sql": sql}]
    with pytest.raises(SchemaError, match="expected 2 columns"):
        await fleet.call("query", WAIT_S, sql=sql, merge=["key", "sum"])


async def test_an_explanation_is_of_all_or_of_the_one_that_is_named(peers, fleet):
    told = await fleet.call("explain", WAIT_S, name="x", labels={})
    assert told["groups_total"] == 2
    assert [group["labels"]["collector"] for group in told["groups"]] == ["a", "b"]
    labels = {"model": "m", "collector": "b"}
    told = await fleet.call("explain", WAIT_S, name="x", labels=labels)
    assert told["groups_total"] == 1
    assert peers[1].asked("explain")[-1] == {"name": "x", "labels": {"model": "m"}}


async def test_a_snapshot_is_merged_for_whoever_asks_once(fleet):
    snapshot = decode_snapshot(await fleet.call("snapshot", WAIT_S, by="model"))
    assert snapshot.window(300).total["requests"] == 3
    with pytest.raises(ControlError, match="the past of several"):
        await fleet.call("snapshot", WAIT_S, by="model", at_ns=1)


async def test_a_snapshot_names_who_cannot_be_added_up(peers, fleet):
    del peers[0].answers["parts"]
    snapshot = decode_snapshot(await fleet.call("snapshot", WAIT_S, by="model"))
    assert snapshot.problems == ("a: too old to be added up: upgrade it, not in these numbers",)
    del peers[1].answers["parts"]
    with pytest.raises(SchemaError, match="upgrade it"):
        await fleet.call("snapshot", WAIT_S, by="model")


async def test_what_cannot_be_asked_of_several_is_refused(fleet):
    with pytest.raises(ControlError, match="status cannot be asked of several collectors"):
        await fleet.call("status", WAIT_S)


async def test_who_is_away_is_not_asked_in_vain(tmp_path, peers):
    targets = [Target(peers[0].address), Target(parse_address(f"ipc://{tmp_path}/nobody"))]
    connection = FleetConnection(targets, lambda news: None, lambda: AT_NS)
    assert len(await connection.control.call("silences", 0.3)) == 2
    with pytest.raises(UnreachableError):
        await connection.control.call("end_silence", 0.1, id=f"{targets[1].address.text}/x", by="")
    await connection.close()


async def test_one_that_has_gone_does_not_keep_answers_waiting(peers):
    connection = FleetConnection(
        [Target(peer.address) for peer in peers], lambda news: None, lambda: AT_NS
    )
    for one, name in zip(connection.feed.collectors, "ab", strict=True):
        one.take(Arrived(busy_snapshot(name=name), 0))
    connection.feed.collectors[0].take(Lost("no answer", 1, 0.5))
    told = await connection.control.call("transitions", WAIT_S, limit=3)
    assert {row["alert_id"].split("/")[0] for row in told} == {"b"}
    assert peers[0].asked("transitions") == []
    connection.feed.collectors[1].take(Lost("no answer", 1, 0.5))
    await connection.control.call("transitions", WAIT_S, limit=3)
    assert len(peers[0].asked("transitions")) == 1
    await connection.close()


def test_sums_beyond_64_bits_travel_as_text():
    rows = ([["m", str(2**70), "1"]], [["m", 5, None]])
    told = [
        (name, {"columns": ["model", "pico", "n"], "rows": one, "truncated": False})
        for name, one in zip("ab", rows, strict=True)
    ]
    assert merge_sums(told, ("key", "sum", "sum"))["rows"] == [["m", 2**70 + 5, 1]]
    told[0][1]["rows"][0][1] = "much"
    with pytest.raises(SchemaError, match="expected a number to add up"):
        merge_sums(told, ("key", "sum", "sum"))
