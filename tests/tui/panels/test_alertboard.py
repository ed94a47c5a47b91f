"""The table of the Alerts screen, and what stands beside it."""

from dataclasses import replace

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, alert, busy_snapshot, empty_snapshot
from support.viewer_answers import answered
from support.viewer_data import history, silences, transitions
from support.viewer_ops import status

from llmmon.errors import SchemaError
from llmmon_tui.drawing.lines import line_text
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.panels import alertbeside as beside
from llmmon_tui.panels import alertboard as board
from llmmon_tui.panels.alertquestions import parse_rules, questions
from llmmon_tui.panels.values import clock_text
from llmmon_tui.view import View

SECOND = 10**9
OVER = alert(
    id="over", rule="spike", state="resolved", since_ns=AT_NS, resolved_ns=AT_NS - 5 * SECOND
)
TAKEN = alert(
    id="taken", rule="slow", acknowledged_by="anna", since_ns=AT_NS - 9 * SECOND, labels={}
)
ANSWERS = {
    "transitions": transitions,
    "silences": silences,
    "history": history,
    "status": status,
}
PLACES = {column.key: place for place, column in enumerate(board.COLUMNS)}


def snapshot(*more):
    return busy_snapshot(alerts=(*busy_snapshot().alerts, *more))


def picture(*more, chosen=None, is_empty=False):
    return answered(
        model_of(snapshot(*more)), lambda shown: questions(shown, chosen, is_empty), ANSWERS
    )


def keys(shown, scope="open", newest=False):
    return [row.key for row in board.board_rows(shown, scope, newest)]


def text(lines):
    return "\n".join(line_text(line) for line in lines)


def test_open_ones_worst_first_or_newest_first():
    shown = picture_of(snapshot(OVER, TAKEN))
    assert keys(shown)[-1] == "taken"
    assert keys(shown, newest=True)[0] == "taken"
    assert "over" not in keys(shown)
    assert "over" in keys(shown, "all")


def test_a_filter_holds_for_alerts():
    shown = picture_of(snapshot(TAKEN), View(filter="slow"))
    assert keys(shown) == ["taken"]
    assert board.nothing_text(picture_of(snapshot(), View(filter="nix")), "open").startswith(
        "nothing passes"
    )


def test_a_row_tells_who_took_it_and_for_how_long_it_is_muted():
    muted = alert(id="muted", silenced_until_ns=AT_NS + 3480 * SECOND)
    rows = {
        row.key: row for row in board.board_rows(picture_of(snapshot(TAKEN, muted)), "open", False)
    }
    assert cell_text(rows["taken"].cells[PLACES["by"]]) == "anna"
    assert cell_text(rows["taken"].cells[PLACES["state"]]) == "ack"
    assert cell_text(rows["muted"].cells[PLACES["silenced"]]) == "58m"
    assert cell_text(rows["muted"].cells[PLACES["breach"]]) == "7.2% > 5%"


def test_history_is_the_newest_first_and_ends_at_the_instant_that_is_shown():
    shown = picture()
    assert keys(shown, "history") == [str(seq) for seq in range(8, -1, -1)]
    model = model_of(snapshot())
    model.travel(replace(snapshot(), at_ns=AT_NS - 5000 * SECOND), (), AT_NS)
    past = answered(model, lambda one: questions(one, None, False), ANSWERS)
    assert keys(past, "history") == ["4", "3", "2", "1", "0"]


def test_the_title_counts_each_scope():
    shown = picture_of(snapshot(OVER))
    assert board.board_title(shown, "open") == "Alerts [open 2] all 3  history"
    assert board.board_title(picture_of(None), "open") == "Alerts [open] all  history"


def test_no_alert_says_how_many_rules_watch_only_where_that_is_known():
    assert board.nothing_text(picture_of(None), "open").startswith("connecting to")
    assert board.nothing_text(picture_of(empty_snapshot()), "open") == "no open alert"
    told = answered(model_of(empty_snapshot()), lambda one: questions(one, None, True), ANSWERS)
    assert board.nothing_text(told, "all") == "no alert. 9 rules watch"
    one = {**ANSWERS, "status": lambda params: {"rules": 1}}
    told = answered(model_of(empty_snapshot()), lambda shown: questions(shown, None, True), one)
    assert board.nothing_text(told, "all") == "no alert. 1 rule watches"
    none = {**ANSWERS, "status": lambda params: {"rules": 0}}
    told = answered(model_of(empty_snapshot()), lambda shown: questions(shown, None, True), none)
    assert board.nothing_text(told, "all") == "no alert, and no rule that watches"
    with pytest.raises(SchemaError):
        parse_rules([])


def test_history_that_is_not_known_is_not_empty():
    assert "asking" in board.nothing_text(picture_of(empty_snapshot()), "history")
    refused = answered(model_of(snapshot()), lambda one: questions(one, None, False), {})
    assert board.nothing_text(refused, "history") == "no such method"
    quiet = {**ANSWERS, "transitions": lambda params: []}
    calm = answered(model_of(snapshot()), lambda one: questions(one, None, False), quiet)
    assert board.nothing_text(calm, "history") == "nothing has fired yet"


def test_all_that_nobody_has_taken_on():
    waiting = alert(id="waiting", state="pending")
    shown = board.shown_alerts(picture_of(snapshot(OVER, TAKEN, waiting)), "all", False)
    assert set(board.unacknowledged(picture_of(busy_snapshot()), shown)) == {
        one.id for one in busy_snapshot().alerts
    }


def test_the_chosen_one_in_full_with_its_history():
    chosen = busy_snapshot().alerts[0]
    told = text(beside.chosen_lines(picture(), chosen.id, 70))
    assert "7.2% > 5%" in told
    assert "escalated" in told
    gone = text(beside.chosen_lines(picture(), "llmmon:2", 70))
    assert "no longer in the collector's list" in gone
    assert "resolved" in gone
    assert "no alert" in text(beside.chosen_lines(picture(), None, 70))


def test_the_curve_of_its_value_with_its_limit():
    chosen = busy_snapshot().alerts[0]
    drawn, told = beside.curve(picture(chosen=chosen), chosen)
    assert told == "5m, each 3s"
    assert drawn.series[0].points
    assert [limit.label for limit in drawn.thresholds] == ["crit 5%"]
    asking = picture_of(snapshot())
    assert beside.curve(asking, chosen) is None
    assert beside.curve_missing(asking, chosen).startswith("asking")
    other = alert(metric="stalled_requests")
    assert beside.curve(picture(chosen=other), other) is None
    missing = beside.curve_missing(picture(chosen=other), other)
    assert missing == "no curve is kept of stalled_requests"
    assert beside.curve_missing(picture(), None) == "no alert under the cursor"
    names = [one.name for one in questions(picture(), other, False)]
    assert "alerts.curve" not in names


def test_only_what_fires_by_now_can_be_taken_on():
    shown = board.shown_alerts(picture_of(snapshot()), "open", False)
    assert board.unacknowledged(picture_of(busy_snapshot(alerts=())), shown) == ()


def test_the_panel_of_objectives_has_their_title():
    shown = picture()
    assert beside.objectives_title(shown) == ("SLOs", "0 of 2 alerting")
    told = text(beside.objectives_lines(shown, 60))
    assert "SLOs" not in told
    assert "budgets  1 of 2 alerting" in told
    spending = picture_of(busy_snapshot(slos=()))
    assert beside.objectives_title(spending) == ("Budgets", "1 of 2 alerting")
    assert "budgets" not in text(beside.objectives_lines(spending, 60))


def test_silences_and_objectives_beside_it():
    assert "cost_spike model=gpt-4*" in text(beside.silence_lines(picture(), 60))
    assert "asking" in text(beside.silence_lines(picture_of(snapshot()), 60))
    none = {**ANSWERS, "silences": lambda params: []}
    calm = answered(model_of(snapshot()), lambda one: questions(one, None, False), none)
    assert "nothing is silenced" in text(beside.silence_lines(calm, 60))
    assert "chat-latency" in text(beside.objectives_lines(picture(), 60))
    assert "no SLO and no budget" in text(beside.objectives_lines(picture_of(empty_snapshot()), 60))


def test_counts_in_one_line():
    told = [one.text for one in beside.counts(picture(OVER))]
    assert "✖ 1 CRIT" in told
    assert "↺ 1 resolved" in told
    assert "2 silences" in told
    assert [one.text for one in beside.counts(picture_of(None))] == ["— not known yet"]


def test_a_picture_of_the_past_tells_of_no_alert_of_now():
    model = model_of(snapshot())
    chosen = snapshot().alerts[0]
    then_ns = AT_NS - 60 * SECOND
    model.travel(replace(snapshot(), at_ns=then_ns, alerts=(chosen,)), (), AT_NS)
    past = answered(model, lambda one: questions(one, chosen, False), ANSWERS)
    told = [one.text for one in beside.counts(past)]
    assert "✖ 1 CRIT" in told
    assert "▲ 0 WARN" in told
    assert "2 silences" not in told
    assert board.board_title(past, "open") == "Alerts [open 1] all 1  history"
    assert "only known of the present" in text(beside.silence_lines(past, 60))
    model.travel(empty_snapshot(), (), AT_NS)
    told = text(beside.objectives_lines(model.picture(AT_NS), 60))
    assert told.rstrip() == "only known of the present"
    drawn, _ = beside.curve(past, chosen)
    assert drawn.end_label == clock_text(then_ns)
