"""The history of alerts, and why a rule fires."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import AT_NS, alert
from support.viewer_data import explanation, transitions

from llmmon.errors import SchemaError
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.panels.alertdetail import stamp
from llmmon_tui.panels.changes import alert_history_lines, history_lines, parse_changes
from llmmon_tui.panels.explanation import explanation_lines, parse_explanation


def texts(lines):
    return [line_text(line).rstrip() for line in lines]


def history(width=100, **changes):
    told = [row | changes for row in transitions({})]
    return texts(history_lines(parse_changes(told), AT_NS, width))


def why(width=80, **changes):
    told = explanation({"name": "high_error_rate"}) | changes
    return texts(explanation_lines(parse_explanation(told), width))


def only_group(**changes):
    return [explanation({"name": "x"})["groups"][0] | changes]


def test_all_changes_the_newest_first_under_their_days():
    assert history() == [
        "05:59:30 ✖ no longer inhibited  high_error_rate openai/gpt-4o",
        "05:58:30 ↳ inhibited  high_error_rate openai/gpt-4o  by provider_down",
        "05:56:48 ✖ escalated  high_error_rate openai/gpt-4o  7.2%, limit 5%",
        "05:53:20 ▲ fired  high_error_rate openai/gpt-4o  7.2%, limit 5%",
        "04:36:40 ↺ resolved  high_error_rate openai/gpt-4o",
        "04:03:20 ✓ acknowledged  high_error_rate openai/gpt-4o  by anna",
        "04:00:00 ▲ fired  high_error_rate openai/gpt-4o  7.2%, limit 5%",
        "Mon 23 Nov 2026 " + "─" * 84,
        "07:13:20 ↺ resolved  cost_spike",
        "06:06:40 ✖ fired  cost_spike  7.2%, limit 5%",
    ]


def test_the_changes_of_one_alert_do_not_repeat_its_name():
    mine = [one for one in parse_changes(transitions({})) if one.rule == "cost_spike"]
    assert texts(alert_history_lines(mine, AT_NS, 60))[3:] == [
        "07:13:20 ↺ resolved",
        "06:06:40 ✖ fired  7.2%, limit 5%",
    ]
    assert alert_history_lines([], AT_NS, 60) == []


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("deescalated", "back to a warning"),
        ("silenced", "⊘ silenced"),
        ("unsilenced", "no longer silenced"),
        ("flapping", "flapping: no longer told each time"),
        ("calm", "no longer flapping"),
        ("rule_removed", "↺ ended: its rule was removed"),
        ("something_new", "something_new"),
    ],
)
def test_reasons_in_words(reason, text):
    assert text in history(reason=reason)[0]


def test_a_change_of_a_check_has_no_figure():
    assert "limit" not in "".join(history(metric="check_failing", reason="firing"))
    assert "—" not in "".join(history(value=None, reason="firing"))


def test_without_a_change_it_says_so():
    assert texts(history_lines([], AT_NS, 60)) == ["nothing has fired yet"]


@pytest.mark.parametrize("told", [None, {}, "x"])
def test_another_shape_is_an_error(told):
    with pytest.raises(SchemaError, match="transitions"):
        parse_changes(told)
    with pytest.raises(SchemaError, match="explain"):
        parse_explanation(told)


plain = (
    st.none() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=12) | st.booleans()
)
plains = st.recursive(plain, lambda inner: st.lists(inner, max_size=2), max_leaves=4)


@given(
    st.lists(
        plain | st.fixed_dictionaries({}, optional=dict.fromkeys(transitions({})[0], plains)),
        max_size=4,
    ),
    st.integers(1, 100),
)
def test_any_row_can_come(told, width):
    changes = parse_changes(told)
    lines = history_lines(changes, AT_NS, width) + alert_history_lines(changes, AT_NS, width)
    assert {line_width(line) for line in lines} == {width}


def test_each_change_of_an_alert_has_another_history():
    views = [
        alert(),
        alert(severity="warning"),
        alert(state="resolved"),
        alert(acknowledged_by="ops"),
        alert(silenced_until_ns=AT_NS),
        alert(inhibited_by="x"),
        alert(flapping=True),
    ]
    assert len({stamp(one) for one in [*views, None]}) == 8
    assert stamp(alert(value=0.08)) == stamp(alert())


def test_why_it_fires():
    assert why() == [
        "high_error_rate",
        "error_rate over 5m by provider, model",
        "",
        "openai/gpt-4o  firing " + "─" * 58,
        "error_rate is above 5 % and has been for 1m",
        "requests       1.2k (20 needed)",
        "error_rate     7.2%",
        "✖ critical     above 5% until 4%: firing, beyond it for 4m12s",
        "slack          told critical 1s ago",
        "pager          not told",
    ]


def test_how_far_it_is_from_firing():
    [limit] = only_group()[0]["limits"]
    pending = limit | {"state": "pending", "breached_s": 40.0, "severity": "warning"}
    inactive = limit | {"state": "inactive", "breached_s": None, "clear": None}
    lines = why(groups=only_group(state="pending", limits=[pending, inactive], told=[]))
    assert "▲ warning      above 5% until 4%: pending, beyond it for 40s of 1m00s" in lines
    assert "✖ critical     above 5%: inactive, after 1m00s beyond it" in lines
    assert not any("told" in line for line in lines)


def test_an_alert_that_nobody_was_told_of():
    assert "channels       nobody was told" in why(groups=only_group(told=[]))
    told = [{"channel": "slack", "open": False, "at_ns": AT_NS - 60 * 10**9}]
    assert "slack          told that it is over 1m00s ago" in why(groups=only_group(told=told))


def test_a_rule_on_something_else_than_requests():
    lines = why(family="slos", value="slo_page", where='slo == "chat"')
    assert lines[1] == 'slo_page of slos where slo == "chat"'
    assert not any(line.startswith("requests") for line in lines)


def test_what_holds_it_and_what_has_no_room():
    lines = why(error="no such check", hold=True, groups_total=9, groups=only_group() * 7)
    assert "no such check" in lines
    assert "held: the windows still fill after a start" in lines
    assert lines[-1] == "+4 groups, none worse"


@given(
    st.fixed_dictionaries(
        {
            "groups": st.lists(
                plain | st.dictionaries(st.sampled_from(sorted(only_group()[0])), plains)
            )
        },
        optional=dict.fromkeys(
            ["rule", "family", "value", "by", "window_s", "at_ns", "error", "groups_total"], plains
        ),
    ),
    st.integers(1, 100),
)
def test_any_explanation_can_come(told, width):
    lines = explanation_lines(parse_explanation(told), width)
    assert {line_width(line) for line in lines} == {width}
