"""The network between agents and collector is cut again and again, encrypted: sums stay exact."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.collector import eventually
from support.hosts import Hosts, two_hosts
from support.report import Report

CUTS = 20
CONTROL_CUTS = 5
LONG_EVERY = 5
LONG_CUT_S = 8.0
"""TCP sends again what a shorter cut swallowed; after this one both ends have hung up."""
SERVICES = 2
PORT = 9461
PYTHON = sys.executable
CLI = [PYTHON, "-m", "llmmon.cli.main"]

SERVICE = """
import sys, time
import llmmon
llmmon.init(service=sys.argv[1], environment="faults", flush_interval_s=0.05)
sent = 0
while not sys.stdin.readline().startswith("begin"):
    pass
import threading
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ending.set()), daemon=True).start()
while not ending.is_set():
    for _ in range(20):
        sent += 1
        llmmon.record("chat", provider="openai", model="gpt-4o", latency_ms=1.0 + sent % 900,
                      input_tokens=sent % 1000, output_tokens=1, user_id=f"u{sent}")
    time.sleep(0.01)
llmmon.flush(timeout_s=60)
stats = llmmon.stats()
print(sent, sum(n % 1000 for n in range(1, sent + 1)), sum(stats.lost.values()), flush=True)
"""

FORGETFUL = """
from llmmon.delivery.delivery import Delivery
from llmmon.protocol.wire import Message
book_sent = Delivery.sent
def forget(self, outgoing, now_s):
    book_sent(self, outgoing, now_s)
    if outgoing.message is Message.BATCH:
        self.received(Message.ACK, outgoing.seq, {}, now_s)
Delivery.sent = forget
"""


class Site:
    """A collector with keys on the near host; its agents on the far one."""

    def __init__(self, hosts: Hosts, directory: Path) -> None:
        self.hosts = hosts
        self.directory = directory
        self.keys = directory / "keys"
        self.address = f"tcp://{hosts.near_address}:{PORT}"
        self.processes: list[subprocess.Popen[str]] = []

    def make_keys(self) -> None:
        self._keys("server")
        for name, role in (("shop", "agent"), ("anna", "operator")):
            self._keys("new", name, "--role", role)
            self._keys("allow", name)

    def _keys(self, *arguments: str) -> None:
        command = [*CLI, "keys", *arguments, "--dir", str(self.keys)]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        config = self.directory / "llmmon.toml"
        config.write_text(f'[security]\nkeys_dir = "{self.keys}"\n')
        command = [PYTHON, "-m", "llmmon_collector", "--config", config, "--http", ""]
        command += ["--listen", self.address, "--state", self.directory / "state"]
        with (self.directory / "log").open("w") as log:
            near = self.hosts.near_command(command)
            self.processes.append(subprocess.Popen(near, stdout=log, stderr=log, text=True))
        eventually(lambda: self._ask("status") is not None, 30, "the collector does not answer")

    def _ask(self, *arguments: str) -> Any:
        command = [*CLI, *arguments, "--connect", self.address]
        command += ["--key-file", str(self.keys / "anna.key")]
        command += ["--format", "json"] if arguments[0] == "query" else ["--json"]
        done = subprocess.run(
            self.hosts.near_command(command), check=False, capture_output=True, timeout=60
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def query(self, sql: str) -> Any:
        rows = self._ask("query", sql)
        assert rows is not None, (self.directory / "log").read_text()[-2000:]
        return rows

    def service(self, name: str, sabotage: str) -> subprocess.Popen[str]:
        spool = self.directory / "spool"
        environ = [f"LLMMON_ENDPOINT={self.address}", f"LLMMON_KEY_FILE={self.keys / 'shop.key'}"]
        environ.append(f"LLMMON_SPOOL_DIR={spool}")
        command = ["env", *environ, PYTHON, "-c", sabotage + SERVICE, name]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(self.hosts.far_command(command), text=True, **pipes)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def site() -> Iterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    with two_hosts() as hosts:
        site = Site(hosts, directory)
        site.make_keys()
        site.start()
        yield site
        site.close()
    shutil.rmtree(directory)


def run(site: Site, cuts: int, sabotage: str = "") -> tuple[list[list[int]], Sequence[Any]]:
    """What the services counted, and what is stored of each, after so many cuts."""
    rng = random.Random(3)
    names = [f"s{i}" for i in range(SERVICES)]
    services = [site.service(name, sabotage) for name in names]
    _tell(services, "begin")
    for number in range(1, cuts + 1):
        time.sleep(rng.uniform(0.3, 1.5))
        site.hosts.cut()
        short_s = rng.choice([rng.uniform(0.1, 0.6), rng.uniform(1.0, 4.0)])
        time.sleep(short_s if number % LONG_EVERY else LONG_CUT_S)
        site.hosts.mend()
    time.sleep(1.0)
    _tell(services, "end")
    counts = [[*map(int, service.communicate(timeout=120)[0].split())] for service in services]
    stored = site.query(
        "SELECT service, count(*) AS n, sum(input_tokens) AS tokens, count(DISTINCT user_id) AS u "
        "FROM requests GROUP BY service ORDER BY service"
    )
    return counts, stored


def _tell(services: Sequence[subprocess.Popen[str]], word: str) -> None:
    for service in services:
        assert service.stdin is not None
        service.stdin.write(f"{word}\n")
        service.stdin.flush()


@pytest.mark.timeout(400)
def test_cuts_between_two_hosts_lose_and_repeat_nothing(site: Site, report: Report) -> None:
    counts, stored = run(site, CUTS)
    exact = [
        {"service": f"s{i}", "n": sent, "tokens": tokens, "u": sent}
        for i, (sent, tokens, _) in enumerate(counts)
    ]
    assert [lost for *_, lost in counts] == [0] * SERVICES
    assert stored == exact
    total = sum(sent for sent, *_ in counts)
    report("network cut x20 between two hosts, CURVE", f"{total} sent, 0 lost, 0 repeated")


@pytest.mark.timeout(400)
def test_control_an_agent_that_does_not_wait_for_acknowledgements_loses(
    site: Site, report: Report
) -> None:
    counts, stored = run(site, CONTROL_CUTS, FORGETFUL)
    sent, kept = sum(row[0] for row in counts), sum(row["n"] for row in stored)
    # what was under way when both ends hung up, and no more
    assert sent / 4 < kept < sent
    report("  control: sent is as good as acknowledged", f"{sent - kept} of {sent} missing")
