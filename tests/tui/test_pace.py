from llmmon_tui.pace import Pace


def test_every_tick_is_painted_while_somebody_looks():
    pace = Pace(2.0)
    assert [pace.paints(0, False) for _ in range(4)] == [True] * 4


def test_one_a_second_while_nobody_does():
    pace = Pace(4.0)
    assert sum(pace.paints(0, True) for _ in range(8)) == 2


def test_none_while_the_terminal_is_behind():
    pace = Pace(2.0)
    assert not any(pace.paints(3, False) for _ in range(4))
    assert pace.skipped == 4
    assert pace.paints(2, False)
