"""What windows count and sum exactly, an integer column each."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import MISSING, Requests

Integers = NDArray[np.int64]


class Count(IntEnum):
    """Columns of a count matrix. ``*_N`` is how many requests told the value beside it."""

    REQUESTS = 0
    ERRORS = 1
    LATENCY_N = 2
    LATENCY_US = 3
    """Each request's latency rounded to a microsecond, summed."""
    INPUT_N = 4
    INPUT = 5
    OUTPUT_N = 6
    OUTPUT = 7
    CACHED_N = 8
    CACHED = 9
    CACHED_OF = 10
    """Input tokens, at least the cached ones, of the requests that told how many were cached."""
    PRICED = 11
    COST_PICO = 12
    UNPRICED = 13
    QUALITY_N = 14
    QUALITY = 15
    """Scores are summed in millionths, each request's rounded."""
    RELEVANCE_N = 16
    RELEVANCE = 17
    COHERENCE_N = 18
    COHERENCE = 19
    SAFETY_N = 20
    SAFETY = 21
    FORMAT_N = 22
    FORMAT = 23
    FACTUALITY_N = 24
    FACTUALITY = 25
    JUDGED = 26
    """Requests with a refusal score."""
    REFUSED = 27
    """Those whose refusal score is over a half."""
    BUCKET_0 = 28
    """Requests by quality: the first of ``QUALITY_BUCKETS`` columns."""


QUALITY_BUCKETS: Final = 5
COLUMNS: Final = Count.BUCKET_0 + QUALITY_BUCKETS
SCORE_UNIT: Final = 1_000_000
US_PER_MS: Final = 1000
REFUSED_ABOVE: Final = 0.5

SCORE_COLUMNS: Final = {
    "quality": Count.QUALITY_N,
    "relevance": Count.RELEVANCE_N,
    "coherence": Count.COHERENCE_N,
    "safety": Count.SAFETY_N,
    "format": Count.FORMAT_N,
    "factuality": Count.FACTUALITY_N,
}
"""Where the number of each score is; its sum is the next column."""
_TOKEN_COLUMNS: Final = {
    "input_tokens": Count.INPUT_N,
    "output_tokens": Count.OUTPUT_N,
    "cached_tokens": Count.CACHED_N,
}


class _Cells(NamedTuple):
    """Where each request counts, and the matrix it counts in: ``int64[COLUMNS, cells]``."""

    of: Integers
    matrix: Integers

    @property
    def size(self) -> int:
        return len(self.matrix[0])

    def tally(self, column: int, mask: NDArray[np.bool_]) -> bool:
        """Count the requests in ``mask``; whether there are any."""
        if mask.all():
            self.matrix[column] = self.matrix[Count.REQUESTS]
            return True
        if not mask.any():
            return False
        self.matrix[column] = np.bincount(self.of, mask, self.size)
        return True

    def total(self, column: int, values: Integers) -> None:
        np.add.at(self.matrix[column], self.of, values)


def count(requests: Requests, cells: Integers, size: int) -> Integers:
    """Counts and sums of ``requests`` by cell: ``int64[size, COLUMNS]``."""
    into = _Cells(cells, np.zeros((COLUMNS, size), np.int64))
    into.matrix[Count.REQUESTS] = np.bincount(cells, minlength=size)
    into.tally(Count.ERRORS, requests.error)
    _count_latency(into, requests)
    _count_tokens(into, requests)
    _count_cost(into, requests)
    _count_scores(into, requests)
    return np.ascontiguousarray(into.matrix.T)


def is_unpriced(requests: Requests) -> NDArray[np.bool_]:
    """Requests whose cost is unknown. A failure that told no tokens is none: it cost nothing."""
    consumed = ~requests.error | (requests.input_tokens >= 0) | (requests.output_tokens >= 0)
    unpriced: NDArray[np.bool_] = (requests.cost_pico == MISSING) & consumed
    return unpriced


def _count_latency(into: _Cells, requests: Requests) -> None:
    told = ~np.isnan(requests.latency_ms)
    if into.tally(Count.LATENCY_N, told):
        into.total(Count.LATENCY_US, _fixed(np.where(told, requests.latency_ms, 0), US_PER_MS))


def _count_tokens(into: _Cells, requests: Requests) -> None:
    for name, column in _TOKEN_COLUMNS.items():
        tokens: Integers = getattr(requests, name)
        if into.tally(column, tokens >= 0):
            into.total(column + 1, np.maximum(tokens, 0))
    if into.matrix[Count.CACHED_N].any():
        input_tokens = np.maximum(requests.input_tokens, requests.cached_tokens)
        into.total(Count.CACHED_OF, np.where(requests.cached_tokens >= 0, input_tokens, 0))


def _count_cost(into: _Cells, requests: Requests) -> None:
    if into.tally(Count.PRICED, requests.cost_pico != MISSING):
        into.total(Count.COST_PICO, np.maximum(requests.cost_pico, 0))
    into.tally(Count.UNPRICED, is_unpriced(requests))


def _count_scores(into: _Cells, requests: Requests) -> None:
    for name, column in SCORE_COLUMNS.items():
        scores: NDArray[np.float32] = getattr(requests, name)
        told = np.flatnonzero(~np.isnan(scores))
        if not len(told):
            continue
        cells, fixed = into.of[told], _fixed(scores[told], SCORE_UNIT)
        into.matrix[column] = np.bincount(cells, minlength=into.size)
        np.add.at(into.matrix[column + 1], cells, fixed)
        if column == Count.QUALITY_N:
            _count_buckets(into, cells, fixed)
    if into.tally(Count.JUDGED, ~np.isnan(requests.refusal)):
        into.tally(Count.REFUSED, requests.refusal > REFUSED_ABOVE)


def _count_buckets(into: _Cells, cells: Integers, quality: Integers) -> None:
    bucket = np.minimum(quality * QUALITY_BUCKETS // SCORE_UNIT, QUALITY_BUCKETS - 1)
    counts = np.bincount(bucket * into.size + cells, minlength=QUALITY_BUCKETS * into.size)
    into.matrix[Count.BUCKET_0 :] = counts.reshape(QUALITY_BUCKETS, into.size)


def _fixed(values: NDArray[np.float32], unit: int) -> Integers:
    """Each value in whole units, rounded."""
    return np.rint(values.astype(np.float64) * unit).astype(np.int64)
