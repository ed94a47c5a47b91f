"""What each message of an agent means: judged, committed as a group, answered. No sockets here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from llmmon.errors import FrameError, ProtocolError, SchemaError, VersionError
from llmmon.protocol.codec import MAX_COUNT, encode_map
from llmmon.protocol.segment import encode_body
from llmmon.protocol.wire import (
    Batch,
    Envelope,
    Header,
    Message,
    decode_heartbeat,
    decode_message,
    encode_message,
)
from llmmon_collector.account import decode_claims
from llmmon_collector.clock import Clock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.expiry import due, forget, give_up, note
from llmmon_collector.intake.gate import Gate, Refusal
from llmmon_collector.intake.ledger import Group, Ledger, Verdict
from llmmon_collector.intake.reader import BatchReader
from llmmon_collector.intake.skew import skew_notices
from llmmon_collector.intake.stream import StreamId

_TEND_EVERY_NS: Final = 10 * 10**9
_NOBODY: Final = bytes(16)
_FROM_AGENTS: Final = frozenset(
    {Message.HELLO, Message.BATCH, Message.HEARTBEAT, Message.PING, Message.BYE}
)


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


class Terms(NamedTuple):
    """What agents are told, and held to."""

    name: str
    """The collector's."""
    gate: Gate


class _Entry(NamedTuple):
    """What is to be committed, and what is true once it is."""

    body: bytes
    book: Callable[[], None]
    batch: Batch | None = None


class _Work:
    """One group of messages on its way."""

    def __init__(self, ledger: Ledger, now_ns: int) -> None:
        self.now_ns = now_ns
        self.group = Group(ledger)
        self.entries: list[_Entry] = []
        self.peers: dict[StreamId, bytes] = {}
        """Who sent batches, and is told what is committed."""
        self.refused: dict[StreamId, Outgoing] = {}
        self.answers: list[Outgoing] = []


class Session:
    """Works through groups of messages: the intake without its socket."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Appender,
        dead: DeadLetters,
        clock: Clock,
        deliver: Callable[[list[Batch]], None],
        terms: Terms | None = None,
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._dead = dead
        self._clock = clock
        self._deliver = deliver
        self._terms = terms or Terms("", Gate(ledger))
        self._gate = self._terms.gate
        self._reader = BatchReader()
        self._tended_ns = clock.mono_ns()
        self._failure = ""

    @property
    def rejected(self) -> int:
        """Messages that could not be read, and batches that could not be decoded."""
        return self._dead.reasons.total()

    @property
    def problem(self) -> str:
        """Why nothing can be committed now; empty when it can."""
        return self._failure or self._gate.problem

    def notices(self) -> tuple[str, ...]:
        """Who has to wait, and whose clock is wrong, for people."""
        now_ns = self._clock.mono_ns()
        return (*self._gate.notices(now_ns), *skew_notices(self._ledger.skews(now_ns)))

    def work(self, incoming: Sequence[Incoming]) -> list[Outgoing]:
        """Commit the batches among ``incoming`` and answer everything that wants an answer.

        Batches are delivered after they are durable. When the journal fails, nothing of the group
        is acknowledged: its agents will send it again. To be called now and then with nothing.
        """
        work = _Work(self._ledger, self._clock.mono_ns())
        # before the group is judged: what is forgotten must not be what it builds on
        if work.now_ns - self._tended_ns >= _TEND_EVERY_NS:
            self._tend(work)
        for message in incoming:
            envelope = self._open(message, work)
            if envelope is not None:
                self._ledger.heard(envelope.header, work.now_ns)
                self._enter(message, envelope, work)
        if self._commit(work.entries):
            work.answers += [
                Outgoing(peer, self._state(Message.ACK, stream))
                for stream, peer in work.peers.items()
            ]
        for stream in work.refused:
            self._ledger.refused(stream)
        if work.entries:
            self._gate.worked(work.now_ns, self._clock.mono_ns() - work.now_ns)
        return [*work.answers, *work.refused.values()]

    def _open(self, message: Incoming, work: _Work) -> Envelope | None:
        try:
            envelope = decode_message(message.frames)
            _check(envelope)
        except VersionError as error:
            self._dead.refuse(error)
            nack = {"reason": "bad_version", "detail": str(error)}
            frames = encode_message(Message.NACK, Header(_NOBODY, 0), encode_map(nack))
            work.answers.append(Outgoing(message.peer, frames))
        except ProtocolError as error:
            self._dead.refuse(error)
            self._dead.add(b"".join(bytes(frame[:65_536]) for frame in message.frames[:4]))
        else:
            return envelope
        return None

    def _enter(self, message: Incoming, envelope: Envelope, work: _Work) -> None:
        header, peer = envelope.header, message.peer
        stream = StreamId(header.agent_id, header.epoch)
        try:
            match envelope.message:
                case Message.BATCH:
                    work.peers[stream] = peer
                    self._take(message, envelope, work)
                case Message.BYE:
                    self._part(message, envelope, work)
                case Message.HELLO:
                    work.answers.append(Outgoing(peer, self._state(Message.WELCOME, stream)))
                case Message.HEARTBEAT:
                    self._listen(envelope, work)
                    work.answers.append(Outgoing(peer, self._state(Message.PONG, stream)))
                case Message.PING:
                    work.answers.append(Outgoing(peer, self._state(Message.PONG, stream)))
        except SchemaError as error:
            self._dead.refuse(error)

    def _take(self, message: Incoming, envelope: Envelope, work: _Work) -> None:
        header = envelope.header
        stream = StreamId(header.agent_id, header.epoch)
        if stream in work.refused:
            return
        verdict = work.group.judge(header)
        if verdict is Verdict.DUPLICATE:
            self._ledger.duplicates += header.events
        if verdict is not Verdict.TAKE:
            return
        if refusal := self._gate.refuse(header, work.now_ns):
            work.refused[stream] = Outgoing(message.peer, _nack(header, refusal))
            return
        work.group.take(header)
        work.entries.append(self._read(message, envelope, work.now_ns))

    def _read(self, message: Incoming, envelope: Envelope, now_ns: int) -> _Entry:
        header = envelope.header
        wall_ns = self._clock.wall_ns()
        body = encode_body(wall_ns, list(message.frames))
        skew_ns = self._ledger.skew_ns(header, wall_ns, now_ns)
        try:
            batch = self._reader.read(envelope)
        except SchemaError as error:
            # poison is journalled too: what it cost must be known after a crash
            self._dead.refuse(error)
            self._dead.add(body)
            return _Entry(body, partial(self._ledger.poison, header, now_ns))
        book = partial(self._ledger.apply, header, batch.host, batch.lost, now_ns)
        return _Entry(body, book, batch._replace(skew_ns=skew_ns))

    def _part(self, message: Incoming, envelope: Envelope, work: _Work) -> None:
        header = envelope.header
        stream = StreamId(header.agent_id, header.epoch)
        claims = decode_claims(envelope.payload)
        account = self._ledger.streams.get(stream)
        if account is not None and account.knows(header.first_event, claims):
            return
        known = account is not None or stream in work.peers
        if known or (header.first_event and self._ledger.has_room(stream, proven=False)):
            body = encode_body(self._clock.wall_ns(), list(message.frames))
            book = partial(self._ledger.bye, header, claims, work.now_ns)
            work.entries.append(_Entry(body, book))

    def _listen(self, envelope: Envelope, work: _Work) -> None:
        self._ledger.heard(envelope.header, work.now_ns, decode_heartbeat(envelope.payload))
        self._ledger.skew_ns(envelope.header, self._clock.wall_ns(), work.now_ns)

    def _tend(self, work: _Work) -> None:
        """Once in ten seconds: look at the disk, note who is gone, forget who is over."""
        self._tended_ns = now_ns = work.now_ns
        self._gate.look(now_ns)
        self._gate.tidy(now_ns)
        forget(self._ledger, now_ns)
        notes, given_up = due(self._ledger, now_ns)
        wall_ns = self._clock.wall_ns()
        for stream_id in notes:
            heartbeat = self._ledger.streams[stream_id].heartbeat
            if heartbeat is not None:
                book = partial(self._ledger.noted, stream_id, now_ns)
                work.entries.append(_Entry(note(stream_id, heartbeat, wall_ns), book))
        for stream_id in given_up:
            stream = self._ledger.streams[stream_id]
            header, claims, body = give_up(stream_id, stream.emitted, stream.in_flight, wall_ns)
            book = partial(self._ledger.bye, header, claims, now_ns)
            work.entries.append(_Entry(body, book))

    def _commit(self, entries: Sequence[_Entry]) -> bool:
        if not entries:
            return True
        try:
            self._journal.append([entry.body for entry in entries])
        except OSError as error:
            why = error.strerror or str(error)
            self._failure = f"cannot write the journal, so agents keep their events: {why}"
            return False
        self._failure = ""
        for entry in entries:
            entry.book()
        if batches := [entry.batch for entry in entries if entry.batch is not None]:
            self._deliver(batches)
        return True

    def _state(self, message: Message, stream: StreamId) -> list[bytes]:
        now_ns = self._clock.wall_ns()
        header = Header(*stream, seq=self._ledger.last_seq(stream), wall_ns=now_ns)
        credit = self._gate.credit(stream.agent_id, self._clock.mono_ns())
        payload = {"credit": credit, "server_ns": now_ns, "name": self._terms.name}
        return encode_message(message, header, encode_map(payload))


def _check(envelope: Envelope) -> None:
    header = envelope.header
    if envelope.message not in _FROM_AGENTS:
        raise FrameError("a message that only a collector sends")
    if header.agent_id == _NOBODY or header.first_event + header.events > MAX_COUNT:
        raise FrameError("a header that no agent writes")


def _nack(header: Header, refusal: Refusal) -> list[bytes]:
    answer = Header(header.agent_id, header.epoch, seq=header.seq)
    return encode_message(
        Message.NACK, answer, encode_map({"reason": "throttle", **refusal._asdict()})
    )
