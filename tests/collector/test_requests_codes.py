"""Series keys to numbers: who may bring how many, and what is remembered of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from support.frames import series_key

from llmmon.errors import SchemaError
from llmmon.protocol.event import Kind
from llmmon.protocol.wire import Batch, decode_batch, encode_batch
from llmmon_collector.requests import MISSING, REPEATS, Prices
from llmmon_collector.requests.codes import SeriesCodes
from llmmon_collector.requests.columns import Stack
from llmmon_collector.series import SeriesTable

LOUD, QUIET = b"loud-agent------", b"quiet-agent-----"


class NoPrices:
    """One code a model name's length."""

    def code(self, provider: str | None, model: str) -> int:
        return len(model)

    def cost(
        self, codes: NDArray[np.int32], at_ns: NDArray[np.int64], tokens: Sequence[NDArray]
    ) -> NDArray[np.int64]:
        return np.full(len(codes), MISSING, np.int64)


PRICES: Prices = NoPrices()


def batch_of(keys: Sequence[bytes], agent: bytes = LOUD, prefix: str = "p") -> Batch:
    """A request of each series."""
    columns = {"series": list(range(len(keys)))}
    payload = encode_batch("host", prefix, keys, {Kind.REQUEST: (len(keys), columns)}, {})
    return decode_batch(payload, len(keys), agent)


def resolve(codes: SeriesCodes, *batches: Batch) -> tuple[list[int], list[int]]:
    stack = Stack([batch.tables[Kind.REQUEST] for batch in batches])
    series, prices = codes.resolve(batches, stack)
    return series.tolist(), prices.tolist()


def flood(first: int, count: int) -> list[bytes]:
    return [series_key(route=f"/{first + i}") for i in range(count)]


def test_each_request_has_the_codes_of_its_batchs_series() -> None:
    codes = SeriesCodes(SeriesTable(10), PRICES)
    a, b, parent = (
        series_key(model="a"),
        series_key(model="bb"),
        series_key(operation="invoke_agent"),
    )
    batches = [batch_of([a, b]), batch_of([b, parent, a], QUIET)]
    for _ in range(2):
        assert resolve(codes, *batches) == ([1, 2, 2, 3, 1], [1, 2, 2, REPEATS, 1])


def test_a_flood_from_one_agent_leaves_the_series_of_others_alone() -> None:
    table = SeriesTable(100)
    codes = SeriesCodes(table, PRICES)
    before, _ = resolve(codes, batch_of([series_key(model="old")], QUIET))
    for first in range(0, 3000, 100):
        resolve(codes, batch_of(flood(first, 100)))
    again, _ = resolve(codes, batch_of([series_key(model="old")], QUIET))
    late, _ = resolve(codes, batch_of([series_key(model="new")], QUIET))
    assert again == before
    assert late[0] > 0
    assert len(table) <= 60
    assert table.overflowed == 1000


def test_what_one_agent_has_no_room_for_another_one_may_have() -> None:
    codes = SeriesCodes(SeriesTable(100, max_an_agent=1), PRICES)
    key = series_key(model="wanted")
    assert resolve(codes, batch_of([series_key(), key])) == ([1, 0], [6, 6])
    assert resolve(codes, batch_of([key], QUIET)) == ([2], [6])
    assert resolve(codes, batch_of([key])) == ([2], [6])


def test_a_batch_without_an_agent_counts_for_its_process() -> None:
    codes = SeriesCodes(SeriesTable(100, max_an_agent=1), PRICES)
    assert resolve(codes, batch_of(flood(0, 2), b"", "one"))[0] == [1, 0]
    assert resolve(codes, batch_of(flood(5, 2), b"", "two"))[0] == [2, 0]


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_learnt_again() -> None:
    codes = SeriesCodes(SeriesTable(20), PRICES, most_bytes=64 << 10)
    known = series_key(model="known")
    (code,), _ = resolve(codes, batch_of([known], QUIET))
    resolve(codes, batch_of(flood(0, 1000)))
    tracemalloc.start()
    try:
        for first in range(1000, 9000, 500):
            resolve(codes, batch_of(flood(first, 500)))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 256 << 10
    assert resolve(codes, batch_of([known], QUIET))[0] == [code]


def test_a_malformed_key_is_refused() -> None:
    with pytest.raises(SchemaError, match="series"):
        resolve(SeriesCodes(SeriesTable(5), PRICES), batch_of([b"\x01"]))
