"""Decoded batches as numpy columns: what every room behind intake works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import SERIES_FIELDS, Kind, Type
from llmmon.protocol.names import SCORES
from llmmon.protocol.table import Column, Form, Table
from llmmon.protocol.wire import Batch, decode_series
from llmmon_collector.series import SeriesKey, SeriesTable

MISSING: Final = -1
"""A token count or cost that is not known."""

REPEATS: Final = -1
"""The price code of operations whose tokens their children's requests count already."""

PARENT_OPERATIONS: Final = frozenset(
    {"invoke_agent", "create_agent", "invoke_workflow", "execute_tool"}
)
"""OpenTelemetry GenAI operations that are no inference: they may repeat their children's usage."""

UNKNOWN_SOURCE, FROM_PROVIDER, FROM_PRICES = 0, 1, 2
"""Where a cost comes from: ``Requests.cost_source``."""

_DTYPES: Final[dict[Type, Any]] = {
    Type.F32: np.dtype("<f4"),
    Type.F64: np.dtype("<f8"),
    Type.U8: np.dtype("u1"),
    Type.U32: np.dtype("<u4"),
    Type.U64: np.dtype("<u8"),
    Type.I64: np.dtype("<i8"),
}
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

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of many batches, a row each. NaN and ``MISSING`` stand for no value."""

    series: NDArray[np.int32]
    start_ns: Integers
    end_ns: Integers
    """``start_ns`` plus latency: the moment that windows count a request at."""
    latency_ms: Floats
    ttft_ms: Floats
    max_gap_ms: Floats
    input_tokens: Integers
    output_tokens: Integers
    cached_tokens: Integers
    cache_write_tokens: Integers
    reasoning_tokens: Integers
    cost_pico: Integers
    cost_source: NDArray[np.uint8]
    error: NDArray[np.bool_]
    relevance: Floats
    coherence: Floats
    safety: Floats
    format: Floats
    factuality: Floats
    refusal: Floats
    quality: Floats
    """Mean of the scores, without refusal, that the request has."""

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[Any] | slice) -> Requests:
        """The requests that ``rows`` (a mask, indices or a slice) picks."""
        if isinstance(rows, np.ndarray) and rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return Requests(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def ending(self, end_ns: Integers) -> Requests:
        """The same requests, ending at ``end_ns``."""
        return replace(self, end_ns=end_ns)


class Prices(Protocol):
    """What prices tokens; ``pricing.book.PriceBook`` is one."""

    def code(self, provider: str | None, model: str) -> int:
        """A small number for the price list of a model."""
        ...

    def cost(
        self, codes: NDArray[np.int32], at_ns: Integers, tokens: Sequence[Integers]
    ) -> Integers:
        """Pico-USD of each row, ``MISSING`` where it has no price.

        ``codes`` may hold ``REPEATS``: those rows cost nothing here. ``tokens`` are input, output,
        cached and cache-write tokens.
        """
        ...


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
            error=_present(only, "error"),
            quality=_mean_of_present([floats[name] for name in SCORES]),
            cost_pico=cost,
            cost_source=source,
            **tokens,
            **floats,
        )

    def _resolve(
        self, tables: Sequence[tuple[Batch, Table]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        series: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        prices: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        for batch, table in tables:
            known = [self._codes.get(key) or self._learn(key) for key in batch.series]
            pairs = np.array([*known, self._nowhere], dtype=np.int32)
            rows = np.minimum(_integers([table], "series", len(known)), len(known))
            series.append(pairs[rows, 0])
            prices.append(pairs[rows, 1])
        return np.concatenate(series), np.concatenate(prices)

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
        source = np.where(told, FROM_PROVIDER, np.where(priced != MISSING, FROM_PRICES, 0))
        return cost, source.astype(np.uint8)


def _mean_of_present(columns: Sequence[Floats]) -> Floats:
    stacked = np.stack(columns)
    present = ~np.isnan(stacked)
    count = present.sum(axis=0)
    total = np.where(present, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _floats(tables: Sequence[Table], name: str, most: float) -> Floats:
    with np.errstate(over="ignore"):
        parts = [_dense(table, name, np.dtype("<f4"), np.nan) for table in tables]
    if not parts:
        return np.empty(0, np.float32)
    values = np.concatenate(parts)
    values[~((values >= 0) & (values <= most))] = np.nan
    return values


def _integers(tables: Sequence[Table], name: str, missing: int = MISSING) -> Integers:
    parts = [_dense(table, name, np.dtype("<i8"), missing) for table in tables]
    if not parts:
        return np.empty(0, np.int64)
    values = np.concatenate(parts)
    values[values < 0] = missing
    return values


def _present(tables: Sequence[Table], name: str) -> NDArray[np.bool_]:
    parts = [_presence(table.columns.get(name), table.events) for table in tables]
    return np.concatenate(parts) if parts else np.empty(0, np.bool_)


def _presence(column: Column | None, events: int) -> NDArray[np.bool_]:
    if column is None:
        return np.zeros(events, np.bool_)
    if column.form is Form.FEW:
        mask = np.zeros(events, np.bool_)
        mask[list(column.rows or ())] = True
        return mask
    if column.form is Form.LIST:
        return np.array([value is not None for value in column.values], np.bool_)
    return np.ones(events, np.bool_)


def _dense(table: Table, name: str, dtype: np.dtype[Any], missing: float) -> NDArray[Any]:
    column = table.columns.get(name)
    if column is None:
        return np.full(table.events, missing, dtype)
    if column.form is Form.SAME:
        return np.full(table.events, column.values, dtype)
    if column.form is Form.LIST:
        return np.array([missing if v is None else v for v in column.values], dtype)
    raw = column.values
    values = (
        np.frombuffer(raw, _DTYPES[column.field.type]) if isinstance(raw, bytes) else np.array(raw)
    ).astype(dtype)
    if column.form is Form.FEW:
        spread = np.full(table.events, missing, dtype)
        spread[list(column.rows or ())] = values
        return spread
    if column.form is Form.SOME and column.valid is not None:
        bits = np.unpackbits(np.frombuffer(column.valid, np.uint8), bitorder="little")
        values[bits[: table.events] == 0] = missing
    return values
