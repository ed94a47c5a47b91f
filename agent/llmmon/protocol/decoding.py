"""A table's columns as they came off the wire, with every length, type and bound checked.

Numbers stay packed: what is checked here is what would make reading them fail or lie. That costs
the same for a column of two numbers as for one of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon.protocol.event import (
    MAX_EVENTS,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
    Field,
    Type,
)
from llmmon.protocol.table import NEAR, WIDTH, Form, Table

_LIMITS: Final = {
    Type.U8: (0, 2**8 - 1),
    Type.U32: (0, 2**32 - 1),
    Type.U64: (0, 2**64 - 1),
    Type.I64: (-(2**63), 2**63 - 1),
}
_ALL, _FEW = Form.ALL.value, Form.FEW.value
_LANE: Final = 32
"""Bits of a packed row number."""


def decode_table(fields: Mapping[int, Field], packed: Any) -> Table:
    """The table behind what ``encode_table`` made. Unknown field numbers are passed over.

    Raises:
        SchemaError: any other shape, length, type or bound than ``encode_table`` writes.
    """
    if not isinstance(packed, list) or not packed or not _is_count(packed[0], MAX_EVENTS):
        raise SchemaError("table: expected [count, column, ...]")
    count = packed[0]
    columns: dict[str, list[Any]] = {}
    passed_over = 1
    for item in packed[1:]:
        if type(item) is not list or len(item) < 3 or type(item[0]) is not int:
            raise SchemaError("table: expected columns of [number, form, ...]")
        field = fields.get(item[0])
        if field is None:
            passed_over += 1
            continue
        columns[field.name] = item
        # most columns are one of these two: looking here spares them a call or two
        if item[1] == _ALL and len(item) == 3 and _is_packed(field, item[2], count):
            continue
        if item[1] == _FEW and len(item) == 4:
            _check_few(field, item, count)
        else:
            _check_column(field, item, count)
    if len(columns) + passed_over != len(packed):
        raise SchemaError("table: a column sent twice")
    return Table(count, fields, columns)


def _check_column(field: Field, item: list[Any], count: int) -> None:
    form = item[1]
    known = _FORMS.get(form) if type(form) is str else None
    if known is None or len(item) != known[0]:
        raise SchemaError(f"{field.name}: unknown column form")
    known[1](field, item, count)


def _check_all(field: Field, item: list[Any], count: int) -> None:
    _check_values(field, item[2], count)


def _check_same(field: Field, item: list[Any], count: int) -> None:
    value = item[2]
    if field.type is not Type.STR:
        _check_value(field, value)
    elif type(value) is not str or len(value) > field.max_chars:
        raise SchemaError(f"{field.name}: expected text of at most {field.max_chars}")


def _check_few(field: Field, item: list[Any], count: int) -> None:
    rows = item[2]
    if type(rows) is not bytes or len(rows) % 4 or len(rows) > 4 * count:
        raise SchemaError(f"{field.name}: expected row numbers of 4 bytes")
    if not _ascend(rows, count):
        raise SchemaError(f"{field.name}: expected ascending row numbers")
    if not _is_packed(field, item[3], len(rows) // 4):
        _check_values(field, item[3], len(rows) // 4)


def _check_some(field: Field, item: list[Any], count: int) -> None:
    values, valid = item[2], item[3]
    if not isinstance(values, bytes) or not isinstance(valid, bytes):
        raise SchemaError(f"{field.name}: expected packed numbers")
    _check_values(field, values, count)
    if len(valid) != (count + 7) >> 3:
        raise SchemaError(f"{field.name}: expected a bitmap of one bit a row")


def _check_list(field: Field, item: list[Any], count: int) -> None:
    values = item[2]
    if not isinstance(values, list) or len(values) != count:
        raise SchemaError(f"{field.name}: expected one value a row")
    given = [value for value in values if value is not None]
    _check_values(field, given, len(given))


def _check_near(field: Field, item: list[Any], count: int) -> None:
    width, base, above = int(item[1]), item[2], item[3]
    limits = _LIMITS.get(field.type)
    if limits is None or width >= WIDTH[field.type]:
        raise SchemaError(f"{field.name}: expected another column form")
    if type(base) is not int or not limits[0] <= base <= limits[1] - (1 << 8 * width) + 1:
        raise SchemaError(f"{field.name}: expected a least number that leaves room above it")
    if type(above) is not bytes or len(above) != width * count:
        raise SchemaError(f"{field.name}: expected one number a row")


_FORMS: Final[Mapping[str, tuple[int, Callable[[Field, list[Any], int], None]]]] = {
    Form.ALL.value: (3, _check_all),
    Form.SAME.value: (3, _check_same),
    Form.FEW.value: (4, _check_few),
    Form.SOME.value: (4, _check_some),
    Form.LIST.value: (3, _check_list),
    **{form.value: (4, _check_near) for form in NEAR},
}
"""How long a column of each form is, field number and form included, and what checks it."""


def _ascend(rows: bytes, below: int) -> bool:
    """Whether packed row numbers grow strictly and stay under ``below``, which is under 2**31.

    All neighbours are compared by one subtraction. Seen as one integer, each number is a lane of
    32 bits; a lane's top bit is left set where the number in the next lane, or ``below`` behind
    the last, is greater, and taken by the subtraction where it is not.
    """
    if not rows:
        return True
    tops, rest = _lanes(len(rows) // 4, below)
    numbers = int.from_bytes(rows, "little")
    if numbers & tops:
        return False
    return ((numbers >> _LANE) + rest - numbers) & tops == tops


@lru_cache(512)
def _lanes(count: int, below: int) -> tuple[int, int]:
    """``count`` lanes with only the top bit set; with all others, and ``below`` in the last."""
    tops = int.from_bytes(b"\x00\x00\x00\x80" * count, "little")
    return tops, tops - (tops >> _LANE - 1) + (below << _LANE * (count - 1))


def _check_values(field: Field, values: Any, count: int) -> None:
    if _is_packed(field, values, count):
        return
    if isinstance(values, bytes) and field.type in WIDTH:
        raise SchemaError(f"{field.name}: expected one number a row")
    if not isinstance(values, list) or len(values) != count:
        raise SchemaError(f"{field.name}: expected a list of one value a row")
    if field.type is not Type.STR:
        for value in values:
            _check_value(field, value)
    elif not _are_texts(values, field.max_chars):
        raise SchemaError(f"{field.name}: expected text of at most {field.max_chars}")


def _is_packed(field: Field, values: Any, count: int) -> bool:
    width = WIDTH.get(field.type)
    return width is not None and type(values) is bytes and len(values) == width * count


def _are_texts(values: list[Any], max_chars: int) -> bool:
    try:
        "".join(values)
    except TypeError:
        return False
    return max(map(len, values), default=0) <= max_chars


def _check_value(field: Field, value: Any) -> None:
    if field.type is Type.TAGS:
        fine, expected = is_tags(value), f"at most {MAX_TAGS} short text pairs"
    elif limits := _LIMITS.get(field.type):
        fine = type(value) is int and limits[0] <= value <= limits[1]
        expected = f"an integer of {limits[0]} to {limits[1]}"
    else:
        fine, expected = type(value) in (int, float), "a number"
    if not fine:
        raise SchemaError(f"{field.name}: expected {expected}")


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


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
