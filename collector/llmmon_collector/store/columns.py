"""Text columns of many decoded tables as arrays, None where there is no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from llmmon.protocol.event import Type
from llmmon.protocol.table import Form, Table

Texts = NDArray[np.object_]


def texts(tables: Sequence[Table], name: str) -> Texts | None:
    """A text column; None if no row of any table has a value. Tags come as JSON."""
    if not any(name in table.packed for table in tables):
        return None
    column = np.full(sum(table.events for table in tables), None, np.object_)
    start = 0
    for table in tables:
        item = table.packed.get(name)
        if item is not None:
            _put_texts(column[start : start + table.events], item, table.fields[item[0]].type)
        start += table.events
    return column


def _put_texts(into: Texts, item: Sequence[Any], kind: Type) -> None:
    """Spread a column as it travelled: ``table.columns`` would unpack all the others with it."""
    form, values = item[1], item[-1]
    if kind is Type.TAGS:
        given = [values] if form == Form.SAME else values
        packed = [None if tags is None else orjson.dumps(tags).decode() for tags in given]
        values = packed[0] if form == Form.SAME else packed
    if form == Form.FEW:
        into[np.frombuffer(item[2], "<u4")] = values
    else:
        into[:] = values
