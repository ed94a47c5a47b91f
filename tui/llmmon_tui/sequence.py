"""Which snapshots are news: sequence numbers, gaps, and a collector that began anew."""

from __future__ import annotations

from llmmon.protocol.snapshot import Snapshot


class Sequence:
    """Follows one topic of one collector."""

    def __init__(self) -> None:
        self._started_ns: int | None = None
        self._seq = 0

    def missed(self, snapshot: Snapshot) -> int | None:
        """Snapshots missed just before this one; None when it is no news and is to be dropped.

        A collector that was restarted counts from the start again: none was missed.
        """
        if snapshot.started_ns != self._started_ns:
            missed = 0
        elif snapshot.seq <= self._seq:
            return None
        else:
            missed = snapshot.seq - self._seq - 1
        self._started_ns, self._seq = snapshot.started_ns, snapshot.seq
        return missed
