"""What of the agents' messages may go on to intake, message by message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import zmq

from llmmon.protocol.codec import encode_map
from llmmon.protocol.wire import Header, Message, encode_message
from llmmon_collector.security.door import Door
from llmmon_collector.security.owners import Owners

FOREIGN_AGENT: Final = "an agent id that belongs to another key"
RETRY_MS: Final = 5000
"""After so long a refused agent may ask again: its key may be allowed by then."""

_HEADER: Final = 1
_AGENT_ID: Final = slice(2, 18)
_EPOCH: Final = slice(18, 26)


class AgentCheck:
    """Belongs to the intake thread."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._owners = Owners()

    def refusal(self, frames: Sequence[zmq.Frame]) -> str:
        """Why the message of ``frames`` may not go on; empty when it may."""
        sender = self.door.sender(frames[-1])
        if isinstance(sender, str):
            return sender
        agent_id = _part(frames, _AGENT_ID)
        # what has no header is not refused here: intake counts it as unreadable
        if agent_id and not self._owners.claim(agent_id, sender.name):
            return self.door.refuse(FOREIGN_AGENT, sender.name)
        return ""


def nack(frames: Sequence[zmq.Frame], reason: str) -> list[bytes] | None:
    """What to answer to a refused message; None where it has no header to answer to."""
    agent_id, epoch = _part(frames, _AGENT_ID), _part(frames, _EPOCH)
    if len(epoch) < _EPOCH.stop - _EPOCH.start:
        return None
    told = {"reason": "forbidden", "detail": reason, "retry_after_ms": RETRY_MS}
    header = Header(agent_id, int.from_bytes(epoch, "little"))
    return encode_message(Message.NACK, header, encode_map(told))


def _part(frames: Sequence[zmq.Frame], place: slice) -> bytes:
    return frames[_HEADER].bytes[place] if len(frames) > _HEADER + 1 else b""
