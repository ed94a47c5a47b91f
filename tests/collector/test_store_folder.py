"""From journal to store: everything once, in order, past what cannot be read, across crashes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.batches import AGENT, START_NS, body

from llmmon.protocol.event import Kind
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import Header, Message, encode_message
from llmmon_collector.clock import ManualClock
from llmmon_collector.journal import Cursor, Journal
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.store import Committed, StoreError
from llmmon_collector.store import folder as module
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder

ROOT = Path(__file__).parents[2]
PRICES = [PriceOverride(model="m", input_per_mtok=3, output_per_mtok=0)]
TOKENS = 7

FOLDING = """
import sys
from pathlib import Path
from llmmon_collector.clock import SystemClock
from llmmon_collector.journal import Journal
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.store import folder as module
from llmmon_collector.store.duck import DuckStore
module.GROUP_EVENTS = 2000
module._READ_BYTES = 1
state = Path(sys.argv[1])
prices = [PriceOverride(model="m", input_per_mtok=3, output_per_mtok=0)]
store = DuckStore(state / "s.duckdb", PriceBook(prices), threads=1)
folder = module.Folder(Journal(state / "journal", after=store.cursor()), store, SystemClock())
print("open", flush=True)
while folder.fold_once():
    print(folder.folded, flush=True)
"""
"""A child that folds in small groups, saying after each how far it is."""

FILLING = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from llmmon_collector.clock import SystemClock
from llmmon_collector.journal import Journal
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.store import StoreError
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder
from tests.support.batches import START_NS, body
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = Path(sys.argv[1])
store = DuckStore(state / "s.duckdb", PriceBook(), threads=1)
journal = Journal(state / "journal")
folder = Folder(journal, store, SystemClock())
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
refused = 0
for n in range(60):
    rows = [{"start_ns": START_NS + i, "id": f"{n}-{i}-{hash((n, i))}"} for i in range(500)]
    journal.append([body(rows, seq=n + 1, first_event=500 * n)])
    try:
        folder.fold_all()
    except StoreError:
        refused += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
folder.fold_all()
counts = "SELECT count(*), count(DISTINCT id) FROM requests"
print(refused > 0, folder.folded, *store.query(counts).rows[0])
store.close()
"""
"""A child whose files may not grow over 600 kB until a fold was refused."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal", sync=False, max_segment_bytes=5000)
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    opened = DuckStore(tmp_path / "s.duckdb", PriceBook(PRICES))
    yield opened
    opened.close()


def batch(n: int, events: int = 4, **values: Any) -> bytes:
    request = {"series": 0, "start_ns": START_NS, "input_tokens": TOKENS}
    rows = [{**request, "counter": i} for i in range(events)]
    return body(rows, seq=n + 1, first_event=n * events, **values)


def count(store: DuckStore, table: str = "requests") -> int:
    found: int = store.query(f"SELECT count(*) FROM {table}").rows[0][0]
    return found


def test_what_is_committed_is_folded_and_its_segments_go(
    tmp_path: Path, journal: Journal, store: DuckStore
) -> None:
    folder = Folder(journal, store, ManualClock(START_NS))
    assert folder.fold_once() == 0
    for n in range(50):
        journal.append([batch(n)])
    assert folder.lag_bytes > 5000
    assert folder.fold_once() == 200
    assert (folder.folded, folder.lag_bytes, folder.poison) == (200, 0, 0)
    assert count(store) == 200
    assert store.cursor() == folder.cursor == journal.end
    assert len(list((tmp_path / "journal").iterdir())) == 1


def test_folding_goes_on_where_it_stopped(
    tmp_path: Path, journal: Journal, store: DuckStore
) -> None:
    journal.append([batch(0)])
    Folder(journal, store, ManualClock(START_NS)).fold_all()
    journal.append([batch(1), batch(2)])
    assert Folder(journal, store, ManualClock(START_NS)).fold_all() == 8
    assert count(store) == 12
    assert store.agents()[0].stored == 12


def test_records_that_nobody_can_read_are_counted_and_passed_over(
    journal: Journal, store: DuckStore
) -> None:
    broken = bytearray(batch(9))
    broken[-1] ^= 1
    header = Header(AGENT, 7, 2, 2, 4, 3)
    poison = encode_body(START_NS, encode_message(Message.BATCH, header, b"\xc1"))
    bye = encode_body(START_NS, encode_message(Message.BYE, header))
    journal.append([batch(0), bytes(broken), b"short", poison, bye, batch(2, events=4)])
    folder = Folder(journal, store, ManualClock(START_NS))
    assert folder.fold_all() == 8
    assert folder.poison == 3
    assert store.cursor() == journal.end
    agent = store.agents()[0]
    assert (agent.stored, agent.lost, agent.next_event) == (8, 4, 12)


class Refusing(DuckStore):
    """A store that cannot take the batches whose number is in ``bad``."""

    bad: frozenset[int] = frozenset()

    def fold(self, committed: Sequence[Committed], cursor: Cursor) -> int:
        seqs = {item.envelope.header.seq for item in committed if item.batch is not None}
        if seqs & self.bad:
            raise StoreError("not these", poison=True)
        return super().fold(committed, cursor)


class Slow(DuckStore):
    """A store that takes three seconds for a fold."""

    clock = ManualClock(START_NS)

    def fold(self, committed: Sequence[Committed], cursor: Cursor) -> int:
        self.clock.advance(3)
        return super().fold(committed, cursor)


def test_a_backlog_does_not_put_off_the_end_and_waits_for_the_next_start(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_EVENTS", 1)
    store = Slow(tmp_path / "s.duckdb", PriceBook())
    for n in range(300):
        journal.append([batch(n)])
    folder = Folder(journal, store, store.clock)
    folder.start()
    folder.stop()
    assert 0 < folder.folded < 1200
    Folder(journal, store, store.clock).fold_all()
    assert count(store) == 1200
    store.close()


def test_a_group_is_halved_around_what_the_store_can_never_take(
    tmp_path: Path, journal: Journal
) -> None:
    store = Refusing(tmp_path / "s.duckdb", PriceBook())
    store.bad = frozenset({3, 17})
    journal.append([batch(n) for n in range(20)])
    folder = Folder(journal, store, ManualClock(START_NS))
    assert folder.fold_all() == 72
    assert folder.poison == 2
    assert count(store) == 72
    agent = store.agents()[0]
    assert (agent.last_seq, agent.stored, agent.lost) == (20, 72, 8)
    assert store.cursor() == journal.end
    store.close()


def test_a_malformed_series_key_costs_its_batch_only(journal: Journal, store: DuckStore) -> None:
    journal.append([batch(0), batch(1, keys=[b"\x90"]), batch(2)])
    folder = Folder(journal, store, ManualClock(START_NS))
    assert folder.fold_all() == 8
    assert folder.poison == 1
    assert store.agents()[0].lost == 4


def test_minutes_are_compacted_when_they_are_over(journal: Journal, store: DuckStore) -> None:
    clock = ManualClock(START_NS)
    folder = Folder(journal, store, clock)
    for n in range(5):
        journal.append([batch(n)])
        folder.fold_once()
    folder.tend()
    assert count(store, "rollups") == 5
    clock.advance(400)
    folder.tend()
    assert count(store, "rollups") == 1


def test_the_thread_folds_all_that_is_committed_before_it_ends(
    journal: Journal, store: DuckStore
) -> None:
    folder = Folder(journal, store, ManualClock(START_NS))
    folder.start()
    writer = threading.Thread(target=lambda: [journal.append([batch(n)]) for n in range(200)])
    writer.start()
    writer.join()
    folder.stop()
    assert folder.problem == ""
    assert count(store) == 800
    idle = Folder(journal, store, ManualClock(START_NS))
    idle.start()
    idle.stop(finish=False)


class Broken(DuckStore):
    """A store with a bug."""

    def fold(self, committed: Sequence[Committed], cursor: Cursor) -> int:
        raise ZeroDivisionError


def test_a_bug_ends_the_thread_and_is_told(tmp_path: Path, journal: Journal) -> None:
    store = Broken(tmp_path / "s.duckdb", PriceBook())
    journal.append([batch(0)])
    told: list[BaseException] = []
    folder = Folder(journal, store, ManualClock(START_NS), on_crash=told.append)
    folder.start()
    folder.stop()
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert store.cursor() == Cursor(0, 0)
    store.close()


def test_a_killed_collector_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", sync=False, max_segment_bytes=5_000)
    batches, events = 300, 100
    for n in range(batches):
        journal.append([batch(n, events, others={Kind.LOG: [{"time_ns": START_NS}]})])
    journal.close()
    pick = random.Random(5)
    for _ in range(5):
        _fold_and_kill(tmp_path, groups=pick.randint(0, 2), spin=pick.randint(0, 40_000))
    store = DuckStore(tmp_path / "s.duckdb", PriceBook(PRICES))
    journal = Journal(tmp_path / "journal", after=store.cursor())
    assert Cursor(1, 0) < store.cursor() < journal.end
    Folder(journal, store, ManualClock(START_NS)).fold_all()
    total = batches * events
    sums = "SELECT count(*), count(DISTINCT seq), sum(cost_pico_usd) FROM requests"
    assert store.query(sums).rows == [(total, batches, total * TOKENS * 3_000_000)]
    assert count(store, "logs") == batches
    rolled = "SELECT sum(requests), sum(cost_pico_usd) FROM rollups"
    assert store.query(rolled).rows == [(total, total * TOKENS * 3_000_000)]
    agent = store.agents()[0]
    assert (agent.stored, agent.lost, agent.last_seq) == (total + batches, 0, batches)
    store.close()
    journal.close()


def _fold_and_kill(state: Path, groups: int, spin: int) -> None:
    """Let a child fold ``groups`` groups, then kill it somewhere in the next."""
    command = [sys.executable, "-c", FOLDING, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(groups + 1):
            child.stdout.readline()
        sum(range(spin))
        os.kill(child.pid, signal.SIGKILL)
        child.stdout.read()


def test_a_full_disk_refuses_and_recovers_without_repeating(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLING, str(tmp_path), str(ROOT)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["True", "30000", "30000", "30000"]
