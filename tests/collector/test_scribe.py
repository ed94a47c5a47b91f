"""What happens seldom is written down, in order, whatever became of what was written before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.batches import START_NS
from support.live import PRICES

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.scribe import Scribe
from llmmon_collector.store.duck import DuckStore

COUNT = "SELECT name, status FROM health ORDER BY time"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    opened = DuckStore(tmp_path / "s.duckdb", PRICES)
    yield opened
    opened.close()


def check(status: str, took_ms: float | None = 1.0) -> HealthView:
    return HealthView("disk", "disk", status, START_NS, START_NS, took_ms, None, "", "")


async def test_a_status_is_written_when_it_changes(store: DuckStore) -> None:
    scribe = Scribe(store)
    scribe.start()
    for i, status in enumerate(("ok", "ok", "failing", "failing", "ok")):
        scribe.health(START_NS + i * 10**9, [check(status)])
    await scribe.stop()
    assert store.query(COUNT).rows == [("disk", "ok"), ("disk", "failing"), ("disk", "ok")]
    assert (scribe.problem, scribe.left_out) == ("", 0)


async def test_what_cannot_be_written_neither_ends_the_scribe_nor_holds_up_the_stop(
    store: DuckStore,
) -> None:
    scribe = Scribe(store)
    scribe.start()
    scribe.health(2**80, [check("ok")])
    async with asyncio.timeout(10):
        while not scribe.problem:
            await asyncio.sleep(0.001)
        scribe.health(START_NS, [check("failing")])
        await scribe.stop()
    assert scribe.problem == ""
    assert store.query(COUNT).rows == [("disk", "failing")]
