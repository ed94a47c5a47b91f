"""Health checks, and what the collector says of its own intake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from llmmon.protocol.snapshot import HealthView, IngestView, Snapshot
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, count, duration, number, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.channels import channel_severity, state_text, troubled, waited_text
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
CHECK_KEY: Final = "check:"
"""Start of the keys of the rows that are checks."""
_OWN: Final = "collector"
"""The name of the check that a collector makes of itself."""
_SECOND_NS: Final = 1_000_000_000
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def health_rows(picture: Picture) -> list[Row]:
    """Checks, the worst first, then the collector's ledger, which is only known of the present."""
    if picture.snapshot is None:
        return []
    checks = worst_first(picture.snapshot.health)
    rows = [row for one in checks for row in (_check(one, picture.at_ns), *_detail(one))]
    if picture.is_past:
        return rows
    return rows + _channels(picture.snapshot) + _ledger(picture.snapshot.ingest)


def health_text(picture: Picture) -> str:
    """For the panel's title: `4/5 ok`."""
    checks = () if picture.snapshot is None else picture.snapshot.health
    return f"{sum(one.status == 'ok' for one in checks)}/{len(checks)} ok" if checks else ""


def health_segments(picture: Picture) -> list[Segment]:
    """One line of all checks, the worst first: `● llm_api  ▲ disk 91%`."""
    if picture.snapshot is None:
        return []
    checks = picture.snapshot.health
    if not checks:
        return [Segment("no checks", "muted")]
    return [_segment(one, len(checks) - place) for place, one in enumerate(worst_first(checks))]


def worst_first(checks: Sequence[HealthView]) -> list[HealthView]:
    """The worst first; of equals the collector's check of itself comes last."""
    return sorted(checks, key=lambda one: (_ORDER[check_severity(one)], one.name == _OWN))


def _segment(check: HealthView, priority: int) -> Segment:
    severity = check_severity(check)
    glyph = "●" if severity is Severity.OK else severity.glyph
    value = "" if severity is Severity.OK else f" {_trouble(check)}"
    ink = "plain" if severity is Severity.OK else severity.ink
    return Segment(f"{glyph} {strip_controls(check.name)}{value}", ink, priority)


def check_severity(check: HealthView) -> Severity:
    """How bad a check is; a status that nobody knows is no success."""
    return STATUS.get(check.status, Severity.NO_DATA)


def _trouble(check: HealthView) -> str:
    """What it measured, else how it stands: how long it took tells no trouble."""
    return strip_controls(check.status) if check.value is None else figure(check.value, check.unit)


def _value(check: HealthView) -> str:
    return duration(check.took_ms) if check.value is None else figure(check.value, check.unit)


def figure(value: float, unit: str) -> str:
    """A measurement with its unit: `61%`, `12 ms`."""
    unit = strip_controls(unit)
    return number(value) + (f" {unit}" if unit[:1].isalpha() else unit)


def _told(check: HealthView) -> str:
    """`91% degraded`, `40ms slow`: the figure first, as a narrow column cuts the end.

    The sign before the row tells the status where a word on how it runs takes its place.
    """
    value = _value(check)
    words = [word for word, holds in (("flapping", check.flapping), ("slow", check.slow)) if holds]
    status = strip_controls(check.status)
    if words:
        shown = [] if check_severity(check).breaching else [status]
        status = ", ".join([*shown, *words])
    return status if value == MISSING else f"{value} {status}"


def _detail(check: HealthView) -> list[Row]:
    """Why a check is not well, and what else it measured, unless all is well and nothing.

    What the collector measures of itself is of interest where something is wrong.
    """
    is_well = check_severity(check) is Severity.OK
    message = "" if is_well else strip_controls(check.message)
    own = check.type == "internal"
    is_told = not is_well or (not own and any(one.value for one in check.measurements))
    measured = [
        f"{strip_controls(one.name)} {figure(one.value, one.unit)}"
        for one in check.measurements
        if is_told
    ]
    text = ", ".join(filter(None, [message, *measured]))
    if not text:
        return []
    return [Row(f"detail:{check.name}", (Cell(text, ink="muted", spans=True),))]


def _check(check: HealthView, now_ns: int) -> Row:
    severity = check_severity(check)
    ink = "muted" if severity is Severity.NO_DATA else severity.ink
    cells = (
        strip_controls(check.name),
        Cell(_told(check), ink=ink),
        Cell(age((now_ns - check.since_ns) / _SECOND_NS), ink="muted"),
    )
    return Row(CHECK_KEY + check.name, cells, severity)


def _channels(snapshot: Snapshot) -> list[Row]:
    """Channels that fail or lag: an alert that nobody hears of is none."""
    return [
        Row(
            f"channel:{one.name}",
            (
                f"channel {strip_controls(one.name)}",
                Cell(state_text(one, snapshot.at_ns), ink=severity.ink),
                Cell(waited_text(one, snapshot.at_ns), ink="muted"),
            ),
            severity,
        )
        for one in troubled(snapshot)
        if (severity := channel_severity(one, snapshot.at_ns))
    ]


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
