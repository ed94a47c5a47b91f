"""How much may be under way: a line is simulated that carries so much and holds it so long."""

import math
from collections import deque

import pytest

from llmmon_tui.flow import LEAST, MOST_QUESTIONS, QUEUE_S, SILENT_S, Flow

STEP_S = 0.005


class Line:
    """Carries ``rate`` bytes a second and needs ``round_s`` for a question and its answer."""

    def __init__(self, flow, rate, round_s):
        self.flow, self.rate, self.round_s = flow, rate, round_s
        self.now_s = self.free_s = 100.0
        self.carried = 0
        self.longest_queue_s = 0.0
        self.answers = deque()

    def send(self, size):
        self.free_s = max(self.free_s, self.now_s) + size / self.rate
        self.longest_queue_s = max(self.longest_queue_s, self.free_s - self.now_s)
        self.carried += size
        self.answers.append((self.free_s + self.round_s, self.flow.sent(size, self.now_s)))

    def run(self, seconds, sends=True):
        """As much as there is room for, all the time."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += STEP_S
            while self.answers and self.answers[0][0] <= self.now_s:
                self.flow.answered(self.answers.popleft()[1], self.now_s)
            room = self.flow.room(self.now_s)
            if sends and room >= 100:
                self.send(int(min(room, 4096)))


def started(rate, round_s):
    """A line that has shown what it carries."""
    line = Line(Flow(), rate, round_s)
    line.send(0)
    line.run(2 * round_s, sends=False)
    line.send(10_000)
    line.run(2 * round_s + 10_000 / rate, sends=False)
    line.carried, line.longest_queue_s = 0, 0.0
    return line


@pytest.mark.parametrize("round_s", [0.15, 0.3])
def test_a_slow_line_is_used_and_hardly_anything_waits_for_it(round_s):
    line = started(8000.0, round_s)
    line.run(20.0)
    assert line.carried > 0.4 * 8000 * 20
    assert line.longest_queue_s < 0.2


def test_a_fast_line_takes_a_frame_at_once():
    line = started(5e6, 0.001)
    assert line.flow.room(line.now_s) > 60_000


def test_a_line_that_gets_slow_is_noticed():
    line = started(100_000.0, 0.05)
    line.rate = 8000.0
    line.run(10.0)
    line.longest_queue_s = 0.0
    line.run(10.0)
    assert line.longest_queue_s < 0.3


def test_a_line_that_gets_fast_is_noticed():
    line = started(8000.0, 0.05)
    line.rate = 1e6
    line.run(10.0)
    line.carried = 0
    line.run(1.0)
    assert line.carried > 100_000


def test_there_is_no_limit_as_long_as_nothing_answers():
    flow = Flow()
    for at_s in range(20):
        assert flow.room(float(at_s)) == math.inf
        flow.sent(5000, float(at_s))
    assert flow.rate is None


def test_a_key_may_send_where_a_frame_may_not():
    line = started(8000.0, 0.15)
    line.send(int(8000 * QUEUE_S * 2))
    assert line.flow.room(line.now_s) <= 0
    assert line.flow.room(line.now_s, is_urgent=True) > 500


def test_a_terminal_that_falls_silent_gets_no_more_than_the_least_and_is_tried_again():
    line = started(8000.0, 0.15)
    sent = 0
    for _ in range(int((SILENT_S - 1) / STEP_S)):
        line.now_s += STEP_S
        room = line.flow.room(line.now_s)
        if room > 0:
            line.flow.sent(int(room) + 1, line.now_s)
            sent += int(room) + 1
    assert sent < 2 * LEAST + 8000 * 0.3
    assert line.flow.room(line.now_s + SILENT_S) == math.inf


def test_answers_nobody_asked_for_change_nothing():
    line = started(8000.0, 0.15)
    before = line.flow.room(line.now_s)
    line.flow.answered(12345, line.now_s)
    assert line.flow.room(line.now_s) == before


def test_only_so_many_questions_are_under_way():
    line = started(1e6, 0.1)
    for _ in range(MOST_QUESTIONS):
        line.flow.sent(1, line.now_s)
    assert line.flow.room(line.now_s) == 0
