"""The collector is killed again and again under load: exact to the event and to the pico-dollar."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.collector import CollectorProcess, eventually
from support.report import Report

KILLS = 100
CONTROL_KILLS = 12
SERVICES = 3
PRICES = '[[price]]\nmodel = "gpt-4o"\ninput_per_mtok = 2.5\noutput_per_mtok = 10\n'
INPUT_PICO, OUTPUT_PICO = 2_500_000, 10_000_000

SERVICE = """
import sys, threading, time
import llmmon
llmmon.init(service=sys.argv[2], environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ending.set()), daemon=True).start()
sent = tokens = 0
while not ending.is_set():
    for _ in range(40):
        sent += 1
        tokens += sent % 5000
        llmmon.record("chat", provider="openai", model="gpt-4o", latency_ms=1.0 + sent % 900,
                      input_tokens=sent % 5000, output_tokens=1, user_id=f"u{sent}")
    time.sleep(0.01)
    if llmmon.stats().buffered > 8000:
        llmmon.flush(timeout_s=30)
outcome = llmmon.flush(timeout_s=120)
print(sent, tokens, outcome.pending, sum(llmmon.stats().lost.values()), flush=True)
"""

ACKNOWLEDGES_BEFORE_THE_COMMIT = """
import threading
from llmmon_collector.journal import Journal
from llmmon_collector.main import main
append = Journal.append
def later(self, bodies):
    threading.Timer(0.2, append, (self, list(bodies))).start()
    return self.end
Journal.append = later
main()
"""

# it answers a greeting as if it had nothing, and late, so that kills fall between commit and answer
TAKES_WHATEVER_COMES = """
import time
from llmmon_collector.intake.ledger import Group, Verdict
from llmmon.protocol.wire import Message, decode_message, encode_message
from llmmon_collector.intake.session import Session
from llmmon_collector.main import main
from llmmon_collector.store import duck, streams
def book(known, committed):
    fresh = [item for item in committed if item.batch is not None]
    return streams.book(known, committed)._replace(fresh=fresh)
work = Session.work
def late(self, incoming):
    answers = work(self, incoming)
    time.sleep(0.1)
    return answers
state = Session._state
def forgetful(self, message, stream):
    frames = state(self, message, stream)
    if message is Message.WELCOME:
        _, header, payload = decode_message(frames)
        return encode_message(message, header._replace(seq=0), payload)
    return frames
Session._state = forgetful
Session.work = late
Group.judge = lambda self, header: Verdict.TAKE
duck.book = book
main()
"""


class Count(NamedTuple):
    """What a service says."""

    sent: int
    tokens: int
    pending: int
    lost: int


@pytest.fixture
def start() -> Iterator[Callable[..., CollectorProcess]]:
    """Makes a started collector; ``program`` is what Python runs in its place."""
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    made: list[CollectorProcess] = []

    def make(*program: str) -> CollectorProcess:
        made.append(CollectorProcess(directory, PRICES, program or ("-m", "llmmon_collector")))
        made[-1].start()
        return made[-1]

    yield make
    for process in made:
        process.close()
    shutil.rmtree(directory)


def run(collector: CollectorProcess, kills: int) -> tuple[list[Count], list[dict[str, Any]]]:
    """What the services count, and what is stored of each, after so many kills."""
    rng = random.Random(1)
    services = [
        subprocess.Popen(
            [sys.executable, "-c", SERVICE, collector.address, f"s{i}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(SERVICES)
    ]
    for _ in range(kills):
        time.sleep(rng.uniform(0.05, 0.6))
        collector.kill()
        collector.start()
    counts = [Count(*map(int, service.communicate("\n", 300)[0].split())) for service in services]
    eventually(lambda: _unfolded_bytes(collector) == 0, 120, "the store does not follow")
    rows = collector.query(
        "SELECT service, count(*) AS n, sum(input_tokens) AS tokens, "
        "count(DISTINCT user_id) AS users, sum(cost_pico_usd)::VARCHAR AS pico_usd "
        "FROM requests GROUP BY service ORDER BY service"
    )
    return counts, rows


def _unfolded_bytes(collector: CollectorProcess) -> int:
    status = json.loads(collector.client("status", "--json"))
    return int(status["collector"]["unfolded_bytes"])


@pytest.mark.timeout(900)
def test_a_collector_killed_under_load_loses_and_repeats_nothing(
    start: Callable[..., CollectorProcess], report: Report
) -> None:
    counts, rows = run(start(), KILLS)
    exact = [
        {
            "service": f"s{i}",
            "n": count.sent,
            "tokens": count.tokens,
            "users": count.sent,
            "pico_usd": str(count.tokens * INPUT_PICO + count.sent * OUTPUT_PICO),
        }
        for i, count in enumerate(counts)
    ]
    assert [(count.pending, count.lost) for count in counts] == [(0, 0)] * SERVICES
    assert rows == exact
    sent = sum(count.sent for count in counts)
    usd = sum(int(row["pico_usd"]) for row in rows) / 1e12
    report(
        f"collector SIGKILL x{KILLS} under load",
        f"{sent} events of {usd:.6f} USD sent, 0 lost, 0 repeated, 0 pico-USD off",
    )


@pytest.mark.timeout(300)
def test_control_acknowledging_before_the_commit_loses(
    start: Callable[..., CollectorProcess], report: Report
) -> None:
    counts, rows = run(start("-c", ACKNOWLEDGES_BEFORE_THE_COMMIT), CONTROL_KILLS)
    sent, users = sum(count.sent for count in counts), sum(row["users"] for row in rows)
    assert users < sent
    report("  control: acknowledged before the commit", f"{sent - users} of {sent} lost")


@pytest.mark.timeout(300)
def test_control_taking_what_comes_again_repeats(
    start: Callable[..., CollectorProcess], report: Report
) -> None:
    counts, rows = run(start("-c", TAKES_WHATEVER_COMES), CONTROL_KILLS)
    sent, stored = sum(count.sent for count in counts), sum(row["n"] for row in rows)
    assert stored > sent
    report("  control: no recognition of what came before", f"{stored - sent} of {sent} repeated")
