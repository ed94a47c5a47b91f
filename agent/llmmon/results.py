"""What ``stats`` and ``flush`` answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Stats(NamedTuple):
    """Counts of this process since its epoch began.

    ``emitted == acknowledged + sum(lost.values()) + buffered``, at any time.
    """

    emitted: int
    """Events recorded."""
    acknowledged: int
    """Events that the collector has on disk."""
    lost: Mapping[str, int]
    """Events lost, by reason (``llmmon.protocol.names.LOSS_REASONS``)."""
    buffered: int
    """Events recorded and neither acknowledged nor lost."""
    connected: bool
    """Whether a collector answers."""
    open_requests: int
    """Requests begun and not ended."""
    endpoint: str
    service: str
    spooled: int = 0
    """Of those buffered, events on disk: they are delivered even if this process ends."""
    adopted: int = 0
    """Events of ended processes of this service that this one saw delivered."""


class FlushResult(NamedTuple):
    """How a flush ended: events, counted from its beginning."""

    delivered: int
    """Acknowledged while the flush waited."""
    pending: int
    """Still buffered when it returned, those in the spool too."""
    dropped: int
    """Lost while it waited."""
