"""A window as a line of points, one a bucket of wall-clock time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.windows.counts import COLUMNS, Count
from llmmon_collector.windows.delta import ROW
from llmmon_collector.windows.derive import derive, quantiles_of
from llmmon_collector.windows.level import Level

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

HISTORY_METRICS: Final = (
    "requests",
    "request_rate",
    "error_rate",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p95",
    "tokens_per_second",
    "input_tokens",
    "output_tokens",
    "hourly_cost",
    "quality_score_mean",
)
_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Points of a chart. Bucket ``i`` spans ``step_ns`` from ``start_ns + i * step_ns``.

    Buckets begin at whole multiples of the step since the Unix epoch, so that a point, once past,
    stays what it is while the window moves. The last one may be under way.
    """

    start_ns: int
    step_ns: int
    values: dict[str, Floats]
    """``HISTORY_METRICS`` by name. ``requests`` is a bucket's count; ``input_tokens`` and
    ``output_tokens`` are rates a second, and ``hourly_cost`` a rate in USD an hour, over the part
    of the bucket that was watched. NaN where nothing was watched, and where there is no value."""


class Buckets(NamedTuple):
    """Where the points of a history lie."""

    start_ns: int
    step_ns: int
    points: int

    @property
    def bounds_ns(self) -> Integers:
        """The edges, one more than there are points."""
        return self.start_ns + self.step_ns * np.arange(self.points + 1, dtype=np.int64)


class Points(NamedTuple):
    """What the points of a history are made of, a row a bucket."""

    at: Buckets
    counts: Integers
    bins: Integers
    seconds: Floats
    """How much of each bucket was watched; 0 for none."""


def buckets(level: Level, window_s: int, points: int, end_ns: int) -> Buckets:
    """At most ``points`` buckets that end with the one ``end_ns`` lies in and cover a window.

    A step is a whole number of the level's slots.

    Raises:
        ValueError: ``points`` is under 1.
    """
    if points < 1:
        raise ValueError(f"a history needs at least 1 point, not {points}")
    slots = level.length(window_s)
    step = -(-slots // points)
    count = -(-slots // step)
    step_ns = step * level.slot_ns
    return Buckets((end_ns // step_ns - count + 1) * step_ns, step_ns, count)


def watched_s(at: Buckets, since_ns: int, until_ns: int) -> Floats:
    """Seconds of each bucket within a span: 0 outside it, else at least 1 to keep rates calm."""
    bounds = at.bounds_ns
    watched = np.minimum(bounds[1:], until_ns) - np.maximum(bounds[:-1], since_ns)
    touched = (bounds[1:] > since_ns) & (bounds[:-1] <= until_ns)
    return np.where(touched, np.maximum(watched / _SECOND_NS, 1.0), 0.0)


def whole_points(level: Level, at: Buckets, span_ns: tuple[int, int]) -> Points:
    """The points of all series together."""
    slots = at.bounds_ns // level.slot_ns
    counts, bins = level.whole.sums(np.clip(slots, level.oldest_whole_slot, level.slot + 1))
    since_ns = max(span_ns[0], level.oldest_whole_slot * level.slot_ns)
    return _points(at, counts, bins, watched_s(at, since_ns, span_ns[1]))


def series_points(
    level: Level, at: Buckets, span_ns: tuple[int, int], members: NDArray[np.bool_]
) -> Points:
    """The points of the series that the mask ``members`` names."""
    counts = np.zeros((at.points, COLUMNS), np.int64)
    bins = np.zeros((at.points, ROW), np.int64)
    for slot, delta in level.deltas():
        bucket = (slot * level.slot_ns - at.start_ns) // at.step_ns
        if 0 <= bucket < at.points:
            more_bins, more_counts = delta.only(members).whole
            bins[bucket] += more_bins
            counts[bucket] += more_counts
    since_ns = max(span_ns[0], level.oldest_slot * level.slot_ns)
    return _points(at, counts, bins, watched_s(at, since_ns, span_ns[1]))


def _points(at: Buckets, counts: Integers, bins: Integers, seconds: Floats) -> Points:
    # what ended before the watch began, and came all the same, shows its whole bucket
    late = (seconds == 0) & (counts[:, Count.REQUESTS] > 0)
    return Points(at, counts, bins, np.where(late, at.step_ns / 1e9, seconds))


def tell(points: Points) -> History:
    """The history that is made of ``points``."""
    at, counts, bins, seconds = points
    covered = seconds > 0
    values = derive(counts, quantiles_of(bins), np.where(covered, seconds, 1.0))
    per_second = np.where(covered, 1 / np.where(covered, seconds, 1.0), np.nan)
    values["hourly_cost"] = values["cost_usd"] * 3600 * per_second
    values["input_tokens"] = values["input_tokens"] * per_second
    values["output_tokens"] = values["output_tokens"] * per_second
    told = {name: np.where(covered, values[name], np.nan) for name in HISTORY_METRICS}
    return History(at.start_ns, at.step_ns, told)
