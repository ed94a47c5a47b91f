"""No collector for long: recording never waits, what fits is kept, what does not is counted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.away import DEFAULT_SPOOL, EVENTS_PER_S, Ended, Load, Stage
from support.report import Report

AWAY_S = 60
CONTROL_S = 6
SMALL_SPOOL = 4 << 20
MEMORY_BYTES = 32 << 20
"""What batches may take in memory, as the agent promises."""
OVERHEAD_BYTES = 48 << 20
"""What Python adds to that: rows that wait, and memory that it does not give back."""
P999_MS = 10.0
MAX_MS = 1000.0

KEEPS_LITTLE = """
from llmmon.delivery.delivery import Delivery
Delivery.__init__.__defaults__ = (64, 1 << 18)
"""

DOES_NOT_COUNT = """
from llmmon.delivery.delivery import Delivery
Delivery._count_lost = lambda self, events, reason: None
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    stage = Stage(directory)
    yield stage
    stage.close()
    shutil.rmtree(directory)


def _check_books(ended: Ended) -> None:
    """Agent, ledger and store agree to the event."""
    told, ledger = ended.told, ended.ledger
    assert told["buffered"] == ledger["in_flight"] == 0
    assert told["emitted"] == sum(told["sent"].values()) == ledger["emitted"]
    assert told["acknowledged"] == ledger["stored"] == sum(ended.stored.values())
    assert told["lost"] == ledger["lost"]
    assert ended.lost == sum(ended.missing.values())


def _check_bounds(ended: Ended, spool_bytes: int) -> str:
    """Nobody waited, memory and disk stayed within bounds."""
    told = ended.told
    assert told["p999_ms"] < P999_MS
    assert told["max_ms"] < MAX_MS
    assert told["grown_bytes"] < MEMORY_BYTES + OVERHEAD_BYTES
    assert ended.spool_bytes <= spool_bytes
    return (
        f"record() p99.9 {told['p999_ms']:.2f} ms, max {told['max_ms']:.0f} ms; "
        f"memory +{told['grown_bytes'] >> 20} MiB, spool {ended.spool_bytes / 2**20:.1f} MiB"
    )


@pytest.mark.timeout(400)
def test_a_minute_without_a_collector(stage: Stage, report: Report) -> None:
    fits, logs_go, requests_go = loads = (
        Load("fits"),
        Load("logs-go", spool=str(SMALL_SPOOL)),
        Load("requests-go", fat=600, spool=str(SMALL_SPOOL)),
    )
    ended = stage.run(AWAY_S, *loads)
    for load in loads:
        _check_books(ended[load.name])
    what = f"collector away {AWAY_S} s, {EVENTS_PER_S} events/s"
    one = ended[fits.name]
    assert one.lost == 0
    figure = _check_bounds(one, DEFAULT_SPOOL)
    report(what, f"{one.told['emitted']} events, all delivered after; {figure}")

    one = ended[logs_go.name]
    figure = _check_bounds(one, SMALL_SPOOL)
    assert one.missing["logs"] > 0
    assert one.missing["requests"] == 0
    report(f"  with {SMALL_SPOOL >> 20} MiB of spool", f"{_shares(one)}, counted exactly; {figure}")

    one = ended[requests_go.name]
    figure = _check_bounds(one, SMALL_SPOOL)
    assert one.missing["requests"] > 0
    assert one.missing["logs"] / one.told["sent"]["logs"] > 0.9
    assert one.missing["spans"] / one.told["sent"]["spans"] > 0.9
    report("  and fat requests beyond memory", f"{_shares(one)}, counted exactly; {figure}")


def _shares(ended: Ended) -> str:
    sent = ended.told["sent"]
    shares = (f"{ended.missing[kind]} of {sent[kind]} {kind}" for kind in ended.missing)
    return f"lost {', '.join(shares)}"


@pytest.mark.timeout(200)
def test_control_little_memory_and_no_spool_lose(stage: Stage, report: Report) -> None:
    (ended,) = stage.run(CONTROL_S, Load("little", spool="off", sabotage=KEEPS_LITTLE)).values()
    _check_books(ended)
    assert ended.lost > 0
    report("  control: no spool, 256 KiB of memory", f"{ended.lost} lost, counted exactly")


@pytest.mark.timeout(200)
def test_control_losses_that_are_not_counted_are_seen(stage: Stage, report: Report) -> None:
    sabotage = KEEPS_LITTLE + DOES_NOT_COUNT
    (ended,) = stage.run(CONTROL_S, Load("silent", spool="off", sabotage=sabotage)).values()
    with pytest.raises(AssertionError):
        _check_books(ended)
    missing = sum(ended.missing.values())
    assert missing > ended.lost
    report("  control: losses are not counted", f"{missing - ended.lost} missing unexplained")
