"""Values as callers gave them, brought to what a field may hold, a column at a time.

A column whose values are all fine costs a few passes in C. Otherwise each value is mended (a whole
float becomes an integer, other objects text, long text is cut) or becomes None: a negative count,
a NaN, a number out of range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Final

from llmmon.protocol.event import MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS, Field, Type
from llmmon.protocol.table import SMALL, Form, Ready, are_same, pack_numbers

_INTEGERS: Final = {
    Type.U8: (0, 2**8 - 1),
    Type.U32: (0, 2**32 - 1),
    Type.U64: (0, 2**64 - 1),
    Type.I64: (-(2**63), 2**63 - 1),
}
_SHARES: Final = frozenset({"score", "ratio"})
_MAX_MS: Final = 1e12
_MAX_F64: Final = 1e300
_NUMBERS: Final = frozenset({int, float})


def ready_column(field: Field, values: Sequence[Any]) -> Ready | None:
    """A column that has a value in every row, all of them fine, as it travels; None for others.

    What most columns of a busy service are: checked and packed in a few passes in C.
    """
    if len(values) < SMALL or values[0] is None or field.type is Type.TAGS:
        return None
    try:
        if field.type is Type.STR:
            return _ready_texts(field, values)
        if are_same(values):
            value = clean_value(field, values[0])
            return None if value is None else Ready(Form.SAME, (value,))
        packed = pack_numbers(field.type, values)
        return Ready(Form.ALL, (packed,)) if _are_in_bounds(field, values) else None
    except Exception:
        # a number out of range, a None, an object whose __eq__ raises: one by one, then
        return None


def _ready_texts(field: Field, values: Sequence[Any]) -> Ready | None:
    joined = "".join(values)
    short = len(joined) <= field.max_chars or max(map(len, values)) <= field.max_chars
    if not (short and all(values) and (joined.isascii() or _is_unicode(joined))):
        return None
    return Ready(Form.SAME, (values[0],)) if are_same(values) else Ready(Form.ALL, (list(values),))


def _are_in_bounds(field: Field, values: Sequence[Any]) -> bool:
    if field.type in _INTEGERS:
        return True  # packing has seen to it
    low, high = bounds(field)
    # a NaN makes the sum NaN, which is not below anything
    return bool(low <= min(values) and max(values) <= high and sum(values) < 1e308)


def clean_column(field: Field, values: Sequence[Any]) -> Sequence[Any]:
    """``values`` as ``field`` may hold them, None where a value cannot be mended."""
    if values.count(None) == len(values):
        return values
    kinds = set(map(type, values))
    present = values
    if NoneType in kinds:
        kinds.discard(NoneType)
        present = [value for value in values if value is not None]
    if _is_clean(field, kinds, present):
        return values
    return [None if value is None else clean_value(field, value) for value in values]


def _is_clean(field: Field, kinds: set[type], present: Sequence[Any]) -> bool:
    if field.type is Type.STR:
        return kinds == {str} and _are_texts(present, field.max_chars)
    if field.type is Type.TAGS:
        return False
    low, high = bounds(field)
    if field.type in _INTEGERS:
        return kinds == {int} and low <= min(present) and max(present) <= high
    # a NaN makes the sum NaN, which is not below anything
    return (
        kinds <= _NUMBERS and low <= min(present) and max(present) <= high and sum(present) < 1e308
    )


def _are_texts(texts: Sequence[str], max_chars: int) -> bool:
    lengths = [*map(len, texts)]
    if max(lengths) > max_chars or not min(lengths):
        return False
    joined = "".join(texts)
    return joined.isascii() or _is_unicode(joined)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def bounds(field: Field) -> tuple[float, float]:
    """The least and the greatest number that a field may hold."""
    if field.type in _INTEGERS:
        return _INTEGERS[field.type]
    if field.unit in _SHARES:
        return 0.0, 1.0
    if field.unit == "ms":
        return 0.0, _MAX_MS
    return -_MAX_F64, _MAX_F64


def clean_value(field: Field, value: Any) -> Any:
    """One value as ``field`` may hold it, None if it cannot be mended."""
    try:
        if field.type is Type.STR:
            return clean_text(value, field.max_chars)
        if field.type is Type.TAGS:
            return clean_tags(value)
        return _clean_number(field, value)
    except Exception:
        # a caller's __str__, __float__ or __index__ may raise anything
        return None


def clean_text(value: Any, max_chars: int) -> str | None:
    """``value`` as text of at most ``max_chars`` characters that UTF-8 can hold, None if empty.

    An exception goes by its type's name: its message may hold what must not be told.
    """
    kind = type(value) if isinstance(value, BaseException) else value
    text = (kind.__name__ if isinstance(kind, type) else str(kind))[:max_chars]
    return text.encode("utf-8", "replace").decode() or None


def clean_tags(value: Any) -> dict[str, str] | None:
    """The first 16 pairs of a mapping as short texts, None if there are none."""
    if not isinstance(value, Mapping):
        return None
    tags: dict[str, str] = {}
    for key, item in list(value.items()):
        name = clean_text(key, MAX_TAG_KEY)
        text = None if item is None else clean_text(item, MAX_TAG_VALUE)
        if name and text is not None and len(tags) < MAX_TAGS:
            tags[name] = text
    return tags or None


def _clean_number(field: Field, value: Any) -> float | int | None:
    low, high = bounds(field)
    if field.type in _INTEGERS:
        if isinstance(value, float):
            if not value.is_integer():
                return None
            value = int(value)
        number: float = int(value) if not isinstance(value, str) else -math.inf
    else:
        number = float(value) if not isinstance(value, str) else math.nan
    return number if low <= number <= high else None
