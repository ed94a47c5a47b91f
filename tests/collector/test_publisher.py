"""The viewers' socket publishes what is wanted and nothing that is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zmq
import zmq.asyncio

from llmmon_collector.publisher import Publisher


class Rig:
    def __init__(self, tmp_path: Path) -> None:
        self.endpoint = f"ipc://{tmp_path}/snapshots.sock"
        self.context = zmq.asyncio.Context()
        topics = ("snapshot.model", "snapshot.route", "tail.requests", "tail.logs")
        self.publisher = Publisher(self.context, self.endpoint, topics)
        self.publisher.start()

    def viewer(self, topic: bytes) -> zmq.asyncio.Socket:
        socket = self.context.socket(zmq.SUB)
        socket.setsockopt(zmq.LINGER, 0)
        socket.subscribe(topic)
        socket.connect(self.endpoint)
        return socket

    async def until(self, topic: str, wanted: bool) -> None:
        async with asyncio.timeout(5):
            while self.publisher.wants(topic) is not wanted:
                await asyncio.sleep(0.005)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.publisher.stop()
    rig.context.destroy(linger=0)


async def test_nothing_is_wanted_at_first(rig: Rig) -> None:
    assert not rig.publisher.wants("snapshot.model")


async def test_a_subscription_makes_a_topic_wanted_until_it_ends(rig: Rig) -> None:
    viewer = rig.viewer(b"snapshot.model")
    await rig.until("snapshot.model", wanted=True)
    assert not rig.publisher.wants("snapshot.route")
    viewer.close()
    await rig.until("snapshot.model", wanted=False)


async def test_a_subscriber_gets_its_topic_only(rig: Rig) -> None:
    viewer = rig.viewer(b"snapshot.model")
    await rig.until("snapshot.model", wanted=True)
    await rig.publisher.publish("snapshot.route", b"other")
    await rig.publisher.publish("snapshot.model", b"mine")
    assert await asyncio.wait_for(viewer.recv_multipart(), 5) == [b"snapshot.model", b"mine"]
    viewer.close()


@pytest.mark.parametrize("noise", [[b"hello", b"there"], [b"xsnapshot.model"], [b""]])
async def test_what_is_no_subscription_changes_none(rig: Rig, noise: list[bytes]) -> None:
    viewer = rig.viewer(b"snapshot.model")
    await rig.until("snapshot.model", wanted=True)
    noisy = rig.context.socket(zmq.XSUB)
    noisy.setsockopt(zmq.LINGER, 0)
    noisy.connect(rig.endpoint)
    await noisy.send_multipart(noise)
    await noisy.send(b"\x01tail.logs")
    await rig.until("tail.logs", wanted=True)
    assert rig.publisher.wants("snapshot.model")
    noisy.close()
    viewer.close()


async def test_subscriptions_to_what_is_never_published_leave_no_trace(rig: Rig) -> None:
    noisy = rig.context.socket(zmq.XSUB)
    noisy.setsockopt(zmq.LINGER, 0)
    noisy.connect(rig.endpoint)
    for number in range(500):
        await noisy.send(b"\x01snapshot.%d" % number)
    await noisy.send(b"\x01tail.")
    await rig.until("tail.logs", wanted=True)
    assert rig.publisher.subscriptions == 1
    noisy.close()


async def test_a_subscriber_that_never_reads_holds_up_nobody(rig: Rig) -> None:
    deaf, viewer = rig.viewer(b"tail."), rig.viewer(b"snapshot.")
    await rig.until("tail.requests", wanted=True)
    await rig.until("snapshot.model", wanted=True)
    for _ in range(5000):
        await rig.publisher.publish("tail.requests", bytes(10_000))
    await rig.publisher.publish("snapshot.model", b"still here")
    assert (await asyncio.wait_for(viewer.recv_multipart(), 5))[1] == b"still here"
    deaf.close()
    viewer.close()
