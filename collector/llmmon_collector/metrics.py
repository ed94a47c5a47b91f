"""Aggregates of many series or groups, as columns named by ``llmmon.protocol.names.METRICS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import METRICS
from llmmon_collector.series import Where

_WHOLE: Final = frozenset(
    name for name, metric in METRICS.items() if metric.unit in {"count", "tokens"}
)


@dataclass(frozen=True, slots=True)
class MetricTable:
    """A row a group: what rules, snapshots and queries read."""

    labels: tuple[dict[str, str], ...]
    values: Mapping[str, NDArray[np.float64]]
    """By metric name, NaN where a group has no value."""
    requests: NDArray[np.int64]
    """How many requests each row speaks of."""

    def __len__(self) -> int:
        return len(self.labels)

    def row(self, index: int) -> dict[str, float | int | None]:
        """One group's metrics, None where there is no value, counts as integers."""
        return {name: _plain(name, float(column[index])) for name, column in self.values.items()}


def _plain(name: str, value: float) -> float | int | None:
    if np.isnan(value):
        return None
    return int(value) if name in _WHOLE else value


MetricSource = Callable[[int, tuple[str, ...], Where | None], MetricTable]
"""Window in seconds, dimensions to group by (``()`` for the whole) and a filter, to a table."""
