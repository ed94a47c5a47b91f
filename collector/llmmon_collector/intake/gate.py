"""Whether a batch may come in now, or is to be sent again later. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from llmmon.protocol.wire import Header
from llmmon_collector.intake.admission import Admission
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.stream import SECOND_NS, StreamId
from llmmon_collector.intake.watermark import Space, Watermark

_UNBOUNDED: Final = 1e12
_DISK_WAIT_MS: Final = 1000
_ROOM_WAIT_MS: Final = 5000
_SHOWN_NS: Final = 10 * SECOND_NS
_NAMED: Final = 3
_REMEMBERED: Final = 1000


class Refusal(NamedTuple):
    """A batch is to be sent again in ``retry_after_ms``."""

    detail: str
    """``disk``, ``streams`` or ``rate``."""
    retry_after_ms: int


class Gate:
    """The limits that a batch must pass: the disk's, the ledger's, its agent's."""

    def __init__(
        self,
        ledger: Ledger,
        admission: Admission | None = None,
        watermark: Watermark | None = None,
    ) -> None:
        self._ledger = ledger
        # an admission that knows nobody yet is empty, and so false
        self._admission = Admission(_UNBOUNDED) if admission is None else admission
        self._watermark = watermark
        self._throttled: dict[StreamId, int] = {}
        self._turned_away_ns: int | None = None

    @property
    def problem(self) -> str:
        """Why nothing at all is taken; empty when something is."""
        return "" if self._watermark is None else self._watermark.problem

    def look(self, mono_ns: int) -> bool:
        """Whether the disk has room; looks at most once a second."""
        return self._watermark is None or not self._watermark.is_low(mono_ns)

    def refuse(self, header: Header, mono_ns: int) -> Refusal | None:
        """Why a batch that is next in its stream must wait; None, and it counts as taken."""
        stream_id = StreamId(header.agent_id, header.epoch)
        if not self.look(mono_ns):
            return Refusal("disk", _DISK_WAIT_MS)
        if not self._ledger.has_room(stream_id, proven=True):
            self._ledger.turned_away += 1
            self._turned_away_ns = mono_ns
            return Refusal("streams", _ROOM_WAIT_MS)
        wait_ms = self._admission.admit(header.agent_id, header.events, mono_ns)
        if not wait_ms:
            return None
        if stream_id in self._throttled or len(self._throttled) < _REMEMBERED:
            self._throttled[stream_id] = mono_ns
        return Refusal("rate", wait_ms)

    def worked(self, began_ns: int, took_ns: int) -> None:
        """A group that began then took ``took_ns`` from receipt to acknowledgement."""
        self._admission.worked(began_ns, took_ns)

    def credit(self, agent_id: bytes, mono_ns: int) -> int:
        """Batches that the agent may have unacknowledged."""
        return self._admission.credit(agent_id, mono_ns)

    def tidy(self, mono_ns: int) -> None:
        """Forget who was throttled a while ago."""
        old = [key for key, at_ns in self._throttled.items() if mono_ns - at_ns > _SHOWN_NS]
        for stream_id in old:
            del self._throttled[stream_id]

    def notices(self, mono_ns: int) -> tuple[str, ...]:
        """Who had to wait in the last ten seconds, for people."""
        told = []
        recent = [key for key, ns in self._throttled.copy().items() if mono_ns - ns <= _SHOWN_NS]
        if recent:
            names = ", ".join(self._name(key) for key in recent[:_NAMED])
            more = f" and {len(recent) - _NAMED} more" if len(recent) > _NAMED else ""
            limit = f"{self._admission.events_per_s:,.0f}"
            told.append(f"throttled: {names}{more} over agent_events_per_s ({limit})")
        away_ns = self._turned_away_ns
        if away_ns is not None and mono_ns - away_ns <= _SHOWN_NS:
            told.append(
                f"new agents are turned away: {len(self._ledger.streams):,} agents and epochs are "
                f"known, at most {self._ledger.max_streams:,} can be"
            )
        return tuple(told)

    def _name(self, stream_id: StreamId) -> str:
        stream = self._ledger.streams.get(stream_id)
        if stream is not None and stream.service:
            return f"{stream.service}@{stream.host}"
        return stream_id.agent_id.hex()


def open_gate(
    ledger: Ledger,
    probe: Callable[[], Space],
    agent_events_per_s: float,
    min_free_bytes: int | None,
) -> Gate:
    """A gate with all its limits; ``probe`` tells the room on the disk, or raises OSError."""
    return Gate(ledger, Admission(agent_events_per_s), Watermark(probe, min_free_bytes))
