"""When to stop waiting for an answer: a retransmission timer, with time as an argument.

Timeout is four round trips, at least 0.5 s, doubled at each expiry up to 5 s. Round trips are
measured on batches that were sent once (Karn's rule) and smoothed as in RFC 6298.
"""

from __future__ import annotations

from typing import Final

_MIN_S: Final = 0.5
_MAX_S: Final = 5.0
_ROUND_TRIPS: Final = 4
_GAIN: Final = 0.125


class RetransmitTimer:
    """One timer for all that is in flight. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.deadline_s: float | None = None
        """When the wait ends; None when nothing is waited for."""
        self.silences = 0
        """Expiries since the peer was last heard."""
        self._backoff = 0
        self._rtt_s: float | None = None
        self._probe: tuple[int, float] | None = None

    @property
    def timeout_s(self) -> float:
        """How long the next wait may last."""
        base_s = max(_MIN_S, _ROUND_TRIPS * (self._rtt_s or 0.0))
        return min(_MAX_S, base_s * 2.0 ** min(self._backoff, 8))

    def sent(self, now_s: float, new_seq: int | None = None) -> None:
        """Something that wants an answer went out; ``new_seq`` if it is a batch's first time."""
        if self.deadline_s is None:
            self.deadline_s = now_s + self.timeout_s
        if new_seq is not None and self._probe is None:
            self._probe = (new_seq, now_s)

    def heard(self) -> None:
        """The peer lives."""
        self.silences = 0

    def greeted(self) -> None:
        """The peer answered a greeting: all that is in flight is sent again."""
        self._backoff = 0
        self._probe = None
        self.stop()

    def progress(self, seq: int, now_s: float) -> None:
        """Everything up to ``seq`` is acknowledged."""
        self._backoff = 0
        self.deadline_s = now_s + self.timeout_s
        if self._probe is not None and seq >= self._probe[0]:
            sample_s = now_s - self._probe[1]
            old_s = sample_s if self._rtt_s is None else self._rtt_s
            self._rtt_s = old_s + _GAIN * (sample_s - old_s)
            self._probe = None

    def stop(self) -> None:
        """Nothing is waited for."""
        self.deadline_s = None

    def expire(self, now_s: float) -> bool:
        """Whether the wait is over. If so the timer stops until something is sent again."""
        if self.deadline_s is None or now_s < self.deadline_s:
            return False
        self.deadline_s = None
        self.silences += 1
        self._backoff += 1
        self._probe = None
        return True
