"""Latency sketches: counts in logarithmic bins. Adding them up merges them exactly.

Bin ``i`` holds the values in ``(s * g**(i-1), s * g**i]``, ``s`` being ``SMALLEST_MS`` and ``g``
``GAMMA``, and stands for ``2 * s * g**i / (g + 1)``, at most ``RELATIVE_ERROR`` away from any of
them (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019). Bin 0 takes everything up to ``SMALLEST_MS``, the last one everything over
about 8.7 hours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import floor
from typing import Final, NamedTuple

BINS: Final = 1024
RELATIVE_ERROR: Final = 0.0099
SMALLEST_MS: Final = 0.05
GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_STANDS_FOR_MS: Final = tuple(2 * SMALLEST_MS / (GAMMA + 1) * GAMMA**i for i in range(BINS))


class Sketch(NamedTuple):
    """The bins that hold something, ascending, and how many values each holds."""

    bins: Sequence[int]
    counts: Sequence[int]


EMPTY: Final = Sketch((), ())


def merge_sketches(sketches: Sequence[Sketch]) -> Sketch:
    """All values of ``sketches`` in one."""
    filled = [sketch for sketch in sketches if sketch.bins]
    if len(filled) < 2:
        return filled[0] if filled else EMPTY
    counts = dict(zip(*filled[0], strict=True))
    for sketch in filled[1:]:
        for at, count in zip(*sketch, strict=True):
            counts[at] = counts.get(at, 0) + count
    bins = sorted(counts)
    return Sketch(bins, [counts[at] for at in bins])


def sketch_quantiles(sketch: Sketch, qs: Sequence[float]) -> list[float | None]:
    """The lower quantile of each of ``qs`` in ms, None where there are no values.

    The lower quantile is the value of rank ``floor(q * (n - 1))``, counted from 0, as in
    ``numpy.quantile(method="lower")``.
    """
    if not sketch.bins:
        return [None] * len(qs)
    cumulative = list(accumulate(sketch.counts))
    last = cumulative[-1] - 1
    return [_STANDS_FOR_MS[sketch.bins[bisect_right(cumulative, floor(q * last))]] for q in qs]
