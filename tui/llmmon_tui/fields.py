"""What comes from outside: fields of rows of the type that was expected, or None; snapshots."""

from __future__ import annotations

import math
from typing import Any

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import Snapshot, decode_snapshot


def text(value: Any) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """A finite number; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def whole(value: Any) -> int | None:
    """An integer; a truth value is none."""
    return value if type(value) is int else None


def snapshot(result: Any) -> Snapshot:
    """The answer of the control method `snapshot`.

    Raises:
        SchemaError, VersionError: another shape, or another version, than the protocol's.
    """
    if not isinstance(result, bytes):
        raise SchemaError("snapshot: expected bytes")
    return decode_snapshot(result)
