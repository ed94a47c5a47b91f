"""Silences: read from the collector, listed, and how long they may last."""

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import AT_NS, alert

from llmmon.errors import SchemaError
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.panels.muting import muting_lines, spans
from llmmon_tui.panels.silences import parse_silences, silence_rows

HOUR_NS = 3600 * 10**9


def silence(id_, ends_ns, **changes):
    fields = {
        "id": id_,
        "matchers": {"rule": "high_latency", "model": "gpt-4*"},
        "starts_ns": AT_NS - HOUR_NS,
        "ends_ns": ends_ns,
        "by": "anna",
        "comment": "deploy",
    }
    return fields | changes


def test_those_in_force_and_to_come_the_first_to_end_at_the_top():
    told = [
        silence("late", AT_NS + 30 * HOUR_NS),
        silence("soon", AT_NS + HOUR_NS, starts_ns=AT_NS + HOUR_NS // 2, matchers={"model": "x"}),
        silence("over", AT_NS - 1),
    ]
    rows = silence_rows(parse_silences(told), AT_NS)
    assert [row.key for row in rows] == ["soon", "late"]
    texts = [[cell_text(cell) for cell in row.cells] for row in rows]
    assert texts[0][:2] == ["every rule model=x", "in 30m"]
    assert texts[1] == [
        "high_latency model=gpt-4*",
        "30h",
        "anna",
        "deploy",
        "until Wed 12:00 (30h)",
    ]


@pytest.mark.parametrize("told", [None, {}, "x"])
def test_another_shape_is_an_error(told):
    with pytest.raises(SchemaError, match="silences: expected a list"):
        parse_silences(told)


@given(
    st.lists(
        st.none()
        | st.dictionaries(
            st.sampled_from(["id", "matchers", "starts_ns", "ends_ns", "by", "comment"]),
            st.none()
            | st.integers(-(2**62), 2**62)
            | st.text(max_size=9)
            | st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
        )
    )
)
def test_any_row_can_come(told):
    rows = silence_rows(parse_silences(told), AT_NS)
    assert len(rows) <= sum(isinstance(row, dict) and bool(row.get("id")) for row in told)


def local(*parts):
    return int(datetime(*parts).astimezone().timestamp() * 1e9)


def test_at_night_the_next_morning_is_this_one():
    offered = spans(local(2026, 11, 24, 3, 0))
    assert [(one.name, one.duration_s / 3600) for one in offered] == [
        ("1 hour", 1),
        ("4 hours", 4),
        ("this morning", 6),
        ("tomorrow", 30),
    ]


def test_by_day_the_next_morning_is_tomorrow():
    offered = spans(local(2026, 11, 24, 14, 30))
    assert [one.name for one in offered] == ["1 hour", "4 hours", "tomorrow"]
    assert offered[-1].duration_s == 18.5 * 3600


def test_a_morning_after_the_clocks_change_is_still_at_nine(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    offered = spans(local(2026, 10, 24, 20, 0))
    assert offered[-1].duration_s == 14 * 3600


@given(st.integers(1, 120), st.integers(0, 3), st.integers(0, 2**61))
def test_what_is_asked_fits_any_width(width, chosen, now_ns):
    lines = muting_lines(alert(), spans(now_ns), chosen, now_ns, width)
    assert {line_width(line) for line in lines} == {width}


def test_what_is_asked():
    lines = [line_text(line).rstrip() for line in muting_lines(alert(), spans(AT_NS), 1, AT_NS, 50)]
    assert lines[0] == "⊘ high_error_rate  openai/gpt-4o"
    assert "  1 hour       until 07:00 (1h)" in lines
    assert "▸ 4 hours      until 10:00 (4h)" in lines
    assert "  tomorrow     until Wed 09:00 (27h)" in lines
