"""What one run of a check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from llmmon_collector.scrub import scrub

Status = Literal["ok", "degraded", "failing", "unknown"]
STATUSES: Final[tuple[Status, ...]] = ("ok", "degraded", "failing", "unknown")
_MAX_MESSAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run's word, before debouncing."""

    status: Status
    value: float | None = None
    unit: str = ""
    message: str = ""


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
    ``unit`` and ``message``.

    Raises:
        TypeError: anything else.
    """
    match result:
        case Outcome():
            return result
        case bool():
            return Outcome("ok" if result else "failing")
        case (bool() as fine, str() as message):
            return Outcome("ok" if fine else "failing", message=_one_line(message))
        case Mapping():
            return _from_mapping(result)
    raise TypeError(
        f"the check returned {type(result).__name__}: expected bool, (bool, message) or a mapping"
    )


def describe_error(error: BaseException) -> str:
    """The error's type and its message with secrets masked, on one line."""
    message = _one_line(scrub(str(error)))
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _from_mapping(result: Mapping[Any, Any]) -> Outcome:
    status = result.get("status")
    if status is None and isinstance(result.get("ok"), bool):
        status = "ok" if result["ok"] else "failing"
    if status not in STATUSES:
        raise TypeError(f"the check's status must be one of {', '.join(STATUSES)}")
    value = result.get("value")
    return Outcome(
        status,
        None if value is None else float(value),
        str(result.get("unit", "")),
        _one_line(str(result.get("message", ""))),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MAX_MESSAGE]
