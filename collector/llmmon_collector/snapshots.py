"""Builds what viewers are shown from the state of the collector's parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmmon.protocol.snapshot import (
    VERSION,
    AlertView,
    BudgetView,
    ChannelView,
    HealthView,
    IngestView,
    Limit,
    SloView,
    Snapshot,
    WindowView,
)
from llmmon_collector.intake.ledger import Totals
from llmmon_collector.live import LiveMetrics
from llmmon_collector.series import grouping_of


class Identity(NamedTuple):
    """What a collector says of itself in every snapshot."""

    name: str
    note: str
    started_ns: int


class Parts(NamedTuple):
    """What the other rooms contribute to one tick's snapshots."""

    seq: int
    at_ns: int
    alerts: tuple[AlertView, ...]
    health: tuple[HealthView, ...]
    limits: tuple[Limit, ...]
    ingest: IngestView
    problems: tuple[str, ...]
    slos: tuple[SloView, ...] = ()
    budgets: tuple[BudgetView, ...] = ()
    channels: tuple[ChannelView, ...] = ()


class IngestState(NamedTuple):
    """What the ledger does not know about intake."""

    events_per_second: float
    rejected: int
    unpriced_models: tuple[str, ...]
    fold_lag_s: float | None


def ingest_view(totals: Totals, live: LiveMetrics, state: IngestState) -> IngestView:
    """The ledger as viewers see it."""
    return IngestView(
        agents=totals.agents,
        events_stored=totals.stored,
        events_per_second=state.events_per_second,
        duplicates_dropped=totals.duplicates,
        events_lost=totals.lost,
        events_in_flight=totals.in_flight,
        rejected_batches=state.rejected,
        late_events=live.late_events,
        series=len(live.series) - 1,
        series_limit=live.series.max_series,
        overflowed_series=live.series.overflowed,
        unpriced_models=state.unpriced_models,
        fold_lag_s=state.fold_lag_s,
        agents_gone=totals.gone,
        batches_throttled=totals.throttled,
    )


def build_snapshot(
    live: LiveMetrics, windows_s: Sequence[int], by: str, identity: Identity, parts: Parts
) -> Snapshot:
    """One snapshot grouped by ``by``, one of ``llmmon.protocol.snapshot.GROUPINGS``."""
    return Snapshot(
        version=VERSION,
        seq=parts.seq,
        at_ns=parts.at_ns,
        name=identity.name,
        note=identity.note,
        started_ns=identity.started_ns,
        by=by,
        windows=tuple(_window_view(live, window_s, by) for window_s in windows_s),
        alerts=parts.alerts,
        health=parts.health,
        ingest=parts.ingest,
        limits=parts.limits,
        problems=parts.problems,
        slos=parts.slos,
        budgets=parts.budgets,
        channels=parts.channels,
    )


def _window_view(live: LiveMetrics, window_s: int, by: str) -> WindowView:
    previous = live.windows.previous(window_s)
    return WindowView(
        window_s=window_s,
        total=live.table(window_s).row(0),
        previous=previous.row(0) if previous.requests.any() else {},
        groups=live.table(window_s, grouping_of(by)).busy_groups(),
        quality_buckets=live.windows.quality_buckets(window_s),
    )
