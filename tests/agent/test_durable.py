"""Durable recording: what a call has returned from is on disk, whatever ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmmon
from llmmon.config import resolve
from llmmon.errors import ConfigError
from llmmon.monitor import default
from llmmon.protocol.event import Kind
from llmmon.testing import capture_events

Until = Callable[[Callable[[], object]], None]

INIT = """
import llmmon, os, signal, sys
llmmon.init(service="shop", environment="test", endpoint=sys.argv[1], flush_interval_s=0.02,
            durable=True)
"""


def start(collector: Any, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", INIT + textwrap.dedent(code), collector.endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def durable(collector: Any) -> Iterator[Any]:
    """The process's agent, durable, pointed at a collector; shut down afterwards."""
    settings: dict[str, Any] = {"service": "shop", "environment": "test", "durable": True}
    llmmon.init(**settings, endpoint=collector.endpoint, flush_interval_s=0.02)
    yield collector
    llmmon.shutdown(timeout_s=0.0)
    llmmon.init(service="shop", endpoint=collector.endpoint, durable=False)
    assert default.durable is None


def segments(spool_dir: Path) -> list[Path]:
    return list(spool_dir.rglob("*.seg"))


def test_all_kinds_arrive_once_and_in_order_and_leave_the_disk(
    durable: Any, until: Until, spool_dir: Path
) -> None:
    durable.start()
    recorder = llmmon.recorder("chat", model="m")
    with open(os.devnull, "w") as nowhere:
        log = llmmon.get_logger("shop", stream=nowhere)
        for number in range(300):
            recorder(float(number), 1, 2)
            with llmmon.track("chat") as request, request.span("retrieval"):
                log.info("line")
            llmmon.score(request.id, "thumbs_up", 1.0)
    assert llmmon.flush(timeout_s=20).pending == 0
    kinds = (Kind.REQUEST, Kind.SPAN, Kind.LOG, Kind.SCORE)
    assert [len(durable.rows[kind]) for kind in kinds] == [600, 300, 300, 300]
    latencies = [row["latency_ms"] for row in durable.requests if row.get("input_tokens") == 1]
    assert latencies == [float(number) for number in range(300)]
    stats = llmmon.stats()
    assert (stats.emitted, stats.acknowledged, stats.lost) == (1500, 1500, {})
    until(lambda: not segments(spool_dir))


def test_when_the_call_returns_the_event_is_on_disk(durable: Any, spool_dir: Path) -> None:
    llmmon.record("chat", tags={"order": "17"})
    (segment,) = segments(spool_dir)
    assert b"order" in segment.read_bytes()
    assert llmmon.stats().buffered == 1


def test_texts_are_redacted_before_they_reach_the_disk(durable: Any, spool_dir: Path) -> None:
    llmmon.init(service="shop", endpoint=durable.endpoint, durable=True, capture_content=True)
    llmmon.record("chat", extra={"query": "mail alice@example.com"})
    written = b"".join(path.read_bytes() for path in segments(spool_dir))
    assert b"mail" in written
    assert b"alice" not in written


@pytest.mark.parametrize("there", [True, False], ids=["collector", "no collector"])
def test_a_process_killed_at_any_moment_loses_nothing_it_was_told_of(
    collector: Any, there: bool, spool_dir: Path
) -> None:
    if there:
        collector.start()
    told: list[str] = []
    for _ in range(5):
        process = start(
            collector,
            """
            while True:
                print(llmmon.record("dead"), flush=True)
            """,
        )
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(200)]
        process.kill()
        told += process.communicate(timeout=60)[0].split()
    if not there:
        collector.start()
    heir = start(
        collector,
        """
        import time
        own = llmmon.record("heir")
        while any(name != "lock" for _, _, names in os.walk(os.environ["LLMMON_SPOOL_DIR"])
                  for name in names):
            time.sleep(0.01)
        print(own, llmmon.flush(timeout_s=10).pending, llmmon.stats().adopted)
        """,
    )
    _, errors = heir.communicate(timeout=60)
    assert errors == ""
    ids = [row["id"] for row in collector.requests]
    assert len(ids) == len(set(ids))
    # the last word of a killed process can be cut short
    whole = {name for name in told if len(name) >= 18}
    assert whole <= set(ids)
    assert collector.lost == 0


def test_threads_and_a_signal_handler_record_at_the_same_time(durable: Any) -> None:
    durable.start()
    handled: list[str] = []
    inside: list[int] = []

    def handle(*_: object) -> None:
        # on a busy machine signals come faster than they are handled: nest, but not for ever
        if len(inside) < 5:
            inside.append(1)
            handled.append(llmmon.record("handler"))
            inside.pop()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)

    def work() -> None:
        for _ in range(400):
            llmmon.record("thread")

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(1500):
            llmmon.record("main")
        for thread in threads:
            thread.join()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert handled
    assert llmmon.flush(timeout_s=30).pending == 0
    stats = llmmon.stats()
    total = 1500 + 4 * 400 + len(handled)
    assert (stats.emitted, stats.acknowledged, stats.lost) == (total, total, {})
    assert len({row["id"] for row in durable.requests}) == len(durable.requests) == total


def test_a_handler_that_raises_out_of_a_call_costs_at_most_that_event(collector: Any) -> None:
    collector.start()
    process = start(
        collector,
        """
        fired = []

        def handler(number, frame):
            fired.append(number)
            raise KeyError

        llmmon.record("first")
        assert llmmon.flush(timeout_s=20).pending == 0
        signal.signal(signal.SIGALRM, handler)
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0003)
                for _ in range(20):
                    llmmon.record("chat")
            except KeyError:
                pass
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        llmmon.record("last")
        assert llmmon.flush(timeout_s=30).pending == 0
        stats = llmmon.stats()
        lost = sum(stats.lost.values())
        assert stats.emitted == stats.acknowledged + lost, stats
        assert lost <= len(fired), (stats, len(fired))
        print(len(fired) > 0, stats.acknowledged)
        """,
    )
    output, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, "")
    assert output == f"True {len(collector.requests)}\n"


def test_forked_children_write_to_spools_of_their_own(collector: Any, spool_dir: Path) -> None:
    process = start(
        collector,
        """
        import threading
        done = threading.Event()

        def emit():
            while not done.is_set():
                llmmon.record("parent")

        thread = threading.Thread(target=emit)
        thread.start()
        rec = llmmon.recorder("child")
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                for n in range(50):
                    rec(float(n))
                os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(pid, 0)
        done.set()
        thread.join()
        print(llmmon.stats().emitted, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (-signal.SIGKILL, "")
    collector.start()
    heir = start(
        collector,
        """
        import time
        llmmon.record("heir")
        while any(name != "lock" for _, _, names in os.walk(os.environ["LLMMON_SPOOL_DIR"])
                  for name in names):
            time.sleep(0.01)
        """,
    )
    assert heir.communicate(timeout=60)[1] == ""
    ids = [row["id"] for row in collector.requests]
    assert len(ids) == len(set(ids)) == int(output) + 10 * 50 + 1
    assert collector.lost == 0


def test_a_full_spool_costs_the_new_event_and_counts_it(durable: Any, until: Until) -> None:
    llmmon.shutdown(timeout_s=0)
    llmmon.init(
        service="full",
        endpoint=durable.endpoint,
        durable=True,
        spool_max_bytes=1 << 16,
        flush_interval_s=0.02,
    )
    for _ in range(1000):
        llmmon.record("chat")
    until(lambda: "spool_full" in llmmon.stats().lost)
    durable.start()
    assert llmmon.flush(timeout_s=20).pending == 0
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=20).pending == 0
    stats = llmmon.stats()
    assert stats.emitted == 1001 == stats.acknowledged + stats.lost["spool_full"]
    assert len(durable.requests) == stats.acknowledged
    assert durable.lost == stats.lost["spool_full"]


def test_without_a_disk_events_go_on_in_memory(durable: Any, spool_dir: Path) -> None:
    spool_dir.write_text("in the way")
    for _ in range(50):
        llmmon.record("chat")
    durable.start()
    assert llmmon.flush(timeout_s=20).pending == 0
    assert len(durable.requests) == 50
    spool_dir.unlink()
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=20).pending == 0
    assert llmmon.stats().lost == {}


def test_a_recorder_made_before_is_not_durable_and_loses_nothing_else(collector: Any) -> None:
    early = llmmon.recorder("early")
    llmmon.init(service="shop", endpoint=collector.endpoint, durable=True, flush_interval_s=0.02)
    try:
        collector.start()
        for _ in range(100):
            early(1.0)
            llmmon.record("late")
        assert llmmon.flush(timeout_s=20).pending == 0
        assert llmmon.stats().emitted == len(collector.requests) == 200
    finally:
        llmmon.shutdown(timeout_s=0.0)
        llmmon.init(service="shop", endpoint=collector.endpoint, durable=False)


def test_turning_it_on_and_off_begins_anew_and_loses_nothing(service: Any) -> None:
    service.start()
    for durable in (False, True, False):
        llmmon.init(service="shop", endpoint=service.endpoint, durable=durable)
        for _ in range(10):
            llmmon.record("chat")
    assert llmmon.flush(timeout_s=20).pending == 0
    assert len({row["epoch"] for row in service.requests}) == 3
    assert len(service.requests) == 30


def test_other_settings_hold_from_the_next_event_on(durable: Any, spool_dir: Path) -> None:
    durable.start()
    settings: dict[str, Any] = {"endpoint": durable.endpoint, "flush_interval_s": 0.02}
    for capture in (True, False, False):
        llmmon.init(service="shop", durable=True, capture_content=capture, **settings)
        llmmon.record("chat", extra={"query": "hello"})
    assert llmmon.flush(timeout_s=20).pending == 0
    assert [row.get("query") for row in durable.requests] == ["hello", None, None]
    assert len({row["epoch"] for row in durable.requests}) == 2


def test_after_shutdown_events_are_counted(durable: Any) -> None:
    llmmon.record("chat")
    llmmon.shutdown(timeout_s=0.05)
    llmmon.record("chat")
    llmmon.recorder("chat")(1.0)
    stats = llmmon.stats()
    assert (stats.emitted, stats.spooled, stats.lost) == (3, 1, {"shutdown": 2})


def test_a_test_of_instrumented_code_sees_events_and_the_disk_does_not(
    durable: Any, spool_dir: Path
) -> None:
    with capture_events() as events:
        llmmon.record("chat")
        assert len(events.requests) == 1
    assert not segments(spool_dir)


def test_it_needs_a_spool() -> None:
    with pytest.raises(ConfigError, match="durable: needs a spool, and spool_dir is 'off'"):
        resolve({"durable": True, "spool_dir": "off"}, {})
    assert resolve({}, {"LLMMON_DURABLE": "1", "LLMMON_SPOOL_DIR": "/x"}).durable
    assert not resolve({}, {}).durable
