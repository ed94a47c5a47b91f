"""The requests of a batch as plain records, for peers that speak neither ours nor OTLP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.traffic import BATCH
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.wire import decode_batch, decode_series


def records(payload: bytes) -> Iterator[dict[str, Any]]:
    """Each request with the names of its series; fields without a value are left out."""
    batch = decode_batch(payload, BATCH)
    keys = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
    for row in batch.tables[Kind.REQUEST].rows():
        told = {**row, **keys[row["series"]]}
        yield {name: value for name, value in told.items() if value is not None}
