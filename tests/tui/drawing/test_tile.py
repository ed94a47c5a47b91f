import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.tile import TileData, draw_tile, spark_width
from llmmon_tui.severity import Severity

P95 = TileData("p95", "3.41s", "of 5s", trend="up", delta="12%", history=[0, 1, 2], history_max=2)


def texts(data, width, height, **options):
    return [line_text(line) for line in draw_tile(data, width, height, **options)]


def test_two_rows():
    assert texts(P95, 30, 2) == ["p95   3.41s         of 5s ↑12%", " " * 27 + "▁▅█"]


def test_the_trend_leaves_before_the_limit_and_the_limit_before_the_value():
    assert texts(P95, 20, 2)[0] == "p95   3.41s    of 5s"
    assert texts(P95, 14, 2)[0] == "p95   3.41s/5s"
    assert texts(P95, 13, 2)[0] == "p95   3.41s  "


def test_one_row():
    assert texts(P95, 32, 1) == ["p95    3.41s/5s              ▁▅█"]
    tokens = TileData("tok/s", "612", "in 6.3k")
    assert texts(tokens, 26, 1)[0].startswith("tok/s    612·6.3k ")
    free = TileData("req/s", "4.12", trend="up", delta="11%")
    assert texts(free, 26, 1)[0].startswith("req/s   4.12 ↑11% ")


def test_compact():
    assert texts(P95, 19, 1) == ["p95   3.41s↑    ▁▅█"]


def test_a_breach_is_marked_and_coloured():
    data = TileData("err", "7.2%", "of 5%", Severity.CRITICAL)
    line = draw_tile(data, 30, 2)[0]
    assert ("   ✖7.2%", "critical") in line


def test_the_value_ends_in_the_same_cell_whatever_its_length():
    for value in ("9ms", "3.41s", "2m05s"):
        assert texts(TileData("p95", value), 30, 2)[0][:11].endswith(value)


def test_all_values_of_a_row_of_tiles_end_in_one_column():
    for title in ("p95", "qual", "tok/s"):
        assert texts(TileData(title, "0.71"), 30, 2)[0][:11].endswith("0.71")


@pytest.mark.parametrize(("width", "height"), [(30, 2), (26, 1), (19, 1), (3, 1), (0, 2)])
def test_the_spark_takes_the_width_that_is_told(width, height):
    data = TileData("err", "1", history=[1.0] * 60, history_max=1.0)
    drawn = "".join(texts(data, width, height))
    assert drawn.count("█") == spark_width(width, height)


def test_title_can_be_left_to_the_border():
    assert texts(P95, 24, 2, show_title=False)[0].startswith("   3.41s")


@given(
    st.builds(
        TileData,
        st.text(max_size=12),
        st.text(max_size=12),
        st.text(max_size=12),
        st.sampled_from(list(Severity)),
        st.sampled_from([None, "up", "down", "flat"]),
        st.text(max_size=5),
        st.lists(st.none() | st.floats(0, 10), max_size=30),
        st.floats(0, 10),
    ),
    st.integers(0, 60),
    st.integers(0, 3),
    st.booleans(),
)
def test_the_size_is_exact(data, width, height, show_title):
    lines = draw_tile(data, width, height, show_title)
    assert len(lines) <= height
    assert all(line_width(line) == width for line in lines)
