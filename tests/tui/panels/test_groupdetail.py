"""The group under the cursor: figures against before, alerts, errors, charts."""

from dataclasses import replace

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, alert, busy_snapshot, metrics, window
from support.viewer_answers import answered
from support.viewer_data import history
from support.viewer_ops import errors

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import Group, encode_snapshot
from llmmon_tui.drawing.lines import line_text
from llmmon_tui.panels import groups
from llmmon_tui.panels.groupcharts import GROUP_PLOTS
from llmmon_tui.panels.groupdetail import change_text, detail_lines, leaders
from llmmon_tui.panels.groupfields import MODELS, field_text, sortable
from llmmon_tui.panels.grouplist import GroupList
from llmmon_tui.panels.groupquestions import narrowed, parse_errors, questions
from llmmon_tui.severity import Severity
from llmmon_tui.view import View

GPT = {"provider": "openai", "model": "gpt-4o"}


def before(params):
    half = window(300)
    slower = tuple(replace(one, metrics=metrics(latency_p95=1705.0)) for one in half.groups)
    return encode_snapshot(
        busy_snapshot(by=params["by"], windows=(replace(half, groups=slower),), at_ns=AT_NS)
    )


ANSWERS = {"history": history, "query": errors, "snapshot": before}


def of_gpt(picture):
    return questions(picture, GPT)


def detail(picture, labels=GPT, width=60, height=40):
    group = next(one for one in picture.window.groups if one.labels == labels)
    return [line_text(line) for line in detail_lines(picture, group, width, height)]


def leading(snapshot):
    shown = picture_of(snapshot)
    return leaders(shown, tuple(GroupList().of(shown.window).values()))


def test_figures_stand_against_their_limits_and_the_window_before():
    picture = answered(model_of(busy_snapshot()), of_gpt, ANSWERS)
    p95 = next(line for line in detail(picture) if line.startswith("p95"))
    assert p95.split() == ["p95", "3.41s", "of", "5s", "↑100%"]
    err = next(line for line in detail(picture) if line.startswith("err"))
    assert "✖7.2" in err


def test_few_requests_break_no_limit_here_as_in_the_table():
    picture = picture_of(busy_snapshot())
    group = next(one for one in picture.window.groups if one.labels == GPT)
    few = replace(group, metrics={**group.metrics, "requests": 3})
    lines = [line_text(line) for line in detail_lines(picture, few, 60, 40)]
    assert not any("✖7.2" in line for line in lines)


def test_what_nobody_priced_is_not_drawn_as_free():
    def cost(**changes):
        half = window(300)
        groups = tuple(replace(one, metrics={**one.metrics, **changes}) for one in half.groups)
        shown = model_of(busy_snapshot(windows=(replace(half, groups=groups),)))
        picture = narrowed(answered(shown, of_gpt, ANSWERS), GPT)
        plot = next(one for one in GROUP_PLOTS if one.id == "cost")
        return plot.draw(picture).series[0].points

    assert cost()
    assert cost(requests=5, unpriced_requests=5) == []


@pytest.mark.parametrize("first_s", [400, None])
def test_a_window_before_that_is_not_known_throughout_is_no_comparison(first_s):
    first_ns = None if first_s is None else AT_NS - first_s * 10**9

    def query(params):
        is_first = "min(time)" in params["sql"]
        return {"rows": [[first_ns]], "truncated": False} if is_first else errors(params)

    picture = answered(model_of(busy_snapshot()), of_gpt, {**ANSWERS, "query": query})
    p95 = next(line for line in detail(picture) if line.startswith("p95"))
    assert p95.split() == ["p95", "3.41s", "of", "5s", "—"]


def test_where_it_is_narrow_no_column_of_the_figures_is_cut_off():
    picture = answered(model_of(busy_snapshot()), of_gpt, ANSWERS)
    p95 = next(line for line in detail(picture, width=40) if line.startswith("p95"))
    assert p95.split() == ["p95", "3.41s", "of", "5s", "↑100%"]


def test_its_alerts_and_those_of_the_whole():
    other = alert(id="x", rule="not_mine", labels={"model": "deepseek-chat"})
    known = busy_snapshot()
    told = "\n".join(detail(picture_of(replace(known, alerts=(*known.alerts, other)))))
    assert "alerts  2 open" in told
    assert "high_error_rate" in told
    assert "(all)" in told
    assert "not_mine" not in told


def test_errors_by_kind_with_counts_or_why_they_are_not_known():
    told = detail(answered(model_of(busy_snapshot()), of_gpt, ANSWERS))
    assert "errors in 5m  89" in next(line for line in told if line.startswith("errors"))
    assert any("429 RateLimitError" in line and "61" in line for line in told)
    assert any("500 HTTP error" in line for line in told)
    assert any("asking the collector" in line for line in detail(picture_of(busy_snapshot())))
    refused = answered(model_of(busy_snapshot()), of_gpt, {"history": history, "snapshot": before})
    assert any("no such method" in line for line in detail(refused))
    calm = {**ANSWERS, "query": lambda params: {"columns": [], "rows": [], "truncated": False}}
    quiet = answered(model_of(busy_snapshot()), of_gpt, calm)
    assert any("no errors in 5m" in line for line in detail(quiet))


def test_where_there_is_little_room_trouble_comes_first():
    told = detail(answered(model_of(busy_snapshot()), of_gpt, ANSWERS), height=6)
    assert len(told) == 6
    assert told[0].startswith("alerts")


def test_the_answer_to_errors_is_checked():
    with pytest.raises(SchemaError):
        parse_errors({"rows": [["only", "three", 1]], "truncated": False})


def test_a_missing_figure_is_no_change():
    assert change_text("latency_p95", {"latency_p95": None}, metrics()) == "—"
    assert change_text("latency_p95", metrics(), {}) == "—"
    assert change_text("latency_p95", metrics(), metrics()) == "="
    assert change_text("errors", {"errors": 3}, {"errors": 0}) == "▲ new"


def test_it_asks_with_its_labels_and_only_of_the_past_where_that_is_shown():
    picture = picture_of(busy_snapshot())
    curves, earlier, _, failed = questions(picture, GPT)
    assert curves.params["where"] == GPT
    assert earlier.params["at_ns"] == AT_NS - 300 * 10**9
    assert "model, '') = 'gpt-4o'" in failed.params["sql"]
    assert "now()" not in failed.params["sql"]
    assert questions(picture, {}) == ()
    names = [one.name for one in questions(picture_of(busy_snapshot(), View(compare=True)), GPT)]
    assert {"yesterday.curve", "yesterday.total"} <= set(names)


def test_charts_show_the_group_and_not_the_whole():
    picture = answered(model_of(busy_snapshot()), of_gpt, ANSWERS)
    shown = narrowed(picture, GPT)
    assert shown.view.where == GPT
    for plot in GROUP_PLOTS:
        assert plot.draw(shown).series[-1].points
    not_yet = narrowed(picture_of(busy_snapshot()), GPT)
    assert not any(one.points for plot in GROUP_PLOTS for one in plot.draw(not_yet).series)


def test_who_fails_is_slow_and_is_dear():
    told = leading(busy_snapshot())
    assert told[0].text.startswith("✖ failing gpt-4o err 7.2%")
    assert [one.text.split()[0] for one in told[1:]] == ["slowest", "dearest"]
    few = tuple(Group(GPT, metrics(requests=3)) for _ in range(2))
    assert leading(busy_snapshot(windows=(replace(window(300), groups=few),))) == []


def test_the_one_with_most_errors_does_not_fail_while_it_keeps_the_limit():
    calm = Group({"provider": "together", "model": "meta-llama/Llama-2"}, metrics(error_rate=0.006))
    told = leading(busy_snapshot(windows=(replace(window(300), groups=(calm,)),)))
    assert told[0].text == "most errors Llama-2 err 0.6%"


def test_of_namesakes_the_provider_is_told():
    known = tuple(
        Group({"provider": provider, "model": "llama-2-70b"}, metrics(latency_p95=latency_ms))
        for provider, latency_ms in (("lepton", 900.0), ("perplexity", 1900.0))
    )
    told = leading(busy_snapshot(windows=(replace(window(300), groups=known),)))
    assert told[1].text == "slowest perplexity/llama-2-70b p95 1.90s"


def test_each_group_of_a_window_is_made_once():
    shown, known = picture_of(busy_snapshot()).window, GroupList()
    groups_of_window = known.of(shown)
    assert [one.labels for one in groups_of_window.values()] == [one.labels for one in shown.groups]
    assert known.of(shown) is groups_of_window
    assert known.of(None) == {}


def test_more_columns_for_a_screen_of_its_own():
    whole = metrics(2.0)
    assert field_text("share", metrics(), whole) == "50% ▕██░░░▏"
    assert field_text("share", metrics(), {}) == "—"
    assert field_text("open_requests", metrics(), whole) == "7/1"
    assert field_text("latency_max", metrics(), whole) == "15.2s"
    assert "tokens" not in sortable(MODELS)
    picture = picture_of(busy_snapshot(), View(sort="max"))
    assert groups.sort_text(picture, MODELS) == "sort max ↓"


def test_a_thousand_groups_cost_what_is_looked_at():
    many = tuple(Group({"model": f"m-{number:04d}"}, metrics()) for number in range(1000))
    view = replace(window(300), groups=many)
    rows = groups.group_rows(picture_of(busy_snapshot(windows=(view,))), MODELS)
    assert rows[500].key == "model=m-0500"
    assert rows.built == 1
    assert rows[0].severity is Severity.OK
