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
        return self._rows(np.array([index]))[0]

    def busy(self) -> list[tuple[dict[str, str], dict[str, float | int | None]]]:
        """Labels and metrics, as :meth:`row` tells them, of the groups that have requests."""
        indices = np.flatnonzero(self.requests)
        labels = [self.labels[index] for index in indices.tolist()]
        return list(zip(labels, self._rows(indices), strict=True))

    def _rows(self, indices: NDArray[np.int64]) -> list[dict[str, float | int | None]]:
        columns = [_plain(name, column[indices]) for name, column in self.values.items()]
        names = tuple(self.values)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(name: str, column: NDArray[np.float64]) -> list[float | int | None]:
    missing = np.isnan(column)
    values: list[float | int | None]
    if name in _WHOLE:
        values = np.where(missing, 0, column).astype(np.int64).tolist()
    else:
        values = column.tolist()
    for index in np.flatnonzero(missing).tolist():
        values[index] = None
    return values


MetricSource = Callable[[int, tuple[str, ...], Where | None], MetricTable]
"""Window in seconds, dimensions to group by (``()`` for the whole) and a filter, to a table."""
