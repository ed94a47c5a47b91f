"""A snapshot as Prometheus and OpenMetrics text. Pure.

Windowed numbers go out as gauges with the label ``window``: the whole over every window
(``scope="total"``), the groups over the shortest (``scope="group"``). What only ever grows goes
out as counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from llmmon.protocol.snapshot import AlertView, IngestView, Metrics, Snapshot
from llmmon_collector.duration import format_duration
from llmmon_collector.httpd.checks import check_metrics
from llmmon_collector.httpd.names import EXPORTED, LABELS

MAX_GROUPS: Final = 200
"""The busiest groups go out; how many stay behind is told."""
MAX_LABEL_LENGTH: Final = 128


def render(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """The text that a client with this ``Accept`` header wants, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from _live(self._snapshot)
        yield from _ledger(self._snapshot.ingest)
        yield from check_metrics(self._snapshot.health)
        yield from _alerts(self._snapshot.alerts)
        about = _gauge("llmmon_snapshot_timestamp_seconds", "when these numbers were taken")
        about.add_metric([], self._snapshot.at_ns / 1e9)
        yield about
        problems = _gauge("llmmon_problems", "what is wrong with the collector itself")
        problems.add_metric([], len(self._snapshot.problems))
        yield problems


def _gauge(name: str, meaning: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=list(labels))


def _live(snapshot: Snapshot) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for view in snapshot.windows:
        _add(families, view.total, {"scope": "total", "window": format_duration(view.window_s)})
    omitted = _gauge("llmmon_groups_omitted", f"groups beyond the {MAX_GROUPS} busiest")
    if snapshot.windows:
        shortest = snapshot.windows[0]
        busiest = sorted(shortest.groups, key=lambda group: -(group.metrics.get("requests") or 0))
        for group in busiest[:MAX_GROUPS]:
            labels = {
                LABELS.get(key, key): value[:MAX_LABEL_LENGTH]
                for key, value in group.labels.items()
            }
            where = {"scope": "group", "window": format_duration(shortest.window_s)}
            _add(families, group.metrics, {**labels, **where})
        omitted.add_metric([], max(0, len(busiest) - MAX_GROUPS))
    yield from families.values()
    yield omitted


def _add(
    families: dict[str, GaugeMetricFamily], metrics: Metrics, labels: Mapping[str, str]
) -> None:
    for metric, value in metrics.items():
        if value is None or metric not in EXPORTED:
            continue
        exported = EXPORTED[metric]
        family = families.get(exported.name)
        if family is None:
            family = families[exported.name] = _gauge(exported.name, exported.meaning)
        family.add_sample(
            exported.name, {**labels, **dict(exported.labels)}, float(value) * exported.scale
        )


def _ledger(ingest: IngestView) -> Iterator[Metric]:
    counters = (
        ("llmmon_events_stored", "events committed", ingest.events_stored),
        ("llmmon_duplicates_dropped", "batches sent again", ingest.duplicates_dropped),
        ("llmmon_rejected_batches", "messages that were refused", ingest.rejected_batches),
        ("llmmon_late_events", "too late for the windows", ingest.late_events),
        ("llmmon_throttled_batches", "to be sent again later", ingest.batches_throttled),
    )
    for name, meaning, count in counters:
        counter = CounterMetricFamily(name, meaning)
        counter.add_metric([], count)
        yield counter
    lost = CounterMetricFamily("llmmon_events_lost", "events lost", labels=["reason"])
    for reason, count in sorted(ingest.events_lost.items()):
        lost.add_metric([reason], count)
    yield lost
    gauges = (
        ("llmmon_agents", "agents heard of lately", ingest.agents),
        ("llmmon_agents_gone", "agents that ended without a goodbye", ingest.agents_gone),
        ("llmmon_events_in_flight", "emitted, neither stored nor lost", ingest.events_in_flight),
        ("llmmon_series", "series kept apart", ingest.series),
        ("llmmon_series_limit", "most series kept apart", ingest.series_limit),
        ("llmmon_overflowed_series", "series folded into __other__", ingest.overflowed_series),
        ("llmmon_fold_lag_seconds", "age of what the store lacks", ingest.fold_lag_s),
    )
    for name, meaning, value in gauges:
        if value is not None:
            gauge = _gauge(name, meaning)
            gauge.add_metric([], value)
            yield gauge


def _alerts(alerts: Iterable[AlertView]) -> Iterator[Metric]:
    counts: dict[tuple[str, str, str], int] = {}
    for alert in alerts:
        key = (alert.rule, alert.severity, alert.state)
        counts[key] = counts.get(key, 0) + 1
    family = _gauge("llmmon_alerts", "alert instances", ("rule", "severity", "state"))
    for labels, count in sorted(counts.items()):
        family.add_metric(list(labels), count)
    yield family
