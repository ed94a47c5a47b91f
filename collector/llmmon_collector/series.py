"""Which series there are, and how they group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import DIMENSIONS, OVERFLOW

OVERFLOW_CODE: Final = 0
"""The series that takes what there is no room for."""
MOST_AN_AGENT: Final = 2000
"""Series that one agent may bring, unless said otherwise."""
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
_REFUSALS_KEPT: Final = 10
"""Refused keys that are told apart, by series that there may be."""
_OVERFLOW_KEY: Final = SeriesKey(*(OVERFLOW,) * len(DIMENSIONS))


class Grouping(NamedTuple):
    """Series put into groups."""

    codes: NDArray[np.int32]
    """Group of each series, -1 where it is filtered out."""
    labels: tuple[dict[str, str], ...]
    """What each group has in common."""


def grouping_of(by: str) -> tuple[str, ...]:
    """The dimensions of the published grouping ``by``: a model is told with its provider."""
    return ("provider", "model") if by == "model" else (by,)


class SeriesTable:
    """Gives each series key a small number, up to a limit; the rest share number 0.

    A series, once known, keeps its number: newcomers never evict anybody. No agent can take all the
    room: it gets new series while it brought at most as many as there is room left for, so that one
    alone takes half, the next half of the rest, and somebody who comes late finds room.
    """

    def __init__(self, max_series: int, max_an_agent: int = MOST_AN_AGENT) -> None:
        self.max_series = max_series
        self.max_an_agent = max_an_agent
        self.keys: list[SeriesKey] = [_OVERFLOW_KEY]
        self._codes: dict[SeriesKey, int] = {_OVERFLOW_KEY: OVERFLOW_CODE}
        self._brought: dict[bytes, int] = {}
        """How many series each agent was the first to have."""
        self._refused: set[SeriesKey] = set()
        self._groupings: dict[tuple[tuple[str, ...], Where | None], tuple[int, Grouping]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def overflowed(self) -> int:
        """Distinct keys seen beyond the limits, itself counted up to ten times ``max_series``."""
        return len(self._refused)

    def code(self, key: SeriesKey, agent: bytes = b"") -> int:
        """The number of ``key``; 0, the ``__other__`` series, when there is no room for it.

        ``agent`` is who brings it; nobody in particular when empty, as at start-up.
        """
        code = self._codes.get(key)
        if code is not None:
            return code
        if not self._has_room(agent):
            if len(self._refused) < _REFUSALS_KEPT * self.max_series:
                self._refused.add(key)
            return OVERFLOW_CODE
        self._refused.discard(key)
        if agent:
            self._brought[agent] = self._brought.get(agent, 0) + 1
        self._codes[key] = len(self.keys)
        self.keys.append(key)
        return len(self.keys) - 1

    def _has_room(self, agent: bytes) -> bool:
        room = self.max_series + 1 - len(self.keys)
        brought = self._brought.get(agent, 0)
        return room > 0 and brought <= room and brought < self.max_an_agent

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
