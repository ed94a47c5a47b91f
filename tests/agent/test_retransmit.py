"""The retransmission timer."""

from llmmon.delivery.retransmit import RetransmitTimer


def test_an_expired_timer_waits_twice_as_long_up_to_five_seconds() -> None:
    timer, now_s, waits_s = RetransmitTimer(), 0.0, []
    for _ in range(6):
        timer.sent(now_s)
        assert timer.deadline_s is not None
        waits_s.append(timer.deadline_s - now_s)
        now_s = timer.deadline_s
        assert timer.expire(now_s)
    assert waits_s == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_slow_peer_gets_four_round_trips() -> None:
    timer = RetransmitTimer()
    timer.sent(0.0, new_seq=1)
    timer.progress(1, 0.3)
    assert timer.timeout_s == 1.2


def test_a_batch_that_was_sent_twice_does_not_measure_a_round_trip() -> None:
    timer = RetransmitTimer()
    timer.sent(0.0, new_seq=1)
    assert timer.expire(0.5)
    timer.sent(0.5)
    timer.progress(1, 3.0)
    assert timer.timeout_s == 0.5


def test_a_stopped_timer_does_not_expire() -> None:
    timer = RetransmitTimer()
    timer.sent(0.0)
    timer.stop()
    assert not timer.expire(100.0)
