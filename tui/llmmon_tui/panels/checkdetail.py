"""One health check, told in full."""

from __future__ import annotations

from llmmon.protocol.snapshot import HealthView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.formatting import MISSING, age, duration
from llmmon_tui.model import Picture
from llmmon_tui.panels.health import CHECK_KEY, check_severity, figure
from llmmon_tui.panels.prose import fact, heading, wrap

_SECOND_NS = 1_000_000_000


def find_check(picture: Picture, key: str) -> HealthView | None:
    """The check whose row has this key; None for a fact of the collector, or one that has gone."""
    checks = () if picture.snapshot is None else picture.snapshot.health
    return next((one for one in checks if key == CHECK_KEY + one.name), None)


def check_lines(check: HealthView, now_ns: int, width: int) -> list[Line]:
    """Everything that the collector tells of a check, in lines of `width` cells."""
    severity = check_severity(check)
    lines = wrap(f"{severity.glyph} {check.status} {check.name}", severity.ink, width)
    lines += wrap(check.message, "plain", width) if check.message else []
    lines += wrap("", "plain", width)
    facts = {
        "type": check.type,
        "since": age((now_ns - check.since_ns) / _SECOND_NS),
        "last run": _ago(check.checked_ns, now_ns),
        "took": duration(check.took_ms),
        "value": figure(check.value, check.unit) if check.value is not None else "",
        "flapping": "goes from good to bad and back again" if check.flapping else "",
        "slow": "takes over half of its time-out" if check.slow else "",
        "critical": "the whole fails with it" if check.critical else "",
    }
    for name, value in facts.items():
        lines += fact(name, value, width)
    if check.measurements:
        lines += [*wrap("", "plain", width), heading("measured", width)]
    for one in check.measurements:
        lines += fact(one.name, figure(one.value, one.unit), width, name_width=_name_width(check))
    return lines


def _name_width(check: HealthView) -> int:
    return max(15, *(min(32, len(one.name) + 2) for one in check.measurements))


def _ago(at_ns: int | None, now_ns: int) -> str:
    return MISSING if at_ns is None else f"{age((now_ns - at_ns) / _SECOND_NS)} ago"
