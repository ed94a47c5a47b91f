"""Agents whose collector is away, whose process is killed, that fork: with real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmmon
from llmmon.monitor import default
from llmmon.protocol.event import Kind

Until = Callable[[Callable[[], object]], None]

INIT = """
import llmmon, os, signal, sys
llmmon.init(service="shop", environment="test", endpoint=sys.argv[1], flush_interval_s=0.02)
"""


def start(collector: Any, code: str, prelude: str = INIT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", prelude + textwrap.dedent(code), collector.endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(collector: Any, code: str, prelude: str = INIT) -> str:
    process = start(collector, code, prelude)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, ""), errors
    return output


def kill_when_it_says_so(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    told = process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    return told


def bound_memory(record: Callable[[], object]) -> None:
    """Leave the sender, which ``record`` starts, so little memory that it is full soon."""
    record()
    llmmon.flush(timeout_s=0.1)
    assert default.sender is not None
    assert default.sender.delivery is not None
    default.sender.delivery.max_bytes = 1 << 17


def files_of(spool_dir: Path) -> list[Path]:
    return [path for path in spool_dir.rglob("*") if path.is_file()]


def test_nothing_is_written_while_the_collector_answers(service: Any, spool_dir: Path) -> None:
    service.start()
    for number in range(2000):
        llmmon.record("chat", latency_ms=number)
    assert llmmon.flush(timeout_s=15).pending == 0
    llmmon.shutdown(timeout_s=10)
    assert not spool_dir.exists()


def test_without_an_answer_events_go_to_disk_and_come_back_from_there(
    service: Any, until: Until, spool_dir: Path
) -> None:
    ids = [llmmon.record("chat") for _ in range(600)]
    until(lambda: llmmon.stats().spooled == 600)
    ids += [llmmon.record("chat") for _ in range(50)]
    until(lambda: llmmon.stats().spooled == 650)
    stats = llmmon.stats()
    assert (stats.buffered, stats.lost) == (650, {})
    assert files_of(spool_dir)
    service.start()
    ids += [llmmon.record("chat") for _ in range(50)]
    assert llmmon.flush(timeout_s=15).pending == 0
    assert [row["id"] for row in service.requests] == ids
    until(lambda: [path.name for path in files_of(spool_dir)] == ["lock"])
    llmmon.shutdown(timeout_s=10)
    assert not files_of(spool_dir)
    until(lambda: service.byes)
    assert [header.first_event for header, _ in service.byes] == [700]


def test_what_is_in_flight_and_unanswered_is_on_disk_too(service: Any, until: Until) -> None:
    service.start()
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=10).pending == 0
    service.hung = True
    ids = [llmmon.record("chat") for _ in range(10)]
    until(lambda: llmmon.stats().spooled == 10)
    service.hung = False
    assert llmmon.flush(timeout_s=15).pending == 0
    assert [row["id"] for row in service.requests][1:] == ids
    assert llmmon.stats().spooled == 0


def test_a_killed_process_is_delivered_by_the_next_once(
    collector: Any, until: Until, spool_dir: Path
) -> None:
    process = start(
        collector,
        """
        import time
        for _ in range(3000):
            llmmon.record("dead")
        while llmmon.stats().spooled < 3000:
            time.sleep(0.01)
        print("spooled", flush=True)
        signal.pause()
        """,
    )
    assert kill_when_it_says_so(process) == "spooled\n"
    assert files_of(spool_dir)
    collector.start()
    told = run(
        collector,
        """
        import time
        for _ in range(100):
            llmmon.record("heir")
        while llmmon.stats().adopted < 3000:
            time.sleep(0.01)
        print(llmmon.flush(timeout_s=15).pending, llmmon.stats().acknowledged)
        """,
    )
    assert told == "0 100\n"
    ids = [row["id"] for row in collector.requests]
    assert len(ids) == len(set(ids)) == 3100
    assert len(collector.committed) == 2
    assert collector.lost == 0
    assert not files_of(spool_dir)


def test_killed_while_the_collector_takes_it_no_batch_is_taken_twice(
    collector: Any, until: Until, spool_dir: Path
) -> None:
    process = start(
        collector,
        """
        import time
        for _ in range(3000):
            llmmon.record("dead")
        while llmmon.stats().spooled < 3000:
            time.sleep(0.01)
        print("spooled", flush=True)
        while llmmon.stats().acknowledged < 500:
            time.sleep(0.0001)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spooled\n"
    collector.start()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    run(
        collector,
        """
        import time
        llmmon.record("heir")
        while not llmmon.stats().acknowledged or any(
            name != "lock" for _, _, names in os.walk(os.environ["LLMMON_SPOOL_DIR"])
            for name in names
        ):
            time.sleep(0.01)
        """,
    )
    ids = [row["id"] for row in collector.requests]
    assert len(ids) == len(set(ids)) == 3001


def test_a_process_that_ends_without_a_collector_leaves_all_to_the_next(
    collector: Any, until: Until, spool_dir: Path
) -> None:
    run(
        collector,
        """
        for _ in range(700):
            llmmon.record("first")
        llmmon.shutdown(timeout_s=0.1)
        llmmon.record("too late")
        assert llmmon.stats().lost == {"shutdown": 1}, llmmon.stats()
        assert llmmon.stats().spooled == 700, llmmon.stats()
        """,
    )
    assert len([path for path in files_of(spool_dir) if path.suffix == ".seg"]) == 2
    collector.start()
    run(
        collector,
        """
        import time
        llmmon.record("second")
        while llmmon.stats().adopted < 700:
            time.sleep(0.01)
        """,
    )
    until(lambda: len(collector.byes) == 2)
    assert sorted(header.first_event for header, _ in collector.byes) == [1, 700]
    by_epoch = Counter(row["epoch"] for row in collector.requests)
    assert by_epoch[min(by_epoch)] == 700
    assert not files_of(spool_dir)


def test_another_collector_is_not_given_what_this_one_may_have(
    collector: Any, tmp_path_factory: pytest.TempPathFactory, spool_dir: Path
) -> None:
    run(collector, 'llmmon.record("first"); llmmon.shutdown(timeout_s=0.1)')
    other = type(collector)(tmp_path_factory.mktemp("other"))
    other.start()
    try:
        run(other, 'llmmon.record("second"); assert llmmon.flush(timeout_s=15).pending == 0')
        assert len(other.requests) == 1
    finally:
        other.close()
    assert files_of(spool_dir)


def test_init_after_shutdown_adopts_what_the_epoch_before_left(service: Any, until: Until) -> None:
    llmmon.record("chat")
    llmmon.shutdown(timeout_s=0.05)
    service.start()
    llmmon.init(service="shop", environment="test", endpoint=service.endpoint)
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=10).pending == 0
    until(lambda: llmmon.stats().adopted == 1)
    assert len({row["epoch"] for row in service.requests}) == len(service.requests) == 2


def test_a_fork_has_a_spool_of_its_own(collector: Any, spool_dir: Path) -> None:
    run(
        collector,
        """
        import time
        llmmon.record("parent")
        while llmmon.stats().spooled < 1:
            time.sleep(0.01)
        pid = os.fork()
        if pid == 0:
            llmmon.record("child")
            llmmon.shutdown(timeout_s=0.05)
            os._exit(0 if llmmon.stats().spooled == 1 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        llmmon.shutdown(timeout_s=0.05)
        assert llmmon.stats().spooled == 1
        """,
    )
    locks = [path for path in files_of(spool_dir) if path.name == "lock"]
    assert len({path.parent.name.split("-")[0] for path in locks}) == 1
    assert len(locks) == 2


def test_a_spool_that_cannot_be_used_is_one_warning_and_memory(
    collector: Any, spool_dir: Path
) -> None:
    spool_dir.write_text("in the way")
    process = start(
        collector,
        """
        import time
        llmmon.record("chat")
        time.sleep(2.5)
        llmmon.shutdown(timeout_s=0.1)
        print(dict(llmmon.stats().lost), llmmon.stats().spooled)
        """,
    )
    output, errors = process.communicate(timeout=60)
    assert output == "{'shutdown': 1} 0\n"
    assert errors.count("the spool fails") == len(errors.splitlines()) == 1


def test_what_a_full_spool_does_not_take_waits_in_memory(service: Any, until: Until) -> None:
    llmmon.init(service="shop", endpoint=service.endpoint, spool_max_bytes=1 << 16)
    ids = [llmmon.record("chat")]
    until(lambda: llmmon.stats().spooled == 1)
    while len(ids) - llmmon.stats().spooled < 9000:
        ids += [llmmon.record("chat", tags={"n": str(n)}) for n in range(1000)]
        llmmon.flush(timeout_s=0.02)
    assert llmmon.stats().lost == {}
    service.start()
    assert llmmon.flush(timeout_s=20).pending == 0
    assert [row["id"] for row in service.requests] == ids


def test_a_spool_lies_where_the_last_init_says(
    service: Any, until: Until, spool_dir: Path, tmp_path_factory: Any
) -> None:
    other = type(service)(tmp_path_factory.mktemp("other"))
    llmmon.record("chat")
    llmmon.flush(timeout_s=0.05)
    llmmon.init(service="renamed", endpoint=other.endpoint, flush_interval_s=0.02)
    try:
        until(lambda: llmmon.stats().spooled == 1)
        assert [path.name.split("-")[0] for path in spool_dir.iterdir()] == ["renamed"]
    finally:
        llmmon.shutdown(timeout_s=0)
        other.close()


def test_beyond_memory_and_spool_the_oldest_goes_and_all_is_counted(
    service: Any, until: Until, spool_dir: Path
) -> None:
    llmmon.init(service="shop", endpoint=service.endpoint, spool_max_bytes=1 << 16)
    recorder = llmmon.recorder("chat", model="m")
    bound_memory(lambda: recorder(0.5))
    total = 1
    while "spool_full" not in llmmon.stats().lost:
        for number in range(500):
            recorder(float(number), 1, 2)
        total += 500
        llmmon.flush(timeout_s=0.02)
    assert sum(path.stat().st_size for path in files_of(spool_dir)) <= 1 << 16
    service.start()
    recorder(1.0)
    assert llmmon.flush(timeout_s=20).pending == 0
    stats = llmmon.stats()
    assert stats.emitted == total + 1 == stats.acknowledged + sum(stats.lost.values())
    assert len(service.requests) == stats.acknowledged
    assert service.lost == sum(stats.lost.values())


def test_under_pressure_logs_are_sampled_and_counted(service: Any, until: Until) -> None:
    llmmon.init(service="shop", endpoint=service.endpoint, spool_max_bytes=1 << 16)
    with open(os.devnull, "w") as nowhere:
        log = llmmon.get_logger("shop", stream=nowhere)
        bound_memory(lambda: log.info("line"))
        while "sampled" not in llmmon.stats().lost:
            for number in range(200):
                log.info("line", number=number, text=os.urandom(40).hex())
            llmmon.flush(timeout_s=0.02)
    service.start()
    assert llmmon.flush(timeout_s=20).pending == 0
    stats = llmmon.stats()
    assert stats.emitted == stats.acknowledged + sum(stats.lost.values())
    assert len(service.rows[Kind.LOG]) == stats.acknowledged
