from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.spark import LEVELS, spark


def test_the_scale_is_fixed():
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], 8, 8) == LEVELS
    assert spark([3.9, 4.0, 4.1], 3, 100) == "▁▁▁"


def test_missing_is_not_zero_and_no_history_is_blank():
    assert spark([None, 0.0], 4, 1) == "  ·▁"


def test_the_newest_values_are_kept():
    assert spark([0, 0, 0, 1], 2, 1) == "▁█"


def test_values_off_the_scale_are_cut():
    assert spark([-5, 50, 0], 3, 1) == "▁█▁"
    assert spark([0, 1], 2, 0) == "▁█"


@given(
    st.lists(st.none() | st.floats(), max_size=60),
    st.integers(0, 40),
    st.floats(0, 1e6),
)
def test_the_width_is_exact(values, width, maximum):
    assert len(spark(values, width, maximum)) == width
