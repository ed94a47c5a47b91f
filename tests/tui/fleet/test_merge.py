"""Several collectors as one: numbers are added up, never averaged, and who is missing is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleet import part_of, parts_of, sketch_of
from support.snapshots import AT_NS, alert, budget, busy_snapshot, channel, check, ingest, slo

from llmmon.protocol.sketch import sketch_quantiles
from llmmon.protocol.snapshot import Limit
from llmmon_tui.fleet.merge import Member, merge
from llmmon_tui.fleet.names import join_id, split_id, unique_names
from llmmon_tui.link import COLLECTOR, CollectorState, LinkState

LATENCIES = st.lists(st.floats(1, 60_000), max_size=30)
SHARES = st.dictionaries(st.sampled_from(("gpt-4o", "m", "claude")), LATENCIES, max_size=3)


def member(name, share=None, *, age_s=0.2, link=LinkState.LIVE, reason="", head=None, **changes):
    snapshot = busy_snapshot(name=name, **changes)
    parts = parts_of({"gpt-4o": [100.0]} if share is None else share, **(head or {}))
    return Member(CollectorState(name, "tcp://x:1", link, age_s), snapshot, parts, reason)


@given(st.lists(SHARES, min_size=1, max_size=3))
def test_a_merged_percentile_is_that_of_all_requests(shares):
    told = merge([member(str(i), share) for i, share in enumerate(shares)], 1).window(300)
    latencies = [value for share in shares for values in share.values() for value in values]
    assert told.total["requests"] == len(latencies)
    assert told.total["latency_p95"] == sketch_quantiles(sketch_of(latencies), [0.95])[0]
    assert told.total["cost_usd"] == len(latencies) / 1000
    assert told.quality_buckets == (0, 0, 0, 0, len(latencies))
    for group in told.groups:
        mine = [v for share in shares for v in share.get(group.labels["model"], ())]
        assert group.metrics["requests"] == len(mine) > 0
        assert group.metrics["latency_p50"] == sketch_quantiles(sketch_of(mine), [0.5])[0]


def test_a_percentile_is_not_the_mean_of_percentiles():
    fast, slow = {"m": [10.0] * 99}, {"m": [1000.0]}
    total = merge([member("a", fast), member("b", slow)], 1).window(300).total
    assert total["latency_p95"] == pytest.approx(10, rel=0.01)
    assert total["latency_max"] == pytest.approx(1000, rel=0.01)


def test_every_window_has_its_whole_and_the_chosen_one_its_groups():
    snapshot = merge([member("a"), member("b")], 1)
    assert [(view.window_s, len(view.groups)) for view in snapshot.windows] == [
        (60, 0),
        (300, 1),
        (3600, 0),
        (86_400, 0),
    ]
    assert {view.total["requests"] for view in snapshot.windows} == {2}
    assert snapshot.window(60).total["open_requests"] == 4
    assert snapshot.window(300).groups[0].metrics["open_requests"] is None


def test_the_window_before_is_told_where_all_know_it():
    def with_before(known):
        parts = parts_of({}, windows=((300, known),))
        rows = (part_of([5.0]), part_of([7.0]))[: 1 + known]
        return replace(member("b"), parts=replace(parts, rows=rows))

    known = merge([with_before(True), with_before(True)], 1).window(300).previous
    assert (known["requests"], known["hourly_cost"]) == (2, None)
    assert merge([with_before(True), with_before(False)], 1).window(300).previous == {}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"age_s": 12.0}, "b: no answer for 12s, not in these numbers"),
        ({"link": LinkState.RECONNECTING}, "b: no answer for 0s, not in these numbers"),
        (
            {"link": LinkState.MISMATCH, "reason": "protocol version 9"},
            "b: protocol version 9, not in these numbers",
        ),
    ],
)
def test_who_is_away_is_left_out_and_named(changes, line):
    snapshot = merge([member("a"), member("b", **changes)], 1)
    assert snapshot.window(300).total["requests"] == 1
    assert snapshot.problems == (line,)
    assert snapshot.ingest.agents == ingest().agents
    assert {view.name.split("/")[0] for view in snapshot.health} == {"a"}
    assert {one.labels[COLLECTOR] for one in snapshot.alerts} == {"a", "b"}


def test_who_never_answered_or_cannot_be_added_up_is_named():
    silent = Member(CollectorState("tcp://b:1", "tcp://b:1", LinkState.CONNECTING, None))
    old = replace(member("c"), parts=None, reason="too old to be added up: upgrade it")
    late = replace(member("d"), parts=None)
    assert merge([member("a"), silent, old, late], 1).problems == (
        "tcp://b:1: no answer yet, not in these numbers",
        "c: too old to be added up: upgrade it, not in these numbers",
        "d: no answer yet, not in these numbers",
    )
    assert merge([silent, old], 1) is None


def test_alerts_come_worst_first_and_say_whose_they_are():
    mild = alert(severity="warning", labels={})
    a = member("a", alerts=(mild, alert(id="x", state="resolved")))
    b = member("b", alerts=(alert(id="y"), alert(id="z", since_ns=AT_NS)))
    alerts = merge([a, b], 1).alerts
    assert [one.id for one in alerts] == ["b/z", "b/y", f"a/{mild.id}", "a/x"]
    assert alerts[0].labels == {"provider": "openai", "model": "gpt-4o", "collector": "b"}


def test_everything_else_says_whose_it_is():
    told = {"health": (check("disk"),), "channels": (channel("slack"),), "note": "replay"}
    told |= {"slos": (slo(),), "budgets": (budget(),), "problems": ("disk full",)}
    snapshot = merge([member("a", **told), member("b", **told, at_ns=AT_NS - 5)], 7)
    assert [view.name for view in snapshot.health] == ["a/disk", "b/disk"]
    assert [view.name for view in snapshot.channels] == ["a/slack", "b/slack"]
    assert [view.labels for view in snapshot.slos] == [{"collector": "a"}, {"collector": "b"}]
    assert [view.labels for view in snapshot.budgets] == [{"collector": "a"}, {"collector": "b"}]
    assert snapshot.problems == ("a: disk full", "b: disk full")
    assert snapshot.note == "a: replay; b: replay"
    assert (snapshot.name, snapshot.seq, snapshot.at_ns) == ("a + b", 7, AT_NS - 5)


def test_limits_that_all_share_are_told_once():
    shared = Limit("high_latency", "latency_p95", 300, "above", 5000.0, None)
    own = replace(shared, warning=900.0)
    limits = merge([member("a", limits=(shared,)), member("b", limits=(shared, own))], 1).limits
    assert limits == (shared, replace(own, rule="b/high_latency"))


def test_the_ledgers_are_added_up():
    one = ingest(events_lost={"queue_full": 2, "memory_full": 1}, fold_lag_s=None)
    other = ingest(unpriced_models=("a",), fold_lag_s=3.0)
    told = merge([member("a", ingest=one), member("b", ingest=other)], 1).ingest
    assert told.events_stored == 2 * ingest().events_stored
    assert told.events_lost == {"queue_full": 4, "memory_full": 1}
    assert told.unpriced_models == ("a", "llama-2-70b-chat")
    assert told.fold_lag_s == 3.0


def test_windows_that_one_does_not_keep_and_clocks_that_differ_are_told():
    odd = member("b", {}, at_ns=AT_NS + 60 * 10**9, head={"windows": ((300, False),)})
    snapshot = merge([member("a"), odd], 1)
    assert snapshot.problems == (
        "b: keeps no window of 1m00s, not in that one",
        "b: keeps no window of 1h, not in that one",
        "b: keeps no window of 24h, not in that one",
        "b: its clock is 1m00s ahead of another collector's",
    )


def test_names_are_told_apart():
    told = [("prod", "tcp://a:1"), ("prod", "tcp://b:1"), ("", "ipc:///c"), ("eu", "tcp://d:1")]
    assert unique_names(told) == ["tcp://a:1", "tcp://b:1", "ipc:///c", "eu"]


@given(st.text(max_size=5), st.text(max_size=5), st.text("a/", max_size=4))
def test_ids_go_back_to_where_they_came_from(name, other, id_):
    owner = split_id(join_id(name, id_), [name, other])
    assert owner is not None
    assert join_id(*owner) == join_id(name, id_)
    assert split_id("x" + join_id(name, id_), [name + "y"]) is None
