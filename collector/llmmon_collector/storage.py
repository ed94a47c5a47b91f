"""What is on disk: the state directory with its lock, the journal, the store, and the fold."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmmon_collector.clock import Clock
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.directory import DirectoryLock, private_directory
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.watermark import Space
from llmmon_collector.journal import Cursor, Journal
from llmmon_collector.requests import Prices
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder

CATCH_UP_S: Final = 2.0
"""How long a query waits for what was committed before it: less than clients add to its time."""

_STEP_S: Final = 0.01
_MOST_MARKS: Final = 1000
"""So many ticks of a store that does not follow are told apart."""


class _Mark(NamedTuple):
    """Where the journal ended at a monotonic time."""

    end: Cursor
    at_ns: int


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
        with contextlib.ExitStack() as undo:
            self._lock = DirectoryLock(directory, "state")
            undo.callback(self._lock.release)
            self.store = DuckStore(directory / "store.duckdb", prices, settings.max_series)
            undo.callback(self.store.close)
            after = self.store.cursor()
            self.journal = Journal(directory / "journal", sync=settings.sync, after=after)
            undo.pop_all()
        self.folder = Folder(self.journal, self.store, clock, on_crash, settings.retention_s)
        self.dead = DeadLetters(directory / "dead-letters.seg")
        self._clock = clock
        self._marks: deque[_Mark] = deque()

    async def folded(self) -> None:
        """Wait until what is committed now can be queried, two seconds at the most."""
        goal = self.journal.end
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while self.folder.cursor < goal:
                    self.folder.hurry()
                    await asyncio.sleep(_STEP_S)

    def lag_s(self) -> float | None:
        """Age of the oldest committed batch that the store does not hold; None where it holds all.

        To be called once a tick: a batch's age counts from the first call that sees it.
        """
        folded, now = self.folder.cursor, _Mark(self.journal.end, self._clock.mono_ns())
        while self._marks and self._marks[0].end <= folded:
            self._marks.popleft()
        last = self._marks[-1].end if self._marks else folded
        if now.end > last and len(self._marks) < _MOST_MARKS:
            self._marks.append(now)
        return (now.at_ns - self._marks[0].at_ns) / 1e9 if self._marks else None

    def figures(self) -> dict[str, Any]:
        """What is on disk and what was put aside, for people."""
        return {
            "journal_bytes": self.journal.size_bytes,
            "journal_damaged_bytes": self.journal.damaged_bytes,
            "unfolded_bytes": self.folder.lag_bytes,
            "dead_letters": self.dead.count,
            "rejected": dict(self.dead.reasons),
        }

    def space(self) -> Space:
        """The room on the disk that the state is on.

        Raises:
            OSError: it cannot be asked.
        """
        usage = shutil.disk_usage(self.directory)
        return Space(usage.free, usage.total)

    def close(self) -> None:
        """Fold what is committed, and let go of everything."""
        self.folder.stop(finish=True)
        self.journal.close()
        self.store.close()
        self._lock.release()
