import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.timeaxis import time_axis


@pytest.mark.parametrize(
    ("window_s", "width", "labels"),
    [
        (300, 20, ["-5m", "now"]),
        (900, 44, ["-15m", "-10m", "-5m", "now"]),
        (60, 44, ["-1m", "-40s", "-20s", "now"]),
        (7200, 60, ["-2h", "-1.5h", "-1h", "-30m", "now"]),
    ],
)
def test_labels(window_s, width, labels):
    assert time_axis(window_s, width).split() == labels


def test_edges():
    axis = time_axis(300, 20)
    assert axis.startswith("-5m")
    assert axis.endswith("now")
    assert time_axis(300, 24, "14:31:40").endswith("14:31:40")
    assert time_axis(300, 10, "14:31:40") == "  14:31:40"


@given(st.floats(1, 1e6), st.integers(0, 120))
def test_the_width_is_exact(window_s, width):
    assert len(time_axis(window_s, width)) == width
