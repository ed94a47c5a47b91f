"""Channels: whether people are told, and what of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import ChannelView, Snapshot
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.table import GUTTER, Cell, Column, Row, header_line, lay_out, row_line
from llmmon_tui.formatting import MISSING, age, clean, count, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.prose import heading, wrap
from llmmon_tui.severity import Severity

COLUMNS: Final = (
    Column("name", "channel", 10, flex=True),
    Column("state", "state", 14),
    Column("waiting", "wait", 5, "right"),
    Column("sent", "last sent", 9, "right"),
    Column("lost", "lost", 5, "right"),
    Column("type", "type", 12),
    Column("oldest", "oldest", 6, "right"),
    Column("count", "sent", 5, "right"),
)
FAILS_FROM: Final = 3
"""Failed attempts in a row that are more than a hiccup."""
_LATE_S: Final = 120
"""A delivery that has waited so long is told: grouping alone does not take that long."""
_SECOND_NS: Final = 1_000_000_000
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}
_NONE: Final = """No channels: nobody is told of an alert. Add one to the collector's configuration:

  [channels.team]
  type = "slack"
  url = "env:SLACK_WEBHOOK_URL\""""


def channel_severity(channel: ChannelView, now_ns: int) -> Severity:
    """Critical when it has failed several times in a row, a warning after one or when it lags."""
    if channel.failing_attempts >= FAILS_FROM:
        return Severity.CRITICAL
    waited_s = _waited_s(channel, now_ns)
    is_late = waited_s is not None and waited_s > _LATE_S
    return Severity.WARNING if channel.failing_attempts or is_late else Severity.OK


def troubled(snapshot: Snapshot) -> list[ChannelView]:
    """The channels that fail or lag, the worst first."""
    ranked = _worst_first(snapshot.channels, snapshot.at_ns)
    return [one for one in ranked if channel_severity(one, snapshot.at_ns).breaching]


def trouble_text(channel: ChannelView, now_ns: int) -> str:
    """`channel slack fails, 3 waiting 5m10s`."""
    verb = "fails" if channel.failing_attempts else "lags"
    waited = waited_text(channel, now_ns)
    waiting = f", {count(channel.waiting)} waiting {waited}" if channel.waiting else ""
    return f"channel {clean(channel.name)} {verb}{waiting}"


def state_text(channel: ChannelView, now_ns: int) -> str:
    """`ok`, `failing 6 times`, `lagging`."""
    if channel.failing_attempts:
        return f"failing {count(channel.failing_attempts)} ×"
    return "lagging" if channel_severity(channel, now_ns).breaching else "ok"


def waited_text(channel: ChannelView, now_ns: int) -> str:
    """How long the oldest delivery has waited; `—` where none waits."""
    return age(_waited_s(channel, now_ns)) if channel.waiting else MISSING


def channel_lines(picture: Picture, width: int) -> list[Line]:
    """A title and every channel."""
    count_text = trouble_count(picture)
    title = [heading(f"channels  {count_text}", width)] if count_text else []
    return [*title, *channel_body(picture, width)]


def trouble_count(picture: Picture) -> str:
    """`1 of 3 in trouble`; empty where there are none, or none is known."""
    channels = () if picture.live is None else picture.live.channels
    if picture.live is None or not channels:
        return ""
    return f"{len(troubled(picture.live))} of {len(channels)} in trouble"


def channel_body(picture: Picture, width: int) -> list[Line]:
    """Every channel with what waits, what was lost and its last error, the worst first."""
    snapshot = picture.live
    if snapshot is None:
        return wrap("not known yet: no collector has answered", "muted", width)
    if not snapshot.channels:
        return wrap(_NONE, "muted", width)
    layout = lay_out(COLUMNS, width)
    lines = [header_line(layout, None, True)]
    for one in _worst_first(snapshot.channels, snapshot.at_ns):
        lines.append(row_line(channel_row(one, snapshot.at_ns), layout, False))
        lines += _error(one, width)
    return lines


def channel_row(channel: ChannelView, now_ns: int) -> Row:
    """One channel as a row of `COLUMNS`."""
    severity = channel_severity(channel, now_ns)
    lost = channel.failed + channel.given_up
    sent_ns = channel.last_sent_ns
    cells = (
        strip_controls(channel.name),
        Cell(state_text(channel, now_ns), ink=severity.ink),
        count(channel.waiting),
        Cell("never" if sent_ns is None else f"{age((now_ns - sent_ns) / _SECOND_NS)} ago"),
        Cell(count(lost), Severity.WARNING if lost else Severity.OK),
        Cell(strip_controls(channel.type), ink="muted"),
        Cell(waited_text(channel, now_ns), ink="muted"),
        Cell(count(channel.sent), ink="muted"),
    )
    return Row(f"channel:{channel.name}", cells, severity)


def _error(channel: ChannelView, width: int) -> list[Line]:
    if not channel.last_error:
        return []
    indent = " " * (GUTTER + 1)
    wrapped = wrap(channel.last_error, "warning", max(1, width - len(indent)))
    return [fit_line([(indent, "plain"), *line], width) for line in wrapped]


def _waited_s(channel: ChannelView, now_ns: int) -> float | None:
    if channel.oldest_ns is None:
        return None
    return max(0, now_ns - channel.oldest_ns) / _SECOND_NS


def _worst_first(channels: Sequence[ChannelView], now_ns: int) -> list[ChannelView]:
    return sorted(channels, key=lambda one: _ORDER[channel_severity(one, now_ns)])
