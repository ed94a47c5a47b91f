"""A disk that is full, read-only or slow: no acknowledgement without a commit, a plain error
wherever one looks, recovery without a restart, nothing lost and nothing repeated."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import CollectorProcess, eventually
from support.disk import EVENTS, SUMS, Agent, Rig, exactly, problems
from support.report import Report

RECOVERS_WITHIN_S = 5.0

CARELESS = """
from llmmon_collector.journal import Journal, JournalError
from llmmon_collector.main import main
append = Journal.append
def careless(self, bodies):
    try:
        return append(self, bodies)
    except JournalError:
        return self.end
Journal.append = careless
main()
"""
READ_ONLY_WHEN_TOLD = """
import errno, os, pathlib, sys
from llmmon_collector.main import main
told = pathlib.Path({flag!r})
pwritev = os.pwritev
def refusing(*arguments):
    if told.exists():
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    return pwritev(*arguments)
os.pwritev = refusing
main()
"""
SLOW_SYNC = """
import os, time
from llmmon_collector.main import main
fdatasync = os.fdatasync
def slow(descriptor):
    time.sleep({delay_s})
    fdatasync(descriptor)
os.fdatasync = slow
main()
"""
SYNC_BEHIND_THE_BACK = """
import os, threading, time
from llmmon_collector.main import main
os.fdatasync = lambda descriptor: threading.Thread(target=time.sleep, args=({delay_s},)).start()
main()
"""


@pytest.fixture
def rig() -> Iterator[Rig]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    try:
        made = Rig(directory)
        yield made
        made.close()
    finally:
        shutil.rmtree(directory)


def assert_told_everywhere(rig: Rig, collector: CollectorProcess, reason: str) -> None:
    eventually(lambda: reason in problems(collector), 5, f"status does not say {reason!r}")
    status, text = rig.ready()
    assert (status, reason in text) == (503, True), text
    eventually(lambda: reason in collector.log_text(), 5, "the log does not say it")


def assert_recovers(
    rig: Rig, collector: CollectorProcess, agent: Agent, mend: Callable[[], None]
) -> float:
    """Seconds from ``mend`` to all acknowledged; then everything is there once, twice over."""
    held = agent.acknowledged
    assert held < agent.sent
    agent.hear(2.0)
    assert agent.acknowledged == held, "an acknowledgement without a commit"
    process = collector.process
    mend()
    mended_s = time.monotonic()
    agent.settle(RECOVERS_WITHIN_S)
    took_s = time.monotonic() - mended_s
    eventually(lambda: not problems(collector), RECOVERS_WITHIN_S, "still a problem")
    assert rig.ready()[0] == 200
    assert collector.process is process
    assert collector.query(SUMS) == exactly(agent.sent)
    collector.kill()
    collector.start(http=rig.http)
    assert collector.query(SUMS) == exactly(agent.sent)
    ingest = collector.snapshot()["ingest"]
    assert (ingest["events_stored"], ingest["events_lost"]) == (agent.sent * EVENTS, {})
    return took_s


def run_full(rig: Rig, collector: CollectorProcess) -> Agent:
    """Send until the disk takes no more."""
    agent = rig.agent(collector)
    agent.push(8)
    agent.settle()
    rig.fill(leave_bytes=2 << 20)
    time.sleep(1.1)  # the disk is looked at once a second
    for _ in range(40):
        agent.push(32)
        agent.hear(1.0)
        if agent.acknowledged < agent.sent:
            break
        rig.fill_up()
    return agent


@pytest.mark.timeout(300)
def test_a_full_disk_is_told_and_survived(rig: Rig, report: Report) -> None:
    collector = rig.collector()
    agent = run_full(rig, collector)
    assert_told_everywhere(rig, collector, "No space left on device")
    took_s = assert_recovers(rig, collector, agent, rig.empty)
    report("disk full", f"all acknowledged {took_s:.1f} s after space came, 0 lost, 0 repeated")


@pytest.mark.timeout(300)
def test_before_the_disk_is_full_agents_are_told_to_wait(rig: Rig, report: Report) -> None:
    collector = rig.collector(config="[collector]\nmin_free_bytes = 4_000_000\n")
    agent = run_full(rig, collector)
    assert_told_everywhere(rig, collector, "the disk is nearly full")
    took_s = assert_recovers(rig, collector, agent, rig.empty)
    report("disk nearly full", f"all acknowledged {took_s:.1f} s after space came, 0 lost")


@pytest.mark.timeout(300)
def test_control_acknowledging_what_the_disk_refused_is_seen_as_loss(rig: Rig) -> None:
    collector = rig.collector(CARELESS)
    agent = rig.agent(collector)
    agent.push(8)
    agent.settle()
    rig.fill(leave_bytes=0)
    for _ in range(4):
        agent.push(32)
        agent.settle()
        rig.fill_up()
    rig.empty()
    stored = collector.query(SUMS)[0]["n"]
    assert stored < agent.acknowledged * EVENTS


@pytest.mark.timeout(300)
def test_a_journal_that_turns_read_only_is_told_and_survived(rig: Rig, report: Report) -> None:
    collector = rig.collector(READ_ONLY_WHEN_TOLD.format(flag=str(rig.flag)))
    agent = rig.agent(collector)
    agent.push(8)
    agent.settle()
    rig.flag.touch()
    agent.push(8)
    agent.hear(1.0)
    assert_told_everywhere(rig, collector, "Read-only file system")
    took_s = assert_recovers(rig, collector, agent, rig.flag.unlink)
    report("disk read-only", f"all acknowledged {took_s:.1f} s after, 0 lost, 0 repeated")


def test_a_start_on_a_read_only_disk_is_a_plain_error(rig: Rig, report: Report) -> None:
    ended = rig.read_only_start()
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "Read-only file system" in ended.stderr or "read-only" in ended.stderr.lower()
    report("start on a read-only disk", ended.stderr.strip().splitlines()[-1][:90])


DELAY_S = 0.5


def waits_s(agent: Agent, batches: int) -> list[float]:
    """How long each of some batches, sent one after another, waited for its acknowledgement."""
    waited: list[float] = []
    for _ in range(batches):
        sent_s = time.monotonic()
        agent.push(1)
        agent.settle()
        waited.append(time.monotonic() - sent_s)
    return waited


@pytest.mark.timeout(300)
def test_a_slow_disk_slows_acknowledgements_and_nothing_else(rig: Rig, report: Report) -> None:
    collector = rig.collector(SLOW_SYNC.format(delay_s=DELAY_S))
    agent = rig.agent(collector)
    waited = waits_s(agent, 6)
    assert min(waited) >= DELAY_S
    seq = collector.snapshot()["at"]
    agent.push(64)
    agent.hear(0.1)
    asked_s = time.monotonic()
    assert collector.snapshot()["at"] > seq
    answered_s = time.monotonic() - asked_s
    agent.settle()
    assert collector.query(SUMS) == exactly(agent.sent)
    assert answered_s < 5 * DELAY_S
    report("fdatasync takes 0.5 s", f"acknowledged after {max(waited):.2f} s, 0 lost")


def test_control_not_waiting_for_the_sync_is_seen(rig: Rig) -> None:
    collector = rig.collector(SYNC_BEHIND_THE_BACK.format(delay_s=DELAY_S))
    assert min(waits_s(rig.agent(collector), 6)) < DELAY_S
