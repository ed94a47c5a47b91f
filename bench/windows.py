"""What the rolling windows cost: CPU and memory.

Run with ``python -m bench.windows``. Traffic is synthetic: lognormal latencies, a day's pattern of
nothing in particular, all fields told, a tenth of the requests scored.
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

import numpy as np

from bench import result
from llmmon.protocol.names import SCORES
from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.windows import Windows

WINDOWS_S = (60, 300, 3600, 86_400)
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
TICKS = 30
WARM_UP = 5
DAY_STEP_S = 20
MEMORY_MB = 512
"""MiB to reach."""


def make_requests(rng: np.random.Generator, rows: int, series: int, now_ns: int) -> Requests:
    """``rows`` requests that ended in the last second or two before ``now_ns``."""
    latency_ms = rng.lognormal(6.5, 0.6, rows).astype(np.float32)
    end_ns = now_ns - rng.integers(0, 1_500_000_000, rows)
    scored = rng.random(rows) < 0.1
    scores = {n: np.where(scored, rng.random(rows), np.nan).astype(np.float32) for n in SCORES}
    return Requests(
        series=rng.integers(1, series + 1, rows).astype(np.int32),
        start_ns=end_ns - (latency_ms * 1e6).astype(np.int64),
        end_ns=end_ns,
        latency_ms=latency_ms,
        ttft_ms=latency_ms * np.float32(0.2),
        max_gap_ms=latency_ms * np.float32(0.05),
        input_tokens=rng.integers(10, 4000, rows),
        output_tokens=rng.integers(1, 800, rows),
        cached_tokens=rng.integers(0, 10, rows),
        cache_write_tokens=np.full(rows, -1),
        reasoning_tokens=np.full(rows, -1),
        cost_pico=rng.integers(0, 10**10, rows),
        cost_source=np.full(rows, 2, np.uint8),
        error=rng.random(rows) < 0.02,
        refusal=np.where(scored, rng.random(rows), np.nan).astype(np.float32),
        quality=np.where(scored, rng.random(rows), np.nan).astype(np.float32),
        **scores,
    )


def make_table(series: int) -> SeriesTable:
    """``series`` series in forty models."""
    table = SeriesTable(series)
    for i in range(series):
        table.code(SeriesKey(f"s{i // 40}", "production", "chat", "openai", f"m{i % 40}", "/ask"))
    return table


def cpu_ms(started_ns: int) -> float:
    """CPU milliseconds since ``started_ns`` of ``time.process_time_ns``."""
    return (time.process_time_ns() - started_ns) / 1e6


def resident_mb() -> float:
    """Memory of this process that is in RAM."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def show(name: str, what: str, measured: float) -> None:
    """One result; ``what`` is its unit, then what it is of."""
    unit, _, of = what.partition(", ")
    result.show(f"{name}, {of}" if of else name, f"{measured:.3g} {unit}")


def bench_ingest(rng: np.random.Generator, series: int, rows: int, frames: int) -> None:
    """``add`` and the folding it defers, for one second of traffic a tick."""
    windows = Windows(WINDOWS_S, 60, lambda now_ns: now_ns - now_ns % (86_400 * SECOND_NS))
    spent_ms = 0.0
    for tick in range(-WARM_UP, TICKS):
        now_ns = START_NS + tick * SECOND_NS
        batches = [make_requests(rng, rows, series, now_ns) for _ in range(frames)]
        started_ns = time.process_time_ns()
        for batch in batches:
            windows.add(batch, now_ns)
        windows.advance(now_ns)
        spent_ms += cpu_ms(started_ns) if tick >= 0 else 0.0
    figure = f"M events/CPU-s, add and advance, {rows}-row adds, {series} series"
    show("windows.ingest", figure, TICKS * frames * rows / spent_ms / 1e3)


def bench_ticks(rng: np.random.Generator, series: int, rate: int) -> None:
    """``advance`` and the tables of a snapshot, at ``rate`` requests a second, windows full."""
    windows = Windows(WINDOWS_S, 60, lambda now_ns: now_ns - now_ns % (86_400 * SECOND_NS))
    keys = make_table(series)
    now_ns = START_NS
    for _ in range(320):
        now_ns += SECOND_NS
        windows.add(make_requests(rng, rate, series, now_ns), now_ns)
        windows.advance(now_ns)
    advances: list[float] = []
    tables: list[float] = []
    by_series: list[float] = []
    for _ in range(TICKS):
        now_ns += SECOND_NS
        windows.add(make_requests(rng, rate, series, now_ns), now_ns)
        started_ns = time.process_time_ns()
        windows.advance(now_ns)
        advances.append(cpu_ms(started_ns))
        for by, spent in ((("provider", "model"), tables), (SeriesKey._fields, by_series)):
            started_ns = time.process_time_ns()
            for window_s in WINDOWS_S:
                windows.table(window_s, keys.group(by))
                windows.table(window_s, keys.group(()))
                windows.previous(window_s)
                windows.quality_buckets(window_s)
            spent.append(cpu_ms(started_ns))
    at = f"{series} series, {rate} events/s"
    show("windows.advance", f"ms CPU a tick, mean, {at}", float(np.mean(advances)))
    show("windows.advance", f"ms CPU a tick, worst of {TICKS}, {at}", max(advances))
    show("windows.tables", f"ms CPU, 4 windows by model and whole, {at}", float(np.mean(tables)))
    show("windows.tables", f"ms CPU, 4 windows by series, {at}", float(np.mean(by_series)))


def bench_history(windows: Windows, now_ns: int) -> None:
    """A chart of the whole and of one series, over windows that are full."""
    one = np.arange(2) == 1
    for window_s in WINDOWS_S:
        for what, members in (("the whole", None), ("one series", one)):
            started_ns = time.process_time_ns()
            windows.history(window_s, 120, now_ns, members)
            show("windows.history", f"ms CPU, {what} over {window_s} s", cpu_ms(started_ns))


def bench_memory(rng: np.random.Generator, series: int, rate: int) -> None:
    """Resident memory that a full day at ``rate`` requests a second adds."""
    gc.collect()
    before_mb = resident_mb()
    windows = Windows(WINDOWS_S, 60, lambda now_ns: now_ns - now_ns % (86_400 * SECOND_NS))
    now_ns = START_NS
    started_ns = time.process_time_ns()
    while now_ns < START_NS + 90_000 * SECOND_NS:
        last_minutes = now_ns > START_NS + 89_600 * SECOND_NS
        step_s = 1 if last_minutes else DAY_STEP_S
        now_ns += step_s * SECOND_NS
        windows.add(make_requests(rng, rate * step_s, series, now_ns), now_ns)
        windows.advance(now_ns)
    spent_s = cpu_ms(started_ns) / 1e3
    grown_mb = resident_mb() - before_mb
    result.show(
        f"windows.memory, {series} series, 24 h at {rate} events/s",
        f"{grown_mb:.0f} MiB resident",
        f"{MEMORY_MB} MiB",
        value=grown_mb,
        at_most=MEMORY_MB,
    )
    bench_history(windows, now_ns)
    show("windows.memory", f"CPU s to make and take in that day at {rate}", spent_s)


def main() -> None:
    """All figures, or those of the parts named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["memory", "ingest", "ticks"])
    parser.add_argument("--rate", type=int, default=200, help="requests a second of the memory run")
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    if "memory" in options.parts:  # first: what the others free would hide what this one takes
        bench_memory(rng, 1000, options.rate)
    if "ingest" in options.parts:
        for series in (10, 100, 1000):
            bench_ingest(rng, series, 10_000, 10)
        bench_ingest(rng, 100, 256, 400)
    if "ticks" in options.parts:
        for series in (10, 100, 1000):
            bench_ticks(rng, series, 1000)
        bench_ticks(rng, 1000, 20_000)


if __name__ == "__main__":
    main()
