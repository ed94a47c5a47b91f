"""The three sockets together: bound all or none, one collector each, nothing lost on the way in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from support.frames import batch_frames, request_payload

from llmmon.errors import ConfigError
from llmmon.protocol import control, wire
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.event import Kind
from llmmon.protocol.wire import Batch, Message
from llmmon_collector.clock import SystemClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Session
from llmmon_collector.security.guard import Guard
from llmmon_collector.sockets import GROUPS_WAITING, SOON_S, TOGETHER, Handover, Sockets

ROW = {"start_ns": 1}


class Disk:
    def append(self, bodies: Sequence[bytes]) -> None:
        pass


def session(directory: Path, handover: Handover) -> Session:
    dead = DeadLetters(directory / "dead.seg")
    return Session(Ledger(), Disk(), dead, SystemClock(), handover.put)


class Rig:
    """Sockets at an address, with a method ``add``."""

    def __init__(self, address: Address, directory: Path) -> None:
        self.address = address
        self.taken: list[Batch] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.handover = Handover(self.taken.extend)
        self.sockets = Sockets(
            address,
            session(directory, self.handover),
            {"add": self._add},
            lambda part, error: self.failures.append((part, error)),
            Guard(None, directory, SystemClock()),
        )
        self.context = zmq.asyncio.Context()

    async def _add(self, one: int, two: int) -> int:
        return one + two

    def client(self, kind: int, endpoint: str) -> zmq.asyncio.Socket:
        socket = self.context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    async def close(self) -> None:
        self.context.destroy(linger=0)
        await self.sockets.stop_intake()
        self.handover.deliver()
        await self.sockets.stop()
        assert self.failures == []


def ipc(directory: Path) -> Address:
    return parse_address(f"ipc://{directory}/s")


def free_tcp() -> Address:
    """A loopback address whose three ports are free just now."""
    context = zmq.Context()
    while True:
        with context.socket(zmq.PUB) as first:
            port = first.bind_to_random_port("tcp://127.0.0.1", 20_000, 60_000)
        with suppress(zmq.ZMQError):
            for each in range(port, port + 3):
                with context.socket(zmq.PUB) as socket:
                    socket.bind(f"tcp://127.0.0.1:{each}")
            context.destroy(linger=0)
            return parse_address(f"tcp://127.0.0.1:{port}")


async def serves(rig: Rig) -> None:
    """Check all three sockets."""
    rig.sockets.start()
    agent = rig.client(zmq.DEALER, rig.address.ingest)
    await agent.send_multipart(batch_frames(1, [ROW, ROW]))
    answer = wire.decode_message(await asyncio.wait_for(agent.recv_multipart(), 5))
    assert (answer.message, answer.header.seq) == (Message.ACK, 1)
    tool = rig.client(zmq.DEALER, rig.address.control)
    await tool.send(control.encode_request(control.Request(4, "add", {"one": 1, "two": 2})))
    assert control.decode_reply(await asyncio.wait_for(tool.recv(), 5)) == (4, 3)
    viewer = rig.client(zmq.SUB, rig.address.snapshots)
    async with asyncio.timeout(5):
        while not rig.sockets.publisher.wants("snapshot.model"):
            await asyncio.sleep(0.005)
    await rig.sockets.publisher.publish("snapshot.model", b"picture")
    assert (await asyncio.wait_for(viewer.recv_multipart(), 5))[1] == b"picture"
    await rig.close()
    assert [batch.events for batch in rig.taken] == [2]


async def test_all_three_serve_over_ipc(tmp_path: Path) -> None:
    await serves(Rig(ipc(tmp_path), tmp_path))
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


async def test_all_three_serve_over_loopback(tmp_path: Path) -> None:
    await serves(Rig(free_tcp(), tmp_path))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "*", "collector.example"])
async def test_what_other_machines_can_reach_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Rig(parse_address(f"tcp://{host}:9461"), tmp_path)
    assert raised.value.key == "listen"
    for word in (host, "ipc://DIR", "tcp://127.0.0.1:PORT", "ssh -L"):
        assert word in str(raised.value)


async def test_a_second_collector_on_the_directory_is_refused(tmp_path: Path) -> None:
    rig = Rig(ipc(tmp_path), tmp_path)
    with pytest.raises(ConfigError, match=r"another collector \(pid \d+\) uses .*--listen"):
        Rig(ipc(tmp_path), tmp_path)
    await serves(rig)
    await serves(Rig(ipc(tmp_path), tmp_path))


async def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o755)
    with pytest.raises(ConfigError, match="listen: others can enter"):
        Rig(ipc(tmp_path), tmp_path)


@pytest.mark.parametrize("socket", ["ingest", "snapshots", "control"])
async def test_a_taken_port_is_told_and_the_others_are_let_go(tmp_path: Path, socket: str) -> None:
    address = free_tcp()
    context = zmq.Context()
    with context.socket(zmq.PUB) as taken:
        taken.bind(getattr(address, socket))
        with pytest.raises(ConfigError, match=r"cannot listen at tcp://.*in use.*--listen"):
            Rig(address, tmp_path)
    context.destroy(linger=0)
    await serves(Rig(address, tmp_path))


async def test_a_socket_that_cannot_be_bound_leaves_the_directory_free(tmp_path: Path) -> None:
    in_the_way = tmp_path / "s" / "control.sock"
    in_the_way.mkdir(parents=True)
    in_the_way.parent.chmod(0o700)
    with pytest.raises(ConfigError, match="cannot listen at ipc://"):
        Rig(ipc(tmp_path), tmp_path)
    in_the_way.rmdir()
    await serves(Rig(ipc(tmp_path), tmp_path))


async def test_what_arrived_before_the_stop_is_handed_over(tmp_path: Path) -> None:
    rig = Rig(ipc(tmp_path), tmp_path)
    rig.sockets.start()
    agent = rig.client(zmq.DEALER, rig.address.ingest)
    for seq in range(1, 101):
        await agent.send_multipart(batch_frames(seq, [ROW], first_event=seq - 1, base_seq=1))
    answer = wire.decode_message(await asyncio.wait_for(agent.recv_multipart(), 5))
    while answer.header.seq < 100:
        answer = wire.decode_message(await asyncio.wait_for(agent.recv_multipart(), 5))
    await rig.close()
    assert len(rig.taken) == 100


def numbered(n: int) -> list[Batch]:
    return [wire.decode_batch(request_payload([{"start_ns": n}]), 1)]


def number(batch: Batch) -> Any:
    (value,) = batch.tables[Kind.REQUEST].values("start_ns")
    return value


async def test_a_full_handover_makes_the_thread_wait_and_loses_nothing() -> None:
    taken: list[Batch] = []
    handover = Handover(taken.extend)
    handed = threading.Semaphore(0)

    def intake() -> None:
        for n in range(3 * GROUPS_WAITING):
            handover.put(numbered(n))
            handed.release()

    thread = threading.Thread(target=intake)
    thread.start()
    for _ in range(GROUPS_WAITING):
        assert handed.acquire(timeout=5)
    assert not handed.acquire(timeout=0.1)
    assert taken == []
    await asyncio.to_thread(thread.join)
    async with asyncio.timeout(5):
        while len(taken) < 3 * GROUPS_WAITING:
            await asyncio.sleep(0)
    assert [number(batch) for batch in taken] == list(range(3 * GROUPS_WAITING))


async def test_groups_are_taken_together_and_few_of_them_soon() -> None:
    taken: list[int] = []
    handover = Handover(lambda batches: taken.append(len(batches)))
    for n in range(3):
        handover.put(numbered(n) * 2)
    await asyncio.sleep(0)
    assert taken == []
    async with asyncio.timeout(5):
        while not taken:
            await asyncio.sleep(SOON_S / 10)
    assert taken == [6]


async def test_enough_batches_are_taken_at_once() -> None:
    taken: list[int] = []
    handover = Handover(lambda batches: taken.append(len(batches)))
    handover.put(numbered(1))
    handover.put(numbered(2) * TOGETHER)
    await asyncio.sleep(0)
    assert taken == [1 + TOGETHER]
    handover.deliver()
    assert taken == [1 + TOGETHER]


async def test_whoever_asks_for_delivery_has_all_that_was_put_in() -> None:
    taken: list[Batch] = []
    handover = Handover(taken.extend)
    for n in range(3):
        handover.put(numbered(n))
    handover.deliver()
    assert [number(batch) for batch in taken] == [0, 1, 2]


async def test_a_taker_that_fails_does_not_stop_the_intake() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def take(batches: list[Batch]) -> None:
        raise ZeroDivisionError

    handover = Handover(take)

    def intake() -> None:
        for n in range(2 * GROUPS_WAITING):
            handover.put(numbered(n))

    await asyncio.wait_for(asyncio.to_thread(intake), 10)
    handover.deliver()
    assert {type(context["exception"]) for context in told} == {ZeroDivisionError}


def test_a_loop_that_has_closed_does_not_hold_the_thread() -> None:
    taken: list[Batch] = []

    async def make() -> Handover:
        return Handover(taken.extend)

    handover = asyncio.run(make())
    for n in range(GROUPS_WAITING + 1):
        handover.put(numbered(n))
    assert taken == []
