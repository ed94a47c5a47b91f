"""How much each agent may send: a token bucket each, and credit by fair shares. Pure.

The bucket bounds what one agent may cost. Credit, the number of batches on their way, divides what
the collector can do now: whoever sends more than a fair share while others are active gets less,
and when committing falls behind, those who send most give way first.
"""

from __future__ import annotations

from math import exp
from typing import Final

CREDIT: Final = 64
"""Batches that an agent may have unacknowledged at the most."""
BURST_S: Final = 4.0
"""A full bucket holds the events of so many seconds."""

_SECOND_NS: Final = 10**9
_LEAST_REFILL_S: Final = 0.1
"""A refused agent waits for at least so much of its rate: fewer refusals, each worth its while."""
_LONGEST_WAIT_MS: Final = 30_000
_LEAST_SHARE: Final = 1 / 8
"""Of full credit, for the greediest while nothing falls behind."""
_TOLERANCE: Final = 1.5
"""Fair shares that cost nothing: equals are never quite equal."""
_ACTIVE: Final = 1.0
"""Events of about the last second from which an agent counts as active."""
_COUNT_EVERY_NS: Final = 100_000_000
_IDLE_NS: Final = 10 * _SECOND_NS
_BEHIND_NS: Final = 50_000_000
"""A group that takes longer from receipt to acknowledgement is behind."""
_RECOVERY_S: Final = 10.0
"""From a standstill to full pace, so that a disk that stalls every second stays spared."""


class _Agent:
    """One agent's bucket, and its events of about the last second."""

    __slots__ = ("at_ns", "level", "recent")

    def __init__(self, level: float, at_ns: int) -> None:
        self.level = level
        self.recent = 0.0
        self.at_ns = at_ns

    def advance(self, now_ns: int, rate: float, burst: float) -> None:
        elapsed_s = max(0, now_ns - self.at_ns) / _SECOND_NS
        self.level = min(burst, self.level + rate * elapsed_s)
        self.recent = self.recent_at(now_ns)
        self.at_ns = max(self.at_ns, now_ns)

    def recent_at(self, now_ns: int) -> float:
        return self.recent * exp(-max(0, now_ns - self.at_ns) / _SECOND_NS)


class Admission:
    """All agents. Times are monotonic nanoseconds."""

    def __init__(self, events_per_s: float, burst_s: float = BURST_S) -> None:
        self.events_per_s = events_per_s
        self._burst = events_per_s * burst_s
        self._agents: dict[bytes, _Agent] = {}
        self._fair = 0.0
        """Events of about the last second that are a fair share; 0 where one agent is alone."""
        self._counted_ns = -_COUNT_EVERY_NS
        self._pace = 1.0
        """1 where committing keeps up, towards 0 the longer it does not."""
        self._paced_ns = 0

    def __len__(self) -> int:
        return len(self._agents)

    def admit(self, agent_id: bytes, events: int, now_ns: int) -> int:
        """Take a batch off the agent's bucket: 0; or milliseconds until it may be sent again."""
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = _Agent(self._burst, now_ns)
        agent.advance(now_ns, self.events_per_s, self._burst)
        # a batch larger than the bucket goes when that is full
        if agent.level < min(events, self._burst):
            least = max(float(events), self.events_per_s * _LEAST_REFILL_S)
            missing = min(least, self._burst) - agent.level
            return min(_LONGEST_WAIT_MS, int(1000 * missing / self.events_per_s) + 1)
        agent.level -= events
        agent.recent += events
        return 0

    def worked(self, began_ns: int, took_ns: int) -> None:
        """A group that began then took ``took_ns`` to commit and hand over."""
        elapsed_s = max(0, began_ns - self._paced_ns) / _SECOND_NS
        self._paced_ns = began_ns
        self._pace = min(1.0, self._pace + elapsed_s / _RECOVERY_S)
        if took_ns > _BEHIND_NS:
            self._pace = max(1 / CREDIT, self._pace / 2)

    def credit(self, agent_id: bytes, now_ns: int) -> int:
        """Batches that the agent may have unacknowledged: 1 to ``CREDIT``."""
        if now_ns - self._counted_ns >= _COUNT_EVERY_NS:
            self._count(now_ns)
        agent = self._agents.get(agent_id)
        recent = 0.0 if agent is None else agent.recent_at(now_ns)
        # alone, it has the whole; with others, what exceeds the fair share costs credit
        excess = recent / self._fair if self._fair else float(agent is not None)
        fairness = max(_LEAST_SHARE, 1 / excess) if excess > _TOLERANCE else 1.0
        slowness = (1 - self._pace) * min(1.0, excess)
        return max(1, round(CREDIT * fairness * (1 - slowness)))

    def _count(self, now_ns: int) -> None:
        self._counted_ns = now_ns
        refilled = self._burst - self.events_per_s * _IDLE_NS / _SECOND_NS
        for agent_id, agent in list(self._agents.items()):
            # by now its bucket is full: nothing is forgiven
            if now_ns - agent.at_ns > _IDLE_NS and agent.level >= refilled:
                del self._agents[agent_id]
        recent = [agent.recent_at(now_ns) for agent in self._agents.values()]
        active = sum(one >= _ACTIVE for one in recent)
        self._fair = sum(recent) / active if active > 1 else 0.0
