from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from llmmon.demo.corpus import Measured, Pair
from llmmon.demo.player import Player
from llmmon.demo.workload import PlannedRequest, moments
from llmmon.errors import UnreachableError


def request(start_s: float, latency_ms: float = 0.0) -> PlannedRequest:
    measured = Measured("p", "m", 1, latency_ms, None, None, None)
    return PlannedRequest(start_s, measured, 1, Pair("r", "chat", "q", "a", None), "u", "s")


class Recorder:
    """Remembers what was sent, and tells when enough was."""

    def __init__(self, expected: int) -> None:
        self.begun: list[tuple[int, PlannedRequest]] = []
        self.sent: list[tuple[PlannedRequest, int]] = []
        self._expected = expected
        self.enough = threading.Event()

    def begin(self, number: int, planned: PlannedRequest) -> None:
        self.begun.append((number, planned))

    def end(self, number: int, planned: PlannedRequest, start_ns: int) -> None:
        self.sent.append((planned, start_ns))
        if len(self.sent) == self._expected:
            self.enough.set()


def test_the_past_is_sent_at_once_with_its_own_times() -> None:
    recorder = Recorder(3)
    requests = [request(0.0), request(100.0, 2000.0), request(299.0)]
    before_ns = time.time_ns()
    with Player(moments(requests), recorder, lambda: None, history_s=300.0):
        assert recorder.enough.wait(30)
    after_ns = time.time_ns()
    assert [planned for planned, _ in recorder.sent] == requests
    for planned, start_ns in recorder.sent:
        ago_ns = int((300.0 - planned.start_s) * 1e9)
        assert before_ns - ago_ns - 1000 <= start_ns <= after_ns - ago_ns + 1000


def test_the_future_waits_for_its_time() -> None:
    recorder = Recorder(2)
    requests = [request(0.0), request(0.0, latency_ms=3_600_000.0)]
    with Player(moments(requests), recorder, lambda: None, history_s=1.0) as player:
        player.stop()
    assert len(recorder.sent) <= 1


def test_only_what_begins_now_is_begun() -> None:
    recorder = Recorder(2)
    requests = [request(0.0), request(300.0)]
    with Player(moments(requests), recorder, lambda: None, history_s=300.0):
        assert recorder.enough.wait(30)
    assert recorder.begun == [(1, requests[1])]


def test_an_endless_workload_stops_when_told() -> None:
    def endless() -> Iterator[PlannedRequest]:
        while True:
            yield request(0.0)

    recorder = Recorder(1000)
    with Player(moments(endless()), recorder, lambda: None) as player:
        assert recorder.enough.wait(30)
        player.stop()
        count = len(recorder.sent)
    assert len(recorder.sent) == count


def test_a_lost_collector_ends_the_play_and_is_told() -> None:
    def throttle() -> None:
        raise UnreachableError("ipc:///x", 30.0)

    player = Player(moments([request(0.0)]), Recorder(1), throttle)
    with player:
        pass
    assert player.failure is not None
