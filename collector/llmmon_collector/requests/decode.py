"""Batches to :class:`Requests`, without looping over events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.names import SCORES
from llmmon.protocol.table import Table
from llmmon.protocol.wire import Batch, decode_series
from llmmon_collector.requests.columns import numbers, present
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
from llmmon_collector.series import SeriesKey, SeriesTable

PARENT_OPERATIONS: Final = frozenset(
    {"invoke_agent", "create_agent", "invoke_workflow", "execute_tool"}
)
"""OpenTelemetry GenAI operations that are no inference: they may repeat their children's usage."""

_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_DURATIONS: Final = ("latency_ms", "ttft_ms", "max_gap_ms")
_SCORES: Final = (*SCORES, "refusal")
_KEY_PARTS: Final = tuple(SERIES_FIELDS.index(name) for name in SeriesKey._fields)
_PROVIDER: Final = SERIES_FIELDS.index("provider")
_MODEL: Final = SERIES_FIELDS.index("model")
_RESPONSE_MODEL: Final = SERIES_FIELDS.index("response_model")
_CACHE_LIMIT: Final = 100_000
MOST_MS: Final = 1e9
"""Durations over this (eleven days), negative ones and NaN are taken as not known."""
MOST_SCORE: Final = 1.0
"""Scores over this, negative ones and NaN are taken as not known."""


class RequestDecoder:
    """Turns batches into :class:`Requests`: series numbered, requests priced, quality averaged."""

    def __init__(self, series: SeriesTable, prices: Prices) -> None:
        self._series = series
        self._prices = prices
        self._codes: dict[bytes, tuple[int, int]] = {}
        self._nowhere = (0, prices.code(None, ""))
        """Where a request goes whose batch does not hold the series that it names."""

    def decode(self, batches: Sequence[Batch]) -> Requests:
        """The requests of ``batches``, in order.

        Raises:
            SchemaError: a batch's series key is malformed.
        """
        tables = [(b, b.tables[Kind.REQUEST]) for b in batches if Kind.REQUEST in b.tables]
        series, prices = self._resolve(tables)
        only = [table for _, table in tables]
        floats: dict[str, Any] = {name: _floats(only, name, MOST_MS) for name in _DURATIONS}
        floats |= {name: _floats(only, name, MOST_SCORE) for name in _SCORES}
        tokens: dict[str, Any] = {name: _integers(only, name) for name in _TOKENS}
        told = _integers(only, "cost_pico_usd")
        repeats = prices == REPEATS
        for column in (*tokens.values(), told):
            column[repeats] = MISSING
        start_ns = _integers(only, "start_ns", 0)
        cost, source = self._price(prices, start_ns, tokens, told)
        latency_ns = np.nan_to_num(floats["latency_ms"].astype(np.float64)) * 1e6
        return Requests(
            series=series,
            start_ns=start_ns,
            end_ns=start_ns + latency_ns.astype(np.int64),
            error=present(only, "error"),
            quality=_mean_of_present([floats[name] for name in SCORES]),
            cost_pico=cost,
            cost_source=source,
            **tokens,
            **floats,
        )

    def _resolve(
        self, tables: Sequence[tuple[Batch, Table]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        known: list[tuple[int, int]] = []
        starts: list[int] = []
        for batch, _ in tables:
            starts.append(len(known))
            known += [self._codes.get(key) or self._learn(key) for key in batch.series]
            known.append(self._nowhere)
        pairs = np.array([*known, self._nowhere], np.int32)
        events = [table.events for _, table in tables]
        nowhere = np.repeat(np.array([len(batch.series) for batch, _ in tables], np.int64), events)
        rows = numbers([table for _, table in tables], "series", np.int64, -1)
        rows = np.where((rows < 0) | (rows > nowhere), nowhere, rows)
        rows += np.repeat(np.array(starts, np.int64), events)
        return pairs[rows, 0], pairs[rows, 1]

    def _learn(self, packed: bytes) -> tuple[int, int]:
        parts = decode_series(packed)
        key = SeriesKey(*(parts[i] or "" for i in _KEY_PARTS))
        model = parts[_RESPONSE_MODEL] or parts[_MODEL] or ""
        inference = key.operation not in PARENT_OPERATIONS
        price = self._prices.code(parts[_PROVIDER], model) if inference else REPEATS
        codes = (self._series.code(key), price)
        if len(self._codes) < _CACHE_LIMIT:
            self._codes[packed] = codes
        return codes

    def _price(
        self,
        codes: NDArray[np.int32],
        at_ns: Integers,
        tokens: dict[str, Integers],
        provided: Integers,
    ) -> tuple[Integers, NDArray[np.uint8]]:
        priced = self._prices.cost(codes, at_ns, [tokens[name] for name in _TOKENS[:4]])
        told = provided != MISSING
        cost = np.where(told, provided, priced)
        source = np.where(
            told, FROM_PROVIDER, np.where(priced != MISSING, FROM_PRICES, UNKNOWN_SOURCE)
        )
        return cost, source.astype(np.uint8)


def _mean_of_present(columns: Sequence[Floats]) -> Floats:
    stacked = np.stack(columns)
    present = ~np.isnan(stacked)
    count = present.sum(axis=0)
    total = np.where(present, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _floats(tables: Sequence[Table], name: str, most: float) -> Floats:
    values = numbers(tables, name, np.float32, np.nan)
    values[~((values >= 0) & (values <= most))] = np.nan
    return values


def _integers(tables: Sequence[Table], name: str, missing: int = MISSING) -> Integers:
    values = numbers(tables, name, np.int64, missing)
    values[values < 0] = missing
    return values
