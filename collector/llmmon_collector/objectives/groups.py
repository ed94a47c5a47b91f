"""Puts requests into the groups of an objective. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import OVERFLOW
from llmmon_collector.rules.filter import compile_where
from llmmon_collector.series import FILTERED, SeriesKey, SeriesTable

MOST_GROUPS: Final = 200
"""Groups told apart; what comes after them shares one, with the overflow's name in each label."""


class EventGroups:
    """Groups by labels, numbered as they are first seen, live or in the store."""

    def __init__(self, by: tuple[str, ...], where: str, series: SeriesTable) -> None:
        """``where`` is a filter of series, empty for none; ``series`` numbers the requests."""
        self.by = by
        self.overflowed = False
        """Whether there are more groups than ``MOST_GROUPS``."""
        self._where = compile_where(where) if where else None
        self._series = series
        self._numbers: dict[tuple[str, ...], int] = {} if by else {(): 0}
        self._of_series = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def plain(self) -> bool:
        """Whether every request is in the one group."""
        return not self.by and self._where is None

    @property
    def labels(self) -> list[dict[str, str]]:
        """What each group has in common."""
        return [dict(zip(self.by, values, strict=True)) for values in self._numbers]

    def number(self, values: tuple[str, ...]) -> int:
        """The group with these values of ``by``."""
        known = self._numbers.get(values)
        if known is not None:
            return known
        if len(self._numbers) >= MOST_GROUPS:
            self.overflowed = True
            values = (OVERFLOW,) * len(values)
        return self._numbers.setdefault(values, len(self._numbers))

    def numbers(self, series: NDArray[np.int32]) -> NDArray[np.int64]:
        """The group of each request by its series, ``FILTERED`` where it is in none."""
        keys, known = self._series.keys, len(self._of_series)
        if known < len(keys):
            more = [self._number_of(key) for key in keys[known:]]
            self._of_series = np.concatenate([self._of_series, np.array(more, np.int64)])
        return self._of_series[series]

    def _number_of(self, key: SeriesKey) -> int:
        if self._where is not None and not self._where(key):
            return FILTERED
        return self.number(tuple(getattr(key, name) for name in self.by))
