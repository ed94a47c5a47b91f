"""Columns of many decoded tables as arrays, whatever form each of them travelled in. Pure.

What has one form in all tables, as most columns have, is read at once: a call a table costs more
than its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import Type
from llmmon.protocol.table import Column, Form, Table

_DTYPES: Final[dict[Type, Any]] = {
    Type.F32: np.dtype("<f4"),
    Type.F64: np.dtype("<f8"),
    Type.U8: np.dtype("u1"),
    Type.U32: np.dtype("<u4"),
    Type.U64: np.dtype("<u8"),
    Type.I64: np.dtype("<i8"),
}
Integers = NDArray[np.int64]


def numbers(
    tables: Sequence[Table], name: str, dtype: type[np.generic], missing: float
) -> NDArray[Any]:
    """A numeric column of many tables, ``missing`` where there is no value."""
    columns = [table.columns.get(name) for table in tables]
    with np.errstate(over="ignore"):
        if columns and all(map(_is_packed, columns)):
            return _unpacked(columns).astype(dtype)
        into = np.full(sum(table.events for table in tables), missing, dtype)
        sparse: list[tuple[int, Column]] = []
        start = 0
        for table, column in zip(tables, columns, strict=True):
            if column is not None and column.form is Form.FEW:
                sparse.append((start, column))
            elif column is not None:
                _put(into[start : start + table.events], column)
            start += table.events
        if sparse:
            into[_rows(sparse)] = _unpacked([column for _, column in sparse])
    return into


def present(tables: Sequence[Table], name: str) -> NDArray[np.bool_]:
    """Which rows of many tables have a value in the column ``name``."""
    mask = np.zeros(sum(table.events for table in tables), np.bool_)
    sparse: list[tuple[int, Column]] = []
    start = 0
    for table in tables:
        column = table.columns.get(name)
        if column is not None and column.form is Form.FEW:
            sparse.append((start, column))
        elif column is not None and column.form is Form.LIST:
            mask[start : start + table.events] = [value is not None for value in column.values]
        elif column is not None:
            mask[start : start + table.events] = True
        start += table.events
    if sparse:
        mask[_rows(sparse)] = True
    return mask


def _is_packed(column: Column | None) -> bool:
    return column is not None and column.form is Form.ALL and isinstance(column.values, bytes)


def _unpacked(columns: Sequence[Column | None]) -> NDArray[Any]:
    """The values of columns of one field, one after the other."""
    found = [column for column in columns if column is not None]
    dtype = _DTYPES[found[0].field.type]
    if all(isinstance(column.values, bytes) for column in found):
        return np.frombuffer(b"".join(column.values for column in found), dtype)
    return np.concatenate([_array(column) for column in found])


def _array(column: Column) -> NDArray[Any]:
    if isinstance(column.values, bytes):
        return np.frombuffer(column.values, _DTYPES[column.field.type])
    return np.array(column.values)


def _rows(sparse: Sequence[tuple[int, Column]]) -> Integers:
    """The rows that sparse columns have values in, counted from the first table's first."""
    starts = np.array([start for start, _ in sparse], np.int64)
    rows = [column.rows or () for _, column in sparse]
    within = np.fromiter(chain.from_iterable(rows), np.int64)
    return within + np.repeat(starts, [len(some) for some in rows])


def _put(into: NDArray[Any], column: Column) -> None:
    match column.form:
        case Form.SAME:
            into[:] = column.values
        case Form.LIST:
            for row, value in enumerate(column.values):
                if value is not None:
                    into[row] = value
        case Form.SOME:
            bits = np.frombuffer(column.valid or b"", np.uint8)
            valid = np.unpackbits(bits, bitorder="little")[: len(into)].astype(np.bool_)
            into[valid] = _array(column)[valid]
        case _:
            into[:] = _array(column)
