"""Pictures of the widgets at the four widths; look at the SVG files after --snapshot-update."""

import math

import pytest
from textual.app import App
from textual.containers import Horizontal

from llmmon_tui import formatting
from llmmon_tui.severity import ASCII_CLASS, Severity
from llmmon_tui.widgets.chart import Chart, ChartLook, ChartSeries, Threshold
from llmmon_tui.widgets.livetable import Cell, Column, LiveTable, Row
from llmmon_tui.widgets.statusline import Segment, StatusLine
from llmmon_tui.widgets.tile import Tile, TileData

NOW_S = 90_000.0
LATENCY = ChartLook(format_value=formatting.duration, format_tick=formatting.axis_duration)
COST = ChartLook(format_value=formatting.money, format_tick=formatting.axis_money, stacked=True)
QUALITY = ChartLook(format_value=formatting.score, worst="low", low=0.5, high=1.0)
COLUMNS = [
    Column("model", "model", 14),
    Column("operation", "operation", 10, flex=True),
    Column("p95", "p95", 6, "right"),
    Column("err", "err%", 6, "right"),
    Column("cost", "$/h", 7, "right", min_width=60),
    Column("trend", "trend", 8, min_width=100),
]


def wave(mean, swing, period_s, gap=range(0)):
    return [
        (NOW_S - ago, None if ago in gap else mean + swing * math.sin(ago / period_s))
        for ago in range(298, -1, -2)
    ]


class Host(App):
    CSS = """
    #charts { height: 12; }
    .tiles { height: 2; }
    .short, .short Tile { height: 1; }
    """

    def compose(self):
        yield StatusLine()
        for form in ("tiles", "short"):
            with Horizontal(classes=form):
                yield Tile("p95")
                yield Tile("err")
        with Horizontal(id="charts"):
            yield Chart(LATENCY, id="latency")
            yield Chart(COST, id="cost")
            yield Chart(QUALITY, id="quality")
        yield LiveTable(COLUMNS)

    def on_ready(self):
        self.query_one(StatusLine).set_segments(
            [
                Segment("llmmon"),
                Segment("● LIVE", "ok", 9),
                Segment("prod-eu", "muted", 1),
                Segment("lag 0.3s", priority=5),
                Segment("drop 0", priority=4),
                Segment("14:32:07", "muted", 3, "right"),
            ]
        )
        for tile in self.query(Tile):
            tile.set_data(P95 if tile.parent.children[0] is tile else ERRORS)
        self.fill_charts()
        table = self.query_one(LiveTable)
        table.set_sort("err")
        table.set_rows(ROWS)

    def fill_charts(self):
        hole = range(80, 130)
        self.query_one("#latency", Chart).set_data(
            [
                ChartSeries("p50", wave(900, 200, 20, hole), "series-1"),
                ChartSeries("p95", wave(2800, 500, 25, hole), "series-2"),
                ChartSeries("p99", wave(5200, 900, 31, hole), "series-3"),
            ],
            [Threshold(5000, "warn 5s")],
            300.0,
            NOW_S,
        )
        self.query_one("#cost", Chart).set_data(
            [
                ChartSeries("gpt-4", wave(20, 3, 20), "series-1"),
                ChartSeries("claude", wave(14, 4, 15), "series-2"),
                ChartSeries("deepseek", wave(12, 2, 30), "series-4"),
            ],
            [Threshold(100, "budget $100", Severity.CRITICAL)],
            300.0,
            NOW_S,
        )
        self.query_one("#quality", Chart).set_data(
            [ChartSeries("mean", wave(0.72, 0.06, 25), "series-3")],
            [Threshold(0.7, "warn .70")],
            300.0,
            NOW_S,
            cursor_s=NOW_S - 100,
            end_label="14:32:07",
        )


HISTORY = [None if 8 < index < 12 else index % 9 for index in range(80)]
P95 = TileData("p95", "3.41s", "of 5s", Severity.OK, "up", "12%", HISTORY, 9)
ERRORS = TileData("err", "7.2%", "of 5%", Severity.CRITICAL, "up", "", HISTORY, 9)
ROWS = [
    Row(
        "a",
        ("gpt-4", "summarise", "4.80s", Cell("7.2", Severity.CRITICAL), "$22.10", "▁▂▃▅▇█"),
        Severity.CRITICAL,
    ),
    Row(
        "b", ("claude-sonnet-4", "judge", "3.00s", Cell("4.6", Severity.WARNING), "$9.80", "▄▄▄▄▄▄")
    ),
    Row("c", ("通义千问", "retrieve", "2.20s", "0.1", Cell("$?", ink="muted"), "▅▅▆▅▅▅")),
    Row("d", ("deepseek-chat", "plan", "—", "—", "—", "")),
]


@pytest.mark.parametrize(
    "size", [(200, 26), (120, 26), (80, 24), (40, 24)], ids=lambda size: str(size[0])
)
def test_widgets(snap_compare, size):
    assert snap_compare(Host(), terminal_size=size)


def test_widgets_in_ascii(snap_compare):
    app = Host()
    app.add_class(ASCII_CLASS)
    assert snap_compare(app, terminal_size=(120, 26))


def test_widgets_without_colour(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Host(), terminal_size=(120, 26))
