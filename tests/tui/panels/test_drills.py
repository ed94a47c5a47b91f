"""Where figures lead."""

import pytest
from support.pictures import picture_of
from support.snapshots import busy_snapshot

from llmmon_tui.filtering.parse import parse_filter
from llmmon_tui.panels.charts import PLOTS
from llmmon_tui.panels.drills import DRILLS, drilled
from llmmon_tui.panels.orders import NEWEST, SLOWEST
from llmmon_tui.panels.tiles import FIGURES
from llmmon_tui.places import PLACES
from llmmon_tui.view import View

GPT = {"provider": "openai", "model": "gpt-4o"}


def test_every_figure_and_chart_leads_to_a_screen():
    assert {figure.id for figure in FIGURES} | {plot.id for plot in PLOTS} <= set(DRILLS)
    assert set(DRILLS.values()) <= {place.id for place in PLACES}


def test_errors_lead_to_requests_that_failed():
    view, place, order = drilled(picture_of(busy_snapshot()), "err")
    assert (view.filter, place, order) == ("error", "requests", NEWEST.title)


@pytest.mark.parametrize("figure", ["p95", "latency"])
def test_a_quantile_leads_to_what_is_beyond_it(figure):
    picture = picture_of(busy_snapshot())
    view, place, order = drilled(picture, figure)
    beyond = f"latency_ms>{picture.total['latency_p95']:.0f}"
    assert (view.filter, place, order) == (beyond, "requests", SLOWEST.title)


def test_a_narrowing_stays_and_gives_its_own_quantile():
    picture = picture_of(busy_snapshot(), View(where=GPT))
    view, _, _ = drilled(picture, "p95")
    own = next(one for one in picture.window.groups if one.labels == GPT)
    assert view.where == GPT
    assert view.filter == f"latency_ms>{own.metrics['latency_p95']:.0f}"


def test_without_a_quantile_all_requests_are_shown():
    assert drilled(picture_of(None), "p95") == (View(), "requests", "")


@pytest.mark.parametrize("figure", ["err", "p95"])
def test_the_filter_stays_and_grows_once(figure):
    picture = picture_of(busy_snapshot(), View(filter="model:gpt-4o"))
    once, _, _ = drilled(picture, figure)
    assert once.filter.startswith("model:gpt-4o ")
    parse_filter(once.filter)
    again, _, _ = drilled(picture_of(busy_snapshot(), once), figure)
    assert again.filter == once.filter


@pytest.mark.parametrize("figure", ["rate", "cost", "quality", "tokens", "volume"])
def test_the_others_keep_the_view(figure):
    picture = picture_of(busy_snapshot(), View(filter="x"))
    assert drilled(picture, figure) == (picture.view, DRILLS[figure], "")
