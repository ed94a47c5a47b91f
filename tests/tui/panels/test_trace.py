"""A trace as a tree, as bars and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import AT_NS
from support.viewer_data import trace

from llmmon.errors import SchemaError
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.panels.trace import node_of, nodes, parse_trace, trace_id_of
from llmmon_tui.panels.tracedetail import detail_lines
from llmmon_tui.panels.waterfall import axis_of, bar, bar_room, columns, waterfall_rows
from llmmon_tui.severity import Severity

MS = 1_000_000


def span(id_, parent="", start_ms=0, took_ms=10.0, **fields):
    return {
        "id": id_,
        "parent_id": parent or None,
        "name": id_,
        "start_ns": AT_NS + start_ms * MS,
        "duration_ms": took_ms,
    } | fields


def request(id_, start_ms=0, took_ms=100.0, **fields):
    return {
        "id": id_,
        "trace_id": "t-1",
        "operation": "chat",
        "model": "gpt-4o",
        "start_ns": AT_NS + start_ms * MS,
        "latency_ms": took_ms,
    } | fields


def tree(spans=(), requests=()):
    return nodes(parse_trace({"spans": list(spans), "requests": list(requests)}))


def bars(found, room=10):
    return [bar(node, axis_of(found), room) for node in found]


def detail(told, width=60, request_id="r"):
    found = parse_trace(told)
    lines = detail_lines(found, node_of(nodes(found), request_id), width)
    return "\n".join(line_text(line).rstrip() for line in lines)


def test_parents_come_before_their_children_by_start():
    found = tree(
        [span("late", "r", 60), span("early", "r", 10), span("inner", "early", 12)],
        [request("r")],
    )
    assert [(node.name, node.depth) for node in found] == [
        ("chat gpt-4o", 0),
        ("early", 1),
        ("inner", 2),
        ("late", 1),
    ]


def test_a_parent_that_is_not_stored_makes_a_root_that_says_so():
    (lost,) = tree([span("lost", "gone")])
    assert (lost.depth, lost.is_orphan) == (0, True)
    assert waterfall_rows([lost], axis_of([lost]), 80)[0].cells[0].text == "…lost"
    assert "gone is not stored" in detail({"spans": [span("lost", "gone")]}, request_id="lost")


def test_parents_that_go_round_in_a_circle():
    assert len(tree([span("a", "b"), span("b", "a"), span("own", "own")])) == 3


def test_a_deep_chain_of_a_thousand_spans_is_indented_only_so_far():
    found = tree([span(f"s{n}", f"s{n - 1}", n) for n in range(1000)])
    assert found[-1].depth == 999
    rows = waterfall_rows(found, axis_of(found), 80)
    assert len({row.key for row in rows}) == 1000
    assert rows[-1].cells[0].text == " " * 12 + "s999"


def test_bars_share_an_axis_and_show_gaps():
    found = tree([span("a", "r", 0, 20.0), span("b", "r", 50, 50.0)], [request("r")])
    assert bars(found) == ["█" * 10, "██", "     █████"]
    assert columns(axis_of(found), 80)[2].title.split() == ["│0", "100ms"]


def test_the_wait_for_the_first_token_is_light():
    assert bars(tree((), [request("r", ttft_ms=30.0)])) == ["░░░███████"]
    assert bars(tree((), [request("r", ttft_ms=900.0)])) == ["░░░░░░░░░█"]
    assert bars(tree((), [request("r", ttft_ms=-1.0)])) == ["█" * 10]


def test_what_has_not_ended_leads_on():
    found = tree([span("open", "r", 50, None)], [request("r")])
    assert bars(found)[1] == "     ▸····"
    assert waterfall_rows(found, axis_of(found), 80)[1].cells[1].text == "—"
    told = {"requests": [request("r")], "spans": [span("open", "r", 50, None)]}
    assert "not ended" in detail(told, request_id="open")


def test_another_clock_far_away_does_not_squeeze_the_axis():
    hour_ms = 3_600_000
    found = tree(
        [span("behind", "r", -hour_ms), span("ahead", "r", hour_ms)], [request("r", ttft_ms=None)]
    )
    assert axis_of(found).length_ms == 100.0
    assert sorted(bars(found)) == sorted(["…", "█" * 10, " " * 9 + "…"])


def test_a_child_that_began_before_its_parent_is_told():
    told = {"requests": [request("r")], "spans": [span("early", "r", -20)]}
    assert "began 20ms before its parent" in detail(told, request_id="early")


def test_failed_parts_are_marked_and_coloured():
    found = tree([span("a", error="TimeoutError")], [request("r", status_code=429)])
    rows = waterfall_rows(found, axis_of(found), 80)
    assert [row.severity for row in rows] == [Severity.CRITICAL] * 2
    assert {cell.ink for row in rows for cell in row.cells} == {"critical"}
    assert found[0].error == "429"


def test_nothing_has_a_time():
    found = tree([span("a", start_ns=None)])
    assert axis_of(found) is None
    assert waterfall_rows(found, None, 40)[0].cells[2].text == ""
    assert axis_of([]) is None


def test_the_node_of_a_request_and_the_trace_id():
    told = parse_trace({"requests": [request("r1"), request("r2", 5)]})
    assert node_of(nodes(told), "r2").row["id"] == "r2"
    assert node_of(nodes(told), "t-1").row["id"] == "r1"
    assert node_of([], "r1") is None
    assert trace_id_of(told, "r1") == "t-1"
    assert trace_id_of(parse_trace({}), "r1") == "r1"


def test_a_request_in_full():
    row = request(
        "r",
        response_model="gpt-4o-2024-08-06",
        stream=True,
        finish_reason="length",
        retries=2,
        user_id="u-1",
        input_tokens=1200,
        cached_tokens=800,
        output_tokens=160,
        reasoning_tokens=90,
        cost_usd=0.0062,
        cost_source="priced",
        quality_score=0.85,
        safety=1.0,
        tags='{"team": "x"}',
        max_gap_ms=40.0,
        agent_id="ab",
    )
    told = {"requests": [row], "scores": [{"request_id": "r", "name": "thumbs_up", "value": 1.0}]}
    whole = detail(told)
    for part in (
        "answered by      gpt-4o-2024-08-06",
        "stream           yes",
        "finish reason    length",
        "retries          2",
        "user             u-1",
        "tokens in        1.2k (800 cached)",
        "tokens out       160 (90 reasoning)",
        "$0.0062  from the price list",
        "quality_score 0.85  safety 1.00",
        "thumbs_up      1.00",
        '{"team": "x"}',
        "longest gap      40ms",
        "not captured for this request",
    ):
        assert part in whole
    assert "agent" not in whole


def test_what_was_not_told_is_not_zero():
    whole = detail({"requests": [request("r", took_ms=None)]})
    assert "$? (price or tokens unknown)" in whole
    assert "not scored" in whole
    assert "tokens in" not in whole


def test_content_where_it_was_captured_is_cleaned():
    row = request("r", query="who\x1b[31m?\u202e", response="me")
    whole = detail({"requests": [row]})
    assert "query ─" in whole
    assert "who?" in whole
    assert "\u202e" not in whole
    assert whole.count("not captured") == 1
    assert "context ─" in whole


def test_wide_letters_of_the_content_are_all_there():
    text = "模型回答" * 30
    whole = detail({"requests": [request("r", response=text)]}, 41)
    assert text in whole.replace("\n", "")


def test_logs_of_the_trace_have_a_glyph_and_the_others_are_muted():
    logs = [
        {"time_ns": AT_NS, "level": "error", "logger": "a", "message": "bad", "request_id": "r"},
        {"time_ns": AT_NS, "level": "INFO", "logger": "b", "message": "fine", "request_id": "s"},
    ]
    found = parse_trace({"requests": [request("r")], "logs": logs})
    lines = detail_lines(found, nodes(found)[0], 60)
    inks = {line_text(line).split(":")[-1].strip(): line[0][1] for line in lines}
    assert inks["bad"] == "critical"
    assert inks["fine"] == "muted"
    assert "✖ ERROR a: bad" in "\n".join(map(line_text, lines))


def test_a_trace_that_is_gone():
    assert "does not hold" in detail({})
    told = detail({"logs": [{"level": "INFO", "logger": "a", "message": "still here"}]})
    assert "still here" in told


def test_facts_stand_in_two_columns_where_there_is_room():
    told = trace({"id": "req-1"})
    assert len(detail(told, 120).splitlines()) < len(detail(told, 80).splitlines()) - 3


@pytest.mark.parametrize("told", [None, [], {"spans": 3}])
def test_another_shape_of_trace_is_an_error(told):
    with pytest.raises(SchemaError, match="trace"):
        parse_trace(told)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    *("id", "parent_id", "name", "start_ns", "duration_ms", "latency_ms", "error"),
                    *("time_ns", "ttft_ms", "status_code", "cost_usd", "level", "query", "stream"),
                ]
            ),
            st.none() | st.integers(-(10**19), 10**19) | st.floats() | st.text(max_size=5),
        ),
        max_size=4,
    ),
    st.integers(1, 130),
)
def test_any_rows_can_come(rows, width):
    told = parse_trace({"requests": rows[:2], "spans": rows, "logs": rows, "scores": rows})
    found = nodes(told)
    assert len(found) == len(rows[:2]) + len(rows)
    axis, room = axis_of(found), bar_room(width)
    assert all(line_width(((bar(node, axis, room), ""),)) <= room for node in found)
    for node in [None, *found]:
        assert {line_width(line) for line in detail_lines(told, node, width)} == {width}


def test_a_failure_without_a_latency_has_no_length_of_zero():
    row = request("r", took_ms=None, status_code=429, error="RateLimitError")
    found = tree([], [row])
    assert axis_of(found).length_text == "—"
    assert columns(axis_of(found), 80)[2].title.strip() == "—"
    assert "took             not told" in detail({"requests": [row]})
    assert "not ended" not in detail({"requests": [row]})
