"""Puts requests where they belong: into the time slots that they ended in, and into the day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.windows.day import DayCost
from llmmon_collector.windows.fold import fold
from llmmon_collector.windows.level import Level

Integers = NDArray[np.int64]


def place(requests: Requests, levels: Sequence[Level], day: DayCost) -> None:
    """Put ``requests`` in at the finest level that still has their slots, and all coarser."""
    for i, level in enumerate(levels):
        if not len(requests):
            return
        slots = requests.end_ns // level.slot_ns
        held = slots >= level.oldest_whole_slot
        if held.all():
            _put(levels[i:], day, requests, slots)
            return
        if held.any():
            _put(levels[i:], day, requests.take(held), slots[held])
        requests = requests.take(~held)
    if len(requests):
        day.add(requests)


def _put(levels: Sequence[Level], day: DayCost, requests: Requests, slots: Integers) -> None:
    slot_ns = levels[0].slot_ns
    midnight_parts_a_slot = day.start_ns % slot_ns
    if midnight_parts_a_slot:
        day.add(requests)
    for slot, delta in fold(requests, slots):
        if not midnight_parts_a_slot and slot * slot_ns >= day.start_ns:
            day.add_counts(delta)
        for level in levels:
            level.add(slot * slot_ns // level.slot_ns, delta)
