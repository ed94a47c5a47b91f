"""How far an agent's clock is ahead of the collector's, from what its messages say. Pure.

A message bears the times at which it was sent and comes a little later, so that the clock seems to
be behind by the time that it was on its way. The message that was quickest, of the last few, says
best how far it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llmmon.protocol.wire import Header

SKEWED_NS: Final = 60 * 10**9
"""Clocks that are further apart than this are worth a word, and their times are not believed."""

_MESSAGES: Final = 8
_MOST_NS: Final = 10**18
_NAMED: Final = 5


def ahead_ns(header: Header, wall_ns: int) -> int:
    """How far ahead one message, received at ``wall_ns``, seems to be; 0 where it bears no time."""
    if not header.wall_ns:
        return 0
    return max(-_MOST_NS, min(_MOST_NS, header.wall_ns - wall_ns))


def believed(ns: int) -> int:
    """``ns``, or 0 where clocks are close enough together."""
    return ns if abs(ns) > SKEWED_NS else 0


class Skew:
    """Of one agent."""

    __slots__ = ("_ahead", "_between_ns")

    def __init__(self) -> None:
        self._ahead: tuple[int, ...] = ()
        self._between_ns = 0

    @property
    def ns(self) -> int:
        """Nanoseconds that it is ahead; 0 while nothing is known."""
        return max(self._ahead, default=0)

    def note(self, header: Header, wall_ns: int, mono_ns: int) -> None:
        """Learn from a message that was received at these times."""
        if not header.wall_ns:
            return
        between_ns = header.wall_ns - header.mono_ns - (wall_ns - mono_ns)
        if abs(between_ns - self._between_ns) > SKEWED_NS:
            # one of the two clocks was set: what is known is of before
            self._ahead = ()
        self._between_ns = between_ns
        self._ahead = (*self._ahead[1 - _MESSAGES :], ahead_ns(header, wall_ns))


def skew_notices(named: Iterable[tuple[str, int]]) -> list[str]:
    """What people should know of agents, by name, whose clocks are so far ahead."""
    apart = [(name, believed(ns)) for name, ns in named if believed(ns)]
    if not apart:
        return []
    told = [f"{name} by {abs(ns) / 1e9:,.0f} s {_way(ns)}" for name, ns in apart[:_NAMED]]
    more = f" and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
    what = f"clocks differ from this machine's: {', '.join(told)}{more}"
    return [f"{what}; windows count by age, the store keeps the times told"]


def _way(ns: int) -> str:
    return "ahead" if ns > 0 else "behind"
