"""What a tick costs the collector: windows and rules moved on, one snapshot built and encoded.

CPU milliseconds, medians over ``TICKS`` ticks after ``WARM_UP`` seconds of traffic, all built-in
rules and one rule by model. A snapshot holds four windows grouped by model; where every series is
a model of its own it holds all of them, four times. Run with ``python -m bench.snapshot``.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

from bench.result import show
from bench.traffic import START_NS, Traffic
from llmmon.protocol.snapshot import decode_snapshot, encode_snapshot
from llmmon.protocol.wire import Batch, decode_batch
from llmmon_collector.day import LocalDay
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.metrics import Sources
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.series import SeriesTable
from llmmon_collector.snapshots import Identity, IngestState, Parts, build_snapshot, ingest_view
from llmmon_collector.windows import Windows

WINDOWS_S: Final = (60, 300, 3600, 86_400)
CASES: Final = ((10, 5), (100, 10), (1000, 40), (1000, 1000), (10_000, 10_000))
"""Series, and models among them."""
SNAPSHOT_MS: Final = {1000: 15, 10_000: 150}
TICK_MS: Final = {1000: 30}
"""Figures to reach, by series."""
LEAST_FRAMES: Final = 8
"""Frames a second; more where it takes more for most series to have traffic within a minute."""
WARM_UP: Final = 90
TICKS: Final = 21
BY_MODEL: Final = {
    "name": "slow_model",
    "value": "latency_p95",
    "by": ["provider", "model"],
    "warning": {"above": 30_000},
}


class Ticker:
    """The live state of a collector, and its once-a-second work on a clock of its own."""

    def __init__(self, series: int, models: int) -> None:
        table = SeriesTable(20_000)
        windows = Windows(WINDOWS_S, 60, LocalDay("UTC").start_ns)
        self._live = LiveMetrics(table, windows, RequestDecoder(table, PriceBook()))
        self._traffic = Traffic(series, models)
        self._frames = max(LEAST_FRAMES, series // 300)
        self._engine = RuleEngine(effective_rules([RuleSpec.model_validate(BY_MODEL)]))
        self._ledger = Ledger()
        self._second = 0

    @property
    def now_ns(self) -> int:
        """The wall clock."""
        return START_NS + self._second * 1_000_000_000

    def receive(self) -> None:
        """A second passes, with its traffic."""
        payloads = [self._traffic.payload(self._second) for _ in range(self._frames)]
        batches: list[Batch] = [decode_batch(payload, 256) for payload in payloads]
        self._second += 1
        self._live.add(batches, self.now_ns)

    def tick(self) -> None:
        """Move windows and rules on to now."""
        self._live.advance(self.now_ns, Open(0, 0))
        self._engine.evaluate(Sources(self._live.table), float(self._second), self.now_ns)

    def snapshot(self) -> bytes:
        """What a viewer gets of this tick."""
        totals = self._ledger.totals(self._second * 1_000_000_000)
        ingest = ingest_view(totals, self._live, IngestState(0.0, 0, (), None))
        parts = Parts(self._second, self.now_ns, (), (), self._engine.limits(), ingest, ())
        identity = Identity("bench", "", START_NS)
        return encode_snapshot(build_snapshot(self._live, WINDOWS_S, "model", identity, parts))


def measure(series: int, models: int) -> None:
    """Print a tick's and a snapshot's cost."""
    ticker = Ticker(series, models)
    ticks_ms: list[float] = []
    snapshots_ms: list[float] = []
    size = 0
    for number in range(WARM_UP + TICKS):
        ticker.receive()
        began_s = time.process_time()
        ticker.tick()
        ticked_s = time.process_time()
        if number < WARM_UP:
            continue
        size = len(ticker.snapshot())
        ticks_ms.append((ticked_s - began_s) * 1e3)
        snapshots_ms.append((time.process_time() - ticked_s) * 1e3)
    snapshot_ms = statistics.median(snapshots_ms)
    both_ms = statistics.median(map(sum, zip(ticks_ms, snapshots_ms, strict=True)))
    at = f"{series:,} series in {models:,} models x {len(WINDOWS_S)} windows"
    for name, ms, figures_ms in (
        ("snapshot", snapshot_ms, SNAPSHOT_MS),
        ("tick and snapshot", both_ms, TICK_MS),
    ):
        most_ms = figures_ms.get(series)
        show(
            f"{name}, {at}",
            f"{ms:.2f} ms of CPU, {size / 1e3:,.0f} kB",
            f"{most_ms} ms of CPU" if most_ms else "",
            value=ms if most_ms else None,
            at_most=most_ms,
        )
    payload = ticker.snapshot()
    began_s = time.process_time()
    shown = sum(1 for _ in decode_snapshot(payload).windows[1].groups)
    decode_ms = (time.process_time() - began_s) * 1e3
    show(f"decode and read one window's {shown:,} groups, {at}", f"{decode_ms:.2f} ms of CPU")


def main() -> None:
    """Measure and print."""
    for series, models in CASES:
        measure(series, models)


if __name__ == "__main__":
    main()
