"""The thread that moves what the journal has into the store, in large groups."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llmmon.errors import ProtocolError
from llmmon.protocol.segment import decode_body
from llmmon.protocol.wire import Envelope, Message, decode_batch
from llmmon_collector.account import FORGET_ENDED_S
from llmmon_collector.clock import Clock
from llmmon_collector.journal import Cursor, Entry, Journal, JournalError
from llmmon_collector.store.base import Committed, Store, StoreError

GROUP_EVENTS: Final = 131_072
"""Events folded at once when there is a backlog: DuckDB writes whole row groups of 122,880 best."""

GROUP_BYTES: Final = 32 * 1024 * 1024
"""Bytes of the journal folded at once."""

RETENTION_S: Final = 30 * 86_400.0
"""Age from which events are forgotten where nothing else is said."""

ROLLUPS_KEPT_S: Final = 400 * 86_400.0
"""Age from which rollups and alerts are forgotten, unless events are kept for longer."""

_READ_BYTES: Final = 4 * 1024 * 1024
_BACKLOG_BYTES: Final = 2 * _READ_BYTES
_INTERVAL_S: Final = 1.0
_FINISH_NS: Final = 5 * 10**9
"""How long the end may take: what is left stays in the journal, for the next start."""
_COMPACT_AFTER_NS: Final = 120 * 10**9
_COMPACT_EVERY_NS: Final = 60 * 10**9
_RETAIN_EVERY_NS: Final = 3600 * 10**9


class _Read(NamedTuple):
    committed: Committed | None
    end: Cursor


class Folder:
    """Folds a journal into a store, once a second or as fast as there is a backlog."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        clock: Clock,
        on_crash: Callable[[BaseException], None] | None = None,
        retention_s: float = RETENTION_S,
    ) -> None:
        """Events are kept for ``retention_s``, rollups and alerts for ``ROLLUPS_KEPT_S`` or longer.

        ``on_crash`` hears of an error that ends the thread and should not have happened.
        """
        self._journal = journal
        self._store = store
        self._clock = clock
        self._on_crash = on_crash
        self._cursor = store.cursor()
        self._retention_ns = round(retention_s * 1e9)
        self._compacted_ns = self._retained_ns = clock.wall_ns()
        self._ahead_ns = self._retained_ns - clock.steady_ns()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._finish = True
        self._thread = threading.Thread(target=self._run, name="llmmon-fold", daemon=True)
        self.folded = 0
        """Events stored since the start."""
        self.poison = 0
        """Records that could not be decoded or stored, and were passed over."""
        self.problem = ""
        """Why the last fold failed; empty when it went well."""

    @property
    def cursor(self) -> Cursor:
        """How far the journal is folded."""
        return self._cursor

    @property
    def lag_bytes(self) -> int:
        """Bytes in the journal that are not folded, about."""
        return self._journal.size_after(self._cursor)

    def start(self) -> None:
        """Begin to fold on a thread of its own."""
        self._thread.start()

    def stop(self, finish: bool = True) -> None:
        """End the thread; with ``finish`` it first folds what it can of what is committed."""
        self._finish = finish
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def hurry(self) -> None:
        """Have the thread fold what is committed now rather than within a second."""
        self._wake.set()

    def fold_once(self) -> int:
        """Fold one group of what is committed; events stored.

        Raises:
            JournalError: the journal cannot be read.
            StoreError: the store did not take it; the next call tries again.
        """
        end = self._journal.end
        group = self._read_group()
        if not group:
            # nothing but file headers and damage lies before the end
            self._cursor = max(self._cursor, end)
            return 0
        stored = self._fold(group)
        self._journal.discard_before(self._cursor)
        self.folded += stored
        return stored

    def fold_all(self) -> int:
        """Fold group after group until nothing is left; events stored. Raises as ``fold_once``."""
        return self._fold_while(lambda: True)

    def tend(self) -> None:
        """What the thread does once a second: fold a group, tidy up every minute and hour."""
        self.fold_once()
        now_ns = self._clock.wall_ns()
        if abs(now_ns - self._compacted_ns) >= _COMPACT_EVERY_NS:
            self._compacted_ns = now_ns
            self._store.compact(now_ns - _COMPACT_AFTER_NS)
            self._store.let_go()
        if abs(now_ns - self._retained_ns) >= _RETAIN_EVERY_NS:
            self._retained_ns = now_ns
            # a clock that is set forward must not make everything old at once
            now_ns = min(now_ns, self._clock.steady_ns() + self._ahead_ns)
            rollups_ns = max(self._retention_ns, round(ROLLUPS_KEPT_S * 1e9))
            self._store.retain(now_ns - self._retention_ns, now_ns - rollups_ns)
            self._store.forget_agents(now_ns - FORGET_ENDED_S * 10**9)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            if self._on_crash is None:
                raise
            self._on_crash(error)

    def _work(self) -> None:
        while not self._stop.is_set():
            self._guard(self.tend)
            if self.problem or self.lag_bytes < _BACKLOG_BYTES:
                self._wake.wait(_INTERVAL_S)
                self._wake.clear()
        if self._finish:
            until_ns = self._clock.mono_ns() + _FINISH_NS
            self._guard(lambda: self._fold_while(lambda: self._clock.mono_ns() < until_ns))

    def _fold_while(self, wanted: Callable[[], bool]) -> int:
        stored, before = 0, None
        while self._cursor != before and wanted():
            before = self._cursor
            stored += self.fold_once()
        return stored

    def _guard(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (JournalError, StoreError) as error:
            self.problem = str(error)
        else:
            self.problem = ""

    def _read_group(self) -> list[_Read]:
        group: list[_Read] = []
        events, size, cursor = 0, 0, self._cursor
        while events < GROUP_EVENTS and size < GROUP_BYTES:
            entries = self._journal.read(cursor, _READ_BYTES)
            if not entries:
                break
            for entry in entries:
                committed = self._decode(entry)
                group.append(_Read(committed, entry.end))
                size += len(entry.body)
                events += committed.envelope.header.events if committed else 0
            cursor = entries[-1].end
        return group

    def _decode(self, entry: Entry) -> Committed | None:
        try:
            received_ns, envelope = decode_body(memoryview(entry.body))
        except ProtocolError:
            self.poison += 1
            return None
        return self._with_batch(received_ns, envelope)

    def _with_batch(self, received_ns: int, envelope: Envelope) -> Committed:
        if envelope.message is not Message.BATCH:
            return Committed(received_ns, envelope, None)
        try:
            batch = decode_batch(envelope.payload, envelope.header.events, envelope.header.agent_id)
        except ProtocolError:
            self.poison += 1
            batch = None
        return Committed(received_ns, envelope, batch)

    def _fold(self, group: Sequence[_Read]) -> int:
        """Fold ``group``; halve it around what the store can never take."""
        committed = [read.committed for read in group if read.committed is not None]
        try:
            stored = self._store.fold(committed, group[-1].end)
        except StoreError as error:
            if not error.poison:
                raise
            return self._fold_in_halves(group)
        self._cursor = group[-1].end
        return stored

    def _fold_in_halves(self, group: Sequence[_Read]) -> int:
        if len(group) > 1:
            middle = len(group) // 2
            return self._fold(group[:middle]) + self._fold(group[middle:])
        committed = group[0].committed
        self.poison += 1
        without = [] if committed is None else [committed._replace(batch=None)]
        self._store.fold(without, group[0].end)
        self._cursor = group[0].end
        return 0
