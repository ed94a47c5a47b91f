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

_EVERY: Final = slice(None)
Rows = Integers | slice


class _Cells(NamedTuple):
    """Where each request counts, and the matrix it counts in: ``int64[COLUMNS, cells]``."""

    of: Integers
    matrix: Integers

    @property
    def size(self) -> int:
        return len(self.matrix[0])

    def tally(self, column: int, rows: Rows) -> None:
        """Count the requests ``rows``."""
        if rows is _EVERY:
            self.matrix[column] = self.matrix[Count.REQUESTS]
        else:
            self.matrix[column] = np.bincount(self.of[rows], minlength=self.size)

    def total(self, column: int, rows: Rows, values: Integers) -> None:
        """Sum the ``values`` of the requests ``rows``."""
        np.add.at(self.matrix[column], self.of[rows], values)


def _rows(mask: NDArray[np.bool_]) -> Rows | None:
    """The rows that ``mask`` names; None where there are none."""
    count = np.count_nonzero(mask)
    if count == len(mask):
        return _EVERY
    return np.flatnonzero(mask) if count else None


def count(requests: Requests, cells: Integers, size: int) -> Integers:
    """Counts and sums of ``requests`` by cell: ``int64[size, COLUMNS]``."""
    into = _Cells(cells, np.zeros((COLUMNS, size), np.int64))
    into.matrix[Count.REQUESTS] = np.bincount(cells, minlength=size)
    errors = _rows(requests.error)
    if errors is not None:
        into.tally(Count.ERRORS, errors)
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
    told = _rows(~np.isnan(requests.latency_ms))
    if told is not None:
        into.tally(Count.LATENCY_N, told)
        into.total(Count.LATENCY_US, told, _fixed(requests.latency_ms[told], US_PER_MS))


def _count_tokens(into: _Cells, requests: Requests) -> None:
    for name, column in _TOKEN_COLUMNS.items():
        tokens: Integers = getattr(requests, name)
        told = _rows(tokens >= 0)
        if told is None:
            continue
        into.tally(column, told)
        into.total(column + 1, told, tokens[told])
        if column == Count.CACHED_N:
            of = np.maximum(requests.input_tokens[told], tokens[told])
            into.total(Count.CACHED_OF, told, of)


def _count_cost(into: _Cells, requests: Requests) -> None:
    unknown = _rows(requests.cost_pico == MISSING)
    if unknown is not _EVERY:
        into.tally(Count.PRICED, _EVERY)
        into.total(Count.COST_PICO, _EVERY, requests.cost_pico)
    if unknown is None:
        return
    if unknown is not _EVERY:
        # what is missing was counted as well: taking it out again is cheaper than picking the rest
        missing = np.bincount(into.of[unknown], minlength=into.size)
        into.matrix[Count.PRICED] -= missing
        into.matrix[Count.COST_PICO] -= missing * MISSING
    unpriced = np.flatnonzero(is_unpriced(requests))
    into.tally(Count.UNPRICED, unpriced)


def _count_scores(into: _Cells, requests: Requests) -> None:
    for name, column in SCORE_COLUMNS.items():
        scores: NDArray[np.float32] = getattr(requests, name)
        told = _rows(~np.isnan(scores))
        if told is None:
            continue
        fixed = _fixed(scores[told], SCORE_UNIT)
        into.tally(column, told)
        into.total(column + 1, told, fixed)
        if column == Count.QUALITY_N:
            _count_buckets(into, into.of[told], fixed)
    judged = _rows(~np.isnan(requests.refusal))
    if judged is not None:
        into.tally(Count.JUDGED, judged)
        refused = np.flatnonzero(requests.refusal > REFUSED_ABOVE)
        into.tally(Count.REFUSED, refused)


def _count_buckets(into: _Cells, cells: Integers, quality: Integers) -> None:
    bucket = np.minimum(quality * QUALITY_BUCKETS // SCORE_UNIT, QUALITY_BUCKETS - 1)
    counts = np.bincount(bucket * into.size + cells, minlength=QUALITY_BUCKETS * into.size)
    into.matrix[Count.BUCKET_0 :] = counts.reshape(QUALITY_BUCKETS, into.size)


def _fixed(values: NDArray[np.float32], unit: int) -> Integers:
    """Each value in whole units, rounded."""
    exact = values.astype(np.float64)
    exact *= unit
    return np.rint(exact, out=exact).astype(np.int64)
