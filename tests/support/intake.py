"""A collector's whole intake without its sockets: journal, live windows, store, snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmmon.protocol.snapshot import Snapshot, decode_snapshot, encode_snapshot
from llmmon.protocol.wire import Batch, Envelope, decode_message
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Incoming, Session
from llmmon_collector.journal import Journal
from llmmon_collector.live import LiveMetrics
from llmmon_collector.pictures import Contributions, Pictures
from llmmon_collector.snapshots import Identity
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder
from llmmon_collector.tail import ERRORS, LOGS, REQUESTS
from llmmon_collector.warmup import refill_windows, replay_tail, restore_ledger
from support.live import NOW_NS, PRICES, new_live


class Intake:
    """Works on a directory; ``restart`` does what a start after a crash does."""

    def __init__(self, directory: Path, max_series: int = 100) -> None:
        self._directory = directory
        self._max_series = max_series
        self.clock = ManualClock(NOW_NS, 5)
        self._open()

    def send(self, *messages: Sequence[bytes], peer: bytes = b"peer") -> list[Envelope]:
        """Work through one group; the answers."""
        answers = self.session.work([Incoming(peer, frames) for frames in messages])
        return [decode_message(answer.frames) for answer in answers]

    def picture(self, by: str = "model") -> Snapshot:
        """One tick later: what is committed folded, and the picture as a viewer reads it."""
        self.folder.fold_all()
        self.clock.advance(1.0)
        self.pictures.advance()
        self.pictures.tail.drain()
        return decode_snapshot(encode_snapshot(self.pictures.snapshot(by)))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of ``sql``."""
        return self.store.query(sql).rows

    def restart(self) -> None:
        """Close without folding, and start again from what is on disk."""
        self.close()
        self._open()

    def close(self) -> None:
        self.journal.close()
        self.store.close()

    def _open(self) -> None:
        self.store = DuckStore(self._directory / "store.duckdb", PRICES, self._max_series)
        self.journal = Journal(self._directory / "journal", after=self.store.cursor())
        self.folder = Folder(self.journal, self.store, self.clock)
        self.live: LiveMetrics = new_live(max_series=self._max_series)
        self.ledger = Ledger(self.clock.mono_ns())
        self.dead = DeadLetters(self._directory / "dead.seg")
        self.session = Session(self.ledger, self.journal, self.dead, self.clock, self._deliver)
        restore_ledger(self.ledger, self.store, self.clock.wall_ns())
        refill_windows(self.live, self.store, self.clock.wall_ns())
        start, now_ns = self.store.cursor(), self.clock.wall_ns()
        replay_tail(self.journal, start, self.ledger, self.live, now_ns)
        self.pictures = Pictures(
            self.live,
            self.ledger,
            self.clock,
            lambda: Identity("c", "", NOW_NS),
            Contributions(
                *(tuple, tuple, tuple, tuple),
                rejected=lambda: self.session.rejected,
                unpriced_models=lambda: PRICES.unpriced_models,
                fold_lag_s=lambda: None,
            ),
        )

    def _deliver(self, batches: list[Batch]) -> None:
        requests = self.live.add(batches, self.clock.wall_ns())
        self.pictures.tail.add_batches(batches, requests, frozenset({REQUESTS, ERRORS, LOGS}))
