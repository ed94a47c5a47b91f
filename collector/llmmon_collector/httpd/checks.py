"""Health checks as Prometheus and OpenMetrics families. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric, StateSetMetricFamily

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.health.outcome import STATUSES

_BY: Final = ("check", "type")


def check_metrics(views: Iterable[HealthView]) -> Iterator[Metric]:
    """A family for each thing there is to say of a check; what has no value has no sample."""
    told = tuple(views)
    yield _statuses(told)
    yield from _flags(told)
    yield from _runs(told)
    yield from _values(told)


def _statuses(views: Iterable[HealthView]) -> Metric:
    family = StateSetMetricFamily("llmmon_check_status", "how the check stands", labels=_BY)
    for view in views:
        states: dict[str, bool] = {status: status == view.status for status in STATUSES}
        family.add_metric([view.name, view.type], states)
    return family


def _flags(views: tuple[HealthView, ...]) -> Iterator[Metric]:
    for name, meaning in (
        ("critical", "whether the whole is failing when the check is"),
        ("flapping", "whether its runs go from good to bad and back"),
        ("slow", "whether its runs take over half of its time-out"),
    ):
        family = GaugeMetricFamily(f"llmmon_check_{name}", meaning, labels=_BY)
        for view in views:
            family.add_metric([view.name, view.type], float(getattr(view, name)))
        yield family


def _runs(views: tuple[HealthView, ...]) -> Iterator[Metric]:
    took = GaugeMetricFamily(
        "llmmon_check_duration_seconds", "how long its last run took", labels=_BY
    )
    at = GaugeMetricFamily(
        "llmmon_check_last_run_timestamp_seconds", "when its last run ended", labels=_BY
    )
    for view in views:
        if view.took_ms is not None:
            took.add_metric([view.name, view.type], view.took_ms / 1000)
        if view.checked_ns is not None:
            at.add_metric([view.name, view.type], view.checked_ns / 1e9)
    yield took
    yield at


def _values(views: tuple[HealthView, ...]) -> Iterator[Metric]:
    value = GaugeMetricFamily(
        "llmmon_check_value", "what the check measured, in its unit", labels=(*_BY, "unit")
    )
    more = GaugeMetricFamily(
        "llmmon_check_measurement",
        "what else the check measured, in its unit",
        labels=(*_BY, "measurement", "unit"),
    )
    for view in views:
        if view.value is not None:
            value.add_metric([view.name, view.type, view.unit], view.value)
        for one in view.measurements:
            more.add_metric([view.name, view.type, one.name, one.unit], one.value)
    yield value
    yield more
