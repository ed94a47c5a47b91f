"""Channels: in trouble or not, and the sheet of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import picture_of
from support.snapshots import AT_NS, busy_snapshot, channel, failing_channel

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.panels.channels import channel_lines, channel_severity, troubled
from llmmon_tui.severity import Severity

SECOND = 10**9


def sheet(width, *channels):
    lines = channel_lines(picture_of(busy_snapshot(channels=channels)), width)
    return [line_text(line).rstrip() for line in lines]


def squeezed(line):
    return " ".join(line.split())


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, Severity.OK),
        ({"waiting": 2, "oldest_ns": AT_NS - 60 * SECOND}, Severity.OK),
        ({"waiting": 2, "oldest_ns": AT_NS - 130 * SECOND}, Severity.WARNING),
        ({"failing_attempts": 1}, Severity.WARNING),
        ({"failing_attempts": 3}, Severity.CRITICAL),
        ({"failed": 4}, Severity.OK),
    ],
)
def test_how_bad(changes, severity):
    assert channel_severity(channel("slack", **changes), AT_NS) is severity


def test_the_sheet_has_what_waits_and_the_last_error():
    lines = sheet(
        100,
        channel("mail", given_up=3, last_error="550 no such user", last_sent_ns=None),
        channel("late", waiting=1, oldest_ns=AT_NS - 300 * SECOND),
        failing_channel(),
    )
    assert lines[0].startswith("channels  2 of 3 in trouble")
    assert squeezed(lines[2]) == "✖ slack failing 6 × 3 3m12s ago 0 slack 5m10s 12"
    assert lines[3].strip() == "HTTP 503 Service Unavailable from hooks.example"
    assert squeezed(lines[4]) == "▲ late lagging 1 3m12s ago 0 late 5m00s 12"
    assert squeezed(lines[5]) == "mail ok 0 never ▲3 mail — 12"
    assert lines[6].strip() == "550 no such user"


def test_the_error_is_told_in_full_on_a_narrow_screen():
    text = " ".join("\n".join(sheet(36, failing_channel())).split())
    assert "HTTP 503 Service Unavailable from hooks.example" in text


def test_without_channels_it_says_that_nobody_is_told():
    text = "\n".join(sheet(60))
    assert "nobody is told" in text
    assert "[channels.team]" in text
    assert "not known" in line_text(channel_lines(picture_of(None), 60)[0])


def test_the_worst_first():
    snapshot = busy_snapshot(channels=(channel("a"), channel("b", failing_attempts=1)))
    assert [one.name for one in troubled(snapshot)] == ["b"]


@given(st.text(max_size=30), st.text(max_size=80), st.integers(1, 120))
def test_any_channel_fits_any_width(name, error, width):
    shown = busy_snapshot(channels=(failing_channel(name, last_error=error),))
    picture = picture_of(shown, rows=False)
    assert {line_width(line) for line in channel_lines(picture, width)} == {width}
