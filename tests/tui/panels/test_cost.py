"""The Cost screen's figures, chart, budgets and table, with a store that runs their SQL."""

from dataclasses import replace

import pytest
from support.pictures import picture_of
from support.snapshots import AT_NS, budget, busy_snapshot, empty_snapshot, window
from support.viewer_money import MoneyStore, answered

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import Group
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.plot import ChartData, draw_chart
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.fleet.answers import merge_sums
from llmmon_tui.formatting import MISSING
from llmmon_tui.panels.amounts import amount_text, per_1k, per_1m_tokens
from llmmon_tui.panels.budgetlist import budget_panel
from llmmon_tui.panels.costchart import COST_PLOT, burn_chart
from llmmon_tui.panels.costfigures import figures, notes
from llmmon_tui.panels.costquestions import (
    ALL_GROUPINGS,
    EARLIER,
    TODAY,
    WINDOW,
    parse_earlier,
    questions,
)
from llmmon_tui.panels.costtable import (
    columns,
    is_cut,
    next_by,
    operated,
    requests_filter,
    row_key,
    spender_rows,
    spenders,
)
from llmmon_tui.questions import Answer
from llmmon_tui.view import View


@pytest.fixture(scope="module")
def store():
    return MoneyStore()


def told(store, by="model", view=None, snapshot=None):
    picture = picture_of(snapshot or busy_snapshot(), view)
    return answered(picture, questions(picture, by), store)


def shown(picture):
    return {one.title: (one.value, one.beside) for one in figures(picture)}


def table(picture, by="model"):
    keys = [column.key for column in columns(by, 300)]
    return [
        dict(zip(keys, map(cell_text, row.cells), strict=True)) for row in spender_rows(picture, by)
    ]


def note_text(picture):
    return "  ".join(one.text for one in notes(picture) if one.text)


def test_sums_are_exact_and_agree_with_the_store(store):
    picture = told(store)
    [(cost, unpriced)] = store.execute(
        "SELECT sum(cost_pico_usd), count(*) FILTER (WHERE cost_pico_usd IS NULL) FROM requests"
        " WHERE time >= TIMESTAMP '2026-11-24 00:00:00'"
    )
    today = picture.answer(TODAY).value
    assert (today.total.cost_pico, today.total.unpriced) == (cost, unpriced)
    assert sum(part.cost_pico for part in today.groups.values()) == cost
    earlier = picture.answer(EARLIER).value
    [(month,)] = store.execute(
        "SELECT sum(cost_pico_usd) FROM requests WHERE time >= TIMESTAMP '2026-11-01 00:00:00'"
    )
    assert earlier.month.total.cost_pico + cost == month


@pytest.mark.parametrize("by", ["model", "route", "user_id"])
def test_several_collectors_are_added_up(store, by):
    picture = picture_of(busy_snapshot())
    for question in questions(picture, by):
        one = store.query(dict(question.params))
        both = question.parse(merge_sums([("a", one), ("b", one)], question.merge))
        alone = question.parse(one)
        if question.name == EARLIER:
            assert both.month.total == alone.month.total.plus(alone.month.total)
            assert (both.first_ns, both.known_since_ns) == (alone.first_ns, alone.known_since_ns)
        elif question.name == TODAY:
            assert both.groups == {key: one.plus(one) for key, one in alone.groups.items()}
        else:
            ratios = [(one["cached_token_ratio"]) for one in alone.groups.values()]
            assert [one["cached_token_ratio"] for one in both.groups.values()] == ratios


def test_unknown_money_has_no_pace():
    unpriced = MoneyStore()
    for table_name in ("requests", "rollups"):
        unpriced.execute(f"UPDATE {table_name} SET cost_pico_usd = NULL")
    unpriced.execute("UPDATE rollups SET unpriced = requests")
    picture = shown(told(unpriced))
    assert picture["today ends"] == ("$?", "")
    assert picture["month ends"] == ("$?", "")


def test_figures(store):
    picture = shown(told(store))
    assert picture["now"] == ("$38.10+/h", "over 5m")
    assert picture["today"] == ("$0.809+", "from 00:00")
    assert picture["month"][1] == "from 1 Nov"
    assert picture["unpriced"] == ("12", "of 1.2k req")
    assert picture["cached"] == ("21.6%", "410k tok in")
    assert picture["$/1k req"][0].endswith("+")
    assert picture["today ends"][0].startswith("$1.")
    assert picture["month ends"][1].startswith("at $0.0")


def test_the_method_of_the_forecast_and_what_is_unpriced_are_said(store):
    text = note_text(told(store))
    assert "159 unpriced today, not counted: llama-2-70b-chat" in text
    assert "days begin at 00:00 UTC" in text
    assert "pace of the last 30h (day), 7d (month)" in text


def test_before_the_store_has_told_the_collectors_own_day_stands_in():
    picture = picture_of(busy_snapshot())
    assert shown(picture)["today"] == ("$201.40+", "collector's day")
    assert shown(picture)["month"][0] == shown(picture)["month ends"][0] == MISSING
    assert "asking the collector" in note_text(picture)
    failed = replace(picture, answers={TODAY: Answer(error="timeout: too slow")})
    assert "no sums of days: timeout: too slow" in note_text(failed)
    assert "asking" not in note_text(failed)


def test_a_store_without_a_row_is_no_day_without_spending():
    picture = told(MoneyStore(days=0), snapshot=empty_snapshot())
    assert {value for value, _ in shown(picture).values()} == {MISSING}
    assert len(table(picture)) == 0
    assert figures(picture_of(None))
    assert questions(picture_of(None), "model") == ()


def test_before_the_store_has_told_the_dearest_of_the_hour_come_first():
    told_window = window(300)
    groups = [
        replace(one, metrics={**one.metrics, "hourly_cost": float(place)})
        for place, one in enumerate(told_window.groups)
    ]
    picture = picture_of(busy_snapshot(windows=(replace(told_window, groups=tuple(groups)),)))
    costs = [one.window["hourly_cost"] for one in spenders(picture, "model")]
    assert costs == sorted(costs, reverse=True)
    assert len(costs) > 1


def test_too_little_history_is_said():
    young = MoneyStore(days=0)
    young.execute(
        "INSERT INTO rollups BY NAME SELECT TIMESTAMP '2026-11-24 05:30:00' AS time,"
        " 'gpt-4o' AS model, 'openai' AS provider, 3 AS requests, 0 AS unpriced,"
        " 5000000000000 AS cost_pico_usd"
    )
    picture = shown(told(young))
    assert picture["today"][0] == "$5.00"
    assert picture["today ends"] == picture["month ends"] == (MISSING, "too early")


def test_the_table_has_every_group_dearest_today_first(store):
    rows = table(told(store))
    assert [row["name"] for row in rows] == [
        "claude-sonnet-4-5  anthropic",
        "gpt-4o  openai",
        "deepseek-chat  deepseek",
        "llama-2-70b-chat  together",
    ]
    first, *_, unpriced = rows
    assert first["share"].startswith("59%")
    assert first["unpriced"] == "0"
    assert {unpriced[key] for key in ("today", "month", "window", "hour")} == {"$?"}
    assert unpriced["share"].strip() == MISSING
    assert unpriced["unpriced"] == "159"


def test_a_group_that_is_silent_now_still_has_spent(store):
    view = window(300)
    quiet = replace(view, groups=view.groups[:1])
    rows = table(told(store, snapshot=busy_snapshot(windows=(quiet,))))
    silent = next(row for row in rows if row["name"].startswith("deepseek"))
    assert silent["today"] == "$0.0159"
    assert silent["window"] == silent["requests"] == MISSING


def test_groups_come_and_go_with_filter_and_narrowing(store):
    filtered = told(store, view=View(filter="model:claude"))
    assert [one.labels["provider"] for one in spenders(filtered, "model")] == ["anthropic"]
    labels = {"provider": "openai", "model": "gpt-4o"}
    narrowed = told(store, view=View(where=labels))
    assert [one.labels for one in spenders(narrowed, "model")] == [labels]
    assert shown(narrowed)["today"][0] == table(narrowed)[0]["today"]


@pytest.mark.parametrize(
    ("by", "names"), [("user_id", {"user-0", "user-1", "user-2"}), ("prompt_version", {"v1", "v2"})]
)
def test_groupings_beyond_the_snapshots_come_from_the_requests(store, by, names):
    rows = table(told(store, by), by)
    assert {row["name"] for row in rows} == names
    assert {row["month"] for row in rows} == {MISSING}
    assert sum(int(row["requests"]) for row in rows) == 300
    assert all(row["cached"] == "25.0%" for row in rows)
    whole = told(store, by).answer(TODAY).value.total
    assert whole == told(store).answer(TODAY).value.total


def test_the_window_of_a_grouping_beyond_is_of_the_window(store):
    minute = told(store, "user_id", View(window_s=60)).answer(WINDOW).value
    assert sum(one["requests"] for one in minute.groups.values()) == 60


def test_groups_left_out_are_in_the_whole_all_the_same(store):
    picture = picture_of(busy_snapshot())
    [today, _] = questions(picture, "model")
    cut = replace(today, params={**today.params, "limit": 2})
    picture = answered(picture, [cut], store)
    assert is_cut(picture)
    assert len(picture.answer(TODAY).value.groups) == 1
    assert picture.answer(TODAY).value.total == told(store).answer(TODAY).value.total


def test_the_past_is_told_as_it_was(store):
    past = told(store, snapshot=busy_snapshot(at_ns=AT_NS - 24 * 3600 * 10**9))
    [(cost,)] = store.execute(
        "SELECT sum(cost_pico_usd) FROM requests WHERE time >= TIMESTAMP '2026-11-23 00:00:00'"
        " AND time < TIMESTAMP '2026-11-23 06:00:00'"
    )
    assert past.answer(TODAY).value.total.cost_pico == cost


def test_an_old_sum_says_how_old_it_is(store):
    picture = told(store)
    old = replace(picture.answer(TODAY), error="timeout", told_ns=picture.now_ns - 90 * 10**9)
    picture = replace(picture, answers={**picture.answers, TODAY: old})
    assert "sums of days are 1m30s old: timeout" in note_text(picture)
    assert shown(picture)["today"][0] == "$0.809+"


def test_a_silent_group_passes_no_comparison(store):
    view = window(300)
    quiet = busy_snapshot(windows=(replace(view, groups=view.groups[:1]),))
    picture = told(store, view=View(filter="err>5%"), snapshot=quiet)
    assert [one.labels["model"] for one in spenders(picture, "model")] == ["gpt-4o"]


def test_all_is_asked_anew_at_midnight():
    before, after = (
        picture_of(busy_snapshot(at_ns=at)) for at in (AT_NS, AT_NS + 18 * 3600 * 10**9)
    )
    assert [one.about for one in questions(before, "model")] != [
        one.about for one in questions(after, "model")
    ]


@pytest.mark.parametrize("key", ["month", "window", "hour", "per_1k", "cached", "unpriced"])
def test_every_column_sorts_with_what_is_missing_last(store, key):
    for descending in (True, False):
        picture = told(store, view=View(sort=key, descending=descending))
        assert len(spender_rows(picture, "model")) == 4
    last = spenders(told(store, view=View(sort="per_1k")), "model")[-1]
    assert last.labels["provider"] == "together"


def test_keys():
    view = View(sort="quality")
    assert operated("sort", view).sort == "month"
    assert operated("reverse", view) == replace(view, sort="today", descending=False)
    assert operated("group", view) is None


def test_groupings_go_round_through_those_beyond():
    by, view, seen = "model", View(), []
    for _ in ALL_GROUPINGS:
        by, view = next_by(by, view)
        seen.append((by, view.by))
    assert seen[-3:] == [
        ("user_id", "environment"),
        ("prompt_version", "environment"),
        ("model", "model"),
    ]


def test_a_drill_keeps_the_filter_and_quotes():
    labels = {"provider": "", "model": 'a "b"'}
    assert requests_filter(" err>5% ", labels) == r'err>5% provider:"" model:"a \"b\""'
    assert row_key({"model": "a", "provider": ""}) == "model=a\0provider="


def test_names_from_events_are_harmless(store):
    view = window(300)
    odd = Group({"provider": "p", "model": "\x1b[31m模型\u202e"}, view.groups[0].metrics)
    rows = table(told(store, snapshot=busy_snapshot(windows=(replace(view, groups=(odd,)),))))
    assert "模型  p" in [row["name"] for row in rows]


def test_budgets_are_lines_in_the_chart_at_the_pace_they_allow():
    labels = [one.label for one in burn_chart(picture_of(busy_snapshot())).thresholds]
    assert labels == ["warn $100", "all-models $6.94/h"]
    daily = budget(name="day", period="day", limit_usd=240.0, labels={"provider": "openai"})
    picture = picture_of(busy_snapshot(budgets=(daily,)), View(where={"provider": "openai"}))
    assert burn_chart(picture).thresholds[-1].value == 10.0


@pytest.mark.parametrize("width", [36, 60, 98])
@pytest.mark.parametrize("height", [1, 2, 5, 20])
def test_budgets_fit_and_none_is_left_out_silently(width, height):
    lines = budget_panel(picture_of(busy_snapshot()), width, height)
    assert 0 < len(lines) <= height
    assert {line_width(line) for line in lines} == {width}
    text = "\n".join(map(line_text, lines))
    assert ("all-models" in text and "by-provider" in text) or "more: press o" in text


def test_no_budgets_and_no_snapshot():
    lines = budget_panel(picture_of(empty_snapshot()), 60, 5)
    assert "[[budget]]" in " ".join(map(line_text, lines))
    assert budget_panel(picture_of(None), 60, 5) == []


@pytest.mark.parametrize(
    ("usd", "requests", "unpriced", "text"),
    [
        (1.2, 10, 0, "$1.20"),
        (1.2, 10, 3, "$1.20+"),
        (0.0, 10, 3, "$?"),
        (0.0, 10, 0, "$0"),
        (None, 10, 10, "$?"),
        (None, 0, 0, MISSING),
    ],
)
def test_amounts(usd, requests, unpriced, text):
    assert amount_text(usd, requests, unpriced) == text


def test_per_request_and_per_token():
    metrics = {"cost_usd": 2.0, "requests": 30, "unpriced_requests": 10, "input_tokens": 10**6}
    assert (per_1k(metrics), per_1m_tokens(metrics)) == (100.0, 2.0)
    assert per_1k({"cost_usd": 0.0, "requests": 3, "unpriced_requests": 3}) is None
    assert per_1m_tokens({"cost_usd": 2.0}) is None


def test_an_answer_of_another_shape_is_refused():
    with pytest.raises(SchemaError, match="one row for the whole"):
        parse_earlier({"rows": [], "truncated": False}, 1)


def test_burning_faster_than_a_budgets_even_pace_is_no_breach():
    picture = picture_of(busy_snapshot())
    shown = burn_chart(picture)
    data = ChartData(shown.series, shown.thresholds, shown.window_s, shown.now_s)
    legend = line_text(draw_chart(data, COST_PLOT.look, 60, 10).lines[0])
    (pace,) = [one.value for one in shown.thresholds if one.label.startswith("all-models")]
    assert legend.startswith("$/h $")
    assert shown.series[0].points[-1][1] > pace


def test_a_cost_that_the_provider_told_needs_no_price():
    priced = window(300, unpriced_requests=0)
    assert "llama" not in note_text(picture_of(busy_snapshot(windows=(priced,))))
