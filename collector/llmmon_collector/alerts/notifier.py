"""Who is told of which alert: keeps the records and fills the outbox. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.decide import Situation, Terms, decide, due_s, noted
from llmmon_collector.alerts.document import Now
from llmmon_collector.alerts.flapping import WITHIN_S, follow_flap
from llmmon_collector.alerts.inhibition import Muting
from llmmon_collector.alerts.plan import Plan, Plans
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.record import Notice, Record, is_worse, record_of
from llmmon_collector.alerts.routing import Target
from llmmon_collector.alerts.schedule import ends_ns
from llmmon_collector.alerts.silence import Silence, Silences
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Event, Slot
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.rules.alert import Alert, AlertKey
from llmmon_collector.rules.model import Severity
from llmmon_collector.rules.state import State
from llmmon_collector.rules.view import alert_view


class Note(NamedTuple):
    """A change beside the alert's state, for the history."""

    alert: Alert
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is the same for all alerts at one moment."""

    now: Now
    silences: frozenset[str]
    """In force, by id."""
    muting: Muting
    schedules: Mapping[str, int]
    """Those that are on, with their ends by wall clock."""


class _Standing(NamedTuple):
    """One alert in the scene."""

    firing: bool
    severity: Severity
    silence: Silence | None
    inhibited_by: str | None


class Notifier:
    """Decides, per alert and channel, what is told."""

    def __init__(
        self,
        policy: Policy,
        outbox: Outbox,
        silences: Silences,
        records: dict[AlertKey, Record],
    ) -> None:
        self.records = records
        """By alert; those of alerts that are gone are kept for as long as they matter."""
        self.changed = False
        """Whether anything is to be saved; whoever saves sets it back."""
        self._outbox = outbox
        self._silences = silences
        self._scene = _Scene(Now(0.0, 0), frozenset(), Muting(()), {})
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Follow ``policy`` from now on; what channels that are gone were told is forgotten."""
        self._policy = policy
        self._cooldowns = {rule.name: rule.cooldown_s for rule in policy.rules_in_force(())}
        self._plans = Plans(policy, self._silences)
        self._outbox.keep_channels(policy.targets)
        for key, record in self.records.items():
            if record.notices.keys() - policy.targets.keys():
                known = {name: n for name, n in record.notices.items() if name in policy.targets}
                self.records[key] = replace(record, notices=known)
                self.changed = True

    def follow(self, alerts: Mapping[AlertKey, Alert], now: Now) -> list[Note]:
        """Bring the records up to date and put what is to be told into the outbox."""
        self._plans.keep(alerts)
        self._scene = scene = self._look(alerts, now)
        notes: list[Note] = []
        for key, alert in alerts.items():
            notes += self._follow(key, alert, scene)
        self._prune(alerts, now)
        return notes

    def view(self, alert: Alert, wall_ns: int) -> AlertView:
        """``alert`` as viewers see it, as of the last :meth:`follow`."""
        key = alert.key
        record, plan, scene = self.records[key], self._plans.of(key, alert), self._scene
        taken = record.acknowledgement_of(alert.severity)
        ends = [silence.ends_ns for silence in plan.silences if silence.in_force(wall_ns)]
        return replace(
            alert_view(alert, record.id),
            acknowledged_by=None if taken is None else taken.by,
            silenced_until_ns=max(ends, default=None),
            inhibited_by=record.inhibited_by,
            flapping=record.flap.flapping,
            muted_until_ns=_muted_until(plan, scene),
        )

    def _look(self, alerts: Mapping[AlertKey, Alert], now: Now) -> _Scene:
        firing = (
            self._plans.of(key, alert).traits
            for key, alert in alerts.items()
            if alert.state is State.FIRING
        )
        ends = {name: ends_ns(spec, now.wall_ns) for name, spec in self._policy.schedules.items()}
        on = {name: end for name, end in ends.items() if end is not None}
        return _Scene(now, self._silences.in_force(now.wall_ns), Muting(firing), on)

    def _follow(self, key: AlertKey, alert: Alert, scene: _Scene) -> list[Note]:
        plan, known = self._plans.of(key, alert), self.records.get(key)
        standing = _stand(alert, plan, scene)
        seen = (alert.started_ns, standing, scene.schedules)
        if scene.now.mono_s < plan.until_s and known is plan.record and seen == plan.seen:
            return []
        before = record_of(alert, known, self._outbox.is_told)
        after = self.records[key] = _follow_state(before, standing, scene.now.mono_s)
        after = self._tell(alert, plan, _situation(after, standing), scene)
        if known is not None and after == known:
            after = known
        else:
            self.changed = True
        self.records[key] = plan.record = after
        plan.seen = seen
        plan.until_s = -math.inf  # what was just told can lead to more, as to an acknowledgement
        if after.notices == before.notices:
            plan.until_s = _until(after, plan, _situation(after, standing), scene)
        return list(_notes(alert, before, after, standing))

    def _tell(self, alert: Alert, plan: Plan, situation: Situation, scene: _Scene) -> Record:
        """Tell each channel what it is to be told; the record after that."""
        record, channels = self.records[alert.key], self._policy.targets
        notices = dict(record.notices)
        view: AlertView | None = None
        for name in {**plan.targets, **{name: None for name, n in notices.items() if n.open}}:
            notice, target = notices.get(name, Notice()), plan.targets.get(name)
            terms = _terms(target, channels[name], scene)
            event = decide(notice, situation, terms, scene.now.mono_s)
            if event is None:
                continue
            view = view or self.view(alert, scene.now.wall_ns)
            slot = _slot(target, event, notice, situation, scene)
            known = self._put(name, event, view, slot)
            notices[name] = noted(notice, event, situation, scene.now.mono_s) if known else Notice()
        return replace(record, notices=notices)

    def _put(self, channel: str, event: Event, view: AlertView, slot: Slot) -> bool:
        """False for the end of what the channel never heard of."""
        if event == "resolved" and not self._policy.targets[channel].send_resolved:
            return self._outbox.withdraw(channel, view.id)
        put = self._outbox.put(channel, event, view, self._scene.now.wall_ns, slot)
        return put or event != "resolved"

    def _prune(self, present: Mapping[AlertKey, Alert], now: Now) -> None:
        """Forget the records that nothing needs."""
        repeats = [route.repeat_s or 0.0 for route in self._policy.routes]
        longest_s = max([WITHIN_S, *repeats])
        for key in [key for key in self.records if key not in present]:
            record = self.records[key]
            kept_s = max(longest_s, self._cooldowns.get(key[0], 0.0))
            idle = now.mono_s - _last_s(record) >= kept_s
            if idle and not record.open and not self._outbox.is_told(record.id):
                del self.records[key]
                self.changed = True


def _stand(alert: Alert, plan: Plan, scene: _Scene) -> _Standing:
    if alert.state is not State.FIRING:
        return _Standing(False, alert.severity, None, None)
    silence = next((s for s in plan.silences if s.id in scene.silences), None)
    return _Standing(True, alert.severity, silence, scene.muting.by(plan.traits))


def _follow_state(record: Record, standing: _Standing, now_s: float) -> Record:
    """``record`` of an alert that stands so now, before anybody is told."""
    return replace(
        record,
        flap=follow_flap(record.flap, standing.firing, now_s),
        silenced=standing.silence is not None,
        inhibited_by=standing.inhibited_by,
    )


def _situation(record: Record, standing: _Standing) -> Situation:
    muted = standing.silence is not None or standing.inhibited_by is not None
    taken = record.acknowledgement_of(standing.severity) is not None
    return Situation(standing.firing, standing.severity, taken, muted, record.flap.flapping)


def _terms(target: Target | None, spec: ChannelSpec, scene: _Scene) -> Terms:
    """Those of a channel; of one that no route leads to any more, only the end is told."""
    wants = (spec.min_severity, spec.tells_acknowledged, spec.refresh_s)
    if target is None:
        return Terms(math.inf, *wants, muted=True)
    muted = any(name in scene.schedules for name in target.mute)
    return Terms(target.repeat_s, *wants, muted=muted)


def _slot(
    target: Target | None, event: Event, notice: Notice, situation: Situation, scene: _Scene
) -> Slot:
    """Firings wait for company; what got worse, and what keeps a state fresh, does not."""
    if target is None:
        return Slot()
    told = notice.severity if notice.open else None
    worse = told is not None and is_worse(situation.severity, told)
    if event != "firing" or worse or not target.wait_s or target.spec.refresh_s is not None:
        return Slot(target.group)
    return Slot(target.group, round((scene.now.mono_s + target.wait_s) * 1e9))


def _until(record: Record, plan: Plan, situation: Situation, scene: _Scene) -> float:
    """When something else follows though nothing changes; monotonic clock."""
    calm_s = record.flap.calm_s
    times = [] if calm_s is None else [calm_s]
    if situation.firing:
        times += [
            due_s(record.notices[name], situation, _terms(target, target.spec, scene))
            for name, target in plan.targets.items()
            if name in record.notices
        ]
    return min((time_s for time_s in times if time_s > scene.now.mono_s), default=math.inf)


def _notes(alert: Alert, before: Record, after: Record, standing: _Standing) -> Iterator[Note]:
    if after.flap.flapping != before.flap.flapping:
        yield Note(alert, "flapping" if after.flap.flapping else "calm")
    if not standing.firing:
        return
    if standing.silence is not None and not before.silenced:
        yield Note(alert, "silenced", standing.silence.by)
    elif before.silenced and not after.silenced:
        yield Note(alert, "unsilenced")
    if after.inhibited_by is not None and before.inhibited_by is None:
        yield Note(alert, "inhibited", after.inhibited_by)
    elif before.inhibited_by is not None and after.inhibited_by is None:
        yield Note(alert, "uninhibited")


def _muted_until(plan: Plan, scene: _Scene) -> int | None:
    """When the first of the channels that want it may be told; None when one may be now."""
    ends = [
        max(
            (scene.schedules[name] for name in target.mute if name in scene.schedules), default=None
        )
        for target in plan.targets.values()
        if not is_worse(target.spec.min_severity, plan.severity)
    ]
    if any(end is None for end in ends):
        return None
    return min((end for end in ends if end is not None), default=None)


def _last_s(record: Record) -> float:
    """When anything of it last happened that later decisions need; monotonic clock."""
    told = [notice.told_s for notice in record.notices.values()]
    times = [time_s for time_s in (*told, record.flap.changed_s) if time_s is not None]
    return max(times, default=-math.inf)
