"""Points in time put into fixed wall-clock buckets, one a dot column.

A bucket's edges do not depend on the time of drawing, so between two frames only the newest column
changes until a bucket closes: the picture neither shimmers nor has to be sent again.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

Points = Sequence[tuple[float, float | None]]
"""Ascending (t_s, value); None says that there was nothing to measure."""
Policy = Literal["last", "max", "mean"]

HELD_STEPS = 2.5


def spacing_s(points: Points) -> float:
    """The usual distance of neighbouring points in s; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return median(after[0] - before[0] for before, after in pairwise(points[-64:]))


def align(
    points: Points,
    window_s: float,
    now_s: float,
    columns: int,
    policy: Policy = "last",
) -> list[float | None]:
    """One value a bucket of `window_s / columns`, the newest last.

    A bucket that no point fell into repeats the value before for up to 2.5 usual distances of the
    points, since a column can be shorter than the time between two samples. After that, and where
    the value is None, the gap stays a gap. Points later than `now_s` are left out.
    """
    if columns <= 0 or window_s <= 0:
        return []
    bucket_s = window_s / columns
    newest = math.floor(now_s / bucket_s)
    oldest = newest - columns + 1
    held_s = HELD_STEPS * max(spacing_s(points), bucket_s)
    filled = _fill(points, oldest, newest, bucket_s, held_s)
    return _hold(filled, oldest, columns, math.ceil(held_s / bucket_s), policy)


def stack(layers: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    """Running sums over the layers, column by column; a None adds nothing and stays a gap."""
    if not layers:
        return []
    totals = [0.0] * len(layers[0])
    stacked: list[list[float | None]] = []
    for layer in layers:
        heights: list[float | None] = []
        for column, value in enumerate(layer):
            totals[column] += value or 0.0
            heights.append(None if value is None else totals[column])
        stacked.append(heights)
    return stacked


def _fill(
    points: Points, oldest: int, newest: int, bucket_s: float, held_s: float
) -> dict[int, list[float | None]]:
    """Values by bucket number, from as far back as a value may be held into the window."""
    filled: dict[int, list[float | None]] = {}
    start = bisect_left(points, oldest * bucket_s - held_s, key=lambda point: point[0])
    for t_s, value in points[start:]:
        bucket = math.floor(t_s / bucket_s)
        if bucket > newest:
            break
        filled.setdefault(bucket, []).append(value)
    return filled


def _hold(
    filled: dict[int, list[float | None]],
    oldest: int,
    columns: int,
    held_buckets: int,
    policy: Policy,
) -> list[float | None]:
    held: float | None = None
    held_until = oldest
    before = [bucket for bucket in filled if bucket < oldest]
    if before:
        held = _reduce(filled[before[-1]], policy)
        held_until = before[-1] + held_buckets
    values: list[float | None] = []
    for bucket in range(oldest, oldest + columns):
        if bucket in filled:
            held = _reduce(filled[bucket], policy)
            held_until = bucket + held_buckets
        values.append(held if bucket <= held_until else None)
    return values


def _reduce(values: list[float | None], policy: Policy) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    if policy == "max":
        return max(known)
    return known[-1] if policy == "last" else sum(known) / len(known)
