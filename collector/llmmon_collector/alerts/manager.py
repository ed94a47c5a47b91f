"""Alerts from evaluation to outbox: what the daemon calls once a tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from llmmon.protocol.snapshot import AlertView, Limit
from llmmon_collector.alerts.archive import Archive, Content
from llmmon_collector.alerts.document import Now
from llmmon_collector.alerts.notifier import Note, Notifier
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.record import Acknowledgement, Notice
from llmmon_collector.alerts.roster import by_key, with_unfinished
from llmmon_collector.alerts.row import AlertRow, row_of
from llmmon_collector.alerts.silence import Silence, SilenceOrder, Silences, make_silence
from llmmon_collector.alerts.store import AlertStore, State
from llmmon_collector.metrics import Sources
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.rules.alert import Alert, AlertChange
from llmmon_collector.rules.engine import RuleEngine, RuleHealth
from llmmon_collector.rules.runner import RESOLVED_KEPT_S
from llmmon_collector.rules.state import State as AlertState
from llmmon_collector.rules.view import worst_first

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
    notified, :meth:`problems` says so, and the next tick saves again. What is told is saved before
    it is sent: whoever sends takes it from the outbox, calls :meth:`save_outbox`, and then sends.
    """

    def __init__(
        self, policy: Policy, db_path: Path, start: Start, on_transitions: OnTransitions
    ) -> None:
        """Open ``db_path`` and go on where it ends.

        Raises:
            sqlite3.Error: the file cannot be opened or made.
            ConfigError: two rules of one name.
        """
        self._windows_s = start.windows_s
        self.engine = RuleEngine(policy.rules_in_force(start.windows_s))
        """For what else there is to ask of the rules."""
        self._on_transitions = on_transitions
        store = AlertStore(db_path)
        self._now = now = Now(start.mono_s, start.wall_ns)
        state = store.load(now)
        self.outbox = Outbox(state.waiting, state.told)
        self._silences = Silences(state.silences)
        self._notifier = Notifier(policy, self.outbox, self._silences, state.records)
        self._archive = Archive(store, self.outbox, state.last_seq)
        self._alerts = by_key(state.alerts)
        self._saved_s = start.mono_s
        self._problem = state.problem
        self._restore(state, start)

    def tick(self, sources: Sources, mono_s: float, wall_ns: int) -> list[AlertRow]:
        """Evaluate the rules, save, and put what is to be told into the outbox.

        Returns what changed. Wake the dispatcher afterwards.
        """
        changes = self.engine.evaluate(sources, mono_s, wall_ns)
        return self._settle(changes, Now(mono_s, wall_ns))

    def replace(self, policy: Policy, mono_s: float, wall_ns: int) -> list[AlertRow]:
        """Follow ``policy`` from now on; alerts of rules that are gone resolve.

        Channels that are gone are forgotten with what they were told; one that is new is told what
        fires.

        Raises:
            ConfigError: two rules of one name; then nothing has changed.
        """
        rules = policy.rules_in_force(self._windows_s)
        self._notifier.use(policy)
        changes = self.engine.replace(rules, mono_s, wall_ns)
        return self._settle(changes, Now(mono_s, wall_ns))

    def acknowledge(self, alert_id: str, by: str, note: str, wall_ns: int) -> None:
        """Somebody takes an active alert on: no repeats until it resolves or gets worse.

        Channels hear of it with the next tick.

        Raises:
            KeyError: no active alert has this id.
        """
        records = self._notifier.records
        for key, alert in self._alerts.items():
            record = records.get(key)
            if record is not None and record.id == alert_id and alert.instance.active:
                taken = Acknowledgement(by, note, wall_ns, alert.severity)
                records[key] = replace(record, acknowledgement=taken)
                self._append([Note(alert, "acknowledged", by)], wall_ns)
                self._save_now()
                return
        raise KeyError(alert_id)

    def silence(self, order: SilenceOrder, wall_ns: int) -> str:
        """Notify nothing that matches for a while; returns the silence's id.

        Raises:
            ValueError: nothing to match, an unknown name, no duration or one over 30 days, or a
                start that far off.
        """
        made = make_silence(order, wall_ns)
        self._silences.put(made)
        self._save_now()
        return made.id

    def end_silence(self, silence_id: str, wall_ns: int) -> None:
        """Notify again from now on.

        Raises:
            KeyError: no silence has this id.
        """
        self._silences.end(silence_id, wall_ns)
        self._save_now()

    def silences(self) -> tuple[Silence, ...]:
        """Silences in force, to come, and ended within five days; those that end first first."""
        return self._silences.all()

    def set_clock(self, moved_ns: int) -> None:
        """The wall clock was set by so much: silences, and what waits, go by time that passes."""
        self._silences.set_clock(moved_ns)
        self.outbox.set_clock(moved_ns)
        self._now = Now(self._now.mono_s, self._now.wall_ns + moved_ns)
        self._save_now()

    def views(self, wall_ns: int) -> tuple[AlertView, ...]:
        """Pending, firing and lately resolved alerts, the worst first."""
        shown = self.engine.alerts()
        return worst_first(self._notifier.view(alert, wall_ns) for alert in shown)

    def told(self) -> Mapping[str, Mapping[str, Notice]]:
        """What each channel was told, by the alert's id."""
        return {record.id: record.notices for record in self._notifier.records.values()}

    def limits(self) -> tuple[Limit, ...]:
        """The rules' limits on the whole."""
        return self.engine.limits()

    def health(self) -> tuple[RuleHealth, ...]:
        """How each rule is doing."""
        return self.engine.health()

    def problems(self) -> tuple[str, ...]:
        """What is wrong with rules or with saving, a line each."""
        health = self.engine.health()
        failing = [f"rule {rule.name}: {rule.error}" for rule in health if rule.error]
        full = [
            f"rule {rule.name}: {rule.refused} more groups breach than its limit of instances"
            for rule in health
            if rule.refused
        ]
        saving = self._archive.problem
        return tuple(text for text in (self._problem, saving, *failing, *full) if text)

    def transitions(self, after: int | None, limit: int) -> list[tuple[int, AlertRow]]:
        """The next transitions after number ``after``, oldest first, with their numbers.

        With None it is the newest. Kept are ten thousand.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        return self._archive.history(after, limit)

    def save_outbox(self) -> None:
        """Note on disk what the dispatcher did; give it this as ``Surroundings.save``."""
        self._archive.save_outbox()

    def close(self, mono_s: float, wall_ns: int) -> None:
        """Save and close the file."""
        self._now = Now(mono_s, wall_ns)
        self._save(whole=True)
        self._archive.close()

    def _restore(self, state: State, start: Start) -> None:
        kept = [alert for alert in state.alerts if _is_recent(alert, self._now)]
        hold_until_s = start.mono_s + start.grace_s
        self._notifier.changed = True  # the file's times are of another process
        self._settle(self.engine.restore(kept, hold_until_s, *self._now), self._now)

    def _settle(self, changes: Sequence[AlertChange], now: Now) -> list[AlertRow]:
        self._now = now
        records = self._notifier.records
        self._alerts = with_unfinished(by_key(self.engine.alerts()), self._alerts, records)
        notes = self._notifier.follow(self._alerts, now)
        self._silences.forget_old(now.wall_ns)
        moved = [Note(c.alert, c.reason or str(c.transition)) for c in changes]
        rows = self._append([*moved, *notes], now.wall_ns)
        if self._notifier.changed or self._archive.behind or self._is_time_to_save(now):
            self._save()
        return rows

    def _append(self, notes: Sequence[Note], wall_ns: int) -> list[AlertRow]:
        """Have the changes written into the histories."""
        views = [self._notifier.view(note.alert, wall_ns) for note in notes]
        rows = [
            row_of(view, wall_ns, note.reason, note.by)
            for view, note in zip(views, notes, strict=True)
        ]
        self._archive.append(rows)
        if views:
            self._on_transitions(wall_ns, views)
        return rows

    def _is_time_to_save(self, now: Now) -> bool:
        if now.mono_s - self._saved_s < SAVE_EVERY_S:
            return False
        return any(alert.instance.active for alert in self._alerts.values())

    def _save_now(self) -> None:
        """Save, and again with the next tick if that fails."""
        self._notifier.changed = True
        self._save()

    def _save(self, *, whole: bool = False) -> None:
        silences = {silence.id: silence for silence in self._silences.all()}
        content = Content(self._alerts, self._notifier.records, silences)
        if self._archive.save(content, self._now, whole=whole):
            self._notifier.changed = False
            self._saved_s = self._now.mono_s


def _is_recent(alert: Alert, now: Now) -> bool:
    """Whether an alert of an earlier process still matters to the rules."""
    if alert.state is AlertState.RESOLVED and alert.resolved_ns is not None:
        return now.wall_ns - alert.resolved_ns < RESOLVED_KEPT_S * 1e9
    return True
