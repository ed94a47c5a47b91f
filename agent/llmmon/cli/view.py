"""What a collector shows at one instant, as the documented JSON object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from llmmon.protocol.names import DIMENSIONS, METRICS
from llmmon.protocol.snapshot import Snapshot, as_dict

VERSION: Final = 1
_INGEST: Final = (
    "agents",
    "events_stored",
    "duplicates_dropped",
    "events_lost",
    "events_in_flight",
    "rejected_batches",
    "late_events",
)


def iso_time(ns: int) -> str:
    """A wall clock in nanoseconds as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def snapshot_object(
    metrics: Mapping[str, Any], status: Mapping[str, Any], snapshot: Snapshot
) -> dict[str, Any]:
    """What ``llmmon snapshot --json`` prints.

    ``metrics`` and ``status`` are the results of those control methods. Every metric is there,
    None where the window holds nothing to tell it from. ``ingest`` is as of ``status``, which the
    collector counts at once; alerts and health are of its last tick.
    """
    ingest = status["ingest"]
    return {
        "version": VERSION,
        "at": iso_time(metrics["at_ns"]),
        "window_s": metrics["window_s"],
        "total": all_metrics(metrics["total"]),
        "series": [series_object(row) for row in metrics["series"]],
        "alerts": [as_dict(alert) for alert in snapshot.alerts],
        "health": health_object(snapshot),
        "slos": [as_dict(slo) for slo in snapshot.slos],
        "budgets": [as_dict(budget) for budget in snapshot.budgets],
        "channels": {channel.name: as_dict(channel) for channel in snapshot.channels},
        "ingest": {name: ingest.get(name) for name in _INGEST},
    }


def all_metrics(values: Mapping[str, Any]) -> dict[str, Any]:
    """Every metric by name, None where ``values`` has it not."""
    return {name: values.get(name) for name in METRICS}


def series_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row's labels, then every metric."""
    labels = {name: row[name] for name in DIMENSIONS if name in row}
    return {**labels, **all_metrics(row)}


def health_object(snapshot: Snapshot) -> dict[str, Any]:
    """The last word of every check, by its name."""
    return {check.name: as_dict(check) for check in snapshot.health}


def state(snapshot: Snapshot) -> str:
    """``ok``, ``warning`` or ``critical``: the worst of firing alerts and health checks.

    A silenced alert still fires, and so still counts.
    """
    firing = {alert.severity for alert in snapshot.alerts if alert.state == "firing"}
    health = {check.status for check in snapshot.health}
    if "critical" in firing or "failing" in health:
        return "critical"
    return "warning" if firing or "degraded" in health or snapshot.problems else "ok"
