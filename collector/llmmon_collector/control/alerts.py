"""What the control socket can be asked about alerts: hands on them, silences, their history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from llmmon.errors import ControlError
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.alerts.silence import Silence, SilenceOrder
from llmmon_collector.control.server import Method

MAX_SILENCE_S: Final = 30 * 86_400.0
_MAX_TRANSITIONS: Final = 1000

Text = Annotated[str, Field(max_length=256)]
Instant = Annotated[int, Field(ge=0, lt=2**62)]
"""Nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """What the methods need of alerting, each as narrow as it can be."""

    acknowledge: Callable[[str, str, str], None]
    """Alert id, by whom, note. Raises KeyError: no such alert."""
    silence: Callable[[SilenceOrder], str]
    """Returns an id. Raises ValueError: it may not be."""
    end_silence: Callable[[str], None]
    """Raises KeyError: no such silence."""
    silences: Callable[[], Sequence[Silence]]
    transitions: Callable[[int | None, int], Sequence[tuple[int, AlertRow]]]
    """The next so many after a number, or the newest; oldest first."""
    wall_ns: Callable[[], int]


class AlertMethods:
    """The methods, by the names that requests use."""

    def __init__(self, desk: AlertDesk) -> None:
        self._desk = desk

    def table(self) -> Mapping[str, Method]:
        """Every method; whoever takes them has their parameters checked."""
        return {
            "acknowledge": self._acknowledge,
            "silence": self._silence,
            "silences": self._silences,
            "end_silence": self._end_silence,
            "transitions": self._transitions,
        }

    async def _acknowledge(
        self, *, alert_id: Text, by: Text = "", note: Text = ""
    ) -> dict[str, Any]:
        try:
            self._desk.acknowledge(alert_id, by, note)
        except KeyError:
            raise ControlError("not_found", f"no active alert {alert_id!r}") from None
        return {}

    async def _silence(
        self,
        *,
        matchers: Annotated[dict[Text, Text], Field(min_length=1, max_length=8)],
        duration_s: Annotated[float, Field(gt=0, le=MAX_SILENCE_S)],
        delay_s: Annotated[float, Field(ge=0, le=MAX_SILENCE_S)] = 0.0,
        starts_ns: Instant | None = None,
        by: Text = "",
        comment: Text = "",
    ) -> dict[str, Any]:
        if delay_s and starts_ns is None:
            starts_ns = self._desk.wall_ns() + round(delay_s * 1e9)
        try:
            order = SilenceOrder(matchers, duration_s, by, comment, starts_ns)
            return {"id": self._desk.silence(order)}
        except ValueError as error:
            raise ControlError("bad_request", str(error)) from None

    async def _silences(self) -> list[dict[str, Any]]:
        now_ns = self._desk.wall_ns()
        return [
            {**asdict(silence), "state": _state(silence, now_ns)}
            for silence in self._desk.silences()
        ]

    async def _end_silence(self, *, id: Text, by: Text = "") -> dict[str, Any]:
        try:
            self._desk.end_silence(id)
        except KeyError:
            raise ControlError("not_found", f"no silence {id!r}") from None
        return {}

    async def _transitions(
        self,
        *,
        after_seq: Annotated[int, Field(ge=0, lt=2**62)] | None = None,
        limit: Annotated[int, Field(ge=1, le=_MAX_TRANSITIONS)] = 100,
    ) -> list[dict[str, Any]]:
        rows = self._desk.transitions(after_seq, limit)
        return [{"seq": seq, **row._asdict()} for seq, row in rows]


def _state(silence: Silence, now_ns: int) -> str:
    if now_ns < silence.starts_ns:
        return "pending"
    return "active" if now_ns < silence.ends_ns else "expired"
