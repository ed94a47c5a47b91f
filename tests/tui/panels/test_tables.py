"""Groups, requests, alerts and health as rows."""

from dataclasses import replace

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import (
    AT_NS,
    alert,
    busy_snapshot,
    channel,
    check,
    failing_channel,
    ingest,
    metrics,
    window,
)
from support.viewer_data import request_row

from llmmon.protocol.snapshot import Group, Measurement
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.panels import alerts, alertview, groups, health, requests
from llmmon_tui.rows import parse_row, parse_rows
from llmmon_tui.severity import Severity
from llmmon_tui.view import View

SECOND = 10**9
PLACES = {column.key: place for place, column in enumerate(groups.columns("model"))}


def column(rows, key):
    return [cell_text(row.cells[PLACES[key]]) for row in rows]


def names(picture):
    return [name.split()[0] for name in column(groups.group_rows(picture), groups.NAME)]


def one_group(**changes):
    labels = {"provider": "openai", "model": "gpt-4o"}
    view = replace(window(300), groups=(Group(labels, metrics(**changes)),))
    return groups.group_rows(picture_of(busy_snapshot(windows=(view,))))[0]


def test_groups_are_sorted_by_what_breaches():
    picture = picture_of(busy_snapshot())
    assert groups.sort_key(picture) == "err"
    assert groups.sort_text(picture) == "auto sort err% ↓"
    assert column(groups.group_rows(picture), "err") == ["7.2", "7.2", "0.4", "0.1"]


def test_without_an_alert_by_the_figure_that_breaches_and_else_by_traffic():
    no_alert = busy_snapshot(alerts=())
    assert groups.sort_key(picture_of(no_alert)) == "err"
    calm = busy_snapshot(alerts=(), windows=(window(300, error_rate=0.01),))
    assert groups.sort_key(picture_of(calm)) == "req"


def test_sorted_by_choice_with_the_worst_first():
    snapshot = busy_snapshot()
    assert names(picture_of(snapshot, View(sort="p95")))[-1] == "deepseek-chat"
    assert names(picture_of(snapshot, View(sort="p95", descending=False)))[0] == "deepseek-chat"
    assert not groups.is_descending(picture_of(snapshot, View(sort="quality")))


def test_what_has_no_value_comes_last():
    for descending in (True, False):
        view = View(sort="per_1k", descending=descending)
        assert names(picture_of(busy_snapshot(), view))[-1] == "llama-2-70b-chat"


def test_an_unpriced_model_is_never_free():
    rows = groups.group_rows(picture_of(busy_snapshot()))
    assert "$?" in column(rows, "cost")
    assert cell_text(one_group(unpriced_requests=0, hourly_cost=0.0).cells[PLACES["cost"]]) == "$0"
    partly = one_group(unpriced_requests=12, requests=1236)
    assert cell_text(partly.cells[PLACES["cost"]]) == "$38.10+"


def test_cost_of_a_thousand_is_that_of_the_priced_ones():
    row = one_group(cost_usd=2.0, requests=1100, unpriced_requests=100)
    assert cell_text(row.cells[PLACES["per_1k"]]) == "$2.00+"


def test_a_model_whose_only_priced_requests_failed_has_no_known_cost():
    row = one_group(cost_usd=None, hourly_cost=None, requests=40, unpriced_requests=30)
    assert cell_text(row.cells[PLACES["cost"]]) == "$?"


def test_few_requests_are_greyed_and_do_not_alarm():
    few, many = one_group(requests=19), one_group(requests=20)
    assert few.cells[PLACES["err"]].ink == "muted"
    assert not few.cells[PLACES["err"]].severity.breaching
    assert many.cells[PLACES["err"]].severity is Severity.CRITICAL


def test_a_row_carries_the_alert_on_its_group():
    rows = groups.group_rows(picture_of(busy_snapshot()))
    assert [row.severity for row in rows].count(Severity.CRITICAL) == 1
    assert rows[0].severity is Severity.CRITICAL


def test_the_filter_leaves_some_out():
    picture = picture_of(busy_snapshot(), View(filter="claude"))
    assert names(picture) == ["claude-sonnet-4-5"]
    assert names(picture_of(busy_snapshot(), View(filter="err>5%"))) == [
        "gpt-4o",
        "llama-2-70b-chat",
    ]
    assert len(requests.request_rows(picture)) == 12


def test_a_row_leads_back_to_its_labels():
    picture = picture_of(busy_snapshot())
    key = groups.group_rows(picture)[0].key
    assert groups.group_labels(key, picture) == {"provider": "openai", "model": "gpt-4o"}
    assert groups.group_labels("gone", picture) == {}


def test_trends_fill_while_it_is_watched():
    model = model_of(busy_snapshot())
    for step in range(1, 4):
        at_ns = AT_NS + step * 40 * SECOND
        model.arrive(busy_snapshot(seq=4711 + step, at_ns=at_ns), 0, at_ns)
    rows = groups.group_rows(model.picture(AT_NS + 120 * SECOND))
    assert column(rows, "trend")[0] == "    ████"


def test_another_grouping():
    view = replace(window(300), groups=(Group({"route": ""}, metrics()),))
    picture = picture_of(busy_snapshot(by="route", windows=(view,)), View(by="route"))
    assert column(groups.group_rows(picture), groups.NAME) == ["(none)"]
    assert groups.columns("route")[0].title == "route"


def test_requests_have_errors_then_slow_and_poor_ones_first():
    rows = requests.request_rows(picture_of(busy_snapshot()))
    assert [row.severity.value for row in rows[:5]] == [
        "critical",
        "critical",
        "warning",
        "warning",
        "ok",
    ]
    texts = [[cell_text(cell) for cell in row.cells] for row in rows]
    assert texts[0][2] == "429 RateLimitError"
    assert texts[1][2] == "TimeoutError"
    assert texts[2][2] == "slow > 5s"
    assert texts[3][2] == "quality 0.41 < 0.7"
    assert texts[1][5] == "$?"
    assert texts[4][0] == "06:00:00"


def test_what_failed_before_the_window_is_no_news():
    model = model_of(busy_snapshot(), rows=False)
    old = request_row(301, error="TimeoutError")
    model.add_rows(parse_rows([old, request_row(0), request_row(1, error="no_answer")]))
    rows = requests.request_rows(model.picture(AT_NS))
    assert [row.key for row in rows] == ["req-0001", "req-0000", "req-0301"]
    assert rows[2].severity is Severity.CRITICAL


def judged_as(**fields):
    row = parse_row(request_row(0, **fields))
    picture = picture_of(busy_snapshot())
    return requests.request_severity(picture, row), requests.reason_text(picture, row)


@pytest.mark.parametrize(
    ("latency_ms", "quality_score", "severity", "text"),
    [
        (72_000.0, 0.69, Severity.CRITICAL, "slow > 10s"),
        (6_000.0, 0.69, Severity.WARNING, "slow > 5s"),
        (900.0, 0.69, Severity.WARNING, "quality 0.69 < 0.7"),
        (900.0, 0.9, Severity.OK, "ok"),
    ],
)
def test_the_worst_reason_is_told_slow_first(latency_ms, quality_score, severity, text):
    assert judged_as(latency_ms=latency_ms, quality_score=quality_score) == (severity, text)


def test_what_came_since_an_incident_is_above_what_it_left():
    model = model_of(busy_snapshot(), rows=False)
    left = [request_row(n, error="TimeoutError", latency_ms=1.0) for n in (100, 101)]
    slow = request_row(5, error=None, status_code=200, latency_ms=6000.0)
    fine = request_row(0, error=None, status_code=200, latency_ms=1.0, quality_score=0.9)
    model.add_rows(parse_rows([*left, slow, fine]))
    rows = requests.request_rows(model.picture(AT_NS))
    assert [row.key for row in rows] == ["req-0005", "req-0100", "req-0101", "req-0000"]


def test_requests_that_nobody_looks_at_are_not_made_into_rows():
    rows = requests.request_rows(picture_of(busy_snapshot()))
    assert rows[1].key == "req-0009"
    assert isinstance(rows, LazyRows)
    assert rows.built == 1


@pytest.mark.parametrize(
    ("status_code", "error", "text"),
    [
        (429, "RateLimitError", "429 RateLimitError"),
        (429, "429", "429"),
        (429, "429 Too Many Requests", "429 Too Many Requests"),
        (500, None, "500"),
        (200, None, "ok"),
        (None, "no_answer", "no_answer"),
    ],
)
def test_a_status_is_told_once(status_code, error, text):
    row = parse_row(request_row(0, status_code=status_code, error=error))
    assert requests.status_text(row) == text


def test_a_quality_just_below_its_limit_reads_so():
    row = parse_row(request_row(0, quality_score=0.6982))
    assert requests.reason_text(picture_of(busy_snapshot()), row) == "quality 0.698 < 0.7"


def test_requests_of_the_chosen_group():
    view = View(where={"provider": "openai", "model": "gpt-4o"})
    rows = requests.request_rows(picture_of(busy_snapshot(), view))
    assert {cell_text(row.cells[1]) for row in rows} == {"gpt-4o"}


def test_alerts_worst_first_with_who_handles_them():
    shown = (
        alert(id="resolved", state="resolved", resolved_ns=AT_NS),
        alert(id="acked", acknowledged_by="ops"),
        alert(id="inhibited", inhibited_by="critical_latency"),
        alert(id="flapping", flapping=True, since_ns=AT_NS),
        alert(id="warning", severity="warning"),
        alert(id="muted", silenced_until_ns=AT_NS + 3480 * SECOND),
        alert(id="critical"),
        alert(id="pending", state="pending"),
    )
    rows = alerts.alert_rows(picture_of(busy_snapshot(alerts=shown)))
    assert [row.key for row in rows] == [
        "critical",
        "flapping",
        "warning",
        "pending",
        "acked",
        "inhibited",
        "muted",
        "resolved",
    ]
    texts = {row.key: cell_text(row.cells[1]) for row in rows}
    assert texts["critical"] == "7.2% > 5%"
    assert texts["acked"] == "ack ops"
    assert texts["inhibited"] == "by critical_latency"
    signs = {row.key: row.severity.glyph for row in rows}
    assert (signs["inhibited"], signs["flapping"]) == ("↳", "✖")
    assert texts["muted"] == "silenced 58m"


def test_who_is_not_told_is_marked_and_told_where_there_is_room():
    quiet_ns = AT_NS + 3 * 3600 * SECOND
    shown = (
        alert(id="flaps", flapping=True, muted_until_ns=quiet_ns),
        alert(id="over", muted_until_ns=AT_NS - SECOND),
    )
    rows = {
        row.key: row.cells for row in alerts.alert_rows(picture_of(busy_snapshot(alerts=shown)))
    }
    assert cell_text(rows["flaps"][0]) == "high_error_rate  ≈☾ openai/gpt-4o"
    assert cell_text(rows["flaps"][3]) == "flapping, quiet 3h"
    assert cell_text(rows["over"][0]) == "high_error_rate  openai/gpt-4o"
    assert cell_text(rows["over"][3]) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"metric": "slo_page", "value": 6.2, "threshold": 1.0}, "6.20× > 1×"),
        ({"metric": "budget_used", "value": 0.85, "threshold": 0.8}, "85.0% > 80%"),
        ({"metric": "check_failing", "value": 1.0, "threshold": 0.5}, "failing"),
        ({"metric": "check_degraded", "value": 0.0, "threshold": 0.5}, "no longer"),
        ({"metric": "check_failing", "value": None, "threshold": 0.5}, "—"),
        ({"metric": "check_took_ms", "value": 812.0, "threshold": 500.0}, "812ms > 0.5s"),
    ],
)
def test_alerts_on_checks_and_objectives_speak_their_own_language(changes, text):
    assert alertview.breach_text(alert(**changes)) == text


def test_an_alert_on_a_check_names_the_check_alone():
    assert alertview.where_text(alert(labels={"check": "redis", "type": "redis"})) == "redis"


def test_a_value_back_within_its_limit_is_not_told_as_beyond_it():
    """An alert goes on until its value is better than the limit to clear it."""
    waiting = alert(value=0.041)
    poor = alert(metric="quality_score_mean", value=0.72, threshold=0.7, comparison="below")
    assert alertview.breach_text(waiting) == "4.1% of 5%"
    assert alertview.breach_text(poor) == "0.72 min 0.7"
    assert alertview.breach_text(alert(value=None)) == "— of 5%"


def test_an_alert_names_its_group():
    [row] = alerts.alert_rows(picture_of(busy_snapshot(alerts=(alert(),))))
    assert cell_text(row.cells[0]) == "high_error_rate  openai/gpt-4o"


@pytest.mark.parametrize(("after_s", "text"), [(0, "2 firing"), (5, "")])
def test_the_count_of_alerts_is_not_claimed_of_old_data(after_s, text):
    assert alerts.counts_text(picture_of(busy_snapshot(), after_s=after_s)) == text
    assert alerts.counts_text(picture_of(busy_snapshot(alerts=()))) == "none firing"


def test_find_alert():
    picture = picture_of(busy_snapshot())
    assert alerts.find_alert(picture, "llmmon:1").rule == "low_quality"
    assert alerts.find_alert(picture, "gone") is None
    assert alerts.find_alert(picture_of(None), "llmmon:1") is None


def test_health_worst_first_then_the_ledger():
    rows = health.health_rows(picture_of(busy_snapshot()))
    assert cell_text(rows[0].cells[0]) == "disk"
    assert cell_text(rows[0].cells[1]) == "91% degraded"
    facts = {cell_text(row.cells[0]): cell_text(row.cells[1]) for row in rows[8:]}
    assert facts["lost: queue_full"] == "2"
    assert facts["models unpriced"] == "1"
    assert facts["series"] == "6/2000"
    assert "late" not in " ".join(facts)
    assert health.health_text(picture_of(busy_snapshot())) == "5/6 ok"


def test_losses_by_reason_and_agents_that_are_gone_stand_before_the_facts():
    lost = {"queue_full": 2, "agent_gone": 7}
    told = ingest(events_lost=lost, agents_gone=3, batches_throttled=4)
    rows = health.health_rows(picture_of(busy_snapshot(health=(), ingest=told)))
    facts = [(cell_text(row.cells[0]), cell_text(row.cells[1])) for row in rows[:4]]
    assert facts == [
        ("lost: queue_full", "2"),
        ("lost: agent_gone", "7"),
        ("agents gone", "3"),
        ("batches throttled", "4"),
    ]
    assert {cell.ink for row in rows[:4] for cell in row.cells[:2]} == {"warning"}


def test_a_check_tells_why_it_is_not_well_and_what_it_measured():
    rows = health.health_rows(picture_of(busy_snapshot()))
    details = {row.key: row.cells for row in rows if row.key.startswith("detail:")}
    assert list(details) == ["detail:disk", "detail:vllm"]
    [why] = details["detail:disk"]
    assert why.text == "91 % used"
    [measured] = details["detail:vllm"]
    assert measured.text == "requests_running 31, requests_waiting 4, kv_cache_used 61%"
    assert measured.spans


def test_a_check_that_is_well_and_measured_nothing_has_no_line_for_it():
    idle = (Measurement("overdue_s", 0.0, "s"),)
    checks = (
        check("outbox", measurements=idle),
        check("sick", status="failing", measurements=idle),
        check("collector", type="internal", measurements=(Measurement("sync_ms", 2.0, "ms"),)),
    )
    rows = health.health_rows(picture_of(busy_snapshot(health=checks)))
    keys = [row.key for row in rows if "check:" in row.key or "detail:" in row.key]
    assert keys == ["check:sick", "detail:sick", "check:outbox", "check:collector"]


@pytest.mark.parametrize(
    ("status", "order"),
    [("ok", ["llm_api", "collector"]), ("failing", ["collector", "llm_api"])],
)
def test_the_check_of_the_collector_itself_comes_last_while_it_is_well(
    status: str, order: list[str]
) -> None:
    checks = (check("collector", status=status), check("llm_api"))
    rows = health.health_rows(picture_of(busy_snapshot(health=checks)))
    keys = [row.key for row in rows if row.key.startswith(health.CHECK_KEY)]
    assert keys == [f"check:{name}" for name in order]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flapping": True}, "3ms ok, flapping"),
        ({"slow": True}, "3ms ok, slow"),
        ({"slow": True, "flapping": True, "status": "failing"}, "3ms flapping, slow"),
        ({"flapping": True, "status": "unknown", "took_ms": None}, "unknown, flapping"),
    ],
)
def test_how_a_check_runs_stands_beside_its_figure(changes, text):
    shown = busy_snapshot(health=(check("redis", **changes),))
    assert cell_text(health.health_rows(picture_of(shown))[0].cells[1]) == text


def test_channels_in_trouble_stand_with_the_checks():
    shown = busy_snapshot(health=(), channels=(channel("pager"), failing_channel()))
    row = health.health_rows(picture_of(shown))[0]
    assert [cell_text(cell) for cell in row.cells] == ["channel slack", "failing 6 ×", "5m10s"]
    assert row.severity is Severity.CRITICAL


def test_an_unknown_status_is_no_success():
    checks = (check("new", status="strange"), check("old", status="failing"))
    picture = picture_of(busy_snapshot(health=checks, ingest=ingest(late_events=4)))
    rows = health.health_rows(picture)
    assert [row.severity for row in rows[:2]] == [Severity.CRITICAL, Severity.NO_DATA]
    assert health.health_text(picture) == "0/2 ok"


def test_tables_without_a_snapshot_are_empty():
    picture = picture_of(None, rows=False)
    assert groups.group_rows(picture) == []
    assert len(requests.request_rows(picture)) == 0
    assert alerts.alert_rows(picture) == []
    assert health.health_rows(picture) == []


def test_a_unit_in_words_stands_apart():
    checks = (check("agents", value=0.0, unit="silent agents"), check("cpu", value=2.1, unit="%"))
    rows = health.health_rows(picture_of(busy_snapshot(health=checks)))
    assert [cell_text(row.cells[1]) for row in rows[:2]] == ["0 silent agents ok", "2.10% ok"]
