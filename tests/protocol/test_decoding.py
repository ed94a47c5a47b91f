"""What a column may look like, judged by a plain reading of the rules, one value at a time."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.strategies import columns

from llmmon.errors import SchemaError
from llmmon.protocol.decoding import decode_table
from llmmon.protocol.event import SCHEMA, Field, Kind, Type
from llmmon.protocol.table import SMALL, encode_table

FIELDS = {field.number: field for field in SCHEMA[Kind.REQUEST]}
WIDTHS = {Type.F32: 4, Type.F64: 8, Type.U8: 1, Type.U32: 4, Type.U64: 8, Type.I64: 8}
RANGES = {
    Type.U8: range(2**8),
    Type.U32: range(2**32),
    Type.U64: range(2**64),
    Type.I64: range(-(2**63), 2**63),
}
LATENCY, INPUT, STREAM, ERROR, TAGS = 7, 13, 12, 19, 30


def is_value(field: Field, value: Any) -> bool:
    if field.type is Type.STR:
        return isinstance(value, str) and len(value) <= field.max_chars
    if field.type is Type.TAGS:
        return isinstance(value, dict) and all(
            isinstance(part, str) for pair in value.items() for part in pair
        )
    if field.type in RANGES:
        return type(value) is int and value in RANGES[field.type]
    return type(value) in (int, float)


def are_values(field: Field, values: Any, count: int) -> bool:
    if isinstance(values, bytes):
        return len(values) == WIDTHS.get(field.type, -1) * count and field.type in WIDTHS
    fine = isinstance(values, list) and len(values) == count
    return fine and all(is_value(field, value) for value in values)


def are_rows(rows: Any, count: int) -> bool:
    if not isinstance(rows, bytes) or len(rows) % 4:
        return False
    numbers = struct.unpack(f"<{len(rows) // 4}I", rows)
    return list(numbers) == sorted({n for n in numbers if n < count})


def are_near(field: Field, base: Any, above: Any, width: int, count: int) -> bool:
    if field.type not in RANGES or width >= WIDTHS[field.type] or type(base) is not int:
        return False
    fits = is_value(field, base) and is_value(field, base + 256**width - 1)
    return fits and isinstance(above, bytes) and len(above) == width * count


def is_column(field: Field, form: Any, parts: list[Any], count: int) -> bool:
    match form, parts:
        case "a", [values]:
            return are_values(field, values, count)
        case "c", [value]:
            return is_value(field, value)
        case "f", [rows, values]:
            return are_rows(rows, count) and are_values(field, values, len(rows) // 4)
        case "b", [bytes() as values, bytes() as valid]:
            return are_values(field, values, count) and len(valid) == (count + 7) // 8
        case (("1" | "2" | "4"), [base, above]):
            return are_near(field, base, above, int(form), count)
    fine = form == "l" and len(parts) == 1 and isinstance(parts[0], list)
    return (
        fine and len(parts[0]) == count and all(v is None or is_value(field, v) for v in parts[0])
    )


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 255, 256, 2**32 - 1, 2**32, 2**63, 2**64, -(2**63) - 1]),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 256, "x" * 257]),
    st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
)
near = st.integers(0, 5) | st.sampled_from([2**31 - 1, 2**31, 2**32 - 1])
packed_rows = st.lists(near, max_size=6).map(lambda rows: struct.pack(f"<{len(rows)}I", *rows))
sorted_rows = st.sets(near, max_size=6).map(
    lambda rows: struct.pack(f"<{len(rows)}I", *sorted(rows))
)
raw = st.sampled_from([0, 1, 4, 5, 8, 12, 16, 20, 24, 40]).map(bytes)
parts = st.lists(
    scalars | raw | packed_rows | sorted_rows | st.lists(scalars, max_size=6), max_size=3
)
forms = st.sampled_from(["a", "b", "c", "f", "l", "1", "2", "4", "A", "", None, 1, ["a"], b"a"])


@settings(max_examples=400)
@given(st.sampled_from(sorted(FIELDS)), forms, parts, st.integers(0, 6))
@example(ERROR, "a", [b""], 4)
@example(ERROR, "f", [struct.pack("<I", 0), b""], 4)
@example(ERROR, "f", [b"", b""], 4)
@example(TAGS, "a", [b""], 0)
@example(INPUT, "a", [[1, True]], 2)
@example(INPUT, "b", [bytes(16), bytes(2)], 4)
@example(STREAM, "f", [struct.pack("<4I", 0, 1, 2, 4), bytes(4)], 4)
@example(LATENCY, "f", [struct.pack("<2I", 2**31, 3), bytes(8)], 4)
@example(INPUT, "1", [2**32 - 256, bytes(4)], 4)
@example(INPUT, "1", [2**32 - 255, bytes(4)], 4)
@example(INPUT, "2", [5, bytes(8)], 4)
@example(INPUT, "4", [0, bytes(16)], 4)
@example(STREAM, "1", [0, bytes(4)], 4)
@example(LATENCY, "2", [0, bytes(8)], 4)
@example(LATENCY, "f", [struct.pack("<2I", 1, 2**31 + 2), bytes(8)], 4)
def test_a_column_is_taken_when_a_plain_reading_takes_it(
    number: int, form: Any, given_parts: list[Any], count: int
) -> None:
    sound = is_column(FIELDS[number], form, given_parts, count) and len(given_parts) > 0
    packed = [count, [number, form, *given_parts]]
    if sound:
        assert decode_table(FIELDS, packed).events == count
    else:
        with pytest.raises(SchemaError):
            decode_table(FIELDS, packed)


@given(st.lists(st.integers(0, 4096), max_size=40), st.integers(1, 4096), st.booleans())
def test_row_numbers_grow_and_stay_under_the_number_of_rows(
    rows: list[int], count: int, in_order: bool
) -> None:
    rows = sorted(set(rows)) if in_order else rows
    packed = struct.pack(f"<{len(rows)}I", *rows)
    column = [LATENCY, "f", packed, bytes(4 * len(rows))]
    if are_rows(packed, count):
        assert decode_table(FIELDS, [count, column]).columns["latency_ms"].rows == tuple(rows)
    else:
        with pytest.raises(SchemaError, match="latency_ms"):
            decode_table(FIELDS, [count, column])


def test_a_full_table_of_sparse_rows_is_taken() -> None:
    rows = struct.pack("<4096I", *range(4096))
    table = decode_table(FIELDS, [4096, [STREAM, "f", rows, bytes(4096)]])
    assert table.values("stream") == [0] * 4096


@given(st.sampled_from(Kind), st.sampled_from([1, SMALL, 70]), st.data())
def test_columns_made_late_say_what_was_sent(kind: Kind, events: int, data: st.DataObject) -> None:
    sent = data.draw(columns(kind, events))
    fields = {field.number: field for field in SCHEMA[kind]}
    table = decode_table(fields, encode_table(SCHEMA[kind], events, sent))
    told = {name for name, values in sent.items() if any(value is not None for value in values)}
    assert set(table.columns) == set(table.packed) == told
    for name in told:
        assert table.columns[name].field.name == name
        assert table.values(name) == sent[name]


@pytest.mark.parametrize(
    "packed",
    [None, [], [True], [-1], [4097], [1, 7], [1, []], [1, [7, "c"]], [1, ["7", "c", 1.0]],
     [1, [True, "c", 1]], [1, (7, "c", 1.0)], [1, [7, "c", 1.0], [7, "c", 1.0]],
     [1, [99, "c", 1], [7, "c", 1.0], [7, "c", 2.0]]],
)  # fmt: skip
def test_what_is_no_table_is_refused(packed: Any) -> None:
    with pytest.raises(SchemaError):
        decode_table(FIELDS, packed)


def test_a_field_that_is_not_known_yet_may_come_twice() -> None:
    assert decode_table(FIELDS, [1, [99, "?", 1], [99, "?", 1]]).rows() == [{}]
