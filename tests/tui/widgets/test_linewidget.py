import math

import pytest
from textual.app import App
from textual.containers import Vertical

from llmmon_tui.severity import ASCII_CLASS, Severity
from llmmon_tui.widgets.chart import Chart, ChartSeries, Threshold
from llmmon_tui.widgets.ink import STALE_CLASS
from llmmon_tui.widgets.linewidget import line_regions
from llmmon_tui.widgets.livetable import Column, LiveTable, Row
from llmmon_tui.widgets.spark import Spark
from llmmon_tui.widgets.statusline import Segment, StatusLine
from llmmon_tui.widgets.tile import Tile, TileData

NOW_S = 1000.0


def wave(now_s=NOW_S):
    return [(float(t), 3 + math.sin(t / 20)) for t in range(700, int(now_s) + 1)]


class Host(App):
    def compose(self):
        yield StatusLine()
        yield Tile("p95")
        yield Spark(10)
        with Vertical():
            yield Chart()
        yield LiveTable([Column("model", "model", 10, flex=True)])

    def fill(self):
        self.query_one(StatusLine).set_segments([Segment("● LIVE", "ok", 9), Segment("lag 0.3s")])
        self.query_one(Tile).set_data(TileData("p95", "3.41s", "of 5s", Severity.WARNING, "up"))
        self.query_one(Spark).set_data([1, None, 9], Severity.CRITICAL)
        chart([wave()], self)
        self.query_one(LiveTable).set_rows([Row("a", ("gpt-4",), Severity.CRITICAL)])


def chart(waves, app, now_s=NOW_S):
    series = [ChartSeries(f"s{i}", one, f"series-{i + 1}") for i, one in enumerate(waves)]
    app.query_one(Chart).set_data(series, [Threshold(5, "warn 5")], 300.0, now_s)


@pytest.fixture
async def pilot():
    async with Host().run_test(size=(60, 24)) as pilot:
        pilot.app.fill()
        await pilot.pause()
        yield pilot


def drawn(pilot):
    return {type(widget).__name__: widget.lines_drawn for widget in widgets(pilot.app)}


def widgets(app):
    return [app.query_one(kind) for kind in (StatusLine, Tile, Spark, Chart, LiveTable)]


def text_of(widget):
    return "\n".join(widget.render_line(y).text for y in range(widget.content_size.height))


async def test_the_same_data_draws_nothing(pilot):
    before = drawn(pilot)
    pilot.app.fill()
    await pilot.pause()
    assert drawn(pilot) == before


async def test_a_chart_draws_the_changed_lines_only(pilot):
    widget = pilot.app.query_one(Chart)
    before = widget.lines_drawn
    points = [*wave(), (NOW_S + 0.5, 2.2)]
    chart([points], pilot.app, NOW_S + 0.5)
    await pilot.pause()
    assert 0 < widget.lines_drawn - before < widget.content_size.height / 2


async def test_a_status_line_that_changes_leaves_the_rest_alone(pilot):
    before = drawn(pilot)
    pilot.app.query_one(StatusLine).set_segments([Segment("● STALE", "warning", 9)])
    await pilot.pause()
    assert drawn(pilot) == before | {"StatusLine": before["StatusLine"] + 1}


async def test_data_set_before_the_first_layout_is_shown():
    class Early(App):
        def compose(self):
            widget = Spark(10)
            widget.set_data([10])
            yield widget

    async with Early().run_test(size=(8, 3)) as pilot:
        assert text_of(pilot.app.query_one(Spark)) == "       █"


async def test_a_resize_draws_anew(pilot):
    await pilot.resize_terminal(40, 24)
    await pilot.pause()
    widget = pilot.app.query_one(Chart)
    assert {len(line) for line in text_of(widget).splitlines()} == {40}


async def test_every_segment_has_a_style_with_the_background(pilot):
    for widget in widgets(pilot.app):
        for y in range(widget.content_size.height):
            for segment in widget.render_line(y):
                assert segment.style is not None
                assert segment.style.bgcolor is not None


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_no_color_does_not_crash(monkeypatch, theme):
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host()
    app.theme = theme
    async with app.run_test(size=(60, 24)) as pilot:
        app.fill()
        await pilot.press("down")
        await pilot.pause()
        assert "3.41s" in app.export_screenshot()


async def test_a_theme_change_recolours(pilot):
    widget = pilot.app.query_one(Tile)
    before = [segment.style for segment in widget.render_line(0)]
    pilot.app.theme = "textual-light"
    await pilot.pause()
    assert [segment.style for segment in widget.render_line(0)] != before


async def test_stale_turns_pale(pilot):
    widget = pilot.app.query_one(Tile)
    before = [segment.style.color for segment in widget.render_line(0)]
    widget.add_class(STALE_CLASS)
    await pilot.pause()
    pale = [segment.style.color for segment in widget.render_line(0)]
    assert len(set(pale)) == 1
    assert pale != before


async def test_ascii_everywhere():
    app = Host()
    app.add_class(ASCII_CLASS)
    async with app.run_test(size=(60, 24)) as pilot:
        app.fill()
        await pilot.pause()
        for widget in widgets(app):
            assert text_of(widget).isascii(), type(widget)


async def test_markers_can_be_switched(pilot):
    widget = pilot.app.query_one(Chart)
    widget.set_marker("block")
    await pilot.pause()
    assert not any(0x2800 < ord(char) < 0x2900 for char in text_of(widget))
    assert any(char in "▘▝▀▖▌▞▛▗▚▐▜▄▙▟" for char in text_of(widget))


async def test_an_unknown_ink_is_an_error(pilot):
    pilot.app.query_one(StatusLine).set_segments([Segment("x", "purple")])
    with pytest.raises(KeyError):
        pilot.app.query_one(StatusLine).render_line(0)
    pilot.app.query_one(StatusLine).set_segments([])


def test_line_regions_joins_neighbours():
    regions = [(region.y, region.height) for region in line_regions([0, 1, 2, 5, 7, 8], 10)]
    assert regions == [(0, 3), (5, 1), (7, 2)]
    assert list(line_regions([], 10)) == []
