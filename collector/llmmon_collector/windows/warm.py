"""Puts back what a store kept, so that after a restart the windows are what they were.

Windows of whole minutes a slot come back from rollups, exactly: a rollup is what such a slot is
made of. Finer ones, which reach back two hours at the most, come back from the requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.windows.day import DayCost
from llmmon_collector.windows.delta import Delta
from llmmon_collector.windows.fold import fold
from llmmon_collector.windows.level import Level

MINUTE_NS: Final = 60 * 10**9


class Kept(Protocol):
    """What a store has of the past."""

    def begun_ns(self, since_ns: int) -> int | None:
        """When the earliest request from ``since_ns`` on ended; None where there is none."""
        ...

    def rollups(self, since_ns: int, step_ns: int) -> Iterator[tuple[int, Delta]]:
        """What requests add up to, a step at a time, with the step's beginning.

        Steps are whole minutes, begin at multiples of ``step_ns``, and end after ``since_ns``.
        Minutes that have not begun are left out.
        """
        ...

    def requests(self, since_ns: int) -> Iterator[Requests]:
        """Requests that ended from ``since_ns`` on."""
        ...


def refill(levels: Sequence[Level], day: DayCost, kept: Kept, now_ns: int) -> int | None:
    """Fill empty ``levels`` and ``day``, which stand at ``now_ns``; when their content begins.

    What claims to end later in the current minute counts as ending now. What claims to end still
    later is left out: when it came is not known any more.
    """
    coarse = [level for level in levels if level.slot_ns >= MINUTE_NS]
    fine = [level for level in levels if level.slot_ns < MINUTE_NS]
    _refill_coarse(coarse, day, kept)
    _refill_fine(fine, kept, now_ns)
    # who was there as long again before was there all the time
    begin_ns = min(map(_begin_ns, levels))
    return kept.begun_ns(begin_ns - (now_ns - begin_ns) // 2)


def _refill_coarse(levels: Sequence[Level], day: DayCost, kept: Kept) -> None:
    # a step that midnight parts would count whole; no zone's midnight parts a minute
    step_ns = max(gcd(day.start_ns, *(level.slot_ns for level in levels)), MINUTE_NS)
    since_ns = min([day.start_ns, *map(_begin_ns, levels)])
    for start_ns, delta in kept.rollups(since_ns, step_ns):
        for level in levels:
            level.add(start_ns // level.slot_ns, delta)
        if start_ns >= day.start_ns:
            day.add_counts(delta)


def _refill_fine(levels: Sequence[Level], kept: Kept, now_ns: int) -> None:
    if not levels:
        return
    for requests in kept.requests(min(map(_begin_ns, levels))):
        known = _begun(requests, now_ns)
        for level in levels:
            inside = _picked(known, known.end_ns >= _begin_ns(level))
            if len(inside):
                for slot, delta in fold(inside, inside.end_ns // level.slot_ns):
                    level.add(slot, delta)


def _begun(requests: Requests, now_ns: int) -> Requests:
    """Those that ended by the end of the current minute, none of them after now."""
    minute_end_ns = now_ns - now_ns % MINUTE_NS + MINUTE_NS
    known = _picked(requests, requests.end_ns < minute_end_ns)
    return known.ending(np.minimum(known.end_ns, now_ns))


def _picked(requests: Requests, wanted: NDArray[np.bool_]) -> Requests:
    return requests if wanted.all() else requests.take(wanted)


def _begin_ns(level: Level) -> int:
    return level.oldest_whole_slot * level.slot_ns
