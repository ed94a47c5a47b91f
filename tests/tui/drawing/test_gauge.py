"""Shares as bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.gauge import EMPTY, FULL, gauge
from llmmon_tui.formatting import width_of
from llmmon_tui.severity import to_ascii


@pytest.mark.parametrize(
    ("share", "bar"),
    [
        (0.0, "▕░░░░░░▏"),
        (0.001, "▕█░░░░░▏"),
        (0.5, "▕███░░░▏"),
        (0.999, "▕█████░▏"),
        (1.0, "▕██████▏"),
        (-0.35, "▕░░░░░░▏"),
        (1.32, "▕██████▏"),
        (float("inf"), "▕██████▏"),
        (None, "        "),
    ],
)
def test_bars(share, bar):
    assert gauge(share, 8) == bar


@given(st.none() | st.floats(allow_nan=False), st.integers(0, 40))
def test_a_bar_has_the_exact_width_and_an_ascii_form(share, width):
    bar = gauge(share, width)
    assert width_of(bar) == width
    assert to_ascii(bar).isascii()


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_is_never_drawn_as_less(one, other):
    less, more = sorted((one, other))
    assert gauge(less, 12).count(FULL) <= gauge(more, 12).count(FULL)
    assert (EMPTY not in gauge(more, 12)) == (more == 1)
