"""How long a collector is away on a restart with 10 million requests of 24 hours in its store.

``python -m bench.restart [EVENTS]`` folds requests that ended evenly over the last day straight
into a store, then starts a real collector on it: seconds from ``exec`` to the first answer on the
control socket and to the first answered query, after SIGTERM and after SIGKILL, and whether the
windows that it answers with are those of before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from bench.result import show
from bench.shifting import Shiftable
from bench.traffic import AGENT, BATCH, Traffic
from llmmon.cli.client import ControlClient
from llmmon.errors import ControlError, UnreachableError
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.wire import Envelope, Header, Message, decode_batch
from llmmon_collector.journal import Journal
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.catalogue import ListPrices
from llmmon_collector.store.base import Committed
from llmmon_collector.store.duck import DuckStore

EVENTS: Final = 10_000_000
SERIES: Final = 100
MODELS: Final = 12
SPAN_NS: Final = (86_400 - 900) * 10**9
"""All of it stays in the 24 h window, which forgets ten minutes at a time, for the whole run."""
AWAY_S: Final = 5.0
"""To reach: from the start to the first answer."""
_PAYLOADS: Final = 200
_GROUP: Final = 512
"""Batches folded at once."""
_WAIT_S: Final = 120.0


def main() -> None:
    """Build, start, stop, kill, and print what each start took."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    directory = Path(tempfile.mkdtemp(prefix="llmmon-restart-"))
    collector = _Collector(directory)
    try:
        build_store(directory / "state", events, time.time_ns())
        at = f"{events:,} requests of 24 h"
        collector.report(f"start, {at}, the machine's cache warm")
        before = collector.totals()
        collector.end(signal.SIGTERM)
        collector.report(f"restart after SIGTERM, {at}")
        after_stop = collector.totals()
        collector.end(signal.SIGKILL)
        collector.report(f"restart after SIGKILL, {at}")
        after_kill = collector.totals()
        same = before == after_stop == after_kill
        verdict = "equal" if same else "DIFFERENT"
        row = "24 h window by series, day's cost: before and after both restarts"
        show(row, verdict, "equal", value=int(same), at_least=1)
    finally:
        collector.end(signal.SIGKILL)
        shutil.rmtree(directory)


def build_store(state: Path, events: int, now_ns: int) -> None:
    """A store with ``events`` requests that ended evenly over ``SPAN_NS`` before ``now_ns``."""
    state.mkdir(mode=0o700)
    store = DuckStore(state / "store.duckdb", _list_prices())
    journal = Journal(state / "journal", sync=False)
    with contextlib.closing(store), contextlib.closing(journal):
        group: list[Committed] = []
        for item in _requests(events, now_ns):
            group.append(item)
            if len(group) == _GROUP:
                store.fold(group, journal.end)
                group = []
        store.fold(group, journal.end)
        store.compact(now_ns)


def _list_prices() -> PriceBook:
    catalogue = ListPrices()
    catalogue.load()
    return PriceBook((), catalogue)


def _requests(events: int, now_ns: int) -> Iterator[Committed]:
    """Payloads shifted in time: encoding ten million requests would take minutes."""
    traffic = Traffic(SERIES, MODELS)
    shiftable = [Shiftable(traffic.payload(0)) for _ in range(_PAYLOADS)]
    batches = events // BATCH
    step_ns = SPAN_NS // batches
    for number in range(batches):
        end_ns = now_ns - SPAN_NS + number * step_ns
        payload = shiftable[number % _PAYLOADS].ending(end_ns, step_ns)
        header = Header(AGENT, 1, number + 1, number + 1, number * BATCH, BATCH, end_ns, 0)
        batch = decode_batch(payload, BATCH)
        yield Committed(end_ns, Envelope(Message.BATCH, header, payload), batch)


class _Collector:
    """A collector process on one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._address: Address = parse_address(f"ipc://{directory}/run")
        self._process: subprocess.Popen[bytes] | None = None

    def report(self, name: str) -> None:
        """Start it and print how long the first answers took."""
        began_s = time.monotonic()
        command = [sys.executable, "-m", "llmmon_collector", "--listen", self._address.text]
        command += ["--state", str(self._directory / "state"), "--http", ""]
        environ = {**os.environ, "LLMMON_CONFIG": ""}
        log = (self._directory / "log").open("ab")
        self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        self._first("status", {})
        answered_s = time.monotonic() - began_s
        self._first("query", {"sql": "SELECT count(*) FROM requests WHERE error IS NOT NULL"})
        queried_s = time.monotonic() - began_s
        rss_mb = psutil.Process(self._process.pid).memory_info().rss / 2**20
        show(
            name,
            f"{answered_s:.2f} s to the first answer",
            f"{AWAY_S:g} s",
            value=answered_s,
            at_most=AWAY_S,
        )
        show(f"{name}: to the first query", f"{queried_s:.2f} s, RSS {rss_mb:.0f} MiB")

    def totals(self) -> Any:
        """The 24 h window by series, but for the trailing hour's cost, which moves on."""
        with ControlClient(self._address, _WAIT_S) as control:
            picture = control.call("metrics", {"window_s": 86_400, "by": ["service", "model"]})
        rows = sorted([picture["total"], *picture["series"]], key=str)
        return [{name: row[name] for name in row if name != "hourly_cost"} for row in rows]

    def end(self, number: int) -> None:
        """Signal it and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=_WAIT_S)
            self._process = None

    def _first(self, method: str, params: dict[str, Any]) -> None:
        deadline_s = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline_s:
            with ControlClient(self._address, 0.25) as control:
                try:
                    control.call(method, params)
                except (UnreachableError, ControlError):
                    continue
                return
        raise TimeoutError(f"no answer to {method} in {_WAIT_S:.0f} s")


if __name__ == "__main__":
    main()
