"""Aggregates of many series or groups, as columns named by ``llmmon.protocol.names.METRICS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.groups import WHOLE, Groups
from llmmon_collector.series import Where


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

    def busy_groups(self) -> Groups:
        """The same as columns, which nothing loops over."""
        indices = np.flatnonzero(self.requests)
        labels = [self.labels[index] for index in indices.tolist()]
        names = labels[0] if labels else {}
        texts = {name: [label[name] for label in labels] for name in names}
        return Groups(len(indices), texts, _packed(self.values, indices))

    def _rows(self, indices: NDArray[np.int64]) -> list[dict[str, float | int | None]]:
        columns = [_plain(name, column[indices]) for name, column in self.values.items()]
        names = tuple(self.values)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _packed(
    values: Mapping[str, NDArray[np.float64]], indices: NDArray[np.int64]
) -> dict[str, bytes]:
    """Each column packed as narrowly as it can be without changing a value."""
    wide = np.array([column[indices] for column in values.values()], "<f8")
    with np.errstate(over="ignore"):
        narrow = wide.astype("<f4")
    missing = np.isnan(wide)
    fits = ((narrow == wide) | missing).all(axis=1)
    empty = missing.all(axis=1)
    return {
        name: b"" if empty[i] else (narrow if fits[i] else wide)[i].tobytes()
        for i, name in enumerate(values)
    }


def _plain(name: str, column: NDArray[np.float64]) -> list[float | int | None]:
    missing = np.isnan(column)
    values: list[float | int | None]
    if name in WHOLE:
        values = np.where(missing, 0, column).astype(np.int64).tolist()
    else:
        values = column.tolist()
    for index in np.flatnonzero(missing).tolist():
        values[index] = None
    return values


MetricSource = Callable[[int, tuple[str, ...], Where | None], MetricTable]
"""Window in seconds, dimensions to group by (``()`` for the whole) and a filter, to a table."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that rules read at one evaluation."""

    requests: MetricSource
    families: Mapping[str, Callable[[], MetricTable]] = field(default_factory=dict)
    """``checks``, ``slos`` and ``budgets``: their tables, whose rows may differ in their labels.
    Metrics are those of ``llmmon.protocol.names.FAMILIES``; one that is absent is unknown."""
    measure: Callable[[str, str], float | None] = lambda check, name: None
    """What a health check measured last, by the names of both; ``""`` is its plain value."""
