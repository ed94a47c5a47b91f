"""Batches to columns of every table, without looping over events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.names import SCORES
from llmmon.protocol.table import Table
from llmmon.protocol.wire import Batch, decode_series
from llmmon_collector.requests import Prices, RequestDecoder, Requests, numbers
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import Committed
from llmmon_collector.store.columns import texts
from llmmon_collector.store.rollup import roll_up

NO_VALUE: Final = -1
"""A missing integer; missing floats are NaN, missing texts None."""
NO_COUNTER: Final = 2**64 - 1
"""A missing request counter."""

Columns = dict[str, NDArray[Any]]

_FROM_REQUESTS: Final = {
    "latency_ms": "latency_ms",
    "ttft_ms": "ttft_ms",
    "max_gap_ms": "max_gap_ms",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cached_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "cost_pico_usd": "cost_pico",
    "cost_source": "cost_source",
    **{score: score for score in (*SCORES, "refusal")},
    "quality_score": "quality",
    "start_ns": "start_ns",
}
"""Columns of ``requests`` and where :class:`Requests` has them."""


_TEXTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.REQUEST: (
        *("id", "trace_id", "parent_id", "user_id", "session_id", "error", "finish_reason"),
        *("tags", "query", "response", "context"),
    ),
    Kind.SPAN: ("id", "trace_id", "parent_id", "name", "error", "tags", "service"),
    Kind.LOG: (
        *("level", "logger", "message", "trace_id", "request_id", "tags"),
        *("service", "environment"),
    ),
    Kind.SCORE: ("request_id", "name", "comment", "service"),
}
"""Text columns of each kind of event that differ by row."""


class Folded(NamedTuple):
    """Some batches as columns. Rows name their batch, and requests their series key, by index."""

    requests: Columns
    """Beside the table's: ``counter``, for requests without an id of their own."""
    spans: Columns
    logs: Columns
    scores: Columns
    rollups: Columns
    keys: Columns
    """Series dimensions by ``key``."""
    batches: Columns
    """Agent, epoch, seq, host and id prefix by ``batch``."""


class EventFold:
    """Turns committed batches into columns, priced as the live windows price them."""

    def __init__(self, prices: Prices, max_series: int) -> None:
        self._series = SeriesTable(max_series)
        self._decoder = RequestDecoder(self._series, prices)

    def fold(self, committed: Sequence[Committed]) -> Folded:
        """The columns of ``committed``, all of which have a batch.

        Raises:
            SchemaError: a series key is malformed.
        """
        batches = [item.batch for item in committed if item.batch is not None]
        requests = self._decoder.decode(batches)
        key_numbers: dict[bytes, int] = {}
        return Folded(
            _request_columns(batches, requests, key_numbers),
            _timed(batches, Kind.SPAN, "start_ns", "duration_ms"),
            _timed(batches, Kind.LOG, "time_ns"),
            _timed(batches, Kind.SCORE, "time_ns"),
            roll_up(requests, self._series),
            _keys(key_numbers),
            _batches(committed),
        )


def _request_columns(
    batches: Sequence[Batch], requests: Requests, key_numbers: dict[bytes, int]
) -> Columns:
    columns = _texts_and_batch(batches, Kind.REQUEST)
    columns |= {name: getattr(requests, source) for name, source in _FROM_REQUESTS.items()}
    tables = _tables(batches, Kind.REQUEST)
    columns["time"] = _timestamps(requests.end_ns)
    columns["key"] = _key_numbers(batches, key_numbers)
    columns["counter"] = numbers(tables, "counter", np.uint64, NO_COUNTER)
    columns["score_sample"] = numbers(tables, "score_sample", np.float32, np.nan)
    for name in ("stream", "status_code", "retries"):
        columns[name] = numbers(tables, name, np.int64, NO_VALUE)
    return columns


def _key_numbers(batches: Sequence[Batch], known: dict[bytes, int]) -> NDArray[np.int32]:
    parts = [np.empty(0, np.int32)]
    for batch in batches:
        table = batch.tables.get(Kind.REQUEST)
        if table is None:
            continue
        named = [known.setdefault(key, len(known)) for key in batch.series]
        rows = np.minimum(numbers([table], "series", np.int64, len(named)), len(named))
        parts.append(np.array([*named, NO_VALUE], np.int32)[rows])
    return np.concatenate(parts)


def _timed(
    batches: Sequence[Batch], kind: Kind, start: str, duration: str | None = None
) -> Columns:
    columns = _texts_and_batch(batches, kind)
    tables = _tables(batches, kind)
    columns[start] = numbers(tables, start, np.int64, 0)
    end_ns = columns[start]
    if duration is not None:
        columns[duration] = numbers(tables, duration, np.float32, np.nan)
        known_ms = np.nan_to_num(columns[duration].astype(np.float64), posinf=0, neginf=0)
        end_ns = end_ns + np.clip(known_ms * 1e6, 0, 1e15).astype(np.int64)
    columns["time"] = _timestamps(end_ns)
    if kind is Kind.SCORE:
        columns["value"] = numbers(tables, "value", np.float64, np.nan)
    return columns


def _texts_and_batch(batches: Sequence[Batch], kind: Kind) -> Columns:
    tables = _tables(batches, kind)
    given = {name: texts(tables, name) for name in _TEXTS[kind]}
    columns: Columns = {name: column for name, column in given.items() if column is not None}
    sizes = [batch.tables[kind].events if kind in batch.tables else 0 for batch in batches]
    columns["batch"] = np.repeat(np.arange(len(batches), dtype=np.int32), sizes)
    return columns


def _tables(batches: Sequence[Batch], kind: Kind) -> list[Table]:
    return [batch.tables[kind] for batch in batches if kind in batch.tables]


def _timestamps(at_ns: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return (at_ns // 1000).astype("datetime64[us]")


def _keys(numbers_by_key: Mapping[bytes, int]) -> Columns:
    parts = [decode_series(packed) for packed in numbers_by_key]
    columns: Columns = {"key": np.arange(len(parts), dtype=np.int32)}
    for i, name in enumerate(SERIES_FIELDS):
        columns[name] = np.array([part[i] for part in parts], np.object_)
    return columns


def _batches(committed: Sequence[Committed]) -> Columns:
    headers = [item.envelope.header for item in committed]
    batches = [item.batch for item in committed if item.batch is not None]
    return {
        "batch": np.arange(len(headers), dtype=np.int32),
        "agent_id": np.array([header.agent_id.hex() for header in headers], np.object_),
        "epoch": np.array([header.epoch for header in headers], np.uint64),
        "seq": np.array([header.seq for header in headers], np.uint64),
        "host": np.array([batch.host or None for batch in batches], np.object_),
        "id_prefix": np.array([batch.id_prefix for batch in batches], np.object_),
    }
