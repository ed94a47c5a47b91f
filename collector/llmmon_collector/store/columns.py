"""Text columns of many decoded tables as arrays, None where there is no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from llmmon.protocol.event import Type
from llmmon.protocol.table import Column, Form, Table

Texts = NDArray[np.object_]


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
