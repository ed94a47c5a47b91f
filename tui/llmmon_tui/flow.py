"""How much may be under way to a terminal, going by when it answers.

A terminal that is asked for its cursor answers once it has taken in everything before. So the time
of the answer tells what the whole line carries, whatever buffers lie between: those of an SSH
connection hold seconds of a slow line's output, and the terminal's own device shows nothing of it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

LEAST: Final = 1200
"""Bytes that may be under way on any line."""
SLACK_S: Final = 0.05
"""What may be under way beside what the line itself holds, as the time that it takes."""
QUEUE_S: Final = 0.03
"""What may wait for the line at any time, in the same way: a key's answer waits behind it."""
URGENT_S: Final = 0.2
"""The same for the answer to a key."""
_GAIN: Final = 1.25
"""More than the line is known to carry, as it may carry more."""
SILENT_S: Final = 10.0
"""Without an answer for so long a terminal counts as one that never answers."""
MOST_QUESTIONS: Final = 16
"""Questions that may be under way."""
_INSTANT_S: Final = 1e-4
_FORGETTING: Final = 0.25
_DRIFT: Final = 0.002


class _Question(NamedTuple):
    ticket: int
    size: int
    """Bytes sent with it."""
    asked_s: float
    taken: int
    """Bytes that the terminal was known to have taken in by then."""
    ahead: int
    """Bytes under way by then, its own among them."""
    since_s: float
    """Since when it takes in what follows those."""


class Flow:
    """`now_s` is monotonic. As long as no answer has come there is no limit."""

    def __init__(self) -> None:
        self._questions: deque[_Question] = deque()
        self._ticket = 0
        self._taken = 0
        self._taken_s = -math.inf
        self._busy_until_s = -math.inf
        self._rate: float | None = None
        self._shortest_s = math.inf

    @property
    def under_way(self) -> int:
        """Bytes of which it is not known that the terminal has taken them in."""
        return sum(question.size for question in self._questions)

    @property
    def rate(self) -> float | None:
        """Bytes a second that the line carries; None where that is not known."""
        return self._rate

    def sent(self, size: int, now_s: float) -> int:
        """Note bytes that end in a question; gives its ticket."""
        self._ticket += 1
        if self._rate is not None:
            took_s = size / (self._rate * _GAIN)
            self._busy_until_s = max(self._busy_until_s, now_s) + took_s
        since_s = self._taken_s if self._questions else now_s
        ahead = self.under_way + size
        question = _Question(self._ticket, size, now_s, self._taken, ahead, since_s)
        self._questions.append(question)
        return self._ticket

    def answered(self, ticket: int, now_s: float) -> None:
        """Note the answer to a question, and with it to all before; others are ignored."""
        if all(question.ticket != ticket for question in self._questions):
            return
        question = self._questions.popleft()
        self._taken += question.size
        while question.ticket != ticket:
            question = self._questions.popleft()
            self._taken += question.size
        self._taken_s = now_s
        rate = (self._taken - question.taken) / max(now_s - question.since_s, _INSTANT_S)
        took_s = now_s - question.asked_s
        if self._rate is not None:  # without what its bytes and those before took to go through
            took_s -= question.ahead / (self._rate * _GAIN)
        self._learn(max(took_s, _INSTANT_S), rate)

    def room(self, now_s: float, is_urgent: bool = False) -> float:
        """Bytes that may be sent now."""
        if self._questions and now_s - self._questions[0].asked_s > SILENT_S:
            self._questions.clear()
            self._rate = None
        if self._rate is None:
            return math.inf
        if len(self._questions) >= MOST_QUESTIONS:
            return 0.0
        wait_s = URGENT_S if is_urgent else QUEUE_S
        held = self._rate * (self._shortest_s + SLACK_S + wait_s)
        free_s = now_s + wait_s - max(self._busy_until_s, now_s)
        return min(max(LEAST, held) - self.under_way, free_s * self._rate * _GAIN)

    def _learn(self, took_s: float, rate: float) -> None:
        if took_s < self._shortest_s:
            self._shortest_s = took_s
        else:
            self._shortest_s += (took_s - self._shortest_s) * _DRIFT
        if rate and (self._rate is None or rate > self._rate):
            self._rate = rate
        elif self._rate is not None and took_s > self._shortest_s + SLACK_S:
            # it waited, so the line was full
            self._rate += (rate - self._rate) * _FORGETTING
