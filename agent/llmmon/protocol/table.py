"""Columns of events to bytes and back, without looping over events where C can.

A table is one kind's events as columns. A column travels in the cheapest of five forms:

- ``all``: raw little-endian numbers, or a list of strings, one a row
- ``some``: raw numbers with a validity bitmap (bit ``i & 7`` of byte ``i >> 3``; 1 is present)
- ``few``: the row numbers that have a value, and those values
- ``same``: one value for all rows
- ``list``: plain values, None where missing, for tables of fewer than 32 rows

A column with no value in any row does not travel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import lt
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.event import (
    MAX_EVENTS,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
    Field,
    Type,
)

SMALL: Final = 32
"""Tables with fewer rows travel as plain lists: packing columns would cost more than it saves."""

_SPARSE_SHARE: Final = 8
_WIDTH: Final = {Type.F32: 4, Type.F64: 8, Type.U8: 1, Type.U32: 4, Type.U64: 8, Type.I64: 8}
_LIMITS: Final = {
    Type.U8: (0, 2**8 - 1),
    Type.U32: (0, 2**32 - 1),
    Type.U64: (0, 2**64 - 1),
    Type.I64: (-(2**63), 2**63 - 1),
}


class Form(StrEnum):
    """How one column travels; see the module's docstring."""

    ALL = "a"
    SOME = "b"
    FEW = "f"
    SAME = "c"
    LIST = "l"


class Column(NamedTuple):
    """One decoded column: ``values`` is raw bytes for numbers in forms all, some and few."""

    field: Field
    form: Form
    values: Any
    valid: bytes | None = None
    """Bitmap of form ``some``."""
    rows: tuple[int, ...] | None = None
    """Row numbers of form ``few``, ascending."""


class Table(NamedTuple):
    """One kind's events of one batch."""

    events: int
    columns: Mapping[str, Column]

    def values(self, name: str) -> list[Any]:
        """The column as one Python value a row, None where missing or absent."""
        column = self.columns.get(name)
        return [None] * self.events if column is None else _expand(column, self.events)

    def rows(self) -> list[dict[str, Any]]:
        """One dict an event, absent fields left out."""
        named = {name: self.values(name) for name in self.columns}
        return [
            {name: values[i] for name, values in named.items() if values[i] is not None}
            for i in range(self.events)
        ]


def encode_table(
    fields: Sequence[Field], count: int, columns: Mapping[str, Sequence[Any]]
) -> list[Any]:
    """Columns as plain values for msgpack: ``[count, number, form, ..., number, form, ...]``.

    ``columns`` maps field names to one value a row (None where missing).

    Raises:
        struct.error, TypeError: a value does not fit its field's type.
    """
    packed: list[Any] = [count]
    for field in fields:
        values = columns.get(field.name)
        if values is None:
            continue
        missing = values.count(None)
        if missing < count:
            packed.append([field.number, *_encode_column(field, values, count, missing)])
    return packed


def _encode_column(field: Field, values: Sequence[Any], count: int, missing: int) -> list[Any]:
    if not missing and values.count(values[0]) == count and field.type is not Type.TAGS:
        return [Form.SAME.value, values[0]]
    if count < SMALL:
        return [Form.LIST.value, list(values)]
    if missing and (field.type not in _WIDTH or missing * _SPARSE_SHARE >= count * 7):
        rows = [i for i, value in enumerate(values) if value is not None]
        present = [values[i] for i in rows]
        return [Form.FEW.value, _pack(Type.U32, rows), _pack(field.type, present)]
    if missing:
        bits = sum(1 << i for i, value in enumerate(values) if value is not None)
        filled = [0 if value is None else value for value in values]
        return [
            Form.SOME.value,
            _pack(field.type, filled),
            bits.to_bytes((count + 7) >> 3, "little"),
        ]
    return [Form.ALL.value, _pack(field.type, values)]


def _pack(kind: Type, values: Sequence[Any]) -> bytes | list[Any]:
    if kind in _WIDTH:
        return struct.pack(f"<{len(values)}{kind.value}", *values)
    return list(values)


def decode_table(fields: Mapping[int, Field], packed: Any) -> Table:
    """The table behind what ``encode_table`` made. Unknown field numbers are passed over.

    Raises:
        SchemaError: any other shape, length, type or bound than ``encode_table`` writes.
    """
    if not isinstance(packed, list) or not packed or not _is_count(packed[0], MAX_EVENTS):
        raise SchemaError("table: expected [count, column, ...]")
    count = packed[0]
    columns: dict[str, Column] = {}
    for item in packed[1:]:
        if not isinstance(item, list) or len(item) < 3 or not isinstance(item[0], int):
            raise SchemaError("table: expected columns of [number, form, ...]")
        field = fields.get(item[0])
        if field is None:
            continue
        if field.name in columns:
            raise SchemaError(f"{field.name}: column sent twice")
        columns[field.name] = _decode_column(field, item, count)
    return Table(count, columns)


def _decode_column(field: Field, item: list[Any], count: int) -> Column:
    form, values = item[1], item[2]
    match form, len(item):
        case "a", 3:
            _check_values(field, values, count)
            return Column(field, Form.ALL, values)
        case "c", 3:
            _check_values(field, [values], 1)
            return Column(field, Form.SAME, values)
        case "f", 4:
            rows = _decode_rows(field, values, count)
            _check_values(field, item[3], len(rows))
            return Column(field, Form.FEW, item[3], rows=rows)
        case "b", 4:
            _check_packed(field, values, item[3], count)
            return Column(field, Form.SOME, values, valid=item[3])
        case "l", 3:
            _check(isinstance(values, list) and len(values) == count, field, "one value a row")
            _check_values(field, [value for value in values if value is not None], None)
            return Column(field, Form.LIST, values)
    raise SchemaError(f"{field.name}: unknown column form")


def _decode_rows(field: Field, packed: Any, count: int) -> tuple[int, ...]:
    fine = isinstance(packed, bytes) and len(packed) % 4 == 0 and len(packed) <= 4 * count
    _check(fine, field, "row numbers of 4 bytes")
    rows = struct.unpack(f"<{len(packed) // 4}I", packed)
    ascending = all(map(lt, rows, rows[1:]))
    _check(ascending and (not rows or rows[-1] < count), field, "ascending row numbers")
    return rows


def _check_packed(field: Field, values: Any, valid: Any, count: int) -> None:
    _check(isinstance(values, bytes) and isinstance(valid, bytes), field, "packed numbers")
    _check_values(field, values, count)
    _check(len(valid) == (count + 7) >> 3, field, "a bitmap of one bit a row")


def _check_values(field: Field, values: Any, count: int | None) -> None:
    kind = field.type
    if isinstance(values, bytes) and kind in _WIDTH:
        _check(len(values) == _WIDTH[kind] * (count or 0), field, "one number a row")
        return
    _check(isinstance(values, list), field, "a list of values")
    _check(count is None or len(values) == count, field, "one value a row")
    if kind is Type.STR:
        if not _are_texts(values, field.max_chars):
            raise SchemaError(f"{field.name}: expected text of at most {field.max_chars}")
        return
    for value in values:
        _check_value(field, value)


def _are_texts(values: list[Any], max_chars: int) -> bool:
    try:
        "".join(values)
    except TypeError:
        return False
    return max(map(len, values), default=0) <= max_chars


def _check_value(field: Field, value: Any) -> None:
    if field.type is Type.TAGS:
        _check(is_tags(value), field, f"at most {MAX_TAGS} short text pairs")
    elif limits := _LIMITS.get(field.type):
        fine = type(value) is int and limits[0] <= value <= limits[1]
        _check(fine, field, f"an integer of {limits[0]} to {limits[1]}")
    else:
        _check(type(value) in (int, float), field, "a number")


def is_tags(value: Any) -> bool:
    """Whether ``value`` is a map of at most 16 pairs, keys to 64, values to 256 characters."""
    return (
        isinstance(value, dict)
        and len(value) <= MAX_TAGS
        and all(
            isinstance(key, str)
            and isinstance(text, str)
            and len(key) <= MAX_TAG_KEY
            and len(text) <= MAX_TAG_VALUE
            for key, text in value.items()
        )
    )


def _check(fine: bool, field: Field, expected: str) -> None:
    if not fine:
        raise SchemaError(f"{field.name}: expected {expected}")


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _expand(column: Column, count: int) -> list[Any]:
    if column.form is Form.SAME:
        return [column.values] * count
    values = _unpack(column.field.type, column.values)
    if column.form is Form.FEW:
        spread: list[Any] = [None] * count
        for row, value in zip(column.rows or (), values, strict=True):
            spread[row] = value
        return spread
    if column.form is Form.SOME and column.valid is not None:
        bits = int.from_bytes(column.valid, "little")
        return [value if bits >> i & 1 else None for i, value in enumerate(values)]
    return values


def _unpack(kind: Type, values: Any) -> list[Any]:
    if isinstance(values, bytes):
        return list(struct.unpack(f"<{len(values) // _WIDTH[kind]}{kind.value}", values))
    return list(values)
