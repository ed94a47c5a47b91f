"""Which series there are, and how they group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import DIMENSIONS, OVERFLOW

FILTERED: Final = -1
"""The group of a series that a filter leaves out."""


class SeriesKey(NamedTuple):
    """What a series is; an empty text where a request did not say."""

    service: str
    environment: str
    operation: str
    provider: str
    model: str
    route: str


Where = Callable[[SeriesKey], bool]
"""A filter of series."""

_GROUPINGS_KEPT: Final = 1024
_OVERFLOW_KEY: Final = SeriesKey(*(OVERFLOW,) * len(DIMENSIONS))


class Grouping(NamedTuple):
    """Series put into groups."""

    codes: NDArray[np.int32]
    """Group of each series, -1 where it is filtered out."""
    labels: tuple[dict[str, str], ...]
    """What each group has in common."""


class SeriesTable:
    """Gives each series key a small number, up to a limit; the rest share number 0.

    A series, once known, keeps its number: newcomers never evict anybody.
    """

    def __init__(self, max_series: int) -> None:
        self.max_series = max_series
        self.keys: list[SeriesKey] = [_OVERFLOW_KEY]
        self._codes: dict[SeriesKey, int] = {_OVERFLOW_KEY: 0}
        self._refused: set[SeriesKey] = set()
        self._groupings: dict[tuple[tuple[str, ...], Where | None], tuple[int, Grouping]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def overflowed(self) -> int:
        """Distinct keys seen beyond the limit, itself counted up to ten times the limit."""
        return len(self._refused)

    def code(self, key: SeriesKey) -> int:
        """The number of ``key``; 0, the ``__other__`` series, when there is no room for it."""
        code = self._codes.get(key)
        if code is not None:
            return code
        if len(self.keys) > self.max_series:
            if len(self._refused) < 10 * self.max_series:
                self._refused.add(key)
            return 0
        self._codes[key] = len(self.keys)
        self.keys.append(key)
        return len(self.keys) - 1

    def group(self, by: tuple[str, ...], where: Where | None = None) -> Grouping:
        """Series grouped by the dimensions ``by``; ``()`` puts all into one group.

        Raises:
            ValueError: a name in ``by`` is not a dimension.
        """
        for name in by:
            if name not in DIMENSIONS:
                raise ValueError(f"{name!r} is no dimension: expected {', '.join(DIMENSIONS)}")
        known = self._groupings.get((by, where))
        if known is not None and known[0] == len(self.keys):
            return known[1]
        grouping = self._build_grouping(by, where)
        if len(self._groupings) >= _GROUPINGS_KEPT:
            self._groupings.clear()
        self._groupings[by, where] = (len(self.keys), grouping)
        return grouping

    def forget_groupings(self) -> None:
        """Drop the cached groupings, for when the filters that made them are replaced."""
        self._groupings.clear()

    def _build_grouping(self, by: tuple[str, ...], where: Where | None) -> Grouping:
        columns = [DIMENSIONS.index(name) for name in by]
        groups: dict[tuple[str, ...], int] = {} if by else {(): 0}
        codes = np.empty(len(self.keys), dtype=np.int32)
        for i, key in enumerate(self.keys):
            if where is not None and not where(key):
                codes[i] = FILTERED
            else:
                codes[i] = groups.setdefault(tuple(key[c] for c in columns), len(groups))
        labels = tuple(dict(zip(by, values, strict=True)) for values in groups)
        return Grouping(codes, labels)
