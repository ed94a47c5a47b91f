"""Parts: what they add up to is what one collector would have told that had seen everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.live import NOW_NS, SECOND, new_live, request_batch, row

from llmmon.protocol.merging import derive, merge_groups, merge_parts, quality_buckets, requests_of
from llmmon.protocol.parts import Parts, decode_history, decode_parts
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.parts import Tick, build_history, build_parts
from llmmon_collector.series import grouping_of
from llmmon_collector.windows.history import HISTORY_METRICS

WINDOWS_S = (60, 300, 3600)
TICK = Tick(7, NOW_NS, NOW_NS - SECOND)
MODELS = ("gpt-4o", "unpriced", "m")
SHARE = st.floats(0, 1, width=32)
TOKENS = st.none() | st.integers(0, 5000)
ROWS = st.fixed_dictionaries(
    {
        "age_s": st.floats(0, 500),
        "latency_ms": st.none() | st.floats(0, 60_000, width=32),
        "ttft_ms": st.none() | st.floats(0, 2_000, width=32),
        "max_gap_ms": st.none() | st.floats(0, 500, width=32),
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
        "cached_tokens": TOKENS,
        "error": st.none() | st.just("timeout"),
        "quality": st.none() | SHARE,
        "safety": st.none() | SHARE,
        "refusal": st.none() | SHARE,
    }
)
STREAM = st.lists(
    st.tuples(ROWS, st.sampled_from(MODELS), st.sampled_from(("a", "b")), st.integers(0, 2)),
    max_size=25,
)
Request = tuple[dict[str, Any], str, str, int]


def live_of(stream: Sequence[Request]) -> LiveMetrics:
    """A collector that has been watching for ten minutes and seen ``stream``."""
    live = new_live(WINDOWS_S)
    live.advance(NOW_NS - 600 * SECOND, Open(0, 0))
    for fields, model, service, _ in stream:
        kept = {name: value for name, value in fields.items() if value is not None}
        live.add([request_batch([row(**kept)], model=model, service=service)], NOW_NS, warm=True)
    live.advance(NOW_NS, Open(len(stream), 1))
    return live


def parts_of(live: LiveMetrics, window_s: int = 300, by: str = "model") -> Parts:
    return decode_parts(build_parts(live, TICK, window_s, by))


def same(told: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    known = {name: expected[name] for name in told}
    assert told == pytest.approx(known, rel=1e-12, abs=0)


@settings(max_examples=40, deadline=None)
@given(STREAM, st.sampled_from(WINDOWS_S), st.sampled_from(("model", "service", "route")))
def test_metrics_of_parts_are_those_of_the_snapshot(
    stream: list[Request], window_s: int, by: str
) -> None:
    live = live_of(stream)
    parts = parts_of(live, window_s, by)
    for each_s, (whole, before) in parts.wholes().items():
        same(derive(whole, each_s), live.table(each_s).row(0))
        assert quality_buckets(whole) == live.windows.quality_buckets(each_s)
        previous = live.windows.previous(each_s)
        if before is None:
            assert not previous.requests.any()
        else:
            told = derive(before, each_s) | {"hourly_cost": None, "daily_cost": None}
            same(told, previous.row(0))
    busy = live.table(window_s, grouping_of(by)).busy()
    told_groups = [pair for pair in parts.groups() if requests_of(pair[1])]
    assert [labels for labels, _ in told_groups] == [labels for labels, _ in busy]
    for (_, part), (_, metrics) in zip(told_groups, busy, strict=True):
        same(derive(part, window_s), metrics)


@settings(max_examples=40, deadline=None)
@given(STREAM, st.sampled_from(WINDOWS_S))
def test_parts_of_a_split_stream_add_up_to_the_whole(stream: list[Request], window_s: int) -> None:
    whole = live_of(stream)
    shares = [parts_of(live_of([r for r in stream if r[3] == i]), window_s) for i in range(3)]
    totals = [share.wholes()[window_s][0] for share in shares]
    same(derive(merge_parts(totals), window_s), whole.table(window_s).row(0))
    merged = merge_groups(pair for share in shares for pair in share.groups())
    told = {tuple(labels.values()): part for labels, part in merged if requests_of(part)}
    busy = whole.table(window_s, grouping_of("model")).busy()
    assert told.keys() == {tuple(labels.values()) for labels, _ in busy}
    for labels, metrics in busy:
        same(derive(told[tuple(labels.values())], window_s), metrics)


@settings(max_examples=20, deadline=None)
@given(STREAM, st.booleans())
def test_a_history_is_made_of_its_parts(stream: list[Request], narrowed: bool) -> None:
    live = live_of(stream)
    members = None
    if narrowed:
        members = live.series.group(("model",)).codes == 1
    told = decode_history(build_history(live, 300, 20, NOW_NS, members))
    history = live.windows.history(300, 20, NOW_NS, members)
    assert (told.start_ns, told.step_ns) == (history.start_ns, history.step_ns)
    shared = [name for name in HISTORY_METRICS if name not in _RATES]
    for i, (part, seconds) in enumerate(zip(told.rows, told.seconds, strict=True)):
        if seconds:
            metrics = derive(part, seconds)
            got = {n: float("nan") if metrics[n] is None else metrics[n] for n in shared}
            expected = {name: float(history.values[name][i]) for name in shared}
            assert got == pytest.approx(expected, rel=1e-12, abs=0, nan_ok=True)


_RATES = {"input_tokens", "output_tokens", "hourly_cost"}
"""Rates in a history, sums in a window."""


def test_a_group_that_only_cost_something_today_is_told_too() -> None:
    live = live_of([({"age_s": 200.0, "input_tokens": 1000}, "gpt-4o", "a", 0)])
    ((labels, part),) = parts_of(live, 60).groups()
    assert labels["model"] == "gpt-4o"
    assert requests_of(part) == 0
    assert derive(part, 60)["daily_cost"] == pytest.approx(0.0025)


def test_the_head_says_what_the_parts_are_of() -> None:
    head = parts_of(live_of([({"age_s": 1.0}, "m", "a", 0)])).head
    assert (head.seq, head.at_ns, head.started_ns) == TICK
    assert (head.window_s, head.by) == (300, "model")
    assert (head.open_requests, head.stalled_requests) == (1, 1)
    assert head.windows == ((60, True), (300, True), (3600, False))
