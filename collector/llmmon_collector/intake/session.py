"""What each message of an agent means: judged, committed as a group, answered. No sockets here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from llmmon.errors import ProtocolError, SchemaError, VersionError
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import (
    Batch,
    Envelope,
    Header,
    Message,
    decode_batch,
    decode_heartbeat,
    decode_map,
    decode_message,
    decode_series,
    encode_map,
    encode_message,
)
from llmmon_collector.clock import Clock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Group, Ledger, StreamId, Verdict

CREDIT: Final = 64
"""Batches an agent may have unacknowledged."""

_REMEMBERED: Final = 100_000


class Appender(Protocol):
    """What makes bodies durable; the journal is one."""

    def append(self, bodies: Sequence[bytes]) -> object:
        """Return only when ``bodies`` are on disk.

        Raises:
            OSError: none of them is.
        """
        ...


class Incoming(NamedTuple):
    """One multipart message: who sent it, and its frames."""

    peer: bytes
    frames: Sequence[bytes]


class Outgoing(NamedTuple):
    """One answer."""

    peer: bytes
    frames: list[bytes]


class _Taken(NamedTuple):
    header: Header
    batch: Batch | None
    body: bytes


class Session:
    """Works through groups of messages: the intake without its socket."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Appender,
        dead: DeadLetters,
        clock: Clock,
        deliver: Callable[[list[Batch]], None],
        name: str = "",
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._dead = dead
        self._clock = clock
        self._deliver = deliver
        self._name = name
        self.rejected = 0
        """Messages that could not be read, and batches that could not be decoded."""
        self._sound_series: set[bytes] = set()
        self.problem = ""
        """Why the last group could not be committed; empty when it was."""

    def work(self, incoming: Sequence[Incoming]) -> list[Outgoing]:
        """Commit the batches among ``incoming`` and answer everything that wants an answer.

        Batches are delivered after they are durable. When the journal fails, nothing of the group
        is acknowledged: its agents will send it again.
        """
        group, taken = Group(self._ledger), list[_Taken]()
        peers: dict[StreamId, bytes] = {}
        answers: list[Outgoing] = []
        goodbyes: list[Envelope] = []
        for message in incoming:
            envelope = self._open(message, answers)
            if envelope is None:
                continue
            self._ledger.heard(envelope.header, self._clock.mono_ns())
            if envelope.message is Message.BATCH:
                peers[StreamId(envelope.header.agent_id, envelope.header.epoch)] = message.peer
                self._take(group, message, envelope, taken)
            elif envelope.message is Message.BYE:
                goodbyes.append(envelope)
            else:
                self._answer(message.peer, envelope, answers)
        if self._commit(taken):
            answers += [
                Outgoing(peer, self._state(Message.ACK, stream)) for stream, peer in peers.items()
            ]
        # what an agent emitted and did not send is lost: known once its last batches are booked
        for goodbye in goodbyes:
            self._part(goodbye)
        return answers

    def _open(self, message: Incoming, answers: list[Outgoing]) -> Envelope | None:
        try:
            return decode_message(message.frames)
        except VersionError as error:
            nack = {"reason": "bad_version", "detail": str(error)}
            header = Header(bytes(16), 0)
            answers.append(
                Outgoing(message.peer, encode_message(Message.NACK, header, encode_map(nack)))
            )
        except ProtocolError:
            self._dead.add(b"".join(bytes(frame[:65_536]) for frame in message.frames[:4]))
        self.rejected += 1
        return None

    def _take(
        self, group: Group, message: Incoming, envelope: Envelope, taken: list[_Taken]
    ) -> None:
        header = envelope.header
        verdict = group.judge(header)
        if verdict is Verdict.DUPLICATE:
            self._ledger.duplicates += header.events
        if verdict is not Verdict.TAKE:
            return
        body = encode_body(self._clock.wall_ns(), list(message.frames))
        try:
            batch = decode_batch(envelope.payload, header.events)
            self._check_series(batch.series)
        except SchemaError:
            self.rejected += 1
            self._dead.add(body)
            taken.append(_Taken(header, None, body))
        else:
            taken.append(_Taken(header, batch, body))

    def _check_series(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            if key not in self._sound_series:
                decode_series(key)
                if len(self._sound_series) < _REMEMBERED:
                    self._sound_series.add(key)

    def _commit(self, taken: Sequence[_Taken]) -> bool:
        # poison is journalled too: what it cost must be known after a crash
        batches = [item.batch for item in taken if item.batch is not None]
        if taken:
            try:
                self._journal.append([item.body for item in taken])
            except OSError as error:
                self.problem = f"cannot write the journal: {error}"
                return False
            self.problem = ""
        for item in taken:
            if item.batch is None:
                self._ledger.poison(item.header)
            else:
                self._ledger.apply(item.header, item.batch.host, item.batch.lost)
        if batches:
            self._deliver(batches)
        return True

    def _answer(self, peer: bytes, envelope: Envelope, answers: list[Outgoing]) -> None:
        stream = StreamId(envelope.header.agent_id, envelope.header.epoch)
        try:
            match envelope.message:
                case Message.HELLO:
                    answers.append(Outgoing(peer, self._state(Message.WELCOME, stream)))
                case Message.HEARTBEAT:
                    heartbeat = decode_heartbeat(envelope.payload)
                    self._ledger.heard(envelope.header, self._clock.mono_ns(), heartbeat)
                    answers.append(Outgoing(peer, self._state(Message.PONG, stream)))
                case Message.PING:
                    answers.append(Outgoing(peer, self._state(Message.PONG, stream)))
        except SchemaError:
            self.rejected += 1

    def _part(self, goodbye: Envelope) -> None:
        try:
            self._ledger.bye(goodbye.header, _claims(decode_map(goodbye.payload)))
        except SchemaError:
            self.rejected += 1

    def _state(self, message: Message, stream: StreamId) -> list[bytes]:
        now_ns = self._clock.wall_ns()
        header = Header(*stream, seq=self._ledger.last_seq(stream), wall_ns=now_ns)
        payload = {"credit": CREDIT, "server_ns": now_ns, "name": self._name}
        return encode_message(message, header, encode_map(payload))


def _claims(values: Mapping[str, object]) -> dict[str, int]:
    return {name: count for name, count in values.items() if isinstance(count, int) and count >= 0}
