"""Alerts from evaluation to outbox: what the daemon calls once a tick."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from llmmon.protocol.snapshot import AlertView, Limit
from llmmon_collector.alerts.decide import decide, route
from llmmon_collector.alerts.document import Now
from llmmon_collector.alerts.record import Acknowledgement, record_of
from llmmon_collector.alerts.row import AlertRow, row_of
from llmmon_collector.alerts.silence import KEPT_NS, Silence, make_silence, muted_until
from llmmon_collector.alerts.store import RECENT_ROWS, AlertStore, State
from llmmon_collector.metrics import MetricSource
from llmmon_collector.notify.model import DEFAULT_CHANNELS, ChannelSpec
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.rules.alert import Alert, AlertChange, AlertKey
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.engine import RuleEngine, RuleHealth
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.runner import RESOLVED_KEPT_S
from llmmon_collector.rules.state import State as AlertState
from llmmon_collector.rules.view import alert_view, worst_first

SAVE_EVERY_S: Final = 5.0
"""How often alerts that only go on are saved; changes are saved at once."""

OnTransitions = Callable[[int, Sequence[AlertView]], None]
"""Told of alerts that changed or were acknowledged, at a wall time."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a manager begins."""

    mono_s: float
    wall_ns: int
    grace_s: float = 0.0
    """How long alerts of an earlier process must not get better: until the windows are warm."""
    windows_s: tuple[int, ...] = ()
    """The windows that are kept, for the built-in rules to choose from; empty for any."""


class AlertManager:
    """Rules, alerts, silences, acknowledgements and the outbox, saved together.

    Memory is the truth and the file its copy: when the disk refuses, alerts go on and are
    notified, :meth:`problems` says so, and the next tick saves again.
    """

    def __init__(
        self,
        rules: Iterable[RuleSpec],
        channels: Mapping[str, ChannelSpec],
        db_path: Path,
        start: Start,
        on_transitions: OnTransitions,
    ) -> None:
        """Open ``db_path`` and go on where it ends. ``rules`` are the user's alone.

        Raises:
            sqlite3.Error: the file cannot be opened or made.
            ConfigError: two rules of one name.
        """
        self._windows_s = start.windows_s
        self._engine = RuleEngine(effective_rules(rules, start.windows_s))
        self._channels = channels or DEFAULT_CHANNELS
        self._on_transitions = on_transitions
        self._store = AlertStore(db_path)
        now = Now(start.mono_s, start.wall_ns)
        state = self._store.load(now)
        self.outbox = Outbox(state.waiting, state.told)
        self._records = state.records
        self._silences = {silence.id: silence for silence in state.silences}
        self._history = deque(state.history, RECENT_ROWS)
        self._unsaved_rows: list[tuple[int, AlertRow]] = []
        self._saved_s = start.mono_s
        self._dirty = False
        self._problem = state.problem
        self._save_problem = ""
        self._restore(state, start, now)

    def tick(self, source: MetricSource, mono_s: float, wall_ns: int) -> list[AlertRow]:
        """Evaluate the rules, save, and put what is to be told into the outbox.

        Returns what changed. Wake the dispatcher afterwards.
        """
        changes = self._engine.evaluate(source, mono_s, wall_ns)
        return self._settle(changes, Now(mono_s, wall_ns))

    def replace_rules(
        self,
        rules: Iterable[RuleSpec],
        channels: Mapping[str, ChannelSpec],
        mono_s: float,
        wall_ns: int,
    ) -> list[AlertRow]:
        """Use these rules and channels from now on; alerts of rules that are gone resolve.

        Raises:
            ConfigError: two rules of one name; then nothing has changed.
        """
        effective = effective_rules(rules, self._windows_s)
        self._channels = channels or DEFAULT_CHANNELS
        changes = self._engine.replace(effective, mono_s, wall_ns)
        return self._settle(changes, Now(mono_s, wall_ns))

    def acknowledge(self, alert_id: str, by: str, note: str, wall_ns: int) -> None:
        """Somebody takes an active alert on: no repeats until it resolves or gets worse.

        Raises:
            KeyError: no active alert has this id.
        """
        for alert in self._engine.alerts():
            record = self._records.get(alert.key)
            if record is not None and record.id == alert_id and alert.instance.active:
                taken = Acknowledgement(by, note, wall_ns, alert.severity)
                self._records[alert.key] = replace(record, acknowledgement=taken)
                view = self._view(alert, wall_ns)
                self._append([row_of(view, wall_ns, "acknowledged")])
                self._on_transitions(wall_ns, [view])
                return
        raise KeyError(alert_id)

    def silence(
        self, matchers: Mapping[str, str], duration_s: float, by: str, comment: str, wall_ns: int
    ) -> str:
        """Notify nothing that matches for a while; returns the silence's id.

        Raises:
            ValueError: nothing to match, an unknown name, no duration or one over 30 days.
        """
        made = make_silence(matchers, duration_s, by, comment, wall_ns)
        self._silences[made.id] = made
        self._dirty = True
        return made.id

    def end_silence(self, silence_id: str, wall_ns: int) -> None:
        """Notify again from now on.

        Raises:
            KeyError: no silence has this id.
        """
        silence = self._silences[silence_id]
        self._silences[silence_id] = replace(silence, ends_ns=min(silence.ends_ns, wall_ns))
        self._dirty = True

    def silences(self) -> tuple[Silence, ...]:
        """Silences in force, to come, and ended within five days."""
        return tuple(self._silences.values())

    def views(self, wall_ns: int) -> tuple[AlertView, ...]:
        """Pending, firing and lately resolved alerts, the worst first."""
        return worst_first(self._view(alert, wall_ns) for alert in self._engine.alerts())

    def limits(self) -> tuple[Limit, ...]:
        """The rules' limits on the whole."""
        return self._engine.limits()

    def health(self) -> tuple[RuleHealth, ...]:
        """How each rule is doing."""
        return self._engine.health()

    def problems(self) -> tuple[str, ...]:
        """What is wrong with rules or with saving, a line each."""
        health = self._engine.health()
        failing = [f"rule {rule.name}: {rule.error}" for rule in health if rule.error]
        full = [
            f"rule {rule.name}: {rule.refused} more groups breach than its limit of instances"
            for rule in health
            if rule.refused
        ]
        return tuple(text for text in (self._problem, self._save_problem, *failing, *full) if text)

    def transitions_since(self, seq: int) -> list[tuple[int, AlertRow]]:
        """The newest thousand transitions after number ``seq``, with their numbers."""
        return [numbered for numbered in self._history if numbered[0] > seq]

    def save_outbox(self) -> None:
        """Note on disk what the dispatcher did; give it this as ``Surroundings.save``."""
        self._write(lambda: None)

    def close(self, mono_s: float, wall_ns: int) -> None:
        """Save and close the file."""
        self._save(Now(mono_s, wall_ns))
        self._store.close()

    def _restore(self, state: State, start: Start, now: Now) -> None:
        kept = [alert for alert in state.alerts if _is_recent(alert, now)]
        hold_until_s = start.mono_s + start.grace_s
        self._settle(self._engine.restore(kept, hold_until_s, *now), now)

    def _settle(self, changes: Sequence[AlertChange], now: Now) -> list[AlertRow]:
        alerts = self._engine.alerts()
        for alert in alerts:
            self._follow(alert, now)
        self._prune({alert.key for alert in alerts}, now)
        views = [self._view(change.alert, now.wall_ns) for change in changes]
        rows = [
            row_of(view, now.wall_ns, change.reason or str(change.transition))
            for view, change in zip(views, changes, strict=True)
        ]
        self._append(rows)
        active = any(alert.instance.active for alert in alerts)
        if self._dirty or (active and now.mono_s - self._saved_s >= SAVE_EVERY_S):
            self._save(now)
        if views:
            self._on_transitions(now.wall_ns, views)
        return rows

    def _follow(self, alert: Alert, now: Now) -> None:
        """Bring the record of ``alert`` up to date, and tell who is to be told."""
        known = self._records.get(alert.key)
        record = record_of(alert, known, self.outbox.is_told)
        silenced = muted_until(self._silences.values(), alert, now.wall_ns) is not None
        event = decide(alert, record, silenced, now.mono_s)
        if event == "firing":
            record = replace(
                record, open=True, notified_s=now.mono_s, notified_severity=alert.severity
            )
        elif event == "resolved":
            record = replace(record, open=False)
        if record != known:
            self._records[alert.key] = record
            self._dirty = True
        if event is not None:
            view = self._view(alert, now.wall_ns)
            for channel in route(alert, event, self._channels):
                self.outbox.put(channel, event, view, now.wall_ns)

    def _view(self, alert: Alert, wall_ns: int) -> AlertView:
        record = self._records[alert.key]
        taken = record.acknowledgement_of(alert.severity)
        return replace(
            alert_view(alert, record.id),
            acknowledged_by=None if taken is None else taken.by,
            silenced_until_ns=muted_until(self._silences.values(), alert, wall_ns),
        )

    def _prune(self, present: set[AlertKey], now: Now) -> None:
        """Forget records that nothing needs, and silences that ended long ago."""
        for key in [key for key in self._records if key not in present]:
            record = self._records[key]
            told_s = record.notified_s
            recent = told_s is not None and now.mono_s - told_s < self._cooldown_s(key[0])
            if not recent and not self.outbox.is_told(record.id):
                del self._records[key]
                self._dirty = True
        for silence in tuple(self._silences.values()):
            if now.wall_ns - silence.ends_ns > KEPT_NS:
                del self._silences[silence.id]
                self._dirty = True

    def _cooldown_s(self, rule: str) -> float:
        return max((spec.cooldown_s for spec in self._engine.rules if spec.name == rule), default=0)

    def _append(self, rows: Iterable[AlertRow]) -> None:
        for row in rows:
            seq = self._history[-1][0] + 1 if self._history else 1
            self._history.append((seq, row))
            self._unsaved_rows.append((seq, row))
            self._dirty = True

    def _save(self, now: Now) -> None:
        def write() -> None:
            self._store.save(self._engine.alerts(), self._records, self._silences.values(), now)
            self._store.append(self._unsaved_rows)

        if self._write(write):
            self._unsaved_rows.clear()
            self._dirty = False
            self._saved_s = now.mono_s

    def _write(self, write: Callable[[], None]) -> bool:
        """One transaction of ``write`` and the outbox; whether it went well."""
        try:
            write()
            self._store.save_outbox(self.outbox.changes)
            self._store.commit()
        except sqlite3.Error as error:
            self._store.rollback()
            self._save_problem = f"alerts cannot be saved: {error}"
            return False
        self.outbox.saved()
        self._save_problem = ""
        return True


def _is_recent(alert: Alert, now: Now) -> bool:
    """Whether an alert of an earlier process still matters."""
    if alert.state is AlertState.RESOLVED and alert.resolved_ns is not None:
        return now.wall_ns - alert.resolved_ns < RESOLVED_KEPT_S * 1e9
    return True
