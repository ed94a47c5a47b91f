"""Columns of events to bytes and back, without looping over events where C can.

A table is one kind's events as columns. A column travels in the cheapest of these forms:

- ``all``: raw little-endian numbers, or a list of strings, one a row
- ``some``: raw numbers with a validity bitmap (bit ``i & 7`` of byte ``i >> 3``; 1 is present)
- ``few``: the row numbers that have a value, and those values
- ``near``: the least number, and for each row how far it is above it in 1, 2 or 4 bytes
- ``same``: one value for all rows
- ``list``: plain values, None where missing, for tables of fewer than 32 rows

A column with no value in any row does not travel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from llmmon.protocol.event import Field, Type

SMALL: Final = 32
"""Tables with fewer rows travel as plain lists: packing columns would cost more than it saves."""

_SPARSE_SHARE: Final = 8
_NEARABLE: Final = frozenset((Type.U32, Type.U64, Type.I64))
WIDTH: Final = {Type.F32: 4, Type.F64: 8, Type.U8: 1, Type.U32: 4, Type.U64: 8, Type.I64: 8}
"""Bytes of one packed number."""


class Form(StrEnum):
    """How one column travels; see the module's docstring."""

    ALL = "a"
    SOME = "b"
    FEW = "f"
    SAME = "c"
    LIST = "l"
    NEAR_1 = "1"
    NEAR_2 = "2"
    NEAR_4 = "4"


NEAR: Final = {Form.NEAR_1: "B", Form.NEAR_2: "H", Form.NEAR_4: "I"}
"""Bytes for how far above the least number a row's is: the form's name; here its struct code."""


class Column(NamedTuple):
    """One decoded column: ``values`` is raw bytes for numbers in forms all, some and few."""

    field: Field
    form: Form
    values: Any
    valid: bytes | None = None
    """Bitmap of form ``some``."""
    rows: tuple[int, ...] | None = None
    """Row numbers of form ``few``, ascending."""


class Ready(NamedTuple):
    """A column on its way out that was checked and packed before: it travels as it is."""

    form: Form
    parts: tuple[Any, ...]
    """What follows the form."""


class Table:
    """One kind's events of one batch."""

    __slots__ = ("_columns", "events", "fields", "packed")

    def __init__(
        self, events: int, fields: Mapping[int, Field], packed: Mapping[str, list[Any]]
    ) -> None:
        self.events = events
        self.fields = fields
        self.packed = packed
        """Checked columns by field name as they travelled: ``[number, form, ...]``."""
        self._columns: Mapping[str, Column] | None = None

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by field name, made when first asked for: many tables are read packed."""
        if self._columns is None:
            self._columns = {
                name: _column(self.fields[item[0]], item) for name, item in self.packed.items()
            }
        return self._columns

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
    fields: Sequence[Field], count: int, columns: Mapping[str, Sequence[Any] | Ready]
) -> list[Any]:
    """Columns as plain values for msgpack: ``[count, [number, form, ...], ...]``.

    ``columns`` maps field names to one value a row (None where missing), or to what is ready.

    Raises:
        struct.error, TypeError: a value does not fit its field's type.
    """
    packed: list[Any] = [count]
    for field in fields:
        values = columns.get(field.name)
        if values is None:
            continue
        if isinstance(values, Ready):
            packed.append([field.number, values.form.value, *values.parts])
            continue
        missing = values.count(None)
        if missing < count:
            packed.append([field.number, *_encode_column(field, values, count, missing)])
    return packed


def pack_numbers(kind: Type, values: Sequence[Any]) -> bytes:
    """``values`` as raw little-endian numbers.

    Raises:
        struct.error, OverflowError: a value is no number of that type, or out of its range.
    """
    return struct.pack(f"<{len(values)}{kind.value}", *values)


def pack_near(kind: Type, values: Sequence[int]) -> Ready:
    """Integers of a type wider than a byte that may lie close together.

    Raises:
        struct.error: a value is not of that type.
    """
    base = min(values)
    span = max(values) - base
    for form, code in NEAR.items():
        if span < 1 << 8 * int(form) and int(form) < WIDTH[kind]:
            above = [value - base for value in values]
            return Ready(form, (base, struct.pack(f"<{len(values)}{code}", *above)))
    return Ready(Form.ALL, (pack_numbers(kind, values),))


def _encode_column(field: Field, values: Sequence[Any], count: int, missing: int) -> list[Any]:
    if not missing and field.type is not Type.TAGS and are_same(values):
        return [Form.SAME.value, values[0]]
    if count < SMALL:
        return [Form.LIST.value, list(values)]
    if missing and (field.type not in WIDTH or missing * _SPARSE_SHARE >= count * 7):
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
    if field.type in _NEARABLE:
        near = pack_near(field.type, values)
        return [near.form.value, *near.parts]
    return [Form.ALL.value, _pack(field.type, values)]


def are_same(values: Sequence[Any]) -> bool:
    """Whether all values equal the first one."""
    return bool(values[0] == values[-1] and values.count(values[0]) == len(values))


def _pack(kind: Type, values: Sequence[Any]) -> bytes | list[Any]:
    return pack_numbers(kind, values) if kind in WIDTH else list(values)


def _column(field: Field, item: list[Any]) -> Column:
    form = Form(item[1])
    if form in NEAR:
        above = struct.unpack(f"<{len(item[3]) // int(form)}{NEAR[form]}", item[3])
        return Column(field, Form.LIST, [item[2] + value for value in above])
    if form is Form.FEW:
        rows = struct.unpack(f"<{len(item[2]) // 4}I", item[2])
        return Column(field, form, item[3], rows=rows)
    return Column(field, form, item[2], valid=item[3] if form is Form.SOME else None)


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
        return list(struct.unpack(f"<{len(values) // WIDTH[kind]}{kind.value}", values))
    return list(values)
