"""Health checks, and what the collector says of its own intake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmmon.protocol.snapshot import HealthView, IngestView
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, count, duration, number, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.severity import Severity

COLUMNS: Final = (
    Column("name", "check", 16),
    Column("value", "value", 12, "right", flex=True),
    Column("since", "since", 5, "right"),
)
STATUS: Final = {
    "ok": Severity.OK,
    "degraded": Severity.WARNING,
    "failing": Severity.CRITICAL,
    "unknown": Severity.NO_DATA,
}
_SECOND_NS: Final = 1_000_000_000
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def health_rows(picture: Picture) -> list[Row]:
    """Checks, the worst first, then the collector's ledger."""
    if picture.snapshot is None:
        return []
    checks = sorted(picture.snapshot.health, key=lambda one: _ORDER[_severity(one)])
    rows = [_check(one, picture.at_ns) for one in checks]
    return rows + _ledger(picture.snapshot.ingest)


def health_text(picture: Picture) -> str:
    """For the panel's title: `4/5 ok`."""
    checks = () if picture.snapshot is None else picture.snapshot.health
    return f"{sum(one.status == 'ok' for one in checks)}/{len(checks)} ok" if checks else ""


def health_segments(picture: Picture) -> list[Segment]:
    """One line of all checks, the worst first: `● llm_api  ▲ disk 91%`."""
    checks = () if picture.snapshot is None else picture.snapshot.health
    worst_first = sorted(checks, key=lambda one: _ORDER[_severity(one)])
    return [_segment(one, len(checks) - place) for place, one in enumerate(worst_first)]


def _segment(check: HealthView, priority: int) -> Segment:
    severity = _severity(check)
    glyph = "●" if severity is Severity.OK else severity.glyph
    value = "" if severity is Severity.OK else f" {_value(check)}"
    ink = "plain" if severity is Severity.OK else severity.ink
    return Segment(f"{glyph} {strip_controls(check.name)}{value}", ink, priority)


def _severity(check: HealthView) -> Severity:
    return STATUS.get(check.status, Severity.NO_DATA)


def _value(check: HealthView) -> str:
    if check.value is not None:
        unit = strip_controls(check.unit)
        return number(check.value) + (f" {unit}" if unit[:1].isalpha() else unit)
    return duration(check.took_ms)


def _told(check: HealthView) -> str:
    """`91% degraded`: the figure first, as a narrow column cuts the end."""
    value = _value(check)
    status = strip_controls(check.status)
    return status if value == MISSING else f"{value} {status}"


def _check(check: HealthView, now_ns: int) -> Row:
    severity = _severity(check)
    ink = "muted" if severity is Severity.NO_DATA else severity.ink
    cells = (
        strip_controls(check.name),
        Cell(_told(check), ink=ink),
        Cell(age((now_ns - check.since_ns) / _SECOND_NS), ink="muted"),
    )
    return Row(f"check:{check.name}", cells, severity)


_FACTS: Final[tuple[tuple[str, Callable[[IngestView], str]], ...]] = (
    ("agents heard of", lambda view: count(view.agents)),
    ("events stored", lambda view: count(view.events_stored)),
    ("events in flight", lambda view: count(view.events_in_flight)),
    ("series", lambda view: f"{view.series}/{view.series_limit}"),
    ("store behind", lambda view: age(view.fold_lag_s)),
)


def _ledger(ingest: IngestView) -> list[Row]:
    """Facts always; trouble only where there is some."""
    trouble = {
        **{f"lost: {reason}": number for reason, number in ingest.events_lost.items()},
        "agents gone": ingest.agents_gone,
        "batches throttled": ingest.batches_throttled,
        "rejected batches": ingest.rejected_batches,
        "repeats dropped": ingest.duplicates_dropped,
        "late for windows": ingest.late_events,
        "series folded": ingest.overflowed_series,
        "models unpriced": len(ingest.unpriced_models),
    }
    bad = [_fact(name, count(value), "warning") for name, value in trouble.items() if value]
    return bad + [_fact(name, tell(ingest), "muted") for name, tell in _FACTS]


def _fact(name: str, value: str, ink: str) -> Row:
    cells = (Cell(strip_controls(name), ink=ink), Cell(value, ink=ink), "")
    return Row(f"fact:{name}", cells)
