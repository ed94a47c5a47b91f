"""When streams are given up and when they are forgotten. Pure.

An agent that ended without a word may come back, or another process may send what it left in its
spool: it is waited for, and its batches told from repeats, for a week. Then what never came is
lost, by a goodbye that the collector writes to its journal on the agent's behalf, so that the store
books the same. A stream that has ended is forgotten after a day, all but its sums.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from llmmon.protocol.codec import encode_map
from llmmon.protocol.event import Heartbeat
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import Header, Message, encode_heartbeat, encode_message
from llmmon_collector.account import AGENT_GONE, FORGET_ENDED_S
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.stream import SECOND_NS, State, Stream, StreamId

GIVE_UP_S: Final = 7 * 86_400
"""Silence after which nobody waits for an agent any more."""

_FIRST_S: Final = 600
"""So long after the start agents may still be on their way back: none is given up."""
_NOTE_S: Final = 6 * 3600
"""How often the store hears of an agent that lives and has nothing to send."""


class Due(NamedTuple):
    """What the passage of time asks to be written to the journal."""

    notes: list[StreamId]
    """Streams whose last heartbeat should outlive a crash."""
    given_up: list[StreamId]
    """Streams that nobody waits for any more."""


def due(ledger: Ledger, mono_ns: int) -> Due:
    """What is to be written now, and booked when it is."""
    notes, gone = list[StreamId](), list[StreamId]()
    for stream_id, stream in ledger.streams.items():
        state = stream.state(mono_ns, ledger.opened_ns)
        if state is State.GONE:
            gone.append(stream_id)
        if stream.heartbeat is not None and _is_to_note(stream, state, mono_ns):
            notes.append(stream_id)
    gone.sort(key=lambda stream_id: ledger.streams[stream_id].heard_ns or ledger.opened_ns)
    pressed = _surplus(ledger)
    given_up = [
        stream_id
        for place, stream_id in enumerate(gone)
        if place < pressed or _is_hopeless(ledger, ledger.streams[stream_id], mono_ns)
    ]
    return Due(notes, given_up)


def forget(ledger: Ledger, mono_ns: int) -> None:
    """Drop streams that have ended for long, keeping their sums; where room is short, sooner."""
    ended = [key for key, stream in ledger.streams.items() if stream.ended]
    ended.sort(key=lambda key: ledger.streams[key].noted_ns)
    pressed = _surplus(ledger)
    for place, stream_id in enumerate(ended):
        age_ns = mono_ns - ledger.streams[stream_id].noted_ns
        if place < pressed or age_ns > FORGET_ENDED_S * SECOND_NS:
            ledger.drop(stream_id)
    if ledger.unproven >= ledger.max_unproven:
        _drop_unproven(ledger, mono_ns)


def _is_to_note(stream: Stream, state: State, mono_ns: int) -> bool:
    if not stream.is_proven or stream.parted:
        return False
    if state is State.GONE:
        return stream.emitted > max(stream.noted_emitted, stream.next_event)
    return mono_ns - stream.noted_ns > _NOTE_S * SECOND_NS


def _is_hopeless(ledger: Ledger, stream: Stream, mono_ns: int) -> bool:
    heard_ns = ledger.opened_ns if stream.heard_ns is None else stream.heard_ns
    silent = mono_ns - heard_ns > GIVE_UP_S * SECOND_NS
    return silent and mono_ns - ledger.opened_ns > _FIRST_S * SECOND_NS


def _is_gone(ledger: Ledger, stream: Stream, mono_ns: int) -> bool:
    return stream.state(mono_ns, ledger.opened_ns) is State.GONE


def _surplus(ledger: Ledger) -> int:
    """Streams to part with so that one place in twenty is free; none while there is room."""
    count = len(ledger.streams)
    return count - ledger.max_streams * 19 // 20 if count >= ledger.max_streams else 0


def _drop_unproven(ledger: Ledger, mono_ns: int) -> None:
    """Forget agents of which nothing is known but heartbeats or a goodbye, and those are over."""
    over = [
        key
        for key, stream in ledger.streams.items()
        if not stream.is_proven
        and (stream.ended if stream.parted else _is_gone(ledger, stream, mono_ns))
    ]
    for stream_id in over:
        ledger.drop(stream_id)


class GivenUp(NamedTuple):
    """A goodbye on behalf of an agent that nobody waits for any more."""

    header: Header
    claims: dict[str, int]
    body: bytes


def give_up(stream_id: StreamId, emitted: int, in_flight: int, wall_ns: int) -> GivenUp:
    """The goodbye of a stream of which ``in_flight`` events never came."""
    header = Header(*stream_id, first_event=emitted, wall_ns=wall_ns)
    claims = {AGENT_GONE: in_flight}
    frames = encode_message(Message.BYE, header, encode_map(claims))
    return GivenUp(header, claims, encode_body(wall_ns, frames))


def note(stream_id: StreamId, heartbeat: Heartbeat, wall_ns: int) -> bytes:
    """A stream's last heartbeat as a journal record's body."""
    header = Header(*stream_id, wall_ns=wall_ns)
    frames = encode_message(Message.HEARTBEAT, header, encode_heartbeat(heartbeat))
    return encode_body(wall_ns, frames)
