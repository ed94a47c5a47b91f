"""Columns of many decoded tables as arrays: numbers with a value for "missing", texts with None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from llmmon.protocol.event import Type
from llmmon.protocol.table import Column, Form, Table

Texts = NDArray[np.object_]

_TYPES: Final = {
    Type.F32: "<f4",
    Type.F64: "<f8",
    Type.U8: "u1",
    Type.U32: "<u4",
    Type.U64: "<u8",
    Type.I64: "<i8",
}


def numbers(
    tables: Sequence[Table], name: str, dtype: type[np.generic], missing: float
) -> NDArray[Any]:
    """A numeric column, ``missing`` where there is no value."""
    column = np.full(sum(table.events for table in tables), missing, dtype)
    start = 0
    with np.errstate(over="ignore"):
        for table in tables:
            found = table.columns.get(name)
            if found is not None:
                _put_numbers(column[start : start + table.events], found)
            start += table.events
    return column


def texts(tables: Sequence[Table], name: str) -> Texts | None:
    """A text column; None if no row of any table has a value. Tags come as JSON."""
    if not any(name in table.columns for table in tables):
        return None
    column = np.full(sum(table.events for table in tables), None, np.object_)
    start = 0
    for table in tables:
        found = table.columns.get(name)
        if found is not None:
            _put_texts(column[start : start + table.events], found)
        start += table.events
    return column


def _put_numbers(into: NDArray[Any], column: Column) -> None:
    match column.form:
        case Form.SAME:
            into[:] = column.values
        case Form.LIST:
            for row, value in enumerate(column.values):
                if value is not None:
                    into[row] = value
        case Form.FEW:
            into[list(column.rows or ())] = _array(column)
        case Form.SOME:
            bits = np.frombuffer(column.valid or b"", np.uint8)
            valid = np.unpackbits(bits, bitorder="little")[: len(into)].astype(np.bool_)
            into[valid] = _array(column)[valid]
        case Form.ALL:
            into[:] = _array(column)


def _array(column: Column) -> NDArray[Any]:
    if isinstance(column.values, bytes):
        return np.frombuffer(column.values, _TYPES[column.field.type])
    return np.array(column.values)


def _put_texts(into: Texts, column: Column) -> None:
    values: Any = column.values
    if column.field.type is Type.TAGS:
        given = [values] if column.form is Form.SAME else values
        packed = [None if tags is None else orjson.dumps(tags).decode() for tags in given]
        values = packed[0] if column.form is Form.SAME else packed
    if column.form is Form.FEW:
        into[list(column.rows or ())] = values
    else:
        into[:] = values
