"""The counters of all objectives, and what the store has still to say of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from llmmon_collector.objectives.backfill import Question, ask_counts, count_rows
from llmmon_collector.objectives.counter import Counted, Counter
from llmmon_collector.objectives.groups import EventGroups
from llmmon_collector.objectives.handover import Handover
from llmmon_collector.objectives.model import SloSpec
from llmmon_collector.objectives.slo import SloFigures, measure
from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesTable

SETTLE_MINUTES: Final = 2
"""How long after the cut of an added objective the store is asked."""
GIVE_UP_MINUTES: Final = 15
"""Without an answer for this long, alerts go on with what was counted live."""


class _Work:
    """A counter, and how far the store's part of it has come."""

    def __init__(self, number: int, counter: Counter) -> None:
        self.number = number
        self.counter = counter
        self.begun_minute = counter.minute
        self.asked = False
        self.waiting = 0
        self.store_begins: int | None = None

    @property
    def filled(self) -> bool:
        """Whether the store has answered everything."""
        return self.asked and not self.waiting

    @property
    def known(self) -> bool:
        """Whether alerts may go by the counts."""
        return self.filled or self.counter.minute - self.begun_minute >= GIVE_UP_MINUTES

    def is_due(self, minute: int) -> bool:
        """Whether the store is to be asked."""
        cut = self.counter.from_minute
        return not self.asked and (cut is None or minute >= cut + SETTLE_MINUTES)

    def settle(self) -> None:
        """Let the coverage tell what the store's answers have added."""
        if self.filled and self.store_begins is not None:
            self.counter.since_minute = min(self.counter.since_minute, self.store_begins)


class Counting:
    """Counters by what is counted: objectives that count the same share one."""

    def __init__(self, slos: Sequence[SloSpec], series: SeriesTable, minute: int) -> None:
        """``series`` numbers the requests that are added; ``minute`` is the present one."""
        self._series = series
        self._numbers = count()
        self._work: dict[Counted, _Work] = {}
        self._slos: tuple[SloSpec, ...] = ()
        self._set(slos, minute, None)

    @property
    def slos(self) -> tuple[SloSpec, ...]:
        """The objectives in force."""
        return self._slos

    def add(self, requests: Requests, now_ns: int) -> None:
        """Count ``requests``, at least one."""
        if self._work:
            came = Handover.of(requests, now_ns)
            for work in self._work.values():
                work.counter.add(came)

    def advance(self, minute: int) -> None:
        """Move on to the ``minute`` since 1970."""
        for work in self._work.values():
            work.counter.advance(minute)

    def set_clock(self, moved_minutes: int) -> None:
        """The clock was set forward by ``moved_minutes``, or back."""
        for work in self._work.values():
            work.counter.set_clock(moved_minutes)

    def replace(self, slos: Sequence[SloSpec], minute: int) -> None:
        """Use ``slos`` from now on; what is counted as before goes on.

        What is new counts live from the next minute on; the store has what was before.
        """
        self._set(slos, minute, minute + 1)

    def ask(self, minute: int, before_row: int | None) -> list[Question]:
        """What is to be asked of the store now."""
        questions: list[Question] = []
        for work in self._work.values():
            if not work.is_due(minute):
                continue
            counter = work.counter
            span = counter.first_minute, counter.from_minute or minute + 1
            asked = ask_counts(work.number, counter.counted, span, before_row)
            work.asked, work.waiting = True, len(asked)
            counter.from_minute = None
            questions += asked
        return questions

    def fill(self, number: int, rows: Iterable[Sequence[Any]]) -> None:
        """Take an answer for the counter ``number``, which may have gone."""
        for work in self._work.values():
            if work.number == number:
                work.counter.fill(count_rows(rows))
                work.waiting -= 1
                work.settle()

    def begin(self, requests_minute: int | None, rollups_minute: int | None) -> None:
        """The store's requests, and rollups, begin then."""
        for work in self._work.values():
            if work.asked:
                of_rollups = work.counter.good.only_errors
                work.store_begins = rollups_minute if of_rollups else requests_minute
                work.settle()

    def figures(self) -> list[tuple[SloFigures, bool]]:
        """How each objective stands, and whether its counts are known to be whole."""
        works = [(slo, self._work[Counted.of(slo)]) for slo in self._slos]
        return [(measure(slo, work.counter), work.known) for slo, work in works]

    def notices(self) -> list[str]:
        """What people should know."""
        found = []
        for slo in self._slos:
            work = self._work[Counted.of(slo)]
            if work.counter.groups.overflowed:
                found.append(f"slo {slo.name}: too many groups, the newest share one")
            if work.known and not work.filled:
                found.append(
                    f"slo {slo.name}: counted since the start only, no answer from the store"
                )
        return found

    def _set(self, slos: Sequence[SloSpec], minute: int, cut: int | None) -> None:
        self._slos = tuple(slos)
        wanted = dict.fromkeys(map(Counted.of, slos))
        self._work = {counted: work for counted, work in self._work.items() if counted in wanted}
        for counted in wanted:
            if counted not in self._work:
                counter = Counter(counted, self._groups(counted), minute, cut)
                self._work[counted] = _Work(next(self._numbers), counter)

    def _groups(self, counted: Counted) -> EventGroups:
        """Those that a counter groups in the same way, or new ones."""
        for known, work in self._work.items():
            if (known.by, known.where) == (counted.by, counted.where):
                return work.counter.groups
        return EventGroups(counted.by, counted.where, self._series)
