"""Batches to :class:`Requests`, without looping over events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import Kind
from llmmon.protocol.names import SCORES
from llmmon.protocol.wire import Batch
from llmmon_collector.requests.codes import Codes, SeriesCodes
from llmmon_collector.requests.columns import Stack, Told
from llmmon_collector.requests.model import (
    FROM_PRICES,
    FROM_PROVIDER,
    MISSING,
    REPEATS,
    UNKNOWN_SOURCE,
    Floats,
    Integers,
    Prices,
    Requests,
)
from llmmon_collector.series import SeriesTable

_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_PRICED_TOKENS: Final = _TOKENS[:4]
_DURATIONS: Final = ("latency_ms", "ttft_ms", "max_gap_ms")
_SCORES: Final = (*SCORES, "refusal")
_FROM_PRICES: Final = np.uint8(FROM_PRICES)
_UNKNOWN_SOURCE: Final = np.uint8(UNKNOWN_SOURCE)
_NS_PER_MS: Final = 1e6
MOST_PICO: Final = 10**15
"""A cost over this, a thousand dollars, or below zero is taken as not known: int64 sums of true
costs hold nine million dollars, and one liar must not make them wrap."""
MOST_MS: Final = 1e9
"""Durations over this (eleven days), negative ones and NaN are taken as not known."""
MOST_SCORE: Final = 1.0
"""Scores over this, negative ones and NaN are taken as not known."""


class RequestDecoder:
    """Turns batches into :class:`Requests`: series numbered, requests priced, quality averaged."""

    def __init__(self, series: SeriesTable, prices: Prices) -> None:
        self._codes = SeriesCodes(series, prices)
        self._prices = prices

    def decode(self, batches: Sequence[Batch]) -> Requests:
        """The requests of ``batches``, in order.

        Raises:
            SchemaError: a batch's series key is malformed.
        """
        holding = [batch for batch in batches if Kind.REQUEST in batch.tables]
        stack = Stack([batch.tables[Kind.REQUEST] for batch in holding])
        series, prices = self._codes.resolve(holding, stack)
        floats: dict[str, Any] = {name: _floats(stack, name, MOST_MS) for name in _DURATIONS}
        scores = {name: _known(stack.told(name), MOST_SCORE) for name in _SCORES}
        floats |= {name: _spread(told, len(stack)) for name, told in scores.items()}
        tokens: dict[str, Any] = {name: stack.numbers(name, np.int64, MISSING) for name in _TOKENS}
        repeats = np.flatnonzero(prices == REPEATS)
        if len(repeats):
            for column in tokens.values():
                column[repeats] = MISSING
        start_ns = _start_ns(stack)
        cost, source = self._cost(stack, prices, start_ns, tokens)
        return Requests(
            series=series,
            start_ns=start_ns,
            end_ns=start_ns + _whole_ns(floats["latency_ms"]),
            error=stack.present("error"),
            quality=_mean_of_told([scores[name] for name in SCORES], len(stack)),
            cost_pico=cost,
            cost_source=source,
            **tokens,
            **floats,
        )

    def _cost(
        self, stack: Stack, prices: Codes, start_ns: Integers, tokens: dict[str, Any]
    ) -> tuple[Integers, NDArray[np.uint8]]:
        """What each request cost, and who says so."""
        cost = self._prices.cost(prices, start_ns, [tokens[name] for name in _PRICED_TOKENS])
        source = np.where(cost != MISSING, _FROM_PRICES, _UNKNOWN_SOURCE)
        told = _known(stack.told("cost_pico_usd"), MOST_PICO)
        if told is not None:
            at = slice(None) if told.rows is None else told.rows
            cost[at], source[at] = told.values, FROM_PROVIDER
            repeats = np.flatnonzero(prices == REPEATS)
            cost[repeats], source[repeats] = 0, FROM_PRICES
        return cost, source


def _known(told: Told | None, most: float) -> Told | None:
    """What is not negative, NaN, or over ``most``."""
    if told is None:
        return None
    fine = (told.values >= 0) & (told.values <= most)
    if fine.all():
        return told
    at = np.flatnonzero(fine)
    return Told(at if told.rows is None else told.rows[at], told.values[at])


def _spread(told: Told | None, rows: int) -> Floats:
    """A value a row, NaN where there is none."""
    if told is not None and told.rows is None:
        return told.values.astype(np.float32)
    into = np.full(rows, np.nan, np.float32)
    if told is not None:
        into[told.rows] = told.values
    return into


def _mean_of_told(columns: Sequence[Told | None], rows: int) -> Floats:
    """The mean of the values that each row has, NaN where it has none."""
    mean = np.full(rows, np.nan, np.float32)
    some = [told for told in columns if told is not None]
    if some:
        every = np.arange(rows)
        at = np.concatenate([every if told.rows is None else told.rows for told in some])
        total = np.bincount(at, np.concatenate([told.values for told in some]), rows)
        count = np.bincount(at, minlength=rows)
        known = np.flatnonzero(count > 0)
        mean[known] = total[known] / count[known]
    return mean


def _floats(stack: Stack, name: str, most: float) -> Floats:
    return _spread(_known(stack.told(name), most), len(stack))


def _start_ns(stack: Stack) -> Integers:
    values: Integers = stack.numbers("start_ns", np.int64, 0)
    return np.maximum(values, 0, out=values)


def _whole_ns(latency_ms: Floats) -> Integers:
    """Milliseconds in nanoseconds, 0 where unknown."""
    ns = latency_ms.astype(np.float64)
    ns *= _NS_PER_MS
    ns[np.isnan(ns)] = 0
    return ns.astype(np.int64)
