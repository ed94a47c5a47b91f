"""The side panel, the sheets and the printed picture."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, alert, busy_snapshot, check, empty_snapshot, failing_channel

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.operate import acknowledge, end_silence, mute
from llmmon_tui.panels.alertdetail import alert_lines
from llmmon_tui.panels.checkdetail import check_lines, find_check
from llmmon_tui.panels.plain import plain_lines
from llmmon_tui.panels.prose import fact, wrap
from llmmon_tui.panels.side import alert_blocks, tail_lines, visible_lines

SECOND = 10**9


def texts(lines):
    return [line_text(line).rstrip() for line in lines]


def test_what_shouts_takes_two_lines():
    handled = alert(id="c", rule="cost_spike", acknowledged_by="ops")
    snapshot = busy_snapshot(alerts=(*busy_snapshot().alerts, handled))
    blocks = alert_blocks(picture_of(snapshot), 40, "llmmon:1")
    assert [len(block.lines) for block in blocks] == [2, 2, 1]
    lines = texts(line for block in blocks for line in block.lines)
    assert lines == [
        " ✖ CRIT high_error_rate            3m12s",
        "   7.2% > 5%  openai/gpt-4o",
        "▸▲ WARN low_quality                  11m",
        "   0.66 < 0.7",
        " ✓ cost_spike  ack ops  openai/gp… 3m12s",
    ]


def test_the_newest_is_on_top_and_what_is_handled_below():
    def at(id_, fired_s_ago, **changes):
        return alert(id=id_, fired_ns=AT_NS - fired_s_ago * SECOND, **changes)

    alerts = (
        at("old", 900),
        at("over", 5, state="resolved", resolved_ns=AT_NS),
        at("taken", 10, acknowledged_by="ops"),
        at("new", 20, severity="warning"),
        at("silenced", 60, silenced_until_ns=AT_NS + SECOND),
    )
    blocks = alert_blocks(picture_of(busy_snapshot(alerts=alerts)), 40, None)
    assert [block.alert_id for block in blocks] == ["new", "old", "taken", "silenced", "over"]


def test_marks_stand_before_the_group():
    noted = alert(flapping=True, muted_until_ns=AT_NS + 3 * 3600 * SECOND)
    inhibited = alert(id="b", rule="high_latency", inhibited_by="critical_latency")
    blocks = alert_blocks(picture_of(busy_snapshot(alerts=(noted, inhibited))), 50, None)
    lines = texts(line for block in blocks for line in block.lines)
    assert lines[1] == "   7.2% > 5%  flapping, quiet 3h  openai/gpt-4o"
    assert lines[2].startswith(" ↳ high_latency  by critical_latency")


def test_the_cursor_is_always_in_view():
    many = tuple(alert(id=f"a{number}", since_ns=AT_NS - number) for number in range(20))
    blocks = alert_blocks(picture_of(busy_snapshot(alerts=many)), 40, "a13")
    assert len(visible_lines(blocks, "a13", 9)) == 9
    assert any(line[0][0] == "▸" for line in visible_lines(blocks, "a13", 9))
    assert visible_lines(blocks, None, 9)[0] == blocks[0].lines[0]
    assert visible_lines([], None, 9) == []


def test_the_tail_has_what_went_wrong_newest_last():
    resolved = alert(id="r", state="resolved", resolved_ns=AT_NS - SECOND)
    lines = texts(tail_lines(picture_of(busy_snapshot(alerts=(resolved,))), 40, 20))
    assert lines[0].startswith("05:56:48 ✖ CRIT high_error_rate")
    assert lines[-1].startswith("05:59:59 ↺ RESOLVED high_error_…")
    assert lines[-1].endswith("3m11s")
    assert any("429 Rate" in line for line in lines)
    assert not any(" ok" in line for line in lines)
    assert any("deepseek-chat  q 0.41" in line for line in lines)
    assert len(tail_lines(picture_of(busy_snapshot()), 40, 3)) == 3
    assert tail_lines(picture_of(busy_snapshot()), 40, 0) == []


def test_in_the_past_the_list_is_of_the_past_and_calm_is_told_from_not_knowing():
    model = model_of(busy_snapshot())
    model.travel(busy_snapshot(at_ns=AT_NS - 60 * SECOND, alerts=()), (), AT_NS)
    past = model.picture(AT_NS)
    assert alert_blocks(past, 40, None) == []
    assert texts(tail_lines(past, 40, 5)) == ["         nothing went wrong yet"]
    assert tail_lines(picture_of(None, rows=False), 40, 5) == []


@given(st.integers(1, 60))
def test_side_lines_have_the_exact_width(width):
    picture = picture_of(busy_snapshot())
    lines = [line for block in alert_blocks(picture, width, None) for line in block.lines]
    assert {line_width(line) for line in [*lines, *tail_lines(picture, width, 20)]} == {width}


def test_an_alert_in_full():
    lines = texts(alert_lines(alert(runbook="https://runbook"), AT_NS, 60))
    assert lines[0] == "✖ CRIT high_error_rate"
    for part in ("7.2% > 5%", "9.1%", "firing for 3m12s", "05:56:48", "https://runbook", "gpt-4o"):
        assert any(part in line for line in lines)
    assert not any("resolved" in line for line in lines)


def test_an_alert_tells_why_people_are_not_told():
    handled = alert(
        acknowledged_by="ops",
        silenced_until_ns=AT_NS + 3480 * SECOND,
        inhibited_by="critical_latency",
        flapping=True,
        muted_until_ns=AT_NS + 27 * 3600 * SECOND,
    )
    facts = [line.split("  ")[0] for line in texts(alert_lines(handled, AT_NS, 100))]
    whole = "\n".join(texts(alert_lines(handled, AT_NS, 100)))
    assert facts[-6:-1] == ["acknowledged", "silenced", "inhibited", "flapping", "quiet hours"]
    for part in (
        "by ops",
        "until 06:58 (58m)",
        "by critical_latency, which people are told of instead",
        "so often",
        "until Wed 09:00 (27h): no channel tells it before",
    ):
        assert part in whole


def test_an_alert_that_is_told_to_all_has_no_such_lines():
    whole = "\n".join(texts(alert_lines(alert(), AT_NS, 60)))
    for part in ("acknowledged", "silenced", "inhibited", "flapping", "quiet hours"):
        assert part not in whole
    resolved = alert(state="resolved", resolved_ns=AT_NS, flapping=True)
    assert "flapping" not in "\n".join(texts(alert_lines(resolved, AT_NS, 60)))


def test_a_check_in_full():
    vllm = busy_snapshot().health[-1]
    whole = "\n".join(texts(check_lines(vllm, AT_NS, 60)))
    for part in ("· ok vllm", "scrape", "5s ago", "12ms", "requests_waiting  4", "61%"):
        assert part in whole
    sick = check("redis", status="failing", message="refused", flapping=True, critical=True)
    whole = "\n".join(texts(check_lines(sick, AT_NS, 60)))
    for part in ("✖ failing redis", "refused", "back again", "the whole fails"):
        assert part in whole
    assert "measured" not in whole


def test_a_check_is_found_by_its_row():
    picture = picture_of(busy_snapshot())
    assert find_check(picture, "check:disk").message == "91 % used"
    assert find_check(picture, "fact:series") is None
    assert find_check(picture_of(None), "check:disk") is None


def test_text_is_wrapped_and_cleaned():
    assert texts(wrap("one two\nthree \x1b[31mfour", "plain", 8)) == ["one two", "three", "four"]
    assert texts(fact("name", "one two", 20)) == ["name           one", "               two"]
    assert fact("name", "", 40) == []


def test_commands_to_the_collector():
    one = alert()
    assert acknowledge(one, "ops").params == {"alert_id": one.id, "by": "ops", "note": ""}
    silence = mute(one, "ops", 3600.0, "deploy")
    assert silence.method == "silence"
    assert silence.params["matchers"] == {
        "rule": "high_error_rate",
        "provider": "openai",
        "model": "gpt-4o",
    }
    assert (silence.params["duration_s"], silence.params["comment"]) == (3600, "deploy")
    assert silence.done == "⊘ silenced high_error_rate openai/gpt-4o for 1h"
    assert mute(one, "ops", 60.0, "").params["comment"] == "silenced from the terminal"
    assert end_silence("silence-1", "[rule]", "ops").params == {"id": "silence-1", "by": "ops"}
    assert "[" not in acknowledge(alert(rule="[bold]x"), "ops").done


def test_a_silence_matches_the_labels_as_they_are():
    """Values are globs to the collector."""
    odd = alert(labels={"model": "gpt-[4]*?"})
    glob = mute(odd, "ops", 60.0, "").params["matchers"]["model"]
    assert fnmatchcase("gpt-[4]*?", glob)
    assert not fnmatchcase("gpt-4xy", glob)


def test_a_printed_picture():
    lines = plain_lines(picture_of(busy_snapshot()), 120)
    assert "● LIVE" in lines[0]
    assert "? help" not in lines[0]
    assert "CRIT high_error_rate" in lines[1]
    assert "[a]ck" not in lines[1]
    assert lines[2].startswith("req/s 4.12 │ p95 3.41s of 5s │ err ✖7.2% of 5%")
    assert any("gpt-4o" in line for line in lines[8:])
    assert all(len(line) <= 120 for line in lines)
    whole = "\n".join(lines)
    for part in ("SLOs  0 of 2 alerting", "99.96%", "budgets  1 of 2 alerting"):
        assert part in whole
    assert "channels" not in whole
    troubled = busy_snapshot(channels=(failing_channel(),), slos=(), budgets=())
    whole = "\n".join(plain_lines(picture_of(troubled), 120))
    assert "failing 6 ×" in whole
    assert "SLOs" not in whole
    assert plain_lines(picture_of(None), 80)
    assert "no events yet" in plain_lines(picture_of(empty_snapshot(), rows=False), 80)[1]
