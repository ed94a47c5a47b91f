"""How many messages a channel may send in a time. Pure."""

from __future__ import annotations

from collections import deque

from llmmon_collector.notify.fields import RateLimit


class Gate:
    """Lets at most ``messages`` through in any period of ``per_s``.

    Urgent ones may go beyond that, one at a time: each a share of ``per_s / messages`` after the
    message before it. So they wait no longer than that share, and at most twice as many as
    ``messages`` go in any period.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self.limit = limit
        """None for none."""
        self._passed_ns: deque[int] = deque()
        """When messages went, monotonic clock: as many of the last as matter."""

    def is_open(self, mono_ns: int) -> bool:
        """Whether a message may go."""
        if self.limit is None or len(self._passed_ns) < self.limit.messages:
            return True
        earliest_ns = self._passed_ns[-self.limit.messages]
        return mono_ns - earliest_ns >= self.limit.per_s * 1e9

    def is_open_for_urgent(self, mono_ns: int) -> bool:
        """Whether one that cannot wait may go."""
        if self.limit is None or self.is_open(mono_ns):
            return True
        share_ns = self.limit.per_s * 1e9 / self.limit.messages
        return mono_ns - self._passed_ns[-1] >= share_ns

    def passed(self, mono_ns: int) -> None:
        """One went."""
        if self.limit is not None:
            self._passed_ns.append(mono_ns)
            while len(self._passed_ns) > self.limit.messages:
                self._passed_ns.popleft()
