"""What the functions of the past make of recorded points and the present value. Pure.

Averages, extremes and the line of ``predict`` are over the points of the duration and the present
value; they are unknown where fewer than half of the points have a value.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.rules.expression import Recall
from llmmon_collector.rules.operations import Column
from llmmon_collector.rules.ring import Block, Ring

LEAST_FOR_A_LINE: Final = 3
"""Points that ``predict`` needs in any case."""
_COMPARED: Final = frozenset({"ago", "delta", "rate"})

Summary = tuple[Column, ...]
"""What is worked out once a step, a value a column of the ring."""


def reach(recall: Recall) -> int:
    """Slots that a ring must have for it: those of the duration, and one to fall back on."""
    return recall.slots + 2


def summarise(recall: Recall, ring: Ring, slot: int) -> Summary:
    """What of the result depends on recorded points alone, as of ``slot``."""
    if recall.function in _COMPARED:
        return ()
    block = ring.block(slot - recall.slots + 1, slot)
    known = ~np.isnan(block)
    count = np.add.reduce(known.view(np.uint8), axis=0, dtype=np.uint16).astype(np.float64)
    match recall.function:
        case "min_over":
            return count, np.fmin.reduce(block, axis=0)
        case "max_over":
            return count, np.fmax.reduce(block, axis=0)
        case "predict":
            return count, *_sums(block, known)
        case _:
            return count, _weigh(np.ones(len(block)), block, known)


def conclude(recall: Recall, summary: Summary, present: Column, elapsed: float) -> Column:
    """The result a row, from its ``summary`` a row and its present value.

    ``elapsed`` is how much of the present step has passed, 0 to 1.
    """
    known = ~np.isnan(present)
    count, *rest = summary
    match recall.function:
        case "min_over":
            value = np.fmin(rest[0], present)
        case "max_over":
            value = np.fmax(rest[0], present)
        case "predict":
            ahead = elapsed + recall.ahead_s * 1e9 / recall.step_ns
            return _predict(recall, summary, present, elapsed, ahead)
        case _:
            value = (rest[0] + np.where(known, present, 0.0)) / (count + known)
    return np.where(2 * (count + known) >= recall.slots, value, np.nan)


def compare(
    recall: Recall, ring: Ring, columns: NDArray[np.intp], present: Column, now_ns: int
) -> Column:
    """``ago``, ``delta`` and ``rate``: the present against the newest point that is old enough.

    Where that point has no value, the one before it is taken.
    """
    target = (now_ns - round(recall.span_s * 1e9)) // recall.step_ns
    before, then = ring.block(target - 1, target)[:, columns]
    lacking = np.isnan(then)
    past: Column = np.where(lacking, before, then)
    if recall.function == "ago":
        return past
    delta: Column = present - past
    if recall.function == "delta":
        return delta
    age_s: Column = (now_ns - (target - lacking) * recall.step_ns) / 1e9
    return np.divide(delta, age_s)


def is_comparison(recall: Recall) -> bool:
    """Whether it compares with one moment, rather than looking over a duration."""
    return recall.function in _COMPARED


def _sums(block: Block, known: NDArray[np.bool_]) -> Summary:
    """Of t, t squared, y and t y, where t counts steps back from the newest point, 0 and below."""
    times = np.arange(1.0 - len(block), 1.0)
    there = known.astype(np.float64)
    y_sum = _weigh(np.ones_like(times), block, known)
    return times @ there, times**2 @ there, y_sum, _weigh(times, block, known)


def _weigh(weights: Column, block: Block, known: NDArray[np.bool_]) -> Column:
    """``weights`` times ``block``, whose unknown values count as 0."""
    sums: Column = weights @ block
    holed = np.flatnonzero(np.isnan(sums))
    if 2 * len(holed) > len(sums):
        whole: Column = weights @ np.where(known, block, 0.0)
        return whole
    sums[holed] = weights @ np.where(known[:, holed], block[:, holed], 0.0)
    return sums


def _predict(
    recall: Recall, summary: Summary, present: Column, elapsed: float, ahead: float
) -> Column:
    """Ordinary least squares over points and present, read at ``ahead``."""
    known = ~np.isnan(present)
    y = np.where(known, present, 0.0)
    count, t_sum, tt_sum, y_sum, ty_sum = summary
    count = count + known
    t_sum = t_sum + known * elapsed
    tt_sum = tt_sum + known * elapsed**2
    y_sum = y_sum + y
    ty_sum = ty_sum + y * elapsed
    spread = count * tt_sum - t_sum**2
    slope = (count * ty_sum - t_sum * y_sum) / spread
    value = (y_sum - slope * t_sum) / count + slope * ahead
    enough = (2 * count >= recall.slots) & (count >= LEAST_FOR_A_LINE) & (spread > 0)
    return np.where(enough, value, np.nan)
