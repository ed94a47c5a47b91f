"""What is on disk: the state directory with its lock, the journal, the store, and the fold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from llmmon_collector.clock import Clock
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.directory import DirectoryLock, private_directory
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.journal import Journal
from llmmon_collector.requests import Prices
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder

CATCH_UP_S: Final = 5.0
"""How long a query waits for what was committed before it."""

_STEP_S: Final = 0.01


class Storage:
    """Opened by one collector at a time."""

    def __init__(
        self,
        directory: Path,
        prices: Prices,
        clock: Clock,
        settings: CollectorSettings,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        """Open everything under ``directory``; ``on_crash`` hears of a fold that cannot go on.

        Raises:
            ConfigError: the directory is not ours alone, or another collector has it.
            StoreError, JournalError: the database or the journal cannot be opened.
        """
        self.directory = private_directory(directory, "state_dir")
        self._lock = DirectoryLock(directory)
        try:
            self.store = DuckStore(directory / "store.duckdb", prices, settings.max_series)
            after = self.store.cursor()
            self.journal = Journal(directory / "journal", sync=settings.sync, after=after)
        except BaseException:
            self._lock.release()
            raise
        self.folder = Folder(self.journal, self.store, clock, on_crash, settings.retention_s)
        self.dead = DeadLetters(directory / "dead-letters.seg")
        self._clock = clock
        self._behind_since_ns: int | None = None

    async def folded(self) -> None:
        """Wait until what is committed now can be queried, five seconds at the most."""
        goal = self.journal.end
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while self.folder.cursor < goal:
                    self.folder.hurry()
                    await asyncio.sleep(_STEP_S)

    def lag_s(self) -> float | None:
        """For how long the store has been behind the journal; None while it is not."""
        if self.folder.cursor >= self.journal.end:
            self._behind_since_ns = None
            return None
        now_ns = self._clock.mono_ns()
        if self._behind_since_ns is None:
            self._behind_since_ns = now_ns
        return (now_ns - self._behind_since_ns) / 1e9

    def close(self) -> None:
        """Fold what is committed, and let go of everything."""
        self.folder.stop(finish=True)
        self.journal.close()
        self.store.close()
        self._lock.release()
