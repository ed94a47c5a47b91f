from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.pace import SETTLE_S, UNSEEN_S, Pace

BEHIND = 3


def frames(pace, news_s, until_s):
    """When frames are painted on a terminal that keeps up, as the application does it."""
    painted_s, due_s, is_told = [], pace.interval_s, False
    waiting_s = sorted(news_s)
    while due_s < until_s:
        if waiting_s and waiting_s[0] < due_s:
            now_s = waiting_s.pop(0)
            if not is_told:
                is_told, due_s = True, now_s + pace.wait_s(now_s)
            continue
        is_told = False
        if pace.paints(due_s, 0):
            painted_s.append(due_s)
        due_s += pace.interval_s
    return painted_s


def every(period_s, until_s):
    return [period_s * number for number in range(1, int(until_s / period_s))]


@pytest.mark.parametrize("jitter_s", [-0.015, 0.0, 0.015])
def test_with_ticks_of_a_second_every_snapshot_is_painted_at_once(jitter_s):
    news_s = [at + jitter_s * (at % 2) for at in every(1.0, 30.0)]
    painted_s = frames(Pace(2.0), news_s, 30.0)
    for at in news_s:
        assert min(abs(one - at - SETTLE_S) for one in painted_s) < 1e-9
    assert len(painted_s) <= 2 * 30 + 1


def test_what_is_told_of_one_tick_shares_a_frame():
    news_s = [at + more for at in every(1.0, 10.0) for more in (0.0, 0.005, 0.01)]
    assert len(frames(Pace(2.0), news_s, 10.0)) <= 2 * 10 + 1


def test_faster_ticks_bring_no_more_frames_and_these_at_even_distances():
    painted_s = frames(Pace(2.0), every(0.1, 20.0), 20.0)
    assert len(painted_s) <= 2 * 20 + 1
    gaps_s = [after - before for before, after in pairwise(painted_s)]
    assert gaps_s[2:] == pytest.approx([0.5] * len(gaps_s[2:]))


def test_without_news_the_clocks_go_on():
    assert frames(Pace(4.0), [], 3.0) == pytest.approx(every(0.25, 3.0))


@given(
    st.sampled_from([0.2, 1.0, 2.0, 10.0]),
    st.lists(st.floats(0.0, 20.0), max_size=200),
)
def test_never_more_than_the_rate_and_one(rate_hz, news_s):
    pace = Pace(rate_hz)
    painted_s = frames(pace, news_s, 30.0)
    for place, at in enumerate(painted_s):
        within = [one for one in painted_s[place:] if one < at + 1.0 - 1e-6]
        assert len(within) <= max(1.0, rate_hz) + 1
    for at in news_s:
        assert any(at <= one <= at + pace.interval_s + SETTLE_S + 1e-6 for one in painted_s)


def test_one_a_second_while_nobody_looks():
    pace = Pace(4.0)
    pace.is_seen = False
    painted_s = frames(pace, every(0.1, 10.0), 10.0)
    assert len(painted_s) <= 10 / UNSEEN_S + 1


def test_a_slow_rate_is_no_faster_while_nobody_looks():
    pace = Pace(0.2)
    pace.is_seen = False
    assert pace.interval_s == 5.0


def test_none_while_the_terminal_is_behind():
    pace = Pace(2.0)
    assert not any(pace.paints(at, BEHIND) for at in range(4))
    assert pace.skipped == 4
    assert pace.paints(4.0, BEHIND - 1)
    assert pace.skipped == 4
