"""What one run of a check found."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from llmmon.protocol.snapshot import Measurement
from llmmon_collector.scrub import one_line, scrub

Status = Literal["ok", "degraded", "failing", "unknown"]
STATUSES: Final[tuple[Status, ...]] = ("ok", "degraded", "failing", "unknown")
_MAX_UNIT: Final = 20
_MAX_MEASUREMENTS: Final = 32
_MEASUREMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run's word, before debouncing."""

    status: Status
    value: float | None = None
    unit: str = ""
    message: str = ""
    measurements: tuple[Measurement, ...] = ()
    """What else was measured."""


def judge(value: float, unit: str, limits: tuple[float | None, float | None], ok: str) -> Outcome:
    """``value`` against the limits (degraded above, failing above); ``ok`` is the usual message."""
    warn, fail = limits
    if fail is not None and value > fail:
        return Outcome("failing", value, unit, f"{value:.4g} {unit} is above {fail:g}")
    if warn is not None and value > warn:
        return Outcome("degraded", value, unit, f"{value:.4g} {unit} is above {warn:g}")
    return Outcome("ok", value, unit, ok)


def as_outcome(result: Any) -> Outcome:
    """What a check function returned: a bool, (bool, message), a mapping or an :class:`Outcome`.

    A mapping has ``status`` (one of ``STATUSES``) or ``ok`` (bool), and may have ``value``,
    ``unit``, ``message`` and ``measurements``, a mapping of names to numbers.

    Raises:
        TypeError: anything else.
    """
    match result:
        case Outcome():
            return result
        case bool():
            return Outcome("ok" if result else "failing")
        case (bool() as fine, str() as message):
            return Outcome("ok" if fine else "failing", message=one_line(message))
        case Mapping():
            return _from_mapping(result)
    raise TypeError(
        f"the check returned {type(result).__name__}: expected bool, (bool, message) or a mapping"
    )


def describe_error(error: BaseException) -> str:
    """The error's type and its message with secrets masked, on one line."""
    try:
        message = one_line(scrub(str(error)))
    except Exception:
        message = ""  # an error that cannot be told is still an error
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _from_mapping(result: Mapping[Any, Any]) -> Outcome:
    status = result.get("status")
    if status is None and isinstance(result.get("ok"), bool):
        status = "ok" if result["ok"] else "failing"
    if status not in STATUSES:
        raise TypeError(f"the check's status must be one of {', '.join(STATUSES)}")
    return Outcome(
        status,
        _finite(result.get("value")),
        one_line(str(result.get("unit", "")))[:_MAX_UNIT],
        one_line(str(result.get("message", ""))),
        _measurements(result.get("measurements", {})),
    )


def _finite(value: Any) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def _measurements(found: Any) -> tuple[Measurement, ...]:
    if not isinstance(found, Mapping) or len(found) > _MAX_MEASUREMENTS:
        raise TypeError(f"measurements must be a mapping of at most {_MAX_MEASUREMENTS} names")
    for name in found:
        if not isinstance(name, str) or not _MEASUREMENT.fullmatch(name):
            raise TypeError("a measurement's name is letters, digits and _, at most 64 of them")
    numbers = {name: _finite(value) for name, value in found.items()}
    return tuple(
        Measurement(name, value, "") for name, value in numbers.items() if value is not None
    )
