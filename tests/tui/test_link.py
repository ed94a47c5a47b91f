from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.link import Freshness

SECOND = 10**9
HOUR = 3600 * SECOND


def test_no_data_has_no_age():
    assert Freshness().age_s(5) is None


@given(st.integers(-24 * HOUR, 24 * HOUR))
def test_a_clock_that_is_set_wrong_makes_no_difference(skew_ns):
    freshness = Freshness()
    for second in range(5):
        freshness.take(second * SECOND, second * SECOND + skew_ns)
    assert freshness.age_s(4 * SECOND + skew_ns) == 0
    assert freshness.age_s(9 * SECOND + skew_ns) == 5


def test_a_snapshot_that_waited_does_not_pass_for_a_new_one():
    freshness = Freshness()
    freshness.take(0, 0)
    freshness.take(SECOND, 8 * SECOND)
    assert freshness.age_s(8 * SECOND) == 7


def test_a_step_of_the_clock_heals_within_a_minute():
    freshness = Freshness()
    freshness.take(0, 0)
    for second in range(1, 61):
        freshness.take(second * SECOND, second * SECOND + HOUR)
    assert freshness.age_s(60 * SECOND + HOUR) == 0


def test_age_is_never_below_zero():
    freshness = Freshness()
    freshness.take(0, 0)
    assert freshness.age_s(-SECOND) == 0
