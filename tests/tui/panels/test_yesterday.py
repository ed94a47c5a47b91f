"""The same time yesterday."""

from dataclasses import replace

import pytest
from support.pictures import model_of
from support.snapshots import AT_NS, busy_snapshot
from support.viewer_answers import answered
from support.viewer_data import history

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import encode_snapshot
from llmmon_tui.panels import yesterday
from llmmon_tui.view import View

S = 1_000_000_000
DAY_NS = 86_400 * S
GPT = {"provider": "openai", "model": "gpt-4o"}
COMPARED = View(compare=True)


def told_snapshot(params):
    windows = tuple(one for one in busy_snapshot().windows if one.window_s in params["windows_s"])
    return encode_snapshot(busy_snapshot(at_ns=params["at_ns"], windows=windows))


ANSWERS = {"history": history, "snapshot": told_snapshot}


def asked(view, **changes):
    picture = model_of(busy_snapshot(**changes), view).picture(AT_NS)
    return {one.name: one for one in yesterday.questions(picture)}


def test_nobody_compares_nothing_is_asked():
    assert asked(View()) == {}


def test_before_the_first_snapshot_nothing_is_asked():
    assert yesterday.questions(model_of(None, COMPARED).picture(AT_NS)) == ()


def test_what_is_asked_ends_a_day_earlier():
    questions = asked(replace(COMPARED, where=GPT, window_s=3600), at_ns=AT_NS + 17 * S)
    assert questions[yesterday.CURVE].params == {
        "window_s": 3600,
        "points": 120,
        "end_ns": AT_NS + 17 * S - DAY_NS,
        "where": GPT,
    }
    at_ns = AT_NS + 17 * S - DAY_NS
    assert questions[yesterday.TOTAL].params == {
        "by": "model",
        "at_ns": at_ns - at_ns % (60 * S),
        "windows_s": [3600],
    }


@pytest.mark.parametrize("change", [{"window_s": 60}, {"by": "route"}, {"where": GPT}])
def test_another_view_makes_other_questions(change):
    before, after = asked(COMPARED), asked(replace(COMPARED, **change))
    assert all(before[name].about != after[name].about for name in before)


def test_time_that_passes_does_not():
    before, after = asked(COMPARED), asked(COMPARED, at_ns=AT_NS + 90 * S)
    assert all(before[name].about == after[name].about for name in before)


def test_curves_are_moved_on_by_a_day():
    picture = answered(model_of(busy_snapshot(), COMPARED), yesterday.questions, ANSWERS)
    moved = yesterday.points(picture, "latency_p95")
    today = picture.history.points("latency_p95", AT_NS)
    assert [t_s for t_s, _ in moved] == [t_s for t_s, _ in today]


def test_figures_of_the_whole_and_of_one_group():
    model = model_of(busy_snapshot(), COMPARED)
    picture = answered(model, yesterday.questions, ANSWERS)
    assert yesterday.total(picture) == busy_snapshot().window(300).total
    narrowed = replace(picture, view=replace(COMPARED, where=GPT))
    group = next(one for one in busy_snapshot().window(300).groups if one.labels == GPT)
    assert yesterday.total(narrowed) == group.metrics
    unknown = replace(picture, view=replace(COMPARED, where={"model": "new"}))
    assert yesterday.total(unknown) == {}


def test_what_is_known_is_not_shown_once_nobody_compares():
    picture = answered(model_of(busy_snapshot(), COMPARED), yesterday.questions, ANSWERS)
    calm = replace(picture, view=View())
    assert yesterday.total(calm) == {}
    assert yesterday.points(calm, "latency_p95") == []


def test_without_an_answer_there_is_nothing():
    picture = answered(model_of(busy_snapshot(), COMPARED), yesterday.questions, {})
    assert picture.answer(yesterday.TOTAL).error == "no such method"
    assert yesterday.total(picture) == {}
    assert yesterday.points(picture, "latency_p95") == []


def test_another_shape_is_refused():
    total = asked(COMPARED)[yesterday.TOTAL]
    with pytest.raises(SchemaError, match="expected bytes"):
        total.parse({"seq": 1})
