"""msgpack with bounds: plain values to bytes and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgpack

from llmmon.errors import SchemaError
from llmmon.protocol.event import MAX_EVENTS

MAX_COUNT: Final = 1 << 48
"""Events of one stream: a million a second for nine years. 65,536 such counts add up to 64 bits."""
_MAX_REASONS: Final = 64
_CHEAP: Final = 1 << 16
"""Bytes that need no budget: all the arrays and maps that they can hold cost milliseconds."""
_BUDGET: Final = 4 * MAX_EVENTS
"""Arrays and maps in one payload. A batch has a map of tags an event, and few more."""


def encode_map(values: Mapping[str, Any]) -> bytes:
    """The payload of WELCOME, ACK, NACK and PONG: a small map of plain values."""
    return pack(dict(values))


def decode_map(payload: bytes) -> dict[str, Any]:
    """The small map in ``payload``, empty where there is none.

    Raises:
        SchemaError: not a map with text keys.
    """
    values = unpack(payload) if payload else {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SchemaError("expected a map with text keys")
    return values


def as_counts(values: dict[Any, Any]) -> dict[str, int]:
    """``values``, if they are counts by short names.

    Raises:
        SchemaError: they are not, or too many.
    """
    fine = len(values) <= _MAX_REASONS and all(
        isinstance(key, str) and len(key) <= 64 and is_count(n) for key, n in values.items()
    )
    if not fine:
        raise SchemaError("expected counts by short names")
    return values


def is_count(value: Any) -> bool:
    """Whether ``value`` can be a number of events."""
    return type(value) is int and 0 <= value <= MAX_COUNT


def pack(value: Any) -> bytes:
    """``value`` as msgpack. Beside this module nobody names the codec."""
    packed: bytes = msgpack.packb(value)
    return packed


def unpack(payload: bytes, max_items: int = MAX_EVENTS, max_nested: int = _BUDGET) -> Any:
    """One msgpack value whose arrays and maps hold at most ``max_items`` each.

    A payload over 64 KiB holds at most ``max_nested`` of them: without that bound a megabyte of
    empty arrays, in arrays of arrays, would cost 75 MB and a tenth of a second.

    Raises:
        SchemaError: not exactly one well-formed value, too deep, or over the bounds.
    """
    counted = _Budget(max_nested) if len(payload) > _CHEAP else None
    try:
        return msgpack.unpackb(
            payload,
            max_array_len=max_items,
            max_map_len=max_items,
            max_ext_len=0,
            strict_map_key=True,
            list_hook=counted,
            object_hook=counted,
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise SchemaError(f"malformed msgpack: {type(error).__name__}") from None


class _Budget:
    """Lets so many arrays and maps pass."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many arrays and maps")
        return value
