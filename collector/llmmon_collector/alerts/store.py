"""``alerts.db``: what a restart must not forget, in SQLite, a transaction an evaluation."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from llmmon_collector.alerts.document import (
    Now,
    dump_delivery,
    load_alert,
    load_delivery,
    load_record,
    load_silence,
)
from llmmon_collector.alerts.record import Record
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.outbox import Changes, Told
from llmmon_collector.rules.alert import Alert, AlertKey

FILE_NAME: Final = "alerts.db"
HISTORY_ROWS: Final = 10_000

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, mono_s REAL, wall_ns INTEGER);
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT, key TEXT, document BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS told (channel TEXT, key TEXT, PRIMARY KEY (channel, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, time_ns INTEGER, alert_id TEXT, rule TEXT, severity TEXT, state TEXT,
    labels TEXT, metric TEXT, value REAL, threshold REAL, summary TEXT, reason TEXT, by TEXT
);
"""
_TABLES: Final = ("saved", "documents", "outbox", "told", "history")
_NEXT: Final = "SELECT * FROM history WHERE seq > ? ORDER BY seq LIMIT ?"
_NEWEST: Final = "SELECT * FROM history WHERE seq > ? ORDER BY seq DESC LIMIT ?"
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
T = TypeVar("T")


@dataclass(slots=True)
class State:
    """Everything of an earlier process."""

    alerts: list[Alert] = field(default_factory=list)
    records: dict[AlertKey, Record] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    waiting: list[Delivery] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    last_seq: int = 0
    """Of the history."""
    unreadable: int = 0
    """Documents of another version, left out."""
    problem: str = ""
    """What people should know of the loading."""


class AlertStore:
    """The file. One process, one thread."""

    def __init__(self, path: Path) -> None:
        """Open, or begin anew next to a damaged file, or in place of one of another version.

        Raises:
            sqlite3.Error: the file cannot be opened or made.
        """
        self._problem = ""
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) not in _DAMAGED:
                raise
            aside = _set_aside(path)
            self._problem = f"the alerts' file was damaged: it is now {aside.name}"
            self._connection = _open(path)
        if _begin_schema(self._connection):
            self._problem = "the alerts' file was of another version: alerts begin anew"

    def load(self, now: Now) -> State:
        """What was saved last, its times continued from ``now``."""
        state = State(problem=self._problem)
        run = self._connection.execute
        row = run("SELECT mono_s, wall_ns FROM saved").fetchone()
        saved = now if row is None else Now(*row)
        read = _Reader(self._connection, state)
        state.alerts = read.documents("alert", lambda document: load_alert(document, saved, now))
        records = read.keyed("record", lambda document: load_record(document, saved, now))
        state.records = {_key(text): record for text, record in records}
        state.silences = read.documents("silence", load_silence)
        state.waiting = read.outbox()
        state.told = list(run("SELECT channel, key FROM told"))
        state.last_seq = run("SELECT coalesce(max(seq), 0) FROM history").fetchone()[0]
        if state.unreadable and not state.problem:
            state.problem = f"{state.unreadable} saved alerts or notifications could not be read"
        return state

    def save_moment(self, now: Now) -> None:
        """Note when the monotonic times in the documents were right.

        Raises:
            sqlite3.Error: it could not be written.
        """
        self._connection.execute("INSERT OR REPLACE INTO saved VALUES (0, ?, ?)", now)

    def write(self, kind: str, documents: Iterable[tuple[str, bytes | None]]) -> None:
        """Put documents by key, and remove those that are None. Part of a :meth:`transact`.

        Raises:
            sqlite3.Error: it could not be written.
        """
        changed = list(documents)
        gone = [(kind, key) for key, document in changed if document is None]
        kept = [(kind, key, document) for key, document in changed if document is not None]
        run = self._connection.executemany
        run("DELETE FROM documents WHERE kind = ? AND key = ?", gone)
        run("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kept)

    def clear(self) -> None:
        """Remove every document. Part of a :meth:`transact`.

        Raises:
            sqlite3.Error: it could not be written.
        """
        self._connection.execute("DELETE FROM documents")

    def save_outbox(self, changes: Changes) -> None:
        """Bring the outbox up to date. Part of a :meth:`transact`.

        Raises:
            sqlite3.Error: it could not be written.
        """
        run = self._connection.executemany
        gone = [(number,) for number, delivery in changes.deliveries.items() if delivery is None]
        kept = [(d.number, dump_delivery(d)) for d in changes.deliveries.values() if d is not None]
        run("DELETE FROM outbox WHERE number = ?", gone)
        run("INSERT OR REPLACE INTO outbox VALUES (?, ?)", kept)
        run("INSERT OR IGNORE INTO told VALUES (?, ?)", [t for t, on in changes.told.items() if on])
        over = [told for told, on in changes.told.items() if not on]
        run("DELETE FROM told WHERE channel = ? AND key = ?", over)

    def append(self, rows: Sequence[tuple[int, AlertRow]]) -> None:
        """Add to the history and keep its newest rows. Part of a :meth:`transact`.

        Raises:
            sqlite3.Error: it could not be written.
        """
        if rows:
            values = [(seq, *row) for seq, row in rows]
            insert = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._connection.executemany(insert, values)
            oldest = rows[-1][0] - HISTORY_ROWS
            self._connection.execute("DELETE FROM history WHERE seq <= ?", (oldest,))

    def history(self, after: int | None, limit: int) -> list[tuple[int, AlertRow]]:
        """The next rows after number ``after``, or the newest when it is None; oldest first.

        Raises:
            sqlite3.Error: it could not be read.
        """
        sql = _NEWEST if after is None else _NEXT
        rows = self._connection.execute(sql, (after or 0, limit)).fetchall()
        found = [(seq, AlertRow(*columns)) for seq, *columns in rows]
        return found[::-1] if after is None else found

    def transact(self, write: Callable[[], None]) -> str:
        """All of what ``write`` writes, or nothing; why it could not be, empty when it was."""
        try:
            write()
            self._connection.commit()
        except sqlite3.Error as error:
            self._connection.rollback()
            return f"alerts cannot be saved: {error}"
        return ""

    def close(self) -> None:
        """Close the file; what is not committed is lost."""
        self._connection.close()


class _Reader:
    """Reads documents; those that cannot be read are counted, not fatal."""

    def __init__(self, connection: sqlite3.Connection, state: State) -> None:
        self._connection = connection
        self._state = state

    def documents(self, kind: str, load: Callable[[bytes], T]) -> list[T]:
        return [document for _, document in self.keyed(kind, load)]

    def keyed(self, kind: str, load: Callable[[bytes], T]) -> list[tuple[str, T]]:
        sql = "SELECT key, document FROM documents WHERE kind = ? ORDER BY key"
        return self._load(self._connection.execute(sql, (kind,)), load)

    def outbox(self) -> list[Delivery]:
        rows = self._connection.execute("SELECT number, document FROM outbox ORDER BY number")
        return [delivery for _, delivery in self._load(rows, load_delivery)]

    def _load(
        self, rows: Iterable[tuple[str, bytes]], load: Callable[[bytes], T]
    ) -> list[tuple[str, T]]:
        loaded = []
        for key, document in rows:
            try:
                loaded.append((key, load(document)))
            except (ValueError, TypeError, KeyError, AttributeError):
                self._state.unreadable += 1
        return loaded


def _set_aside(path: Path) -> Path:
    """Rename a damaged file, and drop its log, which must not be applied to a new one."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path.rename(path.with_suffix(".damaged"))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1)
    try:
        path.chmod(0o600)
        _check(connection)
        # the log survives a killed process; a power cut may take the last second with it
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("damaged")


def _begin_schema(connection: sqlite3.Connection) -> bool:
    """Make the tables that there must be; whether those of another version had to go for it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    other = bool(version != _VERSION and tables)
    drops = "".join(f"DROP TABLE IF EXISTS {name};" for name in _TABLES) if other else ""
    connection.executescript(f"BEGIN;{drops}{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
    return other


def _key(text: str) -> AlertKey:
    name, labels = json.loads(text)
    return name, tuple((label, value) for label, value in labels)
