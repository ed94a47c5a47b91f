"""The small parts of several snapshots: limits, the ledger, and labels that say whose. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from llmmon.protocol.snapshot import AlertView, BudgetView, IngestView, Limit, SloView
from llmmon_tui.fleet.names import join_id
from llmmon_tui.link import COLLECTOR

Labelled = TypeVar("Labelled", AlertView, SloView, BudgetView)


def labelled(name: str, view: Labelled) -> Labelled:
    """`view` with the collector `name` among its labels."""
    return replace(view, labels={**view.labels, COLLECTOR: name})


def merge_limits(told: Sequence[tuple[str, Sequence[Limit]]]) -> tuple[Limit, ...]:
    """Limits that all collectors share once, the others with their collector's name."""
    times = Counter(limit for _, limits in told for limit in set(limits))
    merged: dict[Limit, None] = {}
    for name, limits in told:
        for limit in limits:
            shared = times[limit] == len(told)
            merged[limit if shared else replace(limit, rule=join_id(name, limit.rule))] = None
    return tuple(merged)


def merge_ingest(told: Sequence[IngestView]) -> IngestView:
    """The ledgers added up. A series that two collectors know counts twice."""
    lost: Counter[str] = Counter()
    for one in told:
        lost.update(one.events_lost)
    lags_s = [one.fold_lag_s for one in told if one.fold_lag_s is not None]
    return IngestView(
        agents=sum(one.agents for one in told),
        events_stored=sum(one.events_stored for one in told),
        events_per_second=sum(one.events_per_second for one in told),
        duplicates_dropped=sum(one.duplicates_dropped for one in told),
        events_lost=dict(lost),
        events_in_flight=sum(one.events_in_flight for one in told),
        rejected_batches=sum(one.rejected_batches for one in told),
        late_events=sum(one.late_events for one in told),
        series=sum(one.series for one in told),
        series_limit=sum(one.series_limit for one in told),
        overflowed_series=sum(one.overflowed_series for one in told),
        unpriced_models=tuple(sorted({name for one in told for name in one.unpriced_models})),
        fold_lag_s=max(lags_s, default=None),
        agents_gone=sum(one.agents_gone for one in told),
        batches_throttled=sum(one.batches_throttled for one in told),
    )
