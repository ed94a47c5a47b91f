"""The Health screen: checks with what they measure, their past, and one line on all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import HealthView
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import check_subject, parse_filter
from llmmon_tui.formatting import MISSING, age, count, duration, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.channels import troubled
from llmmon_tui.panels.checkdetail import check_lines
from llmmon_tui.panels.health import CHECK_KEY, STATUS, check_severity, figure, worst_first
from llmmon_tui.panels.healthquestions import RUNS, StatusChange
from llmmon_tui.panels.pastnotes import past_notes
from llmmon_tui.panels.prose import heading, wrap
from llmmon_tui.panels.values import moment_text
from llmmon_tui.severity import Severity

COLUMNS: Final = (
    Column("name", "check", 12, flex=True),
    Column("status", "status", 9),
    Column("value", "value", 12, "right"),
    Column("since", "since", 5, "right"),
    Column("took", "took", 6, "right", 50),
    Column("marks", "note", 14, min_width=66),
    Column("message", "message", 40, min_width=100),
)
_UNKNOWN: Final = "not known of that time"
_WAITING: Final = "asking the collector …"
_SECOND_NS: Final = 1_000_000_000


def shown_checks(picture: Picture) -> list[HealthView]:
    """Those that pass the filter, the worst first."""
    checks = () if picture.snapshot is None else picture.snapshot.health
    terms = parse_filter(picture.view.filter)
    now_ns = picture.at_ns
    return [one for one in worst_first(checks) if check_subject(one, now_ns).passes(terms)]


def check_rows(picture: Picture) -> list[Row]:
    """Rows of `COLUMNS`."""
    return [_row(one, picture.at_ns) for one in shown_checks(picture)]


def empty_text(picture: Picture) -> str:
    """What a table without checks says."""
    if picture.snapshot is None:
        return f"connecting to {picture.address}"
    if picture.snapshot.health:
        return f"nothing passes the filter /{picture.view.filter}"
    if picture.is_past:
        return _UNKNOWN
    return "no checks are configured"


def verdict(picture: Picture) -> list[Segment]:
    """`all 6 checks ok`, `1 of 6 failing, 1 degraded`; channels and losses beside it."""
    snapshot = picture.snapshot
    if snapshot is None:
        return [Segment("— not known yet", "muted")]
    if picture.is_past:
        # channels and losses are only known of the present
        notes = [Segment(one, "muted", 3) for one in past_notes(picture)]
        if not snapshot.health:
            return [Segment(f"checks are {_UNKNOWN}", "muted", 9), *notes]
        return [_checks(snapshot.health), *notes]
    bad_channels, channels = len(troubled(snapshot)), len(snapshot.channels)
    told = f"{bad_channels} of {channels} channels in trouble"
    calm = f"{channels} {'channel delivers' if channels == 1 else 'channels deliver'}"
    lost = sum(snapshot.ingest.events_lost.values())
    return [
        _checks(snapshot.health),
        Segment(told, "warning", 8)
        if bad_channels
        else Segment(calm if channels else "no channels", "muted", 3),
        Segment(f"{count(lost)} events lost", "warning", 7)
        if lost
        else Segment("no event lost", "muted", 2),
        *(Segment(f"✖ {strip_controls(one)}", "critical", 8) for one in snapshot.problems),
    ]


def detail_lines(picture: Picture, check: HealthView | None, width: int) -> list[Line]:
    """All of a check, and when it came to which status."""
    if check is None:
        return wrap("no check under the cursor", "muted", width)
    lines = [*check_lines(check, picture.at_ns, width), *wrap("", "plain", width)]
    answer = picture.answer(RUNS)
    if answer.value is None:
        return [*lines, *wrap(answer.error or _WAITING, "muted", width)]
    changes: Sequence[StatusChange] = answer.value
    if not changes:
        return [*lines, *wrap("its status has not changed yet", "muted", width)]
    return [*lines, heading("status", width), *(_change(one, picture, width) for one in changes)]


def _checks(checks: Sequence[HealthView]) -> Segment:
    if not checks:
        return Segment("no checks", "muted", 9)
    counts = Counter(check_severity(one) for one in checks)
    if counts[Severity.OK] == len(checks):
        return Segment(f"✓ all {len(checks)} checks ok", "ok", 9)
    words = {
        Severity.CRITICAL: "failing",
        Severity.WARNING: "degraded",
        Severity.NO_DATA: "unknown",
    }
    worst, *others = [severity for severity in words if counts[severity]]
    rest = "".join(f", {counts[one]} {words[one]}" for one in others)
    text = f"{worst.glyph} {counts[worst]} of {len(checks)} {words[worst]}{rest}"
    return Segment(text, worst.ink, 9)


def _row(check: HealthView, now_ns: int) -> Row:
    severity = check_severity(check)
    ink = "muted" if severity is Severity.NO_DATA else severity.ink
    status = strip_controls(check.status)
    cells = (
        strip_controls(check.name),
        Cell(f"● {status}" if severity is Severity.OK else status, ink=ink),
        MISSING if check.value is None else figure(check.value, check.unit),
        Cell(age((now_ns - check.since_ns) / _SECOND_NS), ink="muted"),
        Cell(duration(check.took_ms), Severity.WARNING if check.slow else Severity.OK),
        Cell(_marks(check), ink="accent" if check.flapping else "muted"),
        Cell(_message(check), ink="muted" if severity is Severity.OK else ""),
    )
    return Row(CHECK_KEY + check.name, cells, severity)


def _marks(check: HealthView) -> str:
    """How it runs; that all fails with it is only of interest while it is not well."""
    is_grave = check.critical and check_severity(check) is not Severity.OK
    words = (("flapping", check.flapping), ("slow", check.slow), ("critical part", is_grave))
    return ", ".join(word for word, holds in words if holds)


def _message(check: HealthView) -> str:
    """What it says, else what it measured."""
    measured = (
        f"{strip_controls(one.name)} {figure(one.value, one.unit)}" for one in check.measurements
    )
    return strip_controls(check.message) or ", ".join(measured)


def _change(change: StatusChange, picture: Picture, width: int) -> Line:
    severity = STATUS.get(change.status, Severity.NO_DATA)
    return fit_line(
        [
            (f"{moment_text(change.time_ns, picture.at_ns)} ", "muted"),
            (f"{severity.glyph} {strip_controls(change.status)}", severity.ink),
            (f"  {strip_controls(change.message)}", "plain"),
        ],
        width,
    )
