import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.plot import ChartData, ChartLook, ChartSeries, Threshold, draw_chart
from llmmon_tui.formatting import axis_duration, duration
from llmmon_tui.severity import Severity

LOOK = ChartLook(format_value=duration, format_tick=axis_duration)
NOW_S = 1000.0


def flat(name, value, ink="series-1", **options):
    points = [(float(t), value) for t in range(700, 1001, 2)]
    return ChartSeries(name, points, ink, **options)


def draw(series, thresholds=(), look=LOOK, size=(40, 10), **options):
    data = ChartData(series, thresholds, 300.0, NOW_S, **options)
    return draw_chart(data, look, *size).lines


def texts(lines):
    return [line_text(line) for line in lines]


def inks_of(line, char):
    return {ink for text, ink in line if char in text}


def test_legend_axis_and_times():
    rows = texts(draw([flat("p50", 900.0), flat("p99", 3410.0)]))
    assert rows[0].rstrip() == "p50 900ms  p99 3.41s"
    assert rows[1].startswith("  4s┤")
    assert rows[-2].startswith("   0┤")
    assert rows[-1].split() == ["-5m", "now"]


def test_a_limit_is_drawn_and_named_and_a_breach_is_marked():
    limit = Threshold(5000, "crit 5s", Severity.CRITICAL)
    lines = draw([flat("p95", 7200.0)], [limit])
    limit_row = next(line for line in lines if "crit 5s" in line_text(line))
    assert "╌" in line_text(limit_row)
    assert inks_of(limit_row, "crit 5s") == {"critical"}
    assert line_text(lines[0]).startswith("p95 ✖7.20s")
    assert inks_of(lines[0], "✖") == {"critical"}


def test_a_limit_far_above_is_named_without_flattening_the_data():
    rows = texts(draw([flat("p95", 100.0)], [Threshold(60_000, "crit 60s")]))
    assert "crit 60s↑" in rows[2], "the row below the data, which it does not hide"
    assert not any("╌" in row for row in rows)
    assert rows[1].startswith("0.1s┤")


def test_low_is_worse_for_quality():
    look = ChartLook(worst="low", low=0.5, high=1.0)
    limits = [Threshold(0.7, "warn .70"), Threshold(0.66, "crit .66", Severity.CRITICAL)]
    assert texts(draw([flat("q", 0.6)], limits, look))[0].startswith("q ✖0.60")
    assert texts(draw([flat("q", 0.68)], limits, look))[0].startswith("q ▲0.68")
    assert texts(draw([flat("q", 0.9)], limits, look))[0].startswith("q 0.90")


def test_no_value_is_a_dash_and_a_gap():
    points = [(float(t), None if t >= 900 else 5.0) for t in range(700, 1001, 2)]
    rows = texts(draw([ChartSeries("p95", points)]))
    assert rows[0].startswith("p95 —")
    data_row = next(row for row in rows[1:-1] if any(0x2800 < ord(char) < 0x2900 for char in row))
    assert data_row.endswith(" " * 8)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_worst_series_is_drawn_last(order):
    pair = [flat("p50", 50.0, "series-1"), flat("p99", 50.1, "series-3")]
    lines = draw([pair[index] for index in order])
    inks = {ink for line in lines[1:-1] for text, ink in line if "⠉" in text or "⣀" in text}
    assert "series-1" not in inks


def test_stacked_layers_add_up():
    look = replace(LOOK, stacked=True)
    rows = texts(draw([flat("a", 3000.0), flat("b", 4000.0, "series-2")], look=look))
    assert rows[0].startswith("a 3.00s  b 4.00s")
    assert rows[1].startswith("  8s┤") or rows[1].startswith(" 10s┤")
    assert "⣿" in rows[4]


def test_the_legend_of_a_stack_shows_each_layer_under_the_cursor():
    look = replace(LOOK, stacked=True)
    series = [flat("a", 3000.0), flat("b", 4000.0, "series-2")]
    assert texts(draw(series, [Threshold(3500, "x")], look, cursor_s=900.0))[0].startswith(
        "a 3.00s  b 4.00s"
    )


def test_a_past_end_hides_what_came_later():
    points = [(float(t), 1000.0 if t < 900 else 9000.0) for t in range(600, 1001, 2)]
    data = ChartData([ChartSeries("p95", points)], (), 300.0, 850.0)
    assert texts(draw_chart(data, LOOK, 40, 10).lines)[0].startswith("p95 1.00s")


def test_the_time_cursor_shows_the_values_under_it():
    points = [(float(t), 1000.0 if t < 850 else 2000.0) for t in range(700, 1001, 2)]
    lines = draw([ChartSeries("p95", points)], cursor_s=800.0, end_label="14:31:40")
    rows = texts(lines)
    assert rows[0].startswith("p95 1.00s")
    assert sum("│" in row[5:] for row in rows) >= 5
    assert rows[-1].endswith("14:31:40")


def test_markers():
    for marker, allowed in (("ascii", " '.:"), ("block", " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")):
        rows = texts(draw([flat("a", 5.0)], look=replace(LOOK, marker=marker)))
        assert set("".join(row[5:] for row in rows[1:-1])) <= set(allowed)


def test_without_data_the_frame_is_there():
    rows = texts(draw([]))
    assert len(rows) == 10
    assert all(len(row) == 40 for row in rows)


def test_the_axis_is_taken_over_from_the_frame_before():
    data = ChartData([flat("a", 90.0)], (), 300.0, NOW_S)
    first = draw_chart(ChartData([flat("a", 110.0)], (), 300.0, NOW_S), LOOK, 40, 10)
    assert draw_chart(data, LOOK, 40, 10).axis != first.axis
    assert draw_chart(data, LOOK, 40, 10, first.axis).axis == first.axis


series_lists = st.lists(
    st.builds(
        ChartSeries,
        st.text(max_size=6),
        st.lists(st.none() | st.floats(-1e6, 1e6), max_size=30).map(
            lambda values: [(700.0 + 10 * index, value) for index, value in enumerate(values)]
        ),
        st.sampled_from(["series-1", "series-2"]),
        st.sampled_from(["last", "max", "mean"]),
        st.booleans(),
    ),
    max_size=3,
)


@given(
    series_lists,
    st.lists(st.builds(Threshold, st.floats(-1e6, 1e6), st.text(max_size=12)), max_size=2),
    st.sampled_from(["braille", "block", "ascii"]),
    st.booleans(),
    st.tuples(st.integers(0, 60), st.integers(0, 14)),
)
def test_any_chart_keeps_exactly_to_its_size(series, thresholds, marker, stacked, size):
    look = replace(LOOK, marker=marker, stacked=stacked, low=None)
    width, height = size
    lines = draw(series, thresholds, look, size, cursor_s=900.0)
    assert len(lines) == (height if width else 0)
    assert all(line_width(line) == width for line in lines)


def test_two_limits_at_one_height_do_not_overwrite_each_other():
    limits = [Threshold(5.0, "warn 5s"), Threshold(5.0, "模型 5s", Severity.CRITICAL)]
    rows = texts(draw([flat("a", 4.0)], limits))
    assert [sum(name in row for row in rows) for name in ("warn 5s", "模型 5s")] == [1, 1]


def test_between_two_bucket_edges_only_the_newest_column_changes():
    def frame(now_s):
        points = [(t / 2, 5 + math.sin(t / 20)) for t in range(1400, int(now_s * 2) + 1)]
        data = ChartData([ChartSeries("a", points)], (), 300.0, now_s)
        return texts(draw_chart(data, LOOK, 65, 10).lines)[1:]

    # 60 cells of two dots: a bucket is 2.5 s
    before, after = frame(1000.0), frame(1002.0)
    changed = {
        x for old, new in zip(before, after, strict=True) for x in range(65) if old[x] != new[x]
    }
    assert changed <= {64}


def test_a_label_stands_beside_data_and_points_to_its_limit():
    limit = Threshold(500.0, "pace 0.5s")
    lines = draw([flat("p95", 4000.0, fill=True)], [limit, Threshold(9000.0, "warn 9s")])
    at = next(row for row, line in enumerate(texts(lines)) if "pace 0.5s↓" in line)
    assert not any(0x2800 < ord(char) < 0x2900 for char in texts(lines)[at][5:])
    full = texts(draw([flat("p95", 4000.0, fill=True)], [limit]))
    assert sum("pace 0.5s" in row for row in full) == 1


def test_a_label_stays_at_the_right_while_data_crosses_its_line():
    def end_of_label(value):
        rows = texts(draw([flat("p95", value)], [Threshold(5000, "warn 5s")]))
        (row,) = [row for row in rows if "warn 5s" in row]
        return row.index("warn 5s")

    assert len({end_of_label(value) for value in (2000.0, 4900.0, 5000.0, 5100.0, 7000.0)}) == 1
