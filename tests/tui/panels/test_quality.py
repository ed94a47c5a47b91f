"""The Quality screen's figures, chart, spread and tables, with a store that runs their SQL."""

from dataclasses import replace

import pytest
from support.pictures import picture_of
from support.snapshots import AT_NS, busy_snapshot, empty_snapshot, window
from support.viewer_money import MoneyStore, answered

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import Limit
from llmmon_tui.drawing.figures import draw_figures
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.drift import Finding
from llmmon_tui.fleet.answers import check_rows_only, merge_query, merge_sums
from llmmon_tui.formatting import MISSING
from llmmon_tui.panels.qualitychart import CHARTS, quality_chart
from llmmon_tui.panels.qualityfigures import figures, notes, trend_word
from llmmon_tui.panels.qualityquestions import (
    BEFORE,
    MEANS,
    SERIES,
    TENTHS,
    WORST,
    Point,
    Series,
    parse_before,
    questions,
    spans,
)
from llmmon_tui.panels.qualityspread import buckets, drifts, spread_lines
from llmmon_tui.panels.qualitytable import (
    FEW,
    columns,
    group_labels,
    group_rows,
    is_descending,
    operated,
    worst_rows,
)
from llmmon_tui.questions import Answer
from llmmon_tui.severity import Severity
from llmmon_tui.view import View

SECOND_NS = 10**9
GPT = {"provider": "openai", "model": "gpt-4o"}


@pytest.fixture(scope="module")
def store():
    return MoneyStore()


def told(store, view=None, snapshot=None):
    picture = picture_of(snapshot or busy_snapshot(), view)
    return answered(picture, questions(picture), store)


def shown(picture):
    return {one.title: one for one in figures(picture)}


def note_text(picture):
    return "  ".join(one.text for one in notes(picture) if one.text)


def spread_text(picture, width=70, height=20):
    lines = spread_lines(picture, width, height)
    assert len(lines) <= height
    assert {line_width(line) for line in lines} <= {width}
    return [line_text(line).rstrip() for line in lines]


def series_of(*halves, scored=10):
    """A series of one point a second."""
    none = dict.fromkeys(MEANS)
    points = [
        Point(second * SECOND_NS, 20, scored, none | {"quality_score": mean}, None)
        for second, mean in enumerate(halves)
    ]
    return Series(SECOND_NS, tuple(points))


def test_figures(store):
    picture = shown(told(store))
    assert (picture["quality"].value, picture["quality"].beside) == ("0.71", "min 0.7")
    assert (picture["scored"].value, picture["scored"].beside) == ("32.4%", "of 1.2k")
    assert picture["factuality"].value == MISSING
    assert picture["refused"].value == "4.1%"
    assert picture["trend"].value == "stable"
    assert picture["p10"].value == "0.14"


def test_a_breach_is_marked_by_more_than_colour():
    low = busy_snapshot(windows=(window(300, quality_score_mean=0.6),))
    assert shown(picture_of(low))["quality"].value == "▲0.60"
    limits = (Limit("refusals", "refusal_rate", 300, "above", None, 0.01),)
    assert shown(picture_of(busy_snapshot(limits=limits)))["refused"].value == "✖4.1%"


def test_a_change_from_the_window_before_is_only_of_the_whole():
    view = window(300)
    before = replace(view, previous={**view.previous, "relevance_mean": 0.7, "refusal_rate": 0.01})
    snapshot = busy_snapshot(windows=(before,))
    figure = shown(picture_of(snapshot))
    assert (figure["relevance"].beside, figure["refused"].beside) == ("↓ from 0.70", "↑ from 1.0%")
    assert figure["safety"].beside == "as before"
    assert shown(picture_of(snapshot, View(where=GPT)))["relevance"].beside == ""


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ((0.7, 0.7, 0.8, 0.8), "improving"),
        ((0.8, 0.8, 0.7, 0.7), "degrading"),
        ((0.8, 0.8, 0.76, 0.77), "stable"),
        ((0.8, None, None, None), MISSING),
        ((), MISSING),
    ],
)
def test_trend_of_the_halves(means, word):
    assert trend_word(series_of(*means), 0, 4 * SECOND_NS)[0] == word
    assert trend_word(None, 0, 4 * SECOND_NS) == (MISSING, None)


def test_the_trend_weighs_by_scored_requests():
    one, two, three = series_of(0.8, 0.2, 0.8).points
    rare = Series(SECOND_NS, (one, two._replace(scored=0), three))
    assert trend_word(rare, 0, 3 * SECOND_NS) == ("stable", 0.0)


def test_a_sample_is_called_one(store):
    assert "scored 400 of 1.2k requests: a sample" in note_text(told(store))
    none = busy_snapshot(windows=(window(300, scored_requests=0),))
    assert "no request of this window has a score" in note_text(picture_of(none))
    assert notes(picture_of(None)) == []


def test_what_is_not_told_is_said():
    picture = picture_of(busy_snapshot())
    assert "asking the collector" in note_text(picture)
    failed = replace(picture, answers={WORST: Answer(error="forbidden: query")})
    assert "the store does not tell: forbidden: query" in note_text(failed)
    assert shown(picture)["trend"].value == shown(picture)["p10"].value == MISSING
    assert "drift: asking the collector …" in spread_text(picture)


@pytest.mark.parametrize("window_s", [60, 300, 3600, 86400])
def test_series_agree_with_the_requests(store, window_s):
    series = told(store, View(window_s=window_s)).answer(SERIES).value
    assert 1 <= len(series.points) <= 62
    scored = sum(point.scored for point in series.points)
    total = sum(point.scored * (point.means["quality_score"] or 0) for point in series.points)
    span = series.points[0].start_ns // 1000
    [(n, mean)] = store.execute(
        "SELECT count(quality_score), avg(quality_score) FROM requests"
        f" WHERE time >= make_timestamp({span})"
    )
    assert scored == n
    assert total / scored == pytest.approx(mean, abs=1e-5)
    assert series.points[-1].means["safety"] is None


def test_the_window_is_compared_with_what_was(store):
    picture = told(store)
    found = dict(drifts(picture))
    assert list(found) == ["the window before", "same time yesterday", "the 24h before"]
    assert found["the window before"].finding is Finding.SHIFTED
    assert found["same time yesterday"].finding is Finding.TOO_FEW
    assert "▲ shifted against the window before (PSI 0." in note_text(picture)


def test_spans_do_not_overlap_the_window_and_a_day_is_not_told_twice():
    now, before, yesterday, day = spans(picture_of(busy_snapshot()))
    assert before.end_ns == now.start_ns == day.end_ns
    assert yesterday.start_ns == now.start_ns - 86_400 * SECOND_NS
    long = spans(picture_of(busy_snapshot(), View(window_s=86400)))
    assert [one.name for one in long] == ["now", "the window before"]


@pytest.mark.parametrize("window_s", [300, 3600])
def test_several_collectors_are_added_up_and_not_averaged(store, window_s):
    view = View(window_s=window_s)
    picture = picture_of(busy_snapshot(windows=(window(window_s),)), view)
    for question in questions(picture):
        one = store.query(dict(question.params))
        alone = question.parse(one)
        if question.name == WORST:
            check_rows_only(question.params["sql"])
            both = question.parse(merge_query([("a", one), ("b", one)], 10_000))
            scores = [poor.scores["quality_score"] for poor in both]
            assert scores == sorted(scores)
            assert len(both) == len(alone)
        elif question.name == SERIES:
            both = question.parse(merge_sums([("a", one), ("b", one)], question.merge))
            assert [point.requests for point in both.points] == [
                2 * point.requests for point in alone.points
            ]
            assert both.points[0].means == pytest.approx(alone.points[0].means)
            assert both.points[0].refusal_rate == alone.points[0].refusal_rate
        elif question.name == BEFORE:
            both = question.parse(merge_sums([("a", one), ("b", one)], question.merge))
            assert both["now"] == tuple(2 * n for n in alone["now"])


@pytest.mark.parametrize("width", [50, 60, 100])
def test_what_is_too_few_is_said_whole(store, width):
    lines = spread_text(told(store), width)
    assert any(line.endswith("needs 50") for line in lines)
    assert not any(line.endswith("…") for line in lines if "too few" in line)


def test_the_spread_has_counts_shares_and_words(store):
    lines = spread_text(told(store))
    assert lines[0].startswith("0.8 to 1.0 █")
    assert lines[0].endswith("107  27%")
    assert lines[4].endswith("4   1%")
    assert any("same time yesterday" in line and "too few" in line for line in lines)
    assert any("n 400 vs 200" in line and "▲ shifted" in line for line in lines)


def test_where_it_is_low_the_findings_stay(store):
    lines = spread_text(told(store), 48, 8)
    assert [line.startswith(("the ", "same")) for line in lines[5:]] == [True] * 3


def test_narrowed_to_a_group_the_store_tells_the_spread(store):
    picture = picture_of(busy_snapshot(), View(where=GPT))
    assert buckets(picture) is None
    assert spread_text(picture) == ["asking the collector …"]
    assert sum(buckets(told(store, View(where=GPT)))) == 50


def test_nothing_scored_has_no_bars():
    assert "no request of this window has a score" in spread_text(picture_of(empty_snapshot()))[0]
    assert spread_text(picture_of(None)) == [""]


def test_the_worst_come_first_and_pass_the_filter(store):
    told_worst = told(store).answer(WORST).value
    scores = [one.scores["quality_score"] for one in told_worst]
    assert scores == sorted(scores)
    filtered = told(store, View(filter="model:deepseek"))
    assert {one.texts["model"] for one in filtered.answer(WORST).value} == {"deepseek-chat"}
    row = worst_rows(filtered)[0]
    assert row.key.startswith("stored-dense-")
    assert row.cells[1].severity is Severity.WARNING
    assert [cell_text(cell) for cell in row.cells[4:6]] == ["0.80", MISSING]


def test_tenths_are_by_group_and_of_the_whole(store):
    tenths = told(store).answer(TENTHS).value
    [(whole,)] = store.execute(
        "SELECT quantile_cont(quality_score, 0.1) FROM requests"
        " WHERE time >= TIMESTAMP '2026-11-24 05:55:00'"
    )
    assert tenths[()] == pytest.approx(whole)
    assert ("openai", "gpt-4o") in tenths


def test_groups_the_worst_first_with_few_greyed(store):
    view = window(300)
    first, second, third, fourth = view.groups
    groups = (
        first,
        replace(second, metrics={**second.metrics, "quality_score_mean": 0.5}),
        replace(third, metrics={**third.metrics, "quality_score_mean": None}),
        replace(fourth, metrics={**fourth.metrics, "scored_requests": FEW - 1}),
    )
    picture = told(store, snapshot=busy_snapshot(windows=(replace(view, groups=groups),)))
    rows = group_rows(picture)
    names = [cell_text(row.cells[0]).split()[0] for row in rows]
    assert (names[0], names[-1]) == ("claude-sonnet-4-5", "deepseek-chat")
    assert rows[0].cells[1].severity is Severity.WARNING
    few = next(row for row in rows if "llama" in row.key)
    assert few.cells[1].ink == few.cells[5].ink == "muted"
    assert len(rows[0].cells) == len(columns("model"))
    assert group_labels(picture, rows[0].key) == second.labels
    assert group_labels(picture, "gone") == {}


def test_keys():
    view = View(sort="today")
    assert not is_descending(view)
    assert is_descending(View(sort="refusal"))
    assert operated("sort", view).sort == "relevance"
    assert operated("reverse", view) == replace(view, sort="quality", descending=False)
    assert operated("group", view).by == "operation"
    assert operated("maximise", view) is None


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_blank_before_the_store_has_told(name):
    data = quality_chart(picture_of(busy_snapshot()), name).data
    assert all(one.name == "mean" or not one.points for one in data.series)
    assert data.window_s == 300


def test_scores_have_a_line_each_and_the_limit_is_the_means(store):
    look, data = quality_chart(told(store), "scores")
    assert [one.name for one in data.series] == ["relevance", "mean"]
    assert [one.series for one in data.thresholds] == ["mean"]
    assert look.low == 0.5


def test_the_axis_reaches_down_to_low_scores(store):
    low = series_of(0.9)
    point = low.points[0]._replace(
        start_ns=AT_NS - SECOND_NS, means={**low.points[0].means, "format": 0.2}
    )
    picture = told(store)
    answers = {**picture.answers, SERIES: Answer(Series(SECOND_NS, (point,)))}
    assert quality_chart(replace(picture, answers=answers), "scores").look.low == 0.0


def test_refusals_and_the_scored_share_have_charts_of_their_own(store):
    limits = (Limit("refusals", "refusal_rate", 300, "above", 0.1, None),)
    picture = told(store, snapshot=busy_snapshot(limits=limits))
    refusals = quality_chart(picture, "refusals").data
    assert [one.label for one in refusals.thresholds] == ["warn 10%"]
    assert max(value for _, value in refusals.series[0].points if value is not None) > 0
    shares = quality_chart(picture, "scored share")
    assert shares.look.high == 1.0
    assert all(0 < value < 1 for _, value in shares.data.series[0].points)


def test_answers_of_another_shape_are_refused():
    with pytest.raises(SchemaError, match="one row"):
        parse_before({"rows": [], "truncated": False}, ("now",))
    assert BEFORE in {one.name for one in questions(picture_of(busy_snapshot()))}
    assert questions(picture_of(None)) == ()


def test_nearly_all_is_no_sample():
    most = busy_snapshot(windows=(window(300, requests=1400, scored_requests=1380),))
    assert "sample" not in note_text(picture_of(most))


def test_a_change_of_nothing_has_no_sign_of_a_fall(store):
    picture = told(store)
    step_ns = 300 * SECOND_NS // 4
    start_ns = picture.at_ns - 4 * step_ns
    points = [
        point._replace(start_ns=start_ns + place * step_ns)
        for place, point in enumerate(series_of(0.8, 0.8, 0.799, 0.799).points)
    ]
    answers = {**picture.answers, SERIES: Answer(Series(step_ns, tuple(points)))}
    assert shown(replace(picture, answers=answers))["trend"].beside == "by +0.00"


@pytest.mark.parametrize("width", [78, 98, 118, 198])
def test_no_figure_is_cut(store, width):
    text = "\n".join(line_text(line) for line in draw_figures(figures(told(store)), width))
    assert "…" not in text
