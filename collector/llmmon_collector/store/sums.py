"""Stretches of stored minutes summed up, by the database as far as it can."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import Rollup, Stretch
from llmmon_collector.store.reading import same_series, series_codes
from llmmon_collector.store.rollup import cells_of, summed_cells
from llmmon_collector.store.schema import COUNTS, select
from llmmon_collector.windows.delta import Delta

Integers = NDArray[np.int64]

_PIECE_US: Final = 3600 * 10**6
"""So much of a stretch's sketches is in memory at a time."""
_WITHIN: Final = "WHERE time >= make_timestamp(?) AND time < make_timestamp(?)"


def read_sums(
    connection: duckdb.DuckDBPyConnection,
    stretches: Sequence[Stretch],
    series: SeriesTable,
    late: threading.Event,
) -> Iterator[Rollup]:
    """What the minutes of each of ``stretches`` add up to; those without requests are left out.

    Raises:
        duckdb.InterruptException: ``late`` was set.
    """
    told = [stretch for stretch in stretches if not stretch.whole]
    if told:
        bounds = [_us(min(s.since_ns for s in told)), _us(max(s.until_ns for s in told))]
        connection.register(
            "k", series_codes(connection, f"FROM rollups {_WITHIN}", bounds, series)
        )
    for stretch in stretches:
        codes, counts = _counts(connection, stretch)
        if len(codes):
            pieces = list(_pieces(connection, stretch, late)) if stretch.sketches else []
            cells = summed_cells(pieces)
            yield Rollup(stretch.since_ns, Delta(*cells, codes, counts))


def _counts(connection: duckdb.DuckDBPyConnection, stretch: Stretch) -> tuple[Integers, Integers]:
    sums = [f"sum({name})::BIGINT AS {name}" for name in COUNTS]
    rest = f"{_source(stretch)} {_WITHIN} GROUP BY code ORDER BY code"
    sql = select([_code(stretch), *sums], rest)
    found = connection.execute(sql, [_us(stretch.since_ns), _us(stretch.until_ns)]).fetchnumpy()
    counts = np.stack([_plain(found[name]) for name in COUNTS], axis=1)
    return _plain(found["code"]), counts


def _pieces(
    connection: duckdb.DuckDBPyConnection, stretch: Stretch, late: threading.Event
) -> Iterator[tuple[Integers, NDArray[np.int32]]]:
    sql = select([_code(stretch), "sketch"], f"{_source(stretch)} {_WITHIN}")
    until_us = _us(stretch.until_ns)
    for start_us in range(_us(stretch.since_ns), until_us, _PIECE_US):
        if late.is_set():
            raise duckdb.InterruptException
        bounds = [start_us, min(start_us + _PIECE_US, until_us)]
        found = connection.execute(sql, bounds).fetchnumpy()
        if len(found["code"]):
            yield cells_of(_plain(found["code"]), found["sketch"])


def _source(stretch: Stretch) -> str:
    return "FROM rollups" if stretch.whole else f"FROM rollups LEFT JOIN k ON {same_series()}"


def _code(stretch: Stretch) -> str:
    return "0 AS code" if stretch.whole else "coalesce(k.code, 0) AS code"


def _plain(column: NDArray[Any]) -> Integers:
    """A column in which nothing is missing."""
    return np.asarray(np.ma.getdata(column)).astype(np.int64)


def _us(at_ns: int) -> int:
    return at_ns // 1000
