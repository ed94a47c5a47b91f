"""Check results as the metrics that rules read: the family ``checks``. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from llmmon.protocol.names import FAMILIES
from llmmon.protocol.snapshot import HealthView
from llmmon_collector.metrics import MetricTable

_COLUMNS: Final[dict[str, Callable[[HealthView], float | None]]] = {
    "check_failing": lambda view: view.status == "failing",
    "check_critical": lambda view: view.status == "failing" and view.critical,
    "check_degraded": lambda view: view.status in {"degraded", "failing"},
    "check_flapping": lambda view: view.flapping,
    "check_took_ms": lambda view: view.took_ms,
    "check_value": lambda view: view.value,
}


def check_table(views: Sequence[HealthView]) -> MetricTable:
    """A row a check, labelled ``check`` and ``type``.

    A check whose status is unknown, as when it has not run or its result is old, has no values.
    """
    values = {
        name: np.array([_number(_COLUMNS[name], view) for view in views], np.float64)
        for name in FAMILIES["checks"]
    }
    labels = tuple({"check": view.name, "type": view.type} for view in views)
    return MetricTable(labels, values, np.ones(len(views), np.int64))


def _number(column: Callable[[HealthView], float | None], view: HealthView) -> float:
    value = None if view.status == "unknown" else column(view)
    return np.nan if value is None else float(value)
