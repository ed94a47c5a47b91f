"""Keeps ``alerts.db`` a copy of what is in memory, at the cost of what changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from llmmon_collector.alerts.document import Now, dump_alert, dump_record, dump_silence
from llmmon_collector.alerts.record import Record
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.alerts.store import AlertStore
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.rules.alert import Alert, AlertKey

MOST_DRIFTED: Final = 50
"""Alerts of which only the value moved that one saving takes along: at its turn each is saved."""


class Content(NamedTuple):
    """What is to be on disk."""

    alerts: Mapping[AlertKey, Alert]
    records: Mapping[AlertKey, Record]
    silences: Mapping[str, Silence]


class _Kind(NamedTuple):
    """One sort of documents."""

    name: str
    dump: Callable[[Any], bytes]
    saved: dict[Any, Any]
    """What the file holds, by key."""


class Archive:
    """The file with what it holds already, and rows of the history that it does not hold yet."""

    def __init__(self, store: AlertStore, outbox: Outbox, last_seq: int) -> None:
        """``last_seq`` is the number of the newest row of the history."""
        self._store = store
        self._outbox = outbox
        self._alerts = _Kind("alert", dump_alert, {})
        self._records = _Kind("record", dump_record, {})
        self._silences = _Kind("silence", dump_silence, {})
        self._rows: list[tuple[int, AlertRow]] = []
        self._seq = last_seq
        self._begun = False
        """Whether the documents are this process's: their times are of its monotonic clock."""
        self.problem = ""
        """Why the last saving failed; empty when it went well."""

    def append(self, rows: Iterable[AlertRow]) -> None:
        """Have rows of the history written with the next saving."""
        for row in rows:
            self._seq += 1
            self._rows.append((self._seq, row))

    @property
    def behind(self) -> bool:
        """Whether there are rows that the file lacks."""
        return bool(self._rows)

    def history(self, after: int | None, limit: int) -> list[tuple[int, AlertRow]]:
        """The next rows after number ``after``, or the newest when it is None; oldest first.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        unsaved = [numbered for numbered in self._rows if after is None or numbered[0] > after]
        found = [*self._store.history(after, limit), *unsaved]
        return found[-limit:] if after is None else found[:limit]

    def save(self, content: Content, now: Now, *, whole: bool = False) -> bool:
        """Bring the file up to date in one transaction; whether it went well.

        Alerts that only took another value are saved a few at a time, unless ``whole``.
        """
        most = len(content.alerts) if whole else MOST_DRIFTED
        changes: tuple[tuple[_Kind, Mapping[Any, object], list[Any]], ...] = (
            (self._alerts, content.alerts, _changed_alerts(content.alerts, self._alerts, most)),
            (self._records, content.records, _changed(content.records, self._records)),
            (self._silences, content.silences, _changed(content.silences, self._silences)),
        )

        def write() -> None:
            if not self._begun:
                self._store.clear()
            self._store.save_moment(now)
            for kind, wanted, keys in changes:
                self._store.write(kind.name, [_document(kind, key, wanted) for key in keys])
            self._store.append(self._rows)

        if not self._transact(write):
            return False
        for kind, wanted, keys in changes:
            for key in keys:
                kind.saved.pop(key, None)  # to the end: its next turn comes last
                if key in wanted:
                    kind.saved[key] = wanted[key]
        self._rows.clear()
        self._begun = True
        return True

    def save_outbox(self) -> None:
        """Note what the dispatcher did."""
        self._transact(lambda: None)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _transact(self, write: Callable[[], None]) -> bool:
        """One transaction of ``write`` and the outbox."""

        def both() -> None:
            write()
            self._store.save_outbox(self._outbox.changes)

        self.problem = self._store.transact(both)
        if not self.problem:
            self._outbox.saved()
        return not self.problem


def _changed(wanted: Mapping[Any, object], kind: _Kind) -> list[Any]:
    """Keys of what is new, another object than the one saved, or gone."""
    saved = kind.saved
    gone = [key for key in saved if key not in wanted]
    return [*gone, *(key for key, value in wanted.items() if saved.get(key) is not value)]


def _changed_alerts(alerts: Mapping[AlertKey, Alert], kind: _Kind, most: int) -> list[Any]:
    """The same for alerts, but at most so many of those of which only the value moved."""
    changed = _changed(alerts, kind)
    drifted = {
        key for key in changed if key in alerts and _drifted(kind.saved.get(key), alerts[key])
    }
    if len(drifted) <= most:
        return changed
    turns = [key for key in kind.saved if key in drifted][:most]
    return [*(key for key in changed if key not in drifted), *turns]


def _drifted(saved: Alert | None, alert: Alert) -> bool:
    """Whether only the value and the peak are others than those saved."""
    return saved is not None and _gist(saved) == _gist(alert) and saved.rule is alert.rule


def _gist(alert: Alert) -> tuple[object, ...]:
    it = alert.instance
    times = (alert.started_ns, alert.since_ns, alert.fired_ns, alert.resolved_ns, alert.restored)
    silent = (it.no_data_since_s, it.resolved_s)
    return (alert.labels, alert.severity, times, it.warning, it.critical, silent)


def _document(kind: _Kind, key: Any, wanted: Mapping[Any, object]) -> tuple[str, bytes | None]:
    text = key if isinstance(key, str) else json.dumps(key)
    return text, kind.dump(wanted[key]) if key in wanted else None
