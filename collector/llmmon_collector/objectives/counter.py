"""Counts the events of an objective by group: live ones as they come, stored ones once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.objectives.counts import BAD, TOTAL, Counts
from llmmon_collector.objectives.good import parse_good
from llmmon_collector.objectives.groups import EventGroups
from llmmon_collector.objectives.handover import Handover
from llmmon_collector.objectives.model import SloSpec
from llmmon_collector.objectives.verdict import compile_good

Integers = NDArray[np.int64]


class Counted(NamedTuple):
    """What is counted. Objectives that count the same share their counts."""

    good: str
    where: str
    by: tuple[str, ...]
    period_s: float

    @classmethod
    def of(cls, spec: SloSpec) -> Counted:
        """What ``spec`` has counted."""
        return cls(spec.good.strip(), spec.where.strip(), spec.by, spec.period_s)


class CountedRow(NamedTuple):
    """What a store has of one group in some minutes."""

    minute: int
    """The first of them, since 1970."""
    labels: tuple[str, ...]
    total: int
    bad: int


class Counter:
    """Events by group, minute and hour.

    Time goes on steadily here: when the machine's clock is set, what was counted keeps its age.
    """

    def __init__(
        self, counted: Counted, groups: EventGroups, minute: int, from_minute: int | None = None
    ) -> None:
        """``minute`` is the present one. Live events before ``from_minute``, where there is one,
        are left to the store until it is asked."""
        self.counted = counted
        self.good = parse_good(counted.good)
        self.groups = groups
        self.since_minute = minute if from_minute is None else from_minute
        """The counts are whole from then on."""
        self.from_minute = from_minute
        self._judge = compile_good(self.good)
        self._counts = Counts(round(counted.period_s) // 3600, minute)
        self._shift_minutes = 0

    @property
    def windows(self) -> Integers:
        """Events and bad ones by burn rate window and group."""
        return self._counts.windows(len(self.groups))

    @property
    def period(self) -> Integers:
        """Events and bad ones of the period by group."""
        return self._counts.period(len(self.groups))

    @property
    def first_minute(self) -> int:
        """The earliest minute that the period covers."""
        return self._counts.first_minute

    @property
    def minute(self) -> int:
        """The present minute."""
        return self._counts.minute

    @property
    def covered_s(self) -> float:
        """How much of the period is counted, to the minute."""
        if self.since_minute <= self.first_minute:
            return self.counted.period_s
        return max((self.minute - self.since_minute + 1) * 60.0, 0.0)

    def advance(self, minute: int) -> None:
        """Move on to the ``minute`` since 1970."""
        self._counts.advance(minute - self._shift_minutes)

    def set_clock(self, moved_minutes: int) -> None:
        """The clock was set forward by ``moved_minutes``, or back."""
        self._shift_minutes += moved_minutes

    def add(self, came: Handover) -> None:
        """Count requests that have just come."""
        handed = came if self.from_minute is None else came.since(self.from_minute)
        if handed is None:
            return
        good, bad = self._judge(handed.requests)
        if self.groups.plain and handed.first == handed.last:
            failed = int(np.count_nonzero(bad))
            counts = np.array([[int(np.count_nonzero(good)) + failed], [failed]], np.int64)
            self._put(handed.first, counts)
            return
        cells = handed.cells(self.groups)
        by_state = cells.tally(good.view(np.uint8) + (bad.view(np.uint8) << np.uint8(1)))
        for minute, states in zip(cells.minutes, by_state, strict=True):
            self._put(minute, np.stack([states[:, 1] + states[:, 2], states[:, 2]]))

    def fill(self, rows: Iterable[CountedRow]) -> None:
        """Count what a store has; rows of one minute stand together."""
        for minute, some in groupby(rows, lambda row: row.minute):
            of_minute = list(some)
            columns = [self.groups.number(row.labels) for row in of_minute]
            counts = np.zeros((2, len(self.groups)), np.int64)
            np.add.at(counts[TOTAL], columns, [row.total for row in of_minute])
            np.add.at(counts[BAD], columns, [row.bad for row in of_minute])
            self._counts.add(minute, counts)

    def _put(self, minute: int, counts: Integers) -> None:
        self._counts.add(minute - self._shift_minutes, counts)
