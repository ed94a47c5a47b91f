from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.priority import Segment, status_line

SEGMENTS = [
    Segment("llmmon ● LIVE", "ok", 10),
    Segment("prod-eu", priority=1),
    Segment("lag 0.3s", priority=5),
    Segment("14:32:07", priority=3, side="right"),
]


def test_all_fit():
    expected = "llmmon ● LIVE  prod-eu  lag 0.3s          14:32:07"
    assert line_text(status_line(SEGMENTS, 50)) == expected


def test_the_least_important_leaves_first():
    assert line_text(status_line(SEGMENTS, 40)) == "llmmon ● LIVE  lag 0.3s         14:32:07"
    assert line_text(status_line(SEGMENTS, 30)) == "llmmon ● LIVE  lag 0.3s       "
    assert line_text(status_line(SEGMENTS, 15)) == "llmmon ● LIVE  "


def test_the_most_important_is_cut_rather_than_dropped():
    assert line_text(status_line(SEGMENTS, 8)) == "llmmon …"


def test_a_lesser_segment_does_not_outlive_a_greater_one():
    segments = [Segment("aaaa", priority=3), Segment("bbbbbbbb", priority=2), Segment("c")]
    assert line_text(status_line(segments, 10)) == "aaaa      "


def test_empty_segments_leave_no_gap():
    assert line_text(status_line([Segment("a"), Segment(""), Segment("b")], 4)) == "a  b"


@given(
    st.lists(
        st.builds(
            Segment,
            st.text(max_size=10),
            st.just("plain"),
            st.integers(0, 3),
            st.sampled_from(["left", "right"]),
        ),
        max_size=6,
    ),
    st.integers(0, 50),
)
def test_the_width_is_exact(segments, width):
    assert line_width(status_line(segments, width)) == width
