"""What happens seldom is written down, in order, whatever became of what was written before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.batches import START_NS
from support.live import PRICES

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.scribe import Scribe
from llmmon_collector.store import StoreError
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


class FullForAWhile(DuckStore):
    """Refuses the first writings, as a full disk does."""

    refusals = 3

    def append_health(self, at_ns: int, checks: Sequence[HealthView]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("No space left on device")
        super().append_health(at_ns, checks)


async def test_what_is_refused_for_now_is_written_later_and_in_order(tmp_path: Path) -> None:
    store = FullForAWhile(tmp_path / "s.duckdb", PRICES)
    scribe = Scribe(store, retry_s=0.001)
    scribe.start()
    for i, status in enumerate(("ok", "failing")):
        scribe.health(START_NS + i * 10**9, [check(status)])
    async with asyncio.timeout(10):
        while store.refusals or scribe.problem:
            await asyncio.sleep(0.001)
    await scribe.stop()
    assert store.query(COUNT).rows == [("disk", "ok"), ("disk", "failing")]
    store.close()


async def test_a_store_that_refuses_for_good_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    store = FullForAWhile(tmp_path / "s.duckdb", PRICES)
    store.refusals = 10**9
    scribe = Scribe(store, retry_s=0.001)
    scribe.start()
    scribe.health(START_NS, [check("ok")])
    async with asyncio.timeout(10):
        await scribe.stop()
    assert scribe.problem == "No space left on device"
    store.close()


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
