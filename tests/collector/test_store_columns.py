"""Columns of decoded tables, whatever form they travelled in, hold what was sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st
from tests.support.strategies import columns

from llmmon.protocol.decoding import decode_table
from llmmon.protocol.event import SCHEMA, Kind, Type
from llmmon.protocol.table import Table, encode_table
from llmmon_collector.requests import numbers
from llmmon_collector.requests.columns import Stack
from llmmon_collector.store.columns import texts

KINDS = {Type.F32: np.float32, Type.F64: np.float64, Type.U64: np.uint64}


def sent(kind: Kind, events: int, values: dict[str, list[Any]]) -> Table:
    fields = {field.number: field for field in SCHEMA[kind]}
    return decode_table(fields, encode_table(SCHEMA[kind], events, values))


@given(kind=st.sampled_from(Kind), data=st.data())
def test_every_form_of_every_column_comes_back(kind: Kind, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.sampled_from([1, 5, 32, 70]), min_size=1, max_size=3))
    parts = [sent(kind, size, data.draw(columns(kind, size))) for size in sizes]
    for field in SCHEMA[kind]:
        expected = [value for part in parts for value in part.values(field.name)]
        if field.type is Type.STR:
            assert _listed(texts(parts, field.name), len(expected)) == expected
        elif field.type is Type.TAGS:
            packed = _listed(texts(parts, field.name), len(expected))
            assert [None if text is None else orjson.loads(text) for text in packed] == expected
        else:
            dtype = KINDS.get(field.type, np.int64)
            found = numbers(parts, field.name, dtype, 77)
            filled = [77 if value is None else value for value in expected]
            np.testing.assert_array_equal(found, np.array(filled, dtype))


@given(kind=st.sampled_from(Kind), data=st.data())
def test_a_stack_of_tables_knows_who_told_what(kind: Kind, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.sampled_from([1, 5, 32, 70]), max_size=4))
    parts = [sent(kind, size, data.draw(columns(kind, size))) for size in sizes]
    stack = Stack(parts)
    assert len(stack) == sum(sizes)
    for field in SCHEMA[kind]:
        expected = [value for part in parts for value in part.values(field.name)]
        assert stack.present(field.name).tolist() == [value is not None for value in expected]
        if field.type in (Type.STR, Type.TAGS):
            continue
        told = stack.told(field.name)
        if told is None:
            assert expected.count(None) == len(expected)
        else:
            rows = range(len(expected)) if told.rows is None else told.rows.tolist()
            found = dict(zip(rows, told.values.tolist(), strict=True))
            assert found == {i: value for i, value in enumerate(expected) if value is not None}


def test_a_bitmap_says_nothing_about_rows_that_are_not_there() -> None:
    fields = {field.number: field for field in SCHEMA[Kind.REQUEST]}
    packed = [33, [12, "b", bytes(range(33)), b"\xff" * 5]]
    tables = [decode_table(fields, packed), decode_table(fields, packed)]
    assert numbers(tables, "stream", np.int64, -1).tolist() == [*range(33), *range(33)]
    assert Stack(tables).present("stream").all()


def _listed(column: Any, size: int) -> list[Any]:
    return [None] * size if column is None else column.tolist()


def test_a_text_column_without_a_value_is_none() -> None:
    table = sent(Kind.LOG, 2, {"message": ["a", "b"]})
    assert texts([table], "logger") is None
    assert texts([], "message") is None
