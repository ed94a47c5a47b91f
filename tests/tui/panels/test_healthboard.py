"""Checks, the collector and its agents on the Health screen."""

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import (
    AT_NS,
    busy_snapshot,
    channel,
    check,
    empty_snapshot,
    failing_channel,
    ingest,
)
from support.viewer_answers import answered
from support.viewer_ops import agent_row, errors, status

from llmmon.errors import SchemaError
from llmmon_tui.drawing.lines import line_text
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.panels import collectorlines as collector
from llmmon_tui.panels import healthboard as board
from llmmon_tui.panels.collectorstatus import parse_status
from llmmon_tui.panels.health import health_segments
from llmmon_tui.panels.healthquestions import questions
from llmmon_tui.severity import Severity
from llmmon_tui.view import View

PLACES = {column.key: place for place, column in enumerate(board.COLUMNS)}
AGENT = {column.key: place for place, column in enumerate(collector.AGENTS)}


def asked(snapshot, chosen=None, **answers):
    told = {"status": status, "query": errors} | answers
    return answered(model_of(snapshot), lambda shown: questions(shown, chosen), told)


def text(lines):
    return "\n".join(line_text(line) for line in lines)


def verdict(*checks, **changes):
    return [one.text for one in board.verdict(picture_of(busy_snapshot(health=checks, **changes)))]


def test_one_glance():
    assert verdict(check("a"), check("b"))[0] == "✓ all 2 checks ok"
    bad = (check("a", status="failing"), check("b", status="failing"), check("c"))
    assert verdict(*bad)[0] == "✖ 2 of 3 failing"
    mixed = (check("a", status="degraded"), check("b", status="failing"), check("c", status="?"))
    assert verdict(*mixed)[0] == "✖ 1 of 3 failing, 1 degraded, 1 unknown"
    assert verdict()[0] == "no checks"
    assert [one.text for one in board.verdict(picture_of(None))] == ["— not known yet"]


def test_channels_losses_and_problems_are_in_it():
    told = verdict(channels=(channel("a"), failing_channel()), problems=("disk full",))
    assert "1 of 2 channels in trouble" in told
    assert "2 events lost" in told
    assert "✖ disk full" in told


def test_failing_first_with_status_as_glyph_and_word():
    bad = check("bad", status="failing", flapping=True, slow=True, critical=True, message="503")
    rows = board.check_rows(picture_of(busy_snapshot(health=(check("good"), bad))))
    assert [row.key for row in rows] == ["check:bad", "check:good"]
    assert rows[0].severity is Severity.CRITICAL
    cells = [cell_text(cell) for cell in rows[0].cells]
    assert cells[PLACES["status"]] == "failing"
    assert cells[PLACES["marks"]] == "flapping, slow, critical part"
    well = check("well", critical=True)
    (row,) = board.check_rows(picture_of(busy_snapshot(health=(well,))))
    assert cell_text(row.cells[PLACES["marks"]]) == ""
    assert cells[PLACES["message"]] == "503"
    assert cell_text(rows[1].cells[PLACES["status"]]) == "● ok"
    assert cell_text(rows[1].cells[PLACES["value"]]) == "—"


def test_measurements_stand_where_there_is_no_message():
    rows = {row.key: row for row in board.check_rows(picture_of(busy_snapshot()))}
    told = cell_text(rows["check:vllm"].cells[PLACES["message"]])
    assert told.startswith("requests_running 31, requests_waiting 4")


def test_a_filter_holds_for_checks():
    rows = board.check_rows(picture_of(busy_snapshot(), View(filter="disk")))
    assert [row.key for row in rows] == ["check:disk"]
    none = picture_of(busy_snapshot(), View(filter="nix"))
    assert board.empty_text(none) == "nothing passes the filter /nix"
    assert board.empty_text(picture_of(empty_snapshot())) == "no checks are configured"
    assert board.empty_text(picture_of(None)).startswith("connecting")


def test_a_check_in_full_with_its_past():
    disk = next(one for one in busy_snapshot().health if one.name == "disk")
    told = text(board.detail_lines(asked(busy_snapshot(), disk), disk, 60))
    assert "91 % used" in told
    assert told.index("degraded  91 % used") < told.index("ok  40 % used")
    assert "asking" in text(board.detail_lines(picture_of(busy_snapshot()), disk, 60))
    none = {"columns": [], "rows": [], "truncated": False}
    calm = asked(busy_snapshot(), disk, query=lambda params: none)
    assert "has not changed yet" in text(board.detail_lines(calm, disk, 60))
    assert "no check" in text(board.detail_lines(calm, None, 60))


def test_the_name_of_a_check_cannot_leave_its_quotes():
    hostile = check("x' OR 1=1 --")
    (asks,) = [
        one for one in questions(picture_of(busy_snapshot()), hostile) if one.method == "query"
    ]
    assert "'x'' OR 1=1 --'" in asks.params["sql"]


def test_the_books_and_what_was_lost():
    told = text(collector.collector_lines(asked(busy_snapshot()), 80))
    assert "1.2M emitted = 1.2M stored + 2 lost + 17 in flight" in told
    assert "2 lost: queue_full" in told
    assert "prod-eu 0.1.0, pid 815, up 24h" in told
    assert "do not balance" not in told
    odd = {**status({}), "ledger": {**status({})["ledger"], "balanced": False}}
    assert "do not balance" in text(
        collector.collector_lines(asked(busy_snapshot(), status=lambda params: odd), 80)
    )


def test_unpriced_models_are_counted_in_full_where_that_is_known():
    twenty = ingest(unpriced_models=tuple(f"m{number}" for number in range(20)))
    assert collector.unpriced_text(twenty, None).startswith("20 or more models: m0, m1")
    assert collector.unpriced_text(twenty, parse_status(status({}))).startswith("31 models: ")
    assert collector.unpriced_text(ingest(), None) == "1 model: llama-2-70b-chat"
    assert collector.unpriced_text(ingest(unpriced_models=()), None) == ""


def text_of_segments(segments):
    return "  ".join(one.text for one in segments)


def test_without_the_status_it_says_so():
    assert "asking" in text(collector.collector_lines(picture_of(busy_snapshot()), 80))
    refused = answered(model_of(busy_snapshot()), lambda shown: questions(shown, None), {})
    assert "no such method" in text(collector.collector_lines(refused, 80))
    model = model_of(busy_snapshot())
    model.travel(busy_snapshot(at_ns=AT_NS - 10**12), (), AT_NS)
    past = model.picture(AT_NS)
    assert questions(past, None) == ()
    assert "only known of the present" in text(collector.collector_lines(past, 80))
    assert collector.agents_empty(past) == "only known of the present"
    assert text(collector.channels_told(past, 80)).rstrip() == "only known of the present"
    assert "pagerduty" in text(collector.channels_told(picture_of(busy_snapshot()), 80))
    assert "events lost" not in text_of_segments(board.verdict(past))
    assert "series" not in text(collector.collector_lines(past, 80))
    assert "not known yet" in text(collector.collector_lines(picture_of(None), 80))


def test_agents_with_their_clocks_and_losses():
    shown = asked(busy_snapshot())
    missed, chat, search = collector.agent_rows(shown)
    assert missed.severity is Severity.WARNING
    assert chat.cells[AGENT["clock"]].severity is Severity.WARNING
    assert cell_text(chat.cells[AGENT["clock"]]) == "-2.40s"
    assert cell_text(chat.cells[AGENT["lost"]]) == "2"
    assert cell_text(search.cells[AGENT["clock"]]) == "+4ms"
    assert collector.agents_title(shown) == ("Agents  3", "1 missed")
    assert collector.agents_title(picture_of(busy_snapshot())) == ("Agents", "")


def test_what_an_agent_does_not_tell_is_missing():
    silent = agent_row("x", pid=None, heard_s_ago=None, clock_ahead_s=None, open_requests=None)
    told = {**status({}), "agents": [silent, "no row"], "agents_left_out": 7}
    shown = asked(busy_snapshot(), status=lambda params: told)
    (row,) = collector.agent_rows(shown)
    assert [cell_text(row.cells[AGENT[name]]) for name in ("pid", "heard", "clock", "open")] == [
        "—"
    ] * 4
    assert collector.agents_title(shown)[1] == "none missed, 7 more not shown"


def test_a_status_of_another_shape_is_refused():
    with pytest.raises(SchemaError):
        parse_status({"ledger": []})


def test_in_one_line_a_failing_check_tells_its_status_and_not_how_long_it_took():
    checks = (check("redis", status="failing"), check("disk", status="degraded", value=91.0))
    told = [one.text for one in health_segments(picture_of(busy_snapshot(health=checks)))]
    assert told[0] == "✖ redis failing"
    assert told[1].startswith("▲ disk 91")
    none = health_segments(picture_of(busy_snapshot(health=())))
    assert [one.text for one in none] == ["no checks"]
    assert health_segments(picture_of(None)) == []
