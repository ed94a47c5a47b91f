"""The open database: one handle, the cursors on it, and opening it anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb


class Handle:
    """A database that is open while the object lives.

    What DuckDB knows of the row groups that a process has written stays in its memory, beyond the
    limit: about a byte an event. Opening the file anew lets go of it.
    """

    def __init__(self, open_database: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Open. Raises what ``open_database`` raises."""
        self._open = open_database
        self._lock = threading.Lock()
        self._cursors = 0
        self.connection = open_database()
        """For whoever writes: one at a time, and not while the file is opened anew."""

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one's own, to read."""
        with self._lock:
            cursor = self.connection.cursor()
            self._cursors += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._lock:
                self._cursors -= 1

    def renew(self) -> bool:
        """Open the file anew, unless somebody reads. Whoever comes meanwhile waits a moment."""
        with self._lock:
            if self._cursors:
                return False
            self._reopen()
        return True

    def mend(self) -> None:
        """Open the file anew after a failure, whoever reads."""
        with self._lock:
            self._reopen()

    def _reopen(self) -> None:
        self.connection.close()
        self.connection = self._open()
