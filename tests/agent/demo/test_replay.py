from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from llmmon.demo.replay import MAX_BUFFERED, STALLED_S, Throttle, replay_rows
from llmmon.demo.trace import BadRow, TraceRow
from llmmon.errors import UnreachableError
from llmmon.results import Stats

NOW_NS = 1_700_000_000 * 10**9


class ManualPace:
    """Time that passes only by sleeping; whoever sleeps may find the collector at work."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def wall_ns(self) -> int:
        return NOW_NS + int(self.now_s * 1e9)

    def mono_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_sleep()


class Agent:
    """Counts as the real one does; acknowledges when told to."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.acknowledged = 0
        self.most_buffered = 0

    def send(self, fields: Mapping[str, Any]) -> None:
        self.sent.append(fields)
        self.most_buffered = max(self.most_buffered, len(self.sent) - self.acknowledged)

    def stats(self) -> Stats:
        emitted = len(self.sent)
        return Stats(
            emitted=emitted,
            acknowledged=self.acknowledged,
            lost={},
            buffered=emitted - self.acknowledged,
            connected=True,
            open_requests=0,
            endpoint="",
            service="",
        )

    def acknowledge_all(self) -> None:
        self.acknowledged = len(self.sent)


def play(rows: list[Any], speed: float | None, pace: ManualPace, agent: Agent) -> Any:
    throttle = Throttle(agent.stats, pace, "ipc:///x")
    return replay_rows(rows, agent.send, throttle, pace, speed)


def test_rows_keep_their_distance_divided_by_the_speed() -> None:
    pace, agent = ManualPace(), Agent()
    rows = [TraceRow(n, 100.0 + 10 * n, {"model": "m"}) for n in range(3)]
    play(rows, 5.0, pace, agent)
    starts_s = [(fields["start_ns"] - NOW_NS) / 1e9 for fields in agent.sent]
    assert starts_s == [0.0, 2.0, 4.0]


def test_a_request_began_its_latency_ago() -> None:
    pace, agent = ManualPace(), Agent()
    play([TraceRow(2, 0.0, {"latency_ms": 1500.0})], 1.0, pace, agent)
    assert agent.sent == [{"start_ns": NOW_NS - 1_500_000_000, "latency_ms": 1500.0}]


def test_max_does_not_wait_and_neither_do_rows_without_a_time() -> None:
    pace, agent = ManualPace(), Agent()
    play([TraceRow(2, 0.0, {}), TraceRow(3, 99.0, {})], None, pace, agent)
    play([TraceRow(2, None, {}), TraceRow(3, None, {})], 1.0, pace, agent)
    assert pace.now_s == 0.0
    assert len(agent.sent) == 4


def test_times_that_step_back_do_not_wait() -> None:
    pace, agent = ManualPace(), Agent()
    play([TraceRow(2, 50.0, {}), TraceRow(3, 0.0, {})], 1.0, pace, agent)
    assert pace.now_s == 0.0


def test_bad_rows_are_counted_and_the_first_are_kept() -> None:
    rows = [BadRow(n, "why") for n in range(50)]
    outcome = play([*rows, TraceRow(60, None, {})], None, ManualPace(), Agent())
    assert (outcome.sent, outcome.skipped) == (1, 50)
    assert outcome.bad == rows[:20]


def test_a_slow_collector_holds_the_replay_back_below_the_agents_bound() -> None:
    pace, agent = ManualPace(), Agent()
    pace.on_sleep = agent.acknowledge_all
    play([TraceRow(n, None, {}) for n in range(30_000)], None, pace, agent)
    assert len(agent.sent) == 30_000
    assert agent.most_buffered <= MAX_BUFFERED + 250


def test_a_collector_that_acknowledges_nothing_is_unreachable() -> None:
    pace, agent = ManualPace(), Agent()
    with pytest.raises(UnreachableError, match="ipc:///x"):
        play([TraceRow(n, None, {}) for n in range(30_000)], None, pace, agent)
    assert pace.now_s == pytest.approx(STALLED_S, abs=0.1)


def test_a_collector_that_is_merely_slow_is_waited_for() -> None:
    pace, agent = ManualPace(), Agent()

    def acknowledge_a_few() -> None:
        agent.acknowledged += 1

    pace.on_sleep = acknowledge_a_few
    play([TraceRow(n, None, {}) for n in range(13_000)], None, pace, agent)
    assert pace.now_s > STALLED_S
    assert len(agent.sent) == 13_000
