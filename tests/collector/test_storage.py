"""What is on disk: one collector's alone, and query sees what was committed before it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.batches import START_NS, body
from support.live import PRICES

from llmmon.errors import ConfigError
from llmmon_collector import storage as module
from llmmon_collector.clock import ManualClock
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.journal import JournalError
from llmmon_collector.storage import Storage

SETTINGS = CollectorSettings(sync=False)
EVENTS = 4


class Rig:
    """A storage whose clock stands still until it is told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock(START_NS)
        self.crashes: list[BaseException] = []
        self.storage = Storage(directory, PRICES, self.clock, SETTINGS, self.crashes.append)
        self._seq = 0

    def commit(self, batches: int = 1) -> None:
        rows = [{"series": 0, "start_ns": START_NS, "counter": i} for i in range(EVENTS)]
        bodies = []
        for _ in range(batches):
            first_event = self._seq * EVENTS
            self._seq += 1
            bodies.append(body(rows, seq=self._seq, first_event=first_event))
        self.storage.journal.append(bodies)

    def count(self) -> int:
        found: int = self.storage.store.query("SELECT count(*) FROM requests").rows[0][0]
        return found


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "state")
    yield rig
    rig.storage.close()
    assert rig.crashes == []


async def test_a_query_sees_what_was_committed_before_it(rig: Rig) -> None:
    rig.storage.folder.start()
    for batches in (1, 30, 200):
        before = rig.count()
        rig.commit(batches)
        await rig.storage.folded()
        assert rig.count() == before + batches * EVENTS
        assert rig.storage.lag_s() is None


async def test_queries_at_the_same_time_all_see_it(rig: Rig) -> None:
    rig.storage.folder.start()

    async def committed_and_counted() -> int:
        rig.commit()
        await rig.storage.folded()
        return rig.count()

    counts = await asyncio.gather(*(committed_and_counted() for _ in range(20)))
    assert all(count >= EVENTS * (n + 1) for n, count in enumerate(counts))
    assert rig.count() == 20 * EVENTS


async def test_an_empty_journal_is_folded(rig: Rig) -> None:
    rig.storage.folder.start()
    await rig.storage.folded()
    assert rig.storage.folder.cursor == rig.storage.journal.end
    assert rig.storage.lag_s() is None


async def test_a_record_damaged_on_disk_is_not_waited_for(rig: Rig) -> None:
    rig.commit(2)
    (segment,) = (rig.directory / "journal").glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    rig.storage.folder.start()
    await rig.storage.folded()
    assert rig.count() == EVENTS
    assert rig.storage.folder.cursor == rig.storage.journal.end
    assert rig.storage.lag_s() is None


async def test_a_store_that_does_not_follow_is_not_waited_for_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CATCH_UP_S", 0.02)
    rig.commit()
    await rig.storage.folded()
    assert rig.count() == 0


def test_the_lag_is_the_age_of_the_oldest_batch_not_stored(rig: Rig) -> None:
    rig.storage.folder.fold_all()
    assert rig.storage.lag_s() is None
    rig.commit()
    assert rig.storage.lag_s() == 0.0
    rig.clock.advance(2)
    rig.commit()
    assert rig.storage.lag_s() == 2.0
    rig.clock.advance(1)
    assert rig.storage.lag_s() == 3.0
    rig.storage.folder.fold_all()
    assert rig.storage.lag_s() is None


def test_a_store_that_follows_busy_agents_does_not_lag_more_and_more(rig: Rig) -> None:
    lags = []
    for _ in range(20):
        rig.commit()
        lags.append(rig.storage.lag_s())
        rig.storage.folder.fold_all()
        rig.commit()
        rig.clock.advance(1)
    assert lags == [0.0] * 20


def test_a_lag_of_any_length_is_told(rig: Rig) -> None:
    for _ in range(3000):
        rig.commit()
        rig.clock.advance(1)
        rig.storage.lag_s()
    assert rig.storage.lag_s() == 2999.0
    rig.storage.folder.fold_all()
    assert rig.storage.lag_s() is None


def test_a_second_collector_on_the_directory_is_refused(rig: Rig) -> None:
    with pytest.raises(ConfigError, match=r"another collector \(pid \d+\) uses .*--state"):
        Rig(rig.directory)
    rig.commit()
    assert rig.storage.folder.fold_all() == EVENTS


def test_closing_folds_what_is_committed_and_lets_go(tmp_path: Path) -> None:
    first = Rig(tmp_path)
    first.storage.folder.start()
    first.commit(50)
    first.storage.close()
    second = Rig(tmp_path)
    assert second.count() == 50 * EVENTS
    assert second.storage.store.cursor() == second.storage.journal.end
    second.storage.close()


def test_what_was_committed_and_not_folded_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Rig(tmp_path)
    first.commit(5)
    first.storage.close()
    second = Rig(tmp_path)
    assert second.count() == 0
    second.storage.folder.fold_all()
    assert second.count() == 5 * EVENTS
    second.storage.close()


def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match=r"state_dir: others can enter .*: run `chmod 700"):
        Rig(tmp_path)


def test_a_failed_start_lets_go_of_everything(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(JournalError) as raised:
        Rig(tmp_path)
    opening = f"import duckdb; duckdb.connect({str(tmp_path / 'store.duckdb')!r}).close()"
    other = subprocess.run(
        [sys.executable, "-c", opening], capture_output=True, text=True, check=False
    )
    assert other.returncode == 0, other.stderr
    (tmp_path / "journal").unlink()
    Rig(tmp_path).storage.close()
    assert "journal" in str(raised.value)
