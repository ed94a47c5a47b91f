"""Packed series keys to the numbers of their series and price list, each key looked at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import SERIES_FIELDS
from llmmon.protocol.wire import Batch, decode_series
from llmmon_collector.requests.columns import Stack
from llmmon_collector.requests.model import REPEATS, Prices
from llmmon_collector.series import OVERFLOW_CODE, SeriesKey, SeriesTable

PARENT_OPERATIONS: Final = frozenset(
    {"invoke_agent", "create_agent", "invoke_workflow", "execute_tool"}
)
"""OpenTelemetry GenAI operations that are no inference: they may repeat their children's usage."""

_KEY_PARTS: Final = tuple(SERIES_FIELDS.index(name) for name in SeriesKey._fields)
_PROVIDER: Final = SERIES_FIELDS.index("provider")
_MODEL: Final = SERIES_FIELDS.index("model")
_RESPONSE_MODEL: Final = SERIES_FIELDS.index("response_model")
_MOST_BYTES: Final = 16 << 20
_ENTRY_BYTES: Final = 256
"""About what a remembered key takes beside its own length."""
_NO_ROW: Final = 2**32
"""A row number that no batch has: requests that name no series."""
_PRICE_BITS: Final = 32
_LEAST: Final = 1 - REPEATS
"""What makes the least price code 1, so that no pair is 0."""

Codes = NDArray[np.int32]


class SeriesCodes:
    """Series and price codes of the series keys that batches bring, in bounded memory."""

    def __init__(self, series: SeriesTable, prices: Prices, most_bytes: int = _MOST_BYTES) -> None:
        self._series = series
        self._prices = prices
        self._known: dict[bytes, int] = {}
        """Series code and price code by packed key, as one number: half the look-ups."""
        self._refused: dict[tuple[bytes, bytes], int] = {}
        """The same by agent and key: what one agent has no room for another one may have."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._nowhere = _paired(OVERFLOW_CODE, prices.code(None, ""))
        """Where a request goes whose batch does not hold the series that it names."""

    def resolve(self, batches: Sequence[Batch], requests: Stack) -> tuple[Codes, Codes]:
        """Series and price code of each of the ``requests``, of which each batch has a table.

        Raises:
            SchemaError: a batch's series key is malformed.
        """
        pairs: list[int] = []
        sizes: list[int] = []
        for batch in batches:
            found = list(map(self._known.get, batch.series))
            sizes.append(len(found))
            pairs += [
                self._pair(key, batch) if pair is None else pair
                for key, pair in zip(batch.series, found, strict=True)
            ]
            pairs.append(self._nowhere)
        nowhere = np.array(sizes, np.int64)
        starts = np.cumsum(nowhere + 1) - nowhere - 1
        rows = requests.numbers("series", np.int64, _NO_ROW)
        np.minimum(rows, np.repeat(nowhere, requests.lengths), out=rows)
        rows += np.repeat(starts, requests.lengths)
        table = np.array(pairs, np.int64)
        series, prices = table >> _PRICE_BITS, table & (1 << _PRICE_BITS) - 1
        return series.astype(np.int32)[rows], (prices - _LEAST).astype(np.int32)[rows]

    def _pair(self, packed: bytes, batch: Batch) -> int:
        agent = batch.agent_id or batch.id_prefix.encode()
        refused = self._refused.get((agent, packed))
        return self._learn(packed, agent) if refused is None else refused

    def _learn(self, packed: bytes, agent: bytes) -> int:
        parts = decode_series(packed)
        key = SeriesKey(*(parts[i] or "" for i in _KEY_PARTS))
        model = parts[_RESPONSE_MODEL] or parts[_MODEL] or ""
        inference = key.operation not in PARENT_OPERATIONS
        price = self._prices.code(parts[_PROVIDER], model) if inference else REPEATS
        code = self._series.code(key, agent)
        pair = _paired(code, price)
        self._make_room(len(packed) + _ENTRY_BYTES)
        if code == OVERFLOW_CODE:
            self._refused[agent, packed] = pair
        else:
            self._known[packed] = pair
        return pair

    def _make_room(self, size: int) -> None:
        # all at once: keys in use are learnt again with the next batch that brings them
        self._bytes += size
        if self._bytes > self._most_bytes:
            self._known.clear()
            self._refused.clear()
            self._bytes = size


def _paired(series: int, price: int) -> int:
    return series << _PRICE_BITS | price + _LEAST
