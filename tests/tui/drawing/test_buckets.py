import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.buckets import align, spacing_s, stack


def test_one_point_a_bucket():
    points = [(float(t), float(t)) for t in range(10)]
    assert align(points, 5, 9.5, 5) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(("policy", "expected"), [("last", 2.0), ("max", 9.0), ("mean", 4.0)])
def test_policies(policy, expected):
    points = [(0.0, 1.0), (1.0, 9.0), (2.0, 2.0)]
    assert align(points, 10, 9, 1, policy) == [expected]


def test_none_is_a_gap_at_once():
    points = [(0.0, 1.0), (1.0, None), (2.0, 3.0)]
    assert align(points, 3, 2.5, 3) == [1.0, None, 3.0]


def test_a_long_silence_is_a_gap_and_a_short_one_is_not():
    points = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (9.0, 2.0)]
    assert align(points, 10, 9.5, 10) == [1, 1, 1, 1, 1, 1, 1, None, None, 2]


def test_columns_shorter_than_the_sampling_are_held():
    points = [(0.0, 1.0), (4.0, 2.0), (8.0, 3.0)]
    assert align(points, 12, 11.5, 12) == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


def test_a_value_before_the_window_reaches_into_it():
    points = [(0.0, 7.0), (4.0, 8.0)]
    assert align(points, 4, 5.5, 4) == [7, 7, 8, 8]


def test_points_in_the_future_are_left_out():
    assert align([(1.0, 1.0), (100.0, 5.0)], 4, 1.5, 4)[-1] == 1.0
    assert 5.0 not in align([(1.0, 1.0), (100.0, 5.0)], 4, 1.5, 4)


@given(
    st.lists(st.tuples(st.floats(0, 300), st.none() | st.floats(0, 10)), max_size=80).map(
        lambda points: sorted(points, key=lambda point: point[0])
    ),
    st.floats(1, 400),
    st.floats(0, 400),
    st.integers(0, 120),
    st.sampled_from(["last", "max", "mean"]),
)
def test_any_points_give_one_value_a_column(points, window_s, now_s, columns, policy):
    values = align(points, window_s, now_s, columns, policy)
    assert len(values) == columns
    assert all(value is None or 0 <= value <= 10 for value in values)


def test_the_picture_stands_still_until_a_bucket_closes():
    points = [(float(t), float(t % 7)) for t in range(200)]
    now_s = 140.0
    frames = [
        align([point for point in points if point[0] <= now_s + step], 100, now_s + step, 20)
        for step in (0, 1, 2, 3, 4)
    ]
    assert all(frame[:-1] == frames[0][:-1] for frame in frames)
    after = align([point for point in points if point[0] <= 145], 100, 145.0, 20)
    assert after[:-2] == frames[0][1:-1]


def test_spacing():
    assert spacing_s([]) == 0
    assert spacing_s([(0.0, 1.0), (2.0, 1.0), (4.0, None), (60.0, 1.0)]) == 2.0


def test_stack():
    assert stack([[1.0, None], [2.0, 3.0]]) == [[1.0, None], [3.0, 3.0]]
    assert stack([]) == []
