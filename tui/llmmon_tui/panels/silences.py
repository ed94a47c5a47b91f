"""Silences as the collector tells them: what is silenced, until when, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon_tui import fields
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, strip_controls
from llmmon_tui.panels.values import until_text

COLUMNS: Final = (
    Column("what", "silenced", 14, flex=True),
    Column("left", "left", 7, "right"),
    Column("by", "by", 8),
    Column("comment", "why", 28, min_width=74),
    Column("until", "until", 24, min_width=100),
)
_SECOND_NS: Final = 1_000_000_000


class Silence(NamedTuple):
    """One silence; None where it was not told."""

    id: str
    matchers: Mapping[str, str]
    starts_ns: int | None
    ends_ns: int | None
    by: str | None
    comment: str | None

    @property
    def name(self) -> str:
        """What it silences: `high_latency model=gpt-4*`."""
        rule = self.matchers.get("rule")
        rest = [f"{name}={value}" for name, value in self.matchers.items() if name != "rule"]
        return strip_controls(" ".join([rule or "every rule", *rest]))


def parse_silences(plain: Any) -> list[Silence]:
    """The silences of the collector's answer.

    Raises:
        SchemaError: not a list of silences.
    """
    if not isinstance(plain, list):
        raise SchemaError("silences: expected a list")
    return [one for row in plain if (one := _silence(row)) is not None]


def silence_rows(silences: Sequence[Silence], now_ns: int) -> list[Row]:
    """In force or to come, the one that ends first at the top; ended ones are left out."""
    known = [one for one in silences if one.ends_ns is None or one.ends_ns > now_ns]
    known.sort(key=lambda one: one.ends_ns or 0)
    return [_row(one, now_ns) for one in known]


def _row(silence: Silence, now_ns: int) -> Row:
    cells = (
        silence.name,
        _left(silence, now_ns),
        Cell(strip_controls(silence.by or MISSING), ink="muted"),
        Cell(strip_controls(silence.comment or ""), ink="muted"),
        Cell(until_text(silence.ends_ns, now_ns), ink="muted"),
    )
    return Row(silence.id, cells)


def _left(silence: Silence, now_ns: int) -> str:
    if silence.starts_ns is not None and silence.starts_ns > now_ns:
        return f"in {age((silence.starts_ns - now_ns) / _SECOND_NS)}"
    return MISSING if silence.ends_ns is None else age((silence.ends_ns - now_ns) / _SECOND_NS)


def _silence(plain: Any) -> Silence | None:
    id_ = fields.text(plain.get("id")) if isinstance(plain, dict) else None
    if id_ is None:
        return None
    matchers = plain.get("matchers")
    told = matchers.items() if isinstance(matchers, dict) else ()
    return Silence(
        id_,
        {str(name): str(value) for name, value in told},
        fields.whole(plain.get("starts_ns")),
        fields.whole(plain.get("ends_ns")),
        fields.text(plain.get("by")),
        fields.text(plain.get("comment")),
    )
