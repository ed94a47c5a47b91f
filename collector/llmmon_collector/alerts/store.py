"""``alerts.db``: what a restart must not forget, in SQLite, a transaction an evaluation."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from llmmon_collector.alerts.document import (
    Now,
    dump_alert,
    dump_delivery,
    dump_record,
    dump_silence,
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
RECENT_ROWS: Final = 1000
"""How much of the history is read at the start."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT, key TEXT, document BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS told (channel TEXT, key TEXT, PRIMARY KEY (channel, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, time_ns INTEGER, alert_id TEXT, rule TEXT, severity TEXT, state TEXT,
    labels TEXT, metric TEXT, value REAL, threshold REAL, summary TEXT, reason TEXT
);
"""
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
    history: list[tuple[int, AlertRow]] = field(default_factory=list)
    unreadable: int = 0
    """Documents of another version, left out."""
    problem: str = ""
    """What people should know of the loading."""


class AlertStore:
    """The file. One process, one thread."""

    def __init__(self, path: Path) -> None:
        """Open, or begin anew next to a damaged file.

        Raises:
            sqlite3.Error: the file cannot be opened or made.
        """
        self._replaced: Path | None = None
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) not in _DAMAGED:
                raise
            self._replaced = _set_aside(path)
            self._connection = _open(path)

    def load(self, now: Now) -> State:
        """What was saved last, its times continued from ``now``."""
        state = State()
        read = _Reader(self._connection, state)
        state.alerts = read.documents("alert", lambda document: load_alert(document, now))
        records = read.keyed("record", lambda document: load_record(document, now))
        state.records = {_key(text): record for text, record in records}
        state.silences = read.documents("silence", load_silence)
        state.waiting = read.outbox()
        state.told = list(self._connection.execute("SELECT channel, key FROM told"))
        newest = "SELECT * FROM history ORDER BY seq DESC LIMIT ?"
        rows = self._connection.execute(newest, (RECENT_ROWS,)).fetchall()
        state.history = [(seq, AlertRow(*columns)) for seq, *columns in reversed(rows)]
        if self._replaced is not None:
            state.problem = f"the alerts' file was damaged: it is now {self._replaced.name}"
        elif state.unreadable:
            state.problem = f"{state.unreadable} saved alerts or notifications could not be read"
        return state

    def save(
        self,
        alerts: Iterable[Alert],
        records: Mapping[AlertKey, Record],
        silences: Iterable[Silence],
        now: Now,
    ) -> None:
        """Replace alerts, records and silences. Part of the open transaction: commit it.

        Raises:
            sqlite3.Error: it could not be written; roll back.
        """
        self._replace(
            "alert", ((json.dumps(alert.key), dump_alert(alert, now)) for alert in alerts)
        )
        self._replace(
            "record", ((json.dumps(key), dump_record(r, now)) for key, r in records.items())
        )
        self._replace("silence", ((silence.id, dump_silence(silence)) for silence in silences))

    def save_outbox(self, changes: Changes) -> None:
        """Bring the outbox up to date. Part of the open transaction: commit it.

        Raises:
            sqlite3.Error: it could not be written; roll back.
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
        """Add to the history and keep its newest rows. Part of the open transaction: commit it.

        Raises:
            sqlite3.Error: it could not be written; roll back.
        """
        if rows:
            values = [(seq, *row) for seq, row in rows]
            insert = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._connection.executemany(insert, values)
            oldest = rows[-1][0] - HISTORY_ROWS
            self._connection.execute("DELETE FROM history WHERE seq <= ?", (oldest,))

    def commit(self) -> None:
        """End the open transaction.

        Raises:
            sqlite3.Error: it could not be written; roll back.
        """
        self._connection.commit()

    def rollback(self) -> None:
        """Undo the open transaction."""
        self._connection.rollback()

    def close(self) -> None:
        """Close the file; what is not committed is lost."""
        self._connection.close()

    def _replace(self, kind: str, documents: Iterable[tuple[str, bytes]]) -> None:
        self._connection.execute("DELETE FROM documents WHERE kind = ?", (kind,))
        self._connection.executemany(
            "INSERT INTO documents VALUES (?, ?, ?)",
            ((kind, key, document) for key, document in documents),
        )


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
            except (ValueError, TypeError, KeyError):
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
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("damaged")
    # the log survives a killed process; a power cut may take the last second with it
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)


def _key(text: str) -> AlertKey:
    name, labels = json.loads(text)
    return name, tuple((label, value) for label, value in labels)
