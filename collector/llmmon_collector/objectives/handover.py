"""Requests that have just come, looked at once for all objectives. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.objectives.groups import EventGroups
from llmmon_collector.requests import Requests

Integers = NDArray[np.int64]

MINUTE_NS: Final = 60 * 10**9
STATES: Final = 4
"""Cells a minute and group: no event, good, bad, and one that stays empty."""
_FEW: Final = 4
"""Minutes up to which comparing with where each begins is quicker than dividing."""
_NARROW: Final = 64
"""Spans of minutes up to this are counted whole, gaps and all."""


class Cells(NamedTuple):
    """Where requests are counted: a cell a minute, group and state.

    The first group of each minute takes what a filter leaves out.
    """

    minutes: list[int]
    groups: int
    first: Integers
    """The first cell of each request's minute and group."""

    def tally(self, states: NDArray[np.uint8]) -> Integers:
        """Requests by minute, group and state."""
        shape = len(self.minutes), self.groups + 1, STATES
        counts = np.bincount(self.first + states, minlength=shape[0] * shape[1] * shape[2])
        return counts.reshape(shape)[:, 1:]


class Handover:
    """Requests, at least one, with the minutes since 1970 that they count in."""

    def __init__(self, requests: Requests, minutes: Integers, first: int, last: int) -> None:
        """``minutes`` lie between ``first`` and ``last``."""
        self.requests = requests
        self.minutes = minutes
        self.first = first
        self.last = last
        self._cells: dict[EventGroups, Cells] = {}

    @classmethod
    def of(cls, requests: Requests, now_ns: int) -> Handover:
        """``requests``, at least one; what ends ahead of ``now_ns`` ends now."""
        last = min(int(requests.end_ns.max()), now_ns) // MINUTE_NS
        first = min(int(requests.end_ns.min()) // MINUTE_NS, last)
        return cls(requests, _minutes(requests.end_ns, first, last), first, last)

    def since(self, minute: int) -> Handover | None:
        """Those from ``minute`` on; None where there are none."""
        if self.first >= minute:
            return self
        rows = np.flatnonzero(self.minutes >= minute)
        if not len(rows):
            return None
        return Handover(self.requests.take(rows), self.minutes[rows], minute, self.last)

    def cells(self, groups: EventGroups) -> Cells:
        """Where the requests are counted by ``groups``."""
        found = self._cells.get(groups)
        if found is None:
            found = self._cells[groups] = self._build(groups)
        return found

    def _build(self, groups: EventGroups) -> Cells:
        first = groups.numbers(self.requests.series) + 1
        size = len(groups)
        if self.first == self.last:
            minutes = [self.first]
        elif self.last - self.first < _NARROW:
            minutes = list(range(self.first, self.last + 1))
            first += (self.minutes - self.first) * (size + 1)
        else:
            some, ranks = np.unique(self.minutes, return_inverse=True)
            minutes = some.tolist()
            first += ranks * (size + 1)
        first *= STATES
        return Cells(minutes, size, first)


def _minutes(end_ns: Integers, first: int, last: int) -> Integers:
    """The minute of each, ``last`` for what is later."""
    if last - first > _FEW:
        return np.minimum(end_ns // MINUTE_NS, last)
    minutes = np.full(len(end_ns), first, np.int64)
    for minute in range(first + 1, last + 1):
        minutes += end_ns >= minute * MINUTE_NS
    return minutes
