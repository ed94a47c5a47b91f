"""What it costs to journal, to fold and to read back.

Run with ``python -m bench.store [EVENTS]``. Traffic is synthetic: 256 requests a batch over 100
series, lognormal latencies, all common fields told, a fiftieth in error.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.result import show
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import Header, Message, encode_batch, encode_message, encode_series
from llmmon_collector.clock import SystemClock
from llmmon_collector.journal import Journal
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import Span
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder

BATCH = 256
GROUP = 64
SERIES = 100
START_NS = 1_795_500_000_000_000_000
LARGE, SMALL = 131_072, 16_384
"""Events folded at once."""
APPEND = ("0.06 us", 0.06)
FOLD = ("5 us: 200,000 a second", 5.0)
READ = ("0.5 us: 10 M in 5 s", 0.5)
"""Figures to reach."""


def say(
    name: str, measured: float, unit: str, figure: str = "", at_most: float | None = None
) -> None:
    """One result; ``figure`` tells what ``at_most`` is."""
    value = None if at_most is None else measured
    show(name, f"{measured:.3g} {unit}", figure, value=value, at_most=at_most)


def per_event(work: Callable[[], object], events: int) -> tuple[float, float]:
    """CPU and wall microseconds an event."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1e6 * cpu / events, 1e6 * wall / events


def make_bodies(events: int) -> list[bytes]:
    """Batches of chat requests over ``SERIES`` series, 5,000 requests a second."""
    random.seed(1)
    keys = [_key(i) for i in range(SERIES)]
    return [_body(first // BATCH + 1, first, keys) for first in range(0, events, BATCH)]


def _key(i: int) -> bytes:
    known = {"service": f"s{i % 5}", "operation": "chat", "provider": "p", "model": f"m{i % 10}"}
    known["route"] = f"/r{i // 10}"
    return encode_series([known.get(name) for name in SERIES_FIELDS])


def _body(seq: int, first: int, keys: list[bytes]) -> bytes:
    picked = random.sample(keys, 8)
    latency_ms = [random.lognormvariate(6.5, 0.8) for _ in range(BATCH)]
    columns = {
        "series": [random.randrange(8) for _ in range(BATCH)],
        "counter": list(range(first, first + BATCH)),
        "start_ns": [START_NS + (first + i) * 200_000 for i in range(BATCH)],
        "latency_ms": latency_ms,
        "ttft_ms": [0.3 * ms for ms in latency_ms],
        "max_gap_ms": [0.05 * ms for ms in latency_ms],
        "stream": [1] * BATCH,
        "input_tokens": [random.randrange(50, 4000) for _ in range(BATCH)],
        "output_tokens": [random.randrange(5, 800) for _ in range(BATCH)],
        "status_code": [200] * BATCH,
        "finish_reason": ["stop"] * BATCH,
        "error": ["RateLimitError" if random.random() < 0.02 else None for _ in range(BATCH)],
        "relevance": [random.random() for _ in range(BATCH)],
        "coherence": [random.random() for _ in range(BATCH)],
    }
    payload = encode_batch("host", "a1b2c3", picked, {Kind.REQUEST: (BATCH, columns)}, {})
    header = Header(bytes(16), 1, seq, seq, first, BATCH, START_NS, 0)
    return encode_body(START_NS, encode_message(Message.BATCH, header, payload))


def measure_journal(directory: Path, bodies: list[bytes]) -> None:
    groups = [bodies[i : i + GROUP] for i in range(0, len(bodies), GROUP)]
    events = len(bodies) * BATCH
    for sync in (True, False):
        journal = Journal(directory / f"journal-{sync}", sync=sync)
        cpu, wall = per_event(lambda j=journal: [j.append(group) for group in groups], events)
        name = f"journal append, {'with' if sync else 'without'} fdatasync, 64 batches a group"
        say(name, cpu, "us CPU an event", *(APPEND if sync else ()))
        say(name, wall, "us wall an event")
        journal.close()
    say("journal size", sum(map(len, bodies)) / events, "bytes an event")


def measure_store(directory: Path, bodies: list[bytes], group_events: int) -> None:
    events = len(bodies) * BATCH
    journal = Journal(directory / "journal", sync=False)
    models = [PriceOverride(model="m*", input_per_mtok="0.15", output_per_mtok="0.6")]
    path = directory / "store.duckdb"
    store = DuckStore(path, PriceBook(models))
    folder = Folder(journal, store, SystemClock())
    step = group_events // BATCH

    def fold() -> None:
        for i in range(0, len(bodies), step):
            journal.append(bodies[i : i + step])
            folder.fold_all()

    cpu, wall = per_event(fold, events)
    name = f"fold, {group_events:,} events a group"
    say(name, cpu, "us CPU an event", *(FOLD if group_events == LARGE else ()))
    say(name, wall, "us wall an event")
    _, wall = per_event(lambda: list(store.recent_requests(0, SeriesTable(1000))), events)
    say("read requests back for the windows", wall, "us wall an event", *READ)
    end_ns = START_NS + events * 200_000 + 3600 * 10**9
    _, wall = per_event(lambda: store.compact(end_ns), 1)
    say("compact all rollups", wall / 1e3, "ms")
    span = Span.of(0, end_ns, 600 * 10**9)
    _, wall = per_event(lambda: list(store.rollups(span, SeriesTable(1000))), 1)
    say("read all rollups, ten minutes at a time", wall / 1e3, "ms")
    middle_ns = START_NS + events * 100_000
    _, wall = per_event(lambda: store.retain(middle_ns, middle_ns), 1)
    say("forget the older half", wall / 1e3, "ms")
    store.close()
    journal.close()
    say("store size", path.stat().st_size / events, "bytes an event")


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_048_576
    bodies = make_bodies(events)
    for group_events in (LARGE, SMALL):
        with tempfile.TemporaryDirectory() as name:
            if group_events == LARGE:
                measure_journal(Path(name), bodies)
            measure_store(Path(name), bodies, group_events)


if __name__ == "__main__":
    main()
