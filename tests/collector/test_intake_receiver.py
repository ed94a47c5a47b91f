"""The intake thread on a real socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import pytest
import zmq
from support.frames import batch_frames, plain_frames

from llmmon.protocol import wire
from llmmon.protocol.wire import Batch, Envelope, Message
from llmmon_collector.clock import SystemClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.receiver import Receiver
from llmmon_collector.intake.session import Session

ROW = {"start_ns": 1, "latency_ms": 100.0}


class Disk:
    def __init__(self) -> None:
        self.groups: list[int] = []
        self.sync: Callable[[], None] = lambda: None

    def append(self, bodies: Sequence[bytes]) -> None:
        self.groups.append(len(bodies))
        self.sync()


class Rig:
    def __init__(self, tmp_path: Path) -> None:
        self.endpoint = f"ipc://{tmp_path}/ingest.sock"
        self.context = zmq.Context()
        self.disk = Disk()
        self.delivered: list[Batch] = []
        self.crashes: list[BaseException] = []
        self.ledger = Ledger()
        session = Session(
            self.ledger,
            self.disk,
            DeadLetters(tmp_path / "dead.seg"),
            SystemClock(),
            self.delivered.extend,
        )
        self.session = session
        self.receiver = Receiver(self.context, self.endpoint, session, self.crashes.append)

    def agent(self) -> zmq.Socket:
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.endpoint)
        return socket


def _answer(socket: zmq.Socket) -> Envelope:
    assert socket.poll(5000), "no answer within five seconds"
    return wire.decode_message(socket.recv_multipart())


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.receiver.stop()
    rig.context.destroy(linger=0)
    assert rig.crashes == []


def test_batches_are_acknowledged_over_the_socket(rig: Rig) -> None:
    rig.receiver.start()
    with rig.agent() as agent:
        for seq in (1, 2, 3):
            agent.send_multipart(batch_frames(seq, [ROW], first_event=seq - 1, base_seq=1))
        ack = _answer(agent)
        while ack.header.seq < 3:
            ack = _answer(agent)
    assert ack.message is Message.ACK
    assert rig.ledger.totals(0).stored == 3


def test_two_agents_get_their_own_answers(rig: Rig) -> None:
    rig.receiver.start()
    with rig.agent() as one, rig.agent() as two:
        one.send_multipart(plain_frames(Message.HELLO))
        two.send_multipart(batch_frames(1, [ROW], agent=b"agent-number-two"))
        assert _answer(one).message is Message.WELCOME
        assert _answer(two).header.agent_id == b"agent-number-two"


def test_garbage_harms_nobody(rig: Rig) -> None:
    rig.receiver.start()
    with rig.agent() as agent:
        for garbage in ([b""], [b"x"] * 50, [b"B", b"\1" * 70, b"", b"\0\0\0\0"]):
            agent.send_multipart(garbage)
        agent.send_multipart(plain_frames(Message.PING))
        assert _answer(agent).message is Message.PONG
    assert rig.session.rejected == 3


def test_what_arrived_before_the_stop_is_committed(rig: Rig) -> None:
    with rig.agent() as agent:
        agent.send_multipart(batch_frames(1, [ROW]))
        rig.receiver.start()
        assert _answer(agent).header.seq == 1
        rig.receiver.stop()
    assert rig.disk.groups == [1]


def test_an_agent_that_never_pauses_does_not_put_off_the_stop(rig: Rig) -> None:
    numbers = count(1)

    def send_more() -> None:
        for seq in islice(numbers, 100):
            agent.send_multipart(batch_frames(seq, [ROW], first_event=seq - 1, base_seq=1))

    def sync_slowly() -> None:
        send_more()
        time.sleep(0.02)

    with rig.agent() as agent, agent.get_monitor_socket(zmq.EVENT_DISCONNECTED) as parted:
        send_more()
        rig.disk.sync = sync_slowly
        rig.receiver.start()
        assert _answer(agent).message is Message.ACK
        stopping = threading.Thread(target=rig.receiver.stop)
        stopping.start()
        stopping.join(10)
        stopped = not stopping.is_alive()
        rig.disk.sync = lambda: None
        stopping.join()
        # libzmq 4.3.5 aborts when both ends of a pipe close in the middle of a message
        assert parted.poll(5000)
        agent.disable_monitor()
    assert stopped
