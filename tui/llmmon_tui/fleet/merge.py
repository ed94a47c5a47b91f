"""Several collectors' snapshots and parts as one snapshot. Pure.

Counts, sums and money are added as integers, percentiles come from the sum of the sketches: what is
shown is what one collector would have told that had seen all the requests. Who does not answer, or
whose data is stale, is left out of the numbers, and the snapshot's problems say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from llmmon.protocol.merging import derive, merge_groups, merge_parts, quality_buckets, requests_of
from llmmon.protocol.parts import Parts
from llmmon.protocol.parttable import Part
from llmmon.protocol.snapshot import VERSION, AlertView, Group, Metrics, Snapshot, WindowView
from llmmon_tui.fleet.names import join_id
from llmmon_tui.fleet.views import labelled, merge_ingest, merge_limits
from llmmon_tui.formatting import age
from llmmon_tui.link import CollectorState

_SEVERITIES: Final = ("critical", "warning")
_STATES: Final = ("firing", "pending", "resolved")
_APART_NS: Final = 5_000_000_000
"""Clocks that differ by more are told of."""


@dataclass(frozen=True, slots=True)
class Member:
    """One collector of the fleet: how the viewer stands with it, and what it told last."""

    state: CollectorState
    snapshot: Snapshot | None = None
    parts: Parts | None = None
    reason: str = ""
    """Why it cannot be counted, where that is known."""

    @property
    def name(self) -> str:
        """What it is called in the fleet."""
        return self.state.name

    @property
    def is_counted(self) -> bool:
        """Whether it is in the numbers."""
        return self.state.is_counted and self.snapshot is not None and self.parts is not None


@dataclass(frozen=True, slots=True)
class _Counted:
    name: str
    snapshot: Snapshot
    parts: Parts


def merge(members: Sequence[Member], seq: int) -> Snapshot | None:
    """The snapshot of the whole fleet; None while no collector can be counted.

    Its time is the oldest of those counted: up to then all of them have told. Alerts of a collector
    that has gone are kept as they were last heard, because going away resolves nothing.
    """
    counted = [
        _Counted(one.name, one.snapshot, one.parts)
        for one in members
        if one.is_counted and one.snapshot is not None and one.parts is not None
    ]
    if not counted:
        return None
    told = [(one.name, one.snapshot) for one in counted]
    return Snapshot(
        version=VERSION,
        seq=seq,
        at_ns=min(snapshot.at_ns for _, snapshot in told),
        name=" + ".join(one.name for one in members),
        note="; ".join(f"{name}: {snapshot.note}" for name, snapshot in told if snapshot.note),
        started_ns=max(snapshot.started_ns for _, snapshot in told),
        by=counted[0].snapshot.by,
        windows=_merge_windows(counted),
        alerts=merge_alerts([(m.name, m.snapshot) for m in members if m.snapshot is not None]),
        health=tuple(
            replace(view, name=join_id(name, view.name))
            for name, snapshot in told
            for view in snapshot.health
        ),
        ingest=merge_ingest([snapshot.ingest for _, snapshot in told]),
        limits=merge_limits([(name, snapshot.limits) for name, snapshot in told]),
        problems=(*_left_out(members), *_odd(counted)),
        slos=tuple(labelled(name, slo) for name, snapshot in told for slo in snapshot.slos),
        budgets=tuple(labelled(name, one) for name, snapshot in told for one in snapshot.budgets),
        channels=tuple(
            replace(view, name=join_id(name, view.name))
            for name, snapshot in told
            for view in snapshot.channels
        ),
    )


def merge_alerts(told: Sequence[tuple[str, Snapshot]]) -> tuple[AlertView, ...]:
    """All alerts, worst first, each with its collector in its labels and before its id."""
    alerts = [
        replace(labelled(name, alert), id=join_id(name, alert.id))
        for name, snapshot in told
        for alert in snapshot.alerts
    ]
    return tuple(sorted(alerts, key=_badness))


def _badness(alert: AlertView) -> tuple[int, int, int]:
    return _place(_STATES, alert.state), _place(_SEVERITIES, alert.severity), -alert.since_ns


def _place(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else len(order)


def _merge_windows(counted: Sequence[_Counted]) -> tuple[WindowView, ...]:
    wholes = [one.parts.wholes() for one in counted]
    windows_s = sorted({window_s for told in wholes for window_s in told})
    open_requests = {
        "open_requests": sum(one.parts.head.open_requests for one in counted),
        "stalled_requests": sum(one.parts.head.stalled_requests for one in counted),
    }
    views = []
    for window_s in windows_s:
        known = [told[window_s] for told in wholes if window_s in told]
        whole = merge_parts([part for part, _ in known])
        view = WindowView(
            window_s=window_s,
            total={**derive(whole, window_s), **open_requests},
            previous=_previous([before for _, before in known], window_s),
            groups=_groups(counted, window_s),
            quality_buckets=quality_buckets(whole),
        )
        views.append(view)
    return tuple(views)


def _previous(parts: Sequence[Part | None], window_s: int) -> Metrics:
    """Metrics of the window before; empty where one collector does not know that time."""
    known = [part for part in parts if part is not None]
    before = merge_parts(known)
    if len(known) < len(parts) or not requests_of(before):
        return {}
    return derive(before, window_s) | {"hourly_cost": None, "daily_cost": None}


def _groups(counted: Sequence[_Counted], window_s: int) -> tuple[Group, ...]:
    """The groups of the window that is looked at; of the others there are none."""
    untold = {"open_requests": None, "stalled_requests": None}
    merged = merge_groups(
        pair
        for one in counted
        if one.parts.head.window_s == window_s
        for pair in one.parts.groups()
    )
    return tuple(
        Group(labels, {**derive(part, window_s), **untold})
        for labels, part in merged
        if requests_of(part)
    )


def _left_out(members: Sequence[Member]) -> list[str]:
    """A line for every collector that is not in the numbers."""
    lines = []
    for one in members:
        if one.is_counted:
            continue
        if one.reason:
            why = one.reason
        elif one.state.is_counted or one.state.age_s is None:
            why = "no answer yet"
        else:
            why = f"no answer for {age(one.state.age_s)}"
        lines.append(f"{one.name}: {why}, not in these numbers")
    return lines


def _odd(counted: Sequence[_Counted]) -> list[str]:
    """The collectors' own problems, windows that not all of them keep, clocks that differ."""
    lines = [f"{one.name}: {problem}" for one in counted for problem in one.snapshot.problems]
    windows_s = {window_s for one in counted for window_s, _ in one.parts.head.windows}
    for one in counted:
        lacking_s = sorted(windows_s - {kept for kept, _ in one.parts.head.windows})
        lines += [f"{one.name}: keeps no window of {age(w)}, not in that one" for w in lacking_s]
    oldest_ns = min(one.snapshot.at_ns for one in counted)
    newest = max(counted, key=lambda one: one.snapshot.at_ns)
    if newest.snapshot.at_ns - oldest_ns > _APART_NS:
        apart = age((newest.snapshot.at_ns - oldest_ns) / 1e9)
        lines.append(f"{newest.name}: its clock is {apart} ahead of another collector's")
    return lines
