"""What viewers are shown: every window, only groups with traffic, nothing made up."""

from __future__ import annotations

from typing import Any

import pytest
from support.live import NOW_NS, SECOND, WINDOWS_S, new_live, request_batch, row
from support.snapshots import alert, check, ingest

from llmmon.protocol.snapshot import GROUPINGS, Limit, decode_snapshot, encode_snapshot
from llmmon_collector.intake.ledger import Totals
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.series import grouping_of
from llmmon_collector.snapshots import (
    Identity,
    IngestState,
    Parts,
    build_snapshot,
    ingest_view,
)

IDENTITY = Identity("prod", "replay", NOW_NS - SECOND)


def parts(**changes: Any) -> Parts:
    fields = {
        "seq": 3,
        "at_ns": NOW_NS,
        "alerts": (alert(),),
        "health": (check("disk"),),
        "limits": (Limit("r", "error_rate", 300, "above", None, 0.05),),
        "ingest": ingest(),
        "problems": ("disk is full",),
    }
    return Parts(**(fields | changes))


@pytest.fixture
def live() -> LiveMetrics:
    live = new_live()
    live.add(
        [
            request_batch([row(relevance=0.9), row(relevance=0.1)]),
            request_batch([row(), row(age_s=30, error="timeout")], model="m", route="/b"),
        ],
        NOW_NS,
    )
    live.advance(NOW_NS, Open(2, 1))
    return live


def test_a_snapshot_has_every_window_and_what_the_other_rooms_say(live: LiveMetrics) -> None:
    said = parts()
    snapshot = build_snapshot(live, WINDOWS_S, "model", IDENTITY, said)
    assert tuple(view.window_s for view in snapshot.windows) == WINDOWS_S
    assert (snapshot.name, snapshot.note, snapshot.started_ns) == IDENTITY
    assert (snapshot.seq, snapshot.at_ns, snapshot.by) == (3, NOW_NS, "model")
    assert snapshot.alerts == said.alerts
    assert snapshot.health == said.health
    assert snapshot.limits == said.limits
    assert snapshot.problems == said.problems
    total = snapshot.window(60).total
    assert (total["requests"], total["errors"], total["open_requests"]) == (4, 1, 2)
    assert snapshot.window(60).quality_buckets == (1, 0, 0, 0, 1)


@pytest.mark.parametrize("by", GROUPINGS)
def test_groups_add_up_to_the_whole_in_every_grouping(live: LiveMetrics, by: str) -> None:
    snapshot = build_snapshot(live, WINDOWS_S, by, IDENTITY, parts())
    for view in snapshot.windows:
        assert sum(group.metrics["requests"] for group in view.groups) == view.total["requests"]
        assert all(set(group.labels) == set(grouping_of(by)) for group in view.groups)


def test_models_are_told_with_their_provider(live: LiveMetrics) -> None:
    snapshot = build_snapshot(live, (60,), "model", IDENTITY, parts())
    labels = [group.labels for group in snapshot.window(60).groups]
    assert {"provider": "openai", "model": "gpt-4o"} in labels
    assert grouping_of("route") == ("route",)


def test_a_group_without_traffic_in_a_window_is_left_out_of_it(live: LiveMetrics) -> None:
    later_ns = NOW_NS + 100 * SECOND
    live.add([request_batch([row(age_s=-99)])], later_ns)
    live.advance(later_ns, Open(0, 0))
    snapshot = build_snapshot(live, WINDOWS_S, "route", IDENTITY, parts())
    assert [group.labels["route"] for group in snapshot.window(60).groups] == ["/ask"]
    assert {group.labels["route"] for group in snapshot.window(300).groups} == {"/ask", "/b"}


def test_the_window_before_is_unknown_until_it_has_been_watched(live: LiveMetrics) -> None:
    assert build_snapshot(live, (60,), "model", IDENTITY, parts()).window(60).previous == {}
    for second in range(1, 121):
        now_ns = NOW_NS + second * SECOND
        live.add([request_batch([row(age_s=-second + 0.5)])], now_ns)
        live.advance(now_ns, Open(0, 0))
    view = build_snapshot(live, (60,), "model", IDENTITY, parts()).window(60)
    assert view.previous["requests"] == 60
    assert view.previous["hourly_cost"] is None


def test_a_collector_that_has_heard_of_nobody_has_empty_windows() -> None:
    live = new_live()
    live.advance(NOW_NS, Open(0, 0))
    view = build_snapshot(live, (60,), "model", IDENTITY, parts()).window(60)
    assert (view.groups, view.previous) == ((), {})
    assert (view.total["requests"], view.total["latency_p95"]) == (0, None)


def test_a_snapshot_survives_the_wire(live: LiveMetrics) -> None:
    snapshot = build_snapshot(live, WINDOWS_S, "model", IDENTITY, parts())
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_the_ledger_is_told_with_what_it_does_not_know() -> None:
    live = new_live(max_series=2)
    live.add([request_batch([row(age_s=n)], model=f"m{n}") for n in (1, 2, 90)], NOW_NS)
    totals = Totals(
        agents=1, stored=10, lost={"queue_full": 2}, in_flight=3, duplicates=4, gone=5, throttled=6
    )
    view = ingest_view(totals, live, IngestState(2.5, 1, ("x",), 0.4))
    assert (view.agents, view.events_stored, view.events_in_flight) == (1, 10, 3)
    assert (view.events_lost, view.duplicates_dropped) == ({"queue_full": 2}, 4)
    assert (view.events_per_second, view.rejected_batches, view.fold_lag_s) == (2.5, 1, 0.4)
    assert (view.series, view.series_limit, view.overflowed_series) == (2, 2, 1)
    assert (view.late_events, view.unpriced_models) == (1, ("x",))
    assert (view.agents_gone, view.batches_throttled) == (5, 6)
