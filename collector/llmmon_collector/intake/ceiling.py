"""When to drop what peers have sent the half of. Pure: memory and time come in.

ZeroMQ keeps the frames of a multipart message until its last one has come, whatever its
high-water mark says, and no option bounds how many. A peer whose message never ends fills the
memory of a process that can neither see nor refuse it. What helps is to close the socket, which
frees all of that, and to open it again: agents connect by themselves and send again what was not
acknowledged.
"""

from __future__ import annotations

from typing import Final

MOST_BYTES: Final = 1536 << 20
"""Memory of the whole process from which the agents' socket is opened anew."""

_SETTLE_NS: Final = 200_000_000
_LONGEST_NS: Final = 600 * 10**9


class Ceiling:
    """Asks for a new socket above ``most_bytes``, ever less often where that does not help."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._wait_ns = _SETTLE_NS
        self._quiet_until_ns = 0
        self.exceeded = 0
        """How often a new socket was asked for."""

    def is_exceeded(self, resident_bytes: int, mono_ns: int) -> bool:
        """Whether to open the socket anew, now that the process has ``resident_bytes``."""
        if resident_bytes <= self._most_bytes:
            self._wait_ns = _SETTLE_NS
            return False
        if mono_ns < self._quiet_until_ns:
            return False
        self._quiet_until_ns = mono_ns + self._wait_ns
        self._wait_ns = min(2 * self._wait_ns, _LONGEST_NS)
        self.exceeded += 1
        return True
