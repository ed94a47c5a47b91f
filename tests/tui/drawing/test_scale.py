import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.scale import nice_axis, nice_step, steady_axis


@pytest.mark.parametrize(
    ("low", "high", "intervals", "ticks"),
    [
        (0, 4.2, 3, (0, 2, 4, 6)),
        (0, 100, 2, (0, 50, 100)),
        (0, 0.31, 4, (0, 0.1, 0.2, 0.3, 0.4)),
        (0.5, 1, 5, (0.5, 0.6, 0.7, 0.8, 0.9, 1)),
        (-3, 7, 2, (-5, 0, 5, 10)),
        (0, 0, 4, (0, 0.5, 1)),
    ],
)
def test_ticks(low, high, intervals, ticks):
    assert nice_axis(low, high, intervals).ticks == ticks


@given(st.floats(1e-9, 1e12), st.integers(1, 12))
def test_steps_are_one_two_or_five_times_a_power_of_ten(span, intervals):
    step = nice_step(span, intervals)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - factor) for factor in (1, 2, 5)) < 1e-6
    assert step * intervals >= span * (1 - 1e-6)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(1, 12))
def test_an_axis_holds_its_values(low, span, intervals):
    axis = nice_axis(low, low + span, intervals)
    slack = (axis.high - axis.low) * 1e-6
    assert axis.low <= low + slack
    assert axis.high >= low + span - slack
    assert list(axis.ticks) == sorted(set(axis.ticks))
    assert 0 <= axis.fraction(low) <= axis.fraction(low + span) <= 1


def test_an_axis_does_not_jump_with_a_wobbling_peak():
    axis = steady_axis(None, 0, 4.9, 4)
    grown = steady_axis(axis, 0, axis.high + 0.1, 4)
    assert grown.high > axis.high
    assert steady_axis(grown, 0, 4.9, 4) == grown
    assert steady_axis(grown, 0, 1.0, 4).high == 1.0
