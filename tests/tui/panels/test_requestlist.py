"""The list of requests: its orders, what it asks of the store, and what it says of itself."""

from dataclasses import replace

import duckdb
import pytest
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, busy_snapshot, empty_snapshot
from support.viewer_data import SECOND_NS, request_row
from support.viewer_requests import STORED_TOTAL, stored_rows, table_of

from llmmon.errors import SchemaError
from llmmon_collector.control.records import plain
from llmmon_collector.store import schema
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.fleet.answers import check_rows_only, merge_query, merge_sums
from llmmon_tui.panels import orders, requestlist, requestquestions
from llmmon_tui.rows import TailShare, parse_rows
from llmmon_tui.view import View

CALM = replace(busy_snapshot(), limits=())


def asked(order, view=None):
    model = model_of(busy_snapshot(), view)
    return requestquestions.questions(model.picture(AT_NS), order)


def past_picture(view=None):
    """As of a minute ago: the last requests before it, and nothing of the store yet."""
    model = model_of(busy_snapshot(), view)
    past_ns = AT_NS - 60 * SECOND_NS
    tail = [one for one in model.picture(AT_NS).tail if one.time_ns <= past_ns]
    model.travel(replace(busy_snapshot(), at_ns=past_ns), tail, AT_NS)
    return model


def model_of_tail(*rows):
    """The picture of these requests alone, without a filter."""
    model = model_of(busy_snapshot(), rows=False)
    model.add_rows(parse_rows(list(rows)))
    return model.picture(AT_NS)


def answered(order, rows, view=None, error=""):
    """The picture after the store told these rows, or an error."""
    model = model_of(busy_snapshot(), view)
    picture = model.picture(AT_NS)
    for question in model.questions_due(requestquestions.questions(picture, order), AT_NS):
        told = [{"n": STORED_TOTAL}] if question.name == requestquestions.TOTAL else rows
        value = None if error else question.parse(table_of(told))
        model.answer(question, None, value, error, AT_NS)
    return model.picture(AT_NS)


def ids(picture, order):
    return [row.key for row in requestlist.list_rows(picture, requestlist.listing(picture, order))]


def said(picture, order):
    shown = requestlist.listing(picture, order)
    return "  ".join(filter(None, (one.text for one in requestlist.summary(picture, shown))))


def test_the_orders_go_round():
    order, seen = orders.BAD, []
    for _ in orders.MODES:
        seen.append(order.title)
        order = orders.next_mode(order)
    assert order == orders.BAD
    assert seen[2:] == ["slowest", "dearest", "worst quality"]
    assert orders.next_mode(orders.Order("route")) == orders.BAD


def test_columns_are_sorted_from_the_end_that_is_asked_for():
    order = orders.next_column(orders.BAD)
    assert order == orders.NEWEST
    for _ in orders.COLUMNS:
        order = orders.next_column(order)
    assert order == orders.BAD
    assert orders.chosen_column(orders.BAD, "quality") == orders.POOREST
    assert orders.chosen_column(orders.SLOWEST, "took") == orders.Order("took", False)
    assert orders.chosen_column(orders.SLOWEST, "bar") == orders.SLOWEST
    assert orders.reversed_order(orders.BAD) == orders.BAD
    assert orders.Order("took", False).title == "by took ↑"


def test_live_orders_need_no_store_without_a_filter():
    assert asked(orders.BAD) == ()
    assert asked(orders.NEWEST) == ()
    assert asked(orders.NEWEST, View(filter="gpt"))
    assert asked(orders.Order("time", False))


def test_in_the_past_the_store_tells_what_failed_in_the_window():
    model = past_picture()
    picture = model.picture(AT_NS)
    waiting = said(picture, orders.BAD)
    assert "the last" in waiting
    assert "tail" not in waiting
    due = model.questions_due(requestquestions.questions(picture, orders.BAD), AT_NS)
    for question in due:
        told = [{"n": 7}] if question.name == requestquestions.TOTAL else stored_rows()
        model.answer(question, picture.at_ns, question.parse(table_of(told)), "", AT_NS)
    shown = requestlist.listing(model.picture(AT_NS), orders.BAD)
    assert {row.id for row in shown.rows} == {"req-0240", "req-0241", "req-0242"}
    assert shown.stored == frozenset()
    assert "3 of 7 in 5m" in said(model.picture(AT_NS), orders.BAD)


@pytest.fixture
def database():
    with duckdb.connect(":memory:") as connection:
        for statement in schema.ddl():
            connection.execute(statement)
        yield connection


def store(database, id_, age_s, latency_ms, **fields):
    row = {"id": id_, "start_ns": AT_NS - age_s * SECOND_NS, "latency_ms": latency_ms} | fields
    marks = ", ".join(["?"] * len(row) + [f"make_timestamp({AT_NS // 1000 - age_s * 10**6})"])
    names = ", ".join([*row, "time"])
    database.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", list(row.values()))


def ask(database, question):
    cursor = database.execute(question.params["sql"])
    columns = [column[0] for column in cursor.description]
    rows = [list(row) for row in cursor.fetchall()]
    return question.parse({"columns": columns, "rows": rows, "truncated": False})


def test_the_slowest_of_the_window_and_of_how_many(database):
    store(database, "fast", 10, 10.0)
    store(database, "slow", 200, 9000.0, model="gpt-4o")
    store(database, "unknown", 20, None)
    store(database, "older", 400, 99_000.0)
    question, total = asked(orders.SLOWEST)
    found = ask(database, question)
    assert [row.id for row in found.rows] == ["slow", "fast", "unknown"]
    assert ask(database, total) == 3
    assert found.rows[0].time_ns == AT_NS - 200 * SECOND_NS
    reverse, _ = asked(orders.reversed_order(orders.SLOWEST))
    assert [row.id for row in ask(database, reverse).rows] == ["fast", "slow", "unknown"]


def test_what_failed_is_found_before_what_is_slow_or_poor_and_the_rest(database):
    store(database, "newest", 1, 10.0)
    store(database, "slow", 2, 9000.0)
    store(database, "poor", 3, 10.0, quality_score=0.1)
    store(database, "failed", 200, 10.0, error="TimeoutError")
    store(database, "refused", 250, 10.0, status_code=429)
    question, _ = asked(orders.BAD, View(filter="latency_ms>0"))
    found = [row.id for row in ask(database, question).rows]
    assert found == ["failed", "refused", "slow", "poor", "newest"]


def test_by_time_is_by_the_time_that_is_shown(database):
    store(database, "long", 10, 60_000.0)
    database.execute("UPDATE requests SET start_ns = start_ns - 60000000000")
    store(database, "short", 20, 10.0)
    question, _ = asked(orders.Order("time"), View(filter="latency_ms>0"))
    assert [row.id for row in ask(database, question).rows] == ["long", "short"]


@pytest.mark.parametrize("column", orders.COLUMNS)
def test_several_collectors_rows_are_one_list_in_order(database, column):
    for place, (latency_ms, model) in enumerate([(5.0, "b"), (9.0, None), (None, "a"), (7.0, "c")]):
        values = {"operation": model, "error": model, "ttft_ms": latency_ms, "user_id": model}
        values |= {"input_tokens": place, "output_tokens": 1, "route": model, "model": model}
        values |= {"cost_pico_usd": place * 10**6, "quality_score": latency_ms}
        store(database, str(place), 10 + place, latency_ms, **values)
    for order in (orders.by_column(column), orders.reversed_order(orders.by_column(column))):
        question, total = asked(order, View(filter="-user:nobody"))
        check_rows_only(question.params["sql"])
        cursor = database.execute(question.params["sql"])
        names = [one[0] for one in cursor.description]
        rows = [list(map(plain, row)) for row in cursor.fetchall()]
        parts = [
            (name, {"columns": names, "rows": rows[start::2], "truncated": False})
            for name, start in (("b", 1), ("a", 0))
        ]
        found = question.parse(merge_query(parts, question.params["limit"]))
        assert [row.id for row in found.rows] == [row[0] for row in rows]
    counts = [(name, {"columns": ["n"], "rows": [[2]], "truncated": False}) for name in "ab"]
    assert total.parse(merge_sums(counts, total.merge)) == 4


@pytest.mark.parametrize("column", orders.COLUMNS)
def test_every_column_can_be_asked_for(database, column):
    store(database, "one", 10, 10.0, model="m", error="E", cost_pico_usd=1, input_tokens=1)
    question, _ = asked(replace(orders.by_column(column), is_descending=False))
    assert [row.id for row in ask(database, question).rows] == ["one"]


def test_the_filter_and_the_group_are_asked_for_too(database):
    store(database, "a", 10, 10.0, model="gpt-4o", service="it's")
    store(database, "b", 10, 10.0, model="gpt-4o")
    store(database, "c", 10, 10.0, model="other", service="it's")
    question, _ = asked(orders.SLOWEST, View(filter="model:gpt", where={"service": "it's"}))
    assert [row.id for row in ask(database, question).rows] == ["a"]
    question, _ = asked(orders.SLOWEST, View(where={"service": ""}))
    assert [row.id for row in ask(database, question).rows] == ["b"]


def test_a_question_is_about_its_order_filter_group_and_window():
    about = {
        asked(order, view)[0].about
        for order in (orders.SLOWEST, orders.DEAREST)
        for view in (View(), View(filter="x"), View(where={"model": "m"}), View(window_s=60))
    }
    assert len(about) == 8


def test_another_shape_of_answer_is_an_error():
    question, _ = asked(orders.SLOWEST)
    with pytest.raises(SchemaError, match="query"):
        question.parse([])
    assert question.parse({"columns": ["id"], "rows": [["x"]]}).rows == ()


def test_the_extremes_come_from_the_store_and_say_of_how_many():
    picture = answered(orders.SLOWEST, stored_rows())
    assert ids(picture, orders.SLOWEST) == ["req-0240", "req-0241", "req-0242"]
    assert said(picture, orders.SLOWEST).startswith(f"slowest  3 of {STORED_TOTAL:,} in 5m")
    assert "max 41.5s" in said(picture, orders.SLOWEST)


def test_an_answer_to_another_order_is_not_shown():
    picture = answered(orders.SLOWEST, stored_rows())
    assert ids(picture, orders.DEAREST) == []


def test_until_the_store_answers_nothing_pretends_to_be_none():
    picture = picture_of(busy_snapshot())
    shown = requestlist.listing(picture, orders.SLOWEST)
    assert requestlist.empty_text(picture, shown, "none") == requestlist.ASKING
    failed = answered(orders.SLOWEST, [], error="too slow")
    shown = requestlist.listing(failed, orders.SLOWEST)
    assert requestlist.empty_text(failed, shown, "none") == "too slow"
    empty = answered(orders.SLOWEST, [])
    shown = requestlist.listing(empty, orders.SLOWEST)
    assert requestlist.empty_text(empty, shown, "none") == "no request in 5m"


def test_an_empty_collector_and_a_filter_that_nothing_passes():
    picture = picture_of(empty_snapshot(), rows=False)
    shown = requestlist.listing(picture, orders.BAD)
    assert requestlist.empty_text(picture, shown, "no events yet") == "no events yet"
    picture = answered(orders.SLOWEST, [], View(filter="zzz"))
    shown = requestlist.listing(picture, orders.SLOWEST)
    assert "nothing passes the filter /zzz in 5m" in requestlist.empty_text(picture, shown, "")


def test_a_filter_finds_older_ones_in_the_store_and_marks_them():
    picture = answered(orders.NEWEST, [*stored_rows(), request_row(3)], View(filter="chat"))
    shown = requestlist.listing(picture, orders.NEWEST)
    assert shown.stored == {"req-0240", "req-0241", "req-0242"}
    rows = {row.key: cell_text(row.cells[0]) for row in requestlist.list_rows(picture, shown)}
    assert rows["req-0240"].endswith(requestlist.STORED)
    assert not rows["req-0003"].endswith(requestlist.STORED)
    assert "· 3 from the store" in said(picture, orders.NEWEST)


def test_what_a_filter_finds_is_of_the_window_alone():
    old = request_row(50, id="old", time_ns=AT_NS - 400 * SECOND_NS)
    model = model_of(busy_snapshot(), View(filter="chat"))
    model.add_rows(parse_rows([old]))
    picture = model.picture(AT_NS)
    for question in model.questions_due(requestquestions.questions(picture, orders.BAD), AT_NS):
        told = [{"n": 2}] if question.name == requestquestions.TOTAL else stored_rows()[:1]
        model.answer(question, None, question.parse(table_of(told)), "", AT_NS)
    picture = model.picture(AT_NS)
    assert "old" not in ids(picture, orders.BAD)
    assert f"{len(ids(picture, orders.BAD))} in 5m" in said(picture, orders.BAD)
    assert "old" in ids(model_of_tail(old), orders.BAD)


def test_a_store_that_fails_is_told_beside_what_the_tail_has():
    picture = answered(orders.BAD, [], View(filter="gpt"), error="no answer")
    assert ids(picture, orders.BAD)
    assert "store: no answer" in said(picture, orders.BAD)
    waiting = model_of(busy_snapshot(), View(filter="gpt")).picture(AT_NS)
    assert "searching the store" in said(waiting, orders.BAD)


@pytest.mark.parametrize(
    "view", [View(filter="session:abc"), View(where={"host": "web-1"}), View(filter="-session:a")]
)
def test_what_the_tail_cannot_judge_comes_from_the_store_alone(view):
    picture = answered(orders.NEWEST, stored_rows(), view)
    assert ids(picture, orders.NEWEST) == ["req-0240", "req-0241", "req-0242"]


def test_slow_means_the_same_in_the_tail_and_in_the_store():
    picture = answered(orders.NEWEST, stored_rows()[:1], View(filter="slow"))
    assert ids(picture, orders.NEWEST) == ["req-0006", "req-0240"]
    assert "latency_ms > 5000" in asked(orders.NEWEST, View(filter="slow"))[0].params["sql"]


def test_the_tail_is_narrowed_by_all_that_its_rows_tell():
    model = model_of(busy_snapshot(), View(where={"service": "shop"}), rows=False)
    model.add_rows(parse_rows([request_row(1, service="shop"), request_row(2, service="x")]))
    assert ids(model.picture(AT_NS), orders.NEWEST) == ["req-0001"]


def test_newest_first_and_bad_first():
    picture = picture_of(busy_snapshot())
    assert ids(picture, orders.NEWEST)[:3] == ["req-0000", "req-0001", "req-0002"]
    assert ids(picture, orders.BAD)[:2] == ["req-0004", "req-0009"]
    assert "✖ 2 failed" in said(picture, orders.NEWEST)


def test_the_bar_is_of_the_limit():
    picture = picture_of(busy_snapshot())
    titles = [column.title for column in requestlist.columns(picture, orders.NEWEST)]
    assert "of 5s" in titles
    shown = requestlist.listing(picture, orders.NEWEST)
    bars = {row.key: cell_text(row.cells[5]) for row in requestlist.list_rows(picture, shown)}
    assert bars["req-0006"].endswith("▸")
    assert len(bars["req-0000"]) < len(bars["req-0039"]) < 8


def test_where_bad_ones_come_first_times_are_ages():
    picture = picture_of(busy_snapshot())
    shown = requestlist.listing(picture, orders.BAD)
    times = [cell_text(row.cells[0]) for row in requestlist.list_rows(picture, shown)]
    assert requestlist.columns(picture, orders.BAD)[0].title == "ago"
    assert times[:2] == ["4s", "9s"]
    assert requestlist.columns(picture, orders.NEWEST)[0].title == "time"


@pytest.mark.parametrize(("width", "took"), [(40, "429"), (120, "—")])
def test_without_a_column_for_the_status_what_failed_says_why(width, took):
    picture = model_of_tail(request_row(1, status_code=429, error="RateLimit", latency_ms=None))
    shown = requestlist.listing(picture, orders.BAD)
    (row,) = requestlist.list_rows(picture, shown, width)
    assert cell_text(row.cells[4]) == took


def test_without_a_limit_the_bar_is_of_the_slowest():
    picture = picture_of(CALM)
    titles = [column.title for column in requestlist.columns(picture, orders.NEWEST)]
    assert "of max" in titles
    shown = requestlist.listing(picture, orders.NEWEST)
    bars = {row.key: cell_text(row.cells[5]) for row in requestlist.list_rows(picture, shown)}
    assert len(bars["req-0006"]) == 7


def test_values_that_are_missing():
    model = model_of(CALM, rows=False)
    model.add_rows(parse_rows([{"id": "bare", "time_ns": AT_NS}]))
    picture = model.picture(AT_NS)
    (row,) = requestlist.list_rows(picture, requestlist.listing(picture, orders.BAD))
    texts = [cell_text(cell).strip() for cell in row.cells[1:]]
    assert texts == ["—", "—", "ok", "—", "", "—", "—/—", "$?", "—", "—", "—"]
    assert "p50" not in said(picture, orders.BAD)


def test_foreign_text_is_cleaned():
    model = model_of(CALM, rows=False)
    name = "gpt\x1b[2J\u202e4"
    model.add_rows(parse_rows([request_row(1, model=name, user_id="a\x07b", route="\u2066/x")]))
    picture = model.picture(AT_NS)
    (row,) = requestlist.list_rows(picture, requestlist.listing(picture, orders.BAD))
    assert [cell_text(row.cells[place]).strip() for place in (1, 10, 11)] == ["gpt4", "ab", "/x"]


def test_quantiles_are_by_nearest_rank():
    model = model_of(CALM, rows=False)
    model.add_rows(parse_rows([request_row(n, latency_ms=1000.0 * (n + 1)) for n in range(2)]))
    assert "p50 1.00s  p95 2.00s  max 2.00s" in said(model.picture(AT_NS), orders.NEWEST)


def test_what_the_tail_leaves_out_is_told():
    model = model_of(busy_snapshot(), rows=False)
    assert model.picture(AT_NS).tail_share is None
    model.add_rows(parse_rows([request_row(1)]), 2)
    assert "tail shows 1 of 3" in said(model.picture(AT_NS), orders.BAD)
    assert "tail shows" not in said(model.picture(AT_NS), orders.SLOWEST)
    model.add_rows(parse_rows([request_row(2)]))
    assert model.picture(AT_NS).tail_share == pytest.approx(1 / 3)


def test_the_share_of_the_tail_forgets():
    share = TailShare()
    assert share.share is None
    share.add(1, 99)
    for _ in range(20):
        share.add(5, 0)
    assert share.share == 1.0
